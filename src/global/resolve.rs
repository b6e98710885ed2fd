//! Clashes of names: who is to have a name that two nodes have given to different processes.

use std::fmt;
use std::sync::Arc;

use crate::exit::ExitReason;
use crate::id::Pid;
use crate::process;
use crate::user_code::drop_caught;

/// The message by which a process learns that another one has had its global name on another node.
///
/// OTP: `{global_name_conflict, Name}` and `{global_name_conflict, Name, OtherPid}`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NameConflict {
    /// The name.
    pub name: Arc<str>,
    /// The other process.
    pub other: Pid,
}

/// Has one of the two processes keep the name, and kills the other. Which one is not random, in
/// spite of what it is called: all nodes come to the same.
///
/// OTP: [`global:random_exit_name/3`](https://www.erlang.org/doc/apps/kernel/global.html#random_exit_name/3).
pub fn random_exit_name(name: &str, one: Pid, other: Pid) -> Option<Pid> {
    let (winner, loser) = decide(one, other);
    log::info!(
        target: "procession::global",
        "clash of the global name {name:?}: {winner} keeps it, {loser} is killed"
    );
    process::exit(loser, ExitReason::Kill);
    Some(winner)
}

/// Has one of the two processes keep the name, the same as [`random_exit_name`], and sends the
/// other a [`NameConflict`].
///
/// OTP: [`global:random_notify_name/3`](https://www.erlang.org/doc/apps/kernel/global.html#random_notify_name/3).
pub fn random_notify_name(name: &str, one: Pid, other: Pid) -> Option<Pid> {
    let (winner, loser) = decide(one, other);
    process::send(loser, NameConflict { name: Arc::from(name), other: winner });
    Some(winner)
}

/// Has nobody keep the name, and sends both processes a [`NameConflict`].
///
/// OTP: [`global:notify_all_name/3`](https://www.erlang.org/doc/apps/kernel/global.html#notify_all_name/3).
pub fn notify_all_name(name: &str, one: Pid, other: Pid) -> Option<Pid> {
    let name: Arc<str> = Arc::from(name);
    process::send(one, NameConflict { name: Arc::clone(&name), other });
    process::send(other, NameConflict { name, other: one });
    None
}

/// Who keeps the name, and who does not.
fn decide(one: Pid, other: Pid) -> (Pid, Pid) {
    if one.node() < other.node() { (one, other) } else { (other, one) }
}

/// A function that says which of two processes is to have a name that both have.
pub(super) struct Resolve(Option<Box<ResolveFunction>>);

type ResolveFunction = dyn Fn(&str, Pid, Pid) -> Option<Pid> + Send + Sync;

impl Resolve {
    pub(super) fn new(
        resolve: impl Fn(&str, Pid, Pid) -> Option<Pid> + Send + Sync + 'static,
    ) -> Resolve {
        Resolve(Some(Box::new(resolve)))
    }
}

impl fmt::Debug for Resolve {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Resolve")
    }
}

impl Drop for Resolve {
    fn drop(&mut self) {
        // What the function keeps is no reason for all names to get lost.
        drop_caught(self.0.take());
    }
}
