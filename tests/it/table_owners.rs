//! Tables: their owners and heirs.

use std::fmt::Debug;
use std::sync::Arc;

use procession::prelude::*;
use procession::sys;
use procession::table::{self, Table, TableError, TableOptions, Transferred};

use crate::support::drops::OnDrop;
use crate::support::processes::{idle, in_process};
use crate::support::rounds::rounds;
use crate::support::wait::{assert_no_message, down_reason, exit_and_wait, expect, wait_until};

type Numbers = Table<u32, u32>;
type Gift = Transferred<u32, u32>;

fn new(options: TableOptions) -> Numbers {
    Table::new_with(options).unwrap()
}

fn gone() -> TableError {
    TableError::NoSuchTable { name: None }
}

/// Has a process that ends when it gets a message make a table; returns both.
fn owned_elsewhere(options: TableOptions) -> (Pid, Numbers) {
    let me = process::self_pid();
    let owner = process::spawn(move || {
        let table = new(options);
        table.insert(1, 10).unwrap();
        process::send(me, table);
        expect::<()>();
    });
    (owner.unwrap(), expect::<Numbers>())
}

/// Ends a process by its own, and waits until it has ended.
fn end(pid: Pid) {
    let monitor = process::monitor(pid);
    process::send(pid, ());
    assert_eq!(down_reason(monitor), ExitReason::Normal);
}

#[track_caller]
fn said<T: PartialEq + Debug + 'static>(gift: &Gift, data: T) {
    assert_eq!(gift.data.downcast_ref::<T>(), Some(&data));
}

#[test]
fn is_gone_when_its_owner_is() {
    for options in [TableOptions::new(), TableOptions::new().ordered().public()] {
        let (owner, table) = owned_elsewhere(options.name("table_owners::gone"));
        let by_name = Numbers::named("table_owners::gone");
        assert_eq!((table.get(&1), by_name.get(&1)), (Ok(Some(10)), Ok(Some(10))));
        end(owner);
        let gone = Err(TableError::NoSuchTable { name: Some("table_owners::gone".into()) });
        assert_eq!((table.get(&1), by_name.get(&1)), (gone.clone(), gone.clone()));
        assert_eq!(table.insert(1, 1).err(), gone.clone().err());
        assert_eq!(table.info().err(), gone.clone().err());
        let again = new(TableOptions::new().name("table_owners::gone"));
        assert_eq!((table.get(&1), by_name.get(&1)), (gone, Ok(None)), "the name is free");
        again.delete_table().unwrap();
    }
}

#[test]
fn is_gone_at_once_when_its_owner_is_killed() {
    let me = process::self_pid();
    let names = ["table_owners::killed", "table_owners::killed_too"];
    let make = move || {
        names.iter().for_each(|name| drop(new(TableOptions::new().name(*name))));
        process::send(me, new(TableOptions::new()));
    };
    let (let_go, held) = std::sync::mpsc::channel::<()>();
    let (owner, monitor) = process::spawn_monitor(move || {
        make();
        _ = held.recv();
    })
    .unwrap();
    let table = expect::<Numbers>();
    assert_eq!(table.size(), Ok(0));
    process::exit(owner, ExitReason::Kill);
    // Its thread has not left, so the keeper has not heard of it.
    assert_eq!(table.size(), Err(gone()));
    let no_such_table = |name: &str| Some(TableError::NoSuchTable { name: Some(name.into()) });
    assert_eq!(Numbers::whereis(names[0]).err(), no_such_table(names[0]));
    assert_eq!(Table::<u8, u8>::named(names[1]).get(&1).err(), no_such_table(names[1]));
    drop(let_go);
    assert_eq!(down_reason(monitor), ExitReason::Killed);
}

#[test]
fn is_freed_when_its_owner_ends_though_no_process_uses_it() {
    let me = process::self_pid();
    for options in [TableOptions::new(), TableOptions::new().ordered()] {
        let owner = process::spawn(move || {
            let table: Table<u32, _> = Table::new_with(options).unwrap();
            for n in 0..3_u32 {
                table.insert(n, OnDrop(move || process::send(me, ("freed", n)))).unwrap();
            }
            process::send(me, Opaque::new(table));
            expect::<()>();
        });
        let table = process::receive();
        end(owner.unwrap());
        let mut freed: Vec<u32> = (0..3).map(|_| expect::<(&str, u32)>().1).collect();
        freed.sort_unstable();
        assert_eq!(freed, [0, 1, 2]);
        drop(table);
    }
}

