//! The guide: ten short chapters, from a process to a program that survives its own faults, and on
//! to a cluster.
//!
//! There is no code in this module, only this text. One example grows through it: a store that
//! knows how many there are of each item. Two further pages are for readers who know other tools:
//! [coming from Erlang or Elixir](from_erlang), [coming from tokio, actix or crossbeam](from_rust).
//!
//! 1. [A process](#a-process)
//! 2. [Links and monitors](#links-and-monitors)
//! 3. [A server](#a-server)
//! 4. [Supervise it](#supervise-it)
//! 5. [Name it](#name-it)
//! 6. [An application](#an-application)
//! 7. [Blocking work](#blocking-work)
//! 8. [When it goes wrong](#when-it-goes-wrong)
//! 9. [Testing](#testing)
#![cfg_attr(all(feature = "dist", target_os = "linux"), doc = "10. [A cluster](cluster)")]
#![cfg_attr(
    not(all(feature = "dist", target_os = "linux")),
    doc = "10. A cluster, with the feature `dist`"
)]
//!
//! # A process
//!
//! A process is a closure that runs on a thread of its own and has a mailbox.
//! [`spawn`](fn@crate::process::spawn) starts one and returns its [`Pid`](crate::Pid);
//! [`send`](fn@crate::process::send) puts a message into its mailbox and does not wait;
//! [`receive!`](crate::receive) takes out the first message that one of its patterns matches, and
//! waits if there is none. A message is any value that is `Debug` and can be sent to a thread.
//!
//! ```
//! use procession::prelude::*;
//! use std::collections::HashMap;
//! use std::time::Duration;
//!
//! #[derive(Debug)]
//! enum Request {
//!     Put(&'static str, u32),
//!     Get { item: &'static str, reply_to: Pid },
//! }
//!
//! #[derive(Debug)]
//! struct Count(u32);
//!
//! fn store() {
//!     let mut counts = HashMap::new();
//!     loop {
//!         receive! {
//!             Request::Put(item, count) => _ = counts.insert(item, count),
//!             Request::Get { item, reply_to } => {
//!                 process::send(reply_to, Count(counts.get(item).copied().unwrap_or(0)));
//!             }
//!         }
//!     }
//! }
//!
//! let store = process::spawn(store)?;
//! process::send(store, Request::Put("milk", 3));
//! process::send(store, Request::Get { item: "milk", reply_to: process::self_pid() });
//! receive! {
//!     Count(count) => assert_eq!(count, 3),
//!     after Duration::from_secs(5) => panic!("no answer"),
//! }
//! # Ok::<(), process::SpawnError>(())
//! ```
//!
//! Nothing is shared: `counts` belongs to the process, so there is no lock. The messages of one
//! sender arrive in the order in which they were sent. `main` takes part as well: a thread that
//! uses the crate is a process, with a pid and a mailbox. A process may block as it likes, in a
//! read or a long computation: the thread is its own.
//!
//! A message that no pattern fits stays in the mailbox, and nobody is told at first: sent is what
//! the literal says, so `42` is an `i32`, and `"milk"` a `&str` and not a `String`. A mailbox in
//! which [100,000](crate::process::tuning::set_long_message_queue) messages wait warns of it; how
//! many there are is said by [`process::info`](crate::process::info())`(pid)`, in its
//! `message_queue_len`, and in the report of a crash, with their types.
//!
//! Read on: [`process`](crate::process), [`timer`](crate::timer).
//!
//! # Links and monitors
//!
//! A process that panics ends, and nobody else does. Whether others are told is their choice.
//!
//! A *monitor* asks for one [`Down`](crate::Down) message when the process ends, with the
//! [`ExitReason`](crate::ExitReason). [`process::wait`](crate::process::wait) waits for it;
//! [`process::join`](crate::process::join) does both, for who only wants to know when it is over.
//!
//! A *link* joins two processes for life: if one ends abnormally, the other ends too, with the same
//! reason, unless it [traps exits](crate::process::set_trap_exit); then it receives an
//! [`Exit`](crate::Exit) message. `main` always traps exits.
//!
//! ```
//! use procession::prelude::*;
//! use std::time::Duration;
//!
//! #[derive(Debug)]
//! struct Put(&'static str, u32);
//!
//! fn store() {
//!     loop {
//!         receive! { Put(item, _) => assert!(!item.is_empty(), "an item needs a name") }
//!     }
//! }
//!
//! // A monitor: the store crashes, and we are told why.
//! let (pid, monitor) = process::spawn_monitor(store)?;
//! process::send(pid, Put("", 1));
//! let reason = process::wait(monitor, Duration::from_secs(5)).expect("it has ended");
//! assert_eq!(reason.as_panic().unwrap().message, "an item needs a name");
//!
//! // A link: the shop cannot go on without its store, and ends with it.
//! let (_shop, monitor) = process::spawn_monitor(|| {
//!     let store = process::spawn_link(store).expect("a thread for the store");
//!     process::send(store, Put("", 1));
//!     receive! { () => unreachable!("nobody sends this") }
//! })?;
//! let reason = process::wait(monitor, Duration::from_secs(5)).expect("it has ended");
//! assert_eq!(reason.as_panic().unwrap().message, "an item needs a name");
//! # Ok::<(), process::SpawnError>(())
//! ```
//!
//! So a crash is a value that travels to the processes that depend on the one that has crashed. Use
//! a link where one process makes no sense without the other, and a monitor where you only want to
//! know.
//!
//! Read on: [how a process ends](crate::process#how-a-process-ends).
//!
//! # A server
//!
//! Most processes are servers: they keep a state, and answer requests one after the other.
//! [`gen_server`](crate::gen_server) contains the loop, the replies, timeouts and the end; what is
//! left to write is the state and its callbacks.
//!
//! ```
//! use procession::prelude::*;
//! use std::collections::HashMap;
//!
//! #[derive(Debug, Default)]
//! struct Store {
//!     counts: HashMap<&'static str, u32>,
//! }
//!
//! #[derive(Debug)]
//! struct Put(&'static str, u32);
//!
//! #[derive(Debug)]
//! struct Get(&'static str);
//!
//! impl GenServer for Store {
//!     type Args = ();
//!
//!     fn init((): ()) -> InitResult<Self> {
//!         ready(Store::default())
//!     }
//! }
//!
//! impl HandleCast<Put> for Store {
//!     fn handle_cast(&mut self, Put(item, count): Put) -> CastResult<Self> {
//!         assert!(!item.is_empty(), "an item needs a name");
//!         self.counts.insert(item, count);
//!         noreply()
//!     }
//! }
//!
//! impl HandleCall<Get> for Store {
//!     type Reply = u32;
//!
//!     fn handle_call(&mut self, Get(item): Get, _: &Caller<u32>) -> CallResult<Self, Get> {
//!         reply(self.counts.get(item).copied().unwrap_or(0))
//!     }
//! }
//!
//! let store = Store::start(())?;
//! store.cast(Put("milk", 3));
//! assert_eq!(store.call(Get("milk"))?, 3);
//!
//! // The server crashes; its client gets an error.
//! store.cast(Put("", 1));
//! let error = store.call(Get("milk")).unwrap_err();
//! assert!(matches!(error.kind(), CallErrorKind::Down(_) | CallErrorKind::NoProc));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! A *call* waits for its reply, for five seconds by default, and is told at once if the server has
//! ended. A *cast* does not wait, and is not told. Requests are types, and so are their replies: a
//! request that the server does not handle does not compile.
//!
//! A server that is cast to faster than it handles casts has a mailbox that grows. If it is started
//! with [a capacity](crate::gen_server::StartOptions::mailbox_capacity), it says what happens
//! instead: whoever casts waits for room, or learns that there is none, or messages are dropped. A
//! call holds its client back by itself.
//!
//! The error of a callback is the reason for which the server ends, and `?` makes one of any
//! [`Error`](std::error::Error). For what is none, a text or a `Box<dyn Error + Send + Sync>`,
//! there is [`or_exit`](crate::OrExit): `check(item).or_exit()?`.
//!
//! There are other kinds of servers. What reacts to one and the same event differently, as it is in
//! this state or that, such as a door or a connection, is a state machine:
//! [`gen_statem`](crate::gen_statem). A value that processes share, and that needs no requests of
//! its own, is an [`agent`](crate::agent): clients send it closures. Events that any number of
//! handlers are to hear go to the manager of a [`gen_event`](crate::gen_event). And a process that
//! computes one value for the one that has started it is a [`task`](crate::task).
//!
//! Read on: [`gen_server`](crate::gen_server), and the examples `stack`, which keeps core, server
//! and client functions apart, and `tcp_fsm`, a connection as a state machine.
//!
//! # Supervise it
//!
//! The store above is gone after its crash. A [`supervisor`](crate::supervisor) starts it again.
//!
//! ```
//! use procession::prelude::*;
//! use std::time::Duration;
//!
//! # use std::collections::HashMap;
//! # #[derive(Debug, Default)]
//! # struct Store { counts: HashMap<&'static str, u32> }
//! # #[derive(Debug)]
//! # struct Put(&'static str, u32);
//! # #[derive(Debug)]
//! # struct Get(&'static str);
//! # impl GenServer for Store {
//! #     type Args = ();
//! #     fn init((): ()) -> InitResult<Self> { ready(Store::default()) }
//! # }
//! # impl HandleCast<Put> for Store {
//! #     fn handle_cast(&mut self, Put(item, count): Put) -> CastResult<Self> {
//! #         assert!(!item.is_empty(), "an item needs a name");
//! #         self.counts.insert(item, count);
//! #         noreply()
//! #     }
//! # }
//! # impl HandleCall<Get> for Store {
//! #     type Reply = u32;
//! #     fn handle_call(&mut self, Get(item): Get, _: &Caller<u32>) -> CallResult<Self, Get> {
//! #         reply(self.counts.get(item).copied().unwrap_or(0))
//! #     }
//! # }
//! // `Store` as in the chapter before.
//! let supervisor = Supervisor::one_for_one().start_link()?;
//! let store = supervisor.start_child(Store::child_spec(()))?;
//! store.cast(Put("milk", 3));
//!
//! // It crashes.
//! let monitor = process::monitor(store);
//! store.cast(Put("", 1));
//! process::wait(monitor, Duration::from_secs(5)).expect("it has ended");
//!
//! // Another one has taken its place, with a state as new.
//! let pid = supervisor.which_children()?[0].state.pid().expect("it was restarted");
//! assert_ne!(pid, store.pid());
//! assert_eq!(ServerRef::<Store>::from_pid(pid).call(Get("milk"))?, 0);
//! supervisor.stop()?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! A restart gives back a state that is known to be good: the one that `init` makes. That the milk
//! is forgotten is the point, as the state may be what made the server crash. What must survive
//! belongs into a file, a database, another process, or a [`table`](crate::table) that has an heir.
//! And if restarting does not help, the supervisor itself ends, and its own supervisor decides.
//!
//! Read on: [`supervisor`](crate::supervisor),
//! [`dynamic_supervisor`](crate::dynamic_supervisor), and the examples `super_duper` and
//! `saved_state`.
//!
//! # Name it
//!
//! A restarted server has another pid, so clients should not keep the pid. They use a name, which
//! is looked up at each use.
//!
//! ```
//! use procession::prelude::*;
//! use procession::registry::Registry;
//! use std::time::Duration;
//!
//! # use std::collections::HashMap;
//! # #[derive(Debug, Default)]
//! # struct Store { counts: HashMap<&'static str, u32> }
//! # #[derive(Debug)]
//! # struct Put(&'static str, u32);
//! # #[derive(Debug)]
//! # struct Get(&'static str);
//! # impl GenServer for Store {
//! #     type Args = ();
//! #     fn init((): ()) -> InitResult<Self> { ready(Store::default()) }
//! # }
//! # impl HandleCast<Put> for Store {
//! #     fn handle_cast(&mut self, Put(item, count): Put) -> CastResult<Self> {
//! #         assert!(!item.is_empty(), "an item needs a name");
//! #         self.counts.insert(item, count);
//! #         noreply()
//! #     }
//! # }
//! # impl HandleCall<Get> for Store {
//! #     type Reply = u32;
//! #     fn handle_call(&mut self, Get(item): Get, _: &Caller<u32>) -> CallResult<Self, Get> {
//! #         reply(self.counts.get(item).copied().unwrap_or(0))
//! #     }
//! # }
//! /// What clients use: they see neither the name nor the requests.
//! mod store {
//! #   use super::*;
//!     pub fn put(item: &'static str, count: u32) {
//!         ServerRef::<Store>::named("store").cast(Put(item, count));
//!     }
//!
//!     pub fn get(item: &'static str) -> Result<u32, CallError> {
//!         ServerRef::<Store>::named("store").call(Get(item))
//!     }
//! }
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! Supervisor::one_for_one().child(Store::named_child_spec("store", ())).start_link()?;
//! store::put("milk", 3);
//! assert_eq!(store::get("milk")?, 3);
//!
//! // It crashes. For a moment there is no store: who cannot do without waits for the name.
//! let crashed = process::whereis("store").expect("it is running");
//! store::put("", 1);
//! process::join(crashed, Duration::from_secs(5)).expect("it has ended");
//! process::wait_for("store", Duration::from_secs(5)).expect("it is restarted");
//! assert_eq!(store::get("milk")?, 0);
//!
//! // Many stores: a registry has keys of any type, a dynamic supervisor any number of children.
//! let towns = Registry::<&str>::unique("towns").start_link()?;
//! let stores = DynamicSupervisor::new().start_link()?;
//! for town in ["Oslo", "Rome"] {
//!     let name = towns.via(town);
//!     let options = move || StartOptions::new().name(name.clone());
//!     let spec = ChildSpec::new(town, move || Store::start_link_with((), options()));
//!     stores.start_child(spec)?;
//! }
//! let rome = ServerRef::<Store>::named(towns.via("Rome"));
//! rome.cast(Put("milk", 7));
//! assert_eq!(rome.call(Get("milk"))?, 7);
//! # Ok(())
//! # }
//! ```
//!
//! Read on: [`registry`](crate::registry), [`pg`](crate::pg) for groups of processes,
//! [`Registrar`](crate::Registrar) for names that you keep yourself.
//!
//! # An application
//!
//! A program has several trees, which need each other in some order. An
//! [`Application`](crate::application::Application) is a tree with a name, an environment, and the
//! names of the applications that must run before it.
//!
//! ```
//! use procession::application::{self, Application};
//! use procession::prelude::*;
//!
//! # use std::collections::HashMap;
//! # #[derive(Debug)]
//! # struct Store { counts: HashMap<&'static str, u32> }
//! # #[derive(Debug)]
//! # struct Get(&'static str);
//! # impl HandleCall<Get> for Store {
//! #     type Reply = u32;
//! #     fn handle_call(&mut self, Get(item): Get, _: &Caller<u32>) -> CallResult<Self, Get> {
//! #         reply(self.counts.get(item).copied().unwrap_or(0))
//! #     }
//! # }
//! type Stock = Vec<(&'static str, u32)>;
//!
//! impl GenServer for Store {
//!     type Args = Stock;
//!
//!     fn init(stock: Stock) -> InitResult<Self> {
//!         ready(Store { counts: stock.into_iter().collect() })
//!     }
//! }
//!
//! fn store() -> Application {
//!     let stock: Stock = vec![("milk", 3)];
//!     Application::new("store").env("stock", stock).start(|| {
//!         let stock: Stock = application::get_env("store", "stock").unwrap_or_default();
//!         Supervisor::one_for_one().child(Store::named_child_spec("store", stock)).start_link()
//!     })
//! }
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! application::load(store())?;
//! application::start("store")?;
//! assert_eq!(ServerRef::<Store>::named("store").call(Get("milk"))?, 3);
//! application::stop("store")?;
//! # Ok(())
//! # }
//! ```
//!
//! A program that is nothing but its applications has a `main` of one line. It runs until Ctrl-C or
//! `SIGTERM`, and stops the applications in order:
//!
//! ```no_run
//! use procession::application::{self, RunError};
//!
//! # fn store() -> application::Application { application::Application::new("store") }
//! fn main() -> Result<(), RunError> {
//!     application::run([store()])
//! }
//! ```
//!
//! A value of the environment is a default, which the program can replace before the application
//! starts, by what a file or the command line says: see
//! [`set_persistent_env`](crate::application::set_persistent_env).
//!
//! When `main` returns, the program ends, supervisors and all. One that starts a supervisor by
//! itself stays until that has ended, by `process::join(supervisor, Duration::MAX)`.
//!
//! Read on: [`application`](crate::application), and the examples `application` and `start_over`.
//!
//! # Blocking work
//!
//! A process may block. But a server that blocks in a callback keeps its other clients waiting: so
//! work that takes long goes to a process of its own, and the reply is [deferred] until it is done.
//! Here the store orders from a supplier, who takes his time:
//!
//! ```
//! use procession::prelude::*;
//! use std::collections::HashMap;
//! use std::io::{self, BufRead, BufReader, Write};
//! use std::net::SocketAddr;
//! use std::time::Duration;
//! # #[cfg(not(all(feature = "io", target_os = "linux")))]
//! # use std::net::{TcpListener, TcpStream};
//! # #[cfg(all(feature = "io", target_os = "linux"))]
//! use procession::io::{TcpListener, TcpStream};
//!
//! # #[derive(Debug)]
//! # struct Get(&'static str);
//! # impl HandleCall<Get> for Store {
//! #     type Reply = u32;
//! #     fn handle_call(&mut self, Get(item): Get, _: &Caller<u32>) -> CallResult<Self, Get> {
//! #         reply(self.counts.get(item).copied().unwrap_or(0))
//! #     }
//! # }
//! #[derive(Debug)]
//! struct Store { counts: HashMap<&'static str, u32>, supplier: SocketAddr }
//!
//! #[derive(Debug)]
//! struct Order(&'static str);
//!
//! /// What the process that orders tells the store.
//! #[derive(Debug)]
//! struct Delivered { item: &'static str, count: u32, customer: ReplyTo<u32> }
//!
//! /// Blocks until the supplier has answered.
//! fn order(supplier: SocketAddr, item: &str) -> io::Result<u32> {
//!     let mut supplier = TcpStream::connect(supplier)?;
//!     writeln!(supplier, "{item}")?;
//!     let mut answer = String::new();
//!     BufReader::new(supplier).read_line(&mut answer)?;
//!     answer.trim().parse().map_err(io::Error::other)
//! }
//!
//! impl GenServer for Store {
//!     type Args = SocketAddr;
//!
//!     fn init(supplier: SocketAddr) -> InitResult<Self> {
//!         ready(Store { counts: HashMap::new(), supplier })
//!     }
//!
//!     fn handle_info(&mut self, message: Message) -> CastResult<Self> {
//!         handle_info! { message;
//!             Delivered { item, count, customer } => {
//!                 *self.counts.entry(item).or_default() += count;
//!                 customer.reply(count);
//!                 noreply()
//!             }
//!         }
//!     }
//! }
//!
//! impl HandleCall<Order> for Store {
//!     type Reply = u32;
//!
//!     fn handle_call(
//!         &mut self,
//!         Order(item): Order,
//!         caller: &Caller<u32>,
//!     ) -> CallResult<Self, Order> {
//!         let (store, supplier, customer) = (process::self_pid(), self.supplier, caller.defer());
//!         process::spawn_link(move || {
//!             let count = order(supplier, item)?; // An error is the reason it ends for.
//!             process::send(store, Delivered { item, count, customer });
//!             Ok(())
//!         })?;
//!         noreply()
//!     }
//! }
//!
//! let supplier = TcpListener::bind("127.0.0.1:0")?;
//! let store = Store::start(supplier.local_addr()?)?;
//! let mut milk = store.send_request(Order("milk")); // A call whose reply is asked for later.
//! let (mut order, _) = supplier.accept()?;
//!
//! // One process is blocked in its read. The store is not.
//! assert_eq!(store.call(Get("milk"))?, 0);
//!
//! order.write_all(b"12\n")?;
//! assert_eq!(milk.wait_response(Duration::from_secs(5))?, 12);
//! assert_eq!(store.call(Get("milk"))?, 12);
//! # store.stop()?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! The link is what makes the customer hear of a failure: if the order fails, the store ends with
//! it, and the call returns an error. A store that is to survive that traps exits and answers in
//! the worker's place, as [`ReplyTo`](crate::gen_server::ReplyTo#if-nobody-replies) shows.
//!
//! A thread cannot be stopped from outside. A process that is told to end does so when it next
//! calls the runtime, and while it waits there. The sockets are those of [`io`], which
//! are used as std's, but their waits are the runtime's: if the store is shut down while an order
//! is on its way, the process that waits for the supplier ends, too, and its connection is closed.
//! A long computation calls [`checkpoint`](crate::process::checkpoint) now and then, and a wait
//! that the crate does not know of is made interruptible by
//! [`process::blocking`](crate::process::blocking()). A process that was killed and does neither is
//! left behind after its [grace](crate::process::Builder::kill_grace).
//!
//! Read on: [periodic work](crate::gen_server#periodic-work), children that [own a
//! socket](crate::dynamic_supervisor), servers for [clients in a network], and the
//! example `tcp_counter`.
//!
//! [deferred]: crate::gen_server::Caller::defer
//!
//! # When it goes wrong
//!
//! **Reports.** A process that fails says so: a server its last message and its state, a process
//! where it has panicked, a supervisor which child it restarts. They go through the [`log`] crate,
//! or in a program without a logger to standard error. With a logger a server can show the value of
//! its last message, and you choose what is shown: `RUST_LOG=info` adds what is started and
//! stopped.
//!
//! ```
//! // First in `main`. By itself `env_logger` hides warnings.
//! env_logger::init_from_env(env_logger::Env::new().default_filter_or("warn"));
//! ```
//!
//! ```text
//! [2026-11-29T20:55:16Z ERROR procession::gen_server] server store (<0.4.1>) is terminating
//!     last message: Put("", 1)
//!     state: Store { counts: {"milk": 3} }
//!     reason: panicked: an item needs a name, at src/main.rs:24:9
//! ```
//!
//! A program that counts reports, or sends them elsewhere, adds a
//! [handler](crate::report::add_handler).
//!
//! **A look inside.** A running server can be asked for its state, suspended, and traced, and the
//! whole tree can be printed:
//!
//! ```
//! use procession::prelude::*;
//! use procession::supervisor;
//!
//! # use std::collections::HashMap;
//! # #[derive(Debug, Default)]
//! # struct Store { counts: HashMap<&'static str, u32> }
//! # #[derive(Debug)]
//! # struct Put(&'static str, u32);
//! # impl GenServer for Store {
//! #     type Args = ();
//! #     fn init((): ()) -> InitResult<Self> { ready(Store::default()) }
//! # }
//! # impl HandleCast<Put> for Store {
//! #     fn handle_cast(&mut self, Put(item, count): Put) -> CastResult<Self> {
//! #         self.counts.insert(item, count);
//! #         noreply()
//! #     }
//! # }
//! let top = Supervisor::one_for_one()
//!     .child(Store::named_child_spec("store", ()))
//!     .start_link_with(StartOptions::new().name("top"))?;
//!
//! let store = ServerRef::<Store>::named("store");
//! store.cast(Put("milk", 3));
//! assert_eq!(store.sys().get_state(|store| store.counts.len())?, 1);
//! store.sys().trace_on()?; // From now on each of its messages is logged.
//!
//! let tree = supervisor::tree(&top)?;
//! println!("{tree}");
//! // top <0.3.1>
//! //     store <0.4.1>
//! assert_eq!(tree.children[0].restarts, 0);
//!
//! let info = process::info(top.pid()).expect("it is alive");
//! println!("{} messages wait", info.message_queue_len);
//! # top.stop()?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! **Errors.** A call that cannot succeed returns a [`CallError`](crate::CallError) that says why:
//! the server has ended, does not reply in time, or is waiting for the caller itself. That last
//! one, `Deadlock`, is returned at once, and names the processes of the cycle.
//!
//! Read on: [`report`](crate::report), [`sys`](crate::sys),
//! [`supervisor::tree`](crate::supervisor::tree). A [`snapshot`](crate::observer::snapshot) has all
//! of it, and asks nobody: it is for the program that answers no more. Prometheus reads it as
//! [`metrics`](crate::observer::Metrics); and with the feature `observer-web` a browser
//! shows it, live: the example `observed` has its page at once. With `observer-tui` a terminal
//! does, as in the example `top`.
//!
//! # Testing
//!
//! What the store decides, whether an item has a name, is best a plain function with plain tests.
//! For what is left, processes that crash and come back, [`testing`](crate::testing) starts them
//! for one test and stops them when it is over, waits for messages, and collects reports.
//!
//! ```
//! use procession::assert_receive;
//! use procession::prelude::*;
//! use procession::testing::{self, TestSupervisor};
//! use std::time::Duration;
//!
//! # use std::collections::HashMap;
//! # #[derive(Debug, Default)]
//! # struct Store { counts: HashMap<&'static str, u32> }
//! # #[derive(Debug)]
//! # struct Put(&'static str, u32);
//! # #[derive(Debug)]
//! # struct Get(&'static str);
//! # impl GenServer for Store {
//! #     type Args = ();
//! #     fn init((): ()) -> InitResult<Self> { ready(Store::default()) }
//! # }
//! # impl HandleCast<Put> for Store {
//! #     fn handle_cast(&mut self, Put(item, count): Put) -> CastResult<Self> {
//! #         assert!(!item.is_empty(), "an item needs a name");
//! #         self.counts.insert(item, count);
//! #         noreply()
//! #     }
//! # }
//! # impl HandleCall<Get> for Store {
//! #     type Reply = u32;
//! #     fn handle_call(&mut self, Get(item): Get, _: &Caller<u32>) -> CallResult<Self, Get> {
//! #         reply(self.counts.get(item).copied().unwrap_or(0))
//! #     }
//! # }
//! // #[test]
//! fn a_store_that_has_crashed_is_empty() {
//!     let tests = TestSupervisor::start();
//!     let name = testing::unique_name("store"); // Tests run at the same time.
//!     let reports = testing::capture_reports();
//!     let crashed = tests.start_supervised(Store::named_child_spec(&*name, ()));
//!     let store = ServerRef::<Store>::named(&*name);
//!
//!     store.cast(Put("milk", 3));
//!     let monitor = process::monitor(crashed);
//!     store.cast(Put("", 1));
//!     let reason = assert_receive!(down: Down if down.monitor == monitor => down.reason);
//!     assert_eq!(reason.as_panic().unwrap().message, "an item needs a name");
//!     let state = "state: Store { counts: {\"milk\": 3} }";
//!     assert!(reports.take().iter().any(|report| report.to_string().contains(state)));
//!
//!     process::wait_for(&name, Duration::from_secs(5)).expect("it is restarted");
//!     assert_eq!(store.call(Get("milk")).unwrap(), 0);
//! } // The store is stopped here.
//! # a_store_that_has_crashed_is_empty();
//! ```
//!
//! A test waits for events, and never for a time: for a reply, a message, an end, a name. That
//! something does *not* come is shown by something that comes after it: a call is answered when all
//! that the caller has sent before it was handled.
//!
//! Read on: [`testing`](crate::testing), and the templates in this crate's repository, whose
//! programs have tests.
//!
#![cfg_attr(all(feature = "io", target_os = "linux"), doc = "[`io`]: crate::io")]
#![cfg_attr(
    not(all(feature = "io", target_os = "linux")),
    doc = "[`io`]: https://docs.rs/procession/latest/procession/io/index.html"
)]
#![cfg_attr(
    all(feature = "io", target_os = "linux"),
    doc = "[clients in a network]: crate::listener"
)]
#![cfg_attr(
    not(all(feature = "io", target_os = "linux")),
    doc = "[clients in a network]: https://docs.rs/procession/latest/procession/listener/index.html"
)]

#[cfg(all(feature = "dist", target_os = "linux"))]
pub mod cluster;
pub mod from_erlang;
pub mod from_rust;
