//! The UTF-8 library, manual §6.5.
//!
//! It decodes sequences of up to six bytes, as the original UTF-8 had them, so codes reach 2^31 - 1. Unless `lax` is
//! set, only Unicode's codes pass: none above 10FFFF, and no surrogates.

use crate::set_functions;
use perilune_vm::{Call, LuaError, NativeFn, NativeResult, Table, Value};

/// Largest code of Unicode.
const UNICODE_MAX: u32 = 0x10_ffff;
/// Largest code of all.
const CODE_MAX: u32 = 0x7fff_ffff;
/// Matches one sequence in a valid string.
const CHAR_PATTERN: &[u8] = b"[\0-\x7f\xc2-\xfd][\x80-\xbf]*";
const INVALID: &str = "invalid UTF-8 code";

/// The library's table.
pub(crate) fn open<'gc>(call: &mut Call<'gc>) -> Result<Table<'gc>, LuaError> {
    let library = call.table(0, 6)?;
    set_functions(
        call,
        library,
        &[("char", char), ("codepoint", codepoint), ("codes", codes), ("len", len), ("offset", offset)],
    )?;
    let pattern = call.string(CHAR_PATTERN)?;
    library.set_str(call, b"charpattern", pattern)?;
    Ok(library)
}

fn is_continuation(text: &[u8], at: usize) -> bool {
    text.get(at).is_some_and(|byte| byte & 0xc0 == 0x80)
}

/// The code that starts a text, and how many bytes it takes; `None` when it is not valid.
fn decode(text: &[u8], lax: bool) -> Option<(u32, usize)> {
    let first = *text.first()?;
    if first < 0x80 {
        return Some((first as u32, 1));
    }
    let len = first.leading_ones() as usize;
    if !(2..=6).contains(&len) {
        return None;
    }
    let mut code = first as u32 & (0x7f >> len);
    for at in 1..len {
        if !is_continuation(text, at) {
            return None;
        }
        code = code << 6 | (text[at] & 0x3f) as u32;
    }
    // ORDER: sequence lengths, from 2.
    let least = [0x80, 0x800, 0x1_0000, 0x20_0000, 0x400_0000][len - 2];
    let is_unicode = code <= UNICODE_MAX && !(0xd800..=0xdfff).contains(&code);
    (code >= least && (lax || is_unicode)).then_some((code, len))
}

/// Appends the sequence of a code.
fn encode(code: u32, out: &mut Vec<u8>) {
    let len = match code {
        0..0x80 => return out.push(code as u8),
        0x80..0x800 => 2,
        0x800..0x1_0000 => 3,
        0x1_0000..0x20_0000 => 4,
        0x20_0000..0x400_0000 => 5,
        _ => 6,
    };
    let mark = !(0xff_u8 >> len);
    out.push(mark | (code >> (6 * (len - 1))) as u8);
    out.extend((0..len - 1).rev().map(|idx| 0x80 | (code >> (6 * idx)) as u8 & 0x3f));
}

/// A 1-based position, negative from the end; 0 when that lies before the start.
fn absolute(pos: i64, len: usize) -> i64 {
    if pos >= 0 {
        pos
    } else if pos.unsigned_abs() > len as u64 {
        0
    } else {
        len as i64 + pos + 1
    }
}

/// `utf8.char(...) -> string`: the sequences of these codes.
/// Errors: `value out of range`.
/// Source: manual §6.5.
fn char(call: &mut Call<'_>) -> NativeResult {
    let mut out = Vec::new();
    for pos in 1..=call.count() {
        match u32::try_from(call.check_integer(pos)?) {
            Ok(code) if code <= CODE_MAX => encode(code, &mut out),
            _ => return Err(call.arg_error(pos, "value out of range")),
        }
    }
    let text = call.string(&out)?;
    call.ret1(text)
}

/// `utf8.codepoint(s [, i [, j [, lax]]]) -> integers`: the codes of all sequences that start in `s[i..j]`.
/// Units: `i`, `j` are 1-based byte positions; `i` default 1, `j` default `i`.
/// Errors: `out of bounds`, `invalid UTF-8 code`, `stack overflow (string slice too long)`.
/// Source: manual §6.5.
fn codepoint(call: &mut Call<'_>) -> NativeResult {
    let text = call.check_string(1)?.as_bytes();
    let first = absolute(call.opt_integer(2, 1)?, text.len());
    let last = absolute(call.opt_integer(3, first)?, text.len());
    let lax = call.arg(4).is_truthy();
    if first < 1 {
        return Err(call.arg_error(2, "out of bounds"));
    }
    if last > text.len() as i64 {
        return Err(call.arg_error(3, "out of bounds"));
    }
    if first > last {
        return call.ret0();
    }
    let (mut at, end) = (first as usize - 1, last as usize);
    if call.reserve(end - at).is_err() {
        return Err(call.error("stack overflow (string slice too long)"));
    }
    let mut count = 0;
    while at < end {
        let Some((code, len)) = decode(&text[at..], lax) else { return Err(call.error(INVALID)) };
        call.push(code as i64);
        count += 1;
        at += len;
    }
    call.ret_pushed(count)
}

