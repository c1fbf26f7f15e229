//! The library `lpeg`: parsing expression grammars, as LPeg 0.12 has them.
//!
//! A pattern is a userdata over a [`Tree`]; combinators make new trees, the first match compiles one. Functions, tables
//! and constants that a pattern refers to are in a table that lives as long as the userdata: the tree knows them by
//! number, and patterns that share all of them share the table.
//!
//! `tree`, `code` and `machine` know no Lua; `capture` and `matching` do.
//!
//! # Source
//! The LPeg manual, "A Text Pattern-Matching Tool based on Parsing Expression Grammars" (Ierusalimschy 2009).
//! Differences: patterns have no `__gc`, for nothing is to be done; a literal is one node, and trees end at
//! [`tree::NODES_MAX`] nodes.

mod capture;
mod code;
mod machine;
mod matching;
mod set;
mod tree;

use perilune_vm::{Call, Kind as Type, LuaError, NativeFn, NativeResult, Table, Value};
use set::ByteSet;
use std::borrow::Cow;
use std::cell::OnceCell;
use std::rc::Rc;
use tree::{CaptureKind, GrammarError, Kind, Length, TooLarge, Tree};

/// Rules of one grammar.
pub(crate) const RULES_MAX: usize = 200;
/// Largest number of an argument or value that a capture selects.
const INDEX_MAX: i64 = i16::MAX as i64;
const NAME: &[u8] = b"lpeg-pattern";

/// What a pattern's userdata owns.
struct Pattern {
    tree: Tree,
    program: OnceCell<Rc<code::Program>>,
}

/// The library's table.
pub(crate) fn open<'gc>(call: &mut Call<'gc>) -> Result<Table<'gc>, LuaError> {
    let (library, metatable) = (call.table(0, 24)?, call.table(0, 10)?);
    let functions: [(&str, NativeFn); 22] = [
        ("B", behind),
        ("C", |call| capture(call, CaptureKind::Simple)),
        ("Carg", argument_capture),
        ("Cb", back_capture),
        ("Cc", constant_capture),
        ("Cf", |call| function_capture(call, CaptureKind::Fold)),
        ("Cg", group_capture),
        ("Cmt", match_time_capture),
        ("Cp", position_capture),
        ("Cs", |call| capture(call, CaptureKind::Substitution)),
        ("Ct", |call| capture(call, CaptureKind::Table)),
        ("P", pattern),
        ("R", range),
        ("S", set),
        ("V", variable),
        ("locale", locale),
        ("match", matching::match_),
        ("pcode", debug_only),
        ("ptree", debug_only),
        ("setmaxstack", set_max_stack),
        ("type", type_of),
        ("version", |call| {
            let version = call.string(b"0.12")?;
            call.ret1(version)
        }),
    ];
    let metamethods: [(&str, NativeFn); 7] = [
        ("__add", choice),
        ("__div", divide),
        ("__len", predicate),
        ("__mul", sequence),
        ("__pow", power),
        ("__sub", difference),
        ("__unm", negation),
    ];
    for (table, functions) in [(library, &functions[..]), (metatable, &metamethods[..])] {
        for &(name, function) in functions {
            let function = call.closure(function, &[metatable.into()])?;
            table.set_str(call, name.as_bytes(), function)?;
        }
    }
    metatable.set_str(call, b"__index", library.into())?;
    let name = call.string(NAME)?;
    metatable.set_str(call, b"__name", name)?;
    call.registry().set_str(call, NAME, metatable.into())?;
    Ok(library)
}

/// A pattern as an operand: its tree, and the values that the tree's numbers mean.
struct Operand<'gc> {
    tree: Cow<'gc, Tree>,
    values: Option<Table<'gc>>,
}

