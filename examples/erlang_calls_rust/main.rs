//! A shell of Erlang and this program, who use each other's servers.
//!
//! What to look for: to the shell the counter of this program is a process as any other: it calls
//! and monitors it, and is told why a call was refused. To this program the account that the shell
//! has made is one: a server of which it knows only the name, and how its requests are spelt. When
//! one of them ends, the other side hears why.
//!
//! Run it with `cargo run --features dist --example erlang_calls_rust`. It starts an `erl`, if that
//! is installed, types into its shell, and prints what the shell says. The program is its EPMD, if
//! there is none on this machine.

#![allow(clippy::disallowed_macros, reason = "an example prints")]

mod counter;
mod shell;

use std::error::Error;
use std::io::ErrorKind;

use procession::Node;
use procession::gen_server::RemoteServer;
use procession::net_kernel::NetKernel;
use procession::prelude::*;
use procession::term::atom;

use crate::counter::Counter;
use crate::shell::Shell;

const RUST: &str = "rust@127.0.0.1";
const SHELL: &str = "shell@127.0.0.1";
const COOKIE: &str = "secret";

/// What `gen_server` calls, without the module that is usual.
const ACCOUNT: &str = "register(account, spawn(fun() -> (fun Loop(Balance) ->
    receive {'$gen_call', From, {deposit, N}} ->
        gen_server:reply(From, Balance + N), Loop(Balance + N)
    end
end)(100) end))";

fn erlang_calls_rust(shell: &mut Shell) -> Result<(), Box<dyn Error>> {
    println!("Erlang calls Rust\n");
    shell.type_in("net_adm:ping('rust@127.0.0.1')")?;
    shell.type_in("Counter = {counter, 'rust@127.0.0.1'}")?;
    shell.type_in("gen_server:call(Counter, {add, 3})")?;
    shell.type_in("gen_server:call(Counter, {add, -1})")?;
    shell.type_in("gen_server:cast(Counter, reset)")?;
    shell.type_in("gen_server:call(Counter, {add, 0})")?;
    shell.type_in("{'EXIT', {Why, _}} = (catch gen_server:call(Counter, {sub, 3})), Why")?;

    let counter = ServerRef::<Counter>::named("counter");
    // The answer comes when the monitor is set.
    shell.type_in("Monitor = monitor(process, Counter), gen_server:call(Counter, {add, 1})")?;
    println!("\nRust: process::exit(counter, ExitReason::Kill)\n");
    process::exit(counter.whereis().expect("it is running"), ExitReason::Kill);
    shell.type_in("receive {'DOWN', Monitor, process, Who, Reason} -> {Who, Reason} end")?;
    Ok(())
}

fn rust_calls_erlang(shell: &mut Shell) -> Result<(), Box<dyn Error>> {
    println!("\nRust calls Erlang\n");
    shell.type_in(ACCOUNT)?;
    let account = RemoteServer::on(Node::named(SHELL), "account");
    println!("\nRust: process::monitor(account.destination())");
    let monitor = process::monitor(account.destination());
    let balance: i64 = account.call(&(atom("deposit"), 50))?;
    println!("Rust: account.call(&(atom(\"deposit\"), 50)) is {balance}\n");
    shell.type_in("exit(whereis(account), bankrupt)")?;
    receive! {
        down: Down if down.monitor == monitor => {
            println!("\nRust: {} has ended: {}", account.destination(), down.reason);
        }
    }
    let error = account.call::<i64>(&(atom("deposit"), 50)).unwrap_err();
    println!("Rust: another call: {error}");
    Ok(())
}

fn main() -> Result<(), Box<dyn Error>> {
    env_logger::init_from_env(env_logger::Env::new().default_filter_or("warn"));
    let node = NetKernel::named(RUST).cookie(COOKIE).serve::<Counter>().embedded_epmd();
    let tree = Supervisor::one_for_one()
        .child(Counter::named_child_spec("counter", ()))
        .child(node.child_spec())
        .start_link()?;
    let mut shell = match Shell::start(SHELL, COOKIE) {
        Err(error) if error.kind() == ErrorKind::NotFound => {
            println!("there is no `erl` here: install Erlang, and run this again");
            return Ok(());
        }
        started => started?,
    };
    erlang_calls_rust(&mut shell)?;
    rust_calls_erlang(&mut shell)?;
    tree.stop()?;
    Ok(())
}
