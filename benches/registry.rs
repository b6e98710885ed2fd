//! What it costs to find a process in a registry and to tell it something, and what a registry of a
//! million keys is like.
//!
//! The floor is what a program would do without this crate: a mutexed hash map of channels, to
//! which threads listen. The gap is what a registry adds: readers of a partition do not wait for
//! each other, and who has ended is not found; and what a server's mailbox is for.
//!
//! `cargo bench --bench registry`

#![allow(clippy::disallowed_methods, reason = "bare threads are the floor")]
#![allow(clippy::disallowed_macros, reason = "it prints what it measures")]

use std::collections::HashMap;
use std::hint::black_box;
use std::sync::Arc;
use std::thread;
use std::time::Instant;

use crossbeam_channel::{Sender, unbounded};
use parking_lot::Mutex;
use procession::prelude::*;
use procession::registry::Registry;

const SERVERS: u32 = 64;
const CASTS: u32 = 200_000;
const ROUNDS: usize = 7;

#[derive(Debug)]
struct Sink;

#[derive(Debug)]
struct Tell(u32);

#[derive(Debug)]
struct Through;

impl GenServer for Sink {
    type Args = ();

    fn init((): ()) -> InitResult<Sink> {
        ready(Sink)
    }
}

impl HandleCast<Tell> for Sink {
    fn handle_cast(&mut self, Tell(n): Tell) -> CastResult<Sink> {
        black_box(n);
        noreply()
    }
}

impl HandleCall<Through> for Sink {
    type Reply = ();

    fn handle_call(&mut self, _: Through, _: &Caller<()>) -> CallResult<Sink, ()> {
        reply(())
    }
}

/// Nanoseconds for each of so many deeds, done by each of so many threads.
fn timed(threads: u32, deed: impl Fn(u32) + Sync, through: impl Fn()) -> f64 {
    let start = Instant::now();
    thread::scope(|scope| {
        for n in 0..threads {
            let deed = &deed;
            scope.spawn(move || (0..CASTS).for_each(|i| deed(i.wrapping_mul(7) + n)));
        }
    });
    through();
    start.elapsed().as_nanos() as f64 / f64::from(CASTS * threads)
}

/// The median of several rounds, and the least and the most.
fn median(mut round: impl FnMut() -> f64) -> (f64, f64, f64) {
    let mut times: Vec<f64> = (0..ROUNDS).map(|_| round()).collect();
    times.sort_by(f64::total_cmp);
    (times[ROUNDS / 2], times[0], times[ROUNDS - 1])
}

fn print(what: &str, ours: (f64, f64, f64), floor: (f64, f64, f64)) {
    println!(
        "{what}: {:.0} ns ({:.0}..{:.0}); floor {:.0} ns ({:.0}..{:.0}); ratio {:.2}",
        ours.0,
        ours.1,
        ours.2,
        floor.0,
        floor.1,
        floor.2,
        ours.0 / floor.0
    );
}

fn lookup_and_cast() {
    let registry = Registry::<u32>::unique("bench").partitions(2).start_link().unwrap();
    let servers: Vec<_> = (0..SERVERS)
        .map(|n| Sink::start_with((), StartOptions::new().name(registry.via(n))).unwrap())
        .collect();
    let names: Vec<_> = (0..SERVERS).map(|n| ServerRef::<Sink>::at(registry.via(n))).collect();
    let floor: Mutex<HashMap<u32, Sender<Option<Sender<()>>>>> = Mutex::default();
    for n in 0..SERVERS {
        let (sender, receiver) = unbounded::<Option<Sender<()>>>();
        floor.lock().insert(n, sender);
        thread::spawn(move || {
            for message in receiver {
                message.map(|done| done.send(()));
            }
        });
    }
    let drained = || {
        for sender in floor.lock().values() {
            let (done, is_done) = unbounded();
            sender.send(Some(done)).unwrap();
            is_done.recv().unwrap();
        }
    };
    let handled = || servers.iter().for_each(|server| server.call(Through).unwrap());
    for threads in [1, 2] {
        let find = |i| _ = black_box(names[(i % SERVERS) as usize].pid());
        let map = |i| _ = black_box(floor.lock().get(&(i % SERVERS)).cloned());
        let ours = median(|| timed(threads, find, || {}));
        print(&format!("lookup, {threads} threads"), ours, median(|| timed(threads, map, || {})));
        let cast = |i| names[(i % SERVERS) as usize].cast(Tell(i));
        let send = |i| {
            let sender = floor.lock().get(&(i % SERVERS)).cloned().unwrap();
            sender.send(None).unwrap();
        };
        let ours = median(|| timed(threads, cast, handled));
        let floor = median(|| timed(threads, send, drained));
        print(&format!("lookup and cast, {threads} threads"), ours, floor);
    }
}

fn resident_bytes() -> f64 {
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    let pages = statm.split(' ').nth(1).and_then(|pages| pages.parse::<f64>().ok());
    pages.unwrap_or(f64::NAN) * 4096.0
}

fn a_million_keys() {
    const KEYS: u64 = 1_000_000;
    let registry = Registry::<u64>::unique("bench::million").partitions(4).start_link().unwrap();
    let before = resident_bytes();
    let start = Instant::now();
    (0..KEYS).for_each(|key| registry.register(key, ()).unwrap());
    let registered = start.elapsed().as_nanos() as f64 / KEYS as f64;
    let memory = (resident_bytes() - before) / KEYS as f64;
    let random = |i: u32| u64::from(i).wrapping_mul(0x9e37_79b9_7f4a_7c15) % KEYS;
    let find = |i| _ = black_box(registry.lookup(&random(i)).unwrap());
    let ours = median(|| timed(1, find, || {}));
    let map: Arc<Mutex<HashMap<u64, Pid>>> = Arc::default();
    let before = resident_bytes();
    map.lock().extend((0..KEYS).map(|key| (key, process::self_pid())));
    let floor_memory = (resident_bytes() - before) / KEYS as f64;
    let floor = median(|| timed(1, |i| _ = black_box(map.lock().get(&random(i))), || {}));
    println!(
        "a million keys: {memory:.0} bytes each (a hash map of pids: {floor_memory:.0}), \
         registered in {registered:.0} ns each"
    );
    print("lookup among a million", ours, floor);
}

fn main() {
    lookup_and_cast();
    a_million_keys();
}
