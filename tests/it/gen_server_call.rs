//! Calls to servers, as client and server see them.

#![allow(clippy::disallowed_methods, reason = "looks at threads of the program's own")]

use std::any::type_name;
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use procession::prelude::*;
use procession::process::Builder;

use crate::support::calls::{CallKind, kind_of};
use crate::support::drops::OnDrop;
use crate::support::processes::{
    Begun, FOREVER, begun, dead_pid, idle, idle_body, in_process, reason,
};
use crate::support::rounds::{killed_meanwhile, rounds};
use crate::support::scripted::{
    CallOutcome, InfoReceived, OtherServer, Replied, Scripted, ScriptedServer, Terminated,
    call_message, init_with, observed_init, pid_of, scripted, spawn_client,
};
use crate::support::wait::{
    assert_no_message, down_reason, exit_and_wait, expect, test_timeout, wait_until,
};

pub(crate) const SHORT: Duration = Duration::from_millis(5);

impl HandleCall<&'static str> for OtherServer {
    type Reply = &'static str;

    fn handle_call(&mut self, request: &'static str, _: &Caller<&'static str>) -> Echo {
        reply(request)
    }
}

impl HandleCast<&'static str> for OtherServer {
    fn handle_cast(&mut self, _: &'static str) -> CastResult<OtherServer> {
        noreply()
    }
}

type Echo = Replied<OtherServer, &'static str>;

mod call {
    use super::*;

    #[test]
    fn returns_the_reply_and_leaves_nothing_in_the_mailbox() {
        // OTP: gen_server_SUITE:start
        in_process(|| {
            let server = scripted();
            assert_eq!(server.call(call_message(|_, _| reply("a reply"))), Ok("a reply"));
            assert_no_message();
            let me = process::info(process::self_pid()).unwrap();
            assert!(me.monitors.is_empty(), "{me:?}");
        });
    }

    #[test]
    fn can_return_what_cannot_be_printed() {
        struct Unprintable(u8);

        let reply = scripted().call_with(|_, _| reply(Unprintable(7)));
        assert_eq!(reply.ok().unwrap().0, 7);
    }

    #[test]
    fn knows_its_caller() {
        let caller = scripted().call_with(|_, caller| reply(caller.pid()));
        assert_eq!(caller, Ok(process::self_pid()));
    }

    // OTP: gen_server_SUITE:call
    #[test]
    fn times_out_while_the_server_goes_on_and_its_late_reply_is_lost() {
        in_process(|| {
            let server = scripted();
            let (let_go, held) = mpsc::channel::<()>();
            let late = call_message(move |it, _| {
                _ = held.recv();
                it.note("the late one");
                reply("late")
            });
            let since = Instant::now();
            assert_eq!(server.call_timeout(late, SHORT).kind(), Err(CallErrorKind::Timeout));
            assert!(since.elapsed() >= SHORT);
            drop(let_go);

            assert_eq!(server.call_with(|_, _| reply("own")), Ok("own"));
            assert_eq!(server.notes(), ["the late one"]);
            assert_no_message();
        });
    }

    #[test]
    fn with_no_time_at_all_times_out_and_is_handled() {
        in_process(|| {
            let server = scripted();
            for _ in 0..rounds(1_000) {
                let outcome = server.call_timeout(
                    call_message(|it, _| {
                        it.note("handled");
                        reply("late")
                    }),
                    Duration::ZERO,
                );
                let outcome = outcome.kind();
                assert!(matches!(outcome, Err(CallErrorKind::Timeout) | Ok("late")), "{outcome:?}");
                assert_eq!(server.call_with(|_, _| reply("own")), Ok("own"));
            }
            assert_eq!(server.notes().len(), rounds(1_000));
            assert_no_message();
        });
    }

    // OTP: gen_server_SUITE:call_remote1, call_remote_n1
    #[test]
    fn of_a_process_that_does_not_exist_fails_at_once() {
        let nobody = "gen_server_call::call::nobody";
        for server in [ServerRef::<Scripted>::at(dead_pid()), ServerRef::at(nobody)] {
            let outcome = server.call_timeout(call_message(|_, _| reply(())), FOREVER);
            assert_eq!(outcome.kind(), Err(CallErrorKind::NoProc));
        }
    }

