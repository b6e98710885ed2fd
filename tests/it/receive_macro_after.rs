//! `receive!`: time-outs, marks, and what the arms do and are.

use std::fmt::Debug;
use std::panic::catch_unwind;
use std::sync::Arc;
use std::time::{Duration, Instant};

use procession::prelude::*;
use procession::timer;

use crate::receive_macro::{NOW, Op, drain, holders, to_self};
use crate::support::processes::in_process;
use crate::support::wait::{assert_no_message, expect, test_timeout, wait_until};

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
                after test_timeout() => 0,
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
    fn and_guard_see_the_surrounding_variables() {
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
