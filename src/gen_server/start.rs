//! Starting a server: spawning it, registering it, `init`, and its acknowledgement.

use std::any::type_name;
use std::fmt;
use std::io;
use std::marker::PhantomData;
use std::sync::Arc;
use std::time::Duration;

use crate::error_text::errors;
use crate::exit::{ExitReason, OfStart};
use crate::id::{MonitorRef, Pid};
use crate::message::{Name, NameRefusal, Via};
use crate::proc_lib;
use crate::proc_lib::{Started, start_process};
use crate::process;
use crate::process::info::{note_behaviour, note_context};
use crate::process::register::note_via;
use crate::process::{Builder, Info, Overflow, RegisterError, SpawnError};
use crate::sys::DebugOptions;
use crate::user_code::{Guarded, displayed, drop_caught, printed};

use super::GenServer;
use super::next::{Init, InitOutcome, InitResult, Wait};
use super::serve::{Server, Settings};

/// Options for starting a server.
///
/// ```
/// use procession::gen_server::StartOptions;
/// use std::time::Duration;
///
/// let options = StartOptions::new().name("calculator").init_timeout(Duration::from_secs(1));
/// ```
///
/// OTP: the options of
/// [`gen_server:start_link/4`](https://www.erlang.org/doc/apps/stdlib/gen_server.html#start_link/4).
#[derive(Debug, Default)]
#[must_use = "options do nothing until a server is started with them"]
pub struct StartOptions {
    name: Option<Name>,
    init_timeout: Option<Duration>,
    builder: Builder,
    debug: DebugOptions,
    hibernate_after: Option<Duration>,
    trap_exit: bool,
    mailbox_capacity: Option<(usize, Overflow)>,
    /// What its process is started as, if that is not the type of the server.
    initial_call: Option<&'static str>,
}

impl StartOptions {
    /// Returns the default options: no name, no limit of time for `init`, spawned as any process.
    pub fn new() -> StartOptions {
        StartOptions::default()
    }

    /// Sets what the process is started as, for a server that stands for a type of the program's.
    pub(crate) fn initial_call(mut self, name: &'static str) -> StartOptions {
        self.initial_call = Some(name);
        self
    }

    /// Registers the server as `name` before `init` runs: a local name, or one that a
    /// [registrar](crate::Registrar) keeps.
    pub fn name(mut self, name: impl Into<Name>) -> StartOptions {
        self.name = Some(name.into());
        self
    }

    /// Sets how long the server may take from its start to the end of `init`. Default: no limit.
    ///
    /// A server that takes longer is killed, and the start returns [`StartError::Timeout`] when it
    /// has ended, which takes at most its [kill grace](Builder::kill_grace).
    pub fn init_timeout(mut self, timeout: Duration) -> StartOptions {
        self.init_timeout = Some(timeout);
        self
    }

    /// Sets which debugging is on from the start: see [`sys`](crate::sys). Default: none.
    pub fn debug(mut self, debug: DebugOptions) -> StartOptions {
        self.debug = debug;
        self
    }

    /// Lets the server [hibernate](process::hibernate) when no message has come for `idle_time`,
    /// until one does. Default: it does not.
    ///
    /// This is independent of the [timeout](super::Then::timeout) of a callback, which takes
    /// precedence where there is one.
    pub fn hibernate_after(mut self, idle_time: Duration) -> StartOptions {
        self.hibernate_after = Some(idle_time);
        self
    }

    /// Sets whether the server traps exits from before `init`, so that
    /// [`terminate`](GenServer::terminate) is called when its supervisor or another parent ends it.
    /// Default: it does not, unless `init` calls [`set_trap_exit`](process::set_trap_exit).
    pub fn trap_exit(mut self, trap_exit: bool) -> StartOptions {
        self.trap_exit = trap_exit;
        self
    }

