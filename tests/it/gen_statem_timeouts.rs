//! The timeouts of state machines.

use std::time::{Duration, Instant};

use procession::prelude::*;
use procession::process::Overflow;
use procession::timer;

use crate::support::machine::{Event, Machine, Script, Seen, cast_together, expect_seen, machine};
use crate::support::processes::FOREVER;
use crate::support::wait::expect;

const ZERO: Duration = Duration::ZERO;
const SOON: Duration = Duration::from_millis(1);

fn late() -> Event {
    Event::Say("late")
}

mod a_state_timeout {
    use super::*;

    // OTP: gen_statem_SUITE:state_timeout
    #[test]
    fn comes_though_there_are_events_in_the_state() {
        let machine = machine(|_, _, event, _| match event.name() {
            "start" => keep_state().state_timeout(SOON, late()),
            _ => keep_state(),
        });
        cast_together(machine, ["start", "other"]);
        expect_seen(["a: cast start", "a: cast other", "a: state timeout late"]);
    }

    // OTP: gen_statem_SUITE:state_timeout
    #[test]
    fn is_cancelled_by_a_change_of_the_state() {
        let machine = machine(|_, _, event, _| match event.name() {
            "start" => keep_state().state_timeout(SOON, late()),
            "go" => next_state("b").generic_timeout("x", SOON * 2, Event::Say("end")),
            _ => keep_state(),
        });
        cast_together(machine, ["start", "go"]);
        expect_seen(["a: cast start", "a: cast go", "b: timeout \"x\" end"]);
    }

    // OTP: gen_statem_SUITE:state_timeout
    #[test]
    fn of_a_transition_is_that_of_the_new_state() {
        let machine = machine(|_, _, event, _| match event.name() {
            "go" => next_state("b").state_timeout(SOON, late()),
            _ => keep_state(),
        });
        machine.cast(Event::Say("go"));
        expect_seen(["a: cast go", "b: state timeout late"]);
    }

    // OTP: gen_statem_SUITE:state_timeout (message_to_self)
    #[test]
    fn of_zero_comes_after_inserted_events_and_before_messages() {
        let machine = machine(|_, _, event, _| match event.name() {
            "go" => {
                process::send(process::self_pid(), "message");
                keep_state()
                    .state_timeout(ZERO, late())
                    .next_event(EventType::Internal, Event::Say("inserted"))
            }
            _ => keep_state(),
        });
        machine.cast(Event::Say("go"));
        expect_seen(["a: cast go", "a: internal inserted", "a: state timeout late"]);
        expect_seen(["a: info message"]);
    }

    // OTP: gen_statem_SUITE:state_timeout
    #[test]
    fn of_zero_that_comes_first_ends_the_event_timeout() {
        let machine = machine(|_, _, event, _| match event.name() {
            "1" => keep_state().state_timeout(ZERO, late()).timeout(ZERO, Event::Say("never")),
            "2" => keep_state().timeout(ZERO, Event::Say("first")).state_timeout(ZERO, late()),
            _ => keep_state(),
        });
        machine.cast(Event::Say("1"));
        machine.cast(Event::Say("2"));
        expect_seen(["a: cast 1", "a: state timeout late"]);
        expect_seen(["a: cast 2", "a: timeout first", "a: state timeout late"]);
    }
}

mod an_event_timeout {
    use super::*;

    // OTP: gen_statem_SUITE:event_order
    #[test]
    fn is_not_delivered_if_events_wait() {
        let machine = machine(|_, _, event, state| match (state, event.name()) {
            ("a", "postponed") => keep_state().postpone(event),
            ("a", "go") => next_state("b").timeout(ZERO, late()),
            ("b", "insert") => keep_state()
                .timeout(ZERO, late())
                .next_event(EventType::Internal, Event::Say("inserted")),
            _ => keep_state(),
        });
        for event in ["postponed", "go", "insert", "end"] {
            machine.cast(Event::Say(event));
        }
        expect_seen(["a: cast postponed", "a: cast go", "b: cast postponed"]);
        expect_seen(["b: cast insert", "b: internal inserted", "b: cast end"]);
    }

