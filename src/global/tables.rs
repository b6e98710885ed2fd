//! The names and locks of this node, together.

#[cfg(all(feature = "dist", target_os = "linux"))]
use crate::id::{Node, Pid};

#[cfg(all(feature = "dist", target_os = "linux"))]
use super::acts::Tables;
#[cfg(all(feature = "dist", target_os = "linux"))]
use super::key::{Key, Lock, LockOfNames};
use super::locks::Locks;
#[cfg(all(feature = "dist", target_os = "linux"))]
use super::named::Named;
use super::named::{Job, Outcome};
use super::names::Names;

/// The names and locks of this node.
#[derive(Debug)]
pub(super) struct Kept {
    pub(super) names: Names,
    pub(super) locks: Locks,
}

impl Kept {
    /// Returns why something is not to be done, if it is not.
    pub(super) fn check(&self, job: &Job) -> Outcome {
        match job {
            Job::Register(named) => self.names.check(named),
            Job::ReRegister(named) => self.names.check_alive(named.pid),
            Job::Unregister(_) => Ok(()),
        }
    }
}

#[cfg(all(feature = "dist", target_os = "linux"))]
impl Tables for Kept {
    fn find(&self, name: &Key) -> Option<Named> {
        self.names.find(name)
    }

    fn all(&self) -> Vec<Named> {
        self.names.all()
    }

    fn insert(&mut self, named: Named) {
        self.names.insert(named);
    }

    fn delete(&mut self, name: &Key) {
        self.names.delete(name);
    }

    fn check(&self, job: &Job) -> Outcome {
        Kept::check(self, job)
    }

    fn can_lock(&self, lock: &Lock) -> bool {
        self.locks.can_set(lock)
    }

    fn set_lock(&mut self, lock: &Lock, pid: Pid) -> bool {
        self.locks.set_now(lock, pid)
    }

    fn del_lock(&mut self, lock: &Lock, pid: Pid) {
        self.locks.del(lock, pid);
    }

    fn lock_of_names(&self) -> LockOfNames {
        self.locks.of_names()
    }

    fn forget(&mut self, node: Node) {
        self.names.forget(node);
        self.locks.forget(node);
    }
}
