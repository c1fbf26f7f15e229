//! Patterns as data: the tree that combinators build and the compiler reads.
//!
//! A tree lies in one vector, children in front of their parents, the root last; so facts about nodes come from one
//! pass without recursion, however deep the tree. Joining two trees copies them, as LPeg does, which keeps patterns
//! independent of each other. Lua values that a pattern refers to are numbers here; the caller keeps the values.
//!
//! # Invariants
//! - L1. A node's children lie before it. Only a `Call` refers forward, to a `Rule` of its grammar.
//! - L2. Values are numbered from 1 to `values`.

use super::set::ByteSet;
use std::rc::Rc;

/// Nodes of one pattern: about 28 MB, and a tenth of a second of work for each operator.
pub(crate) const NODES_MAX: usize = 1 << 20;
/// Ends a list of rules.
const NONE: u32 = u32::MAX;

/// What a capture does with what is nested in it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum CaptureKind {
    /// Ends the innermost capture that is open; only while matching.
    Close,
    /// A value that a match-time capture gave; only while matching.
    Runtime,
    Position,
    Constant,
    Back,
    Argument,
    Simple,
    Table,
    Function,
    Query,
    Template,
    Number,
    Substitution,
    Fold,
    Group,
}

/// One node; `u32`s are other nodes unless they say otherwise.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Kind {
    /// Bytes of the tree's text.
    Literal {
        start: u32,
        len: u32,
    },
    /// Index of a set.
    Set(u32),
    /// So many bytes, one at least.
    Any(u32),
    True,
    False,
    Seq(u32, u32),
    Choice(u32, u32),
    /// Any number of times, possessively.
    Repeat(u32),
    Not(u32),
    And(u32),
    Behind(u32),
    /// `key` is a value, a name counted from 1, or a plain number, as the kind wants it.
    Capture {
        kind: CaptureKind,
        child: u32,
        key: u32,
    },
    /// A match-time capture and its function.
    RunTime {
        child: u32,
        key: u32,
    },
    /// A rule by the value that names it.
    OpenCall(u32),
    Call(u32),
    /// `key` is the value that names it.
    Rule {
        body: u32,
        next: u32,
        key: u32,
    },
    /// The first rule of the list.
    Grammar(u32),
}

/// How long the text is that a node matches.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Length {
    /// Not known yet: a rule that calls itself.
    Unknown,
    Fixed(u32),
    Variable,
}

impl Length {
    fn then(self, other: Length) -> Length {
        match (self, other) {
            (Length::Fixed(a), Length::Fixed(b)) => a.checked_add(b).map_or(Length::Variable, Length::Fixed),
            (Length::Variable, _) | (_, Length::Variable) => Length::Variable,
            _ => Length::Unknown,
        }
    }

    fn or(self, other: Length) -> Length {
        match (self, other) {
            (Length::Unknown, known) | (known, Length::Unknown) => known,
            (a, b) if a == b => a,
            _ => Length::Variable,
        }
    }
}

/// What holds of a node.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Facts {
    /// It may match without consuming.
    pub nullable: bool,
    /// It always matches.
    pub infallible: bool,
    pub captures: bool,
    pub length: Length,
}

impl Facts {
    /// What is known of a rule before its body was looked at.
    const UNKNOWN: Facts = Facts { nullable: false, infallible: false, captures: false, length: Length::Unknown };
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct Node {
    pub kind: Kind,
    pub facts: Facts,
}

/// What is wrong with a grammar; the number is that of the rule's name among the values.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum GrammarError {
    Undefined(u32),
    LeftRecursive(u32),
    EmptyLoop(u32),
}

/// The pattern has too many nodes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct TooLarge;

/// A pattern.
#[derive(Clone, Default, Debug)]
pub(crate) struct Tree {
    pub nodes: Vec<Node>,
    pub sets: Vec<ByteSet>,
    /// Text of literals.
    pub text: Vec<u8>,
    /// Names of groups and templates of string captures.
    pub names: Vec<Rc<[u8]>>,
    /// Number of Lua values.
    pub values: u32,
}

impl Tree {
    pub fn leaf(kind: Kind) -> Tree {
        let mut tree = Tree::default();
        tree.push(kind);
        tree
    }

    pub fn literal(text: &[u8]) -> Tree {
        if text.is_empty() {
            return Tree::leaf(Kind::True);
        }
        let mut tree = Tree { text: text.to_vec(), ..Tree::default() };
        tree.push(Kind::Literal { start: 0, len: text.len() as u32 });
        tree
    }

    pub fn set(set: ByteSet) -> Tree {
        let mut tree = Tree { sets: vec![set], ..Tree::default() };
        tree.push(Kind::Set(0));
        tree
    }

