//! Reports of mailboxes that have grown long, or are full, and of those that are short again.

use std::collections::BTreeMap;

use crate::report::{Kind, MailboxReport, MailboxState, Report, is_wanted, submit};

use super::bound::Bound;
use super::snapshot::name_of;
use super::table::Process;

/// How many of the oldest messages a report names.
const OLDEST: usize = 10;

/// Reports the mailbox of the calling process if that is long, or is not any more. For a process
/// that takes each message in turn, and leaves the others in the channel.
#[cold]
pub(crate) fn look(process: Process) {
    let mailbox = &process.slot.mailbox;
    let len = mailbox.len();
    if mailbox.is_long(len) {
        for _ in mailbox.queued()..OLDEST {
            let Ok(envelope) = mailbox.take() else { break };
            process.let_in(envelope);
        }
    }
    look_at(process, len);
}

/// As [`look`], for a process whose mailbox is bounded, when it has received a message.
#[cold]
pub(crate) fn look_at_room(process: Process) {
    let mailbox = &process.slot.mailbox;
    let load = mailbox.load();
    if mailbox.is_long(load + 1) {
        report_long(process); // It was so before this message was received.
    }
    look_at(process, load);
}

/// As [`look`], for a process that has counted its messages.
#[inline]
pub(crate) fn look_at(process: Process, messages: usize) {
    let mailbox = &process.slot.mailbox;
    if mailbox.is_long(messages) {
        report_long(process);
    } else if mailbox.end_warning(messages) {
        report(process, MailboxState::Short, Vec::new());
    }
}

/// Reports the mailbox of the calling process to be long, if it was not reported before.
#[cold]
fn report_long(process: Process) {
    let mailbox = &process.slot.mailbox;
    if !is_wanted(Kind::LongMailbox) {
        mailbox.begin_warning();
        return;
    }
    let types = types_of_messages(process, OLDEST);
    // If there are none, a guard that receives itself has the queue.
    if !types.is_empty() && mailbox.begin_warning() {
        report(process, MailboxState::Long, types);
    }
}

/// Returns the types of the first messages in the queue of the calling process, at most `limit`,
/// and how many of them are of each. There are none while a guard that receives has the queue.
pub(crate) fn types_of_messages(process: Process, limit: usize) -> Vec<(&'static str, usize)> {
    let mut types = BTreeMap::<_, usize>::new();
    for message in process.slot.mailbox.check_out().messages().take(limit) {
        *types.entry(message.type_name()).or_default() += 1;
    }
    types.into_iter().collect()
}

/// Reports the mailbox of a process to be full, by another process.
pub(crate) fn report_full(process: Process) {
    report(process, MailboxState::Full, Vec::new());
}

#[cold]
fn report(process: Process, state: MailboxState, oldest: Vec<(&'static str, usize)>) {
    let mailbox = &process.slot.mailbox;
    if is_wanted(state.kind()) {
        let bound = mailbox.bound();
        submit(&Report::Mailbox(MailboxReport {
            pid: process.pid,
            name: name_of(process.pid),
            state,
            message_queue_len: mailbox.len(),
            capacity: bound.map(|bound| bound.room().capacity),
            messages_dropped: bound.map_or(0, Bound::dropped),
            messages_refused: bound.map_or(0, Bound::refused),
            oldest,
        }));
    }
}
