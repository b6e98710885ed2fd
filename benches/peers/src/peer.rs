//! What a peer has to offer, so that the work can be done on it.
//!
//! The work is written once, with futures, for peers that await as for those that block. A peer
//! that blocks does so inside its futures: they are ready when first polled, and the compiler
//! leaves nothing of them.

use std::net::SocketAddr;
use std::panic;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, Thread};

use tokio::sync::mpsc::UnboundedSender;

use crate::work::Job;

/// Where one says that one is done.
pub(crate) type Done = UnboundedSender<()>;

/// An actor library, or what stands in for one.
///
/// Its actors are all alike. One may know another, the next one.
pub(crate) trait Peer: Sized + 'static {
    /// An actor's address.
    type Node: Clone + Send + Sync + 'static;

    /// Whether it has supervisors; then there is [`crash`](Self::crash).
    const HAS_SUPERVISOR: bool = false;

    /// Runs `work` where actors can be started.
    fn run<F: Future>(work: F) -> F::Output {
        block_on(work)
    }

    fn start(next: Option<Self::Node>) -> impl Future<Output = Self::Node> + Send;

    /// Makes `next` the next one; `done` is told of a message that has hopped as far as it should.
    fn link(node: &Self::Node, next: Self::Node, done: Done) -> impl Future<Output = ()> + Send;

    /// Calls an actor, which replies with `n`.
    fn call(node: &Self::Node, n: u64) -> impl Future<Output = u64> + Send;

    /// As [`call`](Self::call), from a thread that has nothing to do with the peer.
    fn call_from_thread(node: &Self::Node, n: u64) -> u64 {
        block_on(Self::call(node, n))
    }

    /// Calls an actor, which replies with what the next one replies to a [`call`](Self::call).
    fn forward(node: &Self::Node, n: u64) -> impl Future<Output = u64> + Send;

    /// Sends a message, which is added up.
    fn cast(node: &Self::Node, n: u64, more: u64) -> impl Future<Output = ()> + Send;

    /// Sends a message that hops from one actor to the next so many times more.
    fn hop(node: &Self::Node, left: u64) -> impl Future<Output = ()> + Send;

    /// Sends an actor a job, which it does with the next one: [`Job::run`].
    fn give(node: &Self::Node, job: Job) -> impl Future<Output = ()> + Send;

    /// Starts an actor, stops it, and waits until it has ended.
    fn start_and_stop() -> impl Future<Output = ()> + Send;

    /// Starts a server that sends back what comes, with something of its own for each connection;
    /// `None` if the peer has nothing to do with sockets.
    fn serve_echo() -> Option<SocketAddr> {
        None
    }

    /// Starts an actor under a supervisor and, `rounds` times, has it crash and calls it until it
    /// answers; then stops both.
    fn crash(rounds: u64) -> impl Future<Output = ()> + Send {
        async move { unreachable!("{rounds} crashes without a supervisor") }
    }
}

/// Waits for a future on this thread, without a runtime.
pub(crate) fn block_on<F: Future>(future: F) -> F::Output {
    let mut future = pin!(future);
    let waker = Waker::from(Arc::new(Unpark(thread::current())));
    loop {
        match future.as_mut().poll(&mut Context::from_waker(&waker)) {
            Poll::Ready(output) => return output,
            Poll::Pending => thread::park(),
        }
    }
}

struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

/// A future that an actor can run.
pub(crate) type BoxFuture = Pin<Box<dyn Future<Output = ()> + Send>>;

/// Has crashes pass in silence: they are meant.
pub(crate) fn silence_panics() {
    panic::set_hook(Box::new(|_| ()));
}
