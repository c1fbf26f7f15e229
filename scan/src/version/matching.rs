//! Which line of a probe file an answer matches.
//!
//! Thousands of lines belong to the probes that nearly every service answers, and a compiled pattern takes some twenty
//! kilobytes. So each line carries bytes that any subject must hold (the longest literal that no alternative and no
//! repetition can leave out), found when the file is read; only lines that pass this test are compiled, and only so
//! many stay compiled.
//!
//! # Invariants
//! - V1. `Required` never refuses a subject that the pattern matches.

use super::probes::{Match, Probe, ProbeFile};
use super::template;
use crate::regex::{Flags, Groups, Regex};
use crate::result::Version;
use hashbrown::HashMap;

/// Patterns that stay compiled.
const COMPILED_MAX: usize = 512;
/// Groups deeper than this are skipped when literals are looked for.
const DEPTH_MAX: usize = 8;

/// A line that matched.
#[derive(Clone, Debug)]
pub(super) struct Found {
    pub line: usize,
    pub is_soft: bool,
    /// `name` is the line's service, a leading `ssl/` not removed.
    pub version: Version,
}

/// Compiled patterns, made when they are needed.
#[derive(Debug, Default)]
pub(super) struct Matcher {
    /// By line number; `None`: the pattern does not compile.
    compiled: HashMap<usize, Option<Regex>>,
    /// Matches that were given up because they took too many steps.
    pub gave_up_count: u64,
}

impl Matcher {
    /// The first line that matches: the probe's own, its fallbacks', then those of the probe that sends nothing.
    pub fn find(&mut self, file: &ProbeFile, probe: usize, null: Option<usize>, subject: &[u8]) -> Option<Found> {
        let lower = subject.to_ascii_lowercase();
        let own = &file.probes[probe];
        let chain = [probe].into_iter().chain(own.fallbacks.iter().copied()).chain(null.filter(|&null| null != probe));
        for idx in chain {
            if let Some(found) = self.find_in(file, &file.probes[idx], subject, &lower) {
                return Some(found);
            }
        }
        None
    }

    fn find_in(&mut self, file: &ProbeFile, probe: &Probe, subject: &[u8], lower: &[u8]) -> Option<Found> {
        for line in &probe.matches {
            let seen = if line.flags.case_insensitive { lower } else { subject };
            if !line.required.may_match(seen) {
                continue;
            }
            if let Some(groups) = self.groups(file, line, subject) {
                let mut version = template::fill(file.bytes(line.templates), subject, &groups);
                version.name = Some(file.service(line));
                return Some(Found { line: line.line, is_soft: line.is_soft, version });
            }
        }
        None
    }

    fn groups(&mut self, file: &ProbeFile, line: &Match, subject: &[u8]) -> Option<Groups> {
        if self.compiled.len() >= COMPILED_MAX && !self.compiled.contains_key(&line.line) {
            self.compiled.clear();
        }
        let compile = || Regex::new(file.bytes(line.pattern), line.flags).ok();
        let regex = self.compiled.entry(line.line).or_insert_with(compile).as_ref()?;
        match regex.find(subject, 0) {
            Ok(groups) => groups,
            Err(_) => {
                self.gave_up_count += 1;
                None
            }
        }
    }
}

/// Bytes that every subject of a pattern holds; in lower case when case does not matter.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(super) struct Required {
    /// What it starts with.
    prefix: Box<[u8]>,
    /// What is somewhere in it.
    inside: Box<[u8]>,
}

impl Required {
    pub fn of(pattern: &[u8], flags: Flags) -> Required {
        let mut walk = Walk { pattern, pos: 0, run: Vec::new(), from_start: false, best: Required::default() };
        if walk.walk().is_none() {
            return Required::default();
        }
        let mut found = walk.best;
        if flags.case_insensitive {
            found.prefix.make_ascii_lowercase();
            found.inside.make_ascii_lowercase();
        }
        found
    }

    pub fn may_match(&self, subject: &[u8]) -> bool {
        subject.starts_with(&self.prefix)
            && (self.inside.is_empty() || memchr::memmem::find(subject, &self.inside).is_some())
    }
}

/// A pattern being read from left to right.
struct Walk<'a> {
    pattern: &'a [u8],
    pos: usize,
    /// The literal that ends here.
    run: Vec<u8>,
    /// It began at the anchored start.
    from_start: bool,
    best: Required,
}

