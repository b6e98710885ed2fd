//! The functions of this program that other nodes may call.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use serde::de::DeserializeOwned;
use serde::ser::Serialize;

use crate::exit::ExitReason;
use crate::external::reason_to_term;
use crate::process;
use crate::term::{self, DecodeError, EncodeError, Term, atom};

/// A function that can be [offered](super::NetKernel::offer) to other nodes: one of up to eight
/// arguments that serde can read, and with a result that it can write.
///
/// `A` is the tuple of the types of its arguments.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be offered to other nodes",
    label = "this is no function of up to eight arguments that can be read from terms",
    note = "arguments must be `serde::de::DeserializeOwned`, with their types in the closure, and \
            the result `serde::Serialize`"
)]
pub trait Offered<A>: sealed::Sealed<A> + Send + Sync + 'static {
    /// How many arguments it takes.
    #[doc(hidden)]
    const ARITY: usize;

    /// Runs the function.
    #[doc(hidden)]
    fn apply(&self, arguments: &[Term]) -> Result<Term, Unfit>;
}

mod sealed {
    #[expect(unnameable_types, reason = "nobody else is to implement it")]
    pub trait Sealed<A> {}
}

/// Why a function has not been run, or its result is nothing.
#[doc(hidden)]
#[derive(Debug)]
#[expect(unnameable_types, reason = "only what it leads to is of use")]
pub enum Unfit {
    /// The arguments are not those that it takes: OTP's `function_clause`.
    Arguments(DecodeError),
    /// What it has returned is no term.
    Value(EncodeError),
}

macro_rules! offered {
    ($($name:ident: $argument:ident),*) => {
        impl<F, R, $($argument),*> sealed::Sealed<($($argument,)*)> for F
        where
            F: Fn($($argument),*) -> R,
        {
        }

        impl<F, R, $($argument),*> Offered<($($argument,)*)> for F
        where
            F: Fn($($argument),*) -> R + Send + Sync + 'static,
            R: Serialize,
            $($argument: DeserializeOwned,)*
        {
            const ARITY: usize = <[&str]>::len(&[$(stringify!($argument)),*]);

            fn apply(&self, arguments: &[Term]) -> Result<Term, Unfit> {
                // The table has found the function by their number.
                let [$($name),*] = arguments else {
                    unreachable!("a function has been found that takes other arguments");
                };
                $(let $name = term::from_term($name).map_err(Unfit::Arguments)?;)*
                term::to_term(&self($($name),*)).map_err(Unfit::Value)
            }
        }
    };
}

offered!();
offered!(a: A);
offered!(a: A, b: B);
offered!(a: A, b: B, c: C);
offered!(a: A, b: B, c: C, d: D);
offered!(a: A, b: B, c: C, d: D, e: E);
offered!(a: A, b: B, c: C, d: D, e: E, f: G);
offered!(a: A, b: B, c: C, d: D, e: E, f: G, g: H);
offered!(a: A, b: B, c: C, d: D, e: E, f: G, g: H, h: I);

/// A function as another node names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Call {
    pub(super) module: String,
    pub(super) function: String,
    pub(super) arguments: Vec<Term>,
}

/// How a call has failed: in OTP, by which class of exceptions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Failure {
    /// With what there is of a stack.
    Error(Term, Term),
    Exit(Term),
}

impl Failure {
    /// Returns what `catch` returns for it.
    pub(super) fn reason(self) -> Term {
        match self {
            Failure::Error(reason, stack) => Term::Tuple(vec![reason, stack]),
            Failure::Exit(reason) => reason,
        }
    }
}

type Apply = dyn Fn(&[Term]) -> Result<Term, Unfit> + Send + Sync;

/// All functions that are offered, by module, name, and number of arguments.
#[derive(Clone, Default)]
pub(super) struct Offers(HashMap<(String, String, usize), Arc<Apply>>);

impl fmt::Debug for Offers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = |(module, name, arity): &_| format!("{module}:{name}/{arity}");
        f.debug_set().entries(self.0.keys().map(name)).finish()
    }
}

impl Offers {
    pub(super) fn add<A, F: Offered<A>>(&mut self, module: String, name: String, function: F) {
        let apply = move |arguments: &[Term]| function.apply(arguments);
        self.0.insert((module, name, F::ARITY), Arc::new(apply));
    }

