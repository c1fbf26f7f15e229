//! What the fuzz targets in `fuzz/` call: parsers of strangers' bytes that are nobody else's business.

use crate::dns::Question;
use crate::regex::{Flags, Regex};
use crate::version;

/// An answer of a name server, behind a byte that chooses the question; the question is put in front of it, since a
/// message that does not repeat it is never looked at.
pub fn dns_answer(input: &[u8]) {
    const ID: u16 = 0x1234;
    let Some((&choice, rest)) = input.split_first() else { return };
    let name = "a.example".to_owned();
    let question = match choice % 4 {
        0 => Question::Reverse([192, 0, 2, 1].into()),
        1 => Question::Reverse(std::net::Ipv6Addr::LOCALHOST.into()),
        2 => Question::V4(name),
        _ => Question::V6(name),
    };
    crate::dns::decode(&question, ID, rest);
    let Some(mut message) = crate::dns::encode(&question, ID) else { return };
    message[2] = 0x80;
    // The counts of records are the input's.
    let (counts, records) = rest.split_at(rest.len().min(6));
    message[6..6 + counts.len()].copy_from_slice(counts);
    message.extend_from_slice(records);
    crate::dns::decode(&question, ID, &message);
}

/// Templates of a line in a probe file, up to a zero byte, and an answer that they are filled from.
pub fn version_template(input: &[u8]) {
    let at = input.iter().position(|&byte| byte == 0).unwrap_or(input.len());
    let (templates, subject) = (&input[..at], input.get(at + 1..).unwrap_or_default());
    let regex = Regex::new(b"^(.)(.*?)(\\d+)?(..)$", Flags { dot_all: true, ..Flags::default() }).expect("it is right");
    if let Ok(Some(groups)) = regex.find(subject, 0) {
        version::fill(templates, subject, &groups);
    }
}
