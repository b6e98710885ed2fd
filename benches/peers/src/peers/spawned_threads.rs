//! Spawned, with its actors as threads. It has no supervisors.

use spawned_concurrency::message::Message;
use spawned_concurrency::threads::{Actor, ActorRef, ActorStart, Context, Handler};

use crate::peer::{Done, Peer, block_on};
use crate::work::Job;

pub(crate) struct Spawned;

impl Peer for Spawned {
    type Node = ActorRef<Node>;

    async fn start(next: Option<Self::Node>) -> Self::Node {
        Node { next, total: 0, done: None }.start()
    }

    async fn link(node: &Self::Node, next: Self::Node, done: Done) {
        node.send(Link(next, done)).unwrap();
    }

    async fn call(node: &Self::Node, n: u64) -> u64 {
        node.request(Echo(n)).unwrap()
    }

    async fn forward(node: &Self::Node, n: u64) -> u64 {
        node.request(Forward(n)).unwrap()
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
        node.join();
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
    fn handle(&mut self, Echo(n): Echo, _: &Context<Self>) -> u64 {
        n
    }
}

impl Handler<Forward> for Node {
    fn handle(&mut self, Forward(n): Forward, _: &Context<Self>) -> u64 {
        self.next.as_ref().unwrap().request(Echo(n)).unwrap()
    }
}

impl Handler<Add> for Node {
    fn handle(&mut self, Add(n, more): Add, _: &Context<Self>) {
        self.total += n + more;
    }
}

impl Handler<Hop> for Node {
    fn handle(&mut self, Hop(left): Hop, _: &Context<Self>) {
        match left {
            0 => self.done.as_ref().unwrap().send(()).unwrap(),
            _ => self.next.as_ref().unwrap().send(Hop(left - 1)).unwrap(),
        }
    }
}

impl Handler<Link> for Node {
    fn handle(&mut self, Link(next, done): Link, _: &Context<Self>) {
        self.next = Some(next);
        self.done = Some(done);
    }
}

impl Handler<Work> for Node {
    fn handle(&mut self, Work(job): Work, _: &Context<Self>) {
        block_on(job.run::<Spawned>(self.next.clone()));
    }
}

impl Handler<Stop> for Node {
    fn handle(&mut self, _: Stop, context: &Context<Self>) {
        context.stop();
    }
}
