//! Telling applications of changes of their environments.

use std::time::Duration;

use crate::gen_server::ServerRef;

use super::controller::{self, ask};
use super::master::{ConfigChange, Master};
use super::{ApplicationError, EnvSnapshot};

/// Calls [`Callback::config_change`] of each running application whose environment has changed
/// since `before`, and waits until all have returned.
///
/// ```
/// # use procession::application::{self, Application, Callback, EnvChange};
/// # use procession::prelude::*;
/// struct Shop;
///
/// impl Callback for Shop {
///     type Args = ();
///
///     fn start((): ()) -> Result<(Pid, Self), StartError> {
///         Ok((Supervisor::one_for_one().start_link()?.pid(), Shop))
///     }
///
///     fn config_change(&mut self, change: &EnvChange) {
///         _ = process::send_to("customer", change.clone());
///     }
/// }
///
/// process::register("customer", process::self_pid())?;
/// application::load(Application::new("shop").callback::<Shop>(()).env("colour", "red"))?;
/// application::start("shop")?;
///
/// let before = application::env_snapshot();
/// application::set_env("shop", "colour", "blue");
/// application::config_change(&before)?;
/// receive! { change: EnvChange => assert_eq!(change.changed[0].0, "colour") }
/// # application::stop("shop")?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
///
/// The first of [`ApplicationError::ConfigChange`], if a callback has panicked, and
/// [`ApplicationError::Call`], if an application has ended. The others were called all the same.
///
/// [`Callback::config_change`]: super::Callback::config_change
pub fn config_change(before: &EnvSnapshot) -> Result<(), ApplicationError> {
    let mut outcome = Ok(());
    for (name, master) in ask(controller::Masters)? {
        let change = before.change_of(&name);
        if change.is_empty() {
            continue;
        }
        let master = ServerRef::<Master>::from_pid(master);
        let told = match master.call_timeout(ConfigChange(change), Duration::MAX) {
            Ok(told) => {
                told.map_err(|reason| ApplicationError::ConfigChange { application: name, reason })
            }
            Err(error) => Err(error.into()),
        };
        outcome = outcome.and(told);
    }
    outcome
}
