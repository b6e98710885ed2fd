//! What event managers log: a binary of its own, as it sets the program's logger.

use std::fmt;

use procession::gen_event::{Left, StatusPart, SwapInit, Terminate, handler};
use procession::prelude::*;
use procession::report::{self, Report};

#[allow(dead_code, reason = "this binary needs few of them")]
#[path = "support"]
mod support {
    pub(crate) mod logger;
    pub(crate) mod processes;
    pub(crate) mod wait;
}

use crate::support::logger::{keep_what_is_logged, logged};
use crate::support::wait::expect;

#[derive(Clone, Debug)]
enum Event {
    Fail(&'static str),
    Panic,
    Swap,
}

#[derive(Debug)]
struct Fragile {
    handled: u32,
}

impl EventHandler<Event> for Fragile {
    type Args = ();
    type Leaves = ();

    fn init((): ()) -> HandlerInit<Self> {
        gen_event::installed(Fragile { handled: 0 })
    }

    fn handle_event(&mut self, event: &Event) -> HandlerResult<Self, Event> {
        self.handled += 1;
        match event {
            Event::Fail(why) => Err(ExitReason::new(*why)),
            Event::Panic => panic!("a panic of a handler"),
            Event::Swap => gen_event::swap_handler((), handler::<Unready>(), ()),
        }
    }

    fn terminate(&mut self, why: Terminate) {
        let is_told_to = |args: &Message| args.downcast_ref() == Some(&"panic");
        assert!(!matches!(why, Terminate::Args(args) if is_told_to(&args)), "deleted");
        assert!(self.handled < 100, "a panic at the end");
        self.handled = 50; // The report is about what was before.
    }
}

#[derive(Debug)]
struct Words(&'static str);

impl HandlerCall<Event, Words> for Fragile {
    type Reply = ();

    fn handle_call(&mut self, Words(words): Words) -> HandlerReply<Self, Event, Words> {
        Err(ExitReason::new(words.len()))
    }
}

/// Does not start.
#[derive(Debug)]
struct Unready;

impl EventHandler<Event> for Unready {
    type Args = ();
    type Leaves = ();

    fn init((): ()) -> HandlerInit<Self> {
        Err(ExitReason::new("unready"))
    }

    fn handle_event(&mut self, _: &Event) -> HandlerResult<Self, Event> {
        gen_event::ok()
    }
}

impl SwapInit<Event, Fragile> for Unready {
    fn swap_init((): (), _: Left<()>) -> HandlerInit<Self> {
        Self::init(())
    }
}

/// Takes the place of another, and keeps what that has left.
#[derive(Debug)]
struct Next {
    #[allow(dead_code, reason = "it is printed")]
    left: Left<()>,
}

impl EventHandler<Event> for Next {
    type Args = ();
    type Leaves = ();

    fn init((): ()) -> HandlerInit<Self> {
        gen_event::installed(Next { left: Ok(()) })
    }

    fn handle_event(&mut self, _: &Event) -> HandlerResult<Self, Event> {
        gen_event::ok()
    }
}

impl SwapInit<Event, Fragile> for Next {
    fn swap_init((): (), left: Left<()>) -> HandlerInit<Self> {
        gen_event::installed(Next { left })
    }
}

/// Hides all it can.
#[derive(Debug)]
struct Discreet;

impl EventHandler<Event> for Discreet {
    type Args = ();
    type Leaves = ();

    fn init((): ()) -> HandlerInit<Self> {
        gen_event::installed(Discreet)
    }

    fn handle_event(&mut self, _: &Event) -> HandlerResult<Self, Event> {
        Err(ExitReason::new("a secret reason"))
    }

    fn format_status(&self, part: &StatusPart<'_>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match part {
            StatusPart::State | StatusPart::FinalState => "(state)",
            StatusPart::LastMessage(_) => "(event)",
            StatusPart::Reason(_) | _ => "(reason)",
        })
    }
}

fn manager() -> EventManagerRef<Event> {
    keep_what_is_logged();
    EventManager::start().unwrap()
}

