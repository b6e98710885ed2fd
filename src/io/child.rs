//! Child processes of the operating system.

use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::process::CommandExt;
use std::process::{Command, ExitStatus, Output};
use std::time::{Duration, Instant};

use rustix::event::PollFlags;
use rustix::io::{Errno, retry_on_intr};
use rustix::process::{
    Pid, PidfdFlags, Signal, WaitId, WaitIdOptions, getpid, kill_process_group, pidfd_open,
    pidfd_send_signal, waitid,
};

use crate::process::receive::deadline_after;

use super::attempt::come_by;
use super::pipe::{ChildStderr, ChildStdin, ChildStdout};
use super::wait::{pause, readable, ready};

/// A child process of the operating system: a program that this one has started.
///
/// It does what [`std::process::Child`] does, with two differences:
///
/// - [`wait`](Self::wait), [`wait_with_output`](Self::wait_with_output) and the pipes give up when
///   their process is to end, as [all calls](super) of this module do.
/// - **A child belongs to whoever has its `Child`.** When that is dropped, the child is killed and
///   waited for. So it ends with the process that owns it, whatever ends that, and leaves no
///   zombie: the child has ended when others learn of the end of the process. A child that is to
///   go on is released by [`into_std`](Self::into_std).
///
/// Its pipes can be taken and given to other processes: one that reads while another waits.
///
/// ```
/// use procession::io;
/// use procession::prelude::*;
/// use std::process::Command;
///
/// let owner = process::spawn_link(|| -> Result<(), ExitReason> {
///     let mut child = io::Child::spawn(Command::new("sleep").arg("1000"))?;
///     child.wait()?; // An exit signal ends this, the process, and the child.
///     Ok(())
/// })?;
/// let monitor = process::monitor(owner);
/// process::exit(owner, ExitReason::Shutdown);
/// receive! { down: Down if down.monitor == monitor => {} } // There is no `sleep` any more.
/// # Ok::<(), process::SpawnError>(())
/// ```
///
/// # What the child starts
///
/// The child may have children of its own: a shell has one for each command. They are nobody's when
/// it is killed, and go on. [`spawn_group`](Self::spawn_group) starts a child as the leader of a
/// process group, in which all stay that it starts: then signals go to all of them, and when the
/// end of the leader is seen, or its `Child` is dropped, the others are killed. (A program that
/// makes a group or a session of its own leaves; and the group gets no Ctrl-C from the terminal,
/// which goes to the group of the program in the foreground.)
///
/// # How it is done, and what it takes
///
/// The end of the child is waited for by its *pidfd*, a descriptor that Linux has since 5.4,
/// together with the descriptor by which the process is woken. There is no handler of `SIGCHLD`, no
/// helper thread, and nothing polls. On a kernel without it, spawning fails with
/// [`ErrorKind::Unsupported`](io::ErrorKind::Unsupported), and starts nothing. A `SIGCHLD` that is
/// ignored by the program lets the kernel forget how children have ended, so waiting fails, as with
/// the standard library. Signals go by that descriptor, too: never to another program that has got
/// the number of the child. (Those for a group go by the number of its leader, as long as that is
/// its own.)
///
/// Some things are out of reach:
///
/// - A child that the kernel does not let go, as it waits for a disk that does not answer, or as a
///   debugger has it, holds up the drop, and so its process, which is left behind when it was
///   killed and its [grace](crate::process::Builder::kill_grace) is over.
/// - A child that must not be killed, as it runs as another user (`sudo`, say), goes on when its
///   `Child` is dropped; so does what it has started. It can still be waited for.
/// - A program that is itself ended by `SIGKILL` leaves its children behind.
///
/// OTP: [`open_port/2`](https://www.erlang.org/doc/apps/erts/erlang.html#open_port/2). A port that
/// is closed closes the pipes of its program, and leaves it to the program to notice.
#[derive(Debug)]
pub struct Child {
    /// Its standard input, if that is piped, until it is taken or waited for.
    pub stdin: Option<ChildStdin>,
    /// Its standard output, if that is piped, until it is taken.
    pub stdout: Option<ChildStdout>,
    /// Its standard error, if that is piped, until it is taken.
    pub stderr: Option<ChildStderr>,
    /// What [`wait_with_output`](Self::wait_with_output) has read so far.
    read: Collected,
    owned: Owned,
}

#[derive(Debug, Default)]
struct Collected {
    stdout: Vec<u8>,
    stderr: Vec<u8>,
}

