//! What is done with a connection: which process it gets.

use std::any::type_name;
use std::fmt;
use std::sync::Arc;

use crate::gen_server::StartError;
use crate::id::Pid;
use crate::process::{Builder, Ending};
use crate::supervisor::{Child, ChildSpec, Policy};

/// What a [`Listener`](super::Listener) does with each connection of type `S`: it starts a process
/// for it.
///
/// - A function or closure that takes the connection is the body of that process.
/// - The template of a server, [`child_template`](crate::supervisor::Supervised::child_template),
///   starts a server with the connection as the argument of its `init`; any other
///   [template](ChildSpec::template) whatever its start function starts. Its
///   [`shutdown`](ChildSpec::shutdown) and [`child_type`](ChildSpec::child_type) count; its restart
///   value does not, as the process of a connection is always temporary.
///
/// OTP: [`ranch_protocol`](https://ninenines.eu/docs/en/ranch/2.1/guide/protocols/).
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a protocol for connections of type `{S}`",
    note = "a protocol is a function that takes the connection and returns what the body of a \
            process may return, or a template: `Session::child_template()`",
    note = "the argument of a closure needs its type: `|stream: io::TcpStream| ...`"
)]
pub trait Protocol<S>: sealed::Sealed<S> {
    #[doc(hidden)]
    fn into_template(self) -> Template<S>;
}

mod sealed {
    use crate::process::Ending;
    use crate::supervisor::ChildSpec;

    #[expect(unnameable_types, reason = "nobody else is to implement it")]
    pub trait Sealed<S> {}

    impl<S, R: Ending, F: Fn(S) -> R> Sealed<S> for F {}
    impl<S, C> Sealed<S> for ChildSpec<C, S> {}
}

/// How the process of a connection is started.
#[expect(unnameable_types, reason = "nobody else is to use it")]
pub struct Template<S> {
    pub(super) policy: Policy,
    pub(super) start: Arc<dyn Fn(S) -> Result<Pid, StartError> + Send + Sync>,
}

impl<S> fmt::Debug for Template<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.policy, f)
    }
}

impl<S, R, F> Protocol<S> for F
where
    S: Send + 'static,
    R: Ending,
    F: Fn(S) -> R + Send + Sync + 'static,
{
    fn into_template(self) -> Template<S> {
        let body = Arc::new(self);
        let template = ChildSpec::template("connection", move |stream| {
            let body = Arc::clone(&body);
            let builder = Builder::new().link().initial_call(type_name::<F>());
            Ok(builder.spawn(move || body(stream))?)
        });
        template.module(type_name::<F>()).into_template()
    }
}

impl<C: Child, S: 'static> Protocol<S> for ChildSpec<C, S> {
    fn into_template(self) -> Template<S> {
        let (policy, start) = (self.policy(), self.start_function());
        Template { policy, start: Arc::new(move |stream| Ok(start(stream)?.child_pid())) }
    }
}
