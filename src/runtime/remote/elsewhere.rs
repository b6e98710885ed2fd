//! The processes of other nodes, as the ends of signals and ties.

use crate::exit::ExitReason;
use crate::id::{Incarnation, LinkId, MonitorRef, Pid, unique};
use crate::message::{Destination, Down};
use crate::user_code::drop_caught;

use super::super::dist_entry::{DistEntry, Outgoing, carrier};
use super::super::links::{Closed, Linked};
use super::super::mailbox::{ExitCause, ExitSignal, Signal, Special};
use super::super::remote_ties::RemoteTies;
use super::super::table::Process;

/// A process of another node.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Remote {
    pid: Pid,
    incarnation: Incarnation,
}

impl Remote {
    /// Returns the process with this pid, if it is one of another node.
    #[inline(always)]
    pub(crate) fn of(pid: Pid) -> Option<Remote> {
        pid.incarnation().map(|incarnation| Remote { pid, incarnation })
    }

    /// Sends a signal, or drops it if there is no connection or no such process.
    #[cold]
    pub(crate) fn deliver(self, signal: Signal) {
        match signal {
            Signal::Message(message) => {
                _ = self.reach(Outgoing::Send { to: self.pid, message }, |_| true);
            }
            Signal::Special(special) => match *special {
                Special::Aliased(request, message) => {
                    let tag = self.entry().with_ties(|ties| ties.answer(request));
                    match tag {
                        Some(tag) => {
                            let answer = Outgoing::Answer { to: self.pid, tag, message };
                            self.tell(answer, |_| true);
                        }
                        None => drop_caught(message), // Its client does not wait any more.
                    }
                }
                Special::Exit(signal) => self.exit(signal),
                Special::Down(down) => self.down(down),
            },
        }
    }

    fn exit(self, signal: ExitSignal) {
        let ExitSignal { from, reason, cause } = signal;
        match cause {
            ExitCause::Link(_) => self.end_link(from, reason),
            ExitCause::Request | ExitCause::Timer => {
                let request = Outgoing::ExitRequest { from, to: self.pid, reason };
                _ = self.reach(request, |_| true);
            }
        }
    }

    /// Tells the process that `local`, to which it may be linked, has ended.
    fn end_link(self, local: Pid, reason: ExitReason) {
        let exit = Outgoing::Exit { from: local, to: self.pid, reason };
        self.tell(exit, |ties| ties.ended((local, self.pid)));
    }

    /// Tells the process that one that it monitors has ended.
    fn down(self, down: Down) {
        let Down { monitor, object, reason } = down;
        match self.entry().with_ties(|ties| ties.reference(monitor.id)) {
            Some(reference) => {
                let down = Outgoing::Down { object, to: self.pid, reference, reason };
                // If it has been told to forget it meanwhile, that was the other node's wish.
                self.tell(down, |ties| ties.unwatch(reference).is_some());
            }
            None => drop_caught((object, reason)),
        }
    }

    /// Links the process and `process`, as [`links::link`](super::super::links::link) does.
    pub(crate) fn link(self, process: Process) -> Result<Linked, Closed> {
        let (pair, id) = ((process.pid, self.pid), LinkId::new());
        let carrier = carrier();
        let link = Outgoing::Link { from: process.pid, to: self.pid };
        let frame = carrier.as_ref().and_then(|carrier| carrier.frame(link));
        let reached = {
            let mut links = process.slot.links.lock();
            if !links.is_of(process.pid) {
                return Err(Closed);
            }
            if links.peers.contains_key(&self.pid) {
                return Ok(Linked::Existing);
            }
            links.peers.insert(self.pid, id);
            let frame = frame.ok_or(ExitReason::NoConnection);
            // With the lock: see the head of `dist_entry`.
            frame.and_then(|frame| {
                self.entry().reach(self.incarnation, frame, |ties| ties.link(pair, id))
            })
        };
        match reached {
            Ok(after) => {
                if let Some(carrier) = carrier {
                    after.run(&*carrier);
                }
                Ok(Linked::New)
            }
            Err(reason) => Ok(Linked::Failed(id, reason)),
        }
    }

    /// Removes the link between the process and `process`, if there is one.
    pub(crate) fn unlink(self, process: Process) {
        let removed = {
            let mut links = process.slot.links.lock();
            links.is_of(process.pid).then(|| links.peers.remove(&self.pid)).flatten()
        };
        if let Some(id) = removed {
            let (pair, number) = ((process.pid, self.pid), unique());
            let unlink = Outgoing::Unlink { from: process.pid, to: self.pid, number };
            self.tell(unlink, |ties| ties.unlink(pair, id, number));
        }
    }

    /// Returns whether its link to `local` stands, though an exit signal of that link has come: the
    /// connection was lost, and before `local` heard of it there was another one, over which the
    /// process linked itself again.
    ///
    /// The caller has locked the table of `local`, and takes the link out of it otherwise: so that
    /// it is not made anew in between.
    pub(crate) fn keeps_link(self, local: Pid, id: LinkId) -> bool {
        self.entry().with_ties(|ties| ties.has_link((local, self.pid), id))
    }

    /// Enters a monitor on the process, which was set on `object`.
    ///
    /// # Errors
    ///
    /// Why there is none.
    pub(crate) fn watch(self, monitor: MonitorRef, object: Destination) -> Result<(), ExitReason> {
        let message = Outgoing::Monitor { monitor, to: self.pid };
        self.reach(message, |ties| {
            ties.monitor(monitor, self.pid, object);
            true
        })
    }

    /// Removes a monitor on the process.
    pub(crate) fn forget(self, monitor: MonitorRef) {
        let mut removed = None;
        self.tell(Outgoing::Demonitor { monitor, to: self.pid }, |ties| {
            removed = ties.demonitor(monitor);
            removed.is_some()
        });
        drop_caught(removed); // Where no lock is held: it may be the last of a `Via`.
    }

    fn entry(self) -> &'static DistEntry {
        DistEntry::of(self.incarnation.node())
    }

    /// Changes the ties, and sends something if `change` says so.
    ///
    /// # Errors
    ///
    /// [`ExitReason::NoConnection`] if there are no other nodes;
    /// [`ExitReason::NoProc`] if the process is of an earlier incarnation.
    fn reach(
        self,
        outgoing: Outgoing,
        change: impl FnOnce(&mut RemoteTies) -> bool,
    ) -> Result<(), ExitReason> {
        let Some(carrier) = carrier() else {
            drop_caught(outgoing);
            return Err(ExitReason::NoConnection);
        };
        match carrier.frame(outgoing) {
            Some(frame) => {
                let after = self.entry().reach(self.incarnation, frame, change)?;
                after.run(&*carrier);
                Ok(())
            }
            None => Ok(()),
        }
    }

    /// As [`reach`](Self::reach), for what concerns nobody if there is no connection.
    fn tell(self, outgoing: Outgoing, change: impl FnOnce(&mut RemoteTies) -> bool) {
        match carrier() {
            Some(carrier) => {
                if let Some(frame) = carrier.frame(outgoing) {
                    self.entry().tell(self.incarnation, frame, change);
                }
            }
            None => drop_caught(outgoing),
        }
    }
}
