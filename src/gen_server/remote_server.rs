//! References to servers whose type is not known here: those of Erlang.

use std::any::type_name;
use std::time::Duration;

use serde::de::DeserializeOwned;
use serde::ser::Serialize;

use crate::call::{Client, DEFAULT_TIMEOUT, ReplyTo, call_with_message};
use crate::call_error::{CallError, CallErrorKind};
use crate::exit::{ExitReason, Reason};
use crate::external;
use crate::id::{Node, Pid};
use crate::message::{Destination, External, Message};
use crate::process::receive::{deadline_after, time_left};
use crate::stop::{StopError, stop};
use crate::term::{self, EncodeError, Output, WireWriter};

use super::RequestId;
use super::spelling::{write_call, write_cast};
use super::wire::{ExternalCall, ExternalCast};

/// A reference to a server whose type is not known to this program: one of Erlang, as a rule.
///
/// Requests and replies are values that [serde](crate::term#how-types-are-spelt) spells as terms.
/// The server may be on any node, this one too: then it takes the requests that its type
/// [declares](super::Wire). A server of another node whose type this program has is better used by
/// [`ServerRef::on`](super::ServerRef::on).
///
/// ```no_run
/// use procession::Node;
/// use procession::gen_server::RemoteServer;
/// use procession::term::atom;
///
/// let there = Node::named("beam@127.0.0.1");
/// let account = RemoteServer::on(there, "account");
/// // gen_server:call({account, 'beam@127.0.0.1'}, {deposit, 50})
/// let balance: i64 = account.call(&(atom("deposit"), 50))?;
/// account.cast(&atom("close"))?;
/// # Ok::<(), procession::CallError>(())
/// ```
///
/// OTP: [`ServerRef`](https://www.erlang.org/doc/apps/stdlib/gen_server.html#t:server_ref/0).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct RemoteServer {
    to: Destination,
}

impl RemoteServer {
    /// Returns a reference to the server that has this name on `node` at the time of each use.
    pub fn on(node: Node, name: &str) -> RemoteServer {
        RemoteServer::at((name, node))
    }

    /// Returns a reference to the server whose process is `pid`.
    pub fn from_pid(pid: Pid) -> RemoteServer {
        RemoteServer::at(pid)
    }

    /// Returns a reference to the server at any destination.
    pub fn at(destination: impl Into<Destination>) -> RemoteServer {
        RemoteServer { to: destination.into() }
    }

    /// Returns the destination that this refers to.
    pub fn destination(&self) -> Destination {
        self.to.clone()
    }

    /// Sends `request` and waits for the reply, for at most five seconds. If there is no room on
    /// the connection with its node, that is waited for first, within the same time, as
    /// [`send`](fn@crate::process::send) does.
    ///
    /// OTP: [`gen_server:call/2`](https://www.erlang.org/doc/apps/stdlib/gen_server.html#call/2).
    ///
    /// # Errors
    ///
    /// As [`ServerRef::call`](super::ServerRef::call); and of these [kinds](CallError::kind):
    ///
    /// - [`NodeDown`](CallErrorKind::NodeDown) if there is no connection with the node, or if it is
    ///   lost before there is a reply;
    /// - [`BadReply`](CallErrorKind::BadReply) if the reply is no `R`;
    /// - [`NoExternalForm`](CallErrorKind::NoExternalForm) if the request is no term.
    pub fn call<R>(&self, request: &(impl Serialize + ?Sized)) -> Result<R, CallError>
    where
        R: DeserializeOwned + Send + 'static,
    {
        self.call_timeout(request, DEFAULT_TIMEOUT)
    }

