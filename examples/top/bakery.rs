//! The load: servers that do little, too much, and nothing.

use std::hint::black_box;
use std::time::{Duration, Instant};

use procession::dynamic_supervisor::{DynamicSupervisor, DynamicSupervisorRef};
use procession::prelude::*;
use procession::process::Overflow;
use procession::supervisor::SupervisorRef;
use procession::timer;

/// An order comes in such a time.
const ORDER: Duration = Duration::from_millis(10);

/// A loaf is baked in such a time, which is too long.
const LOAF: Duration = Duration::from_millis(50);

/// How many loaves may wait for the oven.
const SHELF: usize = 500;

const CLERKS: usize = 3;

/// Takes orders, which come by a timer, and has them baked.
#[derive(Debug)]
struct Orders {
    taken: u64,
}

#[derive(Clone, Debug)]
struct Order;

impl GenServer for Orders {
    type Args = ();

    fn init((): ()) -> InitResult<Orders> {
        timer::send_interval(ORDER, process::self_pid(), Order);
        ready(Orders { taken: 0 })
    }

    fn handle_info(&mut self, message: Message) -> CastResult<Orders> {
        handle_info! { message;
            Order => {
                self.taken += 1;
                ServerRef::<Oven>::named("oven").cast(Bake);
                noreply()
            }
        }
    }
}

/// Bakes one loaf after the other.
#[derive(Debug)]
struct Oven {
    baked: u64,
}

#[derive(Debug)]
struct Bake;

impl GenServer for Oven {
    type Args = ();

    fn init((): ()) -> InitResult<Oven> {
        ready(Oven { baked: 0 })
    }
}

impl HandleCast<Bake> for Oven {
    fn handle_cast(&mut self, Bake: Bake) -> CastResult<Oven> {
        process::sleep(LOAF);
        self.baked += 1;
        noreply()
    }
}

/// Computes for a tenth of its time.
#[derive(Debug)]
struct Mixer {
    rounds: u64,
}

#[derive(Clone, Debug)]
struct Mix;

impl GenServer for Mixer {
    type Args = ();

    fn init((): ()) -> InitResult<Mixer> {
        timer::send_interval(ORDER * 10, process::self_pid(), Mix);
        ready(Mixer { rounds: 0 })
    }

    fn handle_info(&mut self, message: Message) -> CastResult<Mixer> {
        handle_info! { message;
            Mix => {
                let start = Instant::now();
                while start.elapsed() < ORDER {
                    self.rounds = black_box(self.rounds + 1);
                }
                noreply()
            }
        }
    }
}

/// Waits for somebody to come in.
#[derive(Debug)]
struct Clerk;

impl GenServer for Clerk {
    type Args = ();

    fn init((): ()) -> InitResult<Clerk> {
        process::set_label("at the counter");
        ready(Clerk)
    }
}

/// Starts all of it.
pub(crate) fn start() -> Result<SupervisorRef, StartError> {
    let oven = ChildSpec::new("oven", || {
        let options = StartOptions::new().name("oven");
        Oven::start_link_with((), options.mailbox_capacity(SHELF, Overflow::DropNewest))
    });
    let bakery = Supervisor::one_for_one()
        .intensity(100, Duration::from_secs(1))
        .child(oven)
        .child(Orders::named_child_spec("orders", ()))
        .child(Mixer::named_child_spec("mixer", ()))
        .child(DynamicSupervisor::new().named_child_spec("clerks"))
        .start_link_with(StartOptions::new().name("bakery"))?;
    let clerks = DynamicSupervisorRef::named("clerks");
    for _ in 0..CLERKS {
        // Without them there is less to see, and no more.
        _ = clerks.start_child(Clerk::child_spec(()));
    }
    Ok(bakery)
}
