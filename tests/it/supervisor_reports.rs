//! What supervisors report of their children, and in which order.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use procession::Destination;
use procession::prelude::*;
use procession::report::{self, Context, HandlerId, ProgressReport, Report, SupervisorReport};
use procession::supervisor::{
    AutoShutdown, ChildSpec, Restart, Shutdown, Strategy, Supervisor, SupervisorRef,
};
use procession::sys;

use crate::support::child::{
    child, child_events, end_child, end_child_and_wait, expect_ended, expect_started, failure,
};
use crate::support::supervision::{
    HOUR, STRATEGIES, child_pid, failing, flaky, ignoring, never_ending, start_empty,
    stop_supervisor, trapping, unlimited_restarts, with_three,
};
use crate::support::wait::{down_reason, expect, expect_exit};

const NOTHING: [String; 0] = [];

/// Sends its owner what the supervisor of a name reports.
struct Listener {
    name: &'static str,
    handler: HandlerId,
}

impl Drop for Listener {
    fn drop(&mut self) {
        report::remove_handler(self.handler);
    }
}

/// Which supervisor has written it, if it was one.
fn author(report: &Report) -> Option<&Destination> {
    if let Report::Supervisor(report) = report {
        return Some(&report.supervisor);
    }
    if let Report::Progress(report) = report { Some(&report.supervisor) } else { None }
}

/// The events, their children and reasons, without the processes.
fn line(report: &Report) -> String {
    if let Report::Supervisor(it) = report {
        let reason = it.reason.to_string();
        let reason = reason.split(": more than").next().unwrap();
        return format!("{} {}: {reason}", it.context, it.child.id);
    }
    if let Report::Progress(it) = report { format!("+{}", it.child.id) } else { String::new() }
}

/// To who listens.
#[derive(Debug)]
struct Said(Report);

impl Listener {
    /// Handlers get the reports of all tests, so the name is that of the test's own supervisor.
    fn new(name: &'static str) -> Listener {
        let me = process::self_pid();
        let handler = report::add_handler(move |report| {
            if author(report) == Some(&Destination::from(name)) {
                process::send(me, Said(report.clone()));
            }
        });
        Listener { name, handler }
    }

    /// Starts the supervisor to listen to.
    fn start(&self, supervisor: Supervisor) -> Result<SupervisorRef, StartError> {
        supervisor.start_link_with(StartOptions::new().name(self.name))
    }

    /// What the supervisor has said until now.
    fn reports(&self) -> Vec<Report> {
        let mut reports = Vec::new();
        while let Some(message) =
            process::receive_match_timeout(Duration::ZERO, |message| message.is::<Said>())
        {
            reports.push(message.downcast::<Said>().unwrap().0);
        }
        reports
    }

    /// The same, each as a [`line`].
    fn heard(&self) -> Vec<String> {
        self.reports().iter().map(line).collect()
    }

    /// The only report of this context; that of its child has the process.
    #[track_caller]
    fn failure(&self, context: Context) -> SupervisorReport {
        let mut reports = Vec::new();
        for report in self.reports() {
            if let Report::Supervisor(it) = report
                && it.context == context
            {
                reports.push(it);
            }
        }
        assert_eq!(reports.len(), 1, "{reports:?}");
        reports.remove(0)
    }
}

/// As a [`Listener`] shows it: a child ends for [`failure`].
fn terminated(id: &str) -> String {
    format!("child terminated {id}: {}", failure())
}

fn start_error(id: &str) -> String {
    format!("start error {id}: {}", failure())
}

fn has_given_up(id: &str) -> String {
    format!("shutdown {id}: reached the maximum restart intensity")
}

/// The reasons that are orderly, and some that are not.
fn reasons() -> [ExitReason; 5] {
    let orderly = ExitReason::shutdown_with("enough");
    [ExitReason::Normal, ExitReason::Shutdown, orderly, failure(), ExitReason::Killed]
}

const KINDS: [Restart; 3] = [Restart::Permanent, Restart::Transient, Restart::Temporary];

#[test]
fn a_supervisor_that_gives_up_says_what_its_limit_was() {
    process::set_trap_exit(true);
    let listener = Listener::new("supervisor_reports::limit");
    let child = ChildSpec::new("a", || Ok(process::spawn_link(|| panic!("out of paper"))?));
    let supervisor = Supervisor::one_for_one().child(child);
    let supervisor = listener.start(supervisor.intensity(2, Duration::from_secs(3600)));
    expect_exit(supervisor.unwrap().pid());
    let reason = listener.failure(Context::Shutdown).reason;
    assert_eq!(
        reason.to_string(),
        "reached the maximum restart intensity: more than 2 restarts in 3600s (set by \
             `intensity`)"
    );
}