    /// As [`call`](Self::call), for at most `timeout`; [`Duration::MAX`] means forever. A reply
    /// that comes too late never reaches the caller's mailbox.
    ///
    /// OTP: [`gen_server:call/3`](https://www.erlang.org/doc/apps/stdlib/gen_server.html#call/3).
    ///
    /// # Errors
    ///
    /// As [`call`](Self::call).
    pub fn call_timeout<Q, R>(&self, request: &Q, timeout: Duration) -> Result<R, CallError>
    where
        Q: Serialize + ?Sized,
        R: DeserializeOwned + Send + 'static,
    {
        external::declare_read::<R>();
        let written = Written::new(request).map_err(|error| self.failed::<Q>(no_form(&error)))?;
        call_with_message(&self.to, timeout, |reply_to: ReplyTo<R>| written.call(reply_to))
            .map_err(|kind| self.failed::<Q>(kind))
    }

    fn failed<Q: ?Sized>(&self, kind: CallErrorKind) -> CallError {
        CallError::new(kind, self.to.clone(), type_name::<Q>())
    }

    /// Sends `request`, and does not wait but for room on the connection: the returned id is used
    /// to ask for the reply.
    ///
    /// OTP: [`gen_server:send_request/2`](https://www.erlang.org/doc/apps/stdlib/gen_server.html#send_request/2).
    ///
    /// # Errors
    ///
    /// [`NoExternalForm`](CallErrorKind::NoExternalForm) if the request is no term.
    ///
    /// # Panics
    ///
    /// In a thread of the program's own that was killed.
    pub fn send_request<R>(
        &self,
        request: &(impl Serialize + ?Sized),
    ) -> Result<RequestId<R>, CallError>
    where
        R: DeserializeOwned + Send + 'static,
    {
        self.request(request)
    }

    fn request<Q, R>(&self, request: &Q) -> Result<RequestId<R>, CallError>
    where
        Q: Serialize + ?Sized,
        R: DeserializeOwned + Send + 'static,
    {
        external::declare_read::<R>();
        let written = Written::new(request).map_err(|error| self.failed::<Q>(no_form(&error)))?;
        Ok(RequestId::send(&self.to, type_name::<Q>(), |reply_to| written.call(reply_to)))
    }

    /// Sends `message` as a cast, and does not wait but for room on the connection. It is dropped
    /// if there is no such process.
    ///
    /// OTP: [`gen_server:cast/2`](https://www.erlang.org/doc/apps/stdlib/gen_server.html#cast/2).
    ///
    /// # Errors
    ///
    /// [`NoExternalForm`](CallErrorKind::NoExternalForm) if the message is no term.
    ///
    /// # Panics
    ///
    /// In a thread of the program's own that was killed.
    pub fn cast<Q: Serialize + ?Sized>(&self, message: &Q) -> Result<(), CallError> {
        let written = Written::new(message).map_err(|error| self.failed::<Q>(no_form(&error)))?;
        self.to.send(written.cast());
        Ok(())
    }

    /// Sends `message` as it is, for `handle_info`. It is dropped if there is no such process.
    ///
    /// # Errors
    ///
    /// [`NoExternalForm`](CallErrorKind::NoExternalForm) if the message is no term.
    ///
    /// # Panics
    ///
    /// In a thread of the program's own that was killed.
    pub fn send<Q: Serialize + ?Sized>(&self, message: &Q) -> Result<(), CallError> {
        let written = Written::new(message).map_err(|error| self.failed::<Q>(no_form(&error)))?;
        self.to.send(written.info());
        Ok(())
    }

    /// Calls the server with this name on each of `nodes`, and waits until all have answered or
    /// ended, for at most `timeout`. Returns the replies, and the nodes without one: those with
    /// which there is no connection, on which there is no such server, or on which it ended, did
    /// not answer in time, or with something that is no `R`.
    ///
    /// OTP: [`gen_server:multi_call/4`](https://www.erlang.org/doc/apps/stdlib/gen_server.html#multi_call/4).
    ///
    /// # Errors
    ///
    /// [`NoExternalForm`](CallErrorKind::NoExternalForm) if the request is no term.
    ///
    /// # Panics
    ///
    /// In a thread of the program's own that was killed.
    pub fn multi_call<Q, R>(
        nodes: &[Node],
        name: &str,
        request: &Q,
        timeout: Duration,
    ) -> Result<Outcome<R>, CallError>
    where
        Q: Serialize + ?Sized,
        R: DeserializeOwned + Send + 'static,
    {
        let deadline = deadline_after(timeout);
        let sent = |node: &Node| Ok((*node, RemoteServer::on(*node, name).request(request)?));
        let requests = nodes.iter().map(sent).collect::<Result<Vec<_>, CallError>>()?;
        let (mut replies, mut bad_nodes) = (Vec::new(), Vec::new());
        for (node, request) in requests {
            match request.receive_response(time_left(deadline)) {
                Ok(reply) => replies.push((node, reply)),
                Err(_) => bad_nodes.push(node),
            }
        }
        Ok((replies, bad_nodes))
    }

