//! Questions to a name server and the answers, as bytes.
//!
//! Answers are hostile: every length is checked, a chain of compressed names ends after [`JUMPS_MAX`] jumps, and a name
//! is at most as long as the protocol allows. Bytes that have no place in a name are shown as `*`.
//!
//! # Source
//! RFC 1035 §4, RFC 3596 for IPv6.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Jumps of one compressed name.
const JUMPS_MAX: usize = 64;
/// Bytes of a name on the wire.
const NAME_MAX: usize = 255;
/// Records that are read of an answer.
const RECORDS_MAX: usize = 256;

const TYPE_A: u16 = 1;
const TYPE_CNAME: u16 = 5;
const TYPE_PTR: u16 = 12;
const TYPE_AAAA: u16 = 28;
const CLASS_IN: u16 = 1;

/// What is asked.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum Question {
    /// The name of an address.
    Reverse(IpAddr),
    /// IPv4 addresses of a name.
    V4(String),
    /// IPv6 addresses of a name.
    V6(String),
}

/// What a server says.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Reply {
    Names(Vec<String>),
    Addresses(Vec<IpAddr>),
    /// There is no such name.
    NoName,
    /// It did not fit a datagram.
    Truncated,
    /// The server can't or won't say.
    Refused,
}

impl Question {
    fn record_type(&self) -> u16 {
        match self {
            Question::Reverse(_) => TYPE_PTR,
            Question::V4(_) => TYPE_A,
            Question::V6(_) => TYPE_AAAA,
        }
    }

    /// The name that is asked for.
    fn name(&self) -> String {
        match self {
            Question::Reverse(IpAddr::V4(address)) => {
                let [a, b, c, d] = address.octets();
                format!("{d}.{c}.{b}.{a}.in-addr.arpa")
            }
            Question::Reverse(IpAddr::V6(address)) => {
                let nibbles = address.octets().into_iter().rev().flat_map(|byte| [byte & 15, byte >> 4]);
                nibbles.map(|nibble| format!("{nibble:x}.")).collect::<String>() + "ip6.arpa"
            }
            Question::V4(name) | Question::V6(name) => name.trim_end_matches('.').to_owned(),
        }
    }

    /// The question as a message; `None` when the name can't be asked for.
    pub(super) fn encode(&self, id: u16) -> Option<Vec<u8>> {
        let name = self.name();
        let mut message = Vec::with_capacity(18 + name.len());
        message.extend_from_slice(&id.to_be_bytes());
        // One question, recursion desired.
        message.extend_from_slice(&[1, 0, 0, 1, 0, 0, 0, 0, 0, 0]);
        if name.len() > NAME_MAX - 2 {
            return None;
        }
        for label in name.split('.') {
            let len = u8::try_from(label.len()).ok().filter(|len| (1..64).contains(len))?;
            message.push(len);
            message.extend_from_slice(label.as_bytes());
        }
        message.push(0);
        message.extend_from_slice(&self.record_type().to_be_bytes());
        message.extend_from_slice(&CLASS_IN.to_be_bytes());
        Some(message)
    }

    /// What a message answers to this question with this id; `None` when it is no answer to it.
    pub(super) fn decode(&self, id: u16, message: &[u8]) -> Option<Reply> {
        let word = |at: usize| message.get(at..at + 2).map(|bytes| u16::from_be_bytes([bytes[0], bytes[1]]));
        if word(0)? != id || message.get(2)? & 0x80 == 0 || word(4)? != 1 {
            return None;
        }
        let (asked, mut at) = name_at(message, 12)?;
        if !asked.eq_ignore_ascii_case(self.name().as_bytes()) || word(at)? != self.record_type() {
            return None;
        }
        at += 4;
        match message[3] & 15 {
            0 => {}
            3 => return Some(Reply::NoName),
            _ => return Some(Reply::Refused),
        }
        if message[2] & 2 != 0 {
            return Some(Reply::Truncated);
        }
        let (mut names, mut addresses) = (Vec::new(), Vec::new());
        // Records count that are about the name asked for, or one that it is said to stand for.
        let (mut meant, mut records) = (vec![asked.to_ascii_lowercase()], Vec::new());
        for _ in 0..usize::from(word(6)?).min(RECORDS_MAX) {
            let Some((owner, behind)) = name_at(message, at) else { break };
            let (Some(kind), Some(class), Some(len)) = (word(behind), word(behind + 2), word(behind + 8)) else {
                break;
            };
            let data_at = behind + 10;
            let Some(data) = message.get(data_at..data_at + usize::from(len)) else { break };
            at = data_at + data.len();
            if class == CLASS_IN && kind == TYPE_CNAME {
                meant.extend(name_at(message, data_at).map(|(name, _)| name.to_ascii_lowercase()));
            } else if class == CLASS_IN && kind == self.record_type() {
                records.push((owner.to_ascii_lowercase(), data_at, data));
            }
        }
        for (_, data_at, data) in records.into_iter().filter(|(owner, ..)| meant.contains(owner)) {
            match (self.record_type(), data) {
                (TYPE_PTR, _) => names.extend(name_at(message, data_at).map(|(name, _)| shown(&name))),
                (TYPE_A, &[a, b, c, d]) => addresses.push(IpAddr::V4(Ipv4Addr::new(a, b, c, d))),
                (TYPE_AAAA, data) => {
                    let bytes = <[u8; 16]>::try_from(data).ok();
                    addresses.extend(bytes.map(|bytes| IpAddr::V6(Ipv6Addr::from(bytes))));
                }
                _ => {}
            }
        }
        // The root is nobody's name.
        names.retain(|name: &String| !name.is_empty());
        Some(match self {
            Question::Reverse(_) => Reply::Names(names),
            _ => Reply::Addresses(addresses),
        })
    }
}

