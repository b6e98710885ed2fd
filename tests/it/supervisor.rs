//! Supervisors: starting, restarting and stopping children.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use procession::prelude::*;
use procession::proc_lib;
use procession::process::Builder;
use procession::supervisor::{
    AutoShutdown, ChildSpec, ChildState, ChildType, FailedToStart, Restart, Shutdown, SpecError,
    Strategy, Supervise, Supervised, Supervisor, SupervisorError, SupervisorInit, SupervisorRef,
};

use crate::support::calls::CallKind;
use crate::support::child::{
    ObservedChild, child, child_events, child_state, end_child, end_child_and_wait, expect_ended,
    expect_started, failure,
};
use crate::support::processes::{idle_body, in_process};
use crate::support::supervision::{
    HOUR, failing, ignoring, never_ending, start_failure, start_with_three, stop_supervisor,
    unlimited_restarts,
};
use crate::support::wait::{assert_no_message, down_reason, expect, expect_exit, wait_for_exit};

mod a_start {
    use super::*;

    // OTP: supervisor_SUITE:sup_start_normal
    #[test]
    fn returns_when_all_children_are_started_in_their_order() {
        in_process(|| {
            process::set_trap_exit(true);
            let supervisor =
                unlimited_restarts(Strategy::OneForOne).child(child("a")).child(child("b"));
            let supervisor = supervisor.start_link().unwrap();
            assert_eq!(child_events(), ["+a", "+b"]);
            stop_supervisor(&supervisor);
            assert_eq!(child_events(), ["-b", "-a"]);
            assert_no_message();
        });
    }

    // OTP: supervisor_SUITE:sup_start_fail
    #[test]
    fn that_fails_at_a_child_stops_those_before_it() {
        in_process(|| {
            process::set_trap_exit(true);
            let supervisor = Supervisor::one_for_all()
                .child(child("a"))
                .child(child("b"))
                .child(failing("bad"))
                .child(child("never"));
            let error = supervisor.start_link().unwrap_err();
            let StartError::Failed(ExitReason::ShutdownWith(detail)) = error else {
                panic!("{error:?}")
            };
            let failed: &FailedToStart = detail.downcast_ref().unwrap();
            assert_eq!((failed.id.as_str(), &failed.reason), ("bad", &failure()));
            assert_eq!(child_events(), ["+a", "+b", "-b", "-a"]);
            assert_no_message();
        });
    }

    #[test]
    fn of_a_child_that_panics_is_a_failure_with_the_panic() {
        let supervisor = Supervisor::one_for_one()
            .child(ChildSpec::<Pid>::new("bad", || panic!("in a start function")));
        let StartError::Failed(reason) = supervisor.start_link().unwrap_err() else {
            panic!("it did not fail");
        };
        let failed: &FailedToStart = reason.downcast_ref().unwrap();
        assert_eq!(failed.reason.as_panic().unwrap().message, "in a start function");
    }

    // OTP: supervisor_SUITE:sup_start_ignore_child, sup_start_ignore_temporary_child
    #[test]
    fn keeps_a_child_that_chooses_not_to_start_unless_it_is_temporary() {
        let supervisor = Supervisor::one_for_one()
            .child(ignoring("kept"))
            .child(ignoring("forgotten").restart(Restart::Temporary))
            .start_link()
            .unwrap();
        assert_eq!(child_state(&supervisor, "kept"), Some(ChildState::Stopped));
        assert_eq!(child_state(&supervisor, "forgotten"), None);
        stop_supervisor(&supervisor);
    }

    // OTP: supervisor_SUITE:sup_flags, child_specs
    #[test]
    fn refuses_specs_that_make_no_sense() {
        #[track_caller]
        fn check(supervisor: Supervisor, expected: SpecError) {
            assert_eq!(supervisor.check(), Err(expected.clone()));
            let StartError::Failed(reason) = supervisor.start_link().unwrap_err() else {
                panic!("it did not fail");
            };
            assert_eq!(reason.downcast_ref(), Some(&expected));
        }

        let one = Supervisor::one_for_one;
        let transient = |id| child(id).restart(Restart::Transient).significant(true);
        check(one().intensity(1, Duration::ZERO), SpecError::ZeroPeriod);
        check(one().child(child("a")).child(child("a")), SpecError::DuplicateId("a".to_owned()));
        check(
            one().child(transient("a")),
            SpecError::SignificantWithoutAutoShutdown("a".to_owned()),
        );
        check(
            one().auto_shutdown(AutoShutdown::AnySignificant).child(child("a").significant(true)),
            SpecError::SignificantAndPermanent("a".to_owned()),
        );
        assert_eq!(one().intensity(0, HOUR).check(), Ok(()));
        let significant = one().auto_shutdown(AutoShutdown::AllSignificant).child(transient("a"));
        assert_eq!(significant.check(), Ok(()));
    }

