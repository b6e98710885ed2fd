//! Erlang/OTP for synchronous Rust.

#![warn(missing_docs)]

#[cfg(panic = "abort")]
compile_error!("procession needs `panic = \"unwind\"`: a process that crashes unwinds, others go on");

mod id;
mod exit;
mod message;
mod report;
pub mod process;
pub mod timer;
pub mod prelude;

pub use exit::{Detail, ExitReason, Panic};
pub use id::{Alias, MonitorRef, Pid, TimerRef};
pub use message::{Down, Exit, Message, Object, Opaque, TaggedDown, Timeout};
pub use process::shutdown::shutdown;
