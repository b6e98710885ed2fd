//! Tables, registries, process groups, timers.

use std::cmp::Ordering;
use std::hash::{Hash, Hasher};

use procession::observer;
use procession::pg::Scope;
use procession::prelude::*;
use procession::process::Builder;
use procession::registry::Registry;
use procession::table::{Kind, Table, TableOptions};
use procession::timer;

use crate::support::processes::{FOREVER, begun};
use crate::support::wait::down_reason;
use crate::{Gate, turn};

#[test]
fn tables_are_shown_with_their_rows_and_memory() {
    let _turn = turn();
    let (mut memory, me) = (Vec::new(), process::self_pid());
    for kind in [Kind::Hashed, Kind::Ordered] {
        let options = TableOptions::new().name("observer::rows");
        let options = if kind == Kind::Ordered { options.ordered() } else { options };
        let table = Table::<u64, [u8; 100]>::new_with(options).unwrap();
        for rows in [0, 1_000] {
            (0..rows).for_each(|n| table.insert(n, [0; 100]).unwrap());
            let snapshot = observer::snapshot();
            let shown =
                snapshot.tables.iter().find(|it| it.name.as_deref() == Some("observer::rows"));
            let shown = shown.unwrap();
            assert_eq!(*shown, table.info().unwrap());
            assert_eq!((shown.size as u64, shown.owner, shown.kind), (rows, me, kind));
            memory.push(shown.memory);
        }
        table.delete_table().unwrap();
    }
    let [_, hashed, empty, ordered] = memory[..] else { panic!("{memory:?}") };
    assert_eq!(empty, 0);
    // A row has its key, its value and two counts; and is found by a word or two.
    for full in [hashed, ordered] {
        assert!((1_000 * 124..1_000 * 240).contains(&full), "{memory:?}");
    }
    assert!(observer::snapshot().tables.is_empty());
}

#[test]
fn registries_and_scopes_are_shown_with_how_much_is_in_them() {
    let _turn = turn();
    let users = Registry::<u32>::unique("observer::users").partitions(2).start_link().unwrap();
    let topics = Registry::<&str>::duplicate("observer::topics").start_link().unwrap();
    (0..10).for_each(|user| users.register(user, ()).unwrap());
    (0..3).for_each(|_| topics.register("weather", ()).unwrap());
    let scope = Scope::<&str>::start_link("observer::scope").unwrap();
    let me = process::self_pid();
    scope.join("rooms", me).unwrap();
    scope.join("rooms", me).unwrap();
    scope.join("halls", me).unwrap();

    let snapshot = observer::snapshot();
    let [one, other] = &*snapshot.registries else { panic!("{:?}", snapshot.registries) };
    let (users_info, topics_info) = if one.unique { (one, other) } else { (other, one) };
    assert_eq!(
        (&*users_info.name, users_info.partitions, users_info.keys),
        ("observer::users", 2, 10)
    );
    assert_eq!(
        (&*topics_info.name, topics_info.unique, topics_info.keys),
        ("observer::topics", false, 1)
    );
    assert_eq!(topics_info.processes, 1);
    assert!(users_info.types.contains("u32"));
    assert_eq!(snapshot.named("observer::users").unwrap().info.pid, users_info.pid);
    // Their supervisors are shown as what they are, too.
    assert!(snapshot.supervisors.iter().any(|it| it.pid == users_info.pid && it.children == 2));
    let [scope_info] = &*snapshot.scopes else { panic!("{:?}", snapshot.scopes) };
    assert_eq!(
        (&*scope_info.name, scope_info.groups, scope_info.members),
        ("observer::scope", 2, 3)
    );

    for pid in [users_info.pid, topics_info.pid, scope_info.pid] {
        let monitor = process::monitor(pid);
        process::unlink(pid);
        process::exit(pid, ExitReason::Shutdown);
        down_reason(monitor);
    }
    let snapshot = observer::snapshot();
    assert!(snapshot.registries.is_empty() && snapshot.scopes.is_empty());
}

/// A key whose comparison takes as long as the test wants.
#[derive(Clone, Debug)]
struct SlowKey(Option<(Pid, Gate)>);

impl PartialEq for SlowKey {
    fn eq(&self, _: &SlowKey) -> bool {
        if let Some((observer, gate)) = &self.0 {
            process::send(*observer, Compares);
            gate.pass();
        }
        true
    }
}

#[derive(Debug)]
struct Compares;

impl Eq for SlowKey {}

impl PartialOrd for SlowKey {
    fn partial_cmp(&self, other: &SlowKey) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for SlowKey {
    fn cmp(&self, _: &SlowKey) -> Ordering {
        Ordering::Equal
    }
}

impl Hash for SlowKey {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write_u8(0);
    }
}

#[test]
fn what_others_lock_for_long_is_left_out_and_counted() {
    let _turn = turn();
    let (me, gate) = (process::self_pid(), Gate::default());
    let locked = Table::<SlowKey, ()>::new_with(TableOptions::new().public()).unwrap();
    let other = Table::<u8, ()>::new().unwrap();
    locked.insert(SlowKey(Some((me, gate.clone()))), ()).unwrap();
    let writer = locked.clone();
    let (_, monitor) = begun(Builder::new(), move || writer.insert(SlowKey(None), ()).unwrap());
    crate::support::wait::expect::<Compares>();

    let snapshot = observer::snapshot();
    assert_eq!(snapshot.left_out, 1);
    assert_eq!(snapshot.tables, [other.info().unwrap()]);
    gate.open();
    assert_eq!(down_reason(monitor), ExitReason::Normal);
    let snapshot = observer::snapshot();
    assert_eq!((snapshot.left_out, snapshot.tables.len()), (0, 2));
    locked.delete_table().unwrap();
    other.delete_table().unwrap();
}

#[test]
fn timers_are_counted_and_so_are_threads() {
    let _turn = turn();
    let before = observer::snapshot().system.timers;
    let timer = timer::send_after(FOREVER, process::self_pid(), ());
    let snapshot = observer::snapshot();
    assert_eq!(snapshot.system.timers, before + 1);
    timer::cancel(timer);
    if cfg!(target_os = "linux") {
        let (threads, max) = snapshot.limits.threads.zip(snapshot.limits.max_threads).unwrap();
        assert!(threads >= snapshot.system.threads && max > 100, "{:?}", snapshot.limits);
    }
}
