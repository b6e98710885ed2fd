//! Servers across nodes: which requests other nodes may make of a type of server, and how these are
//! spelt.

mod incoming;

use std::any::{Any, TypeId, type_name};
use std::fmt;
use std::marker::PhantomData;

use serde::de::DeserializeOwned;
use serde::ser::Serialize;

use crate::call::Client;
use crate::call::across::{declare_reply, declare_reply_as};
use crate::external;
use crate::message::Message;
use crate::term::{self, DecodeError, EncodeError, Unspellable, WireTerm, WireWriter};

pub(crate) use super::declared::Tag;
use super::declared::{Entry, Table, TakeCall, TakeCast, TakeInfo};
use super::request::{declare_call, declare_cast};
pub(crate) use super::request::{dispatch_call, dispatch_cast};
use super::serve::Server;
use super::spelling::WriteRequest;
use super::{GenServer, HandleCall, HandleCast};

pub(crate) use incoming::{ExternalCall, ExternalCast};

/// A type of server that other nodes can use: says which requests they may make, and how these are
/// spelt.
///
/// A server of a type that is not [declared](crate::net_kernel::NetKernel::serve) refuses all
/// requests from other nodes, and so does each server a request that its type does not declare. The
/// same declaration is used by [references](super::ServerRef) to servers of this type on other
/// nodes.
///
/// How a value is spelt is said by [serde](crate::term#how-types-are-spelt); a request is a value
/// whose tag is declared here.
///
/// ```
/// use procession::gen_server::{Requests, Wire};
/// use procession::prelude::*;
/// use serde::{Deserialize, Serialize};
///
/// #[derive(Debug)]
/// struct Counter(i64);
///
/// #[derive(Debug, Serialize, Deserialize)]
/// struct Add(i64);
///
/// #[derive(Debug, Serialize, Deserialize)]
/// struct Reset;
///
/// impl Wire for Counter {
///     fn requests(accept: &mut Requests<Counter>) {
///         accept.call::<Add>("add"); // gen_server:call(Counter, {add, 3})
///         accept.cast::<Reset>("reset"); // gen_server:cast(Counter, reset)
///     }
/// }
/// # impl GenServer for Counter {
/// #     type Args = ();
/// #     fn init((): ()) -> InitResult<Self> { ready(Counter(0)) }
/// # }
/// # impl HandleCall<Add> for Counter {
/// #     type Reply = i64;
/// #     fn handle_call(&mut self, Add(n): Add, _: &Caller<i64>) -> CallResult<Self, Add> {
/// #         self.0 += n;
/// #         reply(self.0)
/// #     }
/// # }
/// # impl HandleCast<Reset> for Counter {
/// #     fn handle_cast(&mut self, Reset: Reset) -> CastResult<Self> {
/// #         self.0 = 0;
/// #         noreply()
/// #     }
/// # }
/// ```
pub trait Wire: GenServer {
    /// Declares the requests.
    fn requests(accept: &mut Requests<Self>);
}

/// The requests that a type of server takes from other nodes: what [`Wire::requests`] fills.
///
/// Two requests of one kind may have one tag if they have different numbers of fields.
pub struct Requests<S> {
    table: Table,
    server: PhantomData<fn() -> S>,
}

impl<S> fmt::Debug for Requests<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Requests<{}>", type_name::<S>())
    }
}

/// Declares the requests of servers of type `S`.
pub(crate) fn declare<S: Wire>() {
    let mut requests = Requests { table: Table::default(), server: PhantomData };
    S::requests(&mut requests);
    requests.table.enter(TypeId::of::<Server<S>>());
}

