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
use procession::application::{
    self, Application, ApplicationError, Callback, Mode, RestartType, RunError, Runner,
};
use procession::prelude::*;
use procession::proc_lib;
use procession::process::Status;
use procession::report::{self, ApplicationEvent, HandlerId, Report};
use procession::supervisor::{
    Child, ChildSpec, ChildType, Restart, Shutdown, Supervised, Supervisor,
};

#[path = "it/support.rs"]
#[allow(dead_code, reason = "this binary needs few of them")]
mod support;

use support::*;

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

/// One end of it opens the other, once.
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

/// To the witness: so the run has ended.
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

/// What must not be dropped without care.
#[derive(Debug, PartialEq)]
struct Bomb;

impl Drop for Bomb {
    fn drop(&mut self) {
        assert!(std::thread::panicking(), "a destructor panics");
    }
}

fn failing() -> Result<Pid, StartError> {
    Err(StartError::Failed(ExitReason::new("no disk")))
}

mod a_run {
    use super::*;

    // Nothing runs with processes when it is told to stop, so all are stopped at once; then it
    // starts the second one.
    #[test]
    fn that_is_told_to_stop_between_two_starts_leaves_nothing_running() {
        let _world = world();
        let _told = when("first", ApplicationEvent::Started, || application::terminate().unwrap());
        let run = begin(Runner::new([Application::new("first"), app("second")]));
        assert_eq!(outcome(run), Ok(()));
        assert_eq!((running(), loaded()), (vec![], vec![]));
    }

    #[test]
    fn whose_first_application_ends_before_the_second_starts_leaves_nothing_running() {
        let _world = world();
        let (tell, top) = mpsc::channel();
        let first = Application::new("first").start(move || {
            let top = Supervisor::one_for_one().start_link()?;
            tell.send(top.child_pid()).unwrap();
            Ok(top)
        });
        let top = Mutex::new(top);
        let _crash = when("first", ApplicationEvent::Started, move || {
            let top = top.lock().recv().unwrap();
            let master = process::monitor(process::info(top).unwrap().parent().unwrap());
            process::exit(top, ExitReason::Kill);
            down_reason(master);
        });
        let run = begin(Runner::new([first, app("second")]));
        let (application, reason) = ("first".to_owned(), ExitReason::Killed);
        assert_eq!(outcome(run), Err(RunError::Ended { application, reason }));
        assert_eq!((running(), loaded()), (vec![], vec![]));
    }

    #[test]
    fn that_is_told_to_stop_while_it_starts_one_starts_no_more() {
        let _world = world();
        let me = process::self_pid();
        let first = leaving("first", move || process::send(me, "first has ended"));
        let (open, pass) = gate();
        let run = begin(Runner::new([first, gated("second", pass), app("third")]));
        assert_eq!(expect::<&str>(), "second");
        let _no_third = tell_when_started("third");
        application::terminate().unwrap();
        assert_eq!(running(), ["first"]); // The controller has heard it.
        open.send(()).unwrap();
        assert_eq!(outcome(run), Ok(()));
        assert_eq!(expect::<&str>(), "first has ended");
        assert_eq!((running(), loaded()), (vec![], vec![]));
        assert_no_message();
    }

    // In OTP, `init:stop` does not wait for an application that is being started.
    #[test]
    fn does_not_wait_for_ever_for_a_start_that_hangs() {
        let _world = world();
        let me = process::self_pid();
        let hanging = Application::new("hanging").start(move || {
            process::send(me, process::self_pid());
            idle_body();
            failing()
        });
        let run = begin(Runner::new([app("first"), hanging]));
        let master = expect::<Pid>();
        application::terminate().unwrap();
        let ended = receive! {
            down: Down if down.monitor == run => Some(down),
            after patience() => None,
        };
        process::exit(master, ExitReason::Kill); // For the tests that follow.
        assert!(ended.is_some(), "it still waits");
    }

