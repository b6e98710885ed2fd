//! The process that keeps this node registered with EPMD.

use std::sync::Arc;
use std::time::{Duration, Instant};

use log::Level;

use crate::exit::ExitReason;
use crate::process;
use crate::user_code::log_caught;

use super::epmd::{EpmdError, Registrant, Registration};
use super::local::Local;
use super::lost::LOG;

/// How long it waits before it looks for an EPMD that is gone, as in OTP.
const PAUSE: Duration = Duration::from_secs(2);

/// Keeps the node registered until it is ended. The creation stays, whatever a new EPMD says.
pub(super) fn keep(
    local: &Arc<Local>,
    mut registration: Option<Registration>,
) -> Result<(), ExitReason> {
    let node = Registrant {
        name: &local.identity.name,
        port: local.port,
        is_hidden: local.settings.is_hidden,
    };
    loop {
        if let Some(registration) = registration.take() {
            registration.wait()?;
            log_caught(Level::Warn, LOG, format_args!("epmd has gone away"));
        }
        process::receive_match_timeout(PAUSE, |_| false);
        match local.epmd.register(node, Instant::now() + local.settings.set_up_time) {
            Ok(again) => registration = Some(again),
            Err(EpmdError::NameTaken(name)) => {
                let text = format_args!("epmd is back, and another node has the name {name}");
                log_caught(Level::Error, LOG, text);
            }
            Err(_) => {}
        }
    }
}
