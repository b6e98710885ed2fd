//! An echo over TCP: a process for each connection, against a bare thread of the standard library.
//!
//! The clients are bare threads on both sides, one for each connection. Each sends [`SIZE`] bytes
//! and waits until they are back, again and again.

use std::fs;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use procession::prelude::*;

use crate::harness::{Bar, Slice, nanos};

const SIZE: usize = 64;
const SLICE: Slice = Slice::of_millis(30, 150);

pub(crate) fn one(bar: &Bar) {
    bar.compare(40, || run(1, processes).time, || run(1, threads).time);
}

pub(crate) fn by_64(bar: &Bar) {
    bar.compare(20, || run(64, processes).time, || run(64, threads).time);
}

/// Processor time of the servers alone.
pub(crate) fn cpu_of_one(bar: &Bar) {
    against_threads(bar, 1);
}

pub(crate) fn cpu_of_64(bar: &Bar) {
    against_threads(bar, 64);
}

fn against_threads(bar: &Bar, connections: usize) {
    if cpu_time().is_none() {
        return bar.skip("no /proc/thread-self/schedstat");
    }
    bar.compare(20, || run(connections, processes).cpu, || run(connections, threads).cpu);
}

/// What a request takes, in nanoseconds.
struct Cost {
    /// Of the time that passes, if all clients are served at the same time.
    time: f64,
    /// Of the servers' processor time.
    cpu: f64,
}

/// What the servers of one run have used.
#[derive(Debug, Default)]
struct Used {
    requests: AtomicU64,
    cpu: AtomicU64,
}

/// Serves so many connections, each in a thread that `start` starts.
fn run(connections: usize, start: fn(Arc<Used>, usize) -> Server) -> Cost {
    let used = Arc::<Used>::default();
    let server = start(Arc::clone(&used), connections);
    let requests: f64 = thread::scope(|scope| {
        let client = || scope.spawn(|| client(server.address));
        let clients: Vec<_> = (0..connections).map(|_| client()).collect();
        clients.into_iter().map(|client| client.join().unwrap()).sum()
    });
    (server.await_end)();
    let served = used.requests.load(Ordering::Relaxed) as f64;
    Cost {
        time: nanos(SLICE.length) / requests,
        cpu: used.cpu.load(Ordering::Relaxed) as f64 / served,
    }
}

/// Returns how many requests were answered in the time that counts.
fn client(server: SocketAddr) -> f64 {
    let mut stream = TcpStream::connect(server).unwrap();
    stream.set_nodelay(true).unwrap();
    let mut buffer = [0; SIZE];
    let mut ask = || {
        stream.write_all(&[7; SIZE]).unwrap();
        stream.read_exact(&mut buffer).unwrap();
    };
    count(SLICE.warm_up, &mut ask);
    count(SLICE.length, &mut ask)
}

/// How often it is done within that time; the last one by its share.
fn count(time: Duration, ask: &mut impl FnMut()) -> f64 {
    let start = Instant::now();
    let mut asked = 0.0;
    loop {
        ask();
        asked += 1.0;
        let passed = start.elapsed();
        if passed >= time {
            return asked * time.div_duration_f64(passed);
        }
    }
}

/// A server that serves a number of connections.
struct Server {
    address: SocketAddr,
    /// Waits until all have been served.
    await_end: Box<dyn FnOnce()>,
}

/// A process that accepts, and one for each connection.
fn processes(used: Arc<Used>, connections: usize) -> Server {
    use procession::io::TcpListener;

    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let address = listener.local_addr().unwrap();
    let (_, monitor) = process::spawn_monitor(move || {
        let serve = |_| {
            let (stream, _) = listener.accept().unwrap();
            stream.set_nodelay(true).unwrap();
            let used = Arc::clone(&used);
            process::spawn_monitor(move || serve(&stream, &used)).unwrap().1
        };
        let served: Vec<MonitorRef> = (0..connections).map(serve).collect();
        served.into_iter().for_each(await_down);
    })
    .unwrap();
    Server { address, await_end: Box::new(move || await_down(monitor)) }
}

fn await_down(monitor: MonitorRef) {
    receive! { down: Down if down.monitor == monitor => {} }
}

/// A thread that accepts, and one for each connection.
fn threads(used: Arc<Used>, connections: usize) -> Server {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let address = listener.local_addr().unwrap();
    let acceptor = thread::spawn(move || {
        let serve = |_| {
            let (stream, _) = listener.accept().unwrap();
            stream.set_nodelay(true).unwrap();
            let used = Arc::clone(&used);
            thread::spawn(move || serve(&stream, &used))
        };
        let served: Vec<_> = (0..connections).map(serve).collect();
        served.into_iter().for_each(|thread| thread.join().unwrap());
    });
    Server { address, await_end: Box::new(move || acceptor.join().unwrap()) }
}

/// Sends back what comes, until no more does.
fn serve<S>(mut stream: &S, used: &Used)
where
    for<'a> &'a S: Read + Write,
{
    let before = cpu_time();
    let mut buffer = [0; SIZE];
    let mut requests = 0;
    while stream.read(&mut buffer).is_ok_and(|count| count > 0) {
        stream.write_all(&buffer).unwrap();
        requests += 1;
    }
    let cpu = cpu_time().zip(before).map_or(0, |(after, before)| after - before);
    used.requests.fetch_add(requests, Ordering::Relaxed);
    used.cpu.fetch_add(cpu, Ordering::Relaxed);
}

/// Processor time of the calling thread, in nanoseconds.
fn cpu_time() -> Option<u64> {
    let figures = fs::read_to_string("/proc/thread-self/schedstat").ok()?;
    figures.split_whitespace().next()?.parse().ok()
}
