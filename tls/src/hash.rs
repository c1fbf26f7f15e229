//! Hashes and MACs by name, and the key derivations of every version built on them.
//!
//! The primitives are generic types; a connection knows only at run time which one it needs.
//! One macro turns the choice into the type, so that each function below is written once.
//!
//! # Source
//! RFC 6101 §5, §6 (SSL 3.0); RFC 2246 §5 (TLS 1.0, 1.1); RFC 5246 §5 (TLS 1.2); RFC 5869 and RFC 8446 §7.1 (TLS 1.3).

use digest::Digest;
use hmac::{Hmac, KeyInit, Mac as _};
use md5::Md5;
use sha1::Sha1;
use sha2::{Sha256, Sha384};
use zeroize::Zeroizing;

/// A secret of any length, erased when dropped.
pub(crate) type Secret = Zeroizing<Vec<u8>>;

/// A hash function.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum HashKind {
    Md5,
    Sha1,
    Sha256,
    Sha384,
}

/// Runs an expression with `$D` standing for the type that `$kind` names.
macro_rules! with_hash {
    ($kind:expr, $D:ident => $body:expr) => {
        match $kind {
            HashKind::Md5 => {
                type $D = Md5;
                $body
            }
            HashKind::Sha1 => {
                type $D = Sha1;
                $body
            }
            HashKind::Sha256 => {
                type $D = Sha256;
                $body
            }
            HashKind::Sha384 => {
                type $D = Sha384;
                $body
            }
        }
    };
}

impl HashKind {
    /// Bytes of a hash.
    pub fn len(self) -> usize {
        match self {
            Self::Md5 => 16,
            Self::Sha1 => 20,
            Self::Sha256 => 32,
            Self::Sha384 => 48,
        }
    }

    /// Hashes the concatenation of `parts`.
    pub fn hash(self, parts: &[&[u8]]) -> Secret {
        with_hash!(self, D => {
            let mut hasher = D::new();
            parts.iter().for_each(|part| hasher.update(part));
            Zeroizing::new(hasher.finalize().to_vec())
        })
    }

    /// HMAC of the concatenation of `parts`.
    pub fn hmac(self, key: &[u8], parts: &[&[u8]]) -> Secret {
        with_hash!(self, D => {
            let mut mac = Hmac::<D>::new_from_slice(key).expect("HMAC takes keys of any length");
            parts.iter().for_each(|part| mac.update(part));
            Zeroizing::new(mac.finalize().into_bytes().to_vec())
        })
    }
}

/// A keyed MAC for records: the key is taken in once.
#[derive(Clone)]
pub(crate) enum Mac {
    /// HMAC, all versions since TLS 1.0.
    Hmac(Box<HmacState>),
    /// The MAC of SSL 3.0: hash with the pads spelled out.
    Ssl3 { kind: HashKind, key: Secret },
}

#[derive(Clone)]
pub(crate) enum HmacState {
    Md5(Hmac<Md5>),
    Sha1(Hmac<Sha1>),
    Sha256(Hmac<Sha256>),
    Sha384(Hmac<Sha384>),
}

impl Mac {
    pub fn new(kind: HashKind, key: &[u8], ssl3: bool) -> Mac {
        const ANY: &str = "HMAC takes keys of any length";
        if ssl3 {
            return Mac::Ssl3 { kind, key: Zeroizing::new(key.to_vec()) };
        }
        Mac::Hmac(Box::new(match kind {
            HashKind::Md5 => HmacState::Md5(Hmac::new_from_slice(key).expect(ANY)),
            HashKind::Sha1 => HmacState::Sha1(Hmac::new_from_slice(key).expect(ANY)),
            HashKind::Sha256 => HmacState::Sha256(Hmac::new_from_slice(key).expect(ANY)),
            HashKind::Sha384 => HmacState::Sha384(Hmac::new_from_slice(key).expect(ANY)),
        }))
    }

