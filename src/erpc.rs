//! Calls of functions on other nodes that tell how a function has failed: by which class of
//! Erlang's exceptions, or as its node is gone.
//!
//! ```no_run
//! use procession::Node;
//! use procession::erpc::{self, ErpcError};
//! use procession::term::atom;
//!
//! let there = Node::named("beam@127.0.0.1");
//! let reversed: Vec<u32> = erpc::call(there, "lists", "reverse", &(vec![1, 2, 3],))?;
//! assert_eq!(reversed, [3, 2, 1]);
//! let thrown = erpc::call::<u32>(there, "erlang", "throw", &(atom("ball"),));
//! assert_eq!(thrown, Err(ErpcError::Throw(atom("ball").into())));
//! # Ok::<(), ErpcError>(())
//! ```
//!
//! Functions, arguments and values are those of [`rpc`], as is what other nodes may
//! call here. This module needs the feature `dist`, and Linux.
//!
//! | OTP | here |
//! |---|---|
//! | `erpc:call/4`, `/5` | [`call`], [`call_timeout`] |
//! | `erpc:cast/4` | [`cast`] |
//! | `erpc:send_request/4` | [`send_request`] |
//! | `wait_response/2`, `receive_response/2`, `check_response/2` | [`Request`] |
//! | `erpc:multicall/5` | [`multicall`] |
//! | `erpc:multicast/4` | [`multicast`] |
//! | `throw:Reason` | [`ErpcError::Throw`] |
//! | `exit:{exception, Reason}` | [`ErpcError::Exit`] |
//! | `exit:{signal, Reason}` | [`ErpcError::Signal`] |
//! | `error:{exception, Reason, Stack}` | [`ErpcError::Error`] |
//! | `error:{erpc, Reason}` | [`ErpcError::Erpc`] |
//!
//! # Differences from OTP
//!
//! - **An exception is an [`ErpcError`]**, not one of the caller's.
//! - **The request goes by the server `rex`** of the other node, which starts the process; so that
//!   has the group leader `user`, and a node without `rex` is no node to call.
//! - **A call of this node** is one like others: what is not offered cannot be called.
//!
//! OTP: [`erpc`](https://www.erlang.org/doc/apps/kernel/erpc.html).

use std::fmt;
use std::time::Duration;

use serde::de::DeserializeOwned;

use crate::call_error::{CallError, CallErrorKind};
use crate::error_text::errors;
use crate::gen_server::{RemoteServer, RequestId};
use crate::id::{Alias, Node, unique};
use crate::message::Message;
use crate::net_kernel::REX;
use crate::process;
use crate::process::receive::{deadline_after, time_left};
use crate::rpc::{self, Arguments, RpcError};
use crate::term::{self, Term, atom};

/// Error returned from calls of functions of other nodes: how the function has failed.
#[derive(Clone, PartialEq)]
#[non_exhaustive]
pub enum ErpcError {
    /// The function has thrown this.
    Throw(Term),
    /// The function has exited for this reason. OTP: `exit:{exception, Reason}`.
    Exit(Term),
    /// The process that ran the function was ended by an exit signal. OTP: `exit:{signal, Reason}`.
    Signal(Term),
    /// The function has failed. OTP: `error:{exception, Reason, Stack}`.
    Error {
        /// The reason of the error.
        reason: Term,
        /// The stack, as a list; empty if there is none.
        stack: Term,
    },
    /// There is no answer, or it is not understood. OTP: `error:{erpc, Reason}`.
    Erpc(CallError),
}

impl fmt::Display for ErpcError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ErpcError::Throw(thrown) => write!(f, "the function has thrown {thrown}"),
            ErpcError::Exit(reason) => write!(f, "the function has exited: {reason}"),
            ErpcError::Signal(reason) => {
                write!(f, "the process of the function was ended: {reason}")
            }
            ErpcError::Error { reason, .. } => write!(f, "the function has failed: {reason}"),
            ErpcError::Erpc(error) => fmt::Display::fmt(error, f),
        }
    }
}

errors!(ErpcError);

impl From<CallError> for ErpcError {
    fn from(error: CallError) -> ErpcError {
        ErpcError::Erpc(error)
    }
}

/// Runs `module:function` on `node`, and returns its value. Waits for it for as long as it takes.
///
/// OTP: [`erpc:call/4`](https://www.erlang.org/doc/apps/kernel/erpc.html#call/4).
///
/// # Errors
///
/// See [`ErpcError`].
pub fn call<R: DeserializeOwned>(
    node: Node,
    module: &str,
    function: &str,
    arguments: &(impl Arguments + ?Sized),
) -> Result<R, ErpcError> {
    call_timeout(node, module, function, arguments, Duration::MAX)
}

