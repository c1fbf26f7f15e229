//! The handshake, apart from records: messages in, effects out.
//!
//! Streams and datagrams share it. The caller puts messages together and carries out the effects in their order;
//! here are the hello, the choice between the two families of versions, and what both share.
//! `legacy` goes on for everything before TLS 1.3, `tls13` for the rest.

use crate::cipher::Protection;
use crate::codec::Put;
use crate::config::Config;
use crate::group::KeyShare;
use crate::hash::{Prf, Transcript};
use crate::limits::{COOKIE_LEN_MAX, HANDSHAKE_MESSAGES_MAX, VERIFY_REQUESTS_MAX};
use crate::message::{ClientHello, ServerHello, decode_hello_verify, kind, kind_name};
use crate::{Alert, Group, Rng, Suite, TlsError, Version, legacy, tls13};
use std::fmt;

/// What is known of the server once its hello has come.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Peer {
    /// The version it chose. DTLS 1.0 and 1.2 are TLS 1.1 and 1.2 here.
    pub version: Version,
    /// The number of the suite it chose.
    pub suite_code: u16,
    /// Its certificates as they came, leaf first; empty with an anonymous suite.
    pub chain: Vec<Vec<u8>>,
    /// The application protocol it chose.
    pub alpn: Option<Vec<u8>>,
    /// The curve of the key exchange.
    pub group: Option<Group>,
    /// Bits of the prime of a finite-field key exchange.
    pub dh_bits: Option<usize>,
    /// Whether it asked for a certificate, which it did not get.
    pub certificate_requested: bool,
    /// Whether the extended master secret is in use (always so in TLS 1.3).
    pub extended_master_secret: bool,
    /// Whether encrypt-then-MAC is in use.
    pub encrypt_then_mac: bool,
    /// Whether it knows secure renegotiation.
    pub secure_renegotiation: bool,
}

impl Peer {
    /// The suite it chose.
    pub fn suite(&self) -> &'static Suite {
        Suite::from_code(self.suite_code).expect("only known suites are accepted")
    }

    /// The server's certificate.
    pub fn certificate(&self) -> Option<&[u8]> {
        self.chain.first().map(Vec::as_slice)
    }
}

impl fmt::Debug for Peer {
    /// Of the certificates only the lengths: a screen full of bytes helps nobody.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let lens: Vec<usize> = self.chain.iter().map(Vec::len).collect();
        f.debug_struct("Peer")
            .field("version", &self.version)
            .field("suite", &self.suite().iana_name())
            .field("chain_lens", &lens)
            .field("alpn", &self.alpn)
            .field("group", &self.group)
            .field("dh_bits", &self.dh_bits)
            .field("certificate_requested", &self.certificate_requested)
            .finish_non_exhaustive()
    }
}

/// What the record layer is to do, in this order.
pub(crate) enum Effect {
    /// Send a handshake message: on streams with its header of four bytes, on datagrams with one of twelve.
    Send(Vec<u8>),
    /// Send a warning alert.
    Warn(Alert),
    /// Send a change of cipher spec.
    ChangeCipherSpec,
    /// Protect what is sent from here on.
    Write(Protection),
    /// Expect what comes from here on to be protected so.
    Read(Protection),
    /// The server's hello has come: DTLS and TLS write this version into records.
    Version(Version),
    /// Application data may flow.
    Done,
}

/// What is shared by all parts of the handshake.
pub(crate) struct Common {
    pub config: Config,
    pub rng: Box<dyn Rng>,
    pub datagram: bool,
    pub transcript: Transcript,
    pub client_random: [u8; 32],
    pub session_id: Vec<u8>,
    pub share: Option<KeyShare>,
    pub effects: Vec<Effect>,
    pub peer: Option<Peer>,
    datagram_cookie: Vec<u8>,
    retry_cookie: Vec<u8>,
    /// Number of our next message (DTLS).
    send_seq: u16,
    /// Whether the change of cipher that TLS 1.3 sends for middleboxes is out.
    middlebox_sign_sent: bool,
}

