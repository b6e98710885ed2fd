//! Starting a server: spawn, register, `init`, acknowledge.

use std::error::Error;
use std::fmt;
use std::num::NonZeroU64;
use std::time::Duration;

use crate::exit::ExitReason;
use crate::id::MonitorRef;
use crate::id::Pid;
use crate::id::unique;
use crate::message::Down;
use crate::message::Exit;
use crate::message::Message;
use crate::process;
use crate::process::Builder;
use crate::process::Mark;
use crate::process::MonitorOptions;
use crate::process::RegisterError;
use crate::process::SpawnError;
use crate::process::current::Ended;
use crate::process::current::Process;
use crate::process::current::current;
use crate::process::lifecycle::signal_exit;
use crate::process::monitor;
use crate::process::ties;
use crate::process::unwind::drop_caught;

use super::GenServer;
use super::next::{Init, InitOutcome};
use super::serve::Server;

/// How to start a server.
///
/// ```
/// use procession::gen_server::StartOptions;
/// use std::time::Duration;
///
/// let options = StartOptions::new().name("calculator").init_timeout(Duration::from_secs(1));
/// ```
///
/// OTP: the options of [`gen_server:start_link/4`](https://www.erlang.org/doc/apps/stdlib/gen_server.html#start_link/4).
#[derive(Debug, Default)]
#[must_use]
pub struct StartOptions {
    name: Option<String>,
    init_timeout: Option<Duration>,
    builder: Builder,
}

impl StartOptions {
    /// No name; as much time as `init` takes; spawned as any process.
    pub fn new() -> StartOptions {
        StartOptions::default()
    }

    /// Registers the server as `name` before `init` runs.
    pub fn name(mut self, name: impl Into<String>) -> StartOptions {
        self.name = Some(name.into());
        self
    }

    /// Sets how long the server may take from its start to the end of `init`. Default: no limit.
    ///
    /// One that takes longer is killed, and the start returns [`StartError::Timeout`] when it is
    /// gone, which takes at most its [kill grace](Builder::kill_grace).
    pub fn init_timeout(mut self, timeout: Duration) -> StartOptions {
        self.init_timeout = Some(timeout);
        self
    }

    /// Sets how the process is spawned: its stack size, its kill grace, whether it traps exits.
    ///
    /// A link asked for here is made as by `start_link`. So is a name, but if that is taken the
    /// start fails with [`StartError::Spawn`]; [`name`](Self::name) is what a server wants.
    pub fn spawn_options(mut self, builder: Builder) -> StartOptions {
        self.builder = builder;
        self
    }
}

/// Error returned from starting a server. There is none then (but see
/// [`CallerEnded`](Self::CallerEnded)), and nothing of the attempt is left in the caller's mailbox.
///
/// As an [`ExitReason`], by `?`, it is abnormal, whatever the reason that it holds.
#[derive(Debug)]
#[non_exhaustive]
pub enum StartError {
    /// `init` returned [`ignore`](super::ignore).
    Ignored,
    /// This process has the name already. `init` was not run.
    AlreadyStarted(Pid),
    /// The name cannot be had, for another reason than being taken. `init` was not run.
    Name(RegisterError),
    /// `init` took longer than it may.
    Timeout,
    /// `init` failed with this reason, or the process ended before it was through.
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
            Self::Failed(reason) => write!(f, "the server failed to initialize: {reason}"),
            Self::Spawn(error) => write!(f, "the server's process was not spawned: {error}"),
            Self::CallerEnded => f.write_str("the caller has ended and cannot wait"),
        }
    }
}

impl Error for StartError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Name(error) => Some(error),
            Self::Spawn(error) => Some(error),
            Self::Ignored
            | Self::AlreadyStarted(_)
            | Self::Timeout
            | Self::Failed(_)
            | Self::CallerEnded => None,
        }
    }
}

/// The message by which a server says how its start went.
#[derive(Debug)]
struct Acknowledgement {
    start: NonZeroU64,
    outcome: Result<(), Refusal>,
}

/// Why there is to be no server. The process ends next.
#[derive(Debug)]
enum Refusal {
    Ignored,
    Name(RegisterError),
    Failed(ExitReason),
}

/// Starts a server and waits until its `init` is through.
pub(crate) fn start<S: GenServer>(
    args: S::Args,
    options: StartOptions,
    link: bool,
) -> Result<Pid, StartError> {
    let since = process::mark();
    let (pid, monitor) = start_monitored::<S>(args, options, link)?;
    monitor::forget_request(monitor, since, |message| is_end(message, monitor));
    Ok(pid)
}

/// Starts and monitors a server, and waits until its `init` is through.
pub(crate) fn start_monitored<S: GenServer>(
    args: S::Args,
    options: StartOptions,
    link: bool,
) -> Result<(Pid, MonitorRef), StartError> {
    let starter = current();
    starter.check().map_err(|_| StartError::CallerEnded)?;
    let StartOptions { name, init_timeout, builder } = options;
    let builder = if link { builder.link() } else { builder };
    let linked = builder.is_linked();
    let ack = Ack { starter: starter.pid, start: unique() };
    let since = process::mark();
    let mut waiting = None;
    let (pid, monitor) = builder
        .spawn_with(Some(MonitorOptions::new()), |pid| {
            // Before the server runs: if its `init` calls the starter, that call finds the cycle.
            // A process that does not run yet waits for nobody, so there is none here.
            waiting = starter.wait_for(pid, ack.start).ok();
            Box::new(move || be_started::<S>(args, name, linked, ack))
        })
        .map_err(StartError::Spawn)?;
    let monitor = monitor.expect("it was asked for");
    Starting { starter, pid, monitor, linked, since, start: ack.start }.wait(init_timeout)?;
    Ok((pid, monitor))
}

