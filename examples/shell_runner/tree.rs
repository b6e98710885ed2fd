//! The application: a runner, and who has it run something.

use procession::application::{self, Application};
use procession::prelude::*;

use super::api;

/// An application that is stopped when `work` is done.
pub(crate) fn application(
    at_once: usize,
    work: impl Fn() + Clone + Send + Sync + 'static,
) -> Application {
    let work = move || {
        let work = work.clone();
        let body = move || {
            work();
            _ = application::terminate();
        };
        Ok(process::spawn_link(body)?)
    };
    Application::new("shell_runner").description("runs commands").start(move || {
        Supervisor::one_for_one()
            .child(api::child_spec(at_once))
            .child(ChildSpec::new("work", work.clone()).restart(Restart::Temporary))
            .start_link()
    })
}