    struct Described;

    impl Supervise for Described {
        type Args = Option<&'static str>;

        fn init(name: Self::Args) -> SupervisorInit {
            match name {
                Some("panic") => panic!("in init"),
                Some(name) => Ok(Some(Supervisor::one_for_one().child(ignoring(name)))),
                None => Ok(None),
            }
        }
    }

    // OTP: supervisor_SUITE:sup_start_ignore_init, sup_start_fail, get_callback_module
    #[test]
    fn asks_the_callback_module_for_its_description() {
        in_process(|| {
            process::set_trap_exit(true);
            assert!(matches!(Described::start_link(None), Err(StartError::Ignored)));
            let error = Described::start_link(Some("panic")).unwrap_err();
            let StartError::Failed(reason) = error else { panic!("{error:?}") };
            assert_eq!(reason.as_panic().unwrap().message, "in init");
            assert_no_message();

            let supervisor = Described::start_link(Some("child")).unwrap();
            assert_eq!(supervisor.which_children().unwrap()[0].id, "child");
            assert!(supervisor.get_callback_module().unwrap().ends_with("a_start::Described"));
            stop_supervisor(&supervisor);
        });
    }

    #[test]
    fn under_a_name_is_found_by_it_and_refused_a_second_time() {
        let options = || StartOptions::new().name("supervisor::named");
        let supervisor = Supervisor::one_for_one().start_link_with(options()).unwrap();
        let again = Supervisor::one_for_one().start_link_with(options());
        let holder = supervisor.pid();
        assert!(matches!(again, Err(StartError::AlreadyStarted(pid)) if pid == holder));
        let named = SupervisorRef::named("supervisor::named");
        assert_eq!(named.count_children().unwrap().specs, 0);
        stop_supervisor(&supervisor);
        assert_eq!(named.which_children().kind(), Err(CallErrorKind::NoProc));
    }
}

// OTP: supervisor_SUITE:sup_start_map
#[test]
fn a_child_spec_has_the_defaults_of_otp() {
    let worker = child("a").policy();
    assert_eq!(worker.restart, Restart::Permanent);
    assert_eq!(worker.shutdown, Shutdown::Timeout(Duration::from_secs(5)));
    assert_eq!(worker.child_type, ChildType::Worker);
    assert!(!worker.significant);
    let supervisor = Supervisor::one_for_one().child_spec("b").policy();
    assert_eq!(supervisor.child_type, ChildType::Supervisor);
    assert_eq!(supervisor.shutdown, Shutdown::Infinity);

    let of_server = ObservedChild::child_spec(("x", process::self_pid())).policy();
    assert!(of_server.id.ends_with("child::ObservedChild"), "{of_server:?}");
}

mod children {
    use super::*;

    // OTP: supervisor_SUITE:child_adm
    #[test]
    fn are_added_stopped_restarted_and_deleted() {
        let supervisor = unlimited_restarts(Strategy::OneForOne).start_link().unwrap();
        let first = supervisor.start_child(child("a")).unwrap();
        let pid = expect_started("a");
        assert_eq!(first.pid(), pid);
        let again = supervisor.start_child(child("a")).unwrap_err();
        assert_eq!(again, SupervisorError::AlreadyStarted(pid));
        assert_eq!(supervisor.restart_child("a"), Err(SupervisorError::Running));
        assert_eq!(supervisor.delete_child("a"), Err(SupervisorError::Running));

        assert_eq!(supervisor.terminate_child("a"), Ok(()));
        assert_eq!(expect_ended("a"), ExitReason::Shutdown);
        assert!(!process::is_alive(pid));
        assert_eq!(supervisor.terminate_child("a"), Ok(()));
        assert_eq!(child_state(&supervisor, "a"), Some(ChildState::Stopped));
        let again = supervisor.start_child(child("a")).unwrap_err();
        assert_eq!(again, SupervisorError::AlreadyPresent);

        let restarted = supervisor.restart_child("a").unwrap();
        assert_eq!(expect_started("a"), restarted);
        assert_eq!(supervisor.terminate_child("a"), Ok(()));
        assert_eq!(supervisor.get_child_spec("a").unwrap(), child("a").policy());
        assert_eq!(supervisor.delete_child("a"), Ok(()));
        for outcome in [
            supervisor.delete_child("a"),
            supervisor.terminate_child("a"),
            supervisor.restart_child("a").map(drop),
            supervisor.get_child_spec("a").map(drop),
        ] {
            assert_eq!(outcome, Err(SupervisorError::NotFound));
        }
        stop_supervisor(&supervisor);
    }

