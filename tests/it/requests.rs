//! Requests whose replies are asked for later, one by one and in collections.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use procession::Destination;
use procession::gen_server::{RequestId, RequestIds, WaitError};
use procession::prelude::*;
use procession::process::Address;

use crate::support::calls::CallKind;
use crate::support::drops::OnDrop;
use crate::support::processes::{FOREVER, in_process, reason};
use crate::support::rounds::{delay_by, rounds};
use crate::support::scripted::{
    OtherServer, Scripted, ScriptedServer, Terminated, call_message, init_with, pid_of, scripted,
};
use crate::support::wait::{assert_no_message, down_reason, expect, test_timeout, wait_for_exit};

const SHORT: Duration = Duration::from_millis(5);

/// A request that is answered at once.
fn answered<T: Address>(
    server: &ServerRef<Scripted, T>,
    answer: &'static str,
) -> RequestId<&'static str> {
    server.send_request(call_message(move |_, _| reply(answer)))
}

/// A request that is answered through what the caller gets as a message.
fn deferred(server: &ServerRef<Scripted>) -> RequestId<&'static str> {
    let me = process::self_pid();
    server.send_request(call_message(move |_, caller| {
        process::send(me, caller.defer());
        noreply()
    }))
}

/// Where the reply to the next deferred request goes.
#[track_caller]
fn reply_to() -> ReplyTo<&'static str> {
    expect()
}

/// What waiting for any of several requests returns.
type Waited<R, L> = Result<(Result<R, CallError>, L), WaitError>;

/// A server that has ended.
#[track_caller]
fn dead_server() -> ServerRef<Scripted> {
    let server = Scripted::start(init_with(|| ready(Scripted::default()))).unwrap();
    assert_eq!(server.stop(), Ok(()));
    server
}

fn nobody() -> ServerRef<Scripted, Name> {
    ServerRef::named("requests::nobody")
}

/// Asserts that nothing is left of any request, nor comes when the servers have handled all.
#[track_caller]
fn assert_nothing_left(servers: &[&ServerRef<Scripted>]) {
    servers.iter().for_each(|server| server.assert_answers());
    assert_no_message();
    let info = process::info(process::self_pid()).unwrap();
    assert!(info.monitors.is_empty(), "{info:?}");
}

mod send_request {
    use super::*;

    // OTP: gen_server_SUITE:send_request
    #[test]
    fn does_not_wait() {
        in_process(|| {
            let server = scripted();
            let (let_go, held) = mpsc::channel::<()>();
            let request = server.send_request(call_message(move |_, _| {
                _ = held.recv();
                reply("a reply")
            }));
            drop(let_go);
            assert_eq!(request.receive_response(test_timeout()), Ok("a reply"));
            assert_nothing_left(&[&server]);
        });
    }

    // OTP: gen_server_SUITE:send_request
    #[test]
    fn to_a_process_that_does_not_exist_is_answered_with_an_error() {
        in_process(|| {
            for server in [dead_server().into(), ServerRef::<_, Destination>::from(nobody())] {
                let request = answered(&server, "no reply");
                assert_eq!(*request.destination(), server.destination());
                assert_eq!(request.receive_response(FOREVER).kind(), Err(CallErrorKind::NoProc));
            }
            assert_nothing_left(&[]);
        });
    }

    // OTP: gen_server_SUITE:send_request
    #[test]
    fn is_answered_with_the_reason_if_the_server_ends() {
        in_process(|| {
            let name = "requests::send_request::ends";
            let by_name = ServerRef::<Scripted>::named(name);
            for end in [reason(), ExitReason::Normal, ExitReason::Shutdown] {
                let options = StartOptions::new().name(name);
                let init = init_with(|| ready(Scripted::default()));
                Scripted::start_with(init, options).unwrap();
                let ends = end.clone();
                let request = by_name.send_request(call_message::<()>(move |_, _| stop(ends)));
                assert_eq!(request.destination(), &Destination::from(name));
                let response = request.receive_response(test_timeout());
                assert_eq!(response.kind(), Err(CallErrorKind::Down(end)));
            }
            assert_nothing_left(&[]);
        });
    }

    #[test]
    fn tells_of_refusals_as_a_call_does() {
        let request = scripted().send_request(call_message::<()>(|_, _| noreply()));
        assert_eq!(request.receive_response(test_timeout()).kind(), Err(CallErrorKind::NoReply));

        let other = pid_of(&OtherServer::start(()).unwrap());
        let request = answered(&ServerRef::from_pid(other), "no reply");
        let response = request.receive_response(test_timeout()).kind();
        assert!(matches!(response, Err(CallErrorKind::WrongServer { .. })), "{response:?}");
    }

