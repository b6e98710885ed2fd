//! The machine's limit: a binary of its own, as it takes all the threads there are.

#![allow(clippy::disallowed_methods, reason = "starts threads of the program's own")]

use std::env;
use std::fs;
use std::process::Command;
use std::sync::mpsc;
use std::sync::{Arc, Barrier};
use std::thread;
use std::time::Duration;

use parking_lot::Mutex;
use procession::global::{self, GlobalError};
use procession::prelude::*;
use procession::process::{Builder, SpawnError, tuning};
use procession::timer;

#[allow(dead_code, reason = "this binary needs few of them")]
mod support {
    pub(crate) mod processes;
    pub(crate) mod rounds;
    pub(crate) mod wait;
}

use crate::support::processes::FOREVER;
use crate::support::rounds::rounds;
use crate::support::wait::{down_reason, expect};

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

fn fill_with_idle() {
    while let Ok(_pid) = process::spawn(answer) {}
}

/// Plays `scene` in a program of its own, which has all the room there is: this one, running the
/// calling test only.
#[track_caller]
fn play_alone(scene: fn()) {
    const IS_ALONE: &str = "PROCESSION_TEST_IS_ALONE";
    static TURN: Mutex<()> = Mutex::new(());
    if env::var_os(IS_ALONE).is_some() {
        return scene();
    }
    let _turn = TURN.lock();
    let thread = thread::current();
    let test = thread.name().expect("a test's thread has its name");
    let mut program = Command::new(env::current_exe().unwrap());
    program.args(["--exact", test, "--nocapture"]).env(IS_ALONE, "1");
    let output = program.output().unwrap();
    let written = String::from_utf8(output.stdout).unwrap();
    let errors = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success(), "{}\n{written}{errors}", output.status);
    assert!(written.contains("1 passed"), "{test} is no test:\n{written}");
}

/// How many memory maps the program may still take; `None` if there is no limit to speak of.
fn maps_left() -> Option<usize> {
    let limit = fs::read_to_string("/proc/sys/vm/max_map_count").ok()?;
    let limit: usize = limit.trim().parse().ok()?;
    let used = fs::read_to_string("/proc/self/maps").ok()?.lines().count();
    Some(limit - used).filter(|_| limit < 4 * ENOUGH)
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
            let wait_twice = move || _ = (end.wait(), end.wait());
            builder.spawn(wait_twice).unwrap()
        };
        let threads = (0..count).map(start).collect();
        end.wait(); // All of them have taken their maps.
        OwnThreads { end, threads }
    }

    fn join(self) {
        self.end.wait();
        self.threads.into_iter().for_each(|thread| thread.join().unwrap());
    }
}

#[test]
fn a_machine_that_is_full_refuses_and_goes_on() {
    play_alone(fill_twice);
}

