//! Processes that become servers.

use procession::gen_server::{self, EnterLoopError};
use procession::prelude::*;
use procession::proc_lib;
use procession::process::Builder;

use crate::puppet::*;
use crate::support::*;

/// Starts a process that does `prepare` and then becomes a puppet with the caller as its witness.
fn become_puppet(
    options: proc_lib::StartOptions,
    prepare: fn(),
    settings: fn() -> StartOptions,
) -> (ServerRef<Puppet>, MonitorRef) {
    let me = process::self_pid();
    let (pid, monitor) = proc_lib::start_monitor_with(options, move |starter| {
        prepare();
        starter.ack(process::self_pid());
        gen_server::enter_loop(ready(Puppet::with_witness(me)), settings())
    });
    (ServerRef::from_pid(pid.unwrap()), monitor.unwrap())
}

fn plainly() -> proc_lib::StartOptions {
    proc_lib::StartOptions::new()
}

// OTP: gen_server_SUITE:spec_init
#[test]
fn serves_calls_casts_and_messages() {
    let (server, monitor) = become_puppet(plainly(), || {}, StartOptions::new);
    assert_eq!(server.call_timeout(ask(|_, _| reply(7_u8)), patience()), Ok(7));
    server.cast(tell(|it| {
        it.note("a cast");
        noreply()
    }));
    server.send("a message");
    assert!(expect::<Heard>().0.is::<&str>());
    assert_eq!(server.stop(), Ok(()));
    assert_eq!(expect::<Terminated>().notes, ["a cast"]);
    assert_eq!(down_reason(monitor), ExitReason::Normal);
}

#[test]
fn takes_what_came_before() {
    in_process(|| {
        let me = process::self_pid();
        let (pid, _) = proc_lib::start_monitor(move |starter| {
            starter.ack(process::self_pid());
            process::receive_match(|message| message.is::<&str>());
            gen_server::enter_loop(ready(Puppet::with_witness(me)), StartOptions::new())
        });
        let server = ServerRef::<Puppet>::from_pid(pid.unwrap());
        server.send(1_u8);
        server.send("go on");
        server.send(2_u8);
        for n in [1, 2] {
            assert_eq!(expect::<Heard>().0.downcast::<u8>().unwrap(), n);
        }
    });
}

// OTP: gen_server_SUITE:spec_init
#[test]
fn waits_as_it_is_told_to() {
    let me = process::self_pid();
    proc_lib::start_link(move |starter| {
        starter.ack(());
        let start = ready(Puppet::with_witness(me)).timeout(std::time::Duration::ZERO);
        gen_server::enter_loop(start, StartOptions::new())
    })
    .unwrap();
    assert!(expect::<Heard>().0.is::<TimedOut>());
}

// OTP: gen_server_SUITE:otp_5854
#[test]
fn needs_a_process_of_proc_lib() {
    let (_, monitor) = process::spawn_monitor(|| {
        gen_server::enter_loop(ready(Puppet::default()), StartOptions::new())
    })
    .unwrap();
    let reason = down_reason(monitor);
    assert_eq!(reason.downcast_ref(), Some(&EnterLoopError::NotStartedByProcLib), "{reason}");
}

// OTP: gen_server_SUITE:spec_init
#[test]
fn needs_the_name_that_it_is_said_to_have() {
    let settings = || StartOptions::new().name("enter_loop::missing");
    let (_, monitor) = become_puppet(plainly(), || {}, settings);
    let reason = down_reason(monitor);
    let error = EnterLoopError::NotRegistered("enter_loop::missing".to_owned());
    assert_eq!(reason.downcast_ref(), Some(&error), "{reason}");
}

// OTP: gen_server_SUITE:spec_init_local_registered_parent
#[test]
fn with_its_name_is_found_by_it() {
    const NAME: &str = "enter_loop::named";
    let prepare = || process::register(NAME, process::self_pid()).unwrap();
    let (_, monitor) = become_puppet(plainly(), prepare, || StartOptions::new().name(NAME));
    let server = ServerRef::<Puppet>::named(NAME);
    assert_eq!(server.call_timeout(ask(|_, _| reply("found")), patience()), Ok("found"));
    assert_eq!(server.stop(), Ok(()));
    assert_eq!(down_reason(monitor), ExitReason::Normal);
}

// OTP: gen_server_SUITE:spec_init
#[test]
fn ends_with_its_parent() {
    let me = process::self_pid();
    let parent = process::spawn(move || {
        let builder = Builder::new().link().trap_exit(true);
        let options = plainly().spawn_options(builder);
        let pid = proc_lib::start_with(options, move |starter| {
            starter.ack(process::self_pid());
            gen_server::enter_loop(ready(Puppet::with_witness(me)), StartOptions::new())
        });
        process::send(me, pid.unwrap());
        idle_body();
    })
    .unwrap();
    let monitor = process::monitor(expect::<Pid>());
    exit_and_wait(parent, ExitReason::Shutdown);
    assert_eq!(down_reason(monitor), ExitReason::Shutdown);
    assert_eq!(expect::<Terminated>().reason, ExitReason::Shutdown);
}

#[test]
fn of_a_start_that_is_none_ends_the_process() {
    let become_nothing = |start: fn() -> InitResult<Puppet>| {
        let (_, monitor) = proc_lib::start_monitor(move |starter| {
            starter.ack(());
            gen_server::enter_loop(start(), StartOptions::new())
        });
        down_reason(monitor.unwrap())
    };
    assert_eq!(become_nothing(ignore), ExitReason::Normal);
    assert_eq!(become_nothing(|| init_error(ExitReason::new("unseen"))), ExitReason::Normal);
    assert_eq!(become_nothing(|| stop(ExitReason::Shutdown)), ExitReason::Shutdown);
}
