//! Customers, who come and go.

use std::time::Duration;

use procession::dynamic_supervisor::{DynamicSupervisor, DynamicSupervisorRef};
use procession::pg::Scope;
use procession::prelude::*;
use procession::registry::{Registry, RegistryRef};
use procession::timer;

const CUSTOMERS: &str = "customers";
const NUMBERS: &str = "customer_numbers";
const QUEUES: &str = "queues";

/// Who looks around, and leaves when it has had enough.
#[derive(Debug)]
struct Customer;

#[derive(Clone, Debug)]
struct Leave;

impl GenServer for Customer {
    type Args = u64;

    fn init(number: u64) -> InitResult<Customer> {
        process::set_label(format!("customer {number}"));
        RegistryRef::<u64>::named(NUMBERS).register(number, ())?;
        let queue = if number.is_multiple_of(2) { "even" } else { "odd" };
        Scope::<&str>::named(QUEUES).join(queue, process::self_pid())?;
        let stays = Duration::from_millis(2_000 + number * 737 % 6_000);
        timer::send_after(stays, process::self_pid(), Leave);
        ready(Customer)
    }

    fn handle_info(&mut self, message: Message) -> CastResult<Customer> {
        handle_info! { message;
            Leave => stop(ExitReason::Normal),
        }
    }
}

/// Lets customers in.
#[derive(Debug)]
struct Door {
    last: u64,
}

#[derive(Clone, Debug)]
struct Open;

impl GenServer for Door {
    type Args = ();

    fn init((): ()) -> InitResult<Door> {
        timer::send_interval(Duration::from_millis(700), process::self_pid(), Open);
        ready(Door { last: 0 })
    }

    fn handle_info(&mut self, message: Message) -> CastResult<Door> {
        handle_info! { message;
            Open => {
                self.last += 1;
                let customer = Customer::child_spec(self.last).restart(Restart::Temporary);
                DynamicSupervisorRef::named(CUSTOMERS).start_child(customer)?;
                noreply()
            }
        }
    }
}

/// Supervises all that has to do with customers.
pub(crate) fn customers() -> Supervisor {
    Supervisor::rest_for_one()
        .child(Registry::<u64>::unique(NUMBERS).child_spec())
        .child(Scope::<&str>::child_spec(QUEUES))
        .child(DynamicSupervisor::new().named_child_spec(CUSTOMERS))
        .child(Door::child_spec(()).id("door"))
}
