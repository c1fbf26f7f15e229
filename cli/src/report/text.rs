//! Pieces of text that several formats share: dates, counts, port ranges, printable bytes, the folding of ports.

use super::ReportOptions;
use perilune_scan::result::{Port, PortState, Protocol, Reason, Run};
use perilune_scan::sys::{self, LocalTime};
use std::fmt::Write as _;

/// Ports of one state that are listed one by one at the lowest verbosity.
const LISTED_MAX: usize = 25;

/// `Mon Nov 23 08:19:52 2026`, local time.
pub fn date(seconds: u64) -> String {
    const DAYS: [&str; 7] = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"];
    const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let LocalTime { year, month, day, hour, minute, second, weekday, .. } = sys::local_time(seconds);
    let month = MONTHS.get(usize::from(month).wrapping_sub(1)).unwrap_or(&"???");
    let weekday = DAYS.get(usize::from(weekday)).unwrap_or(&"???");
    format!("{weekday} {month} {day:2} {hour:02}:{minute:02}:{second:02} {year}")
}

/// `2026-11-23 08:31 UTC`, local time.
pub fn date_to_minute(seconds: u64) -> String {
    let LocalTime { year, month, day, hour, minute, zone, .. } = sys::local_time(seconds);
    format!("{year:04}-{month:02}-{day:02} {hour:02}:{minute:02} {zone}")
}

/// `2026-11-23 08:31:33 UTC`, local time.
pub fn date_to_second(seconds: u64) -> String {
    let LocalTime { year, month, day, hour, minute, second, zone, .. } = sys::local_time(seconds);
    format!("{year:04}-{month:02}-{day:02} {hour:02}:{minute:02}:{second:02} {zone}")
}

/// `42.47`
pub fn seconds(ms: u64) -> String {
    let hundredths = (ms + 5) / 10;
    format!("{}.{:02}", hundredths / 100, hundredths % 100)
}

/// `1 IP address (1 host up) scanned in 42.47 seconds`
pub fn summary(run: &Run) -> String {
    let addresses = if run.hosts_total() == 1 { "IP address" } else { "IP addresses" };
    let hosts = if run.hosts_up == 1 { "host" } else { "hosts" };
    let (total, up) = (run.hosts_total(), run.hosts_up);
    format!("{total} {addresses} ({up} {hosts} up) scanned in {} seconds", seconds(run.elapsed_ms))
}

/// `0.00010s`: two significant digits, never an exponent.
pub fn latency(us: u64) -> String {
    // Powers of ten below the value, from 0 for a microsecond.
    let magnitude = us.checked_ilog10().unwrap_or(5);
    let decimals = 7_u32.saturating_sub(magnitude) as usize;
    format!("{:.decimals$}s", us as f64 / 1e6)
}

/// `1-5,80`, of ascending ports.
pub fn ranges(ports: &[u16]) -> String {
    let mut text = String::new();
    for run in ports.chunk_by(|a, b| a.checked_add(1) == Some(*b)) {
        if !text.is_empty() {
            text.push(',');
        }
        // Writing to a string cannot fail.
        let _ = match run {
            [first, .., last] => write!(text, "{first}-{last}"),
            [only] => write!(text, "{only}"),
            [] => Ok(()),
        };
    }
    text
}

/// The ports of `1-5,80`; what is no range is left out.
pub fn parse_ranges(list: &str) -> Vec<u16> {
    let range = |item: &str| -> Option<std::ops::RangeInclusive<u16>> {
        let (first, last) = item.split_once('-').unwrap_or((item, item));
        Some(first.parse().ok()?..=last.parse().ok()?)
    };
    list.split(',').filter_map(range).flatten().collect()
}

/// `00:00:5E:00:53:01`
pub fn mac(address: &[u8; 6]) -> String {
    address.map(|byte| format!("{byte:02X}")).join(":")
}

/// The bytes of such a text.
pub fn parse_mac(text: &str) -> Option<[u8; 6]> {
    let bytes: Vec<u8> = text.split(':').map(|byte| u8::from_str_radix(byte, 16)).collect::<Result<_, _>>().ok()?;
    bytes.try_into().ok()
}

/// `0.05`, of microseconds.
pub fn milliseconds(us: u64) -> String {
    format!("{:.2}", us as f64 / 1000.0)
}

/// `172B`, `44.044KB`
pub fn bytes(count: u64) -> String {
    match count {
        0..1_000 => format!("{count}B"),
        1_000..1_000_000 => format!("{:.3}KB", count as f64 / 1e3),
        _ => format!("{:.3}MB", count as f64 / 1e6),
    }
}

