//! Waiting for a name.

use std::time::Duration;

use crate::id::Pid;
use crate::runtime::names::AwaitedName;
use crate::runtime::parked::ParkedFor;

use super::current::{Ended, current, has_told_end};
use super::receive::{deadline_after, is_past};

/// Waits until a process is registered as `name`, for at most `timeout`, and returns the process.
///
/// If one has the name already, it is returned at once; otherwise the first that gets the name. As
/// with [`whereis`](super::whereis), the process may have ended when this returns. A server gets
/// its name before its `init` runs, so a call that follows waits for `init`, too. Returns `None` if
/// the time is over, and at once if `name` is empty, as no process can have that.
///
/// It is of use at the start of a program, and after a crash, when a supervisor is about to start
/// the next process of the name: between the two, sending to the name is an error. Messages that
/// arrive meanwhile stay in the mailbox, and exit signals take effect as in any wait. Nothing is
/// polled.
///
/// A name that a [registrar](crate::Registrar) keeps cannot be waited for, as only the registrar
/// knows when it gives the name to a process. A [`registry`](crate::registry) tells its
/// [listeners](crate::registry::Registry::listener).
///
/// ```
/// use procession::prelude::*;
/// use std::time::Duration;
///
/// let tea = process::spawn(|| {
///     process::register("wait_for::tea", process::self_pid()).expect("the name is free");
///     process::receive();
/// })?;
/// assert_eq!(process::wait_for("wait_for::tea", Duration::from_secs(5)), Some(tea));
/// # process::send(tea, ());
/// # Ok::<(), procession::process::SpawnError>(())
/// ```
///
/// # Panics
///
/// In a thread of the program's own that was killed.
pub fn wait_for(name: &str, timeout: Duration) -> Option<Pid> {
    if name.is_empty() || has_told_end() {
        return None;
    }
    let process = current();
    let deadline = deadline_after(timeout);
    let awaited = AwaitedName::new(name, process.pid);
    let slot = process.slot;
    loop {
        process.sort();
        if let Err(Ended) = process.may_block() {
            process.panic_if_gone();
            return awaited.holder();
        }
        if awaited.holder().is_some() || is_past(deadline) {
            return awaited.holder();
        }
        // Parks at once: nothing says that the name is about to be given.
        slot.park_unless(ParkedFor::Name, deadline, || {
            awaited.holder().is_some() || slot.mailbox.has_arrivals() || !process.is_running()
        });
    }
}
