//! Listeners: a process for each connection, as many as there may be, from a pool of acceptors.

use std::io::{self as std_io, BufRead, BufReader, Read, Write};
use std::net::{self, Shutdown as Half, SocketAddr, TcpStream};
use std::os::unix::net as unix;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use parking_lot::Mutex;
use procession::io;
use procession::listener::{Accept, ListenError, Listener, ListenerRef, LocalAddr, Status};
use procession::prelude::*;
use procession::proc_lib;
use procession::supervisor;

use crate::support::processes::{FOREVER, in_process};
use crate::support::rounds::rounds;
use crate::support::wait::{down_reason, expect, expect_exit, test_timeout};

/// Any free port.
pub(crate) const ANY: &str = "127.0.0.1:0";

/// Sends back each line, and panics at `crash`.
pub(crate) fn echo(stream: io::TcpStream) {
    for line in BufReader::new(&stream).lines().map_while(Result::ok) {
        assert_ne!(line, "crash", "the client has asked for it");
        _ = writeln!(&stream, "{line}");
    }
}

pub(crate) fn start(listener: Listener) -> ListenerRef {
    listener.start_link().unwrap()
}

/// Stops a listener that the caller is linked to.
pub(crate) fn stop(listener: &ListenerRef) {
    listener.stop().unwrap();
    process::flush();
}

/// A client of `echo`.
pub(crate) struct Client(pub(crate) BufReader<TcpStream>);

impl Client {
    pub(crate) fn connect(listener: &ListenerRef) -> Client {
        Client::connect_to(&listener.get_addr().unwrap())
    }

    pub(crate) fn connect_to(address: &LocalAddr) -> Client {
        let stream = TcpStream::connect(address).unwrap();
        stream.set_read_timeout(Some(test_timeout())).unwrap();
        Client(BufReader::new(stream))
    }

    pub(crate) fn send(&mut self, line: &str) {
        writeln!(self.0.get_mut(), "{line}").unwrap();
    }

    /// The next line without its end; empty at the end of the stream.
    pub(crate) fn line(&mut self) -> String {
        let mut line = String::new();
        self.0.read_line(&mut line).unwrap();
        line.trim_end().to_owned()
    }

    pub(crate) fn ask(&mut self, line: &str) -> String {
        self.send(line);
        self.line()
    }

    /// Waits until the other side has closed.
    pub(crate) fn expect_end(&mut self) {
        match self.0.read(&mut [0]) {
            Ok(0) => {}
            Err(error) if error.kind() == std_io::ErrorKind::ConnectionReset => {}
            other => panic!("no end, but {other:?}"),
        }
    }
}

/// An address that was free just now.
pub(crate) fn free_address() -> SocketAddr {
    net::TcpListener::bind(ANY).unwrap().local_addr().unwrap()
}

pub(crate) fn is_refused(address: &LocalAddr) -> bool {
    let connected = TcpStream::connect(address);
    connected.is_err_and(|error| error.kind() == std_io::ErrorKind::ConnectionRefused)
}

/// What the process of a connection tells the test.
#[derive(Debug)]
pub(crate) struct Connected(pub(crate) Pid);

/// A protocol whose processes tell `observer` that they are there, and end when they are told to.
pub(crate) fn notify_and_wait<S>(observer: Pid) -> impl Fn(S) + Clone + Send + Sync + 'static {
    move |_stream| {
        process::send(observer, Connected(process::self_pid()));
        receive! { "end" => {} }
    }
}

pub(crate) fn connected() -> Pid {
    let Connected(pid) = expect();
    pid
}

/// Asserts that no connection has been started since, when all acceptors have had their say.
pub(crate) fn assert_no_more(listener: &ListenerRef, active: usize) {
    assert_eq!(listener.info().unwrap().active_connections, active);
    assert!(process::receive_match_timeout(Duration::ZERO, Message::is::<Connected>).is_none());
}

pub(crate) fn end(connection: Pid) {
    let monitor = process::monitor(connection);
    process::send(connection, "end");
    assert_eq!(down_reason(monitor), ExitReason::Normal);
}

