//! This program as a node, with a cluster around it.
//!
//! A program is one node, and tests run beside each other. So a test that begins with one of these
//! starts is run by a program of its own: this binary once more, which runs that test alone.

use std::cell::Cell;
use std::env;
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::process::Command;

use serde::de::DeserializeOwned;

use procession::Node;
use procession::net_kernel::NetKernel;
use procession::prelude::*;
use procession::term::{self, Term};

use super::beam::{Beam, Cluster, cookie, free_port};
use super::relay::{Relay, Way};
use super::twin::{self, Parent, Twin};
use super::wait::{expect, expect_exit, wait_until};

/// The name of the node that this program is.
pub(crate) const NAME: &str = "rust@127.0.0.1";

/// Set in the environment of a program that runs one test.
const OWN_PROGRAM: &str = "PROCESSION_TEST_OWN_PROGRAM";

/// A cluster with this program as a node.
pub(crate) struct Rust {
    pub(crate) cluster: Cluster,
    pub(crate) net: Option<SupervisorRef>,
}

impl Rust {
    /// Makes this program a node. Returns `None` if there is no Erlang here, with a message, and if
    /// another program has run the test, which has passed then.
    pub(crate) fn start() -> Option<Rust> {
        Rust::start_with(|node| node)
    }

    pub(crate) fn start_with(options: impl FnOnce(NetKernel) -> NetKernel) -> Option<Rust> {
        is_own_program().then(Cluster::start)?.map(|cluster| Rust::start_in(cluster, options))
    }

    fn start_in(cluster: Cluster, options: impl FnOnce(NetKernel) -> NetKernel) -> Rust {
        let net = options(node(&cluster)).start_link().unwrap();
        Rust { cluster, net: Some(net) }
    }

    /// Makes this program a node that is the EPMD of its cluster, too.
    pub(crate) fn start_as_epmd() -> Option<Rust> {
        let mut cluster = is_own_program().then(Cluster::start)??;
        cluster.stop_epmd();
        Some(Rust::start_in(cluster, NetKernel::embedded_epmd))
    }

    /// Starts the node `beam@127.0.0.1`, and makes this program a node that finds it at a relay.
    pub(crate) fn start_behind_a_relay(
        options: impl FnOnce(NetKernel) -> NetKernel,
    ) -> Option<(Rust, Beam, Relay)> {
        let cluster = is_own_program().then(Cluster::start)??;
        let beam = cluster.beam("beam");
        let relay = Relay::to(cluster.address_of("beam"));
        let behind = |node: NetKernel| options(node.peer(beam.name(), relay.address()));
        let rust = Rust::start_in(cluster, behind);
        Some((rust, beam, relay))
    }

    /// Makes this program a node, and starts a second one, the node `twin@127.0.0.1`, which runs
    /// `body` in a process and lives until it is given up.
    ///
    /// One of them is the EPMD, so no Erlang is needed. The second program runs the test up to
    /// here, so the test begins with this.
    pub(crate) fn start_with_twin(
        body: impl FnOnce(&Parent) + Send + 'static,
    ) -> Option<(Rust, Twin)> {
        Rust::start_both_with(|node| node, body)
    }

    /// The same, with options for both nodes.
    pub(crate) fn start_both_with(
        options: fn(NetKernel) -> NetKernel,
        body: impl FnOnce(&Parent) + Send + 'static,
    ) -> Option<(Rust, Twin)> {
        if let Some(name) = twin::own_name() {
            twin::run(&name, options, body);
        }
        if !is_own_program() {
            return None;
        }
        let embedded = |node: NetKernel| options(node.embedded_epmd());
        let rust = Rust::start_in(Cluster::without_epmd(), embedded);
        let twin = Twin::start("twin", &rust.cluster);
        Some((rust, twin))
    }

    /// Starts the node `beam@127.0.0.1`, and makes this program a node. Both find each other at
    /// relays.
    pub(crate) fn start_between_relays(
        options: impl FnOnce(NetKernel) -> NetKernel,
    ) -> Option<(Rust, Beam, Relays)> {
        let cluster = is_own_program().then(Cluster::start)??;
        let beam = cluster.beam("beam");
        let (relays, port) = Relays::start("beam", &cluster);
        let net = options(relays.node(port, beam.name())).start_link().unwrap();
        Some((Rust { cluster, net: Some(net) }, beam, relays))
    }

    /// As [`start_both_with`](Self::start_both_with), but both find each other at relays.
    pub(crate) fn start_both_between_relays(
        options: fn(NetKernel) -> NetKernel,
        body: impl FnOnce(&Parent) + Send + 'static,
    ) -> Option<(Rust, Twin, Relays)> {
        let (mut rust, twin) = Rust::start_both_with(options, body)?;
        rust.stop();
        // The second one is the EPMD now.
        wait_until(|| rust.cluster.find("twin").is_some());
        let (relays, port) = Relays::start("twin", &rust.cluster);
        let node = options(relays.node(port, twin.node().name()));
        rust.net = Some(node.start_link().unwrap());
        Some((rust, twin, relays))
    }

    /// Starts the node `beam@127.0.0.1`.
    pub(crate) fn beam(&self) -> Beam {
        self.cluster.beam("beam")
    }

    /// Makes this program a node again, which was [stopped](Self::stop).
    pub(crate) fn start_again(&mut self) {
        self.start_again_with(|node| node);
    }

