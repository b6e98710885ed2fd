//! The errors of the crate, as a `main` that returns one prints them.

use std::error::Error;

use procession::application::{ApplicationError, RunError};
use procession::gen_server::NameRefused;
use procession::prelude::*;
use procession::proc_lib;
use procession::process::Builder;
use procession::supervisor::SpecError;
use procession::table::TableError;

/// What is printed after `Error: ` by a `main` that returns `error`.
#[track_caller]
fn check(error: impl Error, expected: &str) {
    assert_eq!(format!("{error:?}"), expected);
    assert_eq!(format!("{error:#?}"), expected);
    assert_eq!(error.to_string(), expected);
}

/// A server that fails to start.
#[derive(Debug)]
struct Faulty;

impl GenServer for Faulty {
    type Args = ();

    fn init((): ()) -> InitResult<Faulty> {
        init_error(ExitReason::from_display("no paper"))
    }
}

#[test]
fn an_error_of_a_start_is_printed_as_a_text() {
    check(Faulty::start(()).unwrap_err(), "the server failed to initialize: no paper");
    let failed = proc_lib::start::<(), _>(|_| ()).unwrap_err();
    check(failed, "the process ended before it was ready: normal");
    check(StartError::Timeout, "the server took too long to initialize");
}

#[test]
fn an_error_of_a_spawn_is_printed_as_a_text() {
    let nameless = Builder::new().name("").spawn(|| ()).unwrap_err();
    check(nameless, "the process cannot have its name: a name cannot be empty");
    let nameless = process::register("", process::self_pid()).unwrap_err();
    check(nameless, "a name cannot be empty");
    let unknown = process::unregister("errors::nobody").unwrap_err();
    check(unknown, "no process is registered as \"errors::nobody\"");
    let unknown = process::send_to("errors::nobody", 1).unwrap_err();
    check(unknown, "no process is registered as \"errors::nobody\"");
}

#[test]
fn an_error_of_a_supervisor_is_printed_as_a_text() {
    let supervisor = Supervisor::one_for_one().start_link().unwrap();
    let unknown = supervisor.delete_child("errors").unwrap_err();
    check(unknown, "no such child");
    let failed = supervisor.start_child(Faulty::child_spec(()).id("printer")).unwrap_err();
    check(failed, "child \"printer\" failed to start: no paper");
    supervisor.stop().unwrap();
    check(SpecError::ZeroPeriod, "the period of the restart intensity is zero");
}

#[test]
fn a_child_that_fails_to_start_is_all_that_the_error_of_its_supervisors_says() {
    let inner = || {
        let child = Faulty::child_spec(()).id("printer");
        Supervisor::one_for_one().child(child).start_link()
    };
    process::set_trap_exit(true);
    let error = "child \"printer\" failed to start: no paper";
    check(inner().unwrap_err(), &format!("the server failed to initialize: {error}"));
    let outer = Supervisor::one_for_one().child(ChildSpec::new("inner", inner)).start_link();
    let outer = outer.unwrap_err();
    check(
        outer,
        &format!("the server failed to initialize: child \"inner\" failed to start: {error}"),
    );
}

#[test]
fn an_error_of_a_program_is_printed_as_a_text() {
    let application = "echo".to_owned();
    let reason = ExitReason::from_display("no paper");
    let failed = RunError::Start(ApplicationError::Start { application, reason });
    check(failed, "application echo failed to start: no paper");
}

#[test]
fn an_error_of_a_table_or_a_name_is_printed_as_a_text() {
    let nothing = TableError::NoSuchTable { name: Some("prices".into()) };
    check(nothing, "there is no table \"prices\"");
    let refused = NameRefused { name: "printer".to_owned() };
    check(refused, "the name printer is refused, though nobody has it");
}
