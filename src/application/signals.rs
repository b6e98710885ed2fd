//! The signals that ask a program to end.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use once_cell::sync::OnceCell;
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::flag;
use signal_hook::iterator::{Handle, Signals};

use crate::exit::ExitReason;
use crate::process;

/// Who listens, and what a signal does.
struct Shared {
    /// Whether the next signal ends the program at once: after the first one, and when there is no
    /// listener any more.
    is_last: Arc<AtomicBool>,
    listeners: AtomicUsize,
}

static SHARED: OnceCell<Shared> = OnceCell::new();

/// Registers the handlers that end the program at a signal if it is the last, and that make the
/// next one the last.
fn shared() -> io::Result<&'static Shared> {
    SHARED.get_or_try_init(|| {
        let is_last = Arc::new(AtomicBool::new(false));
        for signal in [SIGINT, SIGTERM] {
            flag::register_conditional_shutdown(signal, 1, Arc::clone(&is_last))?;
            flag::register(signal, Arc::clone(&is_last))?;
        }
        Ok(Shared { is_last, listeners: AtomicUsize::new(0) })
    })
}

/// Listens to the signals until it is dropped.
pub(crate) struct Listener {
    handle: Handle,
    shared: &'static Shared,
}

/// Calls `heard` with each signal, in a process of its own.
pub(crate) fn listen(heard: impl Fn(i32) + Send + 'static) -> Result<Listener, ExitReason> {
    // In this order, so that a signal that comes in between is not lost.
    let mut signals = Signals::new([SIGINT, SIGTERM])?;
    let shared = shared()?;
    let handle = signals.handle();
    process::spawn(move || {
        process::set_label("listens to signals");
        signals.forever().for_each(heard);
    })?;
    shared.listeners.fetch_add(1, Ordering::SeqCst);
    shared.is_last.store(false, Ordering::SeqCst);
    Ok(Listener { handle, shared })
}

impl Drop for Listener {
    fn drop(&mut self) {
        self.handle.close();
        if self.shared.listeners.fetch_sub(1, Ordering::SeqCst) == 1 {
            self.shared.is_last.store(true, Ordering::SeqCst);
        }
    }
}