    #[test]
    fn can_be_to_oneself_and_is_then_answered_by_a_message() {
        #[derive(Debug)]
        struct Introvert {
            observer: Pid,
            question: RequestId<u8>,
        }

        #[derive(Debug)]
        struct Question;

        impl GenServer for Introvert {
            type Args = Pid;

            fn init(observer: Pid) -> InitResult<Introvert> {
                let itself = ServerRef::<Introvert>::from_pid(process::self_pid());
                ready(Introvert { observer, question: itself.send_request(Question) })
            }

            fn handle_info(&mut self, message: Message) -> CastResult<Introvert> {
                let response = self.question.check_response(message);
                process::send(self.observer, response.unwrap());
                noreply()
            }
        }

        impl HandleCall<Question> for Introvert {
            type Reply = u8;

            fn handle_call(&mut self, _: Question, _: &Caller<u8>) -> CallResult<Self, Question> {
                reply(42)
            }
        }

        Introvert::start(process::self_pid()).unwrap();
        assert_eq!(expect::<Result<u8, CallError>>(), Ok(42));
    }

    /// Replaces the server of `name` by a new one `times` times.
    fn replace(name: &str, times: usize) {
        for _ in 0..times {
            let init = init_with(|| ready(Scripted::default()));
            let server = Scripted::start_with(init, StartOptions::new().name(name)).unwrap();
            server.assert_answers();
            server.stop().unwrap();
        }
    }

    #[test]
    fn by_name_is_answered_with_no_process_only_if_it_is_not_handled() {
        in_process(|| {
            let name = "requests::send_request::replaced";
            let server = ServerRef::<Scripted>::named(name);
            let over = Arc::new(AtomicBool::new(false));
            let says_so = Arc::clone(&over);
            let (_, replacer) = process::spawn_monitor(move || {
                let _guard = OnDrop(move || says_so.store(true, Ordering::Relaxed));
                replace(name, rounds(4_000));
            })
            .unwrap();
            while !over.load(Ordering::Relaxed) {
                let (handled, handles) = mpsc::channel();
                let request = server.send_request(call_message(move |_, _| {
                    handled.send(()).unwrap();
                    reply(())
                }));
                match request.receive_response(test_timeout()).kind() {
                    Ok(()) => assert_eq!(handles.recv(), Ok(())),
                    // Waits until the request was dropped.
                    Err(CallErrorKind::NoProc) => assert_eq!(handles.recv(), Err(mpsc::RecvError)),
                    // It was there to be monitored, or just not any more.
                    Err(CallErrorKind::Down(ExitReason::Normal | ExitReason::NoProc)) => {}
                    Err(error) => panic!("{error:?}"),
                }
            }
            assert_eq!(down_reason(replacer), ExitReason::Normal);
            assert_nothing_left(&[]);
        });
    }

    #[test]
    fn to_many_servers_at_once_waits_for_them_together() {
        in_process(|| {
            let servers: Vec<_> = (0..5).map(|_| scripted()).collect();
            let requests: Vec<_> = servers.iter().map(|it| answered(it, "a reply")).collect();
            for request in requests {
                assert_eq!(request.receive_response(test_timeout()), Ok("a reply"));
            }
            assert_nothing_left(&servers.iter().collect::<Vec<_>>());
        });
    }
}

mod a_place_for_a_reply {
    use super::*;

    #[test]
    fn names_its_client_when_another_process_has_the_slot_of_that() {
        in_process(|| {
            let (server, me) = (scripted(), process::self_pid());
            let slot_of = |pid: Pid| pid.to_string().split('.').nth(1).map(str::to_owned);
            let mut reused = 0;
            for _ in 0..100 {
                let request = call_message(move |_, caller: &Caller<&'static str>| {
                    process::send(me, caller.defer());
                    noreply()
                });
                let client = move || drop(server.send_request(request));
                let (client, monitor) = process::spawn_monitor(client).unwrap();
                let reply_to = reply_to();
                down_reason(monitor);
                let next = process::spawn(|| {}).unwrap();
                wait_for_exit(next);
                reused += usize::from(slot_of(next) == slot_of(client));
                assert_eq!(reply_to.pid(), client);
            }
            assert_ne!(reused, 0, "no slot was given to another process");
        });
    }
}

