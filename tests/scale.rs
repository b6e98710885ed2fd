//! How many, how often, how quietly: a binary of its own, as it measures the whole program.
//!
//! `RUN_SLOW_TESTS=1` runs the full numbers. Figures are printed: `cargo test --test scale --
//! --nocapture`.

#![cfg(target_os = "linux")]
#![allow(clippy::disallowed_methods, reason = "compares with bare threads")]
#![allow(clippy::disallowed_macros, reason = "prints figures")]

use std::fs;
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use procession::prelude::*;
use procession::process::Builder;
use procession::task;

/// The tests of this file look at the whole program, so they take turns.
static TURN: Mutex<()> = Mutex::new(());

fn is_slow_run() -> bool {
    std::env::var_os("RUN_SLOW_TESTS").is_some()
}

const TIMEOUT: Duration = Duration::from_secs(60);

/// Resident memory in KiB.
fn resident_kib() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

/// The name of threads whose processor time is measured.
const IDLE: &str = "idle";

/// Processor time of the idle threads and of the timer service.
fn cpu_time() -> Duration {
    let tasks = fs::read_dir("/proc/self/task").unwrap();
    let of_task = |path: std::path::PathBuf| {
        let name = fs::read_to_string(path.join("comm")).unwrap_or_default();
        if name.trim() != IDLE && !name.starts_with("procession") {
            return 0; // The harness, or a thread that leaves the cache, which earlier tests filled.
        }
        let stat = fs::read_to_string(path.join("schedstat")).unwrap();
        stat.split_whitespace().next().unwrap().parse::<u64>().unwrap()
    };
    Duration::from_nanos(tasks.map(|task| of_task(task.unwrap().path())).sum())
}

fn os_threads() -> usize {
    fs::read_dir("/proc/self/task").unwrap().count()
}

fn await_down(monitor: MonitorRef) -> ExitReason {
    receive! {
        down: Down if down.monitor == monitor => down.reason,
        after TIMEOUT => panic!("no DOWN within {TIMEOUT:?}"),
    }
}

#[derive(Debug)]
struct Ping(Pid);
#[derive(Debug)]
struct Pong;
#[derive(Debug)]
struct Stop;

/// Answers pings until it is told to stop.
fn answer() {
    loop {
        receive! {
            Ping(from) => process::send(from, Pong),
            Stop => return,
        }
    }
}

#[test]
fn ten_thousand_processes_live_answer_and_stop() {
    const COUNT: u32 = 10_000;
    let _turn = TURN.lock();
    let before = resident_kib();

    let start = Instant::now();
    let processes: Vec<_> =
        (0..COUNT).map(|_| process::spawn_monitor(answer).expect("room for 10,000")).collect();
    let spawned = start.elapsed();

    let start = Instant::now();
    let me = process::self_pid();
    processes.iter().for_each(|(pid, _)| process::send(*pid, Ping(me)));
    for _ in 0..COUNT {
        receive! { Pong => {}, after TIMEOUT => panic!("an answer is missing") }
    }
    let answered = start.elapsed();
    let each = (resident_kib().saturating_sub(before)) as f64 / f64::from(COUNT);

    let start = Instant::now();
    processes.iter().for_each(|(pid, _)| process::send(*pid, Stop));
    for (_, monitor) in &processes {
        assert_eq!(await_down(*monitor), ExitReason::Normal);
    }
    println!(
        "10,000 processes: spawned in {spawned:?}, all answered in {answered:?}, stopped in {:?}; \
         {each:.1} KiB resident each",
        start.elapsed()
    );
    wait_for_threads_to_be_cached_or_gone();
}

/// The last thing a thread does is after its DOWN, so this is waited for, not assumed.
fn wait_for_threads_to_be_cached_or_gone() {
    let start = Instant::now();
    loop {
        let info = process::system_info();
        if info.threads <= info.max_cached_threads && info.cached_threads == info.threads {
            return;
        }
        assert!(start.elapsed() < TIMEOUT, "threads are left: {info:?}");
        std::thread::yield_now();
    }
}

#[test]
fn memory_and_threads_return_to_their_level_after_many_processes() {
    let _turn = TURN.lock();
    let (warm_up, total) = if is_slow_run() { (10_000, 1_000_000) } else { (5_000, 50_000) };
    let one = || {
        let (_, monitor) = process::spawn_monitor(|| {}).unwrap();
        assert_eq!(await_down(monitor), ExitReason::Normal);
    };

    (0..warm_up).for_each(|_| one());
    let first = resident_kib();
    let start = Instant::now();
    (warm_up..total).for_each(|_| one());
    let last = resident_kib();

    println!(
        "{total} spawns and exits: {:?} each; resident {first} KiB after {warm_up}, {last} KiB at \
         the end",
        start.elapsed() / (total - warm_up)
    );
    assert!(last <= first + first / 10, "{first} KiB has grown to {last} KiB");
    wait_for_threads_to_be_cached_or_gone();
    // The test harness has three threads of its own at most, the timer service one.
    assert!(os_threads() <= process::system_info().max_cached_threads + 8);
}

