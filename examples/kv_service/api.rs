//! What connections call: the keys, wherever they are.

use std::fmt;
use std::mem;
use std::time::Duration;
use std::vec;

use procession::prelude::*;
use procession::table::{Table, TableError};
use redis_protocol::redis_keyslot;

use super::core::Bytes;
use super::core::glob;
use super::core::reply::Reply;
use super::core::store::{Action, apply};
use super::server::{Apply, Clear, Partition, Rows, Step, now};

/// How many partitions there are. Each has a file, and a key is in the same file ever after:
/// another number needs other files.
pub(crate) const PARTITIONS: usize = 4;

/// The name of a partition's process, and of its table.
pub(crate) fn name_of(partition: usize) -> String {
    format!("kv_partition_{partition}")
}

fn partition_of(key: &[u8]) -> usize {
    usize::from(redis_keyslot(key)) % PARTITIONS
}

/// All keys.
#[derive(Debug)]
pub(crate) struct Keyspace {
    partitions: [(ServerRef<Partition, Name>, Rows); PARTITIONS],
}

impl Keyspace {
    pub(crate) fn new() -> Keyspace {
        let partition = |number| {
            let name = name_of(number);
            (ServerRef::named(name.clone()), Table::named(name))
        };
        Keyspace { partitions: std::array::from_fn(partition) }
    }

    /// Does the steps of one partition. If they only read, this needs nobody else.
    fn apply(&self, partition: usize, steps: Vec<Step>) -> Vec<Reply> {
        let (server, rows) = &self.partitions[partition];
        let count = steps.len();
        let replies = if steps.iter().all(|step| step.action.reads()) {
            read(rows, steps).map_err(unavailable)
        } else {
            // It waits for the disk, however long that takes, but not for a server that is gone.
            server.call_timeout(Apply(steps), Duration::MAX).map_err(unavailable)
        };
        replies.unwrap_or_else(|error| vec![error; count])
    }

    /// How many keys there are, and how many of them expire.
    pub(crate) fn sizes(&self) -> Result<(usize, usize), TableError> {
        let (now, mut sizes) = (now(), (0, 0));
        for (_, rows) in &self.partitions {
            sizes = rows.fold(sizes, |(keys, expiring), _, entry| match entry.is_live(now) {
                true => (keys + 1, expiring + usize::from(entry.expires.is_some())),
                false => (keys, expiring),
            })?;
        }
        Ok(sizes)
    }

    pub(crate) fn db_size(&self) -> Reply {
        let sizes = self.partitions.iter().map(|(_, rows)| rows.size());
        sizes.sum::<Result<usize, TableError>>().map_or_else(unavailable, Reply::count)
    }

    /// The keys that are as `pattern` says.
    pub(crate) fn keys(&self, pattern: &[u8]) -> Reply {
        let now = now();
        let mut keys = Vec::new();
        for (_, rows) in &self.partitions {
            let found = rows.select(|key, entry| {
                let fits = entry.is_live(now) && glob::matches(pattern, key);
                fits.then(|| Reply::Bulk(Bytes::clone(key)))
            });
            match found {
                Ok(found) => keys.extend(found),
                Err(error) => return unavailable(error),
            }
        }
        Reply::Array(keys)
    }

    /// Deletes all keys.
    pub(crate) fn clear(&self) -> Reply {
        for (server, _) in &self.partitions {
            let reply = server.call_timeout(Clear, Duration::MAX).unwrap_or_else(unavailable);
            if reply != Reply::OK {
                return reply;
            }
        }
        Reply::OK
    }
}

fn read(rows: &Rows, steps: Vec<Step>) -> Result<Vec<Reply>, TableError> {
    let now = now();
    let read = |Step { key, action }: Step| {
        let row = rows.row(&*key)?;
        Ok(apply(action, row.as_deref(), now).0)
    };
    steps.into_iter().map(read).collect()
}

/// The partition has crashed, and is being started again.
fn unavailable(error: impl fmt::Display) -> Reply {
    log::warn!("a partition is not available: {error}");
    Reply::error("the keys are not available, and may have changed: try again")
}

/// Requests of one connection that are done together, with a single call of each partition. Those
/// of one partition are done in order.
#[derive(Default)]
pub(crate) struct Batch {
    steps: [Vec<Step>; PARTITIONS],
    expected: Vec<Expected>,
}

/// Where the reply to a request comes from.
enum Expected {
    /// It is known.
    Known(Reply),
    /// It is the next one of this partition.
    Next(usize),
    /// It is the sum of the next ones of these.
    Sum(Vec<usize>),
}

impl Batch {
    /// Adds a request whose reply is known.
    pub(crate) fn push(&mut self, reply: Reply) {
        self.expected.push(Expected::Known(reply));
    }

    pub(crate) fn push_keyed(&mut self, key: Bytes, action: Action) {
        let partition = self.push_step(key, action);
        self.expected.push(Expected::Next(partition));
    }

    pub(crate) fn push_each(&mut self, keys: Vec<Bytes>, action: &Action) {
        let steps = keys.into_iter().map(|key| self.push_step(key, action.clone()));
        let partitions = steps.collect();
        self.expected.push(Expected::Sum(partitions));
    }

    fn push_step(&mut self, key: Bytes, action: Action) -> usize {
        let partition = partition_of(&key);
        self.steps[partition].push(Step { key, action });
        partition
    }

    /// Does all requests, and returns the replies in their order.
    pub(crate) fn settle(&mut self, keys: &Keyspace) -> impl Iterator<Item = Reply> {
        let mut replies = [const { Vec::new() }; PARTITIONS].map(Vec::into_iter);
        for (partition, steps) in self.steps.iter_mut().enumerate() {
            if !steps.is_empty() {
                replies[partition] = keys.apply(partition, mem::take(steps)).into_iter();
            }
        }
        self.expected.drain(..).map(move |expected| match expected {
            Expected::Known(reply) => reply,
            Expected::Next(partition) => next(&mut replies[partition]),
            Expected::Sum(partitions) => {
                sum(partitions.into_iter().map(|partition| next(&mut replies[partition])))
            }
        })
    }
}

fn next(replies: &mut vec::IntoIter<Reply>) -> Reply {
    replies.next().expect("there is a reply to each step")
}

/// The sum of counts, or the first error.
fn sum(mut replies: impl Iterator<Item = Reply>) -> Reply {
    let sum = replies.try_fold(0, |sum, reply| {
        let Reply::Integer(count) = reply else { return Err(reply) };
        Ok(sum + count)
    });
    sum.map_or_else(|error| error, Reply::Integer)
}
