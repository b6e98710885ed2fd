//! What a supervisor does with children on request: a rule of OTP in each test.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use procession::dynamic_supervisor::DynamicSupervisorRef;
use procession::prelude::*;
use procession::process::Builder;
use procession::supervisor::{
    AutoShutdown, ChildSpec, ChildState, ChildType, FailedToStart, Restart, Shutdown, SpecError,
    Strategy, Supervise, Supervised, Supervisor, SupervisorError, SupervisorInit, SupervisorRef,
};

use crate::support::calls::{CallKind, kind_of};
use crate::support::child::{
    ChildStarted, EndWith, ObservedChild, child, child_events, child_state, end_child_and_wait,
    expect_started, failure,
};
use crate::support::processes::{idle_body, in_process};
use crate::support::scripted::OtherServer;
use crate::support::supervision::{
    Go, HOUR, Hangs, STRATEGIES, child_pid, child_states, failing, flaky, hanging, hangs, ignoring,
    no_proc, process_child, start_empty, start_failure, start_with_three, stop_supervisor,
    unlimited_restarts, with_three,
};
use crate::support::wait::{
    assert_no_message, down_reason, exit_and_wait, expect, expect_exit, wait_for_exit,
};

const NAMES: [&str; 3] = ["a", "b", "c"];

/// A supervisor that is described by what it is started with.
struct Described;

impl Supervise for Described {
    type Args = SupervisorInit;

    fn init(args: SupervisorInit) -> SupervisorInit {
        args
    }
}

mod a_start {
    use super::*;

    // OTP: supervisor_SUITE:order_of_children
    #[test]
    fn of_a_child_begins_when_the_one_before_is_through() {
        let me = process::self_pid();
        let flag = Arc::new(AtomicBool::new(true));
        let is_through = Arc::clone(&flag);
        let second = ChildSpec::new("b", move || {
            assert!(!is_through.load(Ordering::SeqCst), "a is not through");
            ObservedChild::start_link(("b", me))
        });
        let supervisor =
            unlimited_restarts(Strategy::OneForOne).child(hanging("a", &flag)).child(second);
        process::spawn_link(move || {
            process::send(me, supervisor.start_link().map(|it| it.pid()).ok());
            idle_body();
        })
        .unwrap();
        let first = hangs("a");
        flag.store(false, Ordering::SeqCst);
        process::send(first, Go);
        assert!(expect::<Option<Pid>>().is_some());
        assert_eq!(child_events(), ["+a", "+b"]);
    }

    // OTP: supervisor_SUITE:sup_start_ignore_child
    #[test]
    fn goes_on_after_a_child_that_chooses_not_to() {
        let supervisor = unlimited_restarts(Strategy::OneForAll)
            .child(child("a"))
            .child(ignoring("kept"))
            .child(ignoring("forgotten").restart(Restart::Temporary))
            .child(child("b"))
            .start_link()
            .unwrap();
        assert_eq!(child_states(&supervisor), ["+a", "-kept", "+b"]);
        let counts = supervisor.count_children().unwrap();
        assert_eq!((counts.specs, counts.active, counts.workers), (3, 2, 3));
        stop_supervisor(&supervisor);
        assert_eq!(child_events(), ["+a", "+b", "-b", "-a"]);
    }

    // OTP: supervisor_SUITE:sup_start_fail
    #[test]
    fn fails_as_its_description_does() {
        in_process(|| {
            process::set_trap_exit(true);
            let error = Described::start_link(Err(failure())).unwrap_err();
            assert!(matches!(error, StartError::Failed(reason) if reason == failure()));
            assert!(matches!(Described::start_link(Ok(None)), Err(StartError::Ignored)));
            assert_no_message();
        });
    }

    // OTP: supervisor_SUITE:sup_start_fail
    #[test]
    fn that_fails_ends_a_starter_that_is_linked_and_traps_no_exits() {
        let (pid, monitor) = Builder::new()
            .spawn_monitor(|| {
                _ = Supervisor::one_for_one().child(failing("bad")).start_link();
                idle_body();
            })
            .unwrap();
        // Sooner or later, as with `gen_server:start_link`.
        let reason = down_reason(monitor);
        let failed: &FailedToStart = reason.downcast_ref().expect("what has failed");
        assert_eq!((failed.id.as_str(), &failed.reason), ("bad", &failure()));
        assert!(!process::is_alive(pid));
    }

