//! The report of a process that crashes, written by itself.

use std::collections::BTreeSet;
use std::sync::atomic::Ordering;

use crate::exit::ExitReason;
use crate::id::Pid;
use crate::report::{CrashReport, Kind, Neighbour, Report, has_shown_backtrace, is_wanted, submit};
use crate::user_code::{displayed, printed_up_to, run_caught};

use super::overflow::types_of_messages;
use super::table::Process;
use super::{dictionary, snapshot};

/// How many messages of the mailbox a report shows.
const MESSAGES: usize = 10;

/// Of how many messages a report counts the types.
const COUNTED: usize = 1000;

/// How many bytes of a message, or of a value in the dictionary, a report shows.
const SHOWN: usize = 200;

/// How many neighbours a report shows.
const NEIGHBOURS: usize = 100;

/// Returns whether a process is one of `proc_lib`'s, which is reported also if it ends abnormally
/// without a panic.
pub(crate) fn is_of_proc_lib(process: Process) -> bool {
    process.slot.profile.lock().initial_call.is_some()
}

/// Reports the crash of the calling process, if such reports are wanted.
pub(crate) fn report(process: Process, reason: &ExitReason) {
    if !is_wanted(Kind::Crash) {
        return;
    }
    reporting(process, || submit(&Report::Crash(describe(process, reason))));
}

/// Runs `write`, which writes a report of the end of the calling process. If an exit signal dooms
/// the process meanwhile, `write` can still send.
pub(crate) fn reporting(process: Process, write: impl FnOnce()) {
    // Relaxed: only the calling thread reads it.
    process.slot.reporting.store(true, Ordering::Relaxed);
    run_caught(write);
    process.slot.reporting.store(false, Ordering::Relaxed);
}

fn describe(process: Process, reason: &ExitReason) -> CrashReport {
    // So that what has arrived is in the queue.
    process.sort();
    let info = snapshot::of(process);
    let context = process.slot.profile.lock().context.clone();
    CrashReport {
        pid: process.pid,
        name: info.any_name(),
        label: info.label,
        context,
        initial_call: info.initial_call,
        shown_reason: displayed(reason),
        has_shown_backtrace: has_shown_backtrace(reason),
        reason: reason.clone(),
        ancestors: info.ancestors.iter().copied().map(snapshot::name_or_pid).collect(),
        message_queue_len: info.message_queue_len,
        message_types: types_of_messages(process, COUNTED),
        messages: messages(process),
        neighbours: neighbours(process.pid, &info.links),
        links: info.links,
        dictionary: dictionary::print_all(process, SHOWN),
        trap_exit: info.trap_exit,
    }
}

fn messages(process: Process) -> Vec<String> {
    let queue = process.slot.mailbox.check_out();
    queue.messages().take(MESSAGES).map(|message| printed_up_to(SHOWN, message)).collect()
}

/// Returns the processes that the exit signals of `pid` will end, and those that theirs will end in
/// turn.
fn neighbours(pid: Pid, links: &[Pid]) -> Vec<Neighbour> {
    let mut seen = BTreeSet::from([pid]);
    let mut open: Vec<Pid> = links.iter().rev().copied().collect();
    let mut neighbours = Vec::new();
    while let Some(next) = open.pop()
        && neighbours.len() < NEIGHBOURS
    {
        if !seen.insert(next) {
            continue;
        }
        let Some(info) = snapshot::of_alive(Process::of(next)).filter(|info| !info.trap_exit)
        else {
            continue;
        };
        let Some(initial_call) = info.initial_call else { continue };
        open.extend(info.links.iter().rev());
        let message_queue_len = info.message_queue_len;
        let name = info.any_name();
        neighbours.push(Neighbour { pid: next, name, initial_call, message_queue_len });
    }
    neighbours
}
