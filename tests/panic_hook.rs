//! The panic hook and the log, which belong to the whole program: a binary of its own.

#![allow(clippy::disallowed_methods, reason = "panics on threads of the program's own")]

use std::env;
use std::panic::{self, catch_unwind, resume_unwind};
use std::process::Command;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Once, mpsc};
use std::thread;
use std::time::Duration;

use log::{Level, LevelFilter, Log, Metadata, Record};
use parking_lot::Mutex;
use procession::prelude::*;
use procession::process::Builder;
use procession::timer;

#[allow(dead_code, reason = "this binary needs few of them")]
mod support {
    pub(crate) mod drops;
    pub(crate) mod processes;
    pub(crate) mod wait;
}

use crate::support::drops::{OnDrop, message_on_drop};
use crate::support::processes::{FOREVER, begun, busy, idle_body, in_process};
use crate::support::wait::{down_reason, expect, test_timeout, wait_until};

/// The panics that the hook before the runtime's has heard.
static HEARD: Mutex<Vec<String>> = Mutex::new(Vec::new());

/// Panics with this in their message are meant, and not printed.
const MEANT: &str = "meant: ";

/// Sets the program's own panic hook and logger, before the first process is spawned.
fn set_up() {
    static DONE: Once = Once::new();
    DONE.call_once(|| {
        let default = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            let text = info.to_string();
            if !text.contains(MEANT) {
                default(info);
            }
            HEARD.lock().push(text);
        }));
        log::set_logger(&LOGGER).unwrap();
        log::set_max_level(LevelFilter::Trace);
    });
}

/// How often the program's own hook heard of a panic with `text`.
fn heard(text: &str) -> usize {
    HEARD.lock().iter().filter(|heard| heard.contains(text)).count()
}

#[derive(Clone, Debug)]
struct Logged {
    level: Level,
    target: String,
    text: String,
}

/// Keeps what is logged, and does strange things when asked to.
struct Logger {
    records: Mutex<Vec<Logged>>,
    always_panics: AtomicBool,
    always_blocks: AtomicBool,
}

static LOGGER: Logger = Logger {
    records: Mutex::new(Vec::new()),
    always_panics: AtomicBool::new(false),
    always_blocks: AtomicBool::new(false),
};

impl Log for Logger {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }

    fn log(&self, record: &Record<'_>) {
        let (level, target) = (record.level(), record.target().to_owned());
        let text = record.args().to_string();
        self.records.lock().push(Logged { level, target, text: text.clone() });
        while self.always_blocks.load(Ordering::SeqCst) {
            thread::park();
        }
        assert!(!self.always_panics.load(Ordering::SeqCst), "{MEANT}the logger always panics");
        assert!(!text.contains("the logger hates this"), "{MEANT}the logger panics");
        if text.contains("the logger talks about this") {
            talk();
        }
        if text.contains("the logger waits forever at this") {
            process::send_to("panic_hook::wait", process::self_pid()).unwrap();
            process::sleep(FOREVER);
        }
    }

    fn flush(&self) {}
}

/// What a logger that is a server's client does: it sends, and waits for an answer.
fn talk() {
    process::send_to("panic_hook::talk", process::self_pid()).unwrap();
    receive! {
        "an answer" => {},
        after test_timeout() => panic!("no answer"),
    }
    receive! {
        7_u8 => {},
        after Duration::ZERO => panic!("a message of the process is lost"),
    }
    assert!(process::receive_timeout(ONE_MS).is_none());
    process::sleep(ONE_MS);
    let say = || process::send_to("panic_hook::talk", "spawned by the logger").unwrap();
    process::spawn(say).unwrap();
}

/// Returns the logged lines that contain `text`.
fn logged(text: &str) -> Vec<Logged> {
    let records = LOGGER.records.lock();
    records.iter().filter(|record| record.text.contains(text)).cloned().collect()
}

