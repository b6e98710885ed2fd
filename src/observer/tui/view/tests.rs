//! The view without a terminal.

use std::num::NonZeroU64;
use std::sync::Arc;
use std::time::Duration;

use ratatui_core::backend::TestBackend;
use ratatui_core::terminal::Terminal;

use super::super::super::{NodeInfo, Options, SupervisionTree};
use super::super::key::Keys;
use super::super::text::width as columns;
use super::*;
use crate::id::{Node, Pid};
use crate::process;
use crate::process::WaitsFor;
use crate::supervisor::{ChildState, ChildType, Tree};

fn pid(n: u32) -> Pid {
    Pid::local(n, NonZeroU64::MIN)
}

/// A snapshot with these processes, by their names and the lengths of their queues, and no other.
/// Each has received a hundred messages and taken 100 ms of processor time as often as this is.
fn snapshot(names: &[(&str, usize)], times: u32) -> Snapshot {
    process::self_pid();
    let mut snapshot = Snapshot::take(Options::new());
    let template = snapshot.processes[0].clone();
    let process = |n: u32, name: &str, queue: usize| {
        let mut process = template.clone();
        process.info.pid = pid(n);
        process.info.name = Some(Arc::from(name));
        process.info.initial_call = Some("Server");
        process.info.behaviour = true;
        (process.info.label, process.info.foreign) = (None, false);
        process.info.waits_for = Some(WaitsFor::Message);
        process.info.message_queue_len = queue;
        process.info.messages_received = u64::from(100 * times * n);
        process.cpu_time = Some(Duration::from_millis(100) * times * n);
        process.stack = Some(16 << 10);
        process
    };
    let numbered = (1..).zip(names);
    snapshot.processes = numbered.map(|(n, (name, queue))| process(n, name, *queue)).collect();
    snapshot.taken_at = std::time::UNIX_EPOCH + Duration::from_secs(10) * times;
    snapshot.trees = Vec::new();
    (snapshot.tables, snapshot.nodes) = (Vec::new(), Vec::new());
    snapshot.system.processes = names.len();
    snapshot
}

/// A view in a terminal of a test.
struct Shown {
    view: View,
    terminal: Terminal<TestBackend>,
}

impl Shown {
    fn new(names: &[(&str, usize)]) -> Shown {
        Shown::sized(names, 80, 24)
    }

    fn sized(names: &[(&str, usize)], width: u16, height: u16) -> Shown {
        let mut view = View::new(pid(999));
        view.show(snapshot(names, 1));
        let terminal = Terminal::new(TestBackend::new(width, height)).unwrap();
        Shown { view, terminal }
    }

    /// The lines of the screen.
    fn lines(&mut self) -> Vec<String> {
        self.terminal.draw(|frame| self.view.draw(frame.buffer_mut())).unwrap();
        let buffer = self.terminal.backend().buffer();
        let (width, height) = (buffer.area.width, buffer.area.height);
        let line = |y| {
            let (mut line, mut x) = (String::new(), 0);
            while x < width {
                let symbol = buffer[(x, y)].symbol();
                line += symbol;
                x += columns(symbol).max(1) as u16;
            }
            line.trim_end().to_owned()
        };
        (0..height).map(line).collect()
    }

    fn press(&mut self, keys: &str) -> Vec<Act> {
        let keys = Keys::default().read(keys.as_bytes());
        keys.into_iter().filter_map(|key| self.press_key(key)).collect()
    }

    fn press_key(&mut self, key: Key) -> Option<Act> {
        let entries = self.view.entries();
        self.view.settle(&entries);
        self.view.press(key, &entries)
    }

    /// The names in the table, in their order.
    fn names(&mut self) -> Vec<String> {
        let lines = self.lines();
        let rows = lines[3..lines.len() - 1].iter().filter(|line| !line.is_empty());
        rows.map(|row| row.chars().skip(61).collect::<String>())
            .map(|title| title.split(',').next().unwrap().to_owned())
            .collect()
    }

    #[track_caller]
    fn assert_shows(&mut self, text: &str) {
        let screen = self.lines().join("\n");
        assert!(screen.contains(text), "no {text:?} in\n{screen}");
    }

    fn last_line(&mut self) -> String {
        self.lines().pop().unwrap()
    }
}

