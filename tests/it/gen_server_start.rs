//! Starting servers.

#![allow(clippy::disallowed_methods, reason = "looks at threads of the program's own")]

use std::cell::RefCell;
use std::fs::File;
use std::io::Read;
use std::rc::Rc;
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use procession::prelude::*;
use procession::process::{Builder, RegisterError, SpawnError};

use crate::puppet::*;
use crate::staging::*;
use crate::support::*;

fn reason() -> ExitReason {
    ExitReason::new("gen_server_start::reason")
}

/// The ways to start a server.
#[derive(Clone, Copy, Debug)]
enum Kind {
    Plain,
    Linked,
    Monitored,
}

impl Kind {
    const ALL: [Kind; 3] = [Kind::Plain, Kind::Linked, Kind::Monitored];

    fn start(self, init: Script, options: StartOptions) -> Result<ServerRef<Puppet>, StartError> {
        match self {
            Kind::Plain => Puppet::start_with(init, options),
            Kind::Linked => Puppet::start_link_with(init, options),
            Kind::Monitored => Puppet::start_monitor_with(init, options).map(|(server, _)| server),
        }
    }
}

/// The reason with which a start has failed.
#[track_caller]
fn failure(result: Result<ServerRef<Puppet>, StartError>) -> ExitReason {
    match result {
        Err(StartError::Failed(reason)) => reason,
        other => panic!("{other:?}"),
    }
}

/// Asserts that nothing ties the caller to any process, and that its mailbox is empty.
#[track_caller]
fn assert_untied() {
    let info = process::info(process::self_pid()).unwrap();
    assert!(info.links.is_empty() && info.monitors.is_empty(), "{info:?}");
    assert_no_message();
}

mod start {
    use super::*;

    // OTP: gen_server_SUITE:start
    #[test]
    fn returns_when_init_is_through_and_the_server_answers() {
        for kind in Kind::ALL {
            in_process(move || {
                let me = process::self_pid();
                let init = script(move || {
                    process::send(me, "init is through");
                    ready(Puppet::default())
                });
                let server = kind.start(init, StartOptions::new()).unwrap();

                let first = process::receive_timeout(Duration::ZERO).unwrap();
                assert_eq!(first.downcast::<&str>().unwrap(), "init is through");
                assert_eq!(server.ask(|_, _| reply(7)), Ok(7));
                assert_no_message();
            });
        }
    }

    // OTP: gen_server_SUITE:start
    #[test]
    fn leaves_no_tie_to_the_server() {
        in_process(|| {
            let server = puppet();
            assert_untied();
            let (me, server) = (process::info(process::self_pid()).unwrap(), pid_of(&server));
            let server = process::info(server).unwrap();
            assert!(server.links.is_empty() && server.monitored_by.is_empty(), "{server:?}");
            assert_eq!(server.parent(), Some(me.pid));
        });
    }

    // OTP: gen_server_SUITE:start
    #[test]
    fn spares_the_starter_when_the_server_crashes() {
        in_process(|| {
            let server = Puppet::start(script(|| ready(Puppet::default()))).unwrap();
            let monitor = process::monitor(pid_of(&server));
            server.tell(|_| panic!("a crash"));
            assert!(down_reason(monitor).as_panic().is_some());
            assert_no_message();
        });
    }

