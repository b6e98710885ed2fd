//! Transitions, postponed and inserted events, state enter calls, and callbacks that change.

use std::time::Duration;

use procession::gen_statem::{BadAction, Callbacks, InitResult, OwnCallbacks, StateFunction};
use procession::prelude::*;
use procession::process::Status;

use crate::support::machine::{
    Event, Machine, Script, Seen, State, Terminated, ask, cast_together, expect_seen, machine,
};
use crate::support::processes::{FOREVER, in_process, reason};
use crate::support::wait::{assert_no_message, down_reason, expect, wait_until};

const ZERO: Duration = Duration::ZERO;

mod a_postponed_event {
    use super::*;

    // OTP: gen_statem_SUITE:event_order
    #[test]
    fn is_handled_again_when_the_state_has_changed() {
        let machine = machine(|_, _, event, state| match (state, event.name()) {
            ("a", "go") => next_state("b"),
            ("a", _) => keep_state().postpone(event),
            _ => keep_state(),
        });
        for event in ["1", "2", "go", "3"] {
            machine.cast(Event::Say(event));
        }
        expect_seen(["a: cast 1", "a: cast 2", "a: cast go"]);
        expect_seen(["b: cast 1", "b: cast 2", "b: cast 3"]);
    }

    // OTP 25, run
    #[test]
    fn that_is_postponed_again_waits_for_the_next_change() {
        let machine = machine(|_, _, event, state| match (state, event.name()) {
            ("a", "go") => next_state("b"),
            ("b", "go") => next_state("c"),
            ("c", _) => keep_state(),
            _ => keep_state().postpone(event),
        });
        for event in ["1", "2", "go", "3", "go"] {
            machine.cast(Event::Say(event));
        }
        expect_seen(["a: cast 1", "a: cast 2", "a: cast go"]);
        expect_seen(["b: cast 1", "b: cast 2", "b: cast 3", "b: cast go"]);
        expect_seen(["c: cast 1", "c: cast 2", "c: cast 3"]);
    }

    // OTP 25, run: only the last postpone counts
    #[test]
    fn is_the_last_that_was_handed_back() {
        let machine = machine(|_, _, event, state| match (state, event.name()) {
            ("a", "go") => next_state("b"),
            ("a", _) => keep_state().postpone(Event::Say("other")).postpone(event),
            _ => keep_state(),
        });
        machine.cast(Event::Say("1"));
        machine.cast(Event::Say("go"));
        expect_seen(["a: cast 1", "a: cast go", "b: cast 1"]);
    }
}

mod an_inserted_event {
    use super::*;

    // OTP: gen_statem_SUITE:next_events
    #[test]
    fn comes_before_those_that_wait() {
        let machine = machine(|_, _, event, _| match event.name() {
            "1" => keep_state()
                .next_event(EventType::Internal, Event::Say("a"))
                .next_event(EventType::Internal, Event::Say("b")),
            "a" => keep_state().next_event(EventType::Internal, Event::Say("c")),
            _ => keep_state(),
        });
        machine.cast(Event::Say("1"));
        machine.cast(Event::Say("2"));
        expect_seen(["a: cast 1", "a: internal a", "a: internal c", "a: internal b", "a: cast 2"]);
    }

    // OTP: gen_statem_SUITE:event_types
    #[test]
    fn has_any_type() {
        let machine = machine(|_, _, event, _| {
            if event.name() != "go" {
                return keep_state();
            }
            let kinds = [
                EventType::Cast,
                EventType::Info,
                EventType::Call(process::self_pid()),
                EventType::EventTimeout,
                EventType::StateTimeout,
                EventType::GenericTimeout("x".into()),
            ];
            let insert =
                |result: StateResult<Machine>, kind| result.next_event(kind, Event::Say("it"));
            kinds.into_iter().fold(keep_state(), insert)
        });
        machine.cast(Event::Say("go"));
        expect_seen(["a: cast go", "a: cast it", "a: info it", "a: call it", "a: timeout it"]);
        expect_seen(["a: state timeout it", "a: timeout \"x\" it"]);
    }

