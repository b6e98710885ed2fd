//! Aliases: addresses that can be revoked.

use std::sync::mpsc;
use std::time::Duration;

use procession::prelude::*;
use procession::process::{AliasMode, Builder, MonitorOptions};
use procession::{Destination, timer};

use crate::support::calls::CallKind;
use crate::support::drops::message_on_drop;
use crate::support::processes::{FOREVER, idle, idle_body, in_process, reason};
use crate::support::rounds::{delay_by, rounds};
use crate::support::scripted::{Scripted, ScriptedServer, call_message, scripted};
use crate::support::wait::{
    assert_no_message, down_reason, exit_and_wait, expect, scan_mailbox, test_timeout,
};

/// Sends through `alias` and returns whether that arrives.
#[track_caller]
fn lets_in(alias: Alias) -> bool {
    process::send(alias, "through the alias");
    let arrived = process::receive_match_timeout(Duration::ZERO, |message| message.is::<&str>());
    assert_no_message();
    arrived.is_some()
}

/// A monitor of `pid` by the caller with an alias that ends as `mode` says.
fn monitor_with_alias(pid: Pid, mode: AliasMode) -> (MonitorRef, Alias) {
    let monitor = process::monitor_with(pid, MonitorOptions::new().alias(mode));
    (monitor, Alias::from(monitor))
}

mod alias {
    use super::*;

    // OTP: process_SUITE:alias_bif
    #[test]
    fn leads_to_the_mailbox_of_its_creator() {
        in_process(|| {
            let alias = process::alias();
            process::spawn(move || process::send(alias, 7_u8)).unwrap();
            assert_eq!(expect::<u8>(), 7);
            assert!(lets_in(alias));
            assert!(lets_in(alias));
        });
    }

    // OTP: process_SUITE:alias_bif
    #[test]
    fn is_another_one_each_time() {
        in_process(|| {
            let (first, second) = (process::alias(), process::alias());
            assert_ne!(first, second);
            assert!(process::unalias(first));
            assert!(!lets_in(first));
            assert!(lets_in(second));
        });
    }

    #[test]
    fn of_a_process_that_has_ended_takes_no_message() {
        let me = process::self_pid();
        let (_, monitor) =
            process::spawn_monitor(move || process::send(me, process::alias())).unwrap();
        let alias = expect::<Alias>();
        assert_eq!(down_reason(monitor), ExitReason::Normal);

        let (dropped, drops) = mpsc::channel();
        process::send(alias, message_on_drop(move || dropped.send(()).unwrap()));
        drops.try_recv().unwrap();
        assert!(!process::unalias(alias));
    }

    // OTP: signal_SUITE:monitor_named_order_local
    #[test]
    fn keeps_the_order_of_what_is_sent_by_pid_and_by_name() {
        const NAME: &str = "aliases::order";
        in_process(|| {
            let (me, alias) = (process::self_pid(), process::alias());
            process::register(NAME, me).unwrap();
            process::spawn(move || {
                for n in (0..3_000).step_by(3) {
                    process::send(alias, n);
                    process::send(me, n + 1);
                    process::send_to(NAME, n + 2).unwrap();
                }
            })
            .unwrap();
            for n in 0..3_000 {
                assert_eq!(expect::<i32>(), n);
            }
        });
    }
}

mod alias_with {
    use super::*;

    // OTP: process_SUITE:alias_bif
    #[test]
    fn reply_takes_the_first_message_only() {
        in_process(|| {
            let alias = process::alias_with(AliasMode::Reply);
            process::spawn(move || {
                process::send(alias, 1_u8);
                process::send(alias, 2_u8);
            })
            .unwrap();
            assert_eq!(expect::<u8>(), 1);
            assert!(!process::unalias(alias));

            let alias = process::alias_with(AliasMode::Reply);
            assert!(lets_in(alias));
            assert!(!lets_in(alias));
        });
    }