    #[test]
    fn takes_an_exit_of_the_start_function_for_a_failure() {
        let exits = ChildSpec::<Pid>::new("bad", || process::exit_self(failure()));
        let StartError::Failed(reason) =
            Supervisor::one_for_one().child(exits.clone()).start_link().unwrap_err()
        else {
            panic!("it has not failed");
        };
        assert_eq!(reason.downcast_ref::<FailedToStart>().unwrap().reason, failure());

        let supervisor = start_empty();
        let error = supervisor.start_child(exits).unwrap_err();
        assert_eq!(start_failure(error), failure());
        stop_supervisor(&supervisor);
    }

    // OTP: supervisor_SUITE:already_started_outside_supervisor
    #[test]
    fn fails_at_a_child_that_runs_elsewhere() {
        let me = process::self_pid();
        let taken = ChildSpec::<Pid>::new("taken", move || Err(StartError::AlreadyStarted(me)));
        let supervisor = Supervisor::one_for_one().child(child("a")).child(taken);
        let StartError::Failed(reason) = supervisor.start_link().unwrap_err() else {
            panic!("it has not failed");
        };
        let failed: &FailedToStart = reason.downcast_ref().unwrap();
        let why: &StartError = failed.reason.downcast_ref().unwrap();
        assert!(matches!(why, StartError::AlreadyStarted(pid) if *pid == me));
        assert_eq!(child_events(), ["+a", "-a"]);
    }

    // OTP: supervisor_SUITE:child_specs
    #[test]
    fn is_not_begun_by_a_check() {
        in_process(|| {
            process::set_trap_exit(true);
            let supervisor = with_three(Supervisor::one_for_one());
            assert_eq!(supervisor.check(), Ok(()));
            let twice = supervisor.child(child("a"));
            assert_eq!(twice.check(), Err(SpecError::DuplicateId("a".to_owned())));
            // Nor by a start that fails the check.
            assert!(twice.start_link().is_err());
            assert_no_message();
        });
    }

    // OTP: supervisor_SUITE:child_specs_map, significant_upgrade_never_any
    #[test]
    fn refuses_significant_children_that_make_no_sense() {
        let id = || "a".to_owned();
        use AutoShutdown::{AllSignificant, AnySignificant, Never};
        for auto_shutdown in [Never, AnySignificant, AllSignificant] {
            for restart in [Restart::Permanent, Restart::Transient, Restart::Temporary] {
                let expected = match (auto_shutdown, restart) {
                    (Never, _) => Err(SpecError::SignificantWithoutAutoShutdown(id())),
                    (_, Restart::Permanent) => Err(SpecError::SignificantAndPermanent(id())),
                    _ => Ok(()),
                };
                let spec = child("a").restart(restart).significant(true);
                let none = Supervisor::one_for_one().auto_shutdown(auto_shutdown);
                assert_eq!(none.clone().child(spec.clone()).check(), expected);

                let supervisor = none.start_link().unwrap();
                let added = supervisor.start_child(spec).map(drop);
                assert_eq!(added, expected.map_err(SupervisorError::Spec));
                stop_supervisor(&supervisor);
            }
        }
    }

    // `check_childspec/2` comes before the id is looked up.
    #[test]
    fn of_another_child_with_the_same_id_is_refused_for_what_is_wrong_first() {
        let supervisor =
            unlimited_restarts(Strategy::OneForOne).child(child("a")).start_link().unwrap();
        let wrong = child("a").restart(Restart::Transient).significant(true);
        let error = SpecError::SignificantWithoutAutoShutdown("a".to_owned());
        assert_eq!(supervisor.start_child(wrong).unwrap_err(), SupervisorError::Spec(error));
        stop_supervisor(&supervisor);
    }

