//! Several nodes that see each other: they are all connected, and have the same names.

use procession::Node;
use procession::global;
use procession::net_kernel::NetKernel;
use procession::node::{self, Nodes};

use super::support::beam::Beam;
use super::support::erlang;
use super::support::named::{
    Named, holder, holder_there, meet, name_there, names, pid_there, sync, visible,
};
use super::support::rust::{NAME, Rust, ping, there};
use super::support::twin::{Parent, Twin};
use super::support::wait::wait_until;

/// The nodes that this one sees, in order.
fn nodes() -> Vec<String> {
    let mut nodes: Vec<String> = Node::list().iter().map(Node::to_string).collect();
    nodes.sort();
    nodes
}

/// The nodes that another one sees.
fn nodes_there(beam: &Beam) -> String {
    beam.eval("lists:sort(nodes())")
}

/// Starts a process there that counts which nodes it is told of.
fn watch(beam: &Beam) {
    let source = "Self = self(), register(watcher, spawn(fun() -> \
        ok = net_kernel:monitor_nodes(true), Self ! ready, \
        (fun Loop(Seen) -> receive \
            {seen, From} -> From ! {seen, lists:sort(Seen)}, Loop([]); \
            {What, Node} -> Loop([{Node, What} | Seen]) end end)([]) end)), \
        receive ready -> ok end";
    assert_eq!(beam.eval(source), "ok");
}

/// What it has been told of since it was last asked.
fn seen(beam: &Beam) -> String {
    // What has been told by now comes first.
    beam.eval("net_kernel:get_state(), watcher ! {seen, self()}, receive {seen, All} -> All end")
}

fn hidden(node: NetKernel) -> NetKernel {
    node.hidden(true)
}

// OTP: erlang:nodes/1
#[test]
fn a_node_is_seen_unless_it_hides() {
    let Some(rust) = Rust::start_with(visible) else { return };
    let beam = rust.beam();
    assert_eq!(ping(&beam), "pong");
    assert_eq!(beam.eval("{nodes(), nodes(hidden), nodes(connected)}"), lists(NAME, true));
    wait_until(|| Node::list() == [there(&beam)]);
    assert_eq!(node::nodes(Nodes::Hidden), []);
    drop(rust);

    let Some(rust) = Rust::start_with(hidden) else { return };
    let beam = rust.beam();
    assert_eq!(ping(&beam), "pong");
    assert_eq!(beam.eval("{nodes(), nodes(hidden), nodes(connected)}"), lists(NAME, false));
    assert_eq!(Node::list(), []);
    assert_eq!(node::nodes(Nodes::Hidden), [there(&beam)]);
    assert_eq!(node::nodes(Nodes::Connected), [there(&beam)]);
}

fn lists(node: &str, is_visible: bool) -> String {
    if is_visible {
        format!("{{['{node}'],[],['{node}']}}")
    } else {
        format!("{{[],['{node}'],['{node}']}}")
    }
}

// OTP: net_kernel:monitor_nodes/2
#[test]
fn who_watches_nodes_is_told_of_which_type_they_are() {
    let types = ["visible", "hidden", "all"];
    for (is_hidden, expected) in [(false, ["up", "none", "up"]), (true, ["none", "up", "up"])] {
        let Some(rust) = Rust::start_with(|node| node.hidden(is_hidden)) else { return };
        let beam = rust.beam();
        let watch = |node_type: &str| {
            beam.begin(&format!(
                "ok = net_kernel:monitor_nodes(true, [{{node_type, {node_type}}}]), \
                 register(watches_{node_type}, self()), \
                 receive {{nodeup, '{NAME}', [{{node_type, Type}}]}} -> {{up, Type}}; \
                 none -> none end"
            ))
        };
        let told = types.map(watch);
        for node_type in types {
            let text = format!("is_pid(whereis(watches_{node_type}))");
            wait_until(|| beam.eval(&text) == "true");
        }
        assert_eq!(ping(&beam), "pong");
        // Those that are told nothing hear of it later than those that are.
        let mut told = told.map(Some);
        let node_type = if is_hidden { "hidden" } else { "visible" };
        for (place, outcome) in expected.iter().enumerate().rev() {
            let told = told[place].take().unwrap();
            if *outcome == "none" {
                beam.eval(&format!("watches_{} ! none", types[place]));
                assert_eq!(beam.value(told), "none");
            } else {
                assert_eq!(beam.value(told), format!("{{up,{node_type}}}"));
            }
        }
    }
}

