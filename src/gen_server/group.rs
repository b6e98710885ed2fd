//! Requests to the servers of one name on several nodes.

use std::fmt;
use std::time::Duration;

use crate::id::Node;
#[cfg(feature = "dist")]
use crate::message::NodeType;
use crate::message::{Destination, Name};
use crate::process::receive::{deadline_after, time_left};
use crate::process::self_pid;
#[cfg(feature = "dist")]
use crate::runtime::dist_entry::connected;

use super::{GenServer, HandleCall, HandleCast, ServerRef};

/// Requests to the servers of one name on several nodes.
impl<S: GenServer> ServerRef<S, Name> {
    /// Calls the server with this name on this node and on all visible ones that it is connected
    /// with, and waits until all have answered or ended. Returns the replies, and the nodes without
    /// one.
    ///
    /// OTP: [`gen_server:multi_call/2`](https://www.erlang.org/doc/apps/stdlib/gen_server.html#multi_call/2).
    ///
    /// # Panics
    ///
    /// In a thread of the program's own that was killed.
    pub fn multi_call<M>(&self, request: M) -> (Vec<(Node, S::Reply)>, Vec<Node>)
    where
        S: HandleCall<M>,
        M: Clone + fmt::Debug + Send + 'static,
    {
        self.multi_call_on(&all_nodes(), request)
    }

    /// As [`multi_call`](Self::multi_call), on each of `nodes`.
    ///
    /// OTP: [`gen_server:multi_call/3`](https://www.erlang.org/doc/apps/stdlib/gen_server.html#multi_call/3).
    ///
    /// # Panics
    ///
    /// As [`multi_call`](Self::multi_call).
    pub fn multi_call_on<M>(&self, nodes: &[Node], request: M) -> (Vec<(Node, S::Reply)>, Vec<Node>)
    where
        S: HandleCall<M>,
        M: Clone + fmt::Debug + Send + 'static,
    {
        self.multi_call_timeout(nodes, request, Duration::MAX)
    }

    /// As [`multi_call_on`](Self::multi_call_on), for at most `timeout`. The nodes without a reply
    /// are those with which there is no connection, on which there is no such server, or on which
    /// it ended, refused the request, or did not answer in time.
    ///
    /// A server that calls its own name in this way waits until the time is over; if it is not
    /// limited, not at all. A reply that comes too late never reaches the caller's mailbox.
    ///
    /// OTP: [`gen_server:multi_call/4`](https://www.erlang.org/doc/apps/stdlib/gen_server.html#multi_call/4).
    ///
    /// # Panics
    ///
    /// As [`multi_call`](Self::multi_call).
    pub fn multi_call_timeout<M>(
        &self,
        nodes: &[Node],
        request: M,
        timeout: Duration,
    ) -> (Vec<(Node, S::Reply)>, Vec<Node>)
    where
        S: HandleCall<M>,
        M: Clone + fmt::Debug + Send + 'static,
    {
        let deadline = deadline_after(timeout);
        let would_wait_forever = deadline.is_none() && self.whereis() == Some(self_pid());
        let requests: Vec<_> = nodes
            .iter()
            .map(|node| (*node, self.on_node(*node).send_request(request.clone())))
            .collect();
        let (mut replies, mut bad_nodes) = (Vec::new(), Vec::new());
        for (node, request) in requests {
            let is_hopeless = would_wait_forever && node.is_here();
            let time = if is_hopeless { Duration::ZERO } else { time_left(deadline) };
            match request.receive_response(time) {
                Ok(reply) => replies.push((node, reply)),
                Err(_) => bad_nodes.push(node),
            }
        }
        (replies, bad_nodes)
    }

    /// Sends `message` to the server with this name on this node and on all visible ones that it is
    /// connected with, and does not wait. It is dropped where there is no such server.
    ///
    /// OTP: [`gen_server:abcast/2`](https://www.erlang.org/doc/apps/stdlib/gen_server.html#abcast/2).
    ///
    /// # Panics
    ///
    /// In a thread of the program's own that was killed.
    pub fn abcast<M>(&self, message: M)
    where
        S: HandleCast<M>,
        M: Clone + fmt::Debug + Send + 'static,
    {
        self.abcast_on(&all_nodes(), message);
    }

    /// As [`abcast`](Self::abcast), on each of `nodes`.
    ///
    /// OTP: [`gen_server:abcast/3`](https://www.erlang.org/doc/apps/stdlib/gen_server.html#abcast/3).
    ///
    /// # Panics
    ///
    /// As [`abcast`](Self::abcast).
    pub fn abcast_on<M>(&self, nodes: &[Node], message: M)
    where
        S: HandleCast<M>,
        M: Clone + fmt::Debug + Send + 'static,
    {
        nodes.iter().for_each(|node| self.on_node(*node).cast(message.clone()));
    }

    /// Returns a reference to the server that has the name on `node`. One that somebody else keeps
    /// is a name on this node.
    fn on_node(&self, node: Node) -> ServerRef<S, Destination> {
        let destination = self.destination();
        if let Destination::Name(Name::Local(name)) = destination {
            return ServerRef::at((name, node));
        }
        ServerRef::at(destination)
    }
}

/// Returns this node and all visible ones that it is connected with.
fn all_nodes() -> Vec<Node> {
    #[cfg(feature = "dist")]
    let others = connected().into_iter().filter(|(_, it)| *it == NodeType::Visible);
    #[cfg(feature = "dist")]
    return std::iter::once(Node::local()).chain(others.map(|(node, _)| node)).collect();
    #[cfg(not(feature = "dist"))]
    vec![Node::local()]
}
