//! Tokio by hand: a task with an unbounded mpsc channel, and a oneshot for each reply.

use std::net::SocketAddr;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use super::runtime;
use crate::echo;
use crate::peer::{Done, Peer};
use crate::work::Job;

pub(crate) struct Tokio;

impl Peer for Tokio {
    type Node = Node;

    fn run<F: Future>(work: F) -> F::Output {
        runtime::run(work)
    }

    async fn start(next: Option<Node>) -> Node {
        start(next).0
    }

    async fn link(node: &Node, next: Node, done: Done) {
        node.send(Message::Link(next, done));
    }

    async fn call(node: &Node, n: u64) -> u64 {
        node.call(n).await
    }

    fn call_from_thread(node: &Node, n: u64) -> u64 {
        let (reply, replied) = oneshot::channel();
        node.send(Message::Echo(n, reply));
        replied.blocking_recv().unwrap()
    }

    async fn forward(node: &Node, n: u64) -> u64 {
        let (reply, replied) = oneshot::channel();
        node.send(Message::Forward(n, reply));
        replied.await.unwrap()
    }

    async fn cast(node: &Node, n: u64, more: u64) {
        node.send(Message::Add(n, more));
    }

    async fn hop(node: &Node, left: u64) {
        node.send(Message::Hop(left));
    }

    async fn give(node: &Node, job: Job) {
        node.send(Message::Job(job));
    }

    fn serve_echo() -> Option<SocketAddr> {
        let (listener, address) = echo::listener();
        listener.set_nonblocking(true).unwrap();
        let listener = TcpListener::from_std(listener).unwrap();
        tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                stream.set_nodelay(true).unwrap();
                tokio::spawn(serve_echo(stream));
            }
        });
        Some(address)
    }

    async fn start_and_stop() {
        let (node, task) = start(None);
        node.send(Message::Stop);
        task.await.unwrap();
    }
}

#[derive(Clone)]
pub(crate) struct Node(UnboundedSender<Message>);

impl Node {
    fn send(&self, message: Message) {
        self.0.send(message).unwrap();
    }

    async fn call(&self, n: u64) -> u64 {
        let (reply, replied) = oneshot::channel();
        self.send(Message::Echo(n, reply));
        replied.await.unwrap()
    }
}

enum Message {
    Echo(u64, oneshot::Sender<u64>),
    Forward(u64, oneshot::Sender<u64>),
    Add(u64, u64),
    Hop(u64),
    Link(Node, Done),
    Job(Job),
    Stop,
}

fn start(next: Option<Node>) -> (Node, JoinHandle<()>) {
    let (sender, messages) = unbounded_channel();
    (Node(sender), tokio::spawn(serve(messages, next)))
}

/// As [`echo::serve`].
async fn serve_echo(mut stream: TcpStream) {
    let mut buffer = [0; echo::SIZE];
    while let Ok(count @ 1..) = stream.read(&mut buffer).await {
        stream.write_all(&buffer[..count]).await.unwrap();
    }
}

async fn serve(mut messages: UnboundedReceiver<Message>, mut next: Option<Node>) {
    let mut total = 0;
    let mut finished = None;
    while let Some(message) = messages.recv().await {
        match message {
            Message::Echo(n, reply) => reply.send(n).unwrap(),
            Message::Forward(n, reply) => {
                reply.send(next.as_ref().unwrap().call(n).await).unwrap();
            }
            Message::Add(n, more) => total += n + more,
            Message::Hop(0) => Done::send(finished.as_ref().unwrap(), ()).unwrap(),
            Message::Hop(left) => next.as_ref().unwrap().send(Message::Hop(left - 1)),
            Message::Link(following, done) => (next, finished) = (Some(following), Some(done)),
            Message::Job(job) => job.run::<Tokio>(next.clone()).await,
            Message::Stop => break,
        }
    }
    std::hint::black_box(total);
}
