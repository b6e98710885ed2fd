//! Listeners: how many connections there may be, and how a listener stops.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{self, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use procession::io;
use procession::listener::{ListenError, Listener, ListenerRef, LocalAddr, Status};
use procession::prelude::*;
use procession::supervisor::FailedToStart;

use crate::listener::{
    ANY, Client, Connected, assert_no_more, connected, echo, end, free_address, is_refused, kill,
    notify_and_wait, part, start, stop, wait_for,
};
use crate::support::processes::{FOREVER, idle_body, in_process};
use crate::support::rounds::rounds;
use crate::support::wait::{down_reason, expect, test_timeout, wait_until};

mod max_connections {
    use super::*;

    // ranch, acceptor_SUITE:tcp_max_connections.
    #[test]
    fn lets_the_next_wait_until_one_ends() {
        in_process(|| {
            let protocol = notify_and_wait::<io::TcpStream>(process::self_pid());
            let listener = start(Listener::tcp(ANY, protocol).max_connections(10));
            let _clients: Vec<_> = (0..11).map(|_| Client::connect(&listener)).collect();
            let connections: Vec<_> = (0..10).map(|_| connected()).collect();
            assert_no_more(&listener, 10);
            end(connections[0]);
            connected();
            assert_no_more(&listener, 10);
            stop(&listener);
        });
    }

    #[test]
    fn is_exact_under_a_storm() {
        const MAX: usize = 7;
        in_process(|| {
            static NOW: AtomicUsize = AtomicUsize::new(0);
            static MOST: AtomicUsize = AtomicUsize::new(0);

            fn counted(stream: io::TcpStream) {
                MOST.fetch_max(NOW.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                echo(stream);
                NOW.fetch_sub(1, Ordering::SeqCst);
            }

            let listener = Listener::tcp(ANY, counted).acceptors(4).max_connections(MAX);
            let listener = start(listener);
            let address = listener.get_addr().unwrap();
            let clients = (0..16).map(|_| {
                let address = address.clone();
                process::spawn_monitor(move || {
                    for _ in 0..rounds(50) {
                        assert_eq!(Client::connect_to(&address).ask("hello"), "hello");
                    }
                })
            });
            let monitors: Vec<_> = clients.map(|client| client.unwrap().1).collect();
            for monitor in monitors {
                assert_eq!(down_reason(monitor), ExitReason::Normal);
            }
            wait_for(&listener, 0);
            assert!((1..=MAX).contains(&MOST.load(Ordering::SeqCst)));
            stop(&listener);
        });
    }

    // ranch, acceptor_SUITE:tcp_set_max_connections and tcp_max_connections_infinity.
    #[test]
    fn can_be_raised_and_lowered_again() {
        in_process(|| {
            let protocol = notify_and_wait::<io::TcpStream>(process::self_pid());
            let listener = start(Listener::tcp(ANY, protocol).max_connections(10));
            let _clients: Vec<_> = (0..30).map(|_| Client::connect(&listener)).collect();
            let first: Vec<_> = (0..10).map(|_| connected()).collect();
            assert_no_more(&listener, 10);

            listener.set_max_connections(20).unwrap();
            let more: Vec<_> = (0..10).map(|_| connected()).collect();
            assert_no_more(&listener, 20);
            assert_eq!(listener.info().unwrap().max_connections, 20);

            listener.set_max_connections(5).unwrap();
            first.into_iter().chain(more.into_iter().take(5)).for_each(end);
            wait_for(&listener, 5);
            assert_no_more(&listener, 5);

            listener.set_max_connections(usize::MAX).unwrap();
            (0..10).for_each(|_| _ = connected());
            stop(&listener);
        });
    }

    #[test]
    fn that_is_lowered_below_what_is_there_takes_nobody_who_waits_in_accept() {
        in_process(|| {
            let protocol = notify_and_wait::<io::TcpStream>(process::self_pid());
            let listener = start(Listener::tcp(ANY, protocol).max_connections(3));
            let _first = Client::connect(&listener);
            let first = connected();
            // The acceptors are in `accept`, each with a permit.
            listener.set_max_connections(1).unwrap();
            let _second = Client::connect(&listener);
            let _third = Client::connect(&listener);
            assert_no_more(&listener, 1);
            end(first);
            let second = connected();
            assert_no_more(&listener, 1);
            end(second);
            connected();
            stop(&listener);
        });
    }

    #[test]
    fn of_zero_lets_all_wait() {
        in_process(|| {
            let listener = start(Listener::tcp(ANY, echo).max_connections(0));
            let mut client = Client::connect(&listener);
            client.send("hello");
            assert_no_more(&listener, 0);
            listener.set_max_connections(1).unwrap();
            assert_eq!(client.line(), "hello");
            stop(&listener);
        });
    }
}

mod refuse {
    use super::*;

