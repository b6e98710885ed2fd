//! Becoming a node.

use procession::net_kernel::{NetKernel, NetKernelError};
use procession::prelude::*;

use super::support::beam::cookie;
use super::support::rust::{Rust, node};

fn error(node: NetKernel) -> NetKernelError {
    let error = node.start_link().unwrap_err();
    let StartError::Failed(reason) = error else { panic!("{error}") };
    reason.downcast_ref::<NetKernelError>().expect("it says why").clone()
}

#[test]
fn fails_without_epmd_a_name_or_a_cookie() {
    let Some(mut rust) = Rust::start() else { return };
    let this = node(&rust.cluster);
    rust.stop();
    let beam = rust.beam();
    let twin = NetKernel::named(beam.name()).cookie(cookie());
    let taken = error(twin.epmd_port(rust.cluster.epmd_port()));
    assert_eq!(taken, NetKernelError::NameTaken("beam".to_owned()));
    rust.cluster.stop_epmd();
    assert!(matches!(error(this.clone()), NetKernelError::NoEpmd(_)));
    assert!(matches!(error(this.cookie("")), NetKernelError::NoCookie(_)));
    let no_name = NetKernel::named("rust").cookie(cookie());
    assert_eq!(error(no_name), NetKernelError::Name("rust".to_owned()));
    rust.cluster.start_epmd();
    rust.net = Some(node(&rust.cluster).start_link().unwrap());
}

#[test]
fn under_a_name_that_is_taken_leaves_the_first_alone() {
    let Some(mut rust) = Rust::start() else { return };
    let (beam, other) = (rust.beam(), rust.cluster.beam("other"));
    assert_eq!(beam.eval("net_adm:ping('other@127.0.0.1')"), "pong");
    let address = rust.cluster.address_of("beam");
    rust.stop();
    let twin = NetKernel::named(beam.name()).cookie(cookie());
    let taken = error(twin.epmd_port(rust.cluster.epmd_port()));
    assert_eq!(taken, NetKernelError::NameTaken("beam".to_owned()));
    assert_eq!(rust.cluster.address_of("beam"), address);
    assert_eq!(beam.eval("nodes()"), "['other@127.0.0.1']");
    assert_eq!(other.eval("rpc:call('beam@127.0.0.1', erlang, node, [])"), "'beam@127.0.0.1'");
    assert_eq!(beam.log(), "");
}
