//! Record protection: what every suite of every version does to the bytes of a record.
//!
//! A [`Protection`] is one direction's keys. It is told the sequence number, because DTLS brings it in the record,
//! and it works in place on the buffer of the record layer.
//!
//! Which branch is taken never depends on a secret of ours except in one place: the length of the padding of a CBC
//! record under MAC-then-encrypt decides how much is hashed. Padding and MAC are compared without branches and fail
//! as one error, and the hash's compressions that a longer padding saves are made up for ("Lucky Thirteen", 2013).
//!
//! # Source
//! RFC 6101 §5.2.3, RFC 2246 §6.2.3, RFC 4346 §6.2.3, RFC 5246 §6.2.3, RFC 5288 (GCM), RFC 6655 (CCM), RFC 7905
//! (ChaCha20),
//! RFC 7366 (encrypt-then-MAC), RFC 8446 §5.2.

use crate::codec::Put;
use crate::hash::{HashKind, Mac, Secret, hkdf_expand_label};
use crate::limits::RECORD_PLAINTEXT_MAX;
use crate::suite::{Bulk, Mode, Suite};
use crate::{Rng, TlsError, Version};
use aes::{Aes128, Aes256};
use aes_gcm::AesGcm;
use aes_gcm::aead::{AeadInOut, Nonce, Tag};
use aria::{Aria128, Aria256};
use camellia::{Camellia128, Camellia256};
use ccm::Ccm;
use ccm::consts::{U8, U12, U16};
use chacha20poly1305::ChaCha20Poly1305;
use cipher::array::Array;
use cipher::{Block, BlockCipherDecrypt, BlockCipherEncrypt, InOutBuf, KeyInit, StreamCipher};
use des::{Des, TdesEde3};
use rc4::Rc4;
use std::ops::Range;
use subtle::{Choice, ConditionallySelectable, ConstantTimeEq, ConstantTimeGreater};

/// The keys of one direction.
pub(crate) enum Protection {
    /// Before any keys are agreed.
    None,
    /// NULL and RC4: data and MAC, exclusive-or with a key stream that runs on.
    Stream { cipher: Option<Box<Rc4>>, mac: Mac },
    /// CBC mode.
    Block { cipher: Box<dyn CbcCipher>, mac: Mac, iv: Iv, encrypt_then_mac: bool, ssl3: bool },
    /// Authenticated encryption.
    Aead { cipher: Box<dyn AeadCipher>, iv: Secret, form: AeadForm },
}

/// Where a CBC record's initial vector comes from.
pub(crate) enum Iv {
    /// The last block of the record before: SSL 3.0 and TLS 1.0.
    Chained(Vec<u8>),
    /// In the record.
    Explicit,
}

/// How an AEAD cipher is used.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum AeadForm {
    /// TLS 1.2, GCM and CCM: salt from the keys, eight bytes in the record.
    Explicit,
    /// TLS 1.2, ChaCha20: the nonce is made from the sequence number.
    Implicit,
    /// TLS 1.3: the same, and the content type is inside.
    Tls13,
}

/// A block cipher in CBC mode over whole blocks.
pub(crate) trait CbcCipher: Send {
    fn block_len(&self) -> usize;
    fn encrypt(&self, iv: &[u8], data: &mut [u8]);
    fn decrypt(&self, iv: &[u8], data: &mut [u8]);
}

impl<C: BlockCipherEncrypt + BlockCipherDecrypt + Send> CbcCipher for C {
    fn block_len(&self) -> usize {
        C::block_size()
    }

    fn encrypt(&self, iv: &[u8], data: &mut [u8]) {
        let mut previous = Block::<C>::try_from(iv).expect("an initial vector is a block");
        let (blocks, _) = Array::slice_as_chunks_mut(data);
        for block in blocks {
            xor(block, &previous);
            self.encrypt_block(block);
            previous = block.clone();
        }
    }

