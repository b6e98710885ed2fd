//! The mechanisms that processes are made of. They never ask who is calling.
//!
//! What the calling process does is in [`process`](crate::process), above. Terms:
//!
//! - A **slot** is one place of the process table. Its **generation** says which process lives
//!   there.
//! - A process is **alive** until it has left the code it runs, or is killed. It is **exiting**
//!   once it was killed and its thread has not left that code, and **abandoned** if it does not
//!   leave it within its **kill grace**: somebody else runs its exit, and the thread is **left
//!   behind**.
//! - A process is **doomed** once it has an exit signal to end by. It **unwinds** from then on, at
//!   its next call.
//! - A **foreign** process is a thread of the program's own.
//! - Signals to a process that is not there any more are **orphans**; to **bounce** one is to tell
//!   its client.

pub(crate) mod clock;
pub(crate) mod tuning;
pub(crate) mod backoff;
pub(crate) mod mailbox;
pub(crate) mod links;
pub(crate) mod reply_slot;
pub(crate) mod wait_graph;
pub(crate) mod slot;
pub(crate) mod table;
pub(crate) mod caller;
pub(crate) mod unwind;
pub(crate) mod limits;
pub(crate) mod threads;
pub(crate) mod names;
pub(crate) mod address;
pub(crate) mod monitors;
pub(crate) mod sort;
pub(crate) mod dictionary;
pub(crate) mod snapshot;
pub(crate) mod crash;
pub(crate) mod children;
pub(crate) mod timer_queue;
pub(crate) mod timers;
pub(crate) mod exit;
pub(crate) mod start;
pub(crate) mod detached;
pub(crate) mod timer_thread;
