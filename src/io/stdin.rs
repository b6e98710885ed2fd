//! Standard input.

use std::io::{self, BufRead, Read};
use std::os::fd::OwnedFd;

use once_cell::sync::OnceCell;
use parking_lot::{Mutex, MutexGuard};
use rustix::event::{EventfdFlags, eventfd};
use rustix::io::{Errno, read, write};

use super::attempt::when_readable;
use super::wait;

/// How much is read at once.
const CHUNK: usize = 8 * 1024;

/// What was read and not taken yet.
#[derive(Debug)]
struct Buffer {
    bytes: Vec<u8>,
    /// How many of the bytes are taken.
    taken: usize,
}

impl Buffer {
    fn rest(&self) -> &[u8] {
        &self.bytes[self.taken..]
    }

    fn take(&mut self, length: usize) {
        self.taken += length;
        debug_assert!(self.taken <= self.bytes.len());
    }

    /// Adds what `read` puts into the space that it is lent; returns how many bytes that is.
    fn add(&mut self, read: impl FnOnce(&mut [u8]) -> io::Result<usize>) -> io::Result<usize> {
        self.bytes.drain(..self.taken);
        self.taken = 0;
        let length = self.bytes.len();
        self.bytes.resize(length + CHUNK, 0);
        let added = read(&mut self.bytes[length..]);
        self.bytes.truncate(length + added.as_ref().unwrap_or(&0));
        added
    }
}

/// The buffer of the program, and whose turn it is.
#[derive(Debug)]
struct Shared {
    /// An event counter that is one while nobody reads: so who waits for its turn waits for a
    /// descriptor, and can be interrupted.
    turn: OwnedFd,
    /// Locked by whose turn it is, so nobody waits for the lock.
    buffer: Mutex<Buffer>,
}

static SHARED: OnceCell<Shared> = OnceCell::new();

impl Shared {
    fn new() -> io::Result<Shared> {
        let flags = EventfdFlags::SEMAPHORE | EventfdFlags::NONBLOCK | EventfdFlags::CLOEXEC;
        let turn = eventfd(1, flags)?;
        Ok(Shared { turn, buffer: Mutex::new(Buffer { bytes: Vec::new(), taken: 0 }) })
    }
}

/// The turn of the calling process, until this is dropped.
#[derive(Debug)]
struct Turn(&'static OwnedFd);

impl Turn {
    fn take(turn: &'static OwnedFd) -> io::Result<Turn> {
        when_readable(turn, None, || Ok(read(turn, &mut [0; 8])?))?;
        Ok(Turn(turn))
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        // It cannot fail: the counter is zero.
        _ = write(self.0, &1_u64.to_ne_bytes());
    }
}

/// Returns the standard input of the program.
///
/// ```no_run
/// use procession::io;
/// use std::io::BufRead;
///
/// for line in io::stdin().lock()?.lines() {
///     println!("{}", line?.to_uppercase());
/// }
/// # Ok::<(), std::io::Error>(())
/// ```
pub fn stdin() -> Stdin {
    Stdin(())
}

/// The standard input of the program: [`std::io::Stdin`], but a process that waits in it can be
/// ended. Returned by [`stdin`].
///
/// There is one buffer for the whole program. What a process has not taken out of it when it ends
/// is the next one's: a line that was read in part is not torn. A program that uses this must not
/// read [`std::io::stdin`], too, which has a buffer of its own.
///
/// Descriptor 0 stays as it is, since other programs may use it, too: a read waits until there is
/// something to read, and then reads. If another program takes that away in this very moment, the
/// read waits where it cannot be interrupted.
#[derive(Clone, Copy, Debug)]
pub struct Stdin(());

impl Stdin {
    /// Waits until nobody else reads, and returns the right to read until it is dropped, so that
    /// what belongs together is read by one process.
    ///
    /// A process that locks it twice waits for itself.
    ///
    /// # Errors
    ///
    /// - An [interrupt](crate::io::Interrupted) in a process that traps exits.
    /// - If the program has no descriptor left.
    pub fn lock(&self) -> io::Result<StdinLock> {
        let shared = SHARED.get_or_try_init(Shared::new)?;
        let turn = Turn::take(&shared.turn)?;
        Ok(StdinLock { buffer: shared.buffer.lock(), _turn: turn })
    }

    /// Locks it and reads a line, which it appends to `line` with its end; returns how many bytes
    /// it has. At the end of the input that is 0.
    ///
    /// # Errors
    ///
    /// Those of [`lock`](Self::lock) and of the system; and if the line is not UTF-8, after which
    /// the next one is read.
    pub fn read_line(&self, line: &mut String) -> io::Result<usize> {
        self.lock()?.read_line(line)
    }
}

impl Read for Stdin {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        self.lock()?.read(buf)
    }

    fn read_to_end(&mut self, buf: &mut Vec<u8>) -> io::Result<usize> {
        self.lock()?.read_to_end(buf)
    }

    fn read_to_string(&mut self, buf: &mut String) -> io::Result<usize> {
        self.lock()?.read_to_string(buf)
    }

    fn read_exact(&mut self, buf: &mut [u8]) -> io::Result<()> {
        self.lock()?.read_exact(buf)
    }
}

