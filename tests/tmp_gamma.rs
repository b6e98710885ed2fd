//! Modules to be moved to `it`.
#[path = "it/support.rs"]
#[allow(dead_code)]
mod support;
#[path = "it/staging.rs"]
#[allow(dead_code)]
mod staging;

#[path = "it/tidy.rs"]
mod tidy;
#[path = "it/timers.rs"]
mod timers;
#[path = "it/info.rs"]
mod info;
