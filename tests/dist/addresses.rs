//! What messages are sent to, and what monitors are set on: pids, names on nodes, aliases. And what
//! becomes of pids and references that travel.

use procession::node;
use procession::pg::Scope;
use procession::prelude::*;
use procession::process::AliasMode;
use procession::term::{self, ExternalPid, ExternalRef, Term, atom};
use procession::{Alias, Node};

use super::support::beam::Beam;
use super::support::rust::{Rust, process_there, register, there};
use super::support::wait::{assert_no_message, down_reason, expect};

/// Lets the other node send the test, which is registered as `test`, the value of `source`.
fn value_there(beam: &Beam, source: &str) -> Term {
    register("test");
    beam.eval(&format!("{{test, 'rust@127.0.0.1'}} ! ({source})"));
    expect()
}

/// Starts a process there, with the name `echo`, that sends the test what it gets.
fn echo_there(beam: &Beam) -> Pid {
    let echo = process_there(
        beam,
        "Message =:= register andalso register(echo, self()), \
         {test, 'rust@127.0.0.1'} ! Message",
    );
    process::send(echo, atom("register"));
    assert_eq!(expect::<Term>(), atom("register").into());
    echo
}

#[test]
fn a_name_there_gets_messages_in_order_with_those_to_its_pid() {
    let Some(rust) = Rust::start() else { return };
    let beam = rust.beam();
    let (echo, name) = (echo_there(&beam), ("echo", there(&beam)));
    for number in 0..1_000_i64 {
        match number % 3 {
            0 => process::send(echo, number),
            1 => process::send(name, number),
            _ => process::send_to(name, number).unwrap(),
        }
    }
    for number in 0..1_000_i64 {
        assert_eq!(expect::<Term>(), Term::Integer(number));
    }
    process::send(("nobody", there(&beam)), atom("lost"));
    process::send(name, atom("last"));
    assert_eq!(expect::<Term>(), atom("last").into());
}

#[test]
fn a_name_there_is_monitored() {
    let Some(rust) = Rust::start() else { return };
    let beam = rust.beam();
    let name = ("end", there(&beam));
    beam.eval("register('end', spawn(fun() -> receive Message -> exit(Message) end end))");
    let [removed, monitor] = [process::monitor(name), process::monitor(name)];
    assert!(process::demonitor(removed));
    process::send(name, atom("boom"));
    let down = expect::<Down>();
    let (object, reason) = (Destination::from(name), ExitReason::new(Term::from(atom("boom"))));
    assert_eq!(down, Down { monitor, object: object.clone(), reason });

    let monitor = process::monitor(name);
    assert_eq!(expect::<Down>(), Down { monitor, object, reason: ExitReason::NoProc });
    assert_no_message();
}

#[test]
fn a_name_on_a_node_that_there_is_not_has_no_connection() {
    let Some(_rust) = Rust::start() else { return };
    let name = ("logger", Node::named("nobody@127.0.0.1"));
    let monitor = process::monitor(name);
    process::send(name, atom("lost"));
    let down = Down { monitor, object: name.into(), reason: ExitReason::NoConnection };
    assert_eq!(expect::<Down>(), down);
}

#[test]
fn an_alias_there_gets_messages_as_long_as_it_is_active() {
    let Some(rust) = Rust::start() else { return };
    let beam = rust.beam();
    register("test");
    let heard = beam.begin(
        "Alias = alias(), {test, 'rust@127.0.0.1'} ! Alias, \
         First = receive A -> A end, unalias(Alias), {test, 'rust@127.0.0.1'} ! self(), \
         Second = receive B -> B end, {First, Second}",
    );
    let alias: ExternalRef = term::from_term(&expect::<Term>()).unwrap();
    process::send(alias.clone(), atom("in_time"));
    let pid: Pid = term::from_term(&expect::<Term>()).unwrap();
    process::send(alias, atom("too_late"));
    process::send(pid, atom("last"));
    assert_eq!(beam.value(heard), "{in_time,last}");
}