    #[test]
    fn by_name_finds_who_has_it_at_the_time() {
        let name = "gen_server_call::call::by_name";
        let server = ServerRef::<Scripted>::named(name);
        for _ in 0..2 {
            let options = StartOptions::new().name(name);
            let pid = pid_of(&Scripted::start_with(observed_init(), options).unwrap());
            assert_eq!(server.call_with(|_, _| reply(process::self_pid())), Ok(pid));
            assert_eq!(server.stop(), Ok(()));
            assert_eq!(server.call_with(|_, _| reply(())).kind(), Err(CallErrorKind::NoProc));
        }
    }

    type End = fn() -> Replied<Scripted, ()>;

    /// The ends of a server, as it brings them about by itself.
    fn ends() -> Vec<(End, ExitReason)> {
        vec![
            (|| stop(ExitReason::Normal), ExitReason::Normal),
            (|| stop(ExitReason::Shutdown), ExitReason::Shutdown),
            (|| stop(ExitReason::shutdown_with(1)), ExitReason::shutdown_with(1)),
            (|| stop(reason()), reason()),
            (|| process::exit_self(ExitReason::Normal), ExitReason::Normal),
            (|| process::exit_self(reason()), reason()),
            (
                || {
                    process::exit(process::self_pid(), ExitReason::Kill);
                    unreachable!("it is killed")
                },
                ExitReason::Killed,
            ),
            (
                || {
                    process::exit(process::self_pid(), reason());
                    unreachable!("it is told to end")
                },
                reason(),
            ),
        ]
    }

    // OTP: gen_server_SUITE:crash
    #[test]
    fn fails_with_the_reason_for_which_the_server_ends() {
        in_process(|| {
            for (end, expected) in ends() {
                let server = scripted();
                assert_eq!(
                    server.call_with(move |_, _| end()).kind(),
                    Err(CallErrorKind::Down(expected))
                );
                let only_its_end = process::receive_timeout(Duration::ZERO);
                assert!(only_its_end.is_none_or(|message| message.is::<Terminated>()));
                assert_no_message();
            }
        });
    }

    // OTP: gen_server_SUITE:call
    #[test]
    fn fails_with_the_panic_of_the_server() {
        let error = scripted().call_with::<()>(|_, _| panic!("in a call")).unwrap_err();
        let CallErrorKind::Down(reason) = kind_of(error) else { panic!("it went down") };
        assert_eq!(reason.as_panic().unwrap().message, "in a call");
    }

    #[test]
    fn fails_when_the_server_ends_while_the_reply_is_deferred() {
        for (end, expected) in ends() {
            let server = scripted();
            spawn_client::<()>(&server, |_, caller| {
                _ = caller.defer();
                noreply()
            });
            wait_until(|| {
                process::info(pid_of(&server)).is_some_and(|it| it.messages_received > 0)
            });
            server.cast_with(move |_| end().and(noreply()));
            assert_eq!(expect::<CallOutcome<()>>().0.kind(), Err(CallErrorKind::Down(expected)));
        }
    }

    // OTP: gen_server_SUITE:call
    #[test]
    fn waiting_behind_one_that_crashes_the_server_fails_with_the_same_reason() {
        let server = scripted();
        let let_go = server.hold(|_| stop(reason()));
        for _ in 0..3 {
            spawn_client::<()>(&server, |_, _| unreachable!("the server has ended"));
        }
        wait_until(|| process::info(pid_of(&server)).unwrap().message_queue_len == 3);
        drop(let_go);
        for _ in 0..3 {
            assert_eq!(expect::<CallOutcome<()>>().0.kind(), Err(CallErrorKind::Down(reason())));
        }
    }

    #[test]
    fn that_is_neither_answered_nor_deferred_fails_at_once() {
        let server = scripted();
        let outcome = server.call_timeout(call_message::<()>(|_, _| noreply()), FOREVER);
        assert_eq!(outcome.kind(), Err(CallErrorKind::NoReply));
        server.assert_answers();
    }

