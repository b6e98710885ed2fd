//! What handlers of reports may do.

use std::mem;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use procession::prelude::*;
use procession::report::{self, Report};

use crate::crash_reports;
use crate::support::drops::OnDrop;
use crate::support::logger::keep_what_is_logged;
use crate::support::processes::idle_body;
use crate::support::rounds::{delay_by, rounds};
use crate::support::wait::{assert_no_message, down_reason, expect, test_timeout, wait_for_exit};

/// Adds a handler that sends the caller the crash of `pid`.
fn tell_of_crash(pid: Pid) -> report::HandlerId {
    let me = process::self_pid();
    report::add_handler(move |report| {
        if let Report::Crash(crash) = report
            && crash.pid == pid
        {
            process::send(me, crash.reason.clone());
        }
    })
}

fn to_crash() -> Pid {
    process::spawn(|| {
        expect::<()>();
        panic!("handled");
    })
    .unwrap()
}

#[test]
fn gets_each_report_as_a_value_before_others_hear_of_the_end() {
    let pid = to_crash();
    let handler = tell_of_crash(pid);
    let monitor = process::monitor(pid);
    process::send(pid, ());
    let first = process::receive_timeout(test_timeout()).unwrap();
    assert_eq!(first.downcast::<ExitReason>().unwrap().as_panic().unwrap().message, "handled");
    down_reason(monitor);
    assert!(report::remove_handler(handler));
    assert!(!report::remove_handler(handler));
}

#[test]
fn that_was_removed_gets_nothing() {
    let pid = to_crash();
    assert!(report::remove_handler(tell_of_crash(pid)));
    process::send(pid, ());
    wait_for_exit(pid);
    assert_no_message();
}

#[test]
fn that_panics_disturbs_neither_the_others_nor_the_end() {
    let pid = to_crash();
    let panicking = report::add_handler(move |report| {
        assert!(!report.to_string().contains(&pid.to_string()), "a handler panics");
    });
    let handler = tell_of_crash(pid);
    let monitor = process::monitor(pid);
    process::send(pid, ());
    assert!(expect::<ExitReason>().as_panic().is_some());
    assert_eq!(down_reason(monitor).as_panic().unwrap().message, "handled");
    for handler in [panicking, handler] {
        assert!(report::remove_handler(handler));
    }
}

/// Adds a handler that does `action` at the crash of `pid`.
fn at_crash(pid: Pid, action: impl Fn() + Send + Sync + 'static) -> report::HandlerId {
    report::add_handler(move |report| {
        if matches!(report, Report::Crash(crash) if crash.pid == pid) {
            action();
        }
    })
}

#[test]
fn gets_the_same_reports_that_are_logged() {
    keep_what_is_logged();
    let pid = to_crash();
    let me = process::self_pid();
    let handler = report::add_handler(move |report| {
        if matches!(report, Report::Crash(crash) if crash.pid == pid) {
            let text = format!("{} {} {report}", report.level(), report.target());
            process::send(me, (process::self_pid(), text));
        }
    });
    process::send(pid, ());
    let (reporter, text) = expect::<(Pid, String)>();
    assert_eq!(reporter, pid);
    wait_for_exit(pid);
    assert_eq!(crash_reports(pid), [text]);
    assert!(report::remove_handler(handler));
}

#[test]
fn that_exits_or_panics_with_a_payload_that_panics_changes_nothing() {
    struct Grenade;

    impl Drop for Grenade {
        fn drop(&mut self) {
            panic!("in the destructor of a payload");
        }
    }

    let actions: [fn(); 3] = [
        || process::exit_self(ExitReason::new("by a handler")),
        || std::panic::panic_any(Grenade),
        || process::exit(process::self_pid(), ExitReason::new("by a handler")),
    ];
    for action in actions {
        let pid = to_crash();
        let unruly = at_crash(pid, action);
        let handler = tell_of_crash(pid);
        let monitor = process::monitor(pid);
        process::send(pid, ());
        assert_eq!(down_reason(monitor).as_panic().unwrap().message, "handled");
        for handler in [unruly, handler] {
            assert!(report::remove_handler(handler));
        }
        // It was sent before the end.
        let heard = process::receive_timeout(Duration::ZERO);
        assert!(heard.is_some_and(|message| message.is::<ExitReason>()));
    }
}

