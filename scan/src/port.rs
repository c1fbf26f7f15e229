//! Port lists: the grammar of `-p`, and the choice by popularity of `-F` and `--top-ports`.
//!
//! A list names numbers, ranges and service names, each for one protocol or for all that the scan uses. The parser
//! walks the bytes once and fills a set per protocol, so that repeats collapse and the result is ascending whatever was
//! written. Without a list the most common ports are taken, in the order that `services` gives.
//!
//! # Source
//! Option syntax of Nmap's `-p`, `-F`, `--top-ports`, `--exclude-ports`. Difference: the popularity order is our own.

use crate::result::Protocol;
use crate::services;
use std::fmt;

/// Ports chosen without any option.
const DEFAULT_COUNT: u32 = 1000;
/// Ports chosen by `-F`.
const FAST_COUNT: u32 = 100;
/// The longest service name in a list.
const NAME_LEN_MAX: usize = 127;
/// The last protocol number.
const IP_PROTOCOL_MAX: u32 = 255;

/// One ascending list per protocol.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct PortLists {
    pub tcp: Vec<u16>,
    pub udp: Vec<u16>,
    pub sctp: Vec<u16>,
    /// Protocol numbers.
    pub ip: Vec<u16>,
}

/// Which protocols the chosen scans use.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Protocols {
    pub tcp: bool,
    pub udp: bool,
    pub sctp: bool,
    pub ip: bool,
}

/// What the options say about ports.
#[derive(Clone, Copy, Default, Debug)]
pub struct PortOptions<'a> {
    /// The values of `-p`, one for each time it was given.
    pub lists: &'a [&'a str],
    /// `-F`.
    pub fast: bool,
    /// `--top-ports`.
    pub top: Option<u32>,
    /// `--port-ratio`.
    pub ratio: Option<f64>,
    /// `--exclude-ports`.
    pub exclude: Option<&'a str>,
    pub protocols: Protocols,
}

/// The ports to scan, and what to tell the user about them.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Chosen {
    pub ports: PortLists,
    pub warnings: Vec<PortWarning>,
}

/// Why a list or a choice of ports cannot be used.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PortError {
    pub kind: PortErrorKind,
    /// The list it is in; empty when the fault is not in a list.
    pub list: String,
    /// Byte position in `list`, counted from 0.
    pub at: usize,
}

/// Causes of a [`PortError`].
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum PortErrorKind {
    /// A letter before a colon that is no protocol.
    UnknownProtocol(String),
    Backwards {
        from: u32,
        to: u32,
    },
    OutOfRange {
        number: String,
        max: u32,
    },
    UnexpectedBracket,
    NestedBracket,
    Empty,
    NoMatch(String),
    NameTooLong,
    Unexpected(char),
    GivenTwice,
    FastWithList,
    TopOutOfRange(u32),
    /// `--port-ratio` takes 0 and more, but less than 1.
    RatioOutOfRange,
    /// Our own list of services has no ratios.
    NoRatios,
}

/// What is worth telling though the scan goes on.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum PortWarning {
    /// Some port was named more than once.
    Repeated,
    /// Ports of a protocol that no chosen scan uses.
    Unused(Protocol),
    /// A chosen scan has no ports.
    NoPorts(Protocol),
}

impl Protocols {
    /// Whether a scan uses `protocol`.
    pub fn includes(self, protocol: Protocol) -> bool {
        match protocol {
            Protocol::Tcp => self.tcp,
            Protocol::Udp => self.udp,
            Protocol::Sctp => self.sctp,
            Protocol::Ip => self.ip,
        }
    }
}

const ALL: [Protocol; 4] = [Protocol::Tcp, Protocol::Udp, Protocol::Sctp, Protocol::Ip];

impl PortLists {
    /// The ports of one protocol.
    pub fn of(&self, protocol: Protocol) -> &[u16] {
        match protocol {
            Protocol::Tcp => &self.tcp,
            Protocol::Udp => &self.udp,
            Protocol::Sctp => &self.sctp,
            Protocol::Ip => &self.ip,
        }
    }

