//! What reads from a connection: it tells the kernel what has come, and waits for nothing but the
//! socket.

use std::io::{ErrorKind, Read};
use std::sync::Arc;
use std::time::Duration;

use log::Level;

use crate::exit::ExitReason;
use crate::external::{reason_of_term, wire_pid};
use crate::id::{Alias, MonitorRef, Pid};
use crate::io::is_interrupted;
use crate::message::{Destination, Exit, NodeDownReason};
use crate::process;
use crate::receive;
use crate::runtime::incoming::{Connection, Strangers};
use crate::runtime::remote_ties::RemoteRef;
use crate::term::{Term, WirePid, WireRef, WireTerm, atom};
use crate::user_code::log_caught;

use super::arrival::Arrival;
use super::channel::ReadHalf;
use super::control::{Control, Object, SpawnRequest, Spawned};
use super::execute::Task;
use super::frame::{self, Decoder, Frame};
use super::local::Local;
use super::lost::{LOG, Lost};
use super::serve::{CONNECTIONS, NAME};
use super::timed::Deadline;
use super::traffic::Counters;
use super::writer::Finish;

/// How long the other node has to close its side, when this one has closed its own.
const DRAIN: Duration = Duration::from_secs(1);

/// In the answer to a request for a process: it is monitored.
const MONITORED: u64 = 2;

/// What reads from a connection.
pub(super) struct Reader {
    pub(super) local: Arc<Local>,
    pub(super) connection: Connection,
    /// What has come.
    pub(super) counters: Arc<Counters>,
    /// The process that writes, which is linked.
    pub(super) writer: Pid,
}

impl Reader {
    /// Reads until the connection is lost, and returns why it is.
    pub(super) fn run(mut self, stream: ReadHalf) -> Result<(), ExitReason> {
        let node = self.connection.incarnation().node();
        Ok(self.read(stream).inspect_err(|lost| lost.log(node))?)
    }

    fn read(&mut self, mut stream: ReadHalf) -> Result<(), Lost> {
        let mut decoder = Decoder::new(self.local.settings.max_frame);
        loop {
            match decoder.read_from(&mut stream) {
                Ok(0) => return Err(Lost::Closed),
                Ok(count) => self.counters.received_bytes(count),
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(error) if is_interrupted(&error) => {
                    return Err(Lost::Told(self.interrupted(&mut stream)));
                }
                Err(error) => return Err(Lost::Io(error)),
            }
            while let Some(frame) = frame::next(&mut decoder).map_err(Lost::Frame)? {
                match frame {
                    Frame::Tick => {}
                    Frame::Signal(signal) => {
                        self.counters.received_signal();
                        let control = signal.control().map_err(Lost::Control)?;
                        if let Some(message) = self.act(control, &signal)? {
                            message.deliver(&mut self.connection, signal);
                        }
                    }
                }
            }
        }
    }

    /// An exit signal has come, which is the reason to end. If that is as this program is a node no
    /// more, what is queued leaves before.
    fn interrupted(&self, stream: &mut ReadHalf) -> ExitReason {
        let exit = receive! { exit: Exit if exit.reason != ExitReason::Normal => exit };
        let is_from = |name| Some(exit.from) == process::whereis(name);
        let is_stopped = is_from(CONNECTIONS);
        // The writer may have met the end of the connection first.
        if is_stopped || is_from(NAME) {
            self.connection.frames().explain_loss(NodeDownReason::Shutdown);
        }
        if is_stopped {
            process::send(self.writer, Finish);
            receive! { exit: Exit if exit.from == self.writer => {} }
            // With what has come and was not read the system would throw away what it has not sent.
            Reader::drain(stream);
        }
        exit.reason
    }

    /// Reads what comes until the other node has closed the connection, if it soon does.
    fn drain(stream: &mut ReadHalf) {
        let deadline = Deadline::after(DRAIN);
        let mut room = vec![0; 64 * 1024];
        _ = stream.end_writing();
        while let Ok(left) = deadline.left()
            && stream.set_read_timeout(Some(left)).is_ok()
            && matches!(stream.read(&mut room), Ok(1..))
        {}
    }

    /// Does what a signal asks for. Returns the message, if it is one.
    fn act(
        &mut self,
        control: Control<'_>,
        frame: &frame::Signal,
    ) -> Result<Option<Arrival>, Lost> {
        match control {
            Control::Send { to, message } => {
                let to = self.local.own(&to).map(Destination::Pid);
                return Ok(self.message(to, message, frame));
            }
            Control::SendToName { name, message, .. } => {
                return Ok(self.message(Some(Destination::from(&*name)), message, frame));
            }
            Control::SendToAlias { alias, message, .. } => {
                let to = self.local.alias(&alias).map(Destination::Alias);
                return Ok(self.message(to, message, frame));
            }
            Control::Link { from, to } => self.link(&from, &to)?,
            Control::Unlink { number, from, to } => match self.ends(&from, &to)? {
                Some((from, to)) => self.connection.unlink(from, to, number)?,
                None => self.queue(&Control::UnlinkAck { number, from: to, to: from }),
            },
            Control::UnlinkAck { number, from, to } => {
                if let Some((from, to)) = self.ends(&from, &to)? {
                    self.connection.unlink_ack(from, to, number)?;
                }
            }
            Control::Exit { from, to, reason } => {
                if let Some((from, to)) = self.ends(&from, &to)? {
                    self.connection.exit(from, to, read_reason(reason))?;
                }
            }
            Control::ExitRequest { from, to, reason } => {
                if let Some((from, to)) = self.ends(&from, &to)? {
                    self.connection.exit_request(from, to, read_reason(reason))?;
                }
            }
            Control::Monitor { from, object, reference } => {
                self.monitor(&from, object, &reference)?;
            }
            Control::Demonitor { reference, .. } => {
                if let Some(reference) = RemoteRef::new(reference.words()) {
                    self.connection.demonitor(reference);
                }
            }
            Control::Down { reference, reason, .. } => {
                if let Some(Alias { id, owner }) = self.local.alias(&reference) {
                    self.connection.down(MonitorRef { id, owner }, read_reason(reason));
                }
            }
            Control::SpawnRequest(request) => self.spawn(*request)?,
            Control::SpawnReply { .. } | Control::Nothing => {}
        }
        Ok(None)
    }

