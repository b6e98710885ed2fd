//! Handlers of events that are supervised: what their owners hear, and owners that end.

use std::sync::mpsc;
use std::time::Duration;

use procession::gen_event::{HandlerExitReason, HandlerId};
use procession::prelude::*;
use procession::process::{Builder, Overflow};

use crate::support::handlers::{
    Action, Do, Event, Manager, Plan, Start, expect_told, failure, heard, manager, plan, plan_to,
    probe1, probe2, told, which,
};
use crate::support::processes::in_process;
use crate::support::rounds::{delay_by, rounds};
use crate::support::wait::{
    assert_no_message, down_reason, exit_and_wait, expect, expect_exit, test_timeout, wait_for_exit,
};

/// A process that has added `handler` to `manager` as its owner, with the caller as the observer.
/// It ends with the reason that it is sent.
#[track_caller]
fn owner(manager: Manager, name: &'static str) -> Pid {
    let plan = plan(name);
    let me = process::self_pid();
    let pid = process::spawn(move || {
        manager.add_sup_handler(probe1().id(name), plan).unwrap();
        process::send(me, "added");
        process::exit_self(expect::<ExitReason>());
    })
    .unwrap();
    assert_eq!(expect::<&str>(), "added");
    pid
}

/// Fails unless the process is linked to the manager, or unless it is not.
#[track_caller]
fn assert_linked(manager: Manager, pid: Pid, expected: bool) {
    let links = process::info(manager.pid()).unwrap().links;
    assert_eq!(links.contains(&pid), expected, "{links:?}");
}

mod an_owner {
    use super::*;

    // OTP: gen_event_SUITE:add_sup_handler
    #[test]
    fn is_linked_to_the_manager() {
        let (manager, me) = (manager(), process::self_pid());
        assert_linked(manager, me, false);
        manager.add_sup_handler(probe1(), plan("a")).unwrap();
        assert_linked(manager, me, true);
        manager.stop().unwrap();
    }

    // OTP 25, run: the link stays.
    #[test]
    fn stays_linked_when_the_handler_is_gone_or_was_not_added() {
        let (one, other, me) = (manager(), manager(), process::self_pid());
        one.add_sup_handler(probe1(), plan("a")).unwrap();
        one.delete_handler(probe1(), ()).unwrap();
        assert_linked(one, me, true);
        other.add_sup_handler(probe1(), plan_to(Start::Fail, "a")).unwrap_err();
        assert_linked(other, me, true);
        for manager in [one, other] {
            process::unlink(manager);
            manager.stop().unwrap();
        }
    }

    // OTP: gen_event_SUITE:add_sup_handler, delete_handler, notify, call
    #[test]
    fn hears_of_a_handler_that_is_removed() {
        let manager = manager();
        let removals: [fn(Manager); 4] = [
            |manager| _ = manager.delete_handler(probe1(), ()).unwrap(),
            |manager| _ = manager.delete_handler(probe1(), "panic").unwrap_err(),
            |manager| manager.sync_notify(Event::To("a", Action::Remove)).unwrap(),
            |manager| _ = manager.call(probe1(), Do(Action::Remove)).unwrap(),
        ];
        for remove in removals {
            manager.add_sup_handler(probe1(), plan("a")).unwrap();
            remove(manager);
            assert_eq!(heard(), [(probe1().into(), HandlerExitReason::Normal)]);
        }
        manager.stop().unwrap();
    }

    // OTP: gen_event_SUITE:notify, call, info
    #[test]
    fn hears_why_a_handler_has_failed() {
        let manager = manager();
        let failures: [fn(Manager); 3] = [
            |manager| manager.sync_notify(Event::To("a", Action::Fail)).unwrap(),
            |manager| _ = manager.call(probe1(), Do(Action::Exit)).unwrap_err(),
            |manager| manager.send(Event::To("a", Action::Fail)),
        ];
        for fail in failures {
            manager.add_sup_handler(probe1(), plan("a")).unwrap();
            fail(manager);
            which(&manager);
            assert_eq!(heard(), [(probe1().into(), HandlerExitReason::Failed(failure()))]);
        }
        manager.add_sup_handler(probe1(), plan("a")).unwrap();
        manager.sync_notify(Event::To("a", Action::Panic)).unwrap();
        let exit: HandlerExit = expect();
        assert_eq!(exit.manager, manager.pid());
        let HandlerExitReason::Failed(reason) = exit.reason else { panic!("{:?}", exit.reason) };
        assert_eq!(reason.as_panic().unwrap().message, "a panic in a callback");
        manager.stop().unwrap();
    }

    // OTP: gen_event_SUITE:add_sup_handler
    #[test]
    fn hears_of_each_handler_when_the_manager_ends_and_is_not_touched_by_that() {
        in_process(|| {
            let manager = manager();
            manager.add_sup_handler(probe1(), plan("a")).unwrap();
            manager.add_sup_handler(probe2(), plan("b")).unwrap();
            manager.stop_with(failure(), Duration::MAX).unwrap();
            let shutdown = HandlerExitReason::Shutdown;
            assert_eq!(heard(), [(probe2().into(), shutdown.clone()), (probe1().into(), shutdown)]);
            told();
            assert_no_message();
        });
    }

