//! Waiting until descriptors are ready.
//!
//! Each thread that waits has an event counter of its own, which it polls beside the descriptors
//! that it waits for; an interrupt counts it up. A thread that cannot have one, as the program has
//! no descriptor left, shares one with all others in that situation.

use std::array;
use std::cell::RefCell;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use once_cell::sync::OnceCell;
use rustix::event::{EventfdFlags, PollFd, PollFlags, Timespec, eventfd, poll};
use rustix::io::{Errno, read, write};
use smallvec::SmallVec;

use crate::process::wait_outside::{Outside, Wake, prompt, wait_outside};

use super::interrupted::Interrupted;

thread_local! {
    static WAKER: RefCell<Option<Rc<Waker>>> = const { RefCell::new(None) };
}

/// How long a process waits until it looks again, for what no descriptor tells of.
pub(crate) const LOOK: Duration = Duration::from_millis(20);

/// The event counter of the threads that cannot have one of their own. It is made before the first
/// one of a thread. Each interrupt adds one to it, which only the thread takes away that was meant;
/// the others look, and wait again.
static SHARED: OnceCell<Arc<OwnedFd>> = OnceCell::new();

fn new_event(flags: EventfdFlags) -> io::Result<Arc<OwnedFd>> {
    let event = eventfd(0, flags | EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?;
    Ok(Arc::new(event))
}

/// What an interrupt wakes a thread by.
struct Waker {
    event: Arc<OwnedFd>,
    wake: Wake,
    /// Whether an interrupt has counted the event up, which is not undone yet.
    is_set: Arc<AtomicBool>,
}

impl Waker {
    /// Returns a waker with an event counter of its own, or one with the shared one if there is no
    /// descriptor left.
    fn new() -> io::Result<Waker> {
        let shared = SHARED.get_or_try_init(|| new_event(EventfdFlags::SEMAPHORE))?;
        let event = match new_event(EventfdFlags::empty()) {
            Err(error) if is_shortage(&error) => Arc::clone(shared),
            event => event?,
        };
        let is_set = Arc::new(AtomicBool::new(false));
        let (its_event, its_flag) = (Arc::clone(&event), Arc::clone(&is_set));
        let wake = prompt(move || {
            its_flag.store(true, Ordering::SeqCst);
            // It fails only if others have counted it up to the utmost.
            _ = write(&*its_event, &1_u64.to_ne_bytes());
        });
        Ok(Waker { event, wake, is_set })
    }

    fn is_shared(&self) -> bool {
        SHARED.get().is_some_and(|shared| Arc::ptr_eq(shared, &self.event))
    }

    /// Makes it ready for the next interrupt. None is in progress.
    fn reset(&self) {
        if self.is_set.swap(false, Ordering::SeqCst) {
            // It is counted up, so this does not fail.
            _ = read(&*self.event, &mut [0; 8]);
        }
    }

    /// Returns the waker of the calling thread. It keeps only one with an event counter of its own.
    fn of_thread() -> io::Result<Rc<Waker>> {
        let new = || Waker::new().map(Rc::new);
        let kept = WAKER.try_with(|waker| {
            let mut waker = waker.borrow_mut();
            match &*waker {
                Some(waker) => Ok(Rc::clone(waker)),
                None => {
                    let new = new()?;
                    if !new.is_shared() {
                        *waker = Some(Rc::clone(&new));
                    }
                    Ok(new)
                }
            }
        });
        kept.unwrap_or_else(|_| new()) // In a destructor of another thread-local.
    }
}

/// A wait, after which the waker is ready for the next one: also after one that has unwound.
struct Waiting(Rc<Waker>);

impl Drop for Waiting {
    fn drop(&mut self) {
        self.0.reset();
    }
}

/// Returns whether the program, or the system, has no descriptor left.
fn is_shortage(error: &io::Error) -> bool {
    matches!(Errno::from_io_error(error), Some(Errno::MFILE | Errno::NFILE))
}

/// Waits until `fd` can be read, has ended or has failed.
///
/// # Errors
///
/// `TimedOut` after the deadline; [`Interrupted`].
pub(crate) fn readable(fd: impl AsFd, deadline: Option<Instant>) -> io::Result<()> {
    ready([(fd.as_fd(), PollFlags::IN)], deadline).map(|_| ())
}

/// Waits until `fd` can be written or has failed. Errors as [`readable`].
pub(crate) fn writable(fd: impl AsFd, deadline: Option<Instant>) -> io::Result<()> {
    ready([(fd.as_fd(), PollFlags::OUT)], deadline).map(|_| ())
}

/// Waits until `fd` is ready, after an attempt that would have had to wait. Errors as [`readable`].
///
/// One that has failed and yet lets calls wait is always ready, as a socket whose queue of errors
/// nobody reads: then this waits for a moment.
pub(crate) fn again(fd: impl AsFd, wanted: PollFlags, deadline: Option<Instant>) -> io::Result<()> {
    let [flags] = ready([(fd.as_fd(), wanted)], deadline)?;
    if flags.intersects(wanted) { Ok(()) } else { pause(deadline) }
}

/// Waits for a moment: for what is ready, as the system says, and is not.
///
/// # Errors
///
/// `TimedOut` if the deadline is sooner; [`Interrupted`].
pub(crate) fn pause(deadline: Option<Instant>) -> io::Result<()> {
    let look = Instant::now() + LOOK;
    let end = deadline.map_or(look, |deadline| deadline.min(look));
    match ready([], Some(end)) {
        Err(error) if error.kind() == io::ErrorKind::TimedOut && deadline != Some(end) => Ok(()),
        outcome => outcome.map(|[]| ()),
    }
}

/// Does `wait`, which returns soon by itself, and no exit signal makes it return earlier: for what
/// no descriptor tells of.
///
/// # Errors
///
/// [`Interrupted`].
pub(crate) fn briefly<T>(wait: impl FnOnce() -> T) -> io::Result<T> {
    match wait_outside(&prompt(|| {}), wait) {
        Outside::Waited(outcome) => Ok(outcome),
        Outside::Interrupted(reason) => Err(Interrupted::by(reason).into()),
        Outside::Ending => Err(Interrupted::at_end().into()),
    }
}

/// Waits until one of the descriptors is ready for what is wanted of it, and returns what each is
/// ready for. Errors as [`readable`].
pub(crate) fn ready<const N: usize>(
    wanted: [Wanted<'_>; N],
    deadline: Option<Instant>,
) -> io::Result<[PollFlags; N]> {
    let waiting = Waiting(Waker::of_thread()?);
    let waker = &*waiting.0;
    loop {
        let waited = wait_outside(&waker.wake, || poll_once(&wanted, Some(waker), deadline));
        waker.reset();
        let ready = match waited {
            Outside::Waited(ready) => ready?,
            Outside::Interrupted(reason) => return Err(Interrupted::by(reason).into()),
            Outside::Ending => {
                let ready = poll_once(&wanted, None, Some(Instant::now()))?;
                return if is_any(&ready) { Ok(ready) } else { Err(Interrupted::at_end().into()) };
            }
        };
        if is_any(&ready) {
            return Ok(ready);
        }
        if deadline.is_some_and(|deadline| Instant::now() >= deadline) {
            return Err(io::ErrorKind::TimedOut.into());
        }
    }
}

/// A descriptor, and what it is to be ready for.
pub(crate) type Wanted<'a> = (BorrowedFd<'a>, PollFlags);

fn is_any(ready: &[PollFlags]) -> bool {
    ready.iter().any(|flags| !flags.is_empty())
}

/// Polls the descriptors, and the waker, until the deadline. Returns earlier if the system says so.
fn poll_once<const N: usize>(
    wanted: &[Wanted<'_>; N],
    waker: Option<&Waker>,
    deadline: Option<Instant>,
) -> io::Result<[PollFlags; N]> {
    let event = waker.map(|waker| PollFd::new(&waker.event, PollFlags::IN));
    let wanted = wanted.iter().map(|(fd, flags)| PollFd::from_borrowed_fd(*fd, *flags));
    let mut polled: SmallVec<[PollFd<'_>; 4]> = wanted.chain(event).collect();
    let left = deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
    // A time that is too long for the system means forever.
    let left = left.and_then(|left| Timespec::try_from(left).ok());
    match poll(&mut polled, left.as_ref()) {
        Ok(_) | Err(Errno::INTR) => {}
        Err(error) => return Err(error.into()),
    }
    Ok(array::from_fn(|place| polled[place].revents()))
}
