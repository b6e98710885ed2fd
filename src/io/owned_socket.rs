//! Sockets that processes own, whose data comes as messages.

mod active;
mod turns;
mod connection;
mod delivery;
mod reader;

use std::fmt;
use std::hash::{Hash, Hasher};
use std::io;
use std::net::{Shutdown, SocketAddr};
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustix::net::{SocketAddrAny, SocketType, getpeername, getsockname, sockopt};

use crate::error_text::errors;
use crate::id::Pid;
use crate::message::Message;
use crate::proc_lib;
use crate::process;
use crate::process::receive::deadline_after;
use crate::process::send::send_regardless;

use super::attempt::{come_by, when_readable};
use super::packet::{Decoder, Packet};
use connection::Connection;
use delivery::go_on;

pub use active::Active;

/// A stream socket that a process owns, and whose data it gets as messages, as it asks for them.
///
/// A server that must also answer calls cannot wait in a read. It owns the socket instead: what
/// comes from the other side is a [`Data`] message in its mailbox, among the others. As in OTP,
/// [`Active`] says how many of them it gets before it asks for more, which is how it slows down a
/// peer that is faster than itself.
///
/// ```
/// use procession::io::{Active, Closed, Data, OwnedSocket, Packet, SocketOptions};
/// use procession::prelude::*;
/// use std::os::unix::net::UnixStream;
/// # use std::io::{BufRead, BufReader, Write};
///
/// /// Answers each line with what the lines so far add up to.
/// #[derive(Debug)]
/// struct Adder { sum: i64, socket: OwnedSocket }
///
/// impl GenServer for Adder {
///     type Args = UnixStream;
///     fn init(stream: UnixStream) -> InitResult<Self> {
///         let options = SocketOptions::new().packet(Packet::Line).active(Active::Once);
///         ready(Adder { sum: 0, socket: OwnedSocket::with_options(stream, options)? })
///     }
///
///     fn handle_info(&mut self, message: Message) -> CastResult<Self> {
///         handle_info! { message;
///             Data { socket, bytes } => {
///                 let line = String::from_utf8_lossy(&bytes);
///                 self.sum += line.trim().parse::<i64>().unwrap_or(0);
///                 socket.send(format!("{}\n", self.sum).as_bytes())?;
///                 socket.set_active(Active::Once)?;
///                 noreply()
///             }
///             _: Closed => stop(ExitReason::Normal),
///         }
///     }
/// }
///
/// let (mut here, there) = UnixStream::pair()?;
/// let adder = Adder::start(there)?;
/// here.write_all(b"40\n2\n")?;
/// let lines: Vec<String> = BufReader::new(&here).lines().take(2).collect::<Result<_, _>>()?;
/// assert_eq!(lines, ["40", "42"]);
///
/// let monitor = process::monitor(adder);
/// drop(here);
/// receive! { down: Down if down.monitor == monitor => assert!(down.reason.is_orderly()) }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// This is a handle, which can be cloned, sent, compared, and used by any process; the messages of
/// the socket have one. It belongs to the socket's owner only in that
///
/// - the owner gets the messages. Whoever calls [`controlling_process`](Self::controlling_process),
///   which only the owner can, makes another process the owner.
/// - the socket is closed when the owner ends, for whatever reason, however many handles there are.
///   When others hear of that end, it is closed. A socket whose owner lives is closed by
///   [`close`](Self::close), or when its other side has closed it and the owner has been told.
///
/// # Messages
///
/// | OTP | here |
/// |---|---|
/// | `{tcp, Socket, Data}` | [`Data`] |
/// | `{tcp_closed, Socket}` | [`Closed`], after everything that came |
/// | `{tcp_error, Socket, Reason}` | [`Errored`], and then `Closed` |
/// | `{tcp_passive, Socket}` | [`Passive`], after the last packet that was counted |
///
/// They come in the order of the stream, whatever room there is in the mailbox: [`Active`] is what
/// holds them back.
///
/// # How it works
///
/// A process of the runtime's own, to which the owner is linked, reads the socket while it is
/// active. It reads nothing while the socket is passive, so the peer is held up as soon as the
/// buffers of the system are full.
///
/// # Differences from OTP
///
/// - **It is made of a socket that is connected**, of any stream sockets: TCP or Unix, the standard
///   library's or this module's. Options of the socket itself are set before that. It is passive
///   and raw unless it is told otherwise; OTP's is active.
/// - **There is none for datagrams**, `gen_udp`'s active mode: see the
///   [differences](super#differences-from-otp) of the module.
/// - **[`send`](Self::send) waits** until the system has taken all bytes, and other senders wait
///   for their turn. OTP's driver queues some.
/// - **A packet that is too long for its header** is refused, not sent with a wrong header.
/// - **A process that calls `recv` with a length** gets an error when the stream ends before, as in
///   OTP; but what has come can still be read by a `recv` without a length.
/// - **[`Passive`] and [`Errored`]** that wait in the mailbox move to the new owner with the data;
///   OTP's `controlling_process` leaves them behind.
#[derive(Clone)]
pub struct OwnedSocket {
    connection: Arc<Connection>,
}

