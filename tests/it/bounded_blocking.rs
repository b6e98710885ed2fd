//! Senders that wait for room in a mailbox.

use std::time::Duration;

use procession::ExitReason;
use procession::prelude::*;
use procession::process::{Builder, Overflow, Status};

use crate::support::processes::{FOREVER, idle_body, reason};
use crate::support::wait::{
    assert_no_message, down_reason, exit_and_wait, expect, test_timeout, wait_until,
};

/// A process that takes a number out of its mailbox, and passes it on, each time that it is told to
/// by its alias.
fn receiver(capacity: usize, overflow: Overflow) -> (Pid, Alias) {
    let me = process::self_pid();
    let builder = Builder::new().mailbox_capacity(capacity, overflow);
    let pid = builder
        .spawn(move || {
            process::send(me, process::alias());
            loop {
                receive! { "receive" => {} }
                receive! { n: u32 => process::send(me, n) }
            }
        })
        .unwrap();
    (pid, expect())
}

fn wait_until_it_waits(pid: Pid) {
    wait_until(|| process::info(pid).unwrap().status == Status::Waiting);
}

fn dropped(pid: Pid) -> u64 {
    process::info(pid).unwrap().messages_dropped
}

/// A process that sends `n` to `to` and then ends; it waits by now.
fn blocked(to: Pid, n: u32) -> (Pid, MonitorRef) {
    let blocked = process::spawn_monitor(move || process::send(to, n)).unwrap();
    wait_until_it_waits(blocked.0);
    blocked
}

#[test]
fn a_sender_waits_until_there_is_room() {
    let (to, alias) = receiver(1, Overflow::Block(FOREVER));
    process::send(to, 0_u32);
    let (_, monitor) = blocked(to, 1);
    for n in 0..2_u32 {
        process::send(alias, "receive");
        assert_eq!(expect::<u32>(), n);
    }
    assert_eq!(down_reason(monitor), ExitReason::Normal);
    assert_eq!(dropped(to), 0);
    process::exit(to, ExitReason::Kill);
}

#[test]
fn those_that_wait_are_served_in_turn() {
    let (to, alias) = receiver(1, Overflow::Block(Duration::MAX));
    process::send(to, 0_u32);
    let senders: Vec<_> = (1..=5).map(|n| blocked(to, n)).collect();
    for n in 0..=5_u32 {
        process::send(alias, "receive");
        assert_eq!(expect::<u32>(), n);
        // It has the room by now, so nobody who comes later gets it.
        if n < 5 {
            assert!(process::try_send(to, 99_u32).unwrap_err().is_full());
        }
    }
    senders.into_iter().for_each(|(_, monitor)| _ = down_reason(monitor));
    process::exit(to, ExitReason::Kill);
}

#[test]
fn a_message_is_dropped_when_the_time_is_over() {
    let (to, alias) = receiver(1, Overflow::Block(Duration::from_millis(1)));
    process::send(to, 0_u32);
    process::send(to, 1_u32);
    assert_eq!(dropped(to), 1);
    process::send(alias, "receive");
    assert_eq!(expect::<u32>(), 0);
    process::send(to, 2_u32);
    process::send(alias, "receive");
    assert_eq!(expect::<u32>(), 2);
    process::exit(to, ExitReason::Kill);
}

#[test]
fn one_that_waits_as_long_as_it_wants_gets_its_message_back() {
    let (to, alias) = receiver(1, Overflow::Refuse);
    process::send_timeout(to, 0_u32, FOREVER).unwrap();
    let refused = process::send_timeout(to, 1_u32, Duration::from_millis(1)).unwrap_err();
    assert_eq!(refused.into_message(), 1);
    assert_eq!(dropped(to), 0);

    process::send(alias, "receive");
    process::send_timeout(to, 2_u32, test_timeout()).unwrap();
    process::send(alias, "receive");
    assert_eq!((expect::<u32>(), expect::<u32>()), (0, 2));
    process::exit(to, ExitReason::Kill);
}

#[test]
fn one_that_tries_does_not_wait() {
    let (to, _) = receiver(1, Overflow::Block(Duration::MAX));
    process::send(to, 0_u32);
    assert_eq!(process::try_send(to, 1_u32).unwrap_err().into_message(), 1);
    process::exit(to, ExitReason::Kill);
}

#[test]
fn a_cast_waits_and_a_cast_that_is_tried_does_not() {
    #[derive(Debug)]
    struct Adder(u32);

    impl GenServer for Adder {
        type Args = ();
        fn init((): ()) -> InitResult<Self> {
            ready(Adder(0))
        }
    }

    impl HandleCast<u32> for Adder {
        fn handle_cast(&mut self, n: u32) -> CastResult<Self> {
            self.0 += n;
            noreply()
        }
    }

    impl HandleCall<()> for Adder {
        type Reply = u32;
        fn handle_call(&mut self, (): (), _: &Caller<u32>) -> CallResult<Self, ()> {
            reply(self.0)
        }
    }

    let options = StartOptions::new().mailbox_capacity(3, Overflow::Block(FOREVER));
    let adder = Adder::start_with((), options).unwrap();
    adder.sys().suspend().unwrap();
    while adder.try_cast(1).is_ok() {}
    let (sender, monitor) = process::spawn_monitor(move || adder.cast(100)).unwrap();
    wait_until_it_waits(sender);
    adder.sys().resume().unwrap();
    assert_eq!(down_reason(monitor), ExitReason::Normal);
    (0..1_000).for_each(|_| adder.cast(1));
    assert_eq!(adder.call(()).unwrap(), 1_103);
    adder.stop().unwrap();
}

