//! Nodes of Erlang, with an EPMD of their own, which evaluate what a test asks.

use std::cell::RefCell;
use std::collections::HashMap;
use std::env;
use std::io::{BufRead, BufReader, Read, Write};
use std::mem;
use std::net::{SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::ops::Range;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::Instant;

use once_cell::sync::Lazy;
use procession::prelude::*;

use super::erlang;
use super::wait::{test_timeout, wait_until};

/// In the environment of a program that another one of the tests has started: the cookie of both.
pub(crate) const COOKIE_VARIABLE: &str = "PROCESSION_TEST_COOKIE";

/// Returns the cookie of the nodes of this program. Other programs of the tests have other ones:
/// nodes have the same names there, and ports that were here may be there a moment later.
pub(crate) fn cookie() -> &'static str {
    static OWN: Lazy<String> = Lazy::new(|| {
        env::var(COOKIE_VARIABLE)
            .unwrap_or_else(|_| format!("the cookie of {}", std::process::id()))
    });
    &OWN
}

/// What stands before a line that is an answer.
const MARKER: &str = "#beam ";

/// An EPMD at a port of its own, for nodes that know each other by it. It ends with this.
#[derive(Debug)]
pub(crate) struct Cluster {
    epmd: Option<Child>,
    port: u16,
}

impl Cluster {
    /// Starts an EPMD; `None`, with a message, if there is no Erlang here.
    pub(crate) fn start() -> Option<Cluster> {
        if !erlang::is_here() {
            return None;
        }
        let mut cluster = Cluster::without_epmd();
        cluster.start_epmd();
        Some(cluster)
    }

    /// A cluster in which some node is the EPMD.
    pub(crate) fn without_epmd() -> Cluster {
        Cluster { epmd: None, port: free_port() }
    }

    /// Starts the EPMD at its port, and waits until it is up.
    pub(crate) fn start_epmd(&mut self) {
        // It goes with its input, so it also goes if the test is killed.
        let script = "\"$0\" -relaxed_command_check -address 127.0.0.1 -port \"$1\" & \
                      read -r line; kill $!; wait";
        let child = Command::new("sh")
            .args(["-c", script])
            .arg(erlang::epmd())
            .arg(self.port.to_string())
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        self.epmd = Some(child);
        wait_until(|| TcpStream::connect(("127.0.0.1", self.port)).is_ok());
    }

    /// Ends the EPMD, and waits until it has.
    pub(crate) fn stop_epmd(&mut self) {
        if let Some(mut epmd) = self.epmd.take() {
            drop(epmd.stdin.take());
            epmd.wait().unwrap();
        }
    }

    pub(crate) fn epmd_port(&self) -> u16 {
        self.port
    }

    /// Where the node `name@127.0.0.1` listens, as the EPMD says.
    pub(crate) fn address_of(&self, name: &str) -> SocketAddr {
        self.find(name).expect("the EPMD knows it")
    }

    /// Where the node `name@127.0.0.1` listens, if there is an EPMD that knows it.
    pub(crate) fn find(&self, name: &str) -> Option<SocketAddr> {
        find(self.port, name)
    }

    /// Says to the EPMD that the node `name@127.0.0.1` listens at `port`, for as long as the answer
    /// is kept.
    pub(crate) fn announce(&self, name: &str, port: u16) -> TcpStream {
        let mut epmd = TcpStream::connect(("127.0.0.1", self.port)).unwrap();
        let length = u16::try_from(name.len()).unwrap().to_be_bytes();
        let what = [&b"x"[..], &port.to_be_bytes(), &[72, 0, 0, 6, 0, 6], &length].concat();
        let request = [&what[..], name.as_bytes(), &[0, 0]].concat();
        let length = u16::try_from(request.len()).unwrap().to_be_bytes();
        epmd.write_all(&[&length, &request[..]].concat()).unwrap();
        let mut answer = [0; 2];
        epmd.read_exact(&mut answer).unwrap();
        assert_eq!(answer[1], 0, "the name is taken");
        epmd
    }

    /// Starts the node `name@127.0.0.1`.
    pub(crate) fn beam(&self, name: &str) -> Beam {
        self.beam_with(name, &[])
    }

