//! Two programs of this kind.

use procession::node::{self, Nodes};
use procession::prelude::*;
use procession::term::{Term, atom};

use super::support::rust::{Rust, register};
use super::support::wait::{down_reason, expect};

#[test]
fn connect_and_talk() {
    let both = Rust::start_with_twin(|parent| {
        parent.tell(&process::self_pid());
        let first: Pid = parent.told();
        process::send(first, atom("hello"));
        assert_eq!(expect::<Term>(), atom("bye").into());
        process::exit_self(ExitReason::Shutdown);
    });
    let Some((_rust, mut twin)) = both else { return };
    register("test");
    let there: Pid = twin.told();
    assert_eq!(there.node(), twin.node());
    twin.tell(&process::self_pid());
    assert_eq!(expect::<Term>(), atom("hello").into());
    assert_eq!(node::nodes(Nodes::Connected), [twin.node()]);
    let monitor = process::monitor(there);
    process::send(there, atom("bye"));
    assert_eq!(down_reason(monitor), ExitReason::Shutdown);
}