/// `0:01:05`, of milliseconds.
pub fn clock(ms: u64) -> String {
    let seconds = ms / 1000;
    format!("{}:{:02}:{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60)
}

/// `08:31`, local time.
pub fn hour_and_minute(seconds: u64) -> String {
    let LocalTime { hour, minute, .. } = sys::local_time(seconds);
    format!("{hour:02}:{minute:02}")
}

/// ASCII text: control bytes other than tab and newline, and bytes from 0x7F up, become `\xHH`.
pub fn printable(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len());
    for &byte in bytes {
        match byte {
            b'\t' | b'\n' | b' '..=b'~' => text.push(char::from(byte)),
            _ => {
                let _ = write!(text, "\\x{byte:02X}");
            }
        }
    }
    text
}

/// Which ports are listed and which are only counted.
#[derive(Debug)]
pub struct Folded<'a> {
    pub listed: Vec<&'a Port>,
    /// By falling count.
    pub counted: Vec<CountedState>,
}

/// A state that is only counted.
#[derive(Debug)]
pub struct CountedState {
    pub state: PortState,
    pub count: usize,
    /// By falling count.
    pub reasons: Vec<CountedReason>,
}

/// Ports of one state with the same reason and protocol.
#[derive(Debug)]
pub struct CountedReason {
    pub reason: Reason,
    pub protocol: Protocol,
    pub ports: Vec<u16>,
}

/// Sorts the ports into listed and counted ones.
pub fn fold<'a>(ports: &'a [Port], options: &ReportOptions) -> Folded<'a> {
    let mut counted: Vec<CountedState> = Vec::new();
    for port in ports {
        let state = match counted.iter().position(|counted| counted.state == port.state) {
            Some(idx) => &mut counted[idx],
            None => counted.push_mut(CountedState { state: port.state, count: 0, reasons: Vec::new() }),
        };
        state.count += 1;
    }
    let is_ip = ports.iter().any(|port| port.protocol == Protocol::Ip);
    counted.retain(|state| is_counted(state, is_ip, options));
    for port in ports {
        if let Some(state) = counted.iter_mut().find(|counted| counted.state == port.state) {
            state.add(port);
        }
    }
    let is_listed = |port: &&Port| !counted.iter().any(|counted| counted.state == port.state);
    let mut listed: Vec<&Port> = ports.iter().filter(is_listed).collect();
    listed.sort_by_key(|port| (port.protocol, port.number));
    counted.sort_by_key(|state| std::cmp::Reverse(state.count));
    for state in &mut counted {
        state.reasons.sort_by_key(|reason| std::cmp::Reverse(reason.ports.len()));
        state.reasons.iter_mut().for_each(|reason| reason.ports.sort_unstable());
    }
    Folded { listed, counted }
}

impl CountedState {
    fn add(&mut self, port: &Port) {
        let same = |counted: &CountedReason| counted.reason == port.reason && counted.protocol == port.protocol;
        match self.reasons.iter_mut().find(|counted| same(counted)) {
            Some(counted) => counted.ports.push(port.number),
            None => self.reasons.push(CountedReason {
                reason: port.reason,
                protocol: port.protocol,
                ports: vec![port.number],
            }),
        }
    }
}

fn is_counted(state: &CountedState, is_ip: bool, options: &ReportOptions) -> bool {
    if options.open_only && !state.state.can_be_open() {
        return true;
    }
    let always_listed = state.state == PortState::Open || options.debugging >= 3;
    let shown_when_verbose = state.state == PortState::OpenFiltered && options.verbose >= 3;
    let debug_factor = if is_ip { 3 } else { 20 };
    let limit = LISTED_MAX * (usize::from(options.verbose) + 1 + debug_factor * usize::from(options.debugging));
    !always_listed && !shown_when_verbose && state.count > limit
}

/// `product version (extra info)` of the VERSION column, at most 159 characters.
pub fn version(port: &Port) -> String {
    const LEN_MAX: usize = 159;
    let Some(found) = &port.version else { return String::new() };
    let extra = found.extra_info.as_ref().map(|extra| format!("({extra})"));
    let parts = [found.product.clone(), found.version.clone(), extra];
    let text =
        printable(parts.into_iter().flatten().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(" ").as_bytes());
    if text.len() <= LEN_MAX { text } else { format!("{}...", &text[..LEN_MAX - 3]) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn small_texts() {
        assert_eq!(
            [0, 3, 43, 103, 999, 12_345, 1_200_000, 34_000_000].map(latency),
            ["0.00s", "0.0000030s", "0.000043s", "0.00010s", "0.00100s", "0.012s", "1.2s", "34s"]
        );
        assert_eq!(ranges(&[1, 2, 3, 80, 65_534, 65_535]), "1-3,80,65534-65535");
        assert_eq!(ranges(&[]), "");
        assert_eq!([172, 44_044, 12_345_678].map(bytes), ["172B", "44.044KB", "12.346MB"]);
        assert_eq!([0, 4, 5, 42_470, 1_999].map(seconds), ["0.00", "0.00", "0.01", "42.47", "2.00"]);
        assert_eq!(printable(b"a\t\n\r\x01\x7f\xc8~"), "a\t\n\\x0D\\x01\\x7F\\xC8~");
    }
}
