//! Messages, signals and calls at a later time.
//!
//! ```
//! use procession::prelude::*;
//! use procession::timer;
//! use std::time::Duration;
//!
//! let me = process::self_pid();
//! timer::send_after(Duration::from_millis(5), me, "tea is ready");
//! let late = timer::send_after(Duration::from_secs(60), me, "tea is cold");
//!
//! receive! {
//!     text: &str => assert_eq!(text, "tea is ready"),
//! }
//! assert!(timer::cancel(late).unwrap() > Duration::from_secs(50));
//! ```
//!
//! One thread serves any number of timers. A timer never expires early; how late it may be depends
//! on the machine, as a rule less than a millisecond. Timers expire in the order of their
//! deadlines.
//!
//! A timer exists until it has expired or was cancelled; the end of a process cancels it, too:
//!
//! | timer | ends with |
//! |---|---|
//! | [`send_after`], [`start_timer`] to a pid or an alias | that process |
//! | [`exit_after`], [`kill_after`] to a pid | that process |
//! | these four to a name | no process: they act on the one that has the name at expiry |
//! | [`send_interval`] to a pid or an alias | that process |
//! | [`send_interval`] to a name | the process that has it when the interval starts |
//! | [`apply_after`] | no process |
//! | [`apply_interval`], [`apply_repeatedly`] | the process that starts it |
//!
//! Apart from that, the end of the process that has started a timer does not cancel it. A server
//! can start an interval to its own pid in its `init`: when it is restarted, there is one again.
//!
//! | OTP | Elixir | here |
//! |---|---|---|
//! | `send_after` of both modules | `Process.send_after/3` | [`send_after`], [`send_at`] |
//! | `erlang:start_timer` | `:erlang.start_timer/3` | [`start_timer`], [`start_timer_at`] |
//! | `erlang:cancel_timer`, `timer:cancel` | `Process.cancel_timer/1` | [`cancel`] |
//! | `erlang:read_timer` | `Process.read_timer/1` | [`read`] |
//! | `timer:send_interval` | `:timer.send_interval/3` | [`send_interval`] |
//! | `timer:exit_after`, `kill_after` | the same | [`exit_after`], [`kill_after`] |
//! | `timer:apply_after` | `:timer.apply_after/4` | [`apply_after`] |
//! | `timer:apply_interval`, … | the same | [`apply_interval`], [`apply_repeatedly`] |
//! | `timer:sleep` | `Process.sleep/1` | [`sleep`] |
//! | `timer:tc` | `:timer.tc/1` | [`tc`] |
//! | `timer:seconds`, `minutes`, `hours` | `to_timeout/1` | [`Duration`] |
//!
//! # Panics
//!
//! All functions that start a timer panic if the system refuses the one thread of the timer
//! service, which is started with the first timer.
//!
//! # Differences from OTP
//!
//! - The timers of `erlang` and those of the module `timer` are the same here: in OTP, `erlang`'s
//!   `send_after` and `timer`'s differ in which process serves them.
//! - Times are [`Duration`]s, or [`Instant`]s for the forms that end in `_at` (OTP's `{abs,
//!   true}`). So the only bad time is a period of zero; and instead of `timer:seconds/1` and the
//!   like there are `Duration`'s functions.
//! - [`cancel`] and [`read`] return at once, as they take one lock and ask no process. So there is
//!   no `async` form of them, and instead of `{info, false}` one ignores the result.
//! - [`cancel`] returns how much time was left also where `timer:cancel/1` would return just `ok`.
//! - The signal of [`exit_after`] is from the caller, where OTP's is from a process of the timer
//!   service.
//! - The timer service is no process: it cannot be sent anything, nor stopped.

use std::any::Any;
use std::fmt::Debug;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::exit::{ExitReason, Reason};
use crate::id::{Pid, TimerRef};
use crate::message::{Destination, Message, Timeout};
use crate::process::current::is_left_behind;

use crate::process::{Address, exit, self_pid};
use crate::runtime::timer_thread::start_service;
use crate::runtime::timers::{self, Action, Repeat, Tick, deadline_of};
use crate::user_code::Guarded;

pub use crate::process::sleep;

