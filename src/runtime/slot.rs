//! One place of the process table: what the runtime keeps of a process.
//!
//! # The life of a slot
//!
//! One word holds the generation (which process lives here) and its phase. It only changes by
//! compare-exchange, so of several parties that want to end a process exactly one does.
//!
//! ```text
//!   Free ---> Running ---- its body ends ----> Closing ---- the thread leaves ----> Free
//!                |                                ^
//!               kill --> Exiting -- unwound ------+
//!                |          |
//!                |    grace is over
//!                |          v
//!                +------> Taken ----- its exit is told ----> Abandoned
//!              foreign      |                                    |
//!              thread, or   | the thread leaves                  | the thread leaves
//!              orphan whose |                                    |
//!              grace is over|                                    |
//!                           v                                    v
//!                          Left ----- its exit is told -------> Free
//! ```
//!
//! A process is alive while its slot is `Running`. Whoever moves the slot to `Closing` or `Taken`
//! runs the exit (see [`exit`](super::exit)). A slot is free again, with the next
//! generation, when its thread has left it and its exit has been told; where two parties are
//! involved, the later one frees it. So nobody ever acts for two processes of one slot.
//!
//! # How a message to a process that is just ending is dropped
//!
//! Sending takes no lock and counts no references, so a message can be pushed after its receiver is
//! gone. Both sides follow one rule, with a full fence between the two steps: the sender pushes,
//! then looks at the phase again `(*)`; the ending process leaves `Running`, then drains the
//! channel. At least one of them sees what the other did. A sender that finds the process gone
//! sweeps: it empties a slot that is not running, and wakes the next owner of one that is, which
//! discards what is addressed to an earlier generation. The sweep lock keeps a free slot from being
//! given away in between.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;
use std::num::NonZeroU64;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering, fence};
use std::time::{Duration, Instant};

use crossbeam_utils::CachePadded;
use crossbeam_utils::sync::{Parker, Unparker};
use parking_lot::Mutex;

use crate::exit::ExitReason;
use crate::id::Pid;
use crate::message::Message;
use crate::user_code::drop_caught;

use super::backoff::Parked;
use super::clock;
use super::links::{Links, Untold};
use super::mailbox::{Envelope, Mailbox, Orphans, Signal};
use super::reply_slot::{Clients, ReplySlot};

use super::wait_graph::{Ends, WaitEdge};

/// What the process of a slot is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Phase {
    /// No process lives here.
    Free,
    /// The process is alive.
    Running,
    /// The process was killed; its thread has not left user code yet.
    Exiting,
    /// The process has left user code and its exit is being told.
    Closing,
    /// Somebody else is telling its exit; the thread has still to leave.
    Taken,
    /// Somebody else has told its exit; the thread has still to leave.
    Abandoned,
    /// The thread has left; somebody else is still telling the exit.
    Left,
}

const PHASE_BITS: u32 = 3;

/// A generation and a phase in one word.
#[derive(Debug)]
struct State(AtomicU64);

impl State {
    fn new() -> State {
        State(AtomicU64::new(pack(NonZeroU64::MIN, Phase::Free)))
    }

    #[inline]
    fn load(&self) -> u64 {
        self.0.load(Ordering::SeqCst)
    }

    fn change(&self, generation: NonZeroU64, from: Phase, to: Phase) -> bool {
        let (from, to) = (pack(generation, from), pack(generation, to));
        self.0.compare_exchange(from, to, Ordering::SeqCst, Ordering::SeqCst).is_ok()
    }

    fn generation(&self) -> NonZeroU64 {
        NonZeroU64::new(self.load() >> PHASE_BITS).expect("generations start at one")
    }
}

const fn pack(generation: NonZeroU64, phase: Phase) -> u64 {
    generation.get() << PHASE_BITS | phase as u64
}

/// The values of one process.
pub(crate) type Dictionary = BTreeMap<Cow<'static, str>, Message>;

/// Runs the process with this pid to the end of its exit. True if the slot is free then.
pub(crate) type Run = Box<dyn FnOnce(Pid) -> bool + Send>;

