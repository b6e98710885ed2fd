//! Calls: a request to a server, and its reply.

use std::hint::{black_box, spin_loop};
use std::sync::Barrier;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::{self, Thread};
use std::time::Duration;

use crossbeam_channel::bounded;
use crossbeam_utils::CachePadded;
use procession::gen_server::OwnedServer;
use procession::prelude::*;
use procession::process::tuning;

use crate::harness::{Bar, Slice, beside_busy_loops, cores, in_thread, in_turns, median, pin_to};
use crate::waiting::{Waiting, queue};

pub(crate) const SLICE: Slice = Slice::of_millis(10, 20);

/// Beside busy threads, which get time slices of milliseconds.
const BUSY_SLICE: Slice = Slice::of_millis(40, 60);

/// What a careful user writes by hand for two threads that have a core each.
const SPIN: Waiting = Waiting::Spin(Duration::from_micros(100));

/// What serves many threads on few cores, while nobody else wants them.
const YIELD: Waiting = Waiting::Yield(64);

/// Where a client and its server run.
#[derive(Clone, Copy, Default)]
pub(crate) struct Places {
    pub(crate) client: Option<usize>,
    pub(crate) server: Option<usize>,
}

impl Places {
    /// Each on a core of its own; where the scheduler likes if there is only one.
    pub(crate) fn apart() -> Places {
        match cores()[..] {
            [client, server, ..] => Places { client: Some(client), server: Some(server) },
            _ => Places::default(),
        }
    }
}

pub(crate) fn spin(bar: &Bar) {
    let places = Places::apart();
    bar.compare(40, || call(places, SLICE), || spin_pair(places, SLICE));
}

/// The worst of all pairs, each of which is new, where the scheduler puts them.
pub(crate) fn unpinned_worst(bar: &Bar) {
    const LATER: Slice = Slice::of_millis(30, 20);
    let [ours, floor] = in_turns(
        bar.slices(20),
        [&mut || call(Places::default(), LATER), &mut || queue_pair(Places::apart(), LATER)],
    );
    bar.judge_worst(&ours, median(&floor));
}

pub(crate) fn one_core(bar: &Bar) {
    bar.compare(40, || call(Places::default(), SLICE), || yield_pair(SLICE));
}

pub(crate) fn parking(bar: &Bar) {
    against_parking(bar, 20, || call(Places::default(), SLICE));
}

pub(crate) fn parking_chain(bar: &Bar) {
    against_parking(bar, 20, call_chain);
}

pub(crate) fn parking_8(bar: &Bar) {
    against_parking(bar, 20, || call_by_many(8));
}

pub(crate) fn parking_64(bar: &Bar) {
    against_parking(bar, 20, || call_by_many(64));
}

pub(crate) fn parking_16_pairs(bar: &Bar) {
    against_parking(bar, 20, || call_in_pairs(16));
}

pub(crate) fn parking_busy1(bar: &Bar) {
    beside_busy_loops(1, || against_parking(bar, 20, call_busy));
}

pub(crate) fn parking_busy2(bar: &Bar) {
    beside_busy_loops(2, || against_parking(bar, 20, call_busy));
}

pub(crate) fn parking_busy4(bar: &Bar) {
    beside_busy_loops(4, || against_parking(bar, 20, call_busy));
}

pub(crate) fn parking_chain_busy4(bar: &Bar) {
    beside_busy_loops(4, || against_parking(bar, 20, call_chain));
}

pub(crate) fn parking_8_busy2(bar: &Bar) {
    beside_busy_loops(2, || against_parking(bar, 20, || call_by_many(8)));
}

pub(crate) fn parking_64_busy4(bar: &Bar) {
    beside_busy_loops(4, || against_parking(bar, 20, || call_by_many(64)));
}

pub(crate) fn parking_16_pairs_busy4(bar: &Bar) {
    beside_busy_loops(4, || against_parking(bar, 20, || call_in_pairs(16)));
}

/// Against the same when everybody parks at once.
fn against_parking(bar: &Bar, slices: usize, call: impl Fn() -> f64) {
    bar.compare(slices, &call, || parking_at_once(&call));
}

/// Runs `body` while every wait parks at once.
pub(crate) fn parking_at_once<T>(body: impl FnOnce() -> T) -> T {
    const DEFAULT: u32 = 2;
    tuning::set_spin_budget(0);
    let value = body();
    tuning::set_spin_budget(DEFAULT);
    value
}

/// Several pairs, as the scheduler may put one together or apart, and there it may stay.
fn call_busy() -> f64 {
    const PAIRS: u32 = 5;
    let calls = (0..PAIRS).map(|_| call(Places::default(), BUSY_SLICE));
    calls.sum::<f64>() / f64::from(PAIRS)
}

