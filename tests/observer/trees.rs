//! Supervision trees and applications.

use procession::application::{self, Application};
use procession::dynamic_supervisor::DynamicSupervisor;
use procession::observer::{self, Snapshot, SupervisionTree, SupervisorInfo};
use procession::prelude::*;
use procession::process::{Builder, WaitsFor};
use procession::supervisor::{self, Tree};

use crate::support::wait::{down_reason, exit_and_wait, wait_until};
use crate::{Gate, Slow, Step, snapshot_when, turn};

fn child(id: &str) -> ChildSpec<ServerRef<Slow>> {
    Slow::child_spec((Step::Nowhere, Gate::default())).id(id)
}

/// Returns a tree with all children in the order of their ids: a dynamic supervisor that is asked
/// returns its children in no certain one.
fn sorted(tree: &Tree) -> Tree {
    let mut tree = tree.clone();
    tree.children = tree.children.iter().map(sorted).collect();
    tree.children.sort_by(|one, other| one.id.cmp(&other.id));
    tree
}

#[track_caller]
fn tree_of(snapshot: &Snapshot, pid: Pid) -> &SupervisionTree {
    let is_its = |it: &&SupervisionTree| it.tree.state == ChildState::Running(pid);
    snapshot.trees.iter().find(is_its).expect("it has a tree of its own")
}

#[track_caller]
fn supervisor_of(snapshot: &Snapshot, pid: Pid) -> &SupervisorInfo {
    snapshot.supervisors.iter().find(|it| it.pid == pid).expect("it is a supervisor")
}

#[test]
fn a_tree_is_the_one_that_supervisors_return_when_they_are_asked() {
    let _turn = turn();
    let inner = Supervisor::one_for_all().child(child("c")).child(child("d"));
    let top = Supervisor::rest_for_one()
        .intensity(7, crate::support::processes::FOREVER)
        .child(child("a"))
        .child(inner.child_spec("inner"))
        .child(child("gone").restart(Restart::Transient))
        .start_link_with(StartOptions::new().name("observer::top"))
        .unwrap();
    let pid_of = |id: &str| {
        let children = top.which_children().unwrap();
        children.iter().find(|it| it.id == id).unwrap().state.pid().unwrap()
    };
    let crowd = top.start_child(DynamicSupervisor::new().child_spec("crowd")).unwrap();
    crowd.start_child(child("e")).unwrap();
    let f = crowd.start_child(child("f")).unwrap();
    top.terminate_child("gone").unwrap();
    exit_and_wait(f.pid(), ExitReason::Kill);
    // The crowd has seen that when it answers; the restart is its own.
    wait_until(|| crowd.count_children().unwrap().active == 2);

    let snapshot = observer::snapshot();
    let shown = tree_of(&snapshot, top.pid());
    assert_eq!(sorted(&shown.tree), sorted(&supervisor::tree(top).unwrap()));
    assert_eq!((shown.parent, shown.application.as_ref()), (Some(process::self_pid()), None));
    assert_eq!(shown.tree.children.len(), 4);
    let is_below = |pid: Pid| snapshot.trees.iter().all(|it| it.tree.state.pid() != Some(pid));
    assert!(is_below(pid_of("inner")) && is_below(crowd.pid()));

    let info = supervisor_of(&snapshot, top.pid());
    assert_eq!((info.strategy, info.children), (Some(Strategy::RestForOne), 4));
    assert_eq!((info.max_restarts, info.recent_restarts, info.restarts), (7, 0, 0));
    let info = supervisor_of(&snapshot, crowd.pid());
    assert_eq!((info.strategy, info.children), (None, 2));
    assert_eq!((info.recent_restarts, info.restarts), (1, 1));

    // A child that has failed, and those after it.
    exit_and_wait(pid_of("a"), ExitReason::Kill);
    wait_until(|| supervisor::tree(top).unwrap().children[0].restarts == 1);
    let snapshot = observer::snapshot();
    let shown = tree_of(&snapshot, top.pid());
    assert_eq!(sorted(&shown.tree), sorted(&supervisor::tree(top).unwrap()));
    assert_eq!(shown.tree.children[0].restarts, 1);
    assert_eq!(supervisor_of(&snapshot, top.pid()).recent_restarts, 1);

    let pid = top.pid();
    top.delete_child("gone").unwrap_err(); // It was started again with the others.
    top.terminate_child("gone").unwrap();
    top.delete_child("gone").unwrap();
    assert_eq!(tree_of(&observer::snapshot(), pid).tree.children.len(), 3);
    top.stop().unwrap();
    assert!(observer::snapshot().supervisors.iter().all(|it| it.pid != pid));
}

