//! The string library, manual §6.4.

mod format;
mod pack;
mod pattern;

pub use pack::unpack_unfinished;

use crate::base::number_text;
use crate::set_functions;
use pattern::{Capture, Matcher, PatternError, Program};
use perilune_vm::number::ArithOp;
use perilune_vm::{Call, LuaError, NativeFn, NativeResult, Step, Str, Table, Value};
use std::rc::Rc;

/// The library's table; it becomes the `__index` of all strings.
pub(crate) fn open<'gc>(call: &mut Call<'gc>) -> Result<Table<'gc>, LuaError> {
    let library = call.table(0, 20)?;
    set_functions(
        call,
        library,
        &[
            ("byte", byte),
            ("char", char),
            ("dump", dump),
            ("find", find),
            ("format", format::format),
            ("gmatch", gmatch),
            ("gsub", gsub),
            ("len", len),
            ("lower", lower),
            ("match", match_),
            ("pack", pack::pack),
            ("packsize", pack::packsize),
            ("rep", rep),
            ("reverse", reverse),
            ("sub", sub),
            ("unpack", pack::unpack),
            ("upper", upper),
        ],
    )?;
    let metatable = call.table(0, 10)?;
    set_functions(
        call,
        metatable,
        &[
            ("__add", |call| arithmetic(call, ArithOp::Add)),
            ("__sub", |call| arithmetic(call, ArithOp::Sub)),
            ("__mul", |call| arithmetic(call, ArithOp::Mul)),
            ("__mod", |call| arithmetic(call, ArithOp::Mod)),
            ("__pow", |call| arithmetic(call, ArithOp::Pow)),
            ("__div", |call| arithmetic(call, ArithOp::Div)),
            ("__idiv", |call| arithmetic(call, ArithOp::IDiv)),
            ("__unm", |call| arithmetic(call, ArithOp::Unm)),
        ],
    )?;
    metatable.set_str(call, b"__index", library.into())?;
    let any_string = call.string(b"")?;
    call.set_metatable(any_string, Some(metatable));
    Ok(library)
}

/// Arithmetic on strings that spell numbers; otherwise the other operand's metamethod.
fn arithmetic(call: &mut Call<'_>, op: ArithOp) -> NativeResult {
    let (left, right) = (call.arg(1), call.arg(2));
    let then: NativeFn = |call| {
        let result = call.result(1);
        call.ret1(result)
    };
    if let (Some(left), Some(right)) = (left.to_number(), right.to_number()) {
        return call.arith_then(op, Value::number(left), Value::number(right), then);
    }
    let event = match op {
        ArithOp::Add => "__add",
        ArithOp::Sub => "__sub",
        ArithOp::Mul => "__mul",
        ArithOp::Mod => "__mod",
        ArithOp::Pow => "__pow",
        ArithOp::Div => "__div",
        ArithOp::IDiv => "__idiv",
        _ => "__unm",
    };
    let handler = if right.as_str().is_some() { Value::NIL } else { call.metamethod(right, event) };
    if handler.is_nil() {
        let (left, right) = (left.type_name(), right.type_name());
        let event = &event[2..];
        return Err(call.error(format!("attempt to {event} a '{left}' with a '{right}'")));
    }
    call.tail_call(handler, &[left, right])
}

/// A 1-based position, negative from the end, as an unclipped position from 1.
fn start_position(pos: i64, len: usize) -> usize {
    if pos > 0 {
        pos as usize
    } else if pos == 0 || pos < -(len as i64) {
        1
    } else {
        (len as i64 + pos + 1) as usize
    }
}

/// An end position, clipped to the length; 0 when before the start.
fn end_position(pos: i64, len: usize) -> usize {
    if pos > len as i64 {
        len
    } else if pos >= 0 {
        pos as usize
    } else if pos < -(len as i64) {
        0
    } else {
        (len as i64 + pos + 1) as usize
    }
}

/// `string.len(s) -> bytes`.
fn len(call: &mut Call<'_>) -> NativeResult {
    let len = call.check_string(1)?.len();
    call.ret1(len as i64)
}

/// `string.sub(s, i [, j]) -> string`; positions from 1, negative from the end; `j` default -1.
fn sub(call: &mut Call<'_>) -> NativeResult {
    let text = call.check_string(1)?.as_bytes();
    let start = start_position(call.check_integer(2)?, text.len());
    let end = end_position(call.opt_integer(3, -1)?, text.len());
    let part = if start <= end { &text[start - 1..end] } else { &[] };
    let part = call.string(part)?;
    call.ret1(part)
}

