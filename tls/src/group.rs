//! Key exchange: elliptic curves, finite fields, RSA transport.
//!
//! Our own secrets go through constant-time code only: the curve crates, and Montgomery arithmetic of fixed width.
//! The peer's numbers are public, and looked at freely.

use crate::hash::Secret;
use crate::limits::{DH_BITS_MAX, RSA_BITS_MAX, RSA_EXPONENT_BITS_MAX};
use crate::{Rng, TlsError};
use crypto_bigint::modular::{BoxedMontyForm, BoxedMontyParams};
use crypto_bigint::{BoxedUint, Odd, Resize};
use zeroize::{Zeroize, Zeroizing};

/// A named group of elliptic-curve key exchange.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names say it all")]
pub enum Group {
    X25519,
    P256,
    P384,
    P521,
}

impl Group {
    /// All groups, in the order in which they are offered; the first one's key goes with a TLS 1.3 hello.
    pub const ALL: [Group; 4] = [Self::X25519, Self::P256, Self::P384, Self::P521];

    /// The number on the wire.
    pub fn code(self) -> u16 {
        match self {
            Self::P256 => 23,
            Self::P384 => 24,
            Self::P521 => 25,
            Self::X25519 => 29,
        }
    }

    /// The group with this number.
    pub fn from_code(code: u16) -> Option<Group> {
        Self::ALL.into_iter().find(|group| group.code() == code)
    }

    /// OpenSSL's name: `X25519`, `prime256v1`, `secp384r1`, `secp521r1`.
    pub fn name(self) -> &'static str {
        match self {
            Self::X25519 => "X25519",
            Self::P256 => "prime256v1",
            Self::P384 => "secp384r1",
            Self::P521 => "secp521r1",
        }
    }
}

/// Our half of an exchange on a curve.
pub(crate) enum KeyShare {
    X25519(x25519_dalek::StaticSecret),
    P256(Box<p256::SecretKey>),
    P384(Box<p384::SecretKey>),
    P521(Box<p521::SecretKey>),
}

impl KeyShare {
    pub fn generate(group: Group, rng: &mut dyn Rng) -> Result<KeyShare, TlsError> {
        Ok(match group {
            Group::X25519 => {
                let mut bytes = crate::rng::random::<32>(rng)?;
                let share = KeyShare::X25519(bytes.into());
                bytes.zeroize();
                share
            }
            Group::P256 => KeyShare::P256(Box::new(draw::<32, _>(rng, 0xff, |b| p256::SecretKey::from_slice(b).ok())?)),
            Group::P384 => KeyShare::P384(Box::new(draw::<48, _>(rng, 0xff, |b| p384::SecretKey::from_slice(b).ok())?)),
            Group::P521 => KeyShare::P521(Box::new(draw::<66, _>(rng, 0x01, |b| p521::SecretKey::from_slice(b).ok())?)),
        })
    }

    pub fn group(&self) -> Group {
        match self {
            KeyShare::X25519(_) => Group::X25519,
            KeyShare::P256(_) => Group::P256,
            KeyShare::P384(_) => Group::P384,
            KeyShare::P521(_) => Group::P521,
        }
    }

    /// Our half as it goes over the wire: points uncompressed.
    pub fn public(&self) -> Vec<u8> {
        match self {
            KeyShare::X25519(secret) => x25519_dalek::PublicKey::from(secret).to_bytes().to_vec(),
            KeyShare::P256(secret) => secret.public_key().to_sec1_bytes().into_vec(),
            KeyShare::P384(secret) => secret.public_key().to_sec1_bytes().into_vec(),
            KeyShare::P521(secret) => secret.public_key().to_sec1_bytes().into_vec(),
        }
    }

    /// The shared secret with the peer's half.
    pub fn agree(&self, peer: &[u8]) -> Result<Secret, TlsError> {
        const OFF_CURVE: TlsError = TlsError::KeyShare("it is no point of the curve");
        macro_rules! nist {
            ($curve:ident, $secret:expr) => {{
                let public = $curve::PublicKey::from_sec1_bytes(peer).map_err(|_| OFF_CURVE)?;
                Zeroizing::new($secret.diffie_hellman(&public).raw_secret_bytes().to_vec())
            }};
        }
        Ok(match self {
            KeyShare::X25519(secret) => {
                let peer: [u8; 32] = peer.try_into().map_err(|_| TlsError::KeyShare("it has the wrong length"))?;
                let shared = secret.diffie_hellman(&peer.into());
                if !shared.was_contributory() {
                    return Err(TlsError::KeyShare("it is a point of low order"));
                }
                Zeroizing::new(shared.as_bytes().to_vec())
            }
            KeyShare::P256(secret) => nist!(p256, secret),
            KeyShare::P384(secret) => nist!(p384, secret),
            KeyShare::P521(secret) => nist!(p521, secret),
        })
    }
}

