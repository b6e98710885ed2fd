//! What the body of a process may return.

use crate::exit::ExitReason;
use crate::runtime::exit::Body;

/// What the body of a process may return: nothing, or a [`Result`] whose error is the exit reason.
///
/// `()` and `Ok(())` end the process with [`ExitReason::Normal`]. An `Err` ends it with that
/// reason; so a body can use `?` on anything that an [`ExitReason`] can be made of. It counts as a
/// crash, which is [reported](crate::report) as a panic is, unless the reason is
/// [orderly](ExitReason::is_orderly). A body that never returns, as it loops forever, is as good.
///
/// A function with an error of its own is called with `?`: `spawn(move || Ok(serve(stream)?))`.
///
/// ```
/// use procession::prelude::*;
/// use std::time::Duration;
///
/// let (_, monitor) = process::spawn_monitor(|| {
///     let number: u8 = "300".parse()?;
///     println!("{number}");
///     Ok(())
/// })?;
/// let reason = process::wait(monitor, Duration::from_secs(5)).expect("it ends at once");
/// assert_eq!(reason.to_string(), "number too large to fit in target type");
/// # Ok::<(), process::SpawnError>(())
/// ```
#[diagnostic::on_unimplemented(
    message = "the body of a process cannot return `{Self}`",
    label = "this returns `{Self}`",
    note = "a body returns `()`, or `Result<(), ExitReason>`, in which `?` can be used: \
            `|| Ok(serve(stream)?)` for a function with an error of its own"
)]
pub trait Ending: sealed::Sealed {
    /// Returns the exit reason of the process.
    #[doc(hidden)]
    fn reason(self) -> ExitReason;
}

mod sealed {
    use crate::exit::ExitReason;

    #[expect(unnameable_types, reason = "nobody else is to implement it")]
    pub trait Sealed {}

    impl Sealed for () {}
    impl Sealed for Never {}
    impl Sealed for Result<(), ExitReason> {}

    /// The result of a function.
    #[expect(unnameable_types, reason = "only what it leads to is of use")]
    pub trait Returns {
        type Result;
    }

    impl<R> Returns for fn() -> R {
        type Result = R;
    }

    /// The type `!`, which cannot be named otherwise yet.
    pub(super) type Never = <fn() -> ! as Returns>::Result;
}

impl Ending for () {
    fn reason(self) -> ExitReason {
        ExitReason::Normal
    }
}

impl Ending for sealed::Never {
    fn reason(self) -> ExitReason {
        self
    }
}

impl Ending for Result<(), ExitReason> {
    fn reason(self) -> ExitReason {
        self.err().unwrap_or(ExitReason::Normal)
    }
}

/// Returns what runs `body`, and ends its process as that says.
pub(crate) fn ending<R: Ending>(body: impl FnOnce() -> R + Send + 'static) -> Body {
    Box::new(|| body().reason())
}
