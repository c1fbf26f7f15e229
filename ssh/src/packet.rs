//! The binary packet protocol, RFC 4253 §6, with its ciphers and MACs.
//!
//! Each direction has a [`Sealer`] or an [`Opener`] with its own sequence number. A packet's length is known only once
//! its start is decrypted, so the opener keeps how far it came.

use crate::SshError;
use aes_gcm::aead::AeadInOut;
use aes_gcm::{Aes128Gcm, Aes256Gcm};
use chacha20::ChaCha20Legacy;
use cipher::{
    Block, BlockCipherDecrypt, BlockCipherEncrypt, BlockModeDecrypt, BlockModeEncrypt, BlockSizeUser, InnerIvInit,
    KeyInit, KeyIvInit, StreamCipher, StreamCipherSeek,
};
use hmac::{Hmac, Mac};
use poly1305::Poly1305;
use subtle::ConstantTimeEq;

/// Longest packet, without its length field and MAC; RFC 4253 asks for 35000, OpenSSH sends up to 256 KiB.
pub(crate) const PACKET_MAX: usize = 256 << 10;
const TAG_LEN: usize = 16;

/// A cipher that keeps its state from packet to packet.
trait Stream {
    fn crypt(&mut self, data: &mut [u8]);
}

struct CbcEncrypt<C: BlockCipherEncrypt>(cbc::Encryptor<C>);
struct CbcDecrypt<C: BlockCipherDecrypt>(cbc::Decryptor<C>);
struct Plain<S>(S);

impl<C: BlockCipherEncrypt> Stream for CbcEncrypt<C> {
    fn crypt(&mut self, data: &mut [u8]) {
        self.0.encrypt_blocks(Block::<C>::slice_as_chunks_mut(data).0);
    }
}

impl<C: BlockCipherDecrypt> Stream for CbcDecrypt<C> {
    fn crypt(&mut self, data: &mut [u8]) {
        self.0.decrypt_blocks(Block::<C>::slice_as_chunks_mut(data).0);
    }
}

impl<S: StreamCipher> Stream for Plain<S> {
    fn crypt(&mut self, data: &mut [u8]) {
        // A stream ends after more data than a connection carries.
        let _ = self.0.try_apply_keystream(data);
    }
}

/// RC4.
struct Arcfour {
    state: [u8; 256],
    i: u8,
    j: u8,
}

impl Arcfour {
    fn new(key: &[u8], skipped: usize) -> Arcfour {
        let mut state: [u8; 256] = std::array::from_fn(|idx| idx as u8);
        let mut j = 0u8;
        for i in 0..256 {
            j = j.wrapping_add(state[i]).wrapping_add(key[i % key.len()]);
            state.swap(i, j as usize);
        }
        let mut cipher = Arcfour { state, i: 0, j: 0 };
        cipher.crypt(&mut vec![0; skipped]);
        cipher
    }
}

impl Stream for Arcfour {
    fn crypt(&mut self, data: &mut [u8]) {
        for byte in data {
            self.i = self.i.wrapping_add(1);
            self.j = self.j.wrapping_add(self.state[self.i as usize]);
            self.state.swap(self.i as usize, self.j as usize);
            let sum = self.state[self.i as usize].wrapping_add(self.state[self.j as usize]);
            *byte ^= self.state[sum as usize];
        }
    }
}

/// Lengths of what a cipher needs: key, vector, block.
pub(crate) fn cipher_lens(name: &str) -> (usize, usize, usize) {
    match name {
        "chacha20-poly1305@openssh.com" => (64, 0, 8),
        "aes256-gcm@openssh.com" => (32, 12, 16),
        "aes128-gcm@openssh.com" => (16, 12, 16),
        "aes256-ctr" | "aes256-cbc" | "rijndael-cbc@lysator.liu.se" => (32, 16, 16),
        "aes192-ctr" | "aes192-cbc" => (24, 16, 16),
        "aes128-ctr" | "aes128-cbc" => (16, 16, 16),
        "blowfish-cbc" | "cast128-cbc" => (16, 8, 8),
        "3des-cbc" => (24, 8, 8),
        _ => (16, 0, 8),
    }
}

fn cbc_stream<C>(key: &[u8], iv: &[u8], encrypts: bool) -> Option<Box<dyn Stream>>
where
    C: KeyInit + BlockCipherEncrypt + BlockCipherDecrypt + BlockSizeUser + 'static,
{
    let cipher = C::new_from_slice(key).ok()?;
    Some(if encrypts {
        Box::new(CbcEncrypt(cbc::Encryptor::inner_iv_slice_init(cipher, iv).ok()?))
    } else {
        Box::new(CbcDecrypt(cbc::Decryptor::inner_iv_slice_init(cipher, iv).ok()?))
    })
}

