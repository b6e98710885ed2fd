//! What a program shows of its failures: one without a logger, one with, and one whose logger
//! filters. Each is this binary, run again by itself.

use std::env;
use std::fmt;
use std::process::{Command, Output};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use procession::application::{self, Application};
use procession::prelude::*;
use procession::process::Builder;
use procession::process::tuning::set_long_message_queue;
use procession::supervisor::ChildSpec;

#[allow(dead_code, reason = "this binary needs few of them")]
#[path = "support"]
mod support {
    pub(crate) mod wait;
}

use crate::support::wait::{down_reason, expect};

/// The logger of a program.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Logger {
    None,
    /// `env_logger`, with this in `RUST_LOG`.
    Env(&'static str),
}

/// Runs the calling test again as a program of its own, which has this logger and only runs
/// `scene`. Returns what came of it.
fn program(logger: Logger, scene: fn()) -> Output {
    program_with(&[("RUST_BACKTRACE", "0")], logger, scene)
}

fn program_with(variables: &[(&str, &str)], logger: Logger, scene: fn()) -> Output {
    const LOGGER: &str = "PROCESSION_TEST_LOGGER";
    if let Ok(logger) = env::var(LOGGER) {
        if logger == "env" {
            env_logger::init();
        }
        scene();
        std::process::exit(0);
    }
    let thread = std::thread::current();
    let test = thread.name().expect("a test's thread has its name");
    let mut program = Command::new(env::current_exe().unwrap());
    program.args(["--exact", test, "--nocapture"]).env_remove("RUST_LIB_BACKTRACE");
    match logger {
        Logger::None => program.env(LOGGER, "none").env_remove("RUST_LOG"),
        Logger::Env(filter) => program.env(LOGGER, "env").env("RUST_LOG", filter),
    };
    program.envs(variables.iter().copied()).output().unwrap()
}

/// What the program has written to standard error.
#[track_caller]
fn errors(program: Output) -> String {
    let errors = String::from_utf8(program.stderr).unwrap();
    assert!(program.status.success(), "{}\n{errors}", program.status);
    errors
}

#[track_caller]
fn assert_has(text: &str, parts: &[&str]) {
    for part in parts {
        assert_eq!(text.matches(part).count(), 1, "{part:?} is not once in:\n{text}");
    }
}

/// A process panics.
fn crash() {
    let (_, monitor) = process::spawn_monitor(|| panic!("out of paper")).unwrap();
    assert!(down_reason(monitor).as_panic().is_some());
}

/// How often an order was printed.
static PRINTED: AtomicUsize = AtomicUsize::new(0);

#[derive(Clone)]
struct Order(u32);

impl fmt::Debug for Order {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        PRINTED.fetch_add(1, Ordering::Relaxed);
        write!(f, "Order({})", self.0)
    }
}

#[derive(Debug)]
struct Printer;

impl GenServer for Printer {
    type Args = ();

    fn init((): ()) -> InitResult<Printer> {
        ready(Printer)
    }
}

impl HandleCall<Order> for Printer {
    type Reply = ();

    fn handle_call(&mut self, Order(pages): Order, _: &Caller<()>) -> CallResult<Self, Order> {
        assert!(pages < 100, "too many pages");
        reply(())
    }
}

/// A message that ends the server.
#[derive(Debug)]
struct Stop;

impl HandleCall<Stop> for Printer {
    type Reply = ();

    fn handle_call(&mut self, Stop: Stop, _: &Caller<()>) -> CallResult<Self, Stop> {
        stop(ExitReason::new("told to"))
    }
}

impl HandleCast<Stop> for Printer {
    fn handle_cast(&mut self, Stop: Stop) -> CastResult<Self> {
        stop(ExitReason::new("told to"))
    }
}

/// A message that has the server handle [`Stop`] next.
#[derive(Debug)]
struct Later;

impl HandleCast<Later> for Printer {
    fn handle_cast(&mut self, Later: Later) -> CastResult<Self> {
        noreply().then(Stop)
    }
}

