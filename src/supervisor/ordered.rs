//! Children in an order: those of all strategies but `simple_one_for_one`.

use std::any::Any;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::exit::ExitReason;
use crate::gen_server::StartError;
use crate::id::Pid;
use crate::message::Message;
use crate::process::info::show;
use crate::report::Context;
use crate::user_code::Guarded;

use super::child_list::{ChildList, OrderedChild, Place, Retry};
use super::failures::{reason_of, report_failure, report_giving_up, report_progress, start_error};
use super::intensity::{Budget, RestartWindow};
use super::restart::{Event, OnExit, retry_restart};
use super::shown::ShownSupervisor;
use super::shutdown::{report_stop, stop_one};
use super::{
    AutoShutdown, ChildInfo, ChildState, Counts, FailedToStart, Policy, Restart, Spec,
    StartedChild, Strategy, Supervisor, SupervisorError,
};

/// The children of a supervisor that have an order: starts, restarts and stops them.
pub(crate) struct OrderedChildren {
    strategy: Strategy,
    auto_shutdown: AutoShutdown,
    window: RestartWindow,
    children: ChildList,
    shown: Arc<ShownSupervisor>,
}

/// A child that could not be started, and the reason.
struct FailedStart {
    place: Place,
    reason: ExitReason,
}

impl OrderedChildren {
    /// Starts the children.
    pub(crate) fn start(supervisor: Supervisor) -> Result<OrderedChildren, ExitReason> {
        supervisor.check()?;
        let Supervisor { strategy, intensity, auto_shutdown, children } = supervisor;
        let window = RestartWindow::new(intensity);
        let shown = ShownSupervisor::new(Some(strategy), intensity);
        show(&shown);
        let list = ChildList::new(Arc::clone(&shown));
        let mut this = OrderedChildren { strategy, auto_shutdown, window, children: list, shown };
        for spec in children {
            this.children.add(spec);
        }
        if let Err(FailedStart { place, reason }) = this.start_from(None) {
            let id = this.policy(place).id;
            this.stop_all();
            return Err(ExitReason::shutdown_with_error(FailedToStart { id, reason }));
        }
        Ok(this)
    }

    /// Handles a message. An error is the reason for which the supervisor ends itself.
    pub(crate) fn handle(&mut self, message: Message) -> Result<(), ExitReason> {
        match Event::of(message) {
            // Exits of processes that are not children are ignored.
            Some(Event::Exited(pid, reason)) => {
                let place = self.children.place_of_pid(pid);
                place.map_or(Ok(()), |place| self.child_exited(place, &reason))
            }
            Some(Event::RetryRestart(retry)) => self.retry_restart(retry),
            None => Ok(()),
        }
    }

    /// Stops all children, the last first.
    pub(crate) fn stop_all(&mut self) {
        self.stop_from(None);
    }

    pub(crate) fn strategy(&self) -> Strategy {
        self.strategy
    }

    fn policy(&self, place: Place) -> Policy {
        let child = self.children.get(place).expect("a place that was found");
        child.spec.policy.clone()
    }

