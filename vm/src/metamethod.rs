//! The slow paths of instructions: metamethods, coercions, and the errors when neither helps.
//!
//! Each function here starts with the frame's `pc` saved, and ends by storing the result and going on, by entering a
//! metamethod (the instruction is finished by [`crate::call::finish_instruction`] when that returns), or by throwing.

use crate::bytecode::{Instruction, Op};
use crate::call::{self, call_metamethod};
use crate::debug::{self, Operand};
use crate::exec::X;
use crate::number::{self, ArithError, ArithOp, Number};
use crate::state::{Event, Global, string_work};
use crate::string::{self, Str};
use crate::table::{self, KeyError, Table};
use crate::value::{self, FLOAT, INTEGER, Raw, TABLE, USERDATA};
use std::cmp::Ordering;

/// Longest chain of `__index` or `__newindex` tables.
const CHAIN_LEN_MAX: usize = 2000;

/// What a lookup along `__index` comes to.
pub(crate) enum Found {
    Value(Raw),
    /// A function to be called with `object` and the key.
    Call {
        function: Raw,
        object: Raw,
    },
    /// `object` can't be indexed; whether it is the first of the chain.
    NotIndexable {
        object: Raw,
        first: bool,
    },
    TooLong,
}

/// Looks a key up along `__index` tables.
///
/// # Safety
/// Object and key are alive; as for all functions here.
pub(crate) unsafe fn lookup(global: &Global, object: Raw, key: Raw) -> Found {
    // SAFETY: values reached from live ones are alive.
    unsafe {
        let mut at = object;
        for step in 0..CHAIN_LEN_MAX {
            let handler = if at.tag == TABLE {
                let found = value::read(Table::get(at.as_ptr(), key, global.heap.interned.seed));
                if !found.is_nil() {
                    return Found::Value(found);
                }
                let handler = global.fast_event((*at.as_ptr::<Table>()).metatable, Event::Index);
                if handler.is_nil() {
                    return Found::Value(Raw::NIL);
                }
                handler
            } else {
                let handler = global.metamethod(at, Event::Index);
                if handler.is_nil() {
                    return Found::NotIndexable { object: at, first: step == 0 };
                }
                handler
            };
            if handler.is_function() {
                return Found::Call { function: handler, object: at };
            }
            at = handler;
        }
        Found::TooLong
    }
}

/// `R[A] := object[key]` for everything the fast paths leave.
#[inline(never)]
pub(crate) unsafe fn index(x: X, i: Instruction, object: Raw, key: Raw, operand: Operand) -> X {
    // SAFETY: the caller's contract.
    unsafe {
        x.save();
        match lookup(x.global(), object, key) {
            Found::Value(found) => {
                x.set(i.a(), found);
                x
            }
            Found::Call { function, object } => call_metamethod(x.co, function, &[object, key]),
            Found::NotIndexable { object, first } => {
                let operand = if first { operand } else { Operand::None };
                call::throw_type_error(x.co, object, "index", operand)
            }
            Found::TooLong => call::throw_message(x.co, b"'__index' chain too long; possible loop"),
        }
    }
}

/// What a store along `__newindex` comes to.
pub(crate) enum Stored {
    Done,
    Call { function: Raw, object: Raw },
    NotIndexable { object: Raw, first: bool },
    Key(KeyError),
    TooLong,
}

