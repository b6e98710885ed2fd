//! Links and exit signals between nodes: what they do, from both sides, and that none is stray.

use std::sync::mpsc;

use procession::Node;
use procession::prelude::*;
use procession::process::Builder;
use procession::term::{self, Term, atom};

use super::support::beam::Beam;
use super::support::dice::Dice;
use super::support::rounds::{delay_by, rounds};
use super::support::rust::{NAME, Rust, expect_term, own_pid, process_there, register};
use super::support::twin::Parent;
use super::support::wait::{assert_no_message, down_reason, expect, expect_exit, wait_until};

fn boom() -> ExitReason {
    ExitReason::new(Term::from(atom("boom")))
}

/// A process that traps exits, or does not, links itself to each pid that it gets, and ends when it
/// gets a `&str`. It tells the test of links and exit messages.
fn linker(traps: bool) -> (Pid, MonitorRef) {
    let test = process::self_pid();
    let linker = process::spawn_monitor(move || {
        process::set_trap_exit(traps);
        process::send(test, ());
        loop {
            receive! {
                pid: Pid => {
                    process::link(pid);
                    process::send(test, ());
                },
                exit: Exit => process::send(test, exit),
                _: &str => break,
            }
        }
    });
    expect::<()>();
    linker.unwrap()
}

/// The same there, as a process that ends for any other reason that it gets.
fn linker_there(beam: &Beam, traps: bool) -> Pid {
    let there = process_there(
        beam,
        "case Message of \
             {trap, Flag} -> process_flag(trap_exit, Flag), {test, 'rust@127.0.0.1'} ! ready; \
             {'EXIT', _, _} -> {test, 'rust@127.0.0.1'} ! Message; \
             Pid when is_pid(Pid) -> link(Pid), {test, 'rust@127.0.0.1'} ! linked; \
             Reason -> exit(Reason) \
         end",
    );
    process::send(
        there,
        Term::Tuple(vec![atom("trap").into(), atom(if traps { "true" } else { "false" }).into()]),
    );
    assert_eq!(expect::<Term>(), atom("ready").into());
    there
}

/// Links a process of this node, which is returned first, with one there, from either side. Both
/// trap exits, or do not.
fn linked(beam: &Beam, traps: bool, from_here: bool) -> (Pid, MonitorRef, Pid) {
    let there = linker_there(beam, traps);
    let (here, monitor) = linker(traps);
    if from_here {
        process::send(here, there);
        expect::<()>();
    } else {
        process::send(there, here);
        assert_eq!(expect::<Term>(), atom("linked").into());
    }
    (here, monitor, there)
}

/// Kills a process, and waits until it has ended.
fn kill(pid: Pid) {
    let monitor = process::monitor(pid);
    process::exit(pid, ExitReason::Kill);
    assert_eq!(down_reason(monitor), ExitReason::Killed);
}

/// The next exit message that a process there has had.
fn exit_there() -> (Pid, Term) {
    let Term::Tuple(told) = expect() else { panic!() };
    assert_eq!(told[0], atom("EXIT").into());
    (term::from_term(&told[1]).unwrap(), told[2].clone())
}

#[test]
fn an_end_there_ends_those_here_or_is_told_to_them() {
    let Some(rust) = Rust::start() else { return };
    let beam = rust.beam();
    for from_here in [true, false] {
        let (_, monitor, there) = linked(&beam, false, from_here);
        process::send(there, atom("boom"));
        assert_eq!(down_reason(monitor), boom());

        let (here, _, there) = linked(&beam, false, from_here);
        process::send(there, atom("normal"));
        down_reason(process::monitor(there));
        wait_until(|| process::info(here).unwrap().links.is_empty());
        kill(here);

        for (sent, reason) in [("boom", boom()), ("normal", ExitReason::Normal)] {
            let (here, _, there) = linked(&beam, true, from_here);
            process::send(there, atom(sent));
            assert_eq!(expect::<Exit>(), Exit { from: there, reason });
            assert_eq!(process::info(here).unwrap().links, []);
            kill(here);
        }
    }
}

