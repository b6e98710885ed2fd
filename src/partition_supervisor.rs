//! Several processes of one kind instead of one that would be too slow: each has its share of the
//! keys.
//!
//! ```
//! use procession::partition_supervisor::{PartitionSupervisor, Partitions};
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
//! #     fn handle_call(&mut self, (): (), _: &Caller<usize>) -> CallResult<Self, usize> {
//! #         reply(self.0)
//! #     }
//! # }
//! // Each is started with the number of its partition.
//! PartitionSupervisor::new("counters", Counter::child_template()).partitions(4).start_link()?;
//!
//! // Anywhere in the program: the same key leads to the same process.
//! let counters = Partitions::named("counters");
//! let counter = ServerRef::<Counter>::at(counters.via(6_u32));
//! assert_eq!(counter.call(())?, 2);
//! # counters.supervisor().stop()?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! | Elixir | here |
//! |---|---|
//! | `start_link(child_spec: ..., name: ...)` | [`PartitionSupervisor::start_link`] |
//! | `with_arguments` | the template, which is given the number of the partition |
//! | `{:via, PartitionSupervisor, {name, key}}` | [`Partitions::via`] |
//! | `partitions`, `resize!` | [`Partitions::partitions`], [`Partitions::resize`] |
//! | `which_children`, `count_children`, `stop` | by [`Partitions::supervisor`] |
//!
//! # Differences from OTP
//!
//! - Where Elixir raises as there are no partitions, or no such supervisor, nobody is found.
//! - The ids of the children are the numbers of their partitions as text.
//! - A temporary child, too, comes back with its partition; in Elixir it is forgotten, and
//!   `resize!` raises.
//! - A child that is started by the name of a key is refused where Elixir raises: as if that was
//!   taken, if somebody is found there.
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

use crate::directory;
use crate::exit::CallError;
use crate::gen_server::{ServerName, StartError, StartOptions};
use crate::id::Pid;
use crate::message::{Message, Registrar, Via};
use crate::process;
use crate::supervisor::serve::SupervisorPlan;
use crate::supervisor::{Child, ChildSpec, ChildType, Supervisor, SupervisorError, SupervisorRef};
use crate::user_code::Guarded;

/// Processes of one kind under a supervisor, to be started.
#[derive(Debug)]
#[must_use = "it is to be started"]
pub struct PartitionSupervisor<C> {
    name: ServerName,
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
    /// Each is made by `template`, with the number of its partition. The supervisor is registered
    /// as `name`, which may be one that a [registrar](crate::Registrar) keeps.
    ///
    /// There are as many as the machine has processors, unless it is [told
    /// otherwise](Self::partitions); and at most three restarts in any five seconds.
    pub fn new(
        name: impl Into<ServerName>,
        template: ChildSpec<C, usize>,
    ) -> PartitionSupervisor<C> {
        let partitions = thread::available_parallelism().map_or(1, usize::from);
        let intensity = (3, Duration::from_secs(5));
        PartitionSupervisor { name: name.into(), template, partitions, intensity }
    }

    /// Sets how many there are.
    ///
    /// # Panics
    ///
    /// If it is zero.
    pub fn partitions(mut self, partitions: usize) -> PartitionSupervisor<C> {
        assert!(partitions > 0, "there is at least one partition");
        self.partitions = partitions;
        self
    }

    /// Allows at most `restarts` restarts in any `period`. Default: 3 in 5 s.
    pub fn intensity(mut self, restarts: usize, period: Duration) -> PartitionSupervisor<C> {
        self.intensity = (restarts, period);
        self
    }

    /// Starts them, linked to the caller.
    ///
    /// Elixir: [`PartitionSupervisor.start_link/1`](https://hexdocs.pm/elixir/PartitionSupervisor.html#start_link/1).
    ///
    /// # Errors
    ///
    /// As [`Supervisor::start_link`]; [`StartError::AlreadyStarted`] if the name is taken.
    pub fn start_link(self) -> Result<Partitions, StartError> {
        let partitions = Partitions::named(self.name.clone());
        self.start_supervisor().map(|_| partitions)
    }

    /// The spec by which another supervisor starts it, called by its name.
    pub fn child_spec(self) -> ChildSpec<SupervisorRef> {
        ChildSpec::new(self.name.to_string(), move || self.clone().start_supervisor())
            .child_type(ChildType::Supervisor)
    }

