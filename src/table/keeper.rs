//! The process that sees the owners of tables end. It decides nothing: it has each table look who
//! is its owner now, as does who uses the table. So if somebody kills it, what it has missed is
//! made up for by the next access, and by the next keeper, which is started with the next table.

use std::collections::HashSet;

use crate::gen_server::{CastResult, GenServer, InitResult, noreply, ready};
use crate::id::Pid;
use crate::message::{Down, Message, Object};
use crate::process;
use crate::runtime::address::deliver;
use crate::runtime::mailbox::Signal;
use crate::service;
use crate::user_code::drop_caught;

use super::TableError;
use super::registry;

/// The name that it is registered as.
const NAME: &str = "table_keeper";

/// Starts the keeper, if there is none.
pub(super) fn ensure() -> Result<(), TableError> {
    service::ensure::<TableKeeper>(NAME).map(drop).map_err(TableError::NoKeeper)
}

/// Has the keeper look after `owner`, too. The caller may hold a message that must arrive, so it
/// does not end here.
pub(super) fn watch(owner: Pid) {
    if let Some(keeper) = process::whereis(NAME) {
        deliver(keeper, Signal::Message(Message::new(Watch(owner))));
    }
}

#[derive(Debug)]
struct Watch(Pid);

#[derive(Debug)]
struct TableKeeper {
    watched: HashSet<Pid>,
}

impl GenServer for TableKeeper {
    type Args = ();

    fn init((): ()) -> InitResult<TableKeeper> {
        let mut keeper = TableKeeper { watched: HashSet::new() };
        registry::owners().into_iter().for_each(|owner| keeper.watch(owner));
        ready(keeper)
    }

    fn handle_info(&mut self, message: Message) -> CastResult<TableKeeper> {
        let message = match message.downcast::<Watch>() {
            Ok(Watch(owner)) => {
                self.watch(owner);
                return noreply();
            }
            Err(message) => message,
        };
        match message.downcast::<Down>() {
            Ok(Down { object: Object::Pid(owner), .. }) => {
                self.watched.remove(&owner);
                let tables = registry::owned_by(owner);
                registry::clean_up(tables.iter().filter_map(|table| table.settle()));
            }
            Ok(_) => {}
            Err(message) => drop_caught(message),
        }
        noreply()
    }
}

impl TableKeeper {
    fn watch(&mut self, owner: Pid) {
        if self.watched.insert(owner) {
            process::monitor(owner);
        }
    }
}
