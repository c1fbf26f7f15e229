//! What the fuzz targets in `fuzz/` call: doors behind the first message, which no stranger's bytes would ever open.
//!
//! The input is a program of steps. A first part chooses what is agreed on; each step is a byte that says what to do,
//! two for a length, then so many bytes. Everything here must end without a panic, whatever the input is.

use crate::connection::content;
use crate::handshake::Message;
use crate::message::kind;
use crate::puppet::{Choice, Client, Fixed, Puppet, server_hello};
use crate::{Config, Connection, Suite, Version};
use std::time::Duration;

/// The steps of a program.
struct Steps<'a>(&'a [u8]);

impl<'a> Steps<'a> {
    fn byte(&mut self) -> Option<u8> {
        let (first, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(*first)
    }

    fn bytes(&mut self) -> Option<&'a [u8]> {
        let len = usize::from(self.byte()?) << 8 | usize::from(self.byte()?);
        let (head, tail) = self.0.split_at(len.min(self.0.len()));
        self.0 = tail;
        Some(head)
    }

    /// A suite, and one of the versions it exists in.
    fn choice(&mut self, datagram: bool) -> Option<Choice> {
        let suite = &Suite::all()[usize::from(self.byte()?) % Suite::all().len()];
        let all: &[Version] = if datagram {
            &[Version::Tls11, Version::Tls12]
        } else {
            &[Version::Ssl3, Version::Tls10, Version::Tls11, Version::Tls12, Version::Tls13]
        };
        let versions: Vec<Version> = all.iter().copied().filter(|version| suite.is_for(*version)).collect();
        if versions.is_empty() || datagram && !suite.is_for_datagrams() {
            return None;
        }
        let flags = self.byte()?;
        let version = versions[usize::from(flags >> 2) % versions.len()];
        let (encrypt_then_mac, extended_master_secret) = (flags & 1 != 0, flags & 2 != 0);
        Some(Choice { suite, version, datagram, encrypt_then_mac, extended_master_secret })
    }
}

/// Bytes from the wire, in pieces of a size that the first byte gives, to a client that has sent its hello.
pub fn bytes(input: &[u8]) {
    let Some((first, bytes)) = input.split_first() else { return };
    let config = if first & 0x80 != 0 { Config::ssl3() } else { Config::default() };
    let Ok(mut connection) = Connection::new(config, Fixed::boxed(1)) else { return };
    for piece in bytes.chunks(usize::from(first & 0x7f) + 1) {
        let _ = connection.receive(piece);
        connection.take_output();
    }
    let _ = connection.receive_end();
    let _ = connection.peer().map(|peer| format!("{peer:?}"));
}

/// Records of any kind on an open connection, sealed with the right keys, changed on the way or not.
pub fn records(input: &[u8]) {
    open_records(input, false);
}

/// The same with datagrams, and the time passing.
pub fn datagrams(input: &[u8]) {
    let Some((first, rest)) = input.split_first() else { return };
    if first & 1 != 0 { open_records(rest, true) } else { handshake_datagrams(rest) }
}

fn open_records(input: &[u8], datagram: bool) {
    let mut steps = Steps(input);
    let Some(choice) = steps.choice(datagram) else { return };
    let mut puppet = Puppet::open(choice, 1).expect("the puppet's handshake is right");
    while let Some(step) = steps.byte() {
        let Some(bytes) = steps.bytes() else { break };
        match step % 8 {
            0 => drop(puppet.client.receive(bytes)),
            1 => {
                let (place, change) = (bytes.first().copied().unwrap_or(0), bytes.get(1).copied().unwrap_or(1));
                let mut record = puppet.record(content::DATA, bytes);
                let idx = usize::from(place) % record.len();
                record[idx] ^= change;
                let _ = puppet.client.receive(&record);
            }
            2 => drop(puppet.send(content::ALERT, bytes)),
            3 => drop(puppet.send(content::HANDSHAKE, bytes)),
            4 => {
                let _ = puppet.send_message(kind::KEY_UPDATE, &[step >> 7]);
                puppet.change_keys();
            }
            5 => drop(puppet.send(bytes.first().copied().unwrap_or(content::CHANGE_CIPHER_SPEC), bytes)),
            6 => client_sends(&mut puppet.client, bytes),
            _ => drop(puppet.send(content::DATA, bytes)),
        }
        puppet.client.drain();
    }
}

