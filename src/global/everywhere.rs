//! Locks on several nodes, as the processes set them that want to hold them.

use std::hash::{BuildHasher, RandomState};
use std::time::Duration;

use crate::gen_server::RemoteServer;
use crate::id::Node;
use crate::process;
use crate::process::receive::{deadline_after, time_left};
use crate::term::{Term, atom};

use super::across::Answered;
use super::dice::Dice;
use super::key::Lock;
use super::names::NAME;
use super::said::Asked;
use super::serve::{ask, ask_if_running};
use super::spelling::write_asked;
use super::{DelLock, GlobalError, LockId};

/// Sets a lock on this node and on all that it is connected with, and tries again after random
/// times. Returns whether that succeeded in time.
pub(super) fn set(id: &LockId, timeout: Duration) -> Result<bool, GlobalError> {
    let (lock, deadline) = (Lock::from(id), deadline_after(timeout));
    let mut dice = Dice::new(RandomState::new().hash_one(process::self_pid()));
    for failures in 0.. {
        if try_set(&lock)? {
            return Ok(true);
        }
        let left = time_left(deadline);
        if left.is_zero() {
            break;
        }
        process::sleep(dice.pause(failures).min(left));
    }
    Ok(false)
}

/// Sets a lock on all nodes, or on none.
fn try_set(lock: &Lock) -> Result<bool, GlobalError> {
    let own = Asked::SetLock(lock.clone());
    if ask(own.clone())? != Answered::Lock(true) {
        return Ok(false);
    }
    let answers = call(&Node::list(), &own);
    let is_true = |answer: &Term| *answer == atom("true").into();
    if answers.iter().all(|(_, answer)| is_true(answer)) {
        return Ok(true);
    }
    let done = answers.iter().filter(|(_, answer)| is_true(answer)).map(|(node, _)| *node);
    let undo = Asked::DelLock(lock.clone());
    call(&done.collect::<Vec<_>>(), &undo);
    ask(undo)?;
    Ok(false)
}

/// Gives up a lock on all nodes.
pub(super) fn del(id: &LockId) -> Result<(), GlobalError> {
    let own = ask_if_running(DelLock(id.clone()));
    call(&Node::list(), &Asked::DelLock(id.into()));
    own
}

/// Returns what the servers of other nodes answer; those that are not there do not.
fn call(nodes: &[Node], asked: &Asked) -> Vec<(Node, Term)> {
    let answers = RemoteServer::multi_call(nodes, NAME, &write_asked(asked), Duration::MAX);
    answers.map_or_else(|_| Vec::new(), |(answers, _)| answers)
}
