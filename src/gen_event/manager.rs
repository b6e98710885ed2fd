//! The handlers of a manager, and what becomes of them.

use std::any::{Any, type_name};
use std::fmt;

use crate::exit::ExitReason;
use crate::gen_server::StatusPart;
use crate::id::Pid;
use crate::message::{Exit, Message};
use crate::process;
use crate::process::Info;
use crate::process::send::send_regardless;
use crate::report;
use crate::report::{HandlerReport, Kind, Report};
use crate::sys::{Incoming, OldVersion};
use crate::user_code::{Guarded, displayed, printed};

use super::any_handler::{AnyHandler, Started, Swap, Then, init, state_of, terminate};
use super::{
    EventHandler, Handler, HandlerCall, HandlerError, HandlerExit, HandlerExitReason, HandlerId,
    Terminate,
};

/// An event manager for events of type `E`: starts managers; and is their state, as
/// [`sys`](super::EventManagerRef::sys) shows it.
///
/// See the [module](super) for an example.
pub struct EventManager<E> {
    /// The handler that was added last comes last.
    handlers: Vec<Entry<E>>,
    /// The process whose end ends the manager.
    parent: Option<Pid>,
}

/// A handler in its place.
struct Entry<E> {
    id: HandlerId,
    /// The process that hears of its end, and whose end is its end.
    owner: Option<Pid>,
    state: Box<dyn AnyHandler<E>>,
}

/// What a handler was handling when it failed.
enum Last<'a> {
    /// It is still there.
    There(Incoming<'a>),
    /// It is gone. It was a `what`, and may have been printed before.
    Noted { text: Option<String>, what: &'static str },
}

/// What [`Sys::get_state`](crate::sys::Sys::get_state) and
/// [`replace_state`](crate::sys::Sys::replace_state) can do with the handlers.
impl<E: fmt::Debug + Send + 'static> EventManager<E> {
    /// Returns the handlers with their states, the one that was added last first.
    ///
    /// OTP: `{Module, Id, State}` of
    /// [`sys:get_state/1`](https://www.erlang.org/doc/apps/stdlib/sys.html#get_state/1).
    pub fn handlers(&self) -> impl Iterator<Item = (&HandlerId, &dyn Any)> {
        self.handlers.iter().rev().map(|entry| (&entry.id, entry.state.state()))
    }

    /// Returns the state of a handler, if it is installed.
    pub fn state_of<H: 'static>(&self, handler: &Handler<H>) -> Option<&H> {
        let index = self.position(&handler.clone().into())?;
        self.handlers[index].state.state().downcast_ref()
    }

    /// Runs `change` on the state of each handler of type `H`, the one that was added last first.
    ///
    /// If it panics, the state is as it was left, and it goes on with the next one.
    pub fn change_states<H: 'static>(&mut self, mut change: impl FnMut(&HandlerId, &mut H)) {
        for Entry { id, state, .. } in self.handlers.iter_mut().rev() {
            if let Some(state) = state.state_mut().downcast_mut() {
                _ = process::catch(|| change(id, state));
            }
        }
    }
}

