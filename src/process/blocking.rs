//! Waiting outside of the runtime, where exit signals and kill reach a process by an interrupt.

use std::sync::Arc;

use parking_lot::Mutex;

use crate::runtime::detached::run_detached;
use crate::runtime::interrupt::{Armed, WaitId, Wake};
use crate::runtime::table::Process;
use crate::user_code::{Guarded, drop_caught};

use super::current::{CallerState, current};

/// Runs `body`, which waits outside of the runtime; an exit signal or a kill that comes meanwhile
/// calls `interrupt`, which is to make it return.
///
/// A process can only be ended at a call of this crate. One that waits elsewhere, for a device, in
/// a C library, for a lock of another crate, ends when that wait is over; `interrupt` ends it now.
/// What it does depends on what `body` waits for: it cancels, closes or sends something. `body`
/// then returns early, with whatever it has. Sockets, pipes, child processes and standard input
/// need none of this: the types in [`io`] do it by themselves.
///
/// ```
/// use procession::prelude::*;
/// use std::sync::mpsc::channel;
///
/// let (worker, monitor) = process::spawn_monitor(|| {
///     let (cancel, cancelled) = channel();
///     // Stands for a wait in a library that can be cancelled.
///     let wait = || _ = cancelled.recv();
///     process::blocking(move || cancel.send("now").unwrap(), wait);
/// })?;
/// process::exit(worker, ExitReason::Shutdown);
/// receive! {
///     down: Down if down.monitor == monitor => assert_eq!(down.reason, ExitReason::Shutdown),
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # When `interrupt` is called
///
/// It is called by a kill, and by an exit signal that would end a process that does not trap exits.
/// When `body` has returned, a process that is to end unwinds, and what `body` has returned is
/// dropped. A process that traps exits gets its [`Exit`](crate::Exit) message, and goes on. If the
/// message is in the mailbox already, or if the process is unwinding, `interrupt` is called as
/// `body` begins. Other messages interrupt nothing, nor does an order to
/// [stop](crate::gen_server::ServerRef::stop) a server.
///
/// It is called at most once, in a process of its own, so it may take its time without delaying
/// whoever has sent the signal; and it is not running any more when `blocking` returns, which waits
/// for its end. A panic in it is logged. If it is not called, the caller drops it. If no thread can
/// be had for it, the sender of the signal calls it.
///
/// `body` may use this crate, and may call `blocking` itself: then the inner `interrupt` is called
/// first, and the outer one when the inner `body` has returned.
///
/// If `body` does not return, a killed process is [left behind](super::Builder::kill_grace) when
/// its grace is over.
///
/// OTP: what a port does when its owner ends.
///
/// # Panics
///
/// In a thread of the program's own that was killed: before `body` runs, or when it has returned.
///
#[cfg_attr(all(feature = "io", target_os = "linux"), doc = "[`io`]: crate::io")]
#[cfg_attr(
    not(all(feature = "io", target_os = "linux")),
    doc = "[`io`]: https://docs.rs/procession/latest/procession/io/index.html"
)]
pub fn blocking<R>(interrupt: impl FnOnce() + Send + 'static, body: impl FnOnce() -> R) -> R {
    let wake = in_process_of_its_own(Guarded::new(interrupt));
    let body = Guarded::new(body);
    let process = current();
    let (interruptible, caller) = Interruptible::begin(process, &wake);
    drop(wake);
    match caller {
        CallerState::Live if process.trapped_exit().is_none() => {}
        CallerState::Live | CallerState::Unwinding => process.slot.interrupt.call(process.pid),
        CallerState::Gone => process.panic_if_gone(),
    }
    let result = Guarded::new(body.into_inner()());
    drop(interruptible);
    process.sort_or_unwind();
    result.into_inner()
}

/// Returns a function that has `interrupt` called by a process made for it.
fn in_process_of_its_own(interrupt: Guarded<impl FnOnce() + Send + 'static>) -> Wake {
    let interrupt = Mutex::new(Some(interrupt));
    Arc::new(move |in_progress| {
        let interrupt = interrupt.lock().take();
        run_detached(move || {
            interrupt.into_iter().for_each(|interrupt| interrupt.into_inner()());
            drop(in_progress);
        });
    })
}

/// A process that may wait outside of the runtime, as long as this exists.
pub(super) struct Interruptible {
    process: Process,
    wait: WaitId,
    /// What the process was armed with before.
    outer: Option<Armed>,
}

impl Interruptible {
    /// Arms the calling process, when all exit signals that have arrived are judged. Unwinds it if
    /// it is to end and can unwind; nothing interrupts one that is gone.
    pub(super) fn begin(process: Process, wake: &Wake) -> (Option<Interruptible>, CallerState) {
        let Process { slot, pid } = process;
        loop {
            slot.is_urgent(); // Resets the flag: everything that has arrived is sorted next.
            process.sort();
            let caller = process.state_or_unwind();
            if let CallerState::Gone = caller {
                return (None, caller);
            }
            let (wait, outer) = slot.interrupt.arm(pid, Arc::clone(wake));
            let interruptible = Interruptible { process, wait, outer };
            let is_live = matches!(caller, CallerState::Live);
            if !is_live || !slot.is_called_off(pid.generation()) {
                return (Some(interruptible), caller);
            }
        }
    }
}

impl Drop for Interruptible {
    fn drop(&mut self) {
        let Process { slot, pid } = self.process;
        match slot.interrupt.disarm(self.wait, self.outer.take()) {
            Some(armed) => drop_caught(armed),
            // What has called it back concerns the outer wait, too.
            None => slot.interrupt.call(pid),
        }
    }
}
