//! What one message costs: between bare threads, then between processes.
//!
//! The floor is what a program would do without this crate: a crossbeam channel, which is also what
//! a mailbox is made of, or for a round trip the least that the standard library offers, two
//! threads that park and unpark each other. The gap between the two is what a process adds: an
//! address that outlives its process, exit signals, messages of any type, selective receive.

#![allow(clippy::disallowed_methods, reason = "bare threads are the floor")]

use std::collections::VecDeque;
use std::hint::black_box;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use crossbeam_channel::unbounded;
use procession::prelude::*;

const MESSAGES: u64 = 1_000;

/// A batch to oneself, then out of the mailbox, on one thread.
fn to_self(c: &mut Criterion) {
    let mut group = c.benchmark_group("message/to_self");
    group.throughput(Throughput::Elements(MESSAGES));

    group.bench_function("channel_and_deque", |b| {
        let (sender, receiver) = unbounded();
        let mut queue = VecDeque::new();
        b.iter(|| {
            (0..MESSAGES).for_each(|n| sender.send(black_box(n)).unwrap());
            for _ in 0..MESSAGES {
                queue.extend(receiver.try_iter());
                black_box(queue.pop_front().unwrap());
            }
        });
    });

    group.bench_function("process", |b| {
        let me = process::self_pid();
        b.iter(|| {
            (0..MESSAGES).for_each(|n| process::send(me, black_box(n)));
            for _ in 0..MESSAGES {
                receive! { n: u64 => black_box(n) };
            }
        });
    });

    group.finish();
}

#[derive(Debug)]
struct Done;

/// A batch to another thread, until all of it has been received there.
fn one_way(c: &mut Criterion) {
    let mut group = c.benchmark_group("message/one_way");
    group.throughput(Throughput::Elements(MESSAGES));

    group.bench_function("channel", |b| {
        let (sender, receiver) = unbounded::<u64>();
        let (done, all_received) = unbounded();
        let consumer = thread::spawn(move || {
            while let Ok(n) = receiver.recv() {
                if black_box(n) == MESSAGES {
                    done.send(()).unwrap();
                }
            }
        });
        b.iter(|| {
            (1..=MESSAGES).for_each(|n| sender.send(n).unwrap());
            all_received.recv().unwrap();
        });
        drop(sender);
        consumer.join().unwrap();
    });

    group.bench_function("process", |b| {
        let me = process::self_pid();
        let consumer = process::spawn_link(move || {
            loop {
                receive! {
                    n: u64 => {
                        if black_box(n) == MESSAGES {
                            process::send(me, Done);
                        }
                    }
                }
            }
        });
        let consumer = consumer.unwrap();
        b.iter(|| {
            (1..=MESSAGES).for_each(|n| process::send(consumer, n));
            receive! { Done => {} }
        });
        end(consumer);
    });

    group.finish();
}

/// A message there and one back, between two threads that have nothing else to do.
fn round_trip(c: &mut Criterion) {
    let mut group = c.benchmark_group("message/round_trip");
    group.throughput(Throughput::Elements(1));
    group.bench_function("park_unpark", |b| b.iter_custom(park_unpark));
    group.bench_function("two_channels", |b| b.iter_custom(two_channels));
    group.bench_function("process", |b| b.iter_custom(two_processes));
    group.finish();
}

fn park_unpark(rounds: u64) -> Duration {
    let is_asked = AtomicBool::new(false);
    let asker = thread::current();
    thread::scope(|scope| {
        let answerer = scope.spawn(|| {
            for _ in 0..rounds {
                park_until(|| is_asked.load(Ordering::Acquire));
                is_asked.store(false, Ordering::Release);
                asker.unpark();
            }
        });
        let start = Instant::now();
        for _ in 0..rounds {
            is_asked.store(true, Ordering::Release);
            answerer.thread().unpark();
            park_until(|| !is_asked.load(Ordering::Acquire));
        }
        start.elapsed()
    })
}

fn park_until(ready: impl Fn() -> bool) {
    while !ready() {
        thread::park();
    }
}

fn two_channels(rounds: u64) -> Duration {
    let (question, questions) = unbounded::<u64>();
    let (answer, answers) = unbounded();
    let answerer = thread::spawn(move || questions.iter().for_each(|n| answer.send(n).unwrap()));
    let start = Instant::now();
    for n in 0..rounds {
        question.send(n).unwrap();
        black_box(answers.recv().unwrap());
    }
    let elapsed = start.elapsed();
    drop(question);
    answerer.join().unwrap();
    elapsed
}

#[derive(Debug)]
struct Question(Pid, u64);

#[derive(Debug)]
struct Answer(u64);

fn two_processes(rounds: u64) -> Duration {
    let answerer = process::spawn_link(|| {
        loop {
            receive! { Question(asker, n) => process::send(asker, Answer(n)) }
        }
    });
    let answerer = answerer.unwrap();
    let me = process::self_pid();
    let ask = move || {
        let asker = process::self_pid();
        let start = Instant::now();
        for n in 0..rounds {
            process::send(answerer, Question(asker, n));
            receive! { Answer(n) => black_box(n) };
        }
        process::send(me, start.elapsed());
    };
    process::spawn(ask).unwrap();
    let elapsed = receive! { elapsed: Duration => elapsed };
    end(answerer);
    elapsed
}

/// Ends a process that the caller is linked to.
fn end(pid: Pid) {
    process::exit(pid, ExitReason::Shutdown);
    receive! { Exit { from, .. } if from == pid => {} }
}

criterion_group! {
    name = benches;
    config = Criterion::default()
        .warm_up_time(Duration::from_millis(500))
        .measurement_time(Duration::from_secs(2));
    targets = to_self, one_way, round_trip
}
criterion_main!(benches);
