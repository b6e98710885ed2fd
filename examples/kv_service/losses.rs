//! What was acknowledged, and could not be saved.

use std::fmt;
use std::sync::{Arc, OnceLock};

/// Why something is lost, if something is: those who save tell it, and the program says it at its
/// end.
#[derive(Clone, Debug, Default)]
pub(crate) struct Losses(Arc<OnceLock<String>>);

impl Losses {
    /// Notes that something is lost, and logs it.
    pub(crate) fn note(&self, cause: &dyn fmt::Display) {
        log::error!("what was not saved is lost: {cause}");
        self.0.get_or_init(|| cause.to_string());
    }

    /// Why something was lost first.
    pub(crate) fn cause(&self) -> Option<&str> {
        self.0.get().map(String::as_str)
    }
}
