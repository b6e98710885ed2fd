//! The application controller: the process that knows which applications are loaded, and the phase
//! of each. It never waits for one: their masters start and stop them, and send it messages.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::mem;
use std::time::Duration;

use log::Level;

use crate::call::ReplyTo;
use crate::exit::ExitReason;
use crate::gen_server::{
    CallResult, Caller, CastResult, GenServer, HandleCall, HandleCast, InitResult, ServerRef,
    answers, noreply, ready, reply, stop,
};
use crate::id::{MonitorRef, Pid, TimerRef};
use crate::message::{Down, Exit, Message, Timeout};
use crate::process;
use crate::report::{ApplicationEvent, ApplicationReport, Kind, Report, is_wanted, submit};
use crate::service;
use crate::supervisor::killed::KilledChild;
use crate::timer;
use crate::user_code::{Guarded, displayed, drop_caught, log_caught};

use super::killed::Killed;
use super::master::{self, Master, Started};
use super::{Application, ApplicationError, ApplicationInfo, RestartType, env};

/// The registered name of the controller.
pub(super) const NAME: &str = "application_controller";

/// Returns the controller, which is started if there is none.
pub(super) fn controller() -> Result<ServerRef<Controller>, ApplicationError> {
    let pid = service::ensure::<Controller>(NAME).map_err(ApplicationError::NoController)?;
    Ok(ServerRef::from_pid(pid))
}

/// Calls the controller without a limit: an application may be slow to start.
pub(super) fn ask<M>(request: M) -> Result<<Controller as HandleCall<M>>::Reply, ApplicationError>
where
    Controller: HandleCall<M>,
    M: fmt::Debug + Send + 'static,
{
    Ok(controller()?.call_timeout(request, Duration::MAX)?)
}

type Answer<T> = Result<T, ApplicationError>;
/// A client that waits until an application runs. The reply says whether it was started for this
/// client.
type Client = ReplyTo<Answer<IsOwn>>;
pub(super) type IsOwn = bool;

/// How long starts that are under way may go on when all applications are to be stopped.
const START_GRACE: Duration = Duration::from_secs(2);

/// The state of the controller.
#[derive(Debug, Default)]
pub(super) struct Controller {
    applications: BTreeMap<String, Known>,
    /// The applications that run, in the order in which they were started.
    running: Vec<String>,
    /// The applications that have ended by themselves, and were neither started again nor stopped
    /// since.
    ended: BTreeSet<String>,
    /// The processes that wait until all are stopped.
    runs: Vec<Run>,
    /// The state of the stop, if all are being stopped.
    ending: Option<Ending>,
}

/// A process that waits until all are stopped.
#[derive(Debug)]
struct Run {
    client: ReplyTo<Answer<End>>,
    process: Pid,
    monitor: MonitorRef,
    settings: RunSettings,
    /// Whether the process still starts applications.
    is_starting: bool,
}

/// An application that is loaded.
#[derive(Debug)]
struct Known {
    application: Application,
    phase: Phase,
}

/// The phase of an application.
#[derive(Debug)]
enum Phase {
    Loaded,
    Starting {
        master: Pid,
        restart: RestartType,
        clients: Vec<Client>,
        /// The clients that have asked for it since.
        joined: Vec<Client>,
    },
    /// There is no master and no top if the application has no processes.
    Running {
        master: Option<Pid>,
        top: Option<Pid>,
        restart: RestartType,
        later: Vec<Later>,
    },
    Stopping {
        master: Pid,
        restart: RestartType,
        clients: Vec<ReplyTo<Answer<()>>>,
        later: Vec<Later>,
    },
}

/// A request that is handled after the end of an application's master.
#[derive(Debug)]
enum Later {
    Start(RestartType, Client),
    Stop(ReplyTo<Answer<()>>),
    Unload(ReplyTo<Answer<()>>),
}