    #[test]
    fn serves_a_state_that_cannot_leave_its_thread() {
        #[derive(Debug)]
        struct Reader {
            file: File,
            lengths: Rc<RefCell<Vec<usize>>>,
        }

        #[derive(Debug)]
        struct ReadAll;

        impl GenServer for Reader {
            type Args = &'static str;

            fn init(path: &'static str) -> InitResult<Reader> {
                ready(Reader { file: File::open(path)?, lengths: Rc::default() })
            }

            fn terminate(&mut self, _: &ExitReason) {
                assert_eq!(*Rc::clone(&self.lengths).borrow(), [0]);
            }
        }

        impl HandleCall<ReadAll> for Reader {
            type Reply = String;

            fn handle_call(&mut self, _: ReadAll, _: &Caller<String>) -> CallResult<Self, String> {
                let mut text = String::new();
                let lengths = Rc::clone(&self.lengths);
                lengths.borrow_mut().push(text.len());
                self.file.read_to_string(&mut text)?;
                reply(text)
            }
        }

        let reader = Reader::start(concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml")).unwrap();
        assert!(reader.call(ReadAll).unwrap().contains("procession"));
        assert_eq!(reader.stop(), Ok(()));

        // An error in `init` is a reason by `?`.
        let Err(StartError::Failed(reason)) = Reader::start("/no/such/file") else {
            panic!("it has started")
        };
        assert!(reason.downcast_ref::<std::io::Error>().is_some(), "{reason:?}");
    }

    #[test]
    fn fails_in_a_process_that_is_being_ended() {
        let (outcomes, seen) = mpsc::channel();
        let (pid, monitor) = begun(Builder::new(), move || {
            let _guard = OnDrop(move || {
                let outcome = Puppet::start(script(|| ready(Puppet::default())));
                outcomes.send(matches!(outcome, Err(StartError::CallerEnded))).unwrap();
            });
            idle_body();
        });
        process::exit(pid, reason());
        assert_eq!(down_reason(monitor), reason());
        assert!(seen.recv().unwrap());
    }

    #[test]
    fn fails_in_a_thread_of_the_programs_own_that_is_killed_meanwhile() {
        let me = process::self_pid();
        thread::scope(|scope| {
            let starter = scope.spawn(move || {
                let starter = process::self_pid();
                let init = script(move || {
                    process::send(me, starter);
                    process::receive_match_timeout(patience(), |_| false);
                    ready(Puppet::default())
                });
                Puppet::start(init)
            });
            process::exit(expect::<Pid>(), ExitReason::Kill);
            let outcome = starter.join().unwrap();
            assert!(matches!(outcome, Err(StartError::CallerEnded)), "{outcome:?}");
        });
    }

    #[test]
    fn fails_in_a_thread_of_the_programs_own_that_is_killed_at_any_moment() {
        for round in 0..rounds(2_000) {
            let error = killed_meanwhile(round, || {
                loop {
                    // It ends by itself.
                    let init = script(|| {
                        ready(Puppet::default()).then(go_on(|_| stop(ExitReason::Normal)))
                    });
                    let options = match round % 2 {
                        0 => StartOptions::new(),
                        _ => StartOptions::new().init_timeout(Duration::ZERO),
                    };
                    match Kind::ALL[round % 3].start(init, options) {
                        Ok(_) | Err(StartError::Timeout) => {}
                        Err(error) => return error,
                    }
                }
            });
            let ended = matches!(
                error,
                StartError::CallerEnded | StartError::Spawn(SpawnError::CallerEnded)
            );
            assert!(ended, "round {round}: {error:?}");
        }
    }

    #[test]
    fn is_a_receive_point_for_the_starter() {
        // Told to end while it waits, it does so at once, and a linked server with it.
        let me = process::self_pid();
        let (starter, monitor) = process::spawn_monitor(move || {
            let init = script(move || {
                process::send(me, process::self_pid());
                process::sleep(FOREVER);
                ready(Puppet::default())
            });
            _ = Puppet::start_link(init);
        })
        .unwrap();
        let server = process::monitor(expect::<Pid>());
        process::exit(starter, reason());
        assert_eq!(down_reason(monitor), reason());
        assert_eq!(down_reason(server), reason());
    }
}

mod start_monitor {
    use super::*;

    // OTP: gen_server_SUITE:start
    #[test]
    fn tells_of_the_end_by_the_monitor_that_it_returns() {
        in_process(|| {
            let init = script(|| ready(Puppet::default()));
            let (server, monitor) = Puppet::start_monitor(init).unwrap();
            server.tell(|_| stop(reason()));
            let down = expect::<Down>();
            assert_eq!(down.monitor, monitor);
            assert_eq!(down.object, pid_of(&server));
            assert_eq!(down.reason, reason());
            assert_untied();
        });
    }
}

mod start_link {
    use super::*;

