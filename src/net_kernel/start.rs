//! Becoming a node.

use std::collections::HashMap;
use std::fmt;
use std::io::ErrorKind;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::ops::RangeInclusive;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;

use crate::dynamic_supervisor::DynamicSupervisor;
use crate::error_text::errors;
use crate::exit::ExitReason;
use crate::gen_server::{self, GenServer, StartError, StartOptions, wire};
use crate::id::{self, Node, Pid};
use crate::io::TcpListener;
use crate::listener::ListenError;
use crate::process;
use crate::runtime::dist_entry::set_carrier;
use crate::runtime::table::known_as;
use crate::supervisor;
use crate::supervisor::serve::SupervisorPlan;
use crate::supervisor::{Child, ChildSpec, Supervisor, SupervisorRef};
use crate::sys;

use super::acceptor;
use super::carrier::Wire;
use super::connection;
use super::cookie::{Cookie, CookieError};
use super::epmd::{Epmd, EpmdError, LEAST_CREATION, Registrant};
use super::handshake::{Flags, Identity};
use super::local::{Local, Settings};
use super::name::NodeName;
use super::offers::{Offered, Offers};
use super::random::random;
use super::registrar::{self, Entry};
use super::rex::Rex;
use super::serve::{CONNECTIONS, DialBody, Kernel, NAME};
use super::timed::Deadline;
#[cfg(feature = "dist-tls")]
use super::tls::Tls;

/// Describes the node that this program is to be.
#[derive(Clone)]
#[must_use = "a node does nothing until it is started"]
pub struct NetKernel {
    name: String,
    cookie: Option<String>,
    address: IpAddr,
    ports: RangeInclusive<u16>,
    epmd: Discovery,
    epmd_port: Option<u16>,
    peers: HashMap<String, SocketAddr>,
    settings: Settings,
    #[cfg(feature = "dist-tls")]
    tls: Option<Tls>,
    offers: Offers,
    /// Declares types of servers.
    servers: Vec<fn()>,
}

impl fmt::Debug for NetKernel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NetKernel").field("name", &self.name).finish_non_exhaustive()
    }
}

impl NetKernel {
    /// Describes a node with this name, `name@host`.
    pub fn named(name: impl Into<String>) -> NetKernel {
        NetKernel {
            name: name.into(),
            cookie: None,
            address: Ipv4Addr::LOCALHOST.into(),
            ports: 0..=0,
            epmd: Discovery::Epmd,
            epmd_port: None,
            peers: HashMap::new(),
            settings: Settings {
                is_hidden: false,
                tick_time: Duration::from_secs(60),
                set_up_time: Duration::from_secs(7),
                max_frame: 128 << 20,
            },
            #[cfg(feature = "dist-tls")]
            tls: None,
            offers: Offers::default(),
            servers: vec![
                wire::declare::<Kernel>,
                wire::declare::<Rex>,
                supervisor::across::declare,
            ],
        }
    }

    /// Sets the cookie, which other nodes must have, too. Default: what is in the file
    /// `.erlang.cookie` in the home directory, which must be its owner's only.
    pub fn cookie(mut self, cookie: impl Into<String>) -> NetKernel {
        self.cookie = Some(cookie.into());
        self
    }

    /// Sets whether the node is hidden: others do not see it in `nodes()`, and do not connect it
    /// with the nodes that they know. Default: it is not.
    pub fn hidden(mut self, is_hidden: bool) -> NetKernel {
        self.settings.is_hidden = is_hidden;
        self
    }

    /// Sets the address that the node listens at. Default: the loopback, so that only nodes of this
    /// machine can connect.
    pub fn listen(mut self, address: IpAddr) -> NetKernel {
        self.address = address;
        self
    }

    /// Sets the ports that the node may listen at, of which it takes the first that is free.
    /// Default: the system chooses one.
    ///
    /// OTP: [`inet_dist_listen_min`, `inet_dist_listen_max`](https://www.erlang.org/doc/apps/kernel/kernel_app.html).
    pub fn ports(mut self, ports: RangeInclusive<u16>) -> NetKernel {
        self.ports = ports;
        self
    }