fn crash_reports_of(pid: Pid) -> Vec<Logged> {
    let mut records = logged(&format!("process {pid}\n"));
    records.retain(|record| record.target == "procession::crash");
    records
}

/// Plays `scene` in a program of its own, with `variables` set, and gives what that wrote to its
/// standard error to `see`. The program is this one; it runs the calling test only.
#[track_caller]
fn play_aside(variables: &[(&str, &str)], scene: fn(), see: impl FnOnce(&str)) {
    const IS_ASIDE: &str = "PROCESSION_TEST_IS_ASIDE";
    set_up();
    if env::var_os(IS_ASIDE).is_some() {
        return scene();
    }
    let thread = thread::current();
    let test = thread.name().expect("a test's thread has its name");
    let mut program = Command::new(env::current_exe().unwrap());
    program.args(["--exact", test, "--nocapture"]).env(IS_ASIDE, "1");
    program.envs(variables.iter().copied());
    let output = program.output().unwrap();

    let written = String::from_utf8(output.stdout).unwrap();
    let errors = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success(), "{}\n{written}{errors}", output.status);
    assert!(written.contains("1 passed"), "{test} is no test:\n{written}");
    see(&errors);
}

mod a_panic_in_a_process {
    use super::*;

    #[test]
    fn is_not_heard_by_the_hook_that_was_there_before() {
        set_up();
        let (_, monitor) = process::spawn_monitor(|| panic!("{MEANT}in a process")).unwrap();
        let reason = down_reason(monitor);

        let panic = reason.as_panic().unwrap();
        assert_eq!(panic.message, format!("{MEANT}in a process"));
        assert!(panic.location.as_ref().unwrap().starts_with(file!()), "{panic:?}");
        assert_eq!(heard("in a process"), 0);
    }

    #[test]
    fn that_is_caught_is_not_heard_either() {
        set_up();
        let (_, monitor) = process::spawn_monitor(|| {
            catch_unwind(|| panic!("{MEANT}caught in a process")).unwrap_err();
            panic!("{MEANT}not caught");
        })
        .unwrap();
        // The place is the last one's.
        let reason = down_reason(monitor);
        assert_eq!(reason.as_panic().unwrap().message, format!("{MEANT}not caught"));
        assert_eq!(heard("caught in a process"), 0);
    }

    #[test]
    fn in_a_destructor_of_a_message_is_not_heard() {
        set_up();
        let (pid, monitor) = begun(Builder::new(), idle_body);
        process::send(pid, message_on_drop(|| panic!("{MEANT}in a destructor")));
        process::exit(pid, ExitReason::Shutdown);
        assert_eq!(down_reason(monitor), ExitReason::Shutdown);
        assert_eq!(heard("in a destructor"), 0);
    }

    #[test]
    fn prints_nothing() {
        let scene = || {
            let bodies: [fn(); 4] = [
                || panic!("{MEANT}a panic"),
                || process::exit_self(ExitReason::new("a reason")),
                || process::exit(process::self_pid(), ExitReason::Shutdown),
                || process::exit(process::self_pid(), ExitReason::Kill),
            ];
            for body in bodies {
                let (_, monitor) = process::spawn_monitor(body).unwrap();
                assert_ne!(down_reason(monitor), ExitReason::Normal);
            }
        };
        play_aside(&[], scene, |errors| assert_eq!(errors, ""));
    }

    #[test]
    fn has_a_backtrace_if_that_is_asked_for() {
        let scene = || {
            let (_, monitor) = process::spawn_monitor(|| panic!("{MEANT}a panic")).unwrap();
            let reason = down_reason(monitor);
            let backtrace = reason.as_panic().unwrap().backtrace.as_ref();
            assert_eq!(backtrace.is_some(), env::var("RUST_BACKTRACE").unwrap() == "1");
            assert!(backtrace.is_none_or(|it| !logged(&it.to_string()).is_empty()));
        };
        for wanted in ["0", "1"] {
            let variables = [("RUST_BACKTRACE", wanted), ("RUST_LIB_BACKTRACE", wanted)];
            play_aside(&variables, scene, |_| {});
        }
    }