    /// Bounds the mailbox of the server: there is room for `capacity` casts and other messages, and
    /// `overflow` says what happens to more. Calls and system messages need no room. Default: it
    /// has no bound, unless [`spawn_options`](Self::spawn_options) set one.
    ///
    /// ```
    /// use procession::prelude::*;
    /// use procession::process::Overflow;
    ///
    /// /// Writes what it is told, as fast as the disk allows.
    /// #[derive(Debug)]
    /// struct Log;
    ///
    /// impl GenServer for Log {
    ///     type Args = ();
    ///     fn init((): ()) -> InitResult<Self> {
    ///         ready(Log)
    ///     }
    /// }
    ///
    /// impl HandleCast<String> for Log {
    ///     fn handle_cast(&mut self, line: String) -> CastResult<Self> {
    ///         assert!(line.ends_with("open the door"));
    ///         noreply()
    ///     }
    /// }
    ///
    /// let options = StartOptions::new().mailbox_capacity(2, Overflow::Refuse);
    /// let log = Log::start_with((), options)?;
    /// log.sys().suspend()?; // The disk is busy.
    /// log.cast("1: open the door".to_owned());
    /// log.cast("2: open the door".to_owned());
    /// let refused = log.try_cast("3: open the door".to_owned()).unwrap_err();
    /// assert_eq!(refused.into_message(), "3: open the door");
    /// log.sys().resume()?; // System messages need no room, and calls neither.
    /// # log.stop()?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Panics
    ///
    /// If `capacity` is 0, when the server is started.
    pub fn mailbox_capacity(mut self, capacity: usize, overflow: Overflow) -> StartOptions {
        self.mailbox_capacity = Some((capacity, overflow));
        self
    }

    /// Sets how the process is spawned: its stack size, its kill grace.
    ///
    /// A link that is set here is made as by `start_link`. A name that is set here is registered,
    /// too, but if it is taken the start fails with [`StartError::Spawn`]; a server's name is
    /// better set by [`name`](Self::name).
    pub fn spawn_options(mut self, builder: Builder) -> StartOptions {
        self.builder = builder;
        self
    }
}

impl Name {
    /// Gives the name to the caller.
    fn register(&self) -> Result<(), Refusal> {
        let me = process::self_pid();
        match self {
            Name::Local(name) => process::register(name, me).map_err(Refusal::Name),
            Name::Via(name) => process::catch(|| register_via(name, me))
                .unwrap_or_else(|reason| Err(Refusal::Failed(reason)))
                .inspect(|()| note_via(name.clone())),
        }
    }

    /// Frees the name. Another process may have done so already, which is no error.
    fn unregister(&self) {
        match self {
            Name::Local(name) => _ = process::unregister(name),
            Name::Via(name) => _ = process::catch(|| name.unregister()),
        }
    }
}

/// How often a registrar is asked for a name whose holder, it says, has ended.
const TRIES: usize = 100;

/// Gives the caller a name. If it is refused, the process that had it may have ended before it is
/// known which it was, and so may the next one: then the name is asked for again. Each time another
/// process has had it, unless the registrar refuses for a reason that it cannot express: so the
/// number of tries is limited.
fn register_via(name: &Via, me: Pid) -> Result<(), Refusal> {
    for _ in 0..TRIES {
        match name.register(me) {
            Ok(()) => return Ok(()),
            Err(NameRefusal::Taken(holder)) => return Err(Refusal::AlreadyStarted(holder)),
            Err(NameRefusal::Failed(reason)) => return Err(Refusal::Failed(reason)),
            Err(NameRefusal::HolderEnded) => {}
        }
    }
    Err(Refusal::Failed(NameRefused { name: printed(name) }.into()))
}

/// Error returned from starting a server. There is no server then (but see
/// [`CallerEnded`](Self::CallerEnded)), and the attempt leaves nothing in the caller's mailbox.
///
/// As an [`ExitReason`], by `?`, it is abnormal, whatever the reason that it holds.
#[non_exhaustive]
pub enum StartError {
    /// `init` returned [`ignore`](super::ignore).
    Ignored,
    /// This process has the name already, or had it when the start asked for it, and has ended
    /// since. `init` was not run.
    AlreadyStarted(Pid),
    /// The name could not be registered, for another reason than being taken. `init` was not run.
    Name(RegisterError),
    /// `init` took longer than its timeout.
    Timeout,
    /// `init` failed with this reason, or the process ended before `init` had returned. Or `init`
    /// was not run, as the registrar of the name has panicked, or has refused the name: with a
    /// reason of its own, or repeatedly though no process has it, in which case the reason is a
    /// [`NameRefused`].
    Failed(ExitReason),
    /// The process could not be spawned.
    Spawn(SpawnError),
    /// The caller cannot wait: it is being ended by an exit signal, or it is a thread of the
    /// program's own that was killed or is in its last destructors. If that came in the middle of
    /// the start, the server goes on by itself, unless it is linked.
    CallerEnded,
}

