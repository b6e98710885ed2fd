//! The observer as a page: what [`snapshot`](super::snapshot()) shows, live, in a browser.
//!
//! ```
//! use procession::observer::web::Web;
//! use procession::prelude::*;
//!
//! let top = Supervisor::one_for_one()
//!     .child(Web::new().child_spec("observer")) // With `.port(8080)`, say.
//!     .start_link()?;
//! # let web = top.which_children()?[0].state.pid().unwrap();
//! # let web = procession::observer::web::WebRef::from_pid(web);
//! println!("http://{}/", web.get_addr()?);
//! # top.stop()?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! The page shows the supervision trees with their applications and restarts, a table of all
//! processes to sort and to filter, queues and processor times over time, and names, registries,
//! scopes of groups, tables and connected nodes. A click on a process shows what it waits for, its
//! links, monitors and ancestors, and its [status](crate::sys::Sys::get_status); its events can be
//! seen as they come. Of connected nodes it shows the processes, too, if these let it. The page
//! needs nothing from elsewhere.
//!
//! It is there with the feature `observer-web`, on Linux.
//!
//! # What is where
//!
//! | path | what |
//! |---|---|
//! | `/` | the page |
//! | `/snapshot.json` | a [`Snapshot`](super::Snapshot), as serde writes it |
//! | `/snapshot.json?node=a@b` | that of a connected node which shows it, by `observer::offer` |
//! | `/metrics` | its [figures](super::Metrics), for Prometheus |
//! | `/process.json?pid=0.1.2` | what is known of a process, unasked; `null` if it has ended |
//! | `/status.json?pid=0.1.2` | what it answers |
//! | `/trace?pid=0.1.2` | its [events](crate::sys::Event::formatted), as server-sent events |
//! | `POST /kill?pid=0.1.2`, `/suspend`, `/resume` | does that, if it is [allowed](Web::control) |
//! | `/updates` | what the page shows, again and again, as server-sent events |
//!
//! A pid is written without its angle brackets. What is refused is told in words, with the status
//! of HTTP that fits: `404` if there is no such process to ask, `504` if it has not answered in
//! [time](Web::status_timeout), `503` if there are too many streams, snapshots or connections.
//!
//! # What it costs
//!
//! Nothing while nobody looks. As long as a page is open, one snapshot is taken once in an
//! [interval](Web::interval) for all pages, with the processor times of the threads; and less often
//! if it takes longer than a fifth of that. A client that reads slowly misses updates: it always
//! gets the newest, and nothing queues up for it.
//!
//! An observer has a few processes, and one for each connection; a stream has two. There are at
//! most so many [connections](Web::max_connections) and [streams](Web::max_streams). A browser
//! opens no more than six connections to a host, for all its tabs together. An open page holds one
//! of them, and two while it shows a trace: so six pages leave none for a seventh, nor for a
//! status, until one of them is closed.
//!
//! A request has a head of at most 16 KiB and 64 headers, and no body; all of it comes within the
//! [time for requests](Web::request_timeout), or it is refused. Each response ends its connection.
//!
//! A process is asked for its status only when somebody wants to see that, and by the process of
//! the connection, which serves nobody else. A trace is a function that is
//! [installed](crate::sys::Sys::watch) in the process as long as the stream is open; it waits for
//! nobody, and leaves events out that the client does not read in time. A process that is no
//! [behaviour](crate::process::Info::behaviour) is not asked, as the question would stay in its
//! mailbox, unless the request has `&anyway=1`.
//!
//! # What it tells, and whom
//!
//! Everybody who reaches the page sees names, labels, types and numbers of all processes, and the
//! states of servers as their [`format_status`](crate::gen_server::GenServer::format_status) prints
//! them: a server whose state holds a secret hides it there. So are
//! the messages in a trace. Of a dictionary only the keys are shown.
//!
//! By default the observer listens on `127.0.0.1`. That keeps out other machines, not other users
//! of this one: a [token](Web::token) does that. It answers only requests for `localhost`,
//! `127.0.0.1` or `[::1]` with its port, so that no page of the internet reaches it by a name that
//! leads to this machine; and of what a page of another origin asks for it answers only the page
//! itself. It knows such a request by the headers `Origin` and `Sec-Fetch-Site`: a browser that
//! sends neither is answered. It still lets no page of another origin read the answer.
//!
//! On [another address](Web::address) it is open to a network, and does not start without a token.
//! **The connection is not encrypted**: whoever can listen to it sees everything, the token too,
//! and can come back. So let it listen on the loopback address and reach it through a tunnel (`ssh
//! -L 8080:127.0.0.1:8080 host`), or through a proxy that speaks TLS, whose name is one of its
//! [hosts](Web::allow_host). A token goes into the header `Authorization: Bearer TOKEN`; or, for
//! browsers, into the address, `/?token=TOKEN`, once: it becomes a cookie that no script sees and
//! that the browser does not send with requests that another site makes. But cookies belong to a
//! host, whatever the port: when the user's browser visits another server on the same host, that
//! server gets the token. So the header is better wherever it can be sent, and necessary on a host
//! where others run servers. A token in an address also stands in the history of the browser.
//!
//! # Differences from OTP
//!
//! OTP: [`observer`](https://www.erlang.org/doc/apps/observer/observer_ug.html) is a program with
//! windows, and `observer_cli` one in a terminal. Both run on a node of their own or the observed
//! one, and let everything be done that the shell does.

