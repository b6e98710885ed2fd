//! The environments of applications.

use std::any::type_name;
use std::collections::BTreeMap;
use std::fmt;
use std::mem;

use parking_lot::Mutex;

use crate::exit::Detail;
use crate::user_code::drop_each_caught;

#[derive(Clone, Debug, Default)]
struct Environment {
    values: BTreeMap<String, Detail>,
    /// The values that override those of the application itself when it is loaded.
    persistent: BTreeMap<String, Detail>,
}

/// All environments, by the name of the application. They are not kept by the controller, so that
/// processes that the controller waits for can read them.
static ENVIRONMENTS: Mutex<BTreeMap<String, Environment>> = Mutex::new(BTreeMap::new());

/// Returns a value of an application's environment; `None` if there is none.
///
/// ```
/// use procession::application;
///
/// application::set_env("mailer", "retries", 3_u32);
/// assert_eq!(application::get_env("mailer", "retries"), Some(3_u32));
/// assert_eq!(application::get_env("mailer", "host").unwrap_or("localhost"), "localhost");
/// ```
///
/// OTP:
/// [`application:get_env/2`](https://www.erlang.org/doc/apps/kernel/application.html#get_env/2).
///
/// # Panics
///
/// If the value is of another type.
pub fn get_env<T: Clone + 'static>(application: &str, key: &str) -> Option<T> {
    let value = ENVIRONMENTS.lock().get(application)?.values.get(key).cloned()?;
    let Some(typed) = value.downcast_ref::<T>() else {
        let found = value.type_name();
        panic!("the {key} of application {application} is a {found}, not a {}", type_name::<T>())
    };
    Some(typed.clone())
}

/// Sets a value of an application's environment, at once.
///
/// A value of the [application itself](super::Application::env) replaces it when the application is
/// loaded later.
///
/// ```
/// # use procession::application;
/// application::set_env("shop", "colour", "red");
/// application::set_env("shop", "colour", "blue");
/// assert_eq!(application::get_env("shop", "colour"), Some("blue"));
/// ```
///
/// OTP:
/// [`application:set_env/3`](https://www.erlang.org/doc/apps/kernel/application.html#set_env/3).
pub fn set_env<T>(application: &str, key: &str, value: T)
where
    T: fmt::Debug + PartialEq + Send + Sync + 'static,
{
    let replaced = {
        let mut environments = ENVIRONMENTS.lock();
        let environment = environments.entry(application.to_owned()).or_default();
        environment.values.insert(key.to_owned(), Detail::new(value))
    };
    drop(replaced); // User code, so not under the lock.
}

/// Sets a value as [`set_env`] does, and persistently: it replaces the application's own value
/// whenever the application is loaded.
///
/// ```
/// # use procession::application::{self, Application};
/// application::set_persistent_env("shop", "colour", "blue"); // From the command line, perhaps.
/// application::load(Application::new("shop").env("colour", "red"))?;
/// assert_eq!(application::get_env("shop", "colour"), Some("blue"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// OTP:
/// [`application:set_env/4`](https://www.erlang.org/doc/apps/kernel/application.html#set_env/4)
/// with `persistent`.
pub fn set_persistent_env<T>(application: &str, key: &str, value: T)
where
    T: fmt::Debug + PartialEq + Send + Sync + 'static,
{
    let value = Detail::new(value);
    let replaced = {
        let mut environments = ENVIRONMENTS.lock();
        let environment = environments.entry(application.to_owned()).or_default();
        let persistent = environment.persistent.insert(key.to_owned(), value.clone());
        (environment.values.insert(key.to_owned(), value), persistent)
    };
    drop(replaced);
}

