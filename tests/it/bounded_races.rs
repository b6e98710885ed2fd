//! Bounded mailboxes, with many things at the same moment.

use std::sync::Arc;
use std::sync::Barrier;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use procession::ExitReason;
use procession::prelude::*;
use procession::process::{Builder, Overflow};

use crate::support::drops::OnDrop;
use crate::support::processes::{Busy, FOREVER, busy, in_process};
use crate::support::rounds::{delay_by, rounds};
use crate::support::wait::{down_reason, expect, test_timeout};

const ROUNDS: usize = 10_000;

/// The sender, and the number of its message.
type Numbered = (usize, u32);

/// Starts processes that each send `each` messages to `to` by `send`, from the same moment on.
fn senders(count: usize, each: u32, to: Pid, send: fn(Pid, Numbered)) -> Vec<(Pid, MonitorRef)> {
    let start = Arc::new(Barrier::new(count));
    let spawn = |sender| {
        let start = Arc::clone(&start);
        process::spawn_monitor(move || {
            start.wait();
            (0..each).for_each(|n| send(to, (sender, n)));
        })
        .unwrap()
    };
    (0..count).map(spawn).collect()
}

#[test]
fn senders_at_the_same_moment_never_exceed_the_capacity() {
    const CAPACITY: usize = 5;
    for overflow in [Overflow::Refuse, Overflow::DropNewest, Overflow::DropOldest] {
        for _ in 0..rounds(100) {
            let builder = Builder::new().mailbox_capacity(CAPACITY, overflow);
            let Busy { pid: to, monitor, let_go } = busy(builder, || ());
            let senders = senders(8, 20, to, process::send);
            let len = || process::info(to).unwrap().message_queue_len;
            for (_, monitor) in senders {
                assert!(len() <= CAPACITY);
                down_reason(monitor);
            }
            assert_eq!(len(), CAPACITY);
            assert_eq!(process::info(to).unwrap().messages_dropped, 8 * 20 - CAPACITY as u64);
            drop(let_go);
            down_reason(monitor);
        }
    }
}

#[test]
fn what_waits_for_room_arrives_in_order_and_whole() {
    const EACH: u32 = 2_000;
    const SENDERS: usize = 8;
    in_process(|| {
        let me = process::self_pid();
        for capacity in [1, 2, 7] {
            let block = Overflow::Block(FOREVER);
            let builder = Builder::new().mailbox_capacity(capacity, block);
            let (to, monitor) = builder
                .spawn_monitor(move || {
                    let mut next = [0; SENDERS];
                    for _ in 0..EACH * SENDERS as u32 {
                        let (sender, n): Numbered = process::receive().downcast().unwrap();
                        assert_eq!(n, next[sender]);
                        next[sender] += 1;
                    }
                    process::send(me, process::info(process::self_pid()).unwrap().messages_dropped);
                })
                .unwrap();
            for (_, monitor) in senders(SENDERS, EACH, to, process::send) {
                assert_eq!(down_reason(monitor), ExitReason::Normal);
            }
            assert_eq!(expect::<u64>(), 0);
            assert_eq!(down_reason(monitor), ExitReason::Normal);
        }
    });
}

#[test]
fn no_wake_up_of_a_sender_is_lost() {
    in_process(|| {
        let block = Overflow::Block(FOREVER);
        let me = process::self_pid();
        let builder = Builder::new().mailbox_capacity(1, block);
        let (_, monitor) = builder
            .spawn_monitor(move || {
                process::send(me, process::self_pid());
                for round in 0..rounds(ROUNDS) {
                    receive! {
                        n: usize => assert_eq!(n, round),
                        after test_timeout() => panic!("round {round} has not come"),
                    }
                    delay_by(round);
                }
            })
            .unwrap();
        let to: Pid = expect();
        for round in 0..rounds(ROUNDS) {
            process::send_timeout(to, round, test_timeout()).unwrap();
            delay_by(round / 64);
        }
        assert_eq!(down_reason(monitor), ExitReason::Normal);
    });
}

/// The number of messages that exist.
static EXISTING: AtomicU64 = AtomicU64::new(0);

fn counted() -> Opaque<OnDrop<impl FnMut() + Send>> {
    EXISTING.fetch_add(1, Ordering::SeqCst);
    Opaque::new(OnDrop(|| _ = EXISTING.fetch_sub(1, Ordering::SeqCst)))
}

#[test]
fn a_kill_of_the_receiver_lets_all_senders_go_and_drops_all_messages() {
    in_process(|| {
        for round in 0..rounds(ROUNDS) {
            let block = Overflow::Block(Duration::MAX);
            let builder = Builder::new().mailbox_capacity(1, block);
            let (to, monitor) = builder
                .spawn_monitor(|| {
                    receive! { _: u32 => {} }
                    loop {
                        drop(process::receive());
                    }
                })
                .unwrap();
            let send = move || (0..3).for_each(|_| process::send(to, counted()));
            let senders = [(); 2].map(|()| process::spawn_monitor(send).unwrap());
            if round % 2 == 0 {
                process::try_send(to, 0_u32).unwrap_or(());
            }
            delay_by(round);
            process::exit(to, ExitReason::Kill);
            for (_, monitor) in senders {
                assert_eq!(down_reason(monitor), ExitReason::Normal, "round {round}");
            }
            down_reason(monitor);
        }
        // The message of a sender that was held up may lie in the slot of a later process.
        process::spawn_monitor(|| ()).map(|(_, monitor)| down_reason(monitor)).unwrap();
        assert_eq!(EXISTING.load(Ordering::SeqCst), 0);
    });
}

