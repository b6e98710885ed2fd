//! Numbered messages by all addresses of a process, with calls in between: each arrives, and in
//! order.

use procession::Node;
use procession::gen_server::RemoteServer;
use procession::prelude::*;
use procession::term::{self, ExternalRef, Term, atom};

use super::support::rounds::rounds;
use super::support::rust::{NAME, Rust, expect_term, process_there, register};
use super::support::wait::{assert_no_message, down_reason, expect};

/// How many messages are sent each way.
fn messages() -> i64 {
    rounds(20_000) as i64
}

/// A call comes after as many messages.
const CALLS: i64 = 500;

/// What leads to a process of another node.
struct Addresses {
    pid: Pid,
    name: (&'static str, Node),
    alias: ExternalRef,
}

impl Addresses {
    fn new(name: &'static str, pid: Pid, alias: ExternalRef) -> Addresses {
        Addresses { pid, name: (name, pid.node()), alias }
    }

    /// Sends all numbers; calls ask for the number that is expected next.
    fn send_all(&self) {
        for number in 0..messages() {
            match number % 3 {
                0 => process::send(self.pid, number),
                1 => process::send(self.name, number),
                _ => process::send(self.alias.clone(), number),
            }
            if number % CALLS == 0 {
                let server = match number / CALLS % 2 {
                    0 => RemoteServer::from_pid(self.pid),
                    _ => RemoteServer::at(self.name),
                };
                assert_eq!(server.call::<i64>(&atom("next")), Ok(number + 1));
            }
        }
    }
}

/// Receives all numbers, and answers the calls in between.
fn receive_all() {
    let mut next = 0;
    while next < messages() {
        let message = expect::<Term>();
        if let Term::Tuple(call) = &message {
            answer(call, next);
        } else {
            assert_eq!(message, Term::Integer(next));
            next += 1;
        }
    }
}

/// Answers a call of a process that is no server.
fn answer(call: &[Term], reply: i64) {
    assert_eq!((&call[0], &call[2]), (&atom("$gen_call").into(), &atom("next").into()));
    let Term::Tuple(from) = &call[1] else { panic!("{call:?}") };
    let client: Pid = term::from_term(&from[0]).unwrap();
    process::send(client, Term::Tuple(vec![from[1].clone(), reply.into()]));
}

#[test]
fn arrive_at_a_node_of_erlang_in_order() {
    let Some(rust) = Rust::start() else { return };
    let beam = rust.beam();
    let pid = process_there(
        &beam,
        "case Message of \
             N when is_integer(N) -> N = get(next), put(next, N + 1); \
             {'$gen_call', From, next} -> gen_server:reply(From, get(next)); \
             'begin' -> register(numbers, self()), put(next, 0), \
                 {test, 'rust@127.0.0.1'} ! alias(); \
             last -> {test, 'rust@127.0.0.1'} ! get(next) \
         end",
    );
    process::send(pid, atom("begin"));
    let there = Addresses::new("numbers", pid, expect_term());
    there.send_all();
    process::send(pid, atom("last"));
    assert_eq!(expect_term::<i64>(), messages());
    assert_no_message();
}

#[test]
fn arrive_from_a_node_of_erlang_in_order() {
    let Some(rust) = Rust::start() else { return };
    let beam = rust.beam();
    register("test");
    let messages = messages();
    let sent = beam.begin(&format!(
        "Name = {{test, '{NAME}'}}, Name ! self(), \
         {{Pid, Alias}} = receive Known -> Known end, \
         Send = fun Send({messages}) -> ok; Send(N) -> \
             case N rem 3 of 0 -> Pid ! N; 1 -> Name ! N; 2 -> Alias ! N end, \
             case N rem {CALLS} of \
                 0 -> Server = lists:nth(N div {CALLS} rem 2 + 1, [Pid, Name]), \
                     Next = gen_server:call(Server, next), \
                     Next = N + 1; \
                 _ -> ok \
             end, \
             Send(N + 1) end, \
         Send(0), process_info(self(), messages)"
    ));
    let there: Pid = expect_term();
    let known = (process::self_pid(), process::alias());
    process::send(there, term::to_term(&known).unwrap());
    receive_all();
    assert_eq!(beam.value(sent), "{messages,[]}");
}

/// Each of both has a process that sends, and one that receives.
fn exchange(tell: impl FnOnce(&(Pid, Alias)), told: impl FnOnce() -> (Pid, ExternalRef)) {
    register("test");
    tell(&(process::self_pid(), process::alias()));
    let (pid, alias) = told();
    let send = move || Addresses::new("test", pid, alias).send_all();
    let (_, monitor) = process::spawn_monitor(send).unwrap();
    receive_all();
    assert_eq!(down_reason(monitor), ExitReason::Normal);
}

#[test]
fn arrive_in_each_of_two_programs_in_order() {
    let both = Rust::start_with_twin(|parent| {
        exchange(|own| parent.tell(own), || parent.told());
        parent.tell(&true);
    });
    let Some((_rust, mut twin)) = both else { return };
    let theirs = twin.told();
    exchange(|own| twin.tell(own), || theirs);
    assert!(twin.told::<bool>());
    assert_no_message();
}
