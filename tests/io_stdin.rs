//! Standard input. Each test runs itself again, as a program of its own that reads what it is fed.

#![cfg(all(feature = "io", target_os = "linux"))]
#![allow(clippy::disallowed_macros, reason = "the programs print")]

use std::env;
use std::io::{BufRead, BufReader, Lines, Read, Write};
use std::process::{ChildStdin, ChildStdout, Command, Stdio};

use procession::dynamic_supervisor::DynamicSupervisor;
use procession::io::{is_interrupted, stdin};
use procession::prelude::*;
use procession::process::Status;

#[allow(dead_code, reason = "this binary needs few of them")]
#[path = "support"]
mod support {
    pub(crate) mod child;
    pub(crate) mod processes;
    pub(crate) mod supervision;
    pub(crate) mod wait;
}

use crate::support::processes::reason;
use crate::support::supervision::process_child;
use crate::support::wait::{down_reason, expect, wait_until};

/// What the one sees who feeds a program.
struct Feeder {
    input: ChildStdin,
    output: Lines<BufReader<ChildStdout>>,
}

/// What the program's lines begin with; the others are those of the test runner.
const MARK: &str = "program: ";

/// Prints a line for the feeder.
fn tell(text: &str) {
    println!("\n{MARK}{text}");
}

impl Feeder {
    fn feed(&mut self, text: &str) {
        self.input.write_all(text.as_bytes()).unwrap();
        self.input.flush().unwrap();
    }

    /// Waits until the program has told this.
    #[track_caller]
    fn expect(&mut self, expected: &str) {
        let lines = self.output.by_ref().map(Result::unwrap);
        let mut told = lines.filter_map(|line| line.strip_prefix(MARK).map(str::to_owned));
        assert_eq!(told.next().as_deref(), Some(expected));
    }
}

/// Runs the calling test again, as a program that does `scene`, and which `feed` feeds. The input
/// ends when `feed` returns. Fails if the program does.
#[track_caller]
fn program(scene: fn(), feed: impl FnOnce(&mut Feeder)) {
    const IS_PROGRAM: &str = "PROCESSION_TEST_STDIN";
    if env::var_os(IS_PROGRAM).is_some() {
        scene();
        std::process::exit(0);
    }
    let thread = std::thread::current();
    let test = thread.name().expect("a test's thread has its name");
    let mut child = Command::new(env::current_exe().unwrap())
        .args(["--exact", test, "--nocapture"])
        .env(IS_PROGRAM, "1")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let output = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut feeder = Feeder { input: child.stdin.take().unwrap(), output };
    feed(&mut feeder);
    let Feeder { input, output } = feeder;
    drop(input);
    output.for_each(drop);
    assert!(child.wait().unwrap().success(), "the program has failed");
}

#[track_caller]
fn wait_until_blocked(pid: Pid) {
    wait_until(|| process::info(pid).is_some_and(|info| info.status == Status::Blocking));
}

/// A process that reads a line, and is blocked in that.
fn blocked_reader() -> (Pid, MonitorRef) {
    let (pid, monitor) = process::spawn_monitor(|| _ = read_line()).unwrap();
    wait_until_blocked(pid);
    (pid, monitor)
}

fn read_line() -> std::io::Result<String> {
    let mut line = String::new();
    stdin().read_line(&mut line).map(|_| line)
}

#[test]
fn is_read_in_lines_to_its_end() {
    let scene = || {
        let lines: Vec<String> = stdin().lock().unwrap().lines().map(Result::unwrap).collect();
        assert_eq!(lines, ["one", "", "three"]);
        assert_eq!(read_line().unwrap(), "");
    };
    program(scene, |it| it.feed("one\n\nthree"));
}

#[test]
fn is_read_in_bytes_and_as_a_whole() {
    let scene = || {
        let mut bytes = [0; 3];
        stdin().read_exact(&mut bytes).unwrap();
        assert_eq!(&bytes, b"one");
        let mut rest = String::new();
        stdin().read_to_string(&mut rest).unwrap();
        assert_eq!(rest.len(), 1_000_000);
    };
    program(scene, |it| it.feed(&format!("one{}", "x".repeat(1_000_000))));
}