    // OTP: gen_event's do_unlink; OTP 25, run.
    #[test]
    fn that_is_the_parent_hears_the_end_of_the_manager_too() {
        in_process(|| {
            process::set_trap_exit(true);
            let manager = EventManager::<Event>::start_link().unwrap();
            manager.add_sup_handler(probe1(), plan("a")).unwrap();
            manager.stop_with(failure(), Duration::MAX).unwrap();
            assert_eq!(heard(), [(probe1().into(), HandlerExitReason::Shutdown)]);
            assert_eq!(expect_exit(manager.pid()), failure());
        });
    }

    // OTP 25, run: no gen_event_EXIT, but the signal of the link.
    #[test]
    fn gets_the_exit_signal_of_a_manager_that_is_killed() {
        in_process(|| {
            process::set_trap_exit(true);
            let manager = manager();
            manager.add_sup_handler(probe1(), plan("a")).unwrap();
            process::exit(manager.pid(), ExitReason::Kill);
            assert_eq!(expect_exit(manager.pid()), ExitReason::Killed);
            assert_eq!(heard(), []);
            assert_eq!(told(), ["a begins"]);
        });
        let manager = manager();
        let owner = owner(manager, "a");
        let monitor = process::monitor(owner);
        process::exit(manager.pid(), ExitReason::Kill);
        let reason = down_reason(monitor);
        assert_eq!(reason, ExitReason::Killed);
    }

    // OTP: gen_event_SUITE:add_handler, delete_handler
    #[test]
    fn is_nobody_for_a_handler_that_is_not_supervised() {
        in_process(|| {
            let manager = manager();
            manager.add_handler(probe1(), plan("a")).unwrap();
            manager.delete_handler(probe1(), ()).unwrap();
            manager.add_handler(probe1(), plan("a")).unwrap();
            manager.sync_notify(Event::To("a", Action::Fail)).unwrap();
            manager.add_handler(probe1(), plan("a")).unwrap();
            manager.stop().unwrap();
            told();
            assert_no_message();
        });
    }
}

/// Neither is the message lost, nor does the manager wait until there is room for it.
mod an_owner_with_a_full_mailbox_hears_of_a_handler {
    use super::*;

    #[track_caller]
    fn assert_heard(overflow: Overflow) {
        let me = process::self_pid();
        let (manager, add) = (manager(), plan("a"));
        let (let_go, held) = mpsc::channel::<()>();
        let owner = Builder::new().mailbox_capacity(1, overflow).spawn(move || {
            manager.add_sup_handler(probe1(), add).unwrap();
            process::send(me, "added");
            _ = held.recv();
            process::send(me, (heard(), process::flush().len()));
        });
        assert_eq!(expect::<&str>(), "added");
        process::send(owner.unwrap(), "there is no room for more");
        manager.notify(Event::To("a", Action::Fail));
        let handlers = manager.which_handlers();
        drop(let_go);
        let failed = (probe1().into(), HandlerExitReason::Failed(failure()));
        let (exits, others) = expect::<(Vec<(HandlerId, HandlerExitReason)>, usize)>();
        assert_eq!((&exits[..], others), (&[failed][..], 1));
        assert_eq!(handlers, Ok(vec![]));
        manager.stop().unwrap();
    }

    #[test]
    fn that_refuses_messages() {
        assert_heard(Overflow::Refuse);
    }

    #[test]
    fn that_drops_the_newest() {
        assert_heard(Overflow::DropNewest);
    }

    #[test]
    fn that_drops_the_oldest() {
        assert_heard(Overflow::DropOldest);
    }

    #[test]
    fn that_has_senders_wait() {
        assert_heard(Overflow::Block(test_timeout()));
    }
}

mod when_an_owner_ends {
    use super::*;

    // OTP: gen_event's handle_exit; OTP 25, run.
    #[test]
    fn its_handlers_end_and_the_others_hear_of_it() {
        for (reason, text) in [(ExitReason::Normal, "Normal"), (failure(), "Other(\"failure\")")] {
            let manager = manager();
            manager.add_handler(probe2(), plan("other")).unwrap();
            let owner = owner(manager, "a");
            let add = plan("b");
            manager.add_handler(probe1(), add).unwrap();
            told();
            let monitor = process::monitor(owner);
            process::send(owner, reason.clone());
            assert_eq!(down_reason(monitor), reason);
            assert_eq!(which(&manager), [probe1().into(), probe2().into()]);
            assert_eq!(
                told(),
                [
                    format!("a ends: OwnerEnded({text})"),
                    format!("b heard of an exit: {reason}"),
                    format!("other heard of an exit: {reason}"),
                ]
            );
            manager.stop().unwrap();
        }
    }

