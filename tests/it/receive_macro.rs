//! `receive!`: selective receive with typed patterns.

use std::collections::HashMap;
use std::fmt::Debug;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::{Duration, Instant};

use procession::prelude::*;
use procession::timer;

use crate::staging::*;
use crate::support::*;

#[derive(Debug)]
enum Op {
    Add(u64),
    Sub(u64),
    Pair(u64, u64),
    Rename { from: String, to: String },
    Clear,
}

const NOW: Duration = Duration::ZERO;

fn to_self<T: Send + Debug + 'static>(messages: impl IntoIterator<Item = T>) {
    messages.into_iter().for_each(|message| process::send(process::self_pid(), message));
}

/// Takes everything out of the mailbox; all of it must be of type `T`.
#[track_caller]
fn drain<T: Send + 'static>() -> Vec<T> {
    let next = || process::receive_timeout(NOW);
    std::iter::from_fn(next).map(|message| message.downcast().unwrap()).collect()
}

/// How many messages hold a clone of `token`.
fn holders(token: &Arc<()>) -> usize {
    Arc::strong_count(token) - 1
}

mod pattern {
    use super::*;

    #[derive(Debug)]
    struct Unit;

    #[derive(Debug)]
    struct Wrapped(Option<u8>, Result<(), String>);

    mod limits {
        pub(super) const HIGHEST: u16 = 900;
    }

    const READY: &str = "ready";

    #[test]
    fn infers_its_type_from_its_shape() {
        in_process(|| {
            to_self([Op::Add(1), Op::Rename { from: "a".into(), to: "b".into() }, Op::Clear]);
            process::send(process::self_pid(), Unit);
            process::send(process::self_pid(), Wrapped(Some(3), Err("broken".to_owned())));

            receive! { Wrapped(Some(n), Err(text)) => assert_eq!((n, &*text), (3, "broken")) }
            receive! { Unit => {} }
            receive! { Op::Clear => {} }
            receive! { Op::Rename { to, .. } => assert_eq!(to, "b") }
            receive! { Op::Add(n) => assert_eq!(n, 1) }
            assert_no_message();
        });
    }

    #[test]
    fn fits_no_message_of_another_type() {
        in_process(|| {
            to_self([7_u32]);
            let found = receive! {
                _: u64 => "u64",
                _: i32 => "i32",
                7 => "a literal is an i32",
                (7,) => "tuple",
                _: Box<u32> => "box",
                Op::Add(7) => "Op",
                after NOW => "nothing",
            };
            assert_eq!(found, "nothing");
            assert_eq!(expect::<u32>(), 7);
        });
    }

    #[test]
    fn can_be_a_literal() {
        in_process(|| {
            to_self(["tea", "coffee"]);
            to_self([-7, 7]);
            to_self(['c']);
            to_self([true, false]);
            to_self([9_u8]);
            receive! { "coffee" => {} }
            receive! { -7 => {} }
            receive! { 'c' => {} }
            receive! { false => {} }
            receive! { 9_u8 => {} }
            receive! { "coffee" | "tea" => {} }
            receive! { true => {} }
            receive! { 7 => {} }
            assert_no_message();
        });
    }

    #[test]
    fn can_be_a_constant() {
        in_process(|| {
            to_self(["steady", READY]);
            to_self([1_u16, 900]);
            receive! { READY => {} }
            receive! { limits::HIGHEST => {} }
            assert_eq!(expect::<&str>(), "steady");
            assert_eq!(expect::<u16>(), 1);
        });
    }

    #[test]
    fn can_be_a_range() {
        in_process(|| {
            to_self([9, 0, 3, 6]);
            let found = receive! { n @ 1..=5 => n };
            assert_eq!(found, 3);
            assert_eq!(receive! { n @ 6.. => n }, 9);
            assert_eq!(receive! { n @ ..=5 => n, after NOW => 7 }, 0);
            to_self([200_u8]);
            assert_eq!(receive! { high @ 128_u8..=255 => high }, 200);
            assert_eq!(drain::<i32>(), [6]);
        });
    }

    #[test]
    fn can_have_alternatives() {
        in_process(|| {
            to_self([Op::Clear, Op::Sub(1), Op::Add(2)]);
            let amount = || receive! { Op::Add(n) | Op::Sub(n) => n };
            assert_eq!((amount(), amount()), (1, 2));
            receive! { Op::Clear => {} }
        });
    }

