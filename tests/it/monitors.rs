//! Monitors: hearing of the end of a process.

use std::collections::HashSet;
use std::sync::mpsc;

use procession::prelude::*;
use procession::process::{Builder, MonitorOptions};
use procession::{Destination, TaggedDown};

use crate::support::drops::message_on_drop;
use crate::support::processes::{begun, idle, idle_body, in_process, reason};
use crate::support::rounds::rounds;
use crate::support::wait::{
    assert_no_message, down_reason, exit_and_wait, expect, scan_mailbox, test_timeout, wait_until,
};

/// Ends `pid` and returns when the DOWNs of all monitors that the caller had set on it are there.
///
/// A process tells its watchers in the order in which one watcher has set its monitors.
#[track_caller]
fn end_with_downs_in_mailbox(pid: Pid) {
    assert_eq!(exit_and_wait(pid, reason()), reason());
}

mod monitor {
    use super::*;

    // OTP: monitor_SUITE:mon_1
    #[test]
    fn tells_once_why_the_process_has_ended() {
        in_process(|| {
            let cases: [(fn(), ExitReason); 3] = [
                (|| {}, ExitReason::Normal),
                (|| process::exit_self(reason()), reason()),
                (|| process::exit(process::self_pid(), ExitReason::Kill), ExitReason::Killed),
            ];
            for (end, reason) in cases {
                let pid = process::spawn(move || {
                    process::receive();
                    end();
                })
                .unwrap();
                let monitor = process::monitor(pid);
                let later = process::monitor(pid);
                process::send(pid, "end");

                let object = Destination::Pid(pid);
                assert_eq!(expect::<Down>(), Down { monitor, object, reason });
                assert_eq!(expect::<Down>().monitor, later);
                assert_no_message();
            }
        });
    }

    // OTP: monitor_SUITE:mon_1
    #[test]
    fn tells_of_a_panic_with_its_message() {
        let (_, monitor) = process::spawn_monitor(|| panic!("out of paper")).unwrap();
        assert_eq!(down_reason(monitor).as_panic().unwrap().message, "out of paper");
    }

    // OTP: monitor_SUITE:large_exit
    #[test]
    fn tells_a_large_reason_unchanged() {
        let large: Vec<String> = (0..10_000).map(|n| n.to_string()).collect();
        let reason = ExitReason::new(large.clone());
        let (_, monitor) = process::spawn_monitor(|| process::exit_self(reason)).unwrap();
        assert_eq!(down_reason(monitor).downcast_ref(), Some(&large));
    }

    // OTP: ref_man_processes, "Delivery of Signals"
    #[test]
    fn tells_after_all_that_the_process_has_sent() {
        in_process(|| {
            let me = process::self_pid();
            let (_, monitor) = process::spawn_monitor(move || {
                (0..100).for_each(|n| process::send(me, n));
                process::exit_self(reason())
            })
            .unwrap();

            for n in 0..100 {
                assert_eq!(process::receive().downcast::<i32>().unwrap(), n);
            }
            assert_eq!(process::receive().downcast::<Down>().unwrap().monitor, monitor);
        });
    }

    // OTP: ref_man_processes, "Monitors"
    #[test]
    fn does_not_touch_the_process_nor_does_the_end_of_the_watcher() {
        in_process(|| {
            let me = process::self_pid();
            let pid = process::spawn(move || {
                loop {
                    receive! { question: u32 => process::send(me, question + 1) }
                }
            })
            .unwrap();
            let ends: [fn(); 3] = [|| {}, || panic!("watcher"), || process::exit_self(reason())];
            for end in ends {
                let (_, watcher) = process::spawn_monitor(move || {
                    process::monitor(pid);
                    end();
                })
                .unwrap();
                down_reason(watcher);

                process::send(pid, 1_u32);
                assert_eq!(expect::<u32>(), 2);
            }
            assert_eq!(process::info(pid).unwrap().message_queue_len, 0);
            assert_eq!(exit_and_wait(pid, reason()), reason());
        });
    }