/// The next task of a thread that waits.
pub(crate) enum Job {
    /// Run a process.
    Run(Pid, Run),
    /// End, for a thread of another kind.
    End,
}

impl fmt::Debug for Job {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Job::Run(pid, _) => f.debug_tuple("Run").field(pid).finish(),
            Job::End => f.write_str("End"),
        }
    }
}

/// What the runtime keeps of the process of one slot. Slots are never freed, only used again.
#[derive(Debug)]
pub(crate) struct Slot {
    index: u32,
    /// Read by every sender, so nothing that changes often is beside it.
    state: CachePadded<State>,
    /// Set when an exit signal was pushed: it is not to wait behind the messages in the queue.
    urgent: CachePadded<AtomicBool>,
    /// Taken to empty a slot that is not running, and to give a free one away.
    sweep: Mutex<()>,
    pub(crate) mailbox: Mailbox,
    pub(crate) wait: CachePadded<Wait>,
    /// Whose ends it waits for.
    pub(crate) ends: Ends,
    /// How many processes wait for a reply of this one.
    pub(crate) clients: CachePadded<Clients>,
    /// Only the slot's own thread parks, so it never waits for this lock.
    parker: Mutex<Parker>,
    unparker: Unparker,
    /// The next process for a worker thread that waits in this slot.
    pub(crate) job: Mutex<Option<Job>>,
    /// The links and monitors of the process, closed when it ends.
    pub(crate) links: Mutex<Links>,
    /// Who waits until the end of the process has been told.
    pub(crate) untold: Mutex<Untold>,
    /// Why the process is ending, once that is settled; the first reason stays.
    pub(crate) verdict: Mutex<Option<ExitReason>>,
    /// Set when the process has an exit signal to die of. Written by its own thread.
    pub(crate) doomed: AtomicBool,
    /// Set when only destructors are left to run: they must not wait, and cannot be unwound.
    pub(crate) leaving: AtomicBool,
    /// Set while the process writes a report of its end.
    pub(crate) reporting: AtomicBool,
    /// Whether it has been asked to trap exits.
    pub(crate) trap_exit: AtomicBool,
    /// Set while it waits in [`hibernate`](super::hibernate).
    pub(crate) hibernates: AtomicBool,
    /// Whether the thread belongs to the program rather than to the runtime.
    pub(crate) foreign: AtomicBool,
    /// How long a killed process may take to leave user code, in nanoseconds.
    pub(crate) kill_grace: AtomicU64,
    pub(crate) profile: Mutex<Profile>,
    pub(crate) dictionary: Mutex<Dictionary>,
}

/// What others look at, and change, when they answer a process that waits.
///
/// What is changed when a call is answered stands together.
#[derive(Debug, Default)]
#[repr(C)]
pub(crate) struct Wait {
    /// Set while the thread is parked, or about to be.
    parked: AtomicBool,
    /// When somebody began to wake it, 0 if nobody has. Relaxed: the waker's unpark, which comes
    /// after the store, publishes it.
    woken_at: AtomicU64,
    /// Whom the process waits for.
    pub(crate) edge: WaitEdge,
    /// Where the reply to its call is put.
    pub(crate) reply: ReplySlot,
}

/// How a process starts out.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Settings {
    pub(crate) trap_exit: bool,
    pub(crate) foreign: bool,
    pub(crate) kill_grace: Duration,
}

/// What is set when a process starts and seldom changes afterwards.
#[derive(Clone, Debug)]
pub(crate) struct Profile {
    pub(crate) started: Instant,
    pub(crate) label: Option<Arc<str>>,
    /// What it was started as, if that was by `proc_lib`.
    pub(crate) initial_call: Option<&'static str>,
    /// The nearest ancestors, the parent first.
    pub(crate) ancestors: Arc<[Pid]>,
}

impl Profile {
    pub(crate) fn new(ancestors: Arc<[Pid]>) -> Profile {
        Profile { started: Instant::now(), label: None, initial_call: None, ancestors }
    }
}

