//! What starts it. Nobody calls a clock.

use std::time::Duration;

use procession::prelude::*;

use super::server::Clock;

/// Starts a clock that ticks after each `period`, and ends after so many `ticks`. Returns a monitor
/// of it.
pub(crate) fn start(period: Duration, ticks: u32) -> Result<MonitorRef, StartError> {
    let (_, monitor) = Clock::start_monitor((period, ticks))?;
    Ok(monitor)
}
