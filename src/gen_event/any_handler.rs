//! A handler whose type its manager does not know.

use std::any::Any;
use std::fmt;
use std::marker::PhantomData;

use crate::exit::ExitReason;
use crate::gen_server::StatusPart;
use crate::message::Message;
use crate::process;
use crate::sys::OldVersion;
use crate::user_code::{Guarded, drop_caught, printed_up_to};

use super::{
    EventHandler, Handler, HandlerId, HandlerInit, Init, Left, NothingLeft, SwapInit, Terminate,
};

/// How many bytes of an event or a request a report shows.
const SHOWN: usize = 1000;

/// The state of a handler, with its callbacks.
///
/// None of the methods panics, but for a process that is being killed.
pub(crate) trait AnyHandler<E> {
    fn handle_event(&mut self, event: &E) -> Result<Then<E>, ExitReason>;
    fn handle_info(&mut self, message: &Message) -> Result<Then<E>, ExitReason>;

    /// Runs `terminate`, whose value nobody wants.
    fn terminate(&mut self, why: Terminate) -> Result<(), ExitReason>;

    fn code_change(&mut self, old_version: &OldVersion, extra: &Message) -> Result<(), ExitReason>;
    fn print(&self, part: &StatusPart<'_>) -> String;
    fn state(&self) -> &dyn Any;
    fn state_mut(&mut self) -> &mut dyn Any;
}

struct State<H>(Guarded<H>);

impl<E: 'static, H: EventHandler<E>> AnyHandler<E> for State<H> {
    fn handle_event(&mut self, event: &E) -> Result<Then<E>, ExitReason> {
        let state = self.0.get_mut();
        Ok(process::catch(|| state.handle_event(event))??.then)
    }

    fn handle_info(&mut self, message: &Message) -> Result<Then<E>, ExitReason> {
        let state = self.0.get_mut();
        Ok(process::catch(|| state.handle_info(message))??.then)
    }

    fn terminate(&mut self, why: Terminate) -> Result<(), ExitReason> {
        terminate::<E, H>(self.0.get_mut(), why).map(drop_caught)
    }

    fn code_change(&mut self, old_version: &OldVersion, extra: &Message) -> Result<(), ExitReason> {
        let state = self.0.get_mut();
        process::catch(|| state.code_change(old_version, extra))?
    }

    fn print(&self, part: &StatusPart<'_>) -> String {
        let limit = if let StatusPart::LastMessage(_) = part { SHOWN } else { usize::MAX };
        printed_up_to(limit, &Part { state: self.0.get(), part, events: PhantomData::<fn(E)> })
    }

    fn state(&self) -> &dyn Any {
        self.0.get()
    }

    fn state_mut(&mut self) -> &mut dyn Any {
        self.0.get_mut()
    }
}

/// Prints a part of a handler's status as its `format_status` wants it.
struct Part<'a, E, H> {
    state: &'a H,
    part: &'a StatusPart<'a>,
    events: PhantomData<fn(E)>,
}

impl<E, H: EventHandler<E>> fmt::Debug for Part<'_, E, H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.state.format_status(self.part, f)
    }
}

/// Runs `terminate`, and returns what the handler leaves.
pub(crate) fn terminate<E, H: EventHandler<E>>(
    state: &mut H,
    why: Terminate,
) -> Outcome<H::Leaves> {
    process::catch(|| state.terminate(why)).map(Guarded::new)
}

type Outcome<T> = Result<Guarded<T>, ExitReason>;

/// A handler that has been initialized.
pub(crate) struct Started<E> {
    pub(crate) state: Box<dyn AnyHandler<E>>,
    pub(crate) hibernate: bool,
}

/// Runs `init` of a handler.
pub(crate) fn init<E, H>(args: Guarded<H::Args>) -> Result<Started<E>, ExitReason>
where
    E: 'static,
    H: EventHandler<E>,
{
    started(|| H::init(args.into_inner()))
}

fn started<E: 'static, H: EventHandler<E>>(
    init: impl FnOnce() -> HandlerInit<H>,
) -> Result<Started<E>, ExitReason> {
    let Init { state, hibernate } = process::catch(init)??;
    Ok(Started { state: Box::new(State(Guarded::new(state))), hibernate })
}

/// How it goes on with a handler.
pub(crate) enum Then<E> {
    Stay,
    /// It stays, and the manager hibernates.
    Hibernate,
    Remove,
    Swap(Swap<E>),
}

/// One handler to be swapped for another.
pub(crate) struct Swap<E> {
    /// The one that takes the place.
    pub(crate) new: HandlerId,
    /// Ends the one that is there, if it is.
    end_old: EndOld<E>,
}

/// The first half of a swap, which returns the second.
type EndOld<E> = Box<dyn FnOnce(Option<Box<dyn AnyHandler<E>>>) -> Start<E>>;

/// The second half of a swap, which starts the other one.
type Start<E> = Box<dyn FnOnce() -> Result<Started<E>, ExitReason>>;

impl<E: 'static> Swap<E> {
    pub(crate) fn new<Old, New>(
        args: Guarded<Message>,
        new: Handler<New>,
        new_args: Guarded<New::Args>,
    ) -> Swap<E>
    where
        Old: EventHandler<E>,
        New: SwapInit<E, Old>,
    {
        let end_old = move |old| {
            let left = leave::<E, Old>(old, args);
            Box::new(move || {
                started(|| New::swap_init(new_args.into_inner(), left.map(Guarded::into_inner)))
            }) as Start<E>
        };
        Swap { new: new.into(), end_old: Box::new(end_old) }
    }

    /// Ends the handler that is there. The returned function starts the one that takes its place.
    pub(crate) fn end_old(self, old: Option<Box<dyn AnyHandler<E>>>) -> Start<E> {
        (self.end_old)(old)
    }
}

/// Ends a handler, drops it, and returns what it leaves.
fn leave<E: 'static, H: EventHandler<E>>(
    old: Option<Box<dyn AnyHandler<E>>>,
    args: Guarded<Message>,
) -> Left<Guarded<H::Leaves>> {
    let mut old = old.ok_or(NothingLeft::NotInstalled)?;
    let args = Terminate::Args(args.into_inner());
    terminate::<E, H>(state_of(&mut *old), args).map_err(NothingLeft::Failed)
}

/// Returns the state of a handler whose id says that it is an `H`.
pub(crate) fn state_of<E, H: 'static>(handler: &mut dyn AnyHandler<E>) -> &mut H {
    handler.state_mut().downcast_mut().expect("its id has its type")
}
