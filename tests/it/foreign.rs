//! Threads of the program's own, which become processes when they use the crate.

#![allow(clippy::disallowed_methods, reason = "threads that are not the runtime's")]

use std::any::Any;
use std::cell::RefCell;
use std::panic::{catch_unwind, panic_any, resume_unwind};
use std::sync::Arc;
use std::sync::mpsc;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use procession::prelude::*;
use procession::process::{Builder, RegisterError, SpawnError, Status, dictionary};
use procession::{Registrar, Via};

use crate::support::drops::{OnDrop, PanicsOnDrop};
use crate::support::processes::{Begun, Busy, FOREVER, begun, busy, idle_body, in_process, reason};
use crate::support::rounds::rounds;
use crate::support::wait::{
    assert_no_message, down_reason, exit_and_wait, expect, test_timeout, wait_for_exit, wait_until,
};

/// The message of a panic.
#[track_caller]
fn message_of(payload: Box<dyn Any + Send>) -> String {
    match payload.downcast::<String>() {
        Ok(text) => *text,
        Err(payload) => (*payload.downcast::<&str>().unwrap()).to_owned(),
    }
}

/// A thread that does `then` when it is let go.
struct Thread<T> {
    pid: Pid,
    let_go: mpsc::Sender<()>,
    handle: JoinHandle<T>,
}

/// Starts a thread that waits outside the runtime and then does `then`.
fn thread<T: Send + 'static>(then: impl FnOnce() -> T + Send + 'static) -> Thread<T> {
    let (known, pids) = mpsc::channel();
    let (let_go, held) = mpsc::channel();
    let handle = thread::spawn(move || {
        known.send(process::self_pid()).unwrap();
        _ = held.recv();
        then()
    });
    Thread { pid: pids.recv().unwrap(), let_go, handle }
}

impl<T> Thread<T> {
    #[track_caller]
    fn join(self) -> T {
        drop(self.let_go);
        self.handle.join().unwrap()
    }

    /// Waits until the thread has panicked, and returns the message.
    #[track_caller]
    fn join_panicked(self) -> String {
        drop(self.let_go);
        message_of(self.handle.join().err().expect("the thread has not panicked"))
    }

    /// Waits until the thread has ended, in whatever way, and returns what others hear of that.
    #[track_caller]
    fn end(self) -> ExitReason {
        let monitor = process::monitor(self.pid);
        drop(self.let_go);
        _ = self.handle.join();
        down_reason(monitor)
    }
}

mod a_thread {
    use super::*;

    #[test]
    fn gets_a_pid_of_its_own_when_it_asks_and_keeps_it() {
        let me = process::self_pid();
        assert_eq!(process::self_pid(), me);
        let thread = thread(|| [process::self_pid(), process::self_pid()]);
        let pid = thread.pid;
        assert_ne!(pid, me);
        assert!(process::is_alive(pid));
        assert!(process::processes().contains(&pid));
        assert_eq!(thread.join(), [pid, pid]);
    }

    #[test]
    fn started_by_a_process_is_another_one() {
        in_process(|| {
            let me = process::self_pid();
            thread::scope(|scope| {
                let inner = scope.spawn(process::self_pid).join().unwrap();
                assert_ne!(inner, me);
            });
            assert_eq!(process::self_pid(), me);
        });
    }

    #[test]
    fn is_shown_as_one_that_is_not_the_runtimes_and_has_no_parent() {
        let info = thread::spawn(|| process::info(process::self_pid())).join().unwrap().unwrap();
        assert!(info.foreign && info.trap_exit);
        assert_eq!(info.parent(), None);
    }

    #[test]
    fn keeps_nothing_of_normal_ends_for_which_it_has_not_asked() {
        thread(|| {
            let worker = || Builder::new().link().spawn_monitor(|| {}).unwrap().1;
            for _ in 0..100 {
                assert_eq!(down_reason(worker()), ExitReason::Normal);
                process::exit(process::self_pid(), ExitReason::Normal);
                assert_eq!(expect::<Exit>().from, process::self_pid());
            }
            assert_no_message();
            assert_eq!(process::info(process::self_pid()).unwrap().message_queue_len, 0);

            // What would end another process is something to know of.
            let (pid, monitor) = Builder::new().link().spawn_monitor(idle_body).unwrap();
            process::exit(pid, ExitReason::Shutdown);
            down_reason(monitor);
            assert_eq!(expect::<Exit>(), Exit { from: pid, reason: ExitReason::Shutdown });

            assert!(process::set_trap_exit(true));
            assert_eq!(down_reason(worker()), ExitReason::Normal);
            assert_eq!(expect::<Exit>().reason, ExitReason::Normal);
        })
        .join();
    }

