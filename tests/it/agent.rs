//! Agents.

use std::any::type_name;
use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;
use std::sync::mpsc;
use std::time::Duration;

use procession::agent::OwnedAgent;
use procession::prelude::*;
use procession::supervisor::Policy;

use crate::support::calls::{CallKind, kind_of};
use crate::support::drops::OnDrop;
use crate::support::processes::{FOREVER, in_process, reason};
use crate::support::rounds::{delay_by, rounds};
use crate::support::wait::{
    assert_no_message, down_reason, expect, test_timeout, wait_for_exit, wait_until,
};

type Words = HashMap<&'static str, &'static str>;

/// An agent that keeps a number.
#[track_caller]
fn counter() -> AgentRef<u64> {
    Agent::start(|| 0).unwrap()
}

/// The text that the process has panicked with.
#[track_caller]
fn panicked(reason: &ExitReason) -> String {
    reason.as_panic().unwrap_or_else(|| panic!("no panic: {reason}")).message.clone()
}

/// The text that the agent has panicked with while the caller waited for it.
#[track_caller]
fn panicked_meanwhile<R>(outcome: Result<R, CallError>) -> String {
    let kind = kind_of(outcome.err().expect("the agent has panicked"));
    let CallErrorKind::Down(reason) = kind else { panic!("{kind:?}") };
    panicked(&reason)
}

/// The reason with which a start has failed.
#[track_caller]
fn failed_reason<T: std::fmt::Debug>(outcome: Result<T, StartError>) -> ExitReason {
    match outcome {
        Err(StartError::Failed(reason)) => reason,
        other => panic!("{other:?}"),
    }
}

mod a_workflow {
    use super::*;

    // OTP: agent_test.exs "start_link/2 workflow with unregistered name and anonymous functions"
    #[test]
    fn of_a_linked_agent_without_a_name() {
        in_process(|| {
            let agent = Agent::start_link(Words::new).unwrap();
            let links = process::info(process::self_pid()).unwrap().links;
            assert!(links.contains(&agent.pid()), "{links:?}");

            assert_eq!(agent.update(|words| words.insert("hello", "world")), Ok(()));
            let hello = |words: &Words| words.get("hello").copied();
            assert_eq!(agent.get_timeout(hello, test_timeout()), Ok(Some("world")));
            let pop = |words: &mut Words| words.remove("hello");
            assert_eq!(agent.get_and_update_timeout(pop, test_timeout()), Ok(Some("world")));
            assert_eq!(agent.get(Clone::clone), Ok(Words::new()));
            assert_eq!(agent.stop(), Ok(()));
            assert!(!process::is_alive(agent.pid()));
        });
    }

    // OTP: agent_test.exs "start/2 workflow with registered name and module functions"
    #[test]
    fn of_an_agent_with_a_name() {
        let name = "agent::workflow";
        let options = StartOptions::new().name(name);
        let pid = Agent::start_with(Words::new, options).unwrap().pid();
        assert_eq!(process::info(pid).unwrap().name.as_deref(), Some(name));

        let agent = AgentRef::<Words>::named(name);
        agent.cast(|words| words.insert("hello", "world"));
        assert_eq!(agent.get(|words| words.get("hello").copied()), Ok(Some("world")));
        assert_eq!(agent.get_and_update(|words| words.remove("hello")), Ok(Some("world")));
        assert_eq!(agent.get(Clone::clone), Ok(Words::new()));
        assert_eq!(agent.stop(), Ok(()));
        assert_eq!(process::info(pid).and_then(|info| info.name), None);
    }
}

mod a_start {
    use super::*;