pub(crate) fn wait_for(listener: &ListenerRef, number: usize) {
    let waited = listener.wait_for_connections(|active| active == number, test_timeout());
    assert_eq!(waited.unwrap(), Some(number));
}

/// The process of a part of a listener.
pub(crate) fn part(listener: &ListenerRef, id: &str) -> Option<Pid> {
    let children = listener.which_children().unwrap();
    children.iter().find(|child| child.id == id).expect("it has such a part").state.pid()
}

pub(crate) fn kill(pid: Pid) {
    let monitor = process::monitor(pid);
    process::exit(pid, ExitReason::Kill);
    assert_eq!(down_reason(monitor), ExitReason::Killed);
}

mod start_link {
    use super::*;

    // ranch, acceptor_SUITE:tcp_echo.
    #[test]
    fn serves_each_connection_by_a_process_of_its_own() {
        in_process(|| {
            let listener = start(Listener::tcp(ANY, echo));
            let mut one = Client::connect(&listener);
            let mut other = Client::connect(&listener);
            assert_eq!(one.ask("one"), "one");
            assert_eq!(other.ask("other"), "other");
            assert_eq!(listener.connections().unwrap().len(), 2);
            stop(&listener);
        });
    }

    // ranch, acceptor_SUITE:tcp_error_eaddrinuse.
    #[test]
    fn fails_if_the_address_is_taken_and_says_which() {
        in_process(|| {
            process::set_trap_exit(true);
            let taken = net::TcpListener::bind(ANY).unwrap();
            let address = taken.local_addr().unwrap();
            let error = Listener::tcp(address, echo).start_link().unwrap_err();
            let StartError::Failed(reason) = error else { panic!("{error}") };
            let failure: &ListenError = reason.downcast_ref().unwrap();
            assert_eq!(failure.error.kind(), std_io::ErrorKind::AddrInUse);
            assert!(reason.to_string().starts_with(&format!("cannot listen on {address}: ")));
        });
    }

    // ranch, acceptor_SUITE:tcp_local_echo.
    #[test]
    fn listens_on_a_unix_socket_whose_file_goes_when_it_stops() {
        in_process(|| {
            let name = format!("procession-listener-{}.socket", std::process::id());
            let path = std::env::temp_dir().join(name);
            let greet = |mut stream: io::UnixStream| stream.write_all(b"hello").unwrap();
            let listener = start(Listener::unix(&path, greet));
            assert_eq!(listener.get_addr().unwrap(), LocalAddr::Unix(path.clone()));
            let mut text = String::new();
            unix::UnixStream::connect(&path).unwrap().read_to_string(&mut text).unwrap();
            assert_eq!(text, "hello");
            stop(&listener);
            assert!(!path.exists());
        });
    }

    #[test]
    fn leaves_a_file_alone_that_has_come_to_have_the_path_of_its_socket() {
        in_process(|| {
            let name = format!("procession-listener-{}.other", std::process::id());
            let path = std::env::temp_dir().join(name);
            let listener = start(Listener::unix(&path, |_: io::UnixStream| {}));
            std::fs::remove_file(&path).unwrap();
            let _other = unix::UnixListener::bind(&path).unwrap();
            stop(&listener);
            unix::UnixStream::connect(&path).unwrap();
            std::fs::remove_file(&path).unwrap();
        });
    }

    #[test]
    fn registers_the_name_of_the_options() {
        in_process(|| {
            let options = StartOptions::new().name("listener::named");
            Listener::tcp(ANY, echo).start_link_with(options).unwrap();
            let listener = ListenerRef::named("listener::named");
            assert_eq!(listener.info().unwrap().status, Status::Running);
            listener.stop().unwrap();
            assert!(listener.info().is_err());
        });
    }

    #[test]
    fn takes_a_backlog() {
        in_process(|| {
            let listener = start(Listener::tcp(ANY, echo).backlog(1).max_connections(0));
            let address = listener.get_addr().unwrap();
            // Linux lets one more wait than it is told.
            let _waiting = [Client::connect_to(&address), Client::connect_to(&address)];
            let LocalAddr::Tcp(address) = address else { panic!("{address}") };
            let refused = TcpStream::connect_timeout(&address, Duration::from_millis(1));
            assert_eq!(refused.unwrap_err().kind(), std_io::ErrorKind::TimedOut);
            stop(&listener);
        });
    }

