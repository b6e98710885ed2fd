//! What the service does with bytes, keys and values. It knows of no process, and of no socket.
//!
//! Bytes become requests ([`input`]), and these commands ([`command`]). What a command does to the
//! entry of its key is decided by a function ([`store`]); what it has changed is a record in the
//! append-only file ([`record`]).

// Paths, as this file is a module of the example, and of the tests of its core.
#[path = "core/number.rs"]
pub(crate) mod number;
#[path = "core/input.rs"]
pub(crate) mod input;
#[path = "core/reply.rs"]
pub(crate) mod reply;
#[path = "core/glob.rs"]
pub(crate) mod glob;
#[path = "core/store.rs"]
pub(crate) mod store;
#[path = "core/deadlines.rs"]
pub(crate) mod deadlines;
#[path = "core/command.rs"]
pub(crate) mod command;
#[path = "core/record.rs"]
pub(crate) mod record;
#[path = "core/options.rs"]
pub(crate) mod options;

use std::sync::Arc;

/// Keys, values, the names of channels. A copy is another reference.
pub(crate) type Bytes = Arc<[u8]>;

/// A time, in milliseconds since 1970.
pub(crate) type Millis = i64;