#[test]
fn a_sender_that_is_killed_while_it_waits_takes_no_room_with_it() {
    in_process(|| {
        let me = process::self_pid();
        let builder = Builder::new().mailbox_capacity(1, Overflow::Block(Duration::MAX));
        let to = builder
            .link()
            .spawn(move || {
                process::send(me, process::alias());
                loop {
                    receive! { "receive" => {} }
                    receive! { n: usize => process::send(me, n) }
                }
            })
            .unwrap();
        let receive: Alias = expect();
        for round in 0..rounds(ROUNDS) {
            process::send_timeout(to, 0_usize, test_timeout()).unwrap();
            let (sender, monitor) =
                process::spawn_monitor(move || process::send(to, 1_usize)).unwrap();
            delay_by(round);
            process::send(receive, "receive");
            assert_eq!(expect::<usize>(), 0);
            delay_by(round / 64);
            process::exit(sender, ExitReason::Kill);
            down_reason(monitor);
            // Either its message is there, or its room.
            process::send(receive, "receive");
            let rest = process::send_timeout(to, 2_usize, Duration::ZERO);
            match expect::<usize>() {
                1 => {
                    if rest.is_ok() {
                        process::send(receive, "receive");
                        assert_eq!(expect::<usize>(), 2);
                    }
                }
                n => assert_eq!((n, rest), (2, Ok(())), "round {round}"),
            }
            assert_eq!(process::info(to).unwrap().message_queue_len, 0, "round {round}");
        }
        process::unlink(to);
        process::exit(to, ExitReason::Kill);
    });
}

#[test]
fn dropping_the_oldest_beside_a_receiver_keeps_the_order_and_the_count() {
    const EACH: u32 = 10_000;
    const SENDERS: usize = 3;
    for selective in [false, true] {
        in_process(move || {
            let me = process::self_pid();
            let builder = Builder::new().mailbox_capacity(4, Overflow::DropOldest);
            let (to, monitor) = builder
                .spawn_monitor(move || {
                    let alias = process::alias();
                    process::send(me, alias);
                    let (mut last, mut got, mut answers) = ([None; SENDERS], 0_u64, 0_u32);
                    let mut note = |(sender, n): Numbered| {
                        assert!(last[sender] < Some(n), "{n} of {sender} after {:?}", last[sender]);
                        last[sender] = Some(n);
                    };
                    loop {
                        let message = if selective {
                            // It leaves every other message in the queue, as long as there is one.
                            let wanted = got % 2 == 0;
                            let is_wanted = |message: &Message| {
                                message
                                    .downcast_ref::<Numbered>()
                                    .is_none_or(|it| (it.1 % 2 == 0) == wanted)
                            };
                            process::receive_match_timeout(Duration::ZERO, is_wanted)
                                .unwrap_or_else(process::receive)
                        } else {
                            process::receive()
                        };
                        match message.downcast::<Numbered>() {
                            Ok(numbered) => {
                                got += 1;
                                if !selective {
                                    note(numbered);
                                }
                            }
                            Err(message) => match message.downcast::<u32>() {
                                Ok(n) => {
                                    // What is sent to an alias is not dropped.
                                    assert_eq!(n, answers);
                                    answers += 1;
                                }
                                Err(_) => break,
                            },
                        }
                    }
                    let dropped = process::info(process::self_pid()).unwrap().messages_dropped;
                    process::send(me, (got, dropped, answers));
                })
                .unwrap();
            let alias: Alias = expect();
            let senders = senders(SENDERS, EACH, to, process::send);
            (0..EACH).for_each(|n| process::send(alias, n));
            for (_, monitor) in senders {
                assert_eq!(down_reason(monitor), ExitReason::Normal);
            }
            let is_empty = || process::info(to).is_none_or(|info| info.message_queue_len == 0);
            crate::support::wait::wait_until(is_empty);
            process::send(alias, "the end");
            let (got, dropped, answers): (u64, u64, u32) = expect();
            assert_eq!((got + dropped, answers), (u64::from(EACH) * SENDERS as u64, EACH));
            assert_eq!(down_reason(monitor), ExitReason::Normal);
        });
    }
}

#[test]
fn what_was_accepted_is_received() {
    in_process(|| {
        let me = process::self_pid();
        let builder = Builder::new().mailbox_capacity(3, Overflow::Refuse);
        let (to, monitor) = builder
            .spawn_monitor(move || {
                process::send(me, process::alias());
                let mut got = 0_u64;
                loop {
                    receive! {
                        _: Numbered => got += 1,
                        "the end" => break,
                    }
                }
                process::send(me, got);
            })
            .unwrap();
        let alias: Alias = expect();
        static ACCEPTED: AtomicU64 = AtomicU64::new(0);
        let send = |to, message| {
            if process::try_send(to, message).is_ok() {
                ACCEPTED.fetch_add(1, Ordering::Relaxed);
            }
        };
        for (_, monitor) in senders(4, 20_000, to, send) {
            assert_eq!(down_reason(monitor), ExitReason::Normal);
        }
        process::send(alias, "the end");
        assert_eq!(expect::<u64>(), ACCEPTED.load(Ordering::Relaxed));
        assert_eq!(down_reason(monitor), ExitReason::Normal);
    });
}
