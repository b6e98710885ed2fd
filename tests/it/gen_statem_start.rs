//! How state machines start and end.

use std::time::Duration;

use procession::gen_statem::{BadAction, EnterLoopError, InitResult, enter_loop};
use procession::prelude::*;
use procession::{global, proc_lib};

use crate::support::machine::{Event, Machine, Script, Terminated, expect_seen, ignored, machine};
use crate::support::processes::{FOREVER, in_process, reason};
use crate::support::wait::{assert_no_message, down_reason, expect, wait_until};

/// Ends as it is started to.
#[derive(Debug)]
struct Starts;

/// What `init` does.
#[derive(Clone, Copy, Debug)]
enum How {
    Well,
    Ignore,
    /// Those that fail are linked to this process before they do.
    Error(Pid),
    Stop(Pid),
    Panic,
    Hang,
}

impl GenStatem for Starts {
    type Args = How;
    type State = ();
    type Event = ();

    fn init(how: How) -> InitResult<Starts> {
        match how {
            How::Well => started((), Starts),
            How::Ignore => gen_statem::ignore(),
            How::Error(witness) => {
                process::link(witness);
                gen_statem::init_error(reason())
            }
            How::Stop(witness) => {
                process::link(witness);
                stop(reason())
            }
            How::Panic => panic!("no"),
            How::Hang => process::receive_match(|_| false)
                .downcast()
                .map_or_else(|_| gen_statem::ignore(), |(): ()| gen_statem::ignore()),
        }
    }

    fn handle_event(&mut self, _: EventType, (): (), (): &()) -> StateResult<Starts> {
        keep_state()
    }
}

mod a_start {
    use super::*;

    // OTP: gen_statem_SUITE:start1, start4
    #[test]
    fn returns_a_reference_to_the_machine() {
        let machine = Starts::start(How::Well).unwrap();
        assert!(process::is_alive(machine.pid()));
        assert_eq!(machine.stop(), Ok(()));
    }

    // OTP: gen_statem_SUITE:start12
    #[test]
    fn with_a_monitor_returns_that_too() {
        let (machine, monitor) = Starts::start_monitor(How::Well).unwrap();
        machine.stop_with(reason(), FOREVER).unwrap();
        assert_eq!(down_reason(monitor), reason());
    }

    // OTP: gen_statem_SUITE:start6, start11
    #[test]
    fn under_a_name_that_is_taken_tells_who_has_it() {
        let options = || StartOptions::new().name("gen_statem_start::taken");
        let machine = Starts::start_with(How::Well, options()).unwrap();
        let again = Starts::start_with(How::Well, options()).unwrap_err();
        assert!(matches!(again, StartError::AlreadyStarted(pid) if pid == machine.pid()));
        let named = StatemRef::<Starts>::named("gen_statem_start::taken");
        assert_eq!(named.whereis(), Some(machine.pid()));
        named.stop().unwrap();
    }

    // OTP: gen_statem_SUITE:start1 to start12 (global, via)
    #[test]
    fn under_a_global_name_is_found_by_it() {
        let name = || global::name("gen_statem_start::global");
        let options = || StartOptions::new().name(name());
        let machine = Starts::start_with(How::Well, options()).unwrap();
        let again = Starts::start_with(How::Well, options()).unwrap_err();
        assert!(matches!(again, StartError::AlreadyStarted(pid) if pid == machine.pid()));
        let found = StatemRef::<Starts>::at(name());
        assert_eq!(found.whereis(), Some(machine.pid()));
        found.stop().unwrap();
        assert_eq!(found.whereis(), None);
    }

    // OTP: gen_statem_SUITE:start5b
    #[test]
    fn may_be_ignored() {
        assert!(matches!(Starts::start(How::Ignore), Err(StartError::Ignored)));
    }

    // OTP: gen_statem_SUITE:start5a, loop_start_fail
    #[test]
    fn that_init_stops_fails_with_its_reason() {
        in_process(|| {
            process::set_trap_exit(true);
            let failed = Starts::start_link(How::Stop(process::self_pid()));
            assert!(matches!(failed, Err(StartError::Failed(it)) if it == reason()));
            assert_no_message();
        });
    }

