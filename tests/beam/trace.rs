//! What was seen of a scenario, in a form that does not depend on what neither side decides.
//!
//! What one process sends to another arrives in order, and that is all the order there is: signals
//! of two senders that were on their way in the same step come in any order, and whether a process
//! still sees the one before it ends by the other is a race. So, within a step:
//!
//! - what has happened is told process by process;
//! - the system's messages that a server has handled one after the other, and the messages of a
//!   mailbox that was emptied, are told sender by sender;
//! - the messages that a server has handled in the step in which it ended do not count, nor does
//!   the result of an actor that ended in the step.
//!
//! The children of a supervisor are an exception: it starts and stops them one after the other, in
//! an order that is a promise, so they have one order for all of them. But not if it was killed, as
//! each then hears of it by itself; nor if it is a `simple_one_for_one`, which stops all at once.
//! By the convention of the scripts the children of supervisor 3 are 30 to 39, and 8 and 9 are the
//! supervisors without an order.
//!
//! Nor does `which_children` of a `simple_one_for_one` promise an order.
//!
//! How a process looks is told when it has changed.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use crate::differences::{Side, as_here};

/// The lines of a trace in the form that is compared.
pub(crate) fn normal_form(raw: &str, side: Side) -> Vec<String> {
    let mut states = HashMap::new();
    let mut lines = Vec::new();
    let mut step = Step::default();
    for line in raw.lines().map(|line| as_here(line, side)) {
        if line.starts_with("step ") {
            step.tell(&mut states, &mut lines);
            step = Step { header: line, ..Step::default() };
        } else {
            step.add(&line);
        }
    }
    step.tell(&mut states, &mut lines);
    lines
}

/// The events of one step.
#[derive(Debug, Default)]
struct Step {
    header: String,
    other: Vec<String>,
    results: BTreeSet<(String, String)>,
    /// In the order in which they came.
    events: Vec<(String, String)>,
    ended: BTreeMap<String, String>,
    states: BTreeMap<String, String>,
}

impl Step {
    fn add(&mut self, line: &str) {
        let mut words = line.splitn(3, ' ');
        let mut word = || words.next().unwrap_or_default().to_owned();
        let (kind, process, rest) = (word(), word(), word());
        match kind.as_str() {
            "result" if process.starts_with('p') => {
                self.results.insert((process, by_sender(&rest)));
            }
            "event" => self.events.push((process, rest)),
            "ended" => _ = self.ended.insert(process, rest),
            "state" => _ = self.states.insert(process, rest),
            _ => self.other.push(line.to_owned()),
        }
    }

    /// Adds the step to `lines`.
    fn tell(self, before: &mut HashMap<String, String>, lines: &mut Vec<String>) {
        let families = self.families();
        let Step { header, other, results, ended, states, .. } = self;
        lines.push(header);
        lines.extend(other);
        let results = results.into_iter().filter(|(process, _)| !ended.contains_key(process));
        lines.extend(results.map(|(process, result)| format!("  {process} has {result}")));
        for events in families.into_values() {
            lines.extend(events.iter().map(|(process, event)| format!("  {process} {event}")));
        }
        lines.extend(ended.iter().map(|(process, reason)| format!("  {process} ended: {reason}")));
        for (process, state) in states {
            if before.get(&process) != Some(&state) {
                lines.push(format!("  {process}: {state}"));
                before.insert(process, state);
            }
        }
    }

    /// The events, as far as they have an order, by whose it is.
    fn families(&self) -> BTreeMap<String, Vec<(String, String)>> {
        let mut families: BTreeMap<String, Vec<(String, String)>> = BTreeMap::new();
        for (process, event) in &self.events {
            let is_race = is_of_the_system(event) && self.ended.contains_key(process);
            if !is_race {
                let events = families.entry(self.family(process)).or_default();
                events.push((process.clone(), event.clone()));
            }
        }
        families.values_mut().for_each(|events| sort_by_sender(events));
        families
    }

