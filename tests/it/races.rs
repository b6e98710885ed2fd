//! Two things at the same moment, many thousand times.

#![cfg(unix)]
#![allow(clippy::disallowed_methods, reason = "some of the races are with foreign threads")]

use std::io::{ErrorKind, Read};
use std::net::Shutdown;
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use parking_lot::{Condvar, Mutex};
use procession::prelude::*;
use procession::process::Builder;

use crate::support::drops::OnDrop;
use crate::support::processes::{
    Begun, FOREVER, begun, idle_body, in_process, linked_body, reason, trapping_peer,
};
use crate::support::rounds::{delay_by, rounds};
use crate::support::wait::{
    assert_no_message, down_reason, exit_and_wait, expect, test_timeout, wait_for_exit, wait_until,
};

const ROUNDS: usize = 10_000;

/// Lets two threads go at the same moment, as nearly as they can tell.
#[derive(Clone, Default)]
struct Gate(Arc<Meeting>);

#[derive(Default)]
struct Meeting {
    arrived: AtomicUsize,
    waiting: Mutex<()>,
    complete: Condvar,
}

impl Gate {
    /// The first to come looks out for the other for about as long as a thread takes to wake, and
    /// then lets it have the core, if it is that which it waits for.
    fn pass(&self) {
        if self.0.arrived.fetch_add(1, Ordering::SeqCst) == 1 {
            drop(self.0.waiting.lock());
            self.0.complete.notify_one();
            return;
        }
        let is_alone = || self.0.arrived.load(Ordering::SeqCst) < 2;
        let mut looks = 0_u32;
        while is_alone() && looks < 5_000 {
            looks += 1;
            std::hint::spin_loop();
        }
        let mut waiting = self.0.waiting.lock();
        while is_alone() {
            self.0.complete.wait(&mut waiting);
        }
    }
}

/// A process that ends with `reason` when both are at the gate.
fn ends_at(gate: &Gate, reason: ExitReason) -> (Pid, MonitorRef) {
    let gate = gate.clone();
    process::spawn_monitor(move || {
        gate.pass();
        process::exit_self(reason)
    })
    .unwrap()
}

/// Runs `round` again and again in a process that traps exits, and sees that it leaves nothing
/// behind.
#[track_caller]
fn repeat(round: impl Fn(usize) + Send + 'static) {
    in_process(move || {
        process::set_trap_exit(true);
        for number in 0..rounds(ROUNDS) {
            round(number);
        }
        assert_no_message();
    });
}

mod wait_for {
    use super::*;

    /// Registers, each time at the same moment as the test waits, and unregisters when both have.
    fn registrar(name: &'static str, gate: &Gate, seen: &Gate, round: usize) -> (Pid, MonitorRef) {
        let (gate, seen) = (gate.clone(), seen.clone());
        process::spawn_monitor(move || {
            gate.pass();
            delay_by(round);
            process::register(name, process::self_pid()).unwrap();
            seen.pass();
        })
        .unwrap()
    }

    #[test]
    fn a_name_that_is_just_registered_is_always_seen() {
        repeat(|round| {
            const NAME: &str = "races::wait_for::seen";
            let (gate, seen) = (Gate::default(), Gate::default());
            let (pid, monitor) = registrar(NAME, &gate, &seen, round);
            gate.pass();
            assert_eq!(process::wait_for(NAME, test_timeout()), Some(pid));
            seen.pass();
            assert_eq!(down_reason(monitor), ExitReason::Normal);
        });
    }

    #[test]
    fn a_wait_that_times_out_as_the_name_is_registered_sees_it_or_not() {
        repeat(|round| {
            const NAME: &str = "races::wait_for::timeout";
            let (gate, seen) = (Gate::default(), Gate::default());
            let (pid, monitor) = registrar(NAME, &gate, &seen, 0);
            gate.pass();
            let time = Duration::from_nanos(100 * (round as u64 % 64));
            let found = process::wait_for(NAME, time);
            assert!(found.is_none() || found == Some(pid), "{found:?}");
            seen.pass();
            assert_eq!(down_reason(monitor), ExitReason::Normal);
        });
    }