    // OTP: process_SUITE:alias_bif
    #[test]
    fn reply_can_be_revoked_before_the_first_message() {
        in_process(|| {
            let alias = process::alias_with(AliasMode::Reply);
            assert!(process::unalias(alias));
            assert!(!lets_in(alias));
        });
    }

    #[test]
    fn reply_is_left_alone_by_messages_sent_by_pid() {
        in_process(|| {
            let alias = process::alias_with(AliasMode::Reply);
            process::send(process::self_pid(), 1_u8);
            assert_eq!(expect::<u8>(), 1);
            assert!(lets_in(alias));
        });
    }

    #[test]
    fn demonitor_lasts_until_unalias_as_there_is_no_monitor() {
        in_process(|| {
            let alias = process::alias_with(AliasMode::Demonitor);
            assert!(lets_in(alias));
            assert!(lets_in(alias));
            assert!(process::unalias(alias));
            assert!(!lets_in(alias));
        });
    }
}

mod unalias {
    use super::*;

    // OTP: process_SUITE:alias_bif
    #[test]
    fn says_whether_the_alias_was_active() {
        in_process(|| {
            let alias = process::alias();
            assert!(process::unalias(alias));
            assert!(!process::unalias(alias));
            assert!(!lets_in(alias));
        });
    }

    // OTP: process_SUITE:alias_bif
    #[test]
    fn of_an_alias_of_another_process_leaves_it_active() {
        in_process(|| {
            let (me, alias) = (process::self_pid(), process::alias());
            process::spawn(move || process::send(me, process::unalias(alias))).unwrap();
            assert!(!expect::<bool>());
            assert!(lets_in(alias));
        });
    }

    // OTP 25, run: what has not been looked at is dropped, the rest stays.
    #[test]
    fn keeps_only_messages_that_an_earlier_receive_has_looked_at() {
        in_process(|| {
            let me = process::self_pid();
            let alias = process::alias();
            process::send(me, 1_u8);
            process::send(alias, 2_u8);
            scan_mailbox();
            process::send(alias, 3_u8);
            assert!(process::unalias(alias));
            process::send(alias, 4_u8);
            process::send(me, 5_u8);
            for n in [1, 2, 5] {
                assert_eq!(expect::<u8>(), n);
            }
            assert_no_message();
        });
    }

    #[test]
    fn of_an_alias_that_a_message_has_ended_returns_false() {
        in_process(|| {
            let alias = process::alias_with(AliasMode::Reply);
            process::send(alias, 1_u8);
            scan_mailbox();
            assert!(!process::unalias(alias));
            assert_eq!(expect::<u8>(), 1);
        });
    }
}

mod monitor_with_explicit_unalias {
    use super::*;

    // OTP: process_SUITE:monitor_alias, demonitor_aliasmonitor
    #[test]
    fn keeps_the_alias_after_demonitor() {
        in_process(|| {
            let (monitor, alias) = monitor_with_alias(idle(), AliasMode::ExplicitUnalias);
            assert!(lets_in(alias));
            assert!(process::demonitor(monitor));
            assert!(lets_in(alias));
            assert!(process::unalias(alias));
            assert!(!lets_in(alias));
        });
    }

    // OTP: process_SUITE:monitor_alias, down_aliasmonitor
    #[test]
    fn keeps_the_alias_after_the_down() {
        in_process(|| {
            let pid = idle();
            let (monitor, alias) = monitor_with_alias(pid, AliasMode::ExplicitUnalias);
            process::exit(pid, reason());
            assert_eq!(down_reason(monitor), reason());
            assert!(lets_in(alias));
            assert!(!process::demonitor_flush(monitor));
            assert!(lets_in(alias));
            assert!(process::unalias(alias));
            assert!(!lets_in(alias));
        });
    }