/// The child itself, which is killed and waited for when this is dropped.
#[derive(Debug)]
struct Owned {
    /// `None` when it was released.
    std: Option<std::process::Child>,
    /// Whether it leads a process group, to which signals go.
    leads_group: bool,
    state: State,
}

#[derive(Debug)]
enum State {
    /// It has not been waited for; this is its pidfd.
    Started(OwnedFd),
    /// It has been waited for, and ended like this: its number may be another's.
    Ended(ExitStatus),
}

impl Child {
    /// Starts a child. What is not said in `command` is inherited, as [`Command::spawn`] has it.
    ///
    /// ```
    /// use procession::io;
    /// use std::process::Command;
    ///
    /// let mut child = io::Child::spawn(&mut Command::new("true"))?;
    /// assert!(child.wait()?.success());
    /// # Ok::<(), std::io::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// Those of [`Command::spawn`]; [`ErrorKind::Unsupported`](io::ErrorKind::Unsupported) on a
    /// kernel that is [too old](Self#how-it-is-done-and-what-it-takes); and those of a program with
    /// too many open files: then the child was killed.
    pub fn spawn(command: &mut Command) -> io::Result<Child> {
        Child::start(command, false)
    }

    /// Starts a child that leads a [process group](Self#what-the-child-starts) of its own.
    ///
    /// ```
    /// use procession::io::{self, ChildStdout};
    /// use std::io::Read;
    /// use std::process::{Command, Stdio};
    ///
    /// let mut shell = Command::new("sh");
    /// shell.args(["-c", "sleep 1000 & wait"]).stdout(Stdio::piped());
    /// let mut child = io::Child::spawn_group(&mut shell)?;
    ///
    /// child.kill()?; // The shell, and the `sleep`.
    /// let mut output = String::new();
    /// let mut stdout = child.stdout.take().expect("it is piped");
    /// stdout.read_to_string(&mut output)?; // It has an end: nobody has it open.
    /// # Ok::<(), std::io::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// As [`spawn`](Self::spawn).
    pub fn spawn_group(command: &mut Command) -> io::Result<Child> {
        Child::start(command.process_group(0), true)
    }

    fn start(command: &mut Command, leads_group: bool) -> io::Result<Child> {
        check_support()?;
        let mut std = command.spawn()?;
        let state = State::of_started(&mut std)?;
        Child::own(std, leads_group, state)
    }

    fn own(mut std: std::process::Child, leads_group: bool, state: State) -> io::Result<Child> {
        let (stdin, stdout, stderr) = (std.stdin.take(), std.stdout.take(), std.stderr.take());
        let owned = Owned { std: Some(std), leads_group, state };
        Ok(Child {
            stdin: stdin.map(TryInto::try_into).transpose()?,
            stdout: stdout.map(TryInto::try_into).transpose()?,
            stderr: stderr.map(TryInto::try_into).transpose()?,
            read: Collected::default(),
            owned,
        })
    }

    /// Returns the number by which the system knows it. It may be given to another program when the
    /// child has ended and was waited for.
    pub fn id(&self) -> u32 {
        self.owned.std().id()
    }

    /// Ends it by `SIGKILL`, and if it leads a group, all in that. It has ended when it was
    /// [waited for](Self::wait).
    ///
    /// Nothing happens if it was waited for already.
    ///
    /// # Errors
    ///
    /// If the system does not allow it: the child may run as another user.
    pub fn kill(&mut self) -> io::Result<()> {
        self.owned.signal(Signal::KILL)
    }

    /// Asks it to end, by `SIGTERM`, and if it leads a group, all in that. It may take its time, or
    /// refuse.
    ///
    /// Nothing happens if it was waited for already.
    ///
    /// ```
    /// use procession::io;
    /// use std::process::Command;
    /// use std::time::Duration;
    ///
    /// let mut child = io::Child::spawn(Command::new("sleep").arg("1000"))?;
    /// child.terminate()?;
    /// if child.wait_timeout(Duration::from_secs(5))?.is_none() {
    ///     child.kill()?;
    /// }
    /// # Ok::<(), std::io::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// As [`kill`](Self::kill).
    pub fn terminate(&mut self) -> io::Result<()> {
        self.owned.signal(Signal::TERM)
    }

