//! Sorting the envelopes that have arrived: each signal is judged, and each message queued.

use std::sync::atomic::Ordering;

use crate::exit::ExitReason;
use crate::id::{MonitorRef, Pid};
use crate::message::{Exit, Message};
use crate::user_code::{drop_caught, drop_each_caught};

use super::links::{Monitor, Verdict, judge};
use super::mailbox::{Entry, Envelope, ExitCause, ExitSignal, Mark, Origin, Signal, Special};
use super::monitors::forget;
use super::overflow;
use super::remote::RemotePid;
use super::table::Process;

/// What is to be done with one envelope.
enum Sorted {
    /// Queue the message. A monitor that it has ended is dropped when the queue is back in place,
    /// as that runs destructors.
    Queue(Entry, Option<Monitor>),
    /// Drop it when the queue is back in place, as that runs destructors.
    Drop(Signal),
    /// It was addressed to an earlier generation: bounce it, then drop it.
    Bounce(Signal),
    /// End the process, for this reason.
    Die(ExitReason),
}

impl Process {
    /// Sorts the envelopes that had arrived when it was called, up to an exit signal that dooms the
    /// process. For the process itself.
    pub(crate) fn sort(self) {
        let mailbox = &self.slot.mailbox;
        let arrived = mailbox.in_transit();
        if arrived == 0 {
            return;
        }
        let mut queue = mailbox.open();
        let mut useless = Vec::new();
        let mut stale = Vec::new();
        let mut monitors = Vec::new();
        let mut doom = None;
        for _ in 0..arrived {
            let Ok(envelope) = mailbox.take() else { break };
            match self.admit(mailbox.count_taken(), envelope) {
                Sorted::Queue(entry, ended) => {
                    queue.push(entry);
                    monitors.extend(ended);
                }
                Sorted::Drop(signal) => useless.push(signal),
                Sorted::Bounce(signal) => stale.push(signal),
                Sorted::Die(reason) => {
                    doom = Some(reason);
                    break;
                }
            }
        }
        drop(queue);
        if let Some(reason) = doom {
            self.doom(reason);
        }
        stale.iter_mut().for_each(Signal::bounce);
        drop_each_caught(stale);
        drop_each_caught(useless);
        drop_each_caught(monitors);
        overflow::look_at(self, mailbox.queued());
    }

    /// Sorts an envelope that was just taken out of the channel. For the process itself.
    pub(crate) fn let_in(self, envelope: Envelope) {
        let mailbox = &self.slot.mailbox;
        match self.admit(mailbox.count_taken(), envelope) {
            Sorted::Queue(entry, ended) => {
                mailbox.open().push(entry);
                drop_caught(ended);
            }
            Sorted::Drop(signal) => drop_caught(signal),
            Sorted::Bounce(mut signal) => {
                signal.bounce();
                drop_caught(signal);
            }
            Sorted::Die(reason) => self.doom(reason),
        }
    }

    /// Returns the reason of the first exit signal in its queue, a message there, that would have
    /// ended it if it did not trap exits, or by which it ends with its parent. For the process
    /// itself.
    pub(crate) fn trapped_exit(self) -> Option<ExitReason> {
        // Relaxed: its own thread's.
        if !self.slot.trapped.load(Ordering::Relaxed) {
            return None;
        }
        let queue = self.slot.mailbox.check_out();
        let mut exits = queue.messages().filter_map(|message| message.downcast_ref::<Exit>());
        let fatal = exits.find(|exit| self.is_fatal(exit.from, &exit.reason));
        let reason = fatal.map(|exit| exit.reason.clone());
        // If a guard that waits itself has the queue, it may be there.
        let is_whole = queue.messages().count() == self.slot.mailbox.queued();
        if reason.is_none() && is_whole {
            self.slot.trapped.store(false, Ordering::Relaxed);
        }
        reason
    }

    fn is_fatal(self, from: Pid, reason: &ExitReason) -> bool {
        !matches!(reason, ExitReason::Normal) || self.ends_with(from)
    }