    #[test]
    fn of_a_server_of_another_type_is_refused() {
        let other = OtherServer::start(()).unwrap();
        let wrong = ServerRef::<Scripted>::from_pid(pid_of(&other));
        let refusal = wrong.call_with::<()>(|_, _| unreachable!("it is for another server"));
        let (expected, found) = (type_name::<Scripted>(), type_name::<OtherServer>());
        assert_eq!(refusal.kind(), Err(CallErrorKind::WrongServer { expected, found }));
        assert_eq!(other.call("still there"), Ok("still there"));
    }

    #[test]
    fn of_a_process_that_is_not_a_server_times_out() {
        let server = ServerRef::<Scripted>::from_pid(idle());
        let outcome = server.call_timeout(call_message(|_, _| reply(())), SHORT);
        assert_eq!(outcome.kind(), Err(CallErrorKind::Timeout));
    }

    #[test]
    fn can_be_made_by_a_thread_of_the_programs_own() {
        let server = scripted();
        thread::scope(|scope| {
            let caller = scope.spawn(|| server.call_with(|_, caller| reply(caller.pid())));
            assert_ne!(caller.join().unwrap(), Ok(process::self_pid()));
        });
    }

    #[test]
    fn fails_in_a_thread_of_the_programs_own_that_is_killed_meanwhile() {
        let (server, me) = (scripted(), process::self_pid());
        thread::scope(|scope| {
            let caller = scope.spawn(|| {
                server.call_with::<()>(move |_, caller| {
                    process::send(me, caller.pid());
                    _ = caller.defer();
                    noreply()
                })
            });
            process::exit(expect::<Pid>(), ExitReason::Kill);
            assert_eq!(caller.join().unwrap().kind(), Err(CallErrorKind::CallerEnded));
        });
    }

    #[test]
    fn fails_in_a_thread_of_the_programs_own_that_is_killed_at_any_moment() {
        let server = scripted();
        for round in 0..rounds(2_000) {
            let timeout = if round % 2 == 0 { test_timeout() } else { Duration::ZERO };
            let error = killed_meanwhile(round, || {
                loop {
                    let request = call_message(move |_, _| reply(round));
                    match server.call_timeout(request, timeout).kind() {
                        Ok(reply) => assert_eq!(reply, round),
                        Err(CallErrorKind::Timeout) if timeout.is_zero() => {}
                        Err(error) => return error,
                    }
                }
            });
            assert_eq!(error, CallErrorKind::CallerEnded, "round {round}");
        }
        server.assert_answers();
    }

    #[test]
    fn is_a_receive_point_for_the_caller() {
        let server = scripted();
        let me = process::self_pid();
        for sent in [ExitReason::Kill, reason()] {
            let caller = spawn_client::<()>(&server, move |_, caller| {
                process::send(me, Begun);
                _ = caller.defer();
                noreply()
            });
            expect::<Begun>();
            let killed = sent == ExitReason::Kill;
            let expected = if killed { ExitReason::Killed } else { sent.clone() };
            assert_eq!(exit_and_wait(caller, sent), expected);
        }
        server.assert_answers();
    }

    #[test]
    fn fails_in_a_process_that_is_being_ended() {
        let (outcomes, seen) = mpsc::channel();
        let server = scripted();
        let (pid, monitor) = begun(Builder::new(), move || {
            let _guard = OnDrop(move || {
                let outcome = server.call_with(|_, _| reply(()));
                outcomes.send(outcome).unwrap();
            });
            idle_body();
        });
        process::exit(pid, reason());
        assert_eq!(down_reason(monitor), reason());
        assert_eq!(seen.recv().unwrap().kind(), Err(CallErrorKind::CallerEnded));
    }

    #[test]
    fn works_in_a_process_that_unwinds_by_its_own_panic() {
        let (outcomes, seen) = mpsc::channel();
        let server = scripted();
        process::spawn(move || {
            let _guard = OnDrop(move || outcomes.send(server.call_with(|_, _| reply(7))).unwrap());
            panic!("its own panic");
        })
        .unwrap();
        assert_eq!(seen.recv().unwrap(), Ok(7));
    }

    /// Returns the least time that 20 of them took.
    fn cost(once: impl Fn()) -> Duration {
        let batch = || {
            let since = Instant::now();
            (0..20).for_each(|_| once());
            since.elapsed()
        };
        (0..20).map(|_| batch()).min().unwrap()
    }

