//! A server for tests that does as it is told, right or wrong.
//!
//! It has no secrets of its own: it reads the client's out of the handshake in front of it, so that it can seal any
//! record and finish any handshake without doing its half of the work. Unit tests and fuzz targets share it.

use crate::cipher::{Header, Protection};
use crate::codec::Put;
use crate::connection::content;
use crate::handshake::Handshake;
use crate::message::kind;
use crate::x509::der::tag;
use crate::{Authentication, Config, Connection, DtlsConnection, Group, KeyExchange, Rng, Suite, TlsError, Version};
use std::time::Duration;

/// A generator for noise: the same from run to run.
pub(crate) struct Noise(pub u64);

impl Noise {
    pub(crate) fn next(&mut self) -> u64 {
        // Xorshift.
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }
}

/// Random numbers that are the same each time.
pub(crate) struct Fixed(pub Noise);

impl Fixed {
    pub fn boxed(seed: u64) -> Box<dyn Rng> {
        Box::new(Fixed(Noise(seed | 1)))
    }
}

impl Rng for Fixed {
    fn fill(&mut self, buffer: &mut [u8]) -> Result<(), TlsError> {
        buffer.iter_mut().for_each(|byte| *byte = (self.0.next() >> 24) as u8);
        Ok(())
    }
}

/// The client under test.
pub(crate) enum Client {
    Stream(Box<Connection>),
    Datagram(Box<DtlsConnection>),
}

impl Client {
    pub fn handshake(&self) -> &Handshake {
        match self {
            Client::Stream(connection) => connection.handshake(),
            Client::Datagram(connection) => connection.handshake(),
        }
    }

    #[cfg(test)]
    pub fn state(&self) -> &crate::State {
        match self {
            Client::Stream(connection) => connection.state(),
            Client::Datagram(connection) => connection.state(),
        }
    }

    pub fn receive(&mut self, bytes: &[u8]) -> Result<(), TlsError> {
        match self {
            Client::Stream(connection) => connection.receive(bytes),
            Client::Datagram(connection) => connection.receive(bytes, Duration::ZERO),
        }
    }

    /// Forgets what was to be sent, and gives what was received.
    pub fn drain(&mut self) -> Vec<u8> {
        match self {
            Client::Stream(connection) => {
                connection.take_output();
                connection.take_received()
            }
            Client::Datagram(connection) => {
                while connection.take_datagram().is_some() {}
                std::iter::from_fn(|| connection.take_received()).flatten().collect()
            }
        }
    }
}

/// What server and client agree on.
#[derive(Clone, Copy)]
pub(crate) struct Choice {
    pub suite: &'static Suite,
    pub version: Version,
    pub datagram: bool,
    pub encrypt_then_mac: bool,
    pub extended_master_secret: bool,
}

impl Choice {
    #[cfg(test)]
    pub fn new(suite: &str, version: Version) -> Choice {
        let suite = Suite::from_name(suite).expect("a suite of ours");
        Choice { suite, version, datagram: false, encrypt_then_mac: false, extended_master_secret: true }
    }

    /// A client that offers nothing else.
    pub fn client(&self, seed: u64) -> Client {
        let config = Config { suites: vec![self.suite], versions: vec![self.version], ..Config::default() };
        if self.datagram {
            let connection = DtlsConnection::new(config, Fixed::boxed(seed), Duration::ZERO);
            Client::Datagram(Box::new(connection.expect("the choice is sound")))
        } else {
            Client::Stream(Box::new(Connection::new(config, Fixed::boxed(seed)).expect("the choice is sound")))
        }
    }
}

pub(crate) struct Puppet {
    pub client: Client,
    choice: Choice,
    write: Protection,
    epoch: u64,
    seq: u64,
    message_seq: u16,
}

impl Puppet {
    /// A server before its hello.
    pub fn new(choice: Choice, seed: u64) -> Puppet {
        Puppet { client: choice.client(seed), choice, write: Protection::None, epoch: 0, seq: 0, message_seq: 0 }
    }

    /// A server after the handshake.
    pub fn open(choice: Choice, seed: u64) -> Result<Puppet, TlsError> {
        let mut puppet = Puppet::new(choice, seed);
        puppet.shake_hands()?;
        puppet.client.drain();
        Ok(puppet)
    }