    /// Starts a linked server that ends with `end`, in a process that does not trap exits, and
    /// returns why that ends.
    fn end_of_starter(end: ExitReason) -> ExitReason {
        let (_, monitor) = process::spawn_monitor(move || {
            let init = script(|| ready(Puppet::default()));
            let (server, monitor) = (Puppet::start_link(init).unwrap(), process::monitor);
            let monitor = monitor(pid_of(&server));
            server.tell(move |_| stop(end));
            down_reason(monitor);
        })
        .unwrap();
        down_reason(monitor)
    }

    // OTP: gen_server_SUITE:start
    #[test]
    fn ends_the_starter_with_the_reason_of_the_server() {
        assert_eq!(end_of_starter(reason()), reason());
        assert_eq!(end_of_starter(ExitReason::Shutdown), ExitReason::Shutdown);
    }

    // OTP: gen_server_SUITE:start
    #[test]
    fn spares_the_starter_if_the_server_ends_normally() {
        assert_eq!(end_of_starter(ExitReason::Normal), ExitReason::Normal);
    }

    // OTP: gen_server_SUITE:start
    #[test]
    fn tells_a_starter_that_traps_exits_once() {
        in_process(|| {
            process::set_trap_exit(true);
            for end in [reason(), ExitReason::Normal] {
                let init = script(|| ready(Puppet::default()));
                let server = Puppet::start_link(init).unwrap();
                let reason = end.clone();
                server.tell(move |_| stop(reason));
                assert_eq!(expect::<Exit>(), Exit { from: pid_of(&server), reason: end });
                assert_untied();
            }
        });
    }

    // OTP: gen_server_SUITE:loop_start_fail
    #[test]
    fn ends_a_starter_that_does_not_trap_exits_with_the_reason_of_a_failed_init() {
        let fails: [fn() -> InitResult<Puppet>; 2] =
            [|| stop(reason()), || process::exit_self(reason())];
        for init in fails {
            let (_, monitor) = process::spawn_monitor(move || {
                _ = Puppet::start_link(script(init));
                unreachable!("the start has returned");
            })
            .unwrap();
            assert_eq!(down_reason(monitor), reason());
        }
    }

    #[test]
    fn ends_such_a_starter_with_the_panic_of_an_init() {
        let (_, monitor) = process::spawn_monitor(|| {
            _ = Puppet::start_link(script(|| panic!("in init")));
            unreachable!("the start has returned");
        })
        .unwrap();
        assert_eq!(down_reason(monitor).as_panic().unwrap().message, "in init");
    }
}

mod name {
    use super::*;

    #[test]
    fn is_there_before_init_runs() {
        in_process(|| {
            let init = script(|| {
                let found = process::whereis("gen_server_start::name::early");
                assert_eq!(found, Some(process::self_pid()));
                ready(Puppet::default())
            });
            let options = StartOptions::new().name("gen_server_start::name::early");
            let server = Puppet::start_with(init, options).unwrap();
            let named = ServerRef::<Puppet>::named("gen_server_start::name::early");
            named.answers();
            assert_eq!(named.pid(), server.pid());
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
                let first = Puppet::start_with(plain(), taken()).unwrap();
                let me = process::self_pid();
                for kind in Kind::ALL {
                    let init = script(move || {
                        process::send(me, "the second init runs");
                        ready(Puppet::default())
                    });
                    match kind.start(init, taken()) {
                        Err(StartError::AlreadyStarted(pid)) => assert_eq!(pid, pid_of(&first)),
                        other => panic!("{other:?}"),
                    }
                    assert_untied();
                }
                first.answers();
                assert_eq!(first.stop(), Ok(()));
            });
        }
    }

    #[test]
    fn can_be_taken_by_any_process() {
        let holder = idle();
        process::register("gen_server_start::name::held", holder).unwrap();
        let options = StartOptions::new().name("gen_server_start::name::held");
        let error = Puppet::start_with(plain(), options).unwrap_err();
        assert!(matches!(error, StartError::AlreadyStarted(pid) if pid == holder), "{error:?}");
    }