#[test]
fn the_table_has_a_row_for_each_process_and_rates_from_the_second_look_on() {
    let mut shown = Shown::new(&[("anna", 3), ("bert", 12_345)]);
    let lines = shown.lines();
    assert!(lines[0].starts_with("2 processes  12k messages"), "{lines:#?}");
    assert_eq!(
        lines[2..5],
        [
            "PID            1QUEUE 2CPU% 3MSG/S 4STACK WAITS FOR          NAME",
            "<0.2.1>           12k     -      -    16K receive            bert, Server",
            "<0.1.1>             3     -      -    16K receive            anna, Server",
        ]
    );
    assert!(lines.iter().all(|line| columns(line) <= 80), "{lines:#?}");
    assert!(lines[23].starts_with("enter open") && lines[23].ends_with("? help"), "{lines:#?}");

    shown.view.show(snapshot(&[("anna", 3), ("bert", 12_345)], 2));
    let lines = shown.lines();
    assert_eq!(
        lines[3],
        "<0.2.1>           12k   2.0     20    16K receive            bert, Server"
    );
    assert_eq!(
        lines[4],
        "<0.1.1>             3   1.0     10    16K receive            anna, Server"
    );
    assert!(lines[1].contains("cpu 3%"), "{lines:#?}");
}

#[test]
fn it_is_sorted_by_what_a_key_says_and_filtered_by_a_text() {
    let names = [("anna", 3), ("bert", 9), ("anton", 9)];
    let mut shown = Shown::new(&names);
    shown.view.show(snapshot(&names, 2));
    assert_eq!(shown.names(), ["bert", "anton", "anna"]);
    for (key, expected) in [
        ("2", ["anton", "bert", "anna"]),
        ("3", ["anton", "bert", "anna"]),
        ("4", ["anna", "bert", "anton"]),
        ("5", ["anna", "bert", "anton"]),
        ("1", ["bert", "anton", "anna"]),
    ] {
        assert_eq!(shown.press(key), []);
        assert_eq!(shown.names(), expected, "{key}");
    }
    // It filters while it is typed.
    assert_eq!(shown.press("/AN"), []);
    assert_eq!(shown.names(), ["anton", "anna"]);
    assert_eq!(shown.last_line(), "/an_");
    shown.press("t\x7fx");
    assert_eq!(shown.names(), Vec::<String>::new());
    shown.press("\x7f\r");
    assert_eq!(shown.names(), ["anton", "anna"]);
    assert!(shown.last_line().starts_with("only: an (esc: all)"));
    // A key that has a meaning is a letter while a filter is typed, and escape is the one before.
    assert_eq!(shown.press("/qk\x1b"), []);
    assert_eq!(shown.names(), ["anton", "anna"]);
    shown.press("\x1b");
    assert_eq!(shown.names(), ["bert", "anton", "anna"]);
}

#[test]
fn the_choice_stays_with_the_process_and_is_always_on_the_screen() {
    let names: Vec<(String, usize)> = (0..100).map(|n| (format!("p{n:02}"), 1000 - n)).collect();
    let names: Vec<(&str, usize)> = names.iter().map(|(name, queue)| (&**name, *queue)).collect();
    let mut shown = Shown::new(&names);
    assert_eq!(shown.names().len(), 20);
    let steps = [
        (Key::Down, 1),
        (Key::PageDown, 21),
        (Key::PageDown, 41),
        (Key::Up, 40),
        (Key::End, 99),
        (Key::Down, 99),
        (Key::PageUp, 79),
        (Key::Home, 0),
        (Key::Up, 0),
        (Key::PageDown, 20),
    ];
    for (key, expected) in steps {
        assert_eq!(shown.press_key(key), None);
        let name = names[expected].0;
        assert!(shown.names().iter().any(|it| it == name), "{key:?}: {name}");
        assert_eq!(shown.view.chosen, Some(pid(expected as u32 + 1)), "{key:?}");
    }
    // It is sorted in another way when the next snapshot comes.
    let turned: Vec<(&str, usize)> =
        names.iter().map(|(name, queue)| (*name, 2000 - queue)).collect();
    shown.view.show(snapshot(&turned, 2));
    assert!(shown.names().iter().any(|it| it == "p20"));
    assert_eq!(shown.view.chosen, Some(pid(21)));
    // It has ended: the next one in its place is chosen.
    shown.view.show(snapshot(&names[..15], 3));
    shown.lines();
    assert_eq!(shown.view.chosen, Some(pid(15)));
    shown.view.show(snapshot(&[], 4));
    assert_eq!(shown.names(), Vec::<String>::new());
    assert_eq!((shown.view.chosen, shown.press("\r")), (None, vec![]));
    shown.press("k");
    assert_eq!(shown.last_line(), "no process is chosen");
}

