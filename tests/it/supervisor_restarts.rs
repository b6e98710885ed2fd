//! When a supervisor restarts children, stops them, and ends itself: a rule of OTP in each test.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use procession::prelude::*;
use procession::supervisor::{
    AutoShutdown, ChildSpec, ChildState, ChildType, Restart, Shutdown, Strategy, Supervisor,
    SupervisorError, SupervisorRef,
};
use procession::sys;
use procession::timer;

use crate::kid::*;
use crate::staging::OnDrop;
use crate::supervising::*;
use crate::support::*;

const NAMES: [&str; 3] = ["a", "b", "c"];

const NOTHING: [String; 0] = [];

fn orderly() -> [ExitReason; 3] {
    [ExitReason::Normal, ExitReason::Shutdown, ExitReason::shutdown_with("enough")]
}

fn transient(name: &'static str) -> ChildSpec<ServerRef<Kid>> {
    kid(name).restart(Restart::Transient)
}

fn temporary(name: &'static str) -> ChildSpec<ServerRef<Kid>> {
    kid(name).restart(Restart::Temporary)
}

/// A supervisor that allows so many restarts.
fn allowing(restarts: usize, strategy: Strategy) -> Supervisor {
    Supervisor::new(strategy).intensity(restarts, HOUR)
}

/// Ends several children while the supervisor does not look.
#[track_caller]
fn end_together(supervisor: &SupervisorRef, pids: &[Pid], reason: &ExitReason) {
    let sys = sys::of(supervisor);
    sys.suspend().unwrap();
    for pid in pids {
        end_and_wait(*pid, reason.clone());
    }
    sys.resume().unwrap();
}

mod a_restart {
    use super::*;

