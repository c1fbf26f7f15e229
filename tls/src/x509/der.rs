//! DER, read with tolerance: BER's forms are taken where they cannot be misunderstood.
//!
//! Certificates in the field break the rules of DER in every way: long forms of short lengths, indefinite lengths,
//! odd paddings. A value is cut out by its length, and what is inside is looked at only when it is asked for.

use crate::limits::DER_DEPTH_MAX;

/// Universal and context tags as they are on the wire.
pub(crate) mod tag {
    pub const BOOLEAN: u8 = 0x01;
    pub const INTEGER: u8 = 0x02;
    pub const BIT_STRING: u8 = 0x03;
    pub const OCTET_STRING: u8 = 0x04;
    pub const NULL: u8 = 0x05;
    pub const OID: u8 = 0x06;
    pub const UTF8_STRING: u8 = 0x0c;
    pub const SEQUENCE: u8 = 0x30;
    pub const UTC_TIME: u8 = 0x17;
    pub const GENERALIZED_TIME: u8 = 0x18;
    pub const BMP_STRING: u8 = 0x1e;
    pub const UNIVERSAL_STRING: u8 = 0x1c;

    /// The tag `[number]` in its constructed form.
    pub const fn context(number: u8) -> u8 {
        0xa0 | number
    }

    /// The tag `[number]` in its primitive form.
    pub const fn primitive(number: u8) -> u8 {
        0x80 | number
    }
}

/// One value: its tag, its content, and all of it with the header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Value<'a> {
    pub tag: u8,
    pub content: &'a [u8],
    pub raw: &'a [u8],
}

/// A cursor over values in a row. `None` is the end, or bytes that make no value.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Der<'a>(pub &'a [u8]);

impl<'a> Der<'a> {
    /// The next value.
    pub fn next(&mut self) -> Option<Value<'a>> {
        let (value, rest) = read(self.0, 0)?;
        self.0 = rest;
        Some(value)
    }

    /// The next value when it has this tag; otherwise nothing moves.
    pub fn next_if(&mut self, tag: u8) -> Option<Value<'a>> {
        if *self.0.first()? != tag {
            return None;
        }
        self.next()
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl<'a> Value<'a> {
    /// The values inside.
    pub fn inside(&self) -> Der<'a> {
        Der(self.content)
    }

    /// The bits of a BIT STRING: unused bits of the last byte, bytes.
    pub fn bits(&self) -> Option<(u8, &'a [u8])> {
        let (unused, bytes) = self.content.split_first()?;
        (self.tag == tag::BIT_STRING && *unused < 8).then_some((*unused, bytes))
    }
}

/// All values in a row; `None` when the last one is broken.
pub(crate) fn values(bytes: &[u8]) -> Option<Vec<Value<'_>>> {
    let mut der = Der(bytes);
    let mut out = Vec::new();
    while !der.is_empty() {
        out.push(der.next()?);
    }
    Some(out)
}

fn read(bytes: &[u8], depth: usize) -> Option<(Value<'_>, &[u8])> {
    let (&tag, rest) = bytes.split_first()?;
    // Tags of more than one byte do not occur in certificates.
    if tag & 0x1f == 0x1f || DER_DEPTH_MAX < depth {
        return None;
    }
    let (&first, rest) = rest.split_first()?;
    let (len, rest) = match first {
        0..=0x7f => (usize::from(first), rest),
        0x80 if tag & 0x20 != 0 => return read_indefinite(bytes, tag, rest, depth),
        0x81..=0x88 => {
            let (len, rest) = rest.split_at_checked(usize::from(first & 0x7f))?;
            let len = len.iter().try_fold(0usize, |len, byte| len.checked_mul(256)?.checked_add(usize::from(*byte)))?;
            (len, rest)
        }
        _ => return None,
    };
    let (content, rest) = rest.split_at_checked(len)?;
    Some((Value { tag, content, raw: &bytes[..bytes.len() - rest.len()] }, rest))
}

/// Values up to two zero bytes. Work is bounded by depth times length.
fn read_indefinite<'a>(bytes: &'a [u8], tag: u8, inside: &'a [u8], depth: usize) -> Option<(Value<'a>, &'a [u8])> {
    let mut rest = inside;
    while !rest.starts_with(&[0, 0]) {
        rest = read(rest, depth + 1)?.1;
    }
    let content = &inside[..inside.len() - rest.len()];
    let rest = &rest[2..];
    Some((Value { tag, content, raw: &bytes[..bytes.len() - rest.len()] }, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(bytes: &[u8], expected: Option<(u8, &[u8], usize)>) {
        let value = Der(bytes).next();
        assert_eq!(value.map(|value| (value.tag, value.content, value.raw.len())), expected, "{bytes:x?}");
    }

    #[test]
    fn forms_of_length() {
        check(&[4, 1, 7, 9], Some((4, &[7], 3)));
        check(&[4, 0x81, 1, 7], Some((4, &[7], 4)));
        check(&[4, 0x84, 0, 0, 0, 1, 7], Some((4, &[7], 7)));
        check(&[0x30, 0x80, 4, 1, 7, 0, 0, 9], Some((0x30, &[4, 1, 7], 7)));
        check(&[0x30, 0x80, 0x30, 0x80, 0, 0, 0, 0], Some((0x30, &[0x30, 0x80, 0, 0], 8)));
        check(&[4, 0x80, 0, 0], None);
        check(&[4, 2, 7], None);
        check(&[4, 0x88, 255, 255, 255, 255, 255, 255, 255, 255], None);
        check(&[4, 0x89, 0, 0, 0, 0, 0, 0, 0, 0, 1, 7], None);
        check(&[0x1f, 0x81, 1, 0], None);
        check(&[], None);
    }

    #[test]
    fn depth_is_limited() {
        let mut deep = [0x30, 0x80].repeat(DER_DEPTH_MAX + 2);
        deep.extend([0, 0].repeat(DER_DEPTH_MAX + 2));
        check(&deep, None);
    }
}
