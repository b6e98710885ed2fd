//! The process dictionary: values that a process keeps for itself, under string keys.
//!
//! Unlike a thread-local it is empty when a process begins, and is dropped when the process ends,
//! before other processes learn of the exit.
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
use std::fmt;

use crate::message::Message;
use crate::runtime::dictionary::CheckedOut;
use crate::runtime::table::Process;
use crate::user_code::{Guarded, drop_caught};

use super::current::current;

type Key = Cow<'static, str>;

fn caller_or_unwind() -> Process {
    let process = current();
    process.unwind_if_doomed();
    process
}

/// Puts `value` under `key`, and returns the previous value.
///
/// In a process that is being ended, where only destructors run, the value is dropped.
///
/// ```
/// # use procession::process::dictionary;
/// assert!(dictionary::put("colour", "red").is_none());
/// assert!(dictionary::put("colour", "blue").unwrap().is::<&str>());
/// ```
///
/// # Panics
///
/// In a thread of the program's own that was killed.
pub fn put<T: Any + Send + fmt::Debug>(key: impl Into<Key>, value: T) -> Option<Message> {
    let (key, value) = (Guarded::new(key), Guarded::new(value)); // The caller may unwind here.
    let (slot, key) = (caller_or_unwind().slot, key.into_inner().into());
    let value = Message::new(value.into_inner());
    if slot.is_teardown_only() {
        drop_caught(value);
        return None;
    }
    slot.dictionary.lock().insert(key, value)
}

/// Returns a copy of the value under `key`, if there is one and it is a `T`.
///
/// ```
/// # use procession::process::dictionary;
/// dictionary::put("limit", 3_u32);
/// assert_eq!(dictionary::get::<u32>("limit"), Some(3));
/// assert_eq!(dictionary::get::<String>("limit"), None);
/// ```
///
/// # Panics
///
/// As [`put`].
pub fn get<T: Any + Clone>(key: &str) -> Option<T> {
    CheckedOut::new(caller_or_unwind()).values.get(key)?.downcast_ref().cloned()
}

/// Removes the value under `key`, and returns it.
///
/// ```
/// # use procession::process::dictionary;
/// dictionary::put("limit", 3_u32);
/// assert_eq!(dictionary::erase("limit").unwrap().downcast_ref(), Some(&3_u32));
/// assert!(dictionary::erase("limit").is_none());
/// ```
///
/// # Panics
///
/// As [`put`].
pub fn erase(key: &str) -> Option<Message> {
    caller_or_unwind().slot.dictionary.lock().remove(key)
}

/// Returns all keys, in order.
///
/// ```
/// # use procession::process::dictionary;
/// dictionary::put("limit", 3_u32);
/// dictionary::put("colour", "red");
/// assert_eq!(dictionary::keys(), ["colour", "limit"]);
/// ```
///
/// # Panics
///
/// As [`put`].
pub fn keys() -> Vec<Key> {
    caller_or_unwind().slot.dictionary.lock().keys().cloned().collect()
}

/// Returns the keys whose values equal `value`, in order.
///
/// ```
/// # use procession::process::dictionary;
/// dictionary::put("door", "red");
/// dictionary::put("roof", "red");
/// dictionary::put("wall", "white");
/// assert_eq!(dictionary::keys_of(&"red"), ["door", "roof"]);
/// ```
///
/// # Panics
///
/// As [`put`].
pub fn keys_of<T: Any + PartialEq>(value: &T) -> Vec<Key> {
    let dictionary = CheckedOut::new(caller_or_unwind());
    let holds = |found: &Message| found.downcast_ref::<T>().is_some_and(|found| found == value);
    let found = dictionary.values.iter().filter(|(_, found)| holds(found));
    found.map(|(key, _)| key.clone()).collect()
}
