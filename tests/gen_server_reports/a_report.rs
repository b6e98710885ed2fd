//! What a report of a server's end says.

use std::fmt;
use std::sync::mpsc;

use procession::prelude::*;
use procession::process::Builder;
use procession::report::Report;

use crate::Deed::{ExitAbnormally, ExitInOrder, GoOn, Nothing, Panic, Stop, StopInOrder};
use crate::support::calls::CallKind;
use crate::support::logger::{keep_what_is_logged, logged};
use crate::support::processes::{idle_body, in_process, reason};
use crate::support::wait::{
    assert_no_message, down_reason, expect, expect_exit, test_timeout, wait_until,
};
use crate::{
    Asleep, Deed, Failing, Print, Printed, Server, assert_has_line, report, reports, start,
    wait_until_busy,
};

// OTP: gen_server_SUITE:crash
#[test]
fn says_what_is_known_of_the_server() {
    keep_what_is_logged();
    let name = "gen_server_reports::known";
    let options = StartOptions::new().name(name);
    let server = Server::start_link_with(Server::default(), options).unwrap();
    let pid = server.pid();
    server.cast(Stop);
    assert_eq!(expect_exit(pid), reason());

    let report = report(pid);
    assert!(report.contains(&format!("server {name} ({pid}) is terminating")), "{report}");
    assert_has_line(&report, "last message: Stop");
    assert_has_line(&report, r#"state: Server { secret: "the secret", .. }"#);
    assert_has_line(&report, &format!("reason: {}", reason()));
}

// OTP: gen_server_SUITE:crash
#[test]
fn of_a_panic_is_followed_by_the_crash_report() {
    let (_server, pid) = start(Server::default());
    process::send(pid, Panic);
    assert_eq!(expect_exit(pid).as_panic().unwrap().message, "in a callback");

    let crash = format!("ERROR procession::crash crash report of process {pid}\n");
    let records = logged(&pid.to_string());
    assert_eq!(records.len(), 2, "{records:?}");
    assert_eq!(records[0], report(pid));
    assert!(records[1].starts_with(&crash), "{records:?}");
    for record in records {
        assert!(record.contains("reason: panicked: in a callback, at "), "{record}");
    }
}

// OTP: gen_server_SUITE:crash
#[test]
fn of_any_other_reason_is_followed_by_a_crash_report_too() {
    for deed in [Stop, ExitAbnormally] {
        let (server, pid) = start(Server::default());
        server.cast(deed);
        assert_eq!(expect_exit(pid), reason());
        report(pid);
        let crash = format!("ERROR procession::crash crash report of process {pid}\n");
        assert_eq!(logged(&crash).len(), 1, "{:?}", logged(&pid.to_string()));
    }
}

/// The reports and errors that follow the panic of a callback, in order.
#[track_caller]
fn check_what_comes_of(fails: impl FnOnce(&ServerRef<Server>)) {
    let me = process::self_pid();
    let (server, pid) = start(Server::default());
    process::monitor(pid);
    let handler = report::add_handler(move |report| {
        if matches!(report, Report::Server(report) if report.pid == pid) {
            process::send(me, "error report");
        }
        if matches!(report, Report::Crash(report) if report.pid == pid) {
            process::send(me, "crash report");
        }
    });
    // The server sleeps, and two callers wait behind what it fails at.
    let (let_go, held) = mpsc::channel();
    server.cast(Asleep(held));
    wait_until_busy(pid);
    fails(&server);
    for _ in 0..2 {
        process::spawn(move || process::send(me, server.call_timeout(Nothing, test_timeout())))
            .unwrap();
    }
    wait_until(|| process::info(pid).unwrap().message_queue_len == 3);
    drop(let_go);

    let next = || process::receive_timeout(test_timeout()).expect("another message");
    assert_eq!(next().downcast::<&str>().unwrap(), "error report");
    assert_eq!(next().downcast::<&str>().unwrap(), "crash report");
    let reason = next().downcast::<Exit>().unwrap().reason;
    assert_eq!(reason.as_panic().unwrap().message, "in a callback");
    assert_eq!(next().downcast::<Down>().unwrap().reason, reason);
    for _ in 0..2 {
        let outcome = next().downcast::<Result<&str, CallError>>().unwrap();
        assert_eq!(outcome.kind(), Err(CallErrorKind::Down(reason.clone())));
    }
    assert!(report::remove_handler(handler));
    assert_no_message();
    assert_eq!(logged(&pid.to_string()).len(), 2, "{:?}", logged(&pid.to_string()));
}

// OTP: gen_server_SUITE:crash
#[test]
fn of_any_callback_that_panics_comes_first_and_the_waiting_callers_hear_last() {
    let fails: [fn(&ServerRef<Server>); 4] = [
        |server| server.cast(Panic),
        |server| server.cast(GoOn),
        |server| server.send(Panic),
        |server| server.send(GoOn),
    ];
    for fail in fails {
        in_process(move || {
            process::set_trap_exit(true);
            check_what_comes_of(fail);
        });
    }
}

// OTP: gen_server_SUITE:terminate_crash_format
#[test]
fn of_a_panic_in_terminate_is_one_with_one_crash_report() {
    for deed in [StopInOrder(0), Stop, Panic] {
        let (server, pid) = start(Server { panics_in_terminate: true, ..Server::default() });
        server.cast(deed);
        assert_eq!(expect_exit(pid).as_panic().unwrap().message, "in terminate");
        let records = logged(&pid.to_string());
        assert_eq!(records.len(), 2, "{records:?}");
        for (record, kind) in records.iter().zip(["gen_server server", "crash crash report"]) {
            assert!(record.starts_with(&format!("ERROR procession::{kind} ")), "{record}");
            assert!(record.contains("reason: panicked: in terminate, at "), "{record}");
        }
    }
}

#[test]
fn is_followed_by_the_crash_report_also_when_an_exit_signal_is_in_the_mailbox() {
    for deed in [Panic, Stop] {
        let (server, pid) = start(Server::default());
        let (let_go, held) = mpsc::channel();
        server.cast(Asleep(held));
        server.cast(deed);
        let end = ExitReason::new("in time");
        // It is judged at the next receive point, which the server comes to before the deed.
        process::exit(pid, end.clone());
        drop(let_go);
        assert_eq!(expect_exit(pid), end);
        assert!(logged(&pid.to_string()).is_empty(), "{:?}", logged(&pid.to_string()));
    }
    // A server without a signal before its end fails by itself.
    let (server, pid) = start(Server::default());
    let (let_go, held) = mpsc::channel();
    server.cast(Failing(held));
    wait_until_busy(pid);
    process::exit(pid, ExitReason::new("too late"));
    drop(let_go);
    assert_eq!(expect_exit(pid).as_panic().unwrap().message, "held up and failed");
    let records = logged(&pid.to_string());
    assert_eq!(records.len(), 2, "{records:?}");
}

// OTP: gen_server_SUITE:loop_start_fail
#[test]
fn is_not_written_of_a_failed_init_of_which_there_is_a_crash_report() {
    #[derive(Debug)]
    struct Stillborn;

    impl GenServer for Stillborn {
        type Args = (Pid, Init);

        fn init((starter, init): Self::Args) -> InitResult<Stillborn> {
            process::send(starter, process::self_pid());
            init()
        }
    }

    type Init = fn() -> InitResult<Stillborn>;

    keep_what_is_logged();
    let inits: [(Init, usize); 7] = [
        (|| stop(reason()), 1),
        (|| process::exit_self(reason()), 1),
        (|| panic!("in init"), 1),
        (|| stop(ExitReason::Shutdown), 0),
        (|| process::exit_self(ExitReason::Normal), 0),
        (|| init_error(reason()), 0),
        (ignore, 0),
    ];
    for (init, reports) in inits {
        Stillborn::start((process::self_pid(), init)).unwrap_err();
        let pid = expect::<Pid>();
        let records = logged(&format!("{pid}\n"));
        assert_eq!(records.len(), reports, "{records:?}");
        assert!(records.iter().all(|it| it.starts_with("ERROR procession::crash ")));
    }
}

// OTP: gen_server_SUITE:crash
#[test]
fn is_not_written_of_an_orderly_end() {
    process::set_trap_exit(true);
    for which in 0..3 {
        for deed in [StopInOrder(which), ExitInOrder(which)] {
            let (server, pid) = start(Server::default());
            server.cast(deed);
            assert_eq!(expect_exit(pid), Deed::order(which));
            let (server, other) = start(Server::default());
            let error = CallErrorKind::Down(Deed::order(which));
            assert_eq!(server.call_timeout(deed, test_timeout()).kind(), Err(error));
            assert_eq!(expect_exit(other), Deed::order(which));
            for pid in [pid, other] {
                assert!(logged(&pid.to_string()).is_empty(), "{:?}", logged(&pid.to_string()));
            }
        }
    }
}

// OTP: gen_server_SUITE:crash
#[test]
fn names_the_client_of_a_call_only() {
    let me = process::self_pid();
    for deed in [Stop, ExitAbnormally, Panic] {
        let (server, pid) = start(Server::default());
        _ = server.call_timeout(deed, test_timeout()).unwrap_err();
        expect_exit(pid);
        assert_has_line(&report(pid), &format!("last message: {deed:?}"));
        assert_has_line(&report(pid), &format!("client: {me}"));

        // A call that was handled long ago is nobody's fault.
        let sends: [fn(&ServerRef<Server>, Deed); 2] =
            [|server, deed| server.cast(deed), |server, deed| process::send(server.pid(), deed)];
        for send in sends {
            let (server, pid) = start(Server::default());
            assert_eq!(server.call_timeout(Nothing, test_timeout()), Ok("done"));
            send(&server, deed);
            expect_exit(pid);
            assert_has_line(&report(pid), &format!("last message: {deed:?}"));
            assert!(!report(pid).contains("client"), "{}", report(pid));
        }
    }
}

// OTP: gen_server_SUITE:crash
#[test]
fn of_a_continuation_says_so_and_names_no_client() {
    let (server, pid) = start(Server::default());
    assert_eq!(server.call_timeout(GoOn, test_timeout()), Ok("done"));
    expect_exit(pid);
    let report = report(pid);
    assert!(!report.contains("client"), "{report}");
    assert!(!report.contains("last message: GoOn"), "{report}");
}

#[test]
fn of_a_server_that_was_stopped_blames_no_client_and_no_earlier_message() {
    let (server, pid) = start(Server::default());
    assert_eq!(server.call_timeout(Nothing, test_timeout()), Ok("done"));
    assert_eq!(server.stop_with(reason(), test_timeout()), Ok(()));
    expect_exit(pid);
    let report = report(pid);
    assert!(!report.contains("client"), "{report}");
    assert!(!report.contains("last message: Nothing"), "{report}");
}

#[test]
fn of_a_server_whose_parent_has_ended_blames_no_client_and_no_earlier_message() {
    keep_what_is_logged();
    let me = process::self_pid();
    let parent = process::spawn(move || {
        let options = StartOptions::new().spawn_options(Builder::new().trap_exit(true));
        let server = Server::start_link_with(Server::default(), options).unwrap();
        process::send(me, server.pid());
        idle_body();
    })
    .unwrap();
    let pid = expect::<Pid>();
    let monitor = process::monitor(pid);
    let server = ServerRef::<Server>::from_pid(pid);
    assert_eq!(server.call_timeout(Nothing, test_timeout()), Ok("done"));
    process::exit(parent, reason());
    assert_eq!(down_reason(monitor), reason());
    let report = report(pid);
    assert!(!report.contains("client"), "{report}");
    assert!(!report.contains("last message: Nothing"), "{report}");
}

#[test]
fn is_not_written_of_a_server_that_was_killed_or_did_not_start() {
    let (_, pid) = start(Server::default());
    process::exit(pid, ExitReason::Kill);
    assert_eq!(expect_exit(pid), ExitReason::Killed);
    assert!(logged(&pid.to_string()).is_empty());

    #[derive(Debug)]
    struct Stillborn;

    impl GenServer for Stillborn {
        type Args = Pid;

        fn init(starter: Pid) -> InitResult<Stillborn> {
            process::send(starter, process::self_pid());
            stop(reason())
        }
    }

    Stillborn::start(process::self_pid()).unwrap_err();
    assert!(reports(expect::<Pid>()).is_empty());
}

// OTP: gen_server_SUITE:error_format_status
#[test]
fn shows_the_state_as_format_status_does() {
    let (server, pid) = start(Server { print: Print::Hidden, ..Server::default() });
    server.cast(Panic);
    expect_exit(pid);
    assert_has_line(&report(pid), "state: nothing to see");
    assert!(!report(pid).contains("secret"), "{}", report(pid));
}

// OTP: gen_server_SUITE:crash_in_format_status
#[test]
fn notes_that_the_state_could_not_be_printed() {
    let prints = [
        (Print::PanicsInFormatStatus, "in format_status"),
        (Print::PanicsInDebug, "in Debug of the state"),
    ];
    for (print, panic) in prints {
        let (server, pid) = start(Server { print, ..Server::default() });
        let outcome = server.call_timeout(Stop, test_timeout());
        assert_eq!(outcome.kind(), Err(CallErrorKind::Down(reason())));
        assert_eq!(expect_exit(pid), reason());
        let report = report(pid);
        assert!(report.contains(&format!("panicked: {panic}")), "{report}");
        assert_has_line(&report, &format!("reason: {}", reason()));
    }
    // The part of it that could be printed is there.
    assert!(!logged("state: half of ").is_empty());
}

// OTP: gen_server_SUITE:terminate_crash_format
#[test]
fn shows_the_reason_that_terminate_has_made() {
    let (server, pid) = start(Server { panics_in_terminate: true, ..Server::default() });
    server.cast(StopInOrder(0));
    assert_eq!(expect_exit(pid).as_panic().unwrap().message, "in terminate");
    assert!(report(pid).contains("reason: panicked: in terminate, at "), "{}", report(pid));
}

// OTP: gen_server_SUITE:format_log_with_process_label
#[test]
fn shows_the_label_of_the_process() {
    let (server, pid) = start(Server { label: Some("the printer"), ..Server::default() });
    server.cast(Stop);
    expect_exit(pid);
    assert_has_line(&report(pid), "label: the printer");
}

#[test]
fn shows_a_long_message_as_far_as_it_goes() {
    let (server, pid) = start(Server::default());
    server.cast(Printed(|f| f.write_str(&"x".repeat(100_000))));
    expect_exit(pid);
    let shown = report(pid).matches('x').count();
    assert!((900..=1_000).contains(&shown), "{shown}");

    let (server, pid) = start(Server::default());
    server.cast(Printed(|f| (0..100_000).try_for_each(|_| f.write_str("ö"))));
    expect_exit(pid);
    let shown = report(pid).matches('ö').count();
    assert!((450..=500).contains(&shown), "{shown}");
}

#[test]
fn notes_that_the_message_could_not_be_printed() {
    let (server, pid) = start(Server::default());
    server.cast(Printed(|_| panic!("in Debug of a message")));
    assert_eq!(expect_exit(pid), reason());
    assert!(report(pid).contains("panicked: in Debug of a message"), "{}", report(pid));
}

#[test]
fn notes_that_the_reason_could_not_be_printed() {
    #[derive(PartialEq)]
    struct Unprintable;

    impl fmt::Debug for Unprintable {
        fn fmt(&self, _: &mut fmt::Formatter<'_>) -> fmt::Result {
            panic!("in Debug of a reason")
        }
    }

    let (server, pid) = start(Server::default());
    let end = ExitReason::new(Unprintable);
    assert_eq!(server.stop_with(end, test_timeout()), Ok(()));
    assert!(expect::<Exit>().reason.downcast_ref::<Unprintable>().is_some());
    assert!(report(pid).contains("panicked: in Debug of a reason"), "{}", report(pid));
}
