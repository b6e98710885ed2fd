//! {{project-name}}: a program that uses a server.

mod core;
mod counter;

use std::error::Error;

fn main() -> Result<(), Box<dyn Error>> {
    env_logger::init(); // Crashes are reported on standard error; `RUST_LOG=info` shows more.
    let counter = counter::start(0)?;
    for _ in 0..3 {
        println!("{}", counter.next()?);
    }
    counter.stop()?;
    Ok(())
}
