//! Event managers that hibernate, and system messages to them.

use std::time::Duration;

use procession::gen_event::handler;
use procession::prelude::*;
use procession::process::Status;

use crate::support::handlers::{
    Action, Do, Event, Manager, Start, expect_told, manager, plan, plan_to, probe1, probe2, told,
    which,
};
use crate::support::wait::wait_until;

mod hibernation {
    use super::*;

    fn is_hibernating(manager: &Manager) -> bool {
        process::info(manager.pid()).is_some_and(|info| info.status == Status::Hibernating)
    }

    /// Wakes the manager by a request that no handler sees, and waits until it waits for more.
    fn awaken(manager: &Manager) {
        which(manager);
        wait_until(|| {
            process::info(manager.pid()).is_some_and(|info| info.status == Status::Waiting)
        });
    }

    // OTP: gen_event_SUITE:hibernate
    #[test]
    fn begins_when_a_handler_wants_it_and_ends_with_the_next_message() {
        let manager = manager();
        manager.add_handler(probe1(), plan_to(Start::Hibernate, "a")).unwrap();
        wait_until(|| is_hibernating(&manager));
        manager.add_handler(probe2(), plan("b")).unwrap();
        for name in ["a", "b"] {
            awaken(&manager);
            manager.notify(Event::To(name, Action::Hibernate));
            wait_until(|| is_hibernating(&manager));
        }
        manager.notify(Event::Note(1));
        expect_told("a got 1");
        wait_until(|| {
            process::info(manager.pid()).is_some_and(|info| info.status == Status::Waiting)
        });
        assert_eq!(manager.call(probe1(), Do(Action::Hibernate)), Ok("a"));
        wait_until(|| is_hibernating(&manager));
        awaken(&manager);
        manager.send(Event::To("a", Action::Hibernate));
        wait_until(|| is_hibernating(&manager));
        manager.stop().unwrap();
    }

    // OTP: gen_event_SUITE:auto_hibernate
    #[test]
    fn begins_by_itself_if_the_start_says_so() {
        let options = StartOptions::new().hibernate_after(Duration::from_millis(1));
        let manager = EventManager::<Event>::start_with(options).unwrap();
        for name in ["a", "b"] {
            manager.add_handler(probe1(), plan(name)).unwrap();
            wait_until(|| is_hibernating(&manager));
        }
        manager.stop().unwrap();
    }
}

mod sys {
    use procession::gen_event::StatusPart;

    use super::*;

    #[derive(Debug)]
    struct Secret(u32);

    impl EventHandler<Event> for Secret {
        type Args = u32;
        type Leaves = ();

        fn init(n: u32) -> HandlerInit<Self> {
            gen_event::installed(Secret(n))
        }

        fn handle_event(&mut self, _: &Event) -> HandlerResult<Self, Event> {
            self.0 += 1;
            gen_event::ok()
        }

        fn format_status(
            &self,
            part: &StatusPart<'_>,
            f: &mut std::fmt::Formatter<'_>,
        ) -> std::fmt::Result {
            match part {
                StatusPart::State if self.0 == 13 => panic!("an unlucky number"),
                StatusPart::State => f.write_str("hidden"),
                StatusPart::FinalState | StatusPart::LastMessage(_) | StatusPart::Reason(_) | _ => {
                    part.print(self, f)
                }
            }
        }

        fn code_change(
            &mut self,
            old_version: &procession::sys::OldVersion,
            extra: &Message,
        ) -> Result<(), ExitReason> {
            assert_eq!(*old_version, procession::sys::OldVersion::from("1"));
            let factor: Option<&u32> = extra.downcast_ref();
            self.0 *= factor.ok_or_else(|| ExitReason::new("no factor"))?;
            Ok(())
        }
    }

