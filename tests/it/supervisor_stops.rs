//! How supervisors stop their children, and themselves.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use procession::prelude::*;
use procession::supervisor::{
    AutoShutdown, ChildSpec, ChildState, ChildType, Restart, Shutdown, Strategy, Supervisor,
    SupervisorRef,
};
use procession::sys;

use crate::supervisor_restarts::{NAMES, NOTHING, allowing, orderly, temporary, transient};
use crate::support::child::{
    ObservedChild, child, child_events, child_state, end_child, end_child_and_wait, expect_ended,
    expect_started, failure,
};
use crate::support::drops::OnDrop;
use crate::support::processes::idle_body;
use crate::support::supervision::{
    Go, HOUR, child_pid, child_states, flaky, never_ending, process_child, start_with_three,
    stop_supervisor, trapping, unlimited_restarts, with_three,
};
use crate::support::wait::{down_reason, exit_and_wait, expect, expect_exit};

mod a_stop {
    use super::*;

    // OTP: supervisor_SUITE:sup_stop_infinity
    #[test]
    fn waits_for_a_worker_that_has_all_the_time_it_takes() {
        let me = process::self_pid();
        let slow = trapping("slow", move || {
            process::send(me, expect::<Exit>().reason);
            expect::<Go>();
        });
        let supervisor = unlimited_restarts(Strategy::OneForOne)
            .child(child("a"))
            .child(slow.shutdown(Shutdown::Infinity).child_type(ChildType::Worker));
        let supervisor = supervisor.start_link().unwrap();
        let slow = child_pid(&supervisor, "slow").unwrap();
        let (_, stopping) =
            process::spawn_monitor(move || assert_eq!(supervisor.stop(), Ok(()))).unwrap();
        assert_eq!(expect::<ExitReason>(), ExitReason::Shutdown);
        // Meanwhile the others are there.
        assert!(process::is_alive(expect_started("a")));
        assert_eq!(child_events(), NOTHING);
        process::send(slow, Go);
        assert_eq!(down_reason(stopping), ExitReason::Normal);
        assert_eq!(expect_ended("a"), ExitReason::Shutdown);
    }

    // OTP: supervisor_SUITE:sup_stop_timeout
    #[test]
    fn kills_only_children_whose_time_is_over() {
        let time = Shutdown::Timeout(Duration::from_millis(5));
        let supervisor = unlimited_restarts(Strategy::OneForOne)
            .child(child("a"))
            .child(never_ending("x").shutdown(time))
            .child(child("b"))
            .start_link()
            .unwrap();
        let monitors =
            ["a", "x", "b"].map(|id| process::monitor(child_pid(&supervisor, id).unwrap()));
        stop_supervisor(&supervisor);
        let [a, x, b] = monitors.map(down_reason);
        assert_eq!([a, b], [ExitReason::Shutdown, ExitReason::Shutdown]);
        assert_eq!(x, ExitReason::Killed);
    }

    // OTP: supervisor_SUITE:sup_stop_brutal_kill
    #[test]
    fn does_not_ask_children_that_are_killed_to_shut_down() {
        let supervisor = unlimited_restarts(Strategy::OneForOne)
            .child(child("a").shutdown(Shutdown::BrutalKill))
            .child(child("b"))
            .start_link()
            .unwrap();
        let a = process::monitor(expect_started("a"));
        stop_supervisor(&supervisor);
        assert_eq!(down_reason(a), ExitReason::Killed);
        assert_eq!(child_events(), ["+b", "-b"]);
    }

    // OTP: supervisor_SUITE:sup_stop_race, sup_stop_non_shutdown_exit_dynamic
    #[test]
    fn goes_on_over_children_that_end_by_themselves() {
        for reason in orderly().into_iter().chain([failure(), ExitReason::Kill]) {
            let (supervisor, [a, b, c]) = start_with_three(Strategy::OneForOne);
            let pid = supervisor.pid();
            sys::of(supervisor).suspend().unwrap();
            for ends in [a, c] {
                end_child_and_wait(ends, reason.clone());
            }
            // A suspended supervisor can be stopped, before it looks at what has ended.
            assert_eq!(supervisor.stop_with(failure(), HOUR), Ok(()));
            assert_eq!(expect_exit(pid), failure());
            assert_eq!(expect_ended("b"), ExitReason::Shutdown, "{reason}");
            assert!(!process::is_alive(b));
            assert_eq!(child_events(), ["-a", "-c"]);
        }
    }

