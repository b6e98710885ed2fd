//! What is wrong with processes, found by comparing snapshots.

use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};
use std::mem;
use std::time::Duration;

use crate::id::Pid;
use crate::process::{Info, Status, WaitsFor};

use super::wait_cycles::{Waits, wait_cycles};
use super::{Finding, FindingKind, ProcessInfo, Snapshot, SupervisorInfo};

/// Into how many parts the window is divided in which a queue grows.
const SAMPLES: u32 = 16;

/// Compares [snapshots](Snapshot), and finds what is likely to be wrong:
///
/// | found | what it is |
/// |---|---|
/// | [`QueueGrows`] | in 10 s a queue became longer, never shorter, and has 100 messages or more |
/// | [`NoReceivePoint`] | a process has run for 10 s without coming to a receive point |
/// | [`WaitCycle`] | processes have waited for each other for 10 s, and received nothing |
/// | [`RestartLimit`] | a supervisor has made three quarters of the restarts that it may |
/// | [`AbandonedThread`] | the thread of a killed process goes on |
///
/// It has no clock: how much time is between snapshots is known of the ages of processes. It is a
/// value that reads what it is given, so it can be used from any process. [`Watch`](super::Watch)
/// feeds one.
///
/// Calls that could never end are refused by the runtime
/// ([`Deadlock`](crate::CallErrorKind::Deadlock)). What is found are circles that have in them a
/// request for whose response a process [waits](crate::gen_server::RequestId::wait_response), a
/// start, the end of a process, or room in a mailbox. That the receiver of such a request has
/// handed it to another process, which will answer, is not known: if that takes longer, this is a
/// false alarm. A process that waits for an answer to a plain message waits for nobody.
///
/// Threads of the program's own may do without the runtime for as long as they like: they are not
/// expected to come to a receive point.
///
/// ```
/// use procession::observer::{self, Detector, FindingKind};
/// use procession::prelude::*;
/// use std::time::Duration;
///
/// let slow = process::spawn(|| _ = process::receive_match(|_| false))?;
/// let mut detector = Detector::new().queue_window(Duration::ZERO).queue_len(3);
/// for _ in 0..3 {
///     assert_eq!(detector.look(&observer::snapshot()), []);
///     process::send(slow, ());
/// }
/// let findings = detector.look(&observer::snapshot());
/// assert_eq!(findings[0].pid, slow);
/// assert!(matches!(findings[0].kind, FindingKind::QueueGrows { to: 3, .. }));
/// println!("{}", findings[0]);
/// // It is said once, as long as it stays so.
/// assert_eq!(detector.look(&observer::snapshot()), []);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// [`QueueGrows`]: FindingKind::QueueGrows
/// [`NoReceivePoint`]: FindingKind::NoReceivePoint
/// [`WaitCycle`]: FindingKind::WaitCycle
/// [`RestartLimit`]: FindingKind::RestartLimit
/// [`AbandonedThread`]: FindingKind::AbandonedThread
#[derive(Clone, Debug)]
pub struct Detector {
    queue_window: Duration,
    queue_len: usize,
    stuck_for: Duration,
    /// Of processes of which something could be found.
    histories: HashMap<Pid, History>,
    /// What the last snapshot has shown.
    standing: HashSet<Key>,
}

/// A finding, whatever its numbers are.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Key {
    Queue(Pid),
    NoReceivePoint(Pid),
    Cycle(Vec<Pid>),
    Restarts(Pid),
    Abandoned(Pid),
}

type Found = (Key, Finding);

impl Default for Detector {
    fn default() -> Detector {
        Detector::new()
    }
}

impl Detector {
    /// Returns a detector that has seen nothing.
    pub fn new() -> Detector {
        let long = Duration::from_secs(10);
        Detector {
            queue_window: long,
            queue_len: 100,
            stuck_for: long,
            histories: HashMap::new(),
            standing: HashSet::new(),
        }
    }

    /// Sets over which time a queue must have grown. Default: ten seconds.
    #[must_use]
    pub fn queue_window(mut self, window: Duration) -> Detector {
        self.queue_window = window;
        self
    }

    /// Sets how many messages a queue must have. Default: 100.
    #[must_use]
    pub fn queue_len(mut self, messages: usize) -> Detector {
        self.queue_len = messages;
        self
    }

