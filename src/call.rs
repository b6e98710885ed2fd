//! Requests and replies: the protocol between a client and a server.
//!
//! ```text
//!   client                                      server
//!   ------                                      ------
//!   record what it waits for
//!   send the request        ----------------->  Caller
//!   wait for the reply, or the server's end     |
//!                           <-----------------  reply, now or later, from any process
//! ```
//!
//! A client that waits at once, as a call does, gets the reply in its [reply slot]. A client that
//! asks for the reply later sets a monitor, through whose alias the reply comes to its mailbox.
//! There the client looks for it, among the messages that have come since the request was sent. In
//! both cases only the first reply counts; a second or late one is dropped.
//!
//! [reply slot]: crate::runtime::reply_slot

#[cfg(all(feature = "dist", target_os = "linux"))]
pub(crate) mod across;

use std::any::type_name;
use std::cell::Cell;
use std::fmt;
use std::marker::PhantomData;
use std::mem;
use std::num::NonZeroU64;
use std::time::Duration;

use crate::call_error::CallErrorKind;
use crate::exit::ExitReason;
use crate::id::{Alias, MonitorRef, Node, Pid, UNIQUE_END, unique};
use crate::message::{Destination, Down, Message};
use crate::process;
use crate::process::current::{Ended, current, ending};
use crate::process::info::may_be_alive;
use crate::process::monitor::forget_request;
use crate::process::receive::{Senders, deadline_after, time_left};
use crate::process::{Address, AliasMode, Builder, Mark, MonitorOptions, SpawnError};
use crate::runtime::address::{deliver, try_deliver, try_deliver_to_alias};
use crate::runtime::exit::Body;
use crate::runtime::mailbox::{Orphans, Signal};
use crate::runtime::monitors;
use crate::runtime::remote::{Next, Remote};
use crate::runtime::reply_slot::{Deadlocked, ServerDown};
use crate::runtime::table::{Process, ShortPid};
use crate::runtime::wait_graph::Cycle;
use crate::user_code::{Guarded, drop_caught};

/// How long a call waits by default, as in OTP.
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

    /// Returns the process that waits for the reply.
    pub fn pid(&self) -> Pid {
        self.reply_to.pid()
    }

    /// Keeps the reply for later: the returned value can be stored, sent, and used by any process.
    ///
    /// From now on the client does not count as waiting for this server, as another process may
    /// reply.
    ///
    /// **A reply that is never given, as its value was dropped or the process that was to reply has
    /// crashed, is heard by the client only as a timeout.** How to have it hear earlier is shown
    /// [there](ReplyTo#if-nobody-replies).
    #[must_use = "the client gets no reply if this is dropped"]
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
/// It can be copied, stored and sent; any process may use it. Only the first reply counts; any
/// other, or one that comes too late, is dropped.
///
/// # If nobody replies
///
/// A value that is dropped tells the client nothing, as there may be copies of it. The client hears
/// of the end of the *server*, as [`CallErrorKind::Down`]. If another process was to reply and
/// crashes, the client waits until its time is over. So a server that leaves the work to another
/// process links that to itself: then the crash ends the server, too, and the client is told.
///
/// If the server is to survive, it traps exits, keeps who waits for which worker, and answers in
/// the worker's place:
///
/// ```
/// use procession::prelude::*;
/// use std::collections::HashMap;
///
/// type Quotient = Result<u32, ExitReason>;
///
/// /// Divides, each time in a process of its own.
/// #[derive(Debug)] struct Divider { clients: HashMap<Pid, ReplyTo<Quotient>> }
/// #[derive(Debug)] struct Divide(u32, u32);
///
/// impl GenServer for Divider {
///     type Args = ();
///     fn init((): ()) -> InitResult<Self> {
///         process::set_trap_exit(true);
///         ready(Divider { clients: HashMap::new() })
///     }
///
///     fn handle_info(&mut self, message: Message) -> CastResult<Self> {
///         handle_info! { message;
///             Exit { from, reason } => {
///                 // A worker that has replied has ended as `Normal`, and this comes too late.
///                 if let Some(client) = self.clients.remove(&from) {
///                     client.reply(Err(reason));
///                 }
///                 noreply()
///             }
///         }
///     }
/// }
///
/// impl HandleCall<Divide> for Divider {
///     type Reply = Quotient;
///     fn handle_call(
///         &mut self,
///         Divide(a, b): Divide,
///         caller: &Caller<Quotient>,
///     ) -> CallResult<Self, Divide> {
///         let client = caller.defer();
///         let worker = process::spawn_link(move || client.reply(Ok(a / b)))?;
///         self.clients.insert(worker, client);
///         noreply()
///     }
/// }
///
/// let divider = Divider::start(())?;
/// assert_eq!(divider.call(Divide(6, 2))?, Ok(3));
/// let reason = divider.call(Divide(6, 0))?.unwrap_err();
/// assert_eq!(reason.as_panic().unwrap().message, "attempt to divide by zero");
/// # divider.stop()?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct ReplyTo<R> {
    client: Client,
    reply: PhantomData<fn(R)>,
}

