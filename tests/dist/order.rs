//! The order of what one process sends another, whatever becomes of the connection: it is kept, and
//! nothing is missing until links and monitors have told that the connection was cut.

use std::fmt::Debug;
use std::thread;
use std::time::Duration;

use procession::node;
use procession::prelude::*;
use procession::term::{self, Term, atom};

use super::support::dice::Dice;
use super::support::relay::Way;
use super::support::rounds::rounds;
use super::support::rust::{NAME, Relays, Rust, expect_term, process_there, register};
use super::support::wait::{test_timeout, wait_until};

const MESSAGES: i64 = 100_000;

/// How often connections are cut in a run, about.
const CUTS: usize = 20;

/// How many messages are sent, at most, from when a cut is prepared to when it is made.
const BURST: usize = 200;

/// Links the caller, which traps exits, with a process of another node, and monitors that.
fn tie(there: Pid) -> MonitorRef {
    process::link(there);
    process::monitor(there)
}

fn untie(there: Pid, monitor: MonitorRef) {
    process::demonitor_flush(monitor);
    process::unlink(there);
    _ = process::receive_match_timeout(Duration::ZERO, |message| message.is::<Exit>());
}

/// The monitor of a process has told that the connection is lost: the link has before.
#[track_caller]
fn assert_link_has_told(there: Pid) {
    let exit = process::receive_match_timeout(Duration::ZERO, |message| message.is::<Exit>());
    let exit: Exit = exit.expect("the link has not told").downcast().unwrap();
    assert_eq!(exit, Exit { from: there, reason: ExitReason::NoConnection });
}

/// What sends numbered messages.
struct Sender {
    there: Pid,
    monitor: MonitorRef,
    /// How often it was told that the connection was cut.
    cuts: usize,
    questions: i64,
}

impl Sender {
    fn new(there: Pid) -> Sender {
        process::flush();
        Sender { there, monitor: tie(there), cuts: 0, questions: 0 }
    }

    /// Sends all numbers. Now and then it `prepares` a cut, and soon makes it.
    fn send_all(&mut self, dice: &mut Dice, prepare: impl Fn(&mut Sender), cut: impl Fn()) {
        let mut next_cut = None;
        for number in 0..MESSAGES {
            process::send(self.there, number);
            if next_cut.is_none() && dice.below(MESSAGES as usize / CUTS) == 0 {
                prepare(self);
                next_cut = Some(number + dice.below(BURST) as i64);
            }
            if next_cut.take_if(|next| *next <= number).is_some() {
                cut();
            }
            if number % 64 == 0
                && let Some(reason) = process::wait(self.monitor, Duration::ZERO)
            {
                self.is_cut(&reason);
            }
        }
    }

    /// The connection is cut. Waits until there is another one.
    fn is_cut(&mut self, reason: &ExitReason) {
        assert_eq!(reason, &ExitReason::NoConnection);
        assert_link_has_told(self.there);
        self.cuts += 1;
        wait_until(|| node::connect(self.there.node()).is_ok());
        self.monitor = tie(self.there);
    }

    /// Asks until there is an answer, which is the question.
    fn ask(&mut self, what: &'static str) {
        self.questions += 1;
        let question = Term::Tuple(vec![atom(what).into(), self.questions.into()]);
        process::send(self.there, question.clone());
        loop {
            receive! {
                down: Down if down.monitor == self.monitor => {
                    self.is_cut(&down.reason);
                    process::send(self.there, question.clone());
                },
                term: Term if term == question => return,
                after test_timeout() => panic!("no answer to {question}"),
            }
        }
    }

    /// Returns how often it was told that the connection was cut.
    fn end(mut self) -> usize {
        self.ask("last");
        untie(self.there, self.monitor);
        self.cuts
    }
}

/// What a receiver knows of the messages of a sender.
#[derive(Debug, Default)]
struct Order {
    next: i64,
    /// Its monitor of the sender, with which it is also linked, if these stand.
    monitor: Option<MonitorRef>,
    /// They have told of a loss since the last message: some may be missing.
    is_cut: bool,
    gaps: i64,
}

impl Order {
    fn tie(&mut self, sender: Pid) {
        self.monitor.get_or_insert_with(|| tie(sender));
    }

    fn take(&mut self, number: i64) {
        assert!(number >= self.next, "{number} after {}", self.next);
        if number > self.next {
            assert!(self.is_cut, "{number} instead of {}", self.next);
            self.gaps += 1;
        }
        (self.next, self.is_cut) = (number + 1, false);
    }

