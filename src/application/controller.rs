//! The application controller: the process that knows which applications there are, and how far
//! each has come. It never waits for one: their masters start and stop them, and tell it.

use std::collections::BTreeMap;
use std::fmt;
use std::mem;
use std::time::Duration;

use crate::call::ReplyTo;
use crate::exit::ExitReason;
use crate::gen_server::{
    CallResult, Caller, CastResult, GenServer, HandleCall, HandleCast, InitResult, ServerRef,
    StartError, StartOptions, noreply, ready, reply,
};
use crate::id::{Pid, TimerRef};
use crate::message::{Exit, Message, Timeout};
use crate::process;
use crate::process::printed::printed;
use crate::report::{ApplicationEvent, ApplicationReport, Kind, Report, is_wanted, submit};
use crate::timer;

use super::master::{self, Master};
use super::{Application, ApplicationError, ApplicationInfo, RestartType, env};

/// The name that it is registered as.
const NAME: &str = "application_controller";

/// The controller, which is started if there is none.
pub(super) fn controller() -> Result<ServerRef<Controller>, ApplicationError> {
    if let Some(pid) = process::whereis(NAME) {
        return Ok(ServerRef::from_pid(pid));
    }
    match Controller::start_with((), StartOptions::new().name(NAME)) {
        Ok(controller) => Ok(controller),
        Err(StartError::AlreadyStarted(pid)) => Ok(ServerRef::from_pid(pid)),
        Err(error) => Err(ApplicationError::NoController(error.into())),
    }
}

/// Asks the controller, which takes as long as it takes: an application may be slow to start.
pub(super) fn ask<M>(request: M) -> Result<<Controller as HandleCall<M>>::Reply, ApplicationError>
where
    Controller: HandleCall<M>,
    M: fmt::Debug + Send + 'static,
{
    Ok(controller()?.call_timeout(request, Duration::MAX)?)
}

type Answer<T> = Result<T, ApplicationError>;
type Client = ReplyTo<Answer<()>>;

/// The state of the controller.
#[derive(Debug, Default)]
pub(super) struct Controller {
    applications: BTreeMap<String, Known>,
    /// Those that run, in the order in which they were started.
    running: Vec<String>,
    /// Why all are being stopped, if they are.
    ending: Option<Ending>,
    /// Who waits for the end of all.
    waiting: Vec<ReplyTo<Cause>>,
    /// For how long they may take.
    shutdown_timeout: Option<Duration>,
    before_stop: Option<BeforeStop>,
}

/// An application that is loaded.
#[derive(Debug)]
struct Known {
    application: Application,
    phase: Phase,
}

/// How far an application has come.
#[derive(Debug)]
enum Phase {
    Loaded,
    Starting {
        master: Pid,
        restart: RestartType,
        clients: Vec<Client>,
    },
    /// Without a master and a top if it has no processes.
    Running {
        master: Option<Pid>,
        top: Option<Pid>,
        restart: RestartType,
    },
    Stopping {
        master: Pid,
        restart: RestartType,
        clients: Vec<Client>,
    },
    /// It has ended by itself, and was not stopped since.
    Ended,
}

#[derive(Debug)]
struct Ending {
    cause: Cause,
    step: EndingStep,
    /// After which what is left is killed.
    timer: Option<TimerRef>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum EndingStep {
    /// What is to be done first is being done by this process.
    Before(Pid),
    InOrder,
    /// It has taken too long.
    Killing,
}

/// Why all applications are stopped.
#[derive(Clone, Debug)]
pub(super) enum Cause {
    Told,
    /// An application has ended, or could not be started, that all depend on.
    Ended {
        application: String,
        reason: ExitReason,
    },
}

/// What is to be done before all applications are stopped.
pub(super) struct BeforeStop(pub(super) Box<dyn FnOnce() + Send>);

impl fmt::Debug for BeforeStop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("BeforeStop")
    }
}

