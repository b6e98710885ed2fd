//! The warning of a mailbox that has grown long: what is in it is not received.

use std::collections::BTreeMap;

use log::Level;

use crate::report::Types;
use crate::user_code::{displayed, is_seen, log_caught};

use super::snapshot::name_or_pid;
use super::table::Process;

const TARGET: &str = "procession::mailbox";

/// How many of the oldest messages the warning names.
const OLDEST: usize = 10;

/// Warns if the mailbox of the calling process is long. For a process that takes each message in
/// turn, and leaves the others in the channel.
#[cold]
pub(crate) fn look(process: Process) {
    let mailbox = &process.slot.mailbox;
    if !mailbox.is_long(mailbox.len()) {
        return;
    }
    for _ in mailbox.queued()..OLDEST {
        let Ok(envelope) = mailbox.take() else { break };
        process.let_in(envelope);
    }
    warn(process);
}

/// Warns of the mailbox of the calling process, once.
#[cold]
pub(crate) fn warn(process: Process) {
    let mailbox = &process.slot.mailbox;
    if !is_seen(Level::Warn, TARGET) {
        return mailbox.count_warning();
    }
    let types = types_of_messages(process, OLDEST);
    if types.is_empty() {
        return; // A guard that receives itself has the queue.
    }
    mailbox.count_warning();
    let text = format_args!(
        "{} has {} messages in its mailbox that it has not received; the oldest are {}",
        displayed(&name_or_pid(process.pid)),
        mailbox.len(),
        Types(&types),
    );
    log_caught(Level::Warn, TARGET, text);
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
