//! An SSH 2 client: bytes in, bytes out.
//!
//! [`Client`] knows no socket and no clock. Bytes from the server go into [`Client::feed`], bytes for it come out of
//! [`Client::take_output`]; in between one asks for something and looks whether the answer is there. It speaks with old
//! servers as well as new ones, and verifies no host key: it is for looking at servers, not for trusting them.
//!
//! # Source
//! RFC 4250 to 4254, 4256, 4344, 4419, 5647, 5656, 8268, 8308, 8332, 8731; OpenSSH's `PROTOCOL` and
//! `PROTOCOL.chacha20poly1305`.

#![forbid(unsafe_code)]

mod channel;
mod client;
mod kex;
mod key;
mod key_file;
mod names;
mod packet;
mod wire;

pub use channel::Channel;
pub use client::{AuthAnswer, Client, InfoRequest};
pub use key::{PrivateKey, read_public};

/// Why a connection is of no use any more.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum SshError {
    /// What it sent is no SSH, or breaks its rules.
    Protocol(&'static str),
    /// There is no algorithm that both sides know.
    NoCommonAlgorithm(&'static str),
    /// Something is larger than allowed.
    TooLarge(&'static str),
    /// A packet was changed on its way.
    BadMac,
    /// The server said goodbye.
    Disconnected,
    /// No random numbers are to be had.
    Random,
}

impl std::fmt::Display for SshError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            SshError::Protocol(what) => write!(f, "protocol error: {what}"),
            SshError::NoCommonAlgorithm(kind) => write!(f, "no common {kind} algorithm"),
            SshError::TooLarge(what) => write!(f, "{what} too large"),
            SshError::BadMac => f.write_str("a packet's MAC is wrong"),
            SshError::Disconnected => f.write_str("the server disconnected"),
            SshError::Random => f.write_str("no random numbers"),
        }
    }
}

impl std::error::Error for SshError {}

/// Random bytes.
pub(crate) fn random(len: usize) -> Result<Vec<u8>, SshError> {
    let mut bytes = vec![0; len];
    getrandom::fill(&mut bytes).map_err(|_| SshError::Random)?;
    Ok(bytes)
}
