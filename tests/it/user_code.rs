//! User code that blocks, panics or calls back where the runtime runs it.

#![allow(clippy::disallowed_methods, reason = "looks at threads of the program's own")]

use std::borrow::Cow;
use std::cell::RefCell;
use std::panic::panic_any;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use procession::Alias;
use procession::prelude::*;
use procession::process::{AliasMode, Builder, MonitorOptions, dictionary};
use procession::timer;

use crate::support::calls::{CallKind, kind_of};
use crate::support::drops::{OnDrop, PanicsOnDrop, message_on_drop};
use crate::support::processes::{Begun, FOREVER, busy, idle, idle_body, in_process};
use crate::support::rounds::rounds;
use crate::support::scripted::{
    CallMessage, Scripted, ScriptedServer, call_message, init_with, pid_of, scripted,
};
use crate::support::supervision::process_child;
use crate::support::wait::{assert_no_message, down_reason, expect, test_timeout, wait_until};

mod dictionary_values {
    use super::*;

    #[test]
    fn can_use_the_dictionary_in_their_destructors_when_the_process_ends() {
        let me = process::self_pid();
        let (_, monitor) = process::spawn_monitor(move || {
            let on_drop = move || {
                dictionary::put("late", 1_u8);
                process::send(me, (dictionary::erase("other").is_some(), dictionary::keys().len()));
            };
            dictionary::put("value", message_on_drop(on_drop));
            dictionary::put("other", 2_u8);
        })
        .unwrap();
        assert_eq!(expect::<(bool, usize)>(), (false, 0));
        assert_eq!(down_reason(monitor), ExitReason::Normal);
    }

    #[test]
    fn whose_destructors_panic_disturb_neither_the_exit_nor_each_other() {
        let me = process::self_pid();
        let (_, monitor) = process::spawn_monitor(move || {
            dictionary::put("first", PanicsOnDrop);
            dictionary::put("second", PanicsOnDrop);
            dictionary::put("third", message_on_drop(move || process::send(me, "the third")));
        })
        .unwrap();
        assert_eq!(expect::<&str>(), "the third");
        assert_eq!(down_reason(monitor), ExitReason::Normal);
    }

    /// Puts another value when it is cloned, and uses the dictionary when it is dropped.
    #[derive(Debug)]
    struct Restless;

    impl Clone for Restless {
        fn clone(&self) -> Restless {
            dictionary::put("restless", 1_u8);
            Restless
        }
    }

    impl Drop for Restless {
        fn drop(&mut self) {
            dictionary::put("dropped", dictionary::keys().len());
        }
    }

    #[test]
    fn can_use_the_dictionary_when_they_are_replaced_while_they_are_cloned() {
        in_process(|| {
            dictionary::put("restless", Restless);
            std::mem::forget(dictionary::get::<Restless>("restless"));
            assert_eq!(dictionary::get::<u8>("restless"), Some(1));
            assert_eq!(dictionary::get::<usize>("dropped"), Some(1));
        });
    }
}

mod dictionary_key {
    use super::*;

    struct Key;

    impl From<Key> for Cow<'static, str> {
        fn from(_: Key) -> Cow<'static, str> {
            dictionary::put("inner", 1_u8);
            "outer".into()
        }
    }

    #[test]
    fn can_use_the_dictionary_when_it_is_converted() {
        in_process(|| {
            assert!(dictionary::put(Key, 2_u8).is_none());
            assert_eq!(dictionary::keys(), ["inner", "outer"]);
        });
    }
}

mod exit_reason {
    use super::*;

    /// Puts into the dictionary of whoever drops it.
    #[derive(Debug, PartialEq)]
    struct Putter(Pid);

    impl Drop for Putter {
        fn drop(&mut self) {
            dictionary::put("user_code::exit_reason", "stale");
            process::send(self.0, "dropped");
        }
    }