#[test]
fn the_end_of_the_receiver_lets_the_senders_go_on() {
    for end in [ExitReason::Kill, ExitReason::Shutdown] {
        let (to, _) = receiver(1, Overflow::Block(Duration::MAX));
        process::send(to, 0_u32);
        let senders: Vec<_> = (1..=3).map(|n| blocked(to, n)).collect();
        let tries = process::spawn_monitor(move || {
            assert_eq!(process::send_timeout(to, 4_u32, Duration::MAX), Ok(()));
        });
        let (pid, monitor) = tries.unwrap();
        wait_until_it_waits(pid);
        process::exit(to, end);
        for (_, monitor) in senders.into_iter().chain([(pid, monitor)]) {
            assert_eq!(down_reason(monitor), ExitReason::Normal);
        }
    }
}

#[test]
fn a_receiver_that_is_killed_while_it_is_busy_lets_the_senders_go_on_at_once() {
    let me = process::self_pid();
    let (let_go, held) = std::sync::mpsc::channel::<()>();
    let builder = Builder::new().mailbox_capacity(1, Overflow::Block(Duration::MAX));
    let (to, monitor) = builder
        .kill_grace(FOREVER)
        .spawn_monitor(move || {
            process::send(me, "busy");
            _ = held.recv();
        })
        .unwrap();
    expect::<&str>();
    process::send(to, 0_u32);
    let (_, sender) = blocked(to, 1);
    process::exit(to, ExitReason::Kill);
    assert_eq!(down_reason(sender), ExitReason::Normal);
    drop(let_go);
    down_reason(monitor);
}

#[test]
fn an_exit_signal_and_a_kill_reach_a_sender_that_waits() {
    let (to, alias) = receiver(1, Overflow::Block(Duration::MAX));
    process::send(to, 0_u32);
    let first = blocked(to, 1);
    let second = blocked(to, 2);
    let third = blocked(to, 3);
    assert_eq!(exit_and_wait(first.0, reason()), reason());
    assert_eq!(exit_and_wait(second.0, ExitReason::Kill), ExitReason::Killed);
    for n in [0, 3_u32] {
        process::send(alias, "receive");
        assert_eq!(expect::<u32>(), n);
    }
    down_reason(third.1);
    process::exit(to, ExitReason::Kill);
    _ = process::flush();
}

#[test]
fn the_message_of_a_sender_that_is_ended_is_dropped() {
    use crate::support::drops::message_on_drop;

    let (to, _) = receiver(1, Overflow::Block(Duration::MAX));
    process::send(to, 0_u32);
    let me = process::self_pid();
    let message = message_on_drop(move || process::send(me, "dropped"));
    let sender = process::spawn(move || process::send(to, message)).unwrap();
    wait_until_it_waits(sender);
    process::exit(sender, ExitReason::Shutdown);
    assert_eq!(expect::<&str>(), "dropped");
    process::exit(to, ExitReason::Kill);
}

#[test]
fn a_sender_that_traps_exits_waits_on() {
    let (to, alias) = receiver(1, Overflow::Block(Duration::MAX));
    process::send(to, 0_u32);
    let (sender, monitor) = Builder::new()
        .trap_exit(true)
        .spawn_monitor(move || {
            process::send(to, 1_u32);
            receive! { Exit { reason, .. } => assert_eq!(reason, ExitReason::Shutdown) }
        })
        .unwrap();
    wait_until_it_waits(sender);
    process::exit(sender, ExitReason::Shutdown);
    for n in 0..2_u32 {
        process::send(alias, "receive");
        assert_eq!(expect::<u32>(), n);
    }
    assert_eq!(down_reason(monitor), ExitReason::Normal);
    process::exit(to, ExitReason::Kill);
}

#[test]
fn a_process_does_not_wait_for_room_of_its_own() {
    let me = process::self_pid();
    let builder = Builder::new().mailbox_capacity(1, Overflow::Block(Duration::MAX));
    builder
        .spawn(move || {
            let own = process::self_pid();
            process::send(own, 0_u32);
            process::send(own, 1_u32);
            assert!(process::send_timeout(own, 2_u32, Duration::MAX).unwrap_err().is_full());
            process::send(me, dropped(own));
        })
        .unwrap();
    assert_eq!(expect::<u64>(), 1);
}

#[test]
fn two_processes_do_not_wait_for_room_of_each_other_for_ever() {
    let me = process::self_pid();
    let builder = || Builder::new().mailbox_capacity(1, Overflow::Block(Duration::MAX));
    let talk = move || {
        // The first message comes by the alias, as the other may have sent its own by then.
        process::send(me, process::alias());
        let other: Pid = expect();
        for n in 0..100_u32 {
            process::send(other, n);
        }
        process::send(me, "done");
    };
    let one = builder().spawn(talk).unwrap();
    let to_one: Alias = expect();
    let other = builder().spawn(talk).unwrap();
    let to_other: Alias = expect();
    process::send(to_one, other);
    process::send(to_other, one);
    assert_eq!([expect::<&str>(), expect::<&str>()], ["done", "done"]);
    assert_no_message();
}

#[test]
fn a_destructor_of_a_process_that_is_ended_does_not_wait() {
    use crate::support::drops::OnDrop;

    let (to, alias) = receiver(1, Overflow::Block(Duration::MAX));
    process::send(to, 0_u32);
    let (pid, monitor) = process::spawn_monitor(move || {
        let _lent = OnDrop(|| process::send(to, 1_u32));
        idle_body();
    })
    .unwrap();
    wait_until_it_waits(pid);
    process::exit(pid, ExitReason::Shutdown);
    assert_eq!(down_reason(monitor), ExitReason::Shutdown);
    assert_eq!(dropped(to), 1);
    process::send(alias, "receive");
    assert_eq!(expect::<u32>(), 0);
    process::exit(to, ExitReason::Kill);
}