    /// Whether the sender has ended as it had sent all.
    fn is_at_end(&self, down: &Down) -> bool {
        self.next == MESSAGES && down.reason == ExitReason::Normal
    }

    fn lost(&mut self, sender: Pid, reason: &ExitReason) {
        assert_eq!(reason, &ExitReason::NoConnection);
        assert_link_has_told(sender);
        (self.monitor, self.is_cut) = (None, true);
    }
}

/// Receives what is sent, and answers, in the second program; ties itself to the sender as soon as
/// that asks, and begins anew behind the last.
fn receive_tied(sender: Pid, tell: impl Fn(i64)) -> ! {
    process::set_trap_exit(true);
    let mut order = Order::default();
    loop {
        receive! {
            Term::Integer(number) => order.take(number),
            down: Down if Some(down.monitor) == order.monitor => order.lost(sender, &down.reason),
            question: Term => {
                let Term::Tuple(words) = &question else { panic!("{question}") };
                if words[0] == atom("tie").into() {
                    order.tie(sender);
                } else {
                    order.monitor.take().into_iter().for_each(|it| untie(sender, it));
                    tell(std::mem::take(&mut order).gaps);
                }
                process::send(sender, question);
            },
        }
    }
}

/// The receiver is tied to the sender when a connection is cut: so it is told before it gets
/// anything that comes after a gap.
#[test]
fn is_kept_between_programs_or_links_and_monitors_say_that_it_was_cut() {
    let both = Rust::start_with_twin(|parent| {
        parent.tell(&process::self_pid());
        receive_tied(parent.told(), |gaps| parent.tell(&gaps))
    });
    let Some((_rust, mut twin)) = both else { return };
    let there: Pid = twin.told();
    twin.tell(&process::self_pid());
    let (mut run, mut gaps) = (0, 0);
    // A cut may meet nothing on its way.
    while run < rounds(1) || gaps == 0 {
        assert!(run < rounds(20), "nothing was lost");
        let mut sender = Sender::new(there);
        let cut = || _ = node::disconnect(there.node());
        sender.send_all(&mut Dice::new(run as u64), |sender| sender.ask("tie"), cut);
        assert!(sender.end() > 0);
        gaps += twin.told::<i64>();
        run += 1;
    }
}

#[test]
fn is_kept_for_a_node_of_erlang_or_links_and_monitors_say_that_it_was_cut() {
    let Some((_rust, beam, relays)) = Rust::start_between_relays(|node| node) else { return };
    let there = process_there(
        &beam,
        "case Message of \
             N when is_integer(N) -> \
                 case get(next) of \
                     N -> ok; \
                     Next when N > Next -> true = get(cut), put(gaps, get(gaps) + 1) \
                 end, \
                 erase(cut), put(next, N + 1); \
             {'EXIT', _, noconnection} -> put(exit, true); \
             {'DOWN', Ref, _, _, noconnection} -> \
                 Ref = erase(ref), true = erase(exit), put(cut, true); \
             {sender, Sender} -> \
                 process_flag(trap_exit, true), put(sender, Sender), put(next, 0), put(gaps, 0); \
             {tie, _} -> \
                 case get(ref) of \
                     undefined -> link(get(sender)), put(ref, monitor(process, get(sender))); \
                     _ -> ok \
                 end, \
                 get(sender) ! Message; \
             {last, _} -> put(next, 0), get(sender) ! Message; \
             gaps -> {test, 'rust@127.0.0.1'} ! get(gaps) \
         end",
    );
    let own = (atom("sender"), process::self_pid());
    process::send(there, term::to_term(&own).unwrap());
    let (mut run, mut gaps) = (0, 0);
    while run < rounds(1) || gaps == 0 {
        assert!(run < rounds(20), "nothing was lost");
        let mut sender = Sender::new(there);
        let cut = || relays.cut();
        sender.send_all(&mut Dice::new(run as u64), |sender| sender.ask("tie"), cut);
        assert!(sender.end() > 0);
        process::send(there, atom("gaps"));
        gaps = receive! {
            Term::Integer(gaps) => gaps,
            after test_timeout() => panic!("it does not say how many gaps there were"),
        };
        process::flush(); // A question that was asked again may have been answered twice.
        run += 1;
    }
}

/// The sender is told that the last number has come.
#[derive(Debug)]
struct Over<T>(T);