    #[test]
    fn starts_as_many_acceptors_as_it_is_told() {
        in_process(|| {
            let listener = start(Listener::tcp(ANY, echo).acceptors(5));
            assert_eq!(listener.acceptors().unwrap().len(), 5);
            assert_eq!(listener.info().unwrap().acceptors, 5);
            stop(&listener);
        });
    }
}

mod child_spec {
    use super::*;

    #[test]
    fn starts_the_listener_again_when_it_has_ended() {
        in_process(|| {
            let web = Listener::tcp(ANY, echo).named_child_spec("listener::again");
            let top = Supervisor::one_for_one().child(web).start_link().unwrap();
            let listener = ListenerRef::named("listener::again");
            let before = listener.whereis().unwrap();
            kill(before);
            top.count_children().unwrap(); // Answered when it has been restarted.
            assert_ne!(listener.whereis(), Some(before));
            let mut client = Client::connect_to(&listener.get_addr().unwrap());
            assert_eq!(client.ask("hello"), "hello");
            top.stop().unwrap();
        });
    }

    #[test]
    fn keeps_a_given_socket_open_from_one_incarnation_to_the_next() {
        in_process(|| {
            let socket = io::TcpListener::bind(ANY).unwrap();
            let address = LocalAddr::Tcp(socket.local_addr().unwrap());
            let listener = Listener::on(socket, echo).named_child_spec("listener::kept");
            let top = Supervisor::one_for_one().intensity(1_000, FOREVER).child(listener);
            let top = top.start_link().unwrap();
            for _ in 0..rounds(20) {
                kill(process::whereis("listener::kept").unwrap());
                assert_eq!(Client::connect_to(&address).ask("hello"), "hello");
            }
            top.stop().unwrap();
            assert!(is_refused(&address));
        });
    }

    #[test]
    fn shows_the_connections_in_the_tree() {
        in_process(|| {
            let protocol = notify_and_wait::<io::TcpStream>(process::self_pid());
            let listener = start(Listener::tcp(ANY, protocol).acceptors(1));
            let _client = Client::connect(&listener);
            let connection = connected();
            let tree = supervisor::tree(listener).unwrap();
            let ids: Vec<_> = tree.children.iter().filter_map(|child| child.id.clone()).collect();
            assert_eq!(ids, ["connections", "control", "acceptors"]);
            assert_eq!(tree.children[0].children[0].state, ChildState::Running(connection));
            assert_eq!(tree.children[2].children[0].id.as_deref(), Some("acceptor 1"));
            stop(&listener);
        });
    }
}

mod protocol {
    use super::*;

    #[derive(Debug)]
    struct Session;

    impl GenServer for Session {
        type Args = io::TcpStream;

        fn init(mut stream: io::TcpStream) -> InitResult<Session> {
            let mut name = [0; 4];
            stream.read_exact(&mut name)?;
            match &name {
                b"fail" => init_error(ExitReason::new("no such user")),
                b"skip" => ignore(),
                b"boom" => panic!("the client has asked for it"),
                _ => {
                    stream.write_all(b"welcome\n")?;
                    ready(Session)
                }
            }
        }
    }

    fn say(listener: &ListenerRef, name: &[u8; 4]) -> Client {
        let mut client = Client::connect(listener);
        client.0.get_mut().write_all(name).unwrap();
        client
    }

    #[test]
    fn is_the_template_of_a_server_whose_init_gets_the_connection() {
        in_process(|| {
            let listener = start(Listener::tcp(ANY, Session::child_template()));
            let mut client = say(&listener, b"anna");
            assert_eq!(client.line(), "welcome");
            // The stream was dropped at the end of `init`, but the server goes on.
            client.expect_end();
            assert_eq!(listener.connections().unwrap().len(), 1);
            let server = ServerRef::<Session>::from_pid(listener.connections().unwrap()[0]);
            server.stop().unwrap();
            wait_for(&listener, 0);
            stop(&listener);
        });
    }

