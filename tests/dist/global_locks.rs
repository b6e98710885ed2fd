//! Locks that are set on all nodes.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use procession::global::{self, GlobalError, LockId};
use procession::net_kernel::NetKernel;
use procession::node;
use procession::prelude::*;

use super::support::beam::Beam;
use super::support::named::{meet, visible};
use super::support::rust::{NAME, Rust, there};
use super::support::twin::{Parent, Twin};
use super::support::wait::{down_reason, expect, test_timeout, wait_until};

/// The lock of this program.
fn ours() -> LockId {
    LockId::new("resource", "ours")
}

/// The same resource, for a requester that a node of Erlang uses.
fn theirs() -> LockId {
    LockId::new("resource", "theirs")
}

/// Whether this process gets the lock at once; if so, it gives it up.
fn is_free(id: &LockId) -> bool {
    match global::trans_timeout(id, Duration::ZERO, || ()) {
        Ok(()) => true,
        Err(GlobalError::Locked(_)) => false,
        Err(other) => panic!("{other}"),
    }
}

/// The same, of a process there.
fn is_free_there(beam: &Beam, requester: &str) -> bool {
    let source = format!(
        "global:trans({{resource, {requester}}}, fun() -> free end, [node() | nodes()], 0)"
    );
    match &*beam.eval(&source) {
        "free" => true,
        "aborted" => false,
        other => panic!("{other}"),
    }
}

/// A process there that holds the lock, until it is sent `stop`, and is registered as `holder`.
fn hold_there(beam: &Beam) {
    let source = "Self = self(), \
        spawn(fun() -> register(holder, self()), true = global:set_lock({resource, theirs}), \
            Self ! held, receive stop -> ok end end), \
        receive held -> ok end";
    assert_eq!(beam.eval(source), "ok");
}

/// A process here that holds the lock until it is ended.
fn hold_here() -> Pid {
    #[derive(Debug)]
    struct IsHeld;

    let test = process::self_pid();
    let hold = move || {
        global::set_lock(&ours()).unwrap();
        process::send(test, IsHeld);
        process::receive();
    };
    let holder = process::spawn(hold).unwrap();
    expect::<IsHeld>();
    holder
}

// OTP: global_SUITE:locks
#[test]
fn a_lock_there_is_one_here() {
    let Some(rust) = Rust::start_with(visible) else { return };
    let beam = rust.beam();
    meet(&beam);
    assert!(is_free(&ours()));
    hold_there(&beam);
    assert!(!is_free(&ours()));
    // Its requester has it, wherever it asks.
    assert!(is_free(&theirs()));
    assert!(!is_free(&ours()));
    beam.eval("holder ! stop");
    wait_until(|| is_free(&ours()));
    assert_eq!(beam.eval("ets:tab2list(global_locks)"), "[]");
}

// OTP: global_SUITE:locks
#[test]
fn a_lock_here_is_one_there() {
    let Some(rust) = Rust::start_with(visible) else { return };
    let beam = rust.beam();
    meet(&beam);
    global::set_lock(&ours()).unwrap();
    // It is set on both nodes, and who has it is known on both.
    let locks = "[{Resource, Requester, [node(Pid) || {Pid, _} <- Holders]} || \
                 {Resource, Requester, Holders} <- ets:tab2list(global_locks)]";
    assert_eq!(beam.eval(locks), format!("[{{resource,ours,['{NAME}']}}]"));
    assert!(!is_free_there(&beam, "theirs"));
    assert!(is_free_there(&beam, "ours"));
    assert!(!is_free_there(&beam, "theirs"));
    global::del_lock(&ours()).unwrap();
    assert!(is_free_there(&beam, "theirs"));
    let inside = global::trans(&ours(), || is_free_there(&beam, "theirs"));
    assert_eq!(inside, Ok(false));
    assert!(is_free_there(&beam, "theirs"));
    assert!(is_free(&ours()));
    assert_eq!(beam.eval("ets:tab2list(global_locks)"), "[]");
}

