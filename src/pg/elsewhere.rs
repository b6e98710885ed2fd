//! A scope of a program that is a node: what it sends to its [peers](super::peers), and what comes
//! from them.

use std::any::type_name;
use std::sync::Arc;

use log::Level;
use serde::de::DeserializeOwned;
use serde::ser::Serialize;

use crate::id::{Node, Pid};
use crate::message::{Destination, Message};
use crate::net_kernel::NetKernel;
use crate::node::{NodeDown, NodeUp, monitor_nodes};
use crate::process;
use crate::user_code::log_caught;

use super::peers::{Act, Peers, Said};
use super::spelling::Spelling;
use super::{Changed, Group};

impl NetKernel {
    /// Lets groups of [`pg`](crate::pg) that have names of type `G` be known on other nodes. Those
    /// of plain types are known without: [`Term`](crate::term::Term),
    /// [`Atom`](crate::term::Atom), `String`, `Arc<str>`, `Pid`, `bool`, `char` and integers.
    ///
    /// ```no_run
    /// use procession::net_kernel::NetKernel;
    /// use serde::{Deserialize, Serialize};
    ///
    /// #[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
    /// #[serde(rename_all = "snake_case")]
    /// enum Room {
    ///     Lobby,
    ///     Numbered(u32),
    /// }
    ///
    /// // In Erlang: lobby, {numbered, 7}
    /// let node = NetKernel::named("rust@127.0.0.1").groups::<Room>().start_link()?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn groups<G: Group + Serialize + DeserializeOwned>(self) -> NetKernel {
        Spelling::<G>::declare();
        self
    }
}

/// The scopes of this name on other nodes.
#[derive(Debug)]
pub(super) struct Elsewhere<G> {
    name: Arc<str>,
    peers: Peers<Arc<G>>,
}

impl<G: Group> Elsewhere<G> {
    /// Begins to hear of other nodes, for the scope that the caller is.
    pub(super) fn new(name: Arc<str>) -> Elsewhere<G> {
        let scope = Elsewhere { name, peers: Peers::new(process::self_pid()) };
        monitor_nodes(true);
        Node::list().into_iter().for_each(|node| scope.greet(node));
        scope
    }

    pub(super) fn joined(&self, group: &Arc<G>, pids: &[Pid]) {
        self.act(self.peers.joined(group, pids));
    }

    pub(super) fn left(&self, pids: &[Pid], groups: &[Arc<G>]) {
        self.act(self.peers.left(pids, groups));
    }

    /// Takes a message about other nodes, or from them, while `own` are the groups of this node.
    /// Returns how groups have changed; or the message, if it is none of these.
    pub(super) fn hear(
        &mut self,
        message: Message,
        own: impl FnOnce() -> Vec<(Arc<G>, Vec<Pid>)>,
    ) -> Result<Vec<Changed<Arc<G>>>, Message> {
        if let Some(NodeUp(node)) = message.downcast_ref() {
            self.greet(*node);
            return Ok(Vec::new());
        }
        if message.is::<NodeDown>() {
            return Ok(Vec::new()); // The scope there is monitored.
        }
        let said = message.downcast::<Said<Arc<G>>>()?;
        if Spelling::<G>::of_type().is_none() {
            self.explain();
            return Ok(Vec::new());
        }
        let acts = self.peers.hear(said, own);
        Ok(self.act(acts))
    }

    /// A peer is gone, if the process was one.
    pub(super) fn lost(&mut self, peer: Pid) -> Vec<Changed<Arc<G>>> {
        let acts = self.peers.lost(peer);
        self.act(acts)
    }

    /// Does what is to be done, and returns what the scope is to do.
    fn act(&self, acts: Vec<Act<Arc<G>>>) -> Vec<Changed<Arc<G>>> {
        let mut changes = Vec::new();
        for act in acts {
            match act {
                Act::Say(peer, said) => self.say(peer.into(), &said),
                Act::Monitor(peer) => _ = process::monitor(peer),
                Act::Change(changed) => changes.push(changed),
            }
        }
        changes
    }

    fn greet(&self, node: Node) {
        self.say(Destination::from((Arc::clone(&self.name), node)), &self.peers.greeting());
    }

    /// Sends what is said, and does not wait if that cannot leave at once. With a node that is lost
    /// nobody connects to say it.
    fn say(&self, to: Destination, said: &Said<Arc<G>>) {
        if let Some(term) = Spelling::of_type().and_then(|spelling| spelling.write(said)) {
            to.notify_connected(Message::new(term));
        }
    }

    fn explain(&self) {
        let (name, group) = (&self.name, type_name::<G>());
        let text = format_args!(
            "scope {name:?} is one of this node alone: its groups are of type {group}, which is \
             not declared"
        );
        log_caught(Level::Warn, "procession::pg", text);
    }
}
