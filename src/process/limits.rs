//! How many threads the machine has room for.
//!
//! A thread takes four memory maps: its stack, the stack for signals, and a guard for each. Linux
//! limits the maps of a program, and when they run out inside a thread that is just starting, the
//! standard library aborts the program. So the runtime counts what is left and refuses before. The
//! other limits (threads of the machine, of the user, of the control group) make the start of a
//! thread fail, which is an error as any other.

use std::fmt;
use std::fs;

use parking_lot::Mutex;

/// The maps of one thread.
const MAPS_PER_THREAD: usize = 4;

/// Maps left for the rest of the program: its own threads, its heap, libraries it loads.
const RESERVE: usize = 1024;

/// A limit of the machine that leaves no room for another thread.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ThreadLimit {
    /// The name of the limit.
    pub name: &'static str,
    /// Its value.
    pub value: usize,
    /// How much of it is in use.
    pub used: usize,
}

impl fmt::Display for ThreadLimit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ThreadLimit { name, value, used } = self;
        write!(f, "{used} memory maps are in use and {name} is {value}")?;
        write!(f, " (a thread takes {MAPS_PER_THREAD}); `sysctl {name}={}` raises it", value * 2)
    }
}

/// How many threads may be started, at most, before the maps are counted again: others start
/// threads, too.
const MAX_GRANT: usize = 512;

/// How many threads may still be started before the maps are counted again.
static GRANT: Mutex<usize> = Mutex::new(0);

/// Says whether there is room for another thread. The caller then starts one.
///
/// Counting maps takes a while when there are many, so each count grants several threads, up to
/// half of what is left. Of the runtime's own threads `unborn` have not run yet.
pub(crate) fn check(unborn: usize) -> Result<(), ThreadLimit> {
    let mut grant = GRANT.lock();
    if *grant == 0 {
        *grant = match Maps::count(unborn) {
            Some(maps) => maps.grant().ok_or_else(|| maps.limit())?,
            None => MAX_GRANT, // Not Linux: no such limit is known.
        };
    }
    *grant -= 1;
    Ok(())
}

/// The memory maps of the program.
#[derive(Clone, Copy, Debug)]
struct Maps {
    used: usize,
    limit: usize,
}

const MAX_MAP_COUNT: &str = "vm.max_map_count";

impl Maps {
    fn count(unborn: usize) -> Option<Maps> {
        let limit = fs::read_to_string("/proc/sys/vm/max_map_count").ok()?.trim().parse().ok()?;
        let maps = fs::read("/proc/self/maps").ok()?;
        let maps = maps.iter().filter(|byte| **byte == b'\n').count();
        let status = fs::read_to_string("/proc/self/status").ok()?;
        // One that has been made but has not run yet, as it may be on a busy machine, has half of
        // its maps still to take.
        let to_come = unborn * MAPS_PER_THREAD / 2;
        Some(Maps { used: (maps + to_come).max(threads(&status)? * MAPS_PER_THREAD), limit })
    }

    fn room_for_threads(self) -> usize {
        self.limit.saturating_sub(self.used).saturating_sub(RESERVE) / MAPS_PER_THREAD
    }

    /// How many threads may be started now; `None` if none.
    fn grant(self) -> Option<usize> {
        let room = self.room_for_threads();
        (room > 0).then(|| room.div_ceil(2).min(MAX_GRANT))
    }

    fn limit(self) -> ThreadLimit {
        ThreadLimit { name: MAX_MAP_COUNT, value: self.limit, used: self.used }
    }
}

/// How many threads there are, those of the program's own included.
fn threads(status: &str) -> Option<usize> {
    status.lines().find_map(|line| line.strip_prefix("Threads:"))?.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn threads_are_read_from_the_status() {
        assert_eq!(threads("Name:\tit\nThreads:\t12\nSigQ:\t0/1\n"), Some(12));
        assert_eq!(threads("Name:\tit\n"), None);
    }

    #[test]
    fn a_machine_with_stock_settings_has_room_for_fifteen_thousand_threads() {
        assert!(Maps { used: 100, limit: 65_530 }.room_for_threads() > 15_900);
    }

    #[test]
    fn no_room_is_left_at_the_limit_nor_beyond_it() {
        assert_eq!(Maps { used: 65_530, limit: 65_530 }.room_for_threads(), 0);
        assert_eq!(Maps { used: 70_000, limit: 65_530 }.room_for_threads(), 0);
        assert_eq!(Maps { used: 64_600, limit: 65_530 }.grant(), None);
    }

    #[test]
    fn the_error_names_the_limit_and_how_to_raise_it() {
        let text = Maps { used: 64_600, limit: 65_530 }.limit().to_string();
        assert!(text.contains("vm.max_map_count is 65530"), "{text}");
        assert!(text.contains("sysctl vm.max_map_count=131060"), "{text}");
    }
}
