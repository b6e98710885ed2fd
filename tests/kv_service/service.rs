//! The service, started for a test.

use std::fs;
use std::path::{Path, PathBuf};

use rustix::process::{Pid, Resource, Rlimit, getrlimit, prlimit};

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
        self.started(example::start("kv_service", &self.arguments(options)))
    }

    /// As `start`, but a write that would make a file too long fails, and does not end the service.
    pub(crate) fn start_limited(&self, options: &[&str]) -> Service {
        self.started(start_after("trap '' XFSZ", &self.arguments(options)))
    }

    /// The arguments that start the service on what is here.
    pub(crate) fn arguments<'a>(&'a self, options: &[&'a str]) -> Vec<&'a str> {
        [&["--port", "0", "--dir", self.0.to_str().unwrap()], options].concat()
    }

    fn started(&self, program: Program) -> Service {
        let dir = self.0.to_str().unwrap();
        let line = program.line();
        assert!(fits(&line, "listening on 127.0.0.1:#\n"), "{line}");
        let port = line.trim_end().rsplit(':').next().unwrap().parse().unwrap();
        let hint = format!(
            "talk to it with `redis-cli -p {port}`, or `nc 127.0.0.1 {port}` and type PING\n"
        );
        assert!(program.line().starts_with(&format!("data in {dir}, appendfsync ")));
        assert_eq!(program.line(), hint);
        assert_eq!(program.line(), "press Ctrl-C to stop it, or send it SIGTERM\n");
        Service { program, port }
    }
}

/// Starts the service in a shell that has done this before.
pub(crate) fn start_after(before: &str, arguments: &[&str]) -> Program {
    let path = example::path_of("kv_service");
    let script = format!("{before}; exec \"$0\" \"$@\"");
    let words = [&["-c", &script, path.to_str().unwrap()], arguments].concat();
    Program::start(Path::new("/bin/sh"), &words)
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

    /// Lets its files have this many bytes, as if the disk were full then; or as many as before.
    pub(crate) fn limit_files(&self, bytes: Option<u64>) {
        let pid = Pid::from_raw(self.program.id().cast_signed());
        let limit = getrlimit(Resource::Fsize);
        let limit = Rlimit { current: bytes.or(limit.current), ..limit };
        prlimit(pid, Resource::Fsize, limit).unwrap();
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