    // OTP: supervisor_SUITE:simple_global_supervisor
    #[test]
    fn of_a_named_supervisor_anew_takes_the_name_again() {
        const NAME: &str = "supervisor_rules::named";
        let inner = ChildSpec::new("inner", || {
            Supervisor::one_for_one().start_link_with(StartOptions::new().name(NAME))
        });
        let outer = unlimited_restarts(Strategy::OneForOne).child(inner).start_link().unwrap();
        let first = process::whereis(NAME).unwrap();
        assert_eq!(child_pid(&outer, "inner"), Some(first));
        assert_eq!(exit_and_wait(first, ExitReason::Kill), ExitReason::Killed);
        let second = child_pid(&outer, "inner").unwrap();
        assert_ne!(second, first);
        assert_eq!(process::whereis(NAME), Some(second));
        stop_supervisor(&outer);
        assert_eq!(process::whereis(NAME), None);
    }

    // OTP: supervisor_SUITE:get_callback_module
    #[test]
    fn remembers_its_callback_module() {
        let described = Described::start_link(Ok(Some(Supervisor::one_for_one()))).unwrap();
        let module = described.get_callback_module().unwrap();
        assert!(module.ends_with("supervisor_rules::Described"), "{module}");
        let in_place = start_empty();
        assert!(in_place.get_callback_module().unwrap().ends_with("supervisor::Supervisor"));
        stop_supervisor(&described);
        stop_supervisor(&in_place);
    }

    #[test]
    fn that_outlasts_its_time_kills_the_supervisor_and_its_children() {
        let flag = Arc::new(AtomicBool::new(true));
        let supervisor = Supervisor::one_for_one().child(child("a")).child(hanging("b", &flag));
        let options = StartOptions::new().init_timeout(Duration::from_millis(20));
        let error = supervisor.start_link_with(options).unwrap_err();
        assert!(matches!(error, StartError::Timeout), "{error:?}");
        // As far as it has come in this time.
        let of_child = |it: &Message| it.is::<ChildStarted>() || it.is::<Hangs>();
        while let Some(message) = process::receive_match_timeout(Duration::ZERO, of_child) {
            let pid = match message.downcast::<ChildStarted>() {
                Ok(ChildStarted(_, pid)) => pid,
                Err(message) => message.downcast::<Hangs>().unwrap().1,
            };
            wait_for_exit(pid);
        }
    }
}

mod a_spec {
    use super::*;

    // OTP: supervisor_SUITE:child_specs, sup_stop_infinity
    #[test]
    fn may_give_any_time_to_workers_and_supervisors_alike() {
        let longest = Shutdown::Timeout(Duration::MAX);
        let none = Shutdown::Timeout(Duration::ZERO);
        for shutdown in [Shutdown::BrutalKill, Shutdown::Infinity, none, longest] {
            for child_type in [ChildType::Worker, ChildType::Supervisor] {
                // In any order.
                let one = child("a").shutdown(shutdown).child_type(child_type);
                let other = child("a").child_type(child_type).shutdown(shutdown);
                assert_eq!(one.policy().shutdown, shutdown);
                assert_eq!(one.policy(), other.policy());
                let supervisor = Supervisor::one_for_one().child(one).start_link().unwrap();
                assert_eq!(supervisor.get_child_spec("a").unwrap(), other.policy());
                stop_supervisor(&supervisor);
            }
        }
    }

    // OTP: supervisor_SUITE:sup_start_map
    #[test]
    fn is_shown_as_it_was_given_with_the_defaults() {
        let supervisor = unlimited_restarts(Strategy::OneForOne)
            .auto_shutdown(AutoShutdown::AnySignificant)
            .child(child("a"))
            .start_link()
            .unwrap();
        let spec = child("b").restart(Restart::Transient).significant(true);
        let spec = spec.shutdown(Shutdown::BrutalKill).child_type(ChildType::Supervisor);
        supervisor.start_child(spec).unwrap();
        let b = supervisor.get_child_spec("b").unwrap();
        assert_eq!((b.id.as_str(), b.restart), ("b", Restart::Transient));
        assert_eq!((b.shutdown, b.child_type), (Shutdown::BrutalKill, ChildType::Supervisor));
        assert!(b.significant);
        assert_eq!(supervisor.get_child_spec("a"), Ok(child("a").policy()));
        assert_eq!(supervisor.get_child_spec("c"), Err(SupervisorError::NotFound));
        stop_supervisor(&supervisor);
    }

