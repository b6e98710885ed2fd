//! Processes that become servers.

use std::time::Duration;

use procession::gen_server::{self, EnterLoopError};
use procession::prelude::*;
use procession::proc_lib;
use procession::process::Builder;

use crate::support::drops::{OnDrop, PanicsOnDrop};
use crate::support::processes::{be_killed, idle_body, in_process, reason};
use crate::support::scripted::{
    CallOutcome, InfoReceived, Scripted, ScriptedServer, Terminated, call_message, cast_message,
    continue_with, pid_of, spawn_client,
};
use crate::support::wait::{down_reason, exit_and_wait, expect, test_timeout, wait_until};

/// Starts a process that does `prepare` and then becomes a server with the caller as its observer.
fn become_scripted(
    options: proc_lib::StartOptions,
    prepare: fn(),
    settings: fn() -> StartOptions,
) -> (ServerRef<Scripted>, MonitorRef) {
    let me = process::self_pid();
    let (pid, monitor) = proc_lib::start_monitor_with(options, move |starter| {
        prepare();
        starter.ack(process::self_pid());
        gen_server::enter_loop(ready(Scripted::observed_by(me)), settings())
    });
    (ServerRef::from_pid(pid.unwrap()), monitor.unwrap())
}

fn plainly() -> proc_lib::StartOptions {
    proc_lib::StartOptions::new()
}

// OTP: gen_server_SUITE:spec_init
#[test]
fn serves_calls_casts_and_messages() {
    let (server, monitor) = become_scripted(plainly(), || {}, StartOptions::new);
    assert_eq!(server.call_timeout(call_message(|_, _| reply(7_u8)), test_timeout()), Ok(7));
    server.cast(cast_message(|it| {
        it.note("a cast");
        noreply()
    }));
    server.send("a message");
    assert!(expect::<InfoReceived>().0.is::<&str>());
    assert_eq!(server.stop(), Ok(()));
    assert_eq!(expect::<Terminated>().notes, ["a cast"]);
    assert_eq!(down_reason(monitor), ExitReason::Normal);
}

#[test]
fn handles_messages_that_came_before() {
    in_process(|| {
        let me = process::self_pid();
        let (pid, _) = proc_lib::start_monitor(move |starter| {
            starter.ack(process::self_pid());
            process::receive_match(|message| message.is::<&str>());
            gen_server::enter_loop(ready(Scripted::observed_by(me)), StartOptions::new())
        });
        let server = ServerRef::<Scripted>::from_pid(pid.unwrap());
        server.send(1_u8);
        server.send("go on");
        server.send(2_u8);
        for n in [1, 2] {
            assert_eq!(expect::<InfoReceived>().0.downcast::<u8>().unwrap(), n);
        }
    });
}

// OTP: gen_server_SUITE:spec_init
#[test]
fn begins_with_the_timeout_of_its_init_result() {
    let me = process::self_pid();
    proc_lib::start_link(move |starter| {
        starter.ack(());
        let start = ready(Scripted::observed_by(me)).timeout(Duration::ZERO);
        gen_server::enter_loop(start, StartOptions::new())
    })
    .unwrap();
    assert!(expect::<InfoReceived>().0.is::<IdleTimeout>());
}

#[test]
fn does_not_abort_the_program_by_a_state_that_panics_when_it_is_dropped_if_it_was_killed() {
    #[derive(Debug)]
    struct Fragile(PanicsOnDrop);

    impl GenServer for Fragile {
        type Args = ();

        fn init((): ()) -> InitResult<Fragile> {
            ready(Fragile(PanicsOnDrop))
        }
    }

    let (_, monitor) = proc_lib::start_monitor(|starter| {
        starter.ack(());
        let start = ready(Fragile(PanicsOnDrop));
        be_killed();
        gen_server::enter_loop(start, StartOptions::new().trap_exit(true))
    });
    assert_eq!(down_reason(monitor.unwrap()), ExitReason::Killed);
}

// OTP: gen_server_SUITE:otp_5854
#[test]
fn requires_a_process_of_proc_lib() {
    let (_, monitor) = process::spawn_monitor(|| {
        gen_server::enter_loop(ready(Scripted::default()), StartOptions::new())
    })
    .unwrap();
    let reason = down_reason(monitor);
    assert_eq!(reason.downcast_ref(), Some(&EnterLoopError::NotStartedByProcLib), "{reason}");
}