#[test]
fn may_add_and_remove_handlers() {
    let pid = to_crash();
    let me = process::self_pid();
    let ids = Arc::new(Mutex::new(Vec::new()));
    let own = Arc::clone(&ids);
    let handler = at_crash(pid, move || {
        let handlers = mem::take(&mut *own.lock());
        let removed = handlers.into_iter().map(report::remove_handler).collect::<Vec<_>>();
        // It is for the next report.
        let added = at_crash(pid, || unreachable!("it has come too late"));
        process::send(me, (removed, added));
    });
    // It is called though it is removed meanwhile, as is said of one that is under way; another
    // one, which was there when the report was made, too.
    let other = tell_of_crash(pid);
    ids.lock().extend([handler, other]);
    let monitor = process::monitor(pid);
    process::send(pid, ());
    let (removed, added) = expect::<(Vec<bool>, report::HandlerId)>();
    assert_eq!(removed, [true, true]);
    expect::<ExitReason>();
    down_reason(monitor);
    assert!(report::remove_handler(added));
    for handler in [handler, other] {
        assert!(!report::remove_handler(handler));
    }
}

#[test]
fn whose_destructor_panics_when_it_has_removed_itself_disturbs_nobody() {
    let pid = to_crash();
    let own_id = Arc::new(Mutex::new(None));
    let id = Arc::clone(&own_id);
    let grenade = OnDrop(|| panic!("in the destructor of a handler"));
    let handler = at_crash(pid, move || {
        _ = &grenade;
        assert!(report::remove_handler(id.lock().take().unwrap()));
    });
    *own_id.lock() = Some(handler);
    let second = tell_of_crash(pid);
    let monitor = process::monitor(pid);
    process::send(pid, ());
    assert_eq!(down_reason(monitor).as_panic().unwrap().message, "handled");
    assert!(report::remove_handler(second));
    let heard = process::receive_timeout(Duration::ZERO);
    assert!(heard.is_some(), "the second handler was not called");
}

#[test]
fn that_makes_another_process_crash_gets_that_too() {
    let me = process::self_pid();
    let (first, second) = (to_crash(), to_crash());
    let chain = at_crash(first, move || {
        process::send(second, ());
        wait_for_exit(second);
        process::send(me, "both");
    });
    let handler = tell_of_crash(second);
    process::send(first, ());
    expect::<ExitReason>();
    assert_eq!(expect::<&str>(), "both");
    wait_for_exit(first);
    for handler in [chain, handler] {
        assert!(report::remove_handler(handler));
    }
}

#[test]
fn that_waits_is_ended_with_the_process_when_that_is_killed() {
    let me = process::self_pid();
    let pid = to_crash();
    let handler = at_crash(pid, move || {
        process::send(me, "waiting");
        idle_body();
    });
    let monitor = process::monitor(pid);
    process::send(pid, ());
    assert_eq!(expect::<&str>(), "waiting");
    process::exit(pid, ExitReason::Kill);
    assert!(!process::is_alive(pid));
    // Why it ends was settled before.
    assert_eq!(down_reason(monitor).as_panic().unwrap().message, "handled");
    assert!(report::remove_handler(handler));
}

#[test]
fn gets_each_crash_that_happens_while_it_is_there() {
    for round in 0..rounds(300) {
        let pid = to_crash();
        let others = process::spawn_monitor(|| {
            for _ in 0..8 {
                assert!(report::remove_handler(report::add_handler(|_| {})));
            }
        });
        let handler = tell_of_crash(pid);
        let monitor = process::monitor(pid);
        delay_by(round);
        process::send(pid, ());
        expect::<ExitReason>();
        down_reason(monitor);
        assert!(report::remove_handler(handler));
        assert_eq!(down_reason(others.unwrap().1), ExitReason::Normal);
        assert_no_message();
    }
}

#[test]
fn may_wait_for_others() {
    #[derive(Debug)]
    struct Counter(u32);

    impl GenServer for Counter {
        type Args = ();

        fn init((): ()) -> InitResult<Counter> {
            ready(Counter(0))
        }
    }

    impl HandleCall<()> for Counter {
        type Reply = u32;

        fn handle_call(&mut self, (): (), _: &Caller<u32>) -> CallResult<Self, ()> {
            self.0 += 1;
            reply(self.0)
        }
    }

    let counter = Counter::start(()).unwrap();
    let pid = to_crash();
    let asked = counter;
    let handler = report::add_handler(move |report| {
        if matches!(report, Report::Crash(crash) if crash.pid == pid) {
            asked.call_timeout((), test_timeout()).unwrap();
        }
    });
    process::send(pid, ());
    wait_for_exit(pid);
    assert_eq!(counter.call_timeout((), test_timeout()), Ok(2));
    assert!(report::remove_handler(handler));
}