    // ranch, acceptor_SUITE:supervisor_protocol_start_link_crash.
    #[test]
    fn that_does_not_start_closes_the_connection_and_the_next_is_served() {
        in_process(|| {
            let listener = start(Listener::tcp(ANY, Session::child_template()).max_connections(1));
            for name in [b"fail", b"skip", b"boom", b"fail"] {
                say(&listener, name).expect_end();
            }
            assert_eq!(say(&listener, b"anna").line(), "welcome");
            stop(&listener);
        });
    }

    #[test]
    fn that_panics_as_it_starts_closes_the_connection_and_the_next_is_served() {
        in_process(|| {
            let first = AtomicUsize::new(0);
            let template = ChildSpec::template("connection", move |stream: io::TcpStream| {
                assert!(first.fetch_add(1, Ordering::Relaxed) > 0, "the first time");
                Ok(process::spawn_link(move || echo(stream))?)
            });
            let listener = start(Listener::tcp(ANY, template).max_connections(1));
            Client::connect(&listener).expect_end();
            assert_eq!(Client::connect(&listener).ask("hello"), "hello");
            stop(&listener);
        });
    }

    // ranch, acceptor_SUITE:connection_type_supervisor.
    #[test]
    fn may_be_the_template_of_supervisors() {
        in_process(|| {
            let template = ChildSpec::template("tree", |stream: io::TcpStream| {
                let echo =
                    ChildSpec::once("echo", move || Ok(process::spawn_link(move || echo(stream))?));
                let supervisor = Supervisor::one_for_one().start_link()?;
                supervisor.start_child(echo).map_err(|error| StartError::Failed(error.into()))?;
                Ok(supervisor)
            });
            let template = template.child_type(ChildType::Supervisor);
            let listener = start(Listener::tcp(ANY, template));
            assert_eq!(Client::connect(&listener).ask("hello"), "hello");
            let tree = supervisor::tree(listener).unwrap();
            let connection = &tree.children[0].children[0];
            assert_eq!(connection.child_type, ChildType::Supervisor);
            stop(&listener);
        });
    }

    #[test]
    fn may_be_a_closure_with_a_result() {
        in_process(|| {
            let me = process::self_pid();
            let listener = start(Listener::tcp(ANY, move |mut stream: io::TcpStream| {
                process::send(me, Connected(process::self_pid()));
                stream.read_exact(&mut [0; 2])?;
                Ok::<(), ExitReason>(())
            }));
            let client = Client::connect(&listener);
            let monitor = process::monitor(connected());
            drop(client);
            let reason = down_reason(monitor);
            let error: &std_io::Error = reason.downcast_ref().unwrap();
            assert_eq!(error.kind(), std_io::ErrorKind::UnexpectedEof);
            stop(&listener);
        });
    }
}

mod crash {
    use super::*;

    fn unlimited() -> Listener {
        Listener::tcp(ANY, echo).intensity(usize::MAX, FOREVER)
    }

    #[test]
    fn of_a_connection_disturbs_no_other() {
        in_process(|| {
            let listener = start(Listener::tcp(ANY, echo));
            let mut one = Client::connect(&listener);
            let mut other = Client::connect(&listener);
            assert_eq!(one.ask("hello"), "hello");
            other.send("crash");
            other.expect_end();
            assert_eq!(one.ask("still here"), "still here");
            wait_for(&listener, 1);
            stop(&listener);
        });
    }

    #[test]
    fn of_acceptors_refuses_nobody() {
        in_process(|| {
            let listener = start(unlimited());
            let address = listener.get_addr().unwrap();
            let clients = process::spawn_monitor(move || {
                for _ in 0..rounds(1_000) {
                    assert_eq!(Client::connect_to(&address).ask("hello"), "hello");
                }
            });
            let (clients, monitor) = clients.unwrap();
            while process::is_alive(clients) {
                for acceptor in listener.acceptors().unwrap() {
                    kill(acceptor);
                }
            }
            assert_eq!(down_reason(monitor), ExitReason::Normal);
            stop(&listener);
        });
    }

