//! When a supervisor restarts children, stops them, and ends itself: a rule of OTP in each test.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use procession::prelude::*;
use procession::supervisor::{
    ChildSpec, Restart, Strategy, Supervisor, SupervisorError, SupervisorRef,
};
use procession::sys;
use procession::timer;

use crate::support::child::{
    ChildEnded, ChildStarted, ObservedChild, child, child_events, end_child, end_child_and_wait,
    expect_ended, expect_started, failure,
};
use crate::support::processes::idle_body;
use crate::support::supervision::{
    Fails, Go, HOUR, STRATEGIES, child_pid, child_states, flaky, hanging, hangs, process_child,
    start_with_three, stop_supervisor, unlimited_restarts, with_three,
};
use crate::support::wait::{down_reason, exit_and_wait, expect, expect_exit};

pub(crate) const NAMES: [&str; 3] = ["a", "b", "c"];

pub(crate) const NOTHING: [String; 0] = [];

pub(crate) fn orderly() -> [ExitReason; 3] {
    [ExitReason::Normal, ExitReason::Shutdown, ExitReason::shutdown_with("enough")]
}

pub(crate) fn transient(name: &'static str) -> ChildSpec<ServerRef<ObservedChild>> {
    child(name).restart(Restart::Transient)
}

pub(crate) fn temporary(name: &'static str) -> ChildSpec<ServerRef<ObservedChild>> {
    child(name).restart(Restart::Temporary)
}

/// A supervisor that allows so many restarts.
pub(crate) fn allowing(restarts: usize, strategy: Strategy) -> Supervisor {
    Supervisor::new(strategy).intensity(restarts, HOUR)
}

/// Ends several children while the supervisor does not look.
#[track_caller]
fn end_together(supervisor: &SupervisorRef, pids: &[Pid], reason: &ExitReason) {
    let sys = sys::of(supervisor);
    sys.suspend().unwrap();
    for pid in pids {
        end_child_and_wait(*pid, reason.clone());
    }
    sys.resume().unwrap();
}

mod a_restart {
    use super::*;

    /// What becomes of the three when one ends, and who keeps its process.
    #[track_caller]
    fn check(strategy: Strategy, ends: usize, expected: &[&str], kept: &[usize]) {
        let (supervisor, pids) = start_with_three(strategy);
        end_child_and_wait(pids[ends], failure());
        assert_eq!(child_states(&supervisor), ["+a", "+b", "+c"]);
        assert_eq!(child_events(), expected, "{strategy:?} {ends}");
        for (n, name) in NAMES.iter().enumerate() {
            let now = child_pid(&supervisor, name);
            assert_eq!(now == Some(pids[n]), kept.contains(&n), "{strategy:?} {ends} {name}");
            assert_eq!(process::is_alive(pids[n]), kept.contains(&n));
        }
        stop_supervisor(&supervisor);
        assert_eq!(child_events(), ["-c", "-b", "-a"]);
    }

    // OTP: supervisor_SUITE:one_for_one
    #[test]
    fn one_for_one_is_of_that_one_only() {
        check(Strategy::OneForOne, 0, &["-a", "+a"], &[1, 2]);
        check(Strategy::OneForOne, 1, &["-b", "+b"], &[0, 2]);
        check(Strategy::OneForOne, 2, &["-c", "+c"], &[0, 1]);
    }

    // OTP: supervisor_SUITE:one_for_all
    #[test]
    fn one_for_all_is_of_all_the_last_stopped_first() {
        check(Strategy::OneForAll, 0, &["-a", "-c", "-b", "+a", "+b", "+c"], &[]);
        check(Strategy::OneForAll, 1, &["-b", "-c", "-a", "+a", "+b", "+c"], &[]);
        check(Strategy::OneForAll, 2, &["-c", "-b", "-a", "+a", "+b", "+c"], &[]);
    }

