//! When a node says that it is alive, and when another one is taken for dead, as a value.
//!
//! The tick time has four quarters. In each something is sent, if only a tick; a node of which
//! nothing has come for four of them is gone.
//!
//! OTP: [`net_ticktime`](https://www.erlang.org/doc/apps/kernel/kernel_app.html#net_ticktime).

use std::mem;

/// How many quarters another node may be silent.
const SILENT: u32 = 4;

/// What has been sent and heard.
#[derive(Debug, Default)]
pub(super) struct Ticks {
    /// How much had been sent when the last quarter was over.
    sent: u64,
    /// How much had come when the last quarter was over.
    heard: u64,
    /// In how many quarters nothing has come.
    silent: u32,
}

/// What is to be done at the end of a quarter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Due {
    Nothing,
    Tick,
    /// The other node is gone.
    GiveUp,
}

impl Ticks {
    /// A quarter is over, and so many bytes have come and were sent since the beginning.
    pub(super) fn quarter(&mut self, heard: u64, sent: u64) -> Due {
        let was_silent = mem::replace(&mut self.heard, heard) == heard;
        let has_sent = mem::replace(&mut self.sent, sent) != sent;
        self.silent = if was_silent { self.silent + 1 } else { 0 };
        match (self.silent >= SILENT, has_sent) {
            (true, _) => Due::GiveUp,
            (false, true) => Due::Nothing,
            (false, false) => Due::Tick,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tick_is_sent_where_nothing_else_was() {
        let mut ticks = Ticks::default();
        assert_eq!(ticks.quarter(1, 0), Due::Tick);
        assert_eq!(ticks.quarter(2, 4), Due::Nothing);
        assert_eq!(ticks.quarter(3, 4), Due::Tick);
    }

    #[test]
    fn a_node_is_given_up_after_four_quarters_of_silence() {
        let mut ticks = Ticks::default();
        assert_eq!([7; 4].map(|heard| ticks.quarter(heard, 0)), [Due::Tick; 4]);
        assert_eq!(ticks.quarter(7, 0), Due::GiveUp);
    }

    #[test]
    fn a_single_byte_in_time_is_enough() {
        let mut ticks = Ticks::default();
        for heard in 1..100 {
            assert_eq!([heard; 4].map(|heard| ticks.quarter(heard, 0)), [Due::Tick; 4]);
        }
    }
}
