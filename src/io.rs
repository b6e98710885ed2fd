//! Input and output that an exit signal interrupts.
//!
//! A process that waits in a system call is out of the runtime's reach: it would end when a peer
//! sends something, or never. The types here are used as those of the standard library, but wait so
//! that an exit signal, a kill or the shutdown of a supervisor reaches the process at once, in
//! every call that waits, with and without a timeout. The process unwinds, and what it has open is
//! closed when others learn of its end.
//!
//! An interrupt destroys nothing: the wait is over, but no data is lost and the socket stays open.
//! So a process that [traps exits](crate::process::set_trap_exit) goes on: the call returns an
//! error, see [`Interrupted`], and its [`Exit`](crate::Exit) message is in the mailbox.
//!
//! Only Linux has this module, and only with the feature `io`, which is on by default. For anything
//! else that waits there is [`process::blocking`](crate::process::blocking).

mod interrupted;
pub(crate) mod wait;
pub(crate) mod attempt;
pub(crate) mod socket;
mod connect;
mod tcp;
mod udp;
mod unix;

pub use interrupted::{Interrupted, is_interrupted};
pub use socket::Incoming;
pub use tcp::{TcpListener, TcpStream};
pub use udp::UdpSocket;
pub use unix::{UnixDatagram, UnixListener, UnixStream};
