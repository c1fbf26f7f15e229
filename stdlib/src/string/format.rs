//! `string.format`, manual §6.4, with C's conversions done exactly.

use crate::base::number_text;
use perilune_vm::number::Number;
use perilune_vm::{Call, Kind, LuaError, NativeResult, Step, Value};

/// Longest conversion specification, as the reference has it.
const SPEC_LEN_MAX: usize = 22;

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
    Box::new(Format { at: 0, pos: 1, out: Vec::new(), spec: Spec::default() }).run(call)
}

/// A format under way.
struct Format {
    /// Where in the format string.
    at: usize,
    /// Argument used last.
    pos: usize,
    out: Vec<u8>,
    /// The `%s` whose text is being made.
    spec: Spec,
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
            let start = self.at;
            let spec = parse_spec(template, &mut self.at);
            self.pos += 1;
            if self.pos > call.count() {
                return Err(call.arg_error(self.pos, "no value"));
            }
            let Some(spec) = spec else { return Err(invalid(call, template, start, self.at)) };
            if spec.letter == b's' {
                let value = call.arg(self.pos);
                match call.try_text(value)? {
                    Some(text) => self.string(call, spec, text)?,
                    None => {
                        self.spec = spec;
                        return call.to_text_then(value, self);
                    }
                }
                continue;
            }
            if !self.convert(call, spec)? {
                return Err(invalid(call, template, start, self.at));
            }
            call.check_size(self.out.len())?;
        }
        self.out.extend_from_slice(&template[self.at..]);
        let text = call.string(&self.out)?;
        call.ret1(text)
    }

    /// `%s`
    fn string(&mut self, call: &mut Call<'_>, spec: Spec, text: Value<'_>) -> Result<(), LuaError> {
        let Some(text) = text.as_str() else { return Ok(()) };
        let text = text.as_bytes();
        let has_modifiers = spec.width > 0 || spec.precision.is_some() || spec.left;
        if has_modifiers && text.contains(&0) {
            return Err(call.arg_error(self.pos, "string contains zeros"));
        }
        call.check_size(self.out.len() + text.len())?;
        let text = &text[..spec.precision.map_or(text.len(), |precision| precision.min(text.len()))];
        pad(&mut self.out, text, spec, false);
        Ok(())
    }

    /// Any other conversion; false when there is no such.
    fn convert(&mut self, call: &mut Call<'_>, spec: Spec) -> Result<bool, LuaError> {
        let pos = self.pos;
        match spec.letter {
            b'd' | b'i' if !spec.alternate => integer(&mut self.out, spec, call.check_integer(pos)?),
            b'u' => return Ok(false),
            b'c' if !spec.zero && !spec.plus && !spec.space && !spec.alternate && spec.precision.is_none() => {
                let byte = call.check_integer(pos)? as u8;
                pad(&mut self.out, &[byte], spec, false);
            }
            b'x' | b'X' | b'o' if !spec.plus && !spec.space => {
                unsigned(&mut self.out, spec, call.check_integer(pos)? as u64);
            }
            b'e' | b'E' | b'f' | b'F' | b'g' | b'G' | b'a' | b'A' => {
                let value = call.check_number(pos)?;
                float(&mut self.out, spec, value);
            }
            b'p' if !spec.zero && !spec.plus && !spec.space && !spec.alternate && spec.precision.is_none() => {
                let address = call.check_any(pos)?.address();
                let text = if address == 0 { "(null)".to_owned() } else { format!("{address:#x}") };
                pad(&mut self.out, text.as_bytes(), spec, false);
            }
            b'q' => {
                if spec.width > 0
                    || spec.precision.is_some()
                    || spec.left
                    || spec.zero
                    || spec.plus
                    || spec.space
                    || spec.alternate
                {
                    return Err(call.error("specifier '%q' cannot have modifiers"));
                }
                self.quoted(call)?;
            }
            _ => return Ok(false),
        }
        Ok(true)
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
        let (spec, text) = (self.spec, call.result(1));
        self.string(call, spec, text)?;
        self.run(call)
    }
}

fn invalid(call: &mut Call<'_>, template: &[u8], start: usize, end: usize) -> LuaError {
    let end = end.min(template.len());
    let spec = &template[start - 1..end];
    if spec.len() > SPEC_LEN_MAX {
        return call.error("invalid format string to 'format'");
    }
    call.error([b"invalid conversion '", spec, b"' to 'format'"].concat())
}

/// Reads a specification behind its `%`; `at` ends up behind the letter.
fn parse_spec(template: &[u8], at: &mut usize) -> Option<Spec> {
    let mut spec = Spec::default();
    let start = *at;
    while let Some(&byte) = template.get(*at) {
        match byte {
            b'-' => spec.left = true,
            b'+' => spec.plus = true,
            b' ' => spec.space = true,
            b'#' => spec.alternate = true,
            b'0' => spec.zero = true,
            _ => break,
        }
        *at += 1;
    }
    let digits = |at: &mut usize| {
        let mut value = 0;
        for _ in 0..2 {
            match template.get(*at) {
                Some(&digit @ b'0'..=b'9') => value = value * 10 + (digit - b'0') as usize,
                _ => break,
            }
            *at += 1;
        }
        value
    };
    spec.width = digits(at);
    if template.get(*at) == Some(&b'.') {
        *at += 1;
        spec.precision = Some(digits(at));
    }
    spec.letter = template.get(*at).copied().unwrap_or(0);
    *at += 1;
    (spec.letter != 0 && *at - start < SPEC_LEN_MAX).then_some(spec)
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
    let prefix = if spec.alternate && value != 0 { prefix } else { "" };
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
