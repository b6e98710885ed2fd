//! Tables: what can be done with rows, and by which processes.

use std::cell::Cell;
use std::cmp;
use std::collections::BTreeMap;
use std::hash::{Hash, Hasher};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use procession::prelude::*;
use procession::process::Builder;
use procession::table::{self, Increment, Kind, Protection, Table, TableError, TableOptions};

use crate::support::processes::{Busy, busy, in_process};
use crate::support::wait::{down_reason, expect};

type Names = Table<u32, String>;

fn kinds() -> [TableOptions; 2] {
    [TableOptions::new(), TableOptions::new().ordered()]
}

fn new<K: table::Key, V: Send + Sync + 'static>(options: TableOptions) -> Table<K, V> {
    Table::new_with(options).unwrap()
}

fn sorted<T: Ord>(mut values: Vec<T>) -> Vec<T> {
    values.sort();
    values
}

/// What `body` returns in another process.
#[track_caller]
fn elsewhere<R: Send + std::fmt::Debug + 'static>(body: impl FnOnce() -> R + Send + 'static) -> R {
    let me = process::self_pid();
    process::spawn_link(move || process::send(me, Some(body()))).unwrap();
    expect::<Option<R>>().unwrap()
}

// OTP: ets_SUITE:member, take
#[test]
fn keeps_one_row_for_each_key() {
    for options in kinds() {
        let names: Names = new(options);
        assert_eq!(names.get(&1), Ok(None));
        assert_eq!(names.insert(1, "one".to_owned()), Ok(()));
        assert_eq!(names.insert(1, "uno".to_owned()), Ok(()));
        assert_eq!(names.insert(2, "two".to_owned()), Ok(()));
        assert_eq!((names.get(&1), names.size()), (Ok(Some("uno".to_owned())), Ok(2)));
        assert_eq!((names.member(&1), names.member(&3)), (Ok(true), Ok(false)));
        assert_eq!(names.get_with(&2, String::len), Ok(Some(3)));
        let row = names.row(&2).unwrap().unwrap();
        assert_eq!((row.key(), row.value().as_str(), row.len()), (&2, "two", 3));

        assert_eq!((names.delete(&1), names.delete(&1)), (Ok(true), Ok(false)));
        assert_eq!(names.take(&2), Ok(Some("two".to_owned())));
        assert_eq!((names.take(&2), names.size()), (Ok(None), Ok(0)));
        assert_eq!(row.into_pair(), (2, "two".to_owned()), "a row that was read stays as it was");
    }
}

#[test]
fn finds_keys_by_their_borrowed_forms() {
    for options in kinds() {
        let ages: Table<String, u32> = new(options);
        ages.insert("joe".to_owned(), 40).unwrap();
        assert_eq!((ages.get("joe"), ages.get("mike")), (Ok(Some(40)), Ok(None)));
        assert_eq!(ages.update_counter("joe", 1), Ok(41));
        assert_eq!(ages.update("joe", |age| age + 1).unwrap().as_deref(), Some(&42));
        assert_eq!(ages.take("joe"), Ok(Some(42)));
    }
}

// OTP: ets_SUITE:t_insert_new
#[test]
fn puts_only_new_rows() {
    for options in kinds() {
        let names: Names = new(options);
        assert_eq!(names.insert_new(1, "one".to_owned()), Ok(true));
        assert_eq!(names.insert_new(1, "uno".to_owned()), Ok(false));
        assert_eq!(names.get(&1), Ok(Some("one".to_owned())));
        let rows = |keys: [u32; 2]| keys.map(|key| (key, key.to_string()));
        assert_eq!(names.insert_all_new(rows([2, 3])), Ok(true));
        assert_eq!(names.insert_all_new(rows([4, 3])), Ok(false));
        assert_eq!(names.insert_all_new([]), Ok(true));
        assert_eq!(names.keys().map(sorted), Ok(vec![1, 2, 3]));
        let twice = [(5, "five".to_owned()), (5, "cinque".to_owned())];
        assert_eq!(names.insert_all_new(twice), Ok(true), "neither was there before");
        assert_eq!(names.get(&5), Ok(Some("cinque".to_owned())));
    }
}

