//! The file format of service probes: what is sent, and which answers name which service.
//!
//! A file of the size that is in use has twelve thousand patterns, and a scan needs few of them. So reading the file
//! checks and remembers where things stand in it; patterns are compiled by [`super::matching`] when an answer could
//! fit. A line that is wrong is skipped and reported, the others count.
//!
//! # Invariants
//! - P1. A [`Span`] lies within the text of its file.
//!
//! # Source
//! The format that Nmap's documentation describes. Difference: a bad line is a warning, where the reference stops.

use super::matching::Required;
use super::template;
use crate::port::{self, PortLists, Protocols};
use crate::regex::Flags;
use crate::result::Protocol;
use std::fmt;
use std::ops::RangeInclusive;

/// The longest line.
pub const LINE_MAX: usize = 8_191;
/// The largest file.
pub const FILE_MAX: usize = 64 << 20;
/// Probes that the matches of one may fall back to.
const FALLBACKS_MAX: usize = 20;
/// What counts when a probe does not say.
const RARITY: u8 = 5;
/// The same: milliseconds an answer is waited for.
const TOTAL_WAIT_MS: u64 = 5_000;
/// The same: a connection closed within these milliseconds is a wrapper's.
const TCPWRAPPED_MS: u64 = 2_000;

/// A piece of the file's text.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Span {
    start: u32,
    end: u32,
}

/// A probe file that was read.
#[derive(Debug)]
pub struct ProbeFile {
    text: Vec<u8>,
    /// Ports that are never probed unless the user insists.
    pub(super) exclude: PortLists,
    pub(super) probes: Vec<Probe>,
    /// Lines that were skipped, and why.
    pub warnings: Vec<FileWarning>,
}

/// What is wrong with a line.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct FileWarning {
    /// From 1.
    pub line: usize,
    pub reason: String,
}

impl fmt::Display for FileWarning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: {}", self.line, self.reason)
    }
}

/// What is sent, when, and what its answers mean.
#[derive(Debug)]
pub(super) struct Probe {
    pub protocol: Protocol,
    pub name: String,
    pub payload: Vec<u8>,
    /// Kept out of the payloads of a UDP scan.
    pub no_payload: bool,
    /// The local port it asks for.
    pub source: Option<u16>,
    ports: Vec<RangeInclusive<u16>>,
    tls_ports: Vec<RangeInclusive<u16>>,
    pub rarity: u8,
    pub total_wait_ms: u64,
    pub tcpwrapped_ms: u64,
    /// Indices of the probes whose matches are tried after its own.
    pub fallbacks: Vec<usize>,
    fallback_names: Vec<(usize, String)>,
    pub matches: Vec<Match>,
}

/// A `match` or `softmatch` line.
#[derive(Debug)]
pub(super) struct Match {
    /// From 1.
    pub line: usize,
    pub service: Span,
    pub is_soft: bool,
    pub pattern: Span,
    pub flags: Flags,
    pub templates: Span,
    /// Bytes that every subject of it holds.
    pub required: Required,
}

impl Probe {
    /// Whether nothing is sent: the service is expected to speak first.
    pub fn is_null(&self) -> bool {
        self.protocol == Protocol::Tcp && self.payload.is_empty()
    }

    /// Whether the port is one where this probe is likely right.
    pub fn lists(&self, port: u16, in_tls: bool) -> bool {
        let ports = if in_tls { &self.tls_ports } else { &self.ports };
        ports.iter().any(|range| range.contains(&port))
    }
}

impl ProbeFile {
    /// Reads a file; what can't be read is in `warnings`.
    pub fn parse(text: Vec<u8>) -> ProbeFile {
        let mut file = ProbeFile { text, exclude: PortLists::default(), probes: Vec::new(), warnings: Vec::new() };
        if file.text.len() > FILE_MAX {
            file.text.clear();
            file.warn(1, "the file is too large");
        }
        let (mut start, mut number) = (0, 0);
        while start < file.text.len() {
            number += 1;
            let len = memchr::memchr(b'\n', &file.text[start..]).unwrap_or(file.text.len() - start);
            let end = start + len;
            if let Err(reason) = file.line(start, end, number) {
                file.warn(number, reason);
            }
            start = end + 1;
        }
        file.resolve_fallbacks();
        file
    }

    pub(super) fn bytes(&self, span: Span) -> &[u8] {
        &self.text[span.start as usize..span.end as usize]
    }

    pub(super) fn service(&self, line: &Match) -> String {
        String::from_utf8_lossy(self.bytes(line.service)).into_owned()
    }

    /// Ports that are left alone.
    pub fn excluded(&self) -> &PortLists {
        &self.exclude
    }

    /// How many `match` and `softmatch` lines there are.
    pub fn match_count(&self) -> usize {
        self.probes.iter().map(|probe| probe.matches.len()).sum()
    }

    /// How many probes there are.
    pub fn probe_count(&self) -> usize {
        self.probes.len()
    }