/// Sends `message` to `to` after `duration`.
///
/// If there is [no room](crate::process#bounded-mailboxes) for it by then, it does not wait.
///
/// ```
/// use procession::prelude::*;
/// use procession::timer;
/// use std::time::Duration;
///
/// timer::send_after(Duration::from_millis(1), process::self_pid(), "tea is ready");
/// receive! { text: &str => assert_eq!(text, "tea is ready") }
/// ```
///
/// OTP: [`erlang:send_after/3`](https://www.erlang.org/doc/apps/erts/erlang.html#send_after/3).
pub fn send_after<M: Any + Send + Debug>(
    duration: Duration,
    to: impl Into<Destination>,
    message: M,
) -> TimerRef {
    send_at(deadline_of(duration), to, message)
}

/// Sends `message` to `to` at `deadline`; at once if that is past.
///
/// ```
/// use procession::prelude::*;
/// use procession::timer;
/// use std::time::{Duration, Instant};
///
/// let deadline = Instant::now() + Duration::from_millis(1);
/// timer::send_at(deadline, process::self_pid(), "tea is ready");
/// receive! { _: &str => assert!(Instant::now() >= deadline) }
/// ```
pub fn send_at<M: Any + Send + Debug>(
    deadline: Instant,
    to: impl Into<Destination>,
    message: M,
) -> TimerRef {
    let (to, message) = (to.into(), Message::new(message));
    start(deadline, to.fixed_pid(), |_| Action::Send { to, message })
}

/// Sends a [`Timeout`] with `value` and the timer's reference to `to` after `duration`.
///
/// OTP: [`erlang:start_timer/3`](https://www.erlang.org/doc/apps/erts/erlang.html#start_timer/3).
///
/// ```
/// use procession::prelude::*;
/// use procession::timer;
/// use std::time::Duration;
///
/// let me = process::self_pid();
/// let started = timer::start_timer(Duration::from_millis(1), me, "egg");
/// receive! {
///     Timeout { timer, value: "egg" } => assert_eq!(timer, started),
/// }
/// ```
pub fn start_timer<T: Any + Send + Debug>(
    duration: Duration,
    to: impl Into<Destination>,
    value: T,
) -> TimerRef {
    start_timer_at(deadline_of(duration), to, value)
}

/// As [`start_timer`], at `deadline`; at once if that is past.
///
/// ```
/// use procession::prelude::*;
/// use procession::timer;
/// use std::time::{Duration, Instant};
///
/// let deadline = Instant::now() + Duration::from_millis(1);
/// let started = timer::start_timer_at(deadline, process::self_pid(), "egg");
/// receive! {
///     Timeout { timer, value: "egg" } => assert_eq!(timer, started),
/// }
/// ```
pub fn start_timer_at<T: Any + Send + Debug>(
    deadline: Instant,
    to: impl Into<Destination>,
    value: T,
) -> TimerRef {
    let to = to.into();
    start(deadline, to.fixed_pid(), |timer| Action::Send {
        to,
        message: Message::new(Timeout { timer, value }),
    })
}

/// Sends `message` to `to` after each `period`, until it is cancelled or the target has ended.
///
/// If `to` is a name, the target is the process that has it when the interval starts: the interval
/// ends with that process, or at once if there is none. Each message goes to the process that has
/// the name at the time.
///
/// The ticks are counted from the start, so they do not drift. The message is cloned between the
/// ticks, by the thread that serves all timers: its `Clone` should be quick. If that panics, the
/// interval ends.
///
/// ```
/// use procession::prelude::*;
/// use procession::timer;
/// use std::time::Duration;
///
/// let ticks = timer::send_interval(Duration::from_millis(1), process::self_pid(), "tick");
/// for _ in 0..3 {
///     receive! { text: &str => assert_eq!(text, "tick") }
/// }
/// timer::cancel(ticks);
/// ```
///
/// OTP: [`timer:send_interval/3`](https://www.erlang.org/doc/apps/stdlib/timer.html#send_interval/3).
///
/// # Panics
///
/// If `period` is zero.
pub fn send_interval<M: Any + Send + Debug + Clone>(
    period: Duration,
    to: impl Into<Destination>,
    message: M,
) -> TimerRef {
    let message = Guarded::new(message);
    check_period(period);
    let to = to.into();
    let target = to.find();
    let first = Message::new(message.get().clone());
    let make = Box::new(move || Message::new(message.get().clone()));
    repeat(period, target, Tick::Send { to, message: first, make })
}

