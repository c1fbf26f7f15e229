//! Probes as raw packets: SYN and UDP scans, and what asks whether a host is up.
//!
//! Everything is sent through one raw socket and seen through one packet socket. A probe's try number is in its local
//! port, so that an answer says which try it is to; a number of our own in SYN packets keeps strangers from answering.
//! ICMP errors are matched by the packet that they quote. An answer that comes after its probe timed out still counts.

use super::trace::{self, PacketTrace};
use super::{Answer, Key, Method, Sent, Target};
use crate::net::{Network, Ready, SocketId};
use crate::result::{PortState, Protocol, Reason};
use crate::sys;
use crate::sys::raw::{CAPTURE_LEN, Capture, Sender, interfaces};
use crate::version::ProbeFile;
use crate::wire::{self, ACK, RST, SYN, Seen, Segment, What};
use crate::zone;
use hashbrown::HashMap;
use std::io;
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::ops::RangeInclusive;
use std::rc::Rc;

/// Packets taken from the system in one go.
const TAKEN_MAX: usize = 4096;
/// Local ports that tries use.
const TRIES_MAX: u16 = 64;

/// What is sent.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Kind {
    Syn,
    Udp,
    /// Discovery: a port of the scan is an index into these.
    Ping(Vec<Ping>),
}

impl Kind {
    /// The type of the ICMP request that an index stands for; 0: none.
    fn icmp_of(&self, idx: u16) -> u8 {
        match self {
            Kind::Ping(pings) => match pings.get(usize::from(idx)) {
                Some(Ping::Echo) => 8,
                Some(Ping::Timestamp) => 13,
                Some(Ping::Mask) => 17,
                _ => 0,
            },
            _ => 0,
        }
    }
}

/// A question whether a host is up.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Ping {
    Echo,
    Timestamp,
    Mask,
    Syn(u16),
    Ack(u16),
    Udp(u16),
}

/// What raw packets look like beyond what a scan needs of them.
#[derive(Clone, Debug)]
pub struct RawOptions {
    pub ttl: u8,
    /// Our address (`-S`), the interface (`-e`), and the local port (`-g`), if they are chosen.
    pub source: Option<IpAddr>,
    pub interface: Option<String>,
    pub local_port: Option<u16>,
    /// Behind the header of packets that would be empty.
    pub data: Vec<u8>,
}

impl Default for RawOptions {
    fn default() -> RawOptions {
        RawOptions { ttl: 64, source: None, interface: None, local_port: None, data: Vec::new() }
    }
}

impl RawOptions {
    /// Our address towards another.
    pub fn source_towards(&self, to: IpAddr) -> Option<IpAddr> {
        if let Some(source) = self.source.filter(|source| source.is_ipv6() == to.is_ipv6()) {
            return Some(source);
        }
        let Some(name) = &self.interface else { return source_towards(to) };
        let own = interfaces().ok()?.into_iter().filter(|it| it.name == *name && it.address.is_ipv6() == to.is_ipv6());
        let own: Vec<IpAddr> = own.map(|it| it.address).collect();
        // Of several addresses the one that the routes have.
        source_towards(to).filter(|source| own.contains(source)).or(own.first().copied())
    }
}

/// The raw scan.
#[derive(Debug)]
pub struct Raw<'a> {
    kind: Kind,
    sender: Sender,
    capture: Capture,
    watched: Option<SocketId>,
    payloads: Option<&'a ProbeFile>,
    /// First of the local ports; the one chosen, or all of them.
    base_port: u16,
    local_ports: RangeInclusive<u16>,
    secret: u32,
    options: RawOptions,
    hosts: Vec<Asked>,
    /// Index into `hosts`.
    host_idx: HashMap<IpAddr, u32>,
    trace: PacketTrace,
}

/// What a host is asked.
#[derive(Debug)]
struct Asked {
    /// Our address towards it.
    source: Option<IpAddr>,
    /// Index into its list, by port.
    port_idx: Rc<HashMap<u16, u32>>,
    /// How often each of the list was asked; the latest, if they were not asked one after the other.
    tries: Vec<u8>,
}

/// Whether this process may send raw packets.
pub fn is_privileged() -> bool {
    Sender::open(None).is_ok() && Capture::is_allowed()
}

/// Our address towards another, as the system's routes have it.
pub fn source_towards(to: IpAddr) -> Option<IpAddr> {
    let any = if to.is_ipv6() { "[::]:0" } else { "0.0.0.0:0" };
    let socket = UdpSocket::bind(any).ok()?;
    socket.connect(zone::socket_addr(SocketAddr::new(to, 9))).ok()?;
    Some(socket.local_addr().ok()?.ip())
}

