//! Running functions on other nodes: those of Erlang's modules, and those that programs like this
//! one [offer](crate::net_kernel::NetKernel::offer).
//!
//! ```no_run
//! use procession::Node;
//! use procession::rpc;
//!
//! let there = Node::named("beam@127.0.0.1");
//! let reversed: Vec<u32> = rpc::call(there, "lists", "reverse", &(vec![1, 2, 3],))?;
//! assert_eq!(reversed, [3, 2, 1]);
//! # Ok::<(), rpc::RpcError>(())
//! ```
//!
//! A function is named by its module, its name and its arguments, a tuple; [`Term`]s can stand
//! among them, and `&()` is none. Arguments and value are spelt as
//! [serde](crate::term#how-types-are-spelt) says. The function runs in a process of its own on its
//! node, which goes on if nobody waits for the value any more.
//!
//! What other nodes may call here is said by [`offer`](crate::net_kernel::NetKernel::offer). This
//! module needs the feature `dist`, and Linux.
//!
//! | OTP | here |
//! |---|---|
//! | `rpc:call/4`, `/5` | [`call`], [`call_timeout`] |
//! | `rpc:cast/4` | [`cast`] |
//! | `rpc:multicall/5` | [`multicall`] |
//! | `{badrpc, Reason}` | [`RpcError::BadRpc`] |
//! | `{badrpc, nodedown}`, `{badrpc, timeout}` | [`RpcError::Call`] |
//!
//! # Differences from OTP
//!
//! - **A function that fails** is an [`RpcError`], not a value among others.
//! - **[`multicall`]** returns what each node has answered, in their order, and so tells a node
//!   that is gone from a function that has failed there.
//! - **All go by the server `rex`** of the other node, as OTP's did before OTP 23; and a value on
//!   this node is asked for alike, so that only what is offered can be called.
//! - **A function runs with the group leader `user`** of its node: what it prints is printed there.
//!
//! How a function has failed is told more exactly by [`erpc`](crate::erpc).
//!
//! OTP: [`rpc`](https://www.erlang.org/doc/apps/kernel/rpc.html).

use std::fmt;
use std::time::Duration;

use serde::de::DeserializeOwned;
use serde::ser::Serialize;

use crate::call_error::{CallError, CallErrorKind};
use crate::error_text::errors;
use crate::gen_server::{RemoteServer, RequestId};
use crate::id::Node;
use crate::net_kernel::REX;
use crate::process::receive::{deadline_after, time_left};
use crate::term::{self, Atom, EncodeError, Term, atom};

/// Error returned from calls of functions of other nodes.
#[derive(Clone, PartialEq)]
#[non_exhaustive]
pub enum RpcError {
    /// The function has failed, for a reason that is usually `{'EXIT', Reason}`: there is no such
    /// function, for one. OTP: `{badrpc, Reason}`.
    BadRpc(Term),
    /// There is no answer, or it is not understood.
    Call(CallError),
}

impl fmt::Display for RpcError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            RpcError::BadRpc(reason) => write!(f, "the function has failed: {reason}"),
            RpcError::Call(error) => fmt::Display::fmt(error, f),
        }
    }
}

errors!(RpcError);

impl From<CallError> for RpcError {
    fn from(error: CallError) -> RpcError {
        RpcError::Call(error)
    }
}

/// The arguments of a function: a tuple of up to eight values, or a slice.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no tuple or slice of arguments",
    note = "one argument is a tuple, too: `&(argument,)`"
)]
pub trait Arguments: sealed::Sealed {
    /// Returns them as terms.
    #[doc(hidden)]
    fn to_terms(&self) -> Result<Vec<Term>, EncodeError>;
}

mod sealed {
    #[expect(unnameable_types, reason = "nobody else is to implement it")]
    pub trait Sealed {}
}

macro_rules! arguments {
    ($($name:ident: $argument:ident),*) => {
        impl<$($argument: Serialize),*> sealed::Sealed for ($($argument,)*) {}

        impl<$($argument: Serialize),*> Arguments for ($($argument,)*) {
            fn to_terms(&self) -> Result<Vec<Term>, EncodeError> {
                let ($($name,)*) = self;
                Ok(vec![$(term::to_term($name)?),*])
            }
        }
    };
}

arguments!();
arguments!(a: A);
arguments!(a: A, b: B);
arguments!(a: A, b: B, c: C);
arguments!(a: A, b: B, c: C, d: D);
arguments!(a: A, b: B, c: C, d: D, e: E);
arguments!(a: A, b: B, c: C, d: D, e: E, f: F);
arguments!(a: A, b: B, c: C, d: D, e: E, f: F, g: G);
arguments!(a: A, b: B, c: C, d: D, e: E, f: F, g: G, h: H);

impl<T: Serialize> sealed::Sealed for [T] {}

impl<T: Serialize> Arguments for [T] {
    fn to_terms(&self) -> Result<Vec<Term>, EncodeError> {
        self.iter().map(term::to_term).collect()
    }
}

