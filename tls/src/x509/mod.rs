//! Certificates: X.509 versions 1 to 3, taken as they come.
//!
//! [`Certificate::parse`] gives every field that a script may look at. It asks for the outer frame and for a key that
//! can be told apart; anything else that is odd stays as raw bytes or is left out. Nothing is verified.
//! All slices of the input are kept: fingerprints and PEM are made from the certificate as it came.
//!
//! # Source
//! RFC 5280; names and texts are OpenSSL 3.0's, which scripts compare with.

pub(crate) mod der;
mod extension;
mod key;
mod name;
mod oid;
mod oid_table;
mod time;

pub use extension::Extension;
pub use key::{Curve, KeyKind, PublicKey, RsaKey};
pub use name::Attribute;
pub use oid::Oid;
pub use time::{Date, Time};

use crate::limits::{CERTIFICATE_LEN_MAX, EXTENSIONS_MAX};
use der::{Der, tag};
use digest::Digest;
use std::fmt;

/// Why a certificate cannot be shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CertificateError {
    /// It has not the frame of a certificate.
    Malformed,
    /// It is longer than [`CERTIFICATE_LEN_MAX`].
    TooLong,
    /// Its public key is of no known kind, or broken.
    PublicKey,
}

impl fmt::Display for CertificateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Malformed => "the bytes are no certificate",
            Self::TooLong => "the certificate is too long",
            Self::PublicKey => "the certificate's public key cannot be read",
        })
    }
}

impl std::error::Error for CertificateError {}

/// A certificate, taken apart.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Certificate {
    der: Vec<u8>,
    /// 1, 2 or 3; what the certificate says, plus one.
    pub version: u8,
    /// The serial number's bytes.
    pub serial: Vec<u8>,
    /// Whom it is about.
    pub subject: Vec<Attribute>,
    /// Who made it.
    pub issuer: Vec<Attribute>,
    /// From when it is valid.
    pub not_before: Option<Time>,
    /// Until when it is valid.
    pub not_after: Option<Time>,
    /// The signature's algorithm.
    pub signature_algorithm: Oid,
    /// The public key.
    pub public_key: PublicKey,
    /// Extensions in their order.
    pub extensions: Vec<Extension>,
}

/// The parts before the public key, not looked into.
struct Frame<'a> {
    /// The whole, without what may follow it.
    raw: &'a [u8],
    version: u8,
    serial: &'a [u8],
    issuer: &'a [u8],
    validity: Der<'a>,
    subject: &'a [u8],
    key: Der<'a>,
    /// What follows the public key.
    rest: Der<'a>,
    algorithm: Option<&'a [u8]>,
}

impl<'a> Frame<'a> {
    fn decode(bytes: &'a [u8]) -> Option<Frame<'a>> {
        let outer = Der(bytes).next_if(tag::SEQUENCE)?;
        let mut parts = outer.inside();
        let mut tbs = parts.next_if(tag::SEQUENCE)?.inside();
        let version = tbs.next_if(tag::context(0)).and_then(|value| value.inside().next());
        let serial = tbs.next_if(tag::INTEGER)?;
        let mut inner_algorithm = tbs.next_if(tag::SEQUENCE)?.inside();
        let issuer = tbs.next_if(tag::SEQUENCE)?;
        let validity = tbs.next_if(tag::SEQUENCE)?;
        let subject = tbs.next_if(tag::SEQUENCE)?;
        let key = tbs.next_if(tag::SEQUENCE)?;
        let outer_algorithm = parts.next_if(tag::SEQUENCE).and_then(|value| value.inside().next_if(tag::OID));
        let algorithm = outer_algorithm.or_else(|| inner_algorithm.next_if(tag::OID));
        Some(Frame {
            raw: outer.raw,
            version: version.and_then(|value| value.content.last().copied()).unwrap_or(0).saturating_add(1),
            serial: serial.content,
            issuer: issuer.content,
            validity: validity.inside(),
            subject: subject.content,
            key: key.inside(),
            rest: tbs,
            algorithm: algorithm.map(|value| value.content),
        })
    }
}

impl Certificate {
    /// Takes a certificate apart. Bytes after its end are ignored.
    ///
    /// # Errors
    /// See [`CertificateError`].
    pub fn parse(der: &[u8]) -> Result<Certificate, CertificateError> {
        if CERTIFICATE_LEN_MAX < der.len() {
            return Err(CertificateError::TooLong);
        }
        let frame = Frame::decode(der).ok_or(CertificateError::Malformed)?;
        let mut validity = frame.validity;
        let mut time = || validity.next().map(|value| Time::decode(&value));
        Ok(Certificate {
            der: frame.raw.to_vec(),
            version: frame.version,
            serial: frame.serial.to_vec(),
            subject: name::decode(frame.subject),
            issuer: name::decode(frame.issuer),
            not_before: time(),
            not_after: time(),
            signature_algorithm: Oid::decode(frame.algorithm.unwrap_or_default()),
            public_key: PublicKey::decode(frame.key)?,
            extensions: extensions(frame.rest),
        })
    }