    #[test]
    fn can_do_what_a_process_can() {
        let me = process::self_pid();
        let worker = thread(move || {
            process::register("foreign::a_thread::worker", process::self_pid()).unwrap();
            dictionary::put("key", 1);
            process::set_label("a worker");
            process::send(me, "ready");
            receive! { text: &str => process::send(me, text.len()) }
        });
        let pid = worker.pid;
        let worker = thread::spawn(move || worker.join());
        assert_eq!(expect::<&str>(), "ready");
        assert_eq!(process::whereis("foreign::a_thread::worker"), Some(pid));
        assert_eq!(process::label(pid).as_deref(), Some("a worker"));
        process::send_to("foreign::a_thread::worker", "twelve bytes").unwrap();
        assert_eq!(expect::<usize>(), 12);
        worker.join().unwrap();
        assert_eq!(wait_for_exit(pid), ExitReason::NoProc);
        assert_eq!(process::whereis("foreign::a_thread::worker"), None);
    }

    #[test]
    fn traps_exits_from_the_start() {
        let me = process::self_pid();
        let thread = thread(|| (expect::<Exit>(), process::set_trap_exit(true)));
        process::exit(thread.pid, reason());
        assert_eq!(thread.join(), (Exit { from: me, reason: reason() }, true));
    }

    #[test]
    fn cannot_stop_trapping_exits() {
        let panic = message_of(catch_unwind(|| process::set_trap_exit(false)).unwrap_err());
        assert!(panic.ends_with("cannot stop trapping exits"), "{panic}");
        // Nothing has changed.
        process::exit(process::self_pid(), reason());
        assert_eq!(expect::<Exit>().reason, reason());
    }

    #[test]
    fn cannot_end_itself() {
        let me = process::self_pid();
        let panic = message_of(catch_unwind(|| process::exit_self(reason())).unwrap_err());
        assert!(panic.contains("exit_self") && panic.contains(&me.to_string()), "{panic}");
        assert!(process::is_alive(me));
    }

    #[test]
    fn hears_of_the_end_of_a_linked_process() {
        let pid = process::spawn_link(|| process::exit_self(reason())).unwrap();
        assert_eq!(expect::<Exit>(), Exit { from: pid, reason: reason() });
    }
}

mod the_end_of_a_thread {
    use super::*;

    #[test]
    fn is_normal_for_links_and_monitors() {
        in_process(|| {
            process::set_trap_exit(true);
            let thread = thread(|| {});
            let pid = thread.pid;
            process::link(pid);
            let monitor = process::monitor(pid);
            thread.join();

            assert_eq!(down_reason(monitor), ExitReason::Normal);
            assert_eq!(expect::<Exit>(), Exit { from: pid, reason: ExitReason::Normal });
            assert!(!process::is_alive(pid));
        });
    }

    #[test]
    fn is_the_panic_that_has_ended_it() {
        let reason = thread(|| panic!("a panic of the program's own")).end();
        let panic = reason.as_panic().expect("a panic");
        assert_eq!(panic.message, "a panic of the program's own");
        assert!(panic.location.as_ref().unwrap().starts_with(file!()), "{panic:?}");
    }

    #[test]
    fn by_a_panic_takes_linked_processes_along() {
        let thread = thread(|| panic!("a panic of the program's own"));
        let pid = thread.pid;
        let (_, monitor) = begun(Builder::new(), move || {
            process::link(pid);
            idle_body();
        });
        wait_until(|| process::info(pid).unwrap().links.len() == 1);
        thread.join_panicked();
        assert!(down_reason(monitor).as_panic().is_some());
    }

    /// Lets a thread that has a busy child end by a panic, and waits until that is known. Returns
    /// the child and a monitor of it, which was there before the end.
    #[track_caller]
    fn with_busy_child(grace: Duration) -> (Busy, MonitorRef) {
        let me = process::self_pid();
        let thread = thread(move || {
            let builder = Builder::new().link().kill_grace(grace);
            process::send(me, Opaque::new(busy(builder, process::checkpoint)));
            expect::<()>();
            panic!("a panic of the program's own");
        });
        let monitor = process::monitor(thread.pid);
        drop(thread.let_go);
        let child = expect::<Opaque<Busy>>().into_inner();
        let child_monitor = process::monitor(child.pid);
        process::send(thread.pid, ());
        assert!(down_reason(monitor).as_panic().is_some());
        thread.handle.join().unwrap_err();
        (child, child_monitor)
    }

