//! Attempts that do not block, made again when a descriptor is ready.
//!
//! Every call of a descriptor that tells when it is ready waits here.

use std::io;
use std::os::fd::AsFd;
use std::time::Instant;

use rustix::event::PollFlags;

use crate::process::current::current;

use super::wait;

/// Makes an attempt once `fd` can be read, has ended or has failed: for what mostly has to wait.
///
/// # Errors
///
/// That of the attempt, and as [`wait::readable`].
pub(crate) fn when_readable<R>(
    fd: impl AsFd,
    deadline: Option<Instant>,
    attempt: impl FnMut() -> io::Result<R>,
) -> io::Result<R> {
    wait::readable(&fd, deadline)?;
    repeat(|| wait::again(&fd, PollFlags::IN, deadline), attempt)
}

/// Makes an attempt, and another one when `fd` can be written: for what mostly need not wait.
/// Errors as [`when_readable`].
pub(crate) fn when_writable<R>(
    fd: impl AsFd,
    deadline: Option<Instant>,
    attempt: impl FnMut() -> io::Result<R>,
) -> io::Result<R> {
    come_by();
    repeat(|| wait::again(&fd, PollFlags::OUT, deadline), attempt)
}

/// Makes attempts, with a wait between two of them, until there is one that need not wait.
pub(crate) fn repeat<R>(
    wait: impl Fn() -> io::Result<()>,
    mut attempt: impl FnMut() -> io::Result<R>,
) -> io::Result<R> {
    loop {
        match attempt() {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => wait()?,
            outcome => return outcome,
        }
    }
}

/// Lets the exit signals that have arrived take effect: a process whose writes never have to wait
/// can be ended, too. One that is ending already may go on.
pub(crate) fn come_by() {
    let process = current();
    process.sort();
    _ = process.may_block();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_has_failed_and_yet_would_block_is_not_tried_all_the_time() {
        let (read, write) = io::pipe().unwrap();
        drop(read); // Now the other end has failed, and cannot be read.
        let mut attempts = 0;
        let deadline = Instant::now() + 3 * wait::LOOK;
        let outcome: io::Result<()> = when_readable(&write, Some(deadline), || {
            attempts += 1;
            assert!(attempts <= 5, "it is tried all the time");
            Err(io::ErrorKind::WouldBlock.into())
        });
        assert_eq!(outcome.unwrap_err().kind(), io::ErrorKind::TimedOut);
    }
}
