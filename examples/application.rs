//! Two applications, one depending on the other: a shop, and the stock that it sells from.
//!
//! What to look for: the program names the shop alone, and the stock is started first. What the
//! stock begins with is in its environment. The shop sells something in a phase of its start, when
//! its tree is there. Then the program waits. When it is told to end, by Ctrl-C or `kill`, the shop
//! is closed first, as it was opened last, and the exit code is 0.
//!
//! Run it with `cargo run --example application`, and press Ctrl-C.

#![allow(clippy::disallowed_macros, reason = "an example prints")]

use procession::application::{self, Application, Callback, RunError};
use procession::prelude::*;
use procession::supervisor::Child;

/// How many there are of what is sold.
#[derive(Debug)]
struct Stock {
    items: u32,
}

#[derive(Debug)]
struct Take(u32);

impl GenServer for Stock {
    type Args = u32;

    fn init(items: u32) -> InitResult<Self> {
        process::set_trap_exit(true); // `terminate` is to run when it is told to shut down.
        println!("stock: {items} items");
        ready(Stock { items })
    }

    fn terminate(&mut self, reason: &ExitReason) {
        println!("stock: {} items are left ({reason})", self.items);
    }
}

impl HandleCall<Take> for Stock {
    type Reply = Option<u32>;

    fn handle_call(
        &mut self,
        Take(items): Take,
        _: &Caller<Self::Reply>,
    ) -> CallResult<Self, Take> {
        let left = self.items.checked_sub(items);
        self.items = left.unwrap_or(self.items);
        reply(left)
    }
}

/// Who sells it.
#[derive(Debug)]
struct Clerk;

#[derive(Debug)]
struct Buy(u32);

impl GenServer for Clerk {
    type Args = ();

    fn init((): ()) -> InitResult<Self> {
        process::set_trap_exit(true);
        ready(Clerk)
    }

    fn terminate(&mut self, reason: &ExitReason) {
        println!("clerk: goes home ({reason})");
    }
}

impl HandleCall<Buy> for Clerk {
    type Reply = String;

    fn handle_call(&mut self, Buy(items): Buy, _: &Caller<String>) -> CallResult<Self, Buy> {
        let left = ServerRef::<Stock>::named("stock").call(Take(items))?;
        reply(left.map_or("not that many".to_owned(), |left| format!("sold, {left} left")))
    }
}

fn stock() -> Application {
    Application::new("stock").env("items", 10_u32).start(|| {
        let items = application::get_env("stock", "items").unwrap_or(0);
        Supervisor::one_for_one().child(Stock::named_child_spec("stock", items)).start_link()
    })
}

fn shop() -> Application {
    Application::new("shop").depends_on("stock").phase("open").callback::<Shop>(())
}

/// What the shop does when it opens and closes.
struct Shop;

impl Callback for Shop {
    type Args = ();

    fn start((): ()) -> Result<(Pid, Self), StartError> {
        let clerk = Clerk::named_child_spec("clerk", ());
        let top = Supervisor::one_for_one().child(clerk).start_link()?;
        Ok((top.child_pid(), Shop))
    }

    fn start_phase(&mut self, phase: &str) -> Result<(), ExitReason> {
        println!("shop: {phase}");
        let clerk = ServerRef::<Clerk>::named("clerk");
        for items in [3, 8] {
            println!("{items} items, please: {}", clerk.call(Buy(items))?);
        }
        Ok(())
    }

    fn prep_stop(&mut self) {
        println!("shop: last orders");
    }

    fn stop(&mut self) {
        println!("shop: closed");
    }
}

fn main() -> Result<(), RunError> {
    // With RUST_LOG=info it shows what is started and stopped.
    env_logger::init_from_env(env_logger::Env::new().default_filter_or("warn"));
    application::run([shop(), stock()])
}
