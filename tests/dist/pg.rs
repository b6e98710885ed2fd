//! Groups whose members are processes of several nodes.

use procession::net_kernel::NetKernel;
use procession::node;
use procession::pg::{Change, GroupMonitorRef, Scope, Update};
use procession::prelude::*;
use procession::term::{self, Atom, ExternalPid, atom};
use serde::{Deserialize, Serialize};

use super::support::beam::Beam;
use super::support::rust::{Rust, there};
use super::support::wait::{down_reason, exit_and_wait, test_timeout, wait_until};

fn visible(node: NetKernel) -> NetKernel {
    node.hidden(false)
}

/// A scope that ends with the test.
struct Here(Scope<Atom>);

impl Here {
    fn start(name: &str) -> Here {
        Here(Scope::start(name).unwrap())
    }

    fn members(&self, group: &str) -> usize {
        self.0.get_members(group).len()
    }
}

impl Drop for Here {
    fn drop(&mut self) {
        exit_and_wait(self.0.whereis().unwrap(), ExitReason::Kill);
    }
}

/// A process that lives until it is ended.
fn idle() -> Pid {
    process::spawn(|| receive! { () => {} }).unwrap()
}

/// The scope there, and as many idle processes in a group of it, whose pids are kept as `pids`.
fn members_there(beam: &Beam, scope: &str, group: &str, count: usize) {
    let text = format!(
        "pg:start({scope}), Idle = fun() -> receive stop -> ok end end, \
         Pids = [spawn(Idle) || _ <- lists:seq(1, {count})], \
         persistent_term:put({{pids, {group}}}, Pids), pg:join({scope}, {group}, Pids)"
    );
    assert_eq!(beam.eval(&text), "ok");
}

/// How many members the other node sees in a group.
fn seen(beam: &Beam, scope: &str, group: &str) -> String {
    beam.eval(&format!("length(pg:get_members({scope}, {group}))"))
}

#[track_caller]
fn update(monitor: GroupMonitorRef) -> (String, Change, Vec<Pid>) {
    receive! {
        it: Update<Atom> if it.monitor == monitor => {
            (it.group.as_str().to_owned(), it.change, it.pids)
        }
        after test_timeout() => panic!("no update"),
    }
}

// OTP: pg_SUITE:basic, two
#[test]
fn members_are_seen_on_both_nodes() {
    let Some(rust) = Rust::start_with(visible) else { return };
    let (beam, rooms) = (rust.beam(), Here::start("rooms"));
    let mine = idle();
    rooms.0.join(atom("before"), [mine, mine]).unwrap();
    members_there(&beam, "rooms", "there", 2);
    node::connect(there(&beam)).unwrap();
    wait_until(|| rooms.members("there") == 2);
    wait_until(|| seen(&beam, "rooms", "before") == "2");
    // What is joined later.
    rooms.0.join(atom("later"), mine).unwrap();
    rooms.0.join(atom("there"), mine).unwrap();
    wait_until(|| seen(&beam, "rooms", "there") == "3" && seen(&beam, "rooms", "later") == "1");
    beam.eval("pg:join(rooms, later, hd(persistent_term:get({pids, there})))");
    wait_until(|| rooms.members("later") == 2);

    assert_eq!(rooms.0.get_local_members("later"), [mine]);
    assert_eq!(rooms.0.get_local_members("before"), [mine, mine]);
    let mut groups = rooms.0.which_groups().unwrap();
    groups.sort();
    assert_eq!(groups, ["before", "later", "there"]);
    assert_eq!(beam.eval("lists:sort(pg:which_groups(rooms))"), "[before,later,there]");
    assert_eq!(beam.eval("lists:sort(pg:which_local_groups(rooms))"), "[later,there]");
    let there = rooms.0.get_members("there");
    assert_eq!(there.iter().filter(|pid| pid.node() == process::self_pid().node()).count(), 1);
}

// OTP: pg_SUITE:two
#[test]
fn members_leave_on_both_nodes() {
    let Some(rust) = Rust::start_with(visible) else { return };
    let (beam, rooms) = (rust.beam(), Here::start("rooms"));
    let mine = idle();
    rooms.0.join(atom("a"), [mine, mine]).unwrap();
    members_there(&beam, "rooms", "a", 3);
    node::connect(there(&beam)).unwrap();
    wait_until(|| rooms.members("a") == 5 && seen(&beam, "rooms", "a") == "5");
    rooms.0.leave(atom("a"), mine).unwrap();
    wait_until(|| seen(&beam, "rooms", "a") == "4");
    beam.eval("pg:leave(rooms, a, hd(persistent_term:get({pids, a})))");
    wait_until(|| rooms.members("a") == 3);
    // A process that ends leaves, too.
    process::send(mine, ());
    wait_until(|| seen(&beam, "rooms", "a") == "2");
    beam.eval("lists:last(persistent_term:get({pids, a})) ! stop");
    wait_until(|| rooms.members("a") == 1);
    assert_eq!(beam.eval("pg:which_groups(rooms)"), "[a]");
}