impl<'gc> Operand<'gc> {
    fn new(tree: Tree) -> Operand<'gc> {
        Operand { tree: Cow::Owned(tree), values: None }
    }

    /// A pattern with one value, the first.
    fn with_value(call: &mut Call<'gc>, mut tree: Tree, value: Value<'gc>) -> Result<Operand<'gc>, LuaError> {
        let values = call.table(1, 0)?;
        values.set_integer(call, 1, value)?;
        tree.values = 1;
        Ok(Operand { tree: Cow::Owned(tree), values: Some(values) })
    }

    /// Makes the pattern's userdata the answer.
    fn answer(self, call: &mut Call<'gc>) -> NativeResult {
        let pattern = self.into_value(call)?;
        call.ret1(pattern)
    }

    fn into_value(self, call: &mut Call<'gc>) -> Result<Value<'gc>, LuaError> {
        let tree = self.tree.into_owned();
        let bytes = tree.bytes();
        call.charge(tree.nodes.len() as u64)?;
        let pattern = call.userdata(Pattern { tree, program: OnceCell::new() })?;
        if let Some(values) = self.values {
            pattern.set_user_value(call, values.into());
        }
        let metatable = call.upvalue(1).as_table();
        pattern.set_metatable(call, metatable);
        pattern.set_extra_bytes(call, bytes)?;
        Ok(pattern.into())
    }

    /// Puts the root below a capture that refers to a value.
    fn capture_value(
        self,
        call: &mut Call<'gc>,
        value: Value<'gc>,
        node: impl FnOnce(u32, u32) -> Kind,
    ) -> Result<Operand<'gc>, LuaError> {
        let mut tree = self.tree.into_owned();
        let (values, shift) = joined_values(call, (self.values, tree.values), (None, 1))?;
        let values = match values {
            // The table is this pattern's own when it has just been made.
            Some(values) => values,
            None => call.table(1, 0)?,
        };
        values.set_integer(call, shift as i64 + 1, value)?;
        tree.values = shift + 1;
        let child = tree.root();
        tree.push(node(child, shift + 1));
        Ok(Operand { tree: Cow::Owned(tree), values: Some(values) })
    }
}

/// The values of two patterns in one table, and what the numbers of the second grow by. With `None` for the second the
/// table is a new one with room for its values.
fn joined_values<'gc>(
    call: &mut Call<'gc>,
    first: (Option<Table<'gc>>, u32),
    second: (Option<Table<'gc>>, u32),
) -> Result<(Option<Table<'gc>>, u32), LuaError> {
    if let (Some(a), Some(b)) = (first.0, second.0)
        && Value::from(a).raw_equal(b.into())
    {
        return Ok((Some(a), 0));
    }
    if second.1 == 0 {
        return Ok((first.0, 0));
    }
    if first.1 == 0 && second.0.is_some() {
        return Ok((second.0, 0));
    }
    let joined = call.table((first.1 + second.1) as usize, 0)?;
    call.charge((first.1 + second.1) as u64)?;
    let mut next = 1;
    for (table, count) in [first, second] {
        for idx in 1..=count as i64 {
            let value = table.map_or(Value::NIL, |table| table.get_integer(idx));
            joined.set_integer(call, next, value)?;
            next += 1;
        }
    }
    Ok((Some(joined), first.1))
}

fn too_large(call: &mut Call<'_>, _: TooLarge) -> LuaError {
    call.error("pattern too large")
}

/// Two operands under a node.
fn join<'gc>(
    call: &mut Call<'gc>,
    first: &Operand<'gc>,
    second: &Operand<'gc>,
    node: impl FnOnce(u32, u32) -> Kind,
) -> Result<Operand<'gc>, LuaError> {
    let (a, b) = ((first.values, first.tree.values), (second.values, second.tree.values));
    let (values, shift) = joined_values(call, a, b)?;
    call.check_size(first.tree.bytes() + second.tree.bytes())?;
    let tree = Tree::join(&first.tree, &second.tree, shift, node).map_err(|error| too_large(call, error))?;
    Ok(Operand { tree: Cow::Owned(tree), values })
}

