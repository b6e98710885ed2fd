//! Listeners: a process for each connection, started by a pool of acceptors.
//!
//! ```
//! use procession::io;
//! use procession::listener::Listener;
//! use std::io::{BufRead, BufReader, Read, Write};
//! use std::net::{Shutdown, TcpStream};
//!
//! /// Answers each line of a client. It blocks as it likes: it is a process of its own.
//! fn echo(stream: io::TcpStream) {
//!     for line in BufReader::new(&stream).lines().map_while(Result::ok) {
//!         _ = writeln!(&stream, "{line}, too");
//!     }
//! }
//!
//! let listener = Listener::tcp("127.0.0.1:0", echo).max_connections(1_000).start_link()?;
//!
//! let mut client = TcpStream::connect(listener.get_addr()?)?;
//! client.write_all(b"hello\n")?;
//! client.shutdown(Shutdown::Write)?;
//! let mut answer = String::new();
//! client.read_to_string(&mut answer)?;
//! assert_eq!(answer, "hello, too\n");
//!
//! listener.stop()?; // The port is free.
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! A connection that crashes is reported, and disturbs no other. One that waits in a read, or in
//! any other call of [`io`](crate::io), can be ended.
//!
//! # A server for each connection
//!
//! A [`Protocol`] is a function, or the template of a server whose `init` gets the connection:
//!
//! ```
//! use procession::listener::Listener;
//! use procession::io;
//! use procession::prelude::*;
//! use std::io::{Read, Write};
//! use std::net::TcpStream;
//!
//! /// Greets the client, and waits for messages of the program.
//! #[derive(Debug)]
//! struct Session {
//!     stream: io::TcpStream,
//! }
//!
//! impl GenServer for Session {
//!     type Args = io::TcpStream;
//!
//!     fn init(mut stream: io::TcpStream) -> InitResult<Self> {
//!         stream.write_all(b"welcome")?;
//!         ready(Session { stream })
//!     }
//! }
//!
//! let listener = Listener::tcp("127.0.0.1:0", Session::child_template()).start_link()?;
//! let mut client = TcpStream::connect(listener.get_addr()?)?;
//! let mut greeting = [0; 7];
//! client.read_exact(&mut greeting)?;
//! assert_eq!(&greeting, b"welcome");
//! # listener.stop()?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! The start function of the template runs in the supervisor of the connections: what takes time,
//! such as the greeting of an encrypted connection, belongs into the process that it starts.
//!
//! # How it is built
//!
//! ```text
//!     listener            a supervisor; the socket belongs to it
//!       connections       a dynamic supervisor
//!         connection      a process for each, temporary
//!         ...
//!       control           answers requests; stops listening before the connections are stopped
//!       acceptors         a supervisor
//!         acceptor 1      waits for room, accepts a connection, and has its process started
//!         ...
//! ```
//!
//! Whatever crashes below the listener, the socket stays open: clients wait in the backlog of the
//! system until the next incarnation of what has crashed serves them. That is so for an acceptor,
//! which may have accepted a connection already, for all of them, and for the supervisor of the
//! connections, whose end only the connections do not survive. If the listener itself ends, its
//! socket is closed, but for one that was [given](Listener::on) to it in a child spec.
//!
//! # How many connections
//!
//! There are at most [`max_connections`](Listener::max_connections) at the same time, 1,024 if it
//! is not set. When there are so many, the acceptors accept no more: clients wait in the
//! [backlog](Listener::backlog), and are served when another connection ends. With
//! [`refuse`](Listener::refuse) they are sent a message instead, and the connection is closed.
//!
//! A connection takes a thread and two descriptors, its socket and one that its thread
//! [waits by](crate::io#descriptors): 1,024 connections take 2,048 of them, where many systems
//! allow a program 1,024 (`ulimit -n`). With fewer, connections share the second one.
//!
//! The numbers can be [seen](ListenerRef::info), [changed](ListenerRef::set_max_connections) and
//! [waited for](ListenerRef::wait_for_connections).
//!
//! # How it stops
//!
//! When the listener is stopped, by its supervisor or by [`stop`](AnySupervisorRef::stop), in this
//! order
//!
//! 1. the acceptors are ended, and the socket is closed: clients are refused;
//! 2. it waits for the connections to end by themselves, for as long as [`drain`](Listener::drain)
//!    says, which is not at all if it is not set;
//! 3. those that are left are told to [shut down](crate::ExitReason::Shutdown), and killed if they
//!    have not ended when their [shutdown time](Listener::shutdown) is over, five seconds if it is
//!    not set.
//!
//! Being told ends a process that does not trap exits at once, even in the middle of a request. One
//! that is to finish its request traps exits: then its next read fails, as
//! [`io::is_interrupted`](crate::io::is_interrupted) tells, and it has its shutdown time left.
//!
//! ```
//! use procession::io;
//! use procession::listener::Listener;
//! use procession::prelude::*;
//! use std::io::{BufRead, BufReader, Write};
//! use std::net::TcpStream;
//!
//! /// Answers each line, and says good-bye when the listener is stopped.
//! fn answer(stream: io::TcpStream) -> Result<(), ExitReason> {
//!     process::set_trap_exit(true);
//!     for line in BufReader::new(&stream).lines() {
//!         match line {
//!             Ok(line) => writeln!(&stream, "{line}, too")?,
//!             Err(error) if io::is_interrupted(&error) => {
//!                 writeln!(&stream, "good-bye")?;
//!                 return Err(error.into()); // It ends as it was told to, with `Shutdown`.
//!             }
//!             Err(error) => return Err(error.into()),
//!         }
//!     }
//!     Ok(())
//! }
//!
//! let listener = Listener::tcp("127.0.0.1:0", answer).start_link()?;
//! let mut client = BufReader::new(TcpStream::connect(listener.get_addr()?)?);
//! client.get_mut().write_all(b"hello\n")?;
//! let mut lines = String::new();
//! client.read_line(&mut lines)?;
//! listener.stop()?;
//! client.read_line(&mut lines)?;
//! assert_eq!(lines, "hello, too\ngood-bye\n");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! Where there is nothing to say at the end, `line?` alone does it: the connection ends between two
//! requests, with the reason `Shutdown`. A write that would have to wait fails, too, as long as the
//! [`Exit`](crate::Exit) message is not received.
//!
//! # Errors
//!
//! - A connection that is broken off before it is accepted is passed over.
//! - When the program or the system has no descriptor or no memory left for a connection
//!   (`EMFILE`, `ENFILE`, `ENOBUFS`, `ENOMEM`), an acceptor pauses for 100 ms and tries again; the
//!   client waits in the backlog. That is one warning, with the target `procession::listener`,
//!   however long it lasts.
//! - When there is no thread left, the connection that was accepted for it is closed, and the
//!   acceptor pauses before it accepts the next, with the same warning.
//! - If the process of a connection does not start, as the `init` of its server fails, that is
//!   logged as an error, with the same target, and the connection is closed.
//! - Any other error is one of the listening socket. It ends the acceptor, which its supervisor
//!   starts again, within the [intensity](Listener::intensity).
//!
//! # Ranch's functions
//!
//! | ranch | here |
//! |---|---|
//! | `start_listener` | [`Listener::start_link`] |
//! | `child_spec` | [`Listener::child_spec`], [`Listener::named_child_spec`] |
//! | `stop_listener` | [`stop`](AnySupervisorRef::stop) |
//! | `suspend_listener`, `resume_listener` | [`ListenerRef::suspend`], [`ListenerRef::resume`] |
//! | `info`, `get_status`, `get_max_connections` | [`ListenerRef::info`] |
//! | `get_addr`, `get_port` | [`ListenerRef::get_addr`], [`LocalAddr::port`] |
//! | `procs` | [`ListenerRef::connections`], [`ListenerRef::acceptors`] |
//! | `set_max_connections` | [`ListenerRef::set_max_connections`] |
//! | `wait_for_connections` | [`ListenerRef::wait_for_connections`] |
//! | `num_acceptors`, `max_connections` | [`Listener::acceptors`], [`Listener::max_connections`] |
//! | `shutdown` | [`Listener::shutdown`] |
//! | `connection_type` | [`ChildSpec::child_type`] of the template |
//! | `ranch_transport` | [`Accept`] |
//! | `ranch_protocol` | [`Protocol`] |
//! | `handshake` | the process has the connection from the start |
//!
//! # Differences from OTP
//!
//! OTP has no such module; this is about [ranch], which it follows.
//!
//! - A listener belongs to the tree of the program, and there is no registry of listeners: it has a
//!   name if it is given one.
//! - `max_connections` is exact. Ranch's acceptors can each accept one connection more.
//! - A crash of an acceptor, of all of them, or of the supervisor of the connections loses no
//!   client: ranch closes the listening socket with the supervisor of the acceptors, and a
//!   connection with its acceptor.
//! - The limit can be a message to the client, [`refuse`](Listener::refuse), and the connections
//!   can have time to end by themselves, [`drain`](Listener::drain).
//! - There are two acceptors, where ranch has ten: each is a thread here.
//! - There is one supervisor of connections and one listening socket, no `remove_connection`, and
//!   there are no alarms: a process that waits by
//!   [`wait_for_connections`](ListenerRef::wait_for_connections) can do what those are for. Options
//!   other than the limit are changed by starting another listener on the same socket.
//!
//! [ranch]: https://ninenines.eu/docs/en/ranch/2.1/guide/
//! [`AnySupervisorRef`]: crate::supervisor::AnySupervisorRef
//! [`ChildSpec::child_type`]: crate::supervisor::ChildSpec::child_type

