//! The processes: a server that starts commands and tells whoever has asked what they print, and a
//! process for each command that runs, which owns it.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read};
use std::os::unix::process::ExitStatusExt;
use std::process::{Command, Stdio};
use std::time::Duration;

use procession::io;
use procession::prelude::*;

use super::core::{JobId, Outcome, Turns};

/// How long what a command has printed is waited for when it has ended. The pipes are closed then,
/// but by what it has started and that has left its group.
const LAST_LINES: Duration = Duration::from_secs(1);

/// A line that a command has printed, without its end. To whoever has asked.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Line {
    pub(crate) job: JobId,
    pub(crate) stream: Stream,
    pub(crate) text: String,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Stream {
    Output,
    Errors,
}

/// A command has ended, after all its lines. To whoever has asked.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Ended {
    pub(crate) job: JobId,
    pub(crate) outcome: Outcome,
}

#[derive(Debug)]
pub(crate) struct Runner {
    last: JobId,
    turns: Turns,
    jobs: BTreeMap<JobId, Job>,
}

/// A command that runs or waits.
#[derive(Debug)]
struct Job {
    work: Work,
    /// Who has asked what it prints.
    listeners: Vec<Pid>,
    /// The process that owns it, while it runs.
    owner: Option<Pid>,
    /// How it has ended, as its owner tells before it ends, too.
    outcome: Option<Outcome>,
}

/// What there is to be done.
#[derive(Clone, Debug)]
struct Work {
    /// For the shell.
    command: String,
    timeout: Duration,
}

impl Job {
    fn tell(&self, news: &(impl Clone + std::fmt::Debug + Send + 'static)) {
        for listener in &self.listeners {
            process::send(*listener, news.clone());
        }
    }
}

impl Runner {
    /// Starts those whose turn it is.
    fn start_next(&mut self) {
        while let Some(id) = self.turns.next() {
            let job = self.jobs.get_mut(&id).expect("who waits is known");
            let (runner, work) = (process::self_pid(), job.work.clone());
            // Linked: no command outlives the runner, whatever ends that.
            match process::spawn_link(move || own(id, &work, runner)) {
                Ok(owner) => job.owner = Some(owner),
                Err(error) => self.end(id, Outcome::Failed(error.to_string())),
            }
        }
    }

    /// A job has ended, or will never begin.
    fn end(&mut self, id: JobId, outcome: Outcome) {
        self.turns.remove(id);
        if let Some(job) = self.jobs.remove(&id) {
            job.tell(&Ended { job: id, outcome });
        }
    }

    /// The process that owned a job has ended: so has the command, if it ran.
    fn owner_ended(&mut self, owner: Pid, reason: &ExitReason) {
        let Some((id, job)) = self.jobs.iter_mut().find(|(_, job)| job.owner == Some(owner)) else {
            return;
        };
        let (id, outcome) = (*id, job.outcome.take());
        self.end(id, outcome.unwrap_or_else(|| Outcome::Failed(reason.to_string())));
        self.start_next();
    }
}

impl GenServer for Runner {
    /// How many may run at once.
    type Args = usize;

    fn init(at_once: usize) -> InitResult<Self> {
        process::set_trap_exit(true); // To hear of the owners' ends.
        ready(Runner { last: JobId(0), turns: Turns::new(at_once), jobs: BTreeMap::new() })
    }

    fn handle_info(&mut self, message: Message) -> CastResult<Self> {
        handle_info! { message;
            Exit { from, reason } => {
                self.owner_ended(from, &reason);
                noreply()
            }
        }
    }

    /// A link does not end the owners if the runner ends as it should.
    fn terminate(&mut self, _: &ExitReason) {
        let owners: Vec<Pid> = self.jobs.values().filter_map(|job| job.owner).collect();
        for owner in owners {
            let monitor = process::monitor(owner);
            process::exit(owner, ExitReason::Shutdown);
            process::wait(monitor, Duration::from_secs(5));
        }
    }
}

/// Asks to run a command, and to tell the caller what it prints and how it ends.
#[derive(Debug)]
pub(crate) struct Run {
    pub(crate) command: String,
    pub(crate) timeout: Duration,
}

impl HandleCall<Run> for Runner {
    type Reply = JobId;

