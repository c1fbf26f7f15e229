//! The matrix: what is tried against each server, and the table that is printed of it.

use crate::client::Client;
use crate::keys::{KINDS, openssl};
use perilune_tls::{Authentication, Config, Suite, Version};
use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::process::Command;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

/// Bytes each way.
pub const DATA_LEN: usize = 1 << 20;
/// Bytes sent before as many are awaited: less than any buffer on the way, so that nobody waits for the other.
const TURN_LEN: usize = 8192;
/// Cells tried at once.
const AT_ONCE: usize = 3;

/// One thing to try.
#[derive(Clone, Debug)]
pub struct Cell {
    pub server: &'static str,
    pub version: Version,
    pub suite: &'static Suite,
    pub key: &'static str,
}

impl Cell {
    /// A client that offers nothing else.
    pub fn config(&self) -> Config {
        Config { suites: vec![self.suite], versions: vec![self.version], ..Config::default() }
    }

    /// Whether `openssl s_client` gets what we did not: the server then has it to give.
    pub fn openssl_connects(&self, host: Ipv4Addr, port: u16, more: &[&str]) -> bool {
        let name = self.suite.openssl_name();
        let ciphers = format!("{}:@SECLEVEL=0", if self.version == Version::Tls13 { "ALL" } else { name });
        let address = format!("{host}:{port}");
        let mut args = vec!["s_client", "-connect", &address, openssl_flag(self.version), "-cipher", &ciphers];
        if self.version == Version::Tls13 {
            args.extend(["-ciphersuites", name]);
        }
        args.extend(more);
        let mut command = Command::new("openssl");
        let output = command.args(args).stdin(std::process::Stdio::null()).output().expect("openssl must be installed");
        output.status.success() && String::from_utf8_lossy(&output.stdout).contains(&format!("Cipher is {name}"))
    }
}

pub fn openssl_flag(version: Version) -> &'static str {
    match version {
        Version::Ssl3 => "-ssl3",
        Version::Tls10 => "-tls1",
        Version::Tls11 => "-tls1_1",
        Version::Tls12 => "-tls1_2",
        Version::Tls13 => "-tls1_3",
    }
}

/// Data in lines that no server takes for a command.
pub fn data() -> Vec<u8> {
    let line = b"0123456789abcdefghijklmnopqrstuvwxyz 0123456789 abcdefghijklmno\n";
    line.iter().copied().cycle().take(DATA_LEN).collect()
}

/// Whether a suite can go with a key at all.
pub fn goes_with(suite: &Suite, key: &str) -> bool {
    match suite.authentication() {
        Authentication::Tls13 => !key.starts_with("dsa"),
        Authentication::Rsa => key.starts_with("rsa"),
        Authentication::Dss => key.starts_with("dsa"),
        Authentication::Ecdsa => matches!(key, "p256" | "p384" | "p521" | "k256" | "ed25519" | "ed448"),
        Authentication::Anonymous => key == key_for(suite),
    }
}

/// Every protocol with every suite and every key.
pub fn cells(server: &'static str, suites: &[&'static Suite]) -> Vec<Cell> {
    let mut cells = Vec::new();
    for &suite in suites {
        for (key, ..) in KINDS.into_iter().filter(|(key, ..)| goes_with(suite, key)) {
            for version in Version::ALL.into_iter().filter(|version| suite.is_for(*version)) {
                cells.push(Cell { server, version, suite, key });
            }
        }
    }
    // A server may serve one client at a time: neighbours in the list are of different keys.
    cells.sort_by_key(|cell| (cell.suite.code(), cell.version));
    cells
}

pub fn key_for(suite: &Suite) -> &'static str {
    match suite.authentication() {
        Authentication::Ecdsa => "p256",
        Authentication::Dss => "dsa2048",
        _ => "rsa2048",
    }
}