#[test]
fn frees_all_values_though_their_destructors_panic_or_block() {
    let me = process::self_pid();
    let (let_go, held) = std::sync::mpsc::channel::<()>();
    let held = parking_lot::Mutex::new(Some(held));
    let owner = process::spawn(move || {
        let table: Table<u32, _> = Table::new().unwrap();
        let held = Arc::new(held);
        for n in 0..3_u32 {
            let held = Arc::clone(&held);
            let on_drop = move || {
                process::send(me, n);
                let held = held.lock().take();
                _ = held.map(|held| held.recv());
                panic!("a destructor");
            };
            table.insert(n, OnDrop(on_drop)).unwrap();
        }
        expect::<()>();
    });
    end(owner.unwrap());
    expect::<u32>(); // One blocks now. It holds up nobody else.
    let (other, table) = owned_elsewhere(TableOptions::new().heir(me, "mine"));
    end(other);
    said(&expect::<Gift>(), "mine");
    assert_eq!(table.get(&1), Ok(Some(10)));
    drop(let_go);
    expect::<u32>();
    expect::<u32>();
}

// OTP: ets_SUITE:give_away
#[test]
fn is_given_away() {
    let me = process::self_pid();
    let table = new(TableOptions::new());
    table.insert(1, 10).unwrap();
    let taker = process::spawn(move || {
        let gift = expect::<Gift>();
        said(&gift, "yours");
        gift.table.insert(2, 20).unwrap();
        process::send(me, gift.from);
        expect::<()>();
    })
    .unwrap();
    assert_eq!(table.give_away(taker, "yours"), Ok(()));
    assert_eq!(table.info().map(|info| info.owner), Ok(taker));
    assert_eq!(expect::<Pid>(), me);
    assert_eq!(table.get(&2), Ok(Some(20)));
    let refused = TableError::NotOwner { owner: taker, protection: table::Protection::Protected };
    assert_eq!(table.insert(3, 30), Err(refused.clone()), "it is not ours any more");
    assert_eq!(table.give_away(me, ()), Err(refused));
    end(taker);
    assert_eq!(table.get(&1), Err(gone()), "it ends with its new owner");
}

// OTP: ets_SUITE:give_away
#[test]
fn is_given_neither_to_a_process_that_has_ended_nor_to_its_owner() {
    let me = process::self_pid();
    let table = new(TableOptions::new());
    let dead = idle();
    exit_and_wait(dead, ExitReason::Kill);
    assert_eq!(table.give_away(dead, ()), Err(TableError::NotAlive(dead)));
    assert_eq!(table.give_away(me, ()), Err(TableError::OwnsIt(me)));
    assert_eq!(table.insert(1, 1), Ok(()));
    assert_no_message();
}

#[test]
fn is_freed_by_one_process_with_the_others_of_its_owner() {
    let me = process::self_pid();
    let owner = process::spawn(move || {
        for n in 0..100_u32 {
            let table: Table<u32, _> = Table::new().unwrap();
            let tell = move || process::send(me, ("freed by", process::self_pid()));
            table.insert(n, OnDrop(tell)).unwrap();
        }
        expect::<()>();
    });
    end(owner.unwrap());
    let first = expect::<(&str, Pid)>();
    (1..100).for_each(|_| assert_eq!(expect::<(&str, Pid)>(), first));
}

#[test]
fn is_the_same_as_another_handle_of_it() {
    in_process(|| {
        let (one, other) = (Numbers::new().unwrap(), Numbers::new().unwrap());
        assert!(one == one.clone() && one != other);
        let by_name = Numbers::named("table_owners::same");
        assert!(by_name == Numbers::named("table_owners::same") && by_name != one);
        one.delete_table().unwrap();
        assert!(one == one.clone(), "also when it is gone");
    });
}

// OTP: ets_SUITE:heir
#[test]
fn passes_to_its_heir_each_time_its_owner_ends() {
    in_process(|| {
        let me = process::self_pid();
        let (owner, table) = owned_elsewhere(TableOptions::new().heir(me, "come back"));
        end(owner);
        // At once, whether or not the message has come.
        assert_eq!(table.insert(2, 20), Ok(()));
        let gift = expect::<Gift>();
        said(&gift, "come back");
        assert_eq!((gift.from, gift.table.get(&1), gift.table.get(&2)), {
            (owner, Ok(Some(10)), Ok(Some(20)))
        });
        let info = table.info().unwrap();
        assert_eq!((info.owner, info.heir), (me, Some(me)), "the heir stays");

        let next = process::spawn(expect::<()>).unwrap();
        table.give_away(next, "borrowed").unwrap();
        end(next);
        let gift = expect::<Gift>();
        said(&gift, "come back");
        assert_eq!(gift.from, next);
        assert_no_message();
    });
}

