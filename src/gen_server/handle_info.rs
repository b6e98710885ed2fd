//! Ordinary messages of a server: taking them apart, and warning of those that it does not handle.

use std::any::type_name;

use log::Level;

use crate::message::Message;
use crate::process::info::logged_self;
use crate::user_code::{drop_caught, is_seen, printed};

use super::next::{CastResult, noreply};
use super::{GenServer, TARGET, warn};

/// Takes a message apart in [`handle_info`](crate::gen_server::GenServer::handle_info), by arms as
/// those of [`receive!`](crate::receive).
///
/// First comes the message, and a semicolon; then arms, which are tried from the top. Each states
/// or shows the type of its pattern, and can have a guard. The value is that of the body of the
/// first arm that fits. If none fits, the message is [`unhandled`](crate::gen_server::unhandled):
/// a warning is logged, and the server goes on. So every body returns what `handle_info` does, as a
/// rule [`noreply`](crate::gen_server::noreply)`()` or [`stop`](crate::gen_server::stop)`(reason)`.
///
/// ```
/// use procession::prelude::*;
///
/// #[derive(Debug)] struct Doorman { guests: u32, shift: MonitorRef }
/// #[derive(Debug)] enum Door { In, Out }
///
/// # impl HandleCall<()> for Doorman {
/// #     type Reply = u32;
/// #     fn handle_call(&mut self, (): (), _: &Caller<u32>) -> CallResult<Self, ()> {
/// #         reply(self.guests)
/// #     }
/// # }
/// impl GenServer for Doorman {
///     type Args = Pid;
///     fn init(shift: Pid) -> InitResult<Self> {
///         ready(Doorman { guests: 0, shift: process::monitor(shift) })
///     }
///
///     fn handle_info(&mut self, message: Message) -> CastResult<Self> {
///         handle_info! { message;
///             Door::In => {
///                 self.guests += 1;
///                 noreply()
///             }
///             Door::Out if self.guests > 0 => {
///                 self.guests -= 1;
///                 noreply()
///             }
///             down: Down if down.monitor == self.shift => stop(ExitReason::Shutdown),
///             n: u32 => {
///                 self.guests += n;
///                 noreply()
///             }
///         }
///     }
/// }
///
/// let shift = process::spawn(|| drop(process::receive()))?;
/// let doorman = Doorman::start(shift)?;
/// doorman.send(Door::In);
/// doorman.send(4_u32);
/// doorman.send("what is your name?"); // This is logged.
/// doorman.send(Door::Out);
/// assert_eq!(doorman.call(())?, 4);
///
/// let monitor = process::monitor(doorman);
/// process::send(shift, "go home");
/// receive! { down: Down if down.monitor == monitor => assert!(down.reason.is_orderly()) }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// A last arm `_ => …` or `other: Message => …` takes what the others have left. As with
/// `receive!`, a body that is not a block ends with a comma, and `return` and `?` act on the
/// function around the macro.
#[macro_export]
macro_rules! handle_info {
    ($message:expr ; $($arms:tt)+) => {
        $crate::receive!(@arm [message $message] [0_usize] [] $($arms)+)
    };
    ($($other:tt)*) => {
        ::core::compile_error!(
            "expected the message, a semicolon, and arms: `handle_info! { message; pattern => … }`"
        )
    };
}

/// Logs that a server of type `S`, which is the caller, does not handle `message`, as a warning,
/// and drops the message: what [`handle_info`](GenServer::handle_info) does by default, and
/// [`handle_info!`](crate::handle_info) with what its arms leave.
///
/// The warning has the target `procession::gen_server`. The result is [`noreply`]`()`.
///
/// OTP: what `handle_info/2` does by default in a module that does not export it.
///
/// # Errors
///
/// Never.
pub fn unhandled<S: GenServer>(message: Message) -> CastResult<S> {
    warn_of_unhandled::<S>(message);
    noreply()
}

/// Logs a message that a server of type `S` does not handle.
pub(crate) fn warn_of_unhandled<S>(message: Message) {
    if is_seen(Level::Warn, TARGET) {
        warn(format_args!(
            "{} ({}) does not handle this message: {}",
            logged_self(),
            type_name::<S>(),
            printed(&message),
        ));
    }
    drop_caught(message);
}