    #[test]
    fn goes_to_a_hook_set_after_the_runtimes_and_is_reported_without_its_place() {
        let scene = || {
            in_process(|| {});
            panic::set_hook(Box::new(|info| HEARD.lock().push(info.to_string())));
            let (pid, monitor) = process::spawn_monitor(|| panic!("{MEANT}a panic")).unwrap();

            let reason = down_reason(monitor);
            let panic = reason.as_panic().unwrap();
            assert_eq!(panic.message, format!("{MEANT}a panic"));
            assert_eq!((&panic.location, &panic.backtrace), (&None, &None));
            assert_eq!(heard("a panic"), 1);
            assert_eq!(crash_reports_of(pid).len(), 1);
        };
        play_aside(&[], scene, |errors| assert_eq!(errors, ""));
    }
}

mod a_panic_in_a_thread_of_the_programs_own {
    use super::*;

    #[test]
    fn is_heard_by_the_hook_that_was_there_before() {
        set_up();
        in_process(|| {}); // The runtime's hook is there.
        thread::spawn(|| panic!("{MEANT}in a bare thread")).join().unwrap_err();
        assert_eq!(heard("in a bare thread"), 1);
        assert!(logged("in a bare thread").is_empty());
    }

    #[test]
    fn that_uses_the_runtime_is_heard_too() {
        set_up();
        let (pid_sender, pid) = mpsc::channel();
        let (let_go, held) = mpsc::channel::<()>();
        let thread = thread::spawn(move || {
            in_process(|| {});
            pid_sender.send(process::self_pid()).unwrap();
            _ = held.recv();
            panic!("{MEANT}in a thread that is a process");
        });
        let monitor = process::monitor(pid.recv().unwrap());
        drop(let_go);

        thread.join().unwrap_err();
        assert_eq!(heard("in a thread that is a process"), 1);
        let reason = down_reason(monitor);
        let message = format!("{MEANT}in a thread that is a process");
        assert_eq!(reason.as_panic().unwrap().message, message);
        assert!(logged("in a thread that is a process").is_empty());
    }
}

/// Panics in a thread of the program's own that is a process, and returns how its end is heard.
fn panic_in_own_thread() -> ExitReason {
    let (pid_sender, pid) = mpsc::channel();
    let (let_go, held) = mpsc::channel::<()>();
    let thread = thread::spawn(move || {
        pid_sender.send(process::self_pid()).unwrap();
        _ = held.recv();
        panic!("{MEANT}in a thread of its own");
    });
    let monitor = process::monitor(pid.recv().unwrap());
    drop(let_go);
    thread.join().unwrap_err();
    down_reason(monitor)
}

mod the_end_of_a_thread_of_the_programs_own {
    use super::*;

    #[test]
    fn by_a_panic_is_heard_before_any_process_is_spawned() {
        let scene = || assert!(panic_in_own_thread().as_panic().is_some());
        play_aside(&[], scene, |_| {});
    }

    #[test]
    fn by_a_panic_is_normal_to_its_watchers_if_another_hook_replaces_the_runtimes() {
        let scene = || {
            in_process(|| {});
            let runtimes = panic::take_hook();
            panic::set_hook(Box::new(|_| {}));
            assert_eq!(panic_in_own_thread(), ExitReason::Normal);

            // A hook that calls the one it replaces is not in the way.
            panic::set_hook(Box::new(move |info| runtimes(info)));
            assert!(panic_in_own_thread().as_panic().is_some());
        };
        play_aside(&[], scene, |_| {});
    }

