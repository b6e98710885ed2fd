//! The same work on this crate, on other actor libraries, on bare threads and on Erlang.
//!
//! ```text
//! cargo run --release                         everything, in about five minutes
//! cargo run --release -- --quick              fewer and shorter runs, in about one
//! cargo run --release -- ractor call chain    only these peers and subjects, and procession
//! cargo run --release -- --markdown           the table as Markdown
//! ```
//!
//! Each figure is the median of the runs, each of which is a process of its own. The runs of the
//! peers take turns, so that what else the machine does meanwhile is shared by all of them. What a
//! yield and a wake-up take is printed with them, as these decide most.
//!
//! To add a peer, implement [`peer::Peer`] in a module of [`peers`] and list it there.

mod arguments;
mod subject;
mod machine;
mod meter;
mod peer;
mod echo;
mod work;
mod peers;
mod runs;
mod table;

use std::env;
use std::process::ExitCode;

use arguments::Arguments;

fn main() -> ExitCode {
    let words: Vec<String> = env::args().skip(1).collect();
    if let Some(exit) = runs::serve_as_child(&words) {
        return exit;
    }
    match Arguments::parse(&words) {
        Ok(arguments) => {
            let figures = runs::measure(&arguments);
            print!("{}", table::print(&arguments, &figures));
            ExitCode::SUCCESS
        }
        Err(text) => {
            eprintln!("{text}");
            ExitCode::FAILURE
        }
    }
}
