//! Exits: by a signal to another process, and of the caller itself.

use std::sync::atomic::Ordering;

use crate::exit::{ExitReason, Reason};
use crate::id::Pid;
use crate::runtime::exit::signal_exit;
use crate::runtime::table::Process;
use crate::runtime::unwind;
use crate::user_code::{self, Guarded};

use super::current::current;

/// Sends `reason` to the process `to` as an exit signal.
///
/// A process that does not trap exits ends with `reason` at its next receive point, which is any
/// blocking call of this crate; `Normal` is ignored, unless the process sends it to itself. A
/// process that traps exits gets an [`Exit`](crate::Exit) message instead. Nothing happens if `to`
/// has ended.
///
/// [`ExitReason::Kill`] cannot be trapped: the process is not alive from now on, its name is free,
/// and it ends as [`Killed`](ExitReason::Killed) as soon as it calls into the runtime. If it does
/// not do so within its [grace](super::Builder::kill_grace), its links and monitors are told
/// without a further wait, and its thread is left behind.
///
/// ```
/// use procession::prelude::*;
///
/// let (worker, monitor) = process::spawn_monitor(|| receive! { () => {} })?;
/// process::exit(worker, ExitReason::Shutdown);
/// receive! {
///     down: Down if down.monitor == monitor => assert_eq!(down.reason, ExitReason::Shutdown),
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// OTP: [`erlang:exit/2`](https://www.erlang.org/doc/apps/erts/erlang.html#exit/2).
///
/// # Panics
///
/// In a thread of the program's own that was killed.
pub fn exit(to: impl Into<Pid>, reason: impl Reason) {
    let reason = Guarded::new(reason.into());
    let pid = to.into();
    let process = current();
    if !process.may_act_or_unwind() {
        return; // `Guarded` drops the reason, whose destructor may panic.
    }
    signal_exit(process.pid, pid, reason.into_inner());
    if pid == process.pid {
        process.sort_or_unwind();
    }
}

/// Ends the calling process with `reason`.
///
/// The thread unwinds, so destructors run; no panic message is printed and no crash report written.
/// As in OTP, a body that catches the unwinding goes on.
///
/// ```
/// use procession::prelude::*;
///
/// let (_, monitor) = process::spawn_monitor(|| process::exit_self(ExitReason::new("bored")))?;
/// receive! {
///     down: Down if down.monitor == monitor => {
///         assert_eq!(down.reason, ExitReason::new("bored"));
///     }
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// OTP: [`erlang:exit/1`](https://www.erlang.org/doc/apps/erts/erlang.html#exit/1).
///
/// # Panics
///
/// In a thread of the program's own, whose stack the runtime does not own and cannot unwind.
pub fn exit_self(reason: impl Reason) -> ! {
    let reason = Guarded::new(reason.into());
    let process = current();
    process.unwind_if_doomed();
    let reason = reason.into_inner();
    if process.is_foreign() {
        panic!("exit_self({reason}) in {}, a thread of the program's own", process.pid);
    }
    unwind::unwind(reason)
}

/// Runs `body`, and returns why it ended if it panicked or called [`exit_self`].
///
/// The end of the process itself is not caught: if it is being ended by an exit signal, it goes on
/// unwinding. No crash report is written, and in a spawned process no panic message is printed: the
/// returned reason holds it.
///
/// OTP: `try ... catch`.
///
/// ```
/// use procession::prelude::*;
///
/// assert_eq!(process::catch(|| 7), Ok(7));
/// assert!(process::catch(|| { if true { panic!("no") } }).is_err());
/// ```
///
/// # Errors
///
/// Returns the reason with which `body` ended.
pub fn catch<T>(body: impl FnOnce() -> T) -> Result<T, ExitReason> {
    let process = current();
    user_code::catch(body).map_err(|payload| {
        let reason = unwind::exit_reason(payload);
        process.unwind_if_doomed();
        reason
    })
}

/// Runs `body` with `value` to the end of the process, and then `drop_value`: not while the thread
/// unwinds, as a panic of a destructor would then abort the program.
pub(crate) fn end_with<T>(
    mut value: T,
    body: impl FnOnce(&mut T) -> ExitReason,
    drop_value: impl FnOnce(T),
) -> ExitReason {
    let outcome = user_code::catch(|| body(&mut value));
    let Process { slot, pid } = current();
    if slot.doomed.load(Ordering::Relaxed) || !slot.is_running(pid.generation()) {
        slot.in_teardown.store(true, Ordering::Relaxed);
    }
    drop_value(value);
    outcome.unwrap_or_else(|payload| user_code::keep_unwinding(payload))
}
