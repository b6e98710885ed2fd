//! The shop: a stock, tills that sell from it, and a van that breaks down.

use std::fmt;
use std::time::Duration;

use procession::gen_server::StatusPart;
use procession::prelude::*;
use procession::table::{Table, TableOptions};
use procession::timer;

/// What is sold.
const GOODS: [&str; 4] = ["apples", "pears", "plums", "quinces"];

/// The codes of tills.
const CODES: std::ops::Range<u32> = 4711..4800;

/// It is time for a server to do something.
#[derive(Clone, Debug)]
struct Tick;

fn tick_each(milliseconds: u64) {
    timer::send_interval(Duration::from_millis(milliseconds), process::self_pid(), Tick);
}

/// How many there are of what is sold, in a table that all may read.
#[derive(Debug)]
pub(crate) struct Stock {
    rows: Table<&'static str, u64>,
}

/// Asks for one of something, for whoever has the code of a till.
#[derive(Debug)]
struct Take {
    goods: &'static str,
    code: u32,
}

#[derive(Debug)]
struct Deliver(u64);

fn stock() -> ServerRef<Stock, Name> {
    ServerRef::named("stock")
}

impl GenServer for Stock {
    type Args = ();

    fn init((): ()) -> InitResult<Stock> {
        let rows = Table::new_with(TableOptions::new().name("goods"))?;
        for goods in GOODS {
            rows.insert(goods, 100)?;
        }
        ready(Stock { rows })
    }
}

impl HandleCall<Take> for Stock {
    type Reply = bool;

    fn handle_call(&mut self, take: Take, _: &Caller<bool>) -> CallResult<Stock, Take> {
        let Take { goods, code } = take;
        if !CODES.contains(&code) {
            return reply(false);
        }
        let left = self.rows.get(goods)?.unwrap_or_default();
        self.rows.insert(goods, left.saturating_sub(1))?;
        reply(left > 0)
    }
}

impl HandleCast<Deliver> for Stock {
    fn handle_cast(&mut self, Deliver(more): Deliver) -> CastResult<Stock> {
        for goods in GOODS {
            let left = self.rows.get(goods)?.unwrap_or_default();
            self.rows.insert(goods, (left + more).min(1_000))?;
        }
        noreply()
    }
}

/// Sells something, again and again.
#[derive(Debug)]
pub(crate) struct Till {
    sold: usize,
    missed: usize,
    code: u32,
}

impl GenServer for Till {
    type Args = u32;

    fn init(number: u32) -> InitResult<Till> {
        tick_each(20 + 10 * u64::from(number));
        ready(Till { sold: 0, missed: 0, code: CODES.start + number })
    }

    fn handle_info(&mut self, message: Message) -> CastResult<Till> {
        handle_info! { message;
            Tick => {
                let goods = GOODS[(self.sold + self.missed) % GOODS.len()];
                match stock().call(Take { goods, code: self.code })? {
                    true => self.sold += 1,
                    false => self.missed += 1,
                }
                noreply()
            }
        }
    }

    /// Nobody is to read the code of the till.
    fn format_status(&self, part: &StatusPart<'_>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if matches!(part, StatusPart::State | StatusPart::FinalState) {
            return write!(f, "Till {{ sold: {}, missed: {}, code: .. }}", self.sold, self.missed);
        }
        part.print(self, f)
    }
}

/// Brings what is missing, and breaks down now and then.
#[derive(Debug)]
pub(crate) struct Van {
    tours: u64,
}

impl GenServer for Van {
    type Args = ();

    fn init((): ()) -> InitResult<Van> {
        process::set_label("brings what is missing");
        tick_each(400);
        ready(Van { tours: 0 })
    }

    fn handle_info(&mut self, message: Message) -> CastResult<Van> {
        handle_info! { message;
            Tick => {
                self.tours += 1;
                assert!(!self.tours.is_multiple_of(12), "the van has broken down");
                stock().cast(Deliver(30));
                noreply()
            }
        }
    }
}

/// Supervises the tills.
pub(crate) fn tills(count: u32) -> Supervisor {
    let till = |number| Till::child_spec(number).id(format!("till {number}"));
    (1..=count).map(till).fold(Supervisor::one_for_one(), Supervisor::child)
}

/// The van's supervisor: it may break down as often as it likes.
pub(crate) fn vans() -> Supervisor {
    Supervisor::one_for_one()
        .intensity(1_000, Duration::from_secs(1))
        .child(Van::child_spec(()).id("van"))
}
