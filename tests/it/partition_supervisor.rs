//! Partition supervisors: the same key leads to the same process.

use std::collections::BTreeSet;
use std::num::NonZero;

use procession::Via;
use procession::partition_supervisor::{PartitionSupervisor, PartitionSupervisorRef};
use procession::prelude::*;
use procession::registry::Registry;
use procession::supervisor::{ChildState, ChildType, SupervisorError};

use crate::support::calls::CallKind;
use crate::support::wait::{down_reason, expect, test_timeout};

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

    fn handle_call(&mut self, _: WhichOne, _: &Caller<usize>) -> CallResult<Part, WhichOne> {
        reply(self.0)
    }
}

fn start(name: &'static str, partitions: usize) -> PartitionSupervisorRef {
    let starting = PartitionSupervisor::new(name, Part::child_template());
    starting.partitions(partitions).intensity(100, test_timeout()).start_link().unwrap()
}

fn ask<K: std::hash::Hash + 'static>(
    partitions: &PartitionSupervisorRef,
    key: K,
) -> Result<usize, CallError> {
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

/// Asks for a number of each size and sign, its least and its greatest, and some between; and for
/// all that are equal to one as all other types that have it.
#[track_caller]
fn assert_numbers_lead_to_their_partition(parts: &PartitionSupervisorRef, partitions: u128) {
    macro_rules! check {
        ($($integer:ident)+) => {
            let mut numbers: Vec<(Option<u128>, Option<i128>)> = Vec::new();
            $(for number in [$integer::MIN, $integer::MIN + 1, $integer::MAX / 3, $integer::MAX]
                .into_iter()
                .chain(0..7)
                .chain((0..7).map(|n: $integer| n.wrapping_neg()))
            {
                numbers.push((u128::try_from(number).ok(), i128::try_from(number).ok()));
            })+
            for (unsigned, signed) in numbers {
                let size = unsigned.or(signed.map(i128::unsigned_abs)).unwrap();
                let expected = (size % partitions) as usize;
                $(
                    let positive = unsigned.and_then(|it| $integer::try_from(it).ok());
                    let number = positive.or(signed.and_then(|it| $integer::try_from(it).ok()));
                    let nonzero = number.and_then(NonZero::new);
                    let given = [
                        number.map(|it| (it.to_string(), parts.via(it))),
                        nonzero.map(|it| (format!("NonZero {it}"), parts.via(it))),
                    ];
                    for (key, via) in given.into_iter().flatten() {
                        let partition = ServerRef::<Part>::at(via.clone()).call(WhichOne);
                        let of = concat!(" as ", stringify!($integer), " of ");
                        assert_eq!(partition, Ok(expected), "{key}{of}{partitions}");
                        assert_eq!(via, parts.via(size), "{key}{of}{partitions}");
                    }
                )+
            }
        };
    }
    check! { u8 u16 u32 u64 u128 usize i8 i16 i32 i64 i128 isize }
}

// Elixir: `rem(abs(key), partitions)` of every integer, which has no width there.
#[test]
fn leads_equal_numbers_of_each_width_and_sign_to_one_partition() {
    for partitions in [1, 2, 3, 7] {
        let parts = start("partition_supervisor::widths", partitions);
        assert_numbers_lead_to_their_partition(&parts, partitions as u128);
        parts.supervisor().stop().unwrap();
    }
}

// Elixir: `:erlang.phash2(key, partitions)`.
#[test]
fn leads_other_keys_to_partitions_by_their_hashes() {
    fn partition_of(keys: [Via; 2]) -> usize {
        assert_eq!(keys[0], keys[1]);
        let [one, other] = keys.map(|key| ServerRef::<Part>::at(key).call(WhichOne));
        assert_eq!(one, other);
        one.unwrap()
    }

    let parts = start("partition_supervisor::hashes", 2);
    // Whatever it is made of, and whatever it looks like.
    let mut found = [BTreeSet::new(), BTreeSet::new(), BTreeSet::new(), BTreeSet::new()];
    for n in 0..64_u8 {
        let twice = |key: fn(u8, &PartitionSupervisorRef) -> Via| [key(n, &parts), key(n, &parts)];
        let kinds: [fn(u8, &PartitionSupervisorRef) -> Via; 4] = [
            |n, parts| parts.via(2 * u32::from(n)..0),
            |n, parts| parts.via([2 * n]),
            |n, parts| parts.via(Some(2 * i128::from(n))),
            |n, parts| parts.via(char::from(2 * n)),
        ];
        for (found, kind) in found.iter_mut().zip(kinds) {
            found.insert(partition_of(twice(kind)));
        }
    }
    assert!(found.iter().all(|of_kind| of_kind.len() == 2), "they are taken as even numbers");
    parts.supervisor().stop().unwrap();
}

#[test]
fn leads_to_the_next_process_when_one_has_crashed() {
    let parts = start("partition_supervisor::crash", 2);
    let via = parts.via(1);
    let first = via.whereis().unwrap();
    let monitor = process::monitor(first);
    process::exit(first, ExitReason::Kill);
    down_reason(monitor);
    assert_eq!(parts.supervisor().count_children().unwrap().active, 2);
    assert_ne!(via.whereis(), Some(first));
    assert_eq!(ask(&parts, 1), Ok(1));
    parts.supervisor().stop().unwrap();
}

#[test]
fn finds_no_process_where_a_child_has_ended_for_good() {
    let name = "partition_supervisor::ended";
    let template = Part::child_template().restart(Restart::Temporary);
    let parts = PartitionSupervisor::new(name, template).partitions(2).start_link().unwrap();
    ServerRef::<Part>::at(parts.via(1)).stop().unwrap();
    assert_eq!(parts.via(1).whereis(), None);
    assert_eq!(ask(&parts, 1).kind(), Err(CallErrorKind::NoProc));
    assert_eq!(ask(&parts, 0), Ok(0));
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
    assert_eq!(ask(&parts, 2).kind(), Err(CallErrorKind::NoProc));
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
    let parts = PartitionSupervisorRef::named("partition_supervisor::nobody");
    assert_eq!(parts.partitions().kind(), Err(CallErrorKind::NoProc));
    assert_eq!(parts.resize(1).kind(), Err(CallErrorKind::NoProc));
    assert_eq!(ask(&parts, 1).kind(), Err(CallErrorKind::NoProc));
    let supervisor = parts.supervisor();
    assert_eq!(supervisor.count_children().kind(), Err(CallErrorKind::NoProc));
    assert_eq!(supervisor.which_children().kind(), Err(CallErrorKind::NoProc));
    assert_eq!(supervisor.stop(), Err(StopError::NoProc));
}

// Elixir: partition_supervisor_test "stop/1", for names of all kinds
#[test]
fn is_found_by_a_name_that_a_registrar_keeps() {
    let registry = Registry::<u8>::unique("partition_supervisor::names").start_link().unwrap();
    for name in [registry.via(1), procession::global::name("partition_supervisor::global")] {
        let parts = PartitionSupervisor::new(name.clone(), Part::child_template()).partitions(2);
        parts.start_link().unwrap();
        let parts = PartitionSupervisorRef::named(name.clone());
        assert_eq!((parts.partitions(), ask(&parts, 0), ask(&parts, 3)), (Ok(2), Ok(0), Ok(1)));
        assert_eq!(parts.supervisor().whereis(), name.whereis());
        assert_eq!(parts.supervisor().count_children().unwrap().active, 2);
        parts.supervisor().stop().unwrap();
        assert_eq!(name.whereis(), None);
        assert_eq!(ask(&parts, 0).kind(), Err(CallErrorKind::NoProc));
    }
    SupervisorRef::named("partition_supervisor::names").stop().unwrap();
}

// Elixir: partition_supervisor_test "raises if trying to register through it"
#[test]
fn registers_no_process_under_its_names() {
    let parts = start("partition_supervisor::register", 2);
    let refused = Part::start_with(7, StartOptions::new().name(parts.via(1)));
    let holder = parts.via(1).whereis();
    assert!(matches!(refused, Err(StartError::AlreadyStarted(pid)) if Some(pid) == holder));
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
    let parts = PartitionSupervisorRef::named(name);
    assert_eq!(ask(&parts, 3), Ok(1));
    top.stop().unwrap();
    assert_eq!(ask(&parts, 3).kind(), Err(CallErrorKind::NoProc));
}