// OTP: global, "connect_all"; OTP 25, run
#[test]
fn a_node_that_meets_one_of_two_meets_both() {
    for dials in [true, false] {
        let Some(rust) = Rust::start_with(visible) else { return };
        let (beam, other) = (rust.beam(), rust.cluster.beam("other"));
        let mine = Named::new("ours");
        name_there(&beam, "of_beam");
        name_there(&other, "of_other");
        assert_eq!(beam.eval("net_kernel:connect_node('other@127.0.0.1')"), "true");
        assert_eq!(beam.eval("global:sync()"), "ok");
        if dials {
            node::connect(there(&beam)).unwrap();
        } else {
            assert_eq!(ping(&beam), "pong");
        }
        wait_until(|| nodes() == ["beam@127.0.0.1", "other@127.0.0.1"]);
        wait_until(|| nodes_there(&beam) == format!("['other@127.0.0.1','{NAME}']"));
        wait_until(|| nodes_there(&other) == format!("['beam@127.0.0.1','{NAME}']"));
        sync(&beam);
        sync(&other);
        assert_eq!(names(), ["of_beam", "of_other", "ours"]);
        assert_eq!(global::whereis_name("of_other"), Some(pid_there(&other, "of_other")));
        for beam in [&beam, &other] {
            assert_eq!(holder_there(beam, "ours"), format!("'{NAME}'"));
            let names = beam.eval("lists:sort(global:registered_names())");
            assert_eq!(names, "[of_beam,of_other,ours]");
        }
        // A name of one is known to all at once.
        name_there(&other, "late");
        assert_eq!(holder("late"), Some(there(&other)));
        drop(mine);
        wait_until(|| holder_there(&other, "ours") == "undefined");
        assert_eq!(beam.log() + &other.log(), "");
    }
}

// OTP 25, run: two that are known to the one, which is met last
#[test]
fn two_nodes_that_meet_by_this_one_meet_each_other() {
    let Some(rust) = Rust::start_with(visible) else { return };
    let (beam, other) = (rust.beam(), rust.cluster.beam("other"));
    name_there(&beam, "of_beam");
    name_there(&other, "of_other");
    meet(&beam);
    meet(&other);
    wait_until(|| nodes_there(&beam) == format!("['other@127.0.0.1','{NAME}']"));
    wait_until(|| nodes_there(&other) == format!("['beam@127.0.0.1','{NAME}']"));
    sync(&beam);
    assert_eq!(holder_there(&beam, "of_other"), "'other@127.0.0.1'");
    assert_eq!(holder_there(&other, "of_beam"), "'beam@127.0.0.1'");
    assert_eq!(names(), ["of_beam", "of_other"]);
    // Both clusters were larger than a node.
    let third = rust.cluster.beam("third");
    assert_eq!(third.eval("net_kernel:connect_node('other@127.0.0.1')"), "true");
    wait_until(|| nodes().len() == 3);
    wait_until(|| nodes_there(&third).matches("127.0.0.1").count() == 3);
    assert_eq!(third.eval("global:sync()"), "ok");
    assert_eq!(third.eval("lists:sort(global:registered_names())"), "[of_beam,of_other]");
}

/// A mesh of this node, `beam` and `other`, in which this one and `beam` are connected by a relay.
fn mesh(rust: &Rust, beam: &Beam) -> Beam {
    let other = rust.cluster.beam("other");
    node::connect(there(beam)).unwrap();
    sync(beam);
    assert_eq!(other.eval("net_kernel:connect_node('beam@127.0.0.1')"), "true");
    wait_until_mesh(beam, &other);
    other
}

#[track_caller]
fn wait_until_mesh(beam: &Beam, other: &Beam) {
    wait_until(|| nodes() == ["beam@127.0.0.1", "other@127.0.0.1"]);
    wait_until(|| nodes_there(beam) == format!("['other@127.0.0.1','{NAME}']"));
    wait_until(|| nodes_there(other) == format!("['beam@127.0.0.1','{NAME}']"));
    sync(beam);
    sync(other);
}