impl Slot {
    pub(crate) fn new(index: u32) -> Slot {
        let parker = Parker::new();
        Slot {
            index,
            state: CachePadded::new(State::new()),
            urgent: CachePadded::default(),
            sweep: Mutex::new(()),
            mailbox: Mailbox::new(),
            wait: CachePadded::default(),
            ends: Ends::default(),
            clients: CachePadded::default(),
            unparker: parker.unparker().clone(),
            parker: Mutex::new(parker),
            job: Mutex::new(None),
            links: Mutex::new(Links::closed()),
            untold: Mutex::default(),
            verdict: Mutex::new(None),
            doomed: AtomicBool::new(false),
            leaving: AtomicBool::new(false),
            reporting: AtomicBool::new(false),
            trap_exit: AtomicBool::new(false),
            hibernates: AtomicBool::new(false),
            foreign: AtomicBool::new(false),
            kill_grace: AtomicU64::new(0),
            profile: Mutex::new(Profile::new(Arc::from([]))),
            dictionary: Mutex::default(),
        }
    }

    /// The process that lives here, if it is alive.
    pub(crate) fn resident(&self) -> Option<Pid> {
        let generation = self.state.generation();
        self.is_running(generation).then(|| Pid::local(self.index, generation))
    }

    #[inline]
    pub(crate) fn is_running(&self, generation: NonZeroU64) -> bool {
        self.state.load() == pack(generation, Phase::Running)
    }

    /// The process that lives here, if it is alive or was killed and has not left user code.
    pub(crate) fn occupant(&self) -> Option<Pid> {
        let generation = self.state.generation();
        let stays = self.is_running(generation) || self.is_exiting(generation);
        stays.then(|| Pid::local(self.index, generation))
    }

    /// Whether the process was killed and has not left user code.
    pub(crate) fn is_exiting(&self, generation: NonZeroU64) -> bool {
        self.state.load() == pack(generation, Phase::Exiting)
    }

    /// Whether somebody else than the process's thread tells, or has told, its exit.
    #[inline]
    pub(crate) fn is_left_behind(&self, generation: NonZeroU64) -> bool {
        let state = self.state.load();
        state == pack(generation, Phase::Taken) || state == pack(generation, Phase::Abandoned)
    }

    /// Gives the free slot to a new process, which is alive from here on.
    pub(crate) fn begin(&self, profile: Profile, settings: Settings) -> Pid {
        let pid = Pid::local(self.index, self.state.generation());
        self.doomed.store(false, Ordering::Relaxed);
        self.leaving.store(false, Ordering::Relaxed);
        self.trap_exit.store(settings.trap_exit, Ordering::Relaxed);
        self.foreign.store(settings.foreign, Ordering::Relaxed);
        self.set_kill_grace(settings.kill_grace);
        self.mailbox.reset();
        *self.profile.lock() = profile;
        *self.links.lock() = Links::open(pid);
        *self.untold.lock() = Untold::of(pid);

        let _sweep = self.sweep.lock();
        let given = self.state.change(pid.generation(), Phase::Free, Phase::Running);
        assert!(given, "a slot was given away that was not free");
        pid
    }

    /// Starts the kill of a process that has a grace to leave user code. False if it was not alive.
    pub(crate) fn mark_exiting(&self, generation: NonZeroU64) -> bool {
        self.state.change(generation, Phase::Running, Phase::Exiting)
    }

    /// Claims the exit for the process's own thread. False if somebody else has run it.
    pub(crate) fn close(&self, generation: NonZeroU64) -> bool {
        self.state.change(generation, Phase::Running, Phase::Closing)
            || self.state.change(generation, Phase::Exiting, Phase::Closing)
    }

    /// Claims the exit of a killed process for the caller, who is not its thread.
    pub(crate) fn take(&self, generation: NonZeroU64) -> bool {
        self.state.change(generation, Phase::Exiting, Phase::Taken)
    }

    /// Claims the exit of a foreign thread, which has no grace.
    pub(crate) fn seize(&self, generation: NonZeroU64) -> bool {
        self.state.change(generation, Phase::Running, Phase::Taken)
    }

