//! A TLS client that connects to everything a scanner meets.
//!
//! SSL 3.0 to TLS 1.3 and DTLS 1.0 and 1.2, with the strong suites and the weak ones, on the RustCrypto primitives.
//! It is sans-I/O: bytes go in, bytes come out. There is no socket inside, no clock, and no source of random numbers
//! but the one that is passed in.
//!
//! **Nothing is verified.** No signature is checked, neither on a certificate nor on a key exchange; no name is
//! compared, no date looked at, no issuer known. Whoever stands in between can read and change everything. A scanner
//! wants to connect to whatever is there and to report what it shows; for any other purpose this is the wrong crate.
//!
//! ```
//! use perilune_tls::{Config, Connection, SystemRng};
//!
//! let config = Config { server_name: Some("scanme.example".into()), ..Config::default() };
//! let mut connection = Connection::new(config, Box::new(SystemRng))?;
//! let hello = connection.take_output(); // To the socket; what comes back goes to `connection.receive`.
//! # assert_eq!(hello[0], 22);
//! # Ok::<(), perilune_tls::TlsError>(())
//! ```

#![forbid(unsafe_code)]

mod cipher;
mod codec;
mod config;
mod connection;
mod dtls;
mod error;
#[cfg(any(test, fuzzing))]
pub mod fuzzing;
mod group;
mod handshake;
mod hash;
mod legacy;
pub mod limits;
mod message;
#[cfg(test)]
mod negative;
#[cfg(any(test, fuzzing))]
mod puppet;
#[cfg(test)]
mod rfc8448;
mod rng;
mod suite;
#[cfg(test)]
mod testing;
mod tls13;
#[cfg(test)]
mod vectors;
mod version;
pub mod x509;

pub use config::Config;
pub use connection::{Connection, State};
pub use dtls::DtlsConnection;
pub use error::{Alert, TlsError};
pub use group::Group;
pub use handshake::Peer;
pub use rng::{Rng, SystemRng};
pub use suite::{Authentication, Bulk, KeyExchange, Suite};
pub use version::Version;
