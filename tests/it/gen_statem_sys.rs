//! State machines and system messages, and the reports of machines that fail.

use std::fmt;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use procession::gen_statem::{InitResult, StatusPart};
use procession::prelude::*;
use procession::report::{self, Report, ServerReport};
use procession::sys::{OldVersion, SysError};

use crate::support::machine::{Event, Script, ask, expect_seen, machine};
use crate::support::processes::{FOREVER, reason};
use crate::support::wait::down_reason;

mod the_state {
    use super::*;

    // OTP: gen_statem_SUITE:get_state
    #[test]
    fn is_seen_with_the_data() {
        let machine = machine(|data, _, _, _| {
            data.count = 3;
            next_state("b")
        });
        machine.cast(Event::Say("go"));
        let seen = machine.sys().get_state(|it| (it.state, it.data.count)).unwrap();
        assert_eq!(seen, ("b", 3));
    }

    // OTP: gen_statem_SUITE:replace_state
    #[test]
    fn is_replaced_with_the_data() {
        let machine = machine(|_, _, _, _| keep_state());
        machine.sys().replace_state(|it| it.state = "z").unwrap();
        machine.cast(Event::Say("x"));
        expect_seen(["z: cast x"]);
    }

    // OTP: gen_statem_SUITE:replace_state
    #[test]
    fn is_not_lost_by_a_function_that_fails() {
        let machine = machine(|_, _, _, _| keep_state());
        let failed = machine.sys().replace_state(|_| panic!("no"));
        assert!(matches!(failed, Err::<(), _>(SysError::CallbackFailed(_))), "{failed:?}");
        assert_eq!(machine.sys().get_state(|it| it.state), Ok("a"));
    }
}

/// A lock that shows nobody its code.
#[derive(Debug)]
struct Vault {
    code: u32,
}

impl GenStatem for Vault {
    type Args = u32;
    type State = &'static str;
    type Event = u32;

    fn init(code: u32) -> InitResult<Vault> {
        started("closed", Vault { code })
    }

    fn handle_event(&mut self, _: EventType, code: u32, _: &&'static str) -> StateResult<Vault> {
        if code == 0 {
            panic!("zero");
        }
        if code == self.code { next_state("open") } else { keep_state().postpone(code) }
    }

    fn format_status(
        &self,
        state: &&'static str,
        part: &StatusPart<'_, u32>,
        f: &mut fmt::Formatter<'_>,
    ) -> fmt::Result {
        match part {
            StatusPart::Data | StatusPart::FinalData => f.write_str("(hidden)"),
            StatusPart::Event(13) => panic!("unlucky"),
            StatusPart::Event(_) => f.write_str("(a code)"),
            StatusPart::State | StatusPart::FinalState | StatusPart::Reason(_) | _ => {
                part.print(state, self, f)
            }
        }
    }

    fn code_change(
        &mut self,
        state: &mut &'static str,
        _: &OldVersion,
        extra: Message,
    ) -> Result<(), ExitReason> {
        let extra = match extra.downcast::<&'static str>() {
            Ok("panic") => panic!("the new code"),
            extra => extra,
        };
        *state = extra.map_err(|_| reason())?;
        Ok(())
    }
}

mod the_status {
    use super::*;

    // OTP: gen_statem_SUITE:timeout_cancel_and_update, call_format_status
    #[test]
    fn has_what_is_postponed_and_the_timeouts() {
        let machine = machine(|_, _, event, _| match event.name() {
            "start" => keep_state().state_timeout(FOREVER, Event::Say("late")).generic_timeout(
                "x",
                FOREVER,
                Event::Say("later"),
            ),
            _ => keep_state().postpone(event),
        });
        machine.cast(Event::Say("start"));
        machine.cast(Event::Say("wait"));
        let status = machine.sys().get_status().unwrap();
        assert!(status.state.starts_with("(\"a\", Machine {"), "{status:?}");
        assert!(status.module.ends_with("::Machine"), "{status:?}");
        let known = status.machine.unwrap();
        assert_eq!(known.postponed, ["cast Say(\"wait\")"]);
        assert_eq!(known.timeouts, ["state timeout Say(\"late\")", "timeout \"x\" Say(\"later\")"]);
        assert!(known.queue.is_empty());
    }