fn check_period(period: Duration) {
    assert!(!period.is_zero(), "the period of a repeating timer is zero");
}

/// Starts a repeating timer that ends with the process `life`, or at once if there is none: nothing
/// would cancel it then.
fn repeat(period: Duration, life: Option<Pid>, tick: Tick) -> TimerRef {
    let due = deadline_of(period);
    let repeat = Action::Repeat(Box::new(Repeat { period, due, tick }));
    if life.is_none() {
        timers::discard(Some(repeat));
        return timers::expired();
    }
    start(due, life, |_| repeat)
}

/// Starts a timer, unless the end of the caller has been told: then it has no effect any more.
fn start(
    deadline: Instant,
    target: Option<Pid>,
    make: impl FnOnce(TimerRef) -> Action,
) -> TimerRef {
    let make = Guarded::new(make); // It holds the message, or the function.
    if is_left_behind() {
        timers::discard(Some(make.into_inner()(timers::expired())));
        return timers::expired();
    }
    start_service().unwrap_or_else(|error| panic!("the timer service cannot start: {error}"));
    timers::start(deadline, target, make.into_inner())
}

/// Runs `function` in a process of its own after `duration`.
///
/// ```
/// use procession::prelude::*;
/// use procession::timer;
/// use std::time::Duration;
///
/// let me = process::self_pid();
/// timer::apply_after(Duration::from_millis(1), move || process::send(me, process::self_pid()));
/// receive! { another: Pid => assert_ne!(another, me) }
/// ```
///
/// OTP: [`timer:apply_after/2`](https://www.erlang.org/doc/apps/stdlib/timer.html#apply_after/2).
pub fn apply_after(duration: Duration, function: impl FnOnce() + Send + 'static) -> TimerRef {
    start(deadline_of(duration), None, |_| Action::Apply(Box::new(function)))
}

/// Runs `function` in a process of its own after each `period`, until it is cancelled or the
/// calling process has ended.
///
/// If a run takes longer than `period`, several runs overlap.
///
/// ```
/// use procession::prelude::*;
/// use procession::timer;
/// use std::time::Duration;
///
/// let me = process::self_pid();
/// let ticks = timer::apply_interval(Duration::from_millis(1), move || process::send(me, "tick"));
/// for _ in 0..3 {
///     receive! { text: &str => assert_eq!(text, "tick") }
/// }
/// timer::cancel(ticks);
/// ```
///
/// OTP: [`timer:apply_interval/2`](https://www.erlang.org/doc/apps/stdlib/timer.html#apply_interval/2).
///
/// # Panics
///
/// If `period` is zero.
pub fn apply_interval(period: Duration, function: impl Fn() + Send + Sync + 'static) -> TimerRef {
    let function = Guarded::new(function);
    check_period(period);
    repeat(period, Some(self_pid()), Tick::Apply(Arc::new(function.into_inner())))
}

/// As [`apply_interval`], but never runs `function` again before its last run has ended.
///
/// If a run takes longer than `period`, the next one follows at once.
///
/// ```
/// use procession::prelude::*;
/// use procession::timer;
/// use std::time::Duration;
///
/// let me = process::self_pid();
/// let tick = move || process::send(me, "tick");
/// let ticks = timer::apply_repeatedly(Duration::from_millis(1), tick);
/// for _ in 0..3 {
///     receive! { text: &str => assert_eq!(text, "tick") }
/// }
/// timer::cancel(ticks);
/// ```
///
/// OTP: [`timer:apply_repeatedly/2`](https://www.erlang.org/doc/apps/stdlib/timer.html#apply_repeatedly/2).
///
/// # Panics
///
/// If `period` is zero.
pub fn apply_repeatedly(period: Duration, function: impl Fn() + Send + Sync + 'static) -> TimerRef {
    let function = Guarded::new(function);
    check_period(period);
    repeat(period, Some(self_pid()), Tick::ApplyInTurn(Arc::new(function.into_inner())))
}

