//! What the parts of the protocol are made of: what they can do, and what they need to know.

use std::time::Duration;

use crate::id::{Node, Pid};

use super::dice::Dice;
use super::key::{Key, Lock, LockOfNames};
use super::named::{Job, Named, Outcome};
use super::said::{Asked, Said, Tag};

/// What a server is to do.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Act {
    /// To the server of a node, unless there is no connection with it.
    Say(Node, Said),
    /// To a locker, which is no server.
    SayTo(Pid, Said),
    /// The answer comes as that of this round.
    Call(Node, Asked, u64),
    /// There is to be a connection, and the server there is to hear [`Said::InSync`].
    Connect(Node),
    Disconnect(Node),
    /// The timer is told when so much time has passed.
    Wake(Timer, Duration),
    /// The clashes of a session are to be resolved, one after the other.
    Resolve(Node, Tag, Vec<Clash>),
    /// What a process of this node has asked for is done, or not.
    Answer(Ticket, Outcome),
    Warn(String),
}

/// Who waits for something.
pub(super) type Ticket = u64;

/// The same name on two nodes: the other's, and that of this one.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Clash {
    pub(super) theirs: Named,
    pub(super) ours: Named,
}

/// What is woken. An older number than the last one is of no meaning any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Timer {
    Locker(u64),
    Registrar(u64),
    /// A session is to begin again.
    Session(Node),
}

/// The names and locks of this node.
pub(super) trait Tables {
    fn find(&self, name: &Key) -> Option<Named>;

    fn all(&self) -> Vec<Named>;

    /// Enters a name, whichever process has it. It goes when the process ends.
    fn insert(&mut self, named: Named);

    fn delete(&mut self, name: &Key);

    /// Returns why something is not to be done, if it is not.
    fn check(&self, job: &Job) -> Outcome;

    /// Returns whether the resource is free, or locked for the same requester.
    fn can_lock(&self, lock: &Lock) -> bool;

    /// Locks for a process, if it can be done at once. The lock goes when the process ends.
    fn set_lock(&mut self, lock: &Lock, pid: Pid) -> bool;

    fn del_lock(&mut self, lock: &Lock, pid: Pid);

    fn lock_of_names(&self) -> LockOfNames;

    /// Deletes the names of processes of a node, and the locks that they hold.
    fn forget(&mut self, node: Node);
}

/// What the server of names is on its node.
#[derive(Debug)]
pub(super) struct Own {
    pub(super) node: Node,
    /// The process that sets locks.
    pub(super) server: Pid,
    /// Tells it from the servers that the node has had before.
    pub(super) creation: i64,
    pub(super) dice: Dice,
    /// How many rounds of calls there have been.
    pub(super) rounds: u64,
}

/// What is at hand when something has happened.
pub(super) struct Context<'a> {
    pub(super) own: &'a mut Own,
    pub(super) tables: &'a mut dyn Tables,
    pub(super) acts: &'a mut Vec<Act>,
}

impl Context<'_> {
    pub(super) fn act(&mut self, act: Act) {
        self.acts.push(act);
    }

    pub(super) fn say(&mut self, node: Node, said: Said) {
        self.act(Act::Say(node, said));
    }

    /// Does what is asked on this node, for a process that has asked, and returns whether it is
    /// done.
    pub(super) fn ask(&mut self, asked: &Asked, from: Pid) -> bool {
        match asked {
            Asked::SetLock(lock) => return self.tables.set_lock(lock, from),
            Asked::DelLock(lock) => self.tables.del_lock(lock, from),
            Asked::Register(named) => {
                let is_holder = match self.tables.lock_of_names() {
                    LockOfNames::Free => true,
                    LockOfNames::Left => false,
                    LockOfNames::Held { holders, .. } => holders.contains(&from),
                };
                self.enter(named, is_holder);
            }
            Asked::Unregister(name) => self.tables.delete(name),
        }
        true
    }

    /// Enters a name that comes with a lock, if that is set; if not, nobody has the name.
    pub(super) fn enter(&mut self, named: &Named, is_locked: bool) {
        if is_locked {
            self.tables.insert(named.clone());
        } else {
            self.tables.delete(&named.name);
        }
    }
}

/// Returns the node whose lock is set first and given up last.
pub(super) fn boss(nodes: impl IntoIterator<Item = Node>) -> Option<Node> {
    nodes.into_iter().max_by_key(|node| node.name())
}