/// Receives all that a process sends which has the other end of a connection that is cut again and
/// again: on its way, in the middle of a frame, or by this node. Answers until the sender `tells`
/// something.
fn receive_and_cut<T: Debug + Send + 'static>(
    sender: Pid,
    seed: u64,
    relays: &Relays,
    tells: impl FnOnce() -> T + Send,
) -> T {
    let (mut order, mut dice) = (Order::default(), Dice::new(seed));
    let me = process::self_pid();
    thread::scope(|scope| {
        scope.spawn(move || process::send(me, Over(tells())));
        loop {
            receive! {
                Term::Integer(number) => {
                    order.take(number);
                    // While one is under way the number may be of the connection before. The last
                    // one is over before the sender unlinks itself.
                    let may_be_cut = order.monitor.is_none() && number < MESSAGES - 1_000;
                    if may_be_cut && dice.below(MESSAGES as usize / CUTS) == 0 {
                        cut(&mut dice, sender, &mut order, relays);
                    }
                },
                // The sender has ended before what it tells has come.
                down: Down if Some(down.monitor) == order.monitor && order.is_at_end(&down) => {
                    order.monitor = None;
                },
                down: Down if Some(down.monitor) == order.monitor => {
                    order.lost(sender, &down.reason);
                },
                over: Over<T> => {
                    relays.release();
                    order.monitor.into_iter().for_each(|monitor| untie(sender, monitor));
                    assert!(order.next == MESSAGES || order.is_cut, "{order:?}");
                    assert!(order.gaps > 0, "nothing was lost");
                    break over.0;
                },
                question: Term => process::send(sender, question),
                after test_timeout() => panic!("nothing has come after {}", order.next),
            }
        }
    })
}

/// Ties the receiver to the sender, and has the connection cut.
fn cut(dice: &mut Dice, sender: Pid, order: &mut Order, relays: &Relays) {
    let kind = dice.below(4);
    if kind == 0 {
        // In the middle of what ties them.
        relays.cut_after(Way::There, dice.below(50));
    }
    order.tie(sender);
    match kind {
        0 => {}
        1 => _ = node::disconnect(sender.node()),
        2 => relays.cut(),
        _ => relays.cut_after(Way::Back, dice.below(10_000)),
    }
}

#[test]
fn of_what_a_program_sends_is_kept_between_cuts_on_the_way() {
    let both = Rust::start_both_between_relays(
        |node| node,
        |parent| {
            process::set_trap_exit(true);
            parent.tell(&process::self_pid());
            let receiver: Pid = parent.told();
            loop {
                let mut sender = Sender::new(receiver);
                sender.send_all(&mut Dice::new(parent.told()), |_| {}, || {});
                parent.tell(&sender.end());
            }
        },
    );
    let Some((_rust, mut twin, relays)) = both else { return };
    let there: Pid = twin.told();
    twin.tell(&process::self_pid());
    for seed in 0..rounds(1) as u64 {
        twin.tell(&seed);
        let twin = &mut twin;
        let told = receive_and_cut(there, seed, &relays, move || twin.told::<usize>());
        assert!(told > 0);
    }
}

#[test]
fn of_what_a_node_of_erlang_sends_is_kept_between_cuts_on_the_way() {
    let Some((_rust, mut beam, relays)) = Rust::start_between_relays(|node| node) else { return };
    register("test");
    for seed in 0..rounds(1) as u64 {
        let told = beam.begin(&format!(
            "process_flag(trap_exit, true), {{test, '{NAME}'}} ! self(), \
             Pid = receive Known -> Known end, \
             Tie = fun() -> link(Pid), monitor(process, Pid) end, \
             Lost = fun() -> receive {{'EXIT', Pid, noconnection}} -> ok \
                 after 0 -> exit(the_link_has_not_told) end end, \
             Last = fun Last(Ref, Told) -> Pid ! {{last, Ref}}, \
                 receive {{'DOWN', Ref, _, _, noconnection}} -> Lost(), Last(Tie(), Told + 1); \
                     {{last, Ref}} -> demonitor(Ref), unlink(Pid), Told end end, \
             Send = fun Send({MESSAGES}, Ref, Told) -> Last(Ref, Told); \
                 Send(N, Ref, Told) when N rem 64 =:= 0 -> Pid ! N, \
                     receive {{'DOWN', Ref, _, _, noconnection}} -> \
                         Lost(), Send(N + 1, Tie(), Told + 1) \
                     after 0 -> Send(N + 1, Ref, Told) end; \
                 Send(N, Ref, Told) -> Pid ! N, Send(N + 1, Ref, Told) end, \
             Send(0, Tie(), 0)"
        ));
        let there: Pid = expect_term();
        process::send(there, process::self_pid());
        let beam = &mut beam;
        let told = receive_and_cut(there, seed, &relays, move || beam.value(told));
        assert_ne!(told, "0");
        process::flush();
    }
}
