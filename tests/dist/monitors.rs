//! Monitors that are set and removed while processes end, from both sides.

use std::time::Duration;

use procession::Node;
use procession::prelude::*;
use procession::term::{Term, atom};

use super::support::dice::Dice;
use super::support::rounds::{delay_by, rounds};
use super::support::rust::{Rust, expect_term, register, there};
use super::support::wait::{assert_no_message, down_reason, expect};

const ROUNDS: usize = 500;

/// What the process named `spawner` is on a node of Erlang: for each pid that it gets it starts
/// a process, named `victim`, that ends for the reason that it is sent, and sends its pid there.
const SPAWNER: &str = "register(spawner, spawn(fun() -> (fun Loop() -> \
         receive To -> \
             Victim = spawn(fun() -> receive Reason -> exit(Reason) end end), \
             register(victim, Victim), To ! Victim, \
             Ref = monitor(process, Victim), \
             receive {'DOWN', Ref, process, Victim, _} -> Loop() end \
         end end)() end))";

/// The same here.
fn spawner() -> ! {
    loop {
        let to: Pid = expect_term();
        let (victim, monitor) = process::spawn_monitor(|| {
            let reason: Term = expect();
            process::exit_self(ExitReason::new(reason));
        })
        .unwrap();
        process::register("victim", victim).unwrap();
        process::send(to, victim);
        process::wait(monitor, Duration::MAX);
    }
}

/// The next victim of the spawner on a node.
fn victim(node: Node) -> Pid {
    process::send(("spawner", node), process::self_pid());
    expect_term()
}

fn boom() -> ExitReason {
    ExitReason::new(Term::from(atom("boom")))
}

/// Sets monitors on processes of another node that are just ending. Those that are removed do not
/// fire, and the others once.
fn race_with_ends(node: Node) {
    let mut dice = Dice::new(20);
    for round in 0..rounds(ROUNDS) {
        let victim = victim(node);
        let object: Destination =
            if round % 2 == 0 { victim.into() } else { ("victim", node).into() };
        let early = dice.happens(50);
        if !early {
            process::send(victim, atom("boom"));
            delay_by(round);
        }
        let monitors = [(); 3].map(|()| process::monitor(object.clone()));
        if early {
            process::send(victim, atom("boom"));
            delay_by(round);
        }
        let [removed, flushed, kept] = monitors;
        if !process::demonitor(removed) {
            down_reason(removed);
        }
        process::demonitor_flush(flushed);
        let down: Down = expect();
        assert_eq!((down.monitor, &down.object), (kept, &object), "round {round}");
        if early {
            assert_eq!(down.reason, boom(), "round {round}");
        } else {
            let reasons = [boom(), ExitReason::NoProc];
            assert!(reasons.contains(&down.reason), "round {round}: {down:?}");
        }
    }
    process::send(victim(node), atom("boom")); // All that was under way has come before.
    assert_no_message();
    assert!(process::info(process::self_pid()).unwrap().monitors.is_empty());
}

#[test]
fn of_processes_that_are_ending_there_fire_once_or_not_at_all() {
    let Some(rust) = Rust::start() else { return };
    let beam = rust.beam();
    beam.eval(SPAWNER);
    register("test");
    race_with_ends(there(&beam));
}

#[test]
fn of_processes_that_are_ending_in_a_second_program_fire_once_or_not_at_all() {
    let both = Rust::start_with_twin(|parent| {
        register("spawner");
        parent.tell(&());
        spawner()
    });
    let Some((_rust, twin)) = both else { return };
    twin.told::<()>();
    race_with_ends(twin.node());
}

#[test]
fn from_there_fire_once_or_not_at_all() {
    let Some(rust) = Rust::start() else { return };
    let beam = rust.beam();
    let spawner = process::spawn(|| spawner()).unwrap();
    process::register("spawner", spawner).unwrap();
    let source = format!(
        "N = 'rust@127.0.0.1', \
         Victim = fun() -> {{spawner, N}} ! self(), receive P when is_pid(P) -> P end end, \
         Dither = fun(I) -> [erlang:yield() || _ <- lists:seq(1, I rem 16)] end, \
         Round = fun Round(0) -> ok; Round(I) -> \
             P = Victim(), \
             Object = case I rem 2 of 0 -> P; 1 -> {{victim, N}} end, \
             Early = rand:uniform(2) =:= 1, \
             Early orelse (P ! boom), Early orelse Dither(I), \
             [Removed, Flushed, Kept] = [monitor(process, Object) || _ <- [1, 2, 3]], \
             Early andalso (P ! boom), Early andalso Dither(I), \
             demonitor(Removed, [info]) \
                 orelse receive {{'DOWN', Removed, process, Object, _}} -> ok end, \
             demonitor(Flushed, [flush]), \
             receive {{'DOWN', Kept, process, Object, boom}} -> ok; \
                     {{'DOWN', Kept, process, Object, noproc}} when not Early -> ok \
             after 20000 -> exit({{no_down, I, process_info(self(), messages)}}) end, \
             Round(I - 1) end, \
         Round({}), Last = Victim(), Last ! boom, \
         {{process_info(self(), messages), process_info(self(), monitors)}}",
        rounds(ROUNDS)
    );
    assert_eq!(beam.eval(&source), "{{messages,[]},{monitors,[]}}");
    assert_eq!(process::info(spawner).unwrap().monitored_by, []);
    process::exit(spawner, ExitReason::Kill);
}
