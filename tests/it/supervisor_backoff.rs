//! Children that are restarted after a pause.

use std::sync::atomic::Ordering;
use std::sync::mpsc;
use std::time::Duration;

use parking_lot::Mutex;
use procession::dynamic_supervisor::DynamicSupervisor;
use procession::prelude::*;
use procession::process::Overflow;
use procession::supervisor::{Counts, SpecError};
use procession::{sys, timer};

use crate::support::child::{
    ObservedChild, child, child_events, child_state, end_child_and_wait, expect_ended,
    expect_started, failure,
};
use crate::support::supervision::{
    HOUR, child_pid, child_states, flaky, start_dynamic, stop_dynamic, stop_supervisor,
    unlimited_restarts,
};
use crate::support::wait::{down_reason, exit_and_wait, expect, expect_exit, wait_for_exit};

const MOMENT: Duration = Duration::from_millis(1);

/// A child whose pauses are too short to be seen.
fn impatient(name: &'static str) -> ChildSpec<ServerRef<ObservedChild>> {
    child(name).backoff(MOMENT, MOMENT)
}

/// A child that is not started again before the test is over.
fn patient(name: &'static str) -> ChildSpec<ServerRef<ObservedChild>> {
    child(name).backoff(HOUR, HOUR)
}

/// Starts a supervisor, whose child b waits for a restart.
#[track_caller]
fn start_waiting(supervisor: Supervisor) -> SupervisorRef {
    let supervisor = supervisor.start_link().unwrap();
    end_child_and_wait(child_pid(&supervisor, "b").unwrap(), failure());
    assert_eq!(child_state(&supervisor, "b"), Some(ChildState::Restarting));
    supervisor
}

fn one_for_one() -> Supervisor {
    unlimited_restarts(Strategy::OneForOne)
}

mod a_child {
    use super::*;

    #[test]
    fn is_restarted_when_its_pause_is_over() {
        let supervisor = one_for_one().child(impatient("a")).start_link().unwrap();
        for _ in 0..5 {
            end_child_and_wait(expect_started("a"), failure());
        }
        let pid = expect_started("a");
        assert_eq!(child_state(&supervisor, "a"), Some(ChildState::Running(pid)));
        assert_eq!(supervisor.which_children().unwrap()[0].restarts, 5);
        stop_supervisor(&supervisor);
    }

    #[test]
    fn whose_start_fails_is_tried_again_after_a_pause() {
        let (spec, fails) = flaky("a");
        // Without any restart that counts.
        let supervisor = Supervisor::one_for_one()
            .intensity(0, HOUR)
            .child(spec.backoff(MOMENT, MOMENT))
            .start_link()
            .unwrap();
        fails.store(5, Ordering::SeqCst);
        end_child_and_wait(expect_started("a"), failure());
        let pid = expect_started("a");
        assert_eq!(fails.load(Ordering::SeqCst), 0);
        assert_eq!(child_pid(&supervisor, "a"), Some(pid));
        stop_supervisor(&supervisor);
    }

    #[test]
    fn that_ends_orderly_waits_for_nothing_unless_it_is_permanent() {
        let spec = patient("a").restart(Restart::Transient);
        let supervisor = one_for_one().child(spec).start_link().unwrap();
        end_child_and_wait(expect_started("a"), ExitReason::Normal);
        assert_eq!(child_states(&supervisor), ["-a"]);
        stop_supervisor(&supervisor);
    }

    #[test]
    fn that_waits_counts_as_a_child_that_does_not_run() {
        let supervisor = start_waiting(one_for_one().child(child("a")).child(patient("b")));
        let Counts { specs, active, workers, .. } = supervisor.count_children().unwrap();
        assert_eq!((specs, active, workers), (2, 1, 2));
        stop_supervisor(&supervisor);
    }

    #[test]
    fn that_waits_is_neither_restarted_nor_deleted_on_request() {
        let supervisor = start_waiting(one_for_one().child(patient("b")));
        assert_eq!(supervisor.restart_child("b"), Err(SupervisorError::Restarting));
        assert_eq!(supervisor.delete_child("b"), Err(SupervisorError::Restarting));
        let again = supervisor.start_child(child("b")).unwrap_err();
        assert_eq!(again, SupervisorError::AlreadyPresent);
        stop_supervisor(&supervisor);
    }

    #[test]
    fn that_waits_is_stopped_on_request_and_can_be_started_then() {
        let supervisor = start_waiting(one_for_one().child(patient("b")));
        assert_eq!(supervisor.terminate_child("b"), Ok(()));
        assert_eq!(child_states(&supervisor), ["-b"]);
        let pid = supervisor.restart_child("b").unwrap();
        assert_eq!(child_state(&supervisor, "b"), Some(ChildState::Running(pid)));
        stop_supervisor(&supervisor);
    }
}

mod a_supervisor {
    use super::*;