    #[test]
    fn does_not_wait_for_a_child_that_is_busy() {
        let (child, monitor) = with_busy_child(FOREVER);
        assert!(process::is_alive(child.pid));
        drop(child.let_go);
        assert!(down_reason(monitor).as_panic().is_some());
    }

    #[test]
    fn has_a_child_abandoned_that_is_busy_for_longer_than_its_grace() {
        let (child, monitor) = with_busy_child(Duration::from_millis(1));
        assert!(down_reason(monitor).as_panic().is_some());
        drop(child.let_go);
    }

    #[test]
    fn is_the_panic_though_destructors_use_the_crate_meanwhile() {
        let me = process::self_pid();
        let thread = thread(move || {
            let _guard = OnDrop(|| {
                process::send(me, process::self_pid());
                process::catch(|| panic!("another panic")).unwrap_err();
                // None that the hook has seen.
                process::catch(|| resume_unwind(Box::new("a payload"))).unwrap_err();
            });
            panic!("the first panic");
        });
        let pid = thread.pid;
        assert_eq!(thread.end().as_panic().unwrap().message, "the first panic");
        assert_eq!(expect::<Pid>(), pid);
    }

    #[test]
    fn is_the_panic_though_others_are_caught_together_meanwhile() {
        let thread = thread(|| {
            let _guard = OnDrop(|| {
                let catch = || _ = catch_unwind(|| panic!("a panic within it")).unwrap_err();
                let body = || {
                    let _guard = OnDrop(catch);
                    panic!("another panic");
                };
                process::catch(body).unwrap_err();
            });
            panic!("the first panic");
        });
        assert_eq!(thread.end().as_panic().unwrap().message, "the first panic");
    }

    #[track_caller]
    fn is_normal_after(ends: impl IntoIterator<Item = fn()>) {
        ends.into_iter().for_each(|end| assert_eq!(thread(end).end(), ExitReason::Normal));
    }

    fn catch_a_panic() {
        catch_unwind(|| panic!("a panic that is caught")).unwrap_err();
    }

    #[test]
    fn is_normal_after_panics_that_were_caught() {
        let ends: [fn(); 4] = [
            || {
                catch_a_panic();
                process::self_pid();
            },
            || {
                catch_a_panic();
                process::whereis("foreign::nobody");
                process::checkpoint();
            },
            || _ = process::catch(|| panic!("a panic that is caught")).unwrap_err(),
            || {
                let _guard = OnDrop(|| _ = process::self_pid());
                catch_a_panic();
            },
        ];
        is_normal_after(ends);
    }

    #[test]
    fn is_normal_after_panics_of_destructors_that_the_runtime_has_called() {
        /// Its destructor panics.
        #[derive(Debug, PartialEq, Eq, Hash)]
        struct Nobody(PanicsOnDrop);

        impl Registrar for Nobody {
            type Name = u8;

            fn register_name(&self, _: &u8, _: Pid) -> bool {
                false
            }

            fn unregister_name(&self, _: &u8) {}

            fn whereis_name(&self, _: &u8) -> Option<Pid> {
                None
            }

            fn send(&self, _: &u8, message: Message) -> Result<(), Message> {
                Err(message)
            }
        }

        let ends: [fn(); 4] = [
            || drop(ExitReason::new(PanicsOnDrop)),
            || drop(Via::new(Nobody(PanicsOnDrop), 1)),
            || _ = process::catch(|| panic_any(OnDrop(|| panic!("a payload")))).unwrap_err(),
            || {
                catch_a_panic();
                drop(ExitReason::new(PanicsOnDrop));
            },
        ];
        is_normal_after(ends);
    }

    #[test]
    fn is_the_last_panic_after_one_that_was_caught() {
        let thread = thread(|| {
            catch_a_panic();
            panic!("a panic that is not");
        });
        assert_eq!(thread.end().as_panic().unwrap().message, "a panic that is not");
    }

