//! A second program that is a node: this binary once more, which runs the same test and, where that
//! starts the second program, is it.
//!
//! Both tell each other values, as terms, besides what they do as nodes.

use std::env;
use std::io::{self, BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc;

use serde::Serialize;
use serde::de::DeserializeOwned;

use procession::Node;
use procession::net_kernel::NetKernel;
use procession::prelude::*;
use procession::term;

use super::beam::{COOKIE_VARIABLE, Cluster, cookie};
use super::wait::test_timeout;

/// The variables of the environment by which the second program knows what it is.
const NAME: &str = "PROCESSION_TEST_TWIN";
const EPMD_PORT: &str = "PROCESSION_TEST_TWIN_EPMD_PORT";

/// What stands before a line that is a value.
const MARKER: &str = "#twin ";

/// A second program. It is killed if the test gives it up.
#[derive(Debug)]
pub(crate) struct Twin {
    name: String,
    child: Child,
    input: ChildStdin,
    values: mpsc::Receiver<Vec<u8>>,
}

/// The first program, as the second one sees it.
#[derive(Debug)]
pub(crate) struct Parent {
    values: mpsc::Receiver<Vec<u8>>,
}

impl Twin {
    /// Starts the node `name@127.0.0.1`, and waits until it is up.
    pub(crate) fn start(name: &str, cluster: &Cluster) -> Twin {
        let name = format!("{name}@127.0.0.1");
        let thread = std::thread::current();
        let test = thread.name().expect("a test's thread has its name");
        let mut child = Command::new(env::current_exe().unwrap())
            .args(["--exact", test, "--nocapture"])
            .env(NAME, &name)
            .env(EPMD_PORT, cluster.epmd_port().to_string())
            .env(COOKIE_VARIABLE, cookie())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let input = child.stdin.take().unwrap();
        let values = forward_values(BufReader::new(child.stdout.take().unwrap()), || {});
        let twin = Twin { name, child, input, values };
        twin.told::<bool>();
        twin
    }

    /// The node that it is.
    pub(crate) fn node(&self) -> Node {
        Node::named(&self.name)
    }

    /// Tells it a value.
    pub(crate) fn tell(&mut self, value: &(impl Serialize + ?Sized)) {
        self.input.write_all(line(value).as_bytes()).unwrap();
    }

    /// Waits for a value that it tells.
    #[track_caller]
    pub(crate) fn told<T: DeserializeOwned>(&self) -> T {
        let value = self.values.recv_timeout(test_timeout());
        term::from_slice(&value.expect("the second program should have told a value")).unwrap()
    }

    /// Sends it a signal, as `kill` does: `"STOP"`, `"CONT"`, `"KILL"`.
    pub(crate) fn signal(&self, signal: &str) {
        let kill = format!("kill -{signal} {}", self.child.id());
        assert!(Command::new("sh").args(["-c", &kill]).status().unwrap().success());
    }

    /// Kills it, and waits until it is gone.
    pub(crate) fn kill(&mut self) {
        // Both fail if it has exited, and then there is nothing to do.
        _ = self.child.kill();
        _ = self.child.wait();
    }
}

impl Drop for Twin {
    fn drop(&mut self) {
        self.kill();
    }
}

impl Parent {
    /// Tells it a value.
    pub(crate) fn tell(&self, value: &(impl Serialize + ?Sized)) {
        let mut output = io::stdout();
        output.write_all(line(value).as_bytes()).unwrap();
        output.flush().unwrap();
    }

    /// Waits for a value that it tells.
    #[track_caller]
    pub(crate) fn told<T: DeserializeOwned>(&self) -> T {
        let value = self.values.recv().expect("the program ends with its parent");
        term::from_slice(&value).unwrap()
    }
}

/// The name of the node that this program is to be, if it is the second one.
pub(crate) fn own_name() -> Option<String> {
    env::var(NAME).ok()
}

/// The port of the EPMD that both programs ask.
pub(crate) fn epmd_port() -> u16 {
    env::var(EPMD_PORT).unwrap().parse().unwrap()
}

/// The node that the second program is.
pub(crate) fn node(name: &str) -> NetKernel {
    NetKernel::named(name).cookie(cookie()).epmd_port(epmd_port()).embedded_epmd().hidden(true)
}

/// Runs `body` in a process of a node, and waits for the end of the first program, with which this
/// one ends.
pub(crate) fn run(
    name: &str,
    options: fn(NetKernel) -> NetKernel,
    body: impl FnOnce(&Parent) + Send + 'static,
) -> ! {
    let _net = options(node(name)).start_link().unwrap();
    let end = || std::process::exit(0);
    let parent = Parent { values: forward_values(BufReader::new(io::stdin()), end) };
    parent.tell(&true);
    let (_, monitor) = process::spawn_monitor(move || body(&parent)).unwrap();
    let reason = receive! { down: Down if down.monitor == monitor => down.reason };
    if let Some(panic) = reason.as_panic() {
        panic!("the second program: {panic}");
    }
    loop {
        process::receive();
    }
}

/// A line that is a value: its bytes, in hexadecimal digits.
fn line(value: &(impl Serialize + ?Sized)) -> String {
    let bytes = term::to_vec(value).unwrap();
    let digits: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    format!("\n{MARKER}{digits}\n")
}

/// Sends on each value in `stream`, in a process that ends with it, after it has done `then`.
fn forward_values(
    stream: impl BufRead + Send + 'static,
    then: impl FnOnce() + Send + 'static,
) -> mpsc::Receiver<Vec<u8>> {
    let (forward, values) = mpsc::channel();
    let read = move || {
        for line in stream.lines().map_while(Result::ok) {
            let Some(digits) = line.strip_prefix(MARKER) else { continue };
            let byte = |at| u8::from_str_radix(&digits[at..at + 2], 16).unwrap();
            // Nobody may be interested any more.
            _ = forward.send((0..digits.len()).step_by(2).map(byte).collect());
        }
        then();
    };
    process::spawn(read).unwrap();
    values
}
