//! How processes end: by themselves, by a panic, by an exit signal.

use std::cell::RefCell;
use std::convert::Infallible;
use std::io;
use std::panic::{catch_unwind, panic_any, resume_unwind};
use std::sync::Arc;
use std::sync::mpsc;
use std::time::{Duration, Instant};

use procession::Panic;
use procession::prelude::*;
use procession::process::{Builder, Status, dictionary};

use crate::support::drops::OnDrop;
use crate::support::processes::{
    Begun, Busy, FOREVER, begun, busy, idle, idle_body, in_process, reason,
};
use crate::support::rounds::rounds;
use crate::support::wait::{assert_no_message, down_reason, exit_and_wait, expect, wait_until};

fn other_reason() -> ExitReason {
    ExitReason::new("exit::other_reason")
}

mod exit_self {
    use super::*;

    // OTP: process_SUITE:t_exit_1, monitor_SUITE:large_exit
    #[test]
    fn gives_links_and_monitors_its_reason_unchanged_however_large() {
        in_process(|| {
            process::set_trap_exit(true);
            let large: Vec<_> = (0..10_000).map(|n: u32| (n, n.to_string())).collect();
            let reason = ExitReason::new(large);
            let given = reason.clone();
            let (pid, monitor) =
                Builder::new().link().spawn_monitor(|| process::exit_self(given)).unwrap();

            assert_eq!(down_reason(monitor), reason);
            assert_eq!(expect::<Exit>(), Exit { from: pid, reason });
        });
    }

    #[test]
    fn takes_any_error_as_a_reason() {
        let (_, monitor) = process::spawn_monitor(|| {
            process::exit_self(io::Error::new(io::ErrorKind::NotFound, "no paper"))
        })
        .unwrap();

        let reason = down_reason(monitor);
        assert_eq!(reason.downcast_ref::<io::Error>().unwrap().kind(), io::ErrorKind::NotFound);
    }

    #[test]
    fn runs_destructors_and_nothing_after_the_call() {
        let me = process::self_pid();
        let (_, monitor) = process::spawn_monitor(move || {
            let _guard = OnDrop(|| process::send(me, "dropped"));
            if process::is_alive(me) {
                process::exit_self(ExitReason::Normal);
            }
            process::send(me, "after the call");
        })
        .unwrap();

        assert_eq!(down_reason(monitor), ExitReason::Normal);
        assert_eq!(expect::<&str>(), "dropped");
        assert_no_message();
    }

    #[test]
    fn with_kill_is_a_reason_as_any_other() {
        let (_, monitor) = process::spawn_monitor(|| process::exit_self(ExitReason::Kill)).unwrap();
        assert_eq!(down_reason(monitor), ExitReason::Kill);
    }

    #[test]
    fn can_be_caught_by_the_body_which_then_goes_on() {
        in_process(|| {
            assert!(catch_unwind(|| process::exit_self(reason())).is_err());

            process::send(process::self_pid(), "still alive");
            process::checkpoint();
            assert_eq!(expect::<&str>(), "still alive");
        });
    }

    #[test]
    fn is_not_taken_for_a_panic_by_the_one_who_ends_later() {
        let (_, monitor) = process::spawn_monitor(|| {
            _ = catch_unwind(|| process::exit_self(reason()));
            process::exit_self(other_reason());
        })
        .unwrap();
        assert_eq!(down_reason(monitor), other_reason());
    }
}

mod panics {
    use super::*;

    /// Returns the reason that others get from a process whose body panics.
    #[track_caller]
    fn panic_of(body: impl FnOnce() + Send + 'static) -> Panic {
        let (_, monitor) = process::spawn_monitor(body).unwrap();
        let reason = down_reason(monitor);
        reason.as_panic().unwrap_or_else(|| panic!("not a panic: {reason:?}")).clone()
    }

    #[track_caller]
    fn assert_location(panic: &Panic, line: u32) {
        let location = panic.location.as_deref().unwrap();
        assert!(location.starts_with(&format!("{}:{line}:", file!())), "{location}");
    }

    // OTP: process_SUITE:trap_exit_badarg
    #[test]
    fn give_message_and_location() {
        let line = line!() + 1;
        let panic = panic_of(|| panic!("cannot divide by {}", std::hint::black_box(0)));

        assert_eq!(panic.message, "cannot divide by 0");
        assert_location(&panic, line);
    }