    pub fn len(&self) -> usize {
        match self {
            Mac::Hmac(state) => match **state {
                HmacState::Md5(_) => 16,
                HmacState::Sha1(_) => 20,
                HmacState::Sha256(_) => 32,
                HmacState::Sha384(_) => 48,
            },
            Mac::Ssl3 { kind, .. } => kind.len(),
        }
    }

    /// The MAC of a record: sequence number, type, version (not in SSL 3.0), length, then `parts`.
    pub fn compute(&self, seq: u64, kind: u8, version: u16, parts: &[&[u8]]) -> Vec<u8> {
        let len: usize = parts.iter().map(|part| part.len()).sum();
        let len = u16::try_from(len).expect("records are shorter than 64 KiB").to_be_bytes();
        let seq = seq.to_be_bytes();
        let version = version.to_be_bytes();
        macro_rules! run {
            ($mac:expr) => {{
                let mut mac = $mac.clone();
                mac.update(&seq);
                mac.update(&[kind]);
                mac.update(&version);
                mac.update(&len);
                parts.iter().for_each(|part| mac.update(part));
                mac.finalize().into_bytes().to_vec()
            }};
        }
        match self {
            Mac::Hmac(state) => match &**state {
                HmacState::Md5(mac) => run!(mac),
                HmacState::Sha1(mac) => run!(mac),
                HmacState::Sha256(mac) => run!(mac),
                HmacState::Sha384(mac) => run!(mac),
            },
            Mac::Ssl3 { kind: hash, key } => {
                let pad_len = ssl3_pad_len(*hash);
                let mut inner: Vec<&[u8]> = vec![key, &[0x36; 48][..pad_len], &seq, std::slice::from_ref(&kind), &len];
                inner.extend_from_slice(parts);
                let inner = hash.hash(&inner);
                hash.hash(&[key, &[0x5c; 48][..pad_len], &inner]).to_vec()
            }
        }
    }
}

impl Mac {
    /// Hashes as many blocks as a record with `len_max` bytes of data takes more than one with `len`.
    pub fn make_up_for(&self, len: usize, len_max: usize) {
        // Sequence number, type, version and length come before the data; a bit and the length of it all behind.
        let (block_len, around) = match self.len() {
            48 => (128, 13 + 1 + 16),
            _ => (64, 13 + 1 + 8),
        };
        let blocks = |len: usize| (len + around).div_ceil(block_len);
        let bytes = [0; 128];
        macro_rules! run {
            ($mac:expr) => {{
                let mut mac = $mac.clone();
                (blocks(len)..blocks(len_max)).for_each(|_| mac.update(&bytes[..block_len]));
                std::hint::black_box(mac);
            }};
        }
        match self {
            Mac::Hmac(state) => match &**state {
                HmacState::Md5(mac) => run!(mac),
                HmacState::Sha1(mac) => run!(mac),
                HmacState::Sha256(mac) => run!(mac),
                HmacState::Sha384(mac) => run!(mac),
            },
            // SSL 3.0 has a hole of its own there (POODLE, 2014), which no care closes.
            Mac::Ssl3 { .. } => {}
        }
    }
}

/// Bytes of each pad in SSL 3.0: what fills a block of 64 bytes after the key.
pub(crate) fn ssl3_pad_len(kind: HashKind) -> usize {
    match kind {
        HashKind::Md5 => 48,
        _ => 40,
    }
}

/// Which pseudo-random function a version and suite use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Prf {
    /// SSL 3.0: no labels, MD5 over SHA-1 over a growing row of letters.
    Ssl3,
    /// TLS 1.0 and 1.1: MD5 and SHA-1, half a secret each, exclusive-or.
    Tls10,
    /// TLS 1.2: one hash.
    Tls12(HashKind),
}

