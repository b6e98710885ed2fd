//! Messages: values of any type, and the mailbox they wait in.

use std::cell::Cell;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use procession::prelude::*;
use procession::process::Builder;
use procession::timer;

use crate::support::drops::message_on_drop;
use crate::support::processes::{Busy, begun, busy, idle, in_process, reason};
use crate::support::wait::{
    assert_no_message, down_reason, exit_and_wait, expect, test_timeout, wait_until,
};

/// Takes everything out of the mailbox; all of it must be of type `T`.
#[track_caller]
fn drain<T: Send + 'static>() -> Vec<T> {
    let next = || process::receive_timeout(Duration::ZERO);
    std::iter::from_fn(next).map(|message| message.downcast().unwrap()).collect()
}

fn send_all<T: Send + fmt::Debug + 'static>(to: Pid, messages: impl IntoIterator<Item = T>) {
    messages.into_iter().for_each(|message| process::send(to, message));
}

/// How many messages hold a clone of `token`.
fn holders(token: &Arc<()>) -> usize {
    Arc::strong_count(token) - 1
}

mod message {
    use super::*;

    #[test]
    fn of_a_message_is_that_message() {
        let message = Message::new(Message::new(Message::new(42_u64)));
        assert!(message.is::<u64>());
        assert!(!message.is::<Message>());
        assert_eq!(message.downcast::<u64>().unwrap(), 42);
    }

    #[test]
    fn is_given_back_by_a_downcast_to_another_type() {
        let message = Message::new(vec![1_u8, 2]);
        let message = message.downcast::<Vec<i8>>().unwrap_err();
        let message = message.downcast::<String>().unwrap_err();
        assert_eq!(message.downcast::<Vec<u8>>().unwrap(), [1, 2]);
    }

    #[test]
    fn knows_its_type() {
        let message = Message::new(7_u8);
        assert!(message.is::<u8>() && !message.is::<i8>() && !message.is::<Box<u8>>());
        assert_eq!(message.downcast_ref::<u8>(), Some(&7));
        assert_eq!(message.downcast_ref::<i8>(), None);
        assert_eq!(message.type_name(), "u8");
    }

    #[test]
    fn prints_as_its_value() {
        assert_eq!(format!("{:?}", Message::new(Some("tea"))), r#"Some("tea")"#);
        assert_eq!(format!("{:#?}", Message::new((1, 2))), format!("{:#?}", (1, 2)));
    }

    #[test]
    fn can_hold_a_value_of_any_size() {
        in_process(|| {
            let me = process::self_pid();
            process::send(me, ());
            process::send(me, [7_u8; 100_000]);
            process::send(me, 1_u128);
            assert_eq!(expect::<u128>(), 1);
            assert_eq!(expect::<[u8; 100_000]>(), [7; 100_000]);
            assert_eq!(expect::<()>(), ());
        });
    }

    #[test]
    fn drops_its_value_once() {
        let token = Arc::new(());
        drop(Message::new(Arc::clone(&token)));
        assert_eq!(holders(&token), 0);

        let message = Message::new(Message::new(Arc::clone(&token)));
        let message = message.downcast::<u8>().unwrap_err();
        assert_eq!(holders(&token), 1);
        let value = message.downcast::<Arc<()>>().unwrap();
        assert_eq!(holders(&token), 1);
        drop(value);
        assert_eq!(holders(&token), 0);
    }

    #[test]
    fn that_is_sent_on_arrives_as_its_value() {
        in_process(|| {
            let me = process::self_pid();
            let pass_on = |to: Pid| process::spawn(move || process::send(to, process::receive()));
            let last = pass_on(me).unwrap();
            let first = pass_on(last).unwrap();
            process::send(first, "on its way");
            assert_eq!(expect::<&str>(), "on its way");

            // Also by a timer, and out of an error.
            let message =
                process::send_to("messages::nobody", Message::new(7_u8)).unwrap_err().message;
            timer::send_after(Duration::from_millis(1), me, message);
            assert_eq!(expect::<u8>(), 7);
        });
    }

    #[test]
    fn whose_debug_panics_arrives_like_any_other() {
        struct Unprintable(u8);

        impl fmt::Debug for Unprintable {
            fn fmt(&self, _: &mut fmt::Formatter<'_>) -> fmt::Result {
                panic!("it cannot be printed")
            }
        }

        in_process(|| {
            let me = process::self_pid();
            process::send(me, "unrelated");
            process::send(me, Unprintable(7));
            let n = receive! { Unprintable(n) if n == 7 => n, after test_timeout() => 0 };
            assert_eq!(n, 7);
            assert_eq!(process::info(me).unwrap().message_queue_len, 1);

            // Nor does it matter that a process which crashes has not received it.
            let Busy { pid, monitor, let_go } = busy(Builder::new(), || panic!("crash"));
            process::send(pid, Unprintable(8));
            drop(let_go);
            assert_eq!(down_reason(monitor).as_panic().unwrap().message, "crash");
            process::send(pid, Unprintable(9));

            let error = process::send_to("messages::nobody", Unprintable(10)).unwrap_err();
            assert!(format!("{error:?} {error}").contains("messages::nobody"));
        });
    }
}

mod opaque {
    use super::*;

