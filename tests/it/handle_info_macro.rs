//! `handle_info!`: the arms of `receive!` on a message that is there.

use procession::gen_server::Next;
use procession::prelude::*;

use crate::support::drops::OnDrop;
use crate::support::processes::{idle, reason};
use crate::support::wait::{down_reason, expect};

/// To the observer: which arm has handled a message.
#[derive(Debug, PartialEq)]
struct Arm(&'static str);

#[derive(Debug)]
enum Op {
    Add(u32),
    Pair(u32, u32),
    Clear,
}

#[derive(Debug)]
struct Stop(ExitReason);

/// Tells its observer which arms it takes.
#[derive(Debug)]
struct Sorter {
    observer: Pid,
    watched: MonitorRef,
    sum: u32,
}

impl Sorter {
    fn took(&self, arm: &'static str) -> CastResult<Sorter> {
        process::send(self.observer, Arm(arm));
        noreply()
    }
}

impl GenServer for Sorter {
    type Args = (Pid, Pid);

    fn init((observer, watched): (Pid, Pid)) -> InitResult<Sorter> {
        ready(Sorter { observer, watched: process::monitor(watched), sum: 0 })
    }

    fn handle_info(&mut self, message: Message) -> CastResult<Sorter> {
        handle_info! { message;
            Op::Add(n) if n > 100 => self.took("too much"),
            Op::Add(n) | Op::Pair(n, 0) if n > 0 => {
                self.sum += n;
                self.took("add")
            }
            Op::Clear => {
                if self.sum == 0 {
                    return noreply();
                }
                self.sum = 0;
                self.took("clear")
            }
            down: Down if down.monitor == self.watched => self.took("down"),
            (key, value): (String, u32) => {
                let parsed: u32 = key.parse()?;
                self.sum += parsed * value;
                self.took("parsed")
            },
            Stop(reason) => stop(reason),
            "nothing" => noreply(),
        }
    }
}

impl HandleCall<()> for Sorter {
    type Reply = u32;

    fn handle_call(&mut self, (): (), _: &Caller<u32>) -> CallResult<Sorter, ()> {
        reply(self.sum)
    }
}

fn sorter() -> (ServerRef<Sorter>, Pid) {
    let watched = idle();
    (Sorter::start((process::self_pid(), watched)).unwrap(), watched)
}

#[test]
fn the_first_arm_that_fits_takes_the_message() {
    let (sorter, watched) = sorter();
    sorter.send(Op::Add(101));
    sorter.send(Op::Add(40));
    sorter.send(Op::Pair(2, 0));
    process::exit(watched, ExitReason::Kill);
    for arm in ["too much", "add", "add", "down"] {
        assert_eq!(expect::<Arm>(), Arm(arm));
    }
    assert_eq!(sorter.call(()), Ok(42));
    sorter.send(Op::Clear);
    assert_eq!(expect::<Arm>(), Arm("clear"));
    assert_eq!(sorter.call(()), Ok(0));
}

#[test]
fn what_no_arm_fits_is_dropped_and_the_server_goes_on() {
    let (sorter, _) = sorter();
    let me = process::self_pid();
    let dropped = Opaque::new(OnDrop(move || process::send(me, Arm("dropped"))));
    sorter.send(dropped);
    assert_eq!(expect::<Arm>(), Arm("dropped"));
    sorter.send(Op::Add(0));
    sorter.send("something");
    assert_eq!(sorter.call(()), Ok(0));
}

#[test]
fn an_arm_can_stop_the_server() {
    let (sorter, _) = sorter();
    let monitor = process::monitor(sorter);
    sorter.send(Stop(reason()));
    assert_eq!(down_reason(monitor), reason());
}

#[test]
fn a_question_mark_in_an_arm_ends_the_server() {
    let (sorter, _) = sorter();
    sorter.send(("21".to_owned(), 2_u32));
    assert_eq!(sorter.call(()), Ok(42));
    let monitor = process::monitor(sorter);
    sorter.send(("no number".to_owned(), 2_u32));
    assert!(down_reason(monitor).downcast_ref::<std::num::ParseIntError>().is_some());
}

#[test]
fn a_last_arm_can_take_the_rest() {
    #[derive(Debug)]
    struct Greedy;

    impl GenServer for Greedy {
        type Args = ();

        fn init((): ()) -> InitResult<Greedy> {
            ready(Greedy)
        }

        fn handle_info(&mut self, message: Message) -> CastResult<Greedy> {
            handle_info! { message;
                n: u8 => stop(ExitReason::new(n)),
                other: Message => stop(ExitReason::new(other.type_name())),
            }
        }
    }

    for (send, expected) in
        [(Message::new(7_u8), ExitReason::new(7_u8)), (Message::new(7_u16), ExitReason::new("u16"))]
    {
        let greedy = Greedy::start(()).unwrap();
        let monitor = process::monitor(greedy);
        greedy.send(send);
        assert_eq!(down_reason(monitor), expected);
    }
}

#[test]
fn unhandled_goes_on_without_a_reply() {
    let result: CastResult<Sorter> = unhandled(Message::new("by hand"));
    assert!(matches!(result, Ok(Next { .. })));
}
