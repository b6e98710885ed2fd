//! Errors that become reasons, and reasons that become errors.

use std::any::Any;
use std::error::Error;
use std::fmt;
use std::io;

use crate::call_error::{CallError, CallErrorKind};
use crate::error_text::errors;
use crate::exit::{Detail, ExitReason};

/// A boxed error, as functions that fail in several ways return it.
type Boxed = Box<dyn Error + Send + Sync>;

/// An [`ExitReason`] as an error: for functions whose error is not a reason, `main` above all.
///
/// `?` makes a `Box<dyn Error>` of a reason, which holds this. Where a library has its own error
/// type, which takes any [`Error`], `.map_err(ExitError)?` does it. As a reason, by `?` or
/// [`or_exit`](OrExit::or_exit), this becomes the reason that it holds.
///
/// It prints, also by `Debug`, as the reason is displayed: so a `main` that returns it ends the
/// program with a readable message.
///
/// ```
/// use procession::prelude::*;
/// use procession::ExitError;
/// use std::error::Error;
/// use std::time::Duration;
///
/// fn run() -> Result<(), Box<dyn Error>> {
///     let (_, monitor) = process::spawn_monitor(|| {
///         let n: u32 = "twelve".parse()?;
///         println!("{n}");
///         Ok(())
///     })?;
///     match process::wait(monitor, Duration::from_secs(5)) {
///         Some(ExitReason::Normal) | None => Ok(()),
///         Some(reason) => Err(reason)?,
///     }
/// }
///
/// let error = run().unwrap_err();
/// assert_eq!(error.to_string(), "invalid digit found in string");
/// assert!(error.is::<ExitError>());
/// ```
#[derive(Clone, PartialEq)]
pub struct ExitError(pub ExitReason);

impl fmt::Display for ExitError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

errors!(ExitError);

impl From<ExitReason> for ExitError {
    fn from(reason: ExitReason) -> ExitError {
        ExitError(reason)
    }
}

/// Returns an [`ExitError`].
impl From<ExitReason> for Box<dyn Error> {
    fn from(reason: ExitReason) -> Box<dyn Error> {
        Box::new(ExitError(reason))
    }
}

/// Returns an [`ExitError`].
impl From<ExitReason> for Boxed {
    fn from(reason: ExitReason) -> Boxed {
        Box::new(ExitError(reason))
    }
}

/// Makes an exit reason of the error of a [`Result`], whatever that is.
///
/// In callbacks and bodies, whose error is an [`ExitReason`], `?` takes every type that implements
/// [`Error`]. Errors that do not are taken by this, before the `?`: a `Box<dyn Error + Send +
/// Sync>`, an `anyhow::Error`, a text, or anything else that can be displayed.
///
/// ```
/// use procession::prelude::*;
/// use std::error::Error;
/// use std::fs;
///
/// fn read_limit(path: &str) -> Result<u32, Box<dyn Error + Send + Sync>> {
///     Ok(fs::read_to_string(path)?.trim().parse()?)
/// }
///
/// fn check(limit: u32) -> Result<u32, String> {
///     if limit > 0 { Ok(limit) } else { Err(format!("{limit} is no limit")) }
/// }
///
/// #[derive(Debug)]
/// struct Limiter(u32);
///
/// impl GenServer for Limiter {
///     type Args = &'static str;
///     fn init(path: &'static str) -> InitResult<Self> {
///         let limit = read_limit(path).or_exit()?;
///         ready(Limiter(check(limit).or_exit()?))
///     }
/// }
///
/// let Err(StartError::Failed(reason)) = Limiter::start("/no/such/file") else { panic!() };
/// assert!(reason.to_string().contains("No such file"));
/// ```
pub trait OrExit<T> {
    /// Makes a reason of the error, by [`ExitReason::from_display`].
    ///
    /// # Errors
    ///
    /// Returns the reason.
    fn or_exit(self) -> Result<T, ExitReason>;
}

impl<T, E: fmt::Display + Send + Sync + 'static> OrExit<T> for Result<T, E> {
    fn or_exit(self) -> Result<T, ExitReason> {
        self.map_err(ExitReason::from_display)
    }
}

impl<E: Error + Send + Sync + 'static> From<E> for ExitReason {
    fn from(error: E) -> ExitReason {
        reason_in(&error).unwrap_or_else(|| ExitReason::Other(Detail::of_error(error)))
    }
}

/// Reasons made of what is no error.
impl ExitReason {
    /// Makes a reason of the program's own from anything that can be printed, whose
    /// [`Display`](fmt::Display) says why.
    ///
    /// A value that is or holds a reason already becomes that reason: an `ExitReason`, an
    /// [`ExitError`], or a boxed one; also an [`io::Error`] of a call that a trapped exit has
    /// interrupted. A boxed [`CallError`] is treated as one that is not boxed.
    /// Errors that print their causes only in the alternate form, as those of `anyhow` do, are
    /// printed in it.
    ///
    /// For a `Result` there is [`or_exit`](OrExit::or_exit), which calls this.
    ///
    /// ```
    /// use procession::ExitReason;
    ///
    /// let reason = ExitReason::from_display(format!("no paper in tray {}", 2));
    /// assert_eq!(reason.to_string(), "no paper in tray 2");
    /// ```
    pub fn from_display<T: fmt::Display + Send + Sync + 'static>(value: T) -> ExitReason {
        reason_of(value)
    }
}

/// Makes a reason of `value`, unless it is or holds one.
fn reason_of<T: fmt::Display + Send + Sync + 'static>(value: T) -> ExitReason {
    let mut value = Some(value);
    let place = &mut value as &mut dyn Any;
    if let Some(reason) = place.downcast_mut::<Option<ExitReason>>().and_then(Option::take) {
        return reason;
    }
    let reason = match place.downcast_ref::<Option<Boxed>>() {
        Some(boxed) => {
            let boxed = boxed.as_ref();
            boxed.and_then(|it| stands_for(it.downcast_ref(), it.downcast_ref(), it.downcast_ref()))
        }
        None => value.as_ref().and_then(|value| reason_in(value)),
    };
    reason.unwrap_or_else(|| {
        ExitReason::Other(Detail::displayed(value.expect("it was not taken out")))
    })
}

/// Returns the reason that `error` stands for, if it stands for one.
fn reason_in(error: &dyn Any) -> Option<ExitReason> {
    stands_for(error.downcast_ref(), error.downcast_ref(), error.downcast_ref())
}

/// Returns the reason that an error stands for, which may be of one of these types.
fn stands_for(
    call: Option<&CallError>,
    exit: Option<&ExitError>,
    io: Option<&io::Error>,
) -> Option<ExitReason> {
    use ExitReason::{Shutdown, ShutdownWith};
    // A call of `io` that was interrupted: the source of what the error holds is the trapped exit.
    let trapped = io.and_then(Error::source).and_then(<dyn Error>::downcast_ref);
    match (call.map(CallError::kind), exit.or(trapped)) {
        (Some(CallErrorKind::Down(reason @ (Shutdown | ShutdownWith(_)))), _)
        | (_, Some(ExitError(reason))) => Some(reason.clone()),
        (Some(_) | None, None) => None,
    }
}
