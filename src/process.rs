//! Processes: threads with a mailbox, links and monitors.
//!
//! A process is started by [`spawn()`] and runs a closure on a thread of its own. Processes share
//! nothing but the messages that they [send](send()) each other. Each has one mailbox, from which
//! it takes messages by [`receive!`](crate::receive), in whatever order it wants.
//!
//! ```
//! use procession::prelude::*;
//!
//! #[derive(Debug)]
//! enum Request { Add(u64), Total { reply_to: Pid } }
//!
//! #[derive(Debug)]
//! struct Total(u64);
//!
//! let counter = process::spawn(|| {
//!     let mut total = 0;
//!     loop {
//!         receive! {
//!             Request::Add(n) => total += n,
//!             Request::Total { reply_to } => process::send(reply_to, Total(total)),
//!         }
//!     }
//! })?;
//!
//! process::send(counter, Request::Add(40));
//! process::send(counter, Request::Add(2));
//! process::send(counter, Request::Total { reply_to: process::self_pid() });
//! receive! {
//!     Total(total) => assert_eq!(total, 42),
//! }
//! # process::exit(counter, ExitReason::Shutdown);
//! # Ok::<(), process::SpawnError>(())
//! ```
//!
//! # Messages and their types
//!
//! A message is received by its type, and stays in the mailbox as long as nobody receives that
//! type. The compiler cannot see that what is sent is not what is received, so three mistakes are
//! easily made:
//!
//! - A number without a suffix is an `i32`. `send(pid, 42)` is not received as a `u64`;
//!   `send(pid, 42_u64)` is.
//! - A text in quotes is a `&'static str`, and is not received as a `String`; `"text".to_owned()`
//!   and `format!` make `String`s.
//! - There are three timeouts. [`after`](crate::receive) in `receive!` is no message;
//!   [`Timeout<T>`](crate::Timeout) is the message of
//!   [`timer::start_timer`](crate::timer::start_timer), with the `T` that it was given, whereas
//!   [`timer::send_after`](crate::timer::send_after) sends its value as it is; and a server whose
//!   callback has asked for a [timeout](crate::gen_server::Then::timeout) gets an
//!   [`IdleTimeout`](crate::gen_server::IdleTimeout).
//!
//! A type of the program's own for each kind of message makes none of them. A server logs what it
//! [does not handle](crate::gen_server::GenServer::handle_info); any other process that has
//! [very many](tuning::set_long_message_queue) messages in its mailbox warns of it, with their
//! types. [`info()`] says how many there are.
//!
//! ```
//! use procession::prelude::*;
//! use std::time::Duration;
//!
//! process::send(process::self_pid(), 42);
//! receive! {
//!     _: u64 => unreachable!("it is an `i32`"),
//!     after Duration::ZERO => {}
//! }
//! receive! { n: i32 => assert_eq!(n, 42) }
//! ```
//!
//! # Bounded mailboxes
//!
//! A mailbox takes whatever is sent, as in OTP: if messages come faster than they are handled, it
//! grows, and that is [reported](tuning::set_long_message_queue). A process can be started with a
//! mailbox of a certain [capacity](Builder::mailbox_capacity), which its messages never exceed,
//! however many processes send at once. Only messages that are sent to its pid or name count: plain
//! ones, casts, and those of timers, of registrars, of [groups](crate::pg) and registries. Calls,
//! stops and system messages, exit signals and DOWNs, replies and whatever else is sent to an
//! [alias](alias()), and the [`HandlerExit`](crate::gen_event::HandlerExit)s of event managers are
//! never held up by a full mailbox, nor dropped. A message leaves the mailbox when it is received.
//!
//! When there is no room, the [`Overflow`] policy of the receiver decides. What is dropped is
//! counted in [`Info::messages_dropped`], and what is returned in [`Info::messages_refused`]; what
//! was accepted is received, unless the policy is to drop the oldest:
//!
//! | policy | `send`, `cast` | `try_send`, `try_cast` | `send_timeout`, `cast_timeout` |
//! |---|---|---|---|
//! | [`Refuse`] | drop the message | return it | wait for room, then return it |
//! | [`Block`] | wait for room, then drop it | return it | wait for room, then return it |
//! | [`DropOldest`] | drop the oldest | drop the oldest | drop the oldest |
//! | [`DropNewest`] | drop the message | drop it | drop it |
//!
//! (They are [`send()`], [`send_to()`], [`try_send`], [`try_send_to`], [`send_timeout`], and
//! [`cast`], [`try_cast`], [`cast_timeout`] of servers.)
//!
//! Nothing is dropped in silence: the first message that is dropped or returned is
//! [reported](crate::report::MailboxReport), as a warning; senders that wait are not. With a
//! [low mark](Builder::long_message_queue) another report says when there are only so many messages
//! again, and from then on there may be another warning. A sender that must not lose a message, and
//! must not wait, uses the functions that return it.
//!
//! - **Who waits for room** waits as in any call of this module: it is a receive point, exit
//!   signals and kill reach it, and when the receiver ends, the message is dropped as any to a
//!   process that has ended. Those that wait are served in the order in which they came. A process
//!   that sends to itself does not wait, as it could never make room; nor does one for which the
//!   receiver waits in turn (in a call, or for room), or one that is ending: for these the time is
//!   over at once. While it waits, a call to it by the receiver fails, as in any cycle.
//! - **Timers, groups and the listeners of registries** do not wait, as others wait for those that
//!   send there: what a full mailbox refuses is dropped. What a [registrar](crate::Registrar) sends
//!   is sent by the process that uses the name, which waits; the `try_` functions look the process
//!   up by the name, and send to that.
//! - **The oldest** is dropped even if a selective receive has passed it over. While such a receive
//!   looks at all messages that count, there is room for one more, until it has looked.
//!
//! - **The connection with another node** has room, too, with the feature `dist`: for 1 MiB that is
//!   not written yet. Who sends to a process of that node when there is none waits as for
//!   [`Block`], for as long as the connection lasts; `try_send` and its like return the message.
//!   Links, monitors, exit signals and replies do not wait, nor does who is ending, nor a thread
//!   that panics.
//!
//! ```
//! use procession::prelude::*;
//! use procession::process::{Builder, Overflow};
//!
//! use std::sync::mpsc::channel;
//!
//! // Shows the latest position: one that comes before the last was shown replaces it.
//! let me = process::self_pid();
//! let (idle, screen) = channel::<()>();
//! let builder = Builder::new().mailbox_capacity(1, Overflow::DropOldest);
//! let display = builder.spawn(move || {
//!     _ = screen.recv(); // The screen is busy for a while.
//!     receive! { position: (i32, i32) => process::send(me, position) }
//! })?;
//!
//! (0..100).for_each(|n| process::send(display, (n, -n)));
//! assert_eq!(process::info(display).unwrap().messages_dropped, 99);
//! drop(idle);
//! receive! { position: (i32, i32) => assert_eq!(position, (99, -99)) }
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! [`Refuse`]: Overflow::Refuse
//! [`Block`]: Overflow::Block
//! [`DropOldest`]: Overflow::DropOldest
//! [`DropNewest`]: Overflow::DropNewest
//! [`cast`]: crate::gen_server::ServerRef::cast
//! [`try_cast`]: crate::gen_server::ServerRef::try_cast
//! [`cast_timeout`]: crate::gen_server::ServerRef::cast_timeout
//!
//! # How a process ends
//!
//! A process ends when its body returns, perhaps by a `?`; by [`exit_self`]; by a panic; or by an
//! exit signal, which [`exit()`] or a linked process that ends has sent. It leaves an
//! [`ExitReason`](crate::ExitReason). A process that is ended by a signal unwinds, so destructors
//! run. It does so at a *receive point*: any call of this module that waits, [`checkpoint`],
//! [`set_trap_exit`], [`unlink`], [`demonitor`], [`unalias`], [`register`]ing and [`unregister`]ing
//! itself, [`exit()`] to itself, and all that waits in `io`. A wait that this crate does not know
//! of is made one by [`blocking()`]. A body that catches the unwinding only puts it off: the next
//! call unwinds again.
//!
//! While a process unwinds, calls that do not wait still work, and the messages that they send
//! arrive before the signals of its end: a destructor can give back what was lent. Calls that wait
//! do so only if the process unwinds by its own panic. If it was told to end, or if its body has
//! returned and the messages in its mailbox and its [dictionary] are being dropped, calls with a
//! timeout return at once as if the time were over, [`sleep`] returns, and a receive without a
//! timeout, which could never return, aborts the program with a message.
//!
//! A process that learns of the end of another finds its name free, the values of its body dropped,
//! and the children gone that end with it: those that it has started with a link and that do not
//! trap exits, unless it ends as `Normal`, and the [`proc_lib`](crate::proc_lib) processes among
//! them that do trap exits, which end with their parent by themselves. So a process that has ended
//! can be started again, with all that belongs to it.
//!
//! # Links and monitors
//!
//! [Linked](link()) processes live and die together: when one ends, the other gets an exit signal
//! with the same reason, which ends it too unless the reason is `Normal` or it
//! [traps exits](set_trap_exit). A [monitor](monitor()) goes one way and ends no process: it asks
//! for one [`Down`](crate::Down) message.
//!
//! # Threads of the program's own
//!
//! Any thread that uses this module becomes a process, `main` included, and has its own pid and
//! mailbox. Since the runtime does not own its stack and cannot unwind it, such a process always
//! traps exits and cannot [`exit_self`]. Unless it has [asked for them](set_trap_exit) it does not
//! get the exit signals that are `Normal`, which would not end a process anyway: the processes that
//! it starts and stops leave nothing in its mailbox. If it is killed, its links and monitors get
//! `Killed` at once; after that, calls that can fail return their error, and others panic with a
//! plain message. When the thread ends, its links and monitors get `Normal`, or the panic that has
//! ended it. In destructors of thread-locals that run after that, sending still works.
//!
//! The runtime knows from the panic hook that a thread has ended by a panic. So the reason is
//! `Normal` if a hook that was set later does not pass the panic on, or if it was begun by
//! [`resume_unwind`](std::panic::resume_unwind), which calls no hook. A panic that is caught is
//! forgotten when the thread next uses this crate; if the thread ends without doing so, the panic
//! cannot be told from one that has ended the thread.
//!
//! When `main` returns, the program ends, as in any Rust program, without waiting for other
//! threads; [`shutdown`](crate::shutdown) ends all processes first.
//!
//! # What the runtime logs
//!
//! A process that panics, or whose body [returns an error](Ending), writes a [crash
//! report](crate::report) through the [`log`] crate, at level `error` with the target
//! `procession::crash`, before others learn of its end; in a program without a logger it goes to
//! standard error. So does a process of [`proc_lib`](crate::proc_lib), as all servers are, that
//! ends abnormally in another way. An [`exit_self`] of another process is not reported, as in OTP.
//! The panic message is not printed otherwise: the first process to begin, even if it is a thread
//! of the program's own, installs a panic hook that keeps the message for the report, and that
//! calls the previous hook for panics in threads that are not the runtime's. A killed process whose
//! thread had to be left behind is reported at level `warn` with the target
//! `procession::abandoned`.
//!
//! [`tuning`] says what processes cost, how many fit, and what can be set.
//!
//! # What no process survives
//!
//! As in any Rust program, a stack overflow, a panic in a destructor that runs because of a panic,
//! and unwinding out of an `extern "C"` function end the whole program.
//!
//! # By OTP's names, and Elixir's
//!
//! | OTP | Elixir | here |
//! |---|---|---|
//! | `spawn`, `spawn_link`, … | the same | [`spawn()`], [`spawn_link`], [`spawn_monitor`] |
//! | `spawn_opt` | `Process.spawn/2` | [`Builder`] |
//! | `self()` | `self()` | [`self_pid`] |
//! | `Pid ! Message`, `erlang:send` | `send`, `Process.send/3` | [`send()`], [`send_to()`] |
//! | `receive` | `receive` | [`receive!`](crate::receive), [`receive()`], … |
//! | `flush()` of the shell | `flush()` of IEx | [`flush`] |
//! | `link`, `unlink` | `Process.link/1`, `unlink/1` | [`link()`], [`unlink`] |
//! | `monitor` | `Process.monitor/1` | [`monitor()`] |
//! | `demonitor` | `Process.demonitor/2` | [`demonitor()`], [`demonitor_flush`] |
//! | a monitor and its `'DOWN'` | the same | [`join`]; [`wait`], if there is a monitor |
//! | `alias`, `unalias` | `Process.alias/1`, `unalias/1` | [`alias`](alias()), [`unalias`] |
//! | `exit(Reason)`, `exit(Pid, Reason)` | `exit/1`, `Process.exit/2` | [`exit_self`], [`exit()`] |
//! | `try ... catch` | `try`, `catch` | [`catch`] |
//! | `process_flag(trap_exit, _)` | `Process.flag(:trap_exit, _)` | [`set_trap_exit`] |
//! | `register`, `unregister` | `Process.register/2`, … | [`register`], [`unregister`] |
//! | `whereis`, `registered` | `Process.whereis/1`, `registered/0` | [`whereis`], [`registered`] |
//! | none | none | [`wait_for`] a name, [`blocking()`] |
//! | `is_process_alive`, `processes` | `Process.alive?/1`, `list/0` | [`is_alive`], [`processes`] |
//! | `process_info`, `system_info` | `Process.info/1`, `System` | [`info()`], [`system_info`] |
//! | `put`, `get`, `erase` | `Process.put/2`, `get/1`, `delete/1` | [`dictionary`] |
//! | `proc_lib:set_label` | `Process.set_label/1` | [`set_label`], [`label`] |
//! | `hibernate`, `timer:sleep` | `Process.hibernate/3`, `sleep/1` | [`hibernate`], [`sleep`] |
//! | `send_after`, `cancel_timer`, … | `Process.send_after/3`, … | [`timer`](crate::timer) |
//! | `make_ref` | `make_ref` | [`alias`](alias()), which the answer comes by, or a number |
//! | none | `Task.async/1`, `await/2` | [`Task`](crate::task) |
//!
//! # Differences from OTP
//!
//! - **An exit signal is judged at the next receive point.** A process that computes is alive until
//!   it calls the runtime; [`is_alive`] does not wait for signals under way.
//! - **Kill cannot stop a thread.** A killed process is at once no longer alive, its name is free,
//!   and it unwinds at its next call, usually immediately. Its links and monitors get `Killed` when
//!   it has left its code, or when its [grace](Builder::kill_grace) is over; then its thread is
//!   left behind. So a name can be taken while the destructors of its last owner still run; a
//!   successor that must not overlap with it waits for the `Down`. A message that a process sends
//!   just when it is left behind may arrive after its `Down`; what it sends later is dropped, and
//!   it finds no process by name.
//! - **The end of a process waits for its children** (see above), which in OTP are gone when its
//!   exit signals have come: here they may be busy. One that does not end within its
//!   [grace](Builder::kill_grace) from the end of its parent is left behind, too, with the reason
//!   of its parent; one of `proc_lib`'s that traps exits is not waited for any longer, and goes on.
//!   Meanwhile the process is not alive and has no name, and a call to it fails; a process that
//!   monitors it or links to it is told with the others. The end of a thread of the program's own
//!   does not wait.
//! - **A message sent just when its receiver ends** is dropped, but in a rare case not at once: if
//!   a new process has taken the place of the receiver between two steps of the sender, the message
//!   is dropped when that process next comes to a receive point.
//! - **Spawning can fail**, since it may need a thread: see [`SpawnError`]. There is no
//!   `spawn_request`, as a spawn on the local node does not wait.
//! - **A body returns nothing, or a `Result`**, whose error is the exit reason; the value of OTP's
//!   function is ignored. There is no throw, so no `nocatch` either.
//! - **Links to the dead:** OTP's `link/1` raises `noproc` in a process that does not trap exits;
//!   here it gets the signal, and ends by it before the call returns.
//! - **Names** are strings; no name is reserved, but a name cannot be empty. [`send_to()`] a name
//!   that no process has returns the message in an error where OTP raises `badarg`. There are no
//!   nodes yet, and so no `{Name, Node}`, to which OTP sends without an error.
//! - **[`demonitor()`]** always returns whether it came in time, as OTP's does with `info`;
//!   flushing is a function of its own. [`monitor_with`] takes typed options, so none can be bad.
//! - **Not here**, as threads and their memory belong to the system: priorities, reductions, heap
//!   sizes, garbage collection, and `process_flag` except for [`set_trap_exit`]. There are no group
//!   leaders either, as output belongs to the program, which has one standard output; and no ports:
//!   [`io`] has a type for each kind of what they are for.
//! - **Mailboxes can be bounded**, which OTP's cannot: only a distribution channel or a port that
//!   is busy suspends who sends there, as [`Overflow::Block`] and a busy connection do here;
//!   `nosuspend` is [`try_send`]. OTP suspends who sends an exit signal, or sets a link, too.
//! - **`process_info`** is [`info()`], a struct. Only a process itself sees its [`dictionary`].
//! - **Processes of other nodes**, with the feature `dist`: [`is_alive`] is `false` and [`info()`]
//!   `None`, as only their node knows, [`register`] refuses them, and timers that are set for them
//!   never expire, where OTP raises `badarg`.
//!
#![cfg_attr(all(feature = "io", target_os = "linux"), doc = "[`io`]: crate::io")]
#![cfg_attr(
    not(all(feature = "io", target_os = "linux")),
    doc = "[`io`]: https://docs.rs/procession/latest/procession/io/index.html"
)]

