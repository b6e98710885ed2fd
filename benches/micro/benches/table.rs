//! What it costs to read and write a table.
//!
//! The floors are what a program would share without this crate: a `DashMap`, and a `BTreeMap` in
//! a lock. The gap is what a table adds: it is seen who may use it, and rows are counted, so that
//! they can be read without a lock.

#![allow(clippy::disallowed_methods, reason = "bare threads are the floor")]

use std::collections::BTreeMap;
use std::hint::black_box;
use std::thread;
use std::time::{Duration, Instant};

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use dashmap::DashMap;
use parking_lot::RwLock;
use procession::table::{Table, TableOptions};

const KEYS: u64 = 10_000;
const THREADS: u64 = 4;

type Numbers = Table<u64, u64>;

fn numbers(options: TableOptions) -> Numbers {
    let table = Table::new_with(options.public()).unwrap();
    (0..KEYS).for_each(|n| table.insert(n, n).unwrap());
    table
}

fn dash() -> DashMap<u64, u64> {
    (0..KEYS).map(|n| (n, n)).collect()
}

fn tree() -> RwLock<BTreeMap<u64, u64>> {
    RwLock::new((0..KEYS).map(|n| (n, n)).collect())
}

/// A key, another in each step.
fn key(step: u64) -> u64 {
    step.wrapping_mul(7_919) % KEYS
}

fn get(c: &mut Criterion) {
    let mut group = c.benchmark_group("table/get");
    let map = dash();
    bench(&mut group, "dashmap", |n| *map.get(&key(n)).unwrap());
    let table = numbers(TableOptions::new());
    bench(&mut group, "hashed", |n| table.get(&key(n)).unwrap().unwrap());
    let named = numbers(TableOptions::new().name("numbers"));
    let by_name = Numbers::named("numbers");
    bench(&mut group, "hashed_by_name", |n| by_name.get(&key(n)).unwrap().unwrap());
    let map = tree();
    bench(&mut group, "rwlock_btreemap", |n| map.read()[&key(n)]);
    let table = numbers(TableOptions::new().ordered());
    bench(&mut group, "ordered", |n| table.get(&key(n)).unwrap().unwrap());
    drop(named);
    group.finish();
}

fn insert(c: &mut Criterion) {
    let mut group = c.benchmark_group("table/insert");
    let map = dash();
    bench(&mut group, "dashmap", |n| map.insert(key(n), n).unwrap());
    let table = numbers(TableOptions::new());
    bench(&mut group, "hashed", |n| table.insert(key(n), n).unwrap());
    let map = tree();
    bench(&mut group, "rwlock_btreemap", |n| map.write().insert(key(n), n).unwrap());
    let table = numbers(TableOptions::new().ordered());
    bench(&mut group, "ordered", |n| table.insert(key(n), n).unwrap());
    group.finish();
}

fn update_counter(c: &mut Criterion) {
    let mut group = c.benchmark_group("table/update_counter");
    let map = dash();
    bench(&mut group, "dashmap", |n| *map.get_mut(&key(n)).unwrap() += 1);
    let table = numbers(TableOptions::new());
    bench(&mut group, "hashed", |n| table.update_counter(&key(n), 1).unwrap());
    group.finish();
}

/// Nine reads and a write, by several threads at once.
fn mixed(c: &mut Criterion) {
    let mut group = c.benchmark_group("table/four_threads");
    group.throughput(Throughput::Elements(THREADS));
    let map = dash();
    group.bench_function("dashmap", |b| {
        b.iter_custom(|rounds| {
            together(rounds, |n| match n % 10 {
                0 => drop(map.insert(key(n), n)),
                _ => drop(black_box(map.get(&key(n)).map(|value| *value))),
            })
        });
    });
    let table = numbers(TableOptions::new());
    group.bench_function("hashed", |b| {
        b.iter_custom(|rounds| {
            together(rounds, |n| match n % 10 {
                0 => table.insert(key(n), n).unwrap(),
                _ => drop(black_box(table.get(&key(n)).unwrap())),
            })
        });
    });
    group.finish();
}

fn together(rounds: u64, step: impl Fn(u64) + Sync) -> Duration {
    let step = &step;
    let start = Instant::now();
    thread::scope(|scope| {
        for thread in 0..THREADS {
            scope.spawn(move || (0..rounds).for_each(|n| step(n + thread * 1_237)));
        }
    });
    start.elapsed()
}

type Group<'a> = criterion::BenchmarkGroup<'a, criterion::measurement::WallTime>;

fn bench<R>(group: &mut Group<'_>, name: &str, step: impl Fn(u64) -> R) {
    let mut n = 0;
    group.bench_function(name, |b| {
        b.iter(|| {
            n += 1;
            black_box(step(n))
        });
    });
}

criterion_group! {
    name = benches;
    config = Criterion::default()
        .warm_up_time(Duration::from_millis(200))
        .measurement_time(Duration::from_millis(600));
    targets = get, insert, update_counter, mixed
}
criterion_main!(benches);
