//! The server that an event manager is, and the requests to it.

use std::fmt;
use std::marker::PhantomData;

use crate::exit::ExitReason;
use crate::gen_server::{
    CallResult, Caller, CastResult, GenServer, HandleCall, HandleCast, InitResult, StatusPart,
    Then, noreply, ready, reply,
};
use crate::id::Pid;
use crate::message::{Exit, Message};
use crate::process;
use crate::sys::OldVersion;
use crate::user_code::Guarded;

use super::any_handler::Swap;
use super::{EventHandler, EventManager, Handler, HandlerCall, HandlerError, HandlerId, SwapInit};

#[doc(hidden)] // It is started by its own functions, and asked by its own references.
impl<E: fmt::Debug + Send + 'static> GenServer for EventManager<E> {
    /// The parent.
    type Args = Option<Pid>;

    fn init(parent: Option<Pid>) -> InitResult<EventManager<E>> {
        process::set_trap_exit(true);
        ready(EventManager::new(parent))
    }

    fn handle_info(&mut self, message: Message) -> CastResult<EventManager<E>> {
        let message = Guarded::new(message);
        let exit = message.get().downcast_ref::<Exit>();
        exit.into_iter().for_each(|exit| self.owner_ended(exit));
        go_on(self.inform(message.get()))
    }

    fn terminate(&mut self, _: &ExitReason) {
        self.end_all();
    }

    fn format_status(&self, part: &StatusPart<'_>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match part {
            StatusPart::State | StatusPart::FinalState => self.print(part, f),
            // Events would be printed one and all for a report that never shows them: what a
            // handler fails at is not what the manager does.
            StatusPart::LastMessage(message) if message.downcast_ref::<Exit>().is_none() => {
                f.write_str("(not shown)")
            }
            StatusPart::LastMessage(_) | StatusPart::Reason(_) => part.print(self, f),
        }
    }

    fn code_change(
        mut self,
        old_version: &OldVersion,
        extra: Message,
    ) -> Result<Self, (Self, ExitReason)> {
        let extra = Guarded::new(extra);
        match self.change_code(old_version, extra.get()) {
            Ok(()) => Ok(self),
            Err(reason) => Err((self, reason)),
        }
    }
}

fn go_on<E: fmt::Debug + Send + 'static>(hibernate: bool) -> CastResult<EventManager<E>> {
    if hibernate { noreply().hibernate() } else { noreply() }
}

/// The outcome of a request, and whether the manager is to hibernate.
type Outcome<T> = (Result<T, HandlerError>, bool);

fn outcome_of(added: Result<bool, HandlerError>) -> Outcome<()> {
    match added {
        Ok(hibernate) => (Ok(()), hibernate),
        Err(error) => (Err(error), false),
    }
}

/// What can be asked of a handler.
trait Request: fmt::Debug + Send + 'static {}

impl<M: fmt::Debug + Send + 'static> Request for M {}

/// An event for all handlers. It prints as the event.
pub(crate) struct Notify<E>(pub(crate) Guarded<E>);

/// An event for all handlers; the reply comes when they have handled it. It prints as the event.
pub(crate) struct SyncNotify<E>(pub(crate) Guarded<E>);

impl<E: fmt::Debug> fmt::Debug for Notify<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.0.get(), f)
    }
}

impl<E: fmt::Debug> fmt::Debug for SyncNotify<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.0.get(), f)
    }
}

impl<E: fmt::Debug + Send + 'static> HandleCast<Notify<E>> for EventManager<E> {
    fn handle_cast(&mut self, Notify(event): Notify<E>) -> CastResult<EventManager<E>> {
        go_on(self.notify(event.get()))
    }
}

/// Implements the call of `$request`, which `$answer` answers.
macro_rules! requests {
    ($(
        [$($param:ident: $bound:path),*] $request:ty => $reply:ty,
        |$this:ident, $it:ident| $answer:expr;
    )+) => {$(
        impl<E, $($param),*> HandleCall<$request> for EventManager<E>
        where
            E: fmt::Debug + Send + 'static,
            $($param: $bound,)*
        {
            type Reply = $reply;

            fn handle_call(
                &mut self,
                $it: $request,
                _: &Caller<$reply>,
            ) -> CallResult<EventManager<E>, $request> {
                let $this = self;
                let (answer, hibernate) = $answer;
                if hibernate { reply(answer).hibernate() } else { reply(answer) }
            }
        }
    )+};
}

#[derive(Debug)]
pub(crate) struct WhichHandlers;

pub(crate) struct AddHandler<E, H: EventHandler<E>> {
    pub(crate) id: HandlerId,
    pub(crate) args: Guarded<H::Args>,
    pub(crate) owner: Option<Pid>,
}

pub(crate) struct DeleteHandler<E, H> {
    pub(crate) id: HandlerId,
    pub(crate) args: Guarded<Message>,
    pub(crate) types: PhantomData<fn(E, H)>,
}

pub(crate) struct SwapHandler<E, Old, New: EventHandler<E>> {
    pub(crate) old: HandlerId,
    pub(crate) args: Guarded<Message>,
    pub(crate) new: Handler<New>,
    pub(crate) new_args: Guarded<New::Args>,
    pub(crate) owner: Option<Pid>,
    pub(crate) types: PhantomData<fn(E, Old)>,
}

/// A request of type `M` to a handler of type `H`.
pub(crate) struct Ask<E, H, M> {
    pub(crate) id: HandlerId,
    pub(crate) request: Guarded<M>,
    pub(crate) types: PhantomData<fn(E, H)>,
}

impl<E, H: EventHandler<E>> fmt::Debug for AddHandler<E, H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("AddHandler").field(&self.id).finish()
    }
}

impl<E, H> fmt::Debug for DeleteHandler<E, H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("DeleteHandler").field(&self.id).field(self.args.get()).finish()
    }
}

impl<E, Old, New: EventHandler<E>> fmt::Debug for SwapHandler<E, Old, New> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let args = self.args.get();
        f.debug_tuple("SwapHandler").field(&self.old).field(args).field(&self.new).finish()
    }
}

impl<E, H, M: fmt::Debug> fmt::Debug for Ask<E, H, M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Ask").field(&self.id).field(self.request.get()).finish()
    }
}

requests! {
    [] SyncNotify<E> => (), |this, it| ((), this.notify(it.0.get()));
    [] WhichHandlers => Vec<HandlerId>, |this, _it| (this.ids(), false);
    [H: EventHandler<E>] AddHandler<E, H> => Result<(), HandlerError>, |this, it| {
        outcome_of(this.add_handler::<H>(it.id, it.args, it.owner))
    };
    [H: EventHandler<E>] DeleteHandler<E, H> => Result<H::Leaves, HandlerError>, |this, it| {
        (this.delete_handler::<H>(it.id, it.args), false)
    };
    [Old: EventHandler<E>, New: SwapInit<E, Old>]
    SwapHandler<E, Old, New> => Result<(), HandlerError>, |this, it| {
        let swap = Swap::new::<Old, New>(it.args, it.new, it.new_args);
        outcome_of(this.swap_handler(&it.old, swap, it.owner))
    };
    [H: HandlerCall<E, M>, M: Request] Ask<E, H, M> => Result<H::Reply, HandlerError>, |this, it| {
        this.ask::<H, M>(it.id, it.request)
    };
}
