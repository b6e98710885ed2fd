//! Names: processes that others can find.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError};

use procession::prelude::*;
use procession::process::{Builder, NameError, RegisterError, SpawnError};

use crate::support::drops::OnDrop;
use crate::support::processes::{Busy, FOREVER, busy, idle, idle_body, in_process, reason};
use crate::support::rounds::rounds;
use crate::support::wait::{assert_no_message, down_reason, exit_and_wait, expect, test_timeout};

fn name_of(pid: Pid) -> Option<Arc<str>> {
    process::info(pid).unwrap().name
}

fn taken(name: &str, holder: Pid) -> RegisterError {
    RegisterError::Taken { name: name.into(), holder }
}

fn nobody(name: &str) -> NameError {
    NameError { name: name.into() }
}

fn is_registered(name: &str) -> bool {
    process::registered().iter().any(|registered| **registered == *name)
}

mod register {
    use super::*;

    // OTP: erlang:register/2
    #[test]
    fn lets_the_process_be_found() {
        const NAME: &str = "names::register::found";
        in_process(|| {
            let me = process::self_pid();
            assert_eq!(process::register(NAME, me), Ok(()));
            assert_eq!(process::whereis(NAME), Some(me));
            assert_eq!(name_of(me).as_deref(), Some(NAME));
            assert!(is_registered(NAME));

            process::spawn(|| process::send_to(NAME, 7_u8).unwrap()).unwrap();
            assert_eq!(expect::<u8>(), 7);
            process::send_to(name_of(me).unwrap(), 8_u8).unwrap();
            assert_eq!(expect::<u8>(), 8);
        });
    }

    #[test]
    fn can_name_another_process() {
        const NAME: &str = "names::register::another";
        let pid = idle();
        process::register(NAME, pid).unwrap();
        assert_eq!(process::whereis(NAME), Some(pid));
        assert_eq!(name_of(pid).as_deref(), Some(NAME));
    }

    #[test]
    fn takes_any_text_but_the_empty_one() {
        in_process(|| {
            let me = process::self_pid();
            for name in [" ", "undefined", "名前", &"long".repeat(10_000)] {
                process::register(name, me).unwrap();
                assert_eq!(process::whereis(name), Some(me));
                process::unregister(name).unwrap();
            }
            assert_eq!(process::register("", me), Err(RegisterError::Empty));
            assert_eq!(process::whereis(""), None);
            assert_eq!(name_of(me), None);
        });
    }

    // OTP: erlang:register/2
    #[test]
    fn fails_when_the_name_is_taken() {
        const NAME: &str = "names::register::taken";
        let (holder, other) = (idle(), idle());
        process::register(NAME, holder).unwrap();

        assert_eq!(process::register(NAME, other), Err(taken(NAME, holder)));
        assert_eq!(process::register(NAME, holder), Err(taken(NAME, holder)));
        assert_eq!(process::whereis(NAME), Some(holder));
        assert_eq!(name_of(other), None);
    }

    // OTP: process_SUITE:bad_register
    #[test]
    fn fails_when_the_process_has_another_name() {
        const NAMES: [&str; 2] = ["names::register::first", "names::register::second"];
        let pid = idle();
        process::register(NAMES[0], pid).unwrap();

        let has_name = RegisterError::HasName { pid, name: NAMES[0].into() };
        assert_eq!(process::register(NAMES[1], pid), Err(has_name));
        assert_eq!(process::whereis(NAMES[1]), None);
        assert_eq!(name_of(pid).as_deref(), Some(NAMES[0]));
    }

    // OTP: process_SUITE:bad_register
    #[test]
    fn fails_when_the_process_has_ended() {
        const NAME: &str = "names::register::ended";
        let gone = idle();
        exit_and_wait(gone, reason());

        assert_eq!(process::register(NAME, gone), Err(RegisterError::NotAlive(gone)));
        assert_eq!(process::whereis(NAME), None);
        let pid = idle();
        assert_eq!(process::register(NAME, pid), Ok(()));
        assert_eq!(process::whereis(NAME), Some(pid));
    }

