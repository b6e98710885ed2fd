//! A server that other nodes can use, too.

use procession::gen_server::{Requests, Wire};
use procession::prelude::*;
use serde::{Deserialize, Serialize};

#[derive(Debug)]
pub(crate) struct Counter(i64);

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Add(i64);

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Reset;

impl Wire for Counter {
    fn requests(accept: &mut Requests<Counter>) {
        accept.call::<Add>("add"); // {add, 3}
        accept.cast::<Reset>("reset"); // reset
    }
}

impl GenServer for Counter {
    type Args = ();

    fn init((): ()) -> InitResult<Counter> {
        ready(Counter(0))
    }
}

impl HandleCall<Add> for Counter {
    type Reply = i64;

    fn handle_call(&mut self, Add(n): Add, _: &Caller<i64>) -> CallResult<Counter, Add> {
        self.0 += n;
        reply(self.0)
    }
}

impl HandleCast<Reset> for Counter {
    fn handle_cast(&mut self, Reset: Reset) -> CastResult<Counter> {
        self.0 = 0;
        noreply()
    }
}
