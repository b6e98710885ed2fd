//! Names of servers: taken at the start, and free again if that fails.

use std::time::Duration;

use procession::prelude::*;
use procession::process::{Builder, RegisterError};

use crate::gen_server_start::{Kind, assert_untied};
use crate::support::calls::CallKind;
use crate::support::drops::OnDrop;
use crate::support::processes::{idle, in_process, reason};
use crate::support::rounds::rounds;
use crate::support::scripted::{Scripted, ScriptedServer, init_with, observed_init, pid_of};
use crate::support::wait::{down_reason, expect};

mod name {
    use super::*;

    #[test]
    fn is_there_before_init_runs() {
        in_process(|| {
            let init = init_with(|| {
                let found = process::whereis("gen_server_start::name::early");
                assert_eq!(found, Some(process::self_pid()));
                ready(Scripted::default())
            });
            let options = StartOptions::new().name("gen_server_start::name::early");
            let server = Scripted::start_with(init, options).unwrap();
            let named = ServerRef::<Scripted>::named("gen_server_start::name::early");
            named.assert_answers();
            assert_eq!(named.whereis(), Some(server.pid()));
        });
    }

    // OTP: gen_server_SUITE:start
    #[test]
    fn that_is_taken_is_told_with_its_holder_and_init_does_not_run() {
        let taken = || StartOptions::new().name("gen_server_start::name::taken");
        // As a starter that traps exits gets no message, and one that does not goes on.
        for traps in [true, false] {
            in_process(move || {
                process::set_trap_exit(traps);
                let first = Scripted::start_with(observed_init(), taken()).unwrap();
                let me = process::self_pid();
                for kind in Kind::ALL {
                    let init = init_with(move || {
                        process::send(me, "the second init runs");
                        ready(Scripted::default())
                    });
                    match kind.start(init, taken()) {
                        Err(StartError::AlreadyStarted(pid)) => assert_eq!(pid, pid_of(&first)),
                        other => panic!("{other:?}"),
                    }
                    assert_untied();
                }
                first.assert_answers();
                assert_eq!(first.stop(), Ok(()));
            });
        }
    }

    #[test]
    fn can_be_taken_by_any_process() {
        let holder = idle();
        process::register("gen_server_start::name::held", holder).unwrap();
        let options = StartOptions::new().name("gen_server_start::name::held");
        let error = Scripted::start_with(observed_init(), options).unwrap_err();
        assert!(matches!(error, StartError::AlreadyStarted(pid) if pid == holder), "{error:?}");
    }

    // OTP: gen_event_SUITE:start_opt
    #[test]
    fn that_cannot_be_one_is_refused() {
        in_process(|| {
            for kind in Kind::ALL {
                let error = kind.start(observed_init(), StartOptions::new().name("")).unwrap_err();
                assert!(matches!(error, StartError::Name(RegisterError::Empty)), "{error:?}");
                assert_untied();
            }
        });
    }

    #[test]
    fn cannot_be_a_second_one() {
        in_process(|| {
            let spawn = Builder::new().name("gen_server_start::name::first");
            let options = StartOptions::new().name("gen_server_start::name::second");
            let error =
                Scripted::start_with(observed_init(), options.spawn_options(spawn)).unwrap_err();
            assert!(matches!(error, StartError::Name(RegisterError::HasName { .. })), "{error:?}");
            assert_eq!(process::whereis("gen_server_start::name::first"), None);
            assert_untied();
        });
    }
}

/// Whoever hears of the end of a server can start another one under its name.
mod name_is_free {
    use super::*;

    /// Starts servers as `name`, each when `end` has seen the end of the one before.
    fn repeat(name: &'static str, end: impl Fn(&ServerRef<Scripted>) + Send + 'static) {
        in_process(move || {
            process::set_trap_exit(true);
            for _ in 0..rounds(300) {
                let options = StartOptions::new().name(name);
                let init = init_with(|| ready(Scripted::default()));
                end(&Scripted::start_link_with(init, options).unwrap());
                assert_eq!(process::whereis(name), None);
            }
        });
    }

    // OTP: gen_server_SUITE:stop4
    #[test]
    fn when_a_stop_returns() {
        repeat("gen_server_start::name_is_free::stop", |server| {
            assert_eq!(server.stop(), Ok(()));
        });
    }

    // OTP: gen_server_SUITE:start
    #[test]
    fn when_an_exit_signal_comes() {
        repeat("gen_server_start::name_is_free::exit", |server| {
            server.cast_with(|_| stop(reason()));
            assert_eq!(expect::<Exit>().reason, reason());
        });
    }

    #[test]
    fn when_a_down_comes() {
        repeat("gen_server_start::name_is_free::down", |server| {
            process::unlink(pid_of(server));
            let monitor = process::monitor(pid_of(server));
            server.cast_with(|_| panic!("a crash"));
            assert!(down_reason(monitor).as_panic().is_some());
        });
    }

    #[test]
    fn when_a_call_fails() {
        repeat("gen_server_start::name_is_free::call", |server| {
            process::unlink(pid_of(server));
            assert_eq!(
                server.call_with::<()>(|_, _| stop(reason())).kind(),
                Err(CallErrorKind::Down(reason()))
            );
        });
    }

    #[test]
    fn when_the_last_reply_comes_and_its_state_is_dropped() {
        repeat("gen_server_start::name_is_free::reply", |server| {
            process::unlink(pid_of(server));
            let client = process::self_pid();
            let farewell = server.call_with(move |it, _| {
                it.on_drop = Some(OnDrop(Box::new(move || process::send(client, "dropped"))));
                stop_with_reply(reason(), "farewell")
            });
            assert_eq!(farewell, Ok("farewell"));
            let dropped = process::receive_timeout(Duration::ZERO).unwrap();
            assert_eq!(dropped.downcast::<&str>().unwrap(), "dropped");
        });
    }

    #[test]
    fn when_a_kill_was_sent() {
        repeat("gen_server_start::name_is_free::kill", |server| {
            process::unlink(pid_of(server));
            process::exit(pid_of(server), ExitReason::Kill);
        });
    }

    // OTP: gen_server_SUITE:loop_start_fail
    #[test]
    fn when_a_start_fails() {
        let inits: [fn() -> InitResult<Scripted>; 5] = [
            ignore,
            || stop(reason()),
            || init_error(reason()),
            || panic!("in init"),
            || process::exit_self(reason()),
        ];
        in_process(move || {
            process::set_trap_exit(true);
            for round in 0..rounds(300) {
                let kind = Kind::ALL[round % 3];
                let options = StartOptions::new().name("gen_server_start::name_is_free::start");
                let error = kind.start(init_with(inits[round % 5]), options).unwrap_err();
                assert!(matches!(error, StartError::Ignored | StartError::Failed(_)), "{error:?}");
            }
            assert_untied();
        });
    }
}
