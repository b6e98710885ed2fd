//! What is shown of a scope, for those that look without waiting for it.

use std::any::type_name;
use std::fmt;
use std::sync::Arc;
use std::time::Instant;

use crate::id::Pid;

use super::Group;
use super::table::Table;

/// Information about a scope.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ScopeInfo {
    /// Its name.
    pub name: Arc<str>,
    /// Its process.
    pub pid: Pid,
    /// The number of groups.
    pub groups: usize,
    /// The number of members of all groups, each as often as it has joined, those of other nodes
    /// included.
    pub members: usize,
    /// The type of its groups.
    pub types: &'static str,
}

/// A scope with groups of any type, which its process shows.
pub(crate) struct ShownScope {
    name: Arc<str>,
    table: Arc<dyn AnyTable>,
}

impl fmt::Debug for ShownScope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("ShownScope").field(&self.name).finish()
    }
}

impl ShownScope {
    pub(super) fn new<G: Group>(name: Arc<str>, table: Arc<Table<G>>) -> ShownScope {
        ShownScope { name, table }
    }

    /// Returns information about the scope, whose process is `pid`; `None` if its groups were
    /// locked by others until `patience`.
    pub(crate) fn info(&self, pid: Pid, patience: Instant) -> Option<ScopeInfo> {
        let (groups, members) = self.table.sizes(patience)?;
        let (name, types) = (Arc::clone(&self.name), self.table.types());
        Some(ScopeInfo { name, pid, groups, members, types })
    }
}

trait AnyTable: Send + Sync {
    fn sizes(&self, patience: Instant) -> Option<(usize, usize)>;
    fn types(&self) -> &'static str;
}

impl<G: Group> AnyTable for Table<G> {
    fn sizes(&self, patience: Instant) -> Option<(usize, usize)> {
        Table::sizes(self, patience)
    }

    fn types(&self) -> &'static str {
        type_name::<G>()
    }
}
