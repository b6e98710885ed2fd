//! Names that a registrar of the program's own keeps: who asks it for what, and when.

use std::collections::HashMap;
use std::time::Duration;

use once_cell::sync::Lazy;
use parking_lot::Mutex;
use procession::gen_server::{self, EnterLoopError, NameRefused};
use procession::prelude::*;
use procession::registry::{Registry, RegistryError, RegistryRef};
use procession::{Destination, NameRefusal, Registrar, Via, proc_lib, sys, timer};

use crate::support::calls::CallKind;
use crate::support::drops::PanicsOnDrop;
use crate::support::processes::{idle, in_process};
use crate::support::rounds::{delay_by, rounds};
use crate::support::scripted::{
    InfoReceived, Scripted, Terminated, call_message, cast_message, init_with, observed_init,
    pid_of,
};
use crate::support::wait::{assert_no_message, down_reason, expect, test_timeout};

/// A registrar that says what it is asked for.
#[derive(Debug, PartialEq, Eq, Hash)]
struct Desk {
    observer: Pid,
    mood: Mood,
}

/// How it treats a process that wants a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Mood {
    Kind,
    Refusing,
    Panicking,
}

/// To the observer: what this process has asked for.
#[derive(Debug, PartialEq)]
enum Asked {
    Register { by: Pid, pid: Pid },
    Unregister { by: Pid },
    Send { by: Pid },
}

static NAMES: Lazy<Mutex<HashMap<&'static str, Pid>>> = Lazy::new(Mutex::default);

impl Registrar for Desk {
    type Name = &'static str;

    fn register_name(&self, name: &&'static str, pid: Pid) -> bool {
        process::send(self.observer, Asked::Register { by: process::self_pid(), pid });
        let mut names = NAMES.lock();
        let is_free = !names.get(*name).is_some_and(|holder| process::is_alive(*holder));
        match self.mood {
            Mood::Kind if is_free => {
                names.insert(*name, pid);
                true
            }
            Mood::Kind | Mood::Refusing => false,
            Mood::Panicking => panic!("on purpose"),
        }
    }

    fn unregister_name(&self, name: &&'static str) {
        process::send(self.observer, Asked::Unregister { by: process::self_pid() });
        NAMES.lock().remove(*name);
    }

    fn whereis_name(&self, name: &&'static str) -> Option<Pid> {
        NAMES.lock().get(*name).copied().filter(|pid| process::is_alive(*pid))
    }

    fn send(&self, name: &&'static str, message: Message) -> Result<(), Message> {
        process::send(self.observer, Asked::Send { by: process::self_pid() });
        let Some(pid) = self.whereis_name(name) else { return Err(message) };
        process::send(pid, message);
        Ok(())
    }
}