/// Runs `module:function` on `node`, and returns its value. Waits for it for as long as it takes.
///
/// OTP: [`rpc:call/4`](https://www.erlang.org/doc/apps/kernel/rpc.html#call/4).
///
/// # Errors
///
/// - [`RpcError::BadRpc`] if the function has failed.
/// - [`RpcError::Call`] as [`RemoteServer::call`]: if there is no connection with the node, or the
///   value is no `R`.
pub fn call<R: DeserializeOwned>(
    node: Node,
    module: &str,
    function: &str,
    arguments: &(impl Arguments + ?Sized),
) -> Result<R, RpcError> {
    call_timeout(node, module, function, arguments, Duration::MAX)
}

/// As [`call`], for at most `timeout`. The function goes on after that, and its value is dropped.
///
/// ```no_run
/// # use std::time::Duration;
/// # use procession::{Node, rpc};
/// let there = Node::named("beam@127.0.0.1");
/// let second = Duration::from_secs(1);
/// let date = (2024, 2, 29);
/// let day: u32 = rpc::call_timeout(there, "calendar", "day_of_the_week", &date, second)?;
/// # Ok::<(), rpc::RpcError>(())
/// ```
///
/// OTP: [`rpc:call/5`](https://www.erlang.org/doc/apps/kernel/rpc.html#call/5).
///
/// # Errors
///
/// As [`call`], and [`CallErrorKind::Timeout`].
pub fn call_timeout<R: DeserializeOwned>(
    node: Node,
    module: &str,
    function: &str,
    arguments: &(impl Arguments + ?Sized),
    timeout: Duration,
) -> Result<R, RpcError> {
    let request = request("call", (module, function), arguments);
    let request = request.map_err(|why| failed(node, no_form(&why)))?;
    let answer = RemoteServer::on(node, REX).call_timeout(&request, timeout);
    value(node, answer)
}

/// Runs `module:function` on `node`, and does not wait. Nobody hears of a failure.
///
/// OTP: [`rpc:cast/4`](https://www.erlang.org/doc/apps/kernel/rpc.html#cast/4).
///
/// # Errors
///
/// [`RpcError::Call`] with [`CallErrorKind::NoExternalForm`] if an argument is no term.
pub fn cast(
    node: Node,
    module: &str,
    function: &str,
    arguments: &(impl Arguments + ?Sized),
) -> Result<(), RpcError> {
    let request = request("cast", (module, function), arguments);
    let request = request.map_err(|why| failed(node, no_form(&why)))?;
    Ok(RemoteServer::on(node, REX).cast(&request)?)
}

/// Runs `module:function` on all of `nodes` at once, and waits for the values for at most
/// `timeout`. Returns what became of it on each, in their order.
///
/// OTP: [`rpc:multicall/5`](https://www.erlang.org/doc/apps/kernel/rpc.html#multicall/5),
/// [`erpc:multicall/5`](https://www.erlang.org/doc/apps/kernel/erpc.html#multicall/5).
pub fn multicall<R: DeserializeOwned>(
    nodes: &[Node],
    module: &str,
    function: &str,
    arguments: &(impl Arguments + ?Sized),
    timeout: Duration,
) -> Vec<Result<R, RpcError>> {
    let deadline = deadline_after(timeout);
    let request = request("call", (module, function), arguments);
    let sent = |node: &Node| -> Result<RequestId<Term>, CallError> {
        let request = request.as_ref().map_err(|why| failed(*node, no_form(why)))?;
        RemoteServer::on(*node, REX).send_request(request)
    };
    let requests: Vec<_> = nodes.iter().map(sent).collect();
    let answers = nodes.iter().zip(requests).map(|(node, request)| {
        value(*node, request.and_then(|it| it.receive_response(time_left(deadline))))
    });
    answers.collect()
}

/// `{call, M, F, Args, user}`
pub(crate) fn request(
    kind: &'static str,
    function: (&str, &str),
    arguments: &(impl Arguments + ?Sized),
) -> Result<Term, EncodeError> {
    let [module, function, arguments] = call_of(function, arguments)?;
    let user = atom("user").into();
    Ok(Term::Tuple(vec![atom(kind).into(), module, function, arguments, user]))
}

/// `M`, `F` and `Args`.
pub(crate) fn call_of(
    (module, function): (&str, &str),
    arguments: &(impl Arguments + ?Sized),
) -> Result<[Term; 3], EncodeError> {
    let name = |name: &str| Atom::new(name).map(Term::from).map_err(serde::ser::Error::custom);
    Ok([name(module)?, name(function)?, Term::List(arguments.to_terms()?)])
}

/// Returns the value of a function, unless it has failed.
fn value<R: DeserializeOwned>(node: Node, answer: Result<Term, CallError>) -> Result<R, RpcError> {
    let answer = answer?;
    if let Term::Tuple(elements) = &answer
        && let [Term::Atom(tag), reason] = &elements[..]
        && tag == "badrpc"
    {
        return Err(RpcError::BadRpc(reason.clone()));
    }
    term::from_term(&answer)
        .map_err(|why| failed(node, CallErrorKind::BadReply(why.to_string())).into())
}

fn failed(node: Node, kind: CallErrorKind) -> CallError {
    CallError::new(kind, (REX, node), "rpc")
}

fn no_form(why: &EncodeError) -> CallErrorKind {
    CallErrorKind::NoExternalForm(why.to_string())
}
