//! What a snapshot costs.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use procession::observer::{self, Options, Snapshot};
use procession::prelude::*;
use procession::process::WaitsFor;

use crate::support::processes::idle_body;
use crate::support::wait::{down_reason, wait_until};
use crate::{Ask, Step, start_slow, turn};

/// What a snapshot of 10,000 processes may cost on two cores, in a release build.
const LIMIT: Duration = Duration::from_millis(50);

const ROUNDS: usize = 11;

/// How much of their rate calls keep while there is a snapshot every second, in a release build.
const KEPT: f64 = 0.95;

fn is_slow() -> bool {
    std::env::var_os("RUN_SLOW_TESTS").is_some()
}

/// Returns the time of the middle one of some snapshots, and the last.
fn timed(options: Options) -> (Duration, Snapshot) {
    let take = |_| {
        let start = Instant::now();
        let snapshot = observer::snapshot_with(options);
        (start.elapsed(), snapshot)
    };
    let mut taken: Vec<_> = (0..ROUNDS).map(take).collect();
    let last = taken.pop().unwrap().1;
    taken.sort_by_key(|(time, _)| *time);
    (taken[ROUNDS / 2].0, last)
}

#[test]
fn ten_thousand_processes_are_looked_at_in_no_time() {
    const COUNT: usize = 10_000;
    let _turn = turn();
    let me = process::self_pid();
    let body = || receive! { () => {} };
    let processes: Vec<_> = (0..COUNT).map(|_| process::spawn_monitor(body).unwrap()).collect();
    let is_parked = |pid| process::info(pid).unwrap().waits_for == Some(WaitsFor::Message);
    processes.iter().for_each(|(pid, _)| wait_until(|| is_parked(*pid)));

    let (plain, snapshot) = timed(Options::new());
    let found = snapshot.processes.iter();
    let found = found.filter(|it| it.info.waits_for == Some(WaitsFor::Message)).count();
    assert!(found >= COUNT, "{found}");
    assert_eq!(snapshot.process(processes[7].0).unwrap().info.monitored_by, [me]);
    let (cpu, _) = timed(Options::new().cpu_times(true));
    let (stacks, snapshot) = timed(Options::new().stacks(true));
    let touched: usize = snapshot.processes.iter().filter_map(|it| it.stack).sum();
    println!(
        "10,000 processes: {plain:?}; with processor times {cpu:?}; with stacks {stacks:?} \
         ({} KiB each)",
        touched / 1024 / COUNT
    );
    if is_slow() {
        assert!(plain < LIMIT, "{plain:?}");
    }
    processes.iter().for_each(|(pid, _)| process::send(*pid, ()));
    processes.iter().for_each(|(_, monitor)| _ = down_reason(*monitor));
}

#[test]
fn a_supervisor_with_many_children_is_read_in_no_time() {
    let _turn = turn();
    let crowd = procession::dynamic_supervisor::DynamicSupervisor::new().start_link().unwrap();
    let spec = || ChildSpec::new("child", || Ok(process::spawn_link(idle_body).unwrap()));
    (0..2_000).for_each(|_| _ = crowd.start_child(spec()).unwrap());
    let (time, snapshot) = timed(Options::new());
    assert_eq!(snapshot.trees[0].tree.children.len(), 2_000);
    println!("a supervisor with 2,000 children: {time:?}");
    crowd.stop().unwrap();
    assert!(observer::snapshot().trees.is_empty());
}

/// Returns how many calls a second are made meanwhile.
fn rate(calls: &AtomicU64, meanwhile: impl FnOnce()) -> f64 {
    let (before, start) = (calls.load(Ordering::Relaxed), Instant::now());
    meanwhile();
    let count = calls.load(Ordering::Relaxed) - before;
    count as f64 / start.elapsed().as_secs_f64()
}

/// Lets time pass.
fn wait(time: Duration) {
    assert!(process::receive_match_timeout(time, |_| false).is_none());
}

/// Of two servers, each with a client that calls it all the time, among processes that wait.
#[test]
fn servers_answer_nearly_as_fast_while_there_are_snapshots() {
    let _turn = turn();
    let (count, rounds, second) = if is_slow() {
        (10_000, 9, Duration::from_secs(1))
    } else {
        (100, 2, Duration::from_millis(20))
    };
    let idle: Vec<_> = (0..count).map(|_| process::spawn_monitor(idle_body).unwrap()).collect();
    let calls = Arc::new(AtomicU64::new(0));
    let servers = [(); 2].map(|()| start_slow(Step::Nowhere).0);
    let clients = servers.map(|server| {
        let calls = Arc::clone(&calls);
        let client = move || loop {
            server.call(Ask).unwrap();
            calls.fetch_add(1, Ordering::Relaxed);
        };
        process::spawn_monitor(client).unwrap()
    });
    let mut kept: Vec<f64> = Vec::new();
    let mut took = Vec::new();
    for _ in 0..rounds {
        let without = rate(&calls, || wait(2 * second));
        let with = rate(&calls, || {
            for _ in 0..2 {
                let snapshot = observer::snapshot();
                wait(second.saturating_sub(snapshot.took));
                took.push(snapshot.took);
            }
        });
        let without = (without + rate(&calls, || wait(2 * second))) / 2.0;
        kept.push(with / without);
    }
    kept.sort_by(f64::total_cmp);
    took.sort();
    let median = kept[kept.len() / 2];
    println!(
        "{count} processes and two busy servers: calls keep {median:.3} of their rate ({:.3} to \
         {:.3}); snapshots take {:?} ({:?} to {:?})",
        kept[0],
        kept[kept.len() - 1],
        took[took.len() / 2],
        took[0],
        took[took.len() - 1],
    );
    if is_slow() {
        assert!(median > KEPT, "{kept:?}");
    }
    for (pid, monitor) in clients.into_iter().chain(idle) {
        process::exit(pid, ExitReason::Kill);
        down_reason(monitor);
    }
    servers.iter().for_each(|server| server.stop().unwrap());
}
