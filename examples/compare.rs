//! What a call and a cast cost on this machine, beside what a careful user writes by hand.
//!
//! ```sh
//! cargo run --release --example compare          # 200 ms for each server
//! cargo run --release --example compare -- 1000  # so many
//! ```
//!
//! One server adds numbers; one or eight plain threads call it, or cast to it, wherever the
//! scheduler puts them. Each figure comes from ten servers with threads of their own, as where
//! those happen to start decides a lot. The same is done with channels of crossbeam's: with a new
//! reply channel for each call; with one that each caller keeps; and with one that is kept and
//! looked at for 50 µs before its caller blocks, as the server looks at its requests.
//!
//! A call is timed alone. A cast is timed in batches of a thousand, until the last has been
//! handled. The columns: `each` is the time that passed by the number of calls of all callers;
//! `p50`, `p99` and `max` are what single calls took. With eight callers look at `max`, too: a
//! low `p50` beside a high `max` means that some are served while the others wait.

#![allow(clippy::disallowed_macros, reason = "its output is a table")]
#![allow(clippy::disallowed_methods, reason = "it measures plain threads")]

use std::env;
use std::hint::{black_box, spin_loop};
use std::marker::PhantomData;
use std::sync::Barrier;
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, Sender, bounded, unbounded};
use procession::gen_server::OwnedServer;
use procession::prelude::*;

/// How many servers there are for each figure.
const SERVERS: usize = 10;

/// How many casts are timed together.
const BATCH: u64 = 1_000;

/// How long who spins by hand looks before it blocks.
const SPIN: Duration = Duration::from_micros(50);

fn main() -> Result<(), String> {
    let millis = match env::args().nth(1) {
        Some(text) => text.parse().map_err(|error| format!("{text:?} milliseconds: {error}"))?,
        None => 200,
    };
    print_machine();
    for (what, work) in [("call", Work::Calls), ("cast", Work::Casts)] {
        let plan = Plan { work, time: Duration::from_millis(millis) };
        println!("\n{:30}{:>40}{:>40}", format!("a {what}, ns"), "1 caller", "8 callers");
        let columns = ["each", "p50", "p99", "max"].map(|it| format!("{it:>10}")).concat();
        println!("{:30}{columns}{columns}", "");
        row::<OwnedServer<Adder>>("procession", plan);
        row::<ByHand<NewChannel>>("crossbeam, a channel per call", plan);
        row::<ByHand<KeptChannel>>("crossbeam, a kept channel", plan);
        row::<ByHand<SpinningChannel>>("crossbeam, kept, with a spin", plan);
    }
    Ok(())
}

#[derive(Clone, Copy)]
struct Plan {
    work: Work,
    /// How long the callers of one server go on. As much as a tenth before that does not count.
    time: Duration,
}

#[derive(Clone, Copy)]
enum Work {
    Calls,
    Casts,
}

/// A server that can be called and cast to.
trait Server: Sync {
    type Client: Client;

    fn start() -> Self;
    fn client(&self) -> Self::Client;
}

/// A caller's side of a server.
trait Client: Send + 'static {
    fn call(&mut self, n: u64) -> u64;
    fn cast(&mut self, n: u64);
}

/// Prints how long it takes one caller, and eight.
fn row<S: Server>(name: &str, plan: Plan) {
    print!("{name:30}");
    for callers in [1, 8] {
        let mut times: Vec<u64> = (0..SERVERS).flat_map(|_| measure::<S>(callers, plan)).collect();
        times.sort_unstable();
        let at = |share: f64| times[((times.len() - 1) as f64 * share) as usize];
        let parts = if let Work::Casts = plan.work { BATCH } else { 1 };
        let each = plan.time.as_nanos() as u64 * SERVERS as u64 / (times.len() as u64 * parts);
        print!("{each:>10}{:>10}{:>10}{:>10}", at(0.5), at(0.99), at(1.0));
    }
    println!();
}

/// The nanoseconds of each call, or of the casts of each batch, of so many callers.
fn measure<S: Server>(callers: usize, Plan { work, time }: Plan) -> Vec<u64> {
    let server = S::start();
    let all_there = Barrier::new(callers);
    thread::scope(|scope| {
        let start = || {
            let mut client = server.client();
            let all_there = &all_there;
            scope.spawn(move || {
                all_there.wait();
                match work {
                    Work::Calls => timed(time, || _ = black_box(client.call(black_box(1))), 1),
                    Work::Casts => timed(time, || cast_batch(&mut client), BATCH),
                }
            })
        };
        let threads: Vec<_> = (0..callers).map(|_| start()).collect();
        threads.into_iter().flat_map(|thread| thread.join().expect("it measures")).collect()
    })
}

fn cast_batch(client: &mut impl Client) {
    (1..BATCH).for_each(|n| client.cast(black_box(n)));
    black_box(client.call(1));
}

/// Repeats `round`, at least once, and returns the nanoseconds that each took, divided by `parts`.
fn timed(time: Duration, mut round: impl FnMut(), parts: u64) -> Vec<u64> {
    let warm_up = time / 10;
    let start = Instant::now();
    let mut before = start;
    let mut times = Vec::new();
    while times.is_empty() || before - start < warm_up + time {
        round();
        let now = Instant::now();
        if now - start > warm_up {
            times.push((now - before).as_nanos() as u64 / parts);
        }
        before = now;
    }
    times
}

#[derive(Debug)]
struct Adder {
    total: u64,
}

#[derive(Debug)]
struct Add(u64);

