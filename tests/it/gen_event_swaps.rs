//! Handlers of events that take the place of others.

use procession::gen_event::{HandlerError, HandlerExitReason, HandlerId};
use procession::prelude::*;

use crate::support::handlers::{
    Action, Event, Start, failure, heard, manager, plan, plan_to, probe1, probe2, told, which,
};

/// What the owner of `id`, which is the caller, hears if `new` takes its place and it owns that.
fn swapped(
    id: impl Into<HandlerId>,
    new: impl Into<HandlerId>,
    owner: Pid,
) -> (HandlerId, HandlerExitReason) {
    let reason = HandlerExitReason::Swapped { new: new.into(), owner: Some(owner) };
    (id.into(), reason)
}

mod swap_handler {
    use super::*;

    // OTP: gen_event_SUITE:swap_handler
    #[test]
    fn gives_the_new_handler_what_the_old_one_leaves() {
        let manager = manager();
        manager.add_handler(probe1(), plan("a")).unwrap();
        manager.add_handler(probe1().id("other"), plan("other")).unwrap();
        told();
        manager.swap_handler((probe1(), "bye"), (probe2().id(7), plan("b"))).unwrap();
        assert_eq!(told(), ["a ends: Args(\"bye\")", "b begins with Ok(\"state of a\")"]);
        // OTP 25, run: the new one is the newest.
        assert_eq!(which(&manager), [probe2().id(7).into(), probe1().id("other").into()]);
        assert_eq!(heard(), []);
        manager.stop().unwrap();
    }

    // OTP: gen_event_SUITE:swap_handler
    #[test]
    fn adds_the_new_handler_even_if_there_is_no_old_one() {
        let manager = manager();
        manager.swap_handler((probe1(), ()), (probe2(), plan("b"))).unwrap();
        assert_eq!(told(), ["b begins with Err(there was no such handler)"]);
        assert_eq!(which(&manager), [probe2().into()]);
        manager.stop().unwrap();
    }

    // OTP 25, run: the new one gets {'EXIT', Reason}.
    #[test]
    fn adds_the_new_handler_even_if_the_old_one_fails_to_terminate() {
        let manager = manager();
        manager.add_handler(probe1(), plan("a")).unwrap();
        manager.swap_handler((probe1(), "panic"), (probe2(), plan("b"))).unwrap();
        let told = told();
        assert!(told[2].starts_with("b begins with Err(the handler failed as it"), "{told:?}");
        assert!(told[2].contains("a panic in terminate"), "{told:?}");
        assert_eq!(which(&manager), [probe2().into()]);
        manager.stop().unwrap();
    }

    // OTP: gen_event_SUITE:swap_handler; OTP 25, run.
    #[test]
    fn removes_the_old_handler_even_if_the_new_one_fails() {
        let manager = manager();
        manager.add_handler(probe1(), plan("a")).unwrap();
        let new = (probe2(), plan_to(Start::Fail, "b"));
        let error = manager.swap_handler((probe1(), ()), new).unwrap_err();
        let failed = HandlerError::Failed { handler: probe2().into(), reason: failure() };
        assert_eq!(error, failed);
        assert_eq!(which(&manager), []);
        manager.stop().unwrap();
    }

    // OTP: gen_event_SUITE:swap_sup_handler; OTP 25, run.
    #[test]
    fn leaves_the_owner_the_new_handler() {
        let (manager, me) = (manager(), process::self_pid());
        manager.add_sup_handler(probe1(), plan("a")).unwrap();
        manager.swap_handler((probe1(), ()), (probe2(), plan("b"))).unwrap();
        assert_eq!(heard(), [swapped(probe1(), probe2(), me)]);
        manager.delete_handler(probe2(), ()).unwrap();
        assert_eq!(heard(), [(probe2().into(), HandlerExitReason::Normal)]);
        manager.stop().unwrap();
    }
}

mod swap_sup_handler {
    use super::*;
    use crate::support::wait::expect;

