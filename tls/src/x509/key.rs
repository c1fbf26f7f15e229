//! The public key of a certificate.

use super::CertificateError;
use super::der::{Der, tag};
use super::oid::Oid;
use crate::group::{bit_len, trim};
use digest::Digest;

/// A public key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublicKey {
    /// The algorithm's identifier.
    pub algorithm: Oid,
    /// What kind of key.
    pub kind: KeyKind,
    /// Its size, as is usual for its kind: modulus, prime, order of the curve.
    pub bits: usize,
}

/// Kinds of public keys.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KeyKind {
    /// RSA, its numbers big-endian without leading zeros.
    Rsa(RsaKey),
    /// DSA.
    Dsa,
    /// Diffie-Hellman.
    Dh,
    /// A curve.
    Ec(Curve),
    /// Anything else: Ed25519, Ed448, RSA for PSS only.
    Unknown,
}

/// An RSA public key, its numbers without leading zeros.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RsaKey {
    /// The modulus, big-endian.
    pub modulus: Vec<u8>,
    /// The public exponent, big-endian.
    pub exponent: Vec<u8>,
}

/// The curve of a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Curve {
    /// OpenSSL's short name, `prime256v1`; the dotted identifier where it has none.
    Named(String),
    /// Parameters in full, over a prime field, of a curve without a name.
    ExplicitPrime,
    /// Parameters in full, over a binary field.
    ExplicitChar2,
}

impl PublicKey {
    /// The word that scripts see: `rsa`, `dsa`, `dh`, `ec`, `unknown`.
    pub fn type_name(&self) -> &'static str {
        match self.kind {
            KeyKind::Rsa(_) => "rsa",
            KeyKind::Dsa => "dsa",
            KeyKind::Dh => "dh",
            KeyKind::Ec(_) => "ec",
            KeyKind::Unknown => "unknown",
        }
    }

    /// From the content of a SubjectPublicKeyInfo.
    pub(crate) fn decode(mut spki: Der<'_>) -> Result<PublicKey, CertificateError> {
        const ERROR: CertificateError = CertificateError::PublicKey;
        let mut algorithm_id = spki.next_if(tag::SEQUENCE).ok_or(ERROR)?.inside();
        let algorithm = Oid::decode(algorithm_id.next_if(tag::OID).ok_or(ERROR)?.content);
        let parameters = algorithm_id.next();
        let (_, bits) = spki.next().and_then(|value| value.bits()).ok_or(ERROR)?;
        let first_number = || {
            let number = parameters?.inside().next_if(tag::INTEGER)?;
            Some(bit_len(number.content))
        };
        let (kind, bits) = match algorithm.dotted() {
            "1.2.840.113549.1.1.1" | "2.5.8.1.1" => {
                let key = RsaKey::decode(bits).ok_or(ERROR)?;
                let bits = bit_len(&key.modulus);
                (KeyKind::Rsa(key), bits)
            }
            "1.2.840.113549.1.1.10" => (KeyKind::Unknown, bit_len(&RsaKey::decode(bits).ok_or(ERROR)?.modulus)),
            "1.2.840.10040.4.1" | "1.3.14.3.2.12" => (KeyKind::Dsa, first_number().unwrap_or(0)),
            "1.2.840.113549.1.3.1" | "1.2.840.10046.2.1" => (KeyKind::Dh, first_number().ok_or(ERROR)?),
            "1.2.840.10045.2.1" => {
                let parameters = parameters.ok_or(ERROR)?;
                let (curve, bits) = if parameters.tag == tag::OID {
                    let oid = Oid::decode(parameters.content);
                    let name = oid.describe_short();
                    let bits = order_bits(&name).ok_or(ERROR)?;
                    (Curve::Named(name), bits)
                } else {
                    explicit_curve(parameters.inside()).ok_or(ERROR)?
                };
                (KeyKind::Ec(curve), bits)
            }
            "1.3.101.112" => (KeyKind::Unknown, 256),
            "1.3.101.113" => (KeyKind::Unknown, 456),
            "1.3.101.110" => (KeyKind::Unknown, 253),
            "1.3.101.111" => (KeyKind::Unknown, 448),
            _ => return Err(ERROR),
        };
        Ok(PublicKey { algorithm, kind, bits })
    }
}

impl RsaKey {
    pub(crate) fn decode(bytes: &[u8]) -> Option<RsaKey> {
        let mut key = Der(bytes).next_if(tag::SEQUENCE)?.inside();
        let mut number = || Some(trim(key.next_if(tag::INTEGER)?.content).to_vec());
        Some(RsaKey { modulus: number()?, exponent: number()? })
    }
}

