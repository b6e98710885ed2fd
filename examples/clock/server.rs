//! The process: an interval tells it to tick.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use procession::prelude::*;
use procession::timer;

use super::core::TimeOfDay;

#[derive(Debug)]
pub(crate) struct Clock {
    /// How many ticks are left.
    ticks: u32,
}

#[derive(Clone, Debug)]
struct Tick;

impl GenServer for Clock {
    /// The period, and the number of ticks.
    type Args = (Duration, u32);

    fn init((period, ticks): (Duration, u32)) -> InitResult<Self> {
        timer::send_interval(period, process::self_pid(), Tick);
        ready(Clock { ticks })
    }

    fn handle_info(&mut self, message: Message) -> CastResult<Self> {
        handle_info! { message;
            Tick => {
                let now = SystemTime::now().duration_since(UNIX_EPOCH)?;
                println!("{}", TimeOfDay::after_midnight(now));
                self.ticks -= 1;
                if self.ticks == 0 { stop(ExitReason::Normal) } else { noreply() }
            }
        }
    }
}