impl GenServer for Adder {
    type Args = ();

    fn init((): ()) -> InitResult<Adder> {
        ready(Adder { total: 0 })
    }
}

impl HandleCall<Add> for Adder {
    type Reply = u64;

    fn handle_call(&mut self, Add(n): Add, _: &Caller<u64>) -> CallResult<Adder, Add> {
        self.total += n;
        reply(self.total)
    }
}

impl HandleCast<Add> for Adder {
    fn handle_cast(&mut self, Add(n): Add) -> CastResult<Adder> {
        self.total += n;
        noreply()
    }
}

impl Server for OwnedServer<Adder> {
    type Client = ServerRef<Adder>;

    fn start() -> OwnedServer<Adder> {
        Adder::start(()).expect("it starts").owned()
    }

    fn client(&self) -> ServerRef<Adder> {
        **self
    }
}

impl Client for ServerRef<Adder> {
    fn call(&mut self, n: u64) -> u64 {
        ServerRef::call(self, Add(n)).expect("it answers")
    }

    fn cast(&mut self, n: u64) {
        ServerRef::cast(self, Add(n));
    }
}

/// A thread that takes requests from a channel until there are no clients.
struct ByHand<R> {
    requests: Sender<Request>,
    reply: PhantomData<fn() -> R>,
}

enum Request {
    Call(u64, Sender<u64>),
    Cast(u64),
}

/// How replies travel.
trait Replies: Send + 'static {
    const SPINS: bool;

    fn new() -> Self;
    fn channel(&self) -> (Sender<u64>, Receiver<u64>);
}

/// A channel for each call.
struct NewChannel;

/// A channel for all calls of a client.
struct KeptChannel(Sender<u64>, Receiver<u64>);

/// The same, but whoever waits spins first.
struct SpinningChannel(KeptChannel);

impl Replies for NewChannel {
    const SPINS: bool = false;

    fn new() -> NewChannel {
        NewChannel
    }

    fn channel(&self) -> (Sender<u64>, Receiver<u64>) {
        bounded(1)
    }
}

impl Replies for KeptChannel {
    const SPINS: bool = false;

    fn new() -> KeptChannel {
        let (sender, receiver) = bounded(1);
        KeptChannel(sender, receiver)
    }

    fn channel(&self) -> (Sender<u64>, Receiver<u64>) {
        (self.0.clone(), self.1.clone())
    }
}

impl Replies for SpinningChannel {
    const SPINS: bool = true;

    fn new() -> SpinningChannel {
        SpinningChannel(KeptChannel::new())
    }

    fn channel(&self) -> (Sender<u64>, Receiver<u64>) {
        self.0.channel()
    }
}

impl<R: Replies> Server for ByHand<R> {
    type Client = Handle<R>;

    fn start() -> ByHand<R> {
        let (requests, received) = unbounded();
        thread::spawn(move || {
            let mut total = 0;
            while let Some(request) = receive(&received, R::SPINS) {
                match request {
                    Request::Call(n, reply) => {
                        total += n;
                        _ = reply.send(total);
                    }
                    Request::Cast(n) => total += n,
                }
            }
        });
        ByHand { requests, reply: PhantomData }
    }

    fn client(&self) -> Handle<R> {
        Handle { requests: self.requests.clone(), replies: R::new() }
    }
}

struct Handle<R> {
    requests: Sender<Request>,
    replies: R,
}

impl<R: Replies> Client for Handle<R> {
    fn call(&mut self, n: u64) -> u64 {
        let (reply, replies) = self.replies.channel();
        self.requests.send(Request::Call(n, reply)).expect("it lives");
        receive(&replies, R::SPINS).expect("it answers")
    }

    fn cast(&mut self, n: u64) {
        self.requests.send(Request::Cast(n)).expect("it lives");
    }
}

/// `None` if there are no senders any more.
fn receive<T>(receiver: &Receiver<T>, spins: bool) -> Option<T> {
    if spins {
        let start = Instant::now();
        while start.elapsed() < SPIN {
            for _ in 0..16 {
                if let Ok(value) = receiver.try_recv() {
                    return Some(value);
                }
                spin_loop();
            }
        }
    }
    receiver.recv().ok()
}

/// Prints what decides the figures: how long a thread takes to yield, and to wake up.
fn print_machine() {
    let mut yields = times(1_000, thread::yield_now);
    yields.sort_unstable();
    let mut wake_ups = wake_ups();
    wake_ups.sort_unstable();
    println!("a yield takes {} ns", yields[500]);
    println!("a parked thread runs {} to {} ns after it was woken", wake_ups[10], wake_ups[90]);
}

fn times(count: usize, mut body: impl FnMut()) -> Vec<u64> {
    (0..count)
        .map(|_| {
            let start = Instant::now();
            body();
            start.elapsed().as_nanos() as u64
        })
        .collect()
}

/// From when a thread is unparked that has been parked for a millisecond until it runs.
fn wake_ups() -> Vec<u64> {
    const COUNT: usize = 100;
    let (tell, told) = mpsc::channel();
    let sleeper = thread::spawn(move || {
        for _ in 0..COUNT {
            thread::park();
            tell.send(Instant::now()).expect("somebody waits");
        }
    });
    (0..COUNT)
        .map(|_| {
            process::sleep(Duration::from_millis(1));
            let start = Instant::now();
            sleeper.thread().unpark();
            (told.recv().expect("it wakes") - start).as_nanos() as u64
        })
        .collect()
}