/// Stores along `__newindex` tables.
///
/// # Safety
/// Object, key and value are alive.
pub(crate) unsafe fn store(global: &mut Global, object: Raw, key: Raw, value: Raw) -> Stored {
    // SAFETY: values reached from live ones are alive.
    unsafe {
        let mut at = object;
        for step in 0..CHAIN_LEN_MAX {
            let handler = if at.tag == TABLE {
                let table = at.as_ptr::<Table>();
                let slot = Table::get(table, key, global.heap.interned.seed);
                let handler = if value::read(slot).is_nil() {
                    global.fast_event((*table).metatable, Event::NewIndex)
                } else {
                    Raw::NIL
                };
                if handler.is_nil() {
                    if slot != table::absent() {
                        value::write(slot, value);
                        (*table).absent = 0;
                        global.heap.barrier_back(table, value);
                        return Stored::Done;
                    }
                    return match global.heap.table_set(table, key, value) {
                        Ok(()) => Stored::Done,
                        Err(error) => Stored::Key(error),
                    };
                }
                handler
            } else {
                let handler = global.metamethod(at, Event::NewIndex);
                if handler.is_nil() {
                    return Stored::NotIndexable { object: at, first: step == 0 };
                }
                handler
            };
            if handler.is_function() {
                return Stored::Call { function: handler, object: at };
            }
            at = handler;
        }
        Stored::TooLong
    }
}

/// `object[key] := value` for everything the fast paths leave.
#[inline(never)]
pub(crate) unsafe fn set_index(x: X, object: Raw, key: Raw, value: Raw, operand: Operand) -> X {
    // SAFETY: the caller's contract.
    unsafe {
        x.save();
        match store(x.global(), object, key, value) {
            // A store makes no garbage but may grow a table, so memory is looked at here.
            Stored::Done => call::check_memory(x),
            Stored::Call { function, object } => call_metamethod(x.co, function, &[object, key, value]),
            Stored::NotIndexable { object, first } => {
                let operand = if first { operand } else { Operand::None };
                call::throw_type_error(x.co, object, "index", operand)
            }
            Stored::Key(error) => call::throw_key_error(x.co, error),
            Stored::TooLong => call::throw_message(x.co, b"'__newindex' chain too long; possible loop"),
        }
    }
}

/// Arithmetic event of an operation. ORDER: `ArithOp`, `Event`.
pub(crate) fn arith_event(op: ArithOp) -> Event {
    match op {
        ArithOp::Add => Event::Add,
        ArithOp::Sub => Event::Sub,
        ArithOp::Mul => Event::Mul,
        ArithOp::Mod => Event::Mod,
        ArithOp::Pow => Event::Pow,
        ArithOp::Div => Event::Div,
        ArithOp::IDiv => Event::IDiv,
        ArithOp::BAnd => Event::BAnd,
        ArithOp::BOr => Event::BOr,
        ArithOp::BXor => Event::BXor,
        ArithOp::Shl => Event::Shl,
        ArithOp::Shr => Event::Shr,
        ArithOp::Unm => Event::Unm,
        ArithOp::BNot => Event::BNot,
    }
}

/// Whether the operation works on integers only.
pub(crate) fn is_bitwise(op: ArithOp) -> bool {
    matches!(op, ArithOp::BAnd | ArithOp::BOr | ArithOp::BXor | ArithOp::Shl | ArithOp::Shr | ArithOp::BNot)
}

/// The result of an operation when no metamethod is needed.
pub(crate) fn raw_arith(op: ArithOp, left: Raw, right: Raw) -> Option<Result<Raw, ArithError>> {
    Some(number::arith(op, left.as_number()?, right.as_number()?).map(Raw::number))
}

/// A number, or the number a string spells.
///
/// # Safety
/// `value` is alive.
pub(crate) unsafe fn coerce_number(value: Raw) -> Option<Number> {
    if value.is_string() {
        // SAFETY: V1.
        number::parse_number(unsafe { Str::bytes(value.as_ptr()) })
    } else {
        value.as_number()
    }
}

/// `R[A] := left op right` for everything the fast paths leave.
#[inline(never)]
pub(crate) unsafe fn arith(x: X, i: Instruction, op: ArithOp, left: Raw, right: Raw) -> X {
    // SAFETY: the caller's contract.
    unsafe {
        x.save();
        match raw_arith(op, left, right) {
            Some(Ok(value)) => {
                x.set(i.a(), value);
                return x;
            }
            Some(Err(error)) => return throw_arith(x, error, left, right),
            None => {}
        }
        let event = arith_event(op);
        let mut handler = x.global().metamethod(left, event);
        if handler.is_nil() {
            handler = x.global().metamethod(right, event);
        }
        if !handler.is_nil() {
            return call_metamethod(x.co, handler, &[left, right]);
        }
        let (culprit, first, what) = arith_culprit(op, left, right);
        call::throw_type_error(x.co, culprit, what, debug::arith_operand(i, first))
    }
}

