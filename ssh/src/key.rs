//! Private keys: what they sign, and OpenSSH's own format of files; the others are in [`crate::key_file`].

use crate::SshError;
use crate::kex::Field;
use crate::key_file;
use crate::wire::{Reader, Write};
use cipher::{KeyIvInit, StreamCipher};
use digest::Digest;
use ed25519_dalek::Signer;
use zeroize::Zeroizing;

/// Longest key file.
const FILE_MAX: usize = 64 << 10;
/// Rounds of the key derivation that a file may ask for: about a second of work.
const ROUNDS_MAX: u32 = 200;

const MAGIC: &[u8] = b"openssh-key-v1\0";
pub(crate) const BAD: SshError = SshError::Protocol("a private key is of no use");

pub(crate) enum Kind {
    Ed25519(Box<ed25519_dalek::SigningKey>),
    P256(Box<p256::ecdsa::SigningKey>),
    P384(Box<p384::ecdsa::SigningKey>),
    P521(Box<p521::ecdsa::SigningKey>),
    Rsa { n: Vec<u8>, e: Vec<u8>, d: Zeroizing<Vec<u8>> },
}

/// A private key.
pub struct PrivateKey {
    kind: Kind,
}

impl std::fmt::Debug for PrivateKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("PrivateKey")
    }
}

/// Bytes of base64 text; white space means nothing.
pub(crate) fn base64(text: &[u8]) -> Option<Vec<u8>> {
    let (mut out, mut bits, mut count) = (Vec::with_capacity(text.len() * 3 / 4), 0u32, 0);
    for &byte in text.iter().filter(|byte| !byte.is_ascii_whitespace()) {
        let value = match byte {
            b'A'..=b'Z' => byte - b'A',
            b'a'..=b'z' => byte - b'a' + 26,
            b'0'..=b'9' => byte - b'0' + 52,
            b'+' => 62,
            b'/' => 63,
            b'=' => break,
            _ => return None,
        };
        bits = bits << 6 | u32::from(value);
        count += 6;
        if count >= 8 {
            count -= 8;
            out.push((bits >> count) as u8);
        }
    }
    Some(out)
}

/// The key in a line of a public key file: its second word.
pub fn read_public(text: &[u8]) -> Option<Vec<u8>> {
    let line = text.split(|&byte| byte == b'\n').next()?;
    base64(line.split(|&byte| byte == b' ').nth(1)?)
}

impl PrivateKey {
    /// Reads a key.
    ///
    /// # Errors
    /// When it is of no kind that is known, damaged, or the passphrase is wrong.
    pub fn parse(text: &[u8], passphrase: &[u8]) -> Result<PrivateKey, SshError> {
        if text.len() > FILE_MAX {
            return Err(SshError::TooLarge("a key file"));
        }
        let kind = match key_file::body(text, "OPENSSH PRIVATE KEY") {
            Some(body) => parse_openssh(&Zeroizing::new(base64(body).ok_or(BAD)?), passphrase)?,
            None => key_file::parse(text, passphrase)?,
        };
        Ok(PrivateKey { kind })
    }

    /// The key's algorithm.
    pub fn algorithm(&self) -> &'static [u8] {
        match &self.kind {
            Kind::Ed25519(_) => b"ssh-ed25519",
            Kind::P256(_) => b"ecdsa-sha2-nistp256",
            Kind::P384(_) => b"ecdsa-sha2-nistp384",
            Kind::P521(_) => b"ecdsa-sha2-nistp521",
            Kind::Rsa { .. } => b"ssh-rsa",
        }
    }

    /// The public key as messages have it.
    pub fn public_blob(&self) -> Vec<u8> {
        let mut blob = Vec::new();
        blob.string(self.algorithm());
        match &self.kind {
            Kind::Ed25519(key) => blob.string(key.verifying_key().as_bytes()),
            Kind::P256(key) => point(&mut blob, b"nistp256", &key.verifying_key().to_sec1_point(false).to_bytes()),
            Kind::P384(key) => point(&mut blob, b"nistp384", &key.verifying_key().to_sec1_point(false).to_bytes()),
            Kind::P521(key) => point(&mut blob, b"nistp521", &key.verifying_key().to_sec1_point(false).to_bytes()),
            Kind::Rsa { n, e, .. } => {
                blob.mpint(e);
                blob.mpint(n);
            }
        }
        blob
    }

    /// A signature as messages have it.
    pub(crate) fn sign(&self, algorithm: &[u8], data: &[u8]) -> Result<Vec<u8>, SshError> {
        let mut signature = Vec::new();
        signature.string(algorithm);
        match &self.kind {
            Kind::Ed25519(key) => signature.string(&key.sign(data).to_bytes()),
            Kind::P256(key) => {
                let made: p256::ecdsa::Signature = key.sign(data);
                numbers(&mut signature, &made.to_bytes());
            }
            Kind::P384(key) => {
                let made: p384::ecdsa::Signature = key.sign(data);
                numbers(&mut signature, &made.to_bytes());
            }
            Kind::P521(key) => {
                let made: p521::ecdsa::Signature = key.sign(data);
                numbers(&mut signature, &made.to_bytes());
            }
            Kind::Rsa { n, d, .. } => signature.string(&rsa_sign(n, d, algorithm, data)?),
        }
        Ok(signature)
    }
}