#[test]
fn a_process_that_ends_leaves_all_groups_as_often_as_it_has_joined() {
    let Some(rust) = Rust::start_with(visible) else { return };
    let (beam, rooms) = (rust.beam(), Here::start("rooms"));
    let mine = idle();
    members_there(&beam, "rooms", "a", 1);
    node::connect(there(&beam)).unwrap();
    rooms.0.join(atom("a"), [mine, mine]).unwrap();
    rooms.0.join(atom("b"), mine).unwrap();
    wait_until(|| seen(&beam, "rooms", "a") == "3" && seen(&beam, "rooms", "b") == "1");
    process::send(mine, ());
    wait_until(|| seen(&beam, "rooms", "a") == "1" && seen(&beam, "rooms", "b") == "0");
    // The scope there has taken it: it is the one that it was.
    rooms.0.join(atom("c"), process::self_pid()).unwrap();
    wait_until(|| seen(&beam, "rooms", "c") == "1");
    rooms.0.leave(atom("c"), process::self_pid()).unwrap();
}

// OTP: pg_SUITE:nodeup, disconnected_start
#[test]
fn members_of_a_node_that_is_down_are_gone_until_it_is_up() {
    let Some((_rust, beam, relays)) = Rust::start_between_relays(visible) else { return };
    let rooms = Here::start("rooms");
    let mine = idle();
    rooms.0.join(atom("a"), mine).unwrap();
    members_there(&beam, "rooms", "a", 2);
    for _ in 0..10 {
        wait_until(|| {
            node::connect(there(&beam)).is_ok()
                && rooms.members("a") == 3
                && seen(&beam, "rooms", "a") == "3"
        });
        relays.part();
        wait_until(|| rooms.members("a") == 1 && seen(&beam, "rooms", "a") == "2");
        relays.release();
    }
}

// OTP: pg_SUITE:scope_restart
#[test]
fn a_scope_that_is_restarted_is_known_again() {
    let Some(rust) = Rust::start_with(visible) else { return };
    let beam = rust.beam();
    members_there(&beam, "rooms", "a", 1);
    node::connect(there(&beam)).unwrap();
    for _ in 0..5 {
        let rooms = Here::start("rooms");
        rooms.0.join(atom("a"), idle()).unwrap();
        wait_until(|| rooms.members("a") == 2 && seen(&beam, "rooms", "a") == "2");
        drop(rooms);
        wait_until(|| seen(&beam, "rooms", "a") == "1");
    }
    let rooms = Here::start("rooms");
    wait_until(|| rooms.members("a") == 1);
    for _ in 0..5 {
        beam.eval("exit(whereis(rooms), kill)");
        wait_until(|| rooms.members("a") == 0);
        members_there(&beam, "rooms", "a", 1);
        wait_until(|| rooms.members("a") == 1);
    }
}

// OTP: pg_SUITE:monitor
#[test]
fn monitors_of_groups_tell_of_members_of_other_nodes() {
    let Some(mut rust) = Rust::start_with(visible) else { return };
    let (beam, rooms) = (rust.beam(), Here::start("rooms"));
    let (of_group, _) = rooms.0.monitor(atom("a")).unwrap();
    let (of_scope, _) = rooms.0.monitor_scope().unwrap();
    members_there(&beam, "rooms", "a", 2);
    node::connect(there(&beam)).unwrap();
    let (group, change, mut pids) = update(of_group);
    assert_eq!((&*group, change), ("a", Change::Join));
    assert_eq!(update(of_scope), (group, change, pids.clone()));
    pids.sort_unstable();
    let mut members = rooms.0.get_members("a");
    members.sort_unstable();
    assert_eq!(pids, members);

    beam.eval("pg:leave(rooms, a, hd(persistent_term:get({pids, a})))");
    let (_, change, left) = update(of_group);
    assert_eq!((change, left.len()), (Change::Leave, 1));
    rust.stop();
    let (_, change, left) = update(of_group);
    assert_eq!((change, left.len()), (Change::Leave, 1));
    assert_eq!(rooms.0.which_groups(), Ok(vec![]));
}

