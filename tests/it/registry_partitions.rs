//! Registries, as their partitions' servers see them: links to who has registered, what listeners
//! are told, and what becomes of who ends in between.

use std::hash::{Hash, Hasher};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc;
use std::time::Duration;

use procession::prelude::*;
use procession::process::Builder;
use procession::registry::{Registered, Registry, RegistryError, RegistryRef, Unregistered};
use procession::supervisor::SupervisorError;
use procession::sys;

use crate::registry::Member;
use crate::support::drops::OnDrop;
use crate::support::processes::{Begun, FOREVER, in_process};
use crate::support::wait::{assert_no_message, down_reason, exit_and_wait, expect, wait_until};

/// The servers of a registry's partitions.
fn servers(name: &'static str) -> Vec<Pid> {
    let children = SupervisorRef::named(name).which_children().unwrap();
    children.iter().map(|child| child.state.pid().unwrap()).collect()
}

fn is_linked_to(pid: Pid) -> bool {
    process::info(process::self_pid()).unwrap().links.contains(&pid)
}

/// A unique registry with one partition, of which the caller hears, and the partition's server.
fn listened(name: &'static str) -> (RegistryRef<&'static str>, Pid) {
    process::register(name.split(' ').next_back().unwrap(), process::self_pid()).unwrap();
    let start = Registry::unique(name).listener(name.split(' ').next_back().unwrap());
    (start.start_link().unwrap(), servers(name)[0])
}

fn told_registered() -> (&'static str, Pid) {
    let told: Registered<&'static str, ()> = expect();
    (told.key, told.pid)
}

fn told_unregistered() -> (&'static str, Pid) {
    let told: Unregistered<&'static str> = expect();
    (told.key, told.pid)
}

// Elixir: registry_test "starts configured number of partitions"
#[test]
fn there_is_a_server_for_each() {
    for (name, partitions) in [("partitions::one", 1), ("partitions::eight", 8)] {
        Registry::<u8>::duplicate(name).partitions(partitions).start_link().unwrap();
        assert_eq!(servers(name).len(), partitions);
    }
}

#[test]
#[should_panic(expected = "at least one partition")]
fn there_is_at_least_one() {
    _ = Registry::<u8>::unique("partitions::none").partitions(0);
}

// Elixir: registry_test "links and unlinks on register/unregister"
#[test]
fn are_linked_to_exactly_the_registered_processes() {
    in_process(|| {
        let name = "partitions::links";
        let registry = Registry::<u8>::unique(name).start_link().unwrap();
        let server = servers(name)[0];
        registry.register(1, ()).unwrap();
        registry.register(2, ()).unwrap();
        registry.unregister(&1).unwrap();
        assert!(is_linked_to(server));
        registry.unregister(&2).unwrap();
        assert!(!is_linked_to(server));
    });
}

// Elixir: unique_test "doesn't grow ets on already_registered"
#[test]
fn keep_nothing_of_a_process_that_was_refused() {
    in_process(|| {
        let name = "partitions::refused";
        let registry = Registry::<u8>::unique(name).start_link().unwrap();
        let (server, me) = (servers(name)[0], process::self_pid());
        let (holder, there) = (Member::spawn(), registry.clone());
        holder.does(move || there.register(1, ()).unwrap());
        let taken = Err(RegistryError::AlreadyRegistered(holder.pid));
        (0..10).for_each(|_| assert_eq!(registry.register(1, ()), taken));
        assert!(!is_linked_to(server));
        assert_eq!((registry.count(), registry.keys(me)), (Ok(1), Ok(vec![])));
        registry.register(2, ()).unwrap();
        assert_eq!(registry.register(1, ()), taken);
        assert!(is_linked_to(server), "it has another key there");
        holder.ends();
    });
}