    #[test]
    fn of_the_acceptors_supervisor_refuses_nobody() {
        in_process(|| {
            let listener = start(unlimited());
            let address = listener.get_addr().unwrap();
            let clients = process::spawn_monitor(move || {
                for _ in 0..rounds(300) {
                    assert_eq!(Client::connect_to(&address).ask("hello"), "hello");
                }
            });
            let (clients, monitor) = clients.unwrap();
            while process::is_alive(clients) {
                part(&listener, "acceptors").into_iter().for_each(kill);
            }
            assert_eq!(down_reason(monitor), ExitReason::Normal);
            stop(&listener);
        });
    }

    // ranch, acceptor_SUITE:supervisor_clean_restart.
    #[test]
    fn of_the_supervisor_of_the_connections_keeps_the_socket() {
        in_process(|| {
            let protocol = notify_and_wait::<io::TcpStream>(process::self_pid());
            let listener = Listener::tcp(ANY, protocol).max_connections(2);
            let listener = start(listener.intensity(usize::MAX, FOREVER));
            let address = listener.get_addr().unwrap();
            for _ in 0..rounds(20) {
                let clients: Vec<_> = (0..3).map(|_| Client::connect_to(&address)).collect();
                let served = [connected(), connected()];
                kill(part(&listener, "connections").unwrap());
                assert!(served.iter().all(|pid| !process::is_alive(*pid)));
                end(connected()); // The third has waited for the next incarnation.
                drop(clients);
                wait_for(&listener, 0);
                assert_eq!(listener.get_addr().unwrap(), address);
            }
            stop(&listener);
        });
    }

    #[test]
    fn of_the_control_process_keeps_the_connections_and_the_socket() {
        in_process(|| {
            let listener = start(unlimited());
            let address = listener.get_addr().unwrap();
            let mut client = Client::connect(&listener);
            assert_eq!(client.ask("hello"), "hello");
            kill(part(&listener, "control").unwrap());
            assert_eq!(listener.get_addr().unwrap(), address);
            assert_eq!(client.ask("still here"), "still here");
            assert_eq!(Client::connect(&listener).ask("hello"), "hello");
            stop(&listener);
        });
    }

    #[test]
    fn of_the_control_process_that_unwinds_it_leaves_the_listener_listening() {
        in_process(|| {
            let listener = start(unlimited());
            let address = listener.get_addr().unwrap();
            let control = part(&listener, "control").unwrap();
            let monitor = process::monitor(control);
            proc_lib::stop_with(control, ExitReason::new("failed"), FOREVER).unwrap();
            down_reason(monitor);
            assert_eq!(listener.info().unwrap().status, Status::Running);
            assert_eq!(Client::connect_to(&address).ask("hello"), "hello");
            stop(&listener);
        });
    }

    #[test]
    fn of_a_control_process_that_was_told_to_shut_down_ends_the_listener() {
        in_process(|| {
            process::set_trap_exit(true);
            let listener = start(Listener::tcp(ANY, echo));
            let control = part(&listener, "control").unwrap();
            _ = proc_lib::stop_with(control, ExitReason::Shutdown, FOREVER);
            assert_eq!(expect_exit(listener.pid()), ExitReason::Shutdown);
        });
    }

    #[test]
    fn of_the_listener_leaves_nothing_behind() {
        in_process(|| {
            process::set_trap_exit(true);
            let protocol = notify_and_wait::<io::TcpStream>(process::self_pid());
            let listener = start(Listener::tcp(ANY, protocol));
            let address = listener.get_addr().unwrap();
            let _client = Client::connect(&listener);
            let parts = listener.which_children().unwrap();
            let mut pids: Vec<Pid> = parts.iter().filter_map(|it| it.state.pid()).collect();
            pids.extend(listener.acceptors().unwrap());
            pids.push(connected());
            assert_eq!(pids.len(), 6);
            kill(listener.pid());
            assert_eq!(pids.into_iter().find(|pid| process::is_alive(*pid)), None);
            assert!(is_refused(&address));
        });
    }
}

/// A socket whose results are written in advance; then there is no connection any more.
struct Script(Mutex<Vec<std_io::Result<io::UnixStream>>>);

impl Script {
    fn new(results: impl IntoIterator<Item = std_io::Result<io::UnixStream>>) -> Script {
        let mut results: Vec<_> = results.into_iter().collect();
        results.reverse();
        Script(Mutex::new(results))
    }
}

