//! Extensions, and the text that OpenSSL makes of them.
//!
//! Scripts compare and search these texts, so each is OpenSSL 3.0's to the byte, indentation at zero.
//! An extension that OpenSSL does not know, or whose content it cannot decode, has no text.

use super::der::{Der, Value, tag, values};
use super::name;
use super::oid::Oid;
use super::time::{Date, Time};
use crate::codec::Reader;
use crate::limits::EXTENSION_TEXT_MAX;

/// An extension of a certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Extension {
    /// Its identifier.
    pub oid: Oid,
    /// Whether who does not know it must refuse the certificate.
    pub critical: bool,
    /// The text that OpenSSL makes of it; `None` where it makes none.
    pub value: Option<Vec<u8>>,
    /// Its content as it came.
    pub raw: Vec<u8>,
}

impl Extension {
    /// OpenSSL's long name, else the dotted numbers.
    pub fn name(&self) -> String {
        self.oid.describe()
    }

    pub(crate) fn decode(mut parts: Der<'_>) -> Option<Extension> {
        let oid = Oid::decode(parts.next_if(tag::OID)?.content);
        let critical = parts.next_if(tag::BOOLEAN).is_some_and(|value| value.content.iter().any(|byte| *byte != 0));
        let raw = parts.next_if(tag::OCTET_STRING)?.content.to_vec();
        let value = print(oid.dotted(), &raw).filter(|text| text.len() <= EXTENSION_TEXT_MAX);
        Some(Extension { oid, critical, value, raw })
    }
}

/// The text of an extension.
fn print(oid: &str, raw: &[u8]) -> Option<Vec<u8>> {
    let value = Der(raw).next();
    let text = match oid {
        "2.5.29.14" => hex(string(value?, tag::OCTET_STRING)?),
        "2.5.29.15" => bit_names(value?, &KEY_USAGE)?,
        "2.5.29.16" => key_usage_period(value?)?,
        "2.5.29.17" | "2.5.29.18" | "2.5.29.29" => return general_names(value?.inside(), ", "),
        "2.5.29.19" => basic_constraints(value?)?,
        "2.5.29.20" | "2.5.29.27" | "2.5.29.54" => integer(value.filter(|value| value.tag == tag::INTEGER)?.content),
        "2.5.29.28" => return issuing_point(value?),
        "2.5.29.30" => return name_constraints(value?),
        "2.5.29.31" | "2.5.29.46" => return distribution_points(value?),
        "2.5.29.32" => return policies(value?),
        "2.5.29.33" => policy_mappings(value?)?,
        "2.5.29.35" => return authority_key(value?),
        "2.5.29.36" => policy_constraints(value?)?,
        "2.5.29.37" => key_purposes(value?)?,
        "1.3.6.1.5.5.7.1.1" | "1.3.6.1.5.5.7.1.11" => return access(value?),
        "1.3.6.1.5.5.7.1.24" => features(value?)?,
        "1.3.6.1.5.5.7.48.1.5" => String::new(),
        "1.3.6.1.4.1.11129.2.4.3" => value.filter(|value| value.tag == tag::NULL).map(|_| "NULL".into())?,
        "1.3.6.1.4.1.11129.2.4.2" => timestamps(string(value?, tag::OCTET_STRING)?)?,
        "2.16.840.1.113730.1.1" => bit_names(value?, &NETSCAPE_TYPE)?,
        "2.16.840.1.113730.1.2"
        | "2.16.840.1.113730.1.3"
        | "2.16.840.1.113730.1.4"
        | "2.16.840.1.113730.1.7"
        | "2.16.840.1.113730.1.8"
        | "2.16.840.1.113730.1.12"
        | "2.16.840.1.113730.1.13" => return Some(value.filter(|value| value.tag == 0x16)?.content.to_vec()),
        _ => return None,
    };
    Some(text.into_bytes())
}

/// ORDER: bits of KeyUsage.
const KEY_USAGE: [&str; 9] = [
    "Digital Signature",
    "Non Repudiation",
    "Key Encipherment",
    "Data Encipherment",
    "Key Agreement",
    "Certificate Sign",
    "CRL Sign",
    "Encipher Only",
    "Decipher Only",
];

/// ORDER: bits of Netscape's certificate type.
const NETSCAPE_TYPE: [&str; 8] =
    ["SSL Client", "SSL Server", "S/MIME", "Object Signing", "Unused", "SSL CA", "S/MIME CA", "Object Signing CA"];

