//! The process: it sends itself a message for each alarm, later.

use std::fmt;
use std::time::Duration;

use procession::gen_server::StatusPart;
use procession::prelude::*;
use procession::timer;

use super::core::Alarms;

/// What is to be done when the time has come. A function cannot be printed, so it travels in an
/// `Opaque`.
pub(crate) type Action = Opaque<Box<dyn FnOnce() + Send>>;

/// An alarm to be set.
#[derive(Debug)]
pub(crate) struct Alarm {
    pub(crate) name: String,
    pub(crate) duration: Duration,
    /// By default the egg timer says that the egg is done.
    pub(crate) action: Option<Action>,
}

/// An alarm that was set.
#[derive(Debug)]
struct Pending {
    timer: TimerRef,
    duration: Duration,
    action: Option<Action>,
}

#[derive(Debug, Default)]
pub(crate) struct EggTimer {
    alarms: Alarms<Pending>,
}

impl EggTimer {
    fn schedule(&mut self, alarm: Alarm) {
        let Alarm { name, duration, action } = alarm;
        let timer = timer::send_after(duration, process::self_pid(), Ring(name.clone()));
        if let Some(before) = self.alarms.schedule(name, Pending { timer, duration, action }) {
            timer::cancel(before.timer);
        }
    }
}

/// What the timer of an alarm with this name sends.
#[derive(Debug)]
struct Ring(String);

impl GenServer for EggTimer {
    /// The alarms to be set at the start.
    type Args = Vec<Alarm>;

    fn init(alarms: Vec<Alarm>) -> InitResult<Self> {
        process::set_trap_exit(true); // So that `terminate` runs when it is told to shut down.
        let mut egg_timer = EggTimer::default();
        for alarm in alarms {
            egg_timer.schedule(alarm);
        }
        ready(egg_timer)
    }

    fn handle_info(&mut self, message: Message) -> CastResult<Self> {
        handle_info! { message;
            Ring(name) => {
                // If one was cancelled at the last moment, a new one of this name is not meant.
                let alarm = self.alarms.ring(&name, |it| timer::read(it.timer).is_none());
                match alarm.map(|it| it.action) {
                    Some(Some(action)) => action.into_inner()(),
                    Some(None) => println!("the {name} is done"),
                    None => {}
                }
                noreply()
            }
        }
    }

    fn terminate(&mut self, reason: &ExitReason) {
        println!("the egg timer ends: {reason}");
        for (name, alarm) in self.alarms.pending() {
            timer::cancel(alarm.timer);
            println!("cancelled, as the egg timer ends: {name}");
        }
    }

    /// What reports show of the state.
    fn format_status(&self, part: &StatusPart<'_>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (StatusPart::State | StatusPart::FinalState) = part else {
            return part.print(self, f);
        };
        f.debug_map().entries(self.alarms.pending().map(|(name, it)| (name, it.duration))).finish()
    }
}

#[derive(Debug)]
pub(crate) struct Schedule(pub(crate) Alarm);

impl HandleCast<Schedule> for EggTimer {
    fn handle_cast(&mut self, Schedule(alarm): Schedule) -> CastResult<Self> {
        self.schedule(alarm);
        noreply()
    }
}

#[derive(Debug)]
pub(crate) struct Cancel(pub(crate) String);

impl HandleCall<Cancel> for EggTimer {
    /// How much time was left.
    type Reply = Option<Duration>;

    fn handle_call(
        &mut self,
        Cancel(name): Cancel,
        _: &Caller<Self::Reply>,
    ) -> CallResult<Self, Cancel> {
        reply(self.alarms.cancel(&name).and_then(|alarm| timer::cancel(alarm.timer)))
    }
}

/// Asks for the name of each alarm, and the time left.
#[derive(Debug)]
pub(crate) struct Status;

impl HandleCall<Status> for EggTimer {
    type Reply = Vec<(String, Duration)>;

    fn handle_call(&mut self, _: Status, _: &Caller<Self::Reply>) -> CallResult<Self, Status> {
        let left =
            |(name, alarm): (&str, &Pending)| Some((name.to_owned(), timer::read(alarm.timer)?));
        reply(self.alarms.pending().filter_map(left).collect())
    }
}
