//! The server of global names of a program that is a node: what it has to do with those of other
//! nodes, and carries out what the [cluster](super::cluster) says.

use std::collections::{HashMap, HashSet};
use std::hash::{BuildHasher, RandomState};

use log::Level;

use crate::call::{Caller, ReplyTo};
use crate::gen_server::{RemoteServer, RequestIds};
use crate::id::{Node, Pid};
use crate::message::{Destination, Message, Timeout};
use crate::node;
use crate::node::{MonitorNodesOptions, NodeDown, NodeDownInfo, NodeType, NodeUpInfo};
use crate::process;
use crate::process::Builder;
use crate::term::{Term, atom};
use crate::timer;
use crate::user_code::log_caught;

use super::acts::{Act, Clash, Context, Own, Ticket, Timer};
use super::cluster::{Cluster, Verdict};
use super::dice::Dice;
use super::judge;
use super::named::{Job, Outcome};
use super::names::NAME;
use super::said::{Asked, Said, Tag};
use super::spelling;
use super::tables::Kept;

/// What the server has to do with others.
#[derive(Debug)]
pub(super) struct Elsewhere {
    own: Own,
    cluster: Cluster,
    /// What other servers are to answer, with the numbers of rounds.
    calls: RequestIds<Term, (Node, u64)>,
    /// Nodes that are monitored until they are connected.
    dialled: HashSet<Node>,
    clients: HashMap<Ticket, ReplyTo<Outcome>>,
    last_ticket: Ticket,
}

/// The clashes of a session are resolved.
#[derive(Debug)]
struct Resolved(Node, Tag, Vec<(Clash, Verdict)>);

impl Elsewhere {
    /// Begins to hear of other nodes, for the server that the caller is.
    pub(super) fn new() -> Elsewhere {
        let random = RandomState::new();
        let own = Own {
            node: Node::local(),
            server: process::self_pid(),
            // Smaller than what a term of one word can be.
            creation: i64::try_from(random.hash_one("creation") >> 8).unwrap_or(0),
            dice: Dice::new(random.hash_one("dice")),
            rounds: 0,
        };
        node::monitor_nodes_with(true, MonitorNodesOptions::new().node_type(NodeType::Visible));
        // Those have heard of a server that was here before: what it had is not here.
        Node::list().into_iter().for_each(disconnect);
        Elsewhere {
            own,
            cluster: Cluster::default(),
            calls: RequestIds::new(),
            dialled: HashSet::new(),
            clients: HashMap::new(),
            last_ticket: 0,
        }
    }

    /// This program is a visible node from now on, or not for much longer.
    pub(super) fn set_member(&mut self, is_member: bool) {
        if is_member { self.cluster.join() } else { self.cluster.leave() }
    }

    /// Does something on all nodes. Returns the outcome, if it is known at once.
    pub(super) fn add(
        &mut self,
        job: Job,
        caller: &Caller<Outcome>,
        kept: &mut Kept,
    ) -> Option<Outcome> {
        self.wait_for(caller, kept, |cluster, cx, ticket| cluster.add(cx, ticket, job))
    }

    /// Waits until all nodes that this one is connected with have the same names.
    pub(super) fn sync(&mut self, caller: &Caller<Outcome>, kept: &mut Kept) -> Option<Outcome> {
        let nodes = Node::list();
        self.wait_for(caller, kept, |cluster, cx, ticket| cluster.sync(cx, ticket, nodes))
    }

