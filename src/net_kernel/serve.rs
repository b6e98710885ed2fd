//! The server `net_kernel`: which nodes this one is connected with, and which it dials.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::dynamic_supervisor::DynamicSupervisorRef;
use crate::exit::ExitReason;
use crate::gen_server::{
    CallResult, Caller, CastResult, GenServer, HandleCall, HandleCast, InitResult, ReplyTo,
    noreply, ready, reply,
};
use crate::id::{Node, Pid};
use crate::message::{Down, Message, NodeDownReason};
use crate::process;
use crate::runtime::dist_entry::{Dial, DistEntry, fail_dials};
use crate::supervisor::ChildSpec;

use super::error::ConnectError;
use super::handshake::{Admission, Standing};
use super::local::Local;
use super::name::NodeName;

/// The name of the server.
pub(super) const NAME: &str = "net_kernel";

/// The name of the supervisor of connections.
pub(super) const CONNECTIONS: &str = "net_connections";

/// For how long a node is not dialled again that could not be reached.
const PAUSE: Duration = Duration::from_millis(100);

/// The body of a process that dials a node.
pub(super) type DialBody = fn(&Arc<Local>, Node) -> Result<(), ExitReason>;

/// The state of the server.
pub(super) struct Kernel {
    local: Arc<Local>,
    dial_body: DialBody,
    contacts: HashMap<Node, Contact>,
    /// The nodes that the processes of connections are for. They are monitored.
    processes: HashMap<Pid, Node>,
    /// The processes of handshakes that other nodes have begun, while nobody waits for these: as
    /// many as there may be at once. They are monitored.
    guests: HashMap<Pid, NodeName>,
    /// When the last dials have failed.
    failed: HashMap<Node, (Instant, ConnectError)>,
}

impl std::fmt::Debug for Kernel {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Kernel").field("contacts", &self.contacts).finish_non_exhaustive()
    }
}

type Connected = Result<(), ConnectError>;

/// What there is between this node and another one.
#[derive(Debug)]
struct Contact {
    /// The process that dials, or has the handshake, or the connection.
    process: Pid,
    state: State,
    /// Since when the connection is wanted, or is there.
    since: Instant,
    /// Who waits for the connection.
    waiting: Vec<ReplyTo<Connected>>,
    /// Who waits until it is gone.
    disconnecting: Vec<ReplyTo<bool>>,
    /// Why the dial has failed, whose process is ending.
    error: Option<ConnectError>,
    next: Option<Successor>,
    /// The kernel's dial, if that is to be told how this ends.
    dial: Option<Dial>,
}

/// A process that takes the place of the one of a contact when that is gone.
#[derive(Debug)]
struct Successor {
    process: Pid,
    /// Who waits for that: the process, if its handshake is through.
    waiting: Option<ReplyTo<()>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Dialling,
    /// The other node has dialled, and this one has given up its own dial.
    Accepting,
    Up,
}

/// There is to be a connection with this node.
#[derive(Clone, Copy, Debug)]
pub(super) struct Connect(pub(super) Node);

/// A node has dialled, and this process has the handshake with it.
#[derive(Clone, Debug)]
pub(super) struct Admit {
    pub(super) peer: NodeName,
    pub(super) process: Pid,
}

/// The handshake is through. The answer comes when no other connection with the node is left.
#[derive(Clone, Copy, Debug)]
pub(super) struct Replace {
    pub(super) node: Node,
    pub(super) process: Pid,
}

/// There is a connection with the node.
#[derive(Clone, Copy, Debug)]
pub(super) struct IsUp {
    pub(super) node: Node,
    pub(super) process: Pid,
}

/// The process of a dial ends, as there is no connection.
#[derive(Clone, Debug)]
pub(super) struct DialFailed {
    pub(super) node: Node,
    pub(super) process: Pid,
    pub(super) error: ConnectError,
}

/// There is to be no connection with this node any more. The answer, when there is none, is whether
/// there was one.
#[derive(Clone, Copy, Debug)]
pub(super) struct Disconnect(pub(super) Node);

/// Returns whether there is a connection with the node.
pub(super) fn is_up(node: Node) -> bool {
    DistEntry::of(node).is_up()
}

impl GenServer for Kernel {
    type Args = (Arc<Local>, DialBody);

