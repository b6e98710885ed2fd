//! What a process is made of, line by line.

use std::fmt::Display;

use super::super::ProcessInfo;
use super::ask::Answer;
use super::text::lines;
use crate::line_text::clean;
use crate::process::Info;
use crate::sys::Status;
use crate::user_code::displayed;

/// How much of a printed state is shown, in characters.
const STATE: usize = 20_000;

/// How many of a list are shown.
const LISTED: usize = 100;

/// What is known of the status of a process.
#[derive(Debug)]
pub(super) enum Told {
    /// It was not asked.
    Nothing,
    Asked,
    Is(Answer),
}

/// A text with the word that stands before it, in lines of a width.
struct Lines {
    lines: Vec<String>,
    width: usize,
}

impl Lines {
    fn add(&mut self, word: &str, text: impl Display) {
        let text = clean(&displayed(&text));
        self.add_pieces(word, &text);
    }

    /// Continues below itself.
    fn add_pieces(&mut self, word: &str, text: &str) {
        let room = self.width.saturating_sub(17).max(20);
        for (index, piece) in lines(text, room).enumerate() {
            let word = if index == 0 { word } else { "" };
            self.lines.push(format!("{word:<16} {piece}"));
        }
    }

    fn add_if_any(&mut self, word: &str, text: Option<impl Display>) {
        if let Some(text) = text {
            self.add(word, text);
        }
    }

    fn add_list<T: Display>(&mut self, word: &str, all: &[T]) {
        if all.is_empty() {
            return;
        }
        let mut text: Vec<String> = all.iter().take(LISTED).map(displayed).collect();
        if all.len() > LISTED {
            text.push(format!("and {} more", all.len() - LISTED));
        }
        self.add(&format!("{word} {}", all.len()), text.join(" "));
    }
}

/// Returns the lines of a process.
pub(super) fn details(
    process: &ProcessInfo,
    has_ended: bool,
    told: &Told,
    width: usize,
) -> Vec<String> {
    let mut lines = Lines { lines: Vec::new(), width };
    if has_ended {
        lines.add("state", "it has ended; this is what it was");
    }
    add_info(&mut lines, &process.info);
    lines.add_if_any("application", process.application.as_ref());
    lines.add_if_any("processor time", process.cpu_time.map(|time| format!("{time:.1?}")));
    lines.add_if_any("stack", process.stack.map(|bytes| format!("{} KiB", bytes / 1024)));
    lines.lines.push(String::new());
    match told {
        Told::Nothing => lines.add("sys status", "not asked for: press a"),
        Told::Asked => lines.add("sys status", "it is asked ..."),
        Told::Is(Answer::Status(Ok(status))) => add_status(&mut lines, status),
        Told::Is(Answer::Status(Err(error))) => lines.add("sys status", error),
        Told::Is(Answer::Failed(_, error)) => lines.add("sys status", error),
        Told::Is(Answer::Done(_, _)) => {}
    }
    lines.lines
}

fn add_info(lines: &mut Lines, info: &Info) {
    lines.add_if_any("name", info.any_name());
    lines.add_if_any("label", info.label.as_ref());
    lines.add_if_any("started as", info.initial_call);
    let waits_for = info.waits_for.as_ref().map_or(String::new(), |it| format!(", for: {it}"));
    lines.add("status", format!("{:?}{waits_for}", info.status));
    lines.add("age", format!("{:.1?}", info.age));
    let capacity = match info.mailbox_capacity {
        Some((capacity, overflow)) => format!(", room for {capacity}, {overflow:?}"),
        None => String::new(),
    };
    lines.add("messages", format!("{} in its mailbox{capacity}", info.message_queue_len));
    let counts = [
        ("received", info.messages_received),
        ("dropped", info.messages_dropped),
        ("refused", info.messages_refused),
    ];
    let counts = counts.map(|(word, count)| format!("{count} {word}"));
    lines.add("", counts.join(", "));
    lines.add("traps exits", if info.trap_exit { "yes" } else { "no" });
    lines.add_if_any("thread", info.thread_id);
    if info.foreign {
        lines.add("", "a thread of the program's own");
    }
    lines.add_list("ancestors", &info.ancestors);
    lines.add_list("links", &info.links);
    lines.add_list("monitors", &info.monitors);
    lines.add_list("monitored by", &info.monitored_by);
}

fn add_status(lines: &mut Lines, status: &Status) {
    lines.add("sys status", format!("{:?}", status.mode).to_lowercase());
    lines.add("module", status.module);
    lines.add_list("debugging", &status.debug);
    if let Some(machine) = &status.machine {
        lines.add("machine", format!("{machine:?}"));
    }
    for (key, value) in status.dictionary.iter().take(LISTED) {
        lines.add("dictionary", format!("{key} => {value}"));
    }
    let state: String = status.state.chars().take(STATE).collect();
    for (index, line) in state.lines().enumerate() {
        lines.add(if index == 0 { "its state" } else { "" }, line);
    }
    if state.len() < status.state.len() {
        lines.add("", "...");
    }
}
