//! What senders do that find no room in a mailbox.

use super::address::{Undone, drop_refused};
use super::bound::Bound;
use super::mailbox::Orphans;
use super::overflow::report_full;
use super::table::Process;
use super::timers::run_detached_soon;
use crate::id::Pid;

/// Has it reported that the mailbox of a process is full, once until it is not any more.
///
/// That is done in a process of its own: the receiver may be busy, and senders, of whom the timer
/// thread is one, are not to be held up.
#[cold]
fn note_full(process: Process) {
    // If it has ended meanwhile, the warning is the next process's of its slot.
    if process.is_running() && process.slot.mailbox.begin_warning() {
        run_detached_soon(move || report_full(process));
    }
}

/// Notes that a message to `pid` was handed back, as there was no room for it.
#[cold]
pub(crate) fn note_refused(pid: Pid) {
    let process = Process::of(pid);
    process.slot.mailbox.bound().into_iter().for_each(Bound::count_refused);
    note_full(process);
}

/// Gives up on a message that could not be sent at once: it is dropped with the orphans returned,
/// which the caller is to drop. One to another node is sent all the same: who does not wait
/// sends regardless.
pub(crate) fn give_up(undone: Undone) -> Orphans {
    match undone {
        Undone::Orphans(orphans) => orphans,
        Undone::Dropped(pid, orphans) => {
            note_full(Process::of(pid));
            orphans
        }
        Undone::Full(pid, message) => give_up(drop_refused(pid, message)),
        Undone::Busy(to, message) => {
            to.send(message);
            Orphans::default()
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use super::super::slot::{Profile, Settings, Slot, Vacancy};
    use super::*;

    #[test]
    fn one_that_has_ended_does_not_take_the_warning_of_the_next_process() {
        let slot: &'static Slot = Box::leak(Box::new(Slot::new(0)));
        let begin = || {
            let settings = Settings { kill_grace: Duration::ZERO, ..Settings::default() };
            Process { slot, pid: slot.begin(Profile::new(Arc::from([])), settings) }
        };
        let ended = begin();
        assert!(slot.claim_own(ended.pid.generation()));
        assert_eq!(slot.vacate(ended.pid.generation()), Vacancy::Free);
        _ = begin();
        note_full(ended);
        assert!(slot.mailbox.is_long(usize::MAX), "it was warned of already");
    }
}