    fn decrypt(&self, iv: &[u8], data: &mut [u8]) {
        let ciphertext = data.to_vec();
        let (blocks, _) = Array::slice_as_chunks_mut(data);
        self.decrypt_blocks(blocks);
        let len = C::block_size();
        xor(&mut data[..len], iv);
        let rest = data.len() - len;
        xor(&mut data[len..], &ciphertext[..rest]);
    }
}

/// An AEAD cipher with a nonce of twelve bytes.
pub(crate) trait AeadCipher: Send {
    fn tag_len(&self) -> usize;
    /// Encrypts in place and gives the tag.
    fn seal(&self, nonce: &[u8; 12], aad: &[u8], data: &mut [u8]) -> Vec<u8>;
    /// Decrypts in place.
    fn open(&self, nonce: &[u8; 12], aad: &[u8], data: &mut [u8], tag: &[u8]) -> Result<(), TlsError>;
}

impl<C: AeadInOut<NonceSize = U12> + Send> AeadCipher for C {
    fn tag_len(&self) -> usize {
        Tag::<C>::default().len()
    }

    fn seal(&self, nonce: &[u8; 12], aad: &[u8], data: &mut [u8]) -> Vec<u8> {
        let nonce = Nonce::<C>::from(*nonce);
        let tag = self.encrypt_inout_detached(&nonce, aad, InOutBuf::from(data));
        tag.expect("records are far below any cipher's limit").to_vec()
    }

    fn open(&self, nonce: &[u8; 12], aad: &[u8], data: &mut [u8], tag: &[u8]) -> Result<(), TlsError> {
        let nonce = Nonce::<C>::from(*nonce);
        let tag = Tag::<C>::try_from(tag).map_err(|_| TlsError::BadRecord)?;
        self.decrypt_inout_detached(&nonce, aad, InOutBuf::from(data), &tag).map_err(|_| TlsError::BadRecord)
    }
}

type Gcm<C> = AesGcm<C, U12>;

pub(crate) fn cbc_cipher(bulk: Bulk, key: &[u8]) -> Box<dyn CbcCipher> {
    fn make<C: KeyInit + CbcCipher + 'static>(key: &[u8]) -> Box<dyn CbcCipher> {
        Box::new(C::new_from_slice(key).expect("Bulk::key_len gives the right length"))
    }
    match bulk {
        Bulk::DesCbc => make::<Des>(key),
        Bulk::TripleDesCbc => make::<TdesEde3>(key),
        Bulk::Aes128Cbc => make::<Aes128>(key),
        Bulk::Aes256Cbc => make::<Aes256>(key),
        Bulk::Camellia128Cbc => make::<Camellia128>(key),
        Bulk::Camellia256Cbc => make::<Camellia256>(key),
        Bulk::Aria128Cbc => make::<Aria128>(key),
        Bulk::Aria256Cbc => make::<Aria256>(key),
        _ => unreachable!("Bulk::mode says Block for no other"),
    }
}

pub(crate) fn aead_cipher(bulk: Bulk, key: &[u8]) -> Box<dyn AeadCipher> {
    fn make<C: KeyInit + AeadCipher + 'static>(key: &[u8]) -> Box<dyn AeadCipher> {
        Box::new(C::new_from_slice(key).expect("Bulk::key_len gives the right length"))
    }
    match bulk {
        Bulk::Aes128Gcm => make::<Gcm<Aes128>>(key),
        Bulk::Aes256Gcm => make::<Gcm<Aes256>>(key),
        Bulk::Camellia128Gcm => make::<Gcm<Camellia128>>(key),
        Bulk::Camellia256Gcm => make::<Gcm<Camellia256>>(key),
        Bulk::Aria128Gcm => make::<Gcm<Aria128>>(key),
        Bulk::Aria256Gcm => make::<Gcm<Aria256>>(key),
        Bulk::Aes128Ccm => make::<Ccm<Aes128, U16, U12>>(key),
        Bulk::Aes256Ccm => make::<Ccm<Aes256, U16, U12>>(key),
        Bulk::Aes128Ccm8 => make::<Ccm<Aes128, U8, U12>>(key),
        Bulk::Aes256Ccm8 => make::<Ccm<Aes256, U8, U12>>(key),
        Bulk::ChaCha20Poly1305 => make::<ChaCha20Poly1305>(key),
        _ => unreachable!("Bulk::mode says Aead for no other"),
    }
}

