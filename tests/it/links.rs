//! Links: two processes that live and die together.

use std::time::Duration;

use procession::prelude::*;
use procession::process::Builder;

use crate::support::processes::{Begun, Busy, busy, idle, idle_body, in_process, reason};
use crate::support::wait::{
    assert_no_message, down_reason, exit_and_wait, expect, test_timeout, wait_until,
};

fn links_of(pid: Pid) -> Vec<Pid> {
    process::info(pid).unwrap().links
}

/// A process that links to `peer` and then does nothing; returns when the link stands.
fn linked_to(peer: Pid, builder: Builder) -> (Pid, MonitorRef) {
    let me = process::self_pid();
    let linked = builder
        .spawn_monitor(move || {
            process::link(peer);
            process::send(me, Begun);
            idle_body();
        })
        .unwrap();
    expect::<Begun>();
    linked
}

mod link {
    use super::*;

    // OTP: erl_link_SUITE:links
    #[test]
    fn carries_the_reason_of_either_end_to_the_other() {
        in_process(|| {
            let (first, first_monitor) = process::spawn_monitor(idle_body).unwrap();
            let (second, second_monitor) = linked_to(first, Builder::new());
            assert_eq!(links_of(first), [second]);
            assert_eq!(links_of(second), [first]);
            process::exit(first, reason());
            assert_eq!(down_reason(first_monitor), reason());
            assert_eq!(down_reason(second_monitor), reason());

            let (first, first_monitor) = process::spawn_monitor(idle_body).unwrap();
            let (second, second_monitor) = linked_to(first, Builder::new());
            process::exit(second, reason());
            assert_eq!(down_reason(second_monitor), reason());
            assert_eq!(down_reason(first_monitor), reason());
        });
    }

    #[test]
    fn carries_every_abnormal_reason_unchanged() {
        in_process(|| {
            let reasons = [
                ExitReason::Shutdown,
                ExitReason::shutdown_with("links"),
                ExitReason::Killed,
                ExitReason::NoProc,
                reason(),
            ];
            for reason in reasons {
                let first = idle();
                let (_, monitor) = linked_to(first, Builder::new());
                process::exit(first, reason.clone());
                assert_eq!(down_reason(monitor), reason);
            }
        });
    }

    // OTP: ref_man_processes, "Receiving Exit Signals"
    #[test]
    fn to_a_process_that_ends_normally_does_no_harm_and_is_gone() {
        in_process(|| {
            let me = process::self_pid();
            let (pid, monitor) =
                Builder::new().link().spawn_monitor(|| receive! { "end" => {} }).unwrap();
            assert_eq!(links_of(me), [pid]);
            process::send(pid, "end");
            assert_eq!(down_reason(monitor), ExitReason::Normal);

            process::checkpoint();
            assert!(links_of(me).is_empty());
            assert_no_message();
        });
    }

    // OTP: proc_lib_SUITE:sync_start_monitor_link
    #[test]
    fn to_a_process_that_ends_normally_gives_a_message_when_trapping() {
        in_process(|| {
            process::set_trap_exit(true);
            let pid = process::spawn_link(|| {}).unwrap();
            assert_eq!(expect::<Exit>(), Exit { from: pid, reason: ExitReason::Normal });
        });
    }

    // OTP: ref_man_processes, "Links"
    #[test]
    fn made_twice_is_one_link() {
        in_process(|| {
            process::set_trap_exit(true);
            let me = process::self_pid();
            let pid = idle();
            process::link(pid);
            process::link(pid);
            assert_eq!((links_of(me), links_of(pid)), (vec![pid], vec![me]));
            exit_and_wait(pid, reason());
            assert_eq!(expect::<Exit>(), Exit { from: pid, reason: reason() });
            assert_no_message();

            // From both ends, and one unlink removes it.
            let (pid, monitor) = linked_to(me, Builder::new());
            process::link(pid);
            process::unlink(pid);
            assert!(links_of(me).is_empty() && links_of(pid).is_empty());
            process::exit(pid, reason());
            assert_eq!(down_reason(monitor), reason());
            assert_no_message();
        });
    }

    // OTP: erl_link_SUITE:links
    #[test]
    fn to_oneself_does_nothing() {
        let me = process::self_pid();
        let (_, monitor) = process::spawn_monitor(move || {
            process::set_trap_exit(true);
            process::link(process::self_pid());
            process::send(me, links_of(process::self_pid()));
            process::exit_self(reason());
        })
        .unwrap();
        assert!(expect::<Vec<Pid>>().is_empty());
        assert_eq!(down_reason(monitor), reason());
    }

    #[test]
    fn to_a_process_that_has_ended_gives_no_proc_when_trapping() {
        in_process(|| {
            process::set_trap_exit(true);
            let pid = idle();
            exit_and_wait(pid, reason());
            process::link(pid);

            let exit = process::receive_timeout(Duration::ZERO).unwrap();
            let expected = Exit { from: pid, reason: ExitReason::NoProc };
            assert_eq!(exit.downcast::<Exit>().unwrap(), expected);
            assert!(links_of(process::self_pid()).is_empty());
        });
    }

