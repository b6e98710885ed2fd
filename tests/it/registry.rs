//! Registries: entries come with processes and go with them; nobody is found who has ended.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use parking_lot::Mutex;
use procession::prelude::*;
use procession::registry::{Registered, Registry, RegistryError, RegistryRef, Unregistered};

use crate::support::calls::CallKind;
use crate::support::processes::in_process;
use crate::support::wait::{down_reason, exit_and_wait, test_timeout};

/// A process that does what it is asked to, in the registry that it is asked to.
pub(crate) struct Member {
    pub(crate) pid: Pid,
    monitor: MonitorRef,
}

/// To a member: do this, and say when it is done.
struct Do(Box<dyn FnOnce() + Send>);

impl std::fmt::Debug for Do {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Do")
    }
}

/// From a member.
#[derive(Debug)]
struct Done(Pid);

impl Member {
    pub(crate) fn spawn() -> Member {
        let listener = process::self_pid();
        let (pid, monitor) = process::spawn_monitor(move || {
            loop {
                receive! {
                    Do(work) => {
                        work();
                        process::send(listener, Done(process::self_pid()));
                    }
                    reason: ExitReason => process::exit_self(reason),
                }
            }
        })
        .unwrap();
        Member { pid, monitor }
    }

    #[track_caller]
    pub(crate) fn does(&self, work: impl FnOnce() + Send + 'static) {
        process::send(self.pid, Do(Box::new(work)));
        receive! {
            Done(pid) if pid == self.pid => {}
            after test_timeout() => panic!("it is not done"),
        }
    }

    /// Ends it, and waits for its DOWN.
    #[track_caller]
    pub(crate) fn ends(self) {
        process::send(self.pid, ExitReason::new("registry::end"));
        down_reason(self.monitor);
    }
}