    #[test]
    fn can_state_its_type() {
        in_process(|| {
            let me = process::self_pid();
            process::send(me, 7_u64);
            process::send(me, ("key".to_owned(), 8_u32));
            process::send(me, [1_u8, 2, 3]);
            process::send(me, None::<char>);

            assert_eq!(receive! { None: Option<char> => 1 }, 1);
            assert_eq!(receive! { [first, .., last]: [u8; 3] => first + last }, 4);
            receive! { (key, value): (String, u32) => assert_eq!((&*key, value), ("key", 8)) }
            assert_eq!(receive! { n: u64 => n }, 7);
        });
    }

    #[test]
    fn with_a_stated_type_can_still_refuse() {
        in_process(|| {
            to_self([(1_u8, "one"), (2, "two"), (1, "uno")]);
            assert_eq!(receive! { (2, text): (u8, &str) => text }, "two");
            assert_eq!(receive! { (1, text): (u8, &str) if text.len() == 3 => text }, "one");
            assert_eq!(receive! { (1, text): (u8, &str) => text }, "uno");
        });
    }

    #[test]
    fn can_state_any_type() {
        type Job = Box<dyn Fn(u32) -> u32 + Send>;

        fn double(n: u32) -> u32 {
            n * 2
        }

        in_process(|| {
            let me = process::self_pid();
            process::send(me, Opaque::new(Box::new(|n: u32| n + 1) as Job));
            process::send(me, double as fn(u32) -> u32);
            process::send(me, HashMap::from([("a".to_owned(), vec![1_u8, 2])]));
            process::send(me, Ok::<Vec<(u8, u8)>, String>(vec![(1, 2)]));
            process::send(me, ());

            receive! { (): () => {} }
            receive! {
                pairs: Result<Vec<(u8, u8)>, String> => assert_eq!(pairs, Ok(vec![(1, 2)])),
            }
            receive! {
                map: std::collections::HashMap<String, Vec<u8>> if map.len() == 1 => {
                    assert_eq!(map["a"], [1, 2]);
                }
            }
            receive! { function: fn(u32) -> u32 => assert_eq!(function(3), 6) }
            receive! {
                job: Opaque<Box<dyn Fn(u32) -> u32 + Send>> if job(1) == 2 => assert_eq!(job(2), 3),
            }
            assert_no_message();
        });
    }

    #[test]
    fn can_be_of_a_type_parameter() {
        fn largest<T: Copy + Ord + Send + Debug + 'static>(least: T) -> T {
            let mut largest = least;
            loop {
                receive! {
                    value: T if value > largest => largest = value,
                    _: T => {}
                    after NOW => break largest,
                }
            }
        }

        in_process(|| {
            to_self([3_u8, 9, 4]);
            to_self(["a", "c", "b"]);
            assert_eq!(largest(0_u8), 9);
            assert_eq!(largest(""), "c");
        });
    }

    #[test]
    fn can_bind_mutably() {
        in_process(|| {
            to_self([5_u64, 50]);
            to_self([Op::Add(1)]);
            let large = receive! {
                mut n: u64 if n > 10 => {
                    n += 1;
                    n
                }
            };
            assert_eq!(large, 51);
            let n = receive! { mut n: u64 => { n *= 2; n } };
            assert_eq!(n, 10);
            let n = receive! { Op::Add(mut n) if n == 1 => { n += 1; n } };
            assert_eq!(n, 2);
        });
    }

    #[test]
    fn can_bind_by_reference() {
        in_process(|| {
            to_self([Op::Rename { from: "old".into(), to: "new".into() }]);
            let lengths = receive! {
                Op::Rename { ref from, ref to } if from.len() == 3 => (from.len(), to.len()),
            };
            assert_eq!(lengths, (3, 3));
        });
    }

    #[test]
    fn moves_what_it_binds_out_of_the_message() {
        in_process(|| {
            to_self([Op::Rename { from: "old".into(), to: "new".into() }]);
            let (from, to): (String, String) = receive! {
                Op::Rename { from, .. } if from.is_empty() => (from, String::new()),
                Op::Rename { from, to } if to.len() == 3 => (from, to),
            };
            assert_eq!((&*from, &*to), ("old", "new"));

            to_self([vec!["a".to_owned()], vec!["b".to_owned()]]);
            let second: Vec<String> = receive! { list: Vec<String> if list[0] == "b" => list };
            assert_eq!(second, ["b"]);
            assert_eq!(drain::<Vec<String>>(), [["a"]]);
        });
    }
}