    #[test]
    fn a_waiter_that_is_killed_as_the_name_is_registered_harms_nobody() {
        repeat(|round| {
            const NAME: &str = "races::wait_for::killed";
            let (gate, seen) = (Gate::default(), Gate::default());
            let waiter_gate = gate.clone();
            let waiter = process::spawn(move || {
                waiter_gate.pass();
                process::wait_for(NAME, test_timeout());
            });
            let waiter = waiter.unwrap();
            let registrar = process::spawn_monitor({
                let seen = seen.clone();
                move || {
                    process::register(NAME, process::self_pid()).unwrap();
                    seen.pass();
                }
            });
            gate.pass();
            delay_by(round);
            process::exit(waiter, ExitReason::Kill);
            seen.pass();
            assert_eq!(down_reason(registrar.unwrap().1), ExitReason::Normal);
            wait_for_exit(waiter);
        });
    }
}

mod links {
    use super::*;

    // OTP: erl_link_SUITE:otp_17127_local_link_with_simultaneous_link_unlink
    #[test]
    fn both_ends_link_and_unlink_at_once_and_agree_in_the_end() {
        in_process(|| {
            let gate = Gate::default();
            let (main, peer_gate) = (process::self_pid(), gate.clone());
            let toggle = |other: Pid, seed: usize| {
                for round in 0..rounds(ROUNDS) {
                    if (round * 7 + seed).is_multiple_of(3) {
                        process::unlink(other)
                    } else {
                        process::link(other)
                    }
                }
            };
            let (peer, monitor) = process::spawn_monitor(move || {
                peer_gate.pass();
                toggle(main, 1);
                process::send(main, "toggled");
                idle_body();
            })
            .unwrap();
            gate.pass();
            toggle(peer, 2);
            assert_eq!(expect::<&str>(), "toggled");

            let links_of = |pid: Pid| process::info(pid).unwrap().links;
            assert_eq!(links_of(main).contains(&peer), links_of(peer).contains(&main));
            process::set_trap_exit(true);
            process::link(peer);
            process::exit(peer, reason());
            assert_eq!(expect::<Exit>(), Exit { from: peer, reason: reason() });
            assert_eq!(down_reason(monitor), reason());
            assert_no_message();
        });
    }

    #[test]
    fn a_link_to_a_process_that_is_just_ending_is_answered_once() {
        repeat(|_| {
            let gate = Gate::default();
            let (pid, monitor) = ends_at(&gate, reason());
            gate.pass();
            process::link(pid);

            let exit = expect::<Exit>();
            assert_eq!(exit.from, pid);
            let late = exit.reason == ExitReason::NoProc;
            assert!(late || exit.reason == reason(), "{exit:?}");
            assert_eq!(down_reason(monitor), reason());
        });
    }

    #[test]
    fn after_an_unlink_no_signal_comes_of_a_process_that_is_just_ending() {
        repeat(|_| {
            let gate = Gate::default();
            let (pid, monitor) = ends_at(&gate, reason());
            process::link(pid);
            gate.pass();
            process::unlink(pid);

            // What had come before the unlink is in the mailbox now, and nothing follows.
            let before = receive! { exit: Exit => Some(exit), after Duration::ZERO => None };
            assert!(before.is_none_or(|exit| exit == Exit { from: pid, reason: reason() }));
            assert_eq!(down_reason(monitor), reason());
            assert_no_message();
        });
    }

    // OTP: signal_SUITE:unlink_exit
    #[test]
    fn a_new_link_is_not_confused_by_the_signal_of_the_old_one() {
        repeat(|_| {
            let gate = Gate::default();
            let (pid, monitor) = ends_at(&gate, reason());
            process::link(pid);
            gate.pass();
            process::unlink(pid);
            process::link(pid);

            let mut signals = Vec::new();
            assert_eq!(down_reason(monitor), reason());
            while let Some(message) = process::receive_timeout(Duration::ZERO) {
                signals.push(message.downcast::<Exit>().unwrap().reason);
            }
            // One for the first link, if it was in time, and always one for the second.
            let (no_proc, true_reason) = (ExitReason::NoProc, reason());
            assert!(
                signals == [true_reason.clone()]
                    || signals == [no_proc.clone()]
                    || signals == [true_reason, no_proc],
                "{signals:?}"
            );
        });
    }

    #[test]
    fn two_linked_processes_that_end_at_once_end_both() {
        repeat(|_| {
            let gate = Gate::default();
            let (first, first_monitor) = ends_at(&gate, ExitReason::new(1));
            let second_gate = gate.clone();
            let (_, second_monitor) = process::spawn_monitor(move || {
                process::link(first);
                second_gate.pass();
                process::exit_self(ExitReason::new(2))
            })
            .unwrap();

            // `first` waits at the gate, so the link finds it alive.
            assert_eq!(down_reason(first_monitor), ExitReason::new(1));
            assert_eq!(down_reason(second_monitor), ExitReason::new(2));
        });
    }