// OTP: ets_SUITE:t_insert_list, t_delete_all_objects
#[test]
fn puts_and_deletes_many_at_once() {
    for options in kinds() {
        let numbers: Table<u32, u32> = new(options);
        numbers.insert_all((0..1_000).map(|n| (n, n))).unwrap();
        numbers.insert_all([(7, 70), (1_000, 0), (7, 77)]).unwrap();
        assert_eq!((numbers.size(), numbers.get(&7)), (Ok(1_001), Ok(Some(77))));
        let expected: Vec<(u32, u32)> = (0..1_000).map(|n| (n, n)).chain([(1_000, 0)]).collect();
        let mut rows: BTreeMap<u32, u32> = expected.into_iter().collect();
        rows.insert(7, 77);
        assert_eq!(numbers.to_vec().map(sorted), Ok(rows.into_iter().collect()));
        assert_eq!(numbers.delete_all(), Ok(()));
        assert_eq!((numbers.size(), numbers.to_vec()), (Ok(0), Ok(vec![])));
        assert_eq!(numbers.insert(1, 1), Ok(()), "the table is still there");
    }
}

// OTP: ets_SUITE:ordered, firstnext
#[test]
fn goes_through_an_ordered_table_in_order() {
    let numbers: Table<i32, i32> = new(TableOptions::new().ordered());
    let key = |row: Option<table::Row<i32, i32>>| row.map(|row| *row.key());
    assert_eq!((numbers.first().map(key), numbers.last().map(key)), (Ok(None), Ok(None)));
    // More than are read at once, put in another order.
    numbers.insert_all((0..2_000).rev().map(|n| (n * 2, -n))).unwrap();
    assert_eq!(numbers.first().map(key), Ok(Some(0)));
    assert_eq!(numbers.last().map(key), Ok(Some(3_998)));
    assert_eq!(numbers.next(&2).map(key), Ok(Some(4)));
    assert_eq!(numbers.next(&1).map(key), Ok(Some(2)), "the key itself need not be there");
    assert_eq!(numbers.next(&3_998).map(key), Ok(None));
    assert_eq!(numbers.prev(&2).map(key), Ok(Some(0)));
    assert_eq!(numbers.prev(&1).map(key), Ok(Some(0)));
    assert_eq!(numbers.prev(&0).map(key), Ok(None));
    assert_eq!(numbers.keys(), Ok((0..2_000).map(|n| n * 2).collect()));
    assert_eq!(numbers.values(), Ok((0..2_000).map(|n| -n).collect()));

    let keys = |rows: Vec<table::Row<i32, i32>>| rows.iter().map(|row| *row.key()).collect();
    let range = |rows: Result<_, _>| -> Vec<i32> { rows.map(keys).unwrap() };
    assert_eq!(range(numbers.range(3..=8)), [4, 6, 8]);
    assert_eq!(range(numbers.range(4..8)), [4, 6]);
    assert_eq!(range(numbers.range(4..=4)), [4]);
    assert_eq!(range(numbers.range(3_996..)), [3_996, 3_998]);
    assert_eq!(range(numbers.range(..4)), [0, 2]);
    assert_eq!(range(numbers.range::<i32>(..)).len(), 2_000);
    assert_eq!(range(numbers.range(..2_000)).len(), 1_000);
    #[expect(clippy::reversed_empty_ranges, reason = "an error is not the caller's only choice")]
    let reversed = numbers.range(8..4);
    assert_eq!(range(reversed), [0; 0]);
    assert_eq!(range(numbers.range(4..4)), [0; 0]);
}

#[test]
fn says_that_a_hashed_table_has_no_order() {
    let numbers: Table<u32, u32> = new(TableOptions::new());
    let not_ordered = Some(TableError::NotOrdered);
    assert_eq!(numbers.first().err(), not_ordered);
    assert_eq!(numbers.last().err(), not_ordered);
    assert_eq!(numbers.next(&1).err(), not_ordered);
    assert_eq!(numbers.prev(&1).err(), not_ordered);
    assert_eq!(numbers.range(1..).err(), not_ordered);
}