    // OTP: gen_event_SUITE:start_opt
    #[test]
    fn that_cannot_be_one_is_refused() {
        in_process(|| {
            for kind in Kind::ALL {
                let error = kind.start(plain(), StartOptions::new().name("")).unwrap_err();
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
            let error = Puppet::start_with(plain(), options.spawn_options(spawn)).unwrap_err();
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
    fn repeat(name: &'static str, end: impl Fn(&ServerRef<Puppet>) + Send + 'static) {
        in_process(move || {
            process::set_trap_exit(true);
            for _ in 0..rounds(300) {
                let options = StartOptions::new().name(name);
                let init = script(|| ready(Puppet::default()));
                end(&Puppet::start_link_with(init, options).unwrap());
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
            server.tell(|_| stop(reason()));
            assert_eq!(expect::<Exit>().reason, reason());
        });
    }

    #[test]
    fn when_a_down_comes() {
        repeat("gen_server_start::name_is_free::down", |server| {
            process::unlink(pid_of(server));
            let monitor = process::monitor(pid_of(server));
            server.tell(|_| panic!("a crash"));
            assert!(down_reason(monitor).as_panic().is_some());
        });
    }

    #[test]
    fn when_a_call_fails() {
        repeat("gen_server_start::name_is_free::call", |server| {
            process::unlink(pid_of(server));
            assert_eq!(server.ask::<()>(|_, _| stop(reason())), Err(CallError::Down(reason())));
        });
    }

    #[test]
    fn when_the_last_reply_comes_and_its_state_is_dropped() {
        repeat("gen_server_start::name_is_free::reply", |server| {
            process::unlink(pid_of(server));
            let client = process::self_pid();
            let farewell = server.ask(move |it, _| {
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
        let inits: [fn() -> InitResult<Puppet>; 5] = [
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
                let error = kind.start(script(inits[round % 5]), options).unwrap_err();
                assert!(matches!(error, StartError::Ignored | StartError::Failed(_)), "{error:?}");
            }
            assert_untied();
        });
    }
}

mod init {
    use super::*;

    type Attempt = fn() -> InitResult<Puppet>;

    /// Starts a server with `init` in each way, in a process that traps exits and in one that does
    /// not unless `deadly`, and gives the result to `check`. Nothing is left of the attempts.
    #[track_caller]
    fn attempt(deadly: bool, init: Attempt, check: fn(Result<ServerRef<Puppet>, StartError>)) {
        in_process(move || {
            process::set_trap_exit(true);
            for kind in Kind::ALL {
                check(kind.start(script(init), StartOptions::new()));
                assert_untied();
            }
            process::set_trap_exit(false);
            for kind in Kind::ALL {
                if !(deadly && matches!(kind, Kind::Linked)) {
                    check(kind.start(script(init), StartOptions::new()));
                    assert_untied();
                }
            }
        });
    }

    // OTP: gen_server_SUITE:loop_start_fail
    #[test]
    fn can_choose_not_to_start() {
        attempt(false, ignore, |result| {
            assert!(matches!(result, Err(StartError::Ignored)), "{result:?}");
        });
    }

    // OTP: gen_server_SUITE:loop_start_fail
    #[test]
    fn can_refuse_with_an_error_of_which_only_the_starter_hears() {
        attempt(false, || init_error(reason()), |result| assert_eq!(failure(result), reason()));
    }

    // OTP: gen_server_SUITE:loop_start_fail
    #[test]
    fn fails_with_the_reason_that_it_returns() {
        attempt(true, || stop(reason()), |result| assert_eq!(failure(result), reason()));
    }

    // OTP: gen_server_SUITE:loop_start_fail
    #[test]
    fn fails_with_the_reason_of_an_exit() {
        attempt(
            true,
            || process::exit_self(reason()),
            |result| assert_eq!(failure(result), reason()),
        );
    }

    // OTP: gen_server_SUITE:loop_start_fail
    #[test]
    fn fails_with_the_panic() {
        attempt(
            true,
            || panic!("in init"),
            |result| {
                let reason = failure(result);
                let panic = reason.as_panic().unwrap();
                assert_eq!(panic.message, "in init");
                assert!(panic.location.as_ref().unwrap().contains(file!()));
            },
        );
    }

    #[test]
    fn can_fail_with_normal_which_ends_nobody() {
        attempt(
            false,
            || stop(ExitReason::Normal),
            |result| assert_eq!(failure(result), ExitReason::Normal),
        );
    }

    #[test]
    fn fails_if_the_process_is_ended_meanwhile() {
        attempt(
            true,
            || {
                process::exit(process::self_pid(), ExitReason::Kill);
                unreachable!("it is killed")
            },
            |result| assert_eq!(failure(result), ExitReason::Killed),
        );
        attempt(
            true,
            || {
                process::exit(process::self_pid(), reason());
                unreachable!("it is told to end")
            },
            |result| assert_eq!(failure(result), reason()),
        );
    }

    #[test]
    fn failing_is_seen_by_a_monitor_as_the_reason_of_the_process() {
        let me = process::self_pid();
        let ends: [(Attempt, ExitReason); 4] = [
            (ignore, ExitReason::Normal),
            (|| init_error(reason()), ExitReason::Normal),
            (|| stop(reason()), reason()),
            (|| process::exit_self(reason()), reason()),
        ];
        for (init, expected) in ends {
            let watched = script(move || {
                let server = process::self_pid();
                let watch = move || {
                    let monitor = process::monitor(server);
                    process::send(server, "watched");
                    process::send(me, down_reason(monitor));
                };
                process::spawn(watch).unwrap();
                assert_eq!(expect::<&str>(), "watched");
                init()
            });
            Puppet::start(watched).unwrap_err();
            assert_eq!(expect::<ExitReason>(), expected);
        }
    }

    // OTP: gen_server_SUITE:continue
    #[test]
    fn can_go_on_before_the_server_handles_anything() {
        let init = script(|| {
            process::send(
                process::self_pid(),
                poke(|it| {
                    it.note("a message");
                    noreply()
                }),
            );
            ready(Puppet::default()).then(go_on(|it| {
                it.note("the continuation");
                noreply()
            }))
        });
        let server = Puppet::start(init).unwrap();
        assert_eq!(server.notes(), ["the continuation", "a message"]);
    }

    #[test]
    fn need_not_wait_for_what_goes_on_after_it() {
        let (let_go, held) = mpsc::channel::<()>();
        let init = script(move || {
            ready(Puppet::default()).then(go_on(move |it| {
                _ = held.recv();
                it.note("the continuation");
                noreply()
            }))
        });
        let server = Puppet::start(init).unwrap();
        drop(let_go);
        assert_eq!(server.notes(), ["the continuation"]);
    }

    #[test]
    fn can_set_a_timeout_that_is_over_only_when_the_starter_has_its_answer() {
        in_process(|| {
            let me = process::self_pid();
            let init = script(move || ready(Puppet::with_witness(me)).timeout(Duration::ZERO));
            let (_server, monitor) = Puppet::start_monitor(init).unwrap();
            // Of the two messages the acknowledgement has come first.
            assert!(expect::<Heard>().0.is::<TimedOut>());
            assert!(process::demonitor(monitor));
        });
    }

    #[test]
    fn can_set_a_timeout_that_an_earlier_message_cancels() {
        in_process(|| {
            let me = process::self_pid();
            let init = script(move || {
                process::send(process::self_pid(), "a message");
                ready(Puppet::with_witness(me)).timeout(Duration::ZERO)
            });
            let server = Puppet::start(init).unwrap();
            assert!(expect::<Heard>().0.is::<&str>());
            server.answers();
            assert_no_message();
        });
    }
}

/// What a start leaves behind when there is to be no server.
mod leftovers {
    use super::*;

    /// A start in vain.
    #[derive(Clone, Copy)]
    struct InVain {
        init: fn() -> InitResult<Puppet>,
        name: Option<&'static str>,
        /// Whether it fails as it should.
        fits: fn(&StartError) -> bool,
    }

    impl InVain {
        /// The ways in which there comes to be no server, one of them as `name` is taken.
        fn ways(name: &'static str) -> [InVain; 3] {
            process::register(name, idle()).unwrap();
            [
                InVain { init: ignore, name: None, fits: |it| matches!(it, StartError::Ignored) },
                InVain {
                    init: || init_error(reason()),
                    name: None,
                    fits: |it| matches!(it, StartError::Failed(end) if *end == reason()),
                },
                InVain {
                    init: || unreachable!("the name is taken"),
                    name: Some(name),
                    fits: |it| matches!(it, StartError::AlreadyStarted(_)),
                },
            ]
        }

        /// Starts; `on_drop` is in the args, and then in the message to be done after `init`.
        fn start(self, kind: Kind, on_drop: impl FnMut() + Send + 'static) -> StartError {
            let left = OnDrop(on_drop);
            let init = script(move || {
                (self.init)().then(go_on(move |_| {
                    drop(left);
                    unreachable!("there is no server")
                }))
            });
            let options = match self.name {
                Some(name) => StartOptions::new().name(name),
                None => StartOptions::new(),
            };
            kind.start(init, options).unwrap_err()
        }
    }

    #[test]
    fn are_dropped_before_the_starter_hears_of_it() {
        for way in InVain::ways("gen_server_start::leftovers::dropped") {
            for kind in Kind::ALL {
                let (starter, me) = (puppet(), process::self_pid());
                let to_starter = starter.clone();
                let error = starter.ask(move |_, _| {
                    // The starter still waits, or this would wait for it.
                    let calls = move || {
                        let outcome = to_starter.ask(|_, _| reply(()));
                        process::send(me, (process::self_pid(), outcome));
                    };
                    reply(way.start(kind, calls))
                });
                let (child, refusal) = expect::<(Pid, Result<(), CallError>)>();
                let cycle = vec![child, pid_of(&starter)];
                assert_eq!(refusal, Err(CallError::Deadlock(cycle)));
                let error = error.unwrap();
                assert!((way.fits)(&error), "{error:?}");
                starter.answers();
            }
        }
    }

    #[test]
    fn whose_destructor_panics_change_nothing() {
        let ways = InVain::ways("gen_server_start::leftovers::panics");
        for traps in [true, false] {
            in_process(move || {
                process::set_trap_exit(traps);
                for way in ways {
                    for kind in Kind::ALL {
                        let error = way.start(kind, || panic!("in what a start leaves behind"));
                        assert!((way.fits)(&error), "{error:?}");
                        assert_untied();
                    }
                }
            });
        }
    }
}

mod init_timeout {
    use super::*;

    const SHORT: Duration = Duration::from_millis(20);

    fn endless() -> Script {
        script(|| {
            process::sleep(FOREVER);
            ready(Puppet::default())
        })
    }

    #[test]
    fn ends_a_start_and_the_server_but_not_the_starter() {
        let name = "gen_server_start::init_timeout::ends";
        for traps in [true, false] {
            in_process(move || {
                process::set_trap_exit(traps);
                for kind in Kind::ALL {
                    let since = Instant::now();
                    let options = StartOptions::new().name(name).init_timeout(SHORT);
                    let error = kind.start(endless(), options).unwrap_err();
                    assert!(matches!(error, StartError::Timeout), "{error:?}");
                    assert!(since.elapsed() >= SHORT);
                    assert_eq!(process::whereis(name), None);
                    assert_untied();
                }
            });
        }
    }

    #[test]
    fn returns_when_the_server_is_gone() {
        for kind in Kind::ALL {
            let (dropped, drops) = mpsc::channel();
            let init = script(move || {
                let _guard = OnDrop(move || dropped.send(()).unwrap());
                process::sleep(FOREVER);
                ready(Puppet::default())
            });
            // If the time is over before `init` has begun, its values are dropped all the same.
            let error = kind.start(init, StartOptions::new().init_timeout(SHORT)).unwrap_err();
            assert!(matches!(error, StartError::Timeout), "{error:?}");
            assert!(drops.try_iter().count() <= 1);
            assert_eq!(drops.try_recv(), Err(mpsc::TryRecvError::Disconnected));
        }
    }

    #[test]
    fn does_not_wait_longer_than_its_grace_for_a_server_that_cannot_be_unwound() {
        for kind in Kind::ALL {
            in_process(move || {
                let (let_go, held) = mpsc::channel::<()>();
                let init = script(move || {
                    _ = held.recv();
                    ready(Puppet::default())
                });
                let grace = Duration::from_millis(5);
                let options = StartOptions::new()
                    .init_timeout(SHORT)
                    .spawn_options(Builder::new().kill_grace(grace));
                let since = Instant::now();
                let error = kind.start(init, options).unwrap_err();
                assert!(matches!(error, StartError::Timeout), "{error:?}");
                assert!(since.elapsed() >= SHORT + grace);
                assert_untied();
                drop(let_go);
            });
        }
    }

    #[test]
    fn that_is_long_enough_does_nothing() {
        in_process(|| {
            let options = StartOptions::new().init_timeout(FOREVER);
            let server = Puppet::start_with(plain(), options).unwrap();
            server.answers();
            assert_untied();
        });
    }

    #[test]
    fn over_while_init_gets_through_leaves_nothing_behind() {
        in_process(|| {
            process::set_trap_exit(true);
            let me = process::self_pid();
            for round in 0..rounds(30) {
                // The starter is at work on these, and then the time is over.
                for _ in 0..10_000 {
                    process::send(me, "unrelated");
                }
                let init = script(|| ready(Puppet::default()));
                let options = StartOptions::new().init_timeout(Duration::ZERO);
                let kind = [Kind::Plain, Kind::Linked][round % 2];
                match kind.start(init, options) {
                    Err(StartError::Timeout) => {}
                    Ok(server) => {
                        process::unlink(pid_of(&server));
                        process::exit(pid_of(&server), ExitReason::Kill);
                    }
                    Err(other) => panic!("{other:?}"),
                }
                for _ in 0..10_000 {
                    let message = process::receive();
                    assert!(message.is::<&str>(), "{message:?}");
                }
                assert_untied();
            }
        });
    }
}

mod spawn_options {
    use super::*;

    // OTP: gen_server_SUITE:loop_start_fail
    #[test]
    fn say_how_the_process_is_spawned() {
        in_process(|| {
            let spawn = Builder::new().trap_exit(true).thread_name("a puppet");
            let init = script(|| {
                assert_eq!(thread::current().name(), Some("a puppet"));
                assert!(process::info(process::self_pid()).unwrap().trap_exit);
                ready(Puppet::default())
            });
            let options = StartOptions::new().spawn_options(spawn);
            Puppet::start_with(init, options).unwrap().answers();
            assert_untied();
        });
    }

    // OTP: gen_server_SUITE:loop_start_fail
    #[test]
    fn with_a_link_are_as_start_link() {
        let options = || StartOptions::new().spawn_options(Builder::new().link().trap_exit(true));
        // The server's parent is the starter...
        let me = process::self_pid();
        let (parent, _) = begun(Builder::new(), move || {
            let init = script(move || ready(Puppet::with_witness(me)));
            let server = Puppet::start_with(init, options()).unwrap();
            process::send(me, pid_of(&server));
            idle_body();
        });
        let server = process::monitor(expect::<Pid>());
        process::exit(parent, reason());
        assert_eq!(expect::<Terminated>().reason, reason());
        assert_eq!(down_reason(server), reason());

        // ...who ends with it, also if it fails to start.
        let (_, monitor) = process::spawn_monitor(move || {
            _ = Puppet::start_with(script(|| stop(reason())), options());
            unreachable!("the start has returned");
        })
        .unwrap();
        assert_eq!(down_reason(monitor), reason());
    }
}
