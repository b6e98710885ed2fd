//! Calls across nodes: clients of other nodes, and answers that come from there.

use std::any::Any;
use std::num::NonZeroU64;

use serde::de::DeserializeOwned;
use serde::ser::{Error as _, Serialize};

use crate::call_error::CallErrorKind;
use crate::exit::ExitReason;
use crate::external::{self, write_tag};
use crate::id::{Alias, Incarnation, Pid, unique};
use crate::message::{External, Message};
use crate::process::current::ending;
use crate::runtime::address::try_deliver_to_alias;
use crate::runtime::remote::RemotePid;
use crate::runtime::table::ShortPid;
use crate::term::{EncodeError, Output, Term, WireTerm, WireWriter, atom};
use crate::user_code::drop_caught;

use super::{Client, ELSEWHERE, ReplyMessage, ReplyTo};

/// How many bits of the number of a request tell the requests of one client of another node apart.
/// So a request that waits is taken for another one of its client's when there have been 2^42
/// requests more.
const NUMBER_BITS: u32 = ELSEWHERE.trailing_zeros() - Incarnation::BITS;

impl Client {
    /// Returns a client of another node with a new request.
    pub(crate) fn remote(client: Pid) -> Option<Client> {
        let incarnation = u64::from(client.incarnation()?.index());
        let number = unique().get() & ((1 << NUMBER_BITS) - 1);
        let request = ELSEWHERE | incarnation << NUMBER_BITS | number;
        Some(Client {
            request: NonZeroU64::new(request).expect("a bit is set"),
            process: ShortPid::of_halves(client.index(), client.serial()),
        })
    }

    /// Returns a client of this node that reads the answer as if it came from another one. It comes
    /// to its mailbox.
    pub(crate) fn reading(alias: Alias) -> Client {
        let Client { request, process } = Client::by_mailbox(alias);
        Client { request: request | ELSEWHERE, process }
    }

    pub(super) fn remote_pid(self) -> Pid {
        let (id, serial) = self.process.halves();
        let index = (self.request.get() & !ELSEWHERE) >> NUMBER_BITS;
        let incarnation = u32::try_from(index).ok().and_then(Incarnation::of_index);
        Pid::remote(incarnation.expect("it was made of one"), id, serial)
    }

    /// Returns what tells the requests of the client apart.
    pub(crate) fn number(self) -> u64 {
        self.request.get() & ((1 << NUMBER_BITS) - 1)
    }

    /// Sends the answer that a message holds.
    fn answer_across(self, answer: Message) -> Result<(), String> {
        match RemotePid::of(self.pid()) {
            Some(remote) => remote.answer(self.number(), answer).map_err(|it| it.into_text()),
            None => {
                let alias = self.alias();
                self.clear_edge();
                let term = written_answer(alias, &answer);
                drop_caught(answer);
                self.deliver(Message::answer(alias.id, term.map_err(|error| error.to_string())?));
                Ok(())
            }
        }
    }

    /// Says that there is no answer.
    fn refuse(self, why: CallErrorKind) {
        match RemotePid::of(self.pid()) {
            Some(remote) => remote.refuse(self.number(), reason_of(&why)),
            None => {
                self.clear_edge();
                self.deliver(Message::new(Refused { request: self.request(), why }));
            }
        }
    }

    /// Says that there is no answer, as if the server had ended for that reason.
    pub(crate) fn end(self, reason: ExitReason) {
        match RemotePid::of(self.pid()) {
            Some(remote) => remote.refuse(self.number(), reason),
            None => self.refuse(CallErrorKind::Down(reason)),
        }
    }

    fn deliver(self, answer: Message) {
        if let Err(orphans) = try_deliver_to_alias(self.alias(), answer) {
            orphans.drop_caught();
        }
    }
}

/// What a client of this node gets instead of an answer that it would have read.
#[derive(Debug)]
pub(super) struct Refused {
    pub(super) request: NonZeroU64,
    pub(super) why: CallErrorKind,
}