// Elixir: registry_test "has unique registrations even if partition is delayed"
#[test]
fn free_a_key_before_they_have_heard_of_the_end() {
    in_process(|| {
        let (registry, server) = listened("partitions late_listener");
        let me = process::self_pid();
        let (first, there) = (Member::spawn(), registry.clone());
        first.does(move || there.register("a", ()).unwrap());
        let first_pid = first.pid;
        assert_eq!(told_registered(), ("a", first_pid));
        sys::of(server).suspend().unwrap();
        first.ends();
        assert_eq!((registry.lookup(&"a"), registry.count()), (Ok(vec![]), Ok(0)));
        assert_eq!(registry.keys(first_pid), Ok(vec![]));
        assert_eq!(registry.select(|key, _, ()| Some(*key)), Ok(vec![]));
        assert_eq!(registry.count_select(|_, _, ()| true), Ok(0));
        assert_eq!(registry.register("a", ()), Ok(()));
        assert_eq!(registry.lookup(&"a"), Ok(vec![(me, ())]));
        // The one that is gone is told of by who has taken its place.
        assert_eq!((told_unregistered(), told_registered()), (("a", first_pid), ("a", me)));
        sys::of(server).resume().unwrap();
        sys::of(server).get_status().unwrap();
        assert_eq!(registry.lookup(&"a"), Ok(vec![(me, ())]));
        assert_no_message();
    });
}

// Elixir: registry_test "allows listeners"
#[test]
fn are_not_needed_to_tell_listeners_what_a_process_does_itself() {
    in_process(|| {
        let (registry, server) = listened("partitions own_listener");
        let me = process::self_pid();
        sys::of(server).suspend().unwrap();
        registry.register("a", ()).unwrap();
        assert_eq!(told_registered(), ("a", me));
        assert!(registry.register("a", ()).is_err());
        registry.unregister(&"b").unwrap();
        registry.unregister(&"a").unwrap();
        assert_eq!(told_unregistered(), ("a", me));
        assert_no_message();
        sys::of(server).resume().unwrap();
    });
}

#[test]
fn tell_listeners_which_entries_were_lost_in_a_crash() {
    in_process(|| {
        process::set_trap_exit(true);
        let (registry, server) = listened("partitions crash_listener");
        let me = process::self_pid();
        registry.register("a", ()).unwrap();
        assert_eq!(told_registered(), ("a", me));
        process::exit(server, ExitReason::Kill);
        assert_eq!(expect::<Exit>().from, server);
        assert_eq!(told_unregistered(), ("a", me));
        assert_ne!(servers("partitions crash_listener")[0], server);
        assert_eq!(registry.lookup(&"a"), Ok(vec![]));
    });
}

/// A registry with four partitions, in which the caller has the keys from 0 to 39, and is told of
/// what comes and goes; and their servers by their number.
fn in_four(
    start: Registry<u8, ()>,
    name: &'static str,
    listener: &'static str,
) -> (RegistryRef<u8>, Vec<Pid>) {
    process::set_trap_exit(true);
    process::register(listener, process::self_pid()).unwrap();
    let registry = start.partitions(4).listener(listener).start_link().unwrap();
    for key in 0..40 {
        registry.register(key, ()).unwrap();
        assert_eq!(expect::<Registered<u8, ()>>().key, key);
    }
    (registry, servers(name))
}

fn has(registry: &RegistryRef<u8>, key: u8) -> bool {
    !registry.lookup(&key).unwrap().is_empty()
}

