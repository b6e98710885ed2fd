//! Applications at awkward moments: signals in the middle of a start, ends between two starts,
//! destructors that panic, and many clients at once. What ends all applications, or all processes,
//! concerns every test, so they run one after another, in a binary of their own.

use std::fmt::Debug;
use std::mem;
use std::process::Command;
use std::sync::Arc;
use std::sync::mpsc;
use std::time::Duration;

use parking_lot::{Mutex, MutexGuard};
use procession::application::{self, Application, ApplicationError, Callback, RunError, Runner};
use procession::prelude::*;
use procession::proc_lib;
use procession::process::Status;
use procession::report::{self, ApplicationEvent, HandlerId, Report};
use procession::supervisor::{Child, ChildSpec, ChildType, Restart, Shutdown, Supervisor};

#[allow(dead_code, reason = "this binary needs few of them")]
#[path = "support"]
mod support {
    pub(crate) mod processes;
    pub(crate) mod rounds;
    pub(crate) mod wait;
}

use crate::support::processes::idle_body;
use crate::support::rounds::{delay_by, rounds};
use crate::support::wait::{down_reason, exit_and_wait, expect, wait_for_exit};

/// All applications, for one test at a time.
struct World {
    _only: MutexGuard<'static, ()>,
}

/// Has the world to itself; nothing is loaded.
fn world() -> World {
    static ONLY: Mutex<()> = Mutex::new(());
    World { _only: ONLY.lock() }
}

impl Drop for World {
    fn drop(&mut self) {
        application::stop_all().unwrap();
        loaded().iter().for_each(|name| application::unload(name).unwrap());
    }
}

/// The applications that run, the last that was started first.
fn running() -> Vec<String> {
    application::which_applications().unwrap().into_iter().map(|it| it.name).collect()
}

fn loaded() -> Vec<String> {
    application::loaded_applications().unwrap().into_iter().map(|it| it.name).collect()
}

/// A server that has something done when it ends.
struct Leaver(Box<dyn FnMut() + Send>);

impl Debug for Leaver {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Leaver")
    }
}

impl GenServer for Leaver {
    type Args = Box<dyn FnMut() + Send>;

    fn init(leave: Self::Args) -> InitResult<Leaver> {
        process::set_trap_exit(true);
        ready(Leaver(leave))
    }

    fn terminate(&mut self, _: &ExitReason) {
        (self.0)();
    }
}

/// A child that does `leave` when it ends, for which it has as long as it takes.
fn leaver(leave: impl FnMut() + Clone + Send + Sync + 'static) -> ChildSpec {
    let start = move || Ok(Leaver::start_link(Box::new(leave.clone()))?.child_pid());
    ChildSpec::new("leaver", start).shutdown(Shutdown::Infinity).restart(Restart::Temporary)
}

/// An application whose tree is one child, which does `leave` when it ends.
fn leaving(name: &'static str, leave: impl FnMut() + Clone + Send + Sync + 'static) -> Application {
    Application::new(name)
        .start(move || Supervisor::one_for_one().child(leaver(leave.clone())).start_link())
}

/// An application whose tree has nobody in it.
fn app(name: &'static str) -> Application {
    Application::new(name).start(|| Supervisor::one_for_one().start_link())
}

/// A gate: one end of it opens the other, once.
fn gate() -> (mpsc::Sender<()>, impl Fn() + Clone + Send + Sync + 'static) {
    let (open, opened) = mpsc::channel();
    let opened = Arc::new(Mutex::new(opened));
    (open, move || _ = opened.lock().recv()) // It is open, too, when the test has given up.
}

/// An application that says that its start has begun, and goes on when the gate is open.
fn gated(name: &'static str, pass: impl Fn() + Send + Sync + 'static) -> Application {
    let me = process::self_pid();
    Application::new(name).start(move || {
        process::send(me, name);
        pass();
        Supervisor::one_for_one().start_link()
    })
}

/// A process that sends the caller what it has found out.
fn client<T: Debug + Send + 'static>(ask: impl FnOnce() -> T + Send + 'static) -> MonitorRef {
    spawn_client(ask).1
}

