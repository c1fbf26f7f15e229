//! Arithmetic and bitwise opcodes: integer and float fast paths; the rest is `metamethod::arith`.

use super::{X, ops, slow};
use crate::bytecode::{ARITH_FLIPPED, ARITH_SUBTRACT, Instruction, Op, Operand};
use crate::metamethod;
use crate::number::{self, ArithOp};
use crate::value::{FLOAT, INTEGER, Raw};

/// One integer and one float, as two floats.
#[inline(always)]
fn mixed(left: Raw, right: Raw) -> Option<(f64, f64)> {
    match (left.tag, right.tag) {
        (FLOAT, INTEGER) => Some((left.as_float(), right.as_integer() as f64)),
        (INTEGER, FLOAT) => Some((left.as_integer() as f64, right.as_float())),
        _ => None,
    }
}

/// Integers wrap, two floats or a mix of both compute in floats.
#[inline(always)]
unsafe fn int_or_float(
    x: X,
    i: Instruction,
    left: Raw,
    right: Raw,
    int: impl Fn(i64, i64) -> i64,
    float: impl Fn(f64, f64) -> f64,
) -> X {
    // SAFETY: E1 to E4.
    unsafe {
        if left.tag == INTEGER && right.tag == INTEGER {
            x.set(i.a(), Raw::integer(int(left.as_integer(), right.as_integer())));
            return x;
        }
        if left.tag == FLOAT && right.tag == FLOAT {
            x.set(i.a(), Raw::float(float(left.as_float(), right.as_float())));
            return x;
        }
        if let Some((left, right)) = mixed(left, right) {
            x.set(i.a(), Raw::float(float(left, right)));
            return x;
        }
        slow(x, |x, i| other(x, i))
    }
}

/// Always computes in floats.
#[inline(always)]
unsafe fn float_only(x: X, i: Instruction, left: Raw, right: Raw, float: impl Fn(f64, f64) -> f64) -> X {
    // SAFETY: E1 to E4.
    unsafe {
        if left.tag == FLOAT && right.tag == FLOAT {
            x.set(i.a(), Raw::float(float(left.as_float(), right.as_float())));
            return x;
        }
        if left.tag == INTEGER && right.tag == INTEGER {
            x.set(i.a(), Raw::float(float(left.as_integer() as f64, right.as_integer() as f64)));
            return x;
        }
        if let Some((left, right)) = mixed(left, right) {
            x.set(i.a(), Raw::float(float(left, right)));
            return x;
        }
        slow(x, |x, i| other(x, i))
    }
}

/// Integers with a divisor that is not zero; floats.
#[inline(always)]
unsafe fn division(
    x: X,
    i: Instruction,
    left: Raw,
    right: Raw,
    int: impl Fn(i64, i64) -> i64,
    float: impl Fn(f64, f64) -> f64,
) -> X {
    // SAFETY: E1 to E4.
    unsafe {
        if left.tag == INTEGER && right.tag == INTEGER && right.payload != 0 {
            x.set(i.a(), Raw::integer(int(left.as_integer(), right.as_integer())));
            return x;
        }
        if left.tag == FLOAT && right.tag == FLOAT {
            x.set(i.a(), Raw::float(float(left.as_float(), right.as_float())));
            return x;
        }
        slow(x, |x, i| other(x, i))
    }
}

#[inline(always)]
unsafe fn bitwise(x: X, i: Instruction, left: Raw, right: Raw, int: impl Fn(i64, i64) -> i64) -> X {
    // SAFETY: E1 to E4.
    unsafe {
        if left.tag == INTEGER && right.tag == INTEGER {
            x.set(i.a(), Raw::integer(int(left.as_integer(), right.as_integer())));
            return x;
        }
        slow(x, |x, i| other(x, i))
    }
}

/// Mixed numbers, strings, metamethods, errors. Only here is the order of the operands in the source looked at.
unsafe fn other(x: X, i: Instruction) -> X {
    // SAFETY: E1 to E4.
    unsafe {
        let (op, is_constant) = operation(i.op());
        let left = x.reg(i.b());
        let right = if is_constant { x.constant(i.c()) } else { x.reg(i.c()) };
        let has_flags = i.op().has(Operand::flags);
        if has_flags && i.d() as u16 & ARITH_FLIPPED != 0 {
            metamethod::arith(x, i, op, right, left)
        } else {
            metamethod::arith(x, i, op, left, right)
        }
    }
}

/// What an opcode with two operands computes, and whether the second one is a constant.
fn operation(op: Op) -> (ArithOp, bool) {
    match op {
        Op::Add => (ArithOp::Add, false),
        Op::Sub => (ArithOp::Sub, false),
        Op::Mul => (ArithOp::Mul, false),
        Op::Mod => (ArithOp::Mod, false),
        Op::Pow => (ArithOp::Pow, false),
        Op::Div => (ArithOp::Div, false),
        Op::IDiv => (ArithOp::IDiv, false),
        Op::BAnd => (ArithOp::BAnd, false),
        Op::BOr => (ArithOp::BOr, false),
        Op::BXor => (ArithOp::BXor, false),
        Op::Shl => (ArithOp::Shl, false),
        Op::Shr => (ArithOp::Shr, false),
        Op::AddK => (ArithOp::Add, true),
        Op::SubK => (ArithOp::Sub, true),
        Op::MulK => (ArithOp::Mul, true),
        Op::ModK => (ArithOp::Mod, true),
        Op::PowK => (ArithOp::Pow, true),
        Op::DivK => (ArithOp::Div, true),
        Op::IDivK => (ArithOp::IDiv, true),
        Op::BAndK => (ArithOp::BAnd, true),
        Op::BOrK => (ArithOp::BOr, true),
        Op::BXorK => (ArithOp::BXor, true),
        Op::ShlK => (ArithOp::Shl, true),
        Op::ShrK => (ArithOp::Shr, true),
        _ => unreachable!("only arithmetic comes here"),
    }
}

