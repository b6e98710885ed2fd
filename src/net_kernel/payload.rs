//! Values of the program that everybody can spell: what messages and reasons are made of.

use std::any::Any;

use serde::ser::{Error as _, Serialize, Serializer};

use crate::exit::{Detail, ExitReason};
use crate::id::{Alias, MonitorRef, Pid};
use crate::message::Message;
use crate::term::{self, Atom, ExternalPid, ExternalRef, Term, atom};
use crate::user_code::printed;

/// Something that holds a value of a type that is not known.
pub(super) trait Held {
    fn get<T: Any>(&self) -> Option<&T>;
    fn type_name(&self) -> &'static str;
}

impl Held for Message {
    fn get<T: Any>(&self) -> Option<&T> {
        self.downcast_ref()
    }

    fn type_name(&self) -> &'static str {
        Message::type_name(self)
    }
}

impl Held for Detail {
    fn get<T: Any>(&self) -> Option<&T> {
        self.downcast_ref()
    }

    fn type_name(&self) -> &'static str {
        Detail::type_name(self)
    }
}

/// A value that is held, as the term that it is; an error if its type is not one that travels.
pub(super) struct Travelling<'a, H>(pub(super) &'a H);

/// Serializes the value if it is of one of these types.
macro_rules! serialize_as {
    ($held:expr, $serializer:expr; $($type:ty),+ $(,)?) => {
        $(
            if let Some(value) = $held.get::<$type>() {
                return value.serialize($serializer);
            }
        )+
    };
}

impl<H: Held> Serialize for Travelling<'_, H> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serialize_as! {
            self.0, serializer;
            Term, Atom, Pid, Alias, MonitorRef, ExternalPid, ExternalRef,
            String, &'static str, bool, (), char,
            i64, u64, i32, u32, i8, u8, i16, u16, i128, u128, isize, usize, f64, f32,
            Vec<u8>, Vec<Term>, Vec<String>, Vec<i64>, Vec<u64>, Vec<i32>, Vec<u32>,
        }
        let text = format!("values of {} are not spelt in Erlang", self.0.type_name());
        Err(S::Error::custom(text))
    }
}

/// Returns a reason as the term that it is.
pub(super) fn reason_to_term(reason: &ExitReason) -> Term {
    let plain = |name| Term::from(atom(name));
    match reason {
        ExitReason::Normal => plain("normal"),
        ExitReason::Shutdown => plain("shutdown"),
        ExitReason::Kill => plain("kill"),
        ExitReason::Killed => plain("killed"),
        ExitReason::NoProc => plain("noproc"),
        ExitReason::NoConnection => plain("noconnection"),
        ExitReason::ShutdownWith(detail) => {
            Term::Tuple(vec![plain("shutdown"), detail_to_term(detail)])
        }
        ExitReason::Panic(panic) => {
            let message = Term::Tuple(vec![plain("panic"), panic.message.as_str().into()]);
            let place = panic.location.as_deref().map(place).unwrap_or_default();
            let frame = vec![plain("rust"), plain("panic"), 0.into(), Term::List(place)];
            Term::Tuple(vec![message, Term::List(vec![Term::Tuple(frame)])])
        }
        ExitReason::Other(detail) => detail_to_term(detail),
    }
}

/// Returns where something is, `file:line:column`, as stack traces in Erlang say it.
fn place(location: &str) -> Vec<Term> {
    let mut parts = location.rsplitn(3, ':');
    let (_column, line, file) = (parts.next(), parts.next(), parts.next());
    let (Some(Ok(line)), Some(file)) = (line.map(str::parse::<u32>), file) else {
        return Vec::new();
    };
    let file = file.chars().map(|character| u32::from(character).into()).collect();
    let pair = |name, value| Term::Tuple(vec![Term::from(atom(name)), value]);
    vec![pair("file", Term::List(file)), pair("line", line.into())]
}

fn detail_to_term(detail: &Detail) -> Term {
    let term = term::to_term(&Travelling(detail));
    term.unwrap_or_else(|_| Term::Tuple(vec![atom("rust").into(), Term::from(printed(detail))]))
}