/// A client and its request: two words, so that a message has room for them beside most requests,
/// even twice, as events of state machines have them, too.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Client {
    /// The number of the request, with [`BY_MAILBOX`] set if the reply goes there.
    request: NonZeroU64,
    process: ShortPid,
}

/// Set in the number of a request whose reply comes to the mailbox of the client, and not to its
/// reply slot. No number of a request is that large.
const BY_MAILBOX: u64 = 1 << 63;

/// Set in the number of a request whose reply goes to another node, or is read as if it came from
/// one, if it comes to the mailbox. Of the other bits, those for a client of another node are its
/// incarnation, and what tells its requests apart.
const ELSEWHERE: u64 = UNIQUE_END;

impl Client {
    fn by_reply_slot(client: Pid, request: NonZeroU64) -> Client {
        Client { request, process: ShortPid::of(client) }
    }

    fn by_mailbox(Alias { id, owner }: Alias) -> Client {
        Client { request: id | BY_MAILBOX, process: ShortPid::of(owner) }
    }

    #[inline]
    fn has_reply_slot(self) -> bool {
        self.request.get() & (BY_MAILBOX | ELSEWHERE) == 0
    }

    /// Whether the client is one of another node, or reads the answer as such a one does.
    #[inline]
    #[cfg(all(feature = "dist", target_os = "linux"))]
    fn reads(self) -> bool {
        self.request.get() & ELSEWHERE != 0
    }

    /// Whether the client is one of another node.
    #[inline]
    fn is_remote(self) -> bool {
        cfg!(all(feature = "dist", target_os = "linux"))
            && self.request.get() & (BY_MAILBOX | ELSEWHERE) == ELSEWHERE
    }

    #[inline]
    fn request(self) -> NonZeroU64 {
        NonZeroU64::new(self.request.get() & !(BY_MAILBOX | ELSEWHERE))
            .expect("numbers start at one")
    }

    #[inline]
    pub(crate) fn pid(self) -> Pid {
        #[cfg(all(feature = "dist", target_os = "linux"))]
        if self.is_remote() {
            return self.remote_pid();
        }
        self.local_pid()
    }

    /// As [`pid`](Self::pid), of one of this node.
    #[inline]
    fn local_pid(self) -> Pid {
        self.process.pid()
    }

    fn alias(self) -> Alias {
        Alias { id: self.request(), owner: self.pid() }
    }

    /// Returns the alias by which the reply comes to the mailbox of a client of this node.
    #[cfg(all(feature = "dist", target_os = "linux"))]
    pub(crate) fn mailbox(self) -> Option<Alias> {
        (self.request.get() & BY_MAILBOX != 0).then(|| self.alias())
    }

    /// Records that the client does not wait for the receiver of its request any more.
    #[inline]
    pub(crate) fn clear_edge(self) {
        if !self.is_remote() {
            self.clear_local_edge();
        }
    }

    /// As [`clear_edge`](Self::clear_edge), for one of this node: others have none here.
    #[inline]
    fn clear_local_edge(self) {
        self.process.slot().wait.edge.clear(self.request());
    }

