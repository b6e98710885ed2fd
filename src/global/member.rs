//! A program as a node among others: it has a server of global names, as all visible nodes have.

use crate::exit::ExitReason;
use crate::gen_server::{GenServer, InitResult, StartError, ready};
use crate::id::Pid;
use crate::net_kernel::NetKernel;
use crate::process;
use crate::supervisor::{ChildSpec, ChildType, SupervisorRef};
use crate::term::Term;

use super::across;
use super::judge::resolve_it;
use super::key::pid_term;
use super::serve::{ask, server};

impl NetKernel {
    /// Makes this program a node, by a supervisor that is linked to the caller. It is one until
    /// that ends.
    ///
    /// # Errors
    ///
    /// [`StartError::Failed`] with a [`NetKernelError`](crate::net_kernel::NetKernelError) as the
    /// detail of its reason.
    pub fn start_link(self) -> Result<SupervisorRef, StartError> {
        let node = self.offer("global", "resolve_it", resolve);
        node.start_with(ChildSpec::new("global", || Member::start_link(())))
    }

    /// Returns the specification of a child that makes this program a node.
    pub fn child_spec(self) -> ChildSpec<SupervisorRef> {
        ChildSpec::new("net_sup", move || self.clone().start_link())
            .child_type(ChildType::Supervisor)
    }
}

/// What other nodes ask, of which one has to resolve a clash.
fn resolve(method: Term, name: Term, one: Pid, other: Pid) -> Term {
    match server() {
        Ok(server) => resolve_it(server.pid(), &method, &name, (one, other)),
        Err(_) => pid_term(one), // There is no name here either.
    }
}

/// Lives as long as this node may be connected with others.
#[derive(Debug)]
struct Member;

impl GenServer for Member {
    type Args = ();

    fn init((): ()) -> InitResult<Member> {
        process::set_trap_exit(true); // So that it can take its leave.
        ask(across::Member(true)).map_err(ExitReason::new)?;
        ready(Member)
    }

    fn terminate(&mut self, _: &ExitReason) {
        // From now on the loss of a connection is of this node's doing.
        _ = ask(across::Member(false));
    }
}
