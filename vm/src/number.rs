//! Numbers: text to number and back, conversions between integers and floats, arithmetic.
//!
//! Everything the compiler folds and the interpreter computes goes through the same functions, so that a constant
//! expression and the same expression at run time agree.
//!
//! # Source
//! Manual §3.4.1 to §3.4.3. Float text is `%.14g` as the reference prints it.

/// A Lua number.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Number {
    /// A 64-bit integer.
    Integer(i64),
    /// A double.
    Float(f64),
}

/// Arithmetic and bitwise operations.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub enum ArithOp {
    /// `+`
    Add,
    /// `-`
    Sub,
    /// `*`
    Mul,
    /// `%`
    Mod,
    /// `^`
    Pow,
    /// `/`
    Div,
    /// `//`
    IDiv,
    /// `&`
    BAnd,
    /// `|`
    BOr,
    /// `~`
    BXor,
    /// `<<`
    Shl,
    /// `>>`
    Shr,
    /// unary `-`
    Unm,
    /// unary `~`
    BNot,
}

/// Why an operation on two numbers has no result.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ArithError {
    /// Integer `n // 0`.
    DivideByZero,
    /// Integer `n % 0`.
    ModuloByZero,
    /// A bitwise operation on a float without an integer's value.
    NoInteger,
}

fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\n' | b'\x0b' | b'\x0c' | b'\r')
}

/// The number a text spells, as `tonumber` reads it: white space around, a sign, decimal or hexadecimal.
/// Decimal integers out of range become floats; hexadecimal ones wrap around.
pub fn parse_number(text: &[u8]) -> Option<Number> {
    let start = text.iter().position(|&byte| !is_space(byte))?;
    let end = text.iter().rposition(|&byte| !is_space(byte))? + 1;
    let text = &text[start..end];
    let (negative, digits) = match text.first()? {
        b'-' => (true, &text[1..]),
        b'+' => (false, &text[1..]),
        _ => (false, text),
    };
    if let [b'0', b'x' | b'X', hex @ ..] = digits {
        return parse_hex(hex, negative);
    }
    if !digits.is_empty() && digits.iter().all(u8::is_ascii_digit) {
        let mut value = 0i128;
        for &digit in digits {
            value = value * 10 + (digit - b'0') as i128;
            if value > 1 << 63 {
                return parse_decimal_float(digits, negative);
            }
        }
        let value = if negative { -value } else { value };
        return match i64::try_from(value) {
            Ok(value) => Some(Number::Integer(value)),
            Err(_) => parse_decimal_float(digits, negative),
        };
    }
    parse_decimal_float(digits, negative)
}

fn parse_decimal_float(digits: &[u8], negative: bool) -> Option<Number> {
    let starts = digits.first().is_some_and(|&byte| byte.is_ascii_digit() || byte == b'.');
    let allowed = |byte: &u8| byte.is_ascii_digit() || matches!(byte, b'.' | b'e' | b'E' | b'+' | b'-');
    if !starts || !digits.iter().all(allowed) {
        return None;
    }
    let value: f64 = std::str::from_utf8(digits).ok()?.parse().ok()?;
    Some(Number::Float(if negative { -value } else { value }))
}

