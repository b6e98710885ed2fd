//! Processes: how they start, and what can be known of them.

use std::cell::Cell;
use std::hint::black_box;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use procession::prelude::*;
use procession::process::{Builder, RegisterError, SpawnError, Status, dictionary};

use crate::support::processes::{Busy, FOREVER, begun, busy, idle, idle_body, in_process, reason};
use crate::support::rounds::rounds;
use crate::support::wait::{
    assert_no_message, down_reason, exit_and_wait, expect, test_timeout, wait_for_exit, wait_until,
};

mod spawn {
    use super::*;

    // OTP: monitor_SUITE:mon_1
    #[test]
    fn gives_a_process_that_ends_normally_when_its_body_returns() {
        let me = process::self_pid();
        let (pid, monitor) =
            process::spawn_monitor(move || process::send(me, process::self_pid())).unwrap();

        assert_eq!(expect::<Pid>(), pid);
        let down = expect::<Down>();
        assert_eq!((down.monitor, down.reason), (monitor, ExitReason::Normal));
        assert_eq!(down.object, pid);
        assert!(!process::is_alive(pid));
    }

    #[test]
    fn returns_while_the_body_runs() {
        let pid = idle();
        assert!(process::is_alive(pid));
        assert!(process::processes().contains(&pid));
        exit_and_wait(pid, reason());
        assert!(!process::is_alive(pid));
        assert!(!process::processes().contains(&pid));
    }

    #[test]
    fn never_gives_a_pid_twice() {
        let mut pids: Vec<Pid> = (0..rounds(500))
            .map(|_| {
                let (pid, monitor) = process::spawn_monitor(|| {}).unwrap();
                assert_eq!(down_reason(monitor), ExitReason::Normal);
                pid
            })
            .collect();
        let spawned = pids.len();
        pids.sort();
        pids.dedup();
        assert_eq!(pids.len(), spawned);
    }

    #[test]
    fn makes_no_link_by_itself() {
        in_process(|| {
            let pid = process::spawn(|| process::exit_self(reason())).unwrap();
            wait_for_exit(pid);
            process::checkpoint();
            assert!(process::info(process::self_pid()).unwrap().links.is_empty());
        });
    }

    /// Bodies that end before their parent can do anything.
    const SHORT_LIVED: [fn(); 2] = [|| process::exit_self(reason()), || panic!("at once")];

    fn is_true_reason(found: &ExitReason) -> bool {
        *found == reason() || found.as_panic().is_some_and(|panic| panic.message == "at once")
    }

    // OTP: process_SUITE:spawn_request_link_child_exit
    #[test]
    fn with_a_link_never_misses_the_reason_of_a_body_that_ends_at_once() {
        in_process(|| {
            process::set_trap_exit(true);
            for body in SHORT_LIVED.into_iter().cycle().take(rounds(400)) {
                let pid = process::spawn_link(body).unwrap();
                let exit = expect::<Exit>();
                assert_eq!(exit.from, pid);
                assert!(is_true_reason(&exit.reason), "{exit:?}");
            }
            assert_no_message();
        });
    }

    // OTP: monitor_SUITE:mon_1, process_SUITE:spawn_request_monitor_child_exit
    #[test]
    fn with_a_monitor_never_misses_the_reason_of_a_body_that_ends_at_once() {
        in_process(|| {
            for body in SHORT_LIVED.into_iter().cycle().take(rounds(400)) {
                let (_, monitor) = process::spawn_monitor(body).unwrap();
                let end = down_reason(monitor);
                assert!(is_true_reason(&end), "{end:?}");
            }
            assert_no_message();
        });
    }

    // OTP: process_SUITE:spawn_request_bif
    #[test]
    fn with_link_and_monitor_tells_a_parent_that_traps_exits_twice() {
        in_process(|| {
            process::set_trap_exit(true);
            let body = || process::exit_self(reason());
            let (pid, monitor) = Builder::new().link().spawn_monitor(body).unwrap();

            assert_eq!(down_reason(monitor), reason());
            assert_eq!(expect::<Exit>(), Exit { from: pid, reason: reason() });
            assert_no_message();
        });
    }