#[test]
fn until_the_user_chooses_the_first_line_is_chosen() {
    let mut shown = Shown::new(&[("anna", 3), ("bert", 9)]);
    shown.lines();
    assert_eq!(shown.view.chosen, Some(pid(2)));
    shown.view.show(snapshot(&[("anna", 30), ("bert", 9)], 2));
    shown.lines();
    assert_eq!(shown.view.chosen, Some(pid(1)));
    shown.press_key(Key::Home);
    shown.view.show(snapshot(&[("anna", 3), ("bert", 9)], 3));
    shown.lines();
    assert_eq!(shown.view.chosen, Some(pid(1)));
    // What is sorted or filtered anew begins at its first line.
    shown.press("1");
    shown.lines();
    assert_eq!(shown.view.chosen, Some(pid(2)));
    // What was opened stays chosen.
    shown.press("\r\x1b");
    shown.view.show(snapshot(&[("anna", 30), ("bert", 9)], 4));
    shown.lines();
    assert_eq!(shown.view.chosen, Some(pid(2)));
}

#[test]
fn a_process_is_killed_suspended_or_resumed_after_a_confirmation_only() {
    let mut shown = Shown::new(&[("anna", 3), ("bert", 9)]);
    shown.press_key(Key::Home);
    for (key, order, name) in [
        ("k", ask::Order::Kill, "kill"),
        ("s", ask::Order::Suspend, "suspend"),
        ("r", ask::Order::Resume, "resume"),
    ] {
        for other in ["n", "\r", " ", "q", key, "\x1b", "Y"] {
            assert_eq!(shown.press(key), []);
            assert_eq!(shown.last_line(), format!("{name} <0.2.1>? y/n  bert, Server"));
            assert_eq!(shown.press(other), []);
            assert_eq!(shown.last_line(), format!("{name}: <0.2.1>: not done"));
        }
        shown.press(key);
        // The table may be sorted in another way meanwhile: the process is the one that was named.
        shown.view.show(snapshot(&[("anna", 30), ("bert", 9)], 2));
        assert_eq!(shown.press("y"), [Act::Ask(order, pid(2))]);
        shown.view.hear(Answered { pid: pid(2), answer: Answer::Done(order, Ok(())) });
        assert_eq!(shown.last_line(), format!("{name}: <0.2.1>: done"));
        assert_eq!(shown.press("y"), []);
    }
    // The view does not end itself by mistake.
    shown.view.me = pid(2);
    assert_eq!(shown.press("ky"), []);
    assert_eq!(shown.press("\x03"), [Act::Quit]);
    assert_eq!(shown.press("k\x03"), [Act::Quit]);
    assert_eq!(shown.press("q"), [Act::Quit]);
    assert_eq!(shown.press(" \x0c"), [Act::Look, Act::Redraw]);
}

#[test]
fn what_a_process_could_not_stand_is_not_done_to_it() {
    let mut shown = Shown::new(&[("anna", 3)]);
    shown.view.show({
        let mut snapshot = snapshot(&[("anna", 3)], 2);
        (snapshot.processes[0].info.foreign, snapshot.processes[0].info.behaviour) = (true, false);
        snapshot
    });
    let refusals = [
        ("k", "<0.1.1> is a thread of the program's own, which cannot be ended"),
        ("s", "<0.1.1> is no behaviour, which may not handle system messages"),
        ("r", "<0.1.1> is no behaviour, which may not handle system messages"),
    ];
    // In the table, and in the details.
    for open in ["", "\r"] {
        assert_eq!(shown.press(open), []);
        for (key, refusal) in refusals {
            assert_eq!(shown.press(key), []);
            assert_eq!(shown.last_line(), refusal);
            assert_eq!(shown.press("y"), []);
        }
    }
    // A thread of the program's own may be a server, and a process of the runtime may be none.
    shown.press("\x1b");
    for (foreign, key, order) in [(true, "s", ask::Order::Suspend), (false, "k", ask::Order::Kill)]
    {
        let mut snapshot = snapshot(&[("anna", 3)], 3);
        let info = &mut snapshot.processes[0].info;
        (info.foreign, info.behaviour) = (foreign, foreign);
        shown.view.show(snapshot);
        assert_eq!(shown.press(key), []);
        assert_eq!(shown.press("y"), [Act::Ask(order, pid(1))]);
    }
}

#[test]
fn only_what_was_asked_for_as_a_status_is_shown_as_one() {
    let mut shown = Shown::new(&[("anna", 3)]);
    shown.press("\r");
    let failed = |order| Answered { pid: pid(1), answer: Answer::Failed(order, "no room".into()) };
    shown.view.hear(failed(ask::Order::Suspend));
    assert_eq!(shown.last_line(), "suspend: <0.1.1>: no room");
    shown.assert_shows("it is asked ...");
    shown.view.hear(failed(ask::Order::Status));
    shown.assert_shows("sys status       no room");
}

