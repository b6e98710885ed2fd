//! Global names and locks. What happens when their server ends is in a test of its own.

use std::error::Error;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use procession::global::{self, GlobalError, LockId, NameConflict};
use procession::prelude::*;
use procession::process::Builder;

use crate::global_locks::{rivals, times_monitored};
use crate::support::calls::CallKind;
use crate::support::drops::OnDrop;
use crate::support::processes::{Busy, FOREVER, busy, idle, idle_body, in_process};
use crate::support::rounds::rounds;
use crate::support::scripted::{Scripted, ScriptedServer};
use crate::support::wait::{assert_no_message, down_reason, exit_and_wait, expect, wait_until};

fn taken(name: &str, holder: Pid) -> Result<(), GlobalError> {
    Err(GlobalError::Taken { name: name.into(), holder })
}

// OTP: global_SUITE:names
#[test]
fn the_first_owner_keeps_a_name_until_it_is_taken_away() {
    let name = "global::names";
    let (one, other) = (idle(), idle());
    assert_eq!(global::whereis_name(name), None);
    assert_eq!(global::register_name(name, one), Ok(()));
    assert_eq!(global::register_name(name, other), taken(name, one));
    assert_eq!(global::register_name(name, one), taken(name, one));
    assert_eq!(global::whereis_name(name), Some(one));
    assert!(global::registered_names().contains(&name.into()));
    assert_eq!(process::whereis(name), None, "local names are others");

    assert_eq!(global::unregister_name(name), Ok(()));
    assert_eq!(global::unregister_name(name), Ok(()), "nobody has it");
    assert_eq!(global::whereis_name(name), None);
    assert!(!global::registered_names().contains(&name.into()));
    assert_eq!(global::register_name(name, other), Ok(()));
    exit_and_wait(other, ExitReason::Shutdown);
    process::exit(one, ExitReason::Shutdown);
}

#[test]
fn a_process_has_one_name() {
    let pid = idle();
    global::register_name("global::one", pid).unwrap();
    let second = global::register_name("global::two", pid);
    assert_eq!(second, Err(GlobalError::HasName { pid, name: "global::one".into() }));
    assert_eq!(global::whereis_name("global::two"), None);
    global::unregister_name("global::one").unwrap();
    assert_eq!(global::register_name("global::two", pid), Ok(()));
    process::exit(pid, ExitReason::Shutdown);
}

// OTP: global_SUITE:name_exit
#[test]
fn a_watcher_that_has_heard_of_an_end_can_have_the_name() {
    let name = "global::name_exit";
    for round in 0..rounds(2_000) {
        let (pid, monitor) = process::spawn_monitor(idle_body).unwrap();
        assert_eq!(global::register_name(name, pid), Ok(()), "round {round}");
        process::exit(pid, ExitReason::Shutdown);
        down_reason(monitor);
        assert_eq!(global::whereis_name(name), None, "round {round}");
        assert!(!global::registered_names().contains(&name.into()), "round {round}");
    }
}

#[test]
fn a_process_that_has_ended_gets_no_name() {
    let name = "global::dead";
    let (owner, dead) = (idle(), idle());
    exit_and_wait(dead, ExitReason::Shutdown);
    assert_eq!(global::register_name(name, dead), Err(GlobalError::NotAlive(dead)));
    global::register_name(name, owner).unwrap();
    assert_eq!(global::re_register_name(name, dead), Err(GlobalError::NotAlive(dead)));
    assert_eq!(global::whereis_name(name), Some(owner));
    process::exit(owner, ExitReason::Shutdown);
}

