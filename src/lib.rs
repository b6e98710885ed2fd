//! Erlang/OTP for synchronous Rust.
//!
//! Every process is a thread of the operating system with a mailbox and selective receive. Links
//! and monitors travel as exit-signal messages. There is no `async`, no executor, and no polling:
//! an idle process uses no processor time. The [`guide`] leads from a process to a whole program.
//!
//! ```
//! use procession::prelude::*;
//! use std::time::Duration;
//!
//! // A process is a closure on a thread of its own.
//! let (worker, monitor) = process::spawn_monitor(|| {
//!     receive! {
//!         n: u32 if n == 0 => panic!("cannot divide by {n}"),
//!         n: u32 => println!("{}", 100 / n),
//!     }
//! })?;
//!
//! process::send(worker, 0_u32);
//!
//! // A crash is a value.
//! receive! {
//!     down: Down if down.monitor == monitor => {
//!         assert_eq!(down.reason.as_panic().unwrap().message, "cannot divide by 0");
//!     }
//!     after Duration::from_secs(5) => unreachable!("a monitor always answers"),
//! }
//! # Ok::<(), procession::process::SpawnError>(())
//! ```
//!
//! Where to read on:
//!
//! - [`guide`]: ten chapters with one example that grows; and two pages for readers who know
//!   [Erlang or Elixir](guide::from_erlang), or [tokio, actix or crossbeam](guide::from_rust).
//! - [`process`]: spawning, sending, receiving, links, monitors, names, exits.
//! - [`receive!`]: selective receive with typed patterns.
//! - [`gen_server`]: servers with typed requests, and their clients.
//! - [`gen_statem`]: state machines, whose reactions depend on a state.
//! - [`agent`]: a value that processes share, by closures that run in a server.
//! - [`sys`]: system messages, to look into a running server, pause, trace and change it.
//! - [`proc_lib`]: starting processes that say when they are ready; crash reports.
//! - [`supervisor`]: processes that start others, and restart them when they fail;
//!   [`dynamic_supervisor`]: for children that come and go; [`supervisor_bridge`]: for subsystems
//!   that are not made of processes.
//! - [`gen_event`]: managers that pass each event to handlers, which come and go.
//! - [`task`]: values that other processes compute, one or a stream of them; [`task_supervisor`].
//! - [`io`]: sockets, pipes, child processes and standard input, whose waits end when their process
//!   is told to end.
//! - [`listener`]: a process for each connection, started by a pool of acceptors.
//! - [`registry`]: processes under keys of any type; [`partition_supervisor`]: a process for each
//!   share of the keys; [`Registrar`]: names that the program keeps itself.
//! - [`pg`]: groups of processes; [`global`]: names and locks for all nodes.
//! - [`application`]: supervision trees with a name, an environment and an order, and programs that
//!   are made of them.
//! - [`table`]: rows that many processes read and write, which outlive their owner if it has an
//!   heir.
//! - [`report`]: what the runtime logs about processes that fail, and how to count or ship it.
//! - [`observer`]: what all processes do and wait for, their trees, tables and registries, at one
//!   look that holds nobody up.
//! - [`timer`]: messages, signals and calls at a later time.
//! - [`testing`]: for tests of what is made of processes.
//! - `term`, with the feature `dist`: values as terms of Erlang, and terms as values; `net_kernel`
//!   and `node`: a program as a node of an Erlang cluster, and the other nodes.
//! - [`ExitReason`] and [`Message`]: what travels between processes; [`CallError`]: why a call
//!   failed.
//!
//! OTP decides what happens; each module lists where it differs, and why. The crate needs `panic =
//! "unwind"`.
//!
#![cfg_attr(
    not(all(feature = "io", target_os = "linux")),
    doc = "[`io`]: https://docs.rs/procession/latest/procession/io/index.html"
)]
#![cfg_attr(
    not(all(feature = "io", target_os = "linux")),
    doc = "[`listener`]: https://docs.rs/procession/latest/procession/listener/index.html"
)]
#![warn(missing_docs)]

#[cfg(panic = "abort")]
compile_error!(
    "procession needs `panic = \"unwind\"`: a process that crashes unwinds while others go on"
);

/// The examples in the README, as tests.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
mod readme {}

/// So that what integration tests share can be used by unit tests, too.
#[cfg(all(test, feature = "dist", target_os = "linux"))]
extern crate self as procession;

mod id;
mod error_text;
#[cfg(feature = "dist")]
pub mod term;
mod graph_text;
mod line_text;
mod user_code;
mod exit;
mod message;
#[cfg(all(feature = "dist", target_os = "linux"))]
mod external;
mod call_error;
mod exit_error;
pub mod report;
mod runtime;
pub mod process;
pub mod timer;
mod call;
pub mod sys;
mod stop;
pub mod proc_lib;
mod child_policy;
pub mod gen_server;
pub mod supervisor;
pub mod supervisor_bridge;
pub mod dynamic_supervisor;
pub mod gen_statem;
pub mod gen_event;
pub mod agent;
pub mod task;
pub mod task_supervisor;
#[cfg(all(feature = "io", target_os = "linux"))]
pub mod io;
#[cfg(all(feature = "io", target_os = "linux"))]
pub mod listener;
#[cfg(all(feature = "dist", target_os = "linux"))]
pub mod net_kernel;
#[cfg(all(feature = "dist", target_os = "linux"))]
pub mod node;
#[cfg(all(feature = "dist", target_os = "linux"))]
pub mod rpc;
#[cfg(all(feature = "dist", target_os = "linux"))]
pub mod erpc;
mod directory;
mod service;
pub mod registry;
pub mod partition_supervisor;
pub mod pg;
pub mod global;
pub mod table;
pub mod application;
pub mod observer;
pub mod testing;
pub mod prelude;
pub mod guide;

pub use call_error::{CallError, CallErrorKind};
pub use exit::{Detail, ExitReason, Reason};
pub use exit_error::{ExitError, OrExit};
#[cfg(feature = "dist")]
pub use id::InvalidNodeName;
pub use id::{Alias, MonitorRef, Node, Pid, TimerRef};
pub use message::{
    Destination, Down, Exit, Message, Name, NameRefusal, Opaque, Registrar, TaggedDown, Timeout,
    Via,
};
pub use process::shutdown::shutdown;
pub use user_code::{Backtrace, Panic};
