//! Receiving: sorting what has arrived, choosing a message, waiting for the next one.

use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use crate::exit::ExitReason;
use crate::message::Exit;
use crate::message::Message;

use super::backoff::{self, Parked, WaitFor};
use super::current::{Ended, Process, current};
use super::mailbox::{Entry, Envelope, ExitCause, ExitSignal, Held, Mark, Signal, Special};
use super::monitor;
use super::reply_slot::Awaiting;
use super::ties::{self, MakeDown, Verdict};
use super::unwind::{self, drop_caught};

/// When a wait is over; `None` means never, as does a time too far off for the clock.
pub(crate) fn deadline_after(timeout: Duration) -> Option<Instant> {
    Instant::now().checked_add(timeout)
}

/// How long it is until then.
pub(crate) fn time_left(deadline: Option<Instant>) -> Duration {
    deadline.map_or(Duration::MAX, |deadline| deadline.saturating_duration_since(Instant::now()))
}

fn is_past(deadline: Option<Instant>) -> bool {
    deadline.is_some_and(|deadline| Instant::now() >= deadline)
}

/// What the sender of the last message does next.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Senders {
    /// It may wait for an answer.
    Unknown,
    /// It waits for nothing, so it may send more at once.
    GoOn,
}

/// What sorting makes of one envelope.
enum Sorted {
    /// The tag of a monitor that the message has ended is dropped as what is of no use.
    Queue(Entry, Option<MakeDown>),
    /// It is of no use; dropped when the queue is back in its place, as that runs user code.
    Drop(Signal),
    /// It was for one who has lived here before; its client is told, then too.
    Bounce(Signal),
    Die(ExitReason),
}

impl Process {
    /// Sorts what has arrived, and ends the caller here if that has doomed it.
    pub(crate) fn judge_arrived(self) {
        self.sort();
        self.pass();
    }

    /// Sorts what had arrived when it was called.
    pub(crate) fn sort(self) {
        let mailbox = &self.slot.mailbox;
        let arrived = mailbox.in_transit();
        if arrived == 0 {
            return;
        }
        let mut queue = mailbox.open();
        let mut useless = Vec::new();
        let mut stale = Vec::new();
        let mut tags = Vec::new();
        let mut doom = None;
        for _ in 0..arrived {
            let Ok(envelope) = mailbox.take() else { break };
            match self.admit(mailbox.count_taken(), envelope) {
                Sorted::Queue(entry, tag) => {
                    queue.push(entry);
                    tags.extend(tag);
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
        unwind::drop_each_caught(stale);
        unwind::drop_each_caught(useless);
        unwind::drop_each_caught(tags);
    }

    /// Sorts the envelope that was just taken.
    fn let_in(self, envelope: Envelope) {
        let mailbox = &self.slot.mailbox;
        match self.admit(mailbox.count_taken(), envelope) {
            Sorted::Queue(entry, tag) => {
                mailbox.open().push(entry);
                drop_caught(tag);
            }
            Sorted::Drop(signal) => drop_caught(signal),
            Sorted::Bounce(mut signal) => {
                signal.bounce();
                drop_caught(signal);
            }
            Sorted::Die(reason) => self.doom(reason),
        }
    }

    fn admit(self, place: Mark, Envelope { generation, signal }: Envelope) -> Sorted {
        if generation != self.pid.generation() {
            return Sorted::Bounce(signal);
        }
        match signal {
            Signal::Message(message) => Sorted::Queue(entry(place, message), None),
            Signal::Special(special) => self.admit_special(place, *special),
        }
    }

    fn admit_special(self, place: Mark, special: Special) -> Sorted {
        match special {
            Special::Aliased(alias, message) => {
                let (admitted, ended) = self.slot.ties.lock().admit_aliased(alias);
                let tag = ended.and_then(|monitor| monitor::forget(alias, monitor));
                if admitted {
                    Sorted::Queue(entry(place, message), tag)
                } else {
                    Sorted::Drop(Signal::Message(message))
                }
            }
            Special::Exit(signal) => self.admit_exit(place, signal),
            Special::Down(down) => {
                let id = down.monitor.id;
                let fired = self.slot.ties.lock().remove_fired(id);
                let Some(fired) = fired else { return Sorted::Drop(Special::Down(down).into()) };
                let message = match fired.tag {
                    Some(tag) => tag(down),
                    None => Message::new(down),
                };
                Sorted::Queue(Entry { place, monitor: Some(id), message }, None)
            }
        }
    }

    fn admit_exit(self, place: Mark, signal: ExitSignal) -> Sorted {
        let mut ties = self.slot.ties.lock();
        let active = match signal.cause {
            ExitCause::Link(id) => ties.has_link(signal.from, id),
            ExitCause::Request | ExitCause::Timer => true,
        };
        let verdict = ties::judge(self.pid, self.trap_exit(), active, &signal);
        // The link by which it dies stays: its parent sees by that that it has not gone on.
        if active && !matches!(verdict, Verdict::Die(_)) && signal.is_of_link() {
            ties.links.remove(&signal.from);
        }
        drop(ties);
        match verdict {
            Verdict::Drop => Sorted::Drop(Special::Exit(signal).into()),
            Verdict::Deliver => {
                let ExitSignal { from, reason, .. } = signal;
                Sorted::Queue(entry(place, Message::new(Exit { from, reason })), None)
            }
            Verdict::Die(reason) => Sorted::Die(reason),
        }
    }

    /// Waits for the first message at or after `since` that `select` chooses, and takes it to
    /// `place`, at once, as to move it takes longer than most else.
    ///
    /// Each message is looked at once. `None` if the deadline came first.
    #[inline(always)]
    pub(crate) fn select<R>(
        self,
        mut since: Mark,
        deadline: Option<Instant>,
        place: &mut Option<Message>,
        mut select: impl FnMut(&mut Message) -> Option<R>,
    ) -> Result<Option<R>, Ended> {
        let mailbox = &self.slot.mailbox;
        let mut is_first_look = true;
        loop {
            // What is queued comes first anyway, unless there is an exit signal.
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
                continue; // There is more, perhaps as `select` was a receive point itself.
            }
            if is_past(deadline) {
                return Ok(None);
            }
            self.wait(Senders::Unknown, deadline);
        }
    }

    /// Selects from what has arrived while the queue is empty, and says up to where it has `seen`
    /// everything. A single message, the usual case of a process that waits, need not be queued.
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
            self.check()?;
            *seen = mailbox.sorted();
            return Ok(held.select(since, place, select));
        }
        if let Ok(envelope) = taken {
            self.let_in(envelope);
            self.sort();
        }
        self.select_queued(since, seen, place, select)
    }