    /// The same, with options.
    pub(crate) fn start_again_with(&mut self, options: fn(NetKernel) -> NetKernel) {
        // EPMD frees the name a moment after the end of the last life.
        let next = Cell::new(None);
        wait_until(|| match options(node(&self.cluster)).start_link() {
            Ok(net) => {
                next.set(Some(net));
                true
            }
            Err(error) => {
                assert!(error.to_string().contains("has the name"), "{error}");
                process::flush(); // Its exit is told to the test, which traps exits.
                false
            }
        });
        self.net = next.take();
    }

    /// Ends the node, and leaves the rest.
    pub(crate) fn stop(&mut self) {
        let net = self.net.take().unwrap();
        net.stop().unwrap();
        // The test traps exits, and is linked.
        assert_eq!(expect_exit(net.pid()), ExitReason::Normal);
    }
}

impl Drop for Rust {
    fn drop(&mut self) {
        if let Some(net) = self.net.take() {
            _ = net.stop();
        }
    }
}

/// Whether this program runs only the caller's test, which traps exits then. If not, one that does
/// is started, and must succeed.
fn is_own_program() -> bool {
    if env::var_os(OWN_PROGRAM).is_some() {
        process::flush(); // What is told of the node that it was before.
        process::set_trap_exit(true);
        return true;
    }
    let thread = std::thread::current();
    let test = thread.name().expect("a test's thread has its name");
    let mut program = Command::new(env::current_exe().unwrap());
    let program = program.args(["--exact", test, "--nocapture"]).env(OWN_PROGRAM, "");
    let output = program.output().unwrap();
    print!("{}", String::from_utf8_lossy(&output.stdout));
    eprint!("{}", String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{test} has failed in its program: {}", output.status);
    false
}

/// What stands between this program and another node, whichever connects.
#[derive(Debug)]
pub(crate) struct Relays {
    there: Relay,
    back: Relay,
    _announced: TcpStream,
}

impl Relays {
    /// Returns also the port that this program is to listen at.
    fn start(other: &str, cluster: &Cluster) -> (Relays, u16) {
        let port = free_port();
        let there = Relay::to(cluster.address_of(other));
        let back = Relay::to(SocketAddr::from((Ipv4Addr::LOCALHOST, port)));
        there.pair(&back);
        let announced = cluster.announce("rust", back.address().port());
        (Relays { there, back, _announced: announced }, port)
    }

    fn node(&self, port: u16, other: &str) -> NetKernel {
        let node = NetKernel::named(NAME).cookie(cookie()).without_epmd().ports(port..=port);
        let node = node.hidden(true);
        node.peer(other, self.there.address())
    }

    /// Cuts what is connected now.
    pub(crate) fn cut(&self) {
        [&self.there, &self.back].into_iter().for_each(Relay::cut);
    }

    /// Cuts what is connected now, and lets nobody connect until it is
    /// [released](Self::release).
    pub(crate) fn part(&self) {
        for relay in [&self.there, &self.back] {
            [Way::There, Way::Back].into_iter().for_each(|way| relay.hold(way));
        }
        self.cut();
    }

    /// Cuts the connection, once, when so many more bytes have passed this way.
    pub(crate) fn cut_after(&self, way: Way, bytes: usize) {
        let other = if way == Way::There { Way::Back } else { Way::There };
        self.there.cut_after(way, bytes);
        self.back.cut_after(other, bytes);
    }

    /// Lets no more than so many bytes pass in a second, each way.
    pub(crate) fn slow_down(&self, bytes: usize) {
        [&self.there, &self.back].into_iter().for_each(|relay| relay.slow_down(bytes));
    }

    /// Lets bytes pass again, both ways and as many as come.
    pub(crate) fn release(&self) {
        [&self.there, &self.back].into_iter().for_each(Relay::release);
    }
}

/// This program as the node of a cluster, a hidden one: so others have nothing to say to it.
pub(crate) fn node(cluster: &Cluster) -> NetKernel {
    NetKernel::named(NAME).cookie(cookie()).epmd_port(cluster.epmd_port()).hidden(true)
}

pub(crate) fn there(beam: &Beam) -> Node {
    Node::named(beam.name())
}

/// What the other node says if it pings this one.
pub(crate) fn ping(beam: &Beam) -> String {
    beam.eval("net_adm:ping('rust@127.0.0.1')")
}

/// Registers the caller under `name`, whoever had it.
pub(crate) fn register(name: &'static str) {
    _ = process::unregister(name);
    process::register(name, process::self_pid()).unwrap();
}

/// Receives the next term, as the value that it is.
#[track_caller]
pub(crate) fn expect_term<T: DeserializeOwned>() -> T {
    term::from_term(&expect::<Term>()).unwrap()
}

/// The pid of a process of a node of Erlang, as an expression for that node.
pub(crate) fn own_pid(pid: Pid) -> String {
    let text = pid.to_string();
    let numbers: Vec<&str> = text.trim_matches(['<', '>']).split('.').collect();
    format!("c:pid(0, {}, {})", numbers[1], numbers[2])
}

/// Registers the test as `test`, and lets the other node send it the pid of a process there that
/// evaluates `body` for each message `Message` that it gets.
pub(crate) fn process_there(beam: &Beam, body: &str) -> Pid {
    register("test");
    let source = format!(
        "Loop = fun L() -> receive Message -> {body} end, L() end, \
         {{test, 'rust@127.0.0.1'}} ! {{pid, spawn(Loop)}}"
    );
    beam.eval(&source);
    let Term::Tuple(message) = expect::<Term>() else { panic!() };
    term::from_term(&message[1]).unwrap()
}