    // OTP: supervisor_SUITE:sup_stop_infinity, sup_stop_timeout
    #[test]
    fn comes_with_a_parent_that_is_killed() {
        let (parent, supervisor) =
            under_a_parent(with_three(unlimited_restarts(Strategy::OneForAll)));
        let monitor = process::monitor(supervisor);
        process::exit(parent, ExitReason::Kill);
        assert_eq!(down_reason(monitor), ExitReason::Killed);
        for name in ["c", "b", "a"] {
            assert_eq!(expect_ended(name), ExitReason::Shutdown);
        }
    }

    /// Starts a supervisor with a parent that only waits.
    #[track_caller]
    fn under_a_parent(supervisor: Supervisor) -> (Pid, Pid) {
        let me = process::self_pid();
        let parent = process::spawn(move || {
            process::send(me, supervisor.start_link().unwrap().pid());
            idle_body();
        });
        (parent.unwrap(), expect::<Pid>())
    }

    // OTP: supervisor_SUITE:child_unlink
    #[test]
    fn does_not_come_from_a_stranger_even_one_that_is_linked() {
        let (supervisor, pids) = start_with_three(Strategy::OneForAll);
        let pid = supervisor.pid();
        let reasons = [ExitReason::Normal, ExitReason::Shutdown, failure(), ExitReason::Kill];
        for reason in reasons {
            let (_, monitor) = process::spawn_monitor(move || {
                process::link(pid);
                process::exit_self(reason);
            })
            .unwrap();
            down_reason(monitor);
            assert_eq!(child_states(&supervisor), ["+a", "+b", "+c"]);
        }
        assert_eq!(NAMES.map(|name| child_pid(&supervisor, name).unwrap()), pids);
        assert_eq!(child_events(), NOTHING);
        stop_supervisor(&supervisor);
    }

    #[test]
    fn by_a_kill_is_heard_of_by_the_children() {
        let (supervisor, _) = start_with_three(Strategy::OneForOne);
        let pid = supervisor.pid();
        process::exit(pid, ExitReason::Kill);
        assert_eq!(expect_exit(pid), ExitReason::Killed);
        for name in NAMES {
            assert_eq!(expect_ended(name), ExitReason::Killed);
        }
    }

    // OTP: supervisor_SUITE:order_of_children, tree
    #[test]
    fn of_a_tree_ends_it_from_the_last_leaf_on() {
        let inner = |first, second| {
            unlimited_restarts(Strategy::OneForOne)
                .child(child(first))
                .child(child(second))
                .child_spec(first)
        };
        let outer = unlimited_restarts(Strategy::OneForOne)
            .child(inner("a", "b"))
            .child(child("c"))
            .child(inner("d", "e"))
            .start_link()
            .unwrap();
        assert_eq!(child_events(), ["+a", "+b", "+c", "+d", "+e"]);
        stop_supervisor(&outer);
        assert_eq!(child_events(), ["-e", "-d", "-c", "-b", "-a"]);
    }

    #[test]
    fn for_any_reason_is_a_shutdown_to_the_children() {
        process::set_trap_exit(true);
        for reason in [ExitReason::Normal, ExitReason::Shutdown, failure()] {
            let (supervisor, _) = start_with_three(Strategy::RestForOne);
            let pid = supervisor.pid();
            assert_eq!(supervisor.stop_with(reason.clone(), HOUR), Ok(()));
            assert_eq!(expect_exit(pid), reason);
            for name in ["c", "b", "a"] {
                assert_eq!(expect_ended(name), ExitReason::Shutdown);
            }
        }
    }

    // The destructors of a child are done when its supervisor says that it is stopped.
    #[test]
    fn is_over_when_the_children_have_dropped_their_states() {
        let dropped = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&dropped);
        let body = move || {
            let _guard = OnDrop(|| _ = counted.fetch_add(1, Ordering::SeqCst));
            idle_body();
        };
        for shutdown in [Shutdown::Infinity, Shutdown::BrutalKill] {
            let supervisor = unlimited_restarts(Strategy::OneForOne)
                .child(process_child("a", body.clone()).shutdown(shutdown))
                .child(process_child("b", body.clone()).shutdown(shutdown))
                .start_link()
                .unwrap();
            supervisor.terminate_child("a").unwrap();
            assert_eq!(dropped.swap(0, Ordering::SeqCst), 1);
            stop_supervisor(&supervisor);
            assert_eq!(dropped.swap(0, Ordering::SeqCst), 1);
        }
    }
}

mod an_auto_shutdown {
    use super::*;

    fn significant(name: &'static str, restart: Restart) -> ChildSpec<ServerRef<ObservedChild>> {
        child(name).restart(restart).significant(true)
    }

