//! Symmetric ciphers by OpenSSL's names. Knows no Lua.
//!
//! A name gives a block cipher and a mode, or a stream cipher; the rules for keys, vectors and padding are OpenSSL's.

use super::block::{self, Block};

/// A block cipher.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum BlockCipher {
    /// Key length in bytes.
    Aes(usize),
    Aria(usize),
    Camellia(usize),
    Sm4,
    Des,
    DesEde2,
    DesEde3,
    DesX,
    Blowfish,
    Cast5,
    /// Bits of the key that count.
    Rc2(usize),
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Mode {
    Cbc,
    Cfb,
    Cfb1,
    Cfb8,
    Ctr,
    Ecb,
    Ofb,
}

/// What a name means.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Cipher {
    Block(BlockCipher, Mode),
    Rc4,
    ChaCha20,
}

/// Why data can't be processed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum CipherError {
    KeyLength,
    /// The length given and the right one.
    IvLength(usize, usize),
    FinalBlockLength,
    BadDecrypt,
}

use BlockCipher::*;
use Mode::*;

const ALL_MODES: &[Mode] = &[Cbc, Cfb, Cfb1, Cfb8, Ctr, Ecb, Ofb];
const OLD_MODES: &[Mode] = &[Cbc, Cfb, Ecb, Ofb];
const DES_MODES: &[Mode] = &[Cbc, Cfb, Cfb1, Cfb8, Ecb, Ofb];

/// Block ciphers with the modes that are named for them.
const BLOCK_CIPHERS: [(&str, BlockCipher, &[Mode]); 19] = [
    ("aes-128", Aes(16), ALL_MODES),
    ("aes-192", Aes(24), ALL_MODES),
    ("aes-256", Aes(32), ALL_MODES),
    ("aria-128", Aria(16), ALL_MODES),
    ("aria-192", Aria(24), ALL_MODES),
    ("aria-256", Aria(32), ALL_MODES),
    ("bf", Blowfish, OLD_MODES),
    ("camellia-128", Camellia(16), ALL_MODES),
    ("camellia-192", Camellia(24), ALL_MODES),
    ("camellia-256", Camellia(32), ALL_MODES),
    ("cast5", Cast5, OLD_MODES),
    ("des", Des, DES_MODES),
    ("des-ede", DesEde2, OLD_MODES),
    ("des-ede3", DesEde3, DES_MODES),
    ("desx", DesX, &[Cbc]),
    ("rc2", Rc2(128), OLD_MODES),
    ("rc2-40", Rc2(40), &[Cbc]),
    ("rc2-64", Rc2(64), &[Cbc]),
    ("sm4", Sm4, &[Cbc, Cfb, Ctr, Ecb, Ofb]),
];

/// Other names.
const ALIASES: [(&str, Cipher); 26] = [
    ("aes128", Cipher::Block(Aes(16), Cbc)),
    ("aes192", Cipher::Block(Aes(24), Cbc)),
    ("aes256", Cipher::Block(Aes(32), Cbc)),
    ("aria128", Cipher::Block(Aria(16), Cbc)),
    ("aria192", Cipher::Block(Aria(24), Cbc)),
    ("aria256", Cipher::Block(Aria(32), Cbc)),
    ("bf", Cipher::Block(Blowfish, Cbc)),
    ("blowfish", Cipher::Block(Blowfish, Cbc)),
    ("camellia128", Cipher::Block(Camellia(16), Cbc)),
    ("camellia192", Cipher::Block(Camellia(24), Cbc)),
    ("camellia256", Cipher::Block(Camellia(32), Cbc)),
    ("cast", Cipher::Block(Cast5, Cbc)),
    ("cast-cbc", Cipher::Block(Cast5, Cbc)),
    ("chacha20", Cipher::ChaCha20),
    ("des", Cipher::Block(Des, Cbc)),
    ("des-ede", Cipher::Block(DesEde2, Ecb)),
    ("des-ede3", Cipher::Block(DesEde3, Ecb)),
    ("des3", Cipher::Block(DesEde3, Cbc)),
    ("desx", Cipher::Block(DesX, Cbc)),
    ("rc2", Cipher::Block(Rc2(128), Cbc)),
    ("rc2-128", Cipher::Block(Rc2(128), Cbc)),
    ("rc2-40", Cipher::Block(Rc2(40), Cbc)),
    ("rc2-64", Cipher::Block(Rc2(64), Cbc)),
    ("rc4", Cipher::Rc4),
    ("rc4-40", Cipher::Rc4),
    ("sm4", Cipher::Block(Sm4, Cbc)),
];