    /// Patterns with their flags, in file order.
    pub fn patterns(&self) -> impl Iterator<Item = (usize, &[u8], Flags)> {
        let lines = self.probes.iter().flat_map(|probe| &probe.matches);
        lines.map(|line| (line.line, self.bytes(line.pattern), line.flags))
    }

    /// Whether the quick test before a pattern's own lets a subject through; patterns count from 0 in file order.
    pub fn may_match(&self, idx: usize, subject: &[u8]) -> bool {
        let line = self.probes.iter().flat_map(|probe| &probe.matches).nth(idx);
        line.is_some_and(|line| {
            let lower = subject.to_ascii_lowercase();
            line.required.may_match(if line.flags.case_insensitive { &lower } else { subject })
        })
    }

    /// What a UDP scan sends to a port: all probes that list it, in file order.
    pub fn payloads(&self, port: u16) -> Vec<&[u8]> {
        let fits = |probe: &&Probe| {
            probe.protocol == Protocol::Udp && !probe.no_payload && probe.source.is_none() && probe.lists(port, false)
        };
        self.probes.iter().filter(fits).map(|probe| &probe.payload[..]).collect()
    }

    pub(super) fn is_possible(&self, probe: &Probe, service: &str) -> bool {
        probe.matches.iter().any(|line| self.bytes(line.service) == service.as_bytes())
    }

    fn warn(&mut self, line: usize, reason: impl Into<String>) {
        self.warnings.push(FileWarning { line, reason: reason.into() });
    }

    /// Reads one line.
    fn line(&mut self, start: usize, mut end: usize, number: usize) -> Result<(), String> {
        if end > start && self.text[end - 1] == b'\r' {
            end -= 1;
        }
        let line = &self.text[start..end];
        if line.is_empty() || line[0] == b'#' {
            return Ok(());
        }
        if line.len() > LINE_MAX {
            return Err("the line is too long".into());
        }
        let word_len = line.iter().position(|&byte| byte == b' ').unwrap_or(line.len());
        let (word, rest) = (&line[..word_len], &line[(word_len + 1).min(line.len())..]);
        match word {
            b"Probe" => {
                let probe = probe(rest)?;
                if self.probes.iter().any(|other| other.protocol == probe.protocol && other.name == probe.name) {
                    return Err(format!("a second probe named {}", probe.name));
                }
                self.probes.push(probe);
                return Ok(());
            }
            b"Exclude" => {
                let everything = Protocols { tcp: true, udp: true, sctp: true, ip: false };
                let chosen = port::parse(text(rest)?, everything).map_err(|error| error.to_string())?;
                if !self.exclude.is_empty() {
                    return Err("a second Exclude".into());
                }
                self.exclude = chosen.ports;
                return Ok(());
            }
            _ => {}
        }
        if self.probes.is_empty() {
            return Err(format!("{} before the first Probe", String::from_utf8_lossy(word)));
        }
        if word == b"match" || word == b"softmatch" {
            let line = match_line(&self.text, start + word_len + 1, end, word == b"softmatch", number)?;
            self.probes.last_mut().expect("checked above").matches.push(line);
            return Ok(());
        }
        let value = text(rest)?.trim();
        let probe = self.probes.last_mut().expect("checked above");
        match word {
            b"ports" => probe.ports = ranges(value)?,
            b"sslports" => probe.tls_ports = ranges(value)?,
            b"rarity" => probe.rarity = bounded(value, 1, 9)? as u8,
            b"totalwaitms" => probe.total_wait_ms = bounded(value, 100, 300_000)?,
            b"tcpwrappedms" => probe.tcpwrapped_ms = bounded(value, 100, 300_000)?,
            b"fallback" => {
                let names = value.split(',').map(|name| (number, name.trim().to_owned()));
                probe.fallback_names = names.take(FALLBACKS_MAX).collect();
            }
            _ => return Err(format!("unknown directive {}", String::from_utf8_lossy(word))),
        }
        Ok(())
    }

    /// Names of fallbacks to indices; one of the same protocol is preferred.
    fn resolve_fallbacks(&mut self) {
        let mut unknown = Vec::new();
        for idx in 0..self.probes.len() {
            let names = std::mem::take(&mut self.probes[idx].fallback_names);
            for (number, name) in names {
                let named = |other: &&(usize, &Probe)| other.1.name == name;
                let all = || self.probes.iter().enumerate();
                let same = all().filter(|(_, other)| other.protocol == self.probes[idx].protocol).find(|it| named(&it));
                match same.or_else(|| all().find(|it| named(&it))) {
                    Some((other, _)) => self.probes[idx].fallbacks.push(other),
                    None => unknown.push((number, format!("fallback to the unknown probe {name}"))),
                }
            }
        }
        unknown.into_iter().for_each(|(line, reason)| self.warn(line, reason));
    }
}

fn text(bytes: &[u8]) -> Result<&str, String> {
    std::str::from_utf8(bytes).map_err(|_| "not text".into())
}

