//! Dynamic supervisors: what becomes of each child, and what is said of it.

use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use procession::dynamic_supervisor::{DynamicSupervisor, DynamicSupervisorRef};
use procession::prelude::*;
use procession::proc_lib;
use procession::supervisor::{
    ChildSpec, ChildState, ChildType, Restart, Shutdown, SpecError, Supervise, Supervised,
    Supervisor, SupervisorError, SupervisorInit,
};

use crate::support::calls::CallKind;
use crate::support::child::{
    ChildStarted, ObservedChild, child, child_state, end_child, end_child_and_wait, expect_ended,
    expect_started, failure,
};
use crate::support::drops::message_on_drop;
use crate::support::processes::{idle_body, in_process};
use crate::support::rounds::rounds;
use crate::support::supervision::{HOUR, never_ending, no_proc, start_dynamic, stop_dynamic};
use crate::support::wait::{down_reason, expect, expect_exit, test_timeout, wait_for_exit};

/// How many children there are, and how many of them run.
#[track_caller]
fn specs_and_active(supervisor: &DynamicSupervisorRef) -> (usize, usize) {
    let counts = supervisor.count_children().unwrap();
    (counts.specs, counts.active)
}

/// How a child starts.
#[derive(Clone, Copy, Debug)]
enum Start {
    Well,
    Ignored,
    Failing,
    Panicking,
}

/// How a child starts the next times; the last one holds for all times that follow.
type Plan = Arc<Mutex<VecDeque<Start>>>;

fn plan() -> Plan {
    Arc::new(Mutex::new([Start::Well].into()))
}

fn rewrite(plan: &Plan, starts: &[Start]) {
    *plan.lock() = starts.iter().copied().collect();
}

/// A child that starts as the plan says.
fn planned(plan: &Plan) -> ChildSpec<ServerRef<ObservedChild>> {
    let (plan, observer) = (Arc::clone(plan), process::self_pid());
    ChildSpec::new("a", move || {
        let next = {
            let mut plan = plan.lock();
            if plan.len() > 1 { plan.pop_front().unwrap() } else { plan[0] }
        };
        match next {
            Start::Well => ObservedChild::start_link(("a", observer)),
            Start::Ignored => Err(StartError::Ignored),
            Start::Failing => Err(StartError::Failed(failure())),
            Start::Panicking => panic!("in a start"),
        }
    })
}

/// A child that traps exits and does `body`.
fn trapping(body: impl Fn() + Send + Sync + 'static) -> ChildSpec<Pid> {
    let body = Arc::new(body);
    ChildSpec::new("trapping", move || {
        let body = Arc::clone(&body);
        let start = move |starter: proc_lib::Starter<Pid>| {
            process::set_trap_exit(true);
            starter.ack(process::self_pid());
            body();
        };
        Ok(proc_lib::start_link(start)?)
    })
}

/// Starts a child, and monitors it.
#[track_caller]
fn start_monitored(supervisor: &DynamicSupervisorRef, spec: ChildSpec<Pid>) -> MonitorRef {
    process::monitor(supervisor.start_child(spec).unwrap())
}

mod a_start {
    use super::*;

    // Elixir: dynamic_supervisor_test "with non-ok init"
    #[test]
    fn is_refused_with_a_period_of_zero() {
        let error = DynamicSupervisor::new().intensity(1, Duration::ZERO).start_link();
        let Err(StartError::Failed(reason)) = error else { panic!("{error:?}") };
        assert_eq!(reason.downcast_ref(), Some(&SpecError::ZeroPeriod));
    }

    // Elixir: dynamic_supervisor_test "set default options"
    #[test]
    fn begins_without_children() {
        let supervisor = DynamicSupervisor::new().start_link().unwrap();
        assert_eq!(supervisor.which_children().unwrap(), []);
        let counts = supervisor.count_children().unwrap();
        assert_eq!((counts.specs, counts.active), (0, 0));
        assert_eq!((counts.supervisors, counts.workers), (0, 0));
        stop_dynamic(&supervisor);
    }