    /// `n` bytes; for a negative `n` fewer than `-n` bytes are left.
    pub fn any(n: i64) -> Tree {
        let count = u32::try_from(n.unsigned_abs()).unwrap_or(u32::MAX);
        match n {
            0 => Tree::leaf(Kind::True),
            1.. => Tree::leaf(Kind::Any(count)),
            _ => {
                let mut tree = Tree::leaf(Kind::Any(count));
                tree.push(Kind::Not(0));
                tree
            }
        }
    }

    pub fn root(&self) -> u32 {
        self.nodes.len() as u32 - 1
    }

    pub fn root_kind(&self) -> Kind {
        self.nodes[self.root() as usize].kind
    }

    /// Facts of the whole pattern.
    pub fn facts(&self) -> Facts {
        self.nodes[self.root() as usize].facts
    }

    /// Bytes it owns.
    pub fn bytes(&self) -> usize {
        self.nodes.capacity() * size_of::<Node>()
            + self.sets.capacity() * size_of::<ByteSet>()
            + self.text.capacity()
            + self.names.iter().map(|name| name.len() + 32).sum::<usize>()
    }

    /// The set of a pattern that is one byte of a set.
    pub fn as_set(&self) -> Option<ByteSet> {
        self.set_of(self.root())
    }

    pub fn set_of(&self, node: u32) -> Option<ByteSet> {
        match self.nodes[node as usize].kind {
            Kind::Literal { start, len: 1 } => Some(ByteSet::of([self.text[start as usize]])),
            Kind::Set(set) => Some(self.sets[set as usize]),
            Kind::Any(1) => Some(ByteSet::FULL),
            _ => None,
        }
    }

    /// Adds a node over those that are there.
    pub fn push(&mut self, kind: Kind) -> u32 {
        let facts = self.facts_of(kind);
        self.nodes.push(Node { kind, facts });
        self.root()
    }

    /// Adds a capture over the root.
    pub fn capture(&mut self, kind: CaptureKind, key: u32) {
        let child = self.root();
        self.push(Kind::Capture { kind, child, key });
    }

    /// Adds a name, counted from 1.
    pub fn name(&mut self, name: &[u8]) -> u32 {
        self.names.push(name.into());
        self.names.len() as u32
    }

    /// Copies another tree behind this one; its root. `values` is what its value numbers grow by.
    pub fn append(&mut self, other: &Tree, values: u32) -> Result<u32, TooLarge> {
        let fits = |len: usize| u32::try_from(len).is_ok();
        if self.nodes.len() + other.nodes.len() > NODES_MAX || !fits(self.text.len() + other.text.len()) {
            return Err(TooLarge);
        }
        let shift = Shift {
            nodes: self.nodes.len() as u32,
            sets: self.sets.len() as u32,
            text: self.text.len() as u32,
            names: self.names.len() as u32,
            values,
        };
        self.sets.extend_from_slice(&other.sets);
        self.text.extend_from_slice(&other.text);
        self.names.extend(other.names.iter().cloned());
        self.nodes.extend(other.nodes.iter().map(|node| Node { kind: shift.kind(node.kind), ..*node }));
        self.values = self.values.max(other.values + values);
        Ok(self.root())
    }

    /// Two patterns under a node; the value numbers of the second grow by `values`.
    pub fn join(
        first: &Tree,
        second: &Tree,
        values: u32,
        node: impl FnOnce(u32, u32) -> Kind,
    ) -> Result<Tree, TooLarge> {
        let mut tree = Tree::default();
        tree.nodes.reserve_exact(first.nodes.len() + second.nodes.len() + 1);
        let a = tree.append(first, 0)?;
        let b = tree.append(second, values)?;
        tree.push(node(a, b));
        Ok(tree)
    }

    /// At least `count` times.
    pub fn at_least(&self, count: usize) -> Result<Tree, TooLarge> {
        self.check_copies(count + 1)?;
        let mut tree = Tree::default();
        let mut last = None;
        for _ in 0..count {
            let copy = tree.append(self, 0)?;
            last = Some(last.map_or(copy, |before| tree.push(Kind::Seq(before, copy))));
        }
        let copy = tree.append(self, 0)?;
        let rest = tree.push(Kind::Repeat(copy));
        if let Some(before) = last {
            tree.push(Kind::Seq(before, rest));
        }
        Ok(tree)
    }

    /// At most `count` times, once at least in the count.
    pub fn at_most(&self, count: usize) -> Result<Tree, TooLarge> {
        self.check_copies(count)?;
        let mut tree = Tree::leaf(Kind::True);
        let mut rest = None;
        for _ in 0..count {
            let copy = tree.append(self, 0)?;
            let body = rest.map_or(copy, |rest| tree.push(Kind::Seq(copy, rest)));
            rest = Some(tree.push(Kind::Choice(body, 0)));
        }
        Ok(tree)
    }