    // OTP: gen_event_SUITE:get_state
    #[test]
    fn shows_each_handler_with_its_state() {
        let manager = manager();
        manager.add_handler(handler::<Secret>(), 1).unwrap();
        manager.add_handler(handler::<Secret>().id("b"), 2).unwrap();
        let sys = manager.sys();
        let states = sys
            .get_state(|it| {
                let states = it
                    .handlers()
                    .map(|(id, state)| (id.clone(), state.downcast_ref::<Secret>().unwrap().0));
                states.collect::<Vec<_>>()
            })
            .unwrap();
        let expected = [(handler::<Secret>().id("b").into(), 2), (handler::<Secret>().into(), 1)];
        assert_eq!(states, expected);
        let absent = sys.get_state(|it| it.state_of(&probe1()).is_none());
        assert_eq!(absent, Ok(true));
        manager.stop().unwrap();
    }

    // OTP: gen_event_SUITE:replace_state
    #[test]
    fn changes_each_state_and_goes_on_after_a_panic() {
        let manager = manager();
        for n in [1, 2, 3] {
            manager.add_handler(handler::<Secret>().id(n), n).unwrap();
        }
        let sys = manager.sys();
        sys.replace_state(|it| {
            it.change_states(|id, secret: &mut Secret| {
                assert_ne!(*id, handler::<Secret>().id(2_u32).into());
                secret.0 *= 10;
            });
        })
        .unwrap();
        let states = sys.get_state(|it| {
            let states = it.handlers().map(|(_, state)| state.downcast_ref::<Secret>().unwrap().0);
            states.collect::<Vec<_>>()
        });
        assert_eq!(states, Ok(vec![30, 2, 10]));
        manager.stop().unwrap();
    }

    // OTP: gen_event_SUITE:call_format_status, error_format_status
    #[test]
    fn prints_each_state_as_its_handler_wants_it() {
        let manager = manager();
        manager.add_handler(handler::<Secret>(), 1).unwrap();
        let status = manager.sys().get_status().unwrap();
        assert!(status.state.ends_with("Secret: hidden}"), "{}", status.state);
        assert!(status.module.starts_with("procession::gen_event::"), "{}", status.module);
        manager.add_handler(handler::<Secret>().id(2), 13).unwrap();
        let state = manager.sys().get_status().unwrap().state;
        assert!(state.contains("an unlucky number") && state.contains("hidden"), "{state}");
        manager.stop().unwrap();
    }

    #[test]
    fn suspends_and_traces_as_it_does_servers() {
        let manager = manager();
        manager.add_handler(probe1(), plan("a")).unwrap();
        told();
        let sys = manager.sys();
        sys.log_on(10).unwrap();
        sys.statistics_on().unwrap();
        sys.suspend().unwrap();
        manager.notify(Event::Note(1));
        assert_eq!(sys.get_status().unwrap().mode, procession::sys::Mode::Suspended);
        assert_eq!(told(), Vec::<String>::new());
        sys.resume().unwrap();
        assert_eq!(manager.call(probe1(), Do(Action::GoOn)), Ok("a"));
        assert_eq!(told(), ["a got 1", "a was called"]);
        assert_eq!(sys.statistics().unwrap().unwrap().messages_in, 2);
        let log = sys.log().unwrap();
        assert!(log[0].contains("got cast Note(1)"), "{log:?}");
        assert!(log[2].contains("Do(GoOn)"), "{log:?}");
        manager.stop().unwrap();
    }

    // OTP: gen_event_SUITE:code_change
    #[test]
    fn changes_the_code_of_each_handler() {
        let manager = manager();
        manager.add_handler(probe1(), plan("a")).unwrap();
        manager.add_handler(handler::<Secret>(), 2).unwrap();
        let sys = manager.sys();
        sys.suspend().unwrap();
        sys.change_code("1", 3_u32).unwrap();
        assert_eq!(
            sys.change_code("1", "no number"),
            Err(procession::sys::SysError::Refused(ExitReason::new("no factor")))
        );
        sys.resume().unwrap();
        let state = sys.get_state(|it| it.state_of(&handler::<Secret>()).map(|it| it.0));
        assert_eq!(state, Ok(Some(6)));
        manager.stop().unwrap();
    }
}
