//! What is seen of a server's events: statistics, logs, functions that are installed.

use std::fs;
use std::ops::ControlFlow;
use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use procession::prelude::*;
use procession::process::Builder;
use procession::sys::{DebugOptions, Event, Sys, SysError};

use crate::sys::*;

use crate::support::calls::CallKind;
use crate::support::processes::in_process;
use crate::support::scripted::{Scripted, ScriptedServer};
use crate::support::wait::{assert_no_message, down_reason, expect, test_timeout};

/// Counts.
#[derive(Debug, PartialEq)]
pub(crate) struct Counter(pub(crate) u64);

#[derive(Debug, PartialEq)]
pub(crate) struct Add(pub(crate) u64);

#[derive(Debug, PartialEq)]
pub(crate) struct Get;

/// Answered by another process, later.
#[derive(Debug)]
struct GetLater;

/// Waits for this long after it.
#[derive(Debug)]
struct WaitFor(Duration);

#[derive(Debug)]
struct Crash;

impl GenServer for Counter {
    type Args = ();

    fn init((): ()) -> InitResult<Counter> {
        ready(Counter(0))
    }

    fn handle_info(&mut self, message: Message) -> CastResult<Counter> {
        if let Ok(Add(n)) = message.downcast() {
            self.0 += n;
        }
        noreply()
    }
}

impl HandleCast<Add> for Counter {
    fn handle_cast(&mut self, Add(n): Add) -> CastResult<Counter> {
        self.0 += n;
        noreply()
    }
}

impl HandleCast<WaitFor> for Counter {
    fn handle_cast(&mut self, WaitFor(duration): WaitFor) -> CastResult<Counter> {
        noreply().timeout(duration)
    }
}

impl HandleCast<Crash> for Counter {
    fn handle_cast(&mut self, _: Crash) -> CastResult<Counter> {
        panic!("a crash")
    }
}

impl HandleCall<Get> for Counter {
    type Reply = u64;

    fn handle_call(&mut self, _: Get, _: &Caller<u64>) -> CallResult<Counter, Get> {
        reply(self.0)
    }
}

impl HandleCall<GetLater> for Counter {
    type Reply = u64;

    fn handle_call(&mut self, _: GetLater, caller: &Caller<u64>) -> CallResult<Counter, GetLater> {
        let (reply_to, now) = (caller.defer(), self.0);
        process::spawn(move || reply_to.reply(now)).unwrap();
        noreply()
    }
}

pub(crate) fn counter() -> ServerRef<Counter> {
    Counter::start(()).unwrap()
}

fn counter_with(debug: DebugOptions) -> ServerRef<Counter> {
    Counter::start_with((), StartOptions::new().debug(debug)).unwrap()
}

pub(crate) fn get(server: &ServerRef<Counter>) -> u64 {
    server.call_timeout(Get, test_timeout()).unwrap()
}

/// The lines that show a cast of `Add(1)` and what has come of it.
pub(crate) fn lines_of_add(state: u64) -> [String; 2] {
    ["got cast Add(1)".to_owned(), format!("new state Counter({state})")]
}

pub(crate) fn described(server: &ServerRef<Counter>) -> Vec<String> {
    sys_of(server).get_status().unwrap().debug
}

/// A file for the test that is called `name`, which is removed with this.
struct TempFile(PathBuf);

impl TempFile {
    fn new(name: &str) -> TempFile {
        let name = format!("procession-{}-{name}", std::process::id());
        TempFile(std::env::temp_dir().join(name))
    }

    fn text(&self) -> String {
        fs::read_to_string(&self.0).unwrap()
    }
}

impl Drop for TempFile {
    fn drop(&mut self) {
        _ = fs::remove_file(&self.0);
    }
}

mod statistics {
    use super::*;

