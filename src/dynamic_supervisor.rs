//! Dynamic supervisors: supervisors of children that come and go.
//!
//! ```
//! use procession::dynamic_supervisor::DynamicSupervisor;
//! use procession::prelude::*;
//!
//! # #[derive(Debug)]
//! # struct Session(u32);
//! # impl GenServer for Session {
//! #     type Args = u32;
//! #     fn init(n: u32) -> InitResult<Self> { ready(Session(n)) }
//! # }
//! # impl HandleCall<()> for Session {
//! #     type Reply = u32;
//! #     fn handle_call(&mut self, (): (), _: &Caller<u32>) -> CallResult<Self, ()> {
//! #         reply(self.0)
//! #     }
//! # }
//! let sessions = DynamicSupervisor::new().max_children(100).start_link()?;
//! let session = sessions.start_child(Session::child_spec(7).restart(Restart::Temporary))?;
//! assert_eq!(session.call(())?, 7);
//!
//! sessions.terminate_child(session)?;
//! assert_eq!(sessions.count_children()?.active, 0);
//! sessions.stop()?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! A dynamic supervisor starts without children. They are added one by one and identified by their
//! pids: their ids play no role, and one spec can be started any number of times. The children have
//! no order: a child that fails is restarted alone, and all children are stopped at once.
//!
//! A [temporary](crate::supervisor::Restart::Temporary) child costs no more than its process and an
//! entry in a table: its start arguments are not kept.
//!
//! A child that owns what cannot be cloned, such as the connection that it is to serve, has a spec
//! that starts it [once](crate::supervisor::Supervised::child_spec_once).
//!
//! ```
//! use procession::prelude::*;
//! use std::io::{Read, Write};
//! # #[cfg(not(all(feature = "io", target_os = "linux")))]
//! # use std::net::{TcpListener, TcpStream};
//! # #[cfg(all(feature = "io", target_os = "linux"))]
//! use procession::io::{TcpListener, TcpStream};
//!
//! /// Answers what it is sent, until the client has said all.
//! fn echo(stream: TcpStream) {
//!     let mut text = String::new();
//!     (&stream).read_to_string(&mut text).expect("a text");
//!     (&stream).write_all(text.as_bytes()).expect("a client that listens");
//! }
//!
//! let listener = TcpListener::bind("127.0.0.1:0")?;
//! let address = listener.local_addr()?;
//! let connections = DynamicSupervisor::new().start_link()?;
//!
//! let mut client = TcpStream::connect(address)?;
//! let (stream, peer) = listener.accept()?; // A server does this in a loop.
//! connections.start_child(ChildSpec::once(peer.to_string(), move || {
//!     Ok(process::spawn_link(move || echo(stream))?)
//! }))?;
//!
//! client.write_all(b"hello")?;
//! client.shutdown(std::net::Shutdown::Write)?;
//! let mut answer = String::new();
//! client.read_to_string(&mut answer)?;
//! assert_eq!(answer, "hello");
//! # connections.stop()?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! A child that waits for a socket of [`io`] ends when it is told to shut down. One that
//! waits where the crate does not know of it is killed when its
//! [time](crate::supervisor::Shutdown) is over, unless it does so by
//! [`process::blocking`](crate::process::blocking()).
//!
//! | Elixir | here |
//! |---|---|
//! | `start_link(options)` | [`DynamicSupervisor::start_link`], [`start_link_with`] |
//! | `max_restarts`, `max_seconds` | [`DynamicSupervisor::intensity`] |
//! | `max_children` | [`DynamicSupervisor::max_children`] |
//! | `{DynamicSupervisor, name: ...}` as a child | [`DynamicSupervisor::named_child_spec`] |
//! | `start_child` | [`DynamicSupervisorRef::start_child`] |
//! | `terminate_child` | [`DynamicSupervisorRef::terminate_child`] |
//! | `which_children`, `count_children` | [`which_children`], [`count_children`] |
//! | `stop` | [`stop`](AnySupervisorRef::stop), [`stop_with`] |
//!
//! [`start_link_with`]: DynamicSupervisor::start_link_with
//! [`which_children`]: AnySupervisorRef::which_children
//! [`count_children`]: AnySupervisorRef::count_children
//! [`stop_with`]: AnySupervisorRef::stop_with
//!
//! # Differences from OTP
//!
//! - There are no `extra_arguments` for all children: a function that makes the [`ChildSpec`] of a
//!   child from its arguments, and captures those of all, does the same. So does the template of
//!   [`Supervisor::simple_one_for_one`](crate::supervisor::Supervisor::simple_one_for_one).
//! - `which_children` returns the id of each child's spec, where Elixir returns `:undefined`.
//! - `start_child` returns [`SupervisorError::Ignored`] if the child chooses not to start.
//!
//! Elixir: [`DynamicSupervisor`](https://hexdocs.pm/elixir/DynamicSupervisor.html).
//!
#![cfg_attr(all(feature = "io", target_os = "linux"), doc = "[`io`]: crate::io")]
#![cfg_attr(
    not(all(feature = "io", target_os = "linux")),
    doc = "[`io`]: https://docs.rs/procession/latest/procession/io/index.html"
)]

