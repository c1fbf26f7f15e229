//! One port under version detection: what is known so far, and which probe is next.

use super::VersionOptions;
use super::fingerprint::{self, Head};
use super::matching::Found;
use super::probes::ProbeFile;
use crate::net::{Millis, Network, Read, SocketId, Write};
use crate::result::{Host, Protocol, Version};
use crate::secure::Secure;
use crate::sys;
use std::net::IpAddr;

/// Confidence of a name that was only looked up.
const TABLE_CONFIDENCE: u8 = 3;
/// Confidence that a connection closed at once is a wrapper's.
const TCPWRAPPED_CONFIDENCE: u8 = 8;
/// Bytes taken at a time.
const READ_MAX: usize = 8_192;

/// One port.
#[derive(Debug)]
pub(super) struct Service {
    pub host_idx: usize,
    pub address: IpAddr,
    /// For the server name of TLS.
    pub name: Option<String>,
    pub port: u16,
    pub protocol: Protocol,
    pub in_tls: bool,
    /// The server wants a hello of SSL 3.0.
    pub ssl3: bool,
    pub soft: Option<Found>,
    pub stage: Stage,
    pub probe: usize,
    pub connection: Option<Connection>,
    /// What happens when the moment comes: time-out of the connection's phase, or another try for a socket.
    pub deadline: Millis,
    pub sent_at: Millis,
    /// The probe's bytes that are not yet sent.
    pub unsent: Vec<u8>,
    /// What the present probe received, behind what the listening one did when they share a connection.
    pub answer: Vec<u8>,
    /// By probe, what made no match.
    pub answers: Vec<(usize, Vec<u8>)>,
    /// A connection was closed at once and none did anything else.
    pub only_closes: Option<bool>,
    pub no_socket_tries: u32,
    /// A datagram came.
    pub answered: bool,
    pub outcome: Option<Outcome>,
}

/// Which probes are next: indices into the file.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Stage {
    Null,
    /// Those that list the port.
    Listed(usize),
    Others(usize),
}

#[derive(Debug)]
pub(super) struct Connection {
    pub id: SocketId,
    pub secure: Option<Box<Secure>>,
    pub phase: Phase,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Phase {
    Connecting,
    Handshaking,
    /// The probe is being sent, or its answer is waited for.
    Open,
}

#[derive(Debug)]
pub(super) enum Outcome {
    Found(Box<Version>),
    Wrapped,
    Excluded,
    /// Nothing matched.
    Unknown,
}

impl Service {
    pub fn new(host_idx: usize, host: &Host, port: u16, protocol: Protocol) -> Service {
        Service {
            host_idx,
            address: host.address,
            name: host.target_name.clone(),
            port,
            protocol,
            in_tls: false,
            ssl3: false,
            soft: None,
            stage: Stage::Null,
            probe: 0,
            connection: None,
            deadline: Millis(0),
            sent_at: Millis(0),
            unsent: Vec::new(),
            answer: Vec::new(),
            answers: Vec::new(),
            only_closes: None,
            no_socket_tries: 0,
            answered: false,
            outcome: None,
        }
    }

    /// When it wants to be looked at though its socket is quiet.
    pub fn next_moment(&self) -> Millis {
        let secure = self.connection.as_ref().and_then(|connection| connection.secure.as_ref()?.deadline());
        secure.map_or(self.deadline, |moment| moment.min(self.deadline))
    }

    /// Starts over inside TLS.
    pub fn enter_tls(&mut self) {
        self.in_tls = true;
        self.stage = Stage::Null;
        self.soft = None;
        self.answers.clear();
        self.only_closes = None;
    }

    /// The next probe, `None` when there is none left.
    pub fn choose(&mut self, file: &ProbeFile, null: Option<usize>, intensity: u8) -> Option<usize> {
        let soft = self.soft.as_ref().and_then(|soft| soft.version.name.as_deref());
        let wanted = |idx: &usize, listed: bool| {
            let probe = &file.probes[*idx];
            let possible = soft.map(|service| file.is_possible(probe, service));
            let is_rare = probe.rarity > intensity;
            probe.protocol == self.protocol
                && !probe.is_null()
                && probe.lists(self.port, self.in_tls) == listed
                && match possible {
                    Some(possible) => possible || (intensity == 9 && (listed || !is_rare)),
                    None => listed || !is_rare,
                }
        };
        loop {
            match self.stage {
                Stage::Null => {
                    self.stage = Stage::Listed(0);
                    if self.protocol == Protocol::Tcp && null.is_some() {
                        return null;
                    }
                }
                Stage::Listed(from) => match (from..file.probes.len()).find(|idx| wanted(idx, true)) {
                    Some(idx) => {
                        self.stage = Stage::Listed(idx + 1);
                        return Some(idx);
                    }
                    None => self.stage = Stage::Others(0),
                },
                Stage::Others(from) => {
                    let idx = (from..file.probes.len()).find(|idx| wanted(idx, false))?;
                    self.stage = Stage::Others(idx + 1);
                    return Some(idx);
                }
            }
        }
    }

    /// The answers that matched nothing, as text; `None` when there were none.
    pub fn fingerprint(&self, file: &ProbeFile, options: &VersionOptions) -> Option<String> {
        if self.answers.is_empty() {
            return None;
        }
        let date = sys::local_time(options.now);
        let head = Head {
            protocol: self.protocol,
            port: self.port,
            in_tls: self.in_tls,
            intensity: options.intensity,
            date: (date.month, date.day),
            seconds: options.now,
            version: env!("CARGO_PKG_VERSION"),
            debugging: options.debugging,
        };
        let answers = self.answers.iter().map(|(probe, answer)| (file.probes[*probe].name.as_str(), &answer[..]));
        Some(fingerprint::of(&head, answers))
    }

    /// What a report says; `None`: no more than before.
    pub fn version(self, file: &ProbeFile, options: &VersionOptions) -> Option<Version> {
        let unknown = Version { confidence: TABLE_CONFIDENCE, tls_tunnel: self.in_tls, ..Version::default() };
        match self.outcome.as_ref()? {
            Outcome::Found(version) => Some(Version { tls_tunnel: self.in_tls, ..*version.clone() }),
            // Inside TLS somebody did speak: the one who made the handshake.
            Outcome::Wrapped if !self.in_tls => {
                let name = Some("tcpwrapped".to_owned());
                Some(Version { name, probed: true, confidence: TCPWRAPPED_CONFIDENCE, ..Version::default() })
            }
            Outcome::Excluded => None,
            Outcome::Wrapped | Outcome::Unknown => {
                let fingerprint = self.fingerprint(file, options);
                (fingerprint.is_some() || self.in_tls).then_some(Version { fingerprint, ..unknown })
            }
        }
    }
}

impl Connection {
    pub fn write(&mut self, network: &mut dyn Network, data: &[u8]) -> Write {
        match &mut self.secure {
            Some(secure) => secure.write(network, self.id, data),
            None => network.write(self.id, data),
        }
    }

    pub fn read(&mut self, network: &mut dyn Network, into: &mut Vec<u8>) -> Read {
        match &mut self.secure {
            Some(secure) => secure.read(network, self.id, into, READ_MAX),
            None => network.read(self.id, into, READ_MAX),
        }
    }
}
