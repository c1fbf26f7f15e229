//! Templates of match lines: fields of a version made from what a pattern captured.
//!
//! A template is a letter, a delimiter, text, the delimiter again. In the text `$1` is a capture, and three helpers
//! make one fit for reading: `$P(1)` its printable bytes, `$SUBST(1,"_",".")` with one text for another, `$I(1,">")` as
//! a number. Bytes that can't be printed become dots, and what is too long is dropped.
//!
//! # Source
//! The format that Nmap's documentation describes.

use crate::regex::Groups;
use crate::result::Version;

/// Longest product, version, host name, CPE.
const FIELD_MAX: usize = 79;
/// Longest extra information.
const INFO_MAX: usize = 255;
/// Longest operating system and device type.
const KIND_MAX: usize = 31;
/// Bytes that `$I` takes for a number.
const NUMBER_BYTES_MAX: usize = 8;
/// Letters that may follow the closing delimiter.
const FLAGS_MAX: usize = 3;

/// One field.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Template<'a> {
    field: Field,
    text: &'a [u8],
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Field {
    Product,
    Version,
    Info,
    Hostname,
    System,
    Device,
    Cpe,
}

/// Whether the templates of a line can be read.
///
/// # Errors
/// What is wrong with them.
pub(super) fn check(text: &[u8]) -> Result<(), String> {
    Templates(text).try_for_each(|template| template.map(drop))
}

/// Fills a version from the templates of a line that matched.
pub(super) fn fill(templates: &[u8], subject: &[u8], groups: &Groups) -> Version {
    let mut version = Version { probed: true, confidence: 10, ..Version::default() };
    // One for each part: application, hardware, operating system.
    let mut cpes: [Option<String>; 3] = [None, None, None];
    for template in Templates(templates).flatten() {
        let is_cpe = template.field == Field::Cpe;
        let value = substitute(template.text, subject, groups, is_cpe).unwrap_or_default();
        let value = clean(&value, template.field);
        let slot = match template.field {
            Field::Product => &mut version.product,
            Field::Version => &mut version.version,
            Field::Info => &mut version.extra_info,
            Field::Hostname => &mut version.hostname,
            Field::System => &mut version.os_type,
            Field::Device => &mut version.device_type,
            Field::Cpe => match template.text.first() {
                Some(b'a') => &mut cpes[0],
                Some(b'h') => &mut cpes[1],
                _ => &mut cpes[2],
            },
        };
        *slot = value.map(|value| if is_cpe { format!("cpe:/{value}") } else { value });
    }
    version.cpes = cpes.into_iter().flatten().collect();
    version
}

/// The templates of a line, one after the other; it ends after the first that is wrong.
struct Templates<'a>(&'a [u8]);

impl<'a> Iterator for Templates<'a> {
    type Item = Result<Template<'a>, String>;

    fn next(&mut self) -> Option<Self::Item> {
        let start = self.0.iter().position(|byte| !byte.is_ascii_whitespace())?;
        let rest = std::mem::take(&mut self.0);
        match template(&rest[start..]) {
            Ok((template, rest)) => {
                self.0 = rest;
                Some(Ok(template))
            }
            Err(reason) => Some(Err(reason)),
        }
    }
}

fn template(rest: &[u8]) -> Result<(Template<'_>, &[u8]), String> {
    let (field, rest) = match rest {
        [b'c', b'p', b'e', b':', rest @ ..] => (Field::Cpe, rest),
        [letter, rest @ ..] => {
            let field = match letter {
                b'p' => Field::Product,
                b'v' => Field::Version,
                b'i' => Field::Info,
                b'h' => Field::Hostname,
                b'o' => Field::System,
                b'd' => Field::Device,
                _ => return Err(format!("unknown template {}", char::from(*letter).escape_default())),
            };
            (field, rest)
        }
        [] => return Err("a template is expected".into()),
    };
    let Some((delimiter, rest)) = rest.split_first() else { return Err("a template without text".into()) };
    if delimiter.is_ascii_alphanumeric() {
        return Err("a template's delimiter is wrong".into());
    }
    let end = memchr::memchr(*delimiter, rest).ok_or("a template without end")?;
    let (text, rest) = (&rest[..end], &rest[end + 1..]);
    let flags = rest.iter().position(u8::is_ascii_whitespace).unwrap_or(rest.len());
    if flags > FLAGS_MAX {
        return Err("too much behind a template".into());
    }
    Ok((Template { field, text }, &rest[flags..]))
}

/// The text with captures in place; `None` when one took no part or a helper is wrong.
fn substitute(text: &[u8], subject: &[u8], groups: &Groups, is_cpe: bool) -> Option<Vec<u8>> {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = memchr::memchr(b'$', rest) {
        out.extend_from_slice(&rest[..at]);
        let (value, behind) = expression(&rest[at + 1..], subject, groups)?;
        if is_cpe {
            push_cpe(&mut out, &value)
        } else {
            out.extend_from_slice(&value)
        }
        rest = behind;
    }
    out.extend_from_slice(rest);
    Some(out)
}