    // OTP: supervisor_SUITE:rest_for_one
    #[test]
    fn rest_for_one_is_of_those_after_it() {
        check(Strategy::RestForOne, 0, &["-a", "-c", "-b", "+a", "+b", "+c"], &[]);
        check(Strategy::RestForOne, 1, &["-b", "-c", "+b", "+c"], &[0]);
        check(Strategy::RestForOne, 2, &["-c", "+c"], &[0, 1]);
    }

    // OTP: supervisor_SUITE:one_for_all, rest_for_one
    #[test]
    fn tells_the_others_to_shut_down() {
        for strategy in [Strategy::OneForAll, Strategy::RestForOne] {
            let (supervisor, [a, ..]) = start_with_three(strategy);
            end_child(a, failure());
            assert_eq!(expect_ended("c"), ExitReason::Shutdown);
            assert_eq!(expect_ended("b"), ExitReason::Shutdown);
            stop_supervisor(&supervisor);
        }
    }

    // OTP: supervisor_SUITE:temporary_bystander
    #[test]
    fn forgets_the_temporary_children_that_it_stops() {
        for (strategy, expected) in [
            (Strategy::OneForOne, vec!["+a", "+b", "+c"]),
            (Strategy::OneForAll, vec!["+b"]),
            (Strategy::RestForOne, vec!["+a", "+b"]),
        ] {
            let supervisor = unlimited_restarts(strategy)
                .child(temporary("a"))
                .child(child("b"))
                .child(temporary("c"))
                .start_link()
                .unwrap();
            end_child_and_wait(expect_started("b"), failure());
            assert_eq!(child_states(&supervisor), expected, "{strategy:?}");
            stop_supervisor(&supervisor);
            child_events();
        }
    }

    // `start_children` starts whatever is on the list.
    #[test]
    fn of_all_starts_also_those_that_were_stopped_or_had_ended() {
        for (strategy, first) in [(Strategy::OneForAll, "c"), (Strategy::RestForOne, "z")] {
            let supervisor = unlimited_restarts(strategy)
                .child(child("z"))
                .child(transient("a"))
                .child(child("b"))
                .child(child("c"))
                .start_link()
                .unwrap();
            end_child_and_wait(expect_started("a"), ExitReason::Normal);
            supervisor.terminate_child("b").unwrap();
            assert_eq!(child_states(&supervisor), ["+z", "-a", "-b", "+c"]);
            end_child_and_wait(child_pid(&supervisor, first).unwrap(), failure());
            assert_eq!(child_states(&supervisor), ["+z", "+a", "+b", "+c"]);
            stop_supervisor(&supervisor);
            child_events();
        }
    }

    // OTP: supervisor_SUITE:permanent_abnormal, transient_abnormal, temporary_abnormal
    #[test]
    fn comes_after_a_kill_as_after_any_failure() {
        for (restart, expected) in [
            (Restart::Permanent, vec!["+a"]),
            (Restart::Transient, vec!["+a"]),
            (Restart::Temporary, vec![]),
        ] {
            let spec = child("a").restart(restart);
            let supervisor =
                unlimited_restarts(Strategy::OneForOne).child(spec).start_link().unwrap();
            let first = expect_started("a");
            assert_eq!(exit_and_wait(first, ExitReason::Kill), ExitReason::Killed);
            assert_eq!(child_states(&supervisor), expected);
            assert_ne!(child_pid(&supervisor, "a"), Some(first));
            stop_supervisor(&supervisor);
            child_events();
        }
    }

    #[test]
    fn comes_after_a_panic_as_after_any_failure() {
        let me = process::self_pid();
        let spec = process_child("a", move || {
            process::send(me, process::self_pid());
            expect::<Go>();
            panic!("in a child");
        });
        let spec = spec.restart(Restart::Transient);
        let supervisor = unlimited_restarts(Strategy::OneForOne).child(spec).start_link().unwrap();
        let first = expect::<Pid>();
        process::send(first, Go);
        assert_ne!(expect::<Pid>(), first);
        stop_supervisor(&supervisor);
    }

