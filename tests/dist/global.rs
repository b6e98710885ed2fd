//! Names for all nodes. What nodes of Erlang do with each other in these cases was tried with OTP
//! 25 and 27.

use procession::global::{self, GlobalError};
use procession::node;
use procession::prelude::*;
use procession::term::{Term, atom};

use super::support::counter::{Add, Counter};
use super::support::named::{
    Heard, Named, holder, holder_there, meet, name_there, named_pid, names, pid_there, sync,
    taken_by, visible, wait_until_nobody_has_a_name,
};
use super::support::rust::{NAME, Rust, there};
use super::support::wait::{assert_no_message, exit_and_wait, expect, wait_until};

const BEAM: &str = "'beam@127.0.0.1'";
const RUST: &str = "'rust@127.0.0.1'";

// OTP: global_SUITE:names
#[test]
fn names_are_seen_on_both_nodes() {
    let Some(rust) = Rust::start_with(visible) else { return };
    let beam = rust.beam();
    let mine = Named::new("ours");
    name_there(&beam, "theirs");
    assert_eq!(holder("theirs"), None);
    meet(&beam);
    assert_eq!(global::whereis_name("theirs"), Some(pid_there(&beam, "theirs")));
    assert_eq!(global::whereis_name("ours"), Some(mine.0));
    assert_eq!(holder_there(&beam, "ours"), RUST);
    assert_eq!(holder_there(&beam, "theirs"), BEAM);
    assert_eq!(names(), ["ours", "theirs"]);
    assert_eq!(beam.eval("lists:sort(global:registered_names())"), "[ours,theirs]");
    // What is registered later is seen at once.
    let _late = Named::new("ours_too");
    assert_eq!(holder_there(&beam, "ours_too"), RUST);
    name_there(&beam, "theirs_too");
    assert_eq!(global::whereis_name("theirs_too"), Some(pid_there(&beam, "theirs_too")));
    assert_eq!(beam.log(), "");
}

// OTP: global_SUITE:names
#[test]
fn messages_go_to_a_name_of_the_other_node() {
    let Some(rust) = Rust::start_with(visible) else { return };
    let beam = rust.beam();
    let mine = Named::new("ours");
    name_there(&beam, "theirs");
    meet(&beam);
    beam.eval("global:send(ours, hello)");
    let heard: Heard = expect();
    assert_eq!(heard.by, mine.0);
    assert_eq!(heard.message.downcast::<Term>().unwrap(), atom("hello").into());
    let pid = global::send("theirs", atom("hello")).unwrap();
    assert_eq!(pid, pid_there(&beam, "theirs"));
    let messages = format!("process_info({}, messages)", named_pid("theirs"));
    wait_until(|| beam.eval(&messages) == "{messages,[hello]}");
    assert_eq!(global::send("nobody", atom("hello")).unwrap_err().message, atom("hello"));
    assert_no_message();
}

// OTP: global_SUITE:names
#[test]
fn a_name_of_the_other_node_is_taken() {
    let Some(rust) = Rust::start_with(visible) else { return };
    let beam = rust.beam();
    let mine = Named::new("ours");
    name_there(&beam, "theirs");
    meet(&beam);
    let other = Named::nobody();
    let refused = global::register_name("theirs", other.0);
    assert_eq!(taken_by(refused), pid_there(&beam, "theirs"));
    assert_eq!(beam.eval("global:register_name(ours, self())"), "no");
    assert_eq!(global::whereis_name("ours"), Some(mine.0));
    assert_eq!(holder_there(&beam, "theirs"), BEAM);
}

