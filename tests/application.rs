//! Applications: loading, starting, stopping, environments, and what happens when one ends. What
//! ends all applications concerns every test, so they run one after another, in a binary of their
//! own.

use std::sync::mpsc;
use std::time::Duration;

use parking_lot::{Mutex, MutexGuard};
use procession::application::{
    self, Application, ApplicationError, Callback, EnvChange, RestartType,
};
use procession::prelude::*;
use procession::proc_lib;
use procession::report::{self, Report};
use procession::supervisor::{
    Child, ChildSpec, FailedToStart, Supervised, Supervisor, SupervisorRef,
};

#[allow(dead_code, reason = "this binary needs few of them")]
#[path = "support"]
mod support {
    pub(crate) mod processes;
    pub(crate) mod wait;
}

use crate::support::wait::{down_reason, test_timeout};

/// All applications, for one test at a time.
struct World {
    _only: MutexGuard<'static, ()>,
}

/// Has the world to itself; nothing is loaded, and nothing said.
fn world() -> World {
    static ONLY: Mutex<()> = Mutex::new(());
    let world = World { _only: ONLY.lock() };
    while process::receive_match_timeout(Duration::ZERO, |it| it.is::<Ended>() || it.is::<Said>())
        .is_some()
    {}
    world
}

impl Drop for World {
    fn drop(&mut self) {
        application::stop_all().unwrap();
        for loaded in application::loaded_applications().unwrap() {
            application::unload(&loaded.name).unwrap();
        }
    }
}

/// A server that tells its observer when it ends.
#[derive(Debug)]
struct Worker {
    name: &'static str,
    observer: Pid,
}