// OTP: ets_SUITE:t_select_delete, t_select_replace
#[test]
fn selects_counts_deletes_and_replaces_by_closures() {
    for options in kinds() {
        let numbers: Table<u32, u32> = new(options);
        numbers.insert_all((0..1_000).map(|n| (n, n % 10))).unwrap();
        let picked = numbers.select(|key, value| (*value == 7 && *key < 30).then_some(*key));
        assert_eq!(picked.map(sorted), Ok(vec![7, 17, 27]));
        assert_eq!(numbers.select_count(|_, value| *value < 3), Ok(300));
        assert_eq!(numbers.fold(0, |sum, key, value| sum + key + value), Ok(499_500 + 4_500));
        assert_eq!(numbers.select_delete(|_, value| *value < 3), Ok(300));
        assert_eq!(numbers.size(), Ok(700));
        assert_eq!(numbers.select_replace(|_, value| (*value == 3).then_some(33)), Ok(100));
        assert_eq!(numbers.get(&113), Ok(Some(33)));
        assert_eq!(numbers.select_count(|_, value| *value == 3), Ok(0));
        assert_eq!(numbers.rows().unwrap().len(), 700);
    }
}

// OTP: ets_SUITE:t_delete_object
#[test]
fn deletes_a_row_if_it_is_the_one() {
    for options in kinds() {
        let names: Names = new(options);
        names.insert(1, "one".to_owned()).unwrap();
        assert_eq!(names.delete_if(&1, |name| name == "uno"), Ok(false));
        assert_eq!(names.delete_if(&2, |_| true), Ok(false));
        assert_eq!((names.delete_if(&1, |name| name == "one"), names.size()), (Ok(true), Ok(0)));
    }
}

#[test]
fn updates_again_if_a_value_is_replaced_meanwhile() {
    for options in kinds() {
        let numbers: Table<u32, u32> = new(options);
        numbers.insert(1, 10).unwrap();
        let calls = Cell::new(0);
        // The first time somebody else comes between.
        let meddle = || {
            calls.set(calls.get() + 1);
            if calls.get() == 1 {
                numbers.insert(1, 20).unwrap();
            }
        };
        let double = |value: &u32| {
            meddle();
            value * 2
        };
        assert_eq!(numbers.update(&1, double).unwrap().as_deref(), Some(&40));
        assert_eq!((calls.take(), numbers.get(&1)), (2, Ok(Some(40))));
        assert_eq!(*numbers.update_or_insert(1, 0, double).unwrap(), 40);
        assert_eq!(calls.take(), 2);
        let is_small = |value: &u32| {
            meddle();
            *value < 30
        };
        assert_eq!((numbers.delete_if(&1, is_small), calls.take()), (Ok(false), 1));
        numbers.insert(1, 10).unwrap();
        assert_eq!((numbers.delete_if(&1, is_small), calls.take()), (Ok(true), 2));
        numbers.insert(1, 10).unwrap();
        let replaced = numbers.select_replace(|_, value| Some(double(value)));
        assert_eq!((replaced, numbers.get(&1), calls.take()), (Ok(1), Ok(Some(40)), 2));
        numbers.insert(1, 10).unwrap();
        assert_eq!(numbers.select_delete(|_, value| is_small(value)), Ok(1));
        assert_eq!((numbers.size(), calls.take()), (Ok(0), 2));

        assert_eq!(numbers.update(&1, double).unwrap().as_deref(), None);
        let insert = |value: &u32| {
            meddle();
            value + 1
        };
        assert_eq!(*numbers.update_or_insert(1, 5, insert).unwrap(), 21);
        assert_eq!(numbers.delete(&1), Ok(true));
        assert_eq!(*numbers.update_or_insert(1, 5, insert).unwrap(), 6);
    }
}

