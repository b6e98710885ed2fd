//! What a program would do without any library: a thread with a channel, and a channel for replies.
//! With the channels of the standard library and with crossbeam's, of which a reply channel is new
//! for each call, or kept, or kept and looked at for a while before its thread blocks.

use std::hint;
use std::net::SocketAddr;
use std::sync::mpsc;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use crate::echo;
use crate::peer::{Done, Peer, block_on};
use crate::work::Job;

/// Threads with the channels of the standard library.
pub(crate) type Mpsc = Threads<StdChannels>;

/// Threads with the channels of crossbeam; a reply through a new `bounded(1)`.
pub(crate) type Crossbeam = Threads<CrossbeamChannels<New>>;

/// The same with a channel for replies that each caller keeps.
pub(crate) type CrossbeamKept = Threads<CrossbeamChannels<Kept>>;

/// The same; and whoever receives spins for [`SPIN`] before it blocks.
pub(crate) type CrossbeamSpin = Threads<CrossbeamChannels<KeptWithSpin>>;

/// Longer than it takes to wake a thread.
const SPIN: Duration = Duration::from_micros(50);

pub(crate) struct Threads<C>(C);

/// Makes channels and uses them.
pub(crate) trait Channels: Sized + 'static {
    /// Whether an echo is measured: channels have no part in it, so once is enough.
    const SERVES_ECHO: bool = false;

    type Sender<T: Send + 'static>: Clone + Send + Sync + 'static;
    type Receiver<T: Send + 'static>: Send + 'static;

    fn mailbox<T: Send + 'static>() -> (Self::Sender<T>, Self::Receiver<T>);
    fn reply() -> (Self::Sender<u64>, Self::Receiver<u64>);
    fn send<T: Send + 'static>(sender: &Self::Sender<T>, value: T);
    /// `None` if there are no senders.
    fn receive<T: Send + 'static>(receiver: &Self::Receiver<T>) -> Option<T>;
}

pub(crate) struct StdChannels;

impl Channels for StdChannels {
    const SERVES_ECHO: bool = true;

    type Sender<T: Send + 'static> = mpsc::Sender<T>;
    type Receiver<T: Send + 'static> = mpsc::Receiver<T>;

    fn mailbox<T: Send + 'static>() -> (Self::Sender<T>, Self::Receiver<T>) {
        mpsc::channel()
    }

    fn reply() -> (Self::Sender<u64>, Self::Receiver<u64>) {
        mpsc::channel()
    }

    fn send<T: Send + 'static>(sender: &Self::Sender<T>, value: T) {
        sender.send(value).unwrap();
    }

    fn receive<T: Send + 'static>(receiver: &Self::Receiver<T>) -> Option<T> {
        receiver.recv().ok()
    }
}

pub(crate) struct CrossbeamChannels<W>(W);

type ReplyChannel = (crossbeam_channel::Sender<u64>, crossbeam_channel::Receiver<u64>);

/// How replies come.
pub(crate) trait Way: 'static {
    const SPIN: Duration = Duration::ZERO;

    fn reply() -> ReplyChannel {
        thread_local! {
            static KEPT: ReplyChannel = crossbeam_channel::bounded(1);
        }
        KEPT.with(Clone::clone)
    }
}

pub(crate) struct New;
pub(crate) struct Kept;
pub(crate) struct KeptWithSpin;

impl Way for New {
    fn reply() -> ReplyChannel {
        crossbeam_channel::bounded(1)
    }
}

impl Way for Kept {}

impl Way for KeptWithSpin {
    const SPIN: Duration = SPIN;
}

impl<W: Way> Channels for CrossbeamChannels<W> {
    type Sender<T: Send + 'static> = crossbeam_channel::Sender<T>;
    type Receiver<T: Send + 'static> = crossbeam_channel::Receiver<T>;

