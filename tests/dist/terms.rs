//! Terms that come over a connection, whatever they are.

use std::io::Write;

use procession::prelude::*;
use procession::term::{self, Term, atom};

use super::support::beam::Beam;
use super::support::rounds::rounds;
use super::support::rust::{NAME, Rust, register};
use super::support::stranger::Stranger;
use super::support::wait::{assert_no_message, expect};

/// Sends `times` what the other node sends it: pairs of a pid and a term.
fn echo(times: usize) {
    for _ in 0..times {
        let Term::Tuple(pair) = expect::<Term>() else { panic!() };
        let [to, term] = <[Term; 2]>::try_from(pair).unwrap();
        process::send(term::from_term::<Pid>(&to).unwrap(), term);
    }
}

/// Has the node of Erlang send `source`, the values of a list, to this one and back; each must be
/// the same as before.
#[track_caller]
fn assert_come_back(beam: &Beam, times: usize, source: &str) {
    register("test");
    let compared = beam.begin(&format!(
        "Terms = {source}, Ref = make_ref(), \
         [begin \
             {{test, '{NAME}'}} ! {{self(), {{Ref, Term}}}}, \
             receive {{Ref, Back}} -> Back =:= Term orelse exit({{differ, Term, Back}}) end \
          end || Term <- Terms], length(Terms)"
    ));
    echo(times);
    assert_eq!(beam.value(compared), times.to_string());
}

#[test]
fn of_all_kinds_come_back_as_they_went() {
    let Some(rust) = Rust::start() else { return };
    let beam = rust.beam();
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/term_beam/terms.erl");
    beam.eval(&format!(
        "{{ok, M, Code}} = compile:file({file:?}, [binary, export_all, nowarn_export_all]), \
         {{module, M}} = code:load_binary(M, {file:?}, Code)"
    ));
    let times = rounds(1_000);
    let source = format!(
        "begin rand:seed(exsss, 17), \
         [terms:term(lists:nth(rand:uniform(4), [1, 5, 20, 100])) || _ <- lists:seq(1, {times})] \
         end"
    );
    assert_come_back(&beam, times, &source);
    assert_no_message();
}

#[test]
fn at_the_limits_of_their_tags_come_back_as_they_went() {
    let Some(rust) = Rust::start() else { return };
    let beam = rust.beam();
    let source = "[lists:duplicate(N, 7) || N <- [255, 256, 65535, 65536]] ++ \
        [list_to_tuple(lists:seq(1, N)) || N <- [255, 256]] ++ \
        [1 bsl N - D || N <- [31, 63, 64, 2040, 2048], D <- [0, 1]] ++ \
        [list_to_atom(lists:duplicate(255, C)) || C <- [$a, 233, 1078]] ++ \
        [lists:foldl(fun(_, T) -> [T] end, [], lists:seq(1, 500))]";
    assert_come_back(&beam, 4 + 2 + 10 + 3 + 1, source);
}

#[test]
fn that_are_too_deep_are_dropped_alone() {
    let Some(rust) = Rust::start() else { return };
    let beam = rust.beam();
    register("test");
    for shape in ["[T]", "{T}", "[T | a]", "#{a => T}", "#{T => a}"] {
        beam.eval(&format!(
            "Deep = lists:foldl(fun(_, T) -> {shape} end, [], lists:seq(1, 100000)), \
             {{test, '{NAME}'}} ! Deep, {{test, '{NAME}'}} ! {{call, Deep}}, \
             {{test, '{NAME}'}} ! last"
        ));
        assert_eq!(expect::<Term>(), atom("last").into());
        assert_no_message();
    }
}

/// A message to the test: the bytes of a frame, without its length.
fn message(term: &[u8]) -> Vec<u8> {
    let from =
        term::ExternalPid { node: atom("stranger@127.0.0.1"), id: 1, serial: 0, creation: 7 };
    let control = Term::Tuple(vec![6.into(), from.into(), atom("").into(), atom("test").into()]);
    [b"p", &term::to_vec(&control).unwrap()[..], &[131], term].concat()
}

fn send(stranger: &mut Stranger, term: &[u8]) {
    let frame = message(term);
    let length = u32::try_from(frame.len()).unwrap().to_be_bytes();
    stranger.0.write_all(&[&length, &frame[..]].concat()).unwrap();
}

#[test]
fn that_are_none_end_their_connection() {
    let Some(rust) = Rust::start() else { return };
    let address = rust.cluster.address_of("rust");
    let beam = rust.beam();
    register("test");
    let malformed: [&[u8]; 9] = [
        // Not a number, and not a finite one.
        &[70, 0x7f, 0xf8, 0, 0, 0, 0, 0, 0],
        &[70, 0x7f, 0xf0, 0, 0, 0, 0, 0, 0],
        // Counts that lie: of a list, a tuple, a binary, a map, a large number.
        &[108, 0xff, 0xff, 0xff, 0xff, 106],
        &[105, 0x7f, 0xff, 0xff, 0xff, 97, 1],
        &[109, 0xff, 0xff, 0xff, 0xff, 1],
        &[116, 0, 0xff, 0xff, 0xff, 97, 1],
        &[111, 0xff, 0xff, 0xff, 0xff, 0, 1],
        // What is no UTF-8, and a tag that there is not.
        &[119, 2, 0xc3, 0x28],
        &[200],
    ];
    for bytes in malformed {
        let mut stranger = Stranger::node(address, "stranger@127.0.0.1", 7).unwrap();
        // Old atoms, in Latin-1, are read.
        send(&mut stranger, &[115, 4, b'g', 0xe4, b'h', b'n']);
        send(&mut stranger, &[100, 0, 1, 0xe9]);
        assert_eq!(expect::<Term>(), atom("gähn").into());
        assert_eq!(expect::<Term>(), atom("é").into());
        send(&mut stranger, bytes);
        stranger.expect_closed();
    }
    beam.eval(&format!("{{test, '{NAME}'}} ! last"));
    assert_eq!(expect::<Term>(), atom("last").into());
    assert_no_message();
}
