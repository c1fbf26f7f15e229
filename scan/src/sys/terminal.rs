//! The terminal while a scan runs: keys come one by one and are not shown.

use std::io;
use std::mem::MaybeUninit;

/// The terminal's settings from before, which come back when this is dropped.
#[derive(Debug)]
pub struct Keys {
    before: Settings,
}

/// Settings of a terminal, without a field that a reader needs.
struct Settings(libc::termios);

impl std::fmt::Debug for Settings {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Settings")
    }
}

/// Sets standard input to give each key at once.
///
/// # Errors
/// It is no terminal, or another program's.
#[allow(unsafe_code, reason = "the standard library has no terminal settings")]
pub fn keys() -> io::Result<Keys> {
    let mut settings = MaybeUninit::<libc::termios>::zeroed();
    // SAFETY: The pointer is to a live local of the right type, which the call fills.
    if unsafe { libc::tcgetattr(libc::STDIN_FILENO, settings.as_mut_ptr()) } != 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: These calls take no pointers.
    if unsafe { libc::tcgetpgrp(libc::STDIN_FILENO) != libc::getpgrp() } {
        return Err(io::Error::other("in the background"));
    }
    // SAFETY: The memory was zeroed, which is a valid termios (integers and arrays of them), and then filled.
    let before = unsafe { settings.assume_init() };
    let mut now = before;
    now.c_lflag &= !(libc::ICANON | libc::ECHO);
    set(&now)?;
    Ok(Keys { before: Settings(before) })
}

#[allow(unsafe_code, reason = "the standard library has no terminal settings")]
fn set(settings: &libc::termios) -> io::Result<()> {
    // SAFETY: `settings` is a valid termios that the call only reads.
    let done = unsafe { libc::tcsetattr(libc::STDIN_FILENO, libc::TCSANOW, settings) } == 0;
    if done { Ok(()) } else { Err(io::Error::last_os_error()) }
}

impl Drop for Keys {
    fn drop(&mut self) {
        // The terminal may be gone: nothing to be done.
        let _ = set(&self.before.0);
    }
}