#[test]
fn memory_stays_flat_while_a_stream_runs_many_tasks() {
    let _turn = TURN.lock();
    let (warm_up, total) = if is_slow_run() { (10_000, 1_000_000) } else { (2_000, 20_000) };
    // So large that a stream that kept its items, or what has come of them, would be seen.
    let items = (0..total).map(|n: u32| vec![n; 1_024]); // 4 KiB each
    let results = task::async_stream(items, |numbers| numbers).max_concurrency(8);
    let mut results = results.timeout(TIMEOUT).into_iter();
    let mut take = |range: std::ops::Range<u32>| {
        range.for_each(|n| assert_eq!(results.next().unwrap().unwrap()[0], n));
    };

    take(0..warm_up);
    let first = resident_kib();
    let start = Instant::now();
    take(warm_up..total);
    let last = resident_kib();

    println!(
        "a stream of {total} tasks: {:?} each; resident {first} KiB after {warm_up}, {last} KiB at \
         the end",
        start.elapsed() / (total - warm_up)
    );
    // By less than a quarter of the items: the allocator may keep something for each thread.
    let items = u64::from(total - warm_up) * 4;
    assert!(last <= first + items / 4, "{first} KiB has grown to {last} KiB");
    assert!(results.next().is_none());
    wait_for_threads_to_be_cached_or_gone();
}

#[test]
fn idle_processes_use_no_processor() {
    const COUNT: usize = 100;
    let _turn = TURN.lock();
    let time = Duration::from_secs(if is_slow_run() { 10 } else { 2 });
    let start = || Builder::new().thread_name(IDLE).spawn_monitor(answer).unwrap();
    let processes: Vec<_> = (0..COUNT).map(|_| start()).collect();
    let me = process::self_pid();
    processes.iter().for_each(|(pid, _)| process::send(*pid, Ping(me)));
    for _ in 0..COUNT {
        receive! { Pong => {}, after TIMEOUT => panic!("an answer is missing") }
    }
    // All are on their way back to `receive!`; they are there when they say that they wait.
    let is_waiting = |pid: Pid| process::info(pid).unwrap().status == process::Status::Waiting;
    while !processes.iter().all(|(pid, _)| is_waiting(*pid)) {
        std::thread::yield_now();
    }

    let before = cpu_time();
    process::sleep(time);
    let used = cpu_time() - before;

    println!("{COUNT} idle processes used {used:?} of processor time in {time:?}");
    assert!(used <= time / 1000, "{used:?} in {time:?}");
    for (pid, monitor) in processes {
        process::send(pid, Stop);
        await_down(monitor);
    }
}

#[test]
fn a_reply_by_mark_costs_the_same_however_much_is_queued() {
    let _turn = TURN.lock();
    let (echo, monitor) = process::spawn_monitor(answer).unwrap();
    let me = process::self_pid();
    let round_trips = |count: u32| {
        let start = Instant::now();
        for _ in 0..count {
            let mark = process::mark();
            process::send(echo, Ping(me));
            receive! { since mark; Pong => {}, after TIMEOUT => panic!("no answer") }
        }
        start.elapsed() / count
    };

    round_trips(200);
    let unloaded = (0..5).map(|_| round_trips(200)).min().unwrap();
    (0..100_000_u32).for_each(|n| process::send(me, n));
    // On a busy machine most round trips are slow, for other reasons; the fastest tells. A scan of
    // the queue would take a hundred times as long, each time.
    let mut loaded = Duration::MAX;
    let start = Instant::now();
    while loaded > unloaded * 3 && start.elapsed() < TIMEOUT {
        loaded = loaded.min(round_trips(200));
    }

    println!("a round trip takes {unloaded:?}, with 100,000 messages queued {loaded:?}");
    assert!(loaded <= unloaded * 3, "{unloaded:?} has become {loaded:?}");
    for expected in 0..100_000_u32 {
        receive! { n: u32 => assert_eq!(n, expected), after TIMEOUT => panic!("lost {expected}") }
    }
    process::send(echo, Stop);
    await_down(monitor);
}
