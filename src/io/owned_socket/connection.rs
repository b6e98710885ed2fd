//! What the handles of a socket and its reader share, and who may do what with it when.
//!
//! The descriptor is read by one party at a time: the reader while the socket is active, whoever
//! calls `recv` while it is passive. That party takes the decoder, and so the right to read, and
//! puts it back. Nobody waits for the other side with the decoder taken but `recv`.
//!
//! What is in the decoder is delivered by whoever lets the socket go on: makes it active, changes
//! its framing, or leaves a `recv`. So the reader, which waits for the descriptor, misses nothing
//! that was read by others.
//!
//! A packet is sent to the owner in three steps: the deliverer *claims* the packet, which counts
//! it; sends it, without a lock; and says that it has. Whoever makes the socket passive waits for
//! the last step. So when it is passive, all that it has sent is in the mailbox of its owner.
//!
//! While the socket is *moving* to another owner nothing is sent: that it is passive now is sent in
//! the same three steps. What is asked for meanwhile is done when it has moved.

use std::fmt;
use std::io;
use std::mem;
use std::net::Shutdown;
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::sync::OnceLock;
use std::time::Instant;

use parking_lot::{Condvar, Mutex, MutexGuard};
use rustix::io::Errno;

use crate::id::Pid;
use crate::process;
use crate::process::send::send_regardless;

use super::super::attempt::when_writable;
use super::super::packet::{Decoder, Packet};
use super::SocketOptions;
use super::active::{Active, Next};
use super::turns::Turns;

/// A socket that has an owner.
pub(super) struct Connection {
    /// The process that reads it while it is active. Set as soon as that is started.
    reader: OnceLock<Pid>,
    state: Mutex<State>,
    /// Told when something has been sent to the owner, or the decoder is back.
    changed: Condvar,
    writers: Turns,
    pub(super) options: SocketOptions,
}

struct State {
    owner: Pid,
    /// The socket is being given to another owner.
    is_moving: bool,
    active: Active,
    /// How many times the owner is still to be told that the socket is passive.
    untold: usize,
    /// How many processes are telling it so.
    telling: usize,
    /// `None` while somebody reads.
    decoder: Option<Decoder>,
    packet: Packet,
    reading: Reading,
    /// Whether the reader waits for a message that tells it to look again.
    reader_waits: bool,
    /// The other side has sent everything, and the owner was told so.
    has_ended: bool,
    /// `None` when the socket is closed.
    descriptor: Option<Arc<OwnedFd>>,
}

/// Who has the decoder.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reading {
    Nobody,
    /// The reader or another deliverer, which only takes what has come.
    Reader,
    /// A deliverer that has claimed a packet and is about to send it.
    Delivery,
    /// A process in `recv`.
    Recv,
}

/// A message to the reader: it is to look at the socket again.
#[derive(Debug)]
pub(super) struct Nudge;

/// What the reader does next.
pub(super) enum Step<'a> {
    Read(Held<'a>),
    /// It waits for a message.
    Wait,
    /// It ends: the socket is closed, or its owner has ended.
    End,
}

/// The right to read. It is given back when this is dropped.
pub(super) struct Held<'a> {
    connection: &'a Connection,
    /// `None` when the holder has done with it.
    pub(super) descriptor: Option<Arc<OwnedFd>>,
    pub(super) decoder: Decoder,
}

/// The right to tell the owner that the socket is passive. It is told when this is dropped.
pub(super) struct Telling<'a> {
    connection: &'a Connection,
    pub(super) owner: Pid,
}

/// What the owner is told next, and that it may be told.
pub(super) struct Delivery {
    pub(super) owner: Pid,
    /// Whether the socket is passive after this packet, and the owner is told that, too.
    pub(super) tells_passive: bool,
}

impl Connection {
    pub(super) fn new(descriptor: OwnedFd, owner: Pid, options: SocketOptions) -> Connection {
        let state = State {
            owner,
            is_moving: false,
            active: Active::False,
            untold: 0,
            telling: 0,
            packet: options.decoder.packet(),
            decoder: Some(options.decoder.clone()),
            reading: Reading::Nobody,
            reader_waits: false,
            has_ended: false,
            descriptor: Some(Arc::new(descriptor)),
        };
        Connection {
            reader: OnceLock::new(),
            state: Mutex::new(state),
            changed: Condvar::new(),
            writers: Turns::default(),
            options,
        }
    }

    pub(super) fn set_reader(&self, reader: Pid) {
        _ = self.reader.set(reader);
    }

    pub(super) fn reader(&self) -> Pid {
        *self.reader.get().expect("there is a reader before there are handles")
    }

    pub(super) fn owner(&self) -> Pid {
        self.state.lock().owner
    }

    pub(super) fn active(&self) -> Active {
        self.state.lock().active
    }

    /// Returns the descriptor, for calls that do not read.
    pub(super) fn descriptor(&self) -> io::Result<Arc<OwnedFd>> {
        self.state.lock().descriptor.clone().ok_or_else(closed)
    }

