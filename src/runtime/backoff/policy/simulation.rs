//! The policy on a model of a machine: whatever threads believe at first, and whatever pauses,
//! yields and wake-ups cost, they find to the state in which nobody parks.
//!
//! The model has cores with run queues, time slices of 4 ms that end between two steps, a balancer
//! that moves a thread to an idle core after 12 ms, and wake-ups of idle cores, of which
//! the waker pays a third; a core that has just gone idle wakes in half the time.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};

use super::*;

const SLICE: Nanos = 4_000_000;
const BALANCED_AFTER: Nanos = 12_000_000;

const LIMITS: Limits = Limits { wake_ups: 2, deadline: None };

/// Threads are fast if there are no more than so many parks in so many rounds.
#[derive(Clone, Copy)]
struct Fast {
    parks: u32,
    rounds: u32,
    /// If that has not come after so many rounds, it is taken never to come.
    within: u32,
}

/// What a machine costs.
#[derive(Clone, Copy, Debug)]
struct Model {
    cores: usize,
    /// Whether the scheduler puts a thread on the core of its waker, though another idles.
    packs: bool,
    wake_up: Nanos,
    idle_yield: Nanos,
    pause: Nanos,
    /// How long it takes until another core sees a store.
    cache_line: Nanos,
}

impl Model {
    /// What it costs a core to go from one thread to another.
    fn switch(&self) -> Nanos {
        self.idle_yield * 5 / 2
    }
}

/// What a thread believes at first.
#[derive(Clone, Copy, Debug)]
struct Start {
    confidence: u32,
    same_core: u32,
    wake_up: Nanos,
}

impl Backoff {
    fn starting(Start { confidence, same_core, wake_up }: Start) -> Backoff {
        let backoff = Backoff::new();
        backoff.wake_up.set(wake_up);
        for history in &backoff.histories {
            history.confidence.0.set(confidence);
            history.same_core.0.set(same_core);
        }
        backoff
    }
}

/// What threads do, in a circle.
#[derive(Clone, Copy, Debug)]
enum Act {
    WaitFor(WaitFor),
    /// A request to this thread.
    Ask(usize),
    /// A reply to whom the last request came from.
    Answer,
    Work(Nanos),
}

/// What a thread just does. It ends when it has [run](Thread::left) for a while.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Doing {
    /// The next of its acts.
    Next,
    Glance,
    Spin,
    Yield,
    /// A yield that is owed to others.
    CourtesyYield {
        since: Nanos,
    },
    /// It is parked, until somebody wakes it.
    Park,
}

struct Thread<'a> {
    backoff: &'a Backoff,
    acts: &'a [Act],
    next: usize,
    waits_for: WaitFor,
    wait: Option<Wait<'a>>,
    doing: Doing,
    core: usize,
    /// How long it has still to run.
    left: Nanos,
    woken_at: Option<Nanos>,
    /// Messages and replies: when they are seen, and whom they are from.
    inbox: [VecDeque<(Nanos, usize)>; 2],
    client: usize,
    parks: u32,
    rounds: u32,
    /// Of the events for it, which one counts.
    version: u32,
}

fn inbox_of(wait_for: WaitFor) -> usize {
    usize::from(wait_for == WaitFor::Reply)
}

#[derive(Default)]
struct Core {
    running: Option<usize>,
    ready: VecDeque<usize>,
    since: Nanos,
}

struct Simulation<'a> {
    model: Model,
    threads: Vec<Thread<'a>>,
    cores: Vec<Core>,
    now: Nanos,
    events: BinaryHeap<Reverse<(Nanos, u32, usize)>>,
    unbalanced_since: Option<Nanos>,
}

