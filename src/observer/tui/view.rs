//! The view as a value: snapshots, keys and answers come in, and a frame goes out.

use super::super::{ProcessInfo, Snapshot};
use super::ask::{self, Answer, Answered};
use super::details::{Told, details};
use super::forest;
use super::key::Key;
use super::rows::{Counts, Order, Row, rows, sort};
use crate::id::Pid;
use crate::line_text::clean;

/// What a key asks the program for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Act {
    Quit,
    /// Look at the program at once.
    Look,
    /// Draw the whole screen.
    Redraw,
    Ask(ask::Order, Pid),
}

/// What is shown.
#[derive(Debug)]
pub(super) enum Page {
    Processes,
    Trees,
    /// A process, the last of it that was seen, whether it has ended, and what it has told.
    Details {
        process: Box<ProcessInfo>,
        has_ended: bool,
        told: Told,
    },
}

/// What the last line asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Prompt {
    None,
    /// A text to filter by, and what it was before.
    Filter(String),
    /// Whether this is to be done.
    Confirm(ask::Order, Pid),
    /// Nothing: the keys are explained.
    Help,
}

/// A line that can be chosen.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) pid: Option<Pid>,
    pub(super) text: String,
}

#[derive(Debug)]
pub(super) struct View {
    /// The process that shows it.
    me: Pid,
    pub(super) snapshot: Option<Snapshot>,
    counts: Option<Counts>,
    pub(super) rows: Vec<Row>,
    pub(super) order: Order,
    /// In small letters.
    pub(super) filter: String,
    pub(super) page: Page,
    /// Whether the details were opened from the trees.
    from_trees: bool,
    pub(super) prompt: Prompt,
    /// The process that is chosen, and where its line was: the next one is there when it ends.
    pub(super) chosen: Option<Pid>,
    pub(super) place: usize,
    /// Whether the choice is the user's. Until then it is the first line.
    is_users: bool,
    /// The first line that is shown, and how many there were room for.
    pub(super) first: usize,
    pub(super) height: usize,
    pub(super) width: usize,
    /// What was done last.
    pub(super) news: String,
}

impl View {
    pub(super) fn new(me: Pid) -> View {
        View {
            me,
            snapshot: None,
            counts: None,
            rows: Vec::new(),
            order: Order::Queue,
            filter: String::new(),
            page: Page::Processes,
            from_trees: false,
            prompt: Prompt::None,
            chosen: None,
            place: 0,
            is_users: false,
            first: 0,
            height: 1,
            width: 80,
            news: String::new(),
        }
    }

    /// Shows another snapshot.
    pub(super) fn show(&mut self, snapshot: Snapshot) {
        self.rows = rows(&snapshot, self.counts.as_ref());
        sort(&mut self.rows, self.order);
        self.counts = Some(Counts::of(&snapshot));
        if let Page::Details { process, has_ended, .. } = &mut self.page {
            match snapshot.process(process.info.pid) {
                Some(now) => **process = now.clone(),
                None => *has_ended = true,
            }
        }
        self.snapshot = Some(snapshot);
    }

    /// Takes an answer.
    pub(super) fn hear(&mut self, answered: Answered) {
        let Answered { pid, answer } = answered;
        let outcome = match &answer {
            Answer::Status(_) => None,
            Answer::Done(order, Ok(())) => Some((order, String::from("done"))),
            Answer::Done(order, Err(error)) => Some((order, error.to_string())),
            Answer::Failed(order, error) => Some((order, error.clone())),
        };
        if let Some((order, outcome)) = outcome {
            self.news = format!("{}: {pid}: {}", order.name(), clean(&outcome));
        }
        let Page::Details { process, told, .. } = &mut self.page else { return };
        let is_status = matches!(answer, Answer::Status(_) | Answer::Failed(ask::Order::Status, _));
        if process.info.pid == pid && is_status {
            *told = Told::Is(answer);
        }
    }

