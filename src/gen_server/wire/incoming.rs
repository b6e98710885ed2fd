//! Requests that have come from other nodes. They are read by the server, on its own thread.

use std::any::{Any, type_name};
use std::fmt;

use log::Level;

use crate::call::Client;
use crate::call_error::TypeName;
use crate::exit::ExitReason;
use crate::id::Pid;
use crate::message::{AsTerm, External, Request, print_external};
use crate::process::info::logged_self;
use crate::term::{DecodeError, Term, WirePlace, WireTerm, atom};
use crate::user_code::is_seen;

use super::super::declared;
use super::super::{TARGET, warn};

/// How many characters of a request are shown to who has made it.
const SHOWN: usize = 200;

/// A call: `{'$gen_call', {Pid, Tag}, Request}`.
pub(crate) struct ExternalCall {
    pub(crate) term: External,
    /// Where the request stands.
    pub(crate) request: WirePlace,
    pub(crate) client: Client,
}

/// A cast: `{'$gen_cast', Message}`.
pub(crate) struct ExternalCast {
    pub(crate) term: External,
    /// Where the message stands.
    pub(crate) request: WirePlace,
}

impl ExternalCall {
    /// Returns a call that has been written here.
    pub(crate) fn written(bytes: Vec<u8>, client: Client) -> ExternalCall {
        let term = External::written(bytes);
        let request = term.last_place();
        ExternalCall { term, request, client }
    }
}

impl ExternalCast {
    /// Returns a cast that has been written here.
    pub(crate) fn written(bytes: Vec<u8>) -> ExternalCast {
        let term = External::written(bytes);
        let request = term.last_place();
        ExternalCast { term, request }
    }
}

/// Implements what messages are that hold a request behind others in a tuple.
macro_rules! external_request {
    ($type:ident, $index:literal) => {
        impl fmt::Debug for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                let built = self.term.built().and_then($type::part);
                print_external(built, self.term.wire_at(self.request), f)
            }
        }

        impl $type {
            fn shown(&self) -> Option<&Term> {
                $type::part(self.term.term()?)
            }

            fn part(whole: &Term) -> Option<&Term> {
                match whole {
                    Term::Tuple(elements) => elements.get($index),
                    _ => None,
                }
            }
        }

        impl AsTerm for $type {
            fn external(&self) -> &External {
                &self.term
            }

            fn external_mut(&mut self) -> &mut External {
                &mut self.term
            }

            fn as_request(&mut self) -> Option<&mut dyn Request> {
                Some(self)
            }
        }
    };
}

external_request!(ExternalCall, 2);
external_request!(ExternalCast, 1);

impl Request for ExternalCall {
    fn client(&self) -> Option<Pid> {
        Some(self.client.pid())
    }

    fn content(&self) -> &dyn Any {
        match self.shown() {
            Some(request) => request,
            None => &(),
        }
    }

    fn reply_type(&self) -> Option<&'static str> {
        Some(type_name::<Term>())
    }

    fn handed_out(&self) {
        self.client.clear_edge();
    }

    fn bounce(&self) {}

    fn dispatch(&mut self, server: &mut dyn Any, found: &'static str) {
        let request = self.term.wire_at(self.request);
        if let Err(why) = declared::call(server, request, self.client) {
            let text = refusal(found, request, why);
            warn_of(format_args!("a call by {}: {text}", self.client.pid()));
            let reason = Term::Tuple(vec![atom("bad_request").into(), text.into()]);
            self.client.end(ExitReason::new(reason));
        }
    }
}

impl Request for ExternalCast {
    fn client(&self) -> Option<Pid> {
        None
    }

    fn content(&self) -> &dyn Any {
        match self.shown() {
            Some(message) => message,
            None => &(),
        }
    }

    fn reply_type(&self) -> Option<&'static str> {
        None
    }

    fn handed_out(&self) {}

    fn bounce(&self) {}

    fn dispatch(&mut self, server: &mut dyn Any, found: &'static str) {
        let message = self.term.wire_at(self.request);
        if let Err(why) = declared::cast(server, message) {
            warn_of(format_args!("a cast: {}", refusal(found, message, why)));
        }
    }
}

/// Says that a server does not take a request, and why, if it has such requests.
fn refusal(server: &'static str, request: WireTerm<'_>, why: Option<DecodeError>) -> String {
    let (server, request) = (TypeName(server), request.excerpt(SHOWN));
    match why {
        Some(why) => format!("{server} takes no {request}: {}", why.text()),
        None => format!("{server} takes no {request}"),
    }
}

fn warn_of(what: fmt::Arguments<'_>) {
    if is_seen(Level::Warn, TARGET) {
        warn(format_args!("{} has refused {what}", logged_self()));
    }
}