    #[test]
    fn starts_and_restarts_other_children_meanwhile() {
        let supervisor = start_waiting(one_for_one().child(child("a")).child(patient("b")));
        supervisor.start_child(child("c")).unwrap();
        end_child_and_wait(child_pid(&supervisor, "a").unwrap(), failure());
        assert_eq!(child_states(&supervisor), ["+a", "?b", "+c"]);
        stop_supervisor(&supervisor);
    }

    #[test]
    fn does_not_give_up_because_of_restarts_after_a_pause() {
        let supervisor = Supervisor::one_for_one().intensity(0, HOUR);
        let supervisor = supervisor.child(impatient("a")).child(child("b")).start_link().unwrap();
        for _ in 0..10 {
            end_child_and_wait(expect_started("a"), failure());
        }
        expect_started("a");
        // It still does for other children.
        end_child_and_wait(expect_started("b"), failure());
        assert_eq!(expect_exit(supervisor.pid()), ExitReason::Shutdown);
    }

    /// To the test: b is being started.
    #[derive(Debug)]
    struct StartsB;

    #[test]
    fn restarts_a_child_whose_pause_ends_while_its_mailbox_is_full() {
        let me = process::self_pid();
        let (go_on, gate) = mpsc::channel();
        let gate = Mutex::new(gate);
        let b = ChildSpec::new("b", move || {
            process::send(me, StartsB);
            gate.lock().recv().unwrap();
            ObservedChild::start_link(("b", me))
        });
        go_on.send(()).unwrap();
        let options = StartOptions::new().mailbox_capacity(1, Overflow::Refuse);
        let supervisor = one_for_one().child(impatient("a")).child(b);
        let supervisor = supervisor.start_link_with(options).unwrap();
        expect::<StartsB>();

        // The pause of a begins, then the supervisor is busy with b.
        let supervisor_sys = sys::of(supervisor.pid());
        supervisor_sys.suspend().unwrap();
        end_child_and_wait(expect_started("a"), failure());
        end_child_and_wait(expect_started("b"), failure());
        while process::try_send(supervisor.pid(), "what takes the room").is_ok() {}
        supervisor_sys.resume().unwrap();
        expect::<StartsB>();
        timer::send_after(MOMENT, me, "the pause of a is over");
        expect::<&str>();
        go_on.send(()).unwrap();
        expect_started("a");
        stop_supervisor(&supervisor);
    }

    #[test]
    fn stops_at_once_during_a_pause() {
        let supervisor = start_waiting(one_for_one().child(child("a")).child(patient("b")));
        let pid = supervisor.pid();
        stop_supervisor(&supervisor);
        assert_eq!(expect_ended("a"), ExitReason::Shutdown);
        assert_eq!(wait_for_exit(pid), ExitReason::NoProc);
    }

    #[test]
    fn that_is_killed_during_a_pause_leaves_nothing_that_restarts_the_child() {
        process::set_trap_exit(true);
        let supervisor = start_waiting(one_for_one().child(patient("b")));
        assert_eq!(exit_and_wait(supervisor.pid(), ExitReason::Kill), ExitReason::Killed);
        assert_eq!(child_events(), ["+b", "-b"]);
    }

    #[test]
    fn refuses_a_back_off_that_begins_with_zero_or_exceeds_its_limit() {
        for (first, max) in [(Duration::ZERO, HOUR), (HOUR, MOMENT)] {
            let spec = child("a").backoff(first, max);
            let wrong = SpecError::Backoff("a".to_owned());
            assert_eq!(one_for_one().child(spec.clone()).check(), Err(wrong.clone()));
            let supervisor = start_dynamic();
            let refused = supervisor.start_child(spec).unwrap_err();
            assert_eq!(refused, SupervisorError::Spec(wrong));
            stop_dynamic(&supervisor);
        }
    }
}

mod one_for_all {
    use super::*;

    fn three(b: ChildSpec<ServerRef<ObservedChild>>) -> Supervisor {
        unlimited_restarts(Strategy::OneForAll).child(child("a")).child(b).child(child("c"))
    }

    #[test]
    fn stops_the_others_at_once_and_lets_them_wait() {
        let supervisor = start_waiting(three(patient("b")));
        assert_eq!(child_states(&supervisor), ["-a", "?b", "-c"]);
        assert_eq!(child_events(), ["+a", "+b", "+c", "-b", "-c", "-a"]);
        stop_supervisor(&supervisor);
    }

    #[test]
    fn starts_all_in_order_when_the_pause_is_over() {
        let supervisor = three(impatient("b")).start_link().unwrap();
        assert_eq!(child_events(), ["+a", "+b", "+c"]);
        end_child_and_wait(child_pid(&supervisor, "b").unwrap(), failure());
        expect_started("a");
        expect_started("b");
        expect_started("c");
        assert_eq!(child_states(&supervisor), ["+a", "+b", "+c"]);
        stop_supervisor(&supervisor);
    }

