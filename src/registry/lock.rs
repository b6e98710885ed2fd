//! Locks of keys: which process holds each, and which wait for it. A value, which the server of a
//! partition has.

use std::collections::{HashMap, VecDeque};
use std::hash::Hash;

use crate::call::ReplyTo;
use crate::id::{MonitorRef, Pid};
use crate::user_code::Guarded;

/// A key that is locked. It may be dropped in a partition's server, so panics of its destructor are
/// caught.
pub(super) type LockKey<K> = Guarded<K>;

/// The locks of a partition.
#[derive(Debug)]
pub(super) struct Locks<K> {
    holders: HashMap<LockKey<K>, Holder>,
    waiting: HashMap<LockKey<K>, VecDeque<Client>>,
}

/// The process that holds a lock, and how often it has locked it.
#[derive(Debug)]
struct Holder {
    client: Client,
    depth: usize,
}

/// A process that has asked for a lock.
#[derive(Clone, Copy, Debug)]
pub(super) struct Client {
    pub(super) pid: Pid,
    /// Tells when it ends.
    pub(super) monitor: MonitorRef,
    pub(super) reply_to: ReplyTo<()>,
}

impl<K> Default for Locks<K> {
    fn default() -> Locks<K> {
        Locks { holders: HashMap::new(), waiting: HashMap::new() }
    }
}

/// The effects of a change: the client that now holds the lock, and the client whose monitor is not
/// needed any more.
#[derive(Debug, Default)]
pub(super) struct Outcome {
    pub(super) granted: Option<Client>,
    pub(super) done: Option<Client>,
}

impl<K: Clone + Eq + Hash> Locks<K> {
    /// Grants a lock, now or later.
    pub(super) fn lock(&mut self, key: LockKey<K>, client: Client) -> Outcome {
        match self.holders.get_mut(&key) {
            None => {
                self.holders.insert(key, Holder { client, depth: 1 });
                Outcome { granted: Some(client), done: None }
            }
            Some(holder) if holder.client.pid == client.pid => {
                holder.depth += 1;
                Outcome { granted: Some(client), done: Some(client) }
            }
            Some(_) => {
                self.waiting.entry(key).or_default().push_back(client);
                Outcome::default()
            }
        }
    }

    /// Releases a lock that `pid` holds.
    pub(super) fn unlock(&mut self, pid: Pid, key: &LockKey<K>) -> Outcome {
        let Some(holder) = self.holders.get_mut(key).filter(|it| it.client.pid == pid) else {
            return Outcome::default();
        };
        holder.depth -= 1;
        if holder.depth > 0 {
            return Outcome::default();
        }
        let done = Some(holder.client);
        self.holders.remove(key);
        Outcome { granted: self.grant_next(key), done }
    }

    fn grant_next(&mut self, key: &LockKey<K>) -> Option<Client> {
        let waiting = self.waiting.get_mut(key)?;
        let client = waiting.pop_front();
        if waiting.is_empty() {
            self.waiting.remove(key);
        }
        let client = client?;
        self.holders.insert(key.clone(), Holder { client, depth: 1 });
        Some(client)
    }

    /// Removes a client that has ended. Returns the client that holds its lock now.
    pub(super) fn ended(&mut self, monitor: MonitorRef) -> Option<Client> {
        let key = self.holders.iter().find(|(_, holder)| holder.client.monitor == monitor);
        if let Some(key) = key.map(|(key, _)| key.clone()) {
            self.holders.remove(&key);
            return self.grant_next(&key);
        }
        self.waiting.retain(|_, clients| {
            clients.retain(|client| client.monitor != monitor);
            !clients.is_empty()
        });
        None
    }
}
