//! What the runtime logs: a binary of its own, as it sets the program's logger.

use std::fmt;
use std::process::Command;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use log::{Level, LevelFilter, Log, Metadata, Record};
use parking_lot::Mutex;
use procession::prelude::*;
use procession::process::Builder;

#[path = "it/support.rs"]
#[allow(dead_code, reason = "this binary needs few of them")]
mod support;
#[allow(dead_code)]
#[path = "it/staging.rs"]
mod staging;

use support::*;

/// Keeps what is logged, as `level target text`.
struct Memory(Mutex<Vec<String>>);

static MEMORY: Memory = Memory(Mutex::new(Vec::new()));

/// A text that the logger panics at.
const INDIGESTIBLE: &str = "indigestible";

impl Log for Memory {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }

    fn log(&self, record: &Record<'_>) {
        let text = format!("{} {} {}", record.level(), record.target(), record.args());
        assert!(!text.contains(INDIGESTIBLE), "the logger panics");
        self.0.lock().push(text);
    }

    fn flush(&self) {}
}

fn remember_what_is_logged() {
    _ = log::set_logger(&MEMORY);
    log::set_max_level(LevelFilter::Trace);
}

/// What was logged that contains `text`.
fn logged(text: &str) -> Vec<String> {
    let records = MEMORY.0.lock();
    records.iter().filter(|record| record.contains(text)).cloned().collect()
}

mod a_crash {
    use super::*;

    // OTP: proc_lib_SUITE:crash
    #[test]
    fn is_reported_with_what_is_known_of_the_process() {
        remember_what_is_logged();
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
            "message queue length: 1".to_owned(),
        ];
        for part in expected {
            assert!(report.contains(&part), "{part} is not in {report}");
        }
        assert!(expect::<Exit>().reason.as_panic().is_some());
    }

    #[test]
    fn without_name_and_label_is_reported_without_them() {
        remember_what_is_logged();
        let (pid, monitor) = process::spawn_monitor(|| panic!("anonymous")).unwrap();
        down_reason(monitor);

        let reports = logged(&format!("crash report of process {pid}\n"));
        assert_eq!(reports.len(), 1, "{reports:?}");
        assert!(!reports[0].contains("name:") && !reports[0].contains("label:"), "{reports:?}");
    }

    #[test]
    fn is_not_what_an_exit_is() {
        remember_what_is_logged();
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

    fn reason() -> ExitReason {
        ExitReason::new("crash_reports::reason")
    }

    fn fail() {
        process::exit_self(reason());
    }

    // OTP: proc_lib_SUITE:crash
    #[test]
    fn is_reported_whenever_it_ends_abnormally_by_itself() {
        remember_what_is_logged();
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
        remember_what_is_logged();
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
            "\n    message queue length: 2\n    messages:\n        1\n        [\"two\"]\n",
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
        remember_what_is_logged();
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

mod a_handler {
    use procession::report::{self, Report};

    use super::*;

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
        let first = process::receive_timeout(patience()).unwrap();
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

            fn handle_call(&mut self, (): (), _: &Caller<u32>) -> CallResult<Self, u32> {
                self.0 += 1;
                reply(self.0)
            }
        }

        let counter = Counter::start(()).unwrap();
        let pid = to_crash();
        let asked = counter.clone();
        let handler = report::add_handler(move |report| {
            if matches!(report, Report::Crash(crash) if crash.pid == pid) {
                asked.call_timeout((), patience()).unwrap();
            }
        });
        process::send(pid, ());
        wait_for_exit(pid);
        assert_eq!(counter.call_timeout((), patience()), Ok(2));
        assert!(report::remove_handler(handler));
    }
}

#[test]
fn an_abandoned_process_is_warned_of() {
    remember_what_is_logged();
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
    staging::wait_until(|| !warnings().is_empty());
    let warnings = warnings();
    assert_eq!(warnings.len(), 1, "{warnings:?}");
    assert!(warnings[0].starts_with("WARN procession::abandoned "), "{warnings:?}");
    assert!(warnings[0].contains("2ms"), "{warnings:?}");
    drop(let_go);
}

/// Runs a closure when it is dropped.
struct OnDrop<F: FnMut()>(F);

impl<F: FnMut()> Drop for OnDrop<F> {
    fn drop(&mut self) {
        (self.0)();
    }
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
    remember_what_is_logged();
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
            remember_what_is_logged();
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
            let (_, monitor) = process::spawn_monitor(|| panic!("{INDIGESTIBLE}")).unwrap();
            assert_eq!(down_reason(monitor).as_panic().unwrap().message, INDIGESTIBLE);
        });
    }

    #[test]
    fn of_a_logger_that_hears_of_a_destructor() {
        check("of_a_logger_that_hears_of_a_destructor", || {
            let reason = end_with_message(ExitReason::Shutdown, || panic!("{INDIGESTIBLE}"));
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