/// Where a starting server sends its acknowledgement.
#[derive(Clone, Copy)]
struct Ack {
    starter: Pid,
    start: NonZeroU64,
}

impl Ack {
    fn send(self, outcome: Result<(), Refusal>) {
        // First: no edge stands for a wait that is over.
        Process::of(self.starter).slot.wait.edge.clear(self.start);
        process::send(self.starter, Acknowledgement { start: self.start, outcome });
    }
}

/// A server being started, as its starter sees it.
struct Starting {
    starter: Process,
    pid: Pid,
    monitor: MonitorRef,
    linked: bool,
    since: Mark,
    start: NonZeroU64,
}

impl Starting {
    fn wait(self, init_timeout: Option<Duration>) -> Result<(), StartError> {
        let timeout = init_timeout.unwrap_or(Duration::MAX);
        let message = self
            .starter
            .receive_since(self.since, timeout, |message| self.is_news(message))
            .map_err(|Ended| StartError::CallerEnded)?;
        let Some(message) = message else {
            self.kill()?;
            return Err(StartError::Timeout);
        };
        match message.downcast::<Acknowledgement>() {
            Ok(Acknowledgement { outcome: Ok(()), .. }) => Ok(()),
            Ok(Acknowledgement { outcome: Err(refusal), .. }) => {
                self.await_end()?;
                Err(refusal.into())
            }
            Err(message) => {
                self.flush();
                let down = message.downcast::<Down>().expect("news is one of the two");
                Err(StartError::Failed(down.reason))
            }
        }
    }

    fn is_news(&self, message: &Message) -> bool {
        match message.downcast_ref::<Acknowledgement>() {
            Some(ack) => ack.start == self.start,
            None => is_end(message, self.monitor),
        }
    }

    /// Waits until the process is gone. If it is linked and ends abnormally, so does a starter that
    /// does not trap exits: the exit signal comes before the DOWN.
    fn await_end(&self) -> Result<(), StartError> {
        self.starter
            .receive_since(self.since, Duration::MAX, |message| is_end(message, self.monitor))
            .map_err(|Ended| StartError::CallerEnded)?;
        self.flush();
        Ok(())
    }

    fn kill(&self) -> Result<(), StartError> {
        if self.linked {
            self.starter.sort();
            ties::unlink(self.starter.end(), Process::of(self.pid).end());
        }
        signal_exit(self.starter.pid, self.pid, ExitReason::Kill);
        self.await_end()
    }

    /// Removes what else the process has left, now that it has ended: its exit message, if the
    /// starter traps exits, and an acknowledgement that came too late.
    fn flush(&self) {
        let is_left = |message: &Message| match message.downcast_ref::<Exit>() {
            Some(exit) => self.linked && exit.from == self.pid,
            None => self.is_news(message),
        };
        let next = || self.starter.receive_since(self.since, Duration::ZERO, is_left);
        while let Ok(Some(_)) = next() {}
    }
}

/// Whether this is the DOWN of `monitor`.
fn is_end(message: &Message, monitor: MonitorRef) -> bool {
    message.downcast_ref::<Down>().is_some_and(|down| down.monitor == monitor)
}

impl From<Refusal> for StartError {
    fn from(refusal: Refusal) -> StartError {
        match refusal {
            Refusal::Ignored => StartError::Ignored,
            Refusal::Name(RegisterError::Taken { holder, .. }) => {
                StartError::AlreadyStarted(holder)
            }
            Refusal::Name(error) => StartError::Name(error),
            Refusal::Failed(reason) => StartError::Failed(reason),
        }
    }
}

/// The life of a server's process.
fn be_started<S: GenServer>(
    args: S::Args,
    name: Option<String>,
    linked: bool,
    ack: Ack,
) -> ExitReason {
    if let Some(name) = &name
        && let Err(error) = process::register(name, process::self_pid())
    {
        drop_caught(args); // While the starter is known to wait for this.
        ack.send(Err(Refusal::Name(error)));
        return ExitReason::Normal;
    }
    let give_up = |refusal| {
        // Whoever hears of it may start another one under the name. Somebody else may have
        // unregistered it, which is as good.
        if let Some(name) = &name {
            _ = process::unregister(name);
        }
        ack.send(Err(refusal));
    };
    match process::catch(|| S::init(args)) {
        Ok(Ok(Init { outcome: InitOutcome::Ready(state), wait })) => {
            ack.send(Ok(()));
            Server::new(state, wait, linked.then_some(ack.starter)).run()
        }
        Ok(Ok(Init { outcome: InitOutcome::Ignore, wait })) => {
            drop_caught(wait);
            give_up(Refusal::Ignored);
            ExitReason::Normal
        }
        Ok(Ok(Init { outcome: InitOutcome::Error(reason), wait })) => {
            drop_caught(wait);
            give_up(Refusal::Failed(reason));
            ExitReason::Normal
        }
        Ok(Err(reason)) | Err(reason) => {
            give_up(Refusal::Failed(reason.clone()));
            reason
        }
    }
}
