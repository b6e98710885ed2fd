//! Starting an application with all that it needs.

use std::sync::Arc;

use procession::application::{self, Application, ApplicationError, Mode, RestartType};
use procession::prelude::*;

use crate::{app, ended, running, start_error, tree, world};

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
fn starts_the_dependencies_first_and_returns_what_it_has_started() {
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
fn that_fails_stops_only_the_applications_it_has_started() {
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
fn starts_optional_dependencies_that_are_loaded() {
    let _world = world();
    application::load(app("a").optionally_depends_on("o")).unwrap();
    assert_eq!(ensure(&["a"], Mode::Serial), Ok(vec!["a".to_owned()]));
    application::stop("a").unwrap();
    let fail = || Err::<Pid, _>(StartError::Failed(ExitReason::new("no disk")));
    application::load(Application::new("o").start(fail)).unwrap();
    let outcome = ensure(&["a"], Mode::Serial);
    let Err(ApplicationError::Start { application, .. }) = outcome else { panic!("{outcome:?}") };
    assert_eq!(application, "o");
}

#[test]
fn can_start_independent_applications_at_the_same_time() {
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
