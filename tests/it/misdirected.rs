//! Requests that come to a server of another type.

use procession::prelude::*;

use crate::support::calls::CallKind;
use crate::support::scripted::{OtherServer, ScriptedServer, pid_of, scripted};

/// Panics when it is dropped.
#[derive(Debug)]
struct PanicsOnDrop;

impl Drop for PanicsOnDrop {
    fn drop(&mut self) {
        panic!("the destructor of a request");
    }
}

impl HandleCast<PanicsOnDrop> for OtherServer {
    fn handle_cast(&mut self, _: PanicsOnDrop) -> CastResult<OtherServer> {
        unreachable!("there is no such server")
    }
}

impl HandleCall<PanicsOnDrop> for OtherServer {
    type Reply = ();

    fn handle_call(
        &mut self,
        _: PanicsOnDrop,
        _: &Caller<()>,
    ) -> CallResult<OtherServer, PanicsOnDrop> {
        unreachable!("there is no such server")
    }
}

mod a_server {
    use super::*;

    #[test]
    fn drops_a_cast_for_another_whose_destructor_panics_and_goes_on() {
        let server = scripted();
        ServerRef::<OtherServer>::from_pid(pid_of(&server)).cast(PanicsOnDrop);
        server.assert_answers();
    }

    #[test]
    fn refuses_a_call_for_another_whose_destructor_panics_and_goes_on() {
        let server = scripted();
        let outcome = ServerRef::<OtherServer>::from_pid(pid_of(&server)).call(PanicsOnDrop).kind();
        assert!(matches!(outcome, Err(CallErrorKind::WrongServer { .. })), "{outcome:?}");
        server.assert_answers();
    }
}
