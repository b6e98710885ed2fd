//! The processes of a connection: one that makes it and then reads, and one that writes.
//!
//! They are linked, so they end together; when they have, the kernel has been told that the
//! connection is lost, as the reader owns what tells it.

use std::cell::RefCell;
use std::io::{self, IoSlice};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use log::Level;
use smallvec::SmallVec;

use crate::exit::ExitReason;
use crate::gen_server::ServerRef;
use crate::id::{Incarnation, Node, Pid};
use crate::io::{TcpStream, is_interrupted};
use crate::message::{Message, Name, NodeType};
use crate::process;
use crate::runtime::address::deliver;
use crate::runtime::dist_entry::{Controller, Frame, Traffic, count_whole};
use crate::runtime::exit::signal_exit;
use crate::runtime::incoming::{Connection, Frames};
use crate::runtime::mailbox::Signal;
use crate::user_code::log_caught;

use super::channel::SetUp;
use super::epmd::EpmdError;
use super::error::ConnectError;
use super::handshake::{self, Admission, Flags, HandshakeError, Peer};
use super::local::Local;
use super::lost::{LOG, Lost};
use super::name::NodeName;
use super::permit::Permit;
use super::reader::Reader;
use super::serve::{Admit, DialFailed, IsUp, Kernel, NAME, Replace};
use super::timed::{Deadline, Timed};
#[cfg(feature = "dist-tls")]
use super::tls;
use super::traffic::Counters;
use super::writer::{Queued, QueuedForLater, Writer};

fn deadline(local: &Local) -> Deadline {
    Deadline::after(local.settings.set_up_time)
}

fn kernel() -> ServerRef<Kernel, Name> {
    ServerRef::named(NAME)
}

/// The body of the process that dials a node.
pub(super) fn dial(local: &Arc<Local>, node: Node) -> Result<(), ExitReason> {
    let error = match connect(local, node) {
        Ok((stream, peer)) => return carry(local, stream, &peer, Vec::new()),
        Err(NotConnected::Interrupted(error)) => return Err(error.into()),
        Err(NotConnected::Failed(error)) => error,
    };
    if error == ConnectError::WrongCookie {
        log_caught(Level::Warn, LOG, format_args!("no connection with {node}: {error}"));
    }
    // The kernel may monitor this process when it has ended.
    let process = process::self_pid();
    kernel().cast(DialFailed { node, process, error: error.clone() });
    Err(ExitReason::shutdown_with(error))
}

/// Why a dial has come to nothing.
enum NotConnected {
    Interrupted(io::Error),
    Failed(ConnectError),
}

impl From<EpmdError> for NotConnected {
    fn from(error: EpmdError) -> NotConnected {
        if let EpmdError::Io(error) = error {
            return NotConnected::of_io(error, EpmdError::Io);
        }
        NotConnected::Failed(ConnectError::Failed(error.to_string()))
    }
}

impl From<HandshakeError> for NotConnected {
    fn from(error: HandshakeError) -> NotConnected {
        if let HandshakeError::Io(error) = error {
            return NotConnected::of_io(error, HandshakeError::Io);
        }
        let is_cookie = matches!(error, HandshakeError::WrongCookie);
        let why = || ConnectError::Failed(error.to_string());
        NotConnected::Failed(if is_cookie { ConnectError::WrongCookie } else { why() })
    }
}

impl NotConnected {
    /// The error of a stream, which `print` says in words.
    fn of_io<E: ToString>(error: io::Error, print: fn(io::Error) -> E) -> NotConnected {
        if is_interrupted(&error) {
            return NotConnected::Interrupted(error);
        }
        NotConnected::Failed(ConnectError::Failed(print(error).to_string()))
    }
}

fn connect(local: &Local, node: Node) -> Result<(SetUp, Peer), NotConnected> {
    let Some(name) = NodeName::new(node.name()) else {
        let why = format!("{:?} cannot be the name of a node", node.name());
        return Err(NotConnected::Failed(ConnectError::Failed(why)));
    };
    let deadline = deadline(local);
    let address = match (local.peers.get(name.as_str()), local.epmd) {
        (Some(address), _) => *address,
        (None, Some(epmd)) => epmd.find(&name, deadline)?,
        (None, None) => {
            let why = format!("it is not known where {name} listens, and there is no epmd");
            return Err(NotConnected::Failed(ConnectError::Failed(why)));
        }
    };
    let connected = shake_hands(local, &name, address, deadline);
    if let Err(HandshakeError::Simultaneous) = connected {
        // The other connection is on its way: when it is admitted, this process is ended.
        if let Ok(left) = deadline.left() {
            process::receive_match_timeout(left, |_| false);
        }
    }
    Ok(connected?)
}

