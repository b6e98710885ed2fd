//! Spawned, with its actors as tasks of a multi-threaded runtime. It has no supervisors.

use spawned_concurrency::message::Message;
use spawned_concurrency::tasks::{Actor, ActorRef, ActorStart, Context, Handler};

use super::runtime;
use crate::peer::{Done, Peer};
use crate::work::Job;

pub(crate) struct Spawned;

impl Peer for Spawned {
    type Node = ActorRef<Node>;

    fn run<F: Future>(work: F) -> F::Output {
        runtime::run(work)
    }

    async fn start(next: Option<Self::Node>) -> Self::Node {
        Node { next, total: 0, done: None }.start()
    }

    async fn link(node: &Self::Node, next: Self::Node, done: Done) {
        node.send(Link(next, done)).unwrap();
    }

    async fn call(node: &Self::Node, n: u64) -> u64 {
        node.request(Echo(n)).await.unwrap()
    }

    fn call_from_thread(node: &Self::Node, n: u64) -> u64 {
        runtime::block_on_from_outside(Self::call(node, n))
    }

    async fn forward(node: &Self::Node, n: u64) -> u64 {
        node.request(Forward(n)).await.unwrap()
    }

    async fn cast(node: &Self::Node, n: u64, more: u64) {
        node.send(Add(n, more)).unwrap();
    }

    async fn hop(node: &Self::Node, left: u64) {
        node.send(Hop(left)).unwrap();
    }

    async fn give(node: &Self::Node, job: Job) {
        node.send(Work(job)).unwrap();
    }

    async fn start_and_stop() {
        let node = Node { next: None, total: 0, done: None }.start();
        node.send(Stop).unwrap();
        node.join().await;
    }
}

pub(crate) struct Node {
    next: Option<ActorRef<Node>>,
    total: u64,
    done: Option<Done>,
}

impl Actor for Node {}

struct Echo(u64);
struct Forward(u64);
struct Add(u64, u64);
struct Hop(u64);
struct Link(ActorRef<Node>, Done);
struct Work(Job);
struct Stop;

impl Message for Echo {
    type Result = u64;
}

impl Message for Forward {
    type Result = u64;
}

impl Message for Add {
    type Result = ();
}

impl Message for Hop {
    type Result = ();
}

impl Message for Link {
    type Result = ();
}

impl Message for Work {
    type Result = ();
}

impl Message for Stop {
    type Result = ();
}

impl Handler<Echo> for Node {
    async fn handle(&mut self, Echo(n): Echo, _: &Context<Self>) -> u64 {
        n
    }
}

impl Handler<Forward> for Node {
    async fn handle(&mut self, Forward(n): Forward, _: &Context<Self>) -> u64 {
        self.next.as_ref().unwrap().request(Echo(n)).await.unwrap()
    }
}

impl Handler<Add> for Node {
    async fn handle(&mut self, Add(n, more): Add, _: &Context<Self>) {
        self.total += n + more;
    }
}

impl Handler<Hop> for Node {
    async fn handle(&mut self, Hop(left): Hop, _: &Context<Self>) {
        match left {
            0 => self.done.as_ref().unwrap().send(()).unwrap(),
            _ => self.next.as_ref().unwrap().send(Hop(left - 1)).unwrap(),
        }
    }
}

impl Handler<Link> for Node {
    async fn handle(&mut self, Link(next, done): Link, _: &Context<Self>) {
        self.next = Some(next);
        self.done = Some(done);
    }
}

impl Handler<Work> for Node {
    async fn handle(&mut self, Work(job): Work, _: &Context<Self>) {
        job.run::<Spawned>(self.next.clone()).await;
    }
}

impl Handler<Stop> for Node {
    async fn handle(&mut self, _: Stop, context: &Context<Self>) {
        context.stop();
    }
}
