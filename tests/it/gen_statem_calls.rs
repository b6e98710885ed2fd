//! Calls of state machines, and casts.

use std::time::Duration;

use procession::gen_statem::{InitResult, RequestIds, WaitError};
use procession::prelude::*;

use crate::support::machine::{Event, Machine, ask, expect_seen, machine};
use crate::support::processes::{FOREVER, dead_pid, in_process};
use crate::support::wait::{assert_no_message, expect};

/// Keeps its clients without an answer, until it is told to give them one.
fn keeper() -> StatemRef<Machine> {
    machine(|data, _, event, _| match event.name() {
        "answer" => {
            let clients = std::mem::take(&mut data.clients);
            clients.into_iter().fold(next_state("b"), |result, client| result.reply(client, 7))
        }
        _ => {
            data.clients.push(event.client());
            keep_state()
        }
    })
}

mod a_call {
    use super::*;

    // OTP: gen_statem_SUITE:start1
    #[test]
    fn returns_the_reply_of_an_action() {
        let machine = machine(|_, _, event, _| keep_state().reply(event.client(), 5));
        assert_eq!(ask(machine, "ask"), 5);
    }

    #[test]
    fn returns_the_reply_of_the_place_where_it_goes() {
        let machine = machine(|_, _, event, _| {
            event.client().reply(5);
            keep_state()
        });
        assert_eq!(ask(machine, "ask"), 5);
    }

    /// Each variant has its own reply.
    #[derive(Debug)]
    struct Typed;

    #[derive(Debug)]
    enum Question {
        Number(ReplyTo<u8>),
        Text(&'static str, ReplyTo<String>),
    }

    impl Question {
        fn number(client: ReplyTo<u8>) -> Question {
            Question::Number(client)
        }

        fn ask_in_closure(to: &StatemRef<Typed, Name>) -> Result<String, CallError> {
            to.call(|client| Question::Text("two", client))
        }
    }

    impl GenStatem for Typed {
        type Args = ();
        type State = ();
        type Event = Question;

        fn init((): ()) -> InitResult<Typed> {
            started((), Typed)
        }

        fn handle_event(&mut self, _: EventType, event: Question, (): &()) -> StateResult<Typed> {
            match event {
                Question::Number(client) => keep_state().reply(client, 3),
                Question::Text(text, client) => keep_state().reply(client, text.to_owned()),
            }
        }
    }

    #[test]
    fn has_the_type_of_reply_of_its_event() {
        let machine = Typed::start(()).unwrap();
        assert_eq!(machine.call(Question::Number).unwrap(), 3);
        assert_eq!(machine.call(|client| Question::Text("x", client)).unwrap(), "x");
    }

    // OTP: gen_statem_SUITE:abnormal1, abnormal1clean, abnormal1dirty
    #[test]
    fn that_is_not_answered_in_time_is_an_error_and_its_reply_never_comes() {
        in_process(|| {
            let machine = keeper();
            let call = |client| Event::Ask("ask", client);
            let error = machine.call_timeout(call, Duration::from_millis(1)).unwrap_err();
            assert_eq!(*error.kind(), CallErrorKind::Timeout);
            machine.cast(Event::Say("answer"));
            machine.stop().unwrap();
            expect_seen(["a: call ask", "a: cast answer"]);
            process::receive(); // It has terminated.
            assert_no_message();
        });
    }

    // OTP: gen_statem_SUITE:generic_timers, state_timeout
    #[test]
    fn may_be_answered_from_another_state() {
        in_process(|| {
            let machine = keeper();
            let me = process::self_pid();
            process::spawn(move || process::send(me, ask(machine, "ask"))).unwrap();
            expect_seen(["a: call ask"]);
            machine.cast(Event::Say("answer"));
            assert_eq!(expect::<u32>(), 7);
        });
    }

