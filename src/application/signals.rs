//! The signals that ask a program to end.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use log::Level;
use once_cell::sync::OnceCell;
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::flag;
use signal_hook::iterator::{Handle, Signals};

use crate::exit::ExitReason;
use crate::process;
use crate::user_code::log_caught;

use super::terminate;

/// Whether the next signal ends the program at once: while the program stops, and when there is no
/// listener any more.
static IS_LAST: OnceCell<Arc<AtomicBool>> = OnceCell::new();

/// Registers the handlers that end the program at a signal if [`IS_LAST`] is set, and that set it
/// at a signal.
fn is_last() -> io::Result<&'static AtomicBool> {
    let flag = IS_LAST.get_or_try_init(|| {
        let is_last = Arc::new(AtomicBool::new(false));
        for signal in [SIGINT, SIGTERM] {
            flag::register_conditional_shutdown(signal, 1, Arc::clone(&is_last))?;
            flag::register(signal, Arc::clone(&is_last))?;
        }
        Ok::<_, io::Error>(is_last)
    });
    Ok(&**flag?)
}

/// Listens to the signals until it is dropped.
pub(super) struct Listener {
    handle: Handle,
    is_last: &'static AtomicBool,
}

/// Stops the applications at the first signal.
pub(super) fn listen() -> Option<Listener> {
    match try_to_listen() {
        Ok(listener) => Some(listener),
        Err(reason) => {
            let text = format_args!("signals are not handled: {reason}");
            log_caught(Level::Warn, "procession::application", text);
            None
        }
    }
}

fn try_to_listen() -> Result<Listener, ExitReason> {
    // In this order, so that a signal that comes in between is not lost.
    let mut signals = Signals::new([SIGINT, SIGTERM])?;
    let is_last = is_last()?;
    let handle = signals.handle();
    process::spawn(move || {
        for _ in signals.forever() {
            _ = terminate(); // If there is no controller, nothing runs.
        }
    })?;
    is_last.store(false, Ordering::SeqCst);
    Ok(Listener { handle, is_last })
}

impl Drop for Listener {
    fn drop(&mut self) {
        self.handle.close();
        self.is_last.store(true, Ordering::SeqCst);
    }
}
