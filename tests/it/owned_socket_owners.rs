//! Sockets whose data comes as messages: their owners, and what becomes of them.

use std::io::{self, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use procession::io::{Active, Closed, Data, NotOwner, OwnedSocket, Passive, SocketOptions};
use procession::prelude::*;
use procession::proc_lib;
use procession::process::{Builder, Status};

use crate::owned_socket::{
    assert_ended, assert_kind, expect_data, expect_recv, lines, number, tcp_pair, unix_pair,
};
use crate::support::processes::{Begun, begun, dead_pid, idle, in_process};
use crate::support::rounds::{delay_by, rounds};
use crate::support::wait::{
    assert_no_message, down_reason, exit_and_wait, expect, test_timeout, wait_until,
};

/// A process that owns a socket and ends when it is told `reason`; its socket, and the other side.
fn owned(active: Active) -> (Pid, MonitorRef, OwnedSocket, TcpStream) {
    let me = process::self_pid();
    let (owner, monitor) = process::spawn_monitor(move || {
        process::send(me, tcp_pair(lines(active)));
        if let Some(reason) = expect::<Option<ExitReason>>() {
            process::exit_self(reason);
        }
    })
    .unwrap();
    let (socket, there) = expect::<(OwnedSocket, TcpStream)>();
    (owner, monitor, socket, there)
}

// OTP: gen_tcp_misc_SUITE:accept_sup and others rely on it: the port is closed with its owner.
#[test]
fn the_socket_is_closed_when_the_end_of_its_owner_is_seen() {
    in_process(|| {
        let reasons = [None, Some(ExitReason::Shutdown), Some(ExitReason::new("a reason"))];
        for reason in reasons {
            for active in [Active::False, Active::True] {
                let (owner, monitor, socket, there) = owned(active);
                process::send(owner, reason.clone());
                down_reason(monitor);
                assert_kind(socket.send(b"x"), io::ErrorKind::NotConnected);
                assert_ended(there);
            }
        }
    });
}

#[test]
fn the_socket_is_closed_when_the_kill_of_its_owner_is_seen() {
    in_process(|| {
        for round in 0..rounds(1_000) {
            let active = [Active::False, Active::True, Active::Once][round % 3];
            let (owner, _, socket, there) = owned(active);
            assert_eq!(exit_and_wait(owner, ExitReason::Kill), ExitReason::Killed);
            assert_kind(socket.recv(0), io::ErrorKind::NotConnected);
            assert_ended(there);
        }
    });
}

#[test]
fn its_reader_is_gone_when_the_end_of_the_owner_is_seen() {
    in_process(|| {
        for active in [Active::False, Active::True] {
            let (owner, monitor, _socket, _there) = owned(active);
            let [reader] = process::info(owner).unwrap().links[..] else {
                panic!("its socket is its only link")
            };
            wait_until(|| process::info(reader).is_some_and(|it| it.status != Status::Running));
            process::send(owner, None::<ExitReason>);
            down_reason(monitor);
            assert!(!process::is_alive(reader));
        }
    });
}

#[test]
fn its_reader_is_gone_when_the_kill_of_an_owner_is_seen_to_which_it_sends() {
    in_process(|| {
        for round in 0..rounds(200) {
            let (owner, _, socket, mut there) = owned(Active::True);
            let [reader] = process::info(owner).unwrap().links[..] else {
                panic!("its socket is its only link")
            };
            let writer = process::spawn(move || while there.write_all(b"a\n").is_ok() {}).unwrap();
            delay_by(round);
            assert_eq!(exit_and_wait(owner, ExitReason::Kill), ExitReason::Killed);
            assert!(!process::is_alive(reader), "round {round}");
            drop(socket);
            process::join(writer, test_timeout()).unwrap();
        }
    });
}

#[test]
fn the_port_of_a_server_is_free_when_the_end_of_its_owner_is_seen() {
    in_process(|| {
        let (owner, monitor, socket, there) = owned(Active::True);
        let address = socket.sockname().unwrap();
        process::send(owner, None::<ExitReason>);
        down_reason(monitor);
        TcpListener::bind(address).unwrap();
        drop(there);
    });
}

// OTP: a port is linked to its owner.
#[test]
fn an_exit_signal_to_the_reader_ends_the_owner() {
    in_process(|| {
        for active in [Active::False, Active::True] {
            let (owner, monitor, _socket, there) = owned(active);
            let [reader] = process::info(owner).unwrap().links[..] else {
                panic!("its socket is its only link")
            };
            process::exit(reader, ExitReason::Shutdown);
            assert_eq!(down_reason(monitor), ExitReason::Shutdown);
            assert_ended(there);
        }
    });
}

// OTP: gen_tcp_misc_SUITE:controlling_process, and run: {error,not_owner}.
#[test]
fn controlling_process_is_for_the_owner() {
    in_process(|| {
        let (owner, monitor, socket, _there) = owned(Active::False);
        let error = socket.controlling_process(process::self_pid()).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::PermissionDenied);
        let not_owner = error.get_ref().and_then(|error| error.downcast_ref::<NotOwner>());
        assert_eq!(not_owner.map(|error| error.owner), Some(owner));
        assert_eq!(socket.owner(), owner);
        // Whoever is the owner already is so without being asked.
        socket.controlling_process(owner).unwrap();
        process::send(owner, None::<ExitReason>);
        down_reason(monitor);
    });
}

