//! A global name that two nodes have given to different processes before they met. The node with
//! the smaller name resolves the clash, with the function of its own process; so each case is there
//! twice.

use std::sync::mpsc;

use procession::global::{self, NameConflict};
use procession::prelude::*;
use procession::term::Term;

use super::support::beam::Beam;
use super::support::named::{
    Heard, Named, heard_there, holder_there, meet, name_there, name_there_with, named_pid,
    pid_there, visible,
};
use super::support::rust::{NAME, Rust};
use super::support::wait::{assert_no_message, down_reason, expect, wait_until};

/// A node of Erlang with a smaller name than this node's, which resolves, and one with a larger
/// name, for which this node does.
const NODES: [&str; 2] = ["beam", "zoe"];

/// Who keeps the name, as all see it.
#[track_caller]
fn assert_holder(beam: &Beam, holder: Option<Pid>) {
    wait_until(|| global::whereis_name("name") == holder);
    let node = match holder {
        Some(pid) => format!("'{}'", pid.node()),
        None => "undefined".to_owned(),
    };
    wait_until(|| holder_there(beam, "name") == node);
}

/// What this process has been told of a clash: the other process, if that is said.
fn told_of_clash(by: Pid) -> Option<Pid> {
    let heard: Heard = expect();
    assert_eq!(heard.by, by);
    match heard.message.downcast::<NameConflict>() {
        Ok(conflict) => {
            assert_eq!(&*conflict.name, "name");
            Some(conflict.other)
        }
        // The node that has resolved it is one of Erlang.
        Err(message) => {
            let term = message.downcast::<Term>().unwrap();
            assert!(term.to_string().starts_with("{global_name_conflict,name"), "{term}");
            None
        }
    }
}

// OTP: global_SUITE:simple_resolve, where the pid of the smaller node is kept
#[test]
fn is_resolved_by_the_end_of_the_process_of_the_larger_node() {
    for name in NODES {
        let Some(rust) = Rust::start_with(visible) else { return };
        let beam = rust.cluster.beam(name);
        let mine = Named::new("name");
        name_there(&beam, "name");
        let monitor = process::monitor(mine.0);
        meet(&beam);
        if beam.name() < NAME {
            assert_eq!(down_reason(monitor), ExitReason::Killed);
            assert_holder(&beam, Some(pid_there(&beam, "name")));
            assert_eq!(heard_there(&beam, "name"), "[]");
        } else {
            wait_until(|| heard_there(&beam, "name") == "ended");
            assert_holder(&beam, Some(mine.0));
            _ = process::demonitor_flush(monitor);
        }
        assert_no_message();
    }
}

// OTP: global_SUITE:simple_resolve
#[test]
fn is_told_to_the_process_of_the_larger_node() {
    for name in NODES {
        let Some(rust) = Rust::start_with(visible) else { return };
        let beam = rust.cluster.beam(name);
        let mine = Named::with("name", global::random_notify_name);
        name_there_with(&beam, "name", "fun global:random_notify_name/3");
        meet(&beam);
        if beam.name() < NAME {
            let told = told_of_clash(mine.0);
            assert!(told.is_none_or(|pid| pid == pid_there(&beam, "name")));
            assert_holder(&beam, Some(pid_there(&beam, "name")));
            assert_eq!(heard_there(&beam, "name"), "[]");
        } else {
            wait_until(|| heard_there(&beam, "name") != "[]");
            assert_eq!(heard_there(&beam, "name"), "[{global_name_conflict,name}]");
            assert_holder(&beam, Some(mine.0));
        }
        assert_no_message();
    }
}

// OTP: global_SUITE:simple_resolve
#[test]
fn is_told_to_both_processes() {
    for name in NODES {
        let Some(rust) = Rust::start_with(visible) else { return };
        let beam = rust.cluster.beam(name);
        let mine = Named::with("name", global::notify_all_name);
        name_there_with(&beam, "name", "fun global:notify_all_name/3");
        meet(&beam);
        let told = told_of_clash(mine.0);
        assert!(told.is_none_or(|pid| pid == pid_there(&beam, "name")));
        let of_clash = |text: String| text.starts_with("[{global_name_conflict,name,<");
        wait_until(|| of_clash(heard_there(&beam, "name")));
        assert_holder(&beam, None);
        // Both live, and one can have the name again.
        global::register_name("name", mine.0).unwrap();
        assert_holder(&beam, Some(mine.0));
        assert_no_message();
    }
}

// OTP 25, run: the function gets the process of the larger node first
#[test]
fn is_resolved_by_a_function_of_erlang() {
    for (keeps, is_kept) in [("Ours", false), ("Theirs", true), ("none", false), ("17", false)] {
        let Some(rust) = Rust::start_with(visible) else { return };
        let beam = rust.beam();
        let mine = Named::with("name", |_, _, _| panic!("it is not asked"));
        let resolve = format!(
            "fun(name, Theirs, Ours) -> \
             persistent_term:put(asked, {{node(), node(Theirs), node(Ours)}}), {keeps} end"
        );
        name_there_with(&beam, "name", &resolve);
        meet(&beam);
        let holder = match keeps {
            "Ours" => Some(pid_there(&beam, "name")),
            "Theirs" => Some(mine.0),
            _ => None,
        };
        assert_eq!(is_kept, holder == Some(mine.0));
        assert_holder(&beam, holder);
        let asked = "{'beam@127.0.0.1','rust@127.0.0.1','beam@127.0.0.1'}";
        assert_eq!(beam.eval("persistent_term:get(asked)"), asked);
        assert_eq!(beam.eval(&format!("is_process_alive({})", named_pid("name"))), "true");
        assert!(process::is_alive(mine.0));
        assert_no_message();
    }
}

