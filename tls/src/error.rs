//! What can go wrong, by cause, each as a sentence that a person understands.

use std::fmt;

/// Why a connection cannot start or go on.
///
/// `Display` gives a sentence without a full stop, for a report or a trace.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum TlsError {
    /// The peer's first bytes are no TLS record; the first few are kept.
    NotTls { first_bytes: Vec<u8> },
    /// The peer answered in SSL 2.0.
    Ssl2,
    /// A limit of `limits` was passed.
    Limit { what: &'static str, max: usize },
    /// A message does not have the form it must have.
    Malformed { what: &'static str },
    /// A message came where it may not come.
    Unexpected { what: String, awaited: &'static str },
    /// The peer sent a fatal alert, or a close before the handshake ended.
    Alert(Alert),
    /// The server chose a version that was not offered.
    VersionNotOffered(u16),
    /// The server chose a suite that was not offered, or one that its version does not have.
    SuiteNotOffered(u16),
    /// The server chose a group that was not offered or is not known.
    GroupNotOffered(u16),
    /// The server chose a protocol that was not offered.
    AlpnNotOffered,
    /// The server chose a compression method.
    Compression(u8),
    /// The server's key share cannot be used.
    KeyShare(&'static str),
    /// The server's RSA key cannot be used to send it a secret.
    RsaKey(&'static str),
    /// The server's certificate has no key of the kind that the suite needs.
    NoKey,
    /// A record does not decrypt.
    BadRecord,
    /// The Finished message does not fit what was said before.
    BadFinished,
    /// The peer closed the connection before the handshake ended.
    ClosedEarly,
    /// The peer did not answer, however often it was asked (DTLS).
    Silent,
    /// The configuration leaves nothing to offer, or cannot be said in a hello.
    Config(&'static str),
    /// No random numbers could be had.
    Random,
    /// The connection is not open, so nothing can be sent.
    NotOpen,
}

impl TlsError {
    /// The alert that tells the peer; `None` when the peer need not know.
    pub(crate) fn alert(&self) -> Option<Alert> {
        Some(match self {
            Self::Limit { .. } | Self::Unexpected { .. } => Alert::UNEXPECTED_MESSAGE,
            Self::Malformed { .. } => Alert::DECODE_ERROR,
            Self::VersionNotOffered(_) => Alert::PROTOCOL_VERSION,
            Self::SuiteNotOffered(_)
            | Self::GroupNotOffered(_)
            | Self::AlpnNotOffered
            | Self::Compression(_)
            | Self::KeyShare(_)
            | Self::RsaKey(_)
            | Self::NoKey => Alert::ILLEGAL_PARAMETER,
            Self::BadRecord => Alert::BAD_RECORD_MAC,
            Self::BadFinished => Alert::DECRYPT_ERROR,
            Self::Random => Alert::INTERNAL_ERROR,
            Self::NotTls { .. }
            | Self::Ssl2
            | Self::Alert(_)
            | Self::ClosedEarly
            | Self::Silent
            | Self::Config(_)
            | Self::NotOpen => return None,
        })
    }
}

impl fmt::Display for TlsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotTls { first_bytes } => {
                write!(f, "the peer does not speak TLS: its answer begins with \"{}\"", first_bytes.escape_ascii())
            }
            Self::Ssl2 => write!(f, "the peer answered in SSL 2.0, which is not supported"),
            Self::Limit { what, max } => write!(f, "the peer sent too much: more than {max} {what}"),
            Self::Malformed { what } => write!(f, "the peer sent a malformed {what}"),
            Self::Unexpected { what, awaited } => write!(f, "the peer sent {what} where {awaited} was due"),
            Self::Alert(alert) => write!(f, "the peer refused: {alert}"),
            Self::VersionNotOffered(version) => {
                write!(f, "the server chose {}, which was not offered", crate::version::describe(*version))
            }
            Self::SuiteNotOffered(code) => match crate::suite::Suite::from_code(*code) {
                Some(suite) => write!(f, "the server chose suite {}, which was not offered to it", suite.iana_name()),
                None => write!(f, "the server chose suite 0x{code:04X}, which was not offered"),
            },
            Self::GroupNotOffered(code) => {
                write!(f, "the server chose key exchange group {code}, which was not offered")
            }
            Self::AlpnNotOffered => write!(f, "the server chose an application protocol that was not offered"),
            Self::Compression(method) => {
                write!(f, "the server chose compression method {method}, which was not offered")
            }
            Self::KeyShare(why) => write!(f, "the server's part of the key exchange cannot be used: {why}"),
            Self::RsaKey(why) => write!(f, "the server's RSA key cannot be used: {why}"),
            Self::NoKey => write!(f, "the server's certificate has no key of the kind that its suite needs"),
            Self::BadRecord => write!(f, "a record from the peer does not decrypt"),
            Self::BadFinished => write!(f, "the server's Finished message does not fit the handshake"),
            Self::ClosedEarly => write!(f, "the peer closed the connection before the handshake ended"),
            Self::Silent => write!(f, "the peer did not answer"),
            Self::Config(why) => write!(f, "the configuration cannot be used: {why}"),
            Self::Random => write!(f, "the system has no random numbers"),
            Self::NotOpen => write!(f, "the connection is not open"),
        }
    }
}

impl std::error::Error for TlsError {}

/// An alert, by its number (RFC 8446 §6).
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Alert(pub u8);

/// Numbers, names and meanings: the one list of alerts.
macro_rules! alerts {
    ($($code:literal $constant:ident $name:literal $meaning:literal;)*) => {
        impl Alert {
            $(#[doc = $meaning] pub const $constant: Alert = Alert($code);)*

            /// The name that the standard gives it, if it has one.
            pub fn name(self) -> Option<&'static str> {
                match self.0 { $($code => Some($name),)* _ => None }
            }

            fn meaning(self) -> &'static str {
                match self.0 { $($code => $meaning,)* _ => "an alert with no known meaning" }
            }
        }
    };
}

alerts! {
    0 CLOSE_NOTIFY "close_notify" "it closed the connection";
    10 UNEXPECTED_MESSAGE "unexpected_message" "it did not expect our message";
    20 BAD_RECORD_MAC "bad_record_mac" "it could not verify our record";
    21 DECRYPTION_FAILED "decryption_failed" "it could not decrypt our record";
    22 RECORD_OVERFLOW "record_overflow" "our record was too long for it";
    30 DECOMPRESSION_FAILURE "decompression_failure" "it could not decompress our record";
    40 HANDSHAKE_FAILURE "handshake_failure" "it has no version, suite or key in common with us";
    41 NO_CERTIFICATE "no_certificate" "it has no certificate";
    42 BAD_CERTIFICATE "bad_certificate" "it does not accept our certificate";
    43 UNSUPPORTED_CERTIFICATE "unsupported_certificate" "it does not know our kind of certificate";
    44 CERTIFICATE_REVOKED "certificate_revoked" "it says that our certificate is revoked";
    45 CERTIFICATE_EXPIRED "certificate_expired" "it says that our certificate is expired";
    46 CERTIFICATE_UNKNOWN "certificate_unknown" "it cannot accept our certificate";
    47 ILLEGAL_PARAMETER "illegal_parameter" "a field of our message is out of range for it";
    48 UNKNOWN_CA "unknown_ca" "it does not know who issued our certificate";
    49 ACCESS_DENIED "access_denied" "it denied us access";
    50 DECODE_ERROR "decode_error" "it could not decode our message";
    51 DECRYPT_ERROR "decrypt_error" "it could not verify our handshake";
    60 EXPORT_RESTRICTION "export_restriction" "it keeps an export restriction";
    70 PROTOCOL_VERSION "protocol_version" "it does not speak any version we offered";
    71 INSUFFICIENT_SECURITY "insufficient_security" "it wants stronger suites than we offered";
    80 INTERNAL_ERROR "internal_error" "it failed for a reason of its own";
    86 INAPPROPRIATE_FALLBACK "inappropriate_fallback" "it holds our version for a downgrade";
    90 USER_CANCELED "user_canceled" "its user cancelled the handshake";
    100 NO_RENEGOTIATION "no_renegotiation" "it does not renegotiate";
    109 MISSING_EXTENSION "missing_extension" "it misses an extension in our hello";
    110 UNSUPPORTED_EXTENSION "unsupported_extension" "it does not support an extension of ours";
    111 CERTIFICATE_UNOBTAINABLE "certificate_unobtainable" "it could not get our certificate";
    112 UNRECOGNIZED_NAME "unrecognized_name" "it does not know the server name we asked for";
    113 BAD_CERTIFICATE_STATUS_RESPONSE "bad_certificate_status_response" "it does not accept the certificate status";
    114 BAD_CERTIFICATE_HASH_VALUE "bad_certificate_hash_value" "it does not accept the certificate's hash";
    115 UNKNOWN_PSK_IDENTITY "unknown_psk_identity" "it wants a shared key that we do not have";
    116 CERTIFICATE_REQUIRED "certificate_required" "it wants a certificate from us";
    120 NO_APPLICATION_PROTOCOL "no_application_protocol" "it speaks none of the application protocols we offered";
}

impl fmt::Display for Alert {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            Some(name) => write!(f, "{} (alert {}, {name})", self.meaning(), self.0),
            None => write!(f, "{} ({})", self.meaning(), self.0),
        }
    }
}

impl fmt::Debug for Alert {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Alert({}, {})", self.0, self.name().unwrap_or("?"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_are_sentences() {
        let check = |error: TlsError, text: &str| assert_eq!(error.to_string(), text);
        check(
            TlsError::NotTls { first_bytes: b"HTTP/1.1\r\n".to_vec() },
            r#"the peer does not speak TLS: its answer begins with "HTTP/1.1\r\n""#,
        );
        check(
            TlsError::Alert(Alert(40)),
            "the peer refused: it has no version, suite or key in common with us (alert 40, handshake_failure)",
        );
        check(TlsError::Alert(Alert(200)), "the peer refused: an alert with no known meaning (200)");
        check(TlsError::VersionNotOffered(0x0300), "the server chose SSL 3.0, which was not offered");
        check(
            TlsError::SuiteNotOffered(0x0004),
            "the server chose suite TLS_RSA_WITH_RC4_128_MD5, which was not offered to it",
        );
        check(TlsError::Limit { what: "certificates", max: 100 }, "the peer sent too much: more than 100 certificates");
    }
}
