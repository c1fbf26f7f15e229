//! Hash functions and MACs by OpenSSL's names. Knows no Lua.

use digest::{Digest, ExtendableOutput, Update};

/// A hash function.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Hash {
    Md4,
    Md5,
    /// MD5, then SHA-1.
    Md5Sha1,
    Sha1,
    Sha224,
    Sha256,
    Sha384,
    Sha512,
    Sha512Part224,
    Sha512Part256,
    Sha3Part224,
    Sha3Part256,
    Sha3Part384,
    Sha3Part512,
    Shake128,
    Shake256,
    Ripemd160,
    Whirlpool,
    Sm3,
    Blake2b512,
    Blake2s256,
}

use Hash::*;

/// Names that `supported_digests` lists, in the order of their bytes.
pub(crate) const LISTED: [(&str, Hash); 56] = [
    ("RSA-MD4", Md4),
    ("RSA-MD5", Md5),
    ("RSA-RIPEMD160", Ripemd160),
    ("RSA-SHA1", Sha1),
    ("RSA-SHA1-2", Sha1),
    ("RSA-SHA224", Sha224),
    ("RSA-SHA256", Sha256),
    ("RSA-SHA3-224", Sha3Part224),
    ("RSA-SHA3-256", Sha3Part256),
    ("RSA-SHA3-384", Sha3Part384),
    ("RSA-SHA3-512", Sha3Part512),
    ("RSA-SHA384", Sha384),
    ("RSA-SHA512", Sha512),
    ("RSA-SHA512/224", Sha512Part224),
    ("RSA-SHA512/256", Sha512Part256),
    ("RSA-SM3", Sm3),
    ("blake2b512", Blake2b512),
    ("blake2s256", Blake2s256),
    ("id-rsassa-pkcs1-v1_5-with-sha3-224", Sha3Part224),
    ("id-rsassa-pkcs1-v1_5-with-sha3-256", Sha3Part256),
    ("id-rsassa-pkcs1-v1_5-with-sha3-384", Sha3Part384),
    ("id-rsassa-pkcs1-v1_5-with-sha3-512", Sha3Part512),
    ("md4", Md4),
    ("md4WithRSAEncryption", Md4),
    ("md5", Md5),
    ("md5-sha1", Md5Sha1),
    ("md5WithRSAEncryption", Md5),
    ("ripemd", Ripemd160),
    ("ripemd160", Ripemd160),
    ("ripemd160WithRSA", Ripemd160),
    ("rmd160", Ripemd160),
    ("sha1", Sha1),
    ("sha1WithRSAEncryption", Sha1),
    ("sha224", Sha224),
    ("sha224WithRSAEncryption", Sha224),
    ("sha256", Sha256),
    ("sha256WithRSAEncryption", Sha256),
    ("sha3-224", Sha3Part224),
    ("sha3-256", Sha3Part256),
    ("sha3-384", Sha3Part384),
    ("sha3-512", Sha3Part512),
    ("sha384", Sha384),
    ("sha384WithRSAEncryption", Sha384),
    ("sha512", Sha512),
    ("sha512-224", Sha512Part224),
    ("sha512-224WithRSAEncryption", Sha512Part224),
    ("sha512-256", Sha512Part256),
    ("sha512-256WithRSAEncryption", Sha512Part256),
    ("sha512WithRSAEncryption", Sha512),
    ("shake128", Shake128),
    ("shake256", Shake256),
    ("sm3", Sm3),
    ("sm3WithRSAEncryption", Sm3),
    ("ssl3-md5", Md5),
    ("ssl3-sha1", Sha1),
    ("whirlpool", Whirlpool),
];

/// Other names that OpenSSL 3 knows: those of its providers, and object identifiers.
const OTHERS: [(&str, Hash); 40] = [
    ("SHA-1", Sha1),
    ("SHA-224", Sha224),
    ("SHA2-224", Sha224),
    ("SHA-256", Sha256),
    ("SHA2-256", Sha256),
    ("SHA-384", Sha384),
    ("SHA2-384", Sha384),
    ("SHA-512", Sha512),
    ("SHA2-512", Sha512),
    ("SHA-512/224", Sha512Part224),
    ("SHA2-512/224", Sha512Part224),
    ("SHA512-224", Sha512Part224),
    ("SHA-512/256", Sha512Part256),
    ("SHA2-512/256", Sha512Part256),
    ("SHA512-256", Sha512Part256),
    ("RIPEMD-160", Ripemd160),
    ("BLAKE2b-512", Blake2b512),
    ("BLAKE2s-256", Blake2s256),
    ("SHAKE-128", Shake128),
    ("SHAKE-256", Shake256),
    ("1.2.840.113549.2.4", Md4),
    ("1.2.840.113549.2.5", Md5),
    ("1.3.14.3.2.26", Sha1),
    ("2.16.840.1.101.3.4.2.4", Sha224),
    ("2.16.840.1.101.3.4.2.1", Sha256),
    ("2.16.840.1.101.3.4.2.2", Sha384),
    ("2.16.840.1.101.3.4.2.3", Sha512),
    ("2.16.840.1.101.3.4.2.5", Sha512Part224),
    ("2.16.840.1.101.3.4.2.6", Sha512Part256),
    ("2.16.840.1.101.3.4.2.7", Sha3Part224),
    ("2.16.840.1.101.3.4.2.8", Sha3Part256),
    ("2.16.840.1.101.3.4.2.9", Sha3Part384),
    ("2.16.840.1.101.3.4.2.10", Sha3Part512),
    ("2.16.840.1.101.3.4.2.11", Shake128),
    ("2.16.840.1.101.3.4.2.12", Shake256),
    ("1.3.36.3.2.1", Ripemd160),
    ("1.0.10118.3.0.55", Whirlpool),
    ("1.2.156.10197.1.401", Sm3),
    ("1.3.6.1.4.1.1722.12.2.1.16", Blake2b512),
    ("1.3.6.1.4.1.1722.12.2.2.8", Blake2s256),
];

