//! An EPMD in this program.

use std::io::{ErrorKind, Read, Write};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use crate::exit::ExitReason;
use crate::gen_server::{StartError, StartOptions};
use crate::id::Pid;
use crate::io::{self as interruptible, TcpListener, is_interrupted};
use crate::listener::{ListenError, Listener};
use crate::process;
use crate::supervisor::serve::SupervisorPlan;
use crate::supervisor::{ChildSpec, ChildType, Supervisor, SupervisorRef};

use crate::net_kernel::random::random;
use crate::net_kernel::timed::{Deadline, Timed};

use super::names::{Names, Registered, SharedNames};
use super::request::{Registering, Request, found, listed, registered};
use super::{Epmd, Registrant};

/// How long a request may take to come.
const REQUEST_TIME: Duration = Duration::from_secs(10);

/// The most bytes that a request may have.
const MAX_REQUEST: u16 = 4096;

/// How many nodes may be registered, and questions asked at the same time.
const MAX_CONNECTIONS: usize = 1_024;

/// Describes an EPMD that is part of this program: what tells the nodes of a machine, and those of
/// other machines, where each of them listens.
///
/// Nodes of Erlang can use it as they use the program `epmd`. A program that is to need none
/// itself has one by [`NetKernel::embedded_epmd`](crate::net_kernel::NetKernel::embedded_epmd);
/// this is for programs that serve others.
///
/// ```
/// use procession::net_kernel::EpmdServer;
/// use procession::prelude::*;
///
/// # let port = std::net::TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
/// let epmd = EpmdServer::new().port(port).start_link()?;
/// // In a shell of the system: epmd -port ... -names
/// # epmd.stop()?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// It registers, finds and lists nodes, and ends if it is told to (`epmd -kill`) while no node is
/// registered. Only programs of this machine can register a node, or tell it to end.
///
/// OTP: [`epmd`](https://www.erlang.org/doc/apps/erts/epmd_cmd.html),
/// [EPMD protocol](https://www.erlang.org/doc/apps/erts/erl_dist_protocol.html#epmd-protocol).
#[derive(Clone, Debug)]
#[must_use = "an EPMD does nothing until it is started"]
pub struct EpmdServer {
    port: Option<u16>,
    address: IpAddr,
}

impl Default for EpmdServer {
    fn default() -> EpmdServer {
        EpmdServer::new()
    }
}

impl EpmdServer {
    /// Describes an EPMD at the loopback.
    pub fn new() -> EpmdServer {
        EpmdServer { port: None, address: Ipv4Addr::LOCALHOST.into() }
    }

    /// Sets its port. Default: that in the environment, `ERL_EPMD_PORT`, or else 4369.
    pub fn port(mut self, port: u16) -> EpmdServer {
        self.port = Some(port);
        self
    }

    /// Sets the address that it listens at, besides the loopback, which the nodes of this machine
    /// use. Default: only that.
    pub fn listen(mut self, address: IpAddr) -> EpmdServer {
        self.address = address;
        self
    }

    /// Starts it, linked to the caller. It listens when this returns.
    ///
    /// # Errors
    ///
    /// [`StartError::Failed`] with a [`ListenError`] as the detail of its reason if it cannot
    /// listen, as another EPMD does, for instance.
    pub fn start_link(self) -> Result<SupervisorRef, StartError> {
        start(move || {
            let port = match self.port {
                Some(port) => port,
                None => Epmd::from_env().map_err(ExitReason::from_display)?.port,
            };
            Ok(Bound::new(self.address, port)?)
        })
    }

    /// Returns the specification of a child that is this EPMD.
    pub fn child_spec(self) -> ChildSpec<SupervisorRef> {
        ChildSpec::new("epmd", move || self.clone().start_link()).child_type(ChildType::Supervisor)
    }
}

/// An EPMD that listens, and does not serve yet.
#[derive(Debug)]
pub(crate) struct Bound {
    sockets: Vec<TcpListener>,
    names: SharedNames,
}