    // OTP: sys_SUITE:stats
    #[test]
    fn count_what_comes_and_the_replies_while_they_are_on() {
        let server = counter();
        let sys = sys_of(&server);
        assert_eq!(sys.statistics(), Ok(None));
        server.cast(Add(1));

        let before = SystemTime::now();
        sys.statistics_on().unwrap();
        let after = SystemTime::now();
        (0..3).for_each(|_| server.cast(Add(1)));
        server.send(Add(1));
        assert_eq!(get(&server), 5);
        let counted = sys.statistics().unwrap().unwrap();
        assert_eq!((counted.messages_in, counted.messages_out), (5, 1));
        assert!(before <= counted.start_time && counted.start_time <= after);
        assert!(after <= counted.current_time);

        sys.statistics_off().unwrap();
        assert_eq!(sys.statistics(), Ok(None));
    }

    #[test]
    fn begin_at_zero_when_they_are_turned_on_again() {
        let server = counter();
        let sys = sys_of(&server);
        for _ in 0..2 {
            sys.statistics_on().unwrap();
            get(&server);
            assert_eq!(sys.statistics().unwrap().unwrap().messages_in, 1);
        }
    }

    #[test]
    fn count_neither_system_messages_nor_replies_of_others() {
        let server = counter();
        let sys = sys_of(&server);
        sys.statistics_on().unwrap();
        sys.suspend().unwrap();
        sys.get_status().unwrap();
        sys.resume().unwrap();
        assert_eq!(server.call_timeout(GetLater, test_timeout()), Ok(0));
        let counted = sys.statistics().unwrap().unwrap();
        assert_eq!((counted.messages_in, counted.messages_out), (1, 0));
    }

    #[test]
    fn count_what_waited_for_a_resume_when_it_is_handled() {
        let server = counter();
        let sys = sys_of(&server);
        sys.statistics_on().unwrap();
        sys.suspend().unwrap();
        server.cast(Add(1));
        assert_eq!(sys.statistics().unwrap().unwrap().messages_in, 0);
        sys.resume().unwrap();
        assert_eq!(sys.statistics().unwrap().unwrap().messages_in, 1);
    }
}

mod log {
    use super::*;

    // OTP: sys_SUITE:log
    #[test]
    fn keeps_the_last_events_the_oldest_first() {
        let server = counter();
        let sys = sys_of(&server);
        assert_eq!(sys.log(), Ok(vec![]));
        sys.log_on(4).unwrap();
        (0..3).for_each(|_| server.cast(Add(1)));
        assert_eq!(sys.log(), Ok([lines_of_add(2), lines_of_add(3)].concat()));
        sys.log_off().unwrap();
        assert_eq!(sys.log(), Ok(vec![]));
        server.cast(Add(1));
        sys.log_on(4).unwrap();
        assert_eq!(sys.log(), Ok(vec![]));
    }

    #[test]
    fn shows_calls_casts_messages_replies_and_states() {
        let server = counter();
        let (sys, me) = (sys_of(&server), process::self_pid());
        sys.log_on(10).unwrap();
        get(&server);
        server.send(Add(7));
        server.call_timeout(GetLater, test_timeout()).unwrap();
        let expected = [
            format!("got call Get from {me}"),
            format!("sent a u64 to {me}"),
            "got Add(7)".to_owned(),
            "new state Counter(7)".to_owned(),
            format!("got call GetLater from {me}"),
            "new state Counter(7)".to_owned(),
        ];
        assert_eq!(sys.log().unwrap(), expected);
    }

