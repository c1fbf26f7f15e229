//! The table library, manual §6.6.
//!
//! Tables without the metamethods that matter are worked on directly. The others go through continuations: a [`Copy`]
//! moves elements one by one, each read and write being a call that may run Lua code.

mod sort;

use crate::base::number_text;
use crate::set_functions;
use perilune_vm::{Call, LuaError, NativeFn, NativeResult, Step, Table, Value};

/// The library's table.
pub(crate) fn open<'gc>(call: &mut Call<'gc>) -> Result<Table<'gc>, LuaError> {
    let library = call.table(0, 8)?;
    set_functions(
        call,
        library,
        &[
            ("concat", concat),
            ("insert", insert),
            ("move", move_),
            ("pack", pack),
            ("remove", remove),
            ("sort", sort::sort),
            ("unpack", unpack),
        ],
    )?;
    Ok(library)
}

/// An argument to be used as a list: a table, or a value with these metamethods.
fn check_list<'gc>(call: &mut Call<'gc>, pos: usize, events: &[&str]) -> Result<Value<'gc>, LuaError> {
    let value = call.arg(pos);
    if value.as_table().is_none() {
        let like_table =
            call.metatable(value).is_some() && events.iter().all(|event| !call.metamethod(value, event).is_nil());
        if !like_table {
            call.check_table(pos)?;
        }
    }
    Ok(value)
}

/// The table, if reading, writing and measuring it runs no Lua code.
fn plain<'gc>(call: &Call<'gc>, value: Value<'gc>) -> Option<Table<'gc>> {
    let table = value.as_table()?;
    let Some(metatable) = table.metatable() else { return Some(table) };
    let is_plain =
        ["__index", "__newindex", "__len"].iter().all(|event| metatable.get_str(call, event.as_bytes()).is_nil());
    is_plain.then_some(table)
}

const READ: &str = "__index";
const WRITE: &str = "__newindex";
const LENGTH: &str = "__len";

/// The length `__len` gave.
fn length_result(call: &mut Call<'_>) -> Result<i64, LuaError> {
    match call.result(1).to_integer() {
        Some(len) => Ok(len),
        None => Err(call.error("object length is not an integer")),
    }
}

/// What remains to be done once all elements are copied.
#[derive(Clone, Copy)]
enum Finish {
    /// Set the target's element to an argument, and return nothing.
    SetArg { key: i64, arg: usize },
    /// Set the target's element to nil, and return an argument that keeps the removed element.
    Clear { key: i64, arg: usize },
    /// Return an argument.
    Return { arg: usize },
}

/// Copies `count` elements between lists that may have metamethods, upwards or downwards.
struct Copy {
    /// Arguments that hold the lists.
    source: usize,
    target: usize,
    from: i64,
    to: i64,
    done: i64,
    count: i64,
    downwards: bool,
    /// Whether the element was read and is to be written.
    is_read: bool,
    finish: Finish,
}

impl Copy {
    fn run(mut self: Box<Self>, call: &mut Call<'_>) -> NativeResult {
        if self.done == self.count {
            return self.finish(call);
        }
        let offset = if self.downwards { self.count - 1 - self.done } else { self.done };
        if self.is_read {
            let value = call.result(1);
            let target = call.arg(self.target);
            self.is_read = false;
            self.done += 1;
            call.charge(1)?;
            call.set_index_then(target, Value::integer(self.to.wrapping_add(offset)), value, self)
        } else {
            self.is_read = true;
            let source = call.arg(self.source);
            call.index_then(source, Value::integer(self.from.wrapping_add(offset)), self)
        }
    }

    fn finish(self, call: &mut Call<'_>) -> NativeResult {
        let target = call.arg(self.target);
        match self.finish {
            Finish::SetArg { key, arg } => {
                let value = call.arg(arg);
                call.set_index_then(target, Value::integer(key), value, Box::new(Done { arg: None }))
            }
            Finish::Clear { key, arg } => {
                call.set_index_then(target, Value::integer(key), Value::NIL, Box::new(Done { arg: Some(arg) }))
            }
            Finish::Return { arg } => {
                let value = call.arg(arg);
                call.ret1(value)
            }
        }
    }
}