    #[test]
    fn takes_a_parent_that_does_not_trap_exits_along_if_linked() {
        let (_, monitor) = process::spawn_monitor(|| {
            process::spawn_link(|| process::exit_self(reason())).unwrap();
            idle_body();
        })
        .unwrap();
        assert_eq!(down_reason(monitor), reason());
    }

    #[test]
    fn lets_a_thousand_processes_wait_at_once() {
        let processes: Vec<_> =
            (0..1_000).map(|_| process::spawn_monitor(idle_body).unwrap()).collect();
        processes.iter().for_each(|(pid, _)| process::exit(*pid, reason()));
        for (_, monitor) in processes {
            assert_eq!(down_reason(monitor), reason());
        }
    }
}

mod builder {
    use super::*;

    #[test]
    fn name_is_registered_before_the_body_runs() {
        const NAME: &str = "process::builder::registered";
        let me = process::self_pid();
        let (pid, _) = Builder::new()
            .name(NAME)
            .spawn_monitor(move || process::send(me, process::whereis(NAME)))
            .unwrap();
        assert_eq!(expect::<Option<Pid>>(), Some(pid));
    }

    #[track_caller]
    fn assert_refused(builder: Builder, expected: RegisterError) {
        in_process(move || {
            process::set_trap_exit(true);
            let (ran, runs) = mpsc::channel();
            let captured = Arc::new(());
            let owned = Arc::clone(&captured);
            let result = builder.link().spawn_monitor(move || {
                let _owned = owned;
                ran.send(()).unwrap();
            });

            let Err(SpawnError::Name(error)) = result else { panic!("{result:?}") };
            assert_eq!(error, expected);
            // The body has been dropped and never run.
            assert_eq!(Arc::strong_count(&captured), 1);
            assert!(runs.recv().is_err());
            assert_no_message();
            let info = process::info(process::self_pid()).unwrap();
            assert!(info.links.is_empty() && info.monitors.is_empty(), "{info:?}");
        });
    }

    #[test]
    fn name_that_is_taken_is_an_error_and_the_body_is_dropped() {
        const NAME: &str = "process::builder::taken";
        let holder = Builder::new().name(NAME).spawn(idle_body).unwrap();
        let taken = RegisterError::Taken { name: NAME.into(), holder };
        assert_refused(Builder::new().name(NAME), taken.clone());
        assert_refused(Builder::new().name(NAME).dedicated(), taken);

        assert_eq!(process::whereis(NAME), Some(holder));
        exit_and_wait(holder, reason());
    }

    #[test]
    fn name_that_is_empty_is_an_error_and_the_body_is_dropped() {
        assert_refused(Builder::new().name(""), RegisterError::Empty);
    }

    #[test]
    fn link_stands_before_the_body_runs() {
        in_process(|| {
            let me = process::self_pid();
            let linked = || process::info(process::self_pid()).unwrap().links;
            let pid = Builder::new().link().spawn(move || process::send(me, linked())).unwrap();
            assert_eq!(expect::<Vec<Pid>>(), [me]);
            wait_for_exit(pid);
        });
    }

    #[test]
    fn trap_exit_is_set_before_the_body_runs() {
        let me = process::self_pid();
        let body = move || process::send(me, process::set_trap_exit(true));
        for trap_exit in [true, false] {
            Builder::new().trap_exit(trap_exit).spawn(body).unwrap();
            assert_eq!(expect::<bool>(), trap_exit);
        }

        let pid = Builder::new()
            .trap_exit(true)
            .spawn(move || process::send(me, expect::<Exit>()))
            .unwrap();
        process::exit(pid, reason());
        assert_eq!(expect::<Exit>(), Exit { from: me, reason: reason() });
    }

    #[test]
    fn kill_grace_is_how_long_a_process_that_is_busy_is_waited_for() {
        let grace = Duration::from_millis(15);
        let Busy { pid, monitor, let_go } = busy(Builder::new().kill_grace(grace), || {});
        let start = Instant::now();
        process::exit(pid, ExitReason::Kill);

        assert_eq!(down_reason(monitor), ExitReason::Killed);
        assert!(start.elapsed() >= grace);
        drop(let_go);
    }

    #[test]
    fn kill_grace_can_be_endless() {
        let Busy { pid, monitor, let_go } = busy(Builder::new().kill_grace(Duration::MAX), || {});
        process::exit(pid, ExitReason::Kill);
        drop(let_go);
        assert_eq!(down_reason(monitor), ExitReason::Killed);
    }

