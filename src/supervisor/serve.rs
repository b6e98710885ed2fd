//! A running supervisor: a server whose state is its children.

use std::any::{Any, type_name};
use std::fmt;

use crate::call_error::{CallError, CallErrorKind};
use crate::exit::ExitReason;
use crate::gen_server::{CastResult, GenServer, InitResult, answers, ignore, noreply, ready};
use crate::id::Pid;
use crate::message::Message;
use crate::process;
use crate::user_code::Guarded;

use super::dynamic::{DynamicChildren, DynamicOptions, SupervisorKind};
use super::ordered::OrderedChildren;
use super::{ChildInfo, Counts, Policy, Spec, Supervisor, SupervisorError};

/// The arguments of a supervisor.
pub(crate) struct SupervisorArgs {
    /// The name of the type whose `init` this is.
    pub(crate) module: &'static str,
    /// Returns `None` if there is to be no supervisor.
    pub(crate) init: Box<dyn FnOnce() -> Result<Option<SupervisorPlan>, ExitReason> + Send>,
}

/// How a supervisor treats its children, and with which of them it starts.
pub(crate) enum SupervisorPlan {
    Ordered(Supervisor),
    Dynamic(DynamicOptions),
}

/// The state of a supervisor, of any kind.
pub(crate) struct Supervising {
    module: &'static str,
    children: Children,
}

enum Children {
    Ordered(OrderedChildren),
    Dynamic(DynamicChildren),
}

impl fmt::Debug for Supervising {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut f = f.debug_struct("Supervisor");
        f.field("module", &self.module);
        match &self.children {
            Children::Ordered(children) => {
                f.field("strategy", &children.strategy()).field("children", &children.list())
            }
            Children::Dynamic(children) => f.field("children", &children.count()),
        };
        f.finish_non_exhaustive()
    }
}

impl GenServer for Supervising {
    type Args = SupervisorArgs;

    fn init(SupervisorArgs { module, init }: SupervisorArgs) -> InitResult<Supervising> {
        process::set_trap_exit(true);
        let Some(plan) = init()? else { return ignore() };
        let children = match plan {
            SupervisorPlan::Ordered(supervisor) => {
                Children::Ordered(OrderedChildren::start(supervisor)?)
            }
            SupervisorPlan::Dynamic(options) => Children::Dynamic(DynamicChildren::new(options)?),
        };
        ready(Supervising { module, children })
    }

    fn handle_info(&mut self, message: Message) -> CastResult<Supervising> {
        match &mut self.children {
            Children::Ordered(children) => children.handle(message)?,
            Children::Dynamic(children) => children.handle(message)?,
        }
        noreply()
    }

    fn terminate(&mut self, _: &ExitReason) {
        match &mut self.children {
            Children::Ordered(children) => children.stop_all(),
            Children::Dynamic(children) => children.stop_all(),
        }
    }
}

impl Supervising {
    /// Returns the kind of this supervisor.
    fn kind(&self) -> &'static str {
        match &self.children {
            Children::Ordered(_) => type_name::<Supervisor>(),
            Children::Dynamic(children) => {
                children.template().map_or(self.module, |it| it.kind.name)
            }
        }
    }

    /// Returns the error for a client whose request `M` is for another kind.
    fn wrong_kind<M>(&self, expected: &'static str) -> SupervisorError {
        let kind = CallErrorKind::WrongServer { expected, found: self.kind() };
        CallError::new(kind, process::self_pid(), type_name::<M>()).into()
    }

    /// Returns the children of an ordered supervisor, which the request `M` is for.
    fn ordered<M>(&mut self) -> SupervisorResult<&mut OrderedChildren> {
        let error = self.wrong_kind::<M>(type_name::<Supervisor>());
        match &mut self.children {
            Children::Ordered(children) => Ok(children),
            Children::Dynamic(_) => Err(error),
        }
    }

    fn start_child(&mut self, spec: Spec) -> SupervisorResult<Box<dyn Any + Send>> {
        match &mut self.children {
            Children::Ordered(children) => children.add(spec),
            Children::Dynamic(children) if children.template().is_none() => children.add(spec),
            Children::Dynamic(_) => Err(self.wrong_kind::<StartChild>(type_name::<Supervisor>())),
        }
    }

    fn start_child_with(&mut self, args: StartChildWith) -> SupervisorResult<Box<dyn Any + Send>> {
        let StartChildWith { kind, args } = args;
        let (args, error) = (Guarded::new(args), self.wrong_kind::<StartChildWith>(kind.name));
        let Children::Dynamic(children) = &mut self.children else { return Err(error) };
        let template = children.template().filter(|template| template.kind == kind);
        let spec = (template.ok_or(error)?.make)(args.into_inner());
        children.add(spec)
    }

    fn terminate_pid(&mut self, pid: Pid) -> SupervisorResult<()> {
        match &mut self.children {
            Children::Dynamic(children) => children.terminate(pid),
            Children::Ordered(_) => Err(SupervisorError::NotFound),
        }
    }

    fn template_of(&self, pid: Pid) -> SupervisorResult<Policy> {
        let Children::Dynamic(children) = &self.children else {
            return Err(SupervisorError::NotFound);
        };
        let template = children.template().filter(|_| children.has(pid));
        template.map(|template| template.policy.clone()).ok_or(SupervisorError::NotFound)
    }

    fn list(&self) -> Vec<ChildInfo> {
        match &self.children {
            Children::Ordered(children) => children.list(),
            Children::Dynamic(children) => children.list(),
        }
    }

    fn count(&self) -> Counts {
        match &self.children {
            Children::Ordered(children) => children.count(),
            Children::Dynamic(children) => children.count(),
        }
    }
}