/// The pattern that a userdata is.
fn as_pattern<'gc>(call: &Call<'gc>, value: Value<'gc>) -> Option<Operand<'gc>> {
    let userdata = value.as_userdata()?;
    let pattern = userdata.downcast::<Pattern>(call)?;
    Some(Operand { tree: Cow::Borrowed(&pattern.tree), values: userdata.user_value(call).as_table() })
}

/// An argument as a pattern: strings, numbers, booleans, tables and functions become one.
fn operand<'gc>(call: &mut Call<'gc>, pos: usize) -> Result<Operand<'gc>, LuaError> {
    let value = call.arg(pos);
    if let Some(pattern) = as_pattern(call, value) {
        return Ok(pattern);
    }
    match value.kind() {
        Type::String(text) => Ok(Operand::new(Tree::literal(text.as_bytes()))),
        Type::Integer(_) | Type::Float(_) => Ok(Operand::new(Tree::any(value.to_integer().unwrap_or(0)))),
        Type::Boolean(value) => Ok(Operand::new(Tree::leaf(if value { Kind::True } else { Kind::False }))),
        Type::Table(table) => grammar(call, pos, table),
        Type::Function(_) => {
            let mut tree = Tree::leaf(Kind::True);
            tree.push(Kind::RunTime { child: 0, key: 1 });
            Operand::with_value(call, tree, value)
        }
        _ => Err(call.type_error(pos, "lpeg-pattern")),
    }
}

/// Makes sure that an argument is a pattern's userdata.
fn pattern_at(call: &mut Call<'_>, pos: usize) -> Result<(), LuaError> {
    if as_pattern(call, call.arg(pos)).is_none() {
        let pattern = operand(call, pos)?.into_value(call)?;
        call.set_arg(pos, pattern);
    }
    Ok(())
}

/// How messages show the name of a rule.
fn key_text(call: &mut Call<'_>, key: Value<'_>) -> Result<Vec<u8>, LuaError> {
    match key.kind() {
        Type::String(text) => Ok(text.as_bytes().to_vec()),
        Type::Integer(value) => Ok(value.to_string().into_bytes()),
        Type::Float(_) => {
            let number = key.as_number().map_or(Value::NIL, Value::number);
            Ok(call.number_text(number)?.as_str().map_or_else(Vec::new, |text| text.as_bytes().to_vec()))
        }
        _ => Ok(format!("(a {})", key.type_name()).into_bytes()),
    }
}

/// The rules of a grammar table, the initial one first: names and patterns.
fn rules_of<'gc>(
    call: &mut Call<'gc>,
    pos: usize,
    table: Table<'gc>,
) -> Result<Vec<(Value<'gc>, Operand<'gc>)>, LuaError> {
    let first = table.get_integer(1);
    let is_name = first.as_str().is_some() || first.as_number().is_some();
    let (name, rule) = if is_name { (first, table.get(call, first)) } else { (Value::integer(1), first) };
    let Some(initial) = as_pattern(call, rule) else {
        if rule.is_nil() {
            return Err(call.error("grammar has no initial rule"));
        }
        let name = key_text(call, name)?;
        return Err(call.error([b"initial rule '", &name[..], b"' is not a pattern"].concat()));
    };
    let mut rules = vec![(name, initial)];
    let mut key = Value::NIL;
    while let Some((next, value)) = table.next(call, key)? {
        key = next;
        if next.raw_equal(Value::integer(1)) || next.raw_equal(name) {
            continue;
        }
        let Some(rule) = as_pattern(call, value) else {
            let name = key_text(call, next)?;
            return Err(call.error([b"rule '", &name[..], b"' is not a pattern"].concat()));
        };
        if rules.len() >= RULES_MAX {
            return Err(call.arg_error(pos, "grammar has too many rules"));
        }
        rules.push((next, rule));
    }
    Ok(rules)
}