    fn init((local, dial_body): Self::Args) -> InitResult<Kernel> {
        // Those that another one has known of which was here before.
        fail_dials();
        ready(Kernel {
            local,
            dial_body,
            contacts: HashMap::new(),
            processes: HashMap::new(),
            guests: HashMap::new(),
            failed: HashMap::new(),
        })
    }

    fn handle_info(&mut self, message: Message) -> CastResult<Kernel> {
        let message = match message.downcast::<Dial>() {
            Ok(dial) => {
                self.dial(dial.node(), Some(dial));
                return noreply();
            }
            Err(message) => message,
        };
        // Other nodes send what makes no sense here, too.
        if let Ok(Down { object, reason, .. }) = message.downcast::<Down>()
            && let Some(process) = object.fixed_pid()
        {
            self.process_ended(process, &reason);
        }
        noreply()
    }
}

impl Kernel {
    fn standing(&self, node: Node) -> Standing {
        match self.contacts.get(&node).map(|contact| contact.state) {
            // Of two connections that a node has made the one goes on that is through later.
            None | Some(State::Accepting) => Standing::Nothing,
            Some(State::Dialling) => Standing::Dialling,
            Some(State::Up) => Standing::Up,
        }
    }

    /// Sees to it that there is a connection, or that it is told why there is none: to the kernel,
    /// if it has asked by `dial`.
    ///
    /// While the node has a handshake with this one it is not dialled. For the node has no dial to
    /// give up any more when that comes through, and each side could end the connection that the
    /// other one goes on with.
    ///
    /// OTP: `accept_pending` in `net_kernel`.
    fn dial(&mut self, node: Node, dial: Option<Dial>) {
        if let Some(contact) = self.contacts.get_mut(&node) {
            contact.dial = dial.or(contact.dial);
            return;
        }
        if self.recent_failure(node).is_some() {
            dial.into_iter().for_each(Dial::failed);
            return;
        }
        if let Some(guest) = guest_of(node, &self.guests) {
            self.enter(node, guest, State::Accepting).dial = dial;
            return;
        }
        self.dial_whoever_comes(node, dial);
    }

    /// Dials, even while somebody has a handshake with this node in the other one's name.
    fn dial_whoever_comes(&mut self, node: Node, dial: Option<Dial>) {
        let (local, body) = (Arc::clone(&self.local), self.dial_body);
        let spec = ChildSpec::once(node.name(), move || {
            Ok(process::spawn_link(move || body(&local, node))?)
        });
        match DynamicSupervisorRef::named(CONNECTIONS).start_child(spec) {
            Ok(process) => self.enter(node, process, State::Dialling).dial = dial,
            Err(error) => self.fail(node, dial, ConnectError::Failed(error.to_string())),
        }
    }

    /// A node cannot be reached.
    fn fail(&mut self, node: Node, dial: Option<Dial>, error: ConnectError) {
        self.failed.insert(node, (Instant::now(), error));
        dial.into_iter().for_each(Dial::failed);
    }

    fn recent_failure(&self, node: Node) -> Option<&ConnectError> {
        let (when, error) = self.failed.get(&node)?;
        (when.elapsed() < PAUSE).then_some(error)
    }

    /// A node is not dialled any more, as it has dialled this one: `guest` has the handshake.
    fn give_up_dial(&mut self, node: Node, guest: Pid) {
        if let Some(contact) = self.contacts.get_mut(&node) {
            // It may have a connection by now, of which it has not told yet.
            process::exit(contact.process, ExitReason::Shutdown);
            contact.state = State::Accepting;
            contact.next = Some(Successor { process: guest, waiting: None });
            self.watch(node, guest);
        }
    }

    /// A process is the one of the connection with a node.
    fn enter(&mut self, node: Node, process: Pid, state: State) -> &mut Contact {
        self.watch(node, process);
        let contact = self.contacts.entry(node).or_insert_with(|| Contact {
            process,
            state,
            since: Instant::now(),
            waiting: Vec::new(),
            disconnecting: Vec::new(),
            error: None,
            next: None,
            dial: None,
        });
        (contact.process, contact.state) = (process, state);
        contact
    }

    fn watch(&mut self, node: Node, process: Pid) {
        let was_guest = self.guests.remove(&process).is_some();
        if self.processes.insert(process, node).is_none() && !was_guest {
            process::monitor(process);
        }
    }

