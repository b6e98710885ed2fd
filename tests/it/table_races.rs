//! Tables: what happens at the same moment.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;

use procession::prelude::*;
use procession::table::{Table, TableError, TableOptions, Transferred};

use crate::support::processes::{idle, idle_body, in_process};
use crate::support::rounds::{delay_by, rounds};
use crate::support::wait::{assert_no_message, down_reason, exit_and_wait, expect};

type Numbers = Table<u64, u64>;
type Gift = Transferred<u64, u64>;

fn kinds() -> [TableOptions; 2] {
    [TableOptions::new(), TableOptions::new().ordered()]
}

fn new(options: TableOptions) -> Numbers {
    Table::new_with(options).unwrap()
}

// OTP: ets_SUITE:evil_update_counter
#[test]
fn eight_threads_count_exactly() {
    const EACH: u64 = 5_000;
    for options in kinds() {
        let table = new(options.public());
        let done = AtomicBool::new(false);
        thread::scope(|scope| {
            // Somebody reads, so that some counts cannot be made in place.
            let reader = scope.spawn(|| {
                let mut last = 0;
                while !done.load(Ordering::Relaxed) {
                    let rows = table.rows().unwrap();
                    let row = rows.iter().find(|row| *row.key() == 0);
                    let now = row.map_or(0, |row| *row.value());
                    assert!(now >= last, "a counter has gone back");
                    last = now;
                }
            });
            let counters: Vec<_> = (0..8)
                .map(|_| {
                    scope.spawn(|| {
                        let mut seen = BTreeSet::new();
                        for n in 0..EACH {
                            seen.insert(table.update_counter_or(0, 1, 0).unwrap());
                            table.update_or_insert(1 + n % 3, 0, |n| n + 1).unwrap();
                        }
                        seen
                    })
                })
                .collect();
            let seen: Vec<_> = counters.into_iter().map(|it| it.join().unwrap()).collect();
            done.store(true, Ordering::Relaxed);
            reader.join().unwrap();
            let all: BTreeSet<u64> = seen.into_iter().flatten().collect();
            assert_eq!(all.len() as u64, 8 * EACH, "each sum was returned once");
        });
        assert_eq!(table.get(&0), Ok(Some(8 * EACH)));
        let sum: u64 = (1..=3).map(|n| table.get(&n).unwrap().unwrap()).sum();
        assert_eq!(sum, 8 * EACH);
    }
}

#[test]
fn of_many_threads_that_take_or_put_one_key_one_succeeds() {
    for options in kinds() {
        let table = new(options.public());
        let [put, taken, deleted] = [(); 3].map(|()| AtomicUsize::new(0));
        let add = |count: &AtomicUsize, yes| count.fetch_add(usize::from(yes), Ordering::Relaxed);
        thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for n in 0..rounds(5_000) as u64 {
                        add(&put, table.insert_new(n % 4, n).unwrap());
                        add(&taken, table.take(&(n % 4)).unwrap().is_some());
                        add(&put, table.insert_all_new([(n % 3, n), (3, n)]).unwrap());
                        add(&deleted, table.delete_if(&(n % 4), |_| true).unwrap());
                    }
                });
            }
        });
        let [put, taken, deleted] = [put, taken, deleted].map(AtomicUsize::into_inner);
        // The threads that put two rows have put one more each.
        assert!(taken + deleted + table.size().unwrap() >= put);
        assert!(taken + deleted + table.size().unwrap() <= put * 2);
    }
}

#[test]
fn rows_put_at_once_are_seen_at_once() {
    for options in kinds() {
        let table = new(options.public());
        table.insert_all((0..8).map(|key| (key, 0))).unwrap();
        let done = AtomicBool::new(false);
        thread::scope(|scope| {
            scope.spawn(|| {
                for n in 1..=rounds(3_000) as u64 {
                    table.insert_all((0..8).map(|key| (key, n))).unwrap();
                }
                done.store(true, Ordering::Relaxed);
            });
            // Read in this order, a later one is never older.
            while !done.load(Ordering::Relaxed) {
                let mut last = 0;
                for key in 0..8 {
                    let now = table.get(&key).unwrap().unwrap();
                    assert!(now >= last, "{key} is older than the one before");
                    last = now;
                }
            }
        });
    }
}

