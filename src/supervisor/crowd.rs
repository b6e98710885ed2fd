//! Children without an order: those of `simple_one_for_one`, and of a dynamic supervisor.

use std::any::{Any, TypeId, type_name};
use std::collections::BTreeMap;
use std::fmt;
use std::mem;
use std::sync::Arc;
use std::time::Instant;

use crate::exit::ExitReason;
use crate::gen_server::StartError;
use crate::id::Pid;
use crate::message::{Exit, Message};
use crate::process;
use crate::report::Context;
use crate::user_code::drop_caught;

use super::failures::{
    reason_of, report_failure, report_giving_up, report_progress, report_unexpected, start_error,
};
use super::intensity::{Budget, Intensity, RestartWindow};
use super::shutdown::{report_stop, stop_all, stop_one};
use super::{
    AutoShutdown, ChildInfo, ChildState, Counts, Policy, Restart, Spec, SpecError, Started,
    SupervisorError,
};

/// What such a supervisor is started with.
#[derive(Clone, Debug)]
pub(crate) struct Rules {
    pub(crate) intensity: Intensity,
    pub(crate) max_children: usize,
    pub(crate) auto_shutdown: AutoShutdown,
    /// What all children are made of, if they are all alike.
    pub(crate) template: Option<Template>,
}

impl Rules {
    fn check(&self) -> Result<(), SpecError> {
        self.intensity.checked()?;
        self.template.as_ref().map_or(Ok(()), |it| it.policy.check(self.auto_shutdown))
    }
}

/// Makes the spec of a child of what that is to be started with.
#[derive(Clone)]
pub(crate) struct Template {
    pub(crate) policy: Policy,
    /// What the supervisor is to those who start children.
    pub(crate) kind: Kind,
    pub(crate) make: Arc<dyn Fn(Box<dyn Any + Send>) -> Spec + Send + Sync>,
}

impl fmt::Debug for Template {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.policy, f)
    }
}

/// A type of supervisors.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Kind {
    id: TypeId,
    pub(crate) name: &'static str,
}

impl Kind {
    pub(crate) fn of<K: 'static>() -> Kind {
        Kind { id: TypeId::of::<K>(), name: type_name::<K>() }
    }
}

/// The children, and what becomes of them.
pub(crate) struct Crowd {
    max_children: usize,
    auto_shutdown: AutoShutdown,
    window: RestartWindow,
    template: Option<Template>,
    /// By the process; one that could not be restarted yet, by its last one.
    children: BTreeMap<Pid, Member>,
}

/// To the supervisor itself: a child is still to be started again.
#[derive(Debug)]
struct TryAgain(Pid);

struct Member {
    spec: Spec,
    is_running: bool,
    restarts: u64,
}

impl Member {
    fn state(&self, pid: Pid) -> ChildState {
        if self.is_running { ChildState::Running(pid) } else { ChildState::Restarting }
    }
}

impl Crowd {
    /// Without members.
    pub(crate) fn new(rules: Rules) -> Result<Crowd, SpecError> {
        if let Err(error) = rules.check() {
            drop_caught(rules); // There is a function of the user's in it.
            return Err(error);
        }
        let Rules { intensity, max_children, auto_shutdown, template } = rules;
        let window = RestartWindow::new(intensity);
        Ok(Crowd { max_children, auto_shutdown, window, template, children: BTreeMap::new() })
    }

    /// Does what a message asks for. An error is the supervisor's own end.
    pub(crate) fn handle(&mut self, message: Message) -> Result<(), ExitReason> {
        let message = match message.downcast::<Exit>() {
            Ok(exit) => return self.ended(exit.from, &exit.reason),
            Err(message) => message,
        };
        match message.downcast::<TryAgain>() {
            Ok(TryAgain(pid)) => self.try_again(pid)?,
            Err(message) => report_unexpected(message),
        }
        Ok(())
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

    /// What its children are made of, if they are all alike.
    pub(crate) fn template(&self) -> Option<&Template> {
        self.template.as_ref()
    }

    /// Starts a child.
    pub(crate) fn add(&mut self, mut spec: Spec) -> Result<Box<dyn Any + Send>, SupervisorError> {
        spec.policy.check(self.auto_shutdown).map_err(SupervisorError::Spec)?;
        if self.children.len() >= self.max_children {
            return Err(SupervisorError::MaxChildren);
        }
        let Started { pid, child } = spec.start().map_err(start_error)?;
        report_progress(&spec.policy, pid);
        spec.forget_start_if_temporary();
        self.children.insert(pid, Member { spec, is_running: true, restarts: 0 });
        Ok(child.into_inner())
    }

    /// Does what is to be done when a child has ended. An error is the supervisor's own end.
    fn ended(&mut self, pid: Pid, reason: &ExitReason) -> Result<(), ExitReason> {
        let Some(child) = self.children.get(&pid).filter(|child| child.is_running) else {
            return Ok(()); // Somebody who is no child.
        };
        let policy = &child.spec.policy;
        if policy.restart == Restart::Permanent || !reason.is_orderly() {
            report_failure(Context::ChildTerminated, reason, policy, Some(pid));
        }
        match policy.restart {
            Restart::Permanent => self.restart(pid),
            Restart::Transient if !reason.is_orderly() => self.restart(pid),
            Restart::Transient | Restart::Temporary => {
                let is_significant = policy.significant;
                self.children.remove(&pid);
                if is_significant { self.shut_down_if_due() } else { Ok(()) }
            }
        }
    }

    /// Says whether a significant child that has ended is the supervisor's own end.
    fn shut_down_if_due(&self) -> Result<(), ExitReason> {
        let is_due = match self.auto_shutdown {
            AutoShutdown::Never => false,
            AutoShutdown::AnySignificant => true,
            // If one is significant, all are.
            AutoShutdown::AllSignificant => self.children.is_empty(),
        };
        if is_due { Err(ExitReason::Shutdown) } else { Ok(()) }
    }

    /// Starts the child again whose last process was `pid`.
    fn restart(&mut self, pid: Pid) -> Result<(), ExitReason> {
        let Some(mut child) = self.children.remove(&pid) else { return Ok(()) };
        if self.window.record(Instant::now()) == Budget::Exhausted {
            report_giving_up(&child.spec.policy, Some(pid));
            return Err(ExitReason::Shutdown);
        }
        match child.spec.start() {
            Ok(Started { pid, .. }) => {
                report_progress(&child.spec.policy, pid);
                child.is_running = true;
                child.restarts += 1;
                self.children.insert(pid, child);
            }
            Err(StartError::Ignored) => {}
            Err(error) => {
                let reason = reason_of(error);
                report_failure(Context::StartError, &reason, &child.spec.policy, Some(pid));
                child.is_running = false;
                self.children.insert(pid, child);
                // Later, as others may want something in between.
                process::send(process::self_pid(), TryAgain(pid));
            }
        }
        Ok(())
    }

    /// Starts a child again that could not be started, unless it was stopped in between.
    fn try_again(&mut self, pid: Pid) -> Result<(), ExitReason> {
        if self.children.get(&pid).is_some_and(|child| !child.is_running) {
            return self.restart(pid);
        }
        Ok(())
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

    /// Whether a process is a child. If all children are alike, one that has ended may have been.
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
        // Children that are all alike are of one spec.
        if self.template.is_some() { Counts { specs: 1, ..counts } } else { counts }
    }
}