impl<'a> Raw<'a> {
    /// A scan that uses local ports from `base_port` on; `seed` makes the secret.
    ///
    /// # Errors
    /// Without privilege, or without the interface.
    pub fn open(
        kind: Kind,
        payloads: Option<&'a ProbeFile>,
        base_port: u16,
        seed: u64,
        options: RawOptions,
    ) -> io::Result<Raw<'a>> {
        let base_port = base_port.clamp(1024, u16::MAX - TRIES_MAX);
        let local_ports = options.local_port.map_or(base_port..=base_port + TRIES_MAX - 1, |port| port..=port);
        let capture = Capture::open()?;
        capture.only_to(&local_ports);
        Ok(Raw {
            kind,
            sender: Sender::open(options.interface.as_deref())?,
            capture,
            watched: None,
            payloads,
            base_port,
            local_ports,
            secret: (seed ^ (seed >> 32)) as u32 | 1,
            options,
            hosts: Vec::new(),
            host_idx: HashMap::default(),
            trace: PacketTrace::default(),
        })
    }

    fn source(&mut self, host_idx: u32, to: IpAddr) -> Option<IpAddr> {
        let known = &mut self.hosts[host_idx as usize].source;
        if known.is_none() {
            *known = self.options.source_towards(to);
        }
        *known
    }

    /// The packets of a probe.
    fn packets(&self, from: IpAddr, to: SocketAddr, try_number: u8) -> Option<Vec<Vec<u8>>> {
        let try_number = u16::from(try_number) % TRIES_MAX;
        let local = self.options.local_port.unwrap_or(self.base_port + try_number);
        let (ip, port) = (to.ip(), to.port());
        let seq = self.secret.wrapping_add(u32::from(try_number));
        let data = &self.options.data[..];
        let id = (seq ^ (seq >> 16)) as u16 ^ port.rotate_left(5);
        let segment = |to_port, flags, ack| Segment { from_port: local, to_port, seq, ack, flags };
        let whole = |protocol, part: &[u8]| wire::packet(from, ip, protocol, self.options.ttl, id, part);
        let tcp =
            |to_port, flags, ack| whole(wire::PROTOCOL_TCP, &wire::tcp(from, ip, &segment(to_port, flags, ack), data));
        let ping = match &self.kind {
            Kind::Syn => return Some(vec![tcp(port, SYN, 0)]),
            Kind::Udp => {
                let payloads = self.payloads.map(|file| file.payloads(port)).unwrap_or_default();
                let payloads = if payloads.is_empty() { vec![data] } else { payloads };
                let datagram = |payload: &&[u8]| whole(wire::PROTOCOL_UDP, &wire::udp(from, ip, local, port, payload));
                return Some(payloads.iter().map(datagram).collect());
            }
            Kind::Ping(pings) => *pings.get(usize::from(port))?,
        };
        let echo = |kind| {
            let protocol = if ip.is_ipv6() { wire::PROTOCOL_ICMPV6 } else { wire::PROTOCOL_ICMP };
            whole(protocol, &wire::icmp_request(from, ip, kind, self.base_port, port, data))
        };
        Some(vec![match ping {
            Ping::Echo => echo(8),
            Ping::Timestamp | Ping::Mask if ip.is_ipv6() => return None,
            Ping::Timestamp => echo(13),
            Ping::Mask => echo(17),
            Ping::Syn(port) => tcp(port, SYN, 0),
            Ping::Ack(port) => tcp(port, ACK, seq),
            Ping::Udp(port) => whole(wire::PROTOCOL_UDP, &wire::udp(from, ip, local, port, data)),
        }])
    }

    /// What was asked of a host: about a port, or by a request with an id of ours; the latest try.
    fn asked(&self, host: IpAddr, protocol: u8, place: u16) -> Option<Key> {
        let host_idx = *self.host_idx.get(&host)?;
        let asked = &self.hosts[host_idx as usize];
        let tries = |port_idx: u32| asked.tries.get(port_idx as usize).copied().filter(|&tries| tries > 0);
        let (port_idx, tries) = match &self.kind {
            Kind::Syn if protocol != wire::PROTOCOL_TCP => return None,
            Kind::Udp if protocol != wire::PROTOCOL_UDP => return None,
            Kind::Syn | Kind::Udp => asked.port_idx.get(&place).and_then(|&idx| Some((idx, tries(idx)?)))?,
            Kind::Ping(pings) => {
                let mut fitting = (0..).zip(pings).filter(|&(idx, ping)| match *ping {
                    Ping::Echo | Ping::Timestamp | Ping::Mask => {
                        protocol == wire::PROTOCOL_ICMP && idx == u32::from(place)
                    }
                    Ping::Syn(port) | Ping::Ack(port) => protocol == wire::PROTOCOL_TCP && port == place,
                    Ping::Udp(port) => protocol == wire::PROTOCOL_UDP && port == place,
                });
                fitting.find_map(|(idx, _)| Some((idx, tries(idx)?)))?
            }
        };
        Some(Key { host_idx, port_idx, try_number: tries - 1 })
    }

    /// The try number that an acknowledged sequence number has; with data, a reset acknowledges them, too.
    fn try_of(&self, ack: u32) -> Option<u8> {
        let behind = ack.wrapping_sub(self.secret).wrapping_sub(1);
        let tries = [behind, behind.wrapping_sub(self.options.data.len() as u32)];
        tries.into_iter().find(|&number| number < u32::from(TRIES_MAX)).and_then(|number| u8::try_from(number).ok())
    }

    /// What a packet says about a probe of ours.
    fn understand(&self, seen: &Seen) -> Option<(Key, Answer)> {
        let is_ours = |port: u16| self.local_ports.contains(&port);
        let key = |host: IpAddr, protocol: u8, port: u16, local: Option<u16>| {
            let mut key = self.asked(host, protocol, port)?;
            // With one local port for all it is taken to be the last try.
            if let Some(local) = local.filter(|_| self.options.local_port.is_none()) {
                key.try_number = u8::try_from(local - self.base_port).ok()?;
            }
            Some(key)
        };
        let is_ping = matches!(self.kind, Kind::Ping(_));
        let answer = |state, reason, from_host| Answer { state, reason, ttl: seen.ttl, from_host, other: None };
        match seen.what {
            What::Tcp { from_port, to_port, ack, flags, .. } if is_ours(to_port) => {
                let mut key = key(seen.from, wire::PROTOCOL_TCP, from_port, Some(to_port))?;
                if let (Some(_), Some(number)) = (self.options.local_port, self.try_of(ack)) {
                    key.try_number = number;
                }
                let answer = match flags & (SYN | ACK | RST) {
                    flags if flags & RST != 0 => answer(PortState::Closed, Reason::Reset, true),
                    flags if flags == SYN | ACK && self.try_of(ack).is_some() => {
                        answer(PortState::Open, Reason::SynAck, true)
                    }
                    SYN => answer(PortState::Open, Reason::SplitHandshakeSyn, true),
                    _ => return None,
                };
                Some((key, answer))
            }
            What::Udp { from_port, to_port } if is_ours(to_port) => {
                let key = key(seen.from, wire::PROTOCOL_UDP, from_port, Some(to_port))?;
                Some((key, answer(PortState::Open, Reason::UdpResponse, true)))
            }
            What::IcmpReply { kind, id, seq } if is_ping && id == self.base_port => {
                let reason = match kind {
                    14 => Reason::TimestampReply,
                    18 => Reason::AddressmaskReply,
                    _ => Reason::EchoReply,
                };
                Some((key(seen.from, wire::PROTOCOL_ICMP, seq, None)?, answer(PortState::Open, reason, true)))
            }
            What::IcmpError { kind, code, about } => {
                let is_icmp = matches!(about.protocol, wire::PROTOCOL_ICMP | wire::PROTOCOL_ICMPV6);
                let protocol = if is_icmp { wire::PROTOCOL_ICMP } else { about.protocol };
                if is_icmp && about.first != self.base_port {
                    return None;
                }
                let local = if is_icmp { None } else { Some(about.first).filter(|&port| is_ours(port)) };
                if !is_icmp && local.is_none() {
                    return None;
                }
                let key = key(about.to, protocol, about.second, local)?;
                let reason = reason_of(about.to.is_ipv6(), kind, code)?;
                let from_target = seen.from == about.to;
                let closed = reason == Reason::PortUnreach && from_target && about.protocol == wire::PROTOCOL_UDP;
                let state = if closed { PortState::Closed } else { PortState::Filtered };
                let up = from_target && matches!(reason, Reason::PortUnreach | Reason::ProtoUnreach);
                let other = Some(seen.from).filter(|_| !from_target);
                Some((key, Answer { other, ..answer(state, reason, closed || (is_ping && up)) }))
            }
            _ => None,
        }
    }
}

