//! Character classes: sets of bytes, worked out here, so that the engine sees nothing but ranges.

use super::translate::RegexError;

/// A set of bytes.
pub(super) type Set = [bool; 256];

pub(super) fn set(is_member: impl Fn(u8) -> bool) -> Set {
    std::array::from_fn(|byte| is_member(byte as u8))
}

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}

/// White space in the sense of `\s`; `\v` counts since PCRE 8.34.
fn is_space(byte: u8) -> bool {
    byte == b' ' || (b'\t'..=b'\r').contains(&byte)
}

fn is_horizontal(byte: u8) -> bool {
    matches!(byte, b'\t' | b' ' | 0xa0)
}

fn is_vertical(byte: u8) -> bool {
    matches!(byte, b'\n'..=b'\r' | 0x85)
}

/// The set of an escaped letter.
pub(super) fn escape(letter: u8) -> Option<Set> {
    Some(match letter {
        b'd' => set(|byte| byte.is_ascii_digit()),
        b'D' => set(|byte| !byte.is_ascii_digit()),
        b'h' => set(is_horizontal),
        b'H' => set(|byte| !is_horizontal(byte)),
        b's' => set(is_space),
        b'S' => set(|byte| !is_space(byte)),
        b'v' => set(is_vertical),
        b'V' => set(|byte| !is_vertical(byte)),
        b'w' => set(is_word),
        b'W' => set(|byte| !is_word(byte)),
        b'N' => set(|byte| byte != b'\n'),
        _ => return None,
    })
}

/// The set of a POSIX name.
fn posix(name: &[u8]) -> Option<Set> {
    Some(match name {
        b"alnum" => set(|byte| byte.is_ascii_alphanumeric()),
        b"alpha" => set(|byte| byte.is_ascii_alphabetic()),
        b"ascii" => set(|byte| byte.is_ascii()),
        b"blank" => set(|byte| matches!(byte, b' ' | b'\t')),
        b"cntrl" => set(|byte| byte.is_ascii_control()),
        b"digit" => set(|byte| byte.is_ascii_digit()),
        b"graph" => set(|byte| byte.is_ascii_graphic()),
        b"lower" => set(|byte| byte.is_ascii_lowercase()),
        b"print" => set(|byte| matches!(byte, b' '..=b'~')),
        b"punct" => set(|byte| byte.is_ascii_punctuation()),
        b"space" => set(is_space),
        b"upper" => set(|byte| byte.is_ascii_uppercase()),
        b"word" => set(is_word),
        b"xdigit" => set(|byte| byte.is_ascii_hexdigit()),
        _ => return None,
    })
}

/// A named class at the start of `rest`, `[:name:]` or `[:^name:]`: the set and the length. Whether there is one of
/// another kind is an error.
pub(super) fn posix_at(rest: &[u8], folds_case: bool, offset: usize) -> Result<Option<(Set, usize)>, RegexError> {
    let Some(&kind @ (b':' | b'.' | b'=')) = rest.get(1) else { return Ok(None) };
    let body = &rest[2..];
    let mut end = 0;
    loop {
        // A bracket in between means that this is no name.
        match &body[end..] {
            [first, b']', ..] if *first == kind => break,
            [b'\\', b']' | b'\\', ..] => end += 2,
            [b']', ..] | [] => return Ok(None),
            [b'[', next, ..] if *next == kind => return Ok(None),
            _ => end += 1,
        }
    }
    if kind != b':' {
        return Err(RegexError { reason: "POSIX collating elements are not supported", offset });
    }
    let name = &body[..end];
    let (negated, name) = name.strip_prefix(b"^").map_or((false, name), |name| (true, name));
    // Without regard to case all letters are alike.
    let name = if folds_case && matches!(name, b"lower" | b"upper") { b"alpha" } else { name };
    match posix(name) {
        Some(found) => Ok(Some((found.map(|member| member != negated), end + 4))),
        None => Err(RegexError { reason: "unknown POSIX class name", offset: offset + 2 }),
    }
}

/// A class for the engine.
pub(super) fn write(members: &Set, negated: bool, out: &mut String) {
    let mut ranges = Vec::new();
    let mut byte = 0;
    while byte < 256 {
        if members[byte] {
            let start = byte;
            while byte + 1 < 256 && members[byte + 1] {
                byte += 1;
            }
            ranges.push((start, byte));
        }
        byte += 1;
    }
    match (ranges.is_empty(), negated) {
        (true, false) => return out.push_str("(?:(?!))"),
        (true, true) => return out.push_str("(?s:.)"),
        _ => {}
    }
    out.push_str(if negated { "[^" } else { "[" });
    for (start, end) in ranges {
        out.push_str(&format!("\\x{start:02X}"));
        if end > start {
            out.push_str(&format!("-\\x{end:02X}"));
        }
    }
    out.push(']');
}
