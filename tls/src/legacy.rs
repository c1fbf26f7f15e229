//! SSL 3.0 to TLS 1.2, and DTLS, after the server's hello.
//!
//! `Certificate? ServerKeyExchange? CertificateRequest? ServerHelloDone`, then our flight, then `ticket? CCS Finished`.
//! Which of the optional ones are due follows from the suite.
//!
//! # Source
//! RFC 5246 §7, RFC 6101 §5, RFC 8422, RFC 7627 (extended master secret), RFC 7366 (encrypt-then-MAC).
//! Differences: no signature is checked.

use crate::cipher::{KeyBlock, LegacyForm, Protection};
use crate::codec::Put;
use crate::group::{KeyShare, dh_exchange, rsa_encrypt};
use crate::handshake::{Common, Effect, Message};
use crate::hash::{Prf, Secret};
use crate::message::{ServerHello, ServerKeyExchange, decode_certificates, kind};
use crate::{Alert, Authentication, Group, KeyExchange, Suite, TlsError, Version, x509};
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

/// What is due next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    Certificate,
    ServerKeyExchange,
    /// Or a request for our certificate before it.
    ServerHelloDone,
    /// Or a ticket before it.
    ChangeCipherSpec,
    Finished,
    Open,
}

pub(crate) struct State {
    suite: &'static Suite,
    version: Version,
    prf: Prf,
    server_random: [u8; 32],
    extended_master_secret: bool,
    encrypt_then_mac: bool,
    step: Step,
    /// Body of our ClientKeyExchange and the premaster secret, for suites with a ServerKeyExchange.
    exchange: Option<(Vec<u8>, Secret)>,
    certificate_requested: bool,
    master: Secret,
    /// The server's keys, until its change of cipher spec.
    read: Option<Protection>,
}

impl State {
    pub fn new(hello: &ServerHello, suite: &'static Suite, version: Version, prf: Prf) -> State {
        let anonymous = suite.authentication() == Authentication::Anonymous;
        State {
            suite,
            version,
            prf,
            server_random: hello.random,
            extended_master_secret: hello.extended_master_secret,
            encrypt_then_mac: hello.encrypt_then_mac,
            step: if anonymous { Step::ServerKeyExchange } else { Step::Certificate },
            exchange: None,
            certificate_requested: false,
            master: Secret::default(),
            read: None,
        }
    }

    pub fn is_done(&self) -> bool {
        self.step == Step::Open
    }

    pub fn receive(&mut self, common: &mut Common, message: &Message<'_>) -> Result<(), TlsError> {
        if (self.step, message.kind) == (Step::Finished, kind::FINISHED) {
            return self.finish(common, message);
        }
        common.transcript.add(message.raw);
        self.step = match (self.step, message.kind) {
            (Step::Certificate, kind::CERTIFICATE) => {
                common.peer_mut().chain = decode_certificates(message.body, false)?;
                if self.suite.key_exchange() == KeyExchange::Rsa {
                    Step::ServerHelloDone
                } else {
                    Step::ServerKeyExchange
                }
            }
            // Not asked for; some servers send it all the same.
            (Step::ServerKeyExchange | Step::ServerHelloDone, kind::CERTIFICATE_STATUS) => self.step,
            (Step::ServerKeyExchange, kind::SERVER_KEY_EXCHANGE) => {
                self.exchange = Some(self.exchange_keys(common, message.body)?);
                Step::ServerHelloDone
            }
            (Step::ServerHelloDone, kind::CERTIFICATE_REQUEST) if !self.certificate_requested => {
                self.certificate_requested = true;
                common.peer_mut().certificate_requested = true;
                Step::ServerHelloDone
            }
            (Step::ServerHelloDone, kind::SERVER_HELLO_DONE) => {
                self.answer(common)?;
                Step::ChangeCipherSpec
            }
            (Step::ChangeCipherSpec, kind::NEW_SESSION_TICKET) => Step::ChangeCipherSpec,
            (step, _) => return Err(message.unexpected(step.awaited())),
        };
        Ok(())
    }

    pub fn change_cipher_spec(&mut self, common: &mut Common) -> Result<(), TlsError> {
        let due = self.step == Step::ChangeCipherSpec;
        let Some(read) = self.read.take().filter(|_| due) else {
            return Err(TlsError::Unexpected { what: "a change of cipher".into(), awaited: self.step.awaited() });
        };
        common.effects.push(Effect::Read(read));
        self.step = Step::Finished;
        Ok(())
    }