impl Step for Copy {
    fn step<'gc>(self: Box<Self>, call: &mut Call<'gc>) -> NativeResult {
        self.run(call)
    }
}

/// The last write is over.
struct Done {
    arg: Option<usize>,
}

impl Step for Done {
    fn step<'gc>(self: Box<Self>, call: &mut Call<'gc>) -> NativeResult {
        match self.arg {
            Some(arg) => {
                let value = call.arg(arg);
                call.ret1(value)
            }
            None => call.ret0(),
        }
    }
}

/// `table.insert(list, [pos,] value)`: shifts up the elements from `pos` on; at the end by default.
/// Errors: `position out of bounds`, `wrong number of arguments to 'insert'`.
fn insert(call: &mut Call<'_>) -> NativeResult {
    let list = check_list(call, 1, &[READ, WRITE, LENGTH])?;
    if let Some(table) = plain(call, list) {
        let len = table.raw_len();
        if call.count() == 2 {
            let value = call.arg(2);
            table.set_integer(call, len.wrapping_add(1), value)?;
            return call.ret0();
        }
        let pos = insert_position(call, len)?;
        call.charge((len - pos).unsigned_abs() / 8)?;
        let mut at = len.wrapping_add(1);
        while at > pos {
            let value = table.get_integer(at - 1);
            table.set_integer(call, at, value)?;
            at -= 1;
        }
        let value = call.arg(3);
        table.set_integer(call, pos, value)?;
        return call.ret0();
    }
    call.len_then(list, Box::new(InsertSlow))
}

fn insert_position(call: &mut Call<'_>, len: i64) -> Result<i64, LuaError> {
    if call.count() != 3 {
        return Err(call.error("wrong number of arguments to 'insert'"));
    }
    let pos = call.check_integer(2)?;
    if (pos as u64).wrapping_sub(1) >= (len as u64).wrapping_add(1) {
        return Err(call.arg_error(2, "position out of bounds"));
    }
    Ok(pos)
}

struct InsertSlow;

impl Step for InsertSlow {
    fn step<'gc>(self: Box<Self>, call: &mut Call<'gc>) -> NativeResult {
        let len = length_result(call)?;
        let (pos, arg) = if call.count() == 2 { (len.wrapping_add(1), 2) } else { (insert_position(call, len)?, 3) };
        let finish = Finish::SetArg { key: pos, arg };
        let count = len.wrapping_add(1) - pos;
        let copy = Copy {
            source: 1,
            target: 1,
            from: pos,
            to: pos + 1,
            done: 0,
            count,
            downwards: true,
            is_read: false,
            finish,
        };
        Box::new(copy).run(call)
    }
}

/// `table.remove(list [, pos]) -> the removed element`; the last one by default.
/// Errors: `position out of bounds`.
fn remove(call: &mut Call<'_>) -> NativeResult {
    let list = check_list(call, 1, &[READ, WRITE, LENGTH])?;
    if let Some(table) = plain(call, list) {
        let len = table.raw_len();
        let pos = remove_position(call, len)?;
        let removed = table.get_integer(pos);
        call.charge((len - pos).unsigned_abs() / 8)?;
        let mut at = pos;
        while at < len {
            let value = table.get_integer(at + 1);
            table.set_integer(call, at, value)?;
            at += 1;
        }
        table.set_integer(call, at, Value::NIL)?;
        return call.ret1(removed);
    }
    call.len_then(list, Box::new(RemoveSlow { plan: None }))
}

fn remove_position(call: &mut Call<'_>, len: i64) -> Result<i64, LuaError> {
    if call.count() < 2 {
        return Ok(len);
    }
    let pos = call.opt_integer(2, len)?;
    // Behind the last element is allowed, and position 0 of an empty list.
    if (len as u64).wrapping_add(1).wrapping_sub(pos as u64) > len as u64 && pos != len {
        return Err(call.arg_error(2, "position out of bounds"));
    }
    Ok(pos)
}

/// Reads the element that goes, then copies.
struct RemoveSlow {
    /// Position and length, once known.
    plan: Option<(i64, i64)>,
}

