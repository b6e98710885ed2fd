//! What servers log: a binary of its own, as it sets the program's logger.

use std::fmt;
use std::process::Command;
use std::sync::mpsc;
use std::time::Duration;

use log::LevelFilter;
use procession::gen_server::{Next, StatusPart};
use procession::prelude::*;
use procession::report::{self};

#[allow(dead_code, reason = "this binary needs few of them")]
#[path = "support"]
mod support {
    pub(crate) mod calls;
    pub(crate) mod logger;
    pub(crate) mod processes;
    pub(crate) mod wait;
}

use crate::support::calls::CallKind;
use crate::support::logger::{LOGGER_PANICS_AT, keep_what_is_logged, logged};
use crate::support::processes::reason;
use crate::support::wait::{expect, expect_exit, test_timeout, wait_until};

/// The reports of the end of the server with this pid.
fn reports(pid: Pid) -> Vec<String> {
    logged("ERROR procession::gen_server server ")
        .into_iter()
        .filter(|report| report.lines().next().unwrap().contains(&pid.to_string()))
        .collect()
}

/// The one report of the end of the server with this pid.
#[track_caller]
fn report(pid: Pid) -> String {
    let mut reports = reports(pid);
    assert_eq!(reports.len(), 1, "{reports:?}");
    reports.remove(0)
}

#[track_caller]
fn assert_has_line(report: &str, line: &str) {
    assert!(report.lines().any(|it| it.trim() == line), "{line:?} is not in {report}");
}

/// What a server does when it is told to.
#[derive(Clone, Copy, Debug)]
enum Deed {
    Nothing,
    Stop,
    StopInOrder(u8),
    ExitInOrder(u8),
    ExitAbnormally,
    Panic,
    GoOn,
}

use Deed::{ExitAbnormally, ExitInOrder, GoOn, Nothing, Panic, Stop, StopInOrder};

impl Deed {
    fn order(which: u8) -> ExitReason {
        match which {
            0 => ExitReason::Normal,
            1 => ExitReason::Shutdown,
            _ => ExitReason::shutdown_with("enough"),
        }
    }

    fn perform<R>(self) -> Result<Next<Server, R>, ExitReason> {
        match self {
            Nothing => noreply(),
            Stop => stop(reason()),
            StopInOrder(which) => stop(Deed::order(which)),
            ExitInOrder(which) => process::exit_self(Deed::order(which)),
            ExitAbnormally => process::exit_self(reason()),
            Panic => panic!("in a callback"),
            GoOn => noreply().then(Panic),
        }
    }
}

/// How a server prints.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Print {
    Plain,
    Hidden,
    PanicsInFormatStatus,
    PanicsInDebug,
}

struct Server {
    secret: &'static str,
    print: Print,
    label: Option<&'static str>,
    panics_in_terminate: bool,
    panics_in_drop: bool,
}

impl Default for Server {
    fn default() -> Server {
        Server {
            secret: "the secret",
            print: Print::Plain,
            label: None,
            panics_in_terminate: false,
            panics_in_drop: false,
        }
    }
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        assert!(self.print != Print::PanicsInDebug, "in Debug of the state");
        f.debug_struct("Server").field("secret", &self.secret).finish_non_exhaustive()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        assert!(!self.panics_in_drop, "in the destructor of the state");
    }
}

impl GenServer for Server {
    type Args = Server;

    fn init(state: Server) -> InitResult<Server> {
        if let Some(label) = state.label {
            process::set_label(label);
        }
        ready(state)
    }

    fn handle_info(&mut self, message: Message) -> CastResult<Server> {
        message.downcast::<Deed>().map_or_else(|_| noreply(), Deed::perform)
    }

    fn terminate(&mut self, _: &ExitReason) {
        assert!(!self.panics_in_terminate, "in terminate");
    }

    fn format_status(&self, part: &StatusPart<'_>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (StatusPart::State | StatusPart::FinalState) = part else {
            return part.print(self, f);
        };
        match self.print {
            Print::Hidden => f.write_str("nothing to see"),
            Print::PanicsInFormatStatus => {
                f.write_str("half of ")?;
                panic!("in format_status")
            }
            Print::Plain | Print::PanicsInDebug => fmt::Debug::fmt(self, f),
        }
    }
}

impl HandleCall<Deed> for Server {
    type Reply = &'static str;

    fn handle_call(&mut self, deed: Deed, _: &Caller<&'static str>) -> CallResult<Self, Deed> {
        match deed {
            Nothing => reply("done"),
            GoOn => reply("done").then(Panic),
            Stop | StopInOrder(_) | ExitInOrder(_) | ExitAbnormally | Panic => deed.perform(),
        }
    }
}

impl HandleCast<Deed> for Server {
    fn handle_cast(&mut self, deed: Deed) -> CastResult<Server> {
        deed.perform()
    }
}

impl HandleContinue<Deed> for Server {
    fn handle_continue(&mut self, deed: Deed) -> CastResult<Server> {
        deed.perform()
    }
}

