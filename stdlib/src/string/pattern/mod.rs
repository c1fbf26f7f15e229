//! Lua patterns, manual §6.4.1: a backtracking matcher over bytes.
//!
//! Pure: it knows no values. A pattern is made into a [`Program`] first, which is kept for the next time. Single
//! characters and their repetitions run in loops; only what needs backtracking into an earlier choice recurses, at most
//! [`DEPTH_MAX`] deep, as in the reference. Every step is counted, so that the caller can charge what a hostile pattern
//! costs.
//!
//! # Source
//! Manual §6.4.1 for the language, the reference for its limits and messages.

mod program;
mod set;

pub(crate) use program::{PROGRAM_BYTES, Program};

use program::{Item, Node};
use smallvec::SmallVec;

/// Captures in a pattern.
pub(crate) const CAPTURES_MAX: usize = 32;
/// Nested choices.
const DEPTH_MAX: u32 = 200;

/// What is wrong with a pattern.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum PatternError {
    EndsWithPercent,
    MissingBracket,
    MissingFrontier,
    MissingBalance,
    InvalidCaptureIndex(u8),
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
    program: &'a Program,
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
    pub fn new(subject: &'a [u8], program: &'a Program, steps_max: u64) -> Matcher<'a> {
        Matcher { subject, program, captures: SmallVec::new(), depth: 0, steps: 0, steps_max }
    }

    /// Finds the first match at or behind `from`, or exactly there if the pattern has an anchor; start and end.
    pub fn find(&mut self, from: usize) -> Result<Option<(usize, usize)>, PatternError> {
        let mut at = from;
        if self.program.anchored {
            return Ok(self.match_at(at)?.map(|end| (at, end)));
        }
        while let Some(distance) = self.program.first_in(&self.subject[at..]) {
            self.steps += distance as u64 / 8;
            at += distance;
            if let Some(end) = self.match_at(at)? {
                return Ok(Some((at, end)));
            }
            at += 1;
            if at > self.subject.len() {
                return Ok(None);
            }
        }
        self.steps += (self.subject.len() - at) as u64 / 8;
        Ok(None)
    }

    fn match_at(&mut self, at: usize) -> Found {
        self.captures.clear();
        self.depth = 0;
        self.run(at, 0)
    }

    /// Matches what is left of the pattern. Captures are as before when it fails.
    fn run(&mut self, subject_at: usize, node_at: usize) -> Found {
        let (mut s, mut n) = (subject_at, node_at);
        let (depth, captures) = (self.depth, self.captures.len());
        self.deepen()?;
        // Captures of before that were closed here, one bit each.
        let mut closed = 0_u32;
        loop {
            self.steps += 1;
            if self.steps > self.steps_max {
                return Err(PatternError::TooComplex);
            }
            let node = self.program.nodes[n];
            n += 1;
            let found = match node {
                Node::One(item) => self.matches_here(s, item).then_some(s + 1),
                Node::Maybe(item) => {
                    if self.matches_here(s, item)
                        && let Some(end) = self.run(s + 1, n)?
                    {
                        return Ok(Some(end));
                    }
                    continue;
                }
                Node::SomeOf(item) => {
                    if self.matches_here(s, item)
                        && let Some(end) = self.repeat(s + 1, item, n)?
                    {
                        return Ok(Some(end));
                    }
                    None
                }
                Node::Most(item) => match self.repeat(s, item, n)? {
                    None => None,
                    found => return Ok(found),
                },
                Node::Least(item) => match self.repeat_least(s, item, n)? {
                    None => None,
                    found => return Ok(found),
                },
                Node::Accept => return Ok(Some(s)),
                Node::Open => {
                    self.open(Capture::Open(s))?;
                    Some(s)
                }
                Node::Position => {
                    self.open(Capture::Position(s))?;
                    Some(s)
                }
                Node::Close => {
                    closed |= 1 << self.close(s)?;
                    Some(s)
                }
                Node::End => (s == self.subject.len()).then_some(s),
                Node::Balance(open, close) => self.balance(s, open, close),
                Node::Frontier(set) => {
                    let set = &self.program.sets[set as usize];
                    let before = if s == 0 { 0 } else { self.subject[s - 1] };
                    let here = self.subject.get(s).copied().unwrap_or(0);
                    (!set.has(before) && set.has(here)).then_some(s)
                }
                Node::Back(digit) => self.back_reference(s, digit)?,
                Node::Wrong(error) => return Err(error),
            };
            let Some(next) = found else { break };
            s = next;
        }
        self.depth = depth;
        self.captures.truncate(captures);
        self.reopen(closed);
        Ok(None)
    }

    fn deepen(&mut self) -> Result<(), PatternError> {
        if self.depth == DEPTH_MAX {
            return Err(PatternError::TooComplex);
        }
        self.depth += 1;
        Ok(())
    }

    #[inline]
    fn matches_here(&self, at: usize, item: Item) -> bool {
        self.subject.get(at).is_some_and(|&byte| self.program.matches(item, byte))
    }

    /// As many as possible, then fewer.
    fn repeat(&mut self, from: usize, item: Item, node_at: usize) -> Found {
        let mut count = self.program.run_length(&self.subject[from..], item);
        self.steps += count as u64 / 4;
        let next = self.program.nodes[node_at];
        if next == Node::Accept {
            return Ok(Some(from + count));
        }
        loop {
            let is_hopeless = matches!(next, Node::One(item) if !self.matches_here(from + count, item));
            if !is_hopeless && let Some(end) = self.run(from + count, node_at)? {
                return Ok(Some(end));
            }
            if count == 0 {
                return Ok(None);
            }
            count -= 1;
        }
    }

    /// As few as possible, then more.
    fn repeat_least(&mut self, from: usize, item: Item, node_at: usize) -> Found {
        let mut at = from;
        loop {
            if let Some(end) = self.run(at, node_at)? {
                return Ok(Some(end));
            }
            if !self.matches_here(at, item) {
                return Ok(None);
            }
            at += 1;
        }
    }

    /// Adds a capture. The reference goes one deeper for each end of one.
    fn open(&mut self, capture: Capture) -> Result<(), PatternError> {
        if self.captures.len() >= CAPTURES_MAX {
            return Err(PatternError::TooManyCaptures);
        }
        self.captures.push(capture);
        self.deepen()
    }

    /// Closes the capture opened last; its index.
    fn close(&mut self, s: usize) -> Result<usize, PatternError> {
        for (idx, capture) in self.captures.iter_mut().enumerate().rev() {
            if let Capture::Open(start) = *capture {
                *capture = Capture::Text(start, s);
                return self.deepen().map(|()| idx);
            }
        }
        Err(PatternError::InvalidCapture)
    }

    /// Opens captures again, those whose bits are set.
    fn reopen(&mut self, mut closed: u32) {
        while closed != 0 {
            let idx = closed.trailing_zeros() as usize;
            closed &= closed - 1;
            if let Some(capture) = self.captures.get_mut(idx)
                && let Capture::Text(start, _) = *capture
            {
                *capture = Capture::Open(start);
            }
        }
    }

    /// The end of a balanced text at `s`.
    fn balance(&mut self, s: usize, open: u8, close: u8) -> Option<usize> {
        if self.subject.get(s) != Some(&open) {
            return None;
        }
        let mut depth = 1;
        for (idx, &byte) in self.subject[s + 1..].iter().enumerate() {
            if byte == close {
                depth -= 1;
                if depth == 0 {
                    self.steps += idx as u64;
                    return Some(s + idx + 2);
                }
            } else if byte == open {
                depth += 1;
            }
        }
        self.steps += (self.subject.len() - s) as u64;
        None
    }

    fn back_reference(&mut self, s: usize, digit: u8) -> Found {
        let number = digit - b'0';
        let idx = usize::from(number).checked_sub(1);
        match idx.and_then(|idx| self.captures.get(idx)) {
            // A position has no text that could come again.
            Some(Capture::Position(_)) => Ok(None),
            Some(&Capture::Text(start, end)) => {
                let text = &self.subject[start..end];
                self.steps += text.len() as u64;
                Ok(self.subject[s..].starts_with(text).then_some(s + text.len()))
            }
            _ => Err(PatternError::InvalidCaptureIndex(number)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn try_find(subject: &str, pattern: &str) -> Result<Option<(usize, usize)>, PatternError> {
        Matcher::new(subject.as_bytes(), &Program::of(pattern.as_bytes(), true), u64::MAX).find(0)
    }

    fn find(subject: &str, pattern: &str) -> Option<(usize, usize)> {
        try_find(subject, pattern).expect("the pattern is right")
    }

    #[test]
    fn items_and_repetitions() {
        let cases = [
            ("hello world", "o w", Some((4, 7))),
            ("hello", "l+", Some((2, 4))),
            ("hello", "l-o", Some((2, 5))),
            ("key = value", "^(%w+)%s*=%s*(%w+)$", Some((0, 11))),
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
    fn what_is_ruled_out_fails() {
        for pattern in ["a", "[ab]", "[^a]x", "a?", "a*b", "a-", ".", "(a)", "%a", "a$", "$", "[a", "b+"] {
            for subject in ["", "a", "bx", "x"] {
                let rules_out = Program::of(pattern.as_bytes(), true).rules_out(subject.bytes().next());
                let found = try_find(subject, &format!("^{pattern}"));
                assert!(!rules_out || found == Ok(None), "{pattern} {subject}");
            }
        }
    }

    #[test]
    fn captures_are_as_before_when_a_way_fails() {
        let captures = |subject: &str, pattern: &str| {
            let program = Program::of(pattern.as_bytes(), true);
            let mut matcher = Matcher::new(subject.as_bytes(), &program, u64::MAX);
            matcher.find(0).expect("the pattern is right").map(|_| matcher.captures.to_vec())
        };
        let texts = |ends: &[(usize, usize)]| Some(ends.iter().map(|&(a, b)| Capture::Text(a, b)).collect::<Vec<_>>());
        assert_eq!(captures("aab", "(a*)(a)(b)"), texts(&[(0, 1), (1, 2), (2, 3)]));
        assert_eq!(captures("xaay", "(x(a-)(a)y)"), texts(&[(0, 4), (1, 2), (2, 3)]));
        assert_eq!(captures("abcb", "(a.-(b)).$"), None);
        assert_eq!(captures("abcbd", "(a.-(b)).$"), texts(&[(0, 4), (3, 4)]));
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
            assert_eq!(try_find("x", pattern), Err(error), "{pattern}");
            assert_eq!(try_find("x", &format!("y{pattern}")), Ok(None), "{pattern}");
        }
        for (pattern, error) in
            [("(".repeat(40), PatternError::TooManyCaptures), ("x?".repeat(201), PatternError::TooComplex)]
        {
            assert_eq!(try_find(&"x".repeat(300), &pattern), Err(error), "{pattern}");
        }
    }
}