    #[test]
    fn of_the_standard_library_give_message_and_location() {
        let line = line!() + 1;
        let panic = panic_of(|| _ = "seven".parse::<u32>().unwrap());

        let beginning = "called `Result::unwrap()` on an `Err` value: ParseIntError";
        assert!(panic.message.starts_with(beginning), "{}", panic.message);
        assert_location(&panic, line);
    }

    // OTP: process_SUITE:trap_exit_badarg
    #[test]
    fn are_the_same_reason_for_links_and_monitors() {
        in_process(|| {
            process::set_trap_exit(true);
            let (pid, monitor) =
                Builder::new().link().spawn_monitor(|| panic!("both hear it")).unwrap();

            let reason = down_reason(monitor);
            assert_eq!(reason.as_panic().unwrap().message, "both hear it");
            assert_eq!(expect::<Exit>(), Exit { from: pid, reason });
        });
    }

    #[test]
    fn with_a_payload_that_is_no_message_say_where_they_were() {
        let line = line!() + 1;
        let panic = panic_of(|| panic_any(42));

        assert_eq!(panic.message, "a payload that is not a message");
        assert_location(&panic, line);
    }

    #[test]
    fn that_the_hook_does_not_see_give_the_message_alone() {
        let panic = panic_of(|| resume_unwind(Box::new("from afar")));

        assert_eq!(panic.message, "from afar");
        assert_eq!(panic.location, None);
    }

    #[test]
    fn are_not_confused_with_one_that_was_caught_before() {
        let panic = panic_of(|| {
            _ = catch_unwind(|| panic!("the first"));
            resume_unwind(Box::new("the second"));
        });
        assert_eq!(panic.message, "the second");
        assert_eq!(panic.location, None);

        let line = line!() + 3;
        let panic = panic_of(|| {
            _ = catch_unwind(|| panic!("the first"));
            panic!("the second");
        });
        assert_eq!(panic.message, "the second");
        assert_location(&panic, line);
    }

    #[test]
    fn that_are_thrown_again_keep_their_location() {
        let line = line!() + 2;
        let panic = panic_of(|| {
            let payload = catch_unwind(|| panic!("passed on")).unwrap_err();
            resume_unwind(payload);
        });
        assert_eq!(panic.message, "passed on");
        assert_location(&panic, line);
    }

    #[test]
    fn that_are_caught_leave_the_process_as_it_was() {
        in_process(|| {
            assert!(catch_unwind(|| panic!("caught")).is_err());
            process::checkpoint();
        });
    }

    #[test]
    fn whose_payload_panics_when_dropped_still_end_the_process_alone() {
        struct Grenade;

        impl Drop for Grenade {
            fn drop(&mut self) {
                panic!("in the destructor of a payload");
            }
        }

        let panic = panic_of(|| panic_any(Grenade));
        assert_eq!(panic.message, "a payload that is not a message");
    }
}

mod signals {
    use super::*;

    // OTP: process_SUITE:t_exit_2_other
    #[test]
    fn end_a_process_that_does_not_trap_with_their_reason() {
        let pid = idle();
        assert_eq!(exit_and_wait(pid, reason()), reason());
    }

    #[test]
    fn of_normal_are_ignored_by_a_process_that_does_not_trap() {
        let pid = idle();
        let monitor = process::monitor(pid);
        process::exit(pid, ExitReason::Normal);
        process::exit(pid, reason());
        // The first of two counts; had `Normal` counted, it would be the reason.
        assert_eq!(down_reason(monitor), reason());
    }

    // OTP: process_SUITE:self_exit
    #[test]
    fn are_messages_for_a_process_that_traps_exits_in_the_order_they_come() {
        in_process(|| {
            process::set_trap_exit(true);
            let trapper = process::self_pid();
            let (sender, monitor) = process::spawn_monitor(move || {
                process::send(trapper, "before");
                process::exit(trapper, reason());
                process::send(trapper, "between");
                process::exit(trapper, ExitReason::Normal); // OTP: erlang:exit/2
                process::exit(trapper, ExitReason::Killed);
                process::send(trapper, "after");
            })
            .unwrap();
            assert_eq!(down_reason(monitor), ExitReason::Normal);

            let exit = |reason| Exit { from: sender, reason };
            let next = || process::receive_timeout(Duration::ZERO).unwrap();
            assert_eq!(next().downcast::<&str>().unwrap(), "before");
            assert_eq!(next().downcast::<Exit>().unwrap(), exit(reason()));
            assert_eq!(next().downcast::<&str>().unwrap(), "between");
            assert_eq!(next().downcast::<Exit>().unwrap(), exit(ExitReason::Normal));
            assert_eq!(next().downcast::<Exit>().unwrap(), exit(ExitReason::Killed));
            assert_eq!(next().downcast::<&str>().unwrap(), "after");
            assert_no_message();
        });
    }