mod wildcard {
    use super::*;

    #[test]
    fn fits_any_message() {
        in_process(|| {
            process::send(process::self_pid(), "text");
            to_self([Op::Clear]);
            to_self([1, 2]);
            let mut found = Vec::new();
            for _ in 0..4 {
                found.push(receive! {
                    Op::Clear => "clear",
                    2 => "two",
                    _ => "any",
                });
            }
            assert_eq!(found, ["any", "clear", "any", "two"]);
            assert_no_message();
        });
    }

    #[test]
    fn can_have_a_guard() {
        in_process(|| {
            to_self([1_u8]);
            for listening in [false, true] {
                assert_eq!(receive! { _ if listening => true, after NOW => false }, listening);
            }
            assert_no_message();
        });
    }

    #[test]
    fn can_state_its_type() {
        in_process(|| {
            to_self(["text"]);
            to_self([1_u8]);
            receive! { _: u8 => {} }
            assert_eq!(drain::<&str>(), ["text"]);
        });
    }

    #[test]
    fn can_be_bound_as_a_message() {
        in_process(|| {
            to_self([1_u8]);
            to_self(["text"]);
            to_self([2_u8]);
            let message = receive! { message: Message if message.is::<&str>() => message };
            assert_eq!(message.downcast::<&str>().unwrap(), "text");

            let message = receive! {
                "text" => unreachable!(),
                mut message: Message => {
                    assert_eq!(message.downcast_ref::<u8>(), Some(&1));
                    message = Message::new(message);
                    message
                }
            };
            // It is the message itself, and arrives as its value again.
            to_self([message]);
            assert_eq!(drain::<u8>(), [2, 1]);
        });
    }
}

mod guard {
    use super::*;

    #[test]
    fn sees_what_the_pattern_binds() {
        in_process(|| {
            to_self([Op::Pair(1, 2), Op::Pair(4, 3), Op::Add(9)]);
            let larger = |a: u64, b: u64| a > b;
            receive! { Op::Pair(a, b) if larger(a, b) && a + b == 7 => assert_eq!((a, b), (4, 3)) }
            receive! { op @ (Op::Pair(..) | Op::Add(_)) if matches!(op, Op::Add(_)) => drop(op) }
            assert_eq!(drain::<Op>().len(), 1);
        });
    }

    #[test]
    fn can_be_all_that_uses_a_binding() {
        in_process(|| {
            to_self([1_u64, 5]);
            assert_eq!(receive! { n: u64 if n > 3 => "large" }, "large");
            assert_eq!(drain::<u64>(), [1]);
        });
    }

    #[test]
    fn captures_what_the_body_changes() {
        in_process(|| {
            to_self([3_u64, 1, 4, 1, 5, 9, 2, 6]);
            let mut highest = 0;
            let mut rises = Vec::new();
            let limit = String::from("9");
            loop {
                receive! {
                    n: u64 if n > highest && n.to_string() < limit => {
                        highest = n;
                        rises.push(n);
                    }
                    n: u64 if n.to_string() == limit => break drop(limit),
                }
            }
            assert_eq!(rises, [3, 4, 5]);
            assert_eq!(drain::<u64>(), [1, 1, 2, 6]);
        });
    }

    #[test]
    fn is_asked_once_for_each_message() {
        in_process(|| {
            to_self([1_u64, 2, 3, 4]);
            let mut asked = Vec::new();
            let mut ask = |arm, n, answer| {
                asked.push((arm, n));
                answer
            };
            let found = receive! {
                n: u64 if ask('a', n, n == 5) => n,
                n: u64 if ask('b', n, n == 3) => n,
                _: u32 if ask('c', 0, true) => 0,
            };
            assert_eq!(found, 3);
            let expected = [('a', 1), ('b', 1), ('a', 2), ('b', 2), ('a', 3), ('b', 3)];
            assert_eq!(asked, expected);
        });
    }

    #[test]
    fn is_asked_about_each_alternative_of_the_pattern() {
        in_process(|| {
            to_self([Op::Pair(1, 2), Op::Pair(3, 8), Op::Pair(9, 4)]);
            let large = || receive! { Op::Pair(n, _) | Op::Pair(_, n) if n > 5 => n };
            assert_eq!((large(), large()), (8, 9));
        });
    }

