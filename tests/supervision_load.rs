//! Supervisors under load: a binary of its own, as it counts what the whole program has.
//!
//! `RUN_SLOW_TESTS=1` runs the full numbers. Figures are printed: `cargo test --release --test
//! supervision_load -- --nocapture`. `TEST_SEED` repeats a random choice.

#![cfg(target_os = "linux")]
#![allow(clippy::disallowed_methods, reason = "compares with bare threads")]
#![allow(clippy::disallowed_macros, reason = "prints figures")]

use std::collections::BTreeSet;
use std::fmt;
use std::net::{Ipv4Addr, TcpListener};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use parking_lot::{Mutex, MutexGuard};
use procession::dynamic_supervisor::DynamicSupervisor;
use procession::prelude::*;
use procession::proc_lib;
use procession::process::Builder;
use procession::supervisor::{
    ChildSpec, Restart, Shutdown, Strategy, Supervised, Supervisor, SupervisorRef,
};

#[allow(dead_code, reason = "this binary needs few of them")]
mod support {
    pub(crate) mod child;
    pub(crate) mod processes;
    pub(crate) mod rounds;
    pub(crate) mod supervision;
    pub(crate) mod wait;
}

use crate::support::child::failure;
use crate::support::processes::idle_body;
use crate::support::rounds::delay_by;
use crate::support::supervision::{HOUR, child_pid, unlimited_restarts};
use crate::support::wait::{assert_no_message, down_reason, expect, test_timeout, wait_until};

/// The first number, or the second one if tests may be slow.
fn usually_or_slow<T>(usual: T, slow: T) -> T {
    if std::env::var_os("RUN_SLOW_TESTS").is_some() { slow } else { usual }
}

#[track_caller]
fn stop(supervisor: &SupervisorRef) {
    assert_eq!(supervisor.stop(), Ok(()));
}

/// What the program has, at the start of a test. The tests of this file take turns.
struct Before {
    processes: BTreeSet<Pid>,
    names: usize,
    timers: usize,
    _turn: MutexGuard<'static, ()>,
}

fn before() -> Before {
    static TURN: Mutex<()> = Mutex::new(());
    let turn = TURN.lock();
    process::self_pid(); // Which makes it a process.
    let info = process::system_info();
    Before {
        processes: process::processes().into_iter().collect(),
        names: info.names,
        timers: info.timers,
        _turn: turn,
    }
}

impl Before {
    /// The processes that have come since.
    fn processes_since(&self) -> BTreeSet<Pid> {
        process::processes().into_iter().filter(|pid| !self.processes.contains(pid)).collect()
    }

    /// Asserts that all is as it was: no process, name, timer or thread is left.
    #[track_caller]
    fn is_again(&self) {
        // A process of the runtime's own tells of those that were abandoned, and ends after that.
        wait_until(|| self.processes_since().is_empty());
        let info = process::system_info();
        assert_eq!((info.names, info.timers), (self.names, self.timers), "{info:?}");
        // The last thing that a thread does is after the end of its process. The harness has a
        // thread for each test that waits for its turn; the timer service has one.
        let threads = || std::fs::read_dir("/proc/self/task").unwrap().count();
        wait_until(|| {
            let info = process::system_info();
            info.abandoned_threads == 0
                && info.threads == info.cached_threads
                && info.threads <= info.max_cached_threads
                && threads() <= info.max_cached_threads + 16
        });
    }
}

/// Times, as their median and the range in which nine of ten are.
struct Spread(Vec<Duration>);

impl fmt::Display for Spread {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut times = self.0.clone();
        times.sort();
        let at = |percent: usize| times[(times.len() - 1) * percent / 100];
        write!(f, "{:.1?} ({:.1?} to {:.1?})", at(50), at(5), at(95))
    }
}

/// A generator of numbers, xorshift, which says where it began if the test fails.
struct Random {
    seed: u64,
    state: u64,
}

impl Random {
    fn new() -> Random {
        let seed = std::env::var("TEST_SEED").ok().and_then(|seed| seed.parse().ok());
        let seed = seed.unwrap_or(0x5eed_0002);
        Random { seed, state: seed }
    }

    fn below(&mut self, n: usize) -> usize {
        self.state ^= self.state << 13;
        self.state ^= self.state >> 7;
        self.state ^= self.state << 17;
        usize::try_from(self.state % n as u64).unwrap()
    }
}

impl Drop for Random {
    fn drop(&mut self) {
        if thread::panicking() {
            eprintln!("TEST_SEED={}", self.seed);
        }
    }
}