    // OTP: gen_statem_SUITE:loop_start_fail
    #[test]
    fn that_init_refuses_fails_with_its_reason() {
        in_process(|| {
            let failed = Starts::start_link(How::Error(process::self_pid()));
            assert!(matches!(failed, Err(StartError::Failed(it)) if it == reason()));
            process::checkpoint(); // The caller does not trap exits, and goes on.
        });
    }

    // OTP: gen_statem_SUITE:loop_start_fail
    #[test]
    fn that_fails_ends_the_process_as_init_says() {
        in_process(|| {
            process::set_trap_exit(true);
            let me = process::self_pid();
            for (how, end) in [(How::Stop(me), reason()), (How::Error(me), ExitReason::Normal)] {
                Starts::start(how).unwrap_err();
                assert_eq!(expect::<Exit>().reason, end);
            }
        });
    }

    // OTP: gen_statem_SUITE:loop_start_fail
    #[test]
    fn whose_init_panics_fails_with_the_panic() {
        let Err(StartError::Failed(reason)) = Starts::start(How::Panic) else {
            panic!("it has started");
        };
        assert_eq!(reason.as_panic().unwrap().message, "no");
    }

    // OTP: gen_statem_SUITE:start3
    #[test]
    fn that_takes_too_long_is_killed_and_frees_its_name() {
        let name = "gen_statem_start::late";
        let options = StartOptions::new().name(name).init_timeout(Duration::from_millis(1));
        let failed = Starts::start_with(How::Hang, options);
        assert!(matches!(failed, Err(StartError::Timeout)));
        assert_eq!(process::whereis(name), None);
        assert_no_message();
    }
}

mod the_actions_of_init {
    use super::*;

    // OTP: gen_statem_SUITE:event_types
    #[test]
    fn insert_events_that_come_before_all_others() {
        let script = Script::new(|_, _, _, _| keep_state()).first(|start| {
            process::send(process::self_pid(), "sent");
            start
                .next_event(EventType::Internal, Event::Say("first"))
                .next_event(EventType::Internal, Event::Say("second"))
        });
        script.start();
        expect_seen(["a: internal first", "a: internal second", "a: info sent"]);
    }

    #[test]
    fn start_timeouts() {
        let script = Script::new(|_, _, _, _| keep_state())
            .first(|start| start.state_timeout(Duration::from_millis(1), Event::Say("late")));
        script.start();
        expect_seen(["a: state timeout late"]);
    }
}

mod a_stop {
    use super::*;

    // OTP: gen_statem_SUITE:stop1, stop5
    #[test]
    fn calls_terminate_with_the_state() {
        let machine = machine(|_, _, _, _| next_state("b"));
        machine.cast(Event::Say("go"));
        assert_eq!(machine.stop_with(reason(), FOREVER), Ok(()));
        expect_seen(["a: cast go"]);
        assert_eq!(expect::<Terminated>(), Terminated(reason(), "b"));
    }

    // OTP: gen_statem_SUITE:stop6, stop7
    #[test]
    fn of_a_dead_machine_is_an_error() {
        let machine = machine(|_, _, _, _| ignored());
        machine.stop().unwrap();
        assert_eq!(machine.stop(), Err(StopError::NoProc));
        let nobody = StatemRef::<Machine>::named("gen_statem_start::nobody");
        assert_eq!(nobody.stop(), Err(StopError::NoProc));
    }

    /// Does not terminate well.
    #[derive(Debug)]
    struct Clumsy;

    impl GenStatem for Clumsy {
        type Args = ();
        type State = ();
        type Event = ();

        fn init((): ()) -> InitResult<Clumsy> {
            started((), Clumsy)
        }

        fn handle_event(&mut self, _: EventType, (): (), (): &()) -> StateResult<Clumsy> {
            keep_state()
        }

        fn terminate(&mut self, _: &ExitReason, (): &()) {
            panic!("oops");
        }
    }

    // OTP: gen_statem_SUITE:undef_in_terminate
    #[test]
    fn whose_terminate_panics_ends_with_that() {
        let machine = Clumsy::start(()).unwrap();
        let Err(StopError::Down(reason)) = machine.stop() else { panic!("it has stopped") };
        assert_eq!(reason.as_panic().unwrap().message, "oops");
    }

    // OTP: gen_statem_SUITE:undef_terminate1
    #[test]
    fn needs_no_terminate() {
        assert_eq!(Starts::start(How::Well).unwrap().stop(), Ok(()));
    }

