//! What servers of other nodes say and ask, and what processes of this node ask for that concerns
//! others, as the requests that the server takes.

use std::any::Any;
use std::sync::Arc;

use crate::call::Client;
use crate::gen_server::wire::{Tag, dispatch_call, dispatch_cast};
use crate::gen_server::{
    CallResult, Caller, CastResult, HandleCall, HandleCast, Requests, Wire, noreply, reply,
};
use crate::id::Pid;
use crate::message::Message;
use crate::term::{WireTerm, WireWriter};

use super::key::Key;
use super::method::Method;
use super::named::Outcome;
use super::resolve::Resolve;
use super::said::{Asked, Said};
use super::serve::Server;
use super::spelling::{read, read_asked};

/// Returns the function that this name was registered with here, if one of the two processes has
/// it.
#[derive(Debug)]
pub(super) struct OwnMethod(pub(super) Key, pub(super) (Pid, Pid));

/// Waits until all nodes that are connected have the same names.
#[derive(Debug)]
pub(super) struct AwaitSync;

/// The program is a visible node, or is not for much longer.
#[derive(Debug)]
pub(super) struct InCluster(pub(super) bool);

/// What is answered to [`Asked`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Answered {
    Lock(bool),
    Registered,
    Unregistered,
}

impl Answered {
    fn name(self) -> &'static str {
        match self {
            Answered::Lock(true) => "true",
            Answered::Lock(false) => "false",
            Answered::Registered => "yes",
            Answered::Unregistered => "ok",
        }
    }
}

impl Wire for Server {
    fn requests(accept: &mut Requests<Server>) {
        let call = |request: WireTerm<'_>, _: Tag, (server, client): (&mut dyn Any, Client)| {
            dispatch_call::<Server, Asked>(read_asked(request)?, client, server);
            Ok(())
        };
        let write = |answer: &Answered, out: &mut WireWriter<'_>| out.atom(answer.name());
        for tag in ["set_lock", "del_lock", "register", "register_ext", "unregister"] {
            accept.call_by::<Asked>(tag, call, write);
        }
        for tag in ["init_connect", "lock_set", "exchange", "resolved", "new_nodes", "in_sync"] {
            accept.cast_by::<Said>(tag, |said, _, server| {
                dispatch_cast::<Server, Said>(read(said)?, server);
                Ok(())
            });
        }
        let infos = [
            "init_connect_ack",
            "cancel_connect",
            "lock_set",
            "lost_connection",
            "remove_connection",
        ];
        for tag in infos {
            accept.info_by(tag, |said, _, ()| read(said).map(Message::new));
        }
    }
}

impl HandleCast<Said> for Server {
    fn handle_cast(&mut self, said: Said) -> CastResult<Server> {
        self.elsewhere.said(said, &mut self.kept);
        noreply()
    }
}

impl HandleCall<Asked> for Server {
    type Reply = Answered;

    fn handle_call(&mut self, asked: Asked, caller: &Caller<Answered>) -> CallResult<Self, Asked> {
        let is_done = self.elsewhere.ask(&asked, caller.pid(), &mut self.kept);
        reply(match asked {
            Asked::SetLock(_) | Asked::DelLock(_) => Answered::Lock(is_done),
            Asked::Register(_) => Answered::Registered,
            Asked::Unregister(_) => Answered::Unregistered,
        })
    }
}

impl HandleCall<OwnMethod> for Server {
    type Reply = Option<Arc<Resolve>>;

    fn handle_call(
        &mut self,
        OwnMethod(name, (one, other)): OwnMethod,
        _: &Caller<Self::Reply>,
    ) -> CallResult<Self, OwnMethod> {
        let named = self.kept.names.find(&name).filter(|it| it.pid == one || it.pid == other);
        reply(named.and_then(|named| match named.method {
            Method::Own(resolve) => Some(resolve),
            Method::BuiltIn(_) | Method::Foreign(_) => None,
        }))
    }
}

impl HandleCall<AwaitSync> for Server {
    type Reply = Outcome;

    fn handle_call(
        &mut self,
        AwaitSync: AwaitSync,
        caller: &Caller<Outcome>,
    ) -> CallResult<Self, AwaitSync> {
        match self.elsewhere.sync(caller, &mut self.kept) {
            Some(outcome) => reply(outcome),
            None => noreply(),
        }
    }
}

impl HandleCall<InCluster> for Server {
    type Reply = ();

    fn handle_call(
        &mut self,
        InCluster(is_member): InCluster,
        _: &Caller<()>,
    ) -> CallResult<Self, InCluster> {
        self.elsewhere.set_member(is_member);
        reply(())
    }
}