mod wait_response {
    use super::*;

    // OTP: gen_server_SUITE:send_request
    #[test]
    fn that_times_out_can_be_repeated() {
        in_process(|| {
            let server = scripted();
            let mut request = deferred(&server);
            let since = Instant::now();
            assert_eq!(request.wait_response(SHORT).kind(), Err(CallErrorKind::Timeout));
            assert!(since.elapsed() >= SHORT);
            assert_eq!(request.wait_response(Duration::ZERO).kind(), Err(CallErrorKind::Timeout));

            reply_to().reply("late, but not too late");
            let response = Ok("late, but not too late");
            assert_eq!(request.wait_response(Duration::MAX), response);
            assert_nothing_left(&[&server]);
        });
    }

    // OTP: gen_server_SUITE:send_request_wait_reqid_collection
    #[test]
    fn gives_a_response_once_and_does_not_wait_for_another() {
        in_process(|| {
            let server = scripted();
            let mut request = answered(&server, "a reply");
            assert_eq!(request.wait_response(test_timeout()), Ok("a reply"));
            let (long, since) = (Duration::from_secs(3), Instant::now());
            assert_eq!(request.wait_response(long).kind(), Err(CallErrorKind::Timeout));
            assert!(since.elapsed() < long, "it has waited for what cannot come");

            let mut request = answered(&dead_server(), "no reply");
            assert_eq!(request.wait_response(test_timeout()).kind(), Err(CallErrorKind::NoProc));
            assert_eq!(request.wait_response(Duration::ZERO).kind(), Err(CallErrorKind::Timeout));
            drop(request);
            assert_nothing_left(&[&server]);
        });
    }

    #[test]
    fn takes_a_response_that_is_there_even_if_the_timeout_is_zero() {
        in_process(|| {
            let server = scripted();
            let mut request = answered(&server, "a reply");
            server.assert_answers();
            assert_eq!(request.wait_response(Duration::ZERO), Ok("a reply"));
            assert_nothing_left(&[&server]);
        });
    }

    #[test]
    fn leaves_other_messages_where_they_are() {
        in_process(|| {
            let (me, server) = (process::self_pid(), scripted());
            process::send(me, "before");
            let mut request = answered(&server, "a reply");
            process::send(me, "between");
            assert_eq!(request.wait_response(test_timeout()), Ok("a reply"));
            assert_eq!(expect::<&str>(), "before");
            assert_eq!(expect::<&str>(), "between");
            assert_nothing_left(&[&server]);
        });
    }

    #[test]
    fn finds_its_own_among_several() {
        in_process(|| {
            let server = scripted();
            let first = answered(&server, "the first");
            let second = answered(&server, "the second");
            assert_eq!(second.receive_response(test_timeout()), Ok("the second"));
            assert_eq!(first.receive_response(test_timeout()), Ok("the first"));
            assert_nothing_left(&[&server]);
        });
    }
}

/// What a thread of the program's own gets when it was killed.
mod a_killed_thread {
    use super::*;

    /// Lets a thread of the program's own `prepare`, kills it, and returns what it does `then`.
    fn killed_between<P, R: Send>(
        prepare: impl FnOnce() -> P + Send,
        then: impl FnOnce(P) -> R + Send,
    ) -> R {
        let (known, pids) = mpsc::channel();
        let (let_go, held) = mpsc::channel::<()>();
        thread::scope(|scope| {
            let thread = scope.spawn(move || {
                let prepared = prepare();
                known.send(process::self_pid()).unwrap();
                _ = held.recv();
                then(prepared)
            });
            process::exit(pids.recv().unwrap(), ExitReason::Kill);
            drop(let_go);
            thread.join().expect("the thread has panicked")
        })
    }

    /// A request that nobody answers.
    fn silent(server: &ServerRef<Scripted>) -> RequestId<u8> {
        server.send_request(call_message(|_, caller| {
            _ = caller.defer();
            noreply()
        }))
    }

    #[test]
    fn is_told_so_as_the_response() {
        let server = scripted();
        for timeout in [Duration::ZERO, FOREVER] {
            let responses = killed_between(
                || silent(&server),
                |mut request| [(); 2].map(|()| request.wait_response(timeout).kind()),
            );
            assert_eq!(responses, [Err(CallErrorKind::CallerEnded), Err(CallErrorKind::Timeout)]);
            let response =
                killed_between(|| silent(&server), |request| request.receive_response(timeout));
            assert_eq!(response.kind(), Err(CallErrorKind::CallerEnded));
        }
    }

