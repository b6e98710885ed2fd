//! The application: a tree of characters, some of them cast while the show is on.

use std::sync::Arc;

use procession::Via;
use procession::application::Application;
use procession::prelude::*;
use procession::registry::{Registry, RegistryRef};
use procession::supervisor::SupervisorError;

use super::api;
use super::core::Quotes;

const SHOW: &str = "show";
const EXTRAS: &str = "extras";
const PARTS: &str = "parts";

/// The strategy is `rest_for_one`: extras cannot be found without the registry of their parts.
pub(crate) fn application() -> Application {
    Application::new("super_duper").description("a show").start(|| {
        println!("the show begins");
        Supervisor::rest_for_one()
            .child(api::child_spec("ernie"))
            .child(api::child_spec("bert"))
            .child(Registry::<Arc<str>>::unique(PARTS).child_spec())
            .child(DynamicSupervisor::new().named_child_spec(EXTRAS))
            .start_link_with(StartOptions::new().name(SHOW))
    })
}

/// The supervisor of the show.
pub(crate) fn show() -> SupervisorRef<Name> {
    SupervisorRef::named(SHOW)
}

/// The supervisor of those who come and go.
pub(crate) fn extras() -> DynamicSupervisorRef<Name> {
    DynamicSupervisorRef::named(EXTRAS)
}

/// The name of an extra: one that the registry keeps. It need not be known to the compiler.
pub(crate) fn part(name: &str) -> Via {
    RegistryRef::<Arc<str>>::named(PARTS).via(name.into())
}

/// Puts an extra on stage.
pub(crate) fn add_character(name: &str, quotes: Quotes) -> Result<(), SupervisorError> {
    let name: Arc<str> = name.into();
    let start = move || api::start_link_as(&name, part(&name), quotes.clone());
    extras().start_child(ChildSpec::new("extra", start))?;
    Ok(())
}

/// Takes an extra off the stage, and does not let it come back.
pub(crate) fn remove_character(name: &str) -> Result<(), SupervisorError> {
    let pid = part(name).whereis().ok_or(SupervisorError::NotFound)?;
    extras().terminate_child(pid)
}
