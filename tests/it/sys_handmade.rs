//! Processes that receive by themselves and answer system messages.

#![allow(clippy::disallowed_methods, reason = "a thread of the program's own can be one")]

use std::ops::ControlFlow;
use std::thread;
use std::time::Duration;

use procession::prelude::*;
use procession::sys::{self, DebugOptions, Event, Mode, Sys, SysError, System};

use crate::support::calls::{CallKind, kind_of};
use crate::support::processes::{idle, idle_body, in_process, reason};
use crate::support::rounds::{killed_meanwhile, rounds};
use crate::support::wait::{assert_no_message, down_reason, expect, test_timeout};

/// Is switched on and off, and tells when it has been.
#[derive(Default)]
struct Lamp {
    is_on: bool,
    debug: DebugOptions,
    parent: Option<Pid>,
}

impl System for Lamp {
    type State = bool;

    fn state(&mut self) -> &mut bool {
        &mut self.is_on
    }

    fn debug(&mut self) -> &mut DebugOptions {
        &mut self.debug
    }

    fn parent(&self) -> Option<Pid> {
        self.parent
    }
}

impl Lamp {
    /// Returns why it is to end.
    fn shine(mut self) -> ExitReason {
        loop {
            receive! {
                "switch" => {
                    self.is_on = !self.is_on;
                    self.debug.handle(&Event::Other(&"switched"), &self.is_on);
                }
                request: sys::Request => match sys::handle(request, &mut self) {
                    ControlFlow::Continue(()) => {}
                    ControlFlow::Break(reason) => return reason,
                },
            }
        }
    }
}

fn lamp() -> Pid {
    process::spawn(|| process::exit_self(Lamp::default().shine())).unwrap()
}

fn sys_of(pid: Pid) -> Sys {
    sys::of(pid).timeout(test_timeout())
}

fn is_on(pid: Pid) -> bool {
    sys_of(pid).get_state(|is_on: &bool| *is_on).unwrap()
}

mod a_handmade_process {
    use super::*;

    // OTP: sys_SUITE:special_process
    #[test]
    fn answers_with_its_state() {
        let lamp = lamp();
        process::send(lamp, "switch");
        assert!(is_on(lamp));
        sys_of(lamp).replace_state(|is_on: &mut bool| *is_on = false).unwrap();
        assert!(!is_on(lamp));
        let outcome = sys_of(lamp).get_state(|_: &u8| ());
        let wrong = CallErrorKind::WrongServer { expected: "u8", found: "bool" };
        assert_eq!(outcome.kind(), Err(wrong));
        let outcome = sys_of(lamp).get_state(|_: &bool| process::exit_self(reason()));
        assert_eq!(outcome, Err::<(), _>(SysError::CallbackFailed(reason())));
        assert!(!is_on(lamp));
        assert_no_message();
    }

    #[test]
    fn is_suspended_and_resumed() {
        let lamp = lamp();
        sys_of(lamp).suspend().unwrap();
        sys_of(lamp).suspend().unwrap();
        process::send(lamp, "switch");
        assert!(!is_on(lamp));
        assert_eq!(process::info(lamp).unwrap().message_queue_len, 1);
        sys_of(lamp).resume().unwrap();
        assert!(is_on(lamp));
    }

    #[test]
    fn shows_its_status() {
        let lamp = lamp();
        process::register("sys_handmade::status", lamp).unwrap();
        for mode in [Mode::Running, Mode::Suspended] {
            let status = sys_of(lamp).get_status().unwrap();
            assert_eq!((status.pid, status.mode, status.parent), (lamp, mode, None));
            assert_eq!(status.name.as_deref(), Some("sys_handmade::status"));
            assert_eq!((status.module, &*status.state), ("bool", "false"));
            sys_of(lamp).suspend().unwrap();
        }
    }

