//! PCRE's syntax to that of the engine.
//!
//! The pattern is read once, from left to right, with a stack of open groups. What comes out uses few constructs, each
//! with one meaning: bytes as `\xHH`, classes as ranges, anchors spelled out, numbered groups only. Flags other than
//! case are gone afterwards. So the engine's own extensions and its idea of Unicode never come into play.

use super::PATTERN_MAX;
use super::class::{self, Set};

/// How a pattern is to be understood.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Flags {
    /// `i`.
    pub case_insensitive: bool,
    /// `m`.
    pub multi_line: bool,
    /// `s`.
    pub dot_all: bool,
    /// `x`.
    pub extended: bool,
    /// `U`: repetitions are lazy unless marked.
    pub ungreedy: bool,
    /// `$` is the very end only.
    pub dollar_end_only: bool,
    /// Plain parentheses don't capture.
    pub no_auto_capture: bool,
    /// A match starts where the search does.
    pub anchored: bool,
    /// The subject's start is no start of a line, its end no end of one.
    pub not_bol: bool,
    /// See `not_bol`.
    pub not_eol: bool,
    /// The match is not empty.
    pub not_empty: bool,
}

/// What is wrong with a pattern, in PCRE's words, and where: an offset in bytes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct RegexError {
    /// The reason.
    pub reason: &'static str,
    /// Bytes of the pattern that were read.
    pub offset: usize,
}

impl std::fmt::Display for RegexError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} at offset {}", self.reason, self.offset)
    }
}

impl std::error::Error for RegexError {}

/// A translated pattern.
#[derive(Debug)]
pub(super) struct Translated {
    pub text: String,
    pub group_count: usize,
    pub names: Vec<(Vec<u8>, usize)>,
}

/// PCRE's words for what the engine does not take.
pub(super) fn reason_of(error: &fancy_regex::Error) -> &'static str {
    match error {
        fancy_regex::Error::CompileError(error) => match **error {
            fancy_regex::CompileError::LookBehindNotConst
            | fancy_regex::CompileError::VariableLookBehindRequiresFeature => {
                "lookbehind assertion is not fixed length"
            }
            _ => "regular expression is too large",
        },
        fancy_regex::Error::ParseError(_, fancy_regex::ParseError::RecursionExceeded) => {
            "parentheses are too deeply nested"
        }
        _ => "regular expression is not supported",
    }
}

/// Largest count in braces.
const COUNT_MAX: u32 = 65535;
/// Open groups: those that the engine takes, less what the translation adds.
const DEPTH_MAX: usize = 50;
const NAME_MAX: usize = 32;
const NO_START_OPT: &[u8] = b"(*NO_START_OPT)";
const NO_SUCH_ESCAPE: &str = "PCRE does not support \\L, \\l, \\N{name}, \\U, or \\u";

/// A group that is open.
struct Open {
    /// Where it starts in the output.
    start: usize,
    /// Flags to go back to.
    flags: Flags,
    /// Look-arounds can't be repeated as they are.
    is_assertion: bool,
    /// Something in it takes part of the subject. A group without can't be repeated either.
    consumes: bool,
    /// It is the condition of the group around it.
    is_condition: bool,
    /// Branches so far, of a conditional group only.
    branches: Option<usize>,
}

/// What was written last, and may be repeated.
#[derive(Clone, Copy)]
enum Last {
    /// Nothing, or what can't be repeated.
    Nothing,
    /// It starts there in the output.
    Item(usize),
    /// The same for an assertion, which matches nothing.
    Assertion(usize),
}

struct Translator<'a> {
    pattern: &'a [u8],
    at: usize,
    flags: Flags,
    out: String,
    open: Vec<Open>,
    last: Last,
    group_count: usize,
    /// Groups in the whole pattern, which conditions may ask for.
    groups_total: usize,
    names: Vec<(Vec<u8>, usize)>,
    /// Highest group referred to.
    highest_reference: usize,
}

type Step = Result<(), RegexError>;

