//! Servers that allow one protocol and one suite, to a client that offers everything; and every key type.

use crate::client::Client;
use crate::keys::{KINDS, certificate, key};
use crate::peer::Server;
use crate::table::{Cell, DATA_LEN, cells, check_peer, data, exchange, key_for, openssl_flag, openssl_suites, run};
use perilune_tls::{Config, Suite, Version};
use std::collections::BTreeMap;
use std::net::Ipv4Addr;

/// Starts `openssl s_server` for a cell.
fn openssl_server(cell: &Cell) -> Server {
    let (key, certificate) = (key(cell.key), certificate(cell.key));
    let ciphers = format!("{}:@SECLEVEL=0", cell.suite.openssl_name());
    let mut args = vec!["s_server", "-quiet", "-accept", "127.0.0.1:{port}", "-key", &key, "-cert", &certificate];
    args.push(openssl_flag(cell.version));
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

#[test]
fn openssl_all_suites() {
    let mut cells = Vec::new();
    for suite in openssl_suites() {
        for version in Version::ALL.into_iter().filter(|version| suite.is_for(*version)) {
            cells.push(Cell { server: "openssl", version, suite, key: key_for(suite) });
        }
    }
    run("openssl s_server: protocol by suite", &cells, try_openssl, |_| true);
}

/// Every key with every suite and protocol. One server for each key, which sends lines back in reverse; the client
/// offers what is to be tried.
#[test]
fn openssl_all_keys() {
    let servers: Vec<(&str, Server)> = KINDS
        .iter()
        .map(|(name, ..)| {
            let (key, certificate) = (key(name), certificate(name));
            let mut args = vec!["s_server", "-rev", "-accept", "127.0.0.1:{port}", "-key", &key, "-cert", &certificate];
            args.extend(["-cipher", "ALL:COMPLEMENTOFALL:@SECLEVEL=0", "-min_protocol", "TLSv1"]);
            args.extend(["-ciphersuites", TLS13_SUITES]);
            (*name, Server::start("openssl", &args))
        })
        .collect();
    let port = |cell: &Cell| servers.iter().find(|(name, _)| *name == cell.key).expect("one for each key").1.port;
    let cells = cells("openssl", &openssl_suites());
    let lines: Vec<u8> = data().iter().map(|byte| if *byte == b'\n' { b'.' } else { *byte }).collect();
    let lines: Vec<u8> = lines.chunks(8191).flat_map(|line| [line, b"\n"].concat()).take(DATA_LEN).collect();
    let reversed = |chunk: &[u8]| {
        let (newline, line) = chunk.split_last().expect("chunks are not empty");
        line.iter().rev().chain([newline]).copied().collect()
    };
    let attempt = |cell: &Cell| {
        let mut client = Client::connect(port(cell), cell.config()).map_err(|error| error.to_string())?;
        check_peer(&client, cell)?;
        exchange(&mut client, &lines, reversed)
    };
    run("openssl s_server: protocol by suite by key", &cells, attempt, |cell| {
        cell.openssl_connects(Ipv4Addr::LOCALHOST, port(cell), &[])
    });
}

/// All that OpenSSL has, which by default leaves two out.
pub const TLS13_SUITES: &str = "TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256:TLS_AES_128_GCM_SHA256:\
    TLS_AES_128_CCM_SHA256:TLS_AES_128_CCM_8_SHA256";

/// The priority string that allows one suite only.
pub fn gnutls_priority(cell: &Cell) -> Option<String> {
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
    exchange(&mut client, &data(), <[u8]>::to_vec)
}

/// What `gnutls-serv --list` names: suites by code, and versions.
pub fn gnutls_suites() -> Vec<&'static Suite> {
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
    run("gnutls-serv: protocol by suite", &cells, try_gnutls, |_| true);
}

/// The priority string that allows all of the cells.
fn gnutls_priority_for_all(cells: &[Cell]) -> String {
    let mut words: Vec<String> = Vec::new();
    for word in
        cells.iter().filter_map(gnutls_priority).flat_map(|one| one.split(':').map(String::from).collect::<Vec<_>>())
    {
        if !words.contains(&word) {
            words.push(word);
        }
    }
    words.join(":")
}

/// Whether `gnutls-cli` gets what we did not.
fn gnutls_connects(cell: &Cell, port: u16) -> bool {
    let priority = gnutls_priority(cell).expect("only suites that it names are tried");
    let port = port.to_string();
    let args = ["--insecure", "--port", &port, "--priority", &priority, "127.0.0.1"];
    let mut command = std::process::Command::new("gnutls-cli");
    let output = command.args(args).stdin(std::process::Stdio::null()).output().expect("gnutls-cli must be installed");
    String::from_utf8_lossy(&output.stdout).contains("Handshake was completed")
}

/// Every key with every suite and protocol, two servers for each key: with a NULL cipher allowed, GnuTLS does without
/// TLS 1.3. Keys that it can't load have none.
#[test]
fn gnutls_all_keys() {
    let cells = cells("gnutls", &gnutls_suites());
    let is_new = |cell: &Cell| cell.version == Version::Tls13;
    let (new, old): (Vec<Cell>, Vec<Cell>) = cells.iter().cloned().partition(is_new);
    let priorities = [gnutls_priority_for_all(&old), gnutls_priority_for_all(&new)];
    let start = |(name, ..): &(&'static str, &[&str], &str)| {
        let (key, certificate) = (key(name), certificate(name));
        let args = ["--quiet", "--echo", "--port", "{port}", "--x509keyfile", &key, "--x509certfile", &certificate];
        let start = |priority: &String| {
            Server::start_if_it_can("gnutls-serv", &[&args[..], &["--priority", priority]].concat())
        };
        (*name, [start(&priorities[0]), start(&priorities[1])])
    };
    let servers: BTreeMap<&str, [Option<Server>; 2]> = KINDS.iter().map(start).collect();
    let port = |cell: &Cell| servers[cell.key][usize::from(is_new(cell))].as_ref().map(|server| server.port);
    let attempt = |cell: &Cell| {
        let port = port(cell).ok_or("no server")?;
        let mut client = Client::connect(port, cell.config()).map_err(|error| error.to_string())?;
        check_peer(&client, cell)?;
        exchange(&mut client, &data(), <[u8]>::to_vec)
    };
    let others = |cell: &Cell| port(cell).is_some_and(|port| gnutls_connects(cell, port));
    run("gnutls-serv: protocol by suite by key", &cells, attempt, others);
}