    /// Sets for how long a process must not have come to a receive point, or processes must have
    /// waited for each other. Default: ten seconds.
    #[must_use]
    pub fn stuck_for(mut self, time: Duration) -> Detector {
        self.stuck_for = time;
        self
    }

    /// Looks at the next snapshot, and returns what it shows that the one before did not.
    ///
    /// Snapshots of one program are expected, in the order in which they were taken. With
    /// [processor times](super::Options::cpu_times) it is known whether a process computes.
    pub fn look(&mut self, snapshot: &Snapshot) -> Vec<Finding> {
        let mut found = self.look_at_processes(snapshot);
        let processes: HashMap<Pid, &Info> =
            snapshot.processes.iter().map(|it| (it.info.pid, &it.info)).collect();
        found.extend(self.cycles(&processes));
        found.extend(snapshot.supervisors.iter().filter_map(|it| near_limit(it, &processes)));
        found.extend(snapshot.abandoned.iter().map(abandoned));
        let standing = found.iter().map(|(key, _)| key.clone()).collect();
        let before = mem::replace(&mut self.standing, standing);
        found.retain(|(key, _)| !before.contains(key));
        found.into_iter().map(|(_, finding)| finding).collect()
    }

    /// Adds what is seen to the histories, and forgets those of other processes.
    fn look_at_processes(&mut self, snapshot: &Snapshot) -> Vec<Found> {
        let mut before = mem::take(&mut self.histories);
        let mut found = Vec::new();
        for process in &snapshot.processes {
            let info = &process.info;
            let mut history = before.remove(&info.pid).unwrap_or_default();
            history.look(process, self.queue_window);
            found.extend(self.queue_grows(info, &history));
            found.extend(self.no_receive_point(process, &history));
            if history.is_of_use() {
                self.histories.insert(info.pid, history);
            }
        }
        found
    }

    fn queue_grows(&self, info: &Info, history: &History) -> Option<Found> {
        let (since, from) = *history.queue.front()?;
        let (within, to) = (info.age.saturating_sub(since), info.message_queue_len);
        let grows = history.queue.len() > 1 && within >= self.queue_window && to > from;
        let kind = FindingKind::QueueGrows { from, to, within };
        (grows && to >= self.queue_len).then(|| (Key::Queue(info.pid), finding(info, kind)))
    }

    fn no_receive_point(&self, process: &ProcessInfo, history: &History) -> Option<Found> {
        let (info, still) = (&process.info, history.still.as_ref()?);
        let within = info.age.saturating_sub(still.since);
        if info.foreign || still.waits_for.is_some() || still.looks < 2 || within < self.stuck_for {
            return None;
        }
        let computed = process.cpu_time.zip(still.cpu_time);
        let computes = computed.map(|(now, then)| now.saturating_sub(then) * 2 >= within);
        let kind = FindingKind::NoReceivePoint { within, computes, thread_id: info.thread_id };
        Some((Key::NoReceivePoint(info.pid), finding(info, kind)))
    }

    fn cycles(&self, processes: &HashMap<Pid, &Info>) -> Vec<Found> {
        let mut waits: Waits = BTreeMap::new();
        for (pid, history) in &self.histories {
            let (Some(info), Some(still)) = (processes.get(pid), &history.still) else { continue };
            let is_long = info.age.saturating_sub(still.since) >= self.stuck_for;
            if still.looks > 1 && is_long {
                waits.insert(*pid, awaited(info));
            }
        }
        let found = wait_cycles(&waits).into_iter().filter_map(|cycle| {
            let info = processes.get(cycle.first()?)?;
            let kind = FindingKind::WaitCycle { processes: cycle.clone() };
            Some((Key::Cycle(cycle), finding(info, kind)))
        });
        found.collect()
    }
}

/// What was seen of a process.
#[derive(Clone, Debug, Default)]
struct History {
    /// How long its queue was at which age, since it last became shorter: the first one is as old
    /// as the window, if there is one so old.
    queue: VecDeque<(Duration, usize)>,
    /// What it has done all the time.
    still: Option<Still>,
}

