//! Selective receive: the macro.

use std::time::Duration;

use crate::message::Message;
use crate::runtime::mailbox::Mark;

use super::current::{Ended, current};
use super::receive::{Senders, deadline_after};

/// Searches the mailbox for [`receive!`](crate::receive), and moves the message to `place`.
#[doc(hidden)]
pub fn select_arm(
    since: Mark,
    timeout: Option<Duration>,
    place: &mut Option<Message>,
    mut select: impl FnMut(&mut Message) -> Option<(usize, usize)>,
) -> Option<(usize, usize)> {
    let process = current();
    let select_out = |message: &mut Message| {
        let arm = select(message)?;
        message.handed_out();
        Some(arm)
    };
    let deadline = timeout.and_then(deadline_after);
    match process.select(since, (Senders::Unknown, deadline), place, select_out) {
        Ok(found) => found,
        Err(Ended) if timeout.is_some() => {
            process.panic_if_gone();
            None
        }
        Err(Ended) => process.panic_or_abort(),
    }
}

/// Chooses an arm for the message of [`handle_info!`](crate::handle_info).
#[doc(hidden)]
pub fn choose_arm(
    message: &mut Message,
    select: impl FnOnce(&mut Message) -> Option<(usize, usize)>,
) -> Option<(usize, usize)> {
    select(message)
}

