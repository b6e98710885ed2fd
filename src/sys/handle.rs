//! Handling system messages in the process that has received them.

use std::any::{Any, type_name};
use std::fmt;
use std::ops::ControlFlow;

use crate::call::{Client, ReplyTo};
use crate::call_error::CallErrorKind;
use crate::exit::ExitReason;
#[cfg(all(feature = "dist", target_os = "linux"))]
use crate::external;
use crate::id::Pid;
use crate::message::Awaited;
use crate::message::Exit;
use crate::message::Message;
use crate::process;
use crate::report::MachineStatus;
#[cfg(all(feature = "dist", target_os = "linux"))]
use crate::term::{Term, atom};
use crate::user_code::drop_caught;
use crate::user_code::printed;

use super::{DebugOptions, Mode, Status, SysError, status_of};

/// A system message, which the process that has received it [handles](handle).
pub struct Request {
    order: Order,
    /// The client that waits for the answer.
    client: Option<Client>,
    /// What asks a process of another node for the same, if it is known.
    #[cfg(all(feature = "dist", target_os = "linux"))]
    spelt: Option<Term>,
}

/// The version of the program that a state was made by: a server's
/// [`code_change`](crate::gen_server::GenServer::code_change) converts it to the present one.
///
/// A text is an older version, [`Up`](Self::Up) from which the conversion goes.
///
/// OTP: `OldVsn` of
/// [`code_change/3`](https://www.erlang.org/doc/apps/stdlib/gen_server.html#c:code_change/3).
///
/// ```
/// use procession::sys::OldVersion;
///
/// assert_eq!(OldVersion::from("1.4"), OldVersion::Up("1.4".to_owned()));
/// assert_eq!(OldVersion::Down("1.5".to_owned()).to_string(), "\"1.5\", which is newer");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OldVersion {
    /// This version is older: the program is upgraded. OTP: `Vsn`.
    Up(String),
    /// This version is newer: the program is downgraded. OTP: `{down, Vsn}`.
    Down(String),
}

impl<S: Into<String>> From<S> for OldVersion {
    fn from(version: S) -> OldVersion {
        OldVersion::Up(version.into())
    }
}

impl fmt::Display for OldVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Up(version) => write!(f, "{version:?}"),
            Self::Down(version) => write!(f, "{version:?}, which is newer"),
        }
    }
}

/// The content of a system message.
pub(crate) enum Order {
    Suspend(ReplyTo<()>),
    Resume(ReplyTo<()>),
    Status(ReplyTo<Status>),
    State(StateOrder),
    /// Answers with the state as another node sees it.
    #[cfg(all(feature = "dist", target_os = "linux"))]
    WrittenState(ReplyTo<Term>),
    Debug(Box<dyn FnOnce(&mut DebugOptions) + Send>),
    ChangeCode {
        old_version: OldVersion,
        extra: Message,
        reply_to: ReplyTo<Result<(), SysError>>,
    },
    Terminate {
        reason: ExitReason,
        reply_to: Option<ReplyTo<()>>,
    },
}

/// A function on the state. It gets the state without its type, and the name of the type.
pub(crate) type StateOrder = Box<dyn FnOnce(&mut dyn Any, &'static str) + Send>;

impl Request {
    pub(crate) fn new(order: Order, client: Option<Client>) -> Request {
        Request {
            order,
            client,
            #[cfg(all(feature = "dist", target_os = "linux"))]
            spelt: None,
        }
    }

    /// Says what asks a process of another node for the same.
    #[cfg(all(feature = "dist", target_os = "linux"))]
    pub(super) fn spelt(self, what: Term) -> Request {
        Request { spelt: Some(what), ..self }
    }

    #[cfg(all(feature = "dist", target_os = "linux"))]
    pub(super) fn spelling(&self) -> Option<&Term> {
        self.spelt.as_ref()
    }

    #[cfg(all(feature = "dist", target_os = "linux"))]
    pub(super) fn order(&self) -> &Order {
        &self.order
    }

    #[cfg(all(feature = "dist", target_os = "linux"))]
    pub(super) fn client(&self) -> Option<Client> {
        self.client
    }
}

impl Awaited for Request {
    fn handed_out(&self) {
        self.client.into_iter().for_each(Client::clear_edge);
    }
}

impl fmt::Debug for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = match &self.order {
            Order::Suspend(_) => "Suspend",
            Order::Resume(_) => "Resume",
            Order::Status(_) => "GetStatus",
            Order::State(_) => "State",
            #[cfg(all(feature = "dist", target_os = "linux"))]
            Order::WrittenState(_) => "State",
            Order::Debug(_) => "Debug",
            Order::ChangeCode { .. } => "ChangeCode",
            Order::Terminate { .. } => "Terminate",
        };
        f.debug_tuple("Request").field(&format_args!("{name}")).finish()
    }
}

/// A process that answers system messages.
pub trait System {
    /// The state that [`get_state`](super::Sys::get_state) reads and
    /// [`replace_state`](super::Sys::replace_state) changes.
    type State: Any + fmt::Debug;