/// The state of the stop of all applications.
#[derive(Debug)]
struct Ending {
    cause: Cause,
    step: Step,
    /// When it expires, the processes that the step waits for are killed.
    timer: Option<TimerRef>,
    limit: Option<Duration>,
    /// The work that is still to be done before the first application is stopped.
    before: Vec<Work>,
    killed: Vec<Killed>,
    /// Whether the controller itself ends afterwards.
    is_last: bool,
}

/// What the stop of all applications waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    /// This process, which does work before the first application is stopped.
    Before(Pid),
    /// The starts that are under way.
    Starts,
    /// The applications, which are stopped one after the other.
    Stops,
}

/// Why all applications are stopped.
#[derive(Clone, Debug)]
pub(super) enum Cause {
    Told,
    /// An application without which the others cannot go on has ended, or could not be started.
    Ended {
        application: String,
        reason: ExitReason,
    },
}

/// The result of the stop of all applications.
#[derive(Clone, Debug)]
pub(super) struct End {
    pub(super) cause: Cause,
    pub(super) killed: Vec<Killed>,
}

/// The settings of a run for the stop that it waits for.
#[derive(Debug, Default)]
pub(super) struct RunSettings {
    /// The time that each step may take.
    pub(super) shutdown_timeout: Option<Duration>,
    pub(super) before_stop: Option<Work>,
}

/// Work that is done before all applications are stopped.
pub(super) struct Work(Guarded<Box<dyn FnOnce() + Send>>);

impl Work {
    pub(super) fn new(work: impl FnOnce() + Send + 'static) -> Work {
        Work(Guarded::new(Box::new(work)))
    }
}

impl fmt::Debug for Work {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Work")
    }
}

impl Phase {
    fn master(&self) -> Option<Pid> {
        match self {
            Phase::Starting { master, .. } | Phase::Stopping { master, .. } => Some(*master),
            Phase::Running { master, .. } => *master,
            Phase::Loaded => None,
        }
    }

    fn top(&self) -> Option<Pid> {
        if let Phase::Running { top, .. } = self { *top } else { None }
    }

    /// Returns whether the application is ending by itself. Other processes may see that before the
    /// controller has received the exit of the master.
    fn is_over(&self) -> bool {
        let Phase::Running { master, top, .. } = self else { return false };
        !master.iter().chain(top).all(|pid| process::is_alive(*pid))
    }
}

impl Known {
    /// Returns the phase if the application runs; `None` also if it is ending by itself.
    fn running(&self) -> Option<&Phase> {
        let runs = matches!(self.phase, Phase::Running { .. }) && !self.phase.is_over();
        runs.then_some(&self.phase)
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
            Ok(exit) => return self.exited(exit),
            Err(message) => message,
        };
        let message = match message.downcast::<Down>() {
            Ok(down) => {
                self.run_ended(down.monitor);
                return self.go_on();
            }
            Err(message) => message,
        };
        let message = match message.downcast::<Started>() {
            Ok(Started { application, top }) => {
                self.started(&application, top);
                return self.go_on();
            }
            Err(message) => message,
        };
        let message = match message.downcast::<KilledChild>() {
            Ok(killed) => {
                // A child that was killed before the stop began does not count.
                if let Some(ending) = &mut self.ending {
                    ending.killed.push(killed.into());
                }
                return noreply();
            }
            Err(message) => message,
        };
        match message.downcast::<Timeout<()>>() {
            Ok(timeout) => self.overdue(timeout.timer),
            Err(message) => drop_caught(message),
        }
        noreply()
    }
}

impl Controller {
    fn known(&self, name: &str) -> Answer<&Known> {
        self.applications.get(name).ok_or_else(|| ApplicationError::NotLoaded(name.to_owned()))
    }

    /// Returns the requests that wait for the end of an application, if it is ending by itself.
    fn later(&mut self, name: &str) -> Option<&mut Vec<Later>> {
        let phase = &mut self.applications.get_mut(name)?.phase;
        if !phase.is_over() {
            return None;
        }
        if let Phase::Running { later, .. } = phase { Some(later) } else { None }
    }