// OTP: global_SUITE:names
#[test]
fn names_are_freed_from_either_node() {
    let Some(rust) = Rust::start_with(visible) else { return };
    let beam = rust.beam();
    let (one, two) = (Named::new("one"), Named::new("two"));
    name_there(&beam, "three");
    name_there(&beam, "four");
    meet(&beam);
    // Each by the node of its process, and by the other one.
    global::unregister_name("one").unwrap();
    global::unregister_name("three").unwrap();
    assert_eq!(beam.eval("lists:sort(global:registered_names())"), "[four,two]");
    assert_eq!(beam.eval("[global:unregister_name(N) || N <- [two, four]]"), "[ok,ok]");
    assert_eq!(names(), [""; 0]);
    // The processes live, and can have names again.
    global::register_name("one", two.0).unwrap();
    global::register_name("two", one.0).unwrap();
    assert_eq!(beam.eval("lists:sort(global:registered_names())"), "[one,two]");
    assert_eq!(beam.eval(&format!("is_process_alive({})", named_pid("four"))), "true");
}

// OTP: global_SUITE:names, re_register_name
#[test]
fn a_name_changes_its_holder_on_both_nodes() {
    let Some(rust) = Rust::start_with(visible) else { return };
    let beam = rust.beam();
    let mine = Named::new("name");
    name_there(&beam, "theirs");
    meet(&beam);
    let take = format!("global:re_register_name(name, {})", named_pid("theirs"));
    assert_eq!(beam.eval(&take), "yes");
    assert_eq!(global::whereis_name("name"), Some(pid_there(&beam, "theirs")));
    global::re_register_name("name", mine.0).unwrap();
    assert_eq!(holder_there(&beam, "name"), RUST);
    // The end of who has had it means nothing.
    beam.eval(&format!("exit({}, kill)", named_pid("theirs")));
    wait_until(|| holder("theirs").is_none());
    assert_eq!(holder_there(&beam, "name"), RUST);
    assert_eq!(global::whereis_name("name"), Some(mine.0));
}

// OTP: global_SUITE:name_die
#[test]
fn the_end_of_a_process_frees_its_name_on_the_other_node() {
    let Some(rust) = Rust::start_with(visible) else { return };
    let beam = rust.beam();
    meet(&beam);
    for _ in 0..20 {
        let mine = Named::new("ours");
        name_there(&beam, "theirs");
        assert_eq!(holder_there(&beam, "ours"), RUST);
        drop(mine);
        beam.eval(&format!("{} ! stop", named_pid("theirs")));
        wait_until(|| holder("theirs").is_none());
        wait_until(|| holder_there(&beam, "ours") == "undefined");
        wait_until(|| beam.eval("global:registered_names()") == "[]");
    }
    assert_eq!(names(), [""; 0]);
    assert_eq!(beam.log(), "");
}

// OTP 25, run
#[test]
fn a_process_of_the_other_node_is_given_a_name() {
    let Some(rust) = Rust::start_with(visible) else { return };
    let beam = rust.beam();
    let mine = Named::new("ours");
    name_there(&beam, "theirs");
    meet(&beam);
    let pid = pid_there(&beam, "theirs");
    global::unregister_name("theirs").unwrap();
    global::register_name("from_here", pid).unwrap();
    assert_eq!(holder_there(&beam, "from_here"), BEAM);
    let give = "Pid = global:whereis_name(ours), global:unregister_name(ours), \
                global:register_name(from_there, Pid)";
    assert_eq!(beam.eval(give), "yes");
    assert_eq!(global::whereis_name("from_there"), Some(mine.0));
    // A process has one name, wherever it is.
    let refused = global::register_name("another", pid);
    assert!(matches!(refused, Err(GlobalError::HasName { .. })), "{refused:?}");
    assert_eq!(beam.eval("global:register_name(another, global:whereis_name(from_there))"), "no");
    // And they go with it.
    beam.eval(&format!("exit({}, kill)", named_pid("theirs")));
    wait_until(|| holder("from_here").is_none() && holder_there(&beam, "from_here") == "undefined");
    drop(mine);
    wait_until(|| holder_there(&beam, "from_there") == "undefined");
    assert_eq!(names(), [""; 0]);
}

