//! Connections that are encrypted.

use std::fs;
use std::path::PathBuf;

use procession::net_kernel::{NetKernel, Tls};
use procession::node::{self, Nodes};
use procession::prelude::*;
use procession::term::{Term, atom};

use super::support::beam::Beam;
use super::support::erlang;
use super::support::rust::{Rust, node, ping, process_there, register, there};
use super::support::wait::{down_reason, expect, wait_until};

/// A file in `tests/tls`: `node` is of the `authority`, `stranger` of another one.
fn file(name: &str) -> String {
    format!("{}/tests/tls/{name}", env!("CARGO_MANIFEST_DIR"))
}

fn tls(name: &str) -> Tls {
    Tls::pem_files(
        file(&format!("{name}.pem")),
        file(&format!("{name}.key")),
        file("authority.pem"),
    )
}

fn encrypted(node: NetKernel) -> NetKernel {
    node.tls(tls("node"))
}

/// The options of an Erlang node, in a file.
fn options(name: &str) -> PathBuf {
    let (certificate, key) = (file(&format!("{name}.pem")), file(&format!("{name}.key")));
    let side = format!(
        "{{certfile, \"{certificate}\"}}, {{keyfile, \"{key}\"}}, \
         {{cacertfile, \"{}\"}}, {{verify, verify_peer}}",
        file("authority.pem")
    );
    let text =
        format!("[{{server, [{side}, {{fail_if_no_peer_cert, true}}]}}, {{client, [{side}]}}].");
    let path = std::env::temp_dir().join(format!("procession_tls_{name}_{}", std::process::id()));
    fs::write(&path, text).unwrap();
    path
}

/// Starts a node of Erlang with a certificate; `None`, with a message, if this Erlang has no TLS.
fn beam(rust: &Rust, certificate: &str) -> Option<Beam> {
    if !erlang::has_ssl() {
        return None;
    }
    let path = options(certificate);
    let arguments = ["-proto_dist", "inet_tls", "-ssl_dist_optfile", path.to_str().unwrap()];
    Some(rust.cluster.beam_with("beam", &arguments))
}

#[test]
fn are_made_with_nodes_of_erlang() {
    let Some(rust) = Rust::start_with(encrypted) else { return };
    let Some(beam) = beam(&rust, "node") else { return };
    assert_eq!(ping(&beam), "pong");
    assert_eq!(beam.eval("erlang:disconnect_node('rust@127.0.0.1')"), "true");
    wait_until(|| node::nodes(Nodes::Connected).is_empty());
    assert_eq!(node::connect(there(&beam)), Ok(()));
    assert_eq!(ping(&beam), "pong");
}

#[test]
fn carry_whatever_is_sent_in_order() {
    let Some(rust) = Rust::start_with(encrypted) else { return };
    let Some(beam) = beam(&rust, "node") else { return };
    let echo = process_there(&beam, "{test, 'rust@127.0.0.1'} ! Message");
    let large = Term::Binary((0..16 << 20).map(|n: u32| (n % 251) as u8).collect());
    process::send(echo, large.clone());
    for number in 0..10_000_i64 {
        process::send(echo, number);
    }
    assert!(expect::<Term>() == large);
    for number in 0..10_000_i64 {
        assert_eq!(expect::<Term>(), Term::Integer(number));
    }
}

#[test]
fn are_refused_to_a_node_of_erlang_of_another_authority() {
    let Some(rust) = Rust::start_with(encrypted) else { return };
    let Some(beam) = beam(&rust, "stranger") else { return };
    assert_eq!(ping(&beam), "pang");
    let error = node::connect(there(&beam)).unwrap_err().to_string();
    assert!(error.contains("invalid peer certificate"), "{error}");
    assert_eq!(node::nodes(Nodes::Connected), []);
}

#[test]
fn are_refused_by_a_node_of_erlang_to_a_node_of_another_authority() {
    let Some(rust) = Rust::start_with(|node| node.tls(tls("stranger"))) else { return };
    let Some(beam) = beam(&rust, "node") else { return };
    assert_eq!(ping(&beam), "pang");
    let error = node::connect(there(&beam)).unwrap_err().to_string();
    assert!(error.contains("alert") || error.contains("closed"), "{error}");
    assert_eq!(beam.eval("nodes(connected)"), "[]");
}

#[test]
fn are_not_made_with_a_node_without_tls() {
    let Some(rust) = Rust::start_with(encrypted) else { return };
    let plain = rust.beam();
    assert_eq!(ping(&plain), "pang");
    assert!(node::connect(there(&plain)).is_err());
    assert_eq!(node::nodes(Nodes::Connected), []);
}

#[test]
fn are_made_between_two_programs_of_this_kind() {
    let both = Rust::start_both_with(encrypted, |parent| {
        let first: Pid = parent.told();
        process::send(first, process::self_pid());
        assert_eq!(expect::<Term>(), atom("bye").into());
    });
    let Some((_rust, mut twin)) = both else { return };
    register("test");
    twin.tell(&process::self_pid());
    let there: Pid = procession::term::from_term(&expect::<Term>()).unwrap();
    let monitor = process::monitor(there);
    process::send(there, atom("bye"));
    assert_eq!(down_reason(monitor), ExitReason::Normal);
    assert_eq!(node::nodes(Nodes::Connected), [twin.node()]);
}

#[test]
fn need_files_that_are_certificates() {
    let Some(mut rust) = Rust::start() else { return };
    rust.stop();
    let node = || node(&rust.cluster);
    let error = |tls: Tls| node().tls(tls).start_link().unwrap_err().to_string();
    let missing = error(Tls::pem_files("nothing.pem", file("node.key"), file("authority.pem")));
    assert!(missing.contains("TLS cannot be used: nothing.pem: "), "{missing}");
    let no_key = error(Tls::pem_files(file("node.pem"), file("node.pem"), file("authority.pem")));
    assert!(no_key.contains("tests/tls/node.pem: "), "{no_key}");
    let other_key =
        error(Tls::pem_files(file("node.pem"), file("stranger.key"), file("authority.pem")));
    assert!(other_key.contains("TLS cannot be used: "), "{other_key}");
}