ops! {
    fn add_i(x, i) {
        let left = x.reg(i.b());
        if left.tag == INTEGER {
            x.set(i.a(), Raw::integer(left.as_integer().wrapping_add(i.sc())));
            return x;
        }
        if left.tag == FLOAT {
            x.set(i.a(), Raw::float(left.as_float() + i.sc() as f64));
            return x;
        }
        slow(x, |x, i| add_i_slow(x, i))
    }
    fn add_k(x, i) {
        int_or_float(x, i, x.reg(i.b()), x.constant(i.c()), i64::wrapping_add, |a, b| a + b)
    }
    fn sub_k(x, i) {
        int_or_float(x, i, x.reg(i.b()), x.constant(i.c()), i64::wrapping_sub, |a, b| a - b)
    }
    fn mul_k(x, i) {
        int_or_float(x, i, x.reg(i.b()), x.constant(i.c()), i64::wrapping_mul, |a, b| a * b)
    }
    fn mod_k(x, i) {
        division(x, i, x.reg(i.b()), x.constant(i.c()), number::int_mod, number::float_mod)
    }
    fn pow_k(x, i) { float_only(x, i, x.reg(i.b()), x.constant(i.c()), number::pow) }
    fn div_k(x, i) { float_only(x, i, x.reg(i.b()), x.constant(i.c()), |a, b| a / b) }
    fn idiv_k(x, i) {
        division(x, i, x.reg(i.b()), x.constant(i.c()), number::int_floor_div, number::float_floor_div)
    }
    fn band_k(x, i) { bitwise(x, i, x.reg(i.b()), x.constant(i.c()), |a, b| a & b) }
    fn bor_k(x, i) { bitwise(x, i, x.reg(i.b()), x.constant(i.c()), |a, b| a | b) }
    fn bxor_k(x, i) { bitwise(x, i, x.reg(i.b()), x.constant(i.c()), |a, b| a ^ b) }
    fn shl_k(x, i) { bitwise(x, i, x.reg(i.b()), x.constant(i.c()), number::shift_left) }
    fn shr_k(x, i) { bitwise(x, i, x.reg(i.b()), x.constant(i.c()), number::shift_right) }
    fn add(x, i) {
        int_or_float(x, i, x.reg(i.b()), x.reg(i.c()), i64::wrapping_add, |a, b| a + b)
    }
    fn sub(x, i) {
        int_or_float(x, i, x.reg(i.b()), x.reg(i.c()), i64::wrapping_sub, |a, b| a - b)
    }
    fn mul(x, i) {
        int_or_float(x, i, x.reg(i.b()), x.reg(i.c()), i64::wrapping_mul, |a, b| a * b)
    }
    fn modulo(x, i) {
        division(x, i, x.reg(i.b()), x.reg(i.c()), number::int_mod, number::float_mod)
    }
    fn pow(x, i) { float_only(x, i, x.reg(i.b()), x.reg(i.c()), number::pow) }
    fn div(x, i) { float_only(x, i, x.reg(i.b()), x.reg(i.c()), |a, b| a / b) }
    fn idiv(x, i) {
        division(x, i, x.reg(i.b()), x.reg(i.c()), number::int_floor_div, number::float_floor_div)
    }
    fn band(x, i) { bitwise(x, i, x.reg(i.b()), x.reg(i.c()), |a, b| a & b) }
    fn bor(x, i) { bitwise(x, i, x.reg(i.b()), x.reg(i.c()), |a, b| a | b) }
    fn bxor(x, i) { bitwise(x, i, x.reg(i.b()), x.reg(i.c()), |a, b| a ^ b) }
    fn shl(x, i) { bitwise(x, i, x.reg(i.b()), x.reg(i.c()), number::shift_left) }
    fn shr(x, i) { bitwise(x, i, x.reg(i.b()), x.reg(i.c()), number::shift_right) }
    fn unm(x, i) {
        let value = x.reg(i.b());
        match value.tag {
            INTEGER => x.set(i.a(), Raw::integer(value.as_integer().wrapping_neg())),
            FLOAT => x.set(i.a(), Raw::float(-value.as_float())),
            _ => return slow(x, |x, i| metamethod::arith(x, i, ArithOp::Unm, x.reg(i.b()), x.reg(i.b()))),
        }
        x
    }
    fn bnot(x, i) {
        let value = x.reg(i.b());
        if value.tag == INTEGER {
            x.set(i.a(), Raw::integer(!value.as_integer()));
            return x;
        }
        slow(x, |x, i| metamethod::arith(x, i, ArithOp::BNot, x.reg(i.b()), x.reg(i.b())))
    }
    fn not(x, i) {
        x.set(i.a(), Raw::boolean(x.reg(i.b()).is_falsy()));
        x
    }
}

/// `AddI` on something that is no number: the source's operation and operand order come back.
unsafe fn add_i_slow(x: X, i: Instruction) -> X {
    // SAFETY: E1 to E4.
    unsafe {
        let left = x.reg(i.b());
        let flags = i.d() as u16;
        if flags & ARITH_SUBTRACT != 0 {
            metamethod::arith(x, i, ArithOp::Sub, left, Raw::integer(-i.sc()))
        } else if flags & ARITH_FLIPPED != 0 {
            metamethod::arith(x, i, ArithOp::Add, Raw::integer(i.sc()), left)
        } else {
            metamethod::arith(x, i, ArithOp::Add, left, Raw::integer(i.sc()))
        }
    }
}
