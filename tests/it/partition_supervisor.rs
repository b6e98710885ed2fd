//! Partition supervisors: the same key leads to the same process.

use std::collections::BTreeSet;
use std::num::NonZero;

use procession::partition_supervisor::{PartitionSupervisor, Partitions};
use procession::prelude::*;
use procession::registry::Registry;
use procession::supervisor::{ChildState, ChildType, SupervisorError};

use crate::support::*;

/// A server that knows which partition it is.
#[derive(Debug)]
struct Part(usize);

impl GenServer for Part {
    type Args = usize;

    fn init(number: usize) -> InitResult<Part> {
        ready(Part(number))
    }
}

#[derive(Debug)]
struct WhichOne;

impl HandleCall<WhichOne> for Part {
    type Reply = usize;

    fn handle_call(&mut self, _: WhichOne, _: &Caller<usize>) -> CallResult<Part, usize> {
        reply(self.0)
    }
}

fn start(name: &'static str, partitions: usize) -> Partitions {
    let starting = PartitionSupervisor::new(name, Part::child_template());
    starting.partitions(partitions).intensity(100, patience()).start_link().unwrap()
}

fn ask<K: std::hash::Hash + 'static>(partitions: &Partitions, key: K) -> Result<usize, CallError> {
    ServerRef::<Part>::at(partitions.via(key)).call(WhichOne)
}

// Elixir: partition_supervisor_test "on success with atom name", "which_children/1",
// "count_children/1"
#[test]
fn starts_a_child_for_each_partition() {
    let parts = start("partition_supervisor::children", 3);
    assert_eq!(parts.partitions(), Ok(3));
    let children = parts.supervisor().which_children().unwrap();
    let ids: BTreeSet<&str> = children.iter().map(|child| &*child.id).collect();
    assert_eq!(ids, BTreeSet::from(["0", "1", "2"]));
    let counts = parts.supervisor().count_children().unwrap();
    assert_eq!((counts.active, counts.workers, counts.supervisors), (3, 3, 0));
    parts.supervisor().stop().unwrap();
}

#[test]
fn has_as_many_partitions_as_the_machine_has_processors_unless_it_is_told_otherwise() {
    let name = "partition_supervisor::default";
    let parts = PartitionSupervisor::new(name, Part::child_template()).start_link().unwrap();
    let processors = std::thread::available_parallelism().unwrap().get();
    assert_eq!(parts.partitions(), Ok(processors));
    parts.supervisor().stop().unwrap();
}

#[test]
fn leads_a_number_to_its_partition_and_anything_else_always_to_the_same() {
    let parts = start("partition_supervisor::route", 3);
    for (key, partition) in [(0, 0), (1, 1), (5, 2), (-4, 1)] {
        assert_eq!(ask(&parts, key), Ok(partition));
    }
    assert_eq!((ask(&parts, 5_u8), ask(&parts, i64::MIN)), (Ok(2), Ok((1_u64 << 63) as usize % 3)));
    // All that are whole numbers, of any size.
    for number in 0..30_u32 {
        let partition = Ok(number as usize % 3);
        assert_eq!(ask(&parts, u128::from(number)), partition);
        assert_eq!(ask(&parts, -i128::from(number)), partition);
        assert_eq!(ask(&parts, NonZero::new(number + 3).unwrap()), partition);
        assert_eq!(ask(&parts, NonZero::new(-i128::from(number + 3)).unwrap()), partition);
    }
    assert_eq!(ask(&parts, u128::MAX), Ok((u128::MAX % 3) as usize));
    assert_eq!(ask(&parts, i128::MIN), Ok((i128::MIN.unsigned_abs() % 3) as usize));
    let of_words: Vec<_> = (0..100).map(|n| ask(&parts, format!("word {n}")).unwrap()).collect();
    assert_eq!(of_words.iter().collect::<BTreeSet<_>>().len(), 3, "each has its share");
    let again: Vec<_> = (0..100).map(|n| ask(&parts, format!("word {n}")).unwrap()).collect();
    assert_eq!(of_words, again);
    parts.supervisor().stop().unwrap();
}

#[test]
fn leads_to_the_next_process_when_one_has_crashed() {
    let parts = start("partition_supervisor::crash", 2);
    let via = parts.via(1);
    let first = via.pid().unwrap();
    let monitor = process::monitor(first);
    process::exit(first, ExitReason::Kill);
    down_reason(monitor);
    assert_eq!(parts.supervisor().count_children().unwrap().active, 2);
    assert_ne!(via.pid(), Some(first));
    assert_eq!(ask(&parts, 1), Ok(1));
    parts.supervisor().stop().unwrap();
}

#[test]
fn leads_to_nobody_where_one_has_ended_for_good() {
    let name = "partition_supervisor::ended";
    let template = Part::child_template().restart(Restart::Temporary);
    let parts = PartitionSupervisor::new(name, template).partitions(2).start_link().unwrap();
    ServerRef::<Part>::at(parts.via(1)).stop().unwrap();
    assert_eq!(parts.via(1).pid(), None);
    assert_eq!((ask(&parts, 1), ask(&parts, 0)), (Err(CallError::NoProc), Ok(0)));
    assert_eq!(parts.resize(1), Ok(2), "there is nobody to be stopped");
    parts.supervisor().stop().unwrap();
}