    /// Puts `reply` into the reply slot of the client.
    ///
    /// # Errors
    ///
    /// Returns a reply that the client does not wait for any more, which must be dropped.
    fn try_answer(self, reply: Message) -> Result<(), Orphans> {
        self.process.slot().try_answer(self.request(), reply)
    }

    /// As [`try_answer`](Self::try_answer), but drops such a reply.
    fn answer(self, reply: Message) {
        self.process.slot().answer(self.request(), reply);
    }
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

    /// Says that the reply comes later, perhaps from another process: as [`Caller::defer`], for a
    /// handler that has got the place where the reply goes in the request itself.
    ///
    /// Until this is called, the request was handled, or a reply was given, the client counts as
    /// waiting for the process that has got the request. If that hands the reply to another process
    /// and then waits for others itself, one that calls the client in turn would be refused
    /// ([`CallErrorKind::Deadlock`]), though the client is about to get its reply.
    ///
    /// ```
    /// use procession::prelude::*;
    ///
    /// #[derive(Debug)] struct Oracle;
    /// #[derive(Debug)] struct Ask(u64, ReplyTo<u64>);
    ///
    /// impl GenStatem for Oracle {
    ///     type Args = ();
    ///     type State = ();
    ///     type Event = Ask;
    ///
    ///     fn init((): ()) -> gen_statem::InitResult<Self> {
    ///         started((), Oracle)
    ///     }
    ///
    ///     fn handle_event(&mut self, _: EventType, ask: Ask, (): &()) -> StateResult<Self> {
    ///         let Ask(question, client) = ask;
    ///         let client = client.defer();
    ///         process::spawn_link(move || client.reply(question * 6))?;
    ///         keep_state() // From here on it may call others, too.
    ///     }
    /// }
    ///
    /// let oracle = Oracle::start(())?;
    /// assert_eq!(oracle.call(|client| Ask(7, client))?, 42);
    /// # oracle.stop()?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use = "the client gets no reply if this is dropped"]
    pub fn defer(self) -> ReplyTo<R> {
        self.clear_edge();
        self
    }

    /// The reply comes to the mailbox of the process that has set `monitor`.
    fn by_mailbox(monitor: MonitorRef) -> ReplyTo<R> {
        ReplyTo { client: Client::by_mailbox(Alias::from(monitor)), reply: PhantomData }
    }

    /// Gives the client its reply at the end of the server, whichever process tells that end.
    ///
    /// # Errors
    ///
    /// Returns a reply that the client does not wait for any more, which must be dropped.
    pub(crate) fn reply_at_end(self, reply: R) -> Result<(), Orphans> {
        #[cfg(all(feature = "dist", target_os = "linux"))]
        if self.client.reads() {
            self.answer_regardless(Ok(reply));
            return Ok(());
        }
        let answer = self.message(Ok(reply));
        self.clear_edge();
        if self.client.has_reply_slot() {
            self.client.try_answer(answer)
        } else {
            try_deliver_to_alias(self.alias(), answer)
        }
    }

    /// Tells the client that it gets no reply, and why.
    pub(crate) fn refuse(self, why: CallErrorKind) {
        self.answer(Err(why));
    }

    fn answer(self, outcome: Result<R, CallErrorKind>) {
        if self.client.has_reply_slot() {
            return put_reply(self.client, self.message(outcome));
        }
        #[cfg(all(feature = "dist", target_os = "linux"))]
        if self.client.reads() {
            return self.answer_across(outcome);
        }
        self.clear_edge();
        process::send(self.alias(), self.message(outcome));
    }

    fn message(self, outcome: Result<R, CallErrorKind>) -> Message {
        Message::new(ReplyMessage { request: self.client.request(), outcome })
    }

    /// Tells a client that waits by its reply slot that no process has received its request.
    pub(crate) fn bounce(self) {
        if self.client.has_reply_slot() {
            self.clear_edge();
            self.client.answer(self.message(Err(CallErrorKind::NoProc)));
        }
    }