    // OTP: gen_statem_SUITE:shutdown
    #[test]
    fn by_a_callback_ends_the_process_with_its_reason() {
        let machine = machine(|_, _, _, _| gen_statem::stop(ExitReason::Shutdown));
        let monitor = process::monitor(machine);
        machine.cast(Event::Say("stop"));
        assert_eq!(down_reason(monitor), ExitReason::Shutdown);
        expect_seen(["a: cast stop"]);
        assert_eq!(expect::<Terminated>(), Terminated(ExitReason::Shutdown, "a"));
    }

    // OTP: gen_statem_SUITE:stop_and_reply
    #[test]
    fn by_an_error_sends_the_replies_that_are_added_to_it() {
        let machine = machine(|_, _, event, _| {
            let end: StateResult<Machine> = stop(reason());
            end.reply(event.client(), 5)
        });
        let monitor = process::monitor(machine);
        assert_eq!(machine.call(|client| Event::Ask("ask", client)).unwrap(), 5);
        assert_eq!(down_reason(monitor), reason());
    }

    // OTP: gen_statem_SUITE:stop_and_reply
    #[test]
    fn with_replies_gives_them_all() {
        let machine = machine(|data, _, event, _| {
            data.clients.push(event.client());
            match data.clients[..] {
                [first, second] => stop_and_reply(reason()).reply(first, 1).reply(second, 2),
                _ => keep_state(),
            }
        });
        let first = machine.send_request(|client| Event::Ask("first", client));
        let second = machine.send_request(|client| Event::Ask("second", client));
        assert_eq!(first.receive_response(FOREVER).unwrap(), 1);
        assert_eq!(second.receive_response(FOREVER).unwrap(), 2);
    }

    // OTP 25, run: {reason, {gen_statem, call, _}}
    #[test]
    fn is_told_to_the_clients_of_postponed_events() {
        in_process(|| {
            let machine = machine(|_, _, event, _| match event.name() {
                "stop" => gen_statem::stop(reason()),
                _ => keep_state().postpone(event),
            });
            let me = process::self_pid();
            process::spawn(move || {
                let error = machine.call(|client| Event::Ask("call", client)).unwrap_err();
                process::send(me, error.into_kind());
            })
            .unwrap();
            expect_seen(["a: call call"]);
            machine.cast(Event::Say("stop"));
            assert_eq!(expect::<CallErrorKind>(), CallErrorKind::Down(reason()));
        });
    }

    #[test]
    fn by_a_panic_ends_the_machine_with_it_and_terminate_sees_it() {
        let machine = machine(|_, _, _, _| panic!("broken"));
        let error = machine.call(|client| Event::Ask("break", client)).unwrap_err();
        let CallErrorKind::Down(reason) = error.into_kind() else { panic!("no DOWN") };
        assert_eq!(reason.as_panic().unwrap().message, "broken");
        expect_seen(["a: call break"]);
        assert_eq!(expect::<Terminated>().0, reason);
    }

    // OTP: gen_statem_SUITE:pop_too_many
    #[test]
    fn comes_of_popping_callbacks_that_were_not_pushed() {
        let machine = machine(|_, _, _, _| keep_state().pop_callback_module());
        let monitor = process::monitor(machine);
        machine.cast(Event::Say("pop"));
        assert_eq!(down_reason(monitor), ExitReason::from(BadAction::PopCallbackModule));
    }

    // OTP 25, run: terminate gets the reason of the parent
    #[test]
    fn comes_of_the_end_of_the_parent_if_it_traps_exits() {
        let me = process::self_pid();
        let (parent, _) = process::spawn_monitor(move || {
            let options = StartOptions::new().trap_exit(true);
            let script = Script::new(|_, _, _, _| ignored());
            let machine = Machine::start_link_with((me, script), options).unwrap();
            process::send(me, machine);
            process::exit_self(reason());
        })
        .unwrap();
        let machine = expect::<StatemRef<Machine>>();
        assert_ne!(machine.pid(), parent);
        assert_eq!(expect::<Terminated>(), Terminated(reason(), "a"));
    }

