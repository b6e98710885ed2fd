//! Waits outside of the runtime, and what interrupts them.

#![allow(clippy::disallowed_methods, reason = "threads that are not the runtime's")]

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::{self, Receiver, Sender};
use std::thread;
use std::time::Duration;

use procession::prelude::*;
use procession::process::{Builder, Status};

use crate::support::drops::{OnDrop, PanicsOnDrop, message_on_drop};
use crate::support::processes::{Begun, FOREVER, in_process, reason};
use crate::support::rounds::{delay_by, rounds};
use crate::support::wait::{
    assert_no_message, down_reason, expect, expect_exit, test_timeout, wait_for_exit, wait_until,
};

/// What an interrupt says when it is called.
#[derive(Debug)]
struct Interrupted;

/// What a process says when it has come back from its wait.
#[derive(Debug)]
struct CameBack;

/// A wait that the runtime does not know of, and what ends it.
fn outside() -> (Sender<()>, Receiver<()>) {
    mpsc::channel()
}

/// Blocks the caller until it is interrupted, which `to` is told of; says [`Begun`] before.
fn block_until_interrupted(to: Pid) {
    let (cancel, cancelled) = outside();
    let interrupt = move || {
        process::send(to, Interrupted);
        drop(cancel);
    };
    process::blocking(interrupt, || {
        process::send(to, Begun);
        _ = cancelled.recv();
    });
}

/// Starts a process that is blocked until it is interrupted, and then does `then`.
fn blocked(builder: Builder, then: impl FnOnce() + Send + 'static) -> (Pid, MonitorRef) {
    let me = process::self_pid();
    let body = move || {
        block_until_interrupted(me);
        then();
    };
    let blocked = builder.spawn_monitor(body).unwrap();
    expect::<Begun>();
    blocked
}

/// A process that is blocked until `let_go` is dropped, whatever happens, and whose interrupt says
/// [`Interrupted`].
struct Stuck {
    pid: Pid,
    monitor: MonitorRef,
    let_go: Sender<()>,
}

/// Starts a process that is blocked until it is let go, and then does `then`.
fn stuck(builder: Builder, then: impl FnOnce() + Send + 'static) -> Stuck {
    let (let_go, held) = outside();
    let me = process::self_pid();
    let body = move || {
        let wait = || {
            process::send(me, Begun);
            _ = held.recv();
        };
        process::blocking(move || process::send(me, Interrupted), wait);
        then();
    };
    let (pid, monitor) = builder.spawn_monitor(body).unwrap();
    expect::<Begun>();
    Stuck { pid, monitor, let_go }
}

mod an_interrupt_is_called {
    use super::*;

    #[test]
    fn by_an_exit_signal_and_the_process_ends_with_its_reason() {
        in_process(|| {
            let (pid, monitor) = blocked(Builder::new(), || unreachable!("it was to end"));
            process::exit(pid, reason());
            expect::<Interrupted>();
            assert_eq!(down_reason(monitor), reason());
        });
    }

    #[test]
    fn by_a_kill() {
        in_process(|| {
            for trap_exit in [false, true] {
                let builder = Builder::new().trap_exit(trap_exit).kill_grace(FOREVER);
                let (pid, monitor) = blocked(builder, || unreachable!("it was to end"));
                process::exit(pid, ExitReason::Kill);
                expect::<Interrupted>();
                assert_eq!(down_reason(monitor), ExitReason::Killed);
            }
        });
    }

    #[test]
    fn by_the_end_of_a_linked_process() {
        in_process(|| {
            process::set_trap_exit(true);
            let me = process::self_pid();
            let parent = process::spawn_link(move || {
                process::spawn_link(move || block_until_interrupted(me)).unwrap();
                receive! { () => process::exit_self(reason()) }
            })
            .unwrap();
            expect::<Begun>();
            process::send(parent, ());
            expect::<Interrupted>();
            assert_eq!(expect_exit(parent), reason());
        });
    }

    #[test]
    fn by_a_timer() {
        in_process(|| {
            let (pid, monitor) = blocked(Builder::new(), || unreachable!("it was to end"));
            procession::timer::exit_after(Duration::ZERO, pid, reason());
            assert_eq!(down_reason(monitor), reason());
        });
    }