fn parse_hex(digits: &[u8], negative: bool) -> Option<Number> {
    if !digits.is_empty() && digits.iter().all(u8::is_ascii_hexdigit) {
        let value = digits.iter().fold(0u64, |value, &digit| value << 4 | hex_digit(digit));
        return Some(Number::Integer(if negative { value.wrapping_neg() } else { value } as i64));
    }
    // Mantissa: up to 64 significant bits, and a sticky bit for what is cut off.
    let mut mantissa = 0u64;
    let mut exponent = 0i64;
    let mut any = false;
    let mut dot = false;
    let mut at = 0;
    while at < digits.len() {
        match digits[at] {
            b'.' if !dot => dot = true,
            digit if digit.is_ascii_hexdigit() => {
                any = true;
                if mantissa >> 60 == 0 {
                    mantissa = mantissa << 4 | hex_digit(digit);
                    exponent -= if dot { 4 } else { 0 };
                } else {
                    mantissa |= (digit != b'0') as u64;
                    exponent += if dot { 0 } else { 4 };
                }
            }
            _ => break,
        }
        at += 1;
    }
    if !any {
        return None;
    }
    if at < digits.len() {
        if !matches!(digits[at], b'p' | b'P') {
            return None;
        }
        let (negative_exponent, text) = match digits.get(at + 1)? {
            b'-' => (true, &digits[at + 2..]),
            b'+' => (false, &digits[at + 2..]),
            _ => (false, &digits[at + 1..]),
        };
        if text.is_empty() || !text.iter().all(u8::is_ascii_digit) {
            return None;
        }
        let value = text.iter().fold(0i64, |value, &digit| (value * 10 + (digit - b'0') as i64).min(1 << 40));
        exponent += if negative_exponent { -value } else { value };
    }
    let value = scale(mantissa, exponent);
    Some(Number::Float(if negative { -value } else { value }))
}

/// `mantissa * 2^exponent`, correctly rounded.
fn scale(mantissa: u64, exponent: i64) -> f64 {
    if mantissa == 0 {
        return 0.0;
    }
    let shift = mantissa.leading_zeros() as i64;
    let mantissa = mantissa << shift;
    let exponent = exponent - shift;
    // The value is in [2^(exponent + 63), 2^(exponent + 64)).
    let top = exponent + 63;
    if top > 1023 {
        return f64::INFINITY;
    }
    let kept = if top >= -1022 { 53 } else { 53 - (-1022 - top) };
    if kept < 0 {
        return 0.0;
    }
    let cut = 64 - kept as u32;
    let (mut bits, rest, half) = if cut == 64 {
        (0, mantissa as u128, 1u128 << 63)
    } else {
        (mantissa >> cut, (mantissa & ((1u64 << cut) - 1)) as u128, 1u128 << (cut - 1))
    };
    if rest > half || rest == half && bits & 1 == 1 {
        bits += 1;
    }
    // Exact: at most 54 bits times a power of two, in two steps for subnormal results.
    let power = exponent + cut as i64;
    bits as f64 * two_to(power / 2) * two_to(power - power / 2)
}

fn two_to(exponent: i64) -> f64 {
    f64::from_bits(((exponent.clamp(-1022, 1023) + 1023) as u64) << 52)
}

/// Value of a hexadecimal digit.
fn hex_digit(digit: u8) -> u64 {
    match digit {
        b'0'..=b'9' => (digit - b'0') as u64,
        _ => (digit.to_ascii_lowercase() - b'a') as u64 + 10,
    }
}

/// Appends an integer's text.
pub fn format_integer(value: i64, out: &mut Vec<u8>) {
    out.extend_from_slice(itoa::Buffer::new().format(value).as_bytes());
}

/// Appends a float's text: `%.14g`, with `.0` behind what looks like an integer.
pub fn format_float(value: f64, out: &mut Vec<u8>) {
    if !value.is_finite() {
        let text: &[u8] = match (value.is_nan(), value.is_sign_negative()) {
            (true, false) => b"nan",
            (true, true) => b"-nan",
            (false, false) => b"inf",
            (false, true) => b"-inf",
        };
        out.extend_from_slice(text);
        return;
    }
    if value.fract() == 0.0 && value.abs() < 1e14 {
        // An integer of up to 14 digits prints as such.
        if value == 0.0 && value.is_sign_negative() {
            out.push(b'-');
        }
        out.extend_from_slice(itoa::Buffer::new().format(value as i64).as_bytes());
        out.extend_from_slice(b".0");
        return;
    }
    let start = out.len();
    format_14g(value, out);
    if out[start..].iter().all(|byte| byte.is_ascii_digit() || *byte == b'-') {
        out.extend_from_slice(b".0");
    }
}

