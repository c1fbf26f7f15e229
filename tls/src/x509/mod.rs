//! Certificates.

pub(crate) mod der;

use der::{Der, tag};

/// An RSA public key, its numbers without leading zeros.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RsaKey {
    /// The modulus, big-endian.
    pub modulus: Vec<u8>,
    /// The public exponent, big-endian.
    pub exponent: Vec<u8>,
}

/// The RSA key of a certificate.
pub(crate) fn rsa_key(certificate: &[u8]) -> Option<RsaKey> {
    let mut tbs = Der(certificate).next()?.inside().next()?.inside();
    tbs.next_if(tag::context(0));
    for _ in 0..5 {
        tbs.next()?;
    }
    let mut spki = tbs.next()?.inside();
    spki.next()?;
    let (_, bits) = spki.next()?.bits()?;
    let mut key = Der(bits).next()?.inside();
    let mut number = || Some(crate::group::trim(key.next_if(tag::INTEGER)?.content).to_vec());
    Some(RsaKey { modulus: number()?, exponent: number()? })
}
