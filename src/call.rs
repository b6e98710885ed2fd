//! Requests and replies: the protocol between a client and a server.
//!
//! ```text
//!   client                                      server
//!   ------                                      ------
//!   say what it waits for
//!   send the request        ----------------->  Caller
//!   wait for the reply, or the server's end     |
//!                           <-----------------  reply, now or later, from any process
//! ```
//!
//! A client that waits at once, as a call does, gets the reply in its [reply slot]. One that asks
//! for it later sets a monitor, whose alias the reply comes through: to its mailbox, where it waits
//! to be looked for from the place on that the request was sent at. Either takes the first reply
//! only, so a second or late one disturbs nobody.
//!
//! [reply slot]: crate::runtime::reply_slot

use std::any::type_name;
use std::cell::Cell;
use std::fmt;
use std::marker::PhantomData;
use std::num::NonZeroU64;
use std::time::Duration;

use crate::exit::CallError;
use crate::id::{Alias, MonitorRef, Pid, unique};
use crate::message::{Destination, Down, Message};
use crate::process;
use crate::process::current::{Ended, current, ending};
use crate::process::monitor::forget_request;
use crate::process::{Address, AliasMode, Mark, MonitorOptions};
use crate::runtime::address::{deliver, try_deliver};
use crate::runtime::mailbox::{Orphans, Signal};
use crate::runtime::monitors;
use crate::runtime::reply_slot::{Deadlocked, ServerDown};
use crate::runtime::table::Process;
use crate::runtime::wait_graph::Cycle;
use crate::user_code::{Guarded, drop_caught};

/// How long a call waits unless it is told otherwise, as in OTP.
pub(crate) const DEFAULT_TIMEOUT: Duration = Duration::from_secs(5);

/// The client of a request, as its handler sees it.
///
/// OTP: `From` of [`handle_call/3`](https://www.erlang.org/doc/apps/stdlib/gen_server.html#c:handle_call/3).
pub struct Caller<R> {
    reply_to: ReplyTo<R>,
    deferred: Cell<bool>,
}

impl<R: Send + 'static> Caller<R> {
    pub(crate) fn new(reply_to: ReplyTo<R>) -> Caller<R> {
        Caller { reply_to, deferred: Cell::new(false) }
    }

    /// The process that waits for the reply.
    pub fn pid(&self) -> Pid {
        self.reply_to.pid()
    }

    /// Keeps the reply for later: the returned value can be stored, sent, and used by any process.
    ///
    /// From now on the client is not taken to wait for this server, as another may reply.
    #[must_use = "nobody else can give the client its reply"]
    pub fn defer(&self) -> ReplyTo<R> {
        self.deferred.set(true);
        self.reply_to.clear_edge();
        self.reply_to
    }

    pub(crate) fn is_deferred(&self) -> bool {
        self.deferred.get()
    }
}

impl<R> fmt::Debug for Caller<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Caller").field(&self.reply_to.pid()).finish()
    }
}

/// Where the reply to one request goes.
///
/// It can be copied, stored and sent; any process may use it. The first reply counts; any other, or
/// one that comes too late, disturbs nobody.
pub struct ReplyTo<R> {
    client: Alias,
    route: Route,
    reply: PhantomData<fn(R)>,
}

/// How a reply gets to its client.
#[derive(Clone, Copy, Debug)]
enum Route {
    ReplySlot,
    Mailbox,
}

impl<R: Send + 'static> ReplyTo<R> {
    /// Gives the client its reply.
    ///
    /// OTP: [`gen_server:reply/2`](https://www.erlang.org/doc/apps/stdlib/gen_server.html#reply/2).
    ///
    /// # Panics
    ///
    /// In a thread of the program's own that was killed.
    pub fn reply(self, reply: R) {
        self.answer(Ok(reply));
    }

    /// Gives the client its reply, whoever the caller is: the end of the server is being told. A
    /// reply that nobody wants is returned, to be dropped.
    pub(crate) fn reply_at_end(self, reply: R) -> Result<(), Orphans> {
        let answer = ReplyMessage { request: self.client.id, outcome: Ok(reply) };
        self.clear_edge();
        match self.route {
            Route::ReplySlot => {
                let slot = Process::of(self.client.owner).slot;
                slot.try_answer(self.client.id, Message::new(answer))
            }
            Route::Mailbox => Destination::Alias(self.client).try_send(Message::new(answer)),
        }
    }

    /// Tells the client that it gets no reply, and why.
    pub(crate) fn refuse(self, error: CallError) {
        self.answer(Err(error));
    }

    fn answer(self, outcome: Result<R, CallError>) {
        let answer = ReplyMessage { request: self.client.id, outcome };
        match self.route {
            Route::ReplySlot => put_reply(self.client, Message::new(answer)),
            Route::Mailbox => {
                self.clear_edge();
                process::send(self.client, answer);
            }
        }
    }

    /// Tells a client that waits by its reply slot that no process has got its request.
    pub(crate) fn bounce(self) {
        if let Route::ReplySlot = self.route {
            let outcome: Result<R, CallError> = Err(CallError::NoProc);
            let slot = Process::of(self.client.owner).slot;
            slot.wait.edge.clear(self.client.id);
            slot.answer(
                self.client.id,
                Message::new(ReplyMessage { request: self.client.id, outcome }),
            );
        }
    }

    /// Says that the client does not wait for the one that it has sent the request to, any more.
    pub(crate) fn clear_edge(self) {
        clear_edge(self.client);
    }

    /// The client and its request.
    pub(crate) fn alias(self) -> Alias {
        self.client
    }

    /// The client in whose [reply slot](crate::runtime::reply_slot) the reply can be
    /// [put](put_reply) in the message that the request came in, which saves making another.
    pub(crate) fn in_place_client(self) -> Option<Alias> {
        matches!(self.route, Route::ReplySlot).then_some(self.client)
    }
}