#[test]
fn an_iteration_meets_each_row_that_stays_once() {
    for options in kinds() {
        let table = new(options.public());
        // The even ones stay, the odd ones come and go.
        table.insert_all((0..2_000).map(|n| (n * 2, 0))).unwrap();
        let done = AtomicBool::new(false);
        thread::scope(|scope| {
            scope.spawn(|| {
                let mut n = 0;
                while !done.load(Ordering::Relaxed) {
                    n = (n + 7) % 2_000;
                    table.insert(n * 2 + 1, 1).unwrap();
                    table.update_counter(&(n * 2), 1).unwrap();
                    table.delete(&((n + 1_000) % 2_000 * 2 + 1)).unwrap();
                }
            });
            for _ in 0..rounds(100) {
                let keys = table.keys().unwrap();
                let seen: BTreeSet<u64> = keys.iter().copied().collect();
                assert_eq!(seen.len(), keys.len(), "one was met twice");
                assert_eq!(seen.iter().filter(|key| **key % 2 == 0).count(), 2_000);
            }
            done.store(true, Ordering::Relaxed);
        });
    }
}

/// The owner is killed while others write: the table is gone for all at once, or the heir has it,
/// with all that was accepted.
#[test]
fn an_owner_is_killed_while_others_write() {
    in_process(|| {
        let me = process::self_pid();
        for round in 0..rounds(1_000) {
            let has_heir = round % 2 == 0;
            let options = kinds()[round / 2 % 2].clone().public();
            let options = if has_heir { options.heir(me, round) } else { options };
            let owner = process::spawn(move || {
                process::send(me, new(options));
                idle_body();
            });
            let (owner, table) = (owner.unwrap(), expect::<Numbers>());
            let monitor = process::monitor(owner);
            let writers: Vec<Pid> = (0..2_u64)
                .map(|writer| {
                    let table = table.clone();
                    let write = move || {
                        let put = (0..20).filter(|n| table.insert(writer * 100 + n, *n).is_ok());
                        process::send(me, Opaque::new(put.count()));
                    };
                    process::spawn(write).unwrap()
                })
                .collect();
            delay_by(round);
            process::exit(owner, ExitReason::Kill);
            down_reason(monitor);
            let size = table.size();
            let put: usize = writers.iter().map(|_| *expect::<Opaque<usize>>()).sum();
            if has_heir {
                let gift = expect::<Gift>();
                assert_eq!((gift.from, gift.data.downcast_ref()), (owner, Some(&round)));
                assert_eq!((put, table.size()), (40, Ok(40)));
                table.delete_table().unwrap();
            } else {
                assert_eq!(size, Err(TableError::NoSuchTable { name: None }));
                assert!(table.insert(1, 1).is_err());
            }
        }
        assert_no_message();
    });
}

/// Owner and heir end at the same moment: the table is gone, or the heir has got it and is gone.
#[test]
fn an_heir_ends_with_the_owner() {
    in_process(|| {
        let me = process::self_pid();
        for round in 0..rounds(1_000) {
            let heir = idle();
            let owner = process::spawn(move || {
                process::send(me, new(TableOptions::new().public().heir(heir, ())));
                idle_body();
            });
            let (owner, table) = (owner.unwrap(), expect::<Numbers>());
            let monitors = [owner, heir].map(process::monitor);
            let killer = process::spawn(move || process::exit(heir, ExitReason::Kill)).unwrap();
            let killed = process::monitor(killer);
            delay_by(round);
            process::exit(owner, ExitReason::Kill);
            let _ = table.insert(1, 1);
            monitors.into_iter().for_each(|it| drop(down_reason(it)));
            assert_eq!(table.size(), Err(TableError::NoSuchTable { name: None }), "{round}");
            down_reason(killed);
        }
    });
}

