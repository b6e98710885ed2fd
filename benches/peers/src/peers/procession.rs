//! This crate: a `gen_server`, started with its defaults.

use std::net::SocketAddr;
use std::thread;
use std::time::Duration;

use procession::io::TcpListener;
use procession::prelude::*;
use procession::supervisor::{ChildSpec, Supervisor};

use crate::echo;
use crate::peer::{Done, Peer, block_on};
use crate::work::Job;

pub(crate) struct Procession;

impl Peer for Procession {
    type Node = ServerRef<Node>;

    const HAS_SUPERVISOR: bool = true;

    async fn start(next: Option<Self::Node>) -> Self::Node {
        Node::start(next).unwrap()
    }

    async fn link(node: &Self::Node, next: Self::Node, done: Done) {
        node.cast(Link { next, done });
    }

    async fn call(node: &Self::Node, n: u64) -> u64 {
        node.call(Echo(n)).unwrap()
    }

    async fn forward(node: &Self::Node, n: u64) -> u64 {
        node.call(Forward(n)).unwrap()
    }

    async fn cast(node: &Self::Node, n: u64, more: u64) {
        node.cast(Add(n, more));
    }

    async fn hop(node: &Self::Node, left: u64) {
        node.cast(Hop(left));
    }

    async fn give(node: &Self::Node, job: Job) {
        node.cast(job);
    }

    async fn start_and_stop() {
        Node::start(None).unwrap().stop().unwrap();
    }

    fn serve_echo() -> Option<SocketAddr> {
        let (listener, address) = echo::listener();
        let listener = TcpListener::try_from(listener).unwrap();
        let accept = move || {
            for stream in listener.incoming() {
                let stream = stream.unwrap();
                stream.set_nodelay(true).unwrap();
                process::spawn(move || echo::serve(&stream)).unwrap();
            }
        };
        process::spawn(accept).unwrap();
        Some(address)
    }

    async fn crash(rounds: u64) {
        let child = || Node::start_link_with(None, StartOptions::new().name(CHILD));
        let supervisor = Supervisor::one_for_one()
            .intensity(usize::MAX, Duration::from_secs(1))
            .child(ChildSpec::new(CHILD, child))
            .start_link()
            .unwrap();
        let child = ServerRef::<Node>::named(CHILD);
        for n in 0..rounds {
            child.cast(Crash);
            while child.call(Echo(n)).is_err() {
                thread::yield_now();
            }
        }
        supervisor.stop().unwrap();
    }
}

const CHILD: &str = "child";

#[derive(Debug)]
pub(crate) struct Node {
    next: Option<ServerRef<Node>>,
    total: u64,
    done: Option<Done>,
}

#[derive(Debug)]
struct Echo(u64);

#[derive(Debug)]
struct Forward(u64);

#[derive(Debug)]
struct Add(u64, u64);

#[derive(Debug)]
struct Hop(u64);

#[derive(Debug)]
struct Crash;

#[derive(Debug)]
struct Link {
    next: ServerRef<Node>,
    done: Done,
}

impl GenServer for Node {
    type Args = Option<ServerRef<Node>>;

    fn init(next: Self::Args) -> InitResult<Self> {
        ready(Node { next, total: 0, done: None })
    }
}

impl HandleCall<Echo> for Node {
    type Reply = u64;

    fn handle_call(&mut self, Echo(n): Echo, _: &Caller<u64>) -> CallResult<Self, Echo> {
        reply(n)
    }
}

impl HandleCall<Forward> for Node {
    type Reply = u64;

    fn handle_call(&mut self, Forward(n): Forward, _: &Caller<u64>) -> CallResult<Self, Forward> {
        reply(self.next.as_ref().unwrap().call(Echo(n))?)
    }
}

impl HandleCast<Add> for Node {
    fn handle_cast(&mut self, Add(n, more): Add) -> CastResult<Self> {
        self.total += n + more;
        noreply()
    }
}

impl HandleCast<Crash> for Node {
    fn handle_cast(&mut self, _: Crash) -> CastResult<Self> {
        panic!("told to crash")
    }
}

impl HandleCast<Hop> for Node {
    fn handle_cast(&mut self, Hop(left): Hop) -> CastResult<Self> {
        match left {
            0 => self.done.as_ref().unwrap().send(()).unwrap(),
            _ => self.next.as_ref().unwrap().cast(Hop(left - 1)),
        }
        noreply()
    }
}

impl HandleCast<Link> for Node {
    fn handle_cast(&mut self, Link { next, done }: Link) -> CastResult<Self> {
        self.next = Some(next);
        self.done = Some(done);
        noreply()
    }
}

impl HandleCast<Job> for Node {
    fn handle_cast(&mut self, job: Job) -> CastResult<Self> {
        block_on(job.run::<Procession>(self.next));
        noreply()
    }
}