/// A message to the owner of a socket: data has come. With framing it is a packet, without its
/// header; else it is what there was.
#[derive(Debug)]
pub struct Data {
    /// The socket.
    pub socket: OwnedSocket,
    /// The data, of which there is at least a byte unless a packet is empty.
    pub bytes: Vec<u8>,
}

/// A message to the owner of a socket: nothing more will come. The socket is closed, unless it was
/// told to [stay open](SocketOptions::exit_on_close) for sending.
#[derive(Debug)]
pub struct Closed {
    /// The socket.
    pub socket: OwnedSocket,
}

/// A message to the owner of a socket: it has met an error. A [`Closed`] follows.
#[derive(Debug)]
pub struct Errored {
    /// The socket.
    pub socket: OwnedSocket,
    /// The error: one of the system, or a [`PacketTooLong`](super::PacketTooLong).
    pub error: io::Error,
}

/// A message to the owner of a socket: as many packets have been sent as [`Active::N`] said, and
/// the socket is passive.
#[derive(Debug)]
pub struct Passive {
    /// The socket.
    pub socket: OwnedSocket,
}

/// What a socket begins with.
#[derive(Clone, Debug)]
#[must_use = "options do nothing until a socket is made with them"]
pub struct SocketOptions {
    active: Active,
    decoder: Decoder,
    exit_on_close: bool,
    show_econnreset: bool,
    send_timeout: Option<Duration>,
}

impl Default for SocketOptions {
    fn default() -> SocketOptions {
        SocketOptions {
            active: Active::False,
            decoder: Decoder::new(Packet::Raw),
            exit_on_close: true,
            show_econnreset: false,
            send_timeout: None,
        }
    }
}

impl SocketOptions {
    /// Returns the default options: passive, and raw.
    pub fn new() -> SocketOptions {
        SocketOptions::default()
    }

    /// Sets how the owner gets the data. Default: [`Active::False`].
    pub fn active(mut self, active: Active) -> SocketOptions {
        self.active = active;
        self
    }

    /// Sets how the data is cut, and what is sent is framed. Default: [`Packet::Raw`].
    pub fn packet(mut self, packet: Packet) -> SocketOptions {
        self.decoder.set_packet(packet);
        self
    }

    /// Sets how many bytes a packet may have, as [`Decoder::packet_size`] does. A longer one is an
    /// error, and the socket is closed.
    pub fn packet_size(mut self, bytes: usize) -> SocketOptions {
        self.decoder = self.decoder.packet_size(bytes);
        self
    }

    /// Sets the length at which lines are split, as [`Decoder::line_length`] does.
    pub fn line_length(mut self, bytes: usize) -> SocketOptions {
        self.decoder = self.decoder.line_length(bytes);
        self
    }

    /// Sets whether the socket is closed when the other side has closed it, and the owner has been
    /// told by a [`Closed`]. Otherwise it can still send, until it is closed here. Default: it is.
    pub fn exit_on_close(mut self, exit_on_close: bool) -> SocketOptions {
        self.exit_on_close = exit_on_close;
        self
    }

    /// Sets whether a connection that the other side has reset is an error. Default: it is an end
    /// as any other, as in OTP.
    pub fn show_econnreset(mut self, show_econnreset: bool) -> SocketOptions {
        self.show_econnreset = show_econnreset;
        self
    }

    /// Sets how long a [`send`](OwnedSocket::send) may take. Default: as long as it takes.
    pub fn send_timeout(mut self, timeout: Duration) -> SocketOptions {
        self.send_timeout = Some(timeout);
        self
    }
}