#[test]
fn an_alias_of_this_node_is_used_there() {
    let Some(rust) = Rust::start() else { return };
    let beam = rust.beam();
    let sender = process_there(&beam, "Message ! {through, Message}");
    let alias = process::alias_with(AliasMode::Reply);
    process::send(sender, alias);
    process::send(sender, alias);
    let Term::Tuple(message) = expect::<Term>() else { panic!() };
    assert_eq!(term::from_term(&message[1]), Ok(alias));
    process::send(sender, process::self_pid());
    assert!(matches!(expect::<Term>(), Term::Tuple(_)));
    assert_no_message();
}

/// Sends `value` to an echo on the other node, and returns what comes back.
fn echoed<T: serde::Serialize + serde::de::DeserializeOwned>(echo: Pid, value: &T) -> T {
    process::send(echo, term::to_term(value).unwrap());
    term::from_term(&expect::<Term>()).unwrap()
}

#[test]
fn pids_and_references_of_all_nodes_come_back_as_they_went() {
    let Some(rust) = Rust::start() else { return };
    let (beam, third) = (rust.beam(), rust.cluster.beam("third"));
    let echo = echo_there(&beam);
    let mut pids = vec![process::self_pid(), echo];
    let mut references = Vec::new();
    for node in [&beam, &third] {
        for round in 0..100 {
            let source = if round % 2 == 0 { "spawn(fun() -> ok end)" } else { "self()" };
            pids.push(term::from_term(&value_there(node, source)).unwrap());
            let source = if round % 2 == 0 { "make_ref()" } else { "alias()" };
            references.push(term::from_term::<ExternalRef>(&value_there(node, source)).unwrap());
        }
    }
    for pid in pids {
        assert_eq!(echoed(echo, &pid), pid);
        assert_eq!(echoed::<ExternalPid>(echo, &external(pid)), external(pid));
    }
    for reference in references {
        assert_eq!(echoed(echo, &reference), reference);
    }
    let (alias, monitor) = (process::alias(), process::monitor(echo));
    assert_eq!((echoed(echo, &alias), echoed(echo, &monitor)), (alias, monitor));
    process::send(echoed::<Pid>(echo, &process::self_pid()), "alive");
    assert_eq!(expect::<&str>(), "alive");
    process::send(echoed::<Alias>(echo, &alias), "active");
    assert_eq!(expect::<&str>(), "active");
    assert!(process::demonitor(echoed(echo, &monitor)));
    let third_pid: Pid = term::from_term(&value_there(&third, "self()")).unwrap();
    assert_eq!(third_pid.node(), there(&third));
}

fn external(pid: Pid) -> ExternalPid {
    term::from_term(&term::to_term(&pid).unwrap()).unwrap()
}

