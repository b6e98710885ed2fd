//! Handlers of events that tell an observer what happens to them, and do as they are told.

use std::time::Duration;

use procession::gen_event::{
    Handler, HandlerExit, HandlerExitReason, HandlerId, Left, SwapInit, Terminate, handler,
};
use procession::prelude::*;

use crate::support::wait::test_timeout;

pub(crate) type Manager = EventManagerRef<Event>;

#[derive(Clone, Debug)]
pub(crate) enum Event {
    /// All handlers tell the observer of it.
    Note(u32),
    /// Only this handler does something.
    To(&'static str, Action),
}

/// What a handler is to do.
#[derive(Clone, Debug)]
pub(crate) enum Action {
    GoOn,
    Remove,
    Fail,
    Panic,
    Exit,
    Hibernate,
    /// Swap itself for the other kind, with these arguments.
    Swap(Plan),
}

/// The arguments of a handler.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    pub(crate) name: &'static str,
    pub(crate) observer: Pid,
    pub(crate) start: Start,
}

/// How a handler starts.
#[derive(Clone, Debug)]
pub(crate) enum Start {
    Ready,
    Hibernate,
    Fail,
    Panic,
}

/// To the observer: this has happened.
#[derive(Debug)]
pub(crate) struct Told(pub(crate) String);

/// A handler. There are several kinds, each a type.
#[derive(Debug)]
pub(crate) struct Probe<const KIND: u8> {
    name: &'static str,
    observer: Pid,
}

pub(crate) type Probe1 = Probe<1>;
pub(crate) type Probe2 = Probe<2>;

pub(crate) fn probe1() -> Handler<Probe1> {
    handler()
}

pub(crate) fn probe2() -> Handler<Probe2> {
    handler()
}

/// The arguments of a handler that is ready at once, and tells the caller.
pub(crate) fn plan(name: &'static str) -> Plan {
    plan_to(Start::Ready, name)
}

pub(crate) fn plan_to(start: Start, name: &'static str) -> Plan {
    Plan { name, observer: process::self_pid(), start }
}

/// The reason of a handler that fails, or is left by an exit.
pub(crate) fn failure() -> ExitReason {
    ExitReason::new("failure")
}

impl<const KIND: u8> Probe<KIND> {
    fn new(plan: Plan, what: &str) -> HandlerInit<Self> {
        let probe = Probe { name: plan.name, observer: plan.observer };
        probe.tell(what);
        match plan.start {
            Start::Ready => gen_event::installed(probe),
            Start::Hibernate => gen_event::installed(probe).hibernate(),
            Start::Fail => Err(failure()),
            Start::Panic => panic!("a panic in init"),
        }
    }

    fn tell(&self, what: &str) {
        process::send(self.observer, Told(format!("{} {what}", self.name)));
    }
}

/// Does what a probe is told to do.
trait Act: Sized {
    fn act(action: Action) -> HandlerResult<Self, Event>;
}

macro_rules! act {
    ($probe:ty, $swap:expr) => {
        impl Act for $probe {
            fn act(action: Action) -> HandlerResult<Self, Event> {
                match action {
                    Action::GoOn => gen_event::ok(),
                    Action::Remove => gen_event::remove_handler(),
                    Action::Fail => Err(failure()),
                    Action::Panic => panic!("a panic in a callback"),
                    Action::Exit => process::exit_self(failure()),
                    Action::Hibernate => gen_event::ok().hibernate(),
                    Action::Swap(plan) => gen_event::swap_handler("swap", $swap, plan),
                }
            }
        }
    };
}

act!(Probe1, probe2());
act!(Probe2, probe1());

