//! Waiting for a message that must come.

use std::time::Duration;

use crate::process;
use crate::user_code::printed;

/// How long [`assert_receive!`](crate::assert_receive) waits. Only a test that fails waits so long.
pub const TIMEOUT: Duration = Duration::from_secs(5);

/// Returns the messages in the caller's mailbox, printed, the oldest first. They stay there.
///
/// ```
/// use procession::prelude::*;
/// use procession::testing;
///
/// process::send(process::self_pid(), "a letter");
/// assert_eq!(testing::mailbox(), ["&str: \"a letter\""]);
/// ```
pub fn mailbox() -> Vec<String> {
    let mut messages = Vec::new();
    process::receive_match_timeout(Duration::ZERO, |message| {
        messages.push(format!("{}: {}", message.type_name(), printed(message)));
        false
    });
    messages
}

/// Fails a test that has waited for a message in vain.
#[doc(hidden)]
#[track_caller]
pub fn nothing_fits(arms: &str) -> ! {
    let messages = mailbox();
    if messages.is_empty() {
        panic!("no message within {TIMEOUT:?} for `{arms}`: the mailbox is empty");
    }
    let messages = messages.join("\n    ");
    panic!("no message within {TIMEOUT:?} for `{arms}`; the mailbox has:\n    {messages}");
}

/// Receives a message as [`receive!`](crate::receive) does, or panics after five seconds, and
/// prints the mailbox.
///
/// The arms are those of `receive!`, but for `after`; as a rule it is one. No comma follows the
/// last one.
///
/// ExUnit: [`assert_receive`](https://hexdocs.pm/ex_unit/ExUnit.Assertions.html#assert_receive/3).
///
/// ```
/// use procession::assert_receive;
/// use procession::prelude::*;
///
/// #[derive(Debug)]
/// struct Done(u32);
///
/// let me = process::self_pid();
/// let worker = process::spawn(move || process::send(me, Done(7)))?;
/// let monitor = process::monitor(worker);
///
/// assert_eq!(assert_receive!(Done(number) => number), 7);
/// assert_receive!(down: Down if down.monitor == monitor => {});
/// # Ok::<(), process::SpawnError>(())
/// ```
///
/// ```should_panic
/// # use procession::assert_receive;
/// # use procession::prelude::*;
/// # #[derive(Debug)]
/// # struct Done(u32);
/// process::send(process::self_pid(), Done(7));
/// // no message within 5s for `Done(8) => {}`; the mailbox has:
/// //     main::Done: Done(7)
/// assert_receive!(Done(8) => {});
/// ```
#[macro_export]
macro_rules! assert_receive {
    ($($arms:tt)+) => {
        $crate::receive! {
            $($arms)+,
            after $crate::testing::TIMEOUT => {
                $crate::testing::nothing_fits(::core::stringify!($($arms)+))
            }
        }
    };
}