impl Phase {
    fn master(&self) -> Option<Pid> {
        match self {
            Phase::Starting { master, .. } | Phase::Stopping { master, .. } => Some(*master),
            Phase::Running { master, .. } => *master,
            Phase::Loaded | Phase::Ended => None,
        }
    }

    fn top(&self) -> Option<Pid> {
        if let Phase::Running { top, .. } = self { *top } else { None }
    }
}

impl GenServer for Controller {
    type Args = ();

    fn init((): ()) -> InitResult<Controller> {
        process::set_trap_exit(true);
        ready(Controller::default())
    }

    fn handle_info(&mut self, message: Message) -> CastResult<Controller> {
        let message = match message.downcast::<Exit>() {
            Ok(Exit { from, reason, .. }) => {
                self.process_ended(from, reason);
                return noreply();
            }
            Err(message) => message,
        };
        if let Ok(timeout) = message.downcast::<Timeout<()>>() {
            self.overdue(timeout.timer);
        }
        noreply()
    }
}

impl Controller {
    fn known(&self, name: &str) -> Answer<&Known> {
        self.applications.get(name).ok_or_else(|| ApplicationError::NotLoaded(name.to_owned()))
    }

    /// Refuses what would change something while all is being stopped.
    fn unless_ending(&self) -> Answer<()> {
        if self.ending.is_some() { Err(ApplicationError::Terminating) } else { Ok(()) }
    }

    fn load(&mut self, application: Application) -> Answer<()> {
        self.unless_ending()?;
        let name = application.info.name.clone();
        if name.is_empty() {
            return Err(ApplicationError::NoName);
        }
        if self.applications.contains_key(&name) {
            return Err(ApplicationError::AlreadyLoaded(name));
        }
        env::load(&name, application.env.clone());
        for included in application.includes.clone() {
            match self.load(included) {
                Ok(()) | Err(ApplicationError::AlreadyLoaded(_)) => {}
                Err(error) => return Err(error),
            }
        }
        self.applications.insert(name, Known { application, phase: Phase::Loaded });
        Ok(())
    }

    fn unload(&mut self, name: &str) -> Answer<()> {
        self.unless_ending()?;
        match self.known(name)?.phase {
            Phase::Loaded => {}
            Phase::Starting { .. }
            | Phase::Running { .. }
            | Phase::Stopping { .. }
            | Phase::Ended => return Err(ApplicationError::Running(name.to_owned())),
        }
        self.applications.remove(name);
        env::unload(name);
        Ok(())
    }

    /// Starts an application, or says why not. `None` if the client is told later.
    fn start(
        &mut self,
        name: &str,
        restart: RestartType,
        client: impl FnOnce() -> Client,
    ) -> Option<Answer<()>> {
        if let Err(error) = self.unless_ending().and_then(|()| self.can_start(name)) {
            return Some(Err(error));
        }
        let known = self.applications.get_mut(name)?;
        if let Phase::Starting { clients, .. } = &mut known.phase {
            clients.push(client());
            return None;
        }
        if known.application.boot.is_none() {
            known.phase = Phase::Running { master: None, top: None, restart };
            self.runs(name, restart);
            return Some(Ok(()));
        }
        let this = ServerRef::from_pid(process::self_pid());
        match Master::start_link((known.application.clone(), this)) {
            Ok(master) => {
                let master = master.pid().expect("a server that was just started");
                known.phase = Phase::Starting { master, restart, clients: vec![client()] };
                None
            }
            Err(error) => {
                let application = name.to_owned();
                Some(Err(ApplicationError::Start { application, reason: error.into() }))
            }
        }
    }

    fn can_start(&self, name: &str) -> Answer<()> {
        let known = self.known(name)?;
        match known.phase {
            Phase::Starting { .. } => return Ok(()),
            Phase::Running { .. } | Phase::Stopping { .. } | Phase::Ended => {
                return Err(ApplicationError::AlreadyStarted(name.to_owned()));
            }
            Phase::Loaded => {}
        }
        for dependency in &known.application.info.dependencies {
            match self.applications.get(dependency).map(|known| &known.phase) {
                Some(Phase::Running { .. }) => {}
                Some(Phase::Ended) => {
                    return Err(ApplicationError::NotRunning(dependency.clone()));
                }
                Some(Phase::Loaded | Phase::Starting { .. } | Phase::Stopping { .. }) | None => {
                    return Err(ApplicationError::NotStarted(dependency.clone()));
                }
            }
        }
        Ok(())
    }