/// The operand at fault, whether it is the first, and what was attempted with it.
pub(crate) fn arith_culprit(op: ArithOp, left: Raw, right: Raw) -> (Raw, bool, &'static str) {
    let what = if is_bitwise(op) { "perform bitwise operation on" } else { "perform arithmetic on" };
    if left.is_number() { (right, false, what) } else { (left, true, what) }
}

unsafe fn throw_arith(x: X, error: ArithError, left: Raw, right: Raw) -> X {
    // SAFETY: the caller's contract.
    unsafe {
        match error {
            ArithError::DivideByZero => call::throw_message(x.co, b"attempt to divide by zero"),
            ArithError::ModuloByZero => call::throw_message(x.co, b"attempt to perform 'n%0'"),
            ArithError::NoInteger => {
                let first_is_bad = left.tag == FLOAT && number::float_to_integer(left.as_float()).is_none();
                let culprit = if first_is_bad { left } else { right };
                let instruction = *(*(*x.co).frame).pc.sub(1);
                let name = debug::operand_name(x.co, debug::arith_operand(instruction, first_is_bad), culprit);
                call::throw_message(x.co, &[b"number", &name[..], b" has no integer representation"].concat())
            }
        }
    }
}

/// Order of two numbers or two strings: `None` for others, `Some(None)` with a NaN.
pub(crate) unsafe fn raw_order(left: Raw, right: Raw) -> Option<Option<Ordering>> {
    match (left.tag, right.tag) {
        (INTEGER, INTEGER) => Some(Some(left.as_integer().cmp(&right.as_integer()))),
        (FLOAT, FLOAT) => Some(left.as_float().partial_cmp(&right.as_float())),
        (INTEGER, FLOAT) => Some(order_mixed(left.as_integer(), right.as_float())),
        (FLOAT, INTEGER) => Some(order_mixed(right.as_integer(), left.as_float()).map(Ordering::reverse)),
        _ if left.is_string() && right.is_string() => {
            // SAFETY: V1.
            unsafe { Some(Some(Str::bytes(left.as_ptr()).cmp(Str::bytes(right.as_ptr())))) }
        }
        _ => None,
    }
}

fn order_mixed(left: i64, right: f64) -> Option<Ordering> {
    if right.is_nan() {
        None
    } else if number::int_lt_float(left, right) {
        Some(Ordering::Less)
    } else if number::int_le_float(left, right) {
        Some(Ordering::Equal)
    } else {
        Some(Ordering::Greater)
    }
}

/// A comparison instruction whose operands are no numbers of one kind: jumps if `left < right` (or `<=`) is `expected`.
#[inline(never)]
pub(crate) unsafe fn less(x: X, i: Instruction, left: Raw, right: Raw, or_equal: bool, expected: bool) -> X {
    // SAFETY: the caller's contract.
    unsafe {
        x.save();
        if let Some(order) = raw_order(left, right) {
            let holds = match order {
                Some(Ordering::Less) => true,
                Some(Ordering::Equal) => or_equal,
                _ => false,
            };
            return if holds == expected { x.jump(i) } else { x };
        }
        let event = if or_equal { Event::Le } else { Event::Lt };
        (*(*x.co).frame).saved = 0;
        if let Some(handler) = binary_handler(x.global(), left, right, event) {
            return call_metamethod(x.co, handler, &[left, right]);
        }
        // Kept for older programs, as in the reference's default build: `a <= b` is `not (b < a)`.
        match binary_handler(x.global(), right, left, Event::Lt) {
            Some(handler) if or_equal => {
                (*(*x.co).frame).saved = SWAPPED;
                call_metamethod(x.co, handler, &[right, left])
            }
            _ => throw_compare_error(x.co, left, right),
        }
    }
}

