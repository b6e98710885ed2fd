//! What destructors can do while a process ends, and what a process that is told to end can do.

use std::any::Any;
use std::fmt::Debug;
use std::panic::catch_unwind;
use std::process::Command;
use std::sync::Arc;
use std::sync::mpsc;
use std::time::{Duration, Instant};

use procession::prelude::*;
use procession::process::{Builder, SpawnError, dictionary};
use procession::timer;

use crate::support::drops::{OnDrop, message_on_drop};
use crate::support::processes::{Begun, Busy, FOREVER, begun, busy, idle_body, reason};
use crate::support::rounds::rounds;
use crate::support::scripted::{Init, Scripted, init_with, pid_of};
use crate::support::wait::{down_reason, expect, test_timeout};

fn other_reason() -> ExitReason {
    ExitReason::new("unwinding::other_reason")
}

mod undelivered_messages {
    use super::*;

    /// A process that is busy and then ends as `end` says.
    fn ends_by(end: fn()) -> Busy {
        busy(Builder::new(), end)
    }

    #[test]
    fn whose_destructor_panics_disturb_neither_the_exit_nor_each_other() {
        let ends: [(fn(), ExitReason); 2] =
            [(|| {}, ExitReason::Normal), (|| process::exit_self(reason()), reason())];
        for (end, expected) in ends {
            let Busy { pid, monitor, let_go } = ends_by(end);
            let (dropped, drops) = mpsc::channel();
            for number in 0..3 {
                let dropped = dropped.clone();
                let message = message_on_drop(move || {
                    dropped.send(number).unwrap();
                    panic!("in the destructor of a message");
                });
                process::send(pid, message);
            }
            drop(let_go);

            assert_eq!(down_reason(monitor), expected);
            assert_eq!(drops.try_iter().collect::<Vec<_>>(), [0, 1, 2]);
        }
    }

    #[test]
    fn can_send_from_their_destructors() {
        let ends: [fn(); 3] = [|| {}, || process::exit_self(reason()), || panic!("own panic")];
        let me = process::self_pid();
        for end in ends {
            let Busy { pid, monitor: _, let_go } = ends_by(end);
            process::send(pid, message_on_drop(move || process::send(me, "the lease")));
            drop(let_go);

            let first = process::receive_timeout(test_timeout()).unwrap();
            assert_eq!(first.downcast::<&str>().unwrap(), "the lease");
            expect::<Down>();
        }
    }

    #[test]
    fn of_a_process_killed_before_it_began_are_dropped_with_its_body() {
        for _ in 0..rounds(200) {
            let values = Arc::new(());
            let (body, message) = (Arc::clone(&values), Opaque::new(Arc::clone(&values)));
            let (pid, monitor) = process::spawn_monitor(move || {
                let _body = body;
                idle_body();
            })
            .unwrap();
            process::send(pid, message);
            process::exit(pid, ExitReason::Kill);

            assert_eq!(down_reason(monitor), ExitReason::Killed);
            assert_eq!(Arc::strong_count(&values), 1);
        }
    }
}

/// Where only values are left to drop, whatever ended the process.
mod last_destructors {
    use procession::supervisor::{ChildSpec, Supervisor};

    use super::*;

    /// Waits in all ways that have an end; what comes after the waits is done, too.
    fn wait_and_give_back(to: Pid) {
        process::sleep(FOREVER);
        let waits = [
            process::receive_timeout(FOREVER).is_none(),
            process::receive_match_timeout(FOREVER, |_| true).is_none(),
            process::receive_match_since(process::mark(), FOREVER, |_| true).is_none(),
            receive! { _ => false, after FOREVER => true },
        ];
        process::send(to, waits);
    }

    #[track_caller]
    fn expect_given_back() {
        assert_eq!(expect::<[bool; 4]>(), [true; 4]);
    }

    const ENDS: [fn(); 3] = [|| {}, || process::exit_self(reason()), || panic!("own panic")];