impl OwnedSocket {
    /// Takes over a connected stream socket, which the caller owns from then on. It is passive and
    /// raw.
    ///
    /// # Errors
    ///
    /// As [`with_options`](Self::with_options).
    pub fn new(socket: impl Into<OwnedFd>) -> io::Result<OwnedSocket> {
        OwnedSocket::with_options(socket, SocketOptions::new())
    }

    /// As [`new`](Self::new), with options.
    ///
    /// What a reader of the socket has taken from it before, into a buffer of its own, does not
    /// come again.
    ///
    /// # Errors
    ///
    /// - [`InvalidInput`](io::ErrorKind::InvalidInput) if it is no stream socket.
    /// - If there is no thread for the process that reads it: the error holds a
    ///   [`SpawnError`](process::SpawnError).
    /// - Those of the system.
    pub fn with_options(
        socket: impl Into<OwnedFd>,
        options: SocketOptions,
    ) -> io::Result<OwnedSocket> {
        let descriptor = socket.into();
        if sockopt::socket_type(&descriptor)? != SocketType::STREAM {
            let text = "not a stream socket";
            return Err(io::Error::new(io::ErrorKind::InvalidInput, text));
        }
        rustix::io::ioctl_fionbio(&descriptor, true)?;
        let active = options.active;
        let connection = Connection::new(descriptor, process::self_pid(), options);
        let socket = OwnedSocket { connection: Arc::new(connection) };
        let read = Arc::clone(&socket.connection);
        let builder = process::Builder::new().link().trap_exit(true);
        let reader = proc_lib::spawn_with(builder, move || reader::run(read));
        socket.connection.set_reader(reader.map_err(io::Error::other)?);
        socket.set_active(active)?;
        Ok(socket)
    }

    /// Sets how the owner gets the data from now on.
    ///
    /// Any process can do so. When a socket that was made passive returns from this, no message of
    /// it comes any more: what it has sent is in the owner's mailbox. If the count of [`Active::N`]
    /// comes to 0 or less, the socket is passive and the owner gets a [`Passive`].
    ///
    /// # Errors
    ///
    /// - [`InvalidInput`](io::ErrorKind::InvalidInput) if the count would be more than 32,767. Then
    ///   nothing changes.
    /// - [`NotConnected`](io::ErrorKind::NotConnected) if the socket is closed.
    ///
    /// OTP: [`inet:setopts/2`](https://www.erlang.org/doc/apps/kernel/inet.html#setopts/2) with
    /// `active`.
    pub fn set_active(&self, active: Active) -> io::Result<()> {
        self.connection.set_active(active)?;
        go_on(self);
        Ok(())
    }

    /// Returns how the owner gets the data; of [`Active::N`], how many packets are left.
    pub fn active(&self) -> Active {
        self.connection.active()
    }

    /// Sets how the data is cut that has not been delivered yet, and what is sent is framed.
    ///
    /// # Errors
    ///
    /// - [`ResourceBusy`](io::ErrorKind::ResourceBusy) while a process is in [`recv`](Self::recv).
    /// - [`NotConnected`](io::ErrorKind::NotConnected) if the socket is closed.
    ///
    /// OTP: [`inet:setopts/2`](https://www.erlang.org/doc/apps/kernel/inet.html#setopts/2) with
    /// `packet`.
    pub fn set_packet(&self, packet: Packet) -> io::Result<()> {
        self.connection.set_packet(packet)?;
        go_on(self);
        Ok(())
    }

    /// Reads from the socket, which must be passive: `length` bytes if it is raw, or what there is
    /// if `length` is 0; otherwise the next packet. Waits as long as it takes.
    ///
    /// What came before the other side has closed the socket is read first. An error loses nothing
    /// that has come.
    ///
    /// # Errors
    ///
    /// - [`UnexpectedEof`](io::ErrorKind::UnexpectedEof) if the other side has closed the socket:
    ///   OTP's `closed`.
    /// - [`NotConnected`](io::ErrorKind::NotConnected) if it is closed here.
    /// - [`InvalidInput`](io::ErrorKind::InvalidInput) if it is active, or if a length was given
    ///   and it is not raw.
    /// - [`ResourceBusy`](io::ErrorKind::ResourceBusy) if another process is in this call: OTP's
    ///   `ealready`.
    /// - A [`PacketTooLong`](super::PacketTooLong); then the socket is closed.
    /// - An [interrupt](super::Interrupted) in a process that traps exits.
    /// - Those of the system.
    ///
    /// OTP: [`gen_tcp:recv/2`](https://www.erlang.org/doc/apps/kernel/gen_tcp.html#recv/2).
    pub fn recv(&self, length: usize) -> io::Result<Vec<u8>> {
        self.recv_until(length, None)
    }

