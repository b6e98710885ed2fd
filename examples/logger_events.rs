//! A log whose output is handlers of events: as OTP's `error_logger` was, and its `logger` is.
//!
//! What to look for: the program sends each event to one process, the manager, and does not know
//! what becomes of it. A handler writes to standard output, one counts, one keeps the last events;
//! they are added while the program runs, and asked each in its own words. One has a bug. It is
//! removed and reported, and the manager, the other handlers and the program go on; its owner,
//! which has added it as a supervised handler, hears why. Then the handler that keeps the last
//! three events is swapped for one that keeps five: what the first has kept is handed over, and no
//! event is lost between them. At the end one handler is deleted, and what it leaves is its count.
//!
//! Run it with `cargo run --example logger_events`.

#![allow(clippy::disallowed_macros, reason = "an example prints")]

use std::collections::{BTreeMap, VecDeque};
use std::error::Error;

use procession::gen_event::{HandlerExitReason, Left, SwapInit, Terminate, handler};
use procession::prelude::*;

/// The name of the manager.
const LOG: &str = "log";

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Level {
    Info,
    Error,
}

/// What the program logs.
#[derive(Clone, Debug)]
struct Record {
    level: Level,
    text: String,
}

fn log(level: Level, text: &str) {
    EventManagerRef::named(LOG).notify(Record { level, text: text.to_owned() });
}

/// Writes to standard output.
#[derive(Debug)]
struct Console;

impl EventHandler<Record> for Console {
    type Args = ();
    type Leaves = ();

    fn init((): ()) -> HandlerInit<Self> {
        gen_event::installed(Console)
    }

    fn handle_event(&mut self, Record { level, text }: &Record) -> HandlerResult<Self, Record> {
        println!("    [{level:?}] {text}");
        gen_event::ok()
    }
}

/// Counts the records of each level.
#[derive(Debug)]
struct Counts(BTreeMap<Level, u32>);

impl EventHandler<Record> for Counts {
    type Args = ();
    /// The number of all records.
    type Leaves = u32;

    fn init((): ()) -> HandlerInit<Self> {
        gen_event::installed(Counts(BTreeMap::new()))
    }

    fn handle_event(&mut self, record: &Record) -> HandlerResult<Self, Record> {
        *self.0.entry(record.level).or_default() += 1;
        gen_event::ok()
    }

    fn terminate(&mut self, _: Terminate) -> u32 {
        self.0.values().sum()
    }
}

#[derive(Debug)]
struct CountOf(Level);

impl HandlerCall<Record, CountOf> for Counts {
    type Reply = u32;

    fn handle_call(&mut self, CountOf(level): CountOf) -> HandlerReply<Self, Record, CountOf> {
        gen_event::ok().reply(self.0.get(&level).copied().unwrap_or(0))
    }
}

/// Keeps the last records.
#[derive(Debug)]
struct Last {
    limit: usize,
    texts: VecDeque<String>,
}

impl EventHandler<Record> for Last {
    /// How many records to keep.
    type Args = usize;
    type Leaves = VecDeque<String>;

    fn init(limit: usize) -> HandlerInit<Self> {
        gen_event::installed(Last { limit, texts: VecDeque::new() })
    }

    fn handle_event(&mut self, record: &Record) -> HandlerResult<Self, Record> {
        self.texts.push_back(record.text.clone());
        if self.texts.len() > self.limit {
            self.texts.pop_front();
        }
        gen_event::ok()
    }

    fn terminate(&mut self, _: Terminate) -> VecDeque<String> {
        std::mem::take(&mut self.texts)
    }
}

/// One with another limit takes the texts over.
impl SwapInit<Record, Last> for Last {
    fn swap_init(limit: usize, left: Left<VecDeque<String>>) -> HandlerInit<Self> {
        gen_event::installed(Last { limit, texts: left.unwrap_or_default() })
    }
}

#[derive(Debug)]
struct Texts;

impl HandlerCall<Record, Texts> for Last {
    type Reply = Vec<String>;

    fn handle_call(&mut self, _: Texts) -> HandlerReply<Self, Record, Texts> {
        gen_event::ok().reply(self.texts.iter().cloned().collect())
    }
}

/// Shows errors on the operator's pager, for which its author has not met a long one yet.
#[derive(Debug)]
struct Pager {
    shown: u32,
}

impl EventHandler<Record> for Pager {
    type Args = ();
    type Leaves = ();

    fn init((): ()) -> HandlerInit<Self> {
        gen_event::installed(Pager { shown: 0 })
    }

    fn handle_event(&mut self, record: &Record) -> HandlerResult<Self, Record> {
        if record.level == Level::Error {
            assert!(record.text.len() <= 16, "a pager has 16 characters");
            println!("    the pager shows: {}", record.text);
            self.shown += 1;
        }
        gen_event::ok()
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    env_logger::init_from_env(env_logger::Env::new().default_filter_or("warn"));
    let supervisor = Supervisor::one_for_one()
        .child(EventManager::<Record>::named_child_spec(LOG))
        .start_link()?;
    let manager = EventManagerRef::<Record>::named(LOG);

    log(Level::Info, "nobody hears this");
    manager.add_sup_handler(handler::<Pager>(), ())?;
    manager.add_handler(handler::<Console>(), ())?;
    manager.add_handler(handler::<Counts>(), ())?;
    manager.add_handler(handler::<Last>(), 3)?;
    println!("handlers: {:?}", manager.which_handlers()?);

    log(Level::Info, "the door is open");
    log(Level::Error, "no paper");
    println!("errors: {}", manager.call(handler::<Counts>(), CountOf(Level::Error))?);

    log(Level::Error, "the printer is on fire");
    receive! {
        HandlerExit { handler, reason: HandlerExitReason::Failed(reason), .. } => {
            println!("{handler} {reason}");
        }
    }
    log(Level::Info, "the fire is out");
    println!("handlers: {:?}", manager.which_handlers()?);
    if let Err(error) = manager.delete_handler(handler::<Pager>(), ()) {
        println!("{error}");
    }

    println!("the last three: {:?}", manager.call(handler::<Last>(), Texts)?);
    manager.swap_handler((handler::<Last>(), ()), (handler::<Last>().id("more"), 5))?;
    log(Level::Info, "the door is shut");
    log(Level::Info, "good night");
    println!("the last five: {:?}", manager.call(handler::<Last>().id("more"), Texts)?);

    println!("records: {}", manager.delete_handler(handler::<Counts>(), ())?);
    supervisor.stop()?;
    Ok(())
}