/// To the observer: it has ended.
#[derive(Debug, PartialEq)]
struct Ended(&'static str);

impl GenServer for Worker {
    type Args = (&'static str, Pid);

    fn init((name, observer): Self::Args) -> InitResult<Worker> {
        process::set_trap_exit(true);
        ready(Worker { name, observer })
    }

    fn terminate(&mut self, _: &ExitReason) {
        process::send(self.observer, Ended(self.name));
    }
}

/// The tree of an application: a supervisor of one worker.
fn tree(name: &'static str, observer: Pid) -> Result<SupervisorRef, StartError> {
    Supervisor::one_for_one().child(Worker::child_spec((name, observer)).id(name)).start_link()
}

/// An application with a tree whose worker tells the caller when it ends.
fn app(name: &'static str) -> Application {
    let observer = process::self_pid();
    Application::new(name).start(move || tree(name, observer))
}

#[track_caller]
fn ended() -> &'static str {
    receive! {
        Ended(name) => name,
        after test_timeout() => panic!("nothing has ended"),
    }
}

/// The applications that run, the last that was started first.
fn running() -> Vec<String> {
    application::which_applications().unwrap().into_iter().map(|it| it.name).collect()
}

/// Has the top of an application's tree end for `reason`, and waits until the application has.
#[track_caller]
fn end_top(name: &str, reason: ExitReason) {
    let top = application::get_supervisor(name).unwrap().unwrap();
    let master = process::info(top).unwrap().parent().unwrap();
    let monitor = process::monitor(master);
    _ = proc_lib::stop_with(top, reason, Duration::MAX);
    down_reason(monitor);
}

fn start_error(result: Result<(), ApplicationError>) -> ExitReason {
    match result {
        Err(ApplicationError::Start { reason, .. }) => reason,
        other => panic!("{other:?}"),
    }
}

fn not_started(name: &str) -> Result<(), ApplicationError> {
    Err(ApplicationError::NotStarted(name.to_owned()))
}

mod loading {
    use super::*;

    // OTP: application_SUITE:load
    #[test]
    fn makes_an_application_known_once() {
        let _world = world();
        let known = |name: &str| application::info(name).unwrap().is_some();
        assert_eq!(application::load(app("a")), Ok(()));
        let again = application::load(app("a"));
        assert_eq!(again, Err(ApplicationError::AlreadyLoaded("a".to_owned())));
        assert!(known("a"));
        assert_eq!(application::unload("a"), Ok(()));
        assert_eq!(application::unload("a"), Err(ApplicationError::NotLoaded("a".to_owned())));
        assert!(!known("a"));
    }

    #[test]
    fn cannot_be_undone_while_the_application_runs() {
        let _world = world();
        application::load(app("a")).unwrap();
        application::start("a").unwrap();
        assert_eq!(application::unload("a"), Err(ApplicationError::Running("a".to_owned())));
        application::stop("a").unwrap();
        assert_eq!(application::unload("a"), Ok(()));
    }

    // OTP: application_SUITE:otp_1586
    #[test]
    fn loads_the_included_applications_too() {
        let _world = world();
        let inner = Application::new("inner").includes(Application::new("innermost"));
        application::load(Application::new("outer").includes(inner)).unwrap();
        let loaded = application::loaded_applications().unwrap();
        let names: Vec<&str> = loaded.iter().map(|it| &*it.name).collect();
        assert_eq!(names, ["inner", "innermost", "outer"]);
        assert_eq!(application::unload("outer"), Ok(()));
    }

    #[test]
    fn requires_a_callback_if_there_are_start_phases() {
        let _world = world();
        let included = Application::new("a").includes(app("b").phase("go"));
        let no_callback = Err(ApplicationError::NoCallback("b".to_owned()));
        assert_eq!(application::load(included), no_callback);
        assert_eq!(application::loaded_applications(), Ok(vec![]));
    }

    #[test]
    fn requires_a_name() {
        let _world = world();
        let refused = application::load(Application::new(""));
        assert_eq!(refused, Err(ApplicationError::NoName));
    }

    // OTP: application_SUITE:get_key
    #[test]
    fn keeps_the_description_of_the_application() {
        let _world = world();
        let spec = Application::new("a")
            .description("an application")
            .version("1.2.3")
            .registers("a::server")
            .depends_on("b")
            .optionally_depends_on("c")
            .phase("go")
            .callback::<Talking>(process::self_pid())
            .includes(Application::new("d"));
        application::load(spec.clone()).unwrap();
        let info = application::info("a").unwrap().unwrap();
        assert_eq!(info, *spec.info());
        assert_eq!((&*info.description, &*info.version), ("an application", "1.2.3"));
        assert_eq!(
            (info.registered, info.dependencies),
            (vec!["a::server".into()], vec!["b".into()])
        );
        assert_eq!((info.includes, info.phases), (vec!["d".into()], vec!["go".into()]));
        assert_eq!(application::info("nobody"), Ok(None));
    }
}

mod starting {
    use super::*;

    // OTP: application_SUITE:ensure_started
    #[test]
    fn runs_the_tree_until_it_is_stopped() {
        let _world = world();
        application::load(app("a")).unwrap();
        assert_eq!(application::get_supervisor("a"), Ok(None));
        assert_eq!(application::start("a"), Ok(()));
        assert_eq!(running(), ["a"]);
        let top = application::get_supervisor("a").unwrap().unwrap();
        assert_eq!(SupervisorRef::from_pid(top).count_children().unwrap().active, 1);
        let again = application::start("a");
        assert_eq!(again, Err(ApplicationError::AlreadyStarted("a".to_owned())));
        assert_eq!(application::ensure_started("a"), Ok(()));

        assert_eq!(application::stop("a"), Ok(()));
        assert_eq!(ended(), "a");
        assert!(!process::is_alive(top));
        assert_eq!(running(), [""; 0]);
        assert_eq!(application::stop("a"), not_started("a"));
        assert_eq!(application::start("a"), Ok(()));
    }

    #[test]
    fn requires_that_the_application_is_loaded() {
        let _world = world();
        let unknown = Err(ApplicationError::NotLoaded("a".to_owned()));
        assert_eq!(application::start("a"), unknown);
        assert_eq!(application::ensure_started("a"), unknown);
        assert_eq!(application::ensure_all_started(["a"]).map(drop), unknown);
        assert_eq!(application::stop("a"), not_started("a"));
    }

    // OTP: application_SUITE:otp_4227
    #[test]
    fn requires_that_the_dependencies_run() {
        let _world = world();
        application::load(app("d")).unwrap();
        application::load(app("a").depends_on("d")).unwrap();
        assert_eq!(application::start("a"), not_started("d"));
        assert_eq!(running(), [""; 0]);
        application::start("d").unwrap();
        end_top("d", ExitReason::Shutdown);
        let ended = application::start("a");
        assert_eq!(ended, Err(ApplicationError::NotRunning("d".to_owned())));
        application::stop("d").unwrap();
        application::start("d").unwrap();
        assert_eq!(application::start("a"), Ok(()));
        assert_eq!(running(), ["a", "d"]);
    }

    // OTP: application_SUITE:otp_4227, optional_applications
    #[test]
    fn does_not_require_optional_dependencies() {
        let _world = world();
        application::load(app("a").optionally_depends_on("o")).unwrap();
        assert_eq!(application::start("a"), Ok(()));
        application::stop("a").unwrap();
        application::load(app("o")).unwrap();
        assert_eq!(application::start("a"), Ok(()));
        assert_eq!(running(), ["a"]);
    }

    #[test]
    fn of_an_application_that_is_being_started_waits_for_it() {
        let _world = world();
        let (go, gate) = mpsc::channel();
        let gate = Mutex::new(gate);
        let me = process::self_pid();
        let slow = Application::new("slow").start(move || {
            process::send(me, "begun");
            gate.lock().recv().unwrap();
            tree("slow", me)
        });
        application::load(slow).unwrap();
        let mut starters = Vec::new();
        for _ in 0..2 {
            let starter = process::spawn_monitor(move || {
                process::send(me, application::start("slow"));
            });
            starters.push(starter.unwrap().1);
        }
        receive! { "begun" => {} after test_timeout() => panic!("not begun") }
        // The controller goes on meanwhile.
        assert_eq!(running(), [""; 0]);
        assert_eq!(application::stop("slow"), not_started("slow"));
        go.send(()).unwrap();
        for starter in starters {
            down_reason(starter);
            let outcome = process::receive_match(|it| it.is::<Result<(), ApplicationError>>());
            let outcome = outcome.downcast::<Result<(), ApplicationError>>().unwrap();
            // The second one may have come when it was all over.
            assert!(matches!(outcome, Ok(()) | Err(ApplicationError::AlreadyStarted(_))));
        }
        assert_eq!(running(), ["slow"]);
    }

    #[test]
    fn of_an_application_without_processes_makes_it_run() {
        let _world = world();
        application::load(Application::new("library")).unwrap();
        application::load(app("a").depends_on("library")).unwrap();
        application::start("library").unwrap();
        application::start("a").unwrap();
        assert_eq!(running(), ["a", "library"]);
        assert_eq!(application::get_supervisor("library"), Ok(None));
        assert_eq!(application::stop("library"), Ok(()));
        assert_eq!(application::stop("library"), not_started("library"));
    }

    // OTP: application_SUITE:otp_2973
    #[test]
    fn that_fails_says_why() {
        let _world = world();
        let failing = Application::new("failing")
            .start(|| Err::<Pid, _>(StartError::Failed(ExitReason::new("no disk"))));
        application::load(failing).unwrap();
        let reason = start_error(application::start("failing"));
        assert_eq!(reason, ExitReason::new("no disk"));
        assert_eq!(running(), [""; 0]);
        assert_eq!(application::stop("failing"), not_started("failing"));
    }

    #[test]
    fn that_panics_says_so() {
        let _world = world();
        let panicking =
            Application::new("panicking").start(|| -> Result<Pid, StartError> { panic!("oh") });
        application::load(panicking).unwrap();
        let reason = start_error(application::start("panicking"));
        assert_eq!(reason.as_panic().unwrap().message, "oh");
    }

    // OTP: application_SUITE:otp_2718
    #[test]
    fn that_exits_normally_fails_and_stops_no_other_application() {
        let _world = world();
        application::load(app("other")).unwrap();
        application::start("other").unwrap();
        let leaving = Application::new("leaving")
            .start(|| -> Result<Pid, StartError> { process::exit_self(ExitReason::Normal) });
        application::load(leaving).unwrap();
        let outcome = application::start_as("leaving", RestartType::Transient);
        assert_eq!(start_error(outcome), ExitReason::Normal);
        assert_eq!(running(), ["other"]);
    }

    #[test]
    fn of_a_permanent_application_that_fails_stops_all_applications() {
        let _world = world();
        application::load(app("other")).unwrap();
        application::start("other").unwrap();
        let failing = Application::new("failing")
            .start(|| Err::<Pid, _>(StartError::Failed(ExitReason::new("no disk"))));
        application::load(failing).unwrap();
        start_error(application::start_as("failing", RestartType::Permanent));
        assert_eq!(ended(), "other");
        assert_eq!(application::stop_all(), Ok(vec![]));
        assert_eq!(running(), [""; 0]);
    }

    // OTP: supervisor_SUITE:faulty_application_shutdown
    #[test]
    fn whose_top_supervisor_has_a_faulty_child_names_the_child() {
        let _world = world();
        let faulty = Application::new("faulty").start(|| {
            let child = ChildSpec::new("child", || -> Result<Pid, StartError> { panic!("undef") });
            Supervisor::one_for_one().child(child).start_link()
        });
        application::load(faulty).unwrap();
        let reason = start_error(application::start("faulty"));
        let failed = reason.downcast_ref::<FailedToStart>().unwrap();
        assert_eq!((&*failed.id, &*failed.reason.as_panic().unwrap().message), ("child", "undef"));
        assert!(reason.is_orderly());
    }
}

#[path = "application/ensure_all_started.rs"]
mod ensure_all_started;

/// An application whose callbacks tell a observer.
struct Talking(Pid);

#[derive(Debug, PartialEq)]
struct Said(String);

impl Talking {
    fn say(&self, what: &str) {
        process::send(self.0, Said(what.to_owned()));
    }
}

impl Callback for Talking {
    type Args = Pid;

    fn start(observer: Pid) -> Result<(Pid, Talking), StartError> {
        let top = tree("talking", observer)?;
        Ok((top.child_pid(), Talking(observer)))
    }

    fn start_phase(&mut self, phase: &str) -> Result<(), ExitReason> {
        self.say(phase);
        if phase == "fail" { Err(ExitReason::new("phase")) } else { Ok(()) }
    }

    fn prep_stop(&mut self) {
        self.say("prep_stop");
    }

    fn stop(&mut self) {
        self.say("stop");
    }

    fn config_change(&mut self, change: &EnvChange) {
        assert!(change.removed.is_empty(), "nothing may be removed");
        self.say(&format!("changed {:?}, new {:?}", change.changed, change.new));
    }
}

fn talking() -> Application {
    Application::new("talking").callback::<Talking>(process::self_pid())
}

#[track_caller]
fn said() -> String {
    receive! {
        Said(what) => what,
        after test_timeout() => panic!("nothing was said"),
    }
}

mod a_callback {
    use super::*;

    // OTP: application_SUITE:start_phases
    #[test]
    fn goes_through_the_phases_in_order() {
        let _world = world();
        application::load(talking().phase("one").phase("two")).unwrap();
        application::start("talking").unwrap();
        assert_eq!((said(), said()), ("one".to_owned(), "two".to_owned()));
    }

    // OTP: application_SUITE:start_phases
    #[test]
    fn that_fails_in_a_phase_stops_the_tree() {
        let _world = world();
        application::load(talking().phase("fail").phase("two")).unwrap();
        assert_eq!(start_error(application::start("talking")), ExitReason::new("phase"));
        assert_eq!((said(), ended()), ("fail".to_owned(), "talking"));
        process::send(process::self_pid(), Said("nothing else".to_owned()));
        assert_eq!(said(), "nothing else");
    }

    #[test]
    fn is_told_before_and_after_the_tree_is_stopped() {
        let _world = world();
        application::load(talking()).unwrap();
        application::start("talking").unwrap();
        application::stop("talking").unwrap();
        let order: Vec<String> = (0..3)
            .map(|_| {
                receive! {
                    Said(what) => what,
                    Ended(what) => what.to_owned(),
                    after test_timeout() => panic!("not stopped"),
                }
            })
            .collect();
        assert_eq!(order, ["prep_stop", "talking", "stop"]);
    }

    #[test]
    fn is_told_when_the_tree_has_ended_by_itself() {
        let _world = world();
        application::load(talking()).unwrap();
        application::start("talking").unwrap();
        end_top("talking", ExitReason::Shutdown);
        assert_eq!((said(), said()), ("prep_stop".to_owned(), "stop".to_owned()));
    }

    // OTP: application_SUITE:otp_16504
    #[test]
    fn is_told_when_the_master_was_killed() {
        let _world = world();
        application::load(talking()).unwrap();
        application::start("talking").unwrap();
        let top = application::get_supervisor("talking").unwrap().unwrap();
        let master = process::info(top).unwrap().parent().unwrap();
        let gone = [top, master].map(process::monitor);
        process::exit(master, ExitReason::Kill);
        assert_eq!((said(), said()), ("prep_stop".to_owned(), "stop".to_owned()));
        for monitor in gone {
            assert_eq!(down_reason(monitor), ExitReason::Killed);
        }
        assert_eq!(running(), [""; 0]);
    }

    /// One whose `stop` asks a process that nobody is linked to, and spawns another one.
    struct Closing(Pid);

    /// To a process that keeps a journal: write, and say so to the sender.
    #[derive(Debug)]
    struct Write(Pid);

    /// To the observer: what `stop` has spawned, and whether the journal was written.
    #[derive(Debug)]
    struct Closed {
        spawned: Pid,
        is_written: bool,
    }

    const JOURNAL: &str = "application::journal";

    impl Callback for Closing {
        type Args = Pid;

        fn start(observer: Pid) -> Result<(Pid, Closing), StartError> {
            let journal = process::spawn(|| {
                loop {
                    receive! { Write(to) => process::send(to, "written") }
                }
            })?;
            process::register(JOURNAL, journal).unwrap();
            Ok((tree("closing", observer)?.child_pid(), Closing(observer)))
        }

        fn stop(&mut self) {
            let is_written = process::send_to(JOURNAL, Write(process::self_pid())).is_ok()
                && receive! { "written" => true, after test_timeout() => false };
            let spawned = process::spawn(|| drop(process::receive())).unwrap();
            process::send(self.0, Closed { spawned, is_written });
        }
    }

    // OTP: terminate/2 of application_master; run
    #[test]
    fn that_stops_can_use_the_processes_left_and_leaves_none() {
        let _world = world();
        let closing = Application::new("closing").callback::<Closing>(process::self_pid());
        application::load(closing).unwrap();
        let stops: [fn(); 3] = [
            || application::stop("closing").unwrap(),
            || end_top("closing", ExitReason::Shutdown),
            || drop(application::stop_all().unwrap()),
        ];
        for stop in stops {
            application::start("closing").unwrap();
            let journal = process::whereis(JOURNAL).unwrap();
            stop();
            let Closed { spawned, is_written } = receive! { it: Closed => it };
            assert!(is_written, "the journal was not written");
            assert!(!process::is_alive(journal) && !process::is_alive(spawned));
        }
    }

    // OTP: application_SUITE:otp_2012
    #[test]
    fn is_told_which_values_of_the_environment_have_changed() {
        let _world = world();
        application::load(talking().env("a", 1).env("b", 1)).unwrap();
        application::start("talking").unwrap();
        let before = application::env_snapshot();
        assert_eq!(application::config_change(&before), Ok(()));
        application::set_env("talking", "b", 2);
        application::set_env("talking", "c", 3);
        assert_eq!(application::config_change(&before), Ok(()));
        assert_eq!(said(), r#"changed [("b", 2)], new [("c", 3)]"#);
        application::unset_env("talking", "a");
        let failed = application::config_change(&before);
        let Err(ApplicationError::ConfigChange { reason, .. }) = failed else {
            panic!("{failed:?}")
        };
        assert_eq!(reason.as_panic().unwrap().message, "nothing may be removed");
        assert_eq!(running(), ["talking"]);
    }

    /// One whose `prep_stop` and `stop` panic.
    struct Clumsy;

    impl Callback for Clumsy {
        type Args = Pid;

        fn start(observer: Pid) -> Result<(Pid, Clumsy), StartError> {
            Ok((tree("clumsy", observer)?.child_pid(), Clumsy))
        }

        fn prep_stop(&mut self) {
            panic!("prep_stop");
        }

        fn stop(&mut self) {
            panic!("stop");
        }
    }

    #[test]
    fn that_panics_does_not_keep_the_application_from_being_stopped() {
        let _world = world();
        let clumsy = Application::new("clumsy").callback::<Clumsy>(process::self_pid());
        application::load(clumsy).unwrap();
        application::start("clumsy").unwrap();
        assert_eq!(application::stop("clumsy"), Ok(()));
        assert_eq!(ended(), "clumsy");
        application::start("clumsy").unwrap();
        let top = application::get_supervisor("clumsy").unwrap().unwrap();
        let master = process::info(top).unwrap().parent().unwrap();
        // The controller has heard of the master's end before whoever monitors it later.
        let gone = [top, master].map(process::monitor);
        process::exit(master, ExitReason::Kill);
        for monitor in gone {
            assert_eq!(down_reason(monitor), ExitReason::Killed);
        }
        assert_eq!(running(), [""; 0]);
    }
}

#[path = "application/an_end.rs"]
mod an_end;

// OTP: application_SUITE:get_key
#[test]
fn a_process_belongs_to_the_application_below_whose_master_it_is() {
    let _world = world();
    application::load(app("a")).unwrap();
    application::start("a").unwrap();
    let top = application::get_supervisor("a").unwrap().unwrap();
    let worker = SupervisorRef::from_pid(top).which_children().unwrap()[0].state.pid().unwrap();
    for pid in [top, worker, process::info(top).unwrap().parent().unwrap()] {
        assert_eq!(application::get_application(pid).as_deref(), Some("a"));
    }
    assert_eq!(application::get_application(process::self_pid()), None);
    application::stop("a").unwrap();
    assert_eq!(application::get_application(worker), None);
}

mod an_environment {
    use super::*;

    // OTP: application_SUITE:get_env, set_env
    #[test]
    fn is_set_and_read_at_once() {
        let _world = world();
        assert_eq!(application::get_env::<u32>("env", "a"), None);
        application::set_env("env", "a", 1_u32);
        assert_eq!(application::get_env("env", "a"), Some(1_u32));
        application::set_env("env", "a", "one");
        assert_eq!(application::get_env("env", "a"), Some("one"));
        application::set_env("env", "b", vec![1, 2]);
        let all = application::get_all_env("env");
        assert_eq!(format!("{all:?}"), r#"[("a", "one"), ("b", [1, 2])]"#);
        application::unset_env("env", "a");
        application::unset_env("env", "b");
        application::unset_env("env", "c");
        assert_eq!(application::get_all_env("env"), vec![]);
    }

    // OTP: application_SUITE:set_env_persistent, persistent_env
    #[test]
    fn is_replaced_when_the_application_is_loaded_unless_it_is_persistent() {
        let _world = world();
        let spec = || Application::new("persistent").env("a", 1).env("b", 2);
        let all = || format!("{:?}", application::get_all_env("persistent"));
        application::set_env("persistent", "a", 10);
        application::set_persistent_env("persistent", "b", 20);
        application::set_env("persistent", "c", 30);
        application::load(spec()).unwrap();
        assert_eq!(all(), r#"[("a", 1), ("b", 20), ("c", 30)]"#);
        application::unload("persistent").unwrap();
        assert_eq!(all(), "[]");
        application::load(spec()).unwrap();
        assert_eq!(all(), r#"[("a", 1), ("b", 20)]"#);
    }

    #[test]
    #[should_panic(expected = "the port of application typed is a u16, not a i32")]
    fn does_not_return_a_value_as_another_type() {
        application::set_env("typed", "port", 80_u16);
        application::get_env::<i32>("typed", "port");
    }

    #[test]
    fn can_be_read_by_code_that_the_controller_waits_for() {
        let _world = world();
        let me = process::self_pid();
        let reading = Application::new("reading").env("who", "me").start(move || {
            process::send(me, application::get_env::<&str>("reading", "who"));
            process::send(me, application::get_application(process::self_pid()));
            tree("reading", me)
        });
        application::load(reading).unwrap();
        application::start("reading").unwrap();
        receive! { who: Option<&'static str> => assert_eq!(who, Some("me")) }
        receive! { name: Option<String> => assert_eq!(name.as_deref(), Some("reading")) }
    }
}

#[path = "application/a_run.rs"]
mod a_run;

#[cfg(unix)]
#[allow(clippy::disallowed_macros, reason = "the victim tells by its output how far it is")]
#[path = "application/signals.rs"]
mod signals;

#[test]
fn starts_and_ends_are_reported() {
    let _world = world();
    let me = process::self_pid();
    let handler = report::add_handler(move |report| {
        if let Report::Application(it) = report
            && it.application == "reported"
        {
            process::send(me, Said(format!("{report}")));
        }
    });
    application::load(app("reported")).unwrap();
    application::start("reported").unwrap();
    assert_eq!(said(), "application reported\n    started: temporary");
    application::stop("reported").unwrap();
    assert_eq!(said(), "application reported\n    exited: stopped\n    type: temporary");
    application::start_as("reported", RestartType::Transient).unwrap();
    assert_eq!(said(), "application reported\n    started: transient");
    end_top("reported", ExitReason::Normal);
    assert_eq!(said(), "application reported\n    exited: normal\n    type: transient");
    report::remove_handler(handler);
}