    /// Returns the lines of the page, of which one can be chosen.
    pub(super) fn entries(&self) -> Vec<Entry> {
        match (&self.page, &self.snapshot) {
            (Page::Processes, _) => {
                let fitting = self.rows.iter().filter(|row| row.fits(&self.filter));
                fitting.map(|row| Entry { pid: Some(row.pid), text: row.line() }).collect()
            }
            (Page::Trees, Some(snapshot)) => {
                let lines = forest::lines(snapshot, &self.filter).into_iter();
                lines.map(|line| Entry { pid: line.pid, text: line.text }).collect()
            }
            (Page::Trees, None) => Vec::new(),
            (Page::Details { process, has_ended, told }, _) => {
                let lines = details(process, *has_ended, told, self.width).into_iter();
                lines.map(|text| Entry { pid: None, text }).collect()
            }
        }
    }

    /// Finds the line that is chosen, and has it shown.
    pub(super) fn settle(&mut self, entries: &[Entry]) {
        let last = entries.len().saturating_sub(1);
        if matches!(self.page, Page::Details { .. }) {
            self.first = self.first.min(entries.len().saturating_sub(self.height));
            return;
        }
        let chosen = entries.iter().position(|it| it.pid.is_some() && it.pid == self.chosen);
        let place = if self.is_users { chosen.unwrap_or(self.place) } else { 0 };
        self.place = place.min(last);
        self.chosen = entries.get(self.place).and_then(|it| it.pid);
        let lowest = (self.place + 1).saturating_sub(self.height);
        self.first = self.first.clamp(lowest, self.place.max(lowest));
        self.first = self.first.min(entries.len().saturating_sub(self.height)).max(lowest);
    }

    /// Takes a key, and returns what it asks for. The lines are those of [`View::entries`], which
    /// must be settled.
    pub(super) fn press(&mut self, key: Key, entries: &[Entry]) -> Option<Act> {
        if key == Key::Interrupt {
            return Some(Act::Quit);
        }
        if key == Key::Redraw {
            return Some(Act::Redraw);
        }
        match std::mem::replace(&mut self.prompt, Prompt::None) {
            Prompt::Confirm(order, pid) => return self.confirm(key, order, pid),
            Prompt::Filter(before) => {
                self.edit_filter(key, before);
                return None;
            }
            Prompt::Help => return None,
            Prompt::None => {}
        }
        self.news.clear();
        match key {
            Key::Char('q') => return Some(Act::Quit),
            Key::Char(' ') => return Some(Act::Look),
            Key::Char('?') => self.prompt = Prompt::Help,
            Key::Char('k') => self.ask_for(ask::Order::Kill),
            Key::Char('s') => self.ask_for(ask::Order::Suspend),
            Key::Char('r') => self.ask_for(ask::Order::Resume),
            _ if matches!(self.page, Page::Details { .. }) => {
                return self.press_in_details(key, entries.len());
            }
            Key::Char('/') => self.prompt = Prompt::Filter(self.filter.clone()),
            Key::Char('t') => self.turn_page(),
            Key::Enter => return self.open(),
            Key::Escape => self.leave(),
            Key::Char(c) => self.sort_by(c),
            Key::Up | Key::Down | Key::PageUp | Key::PageDown | Key::Home | Key::End => {
                self.step(key, entries);
            }
            Key::Backspace | Key::Interrupt | Key::Redraw => {}
        }
        None
    }

    fn press_in_details(&mut self, key: Key, lines: usize) -> Option<Act> {
        match (key, &mut self.page) {
            (Key::Char('a'), Page::Details { process, told, .. }) => {
                if matches!(told, Told::Asked) {
                    return None;
                }
                *told = Told::Asked;
                return Some(Act::Ask(ask::Order::Status, process.info.pid));
            }
            (Key::Escape | Key::Backspace | Key::Enter, _) => {
                self.page = if self.from_trees { Page::Trees } else { Page::Processes };
                self.first = 0;
            }
            (Key::Char('t'), _) => {
                self.page = Page::Trees;
                self.first = 0;
            }
            _ => {
                self.first = moved(key, self.first, self.height, lines.saturating_sub(self.height))
            }
        }
        None
    }

    fn sort_by(&mut self, key: char) {
        if let Some(order) = Order::by(key) {
            self.order = order;
            sort(&mut self.rows, order);
            // The first of them is what one looks for.
            self.is_users = false;
        }
    }

