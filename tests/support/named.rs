//! Processes with global names, here and on nodes of Erlang.

use procession::Node;
use procession::global::{self, GlobalError};
use procession::net_kernel::NetKernel;
use procession::node;
use procession::prelude::*;
use procession::term;

use super::beam::Beam;
use super::rust::there;
use super::wait::{exit_and_wait, wait_until};

/// A process of this node, which ends with the test.
#[derive(Debug)]
pub(crate) struct Named(pub(crate) Pid);

/// What a process has got.
#[derive(Debug)]
pub(crate) struct Heard {
    pub(crate) by: Pid,
    pub(crate) message: Message,
}

impl Named {
    /// A process that sends the caller, as [`Heard`], what it gets.
    pub(crate) fn nobody() -> Named {
        let test = process::self_pid();
        let forward = move || {
            loop {
                let message = process::receive();
                process::send(test, Heard { by: process::self_pid(), message });
            }
        };
        Named(process::spawn(forward).unwrap())
    }

    /// Such a process, with a global name.
    #[track_caller]
    pub(crate) fn new(name: &str) -> Named {
        let named = Named::nobody();
        global::register_name(name, named.0).unwrap();
        named
    }

    /// Such a process, with what resolves a clash.
    #[track_caller]
    pub(crate) fn with(
        name: &str,
        resolve: impl Fn(&str, Pid, Pid) -> Option<Pid> + Send + Sync + 'static,
    ) -> Named {
        let named = Named::nobody();
        global::register_name_with(name, named.0, resolve).unwrap();
        named
    }
}

impl Drop for Named {
    fn drop(&mut self) {
        exit_and_wait(self.0, ExitReason::Kill);
    }
}

/// This node does not hide, whatever is usual.
pub(crate) fn visible(node: NetKernel) -> NetKernel {
    node.hidden(false)
}

/// Gives a new process there a global name: the process that `named_pid(name)` is there.
#[track_caller]
pub(crate) fn name_there(beam: &Beam, name: &str) {
    name_there_with(beam, name, "fun global:random_exit_name/3");
}

/// The same, with what resolves a clash.
#[track_caller]
pub(crate) fn name_there_with(beam: &Beam, name: &str, resolve: &str) {
    let source = format!(
        "Pid = spawn(fun() -> receive stop -> ok end end), \
         persistent_term:put({{named, {name}}}, Pid), \
         global:register_name({name}, Pid, {resolve})"
    );
    assert_eq!(beam.eval(&source), "yes");
}

/// The process there that was given the name there, as an expression for that node.
pub(crate) fn named_pid(name: &str) -> String {
    format!("persistent_term:get({{named, {name}}})")
}

/// The same process, as this node sees it.
pub(crate) fn pid_there(beam: &Beam, name: &str) -> Pid {
    let bytes = beam.eval(&format!("binary_to_list(term_to_binary({}))", named_pid(name)));
    let bytes: Vec<u8> =
        bytes.trim_matches(['[', ']']).split(',').map(|byte| byte.parse().unwrap()).collect();
    term::from_slice(&bytes).unwrap()
}

/// What has come to that process, and whether it is alive.
pub(crate) fn heard_there(beam: &Beam, name: &str) -> String {
    beam.eval(&format!(
        "case process_info({}, messages) of {{messages, All}} -> \
         [setelement(1, Message, element(1, Message)) || Message <- All]; \
         undefined -> ended end",
        named_pid(name)
    ))
}

/// The node of the process that has the name, as this node sees it.
pub(crate) fn holder(name: &str) -> Option<Node> {
    global::whereis_name(name).map(|pid| pid.node())
}

/// The same, as that node sees it.
pub(crate) fn holder_there(beam: &Beam, name: &str) -> String {
    let source = "case global:whereis_name(Name) of undefined -> undefined; Pid -> node(Pid) end";
    beam.eval(&format!("Name = {name}, {source}"))
}

/// Connects this node with that one, and waits until both have the same names.
#[track_caller]
pub(crate) fn meet(beam: &Beam) {
    // A dial that has failed just before is remembered for a moment.
    wait_until(|| node::connect(there(beam)).is_ok());
    sync(beam);
}

/// Waits until both nodes have the names of all that they are connected with. When this one has
/// them, the other one has heard of the connection, too, and of the end of the one before.
#[track_caller]
pub(crate) fn sync(beam: &Beam) {
    global::sync().unwrap();
    assert_eq!(beam.eval("global:sync()"), "ok");
}

/// Waits until this node has no names.
#[track_caller]
pub(crate) fn wait_until_nobody_has_a_name() {
    wait_until(|| global::registered_names().is_empty());
}

/// The names that this node knows, in order.
pub(crate) fn names() -> Vec<String> {
    let mut names: Vec<String> =
        global::registered_names().iter().map(|name| name.to_string()).collect();
    names.sort();
    names
}

/// Asserts that the name is taken, and returns by whom.
#[track_caller]
pub(crate) fn taken_by(refused: Result<(), GlobalError>) -> Pid {
    match refused {
        Err(GlobalError::Taken { holder, .. }) => holder,
        other => panic!("{other:?}"),
    }
}