fn format_14g(value: f64, out: &mut Vec<u8>) {
    // Digits and exponent of the value rounded to 14 significant digits.
    let text = format!("{value:.13e}");
    let (mantissa, exponent) = text.split_once('e').expect("`{:e}` writes an exponent");
    let exponent: i32 = exponent.parse().expect("the exponent is a number");
    let (sign, mantissa) = match mantissa.strip_prefix('-') {
        Some(rest) => ("-", rest),
        None => ("", mantissa),
    };
    let digits: Vec<u8> = mantissa.bytes().filter(u8::is_ascii_digit).collect();
    let significant = digits.iter().rposition(|&digit| digit != b'0').map_or(1, |at| at + 1);
    let digits = &digits[..significant];
    out.extend_from_slice(sign.as_bytes());
    if (-4..14).contains(&exponent) {
        if exponent < 0 {
            out.extend_from_slice(b"0.");
            out.extend(std::iter::repeat_n(b'0', (-exponent - 1) as usize));
            out.extend_from_slice(digits);
        } else {
            let whole = exponent as usize + 1;
            if digits.len() <= whole {
                out.extend_from_slice(digits);
                out.extend(std::iter::repeat_n(b'0', whole - digits.len()));
            } else {
                out.extend_from_slice(&digits[..whole]);
                out.push(b'.');
                out.extend_from_slice(&digits[whole..]);
            }
        }
    } else {
        out.push(digits[0]);
        if digits.len() > 1 {
            out.push(b'.');
            out.extend_from_slice(&digits[1..]);
        }
        out.extend_from_slice(format!("e{}{:02}", if exponent < 0 { '-' } else { '+' }, exponent.abs()).as_bytes());
    }
}

/// The integer a float equals.
#[inline]
pub fn float_to_integer(value: f64) -> Option<i64> {
    const LIMIT: f64 = 9_223_372_036_854_775_808.0;
    if (-LIMIT..LIMIT).contains(&value) {
        let integer = value as i64;
        if integer as f64 == value {
            return Some(integer);
        }
    }
    None
}

/// The largest integer not above a float, if it is in range.
#[inline]
pub fn float_floor_to_integer(value: f64) -> Option<i64> {
    float_to_integer(value.floor())
}

/// The smallest integer not below a float, if it is in range.
#[inline]
pub fn float_ceil_to_integer(value: f64) -> Option<i64> {
    float_to_integer(value.ceil())
}

/// `left // right` for a divisor that is not zero.
#[inline]
pub fn int_floor_div(left: i64, right: i64) -> i64 {
    let quotient = left.wrapping_div(right);
    if (left ^ right) < 0 && quotient.wrapping_mul(right) != left { quotient - 1 } else { quotient }
}

/// `left % right` for a divisor that is not zero: the result has the divisor's sign.
#[inline]
pub fn int_mod(left: i64, right: i64) -> i64 {
    let rest = left.wrapping_rem(right);
    if rest != 0 && (rest ^ right) < 0 { rest + right } else { rest }
}

/// `left % right`: the result has the divisor's sign.
#[inline]
pub fn float_mod(left: f64, right: f64) -> f64 {
    let rest = left % right;
    if rest != 0.0 && (rest < 0.0) != (right < 0.0) { rest + right } else { rest }
}

/// `left // right`.
#[inline]
pub fn float_floor_div(left: f64, right: f64) -> f64 {
    (left / right).floor()
}

/// `left << right`: zeros come in; a negative distance shifts right.
#[inline]
pub fn shift_left(left: i64, right: i64) -> i64 {
    if (0..64).contains(&right) {
        ((left as u64) << right) as i64
    } else if (-63..0).contains(&right) {
        ((left as u64) >> -right) as i64
    } else {
        0
    }
}

/// `left >> right`: zeros come in; a negative distance shifts left.
#[inline]
pub fn shift_right(left: i64, right: i64) -> i64 {
    shift_left(left, right.wrapping_neg())
}