    /// Records that the client does not wait for the receiver of its request any more.
    pub(crate) fn clear_edge(self) {
        self.client.clear_edge();
    }

    /// The client and its request.
    pub(crate) fn client(self) -> Client {
        self.client
    }

    /// Returns the client if the reply can go back in the message that the request came in, which
    /// saves making another: that message is [put](put_reply) into the client's [reply
    /// slot](crate::runtime::reply_slot).
    pub(crate) fn in_place_client(self) -> Option<Client> {
        self.client.has_reply_slot().then_some(self.client)
    }
}

/// Puts the reply to a request of `client`'s into the client's reply slot.
pub(crate) fn put_reply(client: Client, reply: Message) {
    let reply = match ending() {
        None => reply,
        Some(process) => match process.may_act_holding_or_unwind(reply) {
            Ok(reply) => reply,
            Err(reply) => return drop_caught(reply),
        },
    };
    // Before the answer: there must be no edge for a wait that is over.
    client.clear_local_edge();
    client.answer(reply);
}

impl<R> ReplyTo<R> {
    /// Returns the process that waits for the reply.
    pub fn pid(&self) -> Pid {
        self.client.pid()
    }

    /// As [`pid`](Self::pid), of one of this node.
    #[inline]
    pub(crate) fn local_pid(&self) -> Pid {
        self.client.local_pid()
    }

    /// The address by which the client knows its request.
    fn alias(self) -> Alias {
        self.client.alias()
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
        let mut tuple = f.debug_tuple("ReplyTo");
        tuple.field(&self.pid());
        if !self.client.is_remote() {
            tuple.field(&self.alias());
        }
        tuple.finish()
    }
}

/// The message that carries a reply.
struct ReplyMessage<R> {
    request: NonZeroU64,
    outcome: Result<R, CallErrorKind>,
}

impl<R> fmt::Debug for ReplyMessage<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ReplyMessage<{}>({})", type_name::<R>(), self.request)
    }
}

/// A request under way, as its client sees it.
pub(crate) struct Pending<R> {
    monitor: MonitorRef,
    /// Whether there was a process to send it to.
    found: bool,
    /// The other node that it was sent to.
    node: Option<Node>,
    since: Mark,
    reply: PhantomData<fn() -> R>,
}