// OTP: ets_SUITE:update_counter
#[test]
fn counts() {
    for options in kinds() {
        let counters: Table<&str, i64> = new(options);
        assert_eq!(counters.update_counter("a", 1), Err(TableError::NoSuchKey));
        let bounded = Increment::by(5).threshold(12, 0);
        assert_eq!(counters.update_counter_with("a", bounded), Err(TableError::NoSuchKey));
        assert_eq!(counters.update_counter_or("a", 1, 10), Ok(11));
        assert_eq!(counters.update_counter_or("a", 1, 10), Ok(12));
        assert_eq!(counters.update_counter("a", -2), Ok(10));
        assert_eq!(counters.update_counter_with("a", bounded), Ok(0));
        assert_eq!(counters.update_counter_with("a", bounded), Ok(5));
        // Somebody reads the row: it stays as it was.
        let row = counters.row("a").unwrap().unwrap();
        assert_eq!((counters.update_counter("a", 1), *row), (Ok(6), 5));
        assert_eq!(counters.get("a"), Ok(Some(6)));

        let small: Table<&str, u8> = new(TableOptions::new());
        assert_eq!(small.update_counter_or("a", 256, 0), Err(TableError::Overflow));
        assert_eq!(small.size(), Ok(0));
        small.insert("a", 255).unwrap();
        assert_eq!(small.update_counter("a", 1), Err(TableError::Overflow));
        let row = small.row("a").unwrap();
        assert_eq!(small.update_counter("a", 1), Err(TableError::Overflow));
        assert_eq!((small.get("a"), row.as_deref()), (Ok(Some(255)), Some(&255)));
    }
}

thread_local! {
    static ASIDE: Cell<Option<Box<dyn FnOnce()>>> = const { Cell::new(None) };
}

/// A key that, when it is cloned, can do something else first, each time once.
#[derive(PartialEq, Eq, PartialOrd, Ord, Hash)]
struct Slow;

impl Clone for Slow {
    fn clone(&self) -> Slow {
        if let Some(aside) = ASIDE.take() {
            aside();
        }
        Slow
    }
}

#[test]
fn counts_again_if_a_value_is_replaced_meanwhile() {
    for options in kinds() {
        let counters: Table<Slow, u32> = new(options);
        counters.insert(Slow, 0).unwrap();
        // Somebody reads the row, so another takes its place, with a clone of the key.
        let row = counters.row(&Slow).unwrap().unwrap();
        let meddler = counters.clone();
        ASIDE.set(Some(Box::new(move || {
            assert_eq!(meddler.update_counter(&Slow, 10), Ok(10));
        })));
        assert_eq!(counters.update_counter(&Slow, 1), Ok(11));
        assert_eq!((counters.get(&Slow), *row), (Ok(Some(11)), 0));
    }
}

type Errors = Vec<Option<TableError>>;

fn try_to_read(table: &Table<u32, u32>) -> Errors {
    let mut errors = vec![
        table.get(&1).err(),
        table.row(&1).err(),
        table.member(&1).err(),
        table.get_with(&1, |_| ()).err(),
        table.rows().err(),
        table.to_vec().err(),
        table.keys().err(),
        table.values().err(),
        table.select(|_, _| Some(())).err(),
        table.select_count(|_, _| true).err(),
        table.fold((), |(), _, _| ()).err(),
    ];
    if table.info().unwrap().kind == Kind::Ordered {
        errors.extend([
            table.first().err(),
            table.last().err(),
            table.next(&0).err(),
            table.prev(&2).err(),
            table.range(0..).err(),
        ]);
    }
    errors
}

/// Ends with its deletion.
fn try_to_write(table: &Table<u32, u32>) -> Errors {
    vec![
        table.insert(2, 2).err(),
        table.insert_new(2, 2).err(),
        table.insert_all([(2, 2)]).err(),
        table.insert_all([]).err(),
        table.insert_all_new([(2, 2)]).err(),
        table.update(&1, |n| *n).err(),
        table.update(&3, |n| *n).err(),
        table.update_or_insert(1, 1, |n| *n).err(),
        table.update_counter(&1, 1).err(),
        table.update_counter_or(1, 1, 0).err(),
        table.select_replace(|_, n| Some(*n)).err(),
        table.select_replace(|_, _| None).err(),
        table.delete_if(&3, |_| true).err(),
        table.delete(&3).err(),
        table.take(&3).err(),
        table.take_row(&3).err(),
        table.select_delete(|_, _| false).err(),
        table.delete_all().err(),
        table.delete_table().err(),
    ]
}

