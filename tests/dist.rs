//! This program as a node beside nodes of Erlang, where that is installed.
//!
//! It is a binary of its own, as a program is one node.

use std::time::Duration;

use parking_lot::{Mutex, MutexGuard};

use procession::Node;
use procession::net_kernel::{self, ConnectError, NetKernel, NetKernelError};
use procession::prelude::*;
use procession::term::{self, Term, atom};

#[allow(dead_code, reason = "this binary needs few of them")]
#[path = "support"]
mod support {
    pub(crate) mod beam;
    pub(crate) mod wait;
}

use support::beam::{Beam, COOKIE, Cluster};
use support::wait::{assert_no_message, down_reason, expect, expect_exit, wait_until};

const NAME: &str = "rust@127.0.0.1";

/// A cluster with this program as a node; one at a time.
struct Rust {
    cluster: Cluster,
    net: Option<SupervisorRef>,
    _turn: MutexGuard<'static, ()>,
}

impl Rust {
    fn start() -> Option<Rust> {
        Rust::start_with(|node| node)
    }

    fn start_with(options: impl FnOnce(NetKernel) -> NetKernel) -> Option<Rust> {
        static TURN: Mutex<()> = Mutex::new(());
        let turn = TURN.lock();
        process::flush();
        process::set_trap_exit(true);
        let cluster = Cluster::start()?;
        let net = options(node(&cluster)).start_link().unwrap();
        Some(Rust { cluster, net: Some(net), _turn: turn })
    }

    fn beam(&self) -> Beam {
        self.cluster.beam("beam")
    }
}

impl Drop for Rust {
    fn drop(&mut self) {
        let net = self.net.take().unwrap();
        _ = net.stop();
    }
}

fn node(cluster: &Cluster) -> NetKernel {
    NetKernel::named(NAME).cookie(COOKIE).epmd_port(cluster.epmd_port())
}

fn there(beam: &Beam) -> Node {
    Node::named(beam.name())
}

fn ping(beam: &Beam) -> String {
    beam.eval("net_adm:ping('rust@127.0.0.1')")
}

/// Registers the test as `test`, and lets the other node send it the pid of a process there that
/// evaluates `body` for each message `Message` that it gets.
fn process_there(beam: &Beam, body: &str) -> Pid {
    _ = process::unregister("test");
    process::register("test", process::self_pid()).unwrap();
    let source = format!(
        "Loop = fun L() -> receive Message -> {body} end, L() end, \
         {{test, 'rust@127.0.0.1'}} ! {{pid, spawn(Loop)}}"
    );
    beam.eval(&source);
    let Term::Tuple(message) = expect::<Term>() else { panic!() };
    term::from_term(&message[1]).unwrap()
}

mod ping {
    use super::*;

    #[test]
    fn is_answered_by_a_pong() {
        let Some(rust) = Rust::start() else { return };
        let beam = rust.beam();
        assert_eq!(ping(&beam), "pong");
        assert_eq!(beam.eval("nodes()"), "[]");
        assert_eq!(beam.eval("nodes(hidden)"), format!("['{NAME}']"));
        assert_eq!(net_kernel::nodes(), [there(&beam)]);
        assert_eq!(Node::local().name(), NAME);
    }

    #[test]
    fn is_answered_by_a_visible_node() {
        let Some(rust) = Rust::start_with(|node| node.hidden(false)) else { return };
        let beam = rust.beam();
        assert_eq!(ping(&beam), "pong");
        assert_eq!(beam.eval("nodes()"), format!("['{NAME}']"));
    }

    #[test]
    fn is_not_answered_where_the_cookies_differ() {
        let Some(rust) = Rust::start_with(|node| node.cookie("wrong")) else { return };
        let beam = rust.beam();
        assert_eq!(ping(&beam), "pang");
        assert_eq!(net_kernel::connect_node(there(&beam)), Err(ConnectError::WrongCookie));
        assert_eq!(net_kernel::nodes(), []);
    }
}

mod connect_node {
    use super::*;

    #[test]
    fn connects() {
        let Some(rust) = Rust::start() else { return };
        let beam = rust.beam();
        assert_eq!(net_kernel::connect_node(there(&beam)), Ok(()));
        assert_eq!(net_kernel::connect_node(there(&beam)), Ok(()));
        assert_eq!(net_kernel::nodes(), [there(&beam)]);
        wait_until(|| beam.eval("nodes(hidden)") == format!("['{NAME}']"));
        assert_eq!(ping(&beam), "pong");
    }

    #[test]
    fn says_why_there_is_no_connection() {
        let Some(mut rust) = Rust::start() else { return };
        let nobody = Node::named("nobody@127.0.0.1");
        let error = net_kernel::connect_node(nobody).unwrap_err();
        assert_eq!(error.to_string(), "epmd knows of no node nobody@127.0.0.1");
        rust.cluster.stop_epmd();
        let nowhere = Node::named("nowhere@127.0.0.1");
        let error = net_kernel::connect_node(nowhere).unwrap_err().to_string();
        assert!(error.starts_with("no epmd could be reached at 127.0.0.1"), "{error}");
    }

