//! tlslite-ng: SSL 3.0, which neither OpenSSL nor GnuTLS speaks any more as distributions build them.

use crate::client::Client;
use crate::keys::{KINDS, certificate, key};
use crate::matrix::gnutls_suites;
use crate::peer::Server;
use crate::table::{Cell, check_peer, data, exchange, goes_with, openssl_suites, run};
use perilune_tls::{Authentication, Config, Suite, TlsError, Version};
use std::collections::{BTreeMap, HashSet};
use std::net::Ipv4Addr;
use std::path::PathBuf;
use std::process::Command;
use std::sync::OnceLock;

/// The version that the tests were written with.
const TLSLITE: &str = "tlslite-ng==0.8.2";
/// Debian's Python, which finds Debian's M2Crypto: without it 3DES takes two minutes a megabyte.
const PYTHON: &str = "/usr/bin/python3";
const PROGRAM: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/tlslite_server.py");

/// Where Python finds it. The first run fetches it.
fn python_path() -> String {
    static DIR: OnceLock<PathBuf> = OnceLock::new();
    let dir = DIR.get_or_init(|| {
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
        let program = "import M2Crypto";
        let has_m2crypto = Command::new(PYTHON).args(["-c", program]).status().expect("Python must be installed");
        assert!(has_m2crypto.success(), "python3-m2crypto must be installed");
        dir
    });
    format!("PYTHONPATH={}", dir.display())
}

fn server(name: &str) -> Server {
    let (key, certificate) = if name.is_empty() { Default::default() } else { (key(name), certificate(name)) };
    Server::start("env", &[&python_path(), PYTHON, PROGRAM, "{port}", &key, &certificate])
}

fn key_for(suite: &Suite) -> &'static str {
    match suite.authentication() {
        Authentication::Ecdsa => "p256",
        Authentication::Dss => "dsa1024",
        Authentication::Anonymous => "",
        _ => "rsa2048",
    }
}

/// What it offers: SSL 3.0, and of the newer versions what no other server has; with `SLOW_TESTS` set, everything.
/// A megabyte takes Python most of a second, and its AEAD ciphers many.
fn cells() -> Vec<Cell> {
    let output = Command::new("env").args([&python_path(), PYTHON, PROGRAM, "list"]).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let all_of_it = std::env::var_os("SLOW_TESTS").is_some();
    let known = [openssl_suites(), gnutls_suites()].concat();
    let mut cells = Vec::new();
    for line in text.lines() {
        let (minor, code) = line.split_once(' ').expect("two numbers");
        let all = [Version::Ssl3, Version::Tls10, Version::Tls11, Version::Tls12, Version::Tls13];
        let version = all[minor.parse::<usize>().unwrap()];
        let Some(suite) = Suite::from_code(code.parse().unwrap()).filter(|suite| suite.is_for(version)) else {
            continue;
        };
        let is_known = known.iter().any(|other| other.code() == suite.code());
        if all_of_it || version == Version::Ssl3 || !is_known || suite.iana_name() == "TLS_AES_128_GCM_SHA256" {
            cells.push(Cell { server: "tlslite", version, suite, key: key_for(suite) });
        }
    }
    cells
}

/// With every other kind of key one cipher for each protocol and key exchange: a key does not meet the cipher.
fn key_cells() -> Vec<Cell> {
    let mut seen = HashSet::new();
    let is_wanted = |cell: &Cell| {
        let exchange = cell.suite.iana_name().split_once("_WITH_").map_or("", |(exchange, _)| exchange);
        cell.suite.iana_name().contains("AES_128") && seen.insert((cell.version, exchange))
    };
    let wanted: Vec<Cell> = cells().into_iter().filter(is_wanted).collect();
    let with = |cell: &Cell, key| Cell { key, ..cell.clone() };
    let goes = |cell: &Cell, key| !cell.key.is_empty() && goes_with(cell.suite, key) && key != cell.key;
    let keys = KINDS.iter().map(|(key, ..)| *key);
    keys.flat_map(|key| wanted.iter().filter(move |cell| goes(cell, key)).map(move |cell| with(cell, key))).collect()
}

/// What else connects here: `openssl`, which has no SSL 3.0.
#[test]
fn tlslite_all_keys() {
    let start = |(name, ..): &(&'static str, &[&str], &str)| {
        let (key, certificate) = (key(name), certificate(name));
        let args = [&python_path(), PYTHON, PROGRAM, "{port}", &key, &certificate];
        (*name, Server::start_if_it_can("env", &args))
    };
    let servers: BTreeMap<&str, Option<Server>> = KINDS.iter().map(start).collect();
    let port = |cell: &Cell| servers[cell.key].as_ref().map(|server| server.port);
    let attempt = |cell: &Cell| {
        let mut client =
            Client::connect(port(cell).ok_or("no server")?, cell.config()).map_err(|error| error.to_string())?;
        check_peer(&client, cell)?;
        exchange(&mut client, &data(), <[u8]>::to_vec)
    };
    let others = |cell: &Cell| port(cell).is_some_and(|port| cell.openssl_connects(Ipv4Addr::LOCALHOST, port, &[]));
    run("tlslite-ng: protocol by suite by key", &key_cells(), attempt, others);
}

#[test]
fn tlslite_all_suites() {
    let servers = ["rsa2048", "p256", "dsa1024", ""].map(|name| (name, server(name)));
    let port = |cell: &Cell| servers.iter().find(|(name, _)| *name == cell.key).expect("one for each key").1.port;
    let attempt = |cell: &Cell| {
        let mut client = Client::connect(port(cell), cell.config()).map_err(|error| error.to_string())?;
        check_peer(&client, cell)?;
        exchange(&mut client, &data(), <[u8]>::to_vec)
    };
    run("tlslite-ng: protocol by suite", &cells(), attempt, |_| true);
}

/// A server of SSL 3.0 only: the first try fails with a reason, the second one connects.
#[test]
fn ssl3_by_a_second_try() {
    let (key, certificate) = (key("rsa2048"), certificate("rsa2048"));
    let args = [&python_path(), PYTHON, PROGRAM, "{port}", &key, &certificate, "ssl3"];
    let server = Server::start("env", &args);
    let first = Client::connect(server.port, Config::default());
    assert!(matches!(first.err(), Some(TlsError::Alert(_))), "{}", server.log());
    let client = Client::connect(server.port, Config::ssl3()).unwrap();
    assert_eq!(client.tls.peer().unwrap().version, Version::Ssl3);
}