    // OTP: erlang:exit/2
    #[test]
    fn to_a_process_that_has_ended_do_nothing() {
        in_process(|| {
            process::set_trap_exit(true);
            let (pid, monitor) = process::spawn_monitor(|| {}).unwrap();
            down_reason(monitor);

            process::exit(pid, reason());
            process::exit(pid, ExitReason::Kill);
            assert_no_message();
        });
    }

    // OTP: process_SUITE:exit_twice
    #[test]
    fn that_come_twice_while_a_process_is_busy_count_once() {
        let Busy { pid, monitor, let_go } = busy(Builder::new(), process::checkpoint);
        process::exit(pid, reason());
        process::exit(pid, other_reason());
        drop(let_go);
        assert_eq!(down_reason(monitor), reason());
    }

    // OTP: process_SUITE:exit_and_timeout
    #[test]
    fn end_a_timed_receive_without_its_time_out() {
        let me = process::self_pid();
        let (pid, monitor) = begun(Builder::new(), move || {
            receive! {
                never: Infallible => match never {},
                after FOREVER => process::send(me, "timed out"),
            }
        });
        process::exit(pid, reason());

        assert_eq!(down_reason(monitor), reason());
        assert_no_message();
    }

    #[test]
    fn do_not_wait_behind_queued_messages() {
        let me = process::self_pid();
        let Busy { pid, monitor, let_go } = busy(Builder::new(), move || {
            loop {
                receive! { work: u32 => process::send(me, work) }
            }
        });
        (0..10_u32).for_each(|work| process::send(pid, work));
        process::exit(pid, reason());
        drop(let_go);

        assert_eq!(down_reason(monitor), reason());
        assert_no_message();
    }

    #[test]
    fn take_effect_at_a_receive_point_which_sending_is_not() {
        let me = process::self_pid();
        let Busy { pid, monitor, let_go } = busy(Builder::new(), move || {
            process::send(me, "before the receive point");
            process::send(me, process::self_pid());
            process::checkpoint();
            process::send(me, "after the receive point");
        });
        process::exit(pid, reason());
        assert!(process::is_alive(pid));
        drop(let_go);

        assert_eq!(down_reason(monitor), reason());
        assert_eq!(expect::<&str>(), "before the receive point");
        assert_eq!(expect::<Pid>(), pid);
        assert_no_message();
    }

    #[track_caller]
    fn check_receive_point(call: fn()) {
        let me = process::self_pid();
        let Busy { pid, monitor, let_go } = busy(Builder::new(), move || {
            call();
            process::send(me, "after the call");
        });
        process::exit(pid, reason());
        drop(let_go);
        assert_eq!(down_reason(monitor), reason());
        assert_no_message();
    }

    #[test]
    fn take_effect_in_every_call_that_is_a_receive_point() {
        check_receive_point(process::checkpoint);
        check_receive_point(|| _ = process::receive());
        check_receive_point(|| _ = process::receive_timeout(Duration::ZERO));
        check_receive_point(|| _ = process::receive_match_timeout(Duration::ZERO, |_| true));
        check_receive_point(|| receive! { _ => {}, after Duration::ZERO => {} });
        check_receive_point(|| process::sleep(Duration::ZERO));
        check_receive_point(|| _ = process::set_trap_exit(true));
        check_receive_point(|| process::unlink(process::self_pid()));
        check_receive_point(|| _ = process::demonitor(process::monitor(process::self_pid())));
        check_receive_point(|| {
            _ = process::register("exit::signals::own_name", process::self_pid());
        });
    }

