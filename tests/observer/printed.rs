//! What a snapshot looks like as a text, and as a term.

use procession::observer;
use procession::prelude::*;
use procession::process::{Builder, WaitsFor};
use procession::registry::Registry;
use procession::table::{Table, TableOptions};

use crate::support::processes::{begun, idle_body};
use crate::support::wait::exit_and_wait;
use crate::{Gate, Slow, Step, snapshot_when, turn};

#[test]
fn a_snapshot_prints_an_overview_and_on_demand_every_process() {
    let _turn = turn();
    let child = Slow::child_spec((Step::Nowhere, Gate::default())).id("slow");
    let options = StartOptions::new().name("observer::printed");
    let top = Supervisor::one_for_one().child(child).start_link_with(options).unwrap();
    let rows = TableOptions::new().name("observer::printed_rows");
    let table = Table::<u8, ()>::new_with(rows).unwrap();
    let idle: Vec<Pid> = (0..30).map(|_| process::spawn(idle_body).unwrap()).collect();
    let (labelled, _) = begun(Builder::new(), || {
        process::set_label("collects stamps");
        process::receive_match(|_| false);
    });
    (0..7).for_each(|n| process::send(labelled, n));
    let snapshot = snapshot_when(labelled, &WaitsFor::Message);

    let (overview, whole) = (snapshot.to_string(), format!("{snapshot:#}"));
    println!("{overview}");
    for text in [&overview, &whole] {
        assert!(text.contains("observer::printed <0."), "{text}");
        assert!(text.contains("\n        slow <0."), "{text}");
        assert!(text.contains("observer::printed_rows, owner "), "{text}");
        let line = text.lines().find(|line| line.ends_with("collects stamps")).unwrap();
        assert!(line.contains("receive") && line.contains("queue 7"), "{line}");
    }
    let is_printed = |text: &str, pid: &Pid| text.contains(&format!("\n    {pid} "));
    assert!(idle.iter().all(|pid| is_printed(&whole, pid)));
    assert!(!idle.iter().all(|pid| is_printed(&overview, pid)));
    top.stop().unwrap();
    table.delete_table().unwrap();
    idle.into_iter().chain([labelled]).for_each(|pid| _ = exit_and_wait(pid, ExitReason::Kill));
    assert!(!observer::snapshot().to_string().contains("printed"));
}

#[test]
fn names_from_anywhere_neither_drive_a_terminal_nor_make_lines() {
    let _turn = turn();
    let hostile = "x\x1b[2J\n    <0.1.1> forged";
    let (labelled, _) = begun(Builder::new(), move || {
        process::set_label(hostile);
        process::receive_match(|_| false);
    });
    process::register(hostile, labelled).unwrap();
    let rows = TableOptions::new().name(hostile);
    let table = Table::<u8, ()>::new_with(rows).unwrap();
    let users = format!("{hostile} users");
    Registry::<u32>::unique(&*users).start_link().unwrap();
    let child = Slow::child_spec((Step::Nowhere, Gate::default())).id(hostile);
    let top = Supervisor::one_for_one().child(child).start_link().unwrap();

    let text = format!("{:#}", snapshot_when(labelled, &WaitsFor::Message));
    assert!(!text.contains(|c: char| c.is_control() && c != '\n'), "{text:?}");
    assert!(!text.contains("\n    <0.1.1> forged"), "{text}");
    // The table, the registry and its process, the child; and the process by its name and label.
    assert!(text.matches("x\u{fffd}[2J\u{fffd}    <0.1.1> forged").count() >= 6, "{text}");
    top.stop().unwrap();
    table.delete_table().unwrap();
    let registry = observer::snapshot().registries[0].pid;
    process::unlink(registry);
    exit_and_wait(registry, ExitReason::Shutdown);
    exit_and_wait(labelled, ExitReason::Kill);
}

#[cfg(all(feature = "serde", feature = "dist"))]
mod serialized {
    //! What a reader of a snapshot declares.

    use procession::term::{self, Term};
    use serde::Deserialize;

    use super::*;

    #[derive(Debug, Deserialize)]
    struct Shown {
        processes: Vec<Process>,
        trees: Vec<Tree>,
        system: System,
    }
    #[derive(Debug, Deserialize)]
    struct Process {
        pid: String,
        label: Option<String>,
        waits_for: Option<Waits>,
        message_queue_len: usize,
        links: Vec<String>,
    }
    #[derive(Debug, Deserialize, PartialEq)]
    enum Waits {
        Message,
        Hibernation,
        Reply(Vec<String>),
        Start(Vec<String>),
        Ends(Vec<String>),
        Time,
        Name,
        Room(Vec<String>),
        Thread,
        Outside,
    }
    #[derive(Debug, Deserialize)]
    struct Tree {
        application: Option<String>,
        tree: Node,
    }
    #[derive(Debug, Deserialize)]
    struct Node {
        id: Option<String>,
        state: State,
        children: Vec<Node>,
    }
    #[derive(Debug, Deserialize)]
    enum State {
        Running(String),
        Restarting,
        Stopped,
    }
    #[derive(Debug, Deserialize)]
    struct System {
        processes: usize,
    }

    #[test]
    fn a_snapshot_serializes() {
        let _turn = turn();
        let child = Slow::child_spec((Step::Nowhere, Gate::default())).id("slow");
        let top = Supervisor::one_for_one().child(child).start_link().unwrap();
        let (idle, _) = begun(Builder::new(), || {
            process::set_label("collects stamps");
            idle_body();
        });
        process::link(idle);
        let snapshot = snapshot_when(idle, &WaitsFor::Message);
        let term: Term = term::to_term(&snapshot).unwrap();
        let shown: Shown = term::from_term(&term).unwrap();

        assert_eq!(shown.system.processes, shown.processes.len());
        let process = shown.processes.iter().find(|it| it.pid == idle.to_string()).unwrap();
        assert_eq!(process.label.as_deref(), Some("collects stamps"));
        assert_eq!((&process.waits_for, process.message_queue_len), (&Some(Waits::Message), 0));
        assert_eq!(process.links, [process::self_pid().to_string()]);
        let [Tree { application: None, tree }] = &*shown.trees else { panic!("{:?}", shown.trees) };
        assert_eq!(tree.id, None);
        let State::Running(pid) = &tree.state else { panic!("{tree:?}") };
        assert_eq!(*pid, top.pid().to_string());
        assert_eq!(tree.children[0].id.as_deref(), Some("slow"));
        assert!(
            matches!(tree.children[0].state, State::Running(_))
                && tree.children[0].children.is_empty()
        );
        process::unlink(idle);
        exit_and_wait(idle, ExitReason::Kill);
        top.stop().unwrap();
    }
}
