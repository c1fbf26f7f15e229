//! Every protocol, suite and key type that the servers have, one megabyte each way.

use crate::client::Client;
use crate::keys::{certificate, key, openssl};
use crate::peer::Server;
use perilune_tls::{Authentication, Config, Suite, Version};
use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

const DATA_LEN: usize = 1 << 20;

/// One thing to try.
#[derive(Clone, Debug)]
struct Cell {
    server: &'static str,
    version: Version,
    suite: &'static Suite,
    key: &'static str,
}

/// Data in lines that no server takes for a command.
fn data() -> Vec<u8> {
    b"0123456789abcdefghijklmnopqrstuvwxyz 0123456789 abcdefghijklmno\n"
        .iter()
        .copied()
        .cycle()
        .take(DATA_LEN)
        .collect()
}

fn key_for(suite: &Suite) -> &'static str {
    match suite.authentication() {
        Authentication::Ecdsa => "p256",
        Authentication::Dss => "dsa2048",
        _ => "rsa2048",
    }
}

fn openssl_version_flag(version: Version) -> &'static str {
    match version {
        Version::Ssl3 => "-ssl3",
        Version::Tls10 => "-tls1",
        Version::Tls11 => "-tls1_1",
        Version::Tls12 => "-tls1_2",
        Version::Tls13 => "-tls1_3",
    }
}

/// Starts `openssl s_server` for a cell.
fn openssl_server(cell: &Cell) -> Server {
    let (key, certificate) = (key(cell.key), certificate(cell.key));
    let ciphers = format!("{}:@SECLEVEL=0", cell.suite.openssl_name());
    let mut args = vec!["s_server", "-quiet", "-accept", "127.0.0.1:{port}", "-key", &key, "-cert", &certificate];
    args.push(openssl_version_flag(cell.version));
    let chain;
    if cell.version == Version::Tls13 {
        args.extend(["-ciphersuites", cell.suite.openssl_name(), "-cipher", "ALL:@SECLEVEL=0"]);
    } else {
        chain = ciphers;
        args.extend(["-cipher", &chain]);
    }
    Server::start("openssl", &args)
}

fn try_openssl(cell: &Cell) -> Result<(), String> {
    let mut server = openssl_server(cell);
    let mut client = Client::connect(server.port, Config::default()).map_err(|error| error.to_string())?;
    check_peer(&client, cell)?;
    server.type_in(data());
    let received = client.receive(DATA_LEN).map_err(|error| format!("receiving: {error}"))?;
    if received != data() {
        return Err(format!("received {} other bytes", received.len()));
    }
    client.send(&data());
    let seen = server.output(DATA_LEN);
    if seen != data() { Err(format!("the server saw {} other bytes", seen.len())) } else { Ok(()) }
}

fn check_peer(client: &Client, cell: &Cell) -> Result<(), String> {
    let peer = client.tls.peer().expect("open connections have a peer");
    if peer.version != cell.version || peer.suite_code != cell.suite.code() {
        return Err(format!("got {} {}", peer.version, peer.suite().iana_name()));
    }
    let anonymous = cell.suite.authentication() == Authentication::Anonymous;
    if peer.chain.is_empty() != anonymous { Err("the chain is wrong".into()) } else { Ok(()) }
}