    #[test]
    fn that_panics_loses_only_the_message_it_looked_at() {
        in_process(|| {
            let token = Arc::new(());
            to_self((1..=4_u8).map(|n| (n, Arc::clone(&token))));
            let outcome = catch_unwind(AssertUnwindSafe(|| {
                receive! {
                    (n, _): (u8, Arc<()>) if n == 3 => n,
                    (n, _): (u8, Arc<()>) if n == 2 && panicking() => n,
                }
            }));
            assert!(outcome.is_err());
            assert_eq!(holders(&token), 3);
            let left: Vec<_> = drain::<(u8, Arc<()>)>().into_iter().map(|(n, _)| n).collect();
            assert_eq!(left, [1, 3, 4]);

            // The same by way of the message itself, which can be of no size.
            to_self([(), ()]);
            to_self([1_u8]);
            let outcome = catch_unwind(|| receive! { _: Message if panicking() => {} });
            assert!(outcome.is_err());
            assert_eq!(process::info(process::self_pid()).unwrap().message_queue_len, 2);
            receive! { () => {} }
            assert_eq!(drain::<u8>(), [1]);
        });

        fn panicking() -> bool {
            panic!("in a guard")
        }
    }

    #[test]
    fn that_receives_sees_what_arrives_later() {
        in_process(|| {
            to_self([1, 2, 3]);
            let mut inner = Vec::new();
            let found = receive! {
                n: i32 if {
                    to_self([n * 10]);
                    inner.push(receive! { later: i32 => later, after NOW => 0 });
                    n == 2
                } => n,
            };
            assert_eq!(found, 2);
            assert_eq!(inner, [10, 20]);
            assert_eq!(drain::<i32>(), [1, 3]);
        });
    }
}

mod order {
    use super::*;

    // OTP: receive_SUITE:receive_in_between
    #[test]
    fn of_messages_comes_before_the_order_of_arms() {
        in_process(|| {
            to_self([Op::Clear, Op::Sub(2), Op::Add(1), Op::Sub(3)]);
            let next = || {
                receive! {
                    Op::Add(n) => ('+', n),
                    Op::Sub(n) => ('-', n),
                }
            };
            assert_eq!((next(), next(), next()), (('-', 2), ('+', 1), ('-', 3)));
            receive! { Op::Clear => {} }
        });
    }

    #[test]
    fn of_arms_decides_which_of_them_gets_a_message() {
        in_process(|| {
            to_self([7_u64, 1]);
            let next = || {
                receive! {
                    n: u64 if n > 3 => ("large", n),
                    n: u64 => ("any", n),
                    _ => ("message", 0),
                }
            };
            assert_eq!((next(), next()), (("large", 7), ("any", 1)));
        });
    }

    #[test]
    fn of_what_is_left_stays() {
        in_process(|| {
            to_self([1, 10, 2, 20, 3]);
            assert_eq!(receive! { n: i32 if n >= 10 => n }, 10);
            to_self([30]);
            assert_eq!(receive! { n: i32 if n >= 10 => n }, 20);
            assert_eq!(receive! { n: i32 if n >= 10 => n }, 30);
            assert_eq!(drain::<i32>(), [1, 2, 3]);
        });
    }

    #[test]
    fn among_many_arms_is_kept() {
        #[derive(Debug)]
        struct Tagged<const N: usize>;

        in_process(|| {
            let me = process::self_pid();
            process::send(me, Tagged::<11>);
            process::send(me, Tagged::<15>);
            process::send(me, Tagged::<0>);
            let next = || {
                receive! {
                    _: Tagged<0> => 0, _: Tagged<1> => 1, _: Tagged<2> => 2, _: Tagged<3> => 3,
                    _: Tagged<4> => 4, _: Tagged<5> => 5, _: Tagged<6> => 6, _: Tagged<7> => 7,
                    _: Tagged<8> => 8, _: Tagged<9> => 9, _: Tagged<10> => 10,
                    _: Tagged<11> => 11, _: Tagged<12> => 12, _: Tagged<13> => 13,
                    _: Tagged<14> => 14, _: Tagged<15> => 15,
                    after NOW => 16,
                }
            };
            assert_eq!([next(), next(), next(), next()], [11, 15, 0, 16]);
        });
    }