    fn wait_for(
        &mut self,
        caller: &Caller<Outcome>,
        kept: &mut Kept,
        begin: impl FnOnce(&mut Cluster, &mut Context<'_>, Ticket),
    ) -> Option<Outcome> {
        self.last_ticket += 1;
        let ticket = self.last_ticket;
        let answers = self.run(kept, |cluster, cx| begin(cluster, cx, ticket));
        let outcome = self.answer(answers, ticket);
        if outcome.is_none() {
            self.clients.insert(ticket, caller.defer());
        }
        outcome
    }

    /// Does what a process of another node asks for, or one of this node that sets locks itself.
    pub(super) fn ask(&mut self, asked: &Asked, from: Pid, kept: &mut Kept) -> bool {
        let mut is_done = false;
        self.tell(kept, |_, cx| is_done = cx.ask(asked, from));
        is_done
    }

    /// Another server says something.
    pub(super) fn said(&mut self, said: Said, kept: &mut Kept) {
        self.tell(kept, |cluster, cx| cluster.hear(cx, said));
    }

    /// Takes a message about other nodes, or from them. Returns it if it is none of these.
    pub(super) fn hear(&mut self, message: Message, kept: &mut Kept) -> Result<(), Message> {
        let message = match self.calls.check_response(message) {
            Ok((answer, (node, round))) => {
                let answer = answer.ok().map(|term| term != atom("false").into());
                self.tell(kept, |cluster, cx| cluster.answered(cx, round, (node, answer)));
                return Ok(());
            }
            Err(message) => message,
        };
        if let Some(NodeUpInfo { node, .. }) = message.downcast_ref() {
            let node = *node;
            if self.dialled.remove(&node) {
                _ = node::monitor_node(node, false);
            }
            self.tell(kept, |cluster, cx| cluster.node_up(cx, node));
        } else if let Some(NodeDownInfo { node, .. }) = message.downcast_ref() {
            self.down(*node, kept);
        } else if let Some(NodeDown(node)) = message.downcast_ref() {
            // It could not be dialled; if it could, its end is told by the other message.
            if self.dialled.remove(node) {
                let own = Node::local();
                warn(&format!("global at {own} failed to connect to {node}"));
                self.down(*node, kept);
            }
        } else {
            return self.hear_of_own(message, kept);
        }
        Ok(())
    }

    fn hear_of_own(&mut self, message: Message, kept: &mut Kept) -> Result<(), Message> {
        let message = match message.downcast::<Said>() {
            Ok(said) => {
                self.said(said, kept);
                return Ok(());
            }
            Err(message) => message,
        };
        let message = match message.downcast::<Timeout<Timer>>() {
            Ok(Timeout { value, .. }) => {
                self.tell(kept, |cluster, cx| cluster.wake(cx, value));
                return Ok(());
            }
            Err(message) => message,
        };
        let message = match message.downcast::<NotThere>() {
            Ok(NotThere(node, round)) => {
                self.tell(kept, |cluster, cx| cluster.answered(cx, round, (node, None)));
                return Ok(());
            }
            Err(message) => message,
        };
        let Resolved(node, tag, verdicts) = message.downcast()?;
        self.tell(kept, |cluster, cx| cluster.resolved(cx, (node, tag), verdicts));
        Ok(())
    }

    fn down(&mut self, node: Node, kept: &mut Kept) {
        self.tell(kept, |cluster, cx| cluster.node_down(cx, node));
    }

    /// Has something happen, and answers those whom that concerns.
    fn tell(&mut self, kept: &mut Kept, event: impl FnOnce(&mut Cluster, &mut Context<'_>)) {
        let answers = self.run(kept, event);
        self.answer(answers, 0);
    }

    /// Answers, but not who has this ticket: its outcome is returned.
    fn answer(&mut self, answers: Vec<(Ticket, Outcome)>, own: Ticket) -> Option<Outcome> {
        let mut of_own = None;
        for (ticket, outcome) in answers {
            if ticket == own {
                of_own = Some(outcome);
            } else if let Some(client) = self.clients.remove(&ticket) {
                client.reply(outcome);
            }
        }
        of_own
    }

    /// Has something happen, and does what follows from it. Returns who is to be answered.
    fn run(
        &mut self,
        kept: &mut Kept,
        event: impl FnOnce(&mut Cluster, &mut Context<'_>),
    ) -> Vec<(Ticket, Outcome)> {
        self.own.node = Node::local();
        let (mut acts, mut answers) = (Vec::new(), Vec::new());
        let mut cx = Context { own: &mut self.own, tables: kept, acts: &mut acts };
        event(&mut self.cluster, &mut cx);
        for act in acts {
            match act {
                Act::Say(node, said) => self.say(node, &said),
                Act::SayTo(pid, said) => {
                    Destination::Pid(pid).notify(Message::new(spelling::write_to_locker(&said)));
                }
                Act::Call(node, asked, round) => self.call(node, &asked, round),
                Act::Connect(node) => self.connect(node),
                Act::Disconnect(node) => disconnect(node),
                Act::Wake(timer, after) => {
                    _ = timer::start_timer(after, process::self_pid(), timer)
                }
                Act::Resolve(node, tag, clashes) => resolve(node, tag, clashes),
                Act::Answer(ticket, outcome) => answers.push((ticket, outcome)),
                Act::Warn(text) => warn(&text),
            }
        }
        answers
    }

    /// Sends what is said, unless there is no connection, nor is to be one. It does not wait if
    /// that cannot leave at once.
    fn say(&self, node: Node, said: &Said) {
        if self.is_there(node) {
            Destination::from((NAME, node)).notify(Message::new(spelling::write(said)));
        }
    }

    /// Returns whether what is sent to a node does not make a connection that nobody wants.
    fn is_there(&self, node: Node) -> bool {
        self.dialled.contains(&node) || Node::list().contains(&node)
    }

    fn call(&mut self, node: Node, asked: &Asked, round: u64) {
        let request = spelling::write_asked(asked);
        let request =
            self.is_there(node).then(|| RemoteServer::on(node, NAME).send_request(&request));
        match request {
            Some(Ok(request)) => self.calls.add(request, (node, round)),
            Some(Err(_)) | None => process::send(process::self_pid(), NotThere(node, round)),
        }
    }

    fn connect(&mut self, node: Node) {
        if !self.is_there(node) && node::monitor_node(node, true).is_ok() {
            self.dialled.insert(node);
        }
        self.say(node, &Said::InSync { from: Node::local() });
    }
}

/// A node does not answer in a round of calls, as there is no connection with it.
#[derive(Debug)]
struct NotThere(Node, u64);

/// Ends the connection with a node, and does not wait for that.
fn disconnect(node: Node) {
    let body = move || _ = node::disconnect(node);
    if let Err(error) = Builder::new().without_ancestors().spawn(body) {
        warn(&format!("the connection with {node} is not ended: {error}"));
    }
}

/// Has clashes resolved, by a process of its own: that may take its time.
fn resolve(node: Node, tag: Tag, clashes: Vec<Clash>) {
    let server = process::self_pid();
    let body = move || {
        let verdict = |clash: Clash| (judge::verdict(&clash), clash);
        let verdicts = clashes.into_iter().map(verdict).map(|(verdict, clash)| (clash, verdict));
        process::send(server, Resolved(node, tag, verdicts.collect()));
    };
    if let Err(error) = Builder::new().without_ancestors().spawn(body) {
        warn(&format!("clashes of names with {node} are not resolved: {error}"));
        disconnect(node); // So that the session does not wait for ever.
    }
}

fn warn(text: &str) {
    log_caught(Level::Warn, "procession::global", format_args!("{text}"));
}
