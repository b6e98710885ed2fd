//! The machine's limit: a binary of its own, as it takes all the threads there are.

#![allow(clippy::disallowed_methods, reason = "starts threads of the program's own")]

use std::sync::{Arc, Barrier};
use std::thread;
use std::time::Duration;

use procession::prelude::*;
use procession::process::SpawnError;

/// Where a machine with raised limits is taken at its word.
const ENOUGH: usize = 20_000;

#[derive(Debug)]
struct Ping(Pid);
#[derive(Debug)]
struct Pong;

fn answer() {
    loop {
        receive! { Ping(from) => process::send(from, Pong) }
    }
}

fn fill() -> (Vec<Pid>, Option<SpawnError>) {
    let mut pids = Vec::new();
    while pids.len() < ENOUGH {
        match process::spawn(answer) {
            Ok(pid) => pids.push(pid),
            Err(error) => return (pids, Some(error)),
        }
    }
    (pids, None)
}

/// The last thing a thread does is after its DOWN.
fn wait_until_threads_have_left() {
    loop {
        let info = process::system_info();
        if info.threads == info.cached_threads {
            return;
        }
        thread::yield_now();
    }
}

/// Threads of the program's own that wait until they are joined by the caller.
struct OwnThreads {
    end: Arc<Barrier>,
    threads: Vec<thread::JoinHandle<()>>,
}

impl OwnThreads {
    fn start(count: usize) -> OwnThreads {
        let end = Arc::new(Barrier::new(count + 1));
        let start = |_| {
            let end = Arc::clone(&end);
            let builder = thread::Builder::new().stack_size(64 * 1024);
            builder.spawn(move || _ = end.wait()).unwrap()
        };
        let threads = (0..count).map(start).collect();
        OwnThreads { end, threads }
    }

    fn join(self) {
        self.end.wait();
        self.threads.into_iter().for_each(|thread| thread.join().unwrap());
    }
}

#[test]
fn a_machine_that_is_full_refuses_and_goes_on() {
    let mut sizes = Vec::new();
    // The second time the program has threads of its own, which are counted too.
    for own in [0, 2_000] {
        let own_threads = OwnThreads::start(own);
        let (pids, refusal) = fill();
        match refusal {
            Some(SpawnError::Limit(limit)) => {
                assert!(limit.to_string().contains("vm.max_map_count"), "{limit}");
                assert!(pids.len() + own >= 15_000, "only {} processes", pids.len());
            }
            // A limit on threads, which the system itself reports.
            Some(SpawnError::Thread { error, .. }) => {
                assert!(error.raw_os_error().is_some(), "{error}")
            }
            Some(other) => panic!("{other}"),
            None => {}
        }

        // The rest of the system is untouched: every process answers.
        let me = process::self_pid();
        pids.iter().for_each(|pid| process::send(*pid, Ping(me)));
        for _ in &pids {
            receive! { Pong => {}, after Duration::from_secs(60) => panic!("an answer is missing") }
        }

        let monitors: Vec<_> = pids.iter().map(|pid| process::monitor(*pid)).collect();
        pids.iter().for_each(|pid| process::exit(*pid, ExitReason::Shutdown));
        for monitor in monitors {
            receive! {
                down: Down if down.monitor == monitor => {
                    assert_eq!(down.reason, ExitReason::Shutdown);
                }
                after Duration::from_secs(60) => panic!("a DOWN is missing"),
            }
        }
        sizes.push(pids.len() + own);
        own_threads.join();
        wait_until_threads_have_left();
    }
    // The second time there was as much room as the first, but for threads in their last moments.
    assert!(sizes[1] >= sizes[0] * 9 / 10, "{sizes:?}");
}
