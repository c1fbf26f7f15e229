//! Lua patterns, manual §6.4.1: a backtracking matcher over bytes.
//!
//! Pure: it knows no values. Single characters and their repetitions run in loops; only what needs backtracking into
//! an earlier choice recurses, and that at most [`DEPTH_MAX`] deep, as in the reference. Every step is counted, so that
//! the caller can charge what a hostile pattern costs.
//!
//! # Source
//! Manual §6.4.1 for the language, the reference for its limits and messages.

use smallvec::SmallVec;

/// Captures in a pattern.
pub(crate) const CAPTURES_MAX: usize = 32;
/// Sets of so many bytes get a table before a run of theirs is looked for.
const SET_LONG: usize = 8;
/// Nested choices.
const DEPTH_MAX: u32 = 200;

/// What is wrong with a pattern.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum PatternError {
    EndsWithPercent,
    MissingBracket,
    MissingFrontier,
    MissingBalance,
    InvalidCaptureIndex(usize),
    InvalidCapture,
    UnfinishedCapture,
    TooManyCaptures,
    TooComplex,
}

impl PatternError {
    pub fn message(self) -> String {
        match self {
            PatternError::EndsWithPercent => "malformed pattern (ends with '%')".into(),
            PatternError::MissingBracket => "malformed pattern (missing ']')".into(),
            PatternError::MissingFrontier => "missing '[' after '%f' in pattern".into(),
            PatternError::MissingBalance => "malformed pattern (missing arguments to '%b')".into(),
            PatternError::InvalidCaptureIndex(idx) => format!("invalid capture index %{idx}"),
            PatternError::InvalidCapture => "invalid pattern capture".into(),
            PatternError::UnfinishedCapture => "unfinished capture".into(),
            PatternError::TooManyCaptures => "too many captures".into(),
            PatternError::TooComplex => "pattern too complex".into(),
        }
    }
}

/// One capture.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Capture {
    /// Opened, not closed.
    Open(usize),
    /// Start and end.
    Text(usize, usize),
    /// `()`: a position.
    Position(usize),
}

/// A match under way.
pub(crate) struct Matcher<'a> {
    subject: &'a [u8],
    pattern: &'a [u8],
    /// Room for all would cost more to clear than most matches take.
    pub captures: SmallVec<[Capture; 4]>,
    depth: u32,
    /// Work done, in characters looked at.
    pub steps: u64,
    /// How much of it is too much.
    steps_max: u64,
}

type Found = Result<Option<usize>, PatternError>;