    fn runs(&mut self, name: &str, restart: RestartType) {
        self.running.push(name.to_owned());
        report(name, restart, ApplicationEvent::Started);
    }

    /// The tree of an application is there.
    fn started(&mut self, name: &str, top: Pid) {
        let Some(known) = self.applications.get_mut(name) else { return };
        let Phase::Starting { master, restart, clients } = &mut known.phase else { return };
        let (master, restart, clients) = (*master, *restart, mem::take(clients));
        known.phase = Phase::Running { master: Some(master), top: Some(top), restart };
        self.runs(name, restart);
        clients.into_iter().for_each(|client| client.reply(Ok(())));
        self.go_on_ending();
    }

    /// Stops an application, or says why not. `None` if the client is told later.
    fn stop(&mut self, name: &str, client: impl FnOnce() -> Client) -> Option<Answer<()>> {
        if let Err(error) = self.unless_ending() {
            return Some(Err(error));
        }
        let not_started = Err(ApplicationError::NotStarted(name.to_owned()));
        let Some(known) = self.applications.get_mut(name) else { return Some(not_started) };
        match &mut known.phase {
            Phase::Loaded | Phase::Starting { .. } => Some(not_started),
            Phase::Ended => {
                known.phase = Phase::Loaded;
                Some(Ok(()))
            }
            Phase::Stopping { clients, .. } => {
                clients.push(client());
                None
            }
            Phase::Running { master: None, .. } => {
                self.begin_to_stop(name, Vec::new());
                Some(Ok(()))
            }
            Phase::Running { master: Some(_), .. } => {
                self.begin_to_stop(name, vec![client()]);
                None
            }
        }
    }

    /// Has an application that runs stopped; one without processes is stopped by that.
    fn begin_to_stop(&mut self, name: &str, clients: Vec<Client>) {
        let Some(known) = self.applications.get_mut(name) else { return };
        let Phase::Running { master, restart, .. } = known.phase else { return };
        self.running.retain(|other| other != name);
        match master {
            Some(master) => {
                known.phase = Phase::Stopping { master, restart, clients };
                ServerRef::<Master>::from_pid(master).cast(master::Stop);
            }
            None => {
                known.phase = Phase::Loaded;
                report(name, restart, ApplicationEvent::Stopped);
            }
        }
    }

    /// A master has ended, or the process that does what is to be done before all are stopped.
    fn process_ended(&mut self, pid: Pid, reason: ExitReason) {
        if let Some(ending) = &mut self.ending
            && ending.step == EndingStep::Before(pid)
        {
            ending.step = EndingStep::InOrder;
            return self.go_on_ending();
        }
        let mut applications = self.applications.iter_mut();
        let Some((name, known)) = applications.find(|(_, known)| known.phase.master() == Some(pid))
        else {
            return;
        };
        let name = name.clone();
        match mem::replace(&mut known.phase, Phase::Loaded) {
            Phase::Stopping { restart, clients, .. } => {
                let killed = reason == ExitReason::Killed;
                let event = ApplicationEvent::Stopped;
                let event = if killed { ApplicationEvent::Exited(reason) } else { event };
                report(&name, restart, event);
                clients.into_iter().for_each(|client| client.reply(Ok(())));
            }
            Phase::Starting { restart, clients, .. } => {
                let application = name.clone();
                let error = ApplicationError::Start { application, reason: reason.clone() };
                clients.into_iter().for_each(|client| client.reply(Err(error.clone())));
                self.ended(name, restart, reason);
            }
            Phase::Running { restart, .. } => {
                known.phase = Phase::Ended;
                self.running.retain(|other| *other != name);
                self.ended(name, restart, reason);
            }
            Phase::Loaded | Phase::Ended => {}
        }
        self.go_on_ending();
    }