#[test]
fn a_line_that_is_not_text_is_an_error_and_the_next_one_is_read() {
    let scene = || {
        assert_eq!(read_line().unwrap_err().kind(), std::io::ErrorKind::InvalidData);
        assert_eq!(read_line().unwrap(), "text\n");
    };
    program(scene, |it| it.input.write_all(b"\xff\ntext\n").unwrap());
}

#[test]
fn exit_signals_kills_and_supervisors_end_its_reader() {
    let scene = || {
        for (sent, expected) in [(reason(), reason()), (ExitReason::Kill, ExitReason::Killed)] {
            let (pid, monitor) = blocked_reader();
            process::exit(pid, sent);
            assert_eq!(down_reason(monitor), expected);
        }
        let supervisor = DynamicSupervisor::new().start_link().unwrap();
        let reader = process_child("a reader", || _ = read_line());
        let child = supervisor.start_child(reader).unwrap();
        wait_until_blocked(child);
        let monitor = process::monitor(child);
        supervisor.terminate_child(child).unwrap();
        assert_eq!(down_reason(monitor), ExitReason::Shutdown);
        tell("done");
    };
    program(scene, |it| it.expect("done"));
}

#[test]
fn an_exit_signal_ends_who_waits_for_its_turn() {
    let scene = || {
        let lock = stdin().lock().unwrap();
        let (pid, monitor) = blocked_reader();
        process::exit(pid, reason());
        assert_eq!(down_reason(monitor), reason());
        drop(lock);
        tell("done");
        assert_eq!(read_line().unwrap(), "a line\n");
    };
    program(scene, |it| {
        it.expect("done");
        it.feed("a line\n");
    });
}

#[test]
fn who_traps_exits_reads_on_after_the_exit_is_received() {
    let scene = || {
        // This thread is the program's own: it always traps exits.
        process::exit(process::self_pid(), reason());
        assert!(is_interrupted(&read_line().unwrap_err()));
        expect::<Exit>();
        tell("done");
        assert_eq!(read_line().unwrap(), "a line\n");
    };
    program(scene, |it| {
        it.expect("done");
        it.feed("a line\n");
    });
}

#[test]
fn a_line_whose_reader_ends_is_not_torn() {
    let scene = || {
        let me = process::self_pid();
        let (pid, monitor) = process::spawn_monitor(move || {
            let mut stdin = stdin().lock().unwrap();
            assert_eq!(stdin.fill_buf().unwrap(), b"half");
            process::send(me, "seen");
            _ = stdin.read_line(&mut String::new());
        })
        .unwrap();
        expect::<&str>();
        wait_until_blocked(pid);
        process::exit(pid, ExitReason::Kill);
        down_reason(monitor);
        tell("killed");
        assert_eq!(read_line().unwrap(), "half a line\n");
    };
    program(scene, |it| {
        it.feed("half");
        it.expect("killed");
        it.feed(" a line\n");
    });
}

#[test]
fn each_line_is_read_by_one_of_several_readers() {
    const LINES: usize = 20_000;
    #[derive(Debug)]
    struct Read(Vec<usize>);
    let scene = || {
        let me = process::self_pid();
        let read_all = move || {
            let mut read = Vec::new();
            loop {
                let line = read_line().unwrap();
                let Some(number) = line.strip_suffix('\n') else { break };
                read.push(number.parse().unwrap());
            }
            process::send(me, Read(read));
        };
        for _ in 0..4 {
            process::spawn(read_all).unwrap();
        }
        let mut all: Vec<usize> = (0..4).flat_map(|_| expect::<Read>().0).collect();
        all.sort_unstable();
        assert!(all.into_iter().eq(0..LINES));
    };
    program(scene, |it| {
        let text: String = (0..LINES).map(|number| format!("{number}\n")).collect();
        it.feed(&text);
    });
}

#[test]
fn its_descriptor_blocks_as_before() {
    let scene = || {
        let flags = || std::fs::read_to_string("/proc/self/fdinfo/0").unwrap();
        let flags = || flags().lines().find(|line| line.starts_with("flags")).unwrap().to_owned();
        let before = flags();
        let (pid, monitor) = blocked_reader();
        assert_eq!(flags(), before);
        process::exit(pid, ExitReason::Kill);
        down_reason(monitor);
        assert_eq!(flags(), before);
        tell("done");
    };
    program(scene, |it| it.expect("done"));
}