    // OTP: supervisor_SUITE:sup_start_map
    #[test]
    fn of_a_supervisor_gives_it_all_the_time_it_takes() {
        let in_place = Supervisor::one_for_one().child_spec("a").policy();
        assert_eq!(in_place.shutdown, Shutdown::Infinity);
        // What is made one later has no other default.
        let late = child("a").child_type(ChildType::Supervisor).policy();
        assert_eq!(late.shutdown, Shutdown::Infinity);
        let worker = ObservedChild::child_spec(("a", process::self_pid())).policy();
        assert_eq!(worker.shutdown, Shutdown::Timeout(Duration::from_secs(5)));
    }
}

mod a_child {
    use super::*;

    // OTP: supervisor_SUITE:child_adm
    #[test]
    fn that_was_stopped_is_not_started_again() {
        let kinds = [Restart::Permanent, Restart::Transient, Restart::Temporary];
        let ways = [
            Shutdown::Infinity,
            Shutdown::Timeout(HOUR),
            Shutdown::Timeout(Duration::ZERO),
            Shutdown::BrutalKill,
        ];
        let supervisor = start_empty();
        for (restart, shutdown) in kinds.iter().flat_map(|kind| ways.map(|way| (*kind, way))) {
            let spec = child("a").restart(restart).shutdown(shutdown);
            let pid = supervisor.start_child(spec).unwrap().pid();
            assert_eq!(supervisor.terminate_child("a"), Ok(()));
            assert!(!process::is_alive(pid));
            // It would be started again before what is asked for later.
            supervisor.start_child(child("later")).unwrap();
            let told = child_events();
            let starts: Vec<_> = told.iter().filter(|word| word.starts_with('+')).collect();
            assert_eq!(starts, ["+a", "+later"], "{restart:?} {shutdown:?}");
            let kept = child_state(&supervisor, "a");
            let expected = (restart != Restart::Temporary).then_some(ChildState::Stopped);
            assert_eq!(kept, expected, "{restart:?} {shutdown:?}");
            for id in ["a", "later"] {
                _ = supervisor.terminate_child(id);
                _ = supervisor.delete_child(id);
            }
            child_events();
        }
        stop_supervisor(&supervisor);
    }

    // OTP: supervisor_SUITE:child_adm
    #[test]
    fn that_is_stopped_leaves_its_siblings_alone_under_every_strategy() {
        for strategy in STRATEGIES {
            let (supervisor, [a, _, c]) = start_with_three(strategy);
            assert_eq!(supervisor.terminate_child("b"), Ok(()));
            assert_eq!(child_states(&supervisor), ["+a", "-b", "+c"]);
            let second = supervisor.restart_child("b").unwrap();
            assert_eq!(expect_started("b"), second);
            assert_eq!([a, c], ["a", "c"].map(|id| child_pid(&supervisor, id).unwrap()));
            // It has its place again, between the others.
            assert_eq!(child_states(&supervisor), ["+a", "+b", "+c"]);
            assert_eq!(child_events(), ["-b"]);
            stop_supervisor(&supervisor);
            assert_eq!(child_events(), ["-c", "-b", "-a"]);
        }
    }

    // OTP: supervisor_SUITE:sup_start_restart_child_returns_error
    #[test]
    fn that_fails_when_it_is_started_again_on_request_stays_stopped() {
        let supervisor = start_empty();
        let (spec, fails) = flaky("a");
        supervisor.start_child(spec).unwrap();
        supervisor.terminate_child("a").unwrap();
        fails.store(2, Ordering::SeqCst);
        for _ in 0..2 {
            let error = supervisor.restart_child("a").unwrap_err();
            assert_eq!(start_failure(error), failure());
            assert_eq!(child_states(&supervisor), ["-a"]);
        }
        assert_eq!(supervisor.restart_child("a").ok(), child_pid(&supervisor, "a"));
        assert_eq!(child_events(), ["+a", "-a", "+a"]);
        stop_supervisor(&supervisor);
    }

