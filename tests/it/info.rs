//! What can be seen of processes from outside.

#![allow(clippy::disallowed_methods, reason = "looks at threads of the program's own")]

use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use procession::prelude::*;
use procession::process::{Builder, Info, Status};
use procession::{Destination, timer};

use crate::support::processes::{FOREVER, busy, dead_pid, idle, idle_body, in_process};
use crate::support::rounds::rounds;
use crate::support::wait::{down_reason, exit_and_wait, expect, wait_until};

#[track_caller]
fn info(pid: Pid) -> Info {
    process::info(pid).expect("the process is alive")
}

fn own_info() -> Info {
    info(process::self_pid())
}

mod a_process {
    use super::*;

    #[test]
    fn is_as_it_was_made() {
        in_process(|| {
            let info = own_info();
            assert_eq!(info.pid, process::self_pid());
            assert!(!info.foreign && !info.trap_exit);
            assert!(info.name.is_none() && info.label.is_none());
            assert!(info.links.is_empty() && info.monitors.is_empty());
            assert_eq!((info.message_queue_len, info.messages_received), (0, 0));
        });
    }

    // OTP: Elixir's process_test "info/2"
    #[test]
    fn that_has_ended_cannot_be_seen() {
        let ended = dead_pid();
        assert!(process::info(ended).is_none());
        assert!(process::label(ended).is_none());

        // Nor is it taken for the next one in its place.
        let next = idle();
        assert!(process::info(ended).is_none());
        exit_and_wait(next, ExitReason::Shutdown);
    }

    #[test]
    fn that_is_killed_cannot_be_seen_though_its_thread_is_busy() {
        let busy = busy(Builder::new(), || {});
        assert!(process::info(busy.pid).is_some());
        process::exit(busy.pid, ExitReason::Kill);

        assert!(process::info(busy.pid).is_none());
        drop(busy.let_go);
        assert_eq!(down_reason(busy.monitor), ExitReason::Killed);
    }

    #[test]
    fn is_marked_if_it_traps_exits() {
        in_process(|| {
            process::set_trap_exit(true);
            assert!(own_info().trap_exit);
            process::set_trap_exit(false);
            assert!(!own_info().trap_exit);
        });
        let trapping = Builder::new().trap_exit(true).spawn(idle_body).unwrap();
        assert!(info(trapping).trap_exit);
        exit_and_wait(trapping, ExitReason::Kill);
    }

    #[test]
    fn of_a_foreign_thread_is_marked_as_foreign() {
        thread::spawn(|| {
            let info = own_info();
            assert!(info.foreign && info.trap_exit);
            assert!(info.ancestors.is_empty());
        })
        .join()
        .unwrap();
    }

    #[test]
    fn has_nothing_of_the_process_that_had_its_slot_before() {
        let me = process::self_pid();
        for _ in 0..rounds(200) {
            let body = || {
                process::set_trap_exit(true);
                process::set_label("the one before");
                process::link(idle());
                process::receive();
                idle_body();
            };
            let (pid, monitor) = process::spawn_monitor(body).unwrap();
            (0..5).for_each(|n: u8| process::send(pid, n));
            wait_until(|| info(pid).messages_received == 1);
            process::exit(pid, ExitReason::Kill);
            down_reason(monitor);

            process::spawn(move || process::send(me, own_info())).unwrap();
            let info = expect::<Info>();
            assert_eq!((info.message_queue_len, info.messages_received), (0, 0));
            assert!(info.label.is_none() && !info.trap_exit && info.links.is_empty());
        }
    }

    #[test]
    fn grows_older() {
        let before = Instant::now();
        let pid = idle();
        let first = info(pid).age;
        let second = info(pid).age;
        assert!(first <= second && second <= before.elapsed());
        exit_and_wait(pid, ExitReason::Shutdown);
    }
}

mod name {
    use super::*;

    // OTP: Elixir's process_test "info/2 with registered name"
    #[test]
    fn is_seen_while_the_process_has_it() {
        let pid = idle();
        assert_eq!(info(pid).name, None);

        process::register("info::name::is_seen", pid).unwrap();
        assert_eq!(info(pid).name.as_deref(), Some("info::name::is_seen"));
        process::unregister("info::name::is_seen").unwrap();
        assert_eq!(info(pid).name, None);
        exit_and_wait(pid, ExitReason::Shutdown);
    }
}

mod label {
    use super::*;