    // Elixir: dynamic_supervisor_test "can be supervised directly", supervisor_test "start_link/3"
    #[test]
    fn under_a_name_is_found_by_it_until_it_has_been_stopped() {
        const NAME: &str = "dynamic_supervisor_rules::named";
        const CHILD: &str = "dynamic_supervisor_rules::named::child";
        let options = || StartOptions::new().name(NAME);
        let me = process::self_pid();
        let spec = ChildSpec::new("a", move || {
            ObservedChild::start_link_with(("a", me), StartOptions::new().name(CHILD))
        });
        let named = DynamicSupervisorRef::named(NAME);
        for _ in 0..rounds(50) {
            // A stop is through when the supervisor and its children are gone, so the names are
            // free again.
            let supervisor = DynamicSupervisor::new().start_link_with(options()).unwrap();
            let again = DynamicSupervisor::new().start_link_with(options());
            let holder = supervisor.pid();
            assert!(matches!(again, Err(StartError::AlreadyStarted(pid)) if pid == holder));
            named.start_child(spec.clone()).unwrap();
            assert_eq!(named.whereis(), Some(holder));
            stop_dynamic(&supervisor);
            assert_eq!((process::whereis(NAME), process::whereis(CHILD)), (None, None));
        }
        assert_eq!(named.which_children().kind(), Err(CallErrorKind::NoProc));
    }
}

mod start_child {
    use super::*;

    // Elixir: dynamic_supervisor_test "with different returns"
    #[test]
    fn returns_the_extra_value_of_the_child() {
        let (me, supervisor) = (process::self_pid(), start_dynamic());
        let spec =
            ChildSpec::new("a", move || Ok((ObservedChild::start_link(("a", me))?, "a word")));
        let (child, word) = supervisor.start_child(spec).unwrap();
        assert_eq!((child.pid(), word), (expect_started("a"), "a word"));
        stop_dynamic(&supervisor);
    }

    #[test]
    fn returns_the_pid_of_a_child_that_was_already_started() {
        let (me, supervisor) = (process::self_pid(), start_dynamic());
        let taken = ChildSpec::<Pid>::new("a", move || Err(StartError::AlreadyStarted(me)));
        let error = supervisor.start_child(taken).unwrap_err();
        assert_eq!(error, SupervisorError::AlreadyStarted(me));
        assert_eq!(specs_and_active(&supervisor), (0, 0));
        stop_dynamic(&supervisor);
    }

    // Elixir: dynamic_supervisor_test "with throw/error/exit"
    #[test]
    fn that_fails_leaves_the_other_children_alone() {
        let supervisor = start_dynamic();
        let other = supervisor.start_child(child("other")).unwrap().pid();
        for how in [Start::Ignored, Start::Failing, Start::Panicking] {
            let plan = plan();
            rewrite(&plan, &[how]);
            assert!(supervisor.start_child(planned(&plan)).is_err());
        }
        let children = supervisor.which_children().unwrap();
        assert_eq!(children.len(), 1);
        assert_eq!(children[0].state, ChildState::Running(other));
        assert_eq!(children[0].restarts, 0);
        stop_dynamic(&supervisor);
    }

    // Elixir: dynamic_supervisor_test "with max_children"
    #[test]
    fn finds_no_room_beside_a_child_that_is_to_be_started_again() {
        let supervisor =
            DynamicSupervisor::new().intensity(usize::MAX, HOUR).max_children(1).start_link();
        let (supervisor, plan) = (supervisor.unwrap(), plan());
        supervisor.start_child(planned(&plan)).unwrap();
        rewrite(&plan, &[Start::Failing]);
        let first = expect_started("a");
        end_child_and_wait(first, failure());
        assert_eq!(specs_and_active(&supervisor), (1, 0));
        assert_eq!(supervisor.start_child(child("b")).unwrap_err(), SupervisorError::MaxChildren);

        assert_eq!(supervisor.terminate_child(first), Ok(()));
        supervisor.start_child(child("b")).unwrap();
        stop_dynamic(&supervisor);
    }

    // Elixir: dynamic_supervisor_test "with max_children"
    #[test]
    fn finds_room_again_after_a_start_that_failed() {
        let supervisor = DynamicSupervisor::new().max_children(1).start_link().unwrap();
        let plan = plan();
        rewrite(&plan, &[Start::Ignored, Start::Failing, Start::Panicking, Start::Well]);
        for _ in 0..3 {
            assert!(supervisor.start_child(planned(&plan)).is_err());
        }
        supervisor.start_child(planned(&plan)).unwrap();
        stop_dynamic(&supervisor);
    }