    #[test]
    fn a_ring_of_links_collapses_from_any_point() {
        repeat(|round| {
            const SIZE: usize = 8;
            let ring: Vec<_> =
                (0..SIZE).map(|_| process::spawn_monitor(idle_in_ring).unwrap()).collect();
            for (index, (pid, _)) in ring.iter().enumerate() {
                process::send(*pid, Neighbour(ring[(index + 1) % SIZE].0, process::self_pid()));
            }
            (0..SIZE).for_each(|_| assert_eq!(expect::<&str>(), "linked"));

            process::exit(ring[round % SIZE].0, reason());
            for (_, monitor) in ring {
                assert_eq!(down_reason(monitor), reason());
            }
        });
    }

    #[derive(Debug)]
    struct Neighbour(Pid, Pid);

    fn idle_in_ring() {
        receive! {
            Neighbour(pid, starter) => {
                process::link(pid);
                process::send(starter, "linked");
            }
        }
        idle_body();
    }

    // OTP: process_SUITE:spawn_request_link_parent_exit
    #[test]
    fn no_child_survives_a_parent_that_ends_right_after_the_linked_spawn() {
        in_process(|| {
            let test = process::self_pid();
            for _ in 0..rounds(ROUNDS) {
                let parent = process::spawn(move || {
                    let child = process::spawn_link(idle_body).unwrap();
                    process::send(test, child);
                    process::exit_self(reason())
                });
                parent.unwrap();
                let child = expect::<Pid>();
                let end = wait_for_exit(child);
                assert!(end == reason() || end == ExitReason::NoProc, "{end:?}");
            }
        });
    }
}

mod monitors {
    use super::*;

    #[test]
    fn a_monitor_of_a_process_that_is_just_ending_fires_once() {
        repeat(|_| {
            let gate = Gate::default();
            let (pid, first) = ends_at(&gate, reason());
            gate.pass();
            let second = process::monitor(pid);

            assert_eq!(down_reason(first), reason());
            let end = down_reason(second);
            assert!(end == reason() || end == ExitReason::NoProc, "{end:?}");
        });
    }

    /// The process has many to tell its end to, so that the second monitor is set meanwhile.
    #[test]
    fn a_monitor_of_a_process_that_is_telling_its_end_fires_after_the_others() {
        in_process(|| {
            let peers: Vec<_> = (0..50).map(|_| trapping_peer()).collect();
            for _ in 0..rounds(300) {
                let (ending, first) = process::spawn_monitor(linked_body(peers.clone())).unwrap();
                expect::<Begun>();
                process::exit(ending, reason());
                wait_until(|| !process::is_alive(ending));
                down_reason(process::monitor(ending));
                let other = process::receive_timeout(Duration::ZERO).expect("the first DOWN");
                assert_eq!(other.downcast_ref::<Down>().map(|down| down.monitor), Some(first));
            }
            peers.into_iter().for_each(|peer| process::exit(peer, ExitReason::Kill));
        });
    }

    // OTP: monitor_SUITE:down_on_alias_gh5310
    #[test]
    fn after_demonitor_with_flush_no_down_of_a_process_that_is_just_ending_comes() {
        repeat(|_| {
            let gate = Gate::default();
            let (pid, observer) = ends_at(&gate, reason());
            let monitor = process::monitor(pid);
            gate.pass();
            process::demonitor_flush(monitor);

            assert_eq!(down_reason(observer), reason());
            assert_no_message();
        });
    }

    // OTP: monitor_SUITE:local_remove_monitor
    #[test]
    fn demonitor_says_truly_whether_the_down_is_there() {
        repeat(|_| {
            let gate = Gate::default();
            let (pid, observer) = ends_at(&gate, reason());
            let monitor = process::monitor(pid);
            gate.pass();
            let removed = process::demonitor(monitor);
            let there = receive! {
                down: Down if down.monitor == monitor => { assert_eq!(down.reason, reason()); true }
                after Duration::ZERO => false,
            };
            assert_eq!(removed, !there);
            assert_eq!(down_reason(observer), reason());
        });
    }

