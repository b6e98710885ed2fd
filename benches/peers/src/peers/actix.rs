//! Actix, all actors on one arbiter, as they are unless told otherwise: a thread with all of them.
//!
//! It restarts an actor in place, and only one that has stopped itself: a panic ends the arbiter.

use actix::prelude::*;
use tokio::sync::oneshot;

use crate::peer::{Done, Peer};
use crate::work::Job;

pub(crate) struct Actix;

impl Peer for Actix {
    type Node = Addr<Node>;

    const HAS_SUPERVISOR: bool = true;

    fn run<F: Future>(work: F) -> F::Output {
        System::new().block_on(work)
    }

    async fn start(next: Option<Self::Node>) -> Self::Node {
        Node { next, ..Node::default() }.start()
    }

    async fn link(node: &Self::Node, next: Self::Node, done: Done) {
        node.do_send(Link(next, done));
    }

    async fn call(node: &Self::Node, n: u64) -> u64 {
        node.send(Echo(n)).await.unwrap()
    }

    async fn forward(node: &Self::Node, n: u64) -> u64 {
        node.send(Forward(n)).await.unwrap()
    }

    async fn cast(node: &Self::Node, n: u64, more: u64) {
        node.do_send(Add(n, more));
    }

    async fn hop(node: &Self::Node, left: u64) {
        node.do_send(Hop(left));
    }

    async fn give(node: &Self::Node, job: Job) {
        node.do_send(Work(job));
    }

    async fn start_and_stop() {
        let (sender, has_stopped) = oneshot::channel();
        let node = Node { on_stop: Some(sender), ..Node::default() }.start();
        node.do_send(Stop);
        has_stopped.await.unwrap();
    }

    async fn crash(rounds: u64) {
        let child = Supervisor::start(|_| Node::default());
        for n in 0..rounds {
            child.do_send(Stop);
            while child.send(Echo(n)).await.is_err() {
                tokio::task::yield_now().await;
            }
        }
    }
}

#[derive(Default)]
pub(crate) struct Node {
    next: Option<Addr<Node>>,
    total: u64,
    done: Option<Done>,
    on_stop: Option<oneshot::Sender<()>>,
}

impl Actor for Node {
    type Context = Context<Self>;

    fn stopped(&mut self, _: &mut Self::Context) {
        if let Some(on_stop) = self.on_stop.take() {
            on_stop.send(()).unwrap();
        }
    }
}

impl Supervised for Node {}

#[derive(Message)]
#[rtype(u64)]
struct Echo(u64);

#[derive(Message)]
#[rtype(u64)]
struct Forward(u64);

#[derive(Message)]
#[rtype("()")]
struct Add(u64, u64);

#[derive(Message)]
#[rtype("()")]
struct Hop(u64);

#[derive(Message)]
#[rtype("()")]
struct Link(Addr<Node>, Done);

#[derive(Message)]
#[rtype("()")]
struct Work(Job);

#[derive(Message)]
#[rtype("()")]
struct Stop;

impl Handler<Echo> for Node {
    type Result = u64;

    fn handle(&mut self, Echo(n): Echo, _: &mut Self::Context) -> u64 {
        n
    }
}

impl Handler<Forward> for Node {
    type Result = ResponseFuture<u64>;

    fn handle(&mut self, Forward(n): Forward, _: &mut Self::Context) -> Self::Result {
        let request = self.next.as_ref().unwrap().send(Echo(n));
        Box::pin(async { request.await.unwrap() })
    }
}

impl Handler<Add> for Node {
    type Result = ();

    fn handle(&mut self, Add(n, more): Add, _: &mut Self::Context) {
        self.total += n + more;
    }
}

impl Handler<Hop> for Node {
    type Result = ();

    fn handle(&mut self, Hop(left): Hop, _: &mut Self::Context) {
        match left {
            0 => self.done.as_ref().unwrap().send(()).unwrap(),
            _ => self.next.as_ref().unwrap().do_send(Hop(left - 1)),
        }
    }
}

impl Handler<Link> for Node {
    type Result = ();

    fn handle(&mut self, Link(next, done): Link, _: &mut Self::Context) {
        self.next = Some(next);
        self.done = Some(done);
    }
}

impl Handler<Work> for Node {
    type Result = ResponseFuture<()>;

    fn handle(&mut self, Work(job): Work, _: &mut Self::Context) -> Self::Result {
        job.run::<Actix>(self.next.clone())
    }
}

impl Handler<Stop> for Node {
    type Result = ();

    fn handle(&mut self, _: Stop, context: &mut Self::Context) {
        context.stop();
    }
}