/// Tries all cells on two threads, prints the table, and fails if one is empty.
fn run(title: &str, cells: &[Cell], attempt: impl Fn(&Cell) -> Result<(), String> + Sync) {
    assert!(!cells.is_empty(), "{title}: the server offers nothing to try");
    crate::keys::dir();
    let next = AtomicUsize::new(0);
    let results = Mutex::new(BTreeMap::new());
    thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| {
                while let Some(cell) = cells.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let res = attempt(cell);
                    let row = (cell.server, cell.suite.iana_name(), cell.key);
                    results.lock().unwrap().entry(row).or_insert_with(Vec::new).push((cell.version, res));
                }
            });
        }
    });
    let mut failures = Vec::new();
    println!("\n{title}, 1 MiB each way");
    for ((server, suite, key), columns) in results.into_inner().unwrap() {
        let mut line = format!("{server:8} {suite:46} {key:8}");
        for version in [Version::Ssl3, Version::Tls10, Version::Tls11, Version::Tls12, Version::Tls13] {
            let cell = match columns.iter().find(|(column, _)| *column == version) {
                None => "-",
                Some((_, Ok(()))) => "yes",
                Some((_, Err(_))) => "NO",
            };
            line.push_str(&format!(" {}:{cell:4}", version.name()));
        }
        println!("{}", line.trim_end());
        for (version, res) in columns {
            if let Err(error) = res {
                failures.push(format!("{server} {version} {suite} {key}: {error}"));
            }
        }
    }
    println!("{} of {} connected", cells.len() - failures.len(), cells.len());
    assert!(failures.is_empty(), "\n{}", failures.join("\n"));
}

/// The suites that the installed `openssl` offers, of those that need no shared key or password.
fn openssl_suites() -> Vec<&'static Suite> {
    let text = openssl(&["ciphers", "ALL:COMPLEMENTOFALL:@SECLEVEL=0"]);
    let text = String::from_utf8(text).unwrap();
    let mut suites = Vec::new();
    for name in text.trim().split(':').filter(|name| !name.contains("PSK") && !name.contains("SRP")) {
        suites.push(Suite::from_name(name).unwrap_or_else(|| panic!("openssl offers {name}, which is unknown here")));
    }
    suites
}

#[test]
fn openssl_all_suites() {
    let mut cells = Vec::new();
    let mut suites = openssl_suites();
    // Not in the default list, though they can be asked for.
    suites.extend(["TLS_AES_128_CCM_SHA256", "TLS_AES_128_CCM_8_SHA256"].map(|name| Suite::from_name(name).unwrap()));
    for suite in suites {
        for version in Version::ALL.into_iter().filter(|version| suite.is_for(*version)) {
            cells.push(Cell { server: "openssl", version, suite, key: key_for(suite) });
        }
    }
    run("openssl s_server: protocol by suite", &cells, try_openssl);
}

#[test]
fn openssl_all_keys() {
    let mut cells = Vec::new();
    let suite = |name: &str| Suite::from_name(name).unwrap();
    for key in ["rsa2048", "rsa4096", "rsapss", "p256", "p384", "p521", "ed25519", "ed448"] {
        let suite = suite("TLS_AES_128_GCM_SHA256");
        cells.push(Cell { server: "openssl", version: Version::Tls13, suite, key });
    }
    for version in [Version::Tls10, Version::Tls11, Version::Tls12] {
        for key in ["rsa512", "rsa1024", "rsa4096"] {
            for name in ["AES128-SHA", "DHE-RSA-AES128-SHA", "ECDHE-RSA-AES128-SHA"] {
                cells.push(Cell { server: "openssl", version, suite: suite(name), key });
            }
        }
        for key in ["p384", "p521"] {
            cells.push(Cell { server: "openssl", version, suite: suite("ECDHE-ECDSA-AES128-SHA"), key });
        }
        cells.push(Cell { server: "openssl", version, suite: suite("DHE-DSS-AES128-SHA"), key: "dsa1024" });
    }
    for key in ["ed25519", "ed448"] {
        let suite = suite("ECDHE-ECDSA-AES128-GCM-SHA256");
        cells.push(Cell { server: "openssl", version: Version::Tls12, suite, key });
    }
    let rsapss = suite("ECDHE-RSA-AES128-GCM-SHA256");
    cells.push(Cell { server: "openssl", version: Version::Tls12, suite: rsapss, key: "rsapss" });
    run("openssl s_server: protocol by key", &cells, try_openssl);
}