    // OTP: supervisor_SUITE:sup_start_child_returns_error, already_started_outside_supervisor
    #[test]
    fn that_fail_to_start_are_not_added() {
        let supervisor = unlimited_restarts(Strategy::OneForOne).start_link().unwrap();
        let me = process::self_pid();
        let taken = ChildSpec::<Pid>::new("taken", move || Err(StartError::AlreadyStarted(me)));
        let failed = supervisor.start_child(failing("a")).unwrap_err();
        assert_eq!(start_failure(failed), failure());
        assert_eq!(supervisor.which_children().unwrap(), []);
        let errors = [
            (taken, SupervisorError::AlreadyStarted(me)),
            (ignoring("temporary").restart(Restart::Temporary), SupervisorError::Ignored),
        ];
        for (spec, error) in errors {
            assert_eq!(supervisor.start_child(spec).unwrap_err(), error);
            assert_eq!(supervisor.which_children().unwrap(), []);
        }
        let ignored = supervisor.start_child(ignoring("kept")).unwrap_err();
        assert_eq!(ignored, SupervisorError::Ignored);
        assert_eq!(child_state(&supervisor, "kept"), Some(ChildState::Stopped));
        let significant = child("b").restart(Restart::Temporary).significant(true);
        let error = SpecError::SignificantWithoutAutoShutdown("b".to_owned());
        assert_eq!(supervisor.start_child(significant).unwrap_err(), SupervisorError::Spec(error));
        stop_supervisor(&supervisor);
    }

    // OTP: supervisor_SUITE:extra_return
    #[test]
    fn can_return_an_extra_value_when_they_start() {
        let me = process::self_pid();
        let supervisor = unlimited_restarts(Strategy::OneForOne).start_link().unwrap();
        let spec =
            ChildSpec::new("a", move || Ok((ObservedChild::start_link(("a", me))?, "a word")));
        let (child, word) = supervisor.start_child(spec).unwrap();
        assert_eq!((child.pid(), word), (expect_started("a"), "a word"));
        stop_supervisor(&supervisor);
    }

    // OTP: supervisor_SUITE:count_children, child_adm
    #[test]
    fn are_listed_the_last_first_and_counted() {
        let (supervisor, [a, _, c]) = start_with_three(Strategy::OneForOne);
        assert_eq!(supervisor.terminate_child("b"), Ok(()));
        supervisor.start_child(Supervisor::one_for_one().child_spec("d")).unwrap();
        let listed = supervisor.which_children().unwrap();
        let ids: Vec<_> = listed.iter().map(|child| child.id.as_str()).collect();
        assert_eq!(ids, ["d", "c", "b", "a"]);
        let states: Vec<_> = listed[1..].iter().map(|child| child.state).collect();
        use ChildState::{Running, Stopped};
        assert_eq!(states, [Running(c), Stopped, Running(a)]);
        let counts = supervisor.count_children().unwrap();
        assert_eq!((counts.specs, counts.active), (4, 3));
        assert_eq!((counts.supervisors, counts.workers), (1, 3));
        stop_supervisor(&supervisor);
    }

    // OTP: supervisor_SUITE:do_not_save_child_specs_for_temporary_children
    #[test]
    fn that_are_temporary_are_forgotten_when_they_have_ended() {
        let supervisor = unlimited_restarts(Strategy::OneForOne).start_link().unwrap();
        let temporary = || child("a").restart(Restart::Temporary);
        for reason in [ExitReason::Normal, ExitReason::Shutdown, failure()] {
            let child = supervisor.start_child(temporary()).unwrap();
            end_child_and_wait(child.pid(), reason);
            expect_ended("a");
            assert_eq!(child_state(&supervisor, "a"), None);
        }
        supervisor.start_child(temporary()).unwrap();
        assert_eq!(supervisor.terminate_child("a"), Ok(()));
        assert_eq!(supervisor.delete_child("a"), Err(SupervisorError::NotFound));
        stop_supervisor(&supervisor);
    }