    /// Refuses changes while all applications are being stopped.
    fn unless_ending(&self) -> Answer<()> {
        if self.ending.is_some() { Err(ApplicationError::Terminating) } else { Ok(()) }
    }

    /// Loads an application and those that it includes, and returns the names of those that were
    /// not loaded before.
    fn load(&mut self, application: Application) -> Answer<Vec<String>> {
        self.unless_ending()?;
        application.check()?;
        let name = &application.info.name;
        if self.applications.contains_key(name) {
            return Err(ApplicationError::AlreadyLoaded(name.clone()));
        }
        let mut loaded = Vec::new();
        self.add(application, &mut loaded);
        Ok(loaded)
    }

    fn add(&mut self, mut application: Application, loaded: &mut Vec<String>) {
        let name = application.info.name.clone();
        env::load(&name, mem::take(&mut application.env));
        loaded.push(name.clone());
        let includes = mem::take(&mut application.includes);
        self.applications.insert(name, Known { application, phase: Phase::Loaded });
        for included in includes {
            if !self.applications.contains_key(&included.info.name) {
                self.add(included, loaded);
            }
        }
    }

    /// Unloads an application. Returns the reply, or `None` if the client is answered later.
    fn unload(
        &mut self,
        name: &str,
        client: impl FnOnce() -> ReplyTo<Answer<()>>,
    ) -> Option<Answer<()>> {
        if let Err(error) = self.unless_ending() {
            return Some(Err(error));
        }
        if let Some(later) = self.later(name) {
            later.push(Later::Unload(client()));
            return None;
        }
        Some(self.forget(name))
    }

    fn forget(&mut self, name: &str) -> Answer<()> {
        match self.known(name)?.phase {
            Phase::Loaded => {}
            Phase::Starting { .. } | Phase::Running { .. } | Phase::Stopping { .. } => {
                return Err(ApplicationError::Running(name.to_owned()));
            }
        }
        self.applications.remove(name);
        env::unload(name);
        Ok(())
    }