fn try_to_own(table: &Table<u32, u32>) -> Errors {
    let me = process::self_pid();
    vec![table.give_away(me, ()).err(), table.set_heir(me, ()).err(), table.clear_heir().err()]
}

// OTP: ets_SUITE:privacy
#[test]
fn lets_others_do_what_its_protection_says() {
    let owner = process::self_pid();
    for options in kinds() {
        for (options, protection) in [
            (options.clone().public(), Protection::Public),
            (options.clone(), Protection::Protected),
            (options.clone().private(), Protection::Private),
        ] {
            let table: Table<u32, u32> = new(options);
            table.insert(1, 1).unwrap();
            let refused = Some(TableError::NotOwner { owner, protection });
            let shared = table.clone();
            let [owns, reads, writes] = elsewhere(move || {
                [try_to_own(&shared), try_to_read(&shared), try_to_write(&shared)]
            });
            let expected = |may: bool| refused.clone().filter(|_| !may);
            let may_read = expected(protection != Protection::Private);
            let may_write = expected(protection == Protection::Public);
            assert!(owns.iter().all(|it| *it == refused), "{protection} {owns:?}");
            assert!(reads.iter().all(|it| *it == may_read), "{protection} {reads:?}");
            assert!(writes.iter().all(|it| *it == may_write), "{protection} {writes:?}");

            if may_write.is_some() {
                let outcomes = [try_to_read(&table), try_to_write(&table)];
                assert!(outcomes.iter().flatten().all(Option::is_none), "its owner may do all");
            }
            assert!(table.size().is_err(), "it was deleted in the end");
        }
    }
}

#[test]
fn says_who_owns_it_when_it_refuses() {
    let owner = process::self_pid();
    let table: Table<u32, u32> = new(TableOptions::new());
    let error = elsewhere(move || table.insert(1, 1).unwrap_err());
    let text = format!("the table is protected: only its owner {owner} may do that");
    assert_eq!(error.to_string(), text);
}

#[test]
fn calls_no_closure_of_a_process_that_may_not_write() {
    for options in kinds() {
        let table: Table<u32, u32> = new(options);
        table.insert(1, 1).unwrap();
        let errors: Errors = elsewhere(move || {
            vec![
                table.update(&1, |_| panic!("called")).err(),
                table.update_or_insert(1, 1, |_| panic!("called")).err(),
                table.update_or_insert(2, 1, |_| panic!("called")).err(),
                table.delete_if(&1, |_| panic!("called")).err(),
                table.select_replace(|_, _| panic!("called")).err(),
                table.select_delete(|_, _| panic!("called")).err(),
            ]
        });
        let is_refused = |it: &Option<TableError>| matches!(it, Some(TableError::NotOwner { .. }));
        assert!(errors.iter().all(is_refused), "{errors:?}");
    }
}

#[test]
fn lets_only_the_owner_change_the_owner_of_a_public_table() {
    let me = process::self_pid();
    let table: Table<u32, u32> = new(TableOptions::new().public());
    let refused = TableError::NotOwner { owner: me, protection: Protection::Public };
    let shared = table.clone();
    let outcomes = elsewhere(move || {
        let other = process::self_pid();
        [shared.give_away(other, ()), shared.set_heir(other, ()), shared.clear_heir()]
    });
    assert!(outcomes.iter().all(|it| *it == Err(refused.clone())), "{outcomes:?}");
    assert_eq!(table.info().map(|info| info.owner), Ok(me));
}