fn ctr_stream<C>(key: &[u8], iv: &[u8]) -> Option<Box<dyn Stream>>
where
    ctr::Ctr128BE<C>: KeyIvInit + StreamCipher,
    C: BlockCipherEncrypt<BlockSize = cipher::consts::U16> + 'static,
{
    let stream = ctr::Ctr128BE::<C>::new_from_slices(key, iv).ok()?;
    Some(Box::new(Plain(stream)))
}

fn stream(name: &str, key: &[u8], iv: &[u8], encrypts: bool) -> Option<Box<dyn Stream>> {
    match name {
        "aes256-ctr" => ctr_stream::<aes::Aes256>(key, iv),
        "aes192-ctr" => ctr_stream::<aes::Aes192>(key, iv),
        "aes128-ctr" => ctr_stream::<aes::Aes128>(key, iv),
        "aes256-cbc" | "rijndael-cbc@lysator.liu.se" => cbc_stream::<aes::Aes256>(key, iv, encrypts),
        "aes192-cbc" => cbc_stream::<aes::Aes192>(key, iv, encrypts),
        "aes128-cbc" => cbc_stream::<aes::Aes128>(key, iv, encrypts),
        "blowfish-cbc" => cbc_stream::<blowfish::Blowfish>(key, iv, encrypts),
        "cast128-cbc" => cbc_stream::<cast5::Cast5>(key, iv, encrypts),
        "3des-cbc" => cbc_stream::<des::TdesEde3>(key, iv, encrypts),
        "arcfour" => Some(Box::new(Arcfour::new(key, 0))),
        "arcfour128" => Some(Box::new(Arcfour::new(key, 1536))),
        _ => None,
    }
}

/// A message authentication code.
#[derive(Clone, Copy, Debug)]
struct MacKind {
    hash: Hash,
    len: usize,
    /// It covers what is encrypted.
    over_encrypted: bool,
}

#[derive(Clone, Copy, Debug)]
enum Hash {
    Md5,
    Sha1,
    Sha256,
    Sha512,
    Ripemd160,
}

impl MacKind {
    fn named(name: &str) -> MacKind {
        let over_encrypted = name.contains("-etm");
        let kind = |hash, len| MacKind { hash, len, over_encrypted };
        match name {
            _ if name.starts_with("hmac-sha2-256") => kind(Hash::Sha256, 32),
            _ if name.starts_with("hmac-sha2-512") => kind(Hash::Sha512, 64),
            "hmac-sha1-96" => kind(Hash::Sha1, 12),
            "hmac-md5" => kind(Hash::Md5, 16),
            "hmac-md5-96" => kind(Hash::Md5, 12),
            _ if name.starts_with("hmac-ripemd160") => kind(Hash::Ripemd160, 20),
            _ => kind(Hash::Sha1, 20),
        }
    }

    fn key_len(self) -> usize {
        match self.hash {
            Hash::Md5 => 16,
            Hash::Sha1 | Hash::Ripemd160 => 20,
            Hash::Sha256 => 32,
            Hash::Sha512 => 64,
        }
    }

    fn compute(self, key: &[u8], sequence: u32, data: &[u8]) -> Vec<u8> {
        macro_rules! mac {
            ($hash:ty) => {{
                let mut mac = Hmac::<$hash>::new_from_slice(key).expect("any key will do");
                mac.update(&sequence.to_be_bytes());
                mac.update(data);
                mac.finalize().into_bytes().to_vec()
            }};
        }
        let mut mac = match self.hash {
            Hash::Md5 => mac!(md5::Md5),
            Hash::Sha1 => mac!(sha1::Sha1),
            Hash::Sha256 => mac!(sha2::Sha256),
            Hash::Sha512 => mac!(sha2::Sha512),
            Hash::Ripemd160 => mac!(ripemd::Ripemd160),
        };
        mac.truncate(self.len);
        mac
    }
}

/// Length of a MAC's key.
pub(crate) fn mac_key_len(name: &str) -> usize {
    MacKind::named(name).key_len()
}

/// How packets are protected in one direction.
enum Protection {
    None,
    Mac { stream: Box<dyn Stream>, mac: MacKind, key: Vec<u8> },
    Gcm { cipher: Gcm, nonce: [u8; 12] },
    ChaCha { body: [u8; 32], length: [u8; 32] },
}

enum Gcm {
    Aes128(Box<Aes128Gcm>),
    Aes256(Box<Aes256Gcm>),
}

impl Gcm {
    fn seal(&self, nonce: &[u8; 12], length: &[u8], body: &mut [u8]) -> Option<Vec<u8>> {
        let tag = match self {
            Gcm::Aes128(cipher) => cipher.encrypt_inout_detached(nonce.into(), length, body.into()),
            Gcm::Aes256(cipher) => cipher.encrypt_inout_detached(nonce.into(), length, body.into()),
        };
        tag.ok().map(|tag| tag.to_vec())
    }