impl HandleContinue<Stop> for Printer {
    fn handle_continue(&mut self, Stop: Stop) -> CastResult<Self> {
        panic!("in a continuation")
    }
}

/// A server panics at the last of its messages.
fn server_crash() {
    let (printer, monitor) = Printer::start_monitor(()).unwrap();
    printer.call(Order(1)).unwrap();
    assert!(printer.call(Order(100)).is_err());
    assert!(down_reason(monitor).as_panic().is_some());
}

/// A supervisor that gives up at once, as its child panics.
fn failing_supervisor() -> Supervisor {
    let child = ChildSpec::new("printer", || Ok(process::spawn_link(|| panic!("out of paper"))?));
    Supervisor::one_for_one().child(child).intensity(0, Duration::from_secs(5))
}

/// A supervisor gives up.
fn give_up() {
    let supervisor = failing_supervisor().start_link().unwrap();
    down_reason(process::monitor(supervisor.pid()));
}

/// A server gets a message that it does not expect.
fn unexpected_message() {
    let printer = Printer::start(()).unwrap();
    process::send(printer.pid(), Order(7));
    printer.stop().unwrap();
}

mod without_a_logger {
    use super::*;

    #[test]
    fn a_crash_is_printed() {
        let errors = errors(program(Logger::None, crash));
        assert_has(
            &errors,
            &["[ERROR procession::crash] crash report of process <", "out of paper"],
        );
    }

    #[test]
    fn the_crash_of_a_server_is_printed_with_the_type_of_its_last_message() {
        let errors = errors(program(Logger::None, server_crash));
        let message = "last message: a no_set_up::Order (to see its value, give the program a \
                       logger)";
        assert_has(&errors, &["[ERROR procession::gen_server] server <", message]);
        assert_has(&errors, &["[ERROR procession::crash]", "state: Printer"]);
    }

    #[test]
    fn the_type_of_a_message_is_known_in_whatever_way_it_has_ended_the_server() {
        let scene = || {
            let stop: [fn(&ServerRef<Printer>); 3] = [
                |printer| printer.cast(Stop),
                |printer| _ = printer.call(Stop),
                |printer| printer.cast(Later),
            ];
            for stop in stop {
                let (printer, monitor) = Printer::start_monitor(()).unwrap();
                stop(&printer);
                down_reason(monitor);
            }
        };
        let errors = errors(program(Logger::None, scene));
        assert_eq!(
            errors.matches("last message: a no_set_up::Stop (to see").count(),
            3,
            "{errors}"
        );
    }

    #[test]
    fn no_message_is_printed_in_advance() {
        let scene = || {
            server_crash();
            assert_eq!(PRINTED.load(Ordering::Relaxed), 0);
        };
        errors(program(Logger::None, scene));
    }

    #[test]
    fn a_supervisor_that_gives_up_says_so() {
        let errors = errors(program(Logger::None, give_up));
        assert_has(
            &errors,
            &["context: child terminated", "reached the maximum restart intensity"],
        );
    }

    #[test]
    fn a_warning_is_printed() {
        let errors = errors(program(Logger::None, unexpected_message));
        assert_has(&errors, &["[WARN procession::gen_server]", "this message: Order(7)"]);
    }

    #[test]
    fn a_child_that_is_not_linked_to_its_supervisor_is_warned_of() {
        let scene = || {
            let child = ChildSpec::new("idle", || Ok(process::spawn(|| receive! { () => {} })?));
            Supervisor::one_for_one().child(child).start_link().unwrap().stop().unwrap();
        };
        let errors = errors(program(Logger::None, scene));
        assert_has(&errors, &["[WARN procession::supervisor] child \"idle\", <", "is not linked"]);
    }

    #[test]
    fn what_is_no_failure_is_not_printed() {
        let scene = || {
            let child = ChildSpec::new("printer", || Printer::start_link(()));
            Supervisor::one_for_one().child(child).start_link().unwrap().stop().unwrap();
        };
        assert_eq!(errors(program(Logger::None, scene)), "");
    }