    #[test]
    fn when_a_supervisor_shuts_its_child_down() {
        in_process(|| {
            let me = process::self_pid();
            let start = move || process::spawn_link(move || block_until_interrupted(me));
            let child = ChildSpec::new("blocked", move || Ok(start()?));
            let supervisor = Supervisor::new(Strategy::OneForOne).start_link().unwrap();
            supervisor.start_child(child.shutdown(Shutdown::Infinity)).unwrap();
            expect::<Begun>();
            supervisor.stop().unwrap();
            expect::<Interrupted>();
        });
    }

    #[test]
    fn in_a_process_that_traps_exits_and_goes_on() {
        in_process(|| {
            let me = process::self_pid();
            let (pid, _) = blocked(Builder::new().trap_exit(true), move || {
                receive! { exit: Exit => process::send(me, exit.reason) }
            });
            process::exit(pid, reason());
            expect::<Interrupted>();
            assert_eq!(expect::<ExitReason>(), reason());
        });
    }

    #[test]
    fn in_a_thread_of_the_programs_own_which_goes_on() {
        in_process(|| {
            let me = process::self_pid();
            let thread = thread::spawn(move || {
                process::send(me, process::self_pid());
                block_until_interrupted(me);
                receive! { exit: Exit => process::send(me, exit.reason) }
            });
            let pid: Pid = expect();
            expect::<Begun>();
            process::exit(pid, reason());
            expect::<Interrupted>();
            assert_eq!(expect::<ExitReason>(), reason());
            thread.join().unwrap();
        });
    }

    #[test]
    fn as_the_body_begins_if_the_exit_message_is_in_the_mailbox() {
        in_process(|| {
            process::set_trap_exit(true);
            let me = process::self_pid();
            process::exit(me, reason());
            block_until_interrupted(me);
            expect::<Begun>();
            expect::<Interrupted>();
            assert_eq!(expect_exit(me), reason());
        });
    }

    #[test]
    fn as_the_body_begins_in_a_destructor_of_a_process_that_ends() {
        in_process(|| {
            let me = process::self_pid();
            let (pid, monitor) = process::spawn_monitor(move || {
                let _blocks = OnDrop(|| block_until_interrupted(me));
                process::send(me, "ready");
                receive! { () => {} }
            })
            .unwrap();
            expect::<&str>();
            process::exit(pid, reason());
            expect::<Begun>();
            expect::<Interrupted>();
            assert_eq!(down_reason(monitor), reason());
        });
    }

    #[test]
    fn though_a_guard_that_waits_itself_has_had_the_exit_message() {
        in_process(|| {
            process::set_trap_exit(true);
            let me = process::self_pid();
            process::exit(me, reason());
            // While it looks at the exit message, that is not in the mailbox.
            process::receive_match_timeout(Duration::ZERO, |message| {
                if message.is::<Exit>() {
                    process::blocking(|| {}, || {});
                }
                false
            });
            block_until_interrupted(me);
            assert_eq!(expect_exit(me), reason());
        });
    }

    #[test]
    fn once_however_many_signals_come() {
        in_process(|| {
            let Stuck { pid, monitor, let_go } = stuck(Builder::new().kill_grace(FOREVER), || {});
            process::exit(pid, reason());
            expect::<Interrupted>();
            process::exit(pid, reason());
            process::exit(pid, ExitReason::Kill);
            drop(let_go);
            assert_eq!(down_reason(monitor), reason()); // That of the first signal.
            assert_no_message();
        });
    }

    #[test]
    fn of_the_inner_wait_first_if_there_are_two() {
        in_process(|| {
            let me = process::self_pid();
            let (pid, monitor) = process::spawn_monitor(move || {
                let (cancel, cancelled) = outside();
                let outer = move || {
                    process::send(me, "outer");
                    drop(cancel);
                };
                process::blocking(outer, || {
                    // What it is unwound by is caught, so that the outer wait goes on.
                    _ = process::catch(|| block_until_interrupted(me));
                    _ = cancelled.recv();
                });
            })
            .unwrap();
            expect::<Begun>();
            process::exit(pid, reason());
            assert!(process::receive().is::<Interrupted>());
            assert_eq!(expect::<&str>(), "outer");
            assert_eq!(down_reason(monitor), reason());
        });
    }
}

mod an_interrupt_is_not_called {
    use super::*;