    // OTP: supervisor_SUITE:child_unlink
    #[test]
    fn that_have_removed_the_link_are_stopped_all_the_same() {
        let supervisor = unlimited_restarts(Strategy::OneForOne).start_link().unwrap();
        let parent = supervisor.pid();
        let spec = ChildSpec::new("a", move || {
            let start = move |starter: proc_lib::Starter<Pid>| {
                process::unlink(parent);
                starter.ack(process::self_pid());
                idle_body();
            };
            Ok(proc_lib::start_link(start)?)
        });
        let child = supervisor.start_child(spec).unwrap();
        assert_eq!(supervisor.terminate_child("a"), Ok(()));
        assert!(!process::is_alive(child));
        stop_supervisor(&supervisor);
    }
}

mod a_restart {
    use super::*;

    // OTP: supervisor_SUITE:permanent_normal, transient_abnormal, temporary_normal
    #[test]
    fn depends_on_the_kind_of_child_and_the_reason() {
        let orderly =
            [ExitReason::Normal, ExitReason::Shutdown, ExitReason::shutdown_with("enough")];
        let check = |restart, reason: ExitReason, expected: bool| {
            let spec = child("a").restart(restart);
            let supervisor =
                unlimited_restarts(Strategy::OneForOne).child(spec).start_link().unwrap();
            let first = expect_started("a");
            end_child_and_wait(first, reason.clone());
            expect_ended("a");
            let state = child_state(&supervisor, "a");
            let pid = state.and_then(ChildState::pid);
            assert_eq!(pid.is_some(), expected, "{restart:?} after {reason}: {state:?}");
            assert_eq!(state.is_none(), restart == Restart::Temporary);
            assert_ne!(pid, Some(first));
            stop_supervisor(&supervisor);
            child_events();
        };
        for reason in orderly {
            check(Restart::Permanent, reason.clone(), true);
            check(Restart::Transient, reason.clone(), false);
            check(Restart::Temporary, reason, false);
        }
        check(Restart::Permanent, failure(), true);
        check(Restart::Transient, failure(), true);
        check(Restart::Temporary, failure(), false);
    }

    /// What happens when the second of three children fails.
    #[track_caller]
    fn check(strategy: Strategy, expected: &[&str]) {
        let (supervisor, [_, b, _]) = start_with_three(strategy);
        end_child_and_wait(b, failure());
        assert_eq!(supervisor.count_children().unwrap().active, 3);
        assert_eq!(child_events(), expected);
        stop_supervisor(&supervisor);
        child_events();
    }

    // OTP: supervisor_SUITE:one_for_one, one_for_all, rest_for_one
    #[test]
    fn takes_along_the_children_that_the_strategy_says() {
        check(Strategy::OneForOne, &["-b", "+b"]);
        check(Strategy::OneForAll, &["-b", "-c", "-a", "+a", "+b", "+c"]);
        check(Strategy::RestForOne, &["-b", "-c", "+b", "+c"]);
    }

    // OTP: supervisor_SUITE:temporary_bystander
    #[test]
    fn forgets_temporary_bystanders() {
        let supervisor = unlimited_restarts(Strategy::OneForAll)
            .child(child("a"))
            .child(child("b").restart(Restart::Temporary))
            .start_link()
            .unwrap();
        end_child(expect_started("a"), failure());
        expect_started("b");
        expect_ended("b");
        expect_started("a");
        assert_eq!(child_state(&supervisor, "b"), None);
        stop_supervisor(&supervisor);
    }

    /// A child that fails to start while the flag is set.
    fn flaky(name: &'static str, fails: &Arc<AtomicUsize>) -> ChildSpec<ServerRef<ObservedChild>> {
        let (fails, observer) = (Arc::clone(fails), process::self_pid());
        ChildSpec::new(name, move || {
            let failures = fails.load(Ordering::SeqCst);
            if failures > 0 {
                fails.store(failures - 1, Ordering::SeqCst);
                return Err(StartError::Failed(failure()));
            }
            ObservedChild::start_link((name, observer))
        })
    }