impl<'a> Matcher<'a> {
    pub fn new(subject: &'a [u8], pattern: &'a [u8], steps_max: u64) -> Matcher<'a> {
        Matcher { subject, pattern, captures: SmallVec::new(), depth: 0, steps: 0, steps_max }
    }

    /// Matches at `at`; the end of the match.
    pub fn match_at(&mut self, at: usize) -> Found {
        self.captures.clear();
        self.depth = 0;
        self.run(at, 0)
    }

    /// Finds the first match at or behind `from`; start and end. The pattern has no anchor.
    pub fn search(&mut self, from: usize) -> Result<Option<(usize, usize)>, PatternError> {
        let first = first_literal(self.pattern);
        let mut at = from;
        loop {
            if let Some(byte) = first {
                match memchr::memchr(byte, &self.subject[at..]) {
                    Some(distance) => {
                        self.steps += distance as u64 / 16;
                        at += distance;
                    }
                    None => return Ok(None),
                }
            }
            if let Some(end) = self.match_at(at)? {
                return Ok(Some((at, end)));
            }
            at += 1;
            if at > self.subject.len() {
                return Ok(None);
            }
        }
    }

    fn run(&mut self, subject_at: usize, pattern_at: usize) -> Found {
        if self.depth == DEPTH_MAX {
            return Err(PatternError::TooComplex);
        }
        self.depth += 1;
        let result = self.run_here(subject_at, pattern_at);
        self.depth -= 1;
        result
    }

    fn run_here(&mut self, subject_at: usize, pattern_at: usize) -> Found {
        let (mut s, mut p) = (subject_at, pattern_at);
        loop {
            self.steps += 1;
            if self.steps > self.steps_max {
                return Err(PatternError::TooComplex);
            }
            let Some(&byte) = self.pattern.get(p) else { return Ok(Some(s)) };
            match byte {
                b'(' if self.pattern.get(p + 1) == Some(&b')') => return self.open(s, p + 2, Capture::Position(s)),
                b'(' => return self.open(s, p + 1, Capture::Open(s)),
                b')' => return self.close(s, p + 1),
                b'$' if p + 1 == self.pattern.len() => return Ok((s == self.subject.len()).then_some(s)),
                b'%' => match self.pattern.get(p + 1) {
                    Some(b'b') => {
                        let Some(end) = self.balance(s, p + 2)? else { return Ok(None) };
                        (s, p) = (end, p + 4);
                        continue;
                    }
                    Some(b'f') => {
                        p += 2;
                        if self.pattern.get(p) != Some(&b'[') {
                            return Err(PatternError::MissingFrontier);
                        }
                        let end = class_end(self.pattern, p)?;
                        let before = if s == 0 { 0 } else { self.subject[s - 1] };
                        let here = self.subject.get(s).copied().unwrap_or(0);
                        let set = &self.pattern[p..end];
                        if in_set(before, set) || !in_set(here, set) {
                            return Ok(None);
                        }
                        p = end;
                        continue;
                    }
                    Some(&digit @ b'0'..=b'9') => {
                        let Some(end) = self.back_reference(s, digit)? else { return Ok(None) };
                        (s, p) = (end, p + 2);
                        continue;
                    }
                    _ => {}
                },
                _ => {}
            }
            let end = class_end(self.pattern, p)?;
            let item = &self.pattern[p..end];
            match self.pattern.get(end) {
                Some(b'?') => {
                    if self.matches_here(s, item)
                        && let Some(found) = self.run(s + 1, end + 1)?
                    {
                        return Ok(Some(found));
                    }
                    p = end + 1;
                }
                Some(b'+') => {
                    return if self.matches_here(s, item) { self.repeat(s + 1, item, end + 1) } else { Ok(None) };
                }
                Some(b'*') => return self.repeat(s, item, end + 1),
                Some(b'-') => return self.repeat_least(s, item, end + 1),
                _ => {
                    if !self.matches_here(s, item) {
                        return Ok(None);
                    }
                    (s, p) = (s + 1, end);
                }
            }
        }
    }

    #[inline]
    fn matches_here(&self, at: usize, item: &[u8]) -> bool {
        self.subject.get(at).is_some_and(|&byte| matches_single(byte, item))
    }

    /// As many as possible, then fewer.
    fn repeat(&mut self, from: usize, item: &[u8], pattern_at: usize) -> Found {
        let rest = &self.subject[from..];
        let mut count = run_length(rest, item);
        self.steps += count as u64 / 4;
        if pattern_at == self.pattern.len() {
            return Ok(Some(from + count));
        }
        loop {
            if let Some(found) = self.run(from + count, pattern_at)? {
                return Ok(Some(found));
            }
            if count == 0 {
                return Ok(None);
            }
            count -= 1;
        }
    }

    /// As few as possible, then more.
    fn repeat_least(&mut self, from: usize, item: &[u8], pattern_at: usize) -> Found {
        let mut at = from;
        loop {
            if let Some(found) = self.run(at, pattern_at)? {
                return Ok(Some(found));
            }
            if !self.matches_here(at, item) {
                return Ok(None);
            }
            at += 1;
        }
    }

    fn open(&mut self, s: usize, p: usize, capture: Capture) -> Found {
        if self.captures.len() >= CAPTURES_MAX {
            return Err(PatternError::TooManyCaptures);
        }
        self.captures.push(capture);
        let found = self.run(s, p)?;
        if found.is_none() {
            self.captures.pop();
        }
        Ok(found)
    }

    fn close(&mut self, s: usize, p: usize) -> Found {
        let open = self.captures.iter().rposition(|capture| matches!(capture, Capture::Open(_)));
        let Some(idx) = open else { return Err(PatternError::InvalidCapture) };
        let Capture::Open(start) = self.captures[idx] else { return Err(PatternError::InvalidCapture) };
        self.captures[idx] = Capture::Text(start, s);
        let found = self.run(s, p)?;
        if found.is_none() {
            self.captures[idx] = Capture::Open(start);
        }
        Ok(found)
    }

    fn balance(&mut self, s: usize, p: usize) -> Found {
        let (Some(&open), Some(&close)) = (self.pattern.get(p), self.pattern.get(p + 1)) else {
            return Err(PatternError::MissingBalance);
        };
        if self.subject.get(s) != Some(&open) {
            return Ok(None);
        }
        let mut depth = 1;
        for (idx, &byte) in self.subject[s + 1..].iter().enumerate() {
            if byte == close {
                depth -= 1;
                if depth == 0 {
                    self.steps += idx as u64;
                    return Ok(Some(s + idx + 2));
                }
            } else if byte == open {
                depth += 1;
            }
        }
        self.steps += (self.subject.len() - s) as u64;
        Ok(None)
    }

    fn back_reference(&mut self, s: usize, digit: u8) -> Found {
        let idx = (digit as usize).wrapping_sub(b'1' as usize);
        let capture = self.captures.get(idx).copied();
        if matches!(capture, Some(Capture::Position(_))) {
            // A position has no text that could come again.
            return Ok(None);
        }
        let Some(Capture::Text(start, end)) = capture else {
            return Err(PatternError::InvalidCaptureIndex(idx.wrapping_add(1)));
        };
        let text = &self.subject[start..end];
        self.steps += text.len() as u64;
        Ok(self.subject[s..].starts_with(text).then_some(s + text.len()))
    }
}

