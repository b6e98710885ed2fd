//! What a server's callbacks may answer: time-outs, continuations and the rest.

use std::sync::mpsc;
use std::time::{Duration, Instant};

use procession::prelude::*;

use crate::gen_server_call::SHORT;
use crate::support::processes::{FOREVER, dead_pid, in_process, reason};
use crate::support::scripted::{
    InfoReceived, Scripted, ScriptedServer, Terminated, continue_with, info_message, pid_of,
    scripted,
};
use crate::support::wait::{assert_no_message, down_reason, expect, wait_until};

/// What a callback that is no call can return: for a cast, a message and a continuation.
mod a_callback {
    use super::*;

    type Body = fn(&mut Scripted) -> CastResult<Scripted>;

    /// Lets a new scripted server handle `body` in each kind of callback in turn.
    #[track_caller]
    fn each(body: Body, check: impl Fn(&ServerRef<Scripted>, MonitorRef)) {
        let ways: [fn(&ServerRef<Scripted>, Body); 4] = [
            |server, body| server.cast_with(body),
            |server, body| server.info_with(body),
            |server, body| server.cast_with(move |_| noreply().then(continue_with(body))),
            |server, body| {
                server.call_with(move |_, _| reply(()).then(continue_with(body))).unwrap()
            },
        ];
        for send in ways {
            let server = scripted();
            let monitor = process::monitor(pid_of(&server));
            send(&server, body);
            check(&server, monitor);
        }
    }

    // OTP: gen_server_SUITE:cast, info
    #[test]
    fn can_go_on() {
        each(
            |it| {
                it.note("handled");
                noreply()
            },
            |server, _| assert_eq!(server.notes(), ["handled"]),
        );
    }

    // OTP: gen_server_SUITE:cast, info
    #[test]
    fn can_stop_the_server() {
        each(
            |it| {
                it.note("handled");
                stop(reason())
            },
            |_, monitor| {
                let notes = vec!["handled"];
                assert_eq!(expect::<Terminated>(), Terminated { reason: reason(), notes });
                assert_eq!(down_reason(monitor), reason());
            },
        );
    }

    #[test]
    fn can_stop_the_server_by_an_error() {
        each(
            |_| {
                "no number".parse::<u8>()?;
                noreply()
            },
            |_, monitor| {
                let reason = down_reason(monitor);
                let error = reason.downcast_ref::<std::num::ParseIntError>();
                assert_eq!(error, "no number".parse::<u8>().err().as_ref());
            },
        );
    }

    // OTP: gen_server_SUITE:cast, info
    #[test]
    fn can_set_a_timeout() {
        each(
            |it| {
                it.note("handled");
                noreply().timeout(SHORT)
            },
            |server, _| {
                assert!(expect::<InfoReceived>().0.is::<IdleTimeout>());
                assert_eq!(server.notes(), ["handled"]);
            },
        );
    }

    // OTP: gen_server_SUITE:continue
    #[test]
    fn can_go_on_with_something_else() {
        each(
            |it| {
                it.note("handled");
                noreply().then(continue_with(|it| {
                    it.note("gone on");
                    noreply()
                }))
            },
            |server, _| assert_eq!(server.notes(), ["handled", "gone on"]),
        );
    }

    // OTP: gen_server_SUITE:undef_in_handle_info
    #[test]
    fn can_panic_which_ends_the_server() {
        each(
            |it| {
                it.note("before the panic");
                panic!("in a callback")
            },
            |_, monitor| {
                let Terminated { reason, notes } = expect();
                assert_eq!(reason.as_panic().unwrap().message, "in a callback");
                // As the callback has left the state.
                assert_eq!(notes, ["before the panic"]);
                assert_eq!(down_reason(monitor), reason);
            },
        );
    }

    #[test]
    fn can_exit_which_ends_the_server() {
        each(
            |_| process::exit_self(reason()),
            |_, monitor| {
                assert_eq!(expect::<Terminated>().reason, reason());
                assert_eq!(down_reason(monitor), reason());
            },
        );
    }

    #[test]
    fn ignores_actions_after_a_stop() {
        each(
            |_| {
                let end: CastResult<Scripted> = stop(reason());
                end.timeout(Duration::ZERO).then(continue_with(|_| unreachable!()))
            },
            |_, monitor| assert_eq!(down_reason(monitor), reason()),
        );
    }

    #[test]
    fn has_only_its_last_action_done() {
        each(
            |_| {
                noreply().timeout(Duration::ZERO).then(continue_with(|it| {
                    it.note("gone on");
                    noreply()
                }))
            },
            |server, _| assert_eq!(server.notes(), ["gone on"]),
        );
    }
}

mod a_timeout {
    use super::*;