#[test]
fn keeps_its_name_and_is_listed_once_when_its_owner_changes() {
    in_process(|| {
        let me = process::self_pid();
        let options = TableOptions::new().name("table_owners::moves").heir(me, ());
        let (owner, table) = owned_elsewhere(options);
        let by_name = Numbers::named("table_owners::moves");
        let id = table.info().unwrap().id;
        let owners = || -> Vec<Pid> {
            table::all().iter().filter(|it| it.id == id).map(|it| it.owner).collect()
        };
        assert_eq!(owners(), [owner]);
        end(owner);
        expect::<Gift>();
        assert_eq!((owners(), by_name.insert(2, 20)), (vec![me], Ok(())));
        let next = process::spawn(expect::<()>).unwrap();
        table.give_away(next, ()).unwrap();
        assert_eq!((owners(), by_name.get(&2)), (vec![next], Ok(Some(20))));
        end(next);
        expect::<Gift>();
        table.delete_table().unwrap();
        assert_eq!(owners(), []);
    });
}

#[test]
fn passes_to_its_heir_though_no_process_uses_it() {
    in_process(|| {
        let me = process::self_pid();
        let (owner, table) = owned_elsewhere(TableOptions::new().heir(me, 7_u8));
        drop(table);
        process::exit(owner, ExitReason::Kill);
        let gift = expect::<Gift>();
        said(&gift, 7_u8);
        assert_eq!(gift.table.get(&1), Ok(Some(10)));
    });
}

// OTP: ets_SUITE:heir
#[test]
fn is_deleted_if_its_heir_has_ended_or_is_the_owner() {
    in_process(|| {
        let me = process::self_pid();
        let dead = idle();
        exit_and_wait(dead, ExitReason::Kill);
        let (owner, table) = owned_elsewhere(TableOptions::new().heir(dead, ()));
        end(owner);
        assert_eq!(table.get(&1), Err(gone()));

        let heir = process::spawn(|| drop(expect::<Gift>())).unwrap();
        let monitor = process::monitor(heir);
        let (owner, table) = owned_elsewhere(TableOptions::new().heir(heir, ()));
        end(owner);
        assert_eq!(down_reason(monitor), ExitReason::Normal);
        assert_eq!(table.get(&1), Err(gone()), "an heir leaves it to nobody else");

        let own = process::spawn(move || {
            let table = new(TableOptions::new());
            table.set_heir(process::self_pid(), ()).unwrap();
            process::send(me, table);
            expect::<()>();
        });
        let table = expect::<Numbers>();
        end(own.unwrap());
        assert_eq!(table.get(&1), Err(gone()));
    });
}

// OTP: ets_SUITE:setopts
#[test]
fn has_the_heir_that_was_set_last() {
    in_process(|| {
        let me = process::self_pid();
        let other = idle();
        for keeps in [true, false] {
            let owner = process::spawn(move || {
                let table = new(TableOptions::new().heir(other, 1_u8));
                table.set_heir(me, 2_u8).unwrap();
                if !keeps {
                    table.clear_heir().unwrap();
                }
                process::send(me, table);
                expect::<()>();
            });
            let table = expect::<Numbers>();
            end(owner.unwrap());
            if keeps {
                said(&expect::<Gift>(), 2_u8);
                assert_eq!(table.size(), Ok(0));
            } else {
                assert_eq!(table.size(), Err(gone()));
            }
        }
        assert_no_message();
        exit_and_wait(other, ExitReason::Kill);
    });
}

#[test]
fn can_be_written_by_the_destructors_of_an_owner_that_panics() {
    in_process(|| {
        let me = process::self_pid();
        let (_, monitor) = process::spawn_monitor(move || {
            let table = new(TableOptions::new().heir(me, ()));
            let last_words = table.clone();
            let _words = OnDrop(move || last_words.insert(1, 99).unwrap());
            panic!("in a test");
        })
        .unwrap();
        assert!(down_reason(monitor).as_panic().is_some());
        assert_eq!(expect::<Gift>().table.get(&1), Ok(Some(99)));
    });
}

#[test]
fn of_a_thread_of_the_programs_own_ends_with_it() {
    let table = std::thread::scope(|scope| {
        scope.spawn(|| new(TableOptions::new().public())).join().unwrap()
    });
    let me = process::self_pid();
    process::spawn(move || process::send(me, table.size())).unwrap();
    assert_eq!(expect::<Result<usize, TableError>>(), Err(gone()));
}