    type Job = Box<dyn Fn(u32) -> u32 + Send>;

    #[test]
    fn is_cloned_as_its_value_is() {
        let texts = Opaque::new(vec!["a"]);
        assert_eq!(texts.clone().into_inner(), texts.into_inner());
    }

    #[test]
    fn carries_what_cannot_be_printed() {
        in_process(|| {
            let me = process::self_pid();
            let job: Job = Box::new(|n| n + 1);
            process::send(me, Opaque::new(job));
            receive! {
                job: Opaque<Job> => assert_eq!(job(41), 42),
                after test_timeout() => panic!("no job"),
            }
        });
    }

    #[test]
    fn can_be_a_part_of_a_message() {
        #[derive(Debug)]
        struct Request {
            number: u32,
            job: Opaque<Job>,
        }

        in_process(|| {
            let me = process::self_pid();
            process::send(me, Request { number: 41, job: Opaque::new(Box::new(|n| n + 1)) });
            let printed = receive! {
                Request { number, job } => {
                    assert_eq!((job.into_inner())(number), 42);
                    "taken apart"
                }
                after test_timeout() => "no request",
            };
            assert_eq!(printed, "taken apart");
        });
    }

    #[test]
    fn prints_the_name_of_the_type() {
        struct Secret;
        let printed = format!("{:?}", Opaque::new(Secret));
        assert!(printed.starts_with("Opaque<") && printed.ends_with("::Secret>"), "{printed}");
    }

    #[test]
    fn gives_access_to_its_value() {
        let mut value = Opaque::new(Cell::new(1));
        value.set(2);
        *value.get_mut() += 1;
        assert_eq!(value.into_inner().get(), 3);
    }
}

mod send {
    use super::*;

    // OTP: erlang:send/2
    #[test]
    fn to_a_process_that_has_ended_drops_the_message() {
        in_process(|| {
            let gone = idle();
            exit_and_wait(gone, reason());
            let token = Arc::new(());
            process::send(gone, Arc::clone(&token));
            assert_eq!(holders(&token), 0);
            assert_no_message();
        });
    }

    #[test]
    fn of_a_message_whose_destructor_panics_to_a_process_that_has_ended_does_no_harm() {
        in_process(|| {
            let gone = idle();
            exit_and_wait(gone, reason());
            process::send(gone, message_on_drop(|| panic!("in a destructor")));
            assert_no_message();
        });
        // Nor to a thread of the program's own.
        let gone = idle();
        exit_and_wait(gone, reason());
        process::send(gone, message_on_drop(|| panic!("in a destructor")));
    }

