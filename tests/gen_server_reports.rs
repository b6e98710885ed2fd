//! What servers log: a binary of its own, as it sets the program's logger.

use std::fmt;
use std::process::Command;
use std::sync::mpsc;
use std::time::Duration;

use log::LevelFilter;
use procession::prelude::*;
use procession::process::Builder;
use procession::report::{self, Report};

#[path = "log/memory.rs"]
mod memory;
#[path = "it/support.rs"]
#[allow(dead_code, reason = "this binary needs few of them")]
mod support;
#[allow(dead_code, reason = "this binary needs few of them")]
#[path = "it/staging.rs"]
mod staging;

use memory::*;
use staging::wait_until;
use support::*;

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

fn reason() -> ExitReason {
    ExitReason::new("gen_server_reports::reason")
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

    fn perform<R>(self) -> CallResult<Server, R> {
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

    fn format_status(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
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

    fn handle_call(
        &mut self,
        deed: Deed,
        _: &Caller<&'static str>,
    ) -> CallResult<Self, &'static str> {
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
    remember_what_is_logged();
    let server = Server::start_link(state).unwrap();
    let pid = server.pid().unwrap();
    (server, pid)
}

/// Waits for the end of the server, as its links hear of it.
#[track_caller]
fn end_of(pid: Pid) -> ExitReason {
    let exit = expect::<Exit>();
    assert_eq!(exit.from, pid);
    exit.reason
}

mod a_report {
    use super::*;

    // OTP: gen_server_SUITE:crash
    #[test]
    fn says_what_is_known_of_the_server() {
        remember_what_is_logged();
        let name = "gen_server_reports::known";
        let options = StartOptions::new().name(name);
        let server = Server::start_link_with(Server::default(), options).unwrap();
        let pid = server.pid().unwrap();
        server.cast(Stop);
        assert_eq!(end_of(pid), reason());

        let report = report(pid);
        assert!(report.contains(&format!("server {name} ({pid}) is terminating")), "{report}");
        assert_has_line(&report, "last message: Stop");
        assert_has_line(&report, r#"state: Server { secret: "the secret", .. }"#);
        assert_has_line(&report, &format!("reason: {}", reason()));
    }

    // OTP: gen_server_SUITE:crash
    #[test]
    fn of_a_panic_is_followed_by_the_crash_report() {
        let (server, pid) = start(Server::default());
        process::send(pid, Panic);
        drop(server);
        assert_eq!(end_of(pid).as_panic().unwrap().message, "in a callback");

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
            assert_eq!(end_of(pid), reason());
            report(pid);
            let crash = format!("ERROR procession::crash crash report of process {pid}\n");
            assert_eq!(logged(&crash).len(), 1, "{:?}", logged(&pid.to_string()));
        }
    }

    /// What comes of a callback that panics, to whom it may concern, in order.
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
            let server = server.clone();
            process::spawn(move || process::send(me, server.call_timeout(Nothing, patience())))
                .unwrap();
        }
        wait_until(|| process::info(pid).unwrap().message_queue_len == 3);
        drop(let_go);

        let next = || process::receive_timeout(patience()).expect("another message");
        assert_eq!(next().downcast::<&str>().unwrap(), "error report");
        assert_eq!(next().downcast::<&str>().unwrap(), "crash report");
        let reason = next().downcast::<Exit>().unwrap().reason;
        assert_eq!(reason.as_panic().unwrap().message, "in a callback");
        assert_eq!(next().downcast::<Down>().unwrap().reason, reason);
        for _ in 0..2 {
            let outcome = next().downcast::<Result<&str, CallError>>().unwrap();
            assert_eq!(outcome, Err(CallError::Down(reason.clone())));
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
            assert_eq!(end_of(pid).as_panic().unwrap().message, "in terminate");
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
            assert_eq!(end_of(pid), end);
            assert!(logged(&pid.to_string()).is_empty(), "{:?}", logged(&pid.to_string()));
        }
        // One that has none before its end fails by itself.
        let (server, pid) = start(Server::default());
        let (let_go, held) = mpsc::channel();
        server.cast(Failing(held));
        wait_until_busy(pid);
        process::exit(pid, ExitReason::new("too late"));
        drop(let_go);
        assert_eq!(end_of(pid).as_panic().unwrap().message, "held up and failed");
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

        remember_what_is_logged();
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
                assert_eq!(end_of(pid), Deed::order(which));
                let (server, other) = start(Server::default());
                let error = CallError::Down(Deed::order(which));
                assert_eq!(server.call_timeout(deed, patience()), Err(error));
                assert_eq!(end_of(other), Deed::order(which));
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
            _ = server.call_timeout(deed, patience()).unwrap_err();
            end_of(pid);
            assert_has_line(&report(pid), &format!("last message: {deed:?}"));
            assert_has_line(&report(pid), &format!("client: {me}"));

            // A call that was handled long ago is nobody's fault.
            let sends: [fn(&ServerRef<Server>, Deed); 2] = [
                |server, deed| server.cast(deed),
                |server, deed| process::send(server.pid().unwrap(), deed),
            ];
            for send in sends {
                let (server, pid) = start(Server::default());
                assert_eq!(server.call_timeout(Nothing, patience()), Ok("done"));
                send(&server, deed);
                end_of(pid);
                assert_has_line(&report(pid), &format!("last message: {deed:?}"));
                assert!(!report(pid).contains("client"), "{}", report(pid));
            }
        }
    }

    // OTP: gen_server_SUITE:crash
    #[test]
    fn of_a_continuation_says_so_and_names_no_client() {
        let (server, pid) = start(Server::default());
        assert_eq!(server.call_timeout(GoOn, patience()), Ok("done"));
        end_of(pid);
        let report = report(pid);
        assert!(!report.contains("client"), "{report}");
        assert!(!report.contains("last message: GoOn"), "{report}");
    }

    #[test]
    fn of_a_server_that_was_stopped_blames_no_client_and_no_earlier_message() {
        let (server, pid) = start(Server::default());
        assert_eq!(server.call_timeout(Nothing, patience()), Ok("done"));
        assert_eq!(server.stop_with(reason(), patience()), Ok(()));
        end_of(pid);
        let report = report(pid);
        assert!(!report.contains("client"), "{report}");
        assert!(!report.contains("last message: Nothing"), "{report}");
    }

    #[test]
    fn of_a_server_whose_parent_has_ended_blames_no_client_and_no_earlier_message() {
        remember_what_is_logged();
        let me = process::self_pid();
        let parent = process::spawn(move || {
            let options = StartOptions::new().spawn_options(Builder::new().trap_exit(true));
            let server = Server::start_link_with(Server::default(), options).unwrap();
            process::send(me, server.pid().unwrap());
            idle_body();
        })
        .unwrap();
        let pid = expect::<Pid>();
        let monitor = process::monitor(pid);
        let server = ServerRef::<Server>::from_pid(pid);
        assert_eq!(server.call_timeout(Nothing, patience()), Ok("done"));
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
        assert_eq!(end_of(pid), ExitReason::Killed);
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
        end_of(pid);
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
            let outcome = server.call_timeout(Stop, patience());
            assert_eq!(outcome, Err(CallError::Down(reason())));
            assert_eq!(end_of(pid), reason());
            let report = report(pid);
            assert!(report.contains(&format!("panicked: {panic}")), "{report}");
            assert_has_line(&report, &format!("reason: {}", reason()));
        }
        // What of it could be printed is there.
        assert!(!logged("state: half of ").is_empty());
    }

    // OTP: gen_server_SUITE:terminate_crash_format
    #[test]
    fn shows_the_reason_that_terminate_has_made() {
        let (server, pid) = start(Server { panics_in_terminate: true, ..Server::default() });
        server.cast(StopInOrder(0));
        assert_eq!(end_of(pid).as_panic().unwrap().message, "in terminate");
        assert!(report(pid).contains("reason: panicked: in terminate, at "), "{}", report(pid));
    }

    // OTP: gen_server_SUITE:format_log_with_process_label
    #[test]
    fn shows_the_label_of_the_process() {
        let (server, pid) = start(Server { label: Some("the printer"), ..Server::default() });
        server.cast(Stop);
        end_of(pid);
        assert_has_line(&report(pid), "label: the printer");
    }

    #[test]
    fn shows_a_long_message_as_far_as_it_goes() {
        let (server, pid) = start(Server::default());
        server.cast(Printed(|f| f.write_str(&"x".repeat(100_000))));
        end_of(pid);
        let shown = report(pid).matches('x').count();
        assert!((900..=1_000).contains(&shown), "{shown}");

        let (server, pid) = start(Server::default());
        server.cast(Printed(|f| (0..100_000).try_for_each(|_| f.write_str("ö"))));
        end_of(pid);
        let shown = report(pid).matches('ö').count();
        assert!((450..=500).contains(&shown), "{shown}");
    }

    #[test]
    fn notes_that_the_message_could_not_be_printed() {
        let (server, pid) = start(Server::default());
        server.cast(Printed(|_| panic!("in Debug of a message")));
        assert_eq!(end_of(pid), reason());
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
        assert_eq!(server.stop_with(end, patience()), Ok(()));
        assert!(expect::<Exit>().reason.downcast_ref::<Unprintable>().is_some());
        assert!(report(pid).contains("panicked: in Debug of a reason"), "{}", report(pid));
    }
}

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
        remember_what_is_logged();
        let plain = Plain::start(()).unwrap();
        let pid = plain.pid().unwrap();
        (plain, pid)
    }

    // OTP: gen_server_SUITE:undef_handle_info
    #[test]
    fn warns_of_what_a_server_does_not_handle() {
        let (plain, pid) = start_plain();
        process::send(pid, "a stray message");
        assert_eq!(plain.call_timeout((), patience()), Ok(()));
        let warnings = logged(&format!("{pid} "));
        assert_eq!(warnings.len(), 1, "{warnings:?}");
        assert!(warnings[0].starts_with("WARN procession::gen_server "), "{warnings:?}");
        assert!(warnings[0].contains("a stray message"), "{warnings:?}");
        assert!(warnings[0].contains("Plain"), "{warnings:?}");
    }

    #[test]
    fn survives_what_cannot_be_printed() {
        let (plain, pid) = start_plain();
        process::send(pid, Printed(|_| panic!("in Debug of a stray message")));
        assert_eq!(plain.call_timeout((), patience()), Ok(()));
    }

    #[test]
    fn is_not_asked_about_a_cast_for_another_server_which_is_warned_of() {
        let (plain, pid) = start_plain();
        ServerRef::<Server>::from_pid(pid).cast(StopInOrder(77));
        assert_eq!(plain.call_timeout((), patience()), Ok(()));
        let warnings = logged("StopInOrder(77)");
        assert_eq!(warnings.len(), 1, "{warnings:?}");
        assert!(warnings[0].starts_with("WARN procession::gen_server "), "{warnings:?}");
    }

    #[test]
    fn survives_a_cast_for_another_server_that_cannot_be_printed() {
        let (plain, pid) = start_plain();
        let cast = Printed(|_| panic!("in Debug of a cast for another server"));
        ServerRef::<Server>::from_pid(pid).cast(cast);
        assert_eq!(plain.call_timeout((), patience()), Ok(()));
    }
}

