//! Calls, casts, messages and replies, as client and server see them.

#![allow(clippy::disallowed_methods, reason = "looks at threads of the program's own")]

use std::any::type_name;
use std::collections::HashMap;
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use procession::prelude::*;
use procession::process::Builder;
use procession::timer;

use crate::puppet::*;
use crate::staging::*;
use crate::support::*;

const SHORT: Duration = Duration::from_millis(5);

fn reason() -> ExitReason {
    ExitReason::new("gen_server_call::reason")
}

/// A server that does nothing.
#[derive(Debug)]
struct Other;

impl GenServer for Other {
    type Args = ();

    fn init((): ()) -> InitResult<Other> {
        ready(Other)
    }
}

impl HandleCall<&'static str> for Other {
    type Reply = &'static str;

    fn handle_call(&mut self, request: &'static str, _: &Caller<&'static str>) -> Echo {
        reply(request)
    }
}

impl HandleCast<&'static str> for Other {
    fn handle_cast(&mut self, _: &'static str) -> CastResult<Other> {
        noreply()
    }
}

type Echo = CallResult<Other, &'static str>;

/// A pid whose process has ended.
#[track_caller]
fn dead() -> Pid {
    let pid = process::spawn(|| {}).unwrap();
    wait_for_exit(pid);
    pid
}

mod call {
    use super::*;

    #[test]
    fn returns_the_reply_and_leaves_nothing_in_the_mailbox() {
        // OTP: gen_server_SUITE:start
        in_process(|| {
            let server = puppet();
            assert_eq!(server.call(ask(|_, _| reply("a reply"))), Ok("a reply"));
            assert_no_message();
            let me = process::info(process::self_pid()).unwrap();
            assert!(me.monitors.is_empty(), "{me:?}");
        });
    }

    #[test]
    fn can_return_what_cannot_be_printed() {
        struct Unprintable(u8);

        let reply = puppet().ask(|_, _| reply(Unprintable(7)));
        assert_eq!(reply.ok().unwrap().0, 7);
    }

    #[test]
    fn knows_its_caller() {
        let caller = puppet().ask(|_, caller| reply(caller.pid()));
        assert_eq!(caller, Ok(process::self_pid()));
    }

    // OTP: gen_server_SUITE:call
    #[test]
    fn times_out_while_the_server_goes_on_and_its_late_reply_is_lost() {
        in_process(|| {
            let server = puppet();
            let (let_go, held) = mpsc::channel::<()>();
            let late = ask(move |it, _| {
                _ = held.recv();
                it.note("the late one");
                reply("late")
            });
            let since = Instant::now();
            assert_eq!(server.call_timeout(late, SHORT), Err(CallError::Timeout));
            assert!(since.elapsed() >= SHORT);
            drop(let_go);

            assert_eq!(server.ask(|_, _| reply("own")), Ok("own"));
            assert_eq!(server.notes(), ["the late one"]);
            assert_no_message();
        });
    }

    #[test]
    fn with_no_time_at_all_times_out_and_is_handled() {
        in_process(|| {
            let server = puppet();
            for _ in 0..rounds(1_000) {
                let outcome = server.call_timeout(
                    ask(|it, _| {
                        it.note("handled");
                        reply("late")
                    }),
                    Duration::ZERO,
                );
                assert!(matches!(outcome, Err(CallError::Timeout) | Ok("late")), "{outcome:?}");
                assert_eq!(server.ask(|_, _| reply("own")), Ok("own"));
            }
            assert_eq!(server.notes().len(), rounds(1_000));
            assert_no_message();
        });
    }

    // OTP: gen_server_SUITE:call_remote1, call_remote_n1
    #[test]
    fn of_nobody_fails_at_once() {
        let nobody = "gen_server_call::call::nobody";
        for server in [ServerRef::<Puppet>::from_pid(dead()), ServerRef::named(nobody)] {
            let outcome = server.call_timeout(ask(|_, _| reply(())), FOREVER);
            assert_eq!(outcome, Err(CallError::NoProc));
        }
    }

    #[test]
    fn by_name_finds_who_has_it_at_the_time() {
        let name = "gen_server_call::call::by_name";
        let server = ServerRef::<Puppet>::named(name);
        for _ in 0..2 {
            let options = StartOptions::new().name(name);
            let pid = pid_of(&Puppet::start_with(plain(), options).unwrap());
            assert_eq!(server.ask(|_, _| reply(process::self_pid())), Ok(pid));
            assert_eq!(server.stop(), Ok(()));
            assert_eq!(server.ask(|_, _| reply(())), Err(CallError::NoProc));
        }
    }