fn point(blob: &mut Vec<u8>, curve: &[u8], point: &[u8]) {
    blob.string(curve);
    blob.string(point);
}

/// Both halves of a signature on a curve.
fn numbers(signature: &mut Vec<u8>, made: &[u8]) {
    let (r, s) = made.split_at(made.len() / 2);
    let mut body = Vec::new();
    body.mpint(r);
    body.mpint(s);
    signature.string(&body);
}

/// PKCS #1 v1.5.
fn rsa_sign(n: &[u8], d: &[u8], algorithm: &[u8], data: &[u8]) -> Result<Vec<u8>, SshError> {
    // The DER in front of the digest: an algorithm identifier.
    let (prefix, digest): (&[u8], Vec<u8>) = match algorithm {
        b"rsa-sha2-512" => (
            &[0x30, 0x51, 0x30, 0x0d, 6, 9, 0x60, 0x86, 0x48, 1, 0x65, 3, 4, 2, 3, 5, 0, 4, 0x40],
            sha2::Sha512::digest(data).to_vec(),
        ),
        b"rsa-sha2-256" => (
            &[0x30, 0x31, 0x30, 0x0d, 6, 9, 0x60, 0x86, 0x48, 1, 0x65, 3, 4, 2, 1, 5, 0, 4, 0x20],
            sha2::Sha256::digest(data).to_vec(),
        ),
        _ => (&[0x30, 0x21, 0x30, 9, 6, 5, 0x2b, 0x0e, 3, 2, 0x1a, 5, 0, 4, 0x14], sha1::Sha1::digest(data).to_vec()),
    };
    let zeros = n.iter().take_while(|&&byte| byte == 0).count();
    let len = n.len() - zeros;
    let filled = len.checked_sub(3 + prefix.len() + digest.len()).filter(|&filled| filled >= 8).ok_or(BAD)?;
    let padded = [&[0, 1][..], &vec![0xff; filled], &[0], prefix, &digest].concat();
    let field = Field::new(n).ok_or(BAD)?;
    let signature = field.pow(&padded, d);
    Ok(signature[signature.len() - len..].to_vec())
}

fn parse_openssh(data: &[u8], passphrase: &[u8]) -> Result<Kind, SshError> {
    let mut reader = Reader::new(data.strip_prefix(MAGIC).ok_or(BAD)?);
    let (cipher, kdf, options) = (reader.string()?, reader.string()?, reader.string()?);
    if reader.number()? != 1 {
        return Err(BAD);
    }
    reader.string()?;
    let mut private = Zeroizing::new(reader.string()?.to_vec());
    match (cipher, kdf) {
        (b"none", b"none") => {}
        (b"aes256-ctr", b"bcrypt") => {
            let mut options = Reader::new(options);
            let (salt, rounds) = (options.string()?, options.number()?);
            if passphrase.is_empty() || rounds > ROUNDS_MAX {
                return Err(BAD);
            }
            let mut key = Zeroizing::new([0; 48]);
            bcrypt_pbkdf::bcrypt_pbkdf(passphrase, salt, rounds, &mut key[..]).map_err(|_| BAD)?;
            let stream = ctr::Ctr128BE::<aes::Aes256>::new_from_slices(&key[..32], &key[32..]);
            stream.map_err(|_| BAD)?.apply_keystream(&mut private);
        }
        _ => return Err(BAD),
    }
    let mut reader = Reader::new(&private);
    if reader.number()? != reader.number()? {
        return Err(BAD);
    }
    Ok(match reader.string()? {
        b"ssh-ed25519" => {
            reader.string()?;
            let seed = reader.string()?.get(..32).and_then(|seed| <[u8; 32]>::try_from(seed).ok()).ok_or(BAD)?;
            Kind::Ed25519(Box::new(ed25519_dalek::SigningKey::from_bytes(&seed)))
        }
        b"ssh-rsa" => {
            let (n, e, d) = (reader.mpint()?.to_vec(), reader.mpint()?.to_vec(), reader.mpint()?.to_vec());
            Kind::Rsa { n, e, d: Zeroizing::new(d) }
        }
        b"ecdsa-sha2-nistp256" => Kind::P256(Box::new(scalar(&mut reader, 32, p256::ecdsa::SigningKey::from_slice)?)),
        b"ecdsa-sha2-nistp384" => Kind::P384(Box::new(scalar(&mut reader, 48, p384::ecdsa::SigningKey::from_slice)?)),
        b"ecdsa-sha2-nistp521" => Kind::P521(Box::new(scalar(&mut reader, 66, p521::ecdsa::SigningKey::from_slice)?)),
        _ => return Err(BAD),
    })
}

/// The secret number of a key on a curve: behind the curve's name and the public point.
fn scalar<K, E>(reader: &mut Reader<'_>, len: usize, make: impl Fn(&[u8]) -> Result<K, E>) -> Result<K, SshError> {
    reader.string()?;
    reader.string()?;
    let number = reader.mpint()?;
    let mut bytes = Zeroizing::new(vec![0; len.checked_sub(number.len()).ok_or(BAD)?]);
    bytes.extend_from_slice(number);
    make(&bytes).map_err(|_| BAD)
}