/// Scenes that would end the program, or change the logger for all, if they went wrong: each plays
/// in a program of its own.
mod alone {
    use super::*;

    const SCENE: &str = "PROCESSION_TEST_SCENE";

    /// Plays `scene` in a program of its own that runs the test `test`, and sees that it goes well.
    #[track_caller]
    fn check(test: &str, scene: fn()) {
        if std::env::var_os(SCENE).is_some() {
            return scene();
        }
        let name = format!("alone::{test}");
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
            assert_eq!(end_of(pid), reason());
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
                    assert_eq!(end_of(pid), if killed { ExitReason::Killed } else { sent });
                }
            },
        );
    }

    #[test]
    fn a_logger_that_panics_does_not_change_how_a_server_ends() {
        check("a_logger_that_panics_does_not_change_how_a_server_ends", || {
            let (server, pid) = start(Server { secret: INDIGESTIBLE, ..Server::default() });
            let outcome = server.call_timeout(Stop, patience());
            assert_eq!(outcome, Err(CallError::Down(reason())));
            assert_eq!(end_of(pid), reason());
        });
    }

    #[test]
    fn a_handler_gets_the_reports_that_nobody_logs() {
        check("a_handler_gets_the_reports_that_nobody_logs", || {
            remember_what_is_logged();
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
            remember_what_is_logged();
            log::set_max_level(LevelFilter::Off);
            let (printed, prints) = mpsc::channel();
            let server = Server::start_link(Server::default()).unwrap();
            server.cast(Printed(move |_| {
                printed.send(()).unwrap();
                Ok(())
            }));
            assert_eq!(end_of(server.pid().unwrap()), reason());
            assert!(prints.try_recv().is_err());
            assert!(process::receive_timeout(Duration::ZERO).is_none());
        });
    }
}