/// Returns `{[alias|Ref], Reply}`.
fn written_answer(alias: Alias, answer: &Message) -> Result<External, EncodeError> {
    let mut written = Output::default();
    let mut out = WireWriter::new(&mut written);
    out.version();
    out.tuple(2)?;
    write_tag(alias, &mut out)?;
    write_answer(answer, &mut out.inside())?;
    Ok(External::written(written.into_bytes()))
}

/// Writes the reply that an answer holds.
pub(crate) fn write_answer(answer: &Message, out: &mut WireWriter<'_>) -> Result<(), EncodeError> {
    external::write(answer.content(), out).map_err(|error| {
        let unknown = || {
            let name = answer.type_name();
            EncodeError::custom(format_args!("answers of {name} are not spelt in Erlang"))
        };
        error.unwrap_or_else(unknown)
    })
}

/// Returns the reason with which another node is told of an error, as if the server had ended.
fn reason_of(why: &CallErrorKind) -> ExitReason {
    let (name, text) = match why {
        CallErrorKind::NoExternalForm(text) => ("bad_reply", text.clone()),
        CallErrorKind::NoReply => ("no_reply", "the server does not answer this request".into()),
        CallErrorKind::WrongServer { expected, found } => {
            ("wrong_server", format!("the request is for a {expected}, the server is a {found}"))
        }
        CallErrorKind::NoProc
        | CallErrorKind::Timeout
        | CallErrorKind::Down(_)
        | CallErrorKind::CallingSelf(_)
        | CallErrorKind::Deadlock(_)
        | CallErrorKind::CallerEnded
        | CallErrorKind::NodeDown(_)
        | CallErrorKind::BadReply(_) => ("no_reply", format!("{why:?}")),
    };
    ExitReason::new(Term::Tuple(vec![atom(name).into(), text.into()]))
}

/// Declares that replies of type `R` travel.
pub(crate) fn declare_reply<R: Serialize + DeserializeOwned + Send + 'static>() {
    declare_reply_as::<R>(|reply, out| out.value(reply));
    external::declare_read::<R>();
}

/// Declares how replies of type `R` are written.
pub(crate) fn declare_reply_as<R: Send + 'static>(
    write: impl Fn(&R, &mut WireWriter<'_>) -> Result<(), EncodeError> + Send + Sync + 'static,
) {
    external::declare_written(move |answer: &ReplyMessage<R>, out| match &answer.outcome {
        Ok(reply) => write(reply, out),
        Err(_) => Err(EncodeError::custom("it is no answer")),
    });
}

/// Takes the outcome out of an answer that has come from another node.
pub(super) fn read_answer<R: Any>(answer: &Message) -> Result<R, CallErrorKind> {
    let read = answer.read_reply(|reply: WireTerm<'_>| external::read::<R>(reply));
    match read {
        Some(Ok(reply)) => Ok(reply),
        Some(Err(error)) => Err(CallErrorKind::BadReply(error.to_string())),
        None => unreachable!("only terms of other nodes are such answers"),
    }
}

impl<R: Send + 'static> ReplyTo<R> {
    /// Returns where the reply to a request of this client's goes.
    pub(crate) fn of(client: Client) -> ReplyTo<R> {
        ReplyTo { client, reply: std::marker::PhantomData }
    }

    /// As [`reply`](Self::reply) or [`refuse`](Self::refuse), for a client that reads the answer.
    #[cold]
    pub(super) fn answer_across(self, outcome: Result<R, CallErrorKind>) {
        let outcome = match ending() {
            None => outcome,
            Some(process) => match process.may_act_holding_or_unwind(outcome) {
                Ok(outcome) => outcome,
                Err(outcome) => return drop_caught(outcome),
            },
        };
        self.answer_regardless(outcome);
    }

    pub(super) fn answer_regardless(self, outcome: Result<R, CallErrorKind>) {
        let sent = match outcome {
            Ok(reply) => self.client.answer_across(self.message(Ok(reply))),
            Err(why) => return self.client.refuse(why),
        };
        if let Err(why) = sent {
            self.client.refuse(CallErrorKind::NoExternalForm(why));
        }
    }
}