    // OTP: supervisor_SUITE:one_for_all_other_child_fails_restart
    #[test]
    fn that_fails_at_another_child_begins_again() {
        let fails = Arc::new(AtomicUsize::new(0));
        let supervisor = unlimited_restarts(Strategy::OneForAll)
            .child(child("a"))
            .child(flaky("b", &fails))
            .child(child("c"))
            .start_link()
            .unwrap();
        let [a, ..] = ["a", "b", "c"].map(expect_started);
        fails.store(2, Ordering::SeqCst);
        end_child_and_wait(a, failure());
        expect_started("c");
        assert_eq!(supervisor.count_children().unwrap().active, 3);
        stop_supervisor(&supervisor);
    }

    // OTP: supervisor_SUITE:hanging_restart_loop
    #[test]
    fn that_fails_is_tried_again_and_does_not_keep_the_supervisor_from_answering() {
        let fails = Arc::new(AtomicUsize::new(0));
        let supervisor =
            unlimited_restarts(Strategy::OneForOne).child(flaky("a", &fails)).start_link().unwrap();
        fails.store(usize::MAX, Ordering::SeqCst);
        let first = expect_started("a");
        end_child_and_wait(first, failure());
        assert_eq!(child_state(&supervisor, "a"), Some(ChildState::Restarting));
        assert_eq!(supervisor.delete_child("a"), Err(SupervisorError::Restarting));
        assert_eq!(supervisor.restart_child("a"), Err(SupervisorError::Restarting));
        let counts = supervisor.count_children().unwrap();
        assert_eq!((counts.active, counts.workers), (0, 1));
        assert_eq!(supervisor.terminate_child("a"), Ok(()));
        assert_eq!(child_state(&supervisor, "a"), Some(ChildState::Stopped));

        fails.store(0, Ordering::SeqCst);
        let second = supervisor.restart_child("a").unwrap();
        fails.store(3, Ordering::SeqCst);
        end_child_and_wait(second, failure());
        assert_eq!(expect_started("a"), second);
        assert_ne!(expect_started("a"), second);
        stop_supervisor(&supervisor);
    }

    // OTP: supervisor_SUITE:simple_one_for_one_restart_ignore
    #[test]
    fn at_which_the_child_chooses_not_to_start_leaves_it_stopped() {
        let ignores = Arc::new(AtomicBool::new(false));
        let (flag, observer) = (Arc::clone(&ignores), process::self_pid());
        let spec = ChildSpec::new("a", move || {
            if flag.load(Ordering::SeqCst) {
                return Err(StartError::Ignored);
            }
            ObservedChild::start_link(("a", observer))
        });
        let supervisor = unlimited_restarts(Strategy::OneForOne).child(spec).start_link().unwrap();
        let first = expect_started("a");
        ignores.store(true, Ordering::SeqCst);
        end_child_and_wait(first, failure());
        assert_eq!(child_state(&supervisor, "a"), Some(ChildState::Stopped));
        stop_supervisor(&supervisor);
    }

    #[test]
    fn happens_only_so_often_then_the_supervisor_gives_up() {
        for restarts in [0, 1, 3] {
            let supervisor = Supervisor::one_for_one()
                .intensity(restarts, HOUR)
                .child(child("other"))
                .child(child("a"))
                .start_link()
                .unwrap();
            // Normal ends of permanent children count as well.
            for round in 0..=restarts {
                let reason = if round % 2 == 0 { failure() } else { ExitReason::Normal };
                end_child(expect_started("a"), reason);
            }
            assert_eq!(expect_exit(supervisor.pid()), ExitReason::Shutdown);
            assert_eq!(expect_ended("other"), ExitReason::Shutdown);
            child_events();
        }
    }

    // OTP: supervisor_SUITE:one_for_one_escalation
    #[test]
    fn of_a_supervisor_that_has_given_up_brings_its_static_children_only() {
        let inner = Supervisor::one_for_one().intensity(0, HOUR).child(child("a"));
        let outer = unlimited_restarts(Strategy::OneForOne)
            .child(inner.child_spec("inner"))
            .start_link()
            .unwrap();
        let first = expect_started("a");
        let inner = SupervisorRef::from_pid(
            child_state(&outer, "inner").and_then(ChildState::pid).unwrap(),
        );
        inner.start_child(child("dynamic")).unwrap();
        let monitor = process::monitor(inner);
        end_child(first, failure());
        assert_eq!(down_reason(monitor), ExitReason::Shutdown);
        assert_eq!(expect_ended("dynamic"), ExitReason::Shutdown);
        expect_started("a");
        let again = child_state(&outer, "inner").and_then(ChildState::pid).unwrap();
        let again = SupervisorRef::from_pid(again);
        assert_ne!(again, inner);
        assert_eq!(again.count_children().unwrap().specs, 1);
        stop_supervisor(&outer);
    }

