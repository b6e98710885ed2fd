//! What it costs to choose a message when others are queued.
//!
//! An answer that is waited for since a mark should cost the same however much was queued before:
//! the floor is the same with nothing queued. Without a mark the queue is looked through from the
//! front: the floor is to look at the type of every element of a queue of boxed values.

use std::any::Any;
use std::collections::VecDeque;
use std::hint::black_box;
use std::time::Duration;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use procession::prelude::*;

#[derive(Debug)]
struct Unrelated(usize);

#[derive(Debug)]
struct Question(Pid);

#[derive(Debug)]
struct Answer;

/// An answer from another process.
fn reply(c: &mut Criterion) {
    let mut group = c.benchmark_group("selective_receive/reply");
    let answerer = process::spawn_link(|| {
        loop {
            receive! { Question(asker) => process::send(asker, Answer) }
        }
    });
    let answerer = answerer.unwrap();
    let me = process::self_pid();
    for queued in [0, 1_000, 100_000] {
        fill(queued);
        group.bench_function(BenchmarkId::from_parameter(queued), |b| {
            b.iter(|| {
                let mark = process::mark();
                process::send(answerer, Question(me));
                receive! { since mark; Answer => {} }
            });
        });
        empty(queued);
    }
    process::exit(answerer, ExitReason::Shutdown);
    receive! { Exit { from, .. } if from == answerer => {} }
    group.finish();
}

/// An answer from oneself: the same without the time that another thread takes to wake up.
fn own_reply(c: &mut Criterion) {
    let mut group = c.benchmark_group("selective_receive/own_reply");
    let me = process::self_pid();
    for queued in [0, 1_000, 100_000] {
        fill(queued);
        group.bench_function(BenchmarkId::from_parameter(queued), |b| {
            b.iter(|| {
                let mark = process::mark();
                process::send(me, Answer);
                receive! { since mark; Answer => {} }
            });
        });
        empty(queued);
    }
    group.finish();
}

/// A look through all that is queued for what is not there.
fn scan(c: &mut Criterion) {
    let mut group = c.benchmark_group("selective_receive/scan");
    for queued in [1_000, 100_000] {
        group.throughput(Throughput::Elements(queued as u64));

        let boxes: VecDeque<Box<dyn Any>> =
            (0..queued).map(|n| Box::new(Unrelated(n)) as Box<dyn Any>).collect();
        group.bench_function(BenchmarkId::new("boxes", queued), |b| {
            b.iter(|| black_box(&boxes).iter().position(|value| value.is::<Answer>()));
        });

        fill(queued);
        group.bench_function(BenchmarkId::new("process", queued), |b| {
            b.iter(|| {
                receive! {
                    Answer => unreachable!("nobody has sent one"),
                    after Duration::ZERO => {}
                }
            });
        });
        empty(queued);
    }
    group.finish();
}

fn fill(count: usize) {
    (0..count).for_each(|n| process::send(process::self_pid(), Unrelated(n)));
}

fn empty(count: usize) {
    (0..count).for_each(|_| _ = receive! { Unrelated(n) => black_box(n) });
}

criterion_group! {
    name = benches;
    config = Criterion::default()
        .warm_up_time(Duration::from_millis(300))
        .measurement_time(Duration::from_millis(1500));
    targets = reply, own_reply, scan
}
criterion_main!(benches);
