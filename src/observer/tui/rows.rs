//! The rows of the table of processes.

use std::cmp::Ordering;
use std::collections::HashMap;
use std::time::{Duration, SystemTime};

use super::super::{ProcessInfo, Snapshot};
use super::text::{bytes, count, cut};
use crate::id::Pid;

/// The head of the table.
pub(super) const HEAD: &str = "PID            1QUEUE 2CPU% 3MSG/S 4STACK WAITS FOR          NAME";

/// What the table is sorted by: the largest first, but for the pids.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Order {
    Queue,
    Cpu,
    Messages,
    Stack,
    Pid,
}

impl Order {
    /// The order that a key stands for.
    pub(super) fn by(key: char) -> Option<Order> {
        match key {
            '1' => Some(Order::Queue),
            '2' => Some(Order::Cpu),
            '3' => Some(Order::Messages),
            '4' => Some(Order::Stack),
            '5' => Some(Order::Pid),
            _ => None,
        }
    }

    pub(super) fn name(self) -> &'static str {
        match self {
            Order::Queue => "queue",
            Order::Cpu => "cpu",
            Order::Messages => "messages",
            Order::Stack => "stack",
            Order::Pid => "pid",
        }
    }
}

/// A process in the table.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Row {
    pub(super) pid: Pid,
    queue: usize,
    /// How much of one core it has used, of one hundred.
    pub(super) cpu: Option<f64>,
    /// How many messages it has received in a second.
    messages: Option<f64>,
    stack: Option<usize>,
    waits_for: String,
    title: String,
}

/// What was counted of each process, and when.
#[derive(Debug)]
pub(super) struct Counts {
    taken_at: SystemTime,
    of: HashMap<Pid, (u64, Option<Duration>)>,
}

impl Counts {
    pub(super) fn of(snapshot: &Snapshot) -> Counts {
        let counts = |it: &ProcessInfo| (it.info.pid, (it.info.messages_received, it.cpu_time));
        let of = snapshot.processes.iter().map(counts).collect();
        Counts { taken_at: snapshot.taken_at, of }
    }
}

/// Returns the rows of all processes, with what has changed since `before`.
pub(super) fn rows(snapshot: &Snapshot, before: Option<&Counts>) -> Vec<Row> {
    let passed = before.and_then(|it| snapshot.taken_at.duration_since(it.taken_at).ok());
    // The clock may have been set.
    let passed = passed.map(|it| it.as_secs_f64()).filter(|it| *it > 0.0);
    let row = |it: &ProcessInfo| {
        let ProcessInfo { info, cpu_time, stack, .. } = it;
        let counts = before.and_then(|before| before.of.get(&info.pid));
        let messages = counts.zip(passed).map(|((received, _), passed)| {
            info.messages_received.saturating_sub(*received) as f64 / passed
        });
        let cpu = counts.zip(passed).and_then(|((_, before), passed)| {
            Some((*cpu_time)?.saturating_sub((*before)?).as_secs_f64() / passed * 100.0)
        });
        let waits_for = info.waits_for.as_ref().map(ToString::to_string);
        Row {
            pid: info.pid,
            queue: info.message_queue_len,
            cpu,
            messages,
            stack: *stack,
            waits_for: waits_for.unwrap_or_else(|| String::from("(runs)")),
            title: it.title(),
        }
    };
    snapshot.processes.iter().map(row).collect()
}

/// Sorts the rows. Those that are equal are in the order of their pids.
pub(super) fn sort(rows: &mut [Row], order: Order) {
    let largest = |one: Option<f64>, other: Option<f64>| {
        other.unwrap_or(-1.0).partial_cmp(&one.unwrap_or(-1.0)).unwrap_or(Ordering::Equal)
    };
    rows.sort_by(|one, other| {
        let order = match order {
            Order::Queue => other.queue.cmp(&one.queue),
            Order::Cpu => largest(one.cpu, other.cpu),
            Order::Messages => largest(one.messages, other.messages),
            Order::Stack => other.stack.cmp(&one.stack),
            Order::Pid => Ordering::Equal,
        };
        order.then(one.pid.cmp(&other.pid))
    });
}

impl Row {
    /// Returns its line, which may be longer than the screen is wide.
    pub(super) fn line(&self) -> String {
        let or_none = |value: Option<String>| value.unwrap_or_else(|| String::from("-"));
        format!(
            "{:<13} {:>7} {:>5} {:>6} {:>6} {:<18} {}",
            self.pid.to_string(),
            count(self.queue as f64),
            or_none(self.cpu.map(|cpu| format!("{cpu:.1}"))),
            or_none(self.messages.map(count)),
            or_none(self.stack.map(bytes)),
            cut(&self.waits_for, 18),
            self.title
        )
    }

    /// Whether what is seen of it contains a text, which is in small letters.
    pub(super) fn fits(&self, filter: &str) -> bool {
        let texts = [&self.title, &self.waits_for, &self.pid.to_string()];
        texts.iter().any(|text| text.to_lowercase().contains(filter))
    }
}
