//! Deadlocks of supervisors and their children, and of waits within waits.

use std::sync::{Arc, OnceLock, mpsc};
use std::time::Duration;

use procession::prelude::*;

use crate::deadlock::{SHORT, deadlock, scripted_servers};
use crate::support::calls::CallKind;
use crate::support::drops::{OnDrop, message_on_drop};
use crate::support::processes::{Begun, FOREVER, in_process, reason};
use crate::support::rounds::{delay_by, rounds};
use crate::support::scripted::{
    CallMessage, CallOutcome, Scripted, ScriptedServer, call_message, init_with, pid_of, scripted,
};
use crate::support::wait::{assert_no_message, down_reason, expect, test_timeout, wait_until};

/// What looks like a cycle and is none.
/// A supervisor waits for the ends of its children; what would keep one from ending as it waits for
/// the supervisor is refused.
mod a_supervisor_that_stops_its_children {
    use procession::supervisor::{Restart, Shutdown, Supervisor, SupervisorRef};
    use procession::sys;
    use procession::{dynamic_supervisor::DynamicSupervisor, proc_lib};

    use super::*;

    const STOPS: [Shutdown; 2] = [Shutdown::Infinity, Shutdown::Timeout(FOREVER)];

    /// To the test: how a call of a child's to its supervisor went.
    #[derive(Debug, PartialEq)]
    struct Called(Pid, Result<(), CallErrorKind>);

    /// What comes of a call by `child` that would close `cycle`.
    fn refused(child: Pid, cycle: Vec<Pid>) -> Called {
        Called(child, Err(CallErrorKind::Deadlock(cycle)))
    }

    /// Calls the supervisor of the children, and says how that went.
    fn call_supervisor(name: &'static str, observer: Pid) {
        let outcome = SupervisorRef::named(name).which_children().map(drop).kind();
        process::send(observer, Called(process::self_pid(), outcome));
    }

    /// A child that traps exits and does this when it is stopped.
    fn child(
        id: &str,
        shutdown: Shutdown,
        on_terminate: impl Fn() + Clone + Send + Sync + 'static,
    ) -> ChildSpec<ServerRef<Scripted>> {
        let start = move || {
            let on_terminate = on_terminate.clone();
            init_with(move || {
                process::set_trap_exit(true);
                let on_terminate: Box<dyn FnOnce(&mut Scripted)> =
                    Box::new(move |_| on_terminate());
                ready(Scripted { on_terminate: Some(on_terminate), ..Scripted::default() })
            })
        };
        Scripted::child_spec_with(start).id(id).shutdown(shutdown)
    }

    fn start(supervisor: Supervisor, name: &'static str) -> SupervisorRef {
        supervisor.start_link_with(StartOptions::new().name(name)).unwrap()
    }

    /// Stops `supervisor`, whose child is to be refused its call: that closes the cycle.
    #[track_caller]
    fn stop_and_expect(supervisor: &SupervisorRef, cycle_of: impl FnOnce(Pid) -> Vec<Pid>) {
        assert_eq!(supervisor.stop_with(ExitReason::Shutdown, test_timeout()), Ok(()));
        let called: Called = expect();
        let child = called.0;
        assert_eq!(called, refused(child, cycle_of(child)));
    }

    /// Does `body` with a supervisor of that name and child, which is stopped then.
    #[track_caller]
    fn with_supervisor(
        name: &'static str,
        child: ChildSpec<ServerRef<Scripted>>,
        body: impl FnOnce(&SupervisorRef) + Send + 'static,
    ) {
        in_process(move || {
            process::set_trap_exit(true);
            let supervisor = start(Supervisor::one_for_one().child(child), name);
            body(&supervisor);
            supervisor.stop_with(ExitReason::Shutdown, test_timeout()).unwrap();
        });
    }

    #[test]
    fn refuses_a_call_of_a_child_in_terminate() {
        in_process(|| {
            process::set_trap_exit(true);
            let (name, me) = ("deadlock::stops::a_child", process::self_pid());
            for shutdown in STOPS {
                let child = child("c", shutdown, move || call_supervisor(name, me));
                let supervisor = start(Supervisor::one_for_one().child(child), name);
                let pid = supervisor.pid();
                stop_and_expect(&supervisor, |child| vec![child, pid]);
            }
        });
    }

