//! Runs the application until `SIGTERM` or Ctrl-C, and stops it in order.

use procession::application::{self, RunError};

fn main() -> Result<(), RunError> {
    // Crashes and warnings are reported on standard error; `RUST_LOG=info` shows more.
    env_logger::init_from_env(env_logger::Env::new().default_filter_or("warn"));
    application::run([{{crate_name}}::application()])
}