    #[test]
    fn whose_destructor_puts_into_the_dictionary_leaves_nothing_to_the_next_process() {
        let me = process::self_pid();
        for _ in 0..rounds(20) {
            // Nobody hears of it, so that the process itself drops it.
            process::spawn(move || process::exit_self(ExitReason::new(Putter(me)))).unwrap();
            assert_eq!(expect::<&str>(), "dropped");
            for _ in 0..4 {
                in_process(|| assert_eq!(dictionary::keys().len(), 0));
            }
        }
    }
}

mod panic_payload {
    use super::*;

    /// Panics with its own kind when it is dropped.
    struct Endless;

    impl Drop for Endless {
        fn drop(&mut self) {
            panic_any(Endless);
        }
    }

    #[test]
    fn whose_destructor_panics_with_its_own_kind_is_a_panic_as_any_other() {
        let (_, monitor) = process::spawn_monitor(|| panic_any(Endless)).unwrap();
        let reason = down_reason(monitor);
        assert!(reason.as_panic().is_some(), "{reason}");
    }
}

mod timer_message {
    use super::*;

    #[test]
    fn whose_destructor_blocks_does_not_keep_the_end_of_its_target_from_being_told() {
        let (let_go, held) = mpsc::channel::<()>();
        let me = process::self_pid();
        let (_, monitor) = process::spawn_monitor(move || {
            let on_drop = move || {
                process::send(me, "being dropped");
                _ = held.recv();
            };
            timer::send_after(FOREVER, process::self_pid(), message_on_drop(on_drop));
        })
        .unwrap();
        assert_eq!(down_reason(monitor), ExitReason::Normal);
        assert_eq!(expect::<&str>(), "being dropped");
        drop(let_go);
    }

    #[test]
    fn to_nobody_whose_destructor_blocks_holds_up_neither_timers_nor_abandonments() {
        let (let_go, held) = mpsc::channel::<()>();
        let me = process::self_pid();
        let on_drop = move || {
            process::send(me, "being dropped");
            _ = held.recv();
        };
        timer::send_after(
            Duration::ZERO,
            "user_code::timer_message::nobody",
            message_on_drop(on_drop),
        );
        assert_eq!(expect::<&str>(), "being dropped");

        timer::send_after(Duration::ZERO, me, "another timer");
        assert_eq!(expect::<&str>(), "another timer");
        let busy = busy(Builder::new().kill_grace(Duration::from_millis(1)), || {});
        process::exit(busy.pid, ExitReason::Kill);
        assert_eq!(down_reason(busy.monitor), ExitReason::Killed);
        drop(let_go);
    }

    #[test]
    fn of_an_interval_can_panic_in_its_destructor_when_that_is_cancelled() {
        in_process(|| {
            let interval = timer::send_interval(FOREVER, process::self_pid(), PanicsOnDrop);
            assert!(timer::cancel(interval).is_some());
            assert_eq!(timer::read(interval), None);
        });
    }
}

mod receiving {
    use super::*;

    #[test]
    fn loses_no_message_if_the_choice_is_a_receive_point() {
        in_process(|| {
            let me = process::self_pid();
            process::send(me, 1_u8);
            let found = process::receive_match_timeout(test_timeout(), |message| {
                if message.is::<u8>() {
                    process::send(me, "later");
                    process::checkpoint();
                }
                message.is::<&str>()
            });
            assert_eq!(found.unwrap().downcast::<&str>().unwrap(), "later");
            assert_eq!(expect::<u8>(), 1);
            assert_no_message();
        });
    }

    #[test]
    fn keeps_the_order_if_the_destructor_of_a_monitors_tag_is_a_receive_point() {
        let idle = idle();
        let me = process::self_pid();
        in_process(move || {
            let this = process::self_pid();
            let tag = Opaque::new(OnDrop(move || {
                process::checkpoint();
                process::send(this, 3);
                process::send(me, "the tag");
            }));
            let options = MonitorOptions::new().tag(tag).alias(AliasMode::Reply);
            let monitor = process::monitor_with(idle, options);
            // The first one ends the monitor, when the others have arrived.
            process::send(Alias::from(monitor), 0);
            process::send(this, 1);
            process::send(this, 2);
            assert_eq!([(); 4].map(|()| expect::<i32>()), [0, 1, 2, 3]);
        });
        assert_eq!(expect::<&str>(), "the tag");
        process::exit(idle, ExitReason::Shutdown);
    }
}

