//! What can be set for the whole program: a binary of its own.

use procession::prelude::*;
use procession::process::tuning;

#[allow(dead_code, reason = "this binary needs few of them")]
mod support {
    pub(crate) mod wait;
}

use crate::support::wait::{down_reason, test_timeout, wait_for_exit};

/// Adds one.
#[derive(Debug)]
struct Successor;

impl GenServer for Successor {
    type Args = ();

    fn init((): ()) -> InitResult<Successor> {
        ready(Successor)
    }
}

impl HandleCall<u64> for Successor {
    type Reply = u64;

    fn handle_call(&mut self, n: u64, _: &Caller<u64>) -> CallResult<Successor, u64> {
        reply(n + 1)
    }
}

#[test]
fn settings_take_effect_and_change_nothing_else() {
    // Without a cache a thread ends with its process.
    tuning::set_max_cached_threads(0);
    let monitors = [(); 10].map(|()| process::spawn_monitor(|| {}).unwrap().1);
    for monitor in monitors {
        assert_eq!(down_reason(monitor), ExitReason::Normal);
    }
    while process::system_info().threads > 0 {
        std::thread::yield_now();
    }
    assert_eq!(process::system_info().max_cached_threads, 0);
    assert_eq!(process::system_info().cached_threads, 0);

    // With one, a thread waits for the next process.
    tuning::set_max_cached_threads(1);
    wait_for_exit(process::spawn(|| {}).unwrap());
    while process::system_info().cached_threads < 1 {
        std::thread::yield_now();
    }
    assert_eq!(process::system_info().threads, 1);

    // A process that parks at once is woken all the same, as is one that backs off for long.
    for wake_ups in [0, 1_000, u32::MAX, 2] {
        tuning::set_spin_budget(wake_ups);
        let server = Successor::start(()).unwrap();
        let last = (0..1_000).try_fold(0, |n, _| server.call_timeout(n, test_timeout()));
        assert_eq!(last, Ok(1_000));
        assert_eq!(server.stop(), Ok(()));
    }
}
