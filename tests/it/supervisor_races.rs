//! Children and supervisors that end at the very moment at which something is done with them.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use procession::Destination;
use procession::prelude::*;
use procession::proc_lib;
use procession::process::Builder;
use procession::report::{self, Report};
use procession::supervisor::{
    ChildSpec, ChildState, Restart, Strategy, Supervisor, SupervisorError, SupervisorRef,
};

use crate::support::calls::kind_of;
use crate::support::child::{child, child_events, expect_ended, expect_started, failure};
use crate::support::drops::OnDrop;
use crate::support::processes::{begun, idle_body};
use crate::support::rounds::{delay_by, rounds};
use crate::support::supervision::{
    Go, STRATEGIES, child_pid, child_states, hanging, hangs, start_empty, stop_supervisor,
    trapping, unlimited_restarts,
};
use crate::support::wait::{
    down_reason, exit_and_wait, expect, expect_exit, wait_for_exit, wait_until,
};

const NAMES: [&str; 3] = ["a", "b", "c"];

const NOTHING: [String; 0] = [];

/// How many children are alive.
#[derive(Clone, Default)]
struct Census(Arc<AtomicUsize>);

impl Census {
    fn count(&self) -> usize {
        self.0.load(Ordering::SeqCst)
    }

    /// A child that is counted.
    fn member(&self, id: &str) -> ChildSpec<Pid> {
        let census = self.clone();
        ChildSpec::new(id, move || {
            let Census(count) = census.clone();
            let start = move |starter: proc_lib::Starter<Pid>| {
                count.fetch_add(1, Ordering::SeqCst);
                let _guard = OnDrop(|| _ = count.fetch_sub(1, Ordering::SeqCst));
                starter.ack(process::self_pid());
                idle_body();
            };
            Ok(proc_lib::start_link(start)?)
        })
    }

    /// A supervisor of three that are counted.
    fn of_three(&self, supervisor: Supervisor) -> Supervisor {
        NAMES.into_iter().fold(supervisor, |it, name| it.child(self.member(name)))
    }

    /// Waits until just those are alive that the supervisor takes for running.
    #[track_caller]
    fn agrees_with(&self, supervisor: &SupervisorRef) {
        wait_until(|| {
            let children = supervisor.which_children().unwrap();
            let pids: Vec<_> = children.iter().filter_map(|it| it.state.pid()).collect();
            pids.iter().all(|pid| process::is_alive(*pid)) && self.count() == pids.len()
        });
    }
}

/// Sends an exit signal to a process, a little later in each round. Its own end says that it is
/// sent, and that of the other that it has worked.
#[must_use]
struct Blow {
    sent: MonitorRef,
    worked: MonitorRef,
}

impl Blow {
    fn to(pid: Pid, reason: ExitReason, round: usize) -> Blow {
        let worked = process::monitor(pid);
        let (_, sent) = process::spawn_monitor(move || {
            delay_by(round);
            process::exit(pid, reason);
        })
        .unwrap();
        Blow { sent, worked }
    }

    /// Waits until the process has ended. Then its supervisor has its exit.
    #[track_caller]
    fn wait(self) -> ExitReason {
        assert_eq!(down_reason(self.sent), ExitReason::Normal);
        down_reason(self.worked)
    }
}

mod a_child_that_ends_when {
    use super::*;

    // OTP: supervisor_SUITE:sup_stop_race
    #[test]
    fn it_is_stopped_is_stopped_once() {
        let census = Census::default();
        let supervisor = start_empty();
        let kinds = [Restart::Permanent, Restart::Transient, Restart::Temporary];
        for round in 0..rounds(2_000) {
            let restart = kinds[round % 3];
            let pid = supervisor.start_child(census.member("a").restart(restart)).unwrap();
            let blow = Blow::to(pid, failure(), round / 3);
            let outcome = supervisor.terminate_child("a");
            let reason = blow.wait();
            assert!([failure(), ExitReason::Shutdown].contains(&reason), "{reason}");
            assert_eq!(census.count(), 0);
            if restart == Restart::Temporary {
                // It may be gone before.
                assert!([Ok(()), Err(SupervisorError::NotFound)].contains(&outcome));
                assert_eq!(child_states(&supervisor), NOTHING);
            } else {
                assert_eq!(outcome, Ok(()));
                assert_eq!(child_states(&supervisor), ["-a"]);
                assert_eq!(supervisor.delete_child("a"), Ok(()));
            }
        }
        stop_supervisor(&supervisor);
    }

