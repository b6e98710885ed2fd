//! A running dynamic supervisor.

use std::any::Any;
use std::collections::HashMap;
use std::fmt;
use std::time::Instant;

use crate::exit::ExitReason;
use crate::gen_server::{
    CallResult, Caller, CastResult, GenServer, HandleCall, HandleCast, InitResult, ServerRef,
    StartError, noreply, ready, reply,
};
use crate::id::Pid;
use crate::message::{Exit, Message};
use crate::process;
use crate::report::Context;
use crate::supervisor::failures::{
    reason_of, report_failure, report_giving_up, report_progress, report_unexpected, start_error,
};
use crate::supervisor::intensity::{Budget, RestartWindow};
use crate::supervisor::shutdown::{is_expected, stop_all};
use crate::supervisor::{ChildInfo, ChildState, Counts, Restart, Spec, Started, SupervisorError};

use super::DynamicSupervisor;

/// The state of a dynamic supervisor.
pub(crate) struct Dynamic {
    max_children: usize,
    window: RestartWindow,
    /// By the process; one that could not be restarted yet, by its last one.
    children: HashMap<Pid, DynamicChild>,
}

struct DynamicChild {
    spec: Spec,
    is_running: bool,
    restarts: u64,
}

impl fmt::Debug for Dynamic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DynamicSupervisor")
            .field("children", &self.children.len())
            .finish_non_exhaustive()
    }
}

impl GenServer for Dynamic {
    type Args = DynamicSupervisor;

    fn init(settings: DynamicSupervisor) -> InitResult<Dynamic> {
        process::set_trap_exit(true);
        let DynamicSupervisor { intensity, max_children } = settings;
        let window = RestartWindow::new(intensity);
        ready(Dynamic { max_children, window, children: HashMap::new() })
    }

    fn handle_info(&mut self, message: Message) -> CastResult<Dynamic> {
        match message.downcast::<Exit>() {
            Ok(exit) => self.ended(exit.from, &exit.reason)?,
            Err(message) => report_unexpected(&message),
        }
        noreply()
    }

    fn terminate(&mut self, _: &ExitReason) {
        let children = std::mem::take(&mut self.children);
        let running = children.iter().filter(|(_, child)| child.is_running);
        let reasons = stop_all(running.map(|(pid, child)| (*pid, child.spec.policy.shutdown)));
        for (pid, reason) in reasons {
            if let Some(child) = children.get(&pid) {
                child.report_stop(pid, &reason);
            }
        }
    }
}

impl DynamicChild {
    /// Says if a child that was stopped has not ended as it was to.
    fn report_stop(&self, pid: Pid, reason: &ExitReason) {
        if !is_expected(&self.spec.policy, reason) {
            report_failure(Context::ShutdownError, reason, &self.spec.policy, Some(pid));
        }
    }
}

impl Dynamic {
    fn start(&mut self, mut spec: Spec) -> Result<Box<dyn Any + Send>, SupervisorError> {
        if self.children.len() >= self.max_children {
            return Err(SupervisorError::MaxChildren);
        }
        let Started { pid, child } = spec.start().map_err(start_error)?;
        report_progress(&spec.policy, pid);
        if spec.policy.restart == Restart::Temporary {
            spec.forget_start();
        }
        self.children.insert(pid, DynamicChild { spec, is_running: true, restarts: 0 });
        Ok(child)
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
                self.children.remove(&pid);
                Ok(())
            }
        }
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
                ServerRef::<Dynamic>::from_pid(process::self_pid()).cast(TryAgain(pid));
            }
        }
        Ok(())
    }

    fn stop(&mut self, pid: Pid) -> Result<(), SupervisorError> {
        let child = self.children.remove(&pid).ok_or(SupervisorError::NotFound)?;
        if child.is_running {
            let reasons = stop_all([(pid, child.spec.policy.shutdown)]);
            reasons.values().for_each(|reason| child.report_stop(pid, reason));
        }
        Ok(())
    }

    fn list(&self) -> Vec<ChildInfo> {
        let describe = |(pid, child): (&Pid, &DynamicChild)| {
            let state =
                if child.is_running { ChildState::Running(*pid) } else { ChildState::Restarting };
            ChildInfo::new(&child.spec.policy, state, child.restarts)
        };
        self.children.iter().map(describe).collect()
    }
}

/// To the supervisor itself: a child is still to be started again.
#[derive(Debug)]
pub(crate) struct TryAgain(Pid);

impl HandleCast<TryAgain> for Dynamic {
    fn handle_cast(&mut self, TryAgain(pid): TryAgain) -> CastResult<Dynamic> {
        if self.children.get(&pid).is_some_and(|child| !child.is_running) {
            self.restart(pid)?;
        }
        noreply()
    }
}

#[derive(Debug)]
pub(crate) struct StartChild(pub(crate) Spec);
#[derive(Debug)]
pub(crate) struct TerminateChild(pub(crate) Pid);
#[derive(Debug)]
pub(crate) struct WhichChildren;
#[derive(Debug)]
pub(crate) struct CountChildren;

type Answer<T> = Result<T, SupervisorError>;

impl HandleCall<StartChild> for Dynamic {
    type Reply = Answer<Box<dyn Any + Send>>;

    fn handle_call(
        &mut self,
        StartChild(spec): StartChild,
        _: &Caller<Self::Reply>,
    ) -> CallResult<Self, Self::Reply> {
        reply(self.start(spec))
    }
}

impl HandleCall<TerminateChild> for Dynamic {
    type Reply = Answer<()>;

    fn handle_call(
        &mut self,
        TerminateChild(pid): TerminateChild,
        _: &Caller<Self::Reply>,
    ) -> CallResult<Self, Self::Reply> {
        reply(self.stop(pid))
    }
}

impl HandleCall<WhichChildren> for Dynamic {
    type Reply = Vec<ChildInfo>;

    fn handle_call(
        &mut self,
        _: WhichChildren,
        _: &Caller<Self::Reply>,
    ) -> CallResult<Self, Self::Reply> {
        reply(self.list())
    }
}

impl HandleCall<CountChildren> for Dynamic {
    type Reply = Counts;

    fn handle_call(
        &mut self,
        _: CountChildren,
        _: &Caller<Self::Reply>,
    ) -> CallResult<Self, Self::Reply> {
        reply(Counts::of(&self.list()))
    }
}