/// How many bytes in front match the item.
#[inline]
fn run_length(text: &[u8], item: &[u8]) -> usize {
    match item {
        [b'.'] => text.len(),
        [b'[', b'^', byte, b']'] if *byte != b'%' => memchr::memchr(*byte, text).unwrap_or(text.len()),
        [b'[', ..] if item.len() >= SET_LONG => match text.first() {
            // Most runs in a long set are worth a table, but for those that never begin.
            Some(&first) if in_set(first, item) => match bits_of(item) {
                Some(bits) => text.iter().position(|&byte| !has_bit(&bits, byte)).unwrap_or(text.len()),
                None => text.iter().position(|&byte| !in_set(byte, item)).unwrap_or(text.len()),
            },
            _ => 0,
        },
        _ => text.iter().position(|&byte| !matches_single(byte, item)).unwrap_or(text.len()),
    }
}

/// The bytes of a set, one bit each; none for sets with classes, which take longer to list.
fn bits_of(set: &[u8]) -> Option<[u64; 4]> {
    let inner = &set[1..set.len() - 1];
    let (negated, inner) = match inner.split_first() {
        Some((b'^', rest)) => (true, rest),
        _ => (false, inner),
    };
    let mut bits = [0_u64; 4];
    let mut add = |byte: u8| bits[usize::from(byte >> 6)] |= 1 << (byte & 63);
    let mut at = 0;
    // ORDER: in_set
    while at < inner.len() {
        if inner[at] == b'%' && at + 1 < inner.len() {
            if inner[at + 1].is_ascii_alphabetic() {
                return None;
            }
            add(inner[at + 1]);
            at += 2;
        } else if at + 2 < inner.len() && inner[at + 1] == b'-' {
            (inner[at]..=inner[at + 2]).for_each(&mut add);
            at += 3;
        } else {
            add(inner[at]);
            at += 1;
        }
    }
    Some(if negated { bits.map(|word| !word) } else { bits })
}

fn has_bit(bits: &[u64; 4], byte: u8) -> bool {
    bits[usize::from(byte >> 6)] >> (byte & 63) & 1 != 0
}

/// The byte every match starts with, if the pattern says so.
fn first_literal(pattern: &[u8]) -> Option<u8> {
    let skip = pattern.iter().take_while(|&&byte| byte == b'(').count();
    let rest = &pattern[skip..];
    let &byte = rest.first()?;
    let (byte, after) = match byte {
        b'%' => match rest.get(1) {
            Some(&escaped) if !escaped.is_ascii_alphanumeric() => (escaped, rest.get(2)),
            _ => return None,
        },
        b'.' | b'[' | b')' | b'$' => return None,
        byte => (byte, rest.get(1)),
    };
    if matches!(after, Some(b'*' | b'?' | b'-')) { None } else { Some(byte) }
}

/// Whether a match fails for its first byte, without a look at the rest of the pattern; `None` is the subject's end.
pub(crate) fn fails_at_once(pattern: &[u8], byte: Option<u8>) -> bool {
    if pattern.first().is_none_or(|first| b"()$%".contains(first)) {
        return false;
    }
    let Ok(end) = class_end(pattern, 0) else { return false };
    let is_needed = !matches!(pattern.get(end), Some(b'*' | b'?' | b'-'));
    is_needed && !byte.is_some_and(|byte| matches_single(byte, &pattern[..end]))
}

/// End of the single-character item at `at`.
fn class_end(pattern: &[u8], at: usize) -> Result<usize, PatternError> {
    match pattern[at] {
        b'%' => {
            if at + 1 >= pattern.len() {
                return Err(PatternError::EndsWithPercent);
            }
            Ok(at + 2)
        }
        b'[' => {
            let mut at = at + 1;
            if pattern.get(at) == Some(&b'^') {
                at += 1;
            }
            loop {
                let Some(&byte) = pattern.get(at) else { return Err(PatternError::MissingBracket) };
                at += 1;
                if byte == b'%' {
                    at += 1;
                }
                if pattern.get(at) == Some(&b']') {
                    return Ok(at + 1);
                }
            }
        }
        _ => Ok(at + 1),
    }
}

#[inline]
fn matches_single(byte: u8, item: &[u8]) -> bool {
    match item[0] {
        b'.' => true,
        b'%' => in_class(byte, item[1]),
        b'[' => in_set(byte, item),
        literal => literal == byte,
    }
}