impl Prf {
    /// `len` bytes out of a secret, a label (which SSL 3.0 does not use) and a seed.
    pub fn derive(self, secret: &[u8], label: &[u8], seed: &[&[u8]], len: usize) -> Secret {
        match self {
            Prf::Ssl3 => ssl3_derive(secret, seed, len),
            Prf::Tls10 => {
                let half = secret.len().div_ceil(2);
                let mut out = p_hash(HashKind::Md5, &secret[..half], label, seed, len);
                let other = p_hash(HashKind::Sha1, &secret[secret.len() - half..], label, seed, len);
                out.iter_mut().zip(other.iter()).for_each(|(a, b)| *a ^= b);
                out
            }
            Prf::Tls12(kind) => p_hash(kind, secret, label, seed, len),
        }
    }
}

fn p_hash(kind: HashKind, secret: &[u8], label: &[u8], seed: &[&[u8]], len: usize) -> Secret {
    let mut input = label.to_vec();
    seed.iter().for_each(|part| input.extend_from_slice(part));
    let mut a = kind.hmac(secret, &[&input]);
    let mut out = Zeroizing::new(Vec::with_capacity(len + kind.len()));
    while out.len() < len {
        out.extend_from_slice(&kind.hmac(secret, &[&a, &input]));
        a = kind.hmac(secret, &[&a]);
    }
    out.truncate(len);
    out
}

fn ssl3_derive(secret: &[u8], seed: &[&[u8]], len: usize) -> Secret {
    let mut out = Zeroizing::new(Vec::with_capacity(len + 16));
    let mut count = 0;
    while out.len() < len {
        // "A", "BB", "CCC", …: 26 rounds give 416 bytes, and no suite needs more than 200.
        let letters = vec![b'A' + u8::try_from(count).expect("fewer than 26 rounds"); count + 1];
        let mut parts: Vec<&[u8]> = vec![&letters, secret];
        parts.extend_from_slice(seed);
        let inner = HashKind::Sha1.hash(&parts);
        out.extend_from_slice(&HashKind::Md5.hash(&[secret, &inner]));
        count += 1;
    }
    out.truncate(len);
    out
}

/// HKDF-Extract.
pub(crate) fn hkdf_extract(kind: HashKind, salt: &[u8], input: &[u8]) -> Secret {
    kind.hmac(salt, &[input])
}

/// HKDF-Expand-Label of TLS 1.3.
pub(crate) fn hkdf_expand_label(kind: HashKind, secret: &[u8], label: &str, context: &[u8], len: usize) -> Secret {
    use crate::codec::Put;
    let mut info = Vec::new();
    info.put_u16(u16::try_from(len).expect("asked lengths are short"));
    info.put_vec8(format!("tls13 {label}").as_bytes());
    info.put_vec8(context);
    let mut out = Zeroizing::new(Vec::with_capacity(len + kind.len()));
    let mut block = Zeroizing::new(Vec::new());
    let mut count = 1u8;
    while out.len() < len {
        block = kind.hmac(secret, &[&block, &info, &[count]]);
        out.extend_from_slice(&block);
        count += 1;
    }
    out.truncate(len);
    out
}

/// The running hash of all handshake messages.
///
/// Which hash it is shows only in the ServerHello, so the messages before that are kept as they are.
#[derive(Clone)]
pub(crate) enum Transcript {
    Messages(Vec<u8>),
    Running(Hasher),
}

/// A hash under way.
#[derive(Clone)]
pub(crate) enum Hasher {
    /// SSL 3.0, TLS 1.0 and 1.1: both at once.
    Md5Sha1(Md5, Sha1),
    Sha256(Sha256),
    Sha384(Sha384),
}

impl Hasher {
    fn update(&mut self, bytes: &[u8]) {
        match self {
            Self::Md5Sha1(md5, sha1) => {
                md5.update(bytes);
                sha1.update(bytes);
            }
            Self::Sha256(hasher) => hasher.update(bytes),
            Self::Sha384(hasher) => hasher.update(bytes),
        }
    }
}

impl Transcript {
    pub fn new() -> Transcript {
        Transcript::Messages(Vec::new())
    }