impl<E: fmt::Debug + Send + 'static> EventManager<E> {
    pub(crate) fn new(parent: Option<Pid>) -> EventManager<E> {
        EventManager { handlers: Vec::new(), parent }
    }

    pub(crate) fn ids(&self) -> Vec<HandlerId> {
        self.handlers.iter().rev().map(|entry| entry.id.clone()).collect()
    }

    /// Returns the place of a handler; if there are several, of the one that was added last.
    fn position(&self, id: &HandlerId) -> Option<usize> {
        self.handlers.iter().rposition(|entry| entry.id.is_same(id))
    }

    /// Has all handlers handle an event, and returns whether any wants the manager to hibernate.
    pub(crate) fn notify(&mut self, event: &E) -> bool {
        let last = Last::There(Incoming::new(event));
        self.each(&last, |handler| handler.handle_event(event))
    }

    /// Has all handlers handle an ordinary message, as [`notify`](Self::notify) an event.
    pub(crate) fn inform(&mut self, message: &Message) -> bool {
        let last = Last::There(Incoming::message(message));
        self.each(&last, |handler| handler.handle_info(message))
    }

    #[inline]
    fn each(
        &mut self,
        last: &Last<'_>,
        handle: impl Fn(&mut dyn AnyHandler<E>) -> Result<Then<E>, ExitReason>,
    ) -> bool {
        let mut hibernate = false;
        // From the last to the first: whoever goes, or takes a place, is behind.
        for index in (0..self.handlers.len()).rev() {
            let outcome = handle(&mut *self.handlers[index].state);
            hibernate |= match outcome {
                Ok(Then::Stay) => false,
                outcome => self.go_on(index, outcome, last),
            };
        }
        hibernate
    }

    /// Goes on with a handler as its callback has said. Returns whether the manager is to
    /// hibernate.
    #[cold]
    fn go_on(
        &mut self,
        index: usize,
        outcome: Result<Then<E>, ExitReason>,
        last: &Last<'_>,
    ) -> bool {
        match outcome {
            Ok(Then::Stay) => false,
            Ok(Then::Hibernate) => true,
            Ok(Then::Remove) => {
                let entry = self.handlers.remove(index);
                entry.end(Terminate::RemoveHandler, HandlerExitReason::Normal);
                false
            }
            Ok(Then::Swap(swap)) => self.swap_in_place(index, swap),
            Err(reason) => {
                self.handlers.remove(index).fail(reason, last);
                false
            }
        }
    }

    fn swap_in_place(&mut self, index: usize, swap: Swap<E>) -> bool {
        let Entry { id, owner, state } = self.handlers.remove(index);
        let new = swap.new.clone();
        let start = swap.end_old(Some(state));
        tell(owner, id, HandlerExitReason::Swapped { new: new.clone(), owner });
        match start() {
            Ok(Started { state, hibernate }) => {
                self.handlers.insert(index, Entry { id: new, owner, state });
                hibernate
            }
            Err(reason) => {
                submit(describe::<E>(&new, &reason, None, None));
                tell(owner, new, HandlerExitReason::Failed(reason));
                false
            }
        }
    }

    /// Adds a handler that `start` starts. Returns whether the manager is to hibernate.
    fn add(
        &mut self,
        id: HandlerId,
        owner: Option<Pid>,
        start: impl FnOnce() -> Result<Started<E>, ExitReason>,
    ) -> Result<bool, HandlerError> {
        // An owner that has ended is heard of next.
        owner.into_iter().for_each(process::link);
        match start() {
            Ok(Started { state, hibernate }) => {
                self.handlers.push(Entry { id, owner, state });
                Ok(hibernate)
            }
            Err(reason) => Err(HandlerError::Failed { handler: id, reason }),
        }
    }

    pub(crate) fn add_handler<H: EventHandler<E>>(
        &mut self,
        id: HandlerId,
        args: Guarded<H::Args>,
        owner: Option<Pid>,
    ) -> Result<bool, HandlerError> {
        self.add(id, owner, || init::<E, H>(args))
    }

    pub(crate) fn delete_handler<H: EventHandler<E>>(
        &mut self,
        id: HandlerId,
        args: Guarded<Message>,
    ) -> Result<H::Leaves, HandlerError> {
        let Some(index) = self.position(&id) else { return Err(HandlerError::NotInstalled(id)) };
        let Entry { id, owner, mut state } = self.handlers.remove(index);
        let args = Terminate::Args(args.into_inner());
        let left = terminate::<E, H>(state_of(&mut *state), args);
        drop(state);
        tell(owner, id.clone(), HandlerExitReason::Normal);
        let left = left.map_err(|reason| HandlerError::Failed { handler: id, reason })?;
        Ok(left.into_inner())
    }

    pub(crate) fn swap_handler(
        &mut self,
        old: &HandlerId,
        swap: Swap<E>,
        new_owner: Option<Pid>,
    ) -> Result<bool, HandlerError> {
        let new = swap.new.clone();
        let Some(index) = self.position(old) else {
            return self.add(new, new_owner, swap.end_old(None));
        };
        let Entry { id, owner: old_owner, state } = self.handlers.remove(index);
        let owner = new_owner.or(old_owner);
        let start = swap.end_old(Some(state));
        tell(old_owner, id, HandlerExitReason::Swapped { new: new.clone(), owner });
        self.add(new, owner, start)
    }

    /// Has a handler handle a request. Returns its reply, and whether the manager is to hibernate.
    pub(crate) fn ask<H: HandlerCall<E, M>, M: fmt::Debug + 'static>(
        &mut self,
        id: HandlerId,
        request: Guarded<M>,
    ) -> (Result<H::Reply, HandlerError>, bool) {
        let Some(index) = self.position(&id) else {
            return (Err(HandlerError::NotInstalled(id)), false);
        };
        let handler = &mut *self.handlers[index].state;
        let last = Last::note(handler, request.get());
        let state: &mut H = state_of(handler);
        let outcome = process::catch(|| state.handle_call(request.into_inner()));
        match outcome.unwrap_or_else(Err) {
            Ok(next) => {
                let reply = Guarded::new(next.reply);
                let hibernate = self.go_on(index, Ok(next.then), &last);
                (Ok(reply.into_inner()), hibernate)
            }
            Err(reason) => {
                self.go_on(index, Err(reason.clone()), &last);
                (Err(HandlerError::Failed { handler: id, reason }), false)
            }
        }
    }

    /// Ends the handlers of an owner that has ended.
    pub(crate) fn owner_ended(&mut self, exit: &Exit) {
        for index in (0..self.handlers.len()).rev() {
            if self.handlers[index].owner == Some(exit.from) {
                let why = Terminate::OwnerEnded(exit.reason.clone());
                self.handlers.remove(index).end(why, HandlerExitReason::Shutdown);
            }
        }
    }

    /// Ends all handlers, as the manager ends.
    pub(crate) fn end_all(&mut self) {
        let mut owners = Vec::new();
        while let Some(entry) = self.handlers.pop() {
            owners.extend(entry.owner);
            entry.end(Terminate::ManagerEnds, HandlerExitReason::Shutdown);
        }
        // They have heard of it. The parent is to hear the reason, too.
        owners.retain(|owner| Some(*owner) != self.parent);
        owners.into_iter().for_each(process::unlink);
    }

    pub(crate) fn change_code(
        &mut self,
        old_version: &OldVersion,
        extra: &Message,
    ) -> Result<(), ExitReason> {
        let mut handlers = self.handlers.iter_mut().rev();
        handlers.try_for_each(|entry| entry.state.code_change(old_version, extra))
    }

    /// Prints the handlers, each as its `format_status` wants it.
    pub(crate) fn print(&self, part: &StatusPart<'_>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let entries = self.handlers.iter().rev();
        let mut map = f.debug_map();
        for Entry { id, state, .. } in entries {
            map.entry(id, &format_args!("{}", state.print(part)));
        }
        map.finish()
    }
}

