//! This program as a node of an Erlang cluster.
//!
//! [`NetKernel`] makes it one: it registers with EPMD, and speaks the protocol of Erlang's nodes
//! from then on. Other nodes connect with it as they do with each other, and it connects with them
//! as soon as something is to be sent there. This module needs the feature `dist`, and Linux.
//!
//! ```no_run
//! use procession::net_kernel::NetKernel;
//! use procession::prelude::*;
//! use procession::{Node, node};
//!
//! NetKernel::named("rust@127.0.0.1").cookie("secret").start_link()?;
//! // In a shell of Erlang: erl -name beam@127.0.0.1 -setcookie secret
//! node::connect(Node::named("beam@127.0.0.1"))?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! It is a node until its supervisor ends: then its connections are closed, and its name is free.
//!
//! | Erlang | here |
//! |---|---|
//! | `erl -name Name -setcookie Cookie -hidden` | [`NetKernel::named`], [`cookie`], [`hidden`] |
//! | `net_ticktime`, `net_setuptime` | [`tick_time`], [`set_up_time`] |
//! | `inet_dist_use_interface` | [`listen`](NetKernel::listen) |
//! | `ERL_EPMD_PORT` | the same, or [`epmd_port`](NetKernel::epmd_port) |
//! | `-epmd_module`, which finds nodes otherwise | [`peer`](NetKernel::peer) |
//! | `-start_epmd false`, `inet_dist_listen_min` | [`without_epmd`](NetKernel::without_epmd), [`ports`](NetKernel::ports) |
//! | `epmd` | [`embedded_epmd`](NetKernel::embedded_epmd), [`EpmdServer`] |
//! | `net_kernel:connect_node(Node)`, `monitor_nodes`, `nodes()` | [`node`](crate::node) |
//!
//! [`cookie`]: NetKernel::cookie
//! [`hidden`]: NetKernel::hidden
//! [`tick_time`]: NetKernel::tick_time
//! [`set_up_time`]: NetKernel::set_up_time
//!
//! # Processes of other nodes
//!
//! What a process of another node sends to a pid, a registered name or an alias of this one arrives
//! as a [`Term`](crate::term::Term). The pids in it are read by [`term`](crate::term), and are used
//! as those of this node: they can be sent messages, linked and monitored. A
//! [`Term`](crate::term::Term) and values of plain types of the standard library travel; a message
//! of another type is dropped, with an error in the log.
//!
//! When a connection is lost, links and monitors tell so: with
//! [`NoConnection`](crate::ExitReason::NoConnection), OTP's `noconnection`. Messages that were on
//! their way are lost.
//!
//! # Safety
//!
//! Who knows the cookie can do to this program what its own processes can: send to them, and end
//! them. There is no cookie by default, and the node listens on the loopback only unless it is told
//! otherwise. What is sent is not encrypted.
//!
//! # Differences from OTP
//!
//! - **A program is no node** until it is made one, and there is no default cookie: one is given,
//!   or is in the user's file, which is not made.
//! - **It is hidden** by default, as nodes that see each other expect of each other the protocol of
//!   `global`, which this one does not speak yet.
//! - **An EPMD is not started** unless the node is told to be one, in this program: it ends with
//!   it, where Erlang's stays, and the next such program takes its place.
//! - **A node of OTP 24 or earlier is refused**, as newer ones refuse it.
//! - **Handshakes** that others begin are at most 64 at once; more connections are closed as they
//!   come.
//!
//! OTP: [`net_kernel`](https://www.erlang.org/doc/apps/kernel/net_kernel.html),
//! [Distribution protocol](https://www.erlang.org/doc/apps/erts/erl_dist_protocol.html).

mod bytes;
mod random;
mod name;
mod timed;
mod epmd;
mod cookie;
mod handshake;
mod control;
mod frame;
mod error;
mod local;
mod payload;
mod ticks;
mod lost;
mod serve;
mod writer;
mod reader;
mod connection;
mod acceptor;
mod registrar;
mod carrier;
mod start;
#[cfg(test)]
mod beside_beam;

use std::time::Duration;

use crate::gen_server::ServerRef;
use crate::id::Node;
use crate::message::Name;

pub use epmd::EpmdServer;
pub use error::ConnectError;

pub use start::{NetKernel, NetKernelError};

use serve::{Connect, Disconnect, Kernel, NAME};

fn kernel() -> ServerRef<Kernel, Name> {
    ServerRef::named(NAME)
}

/// Connects with a node.
pub(crate) fn connect(node: Node) -> Result<(), ConnectError> {
    kernel().call_timeout(Connect(node), Duration::MAX).unwrap_or(Err(ConnectError::NotAlive))
}

/// Ends the connection with a node. Returns whether there was one; `None` if this program is no
/// node.
pub(crate) fn disconnect(node: Node) -> Option<bool> {
    kernel().call_timeout(Disconnect(node), Duration::MAX).ok()
}

/// What integration tests share.
#[cfg(test)]
#[path = "../tests/support"]
#[allow(dead_code, reason = "the tests of the parts need few of them")]
mod support {
    pub(crate) mod beam;
    pub(crate) mod dice;
    pub(crate) mod wait;
}
