//! How much each thing costs in terms of its floor, and whether that is within a target.
//!
//! The floor is the least that a program without this crate would do for the same end: two threads
//! that spin, yield, or park and unpark each other, a bare crossbeam channel, a thread of the
//! standard library, a map in a lock, a heap. No floor waits as processes do: it spins for a fixed
//! time, yields a fixed number of times, or parks at once; so it cannot fall into a trap together
//! with what it judges. Erlang's `gen_server` stands in for the floor where it is installed.
//!
//! Ours and the floor run in turns, in many short slices, so that what else the machine does hits
//! both. A slice of calls or casts starts with threads of its own, as where the scheduler happens
//! to put them decides a lot. A line for each bar gives the median of the ratios of all pairs of
//! slices, and their minimum and maximum. Bars of what must never be slow (`call_unpinned_worst`,
//! `call_after_*`) give the worst ratio instead of the median; those of recovery count wake-ups of
//! a thread that has been parked on another core. Bars `call_park_*` and `cpu_*` compare with this
//! crate when it parks at once.
//!
//! ```text
//! bar <name> ratio <median> spread <min>..<max> target <t> ok|short
//! note <name> ours <median> floor <median>
//! ```
//!
//! The notes are not judged; their figures are nanoseconds, or bytes of memory. Each bar is
//! measured by a program of its own, pinned by `taskset` to one core or two where that matters. A
//! `skip` says what the machine lacks.
//!
//! ```sh
//! cargo bench --bench ratios                      # everything, in about ten minutes
//! cargo bench --bench ratios -- --quick           # fewer slices
//! cargo bench --bench ratios -- call_spin cast_1  # these only
//! ```

#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_macros,
    reason = "bare threads are the floor, threads that rest are measured, and the output is lines"
)]

#[path = "ratios/beam.rs"]
mod beam;
#[path = "ratios/calls.rs"]
mod calls;
#[path = "ratios/crowds.rs"]
mod crowds;
#[cfg(all(feature = "io", target_os = "linux"))]
#[path = "ratios/echo.rs"]
mod echo;
#[path = "ratios/harness.rs"]
mod harness;
#[path = "ratios/machines.rs"]
mod machines;
#[path = "ratios/messages.rs"]
mod messages;
#[path = "ratios/rates.rs"]
mod rates;
#[path = "ratios/recovery.rs"]
mod recovery;
#[path = "ratios/shared.rs"]
mod shared;
#[path = "ratios/starts.rs"]
mod starts;
#[path = "ratios/tasks.rs"]
mod tasks;
#[path = "ratios/waiting.rs"]
mod waiting;

use std::env;
use std::process::{Command, ExitCode, Stdio};

use harness::{Bar, cores};

/// How many cores a bar is measured on.
#[derive(Clone, Copy)]
enum Cores {
    /// As many as the scheduler likes.
    Any,
    One,
    Two,
}

struct Measurement {
    name: &'static str,
    /// `None` for a note.
    target: Option<f64>,
    cores: Cores,
    measure: fn(&Bar),
}

const fn bar(name: &'static str, target: f64, cores: Cores, measure: fn(&Bar)) -> Measurement {
    Measurement { name, target: Some(target), cores, measure }
}