#[test]
fn a_killed_process_has_lost_its_name_at_once_and_gets_none() {
    let (name, successor) = ("global::lost", idle());
    let Busy { pid, monitor, let_go } = busy(Builder::new().kill_grace(FOREVER), || {});
    global::register_name(name, pid).unwrap();
    process::exit(pid, ExitReason::Kill);
    assert_eq!(global::whereis_name(name), None);
    assert!(!global::registered_names().contains(&name.into()));
    let refused = global::register_name("global::not_lost", pid);
    assert_eq!(refused, Err(GlobalError::NotAlive(pid)));
    assert_eq!(global::register_name(name, pid), Err(GlobalError::NotAlive(pid)));
    assert_eq!(global::register_name(name, successor), Ok(()));
    drop(let_go);
    assert_eq!(down_reason(monitor), ExitReason::Killed);
    global::unregister_name("global::nobody").unwrap();
    assert_eq!(global::whereis_name(name), Some(successor), "it is another's by now");
    process::exit(successor, ExitReason::Shutdown);
}

// OTP: global_SUITE:re_register_name
#[test]
fn a_name_that_is_given_to_another_stays_with_that_one() {
    let name = "global::re_register";
    let (first, second) = (idle(), idle());
    global::register_name("global::its_own", second).unwrap();
    assert_eq!(global::re_register_name(name, first), Ok(()), "nobody had it");
    assert_eq!(global::re_register_name(name, second), Ok(()));
    assert_eq!(global::whereis_name(name), Some(second));
    assert_eq!(global::register_name("global::another", first), Ok(()), "it has no name");
    exit_and_wait(first, ExitReason::Shutdown);
    assert_eq!(global::register_name(name, first), taken(name, second));

    assert_eq!(global::re_register_name(name, second), Ok(()), "it has it already");
    assert_eq!(global::whereis_name("global::its_own"), Some(second));
    exit_and_wait(second, ExitReason::Shutdown);
    assert_eq!(global::whereis_name(name), None);
    assert_eq!(global::whereis_name("global::its_own"), None);
    let third = idle();
    assert_eq!(global::register_name(name, third), Ok(()));
    process::exit(third, ExitReason::Shutdown);
}

#[test]
fn a_process_that_loses_one_of_several_names_keeps_the_others() {
    let (several, other) = (idle(), idle());
    global::re_register_name("global::kept", several).unwrap();
    global::re_register_name("global::given", several).unwrap();
    global::re_register_name("global::given", other).unwrap();
    assert_eq!(global::whereis_name("global::kept"), Some(several));
    let second = global::register_name("global::new", several);
    assert_eq!(second, Err(GlobalError::HasName { pid: several, name: "global::kept".into() }));
    [several, other].into_iter().for_each(|pid| process::exit(pid, ExitReason::Shutdown));
}

#[test]
fn a_process_is_monitored_as_long_as_it_has_a_name() {
    let (pid, other) = (idle(), idle());
    for round in 0..2 {
        global::register_name("global::monitored", pid).unwrap();
        assert_eq!(times_monitored(pid), 1, "round {round}");
        global::re_register_name("global::monitored_too", pid).unwrap();
        assert_eq!(times_monitored(pid), 1, "round {round}: once for all its names");
        global::unregister_name("global::monitored").unwrap();
        assert_eq!(times_monitored(pid), 1, "round {round}: it has another");
        global::re_register_name("global::monitored_too", other).unwrap();
        assert_eq!(times_monitored(pid), 0, "round {round}");
    }
    exit_and_wait(other, ExitReason::Shutdown);
    wait_until(|| times_monitored(other) == 0);
    process::exit(pid, ExitReason::Shutdown);
}

#[test]
fn a_process_is_found_at_every_moment_while_a_name_is_taken_over() {
    let name = "global::atomic";
    let pids = [idle(), idle()];
    global::register_name(name, pids[0]).unwrap();
    let (writer, monitor) = process::spawn_monitor(move || {
        for round in 0..rounds(2_000) {
            global::re_register_name(name, pids[round % 2]).unwrap();
        }
    })
    .unwrap();
    while process::is_alive(writer) {
        assert!(global::whereis_name(name).is_some_and(|pid| pids.contains(&pid)));
    }
    assert_eq!(down_reason(monitor), ExitReason::Normal);
    pids.into_iter().for_each(|pid| process::exit(pid, ExitReason::Shutdown));
}

