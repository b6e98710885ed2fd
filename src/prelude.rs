//! The names that most programs need: `use procession::prelude::*`.

pub use crate::agent::{Agent, AgentRef};
pub use crate::call_error::{CallError, CallErrorKind};
pub use crate::dynamic_supervisor::{DynamicSupervisor, DynamicSupervisorRef};
pub use crate::exit::ExitReason;
pub use crate::exit_error::OrExit;
pub use crate::gen_event;
pub use crate::gen_event::{
    EventHandler, EventManager, EventManagerRef, HandlerCall, HandlerExit, HandlerInit,
    HandlerReply, HandlerResult, Hibernate, WithReply,
};
pub use crate::gen_server::{
    CallResult, Caller, CastResult, GenServer, HandleCall, HandleCast, HandleContinue, IdleTimeout,
    InitResult, ReplyTo, RequestId, ServerRef, StartError, StartOptions, StopError, Then, ignore,
    init_error, noreply, ready, reply, stop, stop_with_reply, unhandled,
};
pub use crate::gen_statem;
pub use crate::gen_statem::{
    Actions, EnterResult, EventType, GenStatem, StateResult, StatemRef, TimeoutType, enter_again,
    entered, keep_state, next_state, repeat_state, started, stop_and_reply,
};
pub use crate::handle_info;
pub use crate::id::{Alias, MonitorRef, Pid, TimerRef};
pub use crate::message::{Destination, Down, Exit, Message, Name, Opaque, Timeout};
pub use crate::process;
pub use crate::receive;
pub use crate::supervisor::{
    AutoShutdown, Child, ChildSpec, ChildState, ChildType, Restart, Shutdown, Strategy, Supervise,
    Supervised, Supervisor, SupervisorError, SupervisorInit, SupervisorRef,
};
pub use crate::task::Task;
pub use crate::task_supervisor::{TaskSupervisor, TaskSupervisorRef};