    /// The supervisor whose children have an order; or the process itself.
    fn family(&self, process: &str) -> String {
        let index = index_of(process);
        let supervisor = &index[..index.len() - 1];
        let killed =
            |process: &String| index_of(process) == supervisor && self.ended[process] == "killed";
        let is_ordered = !matches!(supervisor, "p" | "p8" | "p9");
        if is_ordered && !self.ended.keys().any(killed) {
            format!("children of {supervisor}")
        } else {
            process.to_owned()
        }
    }
}

/// Returns the name of a process without the number of its life.
fn index_of(process: &str) -> &str {
    process.split('#').next().unwrap_or_default()
}

/// Whether the event is a message that one process sends to many at once.
fn is_of_the_system(event: &str) -> bool {
    event.starts_with("info exit ") || sender(event.trim_start_matches("info ")).contains("down")
}

/// Sorts what the system has sent and was handled without anything else in between.
fn sort_by_sender(events: &mut [(String, String)]) {
    for run in events.chunk_by_mut(|one, other| {
        one.0 == other.0 && is_of_the_system(&one.1) && is_of_the_system(&other.1)
    }) {
        run.sort_by_key(|(_, event)| sender(event.trim_start_matches("info ")));
    }
}

/// Whom a message is from, and what it is, as far as one and the same sends several in order.
fn sender(message: &str) -> String {
    let words: Vec<&str> = message.split(' ').collect();
    match *words.as_slice() {
        ["tag", _, "from", from] => from.to_owned(),
        ["exit", from, _] => format!("exit {from}"),
        ["down" | "tagged-down", monitor, ..] => format!("down {monitor}"),
        ["timeout", timer, _] => format!("timeout {timer}"),
        _ => String::new(),
    }
}

/// The messages of each mailbox that was emptied, sorted by their senders; and children without an
/// order sorted.
fn by_sender(results: &str) -> String {
    if let Some(children) = results.strip_prefix("children template") {
        let mut children: Vec<&str> = children.split(" template").collect();
        children.sort_unstable();
        return format!("children template{}", children.join(" template"));
    }
    let results = results.split(" ; ").map(|result| match result.strip_prefix("drained (") {
        None => result.to_owned(),
        Some(messages) => {
            let mut messages: Vec<&str> = messages.trim_end_matches(')').split(") (").collect();
            messages.sort_by_key(|message| sender(message));
            format!("drained ({})", messages.join(") ("))
        }
    });
    results.collect::<Vec<_>>().join(" ; ")
}

mod the_normal_form {
    use super::*;

    fn of(raw: &str) -> Vec<String> {
        normal_form(raw, Side::Here)
    }

    #[test]
    fn has_messages_sender_by_sender_in_their_order() {
        let one = "result p0 drained (tag 1 from p1) (exit p2 oops) (tag 2 from p1)";
        let other = "result p0 drained (exit p2 oops) (tag 1 from p1) (tag 2 from p1)";
        let swapped = "result p0 drained (exit p2 oops) (tag 2 from p1) (tag 1 from p1)";
        assert_eq!(of(one), of(other));
        assert_ne!(of(one), of(swapped));
    }

    #[test]
    fn has_what_happens_process_by_process() {
        assert_eq!(of("event p1 init\nevent p2 init"), of("event p2 init\nevent p1 init"));
        assert_ne!(of("event p1 init\nevent p1 call"), of("event p1 call\nevent p1 init"));
    }

    #[test]
    fn has_the_children_of_a_supervisor_in_their_order() {
        let (one, other) = ("event p30 init\nevent p31 init", "event p31 init\nevent p30 init");
        assert_ne!(of(one), of(other));
        let killed = "\nended p3 killed";
        assert_eq!(of(&(one.to_owned() + killed)), of(&(other.to_owned() + killed)));
    }

    #[test]
    fn has_no_race_between_a_message_and_the_end() {
        assert_eq!(of("event p1 info exit p2 oops\nended p1 oops"), of("ended p1 oops"));
    }
}