fn spawn_client<T: Debug + Send + 'static>(
    ask: impl FnOnce() -> T + Send + 'static,
) -> (Pid, MonitorRef) {
    let me = process::self_pid();
    process::spawn_monitor(move || process::send(me, ask())).unwrap()
}

/// As [`client`], when the controller has heard of it.
fn heard_client<T: Debug + Send + 'static>(ask: impl FnOnce() -> T + Send + 'static) -> MonitorRef {
    let (pid, monitor) = spawn_client(ask);
    while process::info(pid).is_some_and(|info| info.status == Status::Running) {
        std::thread::yield_now();
    }
    running(); // It has come to that after what the client asks for.
    monitor
}

/// To the observer: so the run has ended.
#[derive(Debug)]
struct Outcome(Result<(), RunError>);

fn begin(runner: Runner) -> MonitorRef {
    client(move || Outcome(runner.run()))
}

#[track_caller]
fn outcome(run: MonitorRef) -> Result<(), RunError> {
    assert_eq!(down_reason(run), ExitReason::Normal);
    let Outcome(outcome) = expect();
    outcome
}

/// Does something whenever the application controller reports something, in that process, before it
/// hears of anything else.
struct Handler(HandlerId);

fn when(
    name: &'static str,
    event: ApplicationEvent,
    what: impl Fn() + Send + Sync + 'static,
) -> Handler {
    Handler(report::add_handler(move |report| {
        if let Report::Application(it) = report
            && it.application == name
            && it.event == event
        {
            what();
        }
    }))
}

impl Drop for Handler {
    fn drop(&mut self) {
        report::remove_handler(self.0);
    }
}

/// Tells the caller when the application runs.
fn tell_when_started(name: &'static str) -> Handler {
    let me = process::self_pid();
    when(name, ApplicationEvent::Started, move || process::send(me, name))
}

#[track_caller]
fn master_of(name: &str) -> Pid {
    let top = application::get_supervisor(name).unwrap().unwrap();
    process::info(top).unwrap().parent().unwrap()
}

#[track_caller]
fn controller() -> Pid {
    process::whereis("application_controller").unwrap()
}

/// A value whose destructor panics.
#[derive(Debug, PartialEq)]
struct PanicsOnDrop;

impl Drop for PanicsOnDrop {
    fn drop(&mut self) {
        assert!(std::thread::panicking(), "a destructor panics");
    }
}

fn failing() -> Result<Pid, StartError> {
    Err(StartError::Failed(ExitReason::new("no disk")))
}

#[path = "application_races/a_run.rs"]
mod a_run;

#[cfg(unix)]
mod a_signal {
    use super::*;

    fn send_to_ourselves(signal: &str) {
        let kill = format!("kill -{signal} {}", std::process::id());
        assert!(Command::new("sh").args(["-c", &kill]).status().unwrap().success());
    }

    #[test]
    fn ends_one_run_after_another() {
        let _world = world();
        for (round, signal) in ["TERM", "INT", "TERM"].into_iter().enumerate() {
            let _started = tell_when_started("a");
            let run = begin(Runner::new([app("a")]));
            assert_eq!(expect::<&str>(), "a", "round {round}");
            send_to_ourselves(signal);
            assert_eq!(outcome(run), Ok(()));
            assert_eq!((running(), loaded()), (vec![], vec![]));
        }
    }

    /// It runs itself again, in a program that it ends.
    #[test]
    fn that_is_the_second_ends_the_program_at_once() {
        if std::env::var_os("APPLICATION_RACES_END").is_some() {
            return stop_for_ever();
        }
        let this = std::env::current_exe().unwrap();
        let again = Command::new(this)
            .args(["--exact", "a_signal::that_is_the_second_ends_the_program_at_once"])
            .env("APPLICATION_RACES_END", "1")
            .output()
            .unwrap();
        assert_eq!(again.status.code(), Some(1), "{again:?}");
        assert!(!String::from_utf8_lossy(&again.stdout).contains("FAILED"), "{again:?}");
    }

