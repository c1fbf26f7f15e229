//! `string.pack`, `string.packsize`, `string.unpack`, manual §6.4.2: values as bytes in a described layout.
//!
//! A [`Layout`] reads the format and gives one [`Field`] after the other, with its size and the padding in front, from
//! the number of bytes that lie before it. All three functions walk the same fields; only what they do with them
//! differs. Integers are handled in 16 bytes, the largest size a format may ask for, so that sign extension and the
//! check for overflow are plain conversions.
//!
//! # Source
//! Manual §6.4.2; `lstrlib.c` for limits and messages. The machine's own sizes are those of 64-bit Linux.

use super::start_position;
use perilune_vm::{Call, LuaError, NativeResult, Value};

/// Largest integer, in bytes.
const INTEGER_SIZE_MAX: usize = 16;
/// Size of a Lua integer.
const LUA_INTEGER_SIZE: usize = 8;
/// Alignment `!` asks for without a number: that of the machine's most demanding type.
const NATIVE_ALIGNMENT: usize = 8;
/// Largest result of `packsize`; where numbers in formats stop, too.
const SIZE_MAX: usize = i32::MAX as usize;

/// What a field holds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Item {
    /// An integer in two's complement.
    Signed,
    /// An integer without sign.
    Unsigned,
    /// A float of 4 bytes.
    Single,
    /// A float of 8 bytes.
    Double,
    /// A string in a fixed number of bytes.
    Fixed,
    /// A string behind its length, which takes the field's size.
    Counted,
    /// A string that ends with a zero.
    Terminated,
    /// One byte of padding.
    Padding,
    /// Nothing but the alignment of the option that follows.
    Alignment,
    /// A setting or a space.
    Nothing,
}

impl Item {
    /// Whether an argument or a result belongs to it.
    fn has_value(self) -> bool {
        !matches!(self, Item::Padding | Item::Alignment | Item::Nothing)
    }
}

/// One option of a format, in place.
#[derive(Clone, Copy, Debug)]
struct Field {
    item: Item,
    size: usize,
    /// Bytes in front for alignment.
    padding: usize,
    little: bool,
}

/// What is wrong with a format.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum LayoutError {
    Option(u8),
    Size(usize),
    MissingSize,
    Alignment,
    AlignmentOfNothing,
}

impl LayoutError {
    #[cold]
    fn raise(self, call: &mut Call<'_>) -> LuaError {
        match self {
            LayoutError::Option(option) => call.error([&b"invalid format option '"[..], &[option], &b"'"[..]].concat()),
            LayoutError::Size(size) => {
                call.error(format!("integral size ({size}) out of limits [1,{INTEGER_SIZE_MAX}]"))
            }
            LayoutError::MissingSize => call.error("missing size for format option 'c'"),
            LayoutError::Alignment => call.arg_error(1, "format asks for alignment not power of 2"),
            LayoutError::AlignmentOfNothing => call.arg_error(1, "invalid next option for option 'X'"),
        }
    }
}

/// A format being read. What is wrong with it is kept here, so that fields come out one by one without a detour.
struct Layout<'a> {
    /// What is still to be read. As in the reference, a zero byte ends a format.
    rest: &'a [u8],
    little: bool,
    alignment_max: usize,
    error: Option<LayoutError>,
}

