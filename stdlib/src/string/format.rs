//! `string.format`, manual §6.4, with C's conversions done exactly.

use crate::base::number_text;
use perilune_vm::number::Number;
use perilune_vm::{Call, Kind, LuaError, NativeResult, Step, Value};

/// Longest conversion specification, as the reference has it.
const SPEC_LEN_MAX: usize = 22;
/// Flags that each kind of conversion takes.
const FLOAT_FLAGS: &[u8] = b"-+#0 ";
const HEX_FLAGS: &[u8] = b"-#0";
const INTEGER_FLAGS: &[u8] = b"-+0 ";
const UNSIGNED_FLAGS: &[u8] = b"-0";
const TEXT_FLAGS: &[u8] = b"-";

/// One conversion: flags, width, precision, letter.
#[derive(Clone, Copy, Default, Debug)]
struct Spec {
    left: bool,
    plus: bool,
    space: bool,
    alternate: bool,
    zero: bool,
    width: usize,
    precision: Option<usize>,
    letter: u8,
}

/// `string.format(format, ...) -> string`.
/// Errors: `invalid conversion '…' to 'format'`, `no value`, those of the arguments' types.
/// Source: manual §6.4; C's `printf` for the conversions.
pub(crate) fn format(call: &mut Call<'_>) -> NativeResult {
    call.check_string(1)?;
    Box::new(Format { at: 0, pos: 1, out: Vec::new(), form: Vec::new() }).run(call)
}

/// A format under way.
struct Format {
    /// Where in the format string.
    at: usize,
    /// Argument used last.
    pos: usize,
    out: Vec<u8>,
    /// Specification of the `%s` whose text is being made.
    form: Vec<u8>,
}

impl Format {
    fn run(mut self: Box<Self>, call: &mut Call<'_>) -> NativeResult {
        let template = call.check_string(1)?.as_bytes();
        while let Some(distance) = memchr::memchr(b'%', &template[self.at..]) {
            self.out.extend_from_slice(&template[self.at..self.at + distance]);
            self.at += distance + 1;
            if template.get(self.at) == Some(&b'%') {
                self.out.push(b'%');
                self.at += 1;
                continue;
            }
            self.pos += 1;
            if self.pos > call.count() {
                return Err(call.arg_error(self.pos, "no value"));
            }
            let form = self.read_form(call, template)?;
            if form.last() == Some(&b's') {
                let value = call.arg(self.pos);
                match call.try_text(value)? {
                    Some(text) => self.string(call, form, text)?,
                    None => {
                        self.form = form.to_vec();
                        return call.to_text_then(value, self);
                    }
                }
                continue;
            }
            self.convert(call, form)?;
            call.check_size(self.out.len())?;
        }
        self.out.extend_from_slice(&template[self.at..]);
        let text = call.string(&self.out)?;
        call.ret1(text)
    }

    /// Reads a specification behind its `%`: flags, digits, dots, and one byte more, which is the letter.
    fn read_form<'t>(&mut self, call: &mut Call<'_>, template: &'t [u8]) -> Result<&'t [u8], LuaError> {
        let rest = &template[self.at..];
        let len = rest.iter().take_while(|byte| b"-+#0 123456789.".contains(byte)).count() + 1;
        if len >= SPEC_LEN_MAX {
            return Err(call.error("invalid format (too long)"));
        }
        let form = &rest[..len.min(rest.len())];
        self.at += form.len();
        Ok(form)
    }

    /// `%s`
    fn string(&mut self, call: &mut Call<'_>, form: &[u8], text: Value<'_>) -> Result<(), LuaError> {
        let Some(text) = text.as_str() else { return Ok(()) };
        let text = text.as_bytes();
        let mut spec = Spec::default();
        if form.len() > 1 {
            if text.contains(&0) {
                return Err(call.arg_error(self.pos, "string contains zeros"));
            }
            spec = parse_spec(call, form, TEXT_FLAGS, true)?;
        }
        call.check_size(self.out.len() + text.len())?;
        let text = &text[..spec.precision.map_or(text.len(), |precision| precision.min(text.len()))];
        pad(&mut self.out, text, spec, false);
        Ok(())
    }