fn fill_twice() {
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

mod a_program_that_takes_maps_of_its_own {
    use super::*;

    /// Takes all but about so many.
    fn take_all_but(rest: usize) -> Vec<OwnThreads> {
        let mut own = Vec::new();
        while let Some(left) = maps_left().filter(|left| *left > rest + 4) {
            own.push(OwnThreads::start((left - rest) / 4));
        }
        own
    }

    #[track_caller]
    fn assert_refused() {
        match fill() {
            (_, Some(SpawnError::Limit(limit))) => assert_eq!(limit.name, "vm.max_map_count"),
            (_, other) => panic!("{other:?}"),
        }
    }

    #[test]
    fn after_the_runtime_has_counted_them_is_refused_processes_and_goes_on() {
        play_alone(|| {
            if maps_left().is_none() {
                return;
            }
            let first = process::spawn(answer).unwrap();
            let own = take_all_but(600);
            assert_refused();

            // As soon as there is room again, there are processes again.
            own.into_iter().for_each(OwnThreads::join);
            let pid = process::spawn(answer).unwrap();
            for pid in [first, pid] {
                process::send(pid, Ping(process::self_pid()));
                expect::<Pong>();
            }
        });
    }

    #[test]
    fn between_one_process_and_the_next_is_refused_the_next() {
        play_alone(|| {
            if maps_left().is_none() {
                return;
            }
            let mut own = take_all_but(20_000);
            let mut pids = Vec::new();
            loop {
                match process::spawn(answer) {
                    Ok(pid) => pids.push(pid),
                    Err(SpawnError::Limit(_)) => break,
                    Err(other) => panic!("{other}"),
                }
                own.push(OwnThreads::start(1 + pids.len() % 3));
            }
            // Those threads went on to take what there was until the next refusal.
            assert!(pids.len() > 100, "only {} processes", pids.len());
            process::send(pids[0], Ping(process::self_pid()));
            expect::<Pong>();
        });
    }
}

/// A place that was free for a process is free for the one that follows it.
mod a_full_machine_has_room {
    use super::*;

    const SUPERVISORS: usize = 10;
    const WATCHERS: usize = 300;

    #[derive(Debug)]
    struct Worker;

    impl GenServer for Worker {
        type Args = ();

        fn init((): ()) -> InitResult<Worker> {
            ready(Worker)
        }
    }

    fn child_of(supervisor: &SupervisorRef) -> Pid {
        let children = supervisor.which_children().unwrap();
        let [child] = &children[..] else { panic!("{children:?}") };
        child.state.pid().expect("it runs")
    }

    /// Takes two memory maps, those of a large stack that is kept for another such thread. With or
    /// without them there is room for less than half a thread when no more can be had.
    fn take_half_a_thread() {
        thread::Builder::new().stack_size(32 << 20).spawn(|| {}).unwrap().join().unwrap();
    }

    /// Lets the children of a few supervisors crash, again and again. Much is told of the end of
    /// each, but to its supervisor first.
    fn crash_children() {
        if maps_left().is_none() {
            return;
        }
        // Not one of them may have to try twice.
        let (crashes, hour) = (rounds(20), Duration::from_secs(3_600));
        let supervisors: Vec<_> = (0..SUPERVISORS)
            .map(|_| {
                let supervisor = Supervisor::one_for_one().intensity(crashes, hour);
                supervisor.child(Worker::child_spec(())).start_link().unwrap()
            })
            .collect();
        fill_with_idle();
        for _ in 0..crashes {
            // One at a time, as several that end give back enough for some of them.
            for supervisor in &supervisors {
                let child = child_of(supervisor);
                let monitors = [(); WATCHERS].map(|()| process::monitor(child));
                process::exit(child, ExitReason::new("crashed"));
                for monitor in monitors {
                    down_reason(monitor);
                }
                assert_ne!(child_of(supervisor), child);
            }
        }
    }

    #[test]
    fn for_a_child_that_is_started_again() {
        play_alone(crash_children);
    }

    #[test]
    fn for_a_child_that_is_started_again_where_no_threads_are_kept() {
        play_alone(|| {
            tuning::set_max_cached_threads(0);
            crash_children();
        });
    }

    #[test]
    fn for_a_child_that_is_started_again_where_little_else_is_left() {
        play_alone(|| {
            tuning::set_max_cached_threads(0);
            take_half_a_thread();
            crash_children();
        });
    }

    #[test]
    fn for_a_successor_whatever_threads_the_two_run_on() {
        play_alone(|| {
            if maps_left().is_none() {
                return;
            }
            let kinds: [fn() -> Builder; 3] = [
                Builder::new,
                || Builder::new().dedicated(),
                || Builder::new().stack_size(64 * 1024),
            ];
            let mut last = process::spawn_monitor(answer).unwrap();
            fill_with_idle();
            // Each kind follows each.
            let order = [0, 0, 1, 1, 2, 2, 0, 2, 1];
            for kind in (0..rounds(30)).flat_map(|_| order) {
                let (pid, monitor) = last;
                process::exit(pid, ExitReason::new("crashed"));
                down_reason(monitor);
                last = kinds[kind]().spawn_monitor(answer).unwrap();
            }
        });
    }
}

#[derive(Debug)]
struct Unnamed;

impl GenServer for Unnamed {
    type Args = ();

    fn init((): ()) -> InitResult<Unnamed> {
        unreachable!("init runs without the name")
    }
}

// There is room for one process, but not for the name server, too, that is started for it.
#[test]
fn a_start_by_a_global_name_fails_where_there_is_no_room_for_their_server() {
    play_alone(|| {
        if maps_left().is_none() {
            return;
        }
        let (last, monitor) = process::spawn_monitor(answer).unwrap();
        while process::spawn(answer).is_ok() {}
        process::exit(last, ExitReason::Kill);
        down_reason(monitor);
        let options = StartOptions::new().name(global::name("limits"));
        let refused = Unnamed::start_with((), options);
        let Err(StartError::Failed(reason)) = refused else { panic!("{refused:?}") };
        let error = reason.downcast_ref();
        assert!(matches!(error, Some(GlobalError::NoServer(_))), "{reason}");
        let text = reason.to_string();
        assert!(text.contains("the global name server could not be started"), "{text}");
        assert!(text.contains("no room for another thread"), "{text}");
    });
}

/// On a full machine there is no other thread for it.
mod an_end_that_the_timer_thread_tells {
    use super::*;

    /// Lets the caller, which `test` is not, have a child that is busy until `held` is let go.
    fn start_busy_child(test: Pid, held: mpsc::Receiver<()>) {
        let builder = Builder::new().link().kill_grace(FOREVER);
        let body = move || {
            _ = held.recv();
            process::checkpoint();
        };
        let child = builder.spawn(body).unwrap();
        process::send(test, [process::self_pid(), child]);
    }

    /// Lets `kill` end one that has a child which is busy until `let_go` is dropped.
    #[track_caller]
    fn assert_waits_for_no_child(let_go: mpsc::Sender<()>, kill: fn(Pid)) {
        let [parent, child] = expect();
        let monitors = [parent, child].map(process::monitor);
        fill_with_idle();
        kill(parent);
        assert_eq!(down_reason(monitors[0]), ExitReason::Killed);
        // Other timers expire meanwhile.
        timer::send_after(Duration::from_millis(1), process::self_pid(), "a timer");
        assert_eq!(expect::<&str>(), "a timer");
        assert!(process::is_alive(child));
        drop(let_go);
        assert_eq!(down_reason(monitors[1]), ExitReason::Killed);
    }

    #[test]
    fn of_one_that_was_killed_waits_for_no_child() {
        play_alone(|| {
            if maps_left().is_none() {
                return;
            }
            let (test, (let_go, held)) = (process::self_pid(), mpsc::channel());
            let (_busy, is_held) = mpsc::channel::<()>();
            let body = move || {
                start_busy_child(test, held);
                _ = is_held.recv();
            };
            Builder::new().kill_grace(Duration::ZERO).spawn(body).unwrap();
            assert_waits_for_no_child(let_go, |pid| process::exit(pid, ExitReason::Kill));
        });
    }

    #[test]
    fn of_a_thread_of_the_programs_own_waits_for_no_child() {
        play_alone(|| {
            if maps_left().is_none() {
                return;
            }
            let (test, (let_go, held)) = (process::self_pid(), mpsc::channel());
            let (_busy, is_held) = mpsc::channel::<()>();
            thread::spawn(move || {
                start_busy_child(test, held);
                _ = is_held.recv();
            });
            let kill = |pid| _ = timer::kill_after(Duration::from_millis(1), pid);
            assert_waits_for_no_child(let_go, kill);
        });
    }
}
