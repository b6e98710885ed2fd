//! Applications: loading, starting, stopping, environments, and what happens when one ends. What
//! ends all applications concerns every test, so they run one after another, in a binary of their
//! own.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc;
use std::time::Duration;

use parking_lot::{Mutex, MutexGuard};
use procession::application::{
    self, Application, ApplicationError, Callback, EnvChange, Killed, Mode, RestartType, RunError,
    Runner,
};
use procession::dynamic_supervisor::DynamicSupervisor;
use procession::prelude::*;
use procession::proc_lib;
use procession::report::{self, ApplicationEvent, HandlerId, Report};
use procession::supervisor::{
    Child, ChildSpec, FailedToStart, Restart, Shutdown, Supervised, Supervisor, SupervisorRef,
};

#[path = "it/support.rs"]
#[allow(dead_code, reason = "this binary needs few of them")]
mod support;

use support::*;

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

/// A server that tells its witness when it ends.
#[derive(Debug)]
struct Worker {
    name: &'static str,
    witness: Pid,
}

/// To the witness: it has ended.
#[derive(Debug, PartialEq)]
struct Ended(&'static str);

impl GenServer for Worker {
    type Args = (&'static str, Pid);

    fn init((name, witness): Self::Args) -> InitResult<Worker> {
        process::set_trap_exit(true);
        ready(Worker { name, witness })
    }

    fn terminate(&mut self, _: &ExitReason) {
        process::send(self.witness, Ended(self.name));
    }
}

/// The tree of an application: a supervisor of one worker.
fn tree(name: &'static str, witness: Pid) -> Result<SupervisorRef, StartError> {
    Supervisor::one_for_one().child(Worker::child_spec((name, witness)).id(name)).start_link()
}

/// An application with a tree whose worker tells the caller when it ends.
fn app(name: &'static str) -> Application {
    let witness = process::self_pid();
    Application::new(name).start(move || tree(name, witness))
}

#[track_caller]
fn ended() -> &'static str {
    receive! {
        Ended(name) => name,
        after patience() => panic!("nothing has ended"),
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
    fn does_not_end_while_the_application_runs() {
        let _world = world();
        application::load(app("a")).unwrap();
        application::start("a").unwrap();
        assert_eq!(application::unload("a"), Err(ApplicationError::Running("a".to_owned())));
        application::stop("a").unwrap();
        assert_eq!(application::unload("a"), Ok(()));
    }

    // OTP: application_SUITE:otp_1586
    #[test]
    fn takes_those_that_are_included_along() {
        let _world = world();
        let inner = Application::new("inner").includes(Application::new("innermost"));
        application::load(Application::new("outer").includes(inner)).unwrap();
        let loaded = application::loaded_applications().unwrap();
        let names: Vec<&str> = loaded.iter().map(|it| &*it.name).collect();
        assert_eq!(names, ["inner", "innermost", "outer"]);
        assert_eq!(application::unload("outer"), Ok(()));
    }

    #[test]
    fn needs_a_callback_for_phases() {
        let _world = world();
        let included = Application::new("a").includes(app("b").phase("go"));
        let no_callback = Err(ApplicationError::NoCallback("b".to_owned()));
        assert_eq!(application::load(included), no_callback);
        assert_eq!(application::loaded_applications(), Ok(vec![]));
    }

    #[test]
    fn needs_a_name() {
        let _world = world();
        let refused = application::load(Application::new(""));
        assert_eq!(refused, Err(ApplicationError::NoName));
    }

    // OTP: application_SUITE:get_key
    #[test]
    fn keeps_what_the_application_says_of_itself() {
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
    fn is_for_those_that_are_loaded() {
        let _world = world();
        let unknown = Err(ApplicationError::NotLoaded("a".to_owned()));
        assert_eq!(application::start("a"), unknown);
        assert_eq!(application::ensure_started("a"), unknown);
        assert_eq!(application::ensure_all_started(["a"]).map(drop), unknown);
        assert_eq!(application::stop("a"), not_started("a"));
    }

    // OTP: application_SUITE:otp_4227
    #[test]
    fn needs_what_is_depended_on() {
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
    fn does_not_need_what_is_optional() {
        let _world = world();
        application::load(app("a").optionally_depends_on("o")).unwrap();
        assert_eq!(application::start("a"), Ok(()));
        application::stop("a").unwrap();
        application::load(app("o")).unwrap();
        assert_eq!(application::start("a"), Ok(()));
        assert_eq!(running(), ["a"]);
    }

    #[test]
    fn of_one_that_is_being_started_waits_for_it() {
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
        receive! { "begun" => {} after patience() => panic!("not begun") }
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
    fn of_one_without_processes_makes_it_run() {
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
    fn that_ends_normally_instead_fails_without_harm() {
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
    fn of_a_permanent_one_that_fails_stops_all() {
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
    fn whose_top_has_a_faulty_child_says_which() {
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

mod ensure_all_started {
    use super::*;

    /// `a` needs `b` and `c`, both need `d`.
    fn load_diamond() {
        application::load(app("a").depends_on("b").depends_on("c")).unwrap();
        application::load(app("b").depends_on("d")).unwrap();
        application::load(app("c").depends_on("d")).unwrap();
        application::load(app("d")).unwrap();
    }

    fn ensure(names: &[&str], mode: Mode) -> Result<Vec<String>, ApplicationError> {
        application::ensure_all_started_as(names.to_vec(), RestartType::Temporary, mode)
    }

    // OTP: application_SUITE:ensure_all_started
    #[test]
    fn starts_what_is_needed_first_and_says_what_it_has_started() {
        for mode in [Mode::Serial, Mode::Concurrent] {
            let _world = world();
            load_diamond();
            let mut started = ensure(&["a"], mode).unwrap();
            assert_eq!((&*started[0], &*started[3]), ("d", "a"));
            started.sort();
            assert_eq!(started, ["a", "b", "c", "d"]);
            assert_eq!(ensure(&["a", "d"], mode), Ok(vec![]));
            application::stop("a").unwrap();
            assert_eq!(ensure(&["b", "a"], mode), Ok(vec!["a".to_owned()]));
        }
    }

    // OTP: application_SUITE:ensure_all_started
    #[test]
    fn that_fails_stops_what_it_has_started_and_no_more() {
        for mode in [Mode::Serial, Mode::Concurrent] {
            let _world = world();
            load_diamond();
            application::start("d").unwrap();
            let fail = || Err::<Pid, _>(StartError::Failed(ExitReason::new("no disk")));
            application::load(Application::new("e").depends_on("a").start(fail)).unwrap();
            let outcome = ensure(&["e"], mode).map(drop);
            assert_eq!(start_error(outcome), ExitReason::new("no disk"));
            assert_eq!(running(), ["d"]);
            assert_eq!(ended(), "a");
        }
    }

    // OTP: application_SUITE:optional_applications
    #[test]
    fn starts_what_is_optional_if_it_can_be_had() {
        let _world = world();
        application::load(app("a").optionally_depends_on("o")).unwrap();
        assert_eq!(ensure(&["a"], Mode::Serial), Ok(vec!["a".to_owned()]));
        application::stop("a").unwrap();
        let fail = || Err::<Pid, _>(StartError::Failed(ExitReason::new("no disk")));
        application::load(Application::new("o").start(fail)).unwrap();
        let outcome = ensure(&["a"], Mode::Serial);
        let Err(ApplicationError::Start { application, .. }) = outcome else {
            panic!("{outcome:?}")
        };
        assert_eq!(application, "o");
    }

    #[test]
    fn can_start_at_the_same_time_what_does_not_wait_for_each_other() {
        let _world = world();
        let me = process::self_pid();
        // Each is through when the other has begun.
        let meeting = Arc::new(std::sync::Barrier::new(2));
        for name in ["b", "c"] {
            let meeting = Arc::clone(&meeting);
            let start = move || {
                meeting.wait();
                tree(name, me)
            };
            application::load(Application::new(name).start(start)).unwrap();
        }
        application::load(app("a").depends_on("b").depends_on("c")).unwrap();
        assert_eq!(ensure(&["a"], Mode::Concurrent).unwrap().len(), 3);
    }

    #[test]
    fn refuses_those_that_depend_on_one_another() {
        let _world = world();
        application::load(app("a").depends_on("b")).unwrap();
        application::load(app("b").depends_on("a")).unwrap();
        let names = vec!["b".to_owned(), "a".to_owned()];
        assert_eq!(ensure(&["a"], Mode::Serial), Err(ApplicationError::Circular(names)));
    }
}

/// An application whose callbacks tell a witness.
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

    fn start(witness: Pid) -> Result<(Pid, Talking), StartError> {
        let top = tree("talking", witness)?;
        Ok((top.child_pid(), Talking(witness)))
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
        after patience() => panic!("nothing was said"),
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
                    after patience() => panic!("not stopped"),
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

    /// To the witness: what `stop` has spawned, and whether the journal was written.
    #[derive(Debug)]
    struct Closed {
        spawned: Pid,
        is_written: bool,
    }

    const JOURNAL: &str = "application::journal";

    impl Callback for Closing {
        type Args = Pid;

        fn start(witness: Pid) -> Result<(Pid, Closing), StartError> {
            let journal = process::spawn(|| {
                loop {
                    receive! { Write(to) => process::send(to, "written") }
                }
            })?;
            process::register(JOURNAL, journal).unwrap();
            Ok((tree("closing", witness)?.child_pid(), Closing(witness)))
        }

        fn stop(&mut self) {
            let is_written = process::send(JOURNAL, Write(process::self_pid())).is_ok()
                && receive! { "written" => true, after patience() => false };
            let spawned = process::spawn(|| drop(process::receive())).unwrap();
            process::send(self.0, Closed { spawned, is_written });
        }
    }

    // OTP: terminate/2 of application_master; run
    #[test]
    fn that_stops_can_talk_to_what_is_left_and_leaves_nothing() {
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
    fn is_told_what_has_changed_in_the_environment() {
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

        fn start(witness: Pid) -> Result<(Pid, Clumsy), StartError> {
            Ok((tree("clumsy", witness)?.child_pid(), Clumsy))
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

mod an_end {
    use super::*;

    fn load_and_start(types: &[(&'static str, RestartType)]) {
        for (name, restart) in types {
            application::load(app(name)).unwrap();
            application::start_as(name, *restart).unwrap();
        }
    }

    /// Which of three applications still run when the second has ended, which is of that type.
    #[track_caller]
    fn left_after(restart: RestartType, reason: ExitReason, is_grave: bool) -> Vec<String> {
        let _world = world();
        load_and_start(&[("a", RestartType::Temporary), ("b", restart)]);
        load_and_start(&[("d", RestartType::Temporary)]);
        end_top("b", reason);
        assert_eq!(ended(), "b");
        if is_grave {
            assert_eq!((ended(), ended()), ("d", "a"));
            assert_eq!(application::stop_all(), Ok(vec![]));
        }
        running()
    }

    #[test]
    fn of_a_permanent_one_stops_all_in_reverse() {
        for reason in [ExitReason::Normal, ExitReason::Shutdown, ExitReason::new("oh")] {
            assert_eq!(left_after(RestartType::Permanent, reason, true), [""; 0]);
        }
    }

    // OTP: application_SUITE:otp_2718
    #[test]
    fn of_a_transient_one_stops_all_unless_it_is_normal() {
        assert_eq!(left_after(RestartType::Transient, ExitReason::Normal, false), ["d", "a"]);
        assert_eq!(left_after(RestartType::Transient, ExitReason::Shutdown, true), [""; 0]);
    }

    #[test]
    fn of_a_temporary_one_concerns_nobody() {
        for reason in [ExitReason::Normal, ExitReason::new("oh")] {
            assert_eq!(left_after(RestartType::Temporary, reason, false), ["d", "a"]);
        }
    }

    #[test]
    fn does_not_stop_what_depends_on_it() {
        let _world = world();
        application::load(app("d")).unwrap();
        application::load(app("a").depends_on("d")).unwrap();
        application::ensure_all_started(["a"]).unwrap();
        assert_eq!(application::stop("d"), Ok(()));
        assert_eq!(running(), ["a"]);
    }

    // OTP: check_start_cond of application_controller; each case was run
    #[test]
    fn leaves_an_application_that_every_start_starts_again() {
        let _world = world();
        load_and_start(&[("a", RestartType::Temporary)]);
        application::load(app("b").depends_on("a")).unwrap();
        type Started = Result<Vec<String>, ApplicationError>;
        let starts: [fn() -> Started; 4] = [
            || application::start("a").map(|()| vec!["a".to_owned()]),
            || application::ensure_started("a").map(|()| vec!["a".to_owned()]),
            || application::ensure_all_started(["a"]),
            || application::ensure_all_started(["b"]),
        ];
        for start in starts {
            end_top("a", ExitReason::Shutdown);
            assert_eq!((ended(), running()), ("a", vec![]));
            assert_eq!(application::get_supervisor("a"), Ok(None));
            let mut started = start().unwrap();
            assert!(process::is_alive(application::get_supervisor("a").unwrap().unwrap()));
            started.reverse();
            assert_eq!(running(), started);
        }
    }

    #[test]
    fn leaves_an_application_that_can_be_started_again_as_what_it_was_not() {
        let _world = world();
        load_and_start(&[("a", RestartType::Temporary), ("b", RestartType::Temporary)]);
        end_top("a", ExitReason::Normal);
        application::start_as("a", RestartType::Permanent).unwrap();
        end_top("a", ExitReason::Normal);
        assert_eq!((ended(), ended(), ended()), ("a", "a", "b"));
    }

    // OTP: stop_application of application_controller; run
    #[test]
    fn is_no_stop() {
        let _world = world();
        load_and_start(&[("a", RestartType::Temporary)]);
        application::load(app("b").depends_on("a")).unwrap();
        application::load(Application::new("library").depends_on("a")).unwrap();
        end_top("a", ExitReason::Shutdown);
        let not_running = Err(ApplicationError::NotRunning("a".to_owned()));
        assert_eq!(application::start("b"), not_running);
        // What has no processes only needs that it was started.
        assert_eq!(application::start("library"), Ok(()));
        assert_eq!(running(), ["library"]);
        application::stop("library").unwrap();
        assert_eq!(application::stop("a"), Ok(()));
        assert_eq!(application::stop("a"), not_started("a"));
        assert_eq!(application::start("b"), not_started("a"));
        assert_eq!(application::start("library"), not_started("a"));
        assert_eq!(application::start("a"), Ok(()));
    }

    // OTP: run
    #[test]
    fn is_no_stop_either_when_the_next_start_fails_or_it_is_loaded_anew() {
        let _world = world();
        let fails = Arc::new(AtomicBool::new(false));
        let (is_to_fail, me) = (Arc::clone(&fails), process::self_pid());
        let spec = Application::new("a").start(move || {
            if is_to_fail.load(Ordering::SeqCst) {
                return Err(StartError::Failed(ExitReason::new("no disk")));
            }
            tree("a", me)
        });
        application::load(spec.clone()).unwrap();
        application::load(app("b").depends_on("a")).unwrap();
        application::start("a").unwrap();
        end_top("a", ExitReason::Shutdown);
        fails.store(true, Ordering::SeqCst);
        assert_eq!(start_error(application::start("a")), ExitReason::new("no disk"));
        assert_eq!(application::unload("a"), Ok(()));
        application::load(spec).unwrap();
        let not_running = Err(ApplicationError::NotRunning("a".to_owned()));
        assert_eq!(application::start("b"), not_running);
        assert_eq!(application::stop("a"), Ok(()));
        assert_eq!(start_error(application::start("a")), ExitReason::new("no disk"));
        assert_eq!(application::start("b"), not_started("a"));
        assert_eq!(application::stop("a"), not_started("a"));
    }

    #[test]
    fn leaves_an_application_that_is_not_told_of_changes() {
        let _world = world();
        application::load(talking()).unwrap();
        application::start("talking").unwrap();
        end_top("talking", ExitReason::Shutdown);
        assert_eq!((said(), said()), ("prep_stop".to_owned(), "stop".to_owned()));
        let before = application::env_snapshot();
        application::set_env("talking", "key", 1);
        assert_eq!(application::config_change(&before), Ok(()));
        process::send(process::self_pid(), Said("nothing else".to_owned()));
        assert_eq!(said(), "nothing else");
        assert_eq!(application::unload("talking"), Ok(()));
    }

    #[test]
    fn by_a_stop_concerns_nobody_however_it_was_started() {
        let _world = world();
        load_and_start(&[("a", RestartType::Temporary), ("b", RestartType::Permanent)]);
        application::stop("b").unwrap();
        assert_eq!(running(), ["a"]);
    }

    // OTP: application_SUITE:otp_5363
    #[test]
    fn takes_what_the_processes_have_spawned_with_it() {
        let _world = world();
        let me = process::self_pid();
        let spawning = Application::new("spawning").start(move || {
            let child = ChildSpec::new("child", move || {
                let pid = proc_lib::start_link(move |starter| {
                    let unlinked = process::spawn(|| drop(process::receive())).unwrap();
                    process::send(me, unlinked);
                    starter.ack(process::self_pid());
                    receive! { () => {} }
                })?;
                Ok(pid)
            });
            Supervisor::one_for_one().child(child).start_link()
        });
        application::load(spawning).unwrap();
        application::start("spawning").unwrap();
        let unlinked = receive! { pid: Pid => pid, after patience() => panic!("no pid") };
        let monitor = process::monitor(unlinked);
        assert_eq!(application::get_application(unlinked).as_deref(), Some("spawning"));
        application::stop("spawning").unwrap();
        assert_eq!(down_reason(monitor), ExitReason::Killed);
    }
}

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
    fn is_what_the_application_says_unless_it_is_persistent() {
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
    fn does_not_give_a_value_as_what_it_is_not() {
        application::set_env("typed", "port", 80_u16);
        application::get_env::<i32>("typed", "port");
    }

    #[test]
    fn can_be_read_by_what_the_controller_waits_for() {
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

mod a_run {
    use super::*;

    /// To the witness: so the run has ended.
    #[derive(Debug)]
    struct Outcome(Result<(), RunError>);

    /// Has `runner` run by a process, until the application `last` runs.
    fn begin(runner: Runner) -> MonitorRef {
        let me = process::self_pid();
        let runner = Mutex::new(Some(runner));
        let body = move || {
            let runner = runner.lock().take().unwrap();
            process::send(me, Outcome(runner.run()));
        };
        process::spawn_monitor(body).unwrap().1
    }

    /// An application that says when its tree is there.
    fn telling(name: &'static str) -> Application {
        let witness = process::self_pid();
        Application::new(name).start(move || {
            let top = tree(name, witness)?;
            process::send(witness, Said(name.to_owned()));
            Ok(top)
        })
    }

    #[track_caller]
    fn outcome(run: MonitorRef) -> Result<(), RunError> {
        assert_eq!(down_reason(run), ExitReason::Normal);
        receive! { Outcome(outcome) => outcome, after patience() => panic!("no outcome") }
    }

    #[test]
    fn starts_what_is_needed_and_stops_it_in_reverse_when_told_to() {
        let _world = world();
        let applications = [telling("a").depends_on("b"), telling("b"), telling("c")];
        let run = begin(Runner::new(applications));
        assert_eq!([said(), said(), said()], ["b", "a", "c"]);
        application::terminate().unwrap();
        assert_eq!(outcome(run), Ok(()));
        assert_eq!((ended(), ended(), ended()), ("c", "a", "b"));
        assert_eq!(application::loaded_applications(), Ok(vec![]));
    }

    #[test]
    fn ends_when_an_application_does() {
        let _world = world();
        let run = begin(Runner::new([telling("a"), telling("b")]));
        assert_eq!([said(), said()], ["a", "b"]);
        let report = watch_running("b");
        end_top("a", ExitReason::Shutdown);
        let application = "a".to_owned();
        assert_eq!(
            outcome(run),
            Err(RunError::Ended { application, reason: ExitReason::Shutdown })
        );
        assert_eq!((ended(), ended()), ("a", "b"));
        report::remove_handler(report);
    }

    /// Waits until the application runs, not only its tree.
    fn watch_running(name: &'static str) -> HandlerId {
        let me = process::self_pid();
        let handler = report::add_handler(move |report| {
            if let Report::Application(report) = report
                && report.application == name
                && report.event == ApplicationEvent::Started
            {
                process::send(me, Said(name.to_owned()));
            }
        });
        if !running().contains(&name.to_owned()) {
            assert_eq!(said(), name);
        }
        handler
    }

    #[test]
    fn goes_on_when_a_temporary_application_ends() {
        let _world = world();
        let runner = Runner::new([telling("a"), telling("b")]).restart_type(RestartType::Temporary);
        let run = begin(runner);
        assert_eq!([said(), said()], ["a", "b"]);
        let report = watch_running("b");
        end_top("a", ExitReason::Shutdown);
        assert_eq!((ended(), running()), ("a", vec!["b".to_owned()]));
        application::terminate().unwrap();
        assert_eq!(outcome(run), Ok(()));
        report::remove_handler(report);
    }

    #[test]
    fn that_cannot_start_stops_what_was_started() {
        let _world = world();
        let fail = || Err::<Pid, _>(StartError::Failed(ExitReason::new("no disk")));
        let run = begin(Runner::new([telling("a"), Application::new("b").start(fail)]));
        let (application, reason) = ("b".to_owned(), ExitReason::new("no disk"));
        let error = ApplicationError::Start { application, reason };
        assert_eq!(outcome(run), Err(RunError::Start(error)));
        assert_eq!((said(), ended()), ("a".to_owned(), "a"));
        let missing = begin(Runner::new([telling("a").depends_on("z")]));
        let error = ApplicationError::NotLoaded("z".to_owned());
        assert_eq!(outcome(missing), Err(RunError::Start(error)));
    }

    /// A child that ends only when it is killed.
    fn stubborn(shutdown: Shutdown) -> ChildSpec {
        ChildSpec::new("stubborn", || {
            let pid = proc_lib::start_link(|starter| {
                process::set_trap_exit(true);
                starter.ack(process::self_pid());
                loop {
                    receive! { _exit: Exit => {} }
                }
            })?;
            Ok(pid)
        })
        .shutdown(shutdown)
    }

    #[test]
    fn says_what_had_to_be_killed() {
        let _world = world();
        let me = process::self_pid();
        let application = Application::new("a").start(move || {
            let options = StartOptions::new().name("application::stubborn");
            let top = Supervisor::one_for_one()
                .child(stubborn(Shutdown::Timeout(Duration::ZERO)))
                .start_link_with(options)?;
            process::send(me, Said("a".to_owned()));
            Ok(top)
        });
        let run = begin(Runner::new([application]));
        assert_eq!(said(), "a");
        application::terminate().unwrap();
        let supervisor = "application::stubborn".into();
        let killed = Killed::Child { supervisor, id: "stubborn".to_owned() };
        assert_eq!(outcome(run), Err(RunError::Killed(vec![killed])));
    }

    /// A process of the program's own, with a supervisor below it.
    #[derive(Debug)]
    struct Middle {
        below: SupervisorRef,
        witness: Pid,
    }

    impl GenServer for Middle {
        type Args = Pid;

        fn init(witness: Pid) -> InitResult<Middle> {
            process::set_trap_exit(true);
            ready(Middle { below: late("below a server").start_link()?, witness })
        }

        fn handle_info(&mut self, message: Message) -> CastResult<Middle> {
            process::send(self.witness, Said(format!("{message:?}")));
            noreply()
        }

        fn terminate(&mut self, _: &ExitReason) {
            self.below.stop().unwrap();
        }
    }

    /// A supervisor of one child that has to be killed, which is called `id`.
    fn late(id: &str) -> Supervisor {
        Supervisor::one_for_one().child(stubborn(Shutdown::Timeout(Duration::ZERO)).id(id))
    }

    /// A tree that has a supervisor of every kind, and one at every place.
    fn late_everywhere(witness: Pid) -> Result<SupervisorRef, StartError> {
        let simple = ChildSpec::new("simple", || {
            let template = stubborn(Shutdown::Timeout(Duration::ZERO)).id("simple");
            let simple = Supervisor::simple_one_for_one(template).start_link()?;
            simple.start_child(()).unwrap();
            Ok(simple.child_pid())
        });
        let dynamic = ChildSpec::new("dynamic", || {
            let dynamic = DynamicSupervisor::new().start_link()?;
            let spec = stubborn(Shutdown::Timeout(Duration::ZERO)).id("dynamic");
            dynamic.start_child(spec).unwrap();
            Ok(dynamic.child_pid())
        });
        Supervisor::one_for_one()
            .child(stubborn(Shutdown::Timeout(Duration::ZERO)).id("ordered"))
            .child(simple.shutdown(Shutdown::Infinity))
            .child(dynamic.shutdown(Shutdown::Infinity))
            .child(late("nested").child_spec("inner"))
            .child(Middle::child_spec(witness).shutdown(Shutdown::Infinity))
            .start_link()
    }

    #[test]
    fn says_what_had_to_be_killed_below_whatever_supervisor() {
        let _world = world();
        let me = process::self_pid();
        let application = Application::new("a").start(move || {
            let top = late_everywhere(me)?;
            process::send(me, Said("a".to_owned()));
            Ok(top)
        });
        let run = begin(Runner::new([application]));
        assert_eq!(said(), "a");
        application::terminate().unwrap();
        let Err(RunError::Killed(killed)) = outcome(run) else { panic!("nothing was killed") };
        let ids = killed.iter().map(|killed| {
            let Killed::Child { id, .. } = killed else { panic!("{killed}") };
            id.as_str()
        });
        let expected = ["below a server", "nested", "dynamic", "simple", "ordered"];
        assert_eq!(ids.collect::<Vec<_>>(), expected);
        process::send(me, Said("nothing else".to_owned()));
        assert_eq!(said(), "nothing else");
    }

    /// A child that tells the caller when it is told to end, and then does not.
    fn lingering() -> ChildSpec {
        let witness = process::self_pid();
        let body = move |starter: proc_lib::Starter<Pid>| {
            process::set_trap_exit(true);
            starter.ack(process::self_pid());
            receive! { _exit: Exit => process::send(witness, process::self_pid()) }
            idle_body();
        };
        ChildSpec::new("lingering", move || Ok(proc_lib::start_link(body)?))
            .shutdown(Shutdown::Infinity)
    }

    #[test]
    fn does_not_say_what_others_have_killed_meanwhile() {
        let _world = world();
        type Victim = fn(Pid) -> Pid;
        let victims: [Victim; 2] =
            [|child| child, |child| process::info(child).unwrap().ancestors[1]];
        for victim in victims {
            let (me, child) = (process::self_pid(), lingering());
            let application = Application::new("a").start(move || {
                let top = Supervisor::one_for_one().child(child.clone()).start_link()?;
                process::send(me, Said("a".to_owned()));
                Ok(top)
            });
            let run = begin(Runner::new([application]));
            assert_eq!(said(), "a");
            application::terminate().unwrap();
            let child = expect::<Pid>();
            process::exit(victim(child), ExitReason::Kill);
            process::exit(child, ExitReason::Kill);
            assert_eq!(outcome(run), Ok(()));
        }
    }

    // OTP: application_SUITE:shutdown_timeout
    #[test]
    fn kills_what_is_left_when_the_time_is_over() {
        let _world = world();
        let me = process::self_pid();
        let application = Application::new("hanging").start(move || {
            let top = Supervisor::one_for_one().child(stubborn(Shutdown::Infinity)).start_link()?;
            process::send(me, Said("hanging".to_owned()));
            Ok(top)
        });
        let runner = Runner::new([telling("before"), application, telling("after")]);
        let run = begin(runner.shutdown_timeout(Duration::from_millis(50)));
        assert_eq!([said(), said(), said()], ["before", "hanging", "after"]);
        application::terminate().unwrap();
        let Err(RunError::Killed(killed)) = outcome(run) else { panic!("nothing was killed") };
        assert!(killed.contains(&Killed::Application("hanging".to_owned())), "{killed:?}");
        assert_eq!(ended(), "after");
    }

    // OTP: application_SUITE:shutdown_func
    #[test]
    fn has_something_done_before_the_first_is_stopped() {
        let _world = world();
        let me = process::self_pid();
        let runner = Runner::new([telling("a")]).before_stop(move || {
            process::send(me, Said(format!("{:?} run", running())));
            panic!("which is of no consequence");
        });
        let run = begin(runner);
        assert_eq!(said(), "a");
        application::terminate().unwrap();
        assert_eq!(outcome(run), Ok(()));
        assert_eq!((said(), ended()), (r#"["a"] run"#.to_owned(), "a"));
    }

    // OTP: application_SUITE:shutdown_application_call, shutdown_deadlock
    #[test]
    fn that_stops_refuses_what_the_stopping_ask_for() {
        #[derive(Debug)]
        struct Asking(Pid);

        impl GenServer for Asking {
            type Args = Pid;

            fn init(witness: Pid) -> InitResult<Asking> {
                process::set_trap_exit(true);
                ready(Asking(witness))
            }

            fn terminate(&mut self, _: &ExitReason) {
                process::send(self.0, application::start("other"));
                application::set_env("other", "key", 1);
            }
        }

        let _world = world();
        application::load(app("other")).unwrap();
        let me = process::self_pid();
        let asking = Application::new("asking").start(move || {
            let child = Asking::child_spec(me).restart(Restart::Temporary);
            let top = Supervisor::one_for_one().child(child).start_link()?;
            process::send(me, Said("asking".to_owned()));
            Ok(top)
        });
        let run = begin(Runner::new([asking]));
        assert_eq!(said(), "asking");
        application::terminate().unwrap();
        receive! {
            refused: Result<(), ApplicationError> => {
                assert_eq!(refused, Err(ApplicationError::Terminating));
            }
            after patience() => panic!("no answer"),
        }
        assert_eq!(outcome(run), Ok(()));
        assert_eq!(application::get_env("other", "key"), Some(1));
    }
}

#[cfg(unix)]
#[allow(clippy::disallowed_macros, reason = "the victim tells by its output how far it is")]
mod signals {
    use std::env;
    use std::io::{BufRead, BufReader};
    use std::process::{ChildStdout, Command, Stdio};

    use procession::timer;

    use super::*;

    /// Whether this is the program that gets the signals.
    const IS_VICTIM: &str = "TEST_APPLICATION_VICTIM";

    /// A child that says when it is told to end, and does not.
    fn stubborn() -> ChildSpec {
        ChildSpec::new("stubborn", || {
            let pid = proc_lib::start_link(|starter| {
                process::set_trap_exit(true);
                starter.ack(process::self_pid());
                println!("started");
                loop {
                    receive! { _exit: Exit => println!("stopping") }
                }
            })?;
            Ok(pid)
        })
        .shutdown(Shutdown::Infinity)
    }

    fn signal(program: u32, signal: &str) {
        let kill = format!("kill -{signal} {program}");
        assert!(Command::new("sh").args(["-c", &kill]).status().unwrap().success());
    }

    /// Waits until the program says so.
    #[track_caller]
    fn wait_for(line: &str, output: &mut BufReader<ChildStdout>) {
        let mut lines = output.lines().map_while(Result::ok);
        assert!(lines.any(|it| it.contains(line)), "{line} was not said");
    }

    #[test]
    fn end_the_program_at_once_when_it_is_stopping_already() {
        if env::var_os(IS_VICTIM).is_some() {
            let hanging = Application::new("hanging")
                .start(|| Supervisor::one_for_one().child(stubborn()).start_link());
            panic!("it ends by a signal, not so: {:?}", application::run([hanging]));
        }
        for (first, second) in [("TERM", "INT"), ("INT", "TERM"), ("TERM", "TERM")] {
            let mut program = Command::new(env::current_exe().unwrap())
                .args(["--nocapture", "end_the_program_at_once_when_it_is_stopping_already"])
                .env(IS_VICTIM, "")
                .stdout(Stdio::piped())
                .spawn()
                .unwrap();
            let mut output = BufReader::new(program.stdout.take().unwrap());
            let id = program.id();
            let too_late = timer::apply_after(patience(), move || signal(id, "KILL"));
            wait_for("started", &mut output);
            signal(id, first);
            wait_for("stopping", &mut output);
            signal(id, second);
            assert_eq!(program.wait().unwrap().code(), Some(1));
            timer::cancel(too_late);
        }
    }
}

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