    // OTP: monitor_SUITE:monitor_3_noproc_gh6185
    #[test]
    fn keeps_the_alias_after_a_noproc() {
        in_process(|| {
            let gone = idle();
            exit_and_wait(gone, reason());
            let nobody = "aliases::noproc";
            for target in [Destination::from(gone), Destination::from(nobody)] {
                let options = MonitorOptions::new().alias(AliasMode::ExplicitUnalias);
                let monitor = process::monitor_with(target, options);
                assert_eq!(down_reason(monitor), ExitReason::NoProc);
                let alias = Alias::from(monitor);
                assert!(lets_in(alias));
                assert!(process::unalias(alias));
                assert!(!lets_in(alias));
            }
        });
    }

    // OTP: process_SUITE:monitor_alias
    #[test]
    fn keeps_the_monitor_after_unalias() {
        in_process(|| {
            let modes = [AliasMode::ExplicitUnalias, AliasMode::Demonitor, AliasMode::Reply];
            for mode in modes {
                let pid = idle();
                let (monitor, alias) = monitor_with_alias(pid, mode);
                assert!(process::unalias(alias));
                assert!(!lets_in(alias));
                process::exit(pid, reason());
                assert_eq!(down_reason(monitor), reason(), "{mode:?}");
            }
        });
    }
}

mod monitor_with_demonitor {
    use super::*;

    // OTP: process_SUITE:monitor_alias
    #[test]
    fn ends_the_alias_on_demonitor() {
        in_process(|| {
            for demonitor in [process::demonitor, process::demonitor_flush] {
                let (monitor, alias) = monitor_with_alias(idle(), AliasMode::Demonitor);
                assert!(lets_in(alias));
                assert!(lets_in(alias));
                assert!(demonitor(monitor));
                assert!(!lets_in(alias));
                assert!(!process::unalias(alias));
            }
        });
    }

    // OTP: process_SUITE:monitor_alias
    #[test]
    fn ends_the_alias_on_the_down() {
        in_process(|| {
            let pid = idle();
            let (monitor, alias) = monitor_with_alias(pid, AliasMode::Demonitor);
            assert!(lets_in(alias));
            process::exit(pid, reason());
            assert_eq!(down_reason(monitor), reason());
            assert!(!lets_in(alias));
            assert!(!process::unalias(alias));
        });
    }

    #[test]
    fn lets_in_messages_that_the_process_has_sent_before_it_ended() {
        in_process(|| {
            let pid = process::spawn(|| {
                receive! { alias: Alias => (0..10).for_each(|n| process::send(alias, n)) }
            })
            .unwrap();
            let (monitor, alias) = monitor_with_alias(pid, AliasMode::Demonitor);
            process::send(pid, alias);
            for n in 0..10 {
                assert_eq!(process::receive().downcast::<i32>().unwrap(), n);
            }
            assert_eq!(process::receive().downcast::<Down>().unwrap().monitor, monitor);
        });
    }
}

mod monitor_with_reply {
    use super::*;

    // OTP: process_SUITE:monitor_alias
    #[test]
    fn ends_alias_and_monitor_with_the_first_message() {
        in_process(|| {
            let pid = process::spawn(|| {
                receive! {
                    alias: Alias => {
                        process::send(alias, "reply");
                        process::send(alias, "late");
                    }
                }
                idle_body();
            })
            .unwrap();
            let (_, alias) = monitor_with_alias(pid, AliasMode::Reply);
            process::send(pid, alias);
            assert_eq!(expect::<&str>(), "reply");
            assert!(process::info(process::self_pid()).unwrap().monitors.is_empty());
            assert!(process::info(pid).unwrap().monitored_by.is_empty());

            assert_eq!(exit_and_wait(pid, reason()), reason());
            assert_no_message();
        });
    }

    // OTP: process_SUITE:monitor_alias
    #[test]
    fn ends_the_alias_on_the_down() {
        in_process(|| {
            let pid = idle();
            let (monitor, alias) = monitor_with_alias(pid, AliasMode::Reply);
            process::exit(pid, reason());
            assert_eq!(down_reason(monitor), reason());
            assert!(!lets_in(alias));
        });
    }