    // OTP: supervisor_SUITE:sup_stop_race
    #[test]
    fn it_is_stopped_is_reported_with_its_own_reason() {
        const NAME: &str = "supervisor_races::stopped";
        let is_lost = Arc::new(AtomicBool::new(false));
        let flag = Arc::clone(&is_lost);
        let handler = report::add_handler(move |report| {
            if let Report::Supervisor(it) = report
                && it.supervisor == Destination::from(NAME)
            {
                flag.fetch_or(it.reason != failure(), Ordering::SeqCst);
            }
        });
        let supervisor = unlimited_restarts(Strategy::OneForOne)
            .child(Census::default().member("a"))
            .start_link_with(StartOptions::new().name(NAME))
            .unwrap();
        for round in 0..rounds(2_000) {
            let blow = Blow::to(child_pid(&supervisor, "a").unwrap(), failure(), round);
            supervisor.terminate_child("a").unwrap();
            blow.wait();
            supervisor.restart_child("a").unwrap();
        }
        stop_supervisor(&supervisor);
        report::remove_handler(handler);
        assert!(!is_lost.load(Ordering::SeqCst), "how a child has ended was not known");
    }

    #[test]
    fn it_is_to_be_started_again_runs_at_most_once() {
        let census = Census::default();
        let spec = census.member("a").restart(Restart::Transient);
        let supervisor = unlimited_restarts(Strategy::OneForOne).child(spec).start_link().unwrap();
        for round in 0..rounds(1_000) {
            let pid = child_pid(&supervisor, "a").unwrap();
            let blow = Blow::to(pid, ExitReason::Shutdown, round);
            let outcome = supervisor.restart_child("a");
            blow.wait();
            match outcome {
                Ok(second) => assert_eq!(child_pid(&supervisor, "a"), Some(second)),
                Err(error) => {
                    assert_eq!(error, SupervisorError::Running);
                    assert_eq!(child_states(&supervisor), ["-a"]);
                    supervisor.restart_child("a").unwrap();
                }
            }
            assert_eq!(census.count(), 1);
        }
        stop_supervisor(&supervisor);
        assert_eq!(census.count(), 0);
    }

    #[test]
    fn it_is_to_be_deleted_is_deleted_if_it_has_ended() {
        let census = Census::default();
        let supervisor = start_empty();
        for round in 0..rounds(1_000) {
            let spec = census.member("a").restart(Restart::Transient);
            let pid = supervisor.start_child(spec).unwrap();
            let blow = Blow::to(pid, ExitReason::Shutdown, round);
            let outcome = supervisor.delete_child("a");
            blow.wait();
            if outcome.is_err() {
                assert_eq!(outcome, Err(SupervisorError::Running));
                assert_eq!(child_states(&supervisor), ["-a"]);
                assert_eq!(supervisor.delete_child("a"), Ok(()));
            }
            assert_eq!(child_states(&supervisor), NOTHING);
            assert_eq!(census.count(), 0);
        }
        stop_supervisor(&supervisor);
    }

    #[test]
    fn another_is_to_have_its_id_leaves_it_to_that() {
        let census = Census::default();
        let supervisor = start_empty();
        let spec = census.member("a").restart(Restart::Temporary);
        let mut pid = supervisor.start_child(spec.clone()).unwrap();
        for round in 0..rounds(1_000) {
            let blow = Blow::to(pid, failure(), round);
            let outcome = supervisor.start_child(spec.clone());
            blow.wait();
            pid = outcome.unwrap_or_else(|error| {
                assert_eq!(error, SupervisorError::AlreadyStarted(pid));
                assert_eq!(child_states(&supervisor), NOTHING);
                supervisor.start_child(spec.clone()).unwrap()
            });
            assert_eq!(child_pid(&supervisor, "a"), Some(pid));
            assert_eq!(census.count(), 1);
        }
        stop_supervisor(&supervisor);
    }

    // OTP: supervisor_SUITE:sup_stop_race
    #[test]
    fn its_supervisor_is_stopped_does_not_change_how_that_ends() {
        for round in 0..rounds(600) {
            let census = Census::default();
            let supervisor =
                census.of_three(unlimited_restarts(STRATEGIES[round % 3])).start_link().unwrap();
            let pid = child_pid(&supervisor, NAMES[round / 3 % 3]).unwrap();
            let blow = Blow::to(pid, failure(), round / 9);
            stop_supervisor(&supervisor);
            assert_eq!(census.count(), 0);
            blow.wait();
        }
    }

