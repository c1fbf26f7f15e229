//! Key exchange: one [`Exchange`] from our first message to the shared secret.
//!
//! Secrets go through constant-time code: the curve crates, and Montgomery arithmetic of fixed width.

use crate::wire::{Reader, Write};
use crate::{SshError, random};
use crypto_bigint::modular::{BoxedMontyForm, BoxedMontyParams};
use crypto_bigint::{BoxedUint, Odd, Resize};
use digest::Digest;
use x25519_dalek::{PublicKey, StaticSecret};
use zeroize::Zeroizing;

/// Bits of a prime that a server may choose.
const PRIME_BITS_MAX: usize = 8192;
/// Bits of our secret exponents.
const EXPONENT_LEN: usize = 64;
/// Sizes asked for in a group exchange.
const GROUP_BITS: [u32; 3] = [1024, 2048, 8192];

const KEXDH_INIT: u8 = 30;
const KEXDH_REPLY: u8 = 31;
const GEX_GROUP: u8 = 31;
const GEX_INIT: u8 = 32;
const GEX_REPLY: u8 = 33;
const GEX_REQUEST: u8 = 34;

/// Oakley groups: RFC 2409 §6.2, RFC 3526 §3, §5, §7. All end alike and begin alike: what lies between is digits of pi,
/// so that the numbers are worked out from their definition.
fn oakley_prime(bits: usize) -> BoxedUint {
    pi::oakley(bits)
}

pub(crate) mod pi {
    //! 2^n - 2^(n-64) - 1 + 2^64 * (floor(2^(n-130) * pi) + offset): how the RFCs define their primes.

    use crypto_bigint::BoxedUint;

    /// The offsets that make them prime.
    fn offset(bits: usize) -> u64 {
        match bits {
            1024 => 129_093,
            2048 => 124_476,
            4096 => 240_904,
            _ => 4_743_158,
        }
    }

    /// `floor(2^shift * pi)`, by Machin's formula with guard bits.
    fn pi(shift: u32) -> BoxedUint {
        const GUARD: u32 = 64;
        let precision = (shift + GUARD + 128).next_multiple_of(64);
        let one = BoxedUint::one_with_precision(precision).shl(shift + GUARD);
        let arctan = |divisor: u64| {
            let mut term = one.wrapping_div_limb(divisor);
            let (mut sum, mut n, mut positive) = (term.clone(), 3u64, false);
            while !bool::from(term.is_zero()) {
                term = term.wrapping_div_limb(divisor * divisor);
                let part = term.wrapping_div_limb(n);
                sum = if positive { sum.wrapping_add(&part) } else { sum.wrapping_sub(&part) };
                positive = !positive;
                n += 2;
            }
            sum
        };
        let quarter = arctan(5).shl(2).wrapping_sub(arctan(239));
        quarter.shl(2).shr(GUARD)
    }

    trait Limb {
        fn wrapping_div_limb(&self, divisor: u64) -> BoxedUint;
    }

    impl Limb for BoxedUint {
        fn wrapping_div_limb(&self, divisor: u64) -> BoxedUint {
            let divisor = crypto_bigint::NonZero::new(crypto_bigint::Limb::from(divisor)).expect("it is not zero");
            self.div_rem_limb(divisor).0
        }
    }

    pub fn oakley(bits: usize) -> BoxedUint {
        let n = bits as u32;
        let precision = n + 64;
        let power = |exponent: u32| BoxedUint::one_with_precision(precision).shl(exponent);
        let middle = pi(n - 130).resize_to(precision).wrapping_add(BoxedUint::from(offset(bits)));
        let sum = power(n).wrapping_sub(power(n - 64)).wrapping_sub(power(0));
        sum.wrapping_add(middle.shl(64)).resize_to(n)
    }

    trait ResizeTo {
        fn resize_to(self, precision: u32) -> BoxedUint;
    }

    impl ResizeTo for BoxedUint {
        fn resize_to(self, precision: u32) -> BoxedUint {
            crypto_bigint::Resize::resize_unchecked(self, precision)
        }
    }
}

/// The hash of a method.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Hash {
    Sha1,
    Sha256,
    Sha384,
    Sha512,
}

impl Hash {
    pub fn digest(self, parts: &[&[u8]]) -> Vec<u8> {
        fn of<D: Digest>(parts: &[&[u8]]) -> Vec<u8> {
            let mut hash = D::new();
            parts.iter().for_each(|part| hash.update(part));
            hash.finalize().to_vec()
        }
        match self {
            Hash::Sha1 => of::<sha1::Sha1>(parts),
            Hash::Sha256 => of::<sha2::Sha256>(parts),
            Hash::Sha384 => of::<sha2::Sha384>(parts),
            Hash::Sha512 => of::<sha2::Sha512>(parts),
        }
    }
}