/// The pattern of a grammar table.
fn grammar<'gc>(call: &mut Call<'gc>, pos: usize, table: Table<'gc>) -> Result<Operand<'gc>, LuaError> {
    let rules = rules_of(call, pos, table)?;
    let names = call.table(0, rules.len())?;
    let mut tree = Tree::default();
    let mut values: Option<Table<'gc>> = None;
    let mut roots = Vec::with_capacity(rules.len());
    for (idx, (name, rule)) in rules.iter().enumerate() {
        names.set(call, *name, Value::integer(idx as i64))?;
        call.check_size(tree.bytes() + rule.tree.bytes())?;
        let shift = append_values(call, &mut values, tree.values, rule)?;
        let body = tree.append(&rule.tree, shift).map_err(|error| too_large(call, error))?;
        // The rule's name is one more value.
        let table = own_values(call, &mut values)?;
        tree.values += 1;
        table.set_integer(call, tree.values as i64, *name)?;
        roots.push((body, tree.values));
    }
    let values_of = |key: u32| values.map_or(Value::NIL, |values| values.get_integer(key as i64));
    call.charge(tree.nodes.len() as u64 * 8)?;
    let find = |key: u32| names.get(call, values_of(key)).to_integer().and_then(|idx| usize::try_from(idx).ok());
    match tree.close_grammar(&roots, find) {
        Ok(()) => Ok(Operand { tree: Cow::Owned(tree), values }),
        Err(error) => {
            let (key, rest): (u32, &[u8]) = match error {
                GrammarError::Undefined(key) => (key, b"' undefined in given grammar"),
                GrammarError::LeftRecursive(key) => (key, b"' may be left recursive"),
                GrammarError::EmptyLoop(key) => (key, b""),
            };
            let name = key_text(call, values_of(key))?;
            let text = match error {
                GrammarError::EmptyLoop(_) => [b"empty loop in rule '", &name[..], b"'"].concat(),
                _ => [b"rule '", &name[..], rest].concat(),
            };
            Err(call.error(text))
        }
    }
}

/// A grammar's own table of values.
fn own_values<'gc>(call: &mut Call<'gc>, values: &mut Option<Table<'gc>>) -> Result<Table<'gc>, LuaError> {
    match *values {
        Some(table) => Ok(table),
        None => {
            let table = call.table(8, 0)?;
            *values = Some(table);
            Ok(table)
        }
    }
}

/// Copies a rule's values behind those of the grammar so far; what its numbers grow by.
fn append_values<'gc>(
    call: &mut Call<'gc>,
    values: &mut Option<Table<'gc>>,
    count: u32,
    rule: &Operand<'gc>,
) -> Result<u32, LuaError> {
    let Some(source) = rule.values else { return Ok(0) };
    let table = own_values(call, values)?;
    call.charge(rule.tree.values as u64)?;
    for idx in 1..=rule.tree.values as i64 {
        let value = source.get_integer(idx);
        table.set_integer(call, count as i64 + idx, value)?;
    }
    Ok(count)
}

/// `lpeg.P(value) -> pattern`.
/// Errors: `value expected`, those of grammars.
fn pattern(call: &mut Call<'_>) -> NativeResult {
    call.check_any(1)?;
    pattern_at(call, 1)?;
    let pattern = call.arg(1);
    call.ret1(pattern)
}

/// `lpeg.S(text) -> pattern` for one byte of the text.
fn set(call: &mut Call<'_>) -> NativeResult {
    let bytes = call.check_string(1)?.as_bytes();
    Operand::new(Tree::set(ByteSet::of(bytes.iter().copied()))).answer(call)
}

/// `lpeg.R(range...) -> pattern` for one byte of the ranges.
/// Errors: `range must have two characters`.
fn range(call: &mut Call<'_>) -> NativeResult {
    let mut set = ByteSet::EMPTY;
    for pos in 1..=call.count() {
        let &[first, last] = call.check_string(pos)?.as_bytes() else {
            return Err(call.arg_error(pos, "range must have two characters"));
        };
        (first..=last).for_each(|byte| set.insert(byte));
    }
    Operand::new(Tree::set(set)).answer(call)
}