    #[test]
    fn comes_if_no_event_does() {
        let machine = machine(|_, _, event, _| match event.name() {
            "go" => keep_state().timeout(SOON, late()),
            _ => keep_state(),
        });
        machine.cast(Event::Say("go"));
        expect_seen(["a: cast go", "a: timeout late"]);
    }

    #[test]
    fn is_ended_by_an_event() {
        let machine = machine(|_, _, event, _| match event.name() {
            "go" => keep_state().timeout(SOON, late()),
            "other" => keep_state().generic_timeout("x", SOON * 2, Event::Say("end")),
            _ => keep_state(),
        });
        cast_together(machine, ["go", "other"]);
        expect_seen(["a: cast go", "a: cast other", "a: timeout \"x\" end"]);
    }
}

mod a_generic_timeout {
    use super::*;

    // OTP: gen_statem_SUITE:generic_timers
    #[test]
    fn runs_beside_others_through_events_and_states() {
        let machine = machine(|_, _, event, _| match event.name() {
            "start" => keep_state()
                .generic_timeout("x", SOON * 2, Event::Say("second"))
                .generic_timeout("y", SOON, Event::Say("first")),
            "go" => next_state("b"),
            _ => keep_state(),
        });
        cast_together(machine, ["start", "go"]);
        expect_seen(["a: cast start", "a: cast go"]);
        let mut seen = [(); 2].map(|()| expect::<Seen>().0);
        seen.sort();
        assert_eq!(seen, ["b: timeout \"x\" second", "b: timeout \"y\" first"]);
    }

    // OTP: gen_statem_SUITE:generic_timers
    #[test]
    fn that_is_started_again_comes_once() {
        let machine = machine(|_, _, event, _| match event.name() {
            "first" => keep_state().generic_timeout("x", FOREVER, Event::Say("never")),
            "second" => keep_state().generic_timeout("x", SOON, late()),
            _ => keep_state(),
        });
        machine.cast(Event::Say("first"));
        machine.cast(Event::Say("second"));
        expect_seen(["a: cast first", "a: cast second", "a: timeout \"x\" late"]);
    }

    // OTP 25, run: the last of a list wins
    #[test]
    fn that_is_set_twice_is_set_by_the_last() {
        let machine =
            machine(|_, _, event, _| match event.name() {
                "go" => keep_state()
                    .generic_timeout("x", ZERO, Event::Say("never"))
                    .generic_timeout("x", SOON, late()),
                _ => keep_state(),
            });
        machine.cast(Event::Say("go"));
        expect_seen(["a: cast go", "a: timeout \"x\" late"]);
    }
}

mod a_timeout {
    use super::*;

    // OTP's documentation of {abs, true}
    #[test]
    fn at_an_instant_that_is_past_comes_at_once() {
        let machine = machine(|_, _, event, _| match event.name() {
            "event" => keep_state().timeout_at(Instant::now(), late()),
            "state" => keep_state().state_timeout_at(Instant::now(), late()),
            "generic" => keep_state().generic_timeout_at("x", Instant::now(), late()),
            _ => keep_state(),
        });
        for (name, kind) in
            [("event", "timeout"), ("state", "state timeout"), ("generic", "timeout \"x\"")]
        {
            machine.cast(Event::Say(name));
            assert_eq!(expect::<Seen>().0, format!("a: cast {name}"));
            assert_eq!(expect::<Seen>().0, format!("a: {kind} late"));
        }
    }

    // OTP's documentation of {abs, true}
    #[test]
    fn at_an_instant_to_come_waits_for_it() {
        let machine = machine(|_, _, event, _| match event.name() {
            "go" => {
                let then = Instant::now() + FOREVER;
                keep_state()
                    .timeout_at(then, late())
                    .state_timeout_at(then, late())
                    .generic_timeout_at("x", then, late())
            }
            _ => keep_state(),
        });
        machine.cast(Event::Say("go"));
        machine.cast(Event::Say("end"));
        expect_seen(["a: cast go", "a: cast end"]);
        let status = machine.sys().get_status().unwrap().machine.unwrap();
        assert_eq!(status.timeouts.len(), 2, "an event has ended the event timeout: {status:?}");
    }