    #[test]
    fn of_a_machine_that_inserts_for_ever_does_not_keep_it_from_being_ended() {
        let machine = Quiet::start(()).unwrap();
        let monitor = process::monitor(machine);
        machine.cast(Event::Say("go"));
        process::exit(machine.pid(), reason());
        assert_eq!(down_reason(monitor), reason());
    }

    /// Tells nobody what it does.
    #[derive(Debug)]
    struct Quiet(u64);

    impl GenStatem for Quiet {
        type Args = ();
        type State = ();
        type Event = Event;

        fn init((): ()) -> InitResult<Quiet> {
            started((), Quiet(0))
        }

        fn handle_event(&mut self, _: EventType, event: Event, (): &()) -> StateResult<Quiet> {
            self.0 += 1;
            keep_state().next_event(EventType::Internal, event)
        }
    }
}

mod hibernation {
    use super::*;

    fn hibernates(pid: Pid) -> bool {
        process::info(pid).is_some_and(|info| info.status == Status::Hibernating)
    }

    // OTP: gen_statem_SUITE:hibernate
    #[test]
    fn lasts_until_any_event() {
        let machine = machine(|_, _, event, _| match event.name() {
            "sleep" => keep_state().hibernate(),
            _ => keep_state().reply(event.client(), 1),
        });
        machine.cast(Event::Say("sleep"));
        wait_until(|| hibernates(machine.pid()));
        assert_eq!(ask(machine, "wake"), 1);
        assert!(!hibernates(machine.pid()));
        machine.stop().unwrap();
    }

    // OTP: gen_statem_SUITE:hibernate
    #[test]
    fn does_not_come_before_inserted_events() {
        let machine = machine(|_, _, event, _| match event.name() {
            "sleep" => keep_state().hibernate().next_event(EventType::Internal, Event::Say("x")),
            _ => keep_state(),
        });
        machine.cast(Event::Say("sleep"));
        expect_seen(["a: cast sleep", "a: internal x"]);
    }

    // OTP: gen_statem_SUITE:hibernate
    #[test]
    fn does_not_come_before_retried_events() {
        let machine = machine(|_, _, event, state| match (state, event.name()) {
            ("a", "sleep") => next_state("b").hibernate(),
            ("a", _) => keep_state().postpone(event),
            _ => keep_state(),
        });
        machine.cast(Event::Say("1"));
        machine.cast(Event::Say("sleep"));
        expect_seen(["a: cast 1", "a: cast sleep", "b: cast 1"]);
    }

    // OTP: gen_statem_SUITE:auto_hibernate
    #[test]
    fn comes_by_itself_after_a_while() {
        let options = StartOptions::new().hibernate_after(Duration::from_millis(1));
        let script = Script::new(|_, _, event, _| keep_state().reply(event.client(), 1));
        let machine = Machine::start_with((process::self_pid(), script), options).unwrap();
        wait_until(|| hibernates(machine.pid()));
        assert_eq!(ask(machine, "wake"), 1);
        wait_until(|| hibernates(machine.pid()));
    }
}

mod a_next_state {
    use super::*;

    /// Is equal to another of the same name.
    #[derive(Debug)]
    struct Versioned(&'static str, u32);

    impl PartialEq for Versioned {
        fn eq(&self, other: &Versioned) -> bool {
            self.0 == other.0
        }
    }

    #[derive(Debug)]
    struct Keeper;

    impl GenStatem for Keeper {
        type Args = ();
        type State = Versioned;
        type Event = u32;

        fn init((): ()) -> InitResult<Self> {
            started(Versioned("a", 0), Keeper)
        }

        fn handle_event(&mut self, _: EventType, version: u32, _: &Versioned) -> StateResult<Self> {
            next_state(Versioned("a", version))
        }

        fn state_enter(&mut self, _: &Versioned, state: &Versioned) -> EnterResult<Self> {
            assert_eq!(state.1, 0, "an equal state is entered");
            entered()
        }
    }

    #[test]
    fn that_is_equal_takes_the_place_of_the_present_one() {
        let keeper = Keeper::start(()).unwrap();
        keeper.cast(7);
        assert_eq!(keeper.sys().get_state(|it| it.state.1), Ok(7));
    }
}

mod a_state_enter_call {
    use super::*;