/// As [`call`], for at most `timeout`. The function goes on after that, and its value is dropped.
///
/// OTP: [`erpc:call/5`](https://www.erlang.org/doc/apps/kernel/erpc.html#call/5).
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
) -> Result<R, ErpcError> {
    send_request(node, module, function, arguments)?.receive_response(timeout)
}

/// Runs `module:function` on `node`, and does not wait. Nobody hears of a failure.
///
/// OTP: [`erpc:cast/4`](https://www.erlang.org/doc/apps/kernel/erpc.html#cast/4).
///
/// # Errors
///
/// [`ErpcError::Erpc`] with [`CallErrorKind::NoExternalForm`] if an argument is no term.
pub fn cast(
    node: Node,
    module: &str,
    function: &str,
    arguments: &(impl Arguments + ?Sized),
) -> Result<(), ErpcError> {
    rpc::cast(node, module, function, arguments).map_err(|error| match error {
        RpcError::Call(error) => ErpcError::Erpc(error),
        RpcError::BadRpc(_) => unreachable!("nobody answers a cast"),
    })
}

/// As [`cast`], on all of `nodes`.
///
/// OTP: [`erpc:multicast/4`](https://www.erlang.org/doc/apps/kernel/erpc.html#multicast/4).
///
/// # Errors
///
/// As [`cast`].
pub fn multicast(
    nodes: &[Node],
    module: &str,
    function: &str,
    arguments: &(impl Arguments + ?Sized),
) -> Result<(), ErpcError> {
    nodes.iter().try_for_each(|node| cast(*node, module, function, arguments))
}

/// Runs `module:function` on all of `nodes` at once, and waits for the values for at most
/// `timeout`. Returns what became of it on each, in their order.
///
/// OTP: [`erpc:multicall/5`](https://www.erlang.org/doc/apps/kernel/erpc.html#multicall/5).
pub fn multicall<R: DeserializeOwned>(
    nodes: &[Node],
    module: &str,
    function: &str,
    arguments: &(impl Arguments + ?Sized),
    timeout: Duration,
) -> Vec<Result<R, ErpcError>> {
    let deadline = deadline_after(timeout);
    let requests: Vec<_> =
        nodes.iter().map(|node| send_request::<R>(*node, module, function, arguments)).collect();
    let received =
        requests.into_iter().map(|request| request?.receive_response(time_left(deadline)));
    received.collect()
}

/// Runs `module:function` on `node`, and does not wait: what is returned is used to ask for the
/// value.
///
/// ```no_run
/// # use std::time::Duration;
/// # use procession::{Node, erpc};
/// let there = Node::named("beam@127.0.0.1");
/// let request = erpc::send_request::<u32>(there, "erlang", "abs", &(-3,))?;
/// // ... something else ...
/// assert_eq!(request.receive_response(Duration::from_secs(5))?, 3);
/// # Ok::<(), erpc::ErpcError>(())
/// ```
///
/// OTP: [`erpc:send_request/4`](https://www.erlang.org/doc/apps/kernel/erpc.html#send_request/4).
///
/// # Errors
///
/// [`ErpcError::Erpc`] with [`CallErrorKind::NoExternalForm`] if an argument is no term.
pub fn send_request<R: DeserializeOwned>(
    node: Node,
    module: &str,
    function: &str,
    arguments: &(impl Arguments + ?Sized),
) -> Result<Request<R>, ErpcError> {
    // The outcome is the reason that the process ends for, and begins with this.
    let reference = Alias { id: unique(), owner: process::self_pid() };
    let reference = term::to_term(&reference).map_err(|why| no_form(node, &why))?;
    let call = rpc::call_of((module, function), arguments).map_err(|why| no_form(node, &why))?;
    let execute = ("erpc", "execute_call");
    let [module, function, arguments] = call;
    let call = [reference.clone(), module, function, arguments];
    let request = rpc::request("call", execute, &call[..]).map_err(|why| no_form(node, &why))?;
    let id = RemoteServer::on(node, REX).send_request(&request)?;
    Ok(Request { node, reference, id, value: std::marker::PhantomData })
}

