//! Partition supervisors: several processes of one kind instead of one that would be a bottleneck,
//! each for some of the keys.
//!
//! ```
//! use procession::partition_supervisor::{PartitionSupervisor, PartitionSupervisorRef};
//! use procession::prelude::*;
//!
//! # #[derive(Debug)]
//! # struct Counter(usize);
//! # impl GenServer for Counter {
//! #     type Args = usize;
//! #     fn init(partition: usize) -> InitResult<Self> { ready(Counter(partition)) }
//! # }
//! # impl HandleCall<()> for Counter {
//! #     type Reply = usize;
//! #     fn handle_call(&mut self, (): (), _: &Caller<usize>) -> CallResult<Self, ()> {
//! #         reply(self.0)
//! #     }
//! # }
//! // Each is started with the number of its partition.
//! PartitionSupervisor::new("counters", Counter::child_template()).partitions(4).start_link()?;
//!
//! // Anywhere in the program: the same key leads to the same process.
//! let counters = PartitionSupervisorRef::named("counters");
//! let counter = ServerRef::<Counter>::at(counters.via(6_u32));
//! assert_eq!(counter.call(())?, 2);
//! # counters.supervisor().stop()?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! | Elixir | here |
//! |---|---|
//! | `start_link(child_spec: ..., name: ...)` | [`PartitionSupervisor::start_link`] |
//! | `with_arguments` | the template, whose argument is the number of the partition |
//! | `{:via, PartitionSupervisor, {name, key}}` | [`PartitionSupervisorRef::via`] |
//! | `partitions` | [`PartitionSupervisorRef::partitions`] |
//! | `resize!` | [`PartitionSupervisorRef::resize`] |
//! | `which_children`, `count_children`, `stop` | of [`PartitionSupervisorRef::supervisor`] |
//!
//! # Differences from OTP
//!
//! - Where Elixir raises because there are no partitions, or no such supervisor, no process is
//!   found.
//! - The ids of the children are the numbers of their partitions as text.
//! - When a partition is started again, its temporary child is, too; in Elixir it is forgotten, and
//!   `resize!` raises.
//! - Where Elixir raises if a process is started with a key as its name, the start fails: as if the
//!   name was taken, if the key leads to a process.
//!
//! Elixir: [`PartitionSupervisor`](https://hexdocs.pm/elixir/PartitionSupervisor.html).

use std::any::{Any, type_name};
use std::fmt;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::num::NonZero;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use parking_lot::Mutex;

use crate::call_error::{CallError, CallErrorKind};
use crate::directory;
use crate::gen_server::{StartError, StartOptions};
use crate::id::Pid;
use crate::message::{Message, Name, Registrar, Via};
use crate::process;
use crate::supervisor::serve::SupervisorPlan;
use crate::supervisor::{Child, ChildSpec, ChildType, Supervisor, SupervisorError, SupervisorRef};
use crate::user_code::Guarded;

/// Describes a supervisor of several processes of one kind, to be started.
#[derive(Debug)]
#[must_use = "a supervisor does nothing until it is started"]
pub struct PartitionSupervisor<C> {
    name: Name,
    template: ChildSpec<C, usize>,
    partitions: usize,
    intensity: (usize, Duration),
}

impl<C> Clone for PartitionSupervisor<C> {
    fn clone(&self) -> PartitionSupervisor<C> {
        let PartitionSupervisor { name, template, partitions, intensity } = self;
        PartitionSupervisor {
            name: name.clone(),
            template: template.clone(),
            partitions: *partitions,
            intensity: *intensity,
        }
    }
}

