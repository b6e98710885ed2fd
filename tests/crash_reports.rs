//! What the runtime logs: a binary of its own, as it sets the program's logger.

use std::fmt;
use std::process::Command;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use log::Level;
use procession::prelude::*;
use procession::process::Builder;
use procession::report::{self, Report};

#[allow(dead_code, reason = "this binary needs few of them")]
#[path = "support"]
mod support {
    pub(crate) mod drops;
    pub(crate) mod logger;
    pub(crate) mod processes;
    pub(crate) mod rounds;
    pub(crate) mod wait;
}

use crate::support::drops::OnDrop;
use crate::support::logger::{LOGGER_PANICS_AT, keep_what_is_logged, logged};
use crate::support::processes::{Busy, busy, idle_body, in_process, reason};
use crate::support::rounds::{delay_by, rounds};
use crate::support::wait::{down_reason, exit_and_wait, expect, wait_until};

mod a_crash {
    use super::*;

    // OTP: proc_lib_SUITE:crash
    #[test]
    fn is_reported_with_all_that_is_known_of_the_process() {
        keep_what_is_logged();
        let me = process::self_pid();
        let body = || {
            process::set_label("the printer");
            receive! { "crash" => panic!("out of paper") }
        };
        let (pid, monitor) =
            Builder::new().name("crash_reports::printer").link().spawn_monitor(body).unwrap();
        process::send(pid, "not received");
        process::send(pid, "crash");
        down_reason(monitor);

        // It is written before others hear of the end.
        let reports = logged(&format!("crash report of process {pid}\n"));
        assert_eq!(reports.len(), 1, "{reports:?}");
        let report = &reports[0];
        let expected = [
            format!("{} procession::crash ", Level::Error),
            "registered name: crash_reports::printer\n".to_owned(),
            "label: the printer\n".to_owned(),
            format!("reason: panicked: out of paper, at {}:", file!()),
            format!("ancestors: [{me}]\n"),
            format!("links: [{me}]\n"),
            "message queue length: 1 (1 of &str)\n    messages:\n        \"not received\""
                .to_owned(),
        ];
        for part in expected {
            assert!(report.contains(&part), "{part} is not in {report}");
        }
        assert!(expect::<Exit>().reason.as_panic().is_some());
    }

    #[test]
    fn of_a_process_without_name_and_label_is_reported_without_them() {
        keep_what_is_logged();
        let (pid, monitor) = process::spawn_monitor(|| panic!("anonymous")).unwrap();
        down_reason(monitor);

        let reports = logged(&format!("crash report of process {pid}\n"));
        assert_eq!(reports.len(), 1, "{reports:?}");
        assert!(!reports[0].contains("name:") && !reports[0].contains("label:"), "{reports:?}");
    }

    #[test]
    fn with_an_exit_signal_in_the_mailbox_is_reported_all_the_same() {
        keep_what_is_logged();
        let crash = || panic!("before the signal");
        let Busy { pid, monitor, let_go } = busy(Builder::new(), crash);
        process::exit(pid, ExitReason::new("too late"));
        drop(let_go);
        assert_eq!(down_reason(monitor).as_panic().unwrap().message, "before the signal");
        assert_eq!(crash_reports(pid).len(), 1, "{:?}", logged(&pid.to_string()));
    }