    /// What becomes of the three when one ends, and who keeps its process.
    #[track_caller]
    fn check(strategy: Strategy, ends: usize, expected: &[&str], kept: &[usize]) {
        let (supervisor, pids) = of_three(strategy);
        end_and_wait(pids[ends], failure());
        assert_eq!(states(&supervisor), ["+a", "+b", "+c"]);
        assert_eq!(story(), expected, "{strategy:?} {ends}");
        for (n, name) in NAMES.iter().enumerate() {
            let now = pid_of(&supervisor, name);
            assert_eq!(now == Some(pids[n]), kept.contains(&n), "{strategy:?} {ends} {name}");
            assert_eq!(process::is_alive(pids[n]), kept.contains(&n));
        }
        stop_supervisor(&supervisor);
        assert_eq!(story(), ["-c", "-b", "-a"]);
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
            let (supervisor, [a, ..]) = of_three(strategy);
            end(a, failure());
            assert_eq!(stopped("c"), ExitReason::Shutdown);
            assert_eq!(stopped("b"), ExitReason::Shutdown);
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
            let supervisor = patient(strategy)
                .child(temporary("a"))
                .child(kid("b"))
                .child(temporary("c"))
                .start_link()
                .unwrap();
            end_and_wait(started("b"), failure());
            assert_eq!(states(&supervisor), expected, "{strategy:?}");
            stop_supervisor(&supervisor);
            story();
        }
    }

    // `start_children` starts whatever is on the list.
    #[test]
    fn of_all_starts_also_those_that_were_stopped_or_had_ended() {
        for (strategy, first) in [(Strategy::OneForAll, "c"), (Strategy::RestForOne, "z")] {
            let supervisor = patient(strategy)
                .child(kid("z"))
                .child(transient("a"))
                .child(kid("b"))
                .child(kid("c"))
                .start_link()
                .unwrap();
            end_and_wait(started("a"), ExitReason::Normal);
            supervisor.terminate_child("b").unwrap();
            assert_eq!(states(&supervisor), ["+z", "-a", "-b", "+c"]);
            end_and_wait(pid_of(&supervisor, first).unwrap(), failure());
            assert_eq!(states(&supervisor), ["+z", "+a", "+b", "+c"]);
            stop_supervisor(&supervisor);
            story();
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
            let spec = kid("a").restart(restart);
            let supervisor = patient(Strategy::OneForOne).child(spec).start_link().unwrap();
            let first = started("a");
            assert_eq!(exit_and_wait(first, ExitReason::Kill), ExitReason::Killed);
            assert_eq!(states(&supervisor), expected);
            assert_ne!(pid_of(&supervisor, "a"), Some(first));
            stop_supervisor(&supervisor);
            story();
        }
    }

    #[test]
    fn comes_after_a_panic_as_after_any_failure() {
        let me = process::self_pid();
        let spec = plain("a", move || {
            process::send(me, process::self_pid());
            expect::<Go>();
            panic!("in a child");
        });
        let spec = spec.restart(Restart::Transient);
        let supervisor = patient(Strategy::OneForOne).child(spec).start_link().unwrap();
        let first = expect::<Pid>();
        process::send(first, Go);
        assert_ne!(expect::<Pid>(), first);
        stop_supervisor(&supervisor);
    }

    // OTP: supervisor_SUITE:one_for_all_other_child_fails_restart
    #[test]
    fn one_for_all_that_fails_at_another_stops_those_that_were_started() {
        let (flaky, fails) = flaky("b");
        let supervisor = patient(Strategy::OneForAll)
            .child(kid("a"))
            .child(flaky)
            .child(kid("c"))
            .start_link()
            .unwrap();
        let [a, ..] = NAMES.map(started);
        fails.store(2, Ordering::SeqCst);
        end_and_wait(a, failure());
        let c = started("c");
        assert_eq!(pid_of(&supervisor, "c"), Some(c));
        assert_eq!(states(&supervisor), ["+a", "+b", "+c"]);
        let expected = ["-a", "-c", "-b", "+a", "-a", "+a", "-a", "+a", "+b"];
        assert_eq!(story(), expected);
        stop_supervisor(&supervisor);
    }

    // OTP: supervisor_SUITE:rest_for_one_other_child_fails_restart
    #[test]
    fn rest_for_one_that_fails_at_another_goes_on_from_that() {
        let (flaky, fails) = flaky("c");
        let supervisor = patient(Strategy::RestForOne)
            .child(kid("a"))
            .child(kid("b"))
            .child(flaky)
            .child(kid("d"))
            .start_link()
            .unwrap();
        let b = started("b");
        story();
        fails.store(2, Ordering::SeqCst);
        end_and_wait(b, failure());
        let d = started("d");
        assert_eq!(pid_of(&supervisor, "d"), Some(d));
        assert_eq!(story(), ["-b", "-d", "-c", "+b", "+c"]);
        stop_supervisor(&supervisor);
    }

    /// Brings a supervisor of three to where b cannot be restarted.
    #[track_caller]
    fn stuck_at_b(strategy: Strategy) -> (SupervisorRef, Fails) {
        let (flaky, fails) = flaky("b");
        let supervisor = patient(strategy).child(kid("a")).child(flaky).child(kid("c"));
        let supervisor = supervisor.start_link().unwrap();
        let [_, b, _] = NAMES.map(started);
        fails.store(usize::MAX, Ordering::SeqCst);
        end_and_wait(b, failure());
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
            assert_eq!(states(&supervisor), meanwhile);
            assert_eq!(supervisor.restart_child("b"), Err(SupervisorError::Restarting));
            assert_eq!(supervisor.delete_child("b"), Err(SupervisorError::Restarting));
            assert_eq!(supervisor.terminate_child("b"), Ok(()));
            let then = meanwhile.map(|it| it.replace('?', "-"));
            assert_eq!(states(&supervisor), then);
            // Those that were to come after it are left where they are.
            fails.store(0, Ordering::SeqCst);
            supervisor.restart_child("b").unwrap();
            assert_eq!(states(&supervisor), then.map(|it| it.replace("-b", "+b")));
            stop_supervisor(&supervisor);
            story();
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
                process::send(me, supervisor.pid().unwrap());
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
    fn of_all_takes_one_that_was_still_to_be_restarted_with_it() {
        for strategy in [Strategy::OneForAll, Strategy::RestForOne] {
            let (supervisor, fails) = stuck_at_b(strategy);
            let mut a = pid_of(&supervisor, "a").unwrap();
            sys::of(&supervisor).suspend().unwrap();
            while let Some(message) = process::receive_match_timeout(Duration::ZERO, |it| {
                it.is::<Started>() || it.is::<Stopped>()
            }) {
                a = message.downcast().map_or(a, |Started(_, pid)| pid);
            }
            // The next try is in the mailbox; after it comes this.
            end_and_wait(a, failure());
            fails.store(0, Ordering::SeqCst);
            sys::of(&supervisor).resume().unwrap();
            started("c");
            assert_eq!(states(&supervisor), ["+a", "+b", "+c"]);
            stop_supervisor(&supervisor);
            story();
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
                false => Kid::start_link(("b", me)),
            });
            let supervisor = patient(Strategy::OneForAll)
                .child(kid("a"))
                .child(spec.restart(restart))
                .child(kid("c"))
                .start_link()
                .unwrap();
            let [a, ..] = NAMES.map(started);
            ignores.store(true, Ordering::SeqCst);
            end_and_wait(a, failure());
            let forgotten = restart == Restart::Temporary;
            let expected = if forgotten { vec!["+a", "+c"] } else { vec!["+a", "-b", "+c"] };
            assert_eq!(states(&supervisor), expected);
            stop_supervisor(&supervisor);
            story();
        }
    }

    #[test]
    fn finds_a_child_that_was_added_later_in_its_place() {
        let (supervisor, [_, b, _]) = of_three(Strategy::RestForOne);
        supervisor.start_child(kid("d")).unwrap();
        supervisor.terminate_child("a").unwrap();
        supervisor.delete_child("a").unwrap();
        supervisor.start_child(kid("a")).unwrap();
        story();
        end_and_wait(b, failure());
        assert_eq!(states(&supervisor), ["+b", "+c", "+d", "+a"]);
        assert_eq!(story(), ["-b", "-a", "-d", "-c", "+b", "+c", "+d", "+a"]);
        stop_supervisor(&supervisor);
    }
}