    /// Returns the state.
    fn state(&mut self) -> &mut Self::State;

    /// Returns the debug options of the process.
    fn debug(&mut self) -> &mut DebugOptions;

    /// Returns the parent. If this process traps exits, [`handle`] also ends it when the parent
    /// exits while it is suspended. By default there is none.
    fn parent(&self) -> Option<Pid> {
        None
    }

    /// Returns the name of the type that the process runs the callbacks of: by default the type of
    /// the state.
    fn module(&self) -> &'static str {
        type_name::<Self::State>()
    }

    /// Returns what a [state machine](crate::gen_statem) has beside its state; by default there is
    /// nothing.
    fn machine(&mut self) -> Option<MachineStatus> {
        None
    }

    /// Returns the state as text: by default its `Debug`.
    fn print(&mut self) -> String {
        printed(self.state())
    }

    /// Migrates the state from the version `old_version` of the program.
    ///
    /// # Errors
    ///
    /// The reason for which the state is not changed. By default it never is.
    fn change_code(&mut self, old_version: &OldVersion, extra: Message) -> Result<(), ExitReason> {
        _ = extra;
        Err(ExitReason::new(format!("there is no way from version {old_version}")))
    }
}

/// Handles a system message. The caller is the process that it was sent to.
///
/// If the message suspends the process, this returns when the process is resumed; the other
/// messages stay in the mailbox. `Break` holds the reason with which the process must end.
///
/// OTP:
/// [`sys:handle_system_msg/6`](https://www.erlang.org/doc/apps/stdlib/sys.html#handle_system_msg/6).
pub fn handle(request: Request, system: &mut impl System) -> ControlFlow<ExitReason> {
    let mut mode = obey(request, Mode::Running, system)?;
    while mode == Mode::Suspended {
        let parent = system.parent();
        let message = process::receive_match(|message| {
            message.is::<Request>() || exit_of(parent, message).is_some()
        });
        if let Some(exit) = exit_of(parent, &message) {
            return ControlFlow::Break(exit.reason.clone());
        }
        if let Ok(request) = message.downcast::<Request>() {
            mode = obey(request, mode, system)?;
        }
    }
    ControlFlow::Continue(())
}

/// Returns the exit of `parent`, if `message` is that.
pub(crate) fn exit_of(parent: Option<Pid>, message: &Message) -> Option<&Exit> {
    message.downcast_ref::<Exit>().filter(|exit| parent == Some(exit.from))
}

/// Carries out a request, and returns the mode from then on.
fn obey(request: Request, mode: Mode, system: &mut impl System) -> ControlFlow<ExitReason, Mode> {
    match request.order {
        Order::Suspend(reply_to) => {
            reply_to.reply(());
            return ControlFlow::Continue(Mode::Suspended);
        }
        Order::Resume(reply_to) => {
            reply_to.reply(());
            return ControlFlow::Continue(Mode::Running);
        }
        Order::Status(reply_to) => reply_to.reply(status_of(mode, system)),
        Order::State(act) => act_on_state(act, system),
        #[cfg(all(feature = "dist", target_os = "linux"))]
        Order::WrittenState(reply_to) => reply_to.reply(written_state(system)),
        Order::Debug(act) => act(system.debug()),
        Order::ChangeCode { reply_to, .. } if mode == Mode::Running => {
            reply_to.reply(Err(SysError::NotSuspended));
        }
        Order::ChangeCode { old_version, extra, reply_to } => {
            let outcome = system.change_code(&old_version, extra);
            reply_to.reply(outcome.map_err(SysError::Refused));
        }
        Order::Terminate { reason, reply_to } => {
            reply_to.into_iter().for_each(|reply_to| reply_to.reply(()));
            return ControlFlow::Break(reason);
        }
    }
    ControlFlow::Continue(mode)
}

/// Returns `{ok, State}`, where the state is as another node sees it: its term, if its type
/// travels, or else what it prints.
///
/// So answer the servers of OTP 27, whose `sys:get_state` takes nothing else. That of OTP 25 takes
/// whatever comes for the state.
#[cfg(all(feature = "dist", target_os = "linux"))]
fn written_state<S: System>(system: &mut S) -> Term {
    let state = external::to_term(system.state()).unwrap_or_else(|| system.print().into());
    Term::Tuple(vec![atom("ok").into(), state])
}

fn act_on_state<S: System>(act: StateOrder, system: &mut S) {
    act(system.state(), type_name::<S::State>());
}

/// Returns the order to run `act` on the state, and to reply with its value.
pub(crate) fn on_state<S: Any, R: Send + 'static>(
    act: impl FnOnce(&mut S) -> R + Send + 'static,
    reply_to: ReplyTo<Result<R, SysError>>,
) -> StateOrder {
    Box::new(move |state, found| match state.downcast_mut::<S>() {
        Some(state) => {
            let outcome = process::catch(|| act(state));
            reply_to.reply(outcome.map_err(SysError::CallbackFailed));
        }
        None => {
            drop_caught(act);
            let expected = type_name::<S>();
            reply_to.refuse(CallErrorKind::WrongServer { expected, found });
        }
    })
}
