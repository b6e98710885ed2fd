//! Where the reply to a process's call is put.
//!
//! A process waits for one call at a time, so its reply need not travel through the mailbox: it is
//! put here, and the process is woken. Nobody can tell the difference, because a process that waits
//! for a reply looks at nothing else, and sorts what has arrived before it goes on.
//!
//! Nor does a call need a monitor. The slot says whose reply it waits for; a process that ends
//! while somebody waits for it looks through all slots, and puts its exit reason where it is
//! awaited. That somebody does is counted in its own slot, so that others need not look.
//!
//! A request that no process gets, as the one that it was sent to has ended, *bounces*: whoever
//! finds it in the channel says so to its client. So a client always hears something, and `NoProc`
//! is true. (Of a request that a process has received and sent on nobody is told, as in OTP.)
//!
//! The rule that makes it right: the client enters what it waits for, then pushes the request, then
//! fences, then looks whether the server is alive; the server that ends says so, then fences, then
//! looks for clients. At least one of them sees what the other did.

use std::cell::Cell;
use std::num::NonZeroU64;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};

use parking_lot::Mutex;

use crate::exit::ExitReason;
use crate::id::Pid;
use crate::message::Message;
use crate::user_code::drop_caught;

/// What comes instead of a reply when the server ends.
#[derive(Debug)]
pub(crate) struct ServerDown(pub(crate) ExitReason);

/// What comes instead of a reply when the server waits, perhaps through others, for the client.
#[derive(Debug)]
pub(crate) struct Deadlocked {
    pub(crate) request: NonZeroU64,
    /// Who waits for whom, the client first.
    pub(crate) cycle: Vec<Pid>,
}

/// What a process waits for, and what has come of it.
#[derive(Default)]
#[repr(C)] // What is changed when a reply is put here stands together.
pub(crate) struct ReplySlot {
    /// The number of the request; 0 if none is waited for, or its reply is here.
    awaited: AtomicU64,
    reply: Mutex<Option<Message>>,
    server_index: AtomicU64,
    server_generation: AtomicU64,
    /// Whether the owner waits for a request, or has not looked at its reply.
    in_use: AtomicBool,
}

impl std::fmt::Debug for ReplySlot {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ReplySlot").field("awaited", &self.awaited).finish_non_exhaustive()
    }
}

/// How many processes wait for a reply of a slot's process.
#[derive(Debug, Default)]
pub(crate) struct Clients(AtomicUsize);

impl Clients {
    pub(crate) fn is_empty(&self) -> bool {
        self.0.load(Ordering::Relaxed) == 0
    }
}

/// The slot of a client in its own hands, from before it sends the request until it has the
/// reply or gives up.
pub(crate) struct Awaiting<'a> {
    slot: &'a ReplySlot,
    clients: &'a Clients,
    taken: Cell<bool>,
}

impl ReplySlot {
    /// Enters that the owner waits for `server` to answer `request`. `None` if it waits for another
    /// already: what runs then is a destructor, of something that was dropped when it was sorted.
    pub(crate) fn expect<'a>(
        &'a self,
        server: Pid,
        clients: &'a Clients,
        request: NonZeroU64,
    ) -> Option<Awaiting<'a>> {
        if self.in_use.load(Ordering::Relaxed) {
            return None;
        }
        self.in_use.store(true, Ordering::Relaxed);
        clients.0.fetch_add(1, Ordering::Relaxed);
        self.server_index.store(server.index().into(), Ordering::Release);
        self.server_generation.store(server.generation().get(), Ordering::Release);
        self.awaited.store(request.get(), Ordering::Release);
        Some(Awaiting { slot: self, clients, taken: Cell::new(false) })
    }

    /// Puts the reply of `request` here.
    ///
    /// # Errors
    ///
    /// The reply, if nobody waits for it (any more).
    pub(crate) fn put(&self, request: NonZeroU64, reply: Message) -> Result<(), Message> {
        let mut place = self.reply.lock();
        if self.awaited.load(Ordering::Relaxed) != request.get() {
            return Err(reply);
        }
        *place = Some(reply);
        self.awaited.store(0, Ordering::Release);
        Ok(())
    }

    /// The request for whose reply by `server` the owner waits.
    pub(crate) fn awaited_from(&self, server: Pid) -> Option<NonZeroU64> {
        let request = NonZeroU64::new(self.awaited.load(Ordering::SeqCst))?;
        let index = self.server_index.load(Ordering::Acquire);
        let generation = self.server_generation.load(Ordering::Acquire);
        // The number is never used again: if it is still there, the server is the one it came with.
        let unchanged = self.awaited.load(Ordering::SeqCst) == request.get();
        let matches = (index, generation) == (server.index().into(), server.generation().get());
        (unchanged && matches).then_some(request)
    }

    /// Whether the owner waits for the reply of `request`.
    pub(crate) fn awaits(&self, request: NonZeroU64) -> bool {
        self.awaited.load(Ordering::SeqCst) == request.get()
    }

    pub(crate) fn is_answered(&self) -> bool {
        self.awaited.load(Ordering::Acquire) == 0
    }
}

impl Awaiting<'_> {
    /// Takes the reply, if it is here.
    pub(crate) fn take(&self) -> Option<Message> {
        if !self.slot.is_answered() {
            return None;
        }
        self.taken.set(true);
        self.slot.reply.lock().take()
    }
}

impl Drop for Awaiting<'_> {
    fn drop(&mut self) {
        if !self.taken.get() {
            let unwanted = {
                let mut reply = self.slot.reply.lock();
                self.slot.awaited.store(0, Ordering::Relaxed);
                reply.take()
            };
            drop_caught(unwanted);
        }
        self.slot.in_use.store(false, Ordering::Relaxed);
        self.clients.0.fetch_sub(1, Ordering::Relaxed);
    }
}
