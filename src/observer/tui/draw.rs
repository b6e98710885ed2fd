//! The frame of the view.

use std::cmp::Reverse;
use std::time::Duration;

use ratatui_core::buffer::Buffer;
use ratatui_core::layout::Rect;
use ratatui_core::style::{Modifier, Style};

use super::super::{NodeInfo, ProcessInfo};
use super::rows::HEAD;
use super::text::{bytes, count, cut};
use super::view::{Page, Prompt, View};
use crate::line_text::clean;

/// The keys of a page, in eighty columns.
const KEYS: &str =
    "enter open  t trees  / filter  1-5 sort  k kill  s suspend  r resume  q  ? help";
const KEYS_OF_DETAILS: &str =
    "esc back  a ask  k kill  s suspend  r resume  t trees  q quit  ? help";

const HELP: [&str; 15] = [
    "up, down, page up, page down, home, end   choose a process",
    "1 2 3 4 5      sort by queue, processor time, messages, stack, pid",
    "/              show only what contains a text; escape shows all",
    "t              the supervision trees, and back",
    "enter          what the process is made of, and its status",
    "a              there: ask for its status once more",
    "escape         back",
    "k              kill the process",
    "s, r           suspend and resume it",
    "space          look at once",
    "control and L  draw the screen anew",
    "q, control C   quit",
    "",
    "What is done to a process is done after a y.",
    "Any key goes back.",
];

/// How many connected nodes are named.
const NODES: usize = 2;

impl View {
    /// Draws the view into a buffer of any size.
    pub(super) fn draw(&mut self, buffer: &mut Buffer) {
        let area = buffer.area;
        let numbers = self.numbers();
        let above = numbers.len() as u16 + 1;
        let room = area.height.saturating_sub(above + 1);
        (self.height, self.width) = (usize::from(room).max(1), usize::from(area.width));
        let entries = self.entries();
        self.settle(&entries);
        let plain = Style::new();
        for (y, line) in (0..).zip(&numbers) {
            put(buffer, y, line, if y == 0 { plain.add_modifier(Modifier::BOLD) } else { plain });
        }
        put_over(buffer, above - 1, &self.head(), plain.add_modifier(Modifier::REVERSED));
        let body = Rect { y: above.min(area.height), height: room, ..area };
        if self.prompt == Prompt::Help {
            for (y, line) in (body.top()..body.bottom()).zip(HELP) {
                put(buffer, y, line, plain);
            }
        } else {
            let is_list = !matches!(self.page, Page::Details { .. });
            let shown = entries.iter().enumerate().skip(self.first);
            for (y, (index, entry)) in (body.top()..body.bottom()).zip(shown) {
                let is_chosen = is_list && index == self.place;
                let chosen = plain.add_modifier(Modifier::REVERSED);
                if is_chosen {
                    put_over(buffer, y, &entry.text, chosen);
                } else {
                    put(buffer, y, &entry.text, plain);
                }
            }
        }
        if area.height > above {
            let style = match self.prompt {
                Prompt::Confirm(..) | Prompt::Filter(_) => plain.add_modifier(Modifier::BOLD),
                Prompt::None | Prompt::Help => plain,
            };
            put(buffer, area.height - 1, &self.last_line(), style);
        }
    }

    /// The lines about the whole program.
    fn numbers(&self) -> Vec<String> {
        let Some(snapshot) = &self.snapshot else { return vec![String::new(); 2] };
        let system = &snapshot.system;
        let messages: usize = snapshot.processes.iter().map(|it| it.info.message_queue_len).sum();
        let numbers = format!(
            "{} processes  {} messages  {} timers  {} names  {} tables",
            system.processes,
            count(messages as f64),
            system.timers,
            system.names,
            snapshot.tables.len(),
        );
        let cpu = self.rows.iter().filter_map(|row| row.cpu).fold(0.0, |sum, cpu| sum + cpu);
        let abandoned = match system.abandoned_threads {
            0 => String::new(),
            abandoned => format!(", {abandoned} left behind"),
        };
        let room = snapshot.limits.max_threads;
        let room = room.map_or(String::new(), |max| format!(", room for {}", count(max as f64)));
        let more = format!(
            "{} threads ({} cached{abandoned}{room})  cpu {cpu:.0}%  look {:.1?}",
            system.threads,
            system.cached_threads,
            snapshot.took.max(Duration::from_micros(1)),
        );
        [numbers, more].into_iter().chain(nodes(&snapshot.nodes)).collect()
    }

    fn head(&self) -> String {
        match &self.page {
            Page::Processes => String::from(HEAD),
            Page::Trees => String::from("SUPERVISION TREES"),
            Page::Details { process, .. } => {
                format!("PROCESS {} {}", process.info.pid, process.title())
            }
        }
    }

    fn last_line(&self) -> String {
        match &self.prompt {
            Prompt::Confirm(order, pid) => {
                let process = self.snapshot.as_ref().and_then(|it| it.process(*pid));
                let title = process.map_or(String::new(), ProcessInfo::title);
                // The question is seen, whatever the process is called.
                let question = format!("{} {pid}? y/n", order.name());
                format!("{question}  {title}")
            }
            Prompt::Filter(_) => format!("/{}_", clean(&self.filter)),
            Prompt::Help => String::from("any key goes back"),
            Prompt::None if !self.news.is_empty() => self.news.clone(),
            Prompt::None => self.keys(),
        }
    }

    fn keys(&self) -> String {
        match self.page {
            Page::Details { .. } => String::from(KEYS_OF_DETAILS),
            Page::Processes | Page::Trees if !self.filter.is_empty() => {
                let filter = clean(&self.filter);
                format!("only: {filter} (esc: all)  by {}  ? help", self.order.name())
            }
            Page::Processes | Page::Trees => String::from(KEYS),
        }
    }
}

/// The line about the connected nodes, if there are any: those first for which most waits.
fn nodes(nodes: &[NodeInfo]) -> Option<String> {
    let mut nodes: Vec<&NodeInfo> = nodes.iter().collect();
    nodes.sort_by_key(|it| Reverse(it.queued_bytes)); // It is stable.
    let name = |it: &&NodeInfo| {
        let name = clean(&it.node.to_string());
        match (it.queued_bytes, it.waiting_senders) {
            (0, 0) => name,
            (queued, 0) => format!("{name} ({} queued)", bytes(queued)),
            (queued, senders) => format!("{name} ({} queued, {senders} wait)", bytes(queued)),
        }
    };
    let mut named: Vec<String> = nodes.iter().take(NODES).map(name).collect();
    if nodes.len() > NODES {
        named.push(format!("and {} more", nodes.len() - NODES));
    }
    (!named.is_empty()).then(|| format!("{} nodes: {}", nodes.len(), named.join(", ")))
}

/// Writes a line as far as it fits.
fn put(buffer: &mut Buffer, y: u16, text: &str, style: Style) {
    if buffer.area.contains((0, y).into()) {
        let columns = usize::from(buffer.area.width);
        buffer.set_stringn(0, y, cut(text, columns), columns, style);
    }
}

/// As [`put`], in a style that the whole line has.
fn put_over(buffer: &mut Buffer, y: u16, text: &str, style: Style) {
    put(buffer, y, text, style);
    buffer.set_style(Rect { y, height: 1, ..buffer.area }.intersection(buffer.area), style);
}
