//! Dynamic children, which have no order: those of `simple_one_for_one` and dynamic supervisors.

use std::any::{Any, TypeId, type_name};
use std::collections::BTreeMap;
use std::fmt;
use std::mem;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::exit::ExitReason;
use crate::gen_server::StartError;
use crate::id::Pid;
use crate::message::Message;
use crate::process;
use crate::process::info::show;
use crate::report::Context;
use crate::user_code::drop_caught;

use super::backoff::Pauses;
use super::failures::{reason_of, report_failure, report_giving_up, report_progress, start_error};
use super::intensity::{Budget, Intensity, RestartWindow};
use super::restart::{Event, OnExit, retry_restart};
use super::shown::{Row, ShownSupervisor};
use super::shutdown::{report_stop, stop_all, stop_one};
use super::{
    AutoShutdown, ChildInfo, ChildState, Counts, Policy, Spec, SpecError, StartedChild,
    SupervisorError,
};

/// The settings of a supervisor without an order among its children.
#[derive(Clone, Debug)]
pub(crate) struct DynamicOptions {
    pub(crate) intensity: Intensity,
    pub(crate) max_children: usize,
    pub(crate) auto_shutdown: AutoShutdown,
    /// What makes the children, if they are all made by one template.
    pub(crate) template: Option<Template>,
}

impl DynamicOptions {
    fn check(&self) -> Result<(), SpecError> {
        self.intensity.checked()?;
        self.template.as_ref().map_or(Ok(()), |it| it.policy.check(self.auto_shutdown))
    }
}

/// Builds a child's spec from its start arguments.
#[derive(Clone)]
pub(crate) struct Template {
    pub(crate) policy: Policy,
    /// The kind of the supervisor, which clients that start children must expect.
    pub(crate) kind: SupervisorKind,
    pub(crate) make: Arc<dyn Fn(Box<dyn Any + Send>) -> Spec + Send + Sync>,
}

impl fmt::Debug for Template {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.policy, f)
    }
}

/// A kind of supervisor: the type from which it is started.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct SupervisorKind {
    id: TypeId,
    pub(crate) name: &'static str,
}

impl SupervisorKind {
    pub(crate) fn of<K: 'static>() -> SupervisorKind {
        SupervisorKind { id: TypeId::of::<K>(), name: type_name::<K>() }
    }
}

/// The children of a supervisor that have no order: starts, restarts and stops them.
pub(crate) struct DynamicChildren {
    max_children: usize,
    auto_shutdown: AutoShutdown,
    window: RestartWindow,
    template: Option<Template>,
    /// Keyed by pid. A child waiting to be restarted keeps its previous pid as key.
    children: BTreeMap<Pid, DynamicChild>,
    shown: Arc<ShownSupervisor>,
}

struct DynamicChild {
    spec: Spec,
    is_running: bool,
    restarts: u64,
    pauses: Pauses,
    row: Row,
}

impl DynamicChild {
    /// Creates a child that has just started.
    fn new(spec: Spec, row: Row) -> DynamicChild {
        let mut pauses = Pauses::default();
        pauses.started(Instant::now());
        DynamicChild { spec, is_running: true, restarts: 0, pauses, row }
    }

    /// Returns the pause before it is restarted, now that it has failed, if its spec says that
    /// there is one.
    fn next_pause(&mut self) -> Option<Duration> {
        self.spec.policy.backoff.map(|backoff| self.pauses.next(backoff, Instant::now()))
    }

    /// Marks it as one that is restarted later; its last process was `pid`.
    fn restarts_later(&mut self, pid: Pid) {
        self.is_running = false;
        self.row.set(self.state(pid), self.restarts);
    }

    /// Marks it as restarted, as `pid`.
    fn restarted(&mut self, pid: Pid) {
        self.is_running = true;
        self.restarts += 1;
        self.pauses.started(Instant::now());
        self.row.set(self.state(pid), self.restarts);
    }

    fn state(&self, pid: Pid) -> ChildState {
        if self.is_running { ChildState::Running(pid) } else { ChildState::Restarting }
    }
}

impl DynamicChildren {
    /// Creates an empty set of children.
    pub(crate) fn new(options: DynamicOptions) -> Result<DynamicChildren, SpecError> {
        if let Err(error) = options.check() {
            drop_caught(options); // The template holds a function of the user's.
            return Err(error);
        }
        let DynamicOptions { intensity, max_children, auto_shutdown, template } = options;
        let window = RestartWindow::new(intensity);
        let shown = ShownSupervisor::new(None, intensity);
        show(&shown);
        Ok(DynamicChildren {
            max_children,
            auto_shutdown,
            window,
            template,
            children: BTreeMap::new(),
            shown,
        })
    }

    /// Handles a message. An error is the reason for which the supervisor ends itself.
    pub(crate) fn handle(&mut self, message: Message) -> Result<(), ExitReason> {
        match Event::of(message) {
            Some(Event::Exited(pid, reason)) => self.child_exited(pid, &reason),
            Some(Event::RetryRestart(pid)) => self.retry_restart(pid),
            None => Ok(()),
        }
    }