    // OTP 25, run: {info, {'EXIT', _, _}}
    #[test]
    fn does_not_come_of_the_end_of_another_linked_process() {
        let script = Script::new(|_, _, event, _| match event.name() {
            "link" => {
                process::spawn_link(|| process::exit_self(reason())).unwrap();
                keep_state()
            }
            _ => keep_state(),
        });
        let options = StartOptions::new().trap_exit(true);
        let machine = Machine::start_with((process::self_pid(), script), options).unwrap();
        machine.cast(Event::Say("link"));
        expect_seen(["a: cast link", "a: info exit"]);
        machine.stop().unwrap();
    }
}

mod a_process_that_becomes_a_machine {
    use super::*;

    // OTP: gen_statem_SUITE:enter_loop
    #[test]
    fn has_the_state_and_the_actions_of_its_start() {
        let me = process::self_pid();
        let pid = proc_lib::start(move |starter| {
            starter.ack(process::self_pid());
            let script = Script::new(|_, _, _, _| keep_state());
            let start = Machine::init((me, script));
            enter_loop(
                start.next_event(EventType::Internal, Event::Say("inserted")),
                StartOptions::new(),
            )
        })
        .unwrap();
        expect_seen(["a: internal inserted"]);
        StatemRef::<Machine>::from_pid(pid).stop().unwrap();
    }

    // OTP: gen_statem_SUITE:enter_loop
    #[test]
    fn needs_the_name_that_is_set() {
        let me = process::self_pid();
        let pid = proc_lib::start(move |starter| {
            starter.ack(process::self_pid());
            receive! { () => {} }
            let script = Script::new(|_, _, _, _| keep_state());
            let options = StartOptions::new().name("gen_statem_start::no_name");
            enter_loop(Machine::init((me, script)), options)
        })
        .unwrap();
        let monitor = process::monitor(pid);
        process::send(pid, ());
        let error = EnterLoopError::NotRegistered("gen_statem_start::no_name".into());
        assert_eq!(down_reason(monitor), ExitReason::from(error));
    }

    // OTP: gen_statem_SUITE:enter_loop
    #[test]
    fn needs_a_process_of_proc_lib() {
        let me = process::self_pid();
        let (_, monitor) = process::spawn_monitor(move || {
            let script = Script::new(|_, _, _, _| keep_state());
            enter_loop(Machine::init((me, script)), StartOptions::new())
        })
        .unwrap();
        let error = ExitReason::from(EnterLoopError::NotStartedByProcLib);
        assert_eq!(down_reason(monitor), error);
    }
}

mod supervised {
    use super::*;

    // A machine is a child as a server is, and is started again.
    #[test]
    fn machines_are_started_again() {
        let script = Script::new(|_, _, event, _| match event.name() {
            "fail" => gen_statem::stop(reason()),
            _ => next_state("b").reply(event.client(), 1),
        });
        let spec =
            Machine::named_child_spec("gen_statem_start::child", (process::self_pid(), script));
        let supervisor = Supervisor::one_for_one().child(spec).start_link().unwrap();
        let machine = StatemRef::<Machine>::named("gen_statem_start::child");
        let first = machine.whereis().unwrap();
        let monitor = process::monitor(first);
        machine.cast(Event::Say("fail"));
        assert_eq!(down_reason(monitor), reason());
        wait_until(|| machine.whereis().is_some_and(|pid| pid != first));
        assert_eq!(machine.call(|client| Event::Ask("ask", client)).unwrap(), 1);
        supervisor.stop().unwrap();
    }

    #[test]
    fn machines_say_when_they_are_restarted_and_how_they_are_stopped() {
        #[derive(Debug)]
        struct Once;

        impl GenStatem for Once {
            type Args = ();
            type State = ();
            type Event = ();
            const RESTART: Restart = Restart::Temporary;
            const SHUTDOWN: Shutdown = Shutdown::BrutalKill;

            fn init((): ()) -> InitResult<Once> {
                started((), Once)
            }

            fn handle_event(&mut self, _: EventType, (): (), (): &()) -> StateResult<Once> {
                keep_state()
            }
        }

        let policy = Once::child_spec(()).policy();
        assert_eq!((policy.restart, policy.shutdown), (Restart::Temporary, Shutdown::BrutalKill));
    }

    #[test]
    fn owned_machines_end_with_their_owner() {
        let machine = machine(|_, _, _, _| ignored()).owned();
        let pid = machine.pid();
        drop(machine);
        assert!(!process::is_alive(pid));
    }
}
