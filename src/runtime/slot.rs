//! One place of the process table: what the runtime keeps of a process.
//!
//! # Terms
//!
//! - A **slot** is one place of the process table. Processes live in it one after the other; its
//!   **generation** is the number of the process that lives there, or will live there next.
//! - A process is **alive** until its exit is claimed or it is killed: while its slot is `Running`.
//! - It is **exiting** from its kill until its exit is claimed: its thread is still in user code.
//! - It is **abandoned** if it is still in user code when its **kill grace** is over: another
//!   thread runs its exit, and its own thread is **left behind**.
//! - It is **doomed** once it has sorted an exit signal that ends it. It unwinds from then on, at
//!   its next call into the runtime.
//! - It is **in teardown** when its body is over and only destructors are left to run. They must
//!   not wait, and cannot be unwound.
//! - A **foreign** process is a thread that the program, not the runtime, has started.
//! - To **claim** an exit is to become the one party that runs it. An exit **is told** when the
//!   name of the process is free and everybody concerned has been sent word of its end.
//! - The slot's thread **vacates** the slot when it will not touch it for this process any more.
//! - **Orphans** are signals that no process will receive, as the one they were sent to is gone. To
//!   **sweep** a slot is to take them out of its channel; to **bounce** one is to tell the client
//!   of a request that no process has got it. (An [`Orphan`](super::children::Orphan) is a child
//!   whose parent has ended.)
//!
//! # The life of a slot
//!
//! One word holds the generation and the slot's phase. It only changes by compare-exchange, so of
//! several parties that want to end a process exactly one does.
//!
//! ```text
//!   Free ---> Running ---- its body ends ----> Closing --- its thread vacates ---> Free
//!                |                                ^
//!               kill --> Exiting -- unwound ------+
//!                |          |
//!                |    grace is over
//!                |          v
//!                +------> Taken ----- its exit is told ----> Abandoned
//!              foreign      |                                    |
//!              thread, or   | its thread vacates                 | its thread vacates
//!              orphan whose |                                    |
//!              grace is over|                                    |
//!                           v                                    v
//!                        Vacated ---- its exit is told -------> Free
//! ```
//!
//! The party that moves the slot to `Closing` or `Taken` has claimed the exit, and runs it (see
//! [`exit`](super::exit)). A slot is free again, with the next generation, when its thread has
//! vacated it and its exit has been told; where these are two parties, the later one frees it. So
//! nobody ever acts for two processes of one slot.
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
//!
//! # Memory orderings
//!
//! Every access to the phase is `SeqCst`. What [`Slot::begin`] writes before is published by its
//! change of the phase to `Running`, and to the slot's thread by the lock of the job. After that a
//! field falls into one of three groups, and may be `Relaxed`:
//!
//! - *Own*: only the slot's own thread reads and writes it.
//! - *Shown*: only its own thread writes it, and the others that read it do so to show it, or take
//!   an earlier value as if they had come a moment earlier. No other memory hangs on it.
//! - *Fixed*: it does not change while the process lives.

use std::any::{Any, TypeId};
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;
use std::num::NonZeroU64;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering, fence};
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use crossbeam_utils::CachePadded;
use crossbeam_utils::sync::{Parker, Unparker};
use parking_lot::Mutex;

use crate::exit::ExitReason;
use crate::id::Pid;
use crate::message::{Message, Via};
use crate::user_code::drop_caught;

use super::backoff::Parked;
use super::bound::{Room, Sender};
use super::clock;
use super::interrupt::Interrupt;
use super::links::{Links, PendingExit};
use super::mailbox::{Envelope, Mailbox, Orphans, Pushed, Signal};
use super::os_thread::OsThread;
use super::parked::ParkedFor;
use super::reply_slot::{Clients, ReplySlot};
use super::tuning::{WaterMarks, long_message_queue};
use super::wait_graph::{Ends, WaitEdge};

