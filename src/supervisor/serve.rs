//! A running supervisor: a server whose state is its children.

use std::any::{Any, type_name};
use std::fmt;

use crate::exit::{CallError, ExitReason};
use crate::gen_server::{
    CallResult, Caller, CastResult, GenServer, HandleCall, InitResult, ignore, noreply, ready,
    reply,
};
use crate::id::Pid;
use crate::message::Message;
use crate::process;
use crate::user_code::Guarded;

use super::crowd::{Crowd, Kind, Rules};
use super::ordered::Ordered;
use super::{ChildInfo, Counts, Policy, Spec, Supervisor, SupervisorError};

/// What a supervisor is started with.
pub(crate) struct Start {
    /// Whose `init` it is.
    pub(crate) module: &'static str,
    /// `None` if there is to be no supervisor.
    pub(crate) init: Box<dyn FnOnce() -> Result<Option<Plan>, ExitReason> + Send>,
}

/// Which children a supervisor is to have.
pub(crate) enum Plan {
    Ordered(Supervisor),
    Crowd(Rules),
}

/// The state of a supervisor, of any kind.
pub(crate) struct Supervising {
    module: &'static str,
    family: Family,
}

enum Family {
    Ordered(Ordered),
    Crowd(Crowd),
}

impl fmt::Debug for Supervising {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut f = f.debug_struct("Supervisor");
        f.field("module", &self.module);
        match &self.family {
            Family::Ordered(children) => {
                f.field("strategy", &children.strategy()).field("children", &children.list())
            }
            Family::Crowd(children) => f.field("children", &children.count()),
        };
        f.finish_non_exhaustive()
    }
}

impl GenServer for Supervising {
    type Args = Start;

    fn init(Start { module, init }: Start) -> InitResult<Supervising> {
        process::set_trap_exit(true);
        let Some(plan) = init()? else { return ignore() };
        let family = match plan {
            Plan::Ordered(supervisor) => Family::Ordered(Ordered::start(supervisor)?),
            Plan::Crowd(rules) => Family::Crowd(Crowd::new(rules)?),
        };
        ready(Supervising { module, family })
    }

    fn handle_info(&mut self, message: Message) -> CastResult<Supervising> {
        match &mut self.family {
            Family::Ordered(children) => children.handle(message)?,
            Family::Crowd(children) => children.handle(message)?,
        }
        noreply()
    }

    fn terminate(&mut self, _: &ExitReason) {
        match &mut self.family {
            Family::Ordered(children) => children.stop_all(),
            Family::Crowd(children) => children.stop_all(),
        }
    }
}

impl Supervising {
    /// The type of supervisors that it is one of.
    fn kind(&self) -> &'static str {
        match &self.family {
            Family::Ordered(_) => type_name::<Supervisor>(),
            Family::Crowd(children) => children.template().map_or(self.module, |it| it.kind.name),
        }
    }

    /// What is said to who takes it for something else.
    fn is_no(&self, expected: &'static str) -> SupervisorError {
        let found = self.kind();
        SupervisorError::Call(CallError::WrongServer { expected, found })
    }

    fn ordered(&mut self) -> Answer<&mut Ordered> {
        let error = self.is_no(type_name::<Supervisor>());
        match &mut self.family {
            Family::Ordered(children) => Ok(children),
            Family::Crowd(_) => Err(error),
        }
    }

    fn start_child(&mut self, spec: Spec) -> Answer<Box<dyn Any + Send>> {
        match &mut self.family {
            Family::Ordered(children) => children.add(spec),
            Family::Crowd(children) if children.template().is_none() => children.add(spec),
            Family::Crowd(_) => Err(self.is_no(type_name::<Supervisor>())),
        }
    }

    fn start_child_with(&mut self, args: StartChildWith) -> Answer<Box<dyn Any + Send>> {
        let StartChildWith { kind, args } = args;
        let (args, error) = (Guarded::new(args), self.is_no(kind.name));
        let Family::Crowd(children) = &mut self.family else { return Err(error) };
        let template = children.template().filter(|template| template.kind == kind);
        let spec = (template.ok_or(error)?.make)(args.into_inner());
        children.add(spec)
    }

    fn terminate_pid(&mut self, pid: Pid) -> Answer<()> {
        match &mut self.family {
            Family::Crowd(children) => children.terminate(pid),
            Family::Ordered(_) => Err(SupervisorError::NotFound),
        }
    }

    fn template_of(&self, pid: Pid) -> Answer<Policy> {
        let Family::Crowd(children) = &self.family else { return Err(SupervisorError::NotFound) };
        let template = children.template().filter(|_| children.has(pid));
        template.map(|template| template.policy.clone()).ok_or(SupervisorError::NotFound)
    }

    fn list(&self) -> Vec<ChildInfo> {
        match &self.family {
            Family::Ordered(children) => children.list(),
            Family::Crowd(children) => children.list(),
        }
    }

    fn count(&self) -> Counts {
        match &self.family {
            Family::Ordered(children) => children.count(),
            Family::Crowd(children) => children.count(),
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

/// Start a child by the template, which is one for such arguments.
pub(crate) struct StartChildWith {
    pub(crate) kind: Kind,
    pub(crate) args: Box<dyn Any + Send>,
}

impl fmt::Debug for StartChildWith {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("StartChildWith").field(&self.kind.name).finish()
    }
}

type Answer<T> = Result<T, SupervisorError>;

/// What a supervisor answers, by the type of the question.
macro_rules! answers {
    ($($request:pat => $type:ty: $reply:ty, |$this:ident| $answer:expr;)+) => {$(
        impl HandleCall<$type> for Supervising {
            type Reply = $reply;

            fn handle_call(
                &mut self,
                $request: $type,
                _: &Caller<Self::Reply>,
            ) -> CallResult<Self, Self::Reply> {
                let $this = self;
                reply($answer)
            }
        }
    )+};
}

answers! {
    StartChild(spec) => StartChild: Answer<Box<dyn Any + Send>>, |this| this.start_child(spec);
    it => StartChildWith: Answer<Box<dyn Any + Send>>, |this| this.start_child_with(it);
    TerminateChild(id) => TerminateChild: Answer<()>, |this| {
        this.ordered().and_then(|children| children.terminate(&id))
    };
    TerminatePid(pid) => TerminatePid: Answer<()>, |this| this.terminate_pid(pid);
    RestartChild(id) => RestartChild: Answer<Pid>, |this| {
        this.ordered().and_then(|children| children.restart_stopped(&id))
    };
    DeleteChild(id) => DeleteChild: Answer<()>, |this| {
        this.ordered().and_then(|children| children.delete(&id))
    };
    GetChildSpec(id) => GetChildSpec: Answer<Policy>, |this| {
        this.ordered().and_then(|children| children.policy_of(&id))
    };
    GetTemplate(pid) => GetTemplate: Answer<Policy>, |this| this.template_of(pid);
    WhichChildren => WhichChildren: Vec<ChildInfo>, |this| this.list();
    CountChildren => CountChildren: Counts, |this| this.count();
    CallbackModule => CallbackModule: &'static str, |this| this.module;
}