    fn go(_: &mut Machine, _: EventType, event: Event, _: State) -> StateResult<Machine> {
        match event.name() {
            "a" => next_state("a"),
            "b" => next_state("b"),
            "repeat" => repeat_state(),
            _ => keep_state(),
        }
    }

    // OTP: gen_statem_SUITE:state_enter
    #[test]
    fn comes_first_and_at_each_change_of_the_state() {
        let machine = Script::new(go).enter(|_, _, _| entered()).start();
        machine.cast(Event::Say("b"));
        machine.cast(Event::Say("x"));
        expect_seen(["a -> a", "a: cast b", "a -> b", "b: cast x"]);
    }

    // OTP: gen_statem_SUITE:state_enter
    #[test]
    fn does_not_come_for_the_same_state_unless_it_is_repeated() {
        let machine = Script::new(go).enter(|_, _, _| entered()).start();
        for event in ["a", "repeat", "x"] {
            machine.cast(Event::Say(event));
        }
        expect_seen(["a -> a", "a: cast a", "a: cast repeat", "a -> a", "a: cast x"]);
    }

    // OTP: gen_statem_SUITE:state_enter (wait)
    #[test]
    fn is_made_again_as_long_as_it_wants() {
        let enter = |data: &mut Machine, _: State, state: State| {
            data.count += u32::from(state == "b");
            if (1..3).contains(&data.count) { enter_again() } else { entered() }
        };
        let machine = Script::new(go).enter(enter).start();
        machine.cast(Event::Say("b"));
        expect_seen(["a -> a", "a: cast b", "a -> b", "a -> b", "a -> b"]);
    }

    #[test]
    fn that_is_made_again_for_ever_does_not_keep_the_machine_from_being_ended() {
        /// Enters its state again and again, and starts a timeout each time.
        #[derive(Debug)]
        struct Restless;

        impl GenStatem for Restless {
            type Args = ();
            type State = ();
            type Event = ();

            fn init((): ()) -> InitResult<Self> {
                started((), Restless)
            }

            fn handle_event(&mut self, _: EventType, (): (), (): &()) -> StateResult<Self> {
                keep_state()
            }

            fn state_enter(&mut self, (): &(), (): &()) -> EnterResult<Self> {
                enter_again().state_timeout(FOREVER, ())
            }
        }

        let (machine, monitor) = Restless::start_monitor(()).unwrap();
        process::exit(machine.pid(), ExitReason::Shutdown);
        assert_eq!(down_reason(monitor), ExitReason::Shutdown);
    }

    // OTP: gen_statem_SUITE:state_enter
    #[test]
    fn comes_before_retried_and_inserted_events() {
        let script = Script::new(|_, _, event, state| match (state, event.name()) {
            ("a", "1") => keep_state().postpone(event),
            ("a", _) => next_state("b").next_event(EventType::Internal, Event::Say("x")),
            _ => keep_state(),
        });
        let machine = script.enter(|_, _, _| entered()).start();
        machine.cast(Event::Say("1"));
        machine.cast(Event::Say("go"));
        expect_seen(["a -> a", "a: cast 1", "a: cast go", "a -> b", "b: internal x", "b: cast 1"]);
    }

    // OTP: gen_statem_SUITE:state_enter
    #[test]
    fn may_reply() {
        let script = Script::new(|data, _, event, _| {
            data.clients.push(event.client());
            next_state("b")
        });
        let enter = |data: &mut Machine, _: State, _: State| match data.clients.pop() {
            Some(client) => entered().reply(client, 4),
            None => entered(),
        };
        assert_eq!(ask(script.enter(enter).start(), "ask"), 4);
    }

    // OTP: gen_statem_SUITE:state_enter
    #[test]
    fn starts_timeouts_of_zero_that_come_in_their_order() {
        let enter = |_: &mut Machine, _: State, _: State| {
            let event = |name| Event::Say(name);
            entered().timeout(ZERO, event("1")).state_timeout(ZERO, event("2"))
        };
        Script::new(|_, _, _, _| keep_state()).enter(enter).start();
        expect_seen(["a -> a", "a: timeout 1", "a: state timeout 2"]);
    }