/// What the process of a slot is doing: see [the life of a slot](self#the-life-of-a-slot).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Phase {
    /// No process lives here.
    Free,
    /// The process is alive.
    Running,
    /// The process was killed, and its thread has not left user code yet.
    Exiting,
    /// The process has left user code, and its own thread runs its exit.
    Closing,
    /// Another thread runs its exit, and its own thread has not vacated the slot yet.
    Taken,
    /// Another thread has told its exit, and its own thread has not vacated the slot yet.
    Abandoned,
    /// Its own thread has vacated the slot, and another one still runs its exit.
    Vacated,
}

/// Whether a slot is free after one of the two things that this takes: its thread has vacated it,
/// or its exit has been told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use = "a free slot that is not kept for the next process is lost"]
pub(crate) enum Vacancy {
    /// It is free, and the caller is the one to give it away.
    Free,
    /// The other of the two is to come, and will free it.
    Pending,
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

/// Runs the process with this pid to the end of its exit, when its thread vacates the slot.
pub(crate) type Run = Box<dyn FnOnce(Pid) -> Vacancy + Send>;

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
    /// Set when an exit signal has been pushed, which must not wait behind the messages in the
    /// queue.
    urgent: CachePadded<AtomicBool>,
    /// Locked to empty a slot that is not running, and to give a free one away.
    sweep: Mutex<()>,
    pub(crate) mailbox: Mailbox,
    pub(crate) wait: CachePadded<Wait>,
    /// The processes whose ends it waits for.
    pub(crate) ends: Ends,
    /// How many processes wait for a reply of this one.
    pub(crate) clients: CachePadded<Clients>,
    /// What calls the process back from a wait outside of the runtime.
    pub(crate) interrupt: Interrupt,
    /// Locked by the slot's own thread alone, which so never waits for the lock.
    parker: Mutex<Parker>,
    unparker: Unparker,
    /// The thread, as the operating system knows it.
    pub(crate) thread: OsThread,
    /// The next process for a worker thread that waits in this slot.
    pub(crate) job: Mutex<Option<Job>>,
    /// The links, monitors and aliases of the process, closed when it ends.
    pub(crate) links: Mutex<Links>,
    /// What is to be done when the end of the process is told.
    pub(crate) pending_exit: Mutex<PendingExit>,
    /// Why the process ends, once that is settled: the first reason stays.
    pub(crate) exit_reason: Mutex<Option<ExitReason>>,
    /// How often the process has come to a receive point. *Shown.*
    receive_points: AtomicU64,
    /// The request, made by hand, whose answer it waits for; 0 if there is none. *Shown.*
    pub(crate) awaits: AtomicU64,
    /// Whether the process is doomed. *Shown.*
    pub(crate) doomed: AtomicBool,
    /// Whether the process is in teardown. *Own.*
    pub(crate) in_teardown: AtomicBool,
    /// Set while the process writes a report of its end. *Own.*
    pub(crate) reporting: AtomicBool,
    /// Whether it has asked to trap exits. *Shown*; where a parent depends on it, the lock of
    /// `pending_exit` orders it: see [`children::set_trap_exit`](super::children::set_trap_exit).
    pub(crate) trap_exit: AtomicBool,
    /// Set when an exit signal that would else have ended it was queued as a message. *Own.*
    pub(crate) trapped: AtomicBool,
    /// Whether the thread belongs to the program rather than to the runtime. *Fixed.*
    pub(crate) foreign: AtomicBool,
    /// How long a killed process may take to leave user code, in nanoseconds. *Shown.*
    pub(crate) kill_grace: AtomicU64,
    pub(crate) profile: Mutex<Profile>,
    pub(crate) dictionary: Mutex<Dictionary>,
}

/// What others look at, and change, when they answer a process that waits.
///
/// The fields that change when a call is answered lie together.
#[derive(Debug, Default)]
#[repr(C)]
pub(crate) struct Wait {
    /// A [`ParkedFor`] while the thread is parked, or about to be.
    parked: AtomicU8,
    /// When another thread began to wake it; 0 if none has.
    woken_at: AtomicU64,
    /// Which process it waits for.
    pub(crate) edge: WaitEdge,
    /// Where the reply to its call is put.
    pub(crate) reply: ReplySlot,
}

