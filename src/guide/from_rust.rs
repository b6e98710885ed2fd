//! Coming from tokio, actix or crossbeam. Here is what is called how, and [when not to use this
//! crate](#when-not-to-use-this-crate).
//!
//! | there | here |
//! |---|---|
//! | `tokio::spawn`, `thread::spawn` | [`process::spawn`]: a thread of its own, from a cache |
//! | `JoinHandle`, `join` | [`process::join`], or a [`monitor`] and [`process::wait`] |
//! | a `JoinHandle` that returns a value | a [`Task`](crate::task) |
//! | `buffered` and its like over many items | [`async_stream`](fn@crate::task::async_stream) |
//! | `JoinSet`, `thread::scope` | [`spawn_link`], or a [supervisor] |
//! | a channel to a task | the mailbox that every process has: [`process::send`] |
//! | a bounded channel, `try_send`, `send_timeout` | [bounded mailboxes] |
//! | `mpsc` with a `oneshot` in each message, actix's `Addr::send` | [`ServerRef::call`] |
//! | actix's `Addr::do_send` | [`ServerRef::cast`](crate::gen_server::ServerRef::cast) |
//! | actix's `Actor`, `Handler<M>` | [`GenServer`], [`HandleCall<M>`] |
//! | actix's `Supervisor` | [`supervisor`](crate::supervisor) |
//! | `select!` | [`receive!`](crate::receive): one mailbox, several patterns, `after` |
//! | `FuturesUnordered` of requests | [`RequestIds`](crate::gen_server::RequestIds) |
//! | `CancellationToken`, `abort` | an [exit signal](fn@crate::process::exit); links pass it on |
//! | `timeout`, `interval`, `sleep` | the timeout of a call, [`timer`], [`sleep`] |
//! | `broadcast`, `watch` | [`registry`], [`pg`]; a [`table`] |
//! | `Arc<Mutex<_>>` | a [server], an [agent] or a lock: [see below](#a-server-or-a-lock) |
//! | an enum of states, and a `match` in a loop | [`gen_statem`](crate::gen_statem) |
//! | `DashMap` | a [`table`], if rows must outlive their owner's crash; else `DashMap` |
//! | a task that owns a `TcpStream` | a child that is started [once] |
//! | `tokio::net`, `tokio::io::stdin` | [`io`]: std's types, but a wait can be ended |
//! | `spawn_blocking` | not needed: [every process may block](super#blocking-work) |
//! | `#[tokio::main]`, a runtime | not needed: any thread can take part, `main` included |
//! | graceful shutdown by hand | [`application::run`](fn@crate::application::run) |
//! | `catch_unwind` around a task | not needed: a panic ends its process and is its exit reason |
//! | `anyhow::Error`, `Box<dyn Error>` | exit reasons, by `?` or [`or_exit`](crate::OrExit) |
//! | a loop that tries again, with growing pauses | [`ChildSpec::backoff`] |
//! | `#[tokio::test]` | [`testing`](crate::testing) |
//!
//! # Joining
//!
//! ```
//! use procession::prelude::*;
//! use std::time::Duration;
//!
//! let me = process::self_pid();
//! let (_, monitor) = process::spawn_monitor(move || process::send(me, 6 * 7))?;
//! let reason = process::wait(monitor, Duration::from_secs(5));
//! assert_eq!(reason, Some(ExitReason::Normal));
//! receive! { answer: i32 => assert_eq!(answer, 42) }
//! # Ok::<(), process::SpawnError>(())
//! ```
//!
//! A body returns nothing, or a `Result` whose error is the [exit reason](crate::ExitReason): other
//! results are messages. The one above is in the mailbox before its process has ended. What is
//! started for its value only is a [`Task`](crate::task), which is awaited. Who does not need the
//! reason calls [`process::join`] when it is time to wait.
//!
//! # Request and reply
//!
//! With channels, the requester makes a `oneshot`, sends it along, and waits for either an answer
//! or a closed channel. A [`call`](crate::gen_server::ServerRef::call) is all of this: it waits
//! with a timeout, is told at once if the server ends, with the reason, and recognizes a cycle of
//! calls. A server replies [later](crate::gen_server::Caller::defer) if it must wait for something
//! itself.
//!
//! # Cancelling
//!
//! ```
//! use procession::prelude::*;
//! use std::time::Duration;
//!
//! let (worker, monitor) = process::spawn_monitor(|| loop {
//!     // ... some work ...
//!     process::checkpoint(); // Ends here if it was told to.
//! })?;
//! process::exit(worker, ExitReason::Shutdown);
//! assert_eq!(process::wait(monitor, Duration::from_secs(5)), Some(ExitReason::Shutdown));
//! # Ok::<(), process::SpawnError>(())
//! ```
//!
//! No token is passed around: every process can be told to end. It unwinds, and so its destructors
//! run, at its next call that waits or at a `checkpoint`. Processes that are linked to it end with
//! it, so a link from each worker to its owner cancels a whole group.
//!
//! # A server or a lock
//!
//! Use a lock, or an atomic, for a value that is read and changed in a few instructions, cannot be
//! left half changed, and is not waited for: a counter, a cache, a configuration. It is faster.
//!
//! Use a server where
//!
//! - an operation blocks, or takes long: callers have a timeout, and learn that it has crashed;
//! - a fault in the middle must not leave a broken value behind: a lock is poisoned, a server is
//!   restarted by its supervisor with a good state;
//! - something happens by itself as well: timers, connections, news of other processes;
//! - the order of requests matters, or the reply comes later than the next request;
//! - the state is not `Send`: it is made on the server's thread and never leaves it.
//!
//! If what is done to the value differs at each place of the program, as it does with a lock, an
//! [agent] saves writing the server: `agent.update(|value| ...)` is what `value.lock()` was, and
//! runs in the agent's process.
//!
//! # When not to use this crate
//!
//! - For tens of thousands of mostly idle tasks, connections above all: a process is a thread.
//!   Thousands are fine; more than some sixteen thousand a stock Linux does not allow. An async
//!   runtime, or the BEAM, holds many more.
//! - For messages that hop through hundreds of processes which were all asleep: each hop wakes a
//!   thread, where a runtime switches between tasks on one.
//! - In a program that is async through and through. The two can live in one program: a thread of
//!   it may call servers, but a task that does so blocks its worker, and belongs into the runtime's
//!   `spawn_blocking`.
//! - To run a computation on all cores: that is what rayon does. A process may well call it.
//! - For a pipeline through which data flows in bounded queues, and nothing else: channels do that.
//! - To share a value, or to organize code: see [above](#a-server-or-a-lock), and [when not to use
//!   a server](crate::gen_server#when-not-to-use-one).
//! - Where a panic must abort (`panic = "abort"`), or a computation must be stopped whether it
//!   likes that or not: a thread ends only at a [`checkpoint`](crate::process::checkpoint) or in a
//!   wait.
//! - To talk to machines that are not trusted: nodes, which the feature `dist` brings, trust each
//!   other.
//!
//! [`process::tuning`](crate::process::tuning) says what a process costs and what can be set.
//!
//! [`process::spawn`]: fn@crate::process::spawn
//! [`monitor`]: fn@crate::process::monitor
//! [`process::wait`]: crate::process::wait
//! [`process::join`]: crate::process::join
//! [once]: crate::supervisor::ChildSpec::once
//! [bounded mailboxes]: crate::process#bounded-mailboxes
//! [`ChildSpec::backoff`]: crate::supervisor::ChildSpec::backoff
//! [`spawn_link`]: crate::process::spawn_link
//! [supervisor]: crate::supervisor
//! [server]: crate::gen_server
//! [agent]: crate::agent
//! [`process::send`]: fn@crate::process::send
//! [`ServerRef::call`]: crate::gen_server::ServerRef::call
//! [`GenServer`]: crate::gen_server::GenServer
//! [`HandleCall<M>`]: crate::gen_server::HandleCall
//! [`timer`]: crate::timer
//! [`sleep`]: crate::process::sleep
//! [`registry`]: crate::registry
//! [`pg`]: crate::pg
//! [`table`]: crate::table
#![cfg_attr(all(feature = "io", target_os = "linux"), doc = "[`io`]: crate::io")]
#![cfg_attr(
    not(all(feature = "io", target_os = "linux")),
    doc = "[`io`]: https://docs.rs/procession/latest/procession/io/index.html"
)]
