//! The lock with a function for each state: the state is the function.

use std::time::Duration;

use procession::gen_statem::{InitResult, StateFunction};
use procession::prelude::*;

use crate::Door;
use crate::core::Buttons;

#[derive(Debug)]
pub(crate) struct CodeLock {
    buttons: Buttons,
    listener: Pid,
}

#[derive(Debug)]
pub(crate) struct Arguments {
    pub(crate) code: Vec<u8>,
    pub(crate) listener: Pid,
}

#[derive(Debug)]
pub(crate) enum Event {
    Button(u8),
    CodeLength(ReplyTo<usize>),
    State(ReplyTo<&'static str>),
    /// It was open for long enough, or is locked by hand.
    Lock,
}

type State = StateFunction<CodeLock>;

const LOCKED: State = StateFunction::new("locked", CodeLock::locked);
const OPEN: State = StateFunction::new("open", CodeLock::open);

impl CodeLock {
    fn locked(&mut self, _: EventType, event: Event) -> StateResult<Self> {
        match event {
            Event::Button(digit) if self.buttons.press(digit) => {
                process::send(self.listener, Door::Open);
                next_state(OPEN).state_timeout(Duration::from_secs(10), Event::Lock)
            }
            Event::Button(_) | Event::Lock => keep_state(),
            Event::CodeLength(client) => self.tell_length(client),
            Event::State(client) => keep_state().reply(client, LOCKED.name()),
        }
    }

    fn open(&mut self, _: EventType, event: Event) -> StateResult<Self> {
        match event {
            Event::Button(_) => keep_state(),
            Event::Lock => {
                self.lock();
                next_state(LOCKED)
            }
            Event::CodeLength(client) => self.tell_length(client),
            Event::State(client) => keep_state().reply(client, OPEN.name()),
        }
    }

    /// What is the same in each state.
    fn tell_length(&mut self, client: ReplyTo<usize>) -> StateResult<Self> {
        keep_state().reply(client, self.buttons.code_length())
    }

    fn lock(&mut self) {
        self.buttons.clear();
        process::send(self.listener, Door::Locked);
    }
}

impl GenStatem for CodeLock {
    type Args = Arguments;
    type State = State;
    type Event = Event;

    fn init(Arguments { code, listener }: Arguments) -> InitResult<Self> {
        process::set_trap_exit(true); // So that it is locked when it ends, whatever for.
        let mut lock = CodeLock { buttons: Buttons::new(code), listener };
        lock.lock();
        started(LOCKED, lock)
    }

    fn handle_event(&mut self, kind: EventType, event: Event, state: &State) -> StateResult<Self> {
        state.call(self, kind, event)
    }

    fn terminate(&mut self, _: &ExitReason, state: &State) {
        if *state != LOCKED {
            self.lock();
        }
    }
}