    #[test]
    fn of_undelivered_messages_do_not_wait() {
        for end in ENDS {
            let Busy { pid, monitor, let_go } = busy(Builder::new(), end);
            let me = process::self_pid();
            process::send(pid, message_on_drop(move || wait_and_give_back(me)));
            drop(let_go);
            expect_given_back();
            down_reason(monitor);
        }
    }

    #[test]
    fn of_dictionary_values_do_not_wait() {
        let me = process::self_pid();
        for end in ENDS {
            let (_, monitor) = process::spawn_monitor(move || {
                dictionary::put(
                    "unwinding::lease",
                    message_on_drop(move || wait_and_give_back(me)),
                );
                end();
            })
            .unwrap();
            expect_given_back();
            down_reason(monitor);
        }
    }

    #[test]
    fn of_a_body_killed_before_it_began_do_not_wait() {
        let me = process::self_pid();
        for _ in 0..rounds(200) {
            let lease = OnDrop(move || wait_and_give_back(me));
            let (pid, monitor) = process::spawn_monitor(move || {
                let _lease = lease;
                idle_body();
            })
            .unwrap();
            process::exit(pid, ExitReason::Kill);
            expect_given_back();
            assert_eq!(down_reason(monitor), ExitReason::Killed);
        }
    }

    /// A server with a lease in its state.
    fn lessee(to: Pid) -> Init {
        init_with(move || {
            let on_drop: Box<dyn FnMut()> = Box::new(move || wait_and_give_back(to));
            ready(Scripted { on_drop: Some(OnDrop(on_drop)), ..Scripted::default() })
        })
    }

    #[test]
    fn of_the_state_of_a_server_do_not_wait() {
        for reason in [reason(), ExitReason::Kill] {
            let server = Scripted::start(lessee(process::self_pid())).unwrap();
            process::exit(pid_of(&server), reason);
            expect_given_back();
        }
    }

    #[test]
    fn of_the_state_of_a_server_that_its_supervisor_ends_do_not_wait() {
        let me = process::self_pid();
        let child = ChildSpec::new("lessee", move || Scripted::start_link(lessee(me)));
        Supervisor::one_for_one().child(child).start_link().unwrap().stop().unwrap();
        expect_given_back();
    }
}

mod a_body_that_is_dropped_unrun {
    use super::*;

    #[test]
    fn can_send_from_the_destructors_of_what_it_was_given() {
        let me = process::self_pid();
        for _ in 0..rounds(200) {
            let lease = OnDrop(move || process::send(me, "the lease"));
            let (pid, monitor) = process::spawn_monitor(move || {
                let _lease = lease;
                idle_body();
            })
            .unwrap();
            process::exit(pid, ExitReason::Kill); // Before it begins, more often than not.

            let first = process::receive_timeout(test_timeout()).unwrap();
            assert_eq!(first.downcast::<&str>().unwrap(), "the lease");
            assert_eq!(down_reason(monitor), ExitReason::Killed);
        }
    }
}

mod a_process_that_panics {
    use super::*;

    /// Ends by `end` with a destructor that does `in_destructor` and sends what it returns.
    fn spawn_unwinding<T: Any + Send + Debug>(
        end: fn(),
        in_destructor: impl Fn() -> T + Send + 'static,
    ) -> (Pid, MonitorRef) {
        let me = process::self_pid();
        process::spawn_monitor(move || {
            let _guard = OnDrop(|| process::send(me, in_destructor()));
            end();
        })
        .unwrap()
    }

    #[test]
    fn lets_destructors_wait() {
        let ends: [fn(); 2] = [|| panic!("own panic"), || process::exit_self(reason())];
        for end in ends {
            let echo = process::spawn(|| {
                receive! { from: Pid => process::send(from, "answer") }
            })
            .unwrap();
            let (_, monitor) = spawn_unwinding(end, move || {
                let start = Instant::now();
                process::sleep(Duration::from_millis(2));
                process::send(echo, process::self_pid());
                let answer = receive! { text: &str => text, after FOREVER => "none" };
                let tick = Duration::from_millis(2);
                let silence = process::receive_timeout(tick).is_none();
                (answer, silence, start.elapsed() >= 2 * tick)
            });

            assert_eq!(expect::<(&str, bool, bool)>(), ("answer", true, true));
            down_reason(monitor);
        }
    }