/// Draws a scalar below the group's order: a number out of range is drawn again, which is rare on these curves.
fn draw<const N: usize, K>(rng: &mut dyn Rng, top_mask: u8, make: impl Fn(&[u8]) -> Option<K>) -> Result<K, TlsError> {
    // A generator that gives nothing usable in so many tries is broken.
    for _ in 0..64 {
        let mut bytes = Zeroizing::new(crate::rng::random::<N>(rng)?);
        bytes[0] &= top_mask;
        if let Some(key) = make(&bytes[..]) {
            return Ok(key);
        }
    }
    Err(TlsError::Random)
}

/// Bits of our Diffie-Hellman exponent: twice the strength of the largest field allowed, rounded up.
const DH_EXPONENT_BITS: u32 = 512;

/// What an exchange in a finite field gives.
pub(crate) struct DhExchange {
    pub public: Vec<u8>,
    pub shared: Secret,
    pub prime_bits: usize,
}

/// Our side of a finite-field exchange with the server's parameters, whatever they are.
///
/// Small, composite and unsafe moduli are all taken: a scanner wants to see them.
pub(crate) fn dh_exchange(
    prime: &[u8],
    generator: &[u8],
    peer: &[u8],
    rng: &mut dyn Rng,
) -> Result<DhExchange, TlsError> {
    let prime = trim(prime);
    let prime_bits = bit_len(prime);
    if prime_bits > DH_BITS_MAX {
        return Err(TlsError::Limit { what: "bits of a Diffie-Hellman prime", max: DH_BITS_MAX });
    }
    let field = Field::new(prime).ok_or(TlsError::KeyShare("its Diffie-Hellman prime is even or too small"))?;
    let peer = trim(peer);
    if peer.is_empty() || peer == [1] || !less(peer, prime) {
        return Err(TlsError::KeyShare("its Diffie-Hellman value is out of range"));
    }
    let mut bytes = Zeroizing::new(vec![0; DH_EXPONENT_BITS as usize / 8]);
    rng.fill(&mut bytes)?;
    let mut exponent =
        BoxedUint::from_be_slice(&bytes, DH_EXPONENT_BITS).expect("the slice has as many bits as the number");
    let public = field.pow(generator, &exponent);
    let shared = field.pow(peer, &exponent);
    exponent.zeroize();
    Ok(DhExchange { public: public.to_vec(), shared, prime_bits })
}

/// Encrypts a premaster secret to an RSA key, PKCS #1 v1.5.
pub(crate) fn rsa_encrypt(
    modulus: &[u8],
    exponent: &[u8],
    secret: &[u8],
    rng: &mut dyn Rng,
) -> Result<Vec<u8>, TlsError> {
    let modulus = trim(modulus);
    let exponent = trim(exponent);
    if bit_len(modulus) > RSA_BITS_MAX {
        return Err(TlsError::Limit { what: "bits of an RSA modulus", max: RSA_BITS_MAX });
    }
    if bit_len(exponent) > RSA_EXPONENT_BITS_MAX {
        return Err(TlsError::Limit { what: "bits of an RSA exponent", max: RSA_EXPONENT_BITS_MAX });
    }
    // PKCS #1 needs eight random bytes and three fixed ones around the secret.
    let Some(pad_len) = modulus.len().checked_sub(secret.len() + 3).filter(|len| 8 <= *len) else {
        return Err(TlsError::RsaKey("it is too short to encrypt a secret"));
    };
    let field = Field::new(modulus).ok_or(TlsError::RsaKey("its modulus is even"))?;
    let mut block = Zeroizing::new(vec![0, 2]);
    let mut pad = Zeroizing::new(vec![0; pad_len]);
    rng.fill(&mut pad)?;
    // Zero ends the padding, so it becomes another number; that it is likelier by 1/256 helps nobody.
    block.extend(pad.iter().map(|byte| byte | u8::from(*byte == 0)));
    block.push(0);
    block.extend_from_slice(secret);
    let exponent = BoxedUint::from_be_slice(exponent, 64).map_err(|_| TlsError::RsaKey("its exponent is too large"))?;
    Ok(field.pow(&block, &exponent).to_vec())
}

/// Arithmetic modulo an odd number.
struct Field {
    params: BoxedMontyParams,
    bits: u32,
    len: usize,
}

impl Field {
    fn new(modulus: &[u8]) -> Option<Field> {
        if modulus.is_empty() || modulus == [1] {
            return None;
        }
        let bits = u32::try_from(modulus.len() * 8).ok()?.next_multiple_of(64);
        let number = BoxedUint::from_be_slice(modulus, bits).ok()?;
        let odd = Odd::new(number).into_option()?;
        Some(Field { params: BoxedMontyParams::new_vartime(odd), bits, len: modulus.len() })
    }