    #[test]
    fn of_two_linked_processes_at_once_is_reported_by_each_that_ends_by_its_own() {
        keep_what_is_logged();
        let (log, reports) = mpsc::channel();
        let handler = report::add_handler(move |report| {
            if let Report::Crash(crash) = report {
                _ = log.send(crash.pid);
            }
        });
        let (mut own, mut reported) = (Vec::new(), Vec::new());
        for round in 0..rounds(500) {
            let start = |delay, mate: Option<Pid>| {
                let body = move || {
                    mate.into_iter().for_each(process::link);
                    expect::<()>();
                    delay_by(delay);
                    panic!("of {}", process::self_pid());
                };
                process::spawn_monitor(body).unwrap()
            };
            let (first, first_monitor) = start(round, None);
            let (second, second_monitor) = start(63 - round % 64, Some(first));
            wait_until(|| process::info(first).unwrap().links == [second]);
            for pid in [first, second] {
                process::send(pid, ());
            }
            for (pid, monitor) in [(first, first_monitor), (second, second_monitor)] {
                let reason = down_reason(monitor);
                if reason.as_panic().unwrap().message == format!("of {pid}") {
                    own.push(pid);
                }
            }
            reported.extend(reports.try_iter().filter(|pid| [first, second].contains(pid)));
        }
        assert!(report::remove_handler(handler));
        for pids in [&mut own, &mut reported] {
            pids.sort();
        }
        let silent: Vec<_> = own.iter().filter(|pid| !reported.contains(pid)).collect();
        assert_eq!(silent.len(), 0, "without a report: {silent:?}");
        assert_eq!(own, reported);
    }

    #[test]
    fn is_reported_of_a_body_that_returns_an_error() {
        keep_what_is_logged();
        let reason = || ExitReason::new("an error");
        let (pid, monitor) = process::spawn_monitor(move || Err(reason())).unwrap();
        assert_eq!(down_reason(monitor), reason());
        assert_eq!(crash_reports(pid).len(), 1);
    }

    #[test]
    fn is_not_reported_of_a_body_that_returns_an_orderly_reason() {
        keep_what_is_logged();
        let body = || Err(ExitReason::Shutdown);
        let (pid, monitor) = process::spawn_monitor(body).unwrap();
        assert_eq!(down_reason(monitor), ExitReason::Shutdown);
        assert!(crash_reports(pid).is_empty());
    }

    #[test]
    fn is_not_reported_of_an_exit_by_a_plain_process() {
        keep_what_is_logged();
        let reason = || ExitReason::new("no crash");
        let (pid, monitor) = process::spawn_monitor(move || process::exit_self(reason())).unwrap();
        assert_eq!(down_reason(monitor), reason());
        assert!(crash_reports(pid).is_empty());
    }

    #[test]
    fn is_not_reported_of_a_process_that_exits_or_is_killed() {
        keep_what_is_logged();
        let bodies: [fn(); 3] =
            [|| {}, || process::exit_self(ExitReason::new("no crash")), idle_body];
        for body in bodies {
            let (pid, monitor) = process::spawn_monitor(body).unwrap();
            process::exit(pid, ExitReason::Kill);
            down_reason(monitor);
            assert!(logged(&format!("crash report of process {pid}\n")).is_empty());
        }
    }
}

/// The crash reports of the process with this pid.
fn crash_reports(pid: Pid) -> Vec<String> {
    logged(&format!("crash report of process {pid}\n"))
}

mod a_process_of_proc_lib {
    use procession::proc_lib;
    use procession::process::dictionary;

    use super::*;

    fn fail() {
        process::exit_self(reason());
    }

    // OTP: proc_lib_SUITE:crash
    #[test]
    fn is_reported_whenever_it_ends_abnormally_by_itself() {
        keep_what_is_logged();
        let (pid, monitor) = proc_lib::spawn_monitor_with(Builder::new(), fail).unwrap();
        assert_eq!(down_reason(monitor), reason());
        assert_eq!(crash_reports(pid).len(), 1);
        assert!(crash_reports(pid)[0].contains(&format!("reason: {}\n", reason())));

        let orderly: [fn(); 4] = [
            || {},
            || process::exit_self(ExitReason::Normal),
            || process::exit_self(ExitReason::Shutdown),
            || process::exit_self(ExitReason::shutdown_with("enough")),
        ];
        for body in orderly {
            let (pid, monitor) = proc_lib::spawn_monitor_with(Builder::new(), body).unwrap();
            down_reason(monitor);
            assert!(crash_reports(pid).is_empty());
        }
        for signal in [reason(), ExitReason::Kill] {
            let (pid, monitor) = proc_lib::spawn_monitor_with(Builder::new(), idle_body).unwrap();
            process::exit(pid, signal);
            down_reason(monitor);
            assert!(crash_reports(pid).is_empty());
        }
    }