impl Step for RemoveSlow {
    fn step<'gc>(mut self: Box<Self>, call: &mut Call<'gc>) -> NativeResult {
        let Some((pos, len)) = self.plan else {
            let len = length_result(call)?;
            let pos = remove_position(call, len)?;
            self.plan = Some((pos, len));
            let list = call.arg(1);
            return call.index_then(list, Value::integer(pos), self);
        };
        let removed = call.result(1);
        call.set_count(2);
        call.set_arg(2, removed);
        let count = (len - pos).max(0);
        let finish = Finish::Clear { key: pos + count, arg: 2 };
        let copy = Copy {
            source: 1,
            target: 1,
            from: pos + 1,
            to: pos,
            done: 0,
            count,
            downwards: false,
            is_read: false,
            finish,
        };
        Box::new(copy).run(call)
    }
}

/// `table.move(a1, f, e, t [, a2]) -> a2`: copies `a1[f..e]` to `a2[t..]`.
/// Errors: `too many elements to move`, `destination wrap around`.
fn move_(call: &mut Call<'_>) -> NativeResult {
    let (from, end, to) = (call.check_integer(2)?, call.check_integer(3)?, call.check_integer(4)?);
    let target = if call.arg(5).is_nil() { 1 } else { 5 };
    let source_list = check_list(call, 1, &[READ])?;
    let target_list = check_list(call, target, &[WRITE])?;
    if end < from {
        return call.ret1(target_list);
    }
    if !(from > 0 || end < i64::MAX + from) {
        return Err(call.arg_error(3, "too many elements to move"));
    }
    let count = end - from + 1;
    if to > i64::MAX - count + 1 {
        return Err(call.arg_error(4, "destination wrap around"));
    }
    let upwards = to > end || to <= from || (target != 1 && !source_list.raw_equal(target_list));
    if let (Some(source), Some(destination)) = (plain(call, source_list), plain(call, target_list)) {
        for done in 0..count {
            let offset = if upwards { done } else { count - 1 - done };
            let value = source.get_integer(from + offset);
            destination.set_integer(call, to + offset, value)?;
            if done % 64 == 63 {
                call.charge(16)?;
            }
        }
        return call.ret1(target_list);
    }
    let finish = Finish::Return { arg: target };
    let copy = Copy { source: 1, target, from, to, done: 0, count, downwards: !upwards, is_read: false, finish };
    Box::new(copy).run(call)
}

/// `table.pack(...) -> list with field n`.
fn pack(call: &mut Call<'_>) -> NativeResult {
    let count = call.count();
    let table = call.table(count, 1)?;
    for pos in 1..=count {
        let value = call.arg(pos);
        table.set_integer(call, pos as i64, value)?;
    }
    table.set_str(call, b"n", Value::integer(count as i64))?;
    call.ret1(table)
}

/// Most values a call can return.
const RESULTS_MAX: u64 = 1_000_000;

/// `table.unpack(list [, i [, j]]) -> list[i], ..., list[j]`.
/// Errors: `too many results to unpack`.
fn unpack(call: &mut Call<'_>) -> NativeResult {
    let list = call.arg(1);
    let from = call.opt_integer(2, 1)?;
    let table = plain(call, list);
    let to = match table {
        _ if !call.arg(3).is_nil() => call.check_integer(3)?,
        Some(table) => table.raw_len(),
        None => return call.len_then(list, Box::new(UnpackSlow { from, to: None, at: 0 })),
    };
    if from > to {
        return call.ret0();
    }
    let count = check_unpack(call, from, to)?;
    let Some(table) = table else {
        let slow = UnpackSlow { from, to: Some(to), at: from };
        return Box::new(slow).run(call);
    };
    call.reserve(count)?;
    for key in from..=to {
        let value = table.get_integer(key);
        call.push(value);
    }
    call.ret_pushed(count)
}

fn check_unpack(call: &mut Call<'_>, from: i64, to: i64) -> Result<usize, LuaError> {
    let count = (to as u64).wrapping_sub(from as u64);
    if count >= RESULTS_MAX || call.reserve(count as usize + 1).is_err() {
        return Err(call.error("too many results to unpack"));
    }
    Ok(count as usize + 1)
}

/// Reads the elements one by one; they gather behind the arguments.
struct UnpackSlow {
    from: i64,
    to: Option<i64>,
    at: i64,
}

