//! Servers of the crate that answer at once.

/// Implements [`HandleCall`] for a server that answers all calls at once. Each line gives the
/// pattern of a request, its type, the type of its reply, and the reply.
macro_rules! answers {
    ($server:ty: $($request:pat => $type:ty: $reply:ty, |$this:ident| $answer:expr;)+) => {$(
        impl $crate::gen_server::HandleCall<$type> for $server {
            type Reply = $reply;

            fn handle_call(
                &mut self,
                $request: $type,
                _: &$crate::gen_server::Caller<$reply>,
            ) -> $crate::gen_server::CallResult<$server, $type> {
                let $this = self;
                $crate::gen_server::reply($answer)
            }
        }
    )+};
}

pub(crate) use answers;