    // OTP: monitor_SUITE:unexpected_alias_at_demonitor_gh5310
    #[test]
    fn ends_the_alias_on_demonitor() {
        in_process(|| {
            for demonitor in [process::demonitor, process::demonitor_flush] {
                let (monitor, alias) = monitor_with_alias(idle(), AliasMode::Reply);
                assert!(demonitor(monitor));
                assert!(!lets_in(alias));
                assert!(!process::unalias(alias));
            }
        });
    }

    // OTP: monitor_SUITE:gh_5225_demonitor_alias
    #[test]
    fn leaves_nothing_to_demonitor_when_it_is_exhausted() {
        in_process(|| {
            for demonitor in [process::demonitor, process::demonitor_flush] {
                let (monitor, alias) = monitor_with_alias(idle(), AliasMode::Reply);
                process::send(alias, 1_u8);
                scan_mailbox();
                assert!(!demonitor(monitor));
                assert!(!demonitor(monitor));
                assert_eq!(expect::<u8>(), 1);
                assert_no_message();
            }
        });
    }

    // OTP 25, run.
    #[test]
    fn drops_on_demonitor_the_reply_that_has_not_been_looked_at() {
        in_process(|| {
            for demonitor in [process::demonitor, process::demonitor_flush] {
                let (monitor, alias) = monitor_with_alias(idle(), AliasMode::Reply);
                process::send(alias, 1_u8);
                assert!(demonitor(monitor));
                assert_no_message();
            }
        });
    }
}

mod monitor_with_any_alias {
    use super::*;

    #[test]
    fn makes_none_for_a_monitor_of_oneself() {
        in_process(|| {
            for mode in [AliasMode::ExplicitUnalias, AliasMode::Demonitor, AliasMode::Reply] {
                let (monitor, alias) = monitor_with_alias(process::self_pid(), mode);
                assert!(!lets_in(alias));
                assert!(!process::unalias(alias));
                assert!(!process::demonitor(monitor));
            }
        });
    }

    // OTP: monitor_SUITE:down_on_alias_gh5310
    #[test]
    fn sends_no_down_after_demonitor_flush_of_a_process_that_is_just_ending() {
        let modes = [AliasMode::ExplicitUnalias, AliasMode::Demonitor, AliasMode::Reply];
        in_process(move || {
            for (round, mode) in (0..rounds(600)).zip(modes.into_iter().cycle()) {
                let pid = process::spawn(|| drop(process::receive())).unwrap();
                let (monitor, alias) = monitor_with_alias(pid, mode);
                let observer = process::monitor(pid);
                process::send(pid, "end");
                delay_by(round);
                process::demonitor_flush(monitor);

                let explicit = mode == AliasMode::ExplicitUnalias;
                assert_eq!(process::unalias(alias), explicit, "{mode:?}");
                assert_eq!(down_reason(observer), ExitReason::Normal);
                assert_no_message();
            }
        });
    }

    // OTP: process_SUITE:spawn_monitor_alias
    #[test]
    fn can_be_asked_for_when_the_process_is_spawned() {
        in_process(|| {
            let modes = [
                (AliasMode::ExplicitUnalias, true),
                (AliasMode::Demonitor, true),
                (AliasMode::Reply, false),
            ];
            for (mode, second_arrives) in modes {
                let options = MonitorOptions::new().alias(mode);
                let (pid, monitor) = Builder::new()
                    .spawn_monitor_with(options, || {
                        receive! { alias: Alias => process::send(alias, 1_u8) }
                        idle_body();
                    })
                    .unwrap();
                let alias = Alias::from(monitor);
                process::send(pid, alias);
                assert_eq!(expect::<u8>(), 1);
                assert_eq!(lets_in(alias), second_arrives, "{mode:?}");
            }
        });
    }

    #[test]
    fn is_none_if_the_monitor_was_made_without_an_alias() {
        in_process(|| {
            let alias = Alias::from(process::monitor(idle()));
            assert!(!lets_in(alias));
            assert!(!process::unalias(alias));
        });
    }
}

