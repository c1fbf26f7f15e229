//! Private keys in PEM as OpenSSL writes them: PKCS #1, SEC 1 and PKCS #8, each with a passphrase or without.
//!
//! # Source
//! RFC 8017 A.1.2, RFC 5915, RFC 5958, RFC 8018; the lines `Proc-Type` and `DEK-Info` as RFC 1421 and OpenSSL's
//! `EVP_BytesToKey` have them.

use crate::SshError;
use crate::key::{BAD, Kind, base64};
use cipher::{BlockModeDecrypt, KeyIvInit, block_padding::Pkcs7};
use digest::Digest;
use pkcs8::der::asn1::{AnyRef, ObjectIdentifier, OctetStringRef, UintRef};
use pkcs8::der::{Decode, Reader, SliceReader};
use pkcs8::pkcs5::{EncryptionScheme, pbes2::Kdf};
use pkcs8::{EncryptedPrivateKeyInfoRef, PrivateKeyInfoRef};
use zeroize::Zeroizing;

/// Iterations of the key derivation that a file may ask for: about a second of work.
const ITERATIONS_MAX: u32 = 1_000_000;

const RSA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.1");
const EC: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.2.1");
const ED25519: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.101.112");

/// What stands between the lines of PEM with this label.
pub(crate) fn body<'a>(text: &'a [u8], label: &str) -> Option<&'a [u8]> {
    let text = std::str::from_utf8(text).ok()?;
    let (begin, end) = (format!("-----BEGIN {label}-----"), format!("-----END {label}-----"));
    let start = text.find(&begin)? + begin.len();
    let len = text[start..].find(&end)?;
    Some(&text.as_bytes()[start..start + len])
}

/// Reads a key of any of these kinds.
pub(crate) fn parse(text: &[u8], passphrase: &[u8]) -> Result<Kind, SshError> {
    if let Some(body) = body(text, "RSA PRIVATE KEY") {
        return pkcs1(&unlock(body, passphrase)?);
    }
    if let Some(body) = body(text, "EC PRIVATE KEY") {
        return sec1(&unlock(body, passphrase)?);
    }
    if let Some(body) = body(text, "ENCRYPTED PRIVATE KEY") {
        let data = base64(body).ok_or(BAD)?;
        let locked = EncryptedPrivateKeyInfoRef::try_from(&data[..]).map_err(|_| BAD)?;
        if passphrase.is_empty() || !is_affordable(&locked.encryption_algorithm) {
            return Err(BAD);
        }
        return pkcs8(locked.decrypt(passphrase).map_err(|_| BAD)?.as_bytes());
    }
    pkcs8(&unlock(body(text, "PRIVATE KEY").ok_or(BAD)?, passphrase)?)
}

/// Whether the key derivation ends soon.
fn is_affordable(scheme: &EncryptionScheme) -> bool {
    match scheme {
        EncryptionScheme::Pbes2(parameters) => match &parameters.kdf {
            Kdf::Pbkdf2(kdf) => kdf.iteration_count <= ITERATIONS_MAX,
            _ => false,
        },
        _ => false,
    }
}

/// The bytes of a body, which may be locked the old way.
fn unlock(body: &[u8], passphrase: &[u8]) -> Result<Zeroizing<Vec<u8>>, SshError> {
    let text = std::str::from_utf8(body).map_err(|_| BAD)?;
    let Some((_, headers)) = text.split_once("DEK-Info:") else {
        return base64(body).map(Zeroizing::new).ok_or(BAD);
    };
    let (info, rest) = headers.split_once('\n').ok_or(BAD)?;
    let (name, iv) = info.trim().split_once(',').ok_or(BAD)?;
    let iv = hex(iv).ok_or(BAD)?;
    let mut data = Zeroizing::new(base64(rest.as_bytes()).ok_or(BAD)?);
    let salt = iv.get(..8).ok_or(BAD)?;
    if passphrase.is_empty() {
        return Err(BAD);
    }
    let len = match name {
        "AES-128-CBC" => decrypt::<cbc::Decryptor<aes::Aes128>>(&derive(passphrase, salt, 16), &iv, &mut data),
        "AES-192-CBC" => decrypt::<cbc::Decryptor<aes::Aes192>>(&derive(passphrase, salt, 24), &iv, &mut data),
        "AES-256-CBC" => decrypt::<cbc::Decryptor<aes::Aes256>>(&derive(passphrase, salt, 32), &iv, &mut data),
        "DES-EDE3-CBC" => decrypt::<cbc::Decryptor<des::TdesEde3>>(&derive(passphrase, salt, 24), &iv, &mut data),
        _ => None,
    };
    data.truncate(len.ok_or(BAD)?);
    Ok(data)
}

