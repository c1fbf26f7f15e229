//! The library `bit`, which scripts of older times use for lack of operators.
//!
//! Numbers are cast to 64-bit integers as C does, fractions cut off. Results are integers: the original handed back
//! floats, which lose what lies beyond 53 bits.

use perilune_vm::{Call, LuaError, NativeFn, NativeResult, Table, Value};

/// The library's table.
pub(crate) fn open<'gc>(call: &mut Call<'gc>) -> Result<Table<'gc>, LuaError> {
    let library = call.table(0, 8)?;
    let functions: [(&str, NativeFn); 8] = [
        ("arshift", |call| shift(call, |a, n| if n < 0 { left(a, n.saturating_neg()) } else { a >> n.min(63) })),
        ("band", |call| fold(call, |a, b| a & b)),
        ("bnot", |call| {
            let value = integer(call, 1)?;
            call.ret1(!value)
        }),
        ("bor", |call| fold(call, |a, b| a | b)),
        ("bxor", |call| fold(call, |a, b| a ^ b)),
        ("lshift", |call| shift(call, left)),
        ("mod", modulo),
        ("rshift", |call| shift(call, |a, n| left(a, n.saturating_neg()))),
    ];
    for (name, function) in functions {
        library.set_str(call, name.as_bytes(), Value::native(function))?;
    }
    Ok(library)
}

/// A number as C casts it.
fn integer(call: &mut Call<'_>, pos: usize) -> Result<i64, LuaError> {
    match call.arg(pos).to_integer() {
        Some(value) => Ok(value),
        None => call.check_number(pos).map(|value| value as i64),
    }
}

/// Logical shift to the left, to the right when negative; beyond 63 nothing is left.
fn left(value: i64, count: i64) -> i64 {
    let bits = value as u64;
    match count {
        0..=63 => (bits << count) as i64,
        -63..=-1 => (bits >> -count) as i64,
        _ => 0,
    }
}

fn shift(call: &mut Call<'_>, shift: impl Fn(i64, i64) -> i64) -> NativeResult {
    let (value, count) = (integer(call, 1)?, integer(call, 2)?);
    call.ret1(shift(value, count))
}

fn fold(call: &mut Call<'_>, join: impl Fn(i64, i64) -> i64) -> NativeResult {
    let mut value = integer(call, 1)?;
    for pos in 2..=call.count() {
        value = join(value, integer(call, pos)?);
    }
    call.ret1(value)
}

/// `bit.mod(a, b) -> integer`: the remainder, with the sign of `a`.
/// Errors: `attempt to perform 'n%%0'`.
fn modulo(call: &mut Call<'_>) -> NativeResult {
    let (a, b) = (integer(call, 1)?, integer(call, 2)?);
    if b == 0 {
        return Err(call.error("attempt to perform 'n%%0'"));
    }
    call.ret1(a.wrapping_rem(b))
}
