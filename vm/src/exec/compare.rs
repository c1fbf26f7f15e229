//! Comparisons with their jumps, and tests.

use super::{X, ops, slow};
use crate::bytecode::Instruction;
use crate::metamethod;
use crate::value::{FLOAT, INTEGER, LONG_STRING, Raw, TABLE, USERDATA};

#[inline(always)]
unsafe fn order<const OR_EQUAL: bool, const EXPECTED: bool>(
    x: X,
    i: Instruction,
    int: impl Fn(i64, i64) -> bool,
    float: impl Fn(f64, f64) -> bool,
) -> X {
    // SAFETY: E1 to E4.
    unsafe {
        let (left, right) = (x.reg(i.a()), x.reg(i.b()));
        let holds = if left.tag == INTEGER && right.tag == INTEGER {
            int(left.as_integer(), right.as_integer())
        } else if left.tag == FLOAT && right.tag == FLOAT {
            float(left.as_float(), right.as_float())
        } else {
            return slow(x, |x, i| metamethod::less(x, i, x.reg(i.a()), x.reg(i.b()), OR_EQUAL, EXPECTED));
        };
        if holds == EXPECTED { x.jump(i) } else { x }
    }
}

/// Compares a register with an immediate; swapped when the instruction means `immediate < register`.
#[inline(always)]
unsafe fn order_immediate<const OR_EQUAL: bool, const SWAPPED: bool, const EXPECTED: bool>(
    x: X,
    i: Instruction,
    int: impl Fn(i64, i64) -> bool,
    float: impl Fn(f64, f64) -> bool,
) -> X {
    // SAFETY: E1 to E4.
    unsafe {
        let left = x.reg(i.a());
        let holds = if left.tag == INTEGER {
            int(left.as_integer(), i.sb())
        } else if left.tag == FLOAT {
            float(left.as_float(), i.sb() as f64)
        } else {
            return slow(x, |x, i| {
                let (left, immediate) = (x.reg(i.a()), Raw::integer(i.sb()));
                let (left, right) = if SWAPPED { (immediate, left) } else { (left, immediate) };
                metamethod::less(x, i, left, right, OR_EQUAL, EXPECTED)
            });
        };
        if holds == EXPECTED { x.jump(i) } else { x }
    }
}

#[inline(always)]
unsafe fn equality<const EXPECTED: bool>(x: X, i: Instruction) -> X {
    // SAFETY: E1 to E4.
    unsafe {
        let (left, right) = (x.reg(i.a()), x.reg(i.b()));
        let holds = if left.tag == right.tag && left.payload == right.payload && left.tag != FLOAT {
            true
        } else if left.tag == right.tag && (left.tag == TABLE || left.tag == USERDATA) {
            return slow(x, |x, i| metamethod::equal(x, i, x.reg(i.a()), x.reg(i.b()), EXPECTED));
        } else if left.tag == right.tag && left.tag != FLOAT && left.tag != LONG_STRING {
            // Nil and booleans have no payload to speak of; the rest differs by payload.
            left.tag < INTEGER
        } else {
            left.raw_equal(right)
        };
        if holds == EXPECTED { x.jump(i) } else { x }
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
    fn eq(x, i) { equality::<true>(x, i) }
    fn ne(x, i) { equality::<false>(x, i) }
    fn eq_k(x, i) { equality_constant(x, i, true) }
    fn ne_k(x, i) { equality_constant(x, i, false) }
    fn lt(x, i) { order::<false, true>(x, i, |a, b| a < b, |a, b| a < b) }
    fn not_lt(x, i) { order::<false, false>(x, i, |a, b| a < b, |a, b| a < b) }
    fn le(x, i) { order::<true, true>(x, i, |a, b| a <= b, |a, b| a <= b) }
    fn not_le(x, i) { order::<true, false>(x, i, |a, b| a <= b, |a, b| a <= b) }
    fn lt_i(x, i) { order_immediate::<false, false, true>(x, i, |a, b| a < b, |a, b| a < b) }
    fn not_lt_i(x, i) { order_immediate::<false, false, false>(x, i, |a, b| a < b, |a, b| a < b) }
    fn le_i(x, i) { order_immediate::<true, false, true>(x, i, |a, b| a <= b, |a, b| a <= b) }
    fn not_le_i(x, i) { order_immediate::<true, false, false>(x, i, |a, b| a <= b, |a, b| a <= b) }
    fn gt_i(x, i) { order_immediate::<false, true, true>(x, i, |a, b| a > b, |a, b| a > b) }
    fn not_gt_i(x, i) { order_immediate::<false, true, false>(x, i, |a, b| a > b, |a, b| a > b) }
    fn ge_i(x, i) { order_immediate::<true, true, true>(x, i, |a, b| a >= b, |a, b| a >= b) }
    fn not_ge_i(x, i) { order_immediate::<true, true, false>(x, i, |a, b| a >= b, |a, b| a >= b) }
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