    /// Sets the port of EPMD, on all hosts. Default: that in the environment, `ERL_EPMD_PORT`, or
    /// else 4369.
    pub fn epmd_port(mut self, port: u16) -> NetKernel {
        self.epmd_port = Some(port);
        self
    }

    /// Lets this program be the EPMD of its machine if there is none: then nodes of Erlang need
    /// none either. Where there is one already, it is used, and if it ends, this program takes its
    /// place: of several such programs each may end.
    ///
    /// It listens at the loopback, and at the address that the [node](Self::listen) listens at.
    /// [`EpmdServer`](super::EpmdServer) is one for programs that are no nodes.
    pub fn embedded_epmd(mut self) -> NetKernel {
        self.epmd = Discovery::OwnEpmd;
        self
    }

    /// Uses no EPMD: only nodes whose addresses are [known](Self::peer) are dialled, and others
    /// have to know the address of this one, whose [port](Self::ports) is to be chosen.
    ///
    /// ```no_run
    /// use procession::net_kernel::NetKernel;
    ///
    /// NetKernel::named("a@127.0.0.1")
    ///     .cookie("secret")
    ///     .without_epmd()
    ///     .ports(9100..=9100)
    ///     .peer("b@127.0.0.1", "127.0.0.1:9101".parse()?)
    ///     .start_link()?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// OTP: [`-start_epmd false`, `-erl_epmd_port`](https://www.erlang.org/doc/apps/erts/erl_cmd.html).
    pub fn without_epmd(mut self) -> NetKernel {
        self.epmd = Discovery::Peers;
        self
    }

    /// Says where a node listens: EPMD is not asked for it. May be said of many nodes.
    pub fn peer(mut self, node: impl Into<String>, address: SocketAddr) -> NetKernel {
        self.peers.insert(node.into(), address);
        self
    }

    /// Sets the tick time: a node of which nothing was heard for so long, or a quarter longer, is
    /// taken for dead. Default: 60 seconds, as all nodes of a cluster must agree on it.
    /// [`Duration::MAX`] is for ever.
    ///
    /// OTP: [`net_ticktime`](https://www.erlang.org/doc/apps/kernel/kernel_app.html#net_ticktime).
    pub fn tick_time(mut self, time: Duration) -> NetKernel {
        self.settings.tick_time = time;
        self
    }

    /// Sets how long it may take to connect. Default: 7 seconds. [`Duration::MAX`] is for ever.
    ///
    /// OTP: [`net_setuptime`](https://www.erlang.org/doc/apps/kernel/kernel_app.html#net_setuptime).
    pub fn set_up_time(mut self, time: Duration) -> NetKernel {
        self.settings.set_up_time = time;
        self
    }

    /// Sets the most bytes that a message from another node may have. Default: 128 MiB.
    pub fn max_frame(mut self, bytes: usize) -> NetKernel {
        self.settings.max_frame = bytes;
        self
    }

    /// Encrypts connections, with nodes that prove by certificates who they are; with others there
    /// are none. Needs the feature `dist-tls`.
    ///
    /// OTP: [`-proto_dist inet_tls`](https://www.erlang.org/doc/apps/ssl/ssl_distribution.html).
    #[cfg(feature = "dist-tls")]
    pub fn tls(mut self, tls: Tls) -> NetKernel {
        self.tls = Some(tls);
        self
    }

    /// Lets other nodes call `function` as `module:name`, by `rpc` and `erpc`. It may be offered
    /// several times, with different numbers of arguments.
    ///
    /// Each call runs in a process of its own. Arguments that the function does not take are an
    /// error of the caller's, `function_clause`, as what was not offered is `undef`; a panic is the
    /// error `{panic, Text}`. How values are spelt is said in [`term`](crate::term).
    ///
    /// ```no_run
    /// use procession::net_kernel::NetKernel;
    ///
    /// let node = NetKernel::named("rust@127.0.0.1")
    ///     .offer("math", "add", |a: i64, b: i64| a + b)
    ///     .start_link()?;
    /// // In Erlang: 5 = erpc:call('rust@127.0.0.1', math, add, [2, 3])
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// OTP: [`erpc:call/4`](https://www.erlang.org/doc/apps/kernel/erpc.html#call/4).
    pub fn offer<A>(
        mut self,
        module: impl Into<String>,
        name: impl Into<String>,
        function: impl Offered<A>,
    ) -> NetKernel {
        self.offers.add(module.into(), name.into(), function);
        self
    }

