//! Scenarios at random.
//!
//! What a step does has one outcome only. So it consists of what concerns the actor alone, or
//! processes that rest; at its end there may be something that makes others do something, of which
//! nothing in the same step asks what has come. (In OTP the answer would be certain: see
//! [`differences`](crate::differences::AVOIDED).)

#[path = "generate/kernel.rs"]
mod kernel;
#[path = "generate/machines.rs"]
mod machines;
#[path = "generate/servers.rs"]
mod servers;
#[path = "generate/trees.rs"]
mod trees;

pub(crate) use crate::support::dice::Dice;
pub(crate) use kernel::kernel;
pub(crate) use machines::machines;
pub(crate) use servers::servers;
pub(crate) use trees::trees;