const MEASUREMENTS: &[Measurement] = &[
    bar("call_spin", 3.5, Cores::Two, calls::spin),
    bar("call_unpinned_worst", 3.0, Cores::Any, calls::unpinned_worst),
    bar("call_after_start", 1000.0, Cores::Any, recovery::after_a_start),
    bar("call_after_pause", 20.0, Cores::Any, recovery::after_a_pause),
    bar("call_after_slow_handlers", 20.0, Cores::Any, recovery::after_slow_handlers),
    bar("call_after_busy1", 1000.0, Cores::Any, recovery::after_one_loop),
    bar("call_after_busy2", 1000.0, Cores::Any, recovery::after_two_loops),
    bar("call_one_core", 1.4, Cores::One, calls::one_core),
    bar("call_park", 1.0, Cores::Any, calls::parking),
    bar("call_park_chain", 1.0, Cores::Any, calls::parking_chain),
    bar("call_park_8", 1.0, Cores::Any, calls::parking_8),
    bar("call_park_64", 1.0, Cores::Any, calls::parking_64),
    bar("call_park_16_pairs", 1.0, Cores::Any, calls::parking_16_pairs),
    bar("call_park_busy1", 1.0, Cores::Any, calls::parking_busy1),
    bar("call_park_busy2", 1.0, Cores::Any, calls::parking_busy2),
    bar("call_park_busy4", 1.3, Cores::Any, calls::parking_busy4),
    bar("call_park_chain_busy4", 1.3, Cores::Any, calls::parking_chain_busy4),
    bar("call_park_8_busy2", 1.0, Cores::Any, calls::parking_8_busy2),
    bar("call_park_64_busy4", 1.3, Cores::Any, calls::parking_64_busy4),
    bar("call_park_16_pairs_busy4", 1.3, Cores::Any, calls::parking_16_pairs_busy4),
    bar("call_chain_yield", 1.4, Cores::Any, calls::chain),
    bar("call_8_yield", 1.4, Cores::Any, calls::by_8),
    bar("call_64_yield", 1.4, Cores::Any, calls::by_64),
    bar("cpu_every_20us", 2.0, Cores::Any, rates::every_20_us),
    bar("cpu_every_50us", 2.0, Cores::Any, rates::every_50_us),
    bar("cpu_every_100us", 2.0, Cores::Any, rates::every_100_us),
    bar("cpu_every_1ms", 2.0, Cores::Any, rates::every_1_ms),
    bar("cpu_every_5ms", 3.0, Cores::Any, rates::every_5_ms),
    bar("call_queued", 1.2, Cores::Two, calls::queued),
    bar("statem_call", 1.2, Cores::Two, machines::call),
    bar("agent_get", 1.2, Cores::Two, calls::agent_get),
    bar("cast_1", 2.0, Cores::Any, messages::cast_by_one),
    bar("cast_2", 2.0, Cores::Any, messages::cast_by_two),
    bar("statem_cast", 1.3, Cores::Any, machines::cast),
    bar("notify_1", 1.5, Cores::Any, messages::notify_one),
    bar("notify_10", 4.0, Cores::Any, messages::notify_ten),
    bar("bounded_cast_1", 3.0, Cores::Any, messages::bounded_cast_by_one),
    bar("bounded_cast_8", 5.0, Cores::Any, messages::bounded_cast_by_eight),
    bar("bound_1", 3.0, Cores::Any, messages::bound_by_one),
    bar("bound_8", 3.0, Cores::Any, messages::bound_by_eight),
    bar("send_receive", 2.0, Cores::Any, messages::send_receive),
    bar("spawn_caller", 0.15, Cores::Any, starts::callers_side),
    bar("spawn_exit", 0.3, Cores::Any, starts::to_the_end),
    bar("task_spawn_await", 1.2, Cores::Any, tasks::spawn_await),
    bar("parallel_map", 0.556, Cores::Two, tasks::parallel_map), // 1.8 times as fast.
    bar("parallel_map_by_hand", 1.2, Cores::Two, tasks::parallel_map_by_hand),
    bar("vs_beam_call", 0.6, Cores::Any, beam::against_call),
    bar("vs_beam_8", 1.3, Cores::Any, beam::against_8_callers),
    bar("vs_beam_64", 1.3, Cores::Any, beam::against_64_callers),
    bar("vs_beam_chain", 1.3, Cores::Any, beam::against_chain),
    bar("vs_beam_cast", 0.6, Cores::Two, beam::against_cast),
    bar("vs_beam_spawn", 0.6, Cores::Two, beam::against_spawn),
    bar("name_cast", 1.3, Cores::Any, messages::cast_by_name),
    bar("registry_whereis", 1.5, Cores::Any, shared::whereis_by_one),
    bar("registry_whereis_2", 1.5, Cores::Any, shared::whereis_by_two),
    bar("registry_lookup", 1.5, Cores::Any, shared::lookup),
    bar("table_get", 1.5, Cores::Any, shared::get_by_one),
    bar("table_get_2", 1.5, Cores::Any, shared::get_by_two),
    #[cfg(all(feature = "io", target_os = "linux"))]
    bar("echo_1", 1.3, Cores::Any, echo::one),
    #[cfg(all(feature = "io", target_os = "linux"))]
    bar("echo_64", 1.3, Cores::Any, echo::by_64),
    #[cfg(all(feature = "io", target_os = "linux"))]
    bar("echo_cpu_1", 1.5, Cores::Any, echo::cpu_of_one),
    #[cfg(all(feature = "io", target_os = "linux"))]
    bar("echo_cpu_64", 1.5, Cores::Any, echo::cpu_of_64),
    bar("timer_1m", 3.0, Cores::Any, messages::timer_beside_a_million),
    bar("idle_cpu", 0.001, Cores::Any, crowds::idle_cpu),
    bar("rss_10k", 1.5, Cores::Any, crowds::memory),
    bar("call_10k_parked", 1.3, Cores::One, crowds::call_beside_parked),
];