    /// Returns a message to a process of this node, unless it is too large for that.
    fn message(
        &self,
        to: Option<Destination>,
        message: WireTerm<'_>,
        frame: &frame::Signal,
    ) -> Option<Arrival> {
        let to = to?;
        let arrival = Arrival::of(&self.local, to.clone(), message, frame);
        let arrival = arrival.inspect_err(|error| {
            let node = self.connection.incarnation().node();
            let text = format_args!("a message of {node} to {to} is dropped: {error}");
            log_caught(Level::Warn, LOG, text);
        });
        arrival.ok()
    }

    /// A process of the other node, and one of this; `None` if that is of an earlier life of this
    /// node, or if nobody has ever heard of it.
    fn ends(&self, from: &WirePid<'_>, to: &WirePid<'_>) -> Result<Option<(Pid, Pid)>, Lost> {
        let from = self.other(from)?;
        if !self.local.is_own(to) {
            return Err(Lost::Strangers);
        }
        Ok(self.local.own(to).map(|to| (from, to)))
    }

    /// Returns the process of the other node that a pid is of. Others are not looked up, as what
    /// nodes there are is never forgotten.
    fn other(&self, pid: &WirePid<'_>) -> Result<Pid, Lost> {
        let incarnation = self.connection.incarnation();
        let is_theirs =
            pid.creation == incarnation.creation() && pid.node == incarnation.node().name();
        if is_theirs {
            Ok(Pid::remote(incarnation, pid.id, pid.serial))
        } else {
            Err(Lost::Strangers)
        }
    }

    /// Sends what is about no process of this node.
    fn queue(&mut self, control: &Control<'_, Term>) {
        // All that it has is terms already.
        if let Ok(frame) = frame::write(control) {
            self.connection.frames().queue(frame);
        }
    }

    /// A process asks for one that runs a function.
    fn spawn(&mut self, request: SpawnRequest<'_, WireTerm<'_>>) -> Result<(), Lost> {
        let SpawnRequest { request: reference, from, function, options, arguments, .. } = request;
        let asker = self.other(&from)?;
        let (options, arguments) = (options.read::<Vec<Term>>(), arguments.read::<Term>());
        let task = arguments.ok().and_then(|arguments| Task::of(&function, arguments));
        let spawned = match task.map(|task| task.spawn(Arc::clone(&self.local.offers))) {
            Some(Ok(waiting)) => Ok(waiting),
            Some(Err(_)) => Err("system_limit"),
            None => Err("notsup"),
        };
        let known = RemoteRef::new(reference.words());
        let is_watched = options.is_ok_and(|options| options.contains(&atom("monitor").into()));
        let flags = if is_watched { MONITORED } else { 0 };
        let answer = match &spawned {
            Ok(waiting) => Spawned::Pid(wire_pid(waiting.pid())),
            Err(error) => Spawned::Error((*error).into()),
        };
        self.queue(&Control::SpawnReply { request: reference, to: from, flags, spawned: answer });
        let Ok(waiting) = spawned else { return Ok(()) };
        if let Some(known) = known.filter(|_| is_watched) {
            self.connection.monitor(asker, waiting.pid().into(), known)?;
        }
        // Not before: else its end could come before the answer.
        waiting.begin();
        Ok(())
    }

    fn link(&mut self, from: &WirePid<'_>, to: &WirePid<'_>) -> Result<(), Lost> {
        match self.ends(from, to)? {
            Some((from, to)) => self.connection.link(from, to)?,
            None => {
                let reason = atom("noproc").into();
                self.queue(&Control::Exit { from: to.clone(), to: from.clone(), reason });
            }
        }
        Ok(())
    }

    fn monitor(
        &mut self,
        from: &WirePid<'_>,
        object: Object<'_>,
        reference: &WireRef<'_>,
    ) -> Result<(), Lost> {
        let ends = match &object {
            Object::Pid(pid) => self.ends(from, pid)?.map(|(from, to)| (from, to.into())),
            Object::Name(name) => Some((self.other(from)?, Destination::from(&**name))),
        };
        match (ends, RemoteRef::new(reference.words())) {
            (Some((from, target)), Some(known)) => {
                self.connection.monitor(from, target, known)?;
            }
            _ => {
                let reason = atom("noproc").into();
                let (to, reference) = (from.clone(), reference.clone());
                self.queue(&Control::Down { object, to, reference, reason });
            }
        }
        Ok(())
    }
}

impl From<Strangers> for Lost {
    fn from(Strangers: Strangers) -> Lost {
        Lost::Strangers
    }
}

/// Returns the reason that a process has ended for, or that it was too large to be read.
fn read_reason(reason: WireTerm<'_>) -> ExitReason {
    match reason.read::<Term>() {
        Ok(term) => reason_of_term(term),
        Err(error) => ExitReason::from_display(error),
    }
}
