//! The mechanisms that processes are made of. They never ask who is calling.
//!
//! What the calling process does is in [`process`](crate::process), above. The terms that all of
//! these files use (*slot*, *generation*, *alive*, *exiting*, *abandoned*, *doomed*, *foreign*,
//! *orphan*, *bounce*, *sweep*) are defined at the head of [`slot`].

pub(crate) mod clock;
pub(crate) mod tuning;
pub(crate) mod backoff;
pub(crate) mod bound;
pub(crate) mod mailbox;
pub(crate) mod links;
#[cfg(feature = "dist")]
pub(crate) mod remote_calls;
#[cfg(feature = "dist")]
pub(crate) mod passed_on;
#[cfg(feature = "dist")]
pub(crate) mod remote_ties;
pub(crate) mod reply_slot;
pub(crate) mod wait_graph;
pub(crate) mod interrupt;
pub(crate) mod parked;
pub(crate) mod os_thread;
pub(crate) mod slot;
pub(crate) mod table;
pub(crate) mod caller;
#[cfg(feature = "dist")]
pub(crate) mod dist_entry;
pub(crate) mod remote;
pub(crate) mod unwind;
pub(crate) mod limits;
pub(crate) mod threads;
pub(crate) mod names;
pub(crate) mod address;
pub(crate) mod monitors;
#[cfg(feature = "dist")]
pub(crate) mod node_monitors;
pub(crate) mod snapshot;
pub(crate) mod overflow;
pub(crate) mod sort;
pub(crate) mod dictionary;
pub(crate) mod crash;
pub(crate) mod children;
pub(crate) mod timer_queue;
pub(crate) mod timers;
pub(crate) mod overload;
pub(crate) mod exit;
#[cfg(feature = "dist")]
pub(crate) mod incoming;
#[cfg(all(test, feature = "dist"))]
pub(crate) mod loopback;
pub(crate) mod start;
pub(crate) mod detached;
pub(crate) mod timer_thread;
