//! All tables: by their owners, for the keeper, and by their names.

use std::any::Any;
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Instant;

use once_cell::sync::Lazy;
use parking_lot::RwLock;

use crate::id::Pid;
use crate::runtime::detached::run_detached;

use super::{TableError, TableId, TableInfo};

/// Drops the contents of a deleted table, which may take long, and catches panics.
pub(super) type Cleanup = Box<dyn FnOnce() + Send>;

/// A table of any types.
pub(super) trait AnyTable: Any + Send + Sync {
    fn id(&self) -> TableId;
    fn info(&self) -> Result<TableInfo, TableError>;
    /// As `info`, but neither settles the table nor waits for locks beyond `patience`.
    fn look(&self, patience: Instant) -> Result<TableInfo, NoInfo>;
    /// Hands the table over, or deletes it, if its owner has ended. The caller must run the
    /// cleanup.
    fn settle(&self) -> Option<Cleanup>;
}

/// Why nothing is known of a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NoInfo {
    Deleted,
    /// Others have locked it.
    Locked,
}

/// Runs cleanups in a process of their own, as no caller should wait for the destructors of others.
pub(super) fn clean_up(left: impl IntoIterator<Item = Cleanup>) {
    let left: Vec<_> = left.into_iter().collect();
    if !left.is_empty() {
        run_detached(|| left.into_iter().for_each(|clear| clear()));
    }
}

/// Locked after all locks of a table.
static TABLES: Lazy<RwLock<Tables>> = Lazy::new(RwLock::default);

#[derive(Default)]
struct Tables {
    owned: BTreeMap<(Pid, TableId), Arc<dyn AnyTable>>,
    named: HashMap<Arc<str>, Arc<dyn AnyTable>>,
}

/// Enters a new table; or returns the table that has its name.
pub(super) fn enter(
    owner: Pid,
    name: Option<&Arc<str>>,
    table: Arc<dyn AnyTable>,
) -> Result<(), Arc<dyn AnyTable>> {
    let mut tables = TABLES.write();
    if let Some(name) = name {
        if let Some(other) = tables.named.get(name) {
            return Err(Arc::clone(other));
        }
        tables.named.insert(Arc::clone(name), Arc::clone(&table));
    }
    tables.owned.insert((owner, table.id()), table);
    Ok(())
}

/// Enters a table under another owner.
pub(super) fn hand_over(from: Pid, to: Pid, id: TableId) {
    let mut tables = TABLES.write();
    if let Some(table) = tables.owned.remove(&(from, id)) {
        tables.owned.insert((to, id), table);
    }
}

/// Removes a table. The caller still has it, so it is not dropped under the lock.
pub(super) fn remove(owner: Pid, id: TableId, name: Option<&Arc<str>>) {
    let mut tables = TABLES.write();
    tables.owned.remove(&(owner, id));
    if let Some(name) = name {
        tables.named.remove(name);
    }
}

pub(super) fn named(name: &str) -> Option<Arc<dyn AnyTable>> {
    TABLES.read().named.get(name).cloned()
}

pub(super) fn owned_by(owner: Pid) -> Vec<Arc<dyn AnyTable>> {
    let (first, last) = ((owner, TableId(0)), (owner, TableId(u64::MAX)));
    TABLES.read().owned.range(first..=last).map(|(_, table)| Arc::clone(table)).collect()
}

pub(super) fn all() -> Vec<Arc<dyn AnyTable>> {
    TABLES.read().owned.values().cloned().collect()
}

/// Returns each owner as often as it owns a table.
pub(super) fn owners() -> Vec<Pid> {
    TABLES.read().owned.keys().map(|(owner, _)| *owner).collect()
}