    /// A response of a collection, with only the kind of its error.
    fn kind_and_label<R, L>((response, label): (Result<R, CallError>, L)) -> Labelled<R, L> {
        (response.kind(), label)
    }

    type Labelled<R, L> = (Result<R, CallErrorKind>, L);

    type Wait = fn(&mut RequestIds<u8, &'static str>, Duration) -> Waited<u8, &'static str>;

    #[test]
    fn is_told_so_as_the_response_of_each_request_of_a_collection() {
        let server = scripted();
        let prepare = || {
            let mut requests = RequestIds::new();
            for label in ["first", "second", "third"] {
                requests.add(silent(&server), label);
            }
            requests
        };
        let ended = |label| Ok((Err(CallErrorKind::CallerEnded), label));
        let expected = [ended("first"), ended("second"), ended("third"), Err(WaitError::NoRequest)];
        let waits: [Wait; 2] = [RequestIds::wait_response, RequestIds::receive_response];
        for wait in waits {
            let responses = killed_between(prepare, |mut requests| {
                [(); 4].map(|()| wait(&mut requests, FOREVER).map(kind_and_label))
            });
            assert_eq!(responses, expected);
        }
    }

    #[test]
    fn is_told_so_while_it_waits() {
        let (server, me) = (scripted(), process::self_pid());
        for round in 0..rounds(500) {
            thread::scope(|scope| {
                let thread = scope.spawn(|| {
                    let mut request = silent(&server);
                    process::send(me, process::self_pid());
                    request.wait_response(FOREVER)
                });
                let pid = expect::<Pid>();
                delay_by(round);
                process::exit(pid, ExitReason::Kill);
                let response = thread.join().expect("the thread has panicked");
                assert_eq!(response.kind(), Err(CallErrorKind::CallerEnded));
            });
        }
    }
}

mod receive_response {
    use super::*;

    // OTP: gen_server_SUITE:send_request
    #[test]
    fn that_times_out_abandons_the_request() {
        in_process(|| {
            let server = scripted();
            let request = deferred(&server);
            assert_eq!(request.receive_response(SHORT).kind(), Err(CallErrorKind::Timeout));
            reply_to().reply("too late");
            assert_nothing_left(&[&server]);
        });
    }

    #[test]
    fn is_not_needed_to_abandon_a_request() {
        in_process(|| {
            let server = scripted();
            drop(answered(&server, "on its way"));
            let request = answered(&server, "arrived");
            server.assert_answers();
            drop(request);
            drop(answered(&dead_server(), "no reply"));
            let ends = answered(&server, "a reply");
            assert_eq!(server.stop(), Ok(()));
            drop(ends);
            expect::<Terminated>();
            assert_nothing_left(&[]);
        });
    }
}

mod check_response {
    use super::*;

    // OTP: gen_server_SUITE:send_request
    #[test]
    fn takes_the_response_out_of_its_own_message_only() {
        in_process(|| {
            let server = scripted();
            let mut first = answered(&server, "the first");
            let mut second = server.send_request(call_message::<&str>(|_, _| stop(reason())));
            process::send(process::self_pid(), 7_u8);

            let message = first.check_response(Message::new("unrelated")).unwrap_err();
            assert_eq!(message.downcast::<&str>().unwrap(), "unrelated");

            let message = process::receive_match(|message| !message.is::<u8>());
            let message = second.check_response(message).unwrap_err();
            assert_eq!(first.check_response(message).unwrap(), Ok("the first"));

            let message = process::receive_match(|message| message.is::<Down>());
            let message = first.check_response(message).unwrap_err();
            assert_eq!(
                second.check_response(message).unwrap().kind(),
                Err(CallErrorKind::Down(reason()))
            );

            let message = first.check_response(process::receive()).unwrap_err();
            assert!(message.is::<u8>() || message.is::<Terminated>());
        });
    }

    #[test]
    fn is_not_taken_in_by_the_response_to_a_request_of_another_type() {
        in_process(|| {
            let server = scripted();
            let mut numeric = server.send_request(call_message(|_, _| reply(7)));
            let mut textual = answered(&server, "a text");
            let message = textual.check_response(process::receive()).unwrap_err();
            assert_eq!(numeric.check_response(message).unwrap(), Ok(7));
            assert_eq!(textual.check_response(process::receive()).unwrap(), Ok("a text"));
        });
    }
}

mod a_collection {
    use super::*;

