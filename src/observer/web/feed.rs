//! The process that takes the snapshots, once in an interval for all who watch, and none while
//! nobody does.
//!
//! Nothing queues up for those who watch: they are told that there is something newer, once until
//! they have looked, and find the newest.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use parking_lot::Mutex;

use crate::gen_server::{
    CallResult, Caller, CastResult, GenServer, HandleCall, InitResult, noreply, ready, reply,
};
use crate::handle_info;
use crate::id::{MonitorRef, Pid};
use crate::message::{Down, Message};
use crate::process;
use crate::timer;

/// How much of the time an interval leaves to others: snapshots are taken further apart if they
/// take longer than a fifth of it.
const SHARE: u32 = 5;

/// Makes the next update.
pub(super) type Source = Box<dyn FnMut() -> Vec<u8> + Send>;

/// The newest of what there is to see. It is written to each client as it is.
#[derive(Clone, Default)]
pub(super) struct Latest(Arc<Mutex<Option<Arc<[u8]>>>>);

impl Latest {
    pub(super) fn get(&self) -> Option<Arc<[u8]>> {
        self.0.lock().clone()
    }

    fn set(&self, update: Option<Arc<[u8]>>) {
        *self.0.lock() = update;
    }
}

/// Tells a process that there is something newer, unless it was told so already and has not looked.
#[derive(Clone, Debug)]
pub(super) struct Bell {
    pid: Pid,
    has_rung: Arc<AtomicBool>,
}

/// There is something newer.
#[derive(Debug)]
pub(super) struct Newer;

impl Bell {
    /// Returns the bell of the calling process.
    pub(super) fn new() -> Bell {
        Bell { pid: process::self_pid(), has_rung: Arc::default() }
    }

    pub(super) fn ring(&self) {
        if !self.has_rung.swap(true, Ordering::AcqRel) {
            process::send(self.pid, Newer);
        }
    }

    /// What becomes newer from now on rings again: the caller looks after this.
    pub(super) fn has_come(&self) {
        self.has_rung.store(false, Ordering::Release);
    }
}

/// Asks to be told of what is newer, by this bell, for as long as the caller lives.
#[derive(Debug)]
pub(super) struct Watch(pub(super) Bell);

/// It is time for the next update.
#[derive(Debug)]
struct Due;

pub(super) struct Feed {
    source: Source,
    interval: Duration,
    watchers: HashMap<MonitorRef, Bell>,
    latest: Latest,
    /// Whether an update is due at some time.
    is_running: bool,
}

impl fmt::Debug for Feed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Feed")
            .field("interval", &self.interval)
            .field("watchers", &self.watchers.len())
            .field("running", &self.is_running)
            .finish_non_exhaustive()
    }
}

impl GenServer for Feed {
    type Args = (Source, Duration);

    fn init((source, interval): Self::Args) -> InitResult<Feed> {
        let (watchers, latest) = (HashMap::new(), Latest::default());
        ready(Feed { source, interval, watchers, latest, is_running: false })
    }

    fn handle_info(&mut self, message: Message) -> CastResult<Feed> {
        handle_info! { message;
            Due => {
                self.next();
                noreply()
            }
            Down { monitor, .. } => {
                self.watchers.remove(&monitor);
                noreply()
            }
        }
    }
}

impl HandleCall<Watch> for Feed {
    type Reply = Latest;

    fn handle_call(&mut self, Watch(bell): Watch, _: &Caller<Latest>) -> CallResult<Feed, Watch> {
        if self.latest.get().is_some() {
            bell.ring();
        }
        self.watchers.insert(process::monitor(bell.pid), bell);
        if !self.is_running {
            self.is_running = true;
            process::send(process::self_pid(), Due);
        }
        reply(self.latest.clone())
    }
}

impl Feed {
    /// Takes the next snapshot, if anybody watches.
    fn next(&mut self) {
        if self.watchers.is_empty() {
            self.latest.set(None);
            self.is_running = false;
            return;
        }
        let start = Instant::now();
        let update = (self.source)();
        self.latest.set(Some(update.into()));
        self.watchers.values().for_each(Bell::ring);
        let took = start.elapsed();
        let pause = self.interval.saturating_sub(took).max(took * (SHARE - 1));
        timer::send_after(pause, process::self_pid(), Due);
    }
}

#[cfg(test)]
mod tests;