fn bounded(value: &str, min: u64, max: u64) -> Result<u64, String> {
    let number = value.parse().ok().filter(|number| (min..=max).contains(number));
    number.ok_or_else(|| format!("a number from {min} to {max} is expected"))
}

/// `80,8000-8010`
fn ranges(list: &str) -> Result<Vec<RangeInclusive<u16>>, String> {
    let wrong = |item: &str| format!("{item} is no port and no range of ports");
    let mut found = Vec::new();
    for item in list.split(',').map(str::trim).filter(|item| !item.is_empty()) {
        let (first, last) = item.split_once('-').unwrap_or((item, item));
        match (first.parse(), last.parse()) {
            (Ok(first), Ok(last)) if first <= last => found.push(first..=last),
            _ => return Err(wrong(item)),
        }
    }
    Ok(found)
}

/// `TCP name q|bytes| options`
fn probe(rest: &[u8]) -> Result<Probe, String> {
    let mut words = rest.splitn(3, |&byte| byte == b' ');
    let protocol = match words.next() {
        Some(b"TCP") => Protocol::Tcp,
        Some(b"UDP") => Protocol::Udp,
        _ => return Err("TCP or UDP is expected".into()),
    };
    let name = text(words.next().unwrap_or_default())?.to_owned();
    let Some([b'q', delimiter, body @ ..]) = words.next() else {
        return Err("q and a delimiter are expected".into());
    };
    let end = memchr::memchr(*delimiter, body).ok_or("the string has no end")?;
    if name.is_empty() {
        return Err("the probe has no name".into());
    }
    let mut probe = Probe {
        protocol,
        name,
        payload: unescape(&body[..end])?,
        no_payload: false,
        source: None,
        ports: Vec::new(),
        tls_ports: Vec::new(),
        rarity: RARITY,
        total_wait_ms: TOTAL_WAIT_MS,
        tcpwrapped_ms: TCPWRAPPED_MS,
        fallbacks: Vec::new(),
        fallback_names: Vec::new(),
        matches: Vec::new(),
    };
    for option in text(&body[end + 1..])?.split_whitespace() {
        match option.split_once('=') {
            None if option == "no-payload" => probe.no_payload = true,
            Some(("source", port)) => probe.source = Some(bounded(port, 1, 65_535)? as u16),
            _ => return Err(format!("unknown option {option}")),
        }
    }
    Ok(probe)
}

/// The bytes that a probe string stands for.
fn unescape(text: &[u8]) -> Result<Vec<u8>, String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.iter().copied();
    while let Some(byte) = rest.next() {
        if byte != b'\\' {
            bytes.push(byte);
            continue;
        }
        bytes.push(match rest.next() {
            Some(b'\\') => b'\\',
            Some(b'0') => 0,
            Some(b'a') => 7,
            Some(b'b') => 8,
            Some(b'f') => 12,
            Some(b'n') => b'\n',
            Some(b'r') => b'\r',
            Some(b't') => b'\t',
            Some(b'v') => 11,
            Some(b'x') => {
                let mut digit = || rest.next().and_then(|byte| char::from(byte).to_digit(16));
                let digits = digit().zip(digit()).ok_or("\\x needs two digits")?;
                (digits.0 * 16 + digits.1) as u8
            }
            _ => return Err("unknown escape in a probe string".into()),
        });
    }
    Ok(bytes)
}

/// `service m|pattern|flags templates`, at `start` to `end` of the file.
fn match_line(file: &[u8], start: usize, end: usize, is_soft: bool, line: usize) -> Result<Match, String> {
    let span = |start: usize, end: usize| Span { start: start as u32, end: end as u32 };
    let rest = &file[start.min(end)..end];
    let service_len = rest.iter().position(|&byte| byte == b' ').ok_or("no pattern")?;
    let at = service_len + rest[service_len..].iter().position(|&byte| byte != b' ').ok_or("no pattern")?;
    let [b'm', delimiter, body @ ..] = &rest[at..] else { return Err("m and a delimiter are expected".into()) };
    let len = memchr::memchr(*delimiter, body).ok_or("the pattern has no end")?;
    let (pattern_at, flags_at) = (start + at + 2, start + at + 3 + len);
    let mut flags = Flags::default();
    let flags_len = file[flags_at..end].iter().position(u8::is_ascii_whitespace).unwrap_or(end - flags_at);
    for &flag in &file[flags_at..flags_at + flags_len] {
        match flag {
            b'i' => flags.case_insensitive = true,
            b's' => flags.dot_all = true,
            _ => return Err(format!("unknown flag {}", char::from(flag).escape_default())),
        }
    }
    let templates = span(flags_at + flags_len, end);
    template::check(&file[flags_at + flags_len..end])?;
    Ok(Match {
        line,
        service: span(start, start + service_len),
        is_soft,
        pattern: span(pattern_at, pattern_at + len),
        flags,
        templates,
        required: Required::of(&body[..len], flags),
    })
}