impl Bound {
    /// Listens at the address and at the loopback.
    ///
    /// # Errors
    ///
    /// [`ListenError`]; see [`is_taken`].
    pub(crate) fn new(address: IpAddr, port: u16) -> Result<Bound, ListenError> {
        let loopback = IpAddr::from(Ipv4Addr::LOCALHOST);
        // All addresses are with the loopback.
        let also = (!address.is_unspecified() && address != loopback).then_some(loopback);
        let at = SocketAddr::new(address, port);
        let sockets = [Some(address), also].into_iter().flatten().map(|address| {
            let at = SocketAddr::new(address, port);
            TcpListener::bind(at).map_err(|error| ListenError { address: at.to_string(), error })
        });
        let sockets = sockets.collect::<Result<_, _>>()?;
        // A node that has lived under another server, a moment ago, is not to be taken for itself.
        let creation = random().map_err(|error| ListenError { address: at.to_string(), error })?;
        Ok(Bound { sockets, names: SharedNames::new(Names::new(creation)) })
    }

    /// Registers the node that this program is.
    pub(crate) fn register(&self, node: Registrant<'_>) -> Registered {
        let name = node.name.alive_to_wire();
        let (port, kind) = (node.port, node.kind());
        let node = Registering { name: &name, port, kind, versions: [0, 6, 0, 6], extra: b"" };
        self.names.register(node).expect("it is the first")
    }

    pub(crate) fn start_link(self) -> Result<SupervisorRef, StartError> {
        start(|| Ok(self))
    }
}

/// Whether the reason is that somebody listens there already.
pub(crate) fn is_taken(error: &ListenError) -> bool {
    error.error.kind() == ErrorKind::AddrInUse
}

fn start(
    open: impl FnOnce() -> Result<Bound, ExitReason> + Send + 'static,
) -> Result<SupervisorRef, StartError> {
    let init = || Ok(Some(SupervisorPlan::Ordered(supervisor(open()?))));
    SupervisorRef::start("procession::net_kernel::EpmdServer", init, StartOptions::new())
}

/// The supervisor that the calling process becomes.
fn supervisor(Bound { sockets, names }: Bound) -> Supervisor {
    let server = process::self_pid();
    let mut supervisor = Supervisor::one_for_one();
    for (number, socket) in sockets.into_iter().enumerate() {
        let names = names.clone();
        let serve = move |stream| serve(stream, &names, server);
        let listener = Listener::on(socket, serve).max_connections(MAX_CONNECTIONS);
        supervisor = supervisor.child(listener.child_spec(format!("listener {number}")));
    }
    supervisor
}

/// Answers the one request of a connection, and keeps the node that it registers for as long as it
/// is open.
fn serve(
    stream: interruptible::TcpStream,
    names: &SharedNames,
    server: Pid,
) -> Result<(), ExitReason> {
    match answer(stream, names, server) {
        Err(error) if is_interrupted(&error) => Err(error.into()),
        // Who has asked is gone, or has not asked.
        Ok(()) | Err(_) => Ok(()),
    }
}

fn answer(
    stream: interruptible::TcpStream,
    names: &SharedNames,
    server: Pid,
) -> std::io::Result<()> {
    let own = stream.local_addr()?;
    let is_local = stream.peer_addr()?.ip() == own.ip() || stream.peer_addr()?.ip().is_loopback();
    let mut stream = Timed::new(stream, Deadline::after(REQUEST_TIME));
    let mut length = [0; 2];
    stream.read_exact(&mut length)?;
    let length = u16::from_be_bytes(length);
    if length > MAX_REQUEST {
        return Ok(());
    }
    let mut request = vec![0; length.into()];
    stream.read_exact(&mut request)?;
    match Request::read(&request) {
        Some(Request::Register(node)) if is_local => {
            let entry = names.register(node);
            let creation = entry.as_ref().map(|entry| entry.creation());
            stream.write_all(&registered(node.versions, creation))?;
            if entry.is_some() {
                // Its bytes say nothing; its end does.
                let mut ignored = [0; 64];
                let mut stream = stream.into_inner()?;
                while stream.read(&mut ignored)? > 0 {}
            }
            Ok(())
        }
        Some(Request::Find(name)) => stream.write_all(&found(name, names.find(name).as_ref())),
        Some(Request::Names) => stream.write_all(&listed(own.port(), &names.all())),
        Some(Request::Kill) if is_local => {
            // This process ends with it, and must not wait for it; it may have ended already.
            let stop = move || _ = SupervisorRef::from_pid(server).stop();
            let ends = names.is_empty() && process::spawn(stop).is_ok();
            stream.write_all(if ends { b"OK" } else { b"NO" })
        }
        Some(Request::Register(_) | Request::Kill) | None => Ok(()),
    }
}