    /// Starts the node `name@127.0.0.1` with more arguments.
    pub(crate) fn beam_with(&self, name: &str, arguments: &[&str]) -> Beam {
        let name = format!("{name}@127.0.0.1");
        let arguments = [&["-name", &name, "-setcookie", cookie()], arguments].concat();
        Beam::start(name.clone(), self.port, &arguments)
    }

    /// Starts an Erlang that becomes the node `name@127.0.0.1` by [`Beam::begin_life`].
    pub(crate) fn beam_to_be(&self, name: &str) -> Beam {
        Beam::start(format!("{name}@127.0.0.1"), self.port, &[])
    }
}

/// Where the node `name@127.0.0.1` listens, if there is an EPMD at this port that knows it.
pub(crate) fn find(epmd_port: u16, name: &str) -> Option<SocketAddr> {
    let mut epmd = TcpStream::connect(("127.0.0.1", epmd_port)).ok()?;
    let length = u16::try_from(name.len() + 1).unwrap().to_be_bytes();
    epmd.write_all(&[&length, &b"z"[..], name.as_bytes()].concat()).ok()?;
    let mut answer = [0; 4];
    epmd.read_exact(&mut answer).ok()?;
    Some(SocketAddr::from(([127, 0, 0, 1], u16::from_be_bytes([answer[2], answer[3]]))))
}

impl Drop for Cluster {
    fn drop(&mut self) {
        self.stop_epmd();
    }
}

/// A port that nobody listens at, and that no other program of these tests is given while this one
/// runs: it holds the port of the same number for UDP until it ends.
///
/// A port that the system chose would not do, as the system may choose it again, for a socket of
/// another program. These are below those that Linux chooses.
pub(crate) fn free_port() -> u16 {
    const PORTS: Range<u16> = 10_000..32_000;
    let reserve = |port: u16| {
        let reservation = UdpSocket::bind(("127.0.0.1", port)).ok()?;
        TcpListener::bind(("127.0.0.1", port)).ok()?;
        mem::forget(reservation);
        Some(port)
    };
    // So programs that run beside each other seldom try the same.
    let begin = std::process::id() as usize * 37 % PORTS.len();
    let mut ports = PORTS.cycle().skip(begin).take(PORTS.len());
    ports.find_map(reserve).expect("a port is free")
}

/// A node of Erlang. It is killed if the test gives it up.
#[derive(Debug)]
pub(crate) struct Beam {
    name: String,
    child: Child,
    input: RefCell<Option<ChildStdin>>,
    lines: mpsc::Receiver<String>,
    heard: RefCell<Heard>,
}

/// What has been heard of a node.
#[derive(Debug, Default)]
struct Heard {
    is_ready: bool,
    begun: u64,
    results: HashMap<u64, Result<String, String>>,
    /// What it has printed besides.
    log: String,
}

/// An expression that a node evaluates.
#[derive(Debug)]
pub(crate) struct Evaluation(u64);

impl Beam {
    fn start(name: String, epmd_port: u16, arguments: &[&str]) -> Beam {
        let source = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/beam_node.erl");
        let begin = format!(
            "{{ok, M, Code}} = compile:file({source:?}, [binary, report]), \
             {{module, M}} = code:load_binary(M, {source:?}, Code), spawn(M, main, [])."
        );
        let mut child = erlang::erl()
            .args(["+pc", "unicode", "-noshell", "-start_epmd", "false"])
            .args(arguments)
            .args(["-eval", &begin])
            .env("ERL_EPMD_PORT", epmd_port.to_string())
            .env("ERL_CRASH_DUMP_SECONDS", "0")
            .env_remove("ERL_FLAGS")
            .env_remove("ERL_AFLAGS")
            .env_remove("ERL_ZFLAGS")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let input = RefCell::new(child.stdin.take());
        let (heard, lines) = mpsc::channel();
        forward_lines(child.stdout.take().unwrap(), heard.clone());
        forward_lines(child.stderr.take().unwrap(), heard);
        let beam = Beam { name, child, input, lines, heard: RefCell::default() };
        beam.hear_until("be ready", |heard| heard.is_ready);
        beam
    }

