//! The process that monitors the owners of tables. It decides nothing: when one has ended, it has
//! each table settle its ownership, as every access does. So if the keeper is killed, the next
//! access makes up for what it has missed, as does the next keeper, which is started with the next
//! table.

use std::collections::HashSet;

use crate::gen_server::{CastResult, GenServer, InitResult, noreply, ready};
use crate::id::Pid;
use crate::message::{Destination, Down, Message};
use crate::process;
use crate::runtime::address::deliver;
use crate::runtime::mailbox::Signal;
use crate::service;
use crate::user_code::drop_caught;

use super::{TableError, registry};

/// Its registered name.
const NAME: &str = "table_keeper";

/// Starts the keeper, if there is none.
pub(super) fn ensure() -> Result<(), TableError> {
    service::ensure::<TableKeeper>(NAME).map(drop).map_err(TableError::NoKeeper)
}

/// Has the keeper monitor `owner`, too. The caller does not end here, even if it was killed, as it
/// may hold a message that must arrive.
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
            Ok(Down { object: Destination::Pid(owner), .. }) => {
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
