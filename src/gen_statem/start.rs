//! Starting a state machine, as servers are started.

use std::any::type_name;
use std::marker::PhantomData;

use crate::exit::ExitReason;
use crate::gen_server::{Behaviour, InitOutcome, Settings, StartOptions, enter};
use crate::user_code::Guarded;

use super::GenStatem;
use super::diagram::Check;
use super::serve::Machine;
use super::state_and_data::StateAndData;
use super::transition::{Init, InitResult, Outcome, Todo};

/// The behaviour of a [`GenStatem`].
pub(super) struct MachineOf<S>(PhantomData<S>);

/// What a machine starts with.
type Ready<S> = (Box<(Guarded<<S as GenStatem>::State>, Guarded<S>)>, Todo<S>);

impl<S: GenStatem> Behaviour for MachineOf<S> {
    type Args = S::Args;
    type Ready = Ready<S>;

    fn callbacks() -> &'static str {
        type_name::<S>()
    }

    fn init(args: S::Args) -> Result<InitOutcome<Ready<S>>, ExitReason> {
        S::init(args).map(outcome_of)
    }

    fn serve((current, todo): Ready<S>, settings: Settings) -> ExitReason {
        let check = Check::new(S::diagram); // It is user code: the state and the data wait for it.
        let (state, data) = *current;
        let current = StateAndData { state: state.into_inner(), data: data.into_inner() };
        Machine::new(current, settings, check).run(todo)
    }
}

fn outcome_of<S: GenStatem>(Init { outcome, todo }: Init<S>) -> InitOutcome<Ready<S>> {
    match outcome {
        Outcome::Started(current) => InitOutcome::Ready((current, todo)),
        Outcome::Ignore => InitOutcome::Ignore,
        Outcome::Error(reason) => InitOutcome::Error(reason),
    }
}

/// Makes the calling process, which has done its own start-up, a state machine. The process ends
/// when the machine does.
///
/// `start` is what an `init` would have returned: a state, data, and actions. Otherwise this is as
/// [`gen_server::enter_loop`](crate::gen_server::enter_loop).
///
/// OTP:
/// [`gen_statem:enter_loop/6`](https://www.erlang.org/doc/apps/stdlib/gen_statem.html#enter_loop/6).
///
/// ```
/// use procession::gen_statem::enter_loop;
/// use procession::prelude::*;
/// use procession::proc_lib;
///
/// #[derive(Debug)] struct Ticket;
///
/// impl GenStatem for Ticket {
///     type Args = ();
///     type State = u32;
///     type Event = ReplyTo<u32>;
///
///     fn init((): ()) -> gen_statem::InitResult<Self> {
///         started(1, Ticket)
///     }
///
///     fn handle_event(
///         &mut self,
///         _: EventType,
///         client: ReplyTo<u32>,
///         number: &u32,
///     ) -> StateResult<Self> {
///         keep_state().reply(client, *number)
///     }
/// }
///
/// let pid = proc_lib::start_link(|starter| {
///     starter.ack(process::self_pid());
///     // The starter goes on, and this takes its time.
///     enter_loop(started(40 + 2, Ticket), StartOptions::new())
/// })?;
/// let ticket = StatemRef::<Ticket>::from_pid(pid);
/// assert_eq!(ticket.call(|client| client)?, 42);
/// # ticket.stop()?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Panics
///
/// In a thread of the program's own, which cannot be ended.
pub fn enter_loop<S: GenStatem>(start: InitResult<S>, options: StartOptions) -> ! {
    enter::<MachineOf<S>>(start.map(outcome_of), options)
}
