//! Mailboxes with a capacity: what is refused, what is dropped, and what never is.

use std::sync::mpsc;
use std::time::Duration;

use procession::ExitReason;
use procession::prelude::*;
use procession::process::{Builder, Mark, Overflow, TrySendError};
use procession::report::{self, MailboxReport, MailboxState, Report};
use procession::timer;

use crate::support::processes::{Busy, busy, idle_body};
use crate::support::wait::{assert_no_message, down_reason, expect, wait_until};

/// A process that takes nothing out of its mailbox until it is let go, and then sends the caller
/// what it has got.
fn holding(capacity: usize, overflow: Overflow) -> Busy {
    let me = process::self_pid();
    let builder = Builder::new().mailbox_capacity(capacity, overflow);
    busy(builder, move || {
        let got = process::flush();
        let numbers = got.iter().filter_map(|message| message.downcast_ref::<u32>().copied());
        process::send(me, numbers.collect::<Vec<_>>());
        drop(process::receive_match(|_| false));
    })
}

/// Lets the process go, and returns the numbers that it had in its mailbox.
fn numbers(held: &mut Busy) -> Vec<u32> {
    let (other, _) = mpsc::channel();
    held.let_go = other;
    expect()
}

fn len(pid: Pid) -> usize {
    process::info(pid).unwrap().message_queue_len
}

fn dropped(pid: Pid) -> u64 {
    process::info(pid).unwrap().messages_dropped
}

#[test]
fn a_full_mailbox_hands_a_message_back_that_is_tried() {
    let mut held = holding(2, Overflow::Refuse);
    let tried: Vec<_> = (0..4_u32).map(|n| process::try_send(held.pid, n)).collect();
    let full = |message| Err(TrySendError::Full { process: held.pid, message });
    assert_eq!(tried, [Ok(()), Ok(()), full(2), full(3)]);
    assert_eq!((len(held.pid), dropped(held.pid)), (2, 0));
    assert_eq!(process::info(held.pid).unwrap().messages_refused, 2);
    assert_eq!(numbers(&mut held), [0, 1]);
}

#[test]
fn a_plain_send_to_a_mailbox_that_refuses_drops_the_message_and_counts_it() {
    let mut held = holding(2, Overflow::Refuse);
    (0..5_u32).for_each(|n| process::send(held.pid, n));
    assert_eq!((len(held.pid), dropped(held.pid)), (2, 3));
    assert_eq!(numbers(&mut held), [0, 1]);
}

#[test]
fn the_room_of_a_message_is_free_when_it_is_received() {
    let me = process::self_pid();
    let builder = Builder::new().mailbox_capacity(1, Overflow::Refuse);
    let pid = builder
        .spawn(move || {
            loop {
                process::send(me, process::receive())
            }
        })
        .unwrap();
    for n in 0..100_u32 {
        process::try_send(pid, n).unwrap();
        assert_eq!(expect::<u32>(), n);
        wait_until(|| len(pid) == 0);
    }
    assert_eq!(dropped(pid), 0);
    process::exit(pid, ExitReason::Kill);
}

#[test]
fn a_message_that_a_selective_receive_passes_over_keeps_its_room() {
    let me = process::self_pid();
    let builder = Builder::new().mailbox_capacity(2, Overflow::Refuse);
    let pid = builder
        .spawn(move || {
            receive! { "go" => {} }
            process::send(me, "gone");
            idle_body();
        })
        .unwrap();
    process::send(pid, 1_u32);
    process::send(pid, "go");
    expect::<&str>();
    assert_eq!(process::try_send(pid, 2_u32), Ok(()));
    assert!(process::try_send(pid, 3_u32).unwrap_err().is_full());
    process::exit(pid, ExitReason::Kill);
}

