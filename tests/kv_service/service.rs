//! The service, started for a test.

use std::fs;
use std::path::{Path, PathBuf};

use crate::support::example;
use crate::support::program::{Ended, Program, fits};

use super::client::Client;

/// A directory that a test has for itself. It is removed when the test has passed.
pub(crate) struct Dir(PathBuf);

impl Dir {
    pub(crate) fn new(test: &str) -> Dir {
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("kv_service-{test}"));
        if path.exists() {
            fs::remove_dir_all(&path).unwrap();
        }
        Dir(path)
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    /// Starts the service on what is here, on a free port.
    pub(crate) fn start(&self, options: &[&str]) -> Service {
        let dir = self.0.to_str().unwrap();
        let program =
            example::start("kv_service", &[&["--port", "0", "--dir", dir], options].concat());
        let line = program.line();
        assert!(fits(&line, "listening on 127.0.0.1:#\n"), "{line}");
        let port = line.trim_end().rsplit(':').next().unwrap().parse().unwrap();
        let hint = format!(
            "talk to it with `redis-cli -p {port}`, or `nc 127.0.0.1 {port}` and type PING\n"
        );
        assert!(program.line().starts_with(&format!("data in {dir}, appendfsync ")));
        assert_eq!(program.line(), hint);
        assert_eq!(program.line(), "press Ctrl-C to stop it\n");
        Service { program, port }
    }
}

impl Drop for Dir {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            _ = fs::remove_dir_all(&self.0);
        }
    }
}

pub(crate) struct Service {
    pub(crate) program: Program,
    pub(crate) port: u16,
}

impl Service {
    pub(crate) fn connect(&self) -> Client {
        Client::connect(self.port)
    }

    /// Stops it in order, and returns what it has logged.
    #[track_caller]
    pub(crate) fn stop(self) -> String {
        let Ended { code, output, errors } = self.end_by("TERM");
        let expected = (Some(0), "stopped, and all is saved\n");
        assert_eq!((code, output.as_str()), expected, "{errors}");
        errors
    }

    #[track_caller]
    pub(crate) fn end_by(self, signal: &str) -> Ended {
        self.program.signal(signal);
        self.program.finish()
    }

    /// How many bytes of memory it takes at most, up to now.
    pub(crate) fn peak_memory(&self) -> usize {
        let status = fs::read_to_string(format!("/proc/{}/status", self.program.id())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
        let kilobytes: usize = line.trim().strip_suffix(" kB").unwrap().parse().unwrap();
        kilobytes << 10
    }

    /// It has taken less than `bytes` more than it had taken `before`.
    #[track_caller]
    pub(crate) fn assert_grown_less(&self, before: usize, bytes: usize) {
        let peak = self.peak_memory();
        assert!(peak < before + bytes, "it has taken {peak} bytes, and {before} before");
    }
}