    /// `base` to the `exponent`, as many bytes as the modulus. Time depends on the widths only.
    fn pow(&self, base: &[u8], exponent: &BoxedUint) -> Secret {
        let base = trim(base);
        // A generator may be longer than the modulus in a hostile message: what is beyond its width is reduced first.
        let width = self.bits.max(u32::try_from(base.len() * 8).unwrap_or(self.bits).next_multiple_of(64));
        let mut number = BoxedUint::from_be_slice_truncated(base, width);
        if self.bits < width {
            let modulus = self.params.modulus().as_ref().resize_unchecked(width);
            let modulus = crypto_bigint::NonZero::new(modulus).into_option().expect("an odd number is not zero");
            number = number.rem_vartime(&modulus).resize_unchecked(self.bits);
        }
        let mut form = BoxedMontyForm::new(number, &self.params);
        let mut result = form.pow(exponent).retrieve();
        let bytes = Zeroizing::new(result.to_be_bytes().into_vec());
        form.zeroize();
        result.zeroize();
        Zeroizing::new(bytes[bytes.len() - self.len..].to_vec())
    }
}

/// Without leading zeros.
pub(crate) fn trim(number: &[u8]) -> &[u8] {
    let zeros = number.iter().take_while(|byte| **byte == 0).count();
    &number[zeros..]
}

/// Bits of a big-endian number.
pub(crate) fn bit_len(number: &[u8]) -> usize {
    let number = trim(number);
    number.first().map_or(0, |first| number.len() * 8 - first.leading_zeros() as usize)
}

/// Compares public numbers without leading zeros.
fn less(a: &[u8], b: &[u8]) -> bool {
    (a.len(), a) < (b.len(), b)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::SystemRng;

    #[test]
    fn both_sides_of_a_curve_agree() {
        for group in Group::ALL {
            let ours = KeyShare::generate(group, &mut SystemRng).unwrap();
            let theirs = KeyShare::generate(group, &mut SystemRng).unwrap();
            assert_eq!(ours.agree(&theirs.public()), theirs.agree(&ours.public()), "{group:?}");
            assert!(ours.agree(b"\x04nonsense").is_err());
        }
    }

    #[test]
    fn low_order_points_are_refused() {
        let ours = KeyShare::generate(Group::X25519, &mut SystemRng).unwrap();
        assert_eq!(ours.agree(&[0; 32]), Err(TlsError::KeyShare("it is a point of low order")));
    }

    #[test]
    fn powers_are_right() {
        let field = Field::new(&[0x01, 0x0f]).unwrap(); // 271, a prime.
        let three = BoxedUint::from(5u64);
        assert_eq!(field.pow(&[7], &three).to_vec(), [0, 5]); // 7^5 = 16807 = 62 * 271 + 5.
        // A base wider than the modulus: 2^72 mod 271 = 242.
        let wide = [1, 0, 0, 0, 0, 0, 0, 0, 0, 0];
        let expected = (0..72).fold(1u32, |n, _| n * 2 % 271);
        assert_eq!(field.pow(&wide, &BoxedUint::from(1u64)).to_vec(), [0, u8::try_from(expected).unwrap()]);
    }

    #[test]
    fn hostile_parameters_are_errors() {
        let check = |prime: &[u8], peer: &[u8], ok: bool| {
            assert_eq!(dh_exchange(prime, &[2], peer, &mut SystemRng).is_ok(), ok, "{prime:?} {peer:?}");
        };
        check(&[], &[2], false);
        check(&[1], &[2], false);
        check(&[8], &[2], false);
        check(&[23], &[], false);
        check(&[23], &[1], false);
        check(&[23], &[23], false);
        check(&[0, 0, 23], &[0, 5], true);
        let long = vec![0xff; DH_BITS_MAX / 8 + 1];
        assert!(matches!(dh_exchange(&long, &[2], &[3], &mut SystemRng), Err(TlsError::Limit { .. })));
        let rsa = |modulus: &[u8], exponent: &[u8]| rsa_encrypt(modulus, exponent, &[0; 48], &mut SystemRng);
        assert!(matches!(rsa(&vec![0xff; RSA_BITS_MAX / 8 + 1], &[3]), Err(TlsError::Limit { .. })));
        assert!(matches!(rsa(&[0xff; 128], &[0xff; 9]), Err(TlsError::Limit { .. })));
        assert!(matches!(rsa(&[0xff; 58], &[3]), Err(TlsError::RsaKey(_))));
        assert!(matches!(rsa(&[0xfe; 64], &[3]), Err(TlsError::RsaKey(_))));
        assert_eq!(rsa(&[0xff; 64], &[3]).unwrap().len(), 64);
    }
}
