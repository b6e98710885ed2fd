//! Runs the application until `SIGTERM` or Ctrl-C, and stops it in order.

use procession::application::{self, RunError};

fn main() -> Result<(), RunError> {
    env_logger::init(); // Crashes are reported on standard error; `RUST_LOG=info` shows more.
    application::run([{{crate_name}}::application()])
}