impl<const KIND: u8> EventHandler<Event> for Probe<KIND>
where
    Probe<KIND>: Act,
{
    type Args = Plan;
    type Leaves = String;

    fn init(plan: Plan) -> HandlerInit<Self> {
        Probe::new(plan, "begins")
    }

    fn handle_event(&mut self, event: &Event) -> HandlerResult<Self, Event> {
        match event {
            Event::Note(number) => {
                self.tell(&format!("got {number}"));
                gen_event::ok()
            }
            Event::To(name, action) if *name == self.name => Self::act(action.clone()),
            Event::To(..) => gen_event::ok(),
        }
    }

    fn handle_info(&mut self, message: &Message) -> HandlerResult<Self, Event> {
        match message.downcast_ref::<Event>() {
            Some(event) => self.handle_event(event),
            None => {
                let text = match message.downcast_ref::<Exit>() {
                    Some(exit) => format!("heard of an exit: {}", exit.reason),
                    None => format!("heard {message:?}"),
                };
                self.tell(&text);
                gen_event::ok()
            }
        }
    }

    fn terminate(&mut self, why: Terminate) -> String {
        let is_panic = matches!(&why, Terminate::Failed(reason) if reason.as_panic().is_some());
        self.tell(&if is_panic { "ends by a panic".into() } else { format!("ends: {why:?}") });
        let args = if let Terminate::Args(args) = why { args.downcast().ok() } else { None };
        assert!(args != Some("panic"), "a panic in terminate");
        format!("state of {}", self.name)
    }
}

impl<const KIND: u8, const OLD: u8> SwapInit<Event, Probe<OLD>> for Probe<KIND>
where
    Probe<KIND>: Act,
    Probe<OLD>: Act,
{
    fn swap_init(plan: Plan, left: Left<String>) -> HandlerInit<Self> {
        Probe::new(plan, &format!("begins with {left:?}"))
    }
}

/// A request: the name of the handler, and what it is to do.
#[derive(Debug)]
pub(crate) struct Do(pub(crate) Action);

impl<const KIND: u8> HandlerCall<Event, Do> for Probe<KIND>
where
    Probe<KIND>: Act,
{
    type Reply = &'static str;

    fn handle_call(&mut self, Do(action): Do) -> HandlerReply<Self, Event, Do> {
        self.tell("was called");
        Self::act(action).reply(self.name)
    }
}

/// A request that a handler answers when the client lets it.
#[derive(Debug)]
pub(crate) struct Wait(pub(crate) Pid);

/// From a handler that waits: it is this process.
#[derive(Debug)]
pub(crate) struct Waits(pub(crate) Pid);

/// To a handler that waits: go on.
#[derive(Debug)]
pub(crate) struct GoOn;

impl<const KIND: u8> HandlerCall<Event, Wait> for Probe<KIND>
where
    Probe<KIND>: Act,
{
    type Reply = ();

    fn handle_call(&mut self, Wait(client): Wait) -> HandlerReply<Self, Event, Wait> {
        process::send(client, Waits(process::self_pid()));
        receive! {
            GoOn => gen_event::ok(),
            after test_timeout() => panic!("nobody lets the handler go on"),
        }
    }
}

/// A manager without handlers.
#[track_caller]
pub(crate) fn manager() -> Manager {
    EventManager::start().unwrap()
}

/// What the handlers have told the caller so far, in order. All that they have told before they
/// answered a request is there.
pub(crate) fn told() -> Vec<String> {
    let mut told = Vec::new();
    while let Some(message) =
        process::receive_match_timeout(Duration::ZERO, |message| message.is::<Told>())
    {
        told.push(message.downcast::<Told>().unwrap().0);
    }
    told
}

/// Waits until a handler tells this.
#[track_caller]
pub(crate) fn expect_told(what: &str) {
    receive! {
        Told(text) if text == what => {},
        after test_timeout() => panic!("no handler tells that {what}"),
    }
}

/// What the caller, as an owner, has heard so far: the handlers, and why they have ended.
pub(crate) fn heard() -> Vec<(HandlerId, HandlerExitReason)> {
    let mut heard = Vec::new();
    while let Some(message) =
        process::receive_match_timeout(Duration::ZERO, |message| message.is::<HandlerExit>())
    {
        let exit = message.downcast::<HandlerExit>().unwrap();
        heard.push((exit.handler, exit.reason));
    }
    heard
}

#[track_caller]
pub(crate) fn which(manager: &Manager) -> Vec<HandlerId> {
    manager.which_handlers().unwrap()
}