    // OTP: process_SUITE:process_info_label
    #[test]
    fn is_read_by_any_process() {
        let me = process::self_pid();
        let pid = process::spawn(move || {
            for label in ["apprentice", "journeyman"] {
                process::send(me, ());
                expect::<()>();
                process::set_label(label);
            }
            process::send(me, ());
            idle_body();
        })
        .unwrap();

        expect::<()>();
        assert_eq!(process::label(pid), None);
        for label in ["apprentice", "journeyman"] {
            process::send(pid, ());
            expect::<()>();
            assert_eq!(process::label(pid).as_deref(), Some(label));
            assert_eq!(info(pid).label.as_deref(), Some(label));
        }
        exit_and_wait(pid, ExitReason::Shutdown);
        assert_eq!(process::label(pid), None);
    }

    #[test]
    fn is_not_inherited() {
        in_process(|| {
            process::set_label("parent");
            let (child, monitor) =
                process::spawn_monitor(|| assert_eq!(own_info().label, None)).unwrap();
            assert_eq!(down_reason(monitor), ExitReason::Normal);
            assert_eq!(process::label(child), None);
        });
    }
}

mod status {
    use super::*;

    #[test]
    fn is_running_for_oneself() {
        assert_eq!(own_info().status, Status::Running);
    }

    #[test]
    fn is_waiting_in_every_call_that_waits() {
        let waits: [fn(); 5] = [
            || drop(process::receive()),
            || drop(process::receive_timeout(FOREVER)),
            || process::sleep(FOREVER),
            || receive! { () => {} },
            || receive! { () => {}, after FOREVER => {} },
        ];
        for wait in waits {
            let pid = process::spawn(wait).unwrap();
            wait_until(|| info(pid).status == Status::Waiting);
            exit_and_wait(pid, ExitReason::Shutdown);
        }
    }

    #[test]
    fn is_waiting_for_a_thread_of_the_programs_own_too() {
        let (pid_sender, pid) = mpsc::channel();
        let thread = thread::spawn(move || {
            pid_sender.send(process::self_pid()).unwrap();
            expect::<()>();
        });
        let pid = pid.recv().unwrap();
        wait_until(|| info(pid).status == Status::Waiting);
        process::send(pid, ());
        thread.join().unwrap();
    }

    #[test]
    fn is_running_in_waits_that_the_runtime_cannot_see() {
        let busy = busy(Builder::new(), || {});
        assert_eq!(info(busy.pid).status, Status::Running);
        drop(busy.let_go);
        assert_eq!(down_reason(busy.monitor), ExitReason::Normal);
    }

    #[test]
    fn is_running_again_after_a_message() {
        let (let_go, held) = mpsc::channel::<()>();
        let pid = process::spawn(move || {
            expect::<()>();
            _ = held.recv();
        })
        .unwrap();
        wait_until(|| info(pid).status == Status::Waiting);
        process::send(pid, ());
        wait_until(|| info(pid).messages_received == 1);
        assert_eq!(info(pid).status, Status::Running);
        drop(let_go);
    }
}

mod message_queue_len {
    use super::*;

    // OTP: process_SUITE:process_info_self_msgq_len
    #[test]
    fn counts_a_message_just_sent_to_oneself() {
        let me = process::self_pid();
        for sent in 1..=3 {
            process::send(me, "to myself");
            assert_eq!(own_info().message_queue_len, sent);
        }
        for left in (0..3).rev() {
            expect::<&str>();
            assert_eq!(own_info().message_queue_len, left);
        }
    }

    #[test]
    fn counts_messages_that_a_selective_receive_has_left() {
        let me = process::self_pid();
        process::send(me, 1_u8);
        process::send(me, "chosen");
        process::send(me, 2_u8);
        expect::<&str>();
        process::send(me, 3_u8);
        assert_eq!(own_info().message_queue_len, 3);
    }

    #[test]
    fn counts_messages_to_a_process_that_is_busy() {
        let busy = busy(Builder::new(), || (0..3).for_each(|_| expect()));
        for sent in 1..=3 {
            process::send(busy.pid, ());
            assert_eq!(info(busy.pid).message_queue_len, sent);
        }
        drop(busy.let_go);
        assert_eq!(down_reason(busy.monitor), ExitReason::Normal);
    }
}

mod messages_received {
    use super::*;