    /// Selects from the queue, and says up to where it has `seen` everything.
    fn select_queued<R>(
        self,
        since: Mark,
        seen: &mut Mark,
        place: &mut Option<Message>,
        select: &mut impl FnMut(&mut Message) -> Option<R>,
    ) -> Result<Option<R>, Ended> {
        let mailbox = &self.slot.mailbox;
        self.check()?;
        *seen = mailbox.sorted();
        let is_empty = mailbox.is_queue_empty();
        let found = if is_empty { None } else { mailbox.check_out().select(since, select) };
        Ok(found.map(|(choice, message)| {
            *place = Some(message);
            choice
        }))
    }

    /// Waits for the oldest message, and lends it to `handle`, where it lies: to move it takes
    /// longer than most else. What is left of it is dropped. `None` if the deadline came first.
    #[inline(always)]
    fn next<R>(
        self,
        senders: Senders,
        deadline: Option<Instant>,
        handle: impl FnOnce(&mut Message) -> R,
    ) -> Result<Option<R>, Ended> {
        let mailbox = &self.slot.mailbox;
        loop {
            // Nothing else need be sorted before its turn comes: the channel is left to the
            // senders.
            if self.slot.is_urgent() {
                self.sort();
            }
            self.check()?;
            let mut queued = mailbox.pop();
            if queued.is_none() {
                let mut taken = mailbox.take();
                if let Ok(envelope) = &mut taken
                    && let Some(message) = envelope.message_for(self.pid.generation())
                {
                    // A kill since the check is as one that comes while the message is handled.
                    mailbox.count_taken();
                    mailbox.count_received();
                    return Ok(Some(handle(message)));
                }
                if let Ok(envelope) = taken {
                    self.let_in(envelope);
                    // What others push meanwhile must not keep the caller here.
                    self.sort();
                    self.check()?;
                    queued = mailbox.pop();
                }
            }
            if let Some(message) = &mut queued {
                mailbox.count_received();
                return Ok(Some(handle(message)));
            }
            if is_past(deadline) {
                return Ok(None);
            }
            self.wait(senders, deadline);
        }
    }