mod error;
mod json;
mod refusal;
mod request;
mod access;
mod response;
mod wire;
mod page;
mod update;
mod feed;
mod shared;
mod details;
mod control;
#[cfg(feature = "dist")]
mod neighbour;
#[cfg(not(feature = "dist"))]
mod no_neighbour;
mod stream;
mod trace;
mod connection;
mod web_ref;

use std::any::type_name;
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;
use std::time::Duration;

use crate::exit::ExitReason;
use crate::gen_server::{GenServer, ServerRef, StartError, StartOptions};
use crate::io::TcpStream;
use crate::listener::Listener;
use crate::supervisor::serve::SupervisorPlan;
use crate::supervisor::{AnySupervisorRef, ChildSpec, ChildType, Supervisor};
use crate::user_code::log_caught;

use super::{Options, snapshot_with};
use access::Access;
use error::MIN_TOKEN;
use feed::{Feed, Source};
use json::to_json;
use refusal::Refusal;
use response::Response;
use shared::{Settings, Shared};
use update::Update;

pub use error::WebError;
pub use web_ref::WebRef;

const TARGET: &str = "procession::observer";

/// The ids of the parts of an observer.
const FEED: &str = "snapshots";
const LISTENER: &str = "listener";

/// Describes an observer to be started that serves its page.
///
/// It is a supervisor, and starts under any other by its [`child_spec`](Self::child_spec).
#[derive(Clone)]
#[must_use = "an observer does nothing until it is started"]
pub struct Web {
    address: IpAddr,
    port: u16,
    token: Option<String>,
    hosts: Vec<String>,
    settings: Settings,
}

impl fmt::Debug for Web {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Web")
            .field("address", &self.address)
            .field("port", &self.port)
            .field("token", &self.token.as_ref().map(|_| "(hidden)"))
            .field("hosts", &self.hosts)
            .field("settings", &self.settings)
            .finish()
    }
}

impl Default for Web {
    fn default() -> Web {
        let settings = Settings {
            control: false,
            interval: Duration::from_secs(1),
            max_streams: 16,
            max_connections: 64,
            request_timeout: Duration::from_secs(5),
            status_timeout: Duration::from_secs(1),
        };
        let (token, hosts) = (None, Vec::new());
        Web { address: Ipv4Addr::LOCALHOST.into(), port: 0, token, hosts, settings }
    }
}

/// Where it listens, and who may look.
impl Web {
    /// Describes an observer on a free port of 127.0.0.1.
    pub fn new() -> Web {
        Web::default()
    }

    /// Sets the port. Default: 0, any free one, which [`get_addr`](WebRef::get_addr) tells.
    pub fn port(mut self, port: u16) -> Web {
        self.port = port;
        self
    }

