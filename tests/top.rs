//! The example `top` in a terminal: what a user sees of it, and what is left of it. The terminal is
//! a real one, a pseudo-terminal, whose screen is read as a terminal's program would show it.

#![cfg(target_os = "linux")]

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::fs::File;
use std::io::{Read, Write};
use std::num::NonZeroU16;
use std::process::{Child, Command, Stdio};
use std::time::Instant;

use procession::prelude::*;
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{LocalModes, OutputModes, Winsize, tcgetattr, tcsetwinsize};
use vt100::Parser;

#[allow(dead_code, reason = "this binary needs few of them")]
#[path = "support"]
mod support {
    pub(crate) mod example;
    pub(crate) mod program;
    pub(crate) mod wait;
}

use crate::support::example::path_of;
use crate::support::wait::test_timeout;

/// What the terminal got.
#[derive(Debug)]
struct Written(Vec<u8>);

/// The example in a terminal of its own, of 80 columns and 24 lines.
struct Terminal {
    child: Child,
    /// The side of whoever looks at the screen and presses keys.
    master: File,
    /// The side of the program, kept open, so that it can be looked at afterwards.
    slave: File,
    parser: Parser,
    deadline: Instant,
}

impl Terminal {
    fn start(arguments: &[&str]) -> Terminal {
        let master =
            openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC).unwrap();
        grantpt(&master).unwrap();
        unlockpt(&master).unwrap();
        let name = ptsname(&master, Vec::new()).unwrap();
        let slave = File::options().read(true).write(true).open(name.to_str().unwrap()).unwrap();
        let master = File::from(master);
        set_size(&master, 80, 24);
        let mut command = Command::new(path_of("top"));
        command.args(arguments).env_remove("RUST_LOG").env("RUST_BACKTRACE", "0");
        command.stdin(Stdio::from(slave.try_clone().unwrap()));
        command.stdout(Stdio::from(slave.try_clone().unwrap()));
        let child = command.stderr(Stdio::piped()).spawn().unwrap();
        let (test, mut output) = (process::self_pid(), master.try_clone().unwrap());
        process::spawn_link(move || {
            let mut bytes = [0; 4096];
            // It fails when the terminal is closed.
            while let Ok(length @ 1..) = output.read(&mut bytes) {
                process::send(test, Written(bytes[..length].to_vec()));
            }
        })
        .unwrap();
        let deadline = Instant::now() + test_timeout();
        let parser = Parser::new(cells(24), cells(80), 0);
        Terminal { child, master, slave, parser, deadline }
    }

    fn press(&mut self, keys: &str) {
        self.master.write_all(keys.as_bytes()).unwrap();
    }

    fn lines(&self) -> Vec<String> {
        let screen = self.parser.screen();
        screen.rows(0, screen.size().1.get()).map(|row| row.trim_end().to_owned()).collect()
    }

    /// Waits until the screen is as it should be, and returns its lines.
    #[track_caller]
    fn wait_until(&mut self, what: &str, is_so: impl Fn(&[String]) -> bool) -> Vec<String> {
        loop {
            let lines = self.lines();
            if is_so(&lines) {
                return lines;
            }
            receive! {
                Written(bytes) => self.parser.process(&bytes),
                after self.deadline.saturating_duration_since(Instant::now()) => {
                    panic!("no {what} in\n{}", lines.join("\n"))
                }
            }
        }
    }

    #[track_caller]
    fn wait_for(&mut self, text: &str) -> Vec<String> {
        self.wait_until(text, |lines| lines.iter().any(|line| line.contains(text)))
    }

    /// Waits until the first row of the table is that of a process.
    #[track_caller]
    fn wait_for_first(&mut self, name: &str) -> String {
        let is_first = |lines: &[String]| lines[3].contains(name) && lines[2].starts_with("PID");
        self.wait_until(name, is_first)[3].clone()
    }

    /// Waits for the end of the program, and checks that the terminal is as it was before.
    #[track_caller]
    fn end(mut self, code: i32, errors: &str) {
        let status = self.child.wait().unwrap();
        let mut said = String::new();
        self.child.stderr.take().unwrap().read_to_string(&mut said).unwrap();
        assert_eq!((status.code(), said.as_str()), (Some(code), errors));
        let modes = tcgetattr(&self.slave).unwrap();
        let cooked = LocalModes::ICANON | LocalModes::ECHO | LocalModes::ISIG;
        assert!(modes.local_modes.contains(cooked), "{modes:?}");
        assert!(modes.output_modes.contains(OutputModes::OPOST), "{modes:?}");
        // It was written before the program ended, so it is there to be read.
        while self.parser.screen().alternate_screen() || self.parser.screen().hide_cursor() {
            receive! {
                Written(bytes) => self.parser.process(&bytes),
                after self.deadline.saturating_duration_since(Instant::now()) => {
                    panic!("the screen is not the one before")
                }
            }
        }
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        // Both fail if it has ended.
        _ = self.child.kill();
        _ = self.child.wait();
    }
}