impl<'a> Layout<'a> {
    fn new(format: &'a [u8]) -> Layout<'a> {
        let end = memchr::memchr(0, format).unwrap_or(format.len());
        Layout { rest: &format[..end], little: cfg!(target_endian = "little"), alignment_max: 1, error: None }
    }

    /// The next field, when `offset` bytes lie before it; none at the end or at an error.
    fn next(&mut self, offset: usize) -> Option<Field> {
        let (item, size) = self.option()?;
        let mut alignment = size;
        if item == Item::Alignment {
            alignment = match self.option() {
                Some((next, size)) if next != Item::Fixed && size > 0 => size,
                _ if self.error.is_some() => return None,
                _ => return self.fail(LayoutError::AlignmentOfNothing),
            };
        }
        let mut padding = 0;
        if alignment > 1 && item != Item::Fixed {
            let alignment = alignment.min(self.alignment_max);
            if !alignment.is_power_of_two() {
                return self.fail(LayoutError::Alignment);
            }
            padding = offset.wrapping_neg() & (alignment - 1);
        }
        Some(Field { item, size, padding, little: self.little })
    }

    /// Whether the format was read to its end without an error.
    fn check(&self, call: &mut Call<'_>) -> Result<(), LuaError> {
        self.error.map_or(Ok(()), |error| Err(error.raise(call)))
    }

    #[cold]
    fn fail<T>(&mut self, error: LayoutError) -> Option<T> {
        self.error = Some(error);
        None
    }

    /// Reads an option and its size.
    fn option(&mut self) -> Option<(Item, usize)> {
        let (&letter, rest) = self.rest.split_first()?;
        self.rest = rest;
        Some(match letter {
            b'b' => (Item::Signed, 1),
            b'B' => (Item::Unsigned, 1),
            b'h' => (Item::Signed, 2),
            b'H' => (Item::Unsigned, 2),
            b'i' => (Item::Signed, self.limited_number(4)?),
            b'I' => (Item::Unsigned, self.limited_number(4)?),
            b'l' | b'j' => (Item::Signed, 8),
            b'L' | b'J' | b'T' => (Item::Unsigned, 8),
            b'f' => (Item::Single, 4),
            b'd' | b'n' => (Item::Double, 8),
            b's' => (Item::Counted, self.limited_number(8)?),
            b'c' => match self.number() {
                Some(size) => (Item::Fixed, size),
                None => return self.fail(LayoutError::MissingSize),
            },
            b'z' => (Item::Terminated, 0),
            b'x' => (Item::Padding, 1),
            b'X' => (Item::Alignment, 0),
            b' ' => (Item::Nothing, 0),
            b'<' | b'>' | b'=' => {
                self.little = letter == b'<' || letter == b'=' && cfg!(target_endian = "little");
                (Item::Nothing, 0)
            }
            b'!' => {
                self.alignment_max = self.limited_number(NATIVE_ALIGNMENT)?;
                (Item::Nothing, 0)
            }
            _ => return self.fail(LayoutError::Option(letter)),
        })
    }

    /// A number, if one follows; it stops before it could pass [`SIZE_MAX`].
    fn number(&mut self) -> Option<usize> {
        let mut value = None;
        while let Some((&digit @ b'0'..=b'9', rest)) = self.rest.split_first() {
            let before = value.unwrap_or(0);
            if before > (SIZE_MAX - 9) / 10 {
                break;
            }
            value = Some(before * 10 + (digit - b'0') as usize);
            self.rest = rest;
        }
        value
    }

    fn limited_number(&mut self, default: usize) -> Option<usize> {
        match self.number() {
            None => Some(default),
            Some(size @ 1..=INTEGER_SIZE_MAX) => Some(size),
            Some(size) => self.fail(LayoutError::Size(size)),
        }
    }
}

/// Appends the low `field.size` bytes of a number.
fn put_integer(out: &mut Vec<u8>, field: Field, value: u128) {
    let size = field.size;
    if field.little {
        out.extend_from_slice(&value.to_le_bytes()[..size]);
    } else {
        out.extend_from_slice(&value.to_be_bytes()[INTEGER_SIZE_MAX - size..]);
    }
}

/// `string.pack(format, v1, v2, ...) -> string`.
/// Errors: those of formats; `integer overflow`, `unsigned overflow`, `string longer than given size`, `string length
/// does not fit in given size`, `string contains zeros`.
/// Source: manual §6.4.2.
pub(super) fn pack(call: &mut Call<'_>) -> NativeResult {
    let mut layout = Layout::new(call.check_string(1)?.as_bytes());
    // As in the reference, the first argument that is missing counts as nil.
    call.set_count(call.count() + 1);
    let mut out = Vec::with_capacity(64);
    let mut pos = 1;
    while let Some(field) = layout.next(out.len()) {
        call.check_size(out.len() + field.padding + field.size)?;
        if out.try_reserve(field.padding + field.size).is_err() {
            // No limit was passed, yet there is no such memory.
            call.check_size(usize::MAX)?;
        }
        out.resize(out.len() + field.padding, 0);
        if field.item.has_value() {
            pos += 1;
        }
        match field.item {
            Item::Signed | Item::Unsigned => pack_integer(call, &mut out, field, pos)?,
            Item::Single | Item::Double => {
                let value = call.check_number(pos)?;
                let single = field.item == Item::Single;
                let bits = if single { (value as f32).to_bits() as u128 } else { value.to_bits() as u128 };
                put_integer(&mut out, field, bits);
            }
            Item::Fixed | Item::Counted | Item::Terminated => pack_string(call, &mut out, field, pos)?,
            Item::Padding => out.push(0),
            Item::Alignment | Item::Nothing => {}
        }
    }
    layout.check(call)?;
    let text = call.string(&out)?;
    call.ret1(text)
}

fn pack_integer(call: &mut Call<'_>, out: &mut Vec<u8>, field: Field, pos: usize) -> Result<(), LuaError> {
    let value = call.check_integer(pos)?;
    let is_signed = field.item == Item::Signed;
    if field.size < LUA_INTEGER_SIZE {
        let bits = field.size as u32 * 8;
        if is_signed && value >> (bits - 1) != value >> 63 {
            return Err(call.arg_error(pos, "integer overflow"));
        }
        if !is_signed && value as u64 >> bits != 0 {
            return Err(call.arg_error(pos, "unsigned overflow"));
        }
    }
    put_integer(out, field, if is_signed { value as i128 as u128 } else { value as u64 as u128 });
    Ok(())
}

fn pack_string(call: &mut Call<'_>, out: &mut Vec<u8>, field: Field, pos: usize) -> Result<(), LuaError> {
    let text = call.check_string(pos)?.as_bytes();
    call.check_size(out.len() + field.size + text.len() + 1)?;
    match field.item {
        Item::Fixed => {
            if text.len() > field.size {
                return Err(call.arg_error(pos, "string longer than given size"));
            }
            out.extend_from_slice(text);
            out.resize(out.len() + (field.size - text.len()), 0);
        }
        Item::Counted => {
            if field.size < LUA_INTEGER_SIZE && text.len() >> (field.size * 8) != 0 {
                return Err(call.arg_error(pos, "string length does not fit in given size"));
            }
            put_integer(out, field, text.len() as u128);
            out.extend_from_slice(text);
        }
        _ => {
            if memchr::memchr(0, text).is_some() {
                return Err(call.arg_error(pos, "string contains zeros"));
            }
            out.extend_from_slice(text);
            out.push(0);
        }
    }
    Ok(())
}

/// `string.packsize(format) -> integer`: the length of what `pack` makes.
/// Errors: those of formats; `variable-length format`, `format result too large`.
/// Source: manual §6.4.2.
pub(super) fn packsize(call: &mut Call<'_>) -> NativeResult {
    let mut layout = Layout::new(call.check_string(1)?.as_bytes());
    let mut total = 0;
    while let Some(field) = layout.next(total) {
        if matches!(field.item, Item::Counted | Item::Terminated) {
            return Err(call.arg_error(1, "variable-length format"));
        }
        let size = field.size + field.padding;
        if total > SIZE_MAX - size {
            return Err(call.arg_error(1, "format result too large"));
        }
        total += size;
    }
    layout.check(call)?;
    call.ret1(total as i64)
}

/// `string.unpack(format, s [, pos]) -> values, position behind the last one`.
/// Units: positions are 1-based and in bytes; a negative one counts from the end.
/// Errors: those of formats; `initial position out of string`, `data string too short`, `unfinished string for format
/// 'z'`, `%d-byte integer does not fit into Lua Integer`, `stack overflow (too many results)`.
/// Source: manual §6.4.2.
pub(super) fn unpack(call: &mut Call<'_>) -> NativeResult {
    unpack_with(call, false)
}

/// As `string.unpack`, but `z` takes a string without its final zero, as Lua 5.3 did: the position is then one behind
/// the end of the data, by which callers know.
pub fn unpack_unfinished(call: &mut Call<'_>) -> NativeResult {
    unpack_with(call, true)
}

fn unpack_with(call: &mut Call<'_>, takes_unfinished: bool) -> NativeResult {
    let mut layout = Layout::new(call.check_string(1)?.as_bytes());
    let data = call.check_string(2)?.as_bytes();
    let mut at = start_position(call.opt_integer(3, 1)?, data.len()) - 1;
    if at > data.len() {
        return Err(call.arg_error(3, "initial position out of string"));
    }
    let mut count = 0;
    while let Some(field) = layout.next(at) {
        if at > data.len() || field.padding + field.size > data.len() - at {
            return Err(call.arg_error(2, "data string too short"));
        }
        at += field.padding;
        if call.reserve(2).is_err() {
            return Err(call.error("stack overflow (too many results)"));
        }
        let is_unfinished = matches!(field.item, Item::Terminated) && memchr::memchr(0, &data[at..]).is_none();
        let value = if takes_unfinished && is_unfinished {
            Some((call.string(&data[at..])?, data.len() - at + 1))
        } else {
            unpack_field(call, field, &data[at..])?
        };
        if let Some((value, size)) = value {
            call.push(value);
            count += 1;
            at += size;
        } else {
            at += field.size;
        }
    }
    layout.check(call)?;
    call.push(at as i64 + 1);
    call.ret_pushed(count + 1)
}

/// The value at the start of `data`, which has at least the field's size, and how many bytes it takes.
fn unpack_field<'gc>(call: &mut Call<'gc>, field: Field, data: &[u8]) -> Result<Option<(Value<'gc>, usize)>, LuaError> {
    let bytes = &data[..field.size];
    let found = match field.item {
        Item::Signed | Item::Unsigned => (Value::integer(get_integer(call, field, bytes)?), field.size),
        Item::Single => (Value::float(f32::from_bits(get_word(field, bytes) as u32) as f64), field.size),
        Item::Double => (Value::float(f64::from_bits(get_word(field, bytes))), field.size),
        Item::Fixed => (call.string(bytes)?, field.size),
        Item::Counted => {
            let len = get_integer(call, field, bytes)? as u64;
            if len > (data.len() - field.size) as u64 {
                return Err(call.arg_error(2, "data string too short"));
            }
            let end = field.size + len as usize;
            (call.string(&data[field.size..end])?, end)
        }
        Item::Terminated => match memchr::memchr(0, data) {
            Some(end) => (call.string(&data[..end])?, end + 1),
            None => return Err(call.arg_error(2, "unfinished string for format 'z'")),
        },
        Item::Padding | Item::Alignment | Item::Nothing => return Ok(None),
    };
    Ok(Some(found))
}

