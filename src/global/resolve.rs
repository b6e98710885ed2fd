//! Clashes of names: which process keeps a name that two nodes have given to different processes.

use std::fmt;
use std::sync::Arc;

use crate::exit::ExitReason;
use crate::id::Pid;
use crate::message::{Destination, Message};
use crate::process;
#[cfg(all(feature = "dist", target_os = "linux"))]
use crate::term::{Term, atom};
use crate::user_code::drop_caught;

use super::key::Key;
#[cfg(all(feature = "dist", target_os = "linux"))]
use super::key::pid_term;

/// The message that tells a process that another one has had its global name on another node.
///
/// OTP: `{global_name_conflict, Name}` and `{global_name_conflict, Name, OtherPid}`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NameConflict {
    /// The name.
    pub name: Arc<str>,
    /// The other process.
    pub other: Pid,
}

/// Lets one of the two processes keep the name, and kills the other. In spite of its name the
/// choice is not random: all nodes make the same.
///
/// ```
/// # use procession::global;
/// # use procession::prelude::*;
/// let one = process::spawn(|| receive! { () => {} })?;
/// let other = process::spawn(|| receive! { () => {} })?;
/// let winner = global::random_exit_name("boss", one, other).unwrap();
/// assert!(process::is_alive(winner));
/// assert!(!(process::is_alive(one) && process::is_alive(other)));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// OTP:
/// [`global:random_exit_name/3`](https://www.erlang.org/doc/apps/kernel/global.html#random_exit_name/3).
pub fn random_exit_name(name: &str, one: Pid, other: Pid) -> Option<Pid> {
    Some(exit_one(&Key::Text(name.into()), one, other))
}

/// Lets one of the two processes keep the name, the same as [`random_exit_name`] does, and sends
/// the other a [`NameConflict`].
///
/// ```
/// # use procession::global::{self, NameConflict};
/// # use procession::prelude::*;
/// # let main = process::self_pid();
/// let body = move || receive! { conflict: NameConflict => process::send(main, conflict) };
/// let (one, other) = (process::spawn(body)?, process::spawn(body)?);
/// let winner = global::random_notify_name("boss", one, other).unwrap();
/// receive! { conflict: NameConflict => assert_eq!(conflict.other, winner) }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// OTP:
/// [`global:random_notify_name/3`](https://www.erlang.org/doc/apps/kernel/global.html#random_notify_name/3).
pub fn random_notify_name(name: &str, one: Pid, other: Pid) -> Option<Pid> {
    Some(notify_one(&Key::Text(name.into()), one, other))
}

/// Takes the name from both processes, and sends each a [`NameConflict`].
///
/// ```
/// # use procession::global::{self, NameConflict};
/// # use procession::prelude::*;
/// let other = process::spawn(|| receive! { () => {} })?;
/// assert_eq!(global::notify_all_name("boss", process::self_pid(), other), None);
/// receive! { conflict: NameConflict => assert_eq!(conflict.other, other) }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// OTP:
/// [`global:notify_all_name/3`](https://www.erlang.org/doc/apps/kernel/global.html#notify_all_name/3).
pub fn notify_all_name(name: &str, one: Pid, other: Pid) -> Option<Pid> {
    notify_both(&Key::Text(name.into()), one, other);
    None
}

pub(super) fn exit_one(name: &Key, one: Pid, other: Pid) -> Pid {
    let (winner, loser) = decide(one, other);
    log::info!(
        target: "procession::global",
        "clash of the global name {name}: {winner} keeps it, {loser} is killed"
    );
    process::exit(loser, ExitReason::Kill);
    winner
}

pub(super) fn notify_one(name: &Key, one: Pid, other: Pid) -> Pid {
    let (winner, loser) = decide(one, other);
    #[cfg(all(feature = "dist", target_os = "linux"))]
    if loser.is_remote() {
        notify(loser, conflict(name, None));
        return winner;
    }
    notify(loser, Message::new(NameConflict { name: name.text(), other: winner }));
    winner
}

pub(super) fn notify_both(name: &Key, one: Pid, other: Pid) {
    for (pid, other) in [(one, other), (other, one)] {
        #[cfg(all(feature = "dist", target_os = "linux"))]
        if pid.is_remote() {
            notify(pid, conflict(name, Some(other)));
            continue;
        }
        notify(pid, Message::new(NameConflict { name: name.text(), other }));
    }
}

/// Tells a process whose mailbox may be full: the server of names must not wait for that.
fn notify(pid: Pid, conflict: Message) {
    Destination::Pid(pid).notify(conflict);
}

/// `{global_name_conflict, Name}`, with the other process, if there is one.
#[cfg(all(feature = "dist", target_os = "linux"))]
fn conflict(name: &Key, other: Option<Pid>) -> Message {
    let mut conflict = vec![atom("global_name_conflict").into(), name.to_term()];
    conflict.extend(other.map(pid_term));
    Message::new(Term::Tuple(conflict))
}

/// Returns the process that keeps the name, and the one that loses it.
fn decide(one: Pid, other: Pid) -> (Pid, Pid) {
    if one.node().name() < other.node().name() { (one, other) } else { (other, one) }
}

/// A function that chooses which of two processes keeps a name that both have.
pub(super) struct Resolve(Option<Box<ResolveFunction>>);

type ResolveFunction = dyn Fn(&str, Pid, Pid) -> Option<Pid> + Send + Sync;

impl Resolve {
    pub(super) fn new(
        resolve: impl Fn(&str, Pid, Pid) -> Option<Pid> + Send + Sync + 'static,
    ) -> Resolve {
        Resolve(Some(Box::new(resolve)))
    }

    /// Runs the function, which may panic.
    #[cfg(all(feature = "dist", target_os = "linux"))]
    pub(super) fn call(&self, name: &str, one: Pid, other: Pid) -> Option<Pid> {
        self.0.as_ref().and_then(|resolve| resolve(name, one, other))
    }
}

impl fmt::Debug for Resolve {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Resolve")
    }
}

impl Drop for Resolve {
    fn drop(&mut self) {
        // A panic while captured values are dropped must not end the server, and lose all names.
        drop_caught(self.0.take());
    }
}