    #[test]
    fn refuses_a_call_through_another_server() {
        in_process(|| {
            process::set_trap_exit(true);
            let (name, me) = ("deadlock::stops::through_another", process::self_pid());
            let between = scripted();
            let to_between = between;
            let child = child("c", Shutdown::Infinity, move || {
                let child = process::self_pid();
                let called = to_between.call_with(move |_, _| {
                    let outcome = SupervisorRef::named(name).which_children().map(drop).kind();
                    process::send(me, Called(child, outcome));
                    reply(())
                });
                assert_eq!(called, Ok(()));
            });
            let supervisor = start(Supervisor::one_for_one().child(child), name);
            let pid = supervisor.pid();
            stop_and_expect(&supervisor, |child| vec![pid_of(&between), pid, child]);
        });
    }

    #[test]
    fn refuses_a_call_of_a_grandchild() {
        in_process(|| {
            process::set_trap_exit(true);
            let (name, me) = ("deadlock::stops::a_grandchild", process::self_pid());
            let child = child("c", Shutdown::Infinity, move || call_supervisor(name, me));
            let middle =
                Supervisor::one_for_one().child(child).named_child_spec("deadlock::middle");
            let top = start(Supervisor::one_for_one().child(middle), name);
            let pid = top.pid();
            let middle = process::whereis("deadlock::middle").unwrap();
            stop_and_expect(&top, |child| vec![child, pid, middle]);
        });
    }

    #[test]
    fn refuses_the_call_of_each_of_many_that_are_stopped_at_once() {
        in_process(|| {
            process::set_trap_exit(true);
            const CHILDREN: usize = 20;
            let (name, me) = ("deadlock::stops::many", process::self_pid());
            let options = StartOptions::new().name(name);
            let supervisor = DynamicSupervisor::new().start_link_with(options).unwrap();
            let pid = supervisor.pid();
            for _ in 0..CHILDREN {
                let spec = child("c", Shutdown::Infinity, move || call_supervisor(name, me));
                supervisor.start_child(spec).unwrap();
            }
            assert_eq!(supervisor.stop_with(ExitReason::Shutdown, test_timeout()), Ok(()));
            for _ in 0..CHILDREN {
                let called: Called = expect();
                let child = called.0;
                assert_eq!(called, refused(child, vec![child, pid]));
            }
        });
    }

    /// Has `supervisor` stop its child "c" when it has so many requests of those that this ends, by
    /// `call`.
    fn stop_while_called(supervisor: &SupervisorRef, requests: usize, call: impl FnOnce()) {
        let pid = supervisor.pid();
        let waits = |number| move || process::info(pid).unwrap().message_queue_len == number;
        let me = process::self_pid();
        // It is held by the start of another child.
        let (let_go, held) = mpsc::channel::<()>();
        let held = parking_lot::Mutex::new(held);
        let start = move || {
            process::send(me, Begun);
            _ = held.lock().recv();
            Err::<Pid, _>(StartError::Ignored)
        };
        let to = *supervisor;
        let held_spec = ChildSpec::new("held", start).restart(Restart::Temporary);
        process::spawn(move || _ = to.start_child(held_spec)).unwrap();
        expect::<Begun>();

        let to = *supervisor;
        let terminate = move || process::send(me, CallOutcome(Ok(to.terminate_child("c").is_ok())));
        process::spawn(terminate).unwrap();
        wait_until(waits(1));
        call();
        wait_until(waits(1 + requests));
        drop(let_go);
    }

    #[test]
    fn refuses_a_call_that_was_there_before() {
        let name = "deadlock::stops::called_before";
        with_supervisor(name, child("c", Shutdown::Infinity, || {}), move |supervisor| {
            let (pid, me) = (supervisor.pid(), process::self_pid());
            // By its reply slot, and by the mailbox.
            let calls: [fn(&'static str, Pid); 2] = [call_supervisor, |name, observer| {
                let outcome = sys::of(name).get_status().map(drop);
                process::send(observer, Called(process::self_pid(), outcome.kind()));
            }];
            for call in calls {
                let child = child_of(supervisor);
                stop_while_called(supervisor, 1, || call_from(child, move || call(name, me)));
                assert_eq!(expect::<Called>(), refused(child, vec![child, pid]));
                assert_eq!(expect::<CallOutcome<bool>>(), CallOutcome(Ok(true)));
                supervisor.restart_child("c").unwrap();
            }
        });
    }