    fn stop_for_ever() {
        let me = process::self_pid();
        let _started = tell_when_started("a");
        begin(Runner::new([leaving("a", move || {
            process::send(me, "stopping");
            idle_body();
        })]));
        assert_eq!(expect::<&str>(), "a");
        send_to_ourselves("TERM");
        assert_eq!(expect::<&str>(), "stopping");
        send_to_ourselves("INT");
        expect::<()>(); // Nothing comes: it is not to get here, or not to wait here for long.
    }
}

#[path = "application_races/a_start.rs"]
mod a_start;

mod a_load {
    use super::*;

    #[test]
    fn that_fails_changes_nothing() {
        let _world = world();
        let nameless = Application::new("outer")
            .env("key", 1)
            .includes(Application::new("inner"))
            .includes(Application::new(""));
        assert_eq!(application::load(nameless), Err(ApplicationError::NoName));
        assert_eq!((loaded(), application::get_all_env("outer")), (vec![], vec![]));
    }

    // In OTP, only what runs cannot be unloaded.
    #[test]
    fn of_an_application_that_has_ended_can_be_undone() {
        let _world = world();
        application::load(app("a")).unwrap();
        application::start("a").unwrap();
        exit_and_wait(master_of("a"), ExitReason::Kill);
        assert_eq!(running(), [""; 0]);
        assert_eq!(application::unload("a"), Ok(()));
    }
}

mod a_callback {
    use super::*;

    struct Telling(Pid);

    impl Callback for Telling {
        type Args = Pid;

        fn start(observer: Pid) -> Result<(Pid, Telling), StartError> {
            let top = Supervisor::one_for_one().start_link()?.child_pid();
            process::send(observer, top);
            Ok((top, Telling(observer)))
        }

        fn start_phase(&mut self, phase: &str) -> Result<(), ExitReason> {
            panic!("{phase}");
        }

        fn prep_stop(&mut self) {
            process::send(self.0, "prep_stop");
        }

        fn stop(&mut self) {
            process::send(self.0, "stop");
        }
    }

    // OTP's master calls it however the application ends.
    #[test]
    fn is_told_before_and_after_an_end_however_that_comes() {
        let _world = world();
        application::load(Application::new("a").callback::<Telling>(process::self_pid())).unwrap();
        application::start("a").unwrap();
        let master = process::monitor(master_of("a"));
        let top = application::get_supervisor("a").unwrap().unwrap();
        proc_lib::stop(top).unwrap();
        down_reason(master);
        assert_eq!((expect::<&str>(), expect::<&str>()), ("prep_stop", "stop"));
    }

    #[test]
    fn that_panics_in_a_phase_stops_the_tree() {
        let _world = world();
        let spec = Application::new("a").phase("oh").callback::<Telling>(process::self_pid());
        application::load(spec).unwrap();
        let Err(ApplicationError::Start { reason, .. }) = application::start("a") else {
            panic!("it runs")
        };
        assert_eq!(reason.as_panic().unwrap().message, "oh");
        assert!(!process::is_alive(expect::<Pid>()));
    }
}

mod a_destructor_that_panics {
    use super::*;

    /// Whether an application goes on while `what` is done.
    #[track_caller]
    fn does_no_harm(what: impl FnOnce()) {
        let _world = world();
        application::load(app("other")).unwrap();
        application::start("other").unwrap();
        let before = controller();
        what();
        assert_eq!((running(), controller()), (vec!["other".to_owned()], before));
    }

    /// An application that holds a bomb in its start function.
    fn armed() -> Application {
        let bomb = PanicsOnDrop;
        Application::new("armed").start(move || {
            let _: &PanicsOnDrop = &bomb;
            failing()
        })
    }

    #[test]
    fn does_no_harm_when_its_application_is_unloaded() {
        does_no_harm(|| {
            application::load(armed()).unwrap();
            assert_eq!(application::unload("armed"), Ok(()));
        });
    }