    /// Declares servers of type `S`: other nodes can make the requests of them that
    /// [`Wire`](gen_server::Wire) says, and [references](gen_server::ServerRef::on) to such servers
    /// on other nodes can be used. What is declared stays so for as long as the program runs.
    ///
    /// # Panics
    ///
    /// When the node is started, if a declaration cannot be true: see
    /// [`Requests::call`](crate::gen_server::Requests::call).
    pub fn serve<S: gen_server::Wire>(mut self) -> NetKernel {
        self.servers.push(wire::declare::<S>);
        self
    }

    /// Makes this program a node, by a supervisor that is linked to the caller. If it is a visible
    /// one, it has a child more: it is started before there can be connections, and stopped while
    /// there are some.
    pub(crate) fn start_with<C: Child>(
        self,
        member: ChildSpec<C>,
    ) -> Result<SupervisorRef, StartError> {
        let options = StartOptions::new().name("net_sup");
        let init = || self.open(member).map(|plan| Some(SupervisorPlan::Ordered(plan)));
        SupervisorRef::start("procession::net_kernel::NetKernel", init, options)
    }

    /// Registers the node, and returns the supervisor that the calling process becomes.
    fn open<C: Child>(self, member: ChildSpec<C>) -> Result<Supervisor, ExitReason> {
        let name = NodeName::new(self.name.as_str()).ok_or(NetKernelError::Name(self.name))?;
        let cookie = match &self.cookie {
            Some(cookie) => Cookie::new(cookie),
            None => Cookie::of_user(),
        };
        let cookie = cookie.map_err(NetKernelError::from)?;
        #[cfg(feature = "dist-tls")]
        let tls = self.tls.as_ref().map(Tls::load).transpose().map_err(NetKernelError::Tls)?;
        let listener = listen(self.address, self.ports)?;
        let port = listener.local_addr()?.port();
        let own_epmd = (self.epmd == Discovery::OwnEpmd).then_some(self.address);
        let epmd = match (self.epmd, self.epmd_port) {
            (Discovery::Peers, _) => None,
            (Discovery::Epmd | Discovery::OwnEpmd, Some(port)) => Some(Epmd { port }),
            (Discovery::Epmd | Discovery::OwnEpmd, None) => {
                Some(Epmd::from_env().map_err(NetKernelError::from)?)
            }
        };
        sys::across::declare();
        self.servers.iter().for_each(|declare| declare());
        let (settings, peers) = (self.settings, self.peers);
        let registrant = Registrant { name: &name, port, is_hidden: settings.is_hidden };
        let deadline = Deadline::after(settings.set_up_time);
        let entry = epmd.map(|epmd| Entry::new(epmd, own_epmd, registrant, deadline));
        let entry = entry.transpose().map_err(NetKernelError::from)?;
        let creation = match &entry {
            Some(entry) => entry.creation(),
            None => random()?.max(LEAST_CREATION),
        };
        let flags = Flags::ours(settings.is_hidden);
        let identity = Identity { name, creation, flags, cookie };
        let offers = Arc::new(self.offers);
        let local = Arc::new(Local {
            identity,
            epmd,
            own_epmd,
            peers,
            port,
            settings,
            #[cfg(feature = "dist-tls")]
            tls,
            offers,
        });
        process::dictionary::put(ALIVE, Alive::new(&local));

        let listener = Arc::new(listener);
        let registrar = epmd.map(|epmd| registrar_spec(&local, epmd, entry));
        let kernel = Arc::clone(&local);
        let kernel = ChildSpec::new(NAME, move || {
            let arguments = (Arc::clone(&kernel), connection::dial as DialBody);
            Kernel::start_link_with(arguments, StartOptions::new().name(NAME))
        });
        let rex = Rex::child_spec(&local.offers);
        let acceptor = ChildSpec::new("acceptor", move || {
            let (local, listener) = (Arc::clone(&local), Arc::clone(&listener));
            Ok(process::spawn_link(move || acceptor::accept_all(&local, &listener))?)
        });
        let connections = DynamicSupervisor::new().named_child_spec(CONNECTIONS);
        // Whatever ends takes along what needs it; so the node stays registered.
        let mut supervisor = Supervisor::rest_for_one();
        if let Some(registrar) = registrar {
            supervisor = supervisor.child(registrar);
        }
        supervisor = supervisor.child(kernel).child(connections).child(rex);
        if !settings.is_hidden {
            supervisor = supervisor.child(member);
        }
        Ok(supervisor.child(acceptor))
    }
}