    fn process_ended(&mut self, process: Pid, reason: &ExitReason) {
        self.guests.remove(&process);
        let Some(node) = self.processes.remove(&process) else { return };
        let Entry::Occupied(mut entry) = self.contacts.entry(node) else { return };
        let contact = entry.get_mut();
        if contact.process != process {
            contact.next.take_if(|next| next.process == process);
            return;
        }
        contact.disconnecting.drain(..).for_each(|reply_to| reply_to.reply(true));
        if let Some(Successor { process, waiting }) = contact.next.take() {
            (contact.process, contact.state) = (process, State::Accepting);
            waiting.into_iter().for_each(|reply_to| reply_to.reply(()));
            return;
        }
        // If a handshake has come to nothing, another one may be under way: the end of one that the
        // node had given up may be seen only now.
        let is_wanted = contact.dial.is_some() || !contact.waiting.is_empty();
        let is_young = contact.since.elapsed() < self.local.settings.set_up_time;
        if contact.state == State::Accepting
            && is_wanted
            && is_young
            && let Some(guest) = guest_of(node, &self.guests)
        {
            contact.process = guest;
            self.watch(node, guest);
            return;
        }
        let Contact { state, waiting, error, dial, .. } = entry.remove();
        match state {
            State::Dialling => {
                let error = error.unwrap_or_else(|| ConnectError::Failed(reason.to_string()));
                waiting.into_iter().for_each(|reply_to| reply_to.reply(Err(error.clone())));
                self.fail(node, dial, error);
            }
            // Who has not come through the handshake may have been anybody, and have more of the
            // kind: they do not keep this node from dialling again for longer than a handshake may
            // take.
            State::Accepting => self.begin_again(node, dial, waiting, Kernel::dial_whoever_comes),
            State::Up => self.begin_again(node, dial, waiting, Kernel::dial),
        }
    }

    /// Dials anew a node whose connection has come to nothing, or is lost, if somebody waits.
    fn begin_again(
        &mut self,
        node: Node,
        wanted: Option<Dial>,
        waiting: Vec<ReplyTo<Connected>>,
        dial: fn(&mut Kernel, Node, Option<Dial>),
    ) {
        // Another connection may have made it superfluous, and be lost by now.
        let wanted = wanted.filter(|wanted| wanted.is_under_way());
        if wanted.is_some() || !waiting.is_empty() {
            dial(self, node, wanted);
            self.wait(node, waiting);
        }
    }

    /// Lets clients wait for the connection with a node, if there is a dial of it.
    fn wait(&mut self, node: Node, clients: Vec<ReplyTo<Connected>>) {
        if let Some(contact) = self.contacts.get_mut(&node) {
            contact.waiting.extend(clients);
            return;
        }
        // However recent that is by now.
        let failed = self.failed.get(&node).map(|(_, error)| error.clone());
        let error = failed
            .unwrap_or_else(|| ConnectError::Failed("the node could not be dialled".to_owned()));
        clients.into_iter().for_each(|reply_to| reply_to.reply(Err(error.clone())));
    }
}

/// Returns the process of a handshake that the node has begun, while nobody waited for it.
fn guest_of(node: Node, guests: &HashMap<Pid, NodeName>) -> Option<Pid> {
    guests.iter().find(|(_, name)| name.as_str() == node.name()).map(|(guest, _)| *guest)
}

impl HandleCall<Connect> for Kernel {
    type Reply = Connected;

    fn handle_call(
        &mut self,
        Connect(node): Connect,
        caller: &Caller<Connected>,
    ) -> CallResult<Kernel, Connect> {
        // One that is lost is up here until its process has ended.
        let is_connected = || self.standing(node) == Standing::Up && is_up(node);
        if node == Node::local() || is_connected() {
            return reply(Ok(()));
        }
        // Who asks for a connection is not told of an earlier failure: only messages are dropped
        // that follow one.
        self.failed.remove(&node);
        self.dial(node, None);
        self.wait(node, vec![caller.defer()]);
        noreply()
    }
}

impl HandleCall<Admit> for Kernel {
    type Reply = Admission;

    fn handle_call(
        &mut self,
        Admit { peer, process }: Admit,
        _: &Caller<Admission>,
    ) -> CallResult<Kernel, Admit> {
        let ours = &self.local.identity.name;
        // Who has not come through the handshake may be anybody: its name is not made a node.
        let node = Node::known(peer.as_str());
        let standing = node.map_or(Standing::Nothing, |node| self.standing(node));
        let admission = Admission::of(&peer, ours, standing);
        match (admission, node) {
            (Admission::InsteadOfOurs, Some(node)) => self.give_up_dial(node, process),
            (Admission::Yes | Admission::InPlaceOfAnother, _) => {
                process::monitor(process);
                self.guests.insert(process, peer);
            }
            (Admission::InsteadOfOurs, None) | (Admission::No, _) => {}
        }
        reply(admission)
    }
}

