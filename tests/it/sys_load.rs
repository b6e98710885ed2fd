//! System messages to servers that have a lot to do, or that end.

use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use procession::prelude::*;
use procession::sys::{Event, OldVersion, Sys, SysError};

use crate::sys::*;

use crate::support::calls::kind_of;
use crate::support::processes::{Begun, in_process};
use crate::support::rounds::{delay_by, rounds};
use crate::support::scripted::{
    InfoReceived, Scripted, ScriptedServer, Terminated, init_with, observed_init, pid_of, scripted,
};
use crate::support::wait::{assert_no_message, expect, wait_for_exit};

const SENDERS: usize = 4;
const CASTS: u64 = 25_000;

/// Sees that what each sender casts comes complete and in order.
#[derive(Debug, Default)]
struct Checker {
    next: [u64; SENDERS],
    faults: u64,
    replaced: u64,
    version: u64,
}

impl Checker {
    fn handled(&self) -> u64 {
        self.next.iter().sum()
    }
}

#[derive(Clone, Copy, Debug)]
struct Numbered {
    sender: usize,
    number: u64,
}

impl GenServer for Checker {
    type Args = ();

    fn init((): ()) -> InitResult<Checker> {
        ready(Checker::default())
    }

    fn code_change(self, old_version: &OldVersion, _: Message) -> Result<Self, (Self, ExitReason)> {
        if *old_version == OldVersion::from(self.version.to_string()) {
            Ok(Checker { version: self.version + 1, ..self })
        } else {
            Err((self, ExitReason::new("another version")))
        }
    }
}

impl HandleCast<Numbered> for Checker {
    fn handle_cast(&mut self, Numbered { sender, number }: Numbered) -> CastResult<Checker> {
        self.faults += u64::from(self.next[sender] != number);
        self.next[sender] = number + 1;
        noreply()
    }
}

fn handled(sys: &Sys) -> u64 {
    sys.get_state(Checker::handled).unwrap()
}

/// Lets [`SENDERS`] processes cast all they have to `server`; each tells the caller when it has
/// cast some. Returns their monitors.
fn load(server: &ServerRef<Checker>) -> Vec<MonitorRef> {
    let me = process::self_pid();
    let sender = |sender| {
        let server = *server;
        let body = move || {
            for number in 0..CASTS {
                server.cast(Numbered { sender, number });
                if number == CASTS / 10 {
                    process::send(me, Begun);
                }
            }
        };
        let (_, monitor) = process::spawn_monitor(body).unwrap();
        monitor
    };
    (0..SENDERS).map(sender).collect()
}

/// Does `act`, at least once, until all of the `senders` have ended. Returns how often.
fn while_they_send(mut senders: Vec<MonitorRef>, mut act: impl FnMut()) -> u64 {
    let mut times = 0;
    loop {
        act();
        times += 1;
        receive! {
            down: Down => senders.retain(|it| *it != down.monitor),
            after Duration::ZERO => {}
        }
        if senders.is_empty() {
            return times;
        }
    }
}

fn assert_all_came_in_order(sys: &Sys) {
    let came = sys.get_state(|it: &Checker| (it.next, it.faults)).unwrap();
    assert_eq!(came, ([CASTS; SENDERS], 0));
}

#[test]
fn a_server_that_is_suspended_and_changed_under_load_loses_and_repeats_and_reorders_nothing() {
    in_process(|| {
        let server = Checker::start(()).unwrap();
        let sys = sys_of(&server);
        sys.suspend().unwrap();
        let senders = load(&server);
        (0..SENDERS).for_each(|_| _ = expect::<Begun>());
        assert_eq!(handled(&sys), 0);

        let mut version = 0_u64;
        let times = while_they_send(senders, || {
            sys.suspend().unwrap();
            let before = handled(&sys);
            sys.replace_state(|it: &mut Checker| it.replaced += 1).unwrap();
            sys.change_code(version.to_string(), ()).unwrap();
            version += 1;
            assert_eq!(handled(&sys), before);
            sys.resume().unwrap();
        });
        assert_all_came_in_order(&sys);
        let changed = sys.get_state(|it: &Checker| (it.replaced, it.version));
        assert_eq!(changed, Ok((times, times)));
        assert_no_message();
    });
}