/// Says that a client does not wait for the one that it has sent a request to, any more.
pub(crate) fn clear_edge(client: Alias) {
    Process::of(client.owner).slot.wait.edge.clear(client.id);
}

/// Puts the reply to a request of `client`'s where it waits for it.
pub(crate) fn put_reply(client: Alias, reply: Message) {
    let reply = match ending() {
        None => reply,
        Some(process) => match process.may_act_holding_or_unwind(reply) {
            Ok(reply) => reply,
            Err(reply) => return drop_caught(reply),
        },
    };
    let slot = Process::of(client.owner).slot;
    // First: no edge stands for a wait that is over.
    slot.wait.edge.clear(client.id);
    slot.answer(client.id, reply);
}

impl<R> ReplyTo<R> {
    /// The process that waits for the reply.
    pub fn pid(&self) -> Pid {
        self.client.owner
    }
}

impl<R> Clone for ReplyTo<R> {
    fn clone(&self) -> ReplyTo<R> {
        *self
    }
}

impl<R> Copy for ReplyTo<R> {}

impl<R> fmt::Debug for ReplyTo<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("ReplyTo").field(&self.pid()).field(&self.client).finish()
    }
}

/// The message that carries a reply.
struct ReplyMessage<R> {
    request: NonZeroU64,
    outcome: Result<R, CallError>,
}

impl<R> fmt::Debug for ReplyMessage<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ReplyMessage<{}>({})", type_name::<R>(), self.request)
    }
}

/// A request under way, as its client sees it.
pub(crate) struct Pending<R> {
    monitor: MonitorRef,
    /// Whether there was a server to send it to.
    found: bool,
    since: Mark,
    reply: PhantomData<fn() -> R>,
}

impl<R: Send + 'static> Pending<R> {
    /// Sends the request that `make` makes to `target`, and does not wait. That nobody is there is
    /// told by the DOWN.
    pub(crate) fn send(
        client: Process,
        to: Destination,
        target: Option<Pid>,
        make: impl FnOnce(ReplyTo<R>) -> Message,
    ) -> Pending<R> {
        let pending = Pending::prepare(client, to, target.filter(|pid| process::is_alive(*pid)));
        pending.post(target, make);
        pending
    }

    /// What comes before sending. Nothing of it is a receive point, nor refuses a caller that has
    /// ended.
    fn prepare(client: Process, to: Destination, target: Option<Pid>) -> Pending<R> {
        let since = client.slot.mailbox.mark();
        let options = MonitorOptions::new().alias(AliasMode::Reply);
        let (monitor, found) = monitors::find_and_set(client, target, to, options);
        if target == Some(client.pid) {
            // A monitor of oneself makes no alias, but whoever asks itself gets its reply.
            client.slot.links.lock().add_alias(client.pid, monitor.id, AliasMode::Reply);
        }
        Pending { monitor, found, since, reply: PhantomData }
    }

    fn post(&self, target: Option<Pid>, make: impl FnOnce(ReplyTo<R>) -> Message) {
        let request = make(self.reply_to());
        match target {
            Some(target) => deliver(target, Signal::Message(request)),
            None => drop_caught(request),
        }
    }

    pub(crate) fn id(&self) -> NonZeroU64 {
        self.monitor.id
    }

    pub(crate) fn since(&self) -> Mark {
        self.since
    }

    fn reply_to(&self) -> ReplyTo<R> {
        ReplyTo { client: Alias::from(self.monitor), route: Route::Mailbox, reply: PhantomData }
    }

    fn is_ended_by(&self, message: &Message) -> bool {
        ended_request::<R>(message) == Some(self.id())
    }

    /// Waits for the outcome; `None` if it has not come within `timeout`.
    pub(crate) fn wait(&self, timeout: Duration) -> Option<Result<R, CallError>> {
        match current().receive_since(self.since, timeout, |it| self.is_ended_by(it)) {
            Ok(message) => message.map(|message| self.outcome(message)),
            Err(Ended) => Some(Err(CallError::CallerEnded)),
        }
    }

    /// Takes the outcome out of the message that ended a request.
    pub(crate) fn outcome(&self, message: Message) -> Result<R, CallError> {
        match message.downcast::<ReplyMessage<R>>() {
            Ok(answer) => answer.outcome,
            Err(message) => match message.downcast::<Down>() {
                Ok(_) if !self.found => Err(CallError::NoProc),
                Ok(down) => Err(CallError::Down(down.reason)),
                Err(message) => match message.downcast::<Deadlocked>() {
                    Ok(deadlocked) => Err(CallError::Deadlock(deadlocked.cycle)),
                    Err(_) => unreachable!("nothing else ends a request"),
                },
            },
        }
    }

    /// Makes sure that neither an answer nor a DOWN is left, nor comes any more.
    pub(crate) fn abandon(&self) {
        forget_request(self.monitor, self.since, |it| self.is_ended_by(it));
    }
}

