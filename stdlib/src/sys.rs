//! Operating-system calls that Rust's own library does not have: the standard descriptors.

use std::fs::File;
use std::io;
use std::os::fd::FromRawFd;

/// Standard input, output or error (0, 1, 2) as files without a buffer of their own. To be kept for good: dropping one
/// closes the descriptor.
pub(crate) fn standard_file(descriptor: i32) -> File {
    assert!((0..=2).contains(&descriptor), "these are the standard descriptors");
    // SAFETY: the standard descriptors are open from the start and belong to nobody.
    unsafe { File::from_raw_fd(descriptor) }
}

/// The error of reading what can only be written, and the other way round.
pub(crate) fn bad_descriptor() -> io::Error {
    io::Error::from_raw_os_error(libc::EBADF)
}
