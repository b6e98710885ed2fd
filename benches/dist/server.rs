//! The server of a node of this kind, and what its clients measure.

use std::hint::black_box;
use std::thread;
use std::time::{Duration, Instant};

use procession::gen_server::{Requests, Wire};
use procession::prelude::*;
use procession::term::Term;
use procession::{Destination, Node};
use serde::{Deserialize, Serialize};

use crate::erlang::CASTS;
use crate::floor::{BULK, MEBIBYTES, SLICE};
use crate::harness::{in_thread, mean_of, nanos};

/// How many requests are under way at once.
const REQUESTS: usize = 100;
/// How many clients call at once, and how often each.
const CLIENTS: u32 = 8;
const CALLS: u32 = 500;

/// Only where something is wrong an answer takes so long.
const LONG: Duration = Duration::from_secs(20);

/// What `dist_bench.erl` has, too.
#[derive(Debug)]
pub(crate) struct Bench {
    total: u64,
}

#[derive(Debug, Serialize, Deserialize)]
struct Echo(u64);

/// Asks how many bytes have come.
#[derive(Debug, Serialize, Deserialize)]
struct Total;

#[derive(Debug, Serialize, Deserialize)]
struct Add(String);

#[derive(Debug, Serialize, Deserialize)]
struct Bulk(Term);

impl Wire for Bench {
    fn requests(accept: &mut Requests<Bench>) {
        accept.call::<Echo>("echo");
        accept.call::<Total>("total");
        accept.cast::<Add>("add");
        accept.cast::<Bulk>("bulk");
    }
}

impl GenServer for Bench {
    type Args = ();

    fn init((): ()) -> InitResult<Bench> {
        ready(Bench { total: 0 })
    }
}

impl HandleCall<Echo> for Bench {
    type Reply = u64;

    fn handle_call(&mut self, Echo(n): Echo, _: &Caller<u64>) -> CallResult<Bench, Echo> {
        reply(n)
    }
}

impl HandleCall<Total> for Bench {
    type Reply = u64;

    fn handle_call(&mut self, Total: Total, _: &Caller<u64>) -> CallResult<Bench, Total> {
        reply(self.total)
    }
}

impl HandleCast<Add> for Bench {
    fn handle_cast(&mut self, Add(text): Add) -> CastResult<Bench> {
        self.total += text.len() as u64;
        noreply()
    }
}

impl HandleCast<Bulk> for Bench {
    fn handle_cast(&mut self, Bulk(term): Bulk) -> CastResult<Bench> {
        let Term::Binary(bytes) = term else { return stop(ExitReason::new("no binary")) };
        self.total += bytes.len() as u64;
        noreply()
    }
}

/// The server on a node.
#[derive(Debug)]
pub(crate) struct There(ServerRef<Bench, Destination>);

impl There {
    pub(crate) fn on(node: &str) -> There {
        There(ServerRef::on(Node::named(node), "bench"))
    }

    /// Nanoseconds for a call.
    pub(crate) fn calls(&self) -> f64 {
        in_thread(|| SLICE.mean(|| _ = black_box(self.0.call(Echo(black_box(1))).unwrap())))
    }

    /// Nanoseconds for a request of a client that makes many before it takes their answers.
    pub(crate) fn requests(&self) -> f64 {
        let make_many = || {
            let requests = [(); REQUESTS].map(|()| self.0.send_request(Echo(black_box(1))));
            requests.into_iter().for_each(|it| _ = black_box(it.receive_response(LONG).unwrap()));
        };
        in_thread(|| SLICE.mean(make_many) / REQUESTS as f64)
    }

    /// Nanoseconds for a call, if several clients call at once.
    pub(crate) fn calls_at_once(&self) -> f64 {
        let call = || (0..CALLS).for_each(|_| _ = black_box(self.0.call(Echo(1)).unwrap()));
        mean_of(CLIENTS * CALLS, || {
            thread::scope(|scope| (0..CLIENTS).for_each(|_| _ = scope.spawn(call)));
        })
    }

    /// Nanoseconds for a cast of 64 bytes.
    pub(crate) fn casts(&self) -> f64 {
        let text = "x".repeat(64);
        in_thread(|| {
            let before = self.0.call(Total).unwrap();
            mean_of(CASTS, || {
                (0..CASTS).for_each(|_| self.0.cast(Add(text.clone())));
                assert_eq!(self.0.call(Total).unwrap(), before + 64 * u64::from(CASTS));
            })
        })
    }

    /// Nanoseconds for a mebibyte of a large cast.
    pub(crate) fn bulk(&self) -> f64 {
        let binary = Term::Binary(vec![7; BULK].into());
        in_thread(|| {
            let before = self.0.call(Total).unwrap();
            let start = Instant::now();
            self.0.cast(Bulk(binary));
            assert_eq!(self.0.call(Total).unwrap(), before + BULK as u64);
            nanos(start.elapsed()) / MEBIBYTES
        })
    }
}
