//! Prints what was measured: a section for each subject, or as Markdown with a column for each.

use std::fmt::Write;
use std::fs;
use std::process::Command;
use std::thread;

use crate::arguments::Arguments;
use crate::machine;
use crate::peers::{Entry, OURS};
use crate::runs::Figures;
use crate::subject::Subject;

/// The table, with where and when it was measured above it.
pub(crate) fn print(arguments: &Arguments, figures: &Figures) -> String {
    let mut text = format!("{}\n\n", circumstances(arguments));
    if arguments.markdown {
        print_markdown(&mut text, arguments, figures);
    } else {
        print_plain(&mut text, arguments, figures);
    }
    text
}

fn print_plain(text: &mut String, arguments: &Arguments, figures: &Figures) {
    let mut line = |cells: [&str; 4]| {
        let [name, median, spread, ratio] = cells;
        let row = format!("{name:32}{median:>10}{spread:>22}{ratio:>10}");
        text.push_str(row.trim_end());
        text.push('\n');
    };
    for &subject in &arguments.subjects {
        line([subject.title(), if subject.is_time() { "ns" } else { "KB" }, "min..max", "to ours"]);
        for peer in &figures.peers {
            match Cell::of(figures, *peer, subject) {
                Some(Cell { median, spread, ratio }) => {
                    line([&full_name(*peer), &median, &spread, &ratio]);
                }
                None => line([&full_name(*peer), "-", "", ""]),
            }
        }
        line([""; 4]);
    }
}

/// The table, and below it what its columns say.
fn print_markdown(text: &mut String, arguments: &Arguments, figures: &Figures) {
    let mut line = |first: &str, cells: Vec<String>| {
        writeln!(text, "| {first} | {} |", cells.join(" | ")).expect("a string takes it all");
    };
    let subjects = &arguments.subjects;
    line("", subjects.iter().map(|subject| subject.title().to_owned()).collect());
    line("---", subjects.iter().map(|_| "---:".to_owned()).collect());
    for peer in &figures.peers {
        let cells = subjects.iter().map(|subject| match Cell::of(figures, *peer, *subject) {
            Some(Cell { median, spread, ratio }) => {
                format!("**{median}** {ratio}<br><sub>{spread}</sub>")
            }
            None => "-".to_owned(),
        });
        line(&full_name(*peer), cells.collect());
    }
    for subject in subjects {
        write!(text, "\n- **{}**: {}.", subject.title(), subject.explanation())
            .expect("a string takes it all");
    }
    text.push('\n');
}

fn full_name(peer: Entry) -> String {
    let version = (peer.version)().unwrap_or_default();
    format!("{} {version}", peer.title).trim().to_owned()
}

/// What is printed of a peer and a subject.
struct Cell {
    median: String,
    spread: String,
    /// How often ours goes into it.
    ratio: String,
}

impl Cell {
    fn of(figures: &Figures, peer: Entry, subject: Subject) -> Option<Cell> {
        let values = figures.of(peer, subject)?;
        let median = median(values);
        let spread = format!("{}..{}", print_value(values[0]), print_value(*values.last()?));
        let ratio = match figures.of(OURS, subject) {
            Some(ours) => print_ratio(median / self::median(ours)),
            None => String::new(),
        };
        Some(Cell { median: print_value(median), spread, ratio })
    }
}

/// The one in the middle of those in order.
fn median(values: &[f64]) -> f64 {
    values[values.len() / 2]
}

/// With thousands set apart, and a digit after the point if there are few before it.
fn print_value(value: f64) -> String {
    if value < 99.95 {
        return format!("{value:.1}");
    }
    let digits = format!("{value:.0}");
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index) % 3 == 0 {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

fn print_ratio(ratio: f64) -> String {
    match ratio {
        0.0..0.1 => format!("{ratio:.3}x"),
        0.1..10.0 => format!("{ratio:.2}x"),
        _ => format!("{ratio:.0}x"),
    }
}

fn circumstances(arguments: &Arguments) -> String {
    let date = Command::new("date").args(["-u", "+%Y-%m-%d"]).output();
    let date = date.map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned());
    let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    let processor = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = processor.lines().find_map(|line| line.strip_prefix("model name"));
    let model = model.unwrap_or("").trim_start_matches([' ', '\t', ':']);
    let cores = thread::available_parallelism().map_or(0, Into::into);
    format!(
        "{}, {cores} cores of {model}, Linux {}.\n{}\n\
         Medians of {} runs in nanoseconds, memory in KB; the least and the most;\n\
         the ratio to procession's (above 1: procession is faster, or smaller).",
        date.unwrap_or_default(),
        kernel.trim(),
        machine::describe(),
        arguments.rounds,
    )
}