    /// Stops all children, at once.
    pub(crate) fn stop_all(&mut self) {
        let children = mem::take(&mut self.children);
        let running = children.iter().filter(|(_, child)| child.is_running);
        let stopped = stop_all(running.map(|(pid, child)| (*pid, child.spec.policy.shutdown)));
        for (pid, stopped) in stopped {
            if let Some(child) = children.get(&pid) {
                report_stop(&child.spec.policy, pid, &stopped);
            }
        }
    }

    /// Returns what makes the children, if they are all made by one template.
    pub(crate) fn template(&self) -> Option<&Template> {
        self.template.as_ref()
    }

    /// Starts a child.
    pub(crate) fn add(&mut self, mut spec: Spec) -> Result<Box<dyn Any + Send>, SupervisorError> {
        spec.policy.check(self.auto_shutdown).map_err(SupervisorError::Spec)?;
        if self.children.len() >= self.max_children {
            return Err(SupervisorError::MaxChildren);
        }
        let outcome = spec.start().map_err(|error| start_error(&spec.policy.id, error));
        let StartedChild { pid, child } = outcome?;
        report_progress(&spec.policy, pid);
        spec.forget_start_if_temporary();
        let row = self.shown.add(&spec.policy, ChildState::Running(pid));
        self.children.insert(pid, DynamicChild::new(spec, row));
        Ok(child.into_inner())
    }

    /// Reports and restarts a child that has exited, as its policy says. An error is the reason for
    /// which the supervisor ends itself.
    fn child_exited(&mut self, pid: Pid, reason: &ExitReason) -> Result<(), ExitReason> {
        let Some(child) = self.children.get(&pid).filter(|child| child.is_running) else {
            return Ok(()); // Exits of processes that are not children are ignored.
        };
        let policy = &child.spec.policy;
        let OnExit { report, restart } = policy.on_exit(reason);
        if report {
            report_failure(Context::ChildTerminated, reason, policy, Some(pid));
        }
        if restart {
            return self.restart(pid);
        }
        let is_significant = policy.significant;
        self.children.remove(&pid);
        if is_significant {
            // If one child is significant, all are.
            self.auto_shutdown.on_significant_exit(|| !self.children.is_empty())?;
        }
        Ok(())
    }

    /// Restarts the child whose last process was `pid`: at once, or if its spec says so after a
    /// pause, which no limit applies to.
    fn restart(&mut self, pid: Pid) -> Result<(), ExitReason> {
        let Some(child) = self.children.get_mut(&pid) else { return Ok(()) };
        if let Some(pause) = child.next_pause() {
            child.restarts_later(pid);
            retry_restart(pid, pause);
            return Ok(());
        }
        let now = Instant::now();
        if self.window.record(now) == Budget::Exhausted {
            report_giving_up(self.window.intensity(), &child.spec.policy, Some(pid));
            self.children.remove(&pid);
            return Err(ExitReason::Shutdown);
        }
        self.shown.count_restart(now);
        self.restart_now(pid);
        Ok(())
    }

    fn restart_now(&mut self, pid: Pid) {
        let Some(mut child) = self.children.remove(&pid) else { return };
        match child.spec.start() {
            Ok(StartedChild { pid, .. }) => {
                report_progress(&child.spec.policy, pid);
                child.restarted(pid);
                self.children.insert(pid, child);
            }
            Err(StartError::Ignored) => {}
            Err(error) => {
                let reason = reason_of(error);
                report_failure(Context::StartError, &reason, &child.spec.policy, Some(pid));
                child.restarts_later(pid);
                retry_restart(pid, child.next_pause().unwrap_or_default());
                self.children.insert(pid, child);
            }
        }
    }

    /// Restarts a child whose last restart has failed, or whose pause is over, unless it was
    /// stopped in between.
    fn retry_restart(&mut self, pid: Pid) -> Result<(), ExitReason> {
        match self.children.get(&pid).filter(|child| !child.is_running) {
            Some(child) if child.spec.policy.backoff.is_none() => self.restart(pid),
            Some(_) => {
                self.restart_now(pid);
                Ok(())
            }
            None => Ok(()),
        }
    }

    pub(crate) fn terminate(&mut self, pid: Pid) -> Result<(), SupervisorError> {
        if !self.has(pid) {
            return Err(SupervisorError::NotFound);
        }
        if let Some(child) = self.children.remove(&pid).filter(|child| child.is_running) {
            let stopped = stop_one(pid, child.spec.policy.shutdown);
            report_stop(&child.spec.policy, pid, &stopped);
        }
        Ok(())
    }

    /// Whether a process is a child. If there is a template, a process that has ended may have been
    /// one.
    pub(crate) fn has(&self, pid: Pid) -> bool {
        let may_have_been = || self.template.is_some() && !process::is_alive(pid);
        self.children.contains_key(&pid) || may_have_been()
    }

    pub(crate) fn list(&self) -> Vec<ChildInfo> {
        self.children
            .iter()
            .map(|(pid, child)| {
                ChildInfo::new(&child.spec.policy, child.state(*pid), child.restarts)
            })
            .collect()
    }

    pub(crate) fn count(&self) -> Counts {
        let counts = Counts::of(
            self.children
                .iter()
                .map(|(pid, child)| (child.spec.policy.child_type, child.state(*pid))),
        );
        // Children of one template have one spec.
        if self.template.is_some() { Counts { specs: 1, ..counts } } else { counts }
    }
}