mod accept;
mod protocol;
mod socket;
mod gate;
mod shared;
mod acceptor;
mod control;
mod listener_ref;

use std::any::type_name;
use std::fmt;
use std::fs;
use std::io;
use std::net::ToSocketAddrs;
use std::os::fd::AsFd;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use crate::dynamic_supervisor::{DynamicSupervisor, DynamicSupervisorRef};
use crate::exit::ExitReason;
use crate::gen_server::{StartError, StartOptions};
use crate::io::{TcpListener, TcpStream, UnixListener, UnixStream};
use crate::proc_lib;
use crate::supervisor::intensity::Intensity;
use crate::supervisor::serve::SupervisorPlan;
use crate::supervisor::{
    AnySupervisorRef, ChildSpec, ChildType, Policy, Shutdown, Supervisor, SupervisorRef,
};

pub use accept::{Accept, LocalAddr};
pub use listener_ref::ListenerRef;
pub use protocol::Protocol;
pub use socket::ListenError;

use control::Control;
use shared::{Open, Shared};
use socket::Listening;

/// The ids of the parts of a listener.
const CONNECTIONS: &str = "connections";
const CONTROL: &str = "control";
const ACCEPTORS: &str = "acceptors";

/// Describes a listener to be started: where it listens, what its connections are for, and its
/// limits.
///
/// It is a supervisor, and starts under any other by its [`child_spec`](Self::child_spec).
#[derive(Clone)]
#[must_use = "a listener does nothing until it is started"]
pub struct Listener {
    open: Open,
    policy: Policy,
    settings: Settings,
}