#[test]
fn connected_nodes_are_above_the_list_with_what_waits_for_them() {
    let mut shown = Shown::new(&[("anna", 3)]);
    let with_nodes = |queued: &[(usize, usize)]| {
        let mut snapshot = snapshot(&[("anna", 3)], 2);
        let info = |&(queued_bytes, waiting_senders)| NodeInfo {
            node: Node::local(),
            hidden: false,
            connected_for: Duration::ZERO,
            bytes_received: 0,
            messages_received: 0,
            bytes_sent: 0,
            messages_sent: 0,
            queued_bytes,
            waiting_senders,
        };
        snapshot.nodes = queued.iter().map(info).collect();
        snapshot
    };
    let name = Node::local().to_string();
    assert!(shown.lines()[2].starts_with("PID"));
    shown.view.show(with_nodes(&[(0, 0), (20 << 10, 0)]));
    let lines = shown.lines();
    assert_eq!(lines[2], format!("2 nodes: {name} (20K queued), {name}"));
    assert!(lines[3].starts_with("PID") && lines[4].starts_with("<0.1.1>"), "{lines:#?}");
    shown.view.show(with_nodes(&[(0, 0), (0, 0), (0, 0), (0, 0), (50 << 20, 2)]));
    let expected = format!("5 nodes: {name} (50M queued, 2 wait), {name}, and 3 more");
    assert_eq!(shown.lines()[2], expected);
}

fn status(pid: Pid, state: String) -> Answer {
    Answer::Status(Ok(Box::new(crate::sys::Status {
        pid,
        name: None,
        module: "Server",
        mode: crate::sys::Mode::Suspended,
        parent: None,
        dictionary: vec![("key".into(), "\"value\"".into())],
        debug: Vec::new(),
        state,
        machine: None,
    })))
}

#[test]
fn a_process_is_opened_and_told_apart_from_what_it_has_told() {
    let mut shown = Shown::new(&[("anna", 3), ("bert", 9)]);
    assert_eq!(shown.press("\r"), [Act::Ask(ask::Order::Status, pid(2))]);
    for text in ["PROCESS <0.2.1> bert, Server", "name             bert", "it is asked ..."] {
        shown.assert_shows(text);
    }
    // Nobody asks twice at a time.
    assert_eq!(shown.press("a"), []);
    shown.view.hear(Answered { pid: pid(1), answer: status(pid(1), "Anna".into()) });
    shown.assert_shows("it is asked ...");
    shown
        .view
        .hear(Answered { pid: pid(2), answer: status(pid(2), "Bert {\n    n: 1,\n}".into()) });
    for text in
        ["sys status       suspended", "key => \"value\"", "its state        Bert {", "    n: 1,"]
    {
        shown.assert_shows(text);
    }
    assert_eq!(shown.press("a"), [Act::Ask(ask::Order::Status, pid(2))]);
    let error = crate::CallError::new(crate::CallErrorKind::Timeout, pid(2), "get_status");
    shown.view.hear(Answered { pid: pid(2), answer: Answer::Status(Err(error.clone().into())) });
    shown.assert_shows(&error.to_string()[..40]);

    shown.view.show(snapshot(&[("anna", 3)], 2));
    shown.assert_shows("it has ended");
    shown.assert_shows("PROCESS <0.2.1> bert, Server");
    assert_eq!(shown.press("\x1b"), []);
    assert_eq!(shown.names(), ["anna"]);

    // Who is no behaviour may never take the request, and is asked only if the user says so.
    shown.view.show({
        let mut snapshot = snapshot(&[("anna", 3)], 3);
        snapshot.processes[0].info.behaviour = false;
        snapshot
    });
    shown.lines();
    assert_eq!(shown.press("\r"), []);
    shown.assert_shows("not asked for: press a");
    assert_eq!(shown.press("a"), [Act::Ask(ask::Order::Status, pid(1))]);
}

#[test]
fn a_large_state_is_scrolled_in_pieces_that_fit() {
    let mut shown = Shown::new(&[("anna", 3)]);
    shown.press("\r");
    let state = format!("{}\n{}END", "x".repeat(500), "line\n".repeat(100));
    shown.view.hear(Answered { pid: pid(1), answer: status(pid(1), state) });
    let lines = shown.lines();
    assert!(
        lines.iter().all(|line| line.chars().count() <= 80 && !line.contains('…')),
        "{lines:#?}"
    );
    assert!(!lines.iter().any(|line| line.contains("END")));
    shown.press_key(Key::End);
    shown.assert_shows("END");
    shown.press_key(Key::PageUp);
    assert!(!shown.lines().iter().any(|line| line.contains("END")));
    shown.press_key(Key::Home);
    shown.assert_shows("name             anna");
}