    #[test]
    fn starts_no_more_children_than_there_is_room_for_many_callers() {
        const ROOM: usize = 20;
        let supervisor = DynamicSupervisor::new().max_children(ROOM).start_link().unwrap();
        let me = process::self_pid();
        for _ in 0..8 {
            let body = move || {
                let spec = ChildSpec::new("a", || Ok(process::spawn_link(idle_body)?));
                for _ in 0..5 {
                    process::send(me, supervisor.start_child(spec.clone()));
                }
            };
            process::spawn(body).unwrap();
        }
        let (mut pids, mut refused) = (BTreeSet::new(), 0);
        for _ in 0..40 {
            match expect::<Result<Pid, SupervisorError>>() {
                Ok(pid) => _ = pids.insert(pid),
                Err(error) => {
                    assert_eq!(error, SupervisorError::MaxChildren);
                    refused += 1;
                }
            }
        }
        assert_eq!((pids.len(), refused), (ROOM, 40 - ROOM));
        assert_eq!(specs_and_active(&supervisor), (ROOM, ROOM));
        stop_dynamic(&supervisor);
    }

    // OTP: supervisor_SUITE:simple_one_for_one_corruption
    #[test]
    fn keeps_nothing_for_a_temporary_child_also_after_another_has_died() {
        let (me, supervisor) = (process::self_pid(), start_dynamic());
        let temporary = |dropped: &'static str| {
            let guard = Arc::new(message_on_drop(move || process::send(me, dropped)));
            let spec = ChildSpec::new("a", move || {
                _ = &guard;
                ObservedChild::start_link(("a", me))
            });
            spec.restart(Restart::Temporary)
        };
        let first = supervisor.start_child(temporary("first")).unwrap().pid();
        assert_eq!(expect::<&str>(), "first");
        end_child_and_wait(first, failure());
        let second = supervisor.start_child(temporary("second")).unwrap().pid();
        assert_eq!(expect::<&str>(), "second");
        assert!(process::is_alive(second));
        stop_dynamic(&supervisor);
    }

    #[test]
    fn keeps_what_a_child_is_to_be_started_with_until_it_is_gone_for_good() {
        let (me, supervisor) = (process::self_pid(), start_dynamic());
        let guard = Arc::new(message_on_drop(move || process::send(me, "dropped")));
        let spec = ChildSpec::new("a", move || {
            _ = &guard;
            ObservedChild::start_link(("a", me))
        });
        supervisor.start_child(spec.restart(Restart::Transient)).unwrap();
        end_child(expect_started("a"), failure());
        let second = expect_started("a");
        assert_eq!(specs_and_active(&supervisor), (1, 1));
        receive! { "dropped" => panic!("it is still needed"), after Duration::ZERO => {} }
        end_child(second, ExitReason::Normal);
        assert_eq!(expect::<&str>(), "dropped");
        stop_dynamic(&supervisor);
    }
}

mod a_restart {
    use super::*;

    // Elixir: dynamic_supervisor_test "child is restarted with different values"
    #[test]
    fn at_which_the_child_chooses_not_to_start_forgets_it() {
        let (supervisor, plan) = (start_dynamic(), plan());
        supervisor.start_child(planned(&plan)).unwrap();
        rewrite(&plan, &[Start::Ignored]);
        let first = expect_started("a");
        end_child_and_wait(first, failure());
        assert_eq!(supervisor.which_children().unwrap(), []);
        assert_eq!(supervisor.terminate_child(first), Err(SupervisorError::NotFound));
        stop_dynamic(&supervisor);
    }

    // Elixir: dynamic_supervisor_test "child is restarted with different values"
    #[test]
    fn that_fails_or_panics_keeps_the_child_for_another_try() {
        for how in [Start::Failing, Start::Panicking] {
            let (supervisor, plan) = (start_dynamic(), plan());
            supervisor.start_child(planned(&plan)).unwrap();
            rewrite(&plan, &[how]);
            end_child_and_wait(expect_started("a"), failure());
            let child = supervisor.which_children().unwrap().remove(0);
            assert_eq!((child.id.as_str(), child.state), ("a", ChildState::Restarting));
            let counts = supervisor.count_children().unwrap();
            assert_eq!((counts.specs, counts.active, counts.workers), (1, 0, 1));

            rewrite(&plan, &[Start::Well]);
            let second = expect_started("a");
            let child = supervisor.which_children().unwrap().remove(0);
            assert_eq!((child.state, child.restarts), (ChildState::Running(second), 1));
            stop_dynamic(&supervisor);
        }
    }