/// The reason that an ICMP error gives.
fn reason_of(v6: bool, kind: u8, code: u8) -> Option<Reason> {
    Some(match (v6, kind, code) {
        (false, 3, 0) => Reason::NetUnreach,
        (true, 1, 0) => Reason::NoRoute,
        (false, 3, 1) | (true, 1, 3) => Reason::HostUnreach,
        (false, 3, 2) => Reason::ProtoUnreach,
        (false, 3, 3) | (true, 1, 4) => Reason::PortUnreach,
        (false, 3, 9) => Reason::NetProhibited,
        (false, 3, 10) => Reason::HostProhibited,
        (false, 3, 13) | (true, 1, 1) => Reason::AdminProhibited,
        (true, 1, 2) => Reason::BeyondScope,
        (true, 1, 6) => Reason::RejectRoute,
        (false, 11, _) | (true, 3, _) => Reason::TimeExceeded,
        _ => return None,
    })
}

impl Method for Raw<'_> {
    fn protocol(&self) -> Protocol {
        if self.kind == Kind::Udp { Protocol::Udp } else { Protocol::Tcp }
    }

    fn silence(&self) -> PortState {
        if self.kind == Kind::Udp { PortState::OpenFiltered } else { PortState::Filtered }
    }

    fn prepare(&mut self, targets: &[Target]) {
        self.host_idx = targets.iter().zip(0..).map(|((address, _), idx)| (*address, idx)).collect();
        self.hosts.clear();
        for (idx, (_, ports)) in targets.iter().enumerate() {
            // Most hosts have the same list.
            let known = idx.checked_sub(1).filter(|&before| Rc::ptr_eq(&targets[before].1, ports));
            let port_idx = match known {
                Some(before) => Rc::clone(&self.hosts[before].port_idx),
                None => Rc::new(ports.iter().copied().zip(0..).collect()),
            };
            self.hosts.push(Asked { source: None, port_idx, tries: vec![0; ports.len()] });
        }
    }

    fn send(&mut self, network: &mut dyn Network, key: Key, remote: SocketAddr) -> Sent {
        if self.watched.is_none() {
            self.watched = network.watch(self.capture.fd());
        }
        let unreachable = |reason| {
            Sent::Answered(Answer { state: PortState::Filtered, reason, ttl: 0, from_host: false, other: None })
        };
        let Some(from) = self.source(key.host_idx, remote.ip()) else { return unreachable(Reason::NoRoute) };
        let Some(packets) = self.packets(from, remote, key.try_number) else {
            return unreachable(Reason::NoResponse);
        };
        for packet in packets {
            if let Err(error) = self.sender.send(&packet, remote.ip()) {
                use crate::net::NetError;
                return match sys::net_error(&error) {
                    NetError::TooManySockets => Sent::NoRoom,
                    NetError::HostUnreachable => unreachable(Reason::HostUnreach),
                    NetError::NetworkUnreachable => unreachable(Reason::NetUnreach),
                    NetError::AccessDenied => unreachable(Reason::AdminProhibited),
                    _ if error.kind() == io::ErrorKind::WouldBlock => Sent::NoRoom,
                    _ => unreachable(Reason::UnknownResponse),
                };
            }
            self.trace.sent(packet.len());
            let asked = self.kind.icmp_of(remote.port());
            self.trace.add("SENT", network, || match wire::parse(&packet) {
                Some(seen) => trace::described(&packet, &seen),
                None => trace::described_request(&packet, from, remote.ip(), asked, self.base_port, remote.port()),
            });
        }
        self.hosts[key.host_idx as usize].tries[key.port_idx as usize] = key.try_number + 1;
        network.note_sent();
        Sent::InFlight
    }

    fn events(&mut self, network: &mut dyn Network, ready: &[Ready], outcomes: &mut Vec<(Key, Sent)>) {
        let _ = ready;
        let mut buffer = [0; CAPTURE_LEN];
        for _ in 0..TAKEN_MAX {
            let Some((len, _)) = self.capture.next(&mut buffer) else { return };
            let Some(seen) = wire::parse(&buffer[..len]) else { continue };
            if let Some((key, answer)) = self.understand(&seen) {
                self.trace.received(len);
                self.trace.add("RCVD", network, || trace::described(&buffer[..len], &seen));
                outcomes.push((key, Sent::Answered(answer)));
            }
        }
    }

    fn expire(&mut self, _: &mut dyn Network, _: Key) -> Option<Sent> {
        None
    }

    fn close(&mut self, network: &mut dyn Network) {
        if let Some(id) = self.watched.take() {
            network.close(id);
        }
    }

    fn trace(&mut self) -> &mut PacketTrace {
        &mut self.trace
    }
}
