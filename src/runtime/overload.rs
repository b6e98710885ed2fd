//! What senders do that find no room in a mailbox.

use super::address::{Undone, drop_refused};
use super::mailbox::Orphans;
use super::overflow::report_full;
use super::table::Process;
use super::timers::run_detached;
use crate::id::Pid;

/// Has it reported that the mailbox of `pid` is full, once until it is not any more.
///
/// That is done in a process of its own: the receiver may be busy, and senders, of whom the timer
/// thread is one, are not to be held up.
#[cold]
pub(crate) fn note_full(pid: Pid) {
    let process = Process::of(pid);
    if process.slot.mailbox.begin_warning() {
        run_detached(move || report_full(process));
    }
}

/// Gives up on a message that could not be sent at once: it is dropped with the orphans returned,
/// which the caller is to drop.
pub(crate) fn give_up(undone: Undone) -> Orphans {
    match undone {
        Undone::Orphans(orphans) => orphans,
        Undone::Dropped(pid, orphans) => {
            note_full(pid);
            orphans
        }
        Undone::Full(pid, message) => give_up(drop_refused(pid, message)),
    }
}