    /// Two significant children, a and b, and one that is not, z.
    #[track_caller]
    fn start(
        strategy: Strategy,
        auto_shutdown: AutoShutdown,
        restart: Restart,
    ) -> (SupervisorRef, [Pid; 3]) {
        let supervisor = unlimited_restarts(strategy)
            .auto_shutdown(auto_shutdown)
            .child(significant("a", restart))
            .child(child("z"))
            .child(significant("b", restart))
            .start_link()
            .unwrap();
        (supervisor, ["a", "z", "b"].map(expect_started))
    }

    #[track_caller]
    fn has_come(supervisor: &SupervisorRef) {
        assert_eq!(expect_exit(supervisor.pid()), ExitReason::Shutdown);
    }

    // OTP: supervisor_SUITE:nonsignificant_temporary, nonsignificant_transient
    #[test]
    fn is_not_caused_by_children_that_are_not_significant() {
        use AutoShutdown::{AllSignificant, AnySignificant, Never};
        for auto_shutdown in [Never, AnySignificant, AllSignificant] {
            let supervisor = unlimited_restarts(Strategy::OneForOne)
                .auto_shutdown(auto_shutdown)
                .start_link()
                .unwrap();
            for reason in orderly().into_iter().chain([failure(), ExitReason::Killed]) {
                supervisor.start_child(temporary("a")).unwrap();
                end_child_and_wait(expect_started("a"), reason);
                assert_eq!(child_states(&supervisor), NOTHING);
            }
            for reason in orderly() {
                supervisor.start_child(transient("a")).unwrap();
                end_child_and_wait(expect_started("a"), reason);
                assert_eq!(child_states(&supervisor), ["-a"]);
                supervisor.delete_child("a").unwrap();
            }
            stop_supervisor(&supervisor);
            child_events();
        }
    }

    // OTP: supervisor_SUITE:significant_temporary
    #[test]
    fn of_any_comes_with_every_end_of_a_temporary_child() {
        for reason in orderly().into_iter().chain([failure(), ExitReason::Killed]) {
            let any = AutoShutdown::AnySignificant;
            let (supervisor, [a, ..]) = start(Strategy::OneForOne, any, Restart::Temporary);
            end_child(a, reason);
            has_come(&supervisor);
            assert_eq!(child_events(), ["-a", "-b", "-z"]);
        }
    }

    // OTP: supervisor_SUITE:significant_transient
    #[test]
    fn of_any_comes_with_an_orderly_end_of_a_transient_child_only() {
        let any = AutoShutdown::AnySignificant;
        for reason in orderly() {
            let (supervisor, [a, ..]) = start(Strategy::OneForOne, any, Restart::Transient);
            end_child_and_wait(a, failure());
            // Not before its start is through, which would fail.
            exit_and_wait(child_pid(&supervisor, "a").unwrap(), ExitReason::Kill);
            child_events();
            assert_eq!(child_states(&supervisor), ["+a", "+z", "+b"]);
            end_child(child_pid(&supervisor, "a").unwrap(), reason);
            has_come(&supervisor);
            child_events();
        }
    }

    // OTP: supervisor_SUITE:significant_temporary, significant_transient
    #[test]
    fn of_all_comes_with_the_last_of_them() {
        for restart in [Restart::Transient, Restart::Temporary] {
            for last in [0, 2] {
                let all = AutoShutdown::AllSignificant;
                let (supervisor, pids) = start(Strategy::OneForOne, all, restart);
                end_child_and_wait(pids[2 - last], ExitReason::Normal);
                assert_eq!(child_pid(&supervisor, "z"), Some(pids[1]));
                end_child(pids[last], ExitReason::Normal);
                has_come(&supervisor);
                assert_eq!(expect_ended("z"), ExitReason::Shutdown);
                child_events();
            }
        }
    }

    #[test]
    fn of_all_waits_for_one_that_is_still_to_be_restarted() {
        let (flaky, fails) = flaky("a");
        let supervisor = unlimited_restarts(Strategy::OneForOne)
            .auto_shutdown(AutoShutdown::AllSignificant)
            .child(flaky.restart(Restart::Transient).significant(true))
            .child(significant("b", Restart::Transient))
            .start_link()
            .unwrap();
        let [a, b] = ["a", "b"].map(expect_started);
        fails.store(usize::MAX, Ordering::SeqCst);
        end_child_and_wait(a, failure());
        end_child_and_wait(b, ExitReason::Normal);
        assert_eq!(child_states(&supervisor), ["?a", "-b"]);
        fails.store(0, Ordering::SeqCst);
        end_child(expect_started("a"), ExitReason::Normal);
        has_come(&supervisor);
    }