    /// Claims the exit of a process whose grace is over, though it was not killed: it has an exit
    /// signal to die of, for `reason`.
    pub(crate) fn seize_for(&self, generation: NonZeroU64, reason: &ExitReason) -> bool {
        let reason = reason.clone();
        // Under the lock: its own thread, once it sees that it is not alive, settles a reason.
        let mut verdict = self.verdict.lock();
        let seized = self.seize(generation);
        if seized && verdict.is_none() {
            *verdict = Some(reason);
        }
        seized
    }

    /// Says that an exit that was taken has been told. True if that has freed the slot.
    pub(crate) fn told(&self, generation: NonZeroU64) -> bool {
        let thread_has_left = !self.state.change(generation, Phase::Taken, Phase::Abandoned);
        if thread_has_left {
            self.free(generation, Phase::Left);
        }
        thread_has_left
    }

    /// Says that the slot's thread has left the process. True if that has freed the slot.
    pub(crate) fn leave(&self, generation: NonZeroU64) -> bool {
        let phase = if self.state.load() == pack(generation, Phase::Closing) {
            Phase::Closing
        } else if self.state.change(generation, Phase::Taken, Phase::Left) {
            return false;
        } else {
            Phase::Abandoned
        };
        self.free(generation, phase);
        true
    }

    /// Makes the slot ready for its next process.
    fn free(&self, generation: NonZeroU64, from: Phase) {
        // The reason may hold a value of the user's.
        let reason = self.verdict.lock().take();
        drop_caught(reason);
        let next = generation.checked_add(1).expect("a slot outlives no 2^61 processes");
        let (from, to) = (pack(generation, from), pack(next, Phase::Free));
        let freed = self.state.0.compare_exchange(from, to, Ordering::SeqCst, Ordering::SeqCst);
        assert!(freed.is_ok(), "a slot was freed twice");
        self.sweep().drop_caught();
    }

    /// Puts `signal` into the mailbox of `generation`.
    ///
    /// # Errors
    ///
    /// That process is gone. The signal is among what is to be dropped, unless somebody else does
    /// that.
    #[inline]
    pub(crate) fn deliver(&self, generation: NonZeroU64, signal: Signal) -> Result<(), Orphans> {
        if !self.is_running(generation) {
            let mut orphans = Orphans::from(signal);
            orphans.bounce();
            return Err(orphans);
        }
        let is_urgent = signal.is_urgent();
        self.mailbox.push(Envelope { generation, signal });
        if is_urgent {
            // Not a store: that of one sender must not hide the push of another.
            self.urgent.swap(true, Ordering::Release);
        }
        fence(Ordering::SeqCst);
        if self.is_running(generation) {
            self.unpark_if_parked();
            Ok(())
        } else {
            Err(self.sweep()) // (*)
        }
    }

    /// Whether the owner is to stop waiting, whatever it waits for: as it was killed, or is to
    /// sort.
    #[inline]
    pub(crate) fn is_called_off(&self, generation: NonZeroU64) -> bool {
        !self.is_running(generation) || self.urgent.load(Ordering::Relaxed)
    }

    /// Whether an exit signal has been pushed since this was last asked. For the owner, who sorts
    /// then.
    #[inline]
    pub(crate) fn is_urgent(&self) -> bool {
        self.urgent.load(Ordering::Relaxed) && self.urgent.swap(false, Ordering::Acquire)
    }

    /// Takes out what is in the mailbox of a slot that is not running, to be dropped.
    #[cold]
    fn sweep(&self) -> Orphans {
        let guard = self.sweep.lock();
        if self.resident().is_some() {
            drop(guard);
            self.wake();
            return Orphans::default();
        }
        let generation = self.state.generation();
        let mut orphans = self.mailbox.drain(generation);
        // Whoever was killed and has not left tells its clients when it does.
        let is_exiting = self.is_exiting(generation);
        drop(guard);
        if !is_exiting {
            orphans.bounce();
        }
        orphans
    }

    /// Gives the process that lives here the reply to `request`, if it waits for that; else it is
    /// of no use, and dropped.
    pub(crate) fn answer(&self, request: NonZeroU64, reply: Message) {
        if let Err(useless) = self.try_answer(request, reply) {
            useless.drop_caught();
        }
    }