impl<C: Child> PartitionSupervisor<C> {
    /// Creates a supervisor whose children are made by `template`, each with the number of its
    /// partition. The supervisor is registered as `name`, which may be a name in a
    /// [registrar](crate::Registrar).
    ///
    /// There are as many partitions as the machine has processors, unless
    /// [`partitions`](Self::partitions) sets another number.
    ///
    /// ```
    /// # use procession::prelude::*;
    /// # use procession::partition_supervisor::{PartitionSupervisor, PartitionSupervisorRef};
    /// # #[derive(Debug)]
    /// # struct Counter;
    /// # impl GenServer for Counter {
    /// #     type Args = usize;
    /// #     fn init(_: usize) -> InitResult<Self> { ready(Counter) }
    /// # }
    /// let supervisor = PartitionSupervisor::new("new::counters", Counter::child_template());
    /// let counters = supervisor.start_link()?;
    /// assert!(counters.partitions()? > 0); // One for each processor.
    /// # counters.supervisor().stop()?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn new(name: impl Into<Name>, template: ChildSpec<C, usize>) -> PartitionSupervisor<C> {
        let partitions = thread::available_parallelism().map_or(1, usize::from);
        let intensity = (3, Duration::from_secs(5));
        PartitionSupervisor { name: name.into(), template, partitions, intensity }
    }

    /// Sets the number of partitions.
    ///
    /// ```
    /// # use procession::prelude::*;
    /// # use procession::partition_supervisor::{PartitionSupervisor, PartitionSupervisorRef};
    /// # #[derive(Debug)]
    /// # struct Counter;
    /// # impl GenServer for Counter {
    /// #     type Args = usize;
    /// #     fn init(_: usize) -> InitResult<Self> { ready(Counter) }
    /// # }
    /// let supervisor = PartitionSupervisor::new("four::counters", Counter::child_template());
    /// let counters = supervisor.partitions(4).start_link()?;
    /// assert_eq!(counters.partitions()?, 4);
    /// # counters.supervisor().stop()?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Panics
    ///
    /// Panics if it is zero.
    pub fn partitions(mut self, partitions: usize) -> PartitionSupervisor<C> {
        assert!(partitions > 0, "there is at least one partition");
        self.partitions = partitions;
        self
    }

    /// Allows at most `restarts` restarts in any `period`. When one more is due, the supervisor
    /// gives up. Default: 3 in 5 s.
    ///
    /// ```
    /// # use procession::prelude::*;
    /// # use procession::partition_supervisor::{PartitionSupervisor, PartitionSupervisorRef};
    /// # #[derive(Debug)]
    /// # struct Counter;
    /// # impl GenServer for Counter {
    /// #     type Args = usize;
    /// #     fn init(_: usize) -> InitResult<Self> { ready(Counter) }
    /// # }
    /// # use std::time::Duration;
    /// let supervisor = PartitionSupervisor::new("intensity::counters", Counter::child_template());
    /// let counters = supervisor.intensity(100, Duration::from_secs(60)).start_link()?;
    /// # counters.supervisor().stop()?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn intensity(mut self, restarts: usize, period: Duration) -> PartitionSupervisor<C> {
        self.intensity = (restarts, period);
        self
    }

    /// Starts the supervisor and its children, linked to the caller.
    ///
    /// ```
    /// # use procession::prelude::*;
    /// # use procession::partition_supervisor::{PartitionSupervisor, PartitionSupervisorRef};
    /// # #[derive(Debug)]
    /// # struct Counter;
    /// # impl GenServer for Counter {
    /// #     type Args = usize;
    /// #     fn init(_: usize) -> InitResult<Self> { ready(Counter) }
    /// # }
    /// let supervisor = PartitionSupervisor::new("start::counters", Counter::child_template());
    /// let counters = supervisor.partitions(2).start_link()?;
    /// assert_eq!(counters.supervisor().count_children()?.active, 2);
    /// # counters.supervisor().stop()?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// Elixir: [`PartitionSupervisor.start_link/1`](https://hexdocs.pm/elixir/PartitionSupervisor.html#start_link/1).
    ///
    /// # Errors
    ///
    /// As [`Supervisor::start_link`]; [`StartError::AlreadyStarted`] if the name is taken.
    pub fn start_link(self) -> Result<PartitionSupervisorRef, StartError> {
        let partitions = PartitionSupervisorRef::named(self.name.clone());
        self.start_supervisor().map(|_| partitions)
    }

    /// Returns a child spec by which another supervisor starts this one. Its id is the name.
    ///
    /// ```
    /// # use procession::prelude::*;
    /// # use procession::partition_supervisor::{PartitionSupervisor, PartitionSupervisorRef};
    /// # #[derive(Debug)]
    /// # struct Counter;
    /// # impl GenServer for Counter {
    /// #     type Args = usize;
    /// #     fn init(_: usize) -> InitResult<Self> { ready(Counter) }
    /// # }
    /// let counters = PartitionSupervisor::new("child_spec::counters", Counter::child_template());
    /// let spec = counters.partitions(2).child_spec();
    /// let top = Supervisor::one_for_one().child(spec).start_link()?;
    /// assert_eq!(PartitionSupervisorRef::named("child_spec::counters").partitions()?, 2);
    /// # top.stop()?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn child_spec(self) -> ChildSpec<SupervisorRef> {
        ChildSpec::new(self.name.to_string(), move || self.clone().start_supervisor())
            .module(type_name::<PartitionSupervisor<C>>())
            .child_type(ChildType::Supervisor)
    }

    fn start_supervisor(self) -> Result<SupervisorRef, StartError> {
        let options = StartOptions::new().name(self.name.clone());
        let init = || Ok(Some(SupervisorPlan::Ordered(self.supervisor())));
        SupervisorRef::start(type_name::<PartitionSupervisor<C>>(), init, options)
    }

    /// Publishes the partitions, and returns the supervisor that the calling process becomes.
    fn supervisor(self) -> Supervisor {
        let PartitionSupervisor { name, template, partitions, intensity } = self;
        let pids: Pids = (0..partitions).map(|_| Mutex::new(None)).collect();
        let spec = {
            let (template, pids) = (template, Arc::clone(&pids));
            move |number: usize| {
                let pids = Arc::clone(&pids);
                let note = move |pid| *pids[number].lock() = Some(pid);
                template.instance(number.to_string(), number, note)
            }
        };
        let supervisor = Supervisor::one_for_one().intensity(intensity.0, intensity.1);
        let supervisor = (0..partitions).map(&spec).fold(supervisor, Supervisor::child);
        let start: Box<StartAgain> =
            Box::new(move |supervisor, number| supervisor.start_child(spec(number)).map(drop));
        let shared = Shared { pids, active: Mutex::new(partitions), start: Guarded::new(start) };
        directory::publish_for_life(name, Arc::new(shared));
        supervisor
    }
}

