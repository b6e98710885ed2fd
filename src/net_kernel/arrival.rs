//! What a message that has come is: a call, a cast, an answer, or none of these.
//!
//! Only what stands around a request is read here. The request is read by who gets it.

use std::sync::Arc;

use log::Level;

use crate::call::Client;
use crate::exit::ExitReason;
use crate::gen_server::spelling::{CALL, CAST};
use crate::gen_server::wire::{ExternalCall, ExternalCast};
use crate::id::{Alias, Pid};
use crate::message::{Destination, External, Message};
use crate::runtime::address::deliver;
use crate::runtime::incoming::Connection;
use crate::runtime::mailbox::Signal;
use crate::runtime::remote_calls::CallId;
use crate::sys;
use crate::sys::across::SYSTEM;
use crate::term::{self, DecodeError, Term, WirePlace, WireTerm, atom};
use crate::user_code::{drop_caught, log_caught};

use super::frame;
use super::local::Local;
use super::lost::LOG;

/// A message that has come, without its bytes.
pub(super) struct Arrival {
    to: Destination,
    /// Where it stands in its frame.
    place: WirePlace,
    kind: Kind,
}

enum Kind {
    /// A call, whose answer goes to this tag, with the place of the request.
    Call { client: Client, tag: Arc<[u8]>, request: WirePlace },
    /// A system message, whose answer goes to this tag, with the place of what is asked for.
    System { client: Client, tag: Arc<[u8]>, what: WirePlace },
    /// A cast, with the place of the message.
    Cast { request: WirePlace },
    /// The answer to a request of this node's.
    Answer(Alias),
    /// For its receiver it is a term.
    Other,
}

impl Arrival {
    /// Returns what a message is that stands in `frame`.
    ///
    /// # Errors
    ///
    /// If it is larger than its receiver may be made to build.
    pub(super) fn of(
        local: &Local,
        to: Destination,
        message: WireTerm<'_>,
        frame: &frame::Signal,
    ) -> Result<Arrival, DecodeError> {
        message.check()?;
        let (whole, place) = (frame.bytes(), message.place_in(frame.bytes()));
        let kind = Kind::of(local, message, whole).unwrap_or(Kind::Other);
        Ok(Arrival { to, place, kind })
    }

    /// Gives the message to its receiver.
    pub(super) fn deliver(self, connection: &mut Connection, frame: frame::Signal) {
        let Arrival { to, place, kind } = self;
        let term = External::new(frame.into_bytes(), place);
        match kind {
            Kind::Call { client, tag, request } => {
                let call = Message::external(ExternalCall { term, request, client });
                deliver_request(connection, &to, (client, tag), call);
            }
            Kind::System { client, tag, what } => {
                let request = sys::across::request(term.wire_at(what), client);
                deliver_request(connection, &to, (client, tag), request);
            }
            Kind::Cast { request } => {
                connection.message(&to, Message::external(ExternalCast { term, request }));
            }
            Kind::Answer(alias) => {
                connection.message(&alias.into(), Message::answer(alias.id, term));
            }
            Kind::Other => connection.message(&to, Message::external(term)),
        }
    }
}

/// Gives a request to its receiver, whose answer goes to the tag.
fn deliver_request(
    connection: &mut Connection,
    to: &Destination,
    (client, tag): (Client, Arc<[u8]>),
    request: Message,
) {
    // Without a server, the client hears so by the monitor that it has set.
    let Some(server) = to.resolve() else { return drop_caught(request) };
    let id = CallId { client: client.pid(), number: client.number() };
    if client.pid().is_remote() && !connection.request(id, server, tag) {
        let node = client.pid().node();
        let text = format_args!("a request of {node} to {to} is dropped: it cannot be answered");
        log_caught(Level::Warn, LOG, text);
        drop_caught(request);
        return connection.refuse(client.pid(), server, unanswerable());
    }
    match to {
        Destination::Alias(_) => connection.message(to, request),
        Destination::Pid(_)
        | Destination::Name(_)
        | Destination::OnNode(..)
        | Destination::Reference(_) => {
            // It needs no room, as requests of this node.
            deliver(server, Signal::Message(request));
        }
    }
}

/// The reason with which a client is told that its request is not kept.
fn unanswerable() -> ExitReason {
    let text = "too many requests of its node wait for answers, or its tag is too long";
    ExitReason::new(Term::Tuple(vec![atom("bad_request").into(), text.into()]))
}

impl Kind {
    /// Returns what it is, if it is something.
    fn of(local: &Local, message: WireTerm<'_>, whole: &[u8]) -> Option<Kind> {
        let mut tuple = message.tuple().ok()?;
        match tuple.left() {
            2 => {
                let first = tuple.term().ok()?;
                if let Some(alias) = first.alias() {
                    return local.alias(&alias).map(Kind::Answer);
                }
                let (name, _) = first.variant()?;
                let CAST = &*name else { return None };
                Some(Kind::Cast { request: tuple.term().ok()?.place_in(whole) })
            }
            3 => {
                let label = tuple.atom().ok()?;
                let (CALL | SYSTEM) = &*label else { return None };
                let mut from = tuple.tuple().ok()?;
                let (client, tag) = (from.pid().ok()?, from.term().ok()?);
                let 0 = from.left() else { return None };
                let request = tuple.term().ok()?.place_in(whole);
                let client = match local.own(&client) {
                    // It has come back by processes that have passed it on.
                    Some(_) => Client::reading(local.alias(&tag.alias()?)?),
                    None => {
                        let numbers = [client.id, client.serial, client.creation];
                        Client::remote(Pid::of_numbers(&client.node, numbers)?)?
                    }
                };
                let tag = term::to_vec(&tag).ok()?.into();
                Some(match &*label {
                    CALL => Kind::Call { client, tag, request },
                    _ => Kind::System { client, tag, what: request },
                })
            }
            _ => None,
        }
    }
}
