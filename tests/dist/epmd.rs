//! Life beside EPMD, and as one, and without.

use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::{Command, Output};

use procession::Node;
use procession::net_kernel::{EpmdServer, NetKernel};
use procession::node;
use procession::prelude::*;

use super::support::beam::{Cluster, cookie};
use super::support::erlang;
use super::support::rust::{NAME, Rust, node, ping, there};
use super::support::wait::{expect_exit, wait_until};

#[test]
fn may_go_away_and_come_back() {
    let Some(mut rust) = Rust::start() else { return };
    let beam = rust.beam();
    assert_eq!(ping(&beam), "pong");
    rust.cluster.stop_epmd();
    assert_eq!(ping(&beam), "pong");
    rust.cluster.start_epmd();
    let find = "erl_epmd:port_please(\"rust\", {127, 0, 0, 1})";
    wait_until(|| beam.eval(find).starts_with("{port,"));
    assert_eq!(beam.eval("erlang:disconnect_node('rust@127.0.0.1')"), "true");
    assert_eq!(ping(&beam), "pong");
}

/// What the program `epmd` does with the EPMD of the cluster.
fn epmd(cluster: &Cluster, argument: &str) -> String {
    let port = cluster.epmd_port().to_string();
    let output = Command::new(erlang::epmd()).args(["-port", &port, argument]).output();
    let Output { stdout, stderr, .. } = output.unwrap();
    String::from_utf8([stdout, stderr].concat()).unwrap()
}

mod of_this_program {
    use super::*;

    #[test]
    fn serves_nodes_of_erlang() {
        let Some(rust) = Rust::start_as_epmd() else { return };
        let (one, two) = (rust.cluster.beam("one"), rust.cluster.beam("two"));
        assert_eq!(ping(&one), "pong");
        assert_eq!(node::connect(there(&two)), Ok(()));
        assert_eq!(one.eval("net_adm:ping('two@127.0.0.1')"), "pong");
        let names = one.eval(
            "{ok, Names} = net_adm:names({127, 0, 0, 1}), lists:sort([N || {N, _} <- Names])",
        );
        assert_eq!(names, r#"["one","rust","two"]"#);
    }

    #[test]
    fn forgets_a_node_that_has_ended() {
        let Some(rust) = Rust::start_as_epmd() else { return };
        let mut beam = rust.beam();
        let creation = beam.eval("erlang:system_info(creation)");
        beam.kill();
        wait_until(|| !epmd(&rust.cluster, "-names").contains("name beam at port"));
        let again = rust.beam();
        assert_ne!(again.eval("erlang:system_info(creation)"), creation);
    }

    #[test]
    fn answers_the_program_that_asks_for_its_names() {
        let Some(rust) = Rust::start_as_epmd() else { return };
        let names = epmd(&rust.cluster, "-names");
        let port = rust.cluster.address_of("rust").port();
        let up = format!("epmd: up and running on port {} with data:\n", rust.cluster.epmd_port());
        assert_eq!(names, format!("{up}name rust at port {port}\n"));
    }

    #[test]
    fn does_not_end_while_it_is_needed() {
        let Some(rust) = Rust::start_as_epmd() else { return };
        let killed = epmd(&rust.cluster, "-kill");
        assert!(killed.contains("Killing not allowed"), "{killed}");
        assert!(epmd(&rust.cluster, "-names").contains("name rust at port"));
    }

    #[test]
    fn takes_the_place_of_one_that_has_ended() {
        let both = Rust::start_with_twin(|_| {});
        let Some((mut rust, twin)) = both else { return };
        // The one of the first program is gone.
        rust.stop();
        wait_until(|| rust.cluster.find("twin").is_some());
        let net = node(&rust.cluster).embedded_epmd().start_link().unwrap();
        assert_eq!(node::connect(twin.node()), Ok(()));
        rust.net = Some(net);
    }

    #[test]
    fn is_another_one_where_there_is_one() {
        let Some(rust) = Rust::start_with(NetKernel::embedded_epmd) else { return };
        assert_eq!(ping(&rust.beam()), "pong");
    }
}

mod a_server {
    use super::*;

    #[test]
    fn serves_programs_that_are_no_nodes() {
        let Some(mut cluster) = Cluster::start() else { return };
        cluster.stop_epmd();
        let server = EpmdServer::new().port(cluster.epmd_port());
        process::set_trap_exit(true);
        let epmd_server = server.clone().start_link().unwrap();
        let one = cluster.beam("one");
        let two = cluster.beam("two");
        assert_eq!(one.eval("net_adm:ping('two@127.0.0.1')"), "pong");
        let error = server.start_link().unwrap_err().to_string();
        assert!(error.contains("cannot listen on 127.0.0.1:"), "{error}");
        drop((one, two));
        wait_until(|| epmd(&cluster, "-kill").contains("Killed"));
        assert_eq!(expect_exit(epmd_server.pid()), ExitReason::Normal);
    }
}

mod none {
    use super::*;

    #[test]
    fn is_needed_by_nodes_that_know_each_other() {
        let Some(mut rust) = Rust::start() else { return };
        let beam = rust.beam();
        let address: SocketAddr = rust.cluster.address_of("beam");
        rust.stop();
        rust.cluster.stop_epmd();
        let node = NetKernel::named(NAME).cookie(cookie()).without_epmd();
        let net = node.peer(beam.name(), address).start_link().unwrap();
        rust.net = Some(net);
        assert_eq!(node::connect(there(&beam)), Ok(()));
        let nobody = Node::named("nobody@127.0.0.1");
        let error = node::connect(nobody).unwrap_err().to_string();
        let expected = "it is not known where nobody@127.0.0.1 listens, and there is no epmd";
        assert_eq!(error, expected);
    }

    #[test]
    fn leaves_the_ports_that_a_node_may_listen_at() {
        let Some(mut rust) = Rust::start() else { return };
        let taken = rust.cluster.address_of("rust").port();
        let node = || NetKernel::named("other@127.0.0.1").cookie(cookie()).without_epmd();
        rust.stop();
        let listener = TcpListener::bind(("127.0.0.1", taken)).unwrap();
        let error = node().ports(taken..=taken).start_link().unwrap_err().to_string();
        assert!(error.contains(&format!("cannot listen on 127.0.0.1:{taken}: ")), "{error}");
        drop(listener);
        let net = node().ports(taken..=taken).start_link().unwrap();
        assert!(TcpStream::connect(("127.0.0.1", taken)).is_ok());
        rust.net = Some(net);
    }
}