    #[test]
    fn may_be_postponed_and_answered_when_it_is_handled_again() {
        in_process(|| {
            let machine = machine(|_, _, event, state| match (state, event.name()) {
                (_, "go") => next_state("b"),
                ("a", _) => keep_state().postpone(event),
                _ => keep_state().reply(event.client(), 9),
            });
            let me = process::self_pid();
            process::spawn(move || process::send(me, ask(machine, "ask"))).unwrap();
            expect_seen(["a: call ask"]);
            machine.cast(Event::Say("go"));
            assert_eq!(expect::<u32>(), 9);
            expect_seen(["a: cast go", "b: call ask"]);
        });
    }

    // OTP: gen_statem_SUITE:start1 (noproc)
    #[test]
    fn of_no_machine_is_an_error() {
        let machine = StatemRef::<Machine>::from_pid(dead_pid());
        let error = machine.call(|client| Event::Ask("ask", client)).unwrap_err();
        assert_eq!(*error.kind(), CallErrorKind::NoProc);
        assert!(error.request().ends_with("::Event"), "{error}");
    }

    #[test]
    fn without_an_answer_is_named_by_its_variant_or_function_if_that_makes_the_event() {
        let nobody = StatemRef::<Typed>::named("gen_statem_calls::nobody");
        let text = |error: CallError| error.to_string();
        let by_variant = nobody.call(Question::Number).map_err(text);
        let by_closure = nobody.call(|client| Question::Text("two", client)).map_err(text);
        let expected = "no process is registered as \"gen_statem_calls::nobody\" (call of ";
        let by_function = nobody.send_request(Question::number).receive_response(FOREVER);
        assert_eq!(by_function.map_err(text), Err(format!("{expected}number)")));
        let inside = Question::ask_in_closure(&nobody);
        assert_eq!(inside.map_err(text), Err(format!("{expected}Question)")));
        assert_eq!(by_variant, Err(format!("{expected}Number)")));
        assert_eq!(by_closure, Err(format!("{expected}Question)")));
        let response = nobody.send_request(Question::Number).receive_response(FOREVER);
        assert_eq!(response.unwrap_err().to_string(), format!("{expected}Number)"));
    }

    #[test]
    fn of_a_machine_of_another_type_is_refused() {
        let machine = Typed::start(()).unwrap();
        let machine = StatemRef::<Machine>::from_pid(machine.pid());
        let error = machine.call(|client| Event::Ask("ask", client)).unwrap_err();
        assert!(matches!(error.kind(), CallErrorKind::WrongServer { .. }), "{error}");
        machine.cast(Event::Say("cast")); // This is dropped, with a warning.
        machine.stop().unwrap();
    }

    #[test]
    fn of_oneself_is_refused() {
        let machine = machine(|_, _, event, _| {
            let me = StatemRef::<Machine>::from_pid(process::self_pid());
            let error = me.call(|client| Event::Ask("again", client)).unwrap_err();
            assert!(matches!(error.kind(), CallErrorKind::CallingSelf(_)));
            keep_state().reply(event.client(), 1)
        });
        assert_eq!(ask(machine, "ask"), 1);
    }

    /// Calls the machine that is told to it, and answers with what kind of error that was.
    #[derive(Debug)]
    struct Circle;

    #[derive(Debug)]
    enum Turn {
        Postponed(Opaque<ReplyTo<()>>),
        Back(StatemRef<Circle>, Pid),
    }

    impl GenStatem for Circle {
        type Args = ();
        type State = ();
        type Event = Turn;

        fn init((): ()) -> InitResult<Circle> {
            started((), Circle)
        }

        fn handle_event(&mut self, _: EventType, event: Turn, (): &()) -> StateResult<Circle> {
            match event {
                Turn::Postponed(client) => keep_state().postpone(Turn::Postponed(client)),
                Turn::Back(other, test) => {
                    let called = other.call(|client| Turn::Postponed(Opaque::new(client)));
                    process::send(test, called.map_err(CallError::into_kind));
                    keep_state()
                }
            }
        }
    }

