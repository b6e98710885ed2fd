//! What it costs to read and to write a request as a term of Erlang.
//!
//! The floor is a copy of its bytes. The other codec, eetf, knows only terms, and no types of the
//! program; it also gives a second opinion, as both must read the same.

use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use procession::term::{self, Term};
use serde::{Deserialize, Serialize};

/// As `{deposit, <<"ann">>, 50}`.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Request<S> {
    Deposit { account: S, amount: i64 },
    Close(S),
    Audit,
}

fn request() -> Request<&'static str> {
    Request::Deposit { account: "ann", amount: 50 }
}

/// A list of tuples, with maps in them.
fn report() -> Vec<(u64, String, [f64; 2], Option<bool>)> {
    (0..100).map(|n| (n * n, format!("entry {n}"), [n as f64, 0.5], Some(n % 2 == 0))).collect()
}

fn other(bytes: &[u8]) -> eetf::Term {
    eetf::Term::decode(bytes).expect("it is a term")
}

/// Panics if both codecs do not read the same.
fn compare(bytes: &[u8]) {
    let mut theirs = Vec::new();
    other(bytes).encode(&mut theirs).expect("it is a term");
    let here: Term = term::from_slice(bytes).expect("it is a term");
    assert_eq!(term::from_slice(&theirs), Ok(here));
}

fn small(c: &mut Criterion) {
    let bytes = term::to_vec(&request()).expect("it is a term");
    compare(&bytes);
    assert_eq!(term::from_slice::<Request<&str>>(&bytes), Ok(request()));

    let mut group = c.benchmark_group("term/request");
    group.bench_function("copy", |b| b.iter(|| black_box(&bytes).to_vec()));
    group.bench_function("read", |b| {
        b.iter(|| term::from_slice::<Request<&str>>(black_box(&bytes)).is_ok());
    });
    group.bench_function("read_owned", |b| {
        b.iter(|| term::from_slice::<Request<String>>(black_box(&bytes)));
    });
    group.bench_function("read_term", |b| {
        b.iter(|| term::from_slice::<Term>(black_box(&bytes)));
    });
    group.bench_function("read_eetf", |b| b.iter(|| other(black_box(&bytes))));
    group.bench_function("write", |b| b.iter(|| term::to_vec(black_box(&request()))));
    let tree = other(&bytes);
    group.bench_function("write_eetf", |b| {
        b.iter(|| {
            let mut out = Vec::new();
            black_box(&tree).encode(&mut out).map(|()| out)
        });
    });
    group.finish();
}

fn large(c: &mut Criterion) {
    let bytes = term::to_vec(&report()).expect("it is a term");
    compare(&bytes);

    let mut group = c.benchmark_group("term/report");
    group.bench_function("copy", |b| b.iter(|| black_box(&bytes).to_vec()));
    group.bench_function("read", |b| {
        b.iter(|| term::from_slice::<Vec<(u64, String, [f64; 2], Option<bool>)>>(&bytes));
    });
    group.bench_function("read_term", |b| b.iter(|| term::from_slice::<Term>(&bytes)));
    group.bench_function("read_eetf", |b| b.iter(|| other(&bytes)));
    group.bench_function("write", |b| {
        let report = report();
        b.iter(|| term::to_vec(&report));
    });
    group.bench_function("write_term", |b| {
        let term: Term = term::from_slice(&bytes).expect("it is a term");
        b.iter(|| term::to_vec(&term));
    });
    group.bench_function("write_eetf", |b| {
        let tree = other(&bytes);
        b.iter(|| {
            let mut out = Vec::new();
            tree.encode(&mut out).map(|()| out)
        });
    });
    group.finish();
}

criterion_group!(benches, small, large);
criterion_main!(benches);
