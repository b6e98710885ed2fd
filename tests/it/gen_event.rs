//! Event managers: how they start and end, events, requests and messages of their handlers.

use std::time::Duration;

use procession::CallErrorKind;
use procession::gen_event::{EventManager, HandlerError, HandlerId, StopError, Terminate, handler};
use procession::prelude::{self, *};
use procession::process::TrySendError;

use crate::support::calls::CallKind;
use crate::support::handlers::{
    Action, Do, Event, Manager, Probe1, Start, failure, manager, plan, plan_to, probe1, probe2,
    told, which,
};
use crate::support::processes::{FOREVER, dead_pid, in_process};
use crate::support::rounds::{delay_by, rounds};
use crate::support::wait::{
    assert_no_message, down_reason, exit_and_wait, expect, expect_exit, wait_for_exit,
};

/// The outcome of a request to a manager that does not exist.
pub(crate) fn no_proc<T>() -> Result<T, CallErrorKind> {
    Err(CallErrorKind::NoProc)
}

pub(crate) fn failed(id: impl Into<HandlerId>) -> HandlerError {
    HandlerError::Failed { handler: id.into(), reason: failure() }
}

mod start {
    use super::*;

    // OTP: gen_event_SUITE:start
    #[test]
    fn starts_a_manager_without_handlers() {
        let manager = manager();
        assert_eq!(which(&manager), []);
        manager.stop().unwrap();
    }

    // OTP: gen_event_SUITE:start
    #[test]
    fn gives_the_manager_a_name_of_any_kind() {
        let names = [
            Name::from("gen_event::start::name"),
            procession::global::name("gen_event::start::name").into(),
        ];
        for name in names {
            let options = || StartOptions::new().name(name.clone());
            let first = EventManager::<Event>::start_with(options()).unwrap();
            let named = EventManagerRef::<Event>::named(name.clone());
            assert_eq!(named.whereis(), Some(first.pid()));
            named.add_handler(probe1(), plan("a")).unwrap();
            assert_eq!(which(&first), [probe1().into()]);

            let taken = EventManager::<Event>::start_with(options());
            assert!(matches!(taken, Err(StartError::AlreadyStarted(pid)) if pid == first.pid()));
            let taken = EventManager::<Event>::start_link_with(options());
            assert!(matches!(taken, Err(StartError::AlreadyStarted(pid)) if pid == first.pid()));
            named.stop().unwrap();
            assert_eq!(named.whereis(), None);
        }
    }

    // OTP: gen_event_SUITE:start
    #[test]
    fn links_or_monitors_the_manager() {
        in_process(|| {
            process::set_trap_exit(true);
            let linked = EventManager::<Event>::start_link().unwrap();
            linked.stop_with(failure(), Duration::MAX).unwrap();
            assert_eq!(expect_exit(linked.pid()), failure());

            let (monitored, monitor) = EventManager::<Event>::start_monitor().unwrap();
            monitored.stop().unwrap();
            assert_eq!(down_reason(monitor), ExitReason::Normal);
            assert_no_message();
        });
    }

    #[test]
    fn is_what_a_supervisor_does() {
        let supervisor = Supervisor::one_for_one()
            .child(EventManager::<Event>::named_child_spec("gen_event::supervised"))
            .child(EventManager::<u32>::child_spec())
            .start_link()
            .unwrap();
        let manager = EventManagerRef::<Event>::named("gen_event::supervised");
        manager.add_handler(probe1(), plan("a")).unwrap();
        let first = manager.whereis().unwrap();
        exit_and_wait(first, ExitReason::Kill);
        supervisor.which_children().unwrap();
        assert_ne!(manager.whereis().unwrap(), first);
        assert_eq!(manager.which_handlers().unwrap(), [], "it has the handlers of the first");
        supervisor.stop().unwrap();
    }
}

mod exits {
    use super::*;

    // OTP 25, run: the manager traps exits; those of strangers go to handle_info.
    #[test]
    fn of_strangers_are_messages_for_all_handlers() {
        let manager = manager();
        manager.add_handler(probe1(), plan("a")).unwrap();
        manager.add_handler(probe2(), plan("b")).unwrap();
        process::exit(manager.pid(), failure());
        manager.sync_notify(Event::Note(1)).unwrap();
        assert_eq!(
            told()[2..],
            ["b heard of an exit: failure", "a heard of an exit: failure", "b got 1", "a got 1",]
        );
        manager.stop().unwrap();
    }