mod the_object_of_a_monitor {
    use std::fmt;
    use std::hash::{Hash, Hasher};

    use parking_lot::Mutex;
    use procession::{Registrar, Via};

    use super::*;

    /// A registrar of one name, which one process has.
    #[derive(Debug, PartialEq, Eq, Hash)]
    struct Holder(Pid);

    /// Runs a closure when it is dropped.
    struct Name(#[allow(dead_code, reason = "it is there to be dropped")] Mutex<OnDrop<Last>>);

    type Last = Box<dyn FnMut() + Send>;

    fn name(last: impl FnMut() + Send + 'static) -> Name {
        Name(Mutex::new(OnDrop(Box::new(last))))
    }

    impl fmt::Debug for Name {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("Name")
        }
    }

    impl PartialEq for Name {
        fn eq(&self, _: &Name) -> bool {
            true
        }
    }

    impl Eq for Name {}

    impl Hash for Name {
        fn hash<H: Hasher>(&self, _: &mut H) {}
    }

    impl Registrar for Holder {
        type Name = Name;

        fn register_name(&self, _: &Name, _: Pid) -> bool {
            false
        }

        fn unregister_name(&self, _: &Name) {}

        fn whereis_name(&self, _: &Name) -> Option<Pid> {
            Some(self.0)
        }

        fn send(&self, _: &Name, message: Message) -> Result<(), Message> {
            Err(message)
        }
    }

    #[test]
    fn whose_destructor_blocks_does_not_keep_the_end_of_the_watcher_from_being_told() {
        let (let_go, held) = mpsc::channel::<()>();
        let (idle, me) = (idle(), process::self_pid());
        let (_, monitor) = process::spawn_monitor(move || {
            let on_drop = move || {
                process::send(me, "being dropped");
                _ = held.recv();
            };
            process::monitor(Via::new(Holder(idle), name(on_drop)));
        })
        .unwrap();
        assert_eq!(down_reason(monitor), ExitReason::Normal);
        assert_eq!(expect::<&str>(), "being dropped");
        drop(let_go);
        process::exit(idle, ExitReason::Shutdown);
    }

    #[test]
    fn can_receive_in_its_destructor_when_a_reply_ends_the_monitor() {
        let (idle, me) = (idle(), process::self_pid());
        in_process(move || {
            let this = process::self_pid();
            let receive_one = move || {
                process::checkpoint();
                let first = process::receive_match_timeout(Duration::ZERO, |it| it.is::<i32>());
                process::send(me, first.map(|it| it.downcast::<i32>().unwrap()));
            };
            let name = Via::new(Holder(idle), name(receive_one));
            let options = MonitorOptions::new().alias(AliasMode::Reply);
            let monitor = process::monitor_with(name, options);
            process::send(Alias::from(monitor), 0);
            process::send(this, 1);
            process::checkpoint();
            assert_eq!(expect::<i32>(), 1);
        });
        assert_eq!(expect::<Option<i32>>(), Some(0));
        process::exit(idle, ExitReason::Shutdown);
    }
}

mod reply {
    use super::*;

    /// What says that it is being dropped, and blocks then until the sender is dropped.
    fn blocking() -> (impl Send + 'static, mpsc::Sender<()>) {
        let (let_go, held) = mpsc::channel::<()>();
        let me = process::self_pid();
        let on_drop = move || {
            process::send(me, "being dropped");
            _ = held.recv();
        };
        (OnDrop(on_drop), let_go)
    }

