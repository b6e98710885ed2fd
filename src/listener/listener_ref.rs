//! References to listeners, and the requests of their clients.

use std::time::Duration;

use crate::call_error::{CallError, CallErrorKind};
use crate::dynamic_supervisor::DynamicSupervisorRef;
use crate::gen_server::ServerRef;
use crate::id::Pid;
use crate::process;
use crate::process::Address;
use crate::supervisor::serve::{ChangeChildren, WhichChildren};
use crate::supervisor::{AnySupervisorRef, FailedToStart, SupervisorError, SupervisorRef};

use super::control::{Control, GetAddr, GetGate, GetInfo, GetShared, SetMaxConnections};
use super::{ACCEPTORS, CONNECTIONS, CONTROL, Info, Listener, LocalAddr};

/// A reference to a listener.
///
/// It is a supervisor: [`stop`](AnySupervisorRef::stop) stops it, and
/// [`which_children`](AnySupervisorRef::which_children) returns its parts.
pub type ListenerRef<T = Pid> = AnySupervisorRef<Listener, T>;

/// Requests that only a listener answers.
impl<T: Address> ListenerRef<T> {
    /// Returns where the listener listens, with the port that the system has chosen; while it is
    /// suspended, where it has listened.
    ///
    /// ```
    /// use procession::io;
    /// use procession::listener::Listener;
    /// use std::net::TcpStream;
    ///
    /// let listener = Listener::tcp("127.0.0.1:0", |_: io::TcpStream| {}).start_link()?;
    /// TcpStream::connect(listener.get_addr()?)?;
    /// assert_ne!(listener.get_addr()?.port(), Some(0));
    /// # listener.stop()?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// OTP: `ranch:get_addr/1`.
    ///
    /// # Errors
    ///
    /// [`SupervisorError::Call`] if there is no such listener.
    pub fn get_addr(&self) -> Result<LocalAddr, SupervisorError> {
        Ok(self.control()?.call(GetAddr)?)
    }

    /// Returns the state and the numbers of the listener.
    ///
    /// ```
    /// use procession::io;
    /// use procession::listener::{Listener, Status};
    ///
    /// let listener = Listener::tcp("127.0.0.1:0", |_: io::TcpStream| {})
    ///     .max_connections(100)
    ///     .start_link()?;
    /// let info = listener.info()?;
    /// assert_eq!((info.status, info.active_connections), (Status::Running, 0));
    /// assert_eq!(info.max_connections, 100);
    /// # listener.stop()?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// OTP: `ranch:info/1`.
    ///
    /// # Errors
    ///
    /// As [`get_addr`](Self::get_addr).
    pub fn info(&self) -> Result<Info, SupervisorError> {
        Ok(self.control()?.call(GetInfo)?)
    }

    /// Returns the processes of the connections.
    ///
    /// ```
    /// use procession::listener::Listener;
    /// use procession::{io, process};
    /// use std::net::TcpStream;
    /// use std::time::Duration;
    ///
    /// let listener =
    ///     Listener::tcp("127.0.0.1:0", |_: io::TcpStream| process::sleep(Duration::MAX))
    ///         .start_link()?;
    /// let client = TcpStream::connect(listener.get_addr()?)?;
    /// listener.wait_for_connections(|number| number == 1, Duration::from_secs(5))?;
    /// assert_eq!(listener.connections()?.len(), 1);
    /// # listener.stop()?;
    /// # drop(client);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// OTP: `ranch:procs/2`.
    ///
    /// # Errors
    ///
    /// As [`get_addr`](Self::get_addr).
    pub fn connections(&self) -> Result<Vec<Pid>, SupervisorError> {
        let connections = DynamicSupervisorRef::from_pid(self.part(CONNECTIONS)?);
        let children = connections.which_children()?;
        Ok(children.iter().filter_map(|child| child.state.pid()).collect())
    }

    /// Returns the processes that accept connections; none while the listener is suspended.
    ///
    /// OTP: `ranch:procs/2`.
    ///
    /// # Errors
    ///
    /// As [`get_addr`](Self::get_addr).
    pub fn acceptors(&self) -> Result<Vec<Pid>, SupervisorError> {
        let Some(acceptors) = self.find_part(ACCEPTORS)? else { return Ok(Vec::new()) };
        let children = SupervisorRef::from_pid(acceptors).which_children()?;
        Ok(children.iter().rev().filter_map(|child| child.state.pid()).collect())
    }

    /// Sets how many connections there may be at the same time.
    ///
    /// If there are more, they stay, and no other is taken until enough of them have ended.
    ///
    /// OTP: `ranch:set_max_connections/2`.
    ///
    /// # Errors
    ///
    /// As [`get_addr`](Self::get_addr).
    pub fn set_max_connections(&self, max_connections: usize) -> Result<(), SupervisorError> {
        Ok(self.control()?.call(SetMaxConnections(max_connections))?)
    }

