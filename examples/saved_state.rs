//! A till that crashes, and whose sales are not lost.
//!
//! What to look for: they are in a table, whose heir is a vault. The till owns the table while it
//! runs, and alone writes it; when it has ended, the vault has the table back and lends it to the
//! next till. Meanwhile anybody can read it by its name, without asking anyone. A table that has no
//! heir ends with its owner.
//!
//! Run it with `cargo run --example saved_state`.

#![allow(clippy::disallowed_macros, reason = "an example prints")]

use std::error::Error;

use procession::prelude::*;
use procession::table::{Table, TableOptions, Transferred};

type Item = &'static str;

/// How many of each were sold.
type Sales = Table<Item, u32>;

/// Lends the table. It does little else, so there is little that could make it crash.
#[derive(Debug)]
struct Vault {
    sales: Sales,
    is_here: bool,
    /// The till that waits for the table.
    till: Option<ReplyTo<()>>,
}

#[derive(Debug)]
struct Borrow;

impl GenServer for Vault {
    type Args = ();

    fn init((): ()) -> InitResult<Self> {
        let options = TableOptions::new().name("sales").ordered();
        let sales = Sales::new_with(options.heir(process::self_pid(), "a till has ended"))?;
        ready(Vault { sales, is_here: true, till: None })
    }

    fn handle_info(&mut self, message: Message) -> CastResult<Self> {
        handle_info! { message;
            Transferred::<Item, u32> { .. } => {
                self.is_here = true;
                self.lend();
                noreply()
            }
        }
    }
}

impl HandleCall<Borrow> for Vault {
    type Reply = ();

    fn handle_call(&mut self, _: Borrow, till: &Caller<()>) -> CallResult<Self, Borrow> {
        self.till = Some(till.defer());
        self.lend();
        noreply() // The answer is given with the table.
    }
}

impl Vault {
    fn lend(&mut self) {
        // A till may be there before the table of the last one is back; or be gone again.
        if self.is_here
            && let Some(till) = self.till.take()
            && self.sales.give_away(till.pid(), "take care").is_ok()
        {
            self.is_here = false;
            till.reply(());
        }
    }
}

/// Keeps nothing itself.
#[derive(Debug)]
struct Till {
    sales: Sales,
}

#[derive(Debug)]
struct Sell(Item, u32);

impl GenServer for Till {
    type Args = ();

    fn init((): ()) -> InitResult<Self> {
        ServerRef::<Vault>::named("vault").call(Borrow)?;
        let sales = receive! { given: Transferred<Item, u32> => given.table };
        println!("till: open, {} kinds of things sold so far", sales.size()?);
        ready(Till { sales })
    }
}

impl HandleCall<Sell> for Till {
    type Reply = u32;

    fn handle_call(&mut self, Sell(item, count): Sell, _: &Caller<u32>) -> CallResult<Self, Sell> {
        assert!(count > 0, "nobody buys nothing");
        reply(self.sales.update_counter_or(item, count.into(), 0)?)
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    env_logger::init_from_env(env_logger::Env::new().default_filter_or("warn"));
    let shop = Supervisor::rest_for_one()
        .child(Vault::named_child_spec("vault", ()))
        .child(Till::named_child_spec("till", ()))
        .start_link()?;

    let till = ServerRef::<Till>::named("till");
    println!("tea: {} sold", till.call(Sell("tea", 2))?);
    println!("coffee: {} sold", till.call(Sell("coffee", 1))?);

    let monitor = process::monitor(&till);
    let answer = till.call(Sell("cake", 0));
    receive! { down: Down if down.monitor == monitor => {} }
    let between = Sales::named("sales").to_vec()?;
    shop.which_children()?; // The supervisor answers when the next till is there.
    if let Err(error) = answer {
        println!("cake: {error}");
    }
    println!("sold when there was no till: {between:?}");
    println!("tea: {} sold", till.call(Sell("tea", 1))?);

    if let Err(error) = Sales::named("sales").insert("tea", 100) {
        println!("a hundred teas: {error}");
    }
    shop.stop()?;
    if let Err(error) = Sales::named("sales").size() {
        println!("after closing time: {error}");
    }
    Ok(())
}