    /// Waits for the reply to a call. `None` if it has not come within `timeout`.
    ///
    /// Whatever else arrives is sorted, and stays.
    pub(crate) fn await_reply(
        self,
        awaiting: &Awaiting<'_>,
        timeout: Duration,
    ) -> Result<Option<Message>, Ended> {
        let slot = self.slot;
        let is_answered = || slot.wait.reply.is_answered();
        let ready = || is_answered() || slot.is_called_off(self.pid.generation());
        // Taken when it is first needed: most replies come sooner than a clock is read.
        let mut deadline = None;
        loop {
            slot.is_urgent(); // Whatever has arrived is sorted next.
            self.sort();
            self.check()?;
            if is_answered() {
                // What the server sent before it answered has arrived, too.
                self.sort();
                self.check()?;
                return Ok(awaiting.take());
            }
            if timeout.is_zero() || deadline.is_some_and(is_past) {
                return Ok(None);
            }
            let set = || *deadline.get_or_insert_with(|| deadline_after(timeout));
            backoff::wait(WaitFor::Reply, set, ready, |deadline| {
                // What arrives is sorted meanwhile, as to drop it may run code of the user's.
                let parked = slot.park_unless(deadline, || ready() || slot.mailbox.has_arrivals());
                // Another message says nothing of when replies come.
                if is_answered() { parked } else { Parked::Otherwise }
            });
        }
    }

    /// As [`receive_match_since`], but a process that cannot wait gets an error.
    pub(crate) fn receive_since(
        self,
        mark: Mark,
        timeout: Duration,
        matches: impl FnMut(&Message) -> bool,
    ) -> Result<Option<Message>, Ended> {
        let mut place = None;
        self.select(mark, deadline_after(timeout), &mut place, deciding(matches))?;
        Ok(place)
    }

    /// Waits until something has arrived, the process was killed, or the deadline has come; or for
    /// no reason.
    fn wait(self, senders: Senders, deadline: Option<Instant>) {
        let mailbox = &self.slot.mailbox;
        let wait_for = match senders {
            Senders::Unknown => WaitFor::Message,
            Senders::GoOn => WaitFor::Stream { taken: mailbox.sorted().0 },
        };
        let ready = || mailbox.has_arrivals() || !self.is_running();
        backoff::wait(
            wait_for,
            || deadline,
            ready,
            |deadline| self.slot.park_unless(deadline, ready),
        );
    }

    /// Waits for a message with as little memory as can be.
    fn hibernate(self) -> Result<(), Ended> {
        let Process { slot, .. } = self;
        loop {
            self.sort();
            self.check()?;
            if !slot.mailbox.is_queue_empty() {
                return Ok(());
            }
            slot.mailbox.shrink();
            slot.hibernates.store(true, Ordering::Relaxed);
            slot.park_unless(None, || slot.mailbox.has_arrivals() || !self.is_running());
            slot.hibernates.store(false, Ordering::Relaxed);
        }
    }

    /// For an untimed receive of a process that cannot wait any more.
    fn refuse_receive(self) -> ! {
        self.refuse_gone();
        unwind::abort(&format!(
            "a destructor in process {}, which is ending, receives without a time-out",
            self.pid
        ))
    }
}

fn entry(place: Mark, message: Message) -> Entry {
    Entry { place, monitor: None, message }
}

/// Takes the oldest message out of the mailbox, waiting for one if there is none.
///
/// This is a receive point: exit signals that have arrived are judged first, whatever is queued
/// before them.
///
/// # Panics
///
/// In a thread of the program's own that was killed.
pub fn receive() -> Message {
    next(Senders::Unknown, take_out)
}

/// As [`receive`], for a server, which answers requests itself, and is lent the message.
#[inline(always)]
pub(crate) fn next<R>(senders: Senders, handle: impl FnOnce(&mut Message) -> R) -> R {
    let process = current();
    match process.next(senders, None, handle) {
        Ok(Some(result)) => result,
        Ok(None) => unreachable!("there is no deadline"),
        Err(Ended) => process.refuse_receive(),
    }
}

/// As [`receive`], for at most `timeout`; `None` if no message came.
///
/// A `timeout` of zero takes what is there. One too long for the clock means for ever.
///
/// # Panics
///
/// As [`receive`].
pub fn receive_timeout(timeout: Duration) -> Option<Message> {
    next_within(timeout, take_out)
}