    #[test]
    fn that_nobody_wants_does_not_keep_the_end_of_its_server_from_being_told() {
        for is_call in [true, false] {
            let server = scripted();
            let monitor = process::monitor(pid_of(&server));
            let (value, let_go) = blocking();
            let last = call_message(move |_, _| stop_with_reply(ExitReason::Normal, value));
            let busy = server.hold(|_| noreply());
            if is_call {
                let outcome = server.call_timeout(last, Duration::ZERO);
                assert!(matches!(outcome.kind(), Err(CallErrorKind::Timeout)));
            } else {
                in_process(move || drop(server.send_request(last)));
            }
            drop(busy);

            assert_eq!(down_reason(monitor), ExitReason::Normal);
            assert_eq!(expect::<&str>(), "being dropped");
            drop(let_go);
        }
    }

    #[test]
    fn whose_destructor_panics_can_be_given_by_a_server_that_was_killed() {
        let server = scripted();
        let pid = pid_of(&server);
        let me = process::self_pid();
        let client = process::spawn(move || {
            let outcome = server.call_timeout(
                call_message(move |_, _| {
                    process::send(me, Begun);
                    wait_until(|| !process::is_alive(pid));
                    reply(PanicsOnDrop)
                }),
                test_timeout(),
            );
            process::send(me, outcome.map(std::mem::forget));
        });
        client.unwrap();
        expect::<Begun>();
        process::exit(pid, ExitReason::Kill);
        let outcome = expect::<Result<(), CallError>>();
        assert_eq!(outcome.kind(), Err(CallErrorKind::Down(ExitReason::Killed)));
    }
}

/// What is given to a call of the crate that does not come about is dropped there, and its
/// destructor is no concern of the caller's.
mod a_value_that_is_of_no_use {
    use procession::gen_server::StartOptions;
    use procession::proc_lib;
    use procession::process::SpawnError;
    use procession::table::{Table, TableOptions};

    use super::*;

    /// Asks for nothing, with a value in hand.
    fn ask_with(bomb: PanicsOnDrop) -> CallMessage<()> {
        call_message(move |_, _| {
            std::mem::forget(bomb);
            reply(())
        })
    }

    /// A server that does not run any more.
    fn nobody() -> ServerRef<Scripted> {
        let server = scripted();
        server.stop().unwrap();
        server
    }

    #[test]
    fn as_nobody_is_called_with_it_is_dropped() {
        for server in [ServerRef::at(nobody()), ServerRef::<Scripted>::at("user_code::nobody")] {
            assert_eq!(server.call(ask_with(PanicsOnDrop)).kind(), Err(CallErrorKind::NoProc));
            let request = server.send_request(ask_with(PanicsOnDrop));
            assert_eq!(request.receive_response(test_timeout()).kind(), Err(CallErrorKind::NoProc));
            server.cast_with(|_| noreply());
        }
    }

    #[test]
    fn as_a_call_of_oneself_is_refused_is_dropped() {
        let server = scripted();
        let itself = server;
        let outcome = server.call_with(move |_, _| reply(itself.call(ask_with(PanicsOnDrop))));
        assert_eq!(
            outcome.map(CallKind::kind),
            Ok(Err(CallErrorKind::CallingSelf(pid_of(&server))))
        );
    }

    #[test]
    fn as_a_call_that_closes_a_cycle_is_refused_is_dropped() {
        let (a, b) = (scripted(), scripted());
        let (to_a, to_b) = (a, b);
        let cycle = vec![pid_of(&b), pid_of(&a)];
        let outcome = a.call_with(move |_, _| {
            reply(to_b.call_with(move |_, _| reply(to_a.call(ask_with(PanicsOnDrop)))))
        });
        assert_eq!(outcome.unwrap().unwrap().kind(), Err(CallErrorKind::Deadlock(cycle)));
    }

