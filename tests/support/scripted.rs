//! A server whose messages are closures: each request carries what its callback does.

use std::any::type_name;
use std::fmt;
use std::sync::mpsc;

use procession::gen_server::Next;
use procession::prelude::*;
use procession::process::Address;

use crate::support::drops::OnDrop;
use crate::support::processes::Begun;
use crate::support::wait::{expect, test_timeout};

/// What a server returns for a call that is answered with an `R`.
pub(crate) type Replied<S, R> = Result<Next<S, R>, ExitReason>;

/// What handles a call.
type CallBody<R> = Box<dyn FnOnce(&mut Scripted, &Caller<R>) -> Replied<Scripted, R> + Send>;
/// What handles anything else.
type CastBody = Box<dyn FnOnce(&mut Scripted) -> CastResult<Scripted> + Send>;
/// What is done later, on a certain event.
type Later<T> = Box<dyn FnOnce(&mut Scripted) -> T>;

/// What a scripted server is started with: its `init`.
pub(crate) type Init = Box<dyn FnOnce() -> InitResult<Scripted> + Send>;

/// The state of a server that does what it is told.
#[derive(Default)]
pub(crate) struct Scripted {
    /// What it was told to keep.
    pub(crate) notes: Vec<&'static str>,
    /// Whom it tells what else happens to it, by [`InfoReceived`] and [`Terminated`].
    pub(crate) observer: Option<Pid>,
    /// What it does with the next [`IdleTimeout`], if it is not for the observer.
    pub(crate) on_timeout: Option<Later<CastResult<Scripted>>>,
    /// What it does in `terminate`, when it has told its observer.
    pub(crate) on_terminate: Option<Later<()>>,
    /// Dropped with the state.
    pub(crate) on_drop: Option<OnDrop<Box<dyn FnMut()>>>,
}

/// To the observer: `handle_info` has got this.
#[derive(Debug)]
pub(crate) struct InfoReceived(pub(crate) Message);

/// To the observer: `terminate` has got this.
#[derive(Debug, PartialEq)]
pub(crate) struct Terminated {
    pub(crate) reason: ExitReason,
    pub(crate) notes: Vec<&'static str>,
}

impl Scripted {
    /// The state of a server that tells `observer` what happens to it.
    pub(crate) fn observed_by(observer: Pid) -> Scripted {
        Scripted { observer: Some(observer), ..Scripted::default() }
    }

    pub(crate) fn note(&mut self, note: &'static str) {
        self.notes.push(note);
    }
}

impl fmt::Debug for Scripted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Scripted").field("notes", &self.notes).finish_non_exhaustive()
    }
}

impl GenServer for Scripted {
    type Args = Init;

    fn init(init: Init) -> InitResult<Scripted> {
        init()
    }

    fn handle_info(&mut self, message: Message) -> CastResult<Scripted> {
        let message = match message.downcast::<InfoMessage>() {
            Ok(InfoMessage(body)) => return body(self),
            Err(message) => message,
        };
        if message.is::<IdleTimeout>()
            && let Some(on_timeout) = self.on_timeout.take()
        {
            return on_timeout(self);
        }
        if let Some(observer) = self.observer {
            process::send(observer, InfoReceived(message));
        }
        noreply()
    }

    fn terminate(&mut self, reason: &ExitReason) {
        if let Some(observer) = self.observer {
            let terminated = Terminated { reason: reason.clone(), notes: self.notes.clone() };
            process::send(observer, terminated);
        }
        if let Some(on_terminate) = self.on_terminate.take() {
            on_terminate(self);
        }
    }
}

/// A call.
pub(crate) struct CallMessage<R>(CallBody<R>);
/// A cast.
pub(crate) struct CastMessage(CastBody);
/// A message that is neither.
pub(crate) struct InfoMessage(CastBody);
/// A continuation.
pub(crate) struct Continuation(CastBody);

macro_rules! prints_its_name {
    ($($name:ident $(<$parameter:ident>)?),+) => {$(
        impl$(<$parameter>)? fmt::Debug for $name$(<$parameter>)? {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(type_name::<Self>())
            }
        }
    )+};
}

prints_its_name!(CallMessage<R>, CastMessage, InfoMessage, Continuation);

impl<R: Send + 'static> HandleCall<CallMessage<R>> for Scripted {
    type Reply = R;

    fn handle_call(
        &mut self,
        CallMessage(body): CallMessage<R>,
        caller: &Caller<R>,
    ) -> CallResult<Scripted, CallMessage<R>> {
        body(self, caller)
    }
}

impl HandleCast<CastMessage> for Scripted {
    fn handle_cast(&mut self, CastMessage(body): CastMessage) -> CastResult<Scripted> {
        body(self)
    }
}

impl HandleContinue<Continuation> for Scripted {
    fn handle_continue(&mut self, Continuation(body): Continuation) -> CastResult<Scripted> {
        body(self)
    }
}

