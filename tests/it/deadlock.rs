//! Calls, starts and stops that would wait for ever, and those that would not.

#![allow(clippy::disallowed_methods, reason = "looks at threads of the program's own")]

use std::sync::{Arc, OnceLock, mpsc};
use std::thread;
use std::time::Duration;

use procession::prelude::*;

use crate::puppet::*;
use crate::staging::*;
use crate::support::*;

const SHORT: Duration = Duration::from_millis(5);

/// So many puppets.
fn puppets<const N: usize>() -> [ServerRef<Puppet>; N] {
    std::array::from_fn(|_| puppet())
}

/// The pids of `servers`, as a cycle is told.
fn cycle(servers: &[&ServerRef<Puppet>]) -> Vec<Pid> {
    servers.iter().map(|server| pid_of(server)).collect()
}

fn deadlock<R>(servers: &[&ServerRef<Puppet>]) -> Result<R, CallError> {
    Err(CallError::Deadlock(cycle(servers)))
}

mod a_call {
    use super::*;

    #[test]
    fn of_oneself_fails() {
        let [a] = puppets();
        let itself = a.clone();
        let outcome = a.ask(move |_, _| reply(itself.ask(|_, _| reply(()))));
        assert_eq!(outcome, Ok(Err(CallError::CallingSelf(pid_of(&a)))));
        a.answers();
    }

    #[test]
    fn of_oneself_by_name_fails() {
        let name = "deadlock::a_call::by_name";
        let server = Puppet::start_with(plain(), StartOptions::new().name(name)).unwrap();
        let outcome =
            server.ask(move |_, _| reply(ServerRef::<Puppet>::named(name).ask(|_, _| reply(()))));
        assert_eq!(outcome, Ok(Err(CallError::CallingSelf(pid_of(&server)))));
    }

    #[test]
    fn of_a_caller_fails_and_both_go_on() {
        let [a, b] = puppets();
        let (to_a, to_b) = (a.clone(), b.clone());
        let outcome =
            a.ask(move |_, _| reply(to_b.ask(move |_, _| reply(to_a.ask(|_, _| reply(()))))));
        assert_eq!(outcome, Ok(Ok(deadlock(&[&b, &a]))));
        a.answers();
        b.answers();
    }

    #[test]
    fn of_a_callers_caller_fails() {
        let [a, b, c] = puppets();
        let (to_a, to_b, to_c) = (a.clone(), b.clone(), c.clone());
        let outcome =
            a.ask(move |_, _| {
                reply(to_b.ask(move |_, _| {
                    reply(to_c.ask(move |_, _| reply(to_a.ask(|_, _| reply(())))))
                }))
            });
        assert_eq!(outcome, Ok(Ok(Ok(deadlock(&[&c, &a, &b])))));
    }

    #[test]
    fn into_a_cycle_names_only_those_who_are_in_it() {
        let [a, b, c] = puppets();
        let (to_b, to_b_again, to_c) = (b.clone(), b.clone(), c.clone());
        let outcome = a.ask(move |_, _| {
            reply(to_b.ask(move |_, _| {
                reply(to_c.ask(move |_, _| reply(to_b_again.ask(|_, _| reply(())))))
            }))
        });
        assert_eq!(outcome, Ok(Ok(Ok(deadlock(&[&c, &b])))));
    }

    #[test]
    fn of_a_caller_fails_though_it_has_a_timeout() {
        let [a, b] = puppets();
        let (to_a, to_b) = (a.clone(), b.clone());
        let outcome = a.ask(move |_, _| {
            reply(to_b.ask(move |_, _| reply(to_a.call_timeout(ask(|_, _| reply(())), SHORT))))
        });
        assert_eq!(outcome, Ok(Ok(deadlock(&[&b, &a]))));
    }

    #[test]
    fn of_a_caller_that_is_no_server_fails() {
        let [a] = puppets();
        thread::scope(|scope| {
            let caller = scope.spawn(|| {
                let me = ServerRef::<Puppet>::from_pid(process::self_pid());
                let outcome = a.ask(move |_, _| reply(me.ask(|_, _| reply(()))));
                (process::self_pid(), outcome)
            });
            let (caller, outcome) = caller.join().unwrap();
            assert_eq!(outcome, Ok(Err(CallError::Deadlock(vec![pid_of(&a), caller]))));
        });
    }

    #[test]
    fn is_tried_again_with_success_when_the_other_is_free() {
        let [a, b] = puppets();
        let (to_a, to_b, me) = (a.clone(), b.clone(), process::self_pid());
        let outcome = a.ask(move |_, _| {
            reply(to_b.ask(move |_, _| {
                let first = to_a.ask(|_, _| reply(()));
                reply(first).then(go_on(move |_| {
                    process::send(me, to_a.ask(|_, _| reply("the second time")));
                    noreply()
                }))
            }))
        });
        assert_eq!(outcome, Ok(Ok(deadlock(&[&b, &a]))));
        assert_eq!(expect::<Result<&str, CallError>>(), Ok("the second time"));
    }

    /// Each of two servers calls the other at the same moment.
    #[test]
    fn that_closes_a_cycle_at_the_same_moment_as_another_is_not_missed() {
        in_process(|| {
            let me = process::self_pid();
            let pair: [_; 2] = puppets();
            for _ in 0..rounds(2_000) {
                for (own, other) in [(0, 1), (1, 0)] {
                    let other = pair[other].clone();
                    pair[own].tell(move |_| {
                        process::send(me, (own, other.ask(|_, _| reply(()))));
                        noreply()
                    });
                }
                for _ in 0..2 {
                    let (own, outcome) = expect::<(usize, Result<(), CallError>)>();
                    let refused = deadlock(&[&pair[own], &pair[1 - own]]);
                    assert!(outcome == Ok(()) || outcome == refused, "{outcome:?}");
                }
            }
            pair.iter().for_each(Strings::answers);
        });
    }
}

mod a_start {
    use super::*;