    /// Sends `message` as a cast to the server with this name on each of `nodes`, and does not wait
    /// but for room on the connections.
    ///
    /// OTP: [`gen_server:abcast/3`](https://www.erlang.org/doc/apps/stdlib/gen_server.html#abcast/3).
    ///
    /// # Errors
    ///
    /// [`NoExternalForm`](CallErrorKind::NoExternalForm) if the message is no term.
    ///
    /// # Panics
    ///
    /// In a thread of the program's own that was killed.
    pub fn abcast<Q: Serialize + ?Sized>(
        nodes: &[Node],
        name: &str,
        message: &Q,
    ) -> Result<(), CallError> {
        nodes.iter().try_for_each(|node| RemoteServer::on(*node, name).cast(message))
    }

    /// Stops the server with [`ExitReason::Normal`], and waits until it has ended.
    ///
    /// OTP: [`gen_server:stop/1`](https://www.erlang.org/doc/apps/stdlib/gen_server.html#stop/1).
    ///
    /// # Errors
    ///
    /// As [`ServerRef::stop`](super::ServerRef::stop); and [`StopError::NodeDown`] if there is no
    /// connection with its node, or if it is lost.
    pub fn stop(&self) -> Result<(), StopError> {
        self.stop_with(ExitReason::Normal, Duration::MAX)
    }

    /// As [`stop`](Self::stop), with any reason, for at most `timeout`.
    ///
    /// OTP: [`gen_server:stop/3`](https://www.erlang.org/doc/apps/stdlib/gen_server.html#stop/3).
    ///
    /// # Errors
    ///
    /// As [`stop`](Self::stop), and [`StopError::Timeout`] if the server has not ended in time.
    pub fn stop_with(&self, reason: impl Reason, timeout: Duration) -> Result<(), StopError> {
        stop(&self.to, reason.into(), timeout)
    }
}

/// The replies of several nodes, and the nodes without one.
type Outcome<R> = (Vec<(Node, R)>, Vec<Node>);

fn no_form(error: &EncodeError) -> CallErrorKind {
    CallErrorKind::NoExternalForm(error.to_string())
}

/// A value as it is spelt.
struct Written(Vec<u8>);

impl Written {
    fn new(value: &(impl Serialize + ?Sized)) -> Result<Written, EncodeError> {
        term::to_vec(value).map(Written)
    }

    fn call<R: Send + 'static>(self, reply_to: ReplyTo<R>) -> Message {
        let client = reply_to.client().mailbox().expect("the reply comes to the mailbox");
        let client = Client::reading(client);
        let bytes = spelt(|out| {
            write_call(client, out, |out| {
                out.written(&self.0);
                Ok(())
            })
        });
        Message::external(ExternalCall::written(bytes, client))
    }

    fn cast(self) -> Message {
        let bytes = spelt(|out| {
            write_cast(out, |out| {
                out.written(&self.0);
                Ok(())
            })
        });
        Message::external(ExternalCast::written(bytes))
    }

    fn info(self) -> Message {
        Message::external(External::written(self.0))
    }
}

fn spelt(write: impl FnOnce(&mut WireWriter<'_>) -> Result<(), EncodeError>) -> Vec<u8> {
    let mut written = Output::default();
    let mut out = WireWriter::new(&mut written);
    out.version();
    write(&mut out).expect("all of it is written already, or has names of nodes");
    written.into_bytes()
}