    // OTP: supervisor_SUITE:one_for_all_other_child_fails_restart
    #[test]
    fn one_for_all_that_fails_at_another_stops_those_that_were_started() {
        let (flaky, fails) = flaky("b");
        let supervisor = unlimited_restarts(Strategy::OneForAll)
            .child(child("a"))
            .child(flaky)
            .child(child("c"))
            .start_link()
            .unwrap();
        let [a, ..] = NAMES.map(expect_started);
        fails.store(2, Ordering::SeqCst);
        end_child_and_wait(a, failure());
        let c = expect_started("c");
        assert_eq!(child_pid(&supervisor, "c"), Some(c));
        assert_eq!(child_states(&supervisor), ["+a", "+b", "+c"]);
        let expected = ["-a", "-c", "-b", "+a", "-a", "+a", "-a", "+a", "+b"];
        assert_eq!(child_events(), expected);
        stop_supervisor(&supervisor);
    }

    // OTP: supervisor_SUITE:rest_for_one_other_child_fails_restart
    #[test]
    fn rest_for_one_that_fails_at_another_goes_on_from_that() {
        let (flaky, fails) = flaky("c");
        let supervisor = unlimited_restarts(Strategy::RestForOne)
            .child(child("a"))
            .child(child("b"))
            .child(flaky)
            .child(child("d"))
            .start_link()
            .unwrap();
        let b = expect_started("b");
        child_events();
        fails.store(2, Ordering::SeqCst);
        end_child_and_wait(b, failure());
        let d = expect_started("d");
        assert_eq!(child_pid(&supervisor, "d"), Some(d));
        assert_eq!(child_events(), ["-b", "-d", "-c", "+b", "+c"]);
        stop_supervisor(&supervisor);
    }

    /// Brings a supervisor of three to where b cannot be restarted.
    #[track_caller]
    fn stuck_at_b(strategy: Strategy) -> (SupervisorRef, Fails) {
        let (flaky, fails) = flaky("b");
        let supervisor =
            unlimited_restarts(strategy).child(child("a")).child(flaky).child(child("c"));
        let supervisor = supervisor.start_link().unwrap();
        let [_, b, _] = NAMES.map(expect_started);
        fails.store(usize::MAX, Ordering::SeqCst);
        end_child_and_wait(b, failure());
        (supervisor, fails)
    }

    // OTP: supervisor_SUITE:hanging_restart_loop, hanging_restart_loop_rest_for_one
    #[test]
    fn that_fails_again_and_again_can_be_given_up() {
        for (strategy, meanwhile) in [
            (Strategy::OneForOne, ["+a", "?b", "+c"]),
            (Strategy::OneForAll, ["+a", "?b", "-c"]),
            (Strategy::RestForOne, ["+a", "?b", "-c"]),
        ] {
            let (supervisor, fails) = stuck_at_b(strategy);
            assert_eq!(child_states(&supervisor), meanwhile);
            assert_eq!(supervisor.restart_child("b"), Err(SupervisorError::Restarting));
            assert_eq!(supervisor.delete_child("b"), Err(SupervisorError::Restarting));
            assert_eq!(supervisor.terminate_child("b"), Ok(()));
            let then = meanwhile.map(|it| it.replace('?', "-"));
            assert_eq!(child_states(&supervisor), then);
            // The children that were to start after it are left as they are.
            fails.store(0, Ordering::SeqCst);
            supervisor.restart_child("b").unwrap();
            assert_eq!(child_states(&supervisor), then.map(|it| it.replace("-b", "+b")));
            stop_supervisor(&supervisor);
            child_events();
        }
    }

    // OTP: supervisor_SUITE:hanging_restart_loop
    #[test]
    fn that_fails_again_and_again_does_not_keep_the_supervisor_from_ending() {
        for strategy in STRATEGIES {
            let (supervisor, _fails) = stuck_at_b(strategy);
            stop_supervisor(&supervisor);
            // Its parent can end it as well.
            let me = process::self_pid();
            let parent = process::spawn(move || {
                let (supervisor, _fails) = stuck_at_b(strategy);
                process::send(me, supervisor.pid());
                idle_body();
            })
            .unwrap();
            let supervisor = process::monitor(expect::<Pid>());
            process::exit(parent, failure());
            assert_eq!(down_reason(supervisor), failure());
        }
    }

