//! What most programs need: `use procession::prelude::*`.

pub use crate::exit::CallError;
pub use crate::exit::ExitReason;
pub use crate::gen_server::{
    CallResult, Caller, CastResult, GenServer, HandleCall, HandleCast, HandleContinue, InitResult,
    ReplyTo, ServerRef, StartError, StartOptions, StopError, Then, TimedOut, ignore, init_error,
    noreply, ready, reply, stop, stop_with_reply,
};
pub use crate::id::Alias;
pub use crate::id::MonitorRef;
pub use crate::id::Pid;
pub use crate::id::TimerRef;
pub use crate::message::Down;
pub use crate::message::Exit;
pub use crate::message::Message;
pub use crate::message::Opaque;
pub use crate::message::Timeout;
pub use crate::process;
pub use crate::receive;
pub use crate::supervisor::{ChildSpec, Restart, Supervised, Supervisor, SupervisorRef};
