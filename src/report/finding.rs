//! What an observer has found.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::id::Pid;
use crate::line_text::clean;
use crate::message::Name;
use crate::user_code::displayed;

/// Something about a process that is likely to be wrong, as
/// [`observer::Detector`](crate::observer::Detector) finds it.
///
/// Its `Display` is two sentences in one line: what is wrong, and what to look at next. What of the
/// name and the label would drive a terminal is replaced.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Finding {
    /// The process.
    pub pid: Pid,
    /// Its name, if it has one.
    pub name: Option<Name>,
    /// Its label, if it has [set](crate::process::set_label) one.
    pub label: Option<Arc<str>>,
    /// What is wrong.
    pub kind: FindingKind,
}

/// What is wrong with the process of a [`Finding`].
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum FindingKind {
    /// Its queue has grown, and has not become shorter meanwhile.
    QueueGrows {
        /// How many messages there were.
        from: usize,
        /// How many there are.
        to: usize,
        /// In which time.
        within: Duration,
    },
    /// It has not come to a receive point: it hears of no message and no exit signal.
    NoReceivePoint {
        /// For how long.
        within: Duration,
        /// Whether it has computed for more than half of that time, if that was asked for: if not,
        /// it waits for something that the runtime does not know of.
        computes: Option<bool>,
        /// The number of its thread, as the operating system has it.
        thread_id: Option<u32>,
    },
    /// It waits for a process that waits for it, perhaps through others.
    WaitCycle {
        /// All of them: each waits for the next one, and the last for the first.
        processes: Vec<Pid>,
    },
    /// It is a supervisor that has restarted children nearly as often as it may before it gives up.
    RestartLimit {
        /// How often it has, in the last period.
        recent_restarts: usize,
        /// How often it may.
        max_restarts: usize,
        /// The length of a period.
        period: Duration,
    },
    /// It was killed, and its thread has not left its code within the
    /// [grace](crate::process::Builder::kill_grace).
    AbandonedThread {
        /// The number of its thread, as the operating system has it.
        thread_id: Option<u32>,
    },
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.name {
            Some(name) => write!(f, "{} ({}", clean(&displayed(name)), self.pid)?,
            None => write!(f, "({}", self.pid)?,
        }
        match &self.label {
            Some(label) => write!(f, ", {}) ", clean(label))?,
            None => f.write_str(") ")?,
        }
        fmt::Display::fmt(&self.kind, f)
    }
}

impl fmt::Display for FindingKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            FindingKind::QueueGrows { from, to, within } => write!(
                f,
                "has {to} messages in its mailbox, where {within:.1?} ago there were {from}, and \
                 there were never fewer. Look at who sends them, at what it does with one, and \
                 whether its mailbox should have a bound"
            ),
            FindingKind::NoReceivePoint { within, computes, thread_id } => {
                write!(
                    f,
                    "has not come to a receive point for {within:.1?}, so it hears of no exit \
                     signal. "
                )?;
                f.write_str(match computes {
                    Some(true) => "It has computed: look",
                    Some(false) => {
                        "It has hardly computed, so it waits for a lock, or the system: look"
                    }
                    None => "It computes, or waits for a lock or the system: look",
                })?;
                fmt_stack(f, *thread_id)
            }
            FindingKind::WaitCycle { processes } => {
                f.write_str("waits in a circle")?;
                for (index, pid) in processes.iter().enumerate() {
                    write!(f, "{} {pid}", if index == 0 { ":" } else { "," })?;
                }
                f.write_str(
                    ", each for the next one. Look at which of them makes a request by hand, or \
                     stops others, while it should take requests itself",
                )
            }
            FindingKind::RestartLimit { recent_restarts, max_restarts, period } => write!(
                f,
                "has restarted children {recent_restarts} times in {period:.1?}, of {max_restarts} \
                 that it may. Look at the reports of their failures before it gives up"
            ),
            FindingKind::AbandonedThread { thread_id } => {
                f.write_str("was killed, and its thread has not left its code. Look")?;
                fmt_stack(f, *thread_id)?;
                f.write_str(", and have it wait in `process::blocking`")
            }
        }
    }
}

fn fmt_stack(f: &mut fmt::Formatter<'_>, thread_id: Option<u32>) -> fmt::Result {
    f.write_str(" at the stack of its thread")?;
    thread_id.map_or(Ok(()), |id| write!(f, ", {id},"))?;
    f.write_str(" with a debugger")
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU64;

    use super::*;

    #[test]
    fn a_finding_is_one_line_whatever_the_process_is_called() {
        let kind = FindingKind::RestartLimit {
            recent_restarts: 1,
            max_restarts: 1,
            period: Duration::from_secs(5),
        };
        let finding = Finding {
            pid: Pid::local(1, NonZeroU64::MIN),
            name: Some(Name::Local("na\nme".into())),
            label: Some("x\x1b[2J\n".into()),
            kind,
        };
        let start = "na\u{fffd}me (<0.1.1>, x\u{fffd}[2J\u{fffd}) has restarted";
        assert!(finding.to_string().starts_with(start), "{finding:?}");
        assert!(!finding.to_string().contains(|c: char| c.is_control()));
    }
}
