//! An egg timer that crashes, and whose alarms ring all the same.
//!
//! What to look for: what must outlive a crash belongs to another process. The table knows the
//! alarms; the egg timer that takes the place of a broken one asks it what is pending, and sets the
//! timers again, for the instants they were meant for. The strategy is `rest_for_one`: without its
//! table an egg timer is of no use, but the table goes on without an egg timer.
//!
//! Run it with `cargo run --example egg_timer_supervised`.

#![allow(clippy::disallowed_macros, reason = "an example prints")]

use std::collections::BTreeMap;
use std::error::Error;
use std::time::{Duration, Instant};

use procession::prelude::*;
use procession::timer;

/// Who is to be told when.
#[derive(Clone, Copy, Debug)]
struct Alarm {
    due: Instant,
    customer: Pid,
}

type Egg = &'static str;

/// Keeps the alarms that have not rung.
#[derive(Debug, Default)]
struct Table {
    alarms: BTreeMap<Egg, Alarm>,
}

#[derive(Debug)]
enum Change {
    Insert(Egg, Alarm),
    Remove(Egg),
}

#[derive(Debug)]
struct Pending;

impl GenServer for Table {
    type Args = ();

    fn init((): ()) -> InitResult<Self> {
        ready(Table::default())
    }
}

impl HandleCall<Change> for Table {
    type Reply = Option<Alarm>;

    fn handle_call(&mut self, change: Change, _: &Caller<Self::Reply>) -> CallResult<Self, Change> {
        reply(match change {
            Change::Insert(egg, alarm) => self.alarms.insert(egg, alarm),
            Change::Remove(egg) => self.alarms.remove(egg),
        })
    }
}

impl HandleCall<Pending> for Table {
    type Reply = BTreeMap<Egg, Alarm>;

    fn handle_call(&mut self, _: Pending, _: &Caller<Self::Reply>) -> CallResult<Self, Pending> {
        reply(self.alarms.clone())
    }
}

/// Keeps nothing itself.
#[derive(Debug)]
struct EggTimer {
    table: ServerRef<Table, Name>,
}

/// What the timer of an alarm sends.
#[derive(Debug)]
struct Ring(Egg);

/// To the customer.
#[derive(Debug)]
struct Done(Egg);

#[derive(Debug)]
enum Request {
    Schedule(Egg, Alarm),
    BreakSomething,
}

impl GenServer for EggTimer {
    type Args = ();

    fn init((): ()) -> InitResult<Self> {
        let table = ServerRef::<Table>::named("table");
        let pending = table.call(Pending)?;
        println!("an egg timer starts");
        for (egg, alarm) in pending {
            timer::send_at(alarm.due, process::self_pid(), Ring(egg));
        }
        ready(EggTimer { table })
    }

    fn handle_info(&mut self, message: Message) -> CastResult<Self> {
        handle_info! { message;
            Ring(egg) => {
                if let Some(alarm) = self.table.call(Change::Remove(egg))? {
                    process::send(alarm.customer, Done(egg));
                }
                noreply()
            }
        }
    }
}

impl HandleCall<Request> for EggTimer {
    type Reply = ();

    fn handle_call(&mut self, request: Request, _: &Caller<()>) -> CallResult<Self, Request> {
        match request {
            Request::Schedule(egg, alarm) => {
                self.table.call(Change::Insert(egg, alarm))?;
                timer::send_at(alarm.due, process::self_pid(), Ring(egg));
                reply(())
            }
            Request::BreakSomething => panic!("we broke something"),
        }
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    env_logger::init_from_env(env_logger::Env::new().default_filter_or("warn"));
    let kitchen = Supervisor::rest_for_one()
        .child(Table::named_child_spec("table", ()))
        .child(EggTimer::named_child_spec("egg_timer", ()))
        .start_link()?;

    let egg_timer = ServerRef::<EggTimer>::named("egg_timer");
    let start = Instant::now();
    let due = |ms| start + Duration::from_millis(ms);
    let schedule = |egg, ms| {
        let alarm = Alarm { due: due(ms), customer: process::self_pid() };
        egg_timer.call(Request::Schedule(egg, alarm))
    };
    schedule("hen's egg", 200)?;
    schedule("quail egg", 100)?;

    println!("breaking something");
    let monitor = process::monitor(&egg_timer);
    let answer = egg_timer.call(Request::BreakSomething);
    receive! { down: Down if down.monitor == monitor => {} }
    kitchen.which_children()?; // The supervisor answers when the next one is there.
    if let Err(error) = answer {
        println!("no answer from the last one: {error}");
    }

    // An alarm that was set before the crash and rang late would ring after this one.
    schedule("goose egg", 220)?;
    for ms in [100, 200, 220] {
        receive! { Done(egg) => println!("the {egg} is done: {}", on_time(due(ms))) }
    }
    kitchen.stop()?;
    Ok(())
}

/// What there is to say of an alarm that rings now.
fn on_time(due: Instant) -> &'static str {
    if Instant::now() < due { "too early" } else { "not too early" }
}
