//! What a call costs: a request to a server, and its reply.
//!
//! The floors are what a program would do without this crate: the least that the standard library
//! offers, two threads that park and unpark each other; and servers made of threads and crossbeam
//! channels that reply through a `bounded(1)`, one for good or a new one in each request. The gap
//! is what a server adds: it can be of any type, its end is noticed, a late reply does no harm, and
//! no cycle of calls waits for ever.

#![allow(clippy::disallowed_methods, reason = "bare threads are the floor")]

use std::hint::black_box;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use criterion::{Criterion, criterion_group, criterion_main};
use crossbeam_channel::{Receiver, Sender, bounded, unbounded};
use procession::gen_server::OwnedServer;
use procession::prelude::*;

/// A client and a server, which have nothing else to do.
fn round_trip(c: &mut Criterion) {
    let mut group = c.benchmark_group("call/round_trip");
    group.bench_function("park_unpark", |b| b.iter_custom(park_unpark));
    group.bench_function("channel_pair", |b| b.iter_custom(channel_pair));
    group.bench_function("channel_new_reply", |b| b.iter_custom(channel_new_reply));

    let server = start(None);
    group.bench_function("gen_server_from_a_thread", |b| {
        b.iter_custom(|rounds| time(rounds, |n| server.call(n).unwrap()));
    });
    group.bench_function("gen_server_from_another", |b| {
        let client = start(Some(&server));
        b.iter_custom(|rounds| client.call_timeout(Measure(rounds), Duration::MAX).unwrap());
    });
    group.finish();
}

/// A client of a server that has to ask another one.
fn chain(c: &mut Criterion) {
    let mut group = c.benchmark_group("call/chain");
    group.bench_function("channel_new_reply", |b| b.iter_custom(channel_chain));
    group.bench_function("gen_server", |b| {
        let last = start(None);
        let first = start(Some(&last));
        b.iter_custom(|rounds| time(rounds, |n| first.call(n).unwrap()));
    });
    group.finish();
}

/// How long `rounds` calls take, after one by which everybody has begun.
fn time(rounds: u64, call: impl Fn(u64) -> u64) -> Duration {
    call(0);
    let start = Instant::now();
    for n in 0..rounds {
        black_box(call(n));
    }
    start.elapsed()
}

fn park_unpark(rounds: u64) -> Duration {
    let is_asked = AtomicBool::new(false);
    let asker = thread::current();
    thread::scope(|scope| {
        let answerer = scope.spawn(|| {
            for _ in 0..=rounds {
                park_until(|| is_asked.load(Ordering::Acquire));
                is_asked.store(false, Ordering::Release);
                asker.unpark();
            }
        });
        time(rounds, |n| {
            is_asked.store(true, Ordering::Release);
            answerer.thread().unpark();
            park_until(|| !is_asked.load(Ordering::Acquire));
            n
        })
    })
}

fn park_until(ready: impl Fn() -> bool) {
    while !ready() {
        thread::park();
    }
}

fn channel_pair(rounds: u64) -> Duration {
    let (request, requests) = unbounded::<u64>();
    let (reply, replies) = bounded(1);
    thread::scope(|scope| {
        scope.spawn(move || requests.iter().for_each(|n| reply.send(n).unwrap()));
        let request = request; // The server ends when this is dropped.
        time(rounds, |n| {
            request.send(n).unwrap();
            replies.recv().unwrap()
        })
    })
}

/// A number, and where it is to be sent back.
struct Request(u64, Sender<u64>);

fn ask(server: &Sender<Request>, n: u64) -> u64 {
    let (reply, replies) = bounded(1);
    server.send(Request(n, reply)).unwrap();
    replies.recv().unwrap()
}

fn answer(requests: Receiver<Request>, find: impl Fn(u64) -> u64) {
    requests.iter().for_each(|Request(n, reply)| reply.send(find(n)).unwrap());
}

fn channel_new_reply(rounds: u64) -> Duration {
    let (server, requests) = unbounded();
    thread::scope(|scope| {
        scope.spawn(|| answer(requests, |n| n));
        let server = server;
        time(rounds, |n| ask(&server, n))
    })
}

fn channel_chain(rounds: u64) -> Duration {
    let (first, first_requests) = unbounded();
    let (last, last_requests) = unbounded();
    thread::scope(|scope| {
        scope.spawn(|| answer(last_requests, |n| n));
        scope.spawn(move || answer(first_requests, |n| ask(&last, n)));
        let first = first;
        time(rounds, |n| ask(&first, n))
    })
}

/// A server that sends back the number it gets, or has the next one do so.
#[derive(Debug)]
struct Echo {
    next: Option<ServerRef<Echo>>,
}

impl GenServer for Echo {
    type Args = Option<ServerRef<Echo>>;

    fn init(next: Self::Args) -> InitResult<Self> {
        ready(Echo { next })
    }
}

impl HandleCall<u64> for Echo {
    type Reply = u64;

    fn handle_call(&mut self, n: u64, _: &Caller<u64>) -> CallResult<Self, u64> {
        match &self.next {
            Some(next) => reply(next.call(n)?),
            None => reply(n),
        }
    }
}

/// How long does it take the server to call the next one so many times?
#[derive(Debug)]
struct Measure(u64);

impl HandleCall<Measure> for Echo {
    type Reply = Duration;

    fn handle_call(
        &mut self,
        Measure(rounds): Measure,
        _: &Caller<Duration>,
    ) -> CallResult<Self, Measure> {
        let next = self.next.as_ref().expect("there is a next one");
        reply(time(rounds, |n| next.call(n).unwrap()))
    }
}

fn start(next: Option<&ServerRef<Echo>>) -> OwnedServer<Echo> {
    Echo::start(next.cloned()).unwrap().owned()
}

criterion_group! {
    name = benches;
    config = Criterion::default()
        .warm_up_time(Duration::from_millis(300))
        .measurement_time(Duration::from_secs(1));
    targets = round_trip, chain
}
criterion_main!(benches);
