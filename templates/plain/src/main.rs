//! {{project-name}}: a program that uses a server.

mod core;
mod counter;

use std::error::Error;

fn main() -> Result<(), Box<dyn Error>> {
    // Crashes and warnings are reported on standard error; `RUST_LOG=info` shows more.
    env_logger::init_from_env(env_logger::Env::new().default_filter_or("warn"));
    let counter = counter::start(0)?;
    for _ in 0..3 {
        println!("{}", counter.next()?);
    }
    counter.stop()?;
    Ok(())
}