    // OTP: sys_SUITE:special_process
    #[test]
    fn is_debugged() {
        let lamp = lamp();
        let (sys, me) = (sys_of(lamp), process::self_pid());
        let tell = move |event: &Event<'_>, is_on: &bool| {
            process::send(me, (event.to_string(), *is_on));
            ControlFlow::Continue(())
        };
        sys.log_on(2).unwrap();
        sys.statistics_on().unwrap();
        sys.install("tell", tell).unwrap();
        process::send(lamp, "switch");
        assert_eq!(expect::<(String, bool)>(), ("\"switched\"".to_owned(), true));
        assert_eq!(sys.log().unwrap(), ["\"switched\""]);
        assert_eq!(sys.statistics().unwrap().unwrap().messages_in, 0);
        sys.no_debug().unwrap();
        process::send(lamp, "switch");
        assert!(!is_on(lamp));
        assert_no_message();
    }

    #[test]
    fn does_not_change_its_code_by_default() {
        let lamp = lamp();
        assert_eq!(sys_of(lamp).change_code("2", ()), Err(SysError::NotSuspended));
        sys_of(lamp).suspend().unwrap();
        let outcome = sys_of(lamp).change_code("2", ());
        let Err(SysError::Refused(reason)) = outcome else { panic!("{outcome:?}") };
        assert!(reason.to_string().contains('2'), "{reason}");
        sys_of(lamp).resume().unwrap();
        assert!(!is_on(lamp));
    }

    #[test]
    fn is_told_to_end_whether_it_is_suspended_or_not() {
        for suspended in [false, true] {
            for end in [ExitReason::Normal, reason()] {
                let lamp = lamp();
                if suspended {
                    sys_of(lamp).suspend().unwrap();
                }
                let monitor = process::monitor(lamp);
                sys_of(lamp).terminate(end.clone()).unwrap();
                assert_eq!(down_reason(monitor), end);
            }
        }
    }

    // OTP: proc_lib_SUITE:stop
    #[test]
    fn is_stopped() {
        let lamp = lamp();
        procession::proc_lib::stop(lamp).unwrap();
        assert!(!process::is_alive(lamp));
    }

    // OTP: suspend_loop of sys
    #[test]
    fn ends_with_its_parent_while_it_is_suspended() {
        let parent = idle();
        let (lamp, monitor) = process::spawn_monitor(move || {
            process::set_trap_exit(true);
            process::link(parent);
            let lamp = Lamp { parent: Some(parent), ..Lamp::default() };
            process::exit_self(lamp.shine())
        })
        .unwrap();
        assert_eq!(sys_of(lamp).get_status().unwrap().parent, Some(parent));
        sys_of(lamp).suspend().unwrap();
        // That of another process waits.
        process::exit(lamp, ExitReason::new("not of the parent"));
        assert!(!is_on(lamp));
        process::exit(parent, reason());
        assert_eq!(down_reason(monitor), reason());
    }

    #[test]
    fn can_be_a_thread_of_the_program_s_own() {
        let me = process::self_pid();
        let thread = thread::spawn(move || {
            process::send(me, process::self_pid());
            Lamp::default().shine()
        });
        let lamp = expect::<Pid>();
        sys_of(lamp).suspend().unwrap();
        process::send(lamp, "switch");
        assert!(!is_on(lamp));
        sys_of(lamp).resume().unwrap();
        assert!(is_on(lamp));
        sys_of(lamp).terminate(reason()).unwrap();
        assert_eq!(thread.join().unwrap(), reason());
    }
}

mod a_request {
    use super::*;

    #[test]
    fn that_is_dropped_is_not_answered() {
        let (pid, monitor) = process::spawn_monitor(|| {
            drop(process::receive());
            idle_body();
        })
        .unwrap();
        let outcome = sys::of(pid).timeout(Duration::from_millis(1)).suspend();
        assert_eq!(outcome.kind(), Err(CallErrorKind::Timeout));
        process::exit(pid, ExitReason::Kill);
        assert_eq!(down_reason(monitor), ExitReason::Killed);
        assert_no_message();
    }

    #[test]
    fn can_be_given_to_another_process_to_answer() {
        let lamp = lamp();
        process::send(lamp, "switch");
        let proxy = process::spawn(move || {
            loop {
                receive! { request: sys::Request => process::send(lamp, request) }
            }
        })
        .unwrap();
        assert!(is_on(proxy));
        assert_eq!(sys_of(proxy).get_status().unwrap().pid, lamp);
        sys_of(proxy).suspend().unwrap();
        assert_eq!(sys_of(lamp).get_status().unwrap().mode, Mode::Suspended);
    }

    #[test]
    fn prints_what_it_asks_for() {
        let me = process::self_pid();
        let pid = process::spawn(move || {
            for _ in 0..2 {
                process::send(me, format!("{:?}", process::receive()));
            }
        })
        .unwrap();
        let impatient = sys::of(pid).timeout(Duration::ZERO);
        assert!(impatient.suspend().is_err() && impatient.get_status().is_err());
        assert_eq!(expect::<String>(), "Request(Suspend)");
        assert_eq!(expect::<String>(), "Request(GetStatus)");
    }

    #[test]
    fn is_refused_to_a_caller_that_was_killed() {
        for round in 0..rounds(200) {
            let lamp = lamp();
            let outcome = killed_meanwhile(round, || {
                let sys = sys_of(lamp);
                (0..).find_map(|_| sys.suspend().err()).expect("there is no last round")
            });
            assert_eq!(kind_of(outcome), CallErrorKind::CallerEnded);
            assert!(!is_on(lamp));
            process::exit(lamp, ExitReason::Kill);
        }
    }
}

#[test]
fn a_request_that_is_passed_on_is_no_wait_for_who_has_passed_it_on() {
    in_process(|| {
        let me = process::self_pid();
        let lamp = lamp();
        // It passes the request on, and then calls the one that waits for the answer.
        let between = process::spawn(move || {
            let request = expect::<sys::Request>();
            let outcome = sys::of(me).timeout(Duration::ZERO).suspend();
            process::send(lamp, request);
            process::send(me, outcome);
            idle_body(); // The client also hears of the end of the process it has asked.
        })
        .unwrap();
        assert!(!is_on(between));
        let outcome = expect::<Result<(), SysError>>();
        assert_eq!(outcome.kind(), Err(CallErrorKind::Timeout));
        for pid in [between, lamp] {
            process::exit(pid, ExitReason::Kill);
        }
    });
}
