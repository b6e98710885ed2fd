//! The tenth chapter: a cluster.
//!
//! With the feature `dist`, on Linux, a program becomes a node of a real Erlang cluster: it speaks
//! the protocol that Erlang's own nodes speak. Nothing about servers, links, monitors and
//! supervisors changes but where the processes are. A cluster can also be made of such programs
//! alone; then no Erlang is needed.
//!
//! 1. [Becoming a node](#becoming-a-node)
//! 2. [A server for others](#a-server-for-others)
//! 3. [Servers of others](#servers-of-others)
//! 4. [Links and monitors](#links-and-monitors)
//! 5. [Depending on another node](#depending-on-another-node)
//! 6. [Nodes that come and go](#nodes-that-come-and-go)
//! 7. [Groups](#groups)
//! 8. [One for all](#one-for-all)
//! 9. [What it takes to be safe](#what-it-takes-to-be-safe)
//!
//! # Becoming a node
//!
//! [`NetKernel`](crate::net_kernel::NetKernel) describes the node: its name, and the cookie that it
//! has in common with the others. It is a child of the program's tree, and the program is a node as
//! long as that child runs. As the last child it is stopped first, so nobody asks servers that have
//! ended.
//!
//! ```no_run
//! use procession::net_kernel::NetKernel;
//! use procession::prelude::*;
//!
//! # #[derive(Debug)]
//! # struct Store;
//! # impl GenServer for Store {
//! #     type Args = ();
//! #     fn init((): ()) -> InitResult<Self> { ready(Store) }
//! # }
//! let node = NetKernel::named("shop@127.0.0.1").cookie("secret").embedded_epmd();
//! let tree = Supervisor::one_for_one()
//!     .child(Store::named_child_spec("store", ()))
//!     .child(node.child_spec())
//!     .start_link()?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! Nodes of one machine find each other by EPMD, a small program that knows their ports, and that
//! comes with Erlang; with `embedded_epmd` this program is it where there is none.
//!
//! # A server for others
//!
//! Other nodes can ask of a server only what its type declares by
//! [`Wire`](crate::gen_server::Wire): which requests, and how they are spelt in Erlang. The rest is
//! said by [serde](crate::term#how-types-are-spelt): the fields of a request follow its tag. The
//! type is made known by [`serve`](crate::net_kernel::NetKernel::serve).
//!
//! ```no_run
//! use procession::gen_server::{Requests, Wire};
//! use procession::net_kernel::NetKernel;
//! use procession::prelude::*;
//! use serde::{Deserialize, Serialize};
//! use std::collections::HashMap;
//!
//! #[derive(Debug, Default)]
//! struct Store {
//!     counts: HashMap<String, u32>,
//! }
//!
//! #[derive(Debug, Serialize, Deserialize)]
//! struct Put(String, u32);
//!
//! #[derive(Debug, Serialize, Deserialize)]
//! struct Get(String);
//!
//! impl Wire for Store {
//!     fn requests(accept: &mut Requests<Store>) {
//!         accept.cast::<Put>("put"); // {put, <<"milk">>, 3}
//!         accept.call::<Get>("get"); // {get, <<"milk">>}
//!     }
//! }
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
//! # impl HandleCall<Get> for Store {
//! #     type Reply = u32;
//! #     fn handle_call(&mut self, Get(item): Get, _: &Caller<u32>) -> CallResult<Self, Get> {
//! #         reply(self.counts.get(&item).copied().unwrap_or(0))
//! #     }
//! # }
//!
//! let node = NetKernel::named("shop@127.0.0.1").cookie("secret").serve::<Store>();
//! ```
//!
//! In a shell of Erlang it is a server as any other:
//!
//! ```text
//! $ erl -name shell@127.0.0.1 -setcookie secret
//! (shell@127.0.0.1)1> Store = {store, 'shop@127.0.0.1'}.
//! {store,'shop@127.0.0.1'}
//! (shell@127.0.0.1)2> gen_server:cast(Store, {put, <<"milk">>, 3}).
//! ok
//! (shell@127.0.0.1)3> gen_server:call(Store, {get, <<"milk">>}).
//! 3
//! (shell@127.0.0.1)4> gen_server:call(Store, {steal, <<"milk">>}).
//! ** exception exit: {{bad_request,<<"Store takes no {steal,<<\"milk\">>}">>},
//!                     {gen_server,call,
//!                                 [{store,'shop@127.0.0.1'},{steal,<<"milk">>}]}}
//! ```
//!
//! A request that is not declared, or that does not fit its type, is refused: whoever has made it
//! is told, and the server does not notice.
//!
//! # Servers of others
//!
//! A server whose type this program knows, as it runs the same code on another node, is used by a
//! [`ServerRef`](crate::gen_server::ServerRef::on). Of any other server it is enough to know how
//! its requests are spelt: [`RemoteServer`](crate::gen_server::RemoteServer).
//!
//! ```no_run
//! # use procession::gen_server::{Requests, Wire};
//! # use procession::prelude::*;
//! # use serde::{Deserialize, Serialize};
//! # #[derive(Debug)] struct Store;
//! # #[derive(Debug, Serialize, Deserialize)] struct Get(String);
//! # impl GenServer for Store {
//! #     type Args = ();
//! #     fn init((): ()) -> InitResult<Self> { ready(Store) }
//! # }
//! # impl HandleCall<Get> for Store {
//! #     type Reply = u32;
//! #     fn handle_call(&mut self, _: Get, _: &Caller<u32>) -> CallResult<Self, Get> { reply(0) }
//! # }
//! use procession::Node;
//! use procession::gen_server::RemoteServer;
//! use procession::term::atom;
//!
//! let shop = Node::named("shop@127.0.0.1");
//! let store = ServerRef::<Store>::on(shop, "store");
//! assert_eq!(store.call(Get("milk".to_owned()))?, 3);
//!
//! let bank = Node::named("bank@127.0.0.1"); // One of Erlang, maybe.
//! let account = RemoteServer::on(bank, "account");
//! let balance: i64 = account.call(&(atom("deposit"), 50))?; // {deposit, 50}
//! # Ok::<(), CallError>(())
//! ```
//!
//! The first use of another node connects with it. If there is no connection, or if it is lost
//! before there is an answer, the call fails with
//! [`NodeDown`](crate::CallErrorKind::NodeDown): nobody knows whether the server has handled it.
//!
//! # Links and monitors
//!
//! They do not care where a process is. When a server on another node crashes, its monitors get its
//! reason in a [`Down`](crate::Down), and processes that are linked to it end with it. When the
//! connection with its node is lost, the reason is
//! [`NoConnection`](crate::ExitReason::NoConnection).
//!
//! ```no_run
//! use procession::Node;
//! use procession::prelude::*;
//!
//! let account = ("account", Node::named("bank@127.0.0.1"));
//! let monitor = process::monitor(account);
//! receive! {
//!     Down { monitor: it, reason: ExitReason::NoConnection, .. } if it == monitor => {
//!         println!("who knows how it is");
//!     }
//!     Down { monitor: it, reason, .. } if it == monitor => println!("it has ended: {reason}"),
//! }
//! ```
//!
//! What one process sends another arrives in order, and if something is lost, then all that follows
//! is, until a link or a monitor has told of it. A message that is sent to a node that is not there
//! is dropped, as one to a process that has ended.
//!
//! # Depending on another node
//!
//! A process that makes no sense without one on another node is linked to it. Then what its own
//! supervisor knows of restarts is all that is needed: here a till asks the bank for its account
//! when it starts, and ends when that ends, or when the connection breaks. While the bank is away
//! it cannot start, so its supervisor tries again, with longer and longer
//! [pauses](crate::supervisor::ChildSpec::backoff).
//!
//! ```no_run
//! use procession::Node;
//! use procession::gen_server::RemoteServer;
//! use procession::prelude::*;
//! use procession::term::atom;
//! use std::time::Duration;
//!
//! #[derive(Debug)]
//! struct Till {
//!     account: RemoteServer,
//! }
//!
//! impl GenServer for Till {
//!     type Args = ();
//!
//!     fn init((): ()) -> InitResult<Self> {
//!         let bank = RemoteServer::on(Node::named("bank@127.0.0.1"), "bank");
//!         let account: Pid = bank.call(&(atom("account_of"), "till"))?;
//!         process::link(account);
//!         ready(Till { account: RemoteServer::from_pid(account) })
//!     }
//! }
//!
//! let till = Till::named_child_spec("till", ());
//! let till = till.backoff(Duration::from_millis(100), Duration::from_secs(30));
//! let tree = Supervisor::one_for_one().child(till).start_link()?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! The example `super_duper_distributed` has more of this: a part of a show that is played on
//! another node, and by an understudy when that node is killed.
//!
//! # Nodes that come and go
//!
//! [`monitor_node`](crate::node::monitor_node) asks for one message when a node is lost,
//! [`monitor_nodes`](crate::node::monitor_nodes) for one whenever any node comes or goes.
//!
//! ```no_run
//! use procession::node::{self, NodeDown, NodeUp};
//! use procession::prelude::*;
//!
//! node::monitor_nodes(true);
//! loop {
//!     receive! {
//!         NodeUp(node) => println!("{node} is there"),
//!         NodeDown(node) => println!("{node} is gone"),
//!     }
//! }
//! ```
//!
//! A node that is silent, as its machine was switched off, is given up after the
//! [tick time](crate::net_kernel::NetKernel::tick_time), a minute.
//!
//! # Groups
//!
//! A [scope](crate::pg) of process groups spans all nodes that see each other, of both kinds: a
//! process joins on its own node, and is found on all. So nobody needs to know who does what where:
//! all stores of all shops are the members of a group. A member that ends, or whose node is lost,
//! leaves.
//!
//! ```no_run
//! use procession::pg::Scope;
//! use procession::prelude::*;
//!
//! # #[derive(Debug)] struct Store;
//! # impl GenServer for Store {
//! #     type Args = ();
//! #     fn init((): ()) -> InitResult<Self> { ready(Store) }
//! # }
//! let scope = Scope::<String>::start_link("shops")?; // pg:start_link(shops)
//! // In Erlang: pg:join(shops, <<"stores">>, self())
//! scope.join("stores".to_owned(), process::self_pid())?;
//! for store in scope.get_members("stores") {
//!     println!("{store} on {}", store.node());
//! }
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # One for all
//!
//! Of what there is to be one in the whole cluster has a [global name](crate::global): all nodes
//! find it by that, and no second process gets it. If two clusters meet in which it was given
//! twice, one of the two processes loses it, by default its life.
//!
//! ```no_run
//! use procession::global;
//! use procession::prelude::*;
//!
//! # #[derive(Debug)] struct Mint;
//! # impl GenServer for Mint {
//! #     type Args = ();
//! #     fn init((): ()) -> InitResult<Self> { ready(Mint) }
//! # }
//! // In Erlang: global:whereis_name(mint)
//! let options = StartOptions::new().name(global::name("mint"));
//! let mint = Mint::start_link_with((), options)?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # What it takes to be safe
//!
//! Who knows the cookie can do to a program whatever its own processes can, with their exits and
//! links, too. So there is no cookie by default, the node listens on the loopback unless it is told
//! otherwise, and only what is declared can be called. Between machines the connections belong into
//! a network that nobody else is in:
//! [what that means](crate::net_kernel#what-opening-a-node-to-a-network-means).
//!
//! Read on: [`net_kernel`](crate::net_kernel), [`node`](crate::node),
//! [`Wire`](crate::gen_server::Wire), [`term`](crate::term), and the examples `node`,
//! `erlang_calls_rust`, `super_duper_distributed` and `chat_cluster`.