    #[test]
    fn as_a_process_is_not_spawned_is_dropped() {
        let name = "user_code::taken";
        process::register(name, process::self_pid()).unwrap();
        let bomb = PanicsOnDrop;
        let body = move || std::mem::forget(bomb);
        let outcome = Builder::new().name(name).spawn(body);
        assert!(matches!(outcome, Err(SpawnError::Name(_))), "{outcome:?}");

        let bomb = PanicsOnDrop;
        let options = proc_lib::StartOptions::new().spawn_options(Builder::new().name(name));
        let outcome: Result<(), _> = proc_lib::start_with(options, move |_| std::mem::forget(bomb));
        assert!(matches!(outcome, Err(proc_lib::StartError::Spawn(_))), "{outcome:?}");

        let bomb = PanicsOnDrop;
        let options = StartOptions::new().spawn_options(Builder::new().name(name));
        let init = init_with(move || {
            std::mem::forget(bomb);
            ready(Scripted::default())
        });
        let outcome = Scripted::start_with(init, options);
        assert!(matches!(outcome, Err(StartError::Spawn(_))), "{outcome:?}");
    }

    /// Has a process that is killed use the crate with a value in hand. It ends as any other.
    #[track_caller]
    fn end_with_bomb(then: impl FnOnce(Pid) + Send + 'static) {
        let me = process::self_pid();
        let busy = busy(Builder::new(), move || then(me));
        process::exit(busy.pid, ExitReason::Kill);
        drop(busy.let_go);
        assert_eq!(down_reason(busy.monitor), ExitReason::Killed);
        assert_no_message();
    }

    /// The same, with a table of its parent's.
    #[track_caller]
    fn end_with_bomb_and_table(then: fn(Table<u8, PanicsOnDrop>)) {
        let table = Table::new_with(TableOptions::new().public()).unwrap();
        end_with_bomb(move |_| then(table));
    }

    #[test]
    fn as_the_caller_ends_is_dropped() {
        end_with_bomb(|to| process::send(to, PanicsOnDrop));
        end_with_bomb(|to| {
            let server = ServerRef::<Scripted>::from_pid(to);
            server.send(PanicsOnDrop);
        });
        end_with_bomb(|to| _ = ServerRef::<Scripted>::from_pid(to).call(ask_with(PanicsOnDrop)));
        end_with_bomb(|to| {
            drop(ServerRef::<Scripted>::from_pid(to).send_request(ask_with(PanicsOnDrop)))
        });
        end_with_bomb(|_| {
            let bomb = PanicsOnDrop;
            _ = process::spawn(move || std::mem::forget(bomb));
        });
        end_with_bomb(|_| {
            let bomb = PanicsOnDrop;
            _ = proc_lib::start::<(), _>(move |_| std::mem::forget(bomb));
        });
        end_with_bomb(|_| _ = dictionary::put("user_code::bomb", PanicsOnDrop));
        end_with_bomb_and_table(|table| _ = table.insert(1, PanicsOnDrop));
        end_with_bomb_and_table(|table| _ = table.insert_new(1, PanicsOnDrop));
        end_with_bomb_and_table(|table| _ = table.insert_all([(1, PanicsOnDrop)]));
        end_with_bomb(|to| _ = process::monitor_with(to, MonitorOptions::new().tag(PanicsOnDrop)));
        end_with_bomb(|_| {
            let options = MonitorOptions::new().tag(PanicsOnDrop);
            _ = Builder::new().spawn_monitor_with(options, || {});
        });
        end_with_bomb(|to| process::exit(to, ExitReason::new(Fuse(PanicsOnDrop))));
        end_with_bomb(|_| process::exit_self(ExitReason::new(Fuse(PanicsOnDrop))));
    }

