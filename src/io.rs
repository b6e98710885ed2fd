//! Input and output that an exit signal interrupts.
//!
//! A process that waits in a system call is out of the runtime's reach: it would end when a peer
//! sends something, or never. The types here are used as those of the standard library, but wait so
//! that an exit signal, a kill or the shutdown of a supervisor reaches the process at once, in
//! every call that waits, with and without a timeout. The process unwinds, and what it has open is
//! closed when others learn of its end. So is what it runs: a [child process](Child) of the system
//! ends with the process that owns it.
//!
//! An interrupt destroys nothing: the wait is over, but no data is lost and the socket stays open.
//! So a process that [traps exits](crate::process::set_trap_exit) goes on: the call returns an
//! error, see [`Interrupted`], and its [`Exit`](crate::Exit) message is in the mailbox.
//!
//! ```
//! use procession::io::{TcpListener, TcpStream};
//! use procession::prelude::*;
//! use procession::supervisor::{ChildSpec, Supervisor};
//! use std::io::{BufRead, BufReader, Write};
//!
//! let listener = TcpListener::bind("127.0.0.1:0")?;
//! let address = listener.local_addr()?;
//! let upper_case = ChildSpec::new("upper case", move || {
//!     let listener = listener.try_clone().or_exit()?;
//!     Ok(process::spawn_link(move || {
//!         for stream in listener.incoming() {
//!             let stream = stream?;
//!             for line in BufReader::new(&stream).lines() {
//!                 writeln!(&stream, "{}", line?.to_uppercase())?;
//!             }
//!         }
//!         Ok::<(), ExitReason>(())
//!     })?)
//! });
//! let supervisor = Supervisor::new(Strategy::OneForOne).child(upper_case).start_link()?;
//!
//! let mut client = BufReader::new(TcpStream::connect(address)?);
//! client.get_mut().write_all(b"hello\n")?;
//! let mut answer = String::new();
//! client.read_line(&mut answer)?;
//! assert_eq!(answer, "HELLO\n");
//!
//! // The child waits for the client's next line. It ends at once, and the client sees it.
//! supervisor.stop()?;
//! assert_eq!(client.read_line(&mut answer)?, 0);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! Only Linux has this module, and only with the feature `io`, which is on by default.
//!
//! # Sockets
//!
//! [`TcpListener`], [`TcpStream`], [`UdpSocket`], [`UnixListener`], [`UnixStream`] and
//! [`UnixDatagram`] take the place of the types of [`std::net`] and [`std::os::unix::net`]: change
//! the import. They are made of those by `try_from`, and back by `into_std`. A socket belongs to no
//! process. Any number may use it, each by a reference or a clone; it is closed when the last
//! handle is dropped. That happens before the end of the process that holds it is told: whoever has
//! seen the `Down` can listen on the port again. (A program that is just being started has a copy
//! of every descriptor for the blink of an eye.)
//!
//! Here they differ from std's:
//!
//! - A read, a write or a connect that takes longer than its timeout fails with
//!   [`TimedOut`](std::io::ErrorKind::TimedOut), not `WouldBlock`. Timeouts are exact, not rounded.
//! - [`accept_timeout`](TcpListener::accept_timeout) is there.
//! - The descriptors do not block, and there is no `set_nonblocking`. Options that have no method
//!   here are set on std's type before, or by crates that take [`AsFd`](std::os::fd::AsFd).
//!
//! # Packets, and data as messages
//!
//! A stream has no messages, only bytes; [`Packets`] cuts it into lines, or by lengths that stand
//! in front, as OTP's sockets do. A server that must also answer calls cannot wait in a read: it
//! makes its connection an [`OwnedSocket`], whose data it gets in its mailbox, as much as it asks
//! for.
//!
//! # Child processes
//!
//! [`Child`] is a program that a process runs, with its pipes. It ends with the process.
//!
//! # Descriptors
//!
//! A thread that waits needs a descriptor, an eventfd, beside the one that it waits for; it makes
//! it at its first wait and keeps it. So a server with 1,000 connections, each with a process, has
//! 2,000 descriptors open, and a program that is to have many needs a higher limit (`ulimit -n`).
//! When there is no descriptor left, the threads that have none of their own share one, and their
//! waits can be interrupted as any other. That costs time only: an interrupt of one of them wakes
//! all of them.
//!
//! # What can be interrupted
//!
//! | what | interrupted |
//! |---|---|
//! | `accept`, `incoming`; reads and `peek`; `recv`, `recv_from` | at once |
//! | writes, `send`, `send_to` | at once; what was written before is sent |
//! | [`TcpStream::connect`] | at once; the attempt is given up |
//! | [`UnixStream::connect`] | within 20 ms |
//! | standard input, by [`stdin`] | at once |
//! | the wait for a [`Child`], and its pipes | at once |
//! | names of hosts, in `connect`, `bind` and `send_to` | no |
//! | regular files, [`std::fs::File`] | no, at the next call |
//! | a FIFO, a terminal or a device that is opened by its path | no |
//! | standard output and error, as `println!` writes them | no |
//!
//! - [`UnixStream::connect`] waits only for a listener that has too many connections to accept, and
//!   the system does not tell when that changes: so it looks.
//! - **Names** are looked up by the system's resolver, which knows no end but its own timeouts,
//!   some seconds as a rule. An address needs no look-up.
//! - **Files** are read and written without a wait that could be interrupted, so there is no type
//!   for them here: use std's. A process with much to read ends at its next
//!   [`checkpoint`](crate::process::checkpoint).
//! - For what else waits there is [`process::blocking`](crate::process::blocking()).
//!
//! What interrupts is an exit signal that would end the process if it did not trap exits, and a
//! kill. A signal whose reason is `Normal` interrupts nothing, and neither does a message. For a
//! process that does not trap exits, every call is a point where it can end, as a receive is: a
//! write that need not wait, too.
//!
//! A destructor of a process that is ending may use its sockets for what need not wait: so a
//! [`BufWriter`](std::io::BufWriter) writes what it still has. A thread of the program's own, such
//! as `main`, always traps exits; when it was killed, its calls fail if they would have to wait.
//!
//! # Trapping exits
//!
//! A process that traps exits, a server with a `terminate` for instance, gets an error from a call
//! that an exit signal has interrupted, and from the calls that follow, until it has received the
//! [`Exit`](crate::Exit) message. So the usual `?` brings it back to where it receives, or ends it:
//! as an exit reason, the error is the reason of the exit signal. A process that `?` ends because
//! its supervisor shuts it down ends with `Shutdown`, without a crash report. A loop that
//! goes on after errors, as acceptors do, must leave for this one, or it would turn on the spot:
//!
//! ```
//! use procession::io::{self, TcpListener};
//! use procession::prelude::*;
//!
//! # fn serve(_: io::TcpStream) {}
//! fn accept(listener: &TcpListener) -> Exit {
//!     loop {
//!         match listener.accept() {
//!             Ok((stream, _)) => serve(stream),
//!             Err(error) if io::is_interrupted(&error) => return receive! { exit: Exit => exit },
//!             Err(error) => log::warn!("cannot accept a connection: {error}"),
//!         }
//!     }
//! }
//!
//! process::set_trap_exit(true);
//! let listener = TcpListener::bind("127.0.0.1:0")?;
//! process::exit(process::self_pid(), ExitReason::Shutdown);
//! assert_eq!(accept(&listener).reason, ExitReason::Shutdown);
//! # Ok::<(), std::io::Error>(())
//! ```
//!
//! # From OTP
//!
//! | OTP | here |
//! |---|---|
//! | `gen_tcp:listen(Port, Options)` | [`TcpListener::bind`] |
//! | `gen_tcp:accept(Listen)` | [`accept`](TcpListener::accept) |
//! | `gen_tcp:accept(Listen, Timeout)` | [`accept_timeout`](TcpListener::accept_timeout) |
//! | `gen_tcp:connect(Host, Port, Options)` | [`TcpStream::connect`] |
//! | `gen_tcp:connect(Host, Port, Options, Timeout)` | [`TcpStream::connect_timeout`] |
//! | `gen_tcp:recv(Socket, 0)` | `read` |
//! | `gen_tcp:recv(Socket, Length)` | `read_exact` |
//! | `gen_tcp:recv(Socket, Length, Timeout)` | [`TcpStream::set_read_timeout`] before |
//! | `gen_tcp:send(Socket, Data)` | `write_all` |
//! | `{send_timeout, Timeout}` | [`TcpStream::set_write_timeout`] |
//! | `gen_tcp:shutdown(Socket, How)`, `close` | [`TcpStream::shutdown`], `drop` |
//! | `{packet, Type}` | [`Packets`], [`SocketOptions`] |
//! | `{active, true}`, `once`, `N` | [`OwnedSocket`], [`Active`] |
//! | `open_port({spawn, Command}, _)` | [`Child`] |
//! | `gen_udp:open`, `recv`, `send`, `connect` | [`UdpSocket`] |
//! | `{ifaddr, {local, File}}` | [`UnixListener`], [`UnixStream`], [`UnixDatagram`] |
//! | `inet:sockname`, `peername` | `local_addr`, `peer_addr` |
//! | `{nodelay, true}` | [`TcpStream::set_nodelay`] |
//! | `io:get_line("")` | [`stdin`] |
//!
//! # Differences from OTP
//!
//! OTP: [`gen_tcp`](https://www.erlang.org/doc/apps/kernel/gen_tcp.html),
//! [`gen_udp`](https://www.erlang.org/doc/apps/kernel/gen_udp.html).
//!
//! - **A trapped exit interrupts a call.** In OTP a process that traps exits stays in
//!   `gen_tcp:accept` or `recv`, and its supervisor kills it when its time is over; it can use the
//!   active mode instead. Here a call that waits is the usual case.
//! - **A socket belongs to its handles**, not to a process, as everything in Rust. What is closed
//!   when its owner exits in OTP is closed here when the owner's stack unwinds.
//! - **The end of the data** is a read of 0 bytes, where OTP returns `{error, closed}`.
//! - **A timeout** stays with the socket, as in std, and is not an argument of `recv`.
//! - **Listeners reuse addresses**, as std's do; in OTP that is the option `reuseaddr`.
//! - **Names of hosts** are looked up by the system's resolver in the calling thread, which cannot
//!   be interrupted there; OTP asks a program of its own.
//! - **Packets never come as messages**: [`UdpSocket`] and [`UnixDatagram`] have no active mode.
//!   That of a stream slows the peer down when its owner does not keep up; who sends datagrams is
//!   not slowed down, so a mailbox would only be a second buffer behind that of the system, which
//!   drops what it has no room for. A server that is to get them as messages starts a linked
//!   process that has a clone of the socket, and sends or casts what its `recv_from` returns: its
//!   end interrupts that, too.
//! - **Standard input** belongs to the program: there is no group leader.

mod interrupted;
pub(crate) mod wait;
pub(crate) mod attempt;
pub(crate) mod socket;
mod connect;
mod tcp;
mod udp;
mod unix;
mod stdin;
mod pipe;
mod child;
mod packet;
mod packets;
mod owned_socket;

pub use child::Child;
pub use interrupted::{Interrupted, is_interrupted};
pub use owned_socket::{
    Active, Closed, Data, Errored, NotOwner, OwnedSocket, Passive, SocketOptions,
};
pub use packet::{Decoder, Packet, PacketTooLong};
pub use packets::Packets;
pub use pipe::{ChildStderr, ChildStdin, ChildStdout};
pub use socket::Incoming;
pub use stdin::{Stdin, StdinLock, stdin};
pub use tcp::{TcpListener, TcpStream};
pub use udp::UdpSocket;
pub use unix::{UnixDatagram, UnixListener, UnixStream};
