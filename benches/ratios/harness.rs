//! Measuring in turns, judging, and the cores to measure on.

use std::cell::Cell;
use std::fs;
use std::hint;
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

/// What one bar's measurement is to be like, and where its outcome goes.
pub(crate) struct Bar {
    pub(crate) name: &'static str,
    pub(crate) target: Option<f64>,
    pub(crate) quick: bool,
}

impl Bar {
    /// How many slices of each side to measure.
    pub(crate) fn slices(&self, full: usize) -> usize {
        if self.quick { full.div_ceil(4) } else { full }
    }

    /// Measures ours and the floor in turns, and prints the line of this bar.
    pub(crate) fn compare(
        &self,
        slices: usize,
        mut ours: impl FnMut() -> f64,
        mut floor: impl FnMut() -> f64,
    ) {
        let sides = in_turns(self.slices(slices), [&mut ours, &mut floor]);
        self.judge(&sides[0], &sides[1]);
    }

    /// Prints the line of this bar, and the figures themselves.
    pub(crate) fn judge(&self, ours: &[f64], floor: &[f64]) {
        report(self.name, self.target, ours, floor);
        println!(
            "note {} ours {} floor {}",
            self.name,
            rounded(median(ours)),
            rounded(median(floor))
        );
    }

    /// As [`judge`](Bar::judge), but by the worst of ours, against one figure.
    pub(crate) fn judge_worst(&self, ours: &[f64], floor: f64) {
        let ratios: Vec<f64> = ours.iter().map(|ours| ours / floor).collect();
        print_bar(self.name, self.target, &ratios, most(&ratios));
        println!("note {} ours {} floor {}", self.name, rounded(median(ours)), rounded(floor));
    }

    pub(crate) fn skip(&self, why: &str) {
        println!("skip {}: {why}", self.name);
    }
}

/// Prints a bar's line, or a note if there is no target.
pub(crate) fn report(name: &str, target: Option<f64>, ours: &[f64], floor: &[f64]) {
    let ratios: Vec<f64> = ours.iter().zip(floor).map(|(ours, floor)| ours / floor).collect();
    print_bar(name, target, &ratios, median(&ratios));
}

/// Prints all ratios of a bar as the one that is judged, and their spread.
fn print_bar(name: &str, target: Option<f64>, ratios: &[f64], judged: f64) {
    let least = ratios.iter().copied().fold(f64::INFINITY, f64::min);
    let [ratio, least, most] = [judged, least, most(ratios)].map(rounded);
    let figures = format!("{name} ratio {ratio} spread {least}..{most}");
    match target {
        Some(target) => {
            let verdict = if judged <= target { "ok" } else { "short" };
            println!("bar {figures} target {target:?} {verdict}");
        }
        None => println!("note {figures}"),
    }
}

fn most(figures: &[f64]) -> f64 {
    figures.iter().copied().fold(0.0, f64::max)
}

/// As many digits as are worth reading.
fn rounded(figure: f64) -> String {
    match figure {
        0.0 => "0.0".to_owned(),
        ..0.01 => format!("{figure:.6}"),
        ..100.0 => format!("{figure:.3}"),
        _ => format!("{figure:.0}"),
    }
}

pub(crate) fn median(figures: &[f64]) -> f64 {
    let mut sorted = figures.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted[sorted.len() / 2]
}

/// Measures each side `slices` times, one after the other, each going first in turn.
pub(crate) fn in_turns<const N: usize>(
    slices: usize,
    sides: [&mut dyn FnMut() -> f64; N],
) -> [Vec<f64>; N] {
    let mut figures = [const { Vec::new() }; N];
    for slice in 0..slices {
        for turn in 0..N {
            let side = (slice + turn) % N;
            figures[side].push(sides[side]());
        }
    }
    figures
}

/// How long a slice lasts, after how long a start that does not count.
#[derive(Clone, Copy)]
pub(crate) struct Slice {
    pub(crate) warm_up: Duration,
    pub(crate) length: Duration,
}

impl Slice {
    pub(crate) const fn of_millis(warm_up: u64, length: u64) -> Slice {
        Slice { warm_up: Duration::from_millis(warm_up), length: Duration::from_millis(length) }
    }

    /// The mean time of a `round`, in nanoseconds.
    pub(crate) fn mean(self, mut round: impl FnMut()) -> f64 {
        rounds_for(self.warm_up, &mut round);
        let start = Instant::now();
        let rounds = rounds_for(self.length, &mut round);
        nanos(start.elapsed()) / rounds
    }
}

/// Repeats `round` for at least `time`, and returns how often.
fn rounds_for(time: Duration, round: &mut impl FnMut()) -> f64 {
    const BETWEEN_LOOKS_AT_THE_CLOCK: u32 = 8;
    let start = Instant::now();
    let mut rounds = 0_u32;
    while start.elapsed() < time {
        (0..BETWEEN_LOOKS_AT_THE_CLOCK).for_each(|_| round());
        rounds += BETWEEN_LOOKS_AT_THE_CLOCK;
    }
    rounds.into()
}

pub(crate) fn nanos(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e9
}

/// The mean time of one of `count` rounds that `body` does, in nanoseconds.
pub(crate) fn mean_of(count: u32, body: impl FnOnce()) -> f64 {
    let start = Instant::now();
    body();
    nanos(start.elapsed()) / f64::from(count)
}

/// Runs `body` in a thread of its own.
pub(crate) fn in_thread<T: Send>(body: impl FnOnce() -> T + Send) -> T {
    thread::scope(|scope| scope.spawn(body).join().unwrap())
}

/// Runs `body` beside `count` threads that do nothing, as fast as they can.
pub(crate) fn beside_busy_loops<T>(count: usize, body: impl FnOnce() -> T) -> T {
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        for _ in 0..count {
            scope.spawn(|| {
                while !done.load(Ordering::Relaxed) {
                    (0..1_000).for_each(|n| _ = hint::black_box(n));
                }
            });
        }
        let value = body();
        done.store(true, Ordering::Relaxed);
        value
    })
}

/// The cores this program may run on.
pub(crate) fn cores() -> Vec<usize> {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let list = status.lines().find_map(|line| line.strip_prefix("Cpus_allowed_list:"));
    list.unwrap_or_default().trim().split(',').flat_map(core_range).collect()
}

/// The cores of `3` or `0-3`.
fn core_range(text: &str) -> Vec<usize> {
    let (first, last) = text.split_once('-').unwrap_or((text, text));
    match (first.parse(), last.parse()) {
        (Ok(first), Ok(last)) => (first..=last).collect(),
        _ => Vec::new(),
    }
}

/// Has the calling thread run on `core` alone from now on, if that is given.
pub(crate) fn pin_to(core: Option<usize>) {
    thread_local! {
        static PINNED: Cell<Option<usize>> = const { Cell::new(None) };
    }
    let Some(core) = core else { return };
    if PINNED.replace(Some(core)) == Some(core) {
        return;
    }
    let thread = fs::read_link("/proc/thread-self").expect("Linux, as there is taskset");
    let thread = thread.file_name().expect("the path ends with the id of the thread");
    let output = Command::new("taskset").arg("-cp").arg(core.to_string()).arg(thread).output();
    assert!(output.is_ok_and(|output| output.status.success()), "taskset -cp {core} has failed");
}