    #[test]
    fn can_spawn_the_first_process_while_it_panics() {
        let scene = || {
            let (sender, spawned) = mpsc::channel();
            let thread = thread::spawn(move || {
                let _guard = OnDrop(|| sender.send(process::spawn(|| {}).is_ok()).unwrap());
                panic!("{MEANT}before the first process");
            });
            thread.join().unwrap_err();
            assert_eq!(spawned.recv(), Ok(true));
        };
        play_aside(&[], scene, |_| {});
    }
}

mod a_crash {
    use super::*;

    // OTP: proc_lib_SUITE:crash
    #[test]
    fn is_logged_with_what_is_known_of_the_process() {
        set_up();
        let me = process::self_pid();
        let name = "panic_hook::a_crash::is_logged";
        let (pid, monitor) = Builder::new()
            .name(name)
            .spawn_monitor(|| {
                process::set_label("the label");
                process::receive();
                panic!("{MEANT}out of paper");
            })
            .unwrap();
        process::send(pid, "taken");
        process::send(pid, "left");
        let reason = down_reason(monitor);

        // Whoever hears of the end finds the report written.
        let reports = crash_reports_of(pid);
        let [report] = &reports[..] else { panic!("{reports:?}") };
        assert_eq!(report.level, Level::Error);
        let location = reason.as_panic().unwrap().location.clone().unwrap();
        assert!(location.starts_with(&format!("{}:", file!())), "{location}");
        let parts = [
            pid.to_string(),
            name.to_owned(),
            "the label".to_owned(),
            format!("{MEANT}out of paper"),
            location,
            format!("ancestors: [{me}]"),
            "message queue length: 1 (".to_owned(),
        ];
        for part in parts {
            assert!(report.text.contains(&part), "{part} is not in {}", report.text);
        }
    }

    // OTP: proc_lib_SUITE:crash
    #[test]
    fn is_logged_for_the_one_who_crashed_not_for_those_it_takes_along() {
        set_up();
        let me = process::self_pid();
        let (crashed, monitor) = process::spawn_monitor(move || {
            let linked = process::spawn_link(idle_body).unwrap();
            process::send(me, linked);
            expect::<()>();
            panic!("{MEANT}and takes another along");
        })
        .unwrap();
        let linked = process::monitor(expect::<Pid>());
        process::send(crashed, ());

        let reason = down_reason(monitor);
        assert_eq!(down_reason(linked), reason);
        assert_eq!(crash_reports_of(crashed).len(), 1);
        assert_eq!(logged("and takes another along").len(), 1);
    }

    #[test]
    fn is_not_logged_for_a_process_that_exits_with_the_reason_of_another() {
        set_up();
        let (parrot, monitor) = process::spawn_monitor(|| {
            let (_, monitor) = process::spawn_monitor(|| panic!("{MEANT}passed on")).unwrap();
            process::exit_self(down_reason(monitor));
        })
        .unwrap();
        assert!(down_reason(monitor).as_panic().is_some());
        assert!(crash_reports_of(parrot).is_empty());
        assert_eq!(logged("passed on").len(), 1);
    }

    // OTP: proc_lib_SUITE:crash
    #[test]
    fn is_not_logged_for_exits_that_are_orderly_or_by_choice_or_by_signal() {
        set_up();
        let bodies: [fn(); 7] = [
            || {},
            || process::exit_self(ExitReason::Normal),
            || process::exit_self(ExitReason::Shutdown),
            || process::exit_self(ExitReason::shutdown_with("reconfigured")),
            || process::exit_self(ExitReason::new("no crash")),
            || process::exit(process::self_pid(), ExitReason::new("no crash")),
            || process::exit(process::self_pid(), ExitReason::Kill),
        ];
        for body in bodies {
            let (pid, monitor) = process::spawn_monitor(body).unwrap();
            down_reason(monitor);
            let text = format!("process {pid}");
            assert!(logged(&text).iter().all(|it| !it.text.starts_with("crash report")));
            assert!(crash_reports_of(pid).is_empty());
        }
    }
}