    #[test]
    fn kills_a_start_that_hangs_when_the_time_is_over() {
        let _world = world();
        let me = process::self_pid();
        let hanging = Application::new("hanging").start(move || {
            process::send(me, "hanging");
            idle_body();
            failing()
        });
        let runner = Runner::new([app("first"), hanging]);
        let run = begin(runner.shutdown_timeout(Duration::from_millis(20)));
        assert_eq!(expect::<&str>(), "hanging");
        application::terminate().unwrap();
        let (application, reason) = ("hanging".to_owned(), ExitReason::Killed);
        let error = ApplicationError::Start { application, reason };
        assert_eq!(outcome(run), Err(RunError::Start(error)));
        assert_eq!((running(), loaded()), (vec![], vec![]));
    }

    fn stubborn() -> ChildSpec {
        ChildSpec::new("stubborn", || {
            Ok(proc_lib::start_link(|starter| {
                process::set_trap_exit(true);
                starter.ack(process::self_pid());
                idle_body();
            })?)
        })
        .shutdown(Shutdown::Timeout(Duration::ZERO))
    }

    #[test]
    fn does_not_hold_against_the_stop_what_was_killed_before() {
        let _world = world();
        let _started = tell_when_started("a");
        let application = Application::new("a")
            .start(|| Supervisor::one_for_one().child(stubborn()).start_link());
        let run = begin(Runner::new([application]));
        assert_eq!(expect::<&str>(), "a");
        let top = application::get_supervisor("a").unwrap().unwrap();
        procession::supervisor::SupervisorRef::from_pid(top).terminate_child("stubborn").unwrap();
        application::terminate().unwrap();
        assert_eq!(outcome(run), Ok(()));
    }

    #[test]
    fn ends_what_is_done_before_the_stop_when_the_time_is_over() {
        let _world = world();
        let _started = tell_when_started("a");
        let me = process::self_pid();
        let runner = Runner::new([app("a")]).shutdown_timeout(Duration::from_millis(20));
        let run = begin(runner.before_stop(move || {
            process::send(me, process::self_pid());
            idle_body();
        }));
        assert_eq!(expect::<&str>(), "a");
        application::terminate().unwrap();
        let working = expect::<Pid>();
        _ = outcome(run);
        let is_alive = process::is_alive(working);
        process::exit(working, ExitReason::Kill);
        assert!(!is_alive);
    }

    #[test]
    fn beside_another_has_its_own_done_before_the_stop() {
        let _world = world();
        let me = process::self_pid();
        let _started = (tell_when_started("a"), tell_when_started("b"));
        let work = move || process::send(me, "done");
        let first = begin(Runner::new([app("a")]).before_stop(work));
        assert_eq!(expect::<&str>(), "a");
        let second = begin(Runner::new([app("b")]));
        assert_eq!(expect::<&str>(), "b");
        application::terminate().unwrap();
        assert_eq!((outcome(first), outcome(second)), (Ok(()), Ok(())));
        process::send(me, "all done");
        assert_eq!(expect::<&str>(), "done");
    }

    #[test]
    fn that_comes_while_all_are_stopped_leaves_nothing_behind() {
        let _world = world();
        let me = process::self_pid();
        let (open, pass) = gate();
        let slow = leaving("slow", move || {
            process::send(me, "slow");
            pass();
        });
        application::load(slow).unwrap();
        application::start("slow").unwrap();
        application::terminate().unwrap();
        assert_eq!(expect::<&str>(), "slow");
        let late = Runner::new([app("a")]).before_stop(move || process::send(me, "too late"));
        let run = heard_client(move || Outcome(late.run()));
        assert_eq!(outcome(run), Err(RunError::Start(ApplicationError::Terminating)));
        open.send(()).unwrap();
        application::stop_all().unwrap();
        drop(open);

        application::load(app("b")).unwrap();
        application::start("b").unwrap();
        let _stopped = when("b", ApplicationEvent::Stopped, move || process::send(me, "stopped"));
        application::terminate().unwrap();
        assert_eq!(expect::<&str>(), "stopped");
    }

    #[test]
    fn leaves_nothing_loaded() {
        let _world = world();
        let _started = tell_when_started("outer");
        let inner = Application::new("inner").env("key", 1);
        let run = begin(Runner::new([app("outer").includes(inner)]));
        assert_eq!(expect::<&str>(), "outer");
        application::terminate().unwrap();
        assert_eq!(outcome(run), Ok(()));
        assert_eq!(loaded(), [""; 0]);
    }
}

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

mod a_start {
    use super::*;