// OTP: gen_tcp_misc_SUITE:controlling_process_self.
#[test]
fn controlling_process_to_oneself_changes_nothing() {
    in_process(|| {
        let (socket, mut there) = unix_pair(lines(Active::Once));
        socket.controlling_process(process::self_pid()).unwrap();
        there.write_all(b"a\n").unwrap();
        expect_data(&socket, b"a\n");
    });
}

// OTP 25, run: {error,badarg}, and the port stays with its owner.
#[test]
fn controlling_process_to_the_dead_is_an_error_and_the_caller_stays_the_owner() {
    in_process(|| {
        let (socket, mut there) = unix_pair(lines(Active::N(5)));
        there.write_all(b"a\n").unwrap();
        assert_kind(socket.controlling_process(dead_pid()), io::ErrorKind::NotFound);
        assert_eq!(socket.owner(), process::self_pid());
        expect_data(&socket, b"a\n");
        there.write_all(b"b\n").unwrap();
        expect_data(&socket, b"b\n");
    });
}

// OTP 25, run: {error,einval} of a socket that is closed.
#[test]
fn controlling_process_of_a_closed_socket_is_an_error() {
    in_process(|| {
        let (socket, _there) = unix_pair(lines(Active::True));
        socket.close();
        assert_kind(socket.controlling_process(idle()), io::ErrorKind::NotConnected);
    });
}

/// A process that sends on what it receives.
fn relay(to: Pid) -> Pid {
    process::spawn(move || {
        loop {
            process::send(to, process::receive());
        }
    })
    .unwrap()
}

/// Gives a socket to a process that sends the caller what it gets, once the caller has no part in
/// the move any more: what came back earlier would be moved again.
fn move_and_see(socket: &OwnedSocket) {
    #[derive(Debug)]
    struct Moved;

    let me = process::self_pid();
    let new_owner = process::spawn(move || {
        receive! { Moved => {} }
        loop {
            process::send(me, process::receive());
        }
    });
    let new_owner = new_owner.unwrap();
    socket.controlling_process(new_owner).unwrap();
    process::send(new_owner, Moved);
}

// OTP: inet:tcp_controlling_process/2 forwards them; its tcp_passive is left behind.
#[test]
fn messages_that_wait_move_to_the_new_owner_in_their_order() {
    in_process(|| {
        let (socket, mut there) = unix_pair(lines(Active::N(3)));
        there.write_all(b"a\nb\nc\nd\n").unwrap();
        wait_until(|| socket.active() == Active::False);
        socket.set_active(Active::False).unwrap(); // Everything is in the mailbox.
        process::send(process::self_pid(), "another message");
        move_and_see(&socket);
        for line in [b"a\n", b"b\n", b"c\n"] {
            expect_data(&socket, line);
        }
        expect::<Passive>();
        assert_eq!(expect::<&str>(), "another message");
        expect_recv(&socket, b"d\n");
    });
}

