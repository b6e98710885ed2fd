//! What one server of global names says to another, in version 8 of the protocol that they speak:
//! that of OTP 25 and later.
//!
//! | when | what is [`Said`] |
//! |---|---|
//! | two nodes have met, and begin a session | `InitConnect`, `InitConnectAck`, `CancelConnect` |
//! | one of the two has locked all that it knows | `LockSet` |
//! | both have, and compare their names | `Exchange`, `Resolved` |
//! | the nodes that each knew before hear of the others | `NewNodes`, `InSync` |
//! | a connection is lost, so others are to be ended | `LostConnection`, `RemoveConnection` |
//!
//! What is [`Asked`] is a call, by processes that hold locks or want to.

use crate::id::{Node, Pid};

use super::key::{Key, Lock};
use super::named::Named;

/// The version of the protocol.
pub(super) const VERSION: u32 = 8;

/// The oldest version that is understood here.
pub(super) const LEAST_VERSION: u32 = 7;

/// From this version on all that belongs to a session has its tag, and its beginning is answered.
pub(super) const TAGGED: u32 = 8;

/// Tells the sessions of two nodes apart. Each side has its own, and says that of the other one.
pub(super) type Tag = i64;

/// What becomes of a name when two nodes compare what they have.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Operation {
    Insert(Named),
    Delete(Key),
}

/// A node, and the version of the protocol that it speaks; 0 if that is not known.
pub(super) type Known = (Node, u32);

/// Casts and messages. `tag` is always the tag of who hears it, but in what begins a session.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Said {
    /// `{init_connect, {Version, Tag}, From, {locker, _, Known, Locker}}`, a cast: the nodes have
    /// met. `tag` is that of `from`, and `locker` the process that sets its locks.
    InitConnect { from: Node, version: u32, tag: Tag, known: Vec<Known>, locker: Pid },
    /// `{init_connect_ack, From, Yours, Mine}`, a message: it has been heard, and these are the
    /// tags of the session. `yours` is that of who hears it.
    InitConnectAck { from: Node, yours: Tag, mine: Tag },
    /// `{cancel_connect, From, Tag}`, a message: the session does not go on, and is to begin again.
    CancelConnect { from: Node, tag: Tag },
    /// `{lock_set, Locker, IsSet, Known, Tag}`, a cast: the locker has set the lock of the two on
    /// all nodes that it knows, or could not, or has no such session. Without a tag, it is a
    /// message to the locker which has asked.
    LockSet { locker: Pid, is_set: bool, known: Vec<Node>, tag: Option<Tag> },
    /// `{exchange, From, Names, [], Tag}`, a cast: both have set the lock, and these are the names.
    Exchange { from: Node, names: Vec<Named>, tag: Tag },
    /// `{resolved, From, Operations, Known, unused, [], Tag}`, a cast: what the other one is to do
    /// with its names, and the nodes that `from` knew before.
    Resolved { from: Node, operations: Vec<Operation>, known: Vec<Known>, tag: Tag },
    /// `{new_nodes, From, Operations, [], Nodes, [{vsn, 8}, {lock, Lock}]}`, a cast to all that
    /// `from` knew before: what is to be done with the names, and the nodes that they are to be
    /// connected with. It holds as long as the lock is set.
    NewNodes { from: Node, operations: Vec<Operation>, nodes: Vec<Known>, lock: Option<Lock> },
    /// `{in_sync, From, true}`, a cast: `from` has the same names.
    InSync { from: Node },
    /// `{lost_connection, From, Creation, Number, Lost}`, a message to all: `from` has lost its
    /// connection with `lost`. Each one hands it on once.
    LostConnection(Loss),
    /// `{remove_connection, From}`, a message: the connection with `from` is to be ended, so that
    /// no two partitions overlap.
    RemoveConnection { from: Node },
}

/// The loss of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Loss {
    /// Who has lost it.
    pub(super) from: Node,
    /// Which server of that node.
    pub(super) creation: i64,
    /// Later losses of that server have larger numbers.
    pub(super) number: i64,
    pub(super) lost: Node,
}

/// Calls, and what they are answered with.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Asked {
    /// `{set_lock, {Resource, Requester}}`: `true` or `false`, at once.
    SetLock(Lock),
    /// `{del_lock, {Resource, Requester}}`: `true`.
    DelLock(Lock),
    /// `{register, Name, Pid, Method}`: `yes`. The caller holds the lock of all names; if not, the
    /// name is deleted. `{register_ext, Name, Pid, Method, Node}` is taken for the same.
    Register(Named),
    /// `{unregister, Name}`: `ok`.
    Unregister(Key),
}
