//! Calls, starts and stops that would wait forever, and those that would not.

#![allow(clippy::disallowed_methods, reason = "looks at threads of the program's own")]

use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use procession::prelude::*;

use crate::support::calls::CallKind;
use crate::support::processes::{Begun, in_process};
use crate::support::rounds::rounds;
use crate::support::scripted::{
    CallOutcome, Scripted, ScriptedServer, call_message, continue_with, init_with, observed_init,
    pid_of, scripted, spawn_client,
};
use crate::support::wait::{down_reason, exit_and_wait, expect, test_timeout, wait_until};

pub(crate) const SHORT: Duration = Duration::from_millis(5);

/// So many scripted servers.
pub(crate) fn scripted_servers<const N: usize>() -> [ServerRef<Scripted>; N] {
    std::array::from_fn(|_| scripted())
}

/// The pids of `servers`, as a cycle is told.
pub(crate) fn cycle(servers: &[&ServerRef<Scripted>]) -> Vec<Pid> {
    servers.iter().map(|server| pid_of(server)).collect()
}

pub(crate) fn deadlock<R>(servers: &[&ServerRef<Scripted>]) -> Result<R, CallErrorKind> {
    Err(CallErrorKind::Deadlock(cycle(servers)))
}

mod a_call {
    use super::*;

    #[test]
    fn of_oneself_fails() {
        let [a] = scripted_servers();
        let itself = a;
        let outcome = a.call_with(move |_, _| reply(itself.call_with(|_, _| reply(()))));
        assert_eq!(outcome.map(CallKind::kind), Ok(Err(CallErrorKind::CallingSelf(pid_of(&a)))));
        a.assert_answers();
    }

    #[test]
    fn of_oneself_by_name_fails() {
        let name = "deadlock::a_call::by_name";
        let server = Scripted::start_with(observed_init(), StartOptions::new().name(name)).unwrap();
        let outcome = server.call_with(move |_, _| {
            reply(ServerRef::<Scripted>::named(name).call_with(|_, _| reply(())))
        });
        assert_eq!(
            outcome.map(CallKind::kind),
            Ok(Err(CallErrorKind::CallingSelf(pid_of(&server))))
        );
    }

    #[test]
    fn of_a_caller_fails_and_both_go_on() {
        let [a, b] = scripted_servers();
        let (to_a, to_b) = (a, b);
        let outcome = a.call_with(move |_, _| {
            reply(to_b.call_with(move |_, _| reply(to_a.call_with(|_, _| reply(())))))
        });
        assert_eq!(outcome.unwrap().unwrap().kind(), deadlock(&[&b, &a]));
        a.assert_answers();
        b.assert_answers();
    }

    #[test]
    fn of_a_callers_caller_fails() {
        let [a, b, c] = scripted_servers();
        let (to_a, to_b, to_c) = (a, b, c);
        let outcome = a.call_with(move |_, _| {
            reply(to_b.call_with(move |_, _| {
                reply(to_c.call_with(move |_, _| reply(to_a.call_with(|_, _| reply(())))))
            }))
        });
        assert_eq!(outcome.unwrap().unwrap().unwrap().kind(), deadlock(&[&c, &a, &b]));
    }

    #[test]
    fn into_a_cycle_names_only_the_processes_of_the_cycle() {
        let [a, b, c] = scripted_servers();
        let (to_b, to_b_again, to_c) = (b, b, c);
        let outcome = a.call_with(move |_, _| {
            reply(to_b.call_with(move |_, _| {
                reply(to_c.call_with(move |_, _| reply(to_b_again.call_with(|_, _| reply(())))))
            }))
        });
        assert_eq!(outcome.unwrap().unwrap().unwrap().kind(), deadlock(&[&c, &b]));
    }

    #[test]
    fn of_a_caller_fails_though_it_has_a_timeout() {
        let [a, b] = scripted_servers();
        let (to_a, to_b) = (a, b);
        let outcome = a.call_with(move |_, _| {
            reply(to_b.call_with(move |_, _| {
                reply(to_a.call_timeout(call_message(|_, _| reply(())), SHORT))
            }))
        });
        assert_eq!(outcome.unwrap().unwrap().kind(), deadlock(&[&b, &a]));
    }

