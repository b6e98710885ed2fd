//! What the processes of a listener share. It belongs to the supervisor of the listener, and so
//! outlives all of them: whatever crashes below, the socket stays open, and clients wait in its
//! backlog.

use std::collections::VecDeque;
use std::fmt;
use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use log::Level;
use parking_lot::Mutex;

use crate::dynamic_supervisor::DynamicSupervisorRef;
use crate::gen_server::StartError;
use crate::id::Pid;
use crate::process;
use crate::supervisor::{ChildSpec, Policy, SupervisorError};
use crate::user_code::log_caught;

use super::gate::{Gate, Permit};
use super::socket::{Connection, ListenError, Socket};
use super::{LocalAddr, Settings, Status};

const TARGET: &str = "procession::listener";

/// How long an acceptor waits when the system has nothing left of what a connection takes.
const PAUSE: Duration = Duration::from_millis(100);

/// Failures that follow each other faster than this are one episode, with one warning.
const EPISODE: Duration = Duration::from_secs(1);

/// Opens the socket, with a backlog if one is given.
pub(super) type Open =
    Arc<dyn Fn(Option<u32>) -> Result<(Arc<dyn Socket>, LocalAddr), ListenError> + Send + Sync>;

pub(super) struct Shared {
    pub(super) settings: Settings,
    /// How each connection is started and stopped.
    policy: Policy,
    pub(super) gate: Arc<Gate>,
    port: Mutex<Port>,
    /// The supervisor of the connections.
    connections: Mutex<Option<Pid>>,
    /// The process that starts what was returned.
    control: Mutex<Option<Pid>>,
    /// Connections that were accepted and whose processes were not started, as whoever was to do
    /// it has ended.
    returned: Mutex<VecDeque<Box<dyn Connection>>>,
    /// When there was last too little of something for a connection.
    last_shortage: Mutex<Option<Instant>>,
}

/// The socket, and how it is opened.
struct Port {
    /// `None` when the listener has stopped listening for good.
    open: Option<Open>,
    socket: Option<Arc<dyn Socket>>,
    /// Where the socket listens, or has listened last.
    address: Option<LocalAddr>,
    status: Status,
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shared")
            .field("address", &self.address())
            .field("status", &self.status())
            .field("connections", &self.gate)
            .finish_non_exhaustive()
    }
}

impl Shared {
    pub(super) fn new(settings: Settings, policy: Policy, open: Open) -> Shared {
        let port =
            Port { open: Some(open), socket: None, address: None, status: Status::Suspended };
        Shared {
            gate: Arc::new(Gate::new(settings.max_connections)),
            settings,
            policy,
            port: Mutex::new(port),
            connections: Mutex::default(),
            control: Mutex::default(),
            returned: Mutex::default(),
            last_shortage: Mutex::default(),
        }
    }

    pub(super) fn address(&self) -> Option<LocalAddr> {
        self.port.lock().address.clone()
    }

    pub(super) fn status(&self) -> Status {
        self.port.lock().status
    }

    pub(super) fn set_connections(&self, supervisor: Pid) {
        *self.connections.lock() = Some(supervisor);
    }

    /// Returns the supervisor of the connections, if it is alive.
    pub(super) fn connections(&self) -> Option<Pid> {
        self.connections.lock().filter(|supervisor| process::is_alive(*supervisor))
    }

    /// Makes the caller the process that is told of connections that are returned.
    pub(super) fn set_control(&self) {
        *self.control.lock() = Some(process::self_pid());
    }

    /// Opens the socket, if it is not open. Only the supervisor of the listener does it.
    pub(super) fn open(&self) -> Result<(), ListenError> {
        if self.socket().is_none() {
            let open = self.opener()?;
            // A name may have to be looked up, so not under the lock.
            let (socket, address) = open(self.settings.backlog)?;
            let mut port = self.port.lock();
            (port.socket, port.address) = (Some(socket), Some(address));
        }
        self.port.lock().status = Status::Running;
        Ok(())
    }

    /// Returns how the socket is opened.
    ///
    /// # Errors
    ///
    /// It was closed for good.
    pub(super) fn opener(&self) -> Result<Open, ListenError> {
        let open = self.port.lock().open.clone();
        open.ok_or_else(|| {
            let error = io::Error::other("the listener has been stopped");
            let address = self.address().map(|address| address.to_string());
            ListenError::new(address.unwrap_or_default(), error)
        })
    }

    /// Makes the listener suspended. Its socket is still open.
    pub(super) fn set_suspended(&self) {
        self.port.lock().status = Status::Suspended;
    }