fn tree(id: &str, state: ChildState, children: Vec<Tree>) -> Tree {
    let is_worker = children.is_empty();
    let child_type = if is_worker { ChildType::Worker } else { ChildType::Supervisor };
    let restarts = u64::from(id == "bert");
    let id = Some(id.to_owned());
    Tree { id, state, name: None, child_type, restarts, children, error: None }
}

#[test]
fn the_trees_are_shown_filtered_and_opened() {
    let mut shown = Shown::new(&[("anna", 3), ("bert", 9), ("carl", 0)]);
    let leaf = |id, n| tree(id, ChildState::Running(pid(n)), Vec::new());
    let inner = tree("inner", ChildState::Running(pid(3)), vec![leaf("bert", 2)]);
    let gone = tree("gone", ChildState::Restarting, Vec::new());
    let mut top = tree("", ChildState::Running(pid(4)), vec![leaf("anna", 1), inner, gone]);
    top.id = None;
    let with_tree = |times| {
        let mut snapshot = snapshot(&[("anna", 3), ("bert", 9), ("carl", 0)], times);
        let application = Some("shop".to_owned());
        snapshot.trees = vec![SupervisionTree { application, parent: None, tree: top.clone() }];
        snapshot
    };
    shown.view.show(with_tree(2));
    shown.press("t");
    let lines = shown.lines();
    assert_eq!(
        lines[2..9],
        [
            "SUPERVISION TREES",
            "application shop",
            "  <0.4.1>, a supervisor of 3",
            "    anna <0.1.1>",
            "    inner <0.3.1>, a supervisor of 1",
            "      bert <0.2.1>, restarts: 1",
            "    gone (restarting)",
        ]
    );
    // What is above what fits is shown, too.
    shown.press("/bert\r");
    let lines = shown.lines();
    assert_eq!(lines[4..8].iter().filter(|line| !line.is_empty()).count(), 3, "{lines:#?}");
    assert!(!lines.iter().any(|line| line.contains("anna") || line.contains("gone")));
    shown.press_key(Key::End);
    shown.lines();
    assert_eq!(shown.press("\r"), [Act::Ask(ask::Order::Status, pid(2))]);
    shown.assert_shows("PROCESS <0.2.1>");
    shown.press("\x1b");
    shown.assert_shows("SUPERVISION TREES");
    // First the filter, then the page.
    shown.press("\x1b");
    shown.assert_shows("gone (restarting)");
    shown.press("\x1b");
    assert_eq!(shown.names(), ["bert", "anna", "carl"]);
}

#[test]
fn hostile_and_wide_names_stay_in_their_lines_in_a_screen_of_any_size() {
    let names = [
        ("\x1b[2J\x1b]0;title\x07\r\n", 9),
        ("名前がとても長いプロセスの名前がとても長いプロセス", 8),
        (&*"long ".repeat(100), 7),
        ("\u{202e}desrever", 6),
        ("e\u{301}\u{301}\u{301}", 5),
    ];
    for (width, height) in [(80, 24), (81, 24), (200, 50), (40, 10), (20, 5), (7, 3), (1, 1)] {
        let mut shown = Shown::sized(&names, width, height);
        for keys in ["", "t", "t", "k", "n", "/名", "\x1b", "?", "x", "\r", "\x1b"] {
            shown.press(keys);
            for line in shown.lines() {
                assert!(!line.contains(|c: char| c.is_control() || c == '\u{202e}'), "{line:?}");
                assert!(columns(&line) <= usize::from(width), "{line:?}");
            }
        }
    }
    let mut shown = Shown::new(&names);
    let lines = shown.lines();
    assert!(
        lines[3].ends_with("\u{fffd}[2J\u{fffd}]0;title\u{fffd}\u{fffd}\u{fffd}, …"),
        "{lines:#?}"
    );
    assert!(lines[4].ends_with("名前がとても長いプ…"), "{lines:#?}");
    assert!(lines[5].ends_with("long long long lon…"), "{lines:#?}");
}

#[test]
fn the_keys_are_explained_and_any_key_goes_back() {
    let mut shown = Shown::new(&[("anna", 3)]);
    assert_eq!(shown.press("?"), []);
    shown.assert_shows("What is done to a process is done after a y.");
    assert_eq!(shown.press("q"), []);
    assert_eq!(shown.names(), ["anna"]);
}