    /// Any other conversion. The argument is looked at before the specification, but for `%c` and `%a`.
    fn convert(&mut self, call: &mut Call<'_>, form: &[u8]) -> Result<(), LuaError> {
        let pos = self.pos;
        match form.last() {
            Some(b'd' | b'i') => {
                let value = call.check_integer(pos)?;
                integer(&mut self.out, parse_spec(call, form, INTEGER_FLAGS, true)?, value);
            }
            Some(b'u') => {
                let value = call.check_integer(pos)? as u64;
                let spec = parse_spec(call, form, UNSIGNED_FLAGS, true)?;
                digits_with_precision(&mut self.out, spec, "", "", value.to_string(), value == 0);
            }
            Some(b'c') => {
                let spec = parse_spec(call, form, TEXT_FLAGS, false)?;
                let byte = call.check_integer(pos)? as u8;
                pad(&mut self.out, &[byte], spec, false);
            }
            Some(b'x' | b'X' | b'o') => {
                let value = call.check_integer(pos)? as u64;
                unsigned(&mut self.out, parse_spec(call, form, HEX_FLAGS, true)?, value);
            }
            Some(b'a' | b'A') => {
                let spec = parse_spec(call, form, FLOAT_FLAGS, true)?;
                float(&mut self.out, spec, call.check_number(pos)?);
            }
            Some(b'e' | b'E' | b'f' | b'g' | b'G') => {
                let value = call.check_number(pos)?;
                float(&mut self.out, parse_spec(call, form, FLOAT_FLAGS, true)?, value);
            }
            Some(b'p') => {
                let address = call.arg(pos).address();
                let text = if address == 0 { "(null)".to_owned() } else { format!("{address:#x}") };
                pad(&mut self.out, text.as_bytes(), parse_spec(call, form, TEXT_FLAGS, false)?, false);
            }
            Some(b'q') if form.len() > 1 => return Err(call.error("specifier '%q' cannot have modifiers")),
            Some(b'q') => self.quoted(call)?,
            _ => {
                let form = form.split(|&byte| byte == 0).next().unwrap_or(b"");
                return Err(call.error([b"invalid conversion '%", form, b"' to 'format'"].concat()));
            }
        }
        Ok(())
    }

    /// `%q`: a literal that reads back as the value.
    fn quoted(&mut self, call: &mut Call<'_>) -> Result<(), LuaError> {
        match call.arg(self.pos).kind() {
            Kind::String(text) => quote(&mut self.out, text.as_bytes()),
            Kind::Integer(i64::MIN) => self.out.extend_from_slice(b"0x8000000000000000"),
            Kind::Integer(value) => number_text(Number::Integer(value), &mut self.out),
            Kind::Float(value) => {
                if value == f64::INFINITY {
                    self.out.extend_from_slice(b"1e9999");
                } else if value == f64::NEG_INFINITY {
                    self.out.extend_from_slice(b"-1e9999");
                } else if value.is_nan() {
                    self.out.extend_from_slice(b"(0/0)");
                } else if value.fract() == 0.0 && value.abs() < 9.2e18 {
                    // An integral float reads back from its hexadecimal form.
                    self.out.extend_from_slice(hex_float(value, None, false).as_bytes());
                } else {
                    self.out.extend_from_slice(hex_float(value, None, false).as_bytes());
                }
            }
            Kind::Nil => self.out.extend_from_slice(b"nil"),
            Kind::Boolean(value) => self.out.extend_from_slice(if value { b"true" } else { b"false" }),
            _ => return Err(call.arg_error(self.pos, "value has no literal form")),
        }
        Ok(())
    }
}

impl Step for Format {
    fn step<'gc>(mut self: Box<Self>, call: &mut Call<'gc>) -> NativeResult {
        let (form, text) = (std::mem::take(&mut self.form), call.result(1));
        self.string(call, &form, text)?;
        self.run(call)
    }
}