    #[test]
    fn stack_size_is_what_the_body_gets() {
        const MIB: usize = 1024 * 1024;
        let me = process::self_pid();
        let big = move || {
            let page = black_box([1_u8; 3 * MIB]);
            process::send(me, page.iter().map(|byte| usize::from(*byte)).sum::<usize>());
        };
        Builder::new().stack_size(32 * MIB).spawn(big).unwrap();
        assert_eq!(expect::<usize>(), 3 * MIB);
    }

    #[test]
    fn stack_size_that_is_too_small_is_rounded_up() {
        let (_, monitor) = Builder::new().stack_size(0).spawn_monitor(|| {}).unwrap();
        assert_eq!(down_reason(monitor), ExitReason::Normal);
    }

    #[test]
    fn stack_size_that_nobody_has_is_an_error_at_most() {
        for bytes in [usize::MAX, usize::MAX - 4096, usize::MAX / 2, 1 << 60] {
            let captured = Arc::new(());
            let owned = Arc::clone(&captured);
            match Builder::new().stack_size(bytes).spawn_monitor(move || drop(owned)) {
                Ok((_, monitor)) => assert_eq!(down_reason(monitor), ExitReason::Normal),
                Err(SpawnError::Thread { .. }) => {}
                Err(error) => panic!("{error:?}"),
            }
            assert_eq!(Arc::strong_count(&captured), 1);
        }
        in_process(|| {});
    }

    fn name_of_thread(builder: Builder) -> Option<String> {
        let me = process::self_pid();
        let body = move || process::send(me, thread::current().name().map(str::to_owned));
        builder.spawn(body).unwrap();
        expect()
    }

    #[test]
    fn thread_name_is_that_of_the_system() {
        assert_eq!(name_of_thread(Builder::new().thread_name("printer")).unwrap(), "printer");

        let stack = 64 * 1024;
        let before = Builder::new().thread_name("scanner").stack_size(stack).dedicated();
        assert_eq!(name_of_thread(before).unwrap(), "scanner");
        let after = Builder::new().dedicated().stack_size(stack).thread_name("plotter");
        assert_eq!(name_of_thread(after).unwrap(), "plotter");
    }

    #[test]
    fn thread_name_that_the_system_cannot_have_is_an_error() {
        let builder = Builder::new().thread_name("nul \0 inside");
        let result = catch_unwind(AssertUnwindSafe(|| builder.spawn(|| {})));
        assert!(matches!(result, Ok(Err(SpawnError::Thread { .. }))), "{result:?}");
    }

    thread_local! {
        static USES: Cell<u32> = const { Cell::new(0) };
    }

    fn use_thread() -> u32 {
        USES.replace(USES.get() + 1)
    }

    #[test]
    fn dedicated_begins_with_fresh_thread_locals() {
        let me = process::self_pid();
        for _ in 0..20 {
            in_process(|| _ = use_thread()); // Marks the threads that are used again.
            for builder in [Builder::new().dedicated(), Builder::new().stack_size(64 * 1024)] {
                builder.spawn(move || process::send(me, use_thread())).unwrap();
                assert_eq!(expect::<u32>(), 0);
            }
        }
    }

    #[test]
    fn dedicated_runs_the_destructors_of_its_thread_locals() {
        struct AtEnd(Pid);

        impl Drop for AtEnd {
            fn drop(&mut self) {
                process::send(self.0, "the thread has ended");
            }
        }

        thread_local! {
            static AT_END: Cell<Option<AtEnd>> = const { Cell::new(None) };
        }

        let me = process::self_pid();
        Builder::new().dedicated().spawn(move || AT_END.set(Some(AtEnd(me)))).unwrap();
        assert_eq!(expect::<&str>(), "the thread has ended");
    }
}

mod info {
    use super::*;