/// Whether a byte is in a class such as `%a`; other letters stand for themselves.
#[inline]
fn in_class(byte: u8, class: u8) -> bool {
    let found = match class.to_ascii_lowercase() {
        b'a' => byte.is_ascii_alphabetic(),
        b'c' => byte.is_ascii_control(),
        b'd' => byte.is_ascii_digit(),
        b'g' => byte.is_ascii_graphic(),
        b'l' => byte.is_ascii_lowercase(),
        b'p' => byte.is_ascii_punctuation(),
        b's' => matches!(byte, b' ' | b'\t'..=b'\r'),
        b'u' => byte.is_ascii_uppercase(),
        b'w' => byte.is_ascii_alphanumeric(),
        b'x' => byte.is_ascii_hexdigit(),
        b'z' => byte == 0,
        _ => return class == byte,
    };
    found != class.is_ascii_uppercase()
}

/// Whether a byte is in a set, brackets included. ORDER: in_set
fn in_set(byte: u8, set: &[u8]) -> bool {
    let inner = &set[1..set.len() - 1];
    let (negated, inner) = match inner.split_first() {
        Some((b'^', rest)) => (true, rest),
        _ => (false, inner),
    };
    let mut at = 0;
    while at < inner.len() {
        if inner[at] == b'%' && at + 1 < inner.len() {
            if in_class(byte, inner[at + 1]) {
                return !negated;
            }
            at += 2;
        } else if at + 2 < inner.len() && inner[at + 1] == b'-' {
            if (inner[at]..=inner[at + 2]).contains(&byte) {
                return !negated;
            }
            at += 3;
        } else {
            if inner[at] == byte {
                return !negated;
            }
            at += 1;
        }
    }
    negated
}

#[cfg(test)]
mod tests {
    use super::*;

    fn find(subject: &str, pattern: &str) -> Option<(usize, usize)> {
        Matcher::new(subject.as_bytes(), pattern.as_bytes(), u64::MAX).search(0).expect("the pattern is right")
    }

    #[test]
    fn items_and_repetitions() {
        let cases = [
            ("hello world", "o w", Some((4, 7))),
            ("hello", "l+", Some((2, 4))),
            ("hello", "l-o", Some((2, 5))),
            ("key = value", "^(%w+)%s*=%s*(%w+)$", None),
            ("THE (quick) fox", "%((%a+)%)", Some((4, 11))),
            ("f(a(b)c)d", "%b()", Some((1, 8))),
            ("THE fox", "%f[%l]%l+", Some((4, 7))),
            ("x]y", "[]]", Some((1, 2))),
            ("a-b", "[a%-]+", Some((0, 2))),
            ("abcabc", "(abc)%1", Some((0, 6))),
        ];
        for (subject, pattern, expected) in cases {
            assert_eq!(find(subject, pattern), expected, "{subject} {pattern}");
        }
    }

    #[test]
    fn tables_of_sets_hold_what_sets_hold() {
        for set in ["[abcdefgh]", "[^()<>@,;:%[%]?={} ]", "[a-cx%-z%]q]", "[]abcdef]", "[^%^abcde-]", "[z-aqwertz]"] {
            let bits = bits_of(set.as_bytes()).expect("there is no class");
            for byte in 0..=255 {
                assert_eq!(has_bit(&bits, byte), in_set(byte, set.as_bytes()), "{byte} {set}");
            }
        }
        assert_eq!(bits_of(b"[%abcdefg]"), None);
        assert_eq!(find("key: value", "[^()<>@,;:%[%]?={} ]+"), Some((0, 3)));
    }

    #[test]
    fn what_fails_at_once_fails() {
        for pattern in ["a", "[ab]", "[^a]x", "a?", "a*b", "a-", ".", "(a)", "%a", "a$", "$", "[a", "b+"] {
            for subject in ["", "a", "bx", "x"] {
                let fails = fails_at_once(pattern.as_bytes(), subject.bytes().next());
                let found = Matcher::new(subject.as_bytes(), pattern.as_bytes(), u64::MAX).match_at(0);
                assert!(!fails || found == Ok(None), "{pattern} {subject}");
            }
        }
        assert!(fails_at_once(b"[ \t]", Some(b'x')) && !fails_at_once(b"\r?\n", Some(b'x')));
    }

    #[test]
    fn errors() {
        for (pattern, error) in [
            ("%", PatternError::EndsWithPercent),
            ("[a", PatternError::MissingBracket),
            ("%f", PatternError::MissingFrontier),
            ("%b", PatternError::MissingBalance),
            (")", PatternError::InvalidCapture),
        ] {
            assert_eq!(Matcher::new(b"x", pattern.as_bytes(), u64::MAX).search(0), Err(error), "{pattern}");
        }
        let deep = "(".repeat(40);
        assert_eq!(Matcher::new(b"x", deep.as_bytes(), u64::MAX).search(0), Err(PatternError::TooManyCaptures));
    }
}