/// Sends `to` the exit signal `reason`, from the caller, after `duration`.
///
/// If `to` is the caller, the signal counts as one from another process: `Normal` is ignored,
/// unless the caller traps exits. With a `duration` of zero this is [`exit`], as in OTP: then
/// `Normal` ends the caller.
///
/// ```
/// use procession::prelude::*;
/// use procession::timer;
/// use std::time::Duration;
///
/// let (worker, monitor) = process::spawn_monitor(|| receive! { () => {} })?;
/// timer::exit_after(Duration::from_millis(1), worker, ExitReason::Shutdown);
/// receive! {
///     down: Down if down.monitor == monitor => assert_eq!(down.reason, ExitReason::Shutdown),
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// OTP: [`timer:exit_after/3`](https://www.erlang.org/doc/apps/stdlib/timer.html#exit_after/3).
///
/// # Panics
///
/// With a `duration` of zero, as [`exit`].
pub fn exit_after(duration: Duration, to: impl Into<Destination>, reason: impl Reason) -> TimerRef {
    let (to, from, reason) = (to.into().without_alias(), self_pid(), reason.into());
    if duration.is_zero() {
        if let Some(pid) = to.find() {
            exit(pid, reason);
        }
        return timers::expired();
    }
    start(deadline_of(duration), to.fixed_pid(), |_| Action::Exit { to, from, reason })
}

/// Kills `to` after `duration`.
///
/// ```
/// use procession::prelude::*;
/// use procession::timer;
/// use std::time::Duration;
///
/// let (worker, monitor) = process::spawn_monitor(|| receive! { () => {} })?;
/// timer::kill_after(Duration::from_millis(1), worker);
/// receive! {
///     down: Down if down.monitor == monitor => assert_eq!(down.reason, ExitReason::Killed),
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// OTP: [`timer:kill_after/2`](https://www.erlang.org/doc/apps/stdlib/timer.html#kill_after/2).
pub fn kill_after(duration: Duration, to: impl Into<Destination>) -> TimerRef {
    exit_after(duration, to, ExitReason::Kill)
}

/// Cancels a timer and returns how much time was left; `None` if it has expired, was cancelled, or
/// its target has ended.
///
/// After `Some`, a timer that expires once never does. A repeating timer sends nothing more in
/// either case. Any process may cancel any timer.
///
/// ```
/// use procession::{process, timer};
/// use std::time::Duration;
///
/// let late = timer::send_after(Duration::from_secs(60), process::self_pid(), "tea is cold");
/// assert!(timer::cancel(late).unwrap() > Duration::ZERO);
/// assert_eq!(timer::cancel(late), None);
/// ```
///
/// OTP: [`erlang:cancel_timer/1`](https://www.erlang.org/doc/apps/erts/erlang.html#cancel_timer/1).
pub fn cancel(timer: TimerRef) -> Option<Duration> {
    timers::cancel(timer).map(time_left)
}

/// Returns how much time is left until `timer` expires; `None` if there is no such timer any more.
///
/// ```
/// use procession::{process, timer};
/// use std::time::Duration;
///
/// let late = timer::send_after(Duration::from_secs(60), process::self_pid(), "tea is cold");
/// assert!(timer::read(late).unwrap() <= Duration::from_secs(60));
/// # timer::cancel(late);
/// ```
///
/// OTP: [`erlang:read_timer/1`](https://www.erlang.org/doc/apps/erts/erlang.html#read_timer/1).
pub fn read(timer: TimerRef) -> Option<Duration> {
    timers::read(timer).map(time_left)
}

fn time_left(deadline: Instant) -> Duration {
    deadline.saturating_duration_since(Instant::now())
}

/// Runs `function`, and returns how long it took and its value.
///
/// OTP: [`timer:tc/1`](https://www.erlang.org/doc/apps/stdlib/timer.html#tc/1).
///
/// ```
/// let (elapsed, sum) = procession::timer::tc(|| (1..=100).sum::<u32>());
/// assert_eq!(sum, 5050);
/// assert!(elapsed.as_secs() < 60);
/// ```
pub fn tc<T>(function: impl FnOnce() -> T) -> (Duration, T) {
    let start = Instant::now();
    let value = function();
    (start.elapsed(), value)
}