mod the_intensity {
    use super::*;

    #[track_caller]
    fn has_given_up(supervisor: &SupervisorRef) {
        assert_eq!(end_of(supervisor.pid().unwrap()), ExitReason::Shutdown);
        story();
    }

    // OTP: supervisor_SUITE:sup_start_map
    #[test]
    fn is_one_restart_unless_it_is_set() {
        let supervisor = Supervisor::one_for_one().child(kid("a")).start_link().unwrap();
        end_and_wait(started("a"), failure());
        assert_eq!(states(&supervisor), ["+a"]);
        end(started("a"), failure());
        has_given_up(&supervisor);
    }

    // OTP: supervisor_SUITE:one_for_all
    #[test]
    fn counts_a_restart_of_several_children_as_one() {
        for strategy in [Strategy::OneForAll, Strategy::RestForOne] {
            let supervisor = with_three(allowing(2, strategy)).start_link().unwrap();
            for _ in 0..2 {
                let [a, ..] = NAMES.map(started);
                end_and_wait(a, failure());
                assert_eq!(states(&supervisor), ["+a", "+b", "+c"]);
            }
            end(started("a"), failure());
            has_given_up(&supervisor);
        }
    }

    // OTP: supervisor_SUITE:temporary_normal, transient_normal
    #[test]
    fn does_not_count_an_end_without_a_restart() {
        let supervisor = allowing(1, Strategy::OneForAll).child(kid("z")).start_link().unwrap();
        for reason in orderly() {
            supervisor.start_child(transient("a")).unwrap();
            end_and_wait(started("a"), reason.clone());
            supervisor.delete_child("a").unwrap();
        }
        for reason in orderly().into_iter().chain([failure()]) {
            supervisor.start_child(temporary("a")).unwrap();
            end_and_wait(started("a"), reason);
        }
        for _ in 0..3 {
            supervisor.terminate_child("z").unwrap();
            supervisor.restart_child("z").unwrap();
        }
        // There is still one to be had, and no more.
        story();
        end_and_wait(pid_of(&supervisor, "z").unwrap(), failure());
        end(started("z"), failure());
        has_given_up(&supervisor);
    }