    // OTP: gen_server_SUITE:call_with_huge_message_queue
    #[test]
    fn does_not_look_through_the_messages_that_are_queued() {
        in_process(|| {
            let (me, server) = (process::self_pid(), scripted());
            for number in 0..200_000_u32 {
                process::send(me, number);
            }
            // A call that looked at each of them could not be faster than a receive that does, for
            // which so many take ten times what a call costs on a machine that is busy.
            let look =
                || assert!(process::receive_match_timeout(Duration::ZERO, |_| false).is_none());
            let (call, look) = (cost(|| server.assert_answers()), cost(look));
            assert!(call < look / 2, "{call:?} for calls, {look:?} to look at every message");
            for number in 0..200_000 {
                assert_eq!(process::receive().downcast::<u32>().unwrap(), number);
            }
            assert_no_message();
        });
    }

    #[test]
    fn waits_without_limit_only_if_asked_to_and_five_seconds_if_not() {
        let (me, name) = (process::self_pid(), "gen_server_call::call::five_seconds");
        // An `init` has no limit of its own...
        let starter = process::spawn(move || {
            let init = init_with(|| {
                expect_in(FOREVER);
                ready(Scripted::default())
            });
            let options = StartOptions::new().name(name);
            let slow = Scripted::start_with(init, options).map(|server| pid_of(&server));
            process::send(me, Opaque::new(slow));
        })
        .unwrap();
        // ...nor has a call that is given none...
        let server = scripted();
        let deferred = call_message(|it: &mut Scripted, caller: &Caller<()>| {
            it.on_terminate = None;
            process::send(it.observer.unwrap(), Opaque::new(caller.defer()));
            noreply()
        });
        let patient = process::spawn({
            move || {
                let outcome = CallOutcome(server.call_timeout(deferred, Duration::MAX));
                process::send(me, outcome);
            }
        })
        .unwrap();
        // ...while the owner of a stuck server waits for it as long as a call does.
        let stuck = Scripted::start(init_with(|| ready(Scripted::default()))).unwrap();
        stuck.cast_with(|_| {
            process::receive_match(|_| false);
            unreachable!("it receives nothing")
        });
        let stuck_end = process::monitor(pid_of(&stuck));
        let (_, owner_end) = process::spawn_monitor(move || drop(stuck.owned())).unwrap();

        let since = Instant::now();
        let silent = ServerRef::<Scripted>::from_pid(idle());
        assert_eq!(silent.call(call_message(|_, _| reply(()))).kind(), Err(CallErrorKind::Timeout));
        assert!(since.elapsed() >= Duration::from_secs(5));

        assert_eq!(down_reason(stuck_end), ExitReason::Killed);
        assert_eq!(down_reason(owner_end), ExitReason::Normal);
        assert!(process::is_alive(starter) && process::is_alive(patient));
        process::send_to(name, "let go").unwrap();
        expect::<Opaque<Result<Pid, StartError>>>().into_inner().unwrap();
        expect::<Opaque<ReplyTo<()>>>().into_inner().reply(());
        assert_eq!(expect::<CallOutcome<()>>(), CallOutcome(Ok(())));
    }

    fn expect_in(limit: Duration) {
        process::receive_match_timeout(limit, |message| message.is::<&str>()).unwrap();
    }
}