// OTP 25, run: as above, and a function that fails leaves the name to the larger node
#[test]
fn is_resolved_by_a_function_of_this_program() {
    #[derive(Clone, Copy, PartialEq)]
    enum Answer {
        Ours,
        Theirs,
        Nobody,
        Panic,
    }
    for answer in [Answer::Ours, Answer::Theirs, Answer::Nobody, Answer::Panic] {
        let Some(rust) = Rust::start_with(visible) else { return };
        let beam = rust.cluster.beam("zoe");
        let (tell, asked) = mpsc::channel();
        let mine = Named::with("name", move |name, theirs, ours| {
            tell.send((name.to_owned(), theirs, ours)).unwrap();
            match answer {
                Answer::Ours => Some(ours),
                Answer::Theirs => Some(theirs),
                Answer::Nobody => None,
                Answer::Panic => panic!("as the test wants"),
            }
        });
        name_there(&beam, "name");
        meet(&beam);
        let theirs = pid_there(&beam, "name");
        let holder = match answer {
            Answer::Ours => Some(mine.0),
            Answer::Theirs | Answer::Panic => Some(theirs),
            Answer::Nobody => None,
        };
        assert_holder(&beam, holder);
        assert_eq!(asked.try_iter().collect::<Vec<_>>(), [("name".to_owned(), theirs, mine.0)]);
        assert_eq!(heard_there(&beam, "name"), "[]");
        assert!(process::is_alive(mine.0));
        assert_no_message();
    }
}

// OTP: `rpc:call(Node, global, resolve_it, [Method, Name, Pid, Pid2])`, as a third node knows the
// name of this one, and meets a node with the same
#[test]
fn is_resolved_here_for_another_node() {
    let Some(rust) = Rust::start_with(visible) else { return };
    let (beam, zoe) = (rust.beam(), rust.cluster.beam("zoe"));
    let (tell, asked) = mpsc::channel();
    let mine = Named::with("name", move |_, theirs, ours| {
        tell.send((theirs, ours)).unwrap();
        Some(theirs)
    });
    name_there(&zoe, "name");
    meet(&beam);
    assert_eq!(beam.eval("net_kernel:connect_node('zoe@127.0.0.1')"), "true");
    assert_eq!(zoe.eval("global:sync()"), "ok");
    let theirs = pid_there(&zoe, "name");
    assert_holder(&beam, Some(theirs));
    assert_holder(&zoe, Some(theirs));
    assert_eq!(asked.try_recv(), Ok((theirs, mine.0)));
    assert!(asked.try_recv().is_err());
}

// OTP 25, run: a name of the same process on both sides is no clash
#[test]
fn is_none_if_both_have_the_same_process() {
    let Some(rust) = Rust::start_with(visible) else { return };
    let beam = rust.beam();
    let mine = Named::with("name", |_, _, _| panic!("it is no clash"));
    meet(&beam);
    let another = rust.cluster.beam("another");
    assert_eq!(another.eval("net_kernel:connect_node('beam@127.0.0.1')"), "true");
    meet(&another);
    assert_holder(&beam, Some(mine.0));
    assert_holder(&another, Some(mine.0));
    assert!(process::is_alive(mine.0));
    assert_no_message();
}

/// Many names at once, of which every third one clashes.
#[test]
fn of_some_of_many_names_is_resolved() {
    const COUNT: usize = 90;
    for name in NODES {
        let Some(rust) = Rust::start_with(visible) else { return };
        let beam = rust.cluster.beam(name);
        let ours: Vec<Named> =
            (0..COUNT).map(|n| Named::with(&format!("n{n}"), global::notify_all_name)).collect();
        let text = format!(
            "Name = fun(N) -> Pid = spawn(fun() -> receive stop -> ok end end), \
             yes = global:register_name(list_to_atom(\"n\" ++ integer_to_list(N)), Pid, \
             fun global:notify_all_name/3) end, \
             [Name(N) || N <- lists:seq(0, {}, 3)], \
             [Name(N) || N <- lists:seq({COUNT}, {})], ok",
            COUNT - 1,
            COUNT + 29
        );
        assert_eq!(beam.eval(&text), "ok");
        meet(&beam);
        wait_until(|| global::registered_names().len() == COUNT / 3 * 2 + 30);
        wait_until(|| beam.eval("length(global:registered_names())") == "90");
        for _ in 0..COUNT / 3 {
            expect::<Heard>();
        }
        assert_no_message();
        drop(ours);
    }
}
