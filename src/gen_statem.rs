//! State machines: a process whose reactions depend on a state.

mod event_type;
mod state_and_data;
mod timeouts;
mod engine;
mod transition;
mod callbacks;
mod actions;
mod status;
mod serve;
mod terminating;
mod request;
mod start;
mod statem_ref;

use std::any::type_name;
use std::fmt;

use log::Level;

use crate::child_policy::{Restart, Shutdown};
use crate::exit::ExitReason;
use crate::gen_server;
use crate::id::MonitorRef;
use crate::message::Message;
use crate::process;
use crate::supervisor::ChildSpec;
use crate::sys::OldVersion;
use crate::user_code::{drop_caught, is_seen, log_caught, printed};

pub use crate::call::ReplyTo;
pub use crate::call_error::{CallError, CallErrorKind};
pub use crate::gen_server::{
    EnterLoopError, NameRefused, RequestId, RequestIds, StartError, StartOptions, StopError,
    WaitError, stop,
};
pub use crate::report::MachineStatus;
pub use actions::{Actions, EventActions, Postpone};
pub use callbacks::{BadAction, Callbacks, StateFunction};
pub use event_type::{EventType, TimeoutType};
pub use start::enter_loop;
pub use state_and_data::StateAndData;
pub use statem_ref::{OwnedStatem, StatemRef};
pub use status::StatusPart;
pub use transition::{
    EnterResult, Entered, Init, InitResult, StateResult, Transition, enter_again, entered, ignore,
    init_error, keep_state, next_state, repeat_state, started, stop_and_reply,
};

use start::MachineOf;

/// The log target of warnings.
const TARGET: &str = "procession::gen_statem";