mod progress {
    use super::*;

    // OTP: supervisor_SUITE:external_start_no_progress_log
    #[test]
    fn is_reported_of_each_child_that_is_started_and_of_none_that_is_not() {
        let listener = Listener::new("supervisor_reports::progress::start");
        let supervisor = unlimited_restarts(Strategy::OneForOne)
            .child(child("a"))
            .child(ignoring("kept"))
            .child(ignoring("forgotten").restart(Restart::Temporary))
            .child(child("b"));
        let supervisor = listener.start(supervisor).unwrap();
        assert_eq!(listener.heard(), ["+a", "+b"]);
        assert!(supervisor.start_child(ignoring("no")).is_err());
        assert!(supervisor.start_child(failing("bad")).is_err());
        supervisor.start_child(child("c")).unwrap();
        assert!(supervisor.start_child(child("c")).is_err());
        assert_eq!(listener.heard(), ["+c"]);
        supervisor.terminate_child("c").unwrap();
        assert!(supervisor.restart_child("kept").is_err());
        supervisor.restart_child("c").unwrap();
        supervisor.which_children().unwrap();
        assert_eq!(listener.heard(), ["+c"]);
        stop_supervisor(&supervisor);
        assert_eq!(listener.heard(), NOTHING);
    }

    #[test]
    fn says_which_process_it_is() {
        let listener = Listener::new("supervisor_reports::progress::pid");
        let supervisor = listener.start(unlimited_restarts(Strategy::OneForOne)).unwrap();
        let pid = supervisor.start_child(child("a")).unwrap().pid();
        let [Report::Progress(ProgressReport { child, .. })] = &listener.reports()[..] else {
            panic!("not one report of progress");
        };
        assert_eq!((child.id.as_str(), child.pid), ("a", Some(pid)));
        stop_supervisor(&supervisor);
    }

    // OTP: supervisor_SUITE:one_for_all, rest_for_one
    #[test]
    fn is_reported_of_each_child_that_is_started_again() {
        for (strategy, expected) in [
            (Strategy::OneForOne, vec!["+b"]),
            (Strategy::OneForAll, vec!["+a", "+b", "+c"]),
            (Strategy::RestForOne, vec!["+b", "+c"]),
        ] {
            let listener = Listener::new("supervisor_reports::progress::restart");
            let supervisor = listener.start(with_three(unlimited_restarts(strategy))).unwrap();
            assert_eq!(listener.heard(), ["+a", "+b", "+c"]);
            end_child_and_wait(expect_started("b"), failure());
            supervisor.count_children().unwrap();
            let heard = listener.heard();
            assert_eq!(heard[0], terminated("b"));
            assert_eq!(heard[1..], expected);
            stop_supervisor(&supervisor);
            assert_eq!(listener.heard(), NOTHING);
            child_events();
        }
    }

    // A supervisor without a name.
    #[test]
    fn is_reported_by_pid_if_there_is_no_name() {
        let me = process::self_pid();
        let handler = report::add_handler(move |report| {
            if let Report::Progress(report) = report
                && report.child.id == "supervisor_reports::unnamed"
            {
                process::send(me, report.supervisor.clone());
            }
        });
        let supervisor = start_empty();
        supervisor.start_child(child("a").id("supervisor_reports::unnamed")).unwrap();
        assert_eq!(expect::<Destination>(), Destination::from(supervisor.pid()));
        report::remove_handler(handler);
        stop_supervisor(&supervisor);
    }
}

mod an_end {
    use super::*;

    // OTP: supervisor_SUITE:permanent_normal, transient_abnormal, temporary_shutdown
    #[test]
    fn is_reported_if_it_is_abnormal_or_the_child_permanent() {
        let listener = Listener::new("supervisor_reports::an_end::which");
        let supervisor = listener.start(unlimited_restarts(Strategy::OneForOne)).unwrap();
        for (restart, reason) in KINDS.into_iter().flat_map(|it| reasons().map(|why| (it, why))) {
            supervisor.start_child(child("a").restart(restart)).unwrap();
            assert_eq!(listener.heard(), ["+a"]);
            end_child_and_wait(expect_started("a"), reason.clone());
            supervisor.count_children().unwrap();
            let mut expected = Vec::new();
            if restart == Restart::Permanent || !reason.is_orderly() {
                expected.push(format!("child terminated a: {reason}"));
            }
            let is_restarted = restart == Restart::Permanent
                || (restart == Restart::Transient && !reason.is_orderly());
            expected.extend(is_restarted.then(|| "+a".to_owned()));
            assert_eq!(listener.heard(), expected, "{restart:?} {reason}");
            _ = supervisor.terminate_child("a");
            _ = supervisor.delete_child("a");
            child_events();
        }
        stop_supervisor(&supervisor);
    }

