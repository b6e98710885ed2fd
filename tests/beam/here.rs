//! Runs scenarios here.
//!
//! A director, a process made for each scenario, tells the actors what to do, one step after the
//! other, and writes down what it sees. Between two steps it waits until everything rests, which
//! is when every thread of the runtime waits for something and nothing has come meanwhile.

#[path = "here/machines.rs"]
mod machines;
#[path = "here/perform.rs"]
mod perform;
#[path = "here/servers.rs"]
mod servers;
#[path = "here/trees.rs"]
mod trees;
#[path = "here/words.rs"]
mod words;
#[path = "here/world.rs"]
mod world;

use std::collections::HashSet;
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use procession::prelude::*;
use procession::process::Status;
use procession::timer;

use crate::script::{Script, Step};
use crate::support::wait::test_timeout;
use world::{Do, Done, Event, Hello, Watch, Welcome, World};

/// Runs `script`, and returns its trace.
pub(crate) fn run(script: &Script) -> String {
    process::self_pid(); // Which makes the caller one of the others.
    let others = process::processes();
    let script = script.clone();
    let (sender, trace) = mpsc::channel();
    let (director, monitor) = process::spawn_monitor(move || {
        let mut director = Director {
            world: World::new(),
            others: others.into_iter().chain([process::self_pid()]).collect(),
            busy: HashSet::new(),
            trace: String::new(),
        };
        if script.0.iter().any(|step| director.step(step) == Err(Restless)) {
            director.note("restless");
        }
        director.clear_up();
        _ = sender.send(director.trace);
    })
    .expect("there is a thread to be had");
    let down: Down = receive! { down: Down if down.monitor == monitor => down };
    trace.recv().unwrap_or_else(|_| panic!("the director {director} has ended: {}", down.reason))
}

struct Director {
    world: Arc<World>,
    /// The processes that are not of the scenario.
    others: HashSet<Pid>,
    /// The actors that have something to do.
    busy: HashSet<Pid>,
    trace: String,
}

/// A scenario that never comes to rest.
#[derive(Debug, PartialEq)]
struct Restless;

/// Each process as it looked at a moment, and how many threads had something to do.
type Look = Vec<(Pid, u64, usize)>;

impl Director {
    fn note(&mut self, line: impl AsRef<str>) {
        self.trace += line.as_ref();
        self.trace.push('\n');
    }

    fn step(&mut self, step: &Step) -> Result<(), Restless> {
        self.note(format!("step {step}"));
        let (actor, operations) = step.parts();
        if actor == "*" {
            for index in operations {
                let (world, index) = (Arc::clone(&self.world), index.word().to_owned());
                process::spawn(move || perform::act(&world, &index, &[]))
                    .expect("there is a thread to be had");
            }
            return self.settle(step);
        }
        match self.world.pid(actor) {
            None => self.note("result absent"),
            Some(pid) if !process::is_alive(pid) => self.note("result gone"),
            Some(pid) if self.busy.contains(&pid) => self.note("result busy"),
            Some(pid) => {
                self.busy.insert(pid);
                process::send(pid, Do(operations.to_vec()));
                self.settle(step)?;
            }
        }
        Ok(())
    }

    /// Waits until everything rests, and notes how it looks then.
    fn settle(&mut self, step: &Step) -> Result<(), Restless> {
        self.rest()?;
        if step.0.iter().any(|term| term.has("now") || term.has("soon")) {
            // Timers expire in order: what was to happen sooner has happened before this.
            timer::send_after(Duration::from_millis(2), process::self_pid(), Barrier);
            receive! { Barrier => {} }
            self.rest()?;
        }
        for (pid, label) in self.world.everybody() {
            self.note_state(pid, &label);
        }
        Ok(())
    }

    fn rest(&mut self) -> Result<(), Restless> {
        let start = Instant::now();
        let mut before = None;
        loop {
            let attended = self.attend();
            let now = self.look();
            if !attended && now.is_some() && now == before && !self.attend() {
                return Ok(());
            }
            before = now;
            if start.elapsed() > test_timeout() {
                return Err(Restless);
            }
            thread::yield_now();
        }
    }

    /// Looks at all processes; `None` if anything has something to do.
    fn look(&self) -> Option<Look> {
        let info = process::system_info();
        let mut at_work = 0;
        let mut look = Vec::new();
        for pid in process::processes() {
            let info = process::info(pid)?;
            at_work += usize::from(!info.foreign);
            if !self.others.contains(&pid) {
                if info.status == Status::Running {
                    return None;
                }
                look.push((pid, info.messages_received, info.message_queue_len));
            }
        }
        // A thread that is not idle and has no process that is alive tells of the end of one.
        (info.threads - info.cached_threads == at_work).then_some(look)
    }

    /// Attends to what has come, and says whether anything has.
    fn attend(&mut self) -> bool {
        let mut attended = false;
        loop {
            receive! {
                Hello(pid, is_busy) => {
                    if is_busy {
                        self.busy.insert(pid);
                    }
                    process::monitor(pid);
                    process::send(pid, Welcome);
                }
                Watch(pid) => _ = process::monitor(pid),
                Event(pid, text) => self.note(format!("event {} {text}", self.world.label(pid))),
                Done(pid, text) => {
                    self.busy.remove(&pid);
                    self.note(format!("result {} {text}", self.world.label(pid)));
                }
                down: Down => {
                    let label = down_label(&self.world, &down);
                    self.note(format!("ended {label} {}", words::reason(&down.reason)));
                }
                after Duration::ZERO => return attended,
            }
            attended = true;
        }
    }

    fn note_state(&mut self, pid: Pid, label: &str) {
        if self.busy.contains(&pid) {
            return;
        }
        let Some(info) = process::info(pid) else { return };
        let world = &self.world;
        let links = words::labels(world, info.links.into_iter());
        let monitors = words::objects(world, &info.monitors);
        let is_seen = |pid: &Pid| *pid != process::self_pid() && !self.busy.contains(pid);
        let watched = words::labels(world, info.monitored_by.into_iter().filter(is_seen));
        let name = info.name.map_or(String::new(), |name| format!(" name {name}"));
        let (queue, traps) = (info.message_queue_len, info.trap_exit);
        self.note(format!(
            "state {label} links{links} monitors{monitors} watched{watched}{name} queue {queue} \
             traps {traps}"
        ));
    }

    /// Leaves nothing of the scenario behind.
    fn clear_up(&self) {
        for timer in self.world.timers() {
            timer::cancel(timer);
        }
        let start = Instant::now();
        loop {
            assert!(start.elapsed() < test_timeout(), "something of the scenario does not end");
            let left = process::processes().into_iter().filter(|pid| !self.others.contains(pid));
            let left: Vec<Pid> = left.collect();
            if left.is_empty() && self.look().is_some() {
                return;
            }
            left.into_iter().for_each(|pid| process::exit(pid, ExitReason::Kill));
            thread::yield_now();
        }
    }
}

/// To the director, from itself.
#[derive(Debug)]
struct Barrier;

fn down_label(world: &World, down: &Down) -> String {
    world.everybody().into_iter().find(|(pid, _)| down.object == *pid).expect("it has said hello").1
}
