//! A pattern in the form the matcher runs, and the programs of the patterns used last.
//!
//! What is wrong with a pattern becomes a node where it stands: as in the reference, nobody hears of it unless a match
//! gets there.

use super::set::Set;
use super::{CAPTURES_MAX, PatternError};
use std::cell::RefCell;
use std::rc::Rc;

/// Bytes of a program at most for each byte of its pattern: `[ab]` makes a set.
pub(crate) const PROGRAM_BYTES: usize = 16;
/// Programs kept.
const KEPT: usize = 128;
/// Longer patterns are not kept.
const KEPT_LEN_MAX: usize = 256;

/// What one byte of the subject is compared with.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Item {
    Any,
    Byte(u8),
    Not(u8),
    /// Index in the program's sets.
    Set(u32),
}

/// A part of a pattern.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Node {
    One(Item),
    /// `?`
    Maybe(Item),
    /// `*`
    Most(Item),
    /// `+`
    SomeOf(Item),
    /// `-`
    Least(Item),
    Open,
    /// `()`
    Position,
    Close,
    /// `$`
    End,
    /// `%bxy`
    Balance(u8, u8),
    /// `%f[…]`: index in the program's sets.
    Frontier(u32),
    /// `%1`: the digit.
    Back(u8),
    Wrong(PatternError),
    Accept,
}

/// What a match begins with.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum First {
    /// Anything, or nothing at all.
    Unknown,
    Byte(u8),
    Two(u8, u8),
    /// One of the set `first_set`.
    Listed,
}

/// A pattern made ready.
#[derive(Debug)]
pub(crate) struct Program {
    source: Vec<u8>,
    /// The last is [`Node::Accept`] or [`Node::Wrong`].
    pub(super) nodes: Vec<Node>,
    pub(super) sets: Vec<Set>,
    /// Whether a `^` in front counts as an anchor.
    anchors: bool,
    /// It has an anchor: a match begins where the search does.
    pub anchored: bool,
    first: First,
    first_set: Set,
}

thread_local! {
    /// The programs used last, each at a place that the pattern's address gives: constants stay where they are.
    static PROGRAMS: RefCell<[Option<Rc<Program>>; KEPT]> = const { RefCell::new([const { None }; KEPT]) };
}

impl Program {
    /// The program of a pattern, made when it is not at hand. With `anchors` a `^` in front is an anchor.
    pub fn of(pattern: &[u8], anchors: bool) -> Rc<Program> {
        if let Some(program) = Program::kept(pattern, anchors) {
            return program;
        }
        if pattern.len() > KEPT_LEN_MAX {
            let mut program = Program::empty();
            program.compile(pattern, anchors);
            return Rc::new(program);
        }
        PROGRAMS.with_borrow_mut(|programs| {
            let kept = programs[place(pattern)].get_or_insert_with(|| Rc::new(Program::empty()));
            if Rc::get_mut(kept).is_none() {
                *kept = Rc::new(Program::empty());
            }
            // Its buffers serve again.
            if let Some(program) = Rc::get_mut(kept) {
                program.compile(pattern, anchors);
            }
            Rc::clone(kept)
        })
    }

    /// The program, if it is at hand.
    #[inline]
    pub fn kept(pattern: &[u8], anchors: bool) -> Option<Rc<Program>> {
        PROGRAMS.with_borrow(|programs| match &programs[place(pattern)] {
            Some(kept) if kept.source == pattern && kept.anchors == anchors => Some(Rc::clone(kept)),
            _ => None,
        })
    }

    fn empty() -> Program {
        Program {
            source: Vec::new(),
            nodes: Vec::new(),
            sets: Vec::new(),
            anchors: false,
            anchored: false,
            first: First::Unknown,
            first_set: Set::EMPTY,
        }
    }