/// A handshake message, whole.
pub(crate) struct Message<'a> {
    pub kind: u8,
    pub body: &'a [u8],
    /// With its header, as the transcript has it.
    pub raw: &'a [u8],
}

impl Message<'_> {
    pub fn unexpected(&self, awaited: &'static str) -> TlsError {
        TlsError::Unexpected { what: kind_name(self.kind), awaited }
    }
}

pub(crate) struct Handshake {
    pub common: Common,
    stage: Stage,
    message_count: usize,
    verify_count: usize,
}

/// How far the handshake is.
enum Stage {
    /// Our hello is out.
    Hello,
    /// Our second hello is out: what the retry chose.
    Retried { suite: u16 },
    /// Before TLS 1.3.
    Legacy(Box<legacy::State>),
    /// TLS 1.3.
    Tls13(Box<tls13::State>),
    /// An error ended it.
    Failed,
}

impl Handshake {
    /// Makes the first hello.
    pub fn new(config: Config, mut rng: Box<dyn Rng>, datagram: bool) -> Result<Handshake, TlsError> {
        let config = config.prepare(datagram)?;
        let client_random = crate::rng::random(&mut *rng)?;
        let mut session_id = Vec::new();
        let mut share = None;
        if config.offers(Version::Tls13) {
            // Middleboxes want to see what looks like a resumption (RFC 8446 D.4).
            session_id = crate::rng::random::<32>(&mut *rng)?.to_vec();
            share = Some(KeyShare::generate(config.groups[0], &mut *rng)?);
        }
        Ok(Handshake::start(config, rng, datagram, client_random, session_id, share))
    }

    /// The same with all random choices made.
    pub fn start(
        config: Config,
        rng: Box<dyn Rng>,
        datagram: bool,
        client_random: [u8; 32],
        session_id: Vec<u8>,
        share: Option<KeyShare>,
    ) -> Handshake {
        let mut common = Common {
            config,
            rng,
            datagram,
            transcript: Transcript::new(),
            client_random,
            session_id,
            share,
            effects: Vec::new(),
            peer: None,
            datagram_cookie: Vec::new(),
            retry_cookie: Vec::new(),
            send_seq: 0,
            middlebox_sign_sent: false,
        };
        common.send_hello();
        Handshake { common, stage: Stage::Hello, message_count: 0, verify_count: 0 }
    }

    /// Whether application data may flow.
    pub fn is_done(&self) -> bool {
        match &self.stage {
            Stage::Legacy(state) => state.is_done(),
            Stage::Tls13(state) => state.is_done(),
            _ => false,
        }
    }

    /// What the server would protect its next record with. For the puppet, a server that knows what the client knows.
    #[cfg(any(test, fuzzing))]
    pub fn server_keys(&self) -> Option<Protection> {
        match &self.stage {
            Stage::Legacy(state) => Some(state.make_keys(&self.common).1),
            Stage::Tls13(state) => Some(Protection::tls13(state.suite, &state.traffic.server)),
            _ => None,
        }
    }

    /// The body that the server's Finished message must have. For the puppet.
    #[cfg(any(test, fuzzing))]
    pub fn server_finished(&self) -> Option<Vec<u8>> {
        match &self.stage {
            Stage::Legacy(state) => Some(state.verify_data(&self.common, false)),
            Stage::Tls13(state) => {
                let hash = self.common.transcript.hash();
                Some(tls13::finished(state.suite.prf_hash(), &state.traffic.server, &hash).to_vec())
            }
            _ => None,
        }
    }