/// Takes a specification apart.
/// Errors: `invalid conversion specification: '…'`, for a flag, width or precision that the letter does not take.
fn parse_spec(call: &mut Call<'_>, form: &[u8], flags: &[u8], precision: bool) -> Result<Spec, LuaError> {
    let mut spec = Spec { letter: form.last().copied().unwrap_or(0), ..Spec::default() };
    let mut rest = form;
    while let Some((flag, behind)) = rest.split_first()
        && flags.contains(flag)
    {
        match flag {
            b'-' => spec.left = true,
            b'+' => spec.plus = true,
            b' ' => spec.space = true,
            b'#' => spec.alternate = true,
            _ => spec.zero = true,
        }
        rest = behind;
    }
    if rest.first() != Some(&b'0') {
        spec.width = two_digits(&mut rest);
        if precision && let Some((b'.', behind)) = rest.split_first() {
            rest = behind;
            spec.precision = Some(two_digits(&mut rest));
        }
    }
    if rest.first().is_some_and(u8::is_ascii_alphabetic) {
        return Ok(spec);
    }
    Err(call.error([b"invalid conversion specification: '%", form, b"'"].concat()))
}

/// A number of at most two digits.
fn two_digits(rest: &mut &[u8]) -> usize {
    let len = rest.iter().take(2).take_while(|byte| byte.is_ascii_digit()).count();
    let (digits, behind) = rest.split_at(len);
    *rest = behind;
    digits.iter().fold(0, |value, digit| value * 10 + (digit - b'0') as usize)
}

/// Appends a text in its width; `zeros` allows filling with zeros behind the sign.
fn pad(out: &mut Vec<u8>, text: &[u8], spec: Spec, zeros: bool) {
    let fill = spec.width.saturating_sub(text.len());
    if spec.left {
        out.extend_from_slice(text);
        out.extend(std::iter::repeat_n(b' ', fill));
    } else if zeros && spec.zero {
        let digits_at = match text {
            [b'+' | b'-' | b' ', b'0', b'x' | b'X', ..] => 3,
            [b'0', b'x' | b'X', ..] => 2,
            [b'+' | b'-' | b' ', ..] => 1,
            _ => 0,
        };
        out.extend_from_slice(&text[..digits_at]);
        out.extend(std::iter::repeat_n(b'0', fill));
        out.extend_from_slice(&text[digits_at..]);
    } else {
        out.extend(std::iter::repeat_n(b' ', fill));
        out.extend_from_slice(text);
    }
}

fn sign_of(spec: Spec, negative: bool) -> &'static str {
    match (negative, spec.plus, spec.space) {
        (true, ..) => "-",
        (_, true, _) => "+",
        (_, _, true) => " ",
        _ => "",
    }
}

fn integer(out: &mut Vec<u8>, spec: Spec, value: i64) {
    if spec.width == 0 && spec.precision.is_none() && !spec.plus && !spec.space {
        number_text(Number::Integer(value), out);
        return;
    }
    let digits = value.unsigned_abs().to_string();
    digits_with_precision(out, spec, sign_of(spec, value < 0), "", digits, value == 0);
}

fn unsigned(out: &mut Vec<u8>, spec: Spec, value: u64) {
    let (prefix, digits) = match spec.letter {
        b'x' => ("0x", format!("{value:x}")),
        b'X' => ("0X", format!("{value:X}")),
        _ => ("0", format!("{value:o}")),
    };
    // An octal number's zero is one of the digits that the precision asks for.
    let enough = spec.letter == b'o' && spec.precision.is_some_and(|precision| precision > digits.len());
    let bare = value == 0 && !(spec.letter == b'o' && spec.precision == Some(0));
    let prefix = if spec.alternate && !bare && !enough { prefix } else { "" };
    digits_with_precision(out, spec, "", prefix, digits, value == 0);
}

fn digits_with_precision(out: &mut Vec<u8>, spec: Spec, sign: &str, prefix: &str, digits: String, is_zero: bool) {
    let digits = match spec.precision {
        Some(0) if is_zero => String::new(),
        Some(precision) => format!("{digits:0>precision$}"),
        None => digits,
    };
    let text = format!("{sign}{prefix}{digits}");
    pad(out, text.as_bytes(), spec, spec.precision.is_none());
}

fn float(out: &mut Vec<u8>, spec: Spec, value: f64) {
    let upper = spec.letter.is_ascii_uppercase();
    if !value.is_finite() {
        let name = match (value.is_nan(), upper) {
            (true, false) => "nan",
            (true, true) => "NAN",
            (false, false) => "inf",
            (false, true) => "INF",
        };
        let text = format!("{}{name}", sign_of(spec, value.is_sign_negative()));
        pad(out, text.as_bytes(), spec, false);
        return;
    }
    let sign = sign_of(spec, value.is_sign_negative());
    let magnitude = value.abs();
    let precision = spec.precision.unwrap_or(6);
    let body = match spec.letter.to_ascii_lowercase() {
        b'f' => {
            let dot = if spec.alternate && precision == 0 { "." } else { "" };
            format!("{magnitude:.precision$}{dot}")
        }
        b'e' => exponential(magnitude, precision, spec.alternate),
        b'g' => general(magnitude, precision.max(1), spec.alternate),
        _ => hex_float(magnitude, spec.precision, spec.alternate),
    };
    let body = if upper { body.to_ascii_uppercase() } else { body };
    pad(out, format!("{sign}{body}").as_bytes(), spec, true);
}

