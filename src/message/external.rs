//! Terms that have come from other nodes, and stay bytes until somebody looks at them.

use std::any::{Any, TypeId, type_name};
use std::cell::OnceCell;
use std::fmt;
use std::num::NonZeroU64;

use log::Level;
use smallbox::smallbox;

use crate::term::{Binary, DecodeError, Term, WirePlace, WireTerm};
use crate::user_code::log_caught;

use super::{Message, Payload, Request, Value};

/// A term that has come from another node: to its receiver a [`Term`], which is built when that
/// looks at it, on its own thread.
pub(crate) struct External {
    /// What it has come in.
    frame: Binary,
    place: WirePlace,
    term: OnceCell<Value<Term>>,
}

impl External {
    /// Returns the term that stands at this place of the frame, and is within the limits.
    pub(crate) fn new(frame: Vec<u8>, place: WirePlace) -> External {
        External { frame: frame.into(), place, term: OnceCell::new() }
    }

    /// Returns the term that these bytes are, which have been written here.
    pub(crate) fn written(bytes: Vec<u8>) -> External {
        let place = WireTerm::open(&bytes).map(|term| term.place_in(&bytes));
        External::new(bytes, place.expect("what is written can be read"))
    }

    /// Returns it as it came.
    pub(crate) fn wire(&self) -> WireTerm<'_> {
        self.wire_at(self.place)
    }

    /// Returns a part of it as it came.
    pub(crate) fn wire_at(&self, place: WirePlace) -> WireTerm<'_> {
        place.term_of(&self.frame)
    }

    /// Returns where its last element stands, if it is a tuple with any, or else where it does.
    pub(crate) fn last_place(&self) -> WirePlace {
        let last = self.wire().tuple().ok().and_then(|mut tuple| {
            let mut last = None;
            while tuple.left() > 0 {
                last = tuple.term().ok();
            }
            last
        });
        last.map_or(self.place, |last| last.place_in(&self.frame))
    }

    /// Returns it as a term, unless that was taken.
    pub(crate) fn term(&self) -> Option<&Term> {
        self.value().0.as_ref()
    }

    /// What cannot be built is gone as if it were taken, so that nobody gets it: it is too deep for
    /// the stack of its receiver, or is a map with one key twice.
    fn value(&self) -> &Value<Term> {
        self.term.get_or_init(|| {
            let read = self.wire().read::<Term>().inspect_err(|error| {
                let text = format_args!("a message from another node is dropped: {error}");
                log_caught(Level::Warn, "procession::process", text);
            });
            Value(read.ok())
        })
    }

    /// Returns it, if it was built.
    pub(crate) fn built(&self) -> Option<&Term> {
        self.term.get()?.0.as_ref()
    }
}

/// How many characters of what is not built are printed: as many as reports show.
const PRINTED: usize = 1000;

impl fmt::Debug for External {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        print_external(self.built(), self.wire(), f)
    }
}

/// Prints a term of a message, or the beginning of its bytes: for a report it is not built.
pub(crate) fn print_external(
    built: Option<&Term>,
    wire: WireTerm<'_>,
    f: &mut fmt::Formatter<'_>,
) -> fmt::Result {
    match built {
        Some(term) => fmt::Debug::fmt(term, f),
        None => f.write_str(&wire.excerpt(PRINTED)),
    }
}

/// What is a term to who takes it for a plain message.
pub(crate) trait AsTerm: Send + fmt::Debug {
    fn external(&self) -> &External;
    fn external_mut(&mut self) -> &mut External;

    fn as_request(&mut self) -> Option<&mut dyn Request> {
        None
    }

    /// The request of this node's that it is the reply to.
    fn answers(&self) -> Option<NonZeroU64> {
        None
    }
}

impl AsTerm for External {
    fn external(&self) -> &External {
        self
    }

    fn external_mut(&mut self) -> &mut External {
        self
    }
}

/// The reply to a request of this node's: `{Tag, Reply}`.
#[derive(Debug)]
struct Answer {
    request: NonZeroU64,
    term: External,
}

impl AsTerm for Answer {
    fn external(&self) -> &External {
        &self.term
    }

    fn external_mut(&mut self) -> &mut External {
        &mut self.term
    }

    fn answers(&self) -> Option<NonZeroU64> {
        Some(self.request)
    }
}

/// The payload of a message that has come from another node.
struct ExternalPayload<E>(E);

impl<E: fmt::Debug> fmt::Debug for ExternalPayload<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

impl<E: AsTerm> Payload for ExternalPayload<E> {
    fn type_name(&self) -> &'static str {
        type_name::<Term>()
    }

    fn is_place_of(&self, type_id: TypeId) -> bool {
        TypeId::of::<Term>() == type_id && self.0.external().term().is_some()
    }

    fn place(&self) -> &dyn Any {
        self.0.external().value().place()
    }

    fn place_mut(&mut self) -> &mut dyn Any {
        let external = self.0.external_mut();
        external.value();
        external.term.get_mut().expect("it was built above").place_mut()
    }

    fn is_taken(&self) -> bool {
        self.0.external().term.get().is_some_and(Payload::is_taken)
    }

    fn as_request(&mut self) -> Option<&mut dyn Request> {
        self.0.as_request()
    }

    fn external(&self) -> Option<&dyn AsTerm> {
        Some(&self.0)
    }
}