mod a_thousand_named_children {
    use super::*;

    const COUNT: usize = 1_000;

    /// A child that knows its number.
    #[derive(Debug)]
    struct Numbered(usize);

    /// To the observer: this child has been started, as this process.
    #[derive(Debug)]
    struct Ready(usize, Pid);

    /// Which number has it?
    #[derive(Debug)]
    struct Which;

    #[derive(Debug)]
    struct Crash;

    impl GenServer for Numbered {
        type Args = (usize, Pid);

        fn init((n, observer): Self::Args) -> InitResult<Numbered> {
            process::send(observer, Ready(n, process::self_pid()));
            ready(Numbered(n))
        }
    }

    impl HandleCall<Which> for Numbered {
        type Reply = usize;

        fn handle_call(&mut self, _: Which, _: &Caller<usize>) -> CallResult<Numbered, Which> {
            reply(self.0)
        }
    }

    impl HandleCast<Crash> for Numbered {
        fn handle_cast(&mut self, _: Crash) -> CastResult<Numbered> {
            Err(failure())
        }
    }

    fn name(n: usize) -> String {
        format!("supervision_load::{n}")
    }

    fn numbered(n: usize) -> ChildSpec<ServerRef<Numbered>> {
        let observer = process::self_pid();
        ChildSpec::new(name(n), move || {
            Numbered::start_link_with((n, observer), StartOptions::new().name(name(n)))
        })
    }

    /// Waits until a child is started, as a process that differs from `old`.
    #[track_caller]
    fn ready_again(n: usize, old: Pid) -> Pid {
        receive! {
            Ready(it, pid) if it == n && pid != old => pid,
            after test_timeout() => panic!("{n} was not started again"),
        }
    }

    /// Ends a child in one of three ways.
    fn crash(way: usize, pid: Pid) {
        match way {
            0 => process::exit(pid, ExitReason::Kill),
            1 => process::exit(pid, failure()),
            _ => ServerRef::<Numbered>::from_pid(pid).cast(Crash),
        }
    }

    /// What a thread costs that sends back one message.
    fn bare_thread() -> Duration {
        let start = Instant::now();
        let (sender, receiver) = crossbeam_channel::bounded(1);
        let thread = thread::spawn(move || sender.send(()).unwrap());
        receiver.recv().unwrap();
        let time = start.elapsed();
        thread.join().unwrap();
        time
    }

    #[track_caller]
    fn all_answer(supervisor: &SupervisorRef, pids: &[Pid]) {
        let counts = supervisor.count_children().unwrap();
        assert_eq!((counts.specs, counts.active), (COUNT, COUNT));
        for (n, pid) in pids.iter().enumerate() {
            assert_eq!(process::whereis(&name(n)), Some(*pid));
            assert_eq!(ServerRef::<Numbered>::named(name(n)).call(Which), Ok(n));
        }
    }

    // Whatever happens to its children, a supervisor has exactly those that it is to have.
    #[test]
    fn are_all_there_after_any_number_of_crashes() {
        let before = before();
        let mut random = Random::new();
        let supervisor =
            (0..COUNT).fold(unlimited_restarts(Strategy::OneForOne), |it, n| it.child(numbered(n)));
        let supervisor = supervisor.start_link().unwrap();
        let mut pids: Vec<Pid> = (0..COUNT).map(|_| expect::<Ready>().1).collect();
        all_answer(&supervisor, &pids);

        let crashes = usually_or_slow(2_000, 100_000);
        let (mut latencies, mut floor) = (Vec::new(), Vec::new());
        for _ in 0..crashes {
            let (n, way) = (random.below(COUNT), random.below(3));
            let child = ServerRef::<Numbered>::named(name(n));
            let start = Instant::now();
            crash(way, pids[n]);
            pids[n] = ready_again(n, pids[n]);
            assert_eq!(child.call(Which), Ok(n));
            latencies.push(start.elapsed());
            floor.push(bare_thread());
        }
        println!(
            "a crash among {COUNT} children until it can be called again by its name: {}; a bare \
             thread and its first message: {}",
            Spread(latencies),
            Spread(floor),
        );

        let start = Instant::now();
        for pid in &pids {
            crash(random.below(3), *pid);
        }
        for _ in 0..COUNT {
            let Ready(n, pid) = expect();
            pids[n] = pid;
        }
        all_answer(&supervisor, &pids);
        println!("{COUNT} crashes at once until all answer again: {:?}", start.elapsed());

        let mut expected: BTreeSet<Pid> = pids.into_iter().collect();
        expected.insert(supervisor.pid());
        assert_eq!(before.processes_since(), expected);
        assert_eq!(process::system_info().names, before.names + COUNT);
        wait_until(|| {
            let info = process::system_info();
            info.threads - info.cached_threads == COUNT + 1
        });
        let restarts = supervisor.which_children().unwrap().iter().map(|it| it.restarts).sum();
        assert_eq!(crashes as u64 + COUNT as u64, restarts);
        assert_no_message();
        stop(&supervisor);
        before.is_again();
    }
}