/// What was logged of handlers of this manager at this level.
fn reports(level: &str, pid: Pid) -> Vec<String> {
    let mut reports = logged(&format!("{level} procession::gen_event"));
    reports.retain(|report| report.contains(&pid.to_string()));
    reports
}

// OTP: gen_event_SUITE:notify, format_log_1
#[test]
fn a_handler_that_fails_at_an_event_is_reported() {
    let manager = manager();
    manager.add_handler(handler::<Fragile>(), ()).unwrap();
    manager.sync_notify(Event::Fail("no ink")).unwrap();
    let expected = format!(
        "ERROR procession::gen_event handler gen_event_reports::Fragile has failed\n    \
         manager: {}\n    \
         last event: Fail(\"no ink\")\n    \
         state: Fragile {{ handled: 1 }}\n    \
         reason: no ink",
        manager.pid()
    );
    assert_eq!(reports("ERROR", manager.pid()), [expected]);
    manager.stop().unwrap();
}

// OTP: gen_event_SUITE:call
#[test]
fn a_handler_that_fails_at_a_request_is_reported_with_the_request_and_the_managers_name() {
    keep_what_is_logged();
    let options = StartOptions::new().name("gen_event_reports::named");
    let manager = EventManager::<Event>::start_with(options).unwrap();
    manager.add_handler(handler::<Fragile>().id("left"), ()).unwrap();
    manager.call(handler::<Fragile>().id("left"), Words("how long?")).unwrap_err();
    let reports = reports("ERROR", manager.pid());
    let expected = format!(
        "handler gen_event_reports::Fragile(\"left\") has failed\n    \
         manager: gen_event_reports::named ({})\n    \
         last event: Words(\"how long?\")\n    \
         state: Fragile {{ handled: 0 }}\n    \
         reason: 9",
        manager.pid()
    );
    assert!(reports.len() == 1 && reports[0].ends_with(&expected), "{reports:?}");
    manager.stop().unwrap();
}

// OTP: gen_event_SUITE:error_format_status
#[test]
fn a_handler_hides_what_its_report_must_not_show() {
    let manager = manager();
    manager.add_handler(handler::<Discreet>(), ()).unwrap();
    manager.sync_notify(Event::Fail("a secret event")).unwrap();
    let reports = reports("ERROR", manager.pid());
    let shown = "last event: (event)\n    state: (state)\n    reason: (reason)";
    assert!(reports.len() == 1 && reports[0].ends_with(shown), "{reports:?}");
    manager.stop().unwrap();
}

#[test]
fn a_report_is_a_value_for_handlers_of_reports() {
    let manager = manager();
    let (me, pid) = (process::self_pid(), manager.pid());
    let reports = report::add_handler(move |report| {
        if let Report::Handler(report) = report
            && report.manager == pid
        {
            process::send(me, report.reason.clone());
        }
    });
    manager.add_handler(handler::<Fragile>(), ()).unwrap();
    manager.notify(Event::Panic);
    let reason: ExitReason = expect();
    assert_eq!(reason.as_panic().unwrap().message, "a panic of a handler");
    assert!(report::remove_handler(reports));
    manager.stop().unwrap();
}

// OTP 25, run: do_swap reports it.
#[test]
fn a_handler_that_fails_to_take_the_place_of_another_is_reported() {
    let manager = manager();
    manager.add_handler(handler::<Fragile>(), ()).unwrap();
    manager.sync_notify(Event::Swap).unwrap();
    let reports = reports("ERROR", manager.pid());
    let shown = format!(
        "handler gen_event_reports::Unready has failed\n    manager: {}\n    reason: unready",
        manager.pid()
    );
    assert!(reports.len() == 1 && reports[0].ends_with(&shown), "{reports:?}");
    manager.stop().unwrap();
}

// OTP 25, run: only the client learns of these.
#[test]
fn what_a_client_gets_as_an_error_is_not_reported() {
    let manager = manager();
    manager.add_handler(handler::<Unready>(), ()).unwrap_err();
    manager.swap_handler((handler::<Fragile>(), ()), (handler::<Unready>(), ())).unwrap_err();
    manager.add_handler(handler::<Fragile>(), ()).unwrap();
    manager.delete_handler(handler::<Fragile>(), "panic").unwrap_err();
    assert_eq!(reports("ERROR", manager.pid()), Vec::<String>::new());
    manager.stop().unwrap();
}