impl Message {
    /// Makes a message of what has come from another node.
    pub(crate) fn external(it: impl AsTerm + 'static) -> Message {
        Message(smallbox!(ExternalPayload(it)))
    }

    /// Makes a message of the term `{Tag, Reply}`, by which another node answers a request of this
    /// one's.
    pub(crate) fn answer(request: NonZeroU64, term: External) -> Message {
        Message::external(Answer { request, term })
    }

    /// Returns the term that the message is, if it has come from another node.
    pub(crate) fn as_external(&self) -> Option<&External> {
        self.0.external().map(AsTerm::external)
    }

    /// Returns the request of this node's that the message answers, if it has come from another
    /// node.
    pub(crate) fn answers(&self) -> Option<NonZeroU64> {
        self.0.external()?.answers()
    }

    /// Reads the reply in an answer.
    pub(crate) fn read_reply<R>(
        &self,
        read: impl FnOnce(WireTerm<'_>) -> Result<R, DecodeError>,
    ) -> Option<Result<R, DecodeError>> {
        let reply = |external: &External| {
            let mut pair = external.wire().tuple()?;
            pair.term()?;
            read(pair.term()?)
        };
        self.as_external().map(reply)
    }

    /// Returns the value that the message holds, in an `Option`, or else the request that it is.
    pub(crate) fn content(&self) -> &dyn Any {
        self.0.content()
    }
}

#[cfg(test)]
mod tests {
    use serde::de::{Deserialize, Deserializer};

    use crate::term::{Atom, atom, to_vec};
    use crate::user_code::catch;

    use super::*;

    /// `{bulk, Binary}`, with a large one.
    fn bulk() -> External {
        let binary = Term::Binary(vec![7; 1 << 20].into());
        External::written(to_vec(&(atom("bulk"), binary)).unwrap())
    }

    fn is_shared(external: &External, term: &Term) -> bool {
        let Term::Binary(binary) = term else { panic!("{term}") };
        assert_eq!(binary[..], [7; 1 << 20]);
        external.frame.as_ptr_range().contains(&binary.as_ptr())
    }

    #[test]
    fn a_large_binary_is_not_copied_however_it_is_read() {
        let external = bulk();
        let Some(Term::Tuple(whole)) = external.term() else { panic!("{external:?}") };
        let tagged: Term = external.wire().read_tagged("bulk").unwrap();
        let (_, second): (Atom, Term) = external.wire().read().unwrap();
        let last = external.wire_at(external.last_place()).read().unwrap();
        let mut tuple = external.wire().tuple().unwrap();
        tuple.term().unwrap();
        let element = tuple.term().unwrap().read().unwrap();
        for term in [&whole[1], &tagged, &second, &last, &element] {
            assert!(is_shared(&external, term));
        }
    }

    #[test]
    fn a_message_is_not_shared_when_its_reading_has_panicked() {
        #[derive(Debug)]
        struct Panics;

        impl<'de> Deserialize<'de> for Panics {
            fn deserialize<D: Deserializer<'de>>(_: D) -> Result<Panics, D::Error> {
                panic!("it is read");
            }
        }

        let external = bulk();
        assert!(catch(|| external.wire().read::<Panics>()).is_err());
        let bytes = &external.frame[..];
        let (_, second): (Atom, Term) = crate::term::from_slice(bytes).unwrap();
        assert!(!is_shared(&external, &second));
    }

    fn message(bytes: &[u8]) -> Message {
        Message::external(External::written(bytes.to_vec()))
    }

    /// A map with a key that it has twice.
    const UNREADABLE: [u8; 14] = [131, 116, 0, 0, 0, 2, 97, 1, 97, 1, 97, 1, 97, 2];

    #[test]
    fn what_cannot_be_built_is_nothing_to_its_receiver() {
        let unread = || message(&UNREADABLE);
        assert!(!unread().is::<Term>());
        assert_eq!(unread().downcast_ref::<Term>(), None);
        assert!(unread().downcast::<Term>().is_err());
        let mut probed = unread();
        assert!(!probed.probe::<Term, _>(|term| (true, term)));
        assert!(probed.is_lent(), "it stays in the queue");
    }

    #[test]
    fn what_nobody_has_looked_at_is_printed_without_being_built() {
        let message = message(&[131, 104, 2, 97, 1, 106]);
        assert_eq!(format!("{message:?}"), "{1,[]}");
        assert_eq!(message.as_external().unwrap().built(), None);
        assert!(message.is::<Term>());
        assert!(message.as_external().unwrap().built().is_some());
        assert_eq!(format!("{message:?}"), "{1,[]}");
    }
}