    #[test]
    fn is_the_kill_of_one_that_is_killed_as_it_panics() {
        let me = process::self_pid();
        let (let_go, held) = mpsc::channel::<()>();
        let thread = thread(move || {
            let _guard = OnDrop(move || {
                process::send(me, Begun);
                _ = held.recv();
                // Nothing of this panics once more, which would abort the program.
                process::send(me, process::receive_timeout(FOREVER).is_some());
                process::exit(me, reason());
                _ = dictionary::put("key", 1);
            });
            panic!("a panic of the program's own");
        });
        let (pid, monitor) = (thread.pid, process::monitor(thread.pid));
        let thread = thread::spawn(move || thread.join_panicked());
        expect::<Begun>();
        process::exit(pid, ExitReason::Kill);
        assert_eq!(down_reason(monitor), ExitReason::Killed);
        drop(let_go);
        assert_eq!(thread.join().unwrap(), "a panic of the program's own");
        assert!(!expect::<bool>());
        assert_eq!(expect::<Exit>(), Exit { from: pid, reason: reason() });
        assert_no_message();
    }

    #[test]
    fn leaves_a_linked_process_alive() {
        let child = thread::spawn(|| process::spawn_link(idle_body).unwrap()).join().unwrap();
        wait_until(|| process::info(child).unwrap().links.is_empty());
        assert_eq!(exit_and_wait(child, reason()), reason());
    }

    #[test]
    fn drops_its_messages() {
        let thread = thread(|| {});
        let pid = thread.pid;
        let value = Arc::new(());
        process::send(pid, Opaque::new(Arc::clone(&value)));
        assert_eq!(Arc::strong_count(&value), 2);
        thread.join();
        assert_eq!(wait_for_exit(pid), ExitReason::NoProc);
        assert_eq!(Arc::strong_count(&value), 1);
        process::send(pid, Opaque::new(Arc::clone(&value)));
        assert_eq!(Arc::strong_count(&value), 1);
    }

    #[test]
    fn does_not_give_its_pid_to_the_next() {
        let one = || thread::spawn(process::self_pid).join().unwrap();
        let mut pids: Vec<Pid> = (0..rounds(50)).map(|_| one()).collect();
        let threads = pids.len();
        pids.sort();
        pids.dedup();
        assert_eq!(pids.len(), threads);
    }
}

mod a_killed_thread {
    use super::*;

    #[test]
    fn is_killed_for_links_and_monitors_at_once() {
        in_process(|| {
            process::set_trap_exit(true);
            let thread = thread(|| {});
            let pid = thread.pid;
            process::link(pid);
            let monitor = process::monitor(pid);
            process::exit(pid, ExitReason::Kill);

            // The thread is busy all the while.
            assert!(!process::is_alive(pid));
            assert_eq!(down_reason(monitor), ExitReason::Killed);
            assert_eq!(expect::<Exit>(), Exit { from: pid, reason: ExitReason::Killed });
            thread.join();
            assert_no_message();
        });
    }

    #[test]
    fn takes_linked_processes_along() {
        let (told, tells) = mpsc::channel();
        let thread = thread(|| {});
        let pid = thread.pid;
        let (child, monitor) = begun(Builder::new(), move || {
            process::link(pid);
            told.send(()).unwrap();
            idle_body();
        });
        tells.recv().unwrap();
        process::exit(pid, ExitReason::Kill);
        assert_eq!(down_reason(monitor), ExitReason::Killed);
        assert!(!process::is_alive(child));
        thread.join();
    }

    #[test]
    fn loses_its_name_at_once() {
        const NAME: &str = "foreign::a_killed_thread::name";
        let thread = thread(|| {});
        process::register(NAME, thread.pid).unwrap();
        process::exit(thread.pid, ExitReason::Kill);

        assert_eq!(process::whereis(NAME), None);
        thread.join();
    }

    #[test]
    fn loses_its_messages_at_once() {
        let thread = thread(|| {});
        let value = Arc::new(());
        process::send(thread.pid, Opaque::new(Arc::clone(&value)));
        process::exit(thread.pid, ExitReason::Kill);

        assert_eq!(Arc::strong_count(&value), 1);
        thread.join();
    }

    /// What `call` panics with in a thread that was killed before.
    #[track_caller]
    fn refusal_of(call: fn()) -> String {
        let thread = thread(call);
        process::exit(thread.pid, ExitReason::Kill);
        thread.join_panicked()
    }

