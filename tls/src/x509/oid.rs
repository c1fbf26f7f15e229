//! Object identifiers: from bytes to numbers to names.

use super::oid_table::OIDS;
use std::fmt;

/// An object identifier, as dotted numbers.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Oid(String);

impl Oid {
    /// From the content of a DER value. A component that does not fit 128 bits, or does not end, is shown as it is,
    /// in hex.
    pub(crate) fn decode(content: &[u8]) -> Oid {
        Oid(decode(content).unwrap_or_else(|| content.iter().map(|byte| format!("{byte:02X}")).collect()))
    }

    /// The dotted numbers.
    pub fn dotted(&self) -> &str {
        &self.0
    }

    /// The components, as text.
    pub fn components(&self) -> impl Iterator<Item = &str> {
        self.0.split('.')
    }

    fn entry(&self) -> Option<&'static (&'static str, &'static str, &'static str)> {
        OIDS.binary_search_by(|entry| entry.0.cmp(&self.0)).ok().map(|idx| &OIDS[idx])
    }

    /// OpenSSL's short name: `CN`.
    pub fn short_name(&self) -> Option<&'static str> {
        self.entry().map(|entry| entry.1)
    }

    /// OpenSSL's long name: `commonName`.
    pub fn long_name(&self) -> Option<&'static str> {
        self.entry().map(|entry| entry.2)
    }

    /// The long name, else the numbers.
    pub fn describe(&self) -> String {
        self.long_name().map_or_else(|| self.0.clone(), str::to_string)
    }

    /// The short name, else the numbers.
    pub(crate) fn describe_short(&self) -> String {
        self.short_name().map_or_else(|| self.0.clone(), str::to_string)
    }
}

impl fmt::Display for Oid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

fn decode(content: &[u8]) -> Option<String> {
    let mut out = String::new();
    let mut component = 0u128;
    if content.is_empty() || content.last()? & 0x80 != 0 {
        return None;
    }
    for byte in content {
        component = component.checked_mul(128)? | u128::from(byte & 0x7f);
        if byte & 0x80 != 0 {
            continue;
        }
        if out.is_empty() {
            // The first two components share a number.
            let first = (component / 40).min(2);
            out = format!("{first}.{}", component - first * 40);
        } else {
            out.push('.');
            out.push_str(&component.to_string());
        }
        component = 0;
    }
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_sorted() {
        assert!(OIDS.windows(2).all(|pair| pair[0].0 < pair[1].0));
    }

    #[test]
    fn numbers_and_names() {
        let check = |content: &[u8], dotted: &str, name: Option<&str>| {
            let oid = Oid::decode(content);
            assert_eq!((oid.dotted(), oid.long_name()), (dotted, name));
        };
        check(&[0x55, 4, 3], "2.5.4.3", Some("commonName"));
        check(
            &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 11],
            "1.2.840.113549.1.1.11",
            Some("sha256WithRSAEncryption"),
        );
        check(&[0x2a, 3, 4], "1.2.3.4", None);
        check(&[0x88, 0x37, 3], "2.999.3", None);
        check(&[], "", None);
        check(&[0x2a, 0x86], "2A86", None);
        check(&[0xff; 30], &"FF".repeat(30), None);
    }
}
