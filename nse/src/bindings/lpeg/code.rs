//! Trees to instructions for the matching machine.
//!
//! What costs at run time is an entry on the backtrack stack, and that stack is short by default; so most of this file
//! finds out where none is needed. For that each node has a [`First`]: the bytes it can begin with, depending on what
//! follows. An alternative that can only fail on its first byte, or that shares no first byte with the other one, is
//! decided by looking at the next byte. The tree is walked with a stack of tasks, not with recursion.
//!
//! # Source
//! "A Text Pattern-Matching Tool based on Parsing Expression Grammars" (Ierusalimschy 2009) for the machine; which
//! constructs take an entry is LPeg's behaviour, because programs run into the limit.

use super::set::ByteSet;
use super::tree::{CaptureKind, Facts, Kind, Length, Tree};
use std::collections::HashMap;

/// Longest text a look-behind goes back over.
pub(crate) const BEHIND_MAX: u32 = 255;

/// One instruction; targets are indexes into the code.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Inst {
    /// These fail unless they find what they want, and go past it.
    Byte(u8),
    Literal {
        start: u32,
        len: u32,
    },
    Set(u32),
    Any(u32),
    /// Jump unless the next byte is right; nothing is consumed.
    TestByte(u8, u32),
    TestSet(u32, u32),
    TestAny(u32),
    /// Goes past all bytes of a set.
    Span(u32),
    /// Goes back, or fails.
    Behind(u32),
    /// Pushes an alternative.
    Choice(u32),
    /// Drops the alternative and jumps.
    Commit(u32),
    /// Moves the alternative here and jumps.
    PartialCommit(u32),
    /// Goes back to where the alternative was pushed, drops it and jumps.
    BackCommit(u32),
    /// Drops the alternative and fails.
    FailTwice,
    Fail,
    Call(u32),
    Jump(u32),
    Return,
    End,
    Open(CaptureKind, u32),
    Close,
    /// A capture of the last `len` bytes with nothing nested in it.
    Full(CaptureKind, u32, u32),
    /// Ends a match-time capture.
    RunTime(u32),
}

/// What the machine runs.
#[derive(Debug)]
pub(crate) struct Program {
    pub code: Vec<Inst>,
    pub sets: Vec<ByteSet>,
    pub text: Vec<u8>,
}

impl Program {
    /// Bytes it owns.
    pub fn bytes(&self) -> usize {
        self.code.capacity() * size_of::<Inst>() + self.sets.len() * size_of::<ByteSet>() + self.text.len()
    }
}

/// Bytes a node can begin with when bytes `F` can follow it: `always`, and those of `F` that are in `through`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct First {
    always: ByteSet,
    through: ByteSet,
    /// The next byte does not decide: the node may match nothing, or has effects of its own.
    open: bool,
    /// It runs a function before it has consumed anything.
    runs: bool,
    /// It can only fail on its first byte.
    head_fails: bool,
}

impl First {
    const UNKNOWN: First =
        First { always: ByteSet::EMPTY, through: ByteSet::EMPTY, open: false, runs: false, head_fails: false };

    fn with(self, follow: ByteSet) -> ByteSet {
        self.always.union(self.through.intersection(follow))
    }

    /// All it can begin with.
    fn all(self) -> ByteSet {
        self.with(ByteSet::FULL)
    }
}

/// The node whose rule is used outside a grammar is in the error: its value's number.
pub(crate) fn compile(tree: &Tree) -> Result<Program, u32> {
    for node in &tree.nodes {
        if let Kind::OpenCall(key) = node.kind {
            return Err(key);
        }
    }
    let mut compiler = Compiler {
        tree,
        firsts: firsts(tree),
        code: Vec::new(),
        sets: Vec::new(),
        set_numbers: HashMap::new(),
        rules: HashMap::new(),
        tasks: Vec::new(),
    };
    compiler.run();
    Ok(Program { code: compiler.code, sets: compiler.sets, text: tree.text.clone() })
}

/// First sets of all nodes: passes until those of rules change no more.
fn firsts(tree: &Tree) -> Vec<First> {
    let mut firsts = vec![First::UNKNOWN; tree.nodes.len()];
    loop {
        let mut changed = false;
        for (idx, node) in tree.nodes.iter().enumerate() {
            let first = first_of(tree, &firsts, idx as u32);
            changed |= matches!(node.kind, Kind::Rule { .. }) && first != firsts[idx];
            firsts[idx] = first;
        }
        if !changed {
            return firsts;
        }
    }
}

