//! Races of ends with processes that have observed them.

use std::fmt::Debug;

use procession::application::{self, Application, ApplicationError, Callback, RestartType};
use procession::prelude::*;
use procession::supervisor::{Child, Supervisor};

use crate::support::rounds::rounds;
use crate::support::wait::{down_reason, expect};
use crate::{app, gate, leaving, loaded, master_of, running, world};

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
fn is_an_end_to_all_requests_that_follow() {
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
fn of_a_permanent_application_ends_all_whatever_requests_follow() {
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

    fn start(observer: Pid) -> Result<(Pid, Returning), StartError> {
        Ok((Supervisor::one_for_one().start_link()?.child_pid(), Returning(observer)))
    }

    fn prep_stop(&mut self) {
        process::send(self.0, application::ensure_all_started(["a"]));
        process::send(self.0, application::unload("a"));
    }
}

#[test]
fn is_not_waited_for_by_processes_of_the_application() {
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