    // OTP: agent_test.exs "start_link/2 workflow…", proc_lib:translate_initial_call
    #[test]
    fn is_known_by_the_function_that_makes_the_state() {
        fn start() -> u8 {
            7
        }
        fn initial_call(agent: AgentRef<u8>) -> &'static str {
            process::info(agent.pid()).unwrap().initial_call.unwrap()
        }
        fn name_of<F>(_: F) -> &'static str {
            type_name::<F>()
        }

        in_process(|| {
            let (monitored, _) = Agent::start_monitor(start).unwrap();
            let supervisor = Supervisor::one_for_one().start_link().unwrap();
            let child = supervisor.start_child(Agent::child_spec(start)).unwrap();
            let agents =
                [Agent::start(start).unwrap(), Agent::start_link(start).unwrap(), monitored, child];
            for agent in agents {
                assert_eq!(initial_call(agent), name_of(start));
            }
            supervisor.stop().unwrap();
        });
    }

    #[test]
    fn returns_when_the_state_is_made() {
        in_process(|| {
            let me = process::self_pid();
            let agent = Agent::start(move || process::send(me, process::self_pid())).unwrap();
            let maker = process::receive_timeout(Duration::ZERO).map(Message::downcast::<Pid>);
            assert_eq!(maker.unwrap().unwrap(), agent.pid());
        });
    }

    // Elixir, probed: Agent.start(fn -> raise "oops" end)
    #[test]
    fn whose_function_panics_fails_with_that() {
        let outcome = Agent::<u8>::start(|| panic!("no state"));
        assert_eq!(panicked(&failed_reason(outcome)), "no state");
    }

    // OTP: the same of gen_server:start_link
    #[test]
    fn with_a_link_whose_function_panics_leaves_no_message_to_who_traps_exits() {
        in_process(|| {
            process::set_trap_exit(true);
            let outcome = Agent::<u8>::start_link(|| panic!("no state"));
            assert_eq!(panicked(&failed_reason(outcome)), "no state");
            assert_no_message();
        });
    }

    #[test]
    fn with_a_monitor_whose_function_panics_leaves_no_message() {
        in_process(|| {
            let outcome = Agent::<u8>::start_monitor(|| panic!("no state"));
            assert_eq!(panicked(&failed_reason(outcome)), "no state");
            assert_no_message();
        });
    }

    // Elixir, probed: a start function cannot return an error, but exit.
    #[test]
    fn whose_function_exits_fails_with_that() {
        let outcome = Agent::<u8>::start(|| process::exit_self(reason()));
        assert_eq!(failed_reason(outcome), reason());
    }

    // Elixir, probed: the option timeout
    #[test]
    fn that_takes_too_long_is_given_up_and_its_agent_gone() {
        in_process(|| {
            let name = "agent::too_late";
            let options = StartOptions::new().name(name).init_timeout(Duration::from_millis(1));
            let outcome = Agent::start_with(|| process::sleep(FOREVER), options);
            assert!(matches!(outcome, Err(StartError::Timeout)), "{outcome:?}");
            assert_eq!(process::whereis(name), None);
            assert_no_message();
        });
    }

    #[test]
    fn with_a_name_that_is_taken_fails_and_makes_no_state() {
        let options = || StartOptions::new().name("agent::taken");
        let first = Agent::start_with(|| 1, options()).unwrap();
        let outcome = Agent::<u8>::start_with(|| unreachable!("the name is taken"), options());
        let Err(StartError::AlreadyStarted(pid)) = outcome else { panic!("{outcome:?}") };
        assert_eq!(pid, first.pid());
        first.stop().unwrap();
    }

    #[test]
    fn with_a_monitor_has_the_caller_told_of_the_end() {
        in_process(|| {
            let (agent, monitor) = Agent::start_monitor(|| 1).unwrap();
            agent.stop_with(reason(), test_timeout()).unwrap();
            assert_eq!(down_reason(monitor), reason());
        });
    }

    #[test]
    fn with_a_link_ties_both_ends() {
        let (told, telling) = mpsc::channel();
        let parent = process::spawn(move || {
            told.send(Agent::start_link(|| 1).unwrap()).unwrap();
            process::sleep(FOREVER);
        });
        let agent = telling.recv().unwrap();
        let monitor = process::monitor(parent.unwrap());
        agent.cast(|_| panic!("the agent has panicked"));
        assert_eq!(panicked(&down_reason(monitor)), "the agent has panicked");
    }
}

mod a_closure {
    use super::*;

