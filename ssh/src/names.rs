//! What is offered, in order of preference, and how one of each kind is chosen.

use crate::SshError;

pub(crate) const KEX: &[&str] = &[
    "curve25519-sha256",
    "curve25519-sha256@libssh.org",
    "ecdh-sha2-nistp256",
    "ecdh-sha2-nistp384",
    "ecdh-sha2-nistp521",
    "diffie-hellman-group-exchange-sha256",
    "diffie-hellman-group16-sha512",
    "diffie-hellman-group18-sha512",
    "diffie-hellman-group14-sha256",
    "diffie-hellman-group14-sha1",
    "diffie-hellman-group1-sha1",
    "diffie-hellman-group-exchange-sha1",
    "ext-info-c",
    "kex-strict-c-v00@openssh.com",
];

/// What a server says that knows about the attack on sequence numbers.
pub(crate) const STRICT: &[u8] = b"kex-strict-s-v00@openssh.com";

pub(crate) const HOST_KEYS: &[&str] = &[
    "ecdsa-sha2-nistp256",
    "ecdsa-sha2-nistp384",
    "ecdsa-sha2-nistp521",
    "ssh-ed25519",
    "rsa-sha2-512",
    "rsa-sha2-256",
    "ssh-rsa",
    "ssh-dss",
];

pub(crate) const CIPHERS: &[&str] = &[
    "chacha20-poly1305@openssh.com",
    "aes256-gcm@openssh.com",
    "aes128-gcm@openssh.com",
    "aes256-ctr",
    "aes192-ctr",
    "aes128-ctr",
    "aes256-cbc",
    "rijndael-cbc@lysator.liu.se",
    "aes192-cbc",
    "aes128-cbc",
    "blowfish-cbc",
    "arcfour128",
    "arcfour",
    "cast128-cbc",
    "3des-cbc",
];

pub(crate) const MACS: &[&str] = &[
    "hmac-sha2-256",
    "hmac-sha2-256-etm@openssh.com",
    "hmac-sha2-512",
    "hmac-sha2-512-etm@openssh.com",
    "hmac-sha1",
    "hmac-sha1-etm@openssh.com",
    "hmac-sha1-96",
    "hmac-md5",
    "hmac-md5-96",
    "hmac-ripemd160",
    "hmac-ripemd160@openssh.com",
];

pub(crate) const COMPRESSION: &[&str] = &["none"];

/// The first of ours that they know.
pub(crate) fn choose(kind: &'static str, ours: &[&'static str], theirs: &[&[u8]]) -> Result<&'static str, SshError> {
    let is_known = |name: &&&str| theirs.contains(&name.as_bytes());
    ours.iter().find(is_known).copied().ok_or(SshError::NoCommonAlgorithm(kind))
}
