//! What is shown of a running application, for those that look without waiting for it.

use once_cell::sync::OnceCell;

use crate::id::Pid;

/// An application, as its master shows it.
#[derive(Debug)]
pub(crate) struct ShownApplication {
    pub(crate) name: String,
    /// The top of its tree, once that has been started.
    pub(crate) top: OnceCell<Pid>,
}