/// As a map from the handlers to their states, the one that was added last first.
impl<E: fmt::Debug + Send + 'static> fmt::Debug for EventManager<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.print(&StatusPart::State, f)
    }
}

impl<E> Entry<E> {
    /// Ends a handler for which nobody waits.
    fn end(mut self, why: Terminate, reason: HandlerExitReason) {
        if let Err(failure) = self.state.terminate(why) {
            submit(describe(&self.id, &failure, Some(&*self.state), None));
        }
        let Entry { id, owner, state } = self;
        drop(state); // Whoever hears of the end may rely on that.
        tell(owner, id, reason);
    }

    /// Ends a handler that has failed.
    fn fail(mut self, reason: ExitReason, last: &Last<'_>) {
        // As the callback has left the state; written when `terminate` has run.
        let report = describe(&self.id, &reason, Some(&*self.state), Some(last));
        let outcome = self.state.terminate(Terminate::Failed(reason.clone()));
        submit(report);
        if let Err(failure) = outcome {
            submit(describe(&self.id, &failure, Some(&*self.state), Some(last)));
        }
        let Entry { id, owner, state } = self;
        drop(state);
        tell(owner, id, HandlerExitReason::Failed(reason));
    }
}

impl<'a> Last<'a> {
    /// A request of type `M`, which the handler consumes: it is printed now, but only if reports
    /// are logged or handled.
    fn note<E, M: fmt::Debug + 'static>(handler: &dyn AnyHandler<E>, request: &M) -> Last<'a> {
        let is_expected = report::is_expected(Kind::Handler);
        let print = || handler.print(&StatusPart::LastMessage(Incoming::new(request)));
        Last::Noted { text: is_expected.then(print), what: type_name::<M>() }
    }

    fn print<E>(&self, handler: &dyn AnyHandler<E>) -> String {
        match self {
            Last::There(message) => handler.print(&StatusPart::LastMessage(*message)),
            Last::Noted { text: Some(text), .. } => text.clone(),
            Last::Noted { text: None, what } => {
                format!("a {what} (to see its value, give the program a logger)")
            }
        }
    }
}

/// Sends the owner of a handler, if it has one, that it has ended. A full mailbox of one owner is
/// not to stop all handlers, nor to hide the end.
fn tell(owner: Option<Pid>, handler: HandlerId, reason: HandlerExitReason) {
    if let Some(owner) = owner {
        send_regardless(owner, HandlerExit { manager: process::self_pid(), handler, reason });
    }
}

/// Returns the report of a handler that has failed, if anybody wants it. One that has failed to
/// start has no `handler`, which is its state; one that was not handling anything no `last`.
fn describe<E>(
    id: &HandlerId,
    reason: &ExitReason,
    handler: Option<&dyn AnyHandler<E>>,
    last: Option<&Last<'_>>,
) -> Option<HandlerReport> {
    if !report::is_wanted(Kind::Handler) {
        return None;
    }
    let me = process::self_pid();
    let info = process::info(me);
    Some(HandlerReport {
        handler: printed(id),
        manager: me,
        name: info.as_ref().and_then(Info::any_name),
        label: info.and_then(|info| info.label),
        last_event: handler.zip(last).map(|(handler, last)| last.print(handler)),
        state: handler.map(|handler| handler.print(&StatusPart::FinalState)),
        shown_reason: match handler {
            Some(handler) => handler.print(&StatusPart::Reason(reason)),
            None => displayed(reason),
        },
        reason: reason.clone(),
    })
}

fn submit(report: Option<HandlerReport>) {
    if let Some(report) = report {
        report::submit(&Report::Handler(report));
    }
}