/// As [`receive_timeout`], for a server, which answers requests itself, and is lent the message.
pub(crate) fn next_within<R>(
    timeout: Duration,
    handle: impl FnOnce(&mut Message) -> R,
) -> Option<R> {
    let process = current();
    process.next(Senders::Unknown, deadline_after(timeout), handle).unwrap_or_else(|Ended| {
        process.refuse_gone();
        None
    })
}

/// Takes the first message, in order of arrival, for which `matches` says yes; the others stay.
///
/// Each message is looked at once. `matches` should look and nothing else: the messages being
/// looked at are out of its reach, so if it receives itself, it sees only what arrives later, and
/// what it abandons may be among them.
///
/// # Panics
///
/// As [`receive`].
pub fn receive_match(matches: impl FnMut(&Message) -> bool) -> Message {
    let process = current();
    let mut place = None;
    match process.select(Mark::START, None, &mut place, deciding(matches)) {
        Ok(_) => take_out(&mut place.expect("there is no deadline")),
        Err(Ended) => process.refuse_receive(),
    }
}

/// As [`receive_match`], for at most `timeout`.
///
/// Messages that do not match do not lengthen the time.
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
        process.refuse_gone();
        None
    });
    found.map(|mut message| take_out(&mut message))
}

/// Takes a message out of the mailbox into hands that may send it on.
fn take_out(message: &mut Message) -> Message {
    message.leave();
    message.take()
}

fn deciding(mut matches: impl FnMut(&Message) -> bool) -> impl FnMut(&mut Message) -> Option<()> {
    move |message| matches(message).then_some(())
}

/// Returns the present place in the order of arrival: see [`Mark`].
///
/// OTP takes such marks by itself, when it sees a reference that is made and then matched.
pub fn mark() -> Mark {
    current().slot.mailbox.mark()
}

/// The search behind [`receive!`](crate::receive), which takes the message to `place`.
#[doc(hidden)]
pub fn select_arm(
    since: Mark,
    timeout: Option<Duration>,
    place: &mut Option<Message>,
    mut select: impl FnMut(&mut Message) -> Option<(usize, usize)>,
) -> Option<(usize, usize)> {
    let process = current();
    let select_out = |message: &mut Message| {
        let arm = select(message)?;
        message.leave();
        Some(arm)
    };
    match process.select(since, timeout.and_then(deadline_after), place, select_out) {
        Ok(found) => found,
        Err(Ended) if timeout.is_some() => {
            process.refuse_gone();
            None
        }
        Err(Ended) => process.refuse_receive(),
    }
}

/// Blocks for `duration`, while exit signals and kill still reach the process.
///
/// Messages that arrive stay in the mailbox. In a process that is being unwound by an exit signal
/// it returns at once.
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
        if process.check().is_err() {
            return process.refuse_gone();
        }
        if is_past(deadline) {
            return;
        }
        // At once: nobody is about to answer.
        let slot = process.slot;
        slot.park_unless(deadline, || slot.mailbox.has_arrivals() || !process.is_running());
    }
}

/// Gives back what memory the caller does not need while it waits, and waits until there is a
/// message, which stays in the mailbox.
///
/// The memory is that of the mailbox, which shrinks to what is in it; the stack stays. The caller
/// parks at once, however fast it has been answered lately. [`info`](super::info) shows it as
/// [`Hibernating`](super::Status::Hibernating). If there is a message already, it returns at once.
///
/// OTP: [`erlang:hibernate/3`](https://www.erlang.org/doc/apps/erts/erlang.html#hibernate/3), which
/// goes on with a function, as it drops the stack. This returns.
///
/// # Panics
///
/// In a thread of the program's own that was killed.
pub fn hibernate() {
    let process = current();
    match process.hibernate() {
        Ok(()) => {}
        Err(Ended) => process.refuse_receive(),
    }
}

/// Lets the exit signals that have arrived take effect.
///
/// Every blocking call of this crate does so by itself; a long computation that makes none can call
/// this from time to time, and then ends soon after it was told to.
///
/// # Panics
///
/// In a thread of the program's own that was killed.
pub fn checkpoint() {
    current().judge_arrived();
}

