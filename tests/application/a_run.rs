//! A run of an application from beginning to end.

use std::time::Duration;

use parking_lot::Mutex;
use procession::application::{
    self, Application, ApplicationError, Killed, RestartType, RunError, Runner,
};
use procession::dynamic_supervisor::DynamicSupervisor;
use procession::prelude::*;
use procession::proc_lib;
use procession::report::{self, ApplicationEvent, HandlerId, Report};
use procession::supervisor::{ChildSpec, Restart, Shutdown, Supervised, Supervisor};

use crate::support::processes::idle_body;
use crate::support::wait::{down_reason, expect, test_timeout};
use crate::{Said, app, end_top, ended, running, said, tree, world};

/// To the observer: so the run has ended.
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
    let observer = process::self_pid();
    Application::new(name).start(move || {
        let top = tree(name, observer)?;
        process::send(observer, Said(name.to_owned()));
        Ok(top)
    })
}

#[track_caller]
fn outcome(run: MonitorRef) -> Result<(), RunError> {
    assert_eq!(down_reason(run), ExitReason::Normal);
    receive! { Outcome(outcome) => outcome, after test_timeout() => panic!("no outcome") }
}

#[test]
fn starts_the_dependencies_and_stops_them_in_reverse_order() {
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
    assert_eq!(outcome(run), Err(RunError::Ended { application, reason: ExitReason::Shutdown }));
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
fn names_the_children_that_had_to_be_killed() {
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
    observer: Pid,
}

impl GenServer for Middle {
    type Args = Pid;

    fn init(observer: Pid) -> InitResult<Middle> {
        process::set_trap_exit(true);
        ready(Middle { below: late("below a server").start_link()?, observer })
    }

    fn handle_info(&mut self, message: Message) -> CastResult<Middle> {
        process::send(self.observer, Said(format!("{message:?}")));
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
fn late_everywhere(observer: Pid) -> Result<SupervisorRef, StartError> {
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
        .child(Middle::child_spec(observer).shutdown(Shutdown::Infinity))
        .start_link()
}

#[test]
fn names_the_children_that_had_to_be_killed_below_every_kind_of_supervisor() {
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
    let observer = process::self_pid();
    let body = move |starter: proc_lib::Starter<Pid>| {
        process::set_trap_exit(true);
        starter.ack(process::self_pid());
        receive! { _exit: Exit => process::send(observer, process::self_pid()) }
        idle_body();
    };
    ChildSpec::new("lingering", move || Ok(proc_lib::start_link(body)?))
        .shutdown(Shutdown::Infinity)
}

#[test]
fn does_not_name_children_that_another_process_has_killed() {
    let _world = world();
    type Victim = fn(Pid) -> Pid;
    let victims: [Victim; 2] = [|child| child, |child| process::info(child).unwrap().ancestors[1]];
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
fn kills_the_remaining_processes_when_its_time_is_over() {
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
fn calls_before_stop_while_all_applications_run() {
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
fn that_stops_refuses_requests_of_the_processes_it_stops() {
    #[derive(Debug)]
    struct Asking(Pid);

    impl GenServer for Asking {
        type Args = Pid;

        fn init(observer: Pid) -> InitResult<Asking> {
            process::set_trap_exit(true);
            ready(Asking(observer))
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
        after test_timeout() => panic!("no answer"),
    }
    assert_eq!(outcome(run), Ok(()));
    assert_eq!(application::get_env("other", "key"), Some(1));
}