    #[test]
    fn of_a_caller_that_is_not_a_server_fails() {
        let [a] = scripted_servers();
        thread::scope(|scope| {
            let caller = scope.spawn(|| {
                let me = ServerRef::<Scripted>::from_pid(process::self_pid());
                let outcome = a.call_with(move |_, _| reply(me.call_with(|_, _| reply(()))));
                (process::self_pid(), outcome)
            });
            let (caller, outcome) = caller.join().unwrap();
            assert_eq!(
                outcome.map(CallKind::kind),
                Ok(Err(CallErrorKind::Deadlock(vec![pid_of(&a), caller])))
            );
        });
    }

    #[test]
    fn succeeds_when_it_is_repeated_once_the_other_server_is_free() {
        let [a, b] = scripted_servers();
        let (to_a, to_b, me) = (a, b, process::self_pid());
        let outcome = a.call_with(move |_, _| {
            reply(to_b.call_with(move |_, _| {
                let first = to_a.call_with(|_, _| reply(()));
                reply(first).then(continue_with(move |_| {
                    process::send(me, to_a.call_with(|_, _| reply("the second time")));
                    noreply()
                }))
            }))
        });
        assert_eq!(outcome.unwrap().unwrap().kind(), deadlock(&[&b, &a]));
        assert_eq!(expect::<Result<&str, CallError>>(), Ok("the second time"));
    }

    /// Each of two servers calls the other at the same moment.
    #[test]
    fn that_closes_a_cycle_at_the_same_moment_as_another_is_not_missed() {
        in_process(|| {
            let me = process::self_pid();
            let pair: [_; 2] = scripted_servers();
            for _ in 0..rounds(2_000) {
                for (own, other) in [(0, 1), (1, 0)] {
                    let other = pair[other];
                    pair[own].cast_with(move |_| {
                        process::send(me, (own, other.call_with(|_, _| reply(()))));
                        noreply()
                    });
                }
                for _ in 0..2 {
                    let (own, outcome) = expect::<(usize, Result<(), CallError>)>();
                    let refused = deadlock(&[&pair[own], &pair[1 - own]]);
                    let outcome = outcome.kind();
                    assert!(outcome == Ok(()) || outcome == refused, "{outcome:?}");
                }
            }
            pair.iter().for_each(ScriptedServer::assert_answers);
        });
    }
}

mod a_start {
    use super::*;

    #[test]
    fn whose_init_calls_the_starter_gets_an_error() {
        let [a] = scripted_servers();
        let (to_a, me) = (a, process::self_pid());
        let outcome = a.call_with(move |_, _| {
            let init = init_with(move || {
                process::send(me, (process::self_pid(), to_a.call_with(|_, _| reply(()))));
                ready(Scripted::default())
            });
            reply(pid_of(&Scripted::start(init).unwrap()))
        });
        let (child, error) = expect::<(Pid, Result<(), CallError>)>();
        assert_eq!(outcome, Ok(child));
        assert_eq!(error.kind(), Err(CallErrorKind::Deadlock(vec![child, pid_of(&a)])));
        a.assert_answers();
    }

    #[test]
    fn whose_init_calls_the_starter_in_a_thread_of_the_programs_own_gets_an_error() {
        let starter = process::self_pid();
        let init = init_with(move || {
            let outcome = ServerRef::<Scripted>::from_pid(starter).call_with(|_, _| reply(()));
            process::send(starter, outcome);
            ready(Scripted::default())
        });
        let server = Scripted::start(init).unwrap();
        let outcome = expect::<Result<(), CallError>>();
        assert_eq!(outcome.kind(), Err(CallErrorKind::Deadlock(vec![pid_of(&server), starter])));
    }

