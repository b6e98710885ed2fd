//! Requests that come to a server of another type.

use procession::prelude::*;

use crate::puppet::*;

/// Not the server that is asked.
#[derive(Debug)]
struct Other;

/// Panics when it is dropped.
#[derive(Debug)]
struct Bomb;

impl Drop for Bomb {
    fn drop(&mut self) {
        panic!("the destructor of a request");
    }
}

impl GenServer for Other {
    type Args = ();

    fn init((): ()) -> InitResult<Other> {
        ready(Other)
    }
}

impl HandleCast<Bomb> for Other {
    fn handle_cast(&mut self, _: Bomb) -> CastResult<Other> {
        unreachable!("there is no such server")
    }
}

impl HandleCall<Bomb> for Other {
    type Reply = ();

    fn handle_call(&mut self, _: Bomb, _: &Caller<()>) -> CallResult<Other, ()> {
        unreachable!("there is no such server")
    }
}

mod a_server {
    use super::*;

    #[test]
    fn drops_a_cast_for_another_whose_destructor_panics_and_goes_on() {
        let server = puppet();
        ServerRef::<Other>::from_pid(pid_of(&server)).cast(Bomb);
        server.answers();
    }

    #[test]
    fn refuses_a_call_for_another_whose_destructor_panics_and_goes_on() {
        let server = puppet();
        let outcome = ServerRef::<Other>::from_pid(pid_of(&server)).call(Bomb);
        assert!(matches!(outcome, Err(CallError::WrongServer { .. })), "{outcome:?}");
        server.answers();
    }
}