/// The suites that the installed `openssl` offers, of those that need no shared key or password; the last two are not
/// in its default list, though they can be asked for.
pub fn openssl_suites() -> Vec<&'static Suite> {
    let text = openssl(&["ciphers", "ALL:COMPLEMENTOFALL:@SECLEVEL=0"]);
    let text = String::from_utf8(text).unwrap();
    let mut suites = Vec::new();
    for name in text.trim().split(':').filter(|name| !name.contains("PSK") && !name.contains("SRP")) {
        suites.push(Suite::from_name(name).unwrap_or_else(|| panic!("openssl offers {name}, which is unknown here")));
    }
    suites.extend(["TLS_AES_128_CCM_SHA256", "TLS_AES_128_CCM_8_SHA256"].map(|name| Suite::from_name(name).unwrap()));
    suites
}

/// What was agreed on is what was to be tried.
pub fn check_peer(client: &Client, cell: &Cell) -> Result<(), String> {
    let peer = client.tls.peer().expect("open connections have a peer");
    if peer.version != cell.version || peer.suite_code != cell.suite.code() {
        return Err(format!("got {} {}", peer.version, peer.suite().iana_name()));
    }
    let anonymous = cell.suite.authentication() == Authentication::Anonymous;
    if peer.chain.is_empty() != anonymous { Err("the chain is wrong".into()) } else { Ok(()) }
}

/// One megabyte each way with a server that sends back what it gets, `answer` of it.
pub fn exchange(client: &mut Client, data: &[u8], answer: impl Fn(&[u8]) -> Vec<u8>) -> Result<(), String> {
    for (idx, chunk) in data.chunks(TURN_LEN).enumerate() {
        client.send(chunk);
        let received = client.receive(chunk.len()).map_err(|error| format!("at {idx}: {error}"))?;
        if received != answer(chunk) {
            return Err(format!("received {} other bytes at {idx}", received.len()));
        }
    }
    Ok(())
}

/// Tries all cells, prints the table, and fails where we do not connect and another client does.
pub fn run(
    title: &str,
    cells: &[Cell],
    attempt: impl Fn(&Cell) -> Result<(), String> + Sync,
    others_connect: impl Fn(&Cell) -> bool + Sync,
) {
    assert!(!cells.is_empty(), "{title}: the server offers nothing to try");
    crate::keys::dir();
    let next = AtomicUsize::new(0);
    let results = Mutex::new(BTreeMap::new());
    thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            scope.spawn(|| {
                while let Some(cell) = cells.get(next.fetch_add(1, Ordering::Relaxed)) {
                    // Nobody can: there is nothing to connect to.
                    let res = match attempt(cell) {
                        Err(error) => {
                            if others_connect(cell) {
                                Err(error)
                            } else {
                                Ok(false)
                            }
                        }
                        Ok(()) => Ok(true),
                    };
                    let row = (cell.server, cell.suite.iana_name(), cell.key);
                    results.lock().unwrap().entry(row).or_insert_with(Vec::new).push((cell.version, res));
                }
            });
        }
    });
    let (mut failures, mut connected, mut nobody) = (Vec::new(), 0, 0);
    let mut table = format!("\n{title}, 1 MiB each way\n");
    for ((server, suite, key), columns) in results.into_inner().unwrap() {
        let mut line = format!("{server:8} {suite:46} {key:8}");
        for version in [Version::Ssl3, Version::Tls10, Version::Tls11, Version::Tls12, Version::Tls13] {
            let cell = match columns.iter().find(|(column, _)| *column == version) {
                None => "-",
                Some((_, Ok(true))) => "yes",
                Some((_, Ok(false))) => "none",
                Some((_, Err(_))) => "NO",
            };
            line.push_str(&format!(" {}:{cell:4}", version.name()));
        }
        table.push_str(line.trim_end());
        table.push('\n');
        for (version, res) in columns {
            match res {
                Ok(true) => connected += 1,
                Ok(false) => nobody += 1,
                Err(error) => failures.push(format!("{server} {version} {suite} {key}: {error}")),
            }
        }
    }
    println!("{table}{connected} of {} connected, {nobody} with nobody, {} others do", cells.len(), failures.len());
    assert!(failures.is_empty(), "\n{}", failures.join("\n"));
}