    fn open(&self, nonce: &[u8; 12], length: &[u8], body: &mut [u8], tag: &[u8; 16]) -> bool {
        match self {
            Gcm::Aes128(cipher) => cipher.decrypt_inout_detached(nonce.into(), length, body.into(), tag.into()),
            Gcm::Aes256(cipher) => cipher.decrypt_inout_detached(nonce.into(), length, body.into(), tag.into()),
        }
        .is_ok()
    }
}

fn next_nonce(nonce: &mut [u8; 12]) {
    for byte in nonce[4..].iter_mut().rev() {
        *byte = byte.wrapping_add(1);
        if *byte != 0 {
            break;
        }
    }
}

fn chacha(key: &[u8; 32], sequence: u32) -> ChaCha20Legacy {
    ChaCha20Legacy::new(key.into(), (&u64::from(sequence).to_be_bytes()).into())
}

/// The tag of a packet: its key is the start of the body's stream, which the body then skips.
fn poly_tag(key: &[u8; 32], sequence: u32, data: &[u8]) -> [u8; 16] {
    let mut one_time = [0; 32];
    chacha(key, sequence).apply_keystream(&mut one_time);
    Poly1305::new((&one_time).into()).compute_unpadded(data).into()
}

/// Keys of one direction.
pub(crate) struct Keys<'a> {
    pub cipher: &'static str,
    pub mac: &'static str,
    pub key: &'a [u8],
    pub iv: &'a [u8],
    pub mac_key: &'a [u8],
}

impl Protection {
    fn new(keys: &Keys<'_>, encrypts: bool) -> Option<Protection> {
        let nonce = || <[u8; 12]>::try_from(keys.iv).ok();
        Some(match keys.cipher {
            "chacha20-poly1305@openssh.com" => {
                let (body, length) = keys.key.split_at_checked(32)?;
                Protection::ChaCha { body: body.try_into().ok()?, length: length.try_into().ok()? }
            }
            "aes256-gcm@openssh.com" => {
                let cipher = Gcm::Aes256(Box::new(Aes256Gcm::new_from_slice(keys.key).ok()?));
                Protection::Gcm { cipher, nonce: nonce()? }
            }
            "aes128-gcm@openssh.com" => {
                let cipher = Gcm::Aes128(Box::new(Aes128Gcm::new_from_slice(keys.key).ok()?));
                Protection::Gcm { cipher, nonce: nonce()? }
            }
            name => Protection::Mac {
                stream: stream(name, keys.key, keys.iv, encrypts)?,
                mac: MacKind::named(keys.mac),
                key: keys.mac_key.to_vec(),
            },
        })
    }

    /// Whether padding leaves the length field out.
    fn length_apart(&self) -> bool {
        !matches!(self, Protection::None) && !matches!(self, Protection::Mac { mac, .. } if !mac.over_encrypted)
    }
}

/// Protects packets on their way out.
pub(crate) struct Sealer {
    protection: Protection,
    block: usize,
    pub sequence: u32,
}

impl Sealer {
    pub fn new() -> Sealer {
        Sealer { protection: Protection::None, block: 8, sequence: 0 }
    }

    /// Goes over to new keys.
    pub fn rekey(&mut self, keys: &Keys<'_>) -> Result<(), SshError> {
        self.block = cipher_lens(keys.cipher).2;
        self.protection = Protection::new(keys, true).ok_or(SshError::Protocol("keys do not fit"))?;
        Ok(())
    }

    /// A message as a packet.
    pub fn seal(&mut self, payload: &[u8], out: &mut Vec<u8>) -> Result<(), SshError> {
        let counted = 1 + payload.len() + if self.protection.length_apart() { 0 } else { 4 };
        let mut padding = self.block - counted % self.block;
        if padding < 4 {
            padding += self.block;
        }
        let mut packet = ((1 + payload.len() + padding) as u32).to_be_bytes().to_vec();
        packet.push(padding as u8);
        packet.extend_from_slice(payload);
        packet.extend_from_slice(&crate::random(padding)?);
        let sequence = self.sequence;
        self.sequence = self.sequence.wrapping_add(1);
        match &mut self.protection {
            Protection::None => {}
            Protection::Mac { stream, mac, key } if mac.over_encrypted => {
                stream.crypt(&mut packet[4..]);
                let tag = mac.compute(key, sequence, &packet);
                packet.extend_from_slice(&tag);
            }
            Protection::Mac { stream, mac, key } => {
                let tag = mac.compute(key, sequence, &packet);
                stream.crypt(&mut packet);
                packet.extend_from_slice(&tag);
            }
            Protection::Gcm { cipher, nonce } => {
                let (length, body) = packet.split_at_mut(4);
                let tag = cipher.seal(nonce, length, body).ok_or(SshError::Protocol("sealing failed"))?;
                packet.extend_from_slice(&tag);
                next_nonce(nonce);
            }
            Protection::ChaCha { body, length } => {
                chacha(length, sequence).apply_keystream(&mut packet[..4]);
                let mut stream = chacha(body, sequence);
                stream.seek(64u32);
                stream.apply_keystream(&mut packet[4..]);
                let tag = poly_tag(body, sequence, &packet);
                packet.extend_from_slice(&tag);
            }
        }
        out.extend_from_slice(&packet);
        Ok(())
    }
}

