//! What only the operating system knows: error numbers, the limit of open files, local time.
//!
//! This folder is the one place of this crate that calls `libc`. Each function here is complete in itself and keeps no
//! state.

pub mod memory;
pub mod raw;
pub mod terminal;

use crate::net::NetError;
use std::io;
use std::mem::MaybeUninit;

/// Sorts an error of a socket call by what the caller can do about it.
pub fn net_error(error: &io::Error) -> NetError {
    match error.raw_os_error() {
        Some(libc::ECONNREFUSED) => NetError::Refused,
        Some(libc::ECONNRESET | libc::ECONNABORTED | libc::EPIPE) => NetError::Reset,
        Some(libc::ETIMEDOUT) => NetError::TimedOut,
        Some(libc::EHOSTUNREACH | libc::EHOSTDOWN) => NetError::HostUnreachable,
        Some(libc::ENETUNREACH | libc::ENETDOWN) => NetError::NetworkUnreachable,
        Some(libc::ENOPROTOOPT) => NetError::ProtocolUnreachable,
        Some(libc::EADDRINUSE | libc::EADDRNOTAVAIL) => NetError::AddressInUse,
        Some(libc::EACCES | libc::EPERM) => NetError::AccessDenied,
        Some(libc::EMFILE | libc::ENFILE | libc::ENOBUFS | libc::ENOMEM) => NetError::TooManySockets,
        _ => NetError::Other,
    }
}

/// Whether a non-blocking connect that gave `error` goes on by itself.
pub fn is_connecting(error: &io::Error) -> bool {
    matches!(error.raw_os_error(), Some(libc::EINPROGRESS | libc::EALREADY | libc::EINTR))
}

/// Whether a connect that gave `error` was needless.
pub fn is_connected(error: &io::Error) -> bool {
    error.raw_os_error() == Some(libc::EISCONN)
}

/// Raises the limit of open files to the most this process may have and says how many that is.
#[allow(unsafe_code, reason = "the standard library has no resource limits")]
pub fn raise_file_limit() -> io::Result<u64> {
    let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: `limit` is a valid, exclusively borrowed rlimit for the length of the call.
    if unsafe { libc::getrlimit(libc::RLIMIT_NOFILE, &mut limit) } != 0 {
        return Err(io::Error::last_os_error());
    }
    let raised = libc::rlimit { rlim_cur: limit.rlim_max, rlim_max: limit.rlim_max };
    // SAFETY: `raised` is a valid rlimit that the call only reads.
    let done = limit.rlim_cur == limit.rlim_max || unsafe { libc::setrlimit(libc::RLIMIT_NOFILE, &raised) } == 0;
    Ok(if done { limit.rlim_max } else { limit.rlim_cur })
}

/// A moment in the local time zone.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct LocalTime {
    pub year: i64,
    /// 1 to 12.
    pub month: u8,
    pub day: u8,
    pub hour: u8,
    pub minute: u8,
    /// 0 to 60, for a leap second.
    pub second: u8,
    /// 0 is Sunday.
    pub weekday: u8,
    /// Minutes east of Greenwich.
    pub offset_minutes: i32,
    /// Abbreviation such as `UTC`.
    pub zone: String,
}

/// The local time at `seconds` since 1970; a time that the calendar cannot hold is the year 1970.
#[allow(unsafe_code, reason = "the standard library has no time zones")]
pub fn local_time(seconds: u64) -> LocalTime {
    let time = libc::time_t::try_from(seconds).unwrap_or(0);
    let mut broken = MaybeUninit::<libc::tm>::zeroed();
    // SAFETY: Both pointers are to live locals of the right type; `localtime_r` keeps neither.
    let filled = unsafe { libc::localtime_r(&time, broken.as_mut_ptr()) };
    if filled.is_null() {
        return local_time(0);
    }
    // SAFETY: The memory was zeroed, which is a valid `tm` (integers and a null pointer), and then filled.
    let broken = unsafe { broken.assume_init() };
    let zone = if broken.tm_zone.is_null() {
        String::new()
    } else {
        // SAFETY: A non-null `tm_zone` is a NUL-terminated string of the C library's time zone data, which lives on.
        unsafe { std::ffi::CStr::from_ptr(broken.tm_zone) }.to_string_lossy().into_owned()
    };
    let small = |value: i32| u8::try_from(value).unwrap_or(0);
    LocalTime {
        year: i64::from(broken.tm_year) + 1900,
        month: small(broken.tm_mon + 1),
        day: small(broken.tm_mday),
        hour: small(broken.tm_hour),
        minute: small(broken.tm_min),
        second: small(broken.tm_sec),
        weekday: small(broken.tm_wday),
        offset_minutes: i32::try_from(broken.tm_gmtoff / 60).unwrap_or(0),
        zone,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn file_limit_is_positive() {
        assert!(raise_file_limit().unwrap() > 0);
    }

    #[test]
    fn local_time_of_a_moment() {
        let at = local_time(1_795_421_992);
        assert_eq!((at.year, at.month), (2026, 11));
        let minutes = i32::from(at.hour) * 60 + i32::from(at.minute) - at.offset_minutes;
        assert_eq!(minutes.rem_euclid(24 * 60), 8 * 60 + 19, "{at:?}");
    }

    #[test]
    fn time_out_of_range_is_1970() {
        assert_eq!(local_time(u64::MAX).year, local_time(0).year);
    }
}
