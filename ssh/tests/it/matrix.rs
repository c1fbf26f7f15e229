//! Each algorithm by itself.

use crate::server::{Peer, Server};
use perilune_ssh::AuthAnswer;

/// Connects with one algorithm, and passes some data.
#[track_caller]
fn check(option: &str, names: &[&str]) {
    for name in names {
        let options = format!("{option} {name}");
        let mut all = vec![options.as_str()];
        if option == "MACs" {
            all.push("Ciphers aes128-ctr");
        }
        let server = Server::start(&all);
        let mut peer = Peer::connect(server.port);
        assert_eq!(peer.handshake(), Ok(()), "{options}");
        assert_eq!(peer.log_in("ed25519", ""), AuthAnswer::Success, "{options}");
        let (out, _) = peer.exec("head -c 100000 /dev/zero; echo end");
        assert_eq!(out.len(), 100_004, "{options}");
    }
}

#[test]
fn key_exchanges() {
    check(
        "KexAlgorithms",
        &[
            "curve25519-sha256",
            "curve25519-sha256@libssh.org",
            "ecdh-sha2-nistp256",
            "ecdh-sha2-nistp384",
            "ecdh-sha2-nistp521",
            "diffie-hellman-group-exchange-sha256",
            "diffie-hellman-group-exchange-sha1",
            "diffie-hellman-group1-sha1",
            "diffie-hellman-group14-sha1",
            "diffie-hellman-group14-sha256",
            "diffie-hellman-group16-sha512",
            "diffie-hellman-group18-sha512",
        ],
    );
}

#[test]
fn ciphers() {
    check(
        "Ciphers",
        &[
            "chacha20-poly1305@openssh.com",
            "aes256-gcm@openssh.com",
            "aes128-gcm@openssh.com",
            "aes256-ctr",
            "aes192-ctr",
            "aes128-ctr",
            "aes256-cbc",
            "aes192-cbc",
            "aes128-cbc",
            "3des-cbc",
        ],
    );
}

#[test]
fn macs() {
    check(
        "MACs",
        &[
            "hmac-sha2-256",
            "hmac-sha2-256-etm@openssh.com",
            "hmac-sha2-512",
            "hmac-sha2-512-etm@openssh.com",
            "hmac-sha1",
            "hmac-sha1-etm@openssh.com",
            "hmac-sha1-96",
            "hmac-md5",
            "hmac-md5-96",
        ],
    );
}

#[test]
fn host_keys() {
    check("HostKeyAlgorithms", &["ssh-ed25519", "ecdsa-sha2-nistp256", "rsa-sha2-512", "rsa-sha2-256", "ssh-rsa"]);
}
