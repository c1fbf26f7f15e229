//! Authentication and channels.

use crate::server::{OPENSSL_KEYS, PEM_KEYS, Peer, Server, guest, keys, user};
use perilune_ssh::{AuthAnswer, PrivateKey};
use std::process::Command;

#[test]
fn keys_of_all_kinds_log_in() {
    let server = Server::start(&[]);
    for (name, passphrase) in [
        ("rsa", ""),
        ("pem", ""),
        ("ecdsa", ""),
        ("ecdsa384", ""),
        ("ecdsa521", ""),
        ("ed25519", ""),
        ("locked", "secret"),
    ] {
        let mut peer = Peer::connect(server.port);
        peer.handshake().expect("the handshake succeeds");
        assert_eq!(peer.log_in(name, passphrase), AuthAnswer::Success, "{name}");
        assert_eq!(peer.exec("echo out; echo err >&2"), (b"out\n".to_vec(), b"err\n".to_vec()), "{name}");
    }
}

#[test]
fn keys_in_pem_log_in() {
    let server = Server::start(&[]);
    let passphrase = |locked| if locked { "secret" } else { "" };
    let made = PEM_KEYS.map(|(name, _, _, passphrase)| (name, passphrase));
    let converted = OPENSSL_KEYS.map(|(name, _, args)| (name, passphrase(!args.contains(&"-nocrypt"))));
    for (name, passphrase) in made.into_iter().chain(converted) {
        let mut peer = Peer::connect(server.port);
        peer.handshake().expect("the handshake succeeds");
        assert_eq!(peer.log_in(name, passphrase), AuthAnswer::Success, "{name}");
        if !passphrase.is_empty() {
            let text = std::fs::read(keys().join(name)).expect("the key was made");
            assert!(PrivateKey::parse(&text, b"wrong").is_err() && PrivateKey::parse(&text, b"").is_err(), "{name}");
        }
    }
}

#[test]
fn ed25519_keys_of_openssl_are_read() {
    let path = keys().join("pkcs8-ed25519");
    let made = Command::new("openssl").args(["genpkey", "-algorithm", "ed25519", "-out"]).arg(&path).status();
    assert!(made.expect("openssl starts").success());
    let key = PrivateKey::parse(&std::fs::read(&path).expect("the key was made"), b"").expect("the key is read");
    let public = Command::new("openssl").args(["pkey", "-pubout", "-outform", "DER", "-in"]).arg(&path).output();
    let public = public.expect("openssl starts").stdout;
    assert_eq!(key.public_blob()[19..], public[public.len() - 32..]);
}

#[test]
fn passwords_log_in() {
    let server = Server::start(&["UsePAM yes"]);
    let mut peer = Peer::connect(server.port);
    peer.handshake().expect("the handshake succeeds");
    peer.client.auth_password(guest().as_bytes(), b"wrong").expect("it is queued");
    assert!(matches!(peer.answer(), Ok(AuthAnswer::Failure(_))));
    peer.client.auth_password(guest().as_bytes(), b"secret").expect("it is queued");
    assert_eq!(peer.answer(), Ok(AuthAnswer::Success));
    assert_eq!(peer.exec("id -un").0, format!("{}\n", guest()).into_bytes());
}

#[test]
fn answered_questions_log_in() {
    let server = Server::start(&["UsePAM yes", "PasswordAuthentication no"]);
    let mut peer = Peer::connect(server.port);
    peer.handshake().expect("the handshake succeeds");
    peer.client.auth_keyboard_interactive(guest().as_bytes()).expect("it is queued");
    let Ok(AuthAnswer::Questions(asked)) = peer.answer() else { panic!("the server asks") };
    assert!(asked.prompts.len() == 1 && asked.prompts[0].ends_with(b"Password: "), "{asked:?}");
    peer.client.answer_questions(&[b"secret".to_vec()]).expect("it is queued");
    let mut answer = peer.answer();
    while let Ok(AuthAnswer::Questions(more)) = &answer {
        assert!(more.prompts.is_empty(), "{more:?}");
        peer.client.answer_questions(&[]).expect("it is queued");
        answer = peer.answer();
    }
    assert_eq!(answer, Ok(AuthAnswer::Success));
    assert_eq!(peer.exec("id -un").0, format!("{}\n", guest()).into_bytes());
}

#[test]
fn wrong_keys_are_refused() {
    let locked = std::fs::read(keys().join("locked")).expect("the key was made");
    assert!(PrivateKey::parse(&locked, b"wrong").is_err());
    assert!(PrivateKey::parse(&locked, b"").is_err());
    assert!(PrivateKey::parse(b"no key", b"").is_err());
}

#[test]
fn methods_are_listed_and_passwords_refused() {
    let server = Server::start(&[]);
    let mut peer = Peer::connect(server.port);
    peer.handshake().expect("the handshake succeeds");
    peer.client.auth_none(b"nobody").expect("it is queued");
    let methods = vec![b"publickey".to_vec(), b"password".to_vec(), b"keyboard-interactive".to_vec()];
    let answer = peer.answer();
    // Without PAM there are no questions to ask.
    assert!(answer == Ok(AuthAnswer::Failure(methods[..2].to_vec())) || answer == Ok(AuthAnswer::Failure(methods)));
    assert!(peer.client.banner().is_some_and(|banner| banner.starts_with(b"ssh-ed25519 ")));
    peer.client.auth_password(b"nobody", b"wrong").expect("it is queued");
    assert!(matches!(peer.answer(), Ok(AuthAnswer::Failure(_))));
}

#[test]
fn probes_tell_whether_a_key_would_do() {
    let server = Server::start(&[]);
    let mut peer = Peer::connect(server.port);
    peer.handshake().expect("the handshake succeeds");
    let text = std::fs::read(keys().join("rsa")).expect("the key was made");
    let key = PrivateKey::parse(&text, b"").expect("the key is read");
    peer.client.auth_key_probe(user().as_bytes(), b"ssh-rsa", &key.public_blob()).expect("it is queued");
    assert_eq!(peer.answer(), Ok(AuthAnswer::KeyIsFine));
    let mut other = key.public_blob();
    let last = other.len() - 1;
    other[last] ^= 2;
    peer.client.auth_key_probe(user().as_bytes(), b"ssh-rsa", &other).expect("it is queued");
    assert!(matches!(peer.answer(), Ok(AuthAnswer::Failure(_))));
}

#[test]
fn much_data_passes_through_the_window_and_new_keys() {
    let server = Server::start(&["RekeyLimit 1M"]);
    let mut peer = Peer::connect(server.port);
    peer.handshake().expect("the handshake succeeds");
    assert_eq!(peer.log_in("ed25519", ""), AuthAnswer::Success);
    let (out, _) = peer.exec("head -c 8000000 /dev/zero");
    assert_eq!(out.len(), 8_000_000);
}
