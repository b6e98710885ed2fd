//! An account: a server that is found by its name, answers what it does not know, and ends by a
//! call.
//!
//! What to look for: one enum is all that a bank's servers can be asked. This one does not know all
//! of it, and says so: a bad question is its client's business, no reason to crash. The client that
//! closes the account gets its answer when `terminate` has run, and learns by a monitor that the
//! process is gone. A second account is overdrawn, which its server takes for a bug and crashes at:
//! the log shows which server it was, the last message, the state and the reason, then what else is
//! known of the process; the client gets the reason as an error.
//!
//! Run it with `cargo run --example account`.

#![allow(clippy::disallowed_macros, reason = "an example prints")]

use std::error::Error;
use std::fmt;

use procession::prelude::*;

/// The name of the server.
const ACCOUNT: &str = "account";

#[derive(Debug)]
struct Account {
    amount: u64,
}

#[derive(Debug)]
enum Request {
    Amount,
    Deposit(u64),
    Withdraw(u64),
    Interest,
    Stop,
}

/// A request that this server does not know.
#[derive(Debug)]
struct Unknown(Request);

impl fmt::Display for Unknown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "an account does not know {:?}", self.0)
    }
}

impl Error for Unknown {}

impl GenServer for Account {
    type Args = u64;

    fn init(amount: u64) -> InitResult<Self> {
        ready(Account { amount })
    }

    fn terminate(&mut self, reason: &ExitReason) {
        println!("the account is closed with {} in it: {reason}", self.amount);
    }
}

impl HandleCall<Request> for Account {
    type Reply = Result<u64, Unknown>;

    fn handle_call(
        &mut self,
        request: Request,
        _: &Caller<Self::Reply>,
    ) -> CallResult<Self, Request> {
        match request {
            Request::Amount => reply(Ok(self.amount)),
            Request::Deposit(more) => {
                self.amount += more;
                reply(Ok(self.amount))
            }
            Request::Withdraw(less) => {
                self.amount = self.amount.checked_sub(less).expect("nobody overdraws");
                reply(Ok(self.amount))
            }
            Request::Stop => stop_with_reply(ExitReason::Shutdown, Ok(self.amount)),
            unknown @ Request::Interest => reply(Err(Unknown(unknown))),
        }
    }
}

/// Asks whoever is the account now.
fn ask(request: Request) -> Result<u64, Box<dyn Error>> {
    let amount = ServerRef::<Account>::named(ACCOUNT).call(request)??;
    Ok(amount)
}

fn main() -> Result<(), Box<dyn Error>> {
    env_logger::init_from_env(env_logger::Env::new().default_filter_or("warn"));
    let options = StartOptions::new().name(ACCOUNT);
    let (_, monitor) = Account::start_monitor_with(100, options)?;
    println!("amount: {}", ask(Request::Amount)?);
    println!("deposited, amount: {}", ask(Request::Deposit(20))?);
    if let Err(error) = ask(Request::Interest) {
        println!("no interest: {error}");
    }
    println!("still there, amount: {}", ask(Request::Amount)?);

    println!("paid out: {}", ask(Request::Stop)?);
    receive! {
        down: Down if down.monitor == monitor => println!("the account has ended: {}", down.reason),
    }
    if let Err(error) = ask(Request::Amount) {
        println!("no amount: {error}");
    }

    Account::start_with(50, StartOptions::new().name(ACCOUNT))?;
    if let Err(error) = ask(Request::Withdraw(80)) {
        println!("nothing withdrawn: {error}");
    }
    Ok(())
}