    // OTP: gen_server_SUITE:call, info
    #[test]
    fn is_over_once_and_not_early() {
        in_process(|| {
            let server = scripted();
            let since = Instant::now();
            server.cast_with(|_| noreply().timeout(SHORT));
            assert!(expect::<InfoReceived>().0.is::<IdleTimeout>());
            assert!(since.elapsed() >= SHORT);

            // One that is over at once would have come again before any of these is answered.
            server.cast_with(|_| noreply().timeout(Duration::ZERO));
            assert!(expect::<InfoReceived>().0.is::<IdleTimeout>());
            for _ in 0..10 {
                server.assert_answers();
            }
            assert_no_message();
        });
    }

    #[test]
    fn can_be_set_again_when_it_is_over() {
        in_process(|| {
            let server = scripted();
            let (me, since) = (process::self_pid(), Instant::now());
            server.cast_with(move |it| {
                it.on_timeout = Some(Box::new(move |_| {
                    process::send(me, "once");
                    noreply().timeout(SHORT)
                }));
                noreply().timeout(SHORT)
            });
            assert_eq!(expect::<&str>(), "once");
            assert!(expect::<InfoReceived>().0.is::<IdleTimeout>());
            assert!(since.elapsed() >= 2 * SHORT);
        });
    }

    #[test]
    fn of_zero_comes_after_what_is_queued_and_then_not_at_all() {
        let later: [fn(Pid); 3] = [
            |server| process::send(server, "a message"),
            |server| {
                ServerRef::<Scripted>::from_pid(server).cast_with(|it| {
                    process::send(it.observer.unwrap(), InfoReceived(Message::new("a cast")));
                    noreply()
                });
            },
            |_| _ = process::monitor(dead_pid()),
        ];
        in_process(move || {
            for send in later {
                let server = scripted();
                server.cast_with(move |_| {
                    send(process::self_pid());
                    noreply().timeout(Duration::ZERO)
                });
                assert!(!expect::<InfoReceived>().0.is::<IdleTimeout>());
                for _ in 0..10 {
                    server.assert_answers();
                }
                assert_no_message();
            }
        });
    }

    #[test]
    fn of_zero_is_over_when_no_message_is_queued() {
        let server = scripted();
        server.cast_with(|_| noreply().timeout(Duration::ZERO));
        assert!(expect::<InfoReceived>().0.is::<IdleTimeout>());
        assert_eq!(server.call_with(|_, _| reply(1).timeout(Duration::ZERO)), Ok(1));
        assert!(expect::<InfoReceived>().0.is::<IdleTimeout>());
    }

    #[test]
    fn ends_with_any_message() {
        in_process(|| {
            let server = scripted();
            server.cast_with(|_| noreply().timeout(FOREVER));
            server.assert_answers();
            // What is set now is not shortened by what was set before.
            server.cast_with(|_| noreply().timeout(Duration::MAX));
            server.assert_answers();
            assert_no_message();
        });
    }
}

mod a_continuation {
    use super::*;

    // OTP: gen_server_SUITE:continue
    #[test]
    fn does_not_keep_the_client_waiting() {
        let server = scripted();
        let (let_go, held) = mpsc::channel::<()>();
        let reply = server.call_with(move |it, _| {
            it.note("the call");
            reply("at once").then(continue_with(move |it| {
                _ = held.recv();
                it.note("the continuation");
                noreply()
            }))
        });
        assert_eq!(reply, Ok("at once"));
        drop(let_go);
        assert_eq!(server.notes(), ["the call", "the continuation"]);
    }

    // OTP: gen_server_SUITE:continue
    #[test]
    fn comes_before_any_message_and_so_does_the_next() {
        fn note_message() {
            process::send(
                process::self_pid(),
                info_message(|it| {
                    it.note("a message");
                    noreply()
                }),
            );
        }

        let server = scripted();
        server.cast_with(|_| {
            note_message();
            noreply().then(continue_with(|it| {
                it.note("the first");
                note_message();
                noreply().then(continue_with(|it| {
                    it.note("the second");
                    noreply()
                }))
            }))
        });
        wait_until(|| server.notes().len() == 4);
        assert_eq!(server.notes(), ["the first", "the second", "a message", "a message"]);
    }

    // OTP: gen_server_SUITE:continue
    #[test]
    fn can_stop_the_server_before_it_handles_what_is_queued() {
        let server = scripted();
        let monitor = process::monitor(pid_of(&server));
        server.cast_with(|_| {
            process::send(
                process::self_pid(),
                info_message(|_| unreachable!("the server has ended")),
            );
            noreply().then(continue_with(|_| stop(ExitReason::Normal)))
        });
        assert_eq!(down_reason(monitor), ExitReason::Normal);
    }

    #[test]
    fn can_give_the_reply() {
        let reply = scripted().call_with(|_, caller| {
            let reply_to = caller.defer();
            noreply().then(continue_with(move |_| {
                reply_to.reply("in the end");
                noreply()
            }))
        });
        assert_eq!(reply, Ok("in the end"));
    }
}