/// Servers that end just when several clients call them.
mod at_the_end_of_a_server {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU64, Ordering};

    use parking_lot::Mutex;

    use super::*;

    const CLIENTS: usize = 4;
    /// The request with which a server ends.
    const LAST: u64 = 4;
    const PANIC: &str = "gen_server_call::at_the_end_of_a_server";

    /// How a server ends.
    #[derive(Clone, Copy, Debug)]
    enum Way {
        /// It answers, and then ends.
        Later,
        Answering,
        Failing,
        Panicking,
        KillingItself,
        /// The one it answers kills it.
        Killed,
        /// The one it answers ends it.
        Ended,
    }

    const WAYS: [Way; 7] = [
        Way::Later,
        Way::Answering,
        Way::Failing,
        Way::Panicking,
        Way::KillingItself,
        Way::Killed,
        Way::Ended,
    ];

    impl Way {
        fn is_told_by(self, end: &ExitReason) -> bool {
            match self {
                Way::Later => *end == ExitReason::Normal,
                Way::Answering | Way::Failing | Way::Ended => *end == reason(),
                Way::Panicking => end.as_panic().is_some_and(|panic| panic.message == PANIC),
                Way::KillingItself | Way::Killed => *end == ExitReason::Killed,
            }
        }
    }

    /// The last request of each client that was handled.
    type Seen = Arc<[AtomicU64; CLIENTS]>;

    #[derive(Debug)]
    struct Mortal {
        way: Way,
        handled: u64,
        seen: Seen,
    }

    #[derive(Clone, Copy, Debug)]
    struct CallMessage {
        client: usize,
        number: u64,
    }

    #[derive(Debug, PartialEq)]
    struct Answer {
        number: u64,
        /// The client is to end the server.
        end: bool,
    }

    impl GenServer for Mortal {
        type Args = (Way, Seen);

        fn init((way, seen): (Way, Seen)) -> InitResult<Mortal> {
            ready(Mortal { way, handled: 0, seen })
        }
    }

    #[derive(Debug)]
    struct End;

    impl HandleContinue<End> for Mortal {
        fn handle_continue(&mut self, _: End) -> CastResult<Self> {
            stop(ExitReason::Normal)
        }
    }

    impl HandleCall<CallMessage> for Mortal {
        type Reply = Answer;

        fn handle_call(
            &mut self,
            CallMessage { client, number }: CallMessage,
            _: &Caller<Answer>,
        ) -> CallResult<Self, CallMessage> {
            self.seen[client].store(number, Ordering::SeqCst);
            self.handled += 1;
            let answer = |end| Answer { number, end };
            if self.handled != LAST {
                return reply(answer(false));
            }
            match self.way {
                Way::Later => reply(answer(false)).then(End),
                Way::Answering => stop_with_reply(reason(), answer(false)),
                Way::Failing => stop(reason()),
                Way::Panicking => panic!("{PANIC}"),
                Way::KillingItself => {
                    process::exit(process::self_pid(), ExitReason::Kill);
                    unreachable!("it is killed")
                }
                Way::Killed | Way::Ended => reply(answer(true)),
            }
        }
    }

    /// The server that is there now.
    #[derive(Clone, Debug)]
    struct Present {
        life: usize,
        way: Way,
        server: ServerRef<Mortal>,
    }

    type Stage = Arc<Mutex<Option<Present>>>;

    /// What the clients together have got.
    #[derive(Debug, Default)]
    struct Tally {
        replies: u64,
        downs: u64,
        absent: u64,
    }

    /// Calls one server after the other, until there are no more.
    fn call_all(client: usize, stage: &Stage, seen: &Seen, other: &ServerRef<Scripted>) -> Tally {
        let mut tally = Tally::default();
        let mut dead = None;
        for number in 1.. {
            let present = loop {
                let present = stage.lock().clone();
                match present {
                    Some(present) if dead != Some(present.life) => break present,
                    Some(_) => thread::yield_now(),
                    None => return tally,
                }
            };
            let request = CallMessage { client, number };
            match present.server.call_timeout(request, test_timeout()).kind() {
                Ok(answer) => {
                    assert_eq!(answer.number, number);
                    tally.replies += 1;
                    if answer.end {
                        let killed = matches!(present.way, Way::Killed);
                        let end = if killed { ExitReason::Kill } else { reason() };
                        process::exit(pid_of(&present.server), end);
                    }
                }
                Err(CallErrorKind::NoProc) => {
                    let handled = seen[client].load(Ordering::SeqCst);
                    assert_ne!(handled, number, "no process, but handled: {present:?}");
                    tally.absent += 1;
                    dead = Some(present.life);
                }
                Err(CallErrorKind::Down(end)) => {
                    assert!(present.way.is_told_by(&end), "{end} of {present:?}");
                    tally.downs += 1;
                    dead = Some(present.life);
                }
                Err(error) => panic!("{error:?} of {present:?}"),
            }
            assert_eq!(other.call_with(move |_, _| reply((client, number))), Ok((client, number)));
        }
        unreachable!("there are fewer servers than numbers")
    }

    #[test]
    fn each_call_gets_its_reply_or_the_reason_and_the_next_its_own() {
        in_process(|| {
            let (stage, seen, other) = (Stage::default(), Seen::default(), scripted());
            let appear = |life: usize| {
                let way = WAYS[life % WAYS.len()];
                let (server, monitor) = Mortal::start_monitor((way, Arc::clone(&seen))).unwrap();
                *stage.lock() = Some(Present { life, way, server });
                (server, monitor)
            };
            let mut present = appear(0);
            let me = process::self_pid();
            for client in 0..CLIENTS {
                let (stage, seen, other) = (Arc::clone(&stage), Arc::clone(&seen), other);
                let body = move || process::send(me, call_all(client, &stage, &seen, &other));
                Builder::new().link().spawn(body).unwrap();
            }
            for life in 1..=rounds(5_000) {
                down_reason(present.1);
                present = appear(life);
            }
            *stage.lock() = None;
            let mut all = Tally::default();
            for _ in 0..CLIENTS {
                let tally = expect::<Tally>();
                all.replies += tally.replies;
                all.downs += tally.downs;
                all.absent += tally.absent;
            }
            // Not before: it ends in its own way while there are clients.
            process::exit(pid_of(&present.0), ExitReason::Kill);
            assert!(all.replies > 0 && all.downs > 0 && all.absent > 0, "{all:?}");
        });
    }
}