    // OTP: supervisor_SUITE:sup_stop_race
    #[test]
    fn the_parent_ends_leaves_nobody_behind() {
        for round in 0..rounds(600) {
            let census = Census::default();
            let supervisor = census.of_three(unlimited_restarts(STRATEGIES[round % 3]));
            let me = process::self_pid();
            let parent = process::spawn(move || {
                let supervisor = supervisor.start_link().unwrap();
                let child = child_pid(&supervisor, NAMES[round / 3 % 3]).unwrap();
                process::send(me, (supervisor.pid(), child));
                idle_body();
            })
            .unwrap();
            let (supervisor, child) = expect::<(Pid, Pid)>();
            let monitor = process::monitor(supervisor);
            let blow = Blow::to(child, failure(), round / 9);
            process::exit(parent, ExitReason::new("the parent's"));
            assert_eq!(down_reason(monitor), ExitReason::new("the parent's"));
            assert_eq!(census.count(), 0);
            blow.wait();
        }
    }
}

mod children_that_end_at_the_same_time {
    use super::*;

    #[track_caller]
    fn check(strategy: Strategy) {
        let census = Census::default();
        let supervisor = census.of_three(unlimited_restarts(strategy)).start_link().unwrap();
        for round in 0..rounds(500) {
            let pids = NAMES.map(|name| child_pid(&supervisor, name).unwrap());
            // Which two, and the first of them a little later than the other, or earlier.
            let [one, other] = [[0, 1], [1, 2], [0, 2]][round % 3].map(|n: usize| pids[n]);
            let blows = [Blow::to(one, failure(), round / 3), Blow::to(other, failure(), 32)];
            blows.map(Blow::wait).into_iter().for_each(drop);
            assert_eq!(child_states(&supervisor), ["+a", "+b", "+c"]);
            assert_eq!(census.count(), 3);
            let now = NAMES.map(|name| child_pid(&supervisor, name).unwrap());
            assert!(now.into_iter().all(process::is_alive));
            assert!(!now.contains(&one) && !now.contains(&other));
        }
        stop_supervisor(&supervisor);
        assert_eq!(census.count(), 0);
    }

    #[test]
    fn are_restarted_one_for_one() {
        check(Strategy::OneForOne);
    }

    #[test]
    fn are_restarted_one_for_all() {
        check(Strategy::OneForAll);
    }

    #[test]
    fn are_restarted_rest_for_one() {
        check(Strategy::RestForOne);
    }

    /// Whatever ends in the middle of a restart, in the end all are there.
    #[test]
    fn as_their_siblings_are_restarted_are_restarted_as_well() {
        for strategy in STRATEGIES {
            let census = Census::default();
            let supervisor = census.of_three(unlimited_restarts(strategy)).start_link().unwrap();
            let storms = [0, 1, 2].map(|n| {
                let storm = move || {
                    for round in 0..rounds(100) {
                        let name = NAMES[(n + round) % 3];
                        if let Some(pid) = child_pid(&supervisor, name) {
                            delay_by(round);
                            process::exit(pid, failure());
                        }
                    }
                };
                process::spawn_monitor(storm).unwrap().1
            });
            for storm in storms {
                assert_eq!(down_reason(storm), ExitReason::Normal);
            }
            wait_until(|| census.count() == 3);
            census.agrees_with(&supervisor);
            assert_eq!(child_states(&supervisor), ["+a", "+b", "+c"]);
            stop_supervisor(&supervisor);
            assert_eq!(census.count(), 0);
        }
    }

    /// The same, while others start, stop and delete them.
    #[test]
    fn as_they_are_managed_leave_nobody_behind() {
        for strategy in STRATEGIES {
            let census = Census::default();
            let supervisor = census.of_three(unlimited_restarts(strategy)).start_link().unwrap();
            let deeds = [0, 1, 2, 3].map(|n| {
                let (supervisor, census) = (supervisor, census.clone());
                let deeds = move || {
                    for round in 0..rounds(100) {
                        let name = NAMES[(n * 7 + round * 5) % 3];
                        match (n + round) % 4 {
                            0 => _ = supervisor.terminate_child(name),
                            1 => _ = supervisor.restart_child(name),
                            2 if round % 3 == 0 => _ = supervisor.delete_child(name),
                            2 => _ = supervisor.start_child(census.member(name)),
                            _ => {
                                if let Some(pid) = child_pid(&supervisor, name) {
                                    process::exit(pid, failure());
                                }
                            }
                        }
                    }
                };
                process::spawn_monitor(deeds).unwrap().1
            });
            for deeds in deeds {
                assert_eq!(down_reason(deeds), ExitReason::Normal);
            }
            census.agrees_with(&supervisor);
            stop_supervisor(&supervisor);
            assert_eq!(census.count(), 0);
        }
    }
}

