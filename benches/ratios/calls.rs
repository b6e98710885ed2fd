//! Calls: a request to a server, and its reply.

use std::array;
use std::hint::black_box;
use std::sync::Barrier;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, Thread};

use crossbeam_channel::bounded;
use procession::gen_server::OwnedServer;
use procession::prelude::*;

use crate::harness::{Bar, Slice, beside_busy_loops, cores, in_thread, in_turns, pin_to, report};
use crate::waiting::queue;

const SLICE: Slice = Slice::of_millis(10, 20);

/// Beside busy threads, which get time slices of milliseconds.
const BUSY_SLICE: Slice = Slice::of_millis(40, 60);

const CALLERS: usize = 8;

/// Where a client and its server run.
#[derive(Clone, Copy, Default)]
pub(crate) struct Places {
    client: Option<usize>,
    server: Option<usize>,
}

impl Places {
    /// Each on a core of its own.
    pub(crate) fn apart() -> Places {
        let cores = cores();
        Places { client: Some(cores[0]), server: Some(cores[1]) }
    }
}

pub(crate) fn idle(bar: &Bar) {
    let places = Places::apart();
    bar.compare(40, || call(places, SLICE), || queue_pair(places, SLICE));
}

pub(crate) fn one_core(bar: &Bar) {
    let places = Places::default();
    bar.compare(40, || call(places, SLICE), || park_pair(places, SLICE));
}

pub(crate) fn unpinned(bar: &Bar) {
    let places = Places::default();
    bar.compare(20, || call(places, SLICE), || queue_pair(places, SLICE));
}

pub(crate) fn beside_two_loops(bar: &Bar) {
    beside_busy_loops(2, || busy(bar));
}

pub(crate) fn beside_four_loops(bar: &Bar) {
    beside_busy_loops(4, || busy(bar));
}

/// Two bars: against the same waiting, and against parking at once.
fn busy(bar: &Bar) {
    let places = Places::apart();
    let [ours, floor, parking] = in_turns(
        bar.slices(20),
        [&mut || call(places, BUSY_SLICE), &mut || queue_pair(places, BUSY_SLICE), &mut || {
            park_pair(places, BUSY_SLICE)
        }],
    );
    bar.judge(&ours, &floor);
    report(&format!("{}_park", bar.name), bar.target.and(Some(1.0)), &ours, &parking);
    report(&format!("{}_floor_park", bar.name), None, &floor, &parking);
    busy_unpinned(bar);
}

/// The same where the scheduler puts them: together, or apart, which costs ten times as much, and
/// there they may stay. So a slice is made of several pairs.
fn busy_unpinned(bar: &Bar) {
    const PAIRS: u32 = 5;
    let places = Places::default();
    let mean = |pair: &dyn Fn() -> f64| (0..PAIRS).map(|_| pair()).sum::<f64>() / f64::from(PAIRS);
    let [ours, floor, parking] = in_turns(
        bar.slices(8),
        [
            &mut || mean(&|| call(places, BUSY_SLICE)),
            &mut || mean(&|| queue_pair(places, BUSY_SLICE)),
            &mut || mean(&|| park_pair(places, BUSY_SLICE)),
        ],
    );
    report(&format!("{}_unpinned", bar.name), None, &ours, &floor);
    report(&format!("{}_unpinned_park", bar.name), None, &ours, &parking);
    report(&format!("{}_unpinned_floor_park", bar.name), None, &floor, &parking);
}

pub(crate) fn chain(bar: &Bar) {
    bar.compare(40, call_chain, queue_chain);
}

pub(crate) fn eight_callers(bar: &Bar) {
    bar.compare(40, call_by_many, queue_by_many);
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

fn call_chain() -> f64 {
    let last = start(None, None);
    let first = start(None, Some(&last));
    in_thread(|| SLICE.mean(|| _ = black_box(first.call(black_box(1)).unwrap())))
}

fn call_by_many() -> f64 {
    let server = start(None, None);
    by_many(array::from_fn(|_| || _ = black_box(server.call(black_box(1)).unwrap())))
}

/// Mean wall time of a round, when each of `rounds` is repeated by a thread of its own.
fn by_many<R: FnMut() + Send>(rounds: [R; CALLERS]) -> f64 {
    let all_there = Barrier::new(CALLERS);
    let all_there = &all_there;
    let per_nano: f64 = thread::scope(|scope| {
        let callers = rounds.map(|round| {
            scope.spawn(move || {
                all_there.wait();
                SLICE.mean(round).recip()
            })
        });
        callers.map(|caller| caller.join().unwrap()).iter().sum()
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

fn start(core: Option<usize>, next: Option<&ServerRef<Echo>>) -> OwnedServer<Echo> {
    Echo::start((core, next.cloned())).unwrap().owned()
}

/// What ends a thread that answers on a bare queue.
const END: u64 = u64::MAX;

/// Two threads and two bare queues.
fn queue_pair(places: Places, slice: Slice) -> f64 {
    let (request, mut requests) = queue();
    let (reply, mut replies) = queue();
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
    let (first, mut first_requests) = queue();
    let (last, mut last_requests) = queue();
    let (inner_reply, mut inner_replies) = queue();
    let (reply, mut replies) = queue();
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

/// One thread that answers eight; a request is the number of who asks.
fn queue_by_many() -> f64 {
    let (request, mut requests) = queue();
    let mut answers = Vec::new();
    let rounds = array::from_fn::<_, CALLERS, _>(|caller| {
        let (reply, mut replies) = queue();
        answers.push(reply);
        let request = request.clone();
        move || {
            request.push(caller);
            black_box::<usize>(replies.pop());
        }
    });
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
        request.push(CALLERS);
        mean
    })
}

/// Two threads that park and unpark each other, the least that the standard library offers.
fn park_pair(places: Places, slice: Slice) -> f64 {
    with_park_answerer(places, |ask| slice.mean(ask))
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
