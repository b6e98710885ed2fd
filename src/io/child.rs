//! Child processes of the operating system.

use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::process::CommandExt;
use std::process::{Command, ExitStatus, Output};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::process::{Pid, PidfdFlags, Signal, kill_process, kill_process_group, pidfd_open};

use crate::process::receive::deadline_after;

use super::pipe::{ChildStderr, ChildStdin, ChildStdout};
use super::wait::{readable, ready};

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
/// The end of the child is waited for by its *pidfd*, a descriptor that Linux has since 5.3,
/// together with the descriptor by which the process is woken. There is no handler of `SIGCHLD`, no
/// helper thread, and nothing polls. On a kernel without it, spawning fails with
/// [`ErrorKind::Unsupported`](io::ErrorKind::Unsupported), and starts nothing. A `SIGCHLD` that is
/// ignored by the program lets the kernel forget how children have ended, so waiting fails, as with
/// the standard library.
///
/// Two things are out of reach. A child that the kernel does not let go, as it waits for a disk
/// that does not answer, holds up the drop, and so its process, which is left behind when it was
/// killed and its [grace](crate::process::Builder::kill_grace) is over; and a program that is
/// itself ended by `SIGKILL` leaves its children behind.
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
    pidfd: OwnedFd,
    /// Whether it leads a process group, to which signals go.
    leads_group: bool,
    /// How it has ended. It has been waited for then: its number may be another's.
    status: Option<ExitStatus>,
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
        // Before there is a child: one that could not be waited for is not to begin.
        pidfd_open(rustix::process::getpid(), PidfdFlags::empty())?;
        Child::own(command.spawn()?, leads_group)
    }

    fn own(mut std: std::process::Child, leads_group: bool) -> io::Result<Child> {
        let (stdin, stdout, stderr) = (std.stdin.take(), std.stdout.take(), std.stderr.take());
        let owned = Owned::new(std, leads_group)?;
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
        loop {
            if let Some(status) = self.wait_until(None)? {
                return Ok(status);
            }
        }
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
        self.wait_until(deadline_after(timeout))
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

    /// Waits until it ends. Returns `None` if that is not before the `deadline`.
    fn wait_until(&mut self, deadline: Option<Instant>) -> io::Result<Option<ExitStatus>> {
        drop(self.stdin.take());
        loop {
            let readiness = readable(&self.owned.pidfd, deadline);
            match (self.owned.try_wait()?, readiness) {
                (Some(status), _) => return Ok(Some(status)),
                (None, Ok(())) => {}
                (None, Err(error)) if error.kind() == io::ErrorKind::TimedOut => return Ok(None),
                (None, Err(error)) => return Err(error),
            }
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

/// Takes over a child that the standard library has started. Its group, if it leads one, is not
/// known to be its own, and is left alone.
impl TryFrom<std::process::Child> for Child {
    type Error = io::Error;

    fn try_from(child: std::process::Child) -> io::Result<Child> {
        Child::own(child, false)
    }
}

impl Owned {
    fn new(mut std: std::process::Child, leads_group: bool) -> io::Result<Owned> {
        match pidfd_open(Pid::from_child(&std), PidfdFlags::empty()) {
            Ok(pidfd) => Ok(Owned { std: Some(std), pidfd, leads_group, status: None }),
            Err(error) => {
                _ = std.kill();
                _ = std.wait();
                Err(error.into())
            }
        }
    }

    fn std(&self) -> &std::process::Child {
        self.std.as_ref().expect("who releases it, drops this")
    }

    fn std_mut(&mut self) -> &mut std::process::Child {
        self.std.as_mut().expect("who releases it, drops this")
    }

    fn signal(&self, signal: Signal) -> io::Result<()> {
        if self.status.is_some() {
            return Ok(());
        }
        // The number is its own until it was waited for, and so is that of its group.
        let pid = Pid::from_child(self.std());
        let send = if self.leads_group { kill_process_group } else { kill_process };
        match send(pid, signal) {
            Ok(()) | Err(Errno::SRCH) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    fn try_wait(&mut self) -> io::Result<Option<ExitStatus>> {
        if self.status.is_none() && self.has_ended()? {
            // As long as nobody has waited for the leader, nobody else can have the group's number.
            if self.leads_group {
                self.signal(Signal::KILL)?;
            }
            self.status = self.std_mut().try_wait()?;
        }
        Ok(self.status)
    }

    fn has_ended(&self) -> io::Result<bool> {
        let now = Timespec { tv_sec: 0, tv_nsec: 0 };
        Ok(poll(&mut [PollFd::new(&self.pidfd, PollFlags::IN)], Some(&now))? > 0)
    }
}

impl Drop for Owned {
    fn drop(&mut self) {
        if self.std.is_some() && self.status.is_none() {
            _ = self.signal(Signal::KILL);
            // Only one that may be killed is sure to end.
            if self.std_mut().kill().is_ok() {
                _ = self.std_mut().wait();
            }
        }
    }
}