    // The client of a postponed call still waits for the machine.
    #[test]
    fn that_could_never_be_answered_is_refused_even_if_the_other_is_postponed() {
        in_process(|| {
            let me = process::self_pid();
            let [one, other] = [(); 2].map(|()| Circle::start(()).unwrap());
            one.cast(Turn::Back(other, me));
            // The call of `one` is postponed by `other` before it calls back.
            crate::support::wait::wait_until(|| {
                other.sys().get_status().unwrap().machine.unwrap().postponed.len() == 1
            });
            other.cast(Turn::Back(one, me));
            let refused = expect::<Result<(), CallErrorKind>>();
            assert!(matches!(refused, Err(CallErrorKind::Deadlock(_))), "{refused:?}");
        });
    }
}

mod a_request {
    use super::*;

    // OTP: gen_statem_SUITE:send_request_wait_reqid_collection, reply_by_alias_with_payload
    #[test]
    fn is_answered_later() {
        let machine = keeper();
        let mut request = machine.send_request(|client| Event::Ask("ask", client));
        let early = request.wait_response(Duration::ZERO).unwrap_err();
        assert_eq!(*early.kind(), CallErrorKind::Timeout);
        machine.cast(Event::Say("answer"));
        assert_eq!(request.receive_response(FOREVER).unwrap(), 7);
    }

    // OTP: gen_statem_SUITE:send_request_receive_reqid_collection
    #[test]
    fn may_be_one_of_several() {
        let machine = keeper();
        let mut requests = RequestIds::new();
        for label in [1, 2] {
            requests.add(machine.send_request(|client| Event::Ask("ask", client)), label);
        }
        machine.cast(Event::Say("answer"));
        assert_eq!(requests.receive_response(FOREVER), Ok((Ok(7), 1)));
        assert_eq!(requests.receive_response(FOREVER), Ok((Ok(7), 2)));
        assert_eq!(requests.receive_response(FOREVER), Err(WaitError::NoRequest));
    }

    // OTP: gen_statem_SUITE:send_request_check_reqid_collection
    #[test]
    fn to_a_machine_that_ends_is_an_error() {
        let machine = keeper();
        let request = machine.send_request(|client| Event::Ask("ask", client));
        machine.stop().unwrap();
        let error = request.receive_response(FOREVER).unwrap_err();
        assert_eq!(*error.kind(), CallErrorKind::Down(ExitReason::Normal));
    }
}

mod a_cast {
    use super::*;

    // OTP: gen_statem_SUITE:start1
    #[test]
    fn to_no_machine_is_dropped() {
        StatemRef::<Machine>::from_pid(dead_pid()).cast(Event::Say("lost"));
        StatemRef::<Machine>::named("gen_statem_calls::nobody").cast(Event::Say("lost"));
    }

    // OTP: gen_statem_SUITE:event_order
    #[test]
    fn comes_in_order_with_messages_and_calls_of_its_sender() {
        let machine = machine(|_, _, event, _| match event {
            Event::Ask(_, client) => keep_state().reply(client, 0),
            Event::Say(_) => keep_state(),
        });
        machine.cast(Event::Say("1"));
        process::send(machine.pid(), "2");
        machine.send("3");
        assert_eq!(machine.try_cast(Event::Say("4")).map_err(|error| error.to_string()), Ok(()));
        ask(machine, "5");
        expect_seen(["a: cast 1", "a: info 2", "a: info 3", "a: cast 4", "a: call 5"]);
    }

    // A message that is no event is logged, and dropped.
    #[test]
    fn is_not_what_an_unknown_message_becomes() {
        let machine = machine(|_, _, _, _| keep_state());
        machine.send(5_u64);
        machine.cast(Event::Say("cast"));
        expect_seen(["a: cast cast"]);
    }

    #[test]
    fn has_the_pid_of_no_client_but_a_call_has() {
        let machine = machine(|data, kind, event, _| {
            process::send(data.test, kind);
            keep_state().reply(event.client(), 0)
        });
        ask(machine, "ask");
        assert_eq!(expect::<EventType>(), EventType::Call(process::self_pid()));
    }
}
