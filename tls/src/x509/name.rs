//! Distinguished names.

use super::der::{Der, Value, tag};
use super::oid::Oid;
use crate::limits::NAME_ATTRIBUTES_MAX;

/// One attribute of a name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attribute {
    /// What kind of attribute.
    pub oid: Oid,
    /// The tag of the value's type of string.
    pub tag: u8,
    /// The value's bytes, in whatever encoding: a BMPString is UTF-16 here.
    pub value: Vec<u8>,
    /// Which of the name's sets it is in: attributes of one set stand side by side.
    pub set: usize,
}

impl Attribute {
    /// OpenSSL's long name of the attribute, `commonName`; `None` where it has none.
    pub fn name(&self) -> Option<&'static str> {
        self.oid.long_name()
    }

    /// The value's text as UTF-8.
    pub(crate) fn text(&self) -> Vec<u8> {
        let decoded = match self.tag {
            tag::BMP_STRING => wide(&self.value, 2),
            tag::UNIVERSAL_STRING => wide(&self.value, 4),
            tag::UTF8_STRING => return self.value.clone(),
            // Everything else counts as Latin-1.
            _ => Some(self.value.iter().map(|byte| char::from(*byte)).collect()),
        };
        decoded.map_or_else(|| self.value.clone(), String::into_bytes)
    }
}

fn wide(bytes: &[u8], width: usize) -> Option<String> {
    if !bytes.len().is_multiple_of(width) {
        return None;
    }
    let code = |chunk: &[u8]| char::from_u32(chunk.iter().fold(0, |code, byte| code << 8 | u32::from(*byte)));
    bytes.chunks(width).map(code).collect()
}

/// The attributes of a name, in order.
pub(crate) fn decode(content: &[u8]) -> Vec<Attribute> {
    let mut sets = Der(content);
    let mut out = Vec::new();
    let mut set = 0;
    while let Some(value) = sets.next() {
        let mut attributes = value.inside();
        while let Some(attribute) = attributes.next() {
            if out.len() == NAME_ATTRIBUTES_MAX {
                return out;
            }
            out.extend(decode_attribute(&attribute, set));
        }
        set += 1;
    }
    out
}

fn decode_attribute(attribute: &Value<'_>, set: usize) -> Option<Attribute> {
    let mut parts = attribute.inside();
    let oid = Oid::decode(parts.next_if(tag::OID)?.content);
    let value = parts.next()?;
    Some(Attribute { oid, tag: value.tag, value: value.content.to_vec(), set })
}

/// `/C=DE/O=x`, as OpenSSL's `X509_NAME_oneline` writes it into 256 bytes.
pub(crate) fn one_line(name: &[Attribute]) -> String {
    let mut out = String::new();
    for attribute in name {
        let mut part = format!("/{}=", attribute.oid.describe_short());
        for byte in &attribute.value {
            match byte {
                b'/' | b'+' => part.extend(['\\', char::from(*byte)]),
                b' '..=b'~' => part.push(char::from(*byte)),
                _ => part.push_str(&format!("\\x{byte:02X}")),
            }
        }
        if 255 < out.len() + part.len() {
            break;
        }
        out.push_str(&part);
    }
    out
}

/// `C = DE, O = x`, as OpenSSL's `XN_FLAG_ONELINE` writes it.
pub(crate) fn spaced(name: &[Attribute]) -> String {
    let mut out = String::new();
    let mut previous = None;
    for attribute in name {
        if let Some(set) = previous {
            out.push_str(if set == attribute.set { " + " } else { ", " });
        }
        previous = Some(attribute.set);
        out.push_str(&attribute.oid.describe_short());
        out.push_str(" = ");
        out.push_str(&escape(&attribute.text()));
    }
    out
}

/// RFC 2253's escapes, and quotes where OpenSSL prefers them.
fn escape(text: &[u8]) -> String {
    let quote = text.iter().any(|byte| b",+<>;".contains(byte))
        || text.starts_with(b" ")
        || text.starts_with(b"#")
        || text.ends_with(b" ");
    let mut out = String::new();
    for byte in text {
        match byte {
            b'"' | b'\\' => {
                out.push('\\');
                out.push(char::from(*byte));
            }
            b' '..=b'~' => out.push(char::from(*byte)),
            _ => out.push_str(&format!("\\{byte:02X}")),
        }
    }
    if quote { format!("\"{out}\"") } else { out }
}
