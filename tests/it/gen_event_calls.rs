//! Requests to handlers of events.

use std::time::Duration;

use procession::CallErrorKind;
use procession::gen_event::{HandlerError, HandlerId, handler};
use procession::prelude::*;

use crate::gen_event::{failed, no_proc};
use crate::support::calls::CallKind;
use crate::support::handlers::{
    Action, Do, Event, GoOn, Manager, Wait, Waits, manager, plan, probe1, probe2, told, which,
};
use crate::support::processes::{FOREVER, dead_pid, in_process};
use crate::support::wait::{assert_no_message, expect};

mod call {
    use super::*;

    // OTP: gen_event_SUITE:call
    #[test]
    fn reaches_one_handler_only() {
        let manager = manager();
        manager.add_handler(probe1(), plan("a")).unwrap();
        manager.add_handler(probe1().id(2), plan("b")).unwrap();
        manager.add_handler(probe2(), plan("c")).unwrap();
        told();
        assert_eq!(manager.call(probe1(), Do(Action::GoOn)), Ok("a"));
        assert_eq!(manager.call(probe1().id(2), Do(Action::GoOn)), Ok("b"));
        assert_eq!(told(), ["a was called", "b was called"]);
        manager.stop().unwrap();
    }

    // OTP: gen_event_SUITE:call
    #[test]
    fn to_a_handler_that_is_not_installed_is_an_error_that_names_it() {
        let manager = manager();
        manager.add_handler(probe1().id("there"), plan("a")).unwrap();
        for absent in [probe1(), probe1().id("elsewhere"), probe1().id(1)] {
            let error = manager.call(absent.clone(), Do(Action::GoOn)).unwrap_err();
            assert_eq!(error, HandlerError::NotInstalled(absent.into()));
        }
        let error = manager.call(probe2().id("x"), Do(Action::GoOn)).unwrap_err();
        assert_eq!(
            error.to_string(),
            "the handler it::support::handlers::Probe<2>(\"x\") is not installed"
        );
        manager.stop().unwrap();
    }

    // OTP: gen_event_SUITE:call
    #[test]
    fn times_out_and_its_late_reply_is_dropped() {
        in_process(|| {
            let manager = manager();
            manager.add_handler(probe1(), plan("a")).unwrap();
            told();
            let request = Wait(process::self_pid());
            let outcome = manager.call_timeout(probe1(), request, Duration::from_millis(1));
            assert_eq!(outcome.kind(), Err(CallErrorKind::Timeout));
            let Waits(pid) = expect();
            process::send(pid, GoOn);
            assert_eq!(which(&manager), [probe1().into()]);
            manager.stop().unwrap();
            told();
            assert_no_message();
        });
    }

    // OTP: gen_event_SUITE:call
    #[test]
    fn to_a_dead_manager_is_an_error() {
        let dead = Manager::from_pid(dead_pid());
        assert_eq!(dead.call(probe1(), Do(Action::GoOn)).kind(), no_proc());
    }

    #[test]
    fn without_an_answer_is_named_in_the_error_as_every_other_request() {
        let nobody = Manager::named("gen_event_calls::nobody");
        let errors = [
            nobody.add_handler(probe1(), plan("a")),
            nobody.add_sup_handler(probe1(), plan("a")),
            nobody.delete_handler(probe1(), ()).map(drop),
            nobody.swap_handler((probe1(), ()), (probe2(), plan("b"))),
            nobody.swap_sup_handler((probe1(), ()), (probe2(), plan("b"))),
            nobody.sync_notify(Event::Note(1)),
            nobody.which_handlers().map(drop),
            nobody.call(probe1(), Do(Action::GoOn)).map(drop),
        ];
        let name = |error: HandlerError| {
            let HandlerError::Call(error) = error else { panic!("{error}") };
            let text = error.to_string();
            let start = "no process is registered as \"gen_event_calls::nobody\" (call of ";
            text.strip_prefix(start).expect(&text).trim_end_matches(')').to_owned()
        };
        assert_eq!(
            errors.map(|outcome| name(outcome.unwrap_err())),
            [
                "add_handler",
                "add_sup_handler",
                "delete_handler",
                "swap_handler",
                "swap_sup_handler",
                "sync_notify",
                "which_handlers",
                "Do",
            ]
        );
    }

    // OTP: gen_event_SUITE:call
    #[test]
    fn may_remove_the_handler() {
        let manager = manager();
        manager.add_handler(probe1(), plan("a")).unwrap();
        assert_eq!(manager.call(probe1(), Do(Action::Remove)), Ok("a"));
        assert_eq!(told()[1..], ["a was called", "a ends: RemoveHandler"]);
        assert_eq!(which(&manager), []);
        manager.stop().unwrap();
    }

