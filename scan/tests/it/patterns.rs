//! The patterns of an installed Nmap's service detection (`apt-get install nmap`).

use perilune_scan::regex::{Flags, Regex};
use std::fs;

const PROBES: &str = "/usr/share/nmap/nmap-service-probes";

/// The pattern of a `match` or `softmatch` line and its flags.
fn pattern_of(line: &[u8]) -> Option<(&[u8], &[u8])> {
    let rest = line.strip_prefix(b"match ").or(line.strip_prefix(b"softmatch "))?;
    let at = rest.windows(2).position(|pair| pair == b" m")?;
    let (&delimiter, body) = rest[at + 2..].split_first()?;
    let end = body.iter().position(|&byte| byte == delimiter)?;
    let flags = body[end + 1..].split(|&byte| byte == b' ').next()?;
    Some((&body[..end], flags))
}

#[test]
fn all_patterns_of_service_detection_compile() {
    let text = fs::read(PROBES).expect("Nmap is installed");
    let (mut count, mut failed) = (0, Vec::new());
    for line in text.split(|&byte| byte == b'\n') {
        let Some((pattern, flags)) = pattern_of(line) else { continue };
        count += 1;
        let flags =
            Flags { case_insensitive: flags.contains(&b'i'), dot_all: flags.contains(&b's'), ..Flags::default() };
        if let Err(error) = Regex::new(pattern, flags) {
            failed.push(format!("{error}: {}", pattern.escape_ascii()));
        }
    }
    assert!(count > 10_000, "only {count} patterns");
    assert!(failed.is_empty(), "{} of {count}: {}", failed.len(), failed.join("\n"));
}