/// Whether two of this node, `beam` and `other` are cut from each other, the third one is not
/// connected with both, and all three have seen it.
fn is_cut([one, another]: [&str; 2], beam: &Beam, other: &Beam) -> bool {
    let views = [
        (NAME, nodes().join(",")),
        (beam.name(), nodes_there(beam)),
        (other.name(), nodes_there(other)),
    ];
    let sees = |from: &str, to: &str| {
        views.iter().any(|(name, nodes)| *name == from && nodes.contains(to))
    };
    let names = views.each_ref().map(|(name, _)| *name);
    let all_agree =
        names.iter().all(|from| names.iter().all(|to| sees(from, to) == sees(to, from)));
    let is_between = |third: &&str| sees(third, one) && sees(third, another);
    all_agree && !sees(one, another) && !names.iter().any(is_between)
}

/// Connects the three nodes again, however they are connected. A connection may be ended once more
/// for a loss that is told late.
fn mend(beam: &Beam, other: &Beam, dials_beam: bool) {
    wait_until(|| {
        if dials_beam {
            _ = node::connect(there(beam));
        }
        other.eval(&format!("net_kernel:connect_node('{NAME}')"));
        other.eval("net_kernel:connect_node('beam@127.0.0.1')");
        nodes().len() == 2
            && nodes_there(beam).contains(NAME)
            && nodes_there(other) == format!("['beam@127.0.0.1','{NAME}']")
    });
    wait_until_mesh(beam, other);
}

/// How often a node has come up, and gone down, in what has been seen.
fn changes(seen: &str, node: &str) -> [usize; 2] {
    ["nodeup", "nodedown"].map(|what| seen.matches(&format!("{{'{node}',{what}}}")).count())
}

// OTP: global_SUITE:lost_connection; OTP 25 and 27, run: all three are alone then. If the third one
// hears of it by one of the two so early that it has left the other one before that can tell, it
// stays with the first.
#[test]
fn a_cut_between_two_of_three_leaves_no_overlapping_partitions() {
    let Some((rust, beam, relay)) = Rust::start_behind_a_relay(visible) else { return };
    let mine = Named::new("ours");
    let other = mesh(&rust, &beam);
    name_there(&beam, "of_beam");
    name_there(&other, "of_other");
    watch(&beam);
    watch(&other);
    for round in 0..3 {
        relay.cut();
        wait_until(|| is_cut([NAME, beam.name()], &beam, &other));
        wait_until(|| holder("of_beam").is_none() && holder_there(&beam, "ours") == "undefined");
        assert_eq!(global::whereis_name("ours"), Some(mine.0));
        assert_eq!(holder_there(&beam, "of_beam"), "'beam@127.0.0.1'");
        // By the relay again, or by the third one, which nobody has been cut from.
        mend(&beam, &other, round < 2);
        assert_eq!(names(), ["of_beam", "of_other", "ours"]);
        assert_eq!(holder_there(&beam, "ours"), format!("'{NAME}'"));
        // Nobody has dialled again and again in between.
        for (seen, near) in [(seen(&beam), other.name()), (seen(&other), beam.name())] {
            for node in [NAME, near] {
                let [ups, downs] = changes(&seen, node);
                assert!(ups == downs && ups <= 3, "{node}: {seen}");
            }
        }
    }
}

// OTP 25, run: all three are alone then, if it is two nodes of Erlang that are cut from each other.
// If this one hears of it by one of the two so early that it has left the other one before that
// can tell, it stays with the first.
#[test]
fn a_cut_between_two_others_ends_a_connection_of_this_one() {
    let Some(rust) = Rust::start_with(visible) else { return };
    let (beam, other) = (rust.beam(), rust.cluster.beam("other"));
    meet(&beam);
    meet(&other);
    wait_until_mesh(&beam, &other);
    for _ in 0..3 {
        assert_eq!(beam.eval("erlang:disconnect_node('other@127.0.0.1')"), "true");
        wait_until(|| is_cut([beam.name(), other.name()], &beam, &other));
        mend(&beam, &other, true);
    }
}

