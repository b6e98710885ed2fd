//! A key/value service that speaks Redis' protocol: `redis-cli` works with it, and so does
//! `redis-benchmark -p 6380 -t ping,set,get,incr`, whose other tests use what is not here.
//!
//! What to look for: each connection is a process, which blocks in `read` and `write` as it likes.
//! The keys are partitioned over servers; a partition alone writes its table, which the connections
//! read without a call. What has changed is appended to a file, for many clients at once; with
//! `--appendfsync always` they are told when it is on the disk. A client that crashes its
//! connection (`DEBUG PANIC`, with `--debug`) disturbs nobody; nor does a subscriber that does not
//! read, which is dropped. Ctrl-C and `SIGTERM` stop the tree in order, and what was written is
//! there at the next start. After a crash, too: a record that was being written is cut off. When
//! the disk is full, changes are refused (`MISCONF`) until it is not; if something is lost for all
//! that, the program says so at its end, and its exit code is 1.
//!
//! Where it differs from Redis: there is one database, all values are strings, and the append-only
//! files are never rewritten. Requests that are sent without waiting for replies get these in
//! order, but those of different partitions may be done in another order; two keys with the same
//! part in braces are in one partition, as in Redis Cluster. `DEL` and `EXISTS` take one key after
//! the other. A key or value has 4 MiB at most, a request 8 MiB and 65,536 arguments. A client that
//! is silent keeps its connection, in the middle of a request, too.
//!
//! `cargo run --example kv_service` keeps its files in `kv_service.data` and listens on port 6380,
//! on this machine only; `--dir DIR` and `--port PORT` say otherwise, port 0 is any free one.
//! `--appendfsync` is `always`, `everysec` or `no`; `--help` prints all. It runs until Ctrl-C,
//! `SIGTERM`, or the end of its standard input, if anything came from there.

#![allow(clippy::disallowed_macros, reason = "an example prints")]

#[cfg(target_os = "linux")]
mod core;
#[cfg(target_os = "linux")]
mod losses;
#[cfg(target_os = "linux")]
mod lock;
#[cfg(target_os = "linux")]
mod aof;
#[cfg(target_os = "linux")]
mod server;
#[cfg(target_os = "linux")]
mod api;
#[cfg(target_os = "linux")]
mod info;
#[cfg(target_os = "linux")]
mod subscriber;
#[cfg(target_os = "linux")]
mod connection;
#[cfg(target_os = "linux")]
mod tree;
#[cfg(target_os = "linux")]
mod program;

use std::process::ExitCode;

#[cfg(target_os = "linux")]
fn main() -> ExitCode {
    // Warnings, too: of torn files, and of subscribers that are dropped.
    env_logger::init_from_env(env_logger::Env::default().default_filter_or("warn"));
    program::run(std::env::args().skip(1))
}

#[cfg(not(target_os = "linux"))]
fn main() -> ExitCode {
    eprintln!("kv_service: only Linux has `procession::io`");
    ExitCode::FAILURE
}