    // OTP: agent_test.exs, the workflows
    #[test]
    fn runs_in_the_agent() {
        let agent = counter();
        assert_eq!(agent.get(|_| process::self_pid()), Ok(agent.pid()));
        assert_eq!(agent.get_and_update(|_| process::self_pid()), Ok(agent.pid()));
        let me = process::self_pid();
        agent.update(move |_| process::send(me, process::self_pid())).unwrap();
        assert_eq!(expect::<Pid>(), agent.pid());
        agent.cast(move |_| process::send(me, process::self_pid()));
        assert_eq!(expect::<Pid>(), agent.pid());
    }

    #[test]
    fn that_changes_the_state_may_have_a_result_which_is_dropped_in_the_agent() {
        let (agent, me) = (Agent::start(Words::new).unwrap(), process::self_pid());
        agent.update(|words| words.insert("hello", "world")).unwrap();
        agent.cast(|words| words.insert("good", "bye"));
        assert_eq!(agent.get(HashMap::len), Ok(2));

        let result = move || Rc::new(OnDrop(move || process::send(me, process::self_pid())));
        agent.update(move |_| result()).unwrap();
        assert_eq!(expect::<Pid>(), agent.pid());
        agent.cast(move |_| result());
        assert_eq!(expect::<Pid>(), agent.pid());
    }

    #[test]
    fn whose_result_panics_as_it_is_dropped_ends_the_agent() {
        let agent = counter();
        let monitor = process::monitor(agent);
        let text = panicked_meanwhile(agent.update(|_| OnDrop(|| panic!("in the result"))));
        assert_eq!(text, "in the result");
        assert_eq!(panicked(&down_reason(monitor)), "in the result");
    }

    #[test]
    fn works_on_a_state_that_cannot_leave_its_thread() {
        let agent = Agent::start(|| Rc::new(RefCell::new(vec![1]))).unwrap();
        agent.update(|numbers| Rc::clone(numbers).borrow_mut().push(2)).unwrap();
        assert_eq!(agent.get(|numbers| numbers.borrow().clone()), Ok(vec![1, 2]));
    }

    #[test]
    fn works_on_a_state_that_cannot_be_printed() {
        let agent = Agent::start(|| Opaque::new(|n: u32| 2 * n)).unwrap();
        assert_eq!(agent.get(|double| double(21)), Ok(42));
    }

    #[test]
    fn runs_after_those_that_its_sender_has_sent_before() {
        let agent = Agent::start(Vec::new).unwrap();
        for n in 0..1_000 {
            match n % 3 {
                0 => agent.cast(move |numbers| numbers.push(n)),
                1 => agent.update(move |numbers| numbers.push(n)).unwrap(),
                _ => agent.get_and_update(move |numbers| numbers.push(n)).unwrap(),
            }
        }
        assert_eq!(agent.get(Clone::clone), Ok((0..1_000).collect::<Vec<u32>>()));
    }

    #[test]
    fn runs_with_no_other_in_between() {
        let agent = counter();
        let numbers = move || (0..1_000).map(move |_| agent.get_and_update(|n| (*n, *n += 1).0));
        let me = process::self_pid();
        for _ in 0..4 {
            process::spawn(move || {
                process::send(me, numbers().collect::<Result<Vec<u64>, _>>().unwrap());
            })
            .unwrap();
        }
        let mut all: Vec<u64> = (0..4).flat_map(|_| expect::<Vec<u64>>()).collect();
        all.sort_unstable();
        assert_eq!(all, (0..4_000).collect::<Vec<u64>>());
    }

    // Elixir, probed: the agent dies of the exception, and so does the caller, of the call.
    #[test]
    fn that_panics_ends_the_agent_and_its_caller_is_told() {
        type Call = fn(AgentRef<u64>) -> Result<(), CallError>;
        let panicking: [Call; 3] = [
            |agent| agent.get(|_| panic!("in the closure")),
            |agent| agent.update(|_| panic!("in the closure")),
            |agent| agent.get_and_update(|_| panic!("in the closure")),
        ];
        for panicking in panicking {
            let agent = counter();
            let monitor = process::monitor(agent);
            assert_eq!(panicked_meanwhile(panicking(agent)), "in the closure");
            assert_eq!(panicked(&down_reason(monitor)), "in the closure");
            assert_eq!(agent.get(|n| *n).kind(), Err(CallErrorKind::NoProc));
        }
    }