    #[test]
    fn tells_those_who_are_too_many() {
        in_process(|| {
            let protocol = notify_and_wait::<io::TcpStream>(process::self_pid());
            let listener = Listener::tcp(ANY, protocol).max_connections(2).refuse("full\n");
            let listener = start(listener);
            let _first = Client::connect(&listener);
            let _second = Client::connect(&listener);
            let first = connected();
            connected();
            for _ in 0..10 {
                let mut refused = Client::connect(&listener);
                assert_eq!(refused.line(), "full");
                refused.expect_end();
            }
            assert_no_more(&listener, 2);

            end(first);
            wait_for(&listener, 1);
            let _third = Client::connect(&listener);
            connected();
            stop(&listener);
        });
    }
}

mod suspend {
    use super::*;

    // ranch, acceptor_SUITE:tcp_graceful.
    #[test]
    fn refuses_clients_until_it_is_resumed_and_leaves_connections_alone() {
        in_process(|| {
            let address = free_address();
            let listener = start(Listener::tcp(address, echo));
            let mut client = Client::connect(&listener);
            assert_eq!(client.ask("fresh"), "fresh");

            listener.suspend().unwrap();
            assert_eq!(listener.info().unwrap().status, Status::Suspended);
            assert_eq!(client.ask("suspended"), "suspended");
            assert!(is_refused(&LocalAddr::Tcp(address)));
            assert_eq!(listener.acceptors().unwrap(), []);

            listener.resume().unwrap();
            assert_eq!(listener.info().unwrap().status, Status::Running);
            assert_eq!(Client::connect(&listener).ask("resumed"), "resumed");

            stop(&listener);
            client.expect_end();
        });
    }

    #[test]
    fn twice_is_as_once_and_so_is_resume() {
        in_process(|| {
            let listener = start(Listener::tcp(ANY, echo));
            listener.resume().unwrap();
            listener.suspend().unwrap();
            listener.suspend().unwrap();
            listener.resume().unwrap();
            listener.resume().unwrap();
            assert_eq!(Client::connect(&listener).ask("hello"), "hello");
            stop(&listener);
        });
    }

    #[test]
    fn lasts_if_the_address_is_taken_meanwhile() {
        in_process(|| {
            let address = free_address();
            let listener = start(Listener::tcp(address, echo));
            listener.suspend().unwrap();
            let taken = net::TcpListener::bind(address).unwrap();
            let Err(SupervisorError::Failed(FailedToStart { reason, .. })) = listener.resume()
            else {
                panic!("the address is taken");
            };
            assert!(reason.downcast_ref::<ListenError>().is_some());
            assert_eq!(listener.info().unwrap().status, Status::Suspended);
            drop(taken);
            listener.resume().unwrap();
            assert_eq!(Client::connect(&listener).ask("hello"), "hello");
            stop(&listener);
        });
    }

    #[test]
    fn lasts_when_the_supervisor_of_the_connections_is_restarted() {
        in_process(|| {
            let listener = start(Listener::tcp(ANY, echo));
            let address = listener.get_addr().unwrap();
            listener.suspend().unwrap();
            kill(part(&listener, "connections").unwrap());
            assert_eq!(listener.info().unwrap().status, Status::Suspended);
            assert_eq!(part(&listener, "acceptors"), None);
            assert!(is_refused(&address));
            listener.resume().unwrap();
            assert_eq!(Client::connect(&listener).ask("hello"), "hello");
            stop(&listener);
        });
    }

