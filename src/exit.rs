//! Exit reasons: why processes end.

use std::any::{Any, type_name};
use std::error::Error;
use std::fmt;
use std::sync::Arc;

use crate::user_code::{Guarded, Panic};

/// Why a process stopped running.
///
/// The reason travels to every linked and monitoring process, so cloning one is at most a
/// reference-count bump.
///
/// A program makes reasons of its own by [`new`](Self::new) from any value, by `?` or [`From`] from
/// any error, and by [`or_exit`](crate::OrExit::or_exit) from what is none: a boxed error, an
/// `anyhow::Error`, a text. Values are compared as values; two errors or texts are equal if they
/// have the same type and print the same. In the other direction, `?` makes a
/// [`Box<dyn Error>`](Error) of a reason, which holds an [`ExitError`](crate::ExitError).
///
/// OTP: [exit reasons](https://www.erlang.org/doc/system/errors.html#exit-reasons).
///
/// ```
/// use procession::ExitReason;
///
/// #[derive(Debug, PartialEq)]
/// struct OutOfPaper { tray: u8 }
///
/// let reason = ExitReason::new(OutOfPaper { tray: 2 });
/// assert_eq!(reason, ExitReason::new(OutOfPaper { tray: 2 }));
/// assert_eq!(reason.downcast_ref::<OutOfPaper>().unwrap().tray, 2);
/// assert!(!reason.is_orderly());
/// ```
///
/// # Differences from OTP
///
/// - A reason is one of these variants, not any term; [`Other`](Self::Other) holds the rest.
/// - OTP's `{Error, Stack}` of a failing body is [`Panic`](Self::Panic): the message, and where the
///   panic hook could see them, the place and the backtrace. `{{nocatch, Value}, Stack}` does not
///   exist, as Rust has no throw; `panic_any(value)` is a panic that says it has no message.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum ExitReason {
    /// The process had nothing more to do.
    Normal,
    /// The process was asked to stop, as a rule by its supervisor.
    Shutdown,
    /// As [`Shutdown`](Self::Shutdown), with a detail that says why.
    ShutdownWith(Detail),
    /// Kills a process, which cannot trap it, if it is sent with [`exit`](crate::process::exit);
    /// the process ends as `Killed`. Over a link it is a reason as any other.
    Kill,
    /// The process was sent `Kill`.
    Killed,
    /// There was no such process to link to or monitor.
    NoProc,
    /// The process is on another node, with which there is no connection, or not any more: nobody
    /// knows whether it goes on.
    NoConnection,
    /// The process panicked.
    Panic(Arc<Panic>),
    /// A reason of the program's own.
    Other(Detail),
}

impl ExitReason {
    /// Makes a reason of the program's own.
    pub fn new<T: Any + Send + Sync + fmt::Debug + PartialEq>(value: T) -> ExitReason {
        ExitReason::Other(Detail::new(value))
    }

    /// Makes an orderly reason that says why, OTP's `{shutdown, Term}`.
    pub fn shutdown_with<T: Any + Send + Sync + fmt::Debug + PartialEq>(value: T) -> ExitReason {
        ExitReason::ShutdownWith(Detail::new(value))
    }

    /// Makes an orderly reason of an error, which is shown by its `Display`.
    pub(crate) fn shutdown_with_error<E: Error + Send + Sync + 'static>(error: E) -> ExitReason {
        ExitReason::ShutdownWith(Detail::of_error(error))
    }

    /// Returns `true` for `Normal`, `Shutdown` and `ShutdownWith`.
    ///
    /// An orderly exit writes no crash report.
    pub fn is_orderly(&self) -> bool {
        matches!(self, Self::Normal | Self::Shutdown | Self::ShutdownWith(_))
    }

    /// Returns the panic, if the reason is one.
    pub fn as_panic(&self) -> Option<&Panic> {
        if let Self::Panic(panic) = self { Some(panic) } else { None }
    }

    /// Returns the value or error that [`Other`](Self::Other) or
    /// [`ShutdownWith`](Self::ShutdownWith) was made from, if it is a `T`.
    pub fn downcast_ref<T: Any>(&self) -> Option<&T> {
        match self {
            Self::Other(detail) | Self::ShutdownWith(detail) => detail.downcast_ref(),
            Self::Normal
            | Self::Shutdown
            | Self::Kill
            | Self::Killed
            | Self::NoProc
            | Self::NoConnection
            | Self::Panic(_) => None,
        }
    }
}

/// A reason as the error of a start shows it. An orderly one is an error there, as the others are:
/// so a detail of it stands for itself.
pub(crate) struct OfStart<'a>(pub(crate) &'a ExitReason);

impl fmt::Display for OfStart<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let ExitReason::ShutdownWith(detail) = self.0 {
            return fmt::Display::fmt(detail, f);
        }
        fmt::Display::fmt(self.0, f)
    }
}