    /// Returns how it has ended; `None` if it has not. This does not wait.
    ///
    /// # Errors
    ///
    /// If the system does not know how the child has ended.
    pub fn try_wait(&mut self) -> io::Result<Option<ExitStatus>> {
        self.owned.try_wait()
    }

    /// Closes its standard input, if that is still here, waits until it ends, and returns how.
    ///
    /// If its output is piped, and nobody reads that, it may never end.
    ///
    /// # Errors
    ///
    /// [`Interrupted`](super::Interrupted): the child goes on; and those of
    /// [`try_wait`](Self::try_wait).
    pub fn wait(&mut self) -> io::Result<ExitStatus> {
        self.wait_until(None)
    }

    /// As [`wait`](Self::wait), for at most `timeout`: then it returns `None`, and the child goes
    /// on.
    ///
    /// ```
    /// use procession::io;
    /// use std::process::Command;
    /// use std::time::Duration;
    ///
    /// let mut child = io::Child::spawn(Command::new("sleep").arg("1000"))?;
    /// assert_eq!(child.wait_timeout(Duration::from_millis(10))?, None);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// As [`wait`](Self::wait).
    pub fn wait_timeout(&mut self, timeout: Duration) -> io::Result<Option<ExitStatus>> {
        match self.wait_until(deadline_after(timeout)) {
            Err(error) if error.kind() == io::ErrorKind::TimedOut => Ok(None),
            outcome => outcome.map(Some),
        }
    }

    /// Closes its standard input, if that is still here, reads what it writes to the pipes that
    /// have not been taken, both at once, up to their ends, and waits until it ends.
    ///
    /// A pipe ends when all have closed it: what the child has started may have it open, too, and
    /// go on.
    ///
    /// ```
    /// use procession::io;
    /// use std::process::{Command, Stdio};
    ///
    /// let mut echo = Command::new("echo");
    /// let mut child = io::Child::spawn(echo.arg("seven").stdout(Stdio::piped()))?;
    /// let output = child.wait_with_output()?;
    /// assert!(output.status.success());
    /// assert_eq!(output.stdout, b"seven\n");
    /// # Ok::<(), std::io::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// As [`wait`](Self::wait). Nothing is lost: what has been read already is in the output that
    /// the next call returns.
    pub fn wait_with_output(&mut self) -> io::Result<Output> {
        drop(self.stdin.take());
        while self.read_some()? {}
        let status = self.wait()?;
        let Collected { stdout, stderr } = std::mem::take(&mut self.read);
        Ok(Output { status, stdout, stderr })
    }

    /// Releases it, and its pipes: it goes on when what this returns is dropped, and nobody waits
    /// for it then. Its group is released, too.
    ///
    /// # Errors
    ///
    /// If the system refuses to make a pipe block; then the child was killed.
    pub fn into_std(mut self) -> io::Result<std::process::Child> {
        let stdin = self.stdin.map(ChildStdin::into_std).transpose()?;
        let stdout = self.stdout.map(ChildStdout::into_std).transpose()?;
        let stderr = self.stderr.map(ChildStderr::into_std).transpose()?;
        let mut std = self.owned.std.take().expect("only here it is taken");
        (std.stdin, std.stdout, std.stderr) = (stdin, stdout, stderr);
        Ok(std)
    }

    /// Waits until it ends.
    ///
    /// # Errors
    ///
    /// As [`wait`](Self::wait), and `TimedOut` after the deadline.
    fn wait_until(&mut self, deadline: Option<Instant>) -> io::Result<ExitStatus> {
        drop(self.stdin.take());
        loop {
            let waited = self.owned.wait_for_end(deadline);
            if let Some(status) = self.owned.try_wait()? {
                return Ok(status);
            }
            waited?;
            // It has ended, but is kept: a debugger has not seen that yet.
            pause(deadline)?;
        }
    }

    /// Reads what there is on its pipes, when there is something. Returns whether there may be
    /// more. A pipe that has ended is closed.
    fn read_some(&mut self) -> io::Result<bool> {
        let Child { stdout, stderr, read, .. } = self;
        match (&*stdout, &*stderr) {
            (Some(stdout), Some(stderr)) => {
                ready([stdout.as_fd(), stderr.as_fd()].map(|fd| (fd, PollFlags::IN)), None)?;
            }
            (Some(stdout), None) => readable(stdout, None)?,
            (None, Some(stderr)) => readable(stderr, None)?,
            (None, None) => return Ok(false),
        }
        if let Some(pipe) = stdout
            && !pipe.read_available(&mut read.stdout)?
        {
            *stdout = None;
        }
        if let Some(pipe) = stderr
            && !pipe.read_available(&mut read.stderr)?
        {
            *stderr = None;
        }
        Ok(true)
    }
}