impl Hash {
    /// The function of a name; case does not matter.
    pub fn named(name: &[u8]) -> Option<Hash> {
        let names = LISTED.iter().chain(&OTHERS);
        names.clone().find(|(known, _)| known.as_bytes().eq_ignore_ascii_case(name)).map(|&(_, hash)| hash)
    }

    /// The digest of the parts together.
    pub fn digest(self, parts: &[&[u8]]) -> Vec<u8> {
        fn of<D: Digest>(parts: &[&[u8]]) -> Vec<u8> {
            let mut hash = D::new();
            parts.iter().for_each(|part| Digest::update(&mut hash, part));
            hash.finalize().to_vec()
        }
        fn first<X: Default + Update + ExtendableOutput>(parts: &[&[u8]], len: usize) -> Vec<u8> {
            let mut hash = X::default();
            parts.iter().for_each(|part| hash.update(part));
            let mut out = vec![0; len];
            hash.finalize_xof_into(&mut out);
            out
        }
        match self {
            Md4 => of::<md4::Md4>(parts),
            Md5 => of::<md5::Md5>(parts),
            Md5Sha1 => [of::<md5::Md5>(parts), of::<sha1::Sha1>(parts)].concat(),
            Sha1 => of::<sha1::Sha1>(parts),
            Sha224 => of::<sha2::Sha224>(parts),
            Sha256 => of::<sha2::Sha256>(parts),
            Sha384 => of::<sha2::Sha384>(parts),
            Sha512 => of::<sha2::Sha512>(parts),
            Sha512Part224 => of::<sha2::Sha512_224>(parts),
            Sha512Part256 => of::<sha2::Sha512_256>(parts),
            Sha3Part224 => of::<sha3::Sha3_224>(parts),
            Sha3Part256 => of::<sha3::Sha3_256>(parts),
            Sha3Part384 => of::<sha3::Sha3_384>(parts),
            Sha3Part512 => of::<sha3::Sha3_512>(parts),
            Shake128 => first::<shake::Shake128>(parts, 16),
            Shake256 => first::<shake::Shake256>(parts, 32),
            Ripemd160 => of::<ripemd::Ripemd160>(parts),
            Whirlpool => of::<whirlpool::Whirlpool>(parts),
            Sm3 => of::<sm3::Sm3>(parts),
            Blake2b512 => of::<blake2::Blake2b512>(parts),
            Blake2s256 => of::<blake2::Blake2s256>(parts),
        }
    }

    /// Bytes that the function takes at a time; `None` for those that make no MAC.
    fn block_len(self) -> Option<usize> {
        Some(match self {
            Shake128 | Shake256 => return None,
            Sha384 | Sha512 | Sha512Part224 | Sha512Part256 | Blake2b512 => 128,
            Sha3Part224 => 144,
            Sha3Part256 => 136,
            Sha3Part384 => 104,
            Sha3Part512 => 72,
            _ => 64,
        })
    }

    /// HMAC (RFC 2104) of a message; `None` for functions without a fixed length.
    pub fn hmac(self, key: &[u8], message: &[u8]) -> Option<Vec<u8>> {
        let len = self.block_len()?;
        let mut block = if key.len() > len { self.digest(&[key]) } else { key.to_vec() };
        block.resize(len, 0);
        let padded = |pad: u8| block.iter().map(|byte| byte ^ pad).collect::<Vec<u8>>();
        let inner = self.digest(&[&padded(0x36), message]);
        Some(self.digest(&[&padded(0x5c), &inner]))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_found_in_any_case() {
        for (name, hash) in LISTED.iter().chain(&OTHERS) {
            assert_eq!(Hash::named(name.as_bytes()), Some(*hash), "{name}");
            assert_eq!(Hash::named(name.to_uppercase().as_bytes()), Some(*hash), "{name}");
        }
        for name in ["md2", "mdc2", "sha", "dss1", "sha512/256", "null", "", "sha1\0"] {
            assert_eq!(Hash::named(name.as_bytes()), None, "{name}");
        }
    }

    #[test]
    fn macs_need_a_block_length() {
        assert_eq!(Shake128.hmac(b"", b""), None);
        assert_eq!(Sha3Part224.hmac(b"", b"").map(|mac| mac.len()), Some(28));
    }
}