/// Returns the reason that a term is.
pub(super) fn reason_of_term(term: Term) -> ExitReason {
    if let Term::Tuple(elements) = &term
        && let [Term::Atom(tag), detail] = &elements[..]
        && tag == "shutdown"
    {
        return ExitReason::shutdown_with(detail.clone());
    }
    let Term::Atom(name) = &term else { return ExitReason::new(term) };
    match name.as_str() {
        "normal" => ExitReason::Normal,
        "shutdown" => ExitReason::Shutdown,
        "kill" => ExitReason::Kill,
        "killed" => ExitReason::Killed,
        "noproc" => ExitReason::NoProc,
        "noconnection" => ExitReason::NoConnection,
        _ => ExitReason::new(term),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use crate::user_code::Panic;

    use super::*;

    fn spelt(reason: &ExitReason) -> String {
        reason_to_term(reason).to_string()
    }

    #[test]
    fn reasons_that_both_sides_know_are_atoms() {
        for (reason, text) in [
            (ExitReason::Normal, "normal"),
            (ExitReason::Shutdown, "shutdown"),
            (ExitReason::Kill, "kill"),
            (ExitReason::Killed, "killed"),
            (ExitReason::NoProc, "noproc"),
            (ExitReason::NoConnection, "noconnection"),
        ] {
            assert_eq!(spelt(&reason), text);
            assert_eq!(reason_of_term(reason_to_term(&reason)), reason);
        }
    }

    #[test]
    fn an_orderly_reason_with_a_detail_stays_orderly() {
        let reason = ExitReason::shutdown_with(Term::from("bye"));
        assert_eq!(spelt(&reason), r#"{shutdown,<<"bye">>}"#);
        assert_eq!(reason_of_term(reason_to_term(&reason)), reason);
    }

    #[test]
    fn a_panic_prints_in_a_shell_as_an_error_with_its_place() {
        let location = Some("src/main.rs:12:5".to_owned());
        let panic = Panic { message: "oh".to_owned(), location, backtrace: None };
        let text = r#"{{panic,<<"oh">>},[{rust,panic,0,[{file,"src/main.rs"},{line,12}]}]}"#;
        assert_eq!(spelt(&ExitReason::Panic(Arc::new(panic))), text);
        let panic = Panic { message: "oh".to_owned(), location: None, backtrace: None };
        let text = r#"{{panic,<<"oh">>},[{rust,panic,0,[]}]}"#;
        assert_eq!(spelt(&ExitReason::Panic(Arc::new(panic))), text);
    }

    #[test]
    fn a_reason_of_the_program_is_its_term_or_else_its_text() {
        #[derive(Debug, PartialEq)]
        struct OutOfPaper(u8);

        assert_eq!(spelt(&ExitReason::new(7_u32)), "7");
        assert_eq!(spelt(&ExitReason::new("text")), r#"<<"text">>"#);
        assert_eq!(spelt(&ExitReason::new(OutOfPaper(2))), r#"{rust,<<"OutOfPaper(2)">>}"#);
    }

    #[test]
    fn any_other_reason_is_a_term() {
        let term = Term::Tuple(vec![atom("badmatch").into(), 1.into()]);
        assert_eq!(reason_of_term(term.clone()), ExitReason::new(term));
        let term = Term::from(atom("boom"));
        assert_eq!(reason_of_term(term.clone()), ExitReason::new(term));
    }

    #[test]
    fn a_value_of_a_type_that_does_not_travel_is_named() {
        #[derive(Debug)]
        struct Private;

        let error = term::to_vec(&Travelling(&Message::new(Private))).unwrap_err().to_string();
        assert!(error.ends_with("Private are not spelt in Erlang"), "{error}");
        let bytes = term::to_vec(&Travelling(&Message::new(vec![1_u8]))).unwrap();
        assert_eq!(bytes, term::to_vec(&vec![1_u8]).unwrap());
    }
}