    fn mailbox<T: Send + 'static>() -> (Self::Sender<T>, Self::Receiver<T>) {
        crossbeam_channel::unbounded()
    }

    fn reply() -> (Self::Sender<u64>, Self::Receiver<u64>) {
        W::reply()
    }

    fn send<T: Send + 'static>(sender: &Self::Sender<T>, value: T) {
        sender.send(value).unwrap();
    }

    fn receive<T: Send + 'static>(receiver: &Self::Receiver<T>) -> Option<T> {
        const LOOKS_PER_TIME: u32 = 16;
        if !W::SPIN.is_zero() {
            let start = Instant::now();
            while start.elapsed() < W::SPIN {
                for _ in 0..LOOKS_PER_TIME {
                    if let Ok(value) = receiver.try_recv() {
                        return Some(value);
                    }
                    hint::spin_loop();
                }
            }
        }
        receiver.recv().ok()
    }
}

impl<C: Channels> Peer for Threads<C> {
    type Node = Node<C>;

    async fn start(next: Option<Node<C>>) -> Node<C> {
        start(next).0
    }

    async fn link(node: &Node<C>, next: Node<C>, done: Done) {
        node.send(Message::Link(next, done));
    }

    async fn call(node: &Node<C>, n: u64) -> u64 {
        node.call(n)
    }

    async fn forward(node: &Node<C>, n: u64) -> u64 {
        let (reply, replies) = C::reply();
        node.send(Message::Forward(n, reply));
        C::receive(&replies).unwrap()
    }

    async fn cast(node: &Node<C>, n: u64, more: u64) {
        node.send(Message::Add(n, more));
    }

    async fn hop(node: &Node<C>, left: u64) {
        node.send(Message::Hop(left));
    }

    async fn give(node: &Node<C>, job: Job) {
        node.send(Message::Job(job));
    }

    fn serve_echo() -> Option<SocketAddr> {
        if !C::SERVES_ECHO {
            return None;
        }
        let (listener, address) = echo::listener();
        thread::spawn(move || {
            for stream in listener.incoming() {
                let stream = stream.unwrap();
                stream.set_nodelay(true).unwrap();
                thread::spawn(move || echo::serve(&stream));
            }
        });
        Some(address)
    }

    async fn start_and_stop() {
        let (node, thread) = start::<C>(None);
        node.send(Message::Stop);
        thread.join().unwrap();
    }
}

pub(crate) struct Node<C: Channels>(C::Sender<Message<C>>);

impl<C: Channels> Clone for Node<C> {
    fn clone(&self) -> Self {
        Node(self.0.clone())
    }
}

impl<C: Channels> Node<C> {
    fn send(&self, message: Message<C>) {
        C::send(&self.0, message);
    }

    fn call(&self, n: u64) -> u64 {
        let (reply, replies) = C::reply();
        self.send(Message::Echo(n, reply));
        C::receive(&replies).unwrap()
    }
}

pub(crate) enum Message<C: Channels> {
    Echo(u64, C::Sender<u64>),
    Forward(u64, C::Sender<u64>),
    Add(u64, u64),
    Hop(u64),
    Link(Node<C>, Done),
    Job(Job),
    Stop,
}

fn start<C: Channels>(next: Option<Node<C>>) -> (Node<C>, JoinHandle<()>) {
    let (sender, messages) = C::mailbox();
    (Node(sender), thread::spawn(move || serve::<C>(&messages, next)))
}

fn serve<C: Channels>(messages: &C::Receiver<Message<C>>, mut next: Option<Node<C>>) {
    let mut total = 0;
    let mut finished = None;
    while let Some(message) = C::receive(messages) {
        match message {
            Message::Echo(n, reply) => C::send(&reply, n),
            Message::Forward(n, reply) => C::send(&reply, next.as_ref().unwrap().call(n)),
            Message::Add(n, more) => total += n + more,
            Message::Hop(0) => Done::send(finished.as_ref().unwrap(), ()).unwrap(),
            Message::Hop(left) => next.as_ref().unwrap().send(Message::Hop(left - 1)),
            Message::Link(following, done) => (next, finished) = (Some(following), Some(done)),
            Message::Job(job) => block_on(job.run::<Threads<C>>(next.clone())),
            Message::Stop => break,
        }
    }
    std::hint::black_box(total);
}
