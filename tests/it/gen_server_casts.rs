//! Casts and other messages to a server, and their order.

use std::sync::mpsc;
use std::time::Duration;

use procession::prelude::*;
use procession::timer;

use crate::support::drops::message_on_drop;
use crate::support::processes::{dead_pid, idle, in_process, reason};
use crate::support::rounds::rounds;
use crate::support::scripted::{
    InfoReceived, OtherServer, Scripted, ScriptedServer, observed_init, pid_of, scripted,
};
use crate::support::wait::expect;

mod cast {
    use super::*;

    // OTP: gen_server_SUITE:cast, cast_fast
    #[test]
    fn to_a_process_that_does_not_exist_does_nothing() {
        for server in
            [ServerRef::<Scripted>::at(dead_pid()), ServerRef::at("gen_server_call::cast::nobody")]
        {
            server.cast_with(|_| unreachable!("nobody is there"));
        }
    }

    #[test]
    fn by_name_reaches_the_process_that_has_the_name() {
        let name = "gen_server_call::cast::by_name";
        Scripted::start_with(observed_init(), StartOptions::new().name(name)).unwrap();
        let server = ServerRef::<Scripted>::named(name);
        server.cast_with(|it| {
            it.note("a cast");
            noreply()
        });
        assert_eq!(server.notes(), ["a cast"]);
    }

    #[test]
    fn does_not_wait_for_the_server() {
        let server = scripted();
        let (let_go, held) = mpsc::channel::<()>();
        server.cast_with(move |it| {
            _ = held.recv();
            it.note("let go");
            noreply()
        });
        drop(let_go);
        assert_eq!(server.notes(), ["let go"]);
    }

    #[test]
    fn to_a_server_of_another_type_is_dropped() {
        let other = OtherServer::start(()).unwrap();
        let wrong = ServerRef::<Scripted>::from_pid(pid_of(&other));
        wrong.cast_with(|_| unreachable!("it is for another server"));
        assert_eq!(other.call("still there"), Ok("still there"));
    }
}

// OTP: gen_server_SUITE:cast
#[test]
fn what_one_client_sends_is_handled_in_the_order_sent() {
    in_process(|| {
        let server = scripted();
        for _ in 0..rounds(200) {
            server.cast_with(|it| {
                it.note("a cast");
                noreply()
            });
            let call = server.call_with(|it, _| {
                it.note("a call");
                reply(())
            });
            assert_eq!(call, Ok(()));
            server.info_with(|it| {
                it.note("a message");
                noreply()
            });
            server.cast_with(|it| {
                it.note("another cast");
                noreply()
            });
        }
        let expected = ["a cast", "a call", "a message", "another cast"];
        assert_eq!(server.notes(), expected.repeat(rounds(200)));
    });
}

mod info {
    use super::*;

    // OTP: gen_server_SUITE:info
    #[test]
    fn is_every_message_that_is_neither_call_nor_cast() {
        let server = scripted();
        let pid = pid_of(&server);
        process::send(pid, "a text");
        assert_eq!(expect::<InfoReceived>().0.downcast::<&str>().unwrap(), "a text");

        timer::send_after(Duration::ZERO, pid, 7_u8);
        assert_eq!(expect::<InfoReceived>().0.downcast::<u8>().unwrap(), 7);

        let gone = dead_pid();
        let monitor = server.call_with(move |_, _| reply(process::monitor(gone))).unwrap();
        let down = expect::<InfoReceived>().0.downcast::<Down>().unwrap();
        assert_eq!((down.monitor, down.reason), (monitor, ExitReason::NoProc));

        let linked = idle();
        server
            .call_with(move |_, _| {
                process::set_trap_exit(true);
                process::link(linked);
                reply(())
            })
            .unwrap();
        process::exit(linked, reason());
        let exit = expect::<InfoReceived>().0.downcast::<Exit>().unwrap();
        assert_eq!(exit, Exit { from: linked, reason: reason() });
        server.assert_answers();
    }

    // OTP: gen_server_SUITE:undef_handle_info
    #[test]
    fn is_dropped_by_a_server_that_does_not_handle_it() {
        let other = OtherServer::start(()).unwrap();
        let (sent, drops) = mpsc::channel();
        process::send(pid_of(&other), message_on_drop(move || sent.send("dropped").unwrap()));
        assert_eq!(other.call("still there"), Ok("still there"));
        assert_eq!(drops.try_recv(), Ok("dropped"));
    }
}