impl HandleCall<Replace> for Kernel {
    type Reply = ();

    fn handle_call(
        &mut self,
        Replace { node, process }: Replace,
        caller: &Caller<()>,
    ) -> CallResult<Kernel, Replace> {
        let Some(contact) = self.contacts.get_mut(&node) else {
            self.enter(node, process, State::Accepting);
            return reply(());
        };
        if contact.process == process {
            return reply(());
        }
        // It is told when the other one is gone.
        process::exit(contact.process, ExitReason::Shutdown);
        let successor = Successor { process, waiting: Some(caller.defer()) };
        let replaced = contact.next.replace(successor);
        if let Some(older) = replaced.filter(|older| older.process != process) {
            process::exit(older.process, ExitReason::Shutdown);
        }
        self.watch(node, process);
        noreply()
    }
}

impl HandleCall<Disconnect> for Kernel {
    type Reply = bool;

    fn handle_call(
        &mut self,
        Disconnect(node): Disconnect,
        caller: &Caller<bool>,
    ) -> CallResult<Kernel, Disconnect> {
        // Others can know of a connection before this server has been told.
        let is_connected = |contact: &&mut Contact| contact.state == State::Up || is_up(node);
        let Some(contact) = self.contacts.get_mut(&node).filter(is_connected) else {
            return reply(false);
        };
        DistEntry::of(node).explain_loss(NodeDownReason::Disconnect);
        process::exit(contact.process, ExitReason::Shutdown);
        contact.disconnecting.push(caller.defer());
        noreply()
    }
}

impl HandleCast<IsUp> for Kernel {
    fn handle_cast(&mut self, IsUp { node, process }: IsUp) -> CastResult<Kernel> {
        self.failed.remove(&node);
        if let Some(contact) = self.contacts.get_mut(&node)
            && contact.process == process
            && contact.next.is_none()
        {
            contact.state = State::Up;
            // One that is under way has been begun since, as this connection is lost already.
            contact.dial.take_if(|dial| !dial.is_under_way());
            for reply_to in contact.waiting.drain(..) {
                reply_to.reply(Ok(()));
            }
        }
        noreply()
    }
}

impl HandleCast<DialFailed> for Kernel {
    fn handle_cast(&mut self, failed: DialFailed) -> CastResult<Kernel> {
        let DialFailed { node, process, error } = failed;
        if let Some(contact) = self.contacts.get_mut(&node)
            && contact.process == process
        {
            contact.error = Some(error);
        }
        noreply()
    }
}

#[cfg(test)]
mod tests {
    use crate::call_error::CallErrorKind;
    use crate::gen_server::StartOptions;
    use crate::message::Exit;
    use crate::runtime::loopback::{Peer, alone};

    use super::*;

    /// Only a failing test waits so long.
    const LONG: Duration = Duration::from_secs(20);

    /// A kernel that has no supervisor of connections, so that each of its dials fails.
    fn kernel() -> Kernel {
        Kernel {
            local: Local::for_tests(),
            dial_body: |_, _| Ok(()),
            contacts: HashMap::new(),
            processes: HashMap::new(),
            guests: HashMap::new(),
            failed: HashMap::new(),
        }
    }

    fn idle() -> Pid {
        process::spawn(|| process::sleep(Duration::MAX)).unwrap()
    }

    fn is_up(kernel: &mut Kernel, node: Node, process: Pid) {
        _ = kernel.handle_cast(IsUp { node, process });
    }

    #[test]
    fn a_dial_that_has_led_to_a_connection_is_not_made_again_when_that_is_lost() {
        let peer = Peer::new("a_dial_that_is_over");
        peer.hold_dials();
        let (mut kernel, dialler) = (kernel(), idle());
        process::send(peer.process(1), 1);
        kernel.enter(peer.node, dialler, State::Dialling).dial = Some(peer.last_dial());
        let connection = peer.connect();
        is_up(&mut kernel, peer.node, dialler);
        drop(connection);
        kernel.process_ended(dialler, &ExitReason::Shutdown);
        assert!(kernel.contacts.is_empty());
        assert!(kernel.failed.is_empty(), "it was dialled again");
    }