    // OTP: gen_event's decode_msg and terminate_server; OTP 25, run.
    #[test]
    fn of_the_parent_end_the_handlers_and_the_manager_with_the_same_reason() {
        for reason in [ExitReason::Shutdown, failure()] {
            let observer = process::self_pid();
            let (send, receive) = std::sync::mpsc::channel();
            let parent = process::spawn(move || {
                let manager = EventManager::<Event>::start_link().unwrap();
                let plan = |name| crate::support::handlers::Plan { observer, ..plan(name) };
                manager.add_handler(probe1(), plan("a")).unwrap();
                manager.add_handler(probe2(), plan("b")).unwrap();
                send.send(manager).unwrap();
                process::exit_self(expect::<ExitReason>());
            })
            .unwrap();
            let manager = receive.recv().unwrap();
            let monitor = process::monitor(manager);
            process::send(parent, reason.clone());
            assert_eq!(down_reason(monitor), reason);
            assert_eq!(told()[2..], ["b ends: ManagerEnds", "a ends: ManagerEnds"]);
        }
    }
}

mod stop {
    use super::*;

    // OTP: gen_event_SUITE:start
    #[test]
    fn ends_each_handler_and_then_the_manager() {
        let manager = manager();
        manager.add_handler(probe1(), plan("a")).unwrap();
        manager.add_handler(probe2(), plan("b")).unwrap();
        let monitor = process::monitor(manager);
        manager.notify(Event::Note(1));
        manager.stop().unwrap();
        assert_eq!(down_reason(monitor), ExitReason::Normal);
        let events = ["b got 1", "a got 1", "b ends: ManagerEnds", "a ends: ManagerEnds"];
        assert_eq!(told()[2..], events);
    }

    // OTP: gen_event:stop/3
    #[test]
    fn can_have_any_reason() {
        let manager = manager();
        let monitor = process::monitor(manager);
        manager.stop_with(failure(), Duration::MAX).unwrap();
        assert_eq!(down_reason(monitor), failure());
    }

    // OTP: gen_event_SUITE:start
    #[test]
    fn of_a_dead_or_unregistered_manager_is_an_error() {
        let dead = Manager::from_pid(dead_pid());
        assert_eq!(dead.stop(), Err(StopError::NoProc));
        let nobody = Manager::named("gen_event::nobody");
        assert_eq!(nobody.stop_with(failure(), FOREVER), Err(StopError::NoProc));
    }

    #[test]
    fn goes_on_when_a_handler_panics() {
        let manager = manager();
        manager.add_handler(probe1(), plan("a")).unwrap();
        manager.add_handler(handler::<PanicsAtEnd>(), ()).unwrap();
        manager.stop().unwrap();
        assert_eq!(told(), ["a begins", "a ends: ManagerEnds"]);
    }

    #[derive(Debug)]
    struct PanicsAtEnd;

    impl EventHandler<Event> for PanicsAtEnd {
        type Args = ();
        type Leaves = ();

        fn init((): ()) -> HandlerInit<Self> {
            gen_event::installed(PanicsAtEnd)
        }

        fn handle_event(&mut self, _: &Event) -> HandlerResult<Self, Event> {
            gen_event::ok()
        }

        fn terminate(&mut self, _: Terminate) {
            panic!("at the end");
        }
    }

    #[test]
    fn is_done_by_an_owned_manager_that_is_dropped() {
        let manager = manager().owned();
        manager.add_handler(probe1(), plan("a")).unwrap();
        drop(manager);
        assert_eq!(told(), ["a begins", "a ends: ManagerEnds"]);
    }
}

mod add_handler {
    use super::*;

