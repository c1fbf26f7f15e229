//! The matching machine: runs a program over a subject, and notes captures.
//!
//! It knows no Lua. Where a match-time capture ends it stops, and is told how to go on; it stops as well after so much
//! work, so that the caller can let others run. All its state is here: nothing is on the Rust stack.
//!
//! # Invariants
//! - M1. `captures` is nested well: a capture whose length is [`OPEN`] is closed by a later `Close`, or still open.
//! - M2. Positions are at most the subject's length, which is below `u32::MAX`.

use super::code::{Inst, Program};
use super::tree::CaptureKind;

/// Length of a capture that is closed by an entry of its own.
pub(crate) const OPEN: u32 = u32::MAX;
/// Position in an entry that is the return address of a call.
const CALL: u32 = u32::MAX;

/// One capture, in the order in which they open and close.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Capture {
    /// Where it begins; of a `Close` where it ends.
    pub at: u32,
    pub len: u32,
    pub key: u32,
    pub kind: CaptureKind,
}

impl Capture {
    /// Whether it has no `Close` of its own.
    pub fn is_full(&self) -> bool {
        self.len != OPEN
    }

    /// Where a full capture or a `Close` ends.
    pub fn end(&self) -> u32 {
        if self.kind == CaptureKind::Close { self.at } else { self.at + self.len }
    }
}

/// A pending alternative, or a call.
#[derive(Clone, Copy, Debug)]
struct Entry {
    pc: u32,
    at: u32,
    captures: u32,
    values: u32,
}

/// Why the machine stopped.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Stop {
    Matched,
    Failed,
    /// A match-time capture with this function ended. Go on with [`Machine::accept`] or [`Machine::fail`].
    RunTime(u32),
    /// The work allowed is done.
    Tired,
    /// The stack is full; see [`Machine::allow`].
    StackFull,
}

#[derive(Debug)]
pub(crate) struct Machine {
    pc: u32,
    pub at: u32,
    stack: Vec<Entry>,
    entries_max: usize,
    pub captures: Vec<Capture>,
    /// Values that match-time captures gave and that may still be needed.
    pub values: u32,
}

/// Work of one instruction that may repeat; a unit of [`Machine::run`]'s allowance.
const STEP: u64 = 1;

impl Machine {
    /// `entries_max` counts one entry for the machine itself.
    pub fn new(at: u32, entries_max: usize) -> Machine {
        Machine {
            pc: 0,
            at,
            stack: Vec::with_capacity(16),
            entries_max: entries_max - 1,
            captures: Vec::new(),
            values: 0,
        }
    }

    /// Bytes it owns.
    pub fn bytes(&self) -> usize {
        self.stack.capacity() * size_of::<Entry>() + self.captures.capacity() * size_of::<Capture>()
    }

    /// Lets the stack grow; false when it may not.
    pub fn allow(&mut self, entries_max: usize) -> bool {
        let more = entries_max - 1 > self.entries_max;
        self.entries_max = self.entries_max.max(entries_max - 1);
        more
    }

    /// Fails: goes back to the last alternative. False when there is none.
    pub fn fail(&mut self) -> bool {
        while let Some(entry) = self.stack.pop() {
            if entry.at != CALL {
                self.back_to(entry);
                return true;
            }
        }
        false
    }

    #[inline(always)]
    fn back_to(&mut self, entry: Entry) {
        self.pc = entry.pc;
        self.at = entry.at;
        self.values = entry.values;
        self.captures.truncate(entry.captures as usize);
    }