#[test]
fn is_watched_once_with_the_others_of_its_owner_until_that_ends() {
    let me = process::self_pid();
    let owner = process::spawn(move || {
        (0..3).for_each(|_| drop(new(TableOptions::new())));
        process::send(me, "made");
        expect::<()>();
    })
    .unwrap();
    expect::<&str>();
    // It answers after all that it was told before.
    let is_known = || {
        let status = sys::of("table_keeper").get_status().unwrap();
        status.state.contains(&owner.to_string())
    };
    assert!(is_known());
    let keeper = process::whereis("table_keeper").unwrap();
    let monitors = process::info(keeper).unwrap().monitors;
    assert_eq!(monitors.into_iter().filter(|it| *it == owner).count(), 1);
    end(owner);
    wait_until(|| !is_known());
}

#[test]
fn is_forgotten_when_it_is_gone() {
    let name: Arc<str> = Arc::from("table_owners::forgotten");
    let options = || TableOptions::new().name(Arc::clone(&name));
    // Who lists all tables at the moment has it a little longer.
    let is_nowhere = || Arc::strong_count(&name) == 1;
    new(options()).delete_table().unwrap();
    wait_until(is_nowhere);
    let (owner, table) = owned_elsewhere(options());
    drop(table);
    end(owner);
    wait_until(is_nowhere);
}

/// Owns a table while no counter does.
#[derive(Debug)]
struct Home(Numbers);

#[derive(Debug)]
struct Lend;

impl GenServer for Home {
    type Args = Pid;

    fn init(observer: Pid) -> InitResult<Self> {
        ready(Home(new(TableOptions::new().heir(process::self_pid(), observer))))
    }

    fn handle_info(&mut self, message: Message) -> CastResult<Self> {
        let Transferred { data, from, .. } = message.downcast::<Gift>().unwrap();
        process::send(*data.downcast_ref::<Pid>().unwrap(), ("is back from", from));
        noreply()
    }
}

impl HandleCall<Lend> for Home {
    type Reply = Numbers;

    fn handle_call(&mut self, _: Lend, caller: &Caller<Numbers>) -> CallResult<Self, Lend> {
        self.0.give_away(caller.pid(), ())?;
        reply(self.0.clone())
    }
}

/// Keeps its state in a table that it borrows.
#[derive(Debug)]
struct Counter(Numbers);

#[derive(Debug)]
struct Count;

impl GenServer for Counter {
    type Args = ();

    fn init((): ()) -> InitResult<Self> {
        ready(Counter(ServerRef::<Home>::named("table_owners::home").call(Lend)?))
    }

    fn handle_info(&mut self, message: Message) -> CastResult<Self> {
        assert!(message.is::<Gift>());
        noreply()
    }
}

impl HandleCall<Count> for Counter {
    type Reply = (Pid, u32);

    fn handle_call(&mut self, _: Count, _: &Caller<(Pid, u32)>) -> CallResult<Self, Count> {
        reply((process::self_pid(), self.0.update_counter_or(0, 1, 0)?))
    }
}

#[test]
fn outlives_the_crashes_of_a_server_that_keeps_its_state_in_it() {
    in_process(|| {
        let me = process::self_pid();
        let hour = std::time::Duration::from_secs(3_600);
        let crashes = u32::try_from(rounds(200)).unwrap();
        let top = Supervisor::one_for_one()
            .intensity(crashes as usize, hour)
            .child(Home::named_child_spec("table_owners::home", me))
            .child(Counter::named_child_spec("table_owners::counter", ()))
            .start_link()
            .unwrap();
        let counter = ServerRef::<Counter>::named("table_owners::counter");
        for n in 1..=crashes {
            let (pid, count) = counter.call(Count).unwrap();
            assert_eq!(count, n);
            exit_and_wait(pid, ExitReason::Kill);
            assert_eq!(expect::<(&str, Pid)>(), ("is back from", pid));
            top.count_children().unwrap(); // It has started another.
        }
        top.stop().unwrap();
    });
}

#[test]
fn is_made_by_a_process_that_ends_at_once() {
    for _ in 0..rounds(1_000) {
        let (_, monitor) = process::spawn_monitor(|| drop(new(TableOptions::new()))).unwrap();
        assert_eq!(down_reason(monitor), ExitReason::Normal);
    }
    let stranded = || table::all().into_iter().filter(|it| !process::is_alive(it.owner)).count();
    wait_until(|| stranded() == 0);
}