/// `string.byte(s [, i [, j]]) -> bytes as integers`; `i` default 1, `j` default `i`.
/// Errors: `string slice too long`.
fn byte(call: &mut Call<'_>) -> NativeResult {
    let text = call.check_string(1)?.as_bytes();
    let first = call.opt_integer(2, 1)?;
    let start = start_position(first, text.len());
    let end = end_position(call.opt_integer(3, first)?, text.len());
    if start == end {
        return call.ret1(text[start - 1] as i64);
    }
    if start > end {
        return call.ret0();
    }
    let part = &text[start - 1..end];
    if call.reserve(part.len()).is_err() {
        return Err(call.error("stack overflow (string slice too long)"));
    }
    for &byte in part {
        call.push(byte as i64);
    }
    call.ret_pushed(part.len())
}

/// `string.char(...) -> string` of these bytes.
/// Errors: `value out of range`.
fn char(call: &mut Call<'_>) -> NativeResult {
    let mut out = Vec::with_capacity(call.count());
    for pos in 1..=call.count() {
        match u8::try_from(call.check_integer(pos)?) {
            Ok(byte) => out.push(byte),
            Err(_) => return Err(call.arg_error(pos, "value out of range")),
        }
    }
    let text = call.string(&out)?;
    call.ret1(text)
}

/// `string.dump(function [, strip]) -> string`: a binary chunk; `strip` leaves out names and lines.
/// Errors: `unable to dump given function`.
fn dump(call: &mut Call<'_>) -> NativeResult {
    let function = call.check_function(1)?;
    let strip = call.arg(2).is_truthy();
    let chunk = function.as_function().and_then(|function| function.to_chunk(call, strip));
    let Some(chunk) = chunk else { return Err(call.error("unable to dump given function")) };
    let bytes = perilune_vm::dump::write(&chunk);
    let bytes = call.string(&bytes)?;
    call.ret1(bytes)
}

/// `string.lower(s) -> string`, ASCII letters only.
fn lower(call: &mut Call<'_>) -> NativeResult {
    let text = call.check_string(1)?.as_bytes();
    call.check_size(text.len())?;
    let text = call.string(&text.to_ascii_lowercase())?;
    call.ret1(text)
}

/// `string.upper(s) -> string`, ASCII letters only.
fn upper(call: &mut Call<'_>) -> NativeResult {
    let text = call.check_string(1)?.as_bytes();
    call.check_size(text.len())?;
    let text = call.string(&text.to_ascii_uppercase())?;
    call.ret1(text)
}

/// `string.reverse(s) -> string`.
fn reverse(call: &mut Call<'_>) -> NativeResult {
    let text = call.check_string(1)?.as_bytes();
    call.check_size(text.len())?;
    let reversed: Vec<u8> = text.iter().rev().copied().collect();
    let text = call.string(&reversed)?;
    call.ret1(text)
}

/// Longest result of `rep`, as the reference has it.
const LEN_MAX: u64 = i32::MAX as u64;

/// `string.rep(s, n [, sep]) -> string`.
/// Errors: `resulting string too large`.
fn rep(call: &mut Call<'_>) -> NativeResult {
    let text = call.check_string(1)?.as_bytes();
    let count = call.check_integer(2)?;
    let separator = call.opt_string(3)?.map_or(&b""[..], |separator| separator.as_bytes());
    if count <= 0 || text.is_empty() && separator.is_empty() {
        let empty = call.string(b"")?;
        return call.ret1(empty);
    }
    let unit = text.len() as u64 + separator.len() as u64;
    if unit > LEN_MAX / count as u64 {
        return Err(call.error("resulting string too large"));
    }
    let total = unit as usize * count as usize - separator.len();
    call.check_size(total)?;
    call.charge(total as u64 / 16)?;
    let mut out = Vec::new();
    if out.try_reserve_exact(total).is_err() {
        return Err(call.error("not enough memory"));
    }
    if separator.is_empty() && text.len() == 1 {
        out.resize(total, text[0]);
    } else {
        for idx in 0..count {
            if idx > 0 {
                out.extend_from_slice(separator);
            }
            out.extend_from_slice(text);
        }
    }
    let text = call.string(&out)?;
    call.ret1(text)
}

fn pattern_error(call: &mut Call<'_>, error: PatternError) -> LuaError {
    call.error(error.message())
}

