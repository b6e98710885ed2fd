//! The tree: what crashes is started again.

use std::time::Duration;

use procession::application;
use procession::prelude::*;

use {{crate_name}}::{NAME, application, counter};

#[test]
fn a_counter_that_was_killed_is_started_again() {
    application::load(application()).unwrap();
    application::start(NAME).unwrap();
    let top = application::get_supervisor(NAME).unwrap().expect("it has a tree");

    let counter = process::whereis("counter").expect("it runs");
    let monitor = process::monitor(counter);
    process::exit(counter, ExitReason::Kill);
    process::wait(monitor, Duration::from_secs(5)).expect("it has ended");
    SupervisorRef::from_pid(top).which_children().unwrap(); // Answered when the next one runs.
    assert_ne!(process::whereis("counter"), Some(counter));
    assert_eq!(counter::count(), Ok(0));

    application::stop(NAME).unwrap();
}