fn set_size(master: &File, columns: u16, rows: u16) {
    let size = Winsize { ws_row: rows, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 };
    tcsetwinsize(master, size).unwrap();
}

fn cells(number: u16) -> NonZeroU16 {
    NonZeroU16::new(number).unwrap()
}

/// The pid that a row begins with.
fn pid_of(row: &str) -> String {
    row.split(' ').next().unwrap().to_owned()
}

#[test]
fn a_user_sorts_opens_kills_and_suspends_processes_and_leaves_the_terminal_as_it_was() {
    let mut terminal = Terminal::start(&["100"]);
    // The queue of the oven grows all the time.
    terminal.wait_for_first("oven");
    assert!(terminal.parser.screen().alternate_screen() && terminal.parser.screen().hide_cursor());
    let is_raw = !tcgetattr(&terminal.slave).unwrap().local_modes.contains(LocalModes::ICANON);
    assert!(is_raw);
    terminal.press("5");
    terminal.wait_for_first("(thread of");
    terminal.press("2");
    terminal.wait_for_first("mixer");

    terminal.press("/orders\r");
    let only = |lines: &[String]| lines[3].contains("orders") && lines[4].is_empty();
    let row = terminal.wait_until("orders alone", only)[3].clone();
    let pid = pid_of(&row);
    terminal.press("\r");
    for text in [&*format!("PROCESS {pid} orders"), "sys status       running", "Orders { taken:"] {
        terminal.wait_for(text);
    }

    terminal.press("k");
    terminal.wait_for(&format!("kill {pid}? y/n"));
    terminal.press("n");
    terminal.wait_for(&format!("kill: {pid}: not done"));
    terminal.press("k");
    terminal.wait_for(&format!("kill {pid}? y/n"));
    terminal.press("y");
    terminal.wait_for("it has ended");
    terminal.press("\x1b");
    let restarted = |lines: &[String]| only(lines) && pid_of(&lines[3]) != pid;
    let row = terminal.wait_until("another process in its place", restarted)[3].clone();
    let pid = pid_of(&row);
    terminal.press("t");
    terminal.wait_for(&format!("orders {pid} orders, restarts: 1"));
    terminal.press("\x1b\x1b");
    terminal.wait_until("the table", |lines| lines[2].starts_with("PID"));

    terminal.press("/mixer\r");
    terminal.wait_for_first("mixer");
    terminal.press("s");
    terminal.wait_for("y/n");
    terminal.press("y");
    terminal.wait_for(": done");
    terminal.press("\r");
    terminal.wait_for("sys status       suspended");
    // Another size is seen with the next look.
    set_size(&terminal.master, 60, 12);
    terminal.parser.screen_mut().set_size(cells(12), cells(60));
    let fits = |lines: &[String]| lines[11].starts_with("esc back") && lines[11].ends_with('…');
    terminal.wait_until("the smaller screen", fits);
    terminal.press("q");
    terminal.end(0, "");
}

#[test]
fn what_does_not_answer_holds_nothing_up() {
    let mut terminal = Terminal::start(&["100"]);
    terminal.wait_for_first("oven");
    // It handles a message in 50 ms, and gets two hundred in a second.
    terminal.wait_until("a long queue", |lines| {
        let queue = lines[3].split_whitespace().nth(1).and_then(|queue| queue.parse().ok());
        queue.is_some_and(|queue: usize| queue > 60)
    });
    terminal.press("\r");
    terminal.wait_for("it is asked ...");
    // The view goes on meanwhile: what it shows is of later looks.
    let line = |lines: &[String], word| lines.iter().find(|it| it.starts_with(word)).cloned();
    let ages = RefCell::new(BTreeSet::new());
    let lines = terminal.wait_until("an answer", |lines| {
        let is_asked = lines.iter().any(|line| line.contains("it is asked ..."));
        ages.borrow_mut().extend(line(lines, "age").filter(|_| is_asked));
        !is_asked && line(lines, "sys status").is_some()
    });
    assert!(ages.borrow().len() > 2, "{ages:?}");
    let answer = line(&lines, "sys status").unwrap();
    assert!(answer.contains("timed out") || answer.contains("no reply"), "{answer}");
    terminal.press("\x03");
    terminal.end(0, "");
}

#[test]
fn the_terminal_is_restored_at_a_signal_and_without_a_terminal_nothing_is_shown() {
    for (signal, number) in [("TERM", 15), ("INT", 2)] {
        let mut terminal = Terminal::start(&[]);
        terminal.wait_for("oven");
        let kill = format!("kill -{signal} {}", terminal.child.id());
        assert!(Command::new("sh").args(["-c", &kill]).status().unwrap().success());
        terminal.end(1, &format!("top: the program got the signal {number}\n"));
    }
    let ended = support::example::start("top", &[]).finish();
    ended.assert_failed(1, "top: the standard input is not a terminal\n");
}