/// The metamethod of the first operand that has one.
pub(crate) unsafe fn binary_handler(global: &Global, left: Raw, right: Raw, event: Event) -> Option<Raw> {
    // SAFETY: the caller has live values.
    unsafe {
        let handler = global.metamethod(left, event);
        let handler = if handler.is_nil() { global.metamethod(right, event) } else { handler };
        if handler.is_nil() { None } else { Some(handler) }
    }
}

/// `attempt to compare ...`
pub(crate) unsafe fn throw_compare_error(co: *mut crate::stack::Coroutine, left: Raw, right: Raw) -> X {
    // SAFETY: the caller has live values.
    unsafe {
        let message = compare_message(&*(*co).global, left, right);
        call::throw_message(co, &message)
    }
}

/// The text for operands that have no order.
pub(crate) unsafe fn compare_message(global: &Global, left: Raw, right: Raw) -> Vec<u8> {
    // SAFETY: the caller has live values.
    unsafe {
        let (left, right) = (global.type_name_of(left), global.type_name_of(right));
        if left == right {
            [b"attempt to compare two ", &left[..], b" values"].concat()
        } else {
            [b"attempt to compare ", &left[..], b" with ", &right[..]].concat()
        }
    }
}

/// The `__eq` metamethod two different objects share, if any.
pub(crate) unsafe fn equal_handler(global: &Global, left: Raw, right: Raw) -> Option<Raw> {
    if left.tag != right.tag || !matches!(left.tag, TABLE | USERDATA) {
        return None;
    }
    // SAFETY: the caller has live values.
    unsafe {
        let mut handler = global.fast_event(global.metatable(left), Event::Eq);
        if handler.is_nil() {
            handler = global.fast_event(global.metatable(right), Event::Eq);
        }
        if handler.is_nil() { None } else { Some(handler) }
    }
}

/// An equality instruction whose operands are not primitively equal objects: jumps if equality is `expected`.
#[inline(never)]
pub(crate) unsafe fn equal(x: X, i: Instruction, left: Raw, right: Raw, expected: bool) -> X {
    // SAFETY: the caller's contract.
    unsafe {
        x.save();
        match equal_handler(x.global(), left, right) {
            Some(handler) => call_metamethod(x.co, handler, &[left, right]),
            None if !expected => x.jump(i),
            None => x,
        }
    }
}

/// `R[A] := #value` for everything the fast path leaves.
#[inline(never)]
pub(crate) unsafe fn len(x: X, i: Instruction, value: Raw) -> X {
    // SAFETY: the caller's contract.
    unsafe {
        x.save();
        if value.is_string() {
            x.set(i.a(), Raw::integer(Str::len(value.as_ptr()) as i64));
            return x;
        }
        let handler = if value.tag == TABLE {
            let handler = x.global().fast_event((*value.as_ptr::<Table>()).metatable, Event::Len);
            if handler.is_nil() {
                x.set(i.a(), Raw::integer(Table::len(value.as_ptr())));
                return x;
            }
            handler
        } else {
            x.global().metamethod(value, Event::Len)
        };
        if handler.is_nil() {
            return call::throw_type_error(x.co, value, "get length of", Operand::Register(i.b()));
        }
        call_metamethod(x.co, handler, &[value, value])
    }
}

/// The text of a number or string, in `buffer` when it is a number.
unsafe fn piece(value: Raw, buffer: &mut Vec<u8>) -> Option<&[u8]> {
    match value.tag {
        INTEGER => number::format_integer(value.as_integer(), buffer),
        FLOAT => number::format_float(value.as_float(), buffer),
        // SAFETY: V1; the bytes outlive the concatenation.
        _ if value.is_string() => return Some(unsafe { Str::bytes(value.as_ptr()) }),
        _ => return None,
    }
    Some(buffer)
}