    // OTP: supervisor_SUITE:transient_shutdown
    #[test]
    fn of_a_transient_supervisor_that_has_given_up_does_not_happen() {
        let inner = Supervisor::one_for_one().intensity(0, HOUR).child(child("a"));
        let spec = inner.child_spec("inner").restart(Restart::Transient);
        let outer = unlimited_restarts(Strategy::OneForOne).child(spec).start_link().unwrap();
        let inner = child_state(&outer, "inner").and_then(ChildState::pid).unwrap();
        let monitor = process::monitor(inner);
        end_child(expect_started("a"), failure());
        assert_eq!(down_reason(monitor), ExitReason::Shutdown);
        assert_eq!(child_state(&outer, "inner"), Some(ChildState::Stopped));
        stop_supervisor(&outer);
    }

    #[test]
    fn is_counted() {
        let (supervisor, [_, b, _]) = start_with_three(Strategy::OneForOne);
        end_child(b, failure());
        end_child(expect_started("b"), failure());
        expect_started("b");
        let children = supervisor.which_children().unwrap();
        let restarts: Vec<_> = children.iter().map(|child| child.restarts).collect();
        assert_eq!(restarts, [0, 2, 0]);
        stop_supervisor(&supervisor);
    }
}

mod a_stop {
    use super::*;

    // OTP: supervisor_SUITE:order_of_children
    #[test]
    fn ends_the_children_in_reverse_each_gone_before_the_next_is_told() {
        let me = process::self_pid();
        let slow = move |id: &'static str, before: Option<&'static str>| {
            ChildSpec::new(id, move || {
                let start = move |starter: proc_lib::Starter<Pid>| {
                    process::set_trap_exit(true);
                    process::register(id, process::self_pid()).unwrap();
                    starter.ack(process::self_pid());
                    let exit = expect::<Exit>();
                    let before = before.and_then(process::whereis);
                    process::send(me, (id, exit.reason.clone(), before.is_some()));
                    process::exit_self(exit.reason);
                };
                Ok(proc_lib::start_link(start)?)
            })
        };
        let [a, b, c] = ["supervisor::stop::a", "supervisor::stop::b", "supervisor::stop::c"];
        let supervisor = unlimited_restarts(Strategy::OneForOne)
            .child(slow(a, Some(b)))
            .child(slow(b, Some(c)))
            .child(slow(c, None))
            .start_link()
            .unwrap();
        stop_supervisor(&supervisor);
        for id in [c, b, a] {
            let told = expect::<(&str, ExitReason, bool)>();
            assert_eq!(told, (id, ExitReason::Shutdown, false));
        }
    }

    // OTP: supervisor_SUITE:sup_stop_timeout, sup_stop_brutal_kill
    #[test]
    fn kills_children_whose_time_is_over() {
        let time = Duration::from_millis(10);
        for (shutdown, least) in [
            (Shutdown::Timeout(time), time),
            (Shutdown::Timeout(Duration::ZERO), Duration::ZERO),
            (Shutdown::BrutalKill, Duration::ZERO),
        ] {
            let spec = never_ending("a").shutdown(shutdown);
            let supervisor = unlimited_restarts(Strategy::OneForOne).start_link().unwrap();
            let pid = supervisor.start_child(spec).unwrap();
            let monitor = process::monitor(pid);
            let before = Instant::now();
            stop_supervisor(&supervisor);
            assert!(before.elapsed() >= least);
            assert_eq!(down_reason(monitor), ExitReason::Killed);
        }
    }

