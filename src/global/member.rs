//! A program as a node among others: it has a server of global names, as all visible nodes have.

use crate::exit::ExitReason;
use crate::gen_server::{GenServer, InitResult, StartError, ready};
use crate::id::Pid;
use crate::net_kernel::NetKernel;
use crate::process;
use crate::supervisor::{ChildSpec, ChildType, SupervisorRef};
use crate::term::Term;

use super::across::{InCluster, OwnMethod};
use super::judge::resolve;
use super::key::{Key, pid_term};
use super::method::Method;
use super::serve::ask;
use super::spelling::{is_own, method_of};

impl NetKernel {
    /// Makes this program a node, by a supervisor that is linked to the caller. It is one until
    /// that ends.
    ///
    /// # Errors
    ///
    /// [`StartError::Failed`] with a [`NetKernelError`](crate::net_kernel::NetKernelError) as the
    /// detail of its reason.
    pub fn start_link(self) -> Result<SupervisorRef, StartError> {
        let node = self.offer("global", "resolve_it", resolve_it);
        node.start_with(ChildSpec::new("global", || Member::start_link(())))
    }

    /// Returns the specification of a child that makes this program a node.
    pub fn child_spec(self) -> ChildSpec<SupervisorRef> {
        ChildSpec::new("net_sup", move || self.clone().start_link())
            .child_type(ChildType::Supervisor)
    }
}

/// What other nodes ask, of which one has to resolve a clash.
fn resolve_it(method: Term, name: Term, one: Pid, other: Pid) -> Term {
    let (mut method, name) = (method_of(&method), Key::of_term(&name));
    if is_own(&method) {
        match ask(OwnMethod(name.clone(), (one, other))) {
            Ok(Some(own)) => method = Method::Own(own),
            Ok(None) | Err(_) => return pid_term(one), // The other one has lost the name meanwhile.
        }
    }
    resolve(&method, &name, one, other)
}

/// Lives as long as this node may be connected with others.
#[derive(Debug)]
struct Member;

impl GenServer for Member {
    type Args = ();

    fn init((): ()) -> InitResult<Member> {
        process::set_trap_exit(true); // So that it can take its leave.
        ask(InCluster(true)).map_err(ExitReason::new)?;
        ready(Member)
    }

    fn terminate(&mut self, _: &ExitReason) {
        // From now on the loss of a connection is of this node's doing.
        _ = ask(InCluster(false));
    }
}