/// The key block of a connection before TLS 1.3, as bytes that are handed out in order.
pub(crate) struct KeyBlock<'a> {
    pub mac_key: &'a [u8],
    pub key: &'a [u8],
    pub iv: &'a [u8],
}

/// What decides the form of protection before TLS 1.3.
#[derive(Clone, Copy)]
pub(crate) struct LegacyForm {
    pub suite: &'static Suite,
    pub version: Version,
    pub encrypt_then_mac: bool,
}

impl LegacyForm {
    /// Bytes of MAC key, cipher key and vector for one direction.
    pub fn lens(&self) -> (usize, usize, usize) {
        let bulk = self.suite.bulk();
        let mac = if bulk.mode() == Mode::Aead { 0 } else { self.suite.hash().len() };
        (mac, bulk.key_len(), bulk.fixed_iv_len())
    }

    /// The keys of one direction.
    pub fn protection(&self, keys: &KeyBlock<'_>) -> Protection {
        let bulk = self.suite.bulk();
        let ssl3 = self.version == Version::Ssl3;
        let mac = || Mac::new(self.suite.hash(), keys.mac_key, ssl3);
        match bulk.mode() {
            Mode::Stream => {
                let rc4 = || Box::new(Rc4::new_from_slice(keys.key).expect("RC4 takes sixteen bytes"));
                Protection::Stream { cipher: (bulk == Bulk::Rc4).then(rc4), mac: mac() }
            }
            Mode::Block => Protection::Block {
                cipher: cbc_cipher(bulk, keys.key),
                mac: mac(),
                iv: if self.version <= Version::Tls10 { Iv::Chained(keys.iv.to_vec()) } else { Iv::Explicit },
                encrypt_then_mac: self.encrypt_then_mac,
                ssl3,
            },
            Mode::Aead => Protection::Aead {
                cipher: aead_cipher(bulk, keys.key),
                iv: Secret::new(keys.iv.to_vec()),
                form: if bulk == Bulk::ChaCha20Poly1305 { AeadForm::Implicit } else { AeadForm::Explicit },
            },
        }
    }
}

/// A record's outside, as the MAC or the additional data sees it.
#[derive(Clone, Copy)]
pub(crate) struct Header {
    /// Sequence number; in DTLS the epoch in the upper sixteen bits.
    pub seq: u64,
    pub kind: u8,
    /// The number on the wire.
    pub version: u16,
}

impl Protection {
    /// The keys that TLS 1.3 makes from a traffic secret.
    pub fn tls13(suite: &Suite, secret: &[u8]) -> Protection {
        let hash: HashKind = suite.prf_hash();
        let key = hkdf_expand_label(hash, secret, "key", &[], suite.bulk().key_len());
        let iv = hkdf_expand_label(hash, secret, "iv", &[], 12);
        Protection::Aead { cipher: aead_cipher(suite.bulk(), &key), iv, form: AeadForm::Tls13 }
    }

    pub fn is_tls13(&self) -> bool {
        matches!(self, Protection::Aead { form: AeadForm::Tls13, .. })
    }

    pub fn is_none(&self) -> bool {
        matches!(self, Protection::None)
    }