    /// Runs a function in the calling process, and catches its panics.
    pub(super) fn apply(&self, call: Call) -> Result<Term, Failure> {
        let Call { module, function, arguments } = call;
        let key = (module, function, arguments.len());
        let result = match self.0.get(&key) {
            Some(apply) => process::catch(|| apply(&arguments)),
            None => return Err(undefined("undef", key, arguments)),
        };
        match result {
            Ok(Ok(value)) => Ok(value),
            Ok(Err(Unfit::Arguments(_))) => Err(undefined("function_clause", key, arguments)),
            Ok(Err(Unfit::Value(error))) => {
                Err(Failure::Error(tagged("bad_return", &error.to_string()), Term::List(vec![])))
            }
            Err(ExitReason::Panic(panic)) => {
                Err(Failure::Error(tagged("panic", &panic.message), Term::List(vec![])))
            }
            Err(reason) => Err(Failure::Exit(reason_to_term(&reason))),
        }
    }
}

/// An error that names the function and its arguments.
fn undefined(
    reason: &'static str,
    (module, name, _): (String, String, usize),
    arguments: Vec<Term>,
) -> Failure {
    let name_of = |name: &str| term::Atom::new(name).map_or_else(|_| name.into(), Term::from);
    let (module, name) = (name_of(&module), name_of(&name));
    let frame = vec![module, name, Term::List(arguments), Term::List(vec![])];
    Failure::Error(atom(reason).into(), Term::List(vec![Term::Tuple(frame)]))
}

fn tagged(tag: &'static str, text: &str) -> Term {
    Term::Tuple(vec![atom(tag).into(), text.into()])
}

#[cfg(test)]
mod tests {
    use crate::exit::ExitReason;

    use super::*;

    fn offers() -> Offers {
        let mut offers = Offers::default();
        offers.add("math".to_owned(), "add".to_owned(), |a: i64, b: i64| a + b);
        offers.add("math".to_owned(), "zero".to_owned(), || 0);
        offers
            .add("math".to_owned(), "fail".to_owned(), |text: String| -> i64 { panic!("{text}") });
        offers.add("math".to_owned(), "leave".to_owned(), || {
            process::exit_self(ExitReason::Shutdown);
            #[expect(unreachable_code, reason = "a closure of type ! has no result")]
            0
        });
        offers.add("math".to_owned(), "nan".to_owned(), || f64::NAN);
        offers
    }

    /// What a call returns, or the reason of its failure.
    fn call(function: &str, arguments: &[Term]) -> String {
        let (module, function) = ("math".to_owned(), function.to_owned());
        let result = offers().apply(Call { module, function, arguments: arguments.to_vec() });
        result.map_or_else(|failure| failure.reason().to_string(), |value| value.to_string())
    }

    #[test]
    fn a_function_is_run_with_the_arguments() {
        assert_eq!(call("add", &[2.into(), 3.into()]), "5");
        assert_eq!(call("zero", &[]), "0");
    }

    #[test]
    fn a_function_that_is_not_offered_is_undefined() {
        assert_eq!(call("sub", &[1.into()]), "{undef,[{math,sub,[1],[]}]}");
        assert_eq!(call("add", &[1.into()]), "{undef,[{math,add,[1],[]}]}");
    }

    #[test]
    fn arguments_of_other_types_match_no_clause() {
        let text = r#"{function_clause,[{math,add,[1,<<"2">>],[]}]}"#;
        assert_eq!(call("add", &[1.into(), "2".into()]), text);
    }

    #[test]
    fn a_panic_is_an_error() {
        assert_eq!(call("fail", &["no".into()]), r#"{{panic,<<"no">>},[]}"#);
    }

    #[test]
    fn a_value_that_is_no_term_is_an_error() {
        let text = call("nan", &[]);
        assert!(text.starts_with("{{bad_return,<<\""), "{text}");
    }

    #[test]
    fn a_process_that_ends_itself_ends_the_call_alone() {
        let body = || assert_eq!(call("leave", &[]), "shutdown");
        let (_, monitor) = process::spawn_monitor(body).unwrap();
        let reason = process::wait(monitor, std::time::Duration::from_secs(20));
        assert_eq!(reason, Some(ExitReason::Normal));
    }
}
