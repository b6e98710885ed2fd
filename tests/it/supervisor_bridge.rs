//! Bridges between supervisors and subsystems that know nothing of them.

use std::time::Duration;

use procession::prelude::*;
use procession::proc_lib;
use procession::supervisor::Supervisor;
use procession::supervisor_bridge::{BridgeInit, SupervisorBridge};

use crate::support::wait::{down_reason, test_timeout};

/// What a bridge of the tests is to do.
#[derive(Clone, Debug)]
enum Plan {
    Begin,
    Ignore,
    Fail(ExitReason),
}

#[derive(Debug)]
struct Subsystem {
    process: Pid,
    observer: Pid,
}

/// To the observer: this is the process of the subsystem.
#[derive(Debug)]
struct Began(Pid);

/// To the observer: the subsystem was stopped for this reason.
#[derive(Debug, PartialEq)]
struct SubsystemEnded(ExitReason);

impl SupervisorBridge for Subsystem {
    type Args = (Plan, Pid);

    fn init((plan, observer): (Plan, Pid)) -> BridgeInit<Subsystem> {
        match plan {
            Plan::Begin => {
                let process = process::spawn(
                    || receive! { reason: ExitReason => process::exit_self(reason) },
                )?;
                process::send(observer, Began(process));
                Ok(Some((process, Subsystem { process, observer })))
            }
            Plan::Ignore => Ok(None),
            Plan::Fail(reason) => Err(reason),
        }
    }

    fn terminate(&mut self, reason: &ExitReason) {
        process::unlink(self.process); // It is to end by itself.
        process::send(self.process, ExitReason::Normal);
        process::send(self.observer, SubsystemEnded(reason.clone()));
    }
}

fn start(plan: Plan) -> Result<Pid, StartError> {
    Subsystem::start_link((plan, process::self_pid()))
}

#[track_caller]
fn began() -> Pid {
    receive! {
        Began(pid) => pid,
        after test_timeout() => panic!("the subsystem has not begun"),
    }
}

#[track_caller]
fn expect_subsystem_end() -> ExitReason {
    receive! {
        SubsystemEnded(reason) => reason,
        after test_timeout() => panic!("the subsystem was not stopped"),
    }
}

// OTP: supervisor_bridge_SUITE:starting
#[test]
fn its_init_may_choose_not_to_start_or_fail() {
    assert!(matches!(start(Plan::Ignore), Err(StartError::Ignored)));
    let reason = ExitReason::new("no paper");
    let failed = start(Plan::Fail(reason.clone()));
    assert!(matches!(failed, Err(StartError::Failed(it)) if it == reason));
}

// OTP: supervisor_bridge_SUITE:mini_die
#[test]
fn it_ends_as_its_subsystem_does() {
    for reason in [ExitReason::Normal, ExitReason::new("jam")] {
        let bridge = start(Plan::Begin).unwrap();
        let monitor = process::monitor(bridge);
        process::send(began(), reason.clone());
        assert_eq!(expect_subsystem_end(), reason);
        assert_eq!(down_reason(monitor), reason);
    }
}

// OTP: supervisor_bridge_SUITE:mini_terminate
#[test]
fn it_ends_as_killed_if_its_subsystem_is_killed() {
    let bridge = start(Plan::Begin).unwrap();
    let monitor = process::monitor(bridge);
    process::exit(began(), ExitReason::Kill);
    assert_eq!(expect_subsystem_end(), ExitReason::Killed);
    assert_eq!(down_reason(monitor), ExitReason::Killed);
}

#[test]
fn it_stops_its_subsystem_when_it_is_stopped() {
    let bridge = start(Plan::Begin).unwrap();
    let subsystem = process::monitor(began());
    proc_lib::stop_with(bridge, ExitReason::Shutdown, Duration::MAX).unwrap();
    assert_eq!(expect_subsystem_end(), ExitReason::Shutdown);
    assert_eq!(down_reason(subsystem), ExitReason::Normal);
}

// OTP: supervisor_bridge_SUITE:badstart
#[test]
fn it_cannot_have_a_name_that_is_taken() {
    let options = || StartOptions::new().name("supervisor_bridge::taken");
    let args = (Plan::Begin, process::self_pid());
    let first = Subsystem::start_link_with(args.clone(), options()).unwrap();
    began();
    let second = Subsystem::start_link_with(args, options());
    assert!(matches!(second, Err(StartError::AlreadyStarted(pid)) if pid == first));
    process::send(process::self_pid(), Began(first));
    assert_eq!(began(), first, "the second one had begun");
    proc_lib::stop(first).unwrap();
}

#[test]
fn its_supervisor_restarts_it() {
    let spec = Subsystem::child_spec((Plan::Begin, process::self_pid()));
    let supervisor = Supervisor::one_for_one().child(spec).start_link().unwrap();
    let first = began();
    process::send(first, ExitReason::new("jam"));
    let second = began();
    assert_ne!(first, second);
    supervisor.stop().unwrap();
    assert_eq!(
        (expect_subsystem_end(), expect_subsystem_end()),
        (ExitReason::new("jam"), ExitReason::Shutdown)
    );
}
