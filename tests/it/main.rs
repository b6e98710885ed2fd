#![allow(clippy::disallowed_methods, reason = "tests of foreign threads start threads")]
mod support;
mod smoke;