    /// Fails if `disturb` interrupts a process, which need not trap exits.
    #[track_caller]
    fn by(builder: Builder, disturb: impl FnOnce(Pid)) {
        let me = process::self_pid();
        let Stuck { pid, monitor, let_go } = stuck(builder, move || process::send(me, CameBack));
        disturb(pid);
        drop(let_go);
        assert!(process::receive_timeout(test_timeout()).unwrap().is::<CameBack>());
        assert_eq!(down_reason(monitor), ExitReason::Normal);
        assert_no_message();
    }

    #[test]
    fn by_messages() {
        in_process(|| by(Builder::new(), |pid| process::send(pid, "a message")));
    }

    #[test]
    fn by_an_exit_signal_that_is_normal_trapped_or_not() {
        in_process(|| {
            for trap_exit in [false, true] {
                let normal = |pid| process::exit(pid, ExitReason::Normal);
                by(Builder::new().trap_exit(trap_exit), normal);
            }
        });
    }

    #[test]
    fn by_the_normal_end_of_a_linked_process() {
        in_process(|| {
            by(Builder::new(), |pid| {
                let (_, monitor) = process::spawn_monitor(move || process::link(pid)).unwrap();
                assert_eq!(down_reason(monitor), ExitReason::Normal);
            });
        });
    }

    #[test]
    fn by_the_end_of_a_process_that_is_not_linked_any_more() {
        in_process(|| {
            by(Builder::new(), |pid| {
                let unlinks = process::spawn_monitor(move || {
                    process::link(pid);
                    process::unlink(pid);
                    process::exit_self(reason());
                });
                assert_eq!(down_reason(unlinks.unwrap().1), reason());
            });
        });
    }

    #[test]
    fn when_the_body_has_returned() {
        in_process(|| {
            let me = process::self_pid();
            process::set_trap_exit(true);
            let result = process::blocking(move || process::send(me, Interrupted), || 7);
            process::exit(me, reason());
            assert_eq!(result, 7);
            assert_eq!(expect_exit(me), reason());
            assert_no_message();
        });
    }

    #[test]
    fn when_the_body_has_panicked() {
        in_process(|| {
            let me = process::self_pid();
            process::set_trap_exit(true);
            let interrupt = move || process::send(me, Interrupted);
            assert!(process::catch(|| process::blocking(interrupt, || panic!("no"))).is_err());
            process::exit(me, reason());
            assert_eq!(expect_exit(me), reason());
            assert_no_message();
        });
    }

    #[test]
    fn but_dropped_by_the_caller() {
        in_process(|| {
            let me = process::self_pid();
            let dropped = OnDrop(move || process::send(me, process::self_pid()));
            process::blocking(move || drop(dropped), || {});
            assert_eq!(expect::<Pid>(), me);
        });
    }
}

mod while_an_interrupt_runs {
    use super::*;

    #[test]
    fn whoever_has_sent_the_signal_does_not_wait_for_it() {
        in_process(|| {
            let me = process::self_pid();
            let (go_on, held) = outside();
            let (pid, monitor) = process::spawn_monitor(move || {
                let (cancel, cancelled) = outside();
                let interrupt = move || {
                    process::send(me, Interrupted);
                    _ = held.recv();
                    drop(cancel);
                };
                process::blocking(interrupt, || {
                    process::send(me, Begun);
                    _ = cancelled.recv();
                });
            })
            .unwrap();
            expect::<Begun>();
            process::exit(pid, reason()); // It would not return, and the test not end.
            expect::<Interrupted>();
            drop(go_on);
            assert_eq!(down_reason(monitor), reason());
        });
    }

    #[test]
    fn the_process_does_not_leave_its_wait_and_ends_only_then() {
        in_process(|| {
            let me = process::self_pid();
            let (go_on, held) = outside();
            let (pid, monitor) = process::spawn_monitor(move || {
                let (cancel, cancelled) = outside();
                let interrupt = move || {
                    drop(cancel);
                    process::send(me, Interrupted);
                    _ = held.recv();
                    process::send(me, "the interrupt's last words");
                };
                let wait = || {
                    process::send(me, Begun);
                    _ = cancelled.recv();
                    process::send(me, CameBack);
                };
                process::blocking(interrupt, wait);
            })
            .unwrap();
            expect::<Begun>();
            process::exit(pid, reason());
            expect::<Interrupted>();
            expect::<CameBack>();
            drop(go_on);
            assert!(process::receive_timeout(test_timeout()).unwrap().is::<&str>());
            assert_eq!(down_reason(monitor), reason());
        });
    }

