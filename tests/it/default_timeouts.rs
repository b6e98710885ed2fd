//! What waits for five seconds unless it is told otherwise: all of it at the same time.

use std::time::{Duration, Instant};

use procession::prelude::*;
use procession::task::{self, YieldOptions};

use crate::support::calls::CallKind;
use crate::support::handlers::{Action, Do, Manager, probe1};
use crate::support::processes::{idle, idle_body};
use crate::support::wait::expect;

/// Waits for something of a process that is silent, and returns whether the time was over.
type Wait = fn(Pid) -> bool;

// OTP: gen_event:call/3; Elixir: Task.await/2, await_many/2, yield_many/2, async_stream/3,
// Agent.get/3, update/3, get_and_update/3
const WAITS: [(&str, Wait); 8] = [
    ("task", |_| is_timeout(hanging().await_reply().kind())),
    ("await_many", |_| is_timeout(task::await_many([hanging()]).kind())),
    ("yield_many", |_| task::yield_many_with(&mut [hanging()], YieldOptions::new()) == [None]),
    ("stream", |_| {
        let result = task::async_stream([()], |()| idle_body()).into_iter().next();
        let error = result.unwrap().unwrap_err();
        error.downcast_ref::<CallError>().unwrap().kind() == &CallErrorKind::Timeout
    }),
    ("gen_event", |silent| {
        is_timeout(Manager::from_pid(silent).call(probe1(), Do(Action::GoOn)).kind())
    }),
    ("agent, get", |silent| is_timeout(agent(silent).get(|n| *n).kind())),
    ("agent, update", |silent| is_timeout(agent(silent).update(|n| *n += 1).kind())),
    ("agent, get_and_update", |silent| {
        is_timeout(agent(silent).get_and_update(std::mem::take).kind())
    }),
];

fn hanging() -> Task<()> {
    Task::spawn(idle_body).unwrap()
}

fn agent(pid: Pid) -> AgentRef<u32> {
    AgentRef::from_pid(pid)
}

fn is_timeout<T>(outcome: Result<T, CallErrorKind>) -> bool {
    matches!(outcome, Err(CallErrorKind::Timeout))
}

#[test]
fn are_five_seconds() {
    let (me, silent) = (process::self_pid(), idle());
    for (name, wait) in WAITS {
        process::spawn(move || {
            let start = Instant::now();
            let timed_out = wait(silent);
            process::send(me, (name, timed_out, start.elapsed()));
            process::exit_self(ExitReason::Shutdown); // With its task.
        })
        .unwrap();
    }
    let mut outcomes = WAITS.map(|_| expect::<(&str, bool, Duration)>()).to_vec();
    // A default of ten would not do, however busy the machine is.
    let five = Duration::from_secs(5)..Duration::from_secs(10);
    outcomes.retain(|(_, timed_out, time)| !timed_out || !five.contains(time));
    assert_eq!(outcomes, []);
    process::exit(silent, ExitReason::Kill);
}
