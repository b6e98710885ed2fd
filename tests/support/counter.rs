//! A server that other nodes can use.

use serde::{Deserialize, Serialize};

use procession::gen_server::{Requests, Wire};
use procession::prelude::*;

/// Counts, and does what else servers do with their clients.
#[derive(Debug, Default, Serialize)]
pub(crate) struct Counter {
    pub(crate) count: i64,
    #[serde(skip)]
    waiting: Vec<ReplyTo<i64>>,
}

/// Adds, and answers with the count.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Add(pub(crate) i64);

/// Multiplies: a request of the same tag with more fields.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct AddTwo(pub(crate) i64, pub(crate) i64);

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Reset;

/// An ordinary message.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Tick(pub(crate) u32);

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Query {
    Get,
    GetTimes(i64),
    /// Answers when the next `release` comes.
    Later,
    /// Has another process answer.
    ByOther,
    NoReply,
    Panic,
    Stop(String),
    StopWithReply,
    /// Answers with so many bytes.
    Echo(#[serde(with = "serde_bytes_as_vec")] Vec<u8>),
}

mod serde_bytes_as_vec {
    use serde::{Deserialize, Deserializer, Serializer};

    pub(super) fn serialize<S: Serializer>(bytes: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(bytes)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(de: D) -> Result<Vec<u8>, D::Error> {
        Vec::deserialize(de)
    }
}

/// Has `later` answered.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Release;

/// Nobody else can ask for this.
#[derive(Debug)]
pub(crate) struct Private;

impl Wire for Counter {
    fn requests(accept: &mut Requests<Counter>) {
        accept.call::<Add>("add");
        accept.call::<AddTwo>("add");
        accept.call_enum::<Query>();
        accept.cast::<Reset>("reset");
        accept.cast::<Release>("release");
        accept.info::<Tick>("tick");
        accept.state();
    }
}

impl GenServer for Counter {
    type Args = ();

    fn init((): ()) -> InitResult<Counter> {
        ready(Counter::default())
    }

    fn handle_info(&mut self, message: Message) -> CastResult<Counter> {
        handle_info! { message;
            Tick(n) => {
                self.count += i64::from(n);
                noreply()
            }
        }
    }
}

impl HandleCall<Add> for Counter {
    type Reply = i64;

    fn handle_call(&mut self, Add(n): Add, _: &Caller<i64>) -> CallResult<Counter, Add> {
        self.count += n;
        reply(self.count)
    }
}

impl HandleCall<AddTwo> for Counter {
    type Reply = i64;

    fn handle_call(&mut self, add: AddTwo, _: &Caller<i64>) -> CallResult<Counter, AddTwo> {
        self.count += add.0 + add.1;
        reply(self.count)
    }
}

impl HandleCall<Query> for Counter {
    type Reply = i64;

    fn handle_call(&mut self, query: Query, caller: &Caller<i64>) -> CallResult<Counter, Query> {
        match query {
            Query::Get => reply(self.count),
            Query::GetTimes(n) => reply(self.count * n),
            Query::Later => {
                self.waiting.push(caller.defer());
                noreply()
            }
            Query::ByOther => {
                let (client, count) = (caller.defer(), self.count);
                process::spawn(move || client.reply(count))?;
                noreply()
            }
            Query::NoReply => noreply(),
            Query::Panic => panic!("as asked"),
            Query::Stop(why) => stop(ExitReason::shutdown_with(why)),
            Query::StopWithReply => stop_with_reply(ExitReason::Normal, self.count),
            Query::Echo(bytes) => reply(bytes.len() as i64),
        }
    }
}

impl HandleCall<Private> for Counter {
    type Reply = i64;

    fn handle_call(&mut self, _: Private, _: &Caller<i64>) -> CallResult<Counter, Private> {
        reply(0)
    }
}

impl HandleCast<Reset> for Counter {
    fn handle_cast(&mut self, Reset: Reset) -> CastResult<Counter> {
        self.count = 0;
        noreply()
    }
}

impl HandleCast<Release> for Counter {
    fn handle_cast(&mut self, Release: Release) -> CastResult<Counter> {
        for client in self.waiting.drain(..) {
            client.reply(self.count);
        }
        noreply()
    }
}

/// Starts one with the name `counter`.
pub(crate) fn start() -> ServerRef<Counter> {
    Counter::start_with((), StartOptions::new().name("counter")).unwrap()
}