/// `lpeg.V(name) -> pattern` for a rule of the grammar around it.
/// Errors: `non-nil value expected`.
fn variable(call: &mut Call<'_>) -> NativeResult {
    if call.count() > 0 && call.arg(1).is_nil() {
        return Err(call.arg_error(1, "non-nil value expected"));
    }
    let name = call.arg(1);
    Operand::with_value(call, Tree::leaf(Kind::OpenCall(1)), name)?.answer(call)
}

/// `lpeg.B(pattern) -> pattern` for what ends here.
/// Errors: `pattern may not have fixed length`, `pattern have captures`, `pattern too long to look behind`.
fn behind(call: &mut Call<'_>) -> NativeResult {
    let operand = operand(call, 1)?;
    let facts = operand.tree.facts();
    let refusal = match facts.length {
        _ if facts.captures => "pattern have captures",
        Length::Fixed(1..=code::BEHIND_MAX) => return unary(call, operand, Kind::Behind),
        Length::Fixed(1..) => "pattern too long to look behind",
        _ => "pattern may not have fixed length",
    };
    Err(call.arg_error(1, refusal))
}

/// A node over the root of a pattern.
fn unary<'gc>(call: &mut Call<'gc>, operand: Operand<'gc>, node: impl FnOnce(u32) -> Kind) -> NativeResult {
    let mut tree = operand.tree.into_owned();
    let child = tree.root();
    tree.push(node(child));
    Operand { tree: Cow::Owned(tree), values: operand.values }.answer(call)
}

/// `a * b`: one after the other.
fn sequence(call: &mut Call<'_>) -> NativeResult {
    let (a, b) = (operand(call, 1)?, operand(call, 2)?);
    if a.tree.root_kind() == Kind::False || b.tree.root_kind() == Kind::True {
        return a.answer(call);
    }
    if a.tree.root_kind() == Kind::True {
        return b.answer(call);
    }
    join(call, &a, &b, Kind::Seq)?.answer(call)
}

/// `a + b`: the first that matches.
fn choice(call: &mut Call<'_>) -> NativeResult {
    let (a, b) = (operand(call, 1)?, operand(call, 2)?);
    if let (Some(a), Some(b)) = (a.tree.as_set(), b.tree.as_set()) {
        return Operand::new(Tree::set(a.union(b))).answer(call);
    }
    if a.tree.facts().infallible || b.tree.root_kind() == Kind::False {
        return a.answer(call);
    }
    if a.tree.root_kind() == Kind::False {
        return b.answer(call);
    }
    join(call, &a, &b, Kind::Choice)?.answer(call)
}

/// `a - b`: `a` where `b` does not match.
fn difference(call: &mut Call<'_>) -> NativeResult {
    let (a, b) = (operand(call, 1)?, operand(call, 2)?);
    if let (Some(a), Some(b)) = (a.tree.as_set(), b.tree.as_set()) {
        return Operand::new(Tree::set(a.difference(b))).answer(call);
    }
    let mut not = b.tree.into_owned();
    let child = not.root();
    not.push(Kind::Not(child));
    let not = Operand { tree: Cow::Owned(not), values: b.values };
    join(call, &not, &a, Kind::Seq)?.answer(call)
}

/// `#p`: whether it matches here.
fn predicate(call: &mut Call<'_>) -> NativeResult {
    let operand = operand(call, 1)?;
    unary(call, operand, Kind::And)
}

/// `-p`: whether it does not match here.
fn negation(call: &mut Call<'_>) -> NativeResult {
    let operand = operand(call, 1)?;
    unary(call, operand, Kind::Not)
}