// Elixir: registry_test, the supervisor's strategy for duplicate registries
#[test]
fn of_a_duplicate_registry_are_restarted_one_by_one() {
    in_process(|| {
        let name = "partitions::duplicate";
        let (registry, before) =
            in_four(Registry::duplicate(name), name, "partitions::duplicate_listener");
        for victim in 0..3 {
            let server = servers(name)[victim];
            process::exit(server, ExitReason::Kill);
            assert_eq!(expect::<Exit>().from, server);
            // The supervisor may hear of it later than the test's process does.
            wait_until(|| servers(name)[victim] != server);
            let others = servers(name);
            for (number, other) in others.iter().enumerate() {
                assert_eq!(*other != before[number], number <= victim, "{number} of {victim}");
            }
            let lost: Vec<u8> = (0..40).filter(|key| !has(&registry, *key)).collect();
            assert!(!lost.is_empty() && lost.len() < 40, "{lost:?}");
            let mut told: Vec<u8> = lost.iter().map(|_| expect::<Unregistered<u8>>().key).collect();
            told.sort_unstable();
            assert_eq!(told, lost, "the others stay, and of them nothing is told");
            assert_eq!(registry.count(), Ok(40 - lost.len()));
            assert_eq!(registry.keys(process::self_pid()).unwrap().len(), 40 - lost.len());
            for key in lost {
                registry.register(key, ()).unwrap();
                assert_eq!(expect::<Registered<u8, ()>>().key, key);
                assert!(has(&registry, key));
            }
            assert_no_message();
        }
    });
}

// Elixir: registry_test, the supervisor's strategy for unique registries
#[test]
fn of_a_unique_registry_are_restarted_together() {
    in_process(|| {
        let name = "partitions::unique";
        let (registry, before) =
            in_four(Registry::unique(name), name, "partitions::unique_listener");
        process::exit(before[2], ExitReason::Kill);
        before.iter().for_each(|_| _ = expect::<Exit>());
        let others = servers(name);
        assert!(others.iter().all(|server| !before.contains(server)));
        assert_eq!((registry.count(), has(&registry, 1)), (Ok(0), false));
        let mut told: Vec<u8> = (0..40).map(|_| expect::<Unregistered<u8>>().key).collect();
        told.sort_unstable();
        assert_eq!(told, (0..40).collect::<Vec<_>>());
        assert_no_message();
    });
}

/// Crashes a registry's only partition, and waits until the next one is there.
fn crash(name: &'static str) -> Result<(), SupervisorError> {
    exit_and_wait(servers(name)[0], ExitReason::Kill);
    SupervisorRef::named(name).count_children().map(drop)
}