fn string(value: Value<'_>, tag: u8) -> Option<&[u8]> {
    (value.tag == tag).then_some(value.content)
}

fn sequence(value: Value<'_>) -> Option<Vec<Value<'_>>> {
    if value.tag == tag::SEQUENCE { values(value.content) } else { None }
}

/// `AA:BB:CC`.
fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02X}")).collect::<Vec<_>>().join(":")
}

/// An INTEGER: decimal when short, hex from 128 bits on.
fn integer(content: &[u8]) -> String {
    let negative = content.first().is_some_and(|byte| byte & 0x80 != 0);
    let mut magnitude: Vec<u8> = content.to_vec();
    if negative {
        let mut carry = true;
        for byte in magnitude.iter_mut().rev() {
            let (sum, over) = (!*byte).overflowing_add(u8::from(carry));
            (*byte, carry) = (sum, over);
        }
    }
    let sign = if negative { "-" } else { "" };
    let digits = crate::group::trim(&magnitude);
    if crate::group::bit_len(digits) < 128 {
        let number = digits.iter().fold(0u128, |number, byte| number << 8 | u128::from(*byte));
        return format!("{sign}{number}");
    }
    let text: String = digits.iter().map(|byte| format!("{byte:02X}")).collect();
    format!("{sign}0x{text}")
}

fn bit_names(value: Value<'_>, names: &[&str]) -> Option<String> {
    let (_, bytes) = value.bits()?;
    let is_set = |idx: usize| bytes.get(idx / 8).is_some_and(|byte| byte & (0x80 >> (idx % 8)) != 0);
    let set: Vec<&str> = names.iter().enumerate().filter(|(idx, _)| is_set(*idx)).map(|(_, name)| *name).collect();
    Some(if set.is_empty() { "<EMPTY>\n".into() } else { set.join(", ") })
}

fn basic_constraints(value: Value<'_>) -> Option<String> {
    let parts = sequence(value)?;
    let mut text = String::from("CA:FALSE");
    let mut rest = &parts[..];
    if let [first, tail @ ..] = rest
        && first.tag == tag::BOOLEAN
    {
        if first.content.iter().any(|byte| *byte != 0) {
            text = "CA:TRUE".into();
        }
        rest = tail;
    }
    match rest {
        [] => {}
        [len] if len.tag == tag::INTEGER => text.push_str(&format!(", pathlen:{}", integer(len.content))),
        _ => return None,
    }
    Some(text)
}

fn key_usage_period(value: Value<'_>) -> Option<String> {
    let mut out = Vec::new();
    for part in sequence(value)? {
        let label = match part.tag & 0x1f {
            0 => "Not Before",
            1 => "Not After",
            _ => return None,
        };
        let time = Time::decode(&Value { tag: tag::GENERALIZED_TIME, ..part });
        let text = match time {
            Time::Date(date) => date.print(None),
            Time::Raw(_) => "Bad time value".into(),
        };
        out.push(format!("{label}: {text}"));
    }
    Some(out.join(", "))
}

fn key_purposes(value: Value<'_>) -> Option<String> {
    let purposes = sequence(value)?;
    if purposes.is_empty() {
        return Some("<EMPTY>\n".into());
    }
    let names = purposes.iter().map(|value| Some(Oid::decode(string(*value, tag::OID)?).describe()));
    Some(names.collect::<Option<Vec<String>>>()?.join(", "))
}

fn features(value: Value<'_>) -> Option<String> {
    let features = sequence(value)?.into_iter().map(|value| {
        let number = integer(string(value, tag::INTEGER)?);
        Some(match number.as_str() {
            "5" => "status_request".into(),
            "17" => "status_request_v2".into(),
            _ => number,
        })
    });
    Some(features.collect::<Option<Vec<String>>>()?.join(", "))
}

fn policy_mappings(value: Value<'_>) -> Option<String> {
    let mappings = sequence(value)?.into_iter().map(|mapping| {
        let [from, to] = sequence(mapping)?[..] else { return None };
        let name = |value| Some(Oid::decode(string(value, tag::OID)?).describe());
        Some(format!("{}:{}", name(from)?, name(to)?))
    });
    Some(mappings.collect::<Option<Vec<String>>>()?.join(", "))
}

fn policy_constraints(value: Value<'_>) -> Option<String> {
    let constraints = sequence(value)?.into_iter().map(|part| {
        let label = match part.tag & 0x1f {
            0 => "Require Explicit Policy",
            1 => "Inhibit Policy Mapping",
            _ => return None,
        };
        Some(format!("{label}:{}", integer(part.content)))
    });
    Some(constraints.collect::<Option<Vec<String>>>()?.join(", "))
}

