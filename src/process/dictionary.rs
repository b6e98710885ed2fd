//! The process dictionary: values that a process keeps under names, for itself.
//!
//! Unlike a thread-local it begins empty with each process and is dropped when the process ends,
//! before anybody hears of the exit.
//!
//! OTP: [Process dictionary](https://www.erlang.org/doc/system/ref_man_processes.html#process-dictionary).
//!
//! ```
//! use procession::process::dictionary;
//!
//! assert!(dictionary::put("dictionary::colour", "red").is_none());
//! let old = dictionary::put("dictionary::colour", "blue").unwrap();
//! assert_eq!(old.downcast::<&str>().unwrap(), "red");
//! assert_eq!(dictionary::get::<&str>("dictionary::colour"), Some("blue"));
//! assert_eq!(dictionary::keys_of(&"blue"), ["dictionary::colour"]);
//! ```
//!
//! # Differences from OTP
//!
//! A key is a string, and a value is read as the type that was put.

use std::any::Any;
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;
use std::mem;

use crate::message::Message;

use super::current::{Process, current};
use super::printed::printed_up_to;
use super::unwind::{drop_caught, drop_each_caught};

/// The values of one process.
pub(crate) type Dictionary = BTreeMap<Key, Message>;

type Key = Cow<'static, str>;

fn caller() -> Process {
    let process = current();
    process.pass();
    process
}

/// The keys of the calling process and its values as text, of which each is no longer than `limit`.
pub(crate) fn print_all(limit: usize) -> Vec<(String, String)> {
    let dictionary = CheckedOut::new();
    let print = |(key, value): (&Key, &Message)| (key.to_string(), printed_up_to(limit, value));
    dictionary.values.iter().map(print).collect()
}

/// Drops the values of a process that is ending.
pub(crate) fn clear(process: Process) {
    let values = mem::take(&mut *process.slot.dictionary.lock());
    drop_each_caught(values.into_values());
}

/// Puts `value` under `key` and returns what was there before.
///
/// In a process that is being ended, where only destructors run, it drops the value.
///
/// # Panics
///
/// In a thread of the program's own that was killed.
pub fn put<T: Any + Send + fmt::Debug>(key: impl Into<Key>, value: T) -> Option<Message> {
    let (slot, key, value) = (caller().slot, key.into(), Message::new(value));
    if slot.is_left() {
        drop_caught(value);
        return None;
    }
    slot.dictionary.lock().insert(key, value)
}

/// Returns a copy of the value under `key`, if there is one and it is a `T`.
///
/// # Panics
///
/// As [`put`].
pub fn get<T: Any + Clone>(key: &str) -> Option<T> {
    CheckedOut::new().values.get(key)?.downcast_ref().cloned()
}

/// Removes what is under `key` and returns it.
///
/// # Panics
///
/// As [`put`].
pub fn erase(key: &str) -> Option<Message> {
    caller().slot.dictionary.lock().remove(key)
}

/// Returns all keys, in order.
///
/// # Panics
///
/// As [`put`].
pub fn keys() -> Vec<Key> {
    caller().slot.dictionary.lock().keys().cloned().collect()
}

/// Returns the keys under which a value equal to `value` is, in order.
///
/// # Panics
///
/// As [`put`].
pub fn keys_of<T: Any + PartialEq>(value: &T) -> Vec<Key> {
    let dictionary = CheckedOut::new();
    let holds = |found: &Message| found.downcast_ref::<T>().is_some_and(|found| found == value);
    let found = dictionary.values.iter().filter(|(_, found)| holds(found));
    found.map(|(key, _)| key.clone()).collect()
}

/// The dictionary out of its place, so that no lock is held while user code clones or compares.
struct CheckedOut {
    process: Process,
    values: Dictionary,
}

impl CheckedOut {
    fn new() -> CheckedOut {
        let process = caller();
        let values = mem::take(&mut *process.slot.dictionary.lock());
        CheckedOut { process, values }
    }
}

impl Drop for CheckedOut {
    fn drop(&mut self) {
        // What was put in the meantime is newer. Replacing drops values, which is user code.
        let newer = mem::take(&mut *self.process.slot.dictionary.lock());
        for (key, value) in newer {
            drop_caught(self.values.insert(key, value));
        }
        *self.process.slot.dictionary.lock() = mem::take(&mut self.values);
    }
}