mod a_child_that_does_not_listen {
    use super::*;

    const TIME: Duration = Duration::from_millis(50);
    const GRACE: Duration = Duration::from_millis(50);

    /// A child that does `body`, where the runtime cannot reach it.
    fn deaf(body: impl Fn() + Send + Sync + 'static) -> ChildSpec<Pid> {
        let body = Arc::new(body);
        let spec = ChildSpec::new("deaf", move || {
            let body = Arc::clone(&body);
            let options = proc_lib::StartOptions::new()
                .spawn_options(Builder::new().link().kill_grace(GRACE));
            let start = move |starter: proc_lib::Starter<Pid>| {
                starter.ack(process::self_pid());
                body();
            };
            Ok(proc_lib::start_with(options, start)?)
        });
        spec.shutdown(Shutdown::Timeout(TIME))
    }

    /// How long a supervisor takes to stop such a child, which then gets away by `let_go`.
    #[track_caller]
    fn delay(before: &Before, spec: ChildSpec<Pid>, let_go: impl FnOnce()) -> Duration {
        let supervisor = unlimited_restarts(Strategy::OneForOne).child(spec).start_link().unwrap();
        let child = process::monitor(child_pid(&supervisor, "deaf").unwrap());
        let start = Instant::now();
        stop(&supervisor);
        let delay = start.elapsed();
        assert_eq!(down_reason(child), ExitReason::Killed);
        assert_eq!(process::system_info().abandoned_threads, 1);
        let_go();
        before.is_again();
        delay
    }

    #[track_caller]
    fn check(what: &str, delays: Vec<Duration>) {
        let (least, most) = (TIME + GRACE, (TIME + GRACE) * 2);
        println!("stopping a child that {what}, with {least:?}: {}", Spread(delays.clone()));
        assert!(delays.iter().all(|delay| *delay >= least), "{delays:?}");
        // On a busy machine one may take longer, for other reasons.
        assert!(delays.iter().any(|delay| *delay <= most), "{delays:?}");
    }

    #[test]
    fn delays_its_supervisor_by_its_time_and_its_grace_and_no_more() {
        let before = before();
        let rounds = usually_or_slow(3, 30);
        let spins = (0..rounds).map(|_| {
            let is_over = Arc::new(AtomicBool::new(false));
            let seen = Arc::clone(&is_over);
            let spin = move || {
                while !seen.load(Ordering::Relaxed) {
                    thread::yield_now();
                }
            };
            delay(&before, deaf(spin), || is_over.store(true, Ordering::Relaxed))
        });
        check("spins", spins.collect());

        let blocks = (0..rounds).map(|_| {
            let (let_go, held) = mpsc::channel::<()>();
            let held = Mutex::new(held);
            let block = move || _ = held.lock().recv();
            delay(&before, deaf(block), || drop(let_go))
        });
        check("blocks elsewhere", blocks.collect());
    }
}

mod a_child_that_listens {
    use super::*;

    const NAME: &str = "supervision_load::listener";

    /// The address is the program's own, so that nobody else takes the port meanwhile.
    fn bind(port: u16) -> std::io::Result<TcpListener> {
        let [.., high, low] = std::process::id().to_be_bytes();
        TcpListener::bind((Ipv4Addr::new(127, high, low, 7), port))
    }

    /// Holds a port, and lets it go after a little while.
    #[derive(Debug)]
    struct Listener {
        round: usize,
        _socket: TcpListener,
    }

    impl Drop for Listener {
        fn drop(&mut self) {
            delay_by(self.round);
        }
    }

    /// To the observer: it has been started, as this process.
    #[derive(Debug)]
    struct Ready(Pid);

    /// To the listener: be like this when the end comes.
    #[derive(Debug)]
    enum Be {
        Asleep,
        Failing,
        Panicking,
    }

    impl GenServer for Listener {
        type Args = (usize, u16, Pid);

