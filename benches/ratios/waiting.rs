//! A bare queue whose receiver waits in one fixed way: the floor of calls.
//!
//! None of these ways learns anything, so that none shares the policy that it judges.

use std::hint;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering, fence};
use std::thread;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, Sender, unbounded};
use crossbeam_utils::sync::{Parker, Unparker};

/// What a receiver does before it parks.
#[derive(Clone, Copy)]
pub(crate) enum Waiting {
    /// It looks, again and again, for so long.
    Spin(Duration),
    /// It yields so often.
    Yield(u32),
}

/// The sending half of a queue.
#[derive(Clone)]
pub(crate) struct Outbox<T> {
    sender: Sender<T>,
    parked: Arc<AtomicBool>,
    unparker: Unparker,
}

/// The receiving half of a queue.
pub(crate) struct Inbox<T> {
    receiver: Receiver<T>,
    parked: Arc<AtomicBool>,
    parker: Parker,
    waiting: Waiting,
}

pub(crate) fn queue<T>(waiting: Waiting) -> (Outbox<T>, Inbox<T>) {
    let (sender, receiver) = unbounded();
    let parked = Arc::new(AtomicBool::new(false));
    let parker = Parker::new();
    let unparker = parker.unparker().clone();
    let outbox = Outbox { sender, parked: Arc::clone(&parked), unparker };
    (outbox, Inbox { receiver, parked, parker, waiting })
}

impl<T> Outbox<T> {
    pub(crate) fn push(&self, value: T) {
        _ = self.sender.send(value); // A receiver that is gone needs nothing.
        fence(Ordering::SeqCst);
        if self.parked.load(Ordering::Relaxed) && self.parked.swap(false, Ordering::SeqCst) {
            self.unparker.unpark();
        }
    }
}

impl<T> Inbox<T> {
    pub(crate) fn pop(&mut self) -> T {
        let early = match self.waiting {
            Waiting::Spin(time) => self.spin(time),
            Waiting::Yield(times) => self.give_way(times),
        };
        early.unwrap_or_else(|| self.park())
    }

    fn spin(&self, time: Duration) -> Option<T> {
        const LOOKS_PER_TIME: u32 = 16;
        let mut start = None;
        loop {
            for _ in 0..LOOKS_PER_TIME {
                if let Ok(value) = self.receiver.try_recv() {
                    return Some(value);
                }
                hint::spin_loop();
            }
            if start.get_or_insert_with(Instant::now).elapsed() > time {
                return None;
            }
        }
    }

    fn give_way(&self, times: u32) -> Option<T> {
        for _ in 0..times {
            if let Ok(value) = self.receiver.try_recv() {
                return Some(value);
            }
            thread::yield_now();
        }
        None
    }

    fn park(&self) -> T {
        loop {
            self.parked.store(true, Ordering::SeqCst);
            fence(Ordering::SeqCst);
            let value = self.receiver.try_recv();
            if value.is_err() {
                self.parker.park();
            }
            self.parked.store(false, Ordering::SeqCst);
            if let Ok(value) = value.or_else(|_| self.receiver.try_recv()) {
                return value;
            }
        }
    }
}
