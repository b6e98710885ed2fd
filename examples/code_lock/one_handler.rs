//! The lock with one handler: the state is an enum.

use std::time::Duration;

use procession::gen_statem::InitResult;
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

#[derive(Debug, PartialEq)]
pub(crate) enum State {
    Locked,
    Open,
}

#[derive(Debug)]
pub(crate) enum Event {
    Button(u8),
    CodeLength(ReplyTo<usize>),
    /// It was open for long enough.
    Lock,
}

impl GenStatem for CodeLock {
    type Args = Arguments;
    type State = State;
    type Event = Event;

    fn init(Arguments { code, listener }: Arguments) -> InitResult<Self> {
        process::set_trap_exit(true); // So that it is locked when it ends, whatever for.
        started(State::Locked, CodeLock { buttons: Buttons::new(code), listener })
    }

    fn state_enter(&mut self, _: &State, state: &State) -> EnterResult<Self> {
        match state {
            State::Locked => {
                self.buttons.clear();
                process::send(self.listener, Door::Locked);
                entered()
            }
            State::Open => {
                process::send(self.listener, Door::Open);
                entered().state_timeout(Duration::from_millis(100), Event::Lock)
            }
        }
    }

    fn handle_event(&mut self, _: EventType, event: Event, state: &State) -> StateResult<Self> {
        match (state, event) {
            (State::Locked, Event::Button(digit)) if self.buttons.press(digit) => {
                next_state(State::Open)
            }
            (State::Locked, Event::Button(_)) => keep_state(),
            (State::Open, button @ Event::Button(_)) => keep_state().postpone(button),
            (_, Event::CodeLength(client)) => {
                keep_state().reply(client, self.buttons.code_length())
            }
            (_, Event::Lock) => next_state(State::Locked),
        }
    }

    fn terminate(&mut self, _: &ExitReason, state: &State) {
        if *state != State::Locked {
            process::send(self.listener, Door::Locked);
        }
    }
}