    /// Hands over a record, sealed.
    pub fn send(&mut self, kind: u8, data: &[u8]) -> Result<(), TlsError> {
        let record = self.record(kind, data);
        self.client.receive(&record)
    }

    /// Hands over a handshake message in one record.
    pub fn send_message(&mut self, kind: u8, body: &[u8]) -> Result<(), TlsError> {
        let message = self.message(kind, body);
        self.send(content::HANDSHAKE, &message)
    }

    /// A handshake message with its header.
    pub fn message(&mut self, kind: u8, body: &[u8]) -> Vec<u8> {
        let mut out = vec![kind];
        out.put_u24(body.len());
        if self.choice.datagram {
            out.put_u16(self.message_seq);
            out.put_u24(0);
            out.put_u24(body.len());
            self.message_seq = self.message_seq.wrapping_add(1);
        }
        out.extend_from_slice(body);
        out
    }

    /// A record, sealed with the keys of the moment.
    pub fn record(&mut self, kind: u8, data: &[u8]) -> Vec<u8> {
        let version = self.choice.version.min(Version::Tls12);
        let version = if self.choice.datagram { version.datagram_code() } else { version.code() };
        let seq = self.epoch << 48 | self.seq;
        self.seq += 1;
        let mut sealed = Vec::new();
        let header = Header { seq, kind, version };
        let mut rng = Fixed(Noise(seq | 1));
        self.write.seal(header, data, &mut rng, &mut sealed).expect("the generator never fails");
        let mut out = vec![if self.write.is_tls13() { content::DATA } else { kind }];
        out.put_u16(version);
        if self.choice.datagram {
            out.extend_from_slice(&seq.to_be_bytes());
        }
        out.put_vec16(&sealed);
        out
    }

    /// The keys that it seals with.
    #[cfg(test)]
    pub fn keys(&self) -> &Protection {
        &self.write
    }

    /// From here on with the keys that the client expects.
    pub fn change_keys(&mut self) {
        if let Some(keys) = self.client.handshake().server_keys() {
            self.write = keys;
            self.epoch += u64::from(self.choice.datagram);
            self.seq = 0;
        }
    }

    /// The whole handshake.
    pub fn shake_hands(&mut self) -> Result<(), TlsError> {
        let hello = server_hello(&self.choice);
        self.send_message(kind::SERVER_HELLO, &hello)?;
        if self.choice.version == Version::Tls13 {
            self.change_keys();
            self.send_message(kind::ENCRYPTED_EXTENSIONS, &[0, 0])?;
            self.send_message(kind::CERTIFICATE, &[&[0][..], &certificate_list(&[0, 0])].concat())?;
            self.send_message(kind::CERTIFICATE_VERIFY, &[8, 4, 0, 1, 0])?;
            self.finish()?;
            self.change_keys();
            return Ok(());
        }
        self.key_messages()?;
        self.send(content::CHANGE_CIPHER_SPEC, &[1])?;
        self.change_keys();
        self.finish()
    }

    /// A Finished message that is right.
    pub fn finish(&mut self) -> Result<(), TlsError> {
        let verify = self.client.handshake().server_finished().expect("the hello is through");
        self.send_message(kind::FINISHED, &verify)
    }

    /// Certificate to ServerHelloDone, as the suite wants them.
    pub fn key_messages(&mut self) -> Result<(), TlsError> {
        let suite = self.choice.suite;
        if suite.authentication() != Authentication::Anonymous {
            self.send_message(kind::CERTIFICATE, &certificate_list(&[]))?;
        }
        match suite.key_exchange() {
            KeyExchange::Ecdhe => {
                let mut body = vec![3];
                body.put_u16(Group::X25519.code());
                body.put_vec8(&POINT);
                self.send_message(kind::SERVER_KEY_EXCHANGE, &body)?;
            }
            KeyExchange::Dhe => {
                let mut body = Vec::new();
                [[23], [5], [8]].iter().for_each(|number| body.put_vec16(number));
                self.send_message(kind::SERVER_KEY_EXCHANGE, &body)?;
            }
            KeyExchange::Rsa | KeyExchange::Tls13 => {}
        }
        self.send_message(kind::SERVER_HELLO_DONE, &[])
    }
}

