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
use procession::process::{Builder, SpawnError};

use crate::support::calls::CallKind;
use crate::support::drops::{OnDrop, PanicsOnDrop};
use crate::support::processes::{FOREVER, be_killed, begun, idle, idle_body, in_process, reason};
use crate::support::rounds::{killed_meanwhile, rounds};
use crate::support::scripted::{
    InfoReceived, Init, Scripted, ScriptedServer, Terminated, continue_with, info_message,
    init_with, observed_init, pid_of, scripted,
};
use crate::support::wait::{assert_no_message, down_reason, expect, test_timeout};

/// The ways to start a server.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Kind {
    Plain,
    Linked,
    Monitored,
}

impl Kind {
    pub(crate) const ALL: [Kind; 3] = [Kind::Plain, Kind::Linked, Kind::Monitored];

    pub(crate) fn start(
        self,
        init: Init,
        options: StartOptions,
    ) -> Result<ServerRef<Scripted>, StartError> {
        match self {
            Kind::Plain => Scripted::start_with(init, options),
            Kind::Linked => Scripted::start_link_with(init, options),
            Kind::Monitored => {
                Scripted::start_monitor_with(init, options).map(|(server, _)| server)
            }
        }
    }
}

/// The reason with which a start has failed.
#[track_caller]
fn failed_reason(result: Result<ServerRef<Scripted>, StartError>) -> ExitReason {
    match result {
        Err(StartError::Failed(reason)) => reason,
        other => panic!("{other:?}"),
    }
}

/// Asserts that nothing ties the caller to any process, and that its mailbox is empty.
#[track_caller]
pub(crate) fn assert_untied() {
    let info = process::info(process::self_pid()).unwrap();
    assert!(info.links.is_empty() && info.monitors.is_empty(), "{info:?}");
    assert_no_message();
}

mod start {
    use super::*;

    // OTP: gen_server_SUITE:start
    #[test]
    fn returns_when_init_has_returned_and_the_server_answers() {
        for kind in Kind::ALL {
            in_process(move || {
                let me = process::self_pid();
                let init = init_with(move || {
                    process::send(me, "init is through");
                    ready(Scripted::default())
                });
                let server = kind.start(init, StartOptions::new()).unwrap();

                let first = process::receive_timeout(Duration::ZERO).unwrap();
                assert_eq!(first.downcast::<&str>().unwrap(), "init is through");
                assert_eq!(server.call_with(|_, _| reply(7)), Ok(7));
                assert_no_message();
            });
        }
    }