// OTP: global_SUITE:names; OTP 25, run
#[test]
fn names_of_a_node_that_is_down_are_free() {
    let Some(mut rust) = Rust::start_with(visible) else { return };
    let mut beam = rust.beam();
    let mine = Named::new("ours");
    name_there(&beam, "theirs");
    meet(&beam);
    for round in 0..5 {
        if round % 2 == 0 {
            node::disconnect(there(&beam)).unwrap();
        } else {
            beam.eval(&format!("erlang:disconnect_node({RUST})"));
        }
        wait_until(|| holder("theirs").is_none() && holder_there(&beam, "ours") == "undefined");
        // What each had of its own, it has still.
        assert_eq!(global::whereis_name("ours"), Some(mine.0));
        assert_eq!(holder_there(&beam, "theirs"), BEAM);
        meet(&beam);
        assert_eq!(holder("theirs"), Some(there(&beam)));
        assert_eq!(holder_there(&beam, "ours"), RUST);
    }
    beam.kill();
    wait_until(|| holder("theirs").is_none());
    let beam = rust.beam();
    meet(&beam);
    assert_eq!(holder_there(&beam, "ours"), RUST);
    rust.stop();
    wait_until(|| holder_there(&beam, "ours") == "undefined");
    assert_eq!(global::whereis_name("ours"), Some(mine.0));
    // In its next life it has the name still.
    rust.start_again_with(visible);
    meet(&beam);
    assert_eq!(holder_there(&beam, "ours"), RUST);
    beam.eval("global:send(ours, hello)");
    assert_eq!(expect::<Heard>().by, mine.0);
}

// OTP 25, run
#[test]
fn names_are_exchanged_however_the_nodes_meet() {
    let Some(rust) = Rust::start_with(visible) else { return };
    let beam = rust.beam();
    let _mine = Named::new("ours");
    name_there(&beam, "theirs");
    for round in 0..30 {
        let dial = beam.begin(&format!("net_kernel:connect_node({RUST})"));
        if round % 3 != 0 {
            // Both at once. It may be refused, if the other's dial has come first and is lost.
            _ = node::connect(there(&beam));
        }
        _ = beam.value(dial);
        meet(&beam);
        assert_eq!(holder("theirs"), Some(there(&beam)), "round {round}");
        assert_eq!(holder_there(&beam, "ours"), RUST, "round {round}");
        node::disconnect(there(&beam)).unwrap();
        wait_until(|| beam.eval(&format!("ets:lookup(sys_dist, {RUST})")) == "[]");
        wait_until(|| holder("theirs").is_none() && holder_there(&beam, "ours") == "undefined");
    }
}

#[test]
fn servers_are_reached_by_their_global_names() {
    let Some(rust) = Rust::start_with(|node| visible(node).serve::<Counter>()) else { return };
    let beam = rust.beam();
    meet(&beam);
    let options = StartOptions::new().name(global::name("counter"));
    _ = Counter::start_with((), options).unwrap();
    assert_eq!(beam.eval("gen_server:call({global, counter}, {add, 3})"), "3");
    assert_eq!(beam.eval("gen_server:cast({global, counter}, reset)"), "ok");
    assert_eq!(beam.eval("gen_server:call({global, counter}, get)"), "0");
    assert_eq!(beam.eval("gen_server:stop({global, counter})"), "ok");
    wait_until(|| holder_there(&beam, "counter") == "undefined");
    assert_eq!(holder("counter"), None);
    // A name that is taken on another node.
    assert_eq!(beam.eval("element(1, gen_event:start({global, events}))"), "ok");
    let pid = global::whereis_name("events").unwrap();
    assert_eq!(pid.node(), there(&beam));
    let options = StartOptions::new().name(global::name("events"));
    let refused = Counter::start_with((), options).unwrap_err();
    assert!(matches!(refused, StartError::AlreadyStarted(holder) if holder == pid), "{refused}");
    let taken = "gen_server:start({global, counter}, lists, [], [])";
    let counter =
        Counter::start_with((), StartOptions::new().name(global::name("counter"))).unwrap();
    let refused = beam.eval(&format!(
        "case {taken} of {{error, {{already_started, Pid}}}} -> node(Pid); Other -> Other end"
    ));
    assert_eq!(refused, RUST);
    assert_eq!(counter.call(Add(1)), Ok(1));
    counter.stop().unwrap();
}