    fn of_mut(&mut self, protocol: Protocol) -> &mut Vec<u16> {
        match protocol {
            Protocol::Tcp => &mut self.tcp,
            Protocol::Udp => &mut self.udp,
            Protocol::Sctp => &mut self.sctp,
            Protocol::Ip => &mut self.ip,
        }
    }

    /// Whether no protocol has a port.
    pub fn is_empty(&self) -> bool {
        ALL.iter().all(|&protocol| self.of(protocol).is_empty())
    }
}

/// Reads one list in the grammar of `-p`.
///
/// # Errors
/// The first fault, with its place.
pub fn parse(list: &str, protocols: Protocols) -> Result<Chosen, PortError> {
    let text: Vec<u8> = list.bytes().collect();
    let mut parser = Parser {
        text: &text,
        at: 0,
        protocols,
        marked: None,
        bracket: None,
        sets: Default::default(),
        any: false,
        repeated: false,
    };
    let parsed = parser.list();
    let error = |kind| PortError { kind, list: list.to_string(), at: parser.at.min(list.len()) };
    parsed.map_err(error)?;
    if !parser.any {
        return Err(error(PortErrorKind::Empty));
    }
    Ok(parser.finish())
}

/// The ports that the options choose.
///
/// # Errors
/// Options that contradict each other, numbers out of range, lists that [`parse`] refuses.
pub fn choose(options: &PortOptions) -> Result<Chosen, PortError> {
    let wrong = |kind| PortError { kind, list: String::new(), at: 0 };
    if options.lists.len() > 1 {
        return Err(wrong(PortErrorKind::GivenTwice));
    }
    if options.fast && !options.lists.is_empty() {
        return Err(wrong(PortErrorKind::FastWithList));
    }
    if let Some(top) = options.top.filter(|top| !(1..=65_536).contains(top)) {
        return Err(wrong(PortErrorKind::TopOutOfRange(top)));
    }
    if options.top.is_some() && services::lacks_ratios() {
        return Err(wrong(PortErrorKind::NoRatios));
    }
    if let Some(ratio) = options.ratio {
        if !(0.0..1.0).contains(&ratio) {
            return Err(wrong(PortErrorKind::RatioOutOfRange));
        }
        if !services::has_ratios() {
            return Err(wrong(PortErrorKind::NoRatios));
        }
    }
    let mut chosen = match options.lists.first() {
        Some(list) => parse(list, options.protocols)?,
        None => Chosen::default(),
    };
    let excluded = match options.exclude {
        Some(list) => parse(list, Protocols { tcp: true, udp: true, sctp: true, ip: true })?.ports,
        None => PortLists::default(),
    };
    for protocol in ALL.into_iter().filter(|&protocol| options.protocols.includes(protocol)) {
        let listed = options.lists.first().map(|_| chosen.ports.of(protocol));
        let ports = choose_for(protocol, listed, excluded.of(protocol), options);
        if ports.is_empty() {
            chosen.warnings.push(PortWarning::NoPorts(protocol));
        }
        *chosen.ports.of_mut(protocol) = ports;
    }
    Ok(chosen)
}

