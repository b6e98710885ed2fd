//! Receiving: choosing a message, and waiting for the next one.

use std::time::{Duration, Instant};

use crate::message::Message;
use crate::runtime::backoff::{self, Parked, WaitFor};
use crate::runtime::mailbox::{Held, Mark};
use crate::runtime::overflow;
use crate::runtime::parked::ParkedFor;
use crate::runtime::reply_slot::Awaiting;
use crate::runtime::table::Process;
use crate::user_code::abort;

use super::current::{Ended, current};

/// Returns when a wait is over; `None` means never, if that is too far off for the clock.
pub(crate) fn deadline_after(timeout: Duration) -> Option<Instant> {
    Instant::now().checked_add(timeout)
}

/// Returns the time until `deadline`.
pub(crate) fn time_left(deadline: Option<Instant>) -> Duration {
    deadline.map_or(Duration::MAX, |deadline| deadline.saturating_duration_since(Instant::now()))
}

/// Returns whether the deadline of a wait has come.
pub(crate) fn is_past(deadline: Option<Instant>) -> bool {
    deadline.is_some_and(|deadline| Instant::now() >= deadline)
}

/// What the sender of the last message does next, as far as its receiver knows.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Senders {
    /// The sender may wait for an answer.
    Unknown,
    /// The sender waits for nothing, so it may send more at once.
    GoOn,
    /// The sender is a process of another node.
    Remote,
}

impl Process {
    /// Judges and queues what has arrived, and unwinds the caller if that has doomed it.
    pub(crate) fn sort_or_unwind(self) {
        self.sort();
        self.unwind_if_doomed();
    }

    /// Waits for the first message at or after `since` that `select` chooses, and moves it to
    /// `place` directly, as moving a message takes longer than most of the rest.
    ///
    /// Each message is looked at once. Returns `None` if the deadline came first.
    #[inline(always)]
    pub(crate) fn select<R>(
        self,
        mut since: Mark,
        (senders, deadline): (Senders, Option<Instant>),
        place: &mut Option<Message>,
        mut select: impl FnMut(&mut Message) -> Option<R>,
    ) -> Result<Option<R>, Ended> {
        let mailbox = &self.slot.mailbox;
        let mut is_first_look = true;
        loop {
            // Queued messages come first anyway, unless an exit signal has arrived.
            let puts_off = is_first_look && !mailbox.is_queue_empty() && !self.slot.is_urgent();
            is_first_look = false;
            let mut seen = since;
            let found = if mailbox.is_queue_empty() {
                self.select_arrival(since, &mut seen, place, &mut select)?
            } else {
                if !puts_off {
                    self.sort();
                }
                self.select_queued(since, &mut seen, place, &mut select)?
            };
            if found.is_some() {
                mailbox.count_received();
                return Ok(found);
            }
            since = since.max(seen);
            if puts_off || mailbox.sorted() != seen {
                continue; // More has come, perhaps because `select` was a receive point itself.
            }
            if is_past(deadline) {
                return Ok(None);
            }
            self.wait(senders, deadline);
        }
    }

    /// Selects from the arrivals while the queue is empty, and sets `seen` to the place up to which
    /// it has looked. A single message, the usual case of a process that waits, need not be queued.
    #[inline(always)]
    fn select_arrival<R>(
        self,
        since: Mark,
        seen: &mut Mark,
        place: &mut Option<Message>,
        select: &mut impl FnMut(&mut Message) -> Option<R>,
    ) -> Result<Option<R>, Ended> {
        let mailbox = &self.slot.mailbox;
        let mut taken = mailbox.take();
        if let Ok(envelope) = &mut taken
            && let Some(message) = envelope.message_for(self.pid.generation())
            && !mailbox.has_arrivals()
        {
            let held = Held::new(message, mailbox.count_taken(), mailbox);
            self.may_block()?;
            *seen = mailbox.sorted();
            return Ok(held.select(since, place, select));
        }
        if let Ok(envelope) = taken {
            self.let_in(envelope);
            self.sort();
        }
        self.select_queued(since, seen, place, select)
    }