/// Decrypts in place; the length without padding.
fn decrypt<C: BlockModeDecrypt + KeyIvInit>(key: &[u8], iv: &[u8], data: &mut [u8]) -> Option<usize> {
    let plain = C::new_from_slices(key, iv).ok()?.decrypt_padded::<Pkcs7>(data).ok()?;
    Some(plain.len())
}

/// `EVP_BytesToKey` with MD5 and one iteration.
fn derive(passphrase: &[u8], salt: &[u8], len: usize) -> Zeroizing<Vec<u8>> {
    let mut key = Zeroizing::new(Vec::new());
    while key.len() < len {
        let mut hash = md5::Md5::new();
        let last = key.len().saturating_sub(16);
        hash.update(&key[last..]);
        hash.update(passphrase);
        hash.update(salt);
        key.extend_from_slice(&hash.finalize());
    }
    key.truncate(len);
    key
}

fn hex(text: &str) -> Option<Vec<u8>> {
    text.as_bytes().chunks(2).map(|pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()).collect()
}

fn pkcs8(data: &[u8]) -> Result<Kind, SshError> {
    let info = PrivateKeyInfoRef::try_from(data).map_err(|_| BAD)?;
    let inner = info.private_key.as_bytes();
    match info.algorithm.oid {
        RSA => pkcs1(inner),
        EC => sec1(inner),
        ED25519 => {
            let seed = <&OctetStringRef>::from_der(inner).map_err(|_| BAD)?;
            let seed = <&[u8; 32]>::try_from(seed.as_bytes()).map_err(|_| BAD)?;
            Ok(Kind::Ed25519(Box::new(ed25519_dalek::SigningKey::from_bytes(seed))))
        }
        _ => Err(BAD),
    }
}

fn pkcs1(data: &[u8]) -> Result<Kind, SshError> {
    let numbers = |reader: &mut SliceReader<'_>| -> pkcs8::der::Result<[Vec<u8>; 3]> {
        reader.sequence(|reader| {
            u8::decode(reader)?;
            let mut next = || Ok::<_, pkcs8::der::Error>(UintRef::decode(reader)?.as_bytes().to_vec());
            let found = [next()?, next()?, next()?];
            while !reader.is_finished() {
                UintRef::decode(reader)?;
            }
            Ok(found)
        })
    };
    let [n, e, d] = SliceReader::new(data).and_then(|mut reader| numbers(&mut reader)).map_err(|_| BAD)?;
    Ok(Kind::Rsa { n, e, d: Zeroizing::new(d) })
}

/// The curve goes by the length of the secret number.
fn sec1(data: &[u8]) -> Result<Kind, SshError> {
    let number = |reader: &mut SliceReader<'_>| -> pkcs8::der::Result<Zeroizing<Vec<u8>>> {
        reader.sequence(|reader| {
            u8::decode(reader)?;
            let number = <&OctetStringRef>::decode(reader)?.as_bytes().to_vec();
            while !reader.is_finished() {
                AnyRef::decode(reader)?;
            }
            Ok(Zeroizing::new(number))
        })
    };
    let number = SliceReader::new(data).and_then(|mut reader| number(&mut reader)).map_err(|_| BAD)?;
    let kind = match number.len() {
        32 => p256::ecdsa::SigningKey::from_slice(&number).map(|key| Kind::P256(Box::new(key))),
        48 => p384::ecdsa::SigningKey::from_slice(&number).map(|key| Kind::P384(Box::new(key))),
        66 => p521::ecdsa::SigningKey::from_slice(&number).map(|key| Kind::P521(Box::new(key))),
        _ => return Err(BAD),
    };
    kind.map_err(|_| BAD)
}