/// Takes the first message that one of the patterns matches, as Erlang's `receive`.
///
/// The arms look like those of `match`. For each message in the mailbox, in order of arrival, they
/// are tried from the top; the first that fits gets the message, and the rest of the queue stays as
/// it was. If none fits any message, the caller waits for the next one; each message is looked at
/// once.
///
/// - A pattern matches by value, and says by its shape which type it is for: `Op::Add(n)`.
/// - A bare binding, or a pattern whose type is not plain from its shape, states it: `n: u64`,
///   `(key, value): (String, u32)`.
/// - `_`, or a binding of type [`Message`](crate::Message), fits any message.
/// - A guard can follow either: `n: u64 if n > 3`. It sees the bindings as in `match`.
/// - `after timeout => …`, last, is run if nothing fitted for that long, a
///   [`Duration`](std::time::Duration); with a zero timeout the mailbox is looked through once.
/// - `since mark;`, first, skips what arrived before the [`Mark`](crate::process::Mark).
///
/// The bodies stand in no loop or closure: `break`, `continue`, `return` and `?` are yours. One
/// that is not a block ends with a comma, also if it is an `if` or a `match`. The macro takes some
/// fifteen arms before it meets the compiler's recursion limit.
///
/// OTP: [Receive](https://www.erlang.org/doc/system/expressions.html#receive).
///
/// ```
/// use procession::prelude::*;
/// use std::time::Duration;
///
/// #[derive(Debug)]
/// enum Op { Add(u64), Clear }
///
/// let me = process::self_pid();
/// process::send(me, "hello");
/// process::send(me, Op::Add(2));
/// process::send(me, Op::Add(7));
/// process::send(me, Op::Clear);
///
/// let mut total = 0;
/// loop {
///     receive! {
///         Op::Add(n) if n > 3 => total += n,
///         Op::Clear => break,
///     }
/// }
/// assert_eq!(total, 7);
///
/// let left = receive! {
///     text: &str => text.len() as u64, // matched by its stated type
///     Op::Add(n) => n,
///     after Duration::ZERO => 0,
/// };
/// assert_eq!(left, 5);
/// ```
///
/// # Differences from OTP
///
/// - A guard is ordinary Rust and can panic; the message it was looking at is then dropped, the
///   others stay.
/// - A guard that receives sees only what arrives after the messages being looked at.
#[macro_export]
macro_rules! receive {
    // The arms in turn: [mark] [number of this arm] [arms so far] what is left.
    (@arm [$mark:expr] [$n:expr] [$($arms:tt)*]) => {
        $crate::receive!(@emit [$mark] [::core::option::Option::None] [$($arms)*]
            [::core::unreachable!("a receive without a time-out has not timed out")])
    };
    (@arm [$mark:expr] [$n:expr] [$($arms:tt)*] after $timeout:expr => $body:expr $(,)?) => {
        $crate::receive!(@emit [$mark] [::core::option::Option::Some($timeout)] [$($arms)*] [$body])
    };
    (@arm [$mark:expr] [$n:expr] [$($arms:tt)*] mut $name:ident : $($rest:tt)+) => {
        $crate::receive!(@type [$mark] [$n] [$($arms)*] [mut $name] [] $($rest)+)
    };
    (@arm [$mark:expr] [$n:expr] [$($arms:tt)*] $pattern:tt : $($rest:tt)+) => {
        $crate::receive!(@type [$mark] [$n] [$($arms)*] [$pattern] [] $($rest)+)
    };
    (@arm [$mark:expr] [$n:expr] [$($arms:tt)*] _ $($rest:tt)+) => {
        $crate::receive!(@type [$mark] [$n] [$($arms)*] [_] [$crate::Message] $($rest)+)
    };
    (@arm [$mark:expr] [$n:expr] [$($arms:tt)*] $pattern:pat if $guard:expr => $($rest:tt)+) => {
        $crate::receive!(@body [$mark] [$n] [$($arms)*] [$pattern] [_] [$guard] $($rest)+)
    };
    (@arm [$mark:expr] [$n:expr] [$($arms:tt)*] $pattern:pat => $($rest:tt)+) => {
        $crate::receive!(@body [$mark] [$n] [$($arms)*] [$pattern] [_] [true] $($rest)+)
    };

    // The stated type, a token at a time, as a guard cannot follow a type fragment.
    (@type [$mark:expr] [$n:expr] [$($arms:tt)*] [$($pattern:tt)+] [$($type:tt)+]
        => $($rest:tt)+) => {
        $crate::receive!(
            @body [$mark] [$n] [$($arms)*] [$($pattern)+] [$($type)+] [true] $($rest)+)
    };
    (@type [$mark:expr] [$n:expr] [$($arms:tt)*] [$($pattern:tt)+] [$($type:tt)+]
        if $guard:expr => $($rest:tt)+) => {
        $crate::receive!(
            @body [$mark] [$n] [$($arms)*] [$($pattern)+] [$($type)+] [$guard] $($rest)+)
    };
    (@type [$mark:expr] [$n:expr] [$($arms:tt)*] [$($pattern:tt)+] [$($type:tt)*]
        $next:tt $($rest:tt)+) => {
        $crate::receive!(@type [$mark] [$n] [$($arms)*] [$($pattern)+] [$($type)* $next] $($rest)+)
    };

    // The body: a block, or an expression up to the comma.
    (@body [$mark:expr] [$n:expr] [$($arms:tt)*] $pattern:tt $type:tt $guard:tt
        $body:block , $($rest:tt)*) => {
        $crate::receive!(
            @arm [$mark] [$n + 1] [$($arms)* {[$n] $pattern $type $guard [$body]}] $($rest)*)
    };
    (@body [$mark:expr] [$n:expr] [$($arms:tt)*] $pattern:tt $type:tt $guard:tt
        $body:block $($rest:tt)*) => {
        $crate::receive!(
            @arm [$mark] [$n + 1] [$($arms)* {[$n] $pattern $type $guard [$body]}] $($rest)*)
    };
    (@body [$mark:expr] [$n:expr] [$($arms:tt)*] $pattern:tt $type:tt $guard:tt
        $body:expr , $($rest:tt)*) => {
        $crate::receive!(
            @arm [$mark] [$n + 1] [$($arms)* {[$n] $pattern $type $guard [$body]}] $($rest)*)
    };
    (@body [$mark:expr] [$n:expr] [$($arms:tt)*] $pattern:tt $type:tt $guard:tt
        $body:expr) => {
        $crate::receive!(@arm [$mark] [$n + 1] [$($arms)* {[$n] $pattern $type $guard [$body]}])
    };

    // First the search, in which the patterns only test; then the bodies, outside of it.
    //
    // A guard is asked about each alternative of its pattern in turn. The search counts them, so
    // that the second match takes the same one without asking again.
    (@emit [$mark:expr] [$timeout:expr]
        [$({[$n:expr] [$($pattern:tt)+] [$($type:tt)+] [$guard:expr] [$body:expr]})*]
        [$after:expr]) => {{
        let mut place = ::core::option::Option::None;
        match $crate::process::select_arm($mark, $timeout, &mut place, |message| {
            $(
                let mut tries = 0_usize;
                #[allow(unused_mut, reason = "a pattern may borrow what it is lent, or not")]
                if message.probe::<$($type)+, _>(|mut lent| {
                    let mut fits = false;
                    #[allow(
                        unused_variables, unused_mut, unused_parens, unused_assignments,
                        unreachable_patterns, unreachable_code,
                        reason = "the pattern is only tried here; the body uses what it binds"
                    )]
                    match lent {
                        $($pattern)+
                            if !fits && { tries += 1; $guard } && { fits = true; false } =>
                        {
                            ::core::unreachable!("the guard is false")
                        }
                        _ => {}
                    }
                    (fits, lent)
                }) {
                    return ::core::option::Option::Some(($n, tries));
                }
            )*
            ::core::option::Option::None
        }) {
            ::core::option::Option::Some((arm, tries)) => {
                let message = place.as_mut().expect("an arm was chosen for it");
                let mut tried = 0_usize;
                $(
                    if arm == $n {
                        #[allow(
                            unused_parens, unused_assignments,
                            reason = "as the pattern was written, which the guard has seen"
                        )]
                        match message.open::<$($type)+>() {
                            // Names what only the guard uses, without asking it again.
                            #[allow(unreachable_patterns, reason = "a type without values")]
                            $($pattern)+
                                if { tried += 1; tried == tries || (false && $guard) } => $body,
                            #[allow(unreachable_patterns, reason = "a pattern that always fits")]
                            _ => ::core::unreachable!("the message was tested before"),
                        }
                    } else
                )*
                {
                    ::core::unreachable!("there is no such arm")
                }
            }
            ::core::option::Option::None => $after,
        }
    }};

    (@ $($rest:tt)*) => {
        ::core::compile_error!(
            "expected arms as those of `match`: `pattern => body`, `binding: type => body`, \
             and last `after timeout => body`"
        )
    };

    (since $mark:expr ; $($arms:tt)+) => {
        $crate::receive!(@arm [$mark] [0_usize] [] $($arms)+)
    };
    ($($arms:tt)+) => {
        $crate::receive!(@arm [$crate::process::Mark::START] [0_usize] [] $($arms)+)
    };
}