    // OTP: proc_lib_SUITE:crash
    #[test]
    fn is_reported_with_all_that_is_known_of_it() {
        keep_what_is_logged();
        let me = process::self_pid();
        let name = "crash_reports::parent";
        let parent = move || {
            let (pid, monitor) = proc_lib::spawn_monitor_with(Builder::new(), || {
                process::set_trap_exit(true);
                dictionary::put("colour", "red");
                receive! { "crash" => fail() }
            })
            .unwrap();
            process::send(pid, 1_u8);
            process::send(pid, vec!["two"]);
            process::send(pid, "crash");
            down_reason(monitor);
            process::send(me, pid);
        };
        Builder::new().name(name).spawn(parent).unwrap();
        let reports = crash_reports(expect());
        assert_eq!(reports.len(), 1, "{reports:?}");
        let expected = [
            "initial call: crash_reports::a_process_of_proc_lib::is_reported_with_all",
            "\n    ancestors: [crash_reports::parent, ",
            "\n    message queue length: 2 (1 of alloc::vec::Vec<&str>, 1 of u8)\n    \
             messages:\n        1\n        [\"two\"]\n",
            "\n    dictionary:\n        colour: \"red\"\n",
            "\n    trap_exit: true",
        ];
        for part in expected {
            assert!(reports[0].contains(part), "{part} is not in {}", reports[0]);
        }
    }

    // OTP: proc_lib_SUITE:crash
    #[test]
    fn is_reported_with_those_that_die_with_it() {
        keep_what_is_logged();
        let me = process::self_pid();
        let first = proc_lib::spawn(|| {
            expect::<()>();
            fail();
        })
        .unwrap();
        let link = |to: Pid, traps: bool| {
            let (pid, monitor) = proc_lib::spawn_monitor_with(Builder::new(), move || {
                process::set_trap_exit(traps);
                process::link(to);
                process::send(me, "linked");
                idle_body();
            })
            .unwrap();
            assert_eq!(expect::<&str>(), "linked");
            (pid, monitor)
        };
        let (second, second_monitor) = link(first, false);
        let (trapping, _) = link(first, true);
        let (third, third_monitor) = link(second, false);
        let (beyond, _) = link(trapping, false);
        process::send(first, ());
        assert_eq!(down_reason(second_monitor), reason());
        assert_eq!(down_reason(third_monitor), reason());

        let reports = crash_reports(first);
        assert_eq!(reports.len(), 1, "{reports:?}");
        let (_, neighbours) = reports[0].split_once("neighbours:").unwrap();
        for pid in [second, third] {
            assert!(neighbours.contains(&format!("{pid} crash_reports::")), "{neighbours}");
        }
        for pid in [trapping, beyond, me, first] {
            assert!(!neighbours.contains(&pid.to_string()), "{neighbours}");
        }
        // They die silently.
        for pid in [second, third] {
            assert!(crash_reports(pid).is_empty());
        }
        for pid in [trapping, beyond] {
            exit_and_wait(pid, ExitReason::Kill);
        }
    }
}

mod a_report {
    use procession::gen_server;
    use procession::proc_lib;
    use procession::process::Status;
    use procession::process::dictionary;

    use super::*;

    /// Ends when it gets a unit.
    fn doomed() {
        expect::<()>();
        process::exit_self(reason());
    }

    /// The one report of a process that is spawned to do `body`, when it has ended.
    #[track_caller]
    fn report_of(body: impl FnOnce() + Send + 'static) -> String {
        keep_what_is_logged();
        let (pid, monitor) = proc_lib::spawn_monitor_with(Builder::new(), body).unwrap();
        report_of_end(pid, monitor)
    }

    #[track_caller]
    fn report_of_end(pid: Pid, monitor: MonitorRef) -> String {
        down_reason(monitor);
        let mut reports = crash_reports(pid);
        assert_eq!(reports.len(), 1, "{:?}", logged(&pid.to_string()));
        reports.remove(0)
    }