    #[test]
    fn is_looked_through_once_while_waiting() {
        let me = process::self_pid();
        let (pid, monitor) = process::spawn_monitor(move || {
            let mut seen = Vec::new();
            let mut look = |n| {
                seen.push(n);
                if n % 3 == 0 {
                    process::send(me, n);
                }
                n == 99
            };
            receive! { n: u32 if look(n) => {} }
            assert_eq!(seen, (0..100).collect::<Vec<u32>>());
            assert_eq!(drain::<u32>(), (0..99).collect::<Vec<u32>>());
        })
        .unwrap();
        for n in 0..100_u32 {
            process::send(pid, n);
            // Now and then it has looked at all there is, and waits for more.
            if n % 3 == 0 {
                assert_eq!(expect::<u32>(), n);
            }
        }
        assert_eq!(down_reason(monitor), ExitReason::Normal);
    }
}

mod after {
    use super::*;

    // OTP: receive_SUITE:receive_opt_exception
    #[test]
    fn zero_looks_through_the_mailbox_once() {
        in_process(|| {
            assert!(receive! { _ => false, after NOW => true });
            to_self([1, 2, 3]);
            assert_eq!(receive! { 3 => "there", after NOW => "not there" }, "there");
            assert_eq!(receive! { 3 => "there", after NOW => "not there" }, "not there");
            assert_eq!(drain::<i32>(), [1, 2]);
        });
    }

    #[test]
    fn is_not_run_early() {
        in_process(|| {
            let timeout = Duration::from_millis(20);
            let start = Instant::now();
            let waited = receive! {
                _ => panic!("nobody sends"),
                after timeout => start.elapsed(),
            };
            assert!(waited >= timeout);
        });
    }

    // OTP: expressions, "Receive"
    #[test]
    fn is_not_put_off_by_messages_that_fit_nothing() {
        in_process(|| {
            #[derive(Clone, Debug)]
            struct Noise;

            let noise = timer::send_interval(Duration::from_millis(1), process::self_pid(), Noise);
            let timeout = Duration::from_millis(30);
            let start = Instant::now();
            receive! {
                Op::Clear => panic!("nobody sends it"),
                after timeout => assert!(start.elapsed() >= timeout),
            }
            timer::cancel(noise);
        });
    }

    #[test]
    fn a_time_too_long_for_the_clock_is_never_run() {
        let me = process::self_pid();
        let waiting = process::spawn(move || {
            receive! {
                n: u8 => process::send(me, n),
                after Duration::MAX => process::send(me, 0_u8),
            }
        })
        .unwrap();
        wait_until(|| process::info(waiting).unwrap().status == process::Status::Waiting);
        process::send(waiting, 7_u8);
        assert_eq!(expect::<u8>(), 7);
    }

    #[test]
    fn can_be_the_only_arm() {
        in_process(|| {
            to_self([1]);
            let timeout = Duration::from_millis(2);
            let start = Instant::now();
            let value = receive! { after timeout => 7 };
            assert_eq!(value, 7);
            assert!(start.elapsed() >= timeout);
            assert_eq!(drain::<i32>(), [1]);
        });
    }

    #[test]
    fn takes_a_block_or_an_expression_with_or_without_a_comma() {
        in_process(|| {
            let values = [
                receive! { 1 => 0, after NOW => 1 },
                receive! { 1 => 0, after NOW => 2, },
                receive! { 1 => 0, after NOW => { 3 } },
                receive! { 1 => { 0 } after NOW => { 4 }, },
                receive! { 1 => { 0 }, after NOW + NOW => if NOW.is_zero() { 5 } else { 6 } },
            ];
            assert_eq!(values, [1, 2, 3, 4, 5]);
        });
    }

    #[test]
    fn asks_for_the_time_once() {
        in_process(|| {
            let mut asked = 0;
            let mut timeout = || {
                asked += 1;
                Duration::from_millis(5)
            };
            to_self([2, 3]);
            receive! { 1 => {} after timeout() => {} }
            assert_eq!(asked, 1);
        });
    }

    #[test]
    fn can_use_what_the_guards_have_changed() {
        in_process(|| {
            to_self([1_u8, 2, 3]);
            let mut seen = Vec::new();
            let refused = receive! {
                n: u8 if { seen.push(n); false } => vec![n],
                after NOW => seen,
            };
            assert_eq!(refused, [1, 2, 3]);
        });
    }
}