    #[test]
    fn shows_the_time_out_of_a_callback() {
        let server = counter();
        let me = process::self_pid();
        let seen = move |event: &Event<'_>, _: &Counter| {
            if event.to_string() == "got IdleTimeout" {
                process::send(me, "timed out");
            }
            ControlFlow::Continue(())
        };
        sys_of(&server).install("sys_debug::log::timeout", seen).unwrap();
        server.cast(WaitFor(Duration::from_millis(1)));
        assert_eq!(expect::<&str>(), "timed out");
    }

    #[test]
    fn keeps_what_there_is_room_for_when_its_limit_changes() {
        let server = counter();
        let sys = sys_of(&server);
        sys.log_on(6).unwrap();
        (0..3).for_each(|_| server.cast(Add(1)));
        sys.log_on(3).unwrap();
        let kept = sys.log().unwrap();
        assert_eq!(kept, ["new state Counter(2)", "got cast Add(1)", "new state Counter(3)"]);
        sys.log_on(5).unwrap();
        server.cast(Add(1));
        assert_eq!(sys.log().unwrap(), [&kept[..], &lines_of_add(4)].concat());
        sys.log_on(0).unwrap();
        server.cast(Add(1));
        assert_eq!(sys.log(), Ok(vec![]));
        sys.log_on(usize::MAX).unwrap();
        server.cast(Add(1));
        assert_eq!(sys.log().unwrap(), lines_of_add(6));
    }

    #[test]
    fn shows_a_long_message_as_far_as_it_goes() {
        let server = counter();
        sys_of(&server).log_on(1).unwrap();
        server.send("long ".repeat(10_000));
        sys_of(&server).log_on(2).unwrap();
        server.send("long ".repeat(10_000));
        let event = sys_of(&server).log().unwrap().remove(0);
        assert!(event.starts_with("got \"long ") && event.ends_with("..."), "{event}");
        assert!((1_000..2_000).contains(&event.len()), "{}", event.len());
    }

    #[test]
    fn shows_that_a_message_cannot_be_printed() {
        struct Unprintable;

        impl std::fmt::Debug for Unprintable {
            fn fmt(&self, _: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                panic!("not to be printed")
            }
        }

        let server = counter();
        sys_of(&server).log_on(2).unwrap();
        server.send(Unprintable);
        let event = sys_of(&server).log().unwrap().remove(0);
        assert!(event.contains("not to be printed"), "{event}");
        assert_eq!(get(&server), 0);
    }
}

mod log_to_file {
    use super::*;

    // OTP: sys_SUITE:log_to_file
    #[test]
    fn writes_each_event_as_a_line_until_it_is_turned_off() {
        let file = TempFile::new("each_event");
        fs::write(&file.0, "what was there before").unwrap();
        let server = counter();
        let sys = sys_of(&server);
        sys.log_to_file(&file.0).unwrap();
        server.cast(Add(1));
        get(&server);
        sys.log_to_file_off().unwrap();
        server.cast(Add(1));
        sys.get_status().unwrap();

        let (pid, me) = (server.pid(), process::self_pid());
        let expected = [
            format!("*DBG* {pid} got cast Add(1)\n"),
            format!("*DBG* {pid} new state Counter(1)\n"),
            format!("*DBG* {pid} got call Get from {me}\n"),
            format!("*DBG* {pid} sent a u64 to {me}\n"),
        ];
        assert_eq!(file.text(), expected.concat());
    }

    #[test]
    fn goes_to_the_last_file_that_was_named() {
        let (first, second) = (TempFile::new("first"), TempFile::new("second"));
        let options = StartOptions::new().name("sys_debug::log_to_file");
        let server = Counter::start_with((), options).unwrap();
        for file in [&first, &second] {
            sys_of(&server).log_to_file(&file.0).unwrap();
            server.cast(Add(1));
        }
        sys_of(&server).no_debug().unwrap();
        server.cast(Add(1));
        server.stop().unwrap();
        let lines =
            |state| lines_of_add(state).map(|it| format!("*DBG* sys_debug::log_to_file {it}\n"));
        assert_eq!(first.text(), lines(1).concat());
        assert_eq!(second.text(), lines(2).concat());
    }

    #[test]
    fn fails_when_the_file_cannot_be_opened_and_keeps_the_one_that_is() {
        let file = TempFile::new("kept");
        let server = counter();
        let sys = sys_of(&server);
        let outcome = sys.log_to_file(std::env::temp_dir());
        assert!(matches!(outcome, Err(SysError::OpenFile(_))), "{outcome:?}");
        assert!(described(&server).is_empty());

        sys.log_to_file(&file.0).unwrap();
        assert!(sys.log_to_file(file.0.join("no folder")).is_err());
        server.cast(Add(1));
        sys.log_to_file_off().unwrap();
        assert_eq!(file.text().lines().count(), 2);
        assert!(DebugOptions::new().with_log_to_file(std::env::temp_dir()).is_err());
    }
}

mod no_debug {
    use super::*;