/// Takes over a child that the standard library has started, and may have waited for. Its group, if
/// it leads one, is not known to be its own, and is left alone.
impl TryFrom<std::process::Child> for Child {
    type Error = io::Error;

    fn try_from(mut child: std::process::Child) -> io::Result<Child> {
        let state = match child.try_wait()? {
            Some(status) => State::Ended(status),
            None => State::of_started(&mut child)?,
        };
        Child::own(child, false, state)
    }
}

/// Looks whether the system has what children are waited for by, before there is a child: one that
/// could not be waited for is not to begin.
fn check_support() -> io::Result<()> {
    let own = pidfd_open(getpid(), PidfdFlags::empty())?;
    match has_ended(&own) {
        Err(Errno::INVAL) => Err(io::ErrorKind::Unsupported.into()),
        _ => Ok(()), // It is no child of its own.
    }
}

/// Returns whether a child has ended, so that it can be waited for. This does not wait.
///
/// # Errors
///
/// [`Errno::CHILD`] if it is no child of this program, or not any more.
fn has_ended(pidfd: &OwnedFd) -> rustix::io::Result<bool> {
    let look = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
    Ok(waitid(WaitId::PidFd(pidfd.as_fd()), look)?.is_some())
}

impl State {
    /// The state of a child that was not waited for.
    fn of_started(std: &mut std::process::Child) -> io::Result<State> {
        let opened = pidfd_open(Pid::from_child(std), PidfdFlags::empty());
        match opened.and_then(|pidfd| has_ended(&pidfd).map(|_| pidfd)) {
            Ok(pidfd) => Ok(State::Started(pidfd)),
            // It is gone, and the number may be another's.
            Err(error @ (Errno::SRCH | Errno::CHILD)) => Err(error.into()),
            Err(error) => {
                // Only one that may be killed is sure to end.
                if std.kill().is_ok() {
                    _ = std.wait();
                }
                Err(error.into())
            }
        }
    }
}

impl Owned {
    fn std(&self) -> &std::process::Child {
        self.std.as_ref().expect("who releases it, drops this")
    }

    fn std_mut(&mut self) -> &mut std::process::Child {
        self.std.as_mut().expect("who releases it, drops this")
    }

    fn signal(&self, signal: Signal) -> io::Result<()> {
        let State::Started(pidfd) = &self.state else { return Ok(()) };
        let sent = if self.leads_group {
            // The number is that of its group as long as it is a child that nobody has waited for.
            let pid = Pid::from_child(self.std());
            has_ended(pidfd).and_then(|_| kill_process_group(pid, signal))
        } else {
            pidfd_send_signal(pidfd, signal)
        };
        match sent {
            Ok(()) | Err(Errno::SRCH | Errno::CHILD) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    fn try_wait(&mut self) -> io::Result<Option<ExitStatus>> {
        if let State::Started(pidfd) = &self.state
            && has_ended(pidfd)?
        {
            // As long as nobody has waited for the leader, nobody else can have the group's number.
            if self.leads_group {
                _ = self.signal(Signal::KILL); // What must not be killed goes on.
            }
            if let Some(status) = self.std_mut().try_wait()? {
                self.state = State::Ended(status);
            }
        }
        match self.state {
            State::Started(_) => Ok(None),
            State::Ended(status) => Ok(Some(status)),
        }
    }

    /// Waits until it has ended. Errors as [`readable`].
    fn wait_for_end(&self, deadline: Option<Instant>) -> io::Result<()> {
        match &self.state {
            State::Started(pidfd) => readable(pidfd, deadline),
            State::Ended(_) => {
                come_by();
                Ok(())
            }
        }
    }
}

impl Drop for Owned {
    fn drop(&mut self) {
        if self.std.is_none() {
            return;
        }
        // One that has ended is waited for also if it must not be killed.
        _ = self.try_wait();
        let State::Started(pidfd) = &self.state else { return };
        _ = self.signal(Signal::KILL);
        // Only one that may be killed is sure to end.
        if pidfd_send_signal(pidfd, Signal::KILL).is_ok() {
            _ = retry_on_intr(|| waitid(WaitId::PidFd(pidfd.as_fd()), WaitIdOptions::EXITED));
        }
    }
}