    #[test]
    fn does_no_harm_when_its_application_is_refused() {
        does_no_harm(|| {
            application::load(Application::new("armed")).unwrap();
            let refused = application::load(armed());
            assert_eq!(refused, Err(ApplicationError::AlreadyLoaded("armed".to_owned())));
        });
    }

    #[test]
    fn does_no_harm_in_an_environment() {
        does_no_harm(|| {
            application::load(Application::new("armed").env("bomb", PanicsOnDrop)).unwrap();
            assert_eq!(application::unload("armed"), Ok(()));
        });
    }
}

mod the_controller {
    use super::*;

    #[test]
    fn survives_messages_whose_destructors_panic() {
        let _world = world();
        application::load(app("a")).unwrap();
        application::load(app("b")).unwrap();
        application::start("a").unwrap();
        application::start("b").unwrap();
        let (before, master) = (controller(), master_of("a"));
        process::send(before, PanicsOnDrop);
        process::send(master, PanicsOnDrop);
        process::exit(before, ExitReason::new(PanicsOnDrop));
        process::exit(master, ExitReason::new(PanicsOnDrop));
        assert_eq!((running().len(), controller(), master_of("a")), (2, before, master));

        let (top, master) = (application::get_supervisor("b").unwrap().unwrap(), master_of("b"));
        let monitor = process::monitor(master);
        let unlinked = process::monitor(top);
        _ = proc_lib::stop_with(top, ExitReason::new(PanicsOnDrop), Duration::MAX)
            .map_err(mem::forget);
        for _ in [monitor, unlinked] {
            mem::forget(expect::<Down>());
        }
        assert_eq!((running(), controller()), (vec!["a".to_owned()], before));
    }

    #[test]
    fn ends_when_everything_is_shut_down() {
        let _world = world();
        application::load(Application::new("a")).unwrap();
        assert_eq!(procession::shutdown(Duration::from_millis(500)), []);
    }

    #[test]
    fn that_is_killed_takes_the_trees_along_and_is_replaced() {
        let _world = world();
        let me = process::self_pid();
        application::load(leaving("a", move || process::send(me, "a has ended"))).unwrap();
        application::start("a").unwrap();
        let master = process::monitor(master_of("a"));
        process::exit(controller(), ExitReason::Kill);
        assert_eq!(down_reason(master), ExitReason::Killed);
        assert_eq!(expect::<&str>(), "a has ended");
        assert_eq!((running(), loaded()), (vec![], vec![]));
        application::load(app("a")).unwrap();
        assert_eq!(application::start("a"), Ok(()));
    }

    #[test]
    fn that_is_started_from_within_a_tree_outlives_the_tree() {
        let _world = world();
        let me = process::self_pid();
        let leave = move || {
            application::load(Application::new("new")).unwrap();
            process::send(me, controller());
        };
        application::load(leaving("a", leave)).unwrap();
        application::start("a").unwrap();
        let master = process::monitor(master_of("a"));
        process::exit(controller(), ExitReason::Kill);
        let replaced = expect::<Pid>();
        down_reason(master);
        assert!(process::is_alive(replaced));
        assert_eq!(loaded(), ["new"]);
    }
}

#[path = "application_races/an_observed_end.rs"]
mod an_observed_end;

/// A small generator of numbers that only have to be mixed.
fn next(seed: &mut u64) -> usize {
    *seed ^= *seed << 13;
    *seed ^= *seed >> 7;
    *seed ^= *seed << 17;
    (*seed >> 20) as usize
}