#[test]
fn a_pid_of_an_earlier_life_of_this_node_is_nobodys() {
    let Some(mut rust) = Rust::start() else { return };
    let beam = rust.beam();
    process_there(&beam, "ok"); // Registers the test.
    let (stranger, monitor) = process::spawn_monitor(|| _ = process::receive()).unwrap();
    process::register("stranger", stranger).unwrap();
    let keeper = process_there(&beam, "receive {get, To} -> To ! Message end");
    process::send(keeper, stranger);
    let old = external(stranger);
    rust.stop();
    rust.start_again();
    assert_ne!(external(stranger), old, "it has another creation now");

    node::connect(there(&beam)).unwrap();
    let keeper: ExternalPid = external(keeper);
    process::send(
        term::from_term::<Pid>(&term::to_term(&keeper).unwrap()).unwrap(),
        Term::Tuple(vec![atom("get").into(), term::to_term(&process::self_pid()).unwrap()]),
    );
    let term = expect::<Term>();
    assert_eq!(term::from_term(&term), Ok(old.clone()), "it has come back as it was");
    let pid: Pid = term::from_term(&term).unwrap();
    assert_ne!(pid, stranger);
    assert_eq!((pid.node(), external(pid)), (Node::local(), old));
    process::send(pid, "nobody gets this");
    process::exit(pid, ExitReason::Kill);
    assert_eq!(down_reason(process::monitor(pid)), ExitReason::NoProc);

    let holder = process_there(
        &beam,
        "{test, 'rust@127.0.0.1'} ! begin \
             process_flag(trap_exit, true), Message ! lost, exit(Message, kill), \
             R = monitor(process, Message), \
             Down = receive {'DOWN', R, _, P, DownReason} -> {P =:= Message, DownReason} end, \
             link(Message), \
             Exit = receive {'EXIT', From, ExitReason} -> {From =:= Message, ExitReason} end, \
             {Down, Exit} end",
    );
    process::send(holder, pid);
    assert_eq!(expect::<Term>().to_string(), "{{true,noproc},{true,noproc}}");
    assert!(process::is_alive(stranger), "it has got none of all that");
    process::send(stranger, ());
    assert_eq!(down_reason(monitor), ExitReason::Normal);
}

#[test]
fn a_name_that_this_node_gets_is_what_was_meant_by_it_before() {
    let before = Node::named("rust@127.0.0.1");
    let Some(_rust) = Rust::start() else { return };
    assert_eq!(before, Node::local());
    register("test");
    process::send(("test", before), 1);
    assert_eq!(expect::<i32>(), 1);
    assert_eq!(Destination::from(("test", before)), Destination::from("test"));
}

#[test]
#[should_panic(expected = "joins on its own node")]
fn a_process_of_another_node_joins_no_group_here() {
    let scope = Scope::start_link("addresses").unwrap();
    let external = ExternalPid { node: atom("a@b"), id: 1, serial: 0, creation: 1 };
    let pid: Pid = term::from_term(&Term::from(external)).unwrap();
    scope.join("group", pid).unwrap();
}

#[test]
fn a_second_program_is_reached_by_all_of_them() {
    let both = Rust::start_with_twin(|parent| {
        register("echo");
        let alias = process::alias();
        parent.tell(&(process::self_pid(), alias));
        loop {
            let message: Term = expect();
            process::send(("test", Node::named("rust@127.0.0.1")), message.clone());
            if message == atom("unalias").into() {
                process::unalias(alias);
            }
            if message == atom("boom").into() {
                process::exit_self(ExitReason::new(message));
            }
        }
    });
    let Some((_rust, twin)) = both else { return };
    register("test");
    let (pid, alias): (Pid, ExternalRef) = twin.told();
    let name = ("echo", twin.node());
    let monitors = [process::monitor(pid), process::monitor(name)];
    for number in 0..1_000_i64 {
        match number % 3 {
            0 => process::send(pid, number),
            1 => process::send(name, number),
            _ => process::send(alias.clone(), number),
        }
    }
    for number in 0..1_000_i64 {
        assert_eq!(expect::<Term>(), Term::Integer(number));
    }
    let own = process::alias();
    assert_eq!((echoed(pid, &pid), echoed(pid, &own)), (pid, own));
    assert_eq!(echoed(pid, &alias), alias);
    process::send(pid, atom("unalias"));
    assert_eq!(expect::<Term>(), atom("unalias").into());
    process::send(alias, atom("too_late"));
    process::send(name, atom("boom"));
    assert_eq!(expect::<Term>(), atom("boom").into());
    let reason = ExitReason::new(Term::from(atom("boom")));
    for (monitor, object) in monitors.into_iter().zip([pid.into(), Destination::from(name)]) {
        assert_eq!(expect::<Down>(), Down { monitor, object, reason: reason.clone() });
    }
    let down =
        Down { monitor: process::monitor(name), object: name.into(), reason: ExitReason::NoProc };
    assert_eq!(expect::<Down>(), down);
    assert_no_message();
}