    // OTP: gen_event_SUITE:swap_sup_handler
    #[test]
    fn makes_the_caller_the_owner_of_the_new_handler() {
        let (manager, me) = (manager(), process::self_pid());
        let other = process::spawn(move || {
            manager.add_sup_handler(probe1(), plan("a")).unwrap();
            process::send(me, "added");
            // It does not hear of the new one.
            receive! { "how much has been heard?" => process::send(me, heard()) }
        })
        .unwrap();
        assert_eq!(expect::<&str>(), "added");
        manager.swap_sup_handler((probe1(), ()), (probe2(), plan("b"))).unwrap();
        manager.delete_handler(probe2(), ()).unwrap();
        assert_eq!(heard(), [(probe2().into(), HandlerExitReason::Normal)]);
        process::send(other, "how much has been heard?");
        assert_eq!(
            expect::<Vec<(HandlerId, HandlerExitReason)>>(),
            [swapped(probe1(), probe2(), me)]
        );
        manager.stop().unwrap();
    }

    // OTP: gen_event_SUITE:swap_sup_handler
    #[test]
    fn supervises_the_new_handler_if_the_old_one_was_not() {
        let manager = manager();
        manager.add_handler(probe1(), plan("a")).unwrap();
        manager.swap_sup_handler((probe1(), ()), (probe2(), plan("b"))).unwrap();
        manager.sync_notify(Event::To("b", Action::Fail)).unwrap();
        assert_eq!(heard(), [(probe2().into(), HandlerExitReason::Failed(failure()))]);
        manager.stop().unwrap();
    }
}

mod a_callback {
    use super::*;

    // OTP: gen_event_SUITE:notify
    #[test]
    fn swaps_its_handler_in_its_place_and_the_new_one_does_not_get_the_event() {
        let manager = manager();
        for (id, name) in ["a", "b", "c"].into_iter().enumerate() {
            manager.add_handler(probe1().id(id), plan(name)).unwrap();
        }
        told();
        manager.sync_notify(Event::To("b", Action::Swap(plan("new")))).unwrap();
        let events = ["b ends: Args(\"swap\")", "new begins with Ok(\"state of b\")"];
        assert_eq!(told(), events);
        // OTP 25, run: it takes the place in the order, too.
        let ids = [probe1().id(2_usize).into(), probe2().into(), probe1().id(0_usize).into()];
        assert_eq!(which(&manager), ids);
        manager.sync_notify(Event::Note(1)).unwrap();
        assert_eq!(told(), ["c got 1", "new got 1", "a got 1"]);
        manager.stop().unwrap();
    }

    // OTP: gen_event_SUITE:notify
    #[test]
    fn swaps_its_handler_once_for_each_event() {
        // As one that bears its own name would swap itself again by the same event.
        let manager = manager();
        manager.add_handler(probe1(), plan("a")).unwrap();
        for new in [probe2().into(), probe1().into(), probe2().into()] {
            manager.sync_notify(Event::To("a", Action::Swap(plan("a")))).unwrap();
            assert_eq!(which(&manager), [new]);
        }
        manager.stop().unwrap();
    }

    // OTP 25, run (where the reason is only `crash`)
    #[test]
    fn tells_the_owner_if_the_new_handler_fails() {
        let (manager, me) = (manager(), process::self_pid());
        manager.add_sup_handler(probe1(), plan("a")).unwrap();
        manager.add_handler(probe1().id("other"), plan("other")).unwrap();
        let new = plan_to(Start::Fail, "b");
        manager.sync_notify(Event::To("a", Action::Swap(new))).unwrap();
        let failed = (probe2().into(), HandlerExitReason::Failed(failure()));
        assert_eq!(heard(), [swapped(probe1(), probe2(), me), failed]);
        assert_eq!(which(&manager), [probe1().id("other").into()]);
        manager.stop().unwrap();
    }

    // OTP: gen_event_SUITE:notify
    #[test]
    fn leaves_the_owner_the_new_handler() {
        let (manager, me) = (manager(), process::self_pid());
        manager.add_sup_handler(probe1(), plan("a")).unwrap();
        manager.sync_notify(Event::To("a", Action::Swap(plan("b")))).unwrap();
        assert_eq!(heard(), [swapped(probe1(), probe2(), me)]);
        manager.sync_notify(Event::To("b", Action::Remove)).unwrap();
        assert_eq!(heard(), [(probe2().into(), HandlerExitReason::Normal)]);
        manager.stop().unwrap();
    }
}