    /// Returns the socket, unless the listener is suspended.
    pub(super) fn socket(&self) -> Option<Arc<dyn Socket>> {
        self.port.lock().socket.clone()
    }

    /// Closes the socket, until it is opened again; or for good.
    pub(super) fn close(&self, for_good: bool) {
        let closed = {
            let mut port = self.port.lock();
            port.status = Status::Suspended;
            let open = if for_good { port.open.take() } else { None };
            (port.socket.take(), open)
        };
        drop(closed); // It may be user code, so not under the lock.
    }

    /// Waits for the next connection.
    pub(super) fn accept(self: &Arc<Self>, socket: &dyn Socket) -> io::Result<Pending> {
        Ok(self.pending(socket.accept()?))
    }

    /// Takes a connection that was returned.
    pub(super) fn take_returned(self: &Arc<Self>) -> Option<Pending> {
        let connection = self.returned.lock().pop_front()?;
        Some(self.pending(connection))
    }

    fn pending(self: &Arc<Self>, connection: Box<dyn Connection>) -> Pending {
        let handed = Handed { connection: Mutex::new(Some(connection)), permit: Mutex::default() };
        Pending { shared: Arc::clone(self), handed: Arc::new(handed) }
    }

    /// Has the process of a connection started. The permit is kept until it has ended.
    pub(super) fn start(
        &self,
        supervisor: Pid,
        connection: &Pending,
        permit: Permit,
    ) -> Result<Pid, SupervisorError> {
        let handed = Arc::clone(&connection.handed);
        *handed.permit.lock() = Some(permit);
        let held = Arc::clone(&handed);
        let start = move || handed.start();
        let Policy { id, shutdown, child_type, module, .. } = self.policy.clone();
        let spec = ChildSpec::once(id, start)
            .shutdown(shutdown)
            .child_type(child_type)
            .module(module)
            .holding(held);
        DynamicSupervisorRef::from_pid(supervisor).start_child(spec)
    }

    pub(super) fn report_failed_start(&self, error: &SupervisorError) {
        let text = format_args!("{self} cannot start the process of a connection: {error}");
        log_caught(Level::Error, TARGET, text);
    }

    /// Waits until what there is too little of may be there again. Warns of it once in an episode.
    pub(super) fn pause(&self, shortage: &dyn fmt::Display) {
        let now = Instant::now();
        let last = self.last_shortage.lock().replace(now);
        if last.is_none_or(|last| now.duration_since(last) > EPISODE) {
            let text = format_args!(
                "{self} cannot take connections, and tries again every {} ms: {shortage}",
                PAUSE.as_millis()
            );
            log_caught(Level::Warn, TARGET, text);
        }
        process::sleep(PAUSE);
    }
}

/// As reports call it.
impl fmt::Display for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.address() {
            Some(address) => write!(f, "the listener on {address}"),
            None => f.write_str("a listener"),
        }
    }
}

/// A connection that was accepted, in the hands of the process that has it started. If that is
/// killed, or the supervisor that is to start the connection, before it has begun to, the
/// connection is returned.
pub(super) struct Pending {
    shared: Arc<Shared>,
    handed: Arc<Handed>,
}

/// What goes to the supervisor with the request to start a connection. It can be taken back, as the
/// request may lie about for a while if the supervisor has ended.
struct Handed {
    connection: Mutex<Option<Box<dyn Connection>>>,
    permit: Mutex<Option<Permit>>,
}

impl Handed {
    fn start(&self) -> Result<Pid, StartError> {
        let connection = self.connection.lock().take();
        connection.map_or(Err(StartError::Ignored), |connection| connection.start())
    }
}

impl Pending {
    pub(super) fn refuse(self) {
        let connection = self.handed.connection.lock().take();
        let message = self.shared.settings.refusal.as_deref().unwrap_or_default();
        connection.into_iter().for_each(|connection| connection.refuse(message));
    }
}

impl Drop for Pending {
    fn drop(&mut self) {
        let Some(connection) = self.handed.connection.lock().take() else { return };
        // First of all, as to send something unwinds a process that was killed. In this order, too:
        // a control process that starts just now looks for it after it is known.
        self.shared.returned.lock().push_back(connection);
        let control = *self.shared.control.lock();
        if let Some(control) = control {
            process::send(control, Returned);
        }
        let permit = self.handed.permit.lock().take();
        drop(permit); // Tells acceptors, so not under the lock.
    }
}

/// Tells the control process that a connection was returned.
#[derive(Debug)]
pub(super) struct Returned;