// OTP: global_SUITE:sync_0
#[test]
fn to_wait_for_names_returns_without_other_nodes() {
    let Some(mut rust) = Rust::start_with(visible) else { return };
    global::sync().unwrap();
    let beam = rust.beam();
    meet(&beam);
    for _ in 0..10 {
        sync(&beam);
    }
    node::disconnect(there(&beam)).unwrap();
    global::sync().unwrap();
    wait_until(|| beam.eval(&format!("lists:member({RUST}, nodes())")) == "false");
    assert_eq!(beam.eval("global:sync()"), "ok");
    rust.stop();
    global::sync().unwrap();
}

// OTP: global_SUITE:names_hidden; OTP 25, run
#[test]
fn a_hidden_node_has_names_of_its_own() {
    let Some(rust) = Rust::start_with(|node| node.hidden(true)) else { return };
    let beam = rust.beam();
    let mine = Named::new("name");
    name_there(&beam, "name");
    meet(&beam);
    assert_eq!(beam.eval("nodes(hidden)"), format!("[{RUST}]"));
    assert_eq!(global::whereis_name("name"), Some(mine.0));
    assert_eq!(holder_there(&beam, "name"), BEAM);
    assert_eq!(names(), ["name"]);
    // What each registers later, too.
    let _late = Named::new("late");
    assert_eq!(holder_there(&beam, "late"), "undefined");
    name_there(&beam, "theirs_late");
    global::sync().unwrap();
    assert_eq!(holder("theirs_late"), None);
}

// OTP: global_SUITE:names_hidden
#[test]
fn a_hidden_node_of_erlang_takes_no_part() {
    let Some(rust) = Rust::start_with(visible) else { return };
    let (beam, shy) = (rust.beam(), rust.cluster.beam_with("shy", &["-hidden"]));
    let mine = Named::new("ours");
    name_there(&shy, "ours");
    meet(&beam);
    meet(&shy);
    assert_eq!(global::whereis_name("ours"), Some(mine.0));
    assert_eq!(holder_there(&shy, "ours"), "'shy@127.0.0.1'");
    assert_eq!(holder_there(&beam, "ours"), RUST);
    // They do not meet by this one.
    assert_eq!(beam.eval("nodes(connected)"), format!("['{NAME}']"));
    let late = Named::new("late");
    assert_eq!(holder_there(&shy, "late"), "undefined");
    exit_and_wait(late.0, ExitReason::Shutdown);
    drop(mine);
    wait_until_nobody_has_a_name();
}

/// A name that is no atom there cannot be asked for here, and is not lost on the way.
#[test]
fn a_name_that_is_a_term_is_handed_on() {
    let Some(rust) = Rust::start_with(visible) else { return };
    let beam = rust.beam();
    name_there(&beam, "{room, 7}");
    name_there(&beam, "<<\"text\">>");
    meet(&beam);
    assert_eq!(names(), [""; 0]);
    assert_eq!(holder("text"), None);
    let another = rust.cluster.beam("another");
    meet(&another);
    wait_until(|| holder_there(&another, "{room, 7}") == BEAM);
    assert_eq!(beam.eval("lists:sort(global:registered_names())"), "[{room,7},<<\"text\">>]");
}

#[test]
fn names_are_the_same_whichever_nodes_they_are_of() {
    // No node here, and none there: what a program does alone goes on as it was.
    let Some(mut rust) = Rust::start_with(visible) else { return };
    let mine = Named::new("ours");
    rust.stop();
    assert_eq!(global::whereis_name("ours"), Some(mine.0));
    rust.start_again_with(visible);
    assert_eq!(global::whereis_name("ours"), Some(mine.0));
}
