//! What `format_status` decides, and the names that reports and status show.

use std::fmt;

use procession::gen_server::StatusPart;
use procession::global;
use procession::prelude::*;
use procession::process::Builder;

use crate::support::logger::{keep_what_is_logged, logged};
use crate::support::wait::{down_reason, expect_exit};
use crate::{assert_has_line, report};

/// A server that shows nothing as it is.
#[derive(Debug)]
struct Vault;

/// A message that ends it.
#[derive(Debug)]
struct Open(&'static str);

impl GenServer for Vault {
    type Args = ();

    fn init((): ()) -> InitResult<Vault> {
        ready(Vault)
    }

    fn format_status(&self, part: &StatusPart<'_>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match part {
            StatusPart::State => f.write_str("a vault"),
            StatusPart::FinalState => f.write_str("a broken vault"),
            StatusPart::LastMessage(message) => match message.downcast_ref::<Open>() {
                Some(_) => f.write_str("Open(...)"),
                None => part.print(self, f),
            },
            StatusPart::Reason(_) => f.write_str("a burglary"),
            other => other.print(self, f),
        }
    }
}

impl HandleCast<Open> for Vault {
    fn handle_cast(&mut self, Open(code): Open) -> CastResult<Vault> {
        assert_eq!(code, "1234", "the code");
        noreply()
    }
}

fn start(options: StartOptions) -> (ServerRef<Vault>, Pid) {
    keep_what_is_logged();
    process::set_trap_exit(true);
    let vault = Vault::start_link_with((), options).unwrap();
    let pid = vault.pid();
    (vault, pid)
}

/// The report of a vault that was opened with the wrong code.
fn report_of(options: StartOptions) -> (String, Pid) {
    let (vault, pid) = start(options);
    vault.cast(Open("0000"));
    assert!(expect_exit(pid).as_panic().is_some());
    (report(pid), pid)
}

// OTP: gen_server_SUITE:format_all_status
#[test]
fn is_that_of_a_server_that_goes_on() {
    let (vault, _) = start(StartOptions::new());
    assert_eq!(vault.sys().get_status().unwrap().state, "a vault");
    vault.stop().unwrap();
}

// OTP: gen_server_SUITE:format_all_status
#[test]
fn is_that_of_a_server_that_ends() {
    assert_has_line(&report_of(StartOptions::new()).0, "state: a broken vault");
}

// OTP: gen_server_SUITE:format_all_status
#[test]
fn shows_the_last_message_as_it_is_shaped() {
    assert_has_line(&report_of(StartOptions::new()).0, "last message: Open(...)");
}

// OTP: gen_server_SUITE:format_all_status
#[test]
fn shows_the_reason_as_it_is_shaped() {
    assert_has_line(&report_of(StartOptions::new()).0, "reason: a burglary");
}

#[test]
fn shows_a_global_name() {
    let (vault, pid) = start(StartOptions::new().name(global::name("a_status::status")));
    let name = vault.sys().get_status().unwrap().name;
    assert_eq!(name.as_deref(), Some("\"a_status::status\" in global"));
    assert_eq!(process::info(pid).unwrap().via, Some(global::name("a_status::status")));
    vault.stop().unwrap();
}

// OTP 25, run: the reports of a server that is registered globally name it.
#[test]
fn shows_a_global_name_in_the_reports_of_a_crash() {
    let name = global::name("a_status::reports");
    let (report, pid) = report_of(StartOptions::new().name(name));
    let head = format!("server \"a_status::reports\" in global ({pid}) is terminating");
    assert!(report.contains(&head), "{report}");
    let crashes = logged(&format!("crash report of process {pid}"));
    assert_has_line(&crashes[0], "registered name: \"a_status::reports\" in global");
}

#[test]
fn shows_the_global_name_of_a_supervisor() {
    keep_what_is_logged();
    let child = ChildSpec::new("child", || Ok(process::spawn_link(|| panic!("in a child"))?));
    let supervisor = Supervisor::one_for_one()
        .child(child.restart(Restart::Temporary))
        .start_link_with(StartOptions::new().name(global::name("a_status::supervisor")))
        .unwrap();
    while logged("supervisor report of \"a_status::supervisor\" in global").is_empty() {
        supervisor.count_children().unwrap();
    }
    supervisor.stop().unwrap();
}

/// A name that cannot be printed.
#[derive(PartialEq, Eq, Hash)]
struct Unprintable;

impl fmt::Debug for Unprintable {
    fn fmt(&self, _: &mut fmt::Formatter<'_>) -> fmt::Result {
        panic!("in Debug of a name")
    }
}

impl procession::Registrar for Unprintable {
    type Name = ();

    fn register_name(&self, (): &(), _: Pid) -> bool {
        true
    }

    fn unregister_name(&self, (): &()) {}

    fn whereis_name(&self, (): &()) -> Option<Pid> {
        None
    }

    fn send(&self, (): &(), message: Message) -> Result<(), Message> {
        Err(message)
    }
}

#[test]
fn shows_the_rest_of_a_server_whose_name_cannot_be_printed() {
    let name = procession::Via::new(Unprintable, ());
    let (report, _) = report_of(StartOptions::new().name(name));
    assert!(report.contains("in Debug of a name"), "{report}");
    assert_has_line(&report, "state: a broken vault");
}

#[test]
fn forgets_a_global_name_with_its_process() {
    let (vault, pid) = start(StartOptions::new().name(global::name("a_status::end")));
    let monitor = process::monitor(pid);
    vault.stop().unwrap();
    down_reason(monitor);
    // The next process, perhaps in its place, has none.
    let (next, monitor) = Builder::new().spawn_monitor(|| drop(process::receive())).unwrap();
    assert_eq!(process::info(next).unwrap().via, None);
    process::send(next, ());
    down_reason(monitor);
}