/// A call that is handled by `body`.
pub(crate) fn call_message<R>(
    body: impl FnOnce(&mut Scripted, &Caller<R>) -> Replied<Scripted, R> + Send + 'static,
) -> CallMessage<R> {
    CallMessage(Box::new(body))
}

/// A cast that is handled by `body`.
pub(crate) fn cast_message(
    body: impl FnOnce(&mut Scripted) -> CastResult<Scripted> + Send + 'static,
) -> CastMessage {
    CastMessage(Box::new(body))
}

/// A plain message that is handled by `body`.
pub(crate) fn info_message(
    body: impl FnOnce(&mut Scripted) -> CastResult<Scripted> + Send + 'static,
) -> InfoMessage {
    InfoMessage(Box::new(body))
}

/// A continuation that does `body`.
pub(crate) fn continue_with(
    body: impl FnOnce(&mut Scripted) -> CastResult<Scripted> + Send + 'static,
) -> Continuation {
    Continuation(Box::new(body))
}

/// An `init` that does `body`.
pub(crate) fn init_with(body: impl FnOnce() -> InitResult<Scripted> + Send + 'static) -> Init {
    Box::new(body)
}

/// An `init` that just succeeds, with the caller as the observer.
pub(crate) fn observed_init() -> Init {
    let me = process::self_pid();
    init_with(move || ready(Scripted::observed_by(me)))
}

/// Starts a scripted server without a link, with the caller as its observer.
#[track_caller]
pub(crate) fn scripted() -> ServerRef<Scripted> {
    Scripted::start(observed_init()).unwrap()
}

/// The pid of a server that has one.
#[track_caller]
pub(crate) fn pid_of<S: GenServer>(server: &ServerRef<S>) -> Pid {
    server.pid()
}

/// What tests do with a scripted server.
pub(crate) trait ScriptedServer {
    /// Keeps the server busy until the returned sender is dropped, and then lets it do `then`.
    #[track_caller]
    fn hold(
        &self,
        then: impl FnOnce(&mut Scripted) -> CastResult<Scripted> + Send + 'static,
    ) -> mpsc::Sender<()> {
        let me = process::self_pid();
        let (let_go, held) = mpsc::channel();
        self.cast_with(move |it| {
            process::send(me, Begun);
            _ = held.recv();
            then(it)
        });
        expect::<Begun>();
        let_go
    }

    /// Calls the server with `body`, with a time-out that is not expected to be hit.
    fn call_with<R: Send + 'static>(
        &self,
        body: impl FnOnce(&mut Scripted, &Caller<R>) -> Replied<Scripted, R> + Send + 'static,
    ) -> Result<R, CallError>;

    /// Casts `body` to the server.
    fn cast_with(&self, body: impl FnOnce(&mut Scripted) -> CastResult<Scripted> + Send + 'static);

    /// Sends `body` to the server as a plain message.
    fn info_with(&self, body: impl FnOnce(&mut Scripted) -> CastResult<Scripted> + Send + 'static);

    /// What it has noted.
    #[track_caller]
    fn notes(&self) -> Vec<&'static str> {
        self.call_with(|it, _| reply(it.notes.clone())).unwrap()
    }

    /// Asserts that it is there and answers, having handled all that it was sent before.
    #[track_caller]
    fn assert_answers(&self) {
        assert_eq!(self.call_with(|_, _| reply("an answer")), Ok("an answer"));
    }
}

impl<T: Address> ScriptedServer for ServerRef<Scripted, T> {
    fn call_with<R: Send + 'static>(
        &self,
        body: impl FnOnce(&mut Scripted, &Caller<R>) -> Replied<Scripted, R> + Send + 'static,
    ) -> Result<R, CallError> {
        self.call_timeout(call_message(body), test_timeout())
    }

    fn cast_with(&self, body: impl FnOnce(&mut Scripted) -> CastResult<Scripted> + Send + 'static) {
        self.cast(cast_message(body));
    }

    fn info_with(&self, body: impl FnOnce(&mut Scripted) -> CastResult<Scripted> + Send + 'static) {
        self.send(info_message(body));
    }
}

/// What a process that called has got.
#[derive(Debug, PartialEq)]
pub(crate) struct CallOutcome<R>(pub(crate) Result<R, CallError>);

/// A process that calls `server`, and sends the caller the [`CallOutcome`].
#[track_caller]
pub(crate) fn spawn_client<R: Send + fmt::Debug + 'static>(
    server: &ServerRef<Scripted>,
    body: impl FnOnce(&mut Scripted, &Caller<R>) -> Replied<Scripted, R> + Send + 'static,
) -> Pid {
    let (me, server) = (process::self_pid(), *server);
    process::spawn(move || {
        let outcome = CallOutcome(server.call_with(body));
        process::send(me, outcome);
    })
    .unwrap()
}
/// A server of another type, for requests that come to the wrong one.
#[derive(Debug)]
pub(crate) struct OtherServer;

impl GenServer for OtherServer {
    type Args = ();

    fn init((): ()) -> InitResult<OtherServer> {
        ready(OtherServer)
    }
}