    // OTP: signal_SUITE:monitor_named_order_local
    #[test]
    fn keeps_the_order_of_one_sender() {
        const NAME: &str = "messages::send::order";
        in_process(|| {
            let me = process::self_pid();
            process::register(NAME, me).unwrap();
            for sender in 0..3_usize {
                process::spawn(move || {
                    for n in (0..3_000_usize).step_by(2) {
                        process::send(me, (sender, n));
                        process::send_to(NAME, (sender, n + 1)).unwrap();
                    }
                })
                .unwrap();
            }
            let mut next = [0; 3];
            while next != [3_000; 3] {
                let (sender, n) = expect::<(usize, usize)>();
                assert_eq!(n, next[sender]);
                next[sender] += 1;
            }
            assert_no_message();
        });
    }

    // OTP: ref_man_processes, "Delivery of Signals"
    #[test]
    fn keeps_the_order_of_messages_and_signals() {
        let me = process::self_pid();
        let (pid, monitor) = begun(Builder::new().trap_exit(true), move || {
            for n in 0..100 {
                assert_eq!(process::receive().downcast::<u32>().unwrap(), n);
                let exit = process::receive().downcast::<Exit>().unwrap();
                assert_eq!(exit, Exit { from: me, reason: ExitReason::new(n) });
            }
        });
        for n in 0..100_u32 {
            process::send(pid, n);
            process::exit(pid, ExitReason::new(n));
        }
        assert_eq!(down_reason(monitor), ExitReason::Normal);
    }

    #[test]
    fn to_oneself_arrives() {
        in_process(|| {
            process::send(process::self_pid(), 7_u8);
            assert_eq!(process::receive().downcast::<u8>().unwrap(), 7);
        });
    }
}

mod mailbox {
    use super::*;

    // OTP: ref_man_processes, "Delivery of Signals"
    #[test]
    fn is_discarded_in_silence_when_its_process_ends() {
        in_process(|| {
            let ends: [(fn(), ExitReason); 2] =
                [(|| {}, ExitReason::Normal), (|| process::exit_self(reason()), reason())];
            for (end, expected) in ends {
                let token = Arc::new(());
                let Busy { pid, monitor, let_go } = busy(Builder::new(), move || {
                    // Some have arrived, others are in transit.
                    assert!(process::receive_match_timeout(Duration::ZERO, |_| false).is_none());
                    process::send(process::self_pid(), "last");
                    end();
                });
                send_all(pid, (0..10).map(|_| Arc::clone(&token)));
                assert_eq!(holders(&token), 10);
                drop(let_go);

                assert_eq!(down_reason(monitor), expected);
                assert_eq!(holders(&token), 0);
                assert_no_message();
            }
        });
    }

    // OTP: process_SUITE:process_info_self_msgq_len
    #[test]
    fn counts_a_message_just_sent_to_oneself() {
        in_process(|| {
            let me = process::self_pid();
            let info = || process::info(me).unwrap();
            let before = info().messages_received;
            for n in 0..10 {
                assert_eq!(info().message_queue_len, n);
                process::send(me, n);
            }
            assert!(process::receive_match_timeout(Duration::ZERO, |_| false).is_none());
            assert_eq!(info().message_queue_len, 10);
            process::send(me, 10_usize);
            assert_eq!(info().message_queue_len, 11);

            for n in 0..11 {
                assert_eq!(expect::<usize>(), n);
                assert_eq!(info().message_queue_len, 10 - n);
            }
            assert_eq!(info().messages_received - before, 11);
        });
    }

    #[test]
    fn of_another_process_can_be_counted() {
        let pid = idle();
        send_all(pid, 0..5);
        // While a process takes messages out of the channel, one may be in neither place.
        wait_until(|| process::info(pid).unwrap().message_queue_len == 5);
    }
}

mod receive {
    use super::*;

    #[test]
    fn takes_the_oldest_message() {
        in_process(|| {
            send_all(process::self_pid(), 0..3);
            for n in 0..3 {
                assert_eq!(process::receive().downcast::<i32>().unwrap(), n);
            }
        });
    }

    #[test]
    fn waits_for_a_message() {
        let me = process::self_pid();
        let waiting = process::spawn(move || process::send(me, process::receive())).unwrap();
        wait_until(|| process::info(waiting).unwrap().status == process::Status::Waiting);
        process::send(waiting, 7_u8);
        assert_eq!(expect::<u8>(), 7);
    }
}

mod receive_timeout {
    use super::*;

