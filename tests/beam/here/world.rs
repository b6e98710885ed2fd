//! What all processes of a scenario know.

use std::collections::HashMap;
use std::sync::Arc;

use parking_lot::Mutex;
use procession::prelude::*;

use crate::script::Term;

/// The processes, references and so on that a scenario has made, by their names in the script.
#[derive(Debug)]
pub(crate) struct World {
    pub(crate) director: Pid,
    known: Mutex<Known>,
}

#[derive(Debug, Default)]
struct Known {
    /// The last process of each index.
    pids: HashMap<String, Pid>,
    /// How many processes an index has had.
    lives: HashMap<String, usize>,
    /// What each process is called, in the order in which they have come.
    everybody: Vec<(Pid, String)>,
    aliases: HashMap<String, Alias>,
    monitors: HashMap<String, MonitorRef>,
    timers: HashMap<String, TimerRef>,
    deferred: HashMap<String, ReplyTo<String>>,
    /// How often a child was started.
    starts: HashMap<String, usize>,
}

/// To the director: this process has come, and has something to do, or not.
#[derive(Debug)]
pub(crate) struct Hello(pub(crate) Pid, pub(crate) bool);
/// To the director: this process has come, and needs no answer.
#[derive(Debug)]
pub(crate) struct Watch(pub(crate) Pid);
/// The director's answer.
#[derive(Debug)]
pub(crate) struct Welcome;
/// To the director: something has happened to this process.
#[derive(Debug)]
pub(crate) struct Event(pub(crate) Pid, pub(crate) String);
/// To an actor: do this.
#[derive(Debug)]
pub(crate) struct Do(pub(crate) Vec<Term>);
/// To the director: this actor has done it.
#[derive(Debug)]
pub(crate) struct Done(pub(crate) Pid, pub(crate) String);

impl World {
    pub(crate) fn new() -> Arc<World> {
        Arc::new(World { director: process::self_pid(), known: Mutex::default() })
    }

    /// Lets a process be known by its index.
    pub(crate) fn enlist(&self, index: &str, pid: Pid) {
        let mut known = self.known.lock();
        if known.everybody.iter().any(|(other, _)| *other == pid) {
            return;
        }
        let lives = known.lives.entry(index.to_owned()).or_default();
        *lives += 1;
        let label = if *lives == 1 { format!("p{index}") } else { format!("p{index}#{lives}") };
        known.pids.insert(index.to_owned(), pid);
        known.everybody.push((pid, label));
    }

    /// The caller is known from now on, and its end will be told.
    pub(crate) fn enter(&self, index: &str) {
        self.greet(index, false);
    }

    /// As [`enter`](Self::enter), of an actor that has something to do.
    pub(crate) fn enter_busy(&self, index: &str) {
        self.greet(index, true);
    }

    fn greet(&self, index: &str, is_busy: bool) {
        let me = process::self_pid();
        self.enlist(index, me);
        process::send(self.director, Hello(me, is_busy));
        receive! { Welcome => {} }
    }

    /// As [`enter`](Self::enter), for another process, which has not begun to do anything.
    pub(crate) fn enter_other(&self, index: &str, pid: Pid) {
        self.enlist(index, pid);
        process::send(self.director, Watch(pid));
    }

    pub(crate) fn event(&self, text: String) {
        process::send(self.director, Event(process::self_pid(), text));
    }

    pub(crate) fn everybody(&self) -> Vec<(Pid, String)> {
        self.known.lock().everybody.clone()
    }

    pub(crate) fn label(&self, pid: Pid) -> String {
        let known = self.known.lock();
        let found = known.everybody.iter().find(|(other, _)| *other == pid);
        found.map_or_else(|| "?".to_owned(), |(_, label)| label.clone())
    }

    pub(crate) fn pid(&self, index: &str) -> Option<Pid> {
        self.known.lock().pids.get(index).copied()
    }

    pub(crate) fn keep_monitor(&self, name: &str, monitor: MonitorRef) {
        let mut known = self.known.lock();
        known.monitors.insert(name.to_owned(), monitor);
        known.aliases.insert(name.to_owned(), monitor.into());
    }

    pub(crate) fn monitor(&self, name: &str) -> Option<MonitorRef> {
        self.known.lock().monitors.get(name).copied()
    }

    pub(crate) fn keep_alias(&self, name: &str, alias: Alias) {
        self.known.lock().aliases.insert(name.to_owned(), alias);
    }

    pub(crate) fn alias(&self, name: &str) -> Option<Alias> {
        self.known.lock().aliases.get(name).copied()
    }

    pub(crate) fn monitor_label(&self, monitor: MonitorRef) -> String {
        label_in(&self.known.lock().monitors, monitor)
    }

    pub(crate) fn keep_timer(&self, name: &str, timer: TimerRef) {
        self.known.lock().timers.insert(name.to_owned(), timer);
    }

    pub(crate) fn timer(&self, name: &str) -> Option<TimerRef> {
        self.known.lock().timers.get(name).copied()
    }

    pub(crate) fn timers(&self) -> Vec<TimerRef> {
        self.known.lock().timers.values().copied().collect()
    }

    pub(crate) fn timer_label(&self, timer: TimerRef) -> String {
        label_in(&self.known.lock().timers, timer)
    }

    pub(crate) fn keep_deferred(&self, name: &str, reply_to: ReplyTo<String>) {
        self.known.lock().deferred.insert(name.to_owned(), reply_to);
    }

    pub(crate) fn deferred(&self, name: &str) -> Option<ReplyTo<String>> {
        self.known.lock().deferred.get(name).copied()
    }

    /// Counts the starts of a child, this one included.
    pub(crate) fn count_start(&self, index: &str) -> usize {
        let mut known = self.known.lock();
        let starts = known.starts.entry(index.to_owned()).or_default();
        *starts += 1;
        *starts
    }
}

fn label_in<T: PartialEq>(names: &HashMap<String, T>, value: T) -> String {
    let found = names.iter().find(|(_, other)| **other == value);
    found.map_or_else(|| "?".to_owned(), |(name, _)| name.clone())
}