    #[test]
    fn as_its_timer_has_no_period_is_dropped() {
        let me = process::self_pid();
        let starts: [fn(Pid) -> TimerRef; 3] = [
            |to| timer::send_interval(Duration::ZERO, to, PanicsOnDrop),
            |_| {
                let bomb = PanicsOnDrop;
                timer::apply_interval(Duration::ZERO, move || _ = &bomb)
            },
            |_| {
                let bomb = PanicsOnDrop;
                timer::apply_repeatedly(Duration::ZERO, move || _ = &bomb)
            },
        ];
        for start in starts {
            let (_, monitor) = process::spawn_monitor(move || _ = start(me)).unwrap();
            let reason = down_reason(monitor);
            let message = &reason.as_panic().unwrap().message;
            assert_eq!(message, "the period of a repeating timer is zero");
        }
    }

    /// Makes a reason of what is in it.
    #[derive(Debug)]
    struct Fuse(#[allow(dead_code, reason = "it is there to be dropped")] PanicsOnDrop);

    impl PartialEq for Fuse {
        fn eq(&self, _: &Fuse) -> bool {
            true
        }
    }
}

mod a_message_that_a_server_does_not_handle {
    use procession::registry::Registry;
    use procession::sys;

    use super::*;

    #[derive(Debug)]
    struct Plain;

    impl GenServer for Plain {
        type Args = ();

        fn init((): ()) -> InitResult<Plain> {
            ready(Plain)
        }
    }

    #[test]
    fn can_panic_in_its_destructor() {
        let server = Plain::start(()).unwrap();
        const NAME: &str = "user_code::registry";
        let _registry = Registry::<u8, ()>::unique(NAME).start_link().unwrap();
        let top = process::whereis(NAME).unwrap();
        let is_below =
            |pid: &Pid| process::info(*pid).is_some_and(|info| info.ancestors.contains(&top));
        let mut servers: Vec<Pid> = process::processes().into_iter().filter(is_below).collect();
        assert!(!servers.is_empty());
        servers.extend([top, server.pid()]);
        for pid in servers {
            process::send(pid, PanicsOnDrop);
            assert!(sys::of(pid).get_status().is_ok());
        }
        server.stop().unwrap();
    }
}

/// What panics when it is dropped, and is dropped by a process of the runtime's own.
mod what_a_supervisor_drops {
    use procession::dynamic_supervisor::DynamicSupervisor;
    use procession::supervisor::{
        ChildSpec, SimpleOneForOneRef, SpecError, Supervisor, SupervisorRef,
    };

    use super::*;

    fn child() -> ChildSpec<Pid> {
        process_child("child", idle_body)
    }

    /// Supervisors of each kind with a child.
    fn supervisors() -> [SupervisorRef; 3] {
        let ordered = Supervisor::one_for_one().intensity(100, FOREVER).child(child());
        let dynamic = DynamicSupervisor::new().intensity(100, FOREVER).start_link().unwrap();
        dynamic.start_child(child()).unwrap();
        let template = ChildSpec::template("child", |()| {
            Ok(procession::proc_lib::start_link(|starter: procession::proc_lib::Starter<Pid>| {
                starter.ack(process::self_pid());
                idle_body();
            })?)
        });
        let simple = Supervisor::simple_one_for_one(template).intensity(100, FOREVER);
        let simple = simple.start_link().unwrap();
        simple.start_child(()).unwrap();
        let [dynamic, simple] = [dynamic.pid(), simple.pid()];
        [
            ordered.start_link().unwrap(),
            SupervisorRef::from_pid(dynamic),
            SupervisorRef::from_pid(simple),
        ]
    }

    #[track_caller]
    fn child_of(supervisor: &SupervisorRef) -> Pid {
        supervisor.which_children().unwrap()[0].state.pid().unwrap()
    }

    #[test]
    fn is_a_message_that_it_does_not_expect() {
        for supervisor in supervisors() {
            let child = child_of(&supervisor);
            process::send(supervisor.pid(), PanicsOnDrop);
            assert_eq!(child_of(&supervisor), child);
            supervisor.stop().unwrap();
        }
    }

