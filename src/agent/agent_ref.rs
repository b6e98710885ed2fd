//! References to agents, by which clients use them.

use std::any::type_name;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::marker::PhantomData;
use std::ops::Deref;
use std::time::Duration;

use crate::call::DEFAULT_TIMEOUT;
use crate::call_error::CallError;
use crate::exit::Reason;
use crate::gen_server::{OwnedServer, ServerRef, StopError, reference_traits};
use crate::id::Pid;
use crate::message::{Destination, Name};
use crate::process::{Address, ToProcess};
use crate::supervisor::Child;
use crate::sys::Sys;

use super::Agent;
use super::request::{Cast, Get, GetAndUpdate, Update};

/// A reference to an agent whose state is an `S`: to its process, or to whichever process has its
/// name at each use, as a [`ServerRef`] is.
///
/// It can be sent, and keeps no process alive.
pub struct AgentRef<S, T = Pid> {
    server: ServerRef<Agent<S>, T>,
    marker: PhantomData<fn() -> S>,
}

reference_traits!(AgentRef, server);

impl<S: fmt::Debug + 'static> Child for AgentRef<S> {
    fn child_pid(&self) -> Pid {
        self.pid()
    }

    fn child_module() -> Option<&'static str> {
        Some(type_name::<Agent<S>>())
    }
}

/// Making references.
impl<S: fmt::Debug + 'static> AgentRef<S> {
    /// Returns a reference to the agent whose process is `pid`.
    ///
    /// Nothing is checked here: a process that is a server of another type refuses closures with
    /// [`WrongServer`](crate::CallErrorKind::WrongServer), and drops casts with a warning.
    pub fn from_pid(pid: Pid) -> AgentRef<S> {
        AgentRef::new(ServerRef::from_pid(pid))
    }

    /// Returns a reference to the agent that is registered as `name` at the time of each use.
    pub fn named(name: impl Into<Name>) -> AgentRef<S, Name> {
        AgentRef::new(ServerRef::named(name))
    }

    /// Returns a reference to the agent at any destination.
    pub fn at(destination: impl Into<Destination>) -> AgentRef<S, Destination> {
        AgentRef::new(ServerRef::at(destination))
    }

    /// Returns the agent's process.
    pub fn pid(&self) -> Pid {
        self.server.pid()
    }
}

impl<S, T> AgentRef<S, T> {
    pub(super) fn new(server: ServerRef<Agent<S>, T>) -> AgentRef<S, T> {
        AgentRef { server, marker: PhantomData }
    }
}

