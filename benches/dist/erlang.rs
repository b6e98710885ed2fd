//! Nodes of Erlang, with a server, which measure what they send.

use crate::floor::{BULK, MEBIBYTES};
use crate::support::beam::{Beam, Cluster};

/// How many calls or casts make up a slice.
const CALLS: u32 = 1_500;
pub(crate) const CASTS: u32 = 20_000;

#[derive(Debug)]
pub(crate) struct Erlang(Beam);

impl Erlang {
    pub(crate) fn start(cluster: &Cluster, name: &str) -> Erlang {
        let beam = cluster.beam(name);
        let source = concat!(env!("CARGO_MANIFEST_DIR"), "/benches/dist/dist_bench.erl");
        beam.eval(&format!(
            "{{ok, M, Code}} = compile:file({source:?}, [binary, report]), \
             {{module, M}} = code:load_binary(M, {source:?}, Code), M:start()"
        ));
        Erlang(beam)
    }

    pub(crate) fn name(&self) -> &str {
        self.0.name()
    }

    /// Nanoseconds for a call of the server on a node.
    pub(crate) fn calls(&self, node: &str) -> f64 {
        self.nanos(&format!("dist_bench:calls('{node}', {CALLS})"))
    }

    /// Nanoseconds for a cast of 64 bytes to the server on a node.
    pub(crate) fn casts(&self, node: &str) -> f64 {
        self.nanos(&format!("dist_bench:casts('{node}', {CASTS})"))
    }

    /// Nanoseconds for a mebibyte of a large cast.
    pub(crate) fn bulk(&self, node: &str) -> f64 {
        self.nanos(&format!("dist_bench:bulk('{node}', {BULK})")) / MEBIBYTES
    }

    fn nanos(&self, expression: &str) -> f64 {
        self.0.eval(expression).parse().expect("it returns a float")
    }
}