    /// Starts an application. Returns the reply, or `None` if the client is answered later.
    fn start(
        &mut self,
        name: &str,
        restart: RestartType,
        client: impl FnOnce() -> Client,
    ) -> Option<Answer<IsOwn>> {
        if let Err(error) = self.unless_ending() {
            return Some(Err(error));
        }
        if let Some(later) = self.later(name) {
            later.push(Later::Start(restart, client()));
            return None;
        }
        if let Err(error) = self.can_start(name) {
            return Some(Err(error));
        }
        let known = self.applications.get_mut(name)?;
        match &mut known.phase {
            Phase::Starting { joined, .. } => {
                joined.push(client());
                return None;
            }
            Phase::Stopping { later, .. } => {
                later.push(Later::Start(restart, client()));
                return None;
            }
            Phase::Loaded | Phase::Running { .. } => {}
        }
        if known.application.boot.is_none() {
            known.phase = Phase::Running { master: None, top: None, restart, later: Vec::new() };
            self.runs(name, restart);
            return Some(Ok(true));
        }
        match Master::start_link((known.application.clone(), process::self_pid())) {
            Ok(master) => {
                let master = master.pid();
                let (clients, joined) = (vec![client()], Vec::new());
                known.phase = Phase::Starting { master, restart, clients, joined };
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
            Phase::Starting { .. } | Phase::Stopping { .. } => return Ok(()),
            Phase::Running { .. } => {
                return Err(ApplicationError::AlreadyStarted(name.to_owned()));
            }
            Phase::Loaded => {}
        }
        let has_processes = known.application.boot.is_some();
        let mut dependencies = known.application.info.dependencies.iter();
        dependencies.try_for_each(|it| self.can_be_depended_on(it, has_processes))
    }

    /// Checks a dependency of an application that is to be started. It must run, unless the
    /// application has no processes: then it is enough that the dependency was started and has
    /// ended by itself.
    fn can_be_depended_on(&self, name: &str, has_processes: bool) -> Answer<()> {
        let known = self.applications.get(name);
        if known.is_some_and(|known| known.running().is_some()) {
            return Ok(());
        }
        let has_ended =
            self.ended.contains(name) || known.is_some_and(|known| known.phase.is_over());
        match (has_ended, has_processes) {
            (false, _) => Err(ApplicationError::NotStarted(name.to_owned())),
            (true, true) => Err(ApplicationError::NotRunning(name.to_owned())),
            (true, false) => Ok(()),
        }
    }

    fn runs(&mut self, name: &str, restart: RestartType) {
        self.ended.remove(name);
        self.running.push(name.to_owned());
        report(name, restart, ApplicationEvent::Started);
    }

    /// Handles that the tree of an application has been started.
    fn started(&mut self, name: &str, top: Pid) {
        let Some(known) = self.applications.get_mut(name) else { return };
        let Phase::Starting { master, restart, clients, joined } = &mut known.phase else { return };
        let (master, restart) = (*master, *restart);
        let (clients, joined) = (mem::take(clients), mem::take(joined));
        let (master, top, later) = (Some(master), Some(top), Vec::new());
        known.phase = Phase::Running { master, top, restart, later };
        self.runs(name, restart);
        clients.into_iter().for_each(|client| client.reply(Ok(true)));
        joined.into_iter().for_each(|client| client.reply(Ok(false)));
    }

    /// Stops an application. Returns the reply, or `None` if the client is answered later.
    fn stop(
        &mut self,
        name: &str,
        client: impl FnOnce() -> ReplyTo<Answer<()>>,
    ) -> Option<Answer<()>> {
        if let Err(error) = self.unless_ending() {
            return Some(Err(error));
        }
        if let Some(later) = self.later(name) {
            later.push(Later::Stop(client()));
            return None;
        }
        let not_started = || Err(ApplicationError::NotStarted(name.to_owned()));
        match self.applications.get_mut(name).map(|known| &mut known.phase) {
            // Nothing is left to be stopped, but it counts as stopped from now on.
            Some(Phase::Loaded) | None if self.ended.remove(name) => Some(Ok(())),
            Some(Phase::Loaded | Phase::Starting { .. }) | None => Some(not_started()),
            Some(Phase::Stopping { clients, .. }) => {
                clients.push(client());
                None
            }
            Some(Phase::Running { master: None, .. }) => {
                self.begin_to_stop(name, Vec::new());
                Some(Ok(()))
            }
            Some(Phase::Running { master: Some(_), .. }) => {
                self.begin_to_stop(name, vec![client()]);
                None
            }
        }
    }

    /// Begins to stop an application that runs. One without processes is stopped at once.
    fn begin_to_stop(&mut self, name: &str, clients: Vec<ReplyTo<Answer<()>>>) {
        let Some(known) = self.applications.get_mut(name) else { return };
        let Phase::Running { master, restart, later, .. } = &mut known.phase else { return };
        let (master, restart, later) = (*master, *restart, mem::take(later));
        self.running.retain(|other| other != name);
        match master {
            Some(master) => {
                known.phase = Phase::Stopping { master, restart, clients, later };
                ServerRef::<Master>::from_pid(master).cast(master::Stop);
            }
            None => {
                known.phase = Phase::Loaded;
                report(name, restart, ApplicationEvent::Stopped);
            }
        }
    }

    fn exited(&mut self, Exit { from, reason, .. }: Exit) -> CastResult<Controller> {
        let mut applications = self.applications.iter();
        let known = applications.find(|(_, known)| known.phase.master() == Some(from));
        if let Some(name) = known.map(|(name, _)| name.clone()) {
            self.master_ended(name, reason);
        } else if self.ending.as_ref().is_some_and(|ending| ending.step == Step::Before(from)) {
            self.next_before();
        } else if reason == ExitReason::Shutdown {
            // The whole program is shut down.
            self.begin_ending(Cause::Told);
            if let Some(ending) = &mut self.ending {
                ending.is_last = true;
            }
        }
        self.go_on()
    }

    fn master_ended(&mut self, name: String, reason: ExitReason) {
        let Some(known) = self.applications.get_mut(&name) else { return };
        match mem::replace(&mut known.phase, Phase::Loaded) {
            Phase::Stopping { restart, clients, later, .. } => {
                let killed = reason == ExitReason::Killed;
                let event = ApplicationEvent::Stopped;
                let event = if killed { ApplicationEvent::Exited(reason) } else { event };
                report(&name, restart, event);
                clients.into_iter().for_each(|client| client.reply(Ok(())));
                self.do_later(&name, later);
            }
            Phase::Starting { restart, clients, joined, .. } => {
                let application = name.clone();
                let error = ApplicationError::Start { application, reason: reason.clone() };
                let clients = clients.into_iter().chain(joined);
                clients.for_each(|client| client.reply(Err(error.clone())));
                self.ended(name, restart, reason);
            }
            Phase::Running { restart, later, .. } => {
                self.running.retain(|other| *other != name);
                self.ended.insert(name.clone());
                self.ended(name.clone(), restart, reason);
                self.do_later(&name, later);
            }
            Phase::Loaded => {}
        }
    }

    /// Handles the requests that came while an application was ending, as if they came now.
    fn do_later(&mut self, name: &str, later: Vec<Later>) {
        for request in later {
            match request {
                Later::Start(restart, client) => {
                    tell(client, self.start(name, restart, || client));
                }
                Later::Stop(client) => tell(client, self.stop(name, || client)),
                Later::Unload(client) => tell(client, self.unload(name, || client)),
            }
        }
    }

    /// Handles that an application has ended by itself, or could not be started.
    fn ended(&mut self, application: String, restart: RestartType, reason: ExitReason) {
        report(&application, restart, ApplicationEvent::Exited(reason.clone()));
        if restart.is_grave(&reason) {
            self.begin_ending(Cause::Ended { application, reason });
        }
    }

    /// Handles that a process that runs applications has ended before they were stopped.
    fn run_ended(&mut self, monitor: MonitorRef) {
        let place = self.runs.iter().position(|run| run.monitor == monitor);
        if let Some(run) = place.map(|place| self.runs.remove(place)) {
            drop(run);
            self.begin_ending(Cause::Told);
        }
    }

    fn begin_ending(&mut self, cause: Cause) {
        if self.ending.is_some() {
            return;
        }
        let settings = self.runs.iter_mut().map(|run| &mut run.settings);
        let before = settings.filter_map(|settings| settings.before_stop.take()).collect();
        let limit = self.runs.iter().filter_map(|run| run.settings.shutdown_timeout).min();
        self.ending = Some(Ending {
            cause,
            step: Step::Starts,
            timer: None,
            limit,
            before,
            killed: Vec::new(),
            is_last: false,
        });
        self.next_before();
    }

    /// Begins the next piece of work that is done before the first application is stopped.
    fn next_before(&mut self) {
        let Some(ending) = &mut self.ending else { return };
        let step = match ending.before.pop() {
            None => Step::Starts,
            Some(Work(work)) => match process::spawn_link(work.into_inner()) {
                Ok(pid) => Step::Before(pid),
                Err(error) => {
                    let target = Kind::Application.target();
                    let text = format_args!("the work before the stop cannot be started: {error}");
                    log_caught(Level::Error, target, text);
                    Step::Starts
                }
            },
        };
        self.enter(step);
    }

    /// Enters a step of the stop, with its time limit.
    fn enter(&mut self, step: Step) {
        let Some(ending) = &mut self.ending else { return };
        ending.timer.take().map(timer::cancel);
        let limit = match step {
            Step::Before(_) | Step::Stops => ending.limit,
            Step::Starts => Some(ending.limit.unwrap_or(START_GRACE).min(START_GRACE)),
        };
        ending.timer = limit.map(|limit| timer::start_timer(limit, process::self_pid(), ()));
        ending.step = step;
    }

    /// Goes on with the stop of all applications, if it has begun, as far as possible without
    /// waiting.
    fn go_on(&mut self) -> CastResult<Controller> {
        while let Some(step) = self.ending.as_ref().map(|ending| ending.step) {
            let is_waiting = match step {
                Step::Before(_) => true,
                Step::Starts => self.is_starting(),
                Step::Stops => self.is_stopping(),
            };
            if is_waiting {
                break;
            }
            match self.running.last().cloned() {
                // Applications that were being stopped already come first.
                _ if self.is_stopping() => self.enter(Step::Stops),
                Some(name) => {
                    self.enter(Step::Stops);
                    self.begin_to_stop(&name, Vec::new());
                }
                None => return self.all_stopped(),
            }
        }
        noreply()
    }

    fn is_starting(&self) -> bool {
        let mut phases = self.applications.values().map(|known| &known.phase);
        phases.any(|phase| matches!(phase, Phase::Starting { .. }))
            || self.runs.iter().any(|run| run.is_starting)
    }

    fn is_stopping(&self) -> bool {
        let mut phases = self.applications.values().map(|known| &known.phase);
        phases.any(|phase| matches!(phase, Phase::Stopping { .. }))
    }

    fn all_stopped(&mut self) -> CastResult<Controller> {
        let Some(ending) = self.ending.take() else { return noreply() };
        ending.timer.map(timer::cancel);
        self.ended.clear(); // They count as stopped, too.
        let end = End { cause: ending.cause, killed: ending.killed };
        for run in mem::take(&mut self.runs) {
            process::demonitor_flush(run.monitor);
            run.client.reply(Ok(end.clone()));
        }
        if ending.is_last { stop(ExitReason::Shutdown) } else { noreply() }
    }

    /// Handles that the time of a step is over: the processes that it waits for are killed.
    fn overdue(&mut self, timer: TimerRef) {
        let Some(ending) = self.ending.as_mut().filter(|it| it.timer == Some(timer)) else {
            return;
        };
        if let Step::Before(pid) = ending.step {
            ending.killed.push(Killed::BeforeStop);
            process::exit(pid, ExitReason::Kill);
        }
        for (name, known) in &self.applications {
            let (killed, master) = match (ending.step, &known.phase) {
                (Step::Starts, Phase::Starting { master, .. }) => {
                    (Killed::Start(name.clone()), *master)
                }
                (Step::Stops, Phase::Stopping { master, .. }) => {
                    (Killed::Application(name.clone()), *master)
                }
                _ => continue,
            };
            ending.killed.push(killed);
            master::kill(master);
        }
    }
}

/// Answers a client, if there is an answer yet.
fn tell<T: Send + 'static>(client: ReplyTo<T>, answer: Option<T>) {
    if let Some(answer) = answer {
        client.reply(answer);
    }
}