impl fmt::Display for StartError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ignored => f.write_str("the server chose not to start"),
            Self::AlreadyStarted(pid) => write!(f, "already started as {pid}"),
            Self::Name(error) => write!(f, "the server cannot have its name: {error}"),
            Self::Timeout => f.write_str("the server took too long to initialize"),
            Self::Failed(reason) => {
                write!(f, "the server failed to initialize: {}", OfStart(reason))
            }
            Self::Spawn(error) => write!(f, "the server's process was not spawned: {error}"),
            Self::CallerEnded => f.write_str("the caller has ended and cannot wait"),
        }
    }
}

errors!(StartError);

/// The reason with which a start [fails](StartError::Failed) if a registrar refuses the name
/// repeatedly, and says that no process has it.
#[derive(Clone, PartialEq, Eq)]
pub struct NameRefused {
    /// The name, with its registrar.
    pub name: String,
}

impl fmt::Display for NameRefused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the name {} is refused, though nobody has it", self.name)
    }
}

errors!(NameRefused);

/// Why a process does not become a server. It ends next.
#[derive(Debug)]
enum Refusal {
    Ignored,
    AlreadyStarted(Pid),
    Name(RegisterError),
    Failed(ExitReason),
}

/// What runs in a process that is started as a server: a behaviour, with the callbacks of a type.
pub(crate) trait Behaviour: 'static {
    /// The arguments of its `init`.
    type Args: Send + 'static;
    /// What its `init` makes, with which it runs.
    type Ready;

    /// The type that its callbacks belong to, as which the process is started.
    fn callbacks() -> &'static str;

    /// Runs the `init` of the program.
    fn init(args: Self::Args) -> Result<InitOutcome<Self::Ready>, ExitReason>;

    /// Serves until the end, and returns why it ends.
    fn serve(ready: Self::Ready, settings: Settings) -> ExitReason;
}

/// The behaviour of a [`GenServer`].
pub(crate) struct ServerOf<S>(PhantomData<S>);

impl<S: GenServer> Behaviour for ServerOf<S> {
    type Args = S::Args;
    type Ready = (S, Wait);

    fn callbacks() -> &'static str {
        type_name::<S>()
    }

    fn init(args: S::Args) -> Result<InitOutcome<(S, Wait)>, ExitReason> {
        S::init(args).map(outcome_of)
    }

    fn serve((state, wait): (S, Wait), settings: Settings) -> ExitReason {
        Server::new(state, wait, settings).run()
    }
}

/// Returns the outcome of an `init`, where a server that is ready has what it waits for with it.
fn outcome_of<S>(Init { outcome, wait }: Init<S>) -> InitOutcome<(S, Wait)> {
    match outcome {
        InitOutcome::Ready(state) => InitOutcome::Ready((state, wait)),
        InitOutcome::Ignore => InitOutcome::Ignore,
        InitOutcome::Error(reason) => InitOutcome::Error(reason),
    }
}

/// Starts a server, and waits until its `init` has returned.
pub(crate) fn start<B: Behaviour>(
    args: B::Args,
    options: StartOptions,
    link: bool,
) -> Result<Pid, StartError> {
    let builder = if link { options.builder.link() } else { options.builder };
    let has_parent = builder.is_linked();
    let started = start_server::<B>(args, StartOptions { builder, ..options }, has_parent);
    started.forget();
    let (pid, _) = outcome(started)?;
    Ok(pid)
}

/// Starts and monitors a server, and waits until its `init` has returned.
pub(crate) fn start_monitored<B: Behaviour>(
    args: B::Args,
    options: StartOptions,
) -> Result<(Pid, MonitorRef), StartError> {
    outcome(start_server::<B>(args, options, true))
}