    // OTP: gen_statem_SUITE:format_all_status
    #[test]
    fn hides_what_the_machine_hides() {
        let vault = Vault::start(1234).unwrap();
        vault.cast(99);
        let status = vault.sys().get_status().unwrap();
        assert_eq!(status.state, "(\"closed\", (hidden))");
        assert_eq!(status.machine.unwrap().postponed, ["cast (a code)"]);
    }

    // OTP: gen_statem_SUITE:error_format_status
    #[test]
    fn is_printed_as_far_as_it_can_be() {
        let vault = Vault::start(1234).unwrap();
        vault.cast(13);
        let postponed = vault.sys().get_status().unwrap().machine.unwrap().postponed;
        assert!(postponed[0].contains("unlucky"), "{postponed:?}");
    }
}

mod the_code {
    use super::*;

    // OTP: gen_statem_SUITE:code_change
    #[test]
    fn changes_the_state_of_a_machine_that_is_suspended() {
        let vault = Vault::start(1234).unwrap();
        let sys = vault.sys();
        assert_eq!(sys.change_code("1", "new"), Err(SysError::NotSuspended));
        sys.suspend().unwrap();
        assert_eq!(sys.change_code("1", "new"), Ok(()));
        assert_eq!(sys.change_code("1", 5), Err(SysError::Refused(reason())));
        sys.resume().unwrap();
        assert_eq!(sys.get_state(|it| it.state), Ok("new"));
    }

    #[test]
    fn that_panics_ends_the_machine() {
        let vault = Vault::start(1234).unwrap();
        let monitor = process::monitor(vault);
        vault.sys().suspend().unwrap();
        vault.sys().change_code("1", "panic").unwrap_err();
        assert_eq!(down_reason(monitor).as_panic().unwrap().message, "the new code");
    }

    // OTP: gen_statem_SUITE:undef_code_change
    #[test]
    fn is_not_changed_without_a_callback() {
        let machine = machine(|_, _, _, _| keep_state());
        let sys = machine.sys();
        sys.suspend().unwrap();
        let refused = sys.change_code("1", ());
        assert!(matches!(refused, Err(SysError::Refused(_))), "{refused:?}");
    }
}

mod a_suspended_machine {
    use super::*;

    // OTP: gen_statem_SUITE:sys1
    #[test]
    fn handles_its_events_when_it_is_resumed() {
        let machine = machine(|_, _, event, _| keep_state().reply(event.client(), 1));
        let sys = machine.sys();
        sys.suspend().unwrap();
        let mut request = machine.send_request(|client| Event::Ask("ask", client));
        assert_eq!(sys.get_status().unwrap().mode, procession::sys::Mode::Suspended);
        let early = request.wait_response(Duration::ZERO).unwrap_err();
        assert_eq!(*early.kind(), CallErrorKind::Timeout);
        sys.resume().unwrap();
        assert_eq!(request.receive_response(FOREVER).unwrap(), 1);
    }
}

mod the_log {
    use super::*;

    // OTP: gen_statem_SUITE:sys1, state_enter
    #[test]
    fn has_each_step_of_a_machine() {
        let script = Script::new(|_, _, event, state| match (state, event.name()) {
            ("a", "ask") => keep_state().postpone(event),
            ("a", _) => next_state("b")
                .state_timeout(FOREVER, Event::Say("late"))
                .next_event(EventType::Internal, Event::Say("x")),
            ("b", "ask") => keep_state().reply(event.client(), 5),
            _ => keep_state(),
        });
        let machine = script.enter(|_, _, _| entered()).start();
        let sys = machine.sys();
        sys.log_on(20).unwrap();
        sys.statistics_on().unwrap();
        let request = machine.send_request(|client| Event::Ask("ask", client));
        machine.cast(Event::Say("go"));
        assert_eq!(request.receive_response(FOREVER).unwrap(), 5);
        let log = sys.log().unwrap();
        let me = process::self_pid();
        let starts = [
            "got call Ask(\"ask\"",
            "postponed call Ask(\"ask\"",
            "got cast Say(\"go\")",
            "got internal Say(\"x\")",
            "entering state \"b\"",
            "consumed cast Say(\"go\") in state \"a\" => \"b\"",
            "started state timeout in 3600s: Say(\"late\")",
            "consumed internal Say(\"x\") in state \"b\"",
            &format!("sent a u32 to {me}"),
            "consumed call Ask(\"ask\"",
        ];
        assert_eq!(log.len(), starts.len(), "{log:#?}");
        for (line, start) in log.iter().zip(starts) {
            assert!(line.starts_with(start), "{start}: {log:#?}");
        }
        let counted = sys.statistics().unwrap().unwrap();
        assert_eq!((counted.messages_in, counted.messages_out), (3, 1));
    }
}