    #[test]
    fn connects_again_with_a_node_that_was_restarted() {
        let Some(rust) = Rust::start() else { return };
        let mut beam = rust.beam();
        net_kernel::connect_node(there(&beam)).unwrap();
        beam.kill();
        wait_until(|| net_kernel::nodes().is_empty());
        let beam = rust.beam();
        // The dial that has failed, perhaps, is remembered for a moment.
        wait_until(|| net_kernel::connect_node(there(&beam)).is_ok());
        assert_eq!(ping(&beam), "pong");
    }

    #[test]
    fn and_a_ping_at_the_same_time_lead_to_one_connection() {
        let Some(rust) = Rust::start() else { return };
        let beam = rust.beam();
        for round in 0..200 {
            let ping = beam.begin("net_adm:ping('rust@127.0.0.1')");
            let connected = net_kernel::connect_node(there(&beam));
            assert_eq!(connected, Ok(()), "round {round}");
            assert_eq!(beam.value(ping), "pong", "round {round}");
            assert_eq!(net_kernel::nodes(), [there(&beam)]);
            let disconnected = beam.eval("erlang:disconnect_node('rust@127.0.0.1')");
            assert_eq!(disconnected, "true");
            wait_until(|| net_kernel::nodes().is_empty());
        }
    }
}

mod a_message {
    use super::*;

    #[test]
    fn arrives_at_a_name() {
        let Some(rust) = Rust::start() else { return };
        let beam = rust.beam();
        process::register("inbox", process::self_pid()).unwrap();
        beam.eval("{inbox, 'rust@127.0.0.1'} ! {hello, [1, 2.5], <<\"x\">>}");
        assert_eq!(expect::<Term>().to_string(), "{hello,[1,2.5],<<\"x\">>}");
        beam.eval("{nobody, 'rust@127.0.0.1'} ! lost, {inbox, 'rust@127.0.0.1'} ! last");
        assert_eq!(expect::<Term>(), atom("last").into());
        process::unregister("inbox").unwrap();
    }

    #[test]
    fn goes_to_a_pid_and_back() {
        let Some(rust) = Rust::start() else { return };
        let beam = rust.beam();
        let echo = process_there(&beam, "{test, 'rust@127.0.0.1'} ! {echo, Message}");
        assert_eq!(echo.node(), there(&beam));
        process::send(echo, atom("hello"));
        process::send(echo, "text");
        process::send(echo, 7);
        for expected in ["{echo,hello}", "{echo,<<\"text\">>}", "{echo,7}"] {
            assert_eq!(expect::<Term>().to_string(), expected);
        }
    }

    #[test]
    fn of_a_type_that_does_not_travel_is_dropped() {
        #[derive(Debug)]
        struct Private;

        let Some(rust) = Rust::start() else { return };
        let beam = rust.beam();
        let echo = process_there(&beam, "{test, 'rust@127.0.0.1'} ! {echo, Message}");
        process::send(echo, Private);
        process::send(echo, 7);
        assert_eq!(expect::<Term>().to_string(), "{echo,7}");
    }

    #[test]
    fn of_many_arrives_in_order() {
        let Some(rust) = Rust::start() else { return };
        let beam = rust.beam();
        let echo = process_there(&beam, "{test, 'rust@127.0.0.1'} ! Message");
        for number in 0..10_000_i64 {
            process::send(echo, number);
        }
        for number in 0..10_000_i64 {
            assert_eq!(expect::<Term>(), Term::Integer(number));
        }
    }

    #[test]
    fn of_many_megabytes_arrives() {
        let Some(rust) = Rust::start() else { return };
        let beam = rust.beam();
        let echo = process_there(&beam, "{test, 'rust@127.0.0.1'} ! Message");
        let large = Term::Binary((0..16 << 20).map(|n: u32| (n % 251) as u8).collect());
        process::send(echo, large.clone());
        assert!(expect::<Term>() == large);
    }
}

mod ties {
    use super::*;

    #[test]
    fn a_monitor_tells_of_an_end_there() {
        let Some(rust) = Rust::start() else { return };
        let beam = rust.beam();
        let there = process_there(&beam, "exit(Message)");
        let monitor = process::monitor(there);
        process::send(there, atom("boom"));
        assert_eq!(down_reason(monitor), ExitReason::new(Term::from(atom("boom"))));
        assert_eq!(down_reason(process::monitor(there)), ExitReason::NoProc);
    }