    #[test]
    fn to_a_process_that_has_ended_ends_the_caller_in_the_call() {
        let me = process::self_pid();
        let pid = idle();
        exit_and_wait(pid, reason());
        let (_, monitor) = process::spawn_monitor(move || {
            process::link(pid);
            process::send(me, "after the call");
        })
        .unwrap();
        assert_eq!(down_reason(monitor), ExitReason::NoProc);
        assert_no_message();
    }

    // OTP: signal_SUITE:unlink_exit
    #[test]
    fn to_a_process_that_has_unlinked_itself_and_ended_is_answered() {
        in_process(|| {
            process::set_trap_exit(true);
            let me = process::self_pid();
            let (pid, monitor) = process::spawn_monitor(move || {
                process::link(me);
                process::unlink(me);
                process::exit_self(reason());
            })
            .unwrap();
            assert_eq!(down_reason(monitor), reason());
            assert_no_message();

            process::link(pid);
            assert_eq!(expect::<Exit>(), Exit { from: pid, reason: ExitReason::NoProc });
        });
    }

    #[test]
    fn of_a_process_to_many_others_reaches_all() {
        in_process(|| {
            let hub = idle();
            let spokes: Vec<_> = (0..50).map(|_| linked_to(hub, Builder::new())).collect();
            let mut pids: Vec<Pid> = spokes.iter().map(|(pid, _)| *pid).collect();
            pids.sort();
            assert_eq!(links_of(hub), pids);

            process::exit(hub, reason());
            for (_, monitor) in spokes {
                assert_eq!(down_reason(monitor), reason());
            }
        });
    }
}

mod unlink {
    use super::*;

    // OTP: erl_link_SUITE:links
    #[test]
    fn by_either_end_removes_the_link_for_both() {
        in_process(|| {
            process::set_trap_exit(true);
            let me = process::self_pid();

            let pid = process::spawn_link(idle_body).unwrap();
            process::unlink(pid);
            assert!(links_of(me).is_empty() && links_of(pid).is_empty());
            exit_and_wait(pid, reason());
            assert_no_message();

            let (_, monitor) = Builder::new()
                .link()
                .spawn_monitor(move || {
                    process::unlink(me);
                    process::exit_self(reason());
                })
                .unwrap();
            assert_eq!(down_reason(monitor), reason());
            assert!(links_of(me).is_empty());
            assert_no_message();
        });
    }

    // OTP: erlang:unlink/1
    #[test]
    fn of_a_process_that_is_not_linked_does_nothing() {
        in_process(|| {
            let dead = idle();
            exit_and_wait(dead, reason());
            let stranger = idle();
            let friend = process::spawn_link(idle_body).unwrap();
            for pid in [dead, stranger, process::self_pid()] {
                process::unlink(pid);
            }
            assert_eq!(links_of(process::self_pid()), [friend]);
            process::unlink(friend);
            exit_and_wait(stranger, reason());
            exit_and_wait(friend, reason());
        });
    }

    // OTP: ref_man_processes, "Receiving Exit Signals"
    #[test]
    fn does_not_hold_up_a_signal_sent_by_exit() {
        let (pid, monitor) = process::spawn_monitor(idle_body).unwrap();
        process::link(pid);
        process::exit(pid, reason());
        process::unlink(pid);
        assert_eq!(down_reason(monitor), reason());

        let Busy { pid, monitor, let_go } = busy(Builder::new().link(), process::checkpoint);
        process::exit(pid, reason());
        process::unlink(pid);
        drop(let_go);
        assert_eq!(down_reason(monitor), reason());
    }

    #[test]
    fn leaves_a_message_that_has_come_before_where_it_is() {
        in_process(|| {
            process::set_trap_exit(true);
            let (pid, monitor) = Builder::new().link().spawn_monitor(|| {}).unwrap();
            assert_eq!(down_reason(monitor), ExitReason::Normal);
            process::unlink(pid);
            assert_eq!(expect::<Exit>(), Exit { from: pid, reason: ExitReason::Normal });
        });
    }

    #[test]
    fn judges_earlier_signals_by_the_link_that_stood_then() {
        let me = process::self_pid();
        let (_, monitor) = process::spawn_monitor(move || {
            // Busy until its linked process has ended, and its signal has come.
            let body = || process::exit_self(reason());
            let (child, _) = Builder::new().link().spawn_monitor(body).unwrap();
            wait_until(|| process::info(process::self_pid()).unwrap().message_queue_len == 2);
            process::unlink(child);
            process::send(me, "after the unlink");
        })
        .unwrap();
        assert_eq!(down_reason(monitor), reason());
        assert_no_message();
    }
}

mod chain {
    use super::*;

    const LENGTH: usize = 10;

    /// What the last of a chain does.
    type Last = fn();