    /// Starts a child. If it chooses not to start, that is not an error; it is forgotten if it is
    /// temporary.
    fn start_one(
        &mut self,
        place: Place,
    ) -> Result<Option<Guarded<Box<dyn Any + Send>>>, StartError> {
        let spec = self.children.get(place).expect("a place that was found").spec.clone();
        match spec.start() {
            Ok(StartedChild { pid, child }) => {
                self.children.set_running(place, pid, Instant::now());
                if let Some(child) = self.children.get_mut(place) {
                    child.spec.forget_start_if_temporary();
                }
                report_progress(&spec.policy, pid);
                Ok(Some(child))
            }
            Err(StartError::Ignored) => {
                self.forget(place);
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    /// Starts all children from `first` on in their order, up to one that fails.
    fn start_from(&mut self, first: Option<Place>) -> Result<(), FailedStart> {
        for place in self.children.places_from(first) {
            if let Err(error) = self.start_one(place) {
                let reason = reason_of(error);
                self.report(Context::StartError, &reason, place);
                return Err(FailedStart { place, reason });
            }
        }
        Ok(())
    }

    /// Stops all children from `first` on, the last first. The temporary ones are forgotten.
    fn stop_from(&mut self, first: Option<Place>) {
        for place in self.children.places_from(first).into_iter().rev() {
            self.stop(place);
        }
    }

    /// Stops a child, if it runs.
    fn stop(&mut self, place: Place) {
        let state = self.children.get(place).map(OrderedChild::state);
        if let Some(ChildState::Running(pid)) = state {
            let policy = self.policy(place);
            let stopped = stop_one(pid, policy.shutdown);
            report_stop(&policy, pid, &stopped);
        }
        self.forget(place);
    }

    /// Marks a child as stopped for good; removes it if it is temporary.
    fn forget(&mut self, place: Place) {
        match self.children.get(place).map(|child| child.spec.policy.restart) {
            Some(Restart::Temporary) => self.children.remove(place),
            Some(Restart::Permanent | Restart::Transient) | None => {
                self.children.set_stopped(place);
            }
        }
    }

    /// Reports and restarts a child that has exited, as its policy says. An error is the reason for
    /// which the supervisor ends itself.
    fn child_exited(&mut self, place: Place, reason: &ExitReason) -> Result<(), ExitReason> {
        let policy = self.policy(place);
        let OnExit { report, restart } = policy.on_exit(reason);
        if report {
            self.report(Context::ChildTerminated, reason, place);
        }
        if restart {
            return self.restart(place);
        }
        self.forget(place);
        if policy.significant {
            self.auto_shutdown
                .on_significant_exit(|| self.children.iter().any(OrderedChild::is_significant))?;
        }
        Ok(())
    }

    /// Restarts a child that has failed, and those that the strategy restarts with it: at once, or
    /// if its spec says so after a pause, which no limit applies to.
    fn restart(&mut self, place: Place) -> Result<(), ExitReason> {
        let pause = self.next_pause(place);
        if pause.is_none() && self.record_restart() == Budget::Exhausted {
            if let Some(child) = self.children.get(place) {
                report_giving_up(self.window.intensity(), &child.spec.policy, child.last_pid());
            }
            self.forget(place);
            return Err(ExitReason::Shutdown);
        }
        self.children.set_failed(place);
        match pause {
            Some(pause) => self.restart_later(place, pause),
            None => self.restart_now(place),
        }
        Ok(())
    }

    fn record_restart(&mut self) -> Budget {
        let now = Instant::now();
        let budget = self.window.record(now);
        if budget == Budget::Left {
            self.shown.count_restart(now);
        }
        budget
    }

    fn next_pause(&mut self, place: Place) -> Option<Duration> {
        self.children.get_mut(place)?.next_pause(Instant::now())
    }

    /// Stops a child that has failed, and those that the strategy restarts with it; they wait for
    /// the restart.
    fn restart_later(&mut self, place: Place, pause: Duration) {
        self.stop_for_restart(place);
        retry_restart(self.children.set_restarting(place), pause);
    }

    fn restart_now(&mut self, place: Place) {
        self.stop_for_restart(place);
        let outcome = match self.strategy {
            Strategy::OneForOne => self.start_again(place),
            Strategy::OneForAll => self.start_from(None),
            Strategy::RestForOne => self.start_from(Some(place)),
        };
        match outcome {
            Ok(()) => {
                if let Some(child) = self.children.get_mut(place)
                    && child.state() != ChildState::Stopped
                {
                    child.count_restart();
                }
            }
            Err(FailedStart { place, .. }) => match self.next_pause(place) {
                Some(pause) => self.restart_later(place, pause),
                None => retry_restart(self.children.set_restarting(place), Duration::ZERO),
            },
        }
    }

    /// Stops the children that the strategy restarts with one that has failed.
    fn stop_for_restart(&mut self, place: Place) {
        match self.strategy {
            Strategy::OneForOne => {}
            Strategy::OneForAll => self.stop_from(None),
            Strategy::RestForOne => self.stop_from(Some(place)),
        }
    }

    /// Restarts a child whose last restart has failed, or whose pause is over, unless it was
    /// stopped or started in between.
    fn retry_restart(&mut self, retry: Retry) -> Result<(), ExitReason> {
        if !self.children.is_due(retry) {
            return Ok(());
        }
        let Retry { place, .. } = retry;
        if self.policy(place).backoff.is_none() {
            return self.restart(place);
        }
        self.restart_now(place);
        Ok(())
    }

    fn start_again(&mut self, place: Place) -> Result<(), FailedStart> {
        self.start_one(place).map(drop).map_err(|error| {
            let reason = reason_of(error);
            self.report(Context::StartError, &reason, place);
            FailedStart { place, reason }
        })
    }

    fn report(&self, context: Context, reason: &ExitReason, place: Place) {
        if let Some(child) = self.children.get(place) {
            report_failure(context, reason, &child.spec.policy, child.last_pid());
        }
    }

    pub(crate) fn list(&self) -> Vec<ChildInfo> {
        self.children
            .iter()
            .rev()
            .map(|child| ChildInfo::new(&child.spec.policy, child.state(), child.restarts()))
            .collect()
    }

    pub(crate) fn count(&self) -> Counts {
        Counts::of(self.children.iter().map(|child| (child.spec.policy.child_type, child.state())))
    }

    fn find(&self, id: &str) -> Result<Place, SupervisorError> {
        self.children.place_of_id(id).ok_or(SupervisorError::NotFound)
    }

    /// Returns the place of a child that neither runs nor is about to be restarted.
    fn find_stopped(&self, id: &str) -> Result<Place, SupervisorError> {
        let place = self.find(id)?;
        match self.children.get(place).map(OrderedChild::state) {
            Some(ChildState::Running(_)) => Err(SupervisorError::Running),
            Some(ChildState::Restarting) => Err(SupervisorError::Restarting),
            Some(ChildState::Stopped) | None => Ok(place),
        }
    }

    pub(crate) fn add(&mut self, spec: Spec) -> Result<Box<dyn Any + Send>, SupervisorError> {
        spec.policy.check(self.auto_shutdown).map_err(SupervisorError::Spec)?;
        if let Some(place) = self.children.place_of_id(&spec.policy.id) {
            let state = self.children.get(place).map(OrderedChild::state);
            return Err(match state.and_then(ChildState::pid) {
                Some(pid) => SupervisorError::AlreadyStarted(pid),
                None => SupervisorError::AlreadyPresent,
            });
        }
        let place = self.children.add(spec);
        match self.start_one(place) {
            Ok(child) => child.map(Guarded::into_inner).ok_or(SupervisorError::Ignored),
            Err(error) => {
                let error = start_error(&self.policy(place).id, error);
                self.children.remove(place);
                Err(error)
            }
        }
    }

    pub(crate) fn terminate(&mut self, id: &str) -> Result<(), SupervisorError> {
        let place = self.find(id)?;
        self.stop(place);
        if let Some(child) = self.children.get_mut(place) {
            child.forget_pauses();
        }
        Ok(())
    }

    pub(crate) fn restart_stopped(&mut self, id: &str) -> Result<Pid, SupervisorError> {
        let place = self.find_stopped(id)?;
        self.start_one(place).map_err(|error| start_error(id, error))?;
        let pid = self.children.get(place).and_then(|child| child.state().pid());
        pid.ok_or(SupervisorError::Ignored)
    }

    pub(crate) fn delete(&mut self, id: &str) -> Result<(), SupervisorError> {
        self.find_stopped(id).map(|place| self.children.remove(place))
    }

    pub(crate) fn policy_of(&self, id: &str) -> Result<Policy, SupervisorError> {
        self.find(id).map(|place| self.policy(place))
    }
}
