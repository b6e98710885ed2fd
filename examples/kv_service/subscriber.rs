//! The process of a connection that has subscribed: it writes all that its client gets, replies and
//! what others publish.
//!
//! A publisher never waits for it. Messages queue up in its mailbox while its client does not read,
//! and it is dropped, with its connection, when they are more than a bound.

use std::fmt;
use std::io::{self, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use procession::io::TcpStream;
use procession::prelude::*;
use procession::registry::{Registry, RegistryError, RegistryRef};

use super::core::Bytes;
use super::core::reply::Reply;

/// How many bytes may wait for a subscriber.
const MAX_QUEUED: usize = 8 << 20;

const CHANNELS: &str = "kv_channels";

/// Who has subscribed to which channel.
pub(crate) type Channels = RegistryRef<Bytes, Outbox>;

pub(crate) fn channels() -> Channels {
    RegistryRef::named(CHANNELS)
}

pub(crate) fn channels_child_spec() -> ChildSpec<SupervisorRef> {
    Registry::<Bytes, Outbox>::duplicate(CHANNELS).child_spec()
}

/// How many bytes wait for a subscriber.
#[derive(Clone, Debug, Default)]
pub(crate) struct Outbox(Arc<AtomicUsize>);

/// What a subscriber's client gets, as it goes over the wire.
#[derive(Clone)]
struct Publication(Bytes);

impl fmt::Debug for Publication {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Publication({} bytes)", self.0.len())
    }
}

impl Outbox {
    /// Has `subscriber` write what was published; or drops it, if that is too much.
    fn put(&self, subscriber: Pid, publication: &Publication) {
        let length = publication.0.len();
        let before = self.0.fetch_add(length, Ordering::Relaxed);
        if before + length <= MAX_QUEUED {
            process::send(subscriber, publication.clone());
        } else if before <= MAX_QUEUED {
            log::warn!("a subscriber that does not read is dropped: {before} bytes wait for it");
            process::exit(subscriber, ExitReason::shutdown_with("it does not read"));
        }
    }

    fn is_written(&self, length: usize) {
        self.0.fetch_sub(length, Ordering::Relaxed);
    }
}

/// Sends all who have subscribed to `channel` a message; returns how many they are.
pub(crate) fn publish(channel: &Bytes, message: Bytes) -> Result<usize, RegistryError> {
    let mut count = 0;
    channels().dispatch(channel, |subscribers| {
        let message =
            [Reply::text("message"), Reply::Bulk(Bytes::clone(channel)), Reply::Bulk(message)];
        let publication = Publication(encode(Reply::Array(message.into())).into());
        count = subscribers.len();
        subscribers.iter().for_each(|(pid, outbox)| outbox.put(*pid, &publication));
    })?;
    Ok(count)
}

fn encode(reply: Reply) -> Vec<u8> {
    let mut output = Vec::new();
    reply.encode(&mut output);
    output
}

#[derive(Debug)]
pub(crate) struct Subscriber {
    stream: TcpStream,
    channels: Vec<Bytes>,
    outbox: Outbox,
}

/// Asks for a channel's messages, or for no more of them; the reply is how many channels there are.
#[derive(Debug)]
pub(crate) enum Subscription {
    Subscribe(Bytes),
    Unsubscribe(Bytes),
    UnsubscribeAll,
}

/// Asks for this to be written.
pub(crate) struct Output(pub(crate) Vec<u8>);

impl fmt::Debug for Output {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Output({} bytes)", self.0.len())
    }
}

impl GenServer for Subscriber {
    type Args = TcpStream;

    fn init(stream: TcpStream) -> InitResult<Self> {
        ready(Subscriber { stream, channels: Vec::new(), outbox: Outbox::default() })
    }

    fn handle_info(&mut self, message: Message) -> CastResult<Self> {
        handle_info! { message;
            Publication(bytes) => {
                self.write(&bytes)?;
                self.outbox.is_written(bytes.len());
                noreply()
            }
        }
    }
}

impl HandleCall<Output> for Subscriber {
    type Reply = ();

    fn handle_call(&mut self, Output(bytes): Output, _: &Caller<()>) -> CallResult<Self, Output> {
        self.write(&bytes)?;
        reply(())
    }
}

impl HandleCall<Subscription> for Subscriber {
    type Reply = usize;

    fn handle_call(
        &mut self,
        subscription: Subscription,
        _: &Caller<usize>,
    ) -> CallResult<Self, Subscription> {
        match subscription {
            Subscription::Subscribe(channel) => self.subscribe(channel)?,
            Subscription::Unsubscribe(channel) => self.unsubscribe(channel)?,
            Subscription::UnsubscribeAll => {
                for channel in self.channels.clone() {
                    self.unsubscribe(channel)?;
                }
            }
        }
        reply(self.channels.len())
    }
}

impl Subscriber {
    /// What is published from now on is in the mailbox, and is written after the confirmation.
    fn subscribe(&mut self, channel: Bytes) -> Result<(), ExitReason> {
        if !self.channels.contains(&channel) {
            channels().register(Bytes::clone(&channel), self.outbox.clone())?;
            self.channels.push(Bytes::clone(&channel));
        }
        self.confirm("subscribe", channel)
    }

    fn unsubscribe(&mut self, channel: Bytes) -> Result<(), ExitReason> {
        if let Some(place) = self.channels.iter().position(|it| *it == channel) {
            self.channels.remove(place);
            channels().unregister(&channel)?;
        }
        self.confirm("unsubscribe", channel)
    }

    fn confirm(&mut self, what: &str, channel: Bytes) -> Result<(), ExitReason> {
        let count = self.channels.len();
        self.write(&encode(confirmation(what, Reply::Bulk(channel), count)))
    }

    /// A client that is gone ends the connection in order.
    fn write(&mut self, bytes: &[u8]) -> Result<(), ExitReason> {
        let written: io::Result<()> = self.stream.write_all(bytes);
        written.or_else(|error| stop(ExitReason::shutdown_with(error.to_string())))
    }
}

/// What a client is told of a channel, and of how many it has subscribed to.
pub(crate) fn confirmation(what: &str, channel: Reply, count: usize) -> Reply {
    Reply::Array(vec![Reply::text(what), channel, Reply::count(count)])
}