#[test]
fn tracing_that_is_turned_on_and_off_under_load_loses_nothing_and_sees_all() {
    in_process(|| {
        let server = Checker::start(()).unwrap();
        let sys = sys_of(&server);
        let senders = load(&server);
        (0..SENDERS).for_each(|_| _ = expect::<Begun>());
        while_they_send(senders, || {
            let seen = Arc::new(Mutex::new(Vec::new()));
            let keep = {
                let seen = Arc::clone(&seen);
                move |event: &Event<'_>, _: &Checker| {
                    if let Event::In { message, .. } = event {
                        seen.lock().push(*message.downcast_ref::<Numbered>().unwrap());
                    }
                    ControlFlow::Continue(())
                }
            };
            sys.suspend().unwrap();
            sys.statistics_on().unwrap();
            sys.log_on(3).unwrap();
            sys.trace_on().unwrap();
            sys.install("keep", keep).unwrap();
            let first = sys.get_state(|it: &Checker| it.next).unwrap();
            sys.resume().unwrap();

            // A few are handled between these two, or many.
            sys.suspend().unwrap();
            let last = sys.get_state(|it: &Checker| it.next).unwrap();
            let counted = sys.statistics().unwrap().unwrap();
            sys.no_debug().unwrap();
            sys.resume().unwrap();

            let seen = seen.lock();
            assert_eq!(counted.messages_in, seen.len() as u64);
            for sender in 0..SENDERS {
                let numbers = seen.iter().filter(|it| it.sender == sender).map(|it| it.number);
                assert!(numbers.eq(first[sender]..last[sender]), "of the sender {sender}");
            }
        });
        assert_all_came_in_order(&sys);
        assert_no_message();
    });
}

#[test]
fn a_server_that_many_suspend_and_resume_answers_all_calls() {
    in_process(|| {
        let server = scripted();
        let turn = |sys: Sys| {
            (0..rounds(300)).for_each(|_| {
                sys.suspend().unwrap();
                sys.resume().unwrap();
            });
        };
        for _ in 0..3 {
            elsewhere(&server, turn);
            let calls = server;
            elsewhere(&server, move |_| (0..rounds(300)).for_each(|_| calls.assert_answers()));
        }
        (0..6).for_each(|_| assert_eq!(expect::<Got<()>>(), Got(())));
        server.assert_answers();
        assert_no_message();
    });
}

#[test]
fn the_end_of_a_server_is_told_to_whoever_waits_for_its_answer() {
    in_process(|| {
        for round in 0..rounds(500) {
            let server = scripted();
            elsewhere(&server, |sys| {
                let rounds = || {
                    sys.suspend()?;
                    sys.replace_state(|it: &mut Scripted| it.note("a note"))?;
                    sys.get_status()?;
                    sys.resume()
                };
                (0..).find_map(|_| rounds().err()).expect("there is no last round")
            });
            delay_by(round);
            let end = ExitReason::new("sys_load::end");
            match round % 3 {
                0 => process::exit(pid_of(&server), ExitReason::Kill),
                1 => process::exit(pid_of(&server), end.clone()),
                _ => sys_of(&server).terminate(end.clone()).unwrap(),
            }
            let Got(error) = expect::<Got<SysError>>();
            let reason = if round % 3 == 0 { ExitReason::Killed } else { end };
            let (error, down) = (kind_of(error), CallErrorKind::Down(reason));
            assert!(error == CallErrorKind::NoProc || error == down, "{error:?}");
            if round % 3 == 2 {
                expect::<Terminated>();
            }
            assert_no_message();
        }
    });
}

#[test]
fn a_server_ends_with_its_parent_whenever_it_is_suspended() {
    in_process(|| {
        let me = process::self_pid();
        let end = ExitReason::new("sys_load::parent");
        for round in 0..rounds(500) {
            let reason = end.clone();
            process::spawn(move || {
                let init = init_with(move || {
                    process::set_trap_exit(true);
                    ready(Scripted::observed_by(me))
                });
                process::send(me, Scripted::start_link(init).unwrap());
                delay_by(round);
                process::exit_self(reason);
            })
            .unwrap();
            let server = expect::<ServerRef<Scripted>>();
            let ended = || {
                sys_of(&server).suspend()?;
                sys_of(&server).resume()
            };
            while ended().is_ok() {}
            wait_for_exit(pid_of(&server));
            assert_eq!(expect::<Terminated>().reason, end);
            assert_no_message();
        }
    });
}

#[test]
fn a_time_out_and_a_suspension_that_cross_leave_one_time_out() {
    in_process(|| {
        for round in 0..rounds(300) {
            let server = Scripted::start(observed_init()).unwrap();
            server.cast_with(|it| {
                it.on_timeout = None;
                noreply().timeout(Duration::from_micros(20))
            });
            delay_by(round);
            let sys = sys_of(&server);
            sys.suspend().unwrap();
            sys.resume().unwrap();
            let heard = expect::<InfoReceived>();
            assert!(heard.0.is::<IdleTimeout>());
            server.assert_answers();
            server.stop().unwrap();
            expect::<Terminated>();
            assert_no_message();
        }
    });
}