    // Elixir: dynamic_supervisor_test "child is restarted when trying again"
    #[test]
    fn counts_each_try() {
        let supervisor = DynamicSupervisor::new().intensity(2, HOUR).start_link().unwrap();
        let plan = plan();
        supervisor.start_child(planned(&plan)).unwrap();
        rewrite(&plan, &[Start::Failing, Start::Well]);
        end_child(expect_started("a"), failure());
        let second = expect_started("a");
        assert_eq!(specs_and_active(&supervisor), (1, 1));
        end_child(second, failure());
        assert_eq!(expect_exit(supervisor.pid()), ExitReason::Shutdown);
    }

    // Elixir: dynamic_supervisor_test "child triggers maximum intensity when trying again"
    #[test]
    fn that_always_fails_makes_the_supervisor_give_up() {
        let supervisor = DynamicSupervisor::new().start_link().unwrap();
        let plan = plan();
        supervisor.start_child(child("other")).unwrap();
        supervisor.start_child(planned(&plan)).unwrap();
        // Three tries, by default; a fourth would be well.
        rewrite(&plan, &[Start::Failing, Start::Panicking, Start::Failing, Start::Well]);
        end_child(expect_started("a"), failure());
        assert_eq!(expect_exit(supervisor.pid()), ExitReason::Shutdown);
        assert_eq!(expect_ended("other"), ExitReason::Shutdown);
        assert_eq!(plan.lock().len(), 1);
    }

    // Elixir: dynamic_supervisor_test "terminates restarting child"
    #[test]
    fn does_not_come_any_more_for_a_child_that_was_terminated_meanwhile() {
        let (supervisor, plan) = (start_dynamic(), plan());
        supervisor.start_child(planned(&plan)).unwrap();
        rewrite(&plan, &[Start::Failing]);
        let first = expect_started("a");
        end_child_and_wait(first, failure());
        assert_eq!(specs_and_active(&supervisor), (1, 0));
        assert_eq!(supervisor.terminate_child(first), Ok(()));

        // The next try would be well, and before the next answer.
        rewrite(&plan, &[Start::Well]);
        assert_eq!(specs_and_active(&supervisor), (0, 0));
        assert_eq!(specs_and_active(&supervisor), (0, 0));
        stop_dynamic(&supervisor);
        receive! { it: ChildStarted => panic!("{it:?}"), after Duration::ZERO => {} }
    }

    #[test]
    fn of_one_child_leaves_the_others_alone() {
        let supervisor = start_dynamic();
        let others: BTreeSet<_> =
            (0..5).map(|_| supervisor.start_child(child("other")).unwrap().pid()).collect();
        supervisor.start_child(child("a")).unwrap();
        for n in 1..=10 {
            end_child_and_wait(expect_started("a"), failure());
            let children = supervisor.which_children().unwrap();
            let (ours, rest): (Vec<_>, _) = children.iter().partition(|child| child.id == "a");
            assert_eq!((ours.len(), ours[0].restarts), (1, n));
            let rest: Vec<_> = rest;
            assert_eq!(
                rest.iter().filter_map(|child| child.state.pid()).collect::<BTreeSet<_>>(),
                others
            );
            assert!(rest.iter().all(|child| child.restarts == 0));
        }
        stop_dynamic(&supervisor);
    }

    // OTP: supervisor_SUITE:simple_one_for_one_escalation
    #[test]
    fn of_a_supervisor_that_has_given_up_restores_none_of_its_children() {
        let spec = DynamicSupervisor::new().intensity(0, HOUR).child_spec("dynamic");
        assert_eq!(spec.policy().child_type, ChildType::Supervisor);
        assert_eq!(spec.policy().shutdown, Shutdown::Infinity);
        let outer = Supervisor::one_for_one().child(spec).start_link().unwrap();
        let now = || {
            let pid = child_state(&outer, "dynamic").and_then(ChildState::pid).unwrap();
            DynamicSupervisorRef::from_pid(pid)
        };
        let first = now();
        first.start_child(child("a")).unwrap();
        first.start_child(child("other")).unwrap();
        let monitor = process::monitor(first);
        end_child(expect_started("a"), failure());
        assert_eq!(down_reason(monitor), ExitReason::Shutdown);
        assert_eq!(expect_ended("other"), ExitReason::Shutdown);
        let second = now();
        assert_ne!(second, first);
        assert_eq!(second.which_children().unwrap(), []);
        outer.stop().unwrap();
    }
}