    #[test]
    fn may_choose_not_to_start_again_on_request() {
        let supervisor = start_empty();
        let ignored = supervisor.start_child(ignoring("a")).unwrap_err();
        assert_eq!(ignored, SupervisorError::Ignored);
        assert_eq!(supervisor.restart_child("a"), Err(SupervisorError::Ignored));
        assert_eq!(child_states(&supervisor), ["-a"]);
        assert_eq!(supervisor.delete_child("a"), Ok(()));
        stop_supervisor(&supervisor);
    }

    #[test]
    fn that_runs_elsewhere_is_not_started_again_on_request() {
        let me = process::self_pid();
        let supervisor = start_empty();
        let first = AtomicBool::new(true);
        let taken = ChildSpec::new("b", move || match first.swap(false, Ordering::SeqCst) {
            true => Err(StartError::Ignored),
            false => Err::<Pid, _>(StartError::AlreadyStarted(me)),
        });
        assert_eq!(supervisor.start_child(taken).unwrap_err(), SupervisorError::Ignored);
        assert_eq!(supervisor.restart_child("b"), Err(SupervisorError::AlreadyStarted(me)));
        assert_eq!(child_states(&supervisor), ["-b"]);
        assert_eq!(supervisor.delete_child("b"), Ok(()));
        stop_supervisor(&supervisor);
    }

    // OTP: supervisor_SUITE:do_not_save_child_specs_for_temporary_children
    #[test]
    fn that_is_transient_and_has_ended_can_be_started_again_or_deleted() {
        let supervisor = start_empty();
        let reasons = [ExitReason::Normal, ExitReason::Shutdown, ExitReason::shutdown_with(1)];
        for reason in reasons {
            supervisor.start_child(child("a").restart(Restart::Transient)).unwrap();
            end_child_and_wait(expect_started("a"), reason.clone());
            assert_eq!(child_states(&supervisor), ["-a"]);
            let again = supervisor.start_child(child("a")).unwrap_err();
            assert_eq!(again, SupervisorError::AlreadyPresent);
            let second = supervisor.restart_child("a").unwrap();
            end_child_and_wait(second, reason);
            assert_eq!(supervisor.delete_child("a"), Ok(()));
            assert_eq!(child_states(&supervisor), <[String; 0]>::default());
            assert_eq!(child_events(), ["-a", "+a", "-a"]);
        }
        stop_supervisor(&supervisor);
    }

    // OTP: supervisor_SUITE:do_not_save_child_specs_for_temporary_children
    #[test]
    fn that_was_temporary_leaves_its_id_free() {
        let ends: [fn(&SupervisorRef, Pid); 3] = [
            |_, pid| end_child_and_wait(pid, failure()),
            |_, pid| assert_eq!(exit_and_wait(pid, ExitReason::Kill), ExitReason::Killed),
            |supervisor, _| supervisor.terminate_child("a").unwrap(),
        ];
        let supervisor = start_empty();
        for end in ends {
            supervisor.start_child(child("a").restart(Restart::Temporary)).unwrap();
            end(&supervisor, expect_started("a"));
            assert_eq!(supervisor.restart_child("a"), Err(SupervisorError::NotFound));
            assert_eq!(supervisor.delete_child("a"), Err(SupervisorError::NotFound));
            assert_eq!(supervisor.terminate_child("a"), Err(SupervisorError::NotFound));
            supervisor.start_child(child("a")).unwrap();
            expect_started("a");
            supervisor.terminate_child("a").unwrap();
            supervisor.delete_child("a").unwrap();
        }
        stop_supervisor(&supervisor);
    }

    // OTP: supervisor_SUITE:hanging_restart_loop
    #[test]
    fn that_is_to_be_restarted_has_its_id() {
        let (spec, fails) = flaky("a");
        let supervisor = unlimited_restarts(Strategy::OneForOne).child(spec).start_link().unwrap();
        fails.store(usize::MAX, Ordering::SeqCst);
        end_child_and_wait(expect_started("a"), failure());
        assert_eq!(child_states(&supervisor), ["?a"]);
        let again = supervisor.start_child(child("a")).unwrap_err();
        assert_eq!(again, SupervisorError::AlreadyPresent);
        assert_eq!(supervisor.get_child_spec("a"), Ok(child("a").policy()));
        // Others are started meanwhile.
        supervisor.start_child(child("b")).unwrap();
        assert_eq!(child_states(&supervisor), ["?a", "+b"]);
        stop_supervisor(&supervisor);
    }