#[test]
fn an_end_here_ends_those_there_or_is_told_to_them() {
    let Some(rust) = Rust::start() else { return };
    let beam = rust.beam();
    for from_here in [true, false] {
        let (here, _, there) = linked(&beam, false, from_here);
        let monitor = process::monitor(there);
        process::exit(here, boom());
        assert_eq!(down_reason(monitor), boom());

        let (here, monitor, there) = linked(&beam, false, from_here);
        process::send(here, "end");
        assert_eq!(down_reason(monitor), ExitReason::Normal);
        let links = format!("process_info({}, links)", own_pid(there));
        wait_until(|| beam.eval(&links) == "{links,[]}");
        kill(there);

        let (here, _, there) = linked(&beam, true, from_here);
        process::send(here, "end");
        assert_eq!(exit_there(), (here, atom("normal").into()));
        process::send(there, atom("over"));

        let (here, _, there) = linked(&beam, true, from_here);
        kill(here);
        assert_eq!(exit_there(), (here, atom("killed").into()));
        process::send(there, atom("over"));
    }
}

#[test]
fn an_exit_signal_ends_is_trapped_or_kills() {
    let Some(rust) = Rust::start() else { return };
    let beam = rust.beam();
    let me = process::self_pid();
    let [plain, trapping] = [false, true].map(|traps| linker_there(&beam, traps));
    process::exit(plain, ExitReason::Normal);
    process::exit(trapping, ExitReason::Normal);
    assert_eq!(exit_there(), (me, atom("normal").into()));
    process::exit(trapping, boom());
    assert_eq!(exit_there(), (me, atom("boom").into()));
    assert_eq!(beam.eval(&format!("is_process_alive({})", own_pid(plain))), "true");
    let monitor = process::monitor(plain);
    process::exit(plain, boom());
    assert_eq!(down_reason(monitor), boom());
    kill(trapping);

    let [(plain, ended), (trapping, killed)] = [false, true].map(linker);
    let sender = process_there(&beam, "{To, Reason} = Message, exit(To, Reason)");
    let send = |to: Pid, reason: &'static str| {
        let to = term::to_term(&to).unwrap();
        process::send(sender, Term::Tuple(vec![to, atom(reason).into()]));
    };
    send(plain, "normal");
    send(trapping, "normal");
    assert_eq!(expect::<Exit>(), Exit { from: sender, reason: ExitReason::Normal });
    send(trapping, "boom");
    assert_eq!(expect::<Exit>(), Exit { from: sender, reason: boom() });
    assert!(process::is_alive(plain));
    send(plain, "boom");
    assert_eq!(down_reason(ended), boom());
    send(trapping, "kill");
    assert_eq!(down_reason(killed), ExitReason::Killed);
}

/// The second program starts processes that link themselves with a pid, tell of exit messages if
/// they trap exits, and end for the reason that they get.
fn start_linkers(parent: &Parent) {
    loop {
        let (other, traps): (Pid, bool) = parent.told();
        let (tell, told) = mpsc::channel();
        let linker = process::spawn(move || {
            process::set_trap_exit(traps);
            process::link(other);
            tell.send(()).unwrap();
            loop {
                let told = receive! {
                    exit: Exit => (exit.from, exit.reason.to_string()),
                    reason: Term => match reason == atom("normal").into() {
                        true => break,
                        false => process::exit_self(ExitReason::new(reason)),
                    },
                };
                process::send(("test", Node::named(NAME)), term::to_term(&told).unwrap());
            }
        });
        told.recv().unwrap();
        parent.tell(&linker.unwrap());
    }
}