    fn compile(&mut self, pattern: &[u8], anchors: bool) {
        self.source.clear();
        self.source.extend_from_slice(pattern);
        self.nodes.clear();
        self.sets.clear();
        self.anchors = anchors;
        self.anchored = anchors && pattern.first() == Some(&b'^');
        let mut at = usize::from(self.anchored);
        while at < pattern.len() {
            match self.add_node(pattern, at) {
                Ok(next) => at = next,
                Err(error) => {
                    self.nodes.push(Node::Wrong(error));
                    break;
                }
            }
        }
        self.nodes.push(Node::Accept);
        self.find_first();
    }

    /// Adds the part of the pattern at `at`; where the next one begins.
    fn add_node(&mut self, pattern: &[u8], at: usize) -> Result<usize, PatternError> {
        let next = pattern.get(at + 1).copied();
        let (node, end) = match (pattern[at], next) {
            (b'(', Some(b')')) => (Node::Position, at + 2),
            (b'(', _) => (Node::Open, at + 1),
            (b')', _) => (Node::Close, at + 1),
            (b'$', None) => (Node::End, at + 1),
            (b'%', Some(b'b')) => match pattern.get(at + 2..at + 4) {
                Some(&[open, close]) => (Node::Balance(open, close), at + 4),
                _ => return Err(PatternError::MissingBalance),
            },
            (b'%', Some(b'f')) => {
                if pattern.get(at + 2) != Some(&b'[') {
                    return Err(PatternError::MissingFrontier);
                }
                let end = class_end(pattern, at + 2)?;
                let set = Set::of_brackets(&pattern[at + 2..end]);
                (Node::Frontier(self.add_set(set)), end)
            }
            (b'%', Some(digit @ b'0'..=b'9')) => (Node::Back(digit), at + 2),
            _ => {
                let end = class_end(pattern, at)?;
                let item = self.add_item(&pattern[at..end]);
                match pattern.get(end) {
                    Some(b'?') => (Node::Maybe(item), end + 1),
                    Some(b'*') => (Node::Most(item), end + 1),
                    Some(b'+') => (Node::SomeOf(item), end + 1),
                    Some(b'-') => (Node::Least(item), end + 1),
                    _ => (Node::One(item), end),
                }
            }
        };
        self.nodes.push(node);
        Ok(end)
    }

    fn add_item(&mut self, text: &[u8]) -> Item {
        let set = match text[0] {
            b'.' => return Item::Any,
            b'%' => Set::of_class(text[1]),
            b'[' => Set::of_brackets(text),
            byte => return Item::Byte(byte),
        };
        match (set.len(), set.next(0), set.negated().next(0)) {
            (1, Some(byte), _) => Item::Byte(byte),
            (255, _, Some(byte)) => Item::Not(byte),
            _ => Item::Set(self.add_set(set)),
        }
    }

    fn add_set(&mut self, set: Set) -> u32 {
        self.sets.push(set);
        // A set takes three bytes of the pattern and a string has less than 4 GiB times three.
        (self.sets.len() - 1) as u32
    }

    /// Finds out what a match begins with.
    fn find_first(&mut self) {
        self.first = First::Unknown;
        let (mut set, mut opened) = (Set::EMPTY, 0);
        for node in &self.nodes {
            match *node {
                Node::Open | Node::Position if opened < CAPTURES_MAX => opened += 1,
                Node::One(item) | Node::SomeOf(item) => {
                    set = set.union(self.set_of(item));
                    break;
                }
                Node::Maybe(item) | Node::Most(item) | Node::Least(item) => set = set.union(self.set_of(item)),
                _ => return,
            }
        }
        let lowest = set.next(0);
        let second = lowest.and_then(|byte| set.next(byte.checked_add(1)?));
        self.first_set = set;
        self.first = match (set.len(), lowest, second) {
            (256, ..) => First::Unknown,
            (1, Some(byte), _) => First::Byte(byte),
            (2, Some(one), Some(other)) => First::Two(one, other),
            _ => First::Listed,
        };
    }