/// `p ^ n`: at least `n` times, or at most `-n` times.
/// Errors: `loop body may accept empty string`.
fn power(call: &mut Call<'_>) -> NativeResult {
    let operand = operand(call, 1)?;
    let count = call.check_integer(2)?;
    let copies = usize::try_from(count.unsigned_abs()).unwrap_or(usize::MAX / 2).min(usize::MAX / 2);
    if count >= 0 && operand.tree.facts().nullable {
        return Err(call.error("loop body may accept empty string"));
    }
    call.check_size(operand.tree.bytes().saturating_mul(copies.min(tree::NODES_MAX)))?;
    let tree = if count >= 0 { operand.tree.at_least(copies) } else { operand.tree.at_most(copies) };
    let tree = tree.map_err(|error| too_large(call, error))?;
    Operand { tree: Cow::Owned(tree), values: operand.values }.answer(call)
}

/// `p / x`: text with captures, table look-up, function, or one of the values.
/// Errors: `invalid replacement value`, `invalid number`.
fn divide(call: &mut Call<'_>) -> NativeResult {
    let operand = operand(call, 1)?;
    let value = call.arg(2);
    let kind = match value.kind() {
        Type::String(text) => {
            let mut tree = operand.tree.into_owned();
            let name = tree.name(text.as_bytes());
            tree.capture(CaptureKind::Template, name);
            return Operand { tree: Cow::Owned(tree), values: operand.values }.answer(call);
        }
        Type::Integer(_) | Type::Float(_) => {
            let number = value.to_integer().unwrap_or(0);
            if !(0..=INDEX_MAX).contains(&number) {
                return Err(call.arg_error(1, "invalid number"));
            }
            let mut tree = operand.tree.into_owned();
            tree.capture(CaptureKind::Number, number as u32);
            return Operand { tree: Cow::Owned(tree), values: operand.values }.answer(call);
        }
        Type::Table(_) => CaptureKind::Query,
        Type::Function(_) => CaptureKind::Function,
        _ => return Err(call.arg_error(2, "invalid replacement value")),
    };
    operand.capture_value(call, value, |child, key| Kind::Capture { kind, child, key })?.answer(call)
}

/// `lpeg.C`, `lpeg.Cs`, `lpeg.Ct`: a capture with nothing but its pattern.
fn capture(call: &mut Call<'_>, kind: CaptureKind) -> NativeResult {
    let operand = operand(call, 1)?;
    unary(call, operand, |child| Kind::Capture { kind, child, key: 0 })
}

/// `lpeg.Cf(pattern, function) -> pattern`.
fn function_capture(call: &mut Call<'_>, kind: CaptureKind) -> NativeResult {
    let operand = operand(call, 1)?;
    let function = call.check_function(2)?;
    operand.capture_value(call, function, |child, key| Kind::Capture { kind, child, key })?.answer(call)
}

/// `lpeg.Cmt(pattern, function) -> pattern`.
fn match_time_capture(call: &mut Call<'_>) -> NativeResult {
    let operand = operand(call, 1)?;
    let function = call.check_function(2)?;
    operand.capture_value(call, function, |child, key| Kind::RunTime { child, key })?.answer(call)
}

/// `lpeg.Cg(pattern [, name]) -> pattern`.
fn group_capture(call: &mut Call<'_>) -> NativeResult {
    if call.arg(2).is_nil() {
        return capture(call, CaptureKind::Group);
    }
    let operand = operand(call, 1)?;
    let name = call.check_string(2)?.as_bytes();
    let mut tree = operand.tree.into_owned();
    let name = tree.name(name);
    tree.capture(CaptureKind::Group, name);
    Operand { tree: Cow::Owned(tree), values: operand.values }.answer(call)
}

/// `lpeg.Cb(name) -> pattern`.
fn back_capture(call: &mut Call<'_>) -> NativeResult {
    let name = call.check_string(1)?.as_bytes();
    let mut tree = Tree::leaf(Kind::True);
    let name = tree.name(name);
    tree.capture(CaptureKind::Back, name);
    Operand::new(tree).answer(call)
}