/// What has become of a message that was offered to a bounded mailbox.
#[derive(Debug)]
pub(crate) enum Offered {
    /// It was delivered, or dropped as one to any process that has ended.
    Done(Result<(), Orphans>),
    /// It was delivered, and an older one is among the orphans for it.
    Dropped(Orphans),
    /// There is no room for it.
    Full(Message),
}

impl Sender for Slot {
    fn let_go(&self, wait: NonZeroU64) {
        self.wait.edge.clear(wait); // First: there must be no edge for a wait that is over.
        self.wake();
    }
}

/// The settings that a process starts with.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Settings {
    pub(crate) trap_exit: bool,
    pub(crate) foreign: bool,
    pub(crate) kill_grace: Duration,
    /// At how many messages in the mailbox there is a report.
    pub(crate) long_message_queue: WaterMarks,
    /// The room of its mailbox, if that is bounded.
    pub(crate) room: Option<Room>,
}

/// How long a killed process may take to leave user code, unless its spawner says otherwise.
pub(crate) const KILL_GRACE: Duration = Duration::from_secs(1);

impl Default for Settings {
    fn default() -> Settings {
        Settings {
            trap_exit: false,
            foreign: false,
            kill_grace: KILL_GRACE,
            long_message_queue: long_message_queue(),
            room: None,
        }
    }
}

/// What is set when a process starts and seldom changes afterwards.
#[derive(Clone, Debug)]
pub(crate) struct Profile {
    pub(crate) started: Instant,
    pub(crate) label: Option<Arc<str>>,
    /// The name that it was started under as a server, if a registrar keeps it.
    pub(crate) via: Option<Via>,
    /// What it is doing, for the report of its crash.
    pub(crate) context: Option<Arc<str>>,
    /// What it was started as, if it was started by `proc_lib`.
    pub(crate) initial_call: Option<&'static str>,
    /// Whether it is a behaviour.
    pub(crate) behaviour: bool,
    /// The nearest ancestors, the parent first.
    pub(crate) ancestors: Arc<[Pid]>,
    /// What the process shows of itself to those that look at it without waiting for it.
    pub(crate) shown: Vec<Shown>,
}

/// A value that a process shows as long as it keeps it.
#[derive(Clone, Debug)]
pub(crate) struct Shown {
    kind: TypeId,
    value: Weak<dyn Any + Send + Sync>,
}

impl Shown {
    pub(crate) fn new<T: Any + Send + Sync>(value: &Arc<T>) -> Shown {
        let value: Arc<dyn Any + Send + Sync> = Arc::<T>::clone(value);
        Shown { kind: TypeId::of::<T>(), value: Arc::downgrade(&value) }
    }

    /// Returns the value, if it is a `T`. To others this takes no reference: it could become the
    /// last one, with which the value is dropped.
    pub(crate) fn get<T: Any + Send + Sync>(&self) -> Option<Arc<T>> {
        let is_it = self.kind == TypeId::of::<T>();
        is_it.then(|| self.value.upgrade()?.downcast().ok()).flatten()
    }
}

