//! The error of a call: above both reasons and destinations, as a call fails with the one at the
//! other.

use std::fmt;

use crate::error_text::errors;
use crate::exit::ExitReason;
use crate::id::{Node, Pid};
use crate::message::{Destination, Name};

/// Error returned from calls to servers: [why](Self::kind) there is no answer, to which
/// [request](Self::request), from which [destination](Self::destination).
///
/// Where OTP exits the caller, here `?` or `unwrap` does.
///
/// As an [`ExitReason`], by `?`, it keeps its class: a server that went down in an orderly shutdown
/// ends its caller by the same shutdown. All others become a reason that holds this error, even if
/// the server ended with `Normal`, since for the caller it is not normal to get no answer.
///
/// ```
/// use procession::prelude::*;
/// use procession::CallErrorKind;
///
/// # #[derive(Debug)]
/// # struct Stock;
/// # impl GenServer for Stock {
/// #     type Args = ();
/// #     fn init((): ()) -> InitResult<Self> { ready(Stock) }
/// # }
/// #[derive(Debug)]
/// struct Take(u32);
///
/// # impl HandleCall<Take> for Stock {
/// #     type Reply = u32;
/// #     fn handle_call(&mut self, take: Take, _: &Caller<u32>) -> CallResult<Self, Take> {
/// #         reply(take.0)
/// #     }
/// # }
/// let stock = ServerRef::<Stock>::named("stock");
/// match stock.call(Take(2)) {
///     Ok(taken) => println!("took {taken}"),
///     Err(error) => {
///         assert_eq!(error.to_string(), "no process is registered as \"stock\" (call of Take)");
///         assert_eq!(error.kind(), &CallErrorKind::NoProc);
///     }
/// }
/// ```
#[derive(Clone, PartialEq)]
pub struct CallError(Box<Failure>); // A result with it is not larger than the reply.

#[derive(Clone, PartialEq)]
struct Failure {
    kind: CallErrorKind,
    destination: Destination,
    request: &'static str,
}

impl CallError {
    #[cold]
    pub(crate) fn new(
        kind: CallErrorKind,
        destination: impl Into<Destination>,
        request: &'static str,
    ) -> CallError {
        CallError(Box::new(Failure { kind, destination: destination.into(), request }))
    }

    /// Returns why there is no answer.
    pub fn kind(&self) -> &CallErrorKind {
        &self.0.kind
    }

    /// As [`kind`](Self::kind), by value.
    pub fn into_kind(self) -> CallErrorKind {
        self.0.kind
    }

    /// Returns the destination of the call, as it was given.
    pub fn destination(&self) -> &Destination {
        &self.0.destination
    }

    /// Returns the type of the request. For an event of a state machine it is the variant, or the
    /// function of the event's type, if the call was given that; for a request of the crate's own,
    /// such as a [system message](crate::sys), the name of the function that makes it.
    pub fn request(&self) -> &'static str {
        self.0.request
    }
}

impl fmt::Display for CallError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        use CallErrorKind::*;
        let Failure { kind, destination, request } = &*self.0;
        let (server, request) = (Server(destination), TypeName(request));
        match kind {
            NoProc if matches!(destination, Destination::Name(_) | Destination::OnNode(..)) => {
                write!(f, "no process is registered as {server}")?;
            }
            NoProc => write!(f, "there is no process {server}")?,
            Timeout => write!(f, "timed out waiting for the answer of {server}")?,
            Down(reason) => {
                return write!(
                    f,
                    "{server} ended before it answered (call of {request}): {reason}"
                );
            }
            CallingSelf(pid) => write!(f, "process {pid} attempted to call itself")?,
            Deadlock(cycle) => write!(f, "the call to {server} would wait forever: {cycle:?}")?,
            NoReply => write!(f, "{server} does not answer this request")?,
            WrongServer { expected, found } => {
                let [mut wanted, mut is] = [expected, found].map(|name| TypeName(name).to_string());
                if wanted == is {
                    (wanted, is) = (expected.to_string(), found.to_string());
                }
                write!(f, "the request is for a {wanted}, but {server} is a {is}")?;
            }
            CallerEnded => write!(f, "the caller has ended and cannot wait for {server}")?,
            NodeDown(node) => write!(f, "there is no connection with {node}, for {server}")?,
            BadReply(why) => write!(f, "the answer of {server} was not understood: {why}")?,
            NoExternalForm(why) => write!(f, "the request cannot be sent to {server}: {why}")?,
        }
        write!(f, " (call of {request})")
    }
}