impl Mode {
    fn suffix(self) -> &'static str {
        match self {
            Cbc => "-cbc",
            Cfb => "-cfb",
            Cfb1 => "-cfb1",
            Cfb8 => "-cfb8",
            Ctr => "-ctr",
            Ecb => "-ecb",
            Ofb => "-ofb",
        }
    }
}

/// All names with what they mean.
fn names() -> impl Iterator<Item = (String, Cipher)> {
    let blocks = BLOCK_CIPHERS.iter().flat_map(|&(name, cipher, modes)| {
        modes.iter().map(move |&mode| (format!("{name}{}", mode.suffix()), Cipher::Block(cipher, mode)))
    });
    blocks.chain(ALIASES.iter().map(|&(name, cipher)| (name.to_owned(), cipher)))
}

/// The names, sorted.
pub(crate) fn listed() -> Vec<String> {
    let mut listed: Vec<String> = names().map(|(name, _)| name).collect();
    listed.sort();
    listed
}

impl Cipher {
    /// The cipher of a name; case does not matter.
    pub fn named(name: &[u8]) -> Option<Cipher> {
        names().find(|(known, _)| known.as_bytes().eq_ignore_ascii_case(name)).map(|(_, cipher)| cipher)
    }

    fn iv_len(self) -> usize {
        match self {
            Cipher::Rc4 | Cipher::Block(_, Ecb) => 0,
            Cipher::ChaCha20 => 16,
            Cipher::Block(Aes(_) | Aria(_) | Camellia(_) | Sm4, _) => 16,
            Cipher::Block(..) => 8,
        }
    }

    /// Encrypts data, or decrypts it. An empty vector is one of zeros; padding is PKCS #7, in modes of whole blocks.
    pub fn run(self, key: &[u8], iv: &[u8], data: &[u8], encrypts: bool, pads: bool) -> Result<Vec<u8>, CipherError> {
        let block = match self {
            Cipher::Block(cipher, _) => Some(block::new(cipher, key).ok_or(CipherError::KeyLength)?),
            Cipher::Rc4 if key.is_empty() => return Err(CipherError::KeyLength),
            Cipher::ChaCha20 if key.len() != 32 => return Err(CipherError::KeyLength),
            _ => None,
        };
        if !iv.is_empty() && iv.len() != self.iv_len() {
            return Err(CipherError::IvLength(iv.len(), self.iv_len()));
        }
        let mut vector = [0; block::LEN_MAX];
        vector[..iv.len()].copy_from_slice(iv);
        let mut data = data.to_vec();
        match (self, block) {
            (Cipher::Block(_, mode), Some(block)) => {
                let iv = &vector[..block.len()];
                match mode {
                    Cbc | Ecb => return whole_blocks(&*block, mode, iv, data, encrypts, pads),
                    Cfb => block::cfb(&*block, iv, &mut data, encrypts),
                    Cfb1 => block::cfb1(&*block, iv, &mut data, encrypts),
                    Cfb8 => block::cfb8(&*block, iv, &mut data, encrypts),
                    Ctr => block::ctr(&*block, iv, &mut data),
                    Ofb => block::ofb(&*block, iv, &mut data),
                }
            }
            (Cipher::ChaCha20, _) => block::chacha20(key, &vector, &mut data),
            _ => block::rc4(key, &mut data),
        }
        Ok(data)
    }
}

/// The modes that process whole blocks.
fn whole_blocks(
    block: &dyn Block,
    mode: Mode,
    iv: &[u8],
    mut data: Vec<u8>,
    encrypts: bool,
    pads: bool,
) -> Result<Vec<u8>, CipherError> {
    let len = block.len();
    if encrypts && pads {
        let padding = len - data.len() % len;
        data.resize(data.len() + padding, padding as u8);
    }
    if !data.len().is_multiple_of(len) || !encrypts && pads && data.is_empty() {
        return Err(CipherError::FinalBlockLength);
    }
    match (mode, encrypts) {
        (Cbc, true) => block.cbc_encrypt(iv, &mut data),
        (Cbc, false) => block::cbc_decrypt(block, iv, &mut data),
        (_, true) => block.encrypt(&mut data),
        (_, false) => block.decrypt(&mut data),
    }
    if !encrypts && pads {
        let padding = data.last().copied().map_or(0, usize::from);
        let is_padding = (1..=len).contains(&padding)
            && data[data.len() - padding..].iter().all(|&byte| usize::from(byte) == padding);
        if !is_padding {
            return Err(CipherError::BadDecrypt);
        }
        data.truncate(data.len() - padding);
    }
    Ok(data)
}
