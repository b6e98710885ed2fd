//! Child processes of the system: they are waited for, and belong to their owner.

use std::fs;
use std::io::{Read, Write};
use std::os::fd::OwnedFd;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use procession::io::{self, Child, is_interrupted};
use procession::prelude::*;
use procession::process::Status;

use crate::support::processes::{FOREVER, in_process, reason};
use crate::support::rounds::{delay_by, rounds};
use crate::support::wait::{down_reason, expect, wait_until};

/// A command with all three pipes.
fn piped(program: &str, arguments: &[&str]) -> Command {
    let mut command = Command::new(program);
    command.args(arguments);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

fn shell(script: &str) -> Command {
    piped("sh", &["-c", script])
}

/// A child that does not end by itself, and neither reads nor writes.
fn sleeping() -> Child {
    Child::spawn(&mut piped("sleep", &["1000"])).unwrap()
}

/// Whether the system has no such process, not even one that nobody has waited for.
fn is_reaped(id: u32) -> bool {
    !fs::exists(format!("/proc/{id}")).unwrap()
}

/// Whether there is no such process that runs. One that nobody waits for may be left.
fn has_ended(id: u32) -> bool {
    // A file that is gone once it was opened cannot be read.
    let Ok(stat) = fs::read_to_string(format!("/proc/{id}/stat")) else { return true };
    stat.rsplit(") ").next().unwrap().starts_with(['Z', 'X'])
}

/// Sends a signal from outside.
fn signal(name: &str, id: u32) {
    let id = id.to_string();
    assert!(Command::new("kill").args(["-s", name, &id]).status().unwrap().success());
}

/// Reads a number that ends with a line, and nothing of what follows.
#[expect(clippy::unbuffered_bytes, reason = "a buffer would take what follows")]
fn read_number(from: impl Read) -> u32 {
    let is_end = |byte: &u8| *byte == b'\n';
    let digits = from.bytes().map(Result::unwrap).take_while(|byte| !is_end(byte));
    String::from_utf8(digits.collect()).unwrap().parse().unwrap()
}

mod wait {
    use super::*;

    #[test]
    fn returns_the_exit_code() {
        let mut child = Child::spawn(&mut shell("exit 7")).unwrap();
        assert_eq!(child.wait().unwrap().code(), Some(7));
    }

    #[test]
    fn returns_the_signal_that_has_ended_the_child() {
        let mut child = Child::spawn(&mut shell("kill -TERM $$")).unwrap();
        assert_eq!(child.wait().unwrap().signal(), Some(15));
    }

    #[test]
    fn returns_the_same_again() {
        let mut child = Child::spawn(&mut shell("exit 7")).unwrap();
        let status = child.wait().unwrap();
        assert_eq!(child.wait().unwrap(), status);
        assert_eq!(child.try_wait().unwrap(), Some(status));
    }

    #[test]
    fn closes_the_standard_input_first() {
        let mut child = Child::spawn(&mut piped("cat", &[])).unwrap();
        assert!(child.wait().unwrap().success());
    }

    #[test]
    fn leaves_no_zombie() {
        let mut child = Child::spawn(&mut piped("true", &[])).unwrap();
        child.wait().unwrap();
        assert!(is_reaped(child.id()));
    }

    #[test]
    fn is_for_whoever_has_the_child_now() {
        let mut child = Child::spawn(&mut shell("exit 7")).unwrap();
        in_process(move || assert_eq!(child.wait().unwrap().code(), Some(7)));
    }
}

mod wait_timeout {
    use super::*;

    #[test]
    fn gives_up_and_leaves_the_child_alone() {
        let mut child = sleeping();
        assert_eq!(child.wait_timeout(Duration::from_millis(1)).unwrap(), None);
        assert!(!has_ended(child.id()));
    }

    #[test]
    fn returns_when_the_child_ends() {
        let mut child = Child::spawn(&mut shell("exit 7")).unwrap();
        assert_eq!(child.wait_timeout(FOREVER).unwrap().unwrap().code(), Some(7));
    }

    #[test]
    fn takes_a_time_without_an_end() {
        let mut child = Child::spawn(&mut shell("exit 7")).unwrap();
        assert_eq!(child.wait_timeout(Duration::MAX).unwrap().unwrap().code(), Some(7));
    }
}

mod try_wait {
    use super::*;

    #[test]
    fn says_that_the_child_goes_on() {
        assert_eq!(sleeping().try_wait().unwrap(), None);
    }

    #[test]
    fn leaves_no_zombie() {
        let mut child = sleeping();
        child.kill().unwrap();
        wait_until(|| has_ended(child.id()));
        assert_eq!(child.try_wait().unwrap().unwrap().signal(), Some(9));
        assert!(is_reaped(child.id()));
    }
}

mod wait_with_output {
    use super::*;

    const LONG: usize = 300_000; // More than a pipe holds.

    #[test]
    fn reads_both_pipes_at_once() {
        let write = "head -c 300000 /dev/zero >&2; head -c 300000 /dev/zero; \
                     head -c 300000 /dev/zero >&2; exit 3";
        let output = Child::spawn(&mut shell(write)).unwrap().wait_with_output().unwrap();
        assert_eq!(output.status.code(), Some(3));
        assert_eq!((output.stdout.len(), output.stderr.len()), (LONG, 2 * LONG));
    }

    #[test]
    fn closes_the_standard_input_first() {
        let mut child = Child::spawn(&mut piped("cat", &[])).unwrap();
        child.stdin.as_mut().unwrap().write_all(b"some text").unwrap();
        assert_eq!(child.wait_with_output().unwrap().stdout, b"some text");
    }

    #[test]
    fn returns_nothing_for_pipes_that_are_taken() {
        let mut child = Child::spawn(&mut shell("echo out; echo err >&2")).unwrap();
        let taken = child.stdout.take();
        let output = child.wait_with_output().unwrap();
        assert_eq!((output.stdout, output.stderr), (b"".to_vec(), b"err\n".to_vec()));
        drop(taken);
    }

    /// To the test: the call was interrupted.
    #[derive(Debug)]
    struct WasInterrupted;

    #[test]
    fn loses_nothing_when_it_is_interrupted() {
        let me = process::self_pid();
        let owner = process::Builder::new().trap_exit(true).spawn_monitor(move || {
            let mut child = Child::spawn(&mut shell("echo one; kill -STOP $$; echo two")).unwrap();
            process::send(me, child.id());
            assert!(is_interrupted(&child.wait_with_output().unwrap_err()));
            process::send(me, WasInterrupted);
            expect::<Exit>();
            assert_eq!(child.wait_with_output().unwrap().stdout, b"one\ntwo\n");
        });
        let (owner, monitor) = owner.unwrap();
        let child: u32 = expect();
        wait_until(|| fs::read_to_string(format!("/proc/{child}/stat")).unwrap().contains(") T "));
        process::exit(owner, reason());
        expect::<WasInterrupted>();
        signal("CONT", child);
        assert_eq!(down_reason(monitor), ExitReason::Normal);
    }
}

mod kill {
    use super::*;

    #[test]
    fn ends_the_child() {
        let mut child = sleeping();
        child.kill().unwrap();
        assert_eq!(child.wait().unwrap().signal(), Some(9));
    }

    #[test]
    fn does_nothing_to_a_child_that_was_waited_for() {
        let mut child = Child::spawn(&mut piped("true", &[])).unwrap();
        child.wait().unwrap();
        child.kill().unwrap();
        child.terminate().unwrap();
    }

    #[test]
    fn does_nothing_to_a_zombie() {
        let mut child = Child::spawn(&mut shell("exit 7")).unwrap();
        wait_until(|| has_ended(child.id()));
        child.kill().unwrap();
        assert_eq!(child.wait().unwrap().code(), Some(7));
    }
}

mod terminate {
    use super::*;

    #[test]
    fn asks_the_child_to_end() {
        let handle = "trap 'echo ending; exit 7' TERM; echo begun; while :; do sleep 0.01; done";
        let mut child = Child::spawn(&mut shell(handle)).unwrap();
        let mut begun = [0; 6];
        child.stdout.as_mut().unwrap().read_exact(&mut begun).unwrap();
        child.terminate().unwrap();
        let output = child.wait_with_output().unwrap();
        assert_eq!((output.status.code(), &*output.stdout), (Some(7), &b"ending\n"[..]));
    }
}

mod spawn {
    use super::*;

    #[test]
    fn fails_if_there_is_no_such_program() {
        let error = Child::spawn(&mut Command::new("/no/such/program")).unwrap_err();
        assert_eq!(error.kind(), std::io::ErrorKind::NotFound);
    }

    #[test]
    fn has_pipes_where_they_were_asked_for() {
        let mut command = Command::new("true");
        let child = Child::spawn(command.stdin(Stdio::null()).stdout(Stdio::piped())).unwrap();
        assert!(child.stdin.is_none() && child.stdout.is_some() && child.stderr.is_none());
    }
}

mod a_pipe {
    use super::*;

    #[test]
    fn is_written_and_read_as_it_fills() {
        let mut child = Child::spawn(&mut piped("cat", &[])).unwrap();
        let mut stdin = child.stdin.take().unwrap();
        let writer = move || stdin.write_all(&vec![7; 1_000_000]).unwrap();
        let (_, monitor) = process::spawn_monitor(writer).unwrap();
        let mut bytes = Vec::new();
        child.stdout.as_mut().unwrap().read_to_end(&mut bytes).unwrap();
        assert!(bytes.len() == 1_000_000 && bytes.iter().all(|byte| *byte == 7));
        assert_eq!(down_reason(monitor), ExitReason::Normal);
    }

    #[test]
    fn that_nobody_reads_cannot_be_written() {
        let mut child = Child::spawn(&mut shell("exec sleep 1000 <&-")).unwrap();
        let error = child.stdin.as_mut().unwrap().write_all(&vec![7; 1_000_000]).unwrap_err();
        assert_eq!(error.kind(), std::io::ErrorKind::BrokenPipe);
    }

    #[test]
    fn reads_nothing_into_an_empty_buffer() {
        assert_eq!(sleeping().stdout.unwrap().read(&mut []).unwrap(), 0);
    }

    #[test]
    fn blocks_again_when_the_standard_library_has_it() {
        let mut first = Child::spawn(&mut shell("sleep 0.05; echo text")).unwrap();
        let stdout = first.stdout.take().unwrap().into_std().unwrap();
        let mut second = Command::new("cat");
        let second = Child::spawn(second.stdin(stdout).stdout(Stdio::piped()));
        assert_eq!(second.unwrap().wait_with_output().unwrap().stdout, b"text\n");
    }
}

mod a_drop {
    use super::*;

    #[test]
    fn ends_the_child_and_leaves_no_zombie() {
        let child = sleeping();
        let id = child.id();
        drop(child);
        assert!(is_reaped(id));
    }

    #[test]
    fn leaves_alone_what_was_released() {
        let child = sleeping();
        let mut released = child.into_std().unwrap();
        assert_eq!(released.try_wait().unwrap(), None);
        assert!(released.stdin.is_some() && released.stdout.is_some() && released.stderr.is_some());
        released.kill().unwrap();
        released.wait().unwrap();
    }

    #[test]
    fn ends_a_child_that_was_taken_over() {
        let child = Child::try_from(piped("sleep", &["1000"]).spawn().unwrap()).unwrap();
        let id = child.id();
        assert!(child.stdin.is_some() && child.stdout.is_some() && child.stderr.is_some());
        drop(child);
        assert!(is_reaped(id));
    }
}

mod a_child_that_is_taken_over {
    use super::*;

    #[test]
    fn may_have_been_waited_for() {
        let mut std = piped("true", &[]).spawn().unwrap();
        let status = std.wait().unwrap();
        // Its number may be another program's now, which these are not to meet.
        let mut child = Child::try_from(std).unwrap();
        child.terminate().unwrap();
        child.kill().unwrap();
        assert_eq!(child.wait().unwrap(), status);
    }

    #[test]
    fn may_have_ended() {
        let std = shell("exit 7").spawn().unwrap();
        wait_until(|| has_ended(std.id()));
        assert_eq!(Child::try_from(std).unwrap().wait().unwrap().code(), Some(7));
    }
}

mod a_child_that_must_not_be_killed {
    use super::*;

    const NOBODY: u32 = 65_534;
    const WITHOUT_RIGHTS: &str = "PROCESSION_TEST_WITHOUT_RIGHTS";

    /// Runs `this` test of this module again in another program, which must not kill what belongs
    /// to others. Only the superuser can start that: for another user there is no test.
    #[track_caller]
    fn without_rights(this: &str, test: fn()) {
        if std::env::var_os(WITHOUT_RIGHTS).is_some() {
            return test();
        }
        let drop_right = || {
            let mut command = Command::new("setpriv");
            command.args(["--inh-caps=-kill", "--bounding-set=-kill"]);
            command
        };
        let allowed = drop_right().args(["--reuid=0", "true"]).output();
        if !allowed.is_ok_and(|output| output.status.success()) {
            return;
        }
        let (_, module) = module_path!().split_once("::").unwrap();
        let output = drop_right()
            .arg(std::env::current_exe().unwrap())
            .args(["--exact", &format!("{module}::{this}")])
            .env(WITHOUT_RIGHTS, "1")
            .output()
            .unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
    }

    /// A command that ends with its standard input, as another user.
    fn of_another_user() -> Command {
        let mut command = shell("read line; exit 7");
        command.uid(NOBODY).gid(NOBODY);
        command
    }

    fn ended(start: fn(&mut Command) -> std::io::Result<Child>) -> Child {
        let mut child = start(&mut of_another_user()).unwrap();
        assert_eq!(child.kill().unwrap_err().kind(), std::io::ErrorKind::PermissionDenied);
        drop(child.stdin.take());
        wait_until(|| has_ended(child.id()));
        child
    }

    #[test]
    fn is_waited_for_all_the_same() {
        without_rights("is_waited_for_all_the_same", || {
            for start in [Child::spawn, Child::spawn_group] {
                assert_eq!(ended(start).wait().unwrap().code(), Some(7));
            }
        });
    }

    #[test]
    fn leaves_no_zombie_when_it_has_ended_before_the_drop() {
        without_rights("leaves_no_zombie_when_it_has_ended_before_the_drop", || {
            for start in [Child::spawn, Child::spawn_group] {
                let child = ended(start);
                let id = child.id();
                drop(child);
                assert!(is_reaped(id));
            }
        });
    }
}

mod a_group {
    use super::*;

    /// A shell that has started something, and what that is.
    fn shell_with_a_child(start: impl Fn(&mut Command) -> std::io::Result<Child>) -> (Child, u32) {
        let mut child = start(&mut shell("sleep 1000 & echo $!; wait")).unwrap();
        let grandchild = read_number(child.stdout.as_mut().unwrap());
        (child, grandchild)
    }

    #[test]
    fn ends_with_the_drop_of_its_leader() {
        let (child, grandchild) = shell_with_a_child(Child::spawn_group);
        drop(child);
        wait_until(|| has_ended(grandchild));
    }

    #[test]
    fn is_killed_with_its_leader() {
        let (mut child, grandchild) = shell_with_a_child(Child::spawn_group);
        child.kill().unwrap();
        wait_until(|| has_ended(grandchild));
    }

    #[test]
    fn is_asked_to_end_with_its_leader() {
        let (mut child, grandchild) = shell_with_a_child(Child::spawn_group);
        child.terminate().unwrap();
        wait_until(|| has_ended(grandchild));
    }

    #[test]
    fn ends_when_the_end_of_its_leader_is_seen() {
        let mut child = Child::spawn_group(&mut shell("sleep 1000 & echo $!")).unwrap();
        let grandchild = read_number(child.stdout.as_mut().unwrap());
        assert!(child.wait().unwrap().success());
        wait_until(|| has_ended(grandchild));
    }

    #[test]
    fn ends_when_the_end_of_its_leader_is_asked_for() {
        let mut child = Child::spawn_group(&mut shell("sleep 1000 & echo $!")).unwrap();
        let grandchild = read_number(child.stdout.as_mut().unwrap());
        wait_until(|| has_ended(child.id()));
        assert!(child.try_wait().unwrap().unwrap().success());
        wait_until(|| has_ended(grandchild));
    }

    #[test]
    fn is_not_made_for_every_child() {
        let (child, grandchild) = shell_with_a_child(Child::spawn);
        drop(child);
        assert!(!has_ended(grandchild));
        signal("KILL", grandchild);
    }
}

/// A call that waits for a child that sleeps.
type Call = fn(&mut Child) -> std::io::Result<()>;

const CALLS: [(&str, Call); 6] = [
    ("wait", |child| child.wait().map(drop)),
    ("wait_timeout", |child| child.wait_timeout(FOREVER).map(drop)),
    ("wait_with_output", |child| child.wait_with_output().map(drop)),
    ("a read of its output", |child| child.stdout.as_mut().unwrap().read(&mut [0]).map(drop)),
    ("a read of its errors", |child| child.stderr.as_mut().unwrap().read(&mut [0]).map(drop)),
    ("a write", |child| child.stdin.as_mut().unwrap().write_all(&[0; 1_000_000])),
];

mod a_call_that_waits {
    use super::*;

    /// Starts a process that waits for a child in `call`, and waits until it does. Returns the
    /// process and the child.
    fn waiting(call: Call) -> (Pid, MonitorRef, u32) {
        let me = process::self_pid();
        let body = move || {
            let mut child = sleeping();
            process::send(me, child.id());
            call(&mut child).unwrap();
        };
        let (owner, monitor) = process::spawn_monitor(body).unwrap();
        let child = expect();
        wait_until(|| process::info(owner).unwrap().status == Status::Blocking);
        (owner, monitor, child)
    }

    #[test]
    fn ends_with_its_process_by_an_exit_signal() {
        for (name, call) in CALLS {
            let (owner, monitor, child) = waiting(call);
            process::exit(owner, reason());
            assert_eq!(down_reason(monitor), reason(), "{name}");
            assert!(is_reaped(child), "{name}");
        }
    }

    #[test]
    fn ends_with_its_process_by_a_kill() {
        for (name, call) in CALLS {
            let (owner, monitor, child) = waiting(call);
            process::exit(owner, ExitReason::Kill);
            assert_eq!(down_reason(monitor), ExitReason::Killed, "{name}");
            assert!(is_reaped(child), "{name}");
        }
    }

    #[test]
    fn ends_with_its_process_when_a_supervisor_shuts_that_down() {
        for (name, call) in CALLS {
            let me = process::self_pid();
            let body = move || {
                let mut child = sleeping();
                process::send(me, (process::self_pid(), child.id()));
                call(&mut child).unwrap();
            };
            let spec = ChildSpec::new("owner", move || Ok(process::spawn_link(body)?));
            let supervisor =
                Supervisor::one_for_one().child(spec.shutdown(Shutdown::Infinity)).start_link();
            let (owner, child): (Pid, u32) = expect();
            wait_until(|| process::info(owner).unwrap().status == Status::Blocking);
            supervisor.unwrap().stop().unwrap();
            assert!(is_reaped(child), "{name}");
        }
    }

    #[test]
    fn is_interrupted_in_a_process_that_traps_exits_whose_child_goes_on() {
        for (name, call) in CALLS {
            let me = process::self_pid();
            let body = move || {
                let mut child = sleeping();
                process::send(me, ());
                let error = call(&mut child).unwrap_err();
                assert!(is_interrupted(&error), "{name}: {error}");
                assert_eq!(expect::<Exit>().reason, reason(), "{name}");
                // It can be waited for again.
                assert_eq!(child.wait_timeout(Duration::ZERO).unwrap(), None, "{name}");
                assert!(!has_ended(child.id()), "{name}");
            };
            let (owner, monitor) =
                process::Builder::new().trap_exit(true).spawn_monitor(body).unwrap();
            expect::<()>();
            wait_until(|| process::info(owner).unwrap().status == Status::Blocking);
            process::exit(owner, reason());
            assert_eq!(down_reason(monitor), ExitReason::Normal, "{name}");
        }
    }

    #[test]
    fn is_not_interrupted_by_messages() {
        let (owner, monitor, child) = waiting(|child| child.wait().map(drop));
        process::send(owner, "a message");
        signal("KILL", child);
        assert_eq!(down_reason(monitor), ExitReason::Normal);
    }
}

mod races {
    use super::*;

    /// What processes share that are killed one after the other.
    fn shared(child: Child) -> Arc<Mutex<Child>> {
        Arc::new(Mutex::new(child))
    }

    #[test]
    fn a_kill_ends_a_wait_and_leaves_the_child_to_the_next() {
        let child = shared(sleeping());
        for round in 0..rounds(10_000) {
            let child = Arc::clone(&child);
            let owner = process::spawn_monitor(move || _ = child.lock().wait().unwrap());
            let (owner, monitor) = owner.unwrap();
            delay_by(round);
            process::exit(owner, ExitReason::Kill);
            assert_eq!(down_reason(monitor), ExitReason::Killed);
        }
        assert_eq!(child.lock().try_wait().unwrap(), None);
    }

    #[test]
    fn a_kill_ends_a_read() {
        let child = Arc::new(sleeping());
        for round in 0..rounds(10_000) {
            let child = Arc::clone(&child);
            let read = move || {
                child.stdout.as_ref().unwrap().read_exact(&mut [0]).unwrap();
            };
            let (owner, monitor) = process::spawn_monitor(read).unwrap();
            delay_by(round);
            process::exit(owner, ExitReason::Kill);
            assert_eq!(down_reason(monitor), ExitReason::Killed);
        }
    }

    #[test]
    fn an_interrupt_loses_no_byte() {
        let me = process::self_pid();
        let all = rounds(10_000);
        let (stdout, mut stdin) = std::io::pipe().unwrap();
        let stdout = std::process::ChildStdout::from(OwnedFd::from(stdout));
        let stdout = io::ChildStdout::try_from(stdout).unwrap();
        let reader = process::Builder::new().trap_exit(true).spawn_monitor(move || {
            for round in 0..all {
                let mut byte = [0];
                while let Err(error) = (&stdout).read_exact(&mut byte) {
                    assert!(is_interrupted(&error), "{error}");
                    expect::<Exit>();
                    process::send(me, "interrupted");
                }
                assert_eq!(byte, [round as u8]);
                process::send(me, ());
            }
        });
        let (reader, monitor) = reader.unwrap();
        for round in 0..all {
            stdin.write_all(&[round as u8]).unwrap();
            delay_by(round);
            process::exit(reader, reason());
            expect::<()>();
        }
        assert_eq!(down_reason(monitor), ExitReason::Normal);
        // Some came in time.
        expect::<&str>();
    }

    /// With fewer rounds, as starting a child takes a while.
    #[test]
    fn a_kill_and_the_end_of_the_child_leave_no_zombie() {
        let me = process::self_pid();
        for round in 0..rounds(500) {
            let owner = process::spawn_monitor(move || {
                let mut child = Child::spawn(&mut piped("cat", &[])).unwrap();
                process::send(me, (child.id(), Opaque::new(child.stdin.take())));
                child.wait().unwrap();
            });
            let (owner, monitor) = owner.unwrap();
            let (child, stdin): (u32, Opaque<Option<io::ChildStdin>>) = expect();
            drop(stdin); // Now it ends.
            delay_by(round);
            process::exit(owner, ExitReason::Kill);
            let ended = down_reason(monitor);
            assert!([ExitReason::Killed, ExitReason::Normal].contains(&ended), "{ended}");
            assert!(is_reaped(child));
        }
    }
}