    // OTP: gen_event_SUITE:call
    #[test]
    fn may_swap_the_handler() {
        let manager = manager();
        manager.add_handler(probe1(), plan("a")).unwrap();
        assert_eq!(manager.call(probe1(), Do(Action::Swap(plan("b")))), Ok("a"));
        let events = ["a was called", "a ends: Args(\"swap\")", "b begins with Ok(\"state of a\")"];
        assert_eq!(told()[1..], events);
        assert_eq!(which(&manager), [probe2().into()]);
        manager.stop().unwrap();
    }

    // OTP: gen_event_SUITE:call
    #[test]
    fn at_which_the_handler_fails_returns_why() {
        let manager = manager();
        for action in [Action::Fail, Action::Exit] {
            manager.add_handler(probe1(), plan("a")).unwrap();
            assert_eq!(manager.call(probe1(), Do(action)), Err(failed(probe1())));
            let events = ["a was called", "a ends: Failed(Other(\"failure\"))"];
            assert_eq!(told()[1..], events);
            assert_eq!(which(&manager), []);
        }
        manager.add_handler(probe1(), plan("a")).unwrap();
        let error = manager.call(probe1(), Do(Action::Panic)).unwrap_err();
        let HandlerError::Failed { reason, .. } = error else { panic!("{error}") };
        assert_eq!(reason.as_panic().unwrap().message, "a panic in a callback");
        manager.stop().unwrap();
    }

    #[test]
    fn from_a_handler_to_its_own_manager_is_refused() {
        #[derive(Debug)]
        struct Curious;

        impl EventHandler<Pid> for Curious {
            type Args = ();
            type Leaves = ();

            fn init((): ()) -> HandlerInit<Self> {
                gen_event::installed(Curious)
            }

            fn handle_event(&mut self, observer: &Pid) -> HandlerResult<Self, Pid> {
                let me = EventManagerRef::<Pid>::from_pid(process::self_pid());
                process::send(*observer, me.which_handlers().kind());
                gen_event::ok()
            }
        }

        let manager = EventManager::<Pid>::start().unwrap();
        manager.add_handler(handler::<Curious>(), ()).unwrap();
        manager.notify(process::self_pid());
        let outcome = expect::<Result<Vec<HandlerId>, CallErrorKind>>();
        assert_eq!(outcome, Err(CallErrorKind::CallingSelf(manager.pid())));
        manager.stop().unwrap();
    }
}

mod send_request {
    use procession::gen_event::{RequestIds, WaitError};

    use super::*;

    // OTP: gen_event_SUITE:send_request_receive_reqid_collection
    #[test]
    fn is_answered_when_it_is_asked_for() {
        let manager = manager();
        manager.add_handler(probe1(), plan("a")).unwrap();
        let request = manager.send_request(probe1(), Do(Action::GoOn));
        assert_eq!(request.receive_response(FOREVER).unwrap(), Ok("a"));
        let absent = manager.send_request(probe2(), Do(Action::GoOn));
        let error = HandlerError::NotInstalled(probe2().into());
        assert_eq!(absent.receive_response(FOREVER).unwrap(), Err(error));
        manager.stop().unwrap();
        let mut late = manager.send_request(probe1(), Do(Action::GoOn));
        assert_eq!(late.wait_response(FOREVER).kind(), no_proc());
    }

    // OTP: gen_event_SUITE:send_request_wait_reqid_collection,
    // send_request_check_reqid_collection
    #[test]
    fn can_be_in_a_collection() {
        let manager = manager();
        manager.add_handler(probe1(), plan("a")).unwrap();
        manager.add_handler(probe2(), plan("b")).unwrap();
        told();
        let mut requests = RequestIds::new();
        requests.add(manager.send_request(probe1(), Do(Action::GoOn)), 1);
        requests.add(manager.send_request(probe2(), Do(Action::GoOn)), 2);
        requests.add(manager.send_request(probe2().id("absent"), Do(Action::GoOn)), 3);
        assert_eq!(requests.wait_response(FOREVER), Ok((Ok(Ok("a")), 1)));
        told();
        let response = process::receive_match(|message| !message.is::<u8>());
        let response = requests.check_response(response).unwrap();
        assert_eq!(response, (Ok(Ok("b")), 2));
        let (response, label) = requests.receive_response(FOREVER).unwrap();
        assert!(matches!((response, label), (Ok(Err(HandlerError::NotInstalled(_))), 3)));
        assert_eq!(requests.receive_response(FOREVER), Err(WaitError::NoRequest));
        manager.stop().unwrap();
    }
}