    #[test]
    fn a_wait_inside_of_the_one_that_it_interrupts_does_not_wait_for_it() {
        in_process(|| {
            let me = process::self_pid();
            let (called, calls) = mpsc::channel();
            let (meet, met) = mpsc::sync_channel(0);
            let (pid, monitor) = Builder::new()
                .trap_exit(true)
                .spawn_monitor(move || {
                    let interrupt = move || {
                        called.send(()).unwrap();
                        meet.send(()).unwrap(); // Until the body is there.
                    };
                    process::blocking(interrupt, || {
                        process::send(me, Begun);
                        calls.recv().unwrap();
                        process::blocking(|| {}, || {});
                        met.recv().unwrap();
                    });
                })
                .unwrap();
            expect::<Begun>();
            process::exit(pid, reason());
            assert_eq!(down_reason(monitor), ExitReason::Normal);
        });
    }

    #[test]
    fn it_may_use_the_runtime_even_signal_the_process_again() {
        in_process(|| {
            let (cancel, cancelled) = outside();
            let me = process::self_pid();
            let (pid, monitor) = process::spawn_monitor(move || {
                let blocked = process::self_pid();
                let interrupt = move || {
                    let helper = process::spawn(|| {}).unwrap();
                    wait_for_exit(helper);
                    process::exit(blocked, ExitReason::new("another reason"));
                    process::exit(blocked, ExitReason::Kill);
                    drop(cancel);
                };
                process::blocking(interrupt, || {
                    process::send(me, Begun);
                    _ = cancelled.recv();
                });
            })
            .unwrap();
            expect::<Begun>();
            process::exit(pid, reason());
            assert_eq!(down_reason(monitor), reason());
        });
    }

    #[test]
    fn a_panic_in_it_ends_the_wait_as_if_it_had_returned() {
        in_process(|| {
            let me = process::self_pid();
            let (pid, monitor) = process::spawn_monitor(move || {
                let (cancel, cancelled) = outside();
                let interrupt = move || {
                    let _cancel = cancel;
                    panic!("an interrupt");
                };
                process::blocking(interrupt, || {
                    process::send(me, Begun);
                    _ = cancelled.recv();
                });
            })
            .unwrap();
            expect::<Begun>();
            process::exit(pid, reason());
            assert_eq!(down_reason(monitor), reason());
        });
    }
}

#[test]
fn what_the_body_returns_is_dropped_with_care_if_the_process_is_to_end() {
    in_process(|| {
        let me = process::self_pid();
        let (pid, monitor) = process::spawn_monitor(move || {
            let (cancel, cancelled) = outside();
            process::blocking(
                move || drop(cancel),
                || {
                    process::send(me, Begun);
                    _ = cancelled.recv();
                    PanicsOnDrop
                },
            );
        })
        .unwrap();
        expect::<Begun>();
        process::exit(pid, reason());
        assert_eq!(down_reason(monitor), reason());
    });
}

#[test]
fn a_body_that_does_not_return_is_left_behind_when_the_grace_is_over() {
    in_process(|| {
        let Stuck { pid, monitor, let_go } =
            stuck(Builder::new().kill_grace(Duration::ZERO), || {});
        process::exit(pid, ExitReason::Kill);
        expect::<Interrupted>();
        assert_eq!(down_reason(monitor), ExitReason::Killed);
        drop(let_go);
    });
}

#[test]
fn a_process_that_waits_outside_is_seen_to_be_blocking() {
    in_process(|| {
        let Stuck { pid, monitor, let_go } = stuck(Builder::new(), || receive! { () => {} });
        assert_eq!(process::info(pid).unwrap().status, Status::Blocking);
        drop(let_go);
        wait_until(|| process::info(pid).unwrap().status == Status::Waiting);
        process::send(pid, ());
        assert_eq!(down_reason(monitor), ExitReason::Normal);
    });
}