impl Profile {
    pub(crate) fn new(ancestors: Arc<[Pid]>) -> Profile {
        Profile {
            started: Instant::now(),
            label: None,
            via: None,
            context: None,
            initial_call: None,
            behaviour: false,
            ancestors,
            shown: Vec::new(),
        }
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
            interrupt: Interrupt::default(),
            unparker: parker.unparker().clone(),
            parker: Mutex::new(parker),
            thread: OsThread::default(),
            job: Mutex::new(None),
            links: Mutex::new(Links::closed()),
            pending_exit: Mutex::default(),
            exit_reason: Mutex::new(None),
            receive_points: AtomicU64::new(0),
            awaits: AtomicU64::new(0),
            doomed: AtomicBool::new(false),
            in_teardown: AtomicBool::new(false),
            reporting: AtomicBool::new(false),
            trap_exit: AtomicBool::new(false),
            trapped: AtomicBool::new(false),
            foreign: AtomicBool::new(false),
            kill_grace: AtomicU64::new(0),
            profile: Mutex::new(Profile::new(Arc::from([]))),
            dictionary: Mutex::default(),
        }
    }

    /// Returns the process that lives here, if it is alive.
    pub(crate) fn resident(&self) -> Option<Pid> {
        let generation = self.state.generation();
        self.is_running(generation).then(|| Pid::local(self.index, generation))
    }

    /// Returns the number of the process that lives here, or will live here next.
    #[inline]
    pub(crate) fn generation(&self) -> NonZeroU64 {
        self.state.generation()
    }

    /// Returns the newest process that lives here, or has lived here, whose generation has this low
    /// half.
    #[cfg(feature = "dist")]
    pub(crate) fn newest(&self, low: u32) -> Option<Pid> {
        let state = self.state.load();
        let is_free = state & ((1 << PHASE_BITS) - 1) == Phase::Free as u64;
        let last = (state >> PHASE_BITS) - u64::from(is_free);
        let back = (last as u32).wrapping_sub(low); // The low half of the last one is meant.
        let generation = NonZeroU64::new(last.checked_sub(back.into())?)?;
        Some(Pid::local(self.index, generation))
    }

    #[inline]
    pub(crate) fn is_running(&self, generation: NonZeroU64) -> bool {
        self.state.load() == pack(generation, Phase::Running)
    }

    /// Returns whether this generation lives here, or has not left the slot yet.
    pub(crate) fn is_of(&self, generation: NonZeroU64) -> bool {
        self.state.generation() == generation
    }

    /// Returns the process that lives here, if it is alive or exiting.
    pub(crate) fn occupant(&self) -> Option<Pid> {
        let generation = self.state.generation();
        let stays = self.is_running(generation) || self.is_exiting(generation);
        stays.then(|| Pid::local(self.index, generation))
    }

    /// Returns the process that lived here, if its thread is left behind.
    pub(crate) fn left_behind(&self) -> Option<Pid> {
        let generation = self.state.generation();
        let is_left_behind = self.is_left_behind(generation);
        is_left_behind.then(|| Pid::local(self.index, generation))
    }

    /// Returns whether the process is exiting.
    pub(crate) fn is_exiting(&self, generation: NonZeroU64) -> bool {
        self.state.load() == pack(generation, Phase::Exiting)
    }

    /// Returns whether another thread than the process's own runs, or has run, its exit.
    #[inline]
    pub(crate) fn is_left_behind(&self, generation: NonZeroU64) -> bool {
        let state = self.state.load();
        state == pack(generation, Phase::Taken) || state == pack(generation, Phase::Abandoned)
    }

    /// Gives the free slot to a new process, which is alive from here on.
    pub(crate) fn begin(&self, profile: Profile, settings: Settings) -> Pid {
        let pid = Pid::local(self.index, self.state.generation());
        // Relaxed: the change of the phase below publishes all of these.
        self.receive_points.store(0, Ordering::Relaxed);
        self.awaits.store(0, Ordering::Relaxed);
        self.doomed.store(false, Ordering::Relaxed);
        self.in_teardown.store(false, Ordering::Relaxed);
        self.trapped.store(false, Ordering::Relaxed);
        self.trap_exit.store(settings.trap_exit, Ordering::Relaxed);
        self.foreign.store(settings.foreign, Ordering::Relaxed);
        self.set_kill_grace(settings.kill_grace);
        self.mailbox.reset(pid.generation(), settings.room, settings.long_message_queue);
        *self.profile.lock() = profile;
        *self.links.lock() = Links::open(pid);
        *self.pending_exit.lock() = PendingExit::of(pid);

        let _sweep = self.sweep.lock();
        let given = self.state.change(pid.generation(), Phase::Free, Phase::Running);
        assert!(given, "a slot was given away that was not free");
        pid
    }

    /// Begins the kill of a process that has a grace to leave user code. Returns whether it was
    /// alive.
    pub(crate) fn mark_exiting(&self, generation: NonZeroU64) -> bool {
        self.state.change(generation, Phase::Running, Phase::Exiting)
    }

    /// Claims the exit for the process's own thread. Returns whether that has succeeded: if not,
    /// another thread has claimed it before.
    pub(crate) fn claim_own(&self, generation: NonZeroU64) -> bool {
        self.state.change(generation, Phase::Running, Phase::Closing)
            || self.state.change(generation, Phase::Exiting, Phase::Closing)
    }

    /// Claims, for another thread, the exit of a process that was killed and whose grace is over.
    /// Returns whether that has succeeded.
    pub(crate) fn claim_abandoned(&self, generation: NonZeroU64) -> bool {
        self.state.change(generation, Phase::Exiting, Phase::Taken)
    }

    /// Claims, for another thread, the exit of a foreign process that is killed: it has no grace.
    /// Returns whether that has succeeded.
    pub(crate) fn claim_foreign(&self, generation: NonZeroU64) -> bool {
        self.state.change(generation, Phase::Running, Phase::Taken)
    }

    /// Claims, for another thread, the exit of a process that was not killed, but is to end for
    /// `reason` with its parent, and whose grace is over. Returns whether that has succeeded.
    pub(crate) fn claim_orphan(&self, generation: NonZeroU64, reason: &ExitReason) -> bool {
        let reason = reason.clone();
        // Under the lock: its own thread, once it sees that it is not alive, settles a reason.
        let mut exit_reason = self.exit_reason.lock();
        let claimed = self.state.change(generation, Phase::Running, Phase::Taken);
        if claimed && exit_reason.is_none() {
            *exit_reason = Some(reason);
        }
        claimed
    }

    /// Says that the exit, which was claimed for another thread, has been told.
    pub(crate) fn exit_done(&self, generation: NonZeroU64) -> Vacancy {
        if self.state.change(generation, Phase::Taken, Phase::Abandoned) {
            return Vacancy::Pending;
        }
        self.free(generation, Phase::Vacated);
        Vacancy::Free
    }

    /// Says that the slot's own thread is done with the process.
    pub(crate) fn vacate(&self, generation: NonZeroU64) -> Vacancy {
        let phase = if self.state.load() == pack(generation, Phase::Closing) {
            Phase::Closing
        } else if self.state.change(generation, Phase::Taken, Phase::Vacated) {
            return Vacancy::Pending;
        } else {
            Phase::Abandoned
        };
        self.free(generation, phase);
        Vacancy::Free
    }

    /// Makes the slot ready for its next process.
    ///
    /// # Panics
    ///
    /// If the slot is not in phase `from` of `generation`, which is a bug.
    fn free(&self, generation: NonZeroU64, from: Phase) {
        // The reason may hold a value of the user's.
        let reason = self.exit_reason.lock().take();
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
    /// That process is gone. The signal is among the orphans returned, which the caller is to drop,
    /// unless another thread has taken it out of the channel.
    #[inline]
    pub(crate) fn deliver(&self, generation: NonZeroU64, signal: Signal) -> Result<(), Orphans> {
        if !self.is_running(generation) {
            let mut orphans = Orphans::from(signal);
            orphans.bounce();
            return Err(orphans);
        }
        let is_urgent = signal.is_urgent();
        self.mailbox.push(Envelope::new(generation, signal));
        if is_urgent {
            // Not a store: that of one sender must not hide the push of another. Release: the owner
            // that clears the flag finds the push; the swaps of other senders keep up the chain.
            self.urgent.swap(true, Ordering::Release);
        }
        self.pushed(generation)
    }

    /// Wakes `generation` for what the caller has pushed.
    ///
    /// # Errors
    ///
    /// As [`deliver`](Self::deliver).
    #[inline(always)]
    fn pushed(&self, generation: NonZeroU64) -> Result<(), Orphans> {
        fence(Ordering::SeqCst);
        if self.is_running(generation) {
            self.unpark_if_parked();
            Ok(())
        } else {
            Err(self.sweep()) // (*)
        }
    }

    /// Puts a message into the bounded mailbox of `generation`, if there is room for it.
    #[cold]
    pub(crate) fn offer(&self, generation: NonZeroU64, message: Message) -> Offered {
        if !self.is_running(generation) {
            return Offered::Done(Err(Orphans::from(Signal::Message(message))));
        }
        match self.mailbox.offer(generation, message) {
            Pushed::In => Offered::Done(self.pushed(generation)),
            Pushed::InFor(oldest) => {
                let orphans = self.pushed(generation).err().unwrap_or_default();
                Offered::Dropped(orphans.and(Signal::Message(oldest)))
            }
            Pushed::Full(message) => Offered::Full(message),
            Pushed::Gone(message) => Offered::Done(Err(Orphans::from(Signal::Message(message)))),
        }
    }

    /// Puts a message that has a place into the mailbox of `generation`.
    ///
    /// # Errors
    ///
    /// As [`deliver`](Self::deliver).
    pub(crate) fn deliver_admitted(
        &self,
        generation: NonZeroU64,
        message: Message,
    ) -> Result<(), Orphans> {
        self.mailbox.push_admitted(generation, message);
        self.pushed(generation)
    }

    /// Sends those away who wait for room in the mailbox.
    pub(crate) fn turn_away(&self) {
        if let Some(bound) = self.mailbox.bound() {
            bound.close();
        }
    }

    /// Returns whether the owner is to stop waiting, whatever it waits for: because it was killed,
    /// or has an exit signal to sort.
    #[inline]
    pub(crate) fn is_called_off(&self, generation: NonZeroU64) -> bool {
        // Relaxed: the owner looks again, by `is_urgent`, before it sorts. That it does not park on
        // an old value is due to the fences of `deliver` and `park_unless`.
        !self.is_running(generation) || self.urgent.load(Ordering::Relaxed)
    }

    /// Returns whether an exit signal has been pushed since this was last asked. For the owner,
    /// which sorts then.
    #[inline]
    pub(crate) fn is_urgent(&self) -> bool {
        // Looked at Relaxed first, as a swap would take the cache line from the senders each time.
        // Acquire: the push that set the flag is found by the sort that follows.
        self.urgent.load(Ordering::Relaxed) && self.urgent.swap(false, Ordering::Acquire)
    }

    /// Takes the orphans out of the mailbox of a slot that is not running. The caller is to drop
    /// them.
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
        // A process that is exiting tells its clients itself when it has left user code.
        let is_exiting = self.is_exiting(generation);
        drop(guard);
        if !is_exiting {
            orphans.bounce();
        }
        orphans
    }

    /// Gives the process that lives here the reply to `request`, or drops the reply if the process
    /// does not wait for it.
    pub(crate) fn answer(&self, request: NonZeroU64, reply: Message) {
        if let Err(useless) = self.try_answer(request, reply) {
            useless.drop_caught();
        }
    }

    /// As [`answer`](Self::answer), but returns a reply that the process does not wait for. The
    /// caller is to drop it.
    pub(crate) fn try_answer(&self, request: NonZeroU64, reply: Message) -> Result<(), Orphans> {
        let put = self.wait.reply.put(request, reply);
        put.map(|()| self.wake()).map_err(|useless| Orphans::from(Signal::Message(useless)))
    }

    /// Wakes the slot's thread, if it is parked or about to park, for something stored before.
    ///
    /// The caller stores, fences, and looks at `parked`; [`park_unless`](Self::park_unless) sets
    /// `parked`, fences, and looks at what was stored. So at least one of them sees what the other
    /// did.
    pub(crate) fn wake(&self) {
        fence(Ordering::SeqCst);
        self.unpark_if_parked();
    }

    #[inline]
    fn unpark_if_parked(&self) {
        let Wait { parked, woken_at, .. } = &*self.wait;
        // Looked at Relaxed first: the caller has fenced, and most often nobody is parked.
        if is_parked(parked)
            && parked.swap(ParkedFor::NOTHING, Ordering::SeqCst) != ParkedFor::NOTHING
        {
            // Relaxed: the unpark that follows publishes it.
            //
            // Between the two, so that it is the time of this wake-up: the owner clears it before
            // it sets `parked`. A waker that is held up after its look at the clock may write into
            // a later wait, but a time from before that, which tells the owner nothing.
            woken_at.store(clock::now(), Ordering::Relaxed);
            self.unparker.unpark();
        }
    }

    /// Parks the slot's own thread, which waits for `wanted`, until it is woken or `deadline` has
    /// come, unless `ready`.
    ///
    /// It may return without cause, so every caller loops.
    pub(crate) fn park_unless(
        &self,
        wanted: ParkedFor,
        deadline: Option<Instant>,
        ready: impl Fn() -> bool,
    ) -> Parked {
        let parker = self.parker.lock();
        let Wait { parked, woken_at, .. } = &*self.wait;
        // Relaxed: the store to `parked` publishes it, so the stamp of its waker is the later one.
        woken_at.store(0, Ordering::Relaxed);
        parked.store(wanted as u8, Ordering::SeqCst);
        fence(Ordering::SeqCst);
        let is_ready = ready();
        if !is_ready {
            match deadline {
                Some(deadline) => parker.park_deadline(deadline),
                None => parker.park(),
            }
        }
        parked.store(ParkedFor::NOTHING, Ordering::SeqCst);
        // Relaxed: the waker wrote its stamp before the unpark that ended the park.
        match woken_at.load(Ordering::Relaxed) {
            _ if is_ready => Parked::NotNeeded,
            0 => Parked::Otherwise,
            stamp => Parked::Woken(stamp),
        }
    }

    /// Returns whether only destructors can run here: those of a process in teardown, or those of a
    /// thread that has left its process, in the slot in which no process ever lives.
    pub(crate) fn is_teardown_only(&self) -> bool {
        // Relaxed: the caller is the slot's own thread.
        self.in_teardown.load(Ordering::Relaxed) || self.index == u32::MAX
    }

    /// Returns what the slot's thread is parked for, or about to park for.
    pub(crate) fn parked_for(&self) -> Option<ParkedFor> {
        ParkedFor::of(self.wait.parked.load(Ordering::Relaxed)) // Relaxed: only shown.
    }

    /// Counts a receive point. For the slot's own thread.
    #[inline]
    pub(crate) fn count_receive_point(&self) {
        let count = self.receive_points.load(Ordering::Relaxed);
        self.receive_points.store(count.wrapping_add(1), Ordering::Relaxed);
    }

    pub(crate) fn receive_points(&self) -> u64 {
        self.receive_points.load(Ordering::Relaxed)
    }

    pub(crate) fn set_kill_grace(&self, grace: Duration) {
        let nanos = u64::try_from(grace.as_nanos()).unwrap_or(u64::MAX);
        self.kill_grace.store(nanos, Ordering::Relaxed); // No other memory hangs on it.
    }

    pub(crate) fn kill_grace(&self) -> Duration {
        Duration::from_nanos(self.kill_grace.load(Ordering::Relaxed))
    }
}

/// Returns whether a thread is parked, or about to be, as far as a caller knows that has fenced.
#[inline]
fn is_parked(parked: &AtomicU8) -> bool {
    parked.load(Ordering::Relaxed) != ParkedFor::NOTHING
}

#[cfg(test)]
mod tests;
