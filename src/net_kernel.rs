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
//! | `-start_epmd false` | [`without_epmd`](NetKernel::without_epmd) |
//! | `inet_dist_listen_min`, `inet_dist_listen_max` | [`ports`](NetKernel::ports) |
//! | `-proto_dist inet_tls` | `NetKernel::tls`, with the feature `dist-tls` |
//! | `epmd` | [`embedded_epmd`](NetKernel::embedded_epmd), [`EpmdServer`] |
//! | `net_kernel:connect_node(Node)`, `monitor_nodes`, `nodes()` | [`node`](crate::node) |
//! | `rpc:call`, `erpc:call` of other nodes | [`rpc`](crate::rpc), [`erpc`](crate::erpc) |
//! | `rpc` and `erpc` to this node | what it [offers](NetKernel::offer) |
//!
//! [`cookie`]: NetKernel::cookie
//! [`hidden`]: NetKernel::hidden
//! [`tick_time`]: NetKernel::tick_time
//! [`set_up_time`]: NetKernel::set_up_time
//!
//! # Processes of other nodes
//!
//! What a process of another node sends to a pid, a registered name or an alias of this one arrives
//! as a [`Term`](crate::term::Term), which is built when its receiver looks at it. The pids in it
//! are read by [`term`](crate::term), and are used as those of this node: they can be sent
//! messages, linked and monitored. A [`Term`](crate::term::Term) and values of plain types of the
//! standard library travel, and types that are [declared](NetKernel::serve); a message of another
//! type is dropped, with an error in the log. How servers are called is said
//! [there](crate::gen_server#servers-across-nodes).
//!
//! When a connection is lost, links and monitors tell so: with
//! [`NoConnection`](crate::ExitReason::NoConnection), OTP's `noconnection`. Messages that were on
//! their way are lost.
//!
//! # What opening a node to a network means
//!
//! Without [`listen`](NetKernel::listen) a node can be reached from its own machine only. One that
//! listens at another address trusts whoever can reach that and knows the cookie: another node can
//!
//! - send messages to each process, by its pid or its name, and end it, by an exit signal or a
//!   link: an exit signal `kill` ends any process;
//! - ask of servers what they answer to other nodes, and see which processes have ended, and why:
//!   the reasons of exits, the texts of panics and where they were are sent to who monitors or is
//!   linked;
//! - take memory, up to [`max_frame`](NetKernel::max_frame) for each message, and in each mailbox
//!   as any sender can.
//!
//! It cannot run code that the program does not offer, name types, or create atoms that stay.
//!
//! The cookie is what opens all of this, as in Erlang, and it is no more than a password: it is
//! never sent, but whoever listens to a handshake can try cookies against what was said, and as
//! nothing is encrypted after the handshake, whoever is on the way can read and change everything.
//! So:
//!
//! - There is no default cookie. One is long and random, and comes from its file or the program's
//!   secrets, not from the source. It is never in the log, and not shown by `Debug`.
//! - On a network that others use the node encrypts its connections, and accepts only who has a
//!   certificate (`NetKernel::tls`, feature `dist-tls`); or an encrypted tunnel carries them, with
//!   the node at its end.
//! - A firewall lets in only the nodes of the cluster, at the node's [`ports`](NetKernel::ports)
//!   and EPMD's. EPMD tells anybody who asks which nodes there are; nodes that know each other's
//!   addresses need [none](NetKernel::without_epmd).
//!
//! Against who does not know the cookie: handshakes must be through within the
//! [set-up time](NetKernel::set_up_time), a message in them has at most 1,024 bytes, and at most 64
//! are under way at once. A node is not dialled while somebody is in a handshake under its name, so
//! who pretends to be one delays connections with that by the set-up time, as in Erlang. Against a
//! node that has gone mad: what it sends is checked before it is used; a frame that is malformed
//! ends its connection, and nothing else. The names of nodes in what it sends, and their lives, are
//! never forgotten, as pids are of them: they are bounded, to 48 MiB and 786,432. Beyond that, pids
//! of others are not read any more. A further 16 MiB, and 262,144 lives, are kept for nodes that
//! the program [names](crate::Node::named), or that have come through the handshake.
//!
//! # Differences from OTP
//!
//! - **A program is no node** until it is made one, and there is no default cookie: one is given,
//!   or is in the user's file, which is not made.
//! - **An EPMD is not started** unless the node is told to be one, in this program: it ends with
//!   it, where Erlang's stays, and the next such program takes its place.
//! - **A node of OTP 24 or earlier is refused**, as newer ones refuse it.
//! - **Handshakes** that others begin are at most 64 at once; more connections wait until they are
//!   accepted.
//! - **A large message is sent in one piece**, not in fragments: other messages wait for it. A node
//!   of Erlang hears of it when all of it has come, and takes this one for dead if that takes
//!   longer than its tick time.
//!
//! OTP: [`net_kernel`](https://www.erlang.org/doc/apps/kernel/net_kernel.html),
//! [Distribution protocol](https://www.erlang.org/doc/apps/erts/erl_dist_protocol.html).

mod bytes;
mod random;
mod name;
mod timed;
mod resolve;
#[cfg(feature = "dist-tls")]
mod tls;
mod epmd;
mod cookie;
mod handshake;
mod channel;
mod control;
mod frame;
mod error;
mod payload;
mod offers;
mod local;
mod traffic;
mod ticks;
mod lost;
mod permit;
mod arrival;
mod serve;
mod ping;
mod writer;
mod execute;
mod rex;
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
pub use offers::Offered;
pub(crate) use rex::REX;
pub use start::{NetKernel, NetKernelError};
#[cfg(feature = "dist-tls")]
pub use tls::Tls;

use serve::{Connect, Disconnect, Kernel, NAME};

fn kernel() -> ServerRef<Kernel, Name> {
    ServerRef::named(NAME)
}

/// Connects with a node.
pub(crate) fn connect(node: Node) -> Result<(), ConnectError> {
    let answer = kernel().call_timeout(Connect(node), Duration::MAX);
    answer.unwrap_or_else(|error| {
        // The server is restarted if it crashes.
        let is_alive = Node::is_alive();
        Err(if is_alive { ConnectError::Failed(error.to_string()) } else { ConnectError::NotAlive })
    })
}

/// Ends the connection with a node. Returns whether there was one; `None` if this program is no
/// node.
pub(crate) fn disconnect(node: Node) -> Option<bool> {
    let was_up = serve::is_up(node);
    match kernel().call_timeout(Disconnect(node), Duration::MAX) {
        Ok(was_up) => Some(was_up),
        // If the server has crashed, that ends all connections.
        Err(_) => Node::is_alive().then_some(was_up),
    }
}

/// What integration tests share.
#[cfg(test)]
#[path = "../tests/support"]
#[allow(dead_code, reason = "the tests of the parts need few of them")]
pub(crate) mod support {
    pub(crate) mod beam;
    pub(crate) mod erlang;
    pub(crate) mod dice;
    pub(crate) mod fuzz;
    pub(crate) mod wait;
}