/// The argument by which this program is asked to measure one bar, as it is pinned.
const MEASURE: &str = "--measure";

fn main() -> ExitCode {
    // Streams of casts fill mailboxes, of which a program without a logger is warned.
    log::set_max_level(log::LevelFilter::Error);
    let arguments: Vec<String> = env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let quick = arguments.contains(&"--quick");
    match arguments[..] {
        [MEASURE, name, ..] => {
            let Some(it) = MEASUREMENTS.iter().find(|it| it.name == name) else {
                return ExitCode::FAILURE;
            };
            (it.measure)(&Bar { name: it.name, target: it.target, quick });
            ExitCode::SUCCESS
        }
        [crowds::MEMORY_OF, crowd] => crowds::report_memory(crowd),
        [] => ExitCode::SUCCESS, // `cargo test --benches`; there is nothing to test.
        _ => run(&arguments, quick),
    }
}

fn run(arguments: &[&str], quick: bool) -> ExitCode {
    let names: Vec<&str> = arguments.iter().filter(|it| !it.starts_with("--")).copied().collect();
    if let Some(unknown) = names.iter().find(|name| MEASUREMENTS.iter().all(|it| it.name != **name))
    {
        eprintln!("there is no bar {unknown}");
        return ExitCode::FAILURE;
    }
    let mut tally = Tally::default();
    for it in MEASUREMENTS {
        if names.is_empty() || names.contains(&it.name) {
            let lines = measure_pinned(it, quick);
            print!("{lines}");
            lines.lines().for_each(|line| tally.count(line));
        }
    }
    println!("bars: {} ok, {} short, {} skipped", tally.ok, tally.short, tally.skipped);
    if tally.failed { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}

/// Has a program of its own measure, and returns the lines that it prints.
fn measure_pinned(it: &Measurement, quick: bool) -> String {
    let mut command = match pinned_command(it.cores) {
        Ok(command) => command,
        Err(why) => return format!("skip {}: {why}\n", it.name),
    };
    command.args([MEASURE, it.name]).args(quick.then_some("--quick"));
    let output = command.stderr(Stdio::inherit()).output().expect("this program can be run again");
    let lines = String::from_utf8_lossy(&output.stdout).into_owned();
    if output.status.success() { lines } else { format!("{lines}fail {}\n", it.name) }
}

/// This program on some cores; or why that is not possible.
fn pinned_command(on: Cores) -> Result<Command, &'static str> {
    let program = env::current_exe().expect("this program has a path");
    let count = match on {
        Cores::Any => return Ok(Command::new(program)),
        Cores::One => 1,
        Cores::Two => 2,
    };
    if Command::new("taskset").arg("--version").output().is_err() {
        return Err("no taskset");
    }
    let cores = cores();
    let list = cores.get(..count).ok_or("too few cores")?;
    let list: Vec<String> = list.iter().map(usize::to_string).collect();
    let mut command = Command::new("taskset");
    command.arg("-c").arg(list.join(",")).arg(program);
    Ok(command)
}

/// How many bars there were of each kind.
#[derive(Default)]
struct Tally {
    ok: usize,
    short: usize,
    skipped: usize,
    failed: bool,
}

impl Tally {
    fn count(&mut self, line: &str) {
        match (line.split(' ').next(), line.rsplit(' ').next()) {
            (Some("bar"), Some("ok")) => self.ok += 1,
            (Some("bar"), _) => self.short += 1,
            (Some("skip"), _) => self.skipped += 1,
            (Some("fail"), _) => self.failed = true,
            _ => {}
        }
    }
}
