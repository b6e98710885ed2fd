//! Starting applications together with those that they depend on.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use crate::gen_server::{RequestIds, WaitError};

use super::controller::{Start, controller};
use super::{
    ApplicationError, ApplicationInfo, RestartType, loaded_applications, stop, which_applications,
};

/// Says in which way several applications are started.
///
/// OTP:
/// [`application:ensure_all_started/3`](https://www.erlang.org/doc/apps/kernel/application.html#ensure_all_started/3).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Mode {
    /// One after another.
    #[default]
    Serial,
    /// Each as soon as those that it depends on run.
    Concurrent,
}

/// Starts applications, as [`RestartType::Temporary`], one after another, each after those that it
/// depends on. Returns the applications that this has started, in order, without those that ran
/// before.
///
/// An [optional](super::Application::optionally_depends_on) dependency is started too, if it is
/// loaded.
///
/// ```
/// # use procession::application::{self, Application};
/// application::load(Application::new("storage"))?;
/// application::load(Application::new("shop").depends_on("storage"))?;
/// assert_eq!(application::ensure_all_started(["shop"])?, ["storage", "shop"]);
/// assert!(application::ensure_all_started(["shop"])?.is_empty()); // It runs already.
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// OTP:
/// [`application:ensure_all_started/1`](https://www.erlang.org/doc/apps/kernel/application.html#ensure_all_started/1).
///
/// # Errors
///
/// The first error of a start; [`ApplicationError::NotLoaded`] also if a dependency is not loaded;
/// [`ApplicationError::Circular`]. The applications that were started are stopped again then.
pub fn ensure_all_started(
    names: impl IntoIterator<Item = impl Into<String>>,
) -> Result<Vec<String>, ApplicationError> {
    ensure_all_started_as(names, RestartType::Temporary, Mode::Serial)
}

/// Starts applications as [`ensure_all_started`] does, with a restart type and a mode.
///
/// ```
/// # use procession::application::{self, Application, Mode, RestartType};
/// application::load(Application::new("storage"))?;
/// application::load(Application::new("shop").depends_on("storage"))?;
/// let (restart, mode) = (RestartType::Permanent, Mode::Concurrent);
/// let started = application::ensure_all_started_as(["shop"], restart, mode)?;
/// assert_eq!(started, ["storage", "shop"]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
///
/// As [`ensure_all_started`].
pub fn ensure_all_started_as(
    names: impl IntoIterator<Item = impl Into<String>>,
    restart: RestartType,
    mode: Mode,
) -> Result<Vec<String>, ApplicationError> {
    let loaded = loaded_applications()?.into_iter().map(|it| (it.name.clone(), it)).collect();
    let running = which_applications()?.into_iter().map(|it| it.name).collect();
    let mut plan = Plan::new(names.into_iter().map(Into::into), &loaded, &running)?;
    let controller = controller()?;
    let mut started = Vec::new();
    let mut requests = RequestIds::new();
    let mut outcome = Ok(());
    loop {
        while outcome.is_ok() && (mode == Mode::Concurrent || requests.is_empty()) {
            let Some(name) = plan.next() else { break };
            let request = controller.send_request(Start(name.clone(), restart));
            requests.add(request, name);
        }
        let (answer, name) = match requests.receive_response(Duration::MAX) {
            Ok((answer, name)) => (answer, name),
            Err(WaitError::Timeout | WaitError::NoRequest) => break,
        };
        match answer.unwrap_or_else(|error| Err(error.into())) {
            Ok(is_own) => {
                plan.runs(&name);
                if is_own {
                    started.push(name);
                }
            }
            Err(ApplicationError::AlreadyStarted(_)) => plan.runs(&name),
            Err(error) => outcome = outcome.and(Err(error)),
        }
    }
    let Err(error) = outcome.and_then(|()| plan.done()) else { return Ok(started) };
    for name in started.iter().rev() {
        // It fails if all are being stopped, and then this one is stopped, too.
        _ = stop(name);
    }
    Err(error)
}

/// The applications that are still to be started, in an order in which each comes after those that
/// it depends on, with the dependencies that do not run yet.
#[derive(Debug, Default)]
struct Plan(Vec<(String, BTreeSet<String>)>);

impl Plan {
    fn new(
        names: impl Iterator<Item = String>,
        loaded: &BTreeMap<String, ApplicationInfo>,
        running: &BTreeSet<String>,
    ) -> Result<Plan, ApplicationError> {
        let mut plan = Plan::default();
        let mut seen = running.clone();
        for name in names {
            plan.add(&name, loaded, &mut seen)?;
        }
        for (_, dependencies) in &mut plan.0 {
            dependencies.retain(|name| !running.contains(name));
        }
        Ok(plan)
    }

