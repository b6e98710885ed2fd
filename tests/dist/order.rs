//! The order of what one process sends another, whatever becomes of the connection.

use procession::node::{self, MonitorNodesOptions, NodeDownInfo};
use procession::prelude::*;
use procession::term::{Term, atom};

use super::support::dice::Dice;
use super::support::rounds::rounds;
use super::support::rust::{Rust, process_there, there};
use super::support::wait::{expect, wait_until};

const MESSAGES: i64 = 100_000;

/// How often connections are cut in a run, about.
const CUTS: usize = 20;

/// Sends numbered messages, and cuts the connection now and then. Returns how often its monitors
/// have said so.
fn send_numbered(there: Pid, dice: &mut Dice, cut: impl Fn()) -> usize {
    let mut monitor = process::monitor(there);
    let mut told = 0;
    for number in 0..MESSAGES {
        process::send(there, number);
        if dice.below(MESSAGES as usize / CUTS) == 0 {
            cut();
        }
        if number % 64 == 0
            && let Some(reason) = process::wait(monitor, std::time::Duration::ZERO)
        {
            assert_eq!(reason, ExitReason::NoConnection);
            told += 1;
            wait_until(|| node::connect(there.node()).is_ok());
            monitor = process::monitor(there);
        }
    }
    // The last message must arrive.
    loop {
        wait_until(|| node::connect(there.node()).is_ok());
        process::demonitor_flush(monitor);
        monitor = process::monitor(there);
        process::send(there, atom("last"));
        receive! {
            down: Down if down.monitor == monitor => {
                assert_eq!(down.reason, ExitReason::NoConnection);
                told += 1;
            },
            _: Term => break,
        }
    }
    process::demonitor_flush(monitor);
    told
}

/// What a receiver knows of the messages of a sender.
#[derive(Debug, Default)]
struct Order {
    next: i64,
    /// The connection was lost since the last one: some may be missing.
    is_cut: bool,
    gaps: i64,
}

impl Order {
    /// Receives all that is sent, up to the last.
    fn receive_all(&mut self) {
        loop {
            receive! {
                Term::Integer(number) => self.take(number),
                NodeDownInfo { .. } => self.is_cut = true,
                _: Term => return,
            }
        }
    }

    fn take(&mut self, number: i64) {
        assert!(number >= self.next, "{number} after {}", self.next);
        if number > self.next {
            assert!(self.is_cut, "{number} instead of {}", self.next);
            self.gaps += 1;
        }
        (self.next, self.is_cut) = (number + 1, false);
    }
}

#[test]
fn is_kept_between_programs_or_monitors_say_that_it_was_cut() {
    let both = Rust::start_with_twin(|parent| {
        parent.tell(&process::self_pid());
        let sender: Pid = parent.told();
        node::monitor_nodes_with(true, MonitorNodesOptions::new().all_node_types());
        loop {
            let mut order = Order::default();
            order.receive_all();
            process::send(sender, order.gaps);
        }
    });
    let Some((_rust, mut twin)) = both else { return };
    let there: Pid = twin.told();
    twin.tell(&process::self_pid());
    for run in 0..rounds(2) {
        let mut dice = Dice::new(run as u64);
        let told = send_numbered(there, &mut dice, || _ = node::disconnect(there.node()));
        assert!(told > 0);
        process::flush();
    }
}

#[test]
fn is_kept_for_a_node_of_erlang_or_monitors_say_that_it_was_cut() {
    let Some((_rust, beam, relay)) = Rust::start_behind_a_relay(|node| node) else { return };
    // Before the other node makes a connection, which is not by the relay.
    node::connect(there(&beam)).unwrap();
    let there = process_there(
        &beam,
        "case get(next) of \
             undefined -> put(next, 0), net_kernel:monitor_nodes(true, [{node_type, all}]); \
             _ -> ok \
         end, \
         case Message of \
             last -> put(next, 0), {test, 'rust@127.0.0.1'} ! got; \
             {nodedown, _, _} -> put(cut, true); \
             {nodeup, _, _} -> ok; \
             N -> case get(next) of N -> erase(cut); Next when N > Next -> true = erase(cut) end, \
                 put(next, N + 1) \
         end",
    );
    // It is told of nodes from its first message on.
    process::send(there, atom("last"));
    assert_eq!(expect::<Term>(), atom("got").into());
    for run in 0..rounds(1) {
        let told = send_numbered(there, &mut Dice::new(run as u64), || relay.cut());
        assert!(told > 0);
        process::flush();
    }
}