    #[test]
    fn an_application_that_gives_up_ends_the_program_with_a_failure_that_says_why() {
        let scene = || {
            let shop = Application::new("shop").start(|| failing_supervisor().start_link());
            if let Err(error) = application::run([shop]) {
                eprintln!("run: {error}");
                std::process::exit(1);
            }
        };
        let program = program(Logger::None, scene);
        let errors = String::from_utf8(program.stderr).unwrap();
        assert_eq!(program.status.code(), Some(1), "{errors}");
        assert_has(&errors, &["reached the maximum restart intensity", "run: "]);
    }
}

mod with_a_logger {
    use super::*;

    #[test]
    fn a_crash_is_logged_and_not_printed_beside() {
        let errors = errors(program(Logger::Env("error"), crash));
        assert_has(
            &errors,
            &["crash report of process <", "out of paper", "Z ERROR procession::cr"],
        );
    }

    #[test]
    fn a_server_shows_its_last_message() {
        let errors = errors(program(Logger::Env("error"), server_crash));
        assert_has(&errors, &["last message: Order(100)"]);
    }
}

mod with_a_logger_that_filters {
    use super::*;

    fn all() {
        crash();
        server_crash();
        unexpected_message();
        give_up();
    }

    #[test]
    fn nothing_is_shown_that_it_does_not_want() {
        assert_eq!(errors(program(Logger::Env("procession=off,info"), all)), "");
    }

    #[test]
    fn nothing_is_shown_if_it_wants_nothing() {
        assert_eq!(errors(program(Logger::Env("off"), all)), "");
    }

    /// A logger without a filter of its own.
    struct Plain;

    impl log::Log for Plain {
        fn enabled(&self, _: &log::Metadata<'_>) -> bool {
            true
        }

        fn log(&self, record: &log::Record<'_>) {
            eprintln!("{}", record.args());
        }

        fn flush(&self) {}
    }

    #[test]
    fn nothing_is_shown_if_the_maximum_level_is_off() {
        let scene = || {
            log::set_logger(&Plain).unwrap(); // The level is off until the program sets another.
            all();
        };
        assert_eq!(errors(program(Logger::None, scene)), "");
    }

    #[test]
    fn no_value_is_printed() {
        let scene = || {
            all();
            assert_eq!(PRINTED.load(Ordering::Relaxed), 0);
        };
        errors(program(Logger::Env("off"), scene));
    }
}

mod a_backtrace {
    use super::*;

    const WANTED: (&str, &str) = ("RUST_BACKTRACE", "1");

    #[inline(never)]
    fn buy_paper() {
        panic!("out of paper");
    }

    /// The backtrace that the reason of a crash has.
    fn of_a_crash() -> Option<String> {
        let (_, monitor) = process::spawn_monitor(buy_paper).unwrap();
        down_reason(monitor).as_panic().unwrap().backtrace.as_ref().map(ToString::to_string)
    }

    #[test]
    fn is_not_taken_if_nobody_reads_it() {
        let scene = || assert_eq!(of_a_crash(), None);
        errors(program_with(&[WANTED], Logger::Env("off"), scene));
    }

    #[test]
    fn is_taken_for_a_handler() {
        let scene = || {
            procession::report::add_handler(|_| {});
            assert!(of_a_crash().is_some());
        };
        errors(program_with(&[WANTED], Logger::Env("off"), scene));
    }

    #[test]
    fn has_the_frames_of_the_program_only() {
        let scene = || {
            let backtrace = of_a_crash().unwrap();
            assert!(backtrace.contains("no_set_up::a_backtrace::buy_paper"), "{backtrace}");
            for frame in ["std::", "core::", " procession::", "<procession::", "__rust"] {
                assert!(!backtrace.contains(frame), "{frame} is in {backtrace}");
            }
        };
        errors(program_with(&[WANTED], Logger::None, scene));
    }