// OTP: global:set_lock/2
#[test]
fn a_lock_of_the_other_node_alone_is_one_for_all_nodes() {
    let Some(rust) = Rust::start_with(visible) else { return };
    let beam = rust.beam();
    meet(&beam);
    let hold = "Self = self(), \
        spawn(fun() -> register(holder, self()), \
            true = global:set_lock({resource, theirs}, [node()]), \
            Self ! held, receive stop -> ok end end), \
        receive held -> ok end";
    assert_eq!(beam.eval(hold), "ok");
    assert!(!is_free(&ours()));
    // What was refused there is not left locked here.
    let here = format!("global:set_lock({{resource, third}}, ['{NAME}'], 0)");
    assert_eq!(beam.eval(&here), "true");
    beam.eval("holder ! stop");
    wait_until(|| is_free(&ours()));
}

// OTP: global_SUITE:locks, where a requester that is refused tries again
#[test]
fn who_waits_for_a_lock_of_the_other_node_gets_it() {
    let Some(rust) = Rust::start_with(visible) else { return };
    let beam = rust.beam();
    meet(&beam);
    hold_there(&beam);
    let wait = || {
        global::trans(&ours(), || ()).unwrap();
    };
    let (_, waiter) = process::spawn_monitor(wait).unwrap();
    assert!(!is_free(&LockId::new("resource", "another")));
    beam.eval("holder ! stop");
    assert_eq!(down_reason(waiter), ExitReason::Normal);

    global::set_lock(&ours()).unwrap();
    let waiter = beam.begin("global:trans({resource, theirs}, fun() -> done end)");
    assert!(!is_free_there(&beam, "another"));
    global::del_lock(&ours()).unwrap();
    assert_eq!(beam.value(waiter), "done");
}

// OTP: global_SUITE:lock_die
#[test]
fn a_lock_is_free_when_its_holder_has_ended() {
    let Some(rust) = Rust::start_with(visible) else { return };
    let beam = rust.beam();
    meet(&beam);
    for _ in 0..5 {
        hold_there(&beam);
        assert!(!is_free(&ours()));
        beam.eval("exit(whereis(holder), kill)");
        wait_until(|| is_free(&ours()));
        let holder = hold_here();
        assert!(!is_free_there(&beam, "theirs"));
        process::exit(holder, ExitReason::Kill);
        wait_until(|| is_free_there(&beam, "theirs"));
    }
    wait_until(|| beam.eval("ets:tab2list(global_locks)") == "[]");
}

// OTP: global_SUITE:locks; OTP 25, run
#[test]
fn a_lock_of_a_node_that_is_down_is_free() {
    let Some(mut rust) = Rust::start_with(visible) else { return };
    let mut beam = rust.beam();
    meet(&beam);
    hold_there(&beam);
    assert!(!is_free(&ours()));
    node::disconnect(there(&beam)).unwrap();
    wait_until(|| is_free(&ours()));
    beam.eval("holder ! stop");
    wait_until(|| beam.eval("whereis(holder)") == "undefined");
    meet(&beam);

    hold_there(&beam);
    assert!(!is_free(&ours()));
    beam.kill();
    wait_until(|| is_free(&ours()));

    let beam = rust.beam();
    meet(&beam);
    let holder = hold_here();
    assert!(!is_free_there(&beam, "theirs"));
    rust.stop();
    wait_until(|| is_free_there(&beam, "theirs"));
    process::exit(holder, ExitReason::Kill);
}

// OTP: global_SUITE:locks, with a node that waits as the holder's node goes down
#[test]
fn who_waits_for_a_lock_of_a_node_that_goes_down_gets_it() {
    let Some(rust) = Rust::start_with(visible) else { return };
    let mut beam = rust.beam();
    meet(&beam);
    hold_there(&beam);
    let wait = || {
        global::trans(&ours(), || ()).unwrap();
    };
    let (_, waiter) = process::spawn_monitor(wait).unwrap();
    assert!(!is_free(&LockId::new("resource", "another")));
    beam.kill();
    assert_eq!(down_reason(waiter), ExitReason::Normal);
}

