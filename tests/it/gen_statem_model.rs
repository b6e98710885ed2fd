//! `gen_statem`: machines and events at random, against a model of OTP's rules.
//!
//! `STATEM_SEED`, a number, repeats the sequence with that seed, which a difference prints.

use std::collections::{BTreeMap, VecDeque};
use std::env;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use procession::prelude::*;

use crate::support::dice::Dice;
use crate::support::machine_table::{
    self, Action, EVENTS, Event, FUEL, Kind, Order, Outcome, Rule, STARTER, STATES, State, Table,
    Time, Which,
};
use crate::support::rounds::rounds;
use crate::support::table_machine::{Input, Machine, Observer};
use crate::support::wait::test_timeout;

/// What is seen of a machine.
#[derive(Debug, Default, PartialEq)]
struct Seen {
    /// The callbacks, each with what it was called with.
    callbacks: Vec<String>,
    /// What each client has got, by the number of its call.
    replies: BTreeMap<usize, String>,
    /// The reason for which it has ended.
    ended: Option<String>,
}

/// An event on its way, with the number of the call that it is, if it is one.
#[derive(Clone, Copy, Debug)]
struct Pending {
    kind: Kind,
    event: Event,
    call: Option<usize>,
}

/// The rules of `gen_statem`.
struct Model<'a> {
    table: &'a Table,
    fuel: u32,
    state: State,
    /// What was inserted, and what is tried again.
    queue: VecDeque<Pending>,
    /// The oldest first.
    postponed: Vec<Pending>,
    /// The timeouts that are running or due, with their events.
    timeouts: BTreeMap<Which, (Due, Event)>,
    /// The due ones, the first that comes first.
    zero: Vec<Which>,
    kept: VecDeque<usize>,
    seen: Seen,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Due {
    Now,
    /// In so many milliseconds.
    At(u64),
}

/// What is due by then expires between two groups of events, and what is due later never does.
const SOON: u64 = 1;

/// What callbacks have asked for, until the change of state is made.
#[derive(Debug)]
struct Transition {
    next: State,
    postpones: bool,
    enters: bool,
    inserted: Vec<Pending>,
    timeouts: Vec<(Which, Order)>,
}