    // OTP: supervisor_SUITE:permanent_normal
    #[test]
    fn counts_normal_ends_of_permanent_children() {
        for reason in orderly() {
            let supervisor = allowing(0, Strategy::OneForOne).child(kid("a"));
            let supervisor = supervisor.start_link().unwrap();
            end(started("a"), reason);
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
                let first = is_first.then(|| Kid::start_link(("a", me)));
                first.unwrap_or(Err(StartError::Failed(failure())))
            });
            let supervisor = allowing(5, strategy).child(spec).start_link().unwrap();
            end(started("a"), failure());
            has_given_up(&supervisor);
            assert_eq!(tries.load(Ordering::SeqCst), 1 + 5, "{strategy:?}");
        }
    }

    // OTP: supervisor_SUITE:multiple_restarts
    #[test]
    fn forgets_restarts_that_are_older_than_its_period() {
        let period = Duration::from_millis(1);
        let supervisor =
            Supervisor::one_for_one().intensity(1, period).child(kid("a")).start_link().unwrap();
        for _ in 0..20 {
            let pid = started("a");
            timer::send_after(period * 3, process::self_pid(), Go);
            expect::<Go>();
            end(pid, failure());
        }
        started("a");
        stop_supervisor(&supervisor);
    }

    // OTP: supervisor_SUITE:one_for_one_escalation, one_for_all_escalation,
    // rest_for_one_escalation
    #[test]
    fn exceeded_stops_all_that_are_left_the_last_first() {
        for strategy in STRATEGIES {
            let supervisor = with_three(allowing(0, strategy)).start_link().unwrap();
            let [_, b, _] = NAMES.map(started);
            end(b, failure());
            assert_eq!(end_of(supervisor.pid().unwrap()), ExitReason::Shutdown);
            assert_eq!(story(), ["-b", "-c", "-a"], "{strategy:?}");
        }
    }

    /// An inner supervisor that gives up at once, and what its outer one then has of it.
    #[track_caller]
    fn escalate(restart: Restart) -> (SupervisorRef, Pid) {
        let inner = with_three(allowing(0, Strategy::OneForOne)).child_spec("inner");
        let outer = patient(Strategy::RestForOne)
            .child(kid("before"))
            .child(inner.restart(restart))
            .child(kid("after"))
            .start_link()
            .unwrap();
        let inner = pid_of(&outer, "inner").unwrap();
        let monitor = process::monitor(inner);
        let a = started("a");
        story();
        end(a, failure());
        assert_eq!(down_reason(monitor), ExitReason::Shutdown);
        (outer, inner)
    }

    // OTP: supervisor_SUITE:tree, permanent_shutdown, transient_shutdown, temporary_shutdown
    #[test]
    fn exceeded_is_an_end_that_the_next_supervisor_judges() {
        let (outer, first) = escalate(Restart::Permanent);
        assert_eq!(states(&outer), ["+before", "+inner", "+after"]);
        assert_ne!(pid_of(&outer, "inner"), Some(first));
        // The strategy of the outer one: also what comes after.
        let expected = ["-a", "-c", "-b", "-after", "+a", "+b", "+c", "+after"];
        assert_eq!(story(), expected);
        stop_supervisor(&outer);
        story();

        for (restart, expected) in [
            (Restart::Transient, vec!["+before", "-inner", "+after"]),
            (Restart::Temporary, vec!["+before", "+after"]),
        ] {
            let (outer, _) = escalate(restart);
            assert_eq!(states(&outer), expected);
            assert_eq!(story(), ["-a", "-c", "-b"]);
            stop_supervisor(&outer);
            story();
        }
    }

    // OTP: supervisor_SUITE:tree
    #[test]
    fn exceeded_at_every_level_ends_the_whole_tree() {
        let mut tree = allowing(0, Strategy::OneForOne).child(kid("a"));
        for level in 0..5 {
            let inner = tree.child_spec(level.to_string());
            tree = allowing(0, Strategy::OneForOne).child(inner).child(kid("b"));
        }
        let tree = tree.start_link().unwrap();
        end(started("a"), failure());
        has_given_up(&tree);
    }

    // OTP: supervisor_SUITE:transient_abnormal
    #[test]
    fn has_no_part_in_the_end_of_a_supervisor_that_was_killed() {
        let inner = allowing(0, Strategy::OneForOne).child(kid("a")).child_spec("inner");
        let inner = inner.restart(Restart::Transient);
        let outer = patient(Strategy::OneForOne).child(inner).start_link().unwrap();
        started("a");
        let first = pid_of(&outer, "inner").unwrap();
        exit_and_wait(first, ExitReason::Kill);
        assert_eq!(stopped("a"), ExitReason::Killed);
        assert!(pid_of(&outer, "inner").is_some_and(|second| second != first));
        started("a");
        stop_supervisor(&outer);
    }
}

mod two_that_end_together {
    use super::*;

    /// Two of three end before the supervisor looks, which allows so many restarts.
    #[track_caller]
    fn check(strategy: Strategy, ends: [usize; 2], restarts: usize) {
        for allowed in [restarts - 1, restarts] {
            let supervisor = with_three(allowing(allowed, strategy)).start_link().unwrap();
            let pids = NAMES.map(started);
            end_together(&supervisor, &ends.map(|n| pids[n]), &failure());
            if allowed == restarts {
                assert_eq!(states(&supervisor), ["+a", "+b", "+c"]);
                let now = NAMES.map(|name| pid_of(&supervisor, name).unwrap());
                assert!(now.into_iter().all(process::is_alive));
                assert!(ends.into_iter().all(|n| now[n] != pids[n]));
                stop_supervisor(&supervisor);
            } else {
                let reason = end_of(supervisor.pid().unwrap());
                assert_eq!(reason, ExitReason::Shutdown, "{strategy:?} {ends:?}");
            }
            story();
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
            let (supervisor, pids) = of_three(strategy);
            end_together(&supervisor, &pids, &ExitReason::Normal);
            assert_eq!(states(&supervisor), ["+a", "+b", "+c"]);
            assert!(pids.into_iter().all(|pid| !process::is_alive(pid)));
            stop_supervisor(&supervisor);
            story();
        }
    }