    /// Selects from the queue, and sets `seen` to the place up to which it has looked.
    fn select_queued<R>(
        self,
        since: Mark,
        seen: &mut Mark,
        place: &mut Option<Message>,
        select: &mut impl FnMut(&mut Message) -> Option<R>,
    ) -> Result<Option<R>, Ended> {
        let mailbox = &self.slot.mailbox;
        self.may_block()?;
        *seen = mailbox.sorted();
        let is_empty = mailbox.is_queue_empty();
        let found = if is_empty { None } else { mailbox.check_out().select(since, select) };
        Ok(found.map(|(choice, message)| {
            *place = Some(message);
            if mailbox.is_bounded() {
                overflow::look_at_room(self);
            }
            choice
        }))
    }

    /// Waits for the oldest message, and lends it to `handle` in place, as moving a message takes
    /// longer than most of the rest. What `handle` leaves of it is dropped. Returns `None` if the
    /// deadline came first.
    #[inline(always)]
    fn next<R>(
        self,
        senders: Senders,
        deadline: Option<Instant>,
        handle: impl FnOnce(&mut Message) -> R,
    ) -> Result<Option<R>, Ended> {
        let mailbox = &self.slot.mailbox;
        loop {
            // Only urgent signals need be sorted before their turn: the channel is left to the
            // senders.
            if self.slot.is_urgent() {
                self.sort();
            }
            self.may_block()?;
            let mut queued = mailbox.pop();
            if queued.is_none() {
                let mut taken = mailbox.take();
                if let Ok(envelope) = &mut taken
                    && let Some(message) = envelope.message_for(self.pid.generation())
                {
                    // A kill since the check counts as one that comes while the message is handled.
                    if mailbox.count_taken().is_milestone() {
                        overflow::look(self);
                    }
                    mailbox.count_received();
                    return Ok(Some(handle(message)));
                }
                if let Ok(envelope) = taken {
                    self.let_in(envelope);
                    // Sorted once: what others push meanwhile must not keep the caller here.
                    self.sort();
                    self.may_block()?;
                    queued = mailbox.pop();
                }
            }
            if let Some(message) = &mut queued {
                mailbox.count_received();
                if mailbox.is_bounded() {
                    overflow::look_at_room(self);
                }
                return Ok(Some(handle(message)));
            }
            if is_past(deadline) {
                return Ok(None);
            }
            self.wait(senders, deadline);
        }
    }

    /// Waits for the reply to a call. Returns `None` if it has not come within `timeout`.
    ///
    /// Everything else that arrives is sorted, and stays.
    pub(crate) fn await_reply(
        self,
        awaiting: &Awaiting<'_>,
        timeout: Duration,
    ) -> Result<Option<Message>, Ended> {
        let slot = self.slot;
        let is_answered = || slot.wait.reply.is_answered();
        let ready = || is_answered() || slot.is_called_off(self.pid.generation());
        // Computed when it is first needed: most replies come before a clock could be read.
        let mut deadline = None;
        loop {
            slot.is_urgent(); // Resets the flag: everything that has arrived is sorted next.
            self.sort();
            self.may_block()?;
            if is_answered() {
                // What the server sent before its answer has arrived, too.
                self.sort();
                self.may_block()?;
                return Ok(awaiting.take());
            }
            if timeout.is_zero() || deadline.is_some_and(is_past) {
                return Ok(None);
            }
            let set = || *deadline.get_or_insert_with(|| deadline_after(timeout));
            backoff::wait(WaitFor::Reply, set, ready, |deadline| {
                // Arrivals are sorted meanwhile, as to drop one may run code of the user's.
                let parked = slot.park_unless(ParkedFor::Reply, deadline, || {
                    ready() || slot.mailbox.has_arrivals()
                });
                // Another message says nothing about how soon replies come.
                if is_answered() { parked } else { Parked::Otherwise }
            });
        }
    }

