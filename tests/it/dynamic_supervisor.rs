//! Supervisors of children that come and go.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use procession::dynamic_supervisor::{DynamicSupervisor, DynamicSupervisorRef};
use procession::prelude::*;
use procession::proc_lib;
use procession::supervisor::{
    ChildSpec, ChildState, Restart, Shutdown, SpecError, Supervisor, SupervisorError, SupervisorRef,
};

use crate::support::child::{
    ObservedChild, child, end_child, end_child_and_wait, expect_ended, expect_started, failure,
};
use crate::support::drops::message_on_drop;
use crate::support::processes::idle_body;
use crate::support::supervision::{start_dynamic, start_failure, stop_dynamic};
use crate::support::wait::{down_reason, expect, test_timeout, wait_until};

/// The processes of the children that run.
fn running(supervisor: &DynamicSupervisorRef) -> BTreeSet<Pid> {
    let children = supervisor.which_children().unwrap();
    children.into_iter().filter_map(|child| child.state.pid()).collect()
}

// Elixir: dynamic_supervisor_test "child is restarted with different values"
#[test]
fn starts_one_spec_any_number_of_times() {
    let supervisor = start_dynamic();
    let spec = child("a");
    let pids: BTreeSet<Pid> =
        (0..3).map(|_| supervisor.start_child(spec.clone()).unwrap().pid()).collect();
    assert_eq!(pids.len(), 3);
    assert_eq!(running(&supervisor), pids);
    let counts = supervisor.count_children().unwrap();
    assert_eq!((counts.specs, counts.active, counts.workers), (3, 3, 3));
    stop_dynamic(&supervisor);
    assert!(!pids.into_iter().any(process::is_alive));
}

// Elixir: dynamic_supervisor_test "with max_children"
#[test]
fn has_no_more_children_than_it_may() {
    let supervisor = DynamicSupervisor::new().max_children(1).start_link().unwrap();
    let first = supervisor.start_child(child("a").restart(Restart::Temporary)).unwrap();
    assert_eq!(supervisor.start_child(child("b")).unwrap_err(), SupervisorError::MaxChildren);
    end_child_and_wait(first.pid(), ExitReason::Normal);
    supervisor.start_child(child("b")).unwrap();
    stop_dynamic(&supervisor);

    let none = DynamicSupervisor::new().max_children(0).start_link().unwrap();
    assert_eq!(none.start_child(child("a")).unwrap_err(), SupervisorError::MaxChildren);
    stop_dynamic(&none);
}

// Elixir: DynamicSupervisor.start_child/2, which validates the spec before it asks
#[test]
fn is_not_asked_to_start_a_child_whose_spec_is_wrong() {
    let nobody = DynamicSupervisorRef::named("dynamic_supervisor::nobody");
    let significant = child("a").restart(Restart::Temporary).significant(true);
    let wrong = SpecError::SignificantWithoutAutoShutdown("a".to_owned());
    let refused = nobody.start_child(significant.clone()).unwrap_err();
    assert_eq!(refused, SupervisorError::Spec(wrong.clone()));

    let supervisor = start_dynamic();
    let other_kind = SupervisorRef::from_pid(supervisor.pid());
    let refused = other_kind.start_child(significant).unwrap_err();
    assert_eq!(refused, SupervisorError::Spec(wrong));
    stop_dynamic(&supervisor);
}

// Elixir: DynamicSupervisor.terminate_child/2
#[test]
fn forgets_a_child_that_has_ended() {
    let supervisor = start_dynamic();
    let child = supervisor.start_child(child("a").restart(Restart::Temporary)).unwrap();
    let pid = child.pid();
    end_child_and_wait(pid, ExitReason::Normal);
    assert_eq!(supervisor.terminate_child(pid), Err(SupervisorError::NotFound));
    stop_dynamic(&supervisor);
}

// Elixir: dynamic_supervisor_test "with different returns", "with throw/error/exit"
#[test]
fn forgets_a_child_that_does_not_start() {
    let supervisor = start_dynamic();
    let start = |start: fn() -> Result<Pid, StartError>| {
        supervisor.start_child(ChildSpec::new("a", start)).unwrap_err()
    };
    assert_eq!(start(|| Err(StartError::Ignored)), SupervisorError::Ignored);
    let failed = start(|| Err(StartError::Failed(failure())));
    assert_eq!(start_failure(failed), failure());
    let panic = start_failure(start(|| panic!("in a start")));
    assert_eq!(panic.as_panic().unwrap().message, "in a start");
    let exited = start(|| process::exit_self(failure()));
    assert_eq!(start_failure(exited), failure());
    assert_eq!(supervisor.which_children().unwrap(), []);
    stop_dynamic(&supervisor);
}

// Elixir: dynamic_supervisor_test, three restart tests
#[test]
fn restarts_each_child_by_its_own_rule() {
    let supervisor = start_dynamic();
    for (restart, reason, restarted) in [
        (Restart::Permanent, ExitReason::Normal, true),
        (Restart::Permanent, failure(), true),
        (Restart::Transient, ExitReason::Shutdown, false),
        (Restart::Transient, failure(), true),
        (Restart::Temporary, ExitReason::Normal, false),
        (Restart::Temporary, failure(), false),
    ] {
        supervisor.start_child(child("a").restart(restart)).unwrap();
        let first = expect_started("a");
        end_child_and_wait(first, reason);
        let now = running(&supervisor);
        assert!(!now.contains(&first));
        assert_eq!(now.len(), usize::from(restarted), "{restart:?}");
        for pid in now {
            assert_eq!(expect_started("a"), pid);
            assert_eq!(supervisor.terminate_child(pid), Ok(()));
        }
    }
    stop_dynamic(&supervisor);
}

