//! What processes read without asking anybody: registries and tables.
//!
//! The floor is a map in a read-write lock with the same guarantees, as a careful program has it:
//! what is read is shared by reference counts and cloned where no lock is held, and what belongs to
//! somebody who has ended is not found.

use std::collections::HashMap;
use std::hint::black_box;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use parking_lot::RwLock;
use procession::prelude::*;
use procession::registry::Registry;
use procession::table::{Table, TableOptions};

use crate::calls::Echo;
use crate::harness::{Bar, mean_of};

const KEYS: u32 = 64;
const READS: u32 = 20_000;

/// A map as a careful program shares it.
struct Shared {
    is_there: AtomicBool,
    entries: RwLock<HashMap<u32, Entry>>,
}

struct Entry {
    pid: Pid,
    is_alive: Arc<AtomicBool>,
    value: Arc<u64>,
}

impl Shared {
    fn new() -> Shared {
        let entry = |n: u32| {
            let (is_alive, value) = (Arc::new(AtomicBool::new(true)), Arc::new(u64::from(n)));
            (n, Entry { pid: process::self_pid(), is_alive, value })
        };
        let entries = RwLock::new((0..KEYS).map(entry).collect());
        Shared { is_there: AtomicBool::new(true), entries }
    }

    fn holder(&self, key: u32) -> Option<Pid> {
        if !self.is_there.load(Ordering::Acquire) {
            return None;
        }
        let entries = self.entries.read();
        let entry = entries.get(&key)?;
        entry.is_alive.load(Ordering::Acquire).then_some(entry.pid)
    }

    fn lookup(&self, key: u32) -> Vec<(Pid, u64)> {
        let found = {
            let entries = self.entries.read();
            let entry = entries.get(&key).filter(|entry| entry.is_alive.load(Ordering::Acquire));
            entry.map(|entry| (entry.pid, Arc::clone(&entry.value)))
        };
        if !self.is_there.load(Ordering::Acquire) {
            return Vec::new();
        }
        found.into_iter().map(|(pid, value)| (pid, *value)).collect()
    }

    fn get(&self, key: u32) -> Option<u64> {
        let value = {
            let entries = self.entries.read();
            if !self.is_there.load(Ordering::Acquire) {
                return None;
            }
            Arc::clone(&entries.get(&key)?.value)
        };
        Some(*value)
    }
}

/// To find the server of a key.
pub(crate) fn whereis_by_one(bar: &Bar) {
    whereis(bar, 1);
}

pub(crate) fn whereis_by_two(bar: &Bar) {
    whereis(bar, 2);
}

fn whereis(bar: &Bar, threads: u32) {
    let registry = Registry::<u32>::unique("ratios").start_link().unwrap();
    let name = |n| StartOptions::new().name(registry.via(n));
    (0..KEYS).for_each(|n| _ = Echo::start_with((None, None), name(n)).unwrap());
    let servers: Vec<_> = (0..KEYS).map(|n| ServerRef::<Echo>::named(registry.via(n))).collect();
    let floor = Shared::new();
    bar.compare(
        40,
        || reads(threads, |n| _ = black_box(servers[n as usize].whereis())),
        || reads(threads, |n| _ = black_box(floor.holder(n).unwrap())),
    );
}

/// To read the entries of a key.
pub(crate) fn lookup(bar: &Bar) {
    let registry = Registry::<u32, u64>::duplicate("ratios").start_link().unwrap();
    (0..KEYS).for_each(|n| registry.register(n, n.into()).unwrap());
    let floor = Shared::new();
    bar.compare(
        40,
        || reads(1, |n| _ = black_box(registry.lookup(&n).unwrap())),
        || reads(1, |n| _ = black_box(floor.lookup(n))),
    );
}

pub(crate) fn get_by_one(bar: &Bar) {
    get(bar, 1);
}

pub(crate) fn get_by_two(bar: &Bar) {
    get(bar, 2);
}

fn get(bar: &Bar, threads: u32) {
    let table = Table::<u32, u64>::new_with(TableOptions::new().public()).unwrap();
    (0..KEYS).for_each(|n| table.insert(n, n.into()).unwrap());
    let floor = Shared::new();
    bar.compare(
        40,
        || reads(threads, |n| _ = black_box(table.get(&n).unwrap().unwrap())),
        || reads(threads, |n| _ = black_box(floor.get(n).unwrap())),
    );
}

/// Mean time of a read of one of the keys, by so many threads at once.
fn reads(threads: u32, read: impl Fn(u32) + Sync) -> f64 {
    let all = || {
        thread::scope(|scope| {
            for thread in 0..threads {
                let read = &read;
                scope.spawn(move || {
                    (0..READS).for_each(|n| read(n.wrapping_mul(7).wrapping_add(thread) % KEYS));
                });
            }
        });
    };
    mean_of(READS * threads, all)
}