/// A general name: label and value. OpenSSL has two ways to print a directory's name, and both are in use.
fn general_name(value: Value<'_>, long: bool) -> Option<(String, Vec<u8>)> {
    let content = value.content;
    let (label, value) = match value.tag & 0x1f {
        0 => return other_name(value),
        1 => ("email", content.to_vec()),
        2 => ("DNS", content.to_vec()),
        3 => ("X400Name", b"<unsupported>".to_vec()),
        4 => {
            let name = name::decode(value.inside().next()?.content);
            ("DirName", if long { name::spaced(&name) } else { name::one_line(&name) }.into_bytes())
        }
        5 => ("EdiPartyName", b"<unsupported>".to_vec()),
        6 => ("URI", content.to_vec()),
        7 => ("IP Address", address(content).into_bytes()),
        8 => ("Registered ID", Oid::decode(content).describe().into_bytes()),
        _ => return None,
    };
    Some((label.into(), value))
}

fn other_name(value: Value<'_>) -> Option<(String, Vec<u8>)> {
    let mut parts = value.inside();
    let oid = Oid::decode(parts.next_if(tag::OID)?.content);
    let inner = parts.next()?.inside().next()?;
    let label = match oid.dotted() {
        "1.3.6.1.5.5.7.8.9" => "SmtpUTF8Mailbox".into(),
        "1.3.6.1.5.5.7.8.5" => "XmppAddr".into(),
        "1.3.6.1.5.5.7.8.7" => "SRVName".into(),
        "1.3.6.1.4.1.311.20.2.3" => "UPN".into(),
        "1.3.6.1.5.5.7.8.8" => "NAIRealm".into(),
        _ => oid.describe(),
    };
    let printable = matches!(inner.tag, tag::UTF8_STRING | 0x16);
    let text = if printable { inner.content.to_vec() } else { b"<unsupported>".to_vec() };
    Some((format!("othername: {label}:"), text))
}

/// `192.0.2.1`, or eight groups of hex digits.
fn address(bytes: &[u8]) -> String {
    match bytes {
        [a, b, c, d] => format!("{a}.{b}.{c}.{d}"),
        _ if bytes.len() == 16 => {
            let group = |pair: &[u8]| format!("{:X}", u16::from(pair[0]) << 8 | u16::from(pair[1]));
            bytes.chunks(2).map(group).collect::<Vec<_>>().join(":")
        }
        _ => "<invalid>".into(),
    }
}

/// `DNS:a.example, IP Address:192.0.2.1`.
fn general_names(names: Der<'_>, separator: &str) -> Option<Vec<u8>> {
    let names = values(names.0)?;
    if names.is_empty() {
        return Some(b"<EMPTY>\n".to_vec());
    }
    let mut lines = Vec::new();
    for value in names {
        let (label, value) = general_name(value, false)?;
        lines.push(labelled(&label, &value));
    }
    Some(lines.join(separator.as_bytes()))
}

fn labelled(label: &str, value: &[u8]) -> Vec<u8> {
    [label.as_bytes(), b":", value].concat()
}

/// Names one to a line, indented.
fn indented_names(names: Der<'_>, indent: usize, out: &mut Vec<u8>) -> Option<()> {
    for (idx, value) in values(names.0)?.into_iter().enumerate() {
        if 0 < idx {
            out.push(b'\n');
        }
        out.resize(out.len() + indent, b' ');
        let (label, value) = general_name(value, true)?;
        out.extend(labelled(&label, &value));
    }
    Some(())
}

fn authority_key(value: Value<'_>) -> Option<Vec<u8>> {
    let parts = sequence(value)?;
    let alone = parts.iter().all(|part| part.tag == tag::primitive(0));
    let mut lines = Vec::new();
    for part in parts {
        match part.tag {
            0x80 if alone => lines.push(hex(part.content).into_bytes()),
            0x80 => lines.push(labelled("keyid", hex(part.content).as_bytes())),
            0xa1 => lines.push(general_names(part.inside(), "\n")?),
            0x82 => lines.push(labelled("serial", hex(part.content).as_bytes())),
            _ => return None,
        }
    }
    Some(lines.join(&b'\n'))
}

