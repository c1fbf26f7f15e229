//! The library `bin` as it was when it was compiled: `pack` and `unpack` by letters.
//!
//! A format is a list of letters, each with an optional count; blanks and commas mean nothing. In `pack` a count
//! repeats the letter, in `unpack` it is the length of `A`, `H` and `B`, and repeats the others.

use perilune_vm::{Call, LuaError, NativeFn, NativeResult, Table, Value};

/// Longest count in a format: beyond it no data is large enough.
const COUNT_MAX: usize = 1 << 30;

/// The library's table.
pub(crate) fn open<'gc>(call: &mut Call<'gc>) -> Result<Table<'gc>, LuaError> {
    let library = call.table(0, 2)?;
    let functions: [(&str, NativeFn); 2] = [("pack", pack), ("unpack", unpack)];
    for (name, function) in functions {
        library.set_str(call, name.as_bytes(), Value::native(function))?;
    }
    Ok(library)
}

/// The letters of a format with their counts.
struct Format<'a> {
    rest: &'a [u8],
}

impl Iterator for Format<'_> {
    type Item = (u8, Option<usize>);

    fn next(&mut self) -> Option<Self::Item> {
        let (&letter, mut rest) = self.rest.split_first()?;
        let digits = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
        let count = (digits > 0).then(|| {
            rest[..digits].iter().fold(0, |count: usize, digit| (count * 10 + (digit - b'0') as usize).min(COUNT_MAX))
        });
        rest = &rest[digits..];
        self.rest = rest;
        Some((letter, count))
    }
}

/// How a letter's number lies in bytes.
#[derive(Clone, Copy)]
enum Number {
    Signed(usize),
    Unsigned(usize),
    Float,
    Double,
}

fn number_of(letter: u8) -> Option<Number> {
    Some(match letter {
        b'c' => Number::Signed(1),
        b'C' => Number::Unsigned(1),
        b's' => Number::Signed(2),
        b'S' => Number::Unsigned(2),
        b'i' => Number::Signed(4),
        b'I' => Number::Unsigned(4),
        b'l' => Number::Signed(8),
        b'L' => Number::Unsigned(8),
        b'f' => Number::Float,
        b'd' | b'n' => Number::Double,
        _ => return None,
    })
}

impl Number {
    fn len(self) -> usize {
        match self {
            Number::Signed(len) | Number::Unsigned(len) => len,
            Number::Float => 4,
            Number::Double => 8,
        }
    }

    /// The number in so many bytes, little-endian.
    fn bytes(self, value: Value<'_>) -> [u8; 8] {
        let float = value.to_float().unwrap_or(0.0);
        match self {
            Number::Float => ((float as f32).to_bits() as u64).to_le_bytes(),
            Number::Double => float.to_le_bytes(),
            Number::Unsigned(_) if float >= i64::MAX as f64 => (float as u64).to_le_bytes(),
            _ => value.to_integer().unwrap_or(float as i64).to_le_bytes(),
        }
    }

    fn value(self, bytes: [u8; 8]) -> f64 {
        let bits = u64::from_le_bytes(bytes);
        match self {
            Number::Signed(len) => {
                let unused = 64 - len * 8;
                ((bits << unused) as i64 >> unused) as f64
            }
            Number::Unsigned(_) => bits as f64,
            Number::Float => f32::from_bits(bits as u32) as f64,
            Number::Double => f64::from_bits(bits),
        }
    }
}

/// Length of a letter's length field: strings that tell their length.
fn prefix_of(letter: u8) -> Option<usize> {
    match letter {
        b'p' => Some(1),
        b'P' => Some(2),
        b'a' => Some(4),
        _ => None,
    }
}

fn bad_code(call: &mut Call<'_>, letter: u8) -> LuaError {
    call.arg_error(1, [b"bad code `", &[letter][..], b"'"].concat())
}

fn push_number(out: &mut Vec<u8>, bytes: [u8; 8], len: usize, big: bool) {
    let bytes = &bytes[..len];
    if big { out.extend(bytes.iter().rev()) } else { out.extend_from_slice(bytes) }
}

/// `bin.pack(format, ...) -> string`.
/// Errors: ``bad code `X'``.
fn pack(call: &mut Call<'_>) -> NativeResult {
    let format = call.check_string(1)?.as_bytes();
    let (mut out, mut pos, mut big) = (Vec::new(), 2, cfg!(target_endian = "big"));
    for (letter, count) in (Format { rest: format }) {
        match letter {
            b' ' | b',' | b'\t' | b'\n' => continue,
            b'<' => big = false,
            b'>' => big = true,
            b'=' => big = cfg!(target_endian = "big"),
            b'x' => {
                let count = count.unwrap_or(1);
                call.check_size(out.len() + count)?;
                out.resize(out.len() + count, 0);
            }
            _ => {
                for _ in 0..count.unwrap_or(1) {
                    pack_one(call, letter, pos, big, &mut out)?;
                    pos += 1;
                }
            }
        }
    }
    let packed = call.string(&out)?;
    call.ret1(packed)
}

