//! Servers that allow one protocol and one suite, to a client that offers everything; and every key type.

use crate::client::Client;
use crate::keys::{KINDS, certificate, key};
use crate::peer::Server;
use crate::table::{Cell, DATA_LEN, check_peer, data, exchange, key_for, openssl_flag, openssl_suites, run};
use perilune_tls::{Authentication, Config, Suite, Version};

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

/// Whether a suite can go with a key at all.
fn goes_with(suite: &Suite, key: &str) -> bool {
    match suite.authentication() {
        Authentication::Tls13 => !key.starts_with("dsa"),
        Authentication::Rsa => key.starts_with("rsa"),
        Authentication::Dss => key.starts_with("dsa"),
        Authentication::Ecdsa => matches!(key, "p256" | "p384" | "p521" | "k256" | "ed25519" | "ed448"),
        Authentication::Anonymous => false,
    }
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
    let mut cells = Vec::new();
    for suite in openssl_suites() {
        for (key, ..) in KINDS.into_iter().filter(|(key, ..)| goes_with(suite, key)) {
            for version in Version::ALL.into_iter().filter(|version| suite.is_for(*version)) {
                cells.push(Cell { server: "openssl", version, suite, key });
            }
        }
    }
    // A server of this kind serves one client at a time: neighbours in the list are of different keys.
    cells.sort_by_key(|cell| (cell.suite.code(), cell.version));
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
    run("openssl s_server: protocol by suite by key", &cells, attempt, |cell| cell.openssl_connects(port(cell), &[]));
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