    // Only what ends by itself counts; what was stopped on request is gone all the same.
    #[test]
    fn is_not_caused_by_children_that_were_stopped_on_request() {
        use AutoShutdown::{AllSignificant, AnySignificant};
        for restart in [Restart::Transient, Restart::Temporary] {
            for auto_shutdown in [AnySignificant, AllSignificant] {
                let (supervisor, [.., b]) = start(Strategy::OneForOne, auto_shutdown, restart);
                supervisor.terminate_child("a").unwrap();
                assert_eq!(supervisor.count_children().unwrap().active, 2);
                end_child(b, ExitReason::Normal);
                has_come(&supervisor);
                child_events();

                let (supervisor, _) = start(Strategy::OneForOne, auto_shutdown, restart);
                supervisor.terminate_child("a").unwrap();
                supervisor.terminate_child("b").unwrap();
                assert_eq!(supervisor.count_children().unwrap().active, 1);
                stop_supervisor(&supervisor);
                child_events();
            }
        }
    }

    // OTP: supervisor_SUITE:significant_bystander
    #[test]
    fn is_not_caused_by_bystanders_of_a_restart() {
        use AutoShutdown::{AllSignificant, AnySignificant};
        for auto_shutdown in [AnySignificant, AllSignificant] {
            for (strategy, transient, temporary) in [
                (Strategy::OneForAll, vec!["+a", "+z", "+b"], vec!["+z"]),
                (Strategy::RestForOne, vec!["+a", "+z", "+b"], vec!["+a", "+z"]),
            ] {
                for (restart, expected) in
                    [(Restart::Transient, transient), (Restart::Temporary, temporary)]
                {
                    let (supervisor, [_, z, _]) = start(strategy, auto_shutdown, restart);
                    end_child_and_wait(z, failure());
                    assert_eq!(child_states(&supervisor), expected);
                    stop_supervisor(&supervisor);
                    child_events();
                }
            }
        }
    }

    // OTP: supervisor_SUITE:significant_escalation
    #[test]
    fn of_an_inner_supervisor_is_one_of_the_outer_if_it_is_significant_there() {
        for is_significant in [true, false] {
            let inner = unlimited_restarts(Strategy::OneForOne)
                .auto_shutdown(AutoShutdown::AnySignificant)
                .child(significant("a", Restart::Transient))
                .child_spec("inner")
                .restart(Restart::Transient)
                .significant(is_significant);
            let outer = unlimited_restarts(Strategy::OneForOne)
                .auto_shutdown(AutoShutdown::AnySignificant)
                .child(inner)
                .child(child("b"))
                .start_link()
                .unwrap();
            let inner = process::monitor(child_pid(&outer, "inner").unwrap());
            end_child(expect_started("a"), ExitReason::Normal);
            assert_eq!(down_reason(inner), ExitReason::Shutdown);
            if is_significant {
                has_come(&outer);
                assert_eq!(expect_ended("b"), ExitReason::Shutdown);
            } else {
                assert_eq!(child_states(&outer), ["-inner", "+b"]);
                stop_supervisor(&outer);
            }
            child_events();
        }
    }

    // OTP: supervisor_SUITE:significant_escalation
    #[test]
    fn of_a_permanent_inner_supervisor_is_followed_by_its_restart() {
        let inner = unlimited_restarts(Strategy::OneForOne)
            .auto_shutdown(AutoShutdown::AllSignificant)
            .child(significant("a", Restart::Temporary))
            .child_spec("inner");
        let outer = unlimited_restarts(Strategy::OneForOne).child(inner).start_link().unwrap();
        let inner = process::monitor(child_pid(&outer, "inner").unwrap());
        end_child(expect_started("a"), failure());
        assert_eq!(down_reason(inner), ExitReason::Shutdown);
        expect_started("a");
        assert_eq!(child_states(&outer), ["+inner"]);
        stop_supervisor(&outer);
    }

    #[test]
    fn is_not_a_restart() {
        let supervisor = allowing(0, Strategy::OneForOne)
            .auto_shutdown(AutoShutdown::AllSignificant)
            .child(significant("a", Restart::Transient))
            .child(significant("b", Restart::Transient))
            .start_link()
            .unwrap();
        end_child_and_wait(expect_started("a"), ExitReason::Normal);
        assert_eq!(child_state(&supervisor, "a"), Some(ChildState::Stopped));
        assert_eq!(child_states(&supervisor), ["-a", "+b"]);
        stop_supervisor(&supervisor);
    }
}