    // OTP: supervisor_SUITE:hanging_restart_loop_one_for_all
    #[test]
    fn of_all_includes_a_child_that_was_still_to_be_restarted() {
        for strategy in [Strategy::OneForAll, Strategy::RestForOne] {
            let (supervisor, fails) = stuck_at_b(strategy);
            let mut a = child_pid(&supervisor, "a").unwrap();
            sys::of(supervisor).suspend().unwrap();
            while let Some(message) = process::receive_match_timeout(Duration::ZERO, |it| {
                it.is::<ChildStarted>() || it.is::<ChildEnded>()
            }) {
                a = message.downcast().map_or(a, |ChildStarted(_, pid)| pid);
            }
            // The next try is in the mailbox; after it comes this.
            end_child_and_wait(a, failure());
            fails.store(0, Ordering::SeqCst);
            sys::of(supervisor).resume().unwrap();
            expect_started("c");
            assert_eq!(child_states(&supervisor), ["+a", "+b", "+c"]);
            stop_supervisor(&supervisor);
            child_events();
        }
    }

    // OTP: supervisor_SUITE:simple_one_for_one_restart_ignore
    #[test]
    fn goes_on_after_a_child_that_chooses_not_to_start_again() {
        for restart in [Restart::Permanent, Restart::Temporary] {
            let ignores = Arc::new(AtomicBool::new(false));
            let (flag, me) = (Arc::clone(&ignores), process::self_pid());
            let spec = ChildSpec::new("b", move || match flag.load(Ordering::SeqCst) {
                true => Err(StartError::Ignored),
                false => ObservedChild::start_link(("b", me)),
            });
            let supervisor = unlimited_restarts(Strategy::OneForAll)
                .child(child("a"))
                .child(spec.restart(restart))
                .child(child("c"))
                .start_link()
                .unwrap();
            let [a, ..] = NAMES.map(expect_started);
            ignores.store(true, Ordering::SeqCst);
            end_child_and_wait(a, failure());
            let forgotten = restart == Restart::Temporary;
            let expected = if forgotten { vec!["+a", "+c"] } else { vec!["+a", "-b", "+c"] };
            assert_eq!(child_states(&supervisor), expected);
            stop_supervisor(&supervisor);
            child_events();
        }
    }

    #[test]
    fn finds_a_child_that_was_added_later_in_its_place() {
        let (supervisor, [_, b, _]) = start_with_three(Strategy::RestForOne);
        supervisor.start_child(child("d")).unwrap();
        supervisor.terminate_child("a").unwrap();
        supervisor.delete_child("a").unwrap();
        supervisor.start_child(child("a")).unwrap();
        child_events();
        end_child_and_wait(b, failure());
        assert_eq!(child_states(&supervisor), ["+b", "+c", "+d", "+a"]);
        assert_eq!(child_events(), ["-b", "-a", "-d", "-c", "+b", "+c", "+d", "+a"]);
        stop_supervisor(&supervisor);
    }
}

mod the_intensity {
    use super::*;

    #[track_caller]
    fn has_given_up(supervisor: &SupervisorRef) {
        assert_eq!(expect_exit(supervisor.pid()), ExitReason::Shutdown);
        child_events();
    }

    // OTP: supervisor_SUITE:sup_start_map
    #[test]
    fn is_one_restart_unless_it_is_set() {
        let supervisor = Supervisor::one_for_one().child(child("a")).start_link().unwrap();
        end_child_and_wait(expect_started("a"), failure());
        assert_eq!(child_states(&supervisor), ["+a"]);
        end_child(expect_started("a"), failure());
        has_given_up(&supervisor);
    }