// OTP: global_SUITE:names
#[test]
fn a_message_to_a_name_reaches_its_process_or_comes_back() {
    in_process(|| {
        let (name, me) = ("global::send", process::self_pid());
        let back = global::send(name, String::from("lost")).unwrap_err();
        assert_eq!((back.name, &*back.message), (global::name(name).into(), "lost"));
        global::register_name(name, me).unwrap();
        assert_eq!(global::send(name, 7_u8), Ok(me));
        assert_eq!(expect::<u8>(), 7);
        assert!(process::send_to(global::name(name), 8_u8).is_ok());
        assert_eq!(expect::<u8>(), 8);
        assert_no_message();
    });
}

// OTP: global_SUITE:garbage_messages
#[test]
fn the_server_drops_messages_that_it_does_not_handle() {
    let server = "global_name_server";
    global::set_lock(&LockId::new("global::garbage", "me")).unwrap();
    let pid = process::whereis(server);
    process::send_to(server, "garbage").unwrap();
    process::send_to(
        server,
        Timeout { timer: procession::timer::kill_after(FOREVER, idle()), value: () },
    )
    .unwrap();
    let me = process::self_pid();
    global::register_name("global::garbage", me).unwrap();
    let monitor = process::monitor(idle());
    process::send_to(server, Down { monitor, object: me.into(), reason: ExitReason::Normal })
        .unwrap();
    global::del_lock(&LockId::new("global::garbage", "me")).unwrap();
    assert_eq!(global::whereis_name("global::garbage"), Some(me), "it has not ended");
    assert_eq!(process::whereis(server), pid);
}

#[test]
fn a_function_that_resolves_clashes_is_kept_with_the_name() {
    let name = "global::resolve";
    let kept = Arc::new(());
    let resolve = |kept: &Arc<()>| {
        let kept = OnDrop({
            let kept = Arc::clone(kept);
            move || {
                _ = &kept;
                panic!("in its destructor");
            }
        });
        move |_: &str, _: Pid, _: Pid| {
            _ = &kept;
            panic!("it is called")
        }
    };
    let (one, other) = (idle(), idle());
    global::register_name_with(name, one, resolve(&kept)).unwrap();
    assert_eq!(global::register_name_with(name, other, resolve(&kept)), taken(name, one));
    assert_eq!(Arc::strong_count(&kept), 2, "the one that is not needed is gone");
    global::re_register_name_with(name, other, resolve(&kept)).unwrap();
    assert_eq!(Arc::strong_count(&kept), 2, "so is the one of the first");
    global::unregister_name(name).unwrap();
    assert_eq!(Arc::strong_count(&kept), 1);
    assert_eq!(global::register_name(name, one), Ok(()), "the server goes on");
    exit_and_wait(one, ExitReason::Shutdown);
    process::exit(other, ExitReason::Shutdown);
}

// OTP: what these functions do with two processes of one node.
#[test]
fn the_functions_that_resolve_clashes_decide_as_in_otp() {
    in_process(|| {
        let me = process::self_pid();
        let conflict = |other| NameConflict { name: "clash".into(), other };
        let other = idle();
        assert_eq!(global::random_notify_name("clash", me, other), Some(other));
        assert_eq!(expect::<NameConflict>(), conflict(other));
        assert_eq!(global::random_notify_name("clash", other, me), Some(me));

        let tell = move || process::send(me, ("told", expect::<NameConflict>()));
        let told = process::spawn(tell).unwrap();
        assert_eq!(global::notify_all_name("clash", me, told), None);
        assert_eq!(expect::<NameConflict>(), conflict(told));
        assert_eq!(expect::<(&str, NameConflict)>(), ("told", conflict(me)));

        let monitor = process::monitor(other);
        assert_eq!(global::random_exit_name("clash", other, me), Some(me));
        assert_eq!(down_reason(monitor), ExitReason::Killed);
        global::register_name_with("global::clash", me, global::random_exit_name).unwrap();
    });
}

#[derive(Debug)]
struct Echo;

impl GenServer for Echo {
    type Args = Result<(), ExitReason>;
    fn init(outcome: Self::Args) -> InitResult<Echo> {
        outcome.map_or_else(stop, |()| ready(Echo))
    }
}

