//! What cooks call.

use std::time::Duration;

use procession::prelude::*;

use super::core::TimeLeft;
use super::server::{Alarm, Cancel, EggTimer, Schedule, Status};

const NAME: &str = "egg_timer";

fn egg_timer() -> ServerRef<EggTimer, Name> {
    ServerRef::named(NAME)
}

/// Starts the egg timer with these alarms.
pub(crate) fn start_link(
    alarms: &[(&'static str, Duration)],
) -> Result<ServerRef<EggTimer>, StartError> {
    let alarm = |&(name, duration): &(&str, Duration)| Alarm {
        name: name.to_owned(),
        duration,
        action: None,
    };
    let alarms = alarms.iter().map(alarm).collect();
    EggTimer::start_link_with(alarms, StartOptions::new().name(NAME))
}

/// How a supervisor starts it, each time with these alarms.
pub(crate) fn child_spec(
    alarms: &'static [(&'static str, Duration)],
) -> ChildSpec<ServerRef<EggTimer>> {
    ChildSpec::new(NAME, || start_link(alarms))
}

/// Sets an alarm that says that the egg is done.
pub(crate) fn schedule(name: &str, duration: Duration) {
    egg_timer().cast(Schedule(Alarm { name: name.to_owned(), duration, action: None }));
}

/// Sets an alarm that does this, in the egg timer's process.
pub(crate) fn schedule_action(
    name: &str,
    duration: Duration,
    action: impl FnOnce() + Send + 'static,
) {
    let action = Some(Opaque::new(Box::new(action) as Box<_>));
    egg_timer().cast(Schedule(Alarm { name: name.to_owned(), duration, action }));
}

/// Returns how much time was left; `None` if there was no such alarm any more.
pub(crate) fn cancel(name: &str) -> Result<Option<TimeLeft>, CallError> {
    Ok(egg_timer().call(Cancel(name.to_owned()))?.map(TimeLeft))
}

/// Returns the names of all pending alarms, and the time left of each.
pub(crate) fn status() -> Result<Vec<(String, TimeLeft)>, CallError> {
    let left = |(name, left)| (name, TimeLeft(left));
    Ok(egg_timer().call(Status)?.into_iter().map(left).collect())
}

/// Stops the egg timer. Pending alarms are cancelled.
pub(crate) fn stop() -> Result<(), StopError> {
    egg_timer().stop()
}

/// Stops it with a reason of one's own: one that is not orderly is reported.
pub(crate) fn stop_with(reason: ExitReason) -> Result<(), StopError> {
    egg_timer().stop_with(reason, Duration::from_secs(5))
}
