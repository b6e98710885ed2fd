//! Replies that a server defers, that come late, or that nobody waits for.

use std::collections::HashMap;
use std::sync::mpsc;
use std::time::Duration;

use procession::prelude::*;
use procession::process::Builder;

use crate::gen_server_call::SHORT;
use crate::support::calls::{CallKind, kind_of};
use crate::support::processes::{in_process, reason};
use crate::support::rounds::{delay_by, rounds};
use crate::support::scripted::{ScriptedServer, call_message, pid_of, scripted, spawn_client};
use crate::support::wait::{
    assert_no_message, down_reason, exit_and_wait, expect, test_timeout, wait_until,
};

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
            ) -> CallResult<Self, Wait> {
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
            ) -> CallResult<Self, Release> {
                let waiting = self.0.remove(&key);
                if let Some(waiting) = waiting {
                    waiting.reply(text);
                }
                reply(waiting.is_some())
            }
        }

        let (server, me) = (Waiting::start(()).unwrap(), process::self_pid());
        for key in [1, 2] {
            let wait =
                move || process::send(me, (key, server.call_timeout(Wait(key), test_timeout())));
            process::spawn(wait).unwrap();
        }
        for (key, text) in [(2, "the second"), (1, "the first")] {
            wait_until(|| server.call_timeout(Release(key, text), test_timeout()) == Ok(true));
            assert_eq!(expect::<(u8, Result<&str, CallError>)>(), (key, Ok(text)));
        }
    }

    // OTP: gen_server_SUITE:call
    #[test]
    fn can_be_given_by_another_process() {
        in_process(|| {
            let reply = scripted().call_with(|_, caller| {
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
        let reply = scripted().call_with::<u8>(move |_, caller| {
            process::send(replier, caller.defer());
            noreply()
        });
        assert_eq!(reply, Ok(7));
    }

    // OTP: gen_server_SUITE:call
    #[test]
    fn can_be_given_when_a_timeout_is_over() {
        let reply = scripted().call_with(|it, caller| {
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
        let server = scripted();
        let (let_go, held) = mpsc::channel::<()>();
        let reply = server.call_with(move |it, caller| {
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
            let server = scripted();
            // Both have arrived before the client looks at either.
            let first = server.call_with(|_, caller| {
                let reply_to = caller.defer();
                reply_to.reply("the first");
                reply_to.reply("the second");
                reply("the third")
            });
            assert_eq!(first, Ok("the first"));
            assert_eq!(server.call_with(|_, _| reply("another")), Ok("another"));
            assert_no_message();
        });
    }

    #[test]
    fn to_a_client_that_has_ended_goes_nowhere() {
        let (server, me) = (scripted(), process::self_pid());
        let ended = spawn_client::<u8>(&server, move |_, caller| {
            process::send(me, caller.defer());
            noreply()
        });
        let reply_to = expect::<ReplyTo<u8>>();
        assert_eq!(reply_to.pid(), ended);
        assert_eq!(exit_and_wait(ended, reason()), reason());
        reply_to.reply(7);
        server.assert_answers();
    }

    #[test]
    fn to_a_call_that_has_timed_out_goes_nowhere() {
        in_process(|| {
            let (server, me) = (scripted(), process::self_pid());
            let silent = call_message::<u8>(move |_, caller| {
                process::send(me, caller.defer());
                noreply()
            });
            let outcome = server.call_timeout(silent, SHORT);
            assert_eq!(outcome.kind(), Err(CallErrorKind::Timeout));
            expect::<ReplyTo<u8>>().reply(7);
            server.assert_answers();
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
            let (server, me) = (scripted(), process::self_pid());
            let (dropped, drops) = mpsc::channel();
            let silent = call_message::<Grenade>(move |_, caller| {
                process::send(me, caller.defer());
                noreply()
            });
            let outcome = server.call_timeout(silent, SHORT);
            assert!(matches!(outcome.kind(), Err(CallErrorKind::Timeout)));
            let late = expect::<ReplyTo<Grenade>>();

            // Lost by the server, and by somebody else.
            let grenade = Grenade(dropped.clone());
            server.cast_with(move |_| {
                late.reply(grenade);
                noreply()
            });
            server.assert_answers();
            late.reply(Grenade(dropped));
            server.assert_answers();
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
            let pair = [scripted(), scripted()];
            let token = Arc::new(());
            for round in 0..rounds(10_000) {
                let (late, own) = (&pair[round % 2], &pair[1 - round % 2]);
                let (timeout, kept) = (round as u64 % 32 * 500, Arc::clone(&token));
                let late = late.call_timeout(
                    call_message(move |_, _| reply(("late", round, kept))),
                    Duration::from_nanos(timeout),
                );
                match late {
                    Ok((text, number, _)) => assert_eq!((text, number), ("late", round)),
                    Err(error) => assert_eq!(kind_of(error), CallErrorKind::Timeout),
                }
                let kept = Arc::clone(&token);
                let own = own.call_with(move |_, _| reply(("own", round, kept)));
                let (text, number, _) = own.unwrap();
                assert_eq!((text, number), ("own", round));
            }
            pair.iter().for_each(ScriptedServer::assert_answers);
            assert_eq!(Arc::strong_count(&token), 1);
            assert_no_message();
        });
    }

    #[test]
    fn that_comes_as_its_client_is_killed_is_not_taken_by_the_next_process() {
        in_process(|| {
            let (server, me) = (scripted(), process::self_pid());
            let client = |number: usize| {
                let (pid, monitor) = process::spawn_monitor(move || {
                    loop {
                        let own = server.call_with(move |_, _| reply(number));
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
                    delay_by(round);
                    process::exit(pid, ExitReason::Kill);
                }
                for (_, monitor) in clients {
                    assert_eq!(down_reason(monitor), ExitReason::Killed, "round {round}");
                }
                while process::receive_timeout(Duration::ZERO).is_some() {}
            }
            server.assert_answers();
        });
    }
}

/// Many clients call a server that is ended again and again, and started anew.
mod while_servers_crash {
    use super::*;

    const NAME: &str = "gen_server_replies::while_servers_crash";
    const CLIENTS: usize = 8;
    /// How many requests a server handles before it is ended.
    const LIFE: u64 = 3_000;
    const POISON: &str = "gen_server_replies::while_servers_crash::poison";

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
            _ => server.stop_with(ExitReason::Shutdown, test_timeout()).unwrap(),
        }
    }

    /// Whether the error of a call can be true here.
    fn can_be(error: &CallError, timeout: Duration) -> bool {
        if let CallErrorKind::Down(end) = error.kind() {
            let ends = [ExitReason::Killed, ExitReason::Normal, ExitReason::Shutdown, reason()];
            return ends.contains(end) || end.as_panic().is_some_and(|it| it.message == POISON);
        }
        let in_no_time = error.kind() == &CallErrorKind::Timeout && timeout.is_zero();
        error.kind() == &CallErrorKind::NoProc || in_no_time
    }

    /// Makes `calls` calls, and sees that each gets what it may.
    fn shine(client: usize, calls: u64) -> Tally {
        let server = ServerRef::<Mirror>::named(NAME);
        let mut tally = Tally { replies: 0, errors: 0 };
        for number in 1..=calls {
            let ray = Ray { client, number };
            let timeout = if number % 16 == 0 { Duration::ZERO } else { test_timeout() };
            match server.call_timeout(ray, timeout) {
                Ok(reply) => {
                    assert_eq!(reply, ray);
                    tally.replies += 1;
                }
                Err(error) => {
                    assert!(can_be(&error, timeout), "{error}");
                    tally.errors += 1;
                    // Until there is a server again, calls fail faster than it can start.
                    wait_until(|| server.whereis().is_some());
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
                    after test_timeout() => panic!("{left} clients are stuck"),
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
