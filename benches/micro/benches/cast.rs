//! What a cast costs, from the sender until the server has handled it.
//!
//! The floor is what a program would do without this crate: a thread that takes values of 64 bytes,
//! room for any request, from a crossbeam channel. The gap is what a server adds: requests of any
//! type, each in a box, and all else that its mailbox is for.

#![allow(clippy::disallowed_methods, reason = "bare threads are the floor")]

use std::hint::black_box;
use std::thread;
use std::time::Duration;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use crossbeam_channel::{bounded, unbounded};
use procession::prelude::*;

const CASTS: u64 = 1_000;

/// A batch of casts, then one call, which is answered when all of them have been handled.
fn until_handled(c: &mut Criterion) {
    let mut group = c.benchmark_group("cast/until_handled");
    group.throughput(Throughput::Elements(CASTS));

    group.bench_function("channel", |b| {
        let (cast, casts) = unbounded::<[u64; 8]>();
        let (done, all_handled) = bounded(1);
        let server = thread::spawn(move || {
            let mut total = 0;
            for [n, ..] in casts {
                match n {
                    0 => done.send(total).unwrap(),
                    _ => total += black_box(n),
                }
            }
        });
        b.iter(|| {
            (1..=CASTS).for_each(|n| cast.send([n; 8]).unwrap());
            cast.send([0; 8]).unwrap();
            black_box(all_handled.recv().unwrap())
        });
        drop(cast);
        server.join().unwrap();
    });

    group.bench_function("gen_server", |b| {
        let adder = Adder::start(()).unwrap().owned();
        b.iter(|| {
            (1..=CASTS).for_each(|n| adder.cast(Add(n, n)));
            black_box(adder.call(Total).unwrap())
        });
    });

    group.finish();
}

#[derive(Debug)]
struct Adder {
    total: u64,
}

impl GenServer for Adder {
    type Args = ();

    fn init((): ()) -> InitResult<Self> {
        ready(Adder { total: 0 })
    }
}

/// Two words, as most requests are at least.
#[derive(Debug)]
struct Add(u64, u64);

impl HandleCast<Add> for Adder {
    fn handle_cast(&mut self, Add(n, more): Add) -> CastResult<Self> {
        self.total += black_box(n) + black_box(more);
        noreply()
    }
}

#[derive(Debug)]
struct Total;

impl HandleCall<Total> for Adder {
    type Reply = u64;

    fn handle_call(&mut self, _: Total, _: &Caller<u64>) -> CallResult<Self, Total> {
        reply(self.total)
    }
}

criterion_group! {
    name = benches;
    config = Criterion::default()
        .warm_up_time(Duration::from_millis(300))
        .measurement_time(Duration::from_secs(1));
    targets = until_handled
}
criterion_main!(benches);