/// What stands at one place of a pattern.
enum Atom {
    Literal(u8),
    /// One character of several, or a group that is skipped.
    Other,
    /// Takes no characters.
    Nothing,
}

impl Walk<'_> {
    /// `None`: something is not understood, so nothing is required.
    fn walk(&mut self) -> Option<()> {
        if self.pattern.first() == Some(&b'^') {
            (self.pos, self.from_start) = (1, true);
        }
        let mut open_groups = 0_usize;
        while let Some(&byte) = self.pattern.get(self.pos) {
            if byte == b'|' {
                return None;
            }
            if byte == b')' {
                open_groups = open_groups.checked_sub(1)?;
                self.pos += 1;
                if self.quantifier()?.is_some() {
                    self.end_run();
                }
                continue;
            }
            if byte == b'(' && open_groups < DEPTH_MAX && self.enters_group()? {
                open_groups += 1;
                continue;
            }
            let atom = self.atom()?;
            let min = self.quantifier()?;
            match (atom, min) {
                (Atom::Literal(byte), None) => self.run.push(byte),
                (Atom::Literal(byte), Some(1..)) => {
                    self.run.push(byte);
                    self.end_run();
                }
                (Atom::Nothing, None) => {}
                _ => self.end_run(),
            }
        }
        self.end_run();
        Some(())
    }

    fn end_run(&mut self) {
        if std::mem::take(&mut self.from_start) {
            self.best.prefix = self.run.as_slice().into();
        } else if self.run.len() > self.best.inside.len() {
            self.best.inside = self.run.as_slice().into();
        }
        self.run.clear();
    }

    /// Steps into a group that must match once and has one branch; `false`: it is to be skipped.
    fn enters_group(&mut self) -> Option<bool> {
        let body = match &self.pattern[self.pos + 1..] {
            [b'?', b':' | b'>', ..] => self.pos + 3,
            [b'?', ..] | [b'*', ..] => return Some(false),
            _ => self.pos + 1,
        };
        let (end, has_branches) = self.group_end(self.pos)?;
        let mut behind = Walk { pos: end + 1, run: Vec::new(), best: Required::default(), ..*self };
        if has_branches || behind.quantifier()?.is_some_and(|min| min == 0) {
            return Some(false);
        }
        self.pos = body;
        Some(true)
    }

    /// Where the group that opens at `start` closes, and whether it has branches of its own.
    fn group_end(&self, start: usize) -> Option<(usize, bool)> {
        let (mut pos, mut depth, mut has_branches) = (start, 0_usize, false);
        loop {
            match self.pattern.get(pos)? {
                b'\\' => pos += 1,
                b'[' => pos = self.class_end(pos)? - 1,
                b'(' => depth += 1,
                b')' if depth == 1 => return Some((pos, has_branches)),
                b')' => depth -= 1,
                b'|' => has_branches |= depth == 1,
                _ => {}
            }
            pos += 1;
        }
    }

    /// Behind the class that opens at `start`.
    fn class_end(&self, start: usize) -> Option<usize> {
        let mut pos = start + 1;
        if self.pattern.get(pos) == Some(&b'^') {
            pos += 1;
        }
        let first = pos;
        loop {
            match self.pattern.get(pos)? {
                b'\\' => pos += 1,
                b']' if pos > first => return Some(pos + 1),
                b'[' if self.pattern.get(pos + 1) == Some(&b':') => {
                    // A named class; only its closing bracket matters.
                    if let Some(len) = memchr::memmem::find(&self.pattern[pos..], b":]") {
                        pos += len + 1;
                    }
                }
                _ => {}
            }
            pos += 1;
        }
    }

    fn atom(&mut self) -> Option<Atom> {
        let byte = self.pattern[self.pos];
        match byte {
            b'\\' => self.escape(),
            b'[' => {
                self.pos = self.class_end(self.pos)?;
                Some(Atom::Other)
            }
            b'(' => {
                // Flags for what follows are not understood.
                let is_known = !matches!(
                    &self.pattern[self.pos + 1..],
                    [b'?', first, ..] if !matches!(first, b':' | b'>' | b'=' | b'!' | b'<')
                );
                let is_verb = self.pattern.get(self.pos + 1) == Some(&b'*');
                self.pos = self.group_end(self.pos)?.0 + 1;
                (is_known && !is_verb).then_some(Atom::Other)
            }
            b'.' => {
                self.pos += 1;
                Some(Atom::Other)
            }
            b'^' => None,
            b'$' => {
                self.pos += 1;
                Some(Atom::Nothing)
            }
            byte => {
                self.pos += 1;
                Some(Atom::Literal(byte))
            }
        }
    }

    fn escape(&mut self) -> Option<Atom> {
        let byte = *self.pattern.get(self.pos + 1)?;
        self.pos += 2;
        let literal = match byte {
            b'n' => b'\n',
            b'r' => b'\r',
            b't' => b'\t',
            b'f' => 12,
            b'a' => 7,
            b'e' => 27,
            b'0' => self.digits(2, 8) as u8,
            b'x' if self.pattern.get(self.pos) == Some(&b'{') => return None,
            b'x' => self.digits(2, 16) as u8,
            b'd' | b'D' | b'w' | b'W' | b's' | b'S' | b'h' | b'H' | b'v' | b'V' | b'N' | b'R' => {
                return Some(Atom::Other);
            }
            byte if byte.is_ascii_alphanumeric() => return None,
            byte => byte,
        };
        Some(Atom::Literal(literal))
    }

    /// Up to `count` digits.
    fn digits(&mut self, count: usize, radix: u32) -> u32 {
        let mut value = 0;
        for _ in 0..count {
            let digit = self.pattern.get(self.pos).and_then(|&byte| char::from(byte).to_digit(radix));
            let Some(digit) = digit else { break };
            value = value * radix + digit;
            self.pos += 1;
        }
        value
    }

    /// A quantifier's least count.
    fn quantifier(&mut self) -> Option<Option<u32>> {
        let min = match self.pattern.get(self.pos) {
            Some(b'*' | b'?') => 0,
            Some(b'+') => 1,
            Some(b'{') => {
                let body = &self.pattern[self.pos + 1..];
                let close = body.iter().position(|byte| !byte.is_ascii_digit() && !matches!(byte, b',' | b' '));
                match close {
                    Some(len) if len > 0 && body[len] == b'}' => {
                        let digits = body.iter().take_while(|byte| byte.is_ascii_digit());
                        let min = digits.fold(0_u32, |sum, &byte| sum.saturating_mul(10) + u32::from(byte - b'0'));
                        // Whether `{,3}` repeats depends on the version of PCRE.
                        if !body[0].is_ascii_digit() || body[..len].contains(&b' ') {
                            return None;
                        }
                        self.pos += len + 1;
                        min
                    }
                    _ => return Some(None),
                }
            }
            _ => return Some(None),
        };
        self.pos += 1;
        if matches!(self.pattern.get(self.pos), Some(b'?' | b'+')) {
            self.pos += 1;
        }
        Some(Some(min))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(pattern: &str, prefix: &str, inside: &str) {
        let found = Required::of(pattern.as_bytes(), Flags::default());
        let text = |bytes: &[u8]| bytes.escape_ascii().to_string();
        assert_eq!((text(&found.prefix), text(&found.inside)), (prefix.into(), inside.into()), "{pattern}");
    }

    #[test]
    fn literals_that_must_be_there() {
        check("^220 .*Foo(?: bar)* baz", "220 ", " baz");
        check(r"^HTTP/1\.[01] \d\d\d .*\r\nServer: nginx/([\d.]+)", "HTTP/1.", r"\r\nServer: nginx/");
        check("^abc?d+e", "ab", "d");
        check("^a|b", "", "");
        check("^x(?:ab|c)yz", "x", "yz");
        check("^(abc)de$", "abcde", "");
        check("^a(?!foo)bar", "a", "bar");
        check("^a(?i)bar", "", "");
        check(r"^\0\x41\x{42}", "", "");
        check(r"^\0\x41[]a]b{2,3}c{", r"\x00A", "c{");
        check("a{,3}b", "", "");
        check("^(ab)?cd", "", "cd");
        check("^(ab)+cd", "ab", "cd");
        check(r"(\w+)\1xx", "", "");
        check("^[[:alpha:]]x", "", "x");
    }

    #[test]
    fn case_is_folded() {
        let found = Required::of(b"^ABc.dE", Flags { case_insensitive: true, ..Flags::default() });
        assert!(found.may_match(b"abcxde") && !found.may_match(b"abcx"));
    }

    #[test]
    fn deep_groups_take_bounded_time() {
        let pattern = [vec![b'('; 4000], vec![b'a'], vec![b')'; 4000]].concat();
        assert!(Required::of(&pattern, Flags::default()).may_match(b"a"));
    }
}