    /// Our half of a Diffie-Hellman exchange: body of the ClientKeyExchange, premaster secret.
    fn exchange_keys(&self, common: &mut Common, body: &[u8]) -> Result<(Vec<u8>, Secret), TlsError> {
        let mut out = Vec::new();
        match ServerKeyExchange::decode(body, self.suite.key_exchange())? {
            ServerKeyExchange::Dhe { prime, generator, public } => {
                let exchange = dh_exchange(prime, generator, public, &mut *common.rng)?;
                common.peer_mut().dh_bits = Some(exchange.prime_bits);
                out.put_vec16(&exchange.public);
                // Leading zeros do not count (RFC 5246 §8.1.2), which makes the time depend on one byte in 256.
                let zeros = exchange.shared.iter().take_while(|byte| **byte == 0).count();
                Ok((out, Zeroizing::new(exchange.shared[zeros..].to_vec())))
            }
            ServerKeyExchange::Ecdhe { group: code, public } => {
                let group = Group::from_code(code).filter(|group| common.config.groups.contains(group));
                let group = group.ok_or(TlsError::GroupNotOffered(code))?;
                let share = KeyShare::generate(group, &mut *common.rng)?;
                common.peer_mut().group = Some(group);
                out.put_vec8(&share.public());
                Ok((out, share.agree(public)?))
            }
        }
    }

    /// A secret encrypted to the certificate's key.
    fn transport_secret(&self, common: &mut Common) -> Result<(Vec<u8>, Secret), TlsError> {
        let mut secret = Zeroizing::new(vec![0; 48]);
        common.rng.fill(&mut secret)?;
        // The version of our hello, whatever was chosen: what guards against a downgrade.
        secret[..2].copy_from_slice(&common.config.hello_version(common.datagram).to_be_bytes());
        let chain = &common.peer_mut().chain;
        let key = chain.first().and_then(|leaf| x509::rsa_key(leaf)).ok_or(TlsError::NoKey)?;
        let encrypted = rsa_encrypt(&key.modulus, &key.exponent, &secret, &mut *common.rng)?;
        let mut out = Vec::new();
        if self.version == Version::Ssl3 {
            out = encrypted;
        } else {
            out.put_vec16(&encrypted);
        }
        Ok((out, secret))
    }

    /// Our flight after ServerHelloDone.
    fn answer(&mut self, common: &mut Common) -> Result<(), TlsError> {
        if self.certificate_requested {
            if self.version == Version::Ssl3 {
                common.effects.push(Effect::Warn(Alert::NO_CERTIFICATE));
            } else {
                common.send(kind::CERTIFICATE, &[0, 0, 0]);
            }
        }
        let (body, premaster) = match self.exchange.take() {
            Some(exchange) => exchange,
            None => self.transport_secret(common)?,
        };
        common.send(kind::CLIENT_KEY_EXCHANGE, &body);
        self.master = if self.extended_master_secret {
            self.prf.derive(&premaster, b"extended master secret", &[&common.transcript.hash()], 48)
        } else {
            self.prf.derive(&premaster, b"master secret", &[&common.client_random, &self.server_random], 48)
        };
        let (write, read) = self.make_keys(common);
        self.read = Some(read);
        common.effects.push(Effect::ChangeCipherSpec);
        common.effects.push(Effect::Write(write));
        let verify = self.verify_data(common, true);
        common.send(kind::FINISHED, &verify);
        Ok(())
    }

    /// Our keys and the server's.
    pub fn make_keys(&self, common: &Common) -> (Protection, Protection) {
        let form = LegacyForm { suite: self.suite, version: self.version, encrypt_then_mac: self.encrypt_then_mac };
        let (mac_len, key_len, iv_len) = form.lens();
        let seed: [&[u8]; 2] = [&self.server_random, &common.client_random];
        let block = self.prf.derive(&self.master, b"key expansion", &seed, 2 * (mac_len + key_len + iv_len));
        let (macs, rest) = block.split_at(2 * mac_len);
        let (keys, ivs) = rest.split_at(2 * key_len);
        let client = KeyBlock { mac_key: &macs[..mac_len], key: &keys[..key_len], iv: &ivs[..iv_len] };
        let server = KeyBlock { mac_key: &macs[mac_len..], key: &keys[key_len..], iv: &ivs[iv_len..] };
        (form.protection(&client), form.protection(&server))
    }

    /// What a Finished message holds.
    pub fn verify_data(&self, common: &Common, client: bool) -> Vec<u8> {
        if self.prf == Prf::Ssl3 {
            return common.transcript.ssl3_finished(if client { b"CLNT" } else { b"SRVR" }, &self.master);
        }
        let label: &[u8] = if client { b"client finished" } else { b"server finished" };
        self.prf.derive(&self.master, label, &[&common.transcript.hash()], 12).to_vec()
    }

    fn finish(&mut self, common: &mut Common, message: &Message<'_>) -> Result<(), TlsError> {
        let expected = self.verify_data(common, false);
        if !bool::from(expected.ct_eq(message.body)) {
            return Err(TlsError::BadFinished);
        }
        // Nothing needs it any more.
        self.master = Secret::default();
        self.step = Step::Open;
        common.effects.push(Effect::Done);
        Ok(())
    }
}

impl Step {
    fn awaited(self) -> &'static str {
        match self {
            Step::Certificate => "a Certificate message",
            Step::ServerKeyExchange => "a ServerKeyExchange message",
            Step::ServerHelloDone => "a ServerHelloDone message",
            Step::ChangeCipherSpec => "a change of cipher",
            Step::Finished => "a Finished message",
            Step::Open => "data",
        }
    }
}