/// The name at a place of a message, with dots, and the place behind it.
fn name_at(message: &[u8], start: usize) -> Option<(Vec<u8>, usize)> {
    let (mut name, mut at, mut behind, mut jumps) = (Vec::new(), start, None, 0);
    loop {
        let len = usize::from(*message.get(at)?);
        match len {
            0 => return Some((name, behind.unwrap_or(at + 1))),
            1..64 => {
                let label = message.get(at + 1..at + 1 + len)?;
                if name.len() + len > NAME_MAX {
                    return None;
                }
                if !name.is_empty() {
                    name.push(b'.');
                }
                name.extend_from_slice(label);
                at += 1 + len;
            }
            0xC0.. => {
                let low = usize::from(*message.get(at + 1)?);
                behind = behind.or(Some(at + 2));
                at = (len & 0x3F) << 8 | low;
                jumps += 1;
                if jumps > JUMPS_MAX {
                    return None;
                }
            }
            _ => return None,
        }
    }
}

/// A name for outputs and scripts.
fn shown(name: &[u8]) -> String {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || b".-+=:_~*".contains(&byte);
    name.iter().map(|&byte| if fits(byte) { char::from(byte) } else { '*' }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(question: &Question, records: &[(u16, &[u8])]) -> Vec<u8> {
        let mut message = question.encode(7).unwrap();
        message[2] |= 0x80;
        message[7] = records.len() as u8;
        for (kind, data) in records {
            message.extend_from_slice(&[0xC0, 12]);
            message.extend_from_slice(&kind.to_be_bytes());
            message.extend_from_slice(&[0, 1, 0, 0, 0, 9, 0, data.len() as u8]);
            message.extend_from_slice(data);
        }
        message
    }

    #[test]
    fn names_and_addresses() {
        let reverse = Question::Reverse("192.0.2.1".parse().unwrap());
        let message = answer(&reverse, &[(5, b"\x01x\0"), (12, b"\x03a b\xC0\x12")]);
        assert_eq!(reverse.decode(7, &message), Some(Reply::Names(vec!["a*b.192.in-addr.arpa".into()])));
        assert_eq!(reverse.decode(8, &message), None);
        // The root is no name, and what is said of others is no answer, unless the name stands for them.
        let mut message = answer(&reverse, &[(12, b"\0"), (12, b"\x01y\0")]);
        let at = message.len() - 15;
        message[at..at + 2].copy_from_slice(&[0xC0, 0x12]);
        assert_eq!(reverse.decode(7, &message), Some(Reply::Names(vec![])));
        let mut message = answer(&reverse, &[(5, b"\xC0\x12"), (12, b"\x01y\0")]);
        let at = message.len() - 15;
        message[at..at + 2].copy_from_slice(&[0xC0, 0x12]);
        assert_eq!(reverse.decode(7, &message), Some(Reply::Names(vec!["y".into()])));
        let v6 = Question::V6("x.example.".into());
        let message = answer(&v6, &[(28, &[0; 16]), (28, &[1; 4])]);
        assert_eq!(v6.decode(7, &message), Some(Reply::Addresses(vec!["::".parse().unwrap()])));
        let loopback = Question::Reverse("::1".parse().unwrap());
        assert!(loopback.name().starts_with("1.0.0.") && loopback.name().ends_with(".0.ip6.arpa"));
    }

    #[test]
    fn hostile_messages_are_refused() {
        let question = Question::V4("x.example".into());
        let message = answer(&question, &[(1, &[1, 2, 3, 4])]);
        for len in 0..message.len() {
            let _ = question.decode(7, &message[..len]);
        }
        // A name that points at itself.
        let mut looped = message.clone();
        let at = message.len() - 16;
        looped[at..at + 2].copy_from_slice(&[0xC0, at as u8]);
        assert_eq!(question.decode(7, &looped), Some(Reply::Addresses(vec![])));
        assert!(Question::V4("a..b".into()).encode(1).is_none());
        assert!(Question::V4("a".repeat(64)).encode(1).is_none());
    }
}