    // OTP 25, run: the signal, not the end, is what counts.
    #[test]
    fn or_sends_the_manager_an_exit_signal_its_handlers_end() {
        in_process(|| {
            let manager = manager();
            manager.add_sup_handler(probe1(), plan("a")).unwrap();
            process::exit(manager.pid(), failure());
            assert_eq!(which(&manager), []);
            assert_eq!(heard(), [(probe1().into(), HandlerExitReason::Shutdown)]);
            process::unlink(manager);
            manager.stop().unwrap();
        });
    }

    #[test]
    fn the_handler_that_has_taken_the_place_of_its_own_ends() {
        let manager = manager();
        let owner = owner(manager, "a");
        manager.swap_handler((probe1().id("a"), ()), (probe2(), plan("b"))).unwrap();
        manager.sync_notify(Event::To("b", Action::Swap(plan("c")))).unwrap();
        exit_and_wait(owner, ExitReason::Kill);
        assert_eq!(which(&manager), []);
        assert_eq!(told().last().unwrap(), "c ends: OwnerEnded(Killed)");
        manager.stop().unwrap();
    }

    /// The owner has ended when the manager comes to add its handler.
    #[test]
    fn before_its_handler_is_added_that_ends_at_once() {
        let manager = manager();
        manager.sys().suspend().unwrap();
        let add = plan("a");
        let owner = process::spawn(move || _ = manager.add_sup_handler(probe1(), add)).unwrap();
        crate::support::wait::wait_until(|| {
            process::info(manager.pid()).is_some_and(|info| info.message_queue_len > 0)
        });
        exit_and_wait(owner, ExitReason::Kill);
        manager.sys().resume().unwrap();
        expect_told("a ends: OwnerEnded(NoProc)");
        assert_eq!(which(&manager), []);
        manager.stop().unwrap();
    }

    /// Whatever comes first, the handler ends once, and none of the owner's stays.
    #[test]
    fn while_its_handler_is_removed_or_swapped_that_ends_once() {
        in_process(|| {
            let manager = manager();
            for round in 0..rounds(2_000) {
                let owner = owner(manager, "a");
                // Before it ends: a monitor that comes later may be answered before the links are.
                let monitor = process::monitor(owner);
                let killer = process::spawn(move || {
                    delay_by(round);
                    process::exit(owner, ExitReason::Kill);
                })
                .unwrap();
                delay_by(round / 64);
                match round % 3 {
                    0 => _ = manager.delete_handler(probe1().id("a"), ()),
                    1 => {
                        let new = (probe2(), plan("b"));
                        manager.swap_handler((probe1().id("a"), ()), new).unwrap();
                        // If the owner had ended before, this one has none.
                        let is_orphan = told_has("b begins with Err(there was no such handler)");
                        if is_orphan {
                            manager.delete_handler(probe2(), ()).unwrap();
                        }
                    }
                    _ => manager.notify(Event::To("a", Action::Swap(plan("b")))),
                }
                down_reason(monitor);
                wait_for_exit(killer);
                assert_eq!(which(&manager), [], "round {round}");
                let told = told();
                let count = |what: &str| told.iter().filter(|it| it.contains(what)).count();
                assert_eq!(count("begins"), count("ends"), "{told:?}");
            }
            manager.stop().unwrap();
        });
    }

    /// Looks whether a handler has told this, and leaves what has been told.
    fn told_has(what: &str) -> bool {
        let told = told();
        let has = told.iter().any(|it| it == what);
        for text in told {
            process::send(process::self_pid(), crate::support::handlers::Told(text));
        }
        has
    }
}

/// OTP's documentation: a supervised handler can be kept by a process that adds it again.
#[test]
fn an_owner_can_add_a_handler_again_that_has_failed() {
    #[derive(Debug)]
    struct Guard(Manager, Plan);

    impl GenServer for Guard {
        type Args = (Manager, Plan);

        fn init((manager, plan): Self::Args) -> InitResult<Self> {
            manager.add_sup_handler(probe1(), plan.clone())?;
            ready(Guard(manager, plan))
        }

        fn handle_info(&mut self, message: Message) -> CastResult<Self> {
            handle_info! { message;
                HandlerExit { reason: HandlerExitReason::Failed(_), .. } => {
                    self.0.add_sup_handler(probe1(), self.1.clone())?;
                    noreply()
                }
                HandlerExit { .. } => stop(ExitReason::Normal),
            }
        }
    }

    let manager = manager();
    let guard = Guard::start((manager, plan("a"))).unwrap();
    let monitor = process::monitor(guard);
    for _ in 0..10 {
        expect_told("a begins");
        manager.notify(Event::To("a", Action::Panic));
    }
    expect_told("a begins");
    manager.stop().unwrap();
    receive! {
        down: Down if down.monitor == monitor => assert_eq!(down.reason, ExitReason::Normal),
        after test_timeout() => panic!("the guard has not ended"),
    }
}