    /// Sets how the owner gets data. When this returns, a socket that is passive has sent all that
    /// it will, but that it is passive. The caller sees to it that the socket goes on.
    pub(super) fn set_active(&self, wanted: Active) -> io::Result<()> {
        let mut state = self.state.lock();
        if state.descriptor.is_none() {
            return Err(closed());
        }
        let Next { active, tells } = state.active.set(wanted).ok_or_else(count_too_large)?;
        state.active = active;
        while state.active == Active::False && state.reading == Reading::Delivery {
            self.changed.wait(&mut state);
        }
        state.untold += usize::from(tells);
        Ok(())
    }

    /// Begins to give the socket to another owner. When this returns, all that it has sent is in
    /// the mailbox of the one that it has.
    pub(super) fn begin_move(&self) {
        let mut state = self.state.lock();
        state.is_moving = true;
        while state.reading == Reading::Delivery || state.telling > 0 {
            self.changed.wait(&mut state);
        }
    }

    /// Ends what `begin_move` has begun. The caller sees to it that the socket goes on.
    pub(super) fn end_move(&self) {
        self.state.lock().is_moving = false;
    }

    pub(super) fn set_owner(&self, owner: Pid) {
        self.state.lock().owner = owner;
    }

    /// Claims the right to tell the owner that the socket is passive, if it is still to be told.
    pub(super) fn claim_passive(&self) -> Option<Telling<'_>> {
        let mut state = self.state.lock();
        if state.is_moving || state.untold == 0 {
            return None;
        }
        state.untold -= 1;
        state.telling += 1;
        Some(Telling { connection: self, owner: state.owner })
    }

    /// Tells the reader to look again, if it waits for that and has something to do.
    fn unlock_and_nudge(&self, mut state: MutexGuard<'_, State>) {
        let has_work = state.descriptor.is_none()
            || state.sends() && state.decoder.is_some() && !state.has_ended;
        let nudges = has_work && mem::take(&mut state.reader_waits);
        drop(state);
        if nudges {
            send_regardless(self.reader(), Nudge);
        }
    }

    /// Sets how the data is cut from here on.
    pub(super) fn set_packet(&self, packet: Packet) -> io::Result<()> {
        let mut state = self.lock_unless_reading()?;
        state.packet = packet;
        state.decoder.as_mut().expect("nobody reads").set_packet(packet);
        Ok(())
    }

    /// Locks the state when the reader, which only takes what has come, has the decoder no more.
    fn lock_unless_reading(&self) -> io::Result<MutexGuard<'_, State>> {
        let mut state = self.state.lock();
        loop {
            match state.reading {
                _ if state.descriptor.is_none() => return Err(closed()),
                Reading::Nobody => return Ok(state),
                Reading::Reader | Reading::Delivery => self.changed.wait(&mut state),
                Reading::Recv => return Err(busy()),
            }
        }
    }

    /// Takes the right to read a passive socket.
    pub(super) fn begin_recv(&self, length: usize) -> io::Result<Held<'_>> {
        let mut state = self.lock_unless_reading()?;
        if state.active != Active::False {
            return Err(is_active());
        }
        if length > 0 && state.packet != Packet::Raw {
            return Err(length_of_packet());
        }
        Ok(self.hold(&mut state, Reading::Recv).expect("nobody reads, and it is open"))
    }

    fn hold(&self, state: &mut State, reading: Reading) -> Option<Held<'_>> {
        let descriptor = Some(state.descriptor.clone()?);
        let decoder = state.decoder.take()?;
        state.reading = reading;
        Some(Held { connection: self, descriptor, decoder })
    }

    /// Takes the right to read an active socket, if nobody reads it.
    pub(super) fn hold_active(&self) -> Option<Held<'_>> {
        self.hold_if_active(&mut self.state.lock())
    }

    fn hold_if_active(&self, state: &mut State) -> Option<Held<'_>> {
        let is_wanted = state.sends() && !state.has_ended;
        if is_wanted { self.hold(state, Reading::Reader) } else { None }
    }

    /// Returns what the reader does next.
    pub(super) fn next_step(&self) -> Step<'_> {
        let mut state = self.state.lock();
        // Otherwise the exit signal comes as a message.
        let has_owner = !state.sends() || process::is_alive(state.owner);
        if state.descriptor.is_none() || !has_owner {
            return Step::End;
        }
        match self.hold_if_active(&mut state) {
            Some(held) => Step::Read(held),
            None => {
                state.reader_waits = true;
                Step::Wait
            }
        }
    }

    /// Returns an error of reading as the owner sees it; `None` if it is no more than an end.
    pub(super) fn shown(&self, error: io::Error) -> Option<io::Error> {
        let is_reset = error.kind() == io::ErrorKind::ConnectionReset;
        let is_end = error.kind() == io::ErrorKind::UnexpectedEof
            || is_reset && !self.options.show_econnreset;
        (!is_end).then_some(error)
    }

    /// Closes the socket for all. Whoever waits for it or reads it finds it closed.
    pub(super) fn close(&self) {
        let mut state = self.state.lock();
        let descriptor = state.descriptor.take();
        self.unlock_and_nudge(state);
        if let Some(descriptor) = descriptor {
            // It fails if there is no connection any more.
            _ = rustix::net::shutdown(&descriptor, rustix::net::Shutdown::Both);
        }
    }

    /// Sends all of `packet`, when it is its turn. If that ends halfway, the socket is closed, as
    /// nobody can know what the other side has got.
    pub(super) fn send(&self, body: &[u8], deadline: Option<Instant>) -> io::Result<()> {
        let packet = self.state.lock().packet;
        let packet = packet.encode(body)?;
        let turn = self.writers.take(deadline)?;
        let descriptor = self.descriptor()?;
        let mut rest = Rest { connection: self, bytes: &packet, size: packet.len() };
        while !rest.bytes.is_empty() {
            let sent = when_writable(&descriptor, deadline, || {
                Ok(rustix::net::send(&descriptor, rest.bytes, rustix::net::SendFlags::NOSIGNAL)?)
            })?;
            rest.bytes = &rest.bytes[sent..];
        }
        drop(turn);
        Ok(())
    }

    pub(super) fn shutdown(&self, how: Shutdown) -> io::Result<()> {
        let how = match how {
            Shutdown::Read => rustix::net::Shutdown::Read,
            Shutdown::Write => rustix::net::Shutdown::Write,
            Shutdown::Both => rustix::net::Shutdown::Both,
        };
        Ok(rustix::net::shutdown(self.descriptor()?, how)?)
    }
}

