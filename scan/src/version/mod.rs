//! Version detection: which service speaks behind an open port, and what it says of itself.
//!
//! Each port is a small state machine over one connection at a time: connect, maybe a TLS handshake, send a probe, read
//! until an answer matches or its time is over, next probe. A first probe only listens, and when nothing comes its
//! connection is used by the next one. Probes that list the port come before the others; a soft match leaves only
//! probes that know its service. A port that turns out to speak TLS starts over inside it.
//!
//! Ports take turns under a limit. Nothing blocks but the network's wait, and the network may be a simulated one.
//!
//! # Invariants
//! - D1. A service that is active has a connection, and the connection's socket names the service in `by_socket`.
//! - D2. The subject of a match is at most [`ANSWER_MAX`] bytes and what one more read brings.
//!
//! # Source
//! The technique and the file format of Nmap's documentation.

mod fingerprint;
mod matching;
mod probes;
mod service;
mod template;

pub use fingerprint::wrapped;
pub use probes::{FileWarning, ProbeFile};

use crate::net::{Millis, NetError, Network, Read, Ready, SocketId, Transport, Write};
use crate::result::{Host, PortState, Protocol, Reason, Version};
use crate::secure::{Secure, SecureError};
use hashbrown::HashMap;
use matching::{Found, Matcher};
use perilune_tls::Config;
use service::{Connection, Outcome, Phase, Service};
use std::collections::VecDeque;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// The door for [`crate::fuzzing`].
#[cfg(fuzzing)]
pub(crate) fn fill(templates: &[u8], subject: &[u8], groups: &crate::regex::Groups) {
    let _ = template::fill(templates, subject, groups);
}

/// How long a connection may take, milliseconds.
const CONNECT_MS: u64 = 5_000;
/// A step takes no longer, so that who watches the scan is heard.
const LOOK_MS: u64 = 250;
/// How long a TLS handshake may take, milliseconds.
const HANDSHAKE_MS: u64 = 8_000;
/// An answer this long that matches nothing is read no further.
const ANSWER_MAX: usize = 4_096;
/// Pause when the system has no socket to give, milliseconds, and how often it is asked again.
const NO_SOCKET_PAUSE_MS: u64 = 50;
const NO_SOCKET_TRIES_MAX: u32 = 200;
/// A soft match is as good as a hard one from here on; below, its answers make no fingerprint.
const SOFT_FINGERPRINT_INTENSITY: u8 = 7;

/// What the command line says about version detection.
#[derive(Clone, Copy, Debug)]
pub struct VersionOptions {
    /// 0 to 9: the highest rarity of probes that are sent to ports which they do not list.
    pub intensity: u8,
    /// Probe excluded ports, too.
    pub all_ports: bool,
    /// Ports at once.
    pub parallelism: usize,
    pub debugging: bool,
    /// Keep a line for each probe and match.
    pub trace: bool,
    /// Seconds since 1970, for fingerprints.
    pub now: u64,
}

impl Default for VersionOptions {
    fn default() -> VersionOptions {
        VersionOptions { intensity: 7, all_ports: false, parallelism: 20, debugging: false, trace: false, now: 0 }
    }
}

/// The probe file that is part of the program.
pub fn embedded() -> ProbeFile {
    ProbeFile::parse(include_bytes!("embedded.probes").to_vec())
}

/// Version detection under way.
#[derive(Debug)]
pub struct VersionScan<'a> {
    file: &'a ProbeFile,
    options: VersionOptions,
    matcher: Matcher,
    /// The probe that sends nothing.
    null: Option<usize>,
    services: Vec<Service>,
    /// By host.
    clocks: Vec<Clock>,
    /// Not yet begun.
    waiting: VecDeque<usize>,
    active: Vec<usize>,
    by_socket: HashMap<SocketId, usize>,
    done_count: usize,
    trace: Vec<String>,
    ready: Vec<Ready>,
}