    // OTP: monitor_SUITE:demonitor_flush
    #[test]
    fn is_another_one_each_time() {
        in_process(|| {
            let pid = idle();
            let monitors: Vec<_> = (0..20).map(|_| process::monitor(pid)).collect();
            let mut expected: HashSet<_> = monitors.iter().copied().collect();
            assert_eq!(expected.len(), monitors.len());
            assert!(process::demonitor(monitors[7]));
            assert!(expected.remove(&monitors[7]));

            end_with_downs_in_mailbox(pid);
            for _ in 0..monitors.len() - 1 {
                let down = expect::<Down>();
                assert_eq!(down.reason, reason());
                assert!(expected.remove(&down.monitor), "{down:?}");
            }
            assert_no_message();
        });
    }

    // OTP: monitor_SUITE:mon_1
    #[test]
    fn of_a_process_that_has_ended_answers_noproc() {
        in_process(|| {
            let pid = idle();
            exit_and_wait(pid, reason());

            let monitor = process::monitor(pid);
            let (object, reason) = (Destination::Pid(pid), ExitReason::NoProc);
            assert_eq!(expect::<Down>(), Down { monitor, object, reason });
            assert_no_message();
        });
    }

    // OTP: monitor_SUITE:named_down
    #[test]
    fn tells_when_the_name_of_the_process_is_free() {
        const NAME: &str = "monitors::name_is_free";
        in_process(|| {
            for _ in 0..rounds(500) {
                let pid = process::spawn(|| drop(process::receive())).unwrap();
                process::register(NAME, pid).unwrap();
                let monitor = process::monitor(NAME);
                process::send_to(NAME, "end").unwrap();
                assert_eq!(down_reason(monitor), ExitReason::Normal);

                assert_eq!(process::whereis(NAME), None);
                assert_eq!(process::register(NAME, process::self_pid()), Ok(()));
                assert_eq!(process::unregister(NAME), Ok(()));
            }
        });
    }

    // OTP: monitor_SUITE:case_1a
    #[test]
    fn of_a_process_that_kills_its_watcher_delays_neither() {
        let (watcher, watcher_monitor) = process::spawn_monitor(|| {
            receive! { pid: Pid => _ = process::monitor(pid) }
            idle_body();
        })
        .unwrap();
        let (pid, monitor) = process::spawn_monitor(move || {
            wait_until(|| process::info(process::self_pid()).unwrap().monitored_by.len() == 2);
            process::exit(watcher, ExitReason::Kill);
        })
        .unwrap();
        process::send(watcher, pid);

        assert_eq!(down_reason(monitor), ExitReason::Normal);
        assert_eq!(down_reason(watcher_monitor), ExitReason::Killed);
    }
}

mod monitor_by_name {
    use super::*;

    fn named(name: &str) -> Destination {
        Destination::from(name)
    }

    // OTP: monitor_SUITE:monitor_3_noproc_gh6185
    #[test]
    fn answers_noproc_when_nobody_has_the_name() {
        const NAME: &str = "monitors::nobody";
        in_process(|| {
            let monitor = process::monitor(NAME);
            let (object, reason) = (named(NAME), ExitReason::NoProc);
            assert_eq!(expect::<Down>(), Down { monitor, object, reason });
            assert_no_message();
        });
    }

    // OTP: monitor_SUITE:mon_1
    #[test]
    fn tells_the_name_it_was_given() {
        const NAME: &str = "monitors::by_name";
        let pid = Builder::new().name(NAME).spawn(idle_body).unwrap();
        let monitor = process::monitor(NAME);
        process::exit(pid, reason());
        let down = receive! {
            down: Down if down.monitor == monitor => down,
            after test_timeout() => panic!("no DOWN"),
        };
        assert_eq!(down, Down { monitor, object: named(NAME), reason: reason() });
    }

    // OTP: erlang:monitor/2, "resolved ... only once, when the monitor is instantiated"
    #[test]
    fn stays_with_the_process_that_had_the_name() {
        const NAME: &str = "monitors::resolved_once";
        in_process(|| {
            let (first, second) = (idle(), idle());
            process::register(NAME, first).unwrap();
            let monitor = process::monitor(NAME);
            process::unregister(NAME).unwrap();
            process::register(NAME, second).unwrap();

            exit_and_wait(second, reason());
            assert_no_message();

            process::exit(first, reason());
            let (object, reason) = (named(NAME), reason());
            assert_eq!(expect::<Down>(), Down { monitor, object, reason });
        });
    }
}

mod monitor_of_oneself {
    use super::*;

