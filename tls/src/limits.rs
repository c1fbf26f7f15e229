//! Every limit of the crate, by name: what a peer may make us hold or compute before it has proved anything.
//!
//! A peer is any host that answered a scan, so each of these is met by somebody's hand-made bytes.
//! The error for each is [`TlsError::Limit`](crate::TlsError::Limit), with the words beside the constant.

/// Plaintext bytes in a record (RFC 8446 §5.1).
pub const RECORD_PLAINTEXT_MAX: usize = 1 << 14;
/// Bytes of a protected record: TLS 1.2 allows 2,048 more than the plaintext (RFC 5246 §6.2.3), TLS 1.3 fewer.
pub const RECORD_LEN_MAX: usize = RECORD_PLAINTEXT_MAX + 2048;
/// Body bytes of one handshake message. The largest honest one is a Certificate message; OpenSSL stops at 100 KiB.
pub const MESSAGE_LEN_MAX: usize = 256 * 1024;
/// Bytes of all certificates of a chain.
pub const CERTIFICATE_BYTES_MAX: usize = 192 * 1024;
/// Certificates in a chain. Some servers send their whole store; OpenSSL's depth limit is 100.
pub const CERTIFICATES_MAX: usize = 100;
/// Handshake messages before the handshake ends; an honest one has fewer than ten.
pub const HANDSHAKE_MESSAGES_MAX: usize = 32;
/// Records before the handshake ends: a message of the greatest size in pieces of 256 bytes.
pub const HANDSHAKE_RECORDS_MAX: usize = 1024;
/// Bytes on the wire before the handshake ends.
pub const HANDSHAKE_BYTES_MAX: usize = 1024 * 1024;
/// Records in a row that carry no byte of data (OpenSSL's limit).
pub const EMPTY_RECORDS_MAX: usize = 32;
/// Warning alerts, tickets, key updates and renegotiation requests in a row, with no data between them.
pub const IDLE_MESSAGES_MAX: usize = 64;
/// Application bytes that `send` accepts in one call; more than that is a caller who forgot to drain the output.
pub const SEND_LEN_MAX: usize = 1 << 28;
/// Bits of a finite-field Diffie-Hellman prime: the cost grows with the cube.
pub const DH_BITS_MAX: usize = 8192;
/// Bits of an RSA modulus that a secret is encrypted to.
pub const RSA_BITS_MAX: usize = 16384;
/// Bits of an RSA public exponent that a secret is encrypted with (OpenSSL's limit for large moduli).
pub const RSA_EXPONENT_BITS_MAX: usize = 64;
/// Bytes of a HelloRetryRequest's cookie that are sent back.
pub const COOKIE_LEN_MAX: usize = 4096;
/// Name of the server in the hello.
pub const SERVER_NAME_LEN_MAX: usize = 255;

/// Datagram bytes that DTLS sends in one piece: the usual Ethernet frame less IPv6 and UDP headers, less room for a
/// tunnel.
pub const DATAGRAM_LEN_MAX: usize = 1400;
/// Times that a DTLS flight is sent again before the peer counts as silent.
pub const RETRANSMITS_MAX: u32 = 6;
/// DTLS handshake messages that arrived early and are kept.
pub const EARLY_MESSAGES_MAX: usize = 10;
/// HelloVerifyRequests that are answered.
pub const VERIFY_REQUESTS_MAX: usize = 4;

/// Bytes of a certificate that is parsed.
pub const CERTIFICATE_LEN_MAX: usize = CERTIFICATE_BYTES_MAX;
/// Nesting of DER values that is followed.
pub const DER_DEPTH_MAX: usize = 32;
/// Extensions of a certificate that are kept.
pub const EXTENSIONS_MAX: usize = 512;
/// Attributes of a name that are kept.
pub const NAME_ATTRIBUTES_MAX: usize = 512;
/// Bytes of the text made of one extension.
pub const EXTENSION_TEXT_MAX: usize = 1024 * 1024;