impl<'a> Simulation<'a> {
    fn new(model: Model, backoffs: &'a [Backoff], acts: &'a [Vec<Act>]) -> Simulation<'a> {
        let thread = |(index, (backoff, acts)): (usize, (&'a Backoff, &'a Vec<Act>))| Thread {
            backoff,
            acts,
            next: 0,
            waits_for: WaitFor::Message,
            wait: None,
            doing: Doing::Next,
            core: index % model.cores,
            left: 0,
            woken_at: None,
            inbox: Default::default(),
            client: 0,
            parks: 0,
            rounds: 0,
            version: 0,
        };
        let threads: Vec<_> = backoffs.iter().zip(acts).enumerate().map(thread).collect();
        let cores = (0..model.cores).map(|_| Core::default()).collect();
        let mut simulation = Simulation {
            model,
            threads,
            cores,
            now: 1,
            events: BinaryHeap::new(),
            unbalanced_since: None,
        };
        for index in 0..simulation.threads.len() {
            simulation.begin(index);
        }
        simulation
    }

    /// Servers are parked at first.
    fn begin(&mut self, index: usize) {
        let machine = self.machine();
        let thread = &mut self.threads[index];
        if matches!(thread.acts[0], Act::WaitFor(_)) {
            thread.next = 1;
            thread.wait = Some(thread.backoff.begin(WaitFor::Message, LIMITS, machine, self.now));
            thread.doing = Doing::Park;
        } else {
            self.make_ready(index, 0);
        }
    }

    fn machine(&self) -> Machine {
        let Model { cores, idle_yield, .. } = self.model;
        Machine { has_one_core: cores == 1, idle_yield }
    }

    /// How many rounds `counted` does until there were so few parks of `watched` in a number of
    /// rounds; `None` if that does not happen.
    fn rounds_to_fast(&mut self, counted: usize, watched: &[usize], fast: Fast) -> Option<u32> {
        // How many parks there were at the end of each round.
        let mut parks = vec![0];
        while parks.len() < (fast.within + fast.rounds) as usize {
            let Reverse((time, version, index)) = self.events.pop().expect("somebody runs");
            if self.threads[index].version == version {
                self.now = time;
                self.step(index);
                self.balance();
            }
            if self.threads[counted].rounds as usize == parks.len() {
                let now: u32 = watched.iter().map(|index| self.threads[*index].parks).sum();
                parks.push(now);
                let start = parks.len().checked_sub(1 + fast.rounds as usize);
                if let Some(start) = start
                    && now - parks[start] <= fast.parks
                {
                    return Some(start as u32);
                }
            }
        }
        None
    }

    /// Has thread `index` run for `time`, and then come to its next step.
    fn run_for(&mut self, index: usize, time: Nanos) {
        let thread = &mut self.threads[index];
        thread.left = time;
        thread.version += 1;
        self.events.push(Reverse((self.now + time, thread.version, index)));
    }

    /// The thread, which runs, has done what it did.
    fn step(&mut self, index: usize) {
        let core = self.threads[index].core;
        if self.now.saturating_sub(self.cores[core].since) > SLICE
            && !self.cores[core].ready.is_empty()
        {
            return self.give_way(index);
        }
        let found = self.sees_something(index);
        let (now, machine) = (self.now, self.machine());
        let thread = &mut self.threads[index];
        let step = match thread.doing {
            Doing::Next => return self.act(index),
            Doing::Glance if found => Step::Done(thread.backoff.found_by_glance(thread.waits_for)),
            Doing::Glance => {
                let wait = thread.backoff.begin(thread.waits_for, LIMITS, machine, now);
                let step = wait.first(machine);
                thread.wait = Some(wait);
                step
            }
            Doing::Spin => thread.wait.as_mut().expect("it waits").spun(found, now),
            Doing::Yield => thread.wait.as_mut().expect("it waits").yielded(found, machine, now),
            Doing::CourtesyYield { since } => {
                thread.backoff.yielded_out_of_courtesy(now - since, machine, now);
                return self.receive(index);
            }
            Doing::Park => {
                let parked = thread.woken_at.take().map_or(Parked::Otherwise, Parked::Woken);
                thread.wait.take().expect("it waits").parked(parked, machine, now);
                return self.receive(index);
            }
        };
        self.follow(index, step);
    }

    fn follow(&mut self, index: usize, step: Step) {
        match step {
            Step::Spin { until } => self.spin(index, Doing::Spin, until),
            Step::Yield => self.yield_core(index, Doing::Yield),
            Step::Done(Courtesy::Yield) if self.threads[index].backoff.pays(self.now) => {
                self.yield_core(index, Doing::CourtesyYield { since: self.now });
            }
            Step::Done(_) => self.receive(index),
            Step::Park => self.park(index),
        }
    }

    fn act(&mut self, index: usize) {
        let thread = &mut self.threads[index];
        if thread.next == thread.acts.len() {
            thread.next = 0;
            thread.rounds += 1;
        }
        let act = thread.acts[thread.next];
        thread.next += 1;
        match act {
            Act::Work(time) => self.run_for(index, time),
            Act::Ask(server) => self.send(index, server, WaitFor::Message),
            Act::Answer => self.send(index, self.threads[index].client, WaitFor::Reply),
            Act::WaitFor(what) => {
                self.threads[index].waits_for = what;
                self.threads[index].doing = Doing::Glance;
                let glances = self.threads[index].backoff.glances(what, self.machine());
                if self.sees_something(index) {
                    self.receive(index);
                } else if glances {
                    let until = self.now + Nanos::from(GLANCES) * self.model.pause;
                    self.spin(index, Doing::Glance, until);
                } else {
                    self.step(index);
                }
            }
        }
    }

    fn sees_something(&self, index: usize) -> bool {
        self.seen_at(index).is_some_and(|time| time <= self.now)
    }

    /// When the thread sees the next thing that it waits for.
    fn seen_at(&self, index: usize) -> Option<Nanos> {
        let thread = &self.threads[index];
        thread.inbox[inbox_of(thread.waits_for)].front().map(|(time, _)| *time)
    }

    /// Takes what it has waited for.
    fn receive(&mut self, index: usize) {
        let thread = &mut self.threads[index];
        thread.doing = Doing::Next;
        thread.wait = None;
        match thread.inbox[inbox_of(thread.waits_for)].pop_front() {
            Some((_, from)) if thread.waits_for == WaitFor::Message => thread.client = from,
            Some(_) => {}
            // What was seen at a courtesy yield is still there, so this is a park without cause.
            None => thread.next -= 1,
        }
        self.run_for(index, self.model.pause);
    }

    /// Spins until it sees something or the time has come.
    fn spin(&mut self, index: usize, doing: Doing, until: Nanos) {
        self.threads[index].doing = doing;
        let seen = self.seen_at(index).map(|time| time.max(self.now) + self.model.pause);
        let end = seen.map_or(until, |seen| seen.min(until.max(self.now + 1)));
        self.run_for(index, end.saturating_sub(self.now));
        // So that a message can end it before.
        self.threads[index].left = until.saturating_sub(self.now);
    }

    fn yield_core(&mut self, index: usize, doing: Doing) {
        self.threads[index].doing = doing;
        if self.cores[self.threads[index].core].ready.is_empty() {
            self.run_for(index, self.model.idle_yield);
        } else {
            self.give_way(index);
        }
    }

    fn give_way(&mut self, index: usize) {
        self.threads[index].left = 0;
        self.threads[index].version += 1;
        let core = self.threads[index].core;
        self.cores[core].ready.push_back(index);
        self.run_next(core);
    }

    fn park(&mut self, index: usize) {
        let (now, machine) = (self.now, self.machine());
        let thread = &mut self.threads[index];
        if !thread.inbox[inbox_of(thread.waits_for)].is_empty() {
            thread.wait.take().expect("it waits").parked(Parked::NotNeeded, machine, now);
            return self.receive(index);
        }
        thread.doing = Doing::Park;
        thread.parks += 1;
        thread.version += 1;
        let core = thread.core;
        self.run_next(core);
    }

    fn send(&mut self, from: usize, to: usize, what: WaitFor) {
        let seen = self.now + self.model.cache_line;
        self.threads[to].inbox[inbox_of(what)].push_back((seen, from));
        let mut price = self.model.pause;
        let waits = self.threads[to].waits_for == what;
        match self.threads[to].doing {
            Doing::Park if self.threads[to].woken_at.is_none() => {
                price += self.wake(to, self.threads[from].core);
            }
            doing @ (Doing::Spin | Doing::Glance) if waits && self.runs(to) => {
                // It began at some time in the past, and has looked in vain so far.
                let Some(Reverse((end, ..))) = self.event_of(to) else { unreachable!() };
                if end > seen + self.model.pause {
                    self.spin(to, doing, end);
                }
            }
            Doing::Next | Doing::Yield | Doing::CourtesyYield { .. } => {}
            Doing::Glance | Doing::Spin | Doing::Park => {}
        }
        self.run_for(from, price);
    }

    fn runs(&self, index: usize) -> bool {
        self.cores[self.threads[index].core].running == Some(index)
    }

    fn event_of(&self, index: usize) -> Option<Reverse<(Nanos, u32, usize)>> {
        let version = self.threads[index].version;
        self.events.iter().find(|Reverse((_, it, of))| (*it, *of) == (version, index)).copied()
    }

    /// Wakes a thread, and returns what the waker pays.
    fn wake(&mut self, index: usize, waker: usize) -> Nanos {
        self.threads[index].woken_at = Some(self.now);
        let is_idle = |core: &Core| core.running.is_none() && core.ready.is_empty();
        let own = self.threads[index].core;
        let core = if self.model.packs {
            waker
        } else if is_idle(&self.cores[own]) {
            own
        } else {
            self.cores.iter().position(is_idle).unwrap_or(own)
        };
        self.threads[index].core = core;
        if !is_idle(&self.cores[core]) {
            self.make_ready(index, 0);
            return self.model.switch();
        }
        let idle_for = self.now.saturating_sub(self.cores[core].since);
        let is_cold = idle_for > self.model.wake_up;
        self.make_ready(index, if is_cold { self.model.wake_up } else { self.model.wake_up / 2 });
        self.model.wake_up / 3
    }

    /// Puts a thread into the queue of its core; if that is idle, it takes time to wake.
    fn make_ready(&mut self, index: usize, wake_up: Nanos) {
        let core = self.threads[index].core;
        self.threads[index].left = 0;
        if self.cores[core].running.is_none() {
            self.cores[core].running = Some(index);
            self.cores[core].since = self.now + wake_up;
            self.run_for(index, wake_up);
        } else {
            self.cores[core].ready.push_back(index);
        }
    }

    fn run_next(&mut self, core: usize) {
        let next = self.cores[core].ready.pop_front();
        self.cores[core].running = next;
        self.cores[core].since = self.now;
        if let Some(next) = next {
            self.run_for(next, self.model.switch());
        }
    }

    /// Moves a thread that has waited for its core to one that has long been idle.
    fn balance(&mut self) {
        let idle = self.cores.iter().position(|core| core.running.is_none());
        let busy = self.cores.iter().position(|core| !core.ready.is_empty());
        let (Some(idle), Some(busy)) = (idle, busy) else {
            self.unbalanced_since = None;
            return;
        };
        let since = *self.unbalanced_since.get_or_insert(self.now);
        if self.now - since > BALANCED_AFTER {
            let moved = self.cores[busy].ready.pop_front().expect("it is busy");
            self.threads[moved].core = idle;
            self.make_ready(moved, self.model.wake_up / 2);
            self.unbalanced_since = None;
        }
    }
}