    // OTP: supervisor_SUITE:child_unlink
    #[test]
    fn that_has_removed_the_link_does_not_hang_the_supervisor() {
        for shutdown in [Shutdown::Infinity, Shutdown::Timeout(HOUR), Shutdown::BrutalKill] {
            let (spec, parent) = unlinking(idle_body);
            let supervisor = unlimited_restarts(Strategy::OneForOne).start_link().unwrap();
            process::register(parent, supervisor.pid()).unwrap();
            let pid = supervisor.start_child(spec.shutdown(shutdown)).unwrap();
            expect::<Unlinked>();
            let monitor = process::monitor(pid);
            stop_supervisor(&supervisor);
            let killed = shutdown == Shutdown::BrutalKill;
            let expected = if killed { ExitReason::Killed } else { ExitReason::Shutdown };
            assert_eq!(down_reason(monitor), expected);
        }
    }

    /// To the observer: a child has removed the link to its supervisor.
    #[derive(Debug)]
    struct Unlinked;

    /// A child that removes the link to the supervisor, which is to have the name.
    fn unlinking(then: fn()) -> (ChildSpec<Pid>, &'static str) {
        const NAME: &str = "supervisor_rules::unlinking";
        let me = process::self_pid();
        let body = move || {
            process::unlink(process::whereis(NAME).unwrap());
            process::send(me, Unlinked);
            then();
        };
        (process_child("a", body), NAME)
    }

    // OTP: supervisor_SUITE:count_children, child_unlink
    #[test]
    fn that_has_ended_unnoticed_is_not_active() {
        let me = process::self_pid();
        let supervisor = start_empty();
        let parent = supervisor.pid();
        let spec = process_child("a", move || {
            process::unlink(parent);
            process::send(me, Unlinked);
            expect::<Go>();
        });
        let pid = supervisor.start_child(spec).unwrap();
        expect::<Unlinked>();
        assert_eq!(supervisor.count_children().unwrap().active, 1);
        let monitor = process::monitor(pid);
        process::send(pid, Go);
        assert_eq!(down_reason(monitor), ExitReason::Normal);
        // It cannot know, but it looks.
        assert_eq!(child_pid(&supervisor, "a"), Some(pid));
        assert_eq!(supervisor.count_children().unwrap().active, 0);
        assert_eq!(supervisor.terminate_child("a"), Ok(()));
        stop_supervisor(&supervisor);
    }

    // OTP: supervisor_SUITE:count_children_supervisor
    #[test]
    fn that_is_stopped_counts_as_what_it_is() {
        let supervisor = unlimited_restarts(Strategy::OneForOne)
            .child(Supervisor::one_for_one().child_spec("one"))
            .child(Supervisor::one_for_one().child_spec("two"))
            .child(child("a"))
            .start_link()
            .unwrap();
        let counts = || {
            let it = supervisor.count_children().unwrap();
            (it.specs, it.active, it.supervisors, it.workers)
        };
        assert_eq!(counts(), (3, 3, 2, 1));
        supervisor.terminate_child("one").unwrap();
        supervisor.terminate_child("a").unwrap();
        assert_eq!(counts(), (3, 1, 2, 1));
        supervisor.delete_child("one").unwrap();
        assert_eq!(counts(), (2, 1, 1, 1));
        stop_supervisor(&supervisor);
    }

    // OTP: supervisor_SUITE:count_restarting_children
    #[test]
    fn that_is_to_be_restarted_counts_but_is_not_active() {
        let children = ["a", "b", "c"].map(flaky);
        let supervisor = children
            .iter()
            .fold(unlimited_restarts(Strategy::OneForOne), |it, (spec, _)| it.child(spec.clone()))
            .start_link()
            .unwrap();
        let counts = || {
            let it = supervisor.count_children().unwrap();
            (it.specs, it.active, it.workers)
        };
        for (n, (spec, fails)) in children.iter().enumerate() {
            fails.store(usize::MAX, Ordering::SeqCst);
            end_child_and_wait(child_pid(&supervisor, &spec.policy().id).unwrap(), failure());
            assert_eq!(counts(), (3, 2 - n, 3));
        }
        child_events();
        for (_, fails) in &children {
            fails.store(0, Ordering::SeqCst);
        }
        for id in ["a", "b", "c"] {
            expect_started(id);
        }
        assert_eq!(counts(), (3, 3, 3));
        stop_supervisor(&supervisor);
    }
}