    #[track_caller]
    fn assert_contains(report: &str, part: &str) {
        assert!(report.contains(part), "{part:?} is not in {report}");
    }

    // OTP: proc_lib_SUITE:crash
    #[test]
    fn lists_the_ancestors_the_nearest_first_by_name_where_there_is_one() {
        keep_what_is_logged();
        let me = process::self_pid();
        let grandparent = move || {
            let parent = move || {
                let parent = process::self_pid();
                let (pid, monitor) =
                    proc_lib::spawn_monitor_with(Builder::new(), || process::exit_self(reason()))
                        .unwrap();
                process::send(me, (parent, report_of_end(pid, monitor)));
            };
            process::spawn_link(parent).unwrap();
            idle_body();
        };
        let name = "crash_reports::grandparent";
        let grandparent = Builder::new().name(name).spawn(grandparent).unwrap();
        let (parent, report) = expect::<(Pid, String)>();
        assert_contains(&report, &format!("\n    ancestors: [{parent}, {name}, {me}]\n"));
        exit_and_wait(grandparent, ExitReason::Kill);
    }

    // OTP: proc_lib_SUITE:hibernate
    #[test]
    fn after_hibernation_has_the_first_initial_call() {
        keep_what_is_logged();
        let body = || {
            process::hibernate();
            expect::<()>();
            panic!("roused too early");
        };
        let (pid, monitor) = proc_lib::spawn_monitor_with(Builder::new(), body).unwrap();
        wait_until(|| process::info(pid).unwrap().status == Status::Hibernating);
        process::send(pid, ());
        let report = report_of_end(pid, monitor);
        assert_contains(&report, "after_hibernation_has_the_first_initial_call");
        assert_contains(&report, "reason: panicked: roused too early, at ");
    }

    // OTP: proc_lib_SUITE:crash
    #[test]
    fn shows_the_label_the_name_and_the_links() {
        keep_what_is_logged();
        let me = process::self_pid();
        let name = "crash_reports::a_report::labelled";
        let builder = Builder::new().name(name).link();
        let body = || {
            process::set_label("first");
            process::set_label("second");
            process::exit_self(reason());
        };
        let (pid, monitor) = proc_lib::spawn_monitor_with(builder, body).unwrap();
        let report = report_of_end(pid, monitor);
        let parts = [
            format!("\n    registered name: {name}\n    label: second\n"),
            format!("\n    reason: {}\n", reason()),
            format!("\n    links: [{me}]\n"),
            "\n    trap_exit: false".to_owned(),
        ];
        for part in parts {
            assert_contains(&report, &part);
        }
        assert!(!report.contains("neighbours"), "the test traps exits: {report}");
        assert_eq!(expect::<Exit>().from, pid);
    }

    #[test]
    fn shows_the_first_messages_as_far_as_they_go_and_counts_all() {
        let report = report_of(|| {
            let me = process::self_pid();
            process::send(me, "x".repeat(10_000));
            for n in 1..30 {
                process::send(me, format!("message {n}!"));
            }
            process::exit_self(reason());
        });
        assert_contains(&report, "\n    message queue length: 30 (30 of alloc::string::String)\n");
        assert_contains(&report, "message 9!");
        assert!(!report.contains("message 10!"), "{report}");
        assert!(report.matches('x').count() < 300, "{report}");
    }

    /// What does something when it is printed.
    struct Printed(fn());