/// The data of a state machine, with its callbacks.
///
/// See the [module](self) for an example.
pub trait GenStatem: fmt::Debug + Sized + 'static {
    /// The arguments that the machine is started with.
    type Args: Send + 'static;

    /// The state. It never leaves the process of the machine, so it need not be `Send`.
    type State: PartialEq + fmt::Debug + 'static;

    /// Everything that the machine reacts to.
    type Event: fmt::Debug + Send + 'static;

    /// When a supervisor restarts a child that is a machine of this type, unless its
    /// [spec](ChildSpec::restart) says otherwise.
    const RESTART: Restart = Restart::Permanent;

    /// How a supervisor stops a child that is a machine of this type, unless its
    /// [spec](ChildSpec::shutdown) says otherwise. Default: a timeout of five seconds, as in OTP.
    const SHUTDOWN: Shutdown = Shutdown::WORKER;

    /// Makes the state and the data, on the machine's own thread. The starter waits until this has
    /// returned.
    ///
    /// Return [`started`], [`ignore`], [`init_error`], or [`stop`].
    ///
    /// # Errors
    ///
    /// Returns the reason with which the process ends, and the start fails.
    fn init(args: Self::Args) -> InitResult<Self>;

    /// Handles an event.
    ///
    /// Return [`next_state`], [`keep_state`], [`repeat_state`], [`stop`] or [`stop_and_reply`], with
    /// [actions](Actions). The result of an event that the machine does not expect in this state is
    /// [`keep_state`], or [`postpone`](Postpone::postpone) if a later state will handle it.
    ///
    /// # Errors
    ///
    /// Returns the reason with which the machine is to end.
    fn handle_event(
        &mut self,
        kind: EventType,
        event: Self::Event,
        state: &Self::State,
    ) -> StateResult<Self>;

    /// Called when the machine has come from `old_state` to `state`, before it handles any event
    /// there. By default nothing is done.
    ///
    /// It is called for the first state, too, and when a state is [repeated](repeat_state); then
    /// both are the same. Return [`entered`] with [actions](Actions), or [`stop`]. Events cannot be
    /// inserted or postponed here.
    ///
    /// OTP: [state enter calls](https://www.erlang.org/doc/system/statem.html#state-enter-calls).
    ///
    /// # Errors
    ///
    /// Returns the reason with which the machine is to end.
    fn state_enter(&mut self, old_state: &Self::State, state: &Self::State) -> EnterResult<Self> {
        _ = (old_state, state);
        entered()
    }

    /// Makes an ordinary message an event, which is handled as [`EventType::Info`].
    ///
    /// By default only a message that is an event already becomes one. Any other is logged, as a
    /// warning, and dropped.
    ///
    /// # Errors
    ///
    /// Returns a message that is no event of this machine's.
    fn info(message: Message) -> Result<Self::Event, Message> {
        message.downcast()
    }

    /// Cleans up when the machine is about to end with `reason`, in this `state`.
    ///
    /// If this panics or exits, the machine ends with that reason instead.
    fn terminate(&mut self, reason: &ExitReason, state: &Self::State) {
        _ = (reason, state);
    }

    /// Prints a part of the machine's status, for whoever looks at the machine: for its report, for
    /// [`Sys::get_status`](crate::sys::Sys::get_status), and for traces. By default each is printed
    /// as it is. A machine that must not show something hides it here.
    ///
    /// OTP: [`format_status/1`](https://www.erlang.org/doc/apps/stdlib/gen_statem.html#c:format_status/1).
    ///
    /// # Errors
    ///
    /// Returns the errors of the formatter.
    fn format_status(
        &self,
        state: &Self::State,
        part: &StatusPart<'_, Self::Event>,
        f: &mut fmt::Formatter<'_>,
    ) -> fmt::Result {
        part.print(state, self, f)
    }

    /// Converts the state and the data of the program's version `old_version` to the present one,
    /// when [`Sys::change_code`](crate::sys::Sys::change_code) is called with `extra`.
    ///
    /// By default nothing is changed, and an error is returned.
    ///
    /// OTP: [`code_change/4`](https://www.erlang.org/doc/apps/stdlib/gen_statem.html#c:code_change/4).
    ///
    /// # Errors
    ///
    /// Returns why they are not changed.
    fn code_change(
        &mut self,
        state: &mut Self::State,
        old_version: &OldVersion,
        extra: Message,
    ) -> Result<(), ExitReason> {
        _ = (state, extra);
        let reason = format!("{} has no code_change from {old_version}", type_name::<Self>());
        Err(ExitReason::new(reason))
    }

    /// Starts a machine that is not linked to the caller, and waits until its `init` has returned.
    ///
    /// OTP: [`gen_statem:start/3`](https://www.erlang.org/doc/apps/stdlib/gen_statem.html#start/3).
    ///
    /// # Errors
    ///
    /// Returns a [`StartError`]; then there is no machine.
    fn start(args: Self::Args) -> Result<StatemRef<Self>, StartError> {
        Self::start_with(args, StartOptions::new())
    }

    /// As [`start`](Self::start), with options.
    ///
    /// # Errors
    ///
    /// As [`start`](Self::start).
    fn start_with(args: Self::Args, options: StartOptions) -> Result<StatemRef<Self>, StartError> {
        gen_server::start::<MachineOf<Self>>(args, options, false).map(StatemRef::from_pid)
    }

    /// Starts a machine that is linked to the caller, its parent, and waits until its `init` has
    /// returned.
    ///
    /// If `init` fails, the exit signal ends a caller that does not trap exits; a caller that does
    /// gets the error, and no [`Exit`](crate::Exit) message.
    ///
    /// OTP: [`gen_statem:start_link/3`](https://www.erlang.org/doc/apps/stdlib/gen_statem.html#start_link/3).
    ///
    /// # Errors
    ///
    /// As [`start`](Self::start).
    fn start_link(args: Self::Args) -> Result<StatemRef<Self>, StartError> {
        Self::start_link_with(args, StartOptions::new())
    }

    /// As [`start_link`](Self::start_link), with options.
    ///
    /// # Errors
    ///
    /// As [`start`](Self::start).
    fn start_link_with(
        args: Self::Args,
        options: StartOptions,
    ) -> Result<StatemRef<Self>, StartError> {
        gen_server::start::<MachineOf<Self>>(args, options, true).map(StatemRef::from_pid)
    }

    /// As [`start`](Self::start), and monitors the machine, whose parent is the caller.
    ///
    /// OTP: [`gen_statem:start_monitor/3`](https://www.erlang.org/doc/apps/stdlib/gen_statem.html#start_monitor/3).
    ///
    /// # Errors
    ///
    /// As [`start`](Self::start); then there is no monitor either, and no [`Down`](crate::Down)
    /// comes.
    fn start_monitor(args: Self::Args) -> Result<(StatemRef<Self>, MonitorRef), StartError> {
        Self::start_monitor_with(args, StartOptions::new())
    }

    /// As [`start_monitor`](Self::start_monitor), with options.
    ///
    /// # Errors
    ///
    /// As [`start_monitor`](Self::start_monitor).
    fn start_monitor_with(
        args: Self::Args,
        options: StartOptions,
    ) -> Result<(StatemRef<Self>, MonitorRef), StartError> {
        let (pid, monitor) = gen_server::start_monitored::<MachineOf<Self>>(args, options)?;
        Ok((StatemRef::from_pid(pid), monitor))
    }

    /// Returns the spec of a worker that is started with `args` each time. Its id is the name of
    /// the machine's type.
    fn child_spec(args: Self::Args) -> ChildSpec<StatemRef<Self>>
    where
        Self::Args: Clone + Sync,
    {
        Self::child_spec_with(move || args.clone())
    }

    /// Returns a [`child_spec`](Self::child_spec) whose arguments are made anew each time.
    fn child_spec_with(
        args: impl Fn() -> Self::Args + Send + Sync + 'static,
    ) -> ChildSpec<StatemRef<Self>> {
        of_machine(ChildSpec::new(type_name::<Self>(), move || Self::start_link(args())))
    }

    /// Returns the spec of a temporary worker that is started with `args`, which cannot be cloned:
    /// they own a socket, for instance. See [`ChildSpec::once`].
    fn child_spec_once(args: Self::Args) -> ChildSpec<StatemRef<Self>> {
        let spec = ChildSpec::once(type_name::<Self>(), move || Self::start_link(args));
        of_machine(spec).restart(Restart::Temporary)
    }

    /// Returns a [`child_spec`](Self::child_spec) by which the machine is registered as `name`,
    /// which is also its id.
    fn named_child_spec(name: impl Into<String>, args: Self::Args) -> ChildSpec<StatemRef<Self>>
    where
        Self::Args: Clone + Sync,
    {
        of_machine(ChildSpec::named(name, move |options| {
            Self::start_link_with(args.clone(), options)
        }))
    }

    /// Returns a template for machines that are each started with their own arguments: for
    /// [`Supervisor::simple_one_for_one`](crate::supervisor::Supervisor::simple_one_for_one).
    fn child_template() -> ChildSpec<StatemRef<Self>, Self::Args> {
        of_machine(ChildSpec::template(type_name::<Self>(), Self::start_link))
    }
}

/// Returns the spec of a machine, with what its type says of restarts and the shutdown.
fn of_machine<S: GenStatem, A>(spec: ChildSpec<StatemRef<S>, A>) -> ChildSpec<StatemRef<S>, A> {
    spec.of_type(S::RESTART, S::SHUTDOWN)
}

/// Logs a message that a machine of type `S` does not handle.
fn warn_of_unhandled<S>(message: Message) {
    if is_seen(Level::Warn, TARGET) {
        let (me, name) = (process::self_pid(), type_name::<S>());
        warn(format_args!("{me} ({name}) does not handle this message: {}", printed(&message)));
    }
    drop_caught(message);
}

/// Logs a warning to the author of a machine.
fn warn(text: fmt::Arguments<'_>) {
    log_caught(Level::Warn, TARGET, text);
}