pub(crate) fn chain(bar: &Bar) {
    bar.compare(40, call_chain, queue_chain);
}

pub(crate) fn by_8(bar: &Bar) {
    bar.compare(40, || call_by_many(8), || queue_by_many(8));
}

pub(crate) fn by_64(bar: &Bar) {
    bar.compare(40, || call_by_many(64), || queue_by_many(64));
}

pub(crate) fn queued(bar: &Bar) {
    let places = Places::apart();
    bar.compare(24, || call_with_queued(100_000, places), || call_with_queued(0, places));
}

/// A call from a thread of its own to a server that has nothing else to do.
pub(crate) fn call(places: Places, slice: Slice) -> f64 {
    let server = start(places.server, None);
    in_thread(|| {
        pin_to(places.client);
        slice.mean(|| _ = black_box(server.call(black_box(1)).unwrap()))
    })
}

/// A closure for an agent, against a call of a server that does the same.
pub(crate) fn agent_get(bar: &Bar) {
    let places = Places::apart();
    bar.compare(40, || get(places, SLICE), || call(places, SLICE));
}

fn get(places: Places, slice: Slice) -> f64 {
    let start = move || {
        pin_to(places.server);
        0
    };
    let agent = Agent::start(start).unwrap().owned();
    in_thread(|| {
        pin_to(places.client);
        slice.mean(|| {
            let n: u64 = black_box(1);
            _ = black_box(agent.get(move |zero| zero + n).unwrap());
        })
    })
}