fn start_server<B: Behaviour>(
    args: B::Args,
    options: StartOptions,
    has_parent: bool,
) -> Started<Result<(), Refusal>> {
    let StartOptions { name, init_timeout, builder, debug, hibernate_after, .. } = options;
    let builder = if options.trap_exit { builder.trap_exit(true) } else { builder };
    let builder = match options.mailbox_capacity {
        Some((capacity, overflow)) => builder.mailbox_capacity(capacity, overflow),
        None => builder,
    };
    let initial_call = options.initial_call.unwrap_or_else(B::callbacks);
    let builder = builder.behaviour();
    let start_options = proc_lib::StartOptions { timeout: init_timeout, builder };
    start_process(start_options, initial_call, move |starter: Starter| {
        let parent = has_parent.then_some(starter.pid());
        let settings = Settings { parent, debug, hibernate_after };
        run::<B>(args, name, settings, starter)
    })
}

fn outcome(started: Started<Result<(), Refusal>>) -> Result<(Pid, MonitorRef), StartError> {
    started.outcome??;
    Ok(started.process.expect("it has acknowledged its start"))
}

type Starter = proc_lib::Starter<Result<(), Refusal>>;

impl From<proc_lib::StartError> for StartError {
    fn from(error: proc_lib::StartError) -> StartError {
        match error {
            proc_lib::StartError::Failed(reason) => StartError::Failed(reason),
            proc_lib::StartError::Timeout => StartError::Timeout,
            proc_lib::StartError::Spawn(error) => StartError::Spawn(error),
            proc_lib::StartError::CallerEnded => StartError::CallerEnded,
        }
    }
}

/// For start functions that spawn a process.
impl From<SpawnError> for StartError {
    fn from(error: SpawnError) -> StartError {
        StartError::Spawn(error)
    }
}

/// For start functions that do more than spawn a process.
impl From<ExitReason> for StartError {
    fn from(reason: ExitReason) -> StartError {
        StartError::Failed(reason)
    }
}

/// For start functions that take a resource of the system first.
impl From<io::Error> for StartError {
    fn from(error: io::Error) -> StartError {
        StartError::Failed(error.into())
    }
}

impl From<Refusal> for StartError {
    fn from(refusal: Refusal) -> StartError {
        match refusal {
            Refusal::Ignored => StartError::Ignored,
            Refusal::Name(RegisterError::Taken { holder, .. }) => {
                StartError::AlreadyStarted(holder)
            }
            Refusal::Name(error) => StartError::Name(error),
            Refusal::AlreadyStarted(holder) => StartError::AlreadyStarted(holder),
            Refusal::Failed(reason) => StartError::Failed(reason),
        }
    }
}

/// Runs a server's process, from its start to its end, and returns why it ends.
fn run<B: Behaviour>(
    args: B::Args,
    name: Option<Name>,
    settings: Settings,
    starter: Starter,
) -> ExitReason {
    if let Some(refusal) = name.as_ref().and_then(|name| name.register().err()) {
        drop_caught(args); // While the edge of the starter's wait for this is set.
        starter.give_up(Err(refusal));
        return ExitReason::Normal;
    }
    let outcome = process::catch(|| B::init(args));
    match beginning(outcome) {
        Ok(ready) => {
            let ready = Guarded::new(ready); // A process that was killed meanwhile unwinds here.
            starter.ack(Ok(()));
            B::serve(ready.into_inner(), settings)
        }
        Err((refusal, reason)) => {
            if !reason.is_orderly() {
                note_init(name.as_ref());
            }
            // A process that learns of the failure may start another server under the name.
            if let Some(name) = &name {
                name.unregister();
            }
            starter.give_up(Err(refusal));
            reason
        }
    }
}

/// Notes for the report of a crash that it was in `init`, and the name, which is free by then.
fn note_init(name: Option<&Name>) {
    match name {
        Some(name) => note_context(&format!("init, named {}", displayed(name))),
        None => note_context("init"),
    }
}

/// Returns what `init` has made; or why there is no server, and the exit reason of its process.
fn beginning<R>(
    outcome: Result<Result<InitOutcome<R>, ExitReason>, ExitReason>,
) -> Result<R, (Refusal, ExitReason)> {
    let refusal = match outcome {
        Ok(Ok(InitOutcome::Ready(ready))) => return Ok(ready),
        Ok(Ok(InitOutcome::Ignore)) => Refusal::Ignored,
        Ok(Ok(InitOutcome::Error(reason))) => Refusal::Failed(reason),
        Ok(Err(reason)) | Err(reason) => return Err((Refusal::Failed(reason.clone()), reason)),
    };
    Err((refusal, ExitReason::Normal))
}