    // OTP: process_SUITE:process_info_parent
    #[test]
    fn knows_the_parent_and_its_parents() {
        in_process(|| {
            let test = process::self_pid();
            let (parent, _) = process::spawn_monitor(move || {
                process::send(test, idle());
                idle_body();
            })
            .unwrap();
            let child = expect::<Pid>();

            assert_eq!(process::info(parent).unwrap().parent(), Some(test));
            let info = process::info(child).unwrap();
            assert_eq!(info.parent(), Some(parent));
            assert_eq!(info.ancestors[..2], [parent, test]);

            // It stays what it was when the parent has ended.
            exit_and_wait(parent, reason());
            assert_eq!(process::info(child).unwrap().parent(), Some(parent));
            exit_and_wait(child, reason());
        });
    }

    // OTP: Elixir process_test "info/2"
    #[test]
    fn is_none_of_a_process_that_has_ended() {
        let (pid, monitor) = process::spawn_monitor(|| {}).unwrap();
        down_reason(monitor);
        assert!(process::info(pid).is_none());
        assert!(process::label(pid).is_none());
    }

    #[test]
    fn shows_links_monitors_and_flags() {
        in_process(|| {
            let me = process::self_pid();
            let (pid, _) = begun(Builder::new().trap_exit(true), move || {
                process::link(me);
                process::monitor(me);
                process::monitor("process::info::nobody");
                process::send(me, "tied");
                idle_body();
            });
            assert_eq!(expect::<&str>(), "tied");

            let info = process::info(pid).unwrap();
            assert_eq!(info.pid, pid);
            assert_eq!(info.name, None);
            assert!(info.trap_exit && !info.foreign);
            assert_eq!(info.links, [me]);
            assert_eq!(info.monitored_by, [me]);
            assert!(matches!(&info.monitors[..], [object, ..] if *object == me));
            assert!(info.age < test_timeout());
            process::unlink(pid);
            assert!(process::info(pid).unwrap().links.is_empty());
            exit_and_wait(pid, ExitReason::Kill);
        });
    }

    #[test]
    fn shows_whether_a_process_waits() {
        let (pid, _) = begun(Builder::new(), idle_body);
        wait_until(|| process::info(pid).unwrap().status == Status::Waiting);
        exit_and_wait(pid, reason());

        let Busy { pid, monitor, let_go } = busy(Builder::new(), || {});
        assert_eq!(process::info(pid).unwrap().status, Status::Running);
        drop(let_go);
        down_reason(monitor);
    }

    #[test]
    fn counts_the_messages_that_wait_and_those_received() {
        let Busy { pid, monitor, let_go } = busy(Builder::new(), || {
            let me = process::self_pid();
            let figures = || {
                let info = process::info(me).unwrap();
                (info.message_queue_len, info.messages_received)
            };
            assert_eq!(figures(), (5, 0));
            process::receive_match(|message| message.is::<&str>());
            assert_eq!(figures(), (4, 1));
            let [_, _] = [expect::<u32>(), expect::<u32>()];
            assert_eq!(figures(), (2, 3));
        });
        (0..4_u32).for_each(|n| process::send(pid, n));
        process::send(pid, "another");
        assert_eq!(process::info(pid).unwrap().message_queue_len, 5);
        drop(let_go);
        assert_eq!(down_reason(monitor), ExitReason::Normal);
    }
}

mod label {
    use super::*;

    // OTP: process_SUITE:process_info_label
    #[test]
    fn is_what_the_process_has_set_last_and_any_other_can_read_it() {
        let (pid, monitor) = begun(Builder::new(), || {
            let from = expect::<Pid>();
            for label in ["the printer", "the scanner"] {
                process::set_label(label);
                process::send(from, label);
                expect::<Pid>();
            }
        });
        assert_eq!(process::label(pid), None);
        for label in ["the printer", "the scanner"] {
            process::send(pid, process::self_pid());
            assert_eq!(expect::<&str>(), label);
            assert_eq!(process::label(pid).as_deref(), Some(label));
            assert_eq!(process::info(pid).unwrap().label.as_deref(), Some(label));
        }
        process::send(pid, process::self_pid());
        assert_eq!(down_reason(monitor), ExitReason::Normal);
    }

    #[test]
    fn does_not_stay_for_the_next_process() {
        for _ in 0..rounds(50) {
            in_process(|| {
                assert_eq!(process::label(process::self_pid()), None);
                process::set_label("gone with me");
            });
        }
    }
}

mod process_dictionary {
    use super::*;

