//! What types of servers take from other nodes, by the tags of the requests.

use std::any::{Any, TypeId};
use std::collections::HashMap;

use once_cell::sync::Lazy;
use parking_lot::RwLock;

use crate::call::Client;
use crate::message::Message;
use crate::term::{DecodeError, WireTerm};

/// The tag that a request is to have; `None` if the tag is part of the value.
pub(crate) type Tag = Option<&'static str>;

pub(super) type TakeCall = fn(WireTerm<'_>, Tag, (&mut dyn Any, Client)) -> Result<(), DecodeError>;
pub(super) type TakeCast = fn(WireTerm<'_>, Tag, &mut dyn Any) -> Result<(), DecodeError>;
pub(super) type TakeInfo = fn(WireTerm<'_>, Tag, ()) -> Result<Message, DecodeError>;

/// What is done with a request that has a certain tag.
pub(super) struct Entry<T> {
    pub(super) tag: Tag,
    /// Reads it, and has it handled; an error if it is not read.
    pub(super) take: T,
}

/// Requests of one kind. Of those with one tag, the first counts that can be read.
pub(super) struct Tags<T>(HashMap<&'static str, Vec<Entry<T>>>);

impl<T> Default for Tags<T> {
    fn default() -> Tags<T> {
        Tags(HashMap::new())
    }
}

impl<T> Tags<T> {
    pub(super) fn add(&mut self, tag: &'static str, entry: Entry<T>) {
        self.0.entry(tag).or_default().push(entry);
    }

    /// Tries what is declared for a request.
    ///
    /// # Errors
    ///
    /// Why the request cannot be read; `None` if there is nothing.
    fn take<R>(
        &self,
        request: WireTerm<'_>,
        mut take: impl FnMut(&Entry<T>) -> Result<R, DecodeError>,
    ) -> Result<R, Option<DecodeError>> {
        let entries = request.variant().and_then(|(tag, _)| self.0.get(&*tag));
        let mut why = None;
        for entry in entries.into_iter().flatten() {
            match take(entry) {
                Ok(taken) => return Ok(taken),
                Err(error) => why = Some(error),
            }
        }
        Err(why)
    }
}

/// What a type of server takes.
#[derive(Default)]
pub(super) struct Table {
    pub(super) calls: Tags<TakeCall>,
    pub(super) casts: Tags<TakeCast>,
    pub(super) infos: Tags<TakeInfo>,
}

/// The tables by the types of running servers. They are kept for as long as the program runs.
static TABLES: Lazy<RwLock<HashMap<TypeId, &'static Table>>> = Lazy::new(RwLock::default);

fn table_of(server: TypeId) -> Option<&'static Table> {
    TABLES.read().get(&server).copied()
}

impl Table {
    /// Makes it the one of running servers of this type, unless they have one.
    pub(super) fn enter(self, server: TypeId) {
        let mut tables = TABLES.write();
        tables.entry(server).or_insert_with(|| Box::leak(Box::new(self)));
    }
}

/// Has a server handle a call of `client`, if it takes that.
pub(super) fn call(
    server: &mut dyn Any,
    request: WireTerm<'_>,
    client: Client,
) -> Result<(), Option<DecodeError>> {
    let table = table_of((*server).type_id()).ok_or(None)?;
    table.calls.take(request, |entry| (entry.take)(request, entry.tag, (&mut *server, client)))
}

/// Has a server handle a cast, if it takes that.
pub(super) fn cast(server: &mut dyn Any, request: WireTerm<'_>) -> Result<(), Option<DecodeError>> {
    let table = table_of((*server).type_id()).ok_or(None)?;
    table.casts.take(request, |entry| (entry.take)(request, entry.tag, &mut *server))
}

/// Returns an ordinary message as a running server of this type takes it. A term that it does not
/// take stays as it is.
pub(super) fn read_info(server: TypeId, message: Message) -> Message {
    let read = message.as_external().and_then(|external| {
        let (table, info) = (table_of(server)?, external.wire());
        table.infos.take(info, |entry| (entry.take)(info, entry.tag, ())).ok()
    });
    read.unwrap_or(message)
}