/// `lpeg.Carg(n) -> pattern`.
/// Errors: `invalid argument index`.
fn argument_capture(call: &mut Call<'_>) -> NativeResult {
    let number = call.check_integer(1)?;
    if !(1..=INDEX_MAX).contains(&number) {
        return Err(call.arg_error(1, "invalid argument index"));
    }
    let mut tree = Tree::leaf(Kind::True);
    tree.capture(CaptureKind::Argument, number as u32);
    Operand::new(tree).answer(call)
}

/// `lpeg.Cp() -> pattern`.
fn position_capture(call: &mut Call<'_>) -> NativeResult {
    let mut tree = Tree::leaf(Kind::True);
    tree.capture(CaptureKind::Position, 0);
    Operand::new(tree).answer(call)
}

/// `lpeg.Cc(value...) -> pattern`.
fn constant_capture(call: &mut Call<'_>) -> NativeResult {
    let count = call.count();
    let mut tree = Tree::leaf(Kind::True);
    if count == 0 {
        return Operand::new(tree).answer(call);
    }
    let values = call.table(count, 0)?;
    let mut last = None;
    for pos in 1..=count {
        values.set_integer(call, pos as i64, call.arg(pos))?;
        let constant = tree.push(Kind::Capture { kind: CaptureKind::Constant, child: 0, key: pos as u32 });
        last = Some(last.map_or(constant, |before| tree.push(Kind::Seq(before, constant))));
    }
    if count > 1 {
        tree.capture(CaptureKind::Group, 0);
    }
    tree.values = count as u32;
    Operand { tree: Cow::Owned(tree), values: Some(values) }.answer(call)
}

/// `lpeg.type(value) -> "pattern" | nil`.
fn type_of(call: &mut Call<'_>) -> NativeResult {
    call.check_any(1)?;
    if as_pattern(call, call.arg(1)).is_none() {
        return call.ret1(Value::NIL);
    }
    let name = call.string(b"pattern")?;
    call.ret1(name)
}

/// `lpeg.setmaxstack(n)`: limits the backtrack stack; less than the default changes nothing.
fn set_max_stack(call: &mut Call<'_>) -> NativeResult {
    let limit = call.opt_integer(1, 0)?;
    call.registry().set_str(call, matching::STACK_MAX_KEY, Value::integer(limit))?;
    call.ret0()
}

/// `lpeg.locale([table]) -> table` with patterns for the classes of the C locale.
fn locale(call: &mut Call<'_>) -> NativeResult {
    let table = if call.arg(1).is_nil() { call.table(0, 11)? } else { call.check_table(1)? };
    type IsMember = fn(&u8) -> bool;
    let classes: [(&str, IsMember); 11] = [
        ("alnum", u8::is_ascii_alphanumeric),
        ("alpha", u8::is_ascii_alphabetic),
        ("cntrl", u8::is_ascii_control),
        ("digit", u8::is_ascii_digit),
        ("graph", u8::is_ascii_graphic),
        ("lower", u8::is_ascii_lowercase),
        ("print", |&byte| matches!(byte, b' '..=b'~')),
        ("punct", u8::is_ascii_punctuation),
        ("space", |&byte| byte.is_ascii_whitespace() || byte == 0x0b),
        ("upper", u8::is_ascii_uppercase),
        ("xdigit", u8::is_ascii_hexdigit),
    ];
    for (name, is_member) in classes {
        let set = ByteSet::of((0..=u8::MAX).filter(is_member));
        let pattern = Operand::new(Tree::set(set)).into_value(call)?;
        table.set_str(call, name.as_bytes(), pattern)?;
    }
    call.ret1(table)
}

fn debug_only(call: &mut Call<'_>) -> NativeResult {
    Err(call.error("function only implemented in debug mode"))
}
