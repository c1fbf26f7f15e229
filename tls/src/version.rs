//! Protocol versions.

use std::fmt;

/// A version of SSL or TLS. DTLS 1.0 and 1.2 count as the TLS versions they are made from, 1.1 and 1.2.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Version {
    /// SSL 3.0 (RFC 6101). Never offered beside another one: its hello knows no extensions.
    Ssl3,
    /// TLS 1.0 (RFC 2246).
    Tls10,
    /// TLS 1.1 (RFC 4346); DTLS 1.0 (RFC 4347).
    Tls11,
    /// TLS 1.2 (RFC 5246); DTLS 1.2 (RFC 6347).
    Tls12,
    /// TLS 1.3 (RFC 8446).
    Tls13,
}

impl Version {
    /// What one hello offers by default.
    pub const ALL: [Version; 4] = [Self::Tls13, Self::Tls12, Self::Tls11, Self::Tls10];

    /// The number on the wire of a TLS connection.
    pub fn code(self) -> u16 {
        match self {
            Self::Ssl3 => 0x0300,
            Self::Tls10 => 0x0301,
            Self::Tls11 => 0x0302,
            Self::Tls12 => 0x0303,
            Self::Tls13 => 0x0304,
        }
    }

    /// The number on the wire of a DTLS connection: the complement of its own number's digits.
    pub(crate) fn datagram_code(self) -> u16 {
        match self {
            Self::Tls12 | Self::Tls13 => 0xfefd,
            _ => 0xfeff,
        }
    }

    pub(crate) fn from_code(code: u16) -> Option<Version> {
        Some(match code {
            0x0300 => Self::Ssl3,
            0x0301 => Self::Tls10,
            0x0302 | 0xfeff => Self::Tls11,
            0x0303 | 0xfefd => Self::Tls12,
            0x0304 => Self::Tls13,
            _ => return None,
        })
    }

    /// The name as OpenSSL writes it: `SSLv3`, `TLSv1`, `TLSv1.1`, `TLSv1.2`, `TLSv1.3`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Ssl3 => "SSLv3",
            Self::Tls10 => "TLSv1",
            Self::Tls11 => "TLSv1.1",
            Self::Tls12 => "TLSv1.2",
            Self::Tls13 => "TLSv1.3",
        }
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&describe(self.code()))
    }
}

/// A version number in words.
pub(crate) fn describe(code: u16) -> String {
    match code {
        0x0002 => "SSL 2.0".into(),
        0x0300 => "SSL 3.0".into(),
        0x0301..=0x0304 => format!("TLS 1.{}", code - 0x0301),
        0xfeff => "DTLS 1.0".into(),
        0xfefd => "DTLS 1.2".into(),
        _ => format!("version 0x{code:04X}"),
    }
}