/// The value of a capture; the whole match when there are none.
fn capture<'gc>(
    call: &mut Call<'gc>,
    matcher: &Matcher<'_>,
    subject: &[u8],
    idx: usize,
    whole: (usize, usize),
) -> Result<Value<'gc>, LuaError> {
    if idx >= matcher.captures.len() {
        if idx > 0 {
            return Err(call.error(format!("invalid capture index %{}", idx + 1)));
        }
        return call.string(&subject[whole.0..whole.1]);
    }
    match matcher.captures[idx] {
        Capture::Text(start, end) => call.string(&subject[start..end]),
        Capture::Position(at) => Ok(Value::integer(at as i64 + 1)),
        Capture::Open(_) => Err(pattern_error(call, PatternError::UnfinishedCapture)),
    }
}

/// Pushes all captures, or the whole match when there are none; how many.
fn push_captures(
    call: &mut Call<'_>,
    matcher: &Matcher<'_>,
    subject: &[u8],
    whole: Option<(usize, usize)>,
) -> Result<usize, LuaError> {
    let count = if matcher.captures.is_empty() && whole.is_some() { 1 } else { matcher.captures.len() };
    call.reserve(count)?;
    for idx in 0..count {
        let value = capture(call, matcher, subject, idx, whole.unwrap_or_default())?;
        call.push(value);
    }
    Ok(count)
}

/// The program of a pattern, in which a `^` in front is an anchor or not.
fn program(call: &mut Call<'_>, pattern: &[u8], anchors: bool) -> Result<Rc<Program>, LuaError> {
    call.check_size(pattern.len().saturating_mul(pattern::PROGRAM_BYTES))?;
    call.charge(pattern.len() as u64 / 8)?;
    Ok(Program::of(pattern, anchors))
}

fn has_specials(pattern: &[u8]) -> bool {
    pattern.iter().any(|byte| b"^$*+?.([%-".contains(byte))
}

/// `string.find(s, pattern [, init [, plain]]) -> start, end, captures | nil (fail)`.
/// Errors: those of patterns.
fn find(call: &mut Call<'_>) -> NativeResult {
    find_or_match(call, true)
}

/// `string.match(s, pattern [, init]) -> captures, or the whole match | nil (fail)`.
/// Errors: those of patterns.
fn match_(call: &mut Call<'_>) -> NativeResult {
    find_or_match(call, false)
}

fn find_or_match(call: &mut Call<'_>, is_find: bool) -> NativeResult {
    let subject = call.check_string(1)?.as_bytes();
    let pattern = call.check_string(2)?.as_bytes();
    let from = start_position(call.opt_integer(3, 1)?, subject.len()) - 1;
    if from > subject.len() {
        return call.ret1(Value::NIL);
    }
    let kept = if is_find && call.arg(4).is_truthy() { None } else { Program::kept(pattern, true) };
    if is_find && kept.is_none() && (call.arg(4).is_truthy() || !has_specials(pattern)) {
        call.charge(subject.len() as u64 / 64)?;
        return match find_text(&subject[from..], pattern) {
            Some(at) => {
                let start = (from + at) as i64;
                call.ret2(start + 1, start + pattern.len() as i64)
            }
            None => call.ret1(Value::NIL),
        };
    }
    let program = match kept {
        Some(program) => program,
        None => program(call, pattern, true)?,
    };
    if program.anchored && program.rules_out(subject.get(from).copied()) {
        call.charge(1)?;
        return call.ret1(Value::NIL);
    }
    let mut matcher = Matcher::new(subject, &program, call.work_limit());
    let found = matcher.find(from);
    call.charge(matcher.steps)?;
    match found {
        Err(error) => Err(pattern_error(call, error)),
        Ok(None) => call.ret1(Value::NIL),
        Ok(Some((start, end))) if is_find => {
            call.push(start as i64 + 1);
            call.push(end as i64);
            let count = push_captures(call, &matcher, subject, None)?;
            call.ret_pushed(count + 2)
        }
        Ok(Some((start, end))) if matcher.captures.len() <= 1 => {
            let value = capture(call, &matcher, subject, 0, (start, end))?;
            call.ret1(value)
        }
        Ok(Some(whole)) => {
            let count = push_captures(call, &matcher, subject, Some(whole))?;
            call.ret_pushed(count)
        }
    }
}

/// Texts up to this length are not worth preparing a search.
const SEARCH_SHORT: usize = 512;

