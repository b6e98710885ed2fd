//! The pipes to a child and from it.

use std::io::{self, Read, Write};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::buffer::spare_capacity;
use rustix::io::{Errno, ioctl_fionbio};

use super::attempt::{when_readable, when_writable};

/// Our end of a pipe. It does not block; the other end does as the child likes.
#[derive(Debug)]
struct Pipe(OwnedFd);

impl Pipe {
    fn new(end: OwnedFd) -> io::Result<Pipe> {
        ioctl_fionbio(&end, true)?;
        Ok(Pipe(end))
    }

    fn into_blocking(self) -> io::Result<OwnedFd> {
        ioctl_fionbio(&self.0, false)?;
        Ok(self.0)
    }

    fn read(&self, buffer: &mut [u8]) -> io::Result<usize> {
        if buffer.is_empty() {
            return Ok(0);
        }
        when_readable(&self.0, None, || Ok(rustix::io::read(&self.0, &mut *buffer)?))
    }

    fn write(&self, bytes: &[u8]) -> io::Result<usize> {
        when_writable(&self.0, None, || Ok(rustix::io::write(&self.0, bytes)?))
    }

    fn read_available(&self, bytes: &mut Vec<u8>) -> io::Result<bool> {
        const AT_LEAST: usize = 4096;
        bytes.reserve(AT_LEAST);
        match rustix::io::read(&self.0, spare_capacity(bytes)) {
            Ok(count) => Ok(count > 0),
            Err(Errno::AGAIN | Errno::INTR) => Ok(true),
            Err(error) => Err(error.into()),
        }
    }
}

/// Implements what all pipes have.
macro_rules! pipe {
    ($(#[$attribute:meta])* $name:ident) => {
        $(#[$attribute])*
        #[derive(Debug)]
        pub struct $name(Pipe);

        impl $name {
            /// Returns the pipe as the standard library has it, whose calls nothing interrupts: to
            /// be the [`Stdio`](std::process::Stdio) of another child, for instance.
            ///
            /// # Errors
            ///
            /// If the system refuses to make the pipe block.
            pub fn into_std(self) -> io::Result<std::process::$name> {
                Ok(self.0.into_blocking()?.into())
            }
        }

        impl TryFrom<std::process::$name> for $name {
            type Error = io::Error;

            fn try_from(pipe: std::process::$name) -> io::Result<$name> {
                Ok($name(Pipe::new(pipe.into())?))
            }
        }

        impl AsFd for $name {
            fn as_fd(&self) -> BorrowedFd<'_> {
                self.0.0.as_fd()
            }
        }
    };
}

/// Implements what pipes have that are read.
macro_rules! read_pipe {
    ($name:ident) => {
        impl $name {
            /// Appends what is there to `bytes`, without waiting. Returns whether there may be
            /// more.
            pub(crate) fn read_available(&self, bytes: &mut Vec<u8>) -> io::Result<bool> {
                self.0.read_available(bytes)
            }
        }

        impl Read for &$name {
            fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
                self.0.read(buffer)
            }
        }

        impl Read for $name {
            fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
                self.0.read(buffer)
            }
        }
    };
}

pipe! {
    /// The standard input of a [`Child`](super::Child), if it is piped. The child reads its end
    /// when this is dropped.
    ///
    /// A write that waits for the child to read gives up as [all calls](super) do.
    ChildStdin
}

pipe! {
    /// The standard output of a [`Child`](super::Child), if it is piped.
    ///
    /// A read that waits for the child to write gives up as [all calls](super) do. The end is read
    /// when whoever has the other end has closed it, or has ended: that may be what the child has
    /// started.
    ChildStdout
}

pipe! {
    /// The standard error of a [`Child`](super::Child), if it is piped. It is read as
    /// [`ChildStdout`] is.
    ChildStderr
}

read_pipe!(ChildStdout);
read_pipe!(ChildStderr);

impl Write for ChildStdin {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Write for &ChildStdin {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
