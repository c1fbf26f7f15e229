//! TLS 1.3 after the server's hello: key schedule, encrypted handshake, key updates.
//!
//! # Source
//! RFC 8446 §4, §7. Differences: CertificateVerify is taken and not checked, as no signature is.

use crate::cipher::Protection;
use crate::codec::{Put, Reader};
use crate::handshake::{Common, Effect, Message};
use crate::hash::{HashKind, Secret, hkdf_expand_label, hkdf_extract};
use crate::message::{ServerHello, decode_certificates, decode_encrypted_extensions, kind};
use crate::{Group, Suite, TlsError};
use subtle::ConstantTimeEq;

/// Derive-Secret of RFC 8446 §7.1, the transcript given by its hash.
fn derive_secret(hash: HashKind, secret: &[u8], label: &str, transcript: &[u8]) -> Secret {
    hkdf_expand_label(hash, secret, label, transcript, hash.len())
}

/// The secrets of the two stages.
pub(crate) struct Schedule {
    hash: HashKind,
    secret: Secret,
}

/// One secret for each direction.
pub(crate) struct Traffic {
    pub client: Secret,
    pub server: Secret,
}

impl Schedule {
    /// From the shared secret of the key exchange to the handshake secret.
    pub fn new(hash: HashKind, shared: &[u8]) -> Schedule {
        let zeros = vec![0; hash.len()];
        let early = hkdf_extract(hash, &[], &zeros);
        let derived = derive_secret(hash, &early, "derived", &hash.hash(&[]));
        Schedule { hash, secret: hkdf_extract(hash, &derived, shared) }
    }

    pub fn handshake_traffic(&self, transcript: &[u8]) -> Traffic {
        Traffic {
            client: derive_secret(self.hash, &self.secret, "c hs traffic", transcript),
            server: derive_secret(self.hash, &self.secret, "s hs traffic", transcript),
        }
    }

    /// On to the master secret.
    pub fn advance(&mut self) {
        let derived = derive_secret(self.hash, &self.secret, "derived", &self.hash.hash(&[]));
        self.secret = hkdf_extract(self.hash, &derived, &vec![0; self.hash.len()]);
    }

    pub fn application_traffic(&self, transcript: &[u8]) -> Traffic {
        Traffic {
            client: derive_secret(self.hash, &self.secret, "c ap traffic", transcript),
            server: derive_secret(self.hash, &self.secret, "s ap traffic", transcript),
        }
    }
}

/// What a Finished message holds.
pub(crate) fn finished(hash: HashKind, traffic: &[u8], transcript: &[u8]) -> Secret {
    let key = hkdf_expand_label(hash, traffic, "finished", &[], hash.len());
    hash.hmac(&key, &[transcript])
}

/// What is due next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    EncryptedExtensions,
    /// Certificate, or a request for ours before it.
    Certificate,
    CertificateVerify,
    Finished,
    /// Application data flows; tickets and key updates may come.
    Open,
}

pub(crate) struct State {
    pub suite: &'static Suite,
    schedule: Schedule,
    pub traffic: Traffic,
    step: Step,
    /// The context of the server's request for a certificate.
    request_context: Option<Vec<u8>>,
}

impl State {
    pub fn new(common: &mut Common, hello: &ServerHello, suite: &'static Suite) -> Result<State, TlsError> {
        let Some((code, public)) = &hello.key_share else {
            return Err(TlsError::KeyShare("there is none"));
        };
        let share = common.share.take().expect("a hello that offers TLS 1.3 has a key");
        if share.group().code() != *code {
            return Err(TlsError::GroupNotOffered(*code));
        }
        let shared = share.agree(public)?;
        let schedule = Schedule::new(suite.prf_hash(), &shared);
        let traffic = schedule.handshake_traffic(&common.transcript.hash());
        common.peer_mut().group = Group::from_code(*code);
        common.effects.push(Effect::Read(Protection::tls13(suite, &traffic.server)));
        Ok(State { suite, schedule, traffic, step: Step::EncryptedExtensions, request_context: None })
    }