    /// Of the children that keep one from ending, all but one wait in a stop of the supervisor,
    /// which cannot be refused.
    #[test]
    fn refuses_a_call_beside_stops_that_it_cannot_refuse() {
        for place in [0, 2] {
            in_process(move || refuses_beside_stops(place));
        }
    }

    /// The call is by the child whose pid comes in this place.
    fn refuses_beside_stops(place: usize) {
        process::set_trap_exit(true);
        let (name, me) = ("deadlock::stops::beside_stops", process::self_pid());
        let crowd = DynamicSupervisor::new().named_child_spec("deadlock::crowd").id("c");
        let supervisor = start(Supervisor::one_for_one().child(crowd), name);
        let crowd = SupervisorRef::named("deadlock::crowd");
        let crowd_pid = crowd.whereis().unwrap();

        let client = Arc::new(OnceLock::new());
        let mut children: Vec<Pid> = Vec::from_iter((0..3).map(|_| {
            let client = Arc::clone(&client);
            let spec = child("c", Shutdown::Infinity, move || {
                if client.get() == Some(&process::self_pid()) {
                    call_supervisor(name, me);
                } else {
                    _ = SupervisorRef::named(name).stop();
                }
            });
            pid_of(&crowd.start_child(spec).unwrap())
        }));
        children.sort();
        let client = *client.get_or_init(|| children.remove(place));

        let pid = supervisor.pid();
        stop_while_called(&supervisor, 3, || {
            process::spawn(move || _ = crowd.stop()).unwrap();
        });
        assert_eq!(expect::<Called>(), refused(client, vec![client, pid, crowd_pid]));
        let monitor = process::monitor(pid);
        children.into_iter().for_each(|child| process::exit(child, ExitReason::Kill));
        assert_eq!(expect::<CallOutcome<bool>>(), CallOutcome(Ok(true)));
        assert_eq!(down_reason(monitor), ExitReason::Normal);
    }

    fn child_of(supervisor: &SupervisorRef) -> Pid {
        let children = supervisor.which_children().unwrap();
        children.iter().find(|child| child.id == "c").unwrap().state.pid().unwrap()
    }

    /// Has a child do `call`, without waiting for that.
    fn call_from(child: Pid, call: impl FnOnce() + Send + 'static) {
        ServerRef::<Scripted>::from_pid(child).cast_with(move |_| {
            call();
            noreply()
        });
    }

    #[test]
    fn ends_a_child_that_does_not_trap_exits_in_its_call() {
        let name = "deadlock::stops::no_trap";
        let child = Scripted::child_spec_with(|| init_with(|| ready(Scripted::default())));
        let child = child.id("c").shutdown(Shutdown::Infinity);
        with_supervisor(name, child, move |supervisor| {
            let (child, me) = (child_of(supervisor), process::self_pid());
            let monitor = process::monitor(child);
            let call = move || call_supervisor(name, me);
            stop_while_called(supervisor, 1, || call_from(child, call));
            assert_eq!(down_reason(monitor), ExitReason::Shutdown);
            assert_eq!(expect::<CallOutcome<bool>>(), CallOutcome(Ok(true)));
            assert_no_message();
        });
    }

    /// A child calls its supervisor at the same moment as that begins to stop it.
    #[test]
    fn at_the_moment_of_a_call_leaves_no_process_waiting() {
        let name = "deadlock::stops::same_moment";
        with_supervisor(name, child("c", Shutdown::Infinity, || {}), move |supervisor| {
            let (pid, me) = (supervisor.pid(), process::self_pid());
            let (mut answered, mut turned_away) = (0, 0);
            for round in 0..rounds(2_000) {
                let child = child_of(supervisor);
                call_from(child, move || {
                    delay_by(round);
                    call_supervisor(name, me);
                });
                supervisor.terminate_child("c").unwrap();
                // It was stopped before it came to that, or has heard of it.
                let called = receive! {
                    called: Called => Some(called),
                    after Duration::ZERO => None,
                };
                match called {
                    None => {}
                    Some(Called(_, Ok(()))) => answered += 1,
                    Some(called) => {
                        assert_eq!(called, refused(child, vec![child, pid]));
                        turned_away += 1;
                    }
                }
                supervisor.restart_child("c").unwrap();
            }
            assert!(turned_away > 0, "{answered} answered");
        });
    }