    /// Appends the protected form of `data` to `out`; what TLS 1.3 calls the content type goes inside.
    pub fn seal(&mut self, header: Header, data: &[u8], rng: &mut dyn Rng, out: &mut Vec<u8>) -> Result<(), TlsError> {
        let start = out.len();
        match self {
            Protection::None => out.extend_from_slice(data),
            Protection::Stream { cipher, mac } => {
                let tag = mac.compute(header.seq, header.kind, header.version, &[data]);
                out.extend_from_slice(data);
                out.extend_from_slice(&tag);
                if let Some(cipher) = cipher {
                    cipher.apply_keystream(&mut out[start..]);
                }
            }
            Protection::Block { cipher, mac, iv, encrypt_then_mac, .. } => {
                let block_len = cipher.block_len();
                let vector = match iv {
                    Iv::Chained(vector) => vector.clone(),
                    Iv::Explicit => {
                        let mut vector = vec![0; block_len];
                        rng.fill(&mut vector)?;
                        out.extend_from_slice(&vector);
                        vector
                    }
                };
                let data_start = out.len();
                out.extend_from_slice(data);
                if !*encrypt_then_mac {
                    out.extend_from_slice(&mac.compute(header.seq, header.kind, header.version, &[data]));
                }
                let pad_len = block_len - (out.len() - data_start) % block_len;
                let pad = u8::try_from(pad_len - 1).expect("blocks are short");
                out.extend(std::iter::repeat_n(pad, pad_len));
                cipher.encrypt(&vector, &mut out[data_start..]);
                if let Iv::Chained(vector) = iv {
                    vector.copy_from_slice(&out[out.len() - block_len..]);
                }
                if *encrypt_then_mac {
                    let tag = mac.compute(header.seq, header.kind, header.version, &[&out[start..]]);
                    out.extend_from_slice(&tag);
                }
            }
            Protection::Aead { cipher, iv, form } => {
                let nonce = nonce(iv, *form, header.seq, &header.seq.to_be_bytes());
                if *form == AeadForm::Explicit {
                    out.put_u48(header.seq >> 16);
                    out.put_u16(header.seq as u16);
                }
                let data_start = out.len();
                out.extend_from_slice(data);
                if *form == AeadForm::Tls13 {
                    out.push(header.kind);
                }
                let aad = additional_data(*form, header, out.len() - data_start, cipher.tag_len());
                let tag = cipher.seal(&nonce, &aad, &mut out[data_start..]);
                out.extend_from_slice(&tag);
            }
        }
        Ok(())
    }

    /// Removes the protection in place: where the content is, and its type.
    pub fn open(&mut self, header: Header, record: &mut [u8]) -> Result<(u8, Range<usize>), TlsError> {
        let range = match self {
            Protection::None => 0..record.len(),
            Protection::Stream { cipher, mac } => {
                if let Some(cipher) = cipher {
                    cipher.apply_keystream(record);
                }
                let len = record.len().checked_sub(mac.len()).ok_or(TlsError::BadRecord)?;
                let (data, tag) = record.split_at(len);
                let expected = mac.compute(header.seq, header.kind, header.version, &[data]);
                check(expected.ct_eq(tag))?;
                0..len
            }
            Protection::Block { cipher, mac, iv, encrypt_then_mac, ssl3 } => {
                let mut body = 0..record.len();
                if *encrypt_then_mac {
                    body.end = body.end.checked_sub(mac.len()).ok_or(TlsError::BadRecord)?;
                    let (ciphertext, tag) = record.split_at(body.end);
                    let expected = mac.compute(header.seq, header.kind, header.version, &[ciphertext]);
                    check(expected.ct_eq(tag))?;
                }
                let block_len = cipher.block_len();
                let vector = match iv {
                    Iv::Chained(vector) => vector.clone(),
                    Iv::Explicit => {
                        body.start = block_len;
                        record.get(..block_len).ok_or(TlsError::BadRecord)?.to_vec()
                    }
                };
                let len = body.end.checked_sub(body.start).ok_or(TlsError::BadRecord)?;
                if len == 0 || !len.is_multiple_of(block_len) {
                    return Err(TlsError::BadRecord);
                }
                if let Iv::Chained(vector) = iv {
                    vector.copy_from_slice(&record[body.end - block_len..body.end]);
                }
                cipher.decrypt(&vector, &mut record[body.clone()]);
                let mac = (!*encrypt_then_mac).then_some(&*mac);
                let len = unpad(header, &record[body.clone()], mac, *ssl3)?;
                body.start..body.start + len
            }
            Protection::Aead { cipher, iv, form } => {
                let start = if *form == AeadForm::Explicit { 8 } else { 0 };
                let tag_len = cipher.tag_len();
                let len = record.len().checked_sub(start + tag_len).ok_or(TlsError::BadRecord)?;
                let (explicit, rest) = record.split_at_mut(start);
                let (data, tag) = rest.split_at_mut(len);
                let nonce = nonce(iv, *form, header.seq, explicit);
                let aad = additional_data(*form, header, len, tag_len);
                cipher.open(&nonce, &aad, data, tag)?;
                if *form == AeadForm::Tls13 {
                    return inner_content(data);
                }
                start..start + len
            }
        };
        if RECORD_PLAINTEXT_MAX < range.len() {
            return Err(TlsError::Limit { what: "bytes in a record", max: RECORD_PLAINTEXT_MAX });
        }
        Ok((header.kind, range))
    }
}

