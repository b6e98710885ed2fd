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
use procession::registry::{Registry, RegistryRef};

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

    fn handle_call(&mut self, _: Through, _: &Caller<()>) -> CallResult<Sink, Through> {
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

/// Of several rounds.
fn median(mut round: impl FnMut() -> f64) -> Times {
    let mut times: Vec<f64> = (0..ROUNDS).map(|_| round()).collect();
    times.sort_by(f64::total_cmp);
    (times[ROUNDS / 2], times[0], times[ROUNDS - 1])
}

/// A median, the least and the most.
type Times = (f64, f64, f64);

fn print(what: &str, ours: Times, floor: Times) {
    println!("{what}: {}; floor {}; ratio {:.2}", text(ours), text(floor), ours.0 / floor.0);
}

fn text((median, least, most): Times) -> String {
    format!("{median:.0} ns ({least:.0}..{most:.0})")
}

/// Servers by their numbers, and the floor: threads that listen to channels, in a mutexed map.
struct Bench {
    names: Vec<ServerRef<Sink, Name>>,
    pids: Vec<ServerRef<Sink>>,
    map: Mutex<HashMap<u32, Sender<Option<Sender<()>>>>>,
}

impl Bench {
    fn new(registry: &RegistryRef<u32>, servers: u32) -> Bench {
        let map: Mutex<HashMap<_, _>> = Mutex::default();
        for n in 0..servers {
            let (sender, receiver) = unbounded::<Option<Sender<()>>>();
            map.lock().insert(n, sender);
            thread::spawn(move || {
                for message in receiver {
                    message.map(|done| done.send(()));
                }
            });
        }
        let start = |n| Sink::start_with((), StartOptions::new().name(registry.via(n))).unwrap();
        let pids: Vec<_> = (0..servers).map(start).collect();
        let names = (0..servers).map(|n| ServerRef::named(registry.via(n))).collect();
        Bench { names, pids, map }
    }

    fn handled(&self) {
        self.pids.iter().for_each(|server| server.call(Through).unwrap());
    }

    fn drained(&self) {
        for sender in self.map.lock().values() {
            let (done, is_done) = unbounded();
            sender.send(Some(done)).unwrap();
            is_done.recv().unwrap();
        }
    }

    fn run(&self, threads: u32) {
        let servers = self.names.len();
        let of = |i: u32| i as usize % servers;
        let sender = |i| self.map.lock().get(&(of(i) as u32)).cloned().unwrap();
        let what = |deed| format!("{deed}, servers: {servers}, threads: {threads}");

        let ours = median(|| timed(threads, |i| _ = black_box(self.names[of(i)].whereis()), || {}));
        let floor = median(|| timed(threads, |i| _ = black_box(sender(i)), || {}));
        print(&what("lookup"), ours, floor);

        let cast = |cast: &(dyn Fn(u32) + Sync)| median(|| timed(threads, cast, || self.handled()));
        let ours = cast(&|i| self.names[of(i)].cast(Tell(i)));
        let by_pid = cast(&|i| self.pids[of(i)].cast(Tell(i)));
        let floor = median(|| timed(threads, |i| sender(i).send(None).unwrap(), || self.drained()));
        print(&what("lookup and cast"), ours, floor);
        println!("    the cast alone, by pid: {}", text(by_pid));
    }
}

/// One server is busy all the while. Of many, each has nothing to do most of the time, so a cast
/// has to wake it.
fn lookup_and_cast() {
    let registry = Registry::<u32>::unique("bench").partitions(2).start_link().unwrap();
    for servers in [1, 64] {
        let bench = Bench::new(&registry, servers);
        [1, 2].into_iter().for_each(|threads| bench.run(threads));
        bench.pids.iter().for_each(|server| server.stop().unwrap());
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