/// A message that prints as it says.
struct Printed<F: Fn(&mut fmt::Formatter<'_>) -> fmt::Result>(F);

impl<F: Fn(&mut fmt::Formatter<'_>) -> fmt::Result> fmt::Debug for Printed<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (self.0)(f)
    }
}

impl<F: Fn(&mut fmt::Formatter<'_>) -> fmt::Result + 'static> HandleCast<Printed<F>> for Server {
    fn handle_cast(&mut self, _: Printed<F>) -> CastResult<Server> {
        stop(reason())
    }
}

/// Sleeps where the runtime cannot reach it, until the other end is dropped.
struct Asleep(mpsc::Receiver<()>);

/// Does the same, and panics.
struct Failing(mpsc::Receiver<()>);

impl fmt::Debug for Asleep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Asleep")
    }
}

impl fmt::Debug for Failing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Failing")
    }
}

impl HandleCast<Asleep> for Server {
    fn handle_cast(&mut self, Asleep(held): Asleep) -> CastResult<Server> {
        _ = held.recv();
        noreply()
    }
}

impl HandleCast<Failing> for Server {
    fn handle_cast(&mut self, Failing(held): Failing) -> CastResult<Server> {
        _ = held.recv();
        panic!("held up and failed")
    }
}

/// Waits until a process has taken all its messages and handles one.
#[track_caller]
fn wait_until_busy(pid: Pid) {
    let is_busy = || {
        let info = process::info(pid).unwrap();
        info.message_queue_len == 0 && info.status == process::Status::Running
    };
    wait_until(is_busy);
}

/// Starts a server, linked to the test's thread, which traps exits.
#[track_caller]
fn start(state: Server) -> (ServerRef<Server>, Pid) {
    keep_what_is_logged();
    let server = Server::start_link(state).unwrap();
    let pid = server.pid();
    (server, pid)
}

#[path = "gen_server_reports/a_report.rs"]
mod a_report;

#[path = "gen_server_reports/a_status.rs"]
mod a_status;

#[path = "gen_server_reports/an_agent.rs"]
mod an_agent;

mod handle_info {
    use super::*;

    /// A server that leaves everything to the defaults.
    #[derive(Debug)]
    struct Plain;

    impl GenServer for Plain {
        type Args = ();

        fn init((): ()) -> InitResult<Plain> {
            ready(Plain)
        }
    }

    impl HandleCall<()> for Plain {
        type Reply = ();

        fn handle_call(&mut self, (): (), _: &Caller<()>) -> CallResult<Plain, ()> {
            reply(())
        }
    }

    #[track_caller]
    fn start_plain() -> (ServerRef<Plain>, Pid) {
        keep_what_is_logged();
        let plain = Plain::start(()).unwrap();
        let pid = plain.pid();
        (plain, pid)
    }

    // OTP: gen_server_SUITE:undef_handle_info
    #[test]
    fn warns_of_messages_that_the_server_does_not_handle() {
        let (plain, pid) = start_plain();
        process::send(pid, "a stray message");
        assert_eq!(plain.call_timeout((), test_timeout()), Ok(()));
        let warnings = logged(&format!("{pid} "));
        assert_eq!(warnings.len(), 1, "{warnings:?}");
        assert!(warnings[0].starts_with("WARN procession::gen_server "), "{warnings:?}");
        assert!(warnings[0].contains("a stray message"), "{warnings:?}");
        assert!(warnings[0].contains("Plain"), "{warnings:?}");
    }

    /// A server that takes its messages apart by the macro.
    #[derive(Debug)]
    struct Sorting(Vec<u8>);

    impl GenServer for Sorting {
        type Args = ();

        fn init((): ()) -> InitResult<Sorting> {
            ready(Sorting(Vec::new()))
        }

        fn handle_info(&mut self, message: Message) -> CastResult<Sorting> {
            handle_info! { message;
                n: u8 => {
                    self.0.push(n);
                    noreply()
                }
            }
        }
    }

    impl HandleCall<()> for Sorting {
        type Reply = Vec<u8>;

        fn handle_call(&mut self, (): (), _: &Caller<Vec<u8>>) -> CallResult<Sorting, ()> {
            reply(self.0.clone())
        }
    }

    #[test]
    fn by_the_macro_warns_of_what_no_arm_fits_and_of_nothing_else() {
        keep_what_is_logged();
        let sorting = Sorting::start(()).unwrap();
        sorting.send(1_u8);
        sorting.send("no arm for this");
        sorting.send(2_u8);
        assert_eq!(sorting.call_timeout((), test_timeout()), Ok(vec![1, 2]));
        let warnings = logged(&format!("{} ", sorting.pid()));
        assert_eq!(warnings.len(), 1, "{warnings:?}");
        assert!(warnings[0].starts_with("WARN procession::gen_server "), "{warnings:?}");
        assert!(warnings[0].contains("no arm for this"), "{warnings:?}");
        assert!(warnings[0].contains("Sorting"), "{warnings:?}");
    }