    /// The certificate as it came.
    pub fn der(&self) -> &[u8] {
        &self.der
    }

    /// OpenSSL's long name of the signature's algorithm; `undefined` when it has none.
    pub fn signature_name(&self) -> &'static str {
        self.signature_algorithm.long_name().unwrap_or("undefined")
    }

    /// The digest of the certificate, by OpenSSL's name of the hash in either case; `None` for an unknown one.
    pub fn digest(&self, name: &str) -> Option<Vec<u8>> {
        Some(match name.to_ascii_lowercase().as_str() {
            "md5" | "ssl3-md5" => md5::Md5::digest(&self.der).to_vec(),
            "sha1" | "ssl3-sha1" | "sha-1" => sha1::Sha1::digest(&self.der).to_vec(),
            "sha224" | "sha-224" | "sha2-224" => sha2::Sha224::digest(&self.der).to_vec(),
            "sha256" | "sha-256" | "sha2-256" => sha2::Sha256::digest(&self.der).to_vec(),
            "sha384" | "sha-384" | "sha2-384" => sha2::Sha384::digest(&self.der).to_vec(),
            "sha512" | "sha-512" | "sha2-512" => sha2::Sha512::digest(&self.der).to_vec(),
            "sha512-224" | "sha-512/224" | "sha2-512/224" => sha2::Sha512_224::digest(&self.der).to_vec(),
            "sha512-256" | "sha-512/256" | "sha2-512/256" => sha2::Sha512_256::digest(&self.der).to_vec(),
            _ => return None,
        })
    }

    /// The certificate as PEM: lines of 64 columns, a line end at the end.
    pub fn pem(&self) -> String {
        let mut out = String::from("-----BEGIN CERTIFICATE-----\n");
        // 48 bytes make 64 characters.
        for line in self.der.chunks(48) {
            base64(line, &mut out);
            out.push('\n');
        }
        out.push_str("-----END CERTIFICATE-----\n");
        out
    }
}

fn extensions(mut rest: Der<'_>) -> Vec<Extension> {
    while let Some(value) = rest.next() {
        if value.tag != tag::context(3) {
            continue;
        }
        let list = value.inside().next_if(tag::SEQUENCE);
        let Some(mut list) = list.map(|list| list.inside()) else { break };
        let mut out = Vec::new();
        while let Some(value) = list.next().filter(|_| out.len() < EXTENSIONS_MAX) {
            out.extend(Extension::decode(value.inside()));
        }
        return out;
    }
    Vec::new()
}

fn base64(bytes: &[u8], out: &mut String) {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    for chunk in bytes.chunks(3) {
        let byte = |idx: usize| u32::from(chunk.get(idx).copied().unwrap_or(0));
        let bits = byte(0) << 16 | byte(1) << 8 | byte(2);
        for idx in 0..4 {
            let digit = DIGITS[(bits >> (18 - 6 * idx)) as usize & 63];
            out.push(if idx <= chunk.len() { char::from(digit) } else { '=' });
        }
    }
}

/// The RSA key of a certificate, whatever else is wrong with it.
pub(crate) fn rsa_key(certificate: &[u8]) -> Option<RsaKey> {
    let mut key = Frame::decode(certificate)?.key;
    key.next()?;
    let (_, bits) = key.next()?.bits()?;
    RsaKey::decode(bits)
}