    #[test]
    fn starts_no_child_twice_that_was_started_by_hand_meanwhile() {
        let supervisor = three(child("b").backoff(MOMENT * 50, MOMENT * 50)).start_link().unwrap();
        assert_eq!(child_events(), ["+a", "+b", "+c"]);
        let by_hand = loop {
            end_child_and_wait(child_pid(&supervisor, "b").unwrap(), failure());
            match supervisor.restart_child("a") {
                Ok(pid) => break pid,
                // This test was slow, and the pause was over before.
                Err(error) => assert_eq!(error, SupervisorError::Running),
            }
        };
        assert!(child_events().ends_with(&["+a".to_owned()]));
        let monitor = process::monitor(by_hand);
        // When the pause is over it is stopped, before all are started.
        let reason = down_reason(monitor);
        assert!(matches!(reason, ExitReason::Shutdown | ExitReason::NoProc), "{reason}");
        expect_started("c");
        assert_eq!(child_states(&supervisor), ["+a", "+b", "+c"]);
        assert_eq!(supervisor.count_children().unwrap().active, 3);
        stop_supervisor(&supervisor);
    }

    #[test]
    fn stops_what_has_started_while_a_child_that_does_not_start_waits() {
        let (b, fails) = flaky("b");
        let supervisor = three(b.backoff(HOUR, HOUR)).start_link().unwrap();
        assert_eq!(child_events(), ["+a", "+b", "+c"]);
        fails.store(1, Ordering::SeqCst);
        end_child_and_wait(child_pid(&supervisor, "c").unwrap(), failure());
        assert_eq!(child_states(&supervisor), ["-a", "?b", "-c"]);
        assert_eq!(child_events(), ["-c", "-b", "-a", "+a", "-a"]);
        stop_supervisor(&supervisor);
    }
}

mod rest_for_one {
    use super::*;

    fn three(b: ChildSpec<ServerRef<ObservedChild>>) -> Supervisor {
        unlimited_restarts(Strategy::RestForOne).child(child("a")).child(b).child(child("c"))
    }

    #[test]
    fn stops_those_behind_and_lets_them_wait() {
        let supervisor = start_waiting(three(patient("b")));
        assert_eq!(child_states(&supervisor), ["+a", "?b", "-c"]);
        stop_supervisor(&supervisor);
    }

    #[test]
    fn starts_a_child_that_waits_with_one_before_it() {
        let supervisor = start_waiting(three(patient("b")));
        end_child_and_wait(child_pid(&supervisor, "a").unwrap(), failure());
        assert_eq!(child_states(&supervisor), ["+a", "+b", "+c"]);
        stop_supervisor(&supervisor);
    }
}

mod a_dynamic_child {
    use super::*;

    #[test]
    fn is_restarted_when_its_pause_is_over() {
        let supervisor = DynamicSupervisor::new().intensity(0, HOUR).start_link().unwrap();
        let (spec, fails) = flaky("a");
        supervisor.start_child(spec.backoff(MOMENT, MOMENT)).unwrap();
        fails.store(3, Ordering::SeqCst);
        for _ in 0..3 {
            end_child_and_wait(expect_started("a"), failure());
        }
        let pid = expect_started("a");
        let child = &supervisor.which_children().unwrap()[0];
        assert_eq!((child.state, child.restarts), (ChildState::Running(pid), 3));
        stop_dynamic(&supervisor);
    }

    #[test]
    fn that_waits_is_stopped_by_the_pid_it_had() {
        let supervisor = start_dynamic();
        let pid = supervisor.start_child(patient("a")).unwrap().pid();
        end_child_and_wait(pid, failure());
        assert_eq!(supervisor.which_children().unwrap()[0].state, ChildState::Restarting);
        assert_eq!(supervisor.terminate_child(pid), Ok(()));
        assert_eq!(supervisor.which_children(), Ok(vec![]));
        stop_dynamic(&supervisor);
    }

    #[test]
    fn that_waits_takes_up_the_room_of_a_child() {
        let supervisor = DynamicSupervisor::new().max_children(1).start_link().unwrap();
        end_child_and_wait(supervisor.start_child(patient("a")).unwrap().pid(), failure());
        let refused = supervisor.start_child(child("b")).unwrap_err();
        assert_eq!(refused, SupervisorError::MaxChildren);
        stop_dynamic(&supervisor);
    }

    #[test]
    fn of_a_template_waits_too() {
        let template = ObservedChild::child_template().backoff(HOUR, HOUR);
        let supervisor = Supervisor::simple_one_for_one(template).start_link().unwrap();
        let child = supervisor.start_child(("a", process::self_pid())).unwrap();
        end_child_and_wait(child.pid(), failure());
        assert_eq!(supervisor.which_children().unwrap()[0].state, ChildState::Restarting);
        supervisor.stop().unwrap();
    }
}