    #[test]
    fn is_the_reason_of_an_exit() {
        for supervisor in supervisors() {
            let (child, pid) = (child_of(&supervisor), supervisor.pid());
            in_process(move || process::exit(pid, ExitReason::new(PanicsOnDrop)));
            let monitor = process::monitor(child);
            process::exit(child, ExitReason::new(PanicsOnDrop));
            std::mem::forget(expect::<Down>());
            process::demonitor(monitor);
            assert_ne!(child_of(&supervisor), child);
            supervisor.stop().unwrap();
        }
    }

    #[test]
    fn is_the_reason_of_a_failed_start_or_stop() {
        let supervisor = Supervisor::one_for_one().start_link().unwrap();
        let dynamic = DynamicSupervisor::new().start_link().unwrap();
        let failing = || {
            ChildSpec::<Pid>::new("failing", || {
                Err(StartError::Failed(ExitReason::new(PanicsOnDrop)))
            })
        };
        std::mem::forget(supervisor.start_child(failing()));
        std::mem::forget(dynamic.start_child(failing()));
        assert_eq!(supervisor.which_children(), Ok(vec![]));
        assert_eq!(dynamic.which_children(), Ok(vec![]));
        supervisor.stop().unwrap();
        dynamic.stop().unwrap();
    }

    #[test]
    fn is_what_a_child_of_another_type_was_to_be_started_with() {
        for supervisor in supervisors() {
            let wrong = SimpleOneForOneRef::<Pid, PanicsOnDrop>::from_pid(supervisor.pid());
            let refused = kind_of(wrong.start_child(PanicsOnDrop).unwrap_err());
            assert!(matches!(refused, CallErrorKind::WrongServer { .. }));
            assert!(process::is_alive(child_of(&supervisor)));
            supervisor.stop().unwrap();
        }
    }

    #[test]
    fn is_a_template_that_is_refused() {
        let bomb = PanicsOnDrop;
        let template = ChildSpec::<Pid, ()>::template("child", move |()| {
            let _: &PanicsOnDrop = &bomb;
            Err(StartError::Ignored)
        });
        let template = template.significant(true);
        let error = Supervisor::simple_one_for_one(template).start_link().unwrap_err();
        let StartError::Failed(reason) = error else { panic!("{error}") };
        let wrong = SpecError::SignificantWithoutAutoShutdown("child".to_owned());
        assert_eq!(reason, wrong.into());
    }
}

mod destructors_of_thread_locals {
    use super::*;

    /// Runs a closure when the thread ends.
    struct AtEnd(Option<Box<dyn FnOnce()>>);

    impl Drop for AtEnd {
        fn drop(&mut self) {
            self.0.take().into_iter().for_each(|last| last());
        }
    }

    thread_local! {
        static AT_END: RefCell<AtEnd> = const { RefCell::new(AtEnd(None)) };
    }

    #[test]
    fn do_not_touch_the_process_that_got_the_slot_of_theirs() {
        for _ in 0..rounds(10) {
            let (depart, departed) = mpsc::channel();
            let (let_go, held) = mpsc::channel::<()>();
            let last = move || {
                depart.send(()).unwrap();
                _ = held.recv();
                dictionary::put("stale", 1_u8);
                process::set_label("stale");
                process::receive_timeout(Duration::ZERO);
            };
            let old = thread::spawn(move || {
                AT_END.with_borrow_mut(|at_end| at_end.0 = Some(Box::new(last)));
                process::self_pid();
            });
            departed.recv_timeout(test_timeout()).unwrap();

            let me = process::self_pid();
            let (go_on, wait) = mpsc::channel::<()>();
            let next = thread::spawn(move || {
                process::send(me, process::self_pid());
                _ = wait.recv();
                assert_eq!(dictionary::keys().len(), 0);
                assert!(process::label(process::self_pid()).is_none());
                assert_eq!(expect::<&str>(), "for the next one");
            });
            process::send(expect::<Pid>(), "for the next one");
            drop(let_go);
            old.join().unwrap();
            drop(go_on);
            next.join().unwrap();
        }
    }
}
