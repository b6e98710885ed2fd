//! Requests to the servers of one name on several nodes.

use std::time::Duration;

use procession::Node;
use procession::prelude::*;

use crate::puppet::*;
use crate::support::*;

/// A request that can be sent to several.
#[derive(Clone, Debug)]
struct Double(u32);

impl HandleCall<Double> for Puppet {
    type Reply = u32;

    fn handle_call(&mut self, Double(n): Double, caller: &Caller<u32>) -> CallResult<Self, u32> {
        if n == 0 {
            _ = caller.defer();
            return noreply();
        }
        reply(2 * n)
    }
}

impl HandleCast<Double> for Puppet {
    fn handle_cast(&mut self, Double(n): Double) -> CastResult<Self> {
        process::send(self.witness.unwrap(), n);
        noreply()
    }
}

fn named(name: &str) -> ServerRef<Puppet> {
    Puppet::start_with(plain(), StartOptions::new().name(name)).unwrap()
}

// OTP: gen_server_SUITE:multicall
#[test]
fn a_call_returns_the_replies_by_node() {
    let name = "groups::call";
    let server = named(name);
    let here = Node::local();
    let outcome = ServerRef::<Puppet>::multi_call(&[here], name, Double(21), patience());
    assert_eq!(outcome, (vec![(here, 42)], vec![]));
    let nowhere = ServerRef::<Puppet>::multi_call(&[], name, Double(21), patience());
    assert_eq!(nowhere, (vec![], vec![]));
    assert_eq!(server.stop(), Ok(()));
}

// OTP: gen_server_SUITE:multicall
#[test]
fn a_call_names_the_nodes_without_a_reply() {
    in_process(|| {
        let here = Node::local();
        let name = "groups::without";
        let call = |n, timeout| ServerRef::<Puppet>::multi_call(&[here], name, Double(n), timeout);
        assert_eq!(call(1, patience()), (vec![], vec![here]));

        let server = named(name);
        assert_eq!(call(0, Duration::from_millis(2)), (vec![], vec![here]));
        assert_eq!(call(1, patience()), (vec![(here, 2)], vec![]));
        let let_go = server.hold(|_| noreply());
        assert_eq!(call(1, Duration::ZERO), (vec![], vec![here]));
        drop(let_go);
        assert_eq!(server.stop(), Ok(()));
        expect::<Terminated>();
        // The late reply has come to nobody.
        assert_no_message();
    });
}

// OTP: gen_server_SUITE:abcast
#[test]
fn a_cast_goes_to_whoever_is_there() {
    let name = "groups::cast";
    ServerRef::<Puppet>::abcast(&[Node::local()], name, Double(1));
    let server = named(name);
    ServerRef::<Puppet>::abcast(&[Node::local()], name, Double(2));
    assert_eq!(expect::<u32>(), 2);
    assert_eq!(server.stop(), Ok(()));
}

#[test]
fn all_processes_are_on_the_local_node() {
    assert_eq!(process::self_pid().node(), Node::local());
    assert_eq!(Node::local().to_string(), "node 0");
}