#[test]
fn a_name_is_displayed_with_its_registrar() {
    assert_eq!(Via::new(Revolving(3), "chair").to_string(), r#""chair" in Revolving(3)"#);
}

#[test]
fn a_registrar_can_say_how_its_names_are_displayed() {
    let parts = RegistryRef::<&str>::named("via::parts");
    assert_eq!(parts.via("oscar").to_string(), r#""oscar" in registry via::parts"#);
}

/// A registrar whose names are had by one process after the other: the first so many that ask are
/// refused by one that has ended when it is asked for.
#[derive(Debug, PartialEq, Eq, Hash)]
struct Revolving(usize);

/// How often it has refused, and who has the name.
type Turn = (usize, Option<Pid>);

static TURNS: Lazy<Mutex<HashMap<(usize, &'static str), Turn>>> = Lazy::new(Mutex::default);

impl Registrar for Revolving {
    type Name = &'static str;

    fn register_name(&self, name: &&'static str, pid: Pid) -> bool {
        let mut turns = TURNS.lock();
        let (refused, holder) = turns.entry((self.0, *name)).or_default();
        if *refused < self.0 {
            *refused += 1;
            return false;
        }
        if holder.is_some_and(process::is_alive) {
            return false;
        }
        *holder = Some(pid);
        true
    }

    fn unregister_name(&self, name: &&'static str) {
        TURNS.lock().remove(&(self.0, *name));
    }

    fn whereis_name(&self, name: &&'static str) -> Option<Pid> {
        TURNS.lock().get(&(self.0, *name))?.1.filter(|pid| process::is_alive(*pid))
    }

    fn send(&self, name: &&'static str, message: Message) -> Result<(), Message> {
        let Some(pid) = self.whereis_name(name) else { return Err(message) };
        process::send(pid, message);
        Ok(())
    }
}

/// How many had a name before this server has got it.
fn ended_before(server: &ServerRef<Scripted>) -> usize {
    let turns = TURNS.lock();
    let of_it = turns.values().find(|(_, holder)| *holder == Some(server.pid()));
    of_it.expect("it has the name").0
}

/// A registrar that tells its observer when it is asked for the name, and refuses each time: as
/// this process has it, or for good. It is asked for nothing else.
#[derive(Debug, PartialEq, Eq, Hash)]
struct Judge {
    observer: Pid,
    holder: Option<Pid>,
}

/// Why a [`Judge`] refuses for good.
#[derive(Clone, Debug, PartialEq)]
struct OutOfOrder;

impl Registrar for Judge {
    type Name = &'static str;

    fn register_name(&self, _: &&'static str, _: Pid) -> bool {
        unreachable!("it would have to be asked who has the name");
    }

    fn try_register_name(&self, _: &&'static str, pid: Pid) -> Result<(), NameRefusal> {
        process::send(self.observer, Asked::Register { by: process::self_pid(), pid });
        let for_good = NameRefusal::Failed(ExitReason::new(OutOfOrder));
        Err(self.holder.map_or(for_good, NameRefusal::Taken))
    }

    fn unregister_name(&self, _: &&'static str) {
        unreachable!("nobody has got it");
    }

    fn whereis_name(&self, _: &&'static str) -> Option<Pid> {
        unreachable!("it was said with the refusal who has the name");
    }

    fn send(&self, _: &&'static str, message: Message) -> Result<(), Message> {
        Err(message)
    }
}

/// A registrar, or a name, that panics when it is dropped.
#[derive(Debug, PartialEq, Eq, Hash)]
struct Fragile(Revolving);

impl Drop for Fragile {
    fn drop(&mut self) {
        assert!(std::thread::panicking(), "on purpose");
    }
}

impl Registrar for Fragile {
    type Name = &'static str;

    fn register_name(&self, name: &&'static str, pid: Pid) -> bool {
        self.0.register_name(name, pid)
    }

    fn unregister_name(&self, name: &&'static str) {
        self.0.unregister_name(name);
    }

    fn whereis_name(&self, name: &&'static str) -> Option<Pid> {
        self.0.whereis_name(name)
    }

    fn send(&self, name: &&'static str, message: Message) -> Result<(), Message> {
        self.0.send(name, message)
    }
}

/// A name that panics when it is dropped for the last time.
fn bomb(name: &'static str) -> Via {
    Via::new(Fragile(Revolving(0)), name)
}

/// A registrar that panics when it is dropped, as its names do.
#[derive(Debug, PartialEq, Eq, Hash)]
struct Mined(PanicsOnDrop);

impl Registrar for Mined {
    type Name = PanicsOnDrop;

    fn register_name(&self, _: &PanicsOnDrop, _: Pid) -> bool {
        false
    }

    fn unregister_name(&self, _: &PanicsOnDrop) {}

    fn whereis_name(&self, _: &PanicsOnDrop) -> Option<Pid> {
        None
    }

    fn send(&self, _: &PanicsOnDrop, message: Message) -> Result<(), Message> {
        Err(message)
    }
}

/// A name of a registrar whose observer is the caller.
fn at_desk(mood: Mood, name: &'static str) -> Via {
    Via::new(Desk { observer: process::self_pid(), mood }, name)
}

fn named(via: &Via) -> StartOptions {
    StartOptions::new().name(via.clone())
}

mod a_start {
    use super::*;

    // OTP: gen_server_SUITE:start
    #[test]
    fn has_the_new_process_registered_by_itself_before_its_init() {
        in_process(|| {
            let (me, via) = (process::self_pid(), at_desk(Mood::Kind, "via::start"));
            let init = init_with(move || {
                process::send(me, "init");
                ready(Scripted::default())
            });
            let pid = pid_of(&Scripted::start_with(init, named(&via)).unwrap());
            let asked = process::receive().downcast::<Asked>().unwrap();
            assert_eq!(asked, Asked::Register { by: pid, pid });
            assert_eq!(process::receive().downcast::<&str>().unwrap(), "init");
            assert_eq!(via.whereis(), Some(pid));
            let init = init_with(move || unreachable!("init runs without the name"));
            let second = Scripted::start_with(init, named(&via));
            assert!(matches!(second, Err(StartError::AlreadyStarted(it)) if it == pid));
            let Asked::Register { by, pid: other } = expect() else { panic!("not asked") };
            assert!(by == other && other != pid);
            assert_no_message();
            ServerRef::<Scripted>::at(via).stop().unwrap();
        });
    }

    // OTP: gen_server_SUITE:start
    #[test]
    fn fails_with_a_name_that_no_process_has_or_gets() {
        in_process(|| {
            let via = at_desk(Mood::Refusing, "via::refused");
            let init = init_with(|| unreachable!("init runs without the name"));
            let refused = Scripted::start_with(init, named(&via));
            let Err(StartError::Failed(reason)) = refused else { panic!("{refused:?}") };
            let expected = NameRefused { name: via.to_string() };
            assert_eq!(reason.downcast_ref(), Some(&expected), "{reason}");
            // It was asked several times, as somebody might have had the name and ended.
            let mut times = 0;
            while let Some(asked) = process::receive_timeout(Duration::ZERO) {
                assert!(matches!(asked.downcast(), Ok(Asked::Register { .. })));
                times += 1;
            }
            assert!((2..=100).contains(&times), "{times}");
        });
    }

    #[test]
    fn is_tried_again_when_the_holder_has_ended_before_it_is_known_who_it_was() {
        in_process(|| {
            for ended in 1..5 {
                let via = Via::new(Revolving(ended), "it");
                let server = Scripted::start_with(observed_init(), named(&via)).unwrap();
                assert_eq!(ended_before(&server), ended);
                server.stop().unwrap();
            }
        });
    }

    #[test]
    fn fails_with_the_reason_of_a_registrar_that_refuses_for_good() {
        let nowhere = RegistryRef::<u8>::named("via::no registry");
        let refused = Scripted::start_with(observed_init(), named(&nowhere.via(1)));
        let Err(StartError::Failed(reason)) = refused else { panic!("{refused:?}") };
        let expected = RegistryError::NoRegistry("via::no registry".into());
        assert_eq!(reason.downcast_ref(), Some(&expected), "{reason}");
    }

    /// What becomes of a start by the name of a [`Judge`] that is asked once.
    #[track_caller]
    fn refused_once(holder: Option<Pid>) -> StartError {
        let via = Via::new(Judge { observer: process::self_pid(), holder }, "via::judged");
        let init = init_with(|| unreachable!("init runs without the name"));
        let refused = Scripted::start_with(init, named(&via)).unwrap_err();
        let Asked::Register { by, pid } = expect() else { panic!("not asked") };
        assert!(by == pid && !process::is_alive(pid));
        assert_no_message();
        refused
    }

    #[test]
    fn that_is_refused_for_good_is_not_tried_again() {
        in_process(|| {
            let refused = refused_once(None);
            let StartError::Failed(reason) = &refused else { panic!("{refused:?}") };
            assert_eq!(reason.downcast_ref(), Some(&OutOfOrder));
            assert_eq!(refused.to_string(), "the server failed to initialize: OutOfOrder");
        });
    }

    #[test]
    fn is_refused_with_the_holder_that_the_registrar_has_named() {
        in_process(|| {
            let holder = idle();
            let refused = refused_once(Some(holder));
            assert!(matches!(refused, StartError::AlreadyStarted(it) if it == holder));
            process::exit(holder, ExitReason::Kill);
            // It is believed: who has heard of it may find that the holder has ended since.
            let refused = refused_once(Some(holder));
            assert!(matches!(refused, StartError::AlreadyStarted(it) if it == holder));
        });
    }

    #[test]
    fn fails_if_the_registrar_panics() {
        in_process(|| {
            let via = at_desk(Mood::Panicking, "via::panicking");
            let failed = Scripted::start_with(observed_init(), named(&via));
            let Err(StartError::Failed(reason)) = failed else { panic!("{failed:?}") };
            assert_eq!(reason.as_panic().unwrap().message, "on purpose");
        });
    }

    #[test]
    fn that_fails_gives_the_name_back_in_the_same_process() {
        in_process(|| {
            let via = at_desk(Mood::Kind, "via::failed");
            let init = init_with(|| stop(ExitReason::new("on purpose")));
            let failed = Scripted::start_with(init, named(&via));
            assert!(matches!(failed, Err(StartError::Failed(_))), "{failed:?}");
            let Asked::Register { by, .. } = expect() else { panic!("not registered") };
            assert_eq!(expect::<Asked>(), Asked::Unregister { by });
            assert!(!NAMES.lock().contains_key("via::failed"));
        });
    }
}

// OTP: gen_server_SUITE:start, call_remote1, cast_fast, stop6
#[test]
fn a_name_that_no_process_has_is_an_error_to_calls_and_nothing_to_casts() {
    in_process(|| {
        let (me, via) = (process::self_pid(), at_desk(Mood::Kind, "via::nobody"));
        let nobody = ServerRef::<Scripted>::at(via.clone());
        assert_eq!(nobody.whereis(), None);
        assert_eq!(
            nobody.call(call_message(|_, _| reply(1_u8))).kind(),
            Err(CallErrorKind::NoProc)
        );
        let request = nobody.send_request(call_message(|_, _| reply(1_u8)));
        assert_eq!(request.receive_response(test_timeout()).kind(), Err(CallErrorKind::NoProc));
        assert_eq!(nobody.stop(), Err(StopError::NoProc));
        assert_eq!(sys::of(via.clone()).suspend().kind(), Err(CallErrorKind::NoProc));
        while process::receive_timeout(Duration::ZERO).is_some() {}
        nobody.cast(cast_message(|_| noreply()));
        nobody.send("lost");
        let lost = process::send_to(via.clone(), 1_u8).unwrap_err();
        assert_eq!(lost.message, 1);
        for _ in 0..3 {
            assert_eq!(expect::<Asked>(), Asked::Send { by: me });
        }
        let monitor = process::monitor(via.clone());
        let down: Down = expect();
        let reason = ExitReason::NoProc;
        assert_eq!(down, Down { monitor, object: Destination::from(via), reason });
        assert_no_message();
    });
}

#[test]
fn a_name_can_be_used_to_call_cast_and_stop() {
    in_process(|| {
        let via = at_desk(Mood::Kind, "via::found");
        let server = Scripted::start_with(observed_init(), named(&via)).unwrap();
        let found = ServerRef::<Scripted>::at(via.clone());
        found.cast(cast_message(|it| {
            it.note("cast");
            noreply()
        }));
        let notes = sys::of(via.clone()).get_state(|it: &Scripted| it.notes.clone());
        assert_eq!(notes, Ok(vec!["cast"]));
        let request = found.send_request(call_message(|_, _| reply(2_u8)));
        assert_eq!(request.receive_response(test_timeout()), Ok(2));
        assert!(process::send_to(via.clone(), 1_u8).is_ok());
        assert!(expect::<InfoReceived>().0.is::<u8>());
        let ticks = timer::send_interval(Duration::from_millis(1), via.clone(), "tick");
        assert!(expect::<InfoReceived>().0.is::<&str>() && expect::<InfoReceived>().0.is::<&str>());
        timer::cancel(ticks);
        let monitor = process::monitor(server);
        timer::kill_after(Duration::from_millis(1), via);
        assert_eq!(down_reason(monitor), ExitReason::Killed);
    });
}

mod who_becomes_a_server {
    use super::*;

    fn enter(via: &Via, registers: bool) -> (ServerRef<Scripted>, MonitorRef) {
        let via = via.clone();
        let (pid, monitor) = proc_lib::start_monitor(move |starter| {
            if registers {
                NAMES.lock().insert("via::enter", process::self_pid());
            }
            starter.ack(process::self_pid());
            gen_server::enter_loop(ready(Scripted::default()), named(&via))
        });
        (ServerRef::from_pid(pid.unwrap()), monitor.unwrap())
    }

    // OTP: gen_server_SUITE:otp_5854, spec_init
    #[test]
    fn must_have_the_name_that_it_is_said_to_have() {
        in_process(|| {
            let via = at_desk(Mood::Kind, "via::enter");
            let missing = EnterLoopError::NotRegisteredVia(via.clone());
            let (_, monitor) = enter(&via, false);
            let reason = down_reason(monitor);
            assert_eq!(reason.downcast_ref(), Some(&missing), "{reason}");
            let (first, monitor) = enter(&via, true);
            assert_eq!(first.call(call_message(|_, _| reply(1_u8))), Ok(1));
            let (_, second) = enter(&via, false);
            assert_eq!(down_reason(second).downcast_ref(), Some(&missing), "another has it");
            first.stop().unwrap();
            assert_eq!(down_reason(monitor), ExitReason::Normal);
        });
    }
}

// Elixir: supervisor_test "start_link/3 with via", "stop/1"
#[test]
fn a_name_can_be_used_to_start_and_stop_a_supervisor() {
    in_process(|| {
        let via = at_desk(Mood::Kind, "via::supervisor");
        let start = || Supervisor::one_for_one().start_link_with(named(&via));
        let pid = start().unwrap().pid();
        let second = start();
        assert!(matches!(second, Err(StartError::AlreadyStarted(it)) if it == pid));
        SupervisorRef::at(via.clone()).stop().unwrap();
        assert!(!process::is_alive(pid));
        assert_eq!(SupervisorRef::at(via).stop(), Err(StopError::NoProc));
    });
}

mod whose_destructor_panics {
    use super::*;

    /// The holder of a name, which has a observer.
    fn holder(name: &'static str) -> ServerRef<Scripted> {
        Scripted::start_with(observed_init(), named(&Via::new(Revolving(0), name))).unwrap()
    }

    #[test]
    fn disturbs_neither_the_server_that_has_it_nor_one_that_is_refused() {
        in_process(|| {
            process::set_trap_exit(true);
            let server =
                Scripted::start_link_with(observed_init(), StartOptions::new().name(bomb("free")));
            let server = server.unwrap();
            let pid = pid_of(&server);
            let refused =
                Scripted::start_link_with(observed_init(), StartOptions::new().name(bomb("free")));
            assert!(
                matches!(refused, Err(StartError::AlreadyStarted(holder)) if holder == pid),
                "{refused:?}"
            );
            server.stop().unwrap();
            let Terminated { reason, .. } = expect();
            assert_eq!(reason, ExitReason::Normal);
            assert_eq!(expect::<Exit>(), Exit { from: pid, reason: ExitReason::Normal });
            assert_no_message();
        });
    }

    #[test]
    fn can_be_of_a_registrar_whose_destructor_panics_too() {
        in_process(|| drop(Via::new(Mined(PanicsOnDrop), PanicsOnDrop)));
    }

    // In there a panic would be one of the runtime.
    #[test]
    fn disturbs_no_end_of_a_process() {
        in_process(|| {
            let watched = holder("watched");
            let (_, monitor) = process::spawn_monitor(|| {
                process::monitor(bomb("watched"));
                process::monitor(bomb("nobody"));
            })
            .unwrap();
            assert_eq!(down_reason(monitor), ExitReason::Normal);
            let (_, monitor) = process::spawn_monitor(|| {
                let monitor = process::monitor(bomb("watched"));
                assert!(process::demonitor(monitor));
            })
            .unwrap();
            assert_eq!(down_reason(monitor), ExitReason::Normal);
            watched.stop().unwrap();
        });
    }

    #[test]
    fn disturbs_no_timer() {
        in_process(|| {
            let timed = holder("timed");
            for _ in 0..rounds(50) {
                let never = timer::send_after(Duration::from_secs(3_600), bomb("timed"), "never");
                assert!(timer::cancel(never).is_some());
                timer::send_after(Duration::ZERO, bomb("timed"), "tick");
                while !expect::<InfoReceived>().0.is::<&str>() {} // Ticks may still come.
                let ticks = timer::send_interval(Duration::from_micros(10), bomb("timed"), 1_u8);
                assert!(expect::<InfoReceived>().0.is::<u8>());
                timer::cancel(ticks);
            }
            timed.stop().unwrap();
        });
    }
}

mod many_starts_at_once {
    use super::*;

    /// Starts servers by one name, and ends each that has started at once; returns those, and the
    /// ones that have refused others.
    fn start_and_end(via: &Via, times: usize) -> (Vec<Pid>, Vec<Pid>) {
        let (mut started, mut refused_by) = (Vec::new(), Vec::new());
        for round in 0..times {
            match Scripted::start_with(observed_init(), named(via)) {
                Ok(server) => {
                    started.push(server.pid());
                    delay_by(round);
                    process::exit(server.pid(), ExitReason::Kill);
                }
                Err(StartError::AlreadyStarted(holder)) => refused_by.push(holder),
                Err(error) => panic!("round {round}: {error:?}"),
            }
        }
        (started, refused_by)
    }

    #[track_caller]
    fn check(via: Via) {
        let me = process::self_pid();
        let spawn = |_| {
            let via = via.clone();
            let body = move || process::send(me, start_and_end(&via, rounds(1_000)));
            process::spawn_monitor(body).unwrap().1
        };
        let racers: Vec<MonitorRef> = (0..4).map(spawn).collect();
        racers.into_iter().for_each(|it| assert_eq!(down_reason(it), ExitReason::Normal));
        let (mut started, mut refused_by) = (Vec::new(), Vec::new());
        for _ in 0..4 {
            let (some, others): (Vec<Pid>, Vec<Pid>) = expect();
            started.extend(some);
            refused_by.extend(others);
        }
        assert!(refused_by.iter().all(|holder| started.contains(holder)), "it never had the name");
    }

    #[test]
    fn by_a_global_name_are_refused_in_favour_of_its_owner_only() {
        in_process(|| check(procession::global::name("via::many")));
    }

    #[test]
    fn by_a_key_are_refused_in_favour_of_its_owner_only() {
        in_process(|| {
            let registry = Registry::<u8>::unique("via::many").start_link().unwrap();
            check(registry.via(1));
        });
    }

    #[test]
    fn by_a_name_of_the_programs_own_are_refused_in_favour_of_its_owner_only() {
        in_process(|| check(Via::new(Revolving(0), "via::many")));
    }
}
