//! Names that a registrar keeps, instead of the runtime.

use std::any::Any;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use crate::exit::ExitReason;
use crate::id::Pid;
use crate::user_code::Guarded;

use super::Message;

/// A keeper of names for processes: OTP's `via` module.
///
/// A server can be started under a name that a registrar keeps, and is found by it wherever a name
/// can be given: [`Via::new`] makes the name.
///
/// The functions are called by the process that uses the name, and
/// [`register_name`](Self::register_name) by the new process itself. The registrar must forget a
/// name when its process ends. A panic in one of the functions is a panic of its caller, except
/// that it fails a start. A panic in the destructor of a registrar or a name is logged, and does
/// not propagate.
///
/// OTP: [`{via, Module, Name}`](https://www.erlang.org/doc/apps/stdlib/gen_server.html#t:server_name/0).
///
/// ```
/// use parking_lot::Mutex;
/// use procession::prelude::*;
/// use procession::{Registrar, Via};
///
/// /// Seats in a room, each for one process.
/// #[derive(Clone, Debug, PartialEq, Eq, Hash)]
/// struct Room;
///
/// static SEATS: Mutex<[Option<Pid>; 10]> = Mutex::new([None; 10]);
///
/// impl Registrar for Room {
///     type Name = usize;
///
///     fn register_name(&self, seat: &usize, pid: Pid) -> bool {
///         let mut seats = SEATS.lock(); // Two processes may want it at the same moment.
///         let is_free = !seats[*seat].is_some_and(process::is_alive);
///         if is_free {
///             seats[*seat] = Some(pid);
///         }
///         is_free
///     }
///
///     fn unregister_name(&self, seat: &usize) {
///         SEATS.lock()[*seat] = None;
///     }
///
///     fn whereis_name(&self, seat: &usize) -> Option<Pid> {
///         SEATS.lock()[*seat].filter(|pid| process::is_alive(*pid))
///     }
///
///     fn send(&self, seat: &usize, message: Message) -> Result<(), Message> {
///         match self.whereis_name(seat) {
///             Some(pid) => Ok(process::send(pid, message)),
///             None => Err(message),
///         }
///     }
/// }
///
/// # #[derive(Debug)]
/// # struct Guest;
/// # impl GenServer for Guest {
/// #     type Args = ();
/// #     fn init((): ()) -> InitResult<Self> { ready(Guest) }
/// # }
/// # impl HandleCall<()> for Guest {
/// #     type Reply = u8;
/// #     fn handle_call(&mut self, (): (), _: &Caller<u8>) -> CallResult<Self, ()> {
/// #         reply(42)
/// #     }
/// # }
/// let seat = Via::new(Room, 3);
/// let guest = Guest::start_with((), StartOptions::new().name(seat.clone()))?;
/// assert_eq!(ServerRef::<Guest>::named(seat.clone()).call(())?, 42);
/// let second = Guest::start_with((), StartOptions::new().name(seat));
/// assert!(matches!(second, Err(StartError::AlreadyStarted(pid)) if pid == guest.pid()));
/// # guest.stop()?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub trait Registrar: fmt::Debug + Eq + Hash + Send + Sync + 'static {
    /// The type of the names.
    type Name: fmt::Debug + Eq + Hash + Send + Sync + 'static;

    /// Gives `pid` the name, and returns `true`; or returns `false` if another process has the
    /// name.
    ///
    /// A start that is refused asks which process has the name. If none has, it asks for the name
    /// again, as the other may have ended in between; a hundred times at most.
    fn register_name(&self, name: &Self::Name, pid: Pid) -> bool;

    /// Calls [`register_name`](Self::register_name), and returns why the name is refused, if it is.
    ///
    /// A start calls this function. A registrar can implement it to return which process had the
    /// name when it was refused, so that the start need not ask later, when it may have changed; or
    /// to return that it is of no use to ask again.
    ///
    /// # Errors
    ///
    /// [`NameRefusal::Taken`], or if nobody has the name now, [`NameRefusal::HolderEnded`].
    fn try_register_name(&self, name: &Self::Name, pid: Pid) -> Result<(), NameRefusal> {
        if self.register_name(name, pid) {
            return Ok(());
        }
        Err(self.whereis_name(name).map_or(NameRefusal::HolderEnded, NameRefusal::Taken))
    }

    /// Frees the name. It is called if the process that has it could not become a server.
    fn unregister_name(&self, name: &Self::Name);

    /// Returns the process that has the name.
    fn whereis_name(&self, name: &Self::Name) -> Option<Pid>;

    /// Sends `message` to the name: usually to the process that has it, by
    /// [`send`](crate::process::send).
    ///
    /// # Errors
    ///
    /// Returns the message if no process has the name.
    fn send(&self, name: &Self::Name, message: Message) -> Result<(), Message>;

    /// Writes the name as errors and reports show it. Default: the name and the registrar by their
    /// `Debug`, as in `3 in Room`.
    fn fmt_name(&self, name: &Self::Name, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{name:?} in {self:?}")
    }
}