impl<R: Send + 'static> Pending<R> {
    /// Sends the request that `make` makes to the process at `to`, which is `target` if its pid is
    /// known here, and does not wait but for room on the connection with another node. If there is
    /// no such process, a DOWN comes.
    pub(crate) fn send(
        client: Process,
        to: Destination,
        target: Option<Pid>,
        make: impl FnOnce(ReplyTo<R>) -> Message,
    ) -> Pending<R> {
        let alive = target.filter(|pid| may_be_alive(*pid));
        let pending = Pending::prepare(client, to.clone(), alive, AliasMode::Reply);
        let request = pending.request(make);
        pending.post(client, (&to, target), request, (Duration::MAX, Next::GoOn));
        pending
    }

    /// Spawns a process that answers the request that it is. The alias that the answer comes
    /// through is of this mode.
    pub(crate) fn spawn(
        builder: Builder,
        mode: AliasMode,
        make_body: impl FnOnce(ReplyTo<R>) -> Body,
    ) -> Result<(Pid, Pending<R>), SpawnError> {
        let since = current().slot.mailbox.mark();
        let options = MonitorOptions::new().alias(mode);
        let (pid, monitor) = builder.spawn_with(Some(options), |_, monitor| {
            make_body(ReplyTo::by_mailbox(monitor.expect("options were given")))
        })?;
        let monitor = monitor.expect("options were given");
        Ok((pid, Pending { monitor, found: true, node: None, since, reply: PhantomData }))
    }

    /// Sends the process `pid` the request that `make` makes, and does not wait. The alias that the
    /// answer comes through is of this mode.
    pub(crate) fn ask(
        pid: Pid,
        mode: AliasMode,
        make: impl FnOnce(ReplyTo<R>) -> Message,
    ) -> Pending<R> {
        let (client, to) = (current(), Destination::Pid(pid));
        let pending = Pending::prepare(client, to.clone(), Some(pid), mode);
        let request = pending.request(make);
        pending.post(client, (&to, Some(pid)), request, (Duration::MAX, Next::GoOn));
        pending
    }

    /// Sets what must be set before the request is sent. This is not a receive point, and works for
    /// a caller that has ended.
    fn prepare(
        client: Process,
        to: Destination,
        target: Option<Pid>,
        mode: AliasMode,
    ) -> Pending<R> {
        let since = client.slot.mailbox.mark();
        let node = Remote::of(target, &to).map(|remote| remote.node());
        let options = MonitorOptions::new().alias(mode).of_request();
        let (monitor, found) = monitors::find_and_set(client, target, to, options);
        if target == Some(client.pid) {
            // A monitor of oneself makes no alias, but a process can answer its own request.
            client.slot.links.lock().add_alias(client.pid, monitor.id, mode);
        }
        Pending { monitor, found, node, since, reply: PhantomData }
    }

    /// Makes the request, which may be the program's code: if that unwinds, nothing is under way.
    fn request(&self, make: impl FnOnce(ReplyTo<R>) -> Message) -> Message {
        let unmade = Unmade(self);
        let request = make(self.reply_to());
        mem::forget(unmade);
        request
    }

    /// Sends the request, if there is room for it within `timeout`.
    fn post(
        &self,
        client: Process,
        (to, target): (&Destination, Option<Pid>),
        request: Message,
        (timeout, next): (Duration, Next),
    ) {
        match (target, Remote::of(target, to)) {
            (_, Some(remote)) => {
                let sent = client.request_when_there_is_room(remote, request, timeout, next);
                if let Err(unsent) = sent {
                    self.fail(CallErrorKind::NoExternalForm(unsent.into_text()));
                }
            }
            (Some(target), None) => deliver(target, Signal::Message(request)),
            (None, None) => drop_caught(request),
        }
    }

    /// Has the client hear that it gets no answer.
    fn fail(&self, why: CallErrorKind) {
        let reply_to = self.reply_to();
        if let Err(orphans) = try_deliver_to_alias(reply_to.alias(), reply_to.message(Err(why))) {
            orphans.drop_caught();
        }
    }

    pub(crate) fn id(&self) -> NonZeroU64 {
        self.monitor.id
    }

    pub(crate) fn since(&self) -> Mark {
        self.since
    }

    fn reply_to(&self) -> ReplyTo<R> {
        ReplyTo::by_mailbox(self.monitor)
    }

    fn is_ended_by(&self, message: &Message) -> bool {
        ended_request::<R>(message) == Some(self.id())
    }

    /// Waits for the outcome; returns `None` if it has not come within `timeout`.
    pub(crate) fn wait(&self, timeout: Duration) -> Option<Result<R, CallErrorKind>> {
        let senders = if self.node.is_some() { Senders::Remote } else { Senders::Unknown };
        let is_end = |message: &Message| self.is_ended_by(message);
        match current().receive_since_from(senders, self.since, timeout, is_end) {
            Ok(message) => message.map(|message| self.outcome(message)),
            Err(Ended) => Some(Err(CallErrorKind::CallerEnded)),
        }
    }

    /// As [`wait`](Self::wait), where only the process `server` can answer: refused if that waits
    /// for the caller in turn.
    pub(crate) fn wait_for(
        &self,
        server: Pid,
        timeout: Duration,
    ) -> Option<Result<R, CallErrorKind>> {
        match current().wait_for(server, self.id()) {
            Ok(_waiting) => self.wait(timeout),
            Err(Cycle(cycle)) => Some(Err(CallErrorKind::Deadlock(cycle))),
        }
    }

    /// Takes the outcome out of the message that ended a request.
    pub(crate) fn outcome(&self, message: Message) -> Result<R, CallErrorKind> {
        match message.downcast::<ReplyMessage<R>>() {
            Ok(answer) => answer.outcome,
            Err(message) => match message.downcast::<Down>() {
                Ok(_) if !self.found => Err(CallErrorKind::NoProc),
                Ok(down) => Err(self.why_down(down.reason)),
                Err(message) => match message.downcast::<Deadlocked>() {
                    Ok(deadlocked) => Err(CallErrorKind::Deadlock(deadlocked.cycle)),
                    Err(message) => open_other(message),
                },
            },
        }
    }

    /// Returns why a server has not answered that was there, or could have been, and has ended for
    /// that reason.
    fn why_down(&self, reason: ExitReason) -> CallErrorKind {
        match self.node {
            // Nothing else is known of what is not there.
            Some(_) if reason == ExitReason::NoProc => CallErrorKind::NoProc,
            Some(node) if reason == ExitReason::NoConnection => CallErrorKind::NodeDown(node),
            Some(_) | None => CallErrorKind::Down(reason),
        }
    }

    /// Ensures that neither an answer nor a DOWN is left, nor comes any more.
    pub(crate) fn abandon(&self) {
        forget_request(self.monitor, self.since, |it| self.is_ended_by(it));
    }
}

