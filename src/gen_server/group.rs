//! Requests to the servers of one name on several nodes.

use std::fmt;
use std::time::Duration;

use crate::id::Node;
use crate::message::Name;
use crate::process::receive::{deadline_after, time_left};

use super::{GenServer, HandleCall, HandleCast, ServerRef};

/// Requests to the servers of one name on several nodes. There is only the local node for now, so
/// there is one server at most.
impl<S: GenServer> ServerRef<S, Name> {
    /// Calls the server with this name on each of `nodes`, and waits for at most `timeout` until
    /// all have answered. Returns the replies, and the nodes without a reply: those on which there
    /// is no such server, or on which it ended or did not answer in time.
    ///
    /// A server that calls its own name in this way waits until the time is over. A reply that
    /// comes too late never reaches the caller's mailbox.
    ///
    /// OTP: [`gen_server:multi_call/4`](https://www.erlang.org/doc/apps/stdlib/gen_server.html#multi_call/4).
    ///
    /// # Panics
    ///
    /// In a thread of the program's own that was killed.
    pub fn multi_call<M>(
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
        let requests: Vec<_> =
            nodes.iter().map(|node| (*node, self.send_request(request.clone()))).collect();
        let (mut replies, mut bad_nodes) = (Vec::new(), Vec::new());
        for (node, request) in requests {
            match request.receive_response(time_left(deadline)) {
                Ok(reply) => replies.push((node, reply)),
                Err(_) => bad_nodes.push(node),
            }
        }
        (replies, bad_nodes)
    }

    /// Sends `message` to the server with this name on each of `nodes`, and does not wait. It is
    /// dropped where there is no such server.
    ///
    /// OTP: [`gen_server:abcast/3`](https://www.erlang.org/doc/apps/stdlib/gen_server.html#abcast/3).
    ///
    /// # Panics
    ///
    /// In a thread of the program's own that was killed.
    pub fn abcast<M>(&self, nodes: &[Node], message: M)
    where
        S: HandleCast<M>,
        M: Clone + fmt::Debug + Send + 'static,
    {
        nodes.iter().for_each(|_| self.cast(message.clone()));
    }
}