    /// Both would be up for a moment, and each side could end the one that the other goes on with.
    #[test]
    fn a_node_that_has_another_handshake_with_this_one_is_not_dialled_for_a_while() {
        let peer = Peer::new("another_handshake");
        peer.hold_dials();
        let (mut kernel, [first, second, third]) = (kernel(), [(); 3].map(|()| idle()));
        process::send(peer.process(1), 1);
        kernel.enter(peer.node, first, State::Accepting).dial = Some(peer.last_dial());
        let name = NodeName::new(peer.node.name()).unwrap();
        kernel.guests.insert(second, name.clone());
        kernel.process_ended(first, &ExitReason::Shutdown);
        assert_eq!(kernel.contacts[&peer.node].process, second);
        assert!(kernel.guests.is_empty() && kernel.failed.is_empty());

        kernel.guests.insert(third, name);
        let set_up_time = kernel.local.settings.set_up_time;
        let contact = kernel.contacts.get_mut(&peer.node).unwrap();
        contact.since = contact.since.checked_sub(set_up_time).unwrap();
        kernel.process_ended(second, &ExitReason::Shutdown);
        assert!(kernel.failed.contains_key(&peer.node), "it was not dialled");
    }

    #[test]
    fn a_failure_is_forgotten_when_the_node_is_up() {
        let peer = Peer::new("a_failure_that_is_over");
        let (mut kernel, guest) = (kernel(), idle());
        kernel.fail(peer.node, None, ConnectError::Failed("for a test".to_owned()));
        kernel.enter(peer.node, guest, State::Accepting);
        let _connection = peer.connect();
        is_up(&mut kernel, peer.node, guest);
        assert!(kernel.recent_failure(peer.node).is_none());
    }

    /// The news of a connection may come when that is lost already, and the node is to be dialled
    /// again.
    #[test]
    fn a_dial_that_is_under_way_is_made_when_the_connection_before_is_gone() {
        let peer = Peer::new("a_dial_after_a_loss");
        peer.hold_dials();
        let (mut kernel, dialler) = (kernel(), idle());
        process::send(peer.process(1), 1);
        kernel.enter(peer.node, dialler, State::Dialling).dial = Some(peer.last_dial());
        drop(peer.connect());
        let monitor = process::monitor(peer.process(1));
        let dial = peer.last_dial();
        kernel.dial(peer.node, Some(dial));
        is_up(&mut kernel, peer.node, dialler);
        assert!(dial.is_under_way());
        kernel.process_ended(dialler, &ExitReason::Shutdown);
        assert!(kernel.failed.contains_key(&peer.node), "it was not dialled");
        assert_eq!(process::wait(monitor, LONG), Some(ExitReason::NoConnection));
    }

    #[test]
    fn a_connection_takes_the_place_of_another_when_that_is_gone() {
        let _alone = alone(); // As it begins it makes all dials fail.
        let node = Node::named("replaced@loopback");
        let dial_body: DialBody = |_, _| Ok(());
        let kernel =
            Kernel::start_with((Local::for_tests(), dial_body), StartOptions::new()).unwrap();
        let test = process::self_pid();
        let ending = process::spawn(move || {
            process::set_trap_exit(true);
            process::send(test, ());
            let exit: Exit = process::receive().downcast().unwrap();
            process::send(test, exit.reason);
            process::receive(); // Until it may end.
        });
        let (old, new) = (ending.unwrap(), idle());
        process::receive_match(|message| message.is::<()>());
        assert_eq!(kernel.call(Replace { node, process: old }), Ok(()));
        let mut request = kernel.send_request(Replace { node, process: new });
        let reason = process::receive_match(|message| message.is::<ExitReason>());
        assert_eq!(reason.downcast().ok(), Some(ExitReason::Shutdown));
        // What it does next comes after its answer, if it has given one.
        assert_eq!(kernel.call(Disconnect(Node::named("nobody@loopback"))), Ok(false));
        let early = request.wait_response(Duration::ZERO);
        assert_eq!(early.unwrap_err().kind(), &CallErrorKind::Timeout);
        process::send(old, ());
        assert_eq!(request.receive_response(LONG), Ok(()));
        kernel.stop().unwrap();
        process::exit(new, ExitReason::Kill);
    }
}