mod a_supervisor_that_is_killed {
    use super::*;

    #[test]
    fn while_it_starts_its_children_leaves_none_behind() {
        for round in 0..rounds(600) {
            let census = Census::default();
            let me = process::self_pid();
            let first = ChildSpec::<Pid>::new("first", move || {
                process::send(me, process::self_pid());
                Err(StartError::Ignored)
            });
            let strategy = STRATEGIES[round % 3];
            let supervisor = census.of_three(unlimited_restarts(strategy).child(first));
            let starter = move || {
                process::set_trap_exit(true);
                match supervisor.start_link() {
                    Ok(supervisor) => {
                        assert_eq!(expect_exit(supervisor.pid()), ExitReason::Killed)
                    }
                    Err(StartError::Failed(reason)) => assert_eq!(reason, ExitReason::Killed),
                    Err(error) => panic!("{error:?}"),
                }
            };
            let (_, starter) = process::spawn_monitor(starter).unwrap();
            let supervisor = expect::<Pid>();
            let blow = Blow::to(supervisor, ExitReason::Kill, round / 3);
            assert_eq!(blow.wait(), ExitReason::Killed);
            assert_eq!(down_reason(starter), ExitReason::Normal);
            wait_until(|| census.count() == 0);
        }
    }

    #[test]
    fn while_a_start_hangs_takes_that_with_it() {
        let flag = Arc::new(AtomicBool::new(true));
        let supervisor = start_empty();
        supervisor.start_child(child("a")).unwrap();
        let spec = hanging("b", &flag);
        let asking = supervisor;
        let (_, asking) = process::spawn_monitor(move || {
            let error = asking.start_child(spec).unwrap_err();
            let down = CallErrorKind::Down(ExitReason::Killed);
            assert_eq!(kind_of(error), down);
        })
        .unwrap();
        let hanging = process::monitor(hangs("b"));
        let pid = supervisor.pid();
        process::exit(pid, ExitReason::Kill);
        assert_eq!(expect_exit(pid), ExitReason::Killed);
        assert_eq!(down_reason(hanging), ExitReason::Killed);
        assert_eq!(down_reason(asking), ExitReason::Normal);
        assert_eq!(expect_ended("a"), ExitReason::Killed);
    }

    // OTP: `shutdown/1` removes the link when the child has ended, not before.
    #[test]
    fn while_it_waits_for_the_end_of_a_child_is_heard_of_by_that() {
        let me = process::self_pid();
        let spec = trapping("a", move || {
            loop {
                process::send(me, expect::<Exit>().reason);
            }
        });
        let supervisor = unlimited_restarts(Strategy::OneForOne).child(spec).start_link().unwrap();
        let (pid, child) = (supervisor.pid(), child_pid(&supervisor, "a").unwrap());
        let asking = process::spawn(move || _ = supervisor.terminate_child("a")).unwrap();
        assert_eq!(expect::<ExitReason>(), ExitReason::Shutdown);
        exit_and_wait(pid, ExitReason::Kill);
        assert_eq!(expect::<ExitReason>(), ExitReason::Killed);
        exit_and_wait(child, ExitReason::Kill);
        wait_for_exit(asking);
    }

    // OTP: supervisor_SUITE:tree
    #[test]
    fn as_its_children_end_is_there_again_with_all_of_them() {
        let census = Census::default();
        let inner = census.of_three(unlimited_restarts(Strategy::OneForAll)).child_spec("inner");
        let outer = unlimited_restarts(Strategy::OneForOne).child(inner).start_link().unwrap();
        for round in 0..rounds(300) {
            let inner = SupervisorRef::from_pid(child_pid(&outer, "inner").unwrap());
            let child = child_pid(&inner, NAMES[round % 3]).unwrap();
            let blows = [
                Blow::to(child, failure(), round / 3),
                Blow::to(inner.pid(), ExitReason::Kill, 32),
            ];
            blows.map(Blow::wait).into_iter().for_each(drop);
            let again = SupervisorRef::from_pid(child_pid(&outer, "inner").unwrap());
            assert_ne!(again, inner);
            assert_eq!(child_states(&again), ["+a", "+b", "+c"]);
            // The children of the supervisor before have heard of its end, in their time.
            wait_until(|| census.count() == 3);
        }
        stop_supervisor(&outer);
        assert_eq!(census.count(), 0);
    }
}