/// Checks the same for one partition and for many.
fn with_partitions<K, V>(
    start: fn(&'static str) -> Registry<K, V>,
    names: [&'static str; 2],
    check: impl Fn(RegistryRef<K, V>),
) where
    K: procession::registry::Key,
    V: procession::registry::Value,
{
    for (name, partitions) in names.into_iter().zip([1, 8]) {
        check(start(name).partitions(partitions).start_link().unwrap());
    }
}

fn sorted<T: Ord>(values: impl IntoIterator<Item = T>) -> Vec<T> {
    values.into_iter().collect::<BTreeSet<_>>().into_iter().collect()
}

mod a_unique_registry {
    use super::*;

    // Elixir: unique_test "has unique registrations", "has unique registrations across processes"
    #[test]
    fn has_one_entry_for_a_key() {
        let names = ["registry::unique", "registry::unique8"];
        with_partitions(Registry::<&str, u32>::unique, names, |registry| {
            let me = process::self_pid();
            assert_eq!(registry.register("a", 1), Ok(()));
            let taken = Err(RegistryError::AlreadyRegistered(me));
            assert_eq!(registry.register("a", 2), taken);
            assert_eq!(registry.lookup(&"a"), Ok(vec![(me, 1)]));
            let (other, there) = (Member::spawn(), registry.clone());
            other.does(move || assert_eq!(there.register("a", 3), taken));
            assert_eq!(registry.lookup(&"a"), Ok(vec![(me, 1)]));
            assert_eq!(registry.lookup(&"b"), Ok(vec![]));
            assert_eq!(registry.keys(me), Ok(vec!["a"]));
            assert_eq!(registry.keys(other.pid), Ok(vec![]));
            other.ends();
        });
    }

    // Elixir: registry_test "unregisters by key", "unregisters with no entries"
    #[test]
    fn forgets_what_is_unregistered_by_its_own_process() {
        let names = ["registry::unregister", "registry::unregister8"];
        with_partitions(Registry::<u8, ()>::unique, names, |registry| {
            assert_eq!(registry.unregister(&1), Ok(()));
            registry.register(1, ()).unwrap();
            registry.register(2, ()).unwrap();
            let (other, there) = (Member::spawn(), registry.clone());
            other.does(move || there.unregister(&1).unwrap());
            assert_eq!(registry.count(), Ok(2));
            assert_eq!(registry.unregister(&1), Ok(()));
            assert_eq!(registry.keys(process::self_pid()), Ok(vec![2]));
            let there = registry.clone();
            other.does(move || there.register(1, ()).unwrap());
            assert_eq!(registry.lookup(&1), Ok(vec![(other.pid, ())]));
            other.ends();
        });
    }

    // Elixir: registry_test "clean up registry on process crash"
    #[test]
    fn has_no_entries_of_a_process_that_has_ended_and_gives_its_keys_to_others() {
        let names = ["registry::down", "registry::down8"];
        with_partitions(Registry::<u32, u32>::unique, names, |registry| {
            for round in 0..200 {
                let (other, there) = (Member::spawn(), registry.clone());
                other.does(move || (0..10).for_each(|key| there.register(key, round).unwrap()));
                let pid = other.pid;
                other.ends();
                assert_eq!(registry.lookup(&(round % 10)), Ok(vec![]));
                assert_eq!((registry.count(), registry.keys(pid)), (Ok(0), Ok(vec![])));
                registry.register(round % 10, round).unwrap();
                registry.unregister(&(round % 10)).unwrap();
            }
        });
    }

    // Elixir: doctest of update_value/3
    #[test]
    fn changes_values_for_their_own_processes() {
        let names = ["registry::update", "registry::update8"];
        with_partitions(Registry::<&str, u32>::unique, names, |registry| {
            let missing = Err(RegistryError::NotRegistered);
            assert_eq!(registry.update_value(&"a", |n| n + 1), missing);
            registry.register("a", 1).unwrap();
            assert_eq!(registry.update_value(&"a", |n| n + 1), Ok((2, 1)));
            assert_eq!(registry.lookup(&"a"), Ok(vec![(process::self_pid(), 2)]));
            let (other, there) = (Member::spawn(), registry.clone());
            other.does(move || assert_eq!(there.update_value(&"a", |n| n + 1), missing));
            other.ends();
        });
    }

    #[test]
    fn is_not_locked_while_it_runs_what_it_is_given() {
        let registry = Registry::<&str, u32>::unique("registry::inner").start_link().unwrap();
        registry.register("a", 1).unwrap();
        let again = || registry.register("b", 2).is_ok() && registry.unregister(&"b").is_ok();
        registry.update_value(&"a", |_| if again() { 2 } else { 0 }).unwrap();
        assert_eq!(registry.count_match(&"a", |_, n| *n == 2 && again()), Ok(1));
        assert_eq!(registry.select(|_, _, n| again().then_some(*n)), Ok(vec![2]));
        registry.unregister_match(&"a", |_| again()).unwrap();
        assert_eq!(registry.count(), Ok(0));
    }
}

#[test]
fn a_registry_that_has_ended_keeps_nothing_though_others_still_know_of_it() {
    const NAME: &str = "registry::kept";
    in_process(|| {
        process::set_trap_exit(true);
        let value = Arc::new(0_u8);
        let start = Registry::<u8, Arc<u8>>::duplicate(NAME).meta("meta", Arc::clone(&value));
        let registry = start.start_link().unwrap();
        registry.register(1, Arc::clone(&value)).unwrap();
        assert_eq!(registry.lookup(&1).unwrap().len(), 1);
        exit_and_wait(process::whereis(NAME).unwrap(), ExitReason::Kill);
        assert_eq!(Arc::strong_count(&value), 1);
        assert_eq!(registry.count(), Err(RegistryError::NoRegistry(NAME.into())));
    });
}

/// Looks for itself when it is dropped, and tells what it finds.
#[derive(Debug)]
struct Probe(RegistryRef<u8, Arc<Probe>>, std::sync::mpsc::Sender<RegistryError>);

impl Drop for Probe {
    fn drop(&mut self) {
        self.1.send(self.0.lookup(&1).unwrap_err()).unwrap();
        self.1.send(self.0.count().unwrap_err()).unwrap();
    }
}

#[test]
fn a_registry_that_is_ending_is_not_there_for_the_destructors_of_its_values() {
    const NAME: &str = "registry::ending";
    in_process(|| {
        process::set_trap_exit(true);
        let registry = Registry::<u8, Arc<Probe>>::duplicate(NAME).start_link().unwrap();
        let (tell, told) = std::sync::mpsc::channel();
        registry.register(1, Arc::new(Probe(registry.clone(), tell))).unwrap();
        assert_eq!(registry.lookup(&1).unwrap().len(), 1);
        exit_and_wait(process::whereis(NAME).unwrap(), ExitReason::Shutdown);
        let gone = RegistryError::NoRegistry(NAME.into());
        assert_eq!(told.try_iter().collect::<Vec<_>>(), [gone.clone(), gone]);
    });
}

mod a_duplicate_registry {
    use super::*;

    // Elixir: duplicate_test "has duplicate registrations", "has duplicate registrations across
    // processes"
    #[test]
    fn has_any_number_of_entries_for_a_key() {
        let names = ["registry::duplicate", "registry::duplicate8"];
        with_partitions(Registry::<&str, u32>::duplicate, names, |registry| {
            let me = process::self_pid();
            registry.register("a", 1).unwrap();
            registry.register("a", 2).unwrap();
            let (other, there) = (Member::spawn(), registry.clone());
            other.does(move || there.register("a", 3).unwrap());
            let expected = vec![(me, 1), (me, 2), (other.pid, 3)];
            assert_eq!(registry.lookup(&"a"), Ok(expected));
            assert_eq!(registry.keys(me), Ok(vec!["a", "a"]));
            assert_eq!(registry.values(&"a", me), Ok(vec![1, 2]));
            assert_eq!((registry.count(), registry.values(&"b", me)), (Ok(3), Ok(vec![])));
            let pid = other.pid;
            other.ends();
            assert_eq!(registry.lookup(&"a"), Ok(vec![(me, 1), (me, 2)]));
            assert_eq!(registry.values(&"a", pid), Ok(vec![]));
            registry.unregister(&"a").unwrap();
            assert_eq!(registry.count(), Ok(0));
        });
    }

    // Elixir: duplicate_test "unregister_match supports patterns", "supports guards"
    #[test]
    fn unregisters_only_the_matching_entries_of_the_caller() {
        let names = ["registry::match", "registry::match8"];
        with_partitions(Registry::<&str, u32>::duplicate, names, |registry| {
            let me = process::self_pid();
            (1..=4).for_each(|n| registry.register("a", n).unwrap());
            let (other, there) = (Member::spawn(), registry.clone());
            other.does(move || there.register("a", 2).unwrap());
            registry.unregister_match(&"a", |n| n % 2 == 0).unwrap();
            assert_eq!(registry.lookup(&"a"), Ok(vec![(me, 1), (me, 3), (other.pid, 2)]));
            assert_eq!(registry.lookup_match(&"a", |_, n| *n > 2), Ok(vec![(me, 3)]));
            assert_eq!(registry.count_match(&"a", |pid, _| pid == me), Ok(2));
            registry.register("b", 9).unwrap();
            let chosen = registry.select(|key, _, n| (*n > 1).then_some((*key, *n)));
            assert_eq!(sorted(chosen.unwrap()), [("a", 2), ("a", 3), ("b", 9)]);
            assert_eq!(registry.count_select(|key, pid, _| *key == "a" && pid == me), Ok(2));
            other.ends();
            registry.unregister(&"a").unwrap();
            registry.unregister(&"b").unwrap();
        });
    }

    // Elixir: duplicate_test "raises if attempt to be used on via"
    #[test]
    fn does_not_know_processes_by_their_keys() {
        let registry = Registry::<&str, u32>::duplicate("registry::no via").start_link().unwrap();
        let not_unique = Err(RegistryError::NotUnique(Arc::clone(registry.name())));
        assert_eq!(registry.update_value(&"a", |n| *n), not_unique);
        registry.register("a", 1).unwrap();
        assert_eq!(registry.via("a").whereis(), None);
        let refused = Echo::start_with((), StartOptions::new().name(registry.via("a")));
        assert!(matches!(refused, Err(StartError::Failed(_))), "{refused:?}");
    }
}

mod a_dispatch {
    use super::*;

    // Elixir: duplicate_test "dispatches to multiple keys in serial"
    #[test]
    fn calls_with_the_entries_unless_there_are_none() {
        let names = ["registry::dispatch", "registry::dispatch8"];
        with_partitions(Registry::<&str, u32>::duplicate, names, |registry| {
            let me = process::self_pid();
            let mut heard = Vec::new();
            registry.dispatch(&"a", |_| unreachable!("there are no entries")).unwrap();
            let unheard = registry.dispatch_parallel(&"a", |_| unreachable!("nor here"));
            assert_eq!(unheard, Ok(()));
            registry.register("a", 1).unwrap();
            registry.register("a", 2).unwrap();
            registry.dispatch(&"a", |entries| heard.extend(entries.to_vec())).unwrap();
            assert_eq!(heard, [(me, 1), (me, 2)]);
        });
    }

    // Elixir: duplicate_test "dispatches to multiple keys in parallel"
    #[test]
    fn in_parallel_is_through_when_all_are_and_leaves_nothing() {
        let names = ["registry::parallel", "registry::parallel8"];
        with_partitions(Registry::<&str, usize>::duplicate, names, |registry| {
            process::set_trap_exit(true);
            (1..=100).for_each(|n| registry.register("a", n).unwrap());
            let sum = Arc::new(AtomicUsize::new(0));
            let total = Arc::clone(&sum);
            let add = move |entries: &[(Pid, usize)]| {
                let part: usize = entries.iter().map(|(_, n)| n).sum();
                total.fetch_add(part, Ordering::SeqCst);
            };
            assert_eq!(registry.dispatch_parallel(&"a", add), Ok(()));
            assert_eq!(sum.load(Ordering::SeqCst), 5050);
            let (told, me) = (Arc::new(Mutex::new(BTreeSet::new())), process::self_pid());
            let note = Arc::clone(&told);
            let tell = move |_: &[_]| _ = note.lock().insert(process::self_pid());
            registry.dispatch_parallel(&"a", tell).unwrap();
            let supervisor = SupervisorRef::named(Arc::clone(registry.name()));
            assert_eq!(told.lock().len(), supervisor.count_children().unwrap().active);
            assert!(!told.lock().contains(&me));
            let failed = registry.dispatch_parallel(&"a", |_| panic!("on purpose"));
            let Err(RegistryError::Dispatch(reason)) = failed else { panic!("{failed:?}") };
            assert_eq!(reason.as_panic().unwrap().message, "on purpose");
            process::send(process::self_pid(), "the first message");
            assert!(process::receive().is::<&str>());
            registry.unregister(&"a").unwrap();
        });
    }
}

// Elixir: registry_test "allows listeners"
#[test]
fn listeners_are_told_of_registrations_and_their_ends() {
    let name = "registry::listened";
    process::register("registry::listener", process::self_pid()).unwrap();
    let registry = Registry::<&str, u32>::duplicate(name)
        .listener("registry::listener")
        .listener("registry::nobody")
        .start_link()
        .unwrap();
    let (other, there) = (Member::spawn(), registry.clone());
    other.does(move || {
        there.register("a", 1).unwrap();
        there.register("a", 2).unwrap();
        there.unregister_match(&"a", |n| *n == 1).unwrap();
    });
    let pid = other.pid;
    other.ends();
    let (registry, key) = (Arc::from(name), "a");
    for value in [1, 2] {
        receive! {
            told: Registered<&str, u32> => {
                assert_eq!(told, Registered { registry: Arc::clone(&registry), key, pid, value });
            }
            after test_timeout() => panic!("nothing was told"),
        }
    }
    for _ in 0..2 {
        receive! {
            told: Unregistered<&str> => {
                assert_eq!(told, Unregistered { registry: Arc::clone(&registry), key, pid });
            }
            after test_timeout() => panic!("nothing was told"),
        }
    }
    process::unregister("registry::listener").unwrap();
}

// Elixir: doctests of meta/2, put_meta/3, delete_meta/2
#[test]
fn a_registry_keeps_metadata() {
    let registry =
        Registry::<u8>::unique("registry::meta").meta("limit", 3_u32).start_link().unwrap();
    assert_eq!(registry.meta("limit"), Ok(Some(3_u32)));
    assert_eq!(registry.meta::<String>("limit"), Ok(None));
    registry.put_meta("limit", 4_u32).unwrap();
    assert_eq!(registry.meta("limit"), Ok(Some(4_u32)));
    registry.delete_meta("limit").unwrap();
    registry.delete_meta("limit").unwrap();
    assert_eq!(registry.meta::<u32>("limit"), Ok(None));
}

// Elixir: registry_test "raises on unknown registry name"
#[test]
fn a_registry_that_does_not_run_is_an_error() {
    let registry = RegistryRef::<u8, u8>::named("registry::unknown");
    let unknown = RegistryError::NoRegistry(Arc::from("registry::unknown"));
    assert_eq!(registry.register(1, 1), Err(unknown.clone()));
    assert_eq!(registry.unregister(&1), Err(unknown.clone()));
    assert_eq!(registry.lookup(&1), Err(unknown.clone()));
    assert_eq!(registry.count(), Err(unknown.clone()));
    assert_eq!(registry.keys(process::self_pid()), Err(unknown.clone()));
    assert_eq!(registry.values(&1, process::self_pid()), Err(unknown.clone()));
    assert_eq!(registry.update_value(&1, |_| 2), Err(unknown.clone()));
    assert_eq!(registry.unregister_match(&1, |_| true), Err(unknown.clone()));
    assert_eq!(registry.lookup_match(&1, |_, _| true), Err(unknown.clone()));
    assert_eq!(registry.count_match(&1, |_, _| true), Err(unknown.clone()));
    assert_eq!(registry.select(|_, _, _| Some(())), Err(unknown.clone()));
    assert_eq!(registry.count_select(|_, _, _| true), Err(unknown.clone()));
    assert_eq!(registry.dispatch(&1, |_| ()), Err(unknown.clone()));
    assert_eq!(registry.dispatch_parallel(&1, |_| ()), Err(unknown.clone()));
    assert_eq!(registry.meta::<u8>("a"), Err(unknown.clone()));
    assert_eq!(registry.put_meta("a", 1_u8), Err(unknown.clone()));
    assert_eq!(registry.delete_meta("a"), Err(unknown.clone()));
    assert_eq!(registry.lock(&1, || ()), Err(unknown.clone()));
    assert_eq!(registry.via(1).whereis(), None);
    let other = Registry::<u8, u16>::unique("registry::other type").start_link().unwrap();
    assert_eq!(other.count(), Ok(0));
    let wrong = RegistryRef::<u8, u8>::named("registry::other type").count();
    assert_eq!(wrong, Err(RegistryError::NoRegistry(Arc::from("registry::other type"))));
}

#[test]
fn a_registry_that_is_stopped_is_not_found_any_more_and_another_can_have_its_name() {
    let top = Supervisor::one_for_one().start_link().unwrap();
    let start = || Registry::<u8>::unique("registry::stopped").partitions(3);
    let child = top.start_child(start().child_spec()).unwrap();
    let registry = RegistryRef::<u8>::named("registry::stopped");
    assert_eq!(child.count_children().unwrap().active, 3);
    let second = start().start_link();
    assert!(matches!(second, Err(StartError::AlreadyStarted(pid)) if pid == child.pid()));
    registry.register(1, ()).unwrap();
    top.terminate_child("registry::stopped").unwrap();
    assert!(matches!(registry.count(), Err(RegistryError::NoRegistry(_))));
    top.restart_child("registry::stopped").unwrap();
    assert_eq!(registry.count(), Ok(0));
    top.stop().unwrap();
}

#[test]
fn a_registered_process_ends_with_the_registry_unless_it_traps_exits() {
    let top = Supervisor::one_for_one().start_link().unwrap();
    let spec = Registry::<u8>::unique("registry::crash").child_spec();
    let child = top.start_child(spec).unwrap();
    let registry = RegistryRef::<u8>::named("registry::crash");
    let (member, there) = (Member::spawn(), registry.clone());
    member.does(move || there.register(1, ()).unwrap());
    registry.register(2, ()).unwrap(); // As a thread of the program's own, this traps exits.
    let partition = child.which_children().unwrap()[0].state.pid().unwrap();
    let monitor = process::monitor(partition);
    process::exit(partition, ExitReason::Kill);
    assert_eq!(down_reason(member.monitor), ExitReason::Killed);
    receive! {
        exit: Exit if exit.from == partition => assert_eq!(exit.reason, ExitReason::Killed),
        after test_timeout() => panic!("no exit"),
    }
    down_reason(monitor); // By now its supervisor has been told, too.
    let left = child.which_children().unwrap()[0].state.pid().unwrap();
    assert_ne!(left, partition);
    assert_eq!(registry.count(), Ok(0));
    registry.register(2, ()).unwrap();
    top.stop().unwrap();
}

mod a_lock {
    use super::*;

    #[test]
    fn is_held_by_one_process_at_a_time() {
        let registry = Registry::<u8>::unique("registry::lock").start_link().unwrap();
        let counter = Arc::new(AtomicUsize::new(0));
        let mut members = Vec::new();
        for _ in 0..4 {
            let (there, counter) = (registry.clone(), Arc::clone(&counter));
            let body = move || {
                for _ in 0..200 {
                    there
                        .lock(&1, || {
                            let before = counter.load(Ordering::SeqCst);
                            std::thread::yield_now();
                            counter.store(before + 1, Ordering::SeqCst);
                        })
                        .unwrap();
                }
            };
            members.push(process::spawn_monitor(body).unwrap().1);
        }
        members
            .into_iter()
            .for_each(|monitor| assert_eq!(down_reason(monitor), ExitReason::Normal));
        assert_eq!(counter.load(Ordering::SeqCst), 800);
    }

    #[test]
    fn keeps_out_others_from_one_key_only() {
        let registry = Registry::<u8>::unique("registry::lock one").start_link().unwrap();
        let other = Member::spawn();
        let outcome = registry.lock(&1, || {
            let there = registry.clone();
            other.does(move || there.lock(&2, || ()).unwrap());
        });
        assert_eq!(outcome, Ok(()));
        other.ends();
    }

    #[test]
    fn can_be_taken_twice_by_its_holder_and_is_released_then() {
        let registry = Registry::<u8>::unique("registry::lock twice").start_link().unwrap();
        let other = Member::spawn();
        let value = registry.lock(&1, || registry.lock(&1, || 42).unwrap());
        assert_eq!(value, Ok(42));
        let there = registry.clone();
        other.does(move || there.lock(&1, || ()).unwrap());
        other.ends();
    }

    /// A key that nobody may clone while the thread panics.
    #[derive(Debug, PartialEq, Eq, Hash)]
    struct Fragile;

    impl Clone for Fragile {
        fn clone(&self) -> Fragile {
            assert!(!std::thread::panicking(), "a clone");
            Fragile
        }
    }

    #[test]
    fn is_released_by_a_panic_without_a_clone_of_the_key() {
        let registry = Registry::<Fragile>::unique("registry::fragile").start_link().unwrap();
        let there = registry.clone();
        let body = move || _ = there.lock(&Fragile, || panic!("on purpose"));
        let (_, monitor) = process::spawn_monitor(body).unwrap();
        assert_eq!(down_reason(monitor).as_panic().unwrap().message, "on purpose");
        assert_eq!(registry.lock(&Fragile, || 1), Ok(1));
    }

    #[test]
    fn is_released_when_its_holder_panics_or_ends() {
        let registry = Registry::<u8>::unique("registry::lock back").start_link().unwrap();
        let me = process::self_pid();
        for reason in ["panic", "kill"] {
            let there = registry.clone();
            let body = move || {
                there.lock(&1, || {
                    process::send(me, "locked");
                    if reason == "panic" { panic!("on purpose") } else { drop(process::receive()) }
                })
            };
            let (holder, monitor) = process::spawn_monitor(move || drop(body())).unwrap();
            receive! { "locked" => {}, after test_timeout() => panic!("not locked") }
            process::exit(holder, ExitReason::Kill);
            assert_eq!(registry.lock(&1, || 1), Ok(1));
            down_reason(monitor);
        }
    }

    #[test]
    fn is_not_kept_for_a_process_that_has_ended_while_it_waited() {
        let registry = Registry::<u8>::unique("registry::lock wait").start_link().unwrap();
        let me = process::self_pid();
        registry
            .lock(&1, || {
                let there = registry.clone();
                let (waiting, monitor) = process::spawn_monitor(move || {
                    process::send(me, "waits");
                    _ = there.lock(&1, || ());
                })
                .unwrap();
                receive! { "waits" => {}, after test_timeout() => panic!("it does not wait") }
                process::exit(waiting, ExitReason::Kill);
                down_reason(monitor);
            })
            .unwrap();
        assert_eq!(registry.lock(&1, || 1), Ok(1));
    }
}

/// A server that says who it is.
#[derive(Debug)]
struct Echo;

impl GenServer for Echo {
    type Args = ();

    fn init((): ()) -> InitResult<Echo> {
        ready(Echo)
    }

    fn handle_info(&mut self, message: Message) -> CastResult<Echo> {
        if let Ok(asker) = message.downcast::<Pid>() {
            process::send(asker, process::self_pid());
        }
        noreply()
    }
}

#[derive(Debug)]
struct WhoAreYou;

impl HandleCall<WhoAreYou> for Echo {
    type Reply = Pid;

    fn handle_call(&mut self, _: WhoAreYou, _: &Caller<Pid>) -> CallResult<Echo, WhoAreYou> {
        reply(process::self_pid())
    }
}

mod a_via_name {
    use super::*;

    // Elixir: unique_test "via callbacks", "uses value provided in via"
    #[test]
    fn can_be_used_to_start_call_cast_and_stop() {
        let names = ["registry::via", "registry::via8"];
        with_partitions(Registry::<u32, &'static str>::unique, names, |registry| {
            let via = registry.via_with(7, "seven");
            let options = || StartOptions::new().name(via.clone());
            let echo = Echo::start_with((), options()).unwrap();
            let pid = echo.pid();
            assert_eq!(registry.lookup(&7), Ok(vec![(pid, "seven")]));
            let again = Echo::start_with((), options());
            assert!(matches!(again, Err(StartError::AlreadyStarted(it)) if it == pid));
            let named = ServerRef::<Echo>::at(registry.via(7));
            assert_eq!(named, ServerRef::at(via.clone()), "the value makes no other name of it");
            assert_ne!(named, ServerRef::at(registry.via(8)));
            assert_eq!(named.call(WhoAreYou), Ok(pid));
            named.send(process::self_pid());
            receive! { it: Pid => assert_eq!(it, pid), after test_timeout() => panic!("no answer") }
            let monitor = process::monitor(&named);
            named.stop().unwrap();
            assert_eq!(down_reason(monitor), ExitReason::Normal);
            assert_eq!(named.call(WhoAreYou).kind(), Err(CallErrorKind::NoProc));
            named.send(process::self_pid());
            assert_eq!(registry.lookup(&7), Ok(vec![]));
        });
    }

    // Elixir: gen_server_test "call/3 exit messages"
    #[test]
    fn of_oneself_is_not_called() {
        let registry = Registry::<u8>::unique("registry::self").start_link().unwrap();
        registry.register(1, ()).unwrap();
        let called = ServerRef::<Echo>::at(registry.via(1)).call(WhoAreYou);
        assert_eq!(called.kind(), Err(CallErrorKind::CallingSelf(process::self_pid())));
    }

    #[test]
    fn that_is_not_taken_after_a_failed_init_is_free() {
        #[derive(Debug)]
        struct Failing;

        impl GenServer for Failing {
            type Args = ();

            fn init((): ()) -> InitResult<Failing> {
                stop(ExitReason::new("on purpose"))
            }
        }

        let registry = Registry::<u8>::unique("registry::failed").start_link().unwrap();
        let failed = Failing::start_with((), StartOptions::new().name(registry.via(1)));
        assert!(matches!(failed, Err(StartError::Failed(_))));
        assert_eq!(registry.count(), Ok(0));
        assert!(registry.register(1, ()).is_ok());
    }

    // OTP: supervisor_SUITE:simple_global_supervisor
    #[test]
    fn of_a_supervisor_is_taken_again_by_the_next_one() {
        let registry = Registry::<&str>::unique("registry::supervised").start_link().unwrap();
        let via = registry.via("inner");
        let there = via.clone();
        let inner = ChildSpec::new("inner", move || {
            let options = StartOptions::new().name(there.clone());
            Supervisor::one_for_one().start_link_with(options)
        });
        let top = Supervisor::one_for_one().child(inner).start_link().unwrap();
        let inner = SupervisorRef::at(via.clone());
        let first = inner.whereis().unwrap();
        let monitor = process::monitor(first);
        process::exit(first, ExitReason::Kill);
        down_reason(monitor);
        assert_eq!(top.count_children().unwrap().active, 1);
        assert_ne!(inner.whereis(), Some(first));
        assert_eq!(inner.count_children().unwrap().specs, 0);
        top.stop().unwrap();
    }

    #[test]
    fn is_looked_up_when_a_timer_expires_that_sends_to_it() {
        let registry = Registry::<u8>::unique("registry::timer").start_link().unwrap();
        let via = registry.via(1);
        procession::timer::send_after(Duration::from_millis(1), via, "late");
        registry.register(1, ()).unwrap();
        receive! { "late" => {}, after test_timeout() => panic!("nothing has come") }
    }
}

// However two processes want a key at the same moment, one gets it.
#[test]
fn a_key_that_many_register_at_once_goes_to_one_process() {
    let registry = Registry::<u32>::unique("registry::race").partitions(2).start_link().unwrap();
    let wins = Arc::new(AtomicUsize::new(0));
    let members: Vec<_> = (0..4)
        .map(|_| {
            let (there, wins) = (registry.clone(), Arc::clone(&wins));
            let body = move || {
                for key in 0..1_000 {
                    if there.register(key, ()).is_ok() {
                        wins.fetch_add(1, Ordering::SeqCst);
                    }
                }
                drop(process::receive());
            };
            process::spawn_monitor(body).unwrap()
        })
        .collect();
    members.iter().for_each(|(pid, _)| process::send(*pid, ()));
    members.into_iter().for_each(|(_, monitor)| drop(down_reason(monitor)));
    let wins = wins.load(Ordering::SeqCst);
    assert!(wins >= 1_000, "{wins}"); // Who has ended before leaves its keys to the others.
    assert_eq!(registry.count(), Ok(0));
}