impl<S: GenServer> Requests<S> {
    /// Accepts calls of type `M`, with this tag. The reply travels, too.
    ///
    /// OTP: [`handle_call/3`](https://www.erlang.org/doc/apps/stdlib/gen_server.html#c:handle_call/3).
    ///
    /// # Panics
    ///
    /// If serde cannot tell from the type alone how `M` is read, as of `#[serde(untagged)]`.
    pub fn call<M>(&mut self, tag: &'static str)
    where
        S: HandleCall<M>,
        M: Serialize + DeserializeOwned + fmt::Debug + Send + 'static,
        S::Reply: Serialize + DeserializeOwned,
    {
        check::<S, M, _>(term::check_tagged::<M>());
        self.table.calls.add(tag, Entry { tag: Some(tag), take: take_call::<S, M> });
        declare_call::<S, M>(tagged(tag));
        declare_reply::<S::Reply>();
    }

    /// Accepts calls of type `M`, an enum: the names of its variants are the tags.
    ///
    /// # Panics
    ///
    /// As [`call`](Self::call); and if `M` is no enum.
    pub fn call_enum<M>(&mut self)
    where
        S: HandleCall<M>,
        M: Serialize + DeserializeOwned + fmt::Debug + Send + 'static,
        S::Reply: Serialize + DeserializeOwned,
    {
        for variant in check::<S, M, _>(term::variants::<M>()) {
            self.table.calls.add(variant, Entry { tag: None, take: take_call::<S, M> });
        }
        declare_call::<S, M>(untagged);
        declare_reply::<S::Reply>();
    }

    /// Accepts casts of type `M`, with this tag.
    ///
    /// OTP: [`handle_cast/2`](https://www.erlang.org/doc/apps/stdlib/gen_server.html#c:handle_cast/2).
    ///
    /// # Panics
    ///
    /// As [`call`](Self::call).
    pub fn cast<M>(&mut self, tag: &'static str)
    where
        S: HandleCast<M>,
        M: Serialize + DeserializeOwned + fmt::Debug + Send + 'static,
    {
        check::<S, M, _>(term::check_tagged::<M>());
        self.table.casts.add(tag, Entry { tag: Some(tag), take: take_cast::<S, M> });
        declare_cast::<S, M>(tagged(tag));
    }

    /// Accepts casts of type `M`, an enum: the names of its variants are the tags.
    ///
    /// # Panics
    ///
    /// As [`call_enum`](Self::call_enum).
    pub fn cast_enum<M>(&mut self)
    where
        S: HandleCast<M>,
        M: Serialize + DeserializeOwned + fmt::Debug + Send + 'static,
    {
        for variant in check::<S, M, _>(term::variants::<M>()) {
            self.table.casts.add(variant, Entry { tag: None, take: take_cast::<S, M> });
        }
        declare_cast::<S, M>(untagged);
    }

    /// Accepts ordinary messages with this tag: [`handle_info`](GenServer::handle_info) gets them
    /// as values of type `M`. All others it gets as a [`Term`](crate::term::Term).
    ///
    /// A value of type `M` that is sent to whichever process of another node is spelt with this
    /// tag, too; of two declarations for one type the first one counts.
    ///
    /// OTP: [`handle_info/2`](https://www.erlang.org/doc/apps/stdlib/gen_server.html#c:handle_info/2).
    ///
    /// # Panics
    ///
    /// As [`call`](Self::call).
    pub fn info<M>(&mut self, tag: &'static str)
    where
        M: Serialize + DeserializeOwned + fmt::Debug + Send + 'static,
    {
        check::<S, M, _>(term::check_tagged::<M>());
        self.table.infos.add(tag, Entry { tag: Some(tag), take: take_info::<M> });
        external::declare_written::<M>(tagged(tag));
    }

    /// Accepts ordinary messages that are variants of an enum, as [`info`](Self::info) does.
    ///
    /// # Panics
    ///
    /// As [`call_enum`](Self::call_enum).
    pub fn info_enum<M>(&mut self)
    where
        M: Serialize + DeserializeOwned + fmt::Debug + Send + 'static,
    {
        for variant in check::<S, M, _>(term::variants::<M>()) {
            self.table.infos.add(variant, Entry { tag: None, take: take_info::<M> });
        }
        external::declare_written::<M>(untagged);
    }

    /// Lets others see the state as a term, by `sys:get_state`. Otherwise they see it printed.
    ///
    /// OTP: [`sys:get_state/1`](https://www.erlang.org/doc/apps/stdlib/sys.html#get_state/1).
    pub fn state(&mut self)
    where
        S: Serialize,
    {
        external::declare_written::<S>(untagged);
    }
}

impl<S: GenServer> Requests<S> {
    /// Accepts calls that the crate reads itself, and whose replies it writes. They are not made by
    /// references to other nodes.
    pub(crate) fn call_by<M>(
        &mut self,
        tag: &'static str,
        take: TakeCall,
        write: impl WriteRequest<S::Reply>,
    ) where
        S: HandleCall<M>,
    {
        self.table.calls.add(tag, Entry { tag: Some(tag), take });
        declare_reply_as::<S::Reply>(write);
    }

    /// Accepts casts that the crate reads itself.
    pub(crate) fn cast_by<M>(&mut self, tag: &'static str, take: TakeCast)
    where
        S: HandleCast<M>,
    {
        self.table.casts.add(tag, Entry { tag: Some(tag), take });
    }

    /// Accepts ordinary messages that the crate reads itself.
    pub(crate) fn info_by(&mut self, tag: &'static str, take: TakeInfo) {
        self.table.infos.add(tag, Entry { tag: Some(tag), take });
    }
}

/// Returns what was found out of a type.
#[track_caller]
fn check<S, M, T>(found: Result<T, Unspellable>) -> T {
    found.unwrap_or_else(|why| {
        panic!("{} cannot be a request of {}: {why}", type_name::<M>(), type_name::<S>())
    })
}

/// What writes values with a tag.
fn tagged<M: Serialize>(
    tag: &'static str,
) -> impl Fn(&M, &mut WireWriter<'_>) -> Result<(), EncodeError> + Send + Sync + 'static {
    move |value, out| out.tagged(tag, value)
}

/// Writes values that have their tags.
fn untagged<M: Serialize>(value: &M, out: &mut WireWriter<'_>) -> Result<(), EncodeError> {
    out.value(value)
}

/// Reads a request.
fn read<M: DeserializeOwned>(request: WireTerm<'_>, tag: Tag) -> Result<M, DecodeError> {
    match tag {
        Some(tag) => external::read_by(|it| it.read_tagged(tag), request),
        None => external::read_by(|it| it.read(), request),
    }
}

fn take_call<S, M>(
    request: WireTerm<'_>,
    tag: Tag,
    (server, client): (&mut dyn Any, Client),
) -> Result<(), DecodeError>
where
    S: HandleCall<M>,
    M: DeserializeOwned + fmt::Debug + Send + 'static,
{
    dispatch_call::<S, M>(read(request, tag)?, client, server);
    Ok(())
}

fn take_cast<S, M>(request: WireTerm<'_>, tag: Tag, server: &mut dyn Any) -> Result<(), DecodeError>
where
    S: HandleCast<M>,
    M: DeserializeOwned + fmt::Debug + Send + 'static,
{
    dispatch_cast::<S, M>(read(request, tag)?, server);
    Ok(())
}

fn take_info<M>(info: WireTerm<'_>, tag: Tag, (): ()) -> Result<Message, DecodeError>
where
    M: DeserializeOwned + fmt::Debug + Send + 'static,
{
    read::<M>(info, tag).map(Message::new)
}
