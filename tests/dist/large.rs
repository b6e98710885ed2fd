//! Large messages: what passes beside them is answered, and no node is taken for dead.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use procession::gen_server::RemoteServer;
use procession::net_kernel::NetKernel;
use procession::node;
use procession::prelude::*;
use procession::term::{self, Term, atom};

use super::support::beam::Beam;
use super::support::counter::{self, Counter};
use super::support::rounds::rounds;
use super::support::rust::{NAME, Rust, process_there, register};
use super::support::twin::Parent;
use super::support::wait::{assert_no_message, down_reason, expect, test_timeout};

const SIZE: usize = 64 << 20;

/// With which a node that is silent is lost after three to five seconds.
fn ticks(node: NetKernel) -> NetKernel {
    node.tick_time(Duration::from_secs(4)).serve::<Counter>()
}

/// With which it is in less than two seconds.
fn quick_ticks(node: NetKernel) -> NetKernel {
    node.tick_time(Duration::from_millis(1_500)).serve::<Counter>()
}

fn bytes(size: usize) -> Vec<u8> {
    (0..size).map(|n| (n % 251) as u8).collect()
}

/// Answers `{echo, Term}` with that, and any other request with itself.
fn echo(call: &Term) {
    let Term::Tuple(call) = call else { panic!("{call}") };
    let Term::Tuple(from) = &call[1] else { panic!("{}", call[1]) };
    let client: Pid = term::from_term(&from[0]).unwrap();
    let reply = if let Term::Tuple(request) = &call[2] { &request[1] } else { &call[2] }.clone();
    process::send(client, Term::Tuple(vec![from[1].clone(), reply]));
}

/// The same there.
fn echo_there(beam: &Beam) -> Pid {
    process_there(
        beam,
        "{'$gen_call', From, Request} = Message, \
         gen_server:reply(From, case Request of {echo, T} -> T; _ -> Request end)",
    )
}

/// A process that makes small calls until it is told that it is over; each must be answered in
/// time.
struct SmallCalls {
    is_over: Arc<AtomicBool>,
    monitor: MonitorRef,
}

impl SmallCalls {
    fn of(server: Pid) -> SmallCalls {
        let is_over = Arc::new(AtomicBool::new(false));
        let ends = Arc::clone(&is_over);
        let body = move || {
            node::monitor_node(server.node(), true).unwrap();
            let server = RemoteServer::from_pid(server);
            for number in 0_i64.. {
                assert_eq!(server.call_timeout(&number, test_timeout()), Ok(number));
                if ends.load(Ordering::Relaxed) {
                    break;
                }
            }
            assert_no_message();
        };
        SmallCalls { is_over, monitor: process::spawn_monitor(body).unwrap().1 }
    }

    #[track_caller]
    fn end(self) {
        self.is_over.store(true, Ordering::Relaxed);
        assert_eq!(down_reason(self.monitor), ExitReason::Normal);
    }
}

/// Sends bytes to a process of another node and back, again and again, with small calls beside.
fn there_and_back(echo: Pid, small: Pid, size: usize, times: usize) {
    let small = SmallCalls::of(small);
    let bytes = Term::Binary(bytes(size).into());
    let large = RemoteServer::from_pid(echo);
    for _ in 0..times {
        let back = large.call_timeout::<_, Term>(&(atom("echo"), &bytes), Duration::MAX);
        assert!(back.unwrap() == bytes);
    }
    small.end();
}

/// Has the other node send bytes to this one and back, with small calls to a counter beside.
fn back_and_there(beam: &Beam, size: usize) {
    register("test");
    let counter = counter::start();
    let small = beam.begin(&format!(
        "persistent_term:put(over, false), erlang:monitor_node('{NAME}', true), \
         Call = fun Call(N) -> \
             N = gen_server:call({{counter, '{NAME}'}}, {{add, 1}}, 20000), \
             case persistent_term:get(over) of true -> N; false -> Call(N + 1) end end, \
         true = Call(1) > 1, process_info(self(), messages)"
    ));
    let times = rounds(1);
    let large = beam.begin(&format!(
        "Bytes = binary:part(binary:copy(list_to_binary(lists:seq(0, 250)), {size} div 251 + 1), \
             0, {size}), \
         [Bytes = gen_server:call({{test, '{NAME}'}}, {{echo, Bytes}}, infinity) \
             || _ <- lists:seq(1, {times})], \
         persistent_term:put(over, true), ok"
    ));
    for _ in 0..times {
        echo(&expect());
    }
    assert_eq!(beam.value(large), "ok");
    assert_eq!(beam.value(small), "{messages,[]}");
    counter.stop().unwrap();
    assert_no_message();
}

#[test]
fn from_here_let_small_calls_pass() {
    let Some(rust) = Rust::start_with(ticks) else { return };
    let beam = rust.cluster.beam_with("beam", &["-kernel", "net_ticktime", "4"]);
    there_and_back(echo_there(&beam), echo_there(&beam), SIZE, rounds(1));
}

#[test]
fn from_there_let_small_calls_pass() {
    let Some(rust) = Rust::start_with(ticks) else { return };
    let beam = rust.cluster.beam_with("beam", &["-kernel", "net_ticktime", "4"]);
    back_and_there(&beam, SIZE);
}

/// What the second program does: it echoes, in two processes.
fn echoes(parent: &Parent) {
    let echoes = || {
        loop {
            echo(&expect());
        }
    };
    parent.tell(&[(); 2].map(|()| process::spawn(echoes).unwrap()));
}

#[test]
fn between_two_programs_let_small_calls_pass() {
    let both = Rust::start_both_with(ticks, echoes);
    let Some((_rust, twin)) = both else { return };
    let [large, small]: [Pid; 2] = twin.told();
    there_and_back(large, small, SIZE, rounds(1));
}

/// How many bytes pass in a second where the way is slow.
const PACE: usize = 4 << 20;

#[test]
fn that_take_longer_than_the_tick_time_pass_between_programs() {
    let both = Rust::start_both_between_relays(quick_ticks, echoes);
    let Some((_rust, twin, relays)) = both else { return };
    let [large, small]: [Pid; 2] = twin.told();
    node::connect(twin.node()).unwrap();
    relays.slow_down(PACE);
    there_and_back(large, small, 2 * PACE, rounds(1));
}

/// The other way it would take this node for dead, as it hears of a message when all of it has
/// come.
#[test]
fn that_take_longer_than_the_tick_time_come_from_a_node_of_erlang() {
    let ticks = |node: NetKernel| node.tick_time(Duration::from_secs(2));
    let Some((_rust, beam, relays)) = Rust::start_between_relays(ticks) else { return };
    beam.eval("net_kernel:set_net_ticktime(2, 0)");
    let small = echo_there(&beam);
    let sender = process_there(&beam, "{test, 'rust@127.0.0.1'} ! binary:copy(<<7>>, Message)");
    relays.slow_down(PACE);
    let small = SmallCalls::of(small);
    for _ in 0..rounds(1) {
        process::send(sender, 3 * PACE);
        assert!(expect::<Term>() == Term::Binary(vec![7; 3 * PACE].into()));
    }
    small.end();
}