// Elixir: dynamic_supervisor_test "child triggers maximum restarts"
#[test]
fn gives_up_at_the_fourth_restart_in_five_seconds() {
    let supervisor = DynamicSupervisor::new().start_link().unwrap();
    let pid = supervisor.pid();
    supervisor.start_child(child("other")).unwrap();
    supervisor.start_child(child("a")).unwrap();
    for _ in 0..4 {
        end_child(expect_started("a"), failure());
    }
    let exit = receive! {
        exit: Exit if exit.from == pid => exit.reason,
        after test_timeout() => panic!("it has not given up"),
    };
    assert_eq!(exit, ExitReason::Shutdown);
    assert_eq!(expect_ended("other"), ExitReason::Shutdown);
}

/// A child that fails to start as often as it is said.
fn flaky(fails: &Arc<AtomicUsize>) -> ChildSpec<ServerRef<ObservedChild>> {
    let (fails, observer) = (Arc::clone(fails), process::self_pid());
    ChildSpec::new("a", move || {
        let left = fails.load(Ordering::SeqCst);
        if left > 0 {
            fails.store(left - 1, Ordering::SeqCst);
            return Err(StartError::Failed(failure()));
        }
        ObservedChild::start_link(("a", observer))
    })
}

// Elixir: dynamic_supervisor_test "terminates restarting child", "... when trying again"
#[test]
fn retries_a_restart_until_the_child_is_terminated() {
    let fails = Arc::new(AtomicUsize::new(0));
    let supervisor = start_dynamic();
    supervisor.start_child(flaky(&fails)).unwrap();
    let first = expect_started("a");
    fails.store(2, Ordering::SeqCst);
    end_child(first, failure());
    let second = expect_started("a");

    fails.store(usize::MAX, Ordering::SeqCst);
    end_child_and_wait(second, failure());
    let children = supervisor.which_children().unwrap();
    assert_eq!(children[0].state, ChildState::Restarting);
    let counts = supervisor.count_children().unwrap();
    assert_eq!((counts.specs, counts.active), (1, 0));
    assert_eq!(supervisor.terminate_child(second), Ok(()));
    assert_eq!(supervisor.which_children().unwrap(), []);
    assert_eq!(supervisor.terminate_child(second), Err(SupervisorError::NotFound));
    stop_dynamic(&supervisor);
}

// Elixir: dynamic_supervisor_test "terminates with mixed children"
#[test]
fn tells_all_children_to_end_at_once() {
    let me = process::self_pid();
    let supervisor = start_dynamic();
    // Each ends when all have been told to, so one after the other would take forever.
    let told = Arc::new(AtomicUsize::new(0));
    for _ in 0..5 {
        let told = Arc::clone(&told);
        let spec = ChildSpec::new("a", move || {
            let told = Arc::clone(&told);
            let start = move |starter: proc_lib::Starter<Pid>| {
                process::set_trap_exit(true);
                starter.ack(process::self_pid());
                let reason = expect::<Exit>().reason;
                told.fetch_add(1, Ordering::SeqCst);
                wait_until(|| told.load(Ordering::SeqCst) == 5);
                process::exit_self(reason);
            };
            Ok(proc_lib::start_link(start)?)
        });
        let pid = supervisor.start_child(spec.shutdown(Shutdown::Infinity)).unwrap();
        process::send(me, process::monitor(pid));
    }
    let brutal = child("brutal").shutdown(Shutdown::BrutalKill);
    let brutal = process::monitor(supervisor.start_child(brutal).unwrap());
    stop_dynamic(&supervisor);
    for _ in 0..5 {
        assert_eq!(down_reason(expect::<MonitorRef>()), ExitReason::Shutdown);
    }
    assert_eq!(down_reason(brutal), ExitReason::Killed);
}

#[test]
fn drops_what_a_temporary_child_was_started_with() {
    let me = process::self_pid();
    let supervisor = start_dynamic();
    let guard = Arc::new(message_on_drop(move || process::send(me, "dropped")));
    let spec = ChildSpec::new("a", move || {
        _ = &guard;
        ObservedChild::start_link(("a", me))
    });
    supervisor.start_child(spec.restart(Restart::Temporary)).unwrap();
    assert_eq!(expect::<&str>(), "dropped");
    stop_dynamic(&supervisor);
}

#[test]
fn runs_under_a_supervisor() {
    let spec = DynamicSupervisor::new().child_spec("dynamic");
    let outer = Supervisor::one_for_one().child(spec).start_link().unwrap();
    let inner = outer.which_children().unwrap().remove(0);
    let dynamic = DynamicSupervisorRef::from_pid(inner.state.pid().unwrap());
    let child = dynamic.start_child(child("a")).unwrap();
    assert_eq!(outer.stop(), Ok(()));
    assert!(!process::is_alive(child.pid()));
}

// OTP: supervisor_SUITE:count_children
#[test]
fn two_thousand_children_come_and_go() {
    let supervisor = start_dynamic();
    let spec = ChildSpec::new("a", || Ok(process::spawn_link(idle_body)?));
    let spec = spec.restart(Restart::Temporary).shutdown(Shutdown::BrutalKill);
    for batch in 1..=2 {
        for _ in 0..1_000 {
            supervisor.start_child(spec.clone()).unwrap();
        }
        assert_eq!(supervisor.count_children().unwrap().active, batch * 1_000);
        assert_eq!(running(&supervisor).len(), batch * 1_000);
    }
    let pids = running(&supervisor);
    let monitors: Vec<_> = pids.iter().map(|pid| process::monitor(*pid)).collect();
    pids.iter().for_each(|pid| process::exit(*pid, ExitReason::Kill));
    for monitor in monitors {
        down_reason(monitor);
    }
    assert_eq!(supervisor.count_children().unwrap().specs, 0);
    stop_dynamic(&supervisor);
}
