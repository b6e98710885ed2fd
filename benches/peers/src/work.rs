//! The work, written once for all peers but Erlang.

use std::fs;
use std::thread;

use tokio::sync::mpsc::unbounded_channel;

use crate::echo;
use crate::meter::Meter;
use crate::peer::{BoxFuture, Done, Peer, silence_panics};
use crate::subject::Subject;

const CALLERS: usize = 8;
const CONNECTIONS: u64 = 64;
const RING: u64 = 1_000;
const IDLE: usize = 10_000;

/// Messages between two calls that wait until all of them have been handled.
const CASTS: u64 = 10_000;

/// How often one supervisor sees a crash: some look through all the restarts that they remember.
pub(crate) const CRASHES: u64 = 100;

/// Measures; `None` if the peer cannot do it.
pub(crate) async fn measure<P: Peer>(subject: Subject, meter: Meter) -> Option<f64> {
    let value = match subject {
        Subject::Call => by_actors::<P>(Task::Call, 1, 1, meter).await,
        Subject::CallFromThread => from_thread::<P>(meter).await,
        Subject::EightCallers => by_actors::<P>(Task::Call, CALLERS, 1, meter).await,
        Subject::Chain => chain::<P>(meter).await,
        Subject::Cast => by_actors::<P>(Task::Cast, 1, CASTS, meter).await,
        Subject::TwoCasters => by_actors::<P>(Task::Cast, 2, CASTS, meter).await,
        Subject::StartStop => by_actors::<P>(Task::StartStop, 1, 1, meter).await,
        Subject::Ring => ring::<P>(meter).await,
        Subject::Crash if !P::HAS_SUPERVISOR => return None,
        Subject::Crash => by_actors::<P>(Task::Crash, 1, CRASHES, meter).await,
        Subject::Memory => memory::<P>().await,
        Subject::Echo => return echo::time::<P>(1, meter).await,
        Subject::EchoBy64 => return echo::time::<P>(CONNECTIONS, meter).await,
        Subject::EchoProcessor => return echo::processor::<P>(1, meter).await,
        Subject::EchoProcessorBy64 => return echo::processor::<P>(CONNECTIONS, meter).await,
    };
    Some(value)
}

/// What an actor does with the next one.
#[derive(Clone, Copy, Debug)]
enum Task {
    Call,
    Forward,
    Cast,
    StartStop,
    Crash,
}

/// Something for an actor to do a number of times.
#[derive(Debug)]
pub(crate) struct Job {
    task: Task,
    rounds: u64,
    done: Done,
}

impl Job {
    /// Does it, in the actor that was given it.
    pub(crate) fn run<P: Peer>(self, next: Option<P::Node>) -> BoxFuture {
        Box::pin(async move {
            let next = next.expect("who gets a job knows another");
            match self.task {
                Task::Call => {
                    for n in 0..self.rounds {
                        assert_eq!(P::call(&next, n).await, n);
                    }
                }
                Task::Forward => {
                    for n in 0..self.rounds {
                        assert_eq!(P::forward(&next, n).await, n);
                    }
                }
                Task::Cast => {
                    for _ in 0..self.rounds / CASTS {
                        for n in 0..CASTS {
                            P::cast(&next, n, n).await;
                        }
                        P::call(&next, 0).await;
                    }
                }
                Task::StartStop => {
                    for _ in 0..self.rounds {
                        P::start_and_stop().await;
                    }
                }
                Task::Crash => {
                    silence_panics();
                    for _ in 0..self.rounds / CRASHES {
                        P::crash(CRASHES).await;
                    }
                }
            }
            self.done.send(()).expect("somebody waits");
        })
    }
}

/// So many actors do it with one; each does a multiple of `step`.
async fn by_actors<P: Peer>(task: Task, count: usize, step: u64, meter: Meter) -> f64 {
    let server = P::start(None).await;
    let mut actors = Vec::new();
    for _ in 0..count {
        actors.push(P::start(Some(server.clone())).await);
    }
    with_actors::<P>(task, &actors, step, meter).await
}

async fn chain<P: Peer>(meter: Meter) -> f64 {
    let last = P::start(None).await;
    let first = P::start(Some(last)).await;
    let client = P::start(Some(first)).await;
    with_actors::<P>(Task::Forward, &[client], 1, meter).await
}

async fn with_actors<P: Peer>(task: Task, actors: &[P::Node], step: u64, meter: Meter) -> f64 {
    let count = actors.len() as u64;
    let (done, mut all_done) = unbounded_channel();
    let work = async |rounds| {
        for actor in actors {
            P::give(actor, Job { task, rounds: rounds / count, done: done.clone() }).await;
        }
        for _ in actors {
            all_done.recv().await;
        }
    };
    meter.per_round(step * count, work).await
}

async fn from_thread<P: Peer>(meter: Meter) -> f64 {
    let server = &P::start(None).await;
    let (done, mut is_done) = unbounded_channel();
    let work = async |rounds| {
        let (server, done) = (server.clone(), done.clone());
        let client = thread::spawn(move || {
            for n in 0..rounds {
                assert_eq!(P::call_from_thread(&server, n), n);
            }
            done.send(()).expect("somebody waits");
        });
        is_done.recv().await;
        client.join().expect("every call is answered");
    };
    meter.per_round(1, work).await
}

async fn ring<P: Peer>(meter: Meter) -> f64 {
    let mut nodes = Vec::new();
    for _ in 0..RING {
        nodes.push(P::start(None).await);
    }
    let (done, mut is_done) = unbounded_channel();
    let following = nodes.iter().cycle().skip(1);
    for (node, next) in nodes.iter().zip(following) {
        P::link(node, next.clone(), done.clone()).await;
    }
    let work = async |rounds| {
        P::hop(&nodes[0], rounds).await;
        is_done.recv().await;
    };
    meter.per_round(RING, work).await
}

/// Kilobytes of each of the idle actors, which have answered one call.
async fn memory<P: Peer>() -> f64 {
    // So that what there is but once is there.
    P::call(&P::start(None).await, 0).await;
    let mut nodes = Vec::with_capacity(IDLE);
    let before = resident();
    for _ in 0..IDLE {
        nodes.push(P::start(None).await);
    }
    for node in &nodes {
        P::call(node, 0).await;
    }
    (resident() - before) / IDLE as f64
}

/// The resident memory of this process, in kilobytes.
fn resident() -> f64 {
    let status = fs::read_to_string("/proc/self/status").expect("a Linux");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("a VmRSS");
    line.trim().trim_end_matches(" kB").parse().expect("a number of kilobytes")
}
