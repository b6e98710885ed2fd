//! Requests whose replies are asked for later.

use std::collections::BTreeMap;
use std::fmt;
use std::marker::PhantomData;
use std::num::NonZeroU64;
use std::time::Duration;

use crate::call::{Pending, ReplyTo, ended_request};
use crate::exit::CallError;
use crate::message::Message;
use crate::process::Destination;
use crate::process::current::{Ended, current};
use crate::user_code::Guarded;

/// A request under way, as returned by [`ServerRef::send_request`](super::ServerRef::send_request).
///
/// It belongs to the process that has sent the request. Dropping it abandons the request: a reply
/// that still comes never reaches the mailbox.
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
/// assert_eq!(request.receive_response(Duration::from_secs(5)), Some(Ok(42)));
/// # Ok::<(), StartError>(())
/// ```
#[must_use = "a request that is dropped is abandoned"]
pub struct RequestId<R: Send + 'static> {
    to: Destination,
    pending: Pending<R>,
    /// Whether the response was handed out.
    answered: bool,
    /// Its messages come to one mailbox.
    not_send: PhantomData<*const ()>,
}

impl<R: Send + 'static> RequestId<R> {
    pub(crate) fn send(to: &Destination, make: impl FnOnce(ReplyTo<R>) -> Message) -> RequestId<R> {
        let make = Guarded::new(make); // With the request in it.
        let client = current();
        client.pass();
        // Looked up once: another server may get the name at any moment.
        let target = to.pid();
        let pending = Pending::send(client, to.object(), target, make.into_inner());
        RequestId { to: to.clone(), pending, answered: false, not_send: PhantomData }
    }

    /// To whom the request was sent.
    pub fn destination(&self) -> &Destination {
        &self.to
    }

    /// Waits for the response for at most `timeout`; `None` if it has not come, or was handed out
    /// before. The request stays under way, to be asked for again.
    ///
    /// [`Duration::ZERO`] looks at what is there, [`Duration::MAX`] waits for ever.
    ///
    /// A caller that cannot wait any more gets [`CallError::CallerEnded`].
    ///
    /// OTP: [`gen_server:wait_response/2`](https://www.erlang.org/doc/apps/stdlib/gen_server.html#wait_response/2).
    pub fn wait_response(&mut self, timeout: Duration) -> Option<Result<R, CallError>> {
        if self.answered {
            return None; // There is nothing to wait for.
        }
        let outcome = self.pending.wait(timeout);
        self.answered = outcome.is_some();
        outcome
    }

    /// As [`wait_response`](Self::wait_response), but abandons the request if the response has not
    /// come.
    ///
    /// OTP: [`gen_server:receive_response/2`](https://www.erlang.org/doc/apps/stdlib/gen_server.html#receive_response/2).
    pub fn receive_response(mut self, timeout: Duration) -> Option<Result<R, CallError>> {
        self.wait_response(timeout)
    }

    /// Takes the response out of `message`, if it is the one of this request.
    ///
    /// OTP: [`gen_server:check_response/2`](https://www.erlang.org/doc/apps/stdlib/gen_server.html#check_response/2).
    ///
    /// # Errors
    ///
    /// The message, if it is another one (OTP's `no_reply`).
    pub fn check_response(&mut self, message: Message) -> Result<Result<R, CallError>, Message> {
        if ended_request::<R>(&message) != Some(self.pending.id()) {
            return Err(message);
        }
        self.answered = true;
        Ok(self.pending.outcome(message))
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

/// What waiting for any of several requests has brought.
#[derive(Debug, PartialEq)]
pub enum Response<R, L> {
    /// The response of one of them, and its label.
    Of(Result<R, CallError>, L),
    /// None has come in time.
    TimedOut,
    /// The collection is empty.
    NoRequest,
}

/// Requests under way, each with a label, whose responses are taken in the order in which they
/// arrive.
///
/// OTP: [request-id collections](https://www.erlang.org/doc/apps/stdlib/gen_server.html#t:request_id_collection/0).
///
/// ```
/// use procession::gen_server::{RequestIds, Response};
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
/// assert_eq!(requests.receive_response(timeout), Response::Of(Ok(2), "first"));
/// assert_eq!(requests.receive_response(timeout), Response::Of(Ok(4), "second"));
/// assert_eq!(requests.receive_response(timeout), Response::NoRequest);
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
    /// None yet.
    pub fn new() -> RequestIds<R, L> {
        RequestIds::default()
    }

    /// Adds a request. One whose response was taken already is done with, and not added.
    pub fn add(&mut self, request: RequestId<R>, label: L) {
        if !request.answered {
            self.requests.insert(request.pending.id(), (request, label));
        }
    }

    /// How many there are whose response was not taken.
    pub fn len(&self) -> usize {
        self.requests.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.requests.is_empty()
    }

    /// The requests and their labels, in the order in which they were sent.
    pub fn iter(&self) -> impl Iterator<Item = (&RequestId<R>, &L)> {
        self.requests.values().map(|(request, label)| (request, label))
    }

    /// Waits for at most `timeout` for the response of any of the requests, and removes that one.
    ///
    /// The others stay, and all do after [`Response::TimedOut`]. A caller that cannot wait any more
    /// gets [`CallError::CallerEnded`] for one after the other.
    ///
    /// OTP: [`gen_server:wait_response/3`](https://www.erlang.org/doc/apps/stdlib/gen_server.html#wait_response/3).
    pub fn wait_response(&mut self, timeout: Duration) -> Response<R, L> {
        let Some(since) = self.requests.values().map(|(it, _)| it.pending.since()).min() else {
            return Response::NoRequest;
        };
        let message = current().receive_since(since, timeout, |message| {
            ended_request::<R>(message).is_some_and(|id| self.requests.contains_key(&id))
        });
        match message {
            Ok(Some(message)) => match self.check_response(message) {
                Ok((response, label)) => Response::Of(response, label),
                Err(_) => unreachable!("the message was chosen for its request"),
            },
            Ok(None) => Response::TimedOut,
            Err(Ended) => match self.requests.pop_first() {
                Some((_, (_, label))) => Response::Of(Err(CallError::CallerEnded), label),
                None => Response::NoRequest,
            },
        }
    }

    /// As [`wait_response`](Self::wait_response), but abandons all requests if none has its
    /// response in time.
    ///
    /// OTP: [`gen_server:receive_response/3`](https://www.erlang.org/doc/apps/stdlib/gen_server.html#receive_response/3).
    pub fn receive_response(&mut self, timeout: Duration) -> Response<R, L> {
        let response = self.wait_response(timeout);
        if let Response::TimedOut = response {
            self.requests.clear();
        }
        response
    }

    /// Takes the response out of `message`, if it is of one of the requests, and removes that one.
    ///
    /// OTP: [`gen_server:check_response/3`](https://www.erlang.org/doc/apps/stdlib/gen_server.html#check_response/3).
    ///
    /// # Errors
    ///
    /// The message, if it is another one (OTP's `no_reply`), or if there are no requests
    /// (`no_request`).
    pub fn check_response(
        &mut self,
        message: Message,
    ) -> Result<(Result<R, CallError>, L), Message> {
        let Some(id) = ended_request::<R>(&message) else { return Err(message) };
        let Some((mut request, label)) = self.requests.remove(&id) else { return Err(message) };
        Ok((request.check_response(message)?, label))
    }
}
