//! The text that holds the answers of a service nobody knows.
//!
//! Scripts read answers from it and people compare it, so it has the reference's form: a head, then name, length and
//! escaped bytes of each answer.

use crate::result::Protocol;
use std::fmt::Write as _;

/// Bytes of one answer that are shown, and with debugging.
const ANSWER_MAX: usize = 900;
const ANSWER_DEBUG_MAX: usize = 1_300;
/// Text beyond which no answer is added.
const TEXT_MAX: usize = 2_200;
/// Columns of a line on the screen.
const COLUMNS: usize = 74;
const PLATFORM: &str = "x86_64-unknown-linux-gnu";

/// What stands in the head.
#[derive(Clone, Copy, Debug)]
pub(super) struct Head<'a> {
    pub protocol: Protocol,
    pub port: u16,
    pub in_tls: bool,
    pub intensity: u8,
    /// Month and day.
    pub date: (u8, u8),
    /// Since 1970.
    pub seconds: u64,
    pub version: &'a str,
    pub debugging: bool,
}

/// One line, without the marks that a report puts in front of its lines.
pub(super) fn of<'a>(head: &Head<'_>, answers: impl Iterator<Item = (&'a str, &'a [u8])>) -> String {
    let Head { protocol, port, intensity, date: (month, day), seconds, version, .. } = *head;
    let protocol = protocol.as_str().to_ascii_uppercase();
    let tunnel = if head.in_tls { "%T=SSL" } else { "" };
    let mut text = format!(
        "SF-Port{port}-{protocol}:V={version}{tunnel}%I={intensity}%D={month}/{day}%Time={seconds:X}%P={PLATFORM}"
    );
    let max = if head.debugging { ANSWER_DEBUG_MAX } else { ANSWER_MAX };
    for (name, answer) in answers.filter(|(_, answer)| !answer.is_empty()) {
        let shown = escape(&answer[..answer.len().min(max)]);
        if text.len() + shown.len() > TEXT_MAX + max {
            break;
        }
        // Writing to a string cannot fail.
        let _ = write!(text, "%r({name},{:X},\"{shown}\")", answer.len());
        if text.len() > TEXT_MAX {
            break;
        }
    }
    text.push(';');
    text
}

/// The lines of a fingerprint on the screen.
pub fn wrapped(fingerprint: &str) -> Vec<String> {
    let mut lines = Vec::new();
    let mut rest = fingerprint;
    let mut mark = "";
    while !rest.is_empty() {
        let len = rest.len().min(COLUMNS - mark.len());
        // A fingerprint is ASCII; what a script set may not be.
        let len = (len..=rest.len()).find(|&len| rest.is_char_boundary(len)).unwrap_or(rest.len());
        lines.push(format!("{mark}{}", &rest[..len]));
        rest = &rest[len..];
        mark = "SF:";
    }
    lines
}

fn escape(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len() * 2);
    for (idx, &byte) in bytes.iter().enumerate() {
        match byte {
            0 if bytes.get(idx + 1).is_some_and(u8::is_ascii_digit) => text.push_str("\\x00"),
            0 => text.push_str("\\0"),
            b'\r' => text.push_str("\\r"),
            b'\n' => text.push_str("\\n"),
            b'\t' => text.push_str("\\t"),
            b'\\' | b'?' | b'"' | b'[' | b']' | b'(' | b')' | b'.' | b'*' | b'+' | b'$' | b'^' | b'|' => {
                text.push('\\');
                text.push(char::from(byte));
            }
            b'!'..=b'~' => text.push(char::from(byte)),
            byte => {
                let _ = write!(text, "\\x{byte:02x}");
            }
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn form_and_wrapping() {
        let head = Head {
            protocol: Protocol::Tcp,
            port: 20003,
            in_tls: false,
            intensity: 2,
            date: (11, 23),
            seconds: 0x6B03_F730,
            version: "1.0",
            debugging: false,
        };
        let answer = b"WEIRD/1.0 \0\x01\xff\"hello\" <&> (x)\r\n\x001";
        let text = of(&head, [("NULL", &b""[..]), ("Generic", &answer[..])].into_iter());
        let expected = "SF-Port20003-TCP:V=1.0%I=2%D=11/23%Time=6B03F730%P=x86_64-unknown-linux-gnu\
            %r(Generic,20,\"WEIRD/1\\.0\\x20\\0\\x01\\xff\\\"hello\\\"\\x20<&>\\x20\\(x\\)\\r\\n\\x001\");";
        assert_eq!(text, expected);
        let lines = wrapped(&text);
        assert!(lines.iter().all(|line| line.len() <= 74) && lines[1].starts_with("SF:"));
        assert_eq!(lines.iter().map(|line| line.strip_prefix("SF:").unwrap_or(line)).collect::<String>(), text);
    }

    #[test]
    fn length_is_bounded() {
        let head = Head {
            protocol: Protocol::Udp,
            port: 1,
            in_tls: true,
            intensity: 9,
            date: (1, 1),
            seconds: 0,
            version: "1",
            debugging: true,
        };
        let long = vec![0xff; 100_000];
        let text = of(&head, std::iter::repeat_n(("x", &long[..]), 50));
        assert!(text.len() < 3 * TEXT_MAX + 4 * ANSWER_DEBUG_MAX && text.contains("%T=SSL"));
    }
}