    #[test]
    fn fails_when_the_process_was_killed_and_has_not_left_its_code() {
        const NAME: &str = "names::register::killed";
        let Busy { pid, monitor, let_go } = busy(Builder::new().kill_grace(FOREVER), || {});
        process::exit(pid, ExitReason::Kill);
        assert_eq!(process::register(NAME, pid), Err(RegisterError::NotAlive(pid)));
        assert_eq!(process::whereis(NAME), None);
        drop(let_go);
        assert_eq!(down_reason(monitor), ExitReason::Killed);
    }

    #[test]
    fn of_oneself_judges_first_what_has_arrived() {
        const NAME: &str = "names::register::judges";
        let me = process::self_pid();
        let Busy { pid, monitor, let_go } = busy(Builder::new(), move || {
            _ = process::register(NAME, process::self_pid());
            process::send(me, "survived the signal");
        });
        process::exit(pid, reason());
        drop(let_go);

        let survived = receive! {
            text: &str => Some(text),
            down: Down if down.monitor == monitor => { assert_eq!(down.reason, reason()); None }
            after test_timeout() => panic!("no DOWN"),
        };
        assert_eq!(survived, None);
    }

    #[test]
    fn succeeds_for_one_of_many_processes_at_once() {
        const NAME: &str = "names::register::race";
        in_process(|| {
            let me = process::self_pid();
            for _ in 0..rounds(50) {
                let racers: Vec<_> = (0..8)
                    .map(|_| {
                        process::spawn_monitor(move || {
                            receive! { "go" => {} }
                            let own = process::self_pid();
                            process::send(me, (own, process::register(NAME, own)));
                            receive! { "end" => {} }
                        })
                        .unwrap()
                    })
                    .collect();
                racers.iter().for_each(|(pid, _)| process::send(*pid, "go"));

                let results: Vec<_> =
                    racers.iter().map(|_| expect::<(Pid, Result<(), _>)>()).collect();
                let holder = process::whereis(NAME).unwrap();
                for (pid, result) in results {
                    let expected = if pid == holder { Ok(()) } else { Err(taken(NAME, holder)) };
                    assert_eq!(result, expected);
                }
                for (pid, monitor) in racers {
                    process::send(pid, "end");
                    assert_eq!(down_reason(monitor), ExitReason::Normal);
                }
                assert_eq!(process::whereis(NAME), None);
            }
        });
    }
}

mod unregister {
    use super::*;

    // OTP: erlang:unregister/1
    #[test]
    fn frees_the_name_at_once() {
        const NAMES: [&str; 2] = ["names::unregister::frees", "names::unregister::another"];
        in_process(|| {
            let (me, other) = (process::self_pid(), idle());
            process::register(NAMES[0], me).unwrap();
            assert_eq!(process::unregister(NAMES[0]), Ok(()));
            assert_eq!(process::whereis(NAMES[0]), None);
            assert_eq!(name_of(me), None);
            assert!(!is_registered(NAMES[0]));

            assert_eq!(process::register(NAMES[0], other), Ok(()));
            assert_eq!(process::register(NAMES[1], me), Ok(()));
            assert_eq!(process::whereis(NAMES[0]), Some(other));
            assert_eq!(process::whereis(NAMES[1]), Some(me));
        });
    }

    // OTP: erlang:unregister/1
    #[test]
    fn fails_when_nobody_has_the_name() {
        const NAME: &str = "names::unregister::unknown";
        assert_eq!(process::unregister(NAME), Err(nobody(NAME)));
        process::register(NAME, idle()).unwrap();
        assert_eq!(process::unregister(NAME), Ok(()));
        assert_eq!(process::unregister(NAME), Err(nobody(NAME)));
        assert_eq!(process::unregister(""), Err(nobody("")));
    }

    #[test]
    fn can_be_done_by_any_process() {
        const NAME: &str = "names::unregister::others";
        let pid = idle();
        process::register(NAME, pid).unwrap();
        in_process(|| process::unregister(NAME).unwrap());
        assert_eq!(process::whereis(NAME), None);
        assert_eq!(name_of(pid), None);
        assert!(process::is_alive(pid));
    }

