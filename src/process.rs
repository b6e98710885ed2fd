//! Processes: threads with a mailbox, links and monitors.
//!
//! (chapter)

pub(crate) mod unwind;
pub(crate) mod mailbox;
pub(crate) mod ties;
pub mod dictionary;
pub(crate) mod slot;
pub(crate) mod table;
pub(crate) mod limits;
pub(crate) mod current;
pub(crate) mod worker;
pub(crate) mod names;
pub(crate) mod address;
pub(crate) mod monitor;
pub(crate) mod receive;
pub(crate) mod timer_queue;
pub(crate) mod timers;
pub(crate) mod info;
pub(crate) mod lifecycle;
pub(crate) mod builder;
pub(crate) mod shutdown;

use std::sync::atomic::Ordering;
use std::time::Duration;

use crate::id::Pid;

pub use address::{Address, Destination, SendError, send};
pub use builder::{Builder, SpawnError, spawn, spawn_link, spawn_monitor};
pub use info::{
    Info, Status, SystemInfo, info, is_alive, label, processes, set_label, system_info,
};
pub use lifecycle::{exit, exit_self, link, unlink};
pub use limits::ThreadLimit;
pub use mailbox::Mark;
pub use monitor::{
    MonitorOptions, alias, alias_with, demonitor, demonitor_flush, monitor, monitor_with, unalias,
};
pub use names::{NameError, RegisterError, register, registered, unregister, whereis};
pub use receive::{
    checkpoint, mark, receive, receive_match, receive_match_since, receive_match_timeout,
    receive_timeout, sleep,
};
#[doc(hidden)]
pub use receive::select_arm;
pub use ties::AliasMode;

/// Returns the pid of the calling process. A thread that was none becomes one.
///
/// OTP: [`erlang:self/0`](https://www.erlang.org/doc/apps/erts/erlang.html#self/0).
pub fn self_pid() -> Pid {
    current::current().pid
}

/// Sets whether the caller traps exits, and returns whether it did.
///
/// A process that traps exits gets exit signals as [`Exit`](crate::Exit) messages, instead of ending
/// by them. Signals that have arrived are judged first, by the old setting; what counts later is the
/// setting when a signal is received. It is not inherited.
///
/// OTP: [`process_flag(trap_exit, Boolean)`](https://www.erlang.org/doc/apps/erts/erlang.html#process_flag_trap_exit).
///
/// # Panics
///
/// If it is `false` in a thread of the program's own: that always traps exits, as its stack is not
/// ours to unwind.
pub fn set_trap_exit(trap_exit: bool) -> bool {
    let process = current::current();
    process.judge_arrived();
    if !trap_exit && process.is_foreign() {
        panic!("{}, a thread of the program's own, cannot stop trapping exits", process.pid);
    }
    process.slot.trap_exit.swap(trap_exit, Ordering::Relaxed)
}

/// Sets how long the caller may take to leave user code when it is killed.
///
/// See [`Builder::kill_grace`]. No effect on a thread of the program's own.
pub fn set_kill_grace(grace: Duration) {
    let process = current::current();
    process.pass();
    process.slot.set_kill_grace(grace);
}
