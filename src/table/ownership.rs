//! A table, and who owns it.
//!
//! The owner changes under one lock, `ownership`; the rights in the parts and the registry follow
//! before the lock is released. Whoever has changed the owner sends the message and drops values
//! after that: so there is one message for one change.

use std::any::type_name;
use std::fmt;
use std::mem;
use std::sync::{Arc, Weak};
use std::time::Instant;

use parking_lot::{Mutex, MutexGuard};

use crate::exit::Detail;
use crate::id::{Pid, unique};
use crate::message::Message;
use crate::process;
use crate::process::current::current;
use crate::runtime::address::deliver;
use crate::runtime::mailbox::Signal;
use crate::user_code::{drop_caught, drop_each_caught};

use super::registry::{AnyTable, Cleanup, NoInfo};
use super::rights::{Access, AccessDecision, Rights};
use super::rows::Rows;
use super::shards::Shards;
use super::{Heir, Key, TableError, TableId, TableInfo, TableOptions, Transferred};
use super::{keeper, registry};

/// Refers to a table with keys `K` and values `V`: to a certain one, or by a name that is looked up
/// at each use.
///
/// The handle is cheap to clone, can be sent, and does not keep the table alive: the table exists
/// as long as its [owner](super), or until it is [deleted](Self::delete_table).
///
/// Every function returns [`TableError::NoSuchTable`] if the table does not exist (any more), and
/// [`TableError::NotOwner`] if the caller may not use the table like this: read a private table, or
/// write one that is not public. By name, it also returns [`TableError::OtherTypes`] if the table
/// has other types. The arguments are dropped then. The sections `Errors` list other errors.
///
/// A process that was killed, or has received an exit signal that ends it, ends when it uses a
/// table. A thread of the program's own that was killed panics.
///
/// ```
/// use procession::table::{Table, TableOptions};
///
/// let prices = Table::<String, u32>::new_with(TableOptions::new().ordered().name("prices"))?;
/// prices.insert("tea".to_owned(), 3)?;
/// prices.insert("coffee".to_owned(), 4)?;
/// assert_eq!(prices.get("tea")?, Some(3));
///
/// // Any process can read it.
/// let prices = Table::<String, u32>::named("prices");
/// assert_eq!(prices.first()?.unwrap().key(), "coffee");
/// assert_eq!(prices.select(|drink, price| (*price < 4).then(|| drink.clone()))?, ["tea"]);
/// # Ok::<(), procession::table::TableError>(())
/// ```
pub struct Table<K, V>(pub(super) At<K, V>);

pub(super) enum At<K, V> {
    Core(Arc<Core<K, V>>),
    Name(Arc<str>),
}

impl<K, V> Clone for Table<K, V> {
    fn clone(&self) -> Table<K, V> {
        Table(match &self.0 {
            At::Core(core) => At::Core(Arc::clone(core)),
            At::Name(name) => At::Name(Arc::clone(name)),
        })
    }
}

impl<K, V> fmt::Debug for Table<K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            At::Core(core) => fmt::Debug::fmt(&core.id, f),
            At::Name(name) => f.debug_tuple("Table").field(name).finish(),
        }
    }
}

/// Whether both are the same table, or the same name.
impl<K, V> PartialEq for Table<K, V> {
    fn eq(&self, other: &Table<K, V>) -> bool {
        match (&self.0, &other.0) {
            (At::Core(core), At::Core(other)) => core.id == other.id,
            (At::Name(name), At::Name(other)) => name == other,
            (At::Core(_), At::Name(_)) | (At::Name(_), At::Core(_)) => false,
        }
    }
}

impl<K, V> Eq for Table<K, V> {}

impl<K, V> From<Arc<Core<K, V>>> for Table<K, V> {
    fn from(core: Arc<Core<K, V>>) -> Table<K, V> {
        Table(At::Core(core))
    }
}

pub(super) struct Core<K, V> {
    pub(super) id: TableId,
    pub(super) name: Option<Arc<str>>,
    pub(super) shards: Shards<K, V>,
    ownership: Mutex<Ownership>,
    this: Weak<Core<K, V>>,
}

