//! One-way messages, names and timers.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap, VecDeque};
use std::hint::black_box;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, Sender, bounded, unbounded};
use parking_lot::Mutex;
use procession::gen_event::handler;
use procession::prelude::*;
use procession::process::Overflow;
use procession::timer;

use crate::harness::{Bar, in_thread, mean_of, pin_to};

/// How many messages to oneself, or timers, make up a slice.
const BATCH: u32 = 20_000;

/// How many casts do: enough for the two sides to find into their step.
pub(crate) const CASTS: u32 = 200_000;

pub(crate) fn cast_by_one(bar: &Bar) {
    bar.compare(32, || cast(1, None), || channel(1));
}

pub(crate) fn cast_by_two(bar: &Bar) {
    bar.compare(32, || cast(2, None), || channel(2));
}

/// A bounded mailbox, whose senders wait for room, against a bounded channel.
pub(crate) fn bounded_cast_by_one(bar: &Bar) {
    bar.compare(32, || bounded_cast(1), || bounded_channel(1));
}

pub(crate) fn bounded_cast_by_eight(bar: &Bar) {
    bar.compare(32, || bounded_cast(8), || bounded_channel(8));
}

/// A bounded mailbox against one that is not.
pub(crate) fn bound_by_one(bar: &Bar) {
    bar.compare(32, || bounded_cast(1), || cast(1, None));
}

pub(crate) fn bound_by_eight(bar: &Bar) {
    bar.compare(32, || bounded_cast(8), || cast(8, None));
}

/// An event for one handler, against a cast.
pub(crate) fn notify_one(bar: &Bar) {
    bar.compare(32, || notify(1), || cast(1, None));
}

/// An event for ten handlers, against a cast.
pub(crate) fn notify_ten(bar: &Bar) {
    bar.compare(32, || notify(10), || cast(1, None));
}

fn notify(handlers: usize) -> f64 {
    let manager = EventManager::<Add>::start().unwrap().owned();
    for id in 0..handlers {
        manager.add_handler(handler::<Adder>().id(id), None).unwrap();
    }
    let all = || {
        (1..=u64::from(CASTS)).for_each(|n| manager.notify(Add(n, n)));
        black_box(manager.call(handler::<Adder>().id(0_usize), Total).unwrap());
    };
    in_thread(|| {
        all();
        mean_of(CASTS, all)
    })
}

/// The room of a bounded mailbox or channel: less than senders fill in a time slice.
const ROOM: usize = 1_024;

fn bounded_cast(producers: u32) -> f64 {
    let options = StartOptions::new().mailbox_capacity(ROOM, Overflow::Block(Duration::MAX));
    cast_to(&Adder::start_with(None, options).unwrap().owned(), producers)
}

fn bounded_channel(producers: u32) -> f64 {
    through_channel(bounded(ROOM), producers)
}

/// Time per cast, from when the first of a batch is sent until the last has been handled.
///
/// Of two producers each sends half of the batch.
pub(crate) fn cast(producers: u32, server_core: Option<usize>) -> f64 {
    cast_to(&Adder::start(server_core).unwrap().owned(), producers)
}

fn cast_to(adder: &ServerRef<Adder>, producers: u32) -> f64 {
    let each = CASTS / producers;
    let produce = || {
        (1..=u64::from(each)).for_each(|n| adder.cast(Add(n, n)));
        black_box(adder.call(Total).unwrap());
    };
    let all = || {
        by_each(producers, produce);
    };
    in_thread(|| {
        all();
        mean_of(CASTS, all)
    })
}

/// The same with a thread that takes values of 64 bytes from a crossbeam channel.
fn channel(producers: u32) -> f64 {
    through_channel(unbounded(), producers)
}

fn through_channel((sender, receiver): Ends, producers: u32) -> f64 {
    let (done, all_handled) = unbounded();
    let each = u64::from(CASTS / producers);
    thread::scope(|scope| {
        scope.spawn(move || {
            let mut total = 0;
            for [n, more, ..] in receiver {
                total += black_box(n) + black_box(more);
                if n == each {
                    done.send(black_box(total)).unwrap();
                }
            }
        });
        let produce = || (1..=each).for_each(|n| sender.send([n; 8]).unwrap());
        let all = || {
            by_each(producers, produce);
            (0..producers).for_each(|_| _ = black_box(all_handled.recv().unwrap()));
        };
        let mean = in_thread(|| {
            all();
            mean_of(CASTS, all)
        });
        drop(sender);
        mean
    })
}

/// The two ends of a channel of values as large as messages.
type Ends = (Sender<[u64; 8]>, Receiver<[u64; 8]>);

/// Runs `produce` in the calling thread, and in others at the same time.
fn by_each(producers: u32, produce: impl Fn() + Sync) {
    thread::scope(|scope| {
        (1..producers).for_each(|_| _ = scope.spawn(&produce));
        produce();
    });
}

#[derive(Debug)]
pub(crate) struct Adder {
    total: u64,
}

impl GenServer for Adder {
    type Args = Option<usize>;

    fn init(core: Self::Args) -> InitResult<Self> {
        pin_to(core);
        ready(Adder { total: 0 })
    }
}

impl EventHandler<Add> for Adder {
    type Args = Option<usize>;
    type Leaves = ();

