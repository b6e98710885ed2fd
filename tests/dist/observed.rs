//! Looks at nodes, and at programs that are other nodes.

use std::time::Duration;

use procession::Node;
use procession::net_kernel::NetKernel;
use procession::observer::{self, NodeInfo, Options};
use procession::prelude::*;
use procession::process::{Builder, WaitsFor};
use procession::rpc::RpcError;
use procession::term::{self, Term, atom};
use serde::Deserialize;

use super::support::rust::{Rust, expect_term, ping, process_there};
use super::support::twin::{Parent, Twin};
use super::support::wait::{down_reason, exit_and_wait, wait_until};

/// Only a failing test waits so long.
const LONG: Duration = Duration::from_secs(20);

/// What is shown of another node.
#[track_caller]
fn info_of(node: Node) -> NodeInfo {
    let nodes = observer::snapshot().nodes;
    nodes.into_iter().find(|it| it.node == node).expect("it is connected")
}

#[test]
fn a_connected_node_is_shown_with_what_has_gone_by_the_connection() {
    let Some(rust) = Rust::start() else { return };
    assert_eq!(observer::snapshot().nodes, []);
    let beam = rust.beam();
    let there = process_there(&beam, "Pid = Message, Pid ! got");
    let before = info_of(there.node());
    assert!(before.hidden);
    assert_eq!((before.queued_bytes, before.waiting_senders), (0, 0));

    for _ in 0..10 {
        process::send(there, process::self_pid());
    }
    (0..10).for_each(|_| assert_eq!(expect_term::<Term>(), atom("got").into()));
    let after = info_of(there.node());
    assert!(after.messages_received - before.messages_received >= 10, "{after:?} {before:?}");
    assert!(after.bytes_received - before.bytes_received >= 10 * 10, "{after:?} {before:?}");
    // What the writer has written it counts a moment later.
    wait_until(|| info_of(there.node()).messages_sent - before.messages_sent >= 10);
    let after = info_of(there.node());
    assert!(after.bytes_sent - before.bytes_sent >= 10 * 10, "{after:?} {before:?}");
    assert!(after.connected_for > before.connected_for);
    let printed = observer::snapshot().to_string();
    assert!(printed.contains(&format!("connected nodes\n    {}", there.node())), "{printed}");
    let metrics = observer::snapshot().metrics().to_string();
    let sent = format!("\nprocession_node_messages_sent_total{{node=\"{}\"}} ", there.node());
    assert!(metrics.contains(&sent), "{metrics}");

    drop(beam);
    wait_until(|| observer::snapshot().nodes.is_empty());
}

#[test]
fn a_node_that_takes_nothing_is_shown_with_what_waits_and_who() {
    let Some(rust) = Rust::start() else { return };
    let beam = rust.beam();
    let there = process_there(&beam, "_ = Message");
    beam.signal("STOP");
    let (sender, monitor) = process::spawn_monitor(move || {
        loop {
            process::send(there, Term::Binary(vec![7; 64 << 10].into()));
        }
    })
    .unwrap();
    // The system keeps some of it first.
    let waits = Some(WaitsFor::Room { of: None });
    wait_until(|| {
        let snapshot = observer::snapshot();
        let [info] = &*snapshot.nodes else { panic!("{:?}", snapshot.nodes) };
        info.waiting_senders == 1
            && info.queued_bytes > 64 << 10
            && snapshot.process(sender).unwrap().info.waits_for == waits
    });
    process::exit(sender, ExitReason::Shutdown);
    assert_eq!(down_reason(monitor), ExitReason::Shutdown);
    assert_eq!(info_of(there.node()).waiting_senders, 0);
    beam.signal("CONT");
    wait_until(|| info_of(there.node()).queued_bytes == 0);
}

/// What the tests look at in the snapshot of another program.
#[derive(Debug, Deserialize)]
struct Shown {
    processes: Vec<Process>,
    nodes: Vec<Neighbour>,
}

#[derive(Debug, Deserialize)]
struct Process {
    pid: String,
    label: Option<String>,
    waits_for: Option<Waits>,
    message_queue_len: usize,
    cpu_time: Option<Duration>,
}

#[derive(Debug, Deserialize, PartialEq)]
enum Waits {
    Message,
    Hibernation,
    Reply(Vec<String>),
    Start(Vec<String>),
    Ends(Vec<String>),
    Time,
    Name,
    Room(Vec<String>),
    Thread,
    Outside,
}

#[derive(Debug, Deserialize)]
struct Neighbour {
    node: String,
    hidden: bool,
}

/// Does what the test looks at: one process waits for a reply of another.
fn serve(parent: &Parent) {
    let (slow, _) = process::spawn_monitor(|| {
        process::set_label("collects stamps");
        process::receive_match(|_| false);
    })
    .unwrap();
    process::send(slow, 1);
    process::send(slow, 2);
    let client = move || _ = procession::sys::of(slow).timeout(Duration::MAX).get_status();
    let client = Builder::new().spawn(client).unwrap();
    parent.tell(&[slow.to_string(), client.to_string()]);
    _ = parent.told::<bool>();
}

fn start(offer: fn(NetKernel) -> NetKernel) -> Option<(Rust, Twin, [String; 2])> {
    let (rust, twin) = Rust::start_both_with(offer, serve)?;
    let pids = twin.told();
    Some((rust, twin, pids))
}