    // OTP: erl_link_SUITE:process_monitors, monitor_SUITE:demon_2
    #[test]
    fn never_fires_and_leaves_nothing_to_remove() {
        const NAME: &str = "monitors::oneself";
        in_process(|| {
            let me = process::self_pid();
            process::register(NAME, me).unwrap();
            let (by_pid, by_name) = (process::monitor(me), process::monitor(NAME));
            assert_ne!(by_pid, by_name);
            let info = process::info(me).unwrap();
            assert!(info.monitors.is_empty(), "{info:?}");
            assert!(!info.monitored_by.contains(&me));

            assert!(!process::demonitor(by_pid));
            assert!(!process::demonitor_flush(by_name));
            assert_no_message();
        });
    }

    #[test]
    fn does_not_hinder_the_end() {
        let (_, monitor) = process::spawn_monitor(|| {
            process::monitor(process::self_pid());
            process::exit_self(reason())
        })
        .unwrap();
        assert_eq!(down_reason(monitor), reason());
    }
}

mod demonitor {
    use super::*;

    // OTP: monitor_SUITE:demon_2
    #[test]
    fn before_the_end_means_that_no_down_comes() {
        in_process(|| {
            let pid = idle();
            let earlier = process::monitor(pid);
            let monitor = process::monitor(pid);
            assert!(process::demonitor(monitor));

            end_with_downs_in_mailbox(pid);
            assert_eq!(expect::<Down>().monitor, earlier);
            assert_no_message();
        });
    }

    // OTP: monitor_SUITE:demon_1, demon_2
    #[test]
    fn of_a_monitor_that_is_gone_does_nothing() {
        in_process(|| {
            let pid = idle();
            let removed = process::monitor(pid);
            assert!(process::demonitor(removed));
            assert!(!process::demonitor(removed));

            let fired = process::monitor(pid);
            process::exit(pid, reason());
            assert_eq!(down_reason(fired), reason());
            assert!(!process::demonitor(fired));
            assert!(!process::demonitor(removed));
            assert_no_message();
        });
    }

    // OTP: monitor_SUITE:demon_e_1, erl_link_SUITE:process_monitors
    #[test]
    fn of_a_monitor_of_another_process_leaves_it_active() {
        in_process(|| {
            let (me, pid) = (process::self_pid(), idle());
            let monitor = process::monitor(pid);
            process::spawn(move || {
                let removed = (process::demonitor(monitor), process::demonitor_flush(monitor));
                process::send(me, removed);
            })
            .unwrap();
            assert_eq!(expect::<(bool, bool)>(), (false, false));

            process::exit(pid, reason());
            assert_eq!(down_reason(monitor), reason());
        });
    }

    // OTP: monitor_SUITE:demonitor_flush, local_remove_monitor
    #[test]
    fn leaves_the_down_that_is_there_and_says_so() {
        in_process(|| {
            let pid = idle();
            let monitor = process::monitor(pid);
            end_with_downs_in_mailbox(pid);

            assert!(!process::demonitor(monitor));
            assert_eq!(down_reason(monitor), reason());
            assert_no_message();
        });
    }

    // OTP 25, run.
    #[test]
    fn of_a_process_that_had_ended_comes_in_time_if_nothing_was_received_in_between() {
        in_process(|| {
            let pid = idle();
            exit_and_wait(pid, reason());
            for object in
                [Destination::from(pid), Destination::from("monitors::nobody_to_demonitor")]
            {
                let monitor = process::monitor(object.clone());
                assert!(process::demonitor(monitor));
                assert_no_message();

                let monitor = process::monitor(object);
                // It may still be on its way: the process may be telling others of its end.
                wait_until(|| {
                    scan_mailbox();
                    process::info(process::self_pid()).unwrap().message_queue_len == 1
                });
                assert!(!process::demonitor(monitor));
                assert_eq!(down_reason(monitor), ExitReason::NoProc);
            }
        });
    }