    // OTP answers when the application is stopped, and starts it again.
    #[test]
    fn of_what_is_being_stopped_starts_it_again() {
        let _world = world();
        let me = process::self_pid();
        let (open, pass) = gate();
        application::load(leaving("slow", move || {
            process::send(me, "stopping");
            pass();
        }))
        .unwrap();
        application::start("slow").unwrap();
        let stop = client(|| application::stop("slow"));
        assert_eq!(expect::<&str>(), "stopping");
        let start = heard_client(|| Mutex::new(application::ensure_started("slow")));
        open.send(()).unwrap();
        drop(open);
        assert_eq!(
            (down_reason(stop), down_reason(start)),
            (ExitReason::Normal, ExitReason::Normal)
        );
        assert_eq!(expect::<Result<(), ApplicationError>>(), Ok(()));
        assert_eq!(expect::<Mutex<Result<(), ApplicationError>>>().into_inner(), Ok(()));
        assert_eq!(running(), ["slow"]);
    }

    // OTP's master links itself to the top.
    #[test]
    fn of_a_tree_that_is_not_linked_links_it_all_the_same() {
        let _world = world();
        let unlinked = Application::new("unlinked").start(|| Leaver::start(Box::new(|| {})));
        application::load(unlinked).unwrap();
        application::start("unlinked").unwrap();
        let top = application::get_supervisor("unlinked").unwrap().unwrap();
        let master = process::monitor(process::info(top).unwrap().parent().unwrap());
        process::exit(top, ExitReason::Kill);
        assert_eq!(down_reason(master), ExitReason::Killed);
        assert_eq!(running(), [""; 0]);
    }

    #[test]
    fn that_fails_does_not_stop_what_another_has_started() {
        let _world = world();
        let me = process::self_pid();
        let (open, pass) = gate();
        application::load(gated("slow", pass)).unwrap();
        let failing = Application::new("failing").start(move || {
            process::send(me, "failing");
            failing()
        });
        application::load(failing).unwrap();
        let starter = client(|| Mutex::new(application::start("slow")));
        assert_eq!(expect::<&str>(), "slow");
        let all = ["slow", "failing"];
        let ensure = move || {
            application::ensure_all_started_as(all, RestartType::Temporary, Mode::Concurrent)
        };
        let other = client(move || ensure().map(drop));
        assert_eq!(expect::<&str>(), "failing"); // The other waits for the slow one, too.
        open.send(()).unwrap();
        down_reason(starter);
        down_reason(other);
        assert_eq!(expect::<Mutex<Result<(), ApplicationError>>>().into_inner(), Ok(()));
        assert!(expect::<Result<(), ApplicationError>>().is_err());
        assert_eq!(running(), ["slow"]);
    }

    #[test]
    fn whose_master_is_killed_fails() {
        let _world = world();
        let me = process::self_pid();
        let hanging = Application::new("hanging").start(move || {
            process::send(me, process::self_pid());
            idle_body();
            failing()
        });
        application::load(hanging).unwrap();
        let start = client(|| application::start("hanging"));
        let master = expect::<Pid>();
        assert_eq!(application::get_application(master).as_deref(), Some("hanging"));
        process::exit(master, ExitReason::Kill);
        down_reason(start);
        let (application, reason) = ("hanging".to_owned(), ExitReason::Killed);
        let error = ApplicationError::Start { application, reason };
        assert_eq!(expect::<Result<(), ApplicationError>>(), Err(error));
        assert_eq!(running(), [""; 0]);
    }

    #[test]
    fn may_ask_for_others_from_within_its_tree() {
        #[derive(Debug)]
        struct Asking(Pid);

        impl GenServer for Asking {
            type Args = Pid;

            fn init(witness: Pid) -> InitResult<Asking> {
                process::set_trap_exit(true);
                application::start("other").map_err(ExitReason::from)?;
                process::send(witness, application::get_env::<u8>("asking", "key"));
                ready(Asking(witness))
            }

            fn terminate(&mut self, _: &ExitReason) {
                process::send(self.0, application::stop("other"));
                process::send(self.0, application::get_application(process::self_pid()));
            }
        }

        let _world = world();
        let me = process::self_pid();
        application::load(app("other")).unwrap();
        application::load(
            Application::new("asking").env("key", 7_u8).start(move || {
                Supervisor::one_for_one().child(Asking::child_spec(me)).start_link()
            }),
        )
        .unwrap();
        application::start("asking").unwrap();
        assert_eq!(expect::<Option<u8>>(), Some(7));
        assert_eq!(running(), ["asking", "other"]);
        application::stop("asking").unwrap();
        assert_eq!(expect::<Result<(), ApplicationError>>(), Ok(()));
        assert_eq!(expect::<Option<String>>().as_deref(), Some("asking"));
        assert_eq!(running(), [""; 0]);
    }