    #[test]
    fn has_all_frames_if_that_is_asked_for() {
        let scene = || assert!(of_a_crash().unwrap().contains("std::"));
        errors(program_with(&[("RUST_BACKTRACE", "full")], Logger::None, scene));
    }

    #[test]
    fn stands_in_the_report_of_a_server_and_not_in_that_of_its_process() {
        for logger in [Logger::None, Logger::Env("error")] {
            let errors = errors(program_with(&[WANTED], logger, server_crash));
            let (server, crash) = errors.split_once("crash report of").unwrap();
            assert!(server.contains("    backtrace of <"), "{server}");
            assert!(server.contains("no_set_up::Printer as "), "{server}");
            assert!(!crash.contains("backtrace of"), "{crash}");
        }
    }

    #[test]
    fn stands_in_the_report_of_a_process_if_there_is_no_other() {
        let filter = Logger::Env("procession::crash=error");
        let errors = errors(program_with(&[WANTED], filter, server_crash));
        assert_has(&errors, &["    backtrace of <", "no_set_up::Printer as "]);
    }

    #[test]
    fn stands_in_the_report_of_a_plain_process() {
        let scene = || _ = of_a_crash();
        let errors = errors(program_with(&[WANTED], Logger::None, scene));
        assert_has(&errors, &["    backtrace of <", "a_backtrace::buy_paper"]);
    }
}

mod a_long_mailbox {
    use super::*;

    /// A process with this mark selects what never comes, until it has all of its messages.
    fn warned(builder: Builder, messages: u32) {
        let me = process::self_pid();
        let (pid, monitor) = builder
            .spawn_monitor(move || {
                receive! { () => {} }
                process::send(me, "selecting");
                receive! { (): () => {} }
            })
            .unwrap();
        for n in 0..messages {
            process::send(pid, n);
        }
        process::send(pid, "a text");
        process::send(pid, ());
        assert_eq!(expect::<&str>(), "selecting");
        process::send(pid, ());
        down_reason(monitor);
    }

    #[test]
    fn is_warned_of_once_with_the_types_of_the_oldest_messages() {
        let errors = errors(program(Logger::None, || {
            warned(Builder::new().name("postbox").long_message_queue(5), 6);
        }));
        assert_has(
            &errors,
            &[
                "[WARN procession::mailbox] postbox has ",
                "in its mailbox that it has not received; the oldest are ",
                " of u32",
            ],
        );
    }

    #[test]
    fn is_not_warned_of_before_the_mark() {
        let errors = errors(program(Logger::None, || {
            warned(Builder::new().long_message_queue(8), 6);
        }));
        assert_eq!(errors, "");
    }

    #[test]
    fn is_warned_of_at_the_mark_of_all_processes() {
        let errors = errors(program(Logger::None, || {
            set_long_message_queue(5);
            warned(Builder::new(), 6);
        }));
        assert_has(&errors, &["[WARN procession::mailbox] "]);
    }

    #[test]
    fn is_not_warned_of_if_that_is_off() {
        let errors = errors(program(Logger::None, || {
            set_long_message_queue(5);
            warned(Builder::new().long_message_queue(usize::MAX), 6);
        }));
        assert_eq!(errors, "");
    }

    #[test]
    fn is_warned_of_in_a_server_that_is_too_slow() {
        #[derive(Debug)]
        struct Tick;

        impl HandleCast<Tick> for Printer {
            fn handle_cast(&mut self, Tick: Tick) -> CastResult<Printer> {
                noreply()
            }
        }

        let errors = errors(program(Logger::None, || {
            let builder = Builder::new().long_message_queue(2000);
            let printer =
                Printer::start_with((), StartOptions::new().spawn_options(builder)).unwrap();
            printer.sys().suspend().unwrap();
            for _ in 0..4000 {
                printer.cast(Tick);
            }
            printer.sys().resume().unwrap();
            printer.call(Order(1)).unwrap();
        }));
        assert_has(&errors, &["[WARN procession::mailbox] <"]);
    }
}