    #[test]
    fn whose_start_fails_refuses_calls_of_the_children_it_ends() {
        // The starter waits until the process is gone that has given up.
        let me = process::self_pid();
        let starter = process::spawn(move || {
            let starter = ServerRef::<Scripted>::from_pid(process::self_pid());
            let started: Result<(), _> = proc_lib::start(move |start| {
                let _guard = OnDrop(|| process::send(me, starter.call_with(|_, _| reply(()))));
                start.fail((), ExitReason::Shutdown);
            });
            process::send(me, started.is_ok());
        })
        .unwrap();
        let outcome = expect::<Result<(), CallError>>();
        let Err(CallErrorKind::Deadlock(cycle)) = outcome.kind() else { panic!("no cycle") };
        assert_eq!(cycle[1..], [starter]);
        assert!(expect::<bool>());
    }
}

/// A process that waits is made to wait for another one, by a destructor that runs meanwhile.
mod a_wait_within_a_wait {
    use super::*;

    /// Lets `a` call `b`, which sends it what is dropped when it is sorted: then it does `within`.
    /// After that `b` does `then`. Returns what either has returned.
    #[track_caller]
    fn nested<I: Send + 'static, O: Send + 'static>(
        a: &ServerRef<Scripted>,
        b: &ServerRef<Scripted>,
        within: impl FnOnce() -> I + Send + 'static,
        then: impl FnOnce() -> O + Send + 'static,
    ) -> (I, O) {
        let to_b = *b;
        let outcome = a.call_with(move |_, _| {
            let (alias, dropped, inner) = when_sorted(within);
            reply(to_b.call_with(move |_, _| {
                process::send(alias, dropped);
                let inner = inner.recv_timeout(test_timeout()).unwrap();
                reply((inner, then()))
            }))
        });
        outcome.unwrap().unwrap()
    }