    // OTP: receive_SUITE:receive_opt_exception
    #[test]
    fn zero_takes_what_is_there() {
        in_process(|| {
            assert!(process::receive_timeout(Duration::ZERO).is_none());
            send_all(process::self_pid(), [1_u8, 2]);
            assert_eq!(drain::<u8>(), [1, 2]);
            assert!(process::receive_timeout(Duration::ZERO).is_none());
        });
    }

    #[test]
    fn does_not_end_early() {
        in_process(|| {
            let timeout = Duration::from_millis(20);
            let start = Instant::now();
            assert!(process::receive_timeout(timeout).is_none());
            assert!(start.elapsed() >= timeout);
        });
    }

    #[test]
    fn ends_in_time_in_a_flood_of_messages_that_are_dropped() {
        /// How many at most, so that a failing test comes to its end.
        const FLOOD: usize = 3_000_000;

        let alias = process::alias();
        process::unalias(alias);
        let is_over = Arc::new(AtomicBool::new(false));
        let flood = || {
            let is_over = Arc::clone(&is_over);
            move || {
                let sent = (0..FLOOD).take_while(|n| {
                    process::send(alias, *n);
                    !is_over.load(Ordering::Relaxed)
                });
                assert!(sent.count() < FLOOD, "the receive has not ended before the flood");
            }
        };
        let monitors: Vec<_> = (0..2).map(|_| process::spawn_monitor(flood()).unwrap().1).collect();
        for _ in 0..3 {
            assert!(process::receive_timeout(Duration::from_millis(2)).is_none());
        }
        is_over.store(true, Ordering::Relaxed);
        for monitor in monitors {
            assert_eq!(down_reason(monitor), ExitReason::Normal);
        }
    }

    #[test]
    fn too_long_for_the_clock_waits_forever() {
        let me = process::self_pid();
        let waiting = process::spawn(move || {
            process::send(me, process::receive_timeout(Duration::MAX).is_some());
        })
        .unwrap();
        wait_until(|| process::info(waiting).unwrap().status == process::Status::Waiting);
        process::send(waiting, "message");
        assert!(expect::<bool>());
    }

    #[test]
    fn ends_with_the_message_that_comes_in_time() {
        in_process(|| {
            timer::send_after(Duration::from_millis(5), process::self_pid(), 7_u8);
            let message = process::receive_timeout(test_timeout()).unwrap();
            assert_eq!(message.downcast::<u8>().unwrap(), 7);
        });
    }
}

mod receive_match {
    use super::*;

    fn is(n: i32) -> impl Fn(&Message) -> bool {
        move |message| message.downcast_ref() == Some(&n)
    }

    // OTP: receive_SUITE:receive_in_between
    #[test]
    fn takes_the_first_match_and_leaves_the_others_in_order() {
        in_process(|| {
            let me = process::self_pid();
            send_all(me, [1, 2, 3, 2, 4]);
            let message = process::receive_match(is(2));
            assert_eq!(message.downcast::<i32>().unwrap(), 2);
            send_all(me, [5]);
            process::receive_match(is(4));
            assert_eq!(drain::<i32>(), [1, 3, 2, 5]);
        });
    }

    #[test]
    fn takes_the_first_of_several_matches() {
        in_process(|| {
            send_all(process::self_pid(), [1, 12, 13, 2, 14]);
            let large = |message: &Message| message.downcast_ref::<i32>().is_some_and(|n| *n > 10);
            for n in [12, 13, 14] {
                assert_eq!(process::receive_match(large).downcast::<i32>().unwrap(), n);
            }
            assert_eq!(drain::<i32>(), [1, 2]);
        });
    }