    #[test]
    fn counts_messages_when_they_are_taken() {
        in_process(|| {
            let me = process::self_pid();
            (0..5).for_each(|n: u8| process::send(me, n));
            assert_eq!(own_info().messages_received, 0);

            receive! { 3_u8 => {} }
            assert_eq!(own_info().messages_received, 1);
            process::receive();
            process::receive_match(|message| message.downcast_ref() == Some(&4_u8));
            assert_eq!(own_info().messages_received, 3);

            // A receive that finds nothing counts nothing.
            receive! { 9_u8 => {}, after Duration::ZERO => {} }
            assert_eq!(own_info().messages_received, 3);
        });
    }
}

mod ancestors {
    use super::*;

    /// Has `generations` of processes spawned, each by the one before, and the last report what it
    /// sees of itself and who was before it, the nearest first.
    fn descend(generations: usize, line: &[Pid], report_to: Pid) {
        if generations == 0 {
            process::send(report_to, (own_info(), line.to_vec()));
            return;
        }
        let line: Vec<Pid> = [process::self_pid()].into_iter().chain(line.to_vec()).collect();
        process::spawn(move || descend(generations - 1, &line, report_to)).unwrap();
    }

    // OTP: process_SUITE:process_info_parent
    #[test]
    fn begin_with_the_process_that_spawned_it() {
        let me = process::self_pid();
        process::spawn(move || process::send(me, own_info())).unwrap();
        let child = expect::<Info>();
        assert_eq!(child.parent(), Some(me));
        assert_eq!(child.ancestors[..], [me]);
        assert_eq!(own_info().parent(), None);
    }

    #[test]
    fn of_a_linked_or_monitored_process_are_the_same() {
        let me = process::self_pid();
        let body = move || process::send(me, own_info());
        process::spawn_link(body).unwrap();
        process::spawn_monitor(body).unwrap();
        Builder::new().dedicated().spawn(body).unwrap();
        (0..3).for_each(|_| assert_eq!(expect::<Info>().ancestors[..], [me]));
    }

    #[test]
    fn are_listed_up_to_the_sixteenth_the_nearest_first() {
        for generations in [15, 16, 17, 18] {
            descend(generations, &[], process::self_pid());
            let (youngest, line) = expect::<(Info, Vec<Pid>)>();
            assert_eq!(line.len(), generations);
            assert_eq!(youngest.ancestors[..], line[..generations.min(16)]);
        }
    }

    #[test]
    fn stay_when_they_have_ended() {
        let me = process::self_pid();
        let (parent, monitor) = process::spawn_monitor(move || {
            process::spawn(move || {
                expect::<()>();
                process::send(me, own_info());
            })
            .map(|child| process::send(me, child))
            .unwrap();
        })
        .unwrap();
        down_reason(monitor);
        process::send(expect::<Pid>(), ());
        assert_eq!(expect::<Info>().ancestors[..], [parent, me]);
    }
}

mod links {
    use super::*;

    #[test]
    fn are_listed_in_order_at_both_ends() {
        in_process(|| {
            let me = process::self_pid();
            let mut peers = [idle(), idle(), idle()];
            peers.sort_unstable();
            for peer in [peers[1], peers[2], peers[0]] {
                process::link(peer);
                assert_eq!(info(peer).links, [me]);
            }
            assert_eq!(own_info().links, peers);

            process::unlink(peers[1]);
            assert_eq!(own_info().links, [peers[0], peers[2]]);
            assert!(info(peers[1]).links.is_empty());
            exit_and_wait(peers[1], ExitReason::Shutdown);
            for peer in [peers[0], peers[2]] {
                process::unlink(peer);
                exit_and_wait(peer, ExitReason::Shutdown);
            }
        });
    }

    #[test]
    fn are_gone_when_the_signal_is_received() {
        let peer = process::spawn_link(idle_body).unwrap();
        assert!(own_info().links.contains(&peer));
        process::exit(peer, ExitReason::Shutdown);
        expect::<Exit>();
        assert!(!own_info().links.contains(&peer));
    }
}

mod monitors {
    use super::*;