impl State {
    /// Returns whether the owner is sent what comes.
    fn sends(&self) -> bool {
        self.active != Active::False && !self.is_moving
    }
}

impl Drop for Telling<'_> {
    fn drop(&mut self) {
        self.connection.state.lock().telling -= 1;
        self.connection.changed.notify_all();
    }
}

/// What is left of a packet that is being sent.
struct Rest<'a> {
    connection: &'a Connection,
    bytes: &'a [u8],
    size: usize,
}

impl Drop for Rest<'_> {
    fn drop(&mut self) {
        if !self.bytes.is_empty() && self.bytes.len() < self.size {
            self.connection.close();
        }
    }
}

impl Held<'_> {
    /// Takes what has come from the other side, without waiting.
    ///
    /// # Errors
    ///
    /// - `WouldBlock` if nothing has come.
    /// - `UnexpectedEof` if nothing will.
    /// - Those of the system.
    pub(super) fn fill(&mut self) -> io::Result<()> {
        let descriptor = self.descriptor.as_ref().expect("it is open");
        let read = |room: &mut [u8]| loop {
            match rustix::io::read(descriptor, &mut *room) {
                Err(Errno::INTR) => {}
                outcome => return Ok(outcome?),
            }
        };
        match self.decoder.read_from(read)? {
            0 => Err(io::ErrorKind::UnexpectedEof.into()),
            _ => Ok(()),
        }
    }

    /// Claims a packet for the owner, if the socket is still active and open.
    pub(super) fn claim(&self) -> Option<Delivery> {
        let mut state = self.connection.state.lock();
        state.descriptor.as_ref()?;
        if state.is_moving {
            return None;
        }
        let Next { active, tells } = state.active.count()?;
        state.active = active;
        state.reading = Reading::Delivery;
        Some(Delivery { owner: state.owner, tells_passive: tells })
    }

    /// Claims the right to tell the owner that nothing more comes, if the socket is still active
    /// and open. (The end that the reader finds when the socket is closed here is none to tell.)
    pub(super) fn claim_end(&self) -> Option<Delivery> {
        let mut state = self.connection.state.lock();
        if state.descriptor.is_none() || !state.sends() {
            return None;
        }
        state.has_ended = true;
        state.active = Active::False;
        state.reading = Reading::Delivery;
        Some(Delivery { owner: state.owner, tells_passive: false })
    }
}

impl Drop for Held<'_> {
    fn drop(&mut self) {
        let mut state = self.connection.state.lock();
        let packet = state.packet;
        let decoder = mem::replace(&mut self.decoder, Decoder::new(packet));
        state.decoder = Some(decoder);
        state.reading = Reading::Nobody;
        self.connection.changed.notify_all();
        self.connection.unlock_and_nudge(state);
    }
}

impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connection").field("reader", &self.reader.get()).finish_non_exhaustive()
    }
}

fn closed() -> io::Error {
    io::Error::new(io::ErrorKind::NotConnected, "the socket is closed")
}

fn busy() -> io::Error {
    io::Error::new(io::ErrorKind::ResourceBusy, "another process receives from the socket")
}

fn is_active() -> io::Error {
    let text = "the socket is active: its data is sent to its owner";
    io::Error::new(io::ErrorKind::InvalidInput, text)
}

fn length_of_packet() -> io::Error {
    let text = "a length was given, but the packets of the socket have lengths of their own";
    io::Error::new(io::ErrorKind::InvalidInput, text)
}

fn count_too_large() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, "an active socket cannot count above 32,767")
}