// OTP: ets_SUITE:whereis_table
#[test]
fn is_found_by_its_name_until_it_is_deleted() {
    let me = process::self_pid();
    let by_name = Names::named("table::found");
    let missing = TableError::NoSuchTable { name: Some("table::found".into()) };
    assert_eq!(by_name.get(&1), Err(missing.clone()));
    assert_eq!(Names::whereis("table::found").err(), Some(missing.clone()));
    let options = || TableOptions::new().name("table::found");
    let table: Names = new(options());
    by_name.insert(1, "one".to_owned()).unwrap();
    let handle = Names::whereis("table::found").unwrap();
    assert_eq!((table.get(&1), handle.get(&1)), (by_name.get(&1), by_name.get(&1)));

    let taken = TableError::NameTaken { name: "table::found".into(), owner: me };
    assert_eq!(Table::<u8, u8>::new_with(options()).err(), Some(taken.clone()));
    assert!(taken.to_string().contains("table::found"));
    let other = Table::<u8, u8>::named("table::found");
    let Err(TableError::OtherTypes { expected, found }) = other.get(&1) else {
        panic!("the types are not the same");
    };
    assert_eq!((expected, found), ("(u8, u8)", "(u32, alloc::string::String)"));

    assert_eq!(table.delete_table(), Ok(()));
    assert_eq!(by_name.get(&1), Err(missing.clone()));
    assert_eq!(handle.get(&1), Err(missing.clone()), "a name that was looked up says it, too");
    assert_eq!(table.delete_table(), Err(missing));
    let _next: Names = new(options());
    assert_eq!(by_name.get(&1), Ok(None), "a name finds the next table");
    assert!(handle.get(&1).is_err());
    assert_eq!(Names::new_with(TableOptions::new().name("")).err(), Some(TableError::EmptyName));
}

// OTP: ets_SUITE:t_named_select
#[test]
fn goes_through_one_table_though_another_gets_its_name() {
    for options in kinds() {
        let options = options.name("table::replaced");
        let by_name = Table::<u32, u32>::named("table::replaced");
        let make = || {
            let table: Table<u32, u32> = new(options.clone());
            table.insert_all((0..9).map(|n| (n, n))).unwrap();
        };
        // At the first row somebody deletes the table, and makes another.
        let met = Cell::new(0);
        let replace = || {
            met.set(met.get() + 1);
            if met.get() == 1 {
                by_name.delete_table().unwrap();
                make();
            }
            met.get() > 1
        };
        make();
        assert!(by_name.select_delete(|_, _| replace()).is_err());
        assert_eq!(by_name.size(), Ok(9));
        met.set(0);
        assert!(by_name.select_replace(|_, _| replace().then_some(100)).is_err());
        assert_eq!(by_name.select_count(|key, value| key == value), Ok(9));
        by_name.delete_table().unwrap();
    }
}

// OTP: ets_SUITE:info
#[test]
fn says_what_it_is() {
    let me = process::self_pid();
    let options = TableOptions::new().ordered().private().name("table::info").heir(me, ());
    let table: Names = new(options);
    table.insert(1, "one".to_owned()).unwrap();
    let shared = table.clone();
    let info = elsewhere(move || (shared.info().unwrap(), shared.size().unwrap())).0;
    assert_eq!((info.name.as_deref(), info.owner), (Some("table::info"), me));
    assert_eq!((info.heir, info.protection), (Some(me), Protection::Private));
    assert_eq!((info.kind, info.size), (Kind::Ordered, 1));
    assert_eq!(info.types, "(u32, alloc::string::String)");
    assert!(table::all().contains(&info));
    table.clear_heir().unwrap();
    assert_eq!(table.info().map(|info| info.heir), Ok(None));
    table.delete_table().unwrap();
    let gone = TableError::NoSuchTable { name: Some("table::info".into()) };
    assert_eq!((table.info().err(), table.size().err()), (Some(gone.clone()), Some(gone)));
    assert!(!table::all().iter().any(|it| it.id == info.id));
}

#[test]
fn is_an_ordinary_value() {
    fn is_shared<T: Send + Sync + Clone + std::fmt::Debug>(_: &T) {}
    let table: Table<u32, Cell2> = new(TableOptions::new());
    is_shared(&table);
    assert!(format!("{table:?}").starts_with("#Table<"));
    assert_eq!(format!("{:?}", Names::named("x")), "Table(\"x\")");
}

/// Can neither be cloned nor printed.
struct Cell2(AtomicUsize);

#[test]
fn keeps_values_that_cannot_be_cloned() {
    for options in kinds() {
        let table: Table<u32, Cell2> = new(options);
        table.insert(1, Cell2(AtomicUsize::new(5))).unwrap();
        table.row(&1).unwrap().unwrap().0.fetch_add(1, Ordering::SeqCst);
        let taken = table.take_row(&1).unwrap().unwrap();
        assert_eq!(taken.0.load(Ordering::SeqCst), 6);
    }
}

