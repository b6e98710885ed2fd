//! Updates, as they come.

use std::cell::RefCell;
use std::sync::mpsc::channel;
use std::time::Duration;

use procession::observer::web::Web;
use procession::prelude::*;
use serde_json::Value;

use crate::Observer;
use crate::details::{Hold, SECRET, Vault, bare};
use crate::hostile::open;
use crate::support::processes::{idle, reason};
use crate::support::wait::{exit_and_wait, wait_until};

fn often() -> Web {
    Web::new().interval(Duration::from_millis(1))
}

/// Returns a column of the processes in an update.
fn column<'a>(update: &'a Value, name: &str) -> Vec<&'a Value> {
    let columns = update["columns"].as_array().unwrap();
    let place = columns.iter().position(|it| it == name).unwrap();
    update["processes"].as_array().unwrap().iter().map(|row| &row[place]).collect()
}

/// Returns the child with this id of the tree of `top`.
fn child<'a>(update: &'a Value, top: Pid, id: &str) -> Option<&'a Value> {
    let running = Value::from(top.to_string());
    let mut trees = update["trees"].as_array()?.iter();
    let tree = trees.find(|it| it["tree"]["state"]["Running"] == running)?;
    tree["tree"]["children"].as_array()?.iter().find(|it| it["id"] == id)
}

#[test]
fn a_stream_says_who_it_is_and_then_what_there_is() {
    let observer = Observer::start(often().control(true));
    let mut events = observer.events("/updates");
    let (name, hello) = events.next();
    assert_eq!((&*name, &hello["control"]), ("hello", &true.into()));
    assert_eq!(hello["program_pid"], std::process::id());
    let update = events.update();
    let me = process::self_pid().to_string();
    assert!(column(&update, "pid").iter().any(|it| **it == *me));
    let calls = update["calls"].as_array().unwrap();
    let feed = calls.iter().position(|it| it.as_str().unwrap().ends_with("::Feed")).unwrap();
    assert!(column(&update, "call").iter().any(|it| **it == feed));
    // It is not known of a process that has just ended.
    assert!(column(&update, "cpu").iter().all(|it| it.is_u64() || it.is_null()));
    assert!(column(&update, "cpu").iter().any(|it| it.is_u64()));
}

#[test]
fn a_crash_and_the_restart_are_seen() {
    let observer = Observer::start(often());
    let top = Supervisor::one_for_one()
        .intensity(5, Duration::from_secs(3_600))
        .child(Vault::child_spec(()).id("vault"))
        .start_link()
        .unwrap();
    let mut events = observer.events("/updates");
    let before = loop {
        if let Some(child) = child(&events.update(), top.pid(), "vault") {
            break child.clone();
        }
    };
    assert_eq!(before["restarts"], 0);
    let pid = top.which_children().unwrap()[0].state.pid().unwrap();
    exit_and_wait(pid, reason());
    let after = loop {
        let update = events.update();
        let child = child(&update, top.pid(), "vault").unwrap();
        if child["state"] != before["state"] && child["state"].is_object() {
            break child.clone();
        }
    };
    assert_eq!(after["restarts"], 1);
    top.stop().unwrap();
}

#[test]
fn snapshots_are_taken_only_while_somebody_looks() {
    let observer = Observer::start(often());
    let feed = observer.web.which_children().unwrap();
    let feed = feed.iter().find(|it| it.id == "snapshots").unwrap().state.pid().unwrap();
    let handled = || process::info(feed).unwrap().messages_received;
    let mut events = observer.events("/updates");
    events.update();
    drop(events);
    // It has heard that nobody looks any more when it takes no more.
    let running = || ServerRef::<Vault>::from_pid(feed).sys().get_status().unwrap().state;
    wait_until(|| running().contains("watchers: 0, running: false"));
    let before = handled();
    assert!(running().contains("running: false"));
    assert_eq!(handled(), before + 1);
    observer.events("/updates").update();
}