mod a_logger {
    use super::*;

    #[test]
    fn that_panics_does_not_disturb_the_exit() {
        set_up();
        let dropped = Arc::new(AtomicBool::new(false));
        let was_dropped = Arc::clone(&dropped);
        let name = "panic_hook::a_logger::that_panics";
        let (pid, monitor) = Builder::new()
            .name(name)
            .link()
            .spawn_monitor(move || {
                let _guard = OnDrop(|| was_dropped.store(true, Ordering::SeqCst));
                panic!("{MEANT}the logger hates this");
            })
            .unwrap();

        let reason = down_reason(monitor);
        assert_eq!(reason.as_panic().unwrap().message, format!("{MEANT}the logger hates this"));
        assert!(dropped.load(Ordering::SeqCst));
        assert_eq!(expect::<Exit>(), Exit { from: pid, reason });
        assert_eq!(process::whereis(name), None);
        assert_eq!(heard("the logger panics"), 0);
    }

    #[test]
    fn may_use_the_runtime() {
        set_up();
        process::register("panic_hook::talk", process::self_pid()).unwrap();
        let (pid, monitor) = begun(Builder::new(), || {
            expect::<()>();
            panic!("{MEANT}the logger talks about this");
        });
        process::send(pid, 7_u8); // Not received by the process, but by the logger.
        process::send(pid, ());

        assert_eq!(expect::<Pid>(), pid);
        assert!(process::is_alive(pid));
        process::send(pid, "an answer");
        let reason = down_reason(monitor);
        assert!(reason.as_panic().is_some(), "{reason}");
        assert_eq!(expect::<&str>(), "spawned by the logger");
    }

    #[test]
    fn that_waits_is_not_waited_for_when_the_process_is_told_to_end() {
        set_up();
        process::register("panic_hook::wait", process::self_pid()).unwrap();
        let (pid, monitor) =
            process::spawn_monitor(|| panic!("{MEANT}the logger waits forever at this")).unwrap();
        assert_eq!(expect::<Pid>(), pid);
        process::exit(pid, ExitReason::Shutdown);

        // It had crashed before.
        let reason = down_reason(monitor);
        assert!(reason.as_panic().is_some(), "{reason}");
    }
}

mod a_logger_that_blocks {
    use super::*;

    #[test]
    fn does_not_keep_an_abandonment_from_being_told() {
        let scene = || {
            LOGGER.always_blocks.store(true, Ordering::SeqCst);
            let builder = Builder::new().kill_grace(Duration::from_millis(1));
            let busy = busy(builder, || {});
            process::exit(busy.pid, ExitReason::Kill);
            assert_eq!(down_reason(busy.monitor), ExitReason::Killed);
            wait_until(|| !logged("was killed and has not left its code").is_empty());
        };
        play_aside(&[], scene, |_| {});
    }
}

/// The runtime logs on the threads of processes and on that of the timers. Were such a panic not
/// caught, it would end the program.
mod a_logger_that_always_panics_does_no_harm_in_the_report_of {
    use super::*;

    /// Plays `scene` in a program with such a logger.
    #[track_caller]
    fn check(scene: fn()) {
        play_aside(&[("RUST_BACKTRACE", "0")], scene, |_| {});
    }

    fn begin() {
        in_process(|| {});
        LOGGER.always_panics.store(true, Ordering::SeqCst);
    }

    #[test]
    fn a_crash() {
        check(|| {
            begin();
            let (_, monitor) = process::spawn_monitor(|| panic!("{MEANT}a crash")).unwrap();
            assert_eq!(down_reason(monitor).as_panic().unwrap().message, "meant: a crash");
        });
    }

    #[test]
    fn a_panic_in_a_destructor_of_a_message() {
        check(|| {
            begin();
            let (pid, monitor) = process::spawn_monitor(idle_body).unwrap();
            process::send(pid, message_on_drop(|| panic!("{MEANT}a destructor")));
            process::exit(pid, ExitReason::Shutdown);
            assert_eq!(down_reason(monitor), ExitReason::Shutdown);
        });
    }

