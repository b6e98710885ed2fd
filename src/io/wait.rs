//! Waiting until descriptors are ready.
//!
//! Each thread that waits has an event counter of its own, which it polls beside the descriptors
//! that it waits for; an interrupt counts it up.

use std::array;
use std::cell::RefCell;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

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

/// What an interrupt wakes a thread by.
struct Waker {
    event: Arc<OwnedFd>,
    wake: Wake,
}

impl Waker {
    fn new() -> io::Result<Waker> {
        let event = Arc::new(eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?);
        let shared = Arc::clone(&event);
        let wake = prompt(move || {
            // It fails only if it is set already.
            _ = write(&*shared, &1_u64.to_ne_bytes());
        });
        Ok(Waker { event, wake })
    }

    /// Makes it ready for the next interrupt.
    fn reset(&self) {
        // It fails only if it is reset already.
        _ = read(&*self.event, &mut [0; 8]);
    }

    /// Returns the waker of the calling thread.
    fn of_thread() -> io::Result<Rc<Waker>> {
        let new = || Waker::new().map(Rc::new);
        let kept = WAKER.try_with(|waker| {
            let mut waker = waker.borrow_mut();
            match &*waker {
                Some(waker) => Ok(Rc::clone(waker)),
                None => new().inspect(|new| *waker = Some(Rc::clone(new))),
            }
        });
        kept.unwrap_or_else(|_| new()) // In a destructor of another thread-local.
    }
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
    match wait_outside(&Waker::of_thread()?.wake, wait) {
        Outside::Waited(outcome) => Ok(outcome),
        Outside::Interrupted | Outside::Ending => Err(Interrupted.into()),
    }
}

/// Waits until one of the descriptors is ready for what is wanted of it, and returns what each is
/// ready for. Errors as [`readable`].
pub(crate) fn ready<const N: usize>(
    wanted: [Wanted<'_>; N],
    deadline: Option<Instant>,
) -> io::Result<[PollFlags; N]> {
    let waker = Waker::of_thread()?;
    loop {
        let ready = match wait_outside(&waker.wake, || poll_once(&wanted, Some(&waker), deadline)) {
            Outside::Waited(ready) => ready?,
            Outside::Interrupted => return Err(Interrupted.into()),
            Outside::Ending => {
                let ready = poll_once(&wanted, None, Some(Instant::now()))?;
                return if is_any(&ready) { Ok(ready) } else { Err(Interrupted.into()) };
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
    if let Some(waker) = waker
        && !polled[N].revents().is_empty()
    {
        waker.reset();
    }
    Ok(array::from_fn(|place| polled[place].revents()))
}