        fn init((round, port, observer): Self::Args) -> InitResult<Listener> {
            let socket = bind(port)?;
            process::send(observer, Ready(process::self_pid()));
            ready(Listener { round, _socket: socket })
        }
    }

    impl HandleCast<Be> for Listener {
        fn handle_cast(&mut self, be: Be) -> CastResult<Listener> {
            match be {
                Be::Asleep => process::sleep(HOUR),
                Be::Failing => return Err(failure()),
                Be::Panicking => panic!("in a callback"),
            }
            noreply()
        }
    }

    #[test]
    fn has_left_its_port_and_its_name_to_the_next_one() {
        let before = before();
        let port = bind(0).unwrap().local_addr().unwrap().port();
        let (me, starts) = (process::self_pid(), Arc::new(AtomicUsize::new(0)));
        let counter = Arc::clone(&starts);
        let spec = ChildSpec::new("listener", move || {
            let round = counter.fetch_add(1, Ordering::SeqCst);
            Listener::start_link_with((round, port, me), StartOptions::new().name(NAME))
        });
        let supervisor = unlimited_restarts(Strategy::OneForOne).child(spec).start_link().unwrap();
        let mut pid = expect::<Ready>().0;

        let rounds = usually_or_slow(500, 10_000);
        let start = Instant::now();
        for round in 0..rounds {
            let listener = ServerRef::<Listener>::named(NAME);
            match round % 6 {
                0 => process::exit(pid, ExitReason::Kill),
                1 => process::exit(pid, failure()),
                2 => listener.cast(Be::Failing),
                3 => listener.cast(Be::Panicking),
                4 => {
                    listener.cast(Be::Asleep);
                    process::exit(pid, ExitReason::Kill);
                }
                _ => {
                    supervisor.terminate_child("listener").unwrap();
                    supervisor.restart_child("listener").unwrap();
                }
            }
            pid = expect::<Ready>().0;
            // The first attempt has had the port and the name.
            assert_eq!(starts.load(Ordering::SeqCst), round + 2, "in round {round}");
            assert_eq!(process::whereis(NAME), Some(pid));
        }
        println!("{rounds} restarts of a listener: {:?} each", start.elapsed() / rounds as u32);
        stop(&supervisor);
        bind(port).expect("the port is free");
        before.is_again();
    }
}

mod a_tree {
    use super::*;

    const PROCESSES: usize = 1_000;
    /// How many supervisors there are below each, but the lowest ones.
    const BREADTH: usize = 4;
    const DEPTH: u32 = 5;

    /// What is known of a leaf: it, and the supervisors above it.
    #[derive(Debug)]
    struct Leaf {
        pid: Pid,
        above: Arc<[Pid]>,
    }

    /// What the leaves write down.
    #[derive(Debug, Default)]
    struct Log {
        started: Mutex<Vec<Leaf>>,
        /// By their places in `started`.
        ended: Mutex<Vec<usize>>,
        /// Those that were told to end too early.
        early: AtomicUsize,
    }

    #[derive(Debug)]
    struct Noted {
        place: usize,
        log: Arc<Log>,
    }

    impl GenServer for Noted {
        type Args = Arc<Log>;

        fn init(log: Arc<Log>) -> InitResult<Noted> {
            process::set_trap_exit(true);
            let pid = process::self_pid();
            let above = process::info(pid).unwrap().ancestors;
            let place = {
                let mut started = log.started.lock();
                started.push(Leaf { pid, above });
                started.len() - 1
            };
            ready(Noted { place, log })
        }

        fn terminate(&mut self, _: &ExitReason) {
            let Noted { place, log } = self;
            let started = log.started.lock();
            if let Some(next) = started.get(*place + 1) {
                let mine = &started[*place].above;
                let mut gone = next.above.iter().filter(|pid| !mine.contains(pid));
                if process::is_alive(next.pid) || gone.any(|pid| process::is_alive(*pid)) {
                    log.early.fetch_add(1, Ordering::SeqCst);
                }
            }
            log.ended.lock().push(*place);
        }
    }

    /// A supervisor with as many leaves below it, over so many levels of supervisors.
    fn tree(levels: u32, leaves: usize, log: &Arc<Log>) -> Supervisor {
        let share = |n: usize, of: usize| leaves / of + usize::from(n < leaves % of);
        if levels == 1 {
            let leaf = |n: usize| Noted::child_spec(Arc::clone(log)).id(n.to_string());
            return (0..leaves)
                .fold(unlimited_restarts(Strategy::OneForOne), |it, n| it.child(leaf(n)));
        }
        (0..BREADTH).fold(unlimited_restarts(Strategy::OneForOne), |it, n| {
            it.child(tree(levels - 1, share(n, BREADTH), log).child_spec(n.to_string()))
        })
    }

