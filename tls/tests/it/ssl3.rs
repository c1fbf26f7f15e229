//! SSL 3.0, which neither OpenSSL nor GnuTLS speaks any more as distributions build them: tlslite-ng does.

use crate::client::Client;
use crate::keys::{certificate, key};
use crate::peer::Server;
use perilune_tls::{Config, Suite, TlsError, Version};
use std::path::PathBuf;
use std::process::Command;

/// The version that the tests were written with.
const TLSLITE: &str = "tlslite-ng==0.8.2";

/// Where Python finds it. The first run fetches it.
fn tlslite() -> PathBuf {
    let dir = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("tlslite-0.8.2");
    if !dir.join("tlslite").is_dir() {
        let output = Command::new("python3")
            .args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--target"])
            .arg(&dir)
            .arg(TLSLITE)
            .output()
            .expect("python3 must be installed");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }
    dir
}

#[test]
fn ssl3_by_a_second_try() {
    let program = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/ssl3.py");
    let path = format!("PYTHONPATH={}", tlslite().display());
    println!("\ntlslite-ng: SSL 3.0, 16 KiB each way");
    for (suite, cipher, mac, exchange) in [
        ("AES128-SHA", "aes128", "sha", "rsa"),
        ("AES256-SHA", "aes256", "sha", "rsa"),
        ("DES-CBC3-SHA", "3des", "sha", "rsa"),
        ("RC4-SHA", "rc4", "sha", "rsa"),
        ("RC4-MD5", "rc4", "md5", "rsa"),
        ("NULL-SHA", "null", "sha", "rsa"),
        ("NULL-MD5", "null", "md5", "rsa"),
        ("DHE-RSA-AES128-SHA", "aes128", "sha", "dhe_rsa"),
        ("DHE-RSA-DES-CBC3-SHA", "3des", "sha", "dhe_rsa"),
        ("ADH-AES128-SHA", "aes128", "sha", "dh_anon"),
    ] {
        let (key, certificate) = (key("rsa1024"), certificate("rsa1024"));
        let args = [&path, "python3", program, "{port}", &key, &certificate, cipher, mac, exchange];
        let server = Server::start("env", &args);
        // The first try fails with a reason; the second one connects.
        let first = Client::connect(server.port, Config::default());
        assert!(matches!(first.err(), Some(TlsError::Alert(_))), "{suite}: {}", server.log());
        let mut client = Client::connect(server.port, Config::ssl3())
            .unwrap_or_else(|error| panic!("{suite}: {error}; {}", server.log()));
        let peer = client.tls.peer().unwrap();
        assert_eq!((peer.version, peer.suite().openssl_name()), (Version::Ssl3, suite));
        let data: Vec<u8> = (0..16384u32).map(|n| ((n * n) >> 7) as u8).collect();
        for chunk in data.chunks(1000) {
            client.send(chunk);
            assert_eq!(client.receive(chunk.len()).unwrap(), chunk);
        }
        println!("tlslite  {:46} SSLv3 yes", Suite::from_name(suite).unwrap().iana_name());
    }
}
