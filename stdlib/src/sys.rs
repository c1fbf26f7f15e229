//! Operating-system calls that Rust's own library does not have: the calendar of the local time zone, processor time,
//! the standard descriptors.
//!
//! Everything goes to the C library, whose time functions know the system's time zones and whose texts are those the
//! reference gives. The process never sets a locale, so it is always `C`.
//!
//! # Invariants
//! - Y1. The `tm` of a [`CalendarTime`] was filled by the C library, or is made of plain numbers with a null zone name.
//!   A zone name the C library stores there is never freed.

use std::ffi::CString;
use std::fs::File;
use std::io;
use std::mem::MaybeUninit;
use std::os::fd::FromRawFd;

/// Longest text of one conversion.
const CONVERSION_LEN_MAX: usize = 250;

/// A date and a time of day, as C's `tm` has them.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub(crate) struct CalendarFields {
    /// Years since 1900.
    pub year: i32,
    /// From 0.
    pub month: i32,
    /// From 1.
    pub day: i32,
    pub hour: i32,
    pub minute: i32,
    /// Up to 60.
    pub second: i32,
    /// From 0, which is Sunday.
    pub weekday: i32,
    /// From 0.
    pub yearday: i32,
    /// Whether daylight saving is in force; negative when unknown.
    pub daylight: i32,
}

/// A moment in a time zone.
#[derive(Clone, Copy)]
pub(crate) struct CalendarTime(libc::tm);

impl CalendarTime {
    /// The moment so many seconds after 1970 in universal time; `None` when the year does not fit.
    pub fn universal(seconds: i64) -> Option<CalendarTime> {
        let mut tm = MaybeUninit::uninit();
        // SAFETY: both pointers are valid; the function fills the struct when it gives a pointer to it.
        unsafe { (!libc::gmtime_r(&seconds, tm.as_mut_ptr()).is_null()).then(|| CalendarTime(tm.assume_init())) }
    }

    /// As [`CalendarTime::universal`], in the local time zone.
    pub fn local(seconds: i64) -> Option<CalendarTime> {
        let mut tm = MaybeUninit::uninit();
        // SAFETY: as in `universal`.
        unsafe { (!libc::localtime_r(&seconds, tm.as_mut_ptr()).is_null()).then(|| CalendarTime(tm.assume_init())) }
    }

    /// Any fields, also such that are out of range.
    pub fn from_fields(fields: CalendarFields) -> CalendarTime {
        CalendarTime(libc::tm {
            tm_sec: fields.second,
            tm_min: fields.minute,
            tm_hour: fields.hour,
            tm_mday: fields.day,
            tm_mon: fields.month,
            tm_year: fields.year,
            tm_wday: fields.weekday,
            tm_yday: fields.yearday,
            tm_isdst: fields.daylight,
            tm_gmtoff: 0,
            tm_zone: std::ptr::null(),
        })
    }

    /// The fields.
    pub fn fields(&self) -> CalendarFields {
        CalendarFields {
            year: self.0.tm_year,
            month: self.0.tm_mon,
            day: self.0.tm_mday,
            hour: self.0.tm_hour,
            minute: self.0.tm_min,
            second: self.0.tm_sec,
            weekday: self.0.tm_wday,
            yearday: self.0.tm_yday,
            daylight: self.0.tm_isdst,
        }
    }

    /// Brings all fields into their ranges, taken as local time; seconds since 1970, -1 when they don't fit.
    pub fn normalize(&mut self) -> i64 {
        // SAFETY: Y1.
        unsafe { libc::mktime(&mut self.0) }
    }

    /// The text of one conversion of `strftime`, such as `%H` or `%Ey`.
    pub fn format(&self, conversion: &[u8]) -> Vec<u8> {
        let conversion = CString::new(conversion).expect("the library lists its conversions");
        let mut text = vec![0u8; CONVERSION_LEN_MAX];
        // SAFETY: Y1; the buffer has the size it is said to have, and the conversion ends with a zero.
        let len = unsafe { libc::strftime(text.as_mut_ptr().cast(), CONVERSION_LEN_MAX, conversion.as_ptr(), &self.0) };
        text.truncate(len);
        text
    }
}

/// Processor time the process has used, in seconds.
pub(crate) fn processor_seconds() -> f64 {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the pointer is valid.
    unsafe { libc::clock_gettime(libc::CLOCK_PROCESS_CPUTIME_ID, &mut time) };
    // As C's `clock` counts: in whole microseconds.
    (time.tv_sec * 1_000_000 + time.tv_nsec / 1000) as f64 / 1e6
}

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn universal_time_starts_on_a_thursday() {
        let start = CalendarTime::universal(0).expect("1970 fits");
        let expected = CalendarFields { year: 70, day: 1, weekday: 4, ..CalendarFields::default() };
        assert_eq!(start.fields(), expected);
        assert_eq!(start.format(b"%A %F"), b"Thursday 1970-01-01");
        assert!(CalendarTime::universal(1 << 60).is_none());
    }

    #[test]
    fn fields_are_normalized() {
        let fields = CalendarFields { year: 100, month: 13, day: 32, daylight: -1, ..CalendarFields::default() };
        let mut time = CalendarTime::from_fields(fields);
        assert_ne!(time.normalize(), -1);
        let fields = time.fields();
        assert_eq!((fields.year, fields.month, fields.day), (101, 2, 4));
    }
}