    #[test]
    fn lets_destructors_spawn() {
        let me = process::self_pid();
        let (_, monitor) = spawn_unwinding(
            || panic!("own panic"),
            move || process::spawn(move || process::send(me, "last will")).is_ok(),
        );
        assert!(expect::<bool>());
        assert_eq!(expect::<&str>(), "last will");
        assert!(down_reason(monitor).as_panic().is_some());
    }

    #[test]
    fn lets_an_exit_signal_end_the_waiting() {
        let me = process::self_pid();
        let (pid, monitor) = spawn_unwinding(
            || panic!("own panic"),
            move || {
                process::send(me, Begun);
                process::receive_timeout(FOREVER).is_none()
            },
        );
        expect::<Begun>();
        process::exit(pid, reason());

        assert!(expect::<bool>());
        assert_eq!(down_reason(monitor), reason());
    }
}

mod doomed {
    use super::*;

    /// Ends a process that catches the unwinding and then does `then`; returns the reason.
    #[track_caller]
    fn reason_after_catching(then: impl FnOnce() + Send + 'static) -> ExitReason {
        let (caught, catches) = mpsc::channel();
        let (go_on, held) = mpsc::channel::<()>();
        let (pid, monitor) = begun(Builder::new(), move || {
            _ = catch_unwind(idle_body);
            caught.send(()).unwrap();
            _ = held.recv();
            then();
        });
        process::exit(pid, reason());
        catches.recv_timeout(test_timeout()).unwrap();
        process::exit(pid, other_reason());
        drop(go_on);
        down_reason(monitor)
    }

    // OTP: process_SUITE:t_exit_2_catch
    #[test]
    fn processes_keep_their_first_reason_whatever_they_do() {
        assert_eq!(reason_after_catching(|| {}), reason());
        assert_eq!(reason_after_catching(idle_body), reason());
        assert_eq!(reason_after_catching(|| panic!("instead")), reason());
        assert_eq!(reason_after_catching(|| process::exit_self(other_reason())), reason());
        assert_eq!(reason_after_catching(|| _ = process::set_trap_exit(true)), reason());
        let suicide = || process::exit(process::self_pid(), ExitReason::Kill);
        assert_eq!(reason_after_catching(suicide), reason());
    }

    #[test]
    fn processes_unwind_again_at_every_call() {
        let calls: [(&str, fn()); 14] = [
            ("send", || process::send(process::self_pid(), 1)),
            ("receive", || _ = process::receive()),
            ("receive_timeout", || _ = process::receive_timeout(Duration::ZERO)),
            ("sleep", || process::sleep(Duration::ZERO)),
            ("checkpoint", process::checkpoint),
            ("spawn", || _ = process::spawn(|| {})),
            ("link", || process::link(process::self_pid())),
            ("unlink", || process::unlink(process::self_pid())),
            ("monitor", || _ = process::monitor(process::self_pid())),
            ("exit", || process::exit(process::self_pid(), reason())),
            ("set_trap_exit", || _ = process::set_trap_exit(true)),
            ("set_label", || process::set_label("doomed")),
            ("put", || _ = dictionary::put("doomed", 1)),
            ("register", || _ = process::register("unwinding::doomed", process::self_pid())),
        ];
        let (survived, survivals) = mpsc::channel();
        let end = reason_after_catching(move || {
            for (name, call) in calls {
                if catch_unwind(call).is_ok() {
                    survived.send(name).unwrap();
                }
            }
        });
        assert_eq!(end, reason());
        assert_eq!(survivals.iter().collect::<Vec<_>>(), [""; 0]);
    }