mod a_stop {
    use super::*;

    // Elixir: dynamic_supervisor_test "terminate/2" group
    #[test]
    fn gives_each_child_its_own_time_and_kills_only_children_that_exceed_it() {
        let supervisor = start_dynamic();
        let time = Shutdown::Timeout(Duration::from_millis(5));
        let lingering =
            supervisor.start_child(never_ending("never ending").shutdown(time)).unwrap();
        let first = process::monitor(lingering);
        // Ends only when the other one has been killed, for a reason of its own.
        let spec = trapping(move || {
            expect::<Exit>();
            process::exit_self(ExitReason::shutdown_with(wait_for_exit(lingering)));
        });
        let second = start_monitored(&supervisor, spec.shutdown(Shutdown::Timeout(HOUR)));
        stop_dynamic(&supervisor);
        assert_eq!(down_reason(first), ExitReason::Killed);
        let reason = down_reason(second);
        let seen: Option<&ExitReason> = reason.downcast_ref();
        // It may have looked when the other one was gone already.
        let expected = [Some(&ExitReason::Killed), Some(&ExitReason::NoProc)];
        assert!(expected.contains(&seen), "{reason:?}");
    }

    // Elixir: dynamic_supervisor_test "terminate/2" group
    #[test]
    fn lets_each_child_end_for_its_own_reason() {
        let supervisor = start_dynamic();
        let reasons = [ExitReason::Normal, failure(), ExitReason::shutdown_with("enough")];
        let monitors = reasons.clone().map(|reason| {
            let spec = trapping(move || {
                assert_eq!(expect::<Exit>().reason, ExitReason::Shutdown);
                process::exit_self(reason.clone());
            });
            start_monitored(&supervisor, spec.shutdown(Shutdown::Infinity))
        });
        stop_dynamic(&supervisor);
        assert_eq!(monitors.map(down_reason), reasons);
    }

    // Elixir: dynamic_supervisor_test "terminates with mixed children"
    #[test]
    fn ends_mixed_children_as_each_is_to_when_the_supervisor_has_given_up() {
        let supervisor = DynamicSupervisor::new().intensity(500, HOUR).start_link().unwrap();
        let brutal = start_monitored(
            &supervisor,
            never_ending("never ending").shutdown(Shutdown::BrutalKill),
        );
        let at_once = Shutdown::Timeout(Duration::from_millis(1));
        let lingering =
            start_monitored(&supervisor, never_ending("never ending").shutdown(at_once));
        let all_its_time =
            trapping(|| process::exit_self(expect::<Exit>().reason)).shutdown(Shutdown::Infinity);
        let good = start_monitored(&supervisor, all_its_time);
        let plan = plan();
        supervisor.start_child(planned(&plan)).unwrap();
        rewrite(&plan, &[Start::Failing]);
        end_child(expect_started("a"), failure());
        assert_eq!(expect_exit(supervisor.pid()), ExitReason::Shutdown);
        assert_eq!(down_reason(brutal), ExitReason::Killed);
        assert_eq!(down_reason(lingering), ExitReason::Killed);
        assert_eq!(down_reason(good), ExitReason::Shutdown);
    }

    // Elixir: dynamic_supervisor_test "terminates with mixed children"
    #[test]
    fn does_not_wait_for_a_child_that_is_to_be_started_again() {
        let (supervisor, plan) = (start_dynamic(), plan());
        supervisor.start_child(planned(&plan)).unwrap();
        let other = supervisor.start_child(child("other")).unwrap();
        let monitor = process::monitor(other);
        rewrite(&plan, &[Start::Failing]);
        end_child_and_wait(expect_started("a"), failure());
        assert_eq!(specs_and_active(&supervisor), (2, 1));
        stop_dynamic(&supervisor);
        assert_eq!(down_reason(monitor), ExitReason::Shutdown);
    }