    pub fn is_done(&self) -> bool {
        self.step == Step::Open
    }

    pub fn receive(&mut self, common: &mut Common, message: &Message<'_>) -> Result<(), TlsError> {
        self.step = match (self.step, message.kind) {
            (Step::EncryptedExtensions, kind::ENCRYPTED_EXTENSIONS) => {
                let alpn = decode_encrypted_extensions(message.body)?;
                common.check_alpn(alpn.as_deref())?;
                common.peer_mut().alpn = alpn;
                Step::Certificate
            }
            (Step::Certificate, kind::CERTIFICATE_REQUEST) if self.request_context.is_none() => {
                let mut reader = Reader::new(message.body, "CertificateRequest message");
                self.request_context = Some(reader.vec8()?.to_vec());
                common.peer_mut().certificate_requested = true;
                Step::Certificate
            }
            (Step::Certificate, kind::CERTIFICATE) => {
                common.peer_mut().chain = decode_certificates(message.body, true)?;
                Step::CertificateVerify
            }
            (Step::CertificateVerify, kind::CERTIFICATE_VERIFY) => Step::Finished,
            (Step::Finished, kind::FINISHED) => {
                self.finish(common, message)?;
                Step::Open
            }
            (Step::Open, kind::NEW_SESSION_TICKET) => Step::Open,
            (Step::Open, kind::KEY_UPDATE) => {
                self.key_update(common, message)?;
                Step::Open
            }
            (step, _) => return Err(message.unexpected(step.awaited())),
        };
        if self.step != Step::Open {
            common.transcript.add(message.raw);
        }
        Ok(())
    }

    fn finish(&mut self, common: &mut Common, message: &Message<'_>) -> Result<(), TlsError> {
        let hash = self.suite.prf_hash();
        let expected = finished(hash, &self.traffic.server, &common.transcript.hash());
        if !bool::from(expected.ct_eq(message.body)) {
            return Err(TlsError::BadFinished);
        }
        common.transcript.add(message.raw);
        self.schedule.advance();
        let application = self.schedule.application_traffic(&common.transcript.hash());
        common.send_middlebox_sign();
        common.effects.push(Effect::Write(Protection::tls13(self.suite, &self.traffic.client)));
        if let Some(context) = &self.request_context {
            let mut body = Vec::new();
            body.put_vec8(context);
            body.put_u24(0);
            common.send(kind::CERTIFICATE, &body);
        }
        let verify = finished(hash, &self.traffic.client, &common.transcript.hash());
        common.send(kind::FINISHED, &verify);
        common.effects.push(Effect::Write(Protection::tls13(self.suite, &application.client)));
        common.effects.push(Effect::Read(Protection::tls13(self.suite, &application.server)));
        common.effects.push(Effect::Done);
        self.traffic = application;
        Ok(())
    }

    fn key_update(&mut self, common: &mut Common, message: &Message<'_>) -> Result<(), TlsError> {
        let answer = match message.body {
            [0] => false,
            [1] => true,
            _ => return Err(TlsError::Malformed { what: "KeyUpdate message" }),
        };
        self.traffic.server = self.next(&self.traffic.server);
        common.effects.push(Effect::Read(Protection::tls13(self.suite, &self.traffic.server)));
        if answer {
            common.effects.push(Effect::Send(vec![kind::KEY_UPDATE, 0, 0, 1, 0]));
            self.traffic.client = self.next(&self.traffic.client);
            common.effects.push(Effect::Write(Protection::tls13(self.suite, &self.traffic.client)));
        }
        Ok(())
    }

    fn next(&self, secret: &[u8]) -> Secret {
        let hash = self.suite.prf_hash();
        hkdf_expand_label(hash, secret, "traffic upd", &[], hash.len())
    }
}

impl Step {
    fn awaited(self) -> &'static str {
        match self {
            Step::EncryptedExtensions => "an EncryptedExtensions message",
            Step::Certificate => "a Certificate message",
            Step::CertificateVerify => "a CertificateVerify message",
            Step::Finished => "a Finished message",
            Step::Open => "a ticket, a key update or data",
        }
    }
}
