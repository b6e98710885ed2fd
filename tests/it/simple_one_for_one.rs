//! Supervisors whose children are all made by one template.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use procession::dynamic_supervisor::DynamicSupervisorRef;
use procession::prelude::*;
use procession::proc_lib;
use procession::supervisor::{
    AutoShutdown, ChildSpec, Restart, Shutdown, SimpleOneForOneRef, SpecError, Supervised,
    Supervisor, SupervisorError, SupervisorRef,
};

use crate::support::calls::CallKind;
use crate::support::child::{
    ObservedChild, child, end_child, end_child_and_wait, expect_ended, expect_started, failure,
};
use crate::support::processes::idle;
use crate::support::supervision::{HOUR, start_failure};
use crate::support::wait::{down_reason, exit_and_wait, expect};

type Simple = SimpleOneForOneRef<ServerRef<ObservedChild>, (&'static str, Pid)>;

fn start_simple(restart: Restart) -> Simple {
    let template = ObservedChild::child_template().restart(restart);
    Supervisor::simple_one_for_one(template).intensity(1_000_000, HOUR).start_link().unwrap()
}

#[track_caller]
fn add(supervisor: &Simple, name: &'static str) -> Pid {
    let child = supervisor.start_child((name, process::self_pid())).unwrap();
    assert_eq!(expect_started(name), child.pid());
    child.pid()
}

#[track_caller]
fn stop(supervisor: &Simple) {
    let monitor = process::monitor(supervisor);
    assert_eq!(supervisor.stop(), Ok(()));
    assert_eq!(down_reason(monitor), ExitReason::Normal);
}

fn running(supervisor: &Simple) -> BTreeSet<Pid> {
    supervisor.which_children().unwrap().iter().filter_map(|child| child.state.pid()).collect()
}

// OTP: supervisor_SUITE:simple_one_for_one_extra
#[test]
fn a_child_that_fails_is_started_again_with_its_own_arguments() {
    let supervisor = start_simple(Restart::Transient);
    let (ernie, bert) = (add(&supervisor, "ernie"), add(&supervisor, "bert"));
    end_child_and_wait(bert, failure());
    let again = expect_started("bert");
    assert_ne!(again, bert);
    assert_eq!(running(&supervisor), BTreeSet::from([ernie, again]));
    stop(&supervisor);
}

// OTP: supervisor_SUITE:child_adm_simple
#[test]
fn a_child_is_stopped_by_its_pid_and_forgotten() {
    let supervisor = start_simple(Restart::Permanent);
    let (ernie, bert) = (add(&supervisor, "ernie"), add(&supervisor, "bert"));
    assert_eq!(supervisor.terminate_child(ernie), Ok(()));
    assert_eq!(expect_ended("ernie"), ExitReason::Shutdown);
    assert_eq!(running(&supervisor), BTreeSet::from([bert]));
    stop(&supervisor);
}

// OTP: find_child of supervisor; run
#[test]
fn a_process_that_has_ended_counts_as_stopped_and_one_that_is_no_child_is_not_found() {
    let supervisor = start_simple(Restart::Temporary);
    let (ernie, bert) = (add(&supervisor, "ernie"), add(&supervisor, "bert"));
    assert_eq!(supervisor.terminate_child(ernie), Ok(()));
    end_child_and_wait(bert, ExitReason::Normal);
    let stranger = idle();
    let policy = supervisor.get_child_spec(add(&supervisor, "oscar")).unwrap();
    assert_eq!(supervisor.terminate_child(stranger), Err(SupervisorError::NotFound));
    assert_eq!(supervisor.get_child_spec(stranger), Err(SupervisorError::NotFound));
    assert!(process::is_alive(stranger));
    exit_and_wait(stranger, ExitReason::Shutdown);
    for gone in [ernie, bert, stranger] {
        assert_eq!(supervisor.terminate_child(gone), Ok(()));
        assert_eq!(supervisor.get_child_spec(gone).as_ref(), Ok(&policy));
    }
    stop(&supervisor);
}

// OTP: supervisor_SUITE:count_children, child_adm_simple
#[test]
fn the_children_are_of_one_spec_however_many_there_are() {
    let supervisor = start_simple(Restart::Temporary);
    assert_eq!(supervisor.count_children().unwrap().specs, 1);
    let pids: Vec<Pid> = (0..20).map(|_| add(&supervisor, "child")).collect();
    let counts = supervisor.count_children().unwrap();
    assert_eq!((counts.specs, counts.active, counts.workers, counts.supervisors), (1, 20, 20, 0));
    pids.iter().for_each(|pid| end_child_and_wait(*pid, ExitReason::Normal));
    let counts = supervisor.count_children().unwrap();
    assert_eq!((counts.specs, counts.active, counts.workers), (1, 0, 0));
    stop(&supervisor);
}

// OTP: supervisor_SUITE:sup_start_map_simple
#[test]
fn the_spec_of_each_child_is_the_template() {
    let supervisor = start_simple(Restart::Transient);
    let (ernie, bert) = (add(&supervisor, "ernie"), add(&supervisor, "bert"));
    let policy = supervisor.get_child_spec(ernie).unwrap();
    assert_eq!(
        (policy.restart, policy.shutdown),
        (Restart::Transient, Shutdown::Timeout(Duration::from_secs(5)),)
    );
    assert_eq!(supervisor.get_child_spec(bert), Ok(policy));
    let nobody = process::self_pid();
    assert_eq!(supervisor.get_child_spec(nobody), Err(SupervisorError::NotFound));
    stop(&supervisor);
}

// OTP: supervisor_SUITE:sup_start_child_returns_error_simple
#[test]
fn a_child_that_does_not_start_says_why_and_is_not_kept() {
    let template = ChildSpec::<Pid, ExitReason>::template("failing", |reason: ExitReason| {
        Err(StartError::Failed(reason))
    });
    let supervisor = Supervisor::simple_one_for_one(template).start_link().unwrap();
    let failed = supervisor.start_child(failure()).unwrap_err();
    assert_eq!(start_failure(failed), failure());
    assert_eq!(supervisor.which_children(), Ok(vec![]));
    supervisor.stop().unwrap();
}

// OTP: supervisor_SUITE:sup_start_ignore_temporary_child_start_child_simple,
// sup_start_ignore_permanent_child_start_child_simple
#[test]
fn a_child_that_chooses_not_to_start_is_not_kept() {
    for restart in [Restart::Temporary, Restart::Permanent] {
        let template = ChildSpec::<Pid, ()>::template("idle", |()| Err(StartError::Ignored));
        let supervisor =
            Supervisor::simple_one_for_one(template.restart(restart)).start_link().unwrap();
        assert_eq!(supervisor.start_child(()), Err(SupervisorError::Ignored));
        assert_eq!(supervisor.which_children(), Ok(vec![]));
        let monitor = process::monitor(supervisor);
        supervisor.stop().unwrap();
        assert_eq!(down_reason(monitor), ExitReason::Normal);
    }
}

// OTP: supervisor_SUITE:simple_one_for_one_restart_ignore
#[test]
fn a_child_that_chooses_not_to_start_again_is_forgotten() {
    let starts = Arc::new(AtomicUsize::new(0));
    let template =
        ChildSpec::template("once", move |args| match starts.fetch_add(1, Ordering::SeqCst) {
            0 => ObservedChild::start_link(args),
            _ => Err(StartError::Ignored),
        });
    let supervisor: Simple = Supervisor::simple_one_for_one(template).start_link().unwrap();
    let pid = add(&supervisor, "once");
    end_child_and_wait(pid, failure());
    assert_eq!(supervisor.which_children(), Ok(vec![]));
    stop(&supervisor);
}

// OTP: supervisor_SUITE:sup_stop_brutal_kill_dynamic
#[test]
fn a_stop_kills_children_that_are_to_be_killed() {
    let template = ObservedChild::child_template().shutdown(Shutdown::BrutalKill);
    let supervisor = Supervisor::simple_one_for_one(template).start_link().unwrap();
    let monitors: Vec<_> = (0..10).map(|_| process::monitor(add(&supervisor, "child"))).collect();
    stop(&supervisor);
    for monitor in monitors {
        assert_eq!(down_reason(monitor), ExitReason::Killed);
    }
}

// OTP: supervisor_SUITE:sup_stop_timeout_dynamic
#[test]
fn a_stop_kills_only_those_that_do_not_end_in_time() {
    let template = ChildSpec::template("either", |hangs: bool| {
        let pid = proc_lib::start_link(move |starter| {
            process::set_trap_exit(hangs);
            starter.ack(process::self_pid());
            loop {
                receive! { _exit: Exit => {} }
            }
        })?;
        Ok(pid)
    })
    .shutdown(Shutdown::Timeout(Duration::from_millis(20)));
    let supervisor = Supervisor::simple_one_for_one(template).start_link().unwrap();
    let quick = process::monitor(supervisor.start_child(false).unwrap());
    let slow = process::monitor(supervisor.start_child(true).unwrap());
    supervisor.stop().unwrap();
    assert_eq!(down_reason(quick), ExitReason::Shutdown);
    assert_eq!(down_reason(slow), ExitReason::Killed);
}

mod children_that_are_significant {
    use super::*;

    // OTP: supervisor_SUITE:significant_simple
    #[test]
    fn are_refused_without_auto_shutdown_or_if_they_are_permanent() {
        use AutoShutdown::{AllSignificant, AnySignificant, Never};
        let cases = [
            (Never, Restart::Temporary, SpecError::SignificantWithoutAutoShutdown("child".into())),
            (
                AnySignificant,
                Restart::Permanent,
                SpecError::SignificantAndPermanent("child".into()),
            ),
            (
                AllSignificant,
                Restart::Permanent,
                SpecError::SignificantAndPermanent("child".into()),
            ),
        ];
        for (auto_shutdown, restart, expected) in cases {
            let template =
                ObservedChild::child_template().restart(restart).significant(true).id("child");
            let supervisor = Supervisor::simple_one_for_one(template).auto_shutdown(auto_shutdown);
            let error = supervisor.start_link().unwrap_err();
            let StartError::Failed(reason) = error else { panic!("{error}") };
            assert_eq!(reason, expected.into());
        }
    }

    /// Whether a supervisor of two such children lives when one has ended for that reason, and when
    /// all have ended normally.
    #[track_caller]
    fn lives(
        auto_shutdown: AutoShutdown,
        restart: Restart,
        significant: bool,
        reason: ExitReason,
    ) -> (bool, bool) {
        let template = ObservedChild::child_template().restart(restart).significant(significant);
        let supervisor = Supervisor::simple_one_for_one(template).auto_shutdown(auto_shutdown);
        let supervisor = supervisor.intensity(1_000, HOUR).start_link().unwrap();
        let monitor = process::monitor(supervisor);
        let (ernie, _) = (add(&supervisor, "ernie"), add(&supervisor, "bert"));
        let is_restarted = restart == Restart::Transient && reason == failure();
        end_child_and_wait(ernie, reason);
        if is_restarted {
            expect_started("ernie");
        }
        let Ok(left) = supervisor.which_children() else {
            assert_eq!(down_reason(monitor), ExitReason::Shutdown);
            return (false, false);
        };
        for child in left {
            end_child_and_wait(child.state.pid().unwrap(), ExitReason::Normal);
        }
        if supervisor.which_children().is_ok() {
            process::demonitor_flush(monitor);
            stop(&supervisor);
            return (true, true);
        }
        assert_eq!(down_reason(monitor), ExitReason::Shutdown);
        (true, false)
    }

    // OTP: run, all of these
    #[test]
    fn end_their_supervisor_if_it_has_auto_shutdown() {
        use AutoShutdown::{AllSignificant, AnySignificant};
        for restart in [Restart::Transient, Restart::Temporary] {
            for (reason, is_end) in
                [(ExitReason::Normal, true), (failure(), restart == Restart::Temporary)]
            {
                let any = lives(AnySignificant, restart, true, reason.clone());
                assert_eq!(any, (!is_end, false), "{restart:?} {reason}");
                let all = lives(AllSignificant, restart, true, reason.clone());
                assert_eq!(all, (true, false), "{restart:?} {reason}");
                for auto_shutdown in [AnySignificant, AllSignificant] {
                    let not_significant = lives(auto_shutdown, restart, false, reason.clone());
                    assert_eq!(not_significant, (true, true), "{restart:?} {reason}");
                }
            }
        }
    }

    // OTP: run
    #[test]
    fn do_not_end_their_supervisor_when_they_are_stopped() {
        for auto_shutdown in [AutoShutdown::AnySignificant, AutoShutdown::AllSignificant] {
            let template =
                ObservedChild::child_template().restart(Restart::Transient).significant(true);
            let supervisor = Supervisor::simple_one_for_one(template).auto_shutdown(auto_shutdown);
            let supervisor = supervisor.start_link().unwrap();
            assert_eq!(supervisor.terminate_child(add(&supervisor, "child")), Ok(()));
            assert_eq!(supervisor.which_children(), Ok(vec![]));
            stop(&supervisor);
        }
    }

    #[test]
    fn count_while_they_are_to_be_restarted() {
        let fails = Arc::new(AtomicBool::new(false));
        let (is_to_fail, me) = (Arc::clone(&fails), process::self_pid());
        let start = move |args| {
            if !is_to_fail.load(Ordering::SeqCst) {
                return ObservedChild::start_link(args);
            }
            process::send(me, "fails");
            Err(StartError::Failed(failure()))
        };
        let template =
            ChildSpec::template("child", start).restart(Restart::Transient).significant(true);
        let supervisor: Simple = Supervisor::simple_one_for_one(template)
            .auto_shutdown(AutoShutdown::AllSignificant)
            .intensity(1_000_000, HOUR)
            .start_link()
            .unwrap();
        let monitor = process::monitor(supervisor);
        let (ernie, bert) = (add(&supervisor, "ernie"), add(&supervisor, "bert"));
        fails.store(true, Ordering::SeqCst);
        end_child(ernie, failure());
        assert_eq!(expect::<&str>(), "fails");
        end_child_and_wait(bert, ExitReason::Normal);
        fails.store(false, Ordering::SeqCst);
        end_child(expect_started("ernie"), ExitReason::Normal);
        assert_eq!(down_reason(monitor), ExitReason::Shutdown);
    }

    // OTP: run
    #[test]
    fn do_not_end_their_supervisor_by_choosing_not_to_start_again() {
        for auto_shutdown in [AutoShutdown::AnySignificant, AutoShutdown::AllSignificant] {
            let is_first = AtomicBool::new(true);
            let start = move |args| {
                let is_first = is_first.swap(false, Ordering::SeqCst);
                if is_first { ObservedChild::start_link(args) } else { Err(StartError::Ignored) }
            };
            let template =
                ChildSpec::template("child", start).restart(Restart::Transient).significant(true);
            let supervisor = Supervisor::simple_one_for_one(template).auto_shutdown(auto_shutdown);
            let supervisor: Simple = supervisor.start_link().unwrap();
            end_child_and_wait(add(&supervisor, "child"), failure());
            assert_eq!(supervisor.which_children(), Ok(vec![]));
            stop(&supervisor);
        }
    }
}

#[test]
fn too_many_restarts_end_it() {
    let template = ObservedChild::child_template();
    let supervisor = Supervisor::simple_one_for_one(template).start_link().unwrap();
    let monitor = process::monitor(supervisor);
    end_child(add(&supervisor, "child"), failure());
    end_child(expect_started("child"), failure());
    assert_eq!(down_reason(monitor), ExitReason::Shutdown);
}

#[test]
fn it_runs_under_a_supervisor_and_starts_empty_again() {
    let inner =
        Supervisor::simple_one_for_one(ObservedChild::child_template()).child_spec("children");
    let top = Supervisor::one_for_one().start_link().unwrap();
    let supervisor = top.start_child(inner).unwrap();
    let child = process::monitor(add(&supervisor, "child"));
    let gone = process::monitor(supervisor);
    process::exit(supervisor.pid(), ExitReason::Kill);
    assert_eq!(down_reason(gone), ExitReason::Killed);
    assert_eq!(down_reason(child), ExitReason::Killed);
    let again = top.which_children().unwrap().remove(0).state.pid().unwrap();
    assert_eq!(Simple::from_pid(again).which_children(), Ok(vec![]));
    top.stop().unwrap();
}

mod a_supervisor_of_another_kind {
    use super::*;

    #[track_caller]
    fn is_refused<T: std::fmt::Debug>(result: Result<T, SupervisorError>, found: &str) {
        match result.kind() {
            Err(CallErrorKind::WrongServer { found: it, .. }) => {
                assert!(it.contains(found), "{it}");
            }
            other => panic!("{other:?}"),
        }
    }

    // OTP: supervisor_SUITE:child_adm_simple
    #[test]
    fn is_not_asked_by_id() {
        let supervisor = start_simple(Restart::Permanent);
        let wrong = SupervisorRef::from_pid(supervisor.pid());
        is_refused(wrong.terminate_child("child"), "SimpleOneForOne");
        is_refused(wrong.restart_child("child"), "SimpleOneForOne");
        is_refused(wrong.delete_child("child"), "SimpleOneForOne");
        is_refused(wrong.get_child_spec("child"), "SimpleOneForOne");
        is_refused(wrong.start_child(child("child")), "SimpleOneForOne");
        let wrong = DynamicSupervisorRef::from_pid(supervisor.pid());
        is_refused(wrong.start_child(child("child")), "SimpleOneForOne");
        stop(&supervisor);
    }

    #[test]
    fn is_not_given_arguments_of_another_type() {
        let supervisor = start_simple(Restart::Permanent);
        let wrong = SimpleOneForOneRef::<ServerRef<ObservedChild>, u8>::from_pid(supervisor.pid());
        is_refused(wrong.start_child(3), "SimpleOneForOne");
        assert_eq!(supervisor.which_children(), Ok(vec![]));
        stop(&supervisor);
    }

    // OTP: supervisor_SUITE:child_adm
    #[test]
    fn does_not_stop_a_child_by_its_pid() {
        let supervisor = Supervisor::one_for_one().child(child("child")).start_link().unwrap();
        let pid = expect_started("child");
        let wrong = Simple::from_pid(supervisor.pid());
        assert_eq!(wrong.terminate_child(pid), Err(SupervisorError::NotFound));
        is_refused(wrong.start_child(("child", process::self_pid())), "Supervisor");
        assert!(process::is_alive(pid));
        supervisor.stop().unwrap();
    }
}