    #[test]
    fn is_reported_with_the_process_that_has_ended() {
        let listener = Listener::new("supervisor_reports::an_end::pid");
        let supervisor =
            listener.start(unlimited_restarts(Strategy::OneForOne).child(child("a"))).unwrap();
        let first = expect_started("a");
        end_child_and_wait(first, failure());
        supervisor.count_children().unwrap();
        let report = listener.failure(Context::ChildTerminated);
        assert_eq!((report.child.id.as_str(), report.child.pid), ("a", Some(first)));
        assert_eq!((report.reason, report.supervisor), (failure(), listener.name.into()));
        stop_supervisor(&supervisor);
    }

    #[test]
    fn of_a_stranger_is_not_reported() {
        let listener = Listener::new("supervisor_reports::an_end::stranger");
        let supervisor =
            listener.start(unlimited_restarts(Strategy::OneForOne).child(child("a"))).unwrap();
        let pid = supervisor.pid();
        let (_, monitor) = process::spawn_monitor(move || {
            process::link(pid);
            process::exit_self(failure());
        })
        .unwrap();
        down_reason(monitor);
        end_child_and_wait(expect_started("a"), failure());
        supervisor.count_children().unwrap();
        assert_eq!(listener.heard(), ["+a".to_owned(), terminated("a"), "+a".to_owned()]);
        stop_supervisor(&supervisor);
    }

    // An inner supervisor that gives up, or comes to its end by itself, is a child as any other.
    #[test]
    fn of_a_supervisor_is_reported_by_the_next_one_if_it_is_permanent() {
        for restart in KINDS {
            let listener = Listener::new("supervisor_reports::an_end::inner");
            let inner = Supervisor::one_for_one().intensity(0, HOUR).child(child("a"));
            let spec = inner.child_spec("inner").restart(restart);
            let outer =
                listener.start(unlimited_restarts(Strategy::OneForOne).child(spec)).unwrap();
            let inner = process::monitor(child_pid(&outer, "inner").unwrap());
            listener.heard();
            end_child(expect_started("a"), failure());
            assert_eq!(down_reason(inner), ExitReason::Shutdown);
            outer.count_children().unwrap();
            let expected = match restart {
                Restart::Permanent => vec!["child terminated inner: shutdown", "+inner"],
                Restart::Transient | Restart::Temporary => vec![],
            };
            assert_eq!(listener.heard(), expected);
            stop_supervisor(&outer);
            child_events();
        }
    }
}

mod a_start_that_fails {
    use super::*;

    // OTP: supervisor_SUITE:sup_start_fail
    #[test]
    fn is_reported_once_and_what_was_started_before_is_stopped_in_silence() {
        let listener = Listener::new("supervisor_reports::start_error::first");
        let supervisor =
            Supervisor::one_for_one().child(child("a")).child(failing("bad")).child(child("never"));
        assert!(listener.start(supervisor).is_err());
        assert_eq!(listener.heard(), ["+a".to_owned(), start_error("bad")]);
        assert_eq!(child_events(), ["+a", "-a"]);
    }

    // OTP: supervisor_SUITE:sup_start_child_returns_error
    #[test]
    fn on_request_is_returned_to_the_caller_only() {
        let listener = Listener::new("supervisor_reports::start_error::asked");
        let supervisor = listener.start(unlimited_restarts(Strategy::OneForOne)).unwrap();
        let (spec, fails) = flaky("a");
        fails.store(1, Ordering::SeqCst);
        assert!(supervisor.start_child(spec.clone()).is_err());
        supervisor.start_child(spec).unwrap();
        supervisor.terminate_child("a").unwrap();
        fails.store(1, Ordering::SeqCst);
        assert!(supervisor.restart_child("a").is_err());
        assert_eq!(listener.heard(), ["+a"]);
        stop_supervisor(&supervisor);
    }