fn first_of(tree: &Tree, firsts: &[First], node: u32) -> First {
    let of = |node: u32| firsts[node as usize];
    let facts = |node: u32| tree.nodes[node as usize].facts;
    let byte = |always, head_fails| First { always, head_fails, ..First::UNKNOWN };
    let empty = First { through: ByteSet::FULL, open: true, ..First::UNKNOWN };
    match tree.nodes[node as usize].kind {
        Kind::Literal { start, len } => byte(ByteSet::of([tree.text[start as usize]]), len == 1),
        Kind::Set(set) => byte(tree.sets[set as usize], true),
        Kind::Any(count) => byte(ByteSet::FULL, count == 1),
        Kind::False => byte(ByteSet::EMPTY, true),
        Kind::True => empty,
        Kind::Seq(a, b) => {
            let (first, second) = (of(a), of(b));
            let head_fails = first.head_fails && facts(b).infallible;
            if !facts(a).nullable {
                return First { always: first.all(), through: ByteSet::EMPTY, head_fails, ..first };
            }
            First {
                always: first.always.union(first.through.intersection(second.always)),
                through: first.through.intersection(second.through),
                open: first.open && (second.open || first.runs || second.runs),
                runs: first.open && (first.runs || second.runs),
                head_fails,
            }
        }
        Kind::Choice(a, b) => {
            let (first, second) = (of(a), of(b));
            First {
                always: first.always.union(second.always),
                through: first.through.union(second.through),
                open: first.open || second.open,
                runs: first.runs || second.runs,
                head_fails: first.head_fails && second.head_fails,
            }
        }
        Kind::Repeat(child) => First { always: of(child).always, ..empty },
        Kind::Capture { child, .. } => of(child),
        Kind::RunTime { child, .. } => {
            let open = of(child).open;
            byte(of(child).all(), false).opened(open, open)
        }
        Kind::And(child) => {
            First { always: ByteSet::EMPTY, through: of(child).always.union(of(child).through), ..of(child) }
        }
        Kind::Not(child) => match tree.set_of(child) {
            Some(set) => byte(set.complement(), false).opened(true, false),
            None => First { runs: of(child).runs, ..empty },
        },
        Kind::Behind(child) => First { runs: of(child).runs, ..empty },
        Kind::Call(rule) | Kind::Grammar(rule) => of(rule),
        Kind::Rule { body, .. } => of(body),
        Kind::OpenCall(_) => First::UNKNOWN,
    }
}

impl First {
    fn opened(self, open: bool, runs: bool) -> First {
        First { open, runs, ..self }
    }
}

/// What is left to do, the next thing last.
enum Task {
    /// Code for a node. `follow` is what may begin behind it; `reuses`: an entry is on the stack that it may take over.
    Node {
        node: u32,
        reuses: bool,
        follow: ByteSet,
    },
    Emit(Inst),
    /// The instruction jumps to here.
    Land(usize),
    /// The first alternative is done: leaves it with `leave`, lands the jumps, does the second one.
    Alternative {
        leave: Option<Inst>,
        lands: [Option<usize>; 2],
        node: u32,
        reuses: bool,
        follow: ByteSet,
    },
    /// The end of an and-predicate with its choice.
    Predicate {
        choice: usize,
    },
    /// A rule starts here.
    Rule(u32),
}

struct Compiler<'a> {
    tree: &'a Tree,
    firsts: Vec<First>,
    code: Vec<Inst>,
    sets: Vec<ByteSet>,
    set_numbers: HashMap<ByteSet, u32>,
    /// Addresses of rules.
    rules: HashMap<u32, u32>,
    tasks: Vec<Task>,
}

/// A jump whose target is not known yet.
const OPEN: u32 = 0;