    pub fn add(&mut self, message: &[u8]) {
        match self {
            Transcript::Messages(messages) => messages.extend_from_slice(message),
            Transcript::Running(hasher) => hasher.update(message),
        }
    }

    /// The hash is known from here on. A second call changes nothing.
    pub fn start(&mut self, prf: Prf) {
        let Transcript::Messages(messages) = self else { return };
        let mut hasher = match prf {
            Prf::Ssl3 | Prf::Tls10 => Hasher::Md5Sha1(Md5::new(), Sha1::new()),
            Prf::Tls12(HashKind::Sha384) => Hasher::Sha384(Sha384::new()),
            Prf::Tls12(_) => Hasher::Sha256(Sha256::new()),
        };
        hasher.update(messages);
        *self = Transcript::Running(hasher);
    }

    /// After a HelloRetryRequest the first hello counts by its hash only (RFC 8446 §4.4.1).
    pub fn replace_first_hello(&mut self, kind: HashKind) {
        let Transcript::Messages(messages) = self else { return };
        let hash = kind.hash(&[messages]);
        let mut synthetic = vec![254, 0, 0, u8::try_from(hash.len()).expect("a hash is short")];
        synthetic.extend_from_slice(&hash);
        *messages = synthetic;
    }

    /// The hash of everything so far.
    pub fn hash(&self) -> Vec<u8> {
        match self {
            Transcript::Messages(_) => Vec::new(),
            Transcript::Running(Hasher::Md5Sha1(md5, sha1)) => {
                let mut hash = md5.clone().finalize().to_vec();
                hash.extend_from_slice(&sha1.clone().finalize());
                hash
            }
            Transcript::Running(Hasher::Sha256(hasher)) => hasher.clone().finalize().to_vec(),
            Transcript::Running(Hasher::Sha384(hasher)) => hasher.clone().finalize().to_vec(),
        }
    }

    /// The Finished hash of SSL 3.0, which hashes the secret in after the messages.
    pub fn ssl3_finished(&self, sender: &[u8], master: &[u8]) -> Vec<u8> {
        let Transcript::Running(Hasher::Md5Sha1(md5, sha1)) = self else { return Vec::new() };
        let mut md5 = md5.clone();
        [sender, master, &[0x36; 48]].iter().for_each(|part| md5.update(part));
        let mut sha1 = sha1.clone();
        [sender, master, &[0x36; 40]].iter().for_each(|part| sha1.update(part));
        let mut out = HashKind::Md5.hash(&[master, &[0x5c; 48], &md5.finalize()]).to_vec();
        out.extend_from_slice(&HashKind::Sha1.hash(&[master, &[0x5c; 40], &sha1.finalize()]));
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{hex, unhex};

    /// The widely used test of the TLS 1.2 function with SHA-256, first published on the TLS working group's list.
    #[test]
    fn tls12_prf_with_sha256() {
        let out = Prf::Tls12(HashKind::Sha256).derive(
            &unhex("9bbe436ba940f017b17652849a71db35"),
            b"test label",
            &[&unhex("a0ba9f936cda311827a6f796ffd5198c")],
            100,
        );
        assert_eq!(
            hex(&out),
            "e3f229ba727be17b8d122620557cd453c2aab21d07c3d495329b52d4e61edb5a6b301791e90d35c9c9a46b4e14baf9af\
             0fa022f7077def17abfd3797c0564bab4fbc91666e9def9b97fce34f796789baa48082d122ee42c5a72e5a5110fff701\
             87347b66"
        );
    }

    #[test]
    fn a_transcript_started_late_counts_the_same() {
        let mut early = Transcript::new();
        early.start(Prf::Tls12(HashKind::Sha256));
        early.add(b"one");
        early.add(b"two");
        let mut late = Transcript::new();
        late.add(b"one");
        late.start(Prf::Tls12(HashKind::Sha256));
        late.add(b"two");
        assert_eq!(early.hash(), late.hash());
        assert_eq!(late.hash(), HashKind::Sha256.hash(&[b"onetwo"]).to_vec());
    }
}