    #[test]
    fn run_the_destructors_of_the_process_they_end() {
        let me = process::self_pid();
        let (pid, monitor) = begun(Builder::new(), move || {
            let _outer = OnDrop(|| process::send(me, "outer"));
            let _inner = OnDrop(|| process::send(me, "inner"));
            idle_body();
        });
        process::exit(pid, reason());

        assert_eq!(down_reason(monitor), reason());
        assert_eq!([expect::<&str>(), expect::<&str>()], ["inner", "outer"]);
    }

    mod to_oneself {
        use super::*;

        // OTP: process_SUITE:self_exit
        #[test]
        fn are_there_to_receive_at_once_when_trapping() {
            in_process(|| {
                process::set_trap_exit(true);
                let me = process::self_pid();
                for reason in [reason(), ExitReason::Normal] {
                    process::exit(me, reason.clone());
                    let exit = process::receive_timeout(Duration::ZERO).unwrap();
                    assert_eq!(exit.downcast::<Exit>().unwrap(), Exit { from: me, reason });
                }
            });
        }

        // OTP: process_SUITE:t_exit_2_catch, process_SUITE:abnormal_suicide_exit
        #[test]
        fn end_the_process_although_it_catches_them() {
            let me = process::self_pid();
            let (_, monitor) = process::spawn_monitor(move || {
                _ = catch_unwind(|| {
                    process::exit(process::self_pid(), reason());
                    process::send(me, "after the call");
                });
            })
            .unwrap();
            assert_eq!(down_reason(monitor), reason());
            assert_no_message();
        }

        #[test]
        fn end_the_process_even_if_normal() {
            let me = process::self_pid();
            let (_, monitor) = process::spawn_monitor(move || {
                process::exit(process::self_pid(), ExitReason::Normal);
                process::send(me, "after the call");
            })
            .unwrap();
            assert_eq!(down_reason(monitor), ExitReason::Normal);
            assert_no_message();
        }
    }
}

mod trap_exit {
    use super::*;

    // OTP: erl_link_SUITE:links
    #[test]
    fn is_off_at_first_and_setting_it_returns_what_it_was() {
        in_process(|| {
            assert!(!process::set_trap_exit(true));
            assert!(process::set_trap_exit(true));
            assert!(process::set_trap_exit(false));
            assert!(!process::set_trap_exit(false));
        });
    }

    // OTP: erl_link_SUITE:links
    #[test]
    fn is_not_inherited() {
        in_process(|| {
            process::set_trap_exit(true);
            in_process(|| assert!(!process::set_trap_exit(true)));
        });
    }

    // OTP: erl_link_SUITE:links
    #[test]
    fn counts_when_the_signal_is_received_not_when_the_link_was_made() {
        in_process(|| {
            let pid = process::spawn_link(idle_body).unwrap();
            process::set_trap_exit(true);
            process::exit(pid, reason());
            assert_eq!(expect::<Exit>(), Exit { from: pid, reason: reason() });
        });

        let (trapper, monitor) = process::spawn_monitor(|| {
            process::set_trap_exit(true);
            let pid = process::spawn_link(idle_body).unwrap();
            process::set_trap_exit(false);
            process::exit(pid, reason());
            idle_body();
        })
        .unwrap();
        assert_eq!(down_reason(monitor), reason());
        assert!(!process::is_alive(trapper));
    }

    #[test]
    fn set_too_late_does_not_help_against_what_has_arrived() {
        let Busy { pid, monitor, let_go } = busy(Builder::new(), || {
            process::set_trap_exit(true);
            idle_body();
        });
        process::exit(pid, reason());
        drop(let_go);
        assert_eq!(down_reason(monitor), reason());
    }

    #[test]
    fn cleared_later_does_not_turn_against_what_has_arrived() {
        let me = process::self_pid();
        let Busy { pid, monitor, let_go } = busy(Builder::new().trap_exit(true), move || {
            process::set_trap_exit(false);
            process::send(me, expect::<Exit>());
        });
        process::exit(pid, reason());
        drop(let_go);
        assert_eq!(expect::<Exit>(), Exit { from: me, reason: reason() });
        assert_eq!(down_reason(monitor), ExitReason::Normal);
    }
}

mod order {
    use super::*;