    // OTP: supervisor_SUITE:hanging_restart_loop
    #[test]
    fn is_reported_at_each_try_to_restart() {
        let listener = Listener::new("supervisor_reports::start_error::restart");
        let (spec, fails) = flaky("a");
        let supervisor =
            listener.start(unlimited_restarts(Strategy::OneForOne).child(spec)).unwrap();
        let first = expect_started("a");
        fails.store(3, Ordering::SeqCst);
        end_child(first, failure());
        expect_started("a");
        supervisor.count_children().unwrap();
        let [again, bad] = ["+a".to_owned(), start_error("a")];
        let ended = terminated("a");
        assert_eq!(listener.heard(), [&again, &ended, &bad, &bad, &bad, &again].map(Clone::clone));
        stop_supervisor(&supervisor);
    }

    // OTP: supervisor_SUITE:one_for_all_other_child_fails_restart
    #[test]
    fn at_another_child_is_reported_for_that_child() {
        let listener = Listener::new("supervisor_reports::start_error::other");
        let (b, fails) = flaky("b");
        let supervisor =
            unlimited_restarts(Strategy::OneForAll).child(child("a")).child(b).child(child("c"));
        let supervisor = listener.start(supervisor).unwrap();
        let [a, _, _] = ["a", "b", "c"].map(expect_started);
        listener.heard();
        fails.store(1, Ordering::SeqCst);
        end_child(a, failure());
        expect_started("c");
        supervisor.count_children().unwrap();
        let [again_a, again_b, again_c] = ["+a", "+b", "+c"].map(str::to_owned);
        let expected =
            [terminated("a"), again_a.clone(), start_error("b"), again_a, again_b, again_c];
        assert_eq!(listener.heard(), expected);
        stop_supervisor(&supervisor);
    }

    // Probed: the child of the report is the one that has ended, with its process.
    #[test]
    fn is_reported_with_the_process_that_was_to_be_restarted() {
        let listener = Listener::new("supervisor_reports::start_error::pid");
        let (spec, fails) = flaky("a");
        let supervisor =
            listener.start(unlimited_restarts(Strategy::OneForOne).child(spec)).unwrap();
        let first = expect_started("a");
        fails.store(1, Ordering::SeqCst);
        end_child(first, failure());
        expect_started("a");
        supervisor.count_children().unwrap();
        assert_eq!(listener.failure(Context::StartError).child.pid, Some(first));
        stop_supervisor(&supervisor);
    }
}

mod a_stop {
    use super::*;

    /// A child that ends for this reason when it is told to end.
    fn contrary(reason: ExitReason) -> ChildSpec<Pid> {
        trapping("a", move || {
            expect::<Exit>();
            process::exit_self(reason.clone());
        })
    }

    // OTP: supervisor_SUITE:sup_stop_race, sup_stop_non_shutdown_exit_dynamic
    #[test]
    fn is_reported_if_the_child_does_not_end_as_it_is_told_to() {
        let listener = Listener::new("supervisor_reports::a_stop::told");
        let supervisor = listener.start(unlimited_restarts(Strategy::OneForOne)).unwrap();
        for (restart, reason) in KINDS.into_iter().flat_map(|it| reasons().map(|why| (it, why))) {
            for shutdown in [Shutdown::Infinity, Shutdown::Timeout(HOUR)] {
                let spec = contrary(reason.clone()).restart(restart).shutdown(shutdown);
                supervisor.start_child(spec).unwrap();
                listener.heard();
                assert_eq!(supervisor.terminate_child("a"), Ok(()));
                _ = supervisor.delete_child("a");
                let is_expected = reason == ExitReason::Shutdown
                    || (reason.is_orderly() && restart != Restart::Permanent);
                let expected = (!is_expected).then(|| format!("shutdown error a: {reason}"));
                assert_eq!(listener.heard(), Vec::from_iter(expected), "{restart:?} {reason}");
            }
        }
        stop_supervisor(&supervisor);
    }

    // OTP: supervisor_SUITE:sup_stop_timeout, sup_stop_brutal_kill
    #[test]
    fn is_reported_if_the_child_has_to_be_killed_unless_it_was_to_be() {
        let listener = Listener::new("supervisor_reports::a_stop::killed");
        let late = "shutdown error a: killed".to_owned();
        for restart in KINDS {
            for (shutdown, expected) in [
                (Shutdown::Timeout(Duration::from_millis(1)), Some(&late)),
                (Shutdown::Timeout(Duration::ZERO), Some(&late)),
                (Shutdown::BrutalKill, None),
            ] {
                let spec = never_ending("a").restart(restart).shutdown(shutdown);
                let supervisor =
                    listener.start(unlimited_restarts(Strategy::OneForOne).child(spec)).unwrap();
                listener.heard();
                stop_supervisor(&supervisor);
                assert_eq!(listener.heard(), Vec::from_iter(expected.cloned()));
            }
        }
    }