pub(crate) mod current;
pub(crate) mod wait;
pub(crate) mod register;
pub(crate) mod receive;
pub(crate) mod send;
mod wait_for;
pub(crate) mod monitor;
mod receive_macro;
pub(crate) mod exit;
mod link;
pub mod dictionary;
pub(crate) mod info;
pub mod tuning;
mod blocking;
#[cfg(all(feature = "io", target_os = "linux"))]
pub(crate) mod wait_outside;
pub(crate) mod shutdown;
mod ending;
pub(crate) mod spawn;

use std::time::Duration;

use crate::id::Pid;
use crate::runtime::children;

pub use crate::runtime::bound::Overflow;
pub use crate::runtime::limits::ThreadLimit;
pub use crate::runtime::links::AliasMode;
pub use crate::runtime::mailbox::Mark;
pub use crate::runtime::monitors::MonitorOptions;
pub use crate::runtime::names::{NameError, RegisterError};
pub use crate::runtime::snapshot::{Info, Status, WaitsFor};
pub use blocking::blocking;
pub use ending::Ending;
pub use exit::{catch, exit, exit_self};
pub use info::{SystemInfo, info, is_alive, label, processes, set_label, system_info};
#[cfg(all(feature = "io", target_os = "linux"))]
pub(crate) use link::give_child;
pub(crate) use link::is_linked;
pub use link::{link, unlink};
pub use monitor::{
    alias, alias_with, demonitor, demonitor_flush, join, monitor, monitor_with, unalias, wait,
};
pub use receive::{
    checkpoint, flush, hibernate, mark, receive, receive_match, receive_match_since,
    receive_match_timeout, receive_timeout, sleep,
};
#[doc(hidden)]
pub use receive_macro::{choose_arm, select_arm};
pub use register::{register, registered, unregister, whereis};
pub use send::{
    Address, SendError, ToProcess, TrySendError, send, send_timeout, send_to, try_send, try_send_to,
};
pub use spawn::{Builder, SpawnError, spawn, spawn_link, spawn_monitor};
pub use wait_for::wait_for;

