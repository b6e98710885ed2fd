//! Exit reasons as terms.

use std::fmt::Debug;
use std::sync::Arc;

use crate::exit::{Detail, ExitReason};
use crate::term::{self, Atom, Term, atom};
use crate::user_code::{Panic, printed, printed_up_to};

use super::to_term;

/// Returns a reason as the term that it is.
pub(crate) fn reason_to_term(reason: &ExitReason) -> Term {
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

/// Returns where something is, `file:line:column` or `file:line`, as stack traces in Erlang say it.
fn place(location: &str) -> Vec<Term> {
    let numbered = |text: &str| {
        let (text, number) = text.rsplit_once(':')?;
        Some((text.to_owned(), number.parse::<u32>().ok()?))
    };
    let Some((file, line)) = numbered(location) else { return Vec::new() };
    let (file, line) = numbered(&file).unwrap_or((file, line));
    let file = file.chars().map(|character| u32::from(character).into()).collect();
    let pair = |name, value| Term::Tuple(vec![Term::from(atom(name)), value]);
    vec![pair("file", Term::List(file)), pair("line", line.into())]
}

fn detail_to_term(detail: &Detail) -> Term {
    to_term(detail.value()).unwrap_or_else(|| rust(printed(detail)))
}

/// What stands for a value that is no term: its text.
fn rust(text: String) -> Term {
    Term::Tuple(vec![atom("rust").into(), text.into()])
}

/// Returns what stands for a reason whose [term](reason_to_term) cannot be sent, as it is too deep
/// or too long: the beginning of its text. One that was orderly still is.
pub(crate) fn reason_to_text(reason: &ExitReason) -> Term {
    const BYTES: usize = 4096;
    let text = |reason: &dyn Debug| rust(printed_up_to(BYTES, reason));
    match reason {
        ExitReason::ShutdownWith(detail) => {
            Term::Tuple(vec![atom("shutdown").into(), text(detail)])
        }
        ExitReason::Other(detail) => text(detail),
        ExitReason::Panic(panic) => text(panic),
        ExitReason::Normal
        | ExitReason::Shutdown
        | ExitReason::Kill
        | ExitReason::Killed
        | ExitReason::NoProc
        | ExitReason::NoConnection => reason_to_term(reason),
    }
}

/// Returns the panic that a term says, if it is one of a program of this library: without the
/// column of where it was.
fn panic_of_term(term: &Term) -> Option<Panic> {
    type Frame = (Atom, Atom, u32, Vec<Term>);
    let Term::Tuple(elements) = term else { return None };
    let [what, Term::List(stack)] = &elements[..] else { return None };
    let (tag, message): (Atom, String) = term::from_term(what).ok()?;
    let [frame] = &stack[..] else { return None };
    let (module, function, _, place): Frame = term::from_term(frame).ok()?;
    if tag != "panic" || module != "rust" || function != "panic" {
        return None;
    }
    let location = match &place[..] {
        [file, line] => {
            let (_, file): (Atom, String) = term::from_term(file).ok()?;
            let (_, line): (Atom, u32) = term::from_term(line).ok()?;
            Some(format!("{file}:{line}"))
        }
        _ => None,
    };
    Some(Panic { message, location, backtrace: None })
}

/// Returns the reason that a term is.
pub(crate) fn reason_of_term(term: Term) -> ExitReason {
    if let Some(panic) = panic_of_term(&term) {
        return ExitReason::Panic(Arc::new(panic));
    }
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
    fn a_panic_of_another_node_is_one_here() {
        for location in [Some("src/main.rs:12".to_owned()), None] {
            let panic = Panic { message: "oh".to_owned(), location, backtrace: None };
            let reason = ExitReason::Panic(Arc::new(panic));
            assert_eq!(reason_of_term(reason_to_term(&reason)), reason);
        }
        let frame = ["rust", "other"].map(|name| Term::from(atom(name)));
        let frame = Term::Tuple([&frame[..], &[0.into(), Term::List(vec![])]].concat());
        let what = Term::Tuple(vec![atom("panic").into(), "oh".into()]);
        let other = Term::Tuple(vec![what, Term::List(vec![frame])]);
        assert_eq!(reason_of_term(other.clone()), ExitReason::new(other));
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
    fn a_reason_that_is_too_long_is_the_beginning_of_its_text() {
        let text = |reason| reason_to_text(&reason).to_string();
        let long = || Term::List(vec![0_u32.into(); 1 << 20]);
        let cut = |start: &str| {
            let zeros = &"0,".repeat(4096)[..4096 - start.len()];
            format!("{{rust,<<\"{start}{zeros}...\">>}}")
        };
        assert_eq!(text(ExitReason::new(7_u32)), r#"{rust,<<"7">>}"#);
        assert_eq!(text(ExitReason::new(long())), cut("["));
        assert_eq!(text(ExitReason::shutdown_with(long())), format!("{{shutdown,{}}}", cut("[")));
    }

    #[test]
    fn any_other_reason_is_a_term() {
        let term = Term::Tuple(vec![atom("badmatch").into(), 1.into()]);
        assert_eq!(reason_of_term(term.clone()), ExitReason::new(term));
        let term = Term::from(atom("boom"));
        assert_eq!(reason_of_term(term.clone()), ExitReason::new(term));
    }
}
