//! The process that keeps this node registered with EPMD, which may be one of this program.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use log::Level;

use crate::exit::ExitReason;
use crate::process;
use crate::user_code::log_caught;

use super::epmd::{Bound, Epmd, EpmdError, Registered, Registrant, Registration, is_taken};
use super::local::Local;
use super::lost::LOG;
use super::timed::Deadline;

/// How long it waits before it looks for an EPMD that is gone, as in OTP.
const PAUSE: Duration = Duration::from_secs(2);

/// The entry of this node with an EPMD.
#[derive(Debug)]
pub(super) enum Entry {
    Elsewhere(Registration),
    /// With the EPMD of this program.
    Here(Bound, Registered),
}

impl Entry {
    /// Registers this node. If the program is to have an EPMD, it does unless another one is there.
    pub(super) fn new(
        epmd: Epmd,
        own_epmd: Option<IpAddr>,
        node: Registrant<'_>,
        deadline: Deadline,
    ) -> Result<Entry, EpmdError> {
        match own_epmd.map(|address| Bound::new(address, epmd.port)) {
            Some(Ok(bound)) => {
                let registered = bound.register(node);
                return Ok(Entry::Here(bound, registered));
            }
            Some(Err(error)) if !is_taken(&error) => return Err(EpmdError::Listen(error)),
            Some(Err(_)) | None => {}
        }
        epmd.register(node, deadline).map(Entry::Elsewhere)
    }

    /// Returns the number that tells this life of the node from earlier ones.
    pub(super) fn creation(&self) -> u32 {
        match self {
            Entry::Elsewhere(registration) => registration.creation(),
            Entry::Here(_, registered) => registered.creation(),
        }
    }

    /// Waits until EPMD has gone away. That of this program does not.
    fn wait(self) -> Result<(), ExitReason> {
        match self {
            Entry::Elsewhere(registration) => Ok(registration.wait()?),
            Entry::Here(bound, _registered) => {
                bound.start_link().map_err(ExitReason::from_display)?;
                loop {
                    process::receive_match(|_| false);
                }
            }
        }
    }
}

/// Keeps the node registered until it is ended. The creation stays, whatever a new EPMD says.
pub(super) fn keep(
    local: &Arc<Local>,
    epmd: Epmd,
    mut entry: Option<Entry>,
) -> Result<(), ExitReason> {
    let node = Registrant {
        name: &local.identity.name,
        port: local.port,
        is_hidden: local.settings.is_hidden,
    };
    let mut is_taken = false;
    loop {
        if let Some(entry) = entry.take() {
            entry.wait()?;
            log_caught(Level::Warn, LOG, format_args!("epmd has gone away"));
            pause();
        }
        let deadline = Deadline::after(local.settings.set_up_time);
        match Entry::new(epmd, local.own_epmd, node, deadline) {
            Ok(again) => {
                is_taken = false;
                entry = Some(again);
            }
            Err(error) => {
                let was_taken = is_taken;
                is_taken = matches!(error, EpmdError::NameTaken(_));
                if is_taken && !was_taken {
                    let text = format_args!("this node is not registered any more: {error}");
                    log_caught(Level::Error, LOG, text);
                }
                pause();
            }
        }
    }
}

fn pause() {
    process::receive_match_timeout(PAUSE, |_| false);
}