    #[test]
    fn of_a_child_that_cannot_be_unwound_takes_its_time_and_its_grace_and_no_more() {
        let spec = ChildSpec::new("a", || {
            let options = proc_lib::StartOptions::new()
                .spawn_options(Builder::new().link().kill_grace(Duration::from_millis(5)));
            let start = |starter: proc_lib::Starter<Pid>| {
                starter.ack(process::self_pid());
                loop {
                    std::thread::park(); // Out of the runtime's reach.
                }
            };
            Ok(proc_lib::start_with(options, start)?)
        });
        let spec = spec.shutdown(Shutdown::Timeout(Duration::from_millis(5)));
        let supervisor = unlimited_restarts(Strategy::OneForOne).child(spec).start_link().unwrap();
        stop_supervisor(&supervisor);
    }

    // OTP: supervisor_SUITE:sup_stop_infinity
    #[test]
    fn ends_with_the_parent_for_its_reason() {
        for reason in [ExitReason::Normal, ExitReason::Shutdown, failure()] {
            let me = process::self_pid();
            let spec = child("a");
            let parent_reason = reason.clone();
            process::spawn(move || {
                let supervisor =
                    unlimited_restarts(Strategy::OneForOne).child(spec).start_link().unwrap();
                process::send(me, supervisor);
                expect::<()>();
                process::exit_self(parent_reason);
            })
            .map(|parent| {
                let supervisor = expect::<SupervisorRef>();
                let monitor = process::monitor(supervisor);
                process::send(parent, ());
                assert_eq!(expect_ended("a"), ExitReason::Shutdown);
                assert_eq!(down_reason(monitor), reason);
            })
            .unwrap();
        }
    }

    #[test]
    fn is_caused_by_the_parent_only() {
        let (supervisor, pids) = start_with_three(Strategy::OneForOne);
        let pid = supervisor.pid();
        in_process(move || process::exit(pid, failure()));
        supervisor_answers(&supervisor);
        process::send(pid, "an unexpected message");
        supervisor_answers(&supervisor);
        assert!(pids.into_iter().all(process::is_alive));
        stop_supervisor(&supervisor);
    }

    #[track_caller]
    fn supervisor_answers(supervisor: &SupervisorRef) {
        assert_eq!(supervisor.count_children().unwrap().active, 3);
    }
}

mod auto_shutdown {
    use super::*;

    fn significant(name: &'static str) -> ChildSpec<ServerRef<ObservedChild>> {
        child(name).restart(Restart::Transient).significant(true)
    }

    #[track_caller]
    fn start(auto_shutdown: AutoShutdown) -> (SupervisorRef, Pid, Pid, Pid) {
        let supervisor = unlimited_restarts(Strategy::OneForOne)
            .auto_shutdown(auto_shutdown)
            .child(significant("a"))
            .child(significant("b"))
            .child(child("c").restart(Restart::Transient))
            .start_link()
            .unwrap();
        (supervisor, expect_started("a"), expect_started("b"), expect_started("c"))
    }

    // OTP: supervisor_SUITE:significant_transient
    #[test]
    fn comes_with_the_first_significant_end() {
        let (supervisor, a, b, c) = start(AutoShutdown::AnySignificant);
        end_child_and_wait(c, ExitReason::Normal);
        end_child_and_wait(a, failure());
        expect_started("a"); // Restarted, which is no end.
        assert_eq!(supervisor.count_children().unwrap().active, 2);
        end_child(b, ExitReason::Normal);
        assert_eq!(expect_exit(supervisor.pid()), ExitReason::Shutdown);
    }

    // OTP: supervisor_SUITE:significant_temporary
    #[test]
    fn comes_with_the_last_significant_end() {
        let (supervisor, a, b, c) = start(AutoShutdown::AllSignificant);
        end_child_and_wait(a, ExitReason::Normal);
        assert_eq!(supervisor.count_children().unwrap().active, 2);
        end_child(b, ExitReason::Shutdown);
        assert_eq!(expect_exit(supervisor.pid()), ExitReason::Shutdown);
        assert_eq!(wait_for_exit(c), ExitReason::NoProc);
    }

    // OTP: supervisor_SUITE:significant_bystander
    #[test]
    fn does_not_come_with_a_bystander() {
        let supervisor = unlimited_restarts(Strategy::OneForAll)
            .auto_shutdown(AutoShutdown::AnySignificant)
            .child(child("a"))
            .child(significant("b"))
            .child(child("c").restart(Restart::Temporary).significant(true))
            .start_link()
            .unwrap();
        end_child(expect_started("a"), failure());
        expect_started("b");
        expect_started("b");
        assert_eq!(supervisor.count_children().unwrap().active, 2);
        stop_supervisor(&supervisor);
    }
}
