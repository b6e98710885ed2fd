//! Numbers that nobody can foresee.

use std::io;

use rustix::io::Errno;
use rustix::rand::{GetRandomFlags, getrandom};

pub(super) fn random() -> io::Result<u32> {
    let mut bytes = [0; 4];
    loop {
        match getrandom(&mut bytes, GetRandomFlags::empty()) {
            Ok(4) => return Ok(u32::from_ne_bytes(bytes)),
            Ok(_) | Err(Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
}