    impl fmt::Debug for Printed {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            (self.0)();
            f.write_str("printed")
        }
    }

    #[test]
    fn survives_messages_and_values_whose_printing_panics_exits_or_uses_the_runtime() {
        let actions: [(fn(), &str); 6] = [
            (|| panic!("in Debug"), "(printing it panicked: in Debug"),
            (|| process::exit_self(reason()), "(printing it the reason of a test"),
            (|| process::send(process::self_pid(), "meanwhile"), "printed"),
            (|| _ = process::receive_timeout(Duration::ZERO), "printed"),
            (|| _ = dictionary::put("new", dictionary::keys().len()), "printed"),
            (|| _ = process::info(process::self_pid()).unwrap(), "printed"),
        ];
        for (action, shown) in actions {
            let report = report_of(move || {
                dictionary::put("old", Printed(action));
                process::send(process::self_pid(), "before");
                process::send(process::self_pid(), Printed(action));
                process::send(process::self_pid(), "after");
                process::exit_self(reason());
            });
            for part in ["\"before\"", "\"after\"", &format!("reason: {}\n", reason())] {
                assert_contains(&report, part);
            }
            assert_eq!(report.matches(shown).count(), 2, "{shown}: {report}");
        }
    }

    // OTP: proc_lib_SUITE:crash
    #[test]
    fn lists_each_neighbour_once_in_a_ring_and_only_those_of_proc_lib() {
        keep_what_is_logged();
        let me = process::self_pid();
        let (first, monitor) = proc_lib::spawn_monitor_with(Builder::new(), doomed).unwrap();
        let neighbour = |links: Vec<Pid>, name: Option<&str>| {
            let builder = name.map_or(Builder::new(), |name| Builder::new().name(name));
            let body = move || {
                links.into_iter().for_each(process::link);
                process::send(me, "linked");
                idle_body();
            };
            let pid = proc_lib::spawn_with(builder, body).unwrap();
            assert_eq!(expect::<&str>(), "linked");
            pid
        };
        let name = "crash_reports::a_report::second";
        let second = neighbour(vec![first], Some(name));
        let third = neighbour(vec![second, first], None);
        let plain = process::spawn(move || {
            process::link(first);
            process::send(me, "linked");
            idle_body();
        })
        .unwrap();
        assert_eq!(expect::<&str>(), "linked");
        let beyond = neighbour(vec![plain], None);
        let ends = [second, third, plain, beyond].map(process::monitor);
        process::send(first, ());
        let report = report_of_end(first, monitor);
        let (_, neighbours) = report.split_once("\n    neighbours:\n").unwrap();
        for pid in [second, third] {
            assert_eq!(neighbours.matches(&format!("{pid} ")).count(), 1, "{neighbours}");
        }
        assert_contains(neighbours, &format!("({name})"));
        for pid in [first, plain, beyond, me] {
            assert!(!neighbours.contains(&pid.to_string()), "{neighbours}");
        }
        for end in ends {
            assert_eq!(down_reason(end), reason());
        }
        for pid in [second, third, plain, beyond] {
            assert!(crash_reports(pid).is_empty());
        }
    }

    // OTP: gen_server_SUITE:loop_start_fail
    #[test]
    fn of_a_process_that_fails_to_start_comes_before_the_starter_hears_of_it() {
        keep_what_is_logged();
        let me = process::self_pid();
        let fails: [fn(proc_lib::Starter<Pid>); 3] = [
            |_| process::exit_self(reason()),
            |_| panic!("too early"),
            |starter| starter.fail(process::self_pid(), reason()),
        ];
        for fail in fails {
            _ = proc_lib::start(move |starter| {
                process::send(me, process::self_pid());
                fail(starter);
            });
            assert_eq!(crash_reports(expect()).len(), 1);
        }
        let orderly: [fn(proc_lib::Starter<Pid>); 2] =
            [drop, |starter| starter.fail(process::self_pid(), ExitReason::Shutdown)];
        for fail in orderly {
            _ = proc_lib::start(move |starter| {
                process::send(me, process::self_pid());
                fail(starter);
            });
            assert!(crash_reports(expect()).is_empty());
        }
    }

    #[derive(Debug)]
    struct Fragile;

    impl GenServer for Fragile {
        type Args = ();

        fn init((): ()) -> InitResult<Fragile> {
            ready(Fragile)
        }

        fn handle_info(&mut self, _: Message) -> CastResult<Fragile> {
            panic!("broken")
        }
    }

    // OTP: proc_lib_SUITE:spawn_opt
    #[test]
    fn of_a_server_says_what_it_was_started_as() {
        keep_what_is_logged();
        let (server, monitor) = Fragile::start_monitor(()).unwrap();
        server.send(());
        let report = report_of_end(server.pid(), monitor);
        assert_contains(&report, "\n    initial call: crash_reports::a_report::Fragile\n");

        let (pid, monitor) = proc_lib::start_monitor(|starter| {
            starter.ack(process::self_pid());
            gen_server::enter_loop(ready(Fragile), gen_server::StartOptions::new())
        });
        let pid = pid.unwrap();
        process::send(pid, ());
        let report = report_of_end(pid, monitor.unwrap());
        assert_contains(&report, "::of_a_server_says_what_it_was_started_as::");
    }

    /// A server that does not start.
    #[derive(Debug)]
    struct Stillborn;

    impl GenServer for Stillborn {
        type Args = ();

        fn init((): ()) -> InitResult<Stillborn> {
            process::set_label(STILLBORN);
            panic!("too early")
        }
    }

    const STILLBORN: &str = "crash_reports::a_report::stillborn";

    #[test]
    fn of_a_server_that_does_not_start_says_so_and_how_it_was_to_be_named() {
        keep_what_is_logged();
        _ = Stillborn::start(());
        _ = Stillborn::start_with((), gen_server::StartOptions::new().name(STILLBORN));
        let reports = logged(&format!("label: {STILLBORN}\n"));
        assert_eq!(reports.len(), 2);
        assert_contains(&reports[0], "\n    context: init\n");
        assert_contains(&reports[1], &format!("\n    context: init, named {STILLBORN}\n"));
    }

    #[test]
    fn counts_the_messages_by_their_types() {
        let report = report_of(|| {
            let me = process::self_pid();
            process::send(me, 1_u8);
            process::send(me, "text");
            process::send(me, 2_u8);
            process::exit_self(reason());
        });
        assert_contains(&report, "\n    message queue length: 3 (1 of &str, 2 of u8)\n");
    }

    #[test]
    fn is_not_written_of_a_panic_that_the_body_has_caught() {
        keep_what_is_logged();
        let (pid, monitor) = proc_lib::spawn_monitor_with(Builder::new(), || {
            assert_eq!(process::catch(|| process::exit_self(reason())), Err(reason()));
            process::catch(|| panic!("caught")).unwrap_err();
        })
        .unwrap();
        assert_eq!(down_reason(monitor), ExitReason::Normal);
        assert!(crash_reports(pid).is_empty());
    }
}

