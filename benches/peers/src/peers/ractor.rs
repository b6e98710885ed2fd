//! Ractor, on a multi-threaded runtime. Its supervisor is written by hand, as its users do: an
//! actor that hears of the end of those that it is linked to, and starts another.

use ractor::rpc::CallResult;
use ractor::{Actor, ActorProcessingErr, ActorRef, RpcReplyPort, SupervisionEvent};

use super::runtime;
use crate::peer::{Done, Peer};
use crate::work::Job;

pub(crate) struct Ractor;

impl Peer for Ractor {
    type Node = ActorRef<Message>;

    const HAS_SUPERVISOR: bool = true;

    fn run<F: Future>(work: F) -> F::Output {
        runtime::run(work)
    }

    async fn start(next: Option<Self::Node>) -> Self::Node {
        Actor::spawn(None, Node, next).await.unwrap().0
    }

    async fn link(node: &Self::Node, next: Self::Node, done: Done) {
        node.cast(Message::Link(next, done)).unwrap();
    }

    async fn call(node: &Self::Node, n: u64) -> u64 {
        node.call(|reply| Message::Echo(n, reply), None).await.unwrap().unwrap()
    }

    fn call_from_thread(node: &Self::Node, n: u64) -> u64 {
        runtime::block_on_from_outside(Self::call(node, n))
    }

    async fn forward(node: &Self::Node, n: u64) -> u64 {
        node.call(|reply| Message::Forward(n, reply), None).await.unwrap().unwrap()
    }

    async fn cast(node: &Self::Node, n: u64, more: u64) {
        node.cast(Message::Add(n, more)).unwrap();
    }

    async fn hop(node: &Self::Node, left: u64) {
        node.cast(Message::Hop(left)).unwrap();
    }

    async fn give(node: &Self::Node, job: Job) {
        node.cast(Message::Job(job)).unwrap();
    }

    async fn start_and_stop() {
        let (node, task) = Actor::spawn(None, Node, None).await.unwrap();
        node.stop(None);
        task.await.unwrap();
    }

    async fn crash(rounds: u64) {
        let (supervisor, task) = Actor::spawn(None, Supervisor, ()).await.unwrap();
        for n in 0..rounds {
            child().unwrap().cast(Message::Crash).unwrap();
            while !answers(n).await {
                tokio::task::yield_now().await;
            }
        }
        supervisor.stop(None);
        task.await.unwrap();
        while child().is_some() {
            tokio::task::yield_now().await;
        }
    }
}

const CHILD: &str = "child";

fn child() -> Option<ActorRef<Message>> {
    ActorRef::where_is(CHILD)
}

async fn answers(n: u64) -> bool {
    let Some(child) = child() else { return false };
    let result = child.call(|reply| Message::Echo(n, reply), None).await;
    matches!(result, Ok(CallResult::Success(_)))
}

struct Supervisor;

impl Actor for Supervisor {
    type Msg = ();
    type State = ();
    type Arguments = ();

    async fn pre_start(&self, me: ActorRef<()>, (): ()) -> Result<(), ActorProcessingErr> {
        Actor::spawn_linked(Some(CHILD.into()), Node, None, me.into()).await?;
        Ok(())
    }

    async fn handle_supervisor_evt(
        &self,
        me: ActorRef<()>,
        event: SupervisionEvent,
        (): &mut (),
    ) -> Result<(), ActorProcessingErr> {
        if let SupervisionEvent::ActorFailed(..) = event {
            Actor::spawn_linked(Some(CHILD.into()), Node, None, me.into()).await?;
        }
        Ok(())
    }
}

struct Node;

pub(crate) struct State {
    next: Option<ActorRef<Message>>,
    total: u64,
    done: Option<Done>,
}

pub(crate) enum Message {
    Echo(u64, RpcReplyPort<u64>),
    Forward(u64, RpcReplyPort<u64>),
    Add(u64, u64),
    Hop(u64),
    Link(ActorRef<Message>, Done),
    Job(Job),
    Crash,
}

impl Actor for Node {
    type Msg = Message;
    type State = State;
    type Arguments = Option<ActorRef<Message>>;

    async fn pre_start(
        &self,
        _: ActorRef<Message>,
        next: Self::Arguments,
    ) -> Result<State, ActorProcessingErr> {
        Ok(State { next, total: 0, done: None })
    }

    async fn handle(
        &self,
        _: ActorRef<Message>,
        message: Message,
        state: &mut State,
    ) -> Result<(), ActorProcessingErr> {
        match message {
            Message::Echo(n, reply) => reply.send(n)?,
            Message::Forward(n, reply) => {
                reply.send(Ractor::call(state.next.as_ref().unwrap(), n).await)?;
            }
            Message::Add(n, more) => state.total += n + more,
            Message::Hop(0) => state.done.as_ref().unwrap().send(())?,
            Message::Hop(left) => state.next.as_ref().unwrap().cast(Message::Hop(left - 1))?,
            Message::Link(next, done) => {
                state.next = Some(next);
                state.done = Some(done);
            }
            Message::Job(job) => job.run::<Ractor>(state.next.clone()).await,
            Message::Crash => panic!("told to crash"),
        }
        Ok(())
    }
}
