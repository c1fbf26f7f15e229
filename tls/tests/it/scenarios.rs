//! Single behaviours, each against a server that shows it.

use crate::client::Client;
use crate::keys::{certificate, key};
use crate::peer::Server;
use perilune_tls::{Alert, Config, Connection, Group, State, Suite, SystemRng, TlsError, Version};
use std::io::{Read, Write};
use std::net::TcpListener;
use std::thread;

fn s_server(key_name: &str, more: &[&str]) -> Server {
    let (key, certificate) = (key(key_name), certificate(key_name));
    let mut args = vec!["s_server", "-accept", "127.0.0.1:{port}", "-key", &key, "-cert", &certificate];
    args.extend(more);
    Server::start("openssl", &args)
}

fn only(version: Version) -> Config {
    Config { versions: vec![version], ..Config::default() }
}

#[test]
fn every_group_with_and_without_a_retry() {
    for group in Group::ALL {
        let name = group.name();
        for version in ["-tls1_2", "-tls1_3"] {
            let server = s_server("rsa2048", &["-quiet", version, "-groups", name]);
            let client = Client::connect(server.port, Config::default()).unwrap();
            assert_eq!(client.tls.peer().unwrap().group, Some(group), "{version}");
            let server = s_server("rsa2048", &["-quiet", version, "-groups", name]);
            let config = Config { groups: vec![group], ..Config::default() };
            assert!(Client::connect(server.port, config).is_ok(), "{name} {version}");
        }
    }
}

#[test]
fn certificate_requests_get_an_empty_certificate() {
    for (flag, version) in [("-tls1", Version::Tls10), ("-tls1_2", Version::Tls12), ("-tls1_3", Version::Tls13)] {
        let server = s_server("rsa2048", &["-quiet", flag, "-cipher", "ALL:@SECLEVEL=0", "-verify", "1"]);
        let mut client = Client::connect(server.port, Config::default()).unwrap();
        let peer = client.tls.peer().unwrap();
        assert!(peer.certificate_requested && peer.version == version);
        let mut server = server;
        server.type_in(b"hello\n".to_vec());
        assert_eq!(client.receive(6).unwrap(), b"hello\n");
    }
}

#[test]
fn a_server_that_insists_on_a_certificate() {
    // TLS 1.3 tells only after the handshake; before, the handshake fails.
    let server = s_server("rsa2048", &["-quiet", "-tls1_3", "-Verify", "1"]);
    let mut client = Client::connect(server.port, Config::default()).unwrap();
    assert_eq!(client.receive(1), Err(TlsError::Alert(Alert::CERTIFICATE_REQUIRED)));
    let server = s_server("rsa2048", &["-quiet", "-tls1_2", "-Verify", "1"]);
    let error = Client::connect(server.port, Config::default()).err();
    assert_eq!(error, Some(TlsError::Alert(Alert::HANDSHAKE_FAILURE)));
}

#[test]
fn key_updates_are_followed() {
    // "K" makes the server update its keys and ask for ours, "k" only its own.
    let mut server = s_server("p256", &["-tls1_3"]);
    let mut client = Client::connect(server.port, Config::default()).unwrap();
    let lines = [&b"k\n"[..], b"K\n", b"K\n", b"after\n"];
    server.type_lines(lines.iter().map(|line| line.to_vec()).collect());
    let received = client.receive(6).unwrap();
    assert_eq!(received, b"after\n", "{}", server.log());
    client.send(b"our keys are new\n");
    assert!(contains(&mut server, b"our keys are new\n"));
}

#[test]
fn renegotiation_is_refused() {
    let mut server = s_server("rsa2048", &["-tls1_2"]);
    let mut client = Client::connect(server.port, Config::default()).unwrap();
    // "r" asks for a renegotiation. OpenSSL takes the refusal for a failure; others go on.
    server.type_in(b"r\n".to_vec());
    assert_eq!(client.receive(1), Err(TlsError::Alert(Alert::HANDSHAKE_FAILURE)));
    drop(server.output(1 << 20));
    assert!(server.log().contains("no renegotiation"), "{}", server.log());
}

fn contains(server: &mut Server, needle: &[u8]) -> bool {
    let mut seen = Vec::new();
    for _ in 0..200 {
        let more = server.output(1);
        if more.is_empty() {
            return false;
        }
        seen.extend(more);
        if seen.windows(needle.len()).any(|window| window == needle) {
            return true;
        }
    }
    false
}

#[test]
fn names_and_application_protocols() {
    let (other_key, other) = (key("p384"), certificate("p384"));
    let second = ["-servername", "second.example", "-key2", &other_key, "-cert2", &other];
    for flag in ["-tls1_2", "-tls1_3"] {
        let leaf = |name: Option<&str>| {
            let server = s_server("p256", &[&["-quiet", flag][..], &second].concat());
            let config = Config { server_name: name.map(str::to_string), ..Config::default() };
            let client = Client::connect(server.port, config).unwrap();
            client.tls.peer().unwrap().certificate().unwrap().to_vec()
        };
        assert_eq!(leaf(None), leaf(Some("first.example")));
        assert_ne!(leaf(None), leaf(Some("second.example")));
        let chosen = |names: &[&str]| {
            let server = s_server("p256", &["-quiet", flag, "-alpn", "http/1.1,h2"]);
            let alpn = names.iter().map(|name| name.as_bytes().to_vec()).collect();
            let client = Client::connect(server.port, Config { alpn, ..Config::default() }).unwrap();
            client.tls.peer().unwrap().alpn.clone()
        };
        assert_eq!((chosen(&[]), chosen(&["h2"])), (None, Some(b"h2".to_vec())));
    }
}