/// `utf8.len(s [, i [, j [, lax]]]) -> integer | nil (fail), position`: how many sequences start in `s[i..j]`, or where
/// the first one lies that is not valid.
/// Units: byte positions, 1-based; `i` default 1, `j` default -1.
/// Errors: `initial position out of bounds`, `final position out of bounds`.
/// Source: manual §6.5.
fn len(call: &mut Call<'_>) -> NativeResult {
    let text = call.check_string(1)?.as_bytes();
    let first = absolute(call.opt_integer(2, 1)?, text.len());
    let last = absolute(call.opt_integer(3, -1)?, text.len());
    let lax = call.arg(4).is_truthy();
    if first < 1 || first > text.len() as i64 + 1 {
        return Err(call.arg_error(2, "initial position out of bounds"));
    }
    if last > text.len() as i64 {
        return Err(call.arg_error(3, "final position out of bounds"));
    }
    call.charge(text.len() as u64 / 8)?;
    let mut at = first as usize - 1;
    let mut count = 0i64;
    while (at as i64) < last {
        match decode(&text[at..], lax) {
            Some((_, len)) => at += len,
            None => return call.ret2(Value::NIL, at as i64 + 1),
        }
        count += 1;
    }
    call.ret1(count)
}

/// `utf8.offset(s, n [, i]) -> position | nil (fail)`: where the `n`-th sequence counted from `i` starts; for 0, the
/// one that holds byte `i`.
/// Units: byte positions, 1-based; `i` default 1, or `#s + 1` for a negative `n`.
/// Errors: `position out of bounds`, `initial position is a continuation byte`.
/// Source: manual §6.5.
fn offset(call: &mut Call<'_>) -> NativeResult {
    let text = call.check_string(1)?.as_bytes();
    let mut n = call.check_integer(2)?;
    let default = if n >= 0 { 1 } else { text.len() as i64 + 1 };
    let start = absolute(call.opt_integer(3, default)?, text.len());
    if start < 1 || start > text.len() as i64 + 1 {
        return Err(call.arg_error(3, "position out of bounds"));
    }
    call.charge(text.len() as u64 / 8)?;
    let mut at = start as usize - 1;
    if n == 0 {
        while at > 0 && is_continuation(text, at) {
            at -= 1;
        }
        return call.ret1(at as i64 + 1);
    }
    if is_continuation(text, at) {
        return Err(call.error("initial position is a continuation byte"));
    }
    while n < 0 && at > 0 {
        at -= 1;
        while at > 0 && is_continuation(text, at) {
            at -= 1;
        }
        n += 1;
    }
    // The first sequence is where the search starts.
    if n > 0 {
        n -= 1;
        while n > 0 && at < text.len() {
            at += 1;
            while is_continuation(text, at) {
                at += 1;
            }
            n -= 1;
        }
    }
    if n == 0 { call.ret1(at as i64 + 1) } else { call.ret1(Value::NIL) }
}

/// `utf8.codes(s [, lax]) -> iterator, s, 0`, over positions and codes.
/// Errors: `invalid UTF-8 code`, also by the iterator.
/// Source: manual §6.5.
fn codes(call: &mut Call<'_>) -> NativeResult {
    let text = call.check_string(1)?;
    if is_continuation(text.as_bytes(), 0) {
        return Err(call.arg_error(1, INVALID));
    }
    let step: NativeFn =
        if call.arg(2).is_truthy() { |call| codes_step(call, true) } else { |call| codes_step(call, false) };
    call.ret3(Value::native(step), text, 0i64)
}

/// From the position of one sequence to the next one and its code.
fn codes_step(call: &mut Call<'_>, lax: bool) -> NativeResult {
    let text = call.check_string(1)?.as_bytes();
    let mut at = usize::try_from(call.arg(2).to_integer().unwrap_or(0)).unwrap_or(usize::MAX);
    if at < text.len() {
        // The position is that of a first byte; as an index, that of the byte behind it.
        while is_continuation(text, at) {
            at += 1;
        }
    }
    if at >= text.len() {
        return call.ret0();
    }
    match decode(&text[at..], lax) {
        Some((code, len)) if !is_continuation(text, at + len) => call.ret2(at as i64 + 1, code as i64),
        _ => Err(call.error(INVALID)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_length_decodes_to_what_was_encoded() {
        for code in [0, 0x7f, 0x80, 0x7ff, 0x800, 0xffff, 0x1_0000, 0x1f_ffff, 0x20_0000, 0x3ff_ffff, CODE_MAX] {
            let mut text = Vec::new();
            encode(code, &mut text);
            assert_eq!(decode(&text, true), Some((code, text.len())));
            for end in 0..text.len() {
                assert_eq!(decode(&text[..end], true), None);
            }
        }
    }

    #[test]
    fn overlong_sequences_are_not_valid() {
        for text in [&b"\xc0\x80"[..], b"\xc1\xbf", b"\xe0\x9f\xbf", b"\xf0\x8f\xbf\xbf", b"\xfe\x80\x80", b"\x80"] {
            assert_eq!(decode(text, true), None);
        }
    }

    #[test]
    fn only_lax_goes_beyond_unicode() {
        for text in [&b"\xed\xa0\x80"[..], b"\xf4\x90\x80\x80"] {
            assert_eq!(decode(text, false), None);
            assert!(decode(text, true).is_some());
        }
    }
}
