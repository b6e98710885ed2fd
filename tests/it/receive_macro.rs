//! `receive!`: selective receive with typed patterns.

use std::collections::HashMap;
use std::fmt::Debug;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;

use procession::prelude::*;

use crate::support::processes::in_process;
use crate::support::wait::{assert_no_message, down_reason, expect};

#[derive(Debug)]
pub(crate) enum Op {
    Add(u64),
    Sub(u64),
    Pair(u64, u64),
    Rename { from: String, to: String },
    Clear,
}

pub(crate) const NOW: Duration = Duration::ZERO;

pub(crate) fn to_self<T: Send + Debug + 'static>(messages: impl IntoIterator<Item = T>) {
    messages.into_iter().for_each(|message| process::send(process::self_pid(), message));
}

/// Takes everything out of the mailbox; all of it must be of type `T`.
#[track_caller]
pub(crate) fn drain<T: Send + 'static>() -> Vec<T> {
    let next = || process::receive_timeout(NOW);
    std::iter::from_fn(next).map(|message| message.downcast().unwrap()).collect()
}

/// How many messages hold a clone of `token`.
pub(crate) fn holders(token: &Arc<()>) -> usize {
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