    /// Ends a process by `reason`, and returns what `in_destructor` returned before the DOWN came.
    #[track_caller]
    fn while_unwinding<T: Any + Send + Debug>(
        reason: ExitReason,
        in_destructor: impl Fn() -> T + Send + 'static,
    ) -> T {
        let me = process::self_pid();
        let (pid, monitor) = begun(Builder::new(), move || {
            let _guard = OnDrop(|| process::send(me, in_destructor()));
            idle_body();
        });
        process::exit(pid, reason);
        let first = process::receive_timeout(test_timeout()).expect("it has not ended");
        down_reason(monitor);
        first.downcast().expect("the DOWN came first")
    }

    #[test]
    fn processes_do_not_wait_in_destructors() {
        for reason in [reason(), ExitReason::Kill] {
            let results = while_unwinding(reason, || {
                process::sleep(FOREVER);
                [
                    process::receive_timeout(FOREVER).is_none(),
                    process::receive_match_timeout(FOREVER, |_| true).is_none(),
                    receive! { _ => false, after FOREVER => true },
                    process::spawn(|| {}).is_err_and(|e| matches!(e, SpawnError::CallerEnded)),
                ]
            });
            assert_eq!(results, [true; 4]);
        }
    }

    #[test]
    fn processes_do_not_receive_in_destructors_what_is_there() {
        let received = while_unwinding(reason(), || {
            process::send(process::self_pid(), "to itself");
            process::receive_timeout(FOREVER).is_some()
        });
        assert!(!received);
    }

    #[test]
    fn processes_can_make_calls_that_do_not_wait_in_destructors() {
        let me = process::self_pid();
        for reason in [reason(), ExitReason::Kill] {
            let results = while_unwinding(reason, move || {
                let timer = timer::send_after(FOREVER, me, "never");
                process::monitor(me);
                process::set_label("last words");
                dictionary::put("last", "words");
                (
                    process::is_alive(me),
                    process::whereis("unwinding::doomed::nobody").is_none(),
                    process::register("unwinding::doomed::nobody", me).is_ok(),
                    process::unregister("unwinding::doomed::nobody").is_ok(),
                    timer::cancel(timer).is_some(),
                    process::info(me).is_some(),
                )
            });
            assert_eq!(results, (true, true, true, true, true, true));
        }
    }

    #[test]
    fn processes_can_tell_in_destructors_who_they_are() {
        let me = process::self_pid();
        let pid = while_unwinding(ExitReason::Kill, process::self_pid);
        assert_ne!(pid, me);
        assert!(!process::is_alive(pid));
    }

    const CHILD: &str = "PROCESSION_TEST_ABORTS";

    /// Runs `this` test of this module again in another program, where it is to abort by `abort`.
    #[track_caller]
    fn assert_aborts(this: &str, abort: fn()) {
        if std::env::var_os(CHILD).is_some() {
            return abort();
        }
        let (_, module) = module_path!().split_once("::").unwrap();
        let output = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", &format!("{module}::{this}"), "--nocapture"])
            .env(CHILD, "1")
            .output()
            .unwrap();

        let text = String::from_utf8_lossy(&output.stderr);
        assert!(!output.status.success());
        assert!(text.contains("receives without a time-out; aborting"), "{text}");
    }

    #[test]
    fn processes_that_receive_without_a_time_out_in_destructors_abort_the_program() {
        assert_aborts(
            "processes_that_receive_without_a_time_out_in_destructors_abort_the_program",
            || while_unwinding(reason(), || _ = process::receive()),
        );
    }

    #[test]
    fn processes_that_receive_without_a_time_out_in_their_last_destructors_abort_the_program() {
        assert_aborts(
            "processes_that_receive_without_a_time_out_in_their_last_destructors_abort_the_program",
            || {
                let put =
                    || _ = dictionary::put("doomed", message_on_drop(|| _ = process::receive()));
                let (_, monitor) = process::spawn_monitor(put).unwrap();
                down_reason(monitor);
            },
        );
    }
}
