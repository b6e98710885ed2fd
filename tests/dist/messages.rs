//! Plain messages.

use procession::prelude::*;
use procession::term::{Term, atom};

use super::support::rust::{Rust, process_there, there};
use super::support::wait::expect;

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