/// Abandons a request if what makes it unwinds: otherwise this is forgotten.
struct Unmade<'a, R: Send + 'static>(&'a Pending<R>);

impl<R: Send + 'static> Drop for Unmade<'_, R> {
    #[cold]
    fn drop(&mut self) {
        self.0.abandon();
    }
}

/// Returns the request, with replies of type `R`, that `message` ends: by its answer, by a DOWN, or
/// by the news that it would never be answered.
pub(crate) fn ended_request<R: Send + 'static>(message: &Message) -> Option<NonZeroU64> {
    if let Some(answer) = message.downcast_ref::<ReplyMessage<R>>() {
        return Some(answer.request);
    }
    match message.downcast_ref::<Down>() {
        Some(down) => Some(down.monitor.id),
        None => match message.downcast_ref::<Deadlocked>() {
            Some(deadlocked) => Some(deadlocked.request),
            None => other_end(message),
        },
    }
}

/// Returns the request that a message ends which a client gets that reads the answer, or which has
/// come from another node.
#[cfg(all(feature = "dist", target_os = "linux"))]
fn other_end(message: &Message) -> Option<NonZeroU64> {
    let refused = message.downcast_ref::<across::Refused>();
    message.answers().or_else(|| refused.map(|refused| refused.request))
}

#[cfg(not(all(feature = "dist", target_os = "linux")))]
fn other_end(_: &Message) -> Option<NonZeroU64> {
    None
}

/// Takes the outcome out of such a message.
#[cfg(all(feature = "dist", target_os = "linux"))]
fn open_other<R: Send + 'static>(message: Message) -> Result<R, CallErrorKind> {
    match message.downcast::<across::Refused>() {
        Ok(refused) => Err(refused.why),
        Err(answer) => {
            let outcome = across::read_answer(&answer);
            drop_caught(answer);
            outcome
        }
    }
}

#[cfg(not(all(feature = "dist", target_os = "linux")))]
fn open_other<R>(_: Message) -> Result<R, CallErrorKind> {
    unreachable!("nothing else ends a request")
}