    fn admit(self, place: Mark, envelope: Envelope) -> Sorted {
        let is_counted = envelope.is_counted();
        let is_own = envelope.is_for(self.pid.generation());
        let Envelope { signal, .. } = envelope;
        if !is_own {
            return Sorted::Bounce(signal);
        }
        match signal {
            Signal::Message(message) => {
                let origin = if is_counted { Origin::COUNTED } else { Origin::PLAIN };
                Sorted::Queue(Entry { place, origin, message }, None)
            }
            Signal::Special(special) => self.admit_special(place, *special),
        }
    }

    fn admit_special(self, place: Mark, special: Special) -> Sorted {
        match special {
            Special::Aliased(alias, message) => {
                let (admitted, ended) = self.slot.links.lock().admit_aliased(alias);
                let alias = MonitorRef { id: alias, owner: self.pid };
                let ended = ended.map(|monitor| forget(alias, monitor));
                if admitted {
                    Sorted::Queue(entry(place, message), ended)
                } else {
                    Sorted::Drop(Signal::Message(message))
                }
            }
            Special::Exit(signal) => self.admit_exit(place, signal),
            Special::Down(down) => {
                let id = down.monitor.id;
                let fired = self.slot.links.lock().remove_fired(id);
                let Some(fired) = fired else { return Sorted::Drop(Special::Down(down).into()) };
                let message = match fired.tag {
                    Some(tag) => tag(down),
                    None => Message::new(down),
                };
                Sorted::Queue(Entry { place, origin: Origin::down(id), message }, None)
            }
        }
    }

    fn admit_exit(self, place: Mark, signal: ExitSignal) -> Sorted {
        let mut links = self.slot.links.lock();
        let active = match signal.cause {
            ExitCause::Link(id) => links.has_link(signal.from, id),
            ExitCause::Request | ExitCause::Timer => true,
        };
        let verdict = judge(self.pid, self.trap_exit(), active, &signal);
        // The link by which it dies stays. So its parent sees that it has not gone on.
        if active
            && !matches!(verdict, Verdict::Die(_))
            && let ExitCause::Link(id) = signal.cause
            && !RemotePid::of(signal.from).is_some_and(|remote| remote.keeps_link(self.pid, id))
        {
            links.peers.remove(&signal.from);
        }
        drop(links);
        match verdict {
            Verdict::Drop => Sorted::Drop(Special::Exit(signal).into()),
            Verdict::Deliver => {
                let ExitSignal { from, reason, .. } = signal;
                if self.is_fatal(from, &reason) {
                    self.slot.trapped.store(true, Ordering::Relaxed); // Its own thread's.
                }
                Sorted::Queue(entry(place, Message::new(Exit { from, reason })), None)
            }
            Verdict::Die(reason) => Sorted::Die(reason),
        }
    }
}

fn entry(place: Mark, message: Message) -> Entry {
    Entry { place, origin: Origin::PLAIN, message }
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU64;
    use std::sync::Arc;
    use std::time::Duration;

    use crate::id::LinkId;

    use super::super::slot::{Profile, Settings, Slot};
    use super::*;

    #[test]
    fn a_link_goes_with_its_signal_unless_that_ends_the_process() {
        let cases = [
            (false, ExitReason::Shutdown, true),
            (false, ExitReason::Normal, false),
            (true, ExitReason::Shutdown, false),
        ];
        for (trap_exit, reason, stays) in cases {
            let slot: &'static Slot = Box::leak(Box::new(Slot::new(0)));
            let settings =
                Settings { trap_exit, kill_grace: Duration::ZERO, ..Settings::default() };
            let process = Process { slot, pid: slot.begin(Profile::new(Arc::from([])), settings) };
            let (peer, link) = (Pid::local(1, NonZeroU64::MIN), LinkId::new());
            slot.links.lock().peers.insert(peer, link);

            let signal = ExitSignal { from: peer, reason, cause: ExitCause::Link(link) };
            let sorted = process.admit_exit(slot.mailbox.count_taken(), signal);
            assert_eq!(matches!(sorted, Sorted::Die(_)), stays);
            assert_eq!(slot.links.lock().has_link(peer, link), stays);
        }
    }
}
