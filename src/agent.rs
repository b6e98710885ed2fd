//! Agents: servers that keep a value, and run closures on it.
//!
//! An agent is a [server](crate::gen_server) without requests of its own: clients send it closures,
//! which read the state or change it, one after the other, on the agent's thread.
//!
//! ```
//! use procession::prelude::*;
//! use std::collections::HashMap;
//!
//! let stock = Agent::start_link(HashMap::<&str, u32>::new)?;
//!
//! stock.update(|stock| stock.insert("milk", 3))?;
//! assert_eq!(stock.get(|stock| stock.get("milk").copied())?, Some(3));
//!
//! // In one step: nobody else gets between the look and the change.
//! let taken = stock.get_and_update(|stock| stock.remove("milk"))?;
//! assert_eq!(taken, Some(3));
//!
//! stock.cast(|stock| stock.insert("soup", 1)); // Does not wait.
//! assert_eq!(stock.get(HashMap::len)?, 1);
//! stock.stop()?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Closures run in the agent
//!
//! The state is made by the start function on the agent's own thread and never leaves it, so it
//! need not be `Send`: it may hold an `Rc`, a database handle or a raw device. What travels are
//! closures and their results. A closure owns what it uses, as it runs on another thread, and what
//! it returns borrows nothing of the state: it clones what is needed.
//!
//! While a closure runs, all other clients wait. So a long computation is done in the agent only if
//! nobody may change the state meanwhile; otherwise it is done outside, on a copy:
//!
//! ```
//! # use procession::prelude::*;
//! # fn evaluate(numbers: &[u64]) -> u64 { numbers.iter().sum() }
//! # let agent = Agent::start(|| vec![1, 2, 3])?;
//! // In the agent, which serves nobody else until this is done.
//! let sum = agent.get(|numbers| evaluate(numbers))?;
//!
//! // In the caller, on what the state was at one moment.
//! let numbers = agent.get(Vec::clone)?;
//! assert_eq!(evaluate(&numbers), sum);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! A closure may block and call other servers, but not its own agent: that fails at once, with
//! [`CallingSelf`](crate::CallErrorKind::CallingSelf), and with
//! [`Deadlock`](crate::CallErrorKind::Deadlock) if it goes by way of others.
//!
//! # How an agent ends
//!
//! A closure that panics, or [exits](crate::process::exit_self), ends the agent with that reason;
//! its caller gets it as [`Down`](crate::CallErrorKind::Down). The end is reported as that of any
//! server: a report says which function has sent the closure, and prints the state as the closure
//! has left it. That is why a state must be `Debug`; one that cannot be printed, or should not, is
//! wrapped in an [`Opaque`](crate::Opaque), which closures can use as what is in it.
//!
//! ```
//! use procession::prelude::*;
//!
//! type Rule = Box<dyn Fn(u32) -> u32>;
//!
//! let rule = Agent::start(|| Opaque::new(Box::new(|n| n) as Rule))?;
//! rule.update(|rule| **rule = Box::new(|n| 2 * n))?;
//! assert_eq!(rule.get(|rule| rule(21))?, 42);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # How to supervise
//!
//! [`Agent::named_child_spec`] makes the spec of an agent that clients find by its name. Whenever
//! it is started, the start function makes the state anew.
//!
//! ```
//! use procession::prelude::*;
//! use std::time::Duration;
//!
//! /// What clients use.
//! mod counter {
//!     use procession::prelude::*;
//!
//!     fn counter() -> AgentRef<u64, Name> {
//!         AgentRef::named("agent::counter")
//!     }
//!
//!     pub fn child_spec(first: u64) -> ChildSpec<AgentRef<u64>> {
//!         Agent::named_child_spec("agent::counter", move || first)
//!     }
//!
//!     pub fn increment() -> Result<u64, CallError> {
//!         counter().get_and_update(|count| {
//!             *count = count.checked_add(1).expect("a small number");
//!             *count
//!         })
//!     }
//! }
//!
//! let spec = counter::child_spec(u64::MAX - 1);
//! let supervisor = Supervisor::one_for_one().child(spec).start_link()?;
//! assert_eq!(counter::increment()?, u64::MAX);
//!
//! let error = counter::increment().unwrap_err(); // The agent has panicked.
//! assert!(error.to_string().contains("panicked: a small number"), "{error}");
//! process::wait_for("agent::counter", Duration::from_secs(5)).expect("it is restarted");
//! assert_eq!(counter::increment()?, u64::MAX);
//! # supervisor.stop()?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # When not to use one
//!
//! An agent is for a value that several processes change, or that one changes and others read, and
//! whose changes take some time, may fail, or use what is not `Send`. A value that is changed in a
//! few instructions is better in a lock: see [a server or a
//! lock](crate::guide::from_rust#a-server-or-a-lock). Rows that many read are better in a
//! [`table`](crate::table). What does something by itself, is to hear of exits and other messages,
//! or replies later, is a [server](crate::gen_server) of its own. So is what must accept certain
//! requests only: whoever has a reference to an agent can do anything to its state.
//!
//! | Elixir | here |
//! |---|---|
//! | `start/1`, `start/2` | [`Agent::start`], [`Agent::start_with`] options |
//! | `start_link/1`, `start_link/2` | [`Agent::start_link`], [`Agent::start_link_with`] options |
//! | none: `:gen_server.start_monitor` | [`Agent::start_monitor`], [`Agent::start_monitor_with`] |
//! | `get/2`, `get/3` | [`AgentRef::get`], [`AgentRef::get_timeout`] |
//! | `update/2`, `update/3` | [`AgentRef::update`], [`AgentRef::update_timeout`] |
//! | `get_and_update/2`, `/3` | [`AgentRef::get_and_update`], [`get_and_update_timeout`] |
//! | `cast/2` | [`AgentRef::cast`] |
//! | `stop/1`, `/2`, `/3` | [`AgentRef::stop`], [`AgentRef::stop_with`] |
//! | `get/4`, … with module, function, arguments | a path, as in `get(Vec::len)`, or a closure |
//! | `child_spec/1`, `use Agent` | [`Agent::child_spec`], [`Agent::named_child_spec`] |
//! | an agent's name | [`AgentRef::named`], [`AgentRef::at`] |
//! | `:sys.get_state/1` | [`AgentRef::sys`] |
//!
//! [`get_and_update_timeout`]: AgentRef::get_and_update_timeout
//!
//! # Differences from Elixir
//!
//! - Closures change the state in place. So what that of `update` or `cast` returns does not
//!   matter, and that of `get_and_update` returns the value for the caller, not a pair: there is no
//!   `bad_return_value`. A closure that fails half-way leaves the state half changed, which nobody
//!   sees but the report, as the agent ends.
//! - `get` and its like return an error where Elixir exits the caller. `?` and `unwrap` do that
//!   here.
//! - Agents that call each other, so that all would wait, get
//!   [`Deadlock`](crate::CallErrorKind::Deadlock) at once.
//! - A state has a type. A closure that reaches an agent of another state, by pid or name, is not
//!   run: [`WrongServer`](crate::CallErrorKind::WrongServer), and a warning for a cast.
//! - A start function cannot throw; one that must fail panics, or
//!   [exits](crate::process::exit_self).
//! - Other messages are logged as [unhandled](crate::gen_server::unhandled), as in Elixir, but as
//!   a warning, not an error.
//! - There is no code to load, and [`change_code`](crate::sys::Sys::change_code) is refused:
//!   [`replace_state`](crate::sys::Sys::replace_state) migrates a state.
//!
//! Elixir: [`Agent`](https://hexdocs.pm/elixir/Agent.html).