/// `OCSP - URI:http://…`, one to a line.
fn access(value: Value<'_>) -> Option<Vec<u8>> {
    let mut lines = Vec::new();
    for description in sequence(value)? {
        let [method, location] = sequence(description)?[..] else { return None };
        let method = Oid::decode(string(method, tag::OID)?).describe();
        let (label, value) = general_name(location, false)?;
        lines.push(labelled(&format!("{method} - {label}"), &value));
    }
    Some(lines.join(&b'\n'))
}

fn name_constraints(value: Value<'_>) -> Option<Vec<u8>> {
    let mut out = Vec::new();
    for trees in sequence(value)? {
        if !out.is_empty() {
            out.push(b'\n');
        }
        out.extend_from_slice(match trees.tag {
            0xa0 => b"Permitted:\n",
            0xa1 => b"Excluded:\n",
            _ => return None,
        });
        for (idx, tree) in values(trees.content)?.into_iter().enumerate() {
            if 0 < idx {
                out.push(b'\n');
            }
            let base = tree.inside().next()?;
            out.extend_from_slice(b"  ");
            if base.tag & 0x1f == 7 {
                let half = base.content.len() / 2;
                let (network, mask) = base.content.split_at(half);
                let text = match half {
                    4 | 16 if base.content.len() == half * 2 => format!("{}/{}", address(network), address(mask)),
                    _ => "<invalid>".into(),
                };
                out.extend(labelled("IP", text.as_bytes()));
            } else {
                let (label, value) = general_name(base, true)?;
                out.extend(labelled(&label, &value));
            }
        }
    }
    Some(out)
}

/// ORDER: bits of ReasonFlags.
const REASONS: [&str; 9] = [
    "Unused",
    "Key Compromise",
    "CA Compromise",
    "Affiliation Changed",
    "Superseded",
    "Cessation Of Operation",
    "Certificate Hold",
    "Privilege Withdrawn",
    "AA Compromise",
];

fn distribution_points(value: Value<'_>) -> Option<Vec<u8>> {
    let mut out = Vec::new();
    for (idx, point) in sequence(value)?.into_iter().enumerate() {
        if 0 < idx {
            out.push(b'\n');
        }
        for part in sequence(point)? {
            match part.tag {
                0xa0 => point_name(part, &mut out)?,
                0x81 => reasons("Reasons", part, &mut out)?,
                0xa2 => {
                    out.extend_from_slice(b"CRL Issuer:\n");
                    indented_names(part.inside(), 2, &mut out)?;
                }
                _ => return None,
            }
        }
    }
    Some(out)
}

/// A distribution point's name.
fn point_name(part: Value<'_>, out: &mut Vec<u8>) -> Option<()> {
    let name = part.inside().next()?;
    if name.tag == tag::context(0) {
        out.extend_from_slice(b"Full Name:\n");
        return indented_names(name.inside(), 2, out);
    }
    // One set of attributes, to be read as a name of its own.
    let set = [&[0x31, 0x81, u8::try_from(name.content.len()).ok()?], name.content].concat();
    out.extend_from_slice(b"Relative Name:\n  ");
    out.extend(name::spaced(&name::decode(&set)).into_bytes());
    out.push(b'\n');
    Some(())
}

fn reasons(label: &str, part: Value<'_>, out: &mut Vec<u8>) -> Option<()> {
    let flags = bit_names(Value { tag: tag::BIT_STRING, ..part }, &REASONS)?;
    out.extend(format!("{label}:\n  {flags}\n").into_bytes());
    Some(())
}

fn issuing_point(value: Value<'_>) -> Option<Vec<u8>> {
    let mut out = Vec::new();
    let parts = sequence(value)?;
    // ORDER: as OpenSSL prints them, which is not their order in the certificate.
    for tag in [0xa0, 0x81, 0x82, 0x84, 0x83, 0x85] {
        let Some(part) = parts.iter().find(|part| part.tag == tag) else { continue };
        let is_set = part.content.iter().any(|byte| *byte != 0);
        match tag {
            0xa0 => point_name(*part, &mut out)?,
            0x83 => reasons("Only Some Reasons", *part, &mut out)?,
            0x81 if is_set => out.extend_from_slice(b"Only User Certificates\n"),
            0x82 if is_set => out.extend_from_slice(b"Only CA Certificates\n"),
            0x84 if is_set => out.extend_from_slice(b"Indirect CRL\n"),
            0x85 if is_set => out.extend_from_slice(b"Only Attribute Certificates\n"),
            _ => {}
        }
    }
    if out.is_empty() {
        out.extend_from_slice(b"<EMPTY>\n");
    }
    Some(out)
}

