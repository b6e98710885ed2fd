//! Thousands of idle servers: what they take, and what they do to others.

use std::env;
use std::fs;
use std::process::Command;
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use procession::gen_server::{OwnedServer, StartOptions};
use procession::prelude::*;

use crate::calls::{Echo, Places, with_park_answerer};
use crate::harness::{Bar, nanos};

const CROWD: usize = 10_000;

const STACK: usize = 64 * 1024;

/// Processor time of a thousand idle servers; against the time that passes.
pub(crate) fn idle_cpu(bar: &Bar) {
    const WATCHED: Duration = Duration::from_secs(5);
    let _servers = start_crowd(1_000);
    thread::sleep(Duration::from_secs(1)); // They have begun to wait by now.
    let Some(before) = busy_nanos() else {
        return bar.skip("no /proc/self/task/*/schedstat");
    };
    let start = Instant::now();
    thread::sleep(WATCHED);
    let passed = nanos(start.elapsed());
    let after = busy_nanos().expect("it was there before");
    bar.judge(&[after - before], &[passed]);
}

/// Processor time of all threads but the main one, which does the measuring, in nanoseconds.
///
/// The time of the whole program, in `/proc/self/stat`, is too coarse: it counts in hundredths of a
/// second, two of the bar.
fn busy_nanos() -> Option<f64> {
    let main = std::process::id().to_string();
    let mut total = 0.0;
    for task in fs::read_dir("/proc/self/task").ok()? {
        let task = task.ok()?;
        if task.file_name() != *main {
            let figures = fs::read_to_string(task.path().join("schedstat")).ok()?;
            total += figures.split_whitespace().next()?.parse::<f64>().ok()?;
        }
    }
    (total > 0.0).then_some(total) // They have run to start with, if times are kept at all.
}

/// Resident memory of an idle server; against that of a bare thread that is parked.
///
/// Each crowd is in a program of its own, so that neither finds memory that the other has left.
pub(crate) fn memory(bar: &Bar) {
    let slices = bar.slices(3);
    let measured: Option<Vec<[f64; 2]>> =
        (0..slices).map(|_| Some([bytes_each("servers")?, bytes_each("threads")?])).collect();
    match measured {
        Some(pairs) => {
            let side = |side: usize| pairs.iter().map(|pair| pair[side]).collect::<Vec<_>>();
            bar.judge(&side(0), &side(1));
        }
        None => bar.skip("a crowd of ten thousand threads could not be had or measured"),
    }
}

/// Has another program report how much each of a crowd takes.
fn bytes_each(crowd: &str) -> Option<f64> {
    let program = env::current_exe().ok()?;
    let output = Command::new(program).args([MEMORY_OF, crowd]).output().ok()?;
    String::from_utf8(output.stdout).ok()?.trim().parse().ok()
}

/// The argument by which this program is asked for the memory of a crowd.
pub(crate) const MEMORY_OF: &str = "--memory-of";

/// What a program that is asked for the memory of a crowd does.
pub(crate) fn report_memory(crowd: &str) -> ! {
    let before = resident_bytes();
    let (servers, threads) = match crowd {
        "servers" => (start_crowd(CROWD), ParkedThreads::start(0)),
        _ => (Vec::new(), ParkedThreads::start(CROWD)),
    };
    let after = resident_bytes();
    println!("{}", (after - before) / CROWD as f64);
    drop(threads);
    // The servers are not worth stopping one by one.
    servers.into_iter().for_each(std::mem::forget);
    std::process::exit(0);
}

fn resident_bytes() -> f64 {
    let figures = fs::read_to_string("/proc/self/smaps_rollup")
        .or_else(|_| fs::read_to_string("/proc/self/status"))
        .expect("Linux");
    let line = figures
        .lines()
        .find_map(|line| line.strip_prefix("Rss:").or_else(|| line.strip_prefix("VmRSS:")));
    let kib = line.and_then(|line| line.split_whitespace().next()?.parse::<f64>().ok());
    kib.expect("a number of kilobytes") * 1024.0
}

fn start_crowd(count: usize) -> Vec<OwnedServer<Echo>> {
    let small = || {
        let spawned = process::Builder::new().stack_size(STACK);
        StartOptions::new().spawn_options(spawned)
    };
    let start = |_| Echo::start_with((None, None), small()).unwrap().owned();
    (0..count).map(start).collect()
}

/// Threads that are parked until this is dropped.
struct ParkedThreads(Vec<thread::JoinHandle<()>>);

impl ParkedThreads {
    fn start(count: usize) -> ParkedThreads {
        let (tell, told) = mpsc::channel();
        let start = |_| {
            let tell = tell.clone();
            let body = move || {
                tell.send(()).unwrap();
                thread::park();
            };
            thread::Builder::new().stack_size(STACK).spawn(body).unwrap()
        };
        let threads = (0..count).map(start).collect();
        told.iter().take(count).for_each(drop);
        ParkedThreads(threads)
    }
}

impl Drop for ParkedThreads {
    fn drop(&mut self) {
        for thread in self.0.drain(..) {
            thread.thread().unpark();
            thread.join().unwrap();
        }
    }
}

/// A call of a server that is parked; against two bare threads, one of them parked.
///
/// The same ten thousand servers are parked beside both.
pub(crate) fn call_beside_parked(bar: &Bar) {
    let crowd = start_crowd(CROWD);
    let mut servers = crowd.iter(); // Another each time: where a thread parks makes a difference.
    bar.compare(
        40,
        || {
            let server = servers.next().expect("there are more servers than slices");
            mean_after_a_rest(|| _ = server.call(1).unwrap())
        },
        || with_park_answerer(Places::default(), |ask| mean_after_a_rest(ask)),
    );
    crowd.into_iter().for_each(std::mem::forget); // The program ends next.
}

/// Mean time of a round, in nanoseconds, before each of which everybody parks.
fn mean_after_a_rest(round: impl Fn()) -> f64 {
    const ROUNDS: u32 = 100;
    const REST: Duration = Duration::from_micros(300);
    let total: f64 = (0..ROUNDS)
        .map(|_| {
            thread::sleep(REST);
            let start = Instant::now();
            round();
            nanos(start.elapsed())
        })
        .sum();
    total / f64::from(ROUNDS)
}