#[test]
fn one_version_or_one_suite_only() {
    for version in Version::ALL {
        let server = s_server("rsa2048", &["-quiet", "-cipher", "ALL:@SECLEVEL=0", "-min_protocol", "TLSv1"]);
        let client = Client::connect(server.port, only(version)).unwrap();
        assert_eq!(client.tls.peer().unwrap().version, version);
    }
    let server = s_server("rsa2048", &["-quiet"]);
    let suite = Suite::from_name("AES256-SHA").unwrap();
    let client = Client::connect(server.port, Config { suites: vec![suite], ..Config::default() }).unwrap();
    assert_eq!(client.tls.peer().unwrap().suite().openssl_name(), "AES256-SHA");
}

#[test]
fn a_server_without_our_version_says_so() {
    let server = s_server("rsa2048", &["-quiet", "-tls1_3"]);
    let error = Client::connect(server.port, only(Version::Tls12)).err();
    assert_eq!(error, Some(TlsError::Alert(Alert::PROTOCOL_VERSION)));
}

#[test]
fn extensions_of_old_versions_are_optional() {
    let gnutls = |flag: &str| {
        let (key, certificate) = (key("rsa2048"), certificate("rsa2048"));
        let priority = format!("NONE:+VERS-TLS1.2:+RSA:+AES-128-CBC:+SHA1:+COMP-NULL:+SIGN-ALL:+CTYPE-X509{flag}");
        let args = ["--quiet", "--echo", "--port", "{port}", "--x509keyfile", &key, "--x509certfile", &certificate];
        let server = Server::start("gnutls-serv", &[&args[..], &["--priority", &priority]].concat());
        let mut client = Client::connect(server.port, Config::default()).unwrap();
        client.send(b"hello\n");
        assert_eq!(client.receive(6).unwrap(), b"hello\n");
        let peer = client.tls.peer().unwrap();
        (peer.extended_master_secret, peer.encrypt_then_mac, peer.secure_renegotiation)
    };
    assert_eq!(gnutls(""), (true, true, true));
    assert_eq!(gnutls(":%NO_SESSION_HASH"), (false, true, true));
    assert_eq!(gnutls(":%NO_ETM"), (true, false, true));
}

#[test]
fn an_end_with_or_without_close_notify_is_an_end() {
    for flag in ["-tls1_2", "-tls1_3"] {
        // Killed: no close_notify.
        let server = s_server("rsa2048", &["-quiet", flag]);
        let mut client = Client::connect(server.port, Config::default()).unwrap();
        drop(server);
        assert_eq!(client.receive(1), Ok(vec![]));
        assert_eq!(*client.tls.state(), State::PeerClosed);
        // "q" ends the connection in order.
        let mut server = s_server("rsa2048", &[flag]);
        let mut client = Client::connect(server.port, Config::default()).unwrap();
        server.type_in(b"q\n".to_vec());
        assert_eq!(client.receive(1), Ok(vec![]));
        assert_eq!(*client.tls.state(), State::PeerClosed);
    }
}

/// A peer that says something and hangs up.
fn say(words: &'static [u8]) -> Option<TlsError> {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    let peer = thread::spawn(move || {
        let (mut socket, _) = listener.accept().unwrap();
        let mut hello = [0; 4096];
        let _ = socket.read(&mut hello);
        let _ = socket.write_all(words);
    });
    let error = Client::connect(port, Config::default()).err();
    peer.join().unwrap();
    error
}

#[test]
fn peers_that_do_not_speak_tls() {
    let not_tls = |words: &[u8]| Some(TlsError::NotTls { first_bytes: words.to_vec() });
    assert_eq!(say(b"HTTP/1.1 400 Bad Request\r\n"), not_tls(b"HTTP/1.1 400 Bad Request\r\n"));
    assert_eq!(say(b"220"), not_tls(b"220"));
    assert_eq!(say(b""), Some(TlsError::ClosedEarly));
    assert_eq!(say(b"\x15\x03\x01\x00\x02\x02\x28"), Some(TlsError::Alert(Alert::HANDSHAKE_FAILURE)));
    assert_eq!(say(b"\x15\x03\x01\x00"), Some(TlsError::ClosedEarly));
    assert_eq!(say(b"\x80\x0b\x04\x00\x00\x00\x02"), Some(TlsError::Ssl2));
}

#[test]
fn nothing_can_be_sent_before_the_end_of_the_handshake() {
    let mut connection = Connection::new(Config::default(), Box::new(SystemRng)).unwrap();
    assert_eq!(connection.send(b"x"), Err(TlsError::NotOpen));
    connection.close();
    assert_eq!(connection.send(b"x"), Err(TlsError::NotOpen));
}
