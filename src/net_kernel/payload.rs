//! What messages carry, as it is written.

use serde::ser::Error as _;

use crate::call::across::write_answer;
use crate::external;
use crate::message::Message;
use crate::term::{EncodeError, WireTerm, WireWriter};

use super::control::Carried;

/// A message that is sent.
pub(super) struct Sent<'a>(pub(super) &'a Message);

impl Carried for Sent<'_> {
    fn write(&self, out: &mut WireWriter<'_>) -> Result<(), EncodeError> {
        let Sent(message) = *self;
        match message.as_external() {
            Some(external) => out.value(&external.wire()), // It is passed on.
            None => external::write(message.content(), out)
                .map_err(|error| error.unwrap_or_else(|| unspelt(message.type_name()))),
        }
    }
}

/// The answer to a request: `{Tag, Reply}`.
pub(super) struct Answered<'a>(pub(super) WireTerm<'a>, pub(super) &'a Message);

impl Carried for Answered<'_> {
    fn write(&self, out: &mut WireWriter<'_>) -> Result<(), EncodeError> {
        out.tuple(2)?;
        out.value(&self.0)?;
        write_answer(self.1, &mut out.inside())
    }
}

/// The error of a value whose type was not declared.
fn unspelt(type_name: &str) -> EncodeError {
    EncodeError::custom(format_args!("values of {type_name} are not spelt in Erlang"))
}

#[cfg(test)]
mod tests {
    use crate::term::{Output, Term};

    use super::*;

    /// Its receiver looks at the whole: `{Tag, Reply}`.
    #[test]
    fn an_answer_is_as_deep_as_what_stands_around_it_allows() {
        let nested = |depth| (0..depth).fold(Term::from(1), |inner, _| Term::Tuple(vec![inner]));
        let write = |depth| {
            let (tag, answer) = (crate::term::to_vec(&1).unwrap(), Message::new(nested(depth)));
            let mut out = Output::from(vec![131]);
            let answered = Answered(WireTerm::open(&tag).unwrap(), &answer);
            answered.write(&mut WireWriter::new(&mut out)).map(|()| out.into_bytes())
        };
        let deepest = write(511).unwrap();
        assert!(WireTerm::open(&deepest).unwrap().check().is_ok());
        assert!(write(512).is_err());
    }

    #[test]
    fn a_value_of_a_type_that_does_not_travel_is_named() {
        #[derive(Debug)]
        struct Private;

        let write = |message| {
            let mut out = Output::from(vec![131]);
            Sent(&message).write(&mut WireWriter::new(&mut out)).map(|()| out.into_bytes())
        };
        let error = write(Message::new(Private)).unwrap_err().to_string();
        assert!(error.ends_with("Private are not spelt in Erlang"), "{error}");
        let bytes = write(Message::new(vec![1_u8])).unwrap();
        assert_eq!(bytes, crate::term::to_vec(&vec![1_u8]).unwrap());
    }
}