/// The right to read standard input, as returned by [`Stdin::lock`].
///
/// A line that an interrupt has cut short stays in the buffer as a whole: nothing is taken before
/// its end has come.
#[derive(Debug)]
pub struct StdinLock {
    // Declared first, as it is to be unlocked when the turn is given back.
    buffer: MutexGuard<'static, Buffer>,
    _turn: Turn,
}

impl StdinLock {
    /// Reads more, and returns how many bytes came; 0 at the end of the input.
    fn read_more(&mut self) -> io::Result<usize> {
        let stdin = io::stdin();
        loop {
            wait::readable(&stdin, None)?;
            match self.buffer.add(|space| Ok(read(&stdin, space)?)) {
                // Somebody has made the descriptor one that does not block; or a signal has come.
                Err(error) if is_to_be_repeated(&error) => {}
                outcome => return outcome,
            }
        }
    }

    /// Reads until there is a `byte`, and returns how much that is with it; or all that there is,
    /// at the end of the input.
    fn length_until(&mut self, byte: u8) -> io::Result<usize> {
        let mut searched = 0;
        loop {
            let rest = self.buffer.rest();
            if let Some(place) = rest[searched..].iter().position(|it| *it == byte) {
                return Ok(searched + place + 1);
            }
            searched = rest.len();
            if self.read_more()? == 0 {
                return Ok(searched);
            }
        }
    }
}

fn is_to_be_repeated(error: &io::Error) -> bool {
    let code = error.raw_os_error();
    [Errno::AGAIN, Errno::INTR].iter().any(|errno| code == Some(errno.raw_os_error()))
}

impl BufRead for StdinLock {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.buffer.rest().is_empty() {
            self.read_more()?;
        }
        Ok(self.buffer.rest())
    }

    fn consume(&mut self, amount: usize) {
        self.buffer.take(amount);
    }

    fn read_until(&mut self, byte: u8, buf: &mut Vec<u8>) -> io::Result<usize> {
        let length = self.length_until(byte)?;
        buf.extend_from_slice(&self.buffer.rest()[..length]);
        self.consume(length);
        Ok(length)
    }

    fn read_line(&mut self, buf: &mut String) -> io::Result<usize> {
        let length = self.length_until(b'\n')?;
        let line = str::from_utf8(&self.buffer.rest()[..length]).map(|line| buf.push_str(line));
        self.consume(length);
        line.map(|()| length).map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))
    }
}

impl Read for StdinLock {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        if buf.is_empty() {
            return Ok(0);
        }
        let length = self.fill_buf()?.read(buf)?;
        self.consume(length);
        Ok(length)
    }
}