/// TLS 1.3: the type is the last byte that is not zero.
fn inner_content(data: &[u8]) -> Result<(u8, Range<usize>), TlsError> {
    let Some(len) = data.iter().rposition(|byte| *byte != 0) else {
        return Err(TlsError::Malformed { what: "record, which has no content type" });
    };
    if RECORD_PLAINTEXT_MAX < len {
        return Err(TlsError::Limit { what: "bytes in a record", max: RECORD_PLAINTEXT_MAX });
    }
    Ok((data[len], 0..len))
}

/// Bytes of data in a decrypted CBC record; padding and, when it is inside, MAC are checked as one.
fn unpad(header: Header, plain: &[u8], mac: Option<&Mac>, ssl3: bool) -> Result<usize, TlsError> {
    let mac_len = mac.map_or(0, Mac::len);
    let len = plain.len();
    if len < mac_len + 1 {
        return Err(TlsError::BadRecord);
    }
    let pad = plain[len - 1];
    let room = (len - mac_len - 1).min(255) as u8;
    let mut good = !pad.ct_gt(&room);
    if !ssl3 {
        // All bytes that could be padding are looked at, whether they are or not.
        for back in 0..=room {
            let is_padding = !back.ct_gt(&pad);
            let byte = plain[len - 1 - usize::from(back)];
            good &= !is_padding | byte.ct_eq(&pad);
        }
    }
    let pad = u8::conditional_select(&0, &pad, good);
    let data_len = len - mac_len - 1 - usize::from(pad);
    if let Some(mac) = mac {
        let expected = mac.compute(header.seq, header.kind, header.version, &[&plain[..data_len]]);
        mac.make_up_for(data_len, len - mac_len - 1);
        good &= expected.ct_eq(&plain[data_len..data_len + mac_len]);
    }
    check(good)?;
    Ok(data_len)
}

fn check(good: Choice) -> Result<(), TlsError> {
    if bool::from(good) { Ok(()) } else { Err(TlsError::BadRecord) }
}

fn nonce(iv: &[u8], form: AeadForm, seq: u64, explicit: &[u8]) -> [u8; 12] {
    let mut nonce = [0; 12];
    match form {
        AeadForm::Explicit => {
            nonce[..4].copy_from_slice(iv);
            nonce[4..].copy_from_slice(explicit);
        }
        AeadForm::Implicit | AeadForm::Tls13 => {
            nonce[4..].copy_from_slice(&seq.to_be_bytes());
            xor(&mut nonce, iv);
        }
    }
    nonce
}