/// The owner of a table, and its heir.
struct Ownership {
    /// The same as in all parts; `None` if the table is deleted.
    rights: Option<Rights>,
    heir: Option<Heir>,
}

/// The message to a new owner, which is sent while no lock is held.
struct TransferNotice {
    to: Pid,
    from: Pid,
    data: Detail,
}

/// The consequence of an owner's end.
enum OnOwnerExit<K, V> {
    Inherited(TransferNotice),
    Deleted(Dropped<K, V>),
}

/// The contents of a deleted table, which are dropped while no lock is held.
struct Dropped<K, V> {
    rows: Vec<Rows<K, V>>,
    heir: Option<Heir>,
}

impl<K: Key, V: Send + Sync + 'static> Core<K, V> {
    /// Makes a table that the caller owns.
    pub(super) fn create(options: TableOptions) -> Result<Arc<Core<K, V>>, TableError> {
        let TableOptions { kind, protection, name, heir } = options;
        if name.as_deref() == Some("") {
            return Err(TableError::EmptyName);
        }
        let owner = current();
        owner.unwind_if_doomed();
        keeper::ensure()?;
        let owner = owner.pid;
        let rights = Rights { owner, protection };
        let core = Arc::new_cyclic(|this| Core {
            id: TableId(unique().get()),
            name,
            shards: Shards::new(kind, rights),
            ownership: Mutex::new(Ownership { rights: Some(rights), heir }),
            this: Weak::clone(this),
        });
        while let Err(other) = registry::enter(owner, core.name.as_ref(), Arc::clone(&core) as _) {
            // If its owner has ended just now, this deletes it and frees the name.
            if let Ok(TableInfo { name: Some(name), owner, .. }) = other.info() {
                return Err(TableError::NameTaken { name, owner });
            }
        }
        keeper::watch(owner);
        Ok(core)
    }

    fn no_such_table(&self) -> TableError {
        TableError::NoSuchTable { name: self.name.clone() }
    }

    /// Takes the lock and returns the guard, if the caller may have `access`.
    pub(super) fn granted<G>(
        &self,
        access: Access,
        lock: impl Fn() -> G,
        rights: impl Fn(&G) -> Option<Rights>,
    ) -> Result<G, TableError> {
        let caller = current();
        let may_act = caller.may_act_or_unwind();
        loop {
            let locked = lock();
            let rights = rights(&locked).filter(|_| may_act || access == Access::Info);
            let Some(rights) = rights else { return Err(self.no_such_table()) };
            match rights.judge(access, caller.pid, process::is_alive(rights.owner)) {
                AccessDecision::Granted => return Ok(locked),
                AccessDecision::Refused(error) => return Err(error),
                AccessDecision::OwnerHasEnded => {}
            }
            drop(locked);
            registry::clean_up(self.settle());
        }
    }

    fn granted_ownership(
        &self,
        access: Access,
    ) -> Result<(MutexGuard<'_, Ownership>, Rights), TableError> {
        let ownership =
            self.granted(access, || self.ownership.lock(), |ownership| ownership.rights)?;
        let rights = ownership.rights.ok_or_else(|| self.no_such_table())?;
        Ok((ownership, rights))
    }

    pub(super) fn set_heir(&self, heir: Option<Heir>) -> Result<(), TableError> {
        let (mut ownership, _) = self.granted_ownership(Access::Own)?;
        let replaced = mem::replace(&mut ownership.heir, heir);
        drop(ownership);
        drop(replaced); // While no lock is held.
        Ok(())
    }

    pub(super) fn give_away(&self, to: Pid, data: Detail) -> Result<(), TableError> {
        let (mut ownership, rights) = self.granted_ownership(Access::Own)?;
        let from = rights.owner;
        if to == from {
            return Err(TableError::OwnsIt(to));
        }
        if !process::is_alive(to) {
            return Err(TableError::NotAlive(to));
        }
        self.pass_on(&mut ownership, rights, to);
        drop(ownership);
        self.tell(TransferNotice { to, from, data });
        Ok(())
    }

    /// Makes `to` the owner.
    fn pass_on(&self, ownership: &mut Ownership, rights: Rights, to: Pid) {
        let rights_of_next = Rights { owner: to, ..rights };
        ownership.rights = Some(rights_of_next);
        self.shards.set_rights(rights_of_next);
        registry::hand_over(rights.owner, to, self.id);
    }

    /// Deletes the table. Returns its contents, to be dropped.
    fn close(&self, ownership: &mut Ownership, rights: Rights) -> Dropped<K, V> {
        ownership.rights = None;
        let dropped = Dropped { rows: self.shards.close(), heir: ownership.heir.take() };
        registry::remove(rights.owner, self.id, self.name.as_ref());
        dropped
    }

    /// Deletes the table, if the caller may write.
    pub(super) fn delete(&self) -> Result<(), TableError> {
        let (mut ownership, rights) = self.granted_ownership(Access::Write)?;
        let dropped = self.close(&mut ownership, rights);
        drop(ownership);
        drop(dropped); // While no lock is held.
        Ok(())
    }

    /// Sends the notice to the new owner, and has the keeper monitor it.
    fn tell(&self, TransferNotice { to, from, data }: TransferNotice) {
        if let Some(core) = self.this.upgrade() {
            let transferred = Transferred { table: Table::from(core), from, data };
            deliver(to, Signal::Message(Message::new(transferred)));
        }
        keeper::watch(to);
    }

    fn info_with(
        &self,
        Rights { owner, protection }: Rights,
        heir: Option<Pid>,
        size: usize,
        memory: usize,
    ) -> TableInfo {
        TableInfo {
            id: self.id,
            name: self.name.clone(),
            owner,
            heir,
            protection,
            kind: self.shards.kind,
            size,
            memory,
            types: type_name::<(K, V)>(),
        }
    }

    /// Hands the table over or deletes it, if the owner has ended.
    fn succeed(&self) -> Option<OnOwnerExit<K, V>> {
        let mut ownership = self.ownership.lock();
        let rights = ownership.rights.filter(|rights| !process::is_alive(rights.owner))?;
        let from = rights.owner;
        let heir = ownership.heir.as_ref().filter(|it| process::is_alive(it.pid));
        Some(match heir.cloned() {
            Some(Heir { pid: to, data }) => {
                self.pass_on(&mut ownership, rights, to);
                OnOwnerExit::Inherited(TransferNotice { to, from, data })
            }
            None => OnOwnerExit::Deleted(self.close(&mut ownership, rights)),
        })
    }
}