#[test]
fn a_name_that_nobody_has_is_another_error_than_no_room() {
    let error = process::try_send_to("bounded::nobody", 1_u32).unwrap_err();
    assert!(!error.is_full());
    assert_eq!(error.to_string(), r#"no process is registered as "bounded::nobody""#);
    assert_eq!(error.into_message(), 1);
}

#[test]
fn an_error_names_the_process_that_has_no_room() {
    let held = holding(1, Overflow::Refuse);
    process::send(held.pid, 0_u32);
    let error = process::try_send_to(held.pid, Message::new("a message")).unwrap_err();
    assert_eq!(error.to_string(), format!("the mailbox of {} is full", held.pid));
    assert!(error.into_message().is::<&str>());
}

#[test]
fn a_mailbox_that_drops_the_newest_keeps_the_oldest() {
    let mut held = holding(2, Overflow::DropNewest);
    (0..5_u32).for_each(|n| process::try_send(held.pid, n).unwrap());
    assert_eq!((len(held.pid), dropped(held.pid)), (2, 3));
    assert_eq!(numbers(&mut held), [0, 1]);
}

#[test]
fn a_mailbox_that_drops_the_oldest_keeps_the_newest() {
    let mut held = holding(3, Overflow::DropOldest);
    (0..10_u32).for_each(|n| process::try_send(held.pid, n).unwrap());
    assert_eq!((len(held.pid), dropped(held.pid)), (3, 7));
    assert_eq!(numbers(&mut held), [7, 8, 9]);
}

#[test]
fn what_is_dropped_does_not_change_the_order_of_what_is_not() {
    let me = process::self_pid();
    let builder = Builder::new().mailbox_capacity(2, Overflow::DropOldest);
    let held = busy(builder, move || {
        let got = process::flush();
        process::send(me, got.iter().map(|message| format!("{message:?}")).collect::<Vec<_>>());
    });
    let pid = held.pid;
    // A request needs no room. Nobody waits for the reply.
    let request = |n: u32| drop(ServerRef::<Silent>::from_pid(pid).send_request(Ask(n)));
    process::send(pid, 1_u32);
    request(2);
    process::send(pid, 3_u32);
    request(4);
    process::send(pid, 5_u32);
    process::send(pid, 6_u32);
    request(7);
    drop(held.let_go);
    assert_eq!(expect::<Vec<String>>(), ["Ask(2)", "Ask(4)", "5", "6", "Ask(7)"]);
    down_reason(held.monitor);
    _ = process::flush();
}

#[derive(Debug)]
struct Silent;

impl GenServer for Silent {
    type Args = ();
    fn init((): ()) -> InitResult<Self> {
        ready(Silent)
    }
}

#[derive(Debug)]
struct Ask(u32);

impl HandleCall<Ask> for Silent {
    type Reply = u32;
    fn handle_call(&mut self, Ask(n): Ask, _: &Caller<u32>) -> CallResult<Self, Ask> {
        reply(n)
    }
}

impl HandleCast<Ask> for Silent {
    fn handle_cast(&mut self, _: Ask) -> CastResult<Self> {
        noreply()
    }
}

#[test]
fn the_oldest_is_dropped_even_if_a_receive_has_passed_it_over() {
    let me = process::self_pid();
    let builder = Builder::new().mailbox_capacity(2, Overflow::DropOldest);
    let pid = builder
        .spawn(move || {
            process::send(me, process::alias());
            receive! { "go" => {} }
            let got = process::flush();
            let numbers = got.iter().filter_map(|message| message.downcast_ref::<u32>().copied());
            process::send(me, numbers.collect::<Vec<_>>());
        })
        .unwrap();
    let alias: Alias = expect();
    process::send(pid, 1_u32);
    process::send(pid, 2_u32);
    wait_until(|| process::info(pid).unwrap().status == process::Status::Waiting);
    process::send(pid, 3_u32);
    process::send(pid, 4_u32);
    process::send(alias, "go");
    assert_eq!(expect::<Vec<u32>>(), [3, 4]);
}

#[test]
fn a_mark_stays_right_when_messages_before_it_are_dropped() {
    let me = process::self_pid();
    let builder = Builder::new().mailbox_capacity(3, Overflow::DropOldest);
    builder
        .spawn(move || {
            let own = process::self_pid();
            (0..3_u32).for_each(|n| process::send(own, n));
            let alias = process::alias();
            process::send(alias, "old");
            let mark = process::mark();
            (3..5_u32).for_each(|n| process::send(own, n));
            process::send(alias, "new");
            let next = || process::receive_match_since(mark, Duration::ZERO, |_| true);
            let found: Vec<_> = std::iter::from_fn(next).map(|it| format!("{it:?}")).collect();
            process::send(me, found);
        })
        .unwrap();
    assert_eq!(expect::<Vec<String>>(), ["3", "4", "\"new\""]);
}

#[test]
fn a_mark_after_messages_were_dropped_is_right() {
    let me = process::self_pid();
    let builder = Builder::new().mailbox_capacity(1, Overflow::DropOldest);
    builder
        .spawn(move || {
            let own = process::self_pid();
            (0..9_u32).for_each(|n| process::send(own, n));
            let mark = process::mark();
            process::send(process::alias(), "new");
            let found = process::receive_match_since(mark, Duration::ZERO, |_| true).unwrap();
            process::send(me, format!("{found:?}"));
            process::send(me, Mark::START < mark);
        })
        .unwrap();
    assert_eq!(expect::<String>(), "\"new\"");
    assert!(expect::<bool>());
}

#[test]
fn a_guard_that_sends_to_its_own_full_mailbox_has_the_message_before_dropped() {
    let me = process::self_pid();
    let builder = Builder::new().mailbox_capacity(1, Overflow::DropOldest);
    builder
        .spawn(move || {
            let own = process::self_pid();
            process::send(own, 1_u32);
            assert!(
                process::receive_match_timeout(Duration::ZERO, |_| {
                    process::send(own, 2_u32);
                    false
                })
                .is_none()
            );
            process::send(me, process::info(own).unwrap().messages_dropped);
            process::send(
                me,
                process::flush().iter().map(|it| format!("{it:?}")).collect::<String>(),
            );
        })
        .unwrap();
    assert_eq!(expect::<u64>(), 1);
    assert_eq!(expect::<String>(), "2");
}

#[test]
fn calls_replies_and_system_messages_need_no_room() {
    let options = StartOptions::new().mailbox_capacity(1, Overflow::Refuse);
    let server = Silent::start_with((), options).unwrap();
    server.sys().suspend().unwrap();
    server.cast(Ask(0));
    assert!(server.try_cast(Ask(1)).unwrap_err().is_full());
    let request = server.send_request(Ask(7));
    assert_eq!(server.sys().get_state(|_| 1).unwrap(), 1);
    server.sys().resume().unwrap();
    assert_eq!(server.call(Ask(8)).unwrap(), 8);
    assert_eq!(request.receive_response(Duration::from_secs(20)).unwrap(), 7);
    server.stop().unwrap();
}

#[test]
fn a_client_with_a_full_mailbox_gets_its_replies() {
    let me = process::self_pid();
    let builder = Builder::new().mailbox_capacity(1, Overflow::Refuse);
    let server = Silent::start(()).unwrap();
    builder
        .spawn(move || {
            process::send(process::self_pid(), 0_u32);
            assert!(process::try_send(process::self_pid(), 1_u32).is_err());
            let request = server.send_request(Ask(1));
            let response = request.receive_response(Duration::from_secs(20)).unwrap();
            // A start is acknowledged by a message.
            let second = Silent::start(()).unwrap();
            second.stop().unwrap();
            process::send(me, response + server.call(Ask(2)).unwrap());
        })
        .unwrap();
    assert_eq!(expect::<u32>(), 3);
    server.stop().unwrap();
}

#[test]
fn exits_and_downs_need_no_room() {
    let me = process::self_pid();
    let builder = Builder::new().mailbox_capacity(1, Overflow::DropNewest).trap_exit(true);
    builder
        .spawn(move || {
            process::send(process::self_pid(), 0_u32);
            let linked = process::spawn_link(|| ()).unwrap();
            let (_, monitor) = process::spawn_monitor(|| ()).unwrap();
            receive! { Exit { from, .. } if from == linked => {} }
            receive! { down: Down if down.monitor == monitor => {} }
            process::send(me, process::info(process::self_pid()).unwrap().messages_dropped);
        })
        .unwrap();
    assert_eq!(expect::<u64>(), 0);
}

#[test]
fn an_exit_signal_ends_a_process_whose_mailbox_is_full() {
    let builder = Builder::new().mailbox_capacity(1, Overflow::Refuse);
    let (pid, monitor) = builder.spawn_monitor(idle_body).unwrap();
    process::send(pid, 0_u32);
    process::exit(pid, ExitReason::Shutdown);
    assert_eq!(down_reason(monitor), ExitReason::Shutdown);
}

#[test]
fn a_cast_that_is_tried_comes_back() {
    let options = StartOptions::new().mailbox_capacity(1, Overflow::Refuse);
    let server = Silent::start_with((), options.name("bounded::silent")).unwrap();
    server.sys().suspend().unwrap();
    let named = ServerRef::<Silent>::named("bounded::silent");
    named.try_cast(Ask(1)).unwrap();
    let refused = named.try_cast(Ask(2)).unwrap_err();
    assert!(refused.is_full());
    assert_eq!(format!("{:?}", refused.into_message()), "Ask(2)");
    server.sys().resume().unwrap();
    named.cast_timeout(Ask(3), Duration::from_secs(20)).unwrap();
    server.stop().unwrap();
    let error = named.try_cast(Ask(4)).unwrap_err();
    assert_eq!(error.to_string(), r#"no process is registered as "bounded::silent""#);
}

#[test]
fn a_timer_does_not_wait_for_room() {
    let mut held = holding(1, Overflow::Block(Duration::MAX));
    process::send(held.pid, 0_u32);
    timer::send_after(Duration::ZERO, held.pid, 1_u32);
    timer::send_after(Duration::ZERO, process::self_pid(), "later");
    assert_eq!(expect::<&str>(), "later");
    assert_eq!(dropped(held.pid), 1);
    assert_eq!(numbers(&mut held), [0]);
}

#[test]
fn the_next_process_of_a_thread_has_no_bound_of_the_last_one() {
    for _ in 0..100 {
        let builder = Builder::new().mailbox_capacity(1, Overflow::DropOldest);
        let (pid, monitor) = builder.spawn_monitor(idle_body).unwrap();
        (0..3_u32).for_each(|n| process::send(pid, n));
        process::exit(pid, ExitReason::Kill);
        down_reason(monitor);
        let (pid, monitor) = process::spawn_monitor(idle_body).unwrap();
        assert_eq!(process::info(pid).unwrap().mailbox_capacity, None);
        (0..3_u32).for_each(|n| process::try_send(pid, n).unwrap());
        wait_until(|| len(pid) == 3); // It may be just sorting one.
        assert_eq!(dropped(pid), 0);
        process::exit(pid, ExitReason::Kill);
        down_reason(monitor);
    }
}

#[test]
fn info_shows_the_bound() {
    let held = holding(3, Overflow::DropNewest);
    let info = process::info(held.pid).unwrap();
    assert_eq!(info.mailbox_capacity, Some((3, Overflow::DropNewest)));
}

#[test]
#[should_panic(expected = "its capacity is 0")]
fn a_mailbox_has_room_for_a_message_at_least() {
    _ = Builder::new().mailbox_capacity(0, Overflow::Refuse);
}

/// Has the reports of the mailbox of `pid` sent to the caller, as they come.
fn reports_of(pid: Pid) -> report::HandlerId {
    let me = process::self_pid();
    report::add_handler(move |report| {
        if let Report::Mailbox(report) = report
            && report.pid == pid
        {
            process::send(me, report.clone());
        }
    })
}

#[track_caller]
fn assert_reported(state: MailboxState) -> MailboxReport {
    let report: MailboxReport = expect();
    assert_eq!(report.state, state);
    report
}

#[test]
fn a_full_mailbox_is_reported_once_until_it_is_down_to_its_low_mark() {
    let me = process::self_pid();
    let builder =
        Builder::new().mailbox_capacity(4, Overflow::Refuse).long_message_queue((2, 1_000));
    let pid = builder
        .spawn(move || {
            let alias = process::alias();
            process::send(me, alias);
            loop {
                receive! { "receive" => {} }
                receive! { _: u32 => process::send(me, "received") }
            }
        })
        .unwrap();
    let alias: Alias = expect();
    let handler = reports_of(pid);
    let receive = || {
        process::send(alias, "receive");
        assert_eq!(expect::<&str>(), "received");
    };
    for round in 0..3 {
        while process::try_send(pid, 0_u32).is_ok() {}
        let full = assert_reported(MailboxState::Full);
        (0..3).for_each(|_| process::send(pid, 1_u32));
        assert_eq!(full.capacity, Some(4));
        assert_eq!(full.messages_refused, round + 1);
        let text = full.to_string();
        assert!(text.contains(&format!("messages refused: {}", round + 1)), "{text}");
        assert_eq!(text.contains("messages dropped"), round > 0, "{text}");
        receive();
        assert!(process::try_send(pid, 0_u32).is_ok());
        receive();
        receive();
        assert_eq!(assert_reported(MailboxState::Short).message_queue_len, 2);
        receive();
        receive();
        assert_no_message();
    }
    report::remove_handler(handler);
    process::exit(pid, ExitReason::Kill);
}

#[test]
fn a_full_mailbox_without_a_low_mark_is_reported_once() {
    let me = process::self_pid();
    let builder = Builder::new().mailbox_capacity(1, Overflow::DropOldest);
    let pid = builder
        .spawn(move || {
            let alias = process::alias();
            process::send(me, alias);
            loop {
                receive! { "receive" => {} }
                receive! { _: u32 => process::send(me, "received") }
            }
        })
        .unwrap();
    let alias: Alias = expect();
    let handler = reports_of(pid);
    for round in 0..3 {
        (0..3_u32).for_each(|n| process::send(pid, n));
        if round == 0 {
            assert_reported(MailboxState::Full);
        }
        process::send(alias, "receive");
        expect::<&str>();
    }
    assert_no_message();
    report::remove_handler(handler);
    process::exit(pid, ExitReason::Kill);
}

#[test]
fn a_mailbox_is_reported_at_its_marks_each_time() {
    let me = process::self_pid();
    let builder = Builder::new()
        .mailbox_capacity(100, Overflow::Refuse)
        .long_message_queue((1, 3))
        .name("bounded::marked");
    let pid = builder
        .spawn(move || {
            process::send(me, process::alias());
            loop {
                receive! { "receive" => {} }
                while process::receive_match_timeout(Duration::ZERO, |it| it.is::<u32>()).is_some()
                {
                }
                process::send(me, "received");
            }
        })
        .unwrap();
    let alias: Alias = expect();
    let handler = reports_of(pid);
    for _ in 0..3 {
        (0..5_u32).for_each(|n| process::send(pid, n));
        process::send(alias, "receive");
        let long = assert_reported(MailboxState::Long);
        assert!(!long.oldest.is_empty(), "{long:?}");
        let text = long.to_string();
        assert!(text.starts_with("bounded::marked has "), "{text}");
        assert_reported(MailboxState::Short);
        expect::<&str>();
        assert_no_message();
    }
    report::remove_handler(handler);
    process::exit(pid, ExitReason::Kill);
}

#[test]
fn a_mailbox_without_a_bound_has_a_low_mark_too() {
    let me = process::self_pid();
    let pid = Builder::new()
        .long_message_queue((2, 3))
        .spawn(move || {
            loop {
                receive! { "receive" => {} }
                while process::receive_match_timeout(Duration::ZERO, |it| it.is::<u32>()).is_some()
                {
                }
                process::send(me, "received");
            }
        })
        .unwrap();
    let handler = reports_of(pid);
    for _ in 0..3 {
        (0..5_u32).for_each(|n| process::send(pid, n));
        process::send(pid, "receive");
        assert_reported(MailboxState::Long);
        expect::<&str>();
        // It looks when it sorts, not when it takes the only message there is.
        process::send(pid, 0_u32);
        process::send(pid, "receive");
        assert_reported(MailboxState::Short);
        expect::<&str>();
        assert_no_message();
    }
    report::remove_handler(handler);
    process::exit(pid, ExitReason::Kill);
}