    #[test]
    fn judges_first_what_has_arrived() {
        let (let_go, held) = mpsc::channel();
        let (me, target) = (process::self_pid(), idle());
        let (pid, ended) = begun(Builder::new(), move || {
            let monitor = process::monitor(target);
            held.recv().unwrap();
            process::demonitor(monitor);
            process::send(me, "survived the signal");
        });
        process::exit(pid, reason());
        let_go.send(()).unwrap();

        let survived = receive! {
            text: &str => Some(text),
            down: Down if down.monitor == ended => { assert_eq!(down.reason, reason()); None }
            after test_timeout() => panic!("no DOWN"),
        };
        assert_eq!(survived, None);
    }
}

mod demonitor_flush {
    use super::*;

    // OTP: monitor_SUITE:demonitor_flush
    #[test]
    fn removes_the_down_that_is_there_and_nothing_else() {
        in_process(|| {
            let (me, pid) = (process::self_pid(), idle());
            let (kept, monitor) = (process::monitor(pid), process::monitor(pid));
            process::send(me, "before");
            end_with_downs_in_mailbox(pid);
            process::send(me, "after");

            assert!(!process::demonitor_flush(monitor));
            assert_eq!(process::receive().downcast::<&str>().unwrap(), "before");
            assert_eq!(process::receive().downcast::<Down>().unwrap().monitor, kept);
            assert_eq!(process::receive().downcast::<&str>().unwrap(), "after");
            assert_no_message();
        });
    }

    // OTP: erlang:demonitor/2, "info"
    #[test]
    fn says_whether_the_monitor_was_active() {
        in_process(|| {
            let pid = idle();
            let monitor = process::monitor(pid);
            assert!(process::demonitor_flush(monitor));
            assert!(!process::demonitor_flush(monitor));

            end_with_downs_in_mailbox(pid);
            assert_no_message();
        });
    }

    #[test]
    fn removes_the_noproc_of_a_process_that_had_ended() {
        in_process(|| {
            for has_looked in [false, true] {
                let monitor = process::monitor("monitors::flushed_noproc");
                if has_looked {
                    scan_mailbox();
                }
                assert_eq!(process::demonitor_flush(monitor), !has_looked);
                assert_no_message();
            }
        });
    }

    #[test]
    fn removes_a_tagged_down_too() {
        in_process(|| {
            let pid = idle();
            let monitor = process::monitor_with(pid, MonitorOptions::new().tag("tag"));
            end_with_downs_in_mailbox(pid);
            assert!(!process::demonitor_flush(monitor));
            assert_no_message();
        });
    }
}

mod info {
    use super::*;

    fn monitors_of_caller() -> Vec<Destination> {
        process::info(process::self_pid()).unwrap().monitors
    }

    fn monitored_by(pid: Pid) -> Vec<Pid> {
        process::info(pid).unwrap().monitored_by
    }

    // OTP: monitor_SUITE:list_cleanup, mixer
    #[test]
    fn lists_the_active_monitors_as_they_were_made() {
        const NAME: &str = "monitors::listed";
        in_process(|| {
            let me = process::self_pid();
            let (first, second) = (idle(), idle());
            process::register(NAME, second).unwrap();
            assert!(monitors_of_caller().is_empty());

            let by_pid = process::monitor(first);
            let again = process::monitor(first);
            let by_name = process::monitor(NAME);
            let listed = monitors_of_caller();
            assert_eq!(listed.len(), 3);
            assert_eq!(listed.iter().filter(|object| **object == first).count(), 2);
            assert!(listed.contains(&Destination::from(NAME)));
            assert_eq!(monitored_by(first), [me, me]);
            assert_eq!(monitored_by(second), [me]);

            process::demonitor(again);
            assert_eq!(monitored_by(first), [me]);
            process::demonitor(by_name);
            assert_eq!(monitored_by(second), []);
            assert_eq!(monitors_of_caller(), [Destination::Pid(first)]);

            process::exit(first, reason());
            assert_eq!(down_reason(by_pid), reason());
            assert!(monitors_of_caller().is_empty());
        });
    }

    // OTP: monitor_SUITE:list_cleanup
    #[test]
    fn does_not_list_watchers_that_have_ended() {
        let pid = idle();
        for round in 0..20 {
            let (_, watcher) = process::spawn_monitor(move || {
                process::monitor(pid);
                process::monitor(pid);
                if round % 2 == 0 {
                    process::exit_self(reason())
                }
            })
            .unwrap();
            down_reason(watcher);
            assert_eq!(monitored_by(pid), []);
        }
    }

