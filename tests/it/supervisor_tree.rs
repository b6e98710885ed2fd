//! Trees of supervisors, looked at and drawn.

use procession::dynamic_supervisor::DynamicSupervisor;
use procession::prelude::*;
use procession::registry::Registry;
use procession::supervisor::{
    self, ChildSpec, ChildState, ChildType, Restart, Supervise, Supervised, Supervisor,
    SupervisorError, SupervisorInit,
};
use procession::{Via, global};

use crate::support::calls::CallKind;
use crate::support::child::{
    ObservedChild, child, child_state, end_child_and_wait, expect_started, failure,
};
use crate::support::wait::test_timeout;

/// The same without what differs from run to run: the pids.
fn masked(text: &str) -> String {
    let mut masked = String::new();
    for part in text.split_inclusive('>') {
        masked += part.split('<').next().unwrap();
        masked += if part.contains('<') { "<pid>" } else { "" };
    }
    masked
}

#[test]
fn a_tree_shows_names_pids_and_restarts_below_all_kinds_of_supervisors() {
    let observer = process::self_pid();
    let crowd = DynamicSupervisor::new().child_spec("crowd");
    let alike = Supervisor::simple_one_for_one(ObservedChild::child_template().id("child"));
    let inner =
        Supervisor::one_for_all().child(child("c")).child(child("d").restart(Restart::Transient));
    let top = Supervisor::one_for_one()
        .child(child("a"))
        .child(inner.child_spec("inner"))
        .child(ObservedChild::named_child_spec("supervisor_tree::b", ("b", observer)).id("b"))
        .start_link_with(StartOptions::new().name("supervisor_tree::top"))
        .unwrap();
    top.start_child(crowd).unwrap().start_child(child("e")).unwrap();
    top.start_child(alike.child_spec("alike")).unwrap().start_child(("f", observer)).unwrap();
    end_child_and_wait(expect_started("d"), ExitReason::Normal);
    end_child_and_wait(expect_started("a"), failure());
    expect_started("a");

    let tree = supervisor::tree(top).unwrap();
    let expected = "supervisor_tree::top <pid>
    a <pid> restarts: 1
    inner <pid>
        c <pid>
        d stopped
    b (supervisor_tree::b) <pid>
    crowd <pid>
        e <pid>
    alike <pid>
        child <pid>";
    assert_eq!(masked(&tree.to_string()), expected);
    let a = &tree.children[0];
    assert_eq!((a.restarts, a.state), (1, child_state(&top, "a").unwrap()));
    assert_eq!(tree.dot().to_string().matches("->").count(), 9);
    assert_eq!(supervisor::tree("supervisor_tree::top"), Ok(tree));
    top.stop().unwrap();
}

#[test]
fn a_tree_shows_the_names_that_registrars_keep() {
    let parts = Registry::<&str>::unique("supervisor_tree::parts").start_link().unwrap();
    let observer = process::self_pid();
    let child = |id: &'static str, name: Via| {
        ChildSpec::new(id, move || {
            let options = StartOptions::new().name(name.clone());
            ObservedChild::start_link_with((id, observer), options)
        })
    };
    let top = Supervisor::one_for_one()
        .child(child("a", parts.via("oscar")))
        .child(child("b", global::name("supervisor_tree::bert")))
        .start_link()
        .unwrap();
    let tree = supervisor::tree(top).unwrap();
    let expected = r#"supervisor <pid>
    a ("oscar" in registry supervisor_tree::parts) <pid>
    b ("supervisor_tree::bert" in global) <pid>"#;
    assert_eq!(masked(&tree.to_string()), expected);
    assert_eq!(tree.children[0].name, Some(Name::Via(parts.via("oscar"))));
    top.stop().unwrap();
}

#[test]
fn a_process_that_is_not_a_supervisor_has_no_tree() {
    let child = ObservedChild::start_link(("child", process::self_pid())).unwrap();
    let refused = supervisor::tree(child).kind();
    let Err(CallErrorKind::WrongServer { .. }) = refused else { panic!("{refused:?}") };
    let nobody = supervisor::tree("supervisor_tree::nobody");
    assert_eq!(nobody.kind(), Err(CallErrorKind::NoProc));
    child.stop().unwrap();
}

#[test]
fn a_supervisor_that_does_not_say_what_is_below_it_is_a_leaf() {
    let handmade = child("handmade").child_type(ChildType::Supervisor);
    let top = Supervisor::one_for_one().child(handmade).start_link().unwrap();
    let tree = supervisor::tree(top).unwrap();
    let leaf = &tree.children[0];
    assert_eq!((leaf.children.len(), leaf.error.clone()), (0, None));
    assert!(matches!(leaf.state, ChildState::Running(_)));
    top.stop().unwrap();
}

// It would wait for itself.
#[test]
fn a_child_that_asks_while_it_starts_gets_an_error() {
    let observer = process::self_pid();
    let top = Supervisor::one_for_one().start_link().unwrap();
    let supervisor = top;
    let spec = ChildSpec::new("nosy", move || {
        process::send(observer, supervisor::tree(supervisor));
        Err::<Pid, _>(StartError::Ignored)
    });
    assert_eq!(top.start_child(spec).unwrap_err(), SupervisorError::Ignored);
    receive! {
        seen: Result<supervisor::Tree, SupervisorError> => {
            let itself = CallErrorKind::CallingSelf(top.pid());
            assert_eq!(seen.kind(), Err(itself));
        }
        after test_timeout() => panic!("it was not started"),
    }
    top.stop().unwrap();
}

#[test]
fn children_can_be_registered_under_their_ids() {
    struct Described;

    impl Supervise for Described {
        type Args = Pid;

        fn init(observer: Pid) -> SupervisorInit {
            let child =
                ObservedChild::named_child_spec("supervisor_tree::child", ("child", observer));
            Ok(Some(Supervisor::one_for_one().child(child)))
        }
    }

    let alike = Supervisor::simple_one_for_one(ObservedChild::child_template());
    let top = Supervisor::one_for_one()
        .child(Supervisor::one_for_one().named_child_spec("supervisor_tree::plain"))
        .child(alike.named_child_spec("supervisor_tree::alike"))
        .child(DynamicSupervisor::new().named_child_spec("supervisor_tree::crowd"))
        .child(Described::named_child_spec("supervisor_tree::described", process::self_pid()))
        .start_link()
        .unwrap();
    let expected = "supervisor <pid>
    supervisor_tree::plain <pid>
    supervisor_tree::alike <pid>
    supervisor_tree::crowd <pid>
    supervisor_tree::described <pid>
        supervisor_tree::child <pid>";
    assert_eq!(masked(&supervisor::tree(top).unwrap().to_string()), expected);
    for name in ["plain", "alike", "crowd", "described", "child"] {
        assert!(process::whereis(&format!("supervisor_tree::{name}")).is_some(), "{name}");
    }
    top.stop().unwrap();
}
