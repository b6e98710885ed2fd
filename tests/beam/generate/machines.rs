//! Scenarios of `gen_statem`.

use super::Dice;
use super::kernel::Kernel;
use crate::script::Script;
use crate::support::machine_table::{self, Action, EVENTS, Outcome, STARTER, Table};

/// The index of the first client that nobody waits for, as its call may never be answered.
const FIRST_CALLER: usize = 10;

/// A scenario of a machine.
pub(crate) fn machines(seed: u64) -> Script {
    let mut kernel = Kernel::new(Dice::new(seed), 1);
    let clients = kernel.actors.len();
    let dice = &mut kernel.dice;
    let is_suspended_at_times = dice.happens(40);
    let has_starter = dice.happens(40);
    let mut table = if has_starter {
        machine_table::table_with_starter(dice)
    } else {
        machine_table::table(dice)
    };
    if is_suspended_at_times {
        never_hibernate(&mut table);
    }
    never_fail_to_enter(&mut table);
    let mut machines = Machines {
        kernel,
        clients,
        callers: FIRST_CALLER,
        is_suspended_at_times,
        is_suspended: false,
        has_starter,
    };
    machines.start(&table);
    let steps = 3 + machines.kernel.dice.below(10);
    for _ in 0..steps {
        machines.step();
    }
    machines.kernel.end(machines.clients)
}

/// What is suspended does not hibernate: OTP 25 does not come to rest then.
fn never_hibernate(table: &mut Table) {
    let rules = table.handle.values_mut().chain(table.enter.values_mut());
    let lists = rules.map(|rule| &mut rule.actions).chain([&mut table.init]);
    lists.for_each(|actions| actions.retain(|action| *action != Action::Hibernate));
}

/// See [`differences`](crate::differences): what `terminate` gets then.
fn never_fail_to_enter(table: &mut Table) {
    let outcomes = table.enter.values_mut().map(|rule| &mut rule.outcome);
    for outcome in outcomes.filter(|outcome| **outcome == Outcome::Crash) {
        *outcome = Outcome::Keep;
    }
}

struct Machines {
    kernel: Kernel,
    clients: usize,
    /// The index of the next client that makes one call.
    callers: usize,
    is_suspended_at_times: bool,
    is_suspended: bool,
    has_starter: bool,
}

impl Machines {
    fn dice(&mut self) -> &mut Dice {
        &mut self.kernel.dice
    }

    /// The index of the machine, which is the only one.
    fn machine(&self) -> usize {
        self.clients
    }

    fn push(&mut self, client: usize, operations: &str) {
        self.kernel.lines.push(format!("{client} {operations}"));
    }

    fn client(&mut self) -> usize {
        let clients = self.clients;
        self.dice().below(clients)
    }

    fn start(&mut self, table: &Table) {
        let (client, machine) = (self.client(), self.machine());
        let how = match self.dice().below(3) {
            0 => "nolink".to_owned(),
            1 => "link".to_owned(),
            _ => format!("( monitor {} )", self.kernel.new_monitor()),
        };
        let name = self.dice().text("-|-|na").to_owned();
        self.push(client, &format!("( start_machine {machine} {how} {name} {table} )"));
    }

    fn step(&mut self) {
        let (client, machine) = (self.client(), self.machine());
        if self.is_suspended_at_times && self.dice().happens(30) {
            self.is_suspended = !self.is_suspended;
            let order = if self.is_suspended { "suspend" } else { "resume" };
            return self.push(client, &format!("( {order} {machine} )"));
        }
        if self.dice().happens(4) {
            let reason = self.kernel.reason();
            let end = self.dice().text("stop|exit|terminate").to_owned();
            return self.push(client, &format!("( {end} {machine} {reason} )"));
        }
        let count = [0, 1, 1, 2, 3][self.dice().below(5)];
        let mut operations: String = (0..count).map(|_| self.event()).collect();
        let machine = self.machine();
        if count == 0 || self.is_suspended {
            operations += &self.question();
        } else if self.has_starter && self.dice().happens(30) {
            operations += &format!("( machine_cast {machine} {STARTER} ) ( wait soon ) ");
        }
        self.push(client, &operations);
    }

    /// Has an event come of which the client hears nothing.
    fn event(&mut self) -> String {
        let machine = self.machine();
        let event = self.dice().below(EVENTS.into());
        match self.dice().below(7) {
            0..4 => format!("( machine_cast {machine} e{event} ) "),
            4 | 5 => format!("( machine_tell {machine} e{event} ) "),
            _ => format!("( send {machine} {} ) ", self.kernel.tag()),
        }
    }

    /// What has an answer: an event before it in the same step might end the machine, or have ended
    /// it.
    fn question(&mut self) -> String {
        let machine = self.machine();
        if self.dice().happens(15) {
            return format!("( machine_state {machine} ) ");
        }
        let event = self.dice().below(EVENTS.into());
        self.callers += 1;
        format!("( spawn {} ( machine_call {machine} e{event} ) ) ", self.callers - 1)
    }
}
