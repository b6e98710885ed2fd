//! Modules to be moved to `it`.
#[path = "it/support.rs"]
#[allow(dead_code)]
mod support;
#[path = "it/staging.rs"]
#[allow(dead_code)]
mod staging;

#[path = "it/monitors.rs"]
mod monitors;
#[path = "it/aliases.rs"]
mod aliases;
#[path = "it/names.rs"]
mod names;
#[path = "it/messages.rs"]
mod messages;