/// The process of each partition, if it has started.
type Pids = Arc<[Mutex<Option<Pid>>]>;

/// Starts a child that the supervisor has forgotten.
type StartAgain = dyn Fn(&SupervisorRef<Name>, usize) -> Result<(), SupervisorError> + Send + Sync;

/// The data that is read without a call.
struct Shared {
    pids: Pids,
    /// How many of the partitions are in use.
    active: Mutex<usize>,
    start: Guarded<Box<StartAgain>>,
}

impl Shared {
    /// Starts the child of a partition, unless it runs.
    fn start(
        &self,
        supervisor: &SupervisorRef<Name>,
        number: usize,
    ) -> Result<(), SupervisorError> {
        match supervisor.restart_child(number.to_string()) {
            Ok(_) | Err(SupervisorError::Running | SupervisorError::Restarting) => Ok(()),
            // The child is temporary, so the supervisor has forgotten it.
            Err(SupervisorError::NotFound) => (self.start.get())(supervisor, number),
            Err(error) => Err(error),
        }
    }
}

/// Refers to the partitions of a supervisor by its name, which is looked up at each use.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct PartitionSupervisorRef {
    name: Name,
}

impl PartitionSupervisorRef {
    /// Returns a handle to the partitions of the supervisor with the name `name`.
    ///
    /// ```
    /// # use procession::prelude::*;
    /// # use procession::partition_supervisor::{PartitionSupervisor, PartitionSupervisorRef};
    /// # #[derive(Debug)]
    /// # struct Counter;
    /// # impl GenServer for Counter {
    /// #     type Args = usize;
    /// #     fn init(_: usize) -> InitResult<Self> { ready(Counter) }
    /// # }
    /// let supervisor = PartitionSupervisor::new("named::counters", Counter::child_template());
    /// supervisor.partitions(2).start_link()?;
    ///
    /// // Anywhere in the program.
    /// let counters = PartitionSupervisorRef::named("named::counters");
    /// assert_eq!(counters.partitions()?, 2);
    /// # counters.supervisor().stop()?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn named(name: impl Into<Name>) -> PartitionSupervisorRef {
        PartitionSupervisorRef { name: name.into() }
    }

    /// Returns a reference to the supervisor of the partitions.
    ///
    /// ```
    /// # use procession::prelude::*;
    /// # use procession::partition_supervisor::{PartitionSupervisor, PartitionSupervisorRef};
    /// # #[derive(Debug)]
    /// # struct Counter;
    /// # impl GenServer for Counter {
    /// #     type Args = usize;
    /// #     fn init(_: usize) -> InitResult<Self> { ready(Counter) }
    /// # }
    /// let supervisor = PartitionSupervisor::new("super::counters", Counter::child_template());
    /// let counters = supervisor.partitions(2).start_link()?;
    /// assert_eq!(counters.supervisor().which_children()?[0].id, "1");
    /// counters.supervisor().stop()?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn supervisor(&self) -> SupervisorRef<Name> {
        SupervisorRef::named(self.name.clone())
    }

    fn shared(&self) -> Option<Arc<Shared>> {
        directory::find(&self.name)
    }

    /// Returns what the supervisor shares, for the function with this name.
    fn shared_for(&self, function: &'static str) -> Result<Arc<Shared>, CallError> {
        let gone = || CallError::new(CallErrorKind::NoProc, self.name.clone(), function);
        self.shared().ok_or_else(gone)
    }

    /// Returns a name for the process of the partition that `key` belongs to. That is the absolute
    /// value of an integer of any size, or the hash of any other key, modulo the number of
    /// partitions.
    ///
    /// ```
    /// # use procession::prelude::*;
    /// # use procession::partition_supervisor::{PartitionSupervisor, PartitionSupervisorRef};
    /// # #[derive(Debug)]
    /// # struct Counter;
    /// # impl GenServer for Counter {
    /// #     type Args = usize;
    /// #     fn init(_: usize) -> InitResult<Self> { ready(Counter) }
    /// # }
    /// let supervisor = PartitionSupervisor::new("via::counters", Counter::child_template());
    /// let counters = supervisor.partitions(4).start_link()?;
    /// let counter = |key: u32| ServerRef::<Counter>::at(counters.via(key)).whereis();
    /// assert_eq!(counter(1), counter(5));
    /// assert_ne!(counter(1), counter(2));
    /// # counters.supervisor().stop()?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn via<K: Hash + Any>(&self, key: K) -> Via {
        Via::new(self.clone(), Share(share(&key)))
    }

    /// Returns the number of partitions.
    ///
    /// ```
    /// # use procession::prelude::*;
    /// # use procession::partition_supervisor::{PartitionSupervisor, PartitionSupervisorRef};
    /// # #[derive(Debug)]
    /// # struct Counter;
    /// # impl GenServer for Counter {
    /// #     type Args = usize;
    /// #     fn init(_: usize) -> InitResult<Self> { ready(Counter) }
    /// # }
    /// let counters = PartitionSupervisorRef::named("count::counters");
    /// assert!(counters.partitions().is_err()); // Not yet.
    /// PartitionSupervisor::new("count::counters", Counter::child_template()).start_link()?;
    /// assert!(counters.partitions()? > 0);
    /// # counters.supervisor().stop()?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// Elixir: [`PartitionSupervisor.partitions/1`](https://hexdocs.pm/elixir/PartitionSupervisor.html#partitions/1).
    ///
    /// # Errors
    ///
    /// [`SupervisorError::Call`] if there is no such supervisor.
    pub fn partitions(&self) -> Result<usize, SupervisorError> {
        let shared = self.shared_for("partitions")?;
        let active = *shared.active.lock();
        Ok(active)
    }

    /// Stops partitions, or starts them again, until there are `partitions`. Returns the number
    /// before.
    ///
    /// The child of a partition that is started again runs, even if it had ended before.
    ///
    /// Only one process at a time should do this: two at once may stop a partition that is counted
    /// as running, and then no process is found there.
    ///
    /// ```
    /// # use procession::prelude::*;
    /// # use procession::partition_supervisor::{PartitionSupervisor, PartitionSupervisorRef};
    /// # #[derive(Debug)]
    /// # struct Counter;
    /// # impl GenServer for Counter {
    /// #     type Args = usize;
    /// #     fn init(_: usize) -> InitResult<Self> { ready(Counter) }
    /// # }
    /// let supervisor = PartitionSupervisor::new("resize::counters", Counter::child_template());
    /// let counters = supervisor.partitions(4).start_link()?;
    /// assert_eq!(counters.resize(2)?, 4);
    /// assert_eq!(counters.resize(3)?, 2);
    /// assert_eq!(counters.resize(5), Err(SupervisorError::MaxChildren));
    /// # counters.supervisor().stop()?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// Elixir: [`PartitionSupervisor.resize!/2`](https://hexdocs.pm/elixir/PartitionSupervisor.html#resize!/2).
    ///
    /// # Errors
    ///
    /// - [`SupervisorError::MaxChildren`] if the supervisor was started with fewer partitions.
    /// - [`SupervisorError::Failed`] if a child does not start again.
    /// - [`SupervisorError::Call`] if there is no such supervisor.
    pub fn resize(&self, partitions: usize) -> Result<usize, SupervisorError> {
        let shared = self.shared_for("resize")?;
        if partitions > shared.pids.len() {
            return Err(SupervisorError::MaxChildren);
        }
        let supervisor = self.supervisor();
        let before = *shared.active.lock();
        for number in before..partitions {
            shared.start(&supervisor, number)?;
        }
        *shared.active.lock() = partitions;
        for number in partitions..before {
            match supervisor.terminate_child(number.to_string()) {
                // A temporary one may have ended for good.
                Ok(()) | Err(SupervisorError::NotFound) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(before)
    }
}

/// The part of a key that decides which partition it belongs to.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Share(u128);

impl fmt::Debug for Share {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "share {}", self.0)
    }
}