    // OTP: monitor_SUITE:list_cleanup, mixer
    #[test]
    fn are_listed_as_they_were_made_while_they_are_active() {
        in_process(|| {
            let me = process::self_pid();
            let (pid, named) = (idle(), idle());
            let name = "info::monitors::named";
            process::register(name, named).unwrap();

            let monitors = [pid, named, pid].map(process::monitor);
            let monitor_by_name = process::monitor(name);
            let is_listed = |times: usize, object: &Destination| {
                let listed = own_info().monitors;
                listed.iter().filter(|listed| *listed == object).count() == times
            };
            let (by_pid, by_name) = (Destination::Pid(named), Destination::from(name));
            assert!(is_listed(2, &Destination::Pid(pid)));
            assert!(is_listed(1, &by_pid) && is_listed(1, &by_name));
            assert_eq!(info(pid).monitored_by, [me, me]);
            assert_eq!(info(named).monitored_by, [me, me]);

            process::demonitor(monitors[0]);
            process::demonitor(monitor_by_name);
            assert!(is_listed(1, &Destination::Pid(pid)));
            assert!(is_listed(1, &by_pid) && is_listed(0, &by_name));
            assert_eq!(info(pid).monitored_by, [me]);
            assert_eq!(info(named).monitored_by, [me]);

            process::exit(pid, ExitReason::Shutdown);
            process::exit(named, ExitReason::Shutdown);
            down_reason(monitors[1]);
            down_reason(monitors[2]);
            assert!(own_info().monitors.is_empty());
        });
    }

    // OTP: monitor_SUITE:list_cleanup
    #[test]
    fn of_an_owner_that_has_ended_are_gone_from_the_target() {
        let watched = idle();
        let (watcher, monitor) = process::spawn_monitor(move || {
            process::monitor(watched);
            expect::<()>();
        })
        .unwrap();
        wait_until(|| info(watched).monitored_by == [watcher]);
        process::send(watcher, ());
        down_reason(monitor);
        assert!(info(watched).monitored_by.is_empty());
        exit_and_wait(watched, ExitReason::Shutdown);
    }

    #[test]
    fn of_a_process_that_has_ended_are_gone_when_the_down_is_received() {
        in_process(|| {
            let monitor = process::monitor(dead_pid());
            assert_eq!(down_reason(monitor), ExitReason::NoProc);
            assert!(own_info().monitors.is_empty());
        });
    }
}

mod processes {
    use super::*;

    #[test]
    fn lists_exactly_the_processes_that_are_alive() {
        let (alive, ended) = (idle(), dead_pid());
        let busy = busy(Builder::new(), || {});
        process::exit(busy.pid, ExitReason::Kill);

        let listed = process::processes();
        assert!(listed.contains(&alive) && listed.contains(&process::self_pid()));
        assert!(!listed.contains(&ended) && !listed.contains(&busy.pid));
        drop(busy.let_go);
        exit_and_wait(alive, ExitReason::Shutdown);
        assert!(!process::processes().contains(&alive));
    }

    #[test]
    fn lists_each_once() {
        let idle: Vec<Pid> = (0..20).map(|_| idle()).collect();
        let mut listed = process::processes();
        listed.sort_unstable();
        let count = listed.len();
        listed.dedup();
        assert_eq!(listed.len(), count);
        idle.into_iter().for_each(|pid| process::exit(pid, ExitReason::Shutdown));
    }
}

/// Other tests run beside these, so only the least is known.
mod system_info {
    use super::*;

    #[test]
    fn counts_processes_threads_names_and_timers() {
        let idle: Vec<Pid> = (0..10).map(|_| idle()).collect();
        for (pid, name) in idle.iter().zip(["info::system_info::a", "info::system_info::b"]) {
            process::register(name, *pid).unwrap();
        }
        let timers = [(); 3].map(|()| timer::send_after(FOREVER, process::self_pid(), ()));

        let info = process::system_info();
        assert!(info.processes > 10, "{info:?}");
        assert!(info.threads >= 10 && info.threads >= info.cached_threads, "{info:?}");
        assert!(info.names >= 2 && info.timers >= 3, "{info:?}");
        assert!(info.max_cached_threads > 0, "{info:?}");

        timers.into_iter().for_each(|timer| _ = timer::cancel(timer));
        idle.into_iter().for_each(|pid| process::exit(pid, ExitReason::Shutdown));
    }

    #[test]
    fn counts_the_threads_that_were_left_behind() {
        let builder = Builder::new().kill_grace(Duration::from_millis(1));
        let busy = busy(builder, || {});
        process::exit(busy.pid, ExitReason::Kill);
        assert_eq!(down_reason(busy.monitor), ExitReason::Killed);
        assert!(process::system_info().abandoned_threads > 0);
        drop(busy.let_go);
    }
}