    #[test]
    fn fails_with_the_cycle_if_init_passes_it_on() {
        let [a] = scripted_servers();
        let to_a = a;
        let reason = a.call_with(move |_, _| {
            let init = init_with(move || {
                to_a.call_with(|_, _| reply(()))?;
                unreachable!("there was no error")
            });
            match Scripted::start(init) {
                Err(StartError::Failed(reason)) => reply(reason),
                other => panic!("{other:?}"),
            }
        });
        let reason = reason.unwrap();
        let error: &CallError = reason.downcast_ref().unwrap();
        assert!(matches!(error.kind(), CallErrorKind::Deadlock(pids) if pids[1..] == [pid_of(&a)]));
    }

    #[test]
    fn whose_init_calls_a_server_that_calls_the_starter_is_refused_to_that_server() {
        let [a, c] = scripted_servers();
        let (to_a, to_c) = (a, c);
        let me = process::self_pid();
        let child = a.call_with(move |_, _| {
            let init = init_with(move || {
                let outcome = to_c.call_with(move |_, _| reply(to_a.call_with(|_, _| reply(()))));
                process::send(me, outcome.unwrap());
                ready(Scripted::default())
            });
            reply(Scripted::start(init).unwrap())
        });
        let outcome = expect::<Result<(), CallError>>();
        assert_eq!(outcome.kind(), deadlock(&[&c, &a, &child.unwrap()]));
    }

    #[test]
    fn in_a_start_is_seen_through() {
        let [a] = scripted_servers();
        let (to_a, me) = (a, process::self_pid());
        let children = a.call_with(move |_, _| {
            let inner = init_with(move || {
                process::send(me, to_a.call_with(|_, _| reply(())));
                ready(Scripted::default())
            });
            let outer = init_with(move || {
                process::send(me, Scripted::start(inner).unwrap());
                ready(Scripted::default())
            });
            reply(Scripted::start(outer).unwrap())
        });
        let outer = children.unwrap();
        let outcome = expect::<Result<(), CallError>>();
        let inner = expect::<ServerRef<Scripted>>();
        assert_eq!(outcome.kind(), deadlock(&[&inner, &a, &outer]));
    }

    #[test]
    fn whose_init_stops_the_starter_gets_an_error() {
        let [a] = scripted_servers();
        let (to_a, me) = (a, process::self_pid());
        let child = a.call_with(move |_, _| {
            let init = init_with(move || {
                process::send(me, to_a.stop());
                ready(Scripted::default())
            });
            reply(Scripted::start(init).unwrap())
        });
        let error = StopError::Deadlock(cycle(&[&child.unwrap(), &a]));
        assert_eq!(expect::<Result<(), StopError>>(), Err(error));
        a.assert_answers();
    }

    #[test]
    fn that_is_acknowledged_is_not_a_wait_any_more() {
        let [a] = scripted_servers();
        let (to_a, me) = (a, process::self_pid());
        for _ in 0..rounds(200) {
            let started = a.call_with(move |_, _| {
                let init = init_with(move || {
                    ready(Scripted::default()).then(continue_with(move |_| {
                        process::send(me, to_a.call_with(|_, _| reply(())));
                        noreply()
                    }))
                });
                reply(Scripted::start(init).map_err(|_| "not started"))
            });
            started.unwrap().unwrap();
            assert_eq!(expect::<Result<(), CallError>>(), Ok(()));
        }
    }
}

mod a_stop {
    use super::*;

    #[test]
    fn whose_terminate_calls_the_stopper_gets_an_error() {
        let [a, b] = scripted_servers();
        let (to_a, to_b, me) = (a, b, process::self_pid());
        b.cast_with(move |it| {
            it.on_terminate =
                Some(Box::new(move |_| process::send(me, to_a.call_with(|_, _| reply(())))));
            noreply()
        });
        assert_eq!(a.call_with(move |_, _| reply(to_b.stop())), Ok(Ok(())));
        assert_eq!(expect::<Result<(), CallError>>().kind(), deadlock(&[&b, &a]));
        a.assert_answers();
    }