    // OTP: gen_event_SUITE:add_handler
    #[test]
    fn installs_a_handler_by_its_type_or_with_an_id() {
        let manager = manager();
        manager.add_handler(probe1(), plan("a")).unwrap();
        manager.add_handler(probe1().id("two"), plan("b")).unwrap();
        manager.add_handler(probe1().id(3), plan("c")).unwrap();
        manager.add_handler(probe2(), plan_to(Start::Hibernate, "d")).unwrap();
        let ids = [probe2().into(), probe1().id(3).into(), probe1().id("two").into()];
        assert_eq!(which(&manager)[..3], ids);
        assert_eq!(which(&manager)[3], probe1().into());
        let id = &which(&manager)[2];
        assert!(id.is::<Probe1>());
        assert_eq!(id.id().unwrap().downcast_ref(), Some(&"two"));
        manager.stop().unwrap();
    }

    // OTP 25, run: init's error is the return value, and nothing is logged.
    #[test]
    fn returns_the_error_of_init() {
        let manager = manager();
        let error = manager.add_handler(probe1(), plan_to(Start::Fail, "a")).unwrap_err();
        assert_eq!(error, failed(probe1()));
        assert_eq!(which(&manager), []);
    }

    #[test]
    fn returns_the_panic_of_init() {
        let manager = manager();
        let error = manager.add_handler(probe1(), plan_to(Start::Panic, "a")).unwrap_err();
        let HandlerError::Failed { reason, .. } = error else { panic!("{error}") };
        assert_eq!(reason.as_panic().unwrap().message, "a panic in init");
        assert_eq!(which(&manager), []);
    }

    // OTP 25, run: both get events, requests go to the newer one.
    #[test]
    fn can_install_the_same_handler_twice() {
        let manager = manager();
        manager.add_handler(probe1(), plan("first")).unwrap();
        manager.add_handler(probe1(), plan("second")).unwrap();
        manager.sync_notify(Event::Note(1)).unwrap();
        assert_eq!(told()[2..], ["second got 1", "first got 1"]);
        assert_eq!(manager.call(probe1(), Do(Action::GoOn)), Ok("second"));
        assert_eq!(manager.delete_handler(probe1(), ()).unwrap(), "state of second");
        assert_eq!(manager.call(probe1(), Do(Action::GoOn)), Ok("first"));
        manager.stop().unwrap();
    }

    // OTP: gen_event_SUITE:start (which_handlers of a manager that is gone)
    #[test]
    fn and_which_handlers_fail_if_there_is_no_manager() {
        let dead = Manager::from_pid(dead_pid());
        assert_eq!(dead.which_handlers().kind(), no_proc());
        assert_eq!(dead.add_handler(probe1(), plan("a")).kind(), no_proc());
        assert_eq!(dead.delete_handler(probe1(), ()).kind(), no_proc());
        assert_eq!(dead.swap_handler((probe1(), ()), (probe2(), plan("a"))).kind(), no_proc());
        assert_eq!(dead.sync_notify(Event::Note(1)).kind(), no_proc());
    }

    #[test]
    fn finds_no_server_of_another_type() {
        let other = EventManager::<u32>::start().unwrap();
        let manager = Manager::from_pid(other.pid());
        let error = manager.add_handler(probe1(), plan("a")).kind().unwrap_err();
        assert!(matches!(error, CallErrorKind::WrongServer { .. }), "{error:?}");
        other.stop().unwrap();
    }
}

mod notify {
    use super::*;

    // OTP: gen_event_SUITE:notify; the order: OTP 25, run.
    #[test]
    fn reaches_each_handler_once_the_newest_first() {
        let manager = manager();
        for name in ["a", "b", "c"] {
            manager.add_handler(probe1().id(name), plan(name)).unwrap();
        }
        told();
        manager.notify(Event::Note(1));
        manager.notify(Event::Note(2));
        which(&manager);
        assert_eq!(told(), ["c got 1", "b got 1", "a got 1", "c got 2", "b got 2", "a got 2"]);
        manager.stop().unwrap();
    }

    // OTP: gen_event_SUITE:sync_notify
    #[test]
    fn waits_for_all_handlers_if_it_is_sync() {
        let manager = manager();
        manager.add_handler(probe1(), plan("a")).unwrap();
        manager.add_handler(probe2(), plan("b")).unwrap();
        manager.sync_notify(Event::Note(1)).unwrap();
        assert_eq!(told()[2..], ["b got 1", "a got 1"]);
        manager.stop().unwrap();
    }