    // OTP: supervisor_SUITE:one_for_all
    #[test]
    fn counts_a_restart_of_several_children_as_one() {
        for strategy in [Strategy::OneForAll, Strategy::RestForOne] {
            let supervisor = with_three(allowing(2, strategy)).start_link().unwrap();
            for _ in 0..2 {
                let [a, ..] = NAMES.map(expect_started);
                end_child_and_wait(a, failure());
                assert_eq!(child_states(&supervisor), ["+a", "+b", "+c"]);
            }
            end_child(expect_started("a"), failure());
            has_given_up(&supervisor);
        }
    }

    // OTP: supervisor_SUITE:temporary_normal, transient_normal
    #[test]
    fn does_not_count_an_end_without_a_restart() {
        let supervisor = allowing(1, Strategy::OneForAll).child(child("z")).start_link().unwrap();
        for reason in orderly() {
            supervisor.start_child(transient("a")).unwrap();
            end_child_and_wait(expect_started("a"), reason.clone());
            supervisor.delete_child("a").unwrap();
        }
        for reason in orderly().into_iter().chain([failure()]) {
            supervisor.start_child(temporary("a")).unwrap();
            end_child_and_wait(expect_started("a"), reason);
        }
        for _ in 0..3 {
            supervisor.terminate_child("z").unwrap();
            supervisor.restart_child("z").unwrap();
        }
        // There is still one to be had, and no more.
        child_events();
        end_child_and_wait(child_pid(&supervisor, "z").unwrap(), failure());
        end_child(expect_started("z"), failure());
        has_given_up(&supervisor);
    }

    // OTP: supervisor_SUITE:permanent_normal
    #[test]
    fn counts_normal_ends_of_permanent_children() {
        for reason in orderly() {
            let supervisor = allowing(0, Strategy::OneForOne).child(child("a"));
            let supervisor = supervisor.start_link().unwrap();
            end_child(expect_started("a"), reason);
            has_given_up(&supervisor);
        }
    }

    // OTP: supervisor_SUITE:hanging_restart_loop
    #[test]
    fn counts_each_try() {
        for strategy in STRATEGIES {
            let tries = Arc::new(AtomicUsize::new(0));
            let (counted, me) = (Arc::clone(&tries), process::self_pid());
            let spec = ChildSpec::new("a", move || {
                let is_first = counted.fetch_add(1, Ordering::SeqCst) == 0;
                let first = is_first.then(|| ObservedChild::start_link(("a", me)));
                first.unwrap_or(Err(StartError::Failed(failure())))
            });
            let supervisor = allowing(5, strategy).child(spec).start_link().unwrap();
            end_child(expect_started("a"), failure());
            has_given_up(&supervisor);
            assert_eq!(tries.load(Ordering::SeqCst), 1 + 5, "{strategy:?}");
        }
    }

    // OTP: supervisor_SUITE:multiple_restarts
    #[test]
    fn forgets_restarts_that_are_older_than_its_period() {
        let period = Duration::from_millis(1);
        let supervisor =
            Supervisor::one_for_one().intensity(1, period).child(child("a")).start_link().unwrap();
        for _ in 0..20 {
            let pid = expect_started("a");
            timer::send_after(period * 3, process::self_pid(), Go);
            expect::<Go>();
            end_child(pid, failure());
        }
        expect_started("a");
        stop_supervisor(&supervisor);
    }

    // OTP: supervisor_SUITE:one_for_one_escalation, one_for_all_escalation,
    // rest_for_one_escalation
    #[test]
    fn exceeded_stops_the_remaining_children_the_last_first() {
        for strategy in STRATEGIES {
            let supervisor = with_three(allowing(0, strategy)).start_link().unwrap();
            let [_, b, _] = NAMES.map(expect_started);
            end_child(b, failure());
            assert_eq!(expect_exit(supervisor.pid()), ExitReason::Shutdown);
            assert_eq!(child_events(), ["-b", "-c", "-a"], "{strategy:?}");
        }
    }