    /// As [`recv`](Self::recv), for at most `timeout`.
    ///
    /// # Errors
    ///
    /// Those of `recv`, and [`TimedOut`](io::ErrorKind::TimedOut).
    pub fn recv_timeout(&self, length: usize, timeout: Duration) -> io::Result<Vec<u8>> {
        self.recv_until(length, deadline_after(timeout))
    }

    fn recv_until(&self, length: usize, deadline: Option<Instant>) -> io::Result<Vec<u8>> {
        come_by();
        let _going_on = GoingOn(self); // Outlives `held`.
        let mut held = self.connection.begin_recv(length)?;
        let descriptor = held.descriptor.clone().expect("it is open");
        loop {
            let frame = match length {
                0 => held.decoder.look(),
                _ => Ok(held.decoder.exactly(length)),
            };
            match frame {
                Ok(Some(frame)) => return Ok(held.decoder.take(frame)),
                Ok(None) => {}
                Err(error) => {
                    self.connection.close();
                    return Err(error.into());
                }
            }
            when_readable(&descriptor, deadline, || held.fill())
                .map_err(|error| self.connection.shown(error).unwrap_or_else(|| self.ended()))?;
        }
    }

    /// Returns the error of a `recv` that has met the end of the stream.
    fn ended(&self) -> io::Error {
        let ended = || {
            let text = "the other side has closed the socket";
            io::Error::new(io::ErrorKind::UnexpectedEof, text)
        };
        // If the socket was closed here, that is what has ended it.
        self.connection.descriptor().err().unwrap_or_else(ended)
    }

    /// Sends all of `bytes`, as a packet if the socket has a framing. Any process can do so; what
    /// several send at once goes out one after the other, each whole.
    ///
    /// It waits until the system has taken the bytes, which it does as fast as the other side
    /// reads.
    ///
    /// # Errors
    ///
    /// - A [`PacketTooLong`](super::PacketTooLong) if its length does not fit into its header; then
    ///   nothing is sent.
    /// - [`NotConnected`](io::ErrorKind::NotConnected) if the socket is closed.
    /// - [`TimedOut`](io::ErrorKind::TimedOut) after the [timeout](SocketOptions::send_timeout).
    /// - An [interrupt](super::Interrupted) in a process that traps exits.
    /// - Those of the system: [`BrokenPipe`](io::ErrorKind::BrokenPipe) if the other side has
    ///   closed the socket, or this one has shut it down.
    ///
    /// A send that ends when a part of the bytes is on its way, as its process was killed, say,
    /// closes the socket: the rest would never follow.
    ///
    /// OTP: [`gen_tcp:send/2`](https://www.erlang.org/doc/apps/kernel/gen_tcp.html#send/2).
    pub fn send(&self, bytes: &[u8]) -> io::Result<()> {
        let deadline = self.connection.options.send_timeout.and_then(deadline_after);
        self.connection.send(bytes, deadline)
    }

    /// Makes `new_owner` the owner of the socket, which the caller must be.
    ///
    /// The messages of the socket that wait in the caller's mailbox move to the new owner, and what
    /// comes later follows them. So nothing is lost, and the order stays.
    ///
    /// # Errors
    ///
    /// - [`NotOwner`], of the kind [`PermissionDenied`](io::ErrorKind::PermissionDenied), if the
    ///   caller is not the owner.
    /// - [`NotFound`](io::ErrorKind::NotFound) if the new owner has ended. The caller stays the
    ///   owner, and keeps the messages, unless the new owner has ended just now.
    /// - [`NotConnected`](io::ErrorKind::NotConnected) if the socket is closed, and the caller has
    ///   taken its [`Closed`].
    ///
    /// OTP: [`gen_tcp:controlling_process/2`](https://www.erlang.org/doc/apps/kernel/gen_tcp.html#controlling_process/2).
    pub fn controlling_process(&self, new_owner: impl Into<Pid>) -> io::Result<()> {
        let (caller, new_owner) = (process::self_pid(), new_owner.into());
        let owner = self.connection.owner();
        if owner == new_owner {
            return Ok(());
        }
        if owner != caller {
            return Err(io::Error::new(io::ErrorKind::PermissionDenied, NotOwner { owner }));
        }
        if !process::is_alive(new_owner) {
            return Err(has_ended(new_owner));
        }
        let _moving = Moving::begin(self);
        let has_moved = self.forward_to(new_owner);
        self.connection.set_owner(new_owner);
        if process::give_child(self.connection.reader(), new_owner) {
            return Ok(());
        }
        self.connection.set_owner(caller);
        match (has_moved, self.connection.descriptor()) {
            (Moved::Closed, _) => Ok(()),
            (Moved::Open, Ok(_)) => Err(has_ended(new_owner)),
            (Moved::Open, Err(closed)) => Err(closed),
        }
    }

