//! The protocol that the nodes of an Erlang cluster speak.
//!
//! OTP: [Distribution protocol](https://www.erlang.org/doc/apps/erts/erl_dist_protocol.html).

mod bytes;
mod name;
mod timed;
mod epmd;
mod cookie;
mod handshake;
mod control;
mod frame;
#[cfg(test)]
mod beside_beam;

/// What integration tests share.
#[cfg(test)]
#[path = "../tests/support"]
#[allow(dead_code, reason = "the tests of the parts need few of them")]
mod support {
    pub(crate) mod beam;
    pub(crate) mod dice;
    pub(crate) mod wait;
}
