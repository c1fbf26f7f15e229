//! Where random numbers come from: the caller decides.

use crate::TlsError;
use std::fmt;

/// A source of random bytes fit for keys.
///
/// The crate asks nothing else of the system. A simulation passes a seeded one, and the same handshake comes out.
pub trait Rng: Send {
    /// Fills `buffer`.
    ///
    /// # Errors
    /// [`TlsError::Random`] when there are no random numbers to be had.
    fn fill(&mut self, buffer: &mut [u8]) -> Result<(), TlsError>;
}

/// The operating system's generator.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemRng;

impl Rng for SystemRng {
    fn fill(&mut self, buffer: &mut [u8]) -> Result<(), TlsError> {
        getrandom::fill(buffer).map_err(|_| TlsError::Random)
    }
}

impl fmt::Debug for dyn Rng {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Rng")
    }
}

pub(crate) fn random<const N: usize>(rng: &mut dyn Rng) -> Result<[u8; N], TlsError> {
    let mut bytes = [0; N];
    rng.fill(&mut bytes)?;
    Ok(bytes)
}
