//! Who has a directory.

use std::fs::File;
use std::io;
use std::path::Path;

use rustix::fs::{FlockOperation, flock};

/// Keeps other services from the files in `dir` until the result is dropped, or the program ends;
/// `None` if another service does so.
pub(crate) fn try_lock(dir: &Path) -> io::Result<Option<File>> {
    let file = File::create(dir.join("lock"))?;
    match flock(&file, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => Ok(Some(file)),
        Err(error) if error == rustix::io::Errno::WOULDBLOCK => Ok(None),
        Err(error) => Err(error.into()),
    }
}