    /// An application has ended by itself, or could not be started.
    fn ended(&mut self, application: String, restart: RestartType, reason: ExitReason) {
        report(&application, restart, ApplicationEvent::Exited(reason.clone()));
        if restart.is_grave(&reason) {
            self.begin_ending(Cause::Ended { application, reason });
        }
    }

    fn begin_ending(&mut self, cause: Cause) {
        if self.ending.is_some() {
            return;
        }
        let timer = self.shutdown_timeout.take();
        let timer = timer.map(|timeout| timer::start_timer(timeout, process::self_pid(), ()));
        let mut step = EndingStep::InOrder;
        if let Some(BeforeStop(work)) = self.before_stop.take() {
            match process::spawn_link(work) {
                Ok(pid) => step = EndingStep::Before(pid),
                Err(error) => log::error!("nothing is done before applications stop: {error}"),
            }
        }
        self.ending = Some(Ending { cause, step, timer });
    }

    /// Stops the next application, when the one before is stopped; when all are, those who wait are
    /// told.
    fn go_on_ending(&mut self) {
        let Some(ending) = &self.ending else { return };
        if matches!(ending.step, EndingStep::Before(_)) {
            return;
        }
        let is_killing = ending.step == EndingStep::Killing;
        while !self.is_changing() {
            let Some(name) = self.running.last().cloned() else { return self.all_stopped() };
            self.begin_to_stop(&name, Vec::new());
            if is_killing {
                self.kill_masters();
            }
        }
    }

    fn is_changing(&self) -> bool {
        self.applications
            .values()
            .any(|known| matches!(known.phase, Phase::Starting { .. } | Phase::Stopping { .. }))
    }

    fn all_stopped(&mut self) {
        let Some(Ending { cause, timer, .. }) = self.ending.take() else { return };
        timer.map(timer::cancel);
        for known in self.applications.values_mut() {
            known.phase = Phase::Loaded; // Those that have ended can be started again.
        }
        mem::take(&mut self.waiting).into_iter().for_each(|client| client.reply(cause.clone()));
    }

    /// The time is over that all may take to stop.
    fn overdue(&mut self, timer: TimerRef) {
        let ending = self.ending.as_mut().filter(|ending| ending.timer == Some(timer));
        let Some(ending) = ending else { return };
        ending.step = EndingStep::Killing;
        self.kill_masters();
        self.go_on_ending();
    }

    /// Kills what keeps the next application from being stopped.
    fn kill_masters(&self) {
        for known in self.applications.values() {
            if let Phase::Starting { master, .. } | Phase::Stopping { master, .. } = known.phase {
                process::exit(master, ExitReason::Kill);
                let left = master::below(master);
                left.into_iter().for_each(|pid| process::exit(pid, ExitReason::Kill));
            }
        }
    }
}

fn report(application: &str, restart: RestartType, event: ApplicationEvent) {
    if !is_wanted(Kind::Application) {
        return;
    }
    let shown_reason = match &event {
        ApplicationEvent::Exited(reason) => Some(printed(&format_args!("{reason}"))),
        ApplicationEvent::Started | ApplicationEvent::Stopped => None,
    };
    submit(&Report::Application(ApplicationReport {
        application: application.to_owned(),
        restart_type: restart.name(),
        event,
        shown_reason,
    }));
}

