//! What becomes of the linked children of a process that ends, and when its end is told.

use std::sync::Arc;
use std::sync::mpsc;
use std::time::Duration;

use parking_lot::Mutex;

use procession::prelude::*;
use procession::proc_lib;
use procession::process::Builder;
use procession::supervisor::{ChildSpec, Shutdown, Supervisor, SupervisorRef};
use procession::table::{Table, TableError, TableOptions};
use procession::timer;

use crate::support::child::{ChildEnded, EndWith, ObservedChild, expect_started};
use crate::support::drops::{OnDrop, message_on_drop};
use crate::support::processes::{FOREVER, begun, idle_body, in_process, reason};
use crate::support::rounds::{delay_by, rounds};
use crate::support::wait::{
    assert_no_message, down_reason, exit_and_wait, expect, test_timeout, wait_until,
};

/// To the test: this child runs.
#[derive(Debug)]
struct Runs(Pid);

/// To the test: the values of this child's body have been dropped.
#[derive(Debug, PartialEq)]
struct Gone(Pid);

/// A body that says that it runs, then does `body`, and says in its destructors that it is gone.
fn told(test: Pid, body: impl FnOnce() + Send + 'static) -> impl FnOnce() + Send + 'static {
    move || {
        let me = process::self_pid();
        let _gone = OnDrop(|| process::send(test, Gone(me)));
        process::send(test, Runs(me));
        body();
    }
}

/// Starts a process that starts children, and then waits to be told to end. Returns the children,
/// when they run.
#[track_caller]
fn parent_of(children: Vec<(Builder, Box<dyn FnOnce() + Send>)>) -> (Pid, MonitorRef, Vec<Pid>) {
    let (test, number) = (process::self_pid(), children.len());
    let (parent, monitor) = process::spawn_monitor(move || {
        let start = |(builder, body): (Builder, Box<dyn FnOnce() + Send>)| {
            builder.link().spawn(told(test, body)).unwrap()
        };
        let children: Vec<Pid> = children.into_iter().map(start).collect();
        process::send(test, children);
        idle_body();
    })
    .unwrap();
    (0..number).for_each(|_| _ = expect::<Runs>());
    (parent, monitor, expect())
}

/// A body that is busy where the runtime cannot reach it, until the sender is dropped.
fn held() -> (mpsc::Sender<()>, impl FnOnce() + Send + 'static) {
    let (let_go, held) = mpsc::channel();
    (let_go, move || {
        _ = held.recv();
        process::checkpoint();
    })
}

mod the_end_of_a_parent {
    use super::*;

    #[test]
    fn is_told_when_the_children_that_it_ends_are_gone() {
        for round in 0..rounds(300) {
            let (let_go, busy) = held();
            let grace = || Builder::new().kill_grace(FOREVER);
            let (parent, monitor, children) =
                parent_of(vec![(grace(), Box::new(busy)), (grace(), Box::new(idle_body))]);
            process::exit(parent, if round % 2 == 0 { reason() } else { ExitReason::Kill });
            wait_until(|| !process::is_alive(parent));
            assert_eq!(expect::<Gone>(), Gone(children[1]));
            drop(let_go);

            receive! {
                Gone(child) => assert_eq!(child, children[0]),
                down: Down if down.monitor == monitor => panic!("it was told too early"),
                after test_timeout() => panic!("the child is not gone"),
            }
            down_reason(monitor);
        }
    }

    #[test]
    fn is_told_then_to_late_monitors_too() {
        let (let_go, busy) = held();
        let child: Box<dyn FnOnce() + Send> = Box::new(busy);
        let (parent, _, children) = parent_of(vec![(Builder::new().kill_grace(FOREVER), child)]);
        process::exit(parent, reason());
        wait_until(|| !process::is_alive(parent));
        let late = process::monitor(parent);
        drop(let_go);
        receive! {
            Gone(child) => assert_eq!(child, children[0]),
            down: Down if down.monitor == late => panic!("it was told too early"),
            after test_timeout() => panic!("the child is not gone"),
        }
        assert_eq!(down_reason(late), reason());
    }

    #[test]
    fn comes_after_the_longest_of_the_graces_and_not_after_their_sum() {
        // Each of these has a busy child of its own, which is abandoned after as long again.
        let grace = Duration::from_millis(300);
        let stuck = (0..20).map(|_| {
            let (let_go, busy) = held();
            let body = move || {
                Builder::new().link().kill_grace(grace).spawn(busy).unwrap();
                idle_body();
            };
            (let_go, (Builder::new().kill_grace(grace), Box::new(body) as Box<dyn FnOnce() + Send>))
        });
        let (let_go, children): (Vec<_>, Vec<_>) = stuck.unzip();
        let (parent, monitor, _) = parent_of(children);
        let since = std::time::Instant::now();
        process::exit(parent, reason());
        assert_eq!(down_reason(monitor), reason());
        // Two of them it is, twenty-one it would be.
        assert!(since.elapsed() < grace * 15, "{:?}", since.elapsed());
        drop(let_go);
    }

    #[test]
    fn comes_to_its_links_too_when_its_children_are_gone() {
        in_process(|| {
            process::set_trap_exit(true);
            let (let_go, busy) = held();
            let test = process::self_pid();
            let parent = process::spawn_link(move || {
                let builder = Builder::new().link().kill_grace(FOREVER);
                builder.spawn(told(test, busy)).unwrap();
                idle_body();
            })
            .unwrap();
            let Runs(child) = expect();
            process::exit(parent, reason());
            wait_until(|| !process::is_alive(parent));
            drop(let_go);

            let next = || process::receive_timeout(test_timeout()).unwrap();
            assert_eq!(next().downcast::<Gone>().unwrap(), Gone(child));
            assert_eq!(next().downcast::<Exit>().unwrap().from, parent);
        });
    }

    #[test]
    fn waits_for_the_children_of_its_children() {
        let (let_go, busy) = held();
        let test = process::self_pid();
        let (parent, monitor, _) = parent_of(vec![(
            Builder::new(),
            Box::new(move || {
                let builder = Builder::new().link().kill_grace(FOREVER);
                builder.spawn(told(test, busy)).unwrap();
                idle_body();
            }),
        )]);
        let Runs(grandchild) = expect();
        process::exit(parent, reason());
        wait_until(|| !process::is_alive(parent));
        _ = expect::<Gone>();
        drop(let_go);
        receive! {
            Gone(it) => assert_eq!(it, grandchild),
            down: Down if down.monitor == monitor => panic!("it was told too early"),
            after test_timeout() => panic!("the grandchild is not gone"),
        }
        assert_eq!(down_reason(monitor), reason());
    }

    #[test]
    fn waits_for_a_child_that_was_being_spawned_when_the_parent_was_killed() {
        in_process(|| {
            for round in 0..rounds(10_000) {
                let (parent, ended) = begun(Builder::new(), || {
                    (0..16).for_each(|_| _ = process::spawn_link(idle_body).unwrap());
                    idle_body();
                });
                delay_by(round);
                exit_and_wait(parent, ExitReason::Kill);
                assert_eq!(down_reason(ended), ExitReason::Killed);
                let infos = process::processes().into_iter().filter_map(process::info);
                let left: Vec<_> = infos.filter(|info| info.parent() == Some(parent)).collect();
                assert!(left.is_empty(), "round {round}: {left:?}");
            }
        });
    }

    #[test]
    fn does_not_wait_longer_than_the_grace_of_a_child_that_is_busy() {
        const NAME: &str = "orphans::busy";
        let (let_go, busy) = held();
        let builder = Builder::new().name(NAME).kill_grace(Duration::from_millis(1));
        let (parent, monitor, children) = parent_of(vec![(builder, Box::new(busy))]);
        let child = process::monitor(children[0]);
        process::exit(parent, reason());

        // The child is abandoned, and hears nothing of what was to end it...
        assert_eq!(down_reason(monitor), reason());
        // ...but who watches it has heard before.
        let down = process::receive_match_timeout(Duration::ZERO, |message| {
            message.downcast_ref::<Down>().is_some_and(|down| down.monitor == child)
        });
        assert_eq!(down.unwrap().downcast::<Down>().unwrap().reason, reason());
        assert!(!process::is_alive(children[0]));
        let heir = Builder::new().name(NAME).spawn(idle_body).unwrap();

        drop(let_go);
        assert_eq!(process::whereis(NAME), Some(heir));
        process::exit(heir, ExitReason::Shutdown);
    }

    #[test]
    fn waits_for_a_child_that_was_killed_itself_as_long_as_its_grace_lasts() {
        let (let_go, busy) = held();
        let builder = Builder::new().kill_grace(Duration::from_millis(200));
        let (parent, monitor, children) = parent_of(vec![(builder, Box::new(busy))]);
        process::exit(children[0], ExitReason::Kill);
        process::exit(parent, reason());
        assert_eq!(down_reason(monitor), reason());
        assert!(!process::is_alive(children[0]));
        drop(let_go);
    }

    #[test]
    fn is_told_when_servers_that_end_with_it_have_terminated() {
        for _ in 0..rounds(300) {
            let test = process::self_pid();
            let (parent, monitor) = process::spawn_monitor(move || {
                ObservedChild::start_link(("orphan", test)).unwrap();
                idle_body();
            })
            .unwrap();
            expect_started("orphan");
            process::exit(parent, ExitReason::Kill);
            receive! {
                ChildEnded(_, reason) => assert_eq!(reason, ExitReason::Killed),
                down: Down if down.monitor == monitor => panic!("it was told too early"),
                after test_timeout() => panic!("the server has not terminated"),
            }
            down_reason(monitor);
        }
    }

    #[test]
    fn does_not_wait_longer_than_the_grace_of_a_child_that_traps_exits_and_goes_on() {
        let test = process::self_pid();
        let (parent, monitor) = process::spawn_monitor(move || {
            let builder = Builder::new().link().kill_grace(Duration::from_millis(1));
            let options = proc_lib::StartOptions::new().spawn_options(builder);
            let child = proc_lib::start_with(options, |starter: proc_lib::Starter<Pid>| {
                process::set_trap_exit(true);
                starter.ack(process::self_pid());
                idle_body();
            });
            process::send(test, child.unwrap());
            idle_body();
        })
        .unwrap();
        let child: Pid = expect();
        process::exit(parent, reason());
        assert_eq!(down_reason(monitor), reason());
        assert!(process::is_alive(child));
        assert_eq!(exit_and_wait(child, ExitReason::Kill), ExitReason::Killed);
    }

    #[test]
    fn does_not_wait_for_a_plain_process_that_traps_exits() {
        let builder = Builder::new().trap_exit(true).kill_grace(FOREVER);
        let (parent, monitor, children) = parent_of(vec![(builder, Box::new(idle_body))]);
        process::exit(parent, reason());
        assert_eq!(down_reason(monitor), reason());
        assert_eq!(exit_and_wait(children[0], ExitReason::Kill), ExitReason::Killed);
    }

    #[test]
    fn that_is_normal_does_not_wait_for_children_that_go_on() {
        let (test, (let_go, busy)) = (process::self_pid(), held());
        let (_, monitor) = process::spawn_monitor(move || {
            Builder::new().link().kill_grace(FOREVER).spawn(told(test, busy)).unwrap();
        })
        .unwrap();
        let Runs(child) = expect();
        assert_eq!(down_reason(monitor), ExitReason::Normal);
        drop(let_go);
        assert_eq!(expect::<Gone>(), Gone(child));
    }

    #[test]
    fn does_not_wait_for_a_child_that_has_unlinked_itself() {
        let (let_go, busy) = held();
        let body = move || {
            process::unlink(process::info(process::self_pid()).unwrap().parent().unwrap());
            process::send(process::whereis("orphans::left").unwrap(), ());
            busy();
        };
        let test = idle_until_told("orphans::left");
        let (parent, monitor, _) =
            parent_of(vec![(Builder::new().kill_grace(FOREVER), Box::new(body))]);
        down_reason(test);
        process::exit(parent, reason());
        assert_eq!(down_reason(monitor), reason());
        drop(let_go);
        _ = expect::<Gone>();
    }

    /// A child that goes on `leaves` its parent at the moment at which that ends.
    fn does_not_wait_for_one_that_is_just_leaving(leave: fn(Pid)) {
        in_process(move || {
            for round in 0..rounds(1_000) {
                let me = process::self_pid();
                let (parent, monitor) = process::spawn_monitor(move || {
                    let parent = process::self_pid();
                    let leaves = move || {
                        process::send(me, Runs(process::self_pid()));
                        process::receive();
                        leave(parent);
                        idle_body();
                    };
                    Builder::new().link().kill_grace(FOREVER).spawn(leaves).unwrap();
                    idle_body();
                })
                .unwrap();
                let Runs(child) = expect();
                process::send(child, ());
                delay_by(round);
                process::exit(parent, reason());
                assert_eq!(down_reason(monitor), reason());
                process::exit(child, ExitReason::Kill);
            }
        });
    }

    #[test]
    fn does_not_wait_for_a_child_that_is_just_removing_the_link() {
        does_not_wait_for_one_that_is_just_leaving(process::unlink);
    }

    #[test]
    fn does_not_wait_for_a_child_that_is_just_beginning_to_trap_exits() {
        does_not_wait_for_one_that_is_just_leaving(|_| _ = process::set_trap_exit(true));
    }

    #[test]
    fn waits_for_a_child_without_grace_that_waits_for_its_own_already() {
        for _ in 0..rounds(200) {
            let ((let_go, busy), test) = (held(), process::self_pid());
            let body = move || {
                let builder = Builder::new().link().kill_grace(FOREVER);
                builder.spawn(told(test, busy)).unwrap();
                idle_body();
            };
            let child: Box<dyn FnOnce() + Send> = Box::new(body);
            let builder = Builder::new().kill_grace(Duration::ZERO);
            let (parent, monitor, children) = parent_of(vec![(builder, child)]);
            let (Runs(grandchild), child) = (expect(), children[0]);
            let child_monitor = process::monitor(child);
            process::exit(child, ExitReason::Shutdown);
            wait_until(|| !process::is_alive(child));
            assert_eq!(expect::<Gone>(), Gone(child));
            process::exit(parent, reason());
            wait_until(|| !process::is_alive(parent));
            drop(let_go);

            let next = || process::receive_timeout(test_timeout()).unwrap();
            assert_eq!(next().downcast::<Gone>().unwrap(), Gone(grandchild));
            let down = next().downcast::<Down>().unwrap();
            assert_eq!((down.monitor, down.reason), (child_monitor, ExitReason::Shutdown));
            let down = next().downcast::<Down>().unwrap();
            assert_eq!((down.monitor, down.reason), (monitor, reason()));
        }
    }

    #[test]
    fn does_not_wait_longer_than_the_grace_of_a_child_that_unwinds_whether_still_linked_or_not() {
        for unlinks in [false, true] {
            let (let_go, held) = mpsc::channel::<()>();
            let (done, is_done) = mpsc::channel::<()>();
            let body = move || {
                let parent = process::info(process::self_pid()).unwrap().parent().unwrap();
                let _done = done;
                let _busy = OnDrop(|| {
                    if unlinks {
                        process::unlink(parent);
                    }
                    _ = held.recv();
                });
                idle_body();
            };
            let child: Box<dyn FnOnce() + Send> = Box::new(body);
            let builder = Builder::new().kill_grace(Duration::from_millis(20));
            let (parent, monitor, children) = parent_of(vec![(builder, child)]);
            process::exit(parent, reason());
            assert_eq!(down_reason(monitor), reason());
            assert!(!process::is_alive(children[0]));
            drop(let_go);
            assert!(is_done.recv().is_err());
        }
    }

    /// A process that ends at the first message, and a monitor of it.
    fn idle_until_told(name: &str) -> MonitorRef {
        Builder::new().name(name).spawn_monitor(|| drop(process::receive())).unwrap().1
    }
}

mod a_link_to_one_that_waits_for_its_children {
    use super::*;

    /// A process that has begun to end for [`reason`], and waits for a busy child.
    struct Waiting {
        pid: Pid,
        monitor: MonitorRef,
        child: Pid,
        let_go: mpsc::Sender<()>,
    }

    /// Starts one, does `before` with its pid before it has to end, and waits until it waits.
    #[track_caller]
    fn waiting(before: impl FnOnce(Pid)) -> Waiting {
        let (let_go, busy) = held();
        let busy: Box<dyn FnOnce() + Send> = Box::new(busy);
        let idle = (Builder::new(), Box::new(idle_body) as Box<dyn FnOnce() + Send>);
        let children = vec![(Builder::new().kill_grace(FOREVER), busy), idle];
        let (pid, monitor, children) = parent_of(children);
        before(pid);
        process::exit(pid, reason());
        // The other child has got its signal.
        assert_eq!(expect::<Gone>(), Gone(children[1]));
        assert!(!process::is_alive(pid));
        Waiting { pid, monitor, child: children[0], let_go }
    }

    impl Waiting {
        /// Lets it end, and returns the exit signals that come then.
        #[track_caller]
        fn end(self) -> Vec<Exit> {
            assert_no_message();
            drop(self.let_go);
            assert_eq!(expect::<Gone>(), Gone(self.child));
            assert_eq!(down_reason(self.monitor), reason());
            let exits = std::iter::from_fn(|| process::receive_timeout(Duration::ZERO));
            exits.map(|message| message.downcast::<Exit>().unwrap()).collect()
        }
    }

    // OTP: erlang:unlink/1
    #[test]
    fn carries_nothing_if_it_is_removed_meanwhile() {
        for traps_exits in [true, false] {
            in_process(move || {
                process::set_trap_exit(traps_exits);
                let parent = waiting(process::link);
                process::unlink(parent.pid);
                assert_eq!(parent.end(), []);
            });
        }
    }

    #[test]
    fn carries_the_end_once_if_it_is_removed_and_made_again_meanwhile() {
        in_process(|| {
            process::set_trap_exit(true);
            let parent = waiting(process::link);
            let exit = Exit { from: parent.pid, reason: reason() };
            process::unlink(parent.pid);
            process::link(parent.pid);
            assert_eq!(parent.end(), [exit]);
        });
    }

    #[test]
    fn carries_the_end_if_it_is_made_meanwhile() {
        in_process(|| {
            process::set_trap_exit(true);
            let parent = waiting(|_| {});
            let exit = Exit { from: parent.pid, reason: reason() };
            process::link(parent.pid);
            assert_eq!(parent.end(), [exit]);
        });
    }

    #[test]
    fn does_not_delay_other_ends_which_do_not_change_it() {
        in_process(|| {
            process::set_trap_exit(true);
            let mut begun_peer = None;
            let parent = waiting(|pid| {
                process::link(pid);
                let links = move || {
                    process::link(pid);
                    idle_body();
                };
                begun_peer = Some(begun(Builder::new(), links));
                wait_until(|| process::info(pid).unwrap().links.len() == 4);
            });
            let (peer, monitor) = begun_peer.unwrap();
            process::exit(peer, ExitReason::Shutdown);
            assert_eq!(down_reason(monitor), ExitReason::Shutdown);
            let exit = Exit { from: parent.pid, reason: reason() };
            assert_eq!(parent.end(), [exit]);
        });
    }
}

/// A child of a supervisor with the name `name` that does not trap exits and is busy until the
/// test lets it go.
fn busy_child(name: &'static str, grace: Duration) -> (ChildSpec<Pid>, mpsc::Sender<()>) {
    let (let_go, held) = mpsc::channel();
    let (test, held) = (process::self_pid(), Arc::new(Mutex::new(Some(held))));
    let spec = ChildSpec::new(name, move || {
        let held = held.lock().take();
        let builder = Builder::new().link().name(name).kill_grace(grace);
        let options = proc_lib::StartOptions::new().spawn_options(builder);
        let start = move |starter: proc_lib::Starter<Pid>| {
            starter.ack(process::self_pid());
            told(test, move || {
                // Only the first of its lives is busy.
                held.map(|held| held.recv());
                idle_body();
            })();
        };
        Ok(proc_lib::start_with(options, start)?)
    });
    (spec, let_go)
}

#[track_caller]
fn only_child(supervisor: &SupervisorRef) -> Pid {
    supervisor.which_children().unwrap()[0].state.pid().unwrap()
}

mod a_tree {
    use super::*;

    // In OTP 25 a busy child is gone at once.
    #[test]
    fn whose_middle_is_killed_comes_back_though_a_child_is_busy_and_has_a_name() {
        let graces = [Duration::from_millis(1), FOREVER];
        for (name, grace) in ["orphans::abandoned", "orphans::late"].into_iter().zip(graces) {
            let (child, let_go) = busy_child(name, grace);
            let middle = Supervisor::one_for_one().child(child);
            let top = Supervisor::one_for_one().child(middle.child_spec("middle"));
            let top = top.start_link().unwrap();
            let Runs(old) = expect();
            let middle = only_child(&top);
            process::exit(middle, ExitReason::Kill);
            if grace == FOREVER {
                wait_until(|| !process::is_alive(middle));
                drop(let_go);
            }

            let Runs(new) = expect();
            assert_ne!(old, new);
            assert_eq!(process::whereis(name), Some(new));
            top.stop().unwrap();
        }
    }

    #[test]
    fn whose_middle_is_killed_comes_back_with_its_names_each_time() {
        const NAME: &str = "orphans::idle";
        for _ in 0..rounds(300) {
            let (child, let_go) = busy_child(NAME, FOREVER);
            let middle = Supervisor::one_for_one().child(child);
            let top = Supervisor::one_for_one().child(middle.child_spec("middle"));
            let top = top.start_link().unwrap();
            _ = expect::<Runs>();
            drop(let_go);
            process::exit(only_child(&top), ExitReason::Kill);
            _ = expect::<Runs>();
            top.stop().unwrap();
        }
    }

    #[test]
    fn that_was_stopped_has_left_nothing_behind() {
        const NAME: &str = "orphans::leaf";
        for shutdown in [Shutdown::BrutalKill, Shutdown::Timeout(Duration::from_millis(1))] {
            let (child, let_go) = busy_child(NAME, Duration::from_millis(1));
            let middle = Supervisor::one_for_one().child(child).child_spec("middle");
            let tree = Supervisor::one_for_one().child(middle.shutdown(shutdown));
            let top = tree.start_link().unwrap();
            let Runs(leaf) = expect();
            top.stop().unwrap();
            assert!(!process::is_alive(leaf));
            assert_eq!(process::whereis(NAME), None);
            drop(let_go);
        }
    }
}

mod an_abandoned_process {
    use super::*;

    /// Lets a process be left behind that had `name`, gives that to an heir which traps exits, and
    /// lets the process do `act` in a destructor. Returns the heir when that is over.
    #[track_caller]
    fn unwinds(name: &'static str, act: impl FnMut() + Send + 'static) -> Pid {
        let (let_go, held) = mpsc::channel::<()>();
        let (done, is_done) = mpsc::channel::<()>();
        let builder = Builder::new().name(name).kill_grace(Duration::from_millis(1));
        let (pid, monitor) = begun(builder, move || {
            let _done = done;
            let _act = OnDrop(act);
            _ = held.recv();
            process::checkpoint();
        });
        process::exit(pid, ExitReason::Kill);
        assert_eq!(down_reason(monitor), ExitReason::Killed);
        let heir = Builder::new().name(name).trap_exit(true).spawn(idle_body).unwrap();
        drop(let_go);
        assert!(is_done.recv().is_err());
        heir
    }

    #[test]
    fn leaves_its_name_to_the_process_that_has_it_now() {
        const NAME: &str = "orphans::heir";
        let test = process::self_pid();
        let heir = unwinds(NAME, move || {
            assert_eq!(process::whereis(NAME), None);
            assert!(process::unregister(NAME).is_err());
            assert!(process::register("orphans::another", test).is_err());
        });
        assert_eq!(process::whereis(NAME), Some(heir));
        assert_eq!(process::whereis("orphans::another"), None);
        process::exit(heir, ExitReason::Kill);
    }

    #[test]
    fn leaves_names_alone_even_before_its_grace_is_over() {
        const NAME: &str = "orphans::graceful";
        const OTHER: &str = "orphans::graceful::other";
        let test = process::self_pid();
        let (let_go, held) = mpsc::channel::<()>();
        let builder = Builder::new().name(NAME).kill_grace(FOREVER);
        let (pid, monitor) = begun(builder, move || {
            let _act = OnDrop(|| {
                _ = held.recv();
                let done = [NAME, OTHER].map(|name| process::unregister(name).is_ok());
                process::send(test, done);
            });
            idle_body();
        });
        let other = Builder::new().name(OTHER).spawn(idle_body).unwrap();
        process::exit(pid, ExitReason::Kill);
        let heir = Builder::new().name(NAME).spawn(idle_body).unwrap();
        drop(let_go);
        assert_eq!(expect::<[bool; 2]>(), [false, true]);
        assert_eq!(down_reason(monitor), ExitReason::Killed);
        assert_eq!(process::whereis(NAME), Some(heir));
        for pid in [heir, other] {
            process::exit(pid, ExitReason::Shutdown);
        }
    }

    #[test]
    fn leaves_names_alone_even_in_the_last_of_its_destructors() {
        const NAME: &str = "orphans::last";
        let (let_go, held) = mpsc::channel::<()>();
        let (done, is_done) = mpsc::channel();
        let unregister = message_on_drop(move || {
            _ = held.recv();
            done.send(process::unregister(NAME).is_ok()).unwrap();
        });
        let (_, monitor) = Builder::new()
            .name(NAME)
            .spawn_monitor(|| _ = timer::send_after(FOREVER, process::self_pid(), unregister))
            .unwrap();
        assert_eq!(down_reason(monitor), ExitReason::Normal);
        let heir = Builder::new().name(NAME).spawn(idle_body).unwrap();
        drop(let_go);
        assert_eq!(is_done.recv(), Ok(false));
        assert_eq!(process::whereis(NAME), Some(heir));
        process::exit(heir, ExitReason::Shutdown);
    }

    #[test]
    fn sends_nothing() {
        const NAME: &str = "orphans::receiver";
        let (value, test) = (Arc::new(()), process::self_pid());
        let sent = Arc::clone(&value);
        let heir = unwinds(NAME, move || {
            let value = || Opaque::new(Arc::clone(&sent));
            process::send(test, value());
            assert_eq!(process::send_to(NAME, 1).unwrap_err().message, 1);
            ServerRef::<ObservedChild>::named(NAME).cast(EndWith(reason()));
            ServerRef::<ObservedChild>::from_pid(test).cast(EndWith(reason()));
            process::exit(test, ExitReason::Shutdown);
            timer::kill_after(Duration::from_millis(1), NAME);
            timer::send_after(Duration::ZERO, test, value());
        });
        assert_eq!(process::info(heir).unwrap().message_queue_len, 0);
        assert_eq!(Arc::strong_count(&value), 1);
        assert_no_message();
        process::exit(heir, ExitReason::Kill);
    }

    #[test]
    fn writes_into_no_table() {
        const NAME: &str = "orphans::table";
        let options = TableOptions::new().name(NAME).public();
        let table = Table::<u8, u8>::new_with(options).unwrap();
        table.insert(1, 1).unwrap();
        let heir = unwinds("orphans::writer", || {
            let table = Table::<u8, u8>::named(NAME);
            assert!(matches!(table.insert(1, 2), Err(TableError::NoSuchTable { .. })));
            assert!(matches!(table.delete(&1), Err(TableError::NoSuchTable { .. })));
        });
        assert_eq!(table.get(&1), Ok(Some(1)));
        process::exit(heir, ExitReason::Kill);
    }
}