    /// Runs until something happens. `allowance` goes down with the work done.
    pub fn run(&mut self, program: &Program, subject: &[u8], allowance: &mut u64) -> Stop {
        let (code, sets, text) = (&program.code[..], &program.sets[..], &program.text[..]);
        let mut pc = self.pc as usize;
        let mut at = self.at as usize;
        macro_rules! fail {
            () => {{
                if !self.fail() {
                    return Stop::Failed;
                }
                (pc, at) = (self.pc as usize, self.at as usize);
                continue;
            }};
        }
        macro_rules! stop {
            ($stop:expr) => {{
                (self.pc, self.at) = (pc as u32, at as u32);
                return $stop;
            }};
        }
        macro_rules! spend {
            () => {{
                if *allowance < STEP {
                    stop!(Stop::Tired);
                }
                *allowance -= STEP;
            }};
        }
        macro_rules! push {
            ($pc:expr, $at:expr) => {{
                if self.stack.len() >= self.entries_max {
                    stop!(Stop::StackFull);
                }
                let captures = self.captures.len() as u32;
                self.stack.push(Entry { pc: $pc, at: $at, captures, values: self.values });
            }};
        }
        loop {
            match code[pc] {
                Inst::Byte(byte) => match subject.get(at) {
                    Some(&next) if next == byte => at += 1,
                    _ => fail!(),
                },
                Inst::Set(set) => match subject.get(at) {
                    Some(&next) if sets[set as usize].contains(next) => at += 1,
                    _ => fail!(),
                },
                Inst::Any(count) => match subject.len() - at >= count as usize {
                    true => at += count as usize,
                    false => fail!(),
                },
                Inst::Literal { start, len } => {
                    let literal = &text[start as usize..][..len as usize];
                    if !subject[at..].starts_with(literal) {
                        fail!();
                    }
                    at += literal.len();
                }
                Inst::TestByte(byte, target) => {
                    if subject.get(at) != Some(&byte) {
                        pc = target as usize;
                        continue;
                    }
                }
                Inst::TestSet(set, target) => {
                    if !subject.get(at).is_some_and(|&next| sets[set as usize].contains(next)) {
                        pc = target as usize;
                        continue;
                    }
                }
                Inst::TestAny(target) => {
                    if at >= subject.len() {
                        pc = target as usize;
                        continue;
                    }
                }
                Inst::Span(set) => {
                    let set = &sets[set as usize];
                    let rest = &subject[at..];
                    let len = rest.iter().position(|&byte| !set.contains(byte)).unwrap_or(rest.len());
                    *allowance = allowance.saturating_sub(len as u64 / 8);
                    at += len;
                }
                Inst::Behind(len) => match at.checked_sub(len as usize) {
                    Some(before) => at = before,
                    None => fail!(),
                },
                Inst::Choice(target) => push!(target, at as u32),
                Inst::Call(target) => {
                    spend!();
                    push!(pc as u32 + 1, CALL);
                    pc = target as usize;
                    continue;
                }
                Inst::Jump(target) => {
                    spend!();
                    pc = target as usize;
                    continue;
                }
                Inst::Commit(target) => {
                    self.stack.pop();
                    pc = target as usize;
                    continue;
                }
                Inst::PartialCommit(target) => {
                    spend!();
                    let captures = self.captures.len() as u32;
                    let entry = self.stack.last_mut().expect("a partial commit has its alternative");
                    (entry.at, entry.captures, entry.values) = (at as u32, captures, self.values);
                    pc = target as usize;
                    continue;
                }
                Inst::BackCommit(target) => {
                    let entry = self.stack.pop().expect("a back commit has its alternative");
                    self.back_to(entry);
                    (pc, at) = (target as usize, self.at as usize);
                    continue;
                }
                Inst::FailTwice => {
                    self.stack.pop();
                    fail!();
                }
                Inst::Fail => {
                    spend!();
                    fail!();
                }
                Inst::Return => {
                    let entry = self.stack.pop().expect("a return has its call");
                    pc = entry.pc as usize;
                    continue;
                }
                Inst::End => {
                    self.captures.push(Capture { at: at as u32, len: 0, key: 0, kind: CaptureKind::Close });
                    stop!(Stop::Matched);
                }
                Inst::Open(kind, key) => self.captures.push(Capture { at: at as u32, len: OPEN, key, kind }),
                Inst::Full(kind, len, key) => {
                    self.captures.push(Capture { at: at as u32 - len, len, key, kind });
                }
                Inst::Close => self.close(at as u32),
                Inst::RunTime(function) => {
                    pc += 1;
                    self.close(at as u32);
                    stop!(Stop::RunTime(function));
                }
            }
            pc += 1;
        }
    }

    /// Ends the innermost open capture; one with nothing nested in it becomes full.
    #[inline(always)]
    fn close(&mut self, at: u32) {
        match self.captures.last_mut() {
            Some(capture) if !capture.is_full() && capture.kind != CaptureKind::Close => capture.len = at - capture.at,
            _ => self.captures.push(Capture { at, len: 0, key: 0, kind: CaptureKind::Close }),
        }
    }

    /// Where the capture begins that ends at the end of the list.
    pub fn last_open(&self) -> usize {
        open_of(&self.captures, self.captures.len() - 1)
    }

    /// A match-time capture matched: its captures from `open` on give way to `count` values, and matching goes on at
    /// `at`.
    pub fn accept(&mut self, open: usize, at: u32, count: u32) {
        let start = self.captures[open].at;
        self.captures.truncate(open);
        if count > 0 {
            self.captures.push(Capture { at: start, len: OPEN, key: 0, kind: CaptureKind::Group });
            for _ in 0..count {
                self.values += 1;
                self.captures.push(Capture { at: start, len: 0, key: self.values, kind: CaptureKind::Runtime });
            }
            self.captures.push(Capture { at, len: 0, key: 0, kind: CaptureKind::Close });
        }
        self.at = at;
    }
}

/// The start of the capture that the entry at `idx` ends.
pub(crate) fn open_of(captures: &[Capture], idx: usize) -> usize {
    if captures[idx].kind != CaptureKind::Close {
        return idx;
    }
    let (mut idx, mut depth) = (idx, 1);
    while depth > 0 {
        idx -= 1;
        match captures[idx] {
            Capture { kind: CaptureKind::Close, .. } => depth += 1,
            capture if !capture.is_full() => depth -= 1,
            _ => {}
        }
    }
    idx
}

/// The entry behind the capture that starts at `idx`.
pub(crate) fn behind(captures: &[Capture], idx: usize) -> usize {
    if captures[idx].is_full() {
        return idx + 1;
    }
    let (mut idx, mut depth) = (idx, 1);
    while depth > 0 {
        idx += 1;
        match captures[idx] {
            Capture { kind: CaptureKind::Close, .. } => depth -= 1,
            capture if !capture.is_full() => depth += 1,
            _ => {}
        }
    }
    idx + 1
}