    #[test]
    fn survives_a_message_that_cannot_be_printed() {
        let (plain, pid) = start_plain();
        process::send(pid, Printed(|_| panic!("in Debug of a stray message")));
        assert_eq!(plain.call_timeout((), test_timeout()), Ok(()));
    }

    #[test]
    fn is_not_called_for_a_cast_to_another_type_of_server_which_is_logged() {
        let (plain, pid) = start_plain();
        ServerRef::<Server>::from_pid(pid).cast(StopInOrder(77));
        assert_eq!(plain.call_timeout((), test_timeout()), Ok(()));
        let warnings = logged("StopInOrder(77)");
        assert_eq!(warnings.len(), 1, "{warnings:?}");
        assert!(warnings[0].starts_with("WARN procession::gen_server "), "{warnings:?}");
    }

    #[test]
    fn survives_a_cast_for_another_server_that_cannot_be_printed() {
        let (plain, pid) = start_plain();
        let cast = Printed(|_| panic!("in Debug of a cast for another server"));
        ServerRef::<Server>::from_pid(pid).cast(cast);
        assert_eq!(plain.call_timeout((), test_timeout()), Ok(()));
    }
}

/// Scenes that would end the program, or change the logger for all, if they went wrong: each plays
/// in a program of its own.
mod in_a_program_of_its_own {
    use super::*;

    const SCENE: &str = "PROCESSION_TEST_SCENE";

    /// Plays `scene` in a program of its own that runs the test `test`, and sees that it goes well.
    #[track_caller]
    fn check(test: &str, scene: fn()) {
        if std::env::var_os(SCENE).is_some() {
            return scene();
        }
        let name = format!("in_a_program_of_its_own::{test}");
        let program = std::env::current_exe().unwrap();
        let mut command = Command::new(program);
        let output =
            command.args(["--exact", &name, "--nocapture"]).env(SCENE, "1").output().unwrap();
        let text = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{}: {text}", output.status);
    }

    fn with_angry_state() -> (ServerRef<Server>, Pid) {
        start(Server { panics_in_drop: true, ..Server::default() })
    }

    #[test]
    fn a_destructor_of_the_state_that_panics_is_logged() {
        check("a_destructor_of_the_state_that_panics_is_logged", || {
            let (server, pid) = with_angry_state();
            server.cast(Stop);
            assert_eq!(expect_exit(pid), reason());
            report(pid);
            let records = logged("panicked: in the destructor of the state");
            assert_eq!(records.len(), 1, "{records:?}");
            assert!(records[0].starts_with("ERROR procession"), "{records:?}");
        });
    }

    #[test]
    fn a_destructor_of_the_state_that_panics_does_not_change_how_a_signal_ends_the_server() {
        check(
            "a_destructor_of_the_state_that_panics_does_not_change_how_a_signal_ends_the_server",
            || {
                for sent in [ExitReason::Kill, reason()] {
                    let (_, pid) = with_angry_state();
                    // The test's thread is its parent, but the server does not trap exits.
                    process::exit(pid, sent.clone());
                    let killed = sent == ExitReason::Kill;
                    assert_eq!(expect_exit(pid), if killed { ExitReason::Killed } else { sent });
                }
            },
        );
    }

    #[test]
    fn a_logger_that_panics_does_not_change_how_a_server_ends() {
        check("a_logger_that_panics_does_not_change_how_a_server_ends", || {
            let (server, pid) = start(Server { secret: LOGGER_PANICS_AT, ..Server::default() });
            let outcome = server.call_timeout(Stop, test_timeout());
            assert_eq!(outcome.kind(), Err(CallErrorKind::Down(reason())));
            assert_eq!(expect_exit(pid), reason());
        });
    }

    #[test]
    fn a_handler_gets_the_reports_that_nobody_logs() {
        check("a_handler_gets_the_reports_that_nobody_logs", || {
            keep_what_is_logged();
            log::set_max_level(LevelFilter::Off);
            let me = process::self_pid();
            let handler = report::add_handler(move |report| {
                process::send(me, (report.target(), report.to_string()));
            });
            let server = Server::start(Server::default()).unwrap();
            server.cast(Stop);
            let expected = [
                ("procession::gen_server", "last message: Stop"),
                ("procession::crash", "initial call: gen_server_reports::Server"),
            ];
            for (target, line) in expected {
                let (found, text) = expect::<(&str, String)>();
                assert_eq!(found, target);
                assert_has_line(&text, line);
            }
            assert!(report::remove_handler(handler));
            assert!(logged("").is_empty());
        });
    }

    #[test]
    fn messages_are_not_printed_if_nobody_wants_reports() {
        check("messages_are_not_printed_if_nobody_wants_reports", || {
            keep_what_is_logged();
            log::set_max_level(LevelFilter::Off);
            let (printed, prints) = mpsc::channel();
            let server = Server::start_link(Server::default()).unwrap();
            server.cast(Printed(move |_| {
                printed.send(()).unwrap();
                Ok(())
            }));
            assert_eq!(expect_exit(server.pid()), reason());
            assert!(prints.try_recv().is_err());
            assert!(process::receive_timeout(Duration::ZERO).is_none());
        });
    }
}