use std::any::type_name;
use std::time::Duration;

use crate::gen_server::{StartError, StartOptions};
use crate::id::Pid;
use crate::process::Address;
use crate::supervisor::dynamic::DynamicOptions;
use crate::supervisor::intensity::Intensity;
use crate::supervisor::serve::{StartChild, SupervisorPlan, TerminatePid};
use crate::supervisor::{
    AnySupervisorRef, AutoShutdown, Child, ChildSpec, ChildType, SupervisorError,
};

/// Describes a dynamic supervisor to be started: its flags.
///
/// As in Elixir, it restarts children at most three times in any five seconds, unless
/// [`intensity`](Self::intensity) sets another limit.
#[derive(Clone, Debug)]
#[must_use = "a supervisor does nothing until it is started"]
pub struct DynamicSupervisor {
    intensity: Intensity,
    max_children: usize,
}

impl Default for DynamicSupervisor {
    fn default() -> DynamicSupervisor {
        DynamicSupervisor { intensity: Intensity::ELIXIR, max_children: usize::MAX }
    }
}

impl DynamicSupervisor {
    /// Creates a supervisor of any number of children.
    ///
    /// ```
    /// # use procession::prelude::*;
    /// let supervisor = DynamicSupervisor::new().start_link()?;
    /// assert_eq!(supervisor.which_children()?, []);
    /// # supervisor.stop()?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn new() -> DynamicSupervisor {
        DynamicSupervisor::default()
    }

    /// Allows at most `restarts` restarts in any `period`. When one more is due, the supervisor
    /// gives up. Default: 3 in 5 s.
    ///
    /// ```
    /// # use procession::prelude::*;
    /// # use std::time::Duration;
    /// // Up to a hundred of its children may fail in a minute.
    /// let supervisor =
    ///     DynamicSupervisor::new().intensity(100, Duration::from_secs(60)).start_link()?;
    /// # supervisor.stop()?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn intensity(mut self, restarts: usize, period: Duration) -> DynamicSupervisor {
        self.intensity = Intensity { max: restarts, period };
        self
    }

    /// Sets how many children the supervisor may have. Default: any number.
    ///
    /// ```
    /// # use procession::prelude::*;
    /// # fn worker(id: &str) -> ChildSpec {
    /// #     ChildSpec::new(id, || Ok(process::spawn_link(|| receive! { () => {} })?))
    /// # }
    /// let supervisor = DynamicSupervisor::new().max_children(1).start_link()?;
    /// supervisor.start_child(worker("a"))?;
    /// assert_eq!(supervisor.start_child(worker("b")), Err(SupervisorError::MaxChildren));
    /// # supervisor.stop()?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn max_children(mut self, max_children: usize) -> DynamicSupervisor {
        self.max_children = max_children;
        self
    }

    /// Starts the supervisor, linked to the caller.
    ///
    /// ```
    /// # use procession::prelude::*;
    /// # fn worker(id: &str) -> ChildSpec {
    /// #     ChildSpec::new(id, || Ok(process::spawn_link(|| receive! { () => {} })?))
    /// # }
    /// let supervisor = DynamicSupervisor::new().start_link()?;
    /// supervisor.start_child(worker("a"))?;
    /// assert_eq!(supervisor.count_children()?.active, 1);
    /// # supervisor.stop()?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`StartError::Failed`] with
    /// [`SpecError::ZeroPeriod`](crate::supervisor::SpecError::ZeroPeriod) if the period of the
    /// intensity is zero. Otherwise as for any server.
    pub fn start_link(self) -> Result<DynamicSupervisorRef, StartError> {
        self.start_link_with(StartOptions::new())
    }

    /// Starts it as [`start_link`](Self::start_link) does, with the options of a server: a name,
    /// for instance.
    ///
    /// ```
    /// # use procession::prelude::*;
    /// # fn worker(id: &str) -> ChildSpec {
    /// #     ChildSpec::new(id, || Ok(process::spawn_link(|| receive! { () => {} })?))
    /// # }
    /// let options = StartOptions::new().name("start_link_with::sessions");
    /// DynamicSupervisor::new().start_link_with(options)?;
    ///
    /// // Anywhere in the program.
    /// let sessions = DynamicSupervisorRef::named("start_link_with::sessions");
    /// sessions.start_child(worker("a"))?;
    /// # sessions.stop()?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// As [`start_link`](Self::start_link).
    pub fn start_link_with(
        self,
        options: StartOptions,
    ) -> Result<DynamicSupervisorRef, StartError> {
        self.start_link_as(options)
    }

    /// Starts it as a supervisor of the kind `K`.
    pub(crate) fn start_link_as<K>(
        self,
        options: StartOptions,
    ) -> Result<AnySupervisorRef<K>, StartError> {
        let DynamicSupervisor { intensity, max_children } = self;
        let auto_shutdown = AutoShutdown::Never;
        let children = DynamicOptions { intensity, max_children, auto_shutdown, template: None };
        AnySupervisorRef::start(
            type_name::<K>(),
            || Ok(Some(SupervisorPlan::Dynamic(children))),
            options,
        )
    }

    /// Returns a child spec by which another supervisor starts this one. It sets no limit on the
    /// time that this supervisor takes to shut down.
    ///
    /// ```
    /// # use procession::prelude::*;
    /// # fn worker(id: &str) -> ChildSpec {
    /// #     ChildSpec::new(id, || Ok(process::spawn_link(|| receive! { () => {} })?))
    /// # }
    /// let top = Supervisor::one_for_one().start_link()?;
    /// let sessions = top.start_child(DynamicSupervisor::new().child_spec("sessions"))?;
    /// sessions.start_child(worker("a"))?;
    /// assert_eq!(sessions.count_children()?.active, 1);
    /// # top.stop()?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn child_spec(self, id: impl Into<String>) -> ChildSpec<DynamicSupervisorRef> {
        ChildSpec::new(id, move || self.clone().start_link()).child_type(ChildType::Supervisor)
    }

    /// Returns a [`child_spec`](Self::child_spec) by which this supervisor is registered as `name`,
    /// which is also its id.
    ///
    /// ```
    /// # use procession::prelude::*;
    /// # fn worker(id: &str) -> ChildSpec {
    /// #     ChildSpec::new(id, || Ok(process::spawn_link(|| receive! { () => {} })?))
    /// # }
    /// let top = Supervisor::one_for_one()
    ///     .child(DynamicSupervisor::new().named_child_spec("named_child_spec::sessions"))
    ///     .start_link()?;
    ///
    /// // Anywhere in the program.
    /// let sessions = DynamicSupervisorRef::named("named_child_spec::sessions");
    /// sessions.start_child(worker("a"))?;
    /// # top.stop()?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn named_child_spec(self, name: impl Into<String>) -> ChildSpec<DynamicSupervisorRef> {
        ChildSpec::named(name, move |options| self.clone().start_link_with(options))
            .child_type(ChildType::Supervisor)
    }
}