fn client_sends(client: &mut Client, bytes: &[u8]) {
    match client {
        Client::Stream(connection) => {
            let _ = connection.send(bytes);
            if bytes.is_empty() {
                connection.close();
            }
        }
        Client::Datagram(connection) => {
            let _ = connection.send(bytes);
            if bytes.is_empty() {
                connection.close();
            }
        }
    }
}

/// Handshake messages without records around them. A hello may be right, and a Finished too.
pub fn messages(input: &[u8]) {
    let mut steps = Steps(input);
    let datagram = steps.byte().is_some_and(|byte| byte & 1 != 0);
    let Some(choice) = steps.choice(datagram) else { return };
    let Some(is_plain) = steps.byte().map(|byte| byte & 1 != 0) else { return };
    let config = Config { suites: vec![choice.suite], versions: vec![choice.version], ..Config::default() };
    let config = if is_plain { Config::default() } else { config };
    let Ok(mut handshake) = crate::handshake::Handshake::new(config, Fixed::boxed(1), datagram) else { return };
    while let Some(step) = steps.byte() {
        let Some(bytes) = steps.bytes() else { break };
        let body = match step {
            0xff => server_hello(&choice),
            kind::FINISHED if bytes.is_empty() => handshake.server_finished().unwrap_or_default(),
            _ => bytes.to_vec(),
        };
        let kind = if step == 0xff { kind::SERVER_HELLO } else { step };
        let res = if step == 0xfe {
            handshake.change_cipher_spec()
        } else {
            let mut raw = vec![kind, 0, (body.len() >> 8) as u8, body.len() as u8];
            raw.extend_from_slice(&body);
            handshake.receive(&Message { kind, body: &body, raw: &raw })
        };
        handshake.common.effects.clear();
        if res.is_err() {
            break;
        }
    }
    let _ = handshake.common.peer.as_ref().map(|peer| format!("{peer:?}"));
}

/// Datagrams before the end of the handshake: records and fragments that are right from outside, or any bytes.
fn handshake_datagrams(input: &[u8]) {
    let mut steps = Steps(input);
    let Some(choice) = steps.choice(true) else { return };
    let mut puppet = Puppet::new(choice, 1);
    let mut now = Duration::ZERO;
    while let Some(step) = steps.byte() {
        let Some(bytes) = steps.bytes() else { break };
        let _ = match step % 8 {
            0 => puppet.client.receive(bytes),
            1 => {
                now += Duration::from_millis(bytes.len() as u64 * 100);
                let Client::Datagram(connection) = &mut puppet.client else { return };
                connection.tick(now)
            }
            2 => puppet.send(content::HANDSHAKE, bytes),
            3 => {
                let hello = server_hello(&choice);
                puppet.send_message(kind::SERVER_HELLO, &hello)
            }
            4 => puppet.key_messages(),
            5 => {
                let res = puppet.send(content::CHANGE_CIPHER_SPEC, &[1]);
                puppet.change_keys();
                res
            }
            6 if puppet.client.handshake().server_finished().is_some() => puppet.finish(),
            _ => puppet.send_message(bytes.first().copied().unwrap_or(0), bytes),
        };
        puppet.client.drain();
    }
}

/// A certificate, and everything that is made of it.
pub fn certificate(input: &[u8]) {
    let Ok(certificate) = crate::x509::Certificate::parse(input) else { return };
    assert!(input.starts_with(certificate.der()));
    let _ = (certificate.pem(), certificate.signature_name(), certificate.digest("sha256"));
    for extension in &certificate.extensions {
        let _ = extension.name();
    }
    for part in certificate.subject.iter().chain(&certificate.issuer) {
        let _ = (part.name(), part.oid.dotted().len());
    }
    let _ = format!("{certificate:?}");
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::puppet::Noise;

    /// Each target, for as long as a test may take: fuzzing finds more.
    #[test]
    fn noise_does_no_harm() {
        let mut noise = Noise(0x1234_5678_9abc_def1);
        for _ in 0..1000 {
            let mut program = vec![noise.next() as u8, noise.next() as u8, noise.next() as u8];
            for _ in 0..8 {
                let len = (noise.next() % 60) as u8;
                program.extend([noise.next() as u8, 0, len]);
                program.extend((0..len).map(|_| noise.next() as u8 & if len & 1 == 0 { 3 } else { 0xff }));
            }
            [bytes, records, messages, datagrams, certificate].iter().for_each(|target| target(&program));
        }
    }
}