/// Removes a value from an application's environment.
///
/// ```
/// # use procession::application;
/// application::set_env("shop", "colour", "red");
/// application::unset_env("shop", "colour");
/// assert_eq!(application::get_env::<&str>("shop", "colour"), None);
/// ```
///
/// OTP:
/// [`application:unset_env/2`](https://www.erlang.org/doc/apps/kernel/application.html#unset_env/2).
pub fn unset_env(application: &str, key: &str) {
    let removed = {
        let mut environments = ENVIRONMENTS.lock();
        environments
            .get_mut(application)
            .map(|environment| (environment.values.remove(key), environment.persistent.remove(key)))
    };
    drop(removed);
}

/// Returns all values of an application's environment, ordered by key.
///
/// ```
/// # use procession::application;
/// application::set_env("shop", "colour", "red");
/// application::set_env("shop", "ovens", 2_u32);
/// let values = application::get_all_env("shop");
/// assert_eq!(values[0].0, "colour");
/// assert_eq!(values[1].1.downcast_ref(), Some(&2_u32));
/// ```
///
/// OTP:
/// [`application:get_all_env/1`](https://www.erlang.org/doc/apps/kernel/application.html#get_all_env/1).
pub fn get_all_env(application: &str) -> Vec<(String, Detail)> {
    let environments = ENVIRONMENTS.lock();
    environments.get(application).map_or_else(Vec::new, |environment| {
        let values = environment.values.iter();
        values.map(|(key, value)| (key.clone(), value.clone())).collect()
    })
}

/// Sets the values of the application itself, and then the persistent ones over them.
pub(super) fn load(application: &str, env: Vec<(String, Detail)>) {
    let replaced: Vec<Option<Detail>> = {
        let mut environments = ENVIRONMENTS.lock();
        let environment = environments.entry(application.to_owned()).or_default();
        let persistent = environment.persistent.clone();
        let values = env.into_iter().chain(persistent);
        values.map(|(key, value)| environment.values.insert(key, value)).collect()
    };
    drop_each_caught(replaced);
}

/// Removes all values. The persistent ones are set again when the application is loaded.
pub(super) fn unload(application: &str) {
    let removed = {
        let mut environments = ENVIRONMENTS.lock();
        environments.get_mut(application).map(|environment| mem::take(&mut environment.values))
    };
    drop_each_caught(removed.unwrap_or_default().into_values());
}

/// All environments as they were at one moment, for [`config_change`](super::config_change).
#[derive(Clone, Debug)]
pub struct EnvSnapshot(BTreeMap<String, BTreeMap<String, Detail>>);

/// Returns a snapshot of all environments.
///
/// ```
/// # use procession::application;
/// let before = application::env_snapshot();
/// application::set_env("shop", "colour", "red");
/// application::config_change(&before)?; // Calls no application, as none runs.
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn env_snapshot() -> EnvSnapshot {
    let environments = ENVIRONMENTS.lock();
    let values = environments.iter().map(|(name, it)| (name.clone(), it.values.clone()));
    EnvSnapshot(values.collect())
}

/// The changes of an application's environment.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct EnvChange {
    /// The keys that have another value, with the new value.
    pub changed: Vec<(String, Detail)>,
    /// The keys that had no value before, with their value.
    pub new: Vec<(String, Detail)>,
    /// The keys that have no value any more.
    pub removed: Vec<String>,
}

impl EnvChange {
    pub(super) fn is_empty(&self) -> bool {
        *self == EnvChange::default()
    }
}

impl EnvSnapshot {
    /// Returns the changes since the snapshot.
    pub(super) fn change_of(&self, application: &str) -> EnvChange {
        let nothing = BTreeMap::new();
        let before = self.0.get(application).unwrap_or(&nothing);
        let now = get_all_env(application);
        let mut change = EnvChange::default();
        for key in before.keys() {
            if !now.iter().any(|(other, _)| other == key) {
                change.removed.push(key.clone());
            }
        }
        for (key, value) in now {
            match before.get(&key) {
                None => change.new.push((key, value)),
                Some(old) if *old != value => change.changed.push((key, value)),
                Some(_) => {}
            }
        }
        change
    }
}