/// Our secret.
enum Secret {
    X25519(Box<StaticSecret>),
    P256(Box<p256::SecretKey>),
    P384(Box<p384::SecretKey>),
    P521(Box<p521::SecretKey>),
    Dh(Field, Zeroizing<Vec<u8>>),
    /// A group exchange whose group is not known yet.
    Waiting,
}

/// An exchange under way.
pub(crate) struct Exchange {
    pub hash: Hash,
    secret: Secret,
    /// Our public value as it goes into the hash.
    public: Vec<u8>,
    /// What a group exchange puts into the hash in front of our value.
    group: Vec<u8>,
    is_group_exchange: bool,
}

/// What an exchange came to.
pub(crate) struct Agreed {
    pub host_key: Vec<u8>,
    /// The parts of the exchange hash that belong to the method, the secret among them.
    pub hashed: Vec<u8>,
    /// The secret as it is hashed.
    pub secret: Zeroizing<Vec<u8>>,
}

/// What a message of the exchange led to.
pub(crate) enum Next {
    /// Send this.
    Send(Vec<u8>),
    Agreed(Agreed),
}

impl Exchange {
    /// Starts an exchange; also the message to send.
    pub fn start(method: &str) -> Result<(Exchange, Vec<u8>), SshError> {
        let hash = match method {
            "curve25519-sha256" | "curve25519-sha256@libssh.org" | "ecdh-sha2-nistp256" => Hash::Sha256,
            "ecdh-sha2-nistp384" => Hash::Sha384,
            "ecdh-sha2-nistp521" => Hash::Sha512,
            _ if method.ends_with("sha1") => Hash::Sha1,
            _ if method.ends_with("sha256") => Hash::Sha256,
            _ => Hash::Sha512,
        };
        let (secret, public) = match method {
            "curve25519-sha256" | "curve25519-sha256@libssh.org" => {
                let bytes: [u8; 32] = random(32)?.try_into().map_err(|_| SshError::Random)?;
                let secret = StaticSecret::from(bytes);
                let public = PublicKey::from(&secret).as_bytes().to_vec();
                (Secret::X25519(Box::new(secret)), public)
            }
            "ecdh-sha2-nistp256" => {
                let secret = draw(32, 0xff, |bytes| p256::SecretKey::from_slice(bytes).ok())?;
                let public = secret.public_key().to_sec1_bytes().to_vec();
                (Secret::P256(Box::new(secret)), public)
            }
            "ecdh-sha2-nistp384" => {
                let secret = draw(48, 0xff, |bytes| p384::SecretKey::from_slice(bytes).ok())?;
                let public = secret.public_key().to_sec1_bytes().to_vec();
                (Secret::P384(Box::new(secret)), public)
            }
            "ecdh-sha2-nistp521" => {
                let secret = draw(66, 0x01, |bytes| p521::SecretKey::from_slice(bytes).ok())?;
                let public = secret.public_key().to_sec1_bytes().to_vec();
                (Secret::P521(Box::new(secret)), public)
            }
            _ if method.starts_with("diffie-hellman-group-exchange") => {
                let exchange = Exchange {
                    hash,
                    secret: Secret::Waiting,
                    public: Vec::new(),
                    group: Vec::new(),
                    is_group_exchange: true,
                };
                let mut message = vec![GEX_REQUEST];
                GROUP_BITS.iter().for_each(|&bits| message.number(bits));
                return Ok((exchange, message));
            }
            _ => {
                let bits = match method {
                    _ if method.contains("group1-") => 1024,
                    _ if method.contains("group14-") => 2048,
                    _ if method.contains("group16-") => 4096,
                    _ => 8192,
                };
                let prime = oakley_prime(bits).to_be_bytes();
                let field = Field::new(&prime).ok_or(SshError::Protocol("a prime is even"))?;
                let exponent = Zeroizing::new(random(EXPONENT_LEN)?);
                let public = field.pow(&[2], &exponent);
                let mut message = vec![KEXDH_INIT];
                message.mpint(&public);
                let exchange = Exchange {
                    hash,
                    secret: Secret::Dh(field, exponent),
                    public,
                    group: Vec::new(),
                    is_group_exchange: false,
                };
                return Ok((exchange, message));
            }
        };
        let mut message = vec![KEXDH_INIT];
        message.string(&public);
        Ok((Exchange { hash, secret, public, group: Vec::new(), is_group_exchange: false }, message))
    }