    // OTP: supervisor_SUITE:order_of_children, tree
    #[test]
    fn of_a_thousand_processes_ends_in_the_reverse_of_its_order_and_leaves_nothing() {
        let before = before();
        let supervisors: usize = (0..DEPTH - 1).map(|level| BREADTH.pow(level)).sum();
        let leaves = PROCESSES - supervisors;
        let (mut starts, mut stops) = (Vec::new(), Vec::new());
        for _ in 0..usually_or_slow(1, 20) {
            let log = Arc::new(Log::default());
            let start = Instant::now();
            let root = tree(DEPTH - 1, leaves, &log).start_link().unwrap();
            starts.push(start.elapsed());
            assert_eq!(before.processes_since().len(), PROCESSES);
            assert_eq!(log.started.lock().len(), leaves);
            let monitors: Vec<_> =
                before.processes_since().into_iter().map(process::monitor).collect();

            let start = Instant::now();
            stop(&root);
            stops.push(start.elapsed());
            assert_eq!(before.processes_since(), BTreeSet::new());
            let backwards: Vec<usize> = (0..leaves).rev().collect();
            assert_eq!(*log.ended.lock(), backwards);
            assert_eq!(log.early.load(Ordering::SeqCst), 0);
            monitors.into_iter().map(down_reason).for_each(drop);
        }
        println!(
            "a tree of {PROCESSES} processes, {DEPTH} deep: started in {}, stopped in {}",
            Spread(starts),
            Spread(stops)
        );
        before.is_again();
    }
}

mod a_child_that_crashes_on_every_start {
    use super::*;

    const INTENSITY: usize = 1_000;

    /// How a child fails.
    #[derive(Clone, Copy, Debug)]
    enum Fault {
        /// When it has started.
        Later,
        /// It does not start.
        AtOnce,
    }

    #[derive(Debug)]
    struct Faulty;

    impl GenServer for Faulty {
        type Args = Option<Fault>;

        fn init(fault: Option<Fault>) -> InitResult<Faulty> {
            match fault {
                Some(Fault::AtOnce) => Err(failure()),
                Some(Fault::Later) => ready(Faulty).then(()),
                None => ready(Faulty),
            }
        }
    }

    impl HandleContinue<()> for Faulty {
        fn handle_continue(&mut self, (): ()) -> CastResult<Faulty> {
            Err(failure())
        }
    }

    /// The supervisor gives up once, then the child has become good.
    #[track_caller]
    fn check(fault: Fault, strategy: Strategy) {
        let before = before();
        let (me, starts) = (process::self_pid(), Arc::new(AtomicUsize::new(0)));
        let counter = Arc::clone(&starts);
        let spec = ChildSpec::new("faulty", move || {
            let starts = counter.fetch_add(1, Ordering::SeqCst) + 1;
            let is_last = starts > INTENSITY + 1;
            let fault = match starts {
                1 => Some(Fault::Later), // Else its supervisor would not start.
                _ => Some(fault),
            };
            let child = Faulty::start_link(fault.filter(|_| !is_last));
            if is_last {
                process::send(me, "good");
            }
            child
        });
        let inner = Supervisor::new(strategy).intensity(INTENSITY, HOUR).child(spec);
        let outer = Supervisor::one_for_one().start_link().unwrap();
        let start = Instant::now();
        let first = outer.start_child(inner.child_spec("inner")).unwrap();
        let monitor = process::monitor(first);
        let reason = down_reason(monitor);
        let time = start.elapsed();
        // It may have given up before it could be monitored.
        assert!([ExitReason::Shutdown, ExitReason::NoProc].contains(&reason), "{reason}");
        println!("giving up after {INTENSITY} restarts, {strategy:?}, {fault:?}: {time:?}");

        assert_eq!(expect::<&str>(), "good");
        let second = SupervisorRef::from_pid(child_pid(&outer, "inner").unwrap());
        assert_ne!(second, first);
        assert_eq!(second.count_children().unwrap().active, 1);
        assert_eq!(starts.load(Ordering::SeqCst), INTENSITY + 2);
        let inner = &outer.which_children().unwrap()[0];
        assert_eq!((inner.restarts, before.processes_since().len()), (1, 3));
        stop(&outer);
        before.is_again();
    }