    #[test]
    fn may_end_the_machine_which_is_in_the_new_state_then() {
        let enter = |_: &mut Machine, _: State, state: State| match state {
            "b" => gen_statem::stop(reason()),
            _ => entered(),
        };
        let machine = Script::new(go).enter(enter).start();
        machine.cast(Event::Say("b"));
        expect_seen(["a -> a", "a: cast b", "a -> b"]);
        assert_eq!(expect::<Terminated>(), Terminated(reason(), "b"));
    }

    #[test]
    fn that_panics_ends_the_machine_in_the_new_state() {
        let enter = |_: &mut Machine, _: State, state: State| match state {
            "b" => panic!("no entry"),
            _ => entered(),
        };
        let machine = Script::new(go).enter(enter).start();
        let monitor = process::monitor(machine);
        machine.cast(Event::Say("b"));
        let reason = down_reason(monitor);
        assert_eq!(reason.as_panic().unwrap().message, "no entry");
        assert_eq!(expect::<Terminated>(), Terminated(reason, "b"));
    }

    // OTP 25, run: repeat_state retries nothing, and leaves the state timeout alone
    #[test]
    fn of_a_repeated_state_changes_nothing_else() {
        let script = Script::new(|_, _, event, state| match (state, event.name()) {
            ("a", "postpone") => keep_state()
                .postpone(event)
                .state_timeout(Duration::from_millis(1), Event::Say("late")),
            ("a", "repeat") => repeat_state(),
            ("a", "late") => next_state("b"),
            _ => keep_state(),
        });
        let machine = script.enter(|_, _, _| entered()).start();
        cast_together(machine, ["postpone", "repeat"]);
        expect_seen(["a -> a", "a: cast postpone"]);
        expect_seen(["a: cast repeat", "a -> a", "a: state timeout late", "a -> b"]);
        expect_seen(["b: cast postpone"]);
    }
}

mod callbacks {
    use super::*;