/// C's `%e`.
fn exponential(value: f64, precision: usize, alternate: bool) -> String {
    let text = format!("{value:.precision$e}");
    let (mantissa, exponent) = text.split_once('e').unwrap_or((&text, "0"));
    let (sign, digits) = match exponent.strip_prefix('-') {
        Some(digits) => ('-', digits),
        None => ('+', exponent),
    };
    let dot = if alternate && precision == 0 { "." } else { "" };
    format!("{mantissa}{dot}e{sign}{digits:0>2}")
}

/// C's `%g`.
fn general(value: f64, precision: usize, alternate: bool) -> String {
    let digits = precision - 1;
    let text = format!("{value:.digits$e}");
    let exponent: i32 = text.split_once('e').and_then(|(_, exponent)| exponent.parse().ok()).unwrap_or(0);
    if exponent < -4 || exponent >= precision as i32 {
        let text = exponential(value, precision - 1, alternate);
        if alternate {
            return text;
        }
        let (mantissa, exponent) = text.split_once('e').unwrap_or((&text, "+00"));
        return format!("{}e{exponent}", trim_zeros(mantissa));
    }
    let decimals = (precision as i32 - 1 - exponent) as usize;
    let text = format!("{value:.decimals$}");
    if alternate {
        return if text.contains('.') { text } else { text + "." };
    }
    trim_zeros(&text).to_owned()
}

fn trim_zeros(text: &str) -> &str {
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.') } else { text }
}

/// C's `%a`.
fn hex_float(value: f64, precision: Option<usize>, alternate: bool) -> String {
    let sign = if value.is_sign_negative() { "-" } else { "" };
    let bits = value.to_bits();
    let raw_exponent = (bits >> 52 & 0x7ff) as i64;
    let mut mantissa = bits & ((1 << 52) - 1);
    let (mut lead, exponent) = match raw_exponent {
        0 if mantissa == 0 => (0u64, 0),
        0 => (0, -1022),
        _ => (1, raw_exponent - 1023),
    };
    let mut digits = match precision {
        Some(precision) if precision < 13 => {
            let cut = (13 - precision) * 4;
            let whole = lead << 52 | mantissa;
            let (kept, rest, half) = (whole >> cut, whole & ((1 << cut) - 1), 1u64 << (cut - 1));
            let up = rest > half || rest == half && kept & 1 == 1;
            let rounded = (kept + up as u64) << cut;
            lead = rounded >> 52;
            mantissa = rounded & ((1 << 52) - 1);
            format!("{mantissa:013x}")[..precision].to_owned()
        }
        Some(precision) => format!("{mantissa:013x}{}", "0".repeat(precision - 13)),
        None => format!("{mantissa:013x}").trim_end_matches('0').to_owned(),
    };
    if !digits.is_empty() || alternate {
        digits.insert(0, '.');
    }
    format!("{sign}0x{lead}{digits}p{exponent:+}")
}

/// A quoted string that reads back.
fn quote(out: &mut Vec<u8>, text: &[u8]) {
    out.push(b'"');
    for (idx, &byte) in text.iter().enumerate() {
        match byte {
            b'"' | b'\\' | b'\n' => out.extend_from_slice(&[b'\\', byte]),
            0 if !text.get(idx + 1).is_some_and(u8::is_ascii_digit) => out.extend_from_slice(b"\\0"),
            _ if byte.is_ascii_control() => {
                if text.get(idx + 1).is_some_and(u8::is_ascii_digit) {
                    out.extend_from_slice(format!("\\{byte:03}").as_bytes());
                } else {
                    out.extend_from_slice(format!("\\{byte}").as_bytes());
                }
            }
            _ => out.push(byte),
        }
    }
    out.push(b'"');
}
