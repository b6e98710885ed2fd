//! Process groups.

use std::cell::Cell;
use std::collections::HashMap;
use std::error::Error;
use std::hash::{Hash, Hasher};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;
use std::thread;

use procession::pg::{Change, GroupMonitorRef, LeaveError, Scope, Update};
use procession::prelude::*;
use procession::process::Builder;
use procession::supervisor::Supervisor;
use procession::sys;

use crate::support::calls::CallKind;
use crate::support::processes::{Busy, FOREVER, busy, idle, idle_body, in_process};
use crate::support::rounds::{delay_by, rounds};
use crate::support::wait::{
    assert_no_message, down_reason, exit_and_wait, expect, test_timeout, wait_until,
};

/// A scope for one test.
fn scope(name: &str) -> Scope<&'static str> {
    Scope::start_link(format!("pg::{name}")).unwrap()
}

type Changed = (&'static str, Change, Vec<Pid>);

/// The next change that `monitor` tells of.
#[track_caller]
fn update(monitor: GroupMonitorRef) -> Changed {
    receive! {
        it: Update<&'static str> if it.monitor == monitor => (it.group, it.change, it.pids),
        after test_timeout() => panic!("no update"),
    }
}

/// Asserts that all updates that were sent are received: one that comes next is the next.
#[track_caller]
fn assert_no_update(scope: &Scope<&'static str>, monitor: GroupMonitorRef) {
    let me = process::self_pid();
    scope.join("the last", me).unwrap();
    assert_eq!(update(monitor), ("the last", Change::Join, vec![me]));
    scope.leave("the last", me).unwrap();
    assert_eq!(update(monitor), ("the last", Change::Leave, vec![me]));
}

// OTP: pg_SUITE:single
#[test]
fn a_process_is_a_member_until_it_has_left_as_often_as_it_has_joined() {
    let scope = scope("single");
    let me = process::self_pid();
    assert_eq!(scope.join("a", me), Ok(()));
    assert_eq!(scope.join("a", me), Ok(()));
    assert_eq!(scope.get_members("a"), [me, me]);
    assert_eq!(scope.get_local_members("a"), [me, me]);
    assert_eq!(scope.leave("a", me), Ok(()));
    assert_eq!(scope.get_members("a"), [me]);
    assert_eq!(scope.leave("a", me), Ok(()));
    assert_eq!(scope.get_members("a"), []);
    assert_eq!(scope.leave("a", me), Err(LeaveError::NotJoined));
    assert_eq!(scope.leave("b", me), Err(LeaveError::NotJoined));
}

// OTP: pg_SUITE:single
#[test]
fn a_group_is_there_as_long_as_it_has_members() {
    let scope = scope("groups");
    let (me, other) = (process::self_pid(), idle());
    assert_eq!(scope.which_groups(), Ok(vec![]));
    scope.join("a", [me, other]).unwrap();
    scope.join("b", other).unwrap();
    let sorted = || {
        let mut groups = scope.which_groups().unwrap();
        groups.sort_unstable();
        groups
    };
    assert_eq!(sorted(), ["a", "b"]);
    scope.leave("a", me).unwrap();
    assert_eq!(sorted(), ["a", "b"]);
    scope.leave("a", other).unwrap();
    assert_eq!(sorted(), ["b"]);
    exit_and_wait(other, ExitReason::Shutdown);
    assert_eq!(scope.which_local_groups(), Ok(vec![]));
}

#[test]
fn members_are_read_in_the_order_in_which_they_have_joined() {
    let scope = scope("order");
    let pids: Vec<Pid> = (0..4).map(|_| idle()).collect();
    scope.join("a", [pids[2], pids[0]]).unwrap();
    scope.join("a", pids[3]).unwrap();
    scope.join("a", &pids[2..3]).unwrap();
    scope.join("a", vec![pids[1], pids[0]]).unwrap();
    assert_eq!(scope.get_members("a"), [2, 0, 3, 2, 1, 0].map(|index| pids[index]));
    scope.leave("a", pids[2]).unwrap();
    assert_eq!(scope.get_members("a"), [2, 0, 3, 1, 0].map(|index| pids[index]));
    pids.into_iter().for_each(|pid| process::exit(pid, ExitReason::Shutdown));
}

// OTP: pg_SUITE:single, pg_SUITE:monitor
#[test]
fn several_join_and_leave_in_one_step() {
    in_process(|| {
        let scope = scope("step");
        let (one, other) = (idle(), idle());
        let (monitor, members) = scope.monitor("a").unwrap();
        assert_eq!(members, []);
        scope.join("a", [one, other, one]).unwrap();
        assert_eq!(update(monitor), ("a", Change::Join, vec![one, other, one]));
        assert_eq!(scope.get_members("a"), [one, other, one]);
        scope.leave("a", [other, one]).unwrap();
        assert_eq!(update(monitor), ("a", Change::Leave, vec![other, one]));
        assert_eq!(scope.get_members("a"), [one]);
        assert_no_message();
    });
}

#[test]
fn a_reader_sees_all_of_a_step_or_nothing() {
    let scope = scope("whole");
    // A step that takes its time.
    let pids = vec![idle(); 1_000];
    let (writer, monitor) = {
        let (scope, pids) = (scope.clone(), pids.clone());
        process::spawn_monitor(move || {
            for _ in 0..rounds(500) {
                scope.join("a", &*pids).unwrap();
                scope.leave("a", &*pids).unwrap();
            }
        })
        .unwrap()
    };
    while process::is_alive(writer) {
        let members = scope.get_members("a");
        assert!(members.is_empty() || members == pids, "{} members", members.len());
    }
    assert_eq!(down_reason(monitor), ExitReason::Normal);
    process::exit(pids[0], ExitReason::Shutdown);
}

// OTP: pg_SUITE:single
#[test]
fn of_several_only_members_leave() {
    let scope = scope("partly");
    let (me, other) = (process::self_pid(), idle());
    let (monitor, _) = scope.monitor_scope().unwrap();
    scope.join("a", me).unwrap();
    update(monitor);
    assert_eq!(scope.leave("a", [other, me, me]), Ok(()));
    assert_eq!(update(monitor), ("a", Change::Leave, vec![me]));
    assert_eq!(scope.leave("a", [other, me]), Err(LeaveError::NotJoined));
    assert_eq!(scope.leave("a", []), Err(LeaveError::NotJoined));
    scope.join("b", me).unwrap();
    update(monitor);
    assert_eq!(scope.leave("a", me), Err(LeaveError::NotJoined), "it is in another group");
    assert_no_update(&scope, monitor);
    assert_eq!(scope.get_members("b"), [me]);
    process::exit(other, ExitReason::Shutdown);
}

#[test]
fn a_join_of_no_processes_makes_no_group() {
    let scope = scope("empty");
    let (monitor, _) = scope.monitor_scope().unwrap();
    assert_eq!(scope.join("a", []), Ok(()));
    assert_eq!(scope.which_groups(), Ok(vec![]));
    assert_no_update(&scope, monitor);
}

// OTP: pg_SUITE:single, pg_SUITE:monitor
#[test]
fn a_process_that_ends_leaves_all_its_groups() {
    let scope = scope("ends");
    let (me, other) = (process::self_pid(), idle());
    scope.join("a", [other, me, other]).unwrap();
    scope.join("b", other).unwrap();
    let (of_a, _) = scope.monitor("a").unwrap();
    let (of_b, _) = scope.monitor("b").unwrap();
    exit_and_wait(other, ExitReason::Shutdown);
    assert_eq!(update(of_a), ("a", Change::Leave, vec![other, other]));
    assert_eq!(update(of_b), ("b", Change::Leave, vec![other]));
    assert_eq!(scope.get_members("a"), [me]);
    assert_eq!(scope.which_groups(), Ok(vec!["a"]));
    assert_eq!(scope.leave("a", other), Err(LeaveError::NotJoined));
}

#[test]
fn a_watcher_that_has_heard_of_an_end_finds_the_process_in_no_group() {
    let scope = scope("heard");
    for round in 0..rounds(2_000) {
        let (pid, monitor) = process::spawn_monitor(idle_body).unwrap();
        scope.join("a", pid).unwrap();
        process::exit(pid, ExitReason::Shutdown);
        down_reason(monitor);
        assert_eq!(scope.get_members("a"), [], "round {round}");
        assert_eq!(scope.which_groups(), Ok(vec![]), "round {round}");
    }
}

#[test]
fn a_killed_member_is_not_read_any_more_and_leaves_when_it_has_left_its_code() {
    let (scope, me) = (scope("killed"), process::self_pid());
    let Busy { pid, monitor: end, let_go } = busy(Builder::new().kill_grace(FOREVER), || {});
    scope.join("a", [pid, me]).unwrap();
    scope.join("b", pid).unwrap();
    let (monitor, _) = scope.monitor("a").unwrap();
    process::exit(pid, ExitReason::Kill);
    assert_eq!(scope.get_members("a"), [me]);
    assert_eq!(scope.which_groups(), Ok(vec!["a"]));
    let (again, members) = scope.monitor("a").unwrap();
    assert_eq!(members, [pid, me], "its leave is still to come");
    scope.join("a", me).unwrap();
    for monitor in [monitor, again] {
        assert_eq!(update(monitor), ("a", Change::Join, vec![me]));
    }
    drop(let_go);
    for monitor in [monitor, again] {
        assert_eq!(update(monitor), ("a", Change::Leave, vec![pid]));
    }
    assert_eq!(down_reason(end), ExitReason::Killed);
}

#[test]
fn a_process_that_gets_an_update_reads_the_change() {
    let scope = scope("told");
    let pid = idle();
    let (monitor, _) = scope.monitor("a").unwrap();
    // Those who are told after the first keep the scope busy meanwhile.
    let others: Vec<GroupMonitorRef> = (0..300).map(|_| scope.monitor("a").unwrap().0).collect();
    let (writer, done) = {
        let scope = scope.clone();
        process::spawn_monitor(move || {
            for _ in 0..rounds(100) {
                scope.join("a", pid).unwrap();
                expect::<Seen>();
                scope.leave("a", pid).unwrap();
                expect::<Seen>();
            }
        })
        .unwrap()
    };
    for round in 0..rounds(100) {
        assert_eq!(update(monitor), ("a", Change::Join, vec![pid]));
        assert_eq!(scope.get_members("a"), [pid], "round {round}");
        process::send(writer, Seen);
        assert_eq!(update(monitor), ("a", Change::Leave, vec![pid]));
        assert_eq!(scope.get_members("a"), [], "round {round}");
        process::send(writer, Seen);
        others.iter().for_each(|other| drop((update(*other), update(*other))));
    }
    assert_eq!(down_reason(done), ExitReason::Normal);
    process::exit(pid, ExitReason::Shutdown);
}

#[derive(Debug)]
struct Seen;

// OTP: pg_SUITE:leave_exit_race
#[test]
fn a_process_that_has_ended_joins_and_leaves_again() {
    let scope = scope("dead");
    let dead = idle();
    exit_and_wait(dead, ExitReason::Shutdown);
    let (monitor, _) = scope.monitor("a").unwrap();
    assert_eq!(scope.join("a", dead), Ok(()));
    assert_eq!(update(monitor), ("a", Change::Join, vec![dead]));
    assert_eq!(update(monitor), ("a", Change::Leave, vec![dead]));
    assert_eq!(scope.leave("a", dead), Err(LeaveError::NotJoined));
}

// OTP: pg_SUITE:leave_exit_race
#[test]
fn a_process_leaves_once_if_it_ends_just_then() {
    let scope = scope("race");
    let (monitor, _) = scope.monitor("a").unwrap();
    for round in 0..rounds(2_000) {
        let pid = idle();
        scope.join("a", pid).unwrap();
        process::exit(pid, ExitReason::Shutdown);
        delay_by(round);
        _ = scope.leave("a", pid);
        assert_eq!(update(monitor), ("a", Change::Join, vec![pid]));
        assert_eq!(update(monitor), ("a", Change::Leave, vec![pid]));
    }
    let me = process::self_pid();
    scope.join("a", me).unwrap();
    assert_eq!(update(monitor), ("a", Change::Join, vec![me]), "nothing more came");
}

// OTP: pg_SUITE:errors, pg_SUITE:missing_scope_join
#[test]
fn a_scope_that_does_not_run_has_no_groups() {
    let live = scope("monitored");
    let (monitor, _) = live.monitor("a").unwrap();
    let (scope, me) = (Scope::named("pg::nobody"), process::self_pid());
    assert_eq!(scope.whereis(), None);
    assert_eq!(scope.get_members("a"), []);
    assert_eq!(scope.get_local_members("a"), []);
    assert_eq!(scope.join("a", me).kind(), Err(CallErrorKind::NoProc));
    assert_eq!(scope.leave("a", me).kind(), Err(CallErrorKind::NoProc));
    assert_eq!(scope.monitor("a").kind(), Err(CallErrorKind::NoProc));
    assert_eq!(scope.monitor_scope().kind(), Err(CallErrorKind::NoProc));
    assert_eq!(scope.demonitor(monitor).kind(), Err(CallErrorKind::NoProc));
    assert_eq!(scope.which_groups().kind(), Err(CallErrorKind::NoProc));
    assert_eq!(scope.which_local_groups().kind(), Err(CallErrorKind::NoProc));
}

// OTP: pg_SUITE:pg, pg_SUITE:errors
#[test]
fn scopes_have_nothing_to_do_with_one_another() {
    let (one, me) = (scope("one"), process::self_pid());
    let default = Scope::<&str>::start_link("pg").unwrap();
    assert_eq!(default, Scope::default());
    assert_ne!(default, one);
    one.join("a", me).unwrap();
    assert_eq!(default.get_members("a"), []);
    assert_eq!(Scope::<&str>::default().join("a", [me, me]), Ok(()));
    assert_eq!(default.get_members("a").len(), 2);
    assert_eq!(one.get_members("a").len(), 1);
    default.leave("a", [me, me]).unwrap();
    assert_eq!(one.get_members("a").len(), 1);
}

// OTP: pg_SUITE:pg
#[test]
fn a_scope_is_started_once() {
    let scope = scope("once");
    let first = scope.whereis().unwrap();
    let is_refused = |error| matches!(error, StartError::AlreadyStarted(pid) if pid == first);
    assert!(is_refused(Scope::<&str>::start_link(scope.name()).unwrap_err()));
    assert!(is_refused(Scope::<&str>::start(scope.name()).unwrap_err()));
}

#[test]
fn a_scope_without_a_link_goes_on_without_its_starter() {
    in_process(|| {
        Scope::<&str>::start("pg::unlinked").unwrap();
    });
    let scope = Scope::named("pg::unlinked");
    assert_eq!(scope.join("a", process::self_pid()), Ok(()));
    exit_and_wait(scope.whereis().unwrap(), ExitReason::Kill);
    assert_eq!(scope.get_members("a"), [], "what it had made known is gone with it");
}

#[test]
fn a_scope_of_another_type_is_refused() {
    let (scope, me) = (scope("typed"), process::self_pid());
    scope.join("a", me).unwrap();
    let other = Scope::<u32>::named(scope.name());
    assert!(matches!(other.join(1, me).kind(), Err(CallErrorKind::WrongServer { .. })));
    assert_eq!(other.get_members(&1), []);
    assert_eq!(other.which_groups().kind(), Err(CallErrorKind::NoProc));
    assert_eq!(scope.get_members("a"), [me]);
}

#[test]
fn groups_are_looked_up_by_what_their_names_borrow() {
    let scope = Scope::<String>::start_link("pg::strings").unwrap();
    let me = process::self_pid();
    scope.join("a".to_owned(), me).unwrap();
    assert_eq!(scope.get_members("a"), [me]);
    assert_eq!(scope.get_members(&"a".to_owned()), [me]);
}

// OTP: pg_SUITE:monitor_scope, pg_SUITE:monitor_nonempty_scope
#[test]
fn a_monitor_of_a_scope_tells_of_all_groups() {
    let (scope, me) = (scope("all"), process::self_pid());
    scope.join("a", [me, me]).unwrap();
    scope.join("b", me).unwrap();
    let (monitor, groups) = scope.monitor_scope().unwrap();
    assert_eq!(groups, HashMap::from([("a", vec![me, me]), ("b", vec![me])]));
    scope.leave("a", me).unwrap();
    scope.join("new", me).unwrap();
    assert_eq!(update(monitor), ("a", Change::Leave, vec![me]));
    assert_eq!(update(monitor), ("new", Change::Join, vec![me]));
}

// OTP: pg_SUITE:multi_monitor
#[test]
fn each_monitor_has_its_own_updates() {
    let (scope, me) = (scope("multi"), process::self_pid());
    let (first, _) = scope.monitor("a").unwrap();
    let (second, _) = scope.monitor("a").unwrap();
    let (other, _) = scope.monitor("b").unwrap();
    let (all, _) = scope.monitor_scope().unwrap();
    let (all_again, _) = scope.monitor_scope().unwrap();
    scope.join("a", me).unwrap();
    for monitor in [all_again, second, all, first] {
        assert_eq!(update(monitor), ("a", Change::Join, vec![me]));
    }
    scope.join("b", me).unwrap();
    assert_eq!(update(other), ("b", Change::Join, vec![me]));
    assert_eq!(update(all), ("b", Change::Join, vec![me]));
    assert_eq!(scope.demonitor(all), Ok(true));
    assert_eq!(scope.demonitor(first), Ok(true));
    scope.leave("a", me).unwrap();
    assert_eq!(update(second), ("a", Change::Leave, vec![me]));
}

// OTP: pg_SUITE:monitor
#[test]
fn a_monitor_that_is_ended_leaves_no_update() {
    in_process(|| {
        let (scope, me) = (scope("flush"), process::self_pid());
        let (ended, _) = scope.monitor("a").unwrap();
        let (all, _) = scope.monitor_scope().unwrap();
        let (kept, _) = scope.monitor("a").unwrap();
        scope.join("a", me).unwrap();
        scope.join("a", me).unwrap();
        process::send(me, "another message");
        assert_eq!(scope.demonitor(ended), Ok(true));
        assert_eq!(scope.demonitor(all), Ok(true));
        assert_eq!(scope.demonitor(ended), Ok(false));
        scope.leave("a", [me, me]).unwrap();
        assert_eq!(update(kept).1, Change::Join);
        assert_eq!(update(kept).1, Change::Join);
        assert_eq!(update(kept).1, Change::Leave);
        assert_eq!(expect::<&str>(), "another message");
        assert_no_message();
    });
}

#[test]
fn a_monitor_whose_scope_has_ended_leaves_no_update_either() {
    in_process(|| {
        let me = process::self_pid();
        let scope = Scope::<&str>::start("pg::flush_ended").unwrap();
        let (monitor, _) = scope.monitor("a").unwrap();
        scope.join("a", me).unwrap();
        exit_and_wait(scope.whereis().unwrap(), ExitReason::Shutdown);
        assert_eq!(scope.demonitor(monitor).kind(), Err(CallErrorKind::NoProc));
        assert_no_message();
    });
}

// OTP: pg_SUITE:monitor_self
#[test]
fn a_member_that_monitors_its_group_can_end() {
    let (scope, me) = (scope("self"), process::self_pid());
    let (monitor, _) = scope.monitor("a").unwrap();
    let pid = {
        let scope = scope.clone();
        process::spawn(move || {
            scope.join("a", process::self_pid()).unwrap();
            scope.monitor("a").unwrap();
            scope.monitor_scope().unwrap();
            process::send(me, "joined");
            idle_body();
        })
        .unwrap()
    };
    assert_eq!(expect::<&str>(), "joined");
    assert_eq!(update(monitor), ("a", Change::Join, vec![pid]));
    process::exit(pid, ExitReason::Shutdown);
    assert_eq!(update(monitor), ("a", Change::Leave, vec![pid]));
    assert_eq!(scope.join("a", me), Ok(()));
}

// OTP: pg_SUITE:monitor
#[test]
fn a_scope_forgets_the_monitors_of_a_process_that_ends() {
    let scope = scope("forgets");
    let monitors = || process::info(scope.whereis().unwrap()).unwrap().monitors.len();
    {
        let scope = scope.clone();
        in_process(move || {
            let (ended, _) = scope.monitor("a").unwrap();
            scope.monitor("a").unwrap();
            scope.monitor_scope().unwrap();
            assert_eq!(scope.demonitor(ended), Ok(true));
        });
    }
    wait_until(|| monitors() == 0);
    assert_eq!(scope.join("a", process::self_pid()), Ok(()));
    assert_eq!(monitors(), 1);
    scope.leave("a", process::self_pid()).unwrap();
    assert_eq!(monitors(), 0, "a process in no group is not monitored");
    scope.join("a", process::self_pid()).unwrap();
    assert_eq!(monitors(), 1, "once it is in one again");
    scope.leave("a", process::self_pid()).unwrap();
    let (monitor, _) = scope.monitor("a").unwrap();
    assert_eq!(monitors(), 1);
    scope.demonitor(monitor).unwrap();
    assert_eq!(monitors(), 0, "nor one that does not monitor any more");
    let status = sys::of(scope.name()).get_status().unwrap();
    assert!(status.state.contains("monitors: {}, audiences: {}"), "{}", status.state);
}

// OTP: pg_SUITE:monitor
#[test]
fn a_monitor_and_its_members_at_the_start_miss_nothing() {
    let scope = scope("atomic");
    let (me, other) = (process::self_pid(), idle());
    for round in 0..rounds(500) {
        let (joiner, done) = {
            let scope = scope.clone();
            process::spawn_monitor(move || {
                for _ in 0..3 {
                    scope.join("a", [other, me]).unwrap();
                    scope.leave("a", me).unwrap();
                }
            })
            .unwrap()
        };
        delay_by(round);
        let (monitor, mut members) = scope.monitor("a").unwrap();
        assert_eq!(down_reason(done), ExitReason::Normal, "{joiner}");
        let (after, expected) = scope.monitor("a").unwrap();
        members.sort_unstable();
        while members.len() != expected.len() || members.contains(&me) {
            match update(monitor) {
                (_, Change::Join, pids) => members.extend(pids),
                (_, Change::Leave, pids) => {
                    for pid in pids {
                        let place = members.iter().position(|member| *member == pid);
                        members.remove(place.expect("only members leave"));
                    }
                }
            }
        }
        assert_eq!(scope.demonitor(monitor), Ok(true));
        assert_eq!(scope.demonitor(after), Ok(true));
        assert_eq!(members, [other; 3]);
        scope.leave("a", [other; 3]).unwrap();
    }
    process::exit(other, ExitReason::Shutdown);
}

// OTP: pg_SUITE:scope_restart
#[test]
fn a_scope_that_is_started_again_is_empty_and_its_members_go_on() {
    let spec = Scope::<&str>::child_spec("pg::restart");
    assert_eq!(spec.policy().id, "pg::restart");
    let top = Supervisor::one_for_one().child(spec).start_link().unwrap();
    let scope = Scope::<&str>::named("pg::restart");
    let member = idle();
    scope.join("a", member).unwrap();
    let first = scope.whereis().unwrap();
    exit_and_wait(first, ExitReason::Kill);
    wait_until(|| scope.whereis().is_some_and(|pid| pid != first));
    assert_eq!(scope.get_members("a"), []);
    assert!(process::is_alive(member));
    wait_until(|| scope.which_groups() == Ok(vec![]));
    assert_eq!(scope.join("a", member), Ok(()));
    assert_eq!(scope.get_members("a"), [member]);
    assert_eq!(top.stop(), Ok(()));
    assert_eq!(scope.get_members("a"), []);
}

// OTP: pg_SUITE:errors, where it ends the scope
#[test]
fn a_scope_drops_messages_that_it_does_not_handle() {
    let (scope, me) = (scope("garbage"), process::self_pid());
    scope.join("a", me).unwrap();
    process::send_to(scope.name(), "garbage").unwrap();
    process::send_to(scope.name(), Opaque::new(1)).unwrap();
    let made_up = Down {
        monitor: process::monitor(process::self_pid()),
        object: me.into(),
        reason: ExitReason::Normal,
    };
    process::send_to(scope.name(), made_up).unwrap();
    assert_eq!(scope.join("a", me), Ok(()));
    assert_eq!(scope.get_members("a"), [me, me]);
}

// OTP: pg_SUITE:thundering_herd
#[test]
fn a_process_can_be_in_ten_thousand_groups() {
    const GROUPS: u32 = 10_000;
    let scope = Scope::<u32>::start_link("pg::herd").unwrap();
    let (member, me) = (idle(), process::self_pid());
    for group in 0..GROUPS {
        scope.join(group, member).unwrap();
    }
    assert_eq!(scope.which_groups().unwrap().len(), GROUPS as usize);
    for group in 0..GROUPS / 2 {
        scope.leave(group, member).unwrap();
    }
    let (monitor, groups) = scope.monitor_scope().unwrap();
    assert_eq!(groups.len(), GROUPS as usize / 2);
    process::exit(member, ExitReason::Shutdown);
    for _ in 0..GROUPS / 2 {
        let update = expect::<Update<u32>>();
        assert_eq!((update.monitor, update.pids), (monitor, vec![member]));
    }
    scope.join(0, me).unwrap();
    assert_eq!(scope.which_groups(), Ok(vec![0]));
}

/// A group whose name uses the scope when it is cloned and dropped.
#[derive(Debug)]
struct Nosy;

static LOOKS: AtomicUsize = AtomicUsize::new(0);

fn look() {
    Scope::<Nosy>::named("pg::nosy").get_members(&std::mem::ManuallyDrop::new(Nosy) as &Nosy);
    LOOKS.fetch_add(1, Ordering::SeqCst);
}

impl Clone for Nosy {
    fn clone(&self) -> Nosy {
        look();
        Nosy
    }
}

impl Drop for Nosy {
    fn drop(&mut self) {
        look();
    }
}

impl PartialEq for Nosy {
    fn eq(&self, _: &Nosy) -> bool {
        true
    }
}

impl Eq for Nosy {}

impl Hash for Nosy {
    fn hash<H: Hasher>(&self, _: &mut H) {}
}

#[test]
fn names_of_groups_are_cloned_and_dropped_where_the_scope_can_be_used() {
    in_process(|| {
        let scope = Scope::<Nosy>::start_link("pg::nosy").unwrap();
        let me = process::self_pid();
        let (monitor, groups) = scope.monitor_scope().unwrap();
        assert!(groups.is_empty());
        scope.join(Nosy, me).unwrap();
        scope.join(Nosy, me).unwrap();
        assert_eq!(scope.which_groups().unwrap().len(), 1);
        scope.leave(Nosy, [me, me]).unwrap();
        assert_eq!(scope.demonitor(monitor), Ok(true));
        assert!(LOOKS.load(Ordering::SeqCst) > 5);
    });
}

/// A group whose name, when it is cloned, counts the members that are read then.
#[derive(Debug)]
struct Counting(usize);

impl Clone for Counting {
    fn clone(&self) -> Counting {
        Counting(Scope::<Counting>::named("pg::counting").get_members(self).len())
    }
}

impl PartialEq for Counting {
    fn eq(&self, _: &Counting) -> bool {
        true
    }
}

impl Eq for Counting {}

impl Hash for Counting {
    fn hash<H: Hasher>(&self, _: &mut H) {}
}

#[test]
fn a_change_can_be_read_before_any_process_is_told_of_it() {
    in_process(|| {
        let scope = Scope::<Counting>::start_link("pg::counting").unwrap();
        let me = process::self_pid();
        scope.monitor(Counting(0)).unwrap();
        let told = || {
            let update = expect::<Update<Counting>>();
            (update.change, update.group.0)
        };
        scope.join(Counting(0), [me, me, me]).unwrap();
        assert_eq!(told(), (Change::Join, 3));
        scope.leave(Counting(0), me).unwrap();
        assert_eq!(told(), (Change::Leave, 2));
    });
}

/// A group whose comparisons can do something else first, each time once.
#[derive(Clone, Debug, Eq)]
struct Curious(u8);

thread_local! {
    static ASIDE: Cell<Option<Box<dyn FnOnce()>>> = const { Cell::new(None) };
}

impl PartialEq for Curious {
    fn eq(&self, other: &Curious) -> bool {
        if let Some(aside) = ASIDE.take() {
            aside();
        }
        self.0 == other.0
    }
}

impl Hash for Curious {
    fn hash<H: Hasher>(&self, _: &mut H) {}
}

#[test]
fn while_names_of_groups_are_compared_others_join() {
    in_process(|| {
        let scope = Scope::<Curious>::start_link("pg::curious").unwrap();
        let (me, other) = (process::self_pid(), idle());
        scope.join(Curious(1), me).unwrap();
        let joiner = {
            let scope = scope.clone();
            process::spawn(move || {
                expect::<Seen>();
                scope.join(Curious(2), other).unwrap();
                scope.join(Curious(1), other).unwrap();
                process::send(me, "joined");
            })
            .unwrap()
        };
        ASIDE.set(Some(Box::new(move || {
            process::send(joiner, Seen);
            assert_eq!(expect::<&str>(), "joined");
        })));
        assert_eq!(scope.get_members(&Curious(1)), [me], "as it was when it was found");
        assert_eq!(scope.get_members(&Curious(1)), [me, other]);
        assert_eq!(scope.get_members(&Curious(2)), [other]);
        assert_eq!(scope.get_members(&Curious(3)), []);
        scope.leave(Curious(1), [me, other]).unwrap();
        assert_eq!(scope.which_groups(), Ok(vec![Curious(2)]), "of the same hash");
        exit_and_wait(other, ExitReason::Shutdown);
        assert_eq!(scope.which_groups(), Ok(vec![]));
    });
}

#[test]
fn a_killed_thread_is_told_that_the_scope_has_not_answered() {
    let scope = scope("killed_thread");
    let (me, (monitor, _)) = (process::self_pid(), scope.monitor("a").unwrap());
    let (known, pids) = mpsc::channel();
    let (let_go, held) = mpsc::channel::<()>();
    thread::scope(|threads| {
        threads.spawn(move || {
            known.send(process::self_pid()).unwrap();
            _ = held.recv();
            let ended = Err(CallErrorKind::CallerEnded);
            assert_eq!(scope.join("a", me).kind(), ended);
            assert_eq!(scope.leave("a", me).kind(), Err(CallErrorKind::CallerEnded));
            assert_eq!(scope.demonitor(monitor).kind(), Err(CallErrorKind::CallerEnded));
            assert_eq!(scope.get_members("a"), []);
        });
        process::exit(pids.recv().unwrap(), ExitReason::Kill);
        drop(let_go);
    });
}

#[test]
fn an_error_says_what_is_wrong() {
    assert_eq!(LeaveError::NotJoined.to_string(), "not a member of the group");
    let error = Scope::named("pg::nobody").leave("a", process::self_pid()).unwrap_err();
    assert_eq!(
        error.to_string(),
        r#"no process is registered as "pg::nobody" (call of Leave<&str>)"#
    );
    assert!(error.source().is_none(), "it has said all");
}