    // OTP: gen_server_SUITE:start
    #[test]
    fn leaves_no_link_or_monitor_to_the_server() {
        in_process(|| {
            let server = scripted();
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
            let server = Scripted::start(init_with(|| ready(Scripted::default()))).unwrap();
            let monitor = process::monitor(pid_of(&server));
            server.cast_with(|_| panic!("a crash"));
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

            fn handle_call(&mut self, _: ReadAll, _: &Caller<String>) -> CallResult<Self, ReadAll> {
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
                let outcome = Scripted::start(init_with(|| ready(Scripted::default())));
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
                let init = init_with(move || {
                    process::send(me, starter);
                    process::receive_match_timeout(test_timeout(), |_| false);
                    ready(Scripted::default())
                });
                Scripted::start(init)
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
                    let init = init_with(|| {
                        ready(Scripted::default()).then(continue_with(|_| stop(ExitReason::Normal)))
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
            let init = init_with(move || {
                process::send(me, process::self_pid());
                process::sleep(FOREVER);
                ready(Scripted::default())
            });
            _ = Scripted::start_link(init);
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
    fn returns_a_monitor_that_reports_the_end() {
        in_process(|| {
            let init = init_with(|| ready(Scripted::default()));
            let (server, monitor) = Scripted::start_monitor(init).unwrap();
            server.cast_with(|_| stop(reason()));
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
            let init = init_with(|| ready(Scripted::default()));
            let (server, monitor) = (Scripted::start_link(init).unwrap(), process::monitor);
            let monitor = monitor(pid_of(&server));
            server.cast_with(move |_| stop(end));
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
                let init = init_with(|| ready(Scripted::default()));
                let server = Scripted::start_link(init).unwrap();
                let reason = end.clone();
                server.cast_with(move |_| stop(reason));
                assert_eq!(expect::<Exit>(), Exit { from: pid_of(&server), reason: end });
                assert_untied();
            }
        });
    }

    // OTP: gen_server_SUITE:loop_start_fail
    #[test]
    fn ends_a_starter_that_does_not_trap_exits_with_the_reason_of_a_failed_init() {
        let fails: [fn() -> InitResult<Scripted>; 2] =
            [|| stop(reason()), || process::exit_self(reason())];
        for init in fails {
            let (_, monitor) = process::spawn_monitor(move || {
                _ = Scripted::start_link(init_with(init));
                unreachable!("the start has returned");
            })
            .unwrap();
            assert_eq!(down_reason(monitor), reason());
        }
    }

    #[test]
    fn ends_such_a_starter_with_the_panic_of_an_init() {
        let (_, monitor) = process::spawn_monitor(|| {
            _ = Scripted::start_link(init_with(|| panic!("in init")));
            unreachable!("the start has returned");
        })
        .unwrap();
        assert_eq!(down_reason(monitor).as_panic().unwrap().message, "in init");
    }
}

mod init {
    use super::*;

    type Attempt = fn() -> InitResult<Scripted>;

    /// Starts a server with `init` in each way, in a process that traps exits and in one that does
    /// not unless `deadly`, and gives the result to `check`. Nothing is left of the attempts.
    #[track_caller]
    fn attempt(deadly: bool, init: Attempt, check: fn(Result<ServerRef<Scripted>, StartError>)) {
        in_process(move || {
            process::set_trap_exit(true);
            for kind in Kind::ALL {
                check(kind.start(init_with(init), StartOptions::new()));
                assert_untied();
            }
            process::set_trap_exit(false);
            for kind in Kind::ALL {
                if !(deadly && matches!(kind, Kind::Linked)) {
                    check(kind.start(init_with(init), StartOptions::new()));
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
        attempt(
            false,
            || init_error(reason()),
            |result| assert_eq!(failed_reason(result), reason()),
        );
    }

    // OTP: gen_server_SUITE:loop_start_fail
    #[test]
    fn fails_with_the_reason_that_it_returns() {
        attempt(true, || stop(reason()), |result| assert_eq!(failed_reason(result), reason()));
    }

    // OTP: gen_server_SUITE:loop_start_fail
    #[test]
    fn fails_with_the_reason_of_an_exit() {
        attempt(
            true,
            || process::exit_self(reason()),
            |result| assert_eq!(failed_reason(result), reason()),
        );
    }

    // OTP: gen_server_SUITE:loop_start_fail
    #[test]
    fn fails_with_the_panic() {
        attempt(
            true,
            || panic!("in init"),
            |result| {
                let reason = failed_reason(result);
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
            |result| assert_eq!(failed_reason(result), ExitReason::Normal),
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
            |result| assert_eq!(failed_reason(result), ExitReason::Killed),
        );
        attempt(
            true,
            || {
                process::exit(process::self_pid(), reason());
                unreachable!("it is told to end")
            },
            |result| assert_eq!(failed_reason(result), reason()),
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
            let watched = init_with(move || {
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
            Scripted::start(watched).unwrap_err();
            assert_eq!(expect::<ExitReason>(), expected);
        }
    }

    // OTP: gen_server_SUITE:continue
    #[test]
    fn can_go_on_before_the_server_handles_anything() {
        let init = init_with(|| {
            process::send(
                process::self_pid(),
                info_message(|it| {
                    it.note("a message");
                    noreply()
                }),
            );
            ready(Scripted::default()).then(continue_with(|it| {
                it.note("the continuation");
                noreply()
            }))
        });
        let server = Scripted::start(init).unwrap();
        assert_eq!(server.notes(), ["the continuation", "a message"]);
    }

    #[test]
    fn need_not_wait_for_what_goes_on_after_it() {
        let (let_go, held) = mpsc::channel::<()>();
        let init = init_with(move || {
            ready(Scripted::default()).then(continue_with(move |it| {
                _ = held.recv();
                it.note("the continuation");
                noreply()
            }))
        });
        let server = Scripted::start(init).unwrap();
        drop(let_go);
        assert_eq!(server.notes(), ["the continuation"]);
    }

    #[test]
    fn can_set_a_timeout_that_is_over_only_when_the_starter_has_its_answer() {
        in_process(|| {
            let me = process::self_pid();
            let init = init_with(move || ready(Scripted::observed_by(me)).timeout(Duration::ZERO));
            let (_server, monitor) = Scripted::start_monitor(init).unwrap();
            // Of the two messages the acknowledgement has come first.
            assert!(expect::<InfoReceived>().0.is::<IdleTimeout>());
            assert!(process::demonitor(monitor));
        });
    }

    #[test]
    fn can_set_a_timeout_that_an_earlier_message_cancels() {
        in_process(|| {
            let me = process::self_pid();
            let init = init_with(move || {
                process::send(process::self_pid(), "a message");
                ready(Scripted::observed_by(me)).timeout(Duration::ZERO)
            });
            let server = Scripted::start(init).unwrap();
            assert!(expect::<InfoReceived>().0.is::<&str>());
            server.assert_answers();
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
        init: fn() -> InitResult<Scripted>,
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
            let init = init_with(move || {
                (self.init)().then(continue_with(move |_| {
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
                let (starter, me) = (scripted(), process::self_pid());
                let to_starter = starter;
                let error = starter.call_with(move |_, _| {
                    // The starter still waits, or this would wait for it.
                    let calls = move || {
                        let outcome = to_starter.call_with(|_, _| reply(()));
                        process::send(me, (process::self_pid(), outcome));
                    };
                    reply(way.start(kind, calls))
                });
                let (child, refusal) = expect::<(Pid, Result<(), CallError>)>();
                let cycle = vec![child, pid_of(&starter)];
                assert_eq!(refusal.kind(), Err(CallErrorKind::Deadlock(cycle)));
                let error = error.unwrap();
                assert!((way.fits)(&error), "{error:?}");
                starter.assert_answers();
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

    fn endless() -> Init {
        init_with(|| {
            process::sleep(FOREVER);
            ready(Scripted::default())
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
            let init = init_with(move || {
                let _guard = OnDrop(move || dropped.send(()).unwrap());
                process::sleep(FOREVER);
                ready(Scripted::default())
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
                let init = init_with(move || {
                    _ = held.recv();
                    ready(Scripted::default())
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
            let server = Scripted::start_with(observed_init(), options).unwrap();
            server.assert_answers();
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
                let init = init_with(|| ready(Scripted::default()));
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
            let spawn = Builder::new().trap_exit(true).thread_name("a scripted server");
            let init = init_with(|| {
                assert_eq!(thread::current().name(), Some("a scripted server"));
                assert!(process::info(process::self_pid()).unwrap().trap_exit);
                ready(Scripted::default())
            });
            let options = StartOptions::new().spawn_options(spawn);
            Scripted::start_with(init, options).unwrap().assert_answers();
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
            let init = init_with(move || ready(Scripted::observed_by(me)));
            let server = Scripted::start_with(init, options()).unwrap();
            process::send(me, pid_of(&server));
            idle_body();
        });
        let server = process::monitor(expect::<Pid>());
        process::exit(parent, reason());
        assert_eq!(expect::<Terminated>().reason, reason());
        assert_eq!(down_reason(server), reason());

        // ...who ends with it, also if it fails to start.
        let (_, monitor) = process::spawn_monitor(move || {
            _ = Scripted::start_with(init_with(|| stop(reason())), options());
            unreachable!("the start has returned");
        })
        .unwrap();
        assert_eq!(down_reason(monitor), reason());
    }
}

mod a_server_that_is_killed_in_init {
    use super::*;

    #[derive(Debug)]
    struct Fragile(PanicsOnDrop);

    impl GenServer for Fragile {
        type Args = ();

        fn init((): ()) -> InitResult<Fragile> {
            be_killed();
            ready(Fragile(PanicsOnDrop))
        }
    }

    #[test]
    fn does_not_abort_the_program_by_a_state_that_panics_when_it_is_dropped() {
        let started = Fragile::start(());
        assert!(matches!(started, Err(StartError::Failed(ExitReason::Killed))), "{started:?}");
    }
}