#[test]
fn there_are_as_many_streams_as_there_may_be_and_a_place_is_free_when_one_is_closed() {
    let observer = Observer::start(often().max_streams(3));
    let mut streams: Vec<_> = (0..3).map(|_| observer.events("/updates")).collect();
    let answer = observer.get("/updates");
    answer.assert_status(503);
    assert_eq!(answer.header("Retry-After"), Some("1"));
    // The page itself is served all the same, and who asks for the figures gets them.
    for target in ["/", "/metrics", "/snapshot.json"] {
        observer.get(target).assert_status(200);
    }
    assert!(open(&observer).is_none());
    streams.pop();
    let again = RefCell::new(None);
    wait_until(|| {
        *again.borrow_mut() = open(&observer);
        again.borrow().is_some()
    });
    again.into_inner().unwrap().update();
    streams.iter_mut().for_each(|it| _ = it.update());
}

#[test]
fn a_stream_ends_when_its_observer_does() {
    let observer = Observer::start(often());
    let mut events = observer.events("/updates");
    events.update();
    observer.tests.terminate_child("observer").unwrap();
    while events.read().is_some() {}
}

/// Whether anything is installed in the server.
fn is_traced(vault: ServerRef<Vault>) -> bool {
    !vault.sys().get_status().unwrap().debug.is_empty()
}

#[test]
fn a_trace_shows_what_a_server_does_but_not_what_it_hides() {
    let observer = Observer::start(Web::new());
    let vault = Vault::start(()).unwrap();
    let mut events = observer.events(&format!("/trace?pid={}", bare(vault.pid())));
    assert!(is_traced(vault));
    let (let_go, held) = channel();
    drop(let_go);
    vault.cast(Hold(held));
    process::send(vault.pid(), SECRET);
    let mut lines: Vec<String> = Vec::new();
    while lines.len() < 4 {
        let (name, data) = events.next();
        assert_eq!(name, "trace");
        lines.extend(serde_json::from_value::<Vec<String>>(data).unwrap());
    }
    let expected = [
        "got cast what nobody is to know",
        "new state a secret of 11 letters",
        "got what nobody is to know",
        "new state a secret of 11 letters",
    ];
    assert_eq!(lines, expected);

    drop(events);
    wait_until(|| !is_traced(vault));
    vault.stop().unwrap();
}

#[test]
fn a_trace_ends_with_its_process_and_takes_nothing_from_one_that_goes_on() {
    let observer = Observer::start(Web::new().status_timeout(Duration::from_millis(30)));
    let vault = Vault::start(()).unwrap();
    let target = format!("/trace?pid={}", bare(vault.pid()));
    let mut events = observer.events(&target);
    let closed = observer.events(&target);
    // It is too busy to hear that nobody looks any more; what was installed goes at the next event.
    let (let_go, held) = channel();
    vault.cast(Hold(held));
    drop(closed);
    observer.get(&target).assert_status(504);
    drop(let_go);
    process::send(vault.pid(), SECRET);
    wait_until(|| vault.sys().get_status().unwrap().debug.len() == 1);
    exit_and_wait(vault.pid(), ExitReason::Kill);
    loop {
        match events.next() {
            (name, _) if name == "trace" => {}
            end => break assert_eq!(end, ("end".to_owned(), "it has ended".into())),
        }
    }
    assert!(events.read().is_none());
    let plain = idle();
    observer.get(&format!("/trace?pid={}", bare(plain))).assert_status(409);
    assert_eq!(process::info(plain).unwrap().message_queue_len, 0);
    exit_and_wait(plain, ExitReason::Kill);
}

#[test]
fn a_trace_that_nobody_reads_leaves_events_out() {
    let observer = Observer::start(Web::new());
    let vault = Vault::start(()).unwrap();
    let mut events = observer.events(&format!("/trace?pid={}", bare(vault.pid())));
    let most = 100_000;
    for n in 0..most {
        process::send(vault.pid(), n);
    }
    vault.sys().get_status().unwrap(); // It has come to all of them, and has waited for nobody.
    process::send(vault.pid(), SECRET);
    exit_and_wait(vault.pid(), ExitReason::Kill);
    let (mut shown, mut left_out) = (0, 0);
    while let (name, Value::Array(lines)) = events.next() {
        assert_eq!(name, "trace");
        for line in lines.iter().map(|line| line.as_str().unwrap()) {
            match line.strip_prefix("... and ") {
                Some(more) => left_out += more.split(' ').next().unwrap().parse::<u32>().unwrap(),
                None => shown += 1,
            }
        }
    }
    assert!(left_out > 0 && shown + left_out <= 2 * (most + 1), "{shown} {left_out}");
}