/// Sends the request that `make` makes, and waits for the reply. If it comes back in the message of
/// the request, `open` takes it out.
///
/// What makes the request may be the program's code, which makes calls itself: so the caller does
/// not count as waiting for the receiver before the request is made.
pub(crate) fn call<R: Send + 'static>(
    to: &impl Address,
    timeout: Duration,
    make: impl FnOnce(ReplyTo<R>) -> Message,
    open: impl FnOnce(Message) -> Result<R, Message>,
) -> Result<R, CallErrorKind> {
    let make = Guarded::new(make); // It holds the request, which may never be sent.
    let (client, target) = parties(to)?;
    let Some(target) = target.filter(|target| !target.is_remote()) else {
        return call_by_mailbox(client, to, target, timeout, make.into_inner());
    };
    let request = unique();
    let server = Process::of(target).slot;
    let slot = &client.slot.wait.reply;
    let Some(awaiting) = slot.expect(target, &server.clients, request) else {
        return call_by_mailbox(client, to, Some(target), timeout, make.into_inner());
    };
    let message = Guarded::new(make.into_inner()(ReplyTo {
        client: Client::by_reply_slot(client.pid, request),
        reply: PhantomData,
    }));
    let _waiting =
        client.wait_for(target, request).map_err(|Cycle(cycle)| CallErrorKind::Deadlock(cycle))?;
    if let Err(orphans) = try_deliver(target, Signal::Message(message.into_inner())) {
        // If its own request is among them, it has bounced, or a server that was killed and has not
        // left its code yet will tell; if it is not, the server has received it.
        orphans.drop_caught();
    }
    match client.await_reply(&awaiting, timeout) {
        Ok(Some(reply)) => open(reply).or_else(open_answer),
        Ok(None) => Err(CallErrorKind::Timeout),
        Err(Ended) => Err(CallErrorKind::CallerEnded),
    }
}

/// Takes the outcome out of a message that has come instead of the request itself.
fn open_answer<R: Send + 'static>(reply: Message) -> Result<R, CallErrorKind> {
    match reply.downcast::<ReplyMessage<R>>() {
        Ok(answer) => answer.outcome,
        Err(reply) => match reply.downcast::<ServerDown>() {
            Ok(down) => Err(CallErrorKind::Down(down.0)),
            Err(reply) => match reply.downcast::<Deadlocked>() {
                Ok(deadlocked) => Err(CallErrorKind::Deadlock(deadlocked.cycle)),
                Err(_) => unreachable!("a reply is the request, an answer, or why there is none"),
            },
        },
    }
}

/// As [`call`], for a request that its receiver may treat as any other message: so nothing would
/// tell the client if it got lost.
pub(crate) fn call_with_message<R: Send + 'static>(
    to: &impl Address,
    timeout: Duration,
    make: impl FnOnce(ReplyTo<R>) -> Message,
) -> Result<R, CallErrorKind> {
    let make = Guarded::new(make);
    let (client, target) = parties(to)?;
    call_by_mailbox(client, to, target, timeout, make.into_inner())
}

/// Returns the caller, which may wait, and the process that it calls; `None` if that is looked up
/// on another node.
fn parties(to: &impl Address) -> Result<(Process, Option<Pid>), CallErrorKind> {
    let client = current();
    client.may_block().map_err(|Ended| CallErrorKind::CallerEnded)?;
    match to.find().filter(|pid| may_be_alive(*pid)) {
        Some(target) if target == client.pid => Err(CallErrorKind::CallingSelf(target)),
        Some(target) => Ok((client, Some(target))),
        None if to.is_elsewhere() => Ok((client, None)),
        None => Err(CallErrorKind::NoProc),
    }
}

/// As [`call`], with a monitor, and with the reply in the mailbox.
fn call_by_mailbox<R: Send + 'static>(
    client: Process,
    to: &impl Address,
    target: Option<Pid>,
    timeout: Duration,
    make: impl FnOnce(ReplyTo<R>) -> Message,
) -> Result<R, CallErrorKind> {
    let make = Guarded::new(make);
    let to = target.map_or_else(|| to.clone().into(), Destination::Pid);
    let pending = Pending::prepare(client, to.clone(), target, AliasMode::Reply);
    let request = Guarded::new(pending.request(make.into_inner()));
    // Who waits for whom is known of this node only.
    let waiting = target.map(|target| client.wait_for(target, pending.id())).transpose();
    let outcome = match waiting {
        Ok(_waiting) => {
            // To wait for room takes of the time.
            let deadline = pending.node.and_then(|_| deadline_after(timeout));
            pending.post(client, (&to, target), request.into_inner(), (timeout, Next::Wait));
            let timeout = if deadline.is_some() { time_left(deadline) } else { timeout };
            pending.wait(timeout).unwrap_or(Err(CallErrorKind::Timeout))
        }
        Err(Cycle(cycle)) => Err(CallErrorKind::Deadlock(cycle)),
    };
    pending.abandon();
    outcome
}
