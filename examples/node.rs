//! A node of an Erlang cluster, with a counter that a shell of Erlang uses as its own.
//!
//! What to look for: `Counter` is a server as any other; what other nodes may ask of it is declared
//! by its `Wire`, and nothing else reaches it. A number that does not fit is refused, and its
//! caller alone is told; a sum that does not fit crashes the counter, the caller is told why, and a
//! supervisor starts another one. The program is a node as long as its supervisor runs, and is its
//! own EPMD if there is none on this machine.
//!
//! `cargo run --features dist --example node -- --cookie secret` prints what to type into `erl`.
//! `--name NAME` is the name of the node, `rust@127.0.0.1` otherwise; without `--cookie COOKIE` it
//! has the cookie of the user's other nodes. `--hidden` keeps it out of `nodes()`. It runs until
//! Ctrl-C or `SIGTERM`.

#![allow(clippy::disallowed_macros, reason = "an example prints")]

use std::env;
use std::process::ExitCode;

use procession::application::{self, Application};
use procession::gen_server::{Requests, Wire};
use procession::net_kernel::NetKernel;
use procession::prelude::*;
use serde::{Deserialize, Serialize};

#[derive(Debug)]
struct Counter(i64);

/// What is asked, as Erlang spells it: `{add, 3}`, `{sub, 1}`, `get`.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Request {
    Add(i64),
    Sub(i64),
    Get,
}

#[derive(Debug, Serialize, Deserialize)]
struct Reset;

impl Wire for Counter {
    fn requests(accept: &mut Requests<Counter>) {
        accept.call_enum::<Request>();
        accept.cast::<Reset>("reset");
    }
}

impl GenServer for Counter {
    type Args = ();

    fn init((): ()) -> InitResult<Counter> {
        ready(Counter(0))
    }
}

impl HandleCall<Request> for Counter {
    type Reply = i64;

    fn handle_call(&mut self, request: Request, _: &Caller<i64>) -> CallResult<Counter, Request> {
        let count = match request {
            Request::Add(n) => self.0.checked_add(n),
            Request::Sub(n) => self.0.checked_sub(n),
            Request::Get => Some(self.0),
        };
        self.0 = count.expect("it counts up to 2^63");
        reply(self.0)
    }
}

impl HandleCast<Reset> for Counter {
    fn handle_cast(&mut self, Reset: Reset) -> CastResult<Counter> {
        self.0 = 0;
        noreply()
    }
}

#[derive(Clone)]
struct Options {
    name: String,
    cookie: Option<String>,
    is_hidden: bool,
}

const USAGE: &str = "usage: node [--name NAME] [--cookie COOKIE] [--hidden]";

impl Options {
    fn parse(arguments: impl IntoIterator<Item = String>) -> Result<Options, &'static str> {
        let mut options = Options { name: "rust@127.0.0.1".into(), cookie: None, is_hidden: false };
        let mut arguments = arguments.into_iter();
        while let Some(argument) = arguments.next() {
            let mut value = || arguments.next().ok_or(USAGE);
            match argument.as_str() {
                "--name" => options.name = value()?,
                "--cookie" => options.cookie = Some(value()?),
                "--hidden" => options.is_hidden = true,
                _ => return Err(USAGE),
            }
        }
        Ok(options)
    }

    fn node(&self) -> NetKernel {
        let mut node = NetKernel::named(&self.name).serve::<Counter>().embedded_epmd();
        if let Some(cookie) = &self.cookie {
            node = node.cookie(cookie);
        }
        if self.is_hidden {
            node = node.hidden(true);
        }
        node
    }
}

fn print_what_to_type(Options { name, cookie, .. }: &Options) {
    let host = name.split_once('@').map_or("127.0.0.1", |(_, host)| host);
    let cookie = cookie.as_ref().map(|cookie| format!(" -setcookie '{cookie}'"));
    println!(
        "this is the node {name}, which serves a counter; in another terminal:\n\n    \
         erl -name shell@{host}{}\n\n    \
         net_adm:ping('{name}').\n    \
         gen_server:call({{counter, '{name}'}}, {{add, 3}}).\n    \
         gen_server:call({{counter, '{name}'}}, {{sub, 1}}).\n    \
         gen_server:call({{counter, '{name}'}}, get).\n    \
         gen_server:cast({{counter, '{name}'}}, reset).\n    \
         catch gen_server:call({{counter, '{name}'}}, {{add, three}}).\n    \
         catch gen_server:call({{counter, '{name}'}}, {{mul, 2}}).\n\n\
         press Ctrl-C here to end",
        cookie.unwrap_or_default()
    );
}

fn application(options: Options) -> Application {
    Application::new("node").start(move || {
        // The last child is stopped first: nobody asks a counter that has ended.
        let tree = Supervisor::one_for_one()
            .child(Counter::named_child_spec("counter", ()))
            .child(options.node().child_spec())
            .start_link()?;
        print_what_to_type(&options);
        Ok(tree)
    })
}

fn main() -> ExitCode {
    env_logger::init_from_env(env_logger::Env::new().default_filter_or("warn"));
    let (code, error) = match Options::parse(env::args().skip(1)) {
        Ok(options) => match application::run([application(options)]) {
            Ok(()) => return ExitCode::SUCCESS,
            Err(error) => (1, error.to_string()),
        },
        Err(usage) => (2, usage.to_owned()),
    };
    eprintln!("node: {error}");
    ExitCode::from(code)
}
