//! Signals of the operating system, which end the applications.

use std::env;
use std::io::{BufRead, BufReader};
use std::process::{ChildStdout, Command, Stdio};

use procession::application::{self, Application};
use procession::prelude::*;
use procession::proc_lib;
use procession::supervisor::{ChildSpec, Shutdown, Supervisor};
use procession::timer;

use crate::support::wait::test_timeout;

/// Whether this is the program that gets the signals.
const IS_VICTIM: &str = "TEST_APPLICATION_VICTIM";

/// A child that says when it is told to end, and does not.
fn stubborn() -> ChildSpec {
    ChildSpec::new("stubborn", || {
        let pid = proc_lib::start_link(|starter| {
            process::set_trap_exit(true);
            starter.ack(process::self_pid());
            println!("started");
            loop {
                receive! { _exit: Exit => println!("stopping") }
            }
        })?;
        Ok(pid)
    })
    .shutdown(Shutdown::Infinity)
}

fn signal(program: u32, signal: &str) {
    let kill = format!("kill -{signal} {program}");
    assert!(Command::new("sh").args(["-c", &kill]).status().unwrap().success());
}

/// Waits until the program says so.
#[track_caller]
fn wait_for(line: &str, output: &mut BufReader<ChildStdout>) {
    let mut lines = output.lines().map_while(Result::ok);
    assert!(lines.any(|it| it.contains(line)), "{line} was not said");
}

#[test]
fn end_the_program_at_once_when_it_is_stopping_already() {
    if env::var_os(IS_VICTIM).is_some() {
        let hanging = Application::new("hanging")
            .start(|| Supervisor::one_for_one().child(stubborn()).start_link());
        panic!("it ends by a signal, not so: {:?}", application::run([hanging]));
    }
    for (first, second) in [("TERM", "INT"), ("INT", "TERM"), ("TERM", "TERM")] {
        let mut program = Command::new(env::current_exe().unwrap())
            .args(["--nocapture", "end_the_program_at_once_when_it_is_stopping_already"])
            .env(IS_VICTIM, "")
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut output = BufReader::new(program.stdout.take().unwrap());
        let id = program.id();
        let too_late = timer::apply_after(test_timeout(), move || signal(id, "KILL"));
        wait_for("started", &mut output);
        signal(id, first);
        wait_for("stopping", &mut output);
        signal(id, second);
        assert_eq!(program.wait().unwrap().code(), Some(1));
        timer::cancel(too_late);
    }
}