    /// As [`answer`](Self::answer), but a reply of no use is returned, to be dropped.
    pub(crate) fn try_answer(&self, request: NonZeroU64, reply: Message) -> Result<(), Orphans> {
        let put = self.wait.reply.put(request, reply);
        put.map(|()| self.wake()).map_err(|useless| Orphans::from(Signal::Message(useless)))
    }

    /// Wakes the slot's thread, if it is parked or about to park, for something stored before.
    ///
    /// The caller stores, fences, and looks at `parked`; [`park_unless`](Self::park_unless) sets
    /// `parked`, fences, and looks at what was stored.
    pub(crate) fn wake(&self) {
        fence(Ordering::SeqCst);
        self.unpark_if_parked();
    }

    #[inline]
    fn unpark_if_parked(&self) {
        let Wait { parked, woken_at, .. } = &*self.wait;
        if parked.load(Ordering::Relaxed) && parked.swap(false, Ordering::SeqCst) {
            // Between the two, so that it is the time of this wake-up: the owner clears it before
            // it sets `parked`. A waker that is held up after its look at the clock may write into
            // a later wait, but a time from before that, which tells the owner nothing.
            woken_at.store(clock::now(), Ordering::Relaxed);
            self.unparker.unpark();
        }
    }

    /// Parks the slot's own thread until it is woken or `deadline` has come, unless `ready`.
    ///
    /// It may return without cause, so every caller loops.
    pub(crate) fn park_unless(
        &self,
        deadline: Option<Instant>,
        ready: impl Fn() -> bool,
    ) -> Parked {
        let parker = self.parker.lock();
        let Wait { parked, woken_at, .. } = &*self.wait;
        woken_at.store(0, Ordering::Relaxed);
        parked.store(true, Ordering::SeqCst);
        fence(Ordering::SeqCst);
        let is_ready = ready();
        if !is_ready {
            match deadline {
                Some(deadline) => parker.park_deadline(deadline),
                None => parker.park(),
            }
        }
        parked.store(false, Ordering::SeqCst);
        match woken_at.load(Ordering::Relaxed) {
            _ if is_ready => Parked::NotNeeded,
            0 => Parked::Otherwise,
            stamp => Parked::Woken(stamp),
        }
    }

    /// Whether only destructors are left to run, or nobody lives here at all.
    pub(crate) fn is_left(&self) -> bool {
        self.leaving.load(Ordering::Relaxed) || self.index == u32::MAX
    }

    pub(crate) fn is_parked(&self) -> bool {
        self.wait.parked.load(Ordering::Relaxed)
    }

    pub(crate) fn set_kill_grace(&self, grace: Duration) {
        let nanos = u64::try_from(grace.as_nanos()).unwrap_or(u64::MAX);
        self.kill_grace.store(nanos, Ordering::Relaxed);
    }

    pub(crate) fn kill_grace(&self) -> Duration {
        Duration::from_nanos(self.kill_grace.load(Ordering::Relaxed))
    }
}

#[cfg(test)]
mod tests {
    use std::hint;
    use std::sync::atomic::AtomicU32;
    use std::thread;

    use super::super::mailbox::{ExitCause, ExitSignal, Special};
    use super::*;

    const ROUNDS: u32 = 100_000;

    /// Only a failing test waits so long.
    fn deadline() -> Option<Instant> {
        Some(Instant::now() + Duration::from_secs(20))
    }

    /// Parks, and checks that it was woken by then.
    #[track_caller]
    fn park(slot: &Slot, ready: impl Fn() -> bool) -> Parked {
        let deadline = deadline();
        let parked = slot.park_unless(deadline, ready);
        assert!(Instant::now() < deadline.unwrap(), "nobody woke it");
        assert!(!slot.is_parked());
        parked
    }

    #[test]
    fn an_exit_signal_and_a_kill_call_off_whatever_the_owner_waits_for() {
        let slot = Slot::new(0);
        let settings = Settings { trap_exit: false, foreign: false, kill_grace: Duration::ZERO };
        let pid = slot.begin(Profile::new(Arc::from([])), settings);
        let generation = pid.generation();
        slot.deliver(generation, Signal::Message(Message::new(1))).unwrap();
        assert!(!slot.is_called_off(generation));

        let (reason, cause) = (ExitReason::Shutdown, ExitCause::Request);
        let signal = Special::Exit(ExitSignal { from: pid, reason, cause });
        slot.deliver(generation, signal.into()).unwrap();
        assert!(slot.is_called_off(generation));
        assert!(slot.is_urgent() && !slot.is_called_off(generation));

        assert!(slot.mark_exiting(generation));
        assert!(slot.is_called_off(generation));
    }