/// A value whose every method uses the table that it is in.
struct Busybody {
    n: u32,
    table: Table<u32, Busybody>,
    calls: Arc<AtomicUsize>,
}

impl Busybody {
    fn meddle(&self) {
        self.calls.fetch_add(1, Ordering::SeqCst);
        _ = self.table.row(&self.n);
        _ = self.table.size();
        _ = self.table.select_count(|_, _| true);
        _ = self.table.delete(&u32::MAX);
        _ = self.table.delete_if(&(u32::MAX - 1), |_| true);
        _ = self.table.insert_all([]);
    }
}

impl Clone for Busybody {
    fn clone(&self) -> Busybody {
        self.meddle();
        let Busybody { n, table, calls } = self;
        Busybody { n: *n, table: table.clone(), calls: Arc::clone(calls) }
    }
}

impl Drop for Busybody {
    fn drop(&mut self) {
        self.meddle();
    }
}

impl PartialEq for Busybody {
    fn eq(&self, other: &Busybody) -> bool {
        self.meddle();
        self.n == other.n
    }
}

#[test]
fn runs_no_code_of_values_under_a_lock() {
    for options in kinds() {
        let (_, monitor) = process::spawn_monitor(move || {
            let calls = Arc::new(AtomicUsize::new(0));
            let table: Table<u32, Busybody> = new(options);
            let busy = |n| Busybody { n, table: table.clone(), calls: Arc::clone(&calls) };
            let check = |what: &str| assert!(calls.swap(0, Ordering::SeqCst) > 0, "{what}");
            (0..3).for_each(|n| table.insert(n, busy(n)).unwrap());
            table.insert(0, busy(9)).unwrap();
            check("a value that is replaced");
            table.insert_new(0, busy(9)).unwrap();
            check("a value that is not put");
            assert!(table.insert_all_new([(0, busy(0)), (3, busy(3))]) == Ok(false));
            check("values that are not put");
            table.insert_all([(0, busy(0)), (1, busy(1))]).unwrap();
            check("values that are replaced");
            drop(table.get(&0).unwrap());
            check("a value that is cloned");
            drop(table.to_vec().unwrap());
            check("values that are cloned");
            table.update(&0, Busybody::clone).unwrap();
            check("a value that is updated");
            table.update_or_insert(7, busy(7), Busybody::clone).unwrap();
            check("a default");
            assert!(table.delete_if(&7, |value| *value == busy(7)) == Ok(true));
            check("a value that is compared");
            table.select_replace(|_, value| Some(value.clone())).unwrap();
            check("values that are replaced, of many");
            table.select_delete(|key, _| *key == 1).unwrap();
            check("values that are deleted, of many");
            table.delete(&2).unwrap();
            check("a value that is deleted");
            drop(table.take(&0).unwrap());
            check("a value that is taken");
            (0..3).for_each(|n| table.insert(n, busy(n)).unwrap());
            table.delete_all().unwrap();
            check("all values");
            (0..3).for_each(|n| table.insert(n, busy(n)).unwrap());
            table.delete_table().unwrap();
            check("a table");
            table.insert(1, busy(1)).unwrap_err();
            check("a value that is refused");
        })
        .unwrap();
        assert_eq!(down_reason(monitor), ExitReason::Normal);
    }
}

#[test]
fn drops_what_is_said_to_an_heir_where_no_lock_is_held() {
    struct Data(Names);
    impl PartialEq for Data {
        fn eq(&self, _: &Data) -> bool {
            true
        }
    }
    impl std::fmt::Debug for Data {
        fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str("Data")
        }
    }
    impl Drop for Data {
        fn drop(&mut self) {
            _ = self.0.info();
            _ = self.0.clear_heir();
        }
    }
    in_process(|| {
        let me = process::self_pid();
        let table: Names = new(TableOptions::new());
        (0..3).for_each(|_| table.set_heir(me, Data(table.clone())).unwrap());
        table.clear_heir().unwrap();
        table.set_heir(me, Data(table.clone())).unwrap();
        table.delete_table().unwrap();
    });
}