    /// What is reported of a child that had ended for `reason` when it was its turn to be stopped.
    #[track_caller]
    fn said_of_one_that_had_ended(
        listener: &Listener,
        restart: Restart,
        shutdown: Shutdown,
        reason: &ExitReason,
    ) -> Vec<String> {
        let spec = child("a").restart(restart).shutdown(shutdown);
        let supervisor =
            listener.start(unlimited_restarts(Strategy::OneForOne).child(spec)).unwrap();
        sys::of(supervisor).suspend().unwrap();
        end_child_and_wait(expect_started("a"), reason.clone());
        listener.heard();
        stop_supervisor(&supervisor);
        listener.heard()
    }

    // OTP: supervisor_SUITE:sup_stop_race; probed with `brutal_kill` and `timeout`
    #[test]
    fn of_a_child_that_had_ended_is_reported_with_its_own_reason() {
        let listener = Listener::new("supervisor_reports::a_stop::ended");
        for shutdown in [Shutdown::Timeout(HOUR), Shutdown::Infinity, Shutdown::BrutalKill] {
            for (restart, reason) in KINDS.into_iter().flat_map(|it| reasons().map(|r| (it, r))) {
                let was_killed = reason == ExitReason::Killed && shutdown == Shutdown::BrutalKill;
                if was_killed || (reason == ExitReason::Shutdown && restart == Restart::Permanent) {
                    continue; // The next two tests.
                }
                let is_expected = reason.is_orderly() && restart != Restart::Permanent;
                let expected = (!is_expected).then(|| format!("shutdown error a: {reason}"));
                let said = said_of_one_that_had_ended(&listener, restart, shutdown, &reason);
                assert_eq!(said, Vec::from_iter(expected), "{restart:?} {shutdown:?} {reason}");
            }
        }
    }

    // OTP: supervisor_SUITE:sup_stop_race
    #[test]
    fn of_a_child_that_had_ended_as_it_would_have_been_told_to_is_not_reported() {
        let listener = Listener::new("supervisor_reports::a_stop::ended_so");
        let check = |restart, shutdown, reason| {
            assert_eq!(said_of_one_that_had_ended(&listener, restart, shutdown, &reason), NOTHING);
        };
        for restart in KINDS {
            check(restart, Shutdown::Timeout(HOUR), ExitReason::Shutdown);
            check(restart, Shutdown::Infinity, ExitReason::Shutdown);
            check(restart, Shutdown::BrutalKill, ExitReason::Killed);
        }
    }

    // Probed: `shutdown when not (?is_permanent(ObservedChild))`
    #[test]
    fn of_a_permanent_child_that_had_shut_down_before_it_was_to_be_killed_is_reported() {
        let listener = Listener::new("supervisor_reports::a_stop::ended_brutal");
        let (brutal, reason) = (Shutdown::BrutalKill, ExitReason::Shutdown);
        let said = said_of_one_that_had_ended(&listener, Restart::Permanent, brutal, &reason);
        assert_eq!(said, ["shutdown error a: shutdown"]);
    }

    #[test]
    fn is_reported_with_the_process() {
        let listener = Listener::new("supervisor_reports::a_stop::pid");
        let spec = never_ending("a").shutdown(Shutdown::Timeout(Duration::ZERO));
        let supervisor =
            listener.start(unlimited_restarts(Strategy::OneForOne).child(spec)).unwrap();
        let pid = child_pid(&supervisor, "a");
        supervisor.terminate_child("a").unwrap();
        assert_eq!(listener.failure(Context::ShutdownError).child.pid, pid);
        stop_supervisor(&supervisor);
    }

    #[test]
    fn of_bystanders_of_a_restart_is_reported_as_any_other() {
        let listener = Listener::new("supervisor_reports::a_stop::bystander");
        let late = never_ending("b").shutdown(Shutdown::Timeout(Duration::ZERO));
        let supervisor =
            unlimited_restarts(Strategy::OneForAll).child(child("a")).child(late).child(child("c"));
        let supervisor = listener.start(supervisor).unwrap();
        listener.heard();
        end_child_and_wait(expect_started("a"), failure());
        supervisor.count_children().unwrap();
        let [a, b, c] = ["+a", "+b", "+c"].map(str::to_owned);
        let killed = "shutdown error b: killed".to_owned();
        assert_eq!(listener.heard(), [terminated("a"), killed, a, b, c]);
        stop_supervisor(&supervisor);
    }
}