/// The ports of one protocol: the listed ones, of which `--top-ports` picks, or the most common of all.
fn choose_for(protocol: Protocol, listed: Option<&[u16]>, excluded: &[u16], options: &PortOptions) -> Vec<u16> {
    let allowed = |port: &u16| {
        excluded.binary_search(port).is_err() && listed.is_none_or(|listed| listed.binary_search(port).is_ok())
    };
    if let Some(ratio) = options.ratio {
        let often = |port: &u16| services::ratio(protocol, *port).is_some_and(|found| found >= ratio);
        let mut ports: Vec<u16> =
            services::by_popularity(protocol).into_iter().filter(|port| allowed(port) && often(port)).collect();
        ports.sort_unstable();
        return ports;
    }
    if services::lacks_ratios() && listed.is_none() {
        let is_low = |port: &u16| !options.fast && (1..=1024).contains(port);
        let wanted = |port: &u16| allowed(port) && (is_low(port) || services::is_listed(protocol, *port));
        return (0..=u16::MAX).filter(wanted).collect();
    }
    let count = match (options.top, listed) {
        (Some(top), _) => top,
        (None, Some(listed)) => return listed.iter().copied().filter(allowed).collect(),
        (None, None) if options.fast => FAST_COUNT,
        (None, None) => DEFAULT_COUNT,
    };
    let order = match protocol {
        Protocol::Ip => (0..=255).collect(),
        _ => services::by_popularity(protocol),
    };
    let mut ports: Vec<u16> = order.into_iter().filter(allowed).take(count as usize).collect();
    ports.sort_unstable();
    ports
}