/// Methods of every reference, whatever it holds.
///
/// Closures run in the agent, one after the other. Those of one client run in the order in which
/// they were sent.
impl<S: fmt::Debug + 'static, T: Address> AgentRef<S, T> {
    /// Runs `look` on the state, and returns its value; waits for at most five seconds.
    ///
    /// Elixir: [`Agent.get/3`](https://hexdocs.pm/elixir/Agent.html#get/3).
    ///
    /// ```
    /// use procession::prelude::*;
    ///
    /// let names = Agent::start(|| vec!["Joe", "Robert", "Mike"])?;
    /// assert_eq!(names.get(Vec::len)?, 3);
    /// let longest = names.get(|names| names.iter().copied().max_by_key(|name| name.len()))?;
    /// assert_eq!(longest, Some("Robert"));
    /// # names.stop()?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// Those of [`ServerRef::call`]; among them
    ///
    /// - [`NoProc`](crate::CallErrorKind::NoProc) if there is no agent;
    /// - [`Down`](crate::CallErrorKind::Down) if the closure panics, which ends the agent, or if
    ///   the agent ends before it has run the closure;
    /// - [`Timeout`](crate::CallErrorKind::Timeout) if the value does not come in time: the closure
    ///   still runs, or will;
    /// - [`CallingSelf`](crate::CallErrorKind::CallingSelf) if the caller is the agent.
    pub fn get<R, F>(&self, look: F) -> Result<R, CallError>
    where
        R: Send + 'static,
        F: FnOnce(&S) -> R + Send + 'static,
    {
        self.get_timeout(look, DEFAULT_TIMEOUT)
    }

    /// As [`get`](Self::get), for at most `timeout`; [`Duration::MAX`] means forever.
    ///
    /// # Errors
    ///
    /// As [`get`](Self::get).
    pub fn get_timeout<R, F>(&self, look: F, timeout: Duration) -> Result<R, CallError>
    where
        R: Send + 'static,
        F: FnOnce(&S) -> R + Send + 'static,
    {
        self.server.call_as("get", Get::new(look), timeout)
    }

    /// Runs `change` on the state, and waits until it has, for at most five seconds. What `change`
    /// returns is dropped, in the agent.
    ///
    /// Elixir: [`Agent.update/3`](https://hexdocs.pm/elixir/Agent.html#update/3).
    ///
    /// ```
    /// use procession::prelude::*;
    /// use std::collections::BTreeSet;
    ///
    /// let primes = Agent::start(|| BTreeSet::from([2, 3, 5]))?;
    /// primes.update(|primes| primes.insert(7))?;
    /// assert_eq!(primes.get(BTreeSet::len)?, 4);
    /// # primes.stop()?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// As [`get`](Self::get).
    pub fn update<R, F>(&self, change: F) -> Result<(), CallError>
    where
        R: 'static,
        F: FnOnce(&mut S) -> R + Send + 'static,
    {
        self.update_timeout(change, DEFAULT_TIMEOUT)
    }

    /// As [`update`](Self::update), for at most `timeout`; [`Duration::MAX`] means forever.
    ///
    /// # Errors
    ///
    /// As [`get`](Self::get).
    pub fn update_timeout<R, F>(&self, change: F, timeout: Duration) -> Result<(), CallError>
    where
        R: 'static,
        F: FnOnce(&mut S) -> R + Send + 'static,
    {
        self.server.call_as("update", Update::new(change), timeout)
    }

    /// Runs `change` on the state, and returns its value; waits for at most five seconds. Nothing
    /// else happens to the state between what `change` reads and what it writes.
    ///
    /// Elixir: [`Agent.get_and_update/3`](https://hexdocs.pm/elixir/Agent.html#get_and_update/3).
    ///
    /// ```
    /// use procession::prelude::*;
    ///
    /// let queue = Agent::start(|| vec!["soup", "bread"])?;
    /// assert_eq!(queue.get_and_update(Vec::pop)?, Some("bread"));
    /// assert_eq!(queue.get_and_update(std::mem::take)?, ["soup"]);
    /// # queue.stop()?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// As [`get`](Self::get).
    pub fn get_and_update<R, F>(&self, change: F) -> Result<R, CallError>
    where
        R: Send + 'static,
        F: FnOnce(&mut S) -> R + Send + 'static,
    {
        self.get_and_update_timeout(change, DEFAULT_TIMEOUT)
    }

    /// As [`get_and_update`](Self::get_and_update), for at most `timeout`; [`Duration::MAX`] means
    /// forever.
    ///
    /// # Errors
    ///
    /// As [`get`](Self::get).
    pub fn get_and_update_timeout<R, F>(&self, change: F, timeout: Duration) -> Result<R, CallError>
    where
        R: Send + 'static,
        F: FnOnce(&mut S) -> R + Send + 'static,
    {
        self.server.call_as("get_and_update", GetAndUpdate::new(change), timeout)
    }

    /// Runs `change` on the state, and does not wait: [`ServerRef::cast`].
    ///
    /// What `change` returns is dropped, in the agent. If there is no such agent, nothing happens.
    ///
    /// Elixir: [`Agent.cast/2`](https://hexdocs.pm/elixir/Agent.html#cast/2).
    ///
    /// ```
    /// use procession::prelude::*;
    ///
    /// let count = Agent::start(|| 0)?;
    /// (0..1_000).for_each(|_| count.cast(|count| *count += 1));
    /// assert_eq!(count.get(|count| *count)?, 1_000); // It runs after those that were sent before.
    /// # count.stop()?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Panics
    ///
    /// In a thread of the program's own that was killed.
    pub fn cast<R, F>(&self, change: F)
    where
        R: 'static,
        F: FnOnce(&mut S) -> R + Send + 'static,
    {
        self.server.cast(Cast::new(change));
    }

    /// Stops the agent with [`ExitReason::Normal`](crate::ExitReason::Normal), and waits until it
    /// has ended.
    ///
    /// Closures that were sent to it before run first. When this returns, the process is not alive
    /// and its name is free.
    ///
    /// Elixir: [`Agent.stop/3`](https://hexdocs.pm/elixir/Agent.html#stop/3).
    ///
    /// # Errors
    ///
    /// As [`ServerRef::stop`].
    pub fn stop(&self) -> Result<(), StopError> {
        self.server.stop()
    }

    /// As [`stop`](Self::stop), with any reason, for at most `timeout`.
    ///
    /// # Errors
    ///
    /// As [`ServerRef::stop_with`].
    pub fn stop_with(&self, reason: impl Reason, timeout: Duration) -> Result<(), StopError> {
        self.server.stop_with(reason, timeout)
    }

    /// Returns the process that this leads to now: the one that was given, or the one that has the
    /// name.
    pub fn whereis(&self) -> Option<Pid> {
        self.server.whereis()
    }

    /// Returns the destination that this refers to.
    pub fn destination(&self) -> Destination {
        self.server.destination()
    }

    /// Returns a handle that sends [system messages](crate::sys) to the agent.
    ///
    /// ```
    /// use procession::prelude::*;
    ///
    /// let numbers = Agent::start(|| vec![1, 2])?;
    /// let sys = numbers.sys();
    /// sys.suspend()?; // Now it runs no closures, but can be looked into.
    /// assert_eq!(sys.get_state(|numbers| numbers.len())?, 2);
    /// sys.replace_state(|numbers| numbers.push(3))?;
    /// assert_eq!(sys.get_status()?.state, "[1, 2, 3]");
    /// sys.resume()?;
    /// # numbers.stop()?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn sys(&self) -> Sys<Agent<S>> {
        self.server.sys()
    }

    /// Returns a guard that stops the agent when it is dropped.
    pub fn owned(self) -> OwnedAgent<S, T> {
        OwnedAgent { _stops: self.server.clone().owned(), agent: self }
    }
}

/// An agent that is stopped when this is dropped, for programs that embed one.
///
/// It can be used as the [`AgentRef`] it was made from, and is dropped as an [`OwnedServer`] is.
///
/// ```
/// use procession::prelude::*;
///
/// let cache = Agent::start(Vec::<String>::new)?.owned();
/// let pid = cache.pid();
/// drop(cache);
/// assert!(!process::is_alive(pid));
/// # Ok::<(), StartError>(())
/// ```
#[derive(Debug)]
#[must_use = "the agent is stopped when this is dropped"]
pub struct OwnedAgent<S: fmt::Debug + 'static, T: Address = Pid> {
    agent: AgentRef<S, T>,
    /// Stops it.
    _stops: OwnedServer<Agent<S>, T>,
}

impl<S: fmt::Debug + 'static, T: Address> Deref for OwnedAgent<S, T> {
    type Target = AgentRef<S, T>;

    fn deref(&self) -> &AgentRef<S, T> {
        &self.agent
    }
}