    #[test]
    fn whose_terminate_stops_the_stopper_gets_an_error() {
        let [a, b] = scripted_servers();
        let (to_a, to_b, me) = (a, b, process::self_pid());
        b.cast_with(move |it| {
            it.on_terminate = Some(Box::new(move |_| process::send(me, to_a.stop())));
            noreply()
        });
        assert_eq!(a.call_with(move |_, _| reply(to_b.stop())), Ok(Ok(())));
        let error = StopError::Deadlock(cycle(&[&b, &a]));
        assert_eq!(expect::<Result<(), StopError>>(), Err(error));
        a.assert_answers();
    }

    #[test]
    fn whose_terminate_calls_a_server_that_calls_the_stopper_is_refused_to_that_server() {
        let [a, b, c] = scripted_servers();
        let (to_a, to_b, to_c, me) = (a, b, c, process::self_pid());
        b.cast_with(move |it| {
            it.on_terminate = Some(Box::new(move |_| {
                let outcome = to_c.call_with(move |_, _| reply(to_a.call_with(|_, _| reply(()))));
                process::send(me, outcome.unwrap());
            }));
            noreply()
        });
        assert_eq!(a.call_with(move |_, _| reply(to_b.stop())), Ok(Ok(())));
        assert_eq!(expect::<Result<(), CallError>>().kind(), deadlock(&[&c, &a, &b]));
    }

    /// Lets `b` call `a`, and `a` do `then` while `b` waits.
    fn while_it_waits<R: Send + 'static>(
        a: &ServerRef<Scripted>,
        b: &ServerRef<Scripted>,
        then: impl FnOnce() -> R + Send + 'static,
    ) -> R {
        let to_a = *a;
        let outcome = b.call_with(move |_, _| reply(to_a.call_with(|_, _| reply(then()))));
        outcome.unwrap().unwrap()
    }

    #[test]
    fn of_a_caller_fails_and_both_go_on() {
        let [a, b] = scripted_servers();
        let to_b = b;
        let outcome = while_it_waits(&a, &b, move || to_b.stop());
        assert_eq!(outcome, Err(StopError::Deadlock(cycle(&[&a, &b]))));
        a.assert_answers();
        b.assert_answers();
    }

    #[test]
    fn by_an_owner_that_the_server_waits_for_takes_place_after_that_wait() {
        let [a, b] = scripted_servers();
        let (owned, monitor) = (b, process::monitor(pid_of(&b)));
        let to_a = a;
        b.cast_with(move |_| {
            let outcome = to_a.call_with(move |_, _| {
                drop(owned.owned());
                reply(())
            });
            assert_eq!(outcome, Ok(()));
            noreply()
        });
        assert_eq!(down_reason(monitor), ExitReason::Normal);
        a.assert_answers();
    }
}

mod no_deadlock {
    use super::*;

    #[test]
    fn is_a_call_to_a_process_whose_own_call_was_answered() {
        let [a, b] = scripted_servers();
        let me = process::self_pid();
        for round in 0..rounds(2_000) {
            let (to_a, to_b) = (a, b);
            let outcome = b.call_with(move |_, _| {
                reply(to_a.call_with(move |_, caller| {
                    let call_back = move || process::send(me, to_b.call_with(|_, _| reply(())));
                    if round % 2 == 0 {
                        caller.defer().reply(());
                        call_back();
                        noreply()
                    } else {
                        reply(()).then(continue_with(move |_| {
                            call_back();
                            noreply()
                        }))
                    }
                }))
            });
            assert_eq!(outcome, Ok(Ok(())));
            assert_eq!(expect::<Result<(), CallError>>(), Ok(()), "round {round}");
        }
    }

    #[test]
    fn is_a_call_to_a_process_whose_reply_another_process_gives() {
        let [a, b] = scripted_servers();
        let me = process::self_pid();
        let helper = process::spawn(|| {
            loop {
                receive! { reply_to: ReplyTo<()> => reply_to.reply(()) }
            }
        })
        .unwrap();
        for round in 0..rounds(2_000) {
            let (to_a, to_b) = (a, b);
            let outcome = b.call_with(move |_, _| {
                reply(to_a.call_with::<()>(move |_, caller| {
                    process::send(helper, caller.defer());
                    process::send(me, to_b.call_with(|_, _| reply(())));
                    noreply()
                }))
            });
            assert_eq!(outcome, Ok(Ok(())));
            assert_eq!(expect::<Result<(), CallError>>(), Ok(()), "round {round}");
        }
        process::exit(helper, ExitReason::Kill);
    }