    #[test]
    fn that_was_cast_and_panics_ends_the_agent() {
        let agent = counter();
        let monitor = process::monitor(agent);
        agent.cast(|_| panic!("in the closure"));
        assert_eq!(panicked(&down_reason(monitor)), "in the closure");
    }

    #[test]
    fn that_exits_ends_the_agent_with_that_reason() {
        let agent = counter();
        let monitor = process::monitor(agent);
        let outcome = agent.get(|_| process::exit_self(ExitReason::Shutdown));
        assert_eq!(outcome.kind(), Err::<u8, _>(CallErrorKind::Down(ExitReason::Shutdown)));
        assert_eq!(down_reason(monitor), ExitReason::Shutdown);
    }

    #[test]
    fn that_was_not_run_is_dropped_and_its_caller_told() {
        let (agent, me) = (counter(), process::self_pid());
        let (let_go, held) = mpsc::channel::<()>();
        agent.cast(move |_| {
            process::send(me, "held");
            _ = held.recv();
            process::exit_self(reason());
        });
        assert_eq!(expect::<&str>(), "held"); // What is in the mailbox from now on comes after.
        let waiting = process::spawn(move || {
            let dropped = OnDrop(move || process::send(me, "dropped"));
            let outcome: Result<(), CallError> = agent.get_timeout(
                move |_| {
                    _ = &dropped;
                    unreachable!("the agent has ended")
                },
                FOREVER,
            );
            process::send(me, outcome.kind());
        });
        wait_until(|| process::info(agent.pid()).unwrap().message_queue_len == 1);
        drop(let_go);
        assert_eq!(expect::<&str>(), "dropped");
        assert_eq!(expect::<Result<(), CallErrorKind>>(), Err(CallErrorKind::Down(reason())));
        wait_for_exit(waiting.unwrap());
    }

    // OTP: gen_server_SUITE:call
    #[test]
    fn that_comes_too_late_runs_and_disturbs_nobody() {
        in_process(|| {
            let agent = counter();
            let (let_go, held) = mpsc::channel::<()>();
            agent.cast(move |_| _ = held.recv());
            let outcomes = [
                agent.get_timeout(|n| *n, Duration::from_millis(1)),
                agent.update_timeout(|n| *n += 1, Duration::from_millis(1)).map(|()| 0),
                agent.get_and_update_timeout(|n| (*n += 1, *n).1, Duration::from_millis(1)),
            ];
            for outcome in outcomes {
                assert_eq!(outcome.kind(), Err(CallErrorKind::Timeout));
            }
            drop(let_go);
            assert_eq!(agent.get(|n| *n), Ok(2));
            assert_no_message();
        });
    }

    // Elixir, probed: exits with calling_self.
    #[test]
    fn that_waits_for_its_own_agent_is_refused_and_the_agent_goes_on() {
        let agent = counter();
        let outcomes = agent.get(move |_| {
            let outcomes = [
                agent.get(|_| ()),
                agent.update(|_| ()),
                agent.get_and_update_timeout(|_| (), FOREVER),
            ];
            outcomes.map(CallKind::kind)
        });
        assert_eq!(outcomes, Ok([(); 3].map(|()| Err(CallErrorKind::CallingSelf(agent.pid())))));
        assert_eq!(agent.get(|n| *n), Ok(0));
    }

    #[test]
    fn that_waits_for_its_own_agent_through_another_is_refused() {
        let (one, other) = (counter(), counter());
        let outcome = one.get(move |_| other.get(move |_| one.get(|n| *n).kind()).unwrap());
        let cycle = vec![other.pid(), one.pid()];
        assert_eq!(outcome, Ok(Err(CallErrorKind::Deadlock(cycle))));
    }