    type End = fn() -> CallResult<Puppet, ()>;

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
                let server = puppet();
                assert_eq!(server.ask(move |_, _| end()), Err(CallError::Down(expected)));
                let only_its_end = process::receive_timeout(Duration::ZERO);
                assert!(only_its_end.is_none_or(|message| message.is::<Terminated>()));
                assert_no_message();
            }
        });
    }

    // OTP: gen_server_SUITE:call
    #[test]
    fn fails_with_the_panic_of_the_server() {
        let error = puppet().ask::<()>(|_, _| panic!("in a call")).unwrap_err();
        let CallError::Down(reason) = error else { panic!("{error}") };
        assert_eq!(reason.as_panic().unwrap().message, "in a call");
    }

    #[test]
    fn fails_when_the_server_ends_while_the_reply_is_deferred() {
        for (end, expected) in ends() {
            let server = puppet();
            client::<()>(&server, |_, caller| {
                _ = caller.defer();
                noreply()
            });
            wait_until(|| {
                process::info(pid_of(&server)).is_some_and(|it| it.messages_received > 0)
            });
            server.tell(move |_| end().and(noreply()));
            assert_eq!(expect::<Outcome<()>>(), Outcome(Err(CallError::Down(expected))));
        }
    }

    // OTP: gen_server_SUITE:call
    #[test]
    fn waiting_behind_one_that_crashes_the_server_fails_with_the_same_reason() {
        let server = puppet();
        let let_go = server.hold(|_| stop(reason()));
        for _ in 0..3 {
            client::<()>(&server, |_, _| unreachable!("the server has ended"));
        }
        wait_until(|| process::info(pid_of(&server)).unwrap().message_queue_len == 3);
        drop(let_go);
        for _ in 0..3 {
            assert_eq!(expect::<Outcome<()>>(), Outcome(Err(CallError::Down(reason()))));
        }
    }

    #[test]
    fn that_is_neither_answered_nor_deferred_fails_at_once() {
        let server = puppet();
        let outcome = server.call_timeout(ask::<()>(|_, _| noreply()), FOREVER);
        assert_eq!(outcome, Err(CallError::NoReply));
        server.answers();
    }

    #[test]
    fn of_a_server_of_another_type_is_refused() {
        let other = Other::start(()).unwrap();
        let wrong = ServerRef::<Puppet>::from_pid(pid_of(&other));
        let refusal = wrong.ask::<()>(|_, _| unreachable!("it is for another server"));
        let (expected, found) = (type_name::<Puppet>(), type_name::<Other>());
        assert_eq!(refusal, Err(CallError::WrongServer { expected, found }));
        assert_eq!(other.call("still there"), Ok("still there"));
    }

    #[test]
    fn of_a_process_that_is_no_server_times_out() {
        let server = ServerRef::<Puppet>::from_pid(idle());
        let outcome = server.call_timeout(ask(|_, _| reply(())), SHORT);
        assert_eq!(outcome, Err(CallError::Timeout));
    }

    #[test]
    fn can_be_made_by_a_thread_of_the_programs_own() {
        let server = puppet();
        thread::scope(|scope| {
            let caller = scope.spawn(|| server.ask(|_, caller| reply(caller.pid())));
            assert_ne!(caller.join().unwrap(), Ok(process::self_pid()));
        });
    }

    #[test]
    fn fails_in_a_thread_of_the_programs_own_that_is_killed_meanwhile() {
        let (server, me) = (puppet(), process::self_pid());
        thread::scope(|scope| {
            let caller = scope.spawn(|| {
                server.ask::<()>(move |_, caller| {
                    process::send(me, caller.pid());
                    _ = caller.defer();
                    noreply()
                })
            });
            process::exit(expect::<Pid>(), ExitReason::Kill);
            assert_eq!(caller.join().unwrap(), Err(CallError::CallerEnded));
        });
    }

    #[test]
    fn fails_in_a_thread_of_the_programs_own_that_is_killed_at_any_moment() {
        let server = puppet();
        for round in 0..rounds(2_000) {
            let timeout = if round % 2 == 0 { patience() } else { Duration::ZERO };
            let error = killed_meanwhile(round, || {
                loop {
                    match server.call_timeout(ask(move |_, _| reply(round)), timeout) {
                        Ok(reply) => assert_eq!(reply, round),
                        Err(CallError::Timeout) if timeout.is_zero() => {}
                        Err(error) => return error,
                    }
                }
            });
            assert_eq!(error, CallError::CallerEnded, "round {round}");
        }
        server.answers();
    }

    #[test]
    fn is_a_receive_point_for_the_caller() {
        let server = puppet();
        let me = process::self_pid();
        for sent in [ExitReason::Kill, reason()] {
            let caller = client::<()>(&server, move |_, caller| {
                process::send(me, Begun);
                _ = caller.defer();
                noreply()
            });
            expect::<Begun>();
            let killed = sent == ExitReason::Kill;
            let expected = if killed { ExitReason::Killed } else { sent.clone() };
            assert_eq!(exit_and_wait(caller, sent), expected);
        }
        server.answers();
    }

    #[test]
    fn fails_in_a_process_that_is_being_ended() {
        let (outcomes, seen) = mpsc::channel();
        let server = puppet();
        let (pid, monitor) = begun(Builder::new(), move || {
            let _guard = OnDrop(move || {
                let outcome = server.ask(|_, _| reply(()));
                outcomes.send(outcome).unwrap();
            });
            idle_body();
        });
        process::exit(pid, reason());
        assert_eq!(down_reason(monitor), reason());
        assert_eq!(seen.recv().unwrap(), Err(CallError::CallerEnded));
    }

    #[test]
    fn works_in_a_process_that_unwinds_by_its_own_panic() {
        let (outcomes, seen) = mpsc::channel();
        let server = puppet();
        process::spawn(move || {
            let _guard = OnDrop(move || outcomes.send(server.ask(|_, _| reply(7))).unwrap());
            panic!("its own panic");
        })
        .unwrap();
        assert_eq!(seen.recv().unwrap(), Ok(7));
    }

    /// What twenty calls cost at least, of many times.
    /// The least time that 20 of them took.
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
            let (me, server) = (process::self_pid(), puppet());
            for number in 0..20_000_u32 {
                process::send(me, number);
            }
            // A call that looked at each of them could not be faster than a receive that does. What
            // a call costs besides differs by factors with the way in which its two threads wait.
            let look =
                || assert!(process::receive_match_timeout(Duration::ZERO, |_| false).is_none());
            let (call, look) = (cost(|| server.answers()), cost(look));
            assert!(call < look / 2, "{call:?} for calls, {look:?} to look at every message");
            for number in 0..20_000 {
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
            let init = script(|| {
                expect_in(FOREVER);
                ready(Puppet::default())
            });
            let options = StartOptions::new().name(name);
            let slow = Puppet::start_with(init, options).map(|server| pid_of(&server));
            process::send(me, Opaque::new(slow));
        })
        .unwrap();
        // ...nor has a call that is given none...
        let server = puppet();
        let deferred = ask(|it: &mut Puppet, caller: &Caller<()>| {
            it.on_terminate = None;
            process::send(it.witness.unwrap(), Opaque::new(caller.defer()));
            noreply()
        });
        let patient = process::spawn({
            let server = server.clone();
            move || {
                let outcome = Outcome(server.call_timeout(deferred, Duration::MAX));
                process::send(me, outcome);
            }
        })
        .unwrap();
        // ...while the owner of a stuck server waits for it as long as a call does.
        let stuck = Puppet::start(script(|| ready(Puppet::default()))).unwrap();
        stuck.tell(|_| {
            process::receive_match(|_| false);
            unreachable!("it receives nothing")
        });
        let stuck_end = process::monitor(pid_of(&stuck));
        let (_, owner_end) = process::spawn_monitor(move || drop(stuck.owned())).unwrap();

        let since = Instant::now();
        let silent = ServerRef::<Puppet>::from_pid(idle());
        assert_eq!(silent.call(ask(|_, _| reply(()))), Err(CallError::Timeout));
        assert!(since.elapsed() >= Duration::from_secs(5));

        assert_eq!(down_reason(stuck_end), ExitReason::Killed);
        assert_eq!(down_reason(owner_end), ExitReason::Normal);
        assert!(process::is_alive(starter) && process::is_alive(patient));
        process::send(name, "let go").unwrap();
        expect::<Opaque<Result<Pid, StartError>>>().into_inner().unwrap();
        expect::<Opaque<ReplyTo<()>>>().into_inner().reply(());
        assert_eq!(expect::<Outcome<()>>(), Outcome(Ok(())));
    }

    fn expect_in(limit: Duration) {
        process::receive_match_timeout(limit, |message| message.is::<&str>()).unwrap();
    }
}