    // OTP: sys_SUITE:install
    #[test]
    fn turns_off_all_there_is() {
        let file = TempFile::new("no_debug");
        let server = counter();
        let sys = sys_of(&server);
        let me = process::self_pid();
        let tell = move |_: &Event<'_>, _: &Counter| {
            process::send(me, "called");
            ControlFlow::Continue(())
        };
        sys.statistics_on().unwrap();
        sys.log_on(10).unwrap();
        sys.log_to_file(&file.0).unwrap();
        sys.trace_on().unwrap();
        sys.install("one", tell).unwrap();
        let all = ["statistics", "log of 10 events", "log to file", "trace", "function \"one\""];
        assert_eq!(described(&server), all);

        sys.no_debug().unwrap();
        get(&server);
        assert!(described(&server).is_empty());
        assert_eq!((sys.statistics(), sys.log()), (Ok(None), Ok(vec![])));
        assert_eq!(file.text(), "");
        assert_no_message();
        sys.no_debug().unwrap();
    }

    #[test]
    fn is_not_needed_to_turn_off_one_by_one() {
        let file = TempFile::new("one_by_one");
        let server = counter();
        let sys = sys_of(&server);
        sys.statistics_on().unwrap();
        sys.log_on(10).unwrap();
        sys.log_to_file(&file.0).unwrap();
        sys.trace_on().unwrap();
        sys.install("one", |_: &Event<'_>, _: &Counter| ControlFlow::Continue(())).unwrap();
        let turn_off = [
            |sys: &Sys| sys.remove("one"),
            Sys::trace_off,
            Sys::log_to_file_off,
            Sys::log_off,
            Sys::statistics_off,
        ];
        for (off, left) in turn_off.into_iter().zip([4, 3, 2, 1, 0]) {
            off(&sys).unwrap();
            assert_eq!(described(&server).len(), left);
            get(&server);
        }
    }
}

mod debug_options {
    use super::*;

    #[test]
    fn can_be_given_to_a_server_at_its_start() {
        let file = TempFile::new("at_the_start");
        let me = process::self_pid();
        let tell = move |event: &Event<'_>, _: &Counter| {
            process::send(me, event.to_string());
            ControlFlow::Continue(())
        };
        let debug = DebugOptions::new()
            .with_statistics()
            .with_log(2)
            .with_log_to_file(&file.0)
            .unwrap()
            .with_function("tell", tell)
            .with_function("tell", |_: &Event<'_>, _: &Counter| panic!("the name is taken"));
        assert!(debug.is_on());
        let server = counter_with(debug);
        server.cast(Add(1));
        let sys = sys_of(&server);
        assert_eq!(sys.log().unwrap(), lines_of_add(1));
        assert_eq!(sys.statistics().unwrap().unwrap().messages_in, 1);
        assert_eq!([expect::<String>(), expect()], lines_of_add(1));
        assert_eq!(file.text().lines().count(), 2);
        sys.no_debug().unwrap();
        assert!(described(&server).is_empty());
    }

    #[test]
    fn are_given_to_a_linked_and_to_a_monitored_server_as_well() {
        let options =
            || StartOptions::new().debug(DebugOptions::new().with_log(1).with_statistics());
        let linked = Counter::start_link_with((), options()).unwrap();
        let (monitored, monitor) = Counter::start_monitor_with((), options()).unwrap();
        for server in [linked, monitored] {
            assert_eq!(described(&server), ["statistics", "log of 1 events"]);
            server.stop().unwrap();
        }
        assert_eq!(down_reason(monitor), ExitReason::Normal);
    }

    #[test]
    fn are_given_to_a_process_that_becomes_a_server() {
        let pid = procession::proc_lib::start(|starter| {
            starter.ack(process::self_pid());
            let options = StartOptions::new().debug(DebugOptions::new().with_log(2));
            procession::gen_server::enter_loop(ready(Counter(5)), options)
        })
        .unwrap();
        let server = ServerRef::<Counter>::from_pid(pid);
        server.cast(Add(1));
        assert_eq!(sys_of(&server).log().unwrap(), lines_of_add(6));
        sys_of(&server).suspend().unwrap();
        server.stop().unwrap();
    }

