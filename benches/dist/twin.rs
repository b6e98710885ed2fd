//! The other program: this one once more, which serves what is measured until it is given up.

use std::env;
use std::error::Error;
use std::io::{self, BufRead, BufReader};
use std::process::{Child, Command, Stdio};

use procession::net_kernel::NetKernel;
use procession::prelude::*;

use crate::floor::Floor;
use crate::server::Bench;
use crate::support::beam::{COOKIE_VARIABLE, cookie};

/// The argument by which this program knows that it is the other one.
pub(crate) const TWIN: &str = "--twin";

/// The node that it is.
pub(crate) const NAME: &str = "twin@127.0.0.1";

/// Makes the program that calls this a node, and the EPMD if there is none.
pub(crate) fn start_node(name: &str, epmd_port: u16) -> Result<SupervisorRef, StartError> {
    let node = NetKernel::named(name).cookie(cookie()).epmd_port(epmd_port).embedded_epmd();
    node.serve::<Bench>().start_link()
}

#[derive(Debug)]
pub(crate) struct Twin {
    child: Child,
    pub(crate) floor: Floor,
}

impl Twin {
    /// Starts it, and waits until it serves.
    pub(crate) fn start(epmd_port: u16) -> Result<Twin, Box<dyn Error>> {
        let mut child = Command::new(env::current_exe()?)
            .args([TWIN, &epmd_port.to_string()])
            .env(COOKIE_VARIABLE, cookie())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let mut line = String::new();
        BufReader::new(child.stdout.take().expect("it is piped")).read_line(&mut line)?;
        let ports = line.split_whitespace().map(str::parse).collect::<Result<Vec<u16>, _>>()?;
        let [zero, one, two, sink] = ports[..] else { Err("the other program has failed")? };
        Ok(Twin { child, floor: Floor { answering: [zero, one, two], sink } })
    }
}

impl Drop for Twin {
    fn drop(&mut self) {
        // Both fail if it has exited, and then there is nothing to do.
        _ = self.child.kill();
        _ = self.child.wait();
    }
}

/// Serves until standard input ends, as it does with the other program.
pub(crate) fn run(epmd_port: u16) -> Result<(), Box<dyn Error>> {
    let _net = start_node(NAME, epmd_port)?;
    Bench::start_with((), StartOptions::new().name("bench"))?;
    let Floor { answering: [zero, one, two], sink } = Floor::serve()?;
    println!("{zero} {one} {two} {sink}");
    io::copy(&mut io::stdin(), &mut io::sink())?;
    Ok(())
}