#[test]
fn one_process_at_a_time_has_a_lock() {
    let inside = Arc::new(AtomicUsize::new(0));
    let (enter, leave) = (Arc::clone(&inside), Arc::clone(&inside));
    let offering = move |node: NetKernel| {
        visible(node)
            .offer("inside", "enter", move || enter.fetch_add(1, Ordering::SeqCst) as i64)
            .offer("inside", "leave", move || leave.fetch_sub(1, Ordering::SeqCst) as i64)
    };
    let Some(rust) = Rust::start_with(offering) else { return };
    let beam = rust.beam();
    meet(&beam);
    // The result is how many others were inside, at the worst.
    let work = beam.begin(
        "Call = fun(F) -> rpc:call('rust@127.0.0.1', inside, F, []) end, \
         Body = fun() -> 0 = Call(enter), erlang:yield(), 1 = Call(leave), ok end, \
         lists:usort([global:trans({resource, self()}, Body) || _ <- lists:seq(1, 10)])",
    );
    for _ in 0..10 {
        global::trans(&LockId::new("resource", process::self_pid()), || {
            assert_eq!(inside.fetch_add(1, Ordering::SeqCst), 0);
            std::thread::yield_now();
            assert_eq!(inside.fetch_sub(1, Ordering::SeqCst), 1);
        })
        .unwrap();
    }
    assert_eq!(beam.value(work), "[ok]");
}

/// Each begins with itself, so one of them could have it here, and the other one there.
#[test]
fn two_that_ask_at_once_do_not_keep_each_other_out() {
    let Some(rust) = Rust::start_with(visible) else { return };
    let beam = rust.beam();
    meet(&beam);
    for _ in 0..10 {
        let waiter = beam.begin("global:trans({resource, theirs}, fun() -> done end)");
        let done = global::trans_timeout(&ours(), test_timeout(), || "done");
        assert_eq!(done, Ok("done"));
        assert_eq!(beam.value(waiter), "done");
    }
    assert_eq!(beam.eval("ets:tab2list(global_locks)"), "[]");
}

/// Names are registered under a lock of their own, which is free in between.
#[test]
fn names_can_be_registered_beside_a_lock() {
    let Some(rust) = Rust::start_with(visible) else { return };
    let beam = rust.beam();
    meet(&beam);
    global::trans(&ours(), || {
        assert_eq!(beam.eval("global:register_name(name, self())"), "yes");
        wait_until(|| global::whereis_name("name").is_none());
        global::register_name("name", process::self_pid()).unwrap();
        assert_eq!(beam.eval("is_pid(global:whereis_name(name))"), "true");
        global::unregister_name("name").unwrap();
    })
    .unwrap();
}

/// Locks and unlocks as it is told, and says whether it has the lock.
fn lock_as_told(parent: &Parent) {
    loop {
        let done = match &*parent.told::<String>() {
            "lock" => global::set_lock_timeout(&theirs(), Duration::ZERO).is_ok(),
            "unlock" => global::del_lock(&theirs()).is_ok(),
            _ => (0..20).all(|_| global::trans(&theirs(), || ()).is_ok()),
        };
        parent.tell(&done);
    }
}

#[test]
fn two_programs_share_locks() {
    let Some((_rust, mut twin)) = Rust::start_both_with(visible, lock_as_told) else { return };
    node::connect(twin.node()).unwrap();
    global::sync().unwrap();
    let tell = |twin: &mut Twin, command: &str| {
        twin.tell(command);
        twin.told::<bool>()
    };
    assert!(tell(&mut twin, "lock"));
    assert!(!is_free(&ours()));
    assert!(is_free(&theirs()));
    assert!(tell(&mut twin, "unlock"));
    global::set_lock(&ours()).unwrap();
    assert!(!tell(&mut twin, "lock"));
    global::del_lock(&ours()).unwrap();
    // Both at once.
    twin.tell("many times");
    for _ in 0..20 {
        global::trans(&ours(), || ()).unwrap();
    }
    assert!(twin.told::<bool>());
    assert!(tell(&mut twin, "lock"));
    assert!(!is_free(&ours()));
    twin.kill();
    wait_until(|| is_free(&ours()));
}