/// The time that a host may take.
#[derive(Clone, Copy, Default, Debug)]
struct Clock {
    left_ms: Option<u64>,
    started: Option<Millis>,
    /// When its last service was done.
    done: Millis,
    timed_out: bool,
}

impl Clock {
    /// When its time is over.
    fn limit(&self) -> Option<Millis> {
        let started = self.started.filter(|_| !self.timed_out)?;
        self.left_ms.map(|left_ms| started.after(left_ms))
    }
}

/// How a connection ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum End {
    Closed,
    Reset,
    /// Not at all: somebody answered, yet said nothing.
    Empty,
    /// Nobody can be reached there.
    Unreachable,
    Failed,
}

impl<'a> VersionScan<'a> {
    /// Detection for the ports of `hosts` that may be open: first those that are.
    pub fn new(file: &'a ProbeFile, options: VersionOptions, hosts: &[Host]) -> VersionScan<'a> {
        let null = file.probes.iter().position(|probe| probe.is_null());
        let mut services = Vec::new();
        for state in [PortState::Open, PortState::OpenFiltered] {
            for (host_idx, host) in hosts.iter().enumerate().filter(|(_, host)| !host.timed_out) {
                let fits = |protocol| matches!(protocol, Protocol::Tcp | Protocol::Udp);
                let ports = host.ports.iter().filter(|port| port.state == state && fits(port.protocol));
                services.extend(ports.map(|port| {
                    let mut service = Service::new(host_idx, host, port.number, port.protocol);
                    if !options.all_ports && file.exclude.of(port.protocol).binary_search(&port.number).is_ok() {
                        service.outcome = Some(Outcome::Excluded);
                    }
                    service
                }));
            }
        }
        let waiting: VecDeque<usize> = (0..services.len()).filter(|&idx| services[idx].outcome.is_none()).collect();
        VersionScan {
            file,
            options,
            matcher: Matcher::default(),
            null,
            done_count: services.len() - waiting.len(),
            services,
            clocks: hosts.iter().map(|host| Clock { left_ms: host.time_left_ms, ..Clock::default() }).collect(),
            waiting,
            active: Vec::new(),
            by_socket: HashMap::default(),
            trace: Vec::new(),
            ready: Vec::new(),
        }
    }

    /// Ports that are done, and all.
    pub fn progress(&self) -> (usize, usize) {
        (self.done_count, self.services.len())
    }

    /// Lines since the last call; empty without `trace`.
    pub fn take_trace(&mut self) -> Vec<String> {
        std::mem::take(&mut self.trace)
    }

    /// Begins what there is room for, then waits for the network; `false` when all is done.
    pub fn step(&mut self, network: &mut dyn Network) -> bool {
        while self.active.len() < self.options.parallelism.max(1)
            && let Some(idx) = self.waiting.pop_front()
        {
            self.active.push(idx);
            let now = network.now();
            self.clocks[self.services[idx].host_idx].started.get_or_insert(now);
            self.next_probe(idx, network, false);
        }
        self.active.retain(|&idx| self.services[idx].outcome.is_none());
        let Some(until) = self.active.iter().map(|&idx| self.services[idx].next_moment()).min() else {
            return !self.waiting.is_empty();
        };
        let until = until.min(network.now().after(LOOK_MS));
        let until = self.clocks.iter().filter_map(Clock::limit).min().map_or(until, |limit| limit.min(until));
        let mut ready = std::mem::take(&mut self.ready);
        network.wait(Some(until), &mut ready);
        for event in ready.drain(..) {
            if let Some(&idx) = self.by_socket.get(&event.id) {
                self.advance(idx, network);
            }
        }
        self.ready = ready;
        let now = network.now();
        for at in 0..self.active.len() {
            let idx = self.active[at];
            if self.services[idx].outcome.is_none() && self.services[idx].next_moment() <= now {
                self.time_is_up(idx, network);
            }
        }
        for host_idx in 0..self.clocks.len() {
            if self.clocks[host_idx].limit().is_some_and(|limit| limit <= now) {
                self.give_up_host(host_idx, network);
            }
        }
        true
    }

    /// `--host-timeout`: what is not known of a host by now stays unknown.
    fn give_up_host(&mut self, host_idx: usize, network: &mut dyn Network) {
        let undone = |service: &Service| service.host_idx == host_idx && service.outcome.is_none();
        let services: Vec<usize> = (0..self.services.len()).filter(|&idx| undone(&self.services[idx])).collect();
        if !services.is_empty() {
            self.clocks[host_idx].timed_out = true;
        }
        // A clock that has nothing to end stands still.
        self.clocks[host_idx].left_ms = None;
        services.iter().for_each(|&idx| self.done(idx, network, Outcome::Unknown));
        self.waiting.retain(|idx| !services.contains(idx));
    }

    /// Closes what is open; ports that are not done stay as they were.
    pub fn stop(&mut self, network: &mut dyn Network) {
        for &idx in &self.active {
            if let Some(connection) = self.services[idx].connection.take() {
                network.abort(connection.id);
            }
        }
        self.by_socket.clear();
        self.active.clear();
        self.waiting.clear();
    }

    /// Writes what was found into `hosts`, the same that [`VersionScan::new`] saw.
    pub fn finish(self, hosts: &mut [Host]) {
        let (file, options) = (self.file, self.options);
        for (host, clock) in hosts.iter_mut().zip(&self.clocks) {
            host.spend(clock.started.map_or(0, |started| clock.done.since(started)));
            host.timed_out |= clock.timed_out;
        }
        for service in self.services {
            let ports = &mut hosts[service.host_idx].ports;
            let is_it =
                |port: &&mut crate::result::Port| port.number == service.port && port.protocol == service.protocol;
            let Some(port) = ports.iter_mut().find(is_it) else { continue };
            if service.answered && port.state == PortState::OpenFiltered {
                (port.state, port.reason) = (PortState::Open, Reason::UdpResponse);
            }
            port.version = service.version(file, &options).map(Box::new).or(port.version.take());
        }
    }

    /// Chooses the next probe and sends it, on the same connection if that is to be kept.
    fn next_probe(&mut self, idx: usize, network: &mut dyn Network, keep: bool) {
        let Some(probe) = self.services[idx].choose(self.file, self.null, self.options.intensity) else {
            return self.give_up(idx, network);
        };
        let service = &mut self.services[idx];
        service.probe = probe;
        service.unsent.clone_from(&self.file.probes[probe].payload);
        if keep && service.connection.is_some() {
            return self.send(idx, network);
        }
        self.disconnect(idx, network);
        let service = &mut self.services[idx];
        service.answer.clear();
        self.connect(idx, network);
    }

    fn connect(&mut self, idx: usize, network: &mut dyn Network) {
        let service = &mut self.services[idx];
        let remote = SocketAddr::new(service.address, service.port);
        let transport = if service.protocol == Protocol::Udp { Transport::Udp } else { Transport::Tcp };
        let local = self.file.probes[service.probe].source.map(|port| SocketAddr::new(unspecified(remote), port));
        let now = network.now();
        let mut opened = network.open(transport, Some(remote), local);
        if local.is_some() && opened.is_err() {
            opened = network.open(transport, Some(remote), None);
        }
        match opened {
            Ok(id) => {
                service.connection = Some(Connection { id, secure: None, phase: Phase::Connecting });
                service.deadline = now.after(CONNECT_MS);
                self.by_socket.insert(id, idx);
                self.advance(idx, network);
            }
            Err(NetError::TooManySockets | NetError::AddressInUse) if service.no_socket_tries < NO_SOCKET_TRIES_MAX => {
                service.no_socket_tries += 1;
                service.deadline = now.after(NO_SOCKET_PAUSE_MS);
            }
            Err(error) => self.connection_failed(idx, network, error),
        }
    }

    /// Does what the socket allows.
    fn advance(&mut self, idx: usize, network: &mut dyn Network) {
        let service = &mut self.services[idx];
        let Some(connection) = &mut service.connection else { return };
        match connection.phase {
            Phase::Connecting => match network.connect_result(connection.id) {
                None => {}
                Some(Ok(())) if service.in_tls => self.begin_handshake(idx, network),
                Some(Ok(())) => self.send(idx, network),
                Some(Err(error)) => self.connection_failed(idx, network, error),
            },
            Phase::Handshaking => {
                let Some(secure) = &mut connection.secure else { return };
                match secure.handshake(network, connection.id) {
                    None => {}
                    Some(Ok(())) => self.send(idx, network),
                    Some(Err(error)) => self.handshake_failed(idx, network, Some(&error)),
                }
            }
            Phase::Open => self.send_and_read(idx, network),
        }
    }

    fn begin_handshake(&mut self, idx: usize, network: &mut dyn Network) {
        let service = &mut self.services[idx];
        let Some(connection) = &mut service.connection else { return };
        let now = network.now();
        let base = if service.ssl3 { Config::ssl3() } else { Config::default() };
        let config = Config { server_name: service.name.clone(), ..base };
        let made = match service.protocol {
            Protocol::Udp => Secure::datagram(config, now),
            _ => Secure::stream(config),
        };
        match made {
            Ok(secure) => {
                connection.secure = Some(Box::new(secure));
                connection.phase = Phase::Handshaking;
                service.deadline = now.after(HANDSHAKE_MS);
                self.advance(idx, network);
            }
            Err(_) => self.handshake_failed(idx, network, None),
        }
    }

    /// Starts the time of the present probe and sends it.
    fn send(&mut self, idx: usize, network: &mut dyn Network) {
        let service = &mut self.services[idx];
        let Some(connection) = &mut service.connection else { return };
        connection.phase = Phase::Open;
        let probe = &self.file.probes[service.probe];
        service.sent_at = network.now();
        service.deadline = service.sent_at.after(probe.total_wait_ms);
        if self.options.trace {
            let (address, port, protocol) = (service.address, service.port, service.protocol);
            self.trace.push(format!("Service scan sending probe {} to {address}:{port} ({protocol})", probe.name));
        }
        self.send_and_read(idx, network);
    }

    fn send_and_read(&mut self, idx: usize, network: &mut dyn Network) {
        let service = &mut self.services[idx];
        let Some(connection) = &mut service.connection else { return };
        while !service.unsent.is_empty() {
            match connection.write(network, &service.unsent) {
                Write::Written(len) if service.protocol == Protocol::Tcp => {
                    service.unsent.drain(..len);
                }
                Write::Written(_) => service.unsent.clear(),
                Write::WouldBlock => break,
                // What the peer said before it went away is still to be read.
                Write::Failed(_) => service.unsent.clear(),
            }
        }
        if let Some(secure) = &mut connection.secure {
            secure.flush(network, connection.id);
        }
        loop {
            let service = &mut self.services[idx];
            let Some(connection) = &mut service.connection else { return };
            match connection.read(network, &mut service.answer) {
                // An empty datagram is taken for an end, as in the reference.
                Read::Data(0) => {
                    service.answered = true;
                    return self.ended(idx, network, End::Empty);
                }
                Read::Data(_) => {
                    service.only_closes = Some(false);
                    service.answered = true;
                    if self.try_match(idx, network) {
                        return;
                    }
                }
                Read::WouldBlock => return,
                Read::Eof => return self.ended(idx, network, End::Closed),
                Read::Failed(NetError::Reset | NetError::Refused) => {
                    return self.ended(idx, network, End::Reset);
                }
                Read::Failed(NetError::HostUnreachable | NetError::NetworkUnreachable) => {
                    return self.ended(idx, network, End::Unreachable);
                }
                Read::Failed(_) => return self.ended(idx, network, End::Failed),
            }
        }
    }

    /// Looks whether the answer so far says what the service is; `true` when this probe is over.
    fn try_match(&mut self, idx: usize, network: &mut dyn Network) -> bool {
        let service = &mut self.services[idx];
        let null = if service.protocol == Protocol::Tcp { self.null } else { None };
        let found = self.matcher.find(self.file, service.probe, null, &service.answer);
        if self.options.trace
            && let Some(found) = &found
        {
            let (address, port) = (service.address, service.port);
            let (kind, tunnel) =
                (if found.is_soft { "soft match" } else { "match" }, if service.in_tls { "SSL/" } else { "" });
            let probe = &self.file.probes[service.probe].name;
            let of_line =
                self.file.probes.iter().find(|probe| probe.matches.iter().any(|line| line.line == found.line));
            let of_line = of_line.map_or(probe, |probe| &probe.name);
            let text = |text: &Option<String>| text.as_deref().unwrap_or_default().to_owned();
            let Version { name, product, version, extra_info, .. } = &found.version;
            self.trace.push(format!(
                "Service scan {kind} (Probe {probe} matched with {of_line} line {}): {address}:{port} is {tunnel}{}.  \
                 Version: |{}|{}|{}|",
                found.line,
                text(name),
                text(product),
                text(version),
                text(extra_info)
            ));
        }
        match found {
            Some(found) if found.is_soft => {
                service.soft.get_or_insert(found);
            }
            Some(found) => {
                self.hard_match(idx, network, found);
                return true;
            }
            None => {}
        }
        if self.services[idx].answer.len() >= ANSWER_MAX {
            self.note_answer(idx);
            self.next_probe(idx, network, false);
            return true;
        }
        false
    }

    fn hard_match(&mut self, idx: usize, network: &mut dyn Network, mut found: Found) {
        self.disconnect(idx, network);
        let service = &mut self.services[idx];
        let name = found.version.name.clone().unwrap_or_default();
        if !service.in_tls && (name == "ssl" || name == "dtls") {
            service.enter_tls();
            return self.next_probe(idx, network, false);
        }
        if let Some(inner) = name.strip_prefix("ssl/") {
            found.version.name = Some(inner.to_owned());
            service.in_tls = true;
        }
        if let Some(soft) = service.soft.take() {
            complete(&mut found.version, soft.version);
        }
        self.done(idx, network, Outcome::Found(Box::new(found.version)));
    }

    /// The peer closed, or the socket failed.
    fn ended(&mut self, idx: usize, network: &mut dyn Network, end: End) {
        let service = &mut self.services[idx];
        let probe = &self.file.probes[service.probe];
        let took_ms = network.now().since(service.sent_at);
        let is_close =
            end == End::Empty || (matches!(end, End::Closed | End::Reset) && service.protocol == Protocol::Tcp);
        if is_close && service.answer.is_empty() && took_ms < probe.tcpwrapped_ms {
            if probe.is_null() && !service.in_tls && service.soft.is_none() {
                return self.done(idx, network, Outcome::Wrapped);
            }
            service.only_closes.get_or_insert(true);
        }
        if end == End::Unreachable {
            return self.give_up(idx, network);
        }
        // What came before a reset was looked at, but is no part of a fingerprint, as in the reference.
        if end != End::Reset {
            self.note_answer(idx);
        }
        self.next_probe(idx, network, false);
    }

    fn connection_failed(&mut self, idx: usize, network: &mut dyn Network, error: NetError) {
        self.disconnect(idx, network);
        if self.services[idx].protocol == Protocol::Udp && error == NetError::Refused {
            return self.next_probe(idx, network, false);
        }
        // The port was open a moment ago: someone is counting connections.
        if self.services[idx].only_closes == Some(true) {
            return self.done(idx, network, Outcome::Wrapped);
        }
        self.give_up(idx, network);
    }

    fn handshake_failed(&mut self, idx: usize, network: &mut dyn Network, error: Option<&SecureError>) {
        self.disconnect(idx, network);
        let service = &mut self.services[idx];
        if !service.ssl3 && error.is_some_and(SecureError::suggests_ssl3) && service.protocol == Protocol::Tcp {
            service.ssl3 = true;
            return self.connect(idx, network);
        }
        if Some(service.probe) == self.null || service.protocol == Protocol::Udp {
            return self.give_up(idx, network);
        }
        self.next_probe(idx, network, false);
    }

    /// The deadline of the present phase has passed.
    fn time_is_up(&mut self, idx: usize, network: &mut dyn Network) {
        let service = &mut self.services[idx];
        let Some(connection) = &mut service.connection else { return self.connect(idx, network) };
        match connection.phase {
            Phase::Connecting => self.connection_failed(idx, network, NetError::TimedOut),
            Phase::Handshaking if service.deadline > network.now() => self.advance(idx, network),
            Phase::Handshaking => self.handshake_failed(idx, network, None),
            Phase::Open => {
                let keep = self.file.probes[service.probe].is_null();
                self.services[idx].only_closes = Some(false);
                self.note_answer(idx);
                self.next_probe(idx, network, keep);
            }
        }
    }

    /// Keeps the answer for the fingerprint; what the listening probe received is the next one's, too, on the same
    /// connection.
    fn note_answer(&mut self, idx: usize) {
        let service = &mut self.services[idx];
        if !service.answer.is_empty() {
            service.answers.push((service.probe, service.answer.clone()));
        }
    }

    /// No probe is left, or none can be sent.
    fn give_up(&mut self, idx: usize, network: &mut dyn Network) {
        let service = &mut self.services[idx];
        let outcome = match service.soft.take() {
            Some(soft) => {
                let mut version = soft.version;
                if let Some(inner) = version.name.as_deref().and_then(|name| name.strip_prefix("ssl/")) {
                    version.name = Some(inner.to_owned());
                    service.in_tls = true;
                }
                if self.options.intensity >= SOFT_FINGERPRINT_INTENSITY {
                    version.fingerprint = service.fingerprint(self.file, &self.options);
                }
                Outcome::Found(Box::new(version))
            }
            _ if service.only_closes == Some(true) => Outcome::Wrapped,
            _ => Outcome::Unknown,
        };
        self.done(idx, network, outcome);
    }

    fn done(&mut self, idx: usize, network: &mut dyn Network, outcome: Outcome) {
        self.disconnect(idx, network);
        let service = &mut self.services[idx];
        service.outcome = Some(outcome);
        self.clocks[service.host_idx].done = network.now();
        self.done_count += 1;
    }

    fn disconnect(&mut self, idx: usize, network: &mut dyn Network) {
        if let Some(mut connection) = self.services[idx].connection.take() {
            if let Some(secure) = &mut connection.secure {
                secure.close(network, connection.id);
            }
            network.close(connection.id);
            self.by_socket.remove(&connection.id);
        }
    }
}

/// What a soft match told stays where the match that follows it tells nothing, as in the reference.
fn complete(version: &mut Version, soft: Version) {
    let fields = [
        (&mut version.product, soft.product),
        (&mut version.version, soft.version),
        (&mut version.extra_info, soft.extra_info),
        (&mut version.hostname, soft.hostname),
        (&mut version.os_type, soft.os_type),
        (&mut version.device_type, soft.device_type),
    ];
    for (field, before) in fields {
        *field = field.take().or(before);
    }
    // One of each part: `cpe:/a`, `cpe:/h`, `cpe:/o`.
    let part = |cpe: &str| cpe.get(..6).map(str::to_owned);
    for cpe in soft.cpes {
        if !version.cpes.iter().any(|it| part(it) == part(&cpe)) {
            version.cpes.push(cpe);
        }
    }
    version.cpes.sort_by_key(|cpe| part(cpe));
}

fn unspecified(remote: SocketAddr) -> IpAddr {
    match remote {
        SocketAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
        SocketAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
    }
}

/// Runs version detection over the open ports of `hosts`. `stop` is asked between steps and ends it early.
pub fn version_scan(
    network: &mut dyn Network,
    hosts: &mut [Host],
    file: &ProbeFile,
    options: VersionOptions,
    mut stop: impl FnMut(&mut VersionScan<'_>) -> bool,
) {
    let mut scan = VersionScan::new(file, options, hosts);
    while scan.step(network) {
        if stop(&mut scan) {
            break;
        }
    }
    scan.stop(network);
    scan.finish(hosts);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::regex::Regex;

    #[test]
    fn our_own_probes_are_whole() {
        let file = embedded();
        assert_eq!(file.warnings, []);
        for (line, pattern, flags) in file.patterns() {
            let regex = Regex::new(pattern, flags).unwrap_or_else(|error| panic!("line {line}: {error}"));
            assert_eq!(regex.find(b"", 0).map(|found| found.is_none()), Ok(true), "line {line} matches nothing");
        }
    }

    #[test]
    fn a_match_leaves_what_a_soft_one_told() {
        let text =
            b"Probe TCP A q||\nsoftmatch ftp m|^220 (\\w+)| p/Soft/ h/$1/ o/Unix/ cpe:/a:soft:soft/ cpe:/o:soft:os/\n\
            match ftp m|530| p/Hard/ i/told/ cpe:/h:hard:box/ cpe:/a:hard:hard/\n";
        let file = ProbeFile::parse(text.to_vec());
        let mut matcher = Matcher::default();
        let mut find = |answer: &[u8]| matcher.find(&file, 0, Some(0), answer).expect("a line fits").version;
        let (soft, mut version) = (find(b"220 moon"), find(b"530 no"));
        complete(&mut version, soft);
        assert_eq!(version.product.as_deref(), Some("Hard"));
        assert_eq!(version.extra_info.as_deref(), Some("told"));
        assert_eq!((version.hostname.as_deref(), version.os_type.as_deref()), (Some("moon"), Some("Unix")));
        assert_eq!(version.cpes, ["cpe:/a:hard:hard", "cpe:/h:hard:box", "cpe:/o:soft:os"]);
    }

    #[test]
    fn wrong_lines_are_told_and_passed_over() {
        let text = b"match early m|x|\nProbe TCP A q|\\x41\\0|\nrarity 0\nports 80,90-85\nmatch x m|(a|\nmatch y m|b|z\n\
            match z m|c| q/x/\nmatch ok m|^ok| p/P/\nProbe TCP A q||\nnonsense\nProbe UDP B q|x|\nfallback A,C\nExclude 1\n\
            Exclude 2\n";
        let file = ProbeFile::parse(text.to_vec());
        let lines: Vec<usize> = file.warnings.iter().map(|warning| warning.line).collect();
        assert_eq!(lines, [1, 3, 4, 6, 7, 9, 10, 14, 12]);
        assert_eq!((file.probe_count(), file.match_count()), (2, 2));
    }

    #[test]
    fn any_bytes_may_be_a_probe_file() {
        let base = include_bytes!("embedded.probes");
        let mut random = 7_u32;
        for _ in 0..8 {
            let mut bytes = base.to_vec();
            for _ in 0..200 {
                random = random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                let at = (random >> 8) as usize % bytes.len();
                bytes[at] = (random >> 24) as u8;
            }
            let file = ProbeFile::parse(bytes);
            let mut matcher = Matcher::default();
            for probe in 0..file.probes.len() {
                let _ = matcher.find(&file, probe, Some(0), b"HTTP/1.1 200 OK\r\nServer: nginx\r\n\r\n");
            }
        }
    }
}