    /// Sets the address. Default: 127.0.0.1. One that others reach takes a [token](Self::token):
    /// see [what it tells, and whom](self#what-it-tells-and-whom).
    ///
    /// ```
    /// use procession::observer::web::{Web, WebError};
    /// use procession::prelude::*;
    /// use std::net::Ipv4Addr;
    ///
    /// process::set_trap_exit(true);
    /// let error = Web::new().address(Ipv4Addr::UNSPECIFIED).start_link().unwrap_err();
    /// let StartError::Failed(reason) = error else { panic!("{error}") };
    /// assert!(matches!(reason.downcast_ref(), Some(WebError::NoToken(_))));
    /// ```
    pub fn address(mut self, address: impl Into<IpAddr>) -> Web {
        self.address = address.into();
        self
    }

    /// Sets a token that each request must have, of at least sixteen letters, digits and `-._~`. It
    /// should be one that nobody guesses. Default: there is none.
    pub fn token(mut self, token: impl Into<String>) -> Web {
        self.token = Some(token.into());
        self
    }

    /// Adds a name by which the observer is reached, as the header `Host` has it: the name of this
    /// machine, or that of a proxy, with a port if that is neither the observer's own nor the
    /// default one. By default it answers to the address on which it listens; on a loopback
    /// address, to `localhost`, `127.0.0.1` and `[::1]`, too.
    pub fn allow_host(mut self, host: impl Into<String>) -> Web {
        self.hosts.push(host.into());
        self
    }
}

/// What may be done.
impl Web {
    /// Sets whether processes can be killed, suspended and resumed. Default: no; then nothing can
    /// be changed.
    ///
    /// The page asks before it does so. A request is a `POST` with the header
    /// `X-Procession-Observer: 1`, which no page of another origin can send.
    pub fn control(mut self, control: bool) -> Web {
        self.settings.control = control;
        self
    }
}

/// Limits.
impl Web {
    /// Sets how often a snapshot is taken while somebody looks. Default: once in a second.
    pub fn interval(mut self, interval: Duration) -> Web {
        self.settings.interval = interval;
        self
    }

    /// Sets how many streams there may be at the same time: of updates, one for each open page, and
    /// of traces. One more is refused with `503`. Default: 16.
    ///
    /// So many snapshots may be taken at the same time beside them, for `/snapshot.json` and
    /// `/metrics`: these are answered also while there are as many streams as there may be.
    pub fn max_streams(mut self, max_streams: usize) -> Web {
        self.settings.max_streams = max_streams;
        self
    }

    /// Sets how many connections there may be at the same time. One more is refused with `503`.
    /// Default: 64.
    pub fn max_connections(mut self, max_connections: usize) -> Web {
        self.settings.max_connections = max_connections;
        self
    }

    /// Sets how long a client may take to send its request. Default: 5 s. With [`Duration::MAX`] it
    /// may take for ever.
    pub fn request_timeout(mut self, timeout: Duration) -> Web {
        self.settings.request_timeout = timeout;
        self
    }

    /// Sets how long a process may take to answer a system message. Default: 1 s.
    pub fn status_timeout(mut self, timeout: Duration) -> Web {
        self.settings.status_timeout = timeout;
        self
    }
}

/// The start.
impl Web {
    /// Starts the observer, linked to the caller. It listens when this returns.
    ///
    /// # Errors
    ///
    /// [`StartError::Failed`] with a [`WebError`], or with the error of its listener if it cannot
    /// listen. Otherwise as for any supervisor.
    pub fn start_link(self) -> Result<WebRef, StartError> {
        self.start_link_with(StartOptions::new())
    }

    /// Starts it as [`start_link`](Self::start_link) does, with the options of a server: a name,
    /// for instance.
    ///
    /// # Errors
    ///
    /// As [`start_link`](Self::start_link).
    pub fn start_link_with(self, options: StartOptions) -> Result<WebRef, StartError> {
        let init = || Ok(Some(SupervisorPlan::Ordered(self.supervisor()?)));
        AnySupervisorRef::start(type_name::<Web>(), init, options)
    }