#[test]
fn ends_a_killed_process_that_uses_it() {
    fn ends<R>(at: impl FnOnce() -> R + Send + 'static) {
        let went_on = Arc::new(AtomicUsize::new(0));
        let shared = Arc::clone(&went_on);
        let Busy { pid, monitor, let_go } = busy(Builder::new(), move || {
            at();
            shared.store(1, Ordering::SeqCst);
        });
        process::exit(pid, ExitReason::Kill);
        drop(let_go);
        assert_eq!(down_reason(monitor), ExitReason::Killed);
        assert_eq!(went_on.load(Ordering::SeqCst), 0);
    }
    let table: Table<u32, u32> = new(TableOptions::new().public());
    let shared = table.clone();
    ends(move || shared.insert(1, 1));
    assert_eq!(table.size(), Ok(0));
    ends(Names::new);
}

/// Its comparison panics if one of the two is zero.
#[derive(Clone, Debug)]
struct Touchy(u32);

impl PartialEq for Touchy {
    fn eq(&self, other: &Touchy) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Touchy {}

impl PartialOrd for Touchy {
    fn partial_cmp(&self, other: &Touchy) -> Option<cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Touchy {
    fn cmp(&self, other: &Touchy) -> cmp::Ordering {
        assert!(self.0 != 0 && other.0 != 0, "it is zero");
        self.0.cmp(&other.0)
    }
}

/// All are compared, as they have the same hash.
impl Hash for Touchy {
    fn hash<H: Hasher>(&self, _: &mut H) {}
}

#[test]
fn can_be_used_when_a_comparison_has_panicked() {
    for options in kinds() {
        let table: Table<Touchy, u32> = new(options);
        table.insert_all([(Touchy(1), 1), (Touchy(2), 2)]).unwrap();
        let zero = || Touchy(0);
        assert!(process::catch(|| table.get(&zero())).is_err());
        assert!(process::catch(|| table.insert(zero(), 0)).is_err());
        assert!(process::catch(|| table.insert_new(zero(), 0)).is_err());
        assert!(process::catch(|| table.insert_all_new([(zero(), 0)])).is_err());
        assert!(process::catch(|| table.update_counter(&zero(), 1)).is_err());
        assert!(process::catch(|| table.delete(&zero())).is_err());
        assert_eq!(table.values().map(sorted), Ok(vec![1, 2]));
        assert!(process::catch(|| table.insert_all([(Touchy(1), 7), (zero(), 0)])).is_err());
        assert_eq!((table.size(), table.take(&Touchy(2))), (Ok(2), Ok(Some(2))));
        assert_eq!(table.delete_all(), Ok(()));
    }
}

#[test]
fn does_not_hash_keys_again_when_it_grows() {
    thread_local! {
        static HASHED: Cell<u32> = const { Cell::new(0) };
    }
    #[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
    struct Counted(u32);
    impl Hash for Counted {
        fn hash<H: Hasher>(&self, state: &mut H) {
            HASHED.set(HASHED.get() + 1);
            self.0.hash(state);
        }
    }
    let table: Table<Counted, ()> = new(TableOptions::new());
    (0..1_000).for_each(|n| table.insert(Counted(n), ()).unwrap());
    assert_eq!((table.size(), HASHED.get()), (Ok(1_000), 1_000));
}

#[test]
fn is_not_changed_by_closures_that_panic() {
    for options in kinds() {
        let table: Table<u32, u32> = new(options);
        table.insert_all([(1, 1), (2, 2)]).unwrap();
        assert!(process::catch(|| table.update(&1, |_| panic!("no"))).is_err());
        assert!(process::catch(|| table.select_delete(|_, _| panic!("no"))).is_err());
        assert!(process::catch(|| table.fold(0, |_, _, _| panic!("no"))).is_err());
        assert_eq!(table.to_vec().map(sorted), Ok(vec![(1, 1), (2, 2)]));
        assert_eq!(table.update_counter(&1, 1), Ok(2));
    }
}