    // What ends after it was found ended already is not restarted once more.
    #[test]
    fn are_restarted_once() {
        let (supervisor, pids) = of_three(Strategy::OneForAll);
        end_together(&supervisor, &pids, &failure());
        assert_eq!(states(&supervisor), ["+a", "+b", "+c"]);
        assert_eq!(story(), ["-a", "-b", "-c", "+a", "+b", "+c"]);
        stop_supervisor(&supervisor);
    }
}

mod one_that_ends_while_others_are_started {
    use super::*;

    /// Three children, of which c hangs while it is restarted with the others, meanwhile a ends.
    #[track_caller]
    fn check(strategy: Strategy, allowed: usize) -> SupervisorRef {
        let hangs_now = Arc::new(AtomicBool::new(false));
        let supervisor = allowing(allowed, strategy)
            .child(kid("a"))
            .child(kid("b"))
            .child(hanging("c", &hangs_now))
            .start_link()
            .unwrap();
        let [a, ..] = NAMES.map(started);
        hangs_now.store(true, Ordering::SeqCst);
        end(a, failure());
        let c = hangs("c");
        hangs_now.store(false, Ordering::SeqCst);
        end_and_wait(started("a"), failure());
        process::send(c, Go);
        supervisor
    }

    #[test]
    fn begins_it_all_again() {
        for strategy in [Strategy::OneForAll, Strategy::RestForOne] {
            let supervisor = check(strategy, 2);
            assert_eq!(states(&supervisor), ["+a", "+b", "+c"]);
            let expected = ["-a", "-c", "-b", "+b", "-a", "+c", "-c", "-b", "+a", "+b", "+c"];
            assert_eq!(story(), expected, "{strategy:?}");
            stop_supervisor(&supervisor);
            story();
        }
    }

    #[test]
    fn is_one_restart_more() {
        for strategy in [Strategy::OneForAll, Strategy::RestForOne] {
            let supervisor = check(strategy, 1);
            assert_eq!(end_of(supervisor.pid().unwrap()), ExitReason::Shutdown);
            story();
        }
    }

