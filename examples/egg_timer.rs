//! An egg timer: a server that sends messages to itself, later.
//!
//! What to look for: an alarm is a message that comes in its turn like any other, so what it does
//! is done on the server's thread and needs no lock. The functions come with the requests; they
//! cannot be printed, so they travel in an `Opaque`, and `format_status` chooses what reports show.
//! When somebody breaks the egg timer, its last words are in the log, on standard error.
//!
//! Run it with `cargo run --example egg_timer`.

#![allow(clippy::disallowed_macros, reason = "an example prints")]

use std::error::Error;
use std::fmt;
use std::time::Duration;

use procession::prelude::*;
use procession::timer;

/// What is to be done when the time has come.
type Action = Opaque<Box<dyn FnOnce() + Send>>;

#[derive(Debug)]
struct Alarm {
    name: &'static str,
    duration: Duration,
    timer: TimerRef,
    action: Action,
}

#[derive(Debug, Default)]
struct EggTimer {
    alarms: Vec<Alarm>,
}

impl EggTimer {
    fn take(&mut self, is_meant: impl Fn(&Alarm) -> bool) -> Option<Alarm> {
        let index = self.alarms.iter().position(is_meant)?;
        Some(self.alarms.remove(index))
    }
}

/// What the timer of an alarm with this name sends.
#[derive(Debug)]
struct Ring(&'static str);

impl GenServer for EggTimer {
    type Args = ();

    fn init((): ()) -> InitResult<Self> {
        ready(EggTimer::default())
    }

    fn handle_info(&mut self, message: Message) -> CastResult<Self> {
        // If the alarm was cancelled at the last moment, a new one of this name is not meant.
        if let Ok(Ring(name)) = message.downcast()
            && let Some(alarm) = self.take(|it| it.name == name && timer::read(it.timer).is_none())
        {
            let action = alarm.action.into_inner();
            action();
        }
        noreply()
    }

    fn format_status(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.alarms.iter().map(|it| (it.name, it.duration))).finish()
    }
}

#[derive(Debug)]
enum Request {
    Schedule(&'static str, Duration, Action),
    Cancel(&'static str),
    BreakSomething,
}

impl HandleCast<Request> for EggTimer {
    fn handle_cast(&mut self, request: Request) -> CastResult<Self> {
        match request {
            Request::Schedule(name, duration, action) => {
                let timer = timer::send_after(duration, process::self_pid(), Ring(name));
                self.alarms.push(Alarm { name, duration, timer, action });
            }
            Request::Cancel(name) => {
                if let Some(alarm) = self.take(|it| it.name == name) {
                    timer::cancel(alarm.timer);
                }
            }
            Request::BreakSomething => return stop(ExitReason::new("we_broke_something")),
        }
        noreply()
    }
}

/// Asks for the name of each alarm, its duration and the time left.
#[derive(Debug)]
struct Status;

impl HandleCall<Status> for EggTimer {
    type Reply = Vec<(&'static str, Duration, Duration)>;

    fn handle_call(&mut self, _: Status, _: &Caller<Self::Reply>) -> CallResult<Self, Status> {
        let status = |it: &Alarm| Some((it.name, it.duration, timer::read(it.timer)?));
        reply(self.alarms.iter().filter_map(status).collect())
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    env_logger::init(); // Without RUST_LOG it shows errors.
    let options = StartOptions::new().name("egg_timer");
    let (egg_timer, monitor) = EggTimer::start_monitor_with((), options)?;
    let me = process::self_pid();
    let schedule = |name, duration| {
        let action = Box::new(move || process::send(me, name));
        egg_timer.cast(Request::Schedule(name, duration, Opaque::new(action)));
    };

    schedule("ostrich egg", Duration::from_secs(5400));
    schedule("goose egg", Duration::from_secs(780));
    print_status(&egg_timer)?;
    println!("cancelling the goose egg");
    egg_timer.cast(Request::Cancel("goose egg"));
    schedule("quail egg", Duration::from_millis(40));
    schedule("hen's egg", Duration::from_millis(80));
    for _ in 0..2 {
        receive! { egg: &str => println!("the {egg} is done") }
    }
    print_status(&egg_timer)?;

    println!("breaking something");
    egg_timer.cast(Request::BreakSomething);
    receive! {
        down: Down if down.monitor == monitor => {
            println!("the egg timer has ended: {}", down.reason);
        }
    }
    Ok(())
}

fn print_status(egg_timer: &ServerRef<EggTimer>) -> Result<(), CallError> {
    for (name, duration, left) in egg_timer.call(Status)? {
        println!("{name}: {} s, {} s left", duration.as_secs(), left.as_secs());
    }
    Ok(())
}