/// The interrupt and the return of the body, at the same moment; in each eighth round the body
/// returns as the interrupt runs.
#[test]
fn no_interrupt_begins_or_goes_on_when_the_wait_has_been_left() {
    in_process(|| {
        let called = Arc::new(AtomicUsize::new(0));
        let late = Arc::new(AtomicUsize::new(0));
        for round in 0..rounds(10_000) {
            let inside = Arc::new(AtomicBool::new(true));
            let (watched, counted) = (Arc::clone(&inside), Arc::clone(&called));
            let noted = Arc::clone(&late);
            let (me, seen) = (process::self_pid(), Arc::clone(&called));
            let (pid, monitor) = Builder::new()
                .trap_exit(true)
                .spawn_monitor(move || {
                    let interrupt = move || {
                        counted.fetch_add(1, Ordering::SeqCst);
                        for _ in 0..3 {
                            let is_late = !watched.load(Ordering::SeqCst);
                            noted.fetch_add(is_late.into(), Ordering::SeqCst);
                            thread::yield_now();
                        }
                    };
                    let before = seen.load(Ordering::SeqCst);
                    process::blocking(interrupt, || {
                        process::send(me, Begun);
                        delay_by(round / 64);
                        while round % 8 == 7 && seen.load(Ordering::SeqCst) == before {
                            thread::yield_now();
                        }
                    });
                    inside.store(false, Ordering::SeqCst);
                    receive! { exit: Exit => assert_eq!(exit.reason, reason()) }
                })
                .unwrap();
            expect::<Begun>();
            delay_by(round);
            process::exit(pid, reason());
            assert_eq!(down_reason(monitor), ExitReason::Normal);
        }
        assert!(called.load(Ordering::SeqCst) >= rounds(10_000) / 8);
        assert_eq!(late.load(Ordering::SeqCst), 0);
    });
}

/// The signal comes when those before it are judged, and the wait has not begun.
#[test]
fn a_signal_that_comes_as_the_wait_begins_is_heard() {
    in_process(|| {
        let (ask, asked) = mpsc::channel();
        let (tell, told) = mpsc::channel();
        let (pid, monitor) = process::spawn_monitor(move || {
            let inactive = process::alias();
            process::unalias(inactive);
            let waits_for_the_signal = message_on_drop(move || {
                ask.send(()).unwrap();
                told.recv().unwrap();
            });
            process::send(inactive, waits_for_the_signal);
            let (cancel, cancelled) = outside();
            process::blocking(move || drop(cancel), || _ = cancelled.recv());
        })
        .unwrap();
        asked.recv().unwrap();
        process::exit(pid, reason());
        tell.send(()).unwrap();
        assert_eq!(down_reason(monitor), reason());
    });
}

/// A signal and the beginning of the wait, at the same moment.
#[test]
fn no_signal_is_missed_by_a_process_that_is_about_to_wait() {
    in_process(|| {
        for round in 0..rounds(10_000) {
            let (me, kill) = (process::self_pid(), round % 2 == 0);
            let (pid, monitor) = Builder::new()
                .kill_grace(FOREVER)
                .spawn_monitor(move || {
                    let (cancel, cancelled) = outside();
                    process::send(me, Begun);
                    delay_by(round / 64);
                    process::blocking(move || drop(cancel), || _ = cancelled.recv());
                })
                .unwrap();
            expect::<Begun>();
            delay_by(round);
            process::exit(pid, if kill { ExitReason::Kill } else { reason() });
            let expected = if kill { ExitReason::Killed } else { reason() };
            assert_eq!(down_reason(monitor), expected);
        }
    });
}

/// The end of a linked process, and a receive in the wait that judges its signal.
#[test]
fn a_signal_that_is_judged_within_the_wait_interrupts_it() {
    in_process(|| {
        for round in 0..rounds(10_000) {
            let me = process::self_pid();
            let (pid, monitor) = Builder::new()
                .trap_exit(true)
                .spawn_monitor(move || {
                    let (cancel, cancelled) = outside();
                    process::blocking(
                        move || drop(cancel),
                        || {
                            process::send(me, Begun);
                            delay_by(round / 64);
                            process::receive_match_timeout(Duration::ZERO, |_| false);
                            _ = cancelled.recv();
                        },
                    );
                })
                .unwrap();
            expect::<Begun>();
            process::spawn(move || {
                process::link(pid);
                delay_by(round);
                process::exit_self(reason());
            })
            .unwrap();
            assert_eq!(down_reason(monitor), ExitReason::Normal);
        }
    });
}