    /// Takes in a message.
    pub fn receive(&mut self, message: &Message<'_>) -> Result<(), TlsError> {
        if !self.is_done() {
            self.message_count += 1;
            if HANDSHAKE_MESSAGES_MAX < self.message_count {
                return Err(TlsError::Limit { what: "handshake messages", max: HANDSHAKE_MESSAGES_MAX });
            }
        }
        let common = &mut self.common;
        self.stage = match std::mem::replace(&mut self.stage, Stage::Failed) {
            // A server may ask for a hello at any time; before its own hello it has one already.
            stage if message.kind == kind::HELLO_REQUEST && !matches!(stage, Stage::Tls13(_)) => {
                if !message.body.is_empty() {
                    return Err(TlsError::Malformed { what: "HelloRequest message" });
                }
                if matches!(&stage, Stage::Legacy(state) if state.is_done()) {
                    common.effects.push(Effect::Warn(Alert::NO_RENEGOTIATION));
                }
                stage
            }
            Stage::Hello if message.kind == kind::HELLO_VERIFY_REQUEST && common.datagram => {
                self.verify_count += 1;
                if VERIFY_REQUESTS_MAX < self.verify_count {
                    return Err(TlsError::Limit { what: "HelloVerifyRequests", max: VERIFY_REQUESTS_MAX });
                }
                common.datagram_cookie = decode_hello_verify(message.body)?;
                // Neither the first hello nor this message counts (RFC 6347 §4.2.1).
                common.transcript = Transcript::new();
                common.send_hello();
                Stage::Hello
            }
            Stage::Hello => common.server_hello(message, None)?,
            Stage::Retried { suite } => common.server_hello(message, Some(suite))?,
            Stage::Legacy(mut state) => {
                state.receive(common, message)?;
                Stage::Legacy(state)
            }
            Stage::Tls13(mut state) => {
                state.receive(common, message)?;
                Stage::Tls13(state)
            }
            Stage::Failed => return Err(TlsError::NotOpen),
        };
        Ok(())
    }

    /// Takes in a change of cipher spec.
    pub fn change_cipher_spec(&mut self) -> Result<(), TlsError> {
        let is_done = self.is_done();
        match &mut self.stage {
            Stage::Legacy(state) => state.change_cipher_spec(&mut self.common),
            // Sent for the eyes of middleboxes.
            Stage::Retried { .. } | Stage::Tls13(_) if !is_done => Ok(()),
            _ => {
                Err(TlsError::Unexpected { what: "a change of cipher".into(), awaited: "a handshake message or data" })
            }
        }
    }
}

impl Common {
    /// Frames a message, counts it into the transcript, and sends it.
    pub fn send(&mut self, kind: u8, body: &[u8]) {
        let mut raw = Vec::with_capacity(body.len() + 12);
        raw.put_u8(kind);
        raw.put_u24(body.len());
        if self.datagram {
            raw.put_u16(self.send_seq);
            raw.put_u24(0);
            raw.put_u24(body.len());
            self.send_seq = self.send_seq.wrapping_add(1);
        }
        raw.extend_from_slice(body);
        self.transcript.add(&raw);
        self.effects.push(Effect::Send(raw));
    }

    fn send_hello(&mut self) {
        let hello = ClientHello {
            config: &self.config,
            datagram: self.datagram,
            random: &self.client_random,
            session_id: &self.session_id,
            datagram_cookie: &self.datagram_cookie,
            retry_cookie: &self.retry_cookie,
            key_share: self.share.as_ref().map(|share| (share.group().code(), share.public())),
        };
        let body = hello.encode();
        self.send(kind::CLIENT_HELLO, &body);
    }