mod since {
    use super::*;

    #[test]
    fn skips_what_arrived_before_the_mark() {
        in_process(|| {
            to_self([1, 2]);
            let mark = process::mark();
            to_self([3]);
            assert_eq!(receive! { since mark; n: i32 => n, after NOW => 0 }, 3);
            assert_eq!(receive! { since mark; n: i32 => n, after NOW => 0 }, 0);
            assert_eq!(receive! { since mark; n: i32 => n, _ => -1, after NOW => 0 }, 0);
            assert_eq!(receive! { since process::mark(); _ => 1, after NOW => 0 }, 0);
            assert_eq!(receive! { n: i32 => n }, 1);
            assert_eq!(drain::<i32>(), [2]);
        });
    }

    #[test]
    fn waits_for_what_arrives_after_the_mark() {
        in_process(|| {
            let me = process::self_pid();
            to_self(["old"]);
            let mark = process::mark();
            process::spawn(move || process::send(me, "new")).unwrap();
            assert_eq!(receive! { since mark; text: &str => text }, "new");
            assert_eq!(drain::<&str>(), ["old"]);
        });
    }
}

mod body {
    use super::*;

    #[test]
    fn gives_the_value_of_the_expression() {
        in_process(|| {
            to_self([1_u8, 2]);
            to_self(["text"]);
            let sum = receive! { n: u8 => n } + receive! { n: u8 => n };
            assert_eq!(sum, 3);
            let length = receive! {
                text: &str => text.len(),
                n: usize => n,
            };
            assert_eq!(length, 4);
            to_self([String::from("owned")]);
            let text: String = receive! { text: String => text };
            assert_eq!(text, "owned");
        });
    }

    #[test]
    fn can_be_a_block_or_an_expression_with_or_without_a_comma() {
        in_process(|| {
            to_self(0..6_u8);
            let mut last = 0;
            for n in 0..6_u8 {
                let value = receive! {
                    0_u8 => { last = 0; 0 }
                    1_u8 => { last = 1; 1 },
                    2_u8 => 2,
                    3_u8 => match last { 1 => 3, _ => 0 },
                    m: u8 if m == 4 => { m }
                    m: u8 => m
                };
                assert_eq!(value, n);
            }
        });
    }

    #[test]
    fn can_break_and_continue_the_loop_around() {
        in_process(|| {
            to_self([Op::Add(1), Op::Clear, Op::Add(2), Op::Sub(0), Op::Add(4)]);
            let mut total = 0;
            let rounds = 'rounds: loop {
                for round in 0.. {
                    receive! {
                        Op::Clear => continue,
                        Op::Add(n) => total += n,
                        Op::Sub(0) => break 'rounds round,
                        _ => break,
                    }
                    assert_ne!(round, 1, "the body of the second round has continued");
                }
            };
            assert_eq!((rounds, total), (3, 3));
            assert_eq!(drain::<Op>().len(), 1);

            let broken = loop {
                receive! { Op::Clear => {} after NOW => break "empty" }
            };
            assert_eq!(broken, "empty");
        });
    }

    #[test]
    fn can_return_from_the_function_around() {
        fn first_large() -> Option<u64> {
            for _ in 0..3 {
                receive! {
                    n: u64 if n > 3 => return Some(n),
                    _: u64 => {}
                    after NOW => return None,
                }
            }
            unreachable!("the third is large")
        }

        in_process(|| {
            to_self([1_u64, 2, 5]);
            assert_eq!(first_large(), Some(5));
            to_self([1_u64]);
            assert_eq!(first_large(), None);
            assert_no_message();
        });
    }

    #[test]
    fn can_leave_the_function_by_a_question_mark() {
        fn parsed() -> Result<i32, std::num::ParseIntError> {
            let n = receive! {
                text: &str => text.parse::<i32>()?,
                after patience() => 0,
            };
            Ok(n + 1)
        }

        fn first() -> Option<u8> {
            receive! { list: Vec<u8> => Some(*list.first()?) }
        }

        in_process(|| {
            to_self(["41", "forty-one"]);
            to_self([vec![], vec![7_u8]]);
            assert_eq!(parsed(), Ok(42));
            assert!(parsed().is_err());
            assert_eq!((first(), first()), (None, Some(7)));
        });
    }

    #[test]
    fn can_receive() {
        in_process(|| {
            to_self([Op::Add(1), Op::Pair(2, 3)]);
            to_self([10_u8, 20]);
            let sum = receive! {
                Op::Pair(a, b) => {
                    let tens = receive! {
                        tens: u8 if tens == 20 => u64::from(tens),
                        after NOW => 0,
                    };
                    a + b + tens + receive! { Op::Add(n) => n }
                }
                after NOW => receive! { n: u64 => n },
            };
            assert_eq!(sum, 26);
            let nested = receive! { "no" => 0, after NOW => receive! { n: u8 => n } };
            assert_eq!(nested, 10);
        });
    }

    #[test]
    fn can_move_what_surrounds_it() {
        in_process(|| {
            let owned = vec![1, 2, 3];
            to_self([Op::Clear]);
            let moved = receive! {
                Op::Add(n) if owned.len() as u64 == n => Some(owned),
                Op::Clear => Some(owned),
                after NOW => None,
            };
            assert_eq!(moved, Some(vec![1, 2, 3]));
        });
    }

    #[test]
    fn and_guard_keep_the_names_of_what_surrounds_them() {
        in_process(|| {
            let (message, lent, fits, arm) = (1_u8, 2_u8, false, 4_usize);
            to_self([3_u8]);
            let seen = receive! {
                n: u8 if !fits && n == message + lent => (n, message, lent, fits, arm),
            };
            assert_eq!(seen, (3, 1, 2, false, 4));
        });
    }

    #[test]
    fn that_panics_has_taken_its_message_and_no_other() {
        in_process(|| {
            to_self([1, 2, 3]);
            let outcome = catch_unwind(|| receive! { 2 => panic!("in a body") });
            assert!(outcome.is_err());
            assert_eq!(drain::<i32>(), [1, 3]);
        });
    }
}