    #[test]
    fn whose_init_calls_the_starter_lets_it_know() {
        let [a] = puppets();
        let (to_a, me) = (a.clone(), process::self_pid());
        let outcome = a.ask(move |_, _| {
            let init = script(move || {
                process::send(me, (process::self_pid(), to_a.ask(|_, _| reply(()))));
                ready(Puppet::default())
            });
            reply(pid_of(&Puppet::start(init).unwrap()))
        });
        let (child, error) = expect::<(Pid, Result<(), CallError>)>();
        assert_eq!(outcome, Ok(child));
        assert_eq!(error, Err(CallError::Deadlock(vec![child, pid_of(&a)])));
        a.answers();
    }

    #[test]
    fn whose_init_calls_the_starter_in_a_thread_of_the_programs_own_lets_it_know() {
        let starter = process::self_pid();
        let init = script(move || {
            let outcome = ServerRef::<Puppet>::from_pid(starter).ask(|_, _| reply(()));
            process::send(starter, outcome);
            ready(Puppet::default())
        });
        let server = Puppet::start(init).unwrap();
        let outcome = expect::<Result<(), CallError>>();
        assert_eq!(outcome, Err(CallError::Deadlock(vec![pid_of(&server), starter])));
    }

    #[test]
    fn fails_with_the_cycle_if_init_passes_it_on() {
        let [a] = puppets();
        let to_a = a.clone();
        let reason = a.ask(move |_, _| {
            let init = script(move || {
                to_a.ask(|_, _| reply(()))?;
                unreachable!("there was no error")
            });
            match Puppet::start(init) {
                Err(StartError::Failed(reason)) => reply(reason),
                other => panic!("{other:?}"),
            }
        });
        let reason = reason.unwrap();
        let error: &CallError = reason.downcast_ref().unwrap();
        assert!(matches!(error, CallError::Deadlock(pids) if pids[1..] == [pid_of(&a)]));
    }

    #[test]
    fn whose_init_calls_one_that_calls_the_starter_is_seen_by_that_one() {
        let [a, c] = puppets();
        let (to_a, to_c) = (a.clone(), c.clone());
        let me = process::self_pid();
        let child = a.ask(move |_, _| {
            let init = script(move || {
                let outcome = to_c.ask(move |_, _| reply(to_a.ask(|_, _| reply(()))));
                process::send(me, outcome.unwrap());
                ready(Puppet::default())
            });
            reply(Puppet::start(init).unwrap())
        });
        let outcome = expect::<Result<(), CallError>>();
        assert_eq!(outcome, deadlock(&[&c, &a, &child.unwrap()]));
    }

    #[test]
    fn in_a_start_is_seen_through() {
        let [a] = puppets();
        let (to_a, me) = (a.clone(), process::self_pid());
        let children = a.ask(move |_, _| {
            let inner = script(move || {
                process::send(me, to_a.ask(|_, _| reply(())));
                ready(Puppet::default())
            });
            let outer = script(move || {
                process::send(me, Puppet::start(inner).unwrap());
                ready(Puppet::default())
            });
            reply(Puppet::start(outer).unwrap())
        });
        let outer = children.unwrap();
        let outcome = expect::<Result<(), CallError>>();
        let inner = expect::<ServerRef<Puppet>>();
        assert_eq!(outcome, deadlock(&[&inner, &a, &outer]));
    }

    #[test]
    fn whose_init_stops_the_starter_lets_it_know() {
        let [a] = puppets();
        let (to_a, me) = (a.clone(), process::self_pid());
        let child = a.ask(move |_, _| {
            let init = script(move || {
                process::send(me, to_a.stop());
                ready(Puppet::default())
            });
            reply(Puppet::start(init).unwrap())
        });
        let error = StopError::Deadlock(cycle(&[&child.unwrap(), &a]));
        assert_eq!(expect::<Result<(), StopError>>(), Err(error));
        a.answers();
    }

    #[test]
    fn that_is_acknowledged_is_no_wait_any_more() {
        let [a] = puppets();
        let (to_a, me) = (a.clone(), process::self_pid());
        for _ in 0..rounds(200) {
            let to_a = to_a.clone();
            let started = a.ask(move |_, _| {
                let init = script(move || {
                    ready(Puppet::default()).then(go_on(move |_| {
                        process::send(me, to_a.ask(|_, _| reply(())));
                        noreply()
                    }))
                });
                reply(Puppet::start(init).map_err(|_| "not started"))
            });
            started.unwrap().unwrap();
            assert_eq!(expect::<Result<(), CallError>>(), Ok(()));
        }
    }
}

mod a_stop {
    use super::*;

    #[test]
    fn whose_terminate_calls_the_stopper_lets_it_know() {
        let [a, b] = puppets();
        let (to_a, to_b, me) = (a.clone(), b.clone(), process::self_pid());
        b.tell(move |it| {
            it.on_terminate =
                Some(Box::new(move |_| process::send(me, to_a.ask(|_, _| reply(())))));
            noreply()
        });
        assert_eq!(a.ask(move |_, _| reply(to_b.stop())), Ok(Ok(())));
        assert_eq!(expect::<Result<(), CallError>>(), deadlock(&[&b, &a]));
        a.answers();
    }

    #[test]
    fn whose_terminate_stops_the_stopper_lets_it_know() {
        let [a, b] = puppets();
        let (to_a, to_b, me) = (a.clone(), b.clone(), process::self_pid());
        b.tell(move |it| {
            it.on_terminate = Some(Box::new(move |_| process::send(me, to_a.stop())));
            noreply()
        });
        assert_eq!(a.ask(move |_, _| reply(to_b.stop())), Ok(Ok(())));
        let error = StopError::Deadlock(cycle(&[&b, &a]));
        assert_eq!(expect::<Result<(), StopError>>(), Err(error));
        a.answers();
    }