/// The bytes of a field as a number without sign.
fn get_bits(field: Field, bytes: &[u8]) -> u128 {
    // Byte by byte: put together in memory and read as a whole, it would make the processor wait.
    let fold = |number: u128, &byte: &u8| number << 8 | byte as u128;
    if field.little { bytes.iter().rev().fold(0, fold) } else { bytes.iter().fold(0, fold) }
}

/// The same for at most eight bytes.
fn get_word(field: Field, bytes: &[u8]) -> u64 {
    let fold = |number: u64, &byte: &u8| number << 8 | byte as u64;
    if field.little { bytes.iter().rev().fold(0, fold) } else { bytes.iter().fold(0, fold) }
}

fn get_integer(call: &mut Call<'_>, field: Field, bytes: &[u8]) -> Result<i64, LuaError> {
    let size = field.size;
    if size <= LUA_INTEGER_SIZE {
        let unused = if field.item == Item::Signed { (LUA_INTEGER_SIZE - size) as u32 * 8 } else { 0 };
        return Ok((get_word(field, bytes) << unused) as i64 >> unused);
    }
    let bits = get_bits(field, bytes);
    let value = if field.item == Item::Signed {
        let unused = (INTEGER_SIZE_MAX - size) as u32 * 8;
        i64::try_from((bits << unused) as i128 >> unused).ok()
    } else {
        u64::try_from(bits).ok().map(|value| value as i64)
    };
    value.ok_or_else(|| call.error(format!("{size}-byte integer does not fit into Lua Integer")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields(format: &str) -> Result<Vec<(Item, usize, usize)>, LayoutError> {
        let (mut layout, mut offset, mut all) = (Layout::new(format.as_bytes()), 0, Vec::new());
        while let Some(field) = layout.next(offset) {
            offset += field.padding + field.size;
            all.push((field.item, field.padding, field.size));
        }
        layout.error.map_or(Ok(all), Err)
    }

    #[test]
    fn alignment_is_limited_and_follows_the_offset() {
        let expected = vec![
            (Item::Nothing, 0, 0),
            (Item::Signed, 0, 1),
            (Item::Signed, 3, 8),
            (Item::Alignment, 0, 0),
            (Item::Signed, 0, 4),
        ];
        assert_eq!(fields("!4bi8Xi2i"), Ok(expected));
    }

    #[test]
    fn a_number_stops_before_it_overflows() {
        assert_eq!(fields("c2147483639"), Ok(vec![(Item::Fixed, 0, 2_147_483_639)]));
        assert_eq!(fields("c21474836470"), Err(LayoutError::Option(b'7')));
        assert_eq!(fields("i0"), Err(LayoutError::Size(0)));
        assert_eq!(fields("i017"), Err(LayoutError::Size(17)));
    }

    #[test]
    fn a_zero_ends_a_format() {
        assert_eq!(fields("b\0?"), Ok(vec![(Item::Signed, 0, 1)]));
    }
}