    // OTP: sys_SUITE:special_process
    #[test]
    fn that_are_none_do_nothing() {
        let mut debug = DebugOptions::new();
        assert!(!debug.is_on());
        struct Unprintable;

        impl std::fmt::Debug for Unprintable {
            fn fmt(&self, _: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                unreachable!("nobody wants to see it")
            }
        }

        debug.handle(&Event::Other(&Unprintable), &());
        assert!(!debug.is_on() && debug.log().is_empty());

        let mut debug = DebugOptions::new().with_statistics();
        debug.handle(&Event::Other(&Unprintable), &());
        assert!(debug.is_on() && debug.log().is_empty());
    }

    #[test]
    fn keep_what_a_process_says() {
        in_process(|| {
            let mut debug = DebugOptions::new().with_log(2);
            for n in 0..3 {
                debug.handle(&Event::Other(&n), &());
            }
            assert_eq!(debug.log(), ["1", "2"]);
        });
    }
}

mod events {
    use super::*;

    #[test]
    fn of_a_callback_that_panics_end_with_its_message() {
        let me = process::self_pid();
        let tell = move |event: &Event<'_>, _: &Counter| {
            process::send(me, event.to_string());
            ControlFlow::Continue(())
        };
        let server = counter_with(DebugOptions::new().with_function("tell", tell));
        let monitor = process::monitor(server.pid());
        server.cast(Crash);
        assert_eq!(expect::<String>(), "got cast Crash");
        assert!(down_reason(monitor).as_panic().is_some());
        assert_no_message();
    }

    #[test]
    fn of_what_is_for_another_server_show_it_and_an_unchanged_state() {
        let server = counter();
        let other = ServerRef::<Scripted>::from_pid(server.pid());
        let sys = sys_of(&server);
        sys.log_on(10).unwrap();
        let outcome = ScriptedServer::call_with(&other, |_, _| reply(())).kind();
        assert!(matches!(outcome, Err(CallErrorKind::WrongServer { .. })), "{outcome:?}");
        let log = sys.log().unwrap();
        assert_eq!(log.len(), 2, "{log:?}");
        assert!(log[0].starts_with("got call "), "{log:?}");
        assert_eq!(log[1], "new state Counter(0)");
    }

    #[test]
    fn show_exits_and_ends_of_other_processes() {
        let options = StartOptions::new()
            .spawn_options(Builder::new().trap_exit(true))
            .debug(DebugOptions::new().with_log(2));
        let server = Counter::start_with((), options).unwrap();
        process::exit(server.pid(), ExitReason::new("a signal"));
        let log = sys_of(&server).log().unwrap();
        assert!(log[0].starts_with("got Exit {") && log[0].contains("a signal"), "{log:?}");
    }
}

mod a_continuation {
    use super::*;

    #[derive(Debug)]
    struct Steps(Vec<&'static str>);

    #[derive(Debug)]
    struct Rest;

    impl GenServer for Steps {
        type Args = ();

        fn init((): ()) -> InitResult<Steps> {
            ready(Steps(vec![]))
        }
    }

    impl HandleCast<()> for Steps {
        fn handle_cast(&mut self, (): ()) -> CastResult<Steps> {
            self.0.push("first");
            noreply().then(Rest)
        }
    }

    impl HandleContinue<Rest> for Steps {
        fn handle_continue(&mut self, _: Rest) -> CastResult<Steps> {
            self.0.push("rest");
            noreply()
        }
    }

    // OTP: loop of gen_server shows {continue, Continue} and then the new state
    #[test]
    fn is_shown_with_the_state_that_comes_of_it() {
        let server = Steps::start(()).unwrap();
        let sys = sys_of(&server);
        sys.log_on(10).unwrap();
        server.cast(());
        let log = sys.log().unwrap();
        assert_eq!(log[..2], ["got cast ()", "new state Steps([\"first\"])"]);
        assert_eq!(log.len(), 4, "{log:?}");
        assert!(log[2].contains("Continue(Rest)"), "{log:?}");
        assert_eq!(log[3], "new state Steps([\"first\", \"rest\"])");
    }

    // OTP: gen_server_SUITE:continue
    #[test]
    fn comes_before_a_system_message() {
        let server = Steps::start(()).unwrap();
        server.cast(());
        let steps = sys_of(&server).get_state(|it: &Steps| it.0.clone());
        assert_eq!(steps.unwrap(), ["first", "rest"]);
    }
}