/// The base point of Curve25519.
const POINT: [u8; 32] = {
    let mut point = [0; 32];
    point[0] = 9;
    point
};

/// The body of a ServerHello.
pub(crate) fn server_hello(choice: &Choice) -> Vec<u8> {
    let version = choice.version.min(Version::Tls12);
    let mut out = Vec::new();
    out.put_u16(if choice.datagram { version.datagram_code() } else { version.code() });
    out.extend([7; 32]);
    out.put_vec8(&[]);
    out.put_u16(choice.suite.code());
    out.push(0);
    let mut extensions = Vec::new();
    if choice.version == Version::Tls13 {
        extensions.extend([0, 43, 0, 2, 3, 4, 0, 51, 0, 36, 0, 29]);
        extensions.put_vec16(&POINT);
    }
    if choice.encrypt_then_mac {
        extensions.extend([0, 22, 0, 0]);
    }
    if choice.extended_master_secret {
        extensions.extend([0, 23, 0, 0]);
    }
    if choice.version != Version::Ssl3 {
        out.put_vec16(&extensions);
    }
    out
}

/// A list of one certificate, with these bytes behind it.
fn certificate_list(behind: &[u8]) -> Vec<u8> {
    let certificate = certificate();
    let mut out = Vec::new();
    out.put_u24(3 + certificate.len() + behind.len());
    out.put_u24(certificate.len());
    out.extend(certificate);
    out.extend_from_slice(behind);
    out
}

/// As little of a certificate as has an RSA key of 512 bits in it.
pub(crate) fn certificate() -> Vec<u8> {
    let value = |tag: u8, parts: &[&[u8]]| {
        let content = parts.concat();
        let len = u8::try_from(content.len()).expect("a short certificate");
        let long = if len < 128 { vec![] } else { vec![0x81] };
        [&[tag][..], &long, &[len], &content].concat()
    };
    let number = value(tag::INTEGER, &[&[1]]);
    let empty = value(tag::SEQUENCE, &[]);
    let key = value(tag::SEQUENCE, &[&value(tag::INTEGER, &[&[0xff; 64]]), &value(tag::INTEGER, &[&[3]])]);
    let algorithm = value(tag::SEQUENCE, &[&value(tag::OID, &[&[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 1]])]);
    let spki = value(tag::SEQUENCE, &[&algorithm, &value(tag::BIT_STRING, &[&[0], &key])]);
    let body = value(tag::SEQUENCE, &[&number, &empty, &empty, &empty, &empty, &spki]);
    value(tag::SEQUENCE, &[&body])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::State;
    use crate::limits::IDLE_MESSAGES_MAX;

    #[test]
    fn every_suite_opens_and_carries_data() {
        for suite in Suite::all() {
            for version in [Version::Ssl3, Version::Tls10, Version::Tls11, Version::Tls12, Version::Tls13] {
                for datagram in [false, true] {
                    if !suite.is_for(version)
                        || datagram
                            && (!suite.is_for_datagrams() || !matches!(version, Version::Tls11 | Version::Tls12))
                    {
                        continue;
                    }
                    let choice =
                        Choice { suite, version, datagram, encrypt_then_mac: true, extended_master_secret: true };
                    let mut puppet = Puppet::open(choice, 1).unwrap();
                    assert_eq!(*puppet.client.state(), State::Open, "{} {version}", suite.iana_name());
                    puppet.send(content::DATA, b"hello").unwrap();
                    assert_eq!(puppet.client.drain(), b"hello");
                }
            }
        }
    }

    #[test]
    fn key_updates_without_end_are_refused() {
        let mut puppet = Puppet::open(Choice::new("TLS_AES_128_GCM_SHA256", Version::Tls13), 1).unwrap();
        for _ in 0..IDLE_MESSAGES_MAX {
            puppet.send_message(kind::KEY_UPDATE, &[1]).unwrap();
            puppet.change_keys();
        }
        let limit = TlsError::Limit { what: "messages in a row without data", max: IDLE_MESSAGES_MAX };
        assert_eq!(puppet.send_message(kind::KEY_UPDATE, &[1]), Err(limit));
    }
}
