//! References to observers.

use crate::id::Pid;
use crate::listener::{ListenerRef, LocalAddr};
use crate::process::Address;
use crate::supervisor::{AnySupervisorRef, SupervisorError};

use super::{LISTENER, Web};

/// A reference to an observer that serves its page.
///
/// It is a supervisor: [`stop`](AnySupervisorRef::stop) stops it.
pub type WebRef<T = Pid> = AnySupervisorRef<Web, T>;

/// Requests that only an observer answers.
impl<T: Address> WebRef<T> {
    /// Returns where the observer listens, with the port that the system has chosen.
    ///
    /// ```
    /// use procession::observer::web::Web;
    ///
    /// let web = Web::new().start_link()?;
    /// assert_ne!(web.get_addr()?.port(), Some(0));
    /// # web.stop()?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`SupervisorError::Call`] if there is no such observer.
    pub fn get_addr(&self) -> Result<LocalAddr, SupervisorError> {
        let children = self.which_children()?;
        let listener = children.iter().find(|child| child.id == LISTENER);
        let listener = listener.and_then(|child| child.state.pid());
        // While it is being started again there is none.
        ListenerRef::from_pid(listener.ok_or(SupervisorError::Restarting)?).get_addr()
    }
}