/// A table is given away just when the one who gets it ends: it is refused, or gone, or back.
#[test]
fn the_new_owner_of_a_table_ends() {
    in_process(|| {
        let me = process::self_pid();
        for round in 0..rounds(1_000) {
            let has_heir = round % 2 == 0;
            let table = new(TableOptions::new());
            if has_heir {
                table.set_heir(me, round).unwrap();
            }
            let taker = idle();
            let monitor = process::monitor(taker);
            let killer = process::spawn(move || process::exit(taker, ExitReason::Kill)).unwrap();
            let killed = process::monitor(killer);
            delay_by(round);
            let given = table.give_away(taker, ());
            down_reason(monitor);
            down_reason(killed);
            match (given, has_heir) {
                (Err(error), _) => {
                    assert_eq!(error, TableError::NotAlive(taker));
                    assert_eq!(table.insert(1, 1), Ok(()));
                }
                (Ok(()), true) => {
                    let gift = expect::<Gift>();
                    assert_eq!((gift.from, gift.data.downcast_ref()), (taker, Some(&round)));
                    assert_eq!(table.insert(1, 1), Ok(()));
                }
                (Ok(()), false) => {
                    assert_eq!(table.size(), Err(TableError::NoSuchTable { name: None }));
                }
            }
            _ = table.delete_table();
        }
        assert_no_message();
    });
}

/// However many notice the end of an owner at once, there is one hand-over, and one message.
#[test]
fn an_heir_is_told_once() {
    in_process(|| {
        let me = process::self_pid();
        for round in 0..rounds(1_000) {
            let owner = process::spawn(move || {
                process::send(me, new(TableOptions::new().heir(me, round)));
                idle_body();
            });
            let (owner, table) = (owner.unwrap(), expect::<Numbers>());
            let monitor = process::monitor(owner);
            let readers = [(); 3].map(|()| {
                let table = table.clone();
                process::spawn_monitor(move || {
                    assert_eq!((0..20).find_map(|_| table.size().err()), None);
                })
                .unwrap()
                .1
            });
            delay_by(round);
            process::exit(owner, ExitReason::Kill);
            assert_eq!(table.insert(1, 1), Ok(()), "the heir owns it from that moment");
            down_reason(monitor);
            let is_normal = |reader| assert_eq!(down_reason(reader), ExitReason::Normal);
            readers.into_iter().for_each(is_normal);
            assert_eq!(expect::<Gift>().from, owner);
            table.delete_table().unwrap();
        }
        assert_no_message();
    });
}

/// A named table is made again as soon as its owner is seen to have ended.
#[test]
fn a_name_is_free_when_its_owner_is_gone() {
    in_process(|| {
        let options = || TableOptions::new().name("table_races::name");
        for _ in 0..rounds(1_000) {
            let (_, monitor) = process::spawn_monitor(move || {
                new(options()).insert(1, 1).unwrap();
            })
            .unwrap();
            assert_eq!(down_reason(monitor), ExitReason::Normal);
        }
        // Of several that want it at once, one gets it.
        for _ in 0..rounds(300) {
            let (me, makers) = (process::self_pid(), 3);
            for _ in 0..makers {
                let make = move || {
                    process::send(me, Table::<u8, u8>::new_with(options()).is_ok());
                    expect::<()>();
                };
                process::send(me, process::spawn(make).unwrap());
            }
            let made = (0..makers).filter(|_| expect::<bool>()).count();
            assert_eq!(made, 1);
            for _ in 0..makers {
                exit_and_wait(expect::<Pid>(), ExitReason::Kill);
            }
        }
    });
}