#[test]
fn ends_in_each_of_two_programs_are_told_in_the_other_or_end_it() {
    let Some((_rust, mut twin)) = Rust::start_with_twin(start_linkers) else { return };
    register("test");
    let mut linked_there = |other: Pid, traps: bool| -> Pid {
        twin.tell(&(other, traps));
        twin.told()
    };
    let me = process::self_pid();
    for (sent, reason) in [("boom", boom()), ("normal", ExitReason::Normal)] {
        let there = linked_there(me, false);
        process::send(there, atom(sent));
        assert_eq!(expect_exit(there), reason);
    }
    let there = linked_there(me, true);
    process::exit(there, ExitReason::Kill);
    assert_eq!(expect_exit(there), ExitReason::Killed);

    // An exit signal that is asked for is no end.
    let [plain, trapping] = [false, true].map(|traps| linked_there(me, traps));
    process::exit(plain, ExitReason::Normal);
    process::exit(trapping, ExitReason::Normal);
    assert_eq!(expect_term::<(Pid, String)>(), (me, "normal".to_owned()));
    process::exit(trapping, boom());
    assert_eq!(expect_term::<(Pid, String)>(), (me, "boom".to_owned()));
    process::exit(plain, boom());
    assert_eq!(expect_exit(plain), boom());

    for (reason, text) in [(boom(), "boom"), (ExitReason::Kill, "killed")] {
        let (here, ended) = linker(false);
        let [plain, _trapping] = [false, true].map(|traps| linked_there(here, traps));
        wait_until(|| process::info(here).unwrap().links.len() == 2);
        let monitor = process::monitor(plain);
        process::exit(here, reason);
        assert_eq!(down_reason(ended).to_string(), text);
        assert_eq!(down_reason(monitor).to_string(), text);
        assert_eq!(expect_term::<(Pid, String)>(), (here, text.to_owned()));
    }
    process::exit(trapping, ExitReason::Kill);
    assert_eq!(expect_exit(trapping), ExitReason::Killed);
    assert_no_message();
}

/// Links itself to a process of another node that does the same, and unlinks itself, again and
/// again. When both are done there is no link, and nobody has got an exit signal.
fn link_and_unlink(other: Pid, seed: u64) {
    let mut dice = Dice::new(seed);
    for round in 0..rounds(10_000) {
        match dice.below(3) {
            0 => process::link(other),
            1 => process::unlink(other),
            _ => delay_by(round),
        }
    }
    process::unlink(other);
    process::send(other, atom("done"));
    assert_eq!(expect::<Term>(), atom("done").into());
    assert_no_message();
    assert!(!process::info(process::self_pid()).unwrap().links.contains(&other));
}

#[test]
fn that_are_made_and_removed_from_both_sides_leave_nothing() {
    let Some(rust) = Rust::start() else { return };
    let beam = rust.beam();
    register("test");
    let other = beam.begin(&format!(
        "process_flag(trap_exit, true), {{test, 'rust@127.0.0.1'}} ! self(), \
         P = receive Pid -> Pid end, \
         Round = fun Round(0) -> ok; Round(I) -> \
             case rand:uniform(3) of \
                 1 -> link(P); 2 -> unlink(P); 3 -> [ok || _ <- lists:seq(1, I rem 16)] end, \
             Round(I - 1) end, \
         Round({}), unlink(P), P ! done, receive done -> ok end, \
         {{process_info(self(), messages), process_info(self(), links)}}",
        rounds(10_000)
    ));
    let there = expect_term();
    process::send(there, process::self_pid());
    link_and_unlink(there, 23);
    assert_eq!(beam.value(other), "{{messages,[]},{links,[]}}");
    let victim = linker_there(&beam, false);
    process::link(victim);
    process::send(victim, atom("boom"));
    assert_eq!(expect_exit(victim), boom());
    assert_no_message();
}

#[test]
fn that_are_made_and_removed_from_both_of_two_programs_leave_nothing() {
    let both = Rust::start_with_twin(|parent| {
        process::set_trap_exit(true);
        parent.tell(&process::self_pid());
        let other: Pid = parent.told();
        link_and_unlink(other, 24);
        parent.told::<()>();
        process::link(other);
        process::exit_self(ExitReason::Shutdown);
    });
    let Some((_rust, mut twin)) = both else { return };
    let other: Pid = twin.told();
    twin.tell(&process::self_pid());
    link_and_unlink(other, 23);
    twin.tell(&());
    assert_eq!(expect_exit(other), ExitReason::Shutdown);
    assert_no_message();
}

/// How many pairs are linked.
const PAIRS: usize = 5_000;

