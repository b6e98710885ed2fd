//! Starting event managers.

use std::any::type_name;
use std::fmt;

use crate::gen_server::{GenServer, StartError, StartOptions};
use crate::id::{MonitorRef, Pid};
use crate::process;
use crate::supervisor::ChildSpec;

use super::{EventManager, EventManagerRef};

/// Starts managers. They begin without handlers.
impl<E: fmt::Debug + Send + 'static> EventManager<E> {
    /// Starts a manager that is not linked to the caller.
    ///
    /// OTP: [`gen_event:start/0`](https://www.erlang.org/doc/apps/stdlib/gen_event.html#start/0).
    ///
    /// # Errors
    ///
    /// Returns a [`StartError`]; then there is no manager.
    pub fn start() -> Result<EventManagerRef<E>, StartError> {
        Self::start_with(StartOptions::new())
    }

    /// As [`start`](Self::start), with options: a name, for instance.
    ///
    /// OTP: [`gen_event:start/2`](https://www.erlang.org/doc/apps/stdlib/gen_event.html#start/2).
    ///
    /// # Errors
    ///
    /// As [`start`](Self::start).
    pub fn start_with(options: StartOptions) -> Result<EventManagerRef<E>, StartError> {
        <Self as GenServer>::start_with(None, options).map(EventManagerRef::new)
    }

    /// Starts a manager that is linked to the caller, its parent, and ends when that ends.
    ///
    /// OTP: [`gen_event:start_link/0`](https://www.erlang.org/doc/apps/stdlib/gen_event.html#start_link/0).
    ///
    /// # Errors
    ///
    /// As [`start`](Self::start).
    pub fn start_link() -> Result<EventManagerRef<E>, StartError> {
        Self::start_link_with(StartOptions::new())
    }

    /// As [`start_link`](Self::start_link), with options.
    ///
    /// # Errors
    ///
    /// As [`start`](Self::start).
    pub fn start_link_with(options: StartOptions) -> Result<EventManagerRef<E>, StartError> {
        <Self as GenServer>::start_link_with(Some(process::self_pid()), options)
            .map(EventManagerRef::new)
    }

    /// As [`start`](Self::start), and monitors the manager, whose parent is the caller.
    ///
    /// OTP: [`gen_event:start_monitor/0`](https://www.erlang.org/doc/apps/stdlib/gen_event.html#start_monitor/0).
    ///
    /// # Errors
    ///
    /// As [`start`](Self::start); then there is no monitor either.
    pub fn start_monitor() -> Result<(EventManagerRef<E>, MonitorRef), StartError> {
        Self::start_monitor_with(StartOptions::new())
    }

    /// As [`start_monitor`](Self::start_monitor), with options.
    ///
    /// # Errors
    ///
    /// As [`start_monitor`](Self::start_monitor).
    pub fn start_monitor_with(
        options: StartOptions,
    ) -> Result<(EventManagerRef<E>, MonitorRef), StartError> {
        let parent: Option<Pid> = Some(process::self_pid());
        let (manager, monitor) = <Self as GenServer>::start_monitor_with(parent, options)?;
        Ok((EventManagerRef::new(manager), monitor))
    }

    /// Returns a child spec by which a supervisor starts a manager, with the name of its type as
    /// the id.
    pub fn child_spec() -> ChildSpec<EventManagerRef<E>> {
        ChildSpec::new(type_name::<Self>(), Self::start_link)
    }

    /// Returns a [`child_spec`](Self::child_spec) by which the manager is registered as `name`,
    /// which is also its id.
    pub fn named_child_spec(name: impl Into<String>) -> ChildSpec<EventManagerRef<E>> {
        ChildSpec::named(name, Self::start_link_with)
    }
}