    /// Sends the messages of the socket in the caller's mailbox on.
    fn forward_to(&self, new_owner: Pid) -> Moved {
        let mut moved = Moved::Open;
        while let Some(message) =
            process::receive_match_timeout(Duration::ZERO, |message| self.has_sent(message))
        {
            if message.is::<Closed>() {
                moved = Moved::Closed;
            }
            send_regardless(new_owner, message);
        }
        moved
    }

    /// Whether it is a message of this socket.
    fn has_sent(&self, message: &Message) -> bool {
        let data = message.downcast_ref().map(|Data { socket, .. }| socket);
        let closed = || message.downcast_ref().map(|Closed { socket }| socket);
        let errored = || message.downcast_ref().map(|Errored { socket, .. }| socket);
        let passive = || message.downcast_ref().map(|Passive { socket }| socket);
        data.or_else(closed).or_else(errored).or_else(passive) == Some(self)
    }

    /// Returns the process that owns the socket, or did so when it was closed.
    pub fn owner(&self) -> Pid {
        self.connection.owner()
    }

    /// Closes the socket, for all handles. Calls that are under way return.
    ///
    /// Any process can do so. The owner gets no [`Closed`]; messages that have been sent stay in
    /// its mailbox. When this returns no more come, and the descriptor is closed, unless another
    /// process is just leaving a call. The system still sends what it has taken. Nothing happens if
    /// the socket is closed already.
    ///
    /// OTP: [`gen_tcp:close/1`](https://www.erlang.org/doc/apps/kernel/gen_tcp.html#close/1).
    ///
    /// # Panics
    ///
    /// In a thread of the program's own that was killed.
    pub fn close(&self) {
        self.connection.close();
        process::join(self.connection.reader(), Duration::MAX);
    }

    /// Closes one side of the connection or both. After [`Shutdown::Write`] the other side sees the
    /// end of the data, and can still send.
    ///
    /// # Errors
    ///
    /// - [`NotConnected`](io::ErrorKind::NotConnected) if the socket is closed.
    /// - Those of the system.
    ///
    /// OTP: [`gen_tcp:shutdown/2`](https://www.erlang.org/doc/apps/kernel/gen_tcp.html#shutdown/2).
    pub fn shutdown(&self, how: Shutdown) -> io::Result<()> {
        self.connection.shutdown(how)
    }

    /// Returns the address of the other side.
    ///
    /// # Errors
    ///
    /// - [`NotConnected`](io::ErrorKind::NotConnected) if the socket is closed.
    /// - [`Unsupported`](io::ErrorKind::Unsupported) if it is a Unix socket.
    ///
    /// OTP: [`inet:peername/1`](https://www.erlang.org/doc/apps/kernel/inet.html#peername/1).
    pub fn peername(&self) -> io::Result<SocketAddr> {
        internet(getpeername(self.connection.descriptor()?)?)
    }

    /// Returns the address of this side.
    ///
    /// # Errors
    ///
    /// As [`peername`](Self::peername).
    ///
    /// OTP: [`inet:sockname/1`](https://www.erlang.org/doc/apps/kernel/inet.html#sockname/1).
    pub fn sockname(&self) -> io::Result<SocketAddr> {
        internet(getsockname(self.connection.descriptor()?)?)
    }
}

/// Has a socket go on when a `recv` ends, which may have been made active meanwhile.
struct GoingOn<'a>(&'a OwnedSocket);

impl Drop for GoingOn<'_> {
    fn drop(&mut self) {
        go_on(self.0);
    }
}

/// A socket that is being given to another owner, until this is dropped.
struct Moving<'a>(&'a OwnedSocket);

impl Moving<'_> {
    fn begin(socket: &OwnedSocket) -> Moving<'_> {
        socket.connection.begin_move();
        Moving(socket)
    }
}

