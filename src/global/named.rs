//! A name and the process that has it, and what processes ask for.

use crate::id::Pid;

use super::GlobalError;
use super::key::Key;
use super::method::Method;

/// A name, the process that has it, and what resolves a clash.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Named {
    pub(super) name: Key,
    pub(super) pid: Pid,
    pub(super) method: Method,
}

/// What a process of this node asks for.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Job {
    Register(Named),
    ReRegister(Named),
    Unregister(Key),
}

/// What becomes of it.
pub(super) type Outcome = Result<(), GlobalError>;