    #[test]
    fn an_abandonment() {
        check(|| {
            begin();
            let builder = Builder::new().kill_grace(Duration::from_millis(1));
            let busy = busy(builder, || {});
            process::exit(busy.pid, ExitReason::Kill);
            assert_eq!(down_reason(busy.monitor), ExitReason::Killed);
        });
    }

    #[test]
    fn a_message_of_an_interval_that_cannot_be_cloned() {
        check(|| {
            begin();
            let interval = timer::send_interval(ONE_MS, process::self_pid(), Clones::twice());
            wait_until(|| timer::read(interval).is_none());
            see_that_timers_work();
        });
    }

    #[test]
    fn a_function_of_a_timer_that_cannot_be_applied() {
        check(|| {
            begin();
            apply_while_nothing_can_be_spawned(|| {});
            see_that_timers_work();
        });
    }
}

const ONE_MS: Duration = Duration::from_millis(1);

/// A message that can be cloned as often as it says, and panics the next time.
#[derive(Debug)]
struct Clones {
    left: AtomicUsize,
    panics_when_dropped: bool,
}

impl Clones {
    fn twice() -> Clones {
        Clones { left: AtomicUsize::new(2), panics_when_dropped: false }
    }
}

impl Clone for Clones {
    fn clone(&self) -> Clones {
        if self.left.fetch_sub(1, Ordering::SeqCst) == 0 {
            resume_unwind(Box::new("that was the last one"));
        }
        Clones { left: AtomicUsize::new(0), panics_when_dropped: self.panics_when_dropped }
    }
}

impl Drop for Clones {
    fn drop(&mut self) {
        if self.panics_when_dropped && !thread::panicking() {
            resume_unwind(Box::new("a destructor"));
        }
    }
}

#[track_caller]
fn see_that_timers_work() {
    timer::send_after(ONE_MS, process::self_pid(), "still here");
    timer::apply_after(ONE_MS, || {});
    assert_eq!(expect::<&str>(), "still here");
}

/// Has a timer expire that applies `function`, while all processes are being shut down.
#[track_caller]
fn apply_while_nothing_can_be_spawned(function: impl FnOnce() + Send + 'static) {
    begun(Builder::new().trap_exit(true), || {
        expect::<Exit>();
        timer::apply_after(Duration::ZERO, function);
        timer::send_after(Duration::ZERO, process::self_pid(), "due after it");
        expect::<&str>();
    });
    assert_eq!(procession::shutdown(test_timeout()), []);
}

/// The timer service runs destructors of the program's. Were a panic there not caught, it would end
/// the program.
mod a_panic_on_the_timer_thread_is_caught {
    use super::*;

    #[track_caller]
    fn check(scene: fn()) {
        play_aside(&[("RUST_BACKTRACE", "0")], scene, |_| {});
    }

    #[test]
    fn of_a_message_that_can_neither_be_cloned_nor_dropped() {
        check(|| {
            let message = Clones { left: AtomicUsize::new(2), panics_when_dropped: true };
            // To nobody, so that each tick is dropped too; but there must be somebody at the start.
            let name = "panic_hook::nobody";
            process::register(name, process::self_pid()).unwrap();
            let interval = timer::send_interval(Duration::from_millis(20), name, message);
            process::unregister(name).unwrap();
            wait_until(|| timer::read(interval).is_none());
            see_that_timers_work();
        });
    }

    #[test]
    fn of_a_function_that_can_neither_be_applied_nor_dropped() {
        check(|| {
            let explosive = message_on_drop(|| resume_unwind(Box::new("a destructor")));
            apply_while_nothing_can_be_spawned(move || drop(explosive));
            see_that_timers_work();
        });
    }
}