    // OTP: monitor_SUITE:case_1
    #[test]
    fn a_process_and_its_watcher_can_end_each_other() {
        repeat(|_| {
            let gate = Gate::default();
            let watcher_gate = gate.clone();
            let (watcher, watcher_monitor) = process::spawn_monitor(move || {
                receive! { pid: Pid => _ = process::monitor(pid) }
                watcher_gate.pass();
                idle_body();
            })
            .unwrap();
            let (pid, monitor) = process::spawn_monitor(move || {
                gate.pass();
                process::exit(watcher, ExitReason::Kill);
            })
            .unwrap();
            process::send(watcher, pid);

            assert_eq!(down_reason(monitor), ExitReason::Normal);
            assert_eq!(down_reason(watcher_monitor), ExitReason::Killed);
        });
    }
}

mod names {
    use super::*;

    #[test]
    fn a_name_given_to_a_process_that_is_just_ending_is_free_afterwards() {
        repeat(|_| {
            const NAME: &str = "races::names::just_ending";
            let gate = Gate::default();
            let (pid, monitor) = ends_at(&gate, reason());
            gate.pass();
            let registered = process::register(NAME, pid);

            assert_eq!(down_reason(monitor), reason());
            let not_alive = Err(process::RegisterError::NotAlive(pid));
            assert!(registered.is_ok() || registered == not_alive, "{registered:?}");
            assert_eq!(process::whereis(NAME), None);
            let me = process::self_pid();
            assert_eq!(process::register(NAME, me), Ok(()));
            assert_eq!(process::unregister(NAME), Ok(()));
        });
    }

    // OTP: register_SUITE:otp_8099
    #[test]
    fn a_name_can_be_taken_over_the_moment_its_owner_is_not_alive() {
        repeat(|_| {
            const NAME: &str = "races::names::taken_over";
            let gate = Gate::default();
            let (owner, monitor) = ends_at(&gate, reason());
            process::register(NAME, owner).unwrap();
            gate.pass();

            let me = process::self_pid();
            let mut tries = 0_u32;
            while let Err(error) = process::register(NAME, me) {
                // Refused only while the owner can be seen to have it.
                let process::RegisterError::Taken { holder, .. } = error else {
                    panic!("{error}");
                };
                assert_eq!(holder, owner);
                tries += 1;
                if tries > 2_000 {
                    thread::yield_now(); // It may need this core.
                }
            }
            assert!(!process::is_alive(owner));
            assert_eq!(down_reason(monitor), reason());
            // The exit of the old owner has not taken the name with it.
            assert_eq!(process::whereis(NAME), Some(me));
            process::unregister(NAME).unwrap();
        });
    }

    #[test]
    fn a_name_that_is_taken_over_while_its_owner_is_killed_is_not_the_owners_to_give_away() {
        const NAME: &str = "races::names::killed";
        let taker = || {
            let me = process::self_pid();
            let mut tries = 0_u32;
            while process::register(NAME, me).is_err() {
                tries += 1;
                if tries > 2_000 {
                    thread::yield_now(); // The killer may need this core.
                }
            }
            idle_body();
        };
        repeat(move |_| {
            let me = process::self_pid();
            let (owner, monitor) =
                begun(Builder::new().name(NAME).kill_grace(FOREVER), move || {
                    let _act = OnDrop(|| {
                        // Until the name is another's, be it while the kill is still under way.
                        while process::whereis(NAME).is_none() {
                            thread::yield_now();
                        }
                        process::send(me, process::unregister(NAME).is_ok());
                    });
                    idle_body();
                });
            let gate = Gate::default();
            let at_gate = gate.clone();
            let heir = process::spawn(move || {
                at_gate.pass();
                taker();
            })
            .unwrap();
            gate.pass();
            process::exit(owner, ExitReason::Kill);
            assert!(!expect::<bool>(), "the owner has unregistered the heir");
            assert_eq!(down_reason(monitor), ExitReason::Killed);
            assert_eq!(process::whereis(NAME), Some(heir));
            assert_eq!(exit_and_wait(heir, ExitReason::Shutdown), ExitReason::Shutdown);
        });
    }
}

mod messages {
    use super::*;

    #[test]
    fn a_socket_sent_to_a_process_that_is_just_ending_is_closed() {
        repeat(|round| {
            let gate = Gate::default();
            let killed = round % 2 == 0;
            let (pid, monitor) = if killed {
                process::spawn_monitor(idle_body).unwrap()
            } else {
                ends_at(&gate, reason())
            };
            let (mut ours, theirs) = UnixStream::pair().unwrap();
            ours.set_read_timeout(Some(test_timeout())).unwrap();
            if killed {
                process::exit(pid, ExitReason::Kill)
            } else {
                gate.pass()
            }
            process::send(pid, theirs);

            match ours.read(&mut [0]) {
                Ok(read) => assert_eq!(read, 0),
                Err(error) => assert_eq!(error.kind(), ErrorKind::ConnectionReset, "{error}"),
            }
            down_reason(monitor);
        });
    }