    // OTP: supervisor_SUITE:child_specs
    #[test]
    fn after_no_time_at_all_ends_a_child_that_does_not_trap_and_kills_one_that_does() {
        let supervisor = start_dynamic();
        let no_time = Shutdown::Timeout(Duration::ZERO);
        let lingering =
            start_monitored(&supervisor, never_ending("never ending").shutdown(no_time));
        let soft = ChildSpec::new("soft", || Ok(process::spawn_link(idle_body)?));
        let soft = start_monitored(&supervisor, soft.shutdown(no_time));
        stop_dynamic(&supervisor);
        assert_eq!(down_reason(lingering), ExitReason::Killed);
        let reason = down_reason(soft);
        assert!([ExitReason::Shutdown, ExitReason::Killed].contains(&reason), "{reason}");
    }

    // OTP: supervisor_SUITE:child_unlink
    #[test]
    fn reaches_a_child_that_has_removed_the_link() {
        let supervisor = start_dynamic();
        let parent = supervisor.pid();
        let unlinked = move || {
            let start = move |starter: proc_lib::Starter<Pid>| {
                process::unlink(parent);
                starter.ack(process::self_pid());
                idle_body();
            };
            ChildSpec::new("a", move || Ok(proc_lib::start_link(start)?))
        };
        let child = supervisor.start_child(unlinked()).unwrap();
        assert_eq!(supervisor.terminate_child(child), Ok(()));
        assert!(!process::is_alive(child));
        let monitor = start_monitored(&supervisor, unlinked());
        stop_dynamic(&supervisor);
        assert_eq!(down_reason(monitor), ExitReason::Shutdown);
    }

    #[test]
    fn of_one_child_waits_until_it_is_gone_and_leaves_the_others_alone() {
        let supervisor = start_dynamic();
        let other = supervisor.start_child(child("other")).unwrap().pid();
        let child = supervisor.start_child(child("a")).unwrap().pid();
        assert_eq!(supervisor.terminate_child(child), Ok(()));
        assert!(!process::is_alive(child));
        assert_eq!(expect_ended("a"), ExitReason::Shutdown);
        assert_eq!(specs_and_active(&supervisor), (1, 1));
        assert!(process::is_alive(other));
        assert_eq!(supervisor.terminate_child(child), Err(SupervisorError::NotFound));
        let stranger = supervisor.terminate_child(process::self_pid());
        assert_eq!(stranger, Err(SupervisorError::NotFound));
        stop_dynamic(&supervisor);
    }

    #[test]
    fn comes_with_the_end_of_the_parent_for_its_reason() {
        for reason in [ExitReason::Normal, ExitReason::Shutdown, failure()] {
            let (me, spec, last) = (process::self_pid(), child("a"), reason.clone());
            let parent = process::spawn(move || {
                let supervisor = start_dynamic();
                supervisor.start_child(spec).unwrap();
                process::send(me, supervisor);
                expect::<()>();
                process::exit_self(last);
            });
            let supervisor = expect::<DynamicSupervisorRef>();
            let monitor = process::monitor(supervisor);
            process::send(parent.unwrap(), ());
            assert_eq!(expect_ended("a"), ExitReason::Shutdown);
            assert_eq!(down_reason(monitor), reason);
        }
    }

    #[test]
    fn by_a_kill_takes_the_children_along() {
        let supervisor = start_dynamic();
        supervisor.start_child(child("a")).unwrap();
        let soft = ChildSpec::new("soft", || Ok(process::spawn_link(idle_body)?));
        let soft = start_monitored(&supervisor, soft);
        process::exit(supervisor.pid(), ExitReason::Kill);
        assert_eq!(expect_exit(supervisor.pid()), ExitReason::Killed);
        assert_eq!(expect_ended("a"), ExitReason::Killed);
        assert_eq!(down_reason(soft), ExitReason::Killed);
    }

    #[test]
    fn does_not_come_from_strangers() {
        let supervisor = start_dynamic();
        let pid = supervisor.pid();
        let child = supervisor.start_child(child("a")).unwrap().pid();
        in_process(move || process::exit(pid, failure()));
        process::send(pid, "an unexpected message");
        assert_eq!(specs_and_active(&supervisor), (1, 1));
        assert!(process::is_alive(child));
        stop_dynamic(&supervisor);
    }