    #[test]
    fn of_a_long_chain_by_many_at_once_starts_each_once() {
        let _world = world();
        let name = |n: usize| format!("link{n}");
        for n in 0..30 {
            let link = Application::new(name(n)).start(|| Supervisor::one_for_one().start_link());
            let link = if n > 0 { link.depends_on(name(n - 1)) } else { link };
            application::load(link).unwrap();
        }
        let modes = [Mode::Serial, Mode::Concurrent].into_iter().cycle();
        let clients: Vec<_> = (26..30)
            .zip(modes)
            .map(|(n, mode)| {
                let names = [name(n)];
                let ensure =
                    move || application::ensure_all_started_as(names, RestartType::Temporary, mode);
                client(move || ensure().map(drop))
            })
            .collect();
        for client in clients {
            assert_eq!(down_reason(client), ExitReason::Normal);
            assert_eq!(expect::<Result<(), ApplicationError>>(), Ok(()));
        }
        let order: Vec<_> = (0..30).rev().map(name).collect();
        assert_eq!(running(), order);
    }
}

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
    fn of_what_has_ended_can_be_taken_back() {
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

        fn start(witness: Pid) -> Result<(Pid, Telling), StartError> {
            let top = Supervisor::one_for_one().start_link()?.child_pid();
            process::send(witness, top);
            Ok((top, Telling(witness)))
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
        let bomb = Bomb;
        Application::new("armed").start(move || {
            let _: &Bomb = &bomb;
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
            application::load(Application::new("armed").env("bomb", Bomb)).unwrap();
            assert_eq!(application::unload("armed"), Ok(()));
        });
    }
}

mod the_controller {
    use super::*;

