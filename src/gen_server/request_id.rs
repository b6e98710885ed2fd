//! Asynchronous requests, whose replies are asked for later.

use std::collections::BTreeMap;
use std::fmt;
use std::marker::PhantomData;
use std::num::NonZeroU64;
use std::time::Duration;

use crate::call::{Pending, ReplyTo, ended_request};
use crate::call_error::{CallError, CallErrorKind};
use crate::error_text::errors;
use crate::message::{Destination, Message};
use crate::process::Address;
use crate::process::current::{Ended, current};
use crate::user_code::Guarded;

/// A request under way, as returned by [`ServerRef::send_request`](super::ServerRef::send_request).
///
/// It belongs to the process that has sent the request. Dropping it abandons the request: a reply
/// that comes later never reaches the mailbox.
///
/// ```
/// use procession::prelude::*;
/// use std::time::Duration;
///
/// # #[derive(Debug)]
/// # struct Doubler;
/// # impl GenServer for Doubler {
/// #     type Args = ();
/// #     fn init((): ()) -> InitResult<Self> { ready(Doubler) }
/// # }
/// # impl HandleCall<u32> for Doubler {
/// #     type Reply = u32;
/// #     fn handle_call(&mut self, n: u32, _: &Caller<u32>) -> CallResult<Self, u32> {
/// #         reply(2 * n)
/// #     }
/// # }
/// let doubler = Doubler::start(())?;
/// let request = doubler.send_request(21_u32);
/// // ... something else ...
/// assert_eq!(request.receive_response(Duration::from_secs(5))?, 42);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[must_use = "the reply is lost if the request id is dropped"]
pub struct RequestId<R: Send + 'static> {
    to: Destination,
    /// The type of the request.
    request: &'static str,
    pending: Pending<R>,
    /// Whether the response was returned already.
    answered: bool,
    /// Its messages come to the mailbox of one process, so it is not `Send`.
    not_send: PhantomData<*const ()>,
}

impl<R: Send + 'static> RequestId<R> {
    pub(crate) fn send(
        to: &impl Address,
        request: &'static str,
        make: impl FnOnce(ReplyTo<R>) -> Message,
    ) -> RequestId<R> {
        let make = Guarded::new(make); // It holds the request.
        let client = current();
        client.unwind_if_doomed();
        // Looked up once: another server may get the name at any moment.
        let (target, to): (_, Destination) = (to.find(), to.clone().into());
        let pending = Pending::send(client, to.clone().without_alias(), target, make.into_inner());
        RequestId { to, request, pending, answered: false, not_send: PhantomData }
    }

    /// Returns the destination that the request was sent to.
    pub fn destination(&self) -> &Destination {
        &self.to
    }

    /// Waits for the response, for at most `timeout`.
    ///
    /// [`Duration::ZERO`] only looks for a response that is there, [`Duration::MAX`] waits forever.
    ///
    /// OTP: [`gen_server:wait_response/2`](https://www.erlang.org/doc/apps/stdlib/gen_server.html#wait_response/2).
    ///
    /// # Errors
    ///
    /// - [`CallErrorKind::Timeout`] if the response has not come: the request stays under way, and
    ///   can be waited for again. Also, at once, if the response was returned before.
    /// - The errors of [`ServerRef::call`](super::ServerRef::call), with which the request is over.
    pub fn wait_response(&mut self, timeout: Duration) -> Result<R, CallError> {
        if self.answered {
            return Err(self.failed(CallErrorKind::Timeout));
        }
        let _shown = current().show_wait(self.pending.id());
        let outcome = self.pending.wait(timeout);
        self.answered = outcome.is_some();
        outcome.unwrap_or(Err(CallErrorKind::Timeout)).map_err(|kind| self.failed(kind))
    }

    fn failed(&self, kind: CallErrorKind) -> CallError {
        CallError::new(kind, self.to.clone(), self.request)
    }

    /// As [`wait_response`](Self::wait_response), but abandons the request if the response has not
    /// come.
    ///
    /// OTP: [`gen_server:receive_response/2`](https://www.erlang.org/doc/apps/stdlib/gen_server.html#receive_response/2).
    ///
    /// # Errors
    ///
    /// As [`wait_response`](Self::wait_response).
    pub fn receive_response(mut self, timeout: Duration) -> Result<R, CallError> {
        self.wait_response(timeout)
    }

    /// Takes the response out of `message`, if that is the response to this request.
    ///
    /// OTP: [`gen_server:check_response/2`](https://www.erlang.org/doc/apps/stdlib/gen_server.html#check_response/2).
    ///
    /// # Errors
    ///
    /// Returns the message if it is another one (OTP's `no_reply`).
    pub fn check_response(&mut self, message: Message) -> Result<Result<R, CallError>, Message> {
        if ended_request::<R>(&message) != Some(self.pending.id()) {
            return Err(message);
        }
        self.answered = true;
        Ok(self.pending.outcome(message).map_err(|kind| self.failed(kind)))
    }
}

impl<R: Send + 'static> Drop for RequestId<R> {
    fn drop(&mut self) {
        if !self.answered {
            self.pending.abandon();
        }
    }
}

impl<R: Send + 'static> fmt::Debug for RequestId<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RequestId")
            .field("to", &self.to)
            .field("request", &self.pending.id())
            .field("answered", &self.answered)
            .finish_non_exhaustive()
    }
}

/// Error returned from waiting for any of several requests.
#[derive(Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum WaitError {
    /// No response has come in time.
    Timeout,
    /// There are no requests.
    NoRequest,
}

impl fmt::Display for WaitError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Timeout => "timed out waiting for a response",
            Self::NoRequest => "there is no request to wait for",
        })
    }
}