    #[test]
    fn lists_a_watcher_until_it_has_ended() {
        let pid = idle();
        let (watcher, monitor) = process::spawn_monitor(move || {
            process::monitor(pid);
            idle_body();
        })
        .unwrap();
        wait_until(|| monitored_by(pid) == [watcher]);

        process::exit(watcher, ExitReason::Kill);
        assert_eq!(down_reason(monitor), ExitReason::Killed);
        assert_eq!(monitored_by(pid), []);
    }
}

mod tag {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    #[derive(Clone, Debug, PartialEq)]
    struct Tag {
        name: String,
        number: u8,
    }

    fn tag() -> Tag {
        Tag { name: "monitors".to_owned(), number: 7 }
    }

    // OTP: process_SUITE:monitor_tag
    #[test]
    fn comes_with_the_down() {
        in_process(|| {
            let pid = idle();
            let monitor = process::monitor_with(pid, MonitorOptions::new().tag(tag()));
            process::exit(pid, reason());

            let down = Down { monitor, object: Destination::Pid(pid), reason: reason() };
            assert_eq!(expect::<TaggedDown<Tag>>(), TaggedDown { tag: tag(), down });
            assert_no_message();
        });
    }

    // OTP: process_SUITE:monitor_tag
    #[test]
    fn comes_with_the_noproc() {
        const NAME: &str = "monitors::tagged_noproc";
        in_process(|| {
            let monitor = process::monitor_with(NAME, MonitorOptions::new().tag(tag()));
            let object = Destination::from(NAME);
            let down = Down { monitor, object, reason: ExitReason::NoProc };
            assert_eq!(expect::<TaggedDown<Tag>>(), TaggedDown { tag: tag(), down });
            assert_no_message();
        });
    }

    // OTP: process_SUITE:spawn_monitor_tag
    #[test]
    fn can_be_given_to_a_process_that_is_spawned() {
        in_process(|| {
            let options = MonitorOptions::new().tag(tag());
            let (pid, monitor) = Builder::new()
                .spawn_monitor_with(options, || process::exit_self(reason()))
                .unwrap();
            let down = Down { monitor, object: Destination::Pid(pid), reason: reason() };
            assert_eq!(expect::<TaggedDown<Tag>>(), TaggedDown { tag: tag(), down });
            assert_no_message();
        });
    }

    // OTP: monitor_SUITE:monitor_tag_storage
    #[test]
    fn tells_each_of_many_monitors_apart() {
        in_process(|| {
            let pid = idle();
            let monitor = |n: u32| process::monitor_with(pid, MonitorOptions::new().tag(n));
            let monitors: Vec<_> = (0..100).map(monitor).collect();
            process::exit(pid, reason());

            for (n, monitor) in monitors.into_iter().enumerate().rev() {
                let n = u32::try_from(n).unwrap();
                receive! {
                    tagged: TaggedDown<u32> if tagged.tag == n => {
                        assert_eq!(tagged.down.monitor, monitor);
                    }
                    after test_timeout() => panic!("no DOWN"),
                }
            }
            assert_no_message();
        });
    }

    // OTP: monitor_SUITE:monitor_tag_storage
    #[test]
    fn is_dropped_once_however_the_monitor_ends() {
        let drops = Arc::new(AtomicUsize::new(0));
        let count = || drops.load(Ordering::SeqCst);
        let counted = {
            let drops = Arc::clone(&drops);
            move || {
                let drops = Arc::clone(&drops);
                MonitorOptions::new()
                    .tag(message_on_drop(move || _ = drops.fetch_add(1, Ordering::SeqCst)))
            }
        };

        let pid = idle();
        let monitor = process::monitor_with(pid, counted());
        assert_eq!(count(), 0);
        process::demonitor(monitor);
        assert_eq!(count(), 1);

        let (_, watcher) = process::spawn_monitor({
            let counted = counted.clone();
            move || _ = process::monitor_with(pid, counted())
        })
        .unwrap();
        assert_eq!(down_reason(watcher), ExitReason::Normal);
        // When everybody has been told.
        wait_until(|| count() == 2);

        let monitor = process::monitor_with(pid, counted());
        end_with_downs_in_mailbox(pid);
        assert_eq!(count(), 2);
        process::demonitor_flush(monitor);
        assert_eq!(count(), 3);
    }
}