    /// An inner supervisor that gives up at once, and what its outer one then has of it.
    #[track_caller]
    fn escalate(restart: Restart) -> (SupervisorRef, Pid) {
        let inner = with_three(allowing(0, Strategy::OneForOne)).child_spec("inner");
        let outer = unlimited_restarts(Strategy::RestForOne)
            .child(child("before"))
            .child(inner.restart(restart))
            .child(child("after"))
            .start_link()
            .unwrap();
        let inner = child_pid(&outer, "inner").unwrap();
        let monitor = process::monitor(inner);
        let a = expect_started("a");
        child_events();
        end_child(a, failure());
        assert_eq!(down_reason(monitor), ExitReason::Shutdown);
        (outer, inner)
    }

    // OTP: supervisor_SUITE:tree, permanent_shutdown, transient_shutdown, temporary_shutdown
    #[test]
    fn exceeded_is_an_end_that_the_next_supervisor_judges() {
        let (outer, first) = escalate(Restart::Permanent);
        assert_eq!(child_states(&outer), ["+before", "+inner", "+after"]);
        assert_ne!(child_pid(&outer, "inner"), Some(first));
        // The strategy of the outer one: also what comes after.
        let expected = ["-a", "-c", "-b", "-after", "+a", "+b", "+c", "+after"];
        assert_eq!(child_events(), expected);
        stop_supervisor(&outer);
        child_events();

        for (restart, expected) in [
            (Restart::Transient, vec!["+before", "-inner", "+after"]),
            (Restart::Temporary, vec!["+before", "+after"]),
        ] {
            let (outer, _) = escalate(restart);
            assert_eq!(child_states(&outer), expected);
            assert_eq!(child_events(), ["-a", "-c", "-b"]);
            stop_supervisor(&outer);
            child_events();
        }
    }

    // OTP: supervisor_SUITE:tree
    #[test]
    fn exceeded_at_every_level_ends_the_whole_tree() {
        let mut tree = allowing(0, Strategy::OneForOne).child(child("a"));
        for level in 0..5 {
            let inner = tree.child_spec(level.to_string());
            tree = allowing(0, Strategy::OneForOne).child(inner).child(child("b"));
        }
        let tree = tree.start_link().unwrap();
        end_child(expect_started("a"), failure());
        has_given_up(&tree);
    }

    // OTP: supervisor_SUITE:transient_abnormal
    #[test]
    fn does_not_matter_when_a_supervisor_is_killed() {
        let inner = allowing(0, Strategy::OneForOne).child(child("a")).child_spec("inner");
        let inner = inner.restart(Restart::Transient);
        let outer = unlimited_restarts(Strategy::OneForOne).child(inner).start_link().unwrap();
        expect_started("a");
        let first = child_pid(&outer, "inner").unwrap();
        exit_and_wait(first, ExitReason::Kill);
        assert_eq!(expect_ended("a"), ExitReason::Killed);
        assert!(child_pid(&outer, "inner").is_some_and(|second| second != first));
        expect_started("a");
        stop_supervisor(&outer);
    }
}

mod two_children_that_end_together {
    use super::*;

    /// Two of three end before the supervisor looks, which allows so many restarts.
    #[track_caller]
    fn check(strategy: Strategy, ends: [usize; 2], restarts: usize) {
        for allowed in [restarts - 1, restarts] {
            let supervisor = with_three(allowing(allowed, strategy)).start_link().unwrap();
            let pids = NAMES.map(expect_started);
            end_together(&supervisor, &ends.map(|n| pids[n]), &failure());
            if allowed == restarts {
                assert_eq!(child_states(&supervisor), ["+a", "+b", "+c"]);
                let now = NAMES.map(|name| child_pid(&supervisor, name).unwrap());
                assert!(now.into_iter().all(process::is_alive));
                assert!(ends.into_iter().all(|n| now[n] != pids[n]));
                stop_supervisor(&supervisor);
            } else {
                let reason = expect_exit(supervisor.pid());
                assert_eq!(reason, ExitReason::Shutdown, "{strategy:?} {ends:?}");
            }
            child_events();
        }
    }

    #[test]
    fn are_two_restarts_if_each_is_restarted_by_itself() {
        check(Strategy::OneForOne, [0, 1], 2);
        check(Strategy::OneForOne, [2, 1], 2);
    }