    #[test]
    fn keeps_a_given_socket_open() {
        in_process(|| {
            let socket = io::TcpListener::bind(ANY).unwrap();
            let listener = start(Listener::on(socket, echo));
            listener.suspend().unwrap();
            let mut client = Client::connect(&listener);
            client.send("hello");
            assert_eq!(listener.connections().unwrap(), []);
            listener.resume().unwrap();
            assert_eq!(client.line(), "hello");
            stop(&listener);
        });
    }

    #[test]
    fn and_resume_come_one_after_the_other() {
        in_process(|| {
            let address = free_address();
            let listener = start(Listener::tcp(address, echo));
            for round in 0..rounds(200) {
                let changes = [ListenerRef::suspend, ListenerRef::resume];
                let monitors = changes.map(|change| {
                    process::spawn_monitor(move || change(&listener).unwrap()).unwrap().1
                });
                let reasons = monitors.map(down_reason);
                assert_eq!(reasons, [ExitReason::Normal, ExitReason::Normal], "round {round}");
                let is_running = listener.info().unwrap().status == Status::Running;
                assert_eq!(is_running, !listener.acceptors().unwrap().is_empty());
                assert_eq!(is_running, !is_refused(&LocalAddr::Tcp(address)));
            }
            stop(&listener);
        });
    }

    #[test]
    fn loses_no_connection_that_was_accepted() {
        in_process(|| {
            let listener = start(Listener::tcp(ANY, echo));
            for _ in 0..rounds(100) {
                let address = listener.get_addr().unwrap();
                let client = process::spawn_monitor(move || {
                    let Ok(stream) = TcpStream::connect(&address) else { return };
                    let mut client = Client(BufReader::new(stream));
                    let mut line = String::new();
                    // What was not accepted yet is reset when the socket is closed.
                    let written = client.0.get_mut().write_all(b"hello\n");
                    let read = written.and_then(|()| client.0.read_line(&mut line));
                    assert!(read.is_err() || line == "hello\n", "{line:?}");
                });
                listener.suspend().unwrap();
                assert_eq!(down_reason(client.unwrap().1), ExitReason::Normal);
                listener.resume().unwrap();
            }
            stop(&listener);
        });
    }
}

mod stop {
    use super::*;

    /// From the start function of a connection, which waits for `GoOn`.
    #[derive(Debug)]
    struct Starting {
        go_on: Alias,
    }

    #[derive(Debug)]
    struct GoOn;

    /// Has the listener stopped by another process, which is monitored, and waits until nothing
    /// more is accepted.
    fn begin_to_stop(listener: ListenerRef) -> MonitorRef {
        let acceptors = process::monitor(part(&listener, "acceptors").unwrap());
        let stopper = process::spawn_monitor(move || listener.stop().unwrap()).unwrap();
        down_reason(acceptors);
        stopper.1
    }

    #[test]
    fn frees_the_port_before_the_listener_is_seen_to_end() {
        in_process(|| {
            process::set_trap_exit(true);
            let mut address = LocalAddr::Tcp("127.0.0.1:0".parse().unwrap());
            for round in 0..rounds(100) {
                let listener = start(Listener::tcp(address, echo));
                address = listener.get_addr().unwrap();
                let mut client = Client::connect(&listener);
                assert_eq!(client.ask("hello"), "hello");
                let monitor = process::monitor(listener.pid());
                let reason = if round % 2 == 0 { ExitReason::Kill } else { ExitReason::Shutdown };
                process::exit(listener.pid(), reason);
                down_reason(monitor);
            }
        });
    }

    #[test]
    fn tells_the_connections_to_shut_down() {
        in_process(|| {
            let protocol = notify_and_wait::<io::TcpStream>(process::self_pid());
            let listener = start(Listener::tcp(ANY, protocol));
            let mut client = Client::connect(&listener);
            let monitor = process::monitor(connected());
            listener.stop().unwrap();
            assert_eq!(down_reason(monitor), ExitReason::Shutdown);
            client.expect_end();
        });
    }

    #[test]
    fn ends_a_connection_that_waits_in_a_read() {
        in_process(|| {
            let me = process::self_pid();
            let listener = start(Listener::tcp(ANY, move |mut stream: io::TcpStream| {
                process::send(me, Connected(process::self_pid()));
                _ = stream.read(&mut [0]);
            }));
            let _client = Client::connect(&listener);
            let monitor = process::monitor(connected());
            listener.stop().unwrap();
            assert_eq!(down_reason(monitor), ExitReason::Shutdown);
        });
    }