/// The settings of a listener.
#[derive(Clone, Debug)]
struct Settings {
    acceptors: usize,
    max_connections: usize,
    /// What a client is told that is one too many; `None` if it waits.
    refusal: Option<Arc<[u8]>>,
    drain: Duration,
    backlog: Option<u32>,
    intensity: Intensity,
}

impl Default for Settings {
    fn default() -> Settings {
        Settings {
            acceptors: 2,
            max_connections: 1_024,
            refusal: None,
            drain: Duration::ZERO,
            backlog: None,
            intensity: Intensity::ELIXIR,
        }
    }
}

impl fmt::Debug for Listener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Listener")
            .field("connection", &self.policy)
            .field("settings", &self.settings)
            .finish_non_exhaustive()
    }
}

/// The state of a listener, and its numbers.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Info {
    /// Where it listens; while it is suspended, where it has listened.
    pub address: LocalAddr,
    /// Whether it listens.
    pub status: Status,
    /// The number of connections.
    pub active_connections: usize,
    /// How many connections there may be.
    pub max_connections: usize,
    /// The number of acceptors.
    pub acceptors: usize,
}

/// Whether a listener listens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// It listens.
    Running,
    /// It was [suspended](ListenerRef::suspend), or is being stopped.
    Suspended,
}

/// Where to listen, and what for.
impl Listener {
    /// Creates a listener on a TCP address. It listens when it is started, and each time it is
    /// started anew; port 0 is any free port, which [`get_addr`](ListenerRef::get_addr) tells.
    ///
    /// A name is looked up at each start. Of several addresses it is the first one that is free.
    ///
    /// ```
    /// use procession::io;
    /// use procession::listener::Listener;
    ///
    /// let listener = Listener::tcp(("localhost", 0), |_: io::TcpStream| {}).start_link()?;
    /// assert!(listener.get_addr()?.port().is_some());
    /// # listener.stop()?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn tcp(
        address: impl ToSocketAddrs + fmt::Debug + Send + Sync + 'static,
        protocol: impl Protocol<TcpStream>,
    ) -> Listener {
        let name = format!("{address:?}");
        Listener::bound(name, protocol, move |backlog| {
            let listener = TcpListener::bind(&address)?;
            set_backlog(&listener, backlog)?;
            Ok(listener)
        })
    }

    /// Creates a listener on a Unix socket, a file that is made when it is started, and removed
    /// when it does not listen any more, unless another file has its path by then.
    ///
    /// A program that was killed leaves its file behind, and the next start fails, as the address
    /// is in use. Only the program can know that nobody listens there any more: let it remove the
    /// file before it starts the listener, where no other instance of it may run.
    ///
    /// ```
    /// use procession::io;
    /// use procession::listener::Listener;
    /// use std::os::unix::net::UnixStream;
    ///
    /// let path = std::env::temp_dir().join(format!("procession-{}.socket", std::process::id()));
    /// let listener = Listener::unix(&path, |_: io::UnixStream| {}).start_link()?;
    /// UnixStream::connect(&path)?;
    /// listener.stop()?;
    /// assert!(!path.exists());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn unix(path: impl AsRef<Path>, protocol: impl Protocol<UnixStream>) -> Listener {
        let path = path.as_ref().to_owned();
        Listener::bound(path.display().to_string(), protocol, move |backlog| {
            let socket = UnixListener::bind(&path)?;
            let file = SocketFile { socket, id: file_id(&path)?, path: path.clone() };
            set_backlog(&file.socket, backlog)?;
            Ok(file)
        })
    }

    /// Creates a listener on a socket that listens already, as the program was given it, or has
    /// made it in a way of its own.
    ///
    /// The socket stays open as long as this value or a copy of it is there: so a
    /// [child spec](Self::child_spec) keeps it for the next incarnation of the listener, and
    /// clients that connect meanwhile wait in the backlog. They also do while the listener is
    /// suspended.
    ///
    /// ```
    /// use procession::io;
    /// use procession::listener::Listener;
    /// use std::net::TcpStream;
    ///
    /// let socket = io::TcpListener::bind("127.0.0.1:0")?;
    /// let address = socket.local_addr()?;
    /// let listener = Listener::on(socket, |_: io::TcpStream| {}).start_link()?;
    /// TcpStream::connect(address)?;
    /// listener.stop()?;
    /// assert!(TcpStream::connect(address).is_err());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn on<L: Accept>(socket: L, protocol: impl Protocol<L::Stream>) -> Listener {
        let template = protocol.into_template();
        let listening = Arc::new(Listening::new(socket, &template));
        let open: Open = Arc::new(move |_| {
            let address = listening.local_addr();
            let address = address.map_err(|error| ListenError::new("a given socket", error))?;
            Ok((Arc::clone(&listening) as _, address))
        });
        Listener { open, policy: template.policy, settings: Settings::default() }
    }

    /// Creates a listener that listens by `bind`, on an address with this name.
    fn bound<L: Accept>(
        name: String,
        protocol: impl Protocol<L::Stream>,
        bind: impl Fn(Option<u32>) -> io::Result<L> + Send + Sync + 'static,
    ) -> Listener {
        let template = protocol.into_template();
        let policy = template.policy.clone();
        let open: Open = Arc::new(move |backlog| {
            let opened = bind(backlog).and_then(|socket| {
                let listening = Listening::new(socket, &template);
                let address = listening.local_addr()?;
                Ok((Arc::new(listening) as _, address))
            });
            opened.map_err(|error| ListenError::new(&name, error))
        });
        Listener { open, policy, settings: Settings::default() }
    }
}