mod a_reply {
    use super::*;

    // OTP: gen_server_SUITE:call
    #[test]
    fn can_be_given_later_by_the_server() {
        #[derive(Debug, Default)]
        struct Waiting(HashMap<u8, ReplyTo<&'static str>>);

        #[derive(Debug)]
        struct Wait(u8);
        #[derive(Debug)]
        struct Release(u8, &'static str);

        impl GenServer for Waiting {
            type Args = ();

            fn init((): ()) -> InitResult<Waiting> {
                ready(Waiting::default())
            }
        }

        impl HandleCall<Wait> for Waiting {
            type Reply = &'static str;

            fn handle_call(
                &mut self,
                Wait(key): Wait,
                caller: &Caller<&'static str>,
            ) -> CallResult<Self, &'static str> {
                self.0.insert(key, caller.defer());
                noreply()
            }
        }

        impl HandleCall<Release> for Waiting {
            type Reply = bool;

            fn handle_call(
                &mut self,
                Release(key, text): Release,
                _: &Caller<bool>,
            ) -> CallResult<Self, bool> {
                let waiting = self.0.remove(&key);
                if let Some(waiting) = waiting {
                    waiting.reply(text);
                }
                reply(waiting.is_some())
            }
        }

        let (server, me) = (Waiting::start(()).unwrap(), process::self_pid());
        for key in [1, 2] {
            let server = server.clone();
            let wait = move || process::send(me, (key, server.call_timeout(Wait(key), patience())));
            process::spawn(wait).unwrap();
        }
        for (key, text) in [(2, "the second"), (1, "the first")] {
            wait_until(|| server.call_timeout(Release(key, text), patience()) == Ok(true));
            assert_eq!(expect::<(u8, Result<&str, CallError>)>(), (key, Ok(text)));
        }
    }

    // OTP: gen_server_SUITE:call
    #[test]
    fn can_be_given_by_another_process() {
        in_process(|| {
            let reply = puppet().ask(|_, caller| {
                let reply_to = caller.defer();
                process::spawn(move || reply_to.reply("from elsewhere")).unwrap();
                noreply()
            });
            assert_eq!(reply, Ok("from elsewhere"));
            assert_no_message();
        });
    }

    // OTP: gen_server_SUITE:reply_by_alias_with_payload
    #[test]
    fn can_be_given_by_a_copy_that_came_as_a_message() {
        let replier = process::spawn(|| expect::<ReplyTo<u8>>().reply(7)).unwrap();
        let reply = puppet().ask::<u8>(move |_, caller| {
            process::send(replier, caller.defer());
            noreply()
        });
        assert_eq!(reply, Ok(7));
    }

    // OTP: gen_server_SUITE:call
    #[test]
    fn can_be_given_when_a_timeout_is_over() {
        let reply = puppet().ask(|it, caller| {
            let reply_to = caller.defer();
            it.on_timeout = Some(Box::new(move |_| {
                reply_to.reply("when the time was over");
                noreply()
            }));
            noreply().timeout(SHORT)
        });
        assert_eq!(reply, Ok("when the time was over"));
    }

    #[test]
    fn can_be_given_before_the_callback_returns() {
        let server = puppet();
        let (let_go, held) = mpsc::channel::<()>();
        let reply = server.ask(move |it, caller| {
            caller.defer().reply("early");
            _ = held.recv();
            it.note("returned");
            noreply()
        });
        assert_eq!(reply, Ok("early"));
        drop(let_go);
        assert_eq!(server.notes(), ["returned"]);
    }

    #[test]
    fn counts_once() {
        in_process(|| {
            let server = puppet();
            // Both have arrived before the client looks at either.
            let first = server.ask(|_, caller| {
                let reply_to = caller.defer();
                reply_to.reply("the first");
                reply_to.reply("the second");
                reply("the third")
            });
            assert_eq!(first, Ok("the first"));
            assert_eq!(server.ask(|_, _| reply("another")), Ok("another"));
            assert_no_message();
        });
    }

    #[test]
    fn to_a_client_that_has_ended_goes_nowhere() {
        let (server, me) = (puppet(), process::self_pid());
        let ended = client::<u8>(&server, move |_, caller| {
            process::send(me, caller.defer());
            noreply()
        });
        let reply_to = expect::<ReplyTo<u8>>();
        assert_eq!(reply_to.pid(), ended);
        assert_eq!(exit_and_wait(ended, reason()), reason());
        reply_to.reply(7);
        server.answers();
    }

    #[test]
    fn to_a_call_that_has_timed_out_goes_nowhere() {
        in_process(|| {
            let (server, me) = (puppet(), process::self_pid());
            let silent = ask::<u8>(move |_, caller| {
                process::send(me, caller.defer());
                noreply()
            });
            let outcome = server.call_timeout(silent, SHORT);
            assert_eq!(outcome, Err(CallError::Timeout));
            expect::<ReplyTo<u8>>().reply(7);
            server.answers();
            assert_no_message();
        });
    }

    #[test]
    fn whose_destructor_panics_disturbs_nobody_when_it_is_lost() {
        struct Grenade(mpsc::Sender<()>);

        impl Drop for Grenade {
            fn drop(&mut self) {
                self.0.send(()).unwrap();
                panic!("in the destructor of a reply");
            }
        }

        in_process(|| {
            let (server, me) = (puppet(), process::self_pid());
            let (dropped, drops) = mpsc::channel();
            let silent = ask::<Grenade>(move |_, caller| {
                process::send(me, caller.defer());
                noreply()
            });
            let outcome = server.call_timeout(silent, SHORT);
            assert!(matches!(outcome, Err(CallError::Timeout)));
            let late = expect::<ReplyTo<Grenade>>();

            // Lost by the server, and by somebody else.
            let grenade = Grenade(dropped.clone());
            server.tell(move |_| {
                late.reply(grenade);
                noreply()
            });
            server.answers();
            late.reply(Grenade(dropped));
            server.answers();
            assert_no_message();
            assert_eq!(drops.try_iter().count(), 2);
        });
    }
}

/// Replies that come just when their client does not wait for them any more.
mod a_late_reply {
    use std::sync::Arc;