/// What every thread of a test starts with: all combinations are tried, the client's with the
/// servers'.
fn starts() -> Vec<Start> {
    let mut starts = Vec::new();
    for confidence in [0, 1, 8] {
        for same_core in [0, 4] {
            for wake_up in [1_000, 20_000, 100_000] {
                starts.push(Start { confidence, same_core, wake_up });
            }
        }
    }
    starts
}

/// All kinds of machines with so many cores.
fn models(cores: usize, packs: bool) -> Vec<Model> {
    let mut models = Vec::new();
    for wake_up in [2_000, 5_000, 20_000, 45_000, 75_000] {
        for idle_yield in [200, 400, 1_000] {
            for pause in [5, 12, 25, 45] {
                for cache_line in [60, 300] {
                    models.push(Model { cores, packs, wake_up, idle_yield, pause, cache_line });
                }
            }
        }
    }
    models
}

const ASK: Act = Act::WaitFor(WaitFor::Message);
const REPLY: Act = Act::WaitFor(WaitFor::Reply);

/// Runs a client, which is the first, and servers on `models`, from all starts, until none parks.
/// Returns how many rounds that took at most.
fn most_rounds(models: &[Model], acts: impl Fn(&Model) -> Vec<Vec<Act>>) -> u32 {
    const FAST: Fast = Fast { parks: 0, rounds: 20, within: 600 };
    let all = from_all_starts(models, acts, |simulation, threads| {
        let watched: Vec<_> = (0..threads).collect();
        simulation.rounds_to_fast(0, &watched, FAST)
    });
    all.into_iter().max().expect("there are models")
}