fn set_backlog(socket: &impl AsFd, backlog: Option<u32>) -> io::Result<()> {
    let Some(backlog) = backlog else { return Ok(()) };
    // To listen again changes it.
    Ok(rustix::net::listen(socket, i32::try_from(backlog).unwrap_or(i32::MAX))?)
}

/// A Unix socket and its file, which goes when the socket does.
struct SocketFile {
    socket: UnixListener,
    path: PathBuf,
    /// Which file it is: another one may have come to have the path.
    id: (u64, u64),
}

/// Returns the device of a file, and its number there.
fn file_id(path: &Path) -> io::Result<(u64, u64)> {
    let metadata = fs::symlink_metadata(path)?;
    Ok((metadata.dev(), metadata.ino()))
}

impl Accept for SocketFile {
    type Stream = UnixStream;

    fn accept(&self) -> io::Result<UnixStream> {
        Accept::accept(&self.socket)
    }

    fn local_addr(&self) -> io::Result<LocalAddr> {
        Accept::local_addr(&self.socket)
    }
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        if file_id(&self.path).is_ok_and(|id| id == self.id) {
            // If it cannot be removed, there is nothing that could be done.
            _ = fs::remove_file(&self.path);
        }
    }
}

/// Limits.
impl Listener {
    /// Sets how many processes accept connections. Default: 2, so that one accepts while the other
    /// has a process started.
    ///
    /// # Panics
    ///
    /// Panics if it is zero.
    pub fn acceptors(mut self, acceptors: usize) -> Listener {
        assert!(acceptors > 0, "there is at least one acceptor");
        self.settings.acceptors = acceptors;
        self
    }