    #[test]
    fn that_stops_its_own_agent_is_refused() {
        let agent = counter();
        let outcome = agent.get(move |_| agent.stop());
        assert_eq!(outcome, Ok(Err(StopError::CallingSelf(agent.pid()))));
    }

    #[test]
    fn can_cast_to_its_own_agent() {
        let agent = counter();
        agent.update(move |_| agent.cast(|n| *n += 1)).unwrap();
        assert_eq!(agent.get(|n| *n), Ok(1));
    }

    #[test]
    fn for_another_type_of_state_is_refused() {
        let words = AgentRef::<Words>::from_pid(counter().pid());
        let outcome = words.get(|_| unreachable!("there are no words"));
        let expected = type_name::<Agent<Words>>();
        let found = type_name::<Agent<u64>>();
        assert_eq!(outcome.kind(), Err::<(), _>(CallErrorKind::WrongServer { expected, found }));
    }

    #[test]
    fn that_fails_is_named_by_its_function_in_the_error() {
        let nobody = AgentRef::<u64>::named("agent::nobody");
        let texts = [
            nobody.get(|_| ()).unwrap_err().to_string(),
            nobody.update(|_| ()).unwrap_err().to_string(),
            nobody.get_and_update(|_| ()).unwrap_err().to_string(),
        ];
        let text = |function| {
            format!("no process is registered as \"agent::nobody\" (call of {function})")
        };
        assert_eq!(texts, ["get", "update", "get_and_update"].map(text));
    }
}

mod an_agent {
    use super::*;

    // Elixir, probed
    #[test]
    fn ignores_other_messages() {
        let agent = counter();
        agent.update(|n| *n = 7).unwrap();
        process::send(agent, "what is this?");
        assert_eq!(agent.get(|n| *n), Ok(7));
    }

    // Elixir, probed: Agent.cast/2 returns :ok
    #[test]
    fn that_is_gone_can_be_cast_to() {
        let agent = counter();
        agent.stop().unwrap();
        agent.cast(|_| unreachable!("the agent is gone"));
        AgentRef::<u64>::named("agent::nobody").cast(|_| unreachable!("there was none"));
    }

    // OTP: agent_test.exs "start/2 workflow with registered name…"
    #[test]
    fn that_was_stopped_has_freed_its_name() {
        let name = "agent::stopped";
        for round in 0..rounds(1_000) {
            let agent = Agent::start_with(move || round, StartOptions::new().name(name));
            let agent = agent.expect("the name is free");
            delay_by(round);
            assert_eq!(AgentRef::<usize>::named(name).stop(), Ok(()));
            assert_eq!((process::whereis(name), process::is_alive(agent.pid())), (None, false));
        }
    }

    #[test]
    fn that_is_stopped_runs_first_what_was_cast_before() {
        let (agent, me) = (counter(), process::self_pid());
        (0..100).for_each(|n: u32| agent.cast(move |_| process::send(me, n)));
        agent.stop().unwrap();
        let received = (0..100).map(|_| expect::<u32>());
        assert!(received.eq(0..100));
    }

    #[test]
    fn that_was_stopped_has_dropped_its_state() {
        let (told, telling) = mpsc::channel();
        let start = move || Opaque::new(OnDrop(move || _ = told.send(process::self_pid())));
        let agent = Agent::start(start).unwrap();
        agent.stop().unwrap();
        assert_eq!(telling.try_recv(), Ok(agent.pid()));
    }

    #[test]
    fn that_is_owned_is_stopped_when_its_owner_drops_it() {
        let agent: OwnedAgent<u64> = counter().owned();
        agent.update(|n| *n += 1).unwrap();
        assert_eq!(agent.get(|n| *n), Ok(1));
        let monitor = process::monitor(*agent);
        drop(agent);
        assert_eq!(down_reason(monitor), ExitReason::Normal);
    }