    /// Adds an application after its dependencies, unless it was `seen` before.
    fn add(
        &mut self,
        name: &str,
        loaded: &BTreeMap<String, ApplicationInfo>,
        seen: &mut BTreeSet<String>,
    ) -> Result<(), ApplicationError> {
        if !seen.insert(name.to_owned()) {
            return Ok(());
        }
        let not_loaded = || ApplicationError::NotLoaded(name.to_owned());
        let info = loaded.get(name).ok_or_else(not_loaded)?;
        let optional = info.optional_dependencies.iter().filter(|name| loaded.contains_key(*name));
        let dependencies: BTreeSet<_> = info.dependencies.iter().chain(optional).cloned().collect();
        for dependency in info.dependencies.iter().chain(&info.optional_dependencies) {
            if dependencies.contains(dependency) {
                self.add(dependency, loaded, seen)?;
            }
        }
        self.0.push((name.to_owned(), dependencies));
        Ok(())
    }

    /// Removes and returns the first application that can be started now.
    fn next(&mut self) -> Option<String> {
        let ready = self.0.iter().position(|(_, dependencies)| dependencies.is_empty())?;
        Some(self.0.remove(ready).0)
    }

    /// Records that an application runs.
    fn runs(&mut self, name: &str) {
        for (_, dependencies) in &mut self.0 {
            dependencies.remove(name);
        }
    }

    /// Checks that nothing is left. An application that is left waits for itself.
    fn done(self) -> Result<(), ApplicationError> {
        if self.0.is_empty() {
            return Ok(());
        }
        Err(ApplicationError::Circular(self.0.into_iter().map(|(name, _)| name).collect()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns applications with their dependencies; a `?` marks an optional one.
    fn loaded(specs: &[(&str, &[&str])]) -> BTreeMap<String, ApplicationInfo> {
        let mut loaded = BTreeMap::new();
        for (name, dependencies) in specs {
            let mut info = ApplicationInfo { name: (*name).to_owned(), ..Default::default() };
            for dependency in *dependencies {
                match dependency.strip_prefix('?') {
                    Some(optional) => info.optional_dependencies.push(optional.to_owned()),
                    None => info.dependencies.push((*dependency).to_owned()),
                }
            }
            loaded.insert(info.name.clone(), info);
        }
        loaded
    }

    fn plan(
        names: &[&str],
        specs: &[(&str, &[&str])],
        running: &[&str],
    ) -> Result<Plan, ApplicationError> {
        let running = running.iter().map(|name| (*name).to_owned()).collect();
        Plan::new(names.iter().map(|name| (*name).to_owned()), &loaded(specs), &running)
    }

    /// Returns the order in which all are started one after another.
    #[track_caller]
    fn order(plan: Result<Plan, ApplicationError>) -> Vec<String> {
        let mut plan = plan.unwrap();
        let mut order = Vec::new();
        while let Some(name) = plan.next() {
            plan.runs(&name);
            order.push(name);
        }
        plan.done().unwrap();
        order
    }

    #[test]
    fn what_is_depended_on_comes_first_and_once() {
        let specs: &[(&str, &[&str])] =
            &[("a", &["b", "c"]), ("b", &["d"]), ("c", &["d"]), ("d", &[]), ("e", &[])];
        assert_eq!(order(plan(&["a"], specs, &[])), ["d", "b", "c", "a"]);
        assert_eq!(order(plan(&["c", "e", "a"], specs, &[])), ["d", "c", "e", "b", "a"]);
        assert_eq!(order(plan(&["a"], specs, &["d", "b"])), ["c", "a"]);
    }

    #[test]
    fn what_is_optional_comes_first_if_it_is_loaded() {
        assert_eq!(order(plan(&["a"], &[("a", &["?b"])], &[])), ["a"]);
        assert_eq!(order(plan(&["a"], &[("a", &["?b"]), ("b", &[])], &[])), ["b", "a"]);
    }

    #[test]
    fn what_is_depended_on_must_be_loaded() {
        let error = plan(&["a"], &[("a", &["b"])], &[]).unwrap_err();
        assert_eq!(error, ApplicationError::NotLoaded("b".to_owned()));
    }

    #[test]
    fn what_waits_for_nothing_that_is_under_way_can_be_started_at_once() {
        let specs: &[(&str, &[&str])] = &[("a", &["b", "c"]), ("b", &[]), ("c", &[])];
        let mut plan = plan(&["a"], specs, &[]).unwrap();
        assert_eq!((plan.next().unwrap(), plan.next().unwrap()), ("b".into(), "c".into()));
        assert_eq!(plan.next(), None);
        plan.runs("c");
        assert_eq!(plan.next(), None);
        plan.runs("b");
        assert_eq!(plan.next().unwrap(), "a");
    }

    #[test]
    fn what_depends_on_itself_is_never_started() {
        let mut plan = plan(&["a"], &[("a", &["b"]), ("b", &["a"])], &[]).unwrap();
        assert_eq!(plan.next(), None);
        let names = vec!["b".to_owned(), "a".to_owned()];
        assert_eq!(plan.done(), Err(ApplicationError::Circular(names)));
    }
}
