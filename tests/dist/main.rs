//! This program as a node beside nodes of Erlang, where that is installed, and beside other
//! programs like this one; a module per subject.
//!
//! It is a binary of its own, as a program is one node.

#[allow(dead_code, reason = "this binary needs few of them")]
#[path = "../support"]
mod support {
    pub(crate) mod beam;
    pub(crate) mod c_node;
    pub(crate) mod counter;
    pub(crate) mod dice;
    pub(crate) mod erlang;
    pub(crate) mod named;
    pub(crate) mod relay;
    pub(crate) mod rounds;
    pub(crate) mod rust;
    pub(crate) mod stranger;
    pub(crate) mod twin;
    pub(crate) mod wait;
}

mod start;
mod epmd;
mod erpc;
mod connect_node;
mod ping;
mod ticks;
mod messages;
mod addresses;
mod terms;
mod ties;
mod monitors;
mod links;
mod served;
mod remote_servers;
mod system_messages;
mod served_twins;
mod relays;
mod twins;
mod dials;
mod nodes;
mod strangers;
mod signals;
mod restarts;
mod supervision;
#[cfg(feature = "dist-tls")]
mod tls;
mod large;
mod losses;
mod numbers;
mod back_pressure;
mod observed;
mod order;
mod rpc;
mod c_nodes;
mod pg;
mod global;
mod global_clashes;
mod global_locks;
mod global_mesh;
mod twin_faults;