    #[test]
    fn of_oneself_judges_first_what_has_arrived() {
        const NAME: &str = "names::unregister::judges";
        let me = process::self_pid();
        let Busy { pid, monitor, let_go } = busy(Builder::new().name(NAME), move || {
            _ = process::unregister(NAME);
            process::send(me, "survived the signal");
        });
        process::exit(pid, reason());
        drop(let_go);

        let survived = receive! {
            text: &str => Some(text),
            down: Down if down.monitor == monitor => { assert_eq!(down.reason, reason()); None }
            after test_timeout() => panic!("no DOWN"),
        };
        assert_eq!(survived, None);
    }

    #[test]
    fn leaves_alone_what_was_sent_to_the_name_before() {
        const NAME: &str = "names::unregister::before";
        in_process(|| {
            process::register(NAME, process::self_pid()).unwrap();
            process::send_to(NAME, 1_u8).unwrap();
            process::unregister(NAME).unwrap();
            assert_eq!(expect::<u8>(), 1);
        });
    }
}

mod send {
    use super::*;

    // OTP: process_SUITE:bad_register
    #[test]
    fn to_a_name_nobody_has_gives_the_message_back() {
        const NAME: &str = "names::send::nobody";
        let error = process::send_to(NAME, vec![1, 2, 3]).unwrap_err();
        assert_eq!(error.name, NAME.into());
        assert_eq!(error.message, [1, 2, 3]);
        assert_eq!(error.to_string(), format!("no process is registered as {NAME:?}"));
    }

    #[test]
    fn to_the_name_of_a_process_that_has_ended_gives_the_message_back() {
        const NAME: &str = "names::send::ended";
        let pid = Builder::new().name(NAME).spawn(idle_body).unwrap();
        process::send_to(NAME, 1_u8).unwrap();
        process::exit(pid, ExitReason::Kill);
        assert_eq!(process::send_to(NAME, 2_u8).unwrap_err().message, 2);
    }

    #[test]
    fn looks_the_name_up_each_time() {
        const NAME: &str = "names::send::each_time";
        in_process(|| {
            let me = process::self_pid();
            for n in 0..3 {
                let (pid, monitor) = Builder::new()
                    .name(NAME)
                    .spawn_monitor(move || {
                        receive! { n: u8 => process::send(me, (process::self_pid(), n)) }
                    })
                    .unwrap();
                process::send_to(NAME, n).unwrap();
                assert_eq!(expect::<(Pid, u8)>(), (pid, n));
                assert_eq!(down_reason(monitor), ExitReason::Normal);
            }
        });
    }
}

mod end_of_a_process {
    use super::*;

    #[test]
    fn frees_its_name_before_links_and_monitors_hear_of_it() {
        const NAME: &str = "names::end::hears";
        in_process(|| {
            let me = process::self_pid();
            process::set_trap_exit(true);
            let ends: [fn(); 3] = [|| {}, || panic!("end"), || process::exit_self(reason())];
            for (linked, end) in
                [true, false].into_iter().flat_map(|linked| ends.map(|end| (linked, end)))
            {
                let body = move || {
                    process::receive();
                    end();
                };
                let builder = Builder::new().name(NAME);
                let pid = if linked { builder.link().spawn(body) } else { builder.spawn(body) };
                let pid = pid.unwrap();
                if !linked {
                    process::monitor(pid);
                }
                process::send(pid, "end");
                receive! {
                    exit: Exit => assert!(linked && exit.from == pid),
                    down: Down => assert!(!linked && down.object == pid),
                    after test_timeout() => panic!("it has not ended"),
                }
                assert_eq!(process::whereis(NAME), None);
                assert!(!is_registered(NAME));
                assert_eq!(process::register(NAME, me), Ok(()));
                assert_eq!(process::unregister(NAME), Ok(()));
            }
        });
    }

