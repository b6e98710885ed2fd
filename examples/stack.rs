//! A stack that many can use, in three layers.
//!
//! What to look for: the core is a data structure, and knows of no process. The server is how the
//! core answers requests; it decides nothing. The functions of `api` are all that a client sees, so
//! requests can change without its noticing.
//!
//! Run it with `cargo run --example stack`.

#![allow(clippy::disallowed_macros, reason = "an example prints")]

use std::error::Error;

/// What a stack is.
mod core {
    #[derive(Debug, Default)]
    pub(super) struct Stack {
        /// The top is the last.
        items: Vec<String>,
    }

    impl Stack {
        pub(super) fn push(&mut self, item: String) {
            self.items.push(item);
        }

        pub(super) fn pop(&mut self) -> Option<String> {
            self.items.pop()
        }

        /// From the top down.
        pub(super) fn items(&self) -> Vec<String> {
            self.items.iter().rev().cloned().collect()
        }
    }
}

/// A stack that is a server.
mod server {
    use procession::prelude::*;

    use super::core::Stack;

    #[derive(Debug)]
    pub(super) struct Push(pub(super) String);

    #[derive(Debug)]
    pub(super) struct Pop;

    #[derive(Debug)]
    pub(super) struct State;

    impl GenServer for Stack {
        type Args = ();

        fn init((): ()) -> InitResult<Self> {
            ready(Stack::default())
        }
    }

    impl HandleCast<Push> for Stack {
        fn handle_cast(&mut self, Push(item): Push) -> CastResult<Self> {
            self.push(item);
            noreply()
        }
    }

    impl HandleCall<Pop> for Stack {
        type Reply = Option<String>;

        fn handle_call(&mut self, _: Pop, _: &Caller<Self::Reply>) -> CallResult<Self, Pop> {
            reply(self.pop())
        }
    }

    impl HandleCall<State> for Stack {
        type Reply = Vec<String>;

        fn handle_call(&mut self, _: State, _: &Caller<Self::Reply>) -> CallResult<Self, State> {
            reply(self.items())
        }
    }
}

/// What clients call.
mod api {
    use procession::prelude::*;

    use super::core;
    use super::server::{Pop, Push, State};

    pub(super) type Stack = ServerRef<core::Stack>;

    pub(super) fn start_link() -> Result<Stack, StartError> {
        core::Stack::start_link(())
    }

    pub(super) fn push(stack: &Stack, item: impl Into<String>) {
        stack.cast(Push(item.into()));
    }

    /// Returns what was on top; `None` if nothing was.
    pub(super) fn pop(stack: &Stack) -> Result<Option<String>, CallError> {
        stack.call(Pop)
    }

    /// Returns all that is on the stack, the top first.
    pub(super) fn state(stack: &Stack) -> Result<Vec<String>, CallError> {
        stack.call(State)
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let stack = api::start_link()?;
    for item in ["one", "two", "three"] {
        api::push(&stack, item);
    }
    println!("stack: {:?}", api::state(&stack)?);
    while let Some(item) = api::pop(&stack)? {
        println!("popped {item:?}, left: {:?}", api::state(&stack)?);
    }
    Ok(())
}
