//! Tables whose keeper is killed: a binary of its own, as others rely on it.

use procession::prelude::*;
use procession::table::{Table, TableOptions, Transferred};

#[allow(dead_code, reason = "this binary needs few of them")]
mod support {
    pub(crate) mod processes;
    pub(crate) mod rounds;
    pub(crate) mod wait;
}

use crate::support::processes::{idle_body, in_process};
use crate::support::rounds::rounds;
use crate::support::wait::{exit_and_wait, expect};

type Numbers = Table<u64, u64>;
type Gift = Transferred<u64, u64>;

fn new(options: TableOptions) -> Numbers {
    Table::new_with(options).unwrap()
}

/// Whoever kills the keeper delays a hand-over to the next access, or to the next keeper.
#[test]
fn the_keeper_is_killed() {
    in_process(|| {
        let me = process::self_pid();
        for _ in 0..rounds(100) {
            let owner = process::spawn(move || {
                process::send(me, new(TableOptions::new().heir(me, ())));
                idle_body();
            });
            let (owner, table) = (owner.unwrap(), expect::<Numbers>());
            let keeper = process::whereis("table_keeper");
            keeper.map(|keeper| exit_and_wait(keeper, ExitReason::Kill));
            exit_and_wait(owner, ExitReason::Kill);
            assert_eq!(table.size(), Ok(0));
            assert_eq!(expect::<Gift>().from, owner);
            table.delete_table().unwrap();
        }
        // What nobody uses is seen by the next keeper.
        let owner = process::spawn(move || {
            drop(new(TableOptions::new().heir(me, ())));
            process::send(me, "made");
            idle_body();
        });
        expect::<&str>();
        let keeper = process::whereis("table_keeper");
        keeper.map(|keeper| exit_and_wait(keeper, ExitReason::Kill));
        exit_and_wait(owner.unwrap(), ExitReason::Kill);
        drop(new(TableOptions::new()));
        expect::<Gift>();
        // It belongs to nobody, also if somebody has had it started.
        let keeper = process::whereis("table_keeper").unwrap();
        assert!(!process::info(keeper).unwrap().ancestors.contains(&me));
    });
}
