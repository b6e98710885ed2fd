//! The text format of Prometheus: families of series, as a value and as a text.

use std::collections::BTreeMap;
use std::fmt;
use std::fmt::{Display, Write};

/// What the values of a family are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// A number that only grows, until it starts again at zero.
    Counter,
    Gauge,
}

/// The labels of a series: names and values.
pub(super) type Labels = Vec<(&'static str, String)>;

/// A metric: its series, by their labels.
#[derive(Debug)]
pub(super) struct Family {
    name: &'static str,
    help: &'static str,
    kind: Kind,
    /// Two series with the same labels would be an error: their values are added.
    series: BTreeMap<Labels, f64>,
}

impl Family {
    /// A counter, by its name, else a gauge.
    pub(super) fn new(name: &'static str, help: &'static str) -> Family {
        let kind = if name.ends_with("_total") { Kind::Counter } else { Kind::Gauge };
        Family { name, help, kind, series: BTreeMap::new() }
    }

    /// Returns the family with one series, which has no labels.
    pub(super) fn of(self, value: f64) -> Family {
        self.with([(Labels::new(), value)])
    }

    /// Returns the family with these series, too.
    pub(super) fn with(mut self, series: impl IntoIterator<Item = (Labels, f64)>) -> Family {
        for (labels, value) in series {
            *self.series.entry(labels).or_default() += value;
        }
        self
    }

    /// Keeps the first `limit` series in the order of their labels, and returns how many others
    /// there were.
    pub(super) fn limit(&mut self, limit: usize) -> usize {
        let left_out = self.series.len().saturating_sub(limit);
        if let Some(first) = self.series.keys().nth(limit).cloned() {
            drop(self.series.split_off(&first));
        }
        left_out
    }
}

impl Display for Family {
    /// Prints nothing of a family without series.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.series.is_empty() {
            return Ok(());
        }
        let kind = match self.kind {
            Kind::Counter => "counter",
            Kind::Gauge => "gauge",
        };
        writeln!(f, "# HELP {} {}", self.name, self.help)?;
        writeln!(f, "# TYPE {} {kind}", self.name)?;
        for (labels, value) in &self.series {
            f.write_str(self.name)?;
            for (index, (name, value)) in labels.iter().enumerate() {
                write!(f, "{}{name}=\"", if index == 0 { '{' } else { ',' })?;
                write_escaped(f, value)?;
                f.write_char('"')?;
            }
            writeln!(f, "{} {value}", if labels.is_empty() { "" } else { "}" })?;
        }
        Ok(())
    }
}

/// Writes the value of a label, in which three characters are spelt in another way. Prometheus
/// takes no NUL, and drops all that was exposed for it.
fn write_escaped(f: &mut fmt::Formatter<'_>, value: &str) -> fmt::Result {
    value.chars().try_for_each(|c| match c {
        '\\' => f.write_str(r"\\"),
        '"' => f.write_str("\\\""),
        '\n' => f.write_str(r"\n"),
        '\0' => f.write_char(char::REPLACEMENT_CHARACTER),
        c => f.write_char(c),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(family: Family) -> String {
        let text = family.to_string();
        text.lines().skip(2).map(|line| format!("{line}\n")).collect()
    }

    #[test]
    fn a_family_has_its_kind_by_its_name_and_no_text_without_series() {
        let text = Family::new("up_total", "How often.").of(3.0).to_string();
        assert_eq!(text, "# HELP up_total How often.\n# TYPE up_total counter\nup_total 3\n");
        let text = Family::new("up", "How much.").of(0.000_001_5).to_string();
        assert_eq!(text, "# HELP up How much.\n# TYPE up gauge\nup 0.0000015\n");
        assert_eq!(Family::new("up", "How much.").to_string(), "");
    }

    #[test]
    fn labels_of_any_text_stay_on_their_line_and_in_their_quotes() {
        for (text, escaped) in [
            ("plain", "plain"),
            ("", ""),
            ("a\"b", r#"a\"b"#),
            ("a\\", r"a\\"),
            ("a\\nb\nc", r"a\\nb\nc"),
            ("\"} 7\nup 1", r#"\"} 7\nup 1"#),
            ("größe 名 {}=,", "größe 名 {}=,"),
            ("a\0\u{1}b", "a\u{fffd}\u{1}b"),
        ] {
            let labels = vec![("name", text.to_owned()), ("of", "x".to_owned())];
            let expected = format!("up{{name=\"{escaped}\",of=\"x\"}} 1\n");
            assert_eq!(rows(Family::new("up", "").with([(labels, 1.0)])), expected);
        }
    }

    #[test]
    fn series_with_the_same_labels_are_one_and_those_over_the_limit_are_counted() {
        let series = ["b", "a", "c", "b"].map(|name| (vec![("name", name.to_owned())], 1.0));
        let mut family = Family::new("up", "").with(series);
        assert_eq!(family.limit(3), 0);
        assert_eq!(family.limit(2), 1);
        assert_eq!(rows(family), "up{name=\"a\"} 1\nup{name=\"b\"} 2\n");
    }
}