    /// Sets how many connections there may be at the same time. Default: 1,024. `usize::MAX` is no
    /// limit.
    pub fn max_connections(mut self, max_connections: usize) -> Listener {
        self.settings.max_connections = max_connections;
        self
    }

    /// Has clients refused when there are as many connections as there may be: they are sent
    /// `message`, and the connection is closed. Default: they wait.
    ///
    /// A client that sends before it has read the message may lose it: the system then tells it
    /// that the connection was reset.
    ///
    /// The acceptor writes the message itself, and accepts nobody else meanwhile. A fresh socket
    /// has room for a short one at once; a [stream](Accept::Stream) of the program's own must not
    /// wait long for its client there.
    ///
    /// ```
    /// use procession::listener::Listener;
    /// use procession::{io, process};
    /// use std::io::Read;
    /// use std::net::TcpStream;
    ///
    /// let listener = Listener::tcp("127.0.0.1:0", |_: io::TcpStream| {})
    ///     .max_connections(0)
    ///     .refuse("come back later")
    ///     .start_link()?;
    /// let mut answer = String::new();
    /// TcpStream::connect(listener.get_addr()?)?.read_to_string(&mut answer)?;
    /// assert_eq!(answer, "come back later");
    /// # listener.stop()?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn refuse(mut self, message: impl AsRef<[u8]>) -> Listener {
        self.settings.refusal = Some(message.as_ref().into());
        self
    }

    /// Sets how many clients the system lets wait to be accepted. Default: what the standard
    /// library sets. The system has a limit of its own, `net.core.somaxconn`. The backlog of a
    /// [given](Self::on) socket stays as it is.
    pub fn backlog(mut self, backlog: u32) -> Listener {
        self.settings.backlog = Some(backlog);
        self
    }

    /// Sets how the process of a connection is stopped, when it has been told to. Default: as the
    /// template of the [`Protocol`] says; for a function, a timeout of five seconds.
    pub fn shutdown(mut self, shutdown: Shutdown) -> Listener {
        self.policy.shutdown = shutdown;
        self
    }

    /// Sets for how long connections may go on when the listener is stopped, before they are told
    /// to end. Default: not at all. See [how it stops](self#how-it-stops).
    pub fn drain(mut self, time: Duration) -> Listener {
        self.settings.drain = time;
        self
    }

    /// Allows at most `restarts` restarts of acceptors, and as many of the other parts, in any
    /// `period`. When one more is due, the listener gives up. Default: 3 in 5 s. Connections do not
    /// count, as they are not restarted.
    pub fn intensity(mut self, restarts: usize, period: Duration) -> Listener {
        self.settings.intensity = Intensity { max: restarts, period };
        self
    }
}

/// The start.
impl Listener {
    /// Starts the listener, linked to the caller. It listens when this returns.
    ///
    /// # Errors
    ///
    /// [`StartError::Failed`] with a [`ListenError`] if it cannot listen. Otherwise as for any
    /// supervisor.
    pub fn start_link(self) -> Result<ListenerRef, StartError> {
        self.start_link_with(StartOptions::new())
    }