impl Drop for Moving<'_> {
    fn drop(&mut self) {
        self.0.connection.end_move();
        go_on(self.0);
    }
}

/// Whether the end of the socket was among the messages that have moved.
enum Moved {
    Open,
    Closed,
}

fn internet(address: impl Into<Option<SocketAddrAny>>) -> io::Result<SocketAddr> {
    // A Unix socket without a name has no address at all.
    let address = address.into().and_then(|address| address.try_into().ok());
    address.ok_or_else(|| {
        let text = "the address of a Unix socket is no internet address";
        io::Error::new(io::ErrorKind::Unsupported, text)
    })
}

fn has_ended(new_owner: Pid) -> io::Error {
    io::Error::new(io::ErrorKind::NotFound, format!("process {new_owner} has ended"))
}

/// The caller does not own the socket that it wants to give away.
#[derive(Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct NotOwner {
    /// The process that owns it.
    pub owner: Pid,
}

impl fmt::Display for NotOwner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the socket is owned by {}", self.owner)
    }
}

errors!(NotOwner);

impl PartialEq for OwnedSocket {
    fn eq(&self, other: &OwnedSocket) -> bool {
        Arc::ptr_eq(&self.connection, &other.connection)
    }
}

impl Eq for OwnedSocket {}

impl Hash for OwnedSocket {
    fn hash<H: Hasher>(&self, state: &mut H) {
        Arc::as_ptr(&self.connection).hash(state);
    }
}

impl fmt::Debug for OwnedSocket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("OwnedSocket").field(&self.connection.reader()).finish()
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::os::unix::net::UnixStream;
    use std::sync::mpsc;
    use std::thread;

    use super::*;

    /// A socket that has a line in its decoder, the only message of which the caller has taken.
    fn with_a_line(active: Active) -> (OwnedSocket, UnixStream) {
        let (here, mut there) = UnixStream::pair().unwrap();
        there.write_all(b"a\nb\n").unwrap();
        let options = SocketOptions::new().packet(Packet::Line).active(active);
        let socket = OwnedSocket::with_options(here, options).unwrap();
        assert_eq!(process::receive().downcast::<Data>().unwrap().bytes, b"a\n");
        (socket, there)
    }

    /// A process that sends the caller what it receives.
    fn relay() -> Pid {
        let caller = process::self_pid();
        let relay = move || loop {
            process::send(caller, process::receive());
        };
        process::spawn_link(relay).unwrap()
    }

    #[track_caller]
    fn assert_no_message() {
        let message = process::receive_match_timeout(Duration::ZERO, |_| true);
        assert!(message.is_none(), "{message:?}");
    }

    #[test]
    fn what_is_asked_for_while_the_socket_moves_comes_to_the_new_owner() {
        let (socket, _there) = with_a_line(Active::Once);
        let moving = Moving::begin(&socket);
        socket.set_active(Active::Once).unwrap();
        assert_eq!(socket.active(), Active::Once);
        assert_no_message();
        socket.connection.set_owner(relay());
        drop(moving);
        assert_eq!(process::receive().downcast::<Data>().unwrap().bytes, b"b\n");
        assert_eq!(socket.active(), Active::False);
    }

    #[test]
    fn the_new_owner_is_told_that_the_socket_was_made_passive_while_it_moved() {
        let (socket, _there) = with_a_line(Active::Once);
        socket.set_active(Active::False).unwrap();
        let moving = Moving::begin(&socket);
        socket.set_active(Active::N(-1)).unwrap();
        assert_no_message();
        socket.connection.set_owner(relay());
        drop(moving);
        assert!(process::receive().is::<Passive>());
        assert_no_message();
    }

    #[test]
    fn the_socket_moves_when_its_owner_has_been_told_that_it_is_passive() {
        let (socket, _there) = with_a_line(Active::Once);
        socket.connection.set_active(Active::N(0)).unwrap();
        let telling = socket.connection.claim_passive().unwrap();
        let (about_to_move, begun) = mpsc::channel();
        thread::scope(|scope| {
            let mover = scope.spawn(|| {
                about_to_move.send(()).unwrap();
                socket.connection.begin_move();
            });
            begun.recv().unwrap();
            (0..100).for_each(|_| thread::yield_now());
            assert!(!mover.is_finished());
            drop(telling);
        });
        socket.connection.end_move();
    }
}