    /// As [`receive_match_since`], but returns an error in a process that must not wait.
    pub(crate) fn receive_since(
        self,
        mark: Mark,
        timeout: Duration,
        matches: impl FnMut(&Message) -> bool,
    ) -> Result<Option<Message>, Ended> {
        self.receive_since_from(Senders::Unknown, mark, timeout, matches)
    }

    /// As [`receive_since`](Self::receive_since), where the caller knows what sends.
    pub(crate) fn receive_since_from(
        self,
        senders: Senders,
        mark: Mark,
        timeout: Duration,
        matches: impl FnMut(&Message) -> bool,
    ) -> Result<Option<Message>, Ended> {
        let mut place = None;
        self.select(mark, (senders, deadline_after(timeout)), &mut place, deciding(matches))?;
        Ok(place)
    }

    /// Waits until something has arrived, the process was killed, or the deadline has come. May
    /// return earlier without a reason.
    fn wait(self, senders: Senders, deadline: Option<Instant>) {
        let mailbox = &self.slot.mailbox;
        let wait_for = match senders {
            Senders::Unknown => WaitFor::Message,
            Senders::GoOn => WaitFor::Stream { taken: mailbox.sorted().0 },
            Senders::Remote => WaitFor::Remote,
        };
        let ready = || mailbox.has_arrivals() || !self.is_running();
        backoff::wait(
            wait_for,
            || deadline,
            ready,
            |deadline| self.slot.park_unless(ParkedFor::Message, deadline, ready),
        );
    }

    /// Waits for a message with as little memory as possible.
    fn hibernate(self) -> Result<(), Ended> {
        let Process { slot, .. } = self;
        loop {
            self.sort();
            self.may_block()?;
            if !slot.mailbox.is_queue_empty() {
                return Ok(());
            }
            slot.mailbox.shrink();
            let ready = || slot.mailbox.has_arrivals() || !self.is_running();
            slot.park_unless(ParkedFor::Hibernation, None, ready);
        }
    }

    /// Ends an untimed receive of a process that must not wait: panics in a thread of the program's
    /// own, and aborts the program in a destructor.
    pub(crate) fn panic_or_abort(self) -> ! {
        self.panic_if_gone();
        abort(&format!(
            "a destructor in process {}, which is ending, receives without a time-out",
            self.pid
        ))
    }
}

/// Takes the oldest message out of the mailbox, waiting for one if there is none.
///
/// This is a receive point: exit signals that have arrived are judged first, even if messages are
/// queued before them.
///
/// ```
/// use procession::process;
///
/// process::send(process::self_pid(), 42_u32);
/// assert_eq!(process::receive().downcast_ref(), Some(&42_u32));
/// ```
///
/// # Panics
///
/// In a thread of the program's own that was killed.
pub fn receive() -> Message {
    next(Senders::Unknown, take_out)
}

/// As [`receive`], for a server, which is lent the message and answers requests itself.
#[inline(always)]
pub(crate) fn next<R>(senders: Senders, handle: impl FnOnce(&mut Message) -> R) -> R {
    let process = current();
    match process.next(senders, None, handle) {
        Ok(Some(result)) => result,
        Ok(None) => unreachable!("there is no deadline"),
        Err(Ended) => process.panic_or_abort(),
    }
}

/// As [`receive`], for at most `timeout`; returns `None` if no message came.
///
/// With a `timeout` of zero only the messages that are there are looked at. A `timeout` that is too
/// long for the clock means forever.
///
/// ```
/// use procession::process;
/// use std::time::Duration;
///
/// assert!(process::receive_timeout(Duration::ZERO).is_none());
/// process::send(process::self_pid(), 42_u32);
/// assert!(process::receive_timeout(Duration::from_secs(1)).is_some());
/// ```
///
/// # Panics
///
/// As [`receive`].
pub fn receive_timeout(timeout: Duration) -> Option<Message> {
    next_within(timeout, take_out)
}

