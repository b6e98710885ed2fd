//! The dictionary of a process, which its own thread alone uses.

use std::borrow::Cow;
use std::mem;

use crate::message::Message;
use crate::user_code::{drop_each_caught, printed_up_to};

use super::slot::Dictionary;
use super::table::Process;

/// Returns the keys of a process and its values as text, each no longer than `limit` bytes.
pub(crate) fn print_all(process: Process, limit: usize) -> Vec<(String, String)> {
    let dictionary = CheckedOut::new(process);
    let print =
        |(key, value): (&Cow<'_, str>, &Message)| (key.to_string(), printed_up_to(limit, value));
    dictionary.values.iter().map(print).collect()
}

/// Drops the values of a process that is ending.
pub(crate) fn clear(process: Process) {
    let values = mem::take(&mut *process.slot.dictionary.lock());
    drop_each_caught(values.into_values());
}

/// The dictionary out of its place, so that no lock is held while user code clones or compares.
pub(crate) struct CheckedOut {
    process: Process,
    pub(crate) values: Dictionary,
}

impl CheckedOut {
    pub(crate) fn new(process: Process) -> CheckedOut {
        let values = mem::take(&mut *process.slot.dictionary.lock());
        CheckedOut { process, values }
    }
}

impl Drop for CheckedOut {
    fn drop(&mut self) {
        // Values that were put in the meantime are newer.
        let newer = mem::take(&mut *self.process.slot.dictionary.lock());
        let replaced: Vec<_> =
            newer.into_iter().filter_map(|(key, value)| self.values.insert(key, value)).collect();
        *self.process.slot.dictionary.lock() = mem::take(&mut self.values);
        // Only now, as their destructors may use the dictionary.
        drop_each_caught(replaced);
    }
}
