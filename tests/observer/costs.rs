//! What a snapshot costs.

use std::time::{Duration, Instant};

use procession::observer::{self, Options, Snapshot};
use procession::prelude::*;
use procession::process::WaitsFor;

use crate::support::processes::idle_body;
use crate::support::wait::{down_reason, wait_until};
use crate::turn;

/// What a snapshot of 10,000 processes may cost on two cores, in a release build.
const LIMIT: Duration = Duration::from_millis(50);

const ROUNDS: usize = 11;

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
    if std::env::var_os("RUN_SLOW_TESTS").is_some() {
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
