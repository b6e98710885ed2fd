//! Kameo, on a multi-threaded runtime, with its usual bounded mailboxes.

use std::time::Duration;

use kameo::Actor;
use kameo::actor::{ActorRef, Spawn};
use kameo::message::{Context, Message};

use super::runtime;
use crate::peer::{Done, Peer};
use crate::work::Job;

pub(crate) struct Kameo;

impl Peer for Kameo {
    type Node = ActorRef<Node>;

    const HAS_SUPERVISOR: bool = true;

    fn run<F: Future>(work: F) -> F::Output {
        runtime::run(work)
    }

    async fn start(next: Option<Self::Node>) -> Self::Node {
        Node::spawn(Node { next, ..Node::default() })
    }

    async fn link(node: &Self::Node, next: Self::Node, done: Done) {
        node.tell(Link(next, done)).await.unwrap();
    }

    async fn call(node: &Self::Node, n: u64) -> u64 {
        node.ask(Echo(n)).await.unwrap()
    }

    fn call_from_thread(node: &Self::Node, n: u64) -> u64 {
        node.ask(Echo(n)).blocking_send().unwrap()
    }

    async fn forward(node: &Self::Node, n: u64) -> u64 {
        node.ask(Forward(n)).await.unwrap()
    }

    async fn cast(node: &Self::Node, n: u64, more: u64) {
        node.tell(Add(n, more)).await.unwrap();
    }

    async fn hop(node: &Self::Node, left: u64) {
        node.tell(Hop(left)).await.unwrap();
    }

    async fn give(node: &Self::Node, job: Job) {
        node.tell(job).await.unwrap();
    }

    async fn start_and_stop() {
        let node = Node::spawn(Node::default());
        node.stop_gracefully().await.unwrap();
        node.wait_for_shutdown().await;
    }

    async fn crash(rounds: u64) {
        let supervisor = Supervisor::spawn(Supervisor);
        let child = Node::supervise_with(&supervisor, Node::default)
            .restart_limit(u32::MAX, Duration::from_secs(1))
            .spawn()
            .await;
        for n in 0..rounds {
            child.tell(Crash).await.unwrap();
            while child.ask(Echo(n)).await.is_err() {
                tokio::task::yield_now().await;
            }
        }
        supervisor.stop_gracefully().await.unwrap();
        supervisor.wait_for_shutdown().await;
    }
}

#[derive(Actor)]
struct Supervisor;

#[derive(Actor, Default)]
pub(crate) struct Node {
    next: Option<ActorRef<Node>>,
    total: u64,
    done: Option<Done>,
}

struct Echo(u64);
struct Forward(u64);
struct Add(u64, u64);
struct Hop(u64);
struct Link(ActorRef<Node>, Done);
struct Crash;

impl Message<Echo> for Node {
    type Reply = u64;

    async fn handle(&mut self, Echo(n): Echo, _: &mut Context<Self, u64>) -> u64 {
        n
    }
}

impl Message<Forward> for Node {
    type Reply = u64;

    async fn handle(&mut self, Forward(n): Forward, _: &mut Context<Self, u64>) -> u64 {
        self.next.as_ref().unwrap().ask(Echo(n)).await.unwrap()
    }
}

impl Message<Add> for Node {
    type Reply = ();

    async fn handle(&mut self, Add(n, more): Add, _: &mut Context<Self, ()>) {
        self.total += n + more;
    }
}

impl Message<Hop> for Node {
    type Reply = ();

    async fn handle(&mut self, Hop(left): Hop, _: &mut Context<Self, ()>) {
        match left {
            0 => self.done.as_ref().unwrap().send(()).unwrap(),
            _ => self.next.as_ref().unwrap().tell(Hop(left - 1)).await.unwrap(),
        }
    }
}

impl Message<Link> for Node {
    type Reply = ();

    async fn handle(&mut self, Link(next, done): Link, _: &mut Context<Self, ()>) {
        self.next = Some(next);
        self.done = Some(done);
    }
}

impl Message<Job> for Node {
    type Reply = ();

    async fn handle(&mut self, job: Job, _: &mut Context<Self, ()>) {
        job.run::<Kameo>(self.next.clone()).await;
    }
}

impl Message<Crash> for Node {
    type Reply = ();

    async fn handle(&mut self, _: Crash, _: &mut Context<Self, ()>) {
        panic!("told to crash");
    }
}