    #[test]
    fn whose_terminate_calls_one_that_calls_the_stopper_is_seen_by_that_one() {
        let [a, b, c] = puppets();
        let (to_a, to_b, to_c, me) = (a.clone(), b.clone(), c.clone(), process::self_pid());
        b.tell(move |it| {
            it.on_terminate = Some(Box::new(move |_| {
                let outcome = to_c.ask(move |_, _| reply(to_a.ask(|_, _| reply(()))));
                process::send(me, outcome.unwrap());
            }));
            noreply()
        });
        assert_eq!(a.ask(move |_, _| reply(to_b.stop())), Ok(Ok(())));
        assert_eq!(expect::<Result<(), CallError>>(), deadlock(&[&c, &a, &b]));
    }

    /// Lets `b` call `a`, and `a` do `then` while `b` waits.
    fn while_it_waits<R: Send + 'static>(
        a: &ServerRef<Puppet>,
        b: &ServerRef<Puppet>,
        then: impl FnOnce() -> R + Send + 'static,
    ) -> R {
        let to_a = a.clone();
        let outcome = b.ask(move |_, _| reply(to_a.ask(|_, _| reply(then()))));
        outcome.unwrap().unwrap()
    }

    #[test]
    fn of_a_caller_fails_and_both_go_on() {
        let [a, b] = puppets();
        let to_b = b.clone();
        let outcome = while_it_waits(&a, &b, move || to_b.stop());
        assert_eq!(outcome, Err(StopError::Deadlock(cycle(&[&a, &b]))));
        a.answers();
        b.answers();
    }

    #[test]
    fn by_an_owner_whom_the_server_waits_for_comes_when_it_waits_no_more() {
        let [a, b] = puppets();
        let (owned, monitor) = (b.clone(), process::monitor(pid_of(&b)));
        let to_a = a.clone();
        b.tell(move |_| {
            let outcome = to_a.ask(move |_, _| {
                drop(owned.owned());
                reply(())
            });
            assert_eq!(outcome, Ok(()));
            noreply()
        });
        assert_eq!(down_reason(monitor), ExitReason::Normal);
        a.answers();
    }
}

/// A supervisor waits for the ends of its children; what would keep one from ending as it waits for
/// the supervisor is refused.
mod a_supervisor_that_stops_its_children {
    use procession::supervisor::{Restart, Shutdown, Supervisor, SupervisorError, SupervisorRef};
    use procession::sys;
    use procession::{dynamic_supervisor::DynamicSupervisor, proc_lib};

    use super::*;

    const STOPS: [Shutdown; 2] = [Shutdown::Infinity, Shutdown::Timeout(FOREVER)];

    /// To the test: how a call of a child's to its supervisor went.
    #[derive(Debug, PartialEq)]
    struct Called(Pid, Result<(), SupervisorError>);

    /// What comes of a call by `child` that would close `cycle`.
    fn refused(child: Pid, cycle: Vec<Pid>) -> Called {
        Called(child, Err(SupervisorError::Call(CallError::Deadlock(cycle))))
    }

    /// Calls the supervisor of the children, and says how that went.
    fn call_supervisor(name: &'static str, witness: Pid) {
        let outcome = SupervisorRef::named(name).which_children().map(drop);
        process::send(witness, Called(process::self_pid(), outcome));
    }

    /// A child that traps exits and does this when it is stopped.
    fn child(
        id: &str,
        shutdown: Shutdown,
        on_terminate: impl Fn() + Clone + Send + Sync + 'static,
    ) -> ChildSpec<ServerRef<Puppet>> {
        let start = move || {
            let on_terminate = on_terminate.clone();
            script(move || {
                process::set_trap_exit(true);
                let on_terminate: Box<dyn FnOnce(&mut Puppet)> = Box::new(move |_| on_terminate());
                ready(Puppet { on_terminate: Some(on_terminate), ..Puppet::default() })
            })
        };
        Puppet::child_spec_with(start).id(id).shutdown(shutdown)
    }

    fn start(supervisor: Supervisor, name: &'static str) -> SupervisorRef {
        supervisor.start_link_with(StartOptions::new().name(name)).unwrap()
    }

    /// Stops `supervisor`, whose child is to be refused its call: that closes the cycle.
    #[track_caller]
    fn stop_and_expect(supervisor: &SupervisorRef, cycle_of: impl FnOnce(Pid) -> Vec<Pid>) {
        assert_eq!(supervisor.stop_with(ExitReason::Shutdown, patience()), Ok(()));
        let called: Called = expect();
        let child = called.0;
        assert_eq!(called, refused(child, cycle_of(child)));
    }