    type Requests = RequestIds<&'static str, u8>;

    fn of(response: &'static str, label: u8) -> Waited<&'static str, u8> {
        Ok((Ok(response), label))
    }

    /// A response of a collection, with only the kind of its error.
    fn kind_and_label<R, L>((response, label): (Result<R, CallError>, L)) -> Labelled<R, L> {
        (response.kind(), label)
    }

    type Labelled<R, L> = (Result<R, CallErrorKind>, L);

    type Wait = fn(&mut Requests, Duration) -> Waited<&'static str, u8>;

    /// The ways to wait for one response.
    const WAYS: [Wait; 2] = [Requests::wait_response, Requests::receive_response];

    // OTP: gen_server_SUITE:send_request_receive_reqid_collection
    #[test]
    fn has_a_size_and_its_requests_with_their_labels() {
        let server = scripted();
        let mut requests = Requests::new();
        assert!(requests.is_empty());
        let first = answered(&server, "the first");
        let first_id = format!("{first:?}");
        requests.add(first, 1);
        requests.add(answered(&server, "the second"), 2);
        assert_eq!(requests.len(), 2);
        assert!(!requests.is_empty());
        assert_eq!(requests.iter().map(|(_, label)| *label).collect::<Vec<_>>(), [1, 2]);
        let (id, _) = requests.iter().next().unwrap();
        assert_eq!(format!("{id:?}"), first_id);
        assert_eq!(*id.destination(), server.destination());
    }

    #[test]
    fn does_not_take_a_request_whose_response_was_taken() {
        let server = scripted();
        let mut request = answered(&server, "a reply");
        assert_eq!(request.wait_response(test_timeout()), Ok("a reply"));
        let mut requests = Requests::new();
        requests.add(request, 1);
        assert!(requests.is_empty());
        assert_eq!(requests.wait_response(FOREVER), Err(WaitError::NoRequest));
    }

    // OTP: gen_server_SUITE:send_request_receive_reqid_collection,
    // send_request_wait_reqid_collection
    #[test]
    fn gives_responses_in_the_order_of_their_arrival_each_once() {
        for wait in WAYS {
            in_process(move || {
                let server = scripted();
                let mut requests = Requests::new();
                for label in 0..3 {
                    requests.add(deferred(&server), label);
                }
                let [first, second, third] = [reply_to(), reply_to(), reply_to()];
                third.reply("the third");
                assert_eq!(wait(&mut requests, test_timeout()), of("the third", 2));
                first.reply("the first");
                second.reply("the second");
                assert_eq!(wait(&mut requests, test_timeout()), of("the first", 0));
                assert_eq!(requests.len(), 1);
                assert_eq!(wait(&mut requests, Duration::MAX), of("the second", 1));
                assert_eq!(wait(&mut requests, Duration::MAX), Err(WaitError::NoRequest));
                assert_nothing_left(&[&server]);
            });
        }
    }

    // OTP: gen_server_SUITE:send_request_receive_reqid_collection
    #[test]
    fn that_is_empty_is_not_waited_for() {
        for wait in WAYS {
            assert_eq!(wait(&mut Requests::new(), Duration::MAX), Err(WaitError::NoRequest));
        }
    }

    // OTP: gen_server_SUITE:send_request_wait_reqid_collection
    #[test]
    fn stays_when_a_wait_for_it_times_out() {
        in_process(|| {
            let server = scripted();
            let mut requests = Requests::new();
            requests.add(deferred(&server), 1);
            requests.add(deferred(&server), 2);
            let since = Instant::now();
            assert_eq!(requests.wait_response(SHORT), Err(WaitError::Timeout));
            assert!(since.elapsed() >= SHORT);
            assert_eq!(requests.len(), 2);
            for (text, label) in [("the first", 1), ("the second", 2)] {
                reply_to().reply(text);
                assert_eq!(requests.wait_response(test_timeout()), of(text, label));
            }
            assert_nothing_left(&[&server]);
        });
    }

    // OTP: gen_server_SUITE:send_request_receive_reqid_collection
    #[test]
    fn is_abandoned_when_its_receiving_times_out() {
        in_process(|| {
            let server = scripted();
            let mut requests = Requests::new();
            requests.add(deferred(&server), 1);
            requests.add(deferred(&server), 2);
            assert_eq!(requests.receive_response(SHORT), Err(WaitError::Timeout));
            assert!(requests.is_empty());
            assert_eq!(requests.receive_response(FOREVER), Err(WaitError::NoRequest));
            for _ in 0..2 {
                reply_to().reply("too late");
            }
            assert_nothing_left(&[&server]);
        });
    }

    #[test]
    fn is_abandoned_when_it_is_dropped() {
        in_process(|| {
            let server = scripted();
            let mut requests = Requests::new();
            requests.add(answered(&server, "arrived"), 1);
            server.assert_answers();
            requests.add(deferred(&server), 2);
            drop(requests);
            reply_to().reply("too late");
            assert_nothing_left(&[&server]);
        });
    }

    // OTP: gen_server_SUITE:send_request_receive_reqid_collection
    #[test]
    fn tells_of_a_server_that_ends_by_its_label_and_the_others_reply() {
        for wait in WAYS {
            in_process(move || {
                let (mortal, other) = (scripted(), scripted());
                mortal.cast_with(|it| {
                    it.observer = None;
                    noreply()
                });
                let mut requests = Requests::new();
                requests.add(deferred(&other), 1);
                requests.add(deferred(&mortal), 2);
                requests.add(answered(&nobody(), "no reply"), 3);
                let [to_first, to_second] = [reply_to(), reply_to()];
                let absent = Ok((Err(CallErrorKind::NoProc), 3));
                assert_eq!(wait(&mut requests, test_timeout()).map(kind_and_label), absent);

                mortal.cast_with(|_| stop(reason()));
                let ended = Ok((Err(CallErrorKind::Down(reason())), 2));
                assert_eq!(wait(&mut requests, test_timeout()).map(kind_and_label), ended);

                // Which of them is whose depends on the servers.
                for to in [to_first, to_second] {
                    to.reply("a reply");
                }
                assert_eq!(wait(&mut requests, test_timeout()), of("a reply", 1));
                assert_eq!(wait(&mut requests, test_timeout()), Err(WaitError::NoRequest));
                assert_nothing_left(&[&other]);
            });
        }
    }

    // OTP: gen_server_SUITE:send_request_receive_reqid_collection
    #[test]
    fn takes_a_response_that_is_there_if_the_timeout_is_zero() {
        in_process(|| {
            let server = scripted();
            let mut requests = Requests::new();
            requests.add(answered(&server, "a reply"), 1);
            server.assert_answers();
            assert_eq!(requests.wait_response(Duration::ZERO), of("a reply", 1));
            requests.add(deferred(&server), 2);
            assert_eq!(requests.wait_response(Duration::ZERO), Err(WaitError::Timeout));
        });
    }

    // OTP: gen_server_SUITE:send_request_check_reqid_collection
    #[test]
    fn finds_the_responses_to_its_own_requests_among_messages() {
        in_process(|| {
            let server = scripted();
            let mut requests = Requests::new();
            let message = requests.check_response(Message::new("unrelated")).unwrap_err();
            assert_eq!(message.downcast::<&str>().unwrap(), "unrelated");

            requests.add(answered(&server, "the first"), 1);
            let mut other = answered(&server, "of none of them");
            requests.add(answered(&nobody(), "no reply"), 2);
            let message = requests.check_response(Message::new("unrelated")).unwrap_err();
            assert!(message.is::<&str>());

            let (mut responses, mut others) = (Vec::new(), Vec::new());
            for _ in 0..3 {
                match requests.check_response(process::receive()) {
                    Ok(response) => responses.push(kind_and_label(response)),
                    Err(message) => others.push(other.check_response(message).unwrap()),
                }
            }
            responses.sort_by_key(|(_, label)| *label);
            assert_eq!(responses, [(Ok("the first"), 1), (Err(CallErrorKind::NoProc), 2)]);
            assert_eq!(others, [Ok("of none of them")]);
            assert!(requests.is_empty());
            assert_nothing_left(&[&server]);
        });
    }

    #[test]
    fn leaves_other_messages_where_they_are() {
        in_process(|| {
            let (me, server) = (process::self_pid(), scripted());
            let mut requests = Requests::new();
            process::send(me, "before");
            requests.add(answered(&server, "a reply"), 1);
            process::send(me, "between");
            let call = server.call_with(|_, _| reply("a call"));
            assert_eq!(call, Ok("a call"));
            assert_eq!(requests.wait_response(test_timeout()), of("a reply", 1));
            assert_eq!(expect::<&str>(), "before");
            assert_eq!(expect::<&str>(), "between");
            assert_nothing_left(&[&server]);
        });
    }
}
