//! Processes brought into a certain state, for tests of how they end.

use std::any::Any;
use std::fmt::Debug;
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use procession::prelude::*;
use procession::process::Builder;

use crate::support::*;

/// A time that no test waits for.
pub(crate) const FOREVER: Duration = Duration::from_secs(3_600);

/// Runs a closure when it is dropped.
pub(crate) struct OnDrop<F: FnMut()>(pub(crate) F);

impl<F: FnMut()> Drop for OnDrop<F> {
    fn drop(&mut self) {
        (self.0)();
    }
}

/// Panics when it is dropped.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Bomb;

impl Drop for Bomb {
    fn drop(&mut self) {
        panic!("a destructor");
    }
}

/// A message that runs `on_drop` when it is dropped.
pub(crate) fn guard(on_drop: impl FnMut() + Send + 'static) -> impl Any + Send + Debug {
    Opaque::new(OnDrop(on_drop))
}

/// What a process sends when its body has begun.
#[derive(Debug)]
pub(crate) struct Begun;

/// A process that is busy where the runtime cannot reach it, until `let_go` is dropped.
pub(crate) struct Busy {
    pub(crate) pid: Pid,
    pub(crate) monitor: MonitorRef,
    pub(crate) let_go: mpsc::Sender<()>,
}

/// Starts a process that is busy and then does `then`, and waits until it is busy.
pub(crate) fn busy(builder: Builder, then: impl FnOnce() + Send + 'static) -> Busy {
    let (let_go, held) = mpsc::channel();
    let me = process::self_pid();
    let (pid, monitor) = builder
        .spawn_monitor(move || {
            process::send(me, Begun);
            _ = held.recv();
            then();
        })
        .unwrap();
    expect::<Begun>();
    Busy { pid, monitor, let_go }
}

/// Starts a process that does `body` as soon as it has begun, and waits until it has begun.
pub(crate) fn begun(builder: Builder, body: impl FnOnce() + Send + 'static) -> (Pid, MonitorRef) {
    let me = process::self_pid();
    let begun = builder
        .spawn_monitor(move || {
            process::send(me, Begun);
            body();
        })
        .unwrap();
    expect::<Begun>();
    begun
}

/// What `body` returns in a thread of the program's own that is killed meanwhile, a little later in
/// each round. Fails if it panics.
#[track_caller]
pub(crate) fn killed_meanwhile<R: Send>(round: usize, body: impl FnOnce() -> R + Send) -> R {
    let (known, pids) = mpsc::channel();
    thread::scope(|scope| {
        let thread = scope.spawn(move || {
            known.send(process::self_pid()).unwrap();
            body()
        });
        let pid = pids.recv().unwrap();
        dither(round);
        process::exit(pid, ExitReason::Kill);
        thread.join().expect("the thread has panicked")
    })
}

/// Waits for what no message tells.
#[track_caller]
pub(crate) fn wait_until(condition: impl Fn() -> bool) {
    let start = Instant::now();
    while !condition() {
        assert!(start.elapsed() < patience(), "it did not come to this within {:?}", patience());
        thread::yield_now();
    }
}