    /// What makes the caller do `within` if it is sent to the alias, and where the result comes.
    fn when_sorted<I: Send + 'static>(
        within: impl FnOnce() -> I + Send + 'static,
    ) -> (Alias, impl Send + std::fmt::Debug + 'static, mpsc::Receiver<I>) {
        let (done, results) = mpsc::channel();
        let mut within = Some(within);
        let dropped = message_on_drop(move || {
            let within = within.take().expect("it is dropped once");
            done.send(within()).unwrap();
        });
        let alias = process::alias();
        assert!(process::unalias(alias));
        (alias, dropped, results)
    }

    #[test]
    fn gets_its_own_reply_and_so_does_the_outer_one() {
        let [a, b, x] = scripted_servers();
        for round in 0..rounds(500) {
            let to_x = x;
            let inner = move || to_x.call_with(move |_, _| reply(("inner", round)));
            let replies = nested(&a, &b, inner, move || ("outer", round));
            assert_eq!(replies, (Ok(("inner", round)), ("outer", round)));
        }
    }

    #[test]
    fn leaves_alone_the_outer_reply_that_comes_meanwhile() {
        let [a, b, x] = scripted_servers();
        for round in 0..rounds(500) {
            let (to_b, to_b_too, to_x) = (b, b, x);
            let replies = a.call_with(move |_, _| {
                // When it answers `x`, `b` has answered `a`.
                let inner = move || {
                    to_x.call_with(move |_, _| {
                        to_b_too.assert_answers();
                        reply(("inner", round))
                    })
                };
                let (alias, dropped, inner) = when_sorted(inner);
                let outer = to_b.call_with(move |_, _| {
                    process::send(alias, dropped);
                    reply(("outer", round))
                });
                reply((inner.recv_timeout(test_timeout()).unwrap(), outer))
            });
            assert_eq!(replies, Ok((Ok(("inner", round)), Ok(("outer", round)))));
        }
    }

    #[test]
    fn can_time_out_and_its_late_reply_is_lost() {
        in_process(|| {
            let [a, b, x] = scripted_servers();
            let me = process::self_pid();
            let silent = move |_: &mut Scripted, caller: &Caller<&'static str>| {
                process::send(me, caller.defer());
                noreply()
            };
            let to_x = x;
            let inner = move || to_x.call_timeout(call_message(silent), SHORT).kind();
            assert_eq!(nested(&a, &b, inner, || "outer"), (Err(CallErrorKind::Timeout), "outer"));
            expect::<ReplyTo<&str>>().reply("late");
            a.assert_answers();
            assert_no_message();
            let info = process::info(pid_of(&a)).unwrap();
            assert!(info.monitors.is_empty(), "{info:?}");
        });
    }

    /// Calls that fail, and how.
    fn failing() -> Vec<(ServerRef<Scripted>, CallMessage<()>, CallErrorKind)> {
        let [gone, exits, killed, silent] = scripted_servers();
        gone.stop().unwrap();
        let dies = |_: &mut Scripted, _: &Caller<()>| {
            process::exit(process::self_pid(), ExitReason::Kill);
            unreachable!("it is killed")
        };
        vec![
            (gone, call_message(|_, _| reply(())), CallErrorKind::NoProc),
            (exits, call_message(|_, _| stop(reason())), CallErrorKind::Down(reason())),
            (killed, call_message(dies), CallErrorKind::Down(ExitReason::Killed)),
            (silent, call_message(|_, _| noreply()), CallErrorKind::NoReply),
        ]
    }

    #[test]
    fn gets_the_error_of_its_own_call() {
        for (x, question, error) in failing() {
            let [a, b] = scripted_servers();
            let inner = move || x.call_timeout(question, test_timeout()).kind();
            assert_eq!(nested(&a, &b, inner, || "outer"), (Err(error), "outer"));
        }
    }

    #[test]
    fn does_not_hide_the_outer_cycle() {
        let [a, b, c, x] = scripted_servers();
        let inner = || {
            let to_x = x;
            move || to_x.call_with(|_, _| reply("inner"))
        };
        let to_a = a;
        let outcomes = nested(&a, &b, inner(), move || to_a.call_with(|_, _| reply(())).kind());
        assert_eq!(outcomes, (Ok("inner"), deadlock(&[&b, &a])));

        let (to_a, to_c) = (a, c);
        let call_back =
            move || to_c.call_with(move |_, _| reply(to_a.call_with(|_, _| reply(())).kind()));
        let outcomes = nested(&a, &b, inner(), call_back);
        assert_eq!(outcomes, (Ok("inner"), Ok(deadlock(&[&c, &a, &b]))));

        for (x, question, error) in failing() {
            let inner = move || x.call_timeout(question, test_timeout()).kind();
            let to_a = a;
            let outcomes = nested(&a, &b, inner, move || to_a.call_with(|_, _| reply(())).kind());
            assert_eq!(outcomes, (Err(error), deadlock(&[&b, &a])));
        }
        a.assert_answers();
    }

    #[test]
    fn can_be_a_start_or_a_stop_which_does_not_hide_the_outer_cycle_either() {
        let [a, b] = scripted_servers();
        let inner = || {
            let server = Scripted::start(init_with(|| ready(Scripted::default()))).unwrap();
            (server.call_with(|_, _| reply("inner")), server.stop())
        };
        let to_a = a;
        let outcomes = nested(&a, &b, inner, move || to_a.call_with(|_, _| reply(())).kind());
        assert_eq!(outcomes, ((Ok("inner"), Ok(())), deadlock(&[&b, &a])));
    }

    #[test]
    fn is_refused_for_a_cycle_if_the_outer_one_may_be_answered_by_anybody() {
        let [a, b, x] = scripted_servers();
        let (to_a, to_b, to_x) = (a, b, x);
        let (watched, me) = (pid_of(&a), process::self_pid());
        a.cast_with(move |_| {
            let inner = { move || to_x.call_with(|_, _| reply(())) };
            let (alias, dropped, inner) = when_sorted(inner);
            let outer = to_b.call_with(move |_, caller| {
                let reply_to = caller.defer();
                to_x.cast_with(move |_| {
                    process::send(me, CallOutcome(to_a.call_with(|_, _| reply("by a"))));
                    noreply()
                });
                wait_until(|| process::info(watched).unwrap().message_queue_len == 1);
                process::send(alias, dropped);
                reply_to.reply(inner.recv_timeout(test_timeout()).unwrap());
                noreply()
            });
            process::send(me, outer);
            noreply()
        });
        let inner = expect::<Result<Result<(), CallError>, CallError>>();
        assert_eq!(inner.unwrap().kind(), deadlock(&[&a, &x]));
        assert_eq!(expect::<CallOutcome<&str>>(), CallOutcome(Ok("by a")));
    }
}