    fn start_supervisor(self) -> Result<SupervisorRef, StartError> {
        let options = StartOptions::new().name(self.name.clone());
        let init = || Ok(Some(SupervisorPlan::Ordered(self.supervisor())));
        SupervisorRef::start(type_name::<PartitionSupervisor<C>>(), init, options)
    }

    /// The children and their supervisor, which is the caller.
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

/// The process of each partition.
type Pids = Arc<[Mutex<Option<Pid>>]>;

/// Starts a child that the supervisor has forgotten.
type StartAgain = dyn Fn(&SupervisorRef, usize) -> Result<(), SupervisorError> + Send + Sync;

/// What is read without asking.
struct Shared {
    pids: Pids,
    /// How many of them are in use.
    active: Mutex<usize>,
    start: Guarded<Box<StartAgain>>,
}

impl Shared {
    /// Has the child of a partition run.
    fn start(&self, supervisor: &SupervisorRef, number: usize) -> Result<(), SupervisorError> {
        match supervisor.restart_child(number.to_string()) {
            Ok(_) | Err(SupervisorError::Running | SupervisorError::Restarting) => Ok(()),
            // As it is temporary.
            Err(SupervisorError::NotFound) => (self.start.get())(supervisor, number),
            Err(error) => Err(error),
        }
    }
}

/// The partitions of a supervisor, by its name: whichever has that when it is used.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Partitions {
    name: ServerName,
}

impl Partitions {
    /// Those of the supervisor that is called `name` at the time of each use.
    pub fn named(name: impl Into<ServerName>) -> Partitions {
        Partitions { name: name.into() }
    }

    /// Their supervisor.
    pub fn supervisor(&self) -> SupervisorRef {
        match &self.name {
            ServerName::Local(name) => SupervisorRef::named(Arc::clone(name)),
            ServerName::Via(name) => SupervisorRef::at(name.clone()),
        }
    }

    fn shared(&self) -> Option<Arc<Shared>> {
        directory::find(&self.name)
    }

    /// `key` as a name of the process whose share it is: a whole number, of any size, is that of a
    /// partition, counted over and over, without its sign; of anything else it is the hash.
    pub fn via<K: Hash + Any>(&self, key: K) -> Via {
        Via::new(self.clone(), Share(share(&key)))
    }

    /// How many partitions there are.
    ///
    /// Elixir: [`PartitionSupervisor.partitions/1`](https://hexdocs.pm/elixir/PartitionSupervisor.html#partitions/1).
    ///
    /// # Errors
    ///
    /// [`SupervisorError::Call`] if there is no such supervisor.
    pub fn partitions(&self) -> Result<usize, SupervisorError> {
        let shared = self.shared().ok_or(CallError::NoProc)?;
        let active = *shared.active.lock();
        Ok(active)
    }

    /// Stops partitions, or starts them again, until there are `partitions`. Returns how many there
    /// were.
    ///
    /// In a partition that comes back the child runs, also if it had ended before.
    ///
    /// It is for one process at a time to do: two at once may stop what is counted as running, and
    /// then nobody is found there.
    ///
    /// Elixir: [`PartitionSupervisor.resize!/2`](https://hexdocs.pm/elixir/PartitionSupervisor.html#resize!/2).
    ///
    /// # Errors
    ///
    /// - [`SupervisorError::MaxChildren`] if there were never that many.
    /// - [`SupervisorError::Failed`] if one does not start again.
    /// - [`SupervisorError::Call`] if there is no such supervisor.
    pub fn resize(&self, partitions: usize) -> Result<usize, SupervisorError> {
        let shared = self.shared().ok_or(CallError::NoProc)?;
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

/// A key, as far as it matters to whom it leads.
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

/// How large the key is, if it is a whole number.
///
/// Generic, so that it is known for each type without a look at the key.
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

/// Which of so many partitions has a share. Few shares take a division of 128 bits.
#[inline]
fn number_of(share: u128, partitions: u64) -> Option<usize> {
    match u64::try_from(share) {
        Ok(share) => usize::try_from(share % partitions).ok(),
        Err(_) => usize::try_from(share % u128::from(partitions)).ok(),
    }
}

/// Nobody can register: whose share a key is follows from the key.
impl Registrar for Partitions {
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
}