impl<'a> Model<'a> {
    /// A machine whose `init` has returned.
    fn start(table: &'a Table) -> Model<'a> {
        let state = STATES[0];
        let mut model = Model {
            table,
            fuel: FUEL,
            state,
            queue: VecDeque::new(),
            postponed: Vec::new(),
            timeouts: BTreeMap::new(),
            zero: Vec::new(),
            kept: VecDeque::new(),
            seen: Seen::default(),
        };
        let mut transition = model.stay();
        transition.enters = true;
        model.act(&mut transition, &table.init, None);
        model.enter_and_change(transition, None);
        model.run_queue();
        model
    }

    /// Has an event come from outside, and handles all that follows from it.
    fn receive(&mut self, kind: Kind, event: Event, call: Option<usize>) {
        if self.seen.ended.is_none() {
            self.handle(Pending { kind, event, call });
            self.run_queue();
        }
    }

    /// Handles inserted and retried events, and when there are none, timeouts that are due.
    fn run_queue(&mut self) {
        while self.seen.ended.is_none() {
            if let Some(pending) = self.queue.pop_front() {
                self.handle(pending);
            } else if let Some(which) = self.zero.first().copied() {
                self.fire(which);
            } else {
                return;
            }
        }
    }

    fn fire(&mut self, which: Which) {
        let (_, event) = self.timeouts[&which];
        self.cancel(which);
        self.handle(Pending { kind: Kind::Timeout(which), event, call: None });
    }

    /// Lets the time pass in which what is to happen soon happens.
    fn expire(&mut self) {
        let is_due = |due: &Due| matches!(due, Due::At(time) if *time <= SOON);
        let due = self.timeouts.iter().find(|(_, (due, _))| is_due(due));
        if self.seen.ended.is_none()
            && let Some((which, _)) = due
        {
            self.fire(*which);
            self.run_queue();
        }
    }

    fn stay(&self) -> Transition {
        Transition {
            next: self.state,
            postpones: false,
            enters: false,
            inserted: Vec::new(),
            timeouts: Vec::new(),
        }
    }

    fn handle(&mut self, pending: Pending) {
        let Pending { kind, event, .. } = pending;
        self.seen.callbacks.push(format!("{} {kind} {event}", self.state));
        let Rule { outcome, actions } = self.table.on_event(&mut self.fuel, self.state, event);
        let mut transition = self.stay();
        match outcome {
            Outcome::Keep => {}
            Outcome::Repeat => transition.enters = true,
            Outcome::Next(state) => {
                transition.next = state;
                transition.enters = state != self.state;
            }
            Outcome::Stop(reason) => return self.end(reason, self.state),
            Outcome::StopAndReply(reason, value) => {
                self.reply(pending.call, value);
                return self.end(reason, self.state);
            }
            Outcome::Crash => return self.end("crash", self.state),
        }
        self.act(&mut transition, &actions, Some(pending));
        self.enter_and_change(transition, Some(pending));
    }

    fn act(&mut self, transition: &mut Transition, actions: &[Action], on: Option<Pending>) {
        let call = on.and_then(|it| it.call);
        for action in actions {
            match *action {
                Action::Postpone => transition.postpones = true,
                Action::Hibernate => {}
                Action::NextEvent(kind, event) => {
                    transition.inserted.push(Pending { kind, event, call: None });
                }
                Action::PassOn(event) if call.is_some() => {
                    transition.inserted.push(Pending { kind: Kind::Call, event, call });
                }
                Action::PassOn(_) => {}
                Action::Reply(value) => self.reply(call, value),
                Action::Keep => self.kept.extend(call),
                Action::ReplyKept(value) => {
                    let call = self.kept.pop_front();
                    self.reply(call, value);
                }
                Action::Timeout(which, order) => transition.timeouts.push((which, order)),
            }
        }
    }

    fn reply(&mut self, call: Option<usize>, value: u32) {
        if let Some(call) = call {
            self.seen.replies.entry(call).or_insert_with(|| value.to_string());
        }
    }

    /// The enter calls, which may repeat themselves, and the change of state.
    fn enter_and_change(&mut self, mut transition: Transition, on: Option<Pending>) {
        while transition.enters {
            let next = transition.next;
            // However often it is repeated, the old state is the one before the event.
            self.seen.callbacks.push(format!("enter {} {next}", self.state));
            let Rule { outcome, actions } = self.table.on_enter(&mut self.fuel, next);
            transition.enters = match outcome {
                Outcome::Repeat => true,
                Outcome::Keep | Outcome::Next(_) => false,
                Outcome::Stop(reason) | Outcome::StopAndReply(reason, _) => {
                    return self.end(reason, next);
                }
                // OTP tells `terminate` the old state, as the new one has not come to be.
                Outcome::Crash => return self.end("crash", self.state),
            };
            self.act(&mut transition, &actions, None);
        }
        self.change(transition, on);
    }

    fn change(&mut self, transition: Transition, on: Option<Pending>) {
        let Transition { next, postpones, inserted, timeouts, .. } = transition;
        self.postponed.extend(on.filter(|_| postpones));
        self.cancel(Which::Event);
        if next != self.state {
            self.cancel(Which::State);
            let retried = std::mem::take(&mut self.postponed);
            retried.into_iter().rev().for_each(|pending| self.queue.push_front(pending));
            self.state = next;
        }
        // Of each timeout, what was asked for last counts.
        for (index, (which, order)) in timeouts.iter().enumerate() {
            if !timeouts[index + 1..].iter().any(|(later, _)| later == which) {
                self.set_timeout(*which, *order);
            }
        }
        inserted.into_iter().rev().for_each(|pending| self.queue.push_front(pending));
    }

    fn set_timeout(&mut self, which: Which, order: Order) {
        match order {
            Order::Start(time, event) => {
                self.cancel(which);
                let due = match time {
                    Time::Infinity => return,
                    Time::Zero => Due::Now,
                    Time::Soon => Due::At(SOON),
                    Time::Late => Due::At(3_600_000),
                };
                self.set(which, due, event);
            }
            Order::Cancel => self.cancel(which),
            Order::Update(event) => match self.timeouts.get_mut(&which) {
                Some((_, old)) => *old = event,
                None => self.set(which, Due::Now, event),
            },
        }
    }

    fn set(&mut self, which: Which, due: Due, event: Event) {
        self.timeouts.insert(which, (due, event));
        if due == Due::Now {
            self.zero.push(which);
        }
    }

    fn cancel(&mut self, which: Which) {
        self.timeouts.remove(&which);
        self.zero.retain(|it| *it != which);
    }

    fn end(&mut self, reason: &str, state: State) {
        self.seen.callbacks.push(format!("terminate {reason} {state}"));
        self.seen.ended = Some(reason.to_owned());
    }
}

/// An event from outside.
#[derive(Clone, Copy, Debug)]
struct External {
    kind: Kind,
    event: Event,
}

/// A machine, and what comes to it: all of one group is there before any of it is handled.
struct Sequence {
    table: Table,
    groups: Vec<Vec<External>>,
}

impl Sequence {
    fn new(seed: u64) -> Sequence {
        let mut dice = Dice::new(seed);
        let has_starter = dice.happens(30);
        let mut table = if has_starter {
            machine_table::table_with_starter(&mut dice)
        } else {
            machine_table::table(&mut dice)
        };
        // What fails is reported: not thousands of times. It is compared with the BEAM.
        let rules = table.handle.values_mut().chain(table.enter.values_mut());
        for outcome in rules.map(|rule| &mut rule.outcome) {
            match outcome {
                Outcome::Crash => *outcome = Outcome::Keep,
                Outcome::Stop(reason) | Outcome::StopAndReply(reason, _) if *reason == "oops" => {
                    *reason = "shutdown";
                }
                Outcome::Keep
                | Outcome::Repeat
                | Outcome::Next(_)
                | Outcome::Stop(_)
                | Outcome::StopAndReply(..) => {}
            }
        }
        let count = 1 + dice.below(4);
        let groups = (0..count).map(|_| group(&mut dice, has_starter)).collect();
        Sequence { table, groups }
    }
}

fn group(dice: &mut Dice, has_starter: bool) -> Vec<External> {
    let external = |dice: &mut Dice| {
        let kind = [Kind::Call, Kind::Cast, Kind::Info][dice.below(3)];
        External { kind, event: Event(dice.below(EVENTS.into()) as u8) }
    };
    let mut group: Vec<External> = (0..1 + dice.below(5)).map(|_| external(dice)).collect();
    if has_starter && dice.happens(60) {
        group.push(External { kind: Kind::Cast, event: STARTER });
    }
    group
}

/// A real machine that is compared with one of the model.
struct Real {
    machine: StatemRef<Machine>,
    monitor: MonitorRef,
    callbacks: Vec<String>,
    requests: Vec<RequestId<u32>>,
}

/// From a real machine: a callback was called.
#[derive(Debug)]
struct Called(String);

impl Real {
    fn start(table: &Table) -> Real {
        let observer = Arc::new(Watcher(process::self_pid())) as Arc<dyn Observer>;
        let arguments = (Arc::new(table.clone()), observer);
        let (machine, monitor) = Machine::start_monitor(arguments).expect("it starts");
        Real { machine, monitor, callbacks: Vec::new(), requests: Vec::new() }
    }