fn additional_data(form: AeadForm, header: Header, len: usize, tag_len: usize) -> Vec<u8> {
    let mut aad = Vec::with_capacity(13);
    let outer_len = if form == AeadForm::Tls13 { len + tag_len } else { len };
    if form != AeadForm::Tls13 {
        aad.extend_from_slice(&header.seq.to_be_bytes());
    }
    // Every protected record of TLS 1.3 claims to be application data of TLS 1.2.
    aad.push(if form == AeadForm::Tls13 { 23 } else { header.kind });
    aad.put_u16(if form == AeadForm::Tls13 { 0x0303 } else { header.version });
    aad.put_u16(u16::try_from(outer_len).expect("records are shorter than 64 KiB"));
    aad
}

fn xor(data: &mut [u8], with: &[u8]) {
    data.iter_mut().zip(with).for_each(|(a, b)| *a ^= b);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::SystemRng;

    fn pair(suite: &'static Suite, version: Version, encrypt_then_mac: bool) -> (Protection, Protection) {
        let make = || {
            if version == Version::Tls13 {
                return Protection::tls13(suite, &[7; 32]);
            }
            let form = LegacyForm { suite, version, encrypt_then_mac };
            let (mac_len, key_len, iv_len) = form.lens();
            let keys = [0x5a; 64];
            form.protection(&KeyBlock { mac_key: &keys[..mac_len], key: &keys[..key_len], iv: &keys[..iv_len] })
        };
        (make(), make())
    }

    /// Calls with every suite in every version it exists in.
    fn each(run: impl Fn(&'static Suite, Version, bool)) {
        for suite in Suite::all() {
            for version in [Version::Ssl3, Version::Tls10, Version::Tls11, Version::Tls12, Version::Tls13] {
                if suite.is_for(version) {
                    run(suite, version, false);
                    if suite.bulk().mode() == Mode::Block && version != Version::Ssl3 {
                        run(suite, version, true);
                    }
                }
            }
        }
    }

    #[test]
    fn what_is_sealed_opens() {
        each(|suite, version, encrypt_then_mac| {
            let (mut writer, mut reader) = pair(suite, version, encrypt_then_mac);
            for (seq, len) in [(0, 0), (1, 1), (2, 15), (3, 16), (4, 17), (5, 1000), (6, RECORD_PLAINTEXT_MAX)] {
                let header = Header { seq, kind: 23, version: version.code().min(0x0303) };
                let data: Vec<u8> = (0..len).map(|n| n as u8).collect();
                let mut record = Vec::new();
                writer.seal(header, &data, &mut SystemRng, &mut record).unwrap();
                let (kind, range) = reader.open(header, &mut record).unwrap();
                assert_eq!((kind, &record[range]), (23, &data[..]), "{} {version} {len}", suite.iana_name());
            }
        });
    }

    #[test]
    fn what_is_changed_does_not_open() {
        each(|suite, version, encrypt_then_mac| {
            let header = Header { seq: 0, kind: 23, version: version.code().min(0x0303) };
            let (mut writer, _) = pair(suite, version, encrypt_then_mac);
            let mut record = Vec::new();
            writer.seal(header, b"some data", &mut SystemRng, &mut record).unwrap();
            for idx in 0..record.len() {
                // The padding of SSL 3.0 is not covered by anything; that was its end.
                if version == Version::Ssl3 && suite.bulk().mode() == Mode::Block && record.len() - 17 < idx + 16 {
                    continue;
                }
                let mut changed = record.clone();
                changed[idx] ^= 1;
                let (_, mut reader) = pair(suite, version, encrypt_then_mac);
                assert!(reader.open(header, &mut changed).is_err(), "{} {version} {idx}", suite.iana_name());
            }
            for len in 0..record.len() {
                let (_, mut reader) = pair(suite, version, encrypt_then_mac);
                let res = reader.open(header, &mut record[..len].to_vec());
                assert!(res.is_err(), "{} {version} cut to {len}", suite.iana_name());
            }
        });
    }

    #[test]
    fn a_record_of_zeros_has_no_type() {
        assert!(inner_content(&[0; 9]).is_err());
        assert!(inner_content(&[]).is_err());
        assert_eq!(inner_content(&[1, 22, 0]), Ok((22, 0..1)));
    }
}