    #[test]
    fn looks_at_each_message_once() {
        let me = process::self_pid();
        let (pid, monitor) = process::spawn_monitor(move || {
            let mut seen = Vec::new();
            process::receive_match(|message| {
                let n = *message.downcast_ref::<u32>().unwrap();
                seen.push(n);
                if n % 3 == 0 {
                    process::send(me, n);
                }
                n == 99
            });
            assert_eq!(seen, (0..100).collect::<Vec<u32>>());
            assert_eq!(drain::<u32>(), (0..99).collect::<Vec<u32>>());
        })
        .unwrap();
        for n in 0..100_u32 {
            process::send(pid, n);
            // Now and then it has looked at all there is, and waits for more.
            if n % 3 == 0 {
                assert_eq!(expect::<u32>(), n);
            }
        }
        assert_eq!(down_reason(monitor), ExitReason::Normal);
    }

    #[test]
    fn can_itself_receive_what_arrives_later() {
        in_process(|| {
            let me = process::self_pid();
            send_all(me, [1, 2, 3]);
            let mut inner = Vec::new();
            let message = process::receive_match(|message| {
                process::send(me, 10);
                let later = process::receive_timeout(Duration::ZERO).unwrap();
                inner.push(later.downcast::<i32>().unwrap());
                process::send(me, 20);
                is(2)(message)
            });
            assert_eq!(message.downcast::<i32>().unwrap(), 2);
            // The second time the 20 of the first was there before the 10.
            assert_eq!(inner, [10, 20]);
            assert_eq!(drain::<i32>(), [1, 3, 10, 20]);
        });
    }

    // OTP: receive_SUITE:receive_opt_exception, receive_opt_recursion
    #[test]
    fn that_panics_loses_no_message() {
        in_process(|| {
            send_all(process::self_pid(), [1, 2, 3]);
            let outcome = catch_unwind(AssertUnwindSafe(|| {
                process::receive_match(|message| if is(2)(message) { panic!("two") } else { false })
            }));
            assert!(outcome.is_err());
            assert_eq!(process::info(process::self_pid()).unwrap().message_queue_len, 3);
            assert_eq!(drain::<i32>(), [1, 2, 3]);
        });
    }
}

mod receive_match_timeout {
    use super::*;

    // OTP: receive_SUITE:receive_opt_exception
    #[test]
    fn zero_looks_through_the_mailbox_once() {
        in_process(|| {
            send_all(process::self_pid(), [1, 2, 3]);
            let mut looks = 0;
            let found = process::receive_match_timeout(Duration::ZERO, |_| {
                looks += 1;
                false
            });
            assert!(found.is_none());
            assert_eq!(looks, 3);
            let found = process::receive_match_timeout(Duration::ZERO, |message| {
                message.downcast_ref() == Some(&3)
            });
            assert!(found.is_some());
            assert_eq!(drain::<i32>(), [1, 2]);
        });
    }

    // OTP: expressions, "Receive"
    #[test]
    fn is_not_made_longer_by_messages_that_do_not_match() {
        in_process(|| {
            #[derive(Clone, Debug)]
            struct Noise;

            let timeout = Duration::from_millis(30);
            let noise = timer::send_interval(Duration::from_millis(1), process::self_pid(), Noise);
            let mut looks = 0;
            let start = Instant::now();
            let found = process::receive_match_timeout(timeout, |_| {
                looks += 1;
                false
            });
            assert!(found.is_none());
            assert!(start.elapsed() >= timeout);
            timer::cancel(noise);
            assert!(drain::<Noise>().len() >= looks);
        });
    }

    #[test]
    fn ends_with_the_match_that_comes_in_time() {
        in_process(|| {
            let me = process::self_pid();
            timer::send_after(Duration::from_millis(2), me, "no match");
            timer::send_after(Duration::from_millis(5), me, 7_u8);
            let found =
                process::receive_match_timeout(test_timeout(), |message| message.is::<u8>());
            assert_eq!(found.unwrap().downcast::<u8>().unwrap(), 7);
            assert_eq!(drain::<&str>(), ["no match"]);
        });
    }
}

mod receive_match_since {
    use super::*;

