//! Races of a run with all else that happens.

use std::sync::mpsc;
use std::time::Duration;

use parking_lot::Mutex;
use procession::application::{self, Application, ApplicationError, Killed, RunError, Runner};
use procession::prelude::*;
use procession::proc_lib;
use procession::report::ApplicationEvent;
use procession::supervisor::{Child, ChildSpec, Shutdown, Supervisor};

use crate::support::processes::idle_body;
use crate::support::wait::{assert_no_message, down_reason, expect, test_timeout};
use crate::{
    Outcome, app, begin, failing, gate, gated, heard_client, leaving, loaded, outcome, running,
    tell_when_started, when, world,
};

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
fn does_not_wait_forever_for_a_start_that_hangs() {
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
        after test_timeout() => None,
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
    let run = begin(runner.shutdown_timeout(Duration::from_millis(500)));
    assert_eq!(expect::<&str>(), "hanging");
    application::terminate().unwrap();
    let killed = Killed::Start("hanging".to_owned());
    assert_eq!(outcome(run), Err(RunError::Killed(vec![killed])));
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
fn does_not_report_children_that_were_killed_before_the_stop() {
    let _world = world();
    let _started = tell_when_started("a");
    let application =
        Application::new("a").start(|| Supervisor::one_for_one().child(stubborn()).start_link());
    let run = begin(Runner::new([application]));
    assert_eq!(expect::<&str>(), "a");
    let top = application::get_supervisor("a").unwrap().unwrap();
    procession::supervisor::SupervisorRef::from_pid(top).terminate_child("stubborn").unwrap();
    application::terminate().unwrap();
    assert_eq!(outcome(run), Ok(()));
}

#[test]
fn ends_before_stop_when_its_time_is_over() {
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
fn beside_another_run_calls_its_own_before_stop() {
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
