//! Who is on stage on a node, for those on another one.

use std::time::Duration;

use procession::gen_server::{Requests, Wire};
use procession::prelude::*;
use serde::{Deserialize, Serialize};

#[derive(Debug)]
pub(crate) struct Stage;

/// Asks for the character of a name. One that has just died is waited for: it is being restarted.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Find(pub(crate) String);

impl Wire for Stage {
    fn requests(accept: &mut Requests<Stage>) {
        accept.call::<Find>("find");
    }
}

impl GenServer for Stage {
    type Args = ();

    fn init((): ()) -> InitResult<Self> {
        ready(Stage)
    }
}

impl HandleCall<Find> for Stage {
    type Reply = Option<Pid>;

    fn handle_call(&mut self, Find(name): Find, _: &Caller<Option<Pid>>) -> CallResult<Self, Find> {
        reply(process::wait_for(&name, Duration::from_secs(3)))
    }
}