    fn set_of(&self, item: Item) -> Set {
        match item {
            Item::Any => Set::EMPTY.negated(),
            Item::Byte(byte) => Set::EMPTY.with(byte),
            Item::Not(byte) => Set::EMPTY.with(byte).negated(),
            Item::Set(idx) => self.sets[idx as usize],
        }
    }

    #[inline]
    pub(super) fn matches(&self, item: Item, byte: u8) -> bool {
        match item {
            Item::Any => true,
            Item::Byte(wanted) => byte == wanted,
            Item::Not(unwanted) => byte != unwanted,
            Item::Set(idx) => self.sets[idx as usize].has(byte),
        }
    }

    /// How many bytes in front match the item.
    #[inline]
    pub(super) fn run_length(&self, text: &[u8], item: Item) -> usize {
        let end = match item {
            Item::Any => None,
            Item::Byte(wanted) => text.iter().position(|&byte| byte != wanted),
            Item::Not(unwanted) => memchr::memchr(unwanted, text),
            Item::Set(idx) => {
                let set = &self.sets[idx as usize];
                text.iter().position(|&byte| !set.has(byte))
            }
        };
        end.unwrap_or(text.len())
    }

    /// Whether no match begins with this byte; `None` is the subject's end.
    #[inline]
    pub fn rules_out(&self, byte: Option<u8>) -> bool {
        match self.first {
            First::Unknown => false,
            First::Byte(wanted) => byte != Some(wanted),
            First::Two(..) | First::Listed => !byte.is_some_and(|byte| self.first_set.has(byte)),
        }
    }

    /// How far the first byte is that a match can begin with.
    #[inline]
    pub(super) fn first_in(&self, text: &[u8]) -> Option<usize> {
        match self.first {
            First::Unknown => Some(0),
            First::Byte(byte) => memchr::memchr(byte, text),
            First::Two(one, other) => memchr::memchr2(one, other, text),
            First::Listed => text.iter().position(|&byte| self.first_set.has(byte)),
        }
    }
}

/// Where the program of a pattern is kept. Lua's strings lie at least eight bytes apart.
fn place(pattern: &[u8]) -> usize {
    let address = pattern.as_ptr().addr();
    (address >> 4 ^ address >> 11) % KEPT
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_match_begins_with() {
        let first = |pattern: &str| Program::of(pattern.as_bytes(), true).first;
        assert_eq!(first("^abc"), First::Byte(b'a'));
        assert_eq!(first("\r?\n"), First::Two(b'\n', b'\r'));
        assert_eq!(first("(()%d+)"), First::Listed);
        for pattern in ["", "a*", "a*$", ".", "%1a", "%f[a]a", ")a", "[a", "a*[b", "%bxy", "^$"] {
            assert_eq!(first(pattern), First::Unknown, "{pattern}");
        }
        assert_eq!(first(&"(".repeat(CAPTURES_MAX + 1)), First::Unknown);
        let program = Program::of(b"%d*x", true);
        assert!(program.rules_out(Some(b'y')) && program.rules_out(None) && !program.rules_out(Some(b'7')));
    }

    #[test]
    fn programs_are_kept_and_change_places() {
        let texts: Vec<String> = (0..1000).map(|number| format!("{number}[a-z]")).collect();
        for text in texts.iter().chain(&texts) {
            let program = Program::of(text.as_bytes(), true);
            assert_eq!(program.source, text.as_bytes());
            assert!(Rc::ptr_eq(&program, &Program::of(text.as_bytes(), true)));
            assert!(!Rc::ptr_eq(&program, &Program::of(text.as_bytes(), false)));
        }
        let long = "a".repeat(KEPT_LEN_MAX + 1);
        assert!(!Rc::ptr_eq(&Program::of(long.as_bytes(), true), &Program::of(long.as_bytes(), true)));
    }
}
