//! Regular expressions with the meaning of PCRE, on bytes.
//!
//! Service detection and old scripts have patterns for PCRE. They are translated (`translate`) into what a pure engine
//! takes, and matched with a limit on steps: patterns and subjects both come from outside.
//!
//! # Source
//! `pcrepattern(3)`. Not there: branch resets, callouts, verbs but `(*FAIL)`, several groups of one name, UTF-8.

mod class;
mod translate;

pub use translate::{Flags, RegexError};

use fancy_regex::{BytesMode, RegexBuilder};

/// Longest pattern, that of PCRE with its default link size.
pub const PATTERN_MAX: usize = 1 << 16;
/// Backward steps of one match.
const STEPS_MAX: usize = 1_000_000;
/// Memory of a compiled pattern.
const SIZE_MAX: usize = 8 << 20;

/// Start and end of each group, the whole match first; `None` for a group that took no part.
pub type Groups = Vec<Option<(usize, usize)>>;

/// The match needs more steps than are allowed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct TooManySteps;

/// A compiled pattern.
#[derive(Debug)]
pub struct Regex {
    inner: fancy_regex::Regex,
    group_count: usize,
    names: Vec<(Vec<u8>, usize)>,
}

impl Regex {
    /// Compiles a pattern.
    ///
    /// # Errors
    /// What PCRE would find wrong with it, or what is not supported.
    pub fn new(pattern: &[u8], flags: Flags) -> Result<Regex, RegexError> {
        let translated = translate::translate(pattern, flags)?;
        let inner = RegexBuilder::new(&translated.text)
            .bytes_mode(BytesMode::Ascii)
            .case_insensitive(flags.case_insensitive)
            .backtrack_limit(STEPS_MAX)
            .delegate_size_limit(SIZE_MAX)
            .find_not_empty(flags.not_empty)
            .build();
        match inner {
            Ok(inner) => Ok(Regex { inner, group_count: translated.group_count, names: translated.names }),
            Err(error) => Err(RegexError { reason: translate::reason_of(&error), offset: pattern.len() }),
        }
    }

    /// Groups, the whole match not counted.
    pub fn group_count(&self) -> usize {
        self.group_count
    }

    /// Names of groups with their numbers.
    pub fn names(&self) -> &[(Vec<u8>, usize)] {
        &self.names
    }

    /// The first match that starts at `from` or behind.
    ///
    /// # Errors
    /// When it takes too many steps.
    pub fn find(&self, subject: &[u8], from: usize) -> Result<Option<Groups>, TooManySteps> {
        match self.inner.captures_from_pos(subject, from) {
            Ok(Some(captures)) => {
                let group = |idx| captures.get(idx).map(|found| (found.start(), found.end()));
                Ok(Some((0..=self.group_count).map(group).collect()))
            }
            Ok(None) => Ok(None),
            Err(_) => Err(TooManySteps),
        }
    }
}

#[cfg(test)]
mod tests;