#[test]
fn a_monitor_there_tells_of_members_here() {
    let Some(rust) = Rust::start_with(visible) else { return };
    let (beam, rooms) = (rust.beam(), Here::start("rooms"));
    beam.eval("pg:start(rooms)");
    node::connect(there(&beam)).unwrap();
    let told = beam.begin(
        "{Ref, []} = pg:monitor(rooms, a), register(watcher, self()), \
         [receive {Ref, What, a, Pids} -> {What, length(Pids)} end || _ <- [1, 2, 3]]",
    );
    wait_until(|| beam.eval("is_pid(whereis(watcher))") == "true");
    let (one, two) = (idle(), idle());
    rooms.0.join(atom("a"), [one, two]).unwrap();
    rooms.0.leave(atom("a"), one).unwrap();
    process::send(two, ());
    assert_eq!(beam.value(told), "[{join,2},{leave,1},{leave,1}]");
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Room {
    Lobby,
    Numbered(u32),
}

#[test]
fn groups_have_names_of_a_type_that_is_declared() {
    let Some(rust) = Rust::start_with(|node| visible(node).groups::<Room>()) else { return };
    let beam = rust.beam();
    let rooms = Scope::<Room>::start("typed_rooms").unwrap();
    rooms.join(Room::Lobby, idle()).unwrap();
    rooms.join(Room::Numbered(7), idle()).unwrap();
    members_there(&beam, "typed_rooms", "{numbered, 8}", 1);
    // What is no room is left out.
    beam.eval("pg:join(typed_rooms, {numbered, x}, self())");
    node::connect(there(&beam)).unwrap();
    wait_until(|| rooms.get_members(&Room::Numbered(8)).len() == 1);
    wait_until(|| seen(&beam, "typed_rooms", "lobby") == "1");
    assert_eq!(seen(&beam, "typed_rooms", "{numbered, 7}"), "1");
    assert_eq!(rooms.which_groups().unwrap().len(), 3);
    exit_and_wait(rooms.whereis().unwrap(), ExitReason::Kill);
}

#[test]
fn groups_of_a_type_that_is_not_declared_are_of_this_node_alone() {
    let Some(rust) = Rust::start_with(visible) else { return };
    let beam = rust.beam();
    let rooms = Scope::<&str>::start("private_rooms").unwrap();
    rooms.join("lobby", idle()).unwrap();
    members_there(&beam, "private_rooms", "a", 1);
    node::connect(there(&beam)).unwrap();
    // Another scope of this node is known there, later than this one would be.
    let others = Here::start("rooms");
    members_there(&beam, "rooms", "a", 1);
    wait_until(|| others.members("a") == 1);
    assert_eq!(beam.eval("pg:which_groups(private_rooms)"), "[a]");
    assert_eq!(rooms.which_groups(), Ok(vec!["lobby"]));
    exit_and_wait(rooms.whereis().unwrap(), ExitReason::Kill);
}

// OTP 25, run: the same of hidden nodes of Erlang
#[test]
fn a_hidden_node_takes_no_part() {
    let Some(rust) = Rust::start() else { return };
    let (beam, rooms) = (rust.beam(), Here::start("rooms"));
    rooms.0.join(atom("a"), idle()).unwrap();
    members_there(&beam, "rooms", "a", 1);
    node::connect(there(&beam)).unwrap();
    let text = "net_adm:ping('rust@127.0.0.1'), sys:get_state(rooms), \
                length(pg:get_members(rooms, a))";
    assert_eq!(beam.eval(text), "1");
    assert_eq!(rooms.members("a"), 1);
}

#[test]
fn a_process_joins_on_its_own_node() {
    let Some(_rust) = Rust::start_with(visible) else { return };
    let pid = ExternalPid { node: atom("beam@127.0.0.1"), id: 1, serial: 2, creation: 3 };
    let pid: Pid = term::from_term(&pid.into()).unwrap();
    let join = move || _ = Scope::<Atom>::named("rooms").join(atom("a"), pid);
    let (_, monitor) = process::spawn_monitor(join).unwrap();
    let reason = down_reason(monitor).to_string();
    assert!(reason.contains("is of beam@127.0.0.1: it joins on its own node"), "{reason}");
}

/// What two programs say of a group: how many members, and how many of them are here.
fn count(scope: &Scope<String>, group: &str) -> (usize, usize) {
    (scope.get_members(group).len(), scope.get_local_members(group).len())
}

#[test]
fn two_programs_share_groups() {
    let both = Rust::start_both_with(visible, |parent| {
        let rooms = Scope::<String>::start("rooms").unwrap();
        rooms.join("a".to_owned(), [idle(), idle()]).unwrap();
        let parent_node = parent.told::<Pid>().node();
        node::connect(parent_node).unwrap();
        wait_until(|| count(&rooms, "a") == (3, 2));
        rooms.join("b".to_owned(), idle()).unwrap();
        parent.tell(&true);
        wait_until(|| count(&rooms, "a") == (2, 2));
        parent.tell(&true);
        process::receive();
    });
    let Some((_rust, mut twin)) = both else { return };
    let rooms = Scope::<String>::start("rooms").unwrap();
    let mine = idle();
    rooms.join("a".to_owned(), mine).unwrap();
    twin.tell(&process::self_pid());
    twin.told::<bool>();
    wait_until(|| count(&rooms, "a") == (3, 1) && count(&rooms, "b") == (1, 0));
    process::send(mine, ());
    twin.told::<bool>();
    wait_until(|| count(&rooms, "a") == (2, 0));
    twin.kill();
    wait_until(|| rooms.which_groups() == Ok(vec![]));
    exit_and_wait(rooms.whereis().unwrap(), ExitReason::Kill);
}