    #[test]
    fn may_be_for_any_reason() {
        let supervisor = start_dynamic();
        supervisor.start_child(child("a")).unwrap();
        assert_eq!(supervisor.stop_with(failure(), test_timeout()), Ok(()));
        assert_eq!(expect_exit(supervisor.pid()), failure());
        assert_eq!(expect_ended("a"), ExitReason::Shutdown);
    }
}

mod a_supervisor {
    use super::*;

    // Elixir: dynamic_supervisor_test "counts and returns children"
    #[test]
    fn counts_supervisors_workers_running_and_restarting_children() {
        let (supervisor, plan) = (start_dynamic(), plan());
        for _ in 0..3 {
            supervisor.start_child(Supervisor::one_for_one().child_spec("inner")).unwrap();
        }
        supervisor.start_child(child("b")).unwrap();
        supervisor.start_child(planned(&plan)).unwrap();
        rewrite(&plan, &[Start::Failing]);
        end_child_and_wait(expect_started("a"), failure());
        let counts = supervisor.count_children().unwrap();
        assert_eq!((counts.specs, counts.active), (5, 4));
        assert_eq!((counts.supervisors, counts.workers), (3, 2));

        let mut said: Vec<_> = supervisor
            .which_children()
            .unwrap()
            .into_iter()
            .map(|child| (child.id, child.child_type, child.state.pid().is_some()))
            .collect();
        said.sort_by(|one, other| one.0.cmp(&other.0));
        let said: Vec<_> =
            said.iter().map(|(id, kind, runs)| (id.as_str(), *kind, *runs)).collect();
        let inner = ("inner", ChildType::Supervisor, true);
        let [a, b] = [("a", ChildType::Worker, false), ("b", ChildType::Worker, true)];
        assert_eq!(said, [a, b, inner, inner, inner]);
        stop_dynamic(&supervisor);
    }

    #[test]
    fn that_has_ended_is_reported_as_noproc() {
        let supervisor = start_dynamic();
        stop_dynamic(&supervisor);
        assert_eq!(supervisor.start_child(child("a")).map(drop).kind(), no_proc());
        assert_eq!(supervisor.terminate_child(process::self_pid()).kind(), no_proc());
        assert_eq!(supervisor.count_children().kind(), no_proc());
        assert_eq!(supervisor.which_children().kind(), no_proc());
    }
}

/// What Elixir's `Supervisor` does beyond OTP's.
mod a_supervisor_with_an_order {
    use super::*;

    // Elixir: supervisor_test "init/2"; the intensity is OTP's.
    #[test]
    fn gives_up_at_the_second_restart_in_five_seconds() {
        let supervisor = Supervisor::one_for_one().child(child("a")).start_link().unwrap();
        let monitor = process::monitor(supervisor);
        end_child(expect_started("a"), failure());
        let second = expect_started("a");
        assert_eq!(supervisor.count_children().unwrap().active, 1);
        end_child(second, failure());
        assert_eq!(down_reason(monitor), ExitReason::Shutdown);
    }

    // OTP: supervisor_SUITE:do_not_save_start_parameters_for_temporary_children
    #[test]
    fn keeps_nothing_of_what_a_temporary_child_was_started_with() {
        let me = process::self_pid();
        let guard = Arc::new(message_on_drop(move || process::send(me, "dropped")));
        let spec = ChildSpec::new("a", move || {
            _ = &guard;
            ObservedChild::start_link(("a", me))
        });
        let supervisor = Supervisor::one_for_one().start_link().unwrap();
        supervisor.start_child(spec.restart(Restart::Temporary)).unwrap();
        assert_eq!(supervisor.count_children().unwrap().active, 1);
        receive! { "dropped" => {}, after Duration::ZERO => panic!("it is kept") }
        supervisor.stop().unwrap();
    }

