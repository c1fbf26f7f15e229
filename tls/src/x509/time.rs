//! Dates of certificates, odd ones too.

use super::der::{Value, tag};
use std::fmt;

/// A date of a certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Time {
    /// In UTC.
    Date(Date),
    /// The bytes, when they are no date.
    Raw(Vec<u8>),
}

/// A date in UTC. The fields are what the certificate says: there are certificates of the thirteenth month.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[allow(missing_docs, reason = "the names say it all")]
pub struct Date {
    pub year: u16,
    pub month: u8,
    pub day: u8,
    pub hour: u8,
    pub min: u8,
    pub sec: u8,
}

impl Time {
    pub(crate) fn decode(value: &Value<'_>) -> Time {
        Date::decode(value).map_or_else(|| Time::Raw(value.content.to_vec()), Time::Date)
    }
}

impl Date {
    fn decode(value: &Value<'_>) -> Option<Date> {
        let digits = value.content;
        let number = |start: usize, len: usize| -> Option<u16> {
            let digits = digits.get(start..start + len)?;
            digits.iter().try_fold(0, |sum, digit| digit.is_ascii_digit().then(|| sum * 10 + u16::from(digit - b'0')))
        };
        let (year, start) = match value.tag {
            tag::UTC_TIME => (number(0, 2).map(|year| if year < 50 { 2000 + year } else { 1900 + year })?, 2),
            tag::GENERALIZED_TIME => (number(0, 4)?, 4),
            _ => return None,
        };
        let small = |idx: usize| Some(number(start + 2 * idx, 2)? as u8);
        let (month, day, hour, min, sec) = (small(0)?, small(1)?, small(2)?, small(3)?, small(4)?);
        // As in the reference: a month of zero is no month, and other zones than UTC are not read.
        let is_date = 0 < month && digits.get(start + 10) == Some(&b'Z');
        is_date.then_some(Date { year, month, day, hour, min, sec })
    }

    /// From milliseconds since 1970, for the timestamps of certificate transparency; milliseconds apart.
    pub(crate) fn from_unix_ms(ms: u64) -> Option<(Date, u16)> {
        let seconds = ms / 1000;
        let (days, second) = (seconds / 86_400, seconds % 86_400);
        // Beyond the year 9999 it is no date.
        if 2_932_896 < days {
            return None;
        }
        let (mut year, mut day) = (1970u16, days);
        let is_leap = |year: u16| year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
        while (if is_leap(year) { 366 } else { 365 }) <= day {
            day -= if is_leap(year) { 366 } else { 365 };
            year += 1;
        }
        let mut month = 1;
        for len in [31, if is_leap(year) { 29 } else { 28 }, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31] {
            if day < len {
                break;
            }
            day -= len;
            month += 1;
        }
        let date = Date {
            year,
            month,
            day: day as u8 + 1,
            hour: (second / 3600) as u8,
            min: (second / 60 % 60) as u8,
            sec: (second % 60) as u8,
        };
        Some((date, (ms % 1000) as u16))
    }

    /// As OpenSSL prints it: `Mar  1 12:00:00 2023 GMT`; with a fraction when one is given.
    /// What is out of range it does not print.
    pub(crate) fn print(&self, ms: Option<u16>) -> String {
        const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
        let in_range = (1..32).contains(&self.day) && self.hour < 24 && self.min < 60 && self.sec < 60;
        let Some(month) = MONTHS.get(usize::from(self.month.wrapping_sub(1))).filter(|_| in_range) else {
            return "Bad time value".into();
        };
        let fraction = ms.map_or_else(String::new, |ms| format!(".{ms:03}"));
        format!("{month} {:2} {:02}:{:02}:{:02}{fraction} {} GMT", self.day, self.hour, self.min, self.sec, self.year)
    }
}

impl fmt::Display for Date {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Date { year, month, day, hour, min, sec } = self;
        write!(f, "{year:04}-{month:02}-{day:02}T{hour:02}:{min:02}:{sec:02}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_and_what_is_none() {
        let check = |tag: u8, text: &str, expected: Option<&str>| {
            let value = Value { tag, content: text.as_bytes(), raw: &[] };
            let date = Date::decode(&value).map(|date| date.to_string());
            assert_eq!(date.as_deref(), expected, "{text}");
        };
        check(tag::UTC_TIME, "230301120000Z", Some("2023-03-01T12:00:00"));
        check(tag::UTC_TIME, "500301120000Z", Some("1950-03-01T12:00:00"));
        check(tag::UTC_TIME, "2303011200Z", None);
        check(tag::UTC_TIME, "231342256199Z", Some("2023-13-42T25:61:99"));
        check(tag::UTC_TIME, "230001120000Z", None);
        check(tag::UTC_TIME, "230301120000+0100", None);
        check(tag::UTC_TIME, "x30301120000Z", None);
        check(tag::UTC_TIME, "23", None);
        check(tag::GENERALIZED_TIME, "99991231235959Z", Some("9999-12-31T23:59:59"));
        check(tag::BOOLEAN, "230301120000Z", None);
    }

    #[test]
    fn timestamps() {
        let check = |ms: u64, expected: Option<&str>| {
            let text = Date::from_unix_ms(ms).map(|(date, ms)| date.print(Some(ms)));
            assert_eq!(text.as_deref(), expected);
        };
        check(0, Some("Jan  1 00:00:00.000 1970 GMT"));
        check(1_709_208_000_123, Some("Feb 29 12:00:00.123 2024 GMT"));
        check(253_402_300_799_000, Some("Dec 31 23:59:59.000 9999 GMT"));
        check(253_402_300_800_000, None);
        check(u64::MAX, None);
    }
}