/// Bits of the order of a named curve: mostly the number in its name.
fn order_bits(name: &str) -> Option<usize> {
    // Order: cofactors above one make the order shorter than the field.
    const ODD: [(&str, usize); 22] = [
        ("secp112r2", 110),
        ("secp128r2", 126),
        ("sect113r1", 113),
        ("sect163k1", 163),
        ("sect193r1", 193),
        ("sect233k1", 232),
        ("sect239k1", 238),
        ("sect283k1", 281),
        ("sect283r1", 282),
        ("sect409k1", 407),
        ("sect409r1", 409),
        ("sect571k1", 570),
        ("sect571r1", 570),
        ("secp160k1", 161),
        ("secp160r1", 161),
        ("secp160r2", 161),
        ("secp224k1", 225),
        ("c2pnb163v1", 163),
        ("c2tnb191v1", 191),
        ("SM2", 256),
        ("Oakley-EC2N-3", 155),
        ("Oakley-EC2N-4", 185),
    ];
    if let Some((_, bits)) = ODD.iter().find(|(odd, _)| *odd == name) {
        return Some(*bits);
    }
    let prefix = ["secp", "sect", "prime", "brainpoolP", "c2pnb", "c2tnb", "wap-wsg-idm-ecid-wtls"];
    let digits = prefix.iter().find_map(|prefix| name.strip_prefix(prefix))?;
    let end = digits.find(|c: char| !c.is_ascii_digit()).unwrap_or(digits.len());
    digits[..end].parse().ok()
}

/// Curves that OpenSSL recognises by their parameters: the first eight bytes of SHA-256 over prime, coefficients and
/// order, each with its length in front and without leading zeros.
/// Source: made with `openssl ecparam -param_enc explicit -text`.
const KNOWN_CURVES: [(&str, u64); 19] = [
    ("secp112r1", 0x6007_04d3_cfa0_fc70),
    ("secp128r1", 0x2653_0ce7_e5a5_0c27),
    ("secp160r1", 0x96ff_3bc9_b784_03e0),
    ("secp160k1", 0xc439_b03e_0f05_36cd),
    ("prime192v1", 0x21cb_b8a4_c2ee_c5c6),
    ("prime239v1", 0x96aa_e810_8166_dbb0),
    ("secp192k1", 0xb20e_00b2_e3b7_4cd3),
    ("secp224r1", 0xd5a9_3d1c_c2c5_fd74),
    ("secp224k1", 0x177c_4f16_426b_a6e4),
    ("prime256v1", 0x06bc_1f9a_0ea5_d8de),
    ("secp256k1", 0xafc4_5488_be37_a09a),
    ("secp384r1", 0xfdb2_5c3d_448a_dc5d),
    ("secp521r1", 0x5279_89f3_14ef_cd95),
    ("brainpoolP160r1", 0xde00_02f5_25e5_bd33),
    ("brainpoolP192r1", 0x36fc_8c8c_2b38_e9d5),
    ("brainpoolP224r1", 0x7643_e601_4cab_6742),
    ("brainpoolP256r1", 0x1ff5_7bc9_6132_823b),
    ("brainpoolP384r1", 0x3b4a_f887_5240_db9f),
    ("brainpoolP512r1", 0xc167_d27c_844e_a6b8),
];

/// The name of a curve that is given by its parameters.
fn known_curve(numbers: [&[u8]; 4]) -> Option<&'static str> {
    let mut hasher = sha2::Sha256::new();
    for number in numbers.map(trim) {
        hasher.update([u8::try_from(number.len()).ok()?]);
        hasher.update(number);
    }
    let start = hasher.finalize().first_chunk().map(|start| u64::from_be_bytes(*start))?;
    KNOWN_CURVES.iter().find(|(_, digest)| *digest == start).map(|(name, _)| *name)
}

/// Parameters in full: version, field, curve, base, order.
fn explicit_curve(mut parameters: Der<'_>) -> Option<(Curve, usize)> {
    parameters.next_if(tag::INTEGER)?;
    let mut field = parameters.next_if(tag::SEQUENCE)?.inside();
    let kind = Oid::decode(field.next_if(tag::OID)?.content);
    let mut coefficients = parameters.next_if(tag::SEQUENCE)?.inside();
    parameters.next_if(tag::OCTET_STRING)?;
    let order = parameters.next_if(tag::INTEGER)?;
    let curve = match kind.dotted() {
        "1.2.840.10045.1.1" => {
            let mut next = || coefficients.next_if(tag::OCTET_STRING).map_or(&[][..], |value| value.content);
            let (a, b) = (next(), next());
            let prime = field.next_if(tag::INTEGER).map_or(&[][..], |value| value.content);
            match known_curve([prime, a, b, order.content]) {
                Some(name) => Curve::Named(name.to_string()),
                None => Curve::ExplicitPrime,
            }
        }
        "1.2.840.10045.1.2" => Curve::ExplicitChar2,
        _ => return None,
    };
    Some((curve, bit_len(order.content)))
}
