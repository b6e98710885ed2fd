//! A server that does what it is told: what it gets carries the code of the callback that handles
//! it.

use std::any::type_name;
use std::fmt;
use std::sync::mpsc;

use procession::prelude::*;

use crate::staging::{Begun, OnDrop};
use crate::support::*;

/// What becomes of a call.
type Asked<R> = CallResult<Puppet, R>;
/// What becomes of anything else.
type Told = CastResult<Puppet>;

type AskBody<R> = Box<dyn FnOnce(&mut Puppet, &Caller<R>) -> Asked<R> + Send>;
/// What a puppet keeps to do when it comes to it.
type Later<T> = Box<dyn FnOnce(&mut Puppet) -> T>;
type TellBody = Box<dyn FnOnce(&mut Puppet) -> Told + Send>;

/// What a puppet is started with: its `init`.
pub(crate) type Script = Box<dyn FnOnce() -> InitResult<Puppet> + Send>;

/// The state of a server that does what it is told.
#[derive(Default)]
pub(crate) struct Puppet {
    /// What it was told to keep.
    pub(crate) notes: Vec<&'static str>,
    /// Whom it tells what else happens to it, by [`Heard`] and [`Terminated`].
    pub(crate) witness: Option<Pid>,
    /// What it does with the next [`TimedOut`], if it is not for the witness.
    pub(crate) on_timeout: Option<Later<Told>>,
    /// What it does in `terminate`, when it has told its witness.
    pub(crate) on_terminate: Option<Later<()>>,
    /// Dropped with the state.
    pub(crate) on_drop: Option<OnDrop<Box<dyn FnMut()>>>,
}

/// To the witness: `handle_info` has got this.
#[derive(Debug)]
pub(crate) struct Heard(pub(crate) Message);

/// To the witness: `terminate` has got this.
#[derive(Debug, PartialEq)]
pub(crate) struct Terminated {
    pub(crate) reason: ExitReason,
    pub(crate) notes: Vec<&'static str>,
}

impl Puppet {
    pub(crate) fn with_witness(witness: Pid) -> Puppet {
        Puppet { witness: Some(witness), ..Puppet::default() }
    }

    pub(crate) fn note(&mut self, note: &'static str) {
        self.notes.push(note);
    }
}

impl fmt::Debug for Puppet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Puppet").field("notes", &self.notes).finish_non_exhaustive()
    }
}

impl GenServer for Puppet {
    type Args = Script;

    fn init(script: Script) -> InitResult<Puppet> {
        script()
    }

    fn handle_info(&mut self, message: Message) -> Told {
        let message = match message.downcast::<Poke>() {
            Ok(Poke(body)) => return body(self),
            Err(message) => message,
        };
        if message.is::<TimedOut>()
            && let Some(on_timeout) = self.on_timeout.take()
        {
            return on_timeout(self);
        }
        if let Some(witness) = self.witness {
            process::send(witness, Heard(message));
        }
        noreply()
    }

    fn terminate(&mut self, reason: &ExitReason) {
        if let Some(witness) = self.witness {
            let terminated = Terminated { reason: reason.clone(), notes: self.notes.clone() };
            process::send(witness, terminated);
        }
        if let Some(on_terminate) = self.on_terminate.take() {
            on_terminate(self);
        }
    }
}

/// A call.
pub(crate) struct Ask<R>(AskBody<R>);
/// A cast.
pub(crate) struct Tell(TellBody);
/// A message that is neither.
pub(crate) struct Poke(TellBody);
/// A continuation.
pub(crate) struct GoOn(TellBody);

macro_rules! prints_its_name {
    ($($name:ident $(<$parameter:ident>)?),+) => {$(
        impl$(<$parameter>)? fmt::Debug for $name$(<$parameter>)? {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(type_name::<Self>())
            }
        }
    )+};
}

prints_its_name!(Ask<R>, Tell, Poke, GoOn);

impl<R: Send + 'static> HandleCall<Ask<R>> for Puppet {
    type Reply = R;

    fn handle_call(&mut self, Ask(body): Ask<R>, caller: &Caller<R>) -> Asked<R> {
        body(self, caller)
    }
}

impl HandleCast<Tell> for Puppet {
    fn handle_cast(&mut self, Tell(body): Tell) -> Told {
        body(self)
    }
}