    fn turn_page(&mut self) {
        self.page = match self.page {
            Page::Trees => Page::Processes,
            Page::Processes | Page::Details { .. } => Page::Trees,
        };
        self.first = 0;
    }

    /// Goes one step back: from a filter, or from the trees.
    fn leave(&mut self) {
        if self.filter.is_empty() {
            self.page = Page::Processes;
        }
        self.filter.clear();
    }

    /// Opens the details of the process that is chosen.
    fn open(&mut self) -> Option<Act> {
        let pid = self.chosen?;
        let process = self.snapshot.as_ref()?.process(pid)?.clone();
        // Others may never take the request out of their mailboxes.
        let is_behaviour = process.info.behaviour;
        let told = if is_behaviour { Told::Asked } else { Told::Nothing };
        self.from_trees = matches!(self.page, Page::Trees);
        self.is_users = true;
        self.page = Page::Details { process: Box::new(process), has_ended: false, told };
        self.first = 0;
        is_behaviour.then_some(Act::Ask(ask::Order::Status, pid))
    }

    /// Asks whether this is to be done to the process that is chosen, or shown.
    fn ask_for(&mut self, order: ask::Order) {
        let pid = match &self.page {
            Page::Details { process, .. } => Some(process.info.pid),
            Page::Processes | Page::Trees => self.chosen,
        };
        let Some(pid) = pid else {
            self.news = String::from("no process is chosen");
            return;
        };
        match self.refusal(order, pid) {
            Some(what) => self.news = format!("{pid} is {what}"),
            None => self.prompt = Prompt::Confirm(order, pid),
        }
    }

    /// Returns what a process is, if this is not to be done to it.
    fn refusal(&self, order: ask::Order, pid: Pid) -> Option<&'static str> {
        if pid == self.me {
            return Some("the view itself");
        }
        let process = match &self.page {
            Page::Details { process, .. } => process,
            Page::Processes | Page::Trees => self.snapshot.as_ref()?.process(pid)?,
        };
        let info = &process.info;
        if order == ask::Order::Kill && info.foreign {
            return Some("a thread of the program's own, which cannot be ended");
        }
        // The request would stay in its mailbox.
        let is_asked = matches!(order, ask::Order::Suspend | ask::Order::Resume);
        (is_asked && !info.behaviour)
            .then_some("no behaviour, which may not handle system messages")
    }

    fn confirm(&mut self, key: Key, order: ask::Order, pid: Pid) -> Option<Act> {
        if key == Key::Char('y') {
            self.news = format!("{}: {pid} ...", order.name());
            return Some(Act::Ask(order, pid));
        }
        self.news = format!("{}: {pid}: not done", order.name());
        None
    }

    fn edit_filter(&mut self, key: Key, before: String) {
        match key {
            Key::Enter => return,
            Key::Escape => {
                self.filter = before;
                return;
            }
            Key::Backspace => _ = self.filter.pop(),
            Key::Char(c) => self.filter.extend(c.to_lowercase()),
            Key::Interrupt
            | Key::Redraw
            | Key::Up
            | Key::Down
            | Key::PageUp
            | Key::PageDown
            | Key::Home
            | Key::End => {}
        }
        self.is_users = false;
        self.prompt = Prompt::Filter(before);
    }

    /// Chooses another line.
    fn step(&mut self, key: Key, entries: &[Entry]) {
        let last = entries.len().saturating_sub(1);
        let place = moved(key, self.place, self.height, last);
        self.chosen = entries.get(place).and_then(|it| it.pid);
        self.place = place;
        self.is_users = true;
    }
}

/// Returns where a key leads from a place, of which the last one is known.
fn moved(key: Key, place: usize, page: usize, last: usize) -> usize {
    let place = match key {
        Key::Up => place.saturating_sub(1),
        Key::Down => place + 1,
        Key::PageUp => place.saturating_sub(page),
        Key::PageDown => place + page,
        Key::Home => 0,
        Key::End => last,
        Key::Char(_) | Key::Enter | Key::Escape | Key::Backspace | Key::Interrupt | Key::Redraw => {
            place
        }
    };
    place.min(last)
}

#[cfg(test)]
mod tests;