/// Translates a pattern, which ends at its first zero byte as C strings do, if it has one.
pub(super) fn translate(pattern: &[u8], flags: Flags) -> Result<Translated, RegexError> {
    if pattern.len() >= PATTERN_MAX {
        return Err(RegexError { reason: "regular expression is too large", offset: 0 });
    }
    // Optimisations are not ours to switch off.
    let start = if pattern.starts_with(NO_START_OPT) { NO_START_OPT.len() } else { 0 };
    let names = scan_groups(pattern, flags);
    let mut translator = Translator {
        pattern,
        at: start,
        flags,
        out: String::new(),
        open: Vec::new(),
        last: Last::Nothing,
        group_count: 0,
        groups_total: names.0,
        names: Vec::new(),
        highest_reference: 0,
    };
    if flags.anchored {
        translator.out.push_str("\\G(?:");
    }
    let known = names.1;
    while translator.at < pattern.len() {
        translator.step(&known)?;
    }
    if !translator.open.is_empty() {
        return Err(translator.error("missing )"));
    }
    if flags.anchored {
        translator.out.push(')');
    }
    if translator.highest_reference > translator.group_count {
        return Err(translator.error("reference to non-existent subpattern"));
    }
    Ok(Translated { text: translator.out, group_count: translator.group_count, names: translator.names })
}

/// Counts the capturing groups and finds their names, without checking anything.
fn scan_groups(pattern: &[u8], flags: Flags) -> (usize, Vec<(Vec<u8>, usize)>) {
    let (mut count, mut names, mut at) = (0, Vec::new(), 0);
    let mut in_class = false;
    while at < pattern.len() {
        match pattern[at] {
            b'\\' if pattern[at + 1..].first() == Some(&b'Q') => {
                let rest = &pattern[at..];
                at += rest.windows(2).position(|pair| pair == b"\\E").unwrap_or(rest.len());
            }
            b'\\' => at += 1,
            b'[' if !in_class => {
                in_class = true;
                at += usize::from(pattern.get(at + 1) == Some(&b'^'));
                at += usize::from(pattern.get(at + 1) == Some(&b']'));
            }
            b']' => in_class = false,
            b'(' if !in_class => {
                let rest = &pattern[at + 1..];
                // The parenthesis of a condition is no group.
                at += if rest.starts_with(b"?(") { 2 } else { 0 };
                if rest.starts_with(b"?#") {
                    at += rest.iter().position(|&byte| byte == b')').unwrap_or(rest.len());
                }
                match group_name(rest) {
                    Some((start, len)) => {
                        count += 1;
                        names.push((rest[start..start + len].to_vec(), count));
                    }
                    None if !rest.starts_with(b"?") && !rest.starts_with(b"*") && !flags.no_auto_capture => count += 1,
                    None => {}
                }
            }
            _ => {}
        }
        at += 1;
    }
    (count, names)
}

/// Where the name of a named group is, behind its parenthesis: start and length. Without an end it is all the rest.
fn group_name(rest: &[u8]) -> Option<(usize, usize)> {
    let (skip, end) = match rest {
        [b'?', b'P', b'<', ..] => (3, b'>'),
        [b'?', b'<', next, ..] if !matches!(next, b'=' | b'!') => (2, b'>'),
        [b'?', b'\'', ..] => (2, b'\''),
        _ => return None,
    };
    let name = &rest[skip..];
    Some((skip, name.iter().position(|&byte| byte == end).unwrap_or(name.len())))
}