fn pack_one(call: &mut Call<'_>, letter: u8, pos: usize, big: bool, out: &mut Vec<u8>) -> Result<(), LuaError> {
    if let Some(number) = number_of(letter) {
        call.check_number(pos)?;
        push_number(out, number.bytes(call.arg(pos)), number.len(), big);
        return Ok(());
    }
    if !b"AzpPaHB".contains(&letter) {
        return Err(bad_code(call, letter));
    }
    let text = call.check_string(pos)?.as_bytes();
    call.check_size(out.len() + text.len() + 8)?;
    match letter {
        b'A' => out.extend_from_slice(text),
        b'z' => {
            out.extend_from_slice(text);
            out.push(0);
        }
        b'H' => pack_digits(text, |byte| (byte as char).to_digit(16), 4, out),
        b'B' => pack_digits(text, |byte| (byte as char).to_digit(2), 1, out),
        _ => {
            let len = prefix_of(letter).unwrap_or(1);
            push_number(out, (text.len() as u64).to_le_bytes(), len, big);
            out.extend_from_slice(text);
        }
    }
    Ok(())
}

/// Digits of so many bits each to bytes; other characters are skipped, what lacks at the end is zero.
fn pack_digits(text: &[u8], digit: impl Fn(u8) -> Option<u32>, bits: u32, out: &mut Vec<u8>) {
    let (mut byte, mut filled) = (0u32, 0);
    for digit in text.iter().filter_map(|&byte| digit(byte)) {
        byte = byte << bits | digit;
        filled += bits;
        if filled == 8 {
            out.push(byte as u8);
            (byte, filled) = (0, 0);
        }
    }
    if filled > 0 {
        out.push((byte << (8 - filled)) as u8);
    }
}

/// `bin.unpack(format, data [, init]) -> next position, values...`: stops where the data ends.
/// Errors: ``bad code `X'``.
fn unpack(call: &mut Call<'_>) -> NativeResult {
    let format = call.check_string(1)?.as_bytes();
    let data = call.check_string(2)?.as_bytes();
    let init = call.opt_integer(3, 1)?;
    let mut reader = Reader {
        data,
        at: usize::try_from(init.saturating_sub(1)).unwrap_or(0).min(data.len()),
        big: cfg!(target_endian = "big"),
    };
    call.set_count(3);
    call.append_arg(Value::NIL)?;
    'format: for (letter, count) in (Format { rest: format }) {
        match letter {
            b' ' | b',' | b'\t' | b'\n' => {}
            b'<' => reader.big = false,
            b'>' => reader.big = true,
            b'=' => reader.big = cfg!(target_endian = "big"),
            b'A' | b'H' | b'B' => {
                let Some(bytes) = reader.take(count.unwrap_or(1)) else { break };
                let text = match letter {
                    b'A' => bytes.to_vec(),
                    b'H' => bytes.iter().flat_map(|byte| format!("{byte:02X}").into_bytes()).collect(),
                    _ => bytes.iter().flat_map(|byte| format!("{byte:08b}").into_bytes()).collect(),
                };
                let text = call.string(&text)?;
                call.append_arg(text)?;
            }
            _ => {
                for _ in 0..count.unwrap_or(1) {
                    if !unpack_one(call, letter, &mut reader)? {
                        break 'format;
                    }
                }
            }
        }
    }
    call.set_arg(4, Value::integer(reader.at as i64 + 1));
    call.ret_args(4)
}

struct Reader<'a> {
    data: &'a [u8],
    at: usize,
    big: bool,
}

impl<'a> Reader<'a> {
    fn take(&mut self, len: usize) -> Option<&'a [u8]> {
        let bytes = self.data[self.at..].get(..len)?;
        self.at += len;
        Some(bytes)
    }

    /// A number of so many bytes, little-endian.
    fn number(&mut self, len: usize) -> Option<[u8; 8]> {
        let bytes = self.take(len)?;
        let mut number = [0; 8];
        number[..len].copy_from_slice(bytes);
        if self.big {
            number[..len].reverse();
        }
        Some(number)
    }
}

/// Reads one value; false where the data ends.
fn unpack_one(call: &mut Call<'_>, letter: u8, reader: &mut Reader<'_>) -> Result<bool, LuaError> {
    if let Some(number) = number_of(letter) {
        let Some(bytes) = reader.number(number.len()) else { return Ok(false) };
        call.append_arg(Value::float(number.value(bytes)))?;
        return Ok(true);
    }
    let text = match letter {
        b'x' => return Ok(reader.take(1).is_some()),
        b'z' => {
            let rest = &reader.data[reader.at..];
            let Some(end) = rest.iter().position(|&byte| byte == 0) else { return Ok(false) };
            reader.at += end + 1;
            &rest[..end]
        }
        b'p' | b'P' | b'a' => {
            let start = reader.at;
            let len = reader.number(prefix_of(letter).unwrap_or(1)).map(u64::from_le_bytes);
            let text = len.and_then(|len| reader.take(usize::try_from(len).ok()?));
            let Some(text) = text else {
                reader.at = start;
                return Ok(false);
            };
            text
        }
        _ => return Err(bad_code(call, letter)),
    };
    let text = call.string(text)?;
    call.append_arg(text)?;
    Ok(true)
}
