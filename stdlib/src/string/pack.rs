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

/// A format being read.
struct Layout<'a> {
    /// What is still to be read. As in the reference, a zero byte ends a format.
    rest: &'a [u8],
    little: bool,
    alignment_max: usize,
}

impl<'a> Layout<'a> {
    fn new(format: &'a [u8]) -> Layout<'a> {
        let end = memchr::memchr(0, format).unwrap_or(format.len());
        Layout { rest: &format[..end], little: cfg!(target_endian = "little"), alignment_max: 1 }
    }

    /// The next field, when `offset` bytes lie before it.
    fn next(&mut self, offset: usize) -> Result<Option<Field>, LayoutError> {
        let Some((item, size)) = self.option()? else { return Ok(None) };
        let mut alignment = size;
        if item == Item::Alignment {
            alignment = match self.option()? {
                Some((next, size)) if next != Item::Fixed && size > 0 => size,
                _ => return Err(LayoutError::AlignmentOfNothing),
            };
        }
        let mut padding = 0;
        if alignment > 1 && item != Item::Fixed {
            let alignment = alignment.min(self.alignment_max);
            if !alignment.is_power_of_two() {
                return Err(LayoutError::Alignment);
            }
            padding = offset.wrapping_neg() & (alignment - 1);
        }
        Ok(Some(Field { item, size, padding, little: self.little }))
    }

    /// Reads an option and its size.
    fn option(&mut self) -> Result<Option<(Item, usize)>, LayoutError> {
        let Some((&letter, rest)) = self.rest.split_first() else { return Ok(None) };
        self.rest = rest;
        let mut size = 0;
        let item = match letter {
            b'b' | b'h' | b'i' | b'l' | b'j' => Item::Signed,
            b'B' | b'H' | b'I' | b'L' | b'J' | b'T' => Item::Unsigned,
            b'f' => Item::Single,
            b'd' | b'n' => Item::Double,
            b's' => Item::Counted,
            b'c' => Item::Fixed,
            b'z' => Item::Terminated,
            b'x' => Item::Padding,
            b'X' => Item::Alignment,
            _ => Item::Nothing,
        };
        match letter {
            b'b' | b'B' | b'x' => size = 1,
            b'h' | b'H' => size = 2,
            b'f' => size = 4,
            b'l' | b'L' | b'j' | b'J' | b'T' | b'n' | b'd' => size = 8,
            b'i' | b'I' => size = self.limited_number(4)?,
            b's' => size = self.limited_number(8)?,
            b'c' => size = self.number().ok_or(LayoutError::MissingSize)?,
            b'z' | b'X' | b' ' => {}
            b'<' => self.little = true,
            b'>' => self.little = false,
            b'=' => self.little = cfg!(target_endian = "little"),
            b'!' => self.alignment_max = self.limited_number(NATIVE_ALIGNMENT)?,
            _ => return Err(LayoutError::Option(letter)),
        }
        Ok(Some((item, size)))
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

    fn limited_number(&mut self, default: usize) -> Result<usize, LayoutError> {
        match self.number() {
            None => Ok(default),
            Some(size @ 1..=INTEGER_SIZE_MAX) => Ok(size),
            Some(size) => Err(LayoutError::Size(size)),
        }
    }
}

/// Appends the low `field.size` bytes of a number.
fn put_integer(out: &mut Vec<u8>, field: Field, value: u128) {
    let bytes = value.to_le_bytes();
    let bytes = &bytes[..field.size];
    if field.little {
        out.extend_from_slice(bytes);
    } else {
        out.extend(bytes.iter().rev());
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
    while let Some(field) = layout.next(out.len()).map_err(|error| error.raise(call))? {
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
    while let Some(field) = layout.next(total).map_err(|error| error.raise(call))? {
        if matches!(field.item, Item::Counted | Item::Terminated) {
            return Err(call.arg_error(1, "variable-length format"));
        }
        let size = field.size + field.padding;
        if total > SIZE_MAX - size {
            return Err(call.arg_error(1, "format result too large"));
        }
        total += size;
    }
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
    while let Some(field) = layout.next(at).map_err(|error| error.raise(call))? {
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
    call.push(at as i64 + 1);
    call.ret_pushed(count + 1)
}

/// The value at the start of `data`, which has at least the field's size, and how many bytes it takes.
fn unpack_field<'gc>(call: &mut Call<'gc>, field: Field, data: &[u8]) -> Result<Option<(Value<'gc>, usize)>, LuaError> {
    let bytes = &data[..field.size];
    let found = match field.item {
        Item::Signed | Item::Unsigned => (Value::integer(get_integer(call, field, bytes)?), field.size),
        Item::Single => (Value::float(f32::from_bits(get_bits(field, bytes) as u32) as f64), field.size),
        Item::Double => (Value::float(f64::from_bits(get_bits(field, bytes) as u64)), field.size),
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
    let mut wide = [0; INTEGER_SIZE_MAX];
    wide[..bytes.len()].copy_from_slice(bytes);
    if !field.little {
        wide[..bytes.len()].reverse();
    }
    u128::from_le_bytes(wide)
}

fn get_integer(call: &mut Call<'_>, field: Field, bytes: &[u8]) -> Result<i64, LuaError> {
    let bits = get_bits(field, bytes);
    let value = if field.item == Item::Signed {
        let shift = (INTEGER_SIZE_MAX - field.size) as u32 * 8;
        i64::try_from((bits << shift) as i128 >> shift).ok()
    } else {
        u64::try_from(bits).ok().map(|value| value as i64)
    };
    let size = field.size;
    value.ok_or_else(|| call.error(format!("{size}-byte integer does not fit into Lua Integer")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields(format: &str) -> Result<Vec<(Item, usize, usize)>, LayoutError> {
        let (mut layout, mut offset, mut all) = (Layout::new(format.as_bytes()), 0, Vec::new());
        while let Some(field) = layout.next(offset)? {
            offset += field.padding + field.size;
            all.push((field.item, field.padding, field.size));
        }
        Ok(all)
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