mod value {
    use super::*;

    #[derive(Debug)]
    enum Held {
        One(Arc<()>),
        Two(Arc<()>, Arc<()>),
    }

    #[test]
    fn of_a_message_is_dropped_once() {
        in_process(|| {
            let token = Arc::new(());
            let held = || Arc::clone(&token);
            let count = || holders(&token);

            // Bound, ignored, bound in part, by a wildcard, as a message.
            to_self([Held::One(held())]);
            receive! { Held::One(bound) => { assert_eq!(count(), 1); drop(bound); } }
            assert_eq!(count(), 0);
            to_self([Held::One(held())]);
            receive! { Held::One(_) => {} }
            assert_eq!(count(), 0);
            to_self([Held::Two(held(), held())]);
            let kept = receive! { Held::Two(first, _) => first };
            assert_eq!(count(), 1);
            drop(kept);
            to_self([Held::Two(held(), held())]);
            receive! { Held::Two(_, second) => drop(second) }
            assert_eq!(count(), 0);
            to_self([Held::One(held())]);
            receive! { _ => {} }
            assert_eq!(count(), 0);
            to_self([Held::One(held())]);
            let message = receive! { message: Message => message };
            assert_eq!(count(), 1);
            drop(message);
            assert_eq!(count(), 0);
        });
    }

    #[test]
    fn of_a_message_that_is_refused_is_kept() {
        in_process(|| {
            let token = Arc::new(());
            to_self([Held::One(Arc::clone(&token))]);
            receive! {
                Held::Two(..) => panic!("it is one"),
                Held::One(it) if Arc::strong_count(&it) == 0 => drop(it),
                held: Held if matches!(held, Held::Two(..)) => drop(held),
                _ if holders(&token) == 0 => panic!("it is held"),
                message: Message if message.is::<u8>() => drop(message),
                after NOW => assert_eq!(holders(&token), 1),
            }
            receive! { Held::One(it) => assert!(Arc::ptr_eq(&it, &token)), after NOW => panic!() }
            assert_eq!(holders(&token), 0);
        });
    }

    #[test]
    fn of_a_message_is_dropped_when_the_body_leaves() {
        in_process(|| {
            let token = Arc::new(());
            to_self([Held::One(Arc::clone(&token)), Held::One(Arc::clone(&token))]);
            'left: {
                receive! { Held::One(_it) => break 'left }
            }
            assert_eq!(holders(&token), 1);
            let outcome = catch_unwind(|| receive! { Held::One(_it) => panic!("in a body") });
            assert!(outcome.is_err());
            assert_eq!(holders(&token), 0);
        });
    }
}