    #[test]
    fn is_looked_into_and_changed_by_system_messages() {
        let agent = Agent::start(|| vec![1, 2]).unwrap();
        let sys = agent.sys();
        sys.suspend().unwrap();
        sys.replace_state(|numbers| numbers.push(3)).unwrap();
        assert_eq!(sys.get_state(|numbers| numbers.len()), Ok(3));
        let status = sys.get_status().unwrap();
        assert_eq!((&*status.state, status.module), ("[1, 2, 3]", type_name::<Agent<Vec<i32>>>()));
        sys.resume().unwrap();
        assert_eq!(agent.get(Clone::clone), Ok(vec![1, 2, 3]));
    }

    #[test]
    fn is_traced_with_the_functions_that_send_closures() {
        let agent = counter();
        agent.sys().log_on(10).unwrap();
        agent.get(|n| *n).unwrap();
        agent.cast(|n| *n += 1);
        let events = agent.sys().log().unwrap().join("\n");
        let place = "agent::an_agent::is_traced_with_the_functions_that_send_closures";
        assert!(events.contains(&format!("get(it::{place}::")), "{events}");
        assert!(events.contains(&format!("cast(it::{place}::")), "{events}");
    }
}

mod a_reference {
    use super::*;

    #[test]
    fn by_name_leads_to_whichever_agent_has_it() {
        let name = "agent::by_name";
        let agent = AgentRef::<u8>::named(name);
        assert_eq!((agent.whereis(), agent.destination()), (None, Destination::from(name)));
        for n in [1, 2] {
            let started = Agent::start_with(move || n, StartOptions::new().name(name)).unwrap();
            assert_eq!((agent.whereis(), agent.get(|n| *n)), (Some(started.pid()), Ok(n)));
            agent.stop().unwrap();
        }
    }

    #[test]
    fn of_any_kind_becomes_one_to_a_destination() {
        let name = "agent::destination";
        let agent = Agent::start_with(|| 5, StartOptions::new().name(name)).unwrap();
        let all: [AgentRef<i32, Destination>; 3] =
            [agent.into(), AgentRef::named(name).into(), AgentRef::at(agent.pid())];
        for reference in &all {
            assert_eq!(reference.get(|n| *n), Ok(5));
        }
        assert_eq!(all[0], all[2]);
        agent.stop().unwrap();
    }
}

mod a_child {
    use super::*;

    // OTP: agent_test.exs "can be supervised directly"
    #[test]
    fn is_started_again_with_a_new_state() {
        in_process(|| {
            let name = "agent::a_child";
            let spec = Agent::named_child_spec(name, || vec![1_u32]);
            let supervisor = Supervisor::one_for_one().child(spec).start_link().unwrap();
            let agent = AgentRef::<Vec<u32>>::named(name);
            agent.update(|numbers| numbers.push(2)).unwrap();

            let crash = agent.update(|_| panic!("a crash"));
            assert_eq!(panicked_meanwhile(crash), "a crash");
            supervisor.which_children().unwrap(); // It answers when the child is restarted.
            assert_eq!(agent.get(Clone::clone), Ok(vec![1]));
            supervisor.stop().unwrap();
            assert_eq!(agent.whereis(), None);
        });
    }

    // OTP: agent_test.exs "generates child_spec/1"
    #[test]
    fn has_a_spec_with_elixirs_defaults() {
        let Policy { id, restart, shutdown, child_type, module, .. } =
            Agent::child_spec(|| 1_u8).policy();
        let name = type_name::<Agent<u8>>();
        assert_eq!((&*id, module), (name, name));
        assert_eq!((restart, child_type), (Restart::Permanent, ChildType::Worker));
        assert_eq!(shutdown, Shutdown::Timeout(Duration::from_secs(5)));
    }

    #[test]
    fn is_returned_as_its_reference() {
        in_process(|| {
            let supervisor = DynamicSupervisor::new().start_link().unwrap();
            let agent = supervisor.start_child(Agent::child_spec(|| 6_u8)).unwrap();
            assert_eq!(agent.get(|n| *n), Ok(6));
            supervisor.terminate_child(agent).unwrap();
            assert!(!process::is_alive(agent.pid()));
            supervisor.stop().unwrap();
        });
    }
}