#[test]
fn a_program_looks_at_the_processes_of_another() {
    let Some((_rust, twin, [slow, client])) = start(observer::offer) else { return };
    let with_times = Options::new().cpu_times(true);
    let look = || observer::snapshot_of_with(twin.node(), with_times, LONG).unwrap();
    let find = |shown: Shown, pid: &str| shown.processes.into_iter().find(|it| it.pid == pid);
    wait_until(|| {
        let client = find(look().read().unwrap(), &client).unwrap();
        client.waits_for == Some(Waits::Reply(vec![slow.clone()]))
    });
    let snapshot = observer::snapshot_of(twin.node()).unwrap();
    assert_eq!(snapshot.node(), twin.node());
    let shown: Shown = snapshot.read().unwrap();
    assert_eq!(shown.nodes.len(), 1);
    assert_eq!((&*shown.nodes[0].node, shown.nodes[0].hidden), (Node::local().name(), true));
    let slow_there = find(shown, &slow).unwrap();
    assert_eq!(slow_there.label.as_deref(), Some("collects stamps"));
    assert_eq!((slow_there.waits_for, slow_there.message_queue_len), (Some(Waits::Message), 3));
    assert_eq!(slow_there.cpu_time, None);
    assert!(find(look().read().unwrap(), &slow).unwrap().cpu_time.is_some());

    // As it would be as JSON: what is a text of Rust, and the name of a field, is a binary here.
    let spelt = term::to_term(&snapshot).unwrap().to_string().replace(" => ", "=>");
    assert!(spelt.contains(r#"<<"label">>=><<"collects stamps">>"#), "{spelt}");
    let reply = format!(r#"<<"waits_for">>=>#{{<<"Reply">>=>[<<"{slow}">>]}}"#);
    assert!(spelt.contains(&reply), "{reply} {spelt}");
    assert!(spelt.contains(r#"<<"cpu_time">>=>undefined"#), "{spelt}");
    assert!(spelt.contains(r#"<<"status">>=><<"Waiting">>"#), "{spelt}");
    assert!(spelt.contains(r#"<<"trap_exit">>=>false"#), "{spelt}");
}

#[test]
fn a_program_that_does_not_offer_it_is_not_looked_at() {
    let Some((_rust, twin, _)) = start(|node| node) else { return };
    let error = observer::snapshot_of(twin.node()).unwrap_err();
    let RpcError::BadRpc(reason) = &error else { panic!("{error}") };
    assert!(reason.to_string().contains("undef"), "{reason}");
    drop(twin);
}

#[test]
fn a_node_of_erlang_looks_at_a_program() {
    let Some(rust) = Rust::start_with(observer::offer) else { return };
    let beam = rust.beam();
    assert_eq!(ping(&beam), "pong");
    let idle = process::spawn(|| _ = process::receive_match(|_| false)).unwrap();
    process::register("observed", idle).unwrap();
    let names = "maps:get(names, erpc:call('rust@127.0.0.1', procession, snapshot, [true, true]))";
    let source = format!("lists:member(<<\"observed\">>, [maps:get(name, N) || N <- {names}])");
    assert_eq!(beam.eval(&source), "true");
    exit_and_wait(idle, ExitReason::Kill);
}

#[cfg(feature = "observer-web")]
mod page {
    use std::io::{Read, Write};
    use std::net::{SocketAddr, TcpStream};

    use procession::listener::LocalAddr;
    use procession::node;
    use procession::observer::web::{Web, WebRef};

    use super::*;

    fn serve_page() -> (WebRef, SocketAddr) {
        let web = Web::new().start_link().unwrap();
        let LocalAddr::Tcp(address) = web.get_addr().unwrap() else { panic!("it listens on TCP") };
        (web, address)
    }

    /// Asks for the processes of a node. Returns the status and the body.
    fn ask(address: SocketAddr, node: &str) -> (String, String) {
        let mut stream = TcpStream::connect(address).unwrap();
        let path = format!("/snapshot.json?node={node}");
        write!(stream, "GET {path} HTTP/1.1\r\nHost: {address}\r\n\r\n").unwrap();
        let mut response = String::new();
        stream.read_to_string(&mut response).unwrap();
        let (head, body) = response.split_once("\r\n\r\n").unwrap();
        (head.lines().next().unwrap().to_owned(), body.trim().to_owned())
    }

    #[test]
    fn of_a_program_shows_the_processes_of_another() {
        let Some((_rust, twin, [slow, _])) = start(observer::offer) else { return };
        let (web, address) = serve_page();
        node::connect(twin.node()).unwrap();
        let (status, body) = ask(address, twin.node().name());
        assert_eq!(status, "HTTP/1.1 200 OK");
        assert!(body.contains(&format!("\"pid\":\"{slow}\"")), "{body}");
        assert!(body.contains("\"label\":\"collects stamps\""), "{body}");

        // Nobody is dialled for a page.
        let (status, body) = ask(address, "nobody@127.0.0.1");
        assert_eq!(status, "HTTP/1.1 404 Not Found");
        assert_eq!(body, "no node of this name is connected");
        twin.signal("STOP");
        let (status, _) = ask(address, twin.node().name());
        assert_eq!(status, "HTTP/1.1 504 Gateway Timeout");
        twin.signal("CONT");
        web.stop().unwrap();
    }

    #[test]
    fn of_a_program_says_that_another_does_not_show_itself() {
        let Some((_rust, twin, _)) = start(|node| node) else { return };
        let (web, address) = serve_page();
        node::connect(twin.node()).unwrap();
        let (status, body) = ask(address, twin.node().name());
        assert_eq!(status, "HTTP/1.1 409 Conflict");
        assert!(body.contains("observer::offer"), "{body}");
        web.stop().unwrap();
    }
}