/// How far an application has come, to the observer: this process does it.
#[derive(Debug)]
struct Mark(&'static str, Pid);

/// Whose tree is a supervisor of a supervisor of a server, all of which tell how far they are.
struct Staged(Pid);

impl Staged {
    /// All that it tells of, from its start to its stop.
    const STAGES: [&'static str; 9] =
        ["start", "subtree", "init", "phase", "started", "prep_stop", "leave", "stop", "stopped"];
}

fn mark(observer: Pid, stage: &'static str) {
    process::send(observer, Mark(stage, process::self_pid()));
}

impl Callback for Staged {
    type Args = Pid;

    fn start(observer: Pid) -> Result<(Pid, Staged), StartError> {
        mark(observer, "start");
        let leaf = ChildSpec::new("leaf", move || {
            mark(observer, "init");
            let leave = move || mark(observer, "leave");
            let options = StartOptions::new().name("application_races::leaf");
            Ok(Leaver::start_link_with(Box::new(leave), options)?.child_pid())
        });
        let subtree = ChildSpec::new("subtree", move || {
            mark(observer, "subtree");
            let options = StartOptions::new().name("application_races::subtree");
            Supervisor::one_for_one().child(leaf.clone()).start_link_with(options)
        });
        let subtree = subtree.child_type(ChildType::Supervisor);
        let top = Supervisor::one_for_one().child(subtree).start_link()?;
        Ok((top.child_pid(), Staged(observer)))
    }

    fn start_phase(&mut self, _: &str) -> Result<(), ExitReason> {
        mark(self.0, "phase");
        Ok(())
    }

    fn prep_stop(&mut self) {
        mark(self.0, "prep_stop");
    }

    fn stop(&mut self) {
        mark(self.0, "stop");
    }
}

/// Starts and stops the application, in a process of its own.
fn start_and_stop(name: &'static str) -> MonitorRef {
    let me = process::self_pid();
    let (_, client) = process::spawn_monitor(move || {
        let killed = ExitReason::Killed;
        match application::start(name) {
            Ok(()) => {}
            Err(ApplicationError::Start { reason, .. }) if reason == killed => {}
            Err(error) => panic!("{error:?}"),
        }
        mark(me, "started");
        match application::stop(name) {
            Ok(()) | Err(ApplicationError::NotStarted(_)) => {}
            Err(error) => panic!("{error:?}"),
        }
        mark(me, "stopped");
    })
    .unwrap();
    client
}

/// Waits until the application has come to a stage, and returns its master.
#[track_caller]
fn comes_to(stage: &str) -> Pid {
    let Mark("start", master) = expect() else { panic!("it starts with something else") };
    while stage != "start" && expect::<Mark>().0 != stage {}
    master
}

#[test]
fn a_master_that_is_killed_at_any_moment_takes_its_tree_along() {
    let _world = world();
    let staged = Application::new("staged").phase("only").callback::<Staged>(process::self_pid());
    application::load(staged).unwrap();
    let mut seed = 0x9e37_79b9;
    for round in 0..rounds(900) {
        while process::receive_match_timeout(Duration::ZERO, |it| it.is::<Mark>()).is_some() {}
        let before = process::processes();
        let client = start_and_stop("staged");
        let stage = Staged::STAGES[round % Staged::STAGES.len()];
        let master = comes_to(stage);
        let ended = process::monitor(master);
        delay_by(next(&mut seed));
        process::exit(master, ExitReason::Kill);
        down_reason(ended);
        assert_eq!(down_reason(client), ExitReason::Normal, "round {round}, at {stage}");
        // The end of the master is told when the others have ended.
        let left = process::processes().into_iter().filter(|pid| !before.contains(pid));
        let left: Vec<_> = left.filter_map(process::info).collect();
        assert!(left.is_empty(), "round {round}, at {stage}: {left:?}");
        assert_eq!(running(), [""; 0], "round {round}, at {stage}");
    }
    assert_eq!((application::start("staged"), running().len()), (Ok(()), 1));
}

/// A process that spawns many others, to which it is not linked, and then waits forever.
fn spawning(many: usize) -> ChildSpec<Pid> {
    let body = move |starter: proc_lib::Starter<Pid>| {
        process::set_trap_exit(true);
        starter.ack(process::self_pid());
        (0..many).for_each(|_| _ = process::spawn(idle_body));
        idle_body();
    };
    ChildSpec::new("spawning", move || Ok(proc_lib::start_link(body)?)).shutdown(Shutdown::Infinity)
}

#[test]
fn a_master_whose_time_is_over_ends_children_that_are_spawned_meanwhile() {
    let _world = world();
    let me = process::self_pid();
    let mut seed = 0x9e37_79b9;
    for round in 0..rounds(300) {
        let spawning = Application::new("spawning").start(move || {
            process::send(me, process::self_pid());
            let child =
                |supervisor: Supervisor, n: usize| supervisor.child(spawning(40).id(n.to_string()));
            (0..4).fold(Supervisor::one_for_one(), child).start_link()
        });
        let timeout = Duration::from_micros(next(&mut seed) as u64 % 500);
        let run = begin(Runner::new([spawning]).shutdown_timeout(timeout));
        let master = expect::<Pid>();
        delay_by(next(&mut seed));
        application::terminate().unwrap();
        assert!(outcome(run).is_err(), "round {round}: nothing was killed");
        assert_eq!(running(), [""; 0], "round {round}");
        let is_below =
            |pid: &Pid| process::info(*pid).is_some_and(|it| it.ancestors.contains(&master));
        // A process that was being spawned when its parent was killed is about to end.
        process::processes().into_iter().filter(is_below).for_each(|pid| _ = wait_for_exit(pid));
    }
}

#[test]
fn a_master_whose_time_is_over_when_it_starts_its_tree_takes_that_along() {
    let _world = world();
    let me = process::self_pid();
    let mut seed = 0x9e37_79b9;
    for round in 0..rounds(2_000) {
        let delay = next(&mut seed);
        let starting = Application::new("starting").start(move || {
            process::send(me, process::self_pid());
            delay_by(delay);
            Supervisor::one_for_one().child(spawning(0)).start_link()
        });
        let timeout = Duration::from_micros(next(&mut seed) as u64 % 100);
        let run = begin(Runner::new([starting]).shutdown_timeout(timeout));
        let master = expect::<Pid>();
        application::terminate().unwrap();
        assert!(outcome(run).is_err(), "round {round}: nothing was killed");
        let is_below =
            |pid: &Pid| process::info(*pid).is_some_and(|it| it.ancestors.contains(&master));
        process::processes().into_iter().filter(is_below).for_each(|pid| _ = wait_for_exit(pid));
    }
}

#[test]
fn many_clients_that_start_stop_and_kill_leave_nothing_behind() {
    const NAMES: [&str; 3] = ["a", "b", "c"];

    fn act(seed: &mut u64) {
        let name = NAMES[next(seed) % 3];
        match next(seed) % 6 {
            0 | 1 => _ = application::start(name),
            2 => _ = application::stop(name),
            3 => _ = application::ensure_all_started([name]),
            killing => {
                let top = application::get_supervisor(name).unwrap();
                let parent = top.and_then(process::info).and_then(|info| info.parent());
                let victim = if killing == 4 { top } else { parent };
                victim.into_iter().for_each(|pid| process::exit(pid, ExitReason::Kill));
            }
        }
    }

    let _world = world();
    for name in NAMES {
        let it = app(name);
        application::load(if name == "b" { it.depends_on("a") } else { it }).unwrap();
    }
    let before = process::processes();
    let clients: Vec<_> = (1..=4)
        .map(|n| {
            client(move || {
                let mut seed = n * 0x9e37_79b9;
                (0..rounds(200)).for_each(|_| act(&mut seed));
            })
        })
        .collect();
    for client in clients {
        assert_eq!(down_reason(client), ExitReason::Normal);
        expect::<()>();
    }
    for name in NAMES {
        _ = application::stop(name);
        application::start(name).unwrap();
        let (top, master) = (application::get_supervisor(name).unwrap().unwrap(), master_of(name));
        application::stop(name).unwrap();
        assert!(!process::is_alive(top) && !process::is_alive(master));
        application::start(name).unwrap(); // For those that depend on it.
    }
    NAMES.iter().for_each(|name| application::stop(name).unwrap());
    // Processes that a killed master has left are about to end.
    for pid in process::processes().into_iter().filter(|pid| !before.contains(pid)) {
        wait_for_exit(pid);
    }
}