    /// A ServerHello; `retried` is the suite of the HelloRetryRequest before it.
    fn server_hello(&mut self, message: &Message<'_>, retried: Option<u16>) -> Result<Stage, TlsError> {
        if message.kind != kind::SERVER_HELLO {
            return Err(message.unexpected("a ServerHello"));
        }
        let hello = ServerHello::decode(message.body)?;
        let is_offered = |version: &Version| {
            let code = if self.datagram { version.datagram_code() } else { version.code() };
            self.config.offers(*version) && code == hello.version
        };
        let version = Version::from_code(hello.version).filter(is_offered);
        let version = version.ok_or(TlsError::VersionNotOffered(hello.version))?;
        if retried.is_some() && version != Version::Tls13 {
            return Err(TlsError::VersionNotOffered(hello.version));
        }
        let suite = self.config.suites.iter().find(|suite| suite.code() == hello.suite && suite.is_for(version));
        let suite: &'static Suite = suite.ok_or(TlsError::SuiteNotOffered(hello.suite))?;
        if retried.is_some_and(|retried| retried != hello.suite) {
            return Err(TlsError::SuiteNotOffered(hello.suite));
        }
        if hello.compression != 0 {
            return Err(TlsError::Compression(hello.compression));
        }
        if version == Version::Tls13 && hello.is_retry() {
            return self.retry(message, &hello, suite, retried.is_some());
        }
        self.check_alpn(hello.alpn.as_deref())?;
        let tls13 = version == Version::Tls13;
        self.peer = Some(Peer {
            version,
            suite_code: suite.code(),
            chain: Vec::new(),
            alpn: hello.alpn.clone(),
            group: None,
            dh_bits: None,
            certificate_requested: false,
            extended_master_secret: tls13 || hello.extended_master_secret,
            encrypt_then_mac: hello.encrypt_then_mac && suite.bulk().mode() == crate::suite::Mode::Block,
            secure_renegotiation: tls13 || hello.secure_renegotiation,
        });
        self.effects.push(Effect::Version(version));
        self.transcript.add(message.raw);
        let prf = match version {
            Version::Ssl3 => Prf::Ssl3,
            Version::Tls10 | Version::Tls11 => Prf::Tls10,
            Version::Tls12 | Version::Tls13 => Prf::Tls12(suite.prf_hash()),
        };
        self.transcript.start(prf);
        Ok(if tls13 {
            Stage::Tls13(Box::new(tls13::State::new(self, &hello, suite)?))
        } else {
            Stage::Legacy(Box::new(legacy::State::new(&hello, suite, version, prf)))
        })
    }

    /// A HelloRetryRequest: the hello goes out again with what it asks for.
    fn retry(
        &mut self,
        message: &Message<'_>,
        hello: &ServerHello,
        suite: &Suite,
        again: bool,
    ) -> Result<Stage, TlsError> {
        if again {
            return Err(TlsError::Unexpected { what: "a second HelloRetryRequest".into(), awaited: "a ServerHello" });
        }
        if COOKIE_LEN_MAX < hello.cookie.len() {
            return Err(TlsError::Limit { what: "bytes of a cookie", max: COOKIE_LEN_MAX });
        }
        if let Some((code, _)) = hello.key_share {
            let group = Group::from_code(code).filter(|group| self.config.groups.contains(group));
            let group = group.ok_or(TlsError::GroupNotOffered(code))?;
            if self.share.as_ref().is_some_and(|share| share.group() == group) {
                return Err(TlsError::KeyShare("it asks for the key that it has"));
            }
            self.share = Some(KeyShare::generate(group, &mut *self.rng)?);
        } else if hello.cookie.is_empty() {
            return Err(TlsError::Malformed { what: "HelloRetryRequest, which asks for nothing" });
        }
        self.retry_cookie = hello.cookie.clone();
        self.transcript.replace_first_hello(suite.prf_hash());
        self.transcript.add(message.raw);
        self.send_middlebox_sign();
        self.send_hello();
        Ok(Stage::Retried { suite: suite.code() })
    }

    /// TLS 1.3 looks like a resumption from outside: a change of cipher, once, before the second flight (RFC 8446 D.4).
    pub fn send_middlebox_sign(&mut self) {
        if !std::mem::replace(&mut self.middlebox_sign_sent, true) {
            self.effects.push(Effect::ChangeCipherSpec);
        }
    }

    pub fn check_alpn(&self, chosen: Option<&[u8]>) -> Result<(), TlsError> {
        match chosen {
            Some(name) if !self.config.alpn.iter().any(|offered| offered == name) => Err(TlsError::AlpnNotOffered),
            _ => Ok(()),
        }
    }

    pub fn peer_mut(&mut self) -> &mut Peer {
        self.peer.as_mut().expect("set by the server's hello, before any later message")
    }
}