/// `left ^ right`.
#[inline]
pub fn pow(left: f64, right: f64) -> f64 {
    if right == 2.0 { left * left } else { left.powf(right) }
}

/// `left < right`, exactly.
pub fn int_lt_float(left: i64, right: f64) -> bool {
    if right.is_nan() {
        return false;
    }
    match float_ceil_to_integer(right) {
        Some(right) => left < right,
        None => right > 0.0,
    }
}

/// `left <= right`, exactly.
pub fn int_le_float(left: i64, right: f64) -> bool {
    if right.is_nan() {
        return false;
    }
    match float_floor_to_integer(right) {
        Some(right) => left <= right,
        None => right > 0.0,
    }
}

/// `left < right`, exactly.
pub fn float_lt_int(left: f64, right: i64) -> bool {
    !left.is_nan() && !int_le_float(right, left)
}

/// `left <= right`, exactly.
pub fn float_le_int(left: f64, right: i64) -> bool {
    !left.is_nan() && !int_lt_float(right, left)
}

impl Number {
    /// As a float, rounded if need be.
    #[inline]
    pub fn to_float(self) -> f64 {
        match self {
            Number::Integer(value) => value as f64,
            Number::Float(value) => value,
        }
    }

    /// The integer it equals.
    #[inline]
    pub fn to_integer(self) -> Option<i64> {
        match self {
            Number::Integer(value) => Some(value),
            Number::Float(value) => float_to_integer(value),
        }
    }
}