impl<K: Key, V: Send + Sync + 'static> AnyTable for Core<K, V> {
    fn id(&self) -> TableId {
        self.id
    }

    fn info(&self) -> Result<TableInfo, TableError> {
        registry::clean_up(self.settle());
        let (rights, heir) = {
            let ownership = self.ownership.lock();
            (ownership.rights, ownership.heir.as_ref().map(|heir| heir.pid))
        };
        let rights = rights.ok_or_else(|| self.no_such_table())?;
        let (size, memory) = self.shards.sizes(|part| Some(part.read())).unwrap_or_default();
        Ok(self.info_with(rights, heir, size, memory))
    }

    fn look(&self, patience: Instant) -> Result<TableInfo, NoInfo> {
        let (rights, heir) = {
            let ownership = self.ownership.try_lock_until(patience).ok_or(NoInfo::Locked)?;
            (ownership.rights, ownership.heir.as_ref().map(|heir| heir.pid))
        };
        let rights = rights.ok_or(NoInfo::Deleted)?;
        let sizes = self.shards.sizes(|part| part.try_read_until(patience));
        let (size, memory) = sizes.ok_or(NoInfo::Locked)?;
        Ok(self.info_with(rights, heir, size, memory))
    }

    fn settle(&self) -> Option<Cleanup> {
        match self.succeed()? {
            OnOwnerExit::Inherited(notice) => {
                self.tell(notice);
                None
            }
            OnOwnerExit::Deleted(Dropped { rows, heir }) => Some(Box::new(|| {
                rows.into_iter().for_each(|rows| drop_each_caught(rows.into_stored()));
                drop_caught(heir);
            })),
        }
    }
}