    #[test]
    fn a_wake_up_between_the_last_look_and_the_park_is_not_lost() {
        let slot = Slot::new(0);
        for _ in 0..ROUNDS {
            let before = clock::now();
            let parked = park(&slot, || {
                slot.wake();
                false // What it was woken for came just after it looked.
            });
            assert!(matches!(parked, Parked::Woken(stamp) if stamp >= before), "{parked:?}");
        }
    }

    #[test]
    fn one_that_sees_something_at_the_last_look_does_not_park() {
        let slot = Slot::new(0);
        assert_eq!(park(&slot, || true), Parked::NotNeeded);
    }

    #[test]
    fn a_wake_up_that_was_not_needed_ends_the_next_park_and_says_nothing() {
        let slot = Slot::new(0);
        for _ in 0..ROUNDS {
            let parked = park(&slot, || {
                slot.wake();
                true
            });
            assert_eq!(parked, Parked::NotNeeded);
            assert_eq!(park(&slot, || false), Parked::Otherwise);
        }
    }

    #[test]
    fn one_that_does_not_park_is_not_woken() {
        let slot = Slot::new(0);
        slot.wake();
        assert_eq!(slot.park_unless(Some(Instant::now()), || false), Parked::Otherwise);
    }

    #[test]
    fn a_waker_that_is_held_up_before_it_unparks_wakes_all_the_same() {
        let slot = &Slot::new(0);
        thread::scope(|scope| {
            let parked = park(slot, || {
                // As in `unpark_if_parked`, but the thread has parked before it goes on.
                assert!(slot.wait.parked.swap(false, Ordering::SeqCst));
                scope.spawn(|| {
                    (0..10).for_each(|_| thread::yield_now());
                    slot.wait.woken_at.store(7, Ordering::Relaxed);
                    slot.unparker.unpark();
                });
                false
            });
            assert_eq!(parked, Parked::Woken(7));
        });
    }

    #[test]
    fn a_stamp_that_comes_late_is_of_an_earlier_time() {
        let slot = Slot::new(0);
        let late = clock::now();
        let started = clock::now();
        let parked = park(&slot, || {
            slot.wake();
            slot.wait.woken_at.store(late, Ordering::Relaxed);
            false
        });
        assert!(matches!(parked, Parked::Woken(stamp) if stamp <= started), "{parked:?}");
    }

    #[test]
    fn no_wake_up_is_lost_in_a_hundred_thousand_races() {
        const LOOKS: u32 = 1_000;
        let slot = &Slot::new(0);
        let (told, heard) = (&AtomicU32::new(0), &AtomicU32::new(0));
        thread::scope(|scope| {
            let waker = scope.spawn(move || {
                for round in 1..=ROUNDS {
                    // The waker's store meets each step of its partner's in turn.
                    (0..round % 64).for_each(|_| hint::spin_loop());
                    told.store(round, Ordering::Relaxed);
                    slot.wake();
                    // Without sleep if there is a core for it, so that it is there in time.
                    let is_heard = || heard.load(Ordering::Acquire) == round;
                    let end = deadline().unwrap();
                    while !(0..LOOKS).any(|_| is_heard()) {
                        assert!(Instant::now() < end, "round {round} was not heard");
                        thread::park_timeout(Duration::from_secs(20));
                    }
                }
            });
            for round in 1..=ROUNDS {
                let is_told = || told.load(Ordering::Relaxed) >= round;
                while !is_told() {
                    let parked = park(slot, is_told);
                    // It may be from before: the waker may have been held up on its way.
                    assert!(!matches!(parked, Parked::Woken(stamp) if stamp > clock::now()));
                }
                heard.store(round, Ordering::Release);
                waker.thread().unpark();
            }
        });
    }
}