    fn receive(&mut self, group: &[External]) {
        let sys = self.machine.sys();
        // One that has ended cannot be suspended.
        let is_suspended = sys.suspend().is_ok();
        for External { kind, event } in group.iter().copied() {
            match kind {
                Kind::Call => {
                    let request = self.machine.send_request(|it| Input::Call(event, it));
                    self.requests.push(request);
                }
                Kind::Cast => self.machine.cast(Input::Event(event)),
                Kind::Info => self.machine.send(event),
                Kind::Internal | Kind::Timeout(_) => unreachable!("it comes from outside"),
            }
        }
        if is_suspended {
            sys.resume().expect("it has not ended");
        }
    }

    /// Waits for so many callbacks, and for all that have begun.
    fn settle(&mut self, least: usize) {
        while self.callbacks.len() < least
            && let Some(Called(callback)) = self.next(test_timeout())
        {
            self.callbacks.push(callback);
        }
        _ = self.machine.sys().get_state(|_| ());
        while let Some(Called(callback)) = self.next(Duration::ZERO) {
            self.callbacks.push(callback);
        }
    }

    fn next(&self, time: Duration) -> Option<Called> {
        receive! {
            called: Called => Some(called),
            after time => None,
        }
    }

    /// What was seen of it. It is stopped if it has not ended.
    fn finish(mut self) -> Seen {
        let is_alive = self.machine.sys().get_state(|_| ()).is_ok();
        let mut replies = BTreeMap::new();
        for (call, request) in self.requests.drain(..).enumerate() {
            let time = if is_alive { Duration::ZERO } else { test_timeout() };
            match request.receive_response(time) {
                Ok(value) => _ = replies.insert(call, value.to_string()),
                Err(error) if *error.kind() == CallErrorKind::Timeout => {}
                Err(_) => _ = replies.insert(call, ENDED.to_owned()),
            }
        }
        if is_alive {
            process::exit(self.machine.pid(), ExitReason::Kill);
        }
        let reason = receive! { down: Down if down.monitor == self.monitor => down.reason };
        let callbacks = std::mem::take(&mut self.callbacks);
        Seen { callbacks, replies, ended: (!is_alive).then(|| reason.to_string()) }
    }
}

/// What a client gets that waits for a machine which has ended.
const ENDED: &str = "ended";

/// Tells a process of the callbacks of a real machine.
struct Watcher(Pid);

impl Observer for Watcher {
    fn see(&self, callback: String) {
        process::send(self.0, Called(callback));
    }