/// The order in which to ask: shuffled by `seed`, with the most common ports first, unless `sequential`.
pub fn scan_order(protocol: Protocol, ports: &[u16], sequential: bool, seed: u64) -> Vec<u16> {
    /// Ports that scripts most likely ask for.
    const FIRST_COUNT: usize = 30;
    let mut order = ports.to_vec();
    if sequential {
        return order;
    }
    // SplitMix64: good enough to spread probes, and the same for the same seed everywhere.
    let mut state = seed;
    let mut random = || {
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut value = state;
        value = (value ^ (value >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        value = (value ^ (value >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        value ^ (value >> 31)
    };
    for i in (1..order.len()).rev() {
        order.swap(i, (random() % (i as u64 + 1)) as usize);
    }
    let ranks = services::by_popularity(protocol);
    let first = &ranks[..FIRST_COUNT.min(ranks.len())];
    let (mut front, rest): (Vec<u16>, Vec<u16>) = order.into_iter().partition(|port| first.contains(port));
    front.sort_by_key(|port| first.iter().position(|common| common == port));
    front.extend(rest);
    front
}

/// Which ports of a protocol are in the list.
type Set = Vec<bool>;

/// Walks over a list once.
struct Parser<'a> {
    text: &'a [u8],
    /// Index of the next byte.
    at: usize,
    protocols: Protocols,
    /// The protocol of the last marker.
    marked: Option<Protocol>,
    /// Inside brackets: the marker that was valid before them.
    bracket: Option<Option<Protocol>>,
    /// ORDER: as `ALL`. Empty until the first port.
    sets: [Set; 4],
    /// Some item was read.
    any: bool,
    repeated: bool,
}

type Parsed<T> = Result<T, PortErrorKind>;

impl Parser<'_> {
    fn peek(&mut self) -> Option<u8> {
        while self.text.get(self.at) == Some(&b' ') {
            self.at += 1;
        }
        self.text.get(self.at).copied()
    }

    fn take(&mut self, byte: u8) -> bool {
        let found = self.peek() == Some(byte);
        self.at += usize::from(found);
        found
    }

    /// `item { "," item } [","]`, brackets included: they only change how items count.
    fn list(&mut self) -> Parsed<()> {
        while self.peek().is_some() {
            self.item()?;
            while self.take(b']') {
                self.at -= 1;
                let before = self.bracket.take().ok_or(PortErrorKind::UnexpectedBracket)?;
                self.at += 1;
                self.marked = before;
            }
            match self.peek() {
                None => {}
                Some(b',') => self.at += 1,
                Some(_) => return Err(self.unexpected()),
            }
        }
        Ok(())
    }

    /// `[proto ":"] ( range | name | "[" )`
    fn item(&mut self) -> Parsed<()> {
        self.marker()?;
        if self.peek() == Some(b'[') {
            if self.bracket.is_some() {
                return Err(PortErrorKind::NestedBracket);
            }
            self.at += 1;
            self.bracket = Some(self.marked);
            self.marker()?;
        }
        match self.peek() {
            Some(b'0'..=b'9' | b'-') => self.range(),
            Some(b'a'..=b'z' | b'*' | b'?') => self.name(),
            Some(b']') if self.bracket.is_some() => Ok(()),
            Some(b']') => Err(PortErrorKind::UnexpectedBracket),
            _ => Err(self.unexpected()),
        }
    }

    /// A protocol letter and a colon, if they come next.
    fn marker(&mut self) -> Parsed<()> {
        let Some(letter) = self.peek().filter(u8::is_ascii_alphabetic) else { return Ok(()) };
        if self.text.get(self.at + 1) != Some(&b':') {
            return Ok(());
        }
        self.marked = Some(match letter {
            b'T' => Protocol::Tcp,
            b'U' => Protocol::Udp,
            b'S' => Protocol::Sctp,
            b'P' => Protocol::Ip,
            _ => return Err(PortErrorKind::UnknownProtocol(char::from(letter).to_string())),
        });
        self.at += 2;
        Ok(())
    }

    /// `N`, `N-M`, `N-`, `-M` or `-`.
    fn range(&mut self) -> Parsed<()> {
        let start = self.at;
        let first = self.number()?;
        let (from, to) = if self.take(b'-') {
            let last = self.number()?;
            (first.unwrap_or(1), last.unwrap_or(u32::from(u16::MAX)))
        } else {
            let only = first.expect("a range starts with a digit or a dash");
            (only, only)
        };
        if from > to {
            self.at = start;
            return Err(PortErrorKind::Backwards { from, to });
        }
        for (idx, protocol) in ALL.into_iter().enumerate() {
            if self.applies_to(protocol) {
                // A list for every protocol may name ports that protocol numbers do not reach.
                let max = if protocol == Protocol::Ip { IP_PROTOCOL_MAX } else { u32::from(u16::MAX) };
                if to > max && self.marked == Some(protocol) && last_is_written(&self.text[start..self.at]) {
                    self.at = start;
                    return Err(PortErrorKind::OutOfRange { number: to.to_string(), max });
                }
                (from..=to.min(max)).for_each(|port| self.insert(idx, protocol, port as u16));
            }
        }
        self.any = true;
        Ok(())
    }

    fn number(&mut self) -> Parsed<Option<u32>> {
        self.peek();
        let start = self.at;
        while self.text.get(self.at).is_some_and(u8::is_ascii_digit) {
            self.at += 1;
        }
        let digits = &self.text[start..self.at];
        if digits.is_empty() {
            return Ok(None);
        }
        let number = String::from_utf8_lossy(digits).into_owned();
        match number.parse().ok().filter(|&value: &u32| value <= u32::from(u16::MAX)) {
            Some(value) => Ok(Some(value)),
            None => {
                self.at = start;
                Err(PortErrorKind::OutOfRange { number, max: u32::from(u16::MAX) })
            }
        }
    }

    /// A service name with wildcards.
    fn name(&mut self) -> Parsed<()> {
        let start = self.at;
        let is_name = |byte: &u8| byte.is_ascii_alphanumeric() || b"-_.*?".contains(byte);
        while self.text.get(self.at).is_some_and(is_name) {
            self.at += 1;
        }
        let pattern = &self.text[start..self.at];
        if pattern.len() > NAME_LEN_MAX {
            self.at = start;
            return Err(PortErrorKind::NameTooLong);
        }
        let mut found = false;
        for (idx, protocol) in ALL.into_iter().enumerate() {
            if !self.applies_to(protocol) {
                continue;
            }
            for (port, name) in services::named(protocol) {
                if matches(pattern, name.as_bytes()) {
                    self.insert(idx, protocol, port);
                    found = true;
                }
            }
        }
        if !found {
            let name = String::from_utf8_lossy(pattern).into_owned();
            self.at = start;
            return Err(PortErrorKind::NoMatch(name));
        }
        self.any = true;
        Ok(())
    }

    /// An item without a marker is for every protocol in use, one with a marker for that protocol alone.
    fn applies_to(&self, protocol: Protocol) -> bool {
        self.marked.map_or(self.protocols.includes(protocol), |marked| marked == protocol)
    }

    fn insert(&mut self, idx: usize, protocol: Protocol, port: u16) {
        if self.bracket.is_some() && !services::is_listed(protocol, port) {
            return;
        }
        let set = &mut self.sets[idx];
        if set.is_empty() {
            *set = vec![false; 1 << 16];
        }
        self.repeated |= std::mem::replace(&mut set[usize::from(port)], true);
    }

    fn unexpected(&self) -> PortErrorKind {
        let rest = String::from_utf8_lossy(&self.text[self.at.min(self.text.len())..]).into_owned();
        rest.chars().next().map_or(PortErrorKind::Empty, PortErrorKind::Unexpected)
    }

    fn finish(&self) -> Chosen {
        let mut chosen = Chosen::default();
        for (idx, protocol) in ALL.into_iter().enumerate() {
            let ports = (0..=u16::MAX).filter(|&port| self.sets[idx].get(usize::from(port)) == Some(&true));
            *chosen.ports.of_mut(protocol) = ports.collect();
            if !chosen.ports.of(protocol).is_empty() && !self.protocols.includes(protocol) {
                chosen.warnings.push(PortWarning::Unused(protocol));
            }
        }
        if self.repeated {
            chosen.warnings.push(PortWarning::Repeated);
        }
        chosen
    }
}

/// Whether a range ends in a number rather than in a dash.
fn last_is_written(range: &[u8]) -> bool {
    range.iter().rev().find(|&&byte| byte != b' ').is_some_and(u8::is_ascii_digit)
}

/// Whether `name` fits `pattern`, where `*` is any text and `?` any character; case does not count.
/// Only the last `*` is ever tried again, so the time is at most the product of the lengths.
fn matches(pattern: &[u8], name: &[u8]) -> bool {
    let (mut p, mut n) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    while n < name.len() {
        match pattern.get(p) {
            Some(b'*') => {
                star = Some((p, n));
                p += 1;
            }
            Some(&byte) if byte == b'?' || byte.eq_ignore_ascii_case(&name[n]) => {
                p += 1;
                n += 1;
            }
            _ => {
                let Some((star_p, star_n)) = star else { return false };
                star = Some((star_p, star_n + 1));
                p = star_p + 1;
                n = star_n + 1;
            }
        }
    }
    pattern[p..].iter().all(|&byte| byte == b'*')
}

impl fmt::Display for PortError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.list.is_empty() {
            write!(f, "port list \"{}\", character {}: ", self.list.escape_debug(), self.at + 1)?;
        }
        match &self.kind {
            PortErrorKind::UnknownProtocol(letter) => {
                write!(f, "'{letter}:' is no protocol; use T: (TCP), U: (UDP), S: (SCTP) or P: (IP protocol)")
            }
            PortErrorKind::Backwards { from, to } => {
                write!(f, "the range {from}-{to} is backwards; did you mean {to}-{from}?")
            }
            PortErrorKind::OutOfRange { number, max } => write!(f, "{number} is not between 0 and {max}"),
            PortErrorKind::UnexpectedBracket => f.write_str("']' without '['"),
            PortErrorKind::NestedBracket => f.write_str("'[' inside brackets"),
            PortErrorKind::Empty => f.write_str("no ports are listed"),
            PortErrorKind::NoMatch(name) => write!(f, "no service is named \"{name}\""),
            PortErrorKind::NameTooLong => write!(f, "a service name has at most {NAME_LEN_MAX} characters"),
            PortErrorKind::Unexpected(found) => write!(f, "unexpected {found:?}"),
            PortErrorKind::GivenTwice => f.write_str("-p may be given only once; separate ports by commas"),
            PortErrorKind::FastWithList => f.write_str("-F and -p cannot be used together"),
            PortErrorKind::TopOutOfRange(count) => {
                write!(f, "--top-ports takes a number from 1 to 65536, not {count}")
            }
            PortErrorKind::RatioOutOfRange => f.write_str("--port-ratio takes a number from 0 up, below 1"),
            PortErrorKind::NoRatios => f.write_str(
                "--port-ratio and --top-ports choose by ratios, which the list of services lacks: see --servicedb",
            ),
        }
    }
}