    #[test]
    fn are_one_restart_if_the_first_takes_the_other_with_it() {
        for ends in [[0, 1], [1, 0], [0, 2], [2, 0]] {
            check(Strategy::OneForAll, ends, 1);
        }
        check(Strategy::RestForOne, [0, 1], 1);
        check(Strategy::RestForOne, [1, 2], 1);
    }

    #[test]
    fn are_two_restarts_if_the_first_does_not_take_the_other_with_it() {
        check(Strategy::RestForOne, [1, 0], 2);
        check(Strategy::RestForOne, [2, 1], 2);
    }

    #[test]
    fn may_be_all_of_them() {
        for strategy in STRATEGIES {
            let (supervisor, pids) = start_with_three(strategy);
            end_together(&supervisor, &pids, &ExitReason::Normal);
            assert_eq!(child_states(&supervisor), ["+a", "+b", "+c"]);
            assert!(pids.into_iter().all(|pid| !process::is_alive(pid)));
            stop_supervisor(&supervisor);
            child_events();
        }
    }

    // What ends after it was found ended already is not restarted once more.
    #[test]
    fn are_restarted_once() {
        let (supervisor, pids) = start_with_three(Strategy::OneForAll);
        end_together(&supervisor, &pids, &failure());
        assert_eq!(child_states(&supervisor), ["+a", "+b", "+c"]);
        assert_eq!(child_events(), ["-a", "-b", "-c", "+a", "+b", "+c"]);
        stop_supervisor(&supervisor);
    }
}

mod a_child_that_ends_while_others_are_started {
    use super::*;

    /// Three children, of which c hangs while it is restarted with the others, meanwhile a ends.
    #[track_caller]
    fn check(strategy: Strategy, allowed: usize) -> SupervisorRef {
        let hangs_now = Arc::new(AtomicBool::new(false));
        let supervisor = allowing(allowed, strategy)
            .child(child("a"))
            .child(child("b"))
            .child(hanging("c", &hangs_now))
            .start_link()
            .unwrap();
        let [a, ..] = NAMES.map(expect_started);
        hangs_now.store(true, Ordering::SeqCst);
        end_child(a, failure());
        let c = hangs("c");
        hangs_now.store(false, Ordering::SeqCst);
        end_child_and_wait(expect_started("a"), failure());
        process::send(c, Go);
        supervisor
    }

    #[test]
    fn makes_the_restart_begin_again() {
        for strategy in [Strategy::OneForAll, Strategy::RestForOne] {
            let supervisor = check(strategy, 2);
            assert_eq!(child_states(&supervisor), ["+a", "+b", "+c"]);
            let expected = ["-a", "-c", "-b", "+b", "-a", "+c", "-c", "-b", "+a", "+b", "+c"];
            assert_eq!(child_events(), expected, "{strategy:?}");
            stop_supervisor(&supervisor);
            child_events();
        }
    }

    #[test]
    fn counts_as_one_more_restart() {
        for strategy in [Strategy::OneForAll, Strategy::RestForOne] {
            let supervisor = check(strategy, 1);
            assert_eq!(expect_exit(supervisor.pid()), ExitReason::Shutdown);
            child_events();
        }
    }

    #[test]
    fn at_the_start_of_the_supervisor_is_restarted_when_that_is_through() {
        let flag = Arc::new(AtomicBool::new(true));
        let supervisor =
            unlimited_restarts(Strategy::OneForOne).child(child("a")).child(hanging("b", &flag));
        let me = process::self_pid();
        process::spawn_link(move || {
            let supervisor = supervisor.start_link().unwrap();
            process::send(me, supervisor);
            idle_body();
        })
        .unwrap();
        let b = hangs("b");
        let first = expect_started("a");
        end_child_and_wait(first, failure());
        process::send(b, Go);
        let supervisor = expect::<SupervisorRef>();
        assert!(child_pid(&supervisor, "a").is_some_and(|second| second != first));
        assert_eq!(supervisor.stop(), Ok(()));
    }
}