    /// Does `body` with a supervisor of that name and child, which is stopped then.
    #[track_caller]
    fn with_supervisor(
        name: &'static str,
        child: ChildSpec<ServerRef<Puppet>>,
        body: impl FnOnce(&SupervisorRef) + Send + 'static,
    ) {
        in_process(move || {
            process::set_trap_exit(true);
            let supervisor = start(Supervisor::one_for_one().child(child), name);
            body(&supervisor);
            supervisor.stop_with(ExitReason::Shutdown, patience()).unwrap();
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
                let pid = supervisor.pid().unwrap();
                stop_and_expect(&supervisor, |child| vec![child, pid]);
            }
        });
    }

    #[test]
    fn refuses_a_call_through_another_server() {
        in_process(|| {
            process::set_trap_exit(true);
            let (name, me) = ("deadlock::stops::through_another", process::self_pid());
            let between = puppet();
            let to_between = between.clone();
            let child = child("c", Shutdown::Infinity, move || {
                let child = process::self_pid();
                let called = to_between.ask(move |_, _| {
                    let outcome = SupervisorRef::named(name).which_children().map(drop);
                    process::send(me, Called(child, outcome));
                    reply(())
                });
                assert_eq!(called, Ok(()));
            });
            let supervisor = start(Supervisor::one_for_one().child(child), name);
            let pid = supervisor.pid().unwrap();
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
            let pid = top.pid().unwrap();
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
            let pid = supervisor.pid().unwrap();
            for _ in 0..CHILDREN {
                let spec = child("c", Shutdown::Infinity, move || call_supervisor(name, me));
                supervisor.start_child(spec).unwrap();
            }
            assert_eq!(supervisor.stop_with(ExitReason::Shutdown, patience()), Ok(()));
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
        let pid = supervisor.pid().unwrap();
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
        let to = supervisor.clone();
        let held_spec = ChildSpec::new("held", start).restart(Restart::Temporary);
        process::spawn(move || _ = to.start_child(held_spec)).unwrap();
        expect::<Begun>();

        let to = supervisor.clone();
        let terminate = move || process::send(me, Outcome(Ok(to.terminate_child("c").is_ok())));
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
            let (pid, me) = (supervisor.pid().unwrap(), process::self_pid());
            // By its reply slot, and by the mailbox.
            let calls: [fn(&'static str, Pid); 2] = [call_supervisor, |name, witness| {
                let outcome = sys::of(name).get_status().map(drop);
                let outcome = outcome.map_err(|error| {
                    let sys::SysError::Call(error) = error else { panic!("{error}") };
                    SupervisorError::Call(error)
                });
                process::send(witness, Called(process::self_pid(), outcome));
            }];
            for call in calls {
                let child = child_of(supervisor);
                stop_while_called(supervisor, 1, || call_from(child, move || call(name, me)));
                assert_eq!(expect::<Called>(), refused(child, vec![child, pid]));
                assert_eq!(expect::<Outcome<bool>>(), Outcome(Ok(true)));
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
        let crowd_pid = crowd.pid().unwrap();

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

        let pid = supervisor.pid().unwrap();
        stop_while_called(&supervisor, 3, || {
            process::spawn(move || _ = crowd.stop()).unwrap();
        });
        assert_eq!(expect::<Called>(), refused(client, vec![client, pid, crowd_pid]));
        let monitor = process::monitor(pid);
        children.into_iter().for_each(|child| process::exit(child, ExitReason::Kill));
        assert_eq!(expect::<Outcome<bool>>(), Outcome(Ok(true)));
        assert_eq!(down_reason(monitor), ExitReason::Normal);
    }

    fn child_of(supervisor: &SupervisorRef) -> Pid {
        let children = supervisor.which_children().unwrap();
        children.iter().find(|child| child.id == "c").unwrap().state.pid().unwrap()
    }

    /// Has a child do `call`, without waiting for that.
    fn call_from(child: Pid, call: impl FnOnce() + Send + 'static) {
        ServerRef::<Puppet>::from_pid(child).tell(move |_| {
            call();
            noreply()
        });
    }

    #[test]
    fn ends_one_that_does_not_trap_exits_in_its_call() {
        let name = "deadlock::stops::no_trap";
        let child = Puppet::child_spec_with(|| script(|| ready(Puppet::default())));
        let child = child.id("c").shutdown(Shutdown::Infinity);
        with_supervisor(name, child, move |supervisor| {
            let (child, me) = (child_of(supervisor), process::self_pid());
            let monitor = process::monitor(child);
            let call = move || call_supervisor(name, me);
            stop_while_called(supervisor, 1, || call_from(child, call));
            assert_eq!(down_reason(monitor), ExitReason::Shutdown);
            assert_eq!(expect::<Outcome<bool>>(), Outcome(Ok(true)));
            assert_no_message();
        });
    }

    /// A child calls its supervisor at the same moment as that begins to stop it.
    #[test]
    fn at_the_moment_of_a_call_leaves_nobody_waiting() {
        let name = "deadlock::stops::same_moment";
        with_supervisor(name, child("c", Shutdown::Infinity, || {}), move |supervisor| {
            let (pid, me) = (supervisor.pid().unwrap(), process::self_pid());
            let (mut answered, mut turned_away) = (0, 0);
            for round in 0..rounds(2_000) {
                let child = child_of(supervisor);
                call_from(child, move || {
                    dither(round);
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
    fn whose_start_fails_refuses_calls_of_what_ends() {
        // The starter waits until the process is gone that has given up.
        let me = process::self_pid();
        let starter = process::spawn(move || {
            let starter = ServerRef::<Puppet>::from_pid(process::self_pid());
            let started: Result<(), _> = proc_lib::start(move |start| {
                let _guard = OnDrop(|| process::send(me, starter.ask(|_, _| reply(()))));
                start.fail((), ExitReason::Shutdown);
            });
            process::send(me, started.is_ok());
        })
        .unwrap();
        let outcome = expect::<Result<(), CallError>>();
        let Err(CallError::Deadlock(cycle)) = outcome else { panic!("{outcome:?}") };
        assert_eq!(cycle[1..], [starter]);
        assert!(expect::<bool>());
    }
}

/// What looks like a cycle and is none.
mod no_deadlock {
    use super::*;

    #[test]
    fn is_a_call_of_one_who_was_answered() {
        let [a, b] = puppets();
        let me = process::self_pid();
        for round in 0..rounds(2_000) {
            let (to_a, to_b) = (a.clone(), b.clone());
            let outcome = b.ask(move |_, _| {
                reply(to_a.ask(move |_, caller| {
                    let call_back = move || process::send(me, to_b.ask(|_, _| reply(())));
                    if round % 2 == 0 {
                        caller.defer().reply(());
                        call_back();
                        noreply()
                    } else {
                        reply(()).then(go_on(move |_| {
                            call_back();
                            noreply()
                        }))
                    }
                }))
            });
            assert_eq!(outcome, Ok(Ok(())));
            assert_eq!(expect::<Result<(), CallError>>(), Ok(()), "round {round}");
        }
    }

    #[test]
    fn is_a_call_of_one_whose_reply_somebody_else_gives() {
        let [a, b] = puppets();
        let me = process::self_pid();
        let helper = process::spawn(|| {
            loop {
                receive! { reply_to: ReplyTo<()> => reply_to.reply(()) }
            }
        })
        .unwrap();
        for round in 0..rounds(2_000) {
            let (to_a, to_b) = (a.clone(), b.clone());
            let outcome = b.ask(move |_, _| {
                reply(to_a.ask::<()>(move |_, caller| {
                    process::send(helper, caller.defer());
                    process::send(me, to_b.ask(|_, _| reply(())));
                    noreply()
                }))
            });
            assert_eq!(outcome, Ok(Ok(())));
            assert_eq!(expect::<Result<(), CallError>>(), Ok(()), "round {round}");
        }
        process::exit(helper, ExitReason::Kill);
    }

    #[test]
    fn is_a_call_of_one_who_has_given_up() {
        let [a, b] = puppets();
        let me = process::self_pid();
        let (let_go, held) = mpsc::channel::<()>();
        let (to_a, to_b) = (a.clone(), b.clone());
        let outcome = a.ask(move |_, _| {
            let slow = ask(move |_, _| {
                _ = held.recv();
                process::send(me, to_a.ask(|_, _| reply("free again")));
                reply(())
            });
            reply(to_b.call_timeout(slow, SHORT))
        });
        assert_eq!(outcome, Ok(Err(CallError::Timeout)));
        drop(let_go);
        assert_eq!(expect::<Result<&str, CallError>>(), Ok("free again"));
    }

    #[test]
    fn is_a_call_of_one_who_has_been_ended() {
        let [b] = puppets();
        let me = process::self_pid();
        let (let_go, held) = mpsc::channel::<()>();
        let client = client::<()>(&b, move |_, caller| {
            let client = ServerRef::<Puppet>::from_pid(caller.pid());
            process::send(me, Begun);
            _ = held.recv();
            process::send(me, client.ask(|_, _| reply(())));
            reply(())
        });
        expect::<Begun>();
        assert_eq!(exit_and_wait(client, ExitReason::Kill), ExitReason::Killed);
        drop(let_go);
        assert_eq!(expect::<Result<(), CallError>>(), Err(CallError::NoProc));
    }

    /// How a router that is no server takes a request out of its mailbox.
    type Take = fn() -> Message;

    #[test]
    fn is_a_call_of_one_whose_request_was_received_and_sent_on() {
        let ways: [Take; 7] = [
            process::receive,
            || process::receive_timeout(patience()).unwrap(),
            || process::receive_match(|_| true),
            || process::receive_match_timeout(patience(), |_| true).unwrap(),
            || {
                process::receive_match_since(process::mark(), Duration::ZERO, |_| true)
                    .unwrap_or_else(process::receive)
            },
            || receive! { message: Message => message },
            || receive! { message: Message => message, after patience() => panic!("no request") },
        ];
        for (way, take) in ways.into_iter().enumerate() {
            let [client, worker] = puppets();
            let (me, to_client, to_worker) = (process::self_pid(), client.clone(), pid_of(&worker));
            let router = process::spawn(move || {
                process::send(to_worker, take());
                process::send(me, to_client.ask(|_, _| reply("by the client")));
            })
            .unwrap();

            // The client waits until the router's call has come or has failed.
            let let_go = worker.hold(|_| noreply());
            let to_router = ServerRef::<Puppet>::from_pid(router);
            client.tell(move |_| {
                process::send(me, Outcome(to_router.ask(|_, _| reply("by the worker"))));
                noreply()
            });
            wait_until(|| {
                let client = process::info(pid_of(&client)).unwrap();
                client.message_queue_len == 1 || !process::is_alive(router)
            });
            drop(let_go);
            assert_eq!(expect::<Outcome<&str>>(), Outcome(Ok("by the worker")), "way {way}");
            let back = expect::<Result<&str, CallError>>();
            assert_eq!(back, Ok("by the client"), "way {way}");
        }
    }

    #[test]
    fn is_a_request_that_nobody_waits_for() {
        let [a, b] = puppets();
        let (to_a, to_b) = (a.clone(), b.clone());
        let me = process::self_pid();
        a.tell(move |_| {
            drop(to_b.send_request(ask(move |_, _| {
                process::send(me, to_a.ask(|_, _| reply(())));
                reply(())
            })));
            noreply()
        });
        assert_eq!(expect::<Result<(), CallError>>(), Ok(()));
    }
}

/// A process that waits is made to wait for another one, by a destructor that runs meanwhile.
mod a_wait_within_a_wait {
    use super::*;

    fn reason() -> ExitReason {
        ExitReason::new("deadlock::a_wait_within_a_wait")
    }

    /// Lets `a` call `b`, which sends it what is dropped when it is sorted: then it does `within`.
    /// After that `b` does `then`. Returns what either has returned.
    #[track_caller]
    fn nested<I: Send + 'static, O: Send + 'static>(
        a: &ServerRef<Puppet>,
        b: &ServerRef<Puppet>,
        within: impl FnOnce() -> I + Send + 'static,
        then: impl FnOnce() -> O + Send + 'static,
    ) -> (I, O) {
        let to_b = b.clone();
        let outcome = a.ask(move |_, _| {
            let (alias, dropped, inner) = when_sorted(within);
            reply(to_b.ask(move |_, _| {
                process::send(alias, dropped);
                let inner = inner.recv_timeout(patience()).unwrap();
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
        let dropped = guard(move || {
            let within = within.take().expect("it is dropped once");
            done.send(within()).unwrap();
        });
        let alias = process::alias();
        assert!(process::unalias(alias));
        (alias, dropped, results)
    }

    #[test]
    fn gets_its_own_reply_and_so_does_the_outer_one() {
        let [a, b, x] = puppets();
        for round in 0..rounds(500) {
            let to_x = x.clone();
            let inner = move || to_x.ask(move |_, _| reply(("inner", round)));
            let replies = nested(&a, &b, inner, move || ("outer", round));
            assert_eq!(replies, (Ok(("inner", round)), ("outer", round)));
        }
    }

    #[test]
    fn leaves_alone_the_outer_reply_that_comes_meanwhile() {
        let [a, b, x] = puppets();
        for round in 0..rounds(500) {
            let (to_b, to_b_too, to_x) = (b.clone(), b.clone(), x.clone());
            let replies = a.ask(move |_, _| {
                // When it answers `x`, `b` has answered `a`.
                let inner = move || {
                    to_x.ask(move |_, _| {
                        to_b_too.answers();
                        reply(("inner", round))
                    })
                };
                let (alias, dropped, inner) = when_sorted(inner);
                let outer = to_b.ask(move |_, _| {
                    process::send(alias, dropped);
                    reply(("outer", round))
                });
                reply((inner.recv_timeout(patience()).unwrap(), outer))
            });
            assert_eq!(replies, Ok((Ok(("inner", round)), Ok(("outer", round)))));
        }
    }

    #[test]
    fn can_time_out_and_its_late_reply_is_lost() {
        in_process(|| {
            let [a, b, x] = puppets();
            let me = process::self_pid();
            let silent = move |_: &mut Puppet, caller: &Caller<&'static str>| {
                process::send(me, caller.defer());
                noreply()
            };
            let to_x = x.clone();
            let inner = move || to_x.call_timeout(ask(silent), SHORT);
            assert_eq!(nested(&a, &b, inner, || "outer"), (Err(CallError::Timeout), "outer"));
            expect::<ReplyTo<&str>>().reply("late");
            a.answers();
            assert_no_message();
            let info = process::info(pid_of(&a)).unwrap();
            assert!(info.monitors.is_empty(), "{info:?}");
        });
    }

    /// Calls that fail, and how.
    fn failing() -> Vec<(ServerRef<Puppet>, Ask<()>, CallError)> {
        let [gone, exits, killed, silent] = puppets();
        gone.stop().unwrap();
        let dies = |_: &mut Puppet, _: &Caller<()>| {
            process::exit(process::self_pid(), ExitReason::Kill);
            unreachable!("it is killed")
        };
        vec![
            (gone, ask(|_, _| reply(())), CallError::NoProc),
            (exits, ask(|_, _| stop(reason())), CallError::Down(reason())),
            (killed, ask(dies), CallError::Down(ExitReason::Killed)),
            (silent, ask(|_, _| noreply()), CallError::NoReply),
        ]
    }

    #[test]
    fn is_told_why_there_is_no_reply() {
        for (x, question, error) in failing() {
            let [a, b] = puppets();
            let inner = move || x.call_timeout(question, patience());
            assert_eq!(nested(&a, &b, inner, || "outer"), (Err(error), "outer"));
        }
    }

    #[test]
    fn does_not_hide_the_outer_cycle() {
        let [a, b, c, x] = puppets();
        let inner = || {
            let to_x = x.clone();
            move || to_x.ask(|_, _| reply("inner"))
        };
        let to_a = a.clone();
        let outcomes = nested(&a, &b, inner(), move || to_a.ask(|_, _| reply(())));
        assert_eq!(outcomes, (Ok("inner"), deadlock(&[&b, &a])));

        let (to_a, to_c) = (a.clone(), c.clone());
        let call_back = move || to_c.ask(move |_, _| reply(to_a.ask(|_, _| reply(()))));
        let outcomes = nested(&a, &b, inner(), call_back);
        assert_eq!(outcomes, (Ok("inner"), Ok(deadlock(&[&c, &a, &b]))));

        for (x, question, error) in failing() {
            let inner = move || x.call_timeout(question, patience());
            let to_a = a.clone();
            let outcomes = nested(&a, &b, inner, move || to_a.ask(|_, _| reply(())));
            assert_eq!(outcomes, (Err(error), deadlock(&[&b, &a])));
        }
        a.answers();
    }

    #[test]
    fn can_be_a_start_or_a_stop_which_do_not_hide_it_either() {
        let [a, b] = puppets();
        let inner = || {
            let server = Puppet::start(script(|| ready(Puppet::default()))).unwrap();
            (server.ask(|_, _| reply("inner")), server.stop())
        };
        let to_a = a.clone();
        let outcomes = nested(&a, &b, inner, move || to_a.ask(|_, _| reply(())));
        assert_eq!(outcomes, ((Ok("inner"), Ok(())), deadlock(&[&b, &a])));
    }

    #[test]
    fn is_refused_for_a_cycle_if_the_outer_one_may_be_answered_by_anybody() {
        let [a, b, x] = puppets();
        let (to_a, to_b, to_x) = (a.clone(), b.clone(), x.clone());
        let (watched, me) = (pid_of(&a), process::self_pid());
        a.tell(move |_| {
            let inner = {
                let to_x = to_x.clone();
                move || to_x.ask(|_, _| reply(()))
            };
            let (alias, dropped, inner) = when_sorted(inner);
            let outer = to_b.ask(move |_, caller| {
                let reply_to = caller.defer();
                to_x.tell(move |_| {
                    process::send(me, Outcome(to_a.ask(|_, _| reply("by a"))));
                    noreply()
                });
                wait_until(|| process::info(watched).unwrap().message_queue_len == 1);
                process::send(alias, dropped);
                reply_to.reply(inner.recv_timeout(patience()).unwrap());
                noreply()
            });
            process::send(me, outer);
            noreply()
        });
        let inner = expect::<Result<Result<(), CallError>, CallError>>();
        assert_eq!(inner, Ok(deadlock(&[&a, &x])));
        assert_eq!(expect::<Outcome<&str>>(), Outcome(Ok("by a")));
    }
}

/// Random walks through a few servers, each of which calls the next, and some of which let their
/// own caller go first.
mod random_walks {
    use std::collections::HashMap;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU64, Ordering};
    use std::time::{SystemTime, UNIX_EPOCH};

    use parking_lot::Mutex;

    use super::*;

    const NODES: usize = 4;
    /// Walks of one driver through one set of servers.
    const WALKS: usize = 50;

    /// What a server does with its caller before it calls the next.
    #[derive(Clone, Copy, Debug, PartialEq)]
    enum Manner {
        /// Lets it wait until the next has answered.
        Hold,
        /// Answers it.
        Answer,
        /// Lets somebody else answer it.
        HandOver,
    }

    #[derive(Clone, Copy, Debug)]
    struct Hop {
        manner: Manner,
        to: usize,
    }

    /// A call of each server on the way.
    #[derive(Clone, Debug)]
    struct Walk {
        group: Arc<Group>,
        driver: Pid,
        hops: Arc<[Hop]>,
        /// How many hops are behind it.
        done: usize,
        /// Of this call in the log.
        number: usize,
    }

    /// To the driver: the walk is over, at the end or as a call failed.
    #[derive(Debug)]
    struct Over(Option<Failure>);

    #[derive(Clone, Debug)]
    struct Failure {
        /// Of the call in the log.
        number: usize,
        error: CallError,
    }

    #[derive(Debug)]
    struct Group {
        nodes: Vec<ServerRef<Node>>,
        helper: Pid,
        log: Log,
    }

    /// Asks the helper whether it has answered all, and says so.
    #[derive(Debug)]
    struct AllAnswered(Pid);

    impl Group {
        fn start() -> Group {
            let helper = process::spawn(|| {
                loop {
                    receive! {
                        reply_to: ReplyTo<()> => reply_to.reply(()),
                        AllAnswered(asker) => process::send(asker, AllAnswered(asker)),
                    }
                }
            });
            let nodes = (0..NODES).map(|_| Node::start(()).unwrap()).collect();
            Group { nodes, helper: helper.unwrap(), log: Log::default() }
        }

        fn stop(&self) {
            // Else a server could see another end before the helper has answered for that.
            process::send(self.helper, AllAnswered(process::self_pid()));
            expect::<AllAnswered>();
            self.nodes.iter().for_each(|node| node.stop().unwrap());
            process::exit(self.helper, ExitReason::Kill);
        }

        fn index(&self, pid: Pid) -> Option<usize> {
            self.nodes.iter().position(|node| node.pid() == Some(pid))
        }
    }

    impl Walk {
        /// Calls the server that comes next.
        fn go_to(mut self, to: usize) -> Result<(), Failure> {
            let group = Arc::clone(&self.group);
            let node = &group.nodes[to];
            let number = group.log.begin(process::self_pid(), pid_of(node));
            self.number = number;
            let outcome = node.call_timeout(self, patience());
            group.log.end(number);
            outcome.map_err(|error| Failure { number, error })
        }
    }

    /// A server on the way.
    #[derive(Debug)]
    struct Node {
        /// The call that it answers by returning from its callback.
        holds: Option<usize>,
    }

    impl GenServer for Node {
        type Args = ();

        fn init((): ()) -> InitResult<Node> {
            ready(Node { holds: None })
        }
    }

    impl HandleCall<Walk> for Node {
        type Reply = ();

        fn handle_call(&mut self, walk: Walk, caller: &Caller<()>) -> CallResult<Self, ()> {
            let (group, driver) = (Arc::clone(&walk.group), walk.driver);
            if let Some(answered) = self.holds.take() {
                group.log.end(answered);
            }
            let Some(&Hop { manner, to }) = walk.hops.get(walk.done) else {
                self.holds = Some(walk.number);
                process::send(driver, Over(None));
                return reply(());
            };
            match manner {
                Manner::Hold => self.holds = Some(walk.number),
                Manner::Answer => caller.defer().reply(()),
                Manner::HandOver => process::send(group.helper, caller.defer()),
            }
            if manner != Manner::Hold {
                group.log.end(walk.number);
            }
            let done = walk.done + 1;
            if let Err(failure) = (Walk { done, ..walk }).go_to(to) {
                process::send(driver, Over(Some(failure)));
            }
            if manner == Manner::Hold { reply(()) } else { noreply() }
        }
    }

    /// When which process has waited for which.
    #[derive(Debug, Default)]
    struct Log {
        clock: AtomicU64,
        waits: Mutex<Vec<Wait>>,
    }

    /// The wait of a caller, from before it began until after it had ended or been answered.
    #[derive(Clone, Copy, Debug)]
    struct Wait {
        caller: Pid,
        server: Pid,
        from: u64,
        to: u64,
    }

    impl Log {
        fn now(&self) -> u64 {
            self.clock.fetch_add(1, Ordering::SeqCst)
        }

        fn begin(&self, caller: Pid, server: Pid) -> usize {
            let mut waits = self.waits.lock();
            let from = self.now();
            waits.push(Wait { caller, server, from, to: u64::MAX });
            waits.len() - 1
        }

        /// The first end counts.
        fn end(&self, number: usize) {
            let mut waits = self.waits.lock();
            let now = self.now();
            let to = &mut waits[number].to;
            *to = now.min(*to);
        }

        /// Whether there was a moment at which each of `pids` waited for the next, and the last for
        /// the first, who did so by the call `number`.
        fn stood(&self, number: usize, pids: &[Pid]) -> bool {
            let waits = self.waits.lock();
            let mut by_caller: HashMap<Pid, Vec<Wait>> = HashMap::new();
            for wait in waits.iter() {
                by_caller.entry(wait.caller).or_default().push(*wait);
            }
            let own = waits[number];
            let next = |index: usize| pids[(index + 1) % pids.len()];
            if own.caller != pids[0] || own.server != next(0) {
                return false;
            }
            // A process waits for one at a time, so each span is split into few.
            let mut spans = vec![(own.from, own.to)];
            for (index, pid) in pids.iter().enumerate().skip(1) {
                let waits = by_caller.get(pid).map_or(&[][..], |waits| waits);
                let waits = waits.iter().filter(|wait| wait.server == next(index));
                spans = waits
                    .flat_map(|wait| {
                        spans.iter().map(|(from, to)| (wait.from.max(*from), wait.to.min(*to)))
                    })
                    .filter(|(from, to)| from < to)
                    .collect();
            }
            !spans.is_empty()
        }
    }

    /// The numbers that a seed gives (xorshift64*).
    struct Random(u64);

    impl Random {
        fn below(&mut self, limit: usize) -> usize {
            self.0 ^= self.0 >> 12;
            self.0 ^= self.0 << 25;
            self.0 ^= self.0 >> 27;
            let number = self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 33;
            usize::try_from(number).unwrap() % limit
        }
    }

    /// `TEST_SEED`, or another one each time.
    fn seed() -> u64 {
        let given = std::env::var("TEST_SEED").ok().and_then(|seed| seed.parse().ok());
        given.unwrap_or_else(|| {
            let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
            now.as_secs() << 20 | u64::from(now.subsec_micros()) | 1
        })
    }

    /// Where a walk begins, and how it goes on; only upwards, or anywhere.
    fn walk(random: &mut Random, upwards: bool) -> (usize, Vec<Hop>) {
        let first = random.below(if upwards { 2 } else { NODES });
        let mut at = first;
        let mut hops = Vec::new();
        for _ in 0..random.below(6) {
            let to = if upwards {
                if at + 1 == NODES {
                    break;
                }
                at + 1 + random.below(NODES - at - 1)
            } else {
                (at + 1 + random.below(NODES - 1)) % NODES
            };
            let manner = match random.below(5) {
                0 => Manner::Answer,
                1 => Manner::HandOver,
                _ => Manner::Hold,
            };
            hops.push(Hop { manner, to });
            at = to;
        }
        (first, hops)
    }

    /// Takes `WALKS` walks, one after the other, and returns what has failed on each.
    fn take_walks(
        group: &Arc<Group>,
        random: &mut Random,
        upwards: bool,
        mut check: impl FnMut(usize, &[Hop], Option<&Failure>),
    ) {
        for _ in 0..WALKS {
            let (first, hops) = walk(random, upwards);
            let driver = process::self_pid();
            let (group, hops): (_, Arc<[Hop]>) = (Arc::clone(group), hops.into());
            let start = Walk { group, driver, hops: Arc::clone(&hops), done: 0, number: 0 };
            start.go_to(first).unwrap();
            let Over(failure) = expect();
            check(first, &hops, failure.as_ref());
        }
        assert_no_message();
    }

    /// How many walks to take.
    fn walks() -> usize {
        if rounds(1) == 1 { 20_000 } else { 100_000 }
    }

    /// Lets `drivers` take walks at the same time, through new servers again and again, and gives
    /// each failure to `check`.
    fn take_walks_at_once(upwards: bool, check: fn(&Group, &Failure)) -> usize {
        const DRIVERS: usize = 4;
        let mut random = Random(seed());
        let mut failed = 0;
        for _ in 0..walks() / (DRIVERS * WALKS) {
            let seed = random.0;
            let group = Arc::new(Group::start());
            let drivers: Vec<_> = (0..DRIVERS)
                .map(|driver| {
                    let (group, me) = (Arc::clone(&group), process::self_pid());
                    let mut random = Random(seed ^ (driver as u64) << 56);
                    let body = move || {
                        let mut failures = Vec::new();
                        take_walks(&group, &mut random, upwards, |_, _, failure| {
                            failures.extend(failure.cloned());
                        });
                        process::send(me, failures);
                    };
                    process::spawn_monitor(body).unwrap().1
                })
                .collect();
            for driver in drivers {
                assert_eq!(down_reason(driver), ExitReason::Normal, "TEST_SEED={seed}");
                let failures = expect::<Vec<Failure>>();
                failed += failures.len();
                let sound = process::catch(|| failures.iter().for_each(|it| check(&group, it)));
                assert_eq!(sound, Ok(()), "TEST_SEED={seed}");
            }
            group.stop();
            random.below(2);
        }
        failed
    }

    #[test]
    fn that_cannot_meet_themselves_are_never_refused() {
        in_process(|| {
            let failed = take_walks_at_once(true, |_, failure| panic!("{failure:?}"));
            assert_eq!(failed, 0);
        });
    }

    #[test]
    fn that_cross_are_refused_only_for_a_cycle_that_stood() {
        in_process(|| {
            let failed = take_walks_at_once(false, |group, Failure { number, error }| {
                let CallError::Deadlock(pids) = error else { panic!("{error}") };
                assert!(pids.iter().all(|pid| group.index(*pid).is_some()), "{pids:?}");
                let log = &group.log;
                assert!(log.stood(*number, pids), "{pids:?} by {number} of {log:#?}");
            });
            assert!(failed > 0, "nothing was refused");
        });
    }

    /// The cycle that a walk alone runs into: when it comes to a server which waits, through others
    /// that have not let their callers go, for the one that calls it.
    fn cycle_of(first: usize, hops: &[Hop]) -> Option<Vec<usize>> {
        let at: Vec<usize> = [first].into_iter().chain(hops.iter().map(|hop| hop.to)).collect();
        for (last, hop) in hops.iter().enumerate() {
            let waiting = hops[..=last].iter().rev().take_while(|it| it.manner == Manner::Hold);
            let since = last - waiting.count().min(last);
            if let Some(met) = (since..last).find(|index| at[*index] == hop.to) {
                return Some([last].into_iter().chain(met..last).map(|it| at[it]).collect());
            }
        }
        None
    }

    #[test]
    fn alone_are_refused_exactly_if_they_meet_themselves() {
        let seed = seed();
        in_process(move || {
            let mut random = Random(seed);
            for _ in 0..walks() / WALKS {
                let group = Arc::new(Group::start());
                take_walks(&group, &mut random, false, |first, hops, failure| {
                    let expected = cycle_of(first, hops).map(|indices| {
                        let pids = indices.iter().map(|index| pid_of(&group.nodes[*index]));
                        CallError::Deadlock(pids.collect())
                    });
                    let error = failure.map(|failure| failure.error.clone());
                    assert_eq!(error, expected, "TEST_SEED={seed}: {first} {hops:?}");
                });
                group.stop();
            }
        });
    }
}
