//! {{project-name}}: a supervision tree that runs until the program is told to end.

mod core;
pub mod counter;

use std::time::Duration;

use procession::application::{self, Application};
use procession::prelude::*;

/// The name of the application.
pub const NAME: &str = "{{project-name}}";

/// The application: its environment, and the tree that it starts.
pub fn application() -> Application {
    Application::new(NAME).env("period", Duration::from_secs(1)).start(|| {
        let period = application::get_env(NAME, "period").unwrap_or(Duration::from_secs(1));
        let top = Supervisor::one_for_one().child(counter::child_spec(period)).start_link()?;
        println!("{NAME} runs: end it with Ctrl-C or `kill`");
        Ok(top)
    })
}
