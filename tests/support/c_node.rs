//! A node in C, `c_node.c`, where a C compiler and the library `ei` of Erlang are installed.

use std::env;
use std::fs;
use std::io::{self, BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use super::beam::{Cluster, cookie};
use super::rust::NAME;

/// The program, which is removed with this.
#[derive(Debug)]
pub(crate) struct Program(PathBuf);

/// A running node. It is killed if the test gives it up.
#[derive(Debug)]
pub(crate) struct CNode(Child);

impl Program {
    /// Compiles it for the test `test`; `None`, with a message, if there is no `gcc` or `ei.h`.
    pub(crate) fn compile(test: &str) -> Option<Program> {
        let has_ei = Command::new("gcc")
            .args(["-E", "-include", "ei.h", "-x", "c", "/dev/null"])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status()
            .is_ok_and(|it| it.success());
        if !has_ei {
            // Also shown if the test passes.
            _ = writeln!(io::stderr(), "skipped: there is no `gcc`, or no `ei.h`, for a node in C");
            return None;
        }
        let source = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/c_node.c");
        let program = format!("c_node-{test}-{}", std::process::id());
        let program = Program(Path::new(env!("CARGO_TARGET_TMPDIR")).join(program));
        let compiled = Command::new("gcc")
            .args(["-Wall", "-Wextra", "-Werror", "-pthread", source, "-o"])
            .arg(&program.0)
            .arg("-lei")
            .status();
        assert!(compiled.unwrap().success(), "c_node.c does not compile");
        Some(program)
    }

    /// Starts the node `name@127.0.0.1`, which connects with the node of this program.
    pub(crate) fn dial(&self, name: &str, cluster: &Cluster) -> CNode {
        CNode(self.start(name, cluster, "dial").spawn().unwrap())
    }

    /// Starts the node `name@127.0.0.1`, and returns when it waits for one that connects with it.
    pub(crate) fn accept(&self, name: &str, cluster: &Cluster) -> CNode {
        let mut child = self.start(name, cluster, "accept").stdout(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        assert_eq!(line, "published\n");
        CNode(child)
    }

    fn start(&self, name: &str, cluster: &Cluster, way: &str) -> Command {
        let mut command = Command::new(&self.0);
        command.args([&format!("{name}@127.0.0.1"), cookie(), NAME, way]);
        command.env("ERL_EPMD_PORT", cluster.epmd_port().to_string());
        command
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        _ = fs::remove_file(&self.0);
    }
}

impl CNode {
    /// Waits until it has ended of itself.
    #[track_caller]
    pub(crate) fn expect_end(mut self) {
        assert!(self.0.wait().unwrap().success());
    }
}

impl Drop for CNode {
    fn drop(&mut self) {
        // Both fail if it has ended, and then there is nothing to do.
        _ = self.0.kill();
        _ = self.0.wait();
    }
}
