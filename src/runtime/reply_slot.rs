//! Where the reply to a process's call is put.
//!
//! A process waits for one call at a time, so its reply need not travel through the mailbox: it is
//! put here, and the process is woken. Nobody can tell the difference, because a process that waits
//! for a reply looks at nothing else, and sorts what has arrived before it goes on.
//!
//! Nor does a call need a monitor. The slot says whose reply it waits for; a process that ends
//! while clients wait for it looks through all slots, and puts its exit reason where its reply is
//! awaited. How many clients wait is counted in the slot of the server, so that a process without
//! any need not look.
//!
//! A request that no process gets, as the one that it was sent to has ended, *bounces*: the thread
//! that finds it in the channel tells its client. So a client always gets an answer, and `NoProc`
//! is true. (If a process has received a request and sent it on, its end is not told to the client,
//! as in OTP.)
//!
//! # Memory orderings
//!
//! The rule that makes it right: the client enters what it waits for, then pushes the request, then
//! fences, then looks whether the server is alive `(a)`; the server that ends says so, then fences,
//! then looks for clients `(b)`. At least one of them sees what the other did. The fences are those
//! of [`Slot::deliver`](super::slot::Slot::deliver) and [`Mailbox::drain`]; so the accesses on
//! their outer sides may be weaker than `SeqCst`.
//!
//! What is awaited is three words, which are read without a lock. Their stores are `Release` and
//! their loads `Acquire` (or stronger): a reader that finds the number of a request finds its
//! server, or a later one, and in that case finds another number when it looks again.
//!
//! [`Mailbox::drain`]: super::mailbox::Mailbox::drain

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
    /// The processes that would wait for each other, the client first.
    pub(crate) cycle: Vec<Pid>,
}

/// The request whose reply a process waits for, and the reply.
#[derive(Default)]
#[repr(C)] // The fields that change when a reply is put here lie together.
pub(crate) struct ReplySlot {
    /// The number of the request; 0 if none is waited for, or its reply is here.
    awaited: AtomicU64,
    reply: Mutex<Option<Message>>,
    server_index: AtomicU64,
    server_generation: AtomicU64,
    /// Whether the owner waits for a reply, or has not taken it yet. Only the owner reads and
    /// writes it.
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
        // Relaxed: (b) in the rule above.
        self.0.load(Ordering::Relaxed) == 0
    }
}

/// The reply slot of a client that waits, from before it sends the request until it has the reply
/// or gives up.
pub(crate) struct Awaiting<'a> {
    slot: &'a ReplySlot,
    clients: &'a Clients,
    taken: Cell<bool>,
}

impl ReplySlot {
    /// Enters that the owner waits for `server` to answer `request`. Returns `None` if it waits for
    /// another reply already: then the caller is a destructor, of a value that was dropped when it
    /// was sorted.
    pub(crate) fn expect<'a>(
        &'a self,
        server: Pid,
        clients: &'a Clients,
        request: NonZeroU64,
    ) -> Option<Awaiting<'a>> {
        // Relaxed: only the owner uses it.
        if self.in_use.load(Ordering::Relaxed) {
            return None;
        }
        self.in_use.store(true, Ordering::Relaxed);
        clients.0.fetch_add(1, Ordering::Relaxed); // (a): the push and the fence come later.
        // Release, all three: see the head of this file. The last is before (a), too.
        self.server_index.store(server.index().into(), Ordering::Release);
        self.server_generation.store(server.generation().get(), Ordering::Release);
        self.awaited.store(request.get(), Ordering::Release);
        Some(Awaiting { slot: self, clients, taken: Cell::new(false) })
    }

    /// Puts the reply to `request` here.
    ///
    /// # Errors
    ///
    /// The reply, if the owner does not wait for it (any more).
    pub(crate) fn put(&self, request: NonZeroU64, reply: Message) -> Result<(), Message> {
        let mut place = self.reply.lock();
        // Relaxed: the caller has got the number from the owner, or has seen it here, so it sees
        // that or a later one; and it changes to 0 under this lock only.
        if self.awaited.load(Ordering::Relaxed) != request.get() {
            return Err(reply);
        }
        *place = Some(reply);
        // Release: for the owner that sees the 0, and takes the reply.
        self.awaited.store(0, Ordering::Release);
        Ok(())
    }

    /// Returns the request to `server` whose reply the owner waits for, if it does.
    pub(crate) fn awaited_from(&self, server: Pid) -> Option<NonZeroU64> {
        let (request, index, generation) = self.awaited()?;
        let matches = (index, generation) == (server.index().into(), server.generation().get());
        matches.then_some(request)
    }

    /// Returns the server whose reply the owner waits for, if it does.
    pub(crate) fn server(&self) -> Option<Pid> {
        let (_, index, generation) = self.awaited()?;
        Some(Pid::local(u32::try_from(index).ok()?, NonZeroU64::new(generation)?))
    }

    /// Returns the request whose reply the owner waits for, and the two words of its server.
    fn awaited(&self) -> Option<(NonZeroU64, u64, u64)> {
        // (b). What is read next is as new as this; for that, Acquire would do.
        let request = NonZeroU64::new(self.awaited.load(Ordering::SeqCst))?;
        // Acquire: what is read after these is as new as they are.
        let index = self.server_index.load(Ordering::Acquire);
        let generation = self.server_generation.load(Ordering::Acquire);
        // The number is never used again: if it is still there, the server is the one it came with.
        let unchanged = self.awaited.load(Ordering::SeqCst) == request.get();
        unchanged.then_some((request, index, generation))
    }

    /// Returns whether the owner waits for the reply to `request`.
    pub(crate) fn awaits(&self, request: NonZeroU64) -> bool {
        self.awaited.load(Ordering::SeqCst) == request.get()
    }

    /// Returns whether the reply is here. For the owner.
    pub(crate) fn is_answered(&self) -> bool {
        // Acquire: with the Release in `put`. That the owner does not park on an old value is due
        // to the fences of `Slot::wake` and `Slot::park_unless`.
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
                // Relaxed: `put` looks under the lock; others that see an earlier number put a
                // reply in vain.
                self.slot.awaited.store(0, Ordering::Relaxed);
                reply.take()
            };
            drop_caught(unwanted);
        }
        // Relaxed: the first is the owner's; a server that sees an earlier count looks in vain.
        self.slot.in_use.store(false, Ordering::Relaxed);
        self.clients.0.fetch_sub(1, Ordering::Relaxed);
    }
}
