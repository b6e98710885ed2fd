//! What else is seen of processes.

#[cfg(all(feature = "io", target_os = "linux"))]
use std::thread;
use std::time::{Duration, Instant};

use procession::observer;
#[cfg(all(feature = "io", target_os = "linux"))]
use procession::observer::Options;
use procession::prelude::*;
use procession::process::Builder;

use crate::support::processes::{Begun, begun, busy, idle, idle_body};
use crate::support::rounds::rounds;
use crate::support::wait::{down_reason, exit_and_wait, expect, wait_until};
use crate::turn;

#[test]
fn a_process_is_shown_with_its_names_its_queue_and_its_ties() {
    let _turn = turn();
    let (me, begun_at) = (process::self_pid(), Instant::now());
    let (other, watcher) = (idle(), idle());
    let (pid, _) = begun(Builder::new(), move || {
        process::set_label("collects stamps");
        process::link(other);
        process::monitor(other);
        receive! { 1_u8 => {} }
        process::send(me, Begun);
        idle_body();
    });
    process::register("observer::shown", pid).unwrap();
    (0..3).for_each(|n: u8| process::send(pid, n));
    expect::<Begun>();
    wait_until(|| process::info(pid).is_some_and(|it| it.message_queue_len == 2));

    let snapshot = observer::snapshot();
    let info = &snapshot.process(pid).unwrap().info;
    assert_eq!(info.name.as_deref(), Some("observer::shown"));
    assert_eq!(info.label.as_deref(), Some("collects stamps"));
    assert_eq!((info.message_queue_len, info.messages_received), (2, 1));
    assert_eq!(info.links, [other]);
    assert_eq!(info.monitors, [Destination::Pid(other)]);
    assert!(info.monitored_by.contains(&me));
    assert_eq!(info.ancestors.first(), Some(&me));
    let other_info = &snapshot.process(other).unwrap().info;
    assert_eq!((&*other_info.links, &*other_info.monitored_by), (&[pid][..], &[pid][..]));
    assert!(info.age <= begun_at.elapsed());
    assert_eq!(snapshot.named("observer::shown").unwrap().info.pid, pid);
    let named = snapshot.names.iter().find(|it| *it.name == *"observer::shown").unwrap();
    assert_eq!(named.pid, pid);
    assert!(snapshot.system.processes >= 4 && snapshot.system.names >= 1);
    for pid in [pid, other, watcher] {
        exit_and_wait(pid, ExitReason::Kill);
    }
    assert!(observer::snapshot().process(pid).is_none());
}

#[test]
fn a_killed_process_whose_thread_goes_on_is_shown_as_abandoned() {
    let _turn = turn();
    let me = process::self_pid();
    let busy = busy(Builder::new().kill_grace(Duration::ZERO), || {});
    process::exit(busy.pid, ExitReason::Kill);
    assert_eq!(down_reason(busy.monitor), ExitReason::Killed);

    let snapshot = observer::snapshot();
    assert!(snapshot.process(busy.pid).is_none());
    let abandoned = snapshot.abandoned.iter().find(|it| it.info.pid == busy.pid).unwrap();
    assert_eq!(abandoned.info.parent(), Some(me));
    assert_eq!(snapshot.system.abandoned_threads, 1);
    drop(busy.let_go);
    wait_until(|| observer::snapshot().abandoned.is_empty());
}

/// Touches half a megabyte of stack, which takes some time.
#[inline(never)]
#[cfg(all(feature = "io", target_os = "linux"))]
fn touch_much() {
    let mut large = [0_u8; 512 * 1024];
    (0..200).for_each(|n| std::hint::black_box(&mut large).fill(n));
}

#[cfg(all(feature = "io", target_os = "linux"))]
#[test]
fn threads_are_those_of_the_system_with_their_time_and_what_they_have_touched() {
    let _turn = turn();
    let me = process::self_pid();
    let body = move || {
        let thread = std::fs::read_link("/proc/thread-self").unwrap();
        let id: u32 = thread.file_name().unwrap().to_str().unwrap().parse().unwrap();
        process::send(me, id);
        receive! { () => {} }
        touch_much();
        process::send(me, Begun);
        idle_body();
    };
    let pid = Builder::new().stack_size(4 << 20).spawn(body).unwrap();
    let id = expect::<u32>();
    let options = Options::new().cpu_times(true).stacks(true);
    let before = observer::snapshot_with(options);
    let before = before.process(pid).unwrap();
    assert_eq!(before.info.thread_id, Some(id));
    let small = before.stack.unwrap();
    assert!((4096..256 * 1024).contains(&small), "{small}");

    process::send(pid, ());
    expect::<Begun>();
    let after = observer::snapshot_with(options);
    let after = after.process(pid).unwrap();
    assert!(after.cpu_time > before.cpu_time, "{:?} {:?}", after.cpu_time, before.cpu_time);
    let large = after.stack.unwrap();
    assert!((512 * 1024..1024 * 1024).contains(&large), "{small} {large}");

    // Of a thread of the program's own the stack is not known.
    let own = thread::spawn(move || {
        let me = process::self_pid(); // It becomes a process here.
        let own = observer::snapshot_with(options).process(me).unwrap().clone();
        assert!(own.info.foreign && own.info.thread_id.is_some() && own.cpu_time.is_some());
        assert_eq!(own.stack, None);
    });
    own.join().unwrap();
    let plain = observer::snapshot();
    let plain = plain.process(pid).unwrap();
    assert_eq!((plain.cpu_time, plain.stack), (None, None));
    exit_and_wait(pid, ExitReason::Kill);
}

#[test]
fn a_snapshot_beside_processes_that_come_and_go_shows_no_process_in_anothers_place() {
    let _turn = turn();
    let me = process::self_pid();
    let (stays, _) = begun(Builder::new().link(), idle_body);
    let churn = process::spawn_monitor(move || {
        for _ in 0..rounds(1_000) {
            // Each says in its label who it is, and has a link and an ancestor.
            let child = || {
                process::set_label(process::self_pid().to_string());
                process::link(process::self_pid());
            };
            let (_, monitor) = Builder::new().link().spawn_monitor(child).unwrap();
            assert_eq!(down_reason(monitor), ExitReason::Normal);
        }
    });
    let (churner, monitor) = churn.unwrap();
    let mut looks = 0;
    while process::is_alive(churner) {
        let snapshot = observer::snapshot();
        for it in &snapshot.processes {
            let labelled = it.info.label.as_deref();
            assert!(labelled.is_none_or(|label| label == it.info.pid.to_string()), "{it:?}");
        }
        assert_eq!(snapshot.process(stays).unwrap().info.links, [me]);
        looks += 1;
    }
    assert_eq!(down_reason(monitor), ExitReason::Normal);
    assert!(looks > 1, "there was no look beside it");
    process::unlink(stays);
    exit_and_wait(stays, ExitReason::Kill);
}