#[test]
fn a_supervisor_that_is_held_up_by_a_start_is_shown_with_what_it_has() {
    let _turn = turn();
    let gate = Gate::default();
    let slow = Slow::child_spec((Step::Init, gate.clone())).id("slow");
    let inner = Supervisor::one_for_one().child(child("first")).child(slow).child(child("last"));
    let outer = Supervisor::one_for_one().child(inner.child_spec("inner"));
    let (starter, monitor) = process::spawn_monitor(|| {
        let outer = outer.start_link().unwrap();
        outer.stop().unwrap();
    })
    .unwrap();
    let child_of = |parent: Pid| {
        let snapshot = observer::snapshot();
        let is_its = |it: &&observer::ProcessInfo| it.info.parent() == Some(parent);
        let found: Vec<Pid> =
            snapshot.processes.iter().filter(is_its).map(|it| it.info.pid).collect();
        found.into_iter().max()
    };
    let next = |parent| {
        wait_until(|| child_of(parent).is_some());
        child_of(parent).unwrap()
    };
    let outer = next(starter);
    let inner = next(outer);
    let is_slow =
        |pid: Pid| process::info(inner).unwrap().waits_for == Some(WaitsFor::Start { of: pid });
    wait_until(|| {
        let snapshot = observer::snapshot();
        snapshot.processes.iter().any(|it| is_slow(it.info.pid) && it.info.parent() == Some(inner))
            && snapshot.trees.iter().any(|it| {
                it.tree.state.pid() == Some(inner)
                    && matches!(it.tree.children[0].state, ChildState::Running(_))
            })
    });
    let Some(WaitsFor::Start { of: slow }) = process::info(inner).unwrap().waits_for else {
        panic!("it has started its child before the gate was open");
    };

    let snapshot = snapshot_when(inner, &WaitsFor::Start { of: slow });
    assert_eq!(
        snapshot.process(outer).unwrap().info.waits_for,
        Some(WaitsFor::Start { of: inner })
    );
    let shown = tree_of(&snapshot, inner);
    assert_eq!(shown.parent, Some(outer));
    let children: Vec<_> = shown.tree.children.iter().map(|it| it.id.as_deref().unwrap()).collect();
    assert_eq!(children, ["first", "slow", "last"]);
    let states: Vec<bool> = shown.tree.children.iter().map(|it| it.state.pid().is_some()).collect();
    assert_eq!(states, [true, false, false]);
    assert_eq!(tree_of(&snapshot, outer).tree.children[0].state, ChildState::Stopped);

    gate.open();
    assert_eq!(down_reason(monitor), ExitReason::Normal);
}

#[test]
fn applications_are_shown_with_their_trees_and_processes() {
    let _turn = turn();
    let gate = Gate::default();
    let slow = Slow::child_spec((Step::Init, gate.clone())).id("slow");
    let tree = Supervisor::one_for_one().child(child("a")).child(slow);
    application::load(Application::new("shop").start(move || tree.clone().start_link())).unwrap();
    let (_, monitor) =
        Builder::new().spawn_monitor(|| application::ensure_started("shop").unwrap()).unwrap();
    // It is starting.
    wait_until(|| observer::snapshot().supervisors.len() == 1);
    let snapshot = observer::snapshot();
    let [shop] = &*snapshot.applications else { panic!("{:?}", snapshot.applications) };
    assert_eq!((&*shop.name, shop.top), ("shop", None));
    assert_eq!(snapshot.trees[0].parent, Some(shop.master));

    gate.open();
    assert_eq!(down_reason(monitor), ExitReason::Normal);
    let snapshot = observer::snapshot();
    let top = snapshot.applications[0].top.unwrap();
    let shown = tree_of(&snapshot, top);
    assert_eq!(shown.application.as_deref(), Some("shop"));
    assert_eq!(shown.tree, supervisor::tree(top).unwrap());
    let a = shown.tree.children[0].state.pid().unwrap();
    for pid in [shop.master, top, a] {
        assert_eq!(snapshot.process(pid).unwrap().application.as_deref(), Some("shop"));
    }
    assert_eq!(snapshot.process(process::self_pid()).unwrap().application, None);

    application::stop("shop").unwrap();
    application::unload("shop").unwrap();
    let snapshot = observer::snapshot();
    assert!(snapshot.applications.is_empty() && snapshot.trees.is_empty());
}
