//! What the program does: a demonstration, or the commands that it was given.

use std::error::Error;
use std::num::NonZeroUsize;
use std::path::Path;
use std::process::ExitCode;
use std::sync::mpsc;
use std::time::Duration;

use procession::application;
use procession::prelude::*;

use super::core::{JobId, Outcome};
use super::server::{Line, Stream};
use super::{api, tree};

const USAGE: &str = "usage: shell_runner [--at-once N] [--timeout SECONDS] [COMMAND...]";

/// A time that no command of the demonstration takes.
const LONG: Duration = Duration::from_secs(1000);

/// What the arguments ask for.
#[derive(Clone, Debug)]
struct Plan {
    at_once: usize,
    timeout: Duration,
    /// None for the demonstration.
    commands: Vec<String>,
}

fn plan(arguments: impl IntoIterator<Item = String>) -> Result<Plan, String> {
    let mut plan = Plan { at_once: 2, timeout: Duration::from_secs(60), commands: Vec::new() };
    let mut arguments = arguments.into_iter();
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--at-once" => plan.at_once = number(arguments.next())?,
            "--timeout" => plan.timeout = Duration::from_secs(number(arguments.next())? as u64),
            option if option.starts_with("--") => return Err(USAGE.to_owned()),
            _ => plan.commands.push(argument),
        }
    }
    Ok(plan)
}

fn number(argument: Option<String>) -> Result<usize, String> {
    let argument = argument.ok_or(USAGE)?;
    let number: Result<NonZeroUsize, _> = argument.parse();
    Ok(number.map_err(|error| format!("{argument:?} is not a number of anything: {error}"))?.get())
}

/// Prints what a command prints, up to its end. Returns how it has ended.
fn print_all(job: JobId) -> Outcome {
    loop {
        match api::next_line(job) {
            Ok(line) => print_line(&line),
            Err(outcome) => {
                println!("{job} has ended: {outcome}");
                return outcome;
            }
        }
    }
}

fn print_line(line: &Line) {
    match line.stream {
        Stream::Output => println!("{} says: {}", line.job, line.text),
        Stream::Errors => println!("{} complains: {}", line.job, line.text),
    }
}

/// Runs these commands, and returns whether all have succeeded.
fn run_all(plan: &Plan) -> Result<bool, Box<dyn Error>> {
    let mut jobs = Vec::new();
    for command in &plan.commands {
        let job = api::run(command, plan.timeout)?;
        println!("{job} is {command:?}");
        jobs.push(job);
    }
    // What those print that are not looked at yet, waits in the mailbox.
    let outcomes: Vec<Outcome> = jobs.into_iter().map(print_all).collect();
    Ok(outcomes.iter().all(Outcome::is_success))
}

fn run_one(command: &str, timeout: Duration) -> Result<(), CallError> {
    println!("\n{command}");
    print_all(api::run(command, timeout)?);
    Ok(())
}

fn print_count() -> Result<(), CallError> {
    let (running, waiting) = api::count()?;
    println!("{running} run, {waiting} wait");
    Ok(())
}

/// Commands that end by themselves, or are ended in time.
fn one_after_the_other() -> Result<(), CallError> {
    run_one("echo one; echo two; printf 'three, without an end'", LONG)?;
    run_one("echo 'that does not work' >&2; exit 3", LONG)?;
    run_one("kill -TERM $$", LONG)?;
    run_one("no-such-command 2>/dev/null", LONG)?;
    run_one("seq 100000 | tail -n 1", LONG)?;
    // The shell, and all that it has started.
    run_one("sleep 1000 | sleep 1000", Duration::from_millis(50))
}

fn two_at_once() -> Result<(), CallError> {
    println!("\nfour that sleep");
    let mut jobs = Vec::new();
    for _ in 0..4 {
        jobs.push(api::run("sleep 1000", LONG)?);
    }
    print_count()?;
    for job in [jobs[2], jobs[0]] {
        api::cancel(job)?;
        print_all(job);
        print_count()?;
    }
    println!("cancelling it again: {}", api::cancel(jobs[0])?);
    println!("following it: {}", api::follow(jobs[0])?);
    for job in [jobs[1], jobs[3]] {
        api::cancel(job)?;
        print_all(job);
    }
    print_count()
}

fn a_kill() -> Result<(), Box<dyn Error>> {
    println!("\none that sleeps, and a runner that is killed");
    let job = api::run("echo $$; exec sleep 1000", LONG)?;
    let line = api::next_line(job).map_err(|outcome| outcome.to_string())?;
    let reason = api::kill_the_runner().ok_or("there is no runner")?;
    println!("the runner has ended: {reason}");
    println!("the command runs: {}", Path::new("/proc").join(line.text).exists());
    println!("there is another runner");
    run_one("echo one", LONG)?;
    Ok(())
}

fn demonstrate() -> Result<bool, Box<dyn Error>> {
    one_after_the_other()?;
    two_at_once()?;
    a_kill()?;
    Ok(true)
}

/// Does what the arguments ask for.
pub(crate) fn run(arguments: impl IntoIterator<Item = String>) -> ExitCode {
    let plan = match plan(arguments) {
        Ok(plan) => plan,
        Err(error) => {
            eprintln!("shell_runner: {error}");
            return ExitCode::from(2);
        }
    };
    let (done, outcome) = mpsc::channel();
    let at_once = plan.at_once;
    let work = move || {
        let all = if plan.commands.is_empty() { demonstrate() } else { run_all(&plan) };
        _ = done.send(all.map_err(|error| error.to_string()));
    };
    let run = application::run([tree::application(at_once, work)]);
    let error = match (run, outcome.try_recv()) {
        (Ok(()), Ok(Ok(true))) => return ExitCode::SUCCESS,
        (Ok(()), Ok(Ok(false))) => "not all have succeeded".to_owned(),
        (Ok(()), Ok(Err(error))) => error,
        (Ok(()), Err(_)) => "it was told to end".to_owned(),
        (Err(error), _) => error.to_string(),
    };
    eprintln!("shell_runner: {error}");
    ExitCode::FAILURE
}