mod timers {
    use super::*;

    #[test]
    fn send_to_an_alias_while_it_is_active() {
        in_process(|| {
            let (me, alias) = (process::self_pid(), process::alias());
            timer::send_after(Duration::from_millis(1), alias, 1_u8);
            assert_eq!(expect::<u8>(), 1);
            let started = timer::start_timer(Duration::from_millis(1), alias, "tea");
            assert_eq!(expect::<Timeout<&str>>(), Timeout { timer: started, value: "tea" });

            process::unalias(alias);
            timer::send_after(Duration::from_millis(1), Destination::Alias(alias), 2_u8);
            timer::start_timer(Duration::from_millis(1), alias, "cold tea");
            // Timers expire in the order of their deadlines.
            timer::send_after(Duration::from_millis(2), me, 3_u8);
            assert_eq!(expect::<u8>(), 3);
            assert_no_message();
        });
    }

    #[test]
    fn that_repeat_send_to_a_reply_alias_once() {
        in_process(|| {
            let (me, alias) = (process::self_pid(), process::alias_with(AliasMode::Reply));
            let interval = timer::send_interval(Duration::from_millis(1), alias, "tick");
            timer::send_after(Duration::from_millis(10), me, 1_u8);
            assert_eq!(expect::<u8>(), 1);
            assert_eq!(expect::<&str>(), "tick");
            assert!(timer::cancel(interval).is_some());
            assert_no_message();
        });
    }

    #[test]
    fn are_gone_when_the_creator_of_the_alias_has_ended() {
        let me = process::self_pid();
        let (pid, monitor) = process::spawn_monitor(move || {
            process::send(me, process::alias());
            idle_body();
        })
        .unwrap();
        let timer = timer::send_after(FOREVER, expect::<Alias>(), "never");
        assert!(timer::read(timer).is_some());
        process::exit(pid, reason());
        assert_eq!(down_reason(monitor), reason());
        assert_eq!(timer::read(timer), None);
    }
}

mod a_server_by_an_alias {
    use super::*;

    /// A server, an alias of it, and the server by that.
    fn by_alias(mode: AliasMode) -> (ServerRef<Scripted>, Alias, ServerRef<Scripted, Destination>) {
        let server = scripted();
        let alias = server.call_with(move |_, _| reply(process::alias_with(mode))).unwrap();
        (server, alias, ServerRef::at(alias))
    }

    #[test]
    fn is_called_and_stopped_while_the_alias_is_active() {
        for mode in [AliasMode::ExplicitUnalias, AliasMode::Reply] {
            let (server, _, by_alias) = by_alias(mode);
            by_alias.assert_answers();
            by_alias.assert_answers(); // That does not end it.
            assert_eq!(by_alias.whereis(), Some(server.pid()));
            assert_eq!(by_alias.stop(), Ok(()));
        }
    }

    #[test]
    fn is_not_found_when_the_alias_has_been_removed() {
        let (server, alias, by_alias) = by_alias(AliasMode::ExplicitUnalias);
        assert_eq!(server.call_with(move |_, _| reply(process::unalias(alias))), Ok(true));
        assert_eq!(by_alias.call_with(|_, _| reply(())).kind(), Err(CallErrorKind::NoProc));
        let request = by_alias.send_request(call_message(|_, _| reply(())));
        assert_eq!(request.receive_response(test_timeout()).kind(), Err(CallErrorKind::NoProc));
        assert_eq!(by_alias.stop(), Err(StopError::NoProc));
        assert_eq!(by_alias.whereis(), None);
        server.assert_answers();
    }

    #[test]
    fn is_not_found_when_a_message_has_ended_the_alias() {
        let (server, alias, by_alias) = by_alias(AliasMode::Reply);
        process::send(alias, "the only one");
        server.assert_answers();
        assert_eq!(by_alias.call_with(|_, _| reply(())).kind(), Err(CallErrorKind::NoProc));
        server.assert_answers();
    }
}