impl HandleContinue<GoOn> for Puppet {
    fn handle_continue(&mut self, GoOn(body): GoOn) -> Told {
        body(self)
    }
}

pub(crate) fn ask<R>(
    body: impl FnOnce(&mut Puppet, &Caller<R>) -> Asked<R> + Send + 'static,
) -> Ask<R> {
    Ask(Box::new(body))
}

pub(crate) fn tell(body: impl FnOnce(&mut Puppet) -> Told + Send + 'static) -> Tell {
    Tell(Box::new(body))
}

pub(crate) fn poke(body: impl FnOnce(&mut Puppet) -> Told + Send + 'static) -> Poke {
    Poke(Box::new(body))
}

pub(crate) fn go_on(body: impl FnOnce(&mut Puppet) -> Told + Send + 'static) -> GoOn {
    GoOn(Box::new(body))
}

pub(crate) fn script(body: impl FnOnce() -> InitResult<Puppet> + Send + 'static) -> Script {
    Box::new(body)
}

/// An `init` that just succeeds, with the caller as the witness.
pub(crate) fn plain() -> Script {
    let me = process::self_pid();
    script(move || ready(Puppet::with_witness(me)))
}

/// Starts a puppet without a link, with the caller as its witness.
#[track_caller]
pub(crate) fn puppet() -> ServerRef<Puppet> {
    Puppet::start(plain()).unwrap()
}

/// The pid of a server that has one.
#[track_caller]
pub(crate) fn pid_of<S: GenServer>(server: &ServerRef<S>) -> Pid {
    server.pid().expect("it was given by its pid")
}

/// What a puppet moves by.
pub(crate) trait Strings {
    /// Keeps the puppet busy until the returned sender is dropped, and then lets it do `then`.
    #[track_caller]
    fn hold(&self, then: impl FnOnce(&mut Puppet) -> Told + Send + 'static) -> mpsc::Sender<()> {
        let me = process::self_pid();
        let (let_go, held) = mpsc::channel();
        self.tell(move |it| {
            process::send(me, Begun);
            _ = held.recv();
            then(it)
        });
        expect::<Begun>();
        let_go
    }

    /// Calls the puppet, with a time-out that is not expected to be hit.
    fn ask<R: Send + 'static>(
        &self,
        body: impl FnOnce(&mut Puppet, &Caller<R>) -> Asked<R> + Send + 'static,
    ) -> Result<R, CallError>;

    /// Casts to the puppet.
    fn tell(&self, body: impl FnOnce(&mut Puppet) -> Told + Send + 'static);

    /// Sends the puppet a message.
    fn poke(&self, body: impl FnOnce(&mut Puppet) -> Told + Send + 'static);

    /// What it has noted.
    #[track_caller]
    fn notes(&self) -> Vec<&'static str> {
        self.ask(|it, _| reply(it.notes.clone())).unwrap()
    }

    /// Sees that it is there and answers, having handled all that it was sent before.
    #[track_caller]
    fn answers(&self) {
        assert_eq!(self.ask(|_, _| reply("an answer")), Ok("an answer"));
    }
}

impl Strings for ServerRef<Puppet> {
    fn ask<R: Send + 'static>(
        &self,
        body: impl FnOnce(&mut Puppet, &Caller<R>) -> Asked<R> + Send + 'static,
    ) -> Result<R, CallError> {
        self.call_timeout(ask(body), patience())
    }

    fn tell(&self, body: impl FnOnce(&mut Puppet) -> Told + Send + 'static) {
        self.cast(tell(body));
    }

    fn poke(&self, body: impl FnOnce(&mut Puppet) -> Told + Send + 'static) {
        process::send(pid_of(self), poke(body));
    }
}

/// What a process that called has got.
#[derive(Debug, PartialEq)]
pub(crate) struct Outcome<R>(pub(crate) Result<R, CallError>);

/// A process that calls `server`, and sends the caller the [`Outcome`].
#[track_caller]
pub(crate) fn client<R: Send + fmt::Debug + 'static>(
    server: &ServerRef<Puppet>,
    body: impl FnOnce(&mut Puppet, &Caller<R>) -> Asked<R> + Send + 'static,
) -> Pid {
    let (me, server) = (process::self_pid(), server.clone());
    process::spawn(move || {
        let outcome = Outcome(server.ask(body));
        process::send(me, outcome);
    })
    .unwrap()
}