// Elixir: partition_supervisor_test "raises on lookup after resizing to zero"
#[test]
fn is_made_smaller_and_larger_again() {
    let parts = start("partition_supervisor::resize", 3);
    assert_eq!(parts.resize(1), Ok(3));
    assert_eq!((parts.partitions(), ask(&parts, 2)), (Ok(1), Ok(0)));
    let stopped = parts.supervisor().which_children().unwrap();
    let stopped = stopped.iter().filter(|child| child.state == ChildState::Stopped);
    assert_eq!(stopped.count(), 2);
    assert_eq!(parts.resize(0), Ok(1));
    assert_eq!(ask(&parts, 2), Err(CallError::NoProc));
    assert_eq!(parts.resize(3), Ok(0));
    assert_eq!(ask(&parts, 2), Ok(2));
    assert_eq!(parts.resize(4), Err(SupervisorError::MaxChildren));
    parts.supervisor().stop().unwrap();
}

#[test]
fn has_a_child_of_any_kind_again_when_its_partition_comes_back() {
    for restart in [Restart::Permanent, Restart::Transient, Restart::Temporary] {
        let name = "partition_supervisor::come_back";
        let template = Part::child_template().restart(restart);
        let parts = PartitionSupervisor::new(name, template).partitions(3).start_link().unwrap();
        for _ in 0..2 {
            // One is stopped with its partition, another has ended before.
            ServerRef::<Part>::at(parts.via(1)).stop().unwrap();
            assert_eq!(parts.resize(1), Ok(3), "{restart:?}");
            assert_eq!(parts.resize(3), Ok(1), "{restart:?}");
            for number in 0..3 {
                assert_eq!(ask(&parts, number), Ok(number), "{restart:?}");
            }
            assert_eq!(parts.supervisor().count_children().unwrap().active, 3);
        }
        parts.supervisor().stop().unwrap();
    }
}

// Elixir: partition_supervisor_test "raises noproc on unknown partition supervisor"
#[test]
fn that_is_not_there_is_an_error() {
    let parts = Partitions::named("partition_supervisor::nobody");
    assert_eq!(parts.partitions(), Err(SupervisorError::Call(CallError::NoProc)));
    assert_eq!(parts.resize(1), Err(SupervisorError::Call(CallError::NoProc)));
    assert_eq!(ask(&parts, 1), Err(CallError::NoProc));
    let supervisor = parts.supervisor();
    let no_proc = SupervisorError::Call(CallError::NoProc);
    assert_eq!(supervisor.count_children(), Err(no_proc.clone()));
    assert_eq!(supervisor.which_children().unwrap_err(), no_proc);
    assert_eq!(supervisor.stop(), Err(StopError::NoProc));
}

// Elixir: partition_supervisor_test "stop/1", for names of all kinds
#[test]
fn is_found_by_a_name_that_a_registrar_keeps() {
    let registry = Registry::<u8>::unique("partition_supervisor::names").start_link().unwrap();
    for name in [registry.via(1), procession::global::name("partition_supervisor::global")] {
        let parts = PartitionSupervisor::new(name.clone(), Part::child_template()).partitions(2);
        parts.start_link().unwrap();
        let parts = Partitions::named(name.clone());
        assert_eq!((parts.partitions(), ask(&parts, 0), ask(&parts, 3)), (Ok(2), Ok(0), Ok(1)));
        assert_eq!(parts.supervisor().pid(), name.pid());
        assert_eq!(parts.supervisor().count_children().unwrap().active, 2);
        parts.supervisor().stop().unwrap();
        assert_eq!((name.pid(), ask(&parts, 0)), (None, Err(CallError::NoProc)));
    }
    SupervisorRef::named("partition_supervisor::names").stop().unwrap();
}

// Elixir: partition_supervisor_test "raises if trying to register through it"
#[test]
fn does_not_register_anybody() {
    let parts = start("partition_supervisor::register", 2);
    let refused = Part::start_with(7, StartOptions::new().name(parts.via(1)));
    assert!(
        matches!(refused, Err(StartError::AlreadyStarted(pid)) if Some(pid) == parts.via(1).pid())
    );
    parts.supervisor().stop().unwrap();
}

// Elixir: partition_supervisor_test "with_arguments", "count_children/1"
#[test]
fn starts_what_its_template_makes_of_a_number() {
    let me = process::self_pid();
    let template = ChildSpec::template("inner", move |number: usize| {
        process::send(me, (number, "started"));
        Supervisor::one_for_one().start_link()
    });
    let template = template.child_type(ChildType::Supervisor);
    let name = "partition_supervisor::arguments";
    let parts = PartitionSupervisor::new(name, template).partitions(3).start_link().unwrap();
    for number in 0..3 {
        assert_eq!(expect::<(usize, &str)>(), (number, "started"));
    }
    let counts = parts.supervisor().count_children().unwrap();
    assert_eq!((counts.active, counts.workers, counts.supervisors), (3, 0, 3));
    parts.supervisor().stop().unwrap();
}

// Elixir: partition_supervisor_test "raises without valid partitions"
#[test]
#[should_panic(expected = "at least one partition")]
fn is_not_made_without_partitions() {
    _ = PartitionSupervisor::new("partition_supervisor::zero", Part::child_template())
        .partitions(0);
}

#[test]
fn runs_under_a_supervisor() {
    let name = "partition_supervisor::child";
    let spec = PartitionSupervisor::new(name, Part::child_template()).partitions(2).child_spec();
    let top = Supervisor::one_for_one().child(spec).start_link().unwrap();
    let parts = Partitions::named(name);
    assert_eq!(ask(&parts, 3), Ok(1));
    top.stop().unwrap();
    assert_eq!(ask(&parts, 3), Err(CallError::NoProc));
}