/// The request with replies of type `R` that `message` ends: by its answer, by a DOWN, or as it
/// would never be answered.
pub(crate) fn ended_request<R: Send + 'static>(message: &Message) -> Option<NonZeroU64> {
    if let Some(answer) = message.downcast_ref::<ReplyMessage<R>>() {
        return Some(answer.request);
    }
    match message.downcast_ref::<Down>() {
        Some(down) => Some(down.monitor.id),
        None => message.downcast_ref::<Deadlocked>().map(|deadlocked| deadlocked.request),
    }
}

/// Sends the request that `make` makes, and waits for the reply: `open` takes it out of the request
/// if that has brought it back.
pub(crate) fn call<R: Send + 'static>(
    to: &impl Address,
    timeout: Duration,
    make: impl FnOnce(ReplyTo<R>) -> Message,
    open: impl FnOnce(Message) -> Result<R, Message>,
) -> Result<R, CallError> {
    let make = Guarded::new(make); // With the request in it, which may never be sent.
    let (client, target) = parties(to)?;
    let request = unique();
    let server = Process::of(target).slot;
    let slot = &client.slot.wait.reply;
    let Some(awaiting) = slot.expect(target, &server.clients, request) else {
        return call_by_mailbox(client, target, timeout, make.into_inner());
    };
    let _waiting =
        client.wait_for(target, request).map_err(|Cycle(cycle)| CallError::Deadlock(cycle))?;
    let reply_to = ReplyTo {
        client: Alias { id: request, owner: client.pid },
        route: Route::ReplySlot,
        reply: PhantomData,
    };
    if let Err(orphans) = try_deliver(target, Signal::Message(make.into_inner()(reply_to))) {
        // Its own request, if among them, has bounced, or will be told of by a server that was
        // killed and has still to leave; if not, the server has got it.
        orphans.drop_caught();
    }
    match client.await_reply(&awaiting, timeout) {
        Ok(Some(reply)) => open(reply).or_else(open_answer),
        Ok(None) => Err(CallError::Timeout),
        Err(Ended) => Err(CallError::CallerEnded),
    }
}

/// Takes the outcome out of what has come instead of the request itself.
fn open_answer<R: Send + 'static>(reply: Message) -> Result<R, CallError> {
    match reply.downcast::<ReplyMessage<R>>() {
        Ok(answer) => answer.outcome,
        Err(reply) => match reply.downcast::<ServerDown>() {
            Ok(down) => Err(CallError::Down(down.0)),
            Err(reply) => match reply.downcast::<Deadlocked>() {
                Ok(deadlocked) => Err(CallError::Deadlock(deadlocked.cycle)),
                Err(_) => unreachable!("a reply is the request, an answer, or why there is none"),
            },
        },
    }
}

/// As [`call`], for a request that whoever receives it can take for a message as any other: so
/// that nobody would tell if it got lost.
pub(crate) fn call_with_message<R: Send + 'static>(
    to: &impl Address,
    timeout: Duration,
    make: impl FnOnce(ReplyTo<R>) -> Message,
) -> Result<R, CallError> {
    let make = Guarded::new(make);
    let (client, target) = parties(to)?;
    call_by_mailbox(client, target, timeout, make.into_inner())
}

/// The caller, who may wait, and whom it calls.
fn parties(to: &impl Address) -> Result<(Process, Pid), CallError> {
    let client = current();
    client.may_block().map_err(|Ended| CallError::CallerEnded)?;
    let target = to.find().filter(|pid| process::is_alive(*pid)).ok_or(CallError::NoProc)?;
    if target == client.pid { Err(CallError::CallingSelf(target)) } else { Ok((client, target)) }
}

/// As [`call`], with a monitor, and the reply by the mailbox.
fn call_by_mailbox<R: Send + 'static>(
    client: Process,
    target: Pid,
    timeout: Duration,
    make: impl FnOnce(ReplyTo<R>) -> Message,
) -> Result<R, CallError> {
    let make = Guarded::new(make);
    let pending = Pending::prepare(client, Destination::Pid(target), Some(target));
    let waiting = client.wait_for(target, pending.id());
    let outcome = match &waiting {
        Ok(_) => {
            pending.post(Some(target), make.into_inner());
            pending.wait(timeout).unwrap_or(Err(CallError::Timeout))
        }
        Err(Cycle(cycle)) => Err(CallError::Deadlock(cycle.clone())),
    };
    pending.abandon();
    outcome
}