#[derive(Clone, Debug)]
struct Still {
    /// What it waits for; if it runs it has not come to a receive point.
    waits_for: Option<WaitsFor>,
    receive_points: u64,
    messages_received: u64,
    /// Its age, and the time that its thread had taken, when this was first seen.
    since: Duration,
    cpu_time: Option<Duration>,
    /// How often it was seen.
    looks: usize,
}

impl History {
    fn look(&mut self, process: &ProcessInfo, window: Duration) {
        self.look_at_queue(&process.info, window);
        let now = Still::of(process);
        self.still = match (self.still.take(), now) {
            (Some(before), Some(now)) if before.goes_on_as(&now) => {
                Some(Still { looks: before.looks + 1, ..before })
            }
            (_, now) => now,
        };
    }

    fn look_at_queue(&mut self, info: &Info, window: Duration) {
        let (age, length) = (info.age, info.message_queue_len);
        if self.queue.back().is_some_and(|(_, before)| length < *before) {
            self.queue.clear();
        }
        // So they are not many, however short the time between snapshots is.
        let is_young = |(then, _): &(Duration, usize)| age.saturating_sub(*then) < window / SAMPLES;
        let joins = self.queue.len() > 1 && self.queue.back().is_some_and(is_young);
        let joined = if joins { self.queue.pop_back() } else { None };
        self.queue.push_back((joined.map_or(age, |(then, _)| then), length));
        while self.queue.get(1).is_some_and(|(then, _)| age.saturating_sub(*then) >= window)
            && self.queue.len() > 2
        {
            self.queue.pop_front();
        }
    }

    /// Returns whether it is more than that the process waits and has nothing in its queue.
    fn is_of_use(&self) -> bool {
        self.still.is_some() || self.queue.iter().any(|(_, length)| *length > 0)
    }
}

impl Still {
    /// Returns what may go on for too long.
    fn of(process: &ProcessInfo) -> Option<Still> {
        let info = &process.info;
        let is_seen = if info.waits_for.is_none() {
            info.status == Status::Running
        } else {
            !awaited(info).is_empty()
        };
        is_seen.then(|| Still {
            waits_for: info.waits_for.clone(),
            receive_points: info.receive_points,
            messages_received: info.messages_received,
            since: info.age,
            cpu_time: process.cpu_time,
            looks: 1,
        })
    }

    fn goes_on_as(&self, now: &Still) -> bool {
        // While it waits it comes to receive points at whatever arrives; an answer it receives.
        self.waits_for == now.waits_for
            && self.messages_received == now.messages_received
            && (now.waits_for.is_some() || self.receive_points == now.receive_points)
    }
}

/// Returns the processes without which a process does not go on.
fn awaited(info: &Info) -> Vec<Pid> {
    match &info.waits_for {
        Some(WaitsFor::Reply { of }) if !info.reply_deferred => vec![*of],
        Some(WaitsFor::Start { of } | WaitsFor::Room { of: Some(of) }) => vec![*of],
        Some(WaitsFor::Ends { of }) => of.clone(),
        Some(
            WaitsFor::Reply { .. }
            | WaitsFor::Room { of: None }
            | WaitsFor::Message
            | WaitsFor::Hibernation
            | WaitsFor::Time
            | WaitsFor::Name
            | WaitsFor::Thread
            | WaitsFor::Outside,
        )
        | None => Vec::new(),
    }
}

fn finding(info: &Info, kind: FindingKind) -> Finding {
    Finding { pid: info.pid, name: info.any_name(), label: info.label.clone(), kind }
}

fn near_limit(supervisor: &SupervisorInfo, processes: &HashMap<Pid, &Info>) -> Option<Found> {
    let SupervisorInfo { pid, recent_restarts, max_restarts, period, .. } = *supervisor;
    let is_near = recent_restarts > 0 && recent_restarts * 4 >= max_restarts.saturating_mul(3);
    let info = processes.get(&pid).filter(|_| is_near)?;
    let kind = FindingKind::RestartLimit { recent_restarts, max_restarts, period };
    Some((Key::Restarts(pid), finding(info, kind)))
}

fn abandoned(process: &ProcessInfo) -> Found {
    let info = &process.info;
    let kind = FindingKind::AbandonedThread { thread_id: info.thread_id };
    (Key::Abandoned(info.pid), finding(info, kind))
}