/// Makes the calling process, which has done its own start-up, a server. The process ends when the
/// server does.
///
/// `start` is what an `init` would have returned. The server takes over the mailbox and all else of
/// the process. Its parent, whose end ends a server that traps exits, is the process that has
/// started it.
///
/// The process ends with an [`EnterLoopError`] if it was not started by [`proc_lib`], or does not
/// have the name that is set in the options.
///
/// OTP:
/// [`gen_server:enter_loop/5`](https://www.erlang.org/doc/apps/stdlib/gen_server.html#enter_loop/5).
///
/// ```
/// use procession::gen_server;
/// use procession::prelude::*;
/// use procession::proc_lib;
///
/// #[derive(Debug)]
/// struct Counter(u64);
///
/// impl GenServer for Counter {
///     type Args = u64;
///     fn init(n: u64) -> InitResult<Self> {
///         ready(Counter(n))
///     }
/// }
///
/// impl HandleCall<()> for Counter {
///     type Reply = u64;
///     fn handle_call(&mut self, (): (), _: &Caller<u64>) -> CallResult<Self, ()> {
///         reply(self.0)
///     }
/// }
///
/// let pid = proc_lib::start_link(|starter| {
///     starter.ack(process::self_pid());
///     // The starter goes on, and this takes its time.
///     let counter = Counter((1..=10).sum());
///     gen_server::enter_loop(ready(counter), StartOptions::new())
/// })?;
/// assert_eq!(ServerRef::<Counter>::from_pid(pid).call(())?, 55);
/// # ServerRef::<Counter>::from_pid(pid).stop()?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Panics
///
/// In a thread of the program's own, which cannot be ended.
pub fn enter_loop<S: GenServer>(start: InitResult<S>, options: StartOptions) -> ! {
    enter::<ServerOf<S>>(start.map(outcome_of), options)
}

/// Makes the calling process run a behaviour to its end.
pub(crate) fn enter<B: Behaviour>(
    start: Result<InitOutcome<B::Ready>, ExitReason>,
    options: StartOptions,
) -> ! {
    let start = Guarded::new(start); // If it was killed, the process unwinds here.
    let StartOptions { name, debug, hibernate_after, trap_exit, .. } = options;
    if trap_exit {
        process::set_trap_exit(true);
    }
    let me = process::self_pid();
    let reason = match enterer(me, name) {
        Ok(info) => match beginning(Ok(start.into_inner())) {
            Ok(ready) => {
                note_behaviour();
                B::serve(ready, Settings { parent: info.parent(), debug, hibernate_after })
            }
            Err((_, reason)) => reason,
        },
        Err(error) => {
            drop(start); // Not while the thread unwinds.
            error.into()
        }
    };
    process::exit_self(reason)
}

/// Returns information about the process `pid`, which wants to become a server, if it can.
fn enterer(pid: Pid, name: Option<Name>) -> Result<Info, EnterLoopError> {
    let info = process::info(pid).filter(|info| info.initial_call.is_some());
    let info = info.ok_or(EnterLoopError::NotStartedByProcLib)?;
    match name {
        Some(Name::Local(name)) if info.name.as_deref() != Some(&*name) => {
            Err(EnterLoopError::NotRegistered(name))
        }
        Some(Name::Via(name)) if name.whereis() != Some(pid) => {
            Err(EnterLoopError::NotRegisteredVia(name))
        }
        Some(Name::Via(name)) => {
            note_via(name);
            Ok(info)
        }
        Some(Name::Local(_)) | None => Ok(info),
    }
}

/// The exit reason of a process that cannot [become a server](enter_loop).
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum EnterLoopError {
    /// The process was not started by [`proc_lib`].
    NotStartedByProcLib,
    /// The process is not registered under this name.
    NotRegistered(Arc<str>),
    /// The registrar does not know the process by this name.
    NotRegisteredVia(Via),
}

impl fmt::Display for EnterLoopError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotStartedByProcLib => f.write_str("the process was not started by proc_lib"),
            Self::NotRegistered(name) => {
                write!(f, "the process is not registered as {name:?}")
            }
            Self::NotRegisteredVia(name) => {
                write!(f, "the process is not registered as {name}")
            }
        }
    }
}

errors!(EnterLoopError);