    fn check_copies(&self, count: usize) -> Result<(), TooLarge> {
        let len = self.nodes.len().max(self.text.len() / 64).saturating_add(2);
        if len.saturating_mul(count) > NODES_MAX { Err(TooLarge) } else { Ok(()) }
    }

    fn facts_of(&self, kind: Kind) -> Facts {
        let of = |node: u32| self.nodes[node as usize].facts;
        let plain = |nullable, length| Facts { nullable, infallible: false, captures: false, length };
        match kind {
            Kind::Literal { len, .. } => plain(false, Length::Fixed(len)),
            Kind::Any(count) => plain(false, Length::Fixed(count)),
            Kind::Set(_) => plain(false, Length::Fixed(1)),
            Kind::True => Facts { infallible: true, ..plain(true, Length::Fixed(0)) },
            Kind::False => plain(false, Length::Fixed(0)),
            Kind::Seq(a, b) => {
                let (a, b) = (of(a), of(b));
                Facts {
                    nullable: a.nullable && b.nullable,
                    infallible: a.infallible && b.infallible,
                    captures: a.captures || b.captures,
                    length: a.length.then(b.length),
                }
            }
            Kind::Choice(a, b) => {
                let (a, b) = (of(a), of(b));
                Facts {
                    nullable: a.nullable || b.nullable,
                    infallible: a.infallible || b.infallible,
                    captures: a.captures || b.captures,
                    length: a.length.or(b.length),
                }
            }
            Kind::Repeat(child) => {
                Facts { nullable: true, infallible: true, captures: of(child).captures, length: Length::Variable }
            }
            Kind::Not(child) | Kind::Behind(child) => {
                Facts { captures: of(child).captures, ..plain(true, Length::Fixed(0)) }
            }
            Kind::And(child) => Facts { nullable: true, length: Length::Fixed(0), ..of(child) },
            Kind::Capture { child, .. } => Facts { captures: true, ..of(child) },
            Kind::RunTime { child, .. } => {
                Facts { infallible: false, captures: true, length: Length::Variable, ..of(child) }
            }
            Kind::OpenCall(_) => plain(false, Length::Variable),
            Kind::Call(rule) | Kind::Grammar(rule) => of(rule),
            Kind::Rule { body, .. } => of(body),
        }
    }

