//! How an application ends, and with it others.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use procession::application::{self, Application, ApplicationError, RestartType};
use procession::prelude::*;
use procession::proc_lib;
use procession::supervisor::{ChildSpec, Supervisor};

use crate::support::wait::{down_reason, test_timeout};
use crate::{
    Said, app, end_top, ended, not_started, running, said, start_error, talking, tree, world,
};

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
fn of_a_permanent_application_stops_all_in_reverse_order() {
    for reason in [ExitReason::Normal, ExitReason::Shutdown, ExitReason::new("oh")] {
        assert_eq!(left_after(RestartType::Permanent, reason, true), [""; 0]);
    }
}

// OTP: application_SUITE:otp_2718
#[test]
fn of_a_transient_application_stops_all_unless_it_is_normal() {
    assert_eq!(left_after(RestartType::Transient, ExitReason::Normal, false), ["d", "a"]);
    assert_eq!(left_after(RestartType::Transient, ExitReason::Shutdown, true), [""; 0]);
}

#[test]
fn of_a_temporary_application_stops_no_other() {
    for reason in [ExitReason::Normal, ExitReason::new("oh")] {
        assert_eq!(left_after(RestartType::Temporary, reason, false), ["d", "a"]);
    }
}

#[test]
fn does_not_stop_applications_that_depend_on_it() {
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
fn leaves_an_application_that_can_be_started_again_with_another_restart_type() {
    let _world = world();
    load_and_start(&[("a", RestartType::Temporary), ("b", RestartType::Temporary)]);
    end_top("a", ExitReason::Normal);
    application::start_as("a", RestartType::Permanent).unwrap();
    end_top("a", ExitReason::Normal);
    assert_eq!((ended(), ended(), ended()), ("a", "a", "b"));
}

// OTP: stop_application of application_controller; run
#[test]
fn leaves_an_application_that_counts_as_started_for_a_library() {
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
fn still_counts_as_a_start_after_a_failed_start_or_another_load() {
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
fn leaves_an_application_whose_callback_is_not_told_of_changes() {
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
fn by_a_stop_stops_no_other_application_whatever_its_restart_type() {
    let _world = world();
    load_and_start(&[("a", RestartType::Temporary), ("b", RestartType::Permanent)]);
    application::stop("b").unwrap();
    assert_eq!(running(), ["a"]);
}

// OTP: application_SUITE:otp_5363
#[test]
fn ends_the_processes_that_its_processes_have_spawned() {
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
    let unlinked = receive! { pid: Pid => pid, after test_timeout() => panic!("no pid") };
    let monitor = process::monitor(unlinked);
    assert_eq!(application::get_application(unlinked).as_deref(), Some("spawning"));
    application::stop("spawning").unwrap();
    assert_eq!(down_reason(monitor), ExitReason::Killed);
}