/// Concatenates the last `count` of the values from R[A] on, right to left, down to one in R[A].
#[inline(never)]
pub(crate) unsafe fn concat(x: X, a: usize, count: usize) -> X {
    // SAFETY: the caller's contract; the operands are temporaries that nobody else looks at.
    unsafe {
        x.save();
        let mut count = count;
        while count > 1 {
            let first = x.base.add(a);
            let text = |idx: usize| {
                let value = value::read(first.add(idx));
                value.is_string() || value.is_number()
            };
            if !text(count - 1) || !text(count - 2) {
                let (left, right) = (*first.add(count - 2), *first.add(count - 1));
                let Some(handler) = binary_handler(x.global(), left, right, Event::Concat) else {
                    let left_is_bad = !(left.is_string() || left.is_number());
                    let (culprit, idx) = if left_is_bad { (left, count - 2) } else { (right, count - 1) };
                    return call::throw_type_error(x.co, culprit, "concatenate", Operand::Register(a + idx));
                };
                (*(*x.co).frame).saved = count as u32;
                return call_metamethod(x.co, handler, &[left, right]);
            }
            let mut start = count - 2;
            while start > 0 && text(start - 1) {
                start -= 1;
            }
            match join(x.global(), std::slice::from_raw_parts(first.add(start), count - start)) {
                Ok(value) => value::write(first.add(start), value),
                Err(()) => return call::throw_memory(x.co),
            }
            count = start + 1;
        }
        call::safe_point(x, x.base.add(a + 1))
    }
}

/// One string from several values that are strings or numbers.
pub(crate) unsafe fn join(global: &mut Global, values: &[Raw]) -> Result<Raw, ()> {
    // SAFETY: the caller has live values.
    unsafe {
        let mut total = 0usize;
        let mut texts: smallvec::SmallVec<[Vec<u8>; 4]> = smallvec::SmallVec::new();
        for &value in values {
            if value.is_string() {
                total = total.saturating_add(Str::len(value.as_ptr()));
            } else {
                let mut text = Vec::new();
                total += piece(value, &mut text).map_or(0, <[u8]>::len);
                texts.push(text);
            }
        }
        let mut texts = texts.iter();
        let mut pieces = values.iter().map(|&value| {
            if value.is_string() { Str::bytes(value.as_ptr()) } else { texts.next().map_or(&[][..], Vec::as_slice) }
        });
        if total <= string::SHORT_LEN_MAX {
            let mut buffer = [0u8; string::SHORT_LEN_MAX];
            let mut len = 0;
            for piece in pieces {
                buffer[len..len + piece.len()].copy_from_slice(piece);
                len += piece.len();
            }
            let string = global.heap.short_string(&buffer[..len]).map_err(|_| ())?;
            return Ok(Str::value(string));
        }
        global.budget -= string_work(total);
        let string = global.heap.blank_string(total).map_err(|_| ())?;
        let mut at = string.cast::<u8>().add(string::DATA_OFFSET);
        for piece in &mut pieces {
            std::ptr::copy_nonoverlapping(piece.as_ptr(), at, piece.len());
            at = at.add(piece.len());
        }
        Ok(Str::value(string))
    }
}

/// In the frame of an instruction that asks for `<=`, that it called `__lt` the other way round.
pub(crate) const SWAPPED: u32 = 1;

/// Whether an instruction asks for `<=`.
pub(crate) fn is_or_equal(op: Op) -> bool {
    matches!(op, Op::Le | Op::NotLe | Op::LeI | Op::NotLeI | Op::GeI | Op::NotGeI)
}

/// Whether an instruction is one of the comparisons, and then on which outcome it jumps.
pub(crate) fn comparison_outcome(op: Op) -> Option<bool> {
    match op {
        Op::Eq | Op::Lt | Op::Le | Op::LtI | Op::LeI | Op::GtI | Op::GeI => Some(true),
        Op::Ne | Op::NotLt | Op::NotLe | Op::NotLtI | Op::NotLeI | Op::NotGtI | Op::NotGeI => Some(false),
        _ => None,
    }
}