    #[test]
    fn panics_plainly_in_calls_that_cannot_fail() {
        let calls: [fn(); 12] = [
            || process::send(process::self_pid(), 1),
            || _ = process::receive(),
            || _ = process::receive_timeout(Duration::ZERO),
            || receive! { _ => {}, after FOREVER => {} },
            || process::sleep(Duration::ZERO),
            process::checkpoint,
            || process::link(process::self_pid()),
            || _ = process::monitor(process::self_pid()),
            || process::exit(process::self_pid(), reason()),
            || process::exit_self(reason()),
            || _ = process::set_trap_exit(true),
            || _ = dictionary::put("key", 1),
        ];
        for call in calls {
            let panic = refusal_of(call);
            let plain = "a thread of the program's own, was killed";
            assert!(panic.starts_with("process <") && panic.ends_with(plain), "{panic}");
        }
    }

    #[test]
    fn cannot_spawn() {
        let (ran, runs) = mpsc::channel();
        let thread = thread(move || process::spawn_link(move || ran.send(()).unwrap()));
        process::exit(thread.pid, ExitReason::Kill);
        let spawned = thread.join();
        assert!(matches!(spawned, Err(SpawnError::CallerEnded)), "{spawned:?}");
        assert!(runs.recv().is_err());
    }

    #[test]
    fn cannot_register_itself() {
        const NAME: &str = "foreign::a_killed_thread::late";
        let thread = thread(|| process::register(NAME, process::self_pid()));
        let pid = thread.pid;
        process::exit(pid, ExitReason::Kill);
        assert_eq!(thread.join(), Err(RegisterError::NotAlive(pid)));
    }

    #[test]
    fn cannot_be_registered() {
        const NAME: &str = "foreign::a_killed_thread::by_another";
        let thread = thread(|| {});
        let pid = thread.pid;
        process::exit(pid, ExitReason::Kill);
        assert_eq!(process::register(NAME, pid), Err(RegisterError::NotAlive(pid)));
        thread.join();
    }

    #[test]
    fn can_still_tell_who_it_was() {
        let thread = thread(process::self_pid);
        let pid = thread.pid;
        process::exit(pid, ExitReason::Kill);
        assert_eq!(thread.join(), pid);
    }

    #[test]
    fn is_woken_from_every_wait() {
        let waits: [fn(); 3] = [
            || _ = process::receive(),
            || _ = process::receive_timeout(FOREVER),
            || process::sleep(FOREVER),
        ];
        for wait in waits {
            let mut thread = thread(wait);
            let pid = thread.pid;
            thread.let_go = mpsc::channel().0;
            wait_until(|| process::info(pid).unwrap().status == Status::Waiting);
            process::exit(pid, ExitReason::Kill);
            let panic = thread.join_panicked();
            assert!(panic.ends_with("was killed"), "{panic}");
        }
    }

    #[test]
    fn can_kill_itself() {
        let thread = thread(|| process::exit(process::self_pid(), ExitReason::Kill));
        let monitor = process::monitor(thread.pid);
        let panic = thread.join_panicked();
        assert!(panic.ends_with("was killed"), "{panic}");
        assert_eq!(down_reason(monitor), ExitReason::Killed);
    }

    #[test]
    fn leaves_threads_started_later_alone() {
        let killed = thread(|| {});
        process::exit(killed.pid, ExitReason::Kill);
        let others: Vec<_> = (0..4).map(|_| thread(|| expect::<&str>())).collect();
        let killed_pid = killed.pid;
        killed.join();
        for other in others {
            assert_ne!(other.pid, killed_pid);
            process::send(other.pid, "still here");
            assert_eq!(other.join(), "still here");
        }
    }
}

mod destructors_of_thread_locals {
    use super::*;

    type Last = Box<dyn FnOnce()>;

    /// Runs a closure when the thread ends.
    struct AtEnd(Option<Last>);

    impl Drop for AtEnd {
        fn drop(&mut self) {
            self.0.take().into_iter().for_each(|last| last());
        }
    }

    thread_local! {
        static AT_END: RefCell<AtEnd> = const { RefCell::new(AtEnd(None)) };
    }

    fn at_end(last: impl FnOnce() + 'static) {
        AT_END.with_borrow_mut(|at_end| at_end.0 = Some(Box::new(last)));
    }

