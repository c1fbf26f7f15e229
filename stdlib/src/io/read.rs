//! The formats of `read` and `lines`.

use super::stream::Stream;
use perilune_vm::number;
use perilune_vm::{Call, Kind, LuaError, Value};
use std::io;

/// Longest numeral.
const NUMERAL_LEN_MAX: usize = 200;

/// Why reading ended early.
pub(super) enum Failure {
    /// The stream failed; a result for the script.
    Stream(io::Error),
    /// An error of the script's.
    Lua(LuaError),
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Failure::Stream(error)
    }
}

impl From<LuaError> for Failure {
    fn from(error: LuaError) -> Self {
        Failure::Lua(error)
    }
}

/// What was pushed.
pub(super) struct Values {
    pub count: usize,
    /// Whether all formats found something; otherwise the last value is nil.
    pub is_complete: bool,
}

/// Reads by the formats in the arguments from `first` on, a line when there are none, and pushes what it reads, up to
/// the first format that finds nothing and gives nil.
pub(super) fn read(call: &mut Call<'_>, stream: &mut Stream, first: usize) -> Result<Values, Failure> {
    if call.count() < first {
        let value = line(call, stream, false)?;
        call.push(value.unwrap_or(Value::NIL));
        return Ok(Values { count: 1, is_complete: value.is_some() });
    }
    if call.reserve(call.count()).is_err() {
        return Err(call.error("stack overflow (too many arguments)").into());
    }
    let mut values = Values { count: 0, is_complete: true };
    for pos in first..=call.count() {
        let value = by_format(call, stream, pos)?;
        call.push(value.unwrap_or(Value::NIL));
        values.count += 1;
        if value.is_none() {
            values.is_complete = false;
            break;
        }
    }
    Ok(values)
}

fn by_format<'gc>(call: &mut Call<'gc>, stream: &mut Stream, pos: usize) -> Result<Option<Value<'gc>>, Failure> {
    if let Kind::Integer(_) | Kind::Float(_) = call.arg(pos).kind() {
        return match call.check_integer(pos)? {
            0 => is_more(call, stream),
            count => chars(call, stream, count as u64),
        };
    }
    let format = call.check_string(pos)?.as_bytes();
    // The star is what older versions wanted.
    match format.strip_prefix(b"*").unwrap_or(format).first() {
        Some(b'n') => numeral(stream).map(|number| number.map(Value::number)),
        Some(b'l') => line(call, stream, false),
        Some(b'L') => line(call, stream, true),
        Some(b'a') => all(call, stream).map(Some),
        _ => Err(call.arg_error(pos, "invalid format").into()),
    }
}

/// An empty string, unless the stream is at its end.
fn is_more<'gc>(call: &mut Call<'gc>, stream: &mut Stream) -> Result<Option<Value<'gc>>, Failure> {
    if stream.fill()?.is_empty() { Ok(None) } else { Ok(Some(call.string(b"")?)) }
}

/// A line, with or without its end.
fn line<'gc>(call: &mut Call<'gc>, stream: &mut Stream, keep_end: bool) -> Result<Option<Value<'gc>>, Failure> {
    let mut out = Vec::new();
    loop {
        let input = stream.fill()?;
        let Some(at) = memchr::memchr(b'\n', input) else {
            if input.is_empty() {
                return if out.is_empty() { Ok(None) } else { Ok(Some(call.string(&out)?)) };
            }
            take(call, stream, &mut out, usize::MAX)?;
            continue;
        };
        let end = if keep_end { at + 1 } else { at };
        let value = if out.is_empty() {
            call.string(&input[..end])?
        } else {
            out.extend_from_slice(&input[..end]);
            call.string(&out)?
        };
        stream.consume(at + 1);
        return Ok(Some(value));
    }
}

/// All that is left.
fn all<'gc>(call: &mut Call<'gc>, stream: &mut Stream) -> Result<Value<'gc>, Failure> {
    let mut out = Vec::new();
    while !stream.fill()?.is_empty() {
        take(call, stream, &mut out, usize::MAX)?;
    }
    Ok(call.string(&out)?)
}

/// Up to so many bytes, at least one.
fn chars<'gc>(call: &mut Call<'gc>, stream: &mut Stream, count: u64) -> Result<Option<Value<'gc>>, Failure> {
    let count = usize::try_from(count).unwrap_or(usize::MAX);
    call.check_size(count)?;
    let mut out = Vec::new();
    if out.try_reserve_exact(count).is_err() {
        // No limit was passed, yet there is no such memory.
        call.check_size(usize::MAX)?;
    }
    while out.len() < count && !stream.fill()?.is_empty() {
        let wanted = count - out.len();
        take(call, stream, &mut out, wanted)?;
    }
    if out.is_empty() { Ok(None) } else { Ok(Some(call.string(&out)?)) }
}

/// Moves what was read ahead, up to `wanted` bytes of it.
fn take(call: &mut Call<'_>, stream: &mut Stream, out: &mut Vec<u8>, wanted: usize) -> Result<(), Failure> {
    let input = stream.fill()?;
    let input = &input[..input.len().min(wanted)];
    call.check_size(out.len() + input.len())?;
    call.charge(input.len() as u64 / 16)?;
    out.extend_from_slice(input);
    let count = input.len();
    stream.consume(count);
    Ok(())
}

/// Reads the longest text that may start a numeral, and what number it is, if any. Only one byte is looked at ahead, so
/// that `0x` or `1e` followed by something else is gone and no number.
fn numeral(stream: &mut Stream) -> Result<Option<number::Number>, Failure> {
    while let Some(b' ' | b'\t' | b'\n' | b'\x0b' | b'\x0c' | b'\r') = peek(stream)? {
        stream.consume(1);
    }
    let mut scan = Scan { stream, text: Vec::new(), is_too_long: false };
    scan.accept(b"+-")?;
    let mut digits = 0;
    let mut is_hex = false;
    if scan.accept(b"0")? {
        is_hex = scan.accept(b"xX")?;
        digits = !is_hex as usize;
    }
    digits += scan.digits(is_hex)?;
    if scan.accept(b".")? {
        digits += scan.digits(is_hex)?;
    }
    if digits > 0 && scan.accept(if is_hex { b"pP" } else { b"eE" })? {
        scan.accept(b"+-")?;
        scan.digits(false)?;
    }
    Ok(if scan.is_too_long { None } else { number::parse_number(&scan.text) })
}

fn peek(stream: &mut Stream) -> io::Result<Option<u8>> {
    Ok(stream.fill()?.first().copied())
}

/// A numeral being read.
struct Scan<'a> {
    stream: &'a mut Stream,
    text: Vec<u8>,
    is_too_long: bool,
}

impl Scan<'_> {
    /// Takes the next byte if it is one of these and the numeral not too long.
    fn accept(&mut self, set: &[u8]) -> io::Result<bool> {
        self.accept_if(|byte| set.contains(&byte))
    }

    fn accept_if(&mut self, test: impl Fn(u8) -> bool) -> io::Result<bool> {
        let Some(byte) = peek(self.stream)?.filter(|&byte| test(byte)) else { return Ok(false) };
        if self.text.len() == NUMERAL_LEN_MAX {
            self.is_too_long = true;
            return Ok(false);
        }
        self.stream.consume(1);
        self.text.push(byte);
        Ok(true)
    }

    /// Takes digits; how many.
    fn digits(&mut self, is_hex: bool) -> io::Result<usize> {
        let mut count = 0;
        while self.accept_if(|byte| if is_hex { byte.is_ascii_hexdigit() } else { byte.is_ascii_digit() })? {
            count += 1;
        }
        Ok(count)
    }
}