    fn word(&self, reason: &ExitReason) -> String {
        reason.to_string()
    }

    fn reason(&self, word: &str) -> ExitReason {
        match word {
            "normal" => ExitReason::Normal,
            _ => ExitReason::Shutdown,
        }
    }
}

/// What the model and a real machine have done.
fn run(Sequence { table, groups }: &Sequence) -> (Seen, Seen) {
    let (mut model, mut real) = (Model::start(table), Real::start(table));
    let mut calls = 0;
    for group in groups {
        for External { kind, event } in group {
            let call = (*kind == Kind::Call).then_some(calls);
            calls += usize::from(call.is_some());
            model.receive(*kind, *event, call);
        }
        model.expire();
        real.receive(group);
        real.settle(model.seen.callbacks.len());
    }
    if model.seen.ended.is_some() {
        let replies = &mut model.seen.replies;
        (0..calls).for_each(|call| _ = replies.entry(call).or_insert_with(|| ENDED.to_owned()));
    }
    (model.seen, real.finish())
}

mod any_machine {
    use super::*;

    #[test]
    fn does_what_the_model_does() {
        let given = env::var("STATEM_SEED").ok().and_then(|seed| seed.parse().ok());
        let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("it is after 1970");
        let first: u64 = given.unwrap_or(now.as_nanos() as u64 % 1_000_000_000);
        let count = if given.is_some() { 1 } else { rounds(4_000) as u64 };
        for seed in first..first + count {
            let sequence = Sequence::new(seed);
            let (model, real) = run(&sequence);
            let Sequence { table, groups } = &sequence;
            assert_eq!(real, model, "STATEM_SEED={seed} {table} {groups:?}");
        }
    }
}