fn shake_hands(
    local: &Local,
    name: &NodeName,
    address: SocketAddr,
    deadline: Deadline,
) -> Result<(SetUp, Peer), HandshakeError> {
    let stream = TcpStream::connect_timeout(&address, deadline.left()?)?;
    stream.set_nodelay(true)?;
    let mut stream = dialled(local, Timed::new(stream, deadline), name)?;
    let lengths = stream.lengths();
    let peer = handshake::dial(&mut stream, lengths, &local.identity, name)?;
    Ok((stream, peer))
}

#[cfg(feature = "dist-tls")]
fn dialled(local: &Local, stream: Timed, name: &NodeName) -> io::Result<SetUp> {
    match &local.tls {
        Some(configs) => {
            tls::SetUp::dial(configs, stream, name.host()).map(Box::new).map(SetUp::Tls)
        }
        None => Ok(SetUp::Tcp(stream)),
    }
}

#[cfg(feature = "dist-tls")]
fn accepted(local: &Local, stream: Timed) -> io::Result<SetUp> {
    match &local.tls {
        Some(configs) => tls::SetUp::accept(configs, stream).map(Box::new).map(SetUp::Tls),
        None => Ok(SetUp::Tcp(stream)),
    }
}

#[cfg(not(feature = "dist-tls"))]
#[expect(clippy::unnecessary_wraps, reason = "with TLS it may fail")]
fn dialled(_: &Local, stream: Timed, _: &NodeName) -> io::Result<SetUp> {
    Ok(SetUp::Tcp(stream))
}

#[cfg(not(feature = "dist-tls"))]
#[expect(clippy::unnecessary_wraps, reason = "with TLS it may fail")]
fn accepted(_: &Local, stream: Timed) -> io::Result<SetUp> {
    Ok(SetUp::Tcp(stream))
}

/// The body of the process of a connection that another node has made.
pub(super) fn accept(
    local: &Arc<Local>,
    stream: TcpStream,
    permit: Permit,
) -> Result<(), ExitReason> {
    stream.set_nodelay(true)?;
    let stream = Timed::new(stream, deadline(local));
    let me = process::self_pid();
    let name = RefCell::new(None);
    let admit = |peer: &Peer| {
        name.replace(Some(peer.name.clone()));
        let request = Admit { peer: peer.name.clone(), process: me };
        // If there is no kernel, this is just being ended.
        kernel().call_timeout(request, Duration::MAX).unwrap_or(Admission::No)
    };
    let shaken = accepted(local, stream).map_err(HandshakeError::from).and_then(|mut stream| {
        let lengths = stream.lengths();
        let (peer, last) = handshake::accept(&mut stream, lengths, &local.identity, admit)?;
        Ok((stream, peer, last))
    });
    let (stream, peer, last) = match shaken {
        Ok(accepted) => accepted,
        Err(HandshakeError::Io(error)) if is_interrupted(&error) => return Err(error.into()),
        Err(error @ (HandshakeError::Simultaneous | HandshakeError::Closed)) => {
            return Err(ExitReason::shutdown_with(error.to_string()));
        }
        Err(error) => {
            log_refused(name.into_inner().as_ref(), &error);
            return Err(ExitReason::shutdown_with(error.to_string()));
        }
    };
    drop(permit);
    carry(local, stream, &peer, last)
}

/// The processes of a connection.
struct Ends {
    node_type: NodeType,
    reader: Pid,
    writer: Pid,
    /// What senders can write to themselves.
    direct: Option<Arc<TcpStream>>,
    counters: Arc<Counters>,
}

impl Controller for Ends {
    fn node_type(&self) -> NodeType {
        self.node_type
    }

    fn wake(&self) {
        deliver(self.writer, Signal::Message(Message::new(Queued)));
    }

    fn wake_later(&self) {
        deliver(self.writer, Signal::Message(Message::new(QueuedForLater)));
    }

    fn writes(&self) -> bool {
        self.direct.is_some()
    }

