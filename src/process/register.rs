//! Registered names.

use std::sync::Arc;

use crate::id::Pid;
use crate::message::Via;
use crate::runtime::names::{self, NameError, RegisterError};
use crate::user_code::drop_caught;

use super::current::{current, has_told_end};

/// Gives `pid` the name `name`, by which any process can then send to it.
///
/// The name is free again when the process ends, or by [`unregister`]. A process that learns that
/// another has ended finds its name free. If the caller names itself, exit signals that have
/// arrived are judged first.
///
/// ```
/// use procession::prelude::*;
///
/// process::register("main", process::self_pid())?;
/// process::spawn(|| _ = process::send_to("main", "hello"))?;
/// receive! { text: &str => assert_eq!(text, "hello") }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// OTP: [`erlang:register/2`](https://www.erlang.org/doc/apps/erts/erlang.html#register/2).
///
/// # Errors
///
/// - [`RegisterError::Taken`] if a process has the name already.
/// - [`RegisterError::HasName`] if `pid` has another name.
/// - [`RegisterError::NotAlive`] if `pid` has ended, or if the caller has: a thread of the
///   program's own that was killed, or a process that was left behind.
/// - [`RegisterError::Empty`] if `name` is empty.
pub fn register(name: &str, pid: Pid) -> Result<(), RegisterError> {
    let caller = caller_or_unwind(Some(pid)).map_err(RegisterError::NotAlive)?;
    names::give(name, pid, caller)
}

/// Takes the name `name` from the process that has it.
///
/// If that is the caller, exit signals that have arrived are judged first.
///
/// ```
/// use procession::prelude::*;
///
/// process::register("main", process::self_pid())?;
/// process::unregister("main")?;
/// assert_eq!(process::whereis("main"), None);
/// assert!(process::unregister("main").is_err());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// OTP: [`erlang:unregister/1`](https://www.erlang.org/doc/apps/erts/erlang.html#unregister/1).
///
/// # Errors
///
/// Returns a [`NameError`] if no process has the name, or if the caller has ended; also if the
/// caller was killed and had the name itself: the kill has freed it, and another may have it now.
pub fn unregister(name: &str) -> Result<(), NameError> {
    let error = || NameError { name: Arc::from(name) };
    let caller = caller_or_unwind(whereis(name)).map_err(|_| error())?;
    if names::take(name, caller) { Ok(()) } else { Err(error()) }
}

/// Notes the name that a registrar keeps for the caller, to be shown in reports.
pub(crate) fn note_via(name: Via) {
    let earlier = current().slot.profile.lock().via.replace(name);
    drop_caught(earlier);
}

/// Returns the caller, which changes the name of `pid`, or as an error if its process has ended. If
/// the name is its own, exit signals that have arrived are judged first.
fn caller_or_unwind(pid: Option<Pid>) -> Result<Pid, Pid> {
    let process = current();
    if pid == Some(process.pid) {
        process.sort();
    }
    if process.is_gone_or_unwind() || has_told_end() { Err(process.pid) } else { Ok(process.pid) }
}

/// Returns the process registered as `name`.
///
/// The process may end at any moment, even before this function returns; to learn of its end,
/// [`monitor`](super::monitor()) it.
///
/// ```
/// use procession::prelude::*;
///
/// assert_eq!(process::whereis("main"), None);
/// process::register("main", process::self_pid())?;
/// assert_eq!(process::whereis("main"), Some(process::self_pid()));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// OTP: [`erlang:whereis/1`](https://www.erlang.org/doc/apps/erts/erlang.html#whereis/1).
pub fn whereis(name: &str) -> Option<Pid> {
    if has_told_end() { None } else { names::holder(name) }
}

/// Returns all registered names, in no particular order.
///
/// ```
/// use procession::prelude::*;
///
/// process::register("main", process::self_pid())?;
/// assert!(process::registered().contains(&"main".into()));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// OTP: [`erlang:registered/0`](https://www.erlang.org/doc/apps/erts/erlang.html#registered/0).
pub fn registered() -> Vec<Arc<str>> {
    names::registered()
}
