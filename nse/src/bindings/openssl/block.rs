//! Block ciphers behind one trait, the modes over it, and two stream ciphers.
//!
//! Electronic code book, both ways of cipher block chaining and counter mode hand many blocks at once to the cipher, so
//! that it can use what the processor has; the other modes go block by block and are for old protocols.

use super::cipher::BlockCipher;
use chacha20::ChaCha20Legacy;
use cipher::typenum::Unsigned;
use cipher::{
    Block as CipherBlock, BlockCipherDecrypt, BlockCipherEncrypt, BlockModeEncrypt, InnerIvInit, KeyInit, KeyIvInit,
    StreamCipher, StreamCipherSeek,
};

/// Longest block.
pub(crate) const LEN_MAX: usize = 16;
/// Bytes of key stream made at a time in counter mode.
const STREAM_LEN: usize = 4096;
/// Longest key that OpenSSL uses of Blowfish and CAST5; what is behind does not count.
const BLOWFISH_KEY_MAX: usize = 72;
const CAST5_KEY_MAX: usize = 16;
const CAST5_KEY_MIN: usize = 5;
const RC2_KEY_MAX: usize = 128;

/// A block cipher with its key.
pub(crate) trait Block {
    /// Bytes of a block.
    fn len(&self) -> usize;
    /// Encrypts whole blocks, each for itself.
    fn encrypt(&self, data: &mut [u8]);
    fn decrypt(&self, data: &mut [u8]);
    /// Encrypts whole blocks, each mixed with the one before.
    fn cbc_encrypt(&self, iv: &[u8], data: &mut [u8]);
}

/// Any cipher of the crate family.
struct Keyed<C>(C);

impl<C: BlockCipherEncrypt + BlockCipherDecrypt> Block for Keyed<C> {
    fn len(&self) -> usize {
        C::BlockSize::USIZE
    }

    fn encrypt(&self, data: &mut [u8]) {
        self.0.encrypt_blocks(CipherBlock::<C>::slice_as_chunks_mut(data).0);
    }

    fn decrypt(&self, data: &mut [u8]) {
        self.0.decrypt_blocks(CipherBlock::<C>::slice_as_chunks_mut(data).0);
    }

    fn cbc_encrypt(&self, iv: &[u8], data: &mut [u8]) {
        let iv = <&CipherBlock<C>>::try_from(iv).expect("the vector is as long as a block");
        let blocks = CipherBlock::<C>::slice_as_chunks_mut(data).0;
        cbc::Encryptor::inner_iv_init(&self.0, iv).encrypt_blocks(blocks);
    }
}

/// DES between two exclusive ors with keys.
struct DesX {
    des: Keyed<des::Des>,
    before: [u8; 8],
    after: [u8; 8],
}

impl Block for DesX {
    fn len(&self) -> usize {
        8
    }

    fn encrypt(&self, data: &mut [u8]) {
        data.chunks_exact_mut(8).for_each(|block| mix(block, &self.before));
        self.des.encrypt(data);
        data.chunks_exact_mut(8).for_each(|block| mix(block, &self.after));
    }

    fn decrypt(&self, data: &mut [u8]) {
        data.chunks_exact_mut(8).for_each(|block| mix(block, &self.after));
        self.des.decrypt(data);
        data.chunks_exact_mut(8).for_each(|block| mix(block, &self.before));
    }

    fn cbc_encrypt(&self, iv: &[u8], data: &mut [u8]) {
        let mut previous = iv.to_vec();
        for block in data.chunks_exact_mut(8) {
            mix(block, &previous);
            self.encrypt(block);
            previous.copy_from_slice(block);
        }
    }
}

fn mix(block: &mut [u8], other: &[u8]) {
    block.iter_mut().zip(other).for_each(|(byte, other)| *byte ^= other);
}

fn keyed<C>(key: &[u8]) -> Option<Box<dyn Block>>
where
    C: KeyInit + BlockCipherEncrypt + BlockCipherDecrypt + 'static,
{
    C::new_from_slice(key).ok().map(|cipher| Box::new(Keyed(cipher)) as Box<dyn Block>)
}

/// The cipher with a key, or `None` where the key has the wrong length.
pub(crate) fn new(cipher: BlockCipher, key: &[u8]) -> Option<Box<dyn Block>> {
    use BlockCipher::*;
    match cipher {
        Aes(len) | Aria(len) | Camellia(len) if len != key.len() => None,
        Aes(16) => keyed::<aes::Aes128>(key),
        Aes(24) => keyed::<aes::Aes192>(key),
        Aes(_) => keyed::<aes::Aes256>(key),
        Aria(16) => keyed::<aria::Aria128>(key),
        Aria(24) => keyed::<aria::Aria192>(key),
        Aria(_) => keyed::<aria::Aria256>(key),
        Camellia(16) => keyed::<camellia::Camellia128>(key),
        Camellia(24) => keyed::<camellia::Camellia192>(key),
        Camellia(_) => keyed::<camellia::Camellia256>(key),
        Sm4 => keyed::<sm4::Sm4>(key),
        Des => keyed::<des::Des>(key),
        DesEde2 => keyed::<des::TdesEde2>(key),
        DesEde3 => keyed::<des::TdesEde3>(key),
        DesX => des_x(key),
        Blowfish | Cast5 | Rc2(_) if key.is_empty() => None,
        Blowfish => {
            let mut cipher = blowfish::Blowfish::bc_init_state();
            cipher.bc_expand_key(&key[..key.len().min(BLOWFISH_KEY_MAX)]);
            Some(Box::new(Keyed(cipher)))
        }
        Cast5 => {
            let mut key = key[..key.len().min(CAST5_KEY_MAX)].to_vec();
            // Shorter keys are filled up with zeros anyway.
            key.resize(key.len().max(CAST5_KEY_MIN), 0);
            keyed::<cast5::Cast5>(&key)
        }
        Rc2(bits) => {
            let key = &key[..key.len().min(RC2_KEY_MAX)];
            Some(Box::new(Keyed(rc2::Rc2::new_with_eff_key_len(key, bits))))
        }
    }
}