errors!(WaitError);

/// The outcome of one of several requests, with its label.
type Labelled<R, L> = (Result<R, CallError>, L);

/// Requests under way, each with a label, whose responses are taken in the order in which they
/// arrive.
///
/// OTP: [request-id collections](https://www.erlang.org/doc/apps/stdlib/gen_server.html#t:request_id_collection/0).
///
/// ```
/// use procession::gen_server::{RequestIds, WaitError};
/// use procession::prelude::*;
/// use std::time::Duration;
///
/// # #[derive(Debug)]
/// # struct Doubler;
/// # impl GenServer for Doubler {
/// #     type Args = ();
/// #     fn init((): ()) -> InitResult<Self> { ready(Doubler) }
/// # }
/// # impl HandleCall<u32> for Doubler {
/// #     type Reply = u32;
/// #     fn handle_call(&mut self, n: u32, _: &Caller<u32>) -> CallResult<Self, u32> {
/// #         reply(2 * n)
/// #     }
/// # }
/// let doubler = Doubler::start(())?;
/// let mut requests = RequestIds::new();
/// requests.add(doubler.send_request(1_u32), "first");
/// requests.add(doubler.send_request(2_u32), "second");
///
/// let timeout = Duration::from_secs(5);
/// assert_eq!(requests.receive_response(timeout), Ok((Ok(2), "first")));
/// assert_eq!(requests.receive_response(timeout), Ok((Ok(4), "second")));
/// assert_eq!(requests.receive_response(timeout), Err(WaitError::NoRequest));
/// # Ok::<(), StartError>(())
/// ```
#[derive(Debug)]
pub struct RequestIds<R: Send + 'static, L> {
    requests: BTreeMap<NonZeroU64, (RequestId<R>, L)>,
}

impl<R: Send + 'static, L> Default for RequestIds<R, L> {
    fn default() -> RequestIds<R, L> {
        RequestIds { requests: BTreeMap::new() }
    }
}

impl<R: Send + 'static, L> RequestIds<R, L> {
    /// Returns an empty collection.
    pub fn new() -> RequestIds<R, L> {
        RequestIds::default()
    }

    /// Adds a request. One whose response was taken already is over, and is not added.
    pub fn add(&mut self, request: RequestId<R>, label: L) {
        if !request.answered {
            self.requests.insert(request.pending.id(), (request, label));
        }
    }

    /// Returns the number of requests whose responses were not taken.
    pub fn len(&self) -> usize {
        self.requests.len()
    }

    /// Returns `true` if there are no requests.
    pub fn is_empty(&self) -> bool {
        self.requests.is_empty()
    }

    /// Returns the requests and their labels, in the order in which the requests were sent.
    pub fn iter(&self) -> impl Iterator<Item = (&RequestId<R>, &L)> {
        self.requests.values().map(|(request, label)| (request, label))
    }

    /// Waits for at most `timeout` for the response to any of the requests, and removes that
    /// request.
    ///
    /// The others stay. A caller that cannot wait any more gets
    /// [`CallErrorKind::CallerEnded`] for one request after the other.
    ///
    /// OTP: [`gen_server:wait_response/3`](https://www.erlang.org/doc/apps/stdlib/gen_server.html#wait_response/3).
    ///
    /// # Errors
    ///
    /// - [`WaitError::Timeout`] if no response comes in time; all requests stay.
    /// - [`WaitError::NoRequest`] if the collection is empty.
    pub fn wait_response(&mut self, timeout: Duration) -> Result<Labelled<R, L>, WaitError> {
        let Some(since) = self.requests.values().map(|(it, _)| it.pending.since()).min() else {
            return Err(WaitError::NoRequest);
        };
        let message = current().receive_since(since, timeout, |message| {
            ended_request::<R>(message).is_some_and(|id| self.requests.contains_key(&id))
        });
        match message {
            Ok(Some(message)) => match self.check_response(message) {
                Ok(labelled) => Ok(labelled),
                Err(_) => unreachable!("the message was chosen for its request"),
            },
            Ok(None) => Err(WaitError::Timeout),
            Err(Ended) => match self.requests.pop_first() {
                Some((_, (request, label))) => {
                    Ok((Err(request.failed(CallErrorKind::CallerEnded)), label))
                }
                None => Err(WaitError::NoRequest),
            },
        }
    }

    /// As [`wait_response`](Self::wait_response), but abandons all requests if no response comes in
    /// time.
    ///
    /// OTP: [`gen_server:receive_response/3`](https://www.erlang.org/doc/apps/stdlib/gen_server.html#receive_response/3).
    ///
    /// # Errors
    ///
    /// As [`wait_response`](Self::wait_response).
    pub fn receive_response(&mut self, timeout: Duration) -> Result<Labelled<R, L>, WaitError> {
        let response = self.wait_response(timeout);
        if let Err(WaitError::Timeout) = response {
            self.requests.clear();
        }
        response
    }

    /// Takes the response out of `message`, if that is the response to one of the requests, and
    /// removes that request.
    ///
    /// OTP: [`gen_server:check_response/3`](https://www.erlang.org/doc/apps/stdlib/gen_server.html#check_response/3).
    ///
    /// # Errors
    ///
    /// Returns the message if it is another one (OTP's `no_reply`), or if there are no requests
    /// (`no_request`).
    pub fn check_response(&mut self, message: Message) -> Result<Labelled<R, L>, Message> {
        let Some(id) = ended_request::<R>(&message) else { return Err(message) };
        let Some((mut request, label)) = self.requests.remove(&id) else { return Err(message) };
        Ok((request.check_response(message)?, label))
    }
}
