//! How much what goes to another node costs, beside what it costs between two nodes of Erlang, and
//! beside bare TCP.
//!
//! All of it is measured in one run, in turns, slice by slice, on the two sides' own terms: what is
//! sent from Erlang is timed there. `beam` is a node of Erlang, `rust` one of this kind; each pair
//! is two programs of the operating system on one machine. Calls and casts go to a server that has
//! nothing else to do; a slice of casts, or of one large one, ends with a call, so that all are
//! handled. Requests are made a hundred at a time, and calls at once by eight clients. Bare TCP is
//! a client and a server that answers from the thread that reads, or with one or two hops to other
//! threads before that.
//!
//! ```text
//! bar <name> ratio <median> spread <min>..<max> target <t> ok|short
//! note <name> ours <median> floor <median>
//! ```
//!
//! The figures are nanoseconds for a call or a cast, or for a mebibyte. What needs Erlang is
//! skipped where there is none.
//!
//! ```sh
//! cargo bench --features dist --bench dist             # everything, in a minute
//! cargo bench --features dist --bench dist -- --quick  # fewer slices
//! cargo bench --features dist --bench dist -- casts    # of calls, casts and bulk only this
//! ```

#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_macros,
    reason = "bare threads are the floor, and the output is lines"
)]

#[path = "dist/erlang.rs"]
mod erlang;
#[path = "dist/floor.rs"]
mod floor;
#[allow(dead_code, reason = "it is shared with `ratios`")]
#[path = "ratios/harness.rs"]
mod harness;
#[path = "dist/server.rs"]
mod server;
#[path = "dist/sides.rs"]
mod sides;
#[allow(dead_code, reason = "it is shared with the tests")]
#[path = "../tests/support"]
mod support {
    pub(crate) mod beam;
    pub(crate) mod erlang;
    pub(crate) mod wait;
}
#[path = "dist/twin.rs"]
mod twin;

use std::env;
use std::error::Error;

use erlang::Erlang;
use server::There;
use sides::Sides;
use support::beam::Cluster;
use twin::Twin;

/// Measures a group of sides, with fewer slices if that is to be quick.
type Measure = fn(&Nodes, bool);

/// The names by which a group is asked for.
const GROUPS: [(&str, Measure); 3] = [("calls", calls), ("casts", casts), ("bulk", bulk)];

/// The node that this program is.
const RUST: &str = "rust@127.0.0.1";

/// What is measured.
struct Nodes {
    twin: Twin,
    /// Two nodes of Erlang.
    beams: Option<[Erlang; 2]>,
}

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments[..] {
        [twin::TWIN, port] => twin::run(port.parse()?),
        [] => Ok(()), // `cargo test --benches`; there is nothing to test.
        _ => run(&arguments),
    }
}

fn run(arguments: &[&str]) -> Result<(), Box<dyn Error>> {
    let quick = arguments.contains(&"--quick");
    let names: Vec<&str> = arguments.iter().filter(|it| !it.starts_with("--")).copied().collect();
    if let Some(unknown) = names.iter().find(|name| GROUPS.iter().all(|it| it.0 != **name)) {
        Err(format!("there is no group {unknown}"))?;
    }
    let erlang = Cluster::start();
    let is_there = erlang.is_some();
    let cluster = erlang.unwrap_or_else(Cluster::without_epmd);
    let beams = is_there.then(|| ["one", "two"].map(|name| Erlang::start(&cluster, name)));
    let _net = twin::start_node(RUST, cluster.epmd_port())?;
    let nodes = Nodes { twin: Twin::start(cluster.epmd_port())?, beams };
    for (name, measure) in GROUPS {
        if names.is_empty() || names.contains(&name) {
            measure(&nodes, quick);
        }
    }
    Ok(())
}

fn calls(nodes: &Nodes, quick: bool) {
    let mut sides = Sides::default();
    for (hops, name) in ["tcp", "tcp_1_hop", "tcp_2_hops"].into_iter().enumerate() {
        sides.add(name, move || floor::ping_pong(nodes.twin.floor.answering[hops]));
    }
    add_pairs(&mut sides, nodes, (Erlang::calls, There::calls));
    let there = || There::on(twin::NAME);
    let (many, at_once) = (there(), there());
    sides.add("requests", move || many.requests());
    sides.add("calls_at_once", move || at_once.calls_at_once());
    sides.measure(if quick { 6 } else { 24 });
    sides.compare("hop_1", "tcp_1_hop", "tcp", None);
    sides.compare("hops_2", "tcp_2_hops", "tcp", None);
    sides.compare("call_beam_beam", "beam_beam", "tcp", None);
    sides.compare("call_beam_rust", "beam_rust", "beam_beam", Some(1.3));
    sides.compare("call_rust_beam", "rust_beam", "beam_beam", Some(1.3));
    sides.compare("call_rust_rust", "rust_rust", "beam_beam", Some(1.0));
    sides.compare("requests_rust_rust", "requests", "rust_rust", None);
    sides.compare("calls_at_once_rust_rust", "calls_at_once", "rust_rust", None);
    sides.compare("call_rust_rust_tcp", "rust_rust", "tcp_2_hops", None);
}

fn casts(nodes: &Nodes, quick: bool) {
    let mut sides = Sides::default();
    add_pairs(&mut sides, nodes, (Erlang::casts, There::casts));
    sides.measure(if quick { 6 } else { 24 });
    sides.compare("cast_beam_rust", "beam_rust", "beam_beam", Some(1.0));
    sides.compare("cast_rust_beam", "rust_beam", "beam_beam", None);
    sides.compare("cast_rust_rust", "rust_rust", "beam_beam", Some(1.0));
}

fn bulk(nodes: &Nodes, quick: bool) {
    const TARGET: f64 = 1.0 / 0.7; // 0.7 times as fast.
    let mut sides = Sides::default();
    sides.add("tcp", || floor::bulk(nodes.twin.floor.sink));
    add_pairs(&mut sides, nodes, (Erlang::bulk, There::bulk));
    sides.measure(if quick { 3 } else { 12 });
    sides.compare("bulk_beam_beam", "beam_beam", "tcp", None);
    sides.compare("bulk_beam_rust", "beam_rust", "tcp", None);
    sides.compare("bulk_rust_beam", "rust_beam", "tcp", None);
    sides.compare("bulk_rust_rust", "rust_rust", "tcp", Some(TARGET));
}

type ByErlang = fn(&Erlang, &str) -> f64;
type ByRust = fn(&There) -> f64;

/// Adds what goes from each kind of node to each, as Erlang or this program measures it.
fn add_pairs<'a>(sides: &mut Sides<'a>, nodes: &'a Nodes, (erlang, rust): (ByErlang, ByRust)) {
    if let Some([one, two]) = &nodes.beams {
        let there = There::on(two.name());
        sides.add("beam_beam", move || erlang(one, two.name()));
        sides.add("beam_rust", move || erlang(one, twin::NAME));
        sides.add("rust_beam", move || rust(&there));
    }
    let there = There::on(twin::NAME);
    sides.add("rust_rust", move || rust(&there));
}
