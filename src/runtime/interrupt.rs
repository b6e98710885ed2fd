//! Interrupts: they call a process back from code that the runtime does not know of.
//!
//! A process that is about to wait outside of the runtime, in a system call or in a foreign
//! library, *arms* its slot with a function that makes this wait return. Whoever sends it an exit
//! signal that would end it, or kills it, *calls* the interrupt, at most once. When the wait is
//! over the process *disarms* its slot, and waits until a call that has begun has ended: so no
//! interrupt runs once the code that it interrupts has been left.
//!
//! Both sides follow the rule of [`slot`](super::slot): the sender pushes the signal, or changes
//! the phase, and then looks whether the slot is armed; the process arms its slot, and then looks
//! whether it was called off. At least one of them sees what the other did.

use std::fmt;
use std::mem;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering, fence};

use parking_lot::{Condvar, Mutex};

use crate::id::Pid;

/// Makes the wait of a process return. Whoever signals the process calls it, so it must not block;
/// what takes longer it hands on, together with its argument.
pub(crate) type Wake = Arc<dyn Fn(InProgress) + Send + Sync>;

/// An interrupt that was called and has not ended. It ends when this is dropped.
#[derive(Debug)]
pub(crate) struct InProgress {
    interrupt: &'static Interrupt,
    wait: WaitId,
}

impl Drop for InProgress {
    fn drop(&mut self) {
        let InProgress { interrupt, wait } = self;
        interrupt.state.lock().in_progress.retain(|other| other != wait);
        interrupt.ended.notify_all();
    }
}

/// The interrupt of one slot.
#[derive(Debug, Default)]
pub(crate) struct Interrupt {
    /// Whether there is one to call. Written under the lock.
    armed: AtomicBool,
    state: Mutex<State>,
    /// Told when a call has ended.
    ended: Condvar,
}

#[derive(Debug, Default)]
struct State {
    armed: Option<Armed>,
    last: WaitId,
    /// The waits whose interrupts were called and have not ended.
    in_progress: Vec<WaitId>,
}

/// The number of a wait: one may be inside of another.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct WaitId(u64);

/// What a slot is armed with.
pub(crate) struct Armed {
    pid: Pid,
    wait: WaitId,
    wake: Wake,
}

impl fmt::Debug for Armed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Armed").field("pid", &self.pid).finish_non_exhaustive()
    }
}

impl Interrupt {
    /// Arms the slot, whose process `pid` is the caller, for a wait. Returns the wait, and what the
    /// slot was armed with: the code that is about to wait may itself run in such a wait.
    pub(crate) fn arm(&self, pid: Pid, wake: Wake) -> (WaitId, Option<Armed>) {
        let mut state = self.state.lock();
        let wait = WaitId(state.last.0 + 1);
        state.last = wait;
        let outer = state.armed.replace(Armed { pid, wait, wake });
        self.armed.store(true, Ordering::SeqCst);
        drop(state);
        fence(Ordering::SeqCst);
        (wait, outer)
    }

    /// Arms the slot with what it was armed with before `wait`, and waits until no call of that is
    /// in progress. Returns what it was armed with, if that was not called.
    pub(crate) fn disarm(&self, wait: WaitId, outer: Option<Armed>) -> Option<Armed> {
        let mut state = self.state.lock();
        self.armed.store(outer.is_some(), Ordering::SeqCst);
        let armed = mem::replace(&mut state.armed, outer);
        while state.in_progress.contains(&wait) {
            self.ended.wait(&mut state);
        }
        drop(state);
        armed
    }

    /// Returns whether the slot's process is in a wait that can be interrupted.
    ///
    /// A caller that has stored something to be seen by the process has fenced since.
    #[inline]
    pub(crate) fn is_armed(&self) -> bool {
        self.armed.load(Ordering::SeqCst)
    }

    /// Calls the interrupt of `pid`, if the slot is armed for it.
    pub(crate) fn call(&'static self, pid: Pid) {
        let mut state = self.state.lock();
        let Some(armed) = state.armed.take_if(|armed| armed.pid == pid) else { return };
        self.armed.store(false, Ordering::SeqCst);
        state.in_progress.push(armed.wait);
        drop(state);
        (armed.wake)(InProgress { interrupt: self, wait: armed.wait });
    }
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU64;
    use std::sync::atomic::AtomicUsize;

    use once_cell::sync::Lazy;

    use super::*;

    fn pid(generation: u64) -> Pid {
        Pid::local(1, NonZeroU64::new(generation).unwrap())
    }

    #[test]
    fn a_signal_to_an_earlier_process_of_the_slot_calls_nobody_back() {
        static INTERRUPT: Lazy<Interrupt> = Lazy::new(Interrupt::default);
        let calls = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&calls);
        let wake: Wake = Arc::new(move |_| _ = counted.fetch_add(1, Ordering::SeqCst));

        let (wait, outer) = INTERRUPT.arm(pid(2), Arc::clone(&wake));
        assert!(outer.is_none());
        INTERRUPT.call(pid(1));
        assert!(INTERRUPT.disarm(wait, None).is_some());
        assert_eq!(calls.load(Ordering::SeqCst), 0);

        let (wait, _) = INTERRUPT.arm(pid(2), wake);
        INTERRUPT.call(pid(2));
        assert!(INTERRUPT.disarm(wait, None).is_none() && !INTERRUPT.is_armed());
        assert_eq!(calls.load(Ordering::SeqCst), 1);
    }
}