// Elixir: max_restarts and max_seconds of Supervisor, which RegistryRef leaves as they are
#[test]
fn may_crash_three_times_in_five_seconds() {
    in_process(|| {
        for (start, name) in [
            (Registry::unique as fn(&'static str) -> Registry<u8, ()>, "partitions::crash_unique"),
            (Registry::duplicate, "partitions::crash_duplicate"),
        ] {
            let registry = start(name).start_link().unwrap();
            (0..3).for_each(|time| assert_eq!(crash(name), Ok(()), "{name}: {time}"));
            assert_eq!(registry.register(1, ()), Ok(()));
        }
    });
}

#[test]
fn may_crash_as_often_as_they_are_told_to() {
    in_process(|| {
        process::set_trap_exit(true);
        for (restarts, name) in [(0, "partitions::crash_0"), (1, "partitions::crash_1")] {
            let start = Registry::<u8>::duplicate(name).partitions(2).intensity(restarts, FOREVER);
            let registry = start.start_link().unwrap();
            (0..restarts).for_each(|_| assert_eq!(crash(name), Ok(())));
            registry.register(1, ()).unwrap();
            let supervisor = process::whereis(name).unwrap();
            exit_and_wait(servers(name)[0], ExitReason::Kill);
            while expect::<Exit>().from != supervisor {}
            let gone = Err(RegistryError::NoRegistry(name.into()));
            assert_eq!(registry.register(1, ()), gone);
            while process::receive_timeout(Duration::ZERO).is_some() {}
        }
    });
}

#[test]
fn do_not_crash_when_a_value_cannot_be_dropped() {
    in_process(|| {
        process::set_trap_exit(true);
        let name = "partitions::bombs";
        let registry = Registry::<u8, PanicsOnDrop>::duplicate(name).start_link().unwrap();
        let server = servers(name)[0];
        let member = Member::spawn();
        let there = registry.clone();
        member
            .does(move || (0..3).for_each(|key| there.register(key, PanicsOnDrop(true)).unwrap()));
        registry.register(9, PanicsOnDrop(false)).unwrap();
        member.ends();
        sys::of(server).get_status().unwrap();
        assert_eq!((servers(name)[0], registry.count()), (server, Ok(1)));
        // Nor is the next one kept from coming by what the last has left.
        let (member, there) = (Member::spawn(), registry.clone());
        member.does(move || {
            process::set_trap_exit(true);
            there.register(1, PanicsOnDrop(true)).unwrap();
        });
        exit_and_wait(server, ExitReason::Kill);
        let next = servers(name)[0];
        assert_eq!(registry.count(), Ok(0));
        sys::of(next).get_status().unwrap();
        assert_eq!(servers(name)[0], next);
    });
}

/// A key that panics when any process but its own drops it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Homely(Pid);

impl Drop for Homely {
    fn drop(&mut self) {
        let is_at_home = process::self_pid() == self.0;
        assert!(is_at_home || std::thread::panicking(), "on purpose");
    }
}

#[test]
fn do_not_crash_when_a_locked_key_cannot_be_dropped() {
    in_process(|| {
        let name = "partitions::locked_bomb";
        let registry = Registry::<Homely>::unique(name).start_link().unwrap();
        let server = servers(name)[0];
        let key = Homely(process::self_pid());
        for _ in 0..3 {
            assert_eq!(registry.lock(&key, || registry.lock(&key, || 1)), Ok(Ok(1)));
        }
        sys::of(server).get_status().unwrap();
        assert_eq!(servers(name)[0], server);
    });
}

#[test]
fn give_a_key_to_the_next_though_the_last_value_cannot_be_dropped() {
    in_process(|| {
        let name = "partitions::stale_bomb";
        let registry = Registry::<u8, PanicsOnDrop>::unique(name).start_link().unwrap();
        let (member, there) = (Member::spawn(), registry.clone());
        member.does(move || there.register(1, PanicsOnDrop(true)).unwrap());
        sys::of(servers(name)[0]).suspend().unwrap();
        member.ends();
        let registered = process::catch(|| registry.register(1, PanicsOnDrop(false)));
        assert_eq!(registered, Ok(Ok(())), "the value was another's");
        sys::of(servers(name)[0]).resume().unwrap();
    });
}

/// A value that panics when it is dropped, if it is to.
#[derive(Debug)]
struct PanicsOnDrop(bool);

/// A copy does no harm.
impl Clone for PanicsOnDrop {
    fn clone(&self) -> PanicsOnDrop {
        PanicsOnDrop(false)
    }
}

impl Drop for PanicsOnDrop {
    fn drop(&mut self) {
        assert!(!self.0 || std::thread::panicking(), "on purpose");
    }
}

#[test]
fn do_not_show_keys_values_and_metadata_in_their_status() {
    in_process(|| {
        let name = "partitions::shown";
        let registry = Registry::<&str, &str>::unique(name).meta("limit", "in it");
        let registry = registry.start_link().unwrap();
        registry.register("a key", "a value").unwrap();
        let status = format!("{:?}", sys::of(servers(name)[0]).get_status().unwrap());
        assert!(status.contains(name), "{status}");
        let is_shown = |kept| status.contains(kept);
        assert!(!["a key", "a value", "in it"].into_iter().any(is_shown), "{status}");
    });
}

#[test]
fn do_not_take_an_exit_signal_for_the_end_of_its_sender() {
    in_process(|| {
        let name = "partitions::signal";
        let registry = Registry::<u8>::unique(name).start_link().unwrap();
        let (server, me) = (servers(name)[0], process::self_pid());
        registry.register(1, ()).unwrap();
        process::exit(server, ExitReason::new("not an end"));
        sys::of(server).get_status().unwrap();
        assert_eq!(registry.lookup(&1), Ok(vec![(me, ())]));
    });
}

#[test]
fn have_nothing_of_a_thread_that_was_killed() {
    in_process(|| {
        let registry = Registry::<u8>::unique("partitions::thread").start_link().unwrap();
        let (test, there) = (process::self_pid(), registry.clone());
        let (pid, answers) = std::thread::scope(|scope| {
            let thread = scope.spawn(move || {
                let me = process::self_pid();
                there.register(1, ()).unwrap();
                process::send(test, me);
                wait_until(|| !process::is_alive(me));
                (there.register(2, ()), there.unregister(&1), there.lock(&1, || ()))
            });
            let pid: Pid = expect();
            process::exit(pid, ExitReason::Kill);
            (pid, thread.join().unwrap())
        });
        let ended = Err(RegistryError::CallerEnded);
        assert_eq!(answers, (ended.clone(), Ok(()), ended));
        assert_eq!((registry.count(), registry.keys(pid)), (Ok(0), Ok(vec![])));
        assert_eq!(registry.register(1, ()), Ok(()));
    });
}

/// Starts a process that locks the key 1 and does `work`, and waits until it has asked for it.
fn asks_for_lock(
    registry: &RegistryRef<u8>,
    server: Pid,
    work: impl FnOnce() + Send + 'static,
) -> (Pid, MonitorRef) {
    let there = registry.clone();
    let (pid, monitor) =
        process::spawn_monitor(move || there.lock(&1, work).expect("a registry")).unwrap();
    wait_until(|| process::info(pid).unwrap().monitored_by.contains(&server));
    (pid, monitor)
}

#[test]
fn give_a_lock_to_the_process_that_waits_when_its_holder_ends() {
    in_process(|| {
        let name = "partitions::holder";
        let registry = Registry::<u8>::unique(name).start_link().unwrap();
        let server = servers(name)[0];
        let (me, there) = (process::self_pid(), registry.clone());
        let (let_go, held) = mpsc::channel::<()>();
        // It is given up: what would give the lock back does not run.
        let builder = Builder::new().kill_grace(Duration::from_millis(1));
        let body = move || {
            process::send(me, Begun);
            _ = held.recv();
        };
        let (holder, ended) = builder.spawn_monitor(move || drop(there.lock(&1, body))).unwrap();
        expect::<Begun>();
        let (_, gone_on) = asks_for_lock(&registry, server, || {});
        process::exit(holder, ExitReason::Kill);
        assert_eq!(down_reason(ended), ExitReason::Killed);
        assert_eq!(down_reason(gone_on), ExitReason::Normal);
        drop(let_go);
        assert_eq!(registry.lock(&1, || 1), Ok(1));
    });
}

#[test]
fn drop_the_value_of_what_ran_under_a_lock_if_its_holder_was_killed() {
    in_process(|| {
        let registry = Registry::<u8>::unique("partitions::killed").start_link().unwrap();
        let (me, there) = (process::self_pid(), registry.clone());
        let (let_go, held) = mpsc::channel::<()>();
        let (dropped, drops) = mpsc::channel();
        let work = move || {
            process::send(me, Begun);
            _ = held.recv();
            OnDrop(move || dropped.send(()).unwrap())
        };
        let (holder, ended) = process::spawn_monitor(move || drop(there.lock(&1, work))).unwrap();
        expect::<Begun>();
        process::exit(holder, ExitReason::Kill);
        drop(let_go);
        assert_eq!(down_reason(ended), ExitReason::Killed);
        assert_eq!(drops.try_recv(), Ok(()));
    });
}

#[test]
fn keep_a_lock_until_it_is_given_back_as_often_as_it_was_taken() {
    in_process(|| {
        let name = "partitions::twice";
        let registry = Registry::<u8>::unique(name).start_link().unwrap();
        let server = servers(name)[0];
        let is_inside = Arc::new(AtomicBool::new(true));
        let waiting = registry.lock(&1, || {
            registry.lock(&1, || ()).unwrap();
            let seen = Arc::clone(&is_inside);
            let work = move || assert!(!seen.load(Ordering::SeqCst), "two have the lock");
            let waiting = asks_for_lock(&registry, server, work);
            (0..1_000).for_each(|_| std::thread::yield_now());
            is_inside.store(false, Ordering::SeqCst);
            waiting
        });
        assert_eq!(down_reason(waiting.unwrap().1), ExitReason::Normal);
        sys::of(server).get_status().unwrap();
        let monitors = process::info(server).unwrap().monitors;
        assert!(monitors.is_empty(), "those who have had it are still watched: {monitors:?}");
    });
}

type Answer = Result<(), RegistryError>;

/// Uses the registry as the process is unwound.
#[derive(Debug)]
struct Leaving(RegistryRef<&'static str>, Pid);

impl Drop for Leaving {
    fn drop(&mut self) {
        let answers = (self.0.unregister(&"a"), self.0.register("b", ()));
        process::send(self.1, Opaque::new(answers));
    }
}

#[test]
fn serve_destructors_of_processes_that_panic_or_were_killed() {
    in_process(|| {
        let (registry, _) = listened("partitions drop_listener");
        let me = process::self_pid();
        for kill in [false, true] {
            let there = registry.clone();
            let (pid, monitor) = process::spawn_monitor(move || {
                let leaving = Leaving(there, me);
                leaving.0.register("a", ()).unwrap();
                if kill {
                    process::receive_match(|_| false)
                } else {
                    panic!("on purpose")
                };
            })
            .unwrap();
            assert_eq!(told_registered(), ("a", pid));
            process::exit(pid, if kill { ExitReason::Kill } else { ExitReason::Normal });
            let answers: Opaque<(Answer, Answer)> = expect();
            let ended = Err(RegistryError::CallerEnded);
            assert_eq!(answers.into_inner(), (Ok(()), if kill { ended } else { Ok(()) }));
            if !kill {
                assert_eq!(told_registered(), ("b", pid));
                assert_eq!(told_unregistered(), ("a", pid));
            }
            down_reason(monitor);
            assert_eq!(told_unregistered(), (if kill { "a" } else { "b" }, pid));
            assert_eq!(registry.count(), Ok(0));
        }
    });
}

/// A key or a value that uses a registry when it is dropped.
#[derive(Clone, Debug)]
struct Using(u8, &'static str);

impl PartialEq for Using {
    fn eq(&self, other: &Using) -> bool {
        self.0 == other.0
    }
}

impl Eq for Using {}

impl Hash for Using {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.hash(state);
    }
}

impl Drop for Using {
    fn drop(&mut self) {
        RegistryRef::<Using, Using>::named(self.1).count().unwrap();
    }
}

#[test]
fn are_not_locked_while_keys_and_values_are_dropped() {
    in_process(|| {
        let name = "partitions::drops";
        let registry = Registry::<Using, Using>::duplicate(name).start_link().unwrap();
        let using = move || Using(1, name);
        registry.register(using(), using()).unwrap();
        let (other, there) = (Member::spawn(), registry.clone());
        other.does(move || {
            there.register(using(), using()).unwrap();
            there.unregister(&using()).unwrap();
            there.register(using(), using()).unwrap();
        });
        other.ends();
        sys::of(servers(name)[0]).get_status().unwrap();
        registry.unregister(&using()).unwrap();
        assert_eq!(registry.count(), Ok(0));
    });
}

#[test]
fn are_not_locked_while_a_value_is_replaced() {
    in_process(|| {
        let name = "partitions::replaced";
        let registry = Registry::<Using, Using>::unique(name).start_link().unwrap();
        let using = || Using(1, name);
        registry.register(using(), using()).unwrap();
        let update = |value| registry.update_value(&using(), |_| value).unwrap();
        let (new, old) = registry
            .update_value(&using(), |_| {
                drop(update(Using(2, name)));
                Using(3, name)
            })
            .unwrap();
        assert_eq!((new.0, old.0), (3, 1));
        registry.unregister(&using()).unwrap();
    });
}