    #[test]
    fn leaves_the_name_to_a_process_that_has_taken_it_since() {
        const NAME: &str = "names::end::taken_since";
        let Busy { pid, monitor, let_go } =
            busy(Builder::new().name(NAME).kill_grace(FOREVER), || {});
        process::exit(pid, ExitReason::Kill);
        let next = idle();
        assert_eq!(process::register(NAME, next), Ok(()));

        drop(let_go);
        assert_eq!(down_reason(monitor), ExitReason::Killed);
        assert_eq!(process::whereis(NAME), Some(next));
        assert_eq!(name_of(next).as_deref(), Some(NAME));
    }

    #[test]
    fn frees_its_name_at_once_if_it_is_killed() {
        const NAME: &str = "names::end::killed";
        let Busy { pid, monitor, let_go } =
            busy(Builder::new().name(NAME).kill_grace(FOREVER), || {});
        assert_eq!(process::whereis(NAME), Some(pid));
        process::exit(pid, ExitReason::Kill);

        // It has not left its code, as it is not let go.
        assert_eq!(process::whereis(NAME), None);
        assert!(!is_registered(NAME));
        assert_eq!(process::unregister(NAME), Err(nobody(NAME)));
        assert!(process::send_to(NAME, "nobody").is_err());
        drop(let_go);
        assert_eq!(down_reason(monitor), ExitReason::Killed);
    }

    #[test]
    fn by_itself_keeps_its_name_while_its_destructors_run() {
        const NAME: &str = "names::end::destructors";
        let me = process::self_pid();
        let (_, monitor) = Builder::new()
            .name(NAME)
            .spawn_monitor(move || {
                let _on_drop = OnDrop(|| process::send(me, process::whereis(NAME)));
                process::exit_self(reason())
            })
            .unwrap();
        // A process that ends by itself is alive, and has its name, until its values are dropped.
        assert!(expect::<Option<Pid>>().is_some());
        assert_eq!(down_reason(monitor), reason());
        assert_eq!(process::whereis(NAME), None);
    }

    // OTP: register_SUITE:otp_8099
    #[test]
    fn by_kill_lets_the_next_one_take_the_name_again_and_again() {
        const NAME: &str = "names::end::again_and_again";
        in_process(|| {
            let mut old = None;
            for round in 0..rounds(10_000) {
                let (pid, monitor) = process::spawn_monitor(idle_body).unwrap();
                // The holder before this one was killed, and may not have left its code yet.
                assert_eq!(process::register(NAME, pid), Ok(()));
                assert_eq!(process::register(NAME, pid), Err(taken(NAME, pid)));
                assert_eq!(process::whereis(NAME), Some(pid));
                if round % 4 == 0 {
                    process::unregister(NAME).unwrap();
                    assert_eq!(process::register(NAME, pid), Ok(()));
                }
                if let Some(monitor) = old.replace(monitor) {
                    assert_eq!(down_reason(monitor), ExitReason::Killed);
                }
                assert_eq!(name_of(pid).as_deref(), Some(NAME));

                process::exit(pid, ExitReason::Kill);
                assert_eq!(process::whereis(NAME), None);
            }
            assert_eq!(down_reason(old.unwrap()), ExitReason::Killed);
            assert!(!is_registered(NAME));
        });
    }

    // OTP: register_SUITE:otp_8099
    #[test]
    fn by_a_signal_lets_a_register_fail_only_while_the_holder_can_be_seen() {
        const NAME: &str = "names::end::can_be_seen";
        in_process(|| {
            let me = process::self_pid();
            for _ in 0..rounds(3_000) {
                let (pid, monitor) = process::spawn_monitor(idle_body).unwrap();
                process::register(NAME, pid).unwrap();
                process::exit(pid, reason());
                if let Err(error) = process::register(NAME, me) {
                    assert_eq!(error, taken(NAME, pid));
                    assert_eq!(down_reason(monitor), reason());
                    assert_eq!(process::register(NAME, me), Ok(()));
                } else {
                    assert!(!process::is_alive(pid));
                    assert_eq!(down_reason(monitor), reason());
                }
                assert_eq!(process::whereis(NAME), Some(me));
                process::unregister(NAME).unwrap();
            }
        });
    }
}