    fn handle_call(&mut self, run: Run, caller: &Caller<JobId>) -> CallResult<Self, Run> {
        let Run { command, timeout } = run;
        self.last.0 += 1;
        let work = Work { command, timeout };
        let job = Job { work, listeners: vec![caller.pid()], owner: None, outcome: None };
        self.jobs.insert(self.last, job);
        self.turns.add(self.last);
        self.start_next();
        reply(self.last)
    }
}

/// Asks to be told, too, what a command prints from now on, and how it ends.
#[derive(Debug)]
pub(crate) struct Follow(pub(crate) JobId);

impl HandleCall<Follow> for Runner {
    /// Whether it had not ended yet.
    type Reply = bool;

    fn handle_call(
        &mut self,
        Follow(id): Follow,
        caller: &Caller<bool>,
    ) -> CallResult<Self, Follow> {
        let job = self.jobs.get_mut(&id);
        reply(job.map(|job| job.listeners.push(caller.pid())).is_some())
    }
}

/// Asks to end a command, or not to begin it.
#[derive(Debug)]
pub(crate) struct Cancel(pub(crate) JobId);

impl HandleCall<Cancel> for Runner {
    /// Whether it had not ended yet.
    type Reply = bool;

    fn handle_call(&mut self, Cancel(id): Cancel, _: &Caller<bool>) -> CallResult<Self, Cancel> {
        let Some(job) = self.jobs.get_mut(&id) else { return reply(false) };
        match job.owner {
            Some(owner) => {
                job.outcome.get_or_insert(Outcome::Cancelled);
                process::exit(owner, ExitReason::Shutdown); // Its end is heard of when it is gone.
            }
            None => self.end(id, Outcome::Cancelled),
        }
        reply(true)
    }
}

/// Asks how many run, and how many wait.
#[derive(Debug)]
pub(crate) struct Count;

impl HandleCall<Count> for Runner {
    type Reply = (usize, usize);

    fn handle_call(&mut self, _: Count, _: &Caller<Self::Reply>) -> CallResult<Self, Count> {
        reply((self.turns.running(), self.turns.waiting()))
    }
}

/// From the process that reads a stream. It is a call, so that a command which prints faster than
/// the runner passes on is slowed: its pipe fills.
#[derive(Debug)]
struct Printed(Line);

impl HandleCall<Printed> for Runner {
    type Reply = ();

    fn handle_call(&mut self, Printed(line): Printed, _: &Caller<()>) -> CallResult<Self, Printed> {
        if let Some(job) = self.jobs.get(&line.job) {
            job.tell(&line);
        }
        reply(())
    }
}

/// From the owner of a job, before it ends.
#[derive(Debug)]
struct Done(JobId, Outcome);

impl HandleCast<Done> for Runner {
    fn handle_cast(&mut self, Done(id, outcome): Done) -> CastResult<Self> {
        if let Some(job) = self.jobs.get_mut(&id) {
            job.outcome.get_or_insert(outcome);
        }
        noreply()
    }
}

/// Runs a command to its end. Whatever ends this process ends the command, and what that has
/// started: `child` is dropped.
fn own(id: JobId, work: &Work, runner: Pid) -> Result<(), ExitReason> {
    let runner = ServerRef::<Runner>::from_pid(runner);
    let mut command = Command::new("sh");
    command.arg("-c").arg(&work.command);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = io::Child::spawn_group(&mut command)?;

    let (output, errors) = (child.stdout.take(), child.stderr.take());
    let readers = [
        pass_on(output.expect("it is piped"), id, Stream::Output, runner)?,
        pass_on(errors.expect("it is piped"), id, Stream::Errors, runner)?,
    ];
    let outcome = match child.wait_timeout(work.timeout)? {
        Some(status) => Outcome::new(status.code(), status.signal()),
        None => {
            child.kill()?;
            child.wait()?;
            Outcome::TimedOut(work.timeout)
        }
    };
    // All that it has printed comes before its end.
    for (reader, monitor) in readers {
        if process::wait(monitor, LAST_LINES).is_none() {
            process::exit(reader, ExitReason::Shutdown);
        }
    }
    runner.cast(Done(id, outcome));
    Ok(())
}

/// Starts a process that passes on each line of a stream, up to its end.
fn pass_on(
    stream: impl Read + Send + 'static,
    job: JobId,
    kind: Stream,
    runner: ServerRef<Runner>,
) -> Result<(Pid, MonitorRef), process::SpawnError> {
    let body = move || -> Result<(), ExitReason> {
        for line in BufReader::new(stream).split(b'\n') {
            let text = String::from_utf8_lossy(&line?).into_owned();
            runner.call(Printed(Line { job, stream: kind, text }))?;
        }
        Ok(())
    };
    process::Builder::new().link().spawn_monitor(body)
}