    #[test]
    fn is_not_harmed_by_what_it_drops() {
        let _world = world();
        application::load(app("a")).unwrap();
        application::load(app("b")).unwrap();
        application::start("a").unwrap();
        application::start("b").unwrap();
        let (before, master) = (controller(), master_of("a"));
        process::send(before, Bomb);
        process::send(master, Bomb);
        process::exit(before, ExitReason::new(Bomb));
        process::exit(master, ExitReason::new(Bomb));
        assert_eq!((running().len(), controller(), master_of("a")), (2, before, master));

        let (top, master) = (application::get_supervisor("b").unwrap().unwrap(), master_of("b"));
        let monitor = process::monitor(master);
        let unlinked = process::monitor(top);
        _ = proc_lib::stop_with(top, ExitReason::new(Bomb), Duration::MAX).map_err(mem::forget);
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
    fn that_is_replaced_from_within_a_tree_outlives_that() {
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

mod an_end_that_somebody_has_seen {
    use super::*;

    /// The top of an application, under a name of its own.
    #[derive(Debug)]
    struct Top;

    impl GenServer for Top {
        type Args = ();

        fn init((): ()) -> InitResult<Top> {
            ready(Top)
        }

        fn handle_info(&mut self, message: Message) -> CastResult<Top> {
            if message.is::<Unlink>() {
                let parent = process::info(process::self_pid()).and_then(|info| info.parent());
                process::unlink(parent.unwrap());
            }
            noreply()
        }
    }

    /// To the top: remove the link to its master.
    #[derive(Debug)]
    struct Unlink;

    const NAME: &str = "application_races::top";

    fn load_named() {
        let start = || Top::start_link_with((), StartOptions::new().name(NAME));
        application::load(Application::new("a").start(start)).unwrap();
        application::load(app("dependant").depends_on("a")).unwrap();
        application::load(Application::new("library").depends_on("a")).unwrap();
    }

    fn top() -> Pid {
        application::get_supervisor("a").unwrap().unwrap()
    }

    /// Kills one process of the application, and waits until another has ended, or the same.
    fn see_the_end(killed: Pid, seen: Pid) {
        let monitor = process::monitor(seen);
        process::exit(killed, ExitReason::Kill);
        down_reason(monitor);
    }

    /// Whatever starts it, and whichever end was seen.
    #[track_caller]
    fn can_be_started_again_when(see: impl Fn()) {
        type Start = fn() -> Result<(), ApplicationError>;
        let starts: [Start; 4] = [
            || application::start("a"),
            || application::ensure_started("a"),
            || application::ensure_all_started(["a"]).map(drop),
            || application::ensure_all_started(["dependant"]).map(drop),
        ];
        let _world = world();
        load_named();
        application::start("a").unwrap();
        for round in 0..rounds(1_000) {
            let before = top();
            see();
            assert_eq!(starts[round % 4](), Ok(()), "round {round}");
            assert!(process::whereis(NAME).is_some(), "round {round}: it does not run");
            assert_ne!(top(), before, "round {round}");
            _ = application::stop("dependant");
        }
    }

    #[test]
    fn of_the_top_leaves_an_application_that_can_be_started_again() {
        can_be_started_again_when(|| see_the_end(top(), top()));
    }

    #[test]
    fn of_a_top_that_has_removed_its_link_leaves_an_application_that_can_be_started_again() {
        can_be_started_again_when(|| {
            process::send(top(), Unlink);
            see_the_end(top(), top());
        });
    }

    #[test]
    fn of_a_killed_master_leaves_an_application_that_can_be_started_again() {
        can_be_started_again_when(|| see_the_end(master_of("a"), master_of("a")));
    }

    #[test]
    fn of_the_top_of_a_killed_master_leaves_an_application_that_can_be_started_again() {
        can_be_started_again_when(|| see_the_end(master_of("a"), top()));
    }

    #[test]
    fn is_one_for_whoever_asks() {
        let _world = world();
        load_named();
        for round in 0..rounds(1_000) {
            application::ensure_started("a").unwrap();
            let before = application::env_snapshot();
            application::set_env("a", "round", round);
            let (killed, seen) = match round % 3 {
                0 => (top(), top()),
                1 => (master_of("a"), top()),
                _ => (master_of("a"), master_of("a")),
            };
            see_the_end(killed, seen);
            let not_running = Err(ApplicationError::NotRunning("a".to_owned()));
            match round % 7 {
                0 => assert_eq!(running(), [""; 0], "round {round}"),
                1 => assert_eq!(application::get_supervisor("a"), Ok(None), "round {round}"),
                2 => assert_eq!(application::config_change(&before), Ok(()), "round {round}"),
                3 => assert_eq!(application::start("dependant"), not_running, "round {round}"),
                4 => {
                    assert_eq!(application::start("library"), Ok(()), "round {round}");
                    application::stop("library").unwrap();
                }
                5 => {
                    assert_eq!(application::stop("a"), Ok(()), "round {round}");
                    let not_started = Err(ApplicationError::NotStarted("a".to_owned()));
                    assert_eq!(application::stop("a"), not_started, "round {round}");
                }
                _ => {
                    assert_eq!(application::unload("a"), Ok(()), "round {round}");
                    loaded().iter().for_each(|name| application::unload(name).unwrap());
                    load_named();
                }
            }
        }
    }

    // In OTP, a stop may come before the controller has heard of the end.
    #[test]
    fn of_a_permanent_application_is_the_end_of_all_whatever_is_asked_then() {
        type Ask = fn() -> Result<(), ApplicationError>;
        let asks: [Ask; 4] = [
            || application::start("a"),
            || application::ensure_started("a"),
            || application::stop("a"),
            || application::unload("a"),
        ];
        for round in 0..rounds(400) {
            let _world = world();
            load_named();
            let (open, pass) = gate();
            application::load(leaving("other", pass)).unwrap();
            application::start("other").unwrap();
            application::start_as("a", RestartType::Permanent).unwrap();
            see_the_end(top(), top());
            assert_eq!(asks[round % 4](), Err(ApplicationError::Terminating), "round {round}");
            open.send(()).unwrap();
            assert_eq!(application::stop_all(), Ok(vec![]), "round {round}");
            assert_eq!(running(), [""; 0], "round {round}");
        }
    }

    /// Its tree asks for it when it ends.
    struct Returning(Pid);

    impl Callback for Returning {
        type Args = Pid;

        fn start(witness: Pid) -> Result<(Pid, Returning), StartError> {
            Ok((Supervisor::one_for_one().start_link()?.child_pid(), Returning(witness)))
        }

        fn prep_stop(&mut self) {
            process::send(self.0, application::ensure_all_started(["a"]));
            process::send(self.0, application::unload("a"));
        }
    }

    #[test]
    fn is_not_waited_for_by_what_belongs_to_the_application() {
        let _world = world();
        let me = process::self_pid();
        application::load(Application::new("a").callback::<Returning>(me)).unwrap();
        application::start("a").unwrap();
        let master = master_of("a");
        see_the_end(top(), master);
        assert_eq!(expect::<Result<Vec<String>, ApplicationError>>(), Ok(vec![]));
        let running = Err(ApplicationError::Running("a".to_owned()));
        assert_eq!(expect::<Result<(), ApplicationError>>(), running);
        // Also when it is told to.
        application::start("a").unwrap();
        application::stop("a").unwrap();
        assert_eq!(expect::<Result<Vec<String>, ApplicationError>>(), Ok(vec![]));
        assert_eq!(expect::<Result<(), ApplicationError>>(), running);
    }
}

/// A small generator of numbers that only have to be mixed.
fn next(seed: &mut u64) -> usize {
    *seed ^= *seed << 13;
    *seed ^= *seed >> 7;
    *seed ^= *seed << 17;
    (*seed >> 20) as usize
}

/// How far an application has come, to the witness: this process does it.
#[derive(Debug)]
struct Mark(&'static str, Pid);

/// Whose tree is a supervisor of a supervisor of a server, all of which tell how far they are.
struct Staged(Pid);

impl Staged {
    /// All that it tells of, from its start to its stop.
    const STAGES: [&'static str; 9] =
        ["start", "subtree", "init", "phase", "started", "prep_stop", "leave", "stop", "stopped"];
}

fn mark(witness: Pid, stage: &'static str) {
    process::send(witness, Mark(stage, process::self_pid()));
}

impl Callback for Staged {
    type Args = Pid;

    fn start(witness: Pid) -> Result<(Pid, Staged), StartError> {
        mark(witness, "start");
        let leaf = ChildSpec::new("leaf", move || {
            mark(witness, "init");
            let leave = move || mark(witness, "leave");
            let options = StartOptions::new().name("application_races::leaf");
            Ok(Leaver::start_link_with(Box::new(leave), options)?.child_pid())
        });
        let subtree = ChildSpec::new("subtree", move || {
            mark(witness, "subtree");
            let options = StartOptions::new().name("application_races::subtree");
            Supervisor::one_for_one().child(leaf.clone()).start_link_with(options)
        });
        let subtree = subtree.child_type(ChildType::Supervisor);
        let top = Supervisor::one_for_one().child(subtree).start_link()?;
        Ok((top.child_pid(), Staged(witness)))
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
        dither(next(&mut seed));
        process::exit(master, ExitReason::Kill);
        down_reason(ended);
        assert_eq!(down_reason(client), ExitReason::Normal, "round {round}, at {stage}");
        // That of the master is told when the others have ended.
        let left = process::processes().into_iter().filter(|pid| !before.contains(pid));
        assert_eq!(left.collect::<Vec<_>>(), [], "round {round}, at {stage}");
        assert_eq!(running(), [""; 0], "round {round}, at {stage}");
    }
    assert_eq!((application::start("staged"), running().len()), (Ok(()), 1));
}

/// A process that spawns many others, to which it is not linked, and then waits for ever.
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
fn a_master_whose_time_is_over_takes_along_what_is_spawned_meanwhile() {
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
        dither(next(&mut seed));
        application::terminate().unwrap();
        assert!(outcome(run).is_err(), "round {round}: nothing was killed");
        assert_eq!(running(), [""; 0], "round {round}");
        let is_below =
            |pid: &Pid| process::info(*pid).is_some_and(|it| it.ancestors.contains(&master));
        // What was being spawned when its parent was killed is on its way out.
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
    // What a killed master has left is on its way out.
    for pid in process::processes().into_iter().filter(|pid| !before.contains(pid)) {
        wait_for_exit(pid);
    }
}