    // OTP: gen_event_SUITE:notify; OTP 25, run.
    #[test]
    fn to_nobody_is_dropped_or_says_so() {
        Manager::from_pid(dead_pid()).notify(Event::Note(1));
        Manager::from_pid(dead_pid()).try_notify(Event::Note(1)).unwrap();
        Manager::named("gen_event::nobody").notify(Event::Note(1));
        Manager::named(procession::global::name("gen_event::nobody")).notify(Event::Note(1));

        let error = Manager::named("gen_event::nobody").try_notify(Event::Note(7)).unwrap_err();
        assert!(matches!(error, TrySendError::NoName { .. }));
        assert!(matches!(error.into_message(), Event::Note(7)));
    }

    // OTP: gen_event_SUITE:notify
    #[test]
    fn removes_a_handler_that_wants_it_and_no_other() {
        let manager = manager();
        for name in ["a", "b", "c"] {
            manager.add_handler(probe1().id(name), plan(name)).unwrap();
        }
        told();
        manager.sync_notify(Event::To("b", Action::Remove)).unwrap();
        manager.sync_notify(Event::Note(1)).unwrap();
        assert_eq!(told(), ["b ends: RemoveHandler", "c got 1", "a got 1"]);
        assert_eq!(which(&manager), [probe1().id("c").into(), probe1().id("a").into()]);
        manager.stop().unwrap();
    }

    // OTP: gen_event_SUITE:notify
    #[test]
    fn removes_a_handler_that_fails_and_no_other() {
        let failures = [
            (Action::Fail, "b ends: Failed(Other(\"failure\"))"),
            (Action::Exit, "b ends: Failed(Other(\"failure\"))"),
            (Action::Panic, "b ends by a panic"),
        ];
        for (action, end) in failures {
            let manager = manager();
            for name in ["a", "b", "c"] {
                manager.add_handler(probe1().id(name), plan(name)).unwrap();
            }
            told();
            manager.sync_notify(Event::To("b", action)).unwrap();
            manager.sync_notify(Event::Note(1)).unwrap();
            assert_eq!(told(), [end, "c got 1", "a got 1"]);
            manager.stop().unwrap();
        }
    }

    #[test]
    fn survives_values_that_panic_as_they_are_dropped() {
        let manager = EventManager::<crate::support::drops::PanicsOnDrop>::start().unwrap();
        manager.notify(crate::support::drops::PanicsOnDrop);
        assert_eq!(manager.which_handlers().unwrap(), []);
        manager.stop().unwrap();
    }
}

mod delete_handler {
    use super::*;

    // OTP: gen_event_SUITE:delete_handler
    #[test]
    fn returns_what_the_handler_leaves() {
        let manager = manager();
        manager.add_handler(probe1(), plan("a")).unwrap();
        manager.add_handler(probe1().id(2), plan("b")).unwrap();
        assert_eq!(manager.delete_handler(probe1().id(2), 7_u8).unwrap(), "state of b");
        assert_eq!(told()[2..], ["b ends: Args(7)"]);
        assert_eq!(which(&manager), [probe1().into()]);
        manager.stop().unwrap();
    }

    // OTP: gen_event_SUITE:delete_handler
    #[test]
    fn of_one_that_is_not_installed_is_an_error_that_names_it() {
        let manager = manager();
        manager.add_handler(probe1(), plan("a")).unwrap();
        let error = manager.delete_handler(probe2(), ()).unwrap_err();
        assert_eq!(error, HandlerError::NotInstalled(probe2().into()));
        manager.stop().unwrap();
    }

    // OTP: gen_event_SUITE:delete_handler; OTP 25, run.
    #[test]
    fn returns_the_panic_of_terminate_and_the_handler_is_gone() {
        let manager = manager();
        manager.add_handler(probe1(), plan("a")).unwrap();
        let error = manager.delete_handler(probe1(), "panic").unwrap_err();
        let HandlerError::Failed { reason, .. } = error else { panic!("{error}") };
        assert_eq!(reason.as_panic().unwrap().message, "a panic in terminate");
        assert_eq!(which(&manager), []);
        manager.stop().unwrap();
    }