    /// Takes a message of the method.
    pub fn receive(&mut self, message: &[u8]) -> Result<Next, SshError> {
        let (&kind, body) = message.split_first().ok_or(SshError::Protocol("an empty message"))?;
        let mut reader = Reader::new(body);
        if self.is_group_exchange && matches!(self.secret, Secret::Waiting) {
            if kind != GEX_GROUP {
                return Err(SshError::Protocol("no group came"));
            }
            return self.take_group(&mut reader).map(Next::Send);
        }
        let expected = if self.is_group_exchange { GEX_REPLY } else { KEXDH_REPLY };
        if kind != expected {
            return Err(SshError::Protocol("no reply to the key exchange came"));
        }
        let host_key = reader.string()?.to_vec();
        let is_dh = matches!(self.secret, Secret::Dh(..));
        let theirs = if is_dh { reader.mpint()? } else { reader.string()? };
        let shared = self.agree(theirs)?;
        let mut secret = Zeroizing::new(Vec::new());
        secret.mpint(&shared);
        let mut hashed = self.group.clone();
        for public in [&self.public[..], theirs] {
            if is_dh { hashed.mpint(public) } else { hashed.string(public) }
        }
        hashed.extend_from_slice(&secret);
        Ok(Next::Agreed(Agreed { host_key, hashed, secret }))
    }

    fn take_group(&mut self, reader: &mut Reader<'_>) -> Result<Vec<u8>, SshError> {
        let (prime, generator) = (reader.mpint()?, reader.mpint()?);
        let field = Field::new(prime).ok_or(SshError::Protocol("a group is of no use"))?;
        let exponent = Zeroizing::new(random(EXPONENT_LEN)?);
        self.public = field.pow(generator, &exponent);
        GROUP_BITS.iter().for_each(|&bits| self.group.number(bits));
        self.group.mpint(prime);
        self.group.mpint(generator);
        self.secret = Secret::Dh(field, exponent);
        let mut message = vec![GEX_INIT];
        message.mpint(&self.public);
        Ok(message)
    }

    fn agree(&self, theirs: &[u8]) -> Result<Zeroizing<Vec<u8>>, SshError> {
        const BAD: SshError = SshError::Protocol("a public value is of no use");
        macro_rules! curve {
            ($curve:ident, $secret:expr) => {{
                let public = $curve::PublicKey::from_sec1_bytes(theirs).map_err(|_| BAD)?;
                let shared = $curve::ecdh::diffie_hellman($secret.to_nonzero_scalar(), public.as_affine());
                shared.raw_secret_bytes().to_vec()
            }};
        }
        Ok(Zeroizing::new(match &self.secret {
            Secret::X25519(secret) => {
                let public = <[u8; 32]>::try_from(theirs).map_err(|_| BAD)?;
                secret.diffie_hellman(&PublicKey::from(public)).as_bytes().to_vec()
            }
            Secret::P256(secret) => curve!(p256, secret),
            Secret::P384(secret) => curve!(p384, secret),
            Secret::P521(secret) => curve!(p521, secret),
            Secret::Dh(field, exponent) => field.pow(theirs, exponent),
            Secret::Waiting => return Err(BAD),
        }))
    }
}

/// A secret from random bytes, the first cut down to some bits; hardly ever a second try.
fn draw<K>(len: usize, top_mask: u8, make: impl Fn(&[u8]) -> Option<K>) -> Result<K, SshError> {
    for _ in 0..64 {
        let mut bytes = Zeroizing::new(random(len)?);
        bytes[0] &= top_mask;
        if let Some(key) = make(&bytes) {
            return Ok(key);
        }
    }
    Err(SshError::Random)
}

/// Arithmetic modulo an odd number.
pub(crate) struct Field {
    params: BoxedMontyParams,
    bits: u32,
}

impl Field {
    pub fn new(modulus: &[u8]) -> Option<Field> {
        let zeros = modulus.iter().take_while(|&&byte| byte == 0).count();
        let modulus = &modulus[zeros..];
        if modulus.len() < 8 || modulus.len() * 8 > PRIME_BITS_MAX.max(16384) {
            return None;
        }
        let bits = (modulus.len() * 8) as u32;
        let number = BoxedUint::from_be_slice(modulus, bits.next_multiple_of(64)).ok()?;
        let odd = Odd::new(number).into_option()?;
        Some(Field { params: BoxedMontyParams::new_vartime(odd), bits: bits.next_multiple_of(64) })
    }

    /// A power, big-endian.
    pub fn pow(&self, base: &[u8], exponent: &[u8]) -> Vec<u8> {
        let width = self.bits.max((base.len() as u32 * 8).next_multiple_of(64));
        let base = BoxedUint::from_be_slice(base, width).expect("it is wide enough");
        let modulus = self.params.modulus().as_ref().clone().resize_unchecked(width);
        let modulus = crypto_bigint::NonZero::new(modulus).expect("it is odd");
        let base = base.rem(&modulus).resize_unchecked(self.bits);
        let exponent_bits = (exponent.len() as u32 * 8).next_multiple_of(64);
        let exponent = BoxedUint::from_be_slice(exponent, exponent_bits).expect("it is wide enough");
        BoxedMontyForm::new(base, &self.params).pow(&exponent).retrieve().to_be_bytes().to_vec()
    }
}