errors!(CallError);

/// The destination of a call, with a local name in quotes.
struct Server<'a>(&'a Destination);

impl fmt::Display for Server<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Destination::Name(Name::Local(name)) => fmt::Debug::fmt(name, f),
            Destination::Name(Name::Via(_))
            | Destination::Pid(_)
            | Destination::Alias(_)
            | Destination::OnNode(..) => fmt::Display::fmt(self.0, f),
            #[cfg(feature = "dist")]
            Destination::Reference(_) => fmt::Display::fmt(self.0, f),
        }
    }
}

/// The name of a type, without the paths of its parts.
pub(crate) struct TypeName(pub(crate) &'static str);

impl fmt::Display for TypeName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let is_in_path = |c: char| c == '_' || c == ':' || c.is_alphanumeric();
        for part in self.0.split_inclusive(|c| !is_in_path(c)) {
            f.write_str(part.rsplit("::").next().unwrap_or(part))?;
        }
        Ok(())
    }
}

/// Why a call has no answer: the kind of a [`CallError`].
///
/// After [`Timeout`](Self::Timeout) and [`Down`](Self::Down) the caller cannot know whether the
/// server has handled the request.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum CallErrorKind {
    /// No process answers to that pid or name.
    NoProc,
    /// No answer came in time. The server may still handle the request; its late answer never
    /// reaches the caller's mailbox.
    Timeout,
    /// The server ended, for this reason, before it answered.
    Down(ExitReason),
    /// The process called itself, which could only ever time out.
    CallingSelf(Pid),
    /// The call was refused at once, as these processes would all wait for each other: the caller,
    /// which would wait for the second, and so on to the last, which waits for the caller.
    Deadlock(Vec<Pid>),
    /// The server has handled the request and will not answer it.
    NoReply,
    /// The server is of another type, and has refused the request.
    WrongServer {
        /// The type that the request was for.
        expected: &'static str,
        /// The type of the server.
        found: &'static str,
    },
    /// The caller cannot wait: it is being ended by an exit signal, or it is a thread of the
    /// program's own that was killed or is in its last destructors.
    CallerEnded,
    /// The server is of another node, with which there is no connection, or is none any more: then
    /// the caller cannot know whether the server has handled the request. OTP: `{nodedown, Node}`.
    NodeDown(Node),
    /// The server is of another node, and its answer is not of the type that the caller expects;
    /// the text says why.
    BadReply(String),
    /// The server is of another node, and the request does not travel, for the reason that the text
    /// says: its type is not spelt in Erlang, for one.
    NoExternalForm(String),
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(kind: CallErrorKind, destination: impl Into<Destination>) -> String {
        CallError::new(kind, destination, "shop::Take<alloc::vec::Vec<shop::Item>>").to_string()
    }

    #[test]
    fn a_call_error_shows_a_name_in_quotes_and_the_request_without_paths() {
        assert_eq!(
            text(CallErrorKind::Timeout, "stock"),
            "timed out waiting for the answer of \"stock\" (call of Take<Vec<Item>>)"
        );
    }

    #[test]
    fn a_call_error_shows_the_reason_of_the_server_last() {
        assert_eq!(
            text(CallErrorKind::Down(ExitReason::Killed), "stock"),
            "\"stock\" ended before it answered (call of Take<Vec<Item>>): killed"
        );
    }

    #[test]
    fn a_call_error_shows_types_of_servers_with_their_paths_only_if_it_has_to() {
        let of = |expected, found| text(CallErrorKind::WrongServer { expected, found }, "stock");
        assert_eq!(
            of("shop::Shop<alloc::vec::Vec<u8>>", "stock::Stock"),
            "the request is for a Shop<Vec<u8>>, but \"stock\" is a Stock (call of Take<Vec<Item>>)"
        );
        assert_eq!(
            of("old::Shop", "new::Shop"),
            "the request is for a old::Shop, but \"stock\" is a new::Shop \
             (call of Take<Vec<Item>>)"
        );
    }

    #[test]
    fn a_type_name_is_shown_without_paths() {
        let shown = |name| TypeName(name).to_string();
        assert_eq!(shown("&str"), "&str");
        assert_eq!(shown("(alloc::string::String, [u8; 2])"), "(String, [u8; 2])");
        assert_eq!(shown("u32"), "u32");
    }
}