/// Why a [`Registrar`] does not give a name to a process.
#[derive(Clone, Debug, PartialEq)]
pub enum NameRefusal {
    /// This process has the name.
    Taken(Pid),
    /// The process that had the name has ended since: a start asks for the name again.
    HolderEnded,
    /// The name cannot be registered, for this reason: a start fails with it.
    Failed(ExitReason),
}

/// A name that a [`Registrar`] keeps. It is cheap to clone.
///
/// It can be given wherever the name of a server can: to
/// [`StartOptions::name`](crate::gen_server::StartOptions::name),
/// [`ServerRef::at`](crate::gen_server::ServerRef::at), [`send`](crate::process::send),
/// [`monitor`](crate::process::monitor()) and [timers](crate::timer), for instance. Two are equal
/// if registrar and name are. `Display` prints it as [`Registrar::fmt_name`] does.
///
/// ```
/// use procession::prelude::*;
/// use procession::registry::RegistryRef;
///
/// let seats = RegistryRef::<&str>::named("seats");
/// assert_eq!(seats.via("front").to_string(), "\"front\" in registry seats");
/// ```
#[derive(Clone)]
pub struct Via(Arc<dyn AnyName>);

impl Via {
    /// Returns the name that `registrar` keeps as `name`.
    pub fn new<R: Registrar>(registrar: R, name: R::Name) -> Via {
        Via(Arc::new(Named { registrar: Guarded::new(registrar), name: Guarded::new(name) }))
    }

    /// Returns the process that has the name now.
    pub fn whereis(&self) -> Option<Pid> {
        self.0.whereis()
    }

    /// Gives `pid` the name, or returns why it is refused.
    pub(crate) fn register(&self, pid: Pid) -> Result<(), NameRefusal> {
        self.0.register(pid)
    }

    pub(crate) fn unregister(&self) {
        self.0.unregister();
    }

    pub(crate) fn send(&self, message: Message) -> Result<(), Message> {
        self.0.send(message)
    }
}

impl fmt::Debug for Via {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.print(f)
    }
}

impl fmt::Display for Via {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.print(f)
    }
}

impl PartialEq for Via {
    fn eq(&self, other: &Via) -> bool {
        self.0.equals(&*other.0)
    }
}

impl Eq for Via {}

impl Hash for Via {
    fn hash<H: Hasher>(&self, mut state: &mut H) {
        self.0.hash(&mut state);
    }
}

/// The operations of a [`Via`] on its registrar and name, whose types it no longer knows.
trait AnyName: Send + Sync {
    fn register(&self, pid: Pid) -> Result<(), NameRefusal>;
    fn unregister(&self);
    fn whereis(&self) -> Option<Pid>;
    fn send(&self, message: Message) -> Result<(), Message>;
    fn print(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result;
    fn hash(&self, state: &mut dyn Hasher);
    fn equals(&self, other: &dyn AnyName) -> bool;
    fn as_any(&self) -> &dyn Any;
}

/// A registrar and a name. The runtime may drop them last, where a panic must not propagate; each
/// is guarded by itself, so that a panic of one does not meet a panic of the other.
struct Named<R: Registrar> {
    registrar: Guarded<R>,
    name: Guarded<R::Name>,
}

impl<R: Registrar> Named<R> {
    fn parts(&self) -> (&R, &R::Name) {
        (self.registrar.get(), self.name.get())
    }
}

impl<R: Registrar> AnyName for Named<R> {
    fn register(&self, pid: Pid) -> Result<(), NameRefusal> {
        let (registrar, name) = self.parts();
        registrar.try_register_name(name, pid)
    }

    fn unregister(&self) {
        let (registrar, name) = self.parts();
        registrar.unregister_name(name);
    }

    fn whereis(&self) -> Option<Pid> {
        let (registrar, name) = self.parts();
        registrar.whereis_name(name)
    }

    fn send(&self, message: Message) -> Result<(), Message> {
        let (registrar, name) = self.parts();
        registrar.send(name, message)
    }

    fn print(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (registrar, name) = self.parts();
        registrar.fmt_name(name, f)
    }

    fn hash(&self, mut state: &mut dyn Hasher) {
        self.parts().hash(&mut state);
    }

    fn equals(&self, other: &dyn AnyName) -> bool {
        let other = other.as_any().downcast_ref::<Named<R>>();
        other.is_some_and(|it| it.parts() == self.parts())
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}