    // OTP: supervisor_SUITE:one_for_one_escalation
    #[test]
    fn makes_its_supervisor_give_up_and_that_is_restarted() {
        for strategy in [Strategy::OneForOne, Strategy::OneForAll, Strategy::RestForOne] {
            check(Fault::Later, strategy);
            check(Fault::AtOnce, strategy);
        }
    }
}

mod n_children {
    use super::*;

    /// A child that does nothing, on a thread of its own: few threads from the cache cost less than
    /// many that are not from there.
    fn idle(id: usize, restart: Restart) -> ChildSpec<Pid> {
        let start = || Ok(Builder::new().link().dedicated().spawn(idle_body)?);
        ChildSpec::new(id.to_string(), start).restart(restart).shutdown(Shutdown::BrutalKill)
    }

    /// The times that it takes to start so many children, and to get rid of them.
    type Times = [Duration; 2];

    fn of_a_supervisor(count: usize) -> Times {
        let supervisor = unlimited_restarts(Strategy::OneForOne).start_link().unwrap();
        let start = Instant::now();
        for n in 0..count {
            supervisor.start_child(idle(n, Restart::Permanent)).unwrap();
        }
        let started = start.elapsed();
        let start = Instant::now();
        stop(&supervisor);
        [started, start.elapsed()]
    }

    fn of_a_dynamic_supervisor(count: usize) -> Times {
        let supervisor = DynamicSupervisor::new().start_link().unwrap();
        let start = Instant::now();
        for n in 0..count {
            supervisor.start_child(idle(n, Restart::Temporary)).unwrap();
        }
        let started = start.elapsed();
        let start = Instant::now();
        supervisor.stop().unwrap();
        [started, start.elapsed()]
    }

    /// They are killed by somebody else, and the supervisor is to take note of each.
    fn killed_under_a_dynamic_supervisor(count: usize) -> Times {
        let supervisor = DynamicSupervisor::new().start_link().unwrap();
        let start = Instant::now();
        let pids = (0..count).map(|n| supervisor.start_child(idle(n, Restart::Temporary)));
        let pids: Vec<Pid> = pids.map(Result::unwrap).collect();
        let started = start.elapsed();
        let start = Instant::now();
        let monitors: Vec<_> = pids.iter().map(|pid| process::monitor(*pid)).collect();
        pids.into_iter().for_each(|pid| process::exit(pid, ExitReason::Kill));
        monitors.into_iter().map(down_reason).for_each(drop);
        assert_eq!(supervisor.count_children().unwrap().specs, 0);
        let killed = start.elapsed();
        supervisor.stop().unwrap();
        [started, killed]
    }

    #[track_caller]
    fn check(what: &str, times: fn(usize) -> Times) {
        // A square would be a hundred.
        const MOST: u32 = 40;
        let before = before();
        let few = usually_or_slow(200, 1_000);
        let best = |one: Times, other: Times| [one[0].min(other[0]), one[1].min(other[1])];
        let small = (0..3).map(|_| times(few)).reduce(best).unwrap();
        // On a busy machine most take longer, for other reasons; the fastest tells.
        let mut large = times(few * 10);
        let start = Instant::now();
        while (0..2).any(|it| large[it] > small[it] * MOST) && start.elapsed() < test_timeout() {
            large = best(large, times(few * 10));
        }
        for (deed, small, large) in [("started", small[0], large[0]), ("gone", small[1], large[1])]
        {
            println!(
                "{what}: {few} {deed} in {small:.1?}, {} in {large:.1?}: {:.1} times as long",
                few * 10,
                large.as_secs_f64() / small.as_secs_f64()
            );
            assert!(large <= small * MOST, "{what}, {deed}: {small:?} has become {large:?}");
        }
        before.is_again();
    }

    // OTP: supervisor_SUITE:scale_start_stop_many_children
    #[test]
    fn are_started_and_stopped_one_after_the_other_in_time_that_grows_with_them() {
        check("a supervisor", of_a_supervisor);
    }

    // OTP: supervisor_SUITE:simple_one_for_one_scale_many_temporary_children
    #[test]
    fn are_started_and_stopped_at_once_in_time_that_grows_with_them() {
        check("a dynamic supervisor", of_a_dynamic_supervisor);
    }

    // OTP: supervisor_SUITE:simple_one_for_one_scale_many_temporary_children
    #[test]
    fn are_killed_in_time_that_grows_with_them() {
        check("killed under a dynamic supervisor", killed_under_a_dynamic_supervisor);
    }
}