    #[test]
    fn lets_a_connection_that_traps_exits_finish_its_request() {
        in_process(|| {
            let me = process::self_pid();
            let listener = start(Listener::tcp(ANY, move |mut stream: io::TcpStream| {
                process::set_trap_exit(true);
                process::send(me, Connected(process::self_pid()));
                receive! { "go on" => {} }
                stream.write_all(b"answer\n").unwrap();
                let error = stream.read(&mut [0]).unwrap_err();
                assert!(io::is_interrupted(&error), "{error}");
            }));
            let mut client = Client::connect(&listener);
            let connection = connected();
            let monitor = process::monitor(connection);
            let control = process::monitor(part(&listener, "control").unwrap());
            let stopper = process::spawn_monitor(move || listener.stop().unwrap()).unwrap();
            down_reason(control); // It is told next.
            process::send(connection, "go on");
            assert_eq!(client.line(), "answer");
            assert_eq!(down_reason(monitor), ExitReason::Normal);
            assert_eq!(down_reason(stopper.1), ExitReason::Normal);
        });
    }

    #[test]
    fn kills_a_connection_whose_shutdown_time_is_over() {
        in_process(|| {
            let me = process::self_pid();
            let protocol = move |_: io::TcpStream| {
                process::set_trap_exit(true);
                process::send(me, Connected(process::self_pid()));
                idle_body();
            };
            let listener = Listener::tcp(ANY, protocol);
            let listener = start(listener.shutdown(Shutdown::Timeout(Duration::from_millis(1))));
            let _client = Client::connect(&listener);
            let monitor = process::monitor(connected());
            listener.stop().unwrap();
            assert_eq!(down_reason(monitor), ExitReason::Killed);
        });
    }

    #[test]
    fn kills_the_connections_at_once_if_it_is_told_so() {
        in_process(|| {
            let protocol = notify_and_wait::<io::TcpStream>(process::self_pid());
            let listener = start(Listener::tcp(ANY, protocol).shutdown(Shutdown::BrutalKill));
            let _client = Client::connect(&listener);
            let monitor = process::monitor(connected());
            listener.stop().unwrap();
            assert_eq!(down_reason(monitor), ExitReason::Killed);
        });
    }

    #[test]
    fn refuses_clients_while_the_connections_drain() {
        in_process(|| {
            let listener = start(Listener::tcp(ANY, echo).drain(FOREVER));
            let address = listener.get_addr().unwrap();
            let mut clients: Vec<_> = (0..5).map(|_| Client::connect(&listener)).collect();
            for client in &mut clients {
                assert_eq!(client.ask("hello"), "hello");
            }
            let connections = listener.connections().unwrap();
            let monitors: Vec<_> = connections.into_iter().map(process::monitor).collect();
            let stopper = begin_to_stop(listener);
            wait_until(|| is_refused(&address));
            for mut client in clients {
                assert_eq!(client.ask("still here"), "still here");
            }
            for monitor in monitors {
                assert_eq!(down_reason(monitor), ExitReason::Normal);
            }
            assert_eq!(down_reason(stopper), ExitReason::Normal);
        });
    }

    #[test]
    fn drains_a_connection_that_was_accepted_and_has_not_begun() {
        in_process(|| {
            process::set_trap_exit(true);
            let me = process::self_pid();
            for _ in 0..rounds(30) {
                // The supervisor of the connections starts the first, and is kept there.
                let template = ChildSpec::template("connection", move |stream: io::TcpStream| {
                    process::send(me, Starting { go_on: process::alias() });
                    receive! { GoOn => {} }
                    Ok(process::spawn_link(move || echo(stream))?)
                });
                let listener = Listener::tcp(ANY, template).acceptors(2).drain(FOREVER);
                let listener = start(listener.max_connections(2));
                let first = Client::connect(&listener);
                let Starting { go_on } = expect();
                let mut second = Client::connect(&listener);
                second.send("hello");
                // Accepted, and in the mailbox of the supervisor.
                wait_until(|| listener.info().unwrap().active_connections == 2);
                listener.set_max_connections(1).unwrap();
                let stopper = begin_to_stop(listener);
                process::send(go_on, GoOn);
                drop(first);
                let Starting { go_on } = expect();
                process::send(go_on, GoOn);
                assert_eq!(second.line(), "hello");
                drop(second);
                assert_eq!(down_reason(stopper), ExitReason::Normal);
                process::flush();
            }
        });
    }