impl Translator<'_> {
    fn error(&self, reason: &'static str) -> RegexError {
        RegexError { reason, offset: self.at }
    }

    fn rest(&self) -> &[u8] {
        &self.pattern[self.at.min(self.pattern.len())..]
    }

    /// Notes that what is written next may be repeated.
    fn start_item(&mut self) {
        self.last = Last::Item(self.out.len());
        if let Some(open) = self.open.last_mut() {
            open.consumes = true;
        }
    }

    /// Writes something that may be repeated.
    fn item(&mut self, text: &str) {
        self.start_item();
        self.out.push_str(text);
    }

    fn byte(&mut self, byte: u8) {
        let text = if byte.is_ascii_alphanumeric() { char::from(byte).to_string() } else { format!("\\x{byte:02X}") };
        self.item(&text);
    }

    fn set(&mut self, members: &Set) {
        self.start_item();
        class::write(members, false, &mut self.out);
    }

    /// Reads one thing.
    fn step(&mut self, known: &[(Vec<u8>, usize)]) -> Step {
        let byte = self.pattern[self.at];
        self.at += 1;
        match byte {
            b'\\' => self.escape(known),
            b'[' => self.class(),
            b'(' => self.group(known),
            b')' => self.close(),
            b'|' => self.branch(),
            b'^' => {
                self.caret();
                Ok(())
            }
            b'$' => {
                self.dollar();
                Ok(())
            }
            b'.' => {
                let text = if self.flags.dot_all { "(?s:.)" } else { "[^\\x0A]" };
                self.item(text);
                Ok(())
            }
            b'*' => self.repeat(0, None),
            b'+' => self.repeat(1, None),
            b'?' => self.repeat(0, Some(1)),
            b'{' => match self.counts()? {
                Some((min, max)) => self.repeat(min, max),
                None => {
                    self.byte(b'{');
                    Ok(())
                }
            },
            b' ' | b'\t'..=b'\r' if self.flags.extended => Ok(()),
            b'#' if self.flags.extended => {
                self.at -= 1;
                self.skip_space();
                Ok(())
            }
            _ => {
                self.byte(byte);
                Ok(())
            }
        }
    }

    /// Writes an anchor, which can't be repeated.
    fn anchor(&mut self, text: &str) {
        self.last = Last::Nothing;
        self.out.push_str(text);
    }

    fn caret(&mut self) {
        let text = match (self.flags.multi_line, self.flags.not_bol) {
            // Behind a newline that ends the subject no line starts.
            (true, false) => "(?:\\A|(?<=\\x0A)(?!\\z))",
            (true, true) => "(?:(?<=\\x0A)(?!\\z))",
            (false, false) => "\\A",
            (false, true) => "(?!)",
        };
        self.anchor(text);
    }

    fn dollar(&mut self) {
        let text = match (self.flags.multi_line, self.flags.not_eol, self.flags.dollar_end_only) {
            (true, false, _) => "(?=\\x0A|\\z)",
            (true, true, _) => "(?=\\x0A)",
            (false, true, _) => "(?!)",
            (false, false, true) => "\\z",
            (false, false, false) => "(?=\\x0A?\\z)",
        };
        self.anchor(text);
    }

    /// The numbers of a repetition, behind its brace; `None` when the brace stands for itself.
    fn counts(&mut self) -> Result<Option<(u32, Option<u32>)>, RegexError> {
        let rest = self.rest();
        let digits = |from: usize| rest[from.min(rest.len())..].iter().take_while(|byte| byte.is_ascii_digit()).count();
        let first = digits(0);
        let (second_at, second) = match rest.get(first) {
            Some(b',') => (first + 1, digits(first + 1)),
            _ => (first, 0),
        };
        let end = second_at + second;
        if first == 0 || rest.get(end) != Some(&b'}') {
            return Ok(None);
        }
        let number = |from: usize, len: usize| {
            let number = rest[from..from + len]
                .iter()
                .fold(0, |number: u32, digit| number.saturating_mul(10).saturating_add(u32::from(digit - b'0')));
            if number > COUNT_MAX { Err(self.error("number too big in {} quantifier")) } else { Ok(number) }
        };
        let min = number(0, first)?;
        let max = match (second_at > first, second) {
            (false, _) => Some(min),
            (true, 0) => None,
            (true, len) => Some(number(second_at, len)?),
        };
        self.at += end + 1;
        if max.is_some_and(|max| max < min) {
            return Err(RegexError { reason: "numbers out of order in {} quantifier", offset: self.at - 1 });
        }
        Ok(Some((min, max)))
    }

    /// Skips white space and comments of the extended syntax.
    fn skip_space(&mut self) {
        while let Some(&byte) = self.rest().first() {
            self.at += match byte {
                b' ' | b'\t'..=b'\r' => 1,
                b'#' => self.rest().iter().position(|&byte| byte == b'\n').map_or(self.rest().len(), |end| end + 1),
                _ => return,
            };
        }
    }

    /// Repeats what was written last.
    fn repeat(&mut self, min: u32, max: Option<u32>) -> Step {
        let offset = self.at - 1;
        if self.flags.extended {
            self.skip_space();
        }
        let mark = self.rest().first().copied();
        let start = match self.last {
            Last::Nothing => return Err(RegexError { reason: "nothing to repeat", offset }),
            Last::Item(start) | Last::Assertion(start) => start,
        };
        let is_possessive = mark == Some(b'+');
        let is_lazy = (mark == Some(b'?')) != self.flags.ungreedy && !is_possessive;
        self.at += usize::from(matches!(mark, Some(b'+' | b'?')));
        if let Last::Assertion(_) = self.last {
            // Twice true is as good as once.
            self.last = Last::Nothing;
            if min == 0 {
                let rest = if is_lazy { "(?:|" } else { "(?:" };
                self.out.insert_str(start, rest);
                self.out.push_str(if is_lazy { ")" } else { "|)" });
            }
            return Ok(());
        }
        self.last = Last::Nothing;
        match (min, max) {
            (0, None) => self.out.push('*'),
            (1, None) => self.out.push('+'),
            (0, Some(1)) => self.out.push('?'),
            (min, None) => self.out.push_str(&format!("{{{min},}}")),
            (min, Some(max)) => self.out.push_str(&format!("{{{min},{max}}}")),
        }
        if is_lazy {
            self.out.push('?');
        }
        if is_possessive {
            self.out.insert_str(start, "(?>");
            self.out.push(')');
        }
        Ok(())
    }

    fn branch(&mut self) -> Step {
        if let Some(Open { branches: Some(branches), .. }) = self.open.last_mut() {
            *branches += 1;
            if *branches > 1 {
                return Err(self.error("conditional group contains more than two branches"));
            }
        }
        self.out.push('|');
        self.last = Last::Nothing;
        Ok(())
    }

    fn close(&mut self) -> Step {
        let Some(open) = self.open.pop() else {
            return Err(RegexError { reason: "unmatched parentheses", offset: self.at - 1 });
        };
        self.out.push(')');
        self.flags = open.flags;
        if open.is_condition {
            self.out.push(')');
            self.last = Last::Nothing;
            return Ok(());
        }
        let consumes = open.consumes && !open.is_assertion;
        self.last = if consumes { Last::Item(open.start) } else { Last::Assertion(open.start) };
        if let Some(around) = self.open.last_mut() {
            around.consumes |= consumes;
        }
        Ok(())
    }

    fn open_group(&mut self, text: &str, is_assertion: bool, branches: Option<usize>) -> Step {
        if self.open.len() >= DEPTH_MAX {
            return Err(self.error("parentheses are too deeply nested"));
        }
        let open = Open {
            start: self.out.len(),
            flags: self.flags,
            is_assertion,
            consumes: false,
            is_condition: false,
            branches,
        };
        self.open.push(open);
        self.out.push_str(text);
        self.last = Last::Nothing;
        Ok(())
    }

    fn group(&mut self, known: &[(Vec<u8>, usize)]) -> Step {
        let rest = self.pattern[self.at..].to_vec();
        if let Some((start, len)) = group_name(&rest) {
            let name = &rest[start..start + len];
            let valid = name.iter().take_while(|&&byte| byte.is_ascii_alphanumeric() || byte == b'_').count();
            self.at += start + valid;
            if valid < len || len == 0 || rest.len() == start + len {
                let reason = if valid == 0 && start == 2 {
                    "unrecognized character after (?<"
                } else {
                    "syntax error in subpattern name (missing terminator)"
                };
                return Err(self.error(reason));
            }
            if name[0].is_ascii_digit() || len > NAME_MAX {
                return Err(self.error("subpattern name must start with a non-digit"));
            }
            if self.names.iter().any(|(other, _)| other == name) {
                return Err(self.error("two named subpatterns have the same name"));
            }
            self.group_count += 1;
            self.names.push((name.to_vec(), self.group_count));
            self.at += 1;
            return self.open_group("(", false, None);
        }
        let groups: [(&[u8], &str, bool); 6] = [
            (b"?:", "(?:", false),
            (b"?>", "(?>", false),
            (b"?=", "(?=", true),
            (b"?!", "(?!", true),
            (b"?<=", "(?<=", true),
            (b"?<!", "(?<!", true),
        ];
        if let Some((start, text, is_assertion)) = groups.iter().find(|group| rest.starts_with(group.0)) {
            self.at += start.len();
            return self.open_group(text, *is_assertion, None);
        }
        match rest.as_slice() {
            [b'?', b'#', ..] => match rest.iter().position(|&byte| byte == b')') {
                Some(end) => {
                    self.at += end + 1;
                    Ok(())
                }
                None => {
                    self.at = self.pattern.len();
                    Err(self.error("missing ) after comment"))
                }
            },
            [b'?', b'(', ..] => self.conditional(known, &rest),
            [b'?', b'P', kind @ (b'=' | b'>'), ..] => {
                let end = rest.iter().position(|&byte| byte == b')').unwrap_or(rest.len());
                let name = &rest[3..end.max(3)];
                self.at += end + 1;
                self.named_reference(known, name, *kind == b'>')
            }
            [b'?', b'&', ..] => {
                let end = rest.iter().position(|&byte| byte == b')').unwrap_or(rest.len());
                self.at += end + 1;
                self.named_reference(known, &rest[2..end.max(2)], true)
            }
            [b'?', b'R' | b'+' | b'0'..=b'9', ..] | [b'?', b'-', b'0'..=b'9', ..] => self.call(&rest),
            [b'?', ..] => self.inline_flags(&rest),
            [b'*', ..] if rest.starts_with(b"*F)") || rest.starts_with(b"*FAIL)") => {
                self.at += rest.iter().position(|&byte| byte == b')').unwrap_or(0) + 1;
                self.anchor("(?!)");
                Ok(())
            }
            [b'*', next, ..] if next.is_ascii_uppercase() || *next == b':' => {
                Err(self.error("(*VERB) not recognized or malformed"))
            }
            _ if self.flags.no_auto_capture => self.open_group("(?:", false, None),
            _ => {
                self.group_count += 1;
                self.open_group("(", false, None)
            }
        }
    }

    /// `(?i-s)` and `(?i:…)`.
    fn inline_flags(&mut self, rest: &[u8]) -> Step {
        let (mut flags, mut value, mut at) = (self.flags, true, 1);
        loop {
            let letter = rest.get(at).copied();
            at += 1;
            match letter {
                Some(b'i') => flags.case_insensitive = value,
                Some(b'm') => flags.multi_line = value,
                Some(b's') => flags.dot_all = value,
                Some(b'x') => flags.extended = value,
                Some(b'U') => flags.ungreedy = value,
                Some(b'-') if value => value = false,
                Some(b')' | b':') => {
                    self.at += at;
                    let case = if flags.case_insensitive { "i" } else { "-i" };
                    if letter == Some(b')') {
                        if flags.case_insensitive != self.flags.case_insensitive {
                            self.out.push_str(&format!("(?{case})"));
                        }
                        self.last = Last::Nothing;
                    } else {
                        self.open_group(&format!("(?{case}:"), false, None)?;
                    }
                    self.flags = flags;
                    return Ok(());
                }
                _ => {
                    self.at += at - 1;
                    return Err(self.error("unrecognized character after (? or (?-"));
                }
            }
        }
    }

    /// `(?(1)…|…)`, `(?(<name>)…)`, `(?(?=…)…|…)`.
    fn conditional(&mut self, known: &[(Vec<u8>, usize)], rest: &[u8]) -> Step {
        let end = rest.iter().position(|&byte| byte == b')').unwrap_or(rest.len());
        let condition = &rest[2..end];
        let valid =
            condition.iter().take_while(|byte| byte.is_ascii_alphanumeric() || b"_<>'+-".contains(byte)).count();
        let looks_around = [&b"?="[..], b"?!", b"?<=", b"?<!"].iter().any(|start| condition.starts_with(start));
        if looks_around {
            // The condition is read like any group.
            self.at += 1;
            self.open_group("(?(", false, Some(0))?;
            self.at += 1;
            self.group(known)?;
            if let Some(condition) = self.open.last_mut() {
                condition.is_condition = true;
            }
            return Ok(());
        }
        let is_name_like = condition.first().is_some_and(|&byte| byte != b'?' && byte != b'*');
        if !is_name_like {
            self.at += 2;
            return Err(self.error("assertion expected after (?( or (?(?C)"));
        }
        if valid < condition.len() {
            self.at += 2 + valid;
            return Err(self.error("malformed number or name after (?("));
        }
        let number = if let Some(number) = self.group_number(condition) {
            number
        } else {
            let quoted =
                |open: u8, close: u8| condition.strip_prefix(&[open]).and_then(|name| name.strip_suffix(&[close]));
            let name = quoted(b'<', b'>').or(quoted(b'\'', b'\'')).unwrap_or(condition);
            known.iter().find(|(other, _)| other == name).map_or(0, |(_, number)| *number)
        };
        self.at += (end + 1).min(rest.len());
        if number == 0 || number > self.groups_total || end == rest.len() {
            return Err(self.error("reference to non-existent subpattern"));
        }
        self.open_group(&format!("(?({number})"), false, Some(0))
    }

    fn note_reference(&mut self, number: usize) {
        self.highest_reference = self.highest_reference.max(number);
    }

    fn reference(&mut self, number: usize, calls: bool) {
        self.note_reference(number);
        let kind = if calls { 'g' } else { 'k' };
        self.item(&format!("\\{kind}<{number}>"));
    }

    fn named_reference(&mut self, known: &[(Vec<u8>, usize)], name: &[u8], calls: bool) -> Step {
        match known.iter().find(|(other, _)| other == name) {
            Some(&(_, number)) => {
                self.reference(number, calls);
                Ok(())
            }
            None => Err(RegexError { reason: "reference to non-existent subpattern", offset: self.at - 1 }),
        }
    }

    /// `(?R)`, `(?1)`, `(?-1)`, `(?+1)`: a group as a subroutine.
    fn call(&mut self, rest: &[u8]) -> Step {
        let signs = usize::from(matches!(rest[1], b'+' | b'-' | b'R'));
        let digits = rest[1 + signs..].iter().take_while(|byte| byte.is_ascii_digit()).count();
        let end = 1 + signs + if rest[1] == b'R' { 0 } else { digits };
        let text = &rest[1..end];
        if rest[1] == b'+' && digits == 0 {
            self.at += 2;
            return Err(self.error("digit expected after (?+"));
        }
        if rest.get(end) != Some(&b')') {
            self.at += end;
            return Err(self.error("(?R or (?[+-]digits must be followed by )"));
        }
        self.at += end + 1;
        let number = self.group_number(if text == b"R" { b"0" } else { text });
        match number {
            Some(number) => {
                self.reference(number, true);
                Ok(())
            }
            None => Err(self.error("reference to non-existent subpattern")),
        }
    }

    /// A group by a number, or counted from here with a sign.
    fn group_number(&self, text: &[u8]) -> Option<usize> {
        let (sign, digits) = match text {
            [sign @ (b'+' | b'-'), digits @ ..] => (Some(*sign), digits),
            digits => (None, digits),
        };
        if digits.is_empty() || digits.len() > 4 || !digits.iter().all(u8::is_ascii_digit) {
            return None;
        }
        let number = digits.iter().fold(0, |number, digit| number * 10 + usize::from(digit - b'0'));
        match sign {
            Some(b'-') => (self.group_count + 1).checked_sub(number).filter(|&number| number > 0),
            Some(_) => Some(self.group_count + number),
            None => Some(number),
        }
    }

    fn escape(&mut self, known: &[(Vec<u8>, usize)]) -> Step {
        let Some(&letter) = self.rest().first() else { return Err(self.error("\\ at end of pattern")) };
        if let Some(members) = class::escape(letter) {
            self.at += 1;
            if letter == b'N' && self.rest().first() == Some(&b'{') && self.is_no_count() {
                return Err(RegexError { reason: NO_SUCH_ESCAPE, offset: self.at - 1 });
            }
            self.set(&members);
            return Ok(());
        }
        match letter {
            b'A' | b'B' | b'G' | b'Z' | b'b' | b'z' => {
                self.at += 1;
                self.anchor(match letter {
                    b'A' => "\\A",
                    b'B' => "\\B",
                    b'G' => "\\G",
                    b'Z' => "(?=\\x0A?\\z)",
                    b'b' => "\\b",
                    _ => "\\z",
                });
            }
            b'K' => {
                self.at += 1;
                self.anchor("\\K");
            }
            b'R' => {
                self.at += 1;
                self.item("(?>\\x0D\\x0A|[\\x0A-\\x0D\\x85])");
            }
            b'E' => self.at += 1,
            b'Q' => {
                let rest = &self.pattern[self.at + 1..];
                let len = rest.windows(2).position(|pair| pair == b"\\E").unwrap_or(rest.len());
                let text = rest[..len].to_vec();
                self.at = (self.at + 1 + len + 2).min(self.pattern.len());
                text.into_iter().for_each(|byte| self.byte(byte));
            }
            b'C' => {
                self.at += 1;
                self.item("(?s:.)");
            }
            b'g' | b'k' => return self.delimited_reference(known, letter),
            b'1'..=b'9' => return self.digits(),
            b'L' | b'N' | b'P' | b'U' | b'X' | b'l' | b'p' | b'u' => {
                return Err(self.error(NO_SUCH_ESCAPE));
            }
            _ => {
                let byte = self.escaped_byte()?;
                self.byte(byte);
            }
        }
        Ok(())
    }

    /// Whether the brace that comes next begins no repetition.
    fn is_no_count(&mut self) -> bool {
        let at = self.at;
        self.at += 1;
        let counts = self.counts();
        self.at = at;
        matches!(counts, Ok(None))
    }

    /// `\g{1}`, `\g1`, `\g<name>`, `\k<name>` and the like.
    fn delimited_reference(&mut self, known: &[(Vec<u8>, usize)], letter: u8) -> Step {
        let rest = self.pattern[self.at + 1..].to_vec();
        let close = match rest.first() {
            Some(b'{') => b'}',
            Some(b'<') => b'>',
            Some(b'\'') => b'\'',
            _ if letter == b'g' => {
                let signs = usize::from(rest.first() == Some(&b'-'));
                let len = signs + rest[signs..].iter().take_while(|byte| byte.is_ascii_digit()).count();
                self.at += 1 + len;
                return match self.group_number(&rest[..len]) {
                    Some(number @ 1..) => {
                        self.reference(number, false);
                        Ok(())
                    }
                    _ => Err(self.error("a numbered reference must not be zero")),
                };
            }
            _ => return Err(self.error("\\k is not followed by a braced, angle-bracketed, or quoted name")),
        };
        let end = rest[1..].iter().position(|&byte| byte == close);
        let Some(end) = end else { return Err(self.error("syntax error in subpattern name (missing terminator)")) };
        let name = &rest[1..=end];
        self.at += end + 3;
        let calls = letter == b'g' && close != b'}';
        match self.group_number(name).filter(|_| letter == b'g') {
            Some(number) if number > 0 || calls => {
                self.reference(number, calls);
                Ok(())
            }
            Some(_) => Err(self.error("a numbered reference must not be zero")),
            None => self.named_reference(known, name, calls),
        }
    }

    /// A backslash and a digit that is not 0: a reference, or an octal number.
    fn digits(&mut self) -> Step {
        let rest = self.rest();
        let len = rest.iter().take_while(|byte| byte.is_ascii_digit()).count().min(9);
        let number = rest[..len].iter().fold(0, |number, digit| number * 10 + usize::from(digit - b'0'));
        if number < 8 || number <= self.group_count {
            self.at += len;
            self.reference(number, false);
            return Ok(());
        }
        // 8 and 9 are no octal digits, and stand for themselves.
        let byte = self.escaped_byte()?;
        self.byte(byte);
        Ok(())
    }

    /// The byte that an escape stands for, inside a class and outside.
    fn escaped_byte(&mut self) -> Result<u8, RegexError> {
        let Some(&letter) = self.rest().first() else { return Err(self.error("\\ at end of pattern")) };
        self.at += 1;
        let rest = self.rest();
        Ok(match letter {
            b'a' => 0x07,
            b'e' => 0x1b,
            b'f' => 0x0c,
            b'n' => b'\n',
            b'r' => b'\r',
            b't' => b'\t',
            b'0'..=b'7' => {
                let len = 1 + rest.iter().take(2).take_while(|byte| matches!(byte, b'0'..=b'7')).count();
                let digits = &self.pattern[self.at - 1..self.at - 1 + len];
                let value = digits.iter().fold(0u32, |value, digit| value * 8 + u32::from(digit - b'0'));
                self.at += len - 1;
                value as u8
            }
            b'x' if rest.first() == Some(&b'{') => {
                let len = rest[1..].iter().take_while(|byte| byte.is_ascii_hexdigit()).count();
                if rest.get(1 + len) != Some(&b'}') {
                    self.at += 1 + len;
                    return Err(self.error("non-hex character in \\x{} (closing brace missing?)"));
                }
                let value = hex_value(&rest[1..1 + len]);
                self.at += len + 2;
                match value {
                    Some(value) => value,
                    None => return Err(self.error("character value in \\x{} or \\o{} is too large")),
                }
            }
            b'x' => {
                let len = rest.iter().take(2).take_while(|byte| byte.is_ascii_hexdigit()).count();
                let value = hex_value(&rest[..len]).unwrap_or(0);
                self.at += len;
                value
            }
            b'c' => match rest.first() {
                Some(&byte @ 0x20..=0x7e) => {
                    self.at += 1;
                    byte.to_ascii_uppercase() ^ 0x40
                }
                Some(_) => return Err(self.error("\\c must be followed by an ASCII character")),
                None => return Err(self.error("\\c at end of pattern")),
            },
            other => other,
        })
    }

    fn class(&mut self) -> Step {
        let start = self.at - 1;
        if !matches!(class::posix_at(&self.pattern[start..], false, start), Ok(None)) {
            return Err(RegexError { reason: "POSIX named classes are supported only within a class", offset: start });
        }
        let negated = self.rest().first() == Some(&b'^');
        self.at += usize::from(negated);
        let mut members: Set = [false; 256];
        let mut is_first = true;
        loop {
            let Some(&byte) = self.rest().first() else {
                return Err(self.error("missing terminating ] for character class"));
            };
            if byte == b']' && !is_first {
                self.at += 1;
                break;
            }
            is_first = false;
            let Some(from) = self.class_item(&mut members)? else { continue };
            let to = self.range_end(&mut members)?;
            let to = to.unwrap_or(from);
            if to < from {
                return Err(RegexError { reason: "range out of order in character class", offset: self.at - 1 });
            }
            (from..=to).for_each(|byte| members[usize::from(byte)] = true);
        }
        self.start_item();
        class::write(&members, negated, &mut self.out);
        Ok(())
    }

    /// One item of a class: a single byte, or `None` for a set that was added.
    fn class_item(&mut self, members: &mut Set) -> Result<Option<u8>, RegexError> {
        let byte = self.pattern[self.at];
        if byte == b'['
            && let Some((set, len)) = class::posix_at(self.rest(), self.flags.case_insensitive, self.at)?
        {
            self.at += len;
            members.iter_mut().zip(set).for_each(|(member, new)| *member |= new);
            return Ok(None);
        }
        self.at += 1;
        if byte != b'\\' {
            return Ok(Some(byte));
        }
        match self.rest().first() {
            Some(b'b') => {
                self.at += 1;
                Ok(Some(0x08))
            }
            Some(b'E') => {
                self.at += 1;
                Ok(None)
            }
            Some(b'Q') => {
                let rest = &self.pattern[self.at + 1..];
                let len = rest.windows(2).position(|pair| pair == b"\\E").unwrap_or(rest.len());
                rest[..len].iter().for_each(|&byte| members[usize::from(byte)] = true);
                self.at = (self.at + 1 + len + 2).min(self.pattern.len());
                Ok(None)
            }
            Some(&letter) if letter != b'N' && class::escape(letter).is_some() => {
                self.at += 1;
                let set = class::escape(letter).unwrap_or([false; 256]);
                members.iter_mut().zip(set).for_each(|(member, new)| *member |= new);
                Ok(None)
            }
            Some(b'8' | b'9') => {
                // No octal digit: the digit itself.
                self.at += 1;
                Ok(Some(self.pattern[self.at - 1]))
            }
            Some(b'N') => Err(self.error("\\N is not supported in a class")),
            _ => self.escaped_byte().map(Some),
        }
    }

    /// The end of a range, if the hyphen that comes next makes one.
    fn range_end(&mut self, members: &mut Set) -> Result<Option<u8>, RegexError> {
        let [b'-', next, ..] = self.rest() else { return Ok(None) };
        if *next == b']' {
            return Ok(None);
        }
        self.at += 1;
        let is_name = self.rest().first() == Some(&b'[');
        let end = self.class_item(members)?;
        if end.is_none() && is_name {
            return Err(RegexError { reason: "invalid range in character class", offset: self.at - 1 });
        }
        if end.is_none() {
            // The hyphen before a set stands for itself.
            members[usize::from(b'-')] = true;
        }
        Ok(end)
    }
}

/// A hexadecimal number that fits a byte; 0 without digits.
fn hex_value(digits: &[u8]) -> Option<u8> {
    let value = digits
        .iter()
        .fold(0u32, |value, &digit| value.saturating_mul(16).saturating_add((digit as char).to_digit(16).unwrap_or(0)));
    u8::try_from(value).ok()
}