mod request;
mod agent_ref;

use std::any::type_name;
use std::fmt;
use std::ops::{Deref, DerefMut};
use std::sync::Arc;

use crate::gen_server::{GenServer, InitResult, ready};
use crate::id::MonitorRef;
use crate::supervisor::ChildSpec;

pub use crate::gen_server::{StartError, StartOptions};
pub use agent_ref::{AgentRef, OwnedAgent};

/// A server that keeps a value of type `S`: what it is started by, and what
/// [`sys`](AgentRef::sys) sees of it, which can be used like the value itself.
///
/// See the [module](self) for an example.
pub struct Agent<S> {
    state: S,
}

/// Makes the state of an agent, on the agent's thread.
type Start<S> = Box<dyn FnOnce() -> S + Send>;

/// Starting an agent: `start` makes its state, on the agent's own thread, and the caller waits
/// until it has.
impl<S: fmt::Debug + 'static> Agent<S> {
    /// Starts an agent that is not linked to the caller.
    ///
    /// Elixir: [`Agent.start/2`](https://hexdocs.pm/elixir/Agent.html#start/2).
    ///
    /// ```
    /// use procession::prelude::*;
    ///
    /// let agent = Agent::start(|| 42)?;
    /// assert_eq!(agent.get(|n| *n)?, 42);
    ///
    /// let error = Agent::<u32>::start(|| panic!("no number")).unwrap_err();
    /// assert!(error.to_string().contains("no number"));
    /// # agent.stop()?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// Returns a [`StartError`]; then there is no agent. It is [`StartError::Failed`] if `start`
    /// panics.
    pub fn start<F>(start: F) -> Result<AgentRef<S>, StartError>
    where
        F: FnOnce() -> S + Send + 'static,
    {
        Self::start_with(start, StartOptions::new())
    }

    /// As [`start`](Self::start), with options.
    ///
    /// ```
    /// use procession::prelude::*;
    ///
    /// Agent::start_with(|| 42, StartOptions::new().name("start_with::answer"))?;
    /// let answer = AgentRef::<i32>::named("start_with::answer"); // Anywhere in the program.
    /// assert_eq!(answer.get(|n| *n)?, 42);
    /// # answer.stop()?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// As [`start`](Self::start); [`StartError::AlreadyStarted`] if a process has the name, and
    /// [`StartError::Timeout`] if the start takes longer than the options allow.
    pub fn start_with<F>(start: F, options: StartOptions) -> Result<AgentRef<S>, StartError>
    where
        F: FnOnce() -> S + Send + 'static,
    {
        let options = options.initial_call(type_name::<F>());
        <Self as GenServer>::start_with(Box::new(start), options).map(AgentRef::new)
    }

    /// Starts an agent that is linked to the caller, its parent.
    ///
    /// If `start` panics, the exit signal ends a caller that does not trap exits; a caller that
    /// does gets the error, and no [`Exit`](crate::Exit) message.
    ///
    /// Elixir: [`Agent.start_link/2`](https://hexdocs.pm/elixir/Agent.html#start_link/2).
    ///
    /// # Errors
    ///
    /// As [`start`](Self::start).
    pub fn start_link<F>(start: F) -> Result<AgentRef<S>, StartError>
    where
        F: FnOnce() -> S + Send + 'static,
    {
        Self::start_link_with(start, StartOptions::new())
    }

    /// As [`start_link`](Self::start_link), with options.
    ///
    /// # Errors
    ///
    /// As [`start_with`](Self::start_with).
    pub fn start_link_with<F>(start: F, options: StartOptions) -> Result<AgentRef<S>, StartError>
    where
        F: FnOnce() -> S + Send + 'static,
    {
        let options = options.initial_call(type_name::<F>());
        <Self as GenServer>::start_link_with(Box::new(start), options).map(AgentRef::new)
    }

    /// As [`start`](Self::start), and monitors the agent, whose parent is the caller.
    ///
    /// OTP: [`gen_server:start_monitor/3`](https://www.erlang.org/doc/apps/stdlib/gen_server.html#start_monitor/3).
    ///
    /// ```
    /// use procession::prelude::*;
    /// use std::time::Duration;
    ///
    /// let (agent, monitor) = Agent::start_monitor(Vec::<u32>::new)?;
    /// agent.cast(|numbers| assert!(!numbers.is_empty(), "there are no numbers"));
    /// let reason = process::wait(monitor, Duration::from_secs(5)).expect("it has ended");
    /// assert_eq!(reason.as_panic().unwrap().message, "there are no numbers");
    /// # Ok::<(), StartError>(())
    /// ```
    ///
    /// # Errors
    ///
    /// As [`start`](Self::start); then there is no monitor either.
    pub fn start_monitor<F>(start: F) -> Result<(AgentRef<S>, MonitorRef), StartError>
    where
        F: FnOnce() -> S + Send + 'static,
    {
        Self::start_monitor_with(start, StartOptions::new())
    }

    /// As [`start_monitor`](Self::start_monitor), with options.
    ///
    /// # Errors
    ///
    /// As [`start_with`](Self::start_with); then there is no monitor either.
    pub fn start_monitor_with<F>(
        start: F,
        options: StartOptions,
    ) -> Result<(AgentRef<S>, MonitorRef), StartError>
    where
        F: FnOnce() -> S + Send + 'static,
    {
        let options = options.initial_call(type_name::<F>());
        let (agent, monitor) = <Self as GenServer>::start_monitor_with(Box::new(start), options)?;
        Ok((AgentRef::new(agent), monitor))
    }

    /// Returns the spec of a child that is an agent whose state `start` makes, each time anew. Its
    /// id is the name of this type.
    ///
    /// Elixir: [`Agent.child_spec/1`](https://hexdocs.pm/elixir/Agent.html#child_spec/1).
    ///
    /// ```
    /// use procession::prelude::*;
    ///
    /// let supervisor = Supervisor::one_for_one().start_link()?;
    /// let primes = supervisor.start_child(Agent::child_spec(|| vec![2, 3, 5]).id("primes"))?;
    /// assert_eq!(primes.get(Vec::len)?, 3);
    /// # supervisor.stop()?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn child_spec<F>(start: F) -> ChildSpec<AgentRef<S>>
    where
        F: Fn() -> S + Send + Sync + 'static,
    {
        let start = Arc::new(start);
        let start = move || Self::start_child(&start, StartOptions::new());
        ChildSpec::new(type_name::<Self>(), start)
    }

    /// Returns a [`child_spec`](Self::child_spec) by which the agent is registered as `name`, which
    /// is also its id.
    pub fn named_child_spec<F>(name: impl Into<String>, start: F) -> ChildSpec<AgentRef<S>>
    where
        F: Fn() -> S + Send + Sync + 'static,
    {
        let start = Arc::new(start);
        ChildSpec::named(name, move |options| Self::start_child(&start, options))
    }

    fn start_child<F>(start: &Arc<F>, options: StartOptions) -> Result<AgentRef<S>, StartError>
    where
        F: Fn() -> S + Send + Sync + 'static,
    {
        let (start, options) = (Arc::clone(start), options.initial_call(type_name::<F>()));
        <Self as GenServer>::start_link_with(Box::new(move || start()), options).map(AgentRef::new)
    }
}

/// Prints the state alone.
impl<S: fmt::Debug> fmt::Debug for Agent<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.state, f)
    }
}

impl<S> Deref for Agent<S> {
    type Target = S;

    fn deref(&self) -> &S {
        &self.state
    }
}

impl<S> DerefMut for Agent<S> {
    fn deref_mut(&mut self) -> &mut S {
        &mut self.state
    }
}

impl<S: fmt::Debug + 'static> GenServer for Agent<S> {
    type Args = Start<S>;

    fn init(start: Start<S>) -> InitResult<Self> {
        ready(Agent { state: start() })
    }
}