/// Lets the other node start as many processes as it gets pids, each linked with one of these and
/// with a root, which it is to be told to end; and returns the root.
fn pairs_there(beam: &Beam, pids: &[Pid]) -> Pid {
    let starter = process_there(
        beam,
        "{Test, Pids} = Message, \
         Idle = fun() -> receive after infinity -> ok end end, \
         Root = spawn(fun() -> \
             Self = self(), \
             Pair = fun(P) -> spawn_link(fun() -> link(P), Self ! linked, Idle() end) end, \
             Others = [Pair(P) || P <- Pids], \
             [receive linked -> ok end || _ <- Others], \
             Test ! {self(), Others}, \
             receive Reason -> exit(Reason) end end), Root",
    );
    let test = term::to_term(&process::self_pid()).unwrap();
    process::send(starter, Term::Tuple(vec![test, term::to_term(pids).unwrap()]));
    let Term::Tuple(started) = expect() else { panic!() };
    term::from_term(&started[0]).unwrap()
}

#[test]
fn of_many_pairs_all_end_with_the_root_of_one_side() {
    let Some(rust) = Rust::start() else { return };
    let beam = rust.beam();
    let small = || Builder::new().stack_size(64 * 1024);
    let idle = || drop(process::receive());
    process_there(&beam, "ok"); // Both are connected.
    for ends_here in [false, true] {
        let before = beam.eval("erlang:system_info(process_count)");
        let (root, root_monitor) = process::spawn_monitor(move || {
            let test: Pid = expect();
            let pids: Vec<_> = (0..PAIRS).map(|_| small().link().spawn(idle).unwrap()).collect();
            process::send(test, pids);
            expect::<()>();
            process::exit_self(boom());
        })
        .unwrap();
        process::send(root, process::self_pid());
        let pids: Vec<Pid> = expect();
        let monitors: Vec<_> = pids.iter().map(|pid| process::monitor(*pid)).collect();
        let there = pairs_there(&beam, &pids);
        let there_monitor = process::monitor(there);
        if ends_here {
            process::send(root, ());
        } else {
            process::send(there, atom("boom"));
        }
        for monitor in monitors.into_iter().chain([root_monitor, there_monitor]) {
            assert_eq!(down_reason(monitor), boom());
        }
        let is_as_before = format!("erlang:system_info(process_count) =< {before} + 1");
        wait_until(|| beam.eval(&is_as_before) == "true");
        assert!(!pids.iter().any(|pid| process::is_alive(*pid)));
    }
    assert_no_message();
}

#[test]
fn of_many_pairs_in_two_programs_all_end_with_the_root_of_one() {
    let idle = || drop(process::receive());
    let both = Rust::start_with_twin(move |parent| {
        let (root, monitor) = process::spawn_monitor(move || {
            let pids: Vec<Pid> = expect();
            let (known, linked) = std::sync::mpsc::channel();
            for pid in pids {
                let known = known.clone();
                let body = move || {
                    process::link(pid);
                    known.send(()).unwrap();
                    drop(known);
                    idle();
                };
                Builder::new().stack_size(64 * 1024).link().spawn(body).unwrap();
            }
            drop(known);
            linked.into_iter().for_each(drop);
            let test: Pid = expect();
            process::send(test, atom("linked"));
            process::exit_self(expect::<Exit>().reason);
        })
        .unwrap();
        parent.tell(&root);
        process::send(root, parent.told::<Vec<Pid>>());
        process::send(root, parent.told::<Pid>());
        parent.told::<()>();
        process::exit(root, boom());
        assert_eq!(down_reason(monitor), boom());
        wait_until(|| process::processes().len() < 100);
        parent.tell(&());
    });
    let Some((_rust, mut twin)) = both else { return };
    let root: Pid = twin.told();
    let small = || Builder::new().stack_size(64 * 1024);
    let (pids, monitors): (Vec<Pid>, Vec<_>) =
        (0..PAIRS).map(|_| small().spawn_monitor(idle).unwrap()).unzip();
    let root = process::monitor(root);
    twin.tell(&pids);
    twin.tell(&process::self_pid());
    assert_eq!(expect::<Term>(), atom("linked").into());
    twin.tell(&());
    for monitor in monitors.into_iter().chain([root]) {
        assert_eq!(down_reason(monitor), boom());
    }
    twin.told::<()>();
    assert_no_message();
}