mod builder {
    use super::*;

    #[test]
    fn registers_the_process_before_its_body_runs() {
        const NAME: &str = "names::builder::before";
        let me = process::self_pid();
        let pid = Builder::new()
            .name(NAME)
            .spawn(move || process::send(me, process::whereis(NAME)))
            .unwrap();
        assert_eq!(expect::<Option<Pid>>(), Some(pid));
    }

    #[test]
    fn starts_nothing_if_the_name_cannot_be_had() {
        const NAME: &str = "names::builder::taken";
        in_process(|| {
            let holder = Builder::new().name(NAME).spawn(idle_body).unwrap();
            let (tell, told) = mpsc::channel::<()>();
            let ran = Arc::new(AtomicBool::new(false));
            for (name, error) in [(NAME, taken(NAME, holder)), ("", RegisterError::Empty)] {
                let (tell, ran) = (tell.clone(), Arc::clone(&ran));
                let result = Builder::new().name(name).link().spawn_monitor(move || {
                    ran.store(true, Ordering::SeqCst);
                    drop(tell);
                });
                let Err(SpawnError::Name(found)) = result else { panic!("{result:?}") };
                assert_eq!(found, error);
            }
            drop(tell);
            // Says so when both bodies are dropped.
            assert_eq!(told.recv_timeout(test_timeout()), Err(RecvTimeoutError::Disconnected));
            assert!(!ran.load(Ordering::SeqCst));
            assert_eq!(process::whereis(NAME), Some(holder));
            assert_no_message();
        });
    }
}

mod info {
    use super::*;

    // OTP: Elixir process_test, "info/2 with registered name"
    #[test]
    fn tells_the_name_of_a_process_that_has_one() {
        const NAME: &str = "names::info::name";
        let (pid, monitor) = process::spawn_monitor(idle_body).unwrap();
        assert_eq!(process::info(pid).unwrap().name, None);
        process::register(NAME, pid).unwrap();
        assert_eq!(process::info(pid).unwrap().name.as_deref(), Some(NAME));
        process::exit(pid, reason());
        assert_eq!(down_reason(monitor), reason());
        assert!(process::info(pid).is_none());
    }
}

mod registered {
    use super::*;

    // OTP: erlang:registered/0
    #[test]
    fn lists_the_names_that_are_held() {
        const NAMES: [&str; 3] =
            ["names::registered::first", "names::registered::second", "names::registered::third"];
        let listed = || NAMES.map(is_registered);
        assert_eq!(listed(), [false; 3]);
        let pids = NAMES.map(|name| Builder::new().name(name).spawn(idle_body).unwrap());
        assert_eq!(listed(), [true; 3]);
        let occurrences = process::registered().iter().filter(|name| ***name == *NAMES[0]).count();
        assert_eq!(occurrences, 1);

        process::unregister(NAMES[0]).unwrap();
        assert_eq!(listed(), [false, true, true]);
        process::exit(pids[1], ExitReason::Kill);
        assert_eq!(listed(), [false, false, true]);
        assert_eq!(exit_and_wait(pids[2], reason()), reason());
        assert_eq!(listed(), [false; 3]);
    }
}

mod errors {
    use super::*;

    #[test]
    fn say_which_name_and_which_process() {
        let pid = process::self_pid();
        let name: Arc<str> = "names::errors".into();
        let cases = [
            (
                RegisterError::Taken { name: name.clone(), holder: pid },
                format!("the name \"names::errors\" is taken by {pid}"),
            ),
            (
                RegisterError::HasName { pid, name },
                format!("{pid} already has the name \"names::errors\""),
            ),
            (RegisterError::NotAlive(pid), format!("{pid} is not alive")),
            (RegisterError::Empty, "a name cannot be empty".to_owned()),
        ];
        for (error, text) in cases {
            assert_eq!(error.to_string(), text);
        }
    }
}