    // OTP: gen_event_SUITE:undef_terminate
    #[test]
    fn returns_the_default_of_a_handler_without_a_terminate() {
        #[derive(Debug)]
        struct Silent;

        impl EventHandler<Event> for Silent {
            type Args = ();
            type Leaves = ();

            fn init((): ()) -> HandlerInit<Self> {
                gen_event::installed(Silent)
            }

            fn handle_event(&mut self, _: &Event) -> HandlerResult<Self, Event> {
                gen_event::ok()
            }
        }

        let manager = manager();
        manager.add_handler(handler::<Silent>(), ()).unwrap();
        assert_eq!(manager.delete_handler(handler::<Silent>(), "args"), Ok(()));
        manager.stop().unwrap();
    }
}

mod handle_info {
    use super::*;

    // OTP: gen_event_SUITE:info
    #[test]
    fn gets_ordinary_messages_in_every_handler() {
        let manager = manager();
        manager.add_handler(probe1(), plan("a")).unwrap();
        manager.add_handler(probe2(), plan("b")).unwrap();
        told();
        process::send(manager.pid(), 7_u8);
        manager.send("text");
        which(&manager);
        let heard = ["b heard 7", "a heard 7", "b heard \"text\"", "a heard \"text\""];
        assert_eq!(told(), heard);
        manager.stop().unwrap();
    }

    // OTP: gen_event_SUITE:info
    #[test]
    fn may_remove_swap_or_fail_as_handle_event() {
        let manager = manager();
        manager.add_handler(probe1(), plan("a")).unwrap();
        manager.send(Event::To("a", Action::Swap(plan("b"))));
        assert_eq!(which(&manager), [probe2().into()]);
        manager.send(Event::To("b", Action::Remove));
        assert_eq!(which(&manager), []);
        manager.add_handler(probe1(), plan("a")).unwrap();
        manager.send(Event::To("a", Action::Panic));
        assert_eq!(which(&manager), []);
        manager.stop().unwrap();
    }
}

/// The names in the prelude do not hide what a server needs.
#[test]
fn the_prelude_has_the_names_of_servers_and_handlers() {
    #[derive(Debug)]
    struct Both;

    impl GenServer for Both {
        type Args = ();
        fn init((): ()) -> InitResult<Self> {
            prelude::ready(Both).hibernate()
        }
    }

    impl<E> EventHandler<E> for Both {
        type Args = ();
        type Leaves = ();
        fn init((): ()) -> HandlerInit<Self> {
            gen_event::installed(Both).hibernate()
        }
        fn handle_event(&mut self, _: &E) -> HandlerResult<Self, E> {
            gen_event::ok()
        }
    }

    impl<E> HandlerCall<E, ()> for Both {
        type Reply = u32;
        fn handle_call(&mut self, (): ()) -> HandlerReply<Self, E, ()> {
            gen_event::ok().reply(7).hibernate()
        }
    }

    let server = Both::start(()).unwrap();
    let manager = EventManager::<u8>::start().unwrap();
    manager.add_handler(handler::<Both>(), ()).unwrap();
    assert_eq!(manager.call(handler::<Both>(), ()), Ok(7));
    server.stop().unwrap();
    manager.stop().unwrap();
}

#[test]
fn an_event_before_a_deletion_is_handled_and_one_after_it_is_not() {
    let manager = manager();
    for round in 0..rounds(2_000) {
        manager.add_handler(probe1(), plan("a")).unwrap();
        told();
        let notify = move || {
            delay_by(round);
            manager.notify(Event::Note(9));
        };
        let other = process::spawn(notify).unwrap();
        manager.notify(Event::Note(1));
        manager.delete_handler(probe1(), ()).unwrap();
        manager.notify(Event::Note(2));
        wait_for_exit(other);
        which(&manager);
        let events = told();
        let own: Vec<_> = events.iter().filter(|it| *it != "a got 9").collect();
        assert_eq!(own, ["a got 1", "a ends: Args(())"]);
        assert!(events.len() <= 3 && events.last().unwrap() == "a ends: Args(())", "{events:?}");
    }
    manager.stop().unwrap();
}

#[test]
fn a_killed_manager_drops_its_handlers_without_terminate() {
    let manager = manager();
    manager.add_handler(probe1(), plan("a")).unwrap();
    assert_eq!(exit_and_wait(manager.pid(), ExitReason::Kill), ExitReason::Killed);
    assert_eq!(told(), ["a begins"]);
}