    fn init(_: Self::Args) -> HandlerInit<Self> {
        gen_event::installed(Adder { total: 0 })
    }

    fn handle_event(&mut self, Add(n, more): &Add) -> HandlerResult<Self, Add> {
        self.total += black_box(n) + black_box(more);
        gen_event::ok()
    }
}

impl HandlerCall<Add, Total> for Adder {
    type Reply = u64;

    fn handle_call(&mut self, _: Total) -> HandlerReply<Self, Add, Total> {
        gen_event::ok().reply(self.total)
    }
}

/// Two words, as most requests are at least.
#[derive(Debug)]
pub(crate) struct Add(u64, u64);

impl HandleCast<Add> for Adder {
    fn handle_cast(&mut self, Add(n, more): Add) -> CastResult<Self> {
        self.total += black_box(n) + black_box(more);
        noreply()
    }
}

#[derive(Debug)]
pub(crate) struct Total;

impl HandleCall<Total> for Adder {
    type Reply = u64;

    fn handle_call(&mut self, _: Total, _: &Caller<u64>) -> CallResult<Self, Total> {
        reply(self.total)
    }
}

/// A message to oneself; against a channel and a queue, as a mailbox is.
pub(crate) fn send_receive(bar: &Bar) {
    let me = process::self_pid();
    let (sender, receiver) = unbounded();
    let mut queue = VecDeque::new();
    bar.compare(
        60,
        || {
            mean_of(BATCH, || {
                for n in 0..BATCH {
                    process::send(me, black_box(n));
                    receive! { n: u32 => black_box(n) };
                }
            })
        },
        || {
            mean_of(BATCH, || {
                for n in 0..BATCH {
                    sender.send(black_box(n)).unwrap();
                    queue.push_back(receiver.try_recv().unwrap());
                    black_box(queue.pop_front().unwrap());
                }
            })
        },
    );
}

/// The sender's side of a cast by name; against one by pid after a look into a map in a lock.
///
/// Meanwhile the server is busy, so that nobody has to be woken.
pub(crate) fn cast_by_name(bar: &Bar) {
    const CASTS_AT_ONCE: u32 = 2_000;
    const NAME: &str = "ratios::adder";
    let adder = Adder::start_with(None, StartOptions::new().name(NAME)).unwrap().owned();
    let named = ServerRef::<Adder>::named(NAME);
    let name: Arc<str> = Arc::from(NAME);
    let pids = Mutex::new(HashMap::from([(Arc::clone(&name), adder.pid())]));
    let timed = |cast: &dyn Fn(Add)| {
        let (release, released) = bounded(0);
        adder.cast(Hold(released));
        release.send(()).unwrap();
        let mean =
            mean_of(CASTS_AT_ONCE, || (0..CASTS_AT_ONCE.into()).for_each(|n| cast(Add(n, n))));
        release.send(()).unwrap();
        black_box(adder.call(Total).unwrap());
        mean
    };
    let look_up = || *pids.lock().get(black_box(&*name)).unwrap();
    bar.compare(
        200,
        || timed(&|add| named.cast(add)),
        || timed(&|add| ServerRef::<Adder>::from_pid(look_up()).cast(add)),
    );
}

/// Keeps the server busy from one signal to the next.
#[derive(Debug)]
struct Hold(Receiver<()>);

impl HandleCast<Hold> for Adder {
    fn handle_cast(&mut self, Hold(released): Hold) -> CastResult<Self> {
        (0..2).for_each(|_| released.recv().unwrap());
        noreply()
    }
}

/// Starts and cancels timers while a million are pending; against a bare heap.
pub(crate) fn timer_beside_a_million(bar: &Bar) {
    const PENDING: u32 = 1_000_000;
    let me = process::self_pid();
    let mut heap = LazyHeap::default();
    for n in 0..PENDING {
        timer::send_after(spread(n), me, n);
        heap.insert(spread(n), n);
    }
    bar.compare(
        60,
        || {
            mean_of(BATCH, || {
                for n in 0..BATCH {
                    let started = timer::send_after(spread(n), me, n);
                    black_box(timer::cancel(started));
                }
            })
        },
        || {
            mean_of(BATCH, || {
                for n in 0..BATCH {
                    let started = heap.insert(spread(n), n);
                    black_box(heap.cancel(started));
                }
            })
        },
    );
}

/// Some time in the next days, but not before this program ends; in no order.
fn spread(n: u32) -> Duration {
    Duration::from_secs(3_600 + u64::from(n.wrapping_mul(2_654_435_769) >> 12))
}

/// Timers of a single thread: a cancelled one stays in the heap until most are dead.
#[derive(Default)]
struct LazyHeap {
    heap: BinaryHeap<Reverse<(Instant, usize)>>,
    items: Vec<Option<u32>>,
    pending: usize,
}

impl LazyHeap {
    fn insert(&mut self, after: Duration, item: u32) -> usize {
        let serial = self.items.len();
        self.heap.push(Reverse((Instant::now() + after, serial)));
        self.items.push(Some(item));
        self.pending += 1;
        serial
    }

    fn cancel(&mut self, serial: usize) -> Option<u32> {
        let item = self.items[serial].take();
        self.pending -= usize::from(item.is_some());
        if self.heap.len() > 2 * self.pending {
            self.heap.retain(|Reverse((_, serial))| self.items[*serial].is_some());
        }
        item
    }
}