mod giving_up {
    use super::*;

    // OTP: supervisor_SUITE:one_for_one_escalation
    #[test]
    fn is_reported_after_the_end_that_was_too_many_and_before_the_stop() {
        for strategy in STRATEGIES {
            let listener = Listener::new("supervisor_reports::giving_up::order");
            let late = never_ending("late").shutdown(Shutdown::Timeout(Duration::ZERO));
            let supervisor =
                Supervisor::new(strategy).intensity(0, HOUR).child(late).child(child("a"));
            let supervisor = listener.start(supervisor.child(child("b"))).unwrap();
            listener.heard();
            let first = expect_started("a");
            end_child(first, failure());
            assert_eq!(expect_exit(supervisor.pid()), ExitReason::Shutdown);
            let killed = "shutdown error late: killed".to_owned();
            assert_eq!(listener.heard(), [terminated("a"), has_given_up("a"), killed]);
            assert_eq!(expect_ended("a"), failure());
            assert_eq!(expect_ended("b"), ExitReason::Shutdown);
            child_events();
        }
    }

    #[test]
    fn is_reported_with_the_process_that_is_not_restarted() {
        let listener = Listener::new("supervisor_reports::giving_up::pid");
        let supervisor = Supervisor::one_for_one().intensity(0, HOUR).child(child("a"));
        let supervisor = listener.start(supervisor).unwrap();
        let first = expect_started("a");
        end_child(first, failure());
        assert_eq!(expect_exit(supervisor.pid()), ExitReason::Shutdown);
        let report = listener.failure(Context::Shutdown);
        assert_eq!((report.child.id.as_str(), report.child.pid), ("a", Some(first)));
    }

    // OTP: supervisor_SUITE:hanging_restart_loop; probed
    #[test]
    fn comes_also_after_a_start_that_fails_again_and_again() {
        let listener = Listener::new("supervisor_reports::giving_up::tries");
        let (spec, fails) = flaky("a");
        let supervisor = Supervisor::one_for_one().intensity(2, HOUR).child(spec);
        let supervisor = listener.start(supervisor).unwrap();
        listener.heard();
        fails.store(usize::MAX, Ordering::SeqCst);
        end_child(expect_started("a"), failure());
        assert_eq!(expect_exit(supervisor.pid()), ExitReason::Shutdown);
        let expected = [terminated("a"), start_error("a"), start_error("a"), has_given_up("a")];
        assert_eq!(listener.heard(), expected);
    }

    // Its end is orderly, so there is no crash report of it, nor a server's.
    #[test]
    fn is_not_a_crash() {
        let listener = Listener::new("supervisor_reports::giving_up::crash");
        let was_said = Arc::new(AtomicBool::new(false));
        let flag = Arc::clone(&was_said);
        let supervisor = Supervisor::one_for_one().intensity(0, HOUR).child(child("a"));
        let supervisor = listener.start(supervisor).unwrap();
        let pid = supervisor.pid();
        let handler = report::add_handler(move |report| {
            let is_server = matches!(report, Report::Server(it) if it.pid == pid);
            let is_crash = matches!(report, Report::Crash(it) if it.pid == pid);
            flag.fetch_or(is_server || is_crash, Ordering::SeqCst);
        });
        end_child(expect_started("a"), failure());
        assert_eq!(expect_exit(pid), ExitReason::Shutdown);
        report::remove_handler(handler);
        assert!(!was_said.load(Ordering::SeqCst));
    }

    // OTP: supervisor_SUITE:significant_transient
    #[test]
    fn is_not_what_an_auto_shutdown_is() {
        let listener = Listener::new("supervisor_reports::giving_up::auto");
        let spec = child("a").restart(Restart::Transient).significant(true);
        let supervisor =
            Supervisor::one_for_one().auto_shutdown(AutoShutdown::AnySignificant).child(spec);
        let supervisor = listener.start(supervisor.child(child("b"))).unwrap();
        listener.heard();
        end_child(expect_started("a"), ExitReason::Normal);
        assert_eq!(expect_exit(supervisor.pid()), ExitReason::Shutdown);
        assert_eq!(listener.heard(), NOTHING);
    }
}