mod a_parent_that_ends {
    use super::*;

    // OTP: supervisor_SUITE:sup_stop_infinity
    #[test]
    fn while_the_start_of_a_child_hangs_is_heard_of_after_that() {
        let flag = Arc::new(AtomicBool::new(true));
        let supervisor =
            unlimited_restarts(Strategy::OneForOne).child(child("a")).child(hanging("b", &flag));
        let parent = process::spawn(move || _ = supervisor.start_link()).unwrap();
        let b = hangs("b");
        let [parents, supervisors] = [parent, parent_of(b)].map(process::monitor);
        process::exit(parent, failure());
        assert_eq!(down_reason(parents), failure());
        process::send(b, Go);
        assert_eq!(down_reason(supervisors), failure());
        // Nothing was stopped before all were started.
        assert_eq!(child_events(), ["+a", "+b", "-b", "-a"]);
    }

    /// The process that has started it.
    fn parent_of(pid: Pid) -> Pid {
        process::info(pid).unwrap().ancestors[0]
    }

    #[test]
    fn while_a_restart_hangs_is_heard_of_after_that() {
        for strategy in STRATEGIES {
            let flag = Arc::new(AtomicBool::new(false));
            let supervisor =
                unlimited_restarts(strategy).child(hanging("a", &flag)).child(child("b"));
            let (parent, _) = begun(Builder::new(), move || {
                _ = supervisor.start_link().unwrap();
                idle_body();
            });
            let a = expect_started("a");
            expect_started("b");
            let supervisor = process::monitor(parent_of(a));
            flag.store(true, Ordering::SeqCst);
            // It traps exits, but ends with the first that it gets.
            exit_and_wait(a, failure());
            let a = hangs("a");
            exit_and_wait(parent, failure());
            process::send(a, Go);
            assert_eq!(down_reason(supervisor), failure());
            assert_eq!(expect_ended("a"), failure());
            assert_eq!(expect_ended("a"), ExitReason::Shutdown);
            child_events();
        }
    }

    #[test]
    fn while_children_are_started_leaves_none_behind() {
        for round in 0..rounds(600) {
            let census = Census::default();
            let me = process::self_pid();
            let first = ChildSpec::<Pid>::new("first", move || {
                process::send(me, process::self_pid());
                Err(StartError::Ignored)
            });
            let supervisor = census.of_three(unlimited_restarts(Strategy::OneForOne).child(first));
            let parent = process::spawn(move || {
                _ = supervisor.start_link();
                idle_body();
            })
            .unwrap();
            let supervisor = process::monitor(expect::<Pid>());
            let blow = Blow::to(parent, failure(), round);
            assert_eq!(blow.wait(), failure());
            assert_eq!(down_reason(supervisor), failure());
            assert_eq!(census.count(), 0);
        }
    }
}

// A child whose end and whose stop cross leaves no word of it behind in the mailbox.
#[test]
fn a_supervisor_has_an_empty_mailbox_after_all_of_it() {
    let census = Census::default();
    let supervisor = census.of_three(unlimited_restarts(Strategy::OneForAll)).start_link().unwrap();
    for round in 0..rounds(300) {
        let pids = NAMES.map(|name| child_pid(&supervisor, name).unwrap());
        let blows = [0, 1, 2].map(|n| Blow::to(pids[n], failure(), round * (n + 1)));
        blows.map(Blow::wait).into_iter().for_each(drop);
        assert_eq!(child_states(&supervisor), ["+a", "+b", "+c"]);
    }
    let info = process::info(supervisor.pid()).unwrap();
    assert_eq!(info.message_queue_len, 0);
    assert_eq!(info.links.len(), 1 + 3);
    assert!(info.monitors.is_empty(), "{:?}", info.monitors);
    let running = |child: &ChildState| child.pid().is_some();
    let children = supervisor.which_children().unwrap();
    assert!(children.iter().all(|child| running(&child.state)));
    stop_supervisor(&supervisor);
}
