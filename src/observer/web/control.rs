//! What may be done to a process, where that is allowed.

use crate::exit::ExitReason;
use crate::process;
use crate::sys;

use super::access::check_mark;
use super::details::{check_asking, process_of, unanswered};
use super::refusal::Refusal;
use super::request::Request;
use super::shared::Shared;

/// What is done to a process.
#[derive(Clone, Copy, Debug)]
pub(super) enum Action {
    Kill,
    Suspend,
    Resume,
}

/// Does what a request asks for.
pub(super) fn act(action: Action, request: &Request, shared: &Shared) -> Result<(), Refusal> {
    if !shared.settings.control {
        return Err(Refusal::ReadOnly);
    }
    check_mark(request)?;
    let info = process_of(request)?;
    let sys = sys::of(info.pid).timeout(shared.settings.status_timeout);
    let done = match action {
        Action::Kill if info.foreign => return Err(Refusal::Foreign),
        Action::Kill => {
            process::exit(info.pid, ExitReason::Kill);
            return Ok(());
        }
        Action::Suspend => check_asking(request, &info).map(|()| sys.suspend())?,
        Action::Resume => check_asking(request, &info).map(|()| sys.resume())?,
    };
    done.map_err(|error| unanswered(&error, &info, shared))
}