/// Where a fixed text occurs first.
fn find_text(text: &[u8], wanted: &[u8]) -> Option<usize> {
    let Some((&first, rest)) = wanted.split_first() else { return Some(0) };
    if rest.is_empty() {
        return memchr::memchr(first, text);
    }
    if text.len() > SEARCH_SHORT {
        return memchr::memmem::find(text, wanted);
    }
    let starts = text.get(..=text.len().checked_sub(wanted.len())?)?;
    memchr::memchr_iter(first, starts).find(|&at| text[at + 1..].starts_with(rest))
}

/// `string.gmatch(s, pattern [, init]) -> iterator` over the captures of each match.
/// Errors: those of patterns, by the iterator.
fn gmatch(call: &mut Call<'_>) -> NativeResult {
    let subject = call.check_string(1)?;
    let pattern = call.check_string(2)?;
    let from = start_position(call.opt_integer(3, 1)?, subject.len()) - 1;
    let from = if from > subject.len() { subject.len() + 1 } else { from };
    let upvalues = [subject.into(), pattern.into(), Value::integer(from as i64), Value::integer(-1)];
    let iterator = call.closure(gmatch_step, &upvalues)?;
    call.ret1(iterator)
}

/// Upvalues: subject, pattern, where to go on, end of the last match.
fn gmatch_step(call: &mut Call<'_>) -> NativeResult {
    let text = |call: &Call<'_>, pos: usize| call.upvalue(pos).as_str().map(Str::as_bytes).is_some();
    debug_assert!(text(call, 1) && text(call, 2));
    let (Some(subject), Some(pattern)) = (call.upvalue(1).as_str(), call.upvalue(2).as_str()) else {
        return call.ret1(Value::NIL);
    };
    let (subject, pattern) = (subject.as_bytes(), pattern.as_bytes());
    let mut from = call.upvalue(3).to_integer().unwrap_or(0) as usize;
    let last = call.upvalue(4).to_integer().unwrap_or(-1);
    // Here a `^` stands for itself.
    let program = program(call, pattern, false)?;
    let mut matcher = Matcher::new(subject, &program, call.work_limit());
    while from <= subject.len() {
        let found = matcher.find(from);
        call.charge(matcher.steps)?;
        matcher.steps = 0;
        match found {
            Err(error) => return Err(pattern_error(call, error)),
            Ok(None) => break,
            // An empty match right behind the last one does not count.
            Ok(Some((start, end))) if end as i64 == last => from = start + 1,
            Ok(Some(whole)) => {
                call.set_upvalue(3, Value::integer(whole.1 as i64));
                call.set_upvalue(4, Value::integer(whole.1 as i64));
                let count = push_captures(call, &matcher, subject, Some(whole))?;
                return call.ret_pushed(count);
            }
        }
    }
    call.set_upvalue(3, Value::integer(subject.len() as i64 + 1));
    call.ret1(Value::NIL)
}

/// `string.gsub(s, pattern, repl [, n]) -> string, number of matches`.
/// Shape: `repl` a string with `%0` to `%9`, a table looked up by the first capture, or a function of the captures.
/// Errors: those of patterns, `invalid use of '%' in replacement string`, `invalid replacement value (a table)`.
fn gsub(call: &mut Call<'_>) -> NativeResult {
    let subject = call.check_string(1)?.as_bytes();
    let pattern = call.check_string(2)?.as_bytes();
    let replacement = call.arg(3);
    let max = call.opt_integer(4, subject.len() as i64 + 1)?;
    let is_usable = replacement.as_number().is_some()
        || replacement.as_str().is_some()
        || replacement.as_table().is_some()
        || replacement.as_function().is_some();
    if !is_usable {
        return Err(call.type_error(3, "string/function/table"));
    }
    if replacement.as_number().is_some() {
        call.check_string(3)?;
    }
    let program = program(call, pattern, true)?;
    let state = Gsub { program, at: 0, last: None, matches: 0, max, out: Vec::new(), pending: (0, 0), changed: false };
    Box::new(state).run(call)
}

/// A `gsub` under way.
struct Gsub {
    program: Rc<Program>,
    at: usize,
    /// End of the last match.
    last: Option<usize>,
    matches: i64,
    max: i64,
    out: Vec<u8>,
    /// The match whose replacement is being computed.
    pending: (usize, usize),
    /// Something was replaced.
    changed: bool,
}