    /// Runs `last` at the end of a chain of linked processes. Returns the reason with which each of
    /// them ended, and what the observer heard who traps exits at the other end.
    fn run_chain(last: Last, signal: Option<ExitReason>) -> (Vec<ExitReason>, ExitReason) {
        process::set_trap_exit(true);
        let me = process::self_pid();
        let mut chain = vec![linked_to(me, Builder::new())];
        while chain.len() < LENGTH - 1 {
            chain.push(linked_to(chain[chain.len() - 1].0, Builder::new()));
        }
        let neighbour = chain[chain.len() - 1].0;
        chain.push(
            process::spawn_monitor(move || {
                process::link(neighbour);
                process::send(me, Begun);
                receive! { "go" => last() }
            })
            .unwrap(),
        );
        expect::<Begun>();

        let (first, (end, _)) = (chain[0].0, chain[LENGTH - 1]);
        process::send(end, "go");
        signal.into_iter().for_each(|signal| process::exit(end, signal));
        let reasons = chain.into_iter().rev().map(|(_, monitor)| down_reason(monitor)).collect();
        let heard = expect::<Exit>();
        assert_eq!(heard.from, first);
        (reasons, heard.reason)
    }

    #[track_caller]
    fn check(last: Last, signal: Option<ExitReason>, expected: ExitReason) {
        in_process(move || {
            let (reasons, heard) = run_chain(last, signal);
            assert_eq!(reasons, vec![expected.clone(); LENGTH]);
            assert_eq!(heard, expected);
        });
    }

    // OTP: erl_link_SUITE:links, signal_SUITE:kill2killed
    #[test]
    fn passes_a_reason_on_from_link_to_link() {
        check(|| process::exit_self(reason()), None, reason());
        check(idle_body, Some(reason()), reason());
    }

    // OTP: signal_SUITE:kill2killed
    #[test]
    fn whose_last_ends_itself_with_kill_ends_with_kill() {
        check(|| process::exit_self(ExitReason::Kill), None, ExitReason::Kill);
    }

    // OTP: signal_SUITE:kill2killed
    #[test]
    fn whose_last_is_killed_ends_with_killed() {
        check(idle_body, Some(ExitReason::Kill), ExitReason::Killed);
        let suicide = || process::exit(process::self_pid(), ExitReason::Kill);
        check(suicide, None, ExitReason::Killed);
    }

    #[test]
    fn stops_at_a_process_that_traps_exits() {
        in_process(|| {
            let trapper = Builder::new().trap_exit(true).spawn(idle_body).unwrap();
            let (above, above_monitor) = linked_to(trapper, Builder::new());
            let (below, monitor) = linked_to(trapper, Builder::new());
            process::exit(below, reason());
            assert_eq!(down_reason(monitor), reason());

            // The signal is a message for the one in the middle, and goes no further.
            wait_until(|| links_of(trapper) == [above]);
            wait_until(|| process::info(trapper).unwrap().message_queue_len == 1);
            assert!(process::is_alive(above));
            assert_eq!(exit_and_wait(trapper, ExitReason::Kill), ExitReason::Killed);
            assert_eq!(down_reason(above_monitor), ExitReason::Killed);
        });
    }

    #[test]
    fn stops_at_a_process_that_ends_normally() {
        in_process(|| {
            let (middle, monitor) = process::spawn_monitor(|| receive! { "end" => {} }).unwrap();
            let (neighbour, _) = linked_to(middle, Builder::new());
            process::send(middle, "end");
            assert_eq!(down_reason(monitor), ExitReason::Normal);
            assert_eq!(exit_and_wait(neighbour, reason()), reason());
        });
    }
}

mod exit_messages {
    use super::*;

    // OTP: ref_man_processes, "Receiving Exit Signals"
    #[test]
    fn are_in_the_order_of_arrival_and_name_the_process_that_ended() {
        in_process(|| {
            process::set_trap_exit(true);
            let me = process::self_pid();
            process::send(me, "first");
            let (one, monitor) = Builder::new()
                .link()
                .spawn_monitor(move || {
                    process::send(me, "second");
                    process::exit_self(reason());
                })
                .unwrap();
            assert_eq!(down_reason(monitor), reason());
            process::send(me, "fourth");

            let next = || process::receive_timeout(Duration::ZERO).unwrap();
            assert_eq!(next().downcast::<&str>().unwrap(), "first");
            assert_eq!(next().downcast::<&str>().unwrap(), "second");
            let third = next().downcast::<Exit>().unwrap();
            assert_eq!(third, Exit { from: one, reason: reason() });
            assert_eq!(next().downcast::<&str>().unwrap(), "fourth");
            assert_no_message();
        });
    }

    #[test]
    fn can_be_chosen_from_among_others() {
        in_process(|| {
            process::set_trap_exit(true);
            let pids: Vec<_> = (0..5).map(|_| process::spawn_link(idle_body).unwrap()).collect();
            pids.iter().for_each(|pid| process::exit(*pid, reason()));
            for pid in pids.into_iter().rev() {
                receive! {
                    Exit { from, .. } if from == pid => {}
                    after test_timeout() => panic!("no exit message from {pid}"),
                }
            }
        });
    }
}