/// What can be done with the reference to a server, by pid or by name.
mod a_reference {
    use std::collections::HashSet;

    use procession::Destination;

    use super::*;

    #[test]
    fn sends_messages() {
        let name = "gen_server_call::a_reference::send";
        let options = StartOptions::new().name(name);
        let started = Scripted::start_with(observed_init(), options).unwrap();
        let by_pid = ServerRef::<Scripted, Destination>::from(started);
        let by_name = ServerRef::<Scripted, Destination>::from(ServerRef::named(name));
        for (server, text) in [(&by_pid, "by pid"), (&by_name, "by name")] {
            server.send(text);
            assert_eq!(expect::<InfoReceived>().0.downcast::<&str>().unwrap(), text);
        }
        assert_eq!(by_pid.stop(), Ok(()));
        by_pid.send("to nobody");
        by_name.send("to nobody");
    }

    #[test]
    fn sends_messages_in_order_with_casts_and_calls() {
        let server = scripted();
        for round in 0..3 {
            server.send(round);
            assert_eq!(server.call_with(|_, _| reply(())), Ok(()));
            assert_eq!(expect::<InfoReceived>().0.downcast::<i32>().unwrap(), round);
        }
    }

    #[test]
    fn is_a_key() {
        let (server, other) = (scripted(), scripted());
        let at = |destination: Destination| ServerRef::<Scripted>::at(destination);
        let named = |name: &str| at(name.into());
        let (server, other) = (at(server.into()), at(other.into()));
        let servers = HashSet::from([server.clone(), named("one"), server.clone(), named("one")]);
        assert_eq!(servers.len(), 2);
        assert!(servers.contains(&server) && servers.contains(&named("one")));
        assert!(!servers.contains(&other) && !servers.contains(&named("other")));
    }

    #[test]
    fn can_be_monitored() {
        let name = "gen_server_call::a_reference::monitored";
        let by_name = ServerRef::<Scripted>::named(name);
        let by_pid = Scripted::start_with(observed_init(), StartOptions::new().name(name)).unwrap();
        let pid = pid_of(&by_pid);
        let monitors = [process::monitor(by_pid), process::monitor(&by_name)];
        by_pid.cast_with(|_| stop(reason()));
        for (monitor, object) in
            monitors.into_iter().zip([Destination::from(pid), Destination::from(name)])
        {
            let down = receive! { down: Down if down.monitor == monitor => down };
            assert_eq!(down, Down { monitor, object, reason: reason() });
        }
        for server in [ServerRef::from(by_pid), ServerRef::<_, Destination>::from(by_name)] {
            assert_eq!(down_reason(process::monitor(&server)), ExitReason::NoProc);
        }
    }
}
