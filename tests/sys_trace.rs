//! What is logged of servers that are debugged: a binary of its own, as it sets the program's
//! logger.

use std::fmt;

use procession::gen_server::StatusPart;
use procession::prelude::*;
use procession::sys::{self, DebugOptions, OldVersion, Sys};

#[allow(dead_code, reason = "this binary needs few of them")]
mod support {
    pub(crate) mod calls;
    pub(crate) mod logger;
    pub(crate) mod wait;
}

use crate::support::calls::CallKind;
use crate::support::logger::{LOGGER_PANICS_AT, keep_what_is_logged, logged};
use crate::support::wait::{test_timeout, wait_for_exit};

/// What was traced of `name`, a process.
fn traced(name: &str) -> Vec<String> {
    let start = format!("INFO procession::sys *DBG* {name} ");
    let records = logged(&start);
    records.iter().map(|record| record.strip_prefix(&start).unwrap().to_owned()).collect()
}

/// Adds.
struct Adder {
    sum: u64,
    is_secret: bool,
}

#[derive(Debug)]
struct Add(u64);

#[derive(Debug)]
struct Sum;

#[derive(Debug)]
struct Text(&'static str);

impl fmt::Debug for Adder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Adder({})", self.sum)
    }
}

impl GenServer for Adder {
    type Args = ();

    fn init((): ()) -> InitResult<Adder> {
        ready(Adder { sum: 0, is_secret: false })
    }

    fn handle_info(&mut self, message: Message) -> CastResult<Adder> {
        let is_text = message.downcast::<Text>().is_ok_and(|Text(text)| !text.is_empty());
        if is_text { noreply() } else { panic!("a crash") }
    }

    fn format_status(&self, part: &StatusPart<'_>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (StatusPart::State | StatusPart::FinalState) = part else {
            return part.print(self, f);
        };
        if self.is_secret { f.write_str("a secret") } else { fmt::Debug::fmt(self, f) }
    }

    fn code_change(self, _: &OldVersion, _: Message) -> Result<Self, (Self, ExitReason)> {
        panic!("in code_change")
    }
}

impl HandleCast<Add> for Adder {
    fn handle_cast(&mut self, Add(n): Add) -> CastResult<Adder> {
        self.sum += n;
        noreply()
    }
}

impl HandleCall<Sum> for Adder {
    type Reply = u64;

    fn handle_call(&mut self, _: Sum, _: &Caller<u64>) -> CallResult<Adder, Sum> {
        reply(self.sum)
    }
}

fn start(options: StartOptions) -> (ServerRef<Adder>, Sys, String) {
    keep_what_is_logged();
    let server = Adder::start_with((), options).unwrap();
    let sys = sys::of(server).timeout(test_timeout());
    let pid = server.pid().to_string();
    (server, sys, pid)
}

fn sum(server: &ServerRef<Adder>) -> u64 {
    server.call_timeout(Sum, test_timeout()).unwrap()
}

/// The one report of the end of the server.
#[track_caller]
fn report(pid: &str) -> String {
    let mut reports = logged(&format!("ERROR procession::gen_server server {pid} is terminating"));
    assert_eq!(reports.len(), 1, "{reports:?}");
    reports.remove(0)
}

mod trace {
    use super::*;

    // OTP: sys_SUITE:trace
    #[test]
    fn writes_each_event_until_it_is_turned_off() {
        let (server, sys, pid) = start(StartOptions::new());
        server.cast(Add(1));
        assert_eq!(sum(&server), 1);
        assert_eq!(traced(&pid), Vec::<String>::new());

        sys.trace_on().unwrap();
        server.cast(Add(1));
        server.send(Text("just sent"));
        assert_eq!(sum(&server), 2);
        sys.trace_off().unwrap();
        server.cast(Add(1));
        assert_eq!(sum(&server), 3);
        let me = process::self_pid();
        let expected = [
            "got cast Add(1)".to_owned(),
            "new state Adder(2)".to_owned(),
            "got Text(\"just sent\")".to_owned(),
            "new state Adder(2)".to_owned(),
            format!("got call Sum from {me}"),
            format!("sent a u64 to {me}"),
        ];
        assert_eq!(traced(&pid), expected);
    }