fn des_x(key: &[u8]) -> Option<Box<dyn Block>> {
    let key: &[u8; 24] = key.try_into().ok()?;
    let [des, before, after] = [0, 8, 16].map(|at| <[u8; 8]>::try_from(&key[at..at + 8]).unwrap_or_default());
    let des = Keyed(des::Des::new_from_slice(&des).ok()?);
    Some(Box::new(DesX { des, before, after }))
}

pub(crate) fn cbc_decrypt(block: &dyn Block, iv: &[u8], data: &mut [u8]) {
    let len = block.len();
    let encrypted = data.to_vec();
    block.decrypt(data);
    let previous = iv.chunks_exact(len).chain(encrypted.chunks_exact(len));
    data.chunks_exact_mut(len).zip(previous).for_each(|(block, previous)| mix(block, previous));
}

/// Cipher feedback of whole blocks, the last one cut.
pub(crate) fn cfb(block: &dyn Block, iv: &[u8], data: &mut [u8], encrypts: bool) {
    let mut register = iv.to_vec();
    for piece in data.chunks_mut(block.len()) {
        let encrypted = piece.to_vec();
        block.encrypt(&mut register);
        mix(piece, &register);
        let encrypted = if encrypts { &*piece } else { &encrypted };
        register[..encrypted.len()].copy_from_slice(encrypted);
    }
}

/// Cipher feedback of single bytes.
pub(crate) fn cfb8(block: &dyn Block, iv: &[u8], data: &mut [u8], encrypts: bool) {
    let mut register = iv.to_vec();
    for byte in data {
        let mut stream = register.clone();
        block.encrypt(&mut stream);
        let before = *byte;
        *byte ^= stream[0];
        register.rotate_left(1);
        let last = register.len() - 1;
        register[last] = if encrypts { *byte } else { before };
    }
}

/// Cipher feedback of single bits, those of a byte from the highest.
pub(crate) fn cfb1(block: &dyn Block, iv: &[u8], data: &mut [u8], encrypts: bool) {
    let mut register = iv.to_vec();
    for byte in data {
        for shift in (0..8).rev() {
            let mut stream = register.clone();
            block.encrypt(&mut stream);
            let before = *byte >> shift & 1;
            *byte ^= (stream[0] >> 7) << shift;
            let mut carry = if encrypts { *byte >> shift & 1 } else { before };
            for part in register.iter_mut().rev() {
                let out = *part >> 7;
                *part = *part << 1 | carry;
                carry = out;
            }
        }
    }
}

pub(crate) fn ofb(block: &dyn Block, iv: &[u8], data: &mut [u8]) {
    let mut register = iv.to_vec();
    for piece in data.chunks_mut(block.len()) {
        block.encrypt(&mut register);
        mix(piece, &register);
    }
}

/// Counter mode; the whole vector is the counter, big-endian.
pub(crate) fn ctr(block: &dyn Block, iv: &[u8], data: &mut [u8]) {
    let mut counter = iv.to_vec();
    let mut stream = vec![0; STREAM_LEN];
    for piece in data.chunks_mut(STREAM_LEN) {
        let used = piece.len().next_multiple_of(block.len());
        for part in stream[..used].chunks_exact_mut(block.len()) {
            part.copy_from_slice(&counter);
            for byte in counter.iter_mut().rev() {
                *byte = byte.wrapping_add(1);
                if *byte != 0 {
                    break;
                }
            }
        }
        block.encrypt(&mut stream[..used]);
        mix(piece, &stream);
    }
}

/// ChaCha20; the vector is the block counter, 8 bytes little-endian, and the nonce.
pub(crate) fn chacha20(key: &[u8], iv: &[u8; LEN_MAX], data: &mut [u8]) {
    let (counter, nonce) = iv.split_at(8);
    let counter = u64::from_le_bytes(counter.try_into().unwrap_or_default());
    let Ok(mut cipher) = ChaCha20Legacy::new_from_slices(key, nonce) else { return };
    // A counter that runs over is nothing that any protocol has.
    if cipher.try_seek(u128::from(counter) * 64).is_ok() {
        let _ = cipher.try_apply_keystream(data);
    }
}

pub(crate) fn rc4(key: &[u8], data: &mut [u8]) {
    let mut state: [u8; 256] = std::array::from_fn(|idx| idx as u8);
    let mut j = 0u8;
    for i in 0..256 {
        j = j.wrapping_add(state[i]).wrapping_add(key[i % key.len()]);
        state.swap(i, j as usize);
    }
    let (mut i, mut j) = (0u8, 0u8);
    for byte in data {
        i = i.wrapping_add(1);
        j = j.wrapping_add(state[i as usize]);
        state.swap(i as usize, j as usize);
        *byte ^= state[state[i as usize].wrapping_add(state[j as usize]) as usize];
    }
}