/// Opens packets that come in.
pub(crate) struct Opener {
    protection: Protection,
    block: usize,
    pub sequence: u32,
    /// The packet's length once it is known; its start is decrypted in place then.
    length: Option<usize>,
}

impl Opener {
    pub fn new() -> Opener {
        Opener { protection: Protection::None, block: 8, sequence: 0, length: None }
    }

    /// Goes over to new keys.
    pub fn rekey(&mut self, keys: &Keys<'_>) -> Result<(), SshError> {
        self.block = cipher_lens(keys.cipher).2;
        self.protection = Protection::new(keys, false).ok_or(SshError::Protocol("keys do not fit"))?;
        Ok(())
    }

    /// The next message, if all of its packet is there; the packet is taken from the input.
    pub fn open(&mut self, input: &mut Vec<u8>) -> Result<Option<Vec<u8>>, SshError> {
        let Some(len) = self.packet_len(input)? else { return Ok(None) };
        let tag_len = match &self.protection {
            Protection::None => 0,
            Protection::Mac { mac, .. } => mac.len,
            _ => TAG_LEN,
        };
        if input.len() < 4 + len + tag_len {
            return Ok(None);
        }
        self.length = None;
        let mut packet: Vec<u8> = input.drain(..4 + len + tag_len).collect();
        let tag = packet.split_off(4 + len);
        let sequence = self.sequence;
        self.sequence = self.sequence.wrapping_add(1);
        let is_right = match &mut self.protection {
            Protection::None => true,
            Protection::Mac { stream, mac, key } if mac.over_encrypted => {
                let right = mac.compute(key, sequence, &packet);
                stream.crypt(&mut packet[4..]);
                right.ct_eq(&tag).into()
            }
            Protection::Mac { stream, mac, key } => {
                stream.crypt(&mut packet[self.block..]);
                mac.compute(key, sequence, &packet).ct_eq(&tag).into()
            }
            Protection::Gcm { cipher, nonce } => {
                let (length, body) = packet.split_at_mut(4);
                let tag = <&[u8; 16]>::try_from(tag.as_slice()).map_err(|_| SshError::BadMac)?;
                let opened = cipher.open(nonce, length, body, tag);
                next_nonce(nonce);
                opened
            }
            Protection::ChaCha { body, .. } => {
                let right = poly_tag(body, sequence, &packet);
                let mut stream = chacha(body, sequence);
                stream.seek(64u32);
                stream.apply_keystream(&mut packet[4..]);
                right.ct_eq(tag.as_slice()).into()
            }
        };
        if !is_right {
            return Err(SshError::BadMac);
        }
        let padding = packet[4] as usize;
        if padding + 1 > len {
            return Err(SshError::Protocol("a packet is all padding"));
        }
        packet.truncate(4 + len - padding);
        Ok(Some(packet.split_off(5)))
    }

    /// Length of the packet that comes next, once that can be told.
    fn packet_len(&mut self, input: &mut [u8]) -> Result<Option<usize>, SshError> {
        if let Some(length) = self.length {
            return Ok(Some(length));
        }
        let needed = match &self.protection {
            Protection::Mac { mac, .. } if !mac.over_encrypted => self.block,
            _ => 4,
        };
        if input.len() < needed {
            return Ok(None);
        }
        let mut field = [input[0], input[1], input[2], input[3]];
        match &mut self.protection {
            Protection::Mac { stream, mac, .. } if !mac.over_encrypted => {
                stream.crypt(&mut input[..needed]);
                field.copy_from_slice(&input[..4]);
            }
            Protection::ChaCha { length, .. } => chacha(length, self.sequence).apply_keystream(&mut field),
            _ => {}
        }
        let len = u32::from_be_bytes(field) as usize;
        let counted = if self.protection.length_apart() { len } else { len + 4 };
        if !(2..=PACKET_MAX).contains(&len) || counted < self.block || !counted.is_multiple_of(self.block) {
            return Err(SshError::TooLarge("a packet"));
        }
        self.length = Some(len);
        Ok(Some(len))
    }
}