impl UnpackSlow {
    fn run(self: Box<Self>, call: &mut Call<'_>) -> NativeResult {
        let list = call.arg(1);
        let key = Value::integer(self.at);
        call.index_then(list, key, self)
    }
}

impl Step for UnpackSlow {
    fn step<'gc>(mut self: Box<Self>, call: &mut Call<'gc>) -> NativeResult {
        let Some(to) = self.to else {
            let to = length_result(call)?;
            if self.from > to {
                return call.ret0();
            }
            check_unpack(call, self.from, to)?;
            self.to = Some(to);
            self.at = self.from;
            call.set_count(3);
            return self.run(call);
        };
        let value = call.result(1);
        if self.at == self.from {
            call.set_count(3);
        }
        let kept = call.count() + 1;
        call.reserve(2)?;
        call.set_count(kept);
        call.set_arg(kept, value);
        if self.at == to {
            return call.ret_args(4);
        }
        self.at += 1;
        self.run(call)
    }
}

/// `table.concat(list [, sep [, i [, j]]]) -> string`: joins `list[i]` to `list[j]`.
/// Shape: list of strings or numbers; `sep` default `""`, `i` default 1, `j` default `#list`; one result, `""` when
/// `i > j`.
/// Units: `i`, `j` are 1-based positions; lengths are bytes, never characters.
/// Errors: `invalid value (%s) at index %d in table for 'concat'`.
/// Source: manual §6.6.
fn concat(call: &mut Call<'_>) -> NativeResult {
    let list = check_list(call, 1, &[READ, LENGTH])?;
    let Some(table) = plain(call, list) else {
        let then: NativeFn = |call| {
            let len = length_result(call)?;
            Box::new(Joined::new(call, len)?).run(call)
        };
        return call.len_then(list, then);
    };
    let mut joined = Joined::new(call, table.raw_len())?;
    let mut at = joined.at;
    while at <= joined.to {
        let value = table.get_integer(at);
        joined.add(call, at, value)?;
        if at == i64::MAX {
            break;
        }
        at += 1;
    }
    let text = call.string(&joined.out)?;
    call.ret1(text)
}

struct Joined {
    out: Vec<u8>,
    separator: Vec<u8>,
    from: i64,
    at: i64,
    to: i64,
}

impl Joined {
    /// Takes the optional arguments.
    fn new(call: &mut Call<'_>, len: i64) -> Result<Joined, LuaError> {
        let separator = call.opt_string(2)?.map_or_else(Vec::new, |separator| separator.as_bytes().to_vec());
        let from = call.opt_integer(3, 1)?;
        let to = call.opt_integer(4, len)?;
        // Room for short items, to begin with.
        let items = to.saturating_sub(from).clamp(0, 1024) as usize;
        let out = Vec::with_capacity((items + 1) * (separator.len().min(16) + 16));
        Ok(Joined { out, separator, from, at: from, to })
    }

    fn add(&mut self, call: &mut Call<'_>, at: i64, value: Value<'_>) -> Result<(), LuaError> {
        if at != self.from {
            self.out.extend_from_slice(&self.separator);
        }
        if let Some(text) = value.as_str() {
            if self.out.capacity() - self.out.len() < text.len() {
                call.check_size(self.out.len() + text.len())?;
            }
            self.out.extend_from_slice(text.as_bytes());
        } else if let Some(number) = value.as_number() {
            number_text(number, &mut self.out);
        } else {
            return Err({
                let kind = value.type_name();
                call.error(format!("invalid value ({kind}) at index {at} in table for 'concat'"))
            });
        }
        Ok(())
    }

    fn run(self: Box<Self>, call: &mut Call<'_>) -> NativeResult {
        if self.at > self.to {
            let text = call.string(&self.out)?;
            return call.ret1(text);
        }
        let list = call.arg(1);
        let key = Value::integer(self.at);
        call.index_then(list, key, self)
    }
}

impl Step for Joined {
    fn step<'gc>(mut self: Box<Self>, call: &mut Call<'gc>) -> NativeResult {
        let value = call.result(1);
        let at = self.at;
        self.add(call, at, value)?;
        if at == i64::MAX {
            let text = call.string(&self.out)?;
            return call.ret1(text);
        }
        self.at += 1;
        self.run(call)
    }
}