// OTP 25, run: ok, and the new owner gets tcp_closed.
#[test]
fn the_end_that_waits_moves_to_the_new_owner() {
    in_process(|| {
        let (socket, mut there) = unix_pair(lines(Active::True));
        there.write_all(b"a\n").unwrap();
        drop(there);
        wait_until(|| socket.shutdown(std::net::Shutdown::Write).is_err());
        let reader = process::info(process::self_pid()).unwrap().links;
        reader.into_iter().for_each(|reader| drop(process::join(reader, test_timeout())));
        move_and_see(&socket);
        expect_data(&socket, b"a\n");
        expect::<Closed>();
    });
}

// OTP: gen_tcp_misc_SUITE:controlling_process: the old owner's end does not matter any more.
#[test]
fn the_socket_ends_with_its_new_owner_and_not_with_the_old_one() {
    in_process(|| {
        for active in [Active::False, Active::True] {
            let me = process::self_pid();
            let new_owner = relay(me);
            let (_, old) = process::spawn_monitor(move || {
                let (socket, there) = tcp_pair(lines(active));
                socket.controlling_process(new_owner).unwrap();
                process::send(me, (socket, there));
                process::exit_self(ExitReason::new("a reason"));
            })
            .unwrap();
            down_reason(old);
            let (socket, mut there) = expect::<(OwnedSocket, TcpStream)>();
            socket.set_active(Active::True).unwrap();
            there.write_all(b"a\n").unwrap();
            expect_data(&socket, b"a\n");
            exit_and_wait(new_owner, ExitReason::Shutdown);
            assert_kind(socket.send(b"x"), io::ErrorKind::NotConnected);
            assert_ended(there);
        }
    });
}

#[test]
fn the_socket_ends_with_a_new_owner_that_is_killed_as_it_is_given() {
    in_process(|| {
        for _ in 0..rounds(1_000) {
            let (socket, there) = unix_pair(lines(Active::True));
            let new_owner = idle();
            let killer = process::spawn_monitor(move || process::exit(new_owner, ExitReason::Kill));
            match socket.controlling_process(new_owner) {
                Ok(()) => {
                    process::join(new_owner, test_timeout()).unwrap();
                    assert_kind(socket.send(b"x"), io::ErrorKind::NotConnected);
                }
                Err(error) => {
                    assert_eq!(error.kind(), io::ErrorKind::NotFound);
                    socket.send(b"x").unwrap();
                    socket.close();
                }
            }
            assert_ended(there);
            down_reason(killer.unwrap().1);
        }
    });
}

#[test]
fn a_new_owner_goes_on_when_the_old_one_is_killed_as_it_gives() {
    in_process(|| {
        let me = process::self_pid();
        let new_owner = relay(me);
        for round in 0..rounds(1_000) {
            let (old, monitor) = process::spawn_monitor(move || {
                let (socket, there) = unix_pair(lines(Active::True));
                process::send(me, (socket.clone(), there));
                _ = socket.controlling_process(new_owner);
            })
            .unwrap();
            let (socket, there) = expect::<(OwnedSocket, UnixStream)>();
            delay_by(round);
            process::exit(old, ExitReason::Kill);
            down_reason(monitor);
            // It is given or closed, with nothing between.
            if socket.owner() == new_owner {
                socket.send(b"x").unwrap();
                socket.close();
            }
            assert_ended(there);
        }
        assert!(process::is_alive(new_owner));
    });
}

/// The socket is given to a process, and this number is the next that comes.
#[derive(Debug)]
struct Yours {
    socket: OwnedSocket,
    next: u64,
    rounds: usize,
}

/// Receives some of the numbers of the socket, each of which must be the next, and gives the socket
/// to the next process.
fn take_part(observer: Pid) {
    let successor = expect::<Pid>();
    loop {
        let Yours { socket, mut next, rounds } = expect::<Yours>();
        for turn in 0..rounds % 4 {
            let more = [Active::True, Active::N(2), Active::Once][(rounds + turn) % 3];
            socket.set_active(more).unwrap();
            receive! {
                Data { bytes, .. } => assert_eq!(number(&bytes), next),
                after test_timeout() => panic!("{next} has not come"),
            }
            socket.send(b"!").unwrap();
            next += 1;
        }
        if rounds == 0 {
            process::send(observer, next);
            return;
        }
        socket.controlling_process(successor).unwrap();
        process::send(successor, Yours { socket, next, rounds: rounds - 1 });
    }
}