    /// The rules of a grammar.
    pub fn rules(&self, first: u32) -> impl Iterator<Item = (u32, u32)> + '_ {
        let mut next = first;
        std::iter::from_fn(move || {
            let Kind::Rule { body, next: following, .. } = self.nodes.get(next as usize)?.kind else { return None };
            let rule = (next, body);
            next = following;
            Some(rule)
        })
    }

    /// Makes a grammar of rules that were appended one after the other: the root of each, and the value that names it.
    /// The first is the initial one; `find` tells which rule a value names.
    pub fn close_grammar(
        &mut self,
        rules: &[(u32, u32)],
        mut find: impl FnMut(u32) -> Option<usize>,
    ) -> Result<(), GrammarError> {
        let first = self.nodes.len() as u32;
        // Rules that nobody calls are not checked, as in LPeg: they never run.
        let mut used = vec![false; rules.len()];
        used[0] = true;
        for node in &mut self.nodes {
            if let Kind::OpenCall(key) = node.kind {
                let rule = find(key).ok_or(GrammarError::Undefined(key))?;
                node.kind = Kind::Call(first + rule as u32);
                used[rule] = true;
            }
        }
        for (idx, &(body, key)) in rules.iter().enumerate() {
            let next = if idx + 1 < rules.len() { first + idx as u32 + 1 } else { NONE };
            self.nodes.push(Node { kind: Kind::Rule { body, next, key }, facts: Facts::UNKNOWN });
        }
        self.settle_facts();
        self.check_left_calls(first, rules, &used)?;
        let mut start = 0;
        for (&(body, key), &used) in rules.iter().zip(&used) {
            for node in &self.nodes[start..=body as usize] {
                if used && matches!(node.kind, Kind::Repeat(child) if self.nodes[child as usize].facts.nullable) {
                    return Err(GrammarError::EmptyLoop(key));
                }
            }
            start = body as usize + 1;
        }
        self.push(Kind::Grammar(first));
        Ok(())
    }

    /// Works out the facts of nodes whose rules call each other: passes until those of rules change no more.
    fn settle_facts(&mut self) {
        for idx in 0..self.nodes.len() {
            if matches!(self.nodes[idx].kind, Kind::Rule { .. }) {
                self.nodes[idx].facts = Facts::UNKNOWN;
            }
        }
        while self.facts_pass() {}
        let unknown = |node: &&mut Node| node.facts.length == Length::Unknown && matches!(node.kind, Kind::Rule { .. });
        self.nodes.iter_mut().filter(unknown).for_each(|node| node.facts.length = Length::Variable);
        while self.facts_pass() {}
    }

    /// Whether a rule's facts changed. Lengths only grow less certain, so that passes come to an end.
    fn facts_pass(&mut self) -> bool {
        let mut changed = false;
        for idx in 0..self.nodes.len() {
            let node = self.nodes[idx];
            let mut facts = self.facts_of(node.kind);
            if matches!(node.kind, Kind::Rule { .. }) {
                if node.facts.length == Length::Variable {
                    facts.length = Length::Variable;
                }
                changed |= facts != node.facts;
            }
            self.nodes[idx].facts = facts;
        }
        changed
    }

    /// Rules, by their place, that a body may call before it has consumed anything, leftmost first.
    fn left_calls(&self, body: u32, first: u32) -> Vec<usize> {
        let (mut calls, mut open) = (Vec::new(), vec![body]);
        while let Some(node) = open.pop() {
            match self.nodes[node as usize].kind {
                Kind::Seq(a, b) => {
                    if self.nodes[a as usize].facts.nullable {
                        open.push(b);
                    }
                    open.push(a);
                }
                Kind::Choice(a, b) => open.extend([b, a]),
                Kind::Repeat(child) | Kind::Not(child) | Kind::And(child) | Kind::Behind(child) => open.push(child),
                Kind::Capture { child, .. } | Kind::RunTime { child, .. } => open.push(child),
                Kind::Call(rule) if rule >= first => calls.push((rule - first) as usize),
                _ => {}
            }
        }
        calls
    }

    /// No rule may call itself before it has consumed something.
    fn check_left_calls(&self, first: u32, rules: &[(u32, u32)], used: &[bool]) -> Result<(), GrammarError> {
        const NEW: u8 = 0;
        const OPEN: u8 = 1;
        const DONE: u8 = 2;
        let calls: Vec<Vec<usize>> = rules.iter().map(|&(body, _)| self.left_calls(body, first)).collect();
        let mut state = vec![NEW; rules.len()];
        for start in (0..rules.len()).filter(|&rule| used[rule]) {
            let mut path = vec![(start, 0)];
            while let Some((rule, next)) = path.last_mut() {
                let rule = *rule;
                if *next == 0 && state[rule] == DONE {
                    path.pop();
                    continue;
                }
                state[rule] = OPEN;
                let Some(&called) = calls[rule].get(*next) else {
                    state[rule] = DONE;
                    path.pop();
                    continue;
                };
                *next += 1;
                if state[called] == OPEN {
                    let at = path.iter().position(|&(rule, _)| rule == called).unwrap_or(0);
                    // LPeg goes round the cycle until it has passed as many rules as a grammar may have.
                    let culprit = path[at + (super::RULES_MAX - 1).saturating_sub(at) % (path.len() - at)].0;
                    return Err(GrammarError::LeftRecursive(rules[culprit].1));
                }
                path.push((called, 0));
            }
        }
        Ok(())
    }
}

/// What numbers in a tree grow by when it is copied behind another.
struct Shift {
    nodes: u32,
    sets: u32,
    text: u32,
    names: u32,
    values: u32,
}

impl Shift {
    fn kind(&self, kind: Kind) -> Kind {
        let node = |node: u32| node + self.nodes;
        match kind {
            Kind::Literal { start, len } => Kind::Literal { start: start + self.text, len },
            Kind::Set(set) => Kind::Set(set + self.sets),
            Kind::Seq(a, b) => Kind::Seq(node(a), node(b)),
            Kind::Choice(a, b) => Kind::Choice(node(a), node(b)),
            Kind::Repeat(child) => Kind::Repeat(node(child)),
            Kind::Not(child) => Kind::Not(node(child)),
            Kind::And(child) => Kind::And(node(child)),
            Kind::Behind(child) => Kind::Behind(node(child)),
            Kind::Capture { kind, child, key } => Kind::Capture { kind, child: node(child), key: self.key(kind, key) },
            Kind::RunTime { child, key } => Kind::RunTime { child: node(child), key: key + self.values },
            Kind::OpenCall(key) => Kind::OpenCall(key + self.values),
            Kind::Call(rule) => Kind::Call(node(rule)),
            Kind::Rule { body, next, key } => {
                let next = if next == NONE { NONE } else { node(next) };
                Kind::Rule { body: node(body), next, key: key + self.values }
            }
            Kind::Grammar(rule) => Kind::Grammar(node(rule)),
            Kind::Any(_) | Kind::True | Kind::False => kind,
        }
    }

    fn key(&self, kind: CaptureKind, key: u32) -> u32 {
        match kind {
            CaptureKind::Constant | CaptureKind::Function | CaptureKind::Query | CaptureKind::Fold => key + self.values,
            CaptureKind::Back | CaptureKind::Template => key + self.names,
            CaptureKind::Group if key != 0 => key + self.names,
            _ => key,
        }
    }
}