// OTP: gen_server_SUITE:spec_init
#[test]
fn requires_that_the_name_in_its_options_is_registered() {
    let settings = || StartOptions::new().name("enter_loop::missing");
    let (_, monitor) = become_scripted(plainly(), || {}, settings);
    let reason = down_reason(monitor);
    let error = EnterLoopError::NotRegistered("enter_loop::missing".into());
    assert_eq!(reason.downcast_ref(), Some(&error), "{reason}");
}

// OTP: gen_server_SUITE:otp_5854
#[test]
fn requires_that_the_caller_itself_has_the_name() {
    const NAME: &str = "enter_loop::of_another";
    let settings = || StartOptions::new().name(NAME);
    let other = Builder::new().name(NAME).spawn(idle_body).unwrap();
    let error = EnterLoopError::NotRegistered(NAME.into());
    let prepares: [fn(); 2] =
        [|| {}, || process::register("enter_loop::another", process::self_pid()).unwrap()];
    for prepare in prepares {
        let (_, monitor) = become_scripted(plainly(), prepare, settings);
        let reason = down_reason(monitor);
        assert_eq!(reason.downcast_ref(), Some(&error), "{reason}");
    }
    // It serves under whatever name it has, if it is not asked.
    let prepare = || process::register("enter_loop::unasked", process::self_pid()).unwrap();
    let (_, monitor) = become_scripted(plainly(), prepare, StartOptions::new);
    assert_eq!(ServerRef::<Scripted>::named("enter_loop::unasked").stop(), Ok(()));
    assert_eq!(down_reason(monitor), ExitReason::Normal);
    exit_and_wait(other, ExitReason::Kill);
}

#[test]
fn requires_a_process_that_can_be_unwound() {
    let thread = std::thread::scope(|scope| {
        let become_server =
            || gen_server::enter_loop(ready(Scripted::default()), StartOptions::new());
        scope.spawn(become_server).join()
    });
    thread.unwrap_err();
}

// OTP: gen_server_SUITE:spec_init
#[test]
fn does_not_require_an_acknowledgement() {
    let me = process::self_pid();
    let (pid, monitor) = proc_lib::spawn_monitor_with(Builder::new(), move || {
        gen_server::enter_loop(ready(Scripted::observed_by(me)), StartOptions::new())
    })
    .unwrap();
    let server = ServerRef::<Scripted>::from_pid(pid);
    server.assert_answers();
    assert_eq!(server.stop_with(ExitReason::Shutdown, test_timeout()), Ok(()));
    assert_eq!(expect::<Terminated>().reason, ExitReason::Shutdown);
    assert_eq!(down_reason(monitor), ExitReason::Shutdown);
}

#[test]
fn takes_the_settings_of_a_server() {
    let settings = || StartOptions::new().hibernate_after(Duration::ZERO);
    let (server, monitor) = become_scripted(plainly(), || {}, settings);
    let status = || process::info(pid_of(&server)).unwrap().status;
    wait_until(|| status() == process::Status::Hibernating);
    server.assert_answers();
    assert_eq!(server.stop(), Ok(()));
    assert_eq!(down_reason(monitor), ExitReason::Normal);
}

#[test]
fn runs_its_continuation_before_it_handles_earlier_messages() {
    let me = process::self_pid();
    let (pid, _) = proc_lib::start_monitor(move |starter| {
        let state = Scripted::observed_by(me);
        process::send(process::self_pid(), "what came before");
        starter.ack(process::self_pid());
        let start = ready(state).then(continue_with(move |_| {
            process::send(me, "the continuation");
            noreply()
        }));
        gen_server::enter_loop(start, StartOptions::new())
    });
    let next = || process::receive_timeout(test_timeout()).expect("another message");
    assert_eq!(next().downcast::<&str>().unwrap(), "the continuation");
    assert!(next().downcast::<InfoReceived>().unwrap().0.is::<&str>());
    assert_eq!(ServerRef::<Scripted>::from_pid(pid.unwrap()).stop(), Ok(()));
}