mod the_steps {
    use super::*;

    const LONG: Duration = Duration::from_secs(60);

    fn late() -> Event {
        Event::Say("late")
    }

    #[derive(Debug)]
    struct Step(String);

    /// What a machine does that gets the event `go`, and then a stop.
    fn steps_of(script: Script) -> Vec<String> {
        let machine = script.start();
        let (me, monitor) = (process::self_pid(), process::monitor(machine.pid()));
        let install = machine.sys().install("steps", move |step, _| {
            process::send(me, Step(step.to_string()));
            ControlFlow::Continue(())
        });
        install.unwrap();
        machine.cast(Event::Say("go"));
        _ = machine.stop_with(ExitReason::Normal, FOREVER);
        down_reason(monitor);
        let step = || receive! { Step(step) => Some(step), after Duration::ZERO => None };
        std::iter::from_fn(step).collect()
    }

    // OTP 25, run: `consume`, then one `start_timer`, for the last of each, then `terminate`.
    #[test]
    fn have_no_timeout_that_is_not_started() {
        let script = Script::new(|_, _, _, _| {
            let twice = keep_state().state_timeout(FOREVER, late()).state_timeout(LONG, late());
            let never = twice.cancel(TimeoutType::State).timeout(Duration::MAX, late());
            never.generic_timeout("x", LONG, late()).generic_timeout("x", FOREVER, late())
        });
        let expected = [
            "got cast Say(\"go\")",
            "consumed cast Say(\"go\") in state \"a\"",
            "started timeout \"x\" in 3600s: Say(\"late\")",
            "terminated in state \"a\": normal",
        ];
        assert_eq!(steps_of(script), expected);
    }

    // OTP 25, run: the event is not consumed.
    #[test]
    fn of_a_machine_that_stops_as_it_enters_a_state_end_there() {
        let script = Script::new(|_, _, _, _| next_state("b").state_timeout(FOREVER, late()));
        let script = script.enter(|_, _, state| match state {
            "b" => stop(ExitReason::Shutdown),
            _ => entered(),
        });
        let expected =
            ["got cast Say(\"go\")", "entering state \"b\"", "terminated in state \"b\": shutdown"];
        assert_eq!(steps_of(script), expected);
    }

    // OTP 25, run: `consume` comes after the enter call, then `start_timer` of all, the last first.
    #[test]
    fn have_what_is_started_after_the_state_was_entered() {
        let script = Script::new(|_, _, _, _| next_state("b").state_timeout(FOREVER, late()));
        let script = script.enter(|_, _, state| match state {
            "b" => entered().generic_timeout("x", FOREVER, late()),
            _ => entered(),
        });
        let expected = [
            "got cast Say(\"go\")",
            "entering state \"b\"",
            "consumed cast Say(\"go\") in state \"a\" => \"b\"",
            "started state timeout in 3600s: Say(\"late\")",
            "started timeout \"x\" in 3600s: Say(\"late\")",
            "terminated in state \"b\": normal",
        ];
        assert_eq!(steps_of(script), expected);
    }
}

mod a_report {
    use super::*;

    /// The report of a machine that `fail` makes end, if there is one.
    fn report_of(pid: Pid, fail: impl FnOnce()) -> Option<ServerReport> {
        let me = process::self_pid();
        let handler = report::add_handler(move |report| {
            if let Report::Server(report) = report
                && report.pid == pid
            {
                process::send(me, report.clone());
            }
        });
        let monitor = process::monitor(pid);
        fail();
        down_reason(monitor);
        report::remove_handler(handler);
        receive! {
            report: ServerReport => Some(report),
            after Duration::ZERO => None,
        }
    }

