//! Children leave nothing behind: no zombie, no descriptor. It looks at all that the program has,
//! so it is a program of its own.

#![cfg(all(feature = "io", target_os = "linux"))]

#[path = "support"]
#[allow(dead_code, reason = "this binary needs few of them")]
mod support {
    pub(crate) mod rounds;
    pub(crate) mod wait;
}

use std::fs;
use std::process::{Command, Stdio};
use std::time::Duration;

use procession::io::Child;
use procession::prelude::*;
use rustix::io::Errno;
use rustix::process::{WaitId, WaitIdOptions, waitid};

use crate::support::rounds::rounds;
use crate::support::wait::{down_reason, expect};

/// A command with all three pipes.
fn piped(program: &str) -> Command {
    let mut command = Command::new(program);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// Asserts that the program has no child, not even one that has ended and was not waited for.
#[track_caller]
fn assert_no_child() {
    let ended = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
    assert_eq!(waitid(WaitId::All, ended).err(), Some(Errno::CHILD), "there is a child");
}

fn open_descriptors() -> usize {
    fs::read_dir("/proc/self/fd").unwrap().count()
}

/// What the owner of a child does with it, and why it ends, unless it does so by itself.
type Use = (fn(Child), Option<ExitReason>);

const USES: [Use; 8] = [
    (drop, None),
    (|mut child| child.kill().unwrap(), None),
    (|mut child| _ = child.wait().unwrap(), None),
    (|mut child| _ = child.wait_with_output().unwrap(), None),
    (|mut child| _ = child.wait_timeout(Duration::ZERO).unwrap(), None),
    (|_child| process::exit_self(ExitReason::Shutdown), None),
    (wait_for_an_end, Some(ExitReason::Shutdown)),
    (wait_for_an_end, Some(ExitReason::Kill)),
];

/// Waits for the end of a child that does not end by itself.
fn wait_for_an_end(mut child: Child) {
    let _stdin = child.stdin.take();
    child.wait().unwrap();
}

/// Has a process do that with a child, and waits until the process has ended.
fn use_child(start: fn(&mut Command) -> std::io::Result<Child>, (with, end): &Use) {
    let (me, with) = (process::self_pid(), *with);
    let owner = process::spawn_monitor(move || {
        let child = start(&mut piped("cat")).unwrap();
        process::send(me, ());
        with(child);
    });
    let (owner, monitor) = owner.unwrap();
    expect::<()>();
    end.iter().for_each(|reason| process::exit(owner, reason.clone()));
    down_reason(monitor);
}

#[test]
fn children_leave_no_zombie_and_no_descriptor() {
    let use_all = || {
        for with in &USES {
            use_child(Child::spawn, with);
            use_child(Child::spawn_group, with);
            Child::spawn(&mut Command::new("/no/such/program")).unwrap_err();
            assert_no_child();
        }
    };
    use_all();
    let before = open_descriptors();
    let all = rounds(30);
    (0..all).for_each(|_| use_all());
    // Each thread that has waited keeps a descriptor, and there may be a few more of them.
    let after = open_descriptors();
    assert!(after < before + all, "{before} descriptors have become {after}");
}