    // OTP: a supervisor removes the link to a child when that is gone, not before.
    #[test]
    fn leaves_no_child_without_a_signal_when_it_is_killed_while_it_stops_that() {
        let me = process::self_pid();
        let spec = trapping(move || {
            process::send(me, expect::<Exit>().reason);
            process::send(me, expect::<Exit>().reason);
        });
        let spec = spec.shutdown(Shutdown::Infinity);
        let supervisor = Supervisor::one_for_one().child(spec).start_link().unwrap();
        let stopping = supervisor;
        process::spawn(move || _ = stopping.terminate_child("trapping")).unwrap();
        assert_eq!(expect::<ExitReason>(), ExitReason::Shutdown);
        process::exit(supervisor.pid(), ExitReason::Kill);
        assert_eq!(expect::<ExitReason>(), ExitReason::Killed);
    }

    struct Described;

    impl Supervise for Described {
        type Args = Pid;

        fn init(_: Pid) -> SupervisorInit {
            Ok(Some(Supervisor::rest_for_one()))
        }
    }

    // Elixir: supervisor_test "child_spec/2"
    #[test]
    fn keeps_a_child_spec_as_it_was_adjusted() {
        let me = process::self_pid();
        let of_server = ObservedChild::child_spec(("a", me));
        let of_supervisor = Described::child_spec(me);
        assert!(of_server.policy().id.ends_with("child::ObservedChild"));
        assert!(of_supervisor.policy().id.ends_with("Described"));

        let adjusted = of_server
            .id("adjusted")
            .restart(Restart::Transient)
            .shutdown(Shutdown::BrutalKill)
            .child_type(ChildType::Supervisor);
        let supervisor = Supervisor::one_for_one().child(of_supervisor).start_link().unwrap();
        supervisor.start_child(adjusted.clone()).unwrap();
        let kept = supervisor.get_child_spec("adjusted").unwrap();
        assert_eq!(kept, adjusted.policy());
        assert_eq!((kept.restart, kept.shutdown), (Restart::Transient, Shutdown::BrutalKill));
        assert_eq!(kept.child_type, ChildType::Supervisor);
        let children = supervisor.which_children().unwrap();
        assert_eq!((children[0].id.as_str(), children.len()), ("adjusted", 2));
        supervisor.stop().unwrap();
    }
}

/// A child's own code has the last word in the supervisor's process, too: when what it was started
/// with is dropped.
mod a_panic_in_a_destructor {
    use super::*;

    fn explosive() -> Arc<impl Send + Sync> {
        struct Explosive;
        impl Drop for Explosive {
            fn drop(&mut self) {
                panic!("in a destructor");
            }
        }
        Arc::new(Explosive)
    }

    fn with_explosive() -> ChildSpec<ServerRef<ObservedChild>> {
        let (me, explosive) = (process::self_pid(), explosive());
        ChildSpec::new("a", move || {
            _ = &explosive;
            ObservedChild::start_link(("a", me))
        })
    }

    #[test]
    fn of_what_a_temporary_child_was_started_with_does_not_end_the_supervisor() {
        let supervisor = start_dynamic();
        let child = supervisor.start_child(with_explosive().restart(Restart::Temporary));
        assert!(child.is_ok(), "{child:?}");
        assert_eq!(specs_and_active(&supervisor), (1, 1));
        stop_dynamic(&supervisor);
    }

    #[test]
    fn of_what_a_child_was_started_with_does_not_end_the_supervisor() {
        let supervisor = start_dynamic();
        supervisor.start_child(with_explosive().restart(Restart::Transient)).unwrap();
        end_child_and_wait(expect_started("a"), ExitReason::Normal);
        assert_eq!(specs_and_active(&supervisor), (0, 0));
        stop_dynamic(&supervisor);
    }

    /// What a start function returns, which nobody gets at a restart.
    struct Handle(ServerRef<ObservedChild>);

    impl Drop for Handle {
        fn drop(&mut self) {
            panic!("in a destructor");
        }
    }

    impl procession::supervisor::Child for Handle {
        fn child_pid(&self) -> Pid {
            self.0.pid()
        }
    }

    #[test]
    fn of_a_childs_handle_does_not_end_the_supervisor() {
        let (me, supervisor) = (process::self_pid(), start_dynamic());
        let spec = ChildSpec::new("a", move || Ok(Handle(ObservedChild::start_link(("a", me))?)));
        std::mem::forget(supervisor.start_child(spec).unwrap());
        end_child_and_wait(expect_started("a"), failure());
        assert_eq!(specs_and_active(&supervisor), (1, 1));
        stop_dynamic(&supervisor);
    }
}