impl Compiler<'_> {
    fn run(&mut self) {
        let root = self.tree.root();
        self.tasks.push(Task::Emit(Inst::End));
        self.node_later(root, false, ByteSet::FULL);
        while let Some(task) = self.tasks.pop() {
            match task {
                Task::Node { node, reuses, follow } => self.node(node, reuses, follow),
                Task::Emit(inst) => {
                    self.emit(inst);
                }
                Task::Land(at) => self.land(at),
                Task::Alternative { leave, lands, node, reuses, follow } => {
                    if let Some(leave) = leave {
                        let at = self.emit(leave);
                        self.tasks.push(Task::Land(at));
                    }
                    lands.into_iter().flatten().for_each(|at| self.land(at));
                    self.node_later(node, reuses, follow);
                }
                Task::Predicate { choice } => {
                    let back = self.emit(Inst::BackCommit(OPEN));
                    self.land(choice);
                    self.emit(Inst::Fail);
                    self.land(back);
                }
                Task::Rule(rule) => {
                    self.rules.insert(rule, self.code.len() as u32);
                }
            }
        }
        self.finish_calls();
    }

    fn emit(&mut self, inst: Inst) -> usize {
        self.code.push(inst);
        self.code.len() - 1
    }

    fn node_later(&mut self, node: u32, reuses: bool, follow: ByteSet) {
        self.tasks.push(Task::Node { node, reuses, follow });
    }

    /// Makes the instruction jump to the next one.
    fn land(&mut self, at: usize) {
        let here = self.code.len() as u32;
        match &mut self.code[at] {
            Inst::TestByte(_, target) | Inst::TestSet(_, target) | Inst::TestAny(target) => *target = here,
            Inst::Choice(target) | Inst::Commit(target) | Inst::PartialCommit(target) => *target = here,
            Inst::BackCommit(target) | Inst::Jump(target) => *target = here,
            inst => unreachable!("{inst:?} does not jump"),
        }
    }

    fn set(&mut self, set: ByteSet) -> u32 {
        let sets = &mut self.sets;
        *self.set_numbers.entry(set).or_insert_with(|| {
            sets.push(set);
            sets.len() as u32 - 1
        })
    }

    fn emit_set(&mut self, set: ByteSet) {
        let inst = match set.single() {
            Some(byte) => Inst::Byte(byte),
            None if set == ByteSet::FULL => Inst::Any(1),
            None if set == ByteSet::EMPTY => Inst::Fail,
            None => Inst::Set(self.set(set)),
        };
        self.emit(inst);
    }

    /// A jump that is taken unless the next byte is in the set; none where the next byte does not decide.
    fn test(&mut self, set: ByteSet, decides: bool) -> Option<usize> {
        if !decides {
            return None;
        }
        let inst = match set.single() {
            Some(byte) => Inst::TestByte(byte, OPEN),
            None if set == ByteSet::FULL => Inst::TestAny(OPEN),
            None if set == ByteSet::EMPTY => Inst::Jump(OPEN),
            None => Inst::TestSet(self.set(set), OPEN),
        };
        Some(self.emit(inst))
    }

    fn facts(&self, node: u32) -> Facts {
        self.tree.nodes[node as usize].facts
    }

    fn first(&self, node: u32) -> First {
        self.firsts[node as usize]
    }

    fn node(&mut self, node: u32, reuses: bool, follow: ByteSet) {
        match self.tree.nodes[node as usize].kind {
            Kind::Literal { start, len: 1 } => {
                let byte = self.tree.text[start as usize];
                self.emit(Inst::Byte(byte));
            }
            Kind::Literal { start, len } => {
                self.emit(Inst::Literal { start, len });
            }
            Kind::Set(set) => self.emit_set(self.tree.sets[set as usize]),
            Kind::Any(count) => {
                self.emit(Inst::Any(count));
            }
            Kind::True => {}
            Kind::False => {
                self.emit(Inst::Fail);
            }
            Kind::Seq(a, b) => {
                self.node_later(b, reuses, follow);
                let behind = self.first(b).with(follow);
                self.node_later(a, false, behind);
            }
            Kind::Choice(a, b) => self.choice(a, b, reuses, follow),
            Kind::Repeat(child) => self.repeat(child, reuses, follow),
            Kind::Not(child) => self.not(child),
            Kind::And(child) => self.and(child),
            Kind::Behind(child) => {
                if let Length::Fixed(len @ 1..) = self.facts(child).length {
                    self.emit(Inst::Behind(len));
                }
                self.node_later(child, false, ByteSet::FULL);
            }
            Kind::Capture { kind, child, key } => match self.facts(child) {
                Facts { captures: false, length: Length::Fixed(len), .. } => {
                    self.tasks.push(Task::Emit(Inst::Full(kind, len, key)));
                    self.node_later(child, false, follow);
                }
                _ => {
                    self.emit(Inst::Open(kind, key));
                    self.tasks.push(Task::Emit(Inst::Close));
                    self.node_later(child, false, follow);
                }
            },
            Kind::RunTime { child, key } => {
                self.emit(Inst::Open(CaptureKind::Group, 0));
                self.tasks.push(Task::Emit(Inst::RunTime(key)));
                self.node_later(child, false, ByteSet::FULL);
            }
            Kind::Call(rule) => {
                self.emit(Inst::Call(rule));
            }
            Kind::Grammar(first) => self.grammar(first),
            Kind::Rule { .. } | Kind::OpenCall(_) => unreachable!("rules are in grammars, and all calls are closed"),
        }
    }

    fn choice(&mut self, a: u32, b: u32, reuses: bool, follow: ByteSet) {
        let (first, second) = (self.first(a), self.first(b));
        let empty_second = self.tree.nodes[b as usize].kind == Kind::True;
        let set = first.all();
        if first.head_fails || !first.open && set.is_disjoint(second.with(follow)) {
            let test = self.test(set, true);
            let leave = (!empty_second).then_some(Inst::Jump(OPEN));
            self.tasks.push(Task::Alternative { leave, lands: [test, None], node: b, reuses, follow });
            self.node_later(a, false, follow);
        } else if reuses && empty_second {
            let at = self.emit(Inst::PartialCommit(OPEN));
            self.land(at);
            self.node_later(a, true, ByteSet::FULL);
        } else {
            let test = self.test(set, !first.open);
            let choice = self.emit(Inst::Choice(OPEN));
            let leave = Some(Inst::Commit(OPEN));
            self.tasks.push(Task::Alternative { leave, lands: [test, Some(choice)], node: b, reuses, follow });
            self.node_later(a, empty_second, ByteSet::FULL);
        }
    }

    fn repeat(&mut self, child: u32, reuses: bool, follow: ByteSet) {
        if let Some(set) = self.tree.set_of(child) {
            let set = self.set(set);
            self.emit(Inst::Span(set));
            return;
        }
        let first = self.first(child);
        let set = first.all();
        if first.head_fails || !first.open && set.is_disjoint(follow) {
            if let Some(test) = self.test(set, true) {
                self.tasks.push(Task::Land(test));
                self.tasks.push(Task::Emit(Inst::Jump(test as u32)));
            }
            self.node_later(child, false, ByteSet::FULL);
            return;
        }
        let test = self.test(set, !first.open);
        if reuses {
            let at = self.emit(Inst::PartialCommit(OPEN));
            self.land(at);
        } else {
            let choice = self.emit(Inst::Choice(OPEN));
            self.tasks.push(Task::Land(choice));
        }
        self.tasks.extend(test.map(Task::Land));
        let again = self.code.len() as u32;
        self.tasks.push(Task::Emit(Inst::PartialCommit(again)));
        self.node_later(child, false, ByteSet::FULL);
    }

    fn not(&mut self, child: u32) {
        let first = self.first(child);
        let test = self.test(first.all(), !first.open);
        if first.head_fails {
            self.emit(Inst::Fail);
            test.into_iter().for_each(|at| self.land(at));
            return;
        }
        let choice = self.emit(Inst::Choice(OPEN));
        self.tasks.extend(test.map(Task::Land));
        self.tasks.push(Task::Land(choice));
        self.tasks.push(Task::Emit(Inst::FailTwice));
        self.node_later(child, false, ByteSet::FULL);
    }

    fn and(&mut self, child: u32) {
        match self.facts(child) {
            Facts { captures: false, length: Length::Fixed(len @ ..=BEHIND_MAX), .. } => {
                self.tasks.extend((len > 0).then_some(Task::Emit(Inst::Behind(len))));
            }
            _ => {
                let choice = self.emit(Inst::Choice(OPEN));
                self.tasks.push(Task::Predicate { choice });
            }
        }
        self.node_later(child, false, ByteSet::FULL);
    }

    fn grammar(&mut self, first: u32) {
        self.emit(Inst::Call(first));
        let jump = self.emit(Inst::Jump(OPEN));
        self.tasks.push(Task::Land(jump));
        let rules: Vec<(u32, u32)> = self.tree.rules(first).collect();
        for (rule, body) in rules.into_iter().rev() {
            self.tasks.push(Task::Emit(Inst::Return));
            self.node_later(body, false, ByteSet::FULL);
            self.tasks.push(Task::Rule(rule));
        }
    }

    /// Gives calls the addresses of their rules; one whose rule ends behind it is a jump. Jumps to jumps go straight.
    fn finish_calls(&mut self) {
        for at in 0..self.code.len() {
            if let Inst::Call(rule) = self.code[at] {
                let target = self.rules[&rule];
                let ends = self.code[self.end_of_jumps(at + 1)] == Inst::Return;
                self.code[at] = if ends { Inst::Jump(target) } else { Inst::Call(target) };
            }
        }
        for at in 0..self.code.len() {
            let straight = |target: u32| self.end_of_jumps(target as usize) as u32;
            self.code[at] = match self.code[at] {
                Inst::Jump(target) => match self.code[straight(target) as usize] {
                    inst @ (Inst::Return | Inst::Fail | Inst::End) => inst,
                    _ => Inst::Jump(straight(target)),
                },
                Inst::TestByte(byte, target) => Inst::TestByte(byte, straight(target)),
                Inst::TestSet(set, target) => Inst::TestSet(set, straight(target)),
                Inst::TestAny(target) => Inst::TestAny(straight(target)),
                Inst::Choice(target) => Inst::Choice(straight(target)),
                Inst::Commit(target) => Inst::Commit(straight(target)),
                Inst::BackCommit(target) => Inst::BackCommit(straight(target)),
                inst => inst,
            };
        }
    }

    /// Where jumps from here lead in the end; a circle of jumps leads nowhere.
    fn end_of_jumps(&self, at: usize) -> usize {
        const HOPS_MAX: usize = 100;
        let mut end = at;
        for _ in 0..HOPS_MAX {
            match self.code[end] {
                Inst::Jump(target) => end = target as usize,
                _ => break,
            }
        }
        end
    }
}
