//! The example `kv_service`, as its clients see it. It is run as a program, so this is a binary of
//! its own: with a thousand clients it owns the descriptors of its process.

#![cfg(target_os = "linux")]

#[allow(dead_code, reason = "this binary needs few of them")]
#[path = "support"]
mod support {
    pub(crate) mod example;
    pub(crate) mod program;
    pub(crate) mod wait;
}

#[path = "kv_service"]
mod kv_service {
    pub(crate) mod client;
    pub(crate) mod service;
    mod commands;
    mod crowd;
    mod durability;
    mod hostile;
    mod life;
    mod publications;
    mod tools;
}