impl Accept for Script {
    type Stream = io::UnixStream;

    fn accept(&self) -> std_io::Result<io::UnixStream> {
        let next = self.0.lock().pop();
        next.unwrap_or_else(|| {
            process::sleep(FOREVER);
            Err(std_io::ErrorKind::Other.into())
        })
    }

    fn local_addr(&self) -> std_io::Result<LocalAddr> {
        Ok(LocalAddr::Other("a script".to_owned()))
    }
}

mod error {
    use super::*;

    fn failure(code: i32) -> std_io::Result<io::UnixStream> {
        Err(std_io::Error::from_raw_os_error(code))
    }

    /// The system's code of an error.
    fn code(error: rustix::io::Errno) -> i32 {
        error.raw_os_error()
    }

    fn served(results: impl IntoIterator<Item = i32>) -> ListenerRef {
        let (stream, _) = io::UnixStream::pair().unwrap();
        let results = results.into_iter().map(failure).chain([Ok(stream)]);
        let protocol = notify_and_wait::<io::UnixStream>(process::self_pid());
        let listener = Listener::on(Script::new(results), protocol).acceptors(1);
        let listener = start(listener.intensity(usize::MAX, FOREVER));
        connected();
        listener
    }

    #[test]
    fn of_a_connection_that_was_broken_off_is_passed_over() {
        use rustix::io::Errno;

        in_process(|| {
            let gone = [Errno::CONNABORTED, Errno::PROTO, Errno::NETDOWN, Errno::HOSTUNREACH];
            let listener = served(gone.map(code));
            let acceptors = part(&listener, "acceptors").unwrap();
            let children = SupervisorRef::from_pid(acceptors).which_children().unwrap();
            assert_eq!(children[0].restarts, 0);
            stop(&listener);
        });
    }

    #[test]
    fn of_too_few_descriptors_is_outlived() {
        use rustix::io::Errno;

        in_process(|| {
            let short = [Errno::MFILE, Errno::NFILE, Errno::NOBUFS, Errno::NOMEM];
            let listener = served(short.map(code));
            stop(&listener);
        });
    }

    #[test]
    fn of_the_socket_ends_the_acceptor_which_is_restarted() {
        in_process(|| {
            let listener = served([code(rustix::io::Errno::BADF)]);
            let acceptors = part(&listener, "acceptors").unwrap();
            let children = SupervisorRef::from_pid(acceptors).which_children().unwrap();
            assert_eq!(children[0].restarts, 1);
            stop(&listener);
        });
    }

    #[test]
    fn that_comes_again_and_again_ends_the_listener() {
        in_process(|| {
            process::set_trap_exit(true);
            let results = (0..1_000).map(|_| failure(code(rustix::io::Errno::BADF)));
            let protocol = notify_and_wait::<io::UnixStream>(process::self_pid());
            let listener = start(Listener::on(Script::new(results), protocol));
            assert_eq!(expect_exit(listener.pid()), ExitReason::Shutdown);
        });
    }
}

#[test]
fn a_connection_half_closed_by_the_client_gets_its_answers() {
    in_process(|| {
        let listener = start(Listener::tcp(ANY, echo));
        let mut client = Client::connect(&listener);
        client.0.get_mut().write_all(b"one\ntwo\n").unwrap();
        client.0.get_mut().shutdown(Half::Write).unwrap();
        assert_eq!([client.line(), client.line(), client.line()], ["one", "two", ""]);
        stop(&listener);
    });
}

#[test]
fn many_listeners_share_a_protocol() {
    in_process(|| {
        let served = Arc::new(AtomicUsize::new(0));
        let protocol = {
            let served = Arc::clone(&served);
            move |stream: io::TcpStream| {
                served.fetch_add(1, Ordering::SeqCst);
                echo(stream);
            }
        };
        let listeners = [0; 3].map(|_| start(Listener::tcp(ANY, protocol.clone())));
        for listener in &listeners {
            assert_eq!(Client::connect(listener).ask("hello"), "hello");
        }
        listeners.iter().for_each(stop);
        assert_eq!(served.load(Ordering::SeqCst), 3);
    });
}