/// What stands behind a dollar sign, and the rest.
fn expression<'a>(rest: &'a [u8], subject: &[u8], groups: &Groups) -> Option<(Vec<u8>, &'a [u8])> {
    let capture = |digit: u8| -> Option<&[u8]> {
        let number = usize::from(digit.checked_sub(b'0').filter(|number| (1..=9).contains(number))?);
        let (start, end) = (*groups.get(number)?)?;
        subject.get(start..end)
    };
    if let [digit @ b'1'..=b'9', rest @ ..] = rest {
        return Some((capture(*digit)?.to_vec(), rest));
    }
    let open = memchr::memchr(b'(', rest)?;
    let (name, arguments) = (&rest[..open], &rest[open + 1..]);
    let (digit, arguments) = arguments.split_first()?;
    let value = capture(*digit)?;
    let mut texts = Vec::new();
    let mut arguments = arguments;
    while let [b',', behind @ ..] = arguments {
        let quoted = behind.trim_ascii_start().strip_prefix(b"\"")?;
        let end = memchr::memchr(b'"', quoted)?;
        texts.push(&quoted[..end]);
        arguments = &quoted[end + 1..];
    }
    let rest = arguments.strip_prefix(b")")?;
    let value = match (name, &texts[..]) {
        (b"P", []) => value.iter().copied().filter(|byte| matches!(byte, b' '..=b'~')).collect(),
        (b"SUBST", [from, to]) => replace(value, from, to),
        (b"I", [order]) if value.len() <= NUMBER_BYTES_MAX => {
            let fold = |sum: u64, byte: &u8| sum << 8 | u64::from(*byte);
            let number = match *order {
                b">" => value.iter().fold(0, fold),
                b"<" => value.iter().rev().fold(0, fold),
                _ => return None,
            };
            number.to_string().into_bytes()
        }
        _ => return None,
    };
    Some((value, rest))
}

fn replace(value: &[u8], from: &[u8], to: &[u8]) -> Vec<u8> {
    if from.is_empty() {
        return value.to_vec();
    }
    let (mut out, mut done) = (Vec::with_capacity(value.len()), 0);
    for at in memchr::memmem::find_iter(value, from) {
        out.extend_from_slice(&value[done..at]);
        out.extend_from_slice(to);
        done = at + from.len();
    }
    out.extend_from_slice(&value[done..]);
    out
}

/// A capture as part of a CPE: lower case, without what has a meaning there.
fn push_cpe(out: &mut Vec<u8>, value: &[u8]) {
    for &byte in value {
        match byte {
            b' ' => out.push(b'_'),
            b':' | b'/' | b'?' | b'#' | b'[' | b']' | b'@' | b'!' | b'$' | b'&' | b'\'' | b'(' | b')' | b'*' | b'+'
            | b',' | b';' | b'=' | b'%' | b'<' | b'>' | b'"' => {
                out.extend_from_slice(format!("%{byte:02X}").as_bytes());
            }
            byte => out.push(byte.to_ascii_lowercase()),
        }
    }
}

/// Printable, up to a NUL, without blanks and commas at the end; `None` when nothing is left or it is too long.
fn clean(value: &[u8], field: Field) -> Option<String> {
    let max = match field {
        Field::Info => INFO_MAX,
        Field::System | Field::Device => KIND_MAX,
        Field::Cpe => FIELD_MAX - "cpe:/".len(),
        Field::Product | Field::Version | Field::Hostname => FIELD_MAX,
    };
    // The reference keeps texts as C has them.
    let value = value.split(|&byte| byte == 0).next().unwrap_or_default();
    let printable = |&byte: &u8| if matches!(byte, b' '..=b'~') { char::from(byte) } else { '.' };
    let text: String = value.iter().map(printable).collect();
    let text = text.trim_end_matches([' ', ',']);
    (!text.is_empty() && text.len() <= max).then(|| text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filled(templates: &str) -> Version {
        let subject = b"X 1.0-2_b\0N\0ame, \x01\x02";
        let groups =
            vec![Some((0, 19)), Some((2, 5)), Some((5, 9)), Some((9, 15)), Some((17, 19)), None, Some((15, 17))];
        assert_eq!(check(templates.as_bytes()), Ok(()));
        fill(templates.as_bytes(), subject, &groups)
    }

    #[test]
    fn captures_and_helpers() {
        let text = |text: &str| Some(text.to_owned());
        let version = filled(r#" p/Pro $1/ v|$SUBST(2,"_",".")| i/$P(3) $I(4,">") $I(4,"<")/ h/$5/ o/a$6/ d/x/"#);
        assert_eq!(version.product, text("Pro 1.0"));
        assert_eq!(version.version, text("-2.b"));
        assert_eq!(version.extra_info, text("Name 258 513"));
        assert_eq!(version.hostname, None);
        assert_eq!(filled("i/a $3 b/").extra_info, text("a"));
        assert_eq!(version.os_type, text("a"));
        assert_eq!(version.device_type, text("x"));
    }

    #[test]
    fn cpes_one_for_each_part() {
        let version = filled("cpe:/o:linux:linux_kernel/a cpe:/a:x:$1/ cpe:/a:y:$2/ cpe:/h:$3/");
        assert_eq!(version.cpes, ["cpe:/a:y:-2_b", "cpe:/h:", "cpe:/o:linux:linux_kernel"]);
    }

    #[test]
    fn too_long_is_dropped() {
        let version = filled(&format!("p/{}/ o/{}/ i/{}/", "x".repeat(80), "y".repeat(32), "z".repeat(255)));
        assert_eq!((version.product, version.os_type), (None, None));
        assert_eq!(version.extra_info.map(|info| info.len()), Some(255));
    }

    #[test]
    fn wrong_templates_are_told() {
        for wrong in ["q/x/", "p", "p/x", "cpea:b", "product", "p/x/abcd"] {
            assert!(check(wrong.as_bytes()).is_err(), "{wrong}");
        }
    }
}