impl std::error::Error for PortError {}

impl fmt::Display for PortWarning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let option = |protocol| match protocol {
            Protocol::Tcp => "TCP",
            Protocol::Udp => "UDP",
            Protocol::Sctp => "SCTP",
            Protocol::Ip => "IP protocol",
        };
        match *self {
            PortWarning::Repeated => f.write_str("some ports are listed more than once"),
            PortWarning::Unused(protocol) => {
                write!(f, "{} ports are listed, but no {0} scan was asked for", option(protocol))
            }
            PortWarning::NoPorts(protocol) => {
                write!(f, "a {} scan was asked for, but it has no ports", option(protocol))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TCP: Protocols = Protocols { tcp: true, udp: false, sctp: false, ip: false };
    const BOTH: Protocols = Protocols { tcp: true, udp: true, sctp: false, ip: false };
    const IP: Protocols = Protocols { tcp: false, udp: false, sctp: false, ip: true };

    /// `T:…`, `U:…` with ranges, then the warnings after a semicolon; an error is its kind's message.
    fn show(result: Result<Chosen, PortError>) -> String {
        let chosen = match result {
            Ok(chosen) => chosen,
            Err(error) => return error.to_string(),
        };
        let mut parts = Vec::new();
        for (protocol, letter) in ALL.into_iter().zip(["", "U:", "S:", "P:"]) {
            let ports = chosen.ports.of(protocol);
            let runs = ports.chunk_by(|a, b| a + 1 == *b).map(|run| match run {
                [only] => only.to_string(),
                [first, .., last] => format!("{first}-{last}"),
                [] => unreachable!("chunks are never empty"),
            });
            if !ports.is_empty() {
                parts.push(format!("{letter}{}", runs.collect::<Vec<_>>().join(",")));
            }
        }
        parts.extend(chosen.warnings.iter().map(|warning| format!("; {warning}")));
        parts.join(" ")
    }

    #[test]
    fn lists() {
        let rows = [
            ("80", TCP, "80"),
            (" 22 , 80 - 82,", TCP, "22,80-82"),
            ("0,-3,65534-", TCP, "0-3,65534-65535"),
            ("-", TCP, "1-65535"),
            ("0-10", TCP, "0-10"),
            ("443,80", BOTH, "80,443 U:80,443"),
            ("U:53,T:80,81", BOTH, "80-81 U:53"),
            ("53,U:161,162", BOTH, "53 U:53,161-162"),
            ("T:80,U:53", TCP, "80 U:53 ; UDP ports are listed, but no UDP scan was asked for"),
            ("80,80-81", TCP, "80-81 ; some ports are listed more than once"),
            ("ssh", TCP, "22"),
            ("?sh", TCP, "22"),
            ("kerberos-s*,telnet", TCP, "23,88"),
            ("[20-26],3", TCP, "3,20-23,25"),
            ("[20-26", TCP, "20-23,25"),
            ("[T:22,U:67],5", BOTH, "5,22 U:5,67"),
            ("T:[22],5", BOTH, "5,22"),
            ("6", IP, "P:6"),
            ("-", IP, "P:1-255"),
            ("P:6,17", IP, "P:6,17"),
        ];
        for (list, protocols, expected) in rows {
            assert_eq!(show(parse(list, protocols)), expected, "{list}");
        }
    }

    #[test]
    fn errors() {
        let rows = [
            ("", "no ports are listed"),
            ("  ", "no ports are listed"),
            ("[]", "port list \"[]\", character 3: no ports are listed"),
            (",", "port list \",\", character 1: unexpected ','"),
            ("1,,2", "port list \"1,,2\", character 3: unexpected ','"),
            (
                "X:5",
                "port list \"X:5\", character 1: 'X:' is no protocol; use T: (TCP), U: (UDP), S: (SCTP) or P: (IP protocol)",
            ),
            ("30-20", "port list \"30-20\", character 1: the range 30-20 is backwards; did you mean 20-30?"),
            ("1,65536", "port list \"1,65536\", character 3: 65536 is not between 0 and 65535"),
            ("99999999999999", "port list \"99999999999999\", character 1: 99999999999999 is not between 0 and 65535"),
            ("P:256", "port list \"P:256\", character 3: 256 is not between 0 and 255"),
            ("80]", "port list \"80]\", character 3: ']' without '['"),
            ("[1,[2]]", "port list \"[1,[2]]\", character 4: '[' inside brackets"),
            ("nosuch", "port list \"nosuch\", character 1: no service is named \"nosuch\""),
            ("HTTP", "port list \"HTTP\", character 1: unexpected 'H'"),
            ("80 é", "port list \"80 é\", character 4: unexpected 'é'"),
            ("1-2-3", "port list \"1-2-3\", character 4: unexpected '-'"),
            ("T:", "no ports are listed"),
        ];
        for (list, expected) in rows {
            let got = show(parse(list, TCP));
            assert!(got.ends_with(expected), "{list}: {got}");
        }
        assert!(matches!(parse(&"a".repeat(200), TCP).unwrap_err().kind, PortErrorKind::NameTooLong));
    }

    #[test]
    fn choices() {
        let base = PortOptions { protocols: TCP, ..PortOptions::default() };
        assert_eq!(choose(&base).unwrap().ports.tcp.len(), 1000);
        assert_eq!(choose(&PortOptions { fast: true, ..base }).unwrap().ports.tcp.len(), 100);
        assert_eq!(choose(&PortOptions { top: Some(65_536), ..base }).unwrap().ports.tcp.len(), 65_536);
        let top = PortOptions { top: Some(5), ..base };
        assert_eq!(show(choose(&top)), "22,80,443,445,3389");
        assert_eq!(show(choose(&PortOptions { lists: &["1-100"], ..top })), "21-23,25,80");
        assert_eq!(show(choose(&PortOptions { exclude: Some("80,443"), ..top })), "21-22,25,445,3389");
        assert_eq!(show(choose(&PortOptions { lists: &["1-9"], exclude: Some("2-8"), ..base })), "1,9");
        let none = PortOptions { lists: &["5"], exclude: Some("5"), ..base };
        assert_eq!(show(choose(&none)), "; a TCP scan was asked for, but it has no ports");
    }

    #[test]
    fn contradictions() {
        let base = PortOptions { protocols: TCP, ..PortOptions::default() };
        let kind = |options: PortOptions| choose(&options).unwrap_err().kind;
        assert_eq!(kind(PortOptions { lists: &["1", "2"], ..base }), PortErrorKind::GivenTwice);
        assert_eq!(kind(PortOptions { lists: &["1"], fast: true, ..base }), PortErrorKind::FastWithList);
        assert_eq!(kind(PortOptions { top: Some(0), ..base }), PortErrorKind::TopOutOfRange(0));
    }

    #[test]
    fn order_starts_with_common_ports_and_keeps_all() {
        let ports: Vec<u16> = (1..=100).collect();
        assert_eq!(scan_order(Protocol::Tcp, &ports, true, 1), ports);
        let mut order = scan_order(Protocol::Tcp, &ports, false, 1);
        assert_eq!(order[..5], [80, 22, 21, 25, 23]);
        assert_ne!(order, scan_order(Protocol::Tcp, &ports, false, 2));
        order.sort_unstable();
        assert_eq!(order, ports);
    }

    #[test]
    fn wildcards_take_bounded_time() {
        let pattern = "*a".repeat(60) + "b";
        assert!(!matches(pattern.as_bytes(), "a".repeat(120).as_bytes()));
        assert!(matches(b"h*p?", b"HTTPS") && matches(b"*", b"") && !matches(b"?", b""));
    }
}