/// As [`receive_timeout`], for a server, which is lent the message and answers requests itself.
pub(crate) fn next_within<R>(
    timeout: Duration,
    handle: impl FnOnce(&mut Message) -> R,
) -> Option<R> {
    let process = current();
    process.next(Senders::Unknown, deadline_after(timeout), handle).unwrap_or_else(|Ended| {
        process.panic_if_gone();
        None
    })
}

/// Takes all messages out of the mailbox, and returns them in order of arrival.
///
/// It is of use in tests and to look at what has come: `println!("{:?}", process::flush())`.
///
/// OTP: `flush()` of the [shell](https://www.erlang.org/doc/apps/stdlib/shell.html), which prints
/// them, as Elixir's does.
///
/// ```
/// use procession::process;
///
/// process::send(process::self_pid(), 1_u8);
/// process::send(process::self_pid(), "two");
/// assert_eq!(format!("{:?}", process::flush()), r#"[1, "two"]"#);
/// assert!(process::flush().is_empty());
/// ```
///
/// # Panics
///
/// As [`receive`].
pub fn flush() -> Vec<Message> {
    std::iter::from_fn(|| receive_timeout(Duration::ZERO)).collect()
}

/// Takes the first message, in order of arrival, for which `matches` returns `true`; the others
/// stay.
///
/// Each message is looked at once. `matches` should only look at it: the messages being looked at
/// are not in the mailbox meanwhile, so if `matches` receives itself, it sees only what arrives
/// later, and the response of a request that it abandons may be among those.
///
/// ```
/// use procession::process;
///
/// process::send(process::self_pid(), "hello");
/// process::send(process::self_pid(), 42_u32);
/// let number = process::receive_match(|message| message.is::<u32>());
/// assert_eq!(number.downcast_ref(), Some(&42_u32));
/// assert!(process::receive().is::<&str>());
/// ```
///
/// # Panics
///
/// As [`receive`].
pub fn receive_match(matches: impl FnMut(&Message) -> bool) -> Message {
    let process = current();
    let mut place = None;
    match process.select(Mark::START, (Senders::Unknown, None), &mut place, deciding(matches)) {
        Ok(_) => take_out(&mut place.expect("there is no deadline")),
        Err(Ended) => process.panic_or_abort(),
    }
}

/// As [`receive_match`], for at most `timeout`.
///
/// Messages that do not match do not lengthen the time.
///
/// ```
/// use procession::process;
/// use std::time::Duration;
///
/// process::send(process::self_pid(), "hello");
/// let number = process::receive_match_timeout(Duration::ZERO, |message| message.is::<u32>());
/// assert!(number.is_none());
/// ```
///
/// # Panics
///
/// As [`receive`].
pub fn receive_match_timeout(
    timeout: Duration,
    matches: impl FnMut(&Message) -> bool,
) -> Option<Message> {
    receive_match_since(Mark::START, timeout, matches)
}

/// As [`receive_match_timeout`], looking only at what arrives after `mark` was taken.
///
/// Its cost does not grow with the number of messages queued before.
///
/// ```
/// use procession::process;
/// use std::time::Duration;
///
/// process::send(process::self_pid(), "old");
/// let mark = process::mark();
/// process::send(process::self_pid(), "new");
/// let text = process::receive_match_since(mark, Duration::ZERO, |message| message.is::<&str>());
/// assert_eq!(text.unwrap().downcast_ref(), Some(&"new"));
/// ```
///
/// # Panics
///
/// As [`receive`].
pub fn receive_match_since(
    mark: Mark,
    timeout: Duration,
    matches: impl FnMut(&Message) -> bool,
) -> Option<Message> {
    let process = current();
    let found = process.receive_since(mark, timeout, matches).unwrap_or_else(|Ended| {
        process.panic_if_gone();
        None
    });
    found.map(|mut message| take_out(&mut message))
}