/// Takes the first message that one of the patterns matches, as Erlang's `receive`.
///
/// The arms look like those of `match`. For each message in the mailbox, in order of arrival, they
/// are tried from the top; the first arm that fits gets the message, and the rest of the queue
/// stays as it was. If no arm fits any message, the caller waits for the next one; each message is
/// looked at once.
///
/// - A pattern matches by value, and says by its shape which type it is for: `Op::Add(n)`.
/// - A bare binding, or a pattern whose shape does not tell its type, states the type: `n: u64`,
///   `(key, value): (String, u32)`. Without it the compiler says that it "cannot infer type".
/// - A message is received as the type that it was sent as: `42` is an `i32`, `"text"` a `&str`.
///   See [messages and their types](crate::process#messages-and-their-types).
/// - `_`, or a binding of type [`Message`](crate::Message), fits any message.
/// - A guard can follow either: `n: u64 if n > 3`. It sees the bindings as in `match`.
/// - `after timeout => …`, last, is run if no message has fitted for that long, a
///   [`Duration`](std::time::Duration); with a zero timeout the mailbox is looked through once.
/// - `since mark;`, first, skips what arrived before the [`Mark`](crate::process::Mark).
///
/// The bodies are not in a loop or closure: `break`, `continue`, `return` and `?` act on the code
/// around the macro. A body that is not a block ends with a comma, also if it is an `if` or a
/// `match`, and before `after`. The macro takes about fifteen arms before it reaches the compiler's
/// recursion limit.
///
/// OTP: [Receive](https://www.erlang.org/doc/system/expressions.html#receive).
///
/// ```
/// use procession::prelude::*;
/// use std::time::Duration;
///
/// #[derive(Debug)]
/// enum Op { Add(u64), Clear }
///
/// let me = process::self_pid();
/// process::send(me, "hello");
/// process::send(me, Op::Add(2));
/// process::send(me, Op::Add(7));
/// process::send(me, Op::Clear);
///
/// let mut total = 0;
/// loop {
///     receive! {
///         Op::Add(n) if n > 3 => total += n,
///         Op::Clear => break,
///     }
/// }
/// assert_eq!(total, 7);
///
/// let left = receive! {
///     text: &str => text.len() as u64, // matched by its stated type
///     Op::Add(n) => n,
///     after Duration::ZERO => 0,
/// };
/// assert_eq!(left, 5);
/// ```
///
/// # Differences from OTP
///
/// - A guard is ordinary Rust and can panic; the message that it was looking at is then dropped,
///   and the others stay.
/// - A guard that receives sees only what arrives after the messages being looked at.
#[macro_export]
macro_rules! receive {
    // The arms in turn: [where the message is] [number of this arm] [arms so far] what is left.
    (@arm [mailbox $mark:expr] [$n:expr] [$($arms:tt)*]) => {
        $crate::receive!(@receive [$mark] [::core::option::Option::None] [$($arms)*]
            [::core::unreachable!("a receive without a timeout has not timed out")])
    };
    (@arm [mailbox $mark:expr] [$n:expr] [$($arms:tt)*]
        after $timeout:expr => $body:expr $(,)?) => {
        $crate::receive!(
            @receive [$mark] [::core::option::Option::Some($timeout)] [$($arms)*] [$body])
    };
    (@arm [message $message:expr] [$n:expr] [$($arms:tt)*]) => {
        $crate::receive!(@handle [$message] [$($arms)*])
    };
    (@arm [message $message:expr] [$n:expr] [$($arms:tt)*] after $($rest:tt)*) => {
        ::core::compile_error!("`handle_info!` has its message already: `after` is for `receive!`")
    };
    (@arm $source:tt [$n:expr] [$($arms:tt)*] mut $name:ident : $($rest:tt)+) => {
        $crate::receive!(@type $source [$n] [$($arms)*] [mut $name] [] $($rest)+)
    };
    (@arm $source:tt [$n:expr] [$($arms:tt)*] $pattern:tt : $($rest:tt)+) => {
        $crate::receive!(@type $source [$n] [$($arms)*] [$pattern] [] $($rest)+)
    };
    (@arm $source:tt [$n:expr] [$($arms:tt)*] _ $($rest:tt)+) => {
        $crate::receive!(@type $source [$n] [$($arms)*] [_] [$crate::Message] $($rest)+)
    };
    (@arm $source:tt [$n:expr] [$($arms:tt)*] $pattern:pat if $guard:expr => $($rest:tt)+) => {
        $crate::receive!(@body $source [$n] [$($arms)*] [$pattern] [_] [$guard] $($rest)+)
    };
    (@arm $source:tt [$n:expr] [$($arms:tt)*] $pattern:pat => $($rest:tt)+) => {
        $crate::receive!(@body $source [$n] [$($arms)*] [$pattern] [_] [true] $($rest)+)
    };

    // The stated type, a token at a time, as a guard cannot follow a type fragment.
    (@type $source:tt [$n:expr] [$($arms:tt)*] [$($pattern:tt)+] [$($type:tt)+]
        => $($rest:tt)+) => {
        $crate::receive!(
            @body $source [$n] [$($arms)*] [$($pattern)+] [$($type)+] [true] $($rest)+)
    };
    (@type $source:tt [$n:expr] [$($arms:tt)*] [$($pattern:tt)+] [$($type:tt)+]
        if $guard:expr => $($rest:tt)+) => {
        $crate::receive!(
            @body $source [$n] [$($arms)*] [$($pattern)+] [$($type)+] [$guard] $($rest)+)
    };
    (@type $source:tt [$n:expr] [$($arms:tt)*] [$($pattern:tt)+] [$($type:tt)*]
        $next:tt $($rest:tt)+) => {
        $crate::receive!(@type $source [$n] [$($arms)*] [$($pattern)+] [$($type)* $next] $($rest)+)
    };

    // The body: a block, or an expression up to the comma.
    (@body $source:tt [$n:expr] [$($arms:tt)*] $pattern:tt $type:tt $guard:tt
        $body:block , $($rest:tt)*) => {
        $crate::receive!(
            @arm $source [$n + 1] [$($arms)* {[$n] $pattern $type $guard [$body]}] $($rest)*)
    };
    (@body $source:tt [$n:expr] [$($arms:tt)*] $pattern:tt $type:tt $guard:tt
        $body:block $($rest:tt)*) => {
        $crate::receive!(
            @arm $source [$n + 1] [$($arms)* {[$n] $pattern $type $guard [$body]}] $($rest)*)
    };
    (@body $source:tt [$n:expr] [$($arms:tt)*] $pattern:tt $type:tt $guard:tt
        $body:expr , $($rest:tt)*) => {
        $crate::receive!(
            @arm $source [$n + 1] [$($arms)* {[$n] $pattern $type $guard [$body]}] $($rest)*)
    };
    (@body $source:tt [$n:expr] [$($arms:tt)*] $pattern:tt $type:tt $guard:tt
        $body:expr) => {
        $crate::receive!(@arm $source [$n + 1] [$($arms)* {[$n] $pattern $type $guard [$body]}])
    };

    (@body $source:tt [$n:expr] [$($arms:tt)*] [$($pattern:tt)+] $type:tt $guard:tt
        $($rest:tt)*) => {
        ::core::compile_error!(::core::concat!(
            "expected a comma after the body of the arm `", ::core::stringify!($($pattern)+),
            "`: a body that is not a block ends with one, also before `after`"
        ))
    };

    // First the search, in which the patterns only test; then the bodies, outside of it.
    (@receive [$mark:expr] [$timeout:expr] $arms:tt [$after:expr]) => {{
        let mut place = ::core::option::Option::None;
        match $crate::process::select_arm($mark, $timeout, &mut place, |message| {
            $crate::receive!(@test message $arms)
        }) {
            ::core::option::Option::Some((arm, tries)) => {
                let message = place.as_mut().expect("an arm was chosen for it");
                $crate::receive!(@open message arm tries $arms)
            }
            ::core::option::Option::None => $after,
        }
    }};
    (@handle [$message:expr] $arms:tt) => {{
        let mut message: $crate::Message = $message;
        match $crate::process::choose_arm(&mut message, |message| {
            $crate::receive!(@test message $arms)
        }) {
            ::core::option::Option::Some((arm, tries)) => {
                $crate::receive!(@open message arm tries $arms)
            }
            ::core::option::Option::None => $crate::gen_server::unhandled(message),
        }
    }};

    // The number of the first arm that fits, and that of the alternative of its pattern.
    //
    // A guard is asked about each alternative of its pattern in turn. The search counts them, so
    // that the second match takes the same one without asking again.
    (@test $message:ident
        [$({[$n:expr] [$($pattern:tt)+] [$($type:tt)+] [$guard:expr] [$body:expr]})*]) => {{
        $(
            let mut tries = 0_usize;
            #[allow(unused_mut, reason = "a pattern may borrow what it is lent, or not")]
            if $message.probe::<$($type)+, _>(|mut lent| {
                let mut fits = false;
                #[allow(
                    unused_variables, unused_mut, unused_parens, unused_assignments,
                    unreachable_patterns, unreachable_code,
                    reason = "the pattern is only tried here; the body uses what it binds"
                )]
                match lent {
                    $($pattern)+
                        if !fits && { tries += 1; $guard } && { fits = true; false } =>
                    {
                        ::core::unreachable!("the guard is false")
                    }
                    _ => {}
                }
                (fits, lent)
            }) {
                return ::core::option::Option::Some(($n, tries));
            }
        )*
        ::core::option::Option::None
    }};
    // The body of that arm, with what its pattern binds.
    (@open $message:ident $arm:ident $tries:ident
        [$({[$n:expr] [$($pattern:tt)+] [$($type:tt)+] [$guard:expr] [$body:expr]})*]) => {{
        let mut tried = 0_usize;
        $(
            if $arm == $n {
                #[allow(
                    unused_parens, unused_assignments,
                    reason = "as the pattern was written, which the guard has seen"
                )]
                match $message.open::<$($type)+>() {
                    // Names what only the guard uses, without asking it again.
                    #[allow(unreachable_patterns, reason = "a type without values")]
                    $($pattern)+
                        if { tried += 1; tried == $tries || (false && $guard) } => $body,
                    #[allow(unreachable_patterns, reason = "a pattern that always fits")]
                    _ => ::core::unreachable!("the message was tested before"),
                }
            } else
        )*
        {
            ::core::unreachable!("there is no such arm")
        }
    }};

    (@ $($rest:tt)*) => {
        ::core::compile_error!(
            "expected arms as those of `match`: `pattern => body`, `binding: type => body`, \
             and last `after timeout => body`"
        )
    };

    (since $mark:expr ; $($arms:tt)+) => {
        $crate::receive!(@arm [mailbox $mark] [0_usize] [] $($arms)+)
    };
    ($($arms:tt)+) => {
        $crate::receive!(@arm [mailbox $crate::process::Mark::START] [0_usize] [] $($arms)+)
    };
}