    /// Handles the events in the place of the machine.
    struct Others(&'static str);

    impl Callbacks<Machine> for Others {
        fn handle_event(
            &self,
            data: &mut Machine,
            _: EventType,
            event: Event,
            _: &State,
        ) -> StateResult<Machine> {
            let seen = format!("{}: {}", self.0, event.name());
            process::send(data.test, Seen(seen));
            match event.name() {
                "push" => keep_state().push_callback_module(&SECOND),
                "pop" => keep_state().pop_callback_module(),
                "change" => keep_state().change_callback_module(&SECOND),
                "next" => next_state("b"),
                "own" => next_state("b").change_callback_module(&OwnCallbacks),
                _ => keep_state(),
            }
        }

        fn state_enter(&self, data: &mut Machine, _: &State, _: &State) -> EnterResult<Machine> {
            let seen = format!("{} enters", self.0);
            process::send(data.test, Seen(seen));
            entered()
        }
    }

    static FIRST: Others = Others("first");
    static SECOND: Others = Others("second");

    fn own(_: &mut Machine, _: EventType, event: Event, _: State) -> StateResult<Machine> {
        match event.name() {
            "push" => keep_state().push_callback_module(&FIRST),
            _ => keep_state(),
        }
    }

    // OTP: gen_statem_SUITE:pop_too_many
    #[test]
    fn stand_in_for_the_machine_until_they_are_popped() {
        let machine = machine(own);
        for event in ["push", "push", "x", "pop", "x", "pop", "x"] {
            machine.cast(Event::Say(event));
        }
        expect_seen(["a: cast push", "first: push", "second: x", "second: pop"]);
        expect_seen(["first: x", "first: pop", "a: cast x"]);
    }

    // OTP: gen_statem_SUITE:pop_too_many
    #[test]
    fn that_are_changed_do_not_come_back() {
        let machine = machine(own);
        for event in ["push", "change", "x", "pop", "x"] {
            machine.cast(Event::Say(event));
        }
        expect_seen(["a: cast push", "first: change", "second: x", "second: pop", "a: cast x"]);
    }

    /// Terminates in the place of the machine.
    struct Last;

    impl Callbacks<Machine> for Last {
        fn handle_event(
            &self,
            _: &mut Machine,
            _: EventType,
            _: Event,
            _: &State,
        ) -> StateResult<Machine> {
            next_state("b")
        }

        fn terminate(&self, data: &mut Machine, reason: &ExitReason, state: &State) {
            let seen = format!("the last terminates in {state}: {reason}");
            process::send(data.test, Seen(seen));
        }
    }

    #[test]
    fn terminate_too() {
        in_process(|| {
            let machine = machine(|_, _, _, _| keep_state().change_callback_module(&Last));
            for event in ["change", "go"] {
                machine.cast(Event::Say(event));
            }
            machine.stop().unwrap();
            expect_seen(["a: cast change", "the last terminates in b: normal"]);
            assert_no_message(); // The machine itself does not.
        });
    }

    #[test]
    fn of_the_machine_itself_come_back_when_they_are_asked_for() {
        let machine = Script::new(own).enter(|_, _, _| entered()).start();
        for event in ["push", "own", "x"] {
            machine.cast(Event::Say(event));
        }
        expect_seen(["a -> a", "a: cast push", "first: own", "a -> b", "b: cast x"]);
        machine.stop().unwrap();
        assert_eq!(expect::<Terminated>(), Terminated(ExitReason::Normal, "b"));
    }

    // OTP 25, run: the machine is in the next state.
    #[test]
    fn that_are_popped_in_vain_end_the_machine_in_the_next_state() {
        let machine = machine(|_, _, _, _| next_state("b").pop_callback_module());
        machine.cast(Event::Say("pop"));
        let reason = ExitReason::from(BadAction::PopCallbackModule);
        assert_eq!(expect::<Terminated>(), Terminated(reason, "b"));
    }

    #[test]
    fn enter_states_too() {
        let machine = machine(own);
        for event in ["push", "next"] {
            machine.cast(Event::Say(event));
        }
        expect_seen(["a: cast push", "first: next", "first enters"]);
        machine.stop().unwrap();
        assert_eq!(expect::<Terminated>(), Terminated(ExitReason::Normal, "b"));
    }
}

mod a_state_function {
    use super::*;

    /// A switch, with a function for each state.
    #[derive(Debug)]
    struct Switch(u32);

    impl Switch {
        const OFF: StateFunction<Switch> = StateFunction::new("off", Switch::off);
        const ON: StateFunction<Switch> = StateFunction::new("on", Switch::on);

        fn off(&mut self, _: EventType, event: ReplyTo<u32>) -> StateResult<Switch> {
            self.0 += 1;
            next_state(Switch::ON).reply(event, self.0)
        }

        fn on(&mut self, _: EventType, event: ReplyTo<u32>) -> StateResult<Switch> {
            next_state(Switch::OFF).reply(event, 0)
        }
    }

    impl GenStatem for Switch {
        type Args = ();
        type State = StateFunction<Switch>;
        type Event = ReplyTo<u32>;

        fn init((): ()) -> InitResult<Switch> {
            started(Switch::OFF, Switch(0))
        }

        fn handle_event(
            &mut self,
            kind: EventType,
            event: ReplyTo<u32>,
            state: &StateFunction<Switch>,
        ) -> StateResult<Switch> {
            state.call(self, kind, event)
        }
    }

    #[test]
    fn handles_the_events_of_its_state() {
        let switch = Switch::start(()).unwrap();
        let push = || switch.call(|client| client).unwrap();
        assert_eq!([push(), push(), push()], [1, 0, 2]);
        assert_eq!(switch.sys().get_status().unwrap().state, "(on, Switch(2))");
    }

    #[test]
    fn is_equal_to_another_of_its_name() {
        assert_eq!(Switch::ON, Switch::ON);
        assert_ne!(Switch::ON, Switch::OFF);
        assert_eq!(Switch::ON.name(), "on");
    }
}