fn report(application: &str, restart: RestartType, event: ApplicationEvent) {
    if !is_wanted(Kind::Application) {
        return;
    }
    let shown_reason = match &event {
        ApplicationEvent::Exited(reason) => Some(displayed(reason)),
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
/// Asks for the masters of the applications that run, in the order in which they were started.
#[derive(Debug)]
pub(super) struct Masters;
/// Asks for the result of the stop when all applications are stopped. The client may start some
/// first, and then sends [`Begun`].
#[derive(Debug)]
pub(super) struct AwaitEnd {
    pub(super) settings: RunSettings,
    pub(super) is_starting: bool,
}
/// Tells the controller that a client that waits for the end starts no more applications. If a
/// start has failed, all are stopped.
#[derive(Debug)]
pub(super) struct Begun {
    pub(super) process: Pid,
    pub(super) has_failed: bool,
}
/// Tells the controller to stop all applications.
#[derive(Debug)]
pub(super) struct Terminate;

answers! {
    Controller:
    Load(application) => Load: Answer<Vec<String>>, |this| this.load(*application);
    WhichApplications => WhichApplications: Vec<ApplicationInfo>, |this| {
        let running = this.running.iter().rev().filter_map(|name| this.applications.get(name));
        let running = running.filter(|known| known.running().is_some());
        running.map(|known| known.application.info.clone()).collect()
    };
    LoadedApplications => LoadedApplications: Vec<ApplicationInfo>, |this| {
        this.applications.values().map(|known| known.application.info.clone()).collect()
    };
    GetInfo(name) => GetInfo: Option<ApplicationInfo>, |this| {
        this.applications.get(&name).map(|known| known.application.info.clone())
    };
    GetSupervisor(name) => GetSupervisor: Option<Pid>, |this| {
        this.applications.get(&name).and_then(Known::running).and_then(Phase::top)
    };
    Masters => Masters: Vec<(String, Pid)>, |this| {
        let master = |name: &String| this.applications.get(name)?.running()?.master();
        let running = this.running.iter();
        running.filter_map(|name| Some((name.clone(), master(name)?))).collect()
    };
}

/// Implements requests that the controller may answer later.
macro_rules! answers_later {
    ($($request:pat => $type:ty: $reply:ty, |$this:ident, $caller:ident| $answer:expr;)+) => {$(
        impl HandleCall<$type> for Controller {
            type Reply = Answer<$reply>;

            fn handle_call(
                &mut self,
                $request: $type,
                $caller: &Caller<Self::Reply>,
            ) -> CallResult<Self, $type> {
                let $this = self;
                $answer.map_or_else(noreply, reply)
            }
        }
    )+};
}

answers_later! {
    Start(name, restart) => Start: IsOwn, |this, caller| {
        // A process of the application cannot wait for it.
        if is_within(&name, caller.pid()) {
            Some(Err(ApplicationError::AlreadyStarted(name)))
        } else {
            this.start(&name, restart, || caller.defer())
        }
    };
    Stop(name) => Stop: (), |this, caller| this.stop(&name, || caller.defer());
    Unload(name) => Unload: (), |this, caller| {
        if is_within(&name, caller.pid()) {
            Some(Err(ApplicationError::Running(name)))
        } else {
            this.unload(&name, || caller.defer())
        }
    };
}

/// Returns whether a process belongs to that application.
fn is_within(application: &str, pid: Pid) -> bool {
    master::application_of(pid).as_deref() == Some(application)
}

impl HandleCall<AwaitEnd> for Controller {
    type Reply = Answer<End>;

    fn handle_call(
        &mut self,
        AwaitEnd { settings, is_starting }: AwaitEnd,
        caller: &Caller<Self::Reply>,
    ) -> CallResult<Self, AwaitEnd> {
        if is_starting && let Err(error) = self.unless_ending() {
            return reply(Err(error));
        }
        let process = caller.pid();
        let (client, monitor) = (caller.defer(), process::monitor(process));
        self.runs.push(Run { client, process, monitor, settings, is_starting });
        noreply()
    }
}

impl HandleCast<Begun> for Controller {
    fn handle_cast(&mut self, Begun { process, has_failed }: Begun) -> CastResult<Self> {
        for run in self.runs.iter_mut().filter(|run| run.process == process) {
            run.is_starting = false;
        }
        if has_failed {
            self.begin_ending(Cause::Told);
        }
        self.go_on()
    }
}

impl HandleCast<Terminate> for Controller {
    fn handle_cast(&mut self, Terminate: Terminate) -> CastResult<Self> {
        self.begin_ending(Cause::Told);
        self.go_on()
    }
}