/// Takes a message out of the mailbox for user code, which may send it on.
fn take_out(message: &mut Message) -> Message {
    message.handed_out();
    message.take()
}

fn deciding(mut matches: impl FnMut(&Message) -> bool) -> impl FnMut(&mut Message) -> Option<()> {
    move |message| matches(message).then_some(())
}

/// Returns the present place in the order of arrival: see [`Mark`].
///
/// OTP takes such marks by itself, when a reference is made and then matched.
///
/// ```
/// use procession::process;
/// use std::time::Duration;
///
/// process::send(process::self_pid(), "old");
/// let mark = process::mark();
/// assert!(process::receive_match_since(mark, Duration::ZERO, |_| true).is_none());
/// ```
pub fn mark() -> Mark {
    current().slot.mailbox.mark()
}

/// Blocks for `duration`, while exit signals and kill still reach the process.
///
/// Messages that arrive stay in the mailbox. In a process that is being unwound by an exit signal
/// it returns at once.
///
/// ```
/// use procession::process;
/// use std::time::{Duration, Instant};
///
/// let start = Instant::now();
/// process::sleep(Duration::from_millis(1));
/// assert!(start.elapsed() >= Duration::from_millis(1));
/// ```
///
/// OTP: [`timer:sleep/1`](https://www.erlang.org/doc/apps/stdlib/timer.html#sleep/1).
///
/// # Panics
///
/// In a thread of the program's own that was killed.
pub fn sleep(duration: Duration) {
    let process = current();
    let deadline = deadline_after(duration);
    loop {
        process.sort();
        if process.may_block().is_err() {
            return process.panic_if_gone();
        }
        if is_past(deadline) {
            return;
        }
        // Parks at once: no answer is about to come.
        let slot = process.slot;
        let ready = || slot.mailbox.has_arrivals() || !process.is_running();
        slot.park_unless(ParkedFor::Time, deadline, ready);
    }
}

/// Frees memory that the caller does not need while it waits, and waits until there is a message,
/// which stays in the mailbox.
///
/// The memory is that of the mailbox, which shrinks to what is in it; the stack stays. The caller
/// parks at once, even if messages have come quickly lately. [`info`](super::info) shows it as
/// [`Hibernating`](super::Status::Hibernating). If there is a message already, it returns at once.
///
/// ```
/// use procession::process;
///
/// let me = process::self_pid();
/// process::spawn(move || process::send(me, "wake up"))?;
/// process::hibernate();
/// assert!(process::receive().is::<&str>());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// OTP: [`erlang:hibernate/3`](https://www.erlang.org/doc/apps/erts/erlang.html#hibernate/3), which
/// continues with a function, as it drops the stack. This function returns.
///
/// # Panics
///
/// In a thread of the program's own that was killed.
pub fn hibernate() {
    let process = current();
    match process.hibernate() {
        Ok(()) => {}
        Err(Ended) => process.panic_or_abort(),
    }
}

/// Lets the exit signals that have arrived take effect.
///
/// Every blocking call of this crate does so by itself. A long computation without such calls can
/// call this from time to time, and then ends soon after it was told to.
///
/// ```
/// use procession::prelude::*;
///
/// let (worker, monitor) = process::spawn_monitor(|| {
///     let mut sum = 0_u64;
///     for n in 0.. {
///         sum = sum.wrapping_add(n);
///         process::checkpoint();
///     }
/// })?;
/// process::exit(worker, ExitReason::Shutdown);
/// receive! {
///     down: Down if down.monitor == monitor => assert_eq!(down.reason, ExitReason::Shutdown),
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Panics
///
/// In a thread of the program's own that was killed.
pub fn checkpoint() {
    current().sort_or_unwind();
}