    // OTP: gen_statem_SUITE:error_format_status
    #[test]
    fn has_the_event_the_state_and_what_waits() {
        let machine = machine(|_, _, event, _| match event.name() {
            "fail" => stop(reason()),
            "insert" => keep_state()
                .state_timeout(FOREVER, Event::Say("late"))
                .next_event(EventType::Internal, Event::Say("fail"))
                .next_event(EventType::Internal, Event::Say("left")),
            _ => keep_state().postpone(event),
        });
        machine.cast(Event::Say("wait"));
        expect_seen(["a: cast wait"]);
        let report = report_of(machine.pid(), || machine.cast(Event::Say("insert"))).unwrap();
        assert_eq!(report.last_message.as_deref(), Some("internal Say(\"fail\")"));
        assert_eq!(report.reason, reason());
        assert!(report.state.starts_with("(\"a\", Machine {"), "{report}");
        let known = report.machine.as_ref().unwrap();
        assert_eq!(known.queue, ["internal Say(\"left\")"]);
        assert_eq!(known.postponed, ["cast Say(\"wait\")"]);
        assert_eq!(known.timeouts, ["state timeout Say(\"late\")"]);
        let text = report.to_string();
        assert!(text.starts_with("state machine <"), "{text}");
        assert!(text.contains("last event: internal Say(\"fail\")"), "{text}");
        assert_eq!(Report::Server(report).target(), "procession::gen_statem");
    }

    // OTP: gen_statem_SUITE:error_format_status
    #[test]
    fn hides_what_the_machine_hides() {
        let vault = Vault::start(1234).unwrap();
        let report = report_of(vault.pid(), || vault.cast(0)).unwrap();
        assert_eq!(report.last_message.as_deref(), Some("cast (a code)"));
        assert_eq!(report.state, "(\"closed\", (hidden))");
    }

    /// Cannot make an event of a message.
    #[derive(Debug)]
    struct Picky;

    impl GenStatem for Picky {
        type Args = ();
        type State = ();
        type Event = ();

        fn init((): ()) -> InitResult<Picky> {
            started((), Picky)
        }

        fn handle_event(&mut self, _: EventType, (): (), (): &()) -> StateResult<Picky> {
            keep_state()
        }

        fn info(message: Message) -> Result<(), Message> {
            panic!("what is {message:?}?")
        }
    }

    #[test]
    fn has_the_message_that_could_not_be_made_an_event() {
        let picky = Picky::start(()).unwrap();
        picky.cast(());
        let report = report_of(picky.pid(), || picky.send("this")).unwrap();
        assert_eq!(report.last_message.as_deref(), Some("\"this\""));
    }

    // OTP: gen_statem_SUITE:shutdown
    #[test]
    fn does_not_come_of_an_orderly_end() {
        for reason in [ExitReason::Normal, ExitReason::Shutdown] {
            let machine = machine(|_, _, _, _| keep_state());
            let report = report_of(machine.pid(), || machine.stop_with(reason, FOREVER).unwrap());
            assert!(report.is_none(), "{report:?}");
        }
    }

    #[test]
    fn has_no_client_of_a_cast() {
        let vault = Vault::start(1234).unwrap();
        assert_eq!(report_of(vault.pid(), || vault.cast(0)).unwrap().client, None);
    }

    // The client of a call that ends the machine is in its report.
    #[test]
    fn has_the_client_of_a_call() {
        let machine = machine(|_, _, _, _| stop(reason()));
        let report = report_of(machine.pid(), || {
            machine.call(|client| Event::Ask("ask", client)).unwrap_err();
        });
        assert_eq!(report.unwrap().client.unwrap().pid, process::self_pid());
    }
}

// A debugging function sees the state and the data.
#[test]
fn an_installed_function_gets_state_and_data() {
    let machine = machine(|_, _, event, _| next_state("b").reply(event.client(), 1));
    let was_in_b = Arc::new(AtomicBool::new(false));
    let flag = Arc::clone(&was_in_b);
    let sys = machine.sys();
    sys.install("look", move |_, it| {
        flag.fetch_or(it.state == "b", Ordering::SeqCst);
        ControlFlow::Continue(())
    })
    .unwrap();
    ask(machine, "1");
    ask(machine, "2");
    sys.remove("look").unwrap();
    assert!(was_in_b.load(Ordering::SeqCst));
    expect_seen(["a: call 1", "b: call 2"]);
    assert!(process::is_alive(machine.pid()));
}