// OTP: global_SUITE:mass_death; OTP 25, run: an end is no cut, and leaves the others together
#[test]
fn the_end_of_a_node_leaves_the_others_together() {
    let Some(rust) = Rust::start_with(visible) else { return };
    let (mut beam, other) = (rust.beam(), rust.cluster.beam("other"));
    meet(&beam);
    meet(&other);
    wait_until_mesh(&beam, &other);
    watch(&other);
    name_there(&beam, "of_beam");
    assert_eq!(holder("of_beam"), Some(there(&beam)));
    beam.kill();
    wait_until(|| nodes() == ["other@127.0.0.1"]);
    wait_until(|| nodes_there(&other) == format!("['{NAME}']"));
    wait_until(|| holder("of_beam").is_none() && holder_there(&other, "of_beam") == "undefined");
    let beam = rust.beam();
    meet(&beam);
    wait_until_mesh(&beam, &other);
    assert_eq!(seen(&other), "[{'beam@127.0.0.1',nodedown},{'beam@127.0.0.1',nodeup}]");
}

/// Tells which names there are, and where their processes are, whenever it is asked.
fn tell_names(parent: &Parent) {
    let _mine = Named::new("of_twin");
    loop {
        let command: String = parent.told();
        global::sync().unwrap();
        match &*command {
            "names" => parent.tell(&names()),
            "nodes" => parent.tell(&nodes()),
            name => parent.tell(&holder(name).map(|node| node.to_string())),
        }
    }
}

#[test]
fn two_programs_have_the_same_names() {
    let Some((rust, mut twin)) = Rust::start_both_with(visible, tell_names) else { return };
    let mine = Named::new("ours");
    node::connect(twin.node()).unwrap();
    global::sync().unwrap();
    assert_eq!(names(), ["of_twin", "ours"]);
    assert_eq!(holder("of_twin"), Some(twin.node()));
    let ask = |twin: &mut Twin, name: &str| {
        twin.tell(name);
        twin.told::<Option<String>>()
    };
    assert_eq!(ask(&mut twin, "ours").as_deref(), Some(NAME));
    global::unregister_name("ours").unwrap();
    assert_eq!(ask(&mut twin, "ours"), None);
    global::unregister_name("of_twin").unwrap();
    assert_eq!(ask(&mut twin, "of_twin"), None);
    drop(mine);
    drop(rust);
}

#[test]
fn a_clash_of_two_programs_is_resolved() {
    let Some((_rust, mut twin)) = Rust::start_both_with(visible, tell_names) else { return };
    // This one has the smaller name.
    let mine = Named::new("of_twin");
    node::connect(twin.node()).unwrap();
    global::sync().unwrap();
    assert_eq!(global::whereis_name("of_twin"), Some(mine.0));
    twin.tell("of_twin");
    assert_eq!(twin.told::<Option<String>>().as_deref(), Some(NAME));
}

#[test]
fn two_programs_and_a_node_of_erlang_are_a_mesh() {
    let Some((rust, mut twin)) = Rust::start_both_with(visible, tell_names) else { return };
    if !erlang::is_here() {
        return;
    }
    let beam = rust.cluster.beam("beam");
    let _mine = Named::new("ours");
    name_there(&beam, "of_beam");
    meet(&beam);
    node::connect(twin.node()).unwrap();
    global::sync().unwrap();
    wait_until(|| nodes() == ["beam@127.0.0.1", "twin@127.0.0.1"]);
    wait_until(|| nodes_there(&beam) == format!("['{NAME}','twin@127.0.0.1']"));
    sync(&beam);
    assert_eq!(names(), ["of_beam", "of_twin", "ours"]);
    let names_there = beam.eval("lists:sort(global:registered_names())");
    assert_eq!(names_there, "[of_beam,of_twin,ours]");
    assert_eq!(holder_there(&beam, "of_twin"), "'twin@127.0.0.1'");
    twin.tell("of_beam");
    assert_eq!(twin.told::<Option<String>>().as_deref(), Some("beam@127.0.0.1"));
    twin.tell("nodes");
    assert_eq!(twin.told::<Vec<String>>(), ["beam@127.0.0.1", NAME]);
    twin.kill();
    wait_until(|| holder("of_twin").is_none() && holder_there(&beam, "of_twin") == "undefined");
    assert_eq!(nodes(), ["beam@127.0.0.1"]);
    assert_eq!(nodes_there(&beam), format!("['{NAME}']"));
}