    #[test]
    fn says_the_name_of_a_server_that_has_one_and_can_be_on_from_its_start() {
        let debug = DebugOptions::new().with_trace();
        let (server, _, pid) = start(StartOptions::new().name("sys_trace::named").debug(debug));
        server.cast(Add(1));
        assert_eq!(sum(&server), 1);
        server.stop().unwrap(); // The reply is traced when it was given.
        assert_eq!(traced("sys_trace::named").len(), 4);
        assert!(traced(&pid).is_empty());
    }

    #[test]
    fn survives_a_logger_that_panics() {
        let (server, sys, pid) = start(StartOptions::new());
        sys.trace_on().unwrap();
        server.send(Text(LOGGER_PANICS_AT));
        assert_eq!(sum(&server), 0);
        let me = process::self_pid();
        let expected = [
            "new state Adder(0)".to_owned(),
            format!("got call Sum from {me}"),
            format!("sent a u64 to {me}"),
        ];
        sys.trace_off().unwrap(); // The reply is traced when it was given.
        assert_eq!(traced(&pid), expected);
    }
}

mod print_log {
    use super::*;

    // OTP: sys_SUITE:log
    #[test]
    fn writes_the_events_that_were_kept() {
        let (server, sys, pid) = start(StartOptions::new());
        sys.log_on(2).unwrap();
        server.cast(Add(1));
        server.cast(Add(1));
        assert!(traced(&pid).is_empty());
        sys.print_log().unwrap();
        assert_eq!(traced(&pid), ["got cast Add(1)", "new state Adder(2)"]);
        assert_eq!(sys.log().unwrap(), traced(&pid));
    }

    // OTP: sys_SUITE:log
    #[test]
    fn writes_nothing_if_none_were() {
        let (server, sys, pid) = start(StartOptions::new());
        server.cast(Add(1));
        sys.print_log().unwrap();
        sys.log_on(2).unwrap();
        server.cast(Add(1));
        sys.log_off().unwrap();
        sys.print_log().unwrap();
        assert!(traced(&pid).is_empty());
    }
}

mod log_to_file {
    use super::*;

    #[cfg(target_os = "linux")]
    #[test]
    fn that_cannot_be_written_is_warned_of_once_and_closed() {
        let (server, sys, _) = start(StartOptions::new());
        sys.log_to_file("/dev/full").unwrap();
        server.cast(Add(1));
        assert_eq!(sum(&server), 1);
        let warnings = logged("WARN procession::sys an event cannot be written: ");
        assert_eq!(warnings.len(), 1, "{warnings:?}");
        assert!(sys.get_status().unwrap().debug.is_empty());
    }
}

mod a_report {
    use super::*;

    // OTP: gen_server_SUITE:error_format_status, format_all_status
    #[test]
    fn shows_the_events_that_were_kept() {
        let debug = DebugOptions::new().with_log(3);
        let (server, sys, pid) = start(StartOptions::new().debug(debug));
        sys.replace_state(|it: &mut Adder| it.is_secret = true).unwrap();
        server.cast(Add(1));
        server.send("crash");
        wait_for_exit(server.pid());
        let report = report(&pid);
        for part in ["got cast Add(1)", "new state a secret", "got \"crash\""] {
            assert!(report.contains(part), "{part} is not in {report}");
        }
        assert!(!report.contains("Adder("), "{report}");
    }

    #[test]
    fn says_that_the_state_was_lost_in_code_change() {
        let (server, sys, pid) = start(StartOptions::new());
        server.cast(Add(1));
        sys.suspend().unwrap();
        let outcome = sys.change_code("1", ()).kind();
        assert!(matches!(outcome, Err(CallErrorKind::Down(_))), "{outcome:?}");
        wait_for_exit(server.pid());
        let report = report(&pid);
        assert!(report.contains("lost in code_change"), "{report}");
        assert!(report.contains("panicked: in code_change"), "{report}");
        // Of a system message there is nothing to say, nor of the one before it.
        assert!(!report.contains("last message"), "{report}");
    }

    #[test]
    fn of_a_server_that_is_told_to_end_blames_no_message() {
        for suspended in [false, true] {
            let (server, sys, pid) = start(StartOptions::new());
            server.cast(Add(1));
            if suspended {
                sys.suspend().unwrap();
            }
            sys.terminate(ExitReason::new("told to end")).unwrap();
            wait_for_exit(server.pid());
            let report = report(&pid);
            assert!(report.contains("told to end") && report.contains("Adder(1)"), "{report}");
            assert!(!report.contains("last message"), "{report}");
        }
    }
}