    // OTP: Elixir process_test "dictionary"
    #[test]
    fn put_and_erase_return_what_was_there() {
        in_process(|| {
            assert!(dictionary::put("key", 1_u8).is_none());
            let old = dictionary::put("key", "two").unwrap();
            assert_eq!(old.downcast::<u8>().unwrap(), 1);
            assert_eq!(dictionary::get::<&str>("key"), Some("two"));
            assert_eq!(dictionary::get::<u8>("key"), None);

            let old = dictionary::erase("key").unwrap();
            assert_eq!(old.downcast::<&str>().unwrap(), "two");
            assert!(dictionary::erase("key").is_none());
            assert_eq!(dictionary::get::<&str>("key"), None);
        });
    }

    // OTP: Elixir process_test "dictionary"
    #[test]
    fn keys_of_finds_the_keys_that_hold_a_value() {
        in_process(|| {
            dictionary::put("a", 1);
            dictionary::put("b", 2);
            dictionary::put("c", 1);
            dictionary::put("d", "1");
            assert_eq!(dictionary::keys_of(&1), ["a", "c"]);
            assert_eq!(dictionary::keys_of(&"1"), ["d"]);
            assert!(dictionary::keys_of(&3).is_empty());
            assert_eq!(dictionary::keys(), ["a", "b", "c", "d"]);
        });
    }

    #[test]
    fn is_private_and_begins_empty() {
        in_process(|| {
            dictionary::put("mine", 1);
            for _ in 0..rounds(20) {
                in_process(|| {
                    assert!(dictionary::keys().is_empty());
                    dictionary::put("theirs", 2);
                });
            }
            assert_eq!(dictionary::keys(), ["mine"]);
        });
    }

    #[test]
    fn survives_values_that_panic_when_compared_or_cloned() {
        #[derive(Debug)]
        struct Prickly;

        impl PartialEq for Prickly {
            fn eq(&self, _: &Prickly) -> bool {
                panic!("in a comparison");
            }
        }

        impl Clone for Prickly {
            fn clone(&self) -> Prickly {
                panic!("in a clone");
            }
        }

        in_process(|| {
            dictionary::put("prickly", Prickly);
            dictionary::put("smooth", 1);
            assert!(catch_unwind(|| dictionary::keys_of(&Prickly)).is_err());
            assert!(catch_unwind(|| dictionary::get::<Prickly>("prickly")).is_err());
            assert_eq!(dictionary::keys(), ["prickly", "smooth"]);
        });
    }

    #[test]
    fn can_be_used_by_what_it_compares() {
        #[derive(Debug, Clone)]
        struct Busybody;

        impl PartialEq for Busybody {
            fn eq(&self, _: &Busybody) -> bool {
                dictionary::put("by the comparison", 1);
                true
            }
        }

        in_process(|| {
            dictionary::put("busybody", Busybody);
            assert_eq!(dictionary::keys_of(&Busybody), ["busybody"]);
            assert_eq!(dictionary::keys(), ["busybody", "by the comparison"]);
        });
    }
}

mod flush {
    use super::*;

    #[test]
    fn takes_all_messages_in_their_order() {
        in_process(|| {
            let me = process::self_pid();
            process::send(me, 1_u8);
            process::send(me, "two");
            let messages = process::flush();
            assert_eq!(format!("{messages:?}"), r#"[1, "two"]"#);
            assert!(process::flush().is_empty());
        });
    }
}

mod join {
    use super::*;

    #[test]
    fn returns_why_the_process_has_ended() {
        in_process(|| {
            let pid = process::spawn(|| process::exit_self(reason())).unwrap();
            let outcome = process::join(pid, test_timeout()).unwrap();
            assert!([reason(), ExitReason::NoProc].contains(&outcome));
            assert_eq!(process::join(pid, test_timeout()), Some(ExitReason::NoProc));
            assert_eq!(process::join("process::join::nobody", FOREVER), Some(ExitReason::NoProc));
            assert_no_message();
        });
    }

    #[test]
    fn that_has_no_time_leaves_no_message() {
        in_process(|| {
            let pid = idle();
            assert_eq!(process::join(pid, Duration::ZERO), None);
            assert_eq!(exit_and_wait(pid, reason()), reason());
            assert_no_message();
        });
    }
}
