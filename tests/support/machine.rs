//! A state machine that a test scripts, and that tells the test what it does.

use std::fmt;

use procession::gen_statem::InitResult;
use procession::prelude::*;

use crate::support::wait::expect;

/// The state of a machine.
pub(crate) type State = &'static str;

/// What a machine does with an event, which it has told its test of.
pub(crate) type Handle = fn(&mut Machine, EventType, Event, State) -> StateResult<Machine>;

/// What a machine does when it enters a state; the states are the old and the present one.
pub(crate) type Enter = fn(&mut Machine, State, State) -> EnterResult<Machine>;

/// What a machine does first: actions of its `init`, for instance.
pub(crate) type First = fn(InitResult<Machine>) -> InitResult<Machine>;

/// The data of a machine that does what its script says. It starts in the state `a`.
#[derive(Debug)]
pub(crate) struct Machine {
    pub(crate) test: Pid,
    script: Script,
    /// For the script.
    pub(crate) count: u32,
    /// For the script.
    pub(crate) clients: Vec<ReplyTo<u32>>,
}

/// What a machine does.
#[derive(Clone, Copy)]
pub(crate) struct Script {
    pub(crate) handle: Handle,
    /// If there is one, the machine tells of the states that it enters, too.
    pub(crate) enter: Option<Enter>,
    pub(crate) first: First,
}

impl fmt::Debug for Script {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Script")
    }
}

/// An event, which has a name.
#[derive(Debug)]
pub(crate) enum Event {
    Say(&'static str),
    Ask(&'static str, ReplyTo<u32>),
}

impl Event {
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Event::Say(name) | Event::Ask(name, _) => name,
        }
    }

    /// The place where the reply goes, of a call.
    pub(crate) fn client(&self) -> ReplyTo<u32> {
        match self {
            Event::Ask(_, client) => *client,
            Event::Say(name) => panic!("{name} is no call"),
        }
    }
}

/// To the test: what the machine does.
#[derive(Debug, PartialEq)]
pub(crate) struct Seen(pub(crate) String);

/// To the test: the machine terminates, in this state.
#[derive(Debug, PartialEq)]
pub(crate) struct Terminated(pub(crate) ExitReason, pub(crate) State);

impl Script {
    /// The script of a machine that handles events like this, and does nothing else.
    pub(crate) fn new(handle: Handle) -> Script {
        Script { handle, enter: None, first: |start| start }
    }

    pub(crate) fn enter(self, enter: Enter) -> Script {
        Script { enter: Some(enter), ..self }
    }

    pub(crate) fn first(self, first: First) -> Script {
        Script { first, ..self }
    }

    /// Starts a machine, which tells the caller what it does.
    #[track_caller]
    pub(crate) fn start(self) -> StatemRef<Machine> {
        Machine::start((process::self_pid(), self)).unwrap()
    }
}

/// Starts a machine that handles events like this, and tells the caller what it does.
#[track_caller]
pub(crate) fn machine(handle: Handle) -> StatemRef<Machine> {
    Script::new(handle).start()
}

impl Machine {
    fn tell(&self, text: String) {
        process::send(self.test, Seen(text));
    }
}

impl GenStatem for Machine {
    type Args = (Pid, Script);
    type State = State;
    type Event = Event;

    fn init((test, script): (Pid, Script)) -> InitResult<Machine> {
        let machine = Machine { test, script, count: 0, clients: Vec::new() };
        (script.first)(started("a", machine))
    }

    fn handle_event(
        &mut self,
        kind: EventType,
        event: Event,
        state: &State,
    ) -> StateResult<Machine> {
        self.tell(format!("{state}: {kind} {}", event.name()));
        (self.script.handle)(self, kind, event, state)
    }

    fn state_enter(&mut self, old_state: &State, state: &State) -> EnterResult<Machine> {
        match self.script.enter {
            Some(enter) => {
                self.tell(format!("{old_state} -> {state}"));
                enter(self, old_state, state)
            }
            None => entered(),
        }
    }

    fn info(message: Message) -> Result<Event, Message> {
        match message.downcast::<Exit>() {
            Ok(_) => Ok(Event::Say("exit")),
            Err(message) => message.downcast::<&'static str>().map(Event::Say),
        }
    }

    fn terminate(&mut self, reason: &ExitReason, state: &State) {
        process::send(self.test, Terminated(reason.clone(), state));
    }
}

/// Expects the machine to do this next.
#[track_caller]
pub(crate) fn expect_seen<const N: usize>(expected: [&str; N]) {
    let seen: Vec<String> = (0..N).map(|_| expect::<Seen>().0).collect();
    assert_eq!(seen, expected);
}

/// Casts all of these before the machine handles the first: so nothing else, such as a timeout,
/// comes in between.
#[track_caller]
pub(crate) fn cast_together<const N: usize>(machine: StatemRef<Machine>, names: [&'static str; N]) {
    let sys = machine.sys();
    sys.suspend().unwrap();
    names.into_iter().for_each(|name| machine.cast(Event::Say(name)));
    sys.resume().unwrap();
}

/// Calls the machine by the event `name`.
#[track_caller]
pub(crate) fn ask(machine: StatemRef<Machine>, name: &'static str) -> u32 {
    machine.call(|client| Event::Ask(name, client)).unwrap()
}

/// What a script does with an event that it does not expect.
pub(crate) fn ignored() -> StateResult<Machine> {
    gen_statem::keep_state()
}
