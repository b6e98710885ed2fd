//! The services that are started by whoever needs them first. There is one of each, so they have a
//! binary of their own.

use std::time::Duration;

use procession::application::{self, Application, Runner};
use procession::global::{self, GlobalError, LockId};
use procession::prelude::*;
use procession::supervisor::{Supervised, Supervisor};
use procession::table::Table;

#[allow(dead_code, reason = "this binary needs few of them")]
mod support {
    pub(crate) mod processes;
    pub(crate) mod rounds;
    pub(crate) mod wait;
}

use crate::support::processes::{idle, idle_body, in_process};
use crate::support::rounds::{delay_by, rounds};
use crate::support::wait::{down_reason, exit_and_wait, expect, wait_until};

const NAMES: &str = "global_name_server";
const KEEPER: &str = "table_keeper";
const CONTROLLER: &str = "application_controller";

/// A service, and what is a use of it.
type Service = (&'static str, fn());

const SERVICES: [Service; 3] = [
    (NAMES, use_names),
    (KEEPER, use_tables),
    (CONTROLLER, || {
        application::which_applications().unwrap();
    }),
];

fn use_names() {
    global::re_register_name("services::used", process::self_pid()).unwrap();
}

fn use_tables() {
    drop(Table::<u8, u8>::new().unwrap());
}

/// Ends a service, so that the next who needs it is its first user.
fn end(service: &str) {
    // Not only once: a start goes on though its starter was killed, and may come to it only now.
    while let Some(pid) = process::whereis(service) {
        exit_and_wait(pid, ExitReason::Kill);
    }
}

#[track_caller]
fn assert_of_nobody(service: &str, others: &[Pid]) {
    let info = process::info(process::whereis(service).unwrap()).unwrap();
    assert!(!info.ancestors.iter().any(|it| others.contains(it)), "{service}: {info:?}");
    assert!(!info.links.iter().any(|it| others.contains(it)), "{service}: {info:?}");
}

/// It is asked by a process which was started by another; both are killed then.
fn is_below_nobody((service, use_it): Service) {
    end(service);
    let (first, second) = {
        let me = process::self_pid();
        let body = move || {
            let second = process::spawn_link(move || {
                use_it();
                process::send(me, process::self_pid());
                idle_body();
            });
            second.unwrap();
            idle_body();
        };
        (process::spawn(body).unwrap(), expect::<Pid>())
    };
    let started = process::whereis(service).unwrap();
    assert_of_nobody(service, &[first, second, process::self_pid()]);
    let second_ended = process::monitor(second);
    exit_and_wait(first, ExitReason::Kill);
    down_reason(second_ended);
    use_it();
    assert_eq!(process::whereis(service), Some(started), "{service} has ended with its user");
}

/// Whoever starts it is killed, a little later each time.
fn does_not_need_who_starts_it((service, use_it): Service) {
    for round in 0..rounds(200) {
        end(service);
        let me = process::self_pid();
        let starter = process::spawn(move || {
            process::send(me, "begun");
            use_it();
        });
        let starter = starter.unwrap();
        expect::<&str>();
        delay_by(round);
        exit_and_wait(starter, ExitReason::Kill);
        use_it();
        assert_of_nobody(service, &[starter]);
    }
}

/// A worker that is the first to use the services.
#[derive(Debug)]
struct Worker;

impl GenServer for Worker {
    type Args = ();

    fn init((): ()) -> InitResult<Worker> {
        use_names();
        use_tables();
        ready(Worker)
    }
}

/// How an application ends that has used the services first.
#[derive(Clone, Copy, Debug)]
enum End {
    IsStopped,
    EndsByItself,
    IsRun,
}

fn start_and_end(end: End, once_started: impl FnOnce() + Send + 'static) {
    let tree = || Supervisor::one_for_one().child(Worker::child_spec(())).start_link();
    let application = Application::new("services").start(tree);
    let is_running = || !application::which_applications().unwrap().is_empty();
    if let End::IsRun = end {
        let body = move || Runner::new([application]).run().unwrap();
        let (_, run) = process::spawn_monitor(body).unwrap();
        wait_until(is_running);
        once_started();
        application::terminate().unwrap();
        assert_eq!(down_reason(run), ExitReason::Normal);
        return;
    }
    application::load(application).unwrap();
    application::start("services").unwrap();
    once_started();
    match end {
        End::EndsByItself => {
            let top = application::get_supervisor("services").unwrap().unwrap();
            process::exit(top, ExitReason::Kill);
            wait_until(|| !is_running());
            _ = application::stop("services");
        }
        End::IsStopped | End::IsRun => application::stop("services").unwrap(),
    }
    application::unload("services").unwrap();
}

fn outlive_an_application(how: End) {
    [NAMES, KEEPER].into_iter().for_each(end);
    let mine = LockId::new("services::lock", "mine");
    let (pid, lock) = (idle(), mine.clone());
    let me = process::self_pid();
    start_and_end(how, move || {
        global::register_name("services::mine", pid).unwrap();
        global::set_lock(&lock).unwrap();
        process::send(me, [NAMES, KEEPER].map(process::whereis));
    });
    let before: [Option<Pid>; 2] = expect();
    assert!(before.iter().all(Option::is_some));
    assert_eq!([NAMES, KEEPER].map(process::whereis), before, "{how:?}");
    assert_eq!(global::whereis_name("services::mine"), Some(pid), "{how:?}");
    let other = LockId::new("services::lock", "other");
    let refused = process::spawn_monitor(move || {
        let refused = global::trans_timeout(&other, Duration::ZERO, || panic!("two hold it"));
        assert_eq!(refused, Err(GlobalError::Locked(other)));
    });
    assert_eq!(down_reason(refused.unwrap().1), ExitReason::Normal, "{how:?}");
    global::del_lock(&mine).unwrap();
    exit_and_wait(pid, ExitReason::Kill);
}

// In one test, as there is one of each service.
#[test]
fn a_service_belongs_to_nobody_whoever_needs_it_first() {
    in_process(|| {
        for service in SERVICES {
            is_below_nobody(service);
            does_not_need_who_starts_it(service);
        }
        for how in [End::IsStopped, End::EndsByItself, End::IsRun] {
            outlive_an_application(how);
        }
    });
}
