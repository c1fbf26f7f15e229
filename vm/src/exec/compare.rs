//! Comparisons with their jumps, and tests.

use super::{X, ops, slow};
use crate::bytecode::Instruction;
use crate::metamethod;
use crate::value::{FLOAT, INTEGER, LONG_STRING, Raw, TABLE, USERDATA};

#[inline(always)]
unsafe fn order(
    x: X,
    i: Instruction,
    int: impl Fn(i64, i64) -> bool,
    float: impl Fn(f64, f64) -> bool,
    or_equal: bool,
    expected: bool,
) -> X {
    // SAFETY: E1 to E4.
    unsafe {
        let (left, right) = (x.reg(i.a()), x.reg(i.b()));
        let holds = if left.tag == INTEGER && right.tag == INTEGER {
            int(left.as_integer(), right.as_integer())
        } else if left.tag == FLOAT && right.tag == FLOAT {
            float(left.as_float(), right.as_float())
        } else {
            return slow(x, |x| metamethod::less(x, i, left, right, or_equal, expected));
        };
        if holds == expected { x.jump(i) } else { x }
    }
}

/// Compares a register with an immediate; `swapped` when the instruction means `immediate < register`.
#[inline(always)]
unsafe fn order_immediate(
    x: X,
    i: Instruction,
    int: impl Fn(i64, i64) -> bool,
    float: impl Fn(f64, f64) -> bool,
    (or_equal, swapped, expected): (bool, bool, bool),
) -> X {
    // SAFETY: E1 to E4.
    unsafe {
        let left = x.reg(i.a());
        let holds = if left.tag == INTEGER {
            int(left.as_integer(), i.sb())
        } else if left.tag == FLOAT {
            float(left.as_float(), i.sb() as f64)
        } else {
            let immediate = Raw::integer(i.sb());
            return if swapped {
                slow(x, |x| metamethod::less(x, i, immediate, left, or_equal, expected))
            } else {
                slow(x, |x| metamethod::less(x, i, left, immediate, or_equal, expected))
            };
        };
        if holds == expected { x.jump(i) } else { x }
    }
}

#[inline(always)]
unsafe fn equality(x: X, i: Instruction, expected: bool) -> X {
    // SAFETY: E1 to E4.
    unsafe {
        let (left, right) = (x.reg(i.a()), x.reg(i.b()));
        let holds = if left.tag == right.tag && left.payload == right.payload && left.tag != FLOAT {
            true
        } else if left.tag == right.tag && (left.tag == TABLE || left.tag == USERDATA) {
            return slow(x, |x| metamethod::equal(x, i, left, right, expected));
        } else if left.tag == right.tag && left.tag != FLOAT && left.tag != LONG_STRING {
            // Nil and booleans have no payload to speak of; the rest differs by payload.
            left.tag < INTEGER
        } else {
            left.raw_equal(right)
        };
        if holds == expected { x.jump(i) } else { x }
    }
}

#[inline(always)]
unsafe fn equality_constant(x: X, i: Instruction, expected: bool) -> X {
    // SAFETY: E1 to E4.
    unsafe {
        let holds = x.reg(i.a()).raw_equal(x.constant(i.b()));
        if holds == expected { x.jump(i) } else { x }
    }
}

ops! {
    fn eq(x, i) { equality(x, i, true) }
    fn ne(x, i) { equality(x, i, false) }
    fn eq_k(x, i) { equality_constant(x, i, true) }
    fn ne_k(x, i) { equality_constant(x, i, false) }
    fn lt(x, i) { order(x, i, |a, b| a < b, |a, b| a < b, false, true) }
    fn not_lt(x, i) { order(x, i, |a, b| a < b, |a, b| a < b, false, false) }
    fn le(x, i) { order(x, i, |a, b| a <= b, |a, b| a <= b, true, true) }
    fn not_le(x, i) { order(x, i, |a, b| a <= b, |a, b| a <= b, true, false) }
    fn lt_i(x, i) { order_immediate(x, i, |a, b| a < b, |a, b| a < b, (false, false, true)) }
    fn not_lt_i(x, i) { order_immediate(x, i, |a, b| a < b, |a, b| a < b, (false, false, false)) }
    fn le_i(x, i) { order_immediate(x, i, |a, b| a <= b, |a, b| a <= b, (true, false, true)) }
    fn not_le_i(x, i) { order_immediate(x, i, |a, b| a <= b, |a, b| a <= b, (true, false, false)) }
    fn gt_i(x, i) { order_immediate(x, i, |a, b| a > b, |a, b| a > b, (false, true, true)) }
    fn not_gt_i(x, i) { order_immediate(x, i, |a, b| a > b, |a, b| a > b, (false, true, false)) }
    fn ge_i(x, i) { order_immediate(x, i, |a, b| a >= b, |a, b| a >= b, (true, true, true)) }
    fn not_ge_i(x, i) { order_immediate(x, i, |a, b| a >= b, |a, b| a >= b, (true, true, false)) }
    fn test_t(x, i) { if x.reg(i.a()).is_falsy() { x } else { x.jump(i) } }
    fn test_f(x, i) { if x.reg(i.a()).is_falsy() { x.jump(i) } else { x } }
    fn test_set_t(x, i) {
        let value = x.reg(i.b());
        if value.is_falsy() {
            return x;
        }
        x.set(i.a(), value);
        x.jump(i)
    }
    fn test_set_f(x, i) {
        let value = x.reg(i.b());
        if !value.is_falsy() {
            return x;
        }
        x.set(i.a(), value);
        x.jump(i)
    }
}