#[test]
fn a_panic_at_the_end_that_nobody_hears_of_is_reported() {
    let manager = manager();
    manager.add_handler(handler::<Fragile>(), ()).unwrap();
    manager
        .sys()
        .replace_state(|it| it.change_states(|_, fragile: &mut Fragile| fragile.handled = 100))
        .unwrap();
    let pid = manager.pid();
    manager.stop().unwrap();
    let reports = reports("ERROR", pid);
    assert!(reports.len() == 1 && reports[0].contains("a panic at the end"), "{reports:?}");
    // It was not handling anything.
    let shown = format!("manager: {pid}\n    state: Fragile {{ handled: 100 }}\n    reason: ");
    assert!(reports[0].contains(&shown), "{reports:?}");
}

#[test]
fn what_the_next_handler_is_told_is_not_reported() {
    let manager = manager();
    manager.add_handler(handler::<Fragile>(), ()).unwrap();
    manager.swap_handler((handler::<Fragile>(), "panic"), (handler::<Next>(), ())).unwrap();
    let next = manager.sys().get_state(|it| format!("{:?}", it.state_of(&handler::<Next>())));
    assert!(next.unwrap().contains("panicked: deleted"));
    assert_eq!(reports("ERROR", manager.pid()), Vec::<String>::new());
    manager.stop().unwrap();
}

// OTP: gen_event_SUITE:undef_handle_info
#[test]
fn a_message_that_a_handler_does_not_handle_is_logged_and_the_handler_stays() {
    let manager = manager();
    manager.add_handler(handler::<Fragile>(), ()).unwrap();
    manager.send("what is this?");
    assert_eq!(manager.which_handlers().unwrap(), [handler::<Fragile>().into()]);
    let warnings = reports("WARN", manager.pid());
    let shown = "(gen_event_reports::Fragile) does not handle this message: \"what is this?\"";
    assert!(warnings.len() == 1 && warnings[0].ends_with(shown), "{warnings:?}");
    manager.stop().unwrap();
}

#[test]
fn a_message_that_a_handler_does_not_handle_is_logged_with_the_name_of_its_manager() {
    keep_what_is_logged();
    let options = StartOptions::new().name("gen_event_reports::other");
    let manager = EventManager::<Event>::start_with(options).unwrap();
    manager.add_handler(handler::<Fragile>(), ()).unwrap();
    manager.send("of a name");
    manager.stop().unwrap();
    let start = "WARN procession::gen_event gen_event_reports::other (gen_event_reports::Fragile) ";
    assert_eq!(logged(start).len(), 1, "{:?}", logged("of a name"));
}

/// An event is printed only if a handler fails at it: each may be long.
#[test]
fn events_are_not_printed_as_long_as_no_handler_fails() {
    struct Loud(Pid);

    impl fmt::Debug for Loud {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            process::send(self.0, "printed");
            f.write_str("Loud")
        }
    }

    #[derive(Debug)]
    struct FailsAtThird(u32);

    impl EventHandler<Loud> for FailsAtThird {
        type Args = ();
        type Leaves = ();

        fn init((): ()) -> HandlerInit<Self> {
            gen_event::installed(FailsAtThird(0))
        }

        fn handle_event(&mut self, _: &Loud) -> HandlerResult<Self, Loud> {
            self.0 += 1;
            assert!(self.0 < 3, "three is too much");
            gen_event::ok()
        }
    }

    keep_what_is_logged();
    let manager = EventManager::<Loud>::start().unwrap();
    manager.add_handler(handler::<FailsAtThird>(), ()).unwrap();
    for _ in 0..2 {
        manager.sync_notify(Loud(process::self_pid())).unwrap();
    }
    assert!(process::receive_timeout(std::time::Duration::ZERO).is_none());
    manager.sync_notify(Loud(process::self_pid())).unwrap();
    assert_eq!(expect::<&str>(), "printed");
    manager.stop().unwrap();
}