/// What can be given as an exit reason: an [`ExitReason`], or any error.
///
/// Other values are made reasons by [`ExitReason::new`], texts also by
/// [`ExitReason::from_display`].
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not an exit reason",
    label = "this is neither an `ExitReason` nor an error",
    note = "any value is made a reason by `ExitReason::new(value)`, a text also by \
            `ExitReason::from_display(text)`"
)]
pub trait Reason: Into<ExitReason> {}

#[diagnostic::do_not_recommend]
impl<R: Into<ExitReason>> Reason for R {}

impl fmt::Display for ExitReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Normal => f.write_str("normal"),
            Self::Shutdown => f.write_str("shutdown"),
            Self::ShutdownWith(detail) => write!(f, "shutdown: {detail}"),
            Self::Kill => f.write_str("kill"),
            Self::Killed => f.write_str("killed"),
            Self::NoProc => f.write_str("no such process"),
            Self::NoConnection => f.write_str("no connection"),
            Self::Panic(panic) => fmt::Display::fmt(panic, f),
            Self::Other(detail) => fmt::Display::fmt(detail, f),
        }
    }
}

/// A value of any type: inside an [`ExitReason`], or in the
/// [environment](crate::application::get_all_env) of an application.
///
/// An error, and what a reason was made of [by its `Display`](ExitReason::from_display), is
/// displayed by that, a text as it is, any other value by its `Debug`.
#[derive(Clone)]
pub struct Detail(Arc<dyn Value>);

impl Detail {
    pub(crate) fn new<T: Any + Send + Sync + fmt::Debug + PartialEq>(value: T) -> Detail {
        Detail(Arc::new(PlainDetail(Guarded::new(value))))
    }

    pub(crate) fn of_error<E: Error + Send + Sync + 'static>(error: E) -> Detail {
        Detail(Arc::new(ErrorDetail(Guarded::new(error))))
    }

    /// Makes a detail that prints as `value` is displayed.
    pub(crate) fn displayed<T: fmt::Display + Send + Sync + 'static>(value: T) -> Detail {
        Detail(Arc::new(DisplayDetail(Guarded::new(value))))
    }

    pub(crate) fn type_name(&self) -> &'static str {
        self.0.type_name()
    }

    #[cfg(all(feature = "dist", target_os = "linux"))]
    pub(crate) fn value(&self) -> &dyn Any {
        self.0.value()
    }

    /// Returns the value, if it is a `T`.
    pub fn downcast_ref<T: Any>(&self) -> Option<&T> {
        self.0.value().downcast_ref()
    }
}

impl fmt::Debug for Detail {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.print(f)
    }
}

impl fmt::Display for Detail {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.display(f)
    }
}

impl PartialEq for Detail {
    fn eq(&self, other: &Detail) -> bool {
        self.0.equals(&*other.0)
    }
}

/// The operations of a [`Detail`] on its value, whose type it no longer knows.
trait Value: Send + Sync {
    fn value(&self) -> &dyn Any;
    fn type_name(&self) -> &'static str;
    fn print(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result;
    fn display(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result;
    fn equals(&self, other: &dyn Value) -> bool;
}

/// A plain value, which is compared by value.
struct PlainDetail<T>(Guarded<T>);

impl<T: Any + Send + Sync + fmt::Debug + PartialEq> Value for PlainDetail<T> {
    fn value(&self) -> &dyn Any {
        self.0.get()
    }

    fn type_name(&self) -> &'static str {
        type_name::<T>()
    }

    fn print(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.0.get(), f)
    }

    fn display(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = self.value().downcast_ref::<&str>().copied();
        match text.or_else(|| self.value().downcast_ref().map(String::as_str)) {
            Some(text) => f.write_str(text),
            None => self.print(f),
        }
    }

    fn equals(&self, other: &dyn Value) -> bool {
        other.value().downcast_ref::<T>().is_some_and(|other| self.0.get() == other)
    }
}

/// An error, which is compared by type and text, as few errors can be compared by value.
struct ErrorDetail<E>(Guarded<E>);

impl<E: Error + Send + Sync + 'static> Value for ErrorDetail<E> {
    fn value(&self) -> &dyn Any {
        self.0.get()
    }

    fn type_name(&self) -> &'static str {
        type_name::<E>()
    }

    fn print(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.0.get(), f)
    }

    fn display(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self.0.get(), f)
    }

    fn equals(&self, other: &dyn Value) -> bool {
        other
            .value()
            .downcast_ref::<E>()
            .is_some_and(|other| self.0.get().to_string() == other.to_string())
    }
}

/// Anything that can be displayed, which is compared as errors are.
struct DisplayDetail<T>(Guarded<T>);

impl<T: fmt::Display + Send + Sync + 'static> Value for DisplayDetail<T> {
    fn value(&self) -> &dyn Any {
        self.0.get()
    }

    fn type_name(&self) -> &'static str {
        type_name::<T>()
    }

    fn print(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.display(f)
    }

    fn display(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:#}", self.0.get())
    }

    fn equals(&self, other: &dyn Value) -> bool {
        let other = other.value().downcast_ref::<T>();
        other.is_some_and(|other| format!("{:#}", self.0.get()) == format!("{other:#}"))
    }
}