    /// When a thread first uses the crate: before the thread-local is made, or after. Destructors
    /// run in reverse, so ours finds its process alive, or gone; or it is the first to ask for one.
    #[derive(Clone, Copy)]
    struct FirstUse {
        before: fn(),
        after: fn(),
    }

    fn nothing() {}

    fn use_crate() {
        process::self_pid();
    }

    const ALIVE: FirstUse = FirstUse { before: use_crate, after: nothing };
    const GONE: FirstUse = FirstUse { before: nothing, after: use_crate };
    const NEW: FirstUse = FirstUse { before: nothing, after: nothing };

    /// What `last` returns at the end of a thread.
    #[track_caller]
    fn at_end_of_thread<T: Send + 'static>(
        first_use: FirstUse,
        last: impl FnOnce() -> T + Send + 'static,
    ) -> T {
        let (returned, returns) = mpsc::channel();
        let thread = thread::spawn(move || {
            (first_use.before)();
            at_end(move || returned.send(last()).unwrap());
            (first_use.after)();
        });
        let value = returns.recv_timeout(test_timeout()).expect("it has panicked, or waits");
        thread.join().unwrap();
        value
    }

    /// What `last` returns at the end of a thread, for each time of the first use.
    #[track_caller]
    fn at_ends<T: Send + 'static>(last: fn() -> T) -> [T; 3] {
        [ALIVE, GONE, NEW].map(|first_use| at_end_of_thread(first_use, last))
    }

    #[test]
    fn can_send() {
        let me = process::self_pid();
        for first_use in [ALIVE, GONE, NEW] {
            at_end_of_thread(first_use, move || process::send(me, "a last word"));
            assert_eq!(expect::<&str>(), "a last word");
        }
    }

    #[test]
    fn can_send_to_a_name_and_look_one_up() {
        let sent = at_ends(|| {
            let name = "foreign::destructors_of_thread_locals::nobody";
            (process::whereis(name), process::send_to(name, 1).is_err())
        });
        assert_eq!(sent, [(None, true); 3]);
    }

    #[test]
    fn have_a_pid_that_is_not_alive_afterwards() {
        for pid in at_ends(process::self_pid) {
            wait_until(|| !process::is_alive(pid));
        }
    }

    #[test]
    fn find_their_process_alive_or_gone() {
        let is_alive = || process::is_alive(process::self_pid());
        assert!(at_end_of_thread(ALIVE, is_alive));
        assert!(!at_end_of_thread(GONE, is_alive));
    }

    #[test]
    fn do_not_wait_when_their_process_is_gone() {
        let received = at_end_of_thread(GONE, || {
            process::sleep(FOREVER);
            [
                process::receive_timeout(FOREVER).is_some(),
                process::receive_match_timeout(FOREVER, |_| true).is_some(),
                receive! { _ => true, after FOREVER => false },
            ]
        });
        assert_eq!(received, [false; 3]);
    }

    #[test]
    fn receive_nothing_in_no_time() {
        let received = at_ends(|| {
            process::sleep(Duration::from_millis(1));
            process::receive_timeout(Duration::from_millis(1)).is_some()
        });
        assert_eq!(received, [false; 3]);
    }

    #[test]
    fn cannot_spawn_when_their_process_is_gone() {
        let spawned = at_end_of_thread(GONE, || process::spawn(|| {}));
        assert!(matches!(spawned, Err(SpawnError::CallerEnded)), "{spawned:?}");
    }

    #[test]
    fn do_not_panic_in_other_calls() {
        at_ends(|| {
            process::checkpoint();
            process::monitor(process::self_pid());
            process::link(process::self_pid());
            process::set_label("the end");
            process::set_trap_exit(true);
            dictionary::put("the", "end");
            _ = process::spawn(|| {});
            _ = process::register("foreign::at_end", process::self_pid());
            process::exit(process::self_pid(), ExitReason::Normal);
        });
    }

    #[test]
    fn of_a_process_of_the_runtime_can_send_too() {
        let me = process::self_pid();
        let (_, monitor) = Builder::new()
            .dedicated()
            .spawn_monitor(move || at_end(move || process::send(me, process::self_pid())))
            .unwrap();
        // The process has ended, and the thread is now one of no process.
        assert_eq!(down_reason(monitor), ExitReason::Normal);
        let pid = expect::<Pid>();
        wait_until(|| !process::is_alive(pid));
    }
}