impl HandleCall<u32> for Echo {
    type Reply = u32;
    fn handle_call(&mut self, n: u32, _: &Caller<u32>) -> CallResult<Echo, u32> {
        reply(n)
    }
}

// OTP: gen_server_SUITE:start, call_remote3
#[test]
fn a_server_is_started_and_found_under_a_global_name() {
    let name = global::name("global::server");
    let options = || StartOptions::new().name(name.clone());
    assert_eq!(name.to_string(), r#""global::server" in global"#);
    let echo = ServerRef::<Echo>::at(name.clone());
    assert_eq!(echo.call(1).kind(), Err(CallErrorKind::NoProc));

    let failed = Echo::start_with(Err(ExitReason::new("no")), options());
    assert!(matches!(failed, Err(StartError::Failed(_))));
    let server = Echo::start_with(Ok(()), options()).unwrap();
    let second = Echo::start_with(Ok(()), options());
    assert!(matches!(second, Err(StartError::AlreadyStarted(pid)) if pid == server.pid()));
    assert_eq!(echo.call(2), Ok(2));
    assert_eq!(echo.whereis(), global::whereis_name("global::server"));
    let monitor = process::monitor(&echo);
    assert_eq!(echo.stop(), Ok(()));
    assert_eq!(down_reason(monitor), ExitReason::Normal);
    assert_eq!(global::whereis_name("global::server"), None);
}

/// Starts a server that another process gives a global name before it asks for one, if it comes to
/// that in time: then the error with which the start has failed.
fn start_of_one_that_is_given_a_name() -> Option<GlobalError> {
    const LOCAL: &str = "global::has_name";
    let (wanted, is_over) = (global::name("global::wanted"), Arc::new(AtomicBool::new(false)));
    let giver = {
        let is_over = Arc::clone(&is_over);
        move || {
            while !is_over.load(Ordering::SeqCst) {
                if let Some(pid) = process::whereis(LOCAL) {
                    _ = global::register_name("global::given", pid);
                    return;
                }
            }
        }
    };
    let (_, giver) = process::spawn_monitor(giver).unwrap();
    let options = StartOptions::new().name(wanted.clone());
    let started = Echo::start_with(Ok(()), options.spawn_options(Builder::new().name(LOCAL)));
    is_over.store(true, Ordering::SeqCst);
    assert_eq!(down_reason(giver), ExitReason::Normal);
    match started {
        Ok(server) => {
            assert_eq!(wanted.whereis(), Some(server.pid()));
            server.stop().unwrap();
            None
        }
        Err(StartError::Failed(reason)) => {
            assert_eq!(wanted.whereis(), None);
            let error = reason.downcast_ref::<GlobalError>();
            Some(error.unwrap_or_else(|| panic!("it does not say why: {reason}")).clone())
        }
        Err(other) => panic!("{other:?}"),
    }
}

// Nobody has the name that is wanted, at any time.
#[test]
fn a_start_by_a_global_name_fails_if_the_process_already_has_one() {
    let refused = (0..rounds(10_000)).find_map(|_| start_of_one_that_is_given_a_name());
    let Some(GlobalError::HasName { pid, name }) = refused else { panic!("{refused:?}") };
    assert_eq!((process::is_alive(pid), &*name), (false, "global::given"));
}

#[test]
fn an_error_says_what_is_wrong() {
    let (one, _) = rivals("error");
    let text = GlobalError::Locked(one).to_string();
    assert_eq!(text, r#"cannot lock "global::error" for "one": it is locked for another"#);
    let pid = process::self_pid();
    let has_name = GlobalError::HasName { pid, name: "it".into() };
    assert_eq!(has_name.to_string(), format!(r#"{pid} already has the global name "it""#));
    let error = ServerRef::<Scripted>::named("nobody").call_with(|_, _| reply(())).unwrap_err();
    let unanswered = GlobalError::Call(error.clone());
    assert_eq!(unanswered.to_string(), error.to_string());
    assert!(unanswered.source().is_none(), "it has said all");
}