/// A function under way, as returned by [`send_request`].
///
/// It belongs to the process that has sent the request. Dropping it abandons the request: its value
/// is dropped.
#[derive(Debug)]
#[must_use = "the value is lost if the request is dropped"]
pub struct Request<R> {
    node: Node,
    reference: Term,
    id: RequestId<Term>,
    value: std::marker::PhantomData<fn() -> R>,
}

impl<R: DeserializeOwned> Request<R> {
    /// Waits for the value, for at most `timeout`. [`Duration::ZERO`] only looks for one that is
    /// there, [`Duration::MAX`] waits forever.
    ///
    /// OTP: [`erpc:wait_response/2`](https://www.erlang.org/doc/apps/kernel/erpc.html#wait_response/2).
    ///
    /// # Errors
    ///
    /// As [`call`]; and [`CallErrorKind::Timeout`] if the value has not come: the request stays
    /// under way, and can be waited for again.
    pub fn wait_response(&mut self, timeout: Duration) -> Result<R, ErpcError> {
        let answer = self.id.wait_response(timeout);
        self.value(answer)
    }

    /// As [`wait_response`](Self::wait_response), but abandons the request if the value has not
    /// come.
    ///
    /// OTP: [`erpc:receive_response/2`](https://www.erlang.org/doc/apps/kernel/erpc.html#receive_response/2).
    ///
    /// # Errors
    ///
    /// As [`call`], and [`CallErrorKind::Timeout`].
    pub fn receive_response(mut self, timeout: Duration) -> Result<R, ErpcError> {
        self.wait_response(timeout)
    }

    /// Takes the value out of `message`, if that is the response to this request.
    ///
    /// OTP: [`erpc:check_response/2`](https://www.erlang.org/doc/apps/kernel/erpc.html#check_response/2).
    ///
    /// # Errors
    ///
    /// Returns the message if it is another one (OTP's `no_response`).
    pub fn check_response(&mut self, message: Message) -> Result<Result<R, ErpcError>, Message> {
        let answer = self.id.check_response(message)?;
        Ok(self.value(answer))
    }

    fn value(&self, answer: Result<Term, CallError>) -> Result<R, ErpcError> {
        let value = outcome(&self.reference, answer?).map_err(|error| match error {
            Ok(error) => error,
            Err(other) => {
                let why = format!("{other} is no outcome of a function");
                failed(self.node, CallErrorKind::BadReply(why))
            }
        })?;
        term::from_term(&value)
            .map_err(|why| failed(self.node, CallErrorKind::BadReply(why.to_string())))
    }
}

/// Returns the value of a function from what `rex` says of its process: `{badrpc, {'EXIT',
/// Reason}}`.
///
/// # Errors
///
/// How the function has failed; or what was said, if it is nothing of that form.
fn outcome(reference: &Term, answer: Term) -> Result<Term, Result<ErpcError, Term>> {
    let Some(reason) = pair("badrpc", &answer).and_then(|exit| pair("EXIT", exit)) else {
        return Err(Err(answer));
    };
    let Term::Tuple(elements) = reason else { return Err(Ok(ErpcError::Signal(reason.clone()))) };
    Err(Ok(match &elements[..] {
        [tag, class, value] if tag == reference && *class == atom("return").into() => {
            return Ok(value.clone());
        }
        [tag, class, thrown] if tag == reference && *class == atom("throw").into() => {
            ErpcError::Throw(thrown.clone())
        }
        [tag, class, reason] if tag == reference && *class == atom("exit").into() => {
            ErpcError::Exit(reason.clone())
        }
        [tag, class, reason, stack] if tag == reference && *class == atom("error").into() => {
            ErpcError::Error { reason: reason.clone(), stack: stack.clone() }
        }
        // An argument was none: OTP's `{erpc, badarg}`.
        [tag, class, reason] if tag == reference && *class == atom("error").into() => {
            ErpcError::Error { reason: reason.clone(), stack: Term::List(Vec::new()) }
        }
        _ => ErpcError::Signal(reason.clone()),
    }))
}

/// Returns the second element of a pair that begins with `tag`.
fn pair<'a>(tag: &str, term: &'a Term) -> Option<&'a Term> {
    let Term::Tuple(elements) = term else { return None };
    match &elements[..] {
        [Term::Atom(first), second] if first == tag => Some(second),
        _ => None,
    }
}

fn failed(node: Node, kind: CallErrorKind) -> ErpcError {
    ErpcError::Erpc(CallError::new(kind, (REX, node), "erpc"))
}

fn no_form(node: Node, why: &term::EncodeError) -> ErpcError {
    failed(node, CallErrorKind::NoExternalForm(why.to_string()))
}