    #[test]
    fn no_message_reaches_the_next_process_of_a_slot() {
        repeat(|round| {
            let gate = Gate::default();
            let (dying, monitor) = ends_at(&gate, reason());
            let next_gate = Gate::default();
            let spawner = {
                let gate = next_gate.clone();
                process::spawn_monitor(move || {
                    gate.pass();
                    // Very likely this takes over the slot that has just been left.
                    in_process(assert_no_message);
                })
                .unwrap()
                .1
            };
            gate.pass();
            (0..round % 4).for_each(|n| process::send(dying, n));
            next_gate.pass();
            (0..4).for_each(|n| process::send(dying, n));

            assert_eq!(down_reason(monitor), reason());
            assert_eq!(down_reason(spawner), ExitReason::Normal);
        });
    }

    #[test]
    fn what_is_sent_to_a_foreign_thread_that_is_just_ending_is_dropped() {
        repeat(|_| {
            let gate = Gate::default();
            let (thread_gate, me) = (gate.clone(), process::self_pid());
            let thread = thread::spawn(move || {
                process::send(me, process::self_pid());
                thread_gate.pass();
            });
            let pid = expect::<Pid>();
            let monitor = process::monitor(pid);
            let (mut ours, theirs) = UnixStream::pair().unwrap();
            ours.set_read_timeout(Some(test_timeout())).unwrap();
            gate.pass();
            process::send(pid, theirs);

            assert_eq!(ours.read(&mut [0]).unwrap(), 0);
            assert_eq!(down_reason(monitor), ExitReason::Normal);
            thread.join().unwrap();
        });
    }

    #[test]
    fn a_foreign_thread_can_be_killed_while_it_ends() {
        repeat(|_| {
            let gate = Gate::default();
            let (thread_gate, me) = (gate.clone(), process::self_pid());
            let thread = thread::spawn(move || {
                process::send(me, process::self_pid());
                thread_gate.pass();
            });
            let pid = expect::<Pid>();
            let monitor = process::monitor(pid);
            gate.pass();
            process::exit(pid, ExitReason::Kill);

            assert!(!process::is_alive(pid));
            let end = down_reason(monitor);
            assert!(end == ExitReason::Normal || end == ExitReason::Killed, "{end:?}");
            thread.join().unwrap();
        });
    }
}

mod kill {
    use super::*;

    #[test]
    fn a_kill_against_a_normal_end_gives_one_exit_with_one_of_the_two_reasons() {
        repeat(|_| {
            let gate = Gate::default();
            let (pid, monitor) = ends_at(&gate, reason());
            process::link(pid);
            gate.pass();
            process::exit(pid, ExitReason::Kill);

            assert!(!process::is_alive(pid));
            let end = down_reason(monitor);
            assert!(end == reason() || end == ExitReason::Killed, "{end:?}");
            assert_eq!(expect::<Exit>(), Exit { from: pid, reason: end });
        });
    }

    #[test]
    fn a_kill_against_another_signal_gives_one_exit_with_one_of_the_two_reasons() {
        repeat(|_| {
            let (pid, monitor) = process::spawn_monitor(idle_body).unwrap();
            process::exit(pid, reason());
            process::exit(pid, ExitReason::Kill);

            assert!(!process::is_alive(pid));
            let end = down_reason(monitor);
            assert!(end == reason() || end == ExitReason::Killed, "{end:?}");
        });
    }

    #[test]
    fn a_thread_that_comes_back_while_it_is_abandoned_leaves_once() {
        repeat(|round| {
            let (mut ours, theirs) = UnixStream::pair().unwrap();
            let (pid, monitor) = Builder::new()
                .kill_grace(Duration::from_micros(round as u64 % 200))
                .spawn_monitor(move || {
                    // Busy where the runtime cannot reach it, until it is let go.
                    _ = (&theirs).read(&mut [0]);
                })
                .unwrap();
            process::link(pid);
            process::exit(pid, ExitReason::Kill);
            delay_by(round);
            ours.shutdown(Shutdown::Both).unwrap();

            let end = down_reason(monitor);
            assert_eq!(end, ExitReason::Killed);
            assert_eq!(expect::<Exit>(), Exit { from: pid, reason: end });
            // The body's values are dropped, sooner or later.
            assert_eq!(ours.read(&mut [0]).unwrap(), 0);
        });
    }
}