#[test]
fn nothing_is_lost_or_overtaken_while_the_socket_goes_round() {
    in_process(|| {
        let me = process::self_pid();
        let owners: Vec<Pid> =
            (0..3).map(|_| process::spawn_link(move || take_part(me)).unwrap()).collect();
        for place in 0..3 {
            process::send(owners[place], owners[(place + 1) % 3]);
        }
        let (socket, there) = unix_pair(lines(Active::True));
        let rounds = rounds(10_000);
        // Sixteen numbers are on their way at most.
        process::spawn(move || {
            let (mut writer, mut reader) = (&there, &there);
            let mut next = 0_u64;
            let mut room = vec![0; 16];
            let mut left = 16;
            loop {
                let numbers: String = (next..next + left).map(|n| format!("{n}\n")).collect();
                next += left;
                if writer.write_all(numbers.as_bytes()).is_err() {
                    return;
                }
                match io::Read::read(&mut reader, &mut room) {
                    Ok(taken) if taken > 0 => left = taken as u64,
                    Ok(_) | Err(_) => return,
                }
            }
        })
        .unwrap();
        socket.controlling_process(owners[0]).unwrap();
        process::send(owners[0], Yours { socket: socket.clone(), next: 0, rounds });
        receive! {
            received: u64 => assert!(received > rounds as u64, "{received}"),
            after test_timeout() * 10 => panic!("it has not gone round"),
        }
        process::flush();
    });
}

// OTP: a gen_server ends with its parent, whatever the reason, wherever it waits.
#[test]
fn a_parent_that_ends_normally_interrupts_the_reads_of_a_server_that_traps_exits() {
    in_process(|| {
        let me = process::self_pid();
        let (parent, monitor) = process::spawn_monitor(move || {
            let builder = Builder::new().link().trap_exit(true).kill_grace(Duration::MAX);
            let child = proc_lib::spawn_with(builder, move || {
                let (socket, _there) = unix_pair(SocketOptions::new());
                process::send(me, Begun);
                let error = socket.recv(0).unwrap_err();
                assert!(procession::io::is_interrupted(&error), "{error}");
                assert_eq!(expect::<Exit>().reason, ExitReason::Normal);
                process::send(me, "interrupted");
            });
            process::send(me, child.unwrap());
            expect::<()>();
        })
        .unwrap();
        let child = expect::<Pid>();
        expect::<Begun>();
        wait_until(|| process::info(child).is_some_and(|it| it.status == Status::Blocking));
        process::send(parent, ());
        assert_eq!(expect::<&str>(), "interrupted");
        assert_eq!(down_reason(monitor), ExitReason::Normal);
    });
}

// OTP: a plain process that traps exits is not told to end by an exit signal that is `normal`.
#[test]
fn another_process_that_ends_normally_interrupts_nothing() {
    in_process(|| {
        process::set_trap_exit(true);
        let (socket, mut there) = unix_pair(SocketOptions::new());
        let (theirs, me) = (socket.clone(), process::self_pid());
        let has_ended = Arc::new(AtomicBool::new(false));
        let seen = Arc::clone(&has_ended);
        let (reader, monitor) = begun(Builder::new().trap_exit(true), move || {
            let child = process::spawn_link(|| expect::<()>()).unwrap();
            process::send(me, child);
            assert_eq!(theirs.recv(0).unwrap(), b"a");
            assert!(seen.load(Ordering::Relaxed));
        });
        let child = expect::<Pid>();
        wait_until(|| process::info(reader).is_some_and(|it| it.status == Status::Blocking));
        let ended = process::monitor(child);
        process::send(child, ());
        down_reason(ended);
        has_ended.store(true, Ordering::Relaxed);
        there.write_all(b"a").unwrap();
        assert_eq!(down_reason(monitor), ExitReason::Normal);
        assert_no_message();
    });
}