    #[test]
    fn skips_what_arrived_before_the_mark() {
        in_process(|| {
            let me = process::self_pid();
            let arrived_since = |mark| {
                let found = process::receive_match_since(mark, Duration::ZERO, |_| true)?;
                Some(found.downcast::<i32>().unwrap())
            };
            send_all(me, [1, 2]);
            let first = process::mark();
            assert_eq!(arrived_since(first), None);
            send_all(me, [3, 4]);
            let second = process::mark();
            send_all(me, [5]);
            assert!(first < second);

            assert_eq!(arrived_since(second), Some(5));
            assert_eq!(arrived_since(second), None);
            assert_eq!(arrived_since(first), Some(3));
            assert_eq!(arrived_since(first), Some(4));
            assert_eq!(arrived_since(first), None);
            assert_eq!(drain::<i32>(), [1, 2]);
        });
    }

    #[test]
    fn finds_messages_that_another_receive_has_looked_at() {
        in_process(|| {
            let me = process::self_pid();
            send_all(me, [1]);
            let mark = process::mark();
            send_all(me, [2, 3]);
            // All of it is sorted by now.
            assert!(process::receive_match_timeout(Duration::ZERO, |_| false).is_none());
            assert_eq!(process::receive().downcast::<i32>().unwrap(), 1);

            let found = process::receive_match_since(mark, Duration::ZERO, |_| true).unwrap();
            assert_eq!(found.downcast::<i32>().unwrap(), 2);
            assert_eq!(drain::<i32>(), [3]);
        });
    }

    #[test]
    fn looks_at_nothing_before_the_mark() {
        in_process(|| {
            let me = process::self_pid();
            send_all(me, 0..1_000);
            let mark = process::mark();
            process::spawn(move || process::send(me, "answer")).unwrap();
            let mut looks = 0;
            let found = process::receive_match_since(mark, test_timeout(), |_| {
                looks += 1;
                true
            });
            assert_eq!(found.unwrap().downcast::<&str>().unwrap(), "answer");
            assert_eq!(looks, 1);
            assert_eq!(drain::<i32>(), (0..1_000).collect::<Vec<_>>());
        });
    }

    #[test]
    fn is_not_confused_by_signals_that_are_no_messages() {
        in_process(|| {
            let me = process::self_pid();
            let revoked = process::alias();
            let other = idle();
            // Each of these takes a place in the order of arrival, but none becomes a message.
            process::unalias(revoked);
            process::send(revoked, "dropped");
            let (_, ended) =
                process::spawn_monitor(move || process::exit(me, ExitReason::Normal)).unwrap();
            assert_eq!(down_reason(ended), ExitReason::Normal);
            exit_and_wait(other, reason());
            process::demonitor_flush(process::monitor(other));
            process::send(revoked, "dropped");
            send_all(me, [1]);
            let mark = process::mark();
            process::send(revoked, "dropped");
            send_all(me, [2]);

            let found = process::receive_match_since(mark, Duration::ZERO, |_| true).unwrap();
            assert_eq!(found.downcast::<i32>().unwrap(), 2);
            assert_eq!(drain::<i32>(), [1]);
        });
    }

    // OTP: receive_SUITE:receive_opt_exception
    #[test]
    fn loses_nothing_when_a_panic_comes_between_mark_and_answer() {
        in_process(|| {
            let me = process::self_pid();
            send_all(me, [1, 2]);
            let outcome = catch_unwind(|| {
                let mark = process::mark();
                send_all(me, [3, 4]);
                process::receive_match_since(mark, test_timeout(), |_| panic!("before the answer"))
            });
            assert!(outcome.is_err());
            send_all(me, [5]);
            assert_eq!(drain::<i32>(), [1, 2, 3, 4, 5]);
        });
    }
}

mod sleep {
    use super::*;

    #[test]
    fn leaves_the_messages_where_they_are() {
        in_process(|| {
            let me = process::self_pid();
            let duration = Duration::from_millis(10);
            send_all(me, [1]);
            timer::send_after(Duration::from_millis(1), me, 2);
            let start = Instant::now();
            process::sleep(duration);
            assert!(start.elapsed() >= duration);
            send_all(me, [3]);
            let mut messages: Vec<_> = (0..3).map(|_| expect::<i32>()).collect();
            assert_eq!(messages[0], 1);
            messages.sort_unstable();
            assert_eq!(messages, [1, 2, 3]);
        });
    }
}