    #[test]
    fn a_monitor_there_tells_of_an_end_here() {
        let Some(rust) = Rust::start() else { return };
        let beam = rust.beam();
        let (pid, monitor) = process::spawn_monitor(|| receive! { () => {} }).unwrap();
        process::register("victim", pid).unwrap();
        _ = process::unregister("test");
        process::register("test", process::self_pid()).unwrap();
        let down = beam.begin(
            "R = erlang:monitor(process, {victim, 'rust@127.0.0.1'}), \
             {test, 'rust@127.0.0.1'} ! monitored, \
             receive {'DOWN', R, process, Object, Reason} -> {Object, Reason} end",
        );
        assert_eq!(expect::<Term>(), atom("monitored").into());
        process::exit(pid, ExitReason::new(7_u32));
        assert_eq!(down_reason(monitor), ExitReason::new(7_u32));
        assert_eq!(beam.value(down), "{{victim,'rust@127.0.0.1'},7}");
        let down = beam.eval(
            "R = erlang:monitor(process, {victim, 'rust@127.0.0.1'}), \
             receive {'DOWN', R, process, _, Reason} -> Reason end",
        );
        assert_eq!(down, "noproc");
    }

    #[test]
    fn a_link_ends_both_sides() {
        let Some(rust) = Rust::start() else { return };
        let beam = rust.beam();
        let there = process_there(&beam, "exit(Message)");
        process::link(there);
        process::send(there, atom("boom"));
        assert_eq!(expect_exit(there), ExitReason::new(Term::from(atom("boom"))));

        let there = process_there(&beam, "ok");
        let monitor = process::monitor(there);
        process::spawn(move || {
            process::link(there);
            process::exit_self(ExitReason::new("over"))
        })
        .unwrap();
        let reason = down_reason(monitor);
        assert_eq!(reason, ExitReason::new(Term::from("over")));
    }

    #[test]
    fn a_lost_node_takes_its_ties_along() {
        let Some(rust) = Rust::start() else { return };
        let mut beam = rust.beam();
        let there = process_there(&beam, "ok");
        process::link(there);
        let monitor = process::monitor(there);
        beam.kill();
        assert_eq!(expect_exit(there), ExitReason::NoConnection);
        assert_eq!(down_reason(monitor), ExitReason::NoConnection);
        assert_no_message();
    }

    #[test]
    fn a_kill_of_the_other_node_kills() {
        let Some(rust) = Rust::start() else { return };
        let beam = rust.beam();
        let (pid, monitor) = process::spawn_monitor(|| receive! { () => {} }).unwrap();
        let there = process_there(&beam, "exit(Message, kill)");
        process::send(there, pid);
        assert_eq!(down_reason(monitor), ExitReason::Killed);
    }
}

mod epmd {
    use super::*;

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
}

mod ticks {
    use super::*;

    #[test]
    fn keep_a_connection_that_carries_nothing_else() {
        let tick = |node: NetKernel| node.tick_time(Duration::from_millis(400));
        let Some(rust) = Rust::start_with(tick) else { return };
        let beam = rust.cluster.beam_with("beam", &["-kernel", "net_ticktime", "4"]);
        assert_eq!(ping(&beam), "pong");
        drop(beam);
        drop(rust);
    }

    #[test]
    fn that_do_not_come_end_a_connection() {
        let tick = |node: NetKernel| node.tick_time(Duration::from_millis(400));
        let Some(rust) = Rust::start_with(tick) else { return };
        let beam = rust.beam();
        let there = process_there(&beam, "ok");
        let monitor = process::monitor(there);
        beam.signal("STOP");
        assert_eq!(down_reason(monitor), ExitReason::NoConnection);
        beam.signal("CONT");
    }
}

mod start {
    use super::*;

    fn error(node: NetKernel) -> NetKernelError {
        let error = node.start_link().unwrap_err();
        let StartError::Failed(reason) = error else { panic!("{error}") };
        reason.downcast_ref::<NetKernelError>().expect("it says why").clone()
    }

    #[test]
    fn fails_without_epmd_a_name_or_a_cookie() {
        let Some(mut rust) = Rust::start() else { return };
        let node = node(&rust.cluster);
        rust.net.take().unwrap().stop().unwrap();
        let beam = rust.beam();
        let twin = NetKernel::named(beam.name()).cookie(COOKIE);
        let taken = error(twin.epmd_port(rust.cluster.epmd_port()));
        assert_eq!(taken, NetKernelError::NameTaken("beam".to_owned()));
        rust.cluster.stop_epmd();
        assert!(matches!(error(node.clone()), NetKernelError::NoEpmd(_)));
        assert!(matches!(error(node.cookie("")), NetKernelError::NoCookie(_)));
        let no_name = NetKernel::named("rust").cookie(COOKIE);
        assert_eq!(error(no_name), NetKernelError::Name("rust".to_owned()));
        rust.cluster.start_epmd();
        rust.net = Some(super::node(&rust.cluster).start_link().unwrap());
    }
}