    use super::*;

    // OTP: gen_server_SUITE:call
    #[test]
    fn that_comes_as_the_time_is_over_is_not_taken_for_the_next() {
        in_process(|| {
            let pair = [puppet(), puppet()];
            let token = Arc::new(());
            for round in 0..rounds(10_000) {
                let (late, own) = (&pair[round % 2], &pair[1 - round % 2]);
                let (timeout, kept) = (round as u64 % 32 * 500, Arc::clone(&token));
                let late = late.call_timeout(
                    ask(move |_, _| reply(("late", round, kept))),
                    Duration::from_nanos(timeout),
                );
                match late {
                    Ok((text, number, _)) => assert_eq!((text, number), ("late", round)),
                    Err(error) => assert_eq!(error, CallError::Timeout),
                }
                let kept = Arc::clone(&token);
                let own = own.ask(move |_, _| reply(("own", round, kept)));
                let (text, number, _) = own.unwrap();
                assert_eq!((text, number), ("own", round));
            }
            pair.iter().for_each(Strings::answers);
            assert_eq!(Arc::strong_count(&token), 1);
            assert_no_message();
        });
    }

    #[test]
    fn that_comes_as_its_client_is_killed_is_not_taken_by_the_next_process() {
        in_process(|| {
            let (server, me) = (puppet(), process::self_pid());
            let client = |number: usize| {
                let server = server.clone();
                let (pid, monitor) = process::spawn_monitor(move || {
                    loop {
                        let own = server.ask(move |_, _| reply(number));
                        assert_eq!(own, Ok(number));
                        process::send(me, number);
                    }
                })
                .unwrap();
                (pid, monitor)
            };
            for round in 0..rounds(1_000) {
                let clients = [0, 1, 2, 3].map(|index| client(4 * round + index));
                expect::<usize>();
                for (pid, _) in clients {
                    dither(round);
                    process::exit(pid, ExitReason::Kill);
                }
                for (_, monitor) in clients {
                    assert_eq!(down_reason(monitor), ExitReason::Killed, "round {round}");
                }
                while process::receive_timeout(Duration::ZERO).is_some() {}
            }
            server.answers();
        });
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
    struct Ask {
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

    impl HandleCall<Ask> for Mortal {
        type Reply = Answer;

        fn handle_call(
            &mut self,
            Ask { client, number }: Ask,
            _: &Caller<Answer>,
        ) -> CallResult<Self, Answer> {
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
    fn call_all(client: usize, stage: &Stage, seen: &Seen, other: &ServerRef<Puppet>) -> Tally {
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
            match present.server.call_timeout(Ask { client, number }, patience()) {
                Ok(answer) => {
                    assert_eq!(answer.number, number);
                    tally.replies += 1;
                    if answer.end {
                        let killed = matches!(present.way, Way::Killed);
                        let end = if killed { ExitReason::Kill } else { reason() };
                        process::exit(pid_of(&present.server), end);
                    }
                }
                Err(CallError::NoProc) => {
                    let handled = seen[client].load(Ordering::SeqCst);
                    assert_ne!(handled, number, "no process, but handled: {present:?}");
                    tally.absent += 1;
                    dead = Some(present.life);
                }
                Err(CallError::Down(end)) => {
                    assert!(present.way.is_told_by(&end), "{end} of {present:?}");
                    tally.downs += 1;
                    dead = Some(present.life);
                }
                Err(error) => panic!("{error} of {present:?}"),
            }
            assert_eq!(other.ask(move |_, _| reply((client, number))), Ok((client, number)));
        }
        unreachable!("there are fewer servers than numbers")
    }

    #[test]
    fn each_call_gets_its_reply_or_the_reason_and_the_next_its_own() {
        in_process(|| {
            let (stage, seen, other) = (Stage::default(), Seen::default(), puppet());
            let appear = |life: usize| {
                let way = WAYS[life % WAYS.len()];
                let (server, monitor) = Mortal::start_monitor((way, Arc::clone(&seen))).unwrap();
                *stage.lock() = Some(Present { life, way, server: server.clone() });
                (server, monitor)
            };
            let mut present = appear(0);
            let me = process::self_pid();
            for client in 0..CLIENTS {
                let (stage, seen, other) = (Arc::clone(&stage), Arc::clone(&seen), other.clone());
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

    use procession::Object;

    use super::*;

    #[test]
    fn sends_messages() {
        let name = "gen_server_call::a_reference::send";
        let options = StartOptions::new().name(name);
        let by_pid = Puppet::start_with(plain(), options).unwrap();
        let by_name = ServerRef::<Puppet>::named(name);
        for (server, text) in [(&by_pid, "by pid"), (&by_name, "by name")] {
            server.send(text);
            assert_eq!(expect::<Heard>().0.downcast::<&str>().unwrap(), text);
        }
        assert_eq!(by_pid.stop(), Ok(()));
        by_pid.send("to nobody");
        by_name.send("to nobody");
    }

    #[test]
    fn sends_messages_in_order_with_casts_and_calls() {
        let server = puppet();
        for round in 0..3 {
            server.send(round);
            assert_eq!(server.ask(|_, _| reply(())), Ok(()));
            assert_eq!(expect::<Heard>().0.downcast::<i32>().unwrap(), round);
        }
    }

    #[test]
    fn is_a_key() {
        let (server, other) = (puppet(), puppet());
        let named = |name: &str| ServerRef::<Puppet>::named(name);
        let servers = HashSet::from([server.clone(), named("one"), server.clone(), named("one")]);
        assert_eq!(servers.len(), 2);
        assert!(servers.contains(&ServerRef::from_pid(pid_of(&server))));
        assert!(servers.contains(&named("one")));
        assert!(!servers.contains(&other) && !servers.contains(&named("other")));
    }

    #[test]
    fn can_be_monitored() {
        let name = "gen_server_call::a_reference::monitored";
        let by_name = ServerRef::<Puppet>::named(name);
        let by_pid = Puppet::start_with(plain(), StartOptions::new().name(name)).unwrap();
        let pid = pid_of(&by_pid);
        let monitors = [process::monitor(&by_pid), process::monitor(&by_name)];
        by_pid.tell(|_| stop(reason()));
        for (monitor, object) in monitors.into_iter().zip([Object::from(pid), Object::from(name)]) {
            let down = receive! { down: Down if down.monitor == monitor => down };
            assert_eq!(down, Down { monitor, object, reason: reason() });
        }
        for server in [by_pid, by_name] {
            assert_eq!(down_reason(process::monitor(&server)), ExitReason::NoProc);
        }
    }
}

mod cast {
    use super::*;

    // OTP: gen_server_SUITE:cast, cast_fast
    #[test]
    fn to_nobody_is_nothing() {
        for server in [
            ServerRef::<Puppet>::from_pid(dead()),
            ServerRef::named("gen_server_call::cast::nobody"),
        ] {
            server.tell(|_| unreachable!("nobody is there"));
        }
    }

    #[test]
    fn by_name_reaches_who_has_it() {
        let name = "gen_server_call::cast::by_name";
        Puppet::start_with(plain(), StartOptions::new().name(name)).unwrap();
        let server = ServerRef::<Puppet>::named(name);
        server.tell(|it| {
            it.note("a cast");
            noreply()
        });
        assert_eq!(server.notes(), ["a cast"]);
    }

    #[test]
    fn does_not_wait_for_the_server() {
        let server = puppet();
        let (let_go, held) = mpsc::channel::<()>();
        server.tell(move |it| {
            _ = held.recv();
            it.note("let go");
            noreply()
        });
        drop(let_go);
        assert_eq!(server.notes(), ["let go"]);
    }

    #[test]
    fn to_a_server_of_another_type_is_dropped() {
        let other = Other::start(()).unwrap();
        let wrong = ServerRef::<Puppet>::from_pid(pid_of(&other));
        wrong.tell(|_| unreachable!("it is for another server"));
        assert_eq!(other.call("still there"), Ok("still there"));
    }
}

// OTP: gen_server_SUITE:cast
#[test]
fn what_one_client_sends_is_handled_in_the_order_sent() {
    in_process(|| {
        let server = puppet();
        for _ in 0..rounds(200) {
            server.tell(|it| {
                it.note("a cast");
                noreply()
            });
            let call = server.ask(|it, _| {
                it.note("a call");
                reply(())
            });
            assert_eq!(call, Ok(()));
            server.poke(|it| {
                it.note("a message");
                noreply()
            });
            server.tell(|it| {
                it.note("another cast");
                noreply()
            });
        }
        let expected = ["a cast", "a call", "a message", "another cast"];
        assert_eq!(server.notes(), expected.repeat(rounds(200)));
    });
}

/// What a callback that is no call can return: for a cast, a message and a continuation.
mod a_callback {
    use super::*;

    type Body = fn(&mut Puppet) -> CastResult<Puppet>;

    /// Lets a new puppet handle `body` in each kind of callback in turn.
    #[track_caller]
    fn each(body: Body, check: impl Fn(&ServerRef<Puppet>, MonitorRef)) {
        let ways: [fn(&ServerRef<Puppet>, Body); 4] = [
            |server, body| server.tell(body),
            |server, body| server.poke(body),
            |server, body| server.tell(move |_| noreply().then(go_on(body))),
            |server, body| server.ask(move |_, _| reply(()).then(go_on(body))).unwrap(),
        ];
        for send in ways {
            let server = puppet();
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
                assert!(expect::<Heard>().0.is::<TimedOut>());
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
                noreply().then(go_on(|it| {
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
    fn adds_nothing_to_an_end() {
        each(
            |_| stop(reason()).timeout(Duration::ZERO).then(go_on(|_| unreachable!())),
            |_, monitor| assert_eq!(down_reason(monitor), reason()),
        );
    }

    #[test]
    fn returns_what_was_added_last() {
        each(
            |_| {
                noreply().timeout(Duration::ZERO).then(go_on(|it| {
                    it.note("gone on");
                    noreply()
                }))
            },
            |server, _| assert_eq!(server.notes(), ["gone on"]),
        );
    }
}

mod info {
    use super::*;

    // OTP: gen_server_SUITE:info
    #[test]
    fn is_every_message_that_is_neither_call_nor_cast() {
        let server = puppet();
        let pid = pid_of(&server);
        process::send(pid, "a text");
        assert_eq!(expect::<Heard>().0.downcast::<&str>().unwrap(), "a text");

        timer::send_after(Duration::ZERO, pid, 7_u8);
        assert_eq!(expect::<Heard>().0.downcast::<u8>().unwrap(), 7);

        let gone = dead();
        let monitor = server.ask(move |_, _| reply(process::monitor(gone))).unwrap();
        let down = expect::<Heard>().0.downcast::<Down>().unwrap();
        assert_eq!((down.monitor, down.reason), (monitor, ExitReason::NoProc));

        let linked = idle();
        server
            .ask(move |_, _| {
                process::set_trap_exit(true);
                process::link(linked);
                reply(())
            })
            .unwrap();
        process::exit(linked, reason());
        let exit = expect::<Heard>().0.downcast::<Exit>().unwrap();
        assert_eq!(exit, Exit { from: linked, reason: reason() });
        server.answers();
    }

    // OTP: gen_server_SUITE:undef_handle_info
    #[test]
    fn is_dropped_by_a_server_that_does_not_handle_it() {
        let other = Other::start(()).unwrap();
        let (sent, drops) = mpsc::channel();
        process::send(pid_of(&other), guard(move || sent.send("dropped").unwrap()));
        assert_eq!(other.call("still there"), Ok("still there"));
        assert_eq!(drops.try_recv(), Ok("dropped"));
    }
}

mod a_timeout {
    use super::*;

    // OTP: gen_server_SUITE:call, info
    #[test]
    fn is_over_once_and_not_early() {
        in_process(|| {
            let server = puppet();
            let since = Instant::now();
            server.tell(|_| noreply().timeout(SHORT));
            assert!(expect::<Heard>().0.is::<TimedOut>());
            assert!(since.elapsed() >= SHORT);

            // One that is over at once would have come again before any of these is answered.
            server.tell(|_| noreply().timeout(Duration::ZERO));
            assert!(expect::<Heard>().0.is::<TimedOut>());
            for _ in 0..10 {
                server.answers();
            }
            assert_no_message();
        });
    }

    #[test]
    fn can_be_set_again_when_it_is_over() {
        in_process(|| {
            let server = puppet();
            let (me, since) = (process::self_pid(), Instant::now());
            server.tell(move |it| {
                it.on_timeout = Some(Box::new(move |_| {
                    process::send(me, "once");
                    noreply().timeout(SHORT)
                }));
                noreply().timeout(SHORT)
            });
            assert_eq!(expect::<&str>(), "once");
            assert!(expect::<Heard>().0.is::<TimedOut>());
            assert!(since.elapsed() >= 2 * SHORT);
        });
    }

    #[test]
    fn of_zero_comes_after_what_is_queued_and_then_not_at_all() {
        let later: [fn(Pid); 3] = [
            |server| process::send(server, "a message"),
            |server| {
                ServerRef::<Puppet>::from_pid(server).tell(|it| {
                    process::send(it.witness.unwrap(), Heard(Message::new("a cast")));
                    noreply()
                });
            },
            |_| _ = process::monitor(dead()),
        ];
        in_process(move || {
            for send in later {
                let server = puppet();
                server.tell(move |_| {
                    send(process::self_pid());
                    noreply().timeout(Duration::ZERO)
                });
                assert!(!expect::<Heard>().0.is::<TimedOut>());
                for _ in 0..10 {
                    server.answers();
                }
                assert_no_message();
            }
        });
    }

    #[test]
    fn that_is_over_when_nothing_has_come_is_one() {
        let server = puppet();
        server.tell(|_| noreply().timeout(Duration::ZERO));
        assert!(expect::<Heard>().0.is::<TimedOut>());
        assert_eq!(server.ask(|_, _| reply(1).timeout(Duration::ZERO)), Ok(1));
        assert!(expect::<Heard>().0.is::<TimedOut>());
    }

    #[test]
    fn ends_with_any_message() {
        in_process(|| {
            let server = puppet();
            server.tell(|_| noreply().timeout(FOREVER));
            server.answers();
            // What is set now is not shortened by what was set before.
            server.tell(|_| noreply().timeout(Duration::MAX));
            server.answers();
            assert_no_message();
        });
    }
}

mod a_continuation {
    use super::*;

    // OTP: gen_server_SUITE:continue
    #[test]
    fn does_not_keep_the_client_waiting() {
        let server = puppet();
        let (let_go, held) = mpsc::channel::<()>();
        let reply = server.ask(move |it, _| {
            it.note("the call");
            reply("at once").then(go_on(move |it| {
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
                poke(|it| {
                    it.note("a message");
                    noreply()
                }),
            );
        }

        let server = puppet();
        server.tell(|_| {
            note_message();
            noreply().then(go_on(|it| {
                it.note("the first");
                note_message();
                noreply().then(go_on(|it| {
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
        let server = puppet();
        let monitor = process::monitor(pid_of(&server));
        server.tell(|_| {
            process::send(process::self_pid(), poke(|_| unreachable!("the server has ended")));
            noreply().then(go_on(|_| stop(ExitReason::Normal)))
        });
        assert_eq!(down_reason(monitor), ExitReason::Normal);
    }

    #[test]
    fn can_give_the_reply() {
        let reply = puppet().ask(|_, caller| {
            let reply_to = caller.defer();
            noreply().then(go_on(move |_| {
                reply_to.reply("in the end");
                noreply()
            }))
        });
        assert_eq!(reply, Ok("in the end"));
    }
}

/// Many clients call a server that is ended again and again, and started anew.
mod under_fire {
    use super::*;

    const NAME: &str = "gen_server_call::under_fire";
    const CLIENTS: usize = 8;
    /// How many requests a server handles before it is ended.
    const LIFE: u64 = 3_000;
    const POISON: &str = "gen_server_call::under_fire::poison";

    /// A server that sends back what it gets.
    #[derive(Debug)]
    struct Mirror {
        keeper: Pid,
        /// Replies for it.
        helper: Pid,
        handled: u64,
        /// The last request of each client.
        last: [u64; CLIENTS],
    }

    /// A request, and its reply.
    #[derive(Clone, Copy, Debug, PartialEq)]
    struct Ray {
        client: usize,
        number: u64,
    }

    #[derive(Debug)]
    struct Poison;

    /// To the keeper: this server has handled enough.
    #[derive(Debug)]
    struct UsedUp;

    /// To the keeper: what a client has got.
    #[derive(Debug)]
    struct Tally {
        replies: u64,
        errors: u64,
    }

    impl GenServer for Mirror {
        type Args = (Pid, Pid);

        fn init((keeper, helper): (Pid, Pid)) -> InitResult<Mirror> {
            ready(Mirror { keeper, helper, handled: 0, last: [0; CLIENTS] })
        }
    }

    impl HandleCall<Ray> for Mirror {
        type Reply = Ray;

        fn handle_call(&mut self, ray: Ray, caller: &Caller<Ray>) -> CallResult<Self, Ray> {
            let last = &mut self.last[ray.client];
            assert!(ray.number > *last, "{ray:?} after {last}");
            *last = ray.number;
            self.handled += 1;
            if self.handled == LIFE {
                process::send(self.keeper, UsedUp);
            }
            match ray.number % 50 {
                0 => {
                    process::send(self.helper, (ray, caller.defer()));
                    noreply()
                }
                1 => {
                    caller.defer().reply(ray);
                    reply(Ray { number: 0, ..ray }) // One too many.
                }
                _ => reply(ray),
            }
        }
    }

    impl HandleCast<Poison> for Mirror {
        fn handle_cast(&mut self, _: Poison) -> CastResult<Self> {
            panic!("{POISON}")
        }
    }

    fn help() {
        loop {
            let (ray, reply_to) = receive! { help: (Ray, ReplyTo<Ray>) => help };
            reply_to.reply(ray);
        }
    }

    /// Ends a server, in one of five ways.
    fn end(server: &ServerRef<Mirror>, way: usize) {
        let pid = pid_of(server);
        match way % 5 {
            0 => process::exit(pid, ExitReason::Kill),
            1 => process::exit(pid, reason()),
            2 => server.cast(Poison),
            3 => server.stop().unwrap(),
            _ => server.stop_with(ExitReason::Shutdown, patience()).unwrap(),
        }
    }

    /// Whether the error of a call can be true here.
    fn can_be(error: &CallError, timeout: Duration) -> bool {
        if let CallError::Down(end) = error {
            let ends = [ExitReason::Killed, ExitReason::Normal, ExitReason::Shutdown, reason()];
            return ends.contains(end) || end.as_panic().is_some_and(|it| it.message == POISON);
        }
        let in_no_time = *error == CallError::Timeout && timeout.is_zero();
        *error == CallError::NoProc || in_no_time
    }

    /// Makes `calls` calls, and sees that each gets what it may.
    fn shine(client: usize, calls: u64) -> Tally {
        let server = ServerRef::<Mirror>::named(NAME);
        let mut tally = Tally { replies: 0, errors: 0 };
        for number in 1..=calls {
            let ray = Ray { client, number };
            let timeout = if number % 16 == 0 { Duration::ZERO } else { patience() };
            match server.call_timeout(ray, timeout) {
                Ok(reply) => {
                    assert_eq!(reply, ray);
                    tally.replies += 1;
                }
                Err(error) => {
                    assert!(can_be(&error, timeout), "{error}");
                    tally.errors += 1;
                    // Until there is a server again, calls fail faster than it can start.
                    wait_until(|| server.pid().is_some());
                }
            }
        }
        assert_no_message();
        tally
    }

    #[test]
    fn every_call_gets_its_own_reply_or_an_error_that_is_true() {
        in_process(|| {
            let calls = if rounds(1) == 1 { 25_000 } else { 125_000 };
            let (me, helper) = (process::self_pid(), process::spawn(help).unwrap());
            let start = || {
                let options = StartOptions::new().name(NAME);
                Mirror::start_monitor_with((me, helper), options).unwrap()
            };
            let (mut server, mut monitor) = start();
            for client in 0..CLIENTS {
                let body = move || process::send(me, shine(client, calls));
                Builder::new().link().spawn(body).unwrap();
            }
            let (mut left, mut replies, mut errors, mut ends) = (CLIENTS, 0, 0, 0);
            while left > 0 {
                receive! {
                    UsedUp => {
                        end(&server, ends);
                        // The name of one that was killed is free at once.
                        if ends % 5 != 0 {
                            down_reason(monitor);
                        }
                        (server, monitor) = start();
                        ends += 1;
                    }
                    tally: Tally => {
                        left -= 1;
                        replies += tally.replies;
                        errors += tally.errors;
                    }
                    after patience() => panic!("{left} clients are stuck"),
                }
            }
            assert_eq!(replies + errors, calls * CLIENTS as u64);
            assert!(ends >= 10, "{ends} ends");
            assert!(replies > calls * CLIENTS as u64 / 2, "{replies} replies");
            server.stop().unwrap();
            process::exit(helper, ExitReason::Kill);
        });
    }
}
