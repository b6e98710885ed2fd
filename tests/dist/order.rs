//! The order of what one process sends another, whatever becomes of the connection.

use procession::node;
use procession::prelude::*;
use procession::term::{Term, atom};

use super::support::dice::Dice;
use super::support::rounds::rounds;
use super::support::rust::{Rust, process_there, there};
use super::support::wait::{expect, wait_until};

const MESSAGES: i64 = 100_000;

/// How often connections are cut in a run, about.
const CUTS: usize = 20;

/// How many messages are sent, at most, from when a cut is prepared to when it is made.
const BURST: usize = 200;

/// Sends numbered messages, and now and then prepares to cut the connection, and soon cuts it.
/// Returns how often its monitors have said so.
fn send_numbered(there: Pid, dice: &mut Dice, prepare: impl Fn(), cut: impl Fn()) -> usize {
    let mut monitor = process::monitor(there);
    let mut told = 0;
    let mut next_cut = None;
    for number in 0..MESSAGES {
        process::send(there, number);
        if next_cut.is_none() && dice.below(MESSAGES as usize / CUTS) == 0 {
            prepare();
            next_cut = Some(number + dice.below(BURST) as i64);
        }
        if next_cut.take_if(|next| *next <= number).is_some() {
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
    /// Its monitor of the sender, if that stands.
    monitor: Option<MonitorRef>,
    /// The monitor has told of a loss since the last message: some may be missing.
    is_cut: bool,
    gaps: i64,
}

impl Order {
    /// Receives all that is sent, up to the last, and monitors the sender as soon as that asks.
    fn receive_all(&mut self, sender: Pid) {
        loop {
            receive! {
                Term::Integer(number) => self.take(number),
                down: Down if Some(down.monitor) == self.monitor => {
                    assert_eq!(down.reason, ExitReason::NoConnection);
                    (self.monitor, self.is_cut) = (None, true);
                },
                term: Term => {
                    if term == atom("last").into() {
                        return;
                    }
                    self.monitor.get_or_insert_with(|| process::monitor(sender));
                    process::send(sender, atom("monitored"));
                },
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

/// The receiver monitors the sender when a connection is cut: so it is told before it gets anything
/// that comes after a gap.
#[test]
fn is_kept_between_programs_or_monitors_say_that_it_was_cut() {
    let both = Rust::start_with_twin(|parent| {
        parent.tell(&process::self_pid());
        let sender: Pid = parent.told();
        loop {
            let mut order = Order::default();
            order.receive_all(sender);
            order.monitor.into_iter().for_each(|monitor| _ = process::demonitor_flush(monitor));
            parent.tell(&order.gaps);
            process::send(sender, order.gaps);
        }
    });
    let Some((_rust, mut twin)) = both else { return };
    let there: Pid = twin.told();
    twin.tell(&process::self_pid());
    let prepare = || {
        process::send(there, atom("monitor"));
        assert_eq!(expect::<Term>(), atom("monitored").into());
    };
    let mut gaps = 0;
    for run in 0..rounds(2) {
        let mut dice = Dice::new(run as u64);
        let told = send_numbered(there, &mut dice, prepare, || _ = node::disconnect(there.node()));
        assert!(told > 0);
        gaps += twin.told::<i64>();
        process::flush();
    }
    assert!(gaps > 0, "nothing was lost");
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
        let told = send_numbered(there, &mut Dice::new(run as u64), || {}, || relay.cut());
        assert!(told > 0);
        process::flush();
    }
}