    /// Makes it a node, which it was not or is not any more.
    pub(crate) fn begin_life(&self) {
        // EPMD hears of the end of its last life a moment later, and refuses its name until then.
        let start = format!(
            "(fun Start() -> case net_kernel:start(['{}', longnames]) of {{ok, _}} -> ok; \
             {{error, _}} -> Start() end end)()",
            self.name,
        );
        self.eval(&format!("{start}, erlang:set_cookie('{}')", cookie()));
    }

    /// Its end as a node; its processes live on.
    pub(crate) fn end_life(&self) {
        self.eval("ok = net_kernel:stop()");
    }

    /// Its full name.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// The number of the operating system's process.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Evaluates an expression, or several with commas in between, and returns the value of the
    /// last as Erlang prints it.
    #[track_caller]
    pub(crate) fn eval(&self, expression: &str) -> String {
        self.value(self.begin(expression))
    }

    /// Lets it evaluate an expression in a process of its own, and does not wait.
    pub(crate) fn begin(&self, expression: &str) -> Evaluation {
        let number = {
            let mut heard = self.heard.borrow_mut();
            heard.begun += 1;
            heard.begun
        };
        let line = format!("{number} {}.\n", expression.replace('\n', " "));
        let mut input = self.input.borrow_mut();
        input.as_mut().expect("it is open").write_all(line.as_bytes()).unwrap();
        Evaluation(number)
    }

    /// Waits for the value of an expression.
    #[track_caller]
    pub(crate) fn value(&self, evaluation: Evaluation) -> String {
        let result = self.result(evaluation);
        result.unwrap_or_else(|error| panic!("{}: {error}\n{}", self.name, self.log()))
    }

    /// Waits for the value of an expression, or the exception that has ended it.
    #[track_caller]
    pub(crate) fn result(&self, Evaluation(number): Evaluation) -> Result<String, String> {
        self.hear_until("answer", |heard| heard.results.contains_key(&number));
        self.heard.borrow_mut().results.remove(&number).unwrap()
    }

    /// Returns what it has printed besides: its log.
    pub(crate) fn log(&self) -> String {
        let mut heard = self.heard.borrow_mut();
        self.lines.try_iter().for_each(|line| heard.hear(line));
        heard.log.clone()
    }

    /// Waits until there is `text` in its log.
    #[track_caller]
    pub(crate) fn wait_until_logged(&self, text: &str) {
        self.hear_until(text, |heard| heard.log.contains(text));
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

    #[track_caller]
    fn hear_until(&self, what: &str, is_so: impl Fn(&Heard) -> bool) {
        let deadline = Instant::now() + test_timeout();
        let mut heard = self.heard.borrow_mut();
        while !is_so(&heard) {
            let left = deadline.saturating_duration_since(Instant::now());
            match self.lines.recv_timeout(left) {
                Ok(line) => heard.hear(line),
                Err(RecvTimeoutError::Timeout) => {
                    panic!("{} did not {what} in time:\n{}", self.name, heard.log)
                }
                Err(RecvTimeoutError::Disconnected) => {
                    panic!("{} has ended, and did not {what}:\n{}", self.name, heard.log)
                }
            }
        }
    }
}

impl Drop for Beam {
    fn drop(&mut self) {
        self.kill();
    }
}

impl Heard {
    fn hear(&mut self, line: String) {
        let Some(answer) = line.strip_prefix(MARKER) else {
            if !line.trim().is_empty() {
                self.log += &line;
            }
            return;
        };
        let mut words = answer.trim_end_matches('\n').splitn(3, ' ');
        let mut word = || words.next().unwrap_or_default().to_owned();
        let (kind, number, text) = (word(), word().parse(), word());
        match (&*kind, number) {
            ("value", Ok(number)) => _ = self.results.insert(number, Ok(text)),
            ("failed", Ok(number)) => _ = self.results.insert(number, Err(text)),
            _ => self.is_ready = true,
        }
    }
}

/// Sends on each line of `stream`, in a process that ends with it.
fn forward_lines(stream: impl Read + Send + 'static, lines: mpsc::Sender<String>) {
    let forward = move || {
        let mut stream = BufReader::new(stream);
        let mut line = Vec::new();
        while stream.read_until(b'\n', &mut line).is_ok_and(|length| length > 0) {
            if lines.send(String::from_utf8_lossy(&line).into_owned()).is_err() {
                return;
            }
            line.clear();
        }
    };
    process::spawn(forward).unwrap();
}
