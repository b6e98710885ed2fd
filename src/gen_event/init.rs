//! The results of `init`.

use crate::exit::ExitReason;

/// The result of [`init`](super::EventHandler::init) and
/// [`swap_init`](super::SwapInit::swap_init): see [`installed`].
///
/// An error is the reason for which the handler is not added.
pub type HandlerInit<H> = Result<Init<H>, ExitReason>;

/// How a handler starts out.
#[derive(Debug)]
pub struct Init<H> {
    pub(crate) state: H,
    pub(crate) hibernate: bool,
}

/// Returned from `init`: the handler is installed, with this state.
///
/// OTP: `{ok, State}`.
pub fn installed<H>(state: H) -> HandlerInit<H> {
    Ok(Init { state, hibernate: false })
}