/// Returns the child that keeps the node registered.
fn registrar_spec(local: &Arc<Local>, epmd: Epmd, entry: Option<Entry>) -> ChildSpec<Pid> {
    let (kept, entry) = (Arc::clone(local), Mutex::new(entry));
    ChildSpec::new("erl_epmd", move || {
        let (local, entry) = (Arc::clone(&kept), entry.lock().take());
        Ok(process::spawn_link(move || registrar::keep(&local, epmd, entry))?)
    })
}

/// Listens at the first of the ports that is free.
fn listen(address: IpAddr, ports: RangeInclusive<u16>) -> Result<TcpListener, NetKernelError> {
    let mut why = format!("no port is left to listen at in {ports:?}");
    for port in ports {
        match TcpListener::bind((address, port)) {
            Ok(listener) => return Ok(listener),
            Err(error) => {
                let is_taken = error.kind() == ErrorKind::AddrInUse;
                why = ListenError { address: format!("{address}:{port}"), error }.to_string();
                if !is_taken {
                    break;
                }
            }
        }
    }
    Err(NetKernelError::Listen(why))
}

/// How other nodes are found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Discovery {
    Epmd,
    /// By EPMD, which this program is if there is no other.
    OwnEpmd,
    /// By addresses that are known.
    Peers,
}

/// What the supervisor has in its dictionary for as long as the program is a node.
const ALIVE: &str = "$procession.alive";

/// The program is a node until this is dropped.
struct Alive;

impl fmt::Debug for Alive {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Alive")
    }
}

impl Alive {
    fn new(local: &Arc<Local>) -> Alive {
        let alive = id::Alive { creation: local.identity.creation, find: known_as };
        Node::set_alive(Some((local.identity.name.as_str(), alive)));
        set_carrier(Some(Arc::new(Wire::new(Arc::clone(local)))));
        Alive
    }
}

impl Drop for Alive {
    fn drop(&mut self) {
        set_carrier(None);
        Node::set_alive(None);
    }
}

/// Why this program does not become a node.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum NetKernelError {
    /// This is no name of a node.
    Name(String),
    /// A node of this machine has the name.
    NameTaken(String),
    /// There is no cookie, for the reason that the text says.
    NoCookie(String),
    /// EPMD cannot be asked, for the reason that the text says.
    NoEpmd(String),
    /// The node cannot listen, for the reason that the text says.
    Listen(String),
    /// The certificates cannot be used, for the reason that the text says.
    #[cfg(feature = "dist-tls")]
    Tls(String),
}

impl From<CookieError> for NetKernelError {
    fn from(error: CookieError) -> NetKernelError {
        NetKernelError::NoCookie(error.to_string())
    }
}

impl From<EpmdError> for NetKernelError {
    fn from(error: EpmdError) -> NetKernelError {
        if let EpmdError::NameTaken(name) = error {
            return NetKernelError::NameTaken(name);
        }
        NetKernelError::NoEpmd(error.to_string())
    }
}

impl fmt::Display for NetKernelError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            NetKernelError::Name(name) => write!(f, "{name:?} cannot be the name of a node"),
            NetKernelError::NameTaken(name) => {
                write!(f, "another node of this machine has the name {name}")
            }
            NetKernelError::NoCookie(why)
            | NetKernelError::NoEpmd(why)
            | NetKernelError::Listen(why) => f.write_str(why),
            #[cfg(feature = "dist-tls")]
            NetKernelError::Tls(why) => write!(f, "TLS cannot be used: {why}"),
        }
    }
}

errors!(NetKernelError);