    #[test]
    fn at_the_start_of_the_supervisor_is_restarted_when_that_is_through() {
        let flag = Arc::new(AtomicBool::new(true));
        let supervisor = patient(Strategy::OneForOne).child(kid("a")).child(hanging("b", &flag));
        let me = process::self_pid();
        process::spawn_link(move || {
            let supervisor = supervisor.start_link().unwrap();
            process::send(me, supervisor);
            idle_body();
        })
        .unwrap();
        let b = hangs("b");
        let first = started("a");
        end_and_wait(first, failure());
        process::send(b, Go);
        let supervisor = expect::<SupervisorRef>();
        assert!(pid_of(&supervisor, "a").is_some_and(|second| second != first));
        assert_eq!(supervisor.stop(), Ok(()));
    }
}

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
        let supervisor = patient(Strategy::OneForOne)
            .child(kid("a"))
            .child(slow.shutdown(Shutdown::Infinity).child_type(ChildType::Worker));
        let supervisor = supervisor.start_link().unwrap();
        let slow = pid_of(&supervisor, "slow").unwrap();
        let (_, stopping) = process::spawn_monitor({
            let supervisor = supervisor.clone();
            move || assert_eq!(supervisor.stop(), Ok(()))
        })
        .unwrap();
        assert_eq!(expect::<ExitReason>(), ExitReason::Shutdown);
        // Meanwhile the others are there.
        assert!(process::is_alive(started("a")));
        assert_eq!(story(), NOTHING);
        process::send(slow, Go);
        assert_eq!(down_reason(stopping), ExitReason::Normal);
        assert_eq!(stopped("a"), ExitReason::Shutdown);
    }

    // OTP: supervisor_SUITE:sup_stop_timeout
    #[test]
    fn kills_only_those_that_have_had_their_time() {
        let time = Shutdown::Timeout(Duration::from_millis(5));
        let supervisor = patient(Strategy::OneForOne)
            .child(kid("a"))
            .child(stubborn("x").shutdown(time))
            .child(kid("b"))
            .start_link()
            .unwrap();
        let monitors = ["a", "x", "b"].map(|id| process::monitor(pid_of(&supervisor, id).unwrap()));
        stop_supervisor(&supervisor);
        let [a, x, b] = monitors.map(down_reason);
        assert_eq!([a, b], [ExitReason::Shutdown, ExitReason::Shutdown]);
        assert_eq!(x, ExitReason::Killed);
    }

    // OTP: supervisor_SUITE:sup_stop_brutal_kill
    #[test]
    fn asks_nothing_of_those_that_are_killed() {
        let supervisor = patient(Strategy::OneForOne)
            .child(kid("a").shutdown(Shutdown::BrutalKill))
            .child(kid("b"))
            .start_link()
            .unwrap();
        let a = process::monitor(started("a"));
        stop_supervisor(&supervisor);
        assert_eq!(down_reason(a), ExitReason::Killed);
        assert_eq!(story(), ["+b", "-b"]);
    }

    // OTP: supervisor_SUITE:sup_stop_race, sup_stop_non_shutdown_exit_dynamic
    #[test]
    fn goes_on_over_children_that_end_by_themselves() {
        for reason in orderly().into_iter().chain([failure(), ExitReason::Kill]) {
            let (supervisor, [a, b, c]) = of_three(Strategy::OneForOne);
            let pid = supervisor.pid().unwrap();
            sys::of(&supervisor).suspend().unwrap();
            for ends in [a, c] {
                end_and_wait(ends, reason.clone());
            }
            // A suspended supervisor can be stopped, before it looks at what has ended.
            assert_eq!(supervisor.stop_with(failure(), HOUR), Ok(()));
            assert_eq!(end_of(pid), failure());
            assert_eq!(stopped("b"), ExitReason::Shutdown, "{reason}");
            assert!(!process::is_alive(b));
            assert_eq!(story(), ["-a", "-c"]);
        }
    }

    // OTP: supervisor_SUITE:sup_stop_infinity, sup_stop_timeout
    #[test]
    fn comes_with_a_parent_that_is_killed() {
        let (parent, supervisor) = under_a_parent(with_three(patient(Strategy::OneForAll)));
        let monitor = process::monitor(supervisor);
        process::exit(parent, ExitReason::Kill);
        assert_eq!(down_reason(monitor), ExitReason::Killed);
        for name in ["c", "b", "a"] {
            assert_eq!(stopped(name), ExitReason::Shutdown);
        }
    }

    /// Starts a supervisor with a parent that only waits.
    #[track_caller]
    fn under_a_parent(supervisor: Supervisor) -> (Pid, Pid) {
        let me = process::self_pid();
        let parent = process::spawn(move || {
            process::send(me, supervisor.start_link().unwrap().pid().unwrap());
            idle_body();
        });
        (parent.unwrap(), expect::<Pid>())
    }

    // OTP: supervisor_SUITE:child_unlink
    #[test]
    fn does_not_come_from_a_stranger_even_one_that_is_linked() {
        let (supervisor, pids) = of_three(Strategy::OneForAll);
        let pid = supervisor.pid().unwrap();
        let reasons = [ExitReason::Normal, ExitReason::Shutdown, failure(), ExitReason::Kill];
        for reason in reasons {
            let (_, monitor) = process::spawn_monitor(move || {
                process::link(pid);
                process::exit_self(reason);
            })
            .unwrap();
            down_reason(monitor);
            assert_eq!(states(&supervisor), ["+a", "+b", "+c"]);
        }
        assert_eq!(NAMES.map(|name| pid_of(&supervisor, name).unwrap()), pids);
        assert_eq!(story(), NOTHING);
        stop_supervisor(&supervisor);
    }

    #[test]
    fn by_a_kill_is_heard_of_by_the_children() {
        let (supervisor, _) = of_three(Strategy::OneForOne);
        let pid = supervisor.pid().unwrap();
        process::exit(pid, ExitReason::Kill);
        assert_eq!(end_of(pid), ExitReason::Killed);
        for name in NAMES {
            assert_eq!(stopped(name), ExitReason::Killed);
        }
    }

    // OTP: supervisor_SUITE:order_of_children, tree
    #[test]
    fn of_a_tree_ends_it_from_the_last_leaf_on() {
        let inner = |first, second| {
            patient(Strategy::OneForOne).child(kid(first)).child(kid(second)).child_spec(first)
        };
        let outer = patient(Strategy::OneForOne)
            .child(inner("a", "b"))
            .child(kid("c"))
            .child(inner("d", "e"))
            .start_link()
            .unwrap();
        assert_eq!(story(), ["+a", "+b", "+c", "+d", "+e"]);
        stop_supervisor(&outer);
        assert_eq!(story(), ["-e", "-d", "-c", "-b", "-a"]);
    }

    #[test]
    fn for_any_reason_is_a_shutdown_to_the_children() {
        process::set_trap_exit(true);
        for reason in [ExitReason::Normal, ExitReason::Shutdown, failure()] {
            let (supervisor, _) = of_three(Strategy::RestForOne);
            let pid = supervisor.pid().unwrap();
            assert_eq!(supervisor.stop_with(reason.clone(), HOUR), Ok(()));
            assert_eq!(end_of(pid), reason);
            for name in ["c", "b", "a"] {
                assert_eq!(stopped(name), ExitReason::Shutdown);
            }
        }
    }

    // The destructors of a child are done when its supervisor says that it is stopped.
    #[test]
    fn is_over_when_the_children_have_dropped_what_they_had() {
        let dropped = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&dropped);
        let body = move || {
            let _guard = OnDrop(|| _ = counted.fetch_add(1, Ordering::SeqCst));
            idle_body();
        };
        for shutdown in [Shutdown::Infinity, Shutdown::BrutalKill] {
            let supervisor = patient(Strategy::OneForOne)
                .child(plain("a", body.clone()).shutdown(shutdown))
                .child(plain("b", body.clone()).shutdown(shutdown))
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

    fn significant(name: &'static str, restart: Restart) -> ChildSpec<ServerRef<Kid>> {
        kid(name).restart(restart).significant(true)
    }

    /// Two significant children, a and b, and one that is not, z.
    #[track_caller]
    fn start(
        strategy: Strategy,
        auto_shutdown: AutoShutdown,
        restart: Restart,
    ) -> (SupervisorRef, [Pid; 3]) {
        let supervisor = patient(strategy)
            .auto_shutdown(auto_shutdown)
            .child(significant("a", restart))
            .child(kid("z"))
            .child(significant("b", restart))
            .start_link()
            .unwrap();
        (supervisor, ["a", "z", "b"].map(started))
    }

    #[track_caller]
    fn has_come(supervisor: &SupervisorRef) {
        assert_eq!(end_of(supervisor.pid().unwrap()), ExitReason::Shutdown);
    }

    // OTP: supervisor_SUITE:nonsignificant_temporary, nonsignificant_transient
    #[test]
    fn does_not_come_with_children_that_are_not_significant() {
        use AutoShutdown::{AllSignificant, AnySignificant, Never};
        for auto_shutdown in [Never, AnySignificant, AllSignificant] {
            let supervisor =
                patient(Strategy::OneForOne).auto_shutdown(auto_shutdown).start_link().unwrap();
            for reason in orderly().into_iter().chain([failure(), ExitReason::Killed]) {
                supervisor.start_child(temporary("a")).unwrap();
                end_and_wait(started("a"), reason);
                assert_eq!(states(&supervisor), NOTHING);
            }
            for reason in orderly() {
                supervisor.start_child(transient("a")).unwrap();
                end_and_wait(started("a"), reason);
                assert_eq!(states(&supervisor), ["-a"]);
                supervisor.delete_child("a").unwrap();
            }
            stop_supervisor(&supervisor);
            story();
        }
    }

    // OTP: supervisor_SUITE:significant_temporary
    #[test]
    fn of_any_comes_with_every_end_of_a_temporary_child() {
        for reason in orderly().into_iter().chain([failure(), ExitReason::Killed]) {
            let any = AutoShutdown::AnySignificant;
            let (supervisor, [a, ..]) = start(Strategy::OneForOne, any, Restart::Temporary);
            end(a, reason);
            has_come(&supervisor);
            assert_eq!(story(), ["-a", "-b", "-z"]);
        }
    }

    // OTP: supervisor_SUITE:significant_transient
    #[test]
    fn of_any_comes_with_an_orderly_end_of_a_transient_child_only() {
        let any = AutoShutdown::AnySignificant;
        for reason in orderly() {
            let (supervisor, [a, ..]) = start(Strategy::OneForOne, any, Restart::Transient);
            end_and_wait(a, failure());
            // Not before its start is through, which would fail.
            exit_and_wait(pid_of(&supervisor, "a").unwrap(), ExitReason::Kill);
            story();
            assert_eq!(states(&supervisor), ["+a", "+z", "+b"]);
            end(pid_of(&supervisor, "a").unwrap(), reason);
            has_come(&supervisor);
            story();
        }
    }

    // OTP: supervisor_SUITE:significant_temporary, significant_transient
    #[test]
    fn of_all_comes_with_the_last_of_them() {
        for restart in [Restart::Transient, Restart::Temporary] {
            for last in [0, 2] {
                let all = AutoShutdown::AllSignificant;
                let (supervisor, pids) = start(Strategy::OneForOne, all, restart);
                end_and_wait(pids[2 - last], ExitReason::Normal);
                assert_eq!(pid_of(&supervisor, "z"), Some(pids[1]));
                end(pids[last], ExitReason::Normal);
                has_come(&supervisor);
                assert_eq!(stopped("z"), ExitReason::Shutdown);
                story();
            }
        }
    }

    #[test]
    fn of_all_waits_for_one_that_is_still_to_be_restarted() {
        let (flaky, fails) = flaky("a");
        let supervisor = patient(Strategy::OneForOne)
            .auto_shutdown(AutoShutdown::AllSignificant)
            .child(flaky.restart(Restart::Transient).significant(true))
            .child(significant("b", Restart::Transient))
            .start_link()
            .unwrap();
        let [a, b] = ["a", "b"].map(started);
        fails.store(usize::MAX, Ordering::SeqCst);
        end_and_wait(a, failure());
        end_and_wait(b, ExitReason::Normal);
        assert_eq!(states(&supervisor), ["?a", "-b"]);
        fails.store(0, Ordering::SeqCst);
        end(started("a"), ExitReason::Normal);
        has_come(&supervisor);
    }

    // Only what ends by itself counts; what was stopped on request is gone all the same.
    #[test]
    fn does_not_come_with_what_was_stopped_on_request() {
        use AutoShutdown::{AllSignificant, AnySignificant};
        for restart in [Restart::Transient, Restart::Temporary] {
            for auto_shutdown in [AnySignificant, AllSignificant] {
                let (supervisor, [.., b]) = start(Strategy::OneForOne, auto_shutdown, restart);
                supervisor.terminate_child("a").unwrap();
                assert_eq!(supervisor.count_children().unwrap().active, 2);
                end(b, ExitReason::Normal);
                has_come(&supervisor);
                story();

                let (supervisor, _) = start(Strategy::OneForOne, auto_shutdown, restart);
                supervisor.terminate_child("a").unwrap();
                supervisor.terminate_child("b").unwrap();
                assert_eq!(supervisor.count_children().unwrap().active, 1);
                stop_supervisor(&supervisor);
                story();
            }
        }
    }

    // OTP: supervisor_SUITE:significant_bystander
    #[test]
    fn does_not_come_with_bystanders_of_a_restart() {
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
                    end_and_wait(z, failure());
                    assert_eq!(states(&supervisor), expected);
                    stop_supervisor(&supervisor);
                    story();
                }
            }
        }
    }

    // OTP: supervisor_SUITE:significant_escalation
    #[test]
    fn of_an_inner_supervisor_is_one_of_the_outer_if_it_is_significant_there() {
        for is_significant in [true, false] {
            let inner = patient(Strategy::OneForOne)
                .auto_shutdown(AutoShutdown::AnySignificant)
                .child(significant("a", Restart::Transient))
                .child_spec("inner")
                .restart(Restart::Transient)
                .significant(is_significant);
            let outer = patient(Strategy::OneForOne)
                .auto_shutdown(AutoShutdown::AnySignificant)
                .child(inner)
                .child(kid("b"))
                .start_link()
                .unwrap();
            let inner = process::monitor(pid_of(&outer, "inner").unwrap());
            end(started("a"), ExitReason::Normal);
            assert_eq!(down_reason(inner), ExitReason::Shutdown);
            if is_significant {
                has_come(&outer);
                assert_eq!(stopped("b"), ExitReason::Shutdown);
            } else {
                assert_eq!(states(&outer), ["-inner", "+b"]);
                stop_supervisor(&outer);
            }
            story();
        }
    }

    // OTP: supervisor_SUITE:significant_escalation
    #[test]
    fn of_a_permanent_inner_supervisor_is_followed_by_its_restart() {
        let inner = patient(Strategy::OneForOne)
            .auto_shutdown(AutoShutdown::AllSignificant)
            .child(significant("a", Restart::Temporary))
            .child_spec("inner");
        let outer = patient(Strategy::OneForOne).child(inner).start_link().unwrap();
        let inner = process::monitor(pid_of(&outer, "inner").unwrap());
        end(started("a"), failure());
        assert_eq!(down_reason(inner), ExitReason::Shutdown);
        started("a");
        assert_eq!(states(&outer), ["+inner"]);
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
        end_and_wait(started("a"), ExitReason::Normal);
        assert_eq!(state_of(&supervisor, "a"), Some(ChildState::Stopped));
        assert_eq!(states(&supervisor), ["-a", "+b"]);
        stop_supervisor(&supervisor);
    }
}