    /// Suspends the listener: when this returns, it does not listen any more, and clients are
    /// refused. Its connections go on. Nothing happens if it is suspended already. Of several
    /// processes that suspend and resume it, one comes after the other.
    ///
    /// A socket that was [given](Listener::on) to the listener stays open: clients wait in its
    /// backlog.
    ///
    /// ```
    /// use procession::io;
    /// use procession::listener::Listener;
    /// use std::net::TcpStream;
    ///
    /// let listener = Listener::tcp("127.0.0.1:0", |_: io::TcpStream| {}).start_link()?;
    /// listener.suspend()?;
    /// assert!(TcpStream::connect(listener.get_addr()?).is_err());
    ///
    /// listener.resume()?; // On another port, as the system chooses it.
    /// TcpStream::connect(listener.get_addr()?)?;
    /// # listener.stop()?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// OTP: `ranch:suspend_listener/1`.
    ///
    /// # Errors
    ///
    /// As [`get_addr`](Self::get_addr).
    pub fn suspend(&self) -> Result<(), SupervisorError> {
        let shared = self.control()?.call(GetShared)?;
        self.ask(ChangeChildren(Box::new(move |children| {
            let Some(shared) = shared.upgrade() else { return Ok(()) };
            // First of all: what is restarted from now on does not accept.
            shared.set_suspended();
            children.terminate(ACCEPTORS)?;
            shared.close(false);
            Ok(())
        })))?
    }

    /// Listens again after [`suspend`](Self::suspend). Nothing happens if the listener is not
    /// suspended.
    ///
    /// OTP: `ranch:resume_listener/1`.
    ///
    /// # Errors
    ///
    /// - [`SupervisorError::Failed`] if the address is taken, say: the reason is a
    ///   [`ListenError`](super::ListenError). The listener stays suspended.
    /// - [`SupervisorError::Call`] if there is no such listener.
    pub fn resume(&self) -> Result<(), SupervisorError> {
        let shared = self.control()?.call(GetShared)?;
        self.ask(ChangeChildren(Box::new(move |children| {
            let Some(shared) = shared.upgrade() else { return Ok(()) };
            // It may run code of the program, whose panic is not the supervisor's.
            let opened = process::catch(|| shared.open());
            opened.and_then(|opened| Ok(opened?)).map_err(|reason| {
                let id = ACCEPTORS.to_owned();
                SupervisorError::Failed(FailedToStart { id, reason })
            })?;
            match children.restart_stopped(ACCEPTORS) {
                Ok(_) | Err(SupervisorError::Running | SupervisorError::Restarting) => Ok(()),
                Err(error) => Err(error),
            }
        })))?
    }

    /// Waits until `is_enough` returns `true` of the number of connections, for at most `timeout`,
    /// and returns that number; `None` if the time was over first. It is asked at once, and after
    /// each change, but not of each number that was there for a moment only.
    ///
    /// ```
    /// use procession::io;
    /// use procession::listener::Listener;
    /// use std::net::TcpStream;
    /// use std::time::Duration;
    ///
    /// let listener = Listener::tcp("127.0.0.1:0", |_: io::TcpStream| {}).start_link()?;
    /// TcpStream::connect(listener.get_addr()?)?;
    ///
    /// // Lets all connections end by themselves, and then stops.
    /// listener.suspend()?;
    /// let left = listener.wait_for_connections(|number| number == 0, Duration::from_secs(30))?;
    /// assert_eq!(left, Some(0));
    /// listener.stop()?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// OTP: `ranch:wait_for_connections/3`.
    ///
    /// # Errors
    ///
    /// [`SupervisorError::Call`] if there is no such listener, or if it ends before.
    pub fn wait_for_connections(
        &self,
        mut is_enough: impl FnMut(usize) -> bool,
        timeout: Duration,
    ) -> Result<Option<usize>, SupervisorError> {
        let control = self.control()?;
        let gate = control.call(GetGate)?;
        let monitor = process::monitor(control.pid());
        let waited = gate.wait_until(timeout, Some(monitor), || {
            let active = gate.counts().active;
            is_enough(active).then_some(active)
        });
        process::demonitor_flush(monitor);
        waited.map_err(|reason| self.error(CallErrorKind::Down(reason), "wait_for_connections"))
    }

    fn control(&self) -> Result<ServerRef<Control>, SupervisorError> {
        self.part(CONTROL).map(ServerRef::from_pid)
    }

    fn part(&self, id: &'static str) -> Result<Pid, SupervisorError> {
        self.find_part(id)?.ok_or_else(|| self.error(CallErrorKind::NoProc, id))
    }

    /// Returns the process of a part of the listener, if it runs.
    fn find_part(&self, id: &str) -> Result<Option<Pid>, SupervisorError> {
        let children = self.ask(WhichChildren)?;
        Ok(children.iter().find(|child| child.id == id).and_then(|child| child.state.pid()))
    }

    fn error(&self, kind: CallErrorKind, request: &'static str) -> SupervisorError {
        CallError::new(kind, self.clone(), request).into()
    }
}