#[derive(Debug)]
pub(crate) struct StartChild(pub(crate) Spec);
#[derive(Debug)]
pub(crate) struct TerminateChild(pub(crate) String);
#[derive(Debug)]
pub(crate) struct TerminatePid(pub(crate) Pid);
#[derive(Debug)]
pub(crate) struct RestartChild(pub(crate) String);
#[derive(Debug)]
pub(crate) struct DeleteChild(pub(crate) String);
#[derive(Debug)]
pub(crate) struct GetChildSpec(pub(crate) String);
#[derive(Debug)]
pub(crate) struct GetTemplate(pub(crate) Pid);
#[derive(Debug)]
pub(crate) struct WhichChildren;
#[derive(Debug)]
pub(crate) struct CountChildren;
#[derive(Debug)]
pub(crate) struct CallbackModule;

/// Asks for a child by the template of a supervisor of this kind, with these arguments.
pub(crate) struct StartChildWith {
    pub(crate) kind: SupervisorKind,
    pub(crate) args: Box<dyn Any + Send>,
}

impl fmt::Debug for StartChildWith {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("StartChildWith").field(&self.kind.name).finish()
    }
}

/// Changes several things about the children at once, in the process of the supervisor: no request,
/// and no restart, comes between.
#[expect(clippy::type_complexity, reason = "it is named nowhere else")]
pub(crate) struct ChangeChildren(
    pub(crate) Box<dyn FnOnce(&mut OrderedChildren) -> SupervisorResult<()> + Send>,
);

impl fmt::Debug for ChangeChildren {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ChangeChildren")
    }
}

type SupervisorResult<T> = Result<T, SupervisorError>;

answers! {
    Supervising:
    StartChild(spec) => StartChild: SupervisorResult<Box<dyn Any + Send>>, |this| {
        this.start_child(spec)
    };
    it => StartChildWith: SupervisorResult<Box<dyn Any + Send>>, |this| {
        this.start_child_with(it)
    };
    TerminateChild(id) => TerminateChild: SupervisorResult<()>, |this| {
        this.ordered::<TerminateChild>().and_then(|children| children.terminate(&id))
    };
    TerminatePid(pid) => TerminatePid: SupervisorResult<()>, |this| this.terminate_pid(pid);
    RestartChild(id) => RestartChild: SupervisorResult<Pid>, |this| {
        this.ordered::<RestartChild>().and_then(|children| children.restart_stopped(&id))
    };
    ChangeChildren(change) => ChangeChildren: SupervisorResult<()>, |this| {
        this.ordered::<ChangeChildren>().and_then(change)
    };
    DeleteChild(id) => DeleteChild: SupervisorResult<()>, |this| {
        this.ordered::<DeleteChild>().and_then(|children| children.delete(&id))
    };
    GetChildSpec(id) => GetChildSpec: SupervisorResult<Policy>, |this| {
        this.ordered::<GetChildSpec>().and_then(|children| children.policy_of(&id))
    };
    GetTemplate(pid) => GetTemplate: SupervisorResult<Policy>, |this| this.template_of(pid);
    WhichChildren => WhichChildren: Vec<ChildInfo>, |this| this.list();
    CountChildren => CountChildren: Counts, |this| this.count();
    CallbackModule => CallbackModule: &'static str, |this| this.module;
}