    /// Starts it as [`start_link`](Self::start_link) does, with the options of a server: a name,
    /// for instance.
    ///
    /// ```
    /// use procession::io;
    /// use procession::listener::{Listener, ListenerRef};
    /// use procession::prelude::*;
    ///
    /// let options = StartOptions::new().name("start_link_with::web");
    /// Listener::tcp("127.0.0.1:0", |_: io::TcpStream| {}).start_link_with(options)?;
    ///
    /// // Anywhere in the program.
    /// let web = ListenerRef::named("start_link_with::web");
    /// assert_eq!(web.info()?.active_connections, 0);
    /// # web.stop()?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// As [`start_link`](Self::start_link).
    pub fn start_link_with(self, options: StartOptions) -> Result<ListenerRef, StartError> {
        let init = || Ok(Some(SupervisorPlan::Ordered(self.supervisor()?)));
        AnySupervisorRef::start(type_name::<Listener>(), init, options)
    }

    /// Returns a child spec by which a supervisor starts this listener. It sets no limit on the
    /// time that the listener takes to shut down.
    ///
    /// ```
    /// use procession::io;
    /// use procession::listener::Listener;
    /// use procession::prelude::*;
    ///
    /// let top = Supervisor::one_for_one().start_link()?;
    /// let web = Listener::tcp("127.0.0.1:0", |_: io::TcpStream| {});
    /// let web = top.start_child(web.child_spec("web"))?;
    /// assert_eq!(web.info()?.active_connections, 0);
    /// # top.stop()?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn child_spec(self, id: impl Into<String>) -> ChildSpec<ListenerRef> {
        ChildSpec::new(id, move || self.clone().start_link()).child_type(ChildType::Supervisor)
    }

    /// Returns a [`child_spec`](Self::child_spec) by which the listener is registered as `name`,
    /// which is also its id.
    pub fn named_child_spec(self, name: impl Into<String>) -> ChildSpec<ListenerRef> {
        ChildSpec::named(name, move |options| self.clone().start_link_with(options))
            .child_type(ChildType::Supervisor)
    }

    /// Listens, and returns the supervisor that the calling process becomes.
    fn supervisor(self) -> Result<Supervisor, ExitReason> {
        let Listener { open, policy, settings } = self;
        let Intensity { max, period } = settings.intensity;
        let shared = Arc::new(Shared::new(settings, policy, open));
        shared.open()?;
        // Stopped in reverse order; and if one fails, those below it are restarted, too.
        Ok(Supervisor::rest_for_one()
            .intensity(max, period)
            .child(connections(Arc::clone(&shared)))
            .child(Control::child_spec(Arc::clone(&shared)))
            .child(acceptors(shared)))
    }
}

/// Returns the child spec of the supervisor of the connections.
fn connections(shared: Arc<Shared>) -> ChildSpec<DynamicSupervisorRef> {
    let start = move || {
        let supervisor = DynamicSupervisor::new().start_link()?;
        shared.set_connections(supervisor.pid());
        Ok(supervisor)
    };
    ChildSpec::new(CONNECTIONS, start).child_type(ChildType::Supervisor)
}

/// Returns the child spec of the supervisor of the acceptors, which starts only if the listener is
/// not suspended.
fn acceptors(shared: Arc<Shared>) -> ChildSpec<SupervisorRef> {
    let start = move || {
        let Settings { acceptors, intensity: Intensity { max, period }, .. } = shared.settings;
        if shared.status() == Status::Suspended {
            return Err(StartError::Ignored);
        }
        let supervisor = Supervisor::one_for_one().intensity(max, period);
        let children = (1..=acceptors).map(|number| acceptor(&shared, number));
        children.fold(supervisor, Supervisor::child).start_link()
    };
    ChildSpec::new(ACCEPTORS, start).child_type(ChildType::Supervisor)
}

fn acceptor(shared: &Arc<Shared>, number: usize) -> ChildSpec {
    let shared = Arc::clone(shared);
    let start = move || {
        let shared = Arc::clone(&shared);
        Ok(proc_lib::spawn_link(move || acceptor::accept_all(&shared))?)
    };
    ChildSpec::new(format!("acceptor {number}"), start).shutdown(Shutdown::BrutalKill)
}