    // OTP: gen_statem_SUITE:timeout_cancel_and_update
    #[test]
    fn that_is_cancelled_does_not_come() {
        let machine = machine(|_, _, event, _| match event.name() {
            "go" => keep_state()
                .generic_timeout("x", ZERO, Event::Say("never"))
                .next_event(EventType::Internal, Event::Say("cancel")),
            "cancel" => keep_state().cancel("x").cancel("y".to_owned()),
            _ => keep_state(),
        });
        machine.cast(Event::Say("go"));
        machine.cast(Event::Say("end"));
        expect_seen(["a: cast go", "a: internal cancel", "a: cast end"]);
    }

    // OTP: gen_statem_SUITE:state_timeout
    #[test]
    fn that_has_fired_and_is_cancelled_then_does_not_come() {
        let machine = machine(|_, _, event, _| match event.name() {
            "go" => keep_state().generic_timeout("x", SOON, Event::Say("never")),
            "cancel" => {
                wait_for_the_timers();
                keep_state().cancel("x")
            }
            _ => keep_state(),
        });
        cast_together(machine, ["go", "cancel"]);
        expect_seen(["a: cast go", "a: cast cancel"]);
        machine.cast(Event::Say("end"));
        expect_seen(["a: cast end"]);
    }

    // OTP: gen_statem_SUITE:timeout_cancel_and_update
    #[test]
    fn that_is_updated_comes_with_the_new_event() {
        let machine = machine(|_, _, event, _| match event.name() {
            "go" => keep_state().generic_timeout("x", SOON, Event::Say("old")),
            "update" => keep_state().update("x", Event::Say("new")),
            "new" => keep_state().update("x", Event::Say("at once")),
            _ => keep_state(),
        });
        cast_together(machine, ["go", "update"]);
        expect_seen(["a: cast go", "a: cast update", "a: timeout \"x\" new"]);
        expect_seen(["a: timeout \"x\" at once"]);
    }

    // OTP: gen_statem_SUITE:timeout_cancel_and_update
    #[test]
    fn that_fires_during_a_callback_comes_once_after_it() {
        let machine = machine(|_, _, event, _| match event.name() {
            "start" => keep_state().generic_timeout("x", SOON, late()),
            "work" => {
                wait_for_the_timers();
                process::send(process::self_pid(), "after");
                keep_state()
            }
            _ => keep_state(),
        });
        cast_together(machine, ["start", "work"]);
        expect_seen(["a: cast start", "a: cast work"]);
        expect_seen(["a: timeout \"x\" late", "a: info after"]);
    }

    #[test]
    fn needs_no_room_in_the_mailbox() {
        let options = StartOptions::new().mailbox_capacity(2, Overflow::Refuse);
        let script = Script::new(|data, _, event, _| match event.name() {
            "go" => {
                hold(data.test);
                let hold = Event::Say("hold");
                keep_state().state_timeout(SOON, late()).next_event(EventType::Internal, hold)
            }
            "hold" => {
                hold(data.test);
                keep_state()
            }
            _ => keep_state(),
        });
        let machine = Machine::start_with((process::self_pid(), script), options).unwrap();
        machine.cast(Event::Say("go"));
        let alias = expect::<Alias>();
        for event in ["1", "2"] {
            machine.try_cast(Event::Say(event)).unwrap();
        }
        assert!(machine.try_cast(Event::Say("refused")).is_err());
        process::send(alias, GoOn);
        let alias = expect::<Alias>();
        // The machine has started its timer; that of this one is over later.
        timer::send_after(SOON * 2, process::self_pid(), ());
        receive! { () => {} }
        process::send(alias, GoOn);
        expect_seen(["a: cast go", "a: internal hold"]);
        expect_seen(["a: cast 1", "a: cast 2", "a: state timeout late"]);
    }

    /// To the machine, whose mailbox is full.
    #[derive(Debug)]
    struct GoOn;

    /// Waits, in a machine, until the test lets it go on.
    fn hold(test: Pid) {
        process::send(test, process::alias());
        receive! { GoOn => {} }
    }

    /// Waits, in a machine, until its timers that are soon over have fired.
    fn wait_for_the_timers() {
        timer::send_after(SOON * 2, process::self_pid(), ());
        receive! { () => {} }
    }
}