impl Gsub {
    fn run(mut self: Box<Self>, call: &mut Call<'_>) -> NativeResult {
        let subject = call.check_string(1)?.as_bytes();
        let program = Rc::clone(&self.program);
        let mut matcher = Matcher::new(subject, &program, call.work_limit());
        while self.matches < self.max {
            let found = matcher.find(self.at);
            call.charge(matcher.steps)?;
            matcher.steps = 0;
            let found = found.map_err(|error| pattern_error(call, error))?;
            let Some((start, end)) = found else { break };
            if self.last == Some(end) && start == end {
                // An empty match right behind the last one does not count.
                if start < subject.len() {
                    self.out.extend_from_slice(&subject[self.at..start + 1]);
                }
                self.at = start + 1;
                if self.at > subject.len() || self.program.anchored {
                    break;
                }
                continue;
            }
            self.out.extend_from_slice(&subject[self.at..start]);
            call.check_size(self.out.len())?;
            self.matches += 1;
            self.pending = (start, end);
            self.at = end;
            self.last = Some(end);
            let replacement = call.arg(3);
            if let Some(template) = replacement.as_str() {
                self.changed = true;
                self.expand(call, &matcher, subject, template.as_bytes())?;
            } else if let Some(table) = replacement.as_table() {
                let key = capture(call, &matcher, subject, 0, (start, end))?;
                let value = table.get(call, key);
                if value.is_nil() && table.metatable().is_some() {
                    return call.index_then(replacement, key, self);
                }
                self.replace(call, value)?;
            } else {
                let mut args: smallvec::SmallVec<[Value<'_>; 4]> = smallvec::SmallVec::new();
                for idx in 0..matcher.captures.len().max(1) {
                    args.push(capture(call, &matcher, subject, idx, (start, end))?);
                }
                return call.invoke(replacement, &args, self);
            }
            if self.program.anchored {
                break;
            }
        }
        if self.at <= subject.len() {
            self.out.extend_from_slice(&subject[self.at..]);
        }
        if !self.changed {
            let whole = call.arg(1);
            return call.ret2(whole, self.matches);
        }
        let text = call.string(&self.out)?;
        call.ret2(text, self.matches)
    }

    /// Appends what a table or function gave for the pending match.
    fn replace(&mut self, call: &mut Call<'_>, value: Value<'_>) -> Result<(), LuaError> {
        if !value.is_truthy() {
            let subject = call.check_string(1)?.as_bytes();
            self.out.extend_from_slice(&subject[self.pending.0..self.pending.1]);
            return Ok(());
        }
        self.changed = true;
        if let Some(text) = value.as_str() {
            self.out.extend_from_slice(text.as_bytes());
        } else if let Some(number) = value.as_number() {
            number_text(number, &mut self.out);
        } else {
            let kind = value.type_name();
            return Err(call.error(format!("invalid replacement value (a {kind})")));
        }
        Ok(())
    }

    /// Appends a template, with its captures filled in.
    fn expand(
        &mut self,
        call: &mut Call<'_>,
        matcher: &Matcher<'_>,
        subject: &[u8],
        template: &[u8],
    ) -> Result<(), LuaError> {
        let mut rest = template;
        while let Some(at) = memchr::memchr(b'%', rest) {
            self.out.extend_from_slice(&rest[..at]);
            match rest.get(at + 1) {
                Some(b'%') => self.out.push(b'%'),
                Some(b'0') => self.out.extend_from_slice(&subject[self.pending.0..self.pending.1]),
                Some(&digit @ b'1'..=b'9') => {
                    let idx = (digit - b'1') as usize;
                    if idx >= matcher.captures.len() && idx > 0 {
                        let number = idx + 1;
                        return Err(call.error(format!("invalid capture index %{number}")));
                    }
                    match matcher.captures.get(idx) {
                        Some(&Capture::Text(start, end)) => self.out.extend_from_slice(&subject[start..end]),
                        _ => {
                            let value = capture(call, matcher, subject, idx, self.pending)?;
                            if let Some(text) = value.as_str() {
                                self.out.extend_from_slice(text.as_bytes());
                            } else if let Some(number) = value.as_number() {
                                number_text(number, &mut self.out);
                            }
                        }
                    }
                }
                _ => return Err(call.error("invalid use of '%' in replacement string")),
            }
            rest = &rest[at + 2..];
        }
        self.out.extend_from_slice(rest);
        Ok(())
    }
}

impl Step for Gsub {
    fn step<'gc>(mut self: Box<Self>, call: &mut Call<'gc>) -> NativeResult {
        let value = call.result(1);
        self.replace(call, value)?;
        if self.program.anchored {
            self.max = self.matches;
        }
        self.run(call)
    }
}