#[derive(Debug)]
pub(super) struct Load(pub(super) Box<Application>);
#[derive(Debug)]
pub(super) struct Unload(pub(super) String);
#[derive(Debug)]
pub(super) struct Start(pub(super) String, pub(super) RestartType);
#[derive(Debug)]
pub(super) struct Stop(pub(super) String);
#[derive(Debug)]
pub(super) struct WhichApplications;
#[derive(Debug)]
pub(super) struct LoadedApplications;
#[derive(Debug)]
pub(super) struct GetInfo(pub(super) String);
#[derive(Debug)]
pub(super) struct GetSupervisor(pub(super) String);
/// The masters of the applications that run, in the order in which they were started.
#[derive(Debug)]
pub(super) struct Masters;
/// Say why all were stopped, when they are.
#[derive(Debug)]
pub(super) struct AwaitEnd {
    pub(super) shutdown_timeout: Option<Duration>,
    pub(super) before_stop: Option<BeforeStop>,
}
/// From a master: the tree is there.
#[derive(Debug)]
pub(super) struct Started {
    pub(super) application: String,
    pub(super) top: Pid,
}
/// Stop all.
#[derive(Debug)]
pub(super) struct Terminate;

/// What the controller answers at once, by the type of the question.
macro_rules! answers {
    ($($request:pat => $type:ty: $reply:ty, |$this:ident| $answer:expr;)+) => {$(
        impl HandleCall<$type> for Controller {
            type Reply = $reply;

            fn handle_call(
                &mut self,
                $request: $type,
                _: &Caller<Self::Reply>,
            ) -> CallResult<Self, Self::Reply> {
                let $this = self;
                reply($answer)
            }
        }
    )+};
}

answers! {
    Load(application) => Load: Answer<()>, |this| this.load(*application);
    Unload(name) => Unload: Answer<()>, |this| this.unload(&name);
    WhichApplications => WhichApplications: Vec<ApplicationInfo>, |this| {
        let running = this.running.iter().rev().filter_map(|name| this.applications.get(name));
        running.map(|known| known.application.info.clone()).collect()
    };
    LoadedApplications => LoadedApplications: Vec<ApplicationInfo>, |this| {
        this.applications.values().map(|known| known.application.info.clone()).collect()
    };
    GetInfo(name) => GetInfo: Option<ApplicationInfo>, |this| {
        this.applications.get(&name).map(|known| known.application.info.clone())
    };
    GetSupervisor(name) => GetSupervisor: Option<Pid>, |this| {
        this.applications.get(&name).and_then(|known| known.phase.top())
    };
    Masters => Masters: Vec<(String, Pid)>, |this| {
        let master = |name: &String| this.applications.get(name)?.phase.master();
        let running = this.running.iter();
        running.filter_map(|name| Some((name.clone(), master(name)?))).collect()
    };
}

impl HandleCall<Start> for Controller {
    type Reply = Answer<()>;

    fn handle_call(
        &mut self,
        Start(name, restart): Start,
        caller: &Caller<Self::Reply>,
    ) -> CallResult<Self, Self::Reply> {
        match self.start(&name, restart, || caller.defer()) {
            Some(answer) => reply(answer),
            None => noreply(),
        }
    }
}

impl HandleCall<Stop> for Controller {
    type Reply = Answer<()>;

    fn handle_call(
        &mut self,
        Stop(name): Stop,
        caller: &Caller<Self::Reply>,
    ) -> CallResult<Self, Self::Reply> {
        match self.stop(&name, || caller.defer()) {
            Some(answer) => reply(answer),
            None => noreply(),
        }
    }
}

impl HandleCall<AwaitEnd> for Controller {
    type Reply = Cause;

    fn handle_call(
        &mut self,
        AwaitEnd { shutdown_timeout, before_stop }: AwaitEnd,
        caller: &Caller<Cause>,
    ) -> CallResult<Self, Cause> {
        self.waiting.push(caller.defer());
        self.shutdown_timeout = shutdown_timeout;
        self.before_stop = before_stop;
        noreply()
    }
}

impl HandleCast<Started> for Controller {
    fn handle_cast(&mut self, Started { application, top }: Started) -> CastResult<Self> {
        self.started(&application, top);
        noreply()
    }
}

impl HandleCast<Terminate> for Controller {
    fn handle_cast(&mut self, Terminate: Terminate) -> CastResult<Self> {
        self.begin_ending(Cause::Told);
        self.go_on_ending();
        noreply()
    }
}