fn policies(value: Value<'_>) -> Option<Vec<u8>> {
    let mut out = Vec::new();
    for (idx, policy) in sequence(value)?.into_iter().enumerate() {
        if 0 < idx {
            out.push(b'\n');
        }
        let parts = sequence(policy)?;
        let (oid, qualifiers) = parts.split_first()?;
        out.extend(format!("Policy: {}", Oid::decode(string(*oid, tag::OID)?).describe()).into_bytes());
        if let [qualifiers] = qualifiers {
            out.push(b'\n');
            for (idx, qualifier) in sequence(*qualifiers)?.into_iter().enumerate() {
                if 0 < idx {
                    out.push(b'\n');
                }
                policy_qualifier(qualifier, &mut out)?;
            }
        }
    }
    Some(out)
}

fn policy_qualifier(qualifier: Value<'_>, out: &mut Vec<u8>) -> Option<()> {
    let parts = sequence(qualifier)?;
    let oid = Oid::decode(string(*parts.first()?, tag::OID)?);
    match oid.dotted() {
        "1.3.6.1.5.5.7.2.1" => {
            out.extend_from_slice(b"  CPS: ");
            out.extend_from_slice(parts.get(1)?.content);
        }
        "1.3.6.1.5.5.7.2.2" => {
            out.extend_from_slice(b"  User Notice:\n");
            user_notice(*parts.get(1)?, out)?;
        }
        _ => out.extend(format!("    Unknown Qualifier: {}", oid.describe()).into_bytes()),
    }
    Some(())
}

fn user_notice(notice: Value<'_>, out: &mut Vec<u8>) -> Option<()> {
    for part in sequence(notice)? {
        if part.tag == tag::SEQUENCE {
            let [organisation, numbers] = sequence(part)?[..] else { return None };
            out.extend_from_slice(b"    Organization: ");
            out.extend_from_slice(organisation.content);
            let numbers: Vec<String> = sequence(numbers)?.iter().map(|number| integer(number.content)).collect();
            let plural = if 1 < numbers.len() { "s" } else { "" };
            out.extend(format!("\n    Number{plural}: {}", numbers.join(", ")).into_bytes());
            out.push(b'\n');
        } else {
            out.extend_from_slice(b"    Explicit Text: ");
            out.extend_from_slice(part.content);
        }
    }
    if out.ends_with(b"\n") {
        out.pop();
    }
    Some(())
}

/// The timestamps of certificate transparency (RFC 6962 §3.3).
fn timestamps(bytes: &[u8]) -> Option<String> {
    let mut list = Reader::new(bytes, "timestamps").sub16().ok()?;
    let mut out = Vec::new();
    while !list.is_empty() {
        out.push(timestamp(list.sub16().ok()?)?);
    }
    Some(out.join("\n"))
}

/// Indentation of the lines below "Signed Certificate Timestamp:", and of the second lines of bytes.
const TIMESTAMP_INDENT: usize = 16;

fn timestamp(mut timestamp: Reader<'_>) -> Option<String> {
    let version = timestamp.u8().ok()?;
    if version != 0 {
        return None;
    }
    let log = timestamp.take(32).ok()?;
    let time = u64::from_be_bytes(timestamp.array().ok()?);
    let extensions = timestamp.vec16().ok()?;
    let algorithm = match timestamp.u16().ok()? {
        0x0401 => "sha256WithRSAEncryption".to_string(),
        0x0403 => "ecdsa-with-SHA256".to_string(),
        other => format!("{other:04X}"),
    };
    let signature = timestamp.vec16().ok()?;
    let (date, ms) = Date::from_unix_ms(time)?;
    let extensions = if extensions.is_empty() { "none".into() } else { hex_lines(extensions) };
    Some(format!(
        "Signed Certificate Timestamp:\n    Version   : v1 (0x0)\n    Log ID    : {}\n    Timestamp : {}\n    \
         Extensions: {}\n    Signature : {}\n{}{}",
        hex_lines(log),
        date.print(Some(ms)),
        extensions,
        algorithm,
        " ".repeat(TIMESTAMP_INDENT),
        hex_lines(signature),
    ))
}

/// Sixteen bytes to a line, each but the last with a colon behind it.
fn hex_lines(bytes: &[u8]) -> String {
    let lines: Vec<String> = bytes.chunks(16).map(hex).collect();
    lines.join(&format!(":\n{}", " ".repeat(TIMESTAMP_INDENT)))
}
