//! Programs that are run, and what they print.

use std::fmt::Debug;
use std::io::{BufRead, BufReader, Read, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use procession::prelude::*;

use crate::support::wait::test_timeout;

/// A program that is running, its standard input open. It is killed if the test gives it up.
pub(crate) struct Program {
    child: Child,
    output: MonitorRef,
    errors: MonitorRef,
    /// What has been read of its standard error.
    logged: String,
    deadline: Instant,
}

/// A line of a program's standard output.
#[derive(Debug)]
struct Output(String);

/// A line of a program's standard error.
#[derive(Debug)]
struct Errors(String);

/// What there is to see of a program that has ended.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) code: Option<i32>,
    pub(crate) output: String,
    pub(crate) errors: String,
}

impl Program {
    pub(crate) fn start(path: &Path, arguments: &[&str]) -> Program {
        Program::run(Command::new(path).args(arguments))
    }

    /// Starts a command that is described up to its standard streams.
    pub(crate) fn run(command: &mut Command) -> Program {
        let mut child = command
            .env_remove("RUST_LOG")
            .env("RUST_BACKTRACE", "0")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let output = forward_lines(child.stdout.take().unwrap(), Output);
        let errors = forward_lines(child.stderr.take().unwrap(), Errors);
        let deadline = Instant::now() + test_timeout();
        Program { child, output, errors, logged: String::new(), deadline }
    }

    /// Returns the next line of its standard output.
    #[track_caller]
    pub(crate) fn line(&self) -> String {
        receive! {
            Output(line) => line,
            after self.time_left() => panic!("no line within {:?}", test_timeout()),
        }
    }

    /// Closes its standard input and waits for its end; `output` is what has not been read before.
    #[track_caller]
    pub(crate) fn finish(mut self) -> Ended {
        drop(self.child.stdin.take());
        let mut output = String::new();
        let mut errors = std::mem::take(&mut self.logged);
        let mut open = 2;
        while open > 0 {
            receive! {
                Output(line) => output += &line,
                Errors(line) => errors += &line,
                Down { monitor, reason, .. } if [self.output, self.errors].contains(&monitor) => {
                    assert_eq!(reason, ExitReason::Normal, "its output could not be read");
                    open -= 1;
                }
                after self.time_left() => {
                    panic!("it has not ended within {:?}: {output}{errors}", test_timeout())
                }
            }
        }
        // Both pipes are closed, so it has exited.
        Ended { code: self.child.wait().unwrap().code(), output, errors }
    }

    /// Sends it a signal.
    pub(crate) fn signal(&self, signal: &str) {
        let kill = format!("kill -{signal} {}", self.child.id());
        assert!(Command::new("sh").args(["-c", &kill]).status().unwrap().success());
    }

    fn time_left(&self) -> Duration {
        self.deadline.saturating_duration_since(Instant::now())
    }
}

#[allow(dead_code, reason = "of the tests that run programs some need it")]
impl Program {
    /// Writes to its standard input.
    pub(crate) fn write(&mut self, text: &str) {
        self.child.stdin.as_mut().expect("it is open").write_all(text.as_bytes()).unwrap();
    }

    pub(crate) fn close_input(&mut self) {
        drop(self.child.stdin.take());
    }

    /// Waits for a line of its standard error that contains `text`.
    #[track_caller]
    pub(crate) fn wait_until_logged(&mut self, text: &str) {
        while !self.logged.contains(text) {
            self.logged += &receive! {
                Errors(line) => line,
                after self.time_left() => panic!("no {text:?} in its log:\n{}", self.logged),
            };
        }
    }

    /// The number of the operating system's process.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        // Both fail if it has exited, and then there is nothing to do.
        _ = self.child.kill();
        _ = self.child.wait();
    }
}

/// Sends the caller each line of `stream`; the process that does so ends with it.
fn forward_lines<M: Debug + Send + 'static>(
    stream: impl Read + Send + 'static,
    wrap: fn(String) -> M,
) -> MonitorRef {
    let test = process::self_pid();
    let forward = move || {
        let mut stream = BufReader::new(stream);
        let mut line = String::new();
        while stream.read_line(&mut line).unwrap() > 0 {
            process::send(test, wrap(std::mem::take(&mut line)));
        }
    };
    let (_, monitor) = process::spawn_monitor(forward).unwrap();
    monitor
}

impl Ended {
    /// It went well and printed `expected`, in which `#` stands for any number.
    #[track_caller]
    pub(crate) fn assert_printed(&self, expected: &str) {
        self.assert_printed_and_logged(expected, "");
    }

    /// As `assert_printed`, and this is in its log.
    #[track_caller]
    pub(crate) fn assert_printed_and_logged(&self, output: &str, log: &str) {
        assert_eq!(self.code, Some(0), "{}{}", self.output, self.errors);
        for (text, expected) in [(&self.errors, log), (&self.output, output)] {
            assert!(fits(text, expected), "it printed\n{text}\nwhich should be\n{expected}");
        }
    }

    /// It failed with `code` and printed `expected` as an error, and nothing else.
    #[track_caller]
    pub(crate) fn assert_failed(&self, code: i32, expected: &str) {
        assert_eq!((self.code, self.output.as_str()), (Some(code), ""), "{}", self.errors);
        assert_eq!(self.errors, expected);
    }
}

/// Whether `text` is `expected`, in which `#` stands for any number.
pub(crate) fn fits(text: &str, expected: &str) -> bool {
    let mut pieces = expected.split('#');
    let first = pieces.next().and_then(|piece| text.strip_prefix(piece));
    let rest = first.and_then(|rest| {
        pieces.try_fold(rest, |rest, piece| {
            let after = rest.trim_start_matches(|c: char| c.is_ascii_digit());
            after.strip_prefix(piece).filter(|_| after.len() < rest.len())
        })
    });
    rest == Some("")
}