/// One operation on two numbers; unary ones ignore the second.
///
/// # Errors
/// See [`ArithError`].
pub fn arith(op: ArithOp, left: Number, right: Number) -> Result<Number, ArithError> {
    use Number::{Float, Integer};
    let bitwise = |compute: fn(i64, i64) -> i64| match (left.to_integer(), right.to_integer()) {
        (Some(left), Some(right)) => Ok(Integer(compute(left, right))),
        _ => Err(ArithError::NoInteger),
    };
    let either = |int: fn(i64, i64) -> i64, float: fn(f64, f64) -> f64| match (left, right) {
        (Integer(left), Integer(right)) => Integer(int(left, right)),
        _ => Float(float(left.to_float(), right.to_float())),
    };
    let zero_divisor = matches!((left, right), (Integer(_), Integer(0)));
    Ok(match op {
        ArithOp::Add => either(i64::wrapping_add, |a, b| a + b),
        ArithOp::Sub => either(i64::wrapping_sub, |a, b| a - b),
        ArithOp::Mul => either(i64::wrapping_mul, |a, b| a * b),
        ArithOp::Mod if zero_divisor => return Err(ArithError::ModuloByZero),
        ArithOp::Mod => either(int_mod, float_mod),
        ArithOp::Pow => Float(pow(left.to_float(), right.to_float())),
        ArithOp::Div => Float(left.to_float() / right.to_float()),
        ArithOp::IDiv if zero_divisor => return Err(ArithError::DivideByZero),
        ArithOp::IDiv => either(int_floor_div, float_floor_div),
        ArithOp::BAnd => return bitwise(|a, b| a & b),
        ArithOp::BOr => return bitwise(|a, b| a | b),
        ArithOp::BXor => return bitwise(|a, b| a ^ b),
        ArithOp::Shl => return bitwise(shift_left),
        ArithOp::Shr => return bitwise(shift_right),
        ArithOp::Unm => match left {
            Integer(value) => Integer(value.wrapping_neg()),
            Float(value) => Float(-value),
        },
        ArithOp::BNot => Integer(!left.to_integer().ok_or(ArithError::NoInteger)?),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(number: Number) -> String {
        let mut out = Vec::new();
        match number {
            Number::Integer(value) => format_integer(value, &mut out),
            Number::Float(value) => format_float(value, &mut out),
        }
        String::from_utf8(out).expect("numbers are ASCII")
    }

    #[test]
    fn numerals_are_read_and_written() {
        for (source, expected) in [
            ("0", "0"),
            ("  12  ", "12"),
            ("-7", "-7"),
            ("+7", "7"),
            ("9223372036854775807", "9223372036854775807"),
            ("9223372036854775808", "9.2233720368548e+18"),
            ("-9223372036854775808", "-9223372036854775808"),
            ("0x10", "16"),
            ("0xffffffffffffffff", "-1"),
            ("0x1ffffffffffffffff", "-1"),
            ("-0xA", "-10"),
            ("1e1", "10.0"),
            (".5", "0.5"),
            ("5.", "5.0"),
            ("1e308", "1e+308"),
            ("1e309", "inf"),
            ("4.9e-324", "4.9406564584125e-324"),
            ("0x.8p1", "1.0"),
            ("0x1p-1", "0.5"),
            ("0xA.8", "10.5"),
            ("100000000000000", "100000000000000"),
            ("1e15", "1e+15"),
            ("123456789012345.0", "1.2345678901234e+14"),
            ("0.1", "0.1"),
            ("-0.0", "-0.0"),
            ("3.14159265358979", "3.1415926535898"),
        ] {
            assert_eq!(parse_number(source.as_bytes()).map(text).as_deref(), Some(expected), "{source}");
        }
        for source in
            ["", " ", "-", "0x", "1e", "1e+", "1 2", "0x1p", "nan", "inf", "1_000", "--1", "0x.p1", ".", "1\0"]
        {
            assert_eq!(parse_number(source.as_bytes()), None, "{source:?}");
        }
    }

    #[test]
    fn integer_division_rounds_down() {
        for (a, b, quotient, remainder) in
            [(7, 2, 3, 1), (-7, 2, -4, 1), (7, -2, -4, -1), (-7, -2, 3, -1), (i64::MIN, -1, i64::MIN, 0), (0, -5, 0, 0)]
        {
            assert_eq!((int_floor_div(a, b), int_mod(a, b)), (quotient, remainder), "{a} {b}");
        }
        for (a, b, remainder) in [(5.5, 2.0, 1.5), (-5.5, 2.0, 0.5), (5.5, -2.0, -0.5), (1.0, f64::INFINITY, 1.0)] {
            assert_eq!(float_mod(a, b), remainder, "{a} {b}");
        }
        assert_eq!(float_mod(-1.0, f64::INFINITY), f64::INFINITY);
        assert!(float_mod(1.0, 0.0).is_nan());
    }

    #[test]
    fn shifts_beyond_the_width_give_zero() {
        for (value, by, left, right) in [
            (1, 63, i64::MIN, 0),
            (1, 64, 0, 0),
            (-1, 1, -2, i64::MAX),
            (1, -1, 0, 2),
            (-1, -64, 0, 0),
            (3, i64::MIN, 0, 0),
        ] {
            assert_eq!((shift_left(value, by), shift_right(value, by)), (left, right), "{value} {by}");
        }
    }

    #[test]
    fn floats_become_integers_only_exactly() {
        for (value, expected) in [
            (3.0, Some(3)),
            (3.5, None),
            (-0.0, Some(0)),
            (9_223_372_036_854_775_807.0, None),
            (-9_223_372_036_854_775_808.0, Some(i64::MIN)),
            (f64::NAN, None),
            (f64::INFINITY, None),
        ] {
            assert_eq!(float_to_integer(value), expected, "{value}");
        }
        assert_eq!(float_floor_to_integer(-1.5), Some(-2));
        assert_eq!(float_ceil_to_integer(-1.5), Some(-1));
    }

    #[test]
    fn mixed_comparisons_are_exact() {
        let big = 1 << 53;
        assert!(int_lt_float(big, (big as f64) + 2.0) && !int_lt_float(big + 1, big as f64));
        assert!(int_le_float(i64::MAX, 9_223_372_036_854_775_808.0) && !float_lt_int(9.3e18, i64::MAX));
        assert!(!int_lt_float(1, f64::NAN) && !float_lt_int(f64::NAN, 1) && float_lt_int(f64::NEG_INFINITY, i64::MIN));
    }
}
