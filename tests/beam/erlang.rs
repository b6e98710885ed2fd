//! The process of the operating system that runs scenarios on the BEAM.

use std::io::{Read, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Stdio};

use crate::script::Script;
use crate::support::erlang;

/// One `erl`, which runs one scenario after the other.
#[derive(Debug)]
pub(crate) struct Erlang {
    child: Child,
    input: ChildStdin,
    output: ChildStdout,
}

impl Erlang {
    /// Starts it; `None` if there is no Erlang here.
    pub(crate) fn start() -> Option<Erlang> {
        let folder = env!("CARGO_TARGET_TMPDIR");
        if !erlang::is_here() {
            return None;
        }
        erlang::compile("tests/beam/scenario.erl", Path::new(folder));
        // One scheduler: see `scenario.erl`.
        let mut child = erlang::erl()
            .args(["+S", "1", "-noinput", "-pa", folder, "-run", "scenario", "main"])
            .env("ERL_CRASH_DUMP_SECONDS", "0")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("it is here");
        let input = child.stdin.take().expect("it is piped");
        let output = child.stdout.take().expect("it is piped");
        Some(Erlang { child, input, output })
    }

    /// Begins to run `script`.
    pub(crate) fn send(&mut self, script: &Script) {
        let text = script.to_string();
        let length = u32::try_from(text.len()).expect("scenarios are short");
        self.input.write_all(&length.to_be_bytes()).expect("erl reads");
        self.input.write_all(text.as_bytes()).expect("erl reads");
        self.input.flush().expect("erl reads");
    }

    /// Waits for the trace of the script that was sent.
    pub(crate) fn receive(&mut self) -> String {
        let mut length = [0; 4];
        self.output.read_exact(&mut length).expect("erl answers");
        let mut text = vec![0; u32::from_be_bytes(length) as usize];
        self.output.read_exact(&mut text).expect("erl answers");
        String::from_utf8(text).expect("traces are ASCII")
    }
}

impl Drop for Erlang {
    fn drop(&mut self) {
        _ = self.child.kill();
        _ = self.child.wait();
    }
}