    #[test]
    fn is_a_call_to_a_process_whose_own_call_has_timed_out() {
        let [a, b] = scripted_servers();
        let me = process::self_pid();
        let (let_go, held) = mpsc::channel::<()>();
        let (to_a, to_b) = (a, b);
        let outcome = a.call_with(move |_, _| {
            let slow = call_message(move |_, _| {
                _ = held.recv();
                process::send(me, to_a.call_with(|_, _| reply("free again")));
                reply(())
            });
            reply(to_b.call_timeout(slow, SHORT))
        });
        assert_eq!(outcome.map(CallKind::kind), Ok(Err(CallErrorKind::Timeout)));
        drop(let_go);
        assert_eq!(expect::<Result<&str, CallError>>(), Ok("free again"));
    }

    #[test]
    fn is_a_call_to_a_process_that_was_ended_in_its_own_call() {
        let [b] = scripted_servers();
        let me = process::self_pid();
        let (let_go, held) = mpsc::channel::<()>();
        let client = spawn_client::<()>(&b, move |_, caller| {
            let client = ServerRef::<Scripted>::from_pid(caller.pid());
            process::send(me, Begun);
            _ = held.recv();
            process::send(me, client.call_with(|_, _| reply(())));
            reply(())
        });
        expect::<Begun>();
        assert_eq!(exit_and_wait(client, ExitReason::Kill), ExitReason::Killed);
        drop(let_go);
        assert_eq!(expect::<Result<(), CallError>>().kind(), Err(CallErrorKind::NoProc));
    }

    /// How a router that is no server takes a request out of its mailbox.
    type Take = fn() -> Message;

    #[test]
    fn is_a_call_to_a_process_whose_request_was_received_and_sent_on() {
        let ways: [Take; 7] = [
            process::receive,
            || process::receive_timeout(test_timeout()).unwrap(),
            || process::receive_match(|_| true),
            || process::receive_match_timeout(test_timeout(), |_| true).unwrap(),
            || {
                process::receive_match_since(process::mark(), Duration::ZERO, |_| true)
                    .unwrap_or_else(process::receive)
            },
            || receive! { message: Message => message },
            || receive! { message: Message => message, after test_timeout() => panic!("none") },
        ];
        for (way, take) in ways.into_iter().enumerate() {
            let [client, worker] = scripted_servers();
            let (me, to_client, to_worker) = (process::self_pid(), client, pid_of(&worker));
            let router = process::spawn(move || {
                process::send(to_worker, take());
                process::send(me, to_client.call_with(|_, _| reply("by the client")));
            })
            .unwrap();

            // The client waits until the router's call has come or has failed.
            let let_go = worker.hold(|_| noreply());
            let to_router = ServerRef::<Scripted>::from_pid(router);
            client.cast_with(move |_| {
                process::send(me, CallOutcome(to_router.call_with(|_, _| reply("by the worker"))));
                noreply()
            });
            wait_until(|| {
                let client = process::info(pid_of(&client)).unwrap();
                client.message_queue_len == 1 || !process::is_alive(router)
            });
            drop(let_go);
            assert_eq!(
                expect::<CallOutcome<&str>>(),
                CallOutcome(Ok("by the worker")),
                "way {way}"
            );
            let back = expect::<Result<&str, CallError>>();
            assert_eq!(back, Ok("by the client"), "way {way}");
        }
    }

    #[test]
    fn is_a_request_that_no_process_waits_for() {
        let [a, b] = scripted_servers();
        let (to_a, to_b) = (a, b);
        let me = process::self_pid();
        a.cast_with(move |_| {
            drop(to_b.send_request(call_message(move |_, _| {
                process::send(me, to_a.call_with(|_, _| reply(())));
                reply(())
            })));
            noreply()
        });
        assert_eq!(expect::<Result<(), CallError>>(), Ok(()));
    }
}