/// Runs a client, which is the first, and servers from all starts, and returns what `run`, which
/// is given their number, makes of each.
fn from_all_starts(
    models: &[Model],
    acts: impl Fn(&Model) -> Vec<Vec<Act>>,
    run: impl Fn(&mut Simulation<'_>, usize) -> Option<u32>,
) -> Vec<u32> {
    let mut all = Vec::new();
    for model in models {
        let acts = acts(model);
        let is_server = |index: usize| matches!(acts[index][0], Act::WaitFor(_));
        for client in starts() {
            for server in starts() {
                let start = |index| if is_server(index) { server } else { client };
                let backoffs: Vec<_> =
                    (0..acts.len()).map(|index| Backoff::starting(start(index))).collect();
                let mut simulation = Simulation::new(*model, &backoffs, &acts);
                let rounds = run(&mut simulation, acts.len()).unwrap_or_else(|| {
                    panic!("they park forever on {model:?} from {client:?} and {server:?}")
                });
                all.push(rounds);
            }
        }
    }
    all
}

fn pair(think: Nanos, work: Nanos) -> Vec<Vec<Act>> {
    let client = vec![Act::Ask(1), REPLY, Act::Work(think)];
    vec![client, vec![ASK, Act::Work(work), Act::Answer]]
}

fn chain(_: &Model) -> Vec<Vec<Act>> {
    let client = vec![Act::Ask(1), REPLY];
    vec![client, vec![ASK, Act::Ask(2), REPLY, Act::Answer], vec![ASK, Act::Answer]]
}

/// The server comes last.
fn crowd(callers: usize) -> Vec<Vec<Act>> {
    let mut acts = vec![vec![Act::Ask(callers), REPLY]; callers];
    acts.push(vec![ASK, Act::Answer]);
    acts
}

#[test]
fn a_pair_on_two_cores_stops_parking() {
    let rounds = most_rounds(&models(2, false), |_| pair(0, 0));
    assert!(rounds <= 18, "{rounds}");
}

#[test]
fn a_pair_on_one_core_stops_parking() {
    let rounds = most_rounds(&models(1, false), |_| pair(0, 0));
    assert!(rounds <= 18, "{rounds}");
}

#[test]
fn a_pair_that_is_put_on_one_core_stops_parking() {
    let rounds = most_rounds(&models(2, true), |_| pair(0, 0));
    assert!(rounds <= 18, "{rounds}");
}

#[test]
fn a_pair_whose_server_works_for_half_a_wake_up_stops_parking() {
    let rounds = most_rounds(&models(2, false), |model| pair(0, model.wake_up / 2));
    assert!(rounds <= 18, "{rounds}");
}

#[test]
fn a_pair_whose_client_works_for_half_a_wake_up_stops_parking() {
    let rounds = most_rounds(&models(2, false), |model| pair(model.wake_up / 2, 0));
    assert!(rounds <= 18, "{rounds}");
}

#[test]
fn a_chain_on_two_cores_stops_parking() {
    let rounds = most_rounds(&models(2, false), chain);
    assert!(rounds <= 18, "{rounds}");
}

#[test]
fn a_chain_on_one_core_stops_parking() {
    let rounds = most_rounds(&models(1, false), chain);
    assert!(rounds <= 32, "{rounds}");
}

#[test]
fn a_chain_on_four_cores_stops_parking() {
    let rounds = most_rounds(&models(4, false), chain);
    assert!(rounds <= 18, "{rounds}");
}

/// Some park now and then, as they share cores with others that are always answered at once. In a
/// few cases many do, until the balancer moves one.
#[test]
fn eight_callers_on_four_cores_nearly_stop_parking() {
    const FAST: Fast = Fast { parks: 8, rounds: 160, within: 40_000 };
    // A fifth of all, which among them have all of each cost: this is the longest simulation.
    let some_models: Vec<_> = models(4, false).into_iter().step_by(5).collect();
    let requests = from_all_starts(
        &some_models,
        |_| crowd(8),
        |simulation, threads| {
            let watched: Vec<_> = (0..threads).collect();
            simulation.rounds_to_fast(threads - 1, &watched, FAST)
        },
    );
    let late = requests.iter().filter(|it| **it > 31 * 8).count();
    assert!(late * 20 <= requests.len(), "{late} of {}", requests.len());
}