#[path = "crash_reports/a_handler.rs"]
mod a_handler;

#[test]
fn an_abandoned_process_is_warned_of() {
    keep_what_is_logged();
    let me = process::self_pid();
    let (let_go, held) = mpsc::channel::<()>();
    let body = move || {
        process::send(me, "begun");
        _ = held.recv();
    };
    let grace = Duration::from_millis(2);
    let (pid, monitor) = Builder::new().kill_grace(grace).spawn_monitor(body).unwrap();
    assert_eq!(expect::<&str>(), "begun");
    process::exit(pid, ExitReason::Kill);
    down_reason(monitor);

    // The warning comes when everybody has been told.
    let warnings = || logged(&format!("process {pid} was killed"));
    wait_until(|| !warnings().is_empty());
    let warnings = warnings();
    assert_eq!(warnings.len(), 1, "{warnings:?}");
    assert!(warnings[0].starts_with("WARN procession::abandoned "), "{warnings:?}");
    assert!(warnings[0].contains("2ms"), "{warnings:?}");
    drop(let_go);
}

/// Ends a process with `reason` in whose mailbox a message is that does `on_drop` when dropped.
fn end_with_message(reason: ExitReason, on_drop: fn()) -> ExitReason {
    let (pid, monitor) = process::spawn_monitor(|| {
        receive! { reason: ExitReason => process::exit_self(reason) }
    })
    .unwrap();
    process::send(pid, Opaque::new(OnDrop(on_drop)));
    process::send(pid, reason);
    down_reason(monitor)
}