    // OTP: ref_man_processes, "visible resources"
    #[test]
    fn whoever_hears_of_an_exit_finds_the_name_free_and_the_values_dropped() {
        const NAME: &str = "exit::order::name";
        for reason in [reason(), ExitReason::Kill] {
            let values = Arc::new(());
            let local = Arc::clone(&values);
            let (kept, queued) =
                (Opaque::new(Arc::clone(&values)), Opaque::new(Arc::clone(&values)));
            let me = process::self_pid();
            let (pid, monitor) = Builder::new()
                .name(NAME)
                .spawn_monitor(move || {
                    let _local = local;
                    dictionary::put("kept", kept);
                    process::send(me, Begun);
                    idle_body();
                })
                .unwrap();
            process::send(pid, queued);
            expect::<Begun>();
            process::exit(pid, reason);
            down_reason(monitor);

            assert_eq!(Arc::strong_count(&values), 1);
            assert_eq!(process::whereis(NAME), None);
            assert!(!process::is_alive(pid));
            assert!(!process::processes().contains(&pid));
        }
    }

    // OTP: ref_man_processes, "visible resources"
    #[test]
    fn a_process_that_is_not_alive_has_no_name() {
        const NAME: &str = "exit::order::not_alive";
        for _ in 0..rounds(200) {
            let pid = Builder::new().name(NAME).spawn(|| {}).unwrap();
            wait_until(|| !process::is_alive(pid));
            assert_eq!(process::whereis(NAME), None);
        }
    }

    #[test]
    fn what_destructors_send_comes_before_the_down_and_the_exit_signal() {
        let bodies: [fn(); 3] =
            [|| panic!("own panic"), || process::exit_self(reason()), idle_body];
        in_process(move || {
            process::set_trap_exit(true);
            let me = process::self_pid();
            for body in bodies {
                let (pid, _) = Builder::new()
                    .link()
                    .spawn_monitor(move || {
                        let _lease = OnDrop(|| process::send(me, "the lease"));
                        process::send(me, Begun);
                        body();
                    })
                    .unwrap();
                expect::<Begun>();
                process::exit(pid, reason());

                let first = process::receive();
                assert_eq!(first.downcast::<&str>().unwrap(), "the lease");
                expect::<Exit>();
                expect::<Down>();
            }
        });
    }

    #[test]
    fn a_reason_is_dropped_when_nobody_has_it_any_more() {
        thread_local! {
            static AT_END: RefCell<Option<mpsc::Sender<()>>> = const { RefCell::new(None) };
        }

        let value = Arc::new(());
        let given = Arc::clone(&value);
        let (at_end, ended) = mpsc::channel();
        let body = move || {
            AT_END.set(Some(at_end));
            process::exit_self(ExitReason::new(given));
        };
        let (_, monitor) = Builder::new().dedicated().spawn_monitor(body).unwrap();

        assert!(down_reason(monitor).downcast_ref::<Arc<()>>().is_some());
        // The thread has left the process when the sending end is dropped.
        assert!(ended.recv().is_err());
        assert_eq!(Arc::strong_count(&value), 1);
    }
}

mod a_blocked_process {
    use super::*;

    /// The shortest time from a signal to the DOWN, of some: a machine can be busy otherwise.
    #[track_caller]
    fn check(wait: fn()) {
        for reason in [reason(), ExitReason::Kill] {
            let shortest = (0..20).map(|_| time_to_end(wait, &reason)).min().unwrap();
            assert!(shortest < Duration::from_millis(50), "{shortest:?} after {reason:?}");
        }
    }

    #[track_caller]
    fn time_to_end(wait: fn(), reason: &ExitReason) -> Duration {
        let (pid, monitor) = begun(Builder::new(), wait);
        wait_until(|| process::info(pid).unwrap().status == Status::Waiting);

        let start = Instant::now();
        process::exit(pid, reason.clone());
        down_reason(monitor);
        start.elapsed()
    }

    #[test]
    fn in_receive_ends_at_once() {
        check(|| _ = process::receive());
        check(|| _ = process::receive_match(|_| false));
        check(|| receive! { never: Infallible => match never {} });
    }

    #[test]
    fn in_a_timed_receive_ends_at_once() {
        check(|| _ = process::receive_timeout(FOREVER));
        check(|| _ = process::receive_timeout(Duration::MAX));
        check(|| receive! { never: Infallible => match never {}, after FOREVER => {} });
    }

    #[test]
    fn in_sleep_ends_at_once() {
        check(|| process::sleep(FOREVER));
    }
}