mod a_misdirected_message {
    use super::*;

    impl HandleCall<()> for OtherServer {
        type Reply = ();

        fn handle_call(&mut self, (): (), _: &Caller<()>) -> CallResult<OtherServer, ()> {
            reply(())
        }
    }

    // OTP: supervisor_SUITE:child_adm
    #[test]
    fn with_a_pid_where_children_have_ids_finds_no_child() {
        let (supervisor, [a, b, c]) = start_with_three(Strategy::OneForOne);
        let as_dynamic = DynamicSupervisorRef::from_pid(supervisor.pid());
        assert_eq!(as_dynamic.terminate_child(b), Err(SupervisorError::NotFound));
        assert_eq!(NAMES.map(|id| child_pid(&supervisor, id).unwrap()), [a, b, c]);
        assert!([a, b, c].into_iter().all(process::is_alive));
        stop_supervisor(&supervisor);
    }

    // OTP: supervisor_SUITE:child_unlink
    #[test]
    fn does_the_supervisor_no_harm() {
        let (supervisor, pids) = start_with_three(Strategy::OneForAll);
        let pid = supervisor.pid();
        process::send(pid, "a message");
        ServerRef::<ObservedChild>::from_pid(pid).cast(EndWith(failure()));
        let outcome = ServerRef::<OtherServer>::from_pid(pid).call(()).kind();
        assert!(matches!(outcome, Err(CallErrorKind::WrongServer { .. })), "{outcome:?}");
        process::send(pid, Down { monitor: process::monitor(pid), ..a_down() });
        assert_eq!(NAMES.map(|id| child_pid(&supervisor, id).unwrap()), pids);
        stop_supervisor(&supervisor);
    }

    /// The DOWN of some process.
    fn a_down() -> Down {
        let (_, monitor) = process::spawn_monitor(|| {}).unwrap();
        receive! { down: Down if down.monitor == monitor => down }
    }
}

mod a_supervisor_that_has_ended {
    use super::*;

    #[track_caller]
    fn check(supervisor: &SupervisorRef<Destination>) {
        assert_eq!(supervisor.start_child(child("a")).map(drop).kind(), no_proc());
        assert_eq!(supervisor.terminate_child("a").kind(), no_proc());
        assert_eq!(supervisor.restart_child("a").kind(), no_proc());
        assert_eq!(supervisor.delete_child("a").kind(), no_proc());
        assert_eq!(supervisor.which_children().kind(), no_proc());
        assert_eq!(supervisor.count_children().kind(), no_proc());
        assert_eq!(supervisor.get_child_spec("a").kind(), no_proc());
        assert_eq!(supervisor.get_callback_module().kind(), no_proc());
        assert_eq!(supervisor.stop(), Err(StopError::NoProc));
        assert_eq!(child_events(), <[String; 0]>::default());
    }

    // OTP: supervisor_SUITE:child_adm
    #[test]
    fn is_reported_as_noproc() {
        check(&SupervisorRef::at("supervisor_rules::nobody"));
        let supervisor = start_empty();
        stop_supervisor(&supervisor);
        check(&supervisor.into());
    }

    #[test]
    fn before_it_has_answered_is_reported_as_down() {
        let supervisor = start_empty();
        let pid = supervisor.pid();
        let spec = ChildSpec::<Pid>::new("a", || {
            process::exit(process::self_pid(), ExitReason::Kill);
            Err(StartError::Ignored)
        });
        let error = supervisor.start_child(spec).unwrap_err();
        assert_eq!(kind_of(error), CallErrorKind::Down(ExitReason::Killed));
        assert_eq!(expect_exit(pid), ExitReason::Killed);
    }
}