/// The priority string that allows one suite only.
fn gnutls_priority(cell: &Cell) -> Option<String> {
    let name = cell.suite.iana_name().strip_prefix("TLS_")?;
    // TLS 1.3 chooses a key exchange apart from the suite.
    let (exchange, cipher) = name.split_once("_WITH_").unwrap_or(("ECDHE_RSA", name));
    let exchange = match exchange {
        "DH_anon" => "ANON-DH",
        "ECDH_anon" => "ANON-ECDH",
        other => &other.replace('_', "-"),
    };
    let is_ccm = cipher.ends_with("CCM") || cipher.ends_with("CCM_8");
    let (cipher, mac) = if is_ccm { (cipher, "") } else { cipher.rsplit_once('_')? };
    let cipher = match cipher {
        "RC4_128" => "ARCFOUR-128".to_string(),
        "3DES_EDE_CBC" => "3DES-CBC".to_string(),
        "CHACHA20_POLY1305" => "CHACHA20-POLY1305".to_string(),
        other => other.replace('_', "-"),
    };
    let mac = match mac {
        _ if cipher.contains("GCM") || cipher.contains("CCM") || cipher.contains("CHACHA") => "AEAD",
        "SHA" => "SHA1",
        other => other,
    };
    let version = match cell.version {
        Version::Ssl3 => "SSL3.0",
        Version::Tls10 => "TLS1.0",
        Version::Tls11 => "TLS1.1",
        Version::Tls12 => "TLS1.2",
        Version::Tls13 => "TLS1.3",
    };
    let fixed = "NONE:+COMP-NULL:+SIGN-ALL:+GROUP-ALL:+CTYPE-X509:+SIGN-DSA-SHA1:+SIGN-DSA-SHA256";
    Some(format!("{fixed}:+VERS-{version}:+{exchange}:+{cipher}:+{mac}"))
}

fn gnutls_server(cell: &Cell) -> Server {
    let (key, certificate) = (key(cell.key), certificate(cell.key));
    let priority = gnutls_priority(cell).expect("only suites that it names are tried");
    let args = ["--quiet", "--echo", "--port", "{port}", "--x509keyfile", &key, "--x509certfile", &certificate];
    let mut args = args.to_vec();
    args.extend(["--priority", &priority]);
    Server::start("gnutls-serv", &args)
}

fn try_gnutls(cell: &Cell) -> Result<(), String> {
    let server = gnutls_server(cell);
    let config = if cell.version == Version::Ssl3 { Config::ssl3() } else { Config::default() };
    let mut client = Client::connect(server.port, config).map_err(|error| error.to_string())?;
    check_peer(&client, cell)?;
    // It answers what it read, piece by piece, so that the pieces are kept small.
    let data = data();
    for (idx, chunk) in data.chunks(8192).enumerate() {
        client.send(chunk);
        let answer = client.receive(chunk.len()).map_err(|error| format!("at {idx}: {error}"))?;
        if answer != chunk {
            return Err(format!("received {} other bytes at {idx}", answer.len()));
        }
    }
    Ok(())
}

/// What `gnutls-serv --list` names: suites by code, and versions.
fn gnutls_suites() -> Vec<&'static Suite> {
    let output = std::process::Command::new("gnutls-serv").arg("--list").output();
    let text = String::from_utf8(output.expect("gnutls-serv must be installed").stdout).unwrap();
    let mut suites = Vec::new();
    for line in text.lines().filter(|line| line.contains("0x")) {
        // TLS_RSA_AES_128_CBC_SHA1    0x00, 0x2f    TLS1.0
        let numbers: Vec<u16> = line
            .split([' ', ',', '\t'])
            .filter_map(|word| u16::from_str_radix(word.strip_prefix("0x")?, 16).ok())
            .collect();
        if let [high, low] = numbers[..] {
            suites.extend(Suite::from_code(high << 8 | low));
        }
    }
    suites
}

#[test]
fn gnutls_all_suites() {
    let mut cells = Vec::new();
    for suite in gnutls_suites() {
        for version in Version::ALL.into_iter().filter(|version| suite.is_for(*version)) {
            cells.push(Cell { server: "gnutls", version, suite, key: key_for(suite) });
        }
    }
    run("gnutls-serv: protocol by suite", &cells, try_gnutls);
}