#[test]
fn a_panic_in_the_destructor_of_a_message_is_logged() {
    keep_what_is_logged();
    end_with_message(ExitReason::Normal, || panic!("a message with a temper"));

    let records = logged("a message with a temper");
    assert_eq!(records.len(), 1, "{records:?}");
    assert!(records[0].starts_with("ERROR procession"), "{records:?}");
}

/// Panics in code of the program that the runtime runs at the end of a process. Uncaught they would
/// abort the program or hit the next process, so each scene plays in a program of its own.
mod a_panic_is_caught {
    use super::*;

    const SCENE: &str = "PROCESSION_TEST_SCENE";

    /// Plays `scene` in a program of its own that runs the test `test`, and sees that it goes well.
    #[track_caller]
    fn check(test: &str, scene: fn()) {
        if std::env::var_os(SCENE).is_some() {
            keep_what_is_logged();
            return scene();
        }
        let name = format!("a_panic_is_caught::{test}");
        let program = std::env::current_exe().unwrap();
        let mut command = Command::new(program);
        let output =
            command.args(["--exact", &name, "--nocapture"]).env(SCENE, "1").output().unwrap();
        let text = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{}: {text}", output.status);
    }

    #[test]
    fn of_a_logger_in_a_crash_report() {
        check("of_a_logger_in_a_crash_report", || {
            let (_, monitor) = process::spawn_monitor(|| panic!("{LOGGER_PANICS_AT}")).unwrap();
            assert_eq!(down_reason(monitor).as_panic().unwrap().message, LOGGER_PANICS_AT);
        });
    }

    #[test]
    fn of_a_logger_that_reports_a_destructor() {
        check("of_a_logger_that_reports_a_destructor", || {
            let reason = end_with_message(ExitReason::Shutdown, || panic!("{LOGGER_PANICS_AT}"));
            assert_eq!(reason, ExitReason::Shutdown);
        });
    }

    #[test]
    fn of_a_reason_that_cannot_be_printed() {
        #[derive(PartialEq)]
        struct Unprintable;

        impl fmt::Debug for Unprintable {
            fn fmt(&self, _: &mut fmt::Formatter<'_>) -> fmt::Result {
                panic!("it cannot be printed")
            }
        }

        check("of_a_reason_that_cannot_be_printed", || {
            // A destructor that waits in a process that is ending is unwound, which is logged.
            let reason = end_with_message(ExitReason::new(Unprintable), || {
                process::sleep(Duration::MAX);
            });
            assert!(reason.downcast_ref::<Unprintable>().is_some());
        });
    }

    #[derive(Debug, PartialEq)]
    struct Grenade;

    impl Drop for Grenade {
        fn drop(&mut self) {
            panic!("in the destructor of a reason");
        }
    }

    #[test]
    fn of_a_reason_that_is_dropped_with_its_process() {
        check("of_a_reason_that_is_dropped_with_its_process", || {
            process::spawn(|| process::exit_self(ExitReason::new(Grenade))).unwrap();
            while process::system_info().cached_threads == 0 {
                thread::yield_now();
            }
            // The next process on the thread is none the worse.
            in_process(|| {});
        });
    }

    #[test]
    fn of_a_reason_that_is_not_the_one() {
        check("of_a_reason_that_is_not_the_one", || {
            let me = process::self_pid();
            let (let_go, held) = mpsc::channel::<()>();
            let (pid, monitor) = process::spawn_monitor(move || {
                let _guard = OnDrop(|| {
                    process::send(me, "unwinding");
                    _ = held.recv();
                });
                process::exit_self(ExitReason::new(Grenade));
            })
            .unwrap();
            assert_eq!(expect::<&str>(), "unwinding");
            process::exit(pid, ExitReason::Kill);
            drop(let_go);
            assert_eq!(down_reason(monitor), ExitReason::Killed);
        });
    }
}