fn share<K: Hash + Any>(key: &K) -> u128 {
    whole_number(key).unwrap_or_else(|| {
        let mut hasher = DefaultHasher::new();
        key.hash(&mut hasher);
        u128::from(hasher.finish())
    })
}

/// Returns the absolute value of the key, if it is an integer.
///
/// Generic, so that the compiler decides it for each type.
#[inline]
fn whole_number<K: Any>(key: &K) -> Option<u128> {
    let key: &dyn Any = key;
    macro_rules! as_number {
        ($($signed:ty, $unsigned:ty;)+) => {$(
            let nonzero = key.downcast_ref().map(|number: &NonZero<$signed>| number.get());
            if let Some(number) = key.downcast_ref().copied().or(nonzero) {
                let number: $signed = number;
                return Some(number.unsigned_abs() as u128);
            }
            let nonzero = key.downcast_ref().map(|number: &NonZero<$unsigned>| number.get());
            if let Some(number) = key.downcast_ref().copied().or(nonzero) {
                let number: $unsigned = number;
                return Some(number as u128);
            }
        )+};
    }
    as_number! { i8, u8; i16, u16; i32, u32; i64, u64; isize, usize; i128, u128; }
    None
}

/// Returns the number of the partition that a share belongs to. Few shares need a division of 128
/// bits.
#[inline]
fn number_of(share: u128, partitions: u64) -> Option<usize> {
    match u64::try_from(share) {
        Ok(share) => usize::try_from(share % partitions).ok(),
        Err(_) => usize::try_from(share % u128::from(partitions)).ok(),
    }
}

/// No process can register: the key decides which process it leads to.
impl Registrar for PartitionSupervisorRef {
    type Name = Share;

    fn register_name(&self, _: &Share, _: Pid) -> bool {
        false
    }

    fn unregister_name(&self, _: &Share) {}

    fn whereis_name(&self, Share(share): &Share) -> Option<Pid> {
        let shared = self.shared()?;
        let active = u64::try_from(*shared.active.lock()).ok().filter(|active| *active > 0)?;
        let pid = *shared.pids[number_of(*share, active)?].lock();
        pid.filter(|pid| process::is_alive(*pid))
    }

    fn send(&self, name: &Share, message: Message) -> Result<(), Message> {
        let Some(pid) = self.whereis_name(name) else { return Err(message) };
        process::send(pid, message);
        Ok(())
    }

    fn fmt_name(&self, name: &Share, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{name:?} in partition supervisor {}", self.name)
    }
}