    fn write(&self, frames: &[Frame]) -> usize {
        let Some(stream) = &self.direct else { return 0 };
        let parts: SmallVec<[IoSlice<'_>; 4]> =
            frames.iter().flat_map(Frame::parts).map(IoSlice::new).collect();
        let written = stream.write_now(&parts).unwrap_or(0);
        self.counters.sent_bytes(written);
        self.counters.sent_signals(count_whole(frames, written));
        written
    }

    fn give_up(&self) {
        // Whoever is sending logs nothing: the supervisor does, as this is a failure.
        signal_exit(self.reader, self.reader, ExitReason::from_display(Lost::Overloaded));
    }

    fn traffic(&self) -> Traffic {
        self.counters.read()
    }
}

fn log_refused(name: Option<&NodeName>, error: &HandshakeError) {
    match name {
        Some(name) => {
            log_caught(Level::Warn, LOG, format_args!("the node {name} was refused: {error}"));
        }
        None => log_caught(Level::Warn, LOG, format_args!("a node was refused: {error}")),
    }
}

/// Carries signals from the other node and to it, until the connection is lost. What is written
/// first tells the other node that it is up.
fn carry(local: &Arc<Local>, stream: SetUp, peer: &Peer, first: Vec<u8>) -> Result<(), ExitReason> {
    let too_many = || ExitReason::from_display("there are too many nodes");
    let node = Node::connected(peer.name.as_str()).ok_or_else(too_many)?;
    let incarnation = Incarnation::connected(node, peer.creation).ok_or_else(too_many)?;
    let me = process::self_pid();
    // An earlier connection with it ends before this one begins.
    kernel().call_timeout(Replace { node, process: me }, Duration::MAX)?;

    let counters = Arc::new(Counters::default());
    let (reading, writing) = stream.split()?;
    let direct = writing.direct();
    let writer = Writer::new(writing, Arc::clone(&counters), local.settings.tick_time);
    let writer = process::spawn_link(move || {
        // It may be told before that something is queued.
        let frames = process::receive_match(|message| message.is::<Frames>());
        frames.downcast().map_or(Ok(()), |frames| writer.run(first.into(), frames))
    })?;
    // To tell all ties of its loss takes as long as it takes, and then only this process is gone.
    process::set_kill_grace(Duration::MAX);
    let is_visible = peer.flags.has(Flags::PUBLISHED);
    let node_type = if is_visible { NodeType::Visible } else { NodeType::Hidden };
    let ends = Ends { node_type, reader: me, writer, direct, counters: Arc::clone(&counters) };
    // The end of this node is not that of what is queued. Others may know of the connection, and
    // end this node, as soon as it is up.
    process::set_trap_exit(true);
    let connection = Connection::up(incarnation, Arc::new(ends)).map_err(|_| {
        ExitReason::shutdown_with("there is a connection with the node already".to_owned())
    })?;
    process::send(writer, connection.frames());
    kernel().cast(IsUp { node, process: me });
    let reader = Reader { local: Arc::clone(local), connection, counters, writer };
    reader.run(reading)
}

#[cfg(test)]
mod tests {
    use crate::gen_server::{GenServer, StartOptions};
    use crate::io::TcpListener;
    use crate::runtime::dist_entry::DistEntry;
    use crate::runtime::loopback::alone;

    use super::super::serve::DialBody;
    use super::*;

    /// Only a failing test waits so long.
    const LONG: Duration = Duration::from_secs(20);

    /// Longer than the grace of other processes that are killed.
    const LATER: Duration = Duration::from_millis(1_500);

    #[test]
    fn a_process_that_is_killed_ends_when_it_has_told_of_the_loss() {
        let _alone = alone(); // Its kernel makes all dials fail.
        let local = Local::for_tests();
        let dial_body: DialBody = |_, _| Ok(());
        let options = StartOptions::new().name(NAME);
        let kernel = Kernel::start_with((Arc::clone(&local), dial_body), options).unwrap();

        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let near = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let _far = listener.accept().unwrap();
        let (name, flags) = (NodeName::new("slowly@loopback").unwrap(), local.identity.flags);
        let node = Node::named(name.as_str());
        let peer = Peer { name, creation: 1, flags };
        let carry = move || {
            let stream = SetUp::Tcp(Timed::new(near, deadline(&local)));
            carry(&local, stream, &peer, Vec::new())
        };
        let (connection, ended) = process::spawn_monitor(carry).unwrap();
        let entry = DistEntry::of(node);
        while !entry.is_up() {
            std::thread::yield_now();
        }
        let early = entry.with_ties(|_| {
            process::exit(connection, ExitReason::Kill);
            process::wait(ended, LATER)
        });
        assert_eq!(early, None, "it has ended, and has not told");
        assert_eq!(process::wait(ended, LONG), Some(ExitReason::Killed));
        assert!(!entry.is_up());
        kernel.stop().unwrap();
    }
}