/// A reference to a dynamic supervisor.
pub type DynamicSupervisorRef<T = Pid> = AnySupervisorRef<DynamicSupervisor, T>;

/// Requests that only a dynamic supervisor answers.
impl<T: Address> DynamicSupervisorRef<T> {
    /// Starts a child.
    ///
    /// ```
    /// # use procession::prelude::*;
    /// # fn worker(id: &str) -> ChildSpec {
    /// #     ChildSpec::new(id, || Ok(process::spawn_link(|| receive! { () => {} })?))
    /// # }
    /// let supervisor = DynamicSupervisor::new().start_link()?;
    /// let first = supervisor.start_child(worker("session"))?;
    /// let second = supervisor.start_child(worker("session"))?; // The same id.
    /// assert_ne!(first, second);
    /// # supervisor.stop()?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// - [`SupervisorError::Spec`] if the child is significant, as such a supervisor never shuts
    ///   down by itself. No request is made then.
    /// - [`SupervisorError::MaxChildren`] if the supervisor has as many children as it may have.
    /// - [`SupervisorError::Failed`], [`SupervisorError::AlreadyStarted`],
    ///   [`SupervisorError::Ignored`] if the child does not start; the supervisor forgets it.
    /// - [`SupervisorError::Call`] if there is no answer.
    pub fn start_child<C: Child>(&self, spec: ChildSpec<C>) -> Result<C, SupervisorError> {
        spec.policy().check(AutoShutdown::Never).map_err(SupervisorError::Spec)?;
        let child = self.ask(StartChild(spec.into()))??;
        Ok(*child.downcast().expect("the reply is what the start function returned"))
    }

    /// Stops the child with the process `pid`, or the one that had it and waits to be restarted,
    /// and forgets the child. Returns when it has ended.
    ///
    /// ```
    /// # use procession::prelude::*;
    /// # fn worker(id: &str) -> ChildSpec {
    /// #     ChildSpec::new(id, || Ok(process::spawn_link(|| receive! { () => {} })?))
    /// # }
    /// let supervisor = DynamicSupervisor::new().start_link()?;
    /// let pid = supervisor.start_child(worker("a"))?;
    /// supervisor.terminate_child(pid)?;
    /// assert!(!process::is_alive(pid));
    /// assert_eq!(supervisor.terminate_child(pid), Err(SupervisorError::NotFound));
    /// # supervisor.stop()?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`SupervisorError::NotFound`], also for a child that has ended for good;
    /// [`SupervisorError::Call`].
    pub fn terminate_child(&self, child: impl Into<Pid>) -> Result<(), SupervisorError> {
        self.ask(TerminatePid(child.into()))?
    }
}