/// Returns the pid of the calling process. A thread that is not a process yet becomes one.
///
/// ```
/// use procession::prelude::*;
///
/// process::send(process::self_pid(), "to myself");
/// receive! { text: &str => assert_eq!(text, "to myself") }
/// ```
///
/// OTP: [`erlang:self/0`](https://www.erlang.org/doc/apps/erts/erlang.html#self/0).
pub fn self_pid() -> Pid {
    current::current().pid
}

/// Sets whether the caller traps exits, and returns whether it did.
///
/// A process that traps exits gets exit signals as [`Exit`](crate::Exit) messages, instead of
/// ending by them. Signals that have arrived are judged first, by the old setting; later ones are
/// judged by the setting at the time when they are received. Child processes do not inherit it.
///
/// ```
/// use procession::prelude::*;
///
/// let me = process::self_pid();
/// process::spawn(move || {
///     process::set_trap_exit(true);
///     let child = process::spawn_link(|| process::exit_self(ExitReason::new("bored")))?;
///     receive! { exit: Exit if exit.from == child => process::send(me, exit.reason) }
///     Ok::<(), ExitReason>(())
/// })?;
/// receive! { reason: ExitReason => assert_eq!(reason, ExitReason::new("bored")) }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// OTP: [`process_flag(trap_exit, Boolean)`](https://www.erlang.org/doc/apps/erts/erlang.html#process_flag_trap_exit).
///
/// # Panics
///
/// If `trap_exit` is `false` in a thread of the program's own: that always traps exits, as the
/// runtime does not own its stack and cannot unwind it. (`true` makes a difference there, too: the
/// thread then gets the signals that are `Normal`.)
pub fn set_trap_exit(trap_exit: bool) -> bool {
    let process = current::current();
    process.sort_or_unwind();
    if !trap_exit && process.is_foreign() {
        panic!("{}, a thread of the program's own, cannot stop trapping exits", process.pid);
    }
    let did = process.traps_exits();
    children::set_trap_exit(process, trap_exit);
    did
}

/// Sets how long the caller may take to leave user code when it is killed.
///
/// See [`Builder::kill_grace`]. It has no effect on a thread of the program's own.
///
/// ```
/// # use procession::prelude::*;
/// # use std::sync::mpsc::channel;
/// # use std::time::Duration;
/// # let me = process::self_pid();
/// # let (_sender, receiver) = channel::<()>();
/// let (worker, monitor) = process::spawn_monitor(move || {
///     process::set_kill_grace(Duration::ZERO);
///     process::send(me, "begun");
///     _ = receiver.recv(); // It waits outside of the runtime, which cannot wake it.
/// })?;
/// receive! { _: &str => {} }
/// process::exit(worker, ExitReason::Kill);
/// receive! {
///     down: Down if down.monitor == monitor => assert_eq!(down.reason, ExitReason::Killed),
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn set_kill_grace(grace: Duration) {
    let process = current::current();
    process.unwind_if_doomed();
    process.slot.set_kill_grace(grace);
}