    #[test]
    fn tells_connections_to_shut_down_that_do_not_drain_in_time() {
        in_process(|| {
            let protocol = notify_and_wait::<io::TcpStream>(process::self_pid());
            let listener = start(Listener::tcp(ANY, protocol).drain(Duration::from_millis(1)));
            let _client = Client::connect(&listener);
            let monitor = process::monitor(connected());
            listener.stop().unwrap();
            assert_eq!(down_reason(monitor), ExitReason::Shutdown);
        });
    }

    #[test]
    fn closes_a_given_socket_before_the_connections_drain() {
        in_process(|| {
            let socket = io::TcpListener::bind(ANY).unwrap();
            let protocol = notify_and_wait::<io::TcpStream>(process::self_pid());
            let listener = start(Listener::on(socket, protocol).drain(FOREVER));
            let address = listener.get_addr().unwrap();
            let _client = Client::connect(&listener);
            let connection = connected();
            let stopper = begin_to_stop(listener);
            wait_until(|| is_refused(&address));
            end(connection);
            assert_eq!(down_reason(stopper), ExitReason::Normal);
        });
    }
}

mod wait_for_connections {
    use super::*;

    // ranch, acceptor_SUITE:misc_wait_for_connections.
    #[test]
    fn returns_when_there_are_as_many_as_it_takes() {
        in_process(|| {
            let protocol = notify_and_wait::<io::TcpStream>(process::self_pid());
            let listener = start(Listener::tcp(ANY, protocol));
            let waiter = |wanted: usize| {
                let wait = move || {
                    let waited =
                        listener.wait_for_connections(|number| number == wanted, test_timeout());
                    assert_eq!(waited.unwrap(), Some(wanted));
                };
                process::spawn_monitor(wait).unwrap().1
            };
            let (one, two) = (waiter(1), waiter(2));
            let _first = Client::connect(&listener);
            assert_eq!(down_reason(one), ExitReason::Normal);
            let _second = Client::connect(&listener);
            assert_eq!(down_reason(two), ExitReason::Normal);
            let (one, none) = (waiter(1), waiter(0));
            end(connected());
            assert_eq!(down_reason(one), ExitReason::Normal);
            end(connected());
            assert_eq!(down_reason(none), ExitReason::Normal);
            stop(&listener);
        });
    }

    #[test]
    fn returns_none_when_its_time_is_over_and_leaves_nothing_in_the_mailbox() {
        in_process(|| {
            let protocol = notify_and_wait::<io::TcpStream>(process::self_pid());
            let listener = start(Listener::tcp(ANY, protocol));
            let waited = listener.wait_for_connections(|number| number > 1, Duration::ZERO);
            assert_eq!(waited.unwrap(), None);
            let _client = Client::connect(&listener);
            let connection = connected();
            wait_for(&listener, 1);
            end(connection);
            wait_for(&listener, 0);
            // It is told twice before it looks again.
            let mut asked = 0;
            let is_enough = |_| {
                asked += 1;
                (0..2).for_each(|_| listener.set_max_connections(10).unwrap());
                asked == 2
            };
            let waited = listener.wait_for_connections(is_enough, test_timeout());
            assert_eq!(waited.unwrap(), Some(0));
            assert!(process::flush().is_empty());
            stop(&listener);
        });
    }

    #[test]
    fn fails_when_the_listener_ends() {
        in_process(|| {
            let listener = start(Listener::tcp(ANY, echo));
            let pid = listener.pid();
            let waiter = process::spawn_monitor(move || {
                let waited = listener.wait_for_connections(|number| number > 0, FOREVER);
                assert!(matches!(waited, Err(SupervisorError::Call(_))), "{waited:?}");
            });
            let (waiter, monitor) = waiter.unwrap();
            wait_until(|| process::info(waiter).is_some_and(|info| !info.monitors.is_empty()));
            ListenerRef::from_pid(pid).stop().unwrap();
            assert_eq!(down_reason(monitor), ExitReason::Normal);
        });
    }
}