#[test]
fn drops_the_state_before_others_hear_of_the_end() {
    let me = process::self_pid();
    for end in [ExitReason::Normal, ExitReason::Shutdown] {
        let (pid, monitor) = proc_lib::start_monitor(move |starter| {
            starter.ack(process::self_pid());
            let on_drop: Box<dyn FnMut()> = Box::new(move || process::send(me, "dropped"));
            let state = Scripted { on_drop: Some(OnDrop(on_drop)), ..Scripted::default() };
            gen_server::enter_loop(ready(state), StartOptions::new())
        });
        let server = ServerRef::<Scripted>::from_pid(pid.unwrap());
        assert_eq!(server.stop_with(end.clone(), test_timeout()), Ok(()));
        let next = || process::receive_timeout(Duration::ZERO).expect("a message that is there");
        assert_eq!(next().downcast::<&str>().unwrap(), "dropped");
        assert_eq!(next().downcast::<Down>().unwrap().reason, end);
        _ = monitor;
    }
}

#[test]
fn can_begin_to_trap_exits() {
    let me = process::self_pid();
    let pid = proc_lib::start_with(plainly(), move |starter| -> () {
        starter.ack(process::self_pid());
        let options = StartOptions::new().trap_exit(true);
        gen_server::enter_loop(ready(Scripted::observed_by(me)), options)
    })
    .unwrap();
    ServerRef::<Scripted>::from_pid(pid).assert_answers();
    // By another process than the parent, whose exit would end it.
    process::spawn(move || process::exit(pid, reason())).unwrap();
    assert!(expect::<InfoReceived>().0.is::<Exit>());
    assert_eq!(ServerRef::<Scripted>::from_pid(pid).stop(), Ok(()));
}

// OTP: gen_server_SUITE:spec_init_local_registered_parent
#[test]
fn with_its_name_is_found_by_it() {
    const NAME: &str = "enter_loop::named";
    let prepare = || process::register(NAME, process::self_pid()).unwrap();
    let (_, monitor) = become_scripted(plainly(), prepare, || StartOptions::new().name(NAME));
    let server = ServerRef::<Scripted>::named(NAME);
    assert_eq!(
        server.call_timeout(call_message(|_, _| reply("found")), test_timeout()),
        Ok("found")
    );
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
            gen_server::enter_loop(ready(Scripted::observed_by(me)), StartOptions::new())
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

// OTP: gen_server_SUITE:spec_init_local_registered_parent
#[test]
fn ends_with_its_parent_that_has_a_name_and_no_link() {
    let me = process::self_pid();
    let parent = move || {
        let options = plainly().spawn_options(Builder::new().trap_exit(true));
        let pid = proc_lib::start_with(options, move |starter| {
            starter.ack(process::self_pid());
            gen_server::enter_loop(ready(Scripted::observed_by(me)), StartOptions::new())
        });
        let pid = pid.unwrap();
        process::send(me, pid);
        expect::<()>();
        process::exit(pid, ExitReason::Shutdown);
        idle_body();
    };
    let parent = Builder::new().name("enter_loop::parent").spawn(parent).unwrap();
    let pid = expect::<Pid>();
    let monitor = process::monitor(pid);
    // What another one says is a message.
    process::exit(pid, ExitReason::new("by another"));
    let heard = expect::<InfoReceived>().0.downcast::<Exit>().unwrap();
    assert_eq!(heard, Exit { from: me, reason: ExitReason::new("by another") });
    ServerRef::<Scripted>::from_pid(pid).assert_answers();
    process::send(parent, ());
    assert_eq!(expect::<Terminated>().reason, ExitReason::Shutdown);
    assert_eq!(down_reason(monitor), ExitReason::Shutdown);
    exit_and_wait(parent, ExitReason::Kill);
}

#[test]
fn with_an_init_result_that_is_no_start_ends_the_process() {
    let become_nothing = |start: fn() -> InitResult<Scripted>| {
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

// In OTP the first reply does not wait for the second server; here a last reply waits for the end
// of the process.
#[test]
fn twice_gives_the_last_reply_of_each() {
    in_process(|| {
        let pid = proc_lib::start(|starter| {
            starter.ack(process::self_pid());
            for _ in 0..2 {
                let serve =
                    || gen_server::enter_loop(ready(Scripted::default()), StartOptions::new());
                assert_eq!(process::catch::<()>(serve), Err(ExitReason::Shutdown));
            }
        });
        let server = ServerRef::<Scripted>::from_pid(pid.unwrap());
        spawn_client(&server, |_, _| stop_with_reply(ExitReason::Shutdown, 1));
        spawn_client(&server, |_, _| stop_with_reply(ExitReason::Shutdown, 2));
        let mut replies = [(); 2].map(|()| expect::<CallOutcome<i32>>().0.unwrap());
        replies.sort_unstable();
        assert_eq!(replies, [1, 2]);
    });
}