    /// Returns a child spec by which a supervisor starts this observer.
    pub fn child_spec(self, id: impl Into<String>) -> ChildSpec<WebRef> {
        ChildSpec::new(id, move || self.clone().start_link()).child_type(ChildType::Supervisor)
    }

    /// Returns a [`child_spec`](Self::child_spec) by which the observer is registered as `name`,
    /// which is also its id.
    pub fn named_child_spec(self, name: impl Into<String>) -> ChildSpec<WebRef> {
        ChildSpec::named(name, move |options| self.clone().start_link_with(options))
            .child_type(ChildType::Supervisor)
    }

    fn supervisor(self) -> Result<Supervisor, ExitReason> {
        let access = self.access()?;
        let Web { address, port, settings, .. } = self;
        let max_connections = settings.max_connections;
        let shared = Shared::new(access, settings);
        let of_connections = Arc::clone(&shared);
        let serve = move |stream: TcpStream| connection::serve(&stream, &of_connections);
        let refusal = Response::refused(&Refusal::Full).into_bytes();
        let listener =
            Listener::tcp((address, port), serve).max_connections(max_connections).refuse(refusal);
        // Each does without the other for a while.
        Ok(Supervisor::one_for_one().child(feed(shared)).child(listener.child_spec(LISTENER)))
    }

    fn access(&self) -> Result<Access, WebError> {
        let Web { address, token, settings, .. } = self;
        let is_local = address.is_loopback();
        match token {
            None if !is_local => return Err(WebError::NoToken(*address)),
            Some(token) => check_token(token)?,
            None => {}
        }
        if settings.interval.is_zero() {
            return Err(WebError::NoInterval);
        }
        let mut hosts = self.hosts.iter().map(|host| check_host(host)).collect::<Result<_, _>>()?;
        // These two are known by more names, each with the port.
        if ![IpAddr::V4(Ipv4Addr::LOCALHOST), Ipv6Addr::LOCALHOST.into()].contains(address) {
            answer_to(*address, &mut hosts)?;
        }
        Ok(Access { is_local, hosts, token: token.clone() })
    }
}

fn check_token(token: &str) -> Result<(), WebError> {
    let is_plain = |it: char| it.is_ascii_alphanumeric() || "-._~".contains(it);
    match token.chars().find(|it| !is_plain(*it)) {
        Some(character) => Err(WebError::TokenCharacter(character)),
        None if token.len() < MIN_TOKEN => Err(WebError::ShortToken),
        None => Ok(()),
    }
}

/// Returns a host as it is compared.
fn check_host(host: &str) -> Result<String, WebError> {
    let is_plain = |it: char| it.is_ascii_alphanumeric() || "-._:[]".contains(it);
    match !host.is_empty() && host.chars().all(is_plain) {
        true => Ok(host.to_ascii_lowercase()),
        false => Err(WebError::Host(host.to_owned())),
    }
}

/// Adds the address to the hosts that are answered to.
fn answer_to(address: IpAddr, hosts: &mut Vec<String>) -> Result<(), WebError> {
    match address {
        _ if address.is_unspecified() && hosts.is_empty() => return Err(WebError::NoHost(address)),
        _ if address.is_unspecified() => {}
        IpAddr::V4(address) => hosts.push(address.to_string()),
        IpAddr::V6(address) => hosts.push(format!("[{address}]")),
    }
    Ok(())
}

/// Returns the child spec of the process that takes the snapshots.
fn feed(shared: Arc<Shared>) -> ChildSpec<ServerRef<Feed>> {
    ChildSpec::new(FEED, move || {
        let feed = Feed::start_link((source(), shared.settings.interval))?;
        shared.set_feed(feed.pid());
        Ok(feed)
    })
}

/// Makes an update of each snapshot.
fn source() -> Source {
    Box::new(|| {
        let snapshot = snapshot_with(Options::new().cpu_times(true));
        match to_json(&Update(&snapshot)) {
            Ok(update) => stream::event("update", update.as_bytes()),
            Err(error) => {
                let text = format_args!("a snapshot cannot be written: {error}");
                log_caught(log::Level::Error, TARGET, text);
                Vec::new()
            }
        }
    })
}
