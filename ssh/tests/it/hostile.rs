//! Servers that send anything.

use perilune_ssh::{Client, PrivateKey, SshError};

/// Small and deterministic.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        self.0 >> 33
    }
}

/// A server's offer in a packet without protection.
fn offer() -> Vec<u8> {
    let mut payload = vec![20];
    payload.extend([7; 16]);
    for list in [
        "curve25519-sha256,diffie-hellman-group-exchange-sha256",
        "ssh-rsa",
        "aes128-ctr",
        "aes128-ctr",
        "hmac-sha1",
        "hmac-sha1",
        "none",
        "none",
        "",
        "",
    ] {
        payload.extend((list.len() as u32).to_be_bytes());
        payload.extend(list.as_bytes());
    }
    payload.extend([0; 5]);
    packet(&payload)
}

fn packet(payload: &[u8]) -> Vec<u8> {
    let padding = 16 - (payload.len() + 5) % 8;
    let mut packet = ((1 + payload.len() + padding) as u32).to_be_bytes().to_vec();
    packet.push(padding as u8);
    packet.extend(payload);
    packet.extend(vec![0; padding]);
    packet
}

fn client() -> Client {
    Client::new("SSH-2.0-test").expect("there are random numbers")
}

#[test]
fn damaged_messages_are_errors() {
    let mut random = Random(1);
    for _ in 0..3000 {
        let mut bytes = b"SSH-2.0-server\r\n".to_vec();
        bytes.extend(offer());
        let kinds = [31, 21, 4, 2, 6, 7, 52, 60, 80, 90, 93, 98];
        for _ in 0..random.next() % 3 {
            let kind = kinds[random.next() as usize % kinds.len()];
            let body: Vec<u8> = (0..random.next() % 60).map(|_| (random.next() % 8) as u8).collect();
            bytes.extend(packet(&[&[kind], &body[..]].concat()));
        }
        for _ in 0..random.next() % 4 {
            let at = random.next() as usize % bytes.len();
            bytes[at] = random.next() as u8;
        }
        let mut client = client();
        // In pieces, as from a network; an error stays.
        let failed = bytes.chunks(1 + random.next() as usize % 50).find_map(|piece| client.feed(piece).err());
        if failed.is_some() {
            assert_eq!(client.error(), failed);
            assert_eq!(client.feed(b"more").err(), failed);
        }
        assert!(!client.is_ready());
    }
}

#[test]
fn limits_are_kept() {
    let mut flood = client();
    let text = vec![b'x'; 70 << 10];
    assert_eq!(flood.feed(&text), Err(SshError::TooLarge("a banner")));
    let mut lines = client();
    let result = (0..2000).find_map(|_| lines.feed(&[b"chargen"[..].repeat(10), b"\r\n".to_vec()].concat()).err());
    assert_eq!(result, Some(SshError::TooLarge("a banner")));
    let mut large = client();
    assert_eq!(large.feed(b"SSH-2.0-x\r\n\x00\x10\x00\x00"), Err(SshError::TooLarge("a packet")));
    let mut old = client();
    assert_eq!(old.feed(b"SSH-1.5-x\r\n"), Err(SshError::Protocol("the server speaks SSH 1")));
    let mut early = client();
    let message = [b"SSH-2.0-x\r\n".to_vec(), packet(&[52])].concat();
    assert_eq!(early.feed(&message), Err(SshError::Protocol("a message before the key exchange")));
    let mut gone = client();
    assert_eq!(gone.feed(&[b"SSH-2.0-x\r\n".to_vec(), packet(&[1, 0, 0, 0, 2])].concat()), Err(SshError::Disconnected));
}

#[test]
fn damaged_keys_are_errors() {
    let mut random = Random(2);
    let text = std::fs::read(crate::server::keys().join("rsa")).expect("the key was made");
    for _ in 0..500 {
        let mut damaged = text.clone();
        for _ in 0..1 + random.next() % 3 {
            let at = random.next() as usize % damaged.len();
            damaged[at] = random.next() as u8;
        }
        damaged.truncate(random.next() as usize % (damaged.len() + 1));
        let _ = PrivateKey::parse(&damaged, b"secret");
    }
}