fn call_with_queued(queued: usize, places: Places) -> f64 {
    #[derive(Debug)]
    struct Unrelated(#[expect(dead_code, reason = "room for something")] usize);

    let server = start(places.server, None);
    in_thread(|| {
        pin_to(places.client);
        let me = process::self_pid();
        (0..queued).for_each(|n| process::send(me, Unrelated(n)));
        SLICE.mean(|| _ = black_box(server.call(black_box(1)).unwrap()))
    })
}

pub(crate) fn call_chain() -> f64 {
    let last = start(None, None);
    let first = start(None, Some(&last));
    in_thread(|| SLICE.mean(|| _ = black_box(first.call(black_box(1)).unwrap())))
}

pub(crate) fn call_by_many(callers: usize) -> f64 {
    let server = start(None, None);
    by_many((0..callers).map(|_| || _ = black_box(server.call(black_box(1)).unwrap())).collect())
}

/// As many servers as callers, each of which has one for itself.
fn call_in_pairs(pairs: usize) -> f64 {
    let servers: Vec<_> = (0..pairs).map(|_| start(None, None)).collect();
    let call = |server: &'_ OwnedServer<Echo>| _ = black_box(server.call(black_box(1)).unwrap());
    by_many(servers.iter().map(|server| move || call(server)).collect())
}

/// Mean wall time of a round, when each of `rounds` is repeated by a thread of its own.
fn by_many<R: FnMut() + Send>(rounds: Vec<R>) -> f64 {
    let all_there = Barrier::new(rounds.len());
    let all_there = &all_there;
    let per_nano: f64 = thread::scope(|scope| {
        let start = |round| {
            scope.spawn(move || {
                all_there.wait();
                SLICE.mean(round).recip()
            })
        };
        let callers: Vec<_> = rounds.into_iter().map(start).collect();
        callers.into_iter().map(|caller| caller.join().unwrap()).sum()
    });
    per_nano.recip()
}

/// Sends back what it gets, or has the next one do so.
#[derive(Debug)]
pub(crate) struct Echo {
    next: Option<ServerRef<Echo>>,
}

impl GenServer for Echo {
    type Args = (Option<usize>, Option<ServerRef<Echo>>);

    fn init((core, next): Self::Args) -> InitResult<Self> {
        pin_to(core);
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

pub(crate) fn start(core: Option<usize>, next: Option<&ServerRef<Echo>>) -> OwnedServer<Echo> {
    Echo::start((core, next.cloned())).unwrap().owned()
}

/// What ends a thread that answers.
const END: u64 = u64::MAX;

/// Two threads that spin on a cache line each.
pub(crate) fn spin_pair(places: Places, slice: Slice) -> f64 {
    bare_pair(places, slice, spin_loop)
}

/// Two threads that yield until they are answered.
fn yield_pair(slice: Slice) -> f64 {
    bare_pair(Places::default(), slice, thread::yield_now)
}

/// Two threads that take turns by two words, and do `idle` while it is not theirs.
fn bare_pair(places: Places, slice: Slice, idle: fn()) -> f64 {
    let (request, reply) = <(CachePadded<AtomicU64>, CachePadded<AtomicU64>)>::default();
    let await_change = |word: &AtomicU64, old| {
        loop {
            match word.load(Ordering::Acquire) {
                value if value == old => idle(),
                value => break value,
            }
        }
    };
    thread::scope(|scope| {
        scope.spawn(|| {
            pin_to(places.server);
            let mut last = 0;
            while last != END {
                last = await_change(&request, last);
                reply.store(last, Ordering::Release);
            }
        });
        let client = scope.spawn(|| {
            pin_to(places.client);
            let mut last = 0;
            let mean = slice.mean(|| {
                request.store(last + 1, Ordering::Release);
                last = await_change(&reply, last);
            });
            request.store(END, Ordering::Release);
            mean
        });
        client.join().unwrap()
    })
}

/// Two threads and two bare queues.
fn queue_pair(places: Places, slice: Slice) -> f64 {
    let (request, mut requests) = queue(SPIN);
    let (reply, mut replies) = queue(SPIN);
    thread::scope(|scope| {
        scope.spawn(move || {
            pin_to(places.server);
            loop {
                match requests.pop() {
                    END => break,
                    n => reply.push(n),
                }
            }
        });
        let client = scope.spawn(move || {
            pin_to(places.client);
            let mean = slice.mean(|| {
                request.push(black_box(1));
                black_box(replies.pop());
            });
            request.push(END);
            mean
        });
        client.join().unwrap()
    })
}

/// Three threads: the second asks the third before it answers.
fn queue_chain() -> f64 {
    let (first, mut first_requests) = queue(YIELD);
    let (last, mut last_requests) = queue(YIELD);
    let (inner_reply, mut inner_replies) = queue(YIELD);
    let (reply, mut replies) = queue(YIELD);
    thread::scope(|scope| {
        scope.spawn(move || {
            loop {
                match last_requests.pop() {
                    END => break,
                    n => inner_reply.push(n),
                }
            }
        });
        scope.spawn(move || {
            loop {
                let n = first_requests.pop();
                last.push(n);
                if n == END {
                    break;
                }
                reply.push(inner_replies.pop());
            }
        });
        let client = scope.spawn(move || {
            let mean = SLICE.mean(|| {
                first.push(black_box(1));
                black_box(replies.pop());
            });
            first.push(END);
            mean
        });
        client.join().unwrap()
    })
}

/// One thread that answers many; a request is the number of its sender.
fn queue_by_many(callers: usize) -> f64 {
    let (request, mut requests) = queue(YIELD);
    let mut answers = Vec::new();
    let rounds = (0..callers).map(|caller| {
        let (reply, mut replies) = queue(YIELD);
        answers.push(reply);
        let request = request.clone();
        move || {
            request.push(caller);
            black_box::<usize>(replies.pop());
        }
    });
    let rounds: Vec<_> = rounds.collect();
    thread::scope(|scope| {
        scope.spawn(move || {
            loop {
                let caller = requests.pop();
                match answers.get(caller) {
                    Some(reply) => reply.push(caller),
                    None => break,
                }
            }
        });
        let mean = by_many(rounds);
        request.push(callers);
        mean
    })
}

/// Calls `body`, in a thread of its own, with a function that asks a thread that parks, and parks
/// until it has answered.
pub(crate) fn with_park_answerer<T: Send>(
    places: Places,
    body: impl FnOnce(&dyn Fn()) -> T + Send,
) -> T {
    let (is_asked, is_done) = (AtomicBool::new(false), AtomicBool::new(false));
    let (is_asked, is_done) = (&is_asked, &is_done);
    let (introduce, introduced) = bounded::<Thread>(1);
    thread::scope(|scope| {
        let answerer = scope.spawn(move || {
            pin_to(places.server);
            let asker = introduced.recv().unwrap();
            while !is_done.load(Ordering::Acquire) {
                if is_asked.swap(false, Ordering::AcqRel) {
                    asker.unpark();
                } else {
                    thread::park();
                }
            }
        });
        let answerer = answerer.thread().clone();
        let asker = scope.spawn(move || {
            pin_to(places.client);
            introduce.send(thread::current()).unwrap();
            let value = body(&|| {
                is_asked.store(true, Ordering::Release);
                answerer.unpark();
                while is_asked.load(Ordering::Acquire) {
                    thread::park();
                }
            });
            is_done.store(true, Ordering::Release);
            answerer.unpark();
            value
        });
        asker.join().unwrap()
    })
}
