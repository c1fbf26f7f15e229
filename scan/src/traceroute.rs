//! The way to a host: probes whose time to live ends at one router after the other.
//!
//! All distances up to a first guess are asked at once, then more until the host itself answers or nothing more does.
//! The probe is what the host is known to answer: a SYN or UDP packet to a port, else an echo. To a neighbour there is
//! no way to be found, so nothing is sent.

use crate::neighbour;
use crate::net::{Millis, Network};
use crate::port_scan::raw::RawOptions;
use crate::result::{Hop, Host, Protocol, Trace};
use crate::sys::raw::{self, CAPTURE_LEN, Capture, Sender};
use crate::wire::{self, SYN, Segment, What};
use std::io;
use std::net::IpAddr;

/// The farthest router.
const TTL_MAX: u8 = 30;
/// Distances asked at once.
const AT_ONCE: u8 = 10;
/// How long to wait for answers, milliseconds, and how often to ask.
const WAIT_MS: u64 = 1_000;
const TRIES: u8 = 2;

/// Finds the way to a host and writes it down. `base_port` is the first of as many local ports as there are distances.
///
/// # Errors
/// Without privilege, or when there is no way at all.
pub fn trace(network: &mut dyn Network, host: &mut Host, base_port: u16, options: &RawOptions) -> io::Result<()> {
    let to = host.address;
    if neighbour::interface_of(&raw::interfaces()?, to).is_some() {
        let rtt_us = host.times.map_or(0, |times| times.srtt_us);
        host.trace = Some(Trace { port: None, hops: vec![Hop { ttl: 1, address: to, name: None, rtt_us }] });
        return Ok(());
    }
    let (sender, capture) = (Sender::open(options.interface.as_deref())?, Capture::open()?);
    let from = options.source_towards(to).ok_or(io::ErrorKind::NetworkUnreachable)?;
    let port = best_port(host);
    let mut way =
        Way { from, to, port, base_port, hops: vec![None; usize::from(TTL_MAX)], reached: None, sent_us: [0; 64] };
    let watched = network.watch(capture.fd());
    for first in (1..=TTL_MAX).step_by(usize::from(AT_ONCE)) {
        for _ in 0..TRIES {
            for ttl in first..(first + AT_ONCE).min(TTL_MAX + 1) {
                if way.reached.is_none_or(|reached| ttl < reached) && way.hops[usize::from(ttl) - 1].is_none() {
                    way.sent_us[usize::from(ttl)] = network.now_us();
                    sender.send(&way.probe(ttl), to)?;
                }
            }
            way.listen(network, &capture, first);
        }
        if way.reached.is_some() || way.hops[usize::from(first) - 1..].iter().all(Option::is_none) {
            break;
        }
    }
    if let Some(id) = watched {
        network.close(id);
    }
    host.trace = way.into_trace();
    Ok(())
}

/// A port that the host answers at.
fn best_port(host: &Host) -> Option<(Protocol, u16)> {
    use crate::result::PortState::{Closed, Open};
    let tcp = |state| host.ports.iter().find(move |port| port.protocol == Protocol::Tcp && port.state == state);
    let udp = host.ports.iter().find(|port| port.protocol == Protocol::Udp && port.state == Closed);
    tcp(Open).or_else(|| tcp(Closed)).or(udp).map(|port| (port.protocol, port.number)).or(host.seen_by)
}

struct Way {
    from: IpAddr,
    to: IpAddr,
    port: Option<(Protocol, u16)>,
    base_port: u16,
    /// By distance less one: who answered, and how long that took.
    hops: Vec<Option<(IpAddr, u64)>>,
    /// The distance at which the host itself answered.
    reached: Option<u8>,
    /// By distance.
    sent_us: [u64; 64],
}

impl Way {
    fn probe(&self, ttl: u8) -> Vec<u8> {
        let local = self.base_port + u16::from(ttl);
        let (from, to) = (self.from, self.to);
        let (protocol, part) = match self.port {
            Some((Protocol::Udp, port)) => (wire::PROTOCOL_UDP, wire::udp(from, to, local, port, b"")),
            Some((_, port)) => {
                let segment = Segment { from_port: local, to_port: port, seq: 1, ack: 0, flags: SYN };
                (wire::PROTOCOL_TCP, wire::tcp(from, to, &segment, b""))
            }
            None => {
                let protocol = if to.is_ipv6() { wire::PROTOCOL_ICMPV6 } else { wire::PROTOCOL_ICMP };
                (protocol, wire::icmp_request(from, to, 8, self.base_port, u16::from(ttl), b""))
            }
        };
        wire::packet(from, to, protocol, ttl, local, &part)
    }

    /// Takes answers until all are there or the time is over.
    fn listen(&mut self, network: &mut dyn Network, capture: &Capture, first: u8) {
        let until = network.now().after(WAIT_MS);
        let mut ready = Vec::new();
        let mut buffer = [0; CAPTURE_LEN];
        loop {
            while let Some((len, _)) = capture.next(&mut buffer) {
                if let Some(seen) = wire::parse(&buffer[..len]) {
                    self.answer(&seen, network.now_us());
                }
            }
            let last = self.reached.unwrap_or(first + AT_ONCE).min(TTL_MAX);
            let is_whole = (first..last).all(|ttl| self.hops[usize::from(ttl) - 1].is_some());
            if network.now() >= until || (is_whole && self.reached.is_some()) {
                return;
            }
            ready.clear();
            network.wait(Some(until.min(Millis(network.now().0 + 50))), &mut ready);
        }
    }

    fn answer(&mut self, seen: &wire::Seen, now_us: u64) {
        let distance =
            |port: u16| port.checked_sub(self.base_port).filter(|ttl| (1..=u16::from(TTL_MAX)).contains(ttl));
        let (ttl, is_host) = match seen.what {
            What::Tcp { to_port, .. } | What::Udp { to_port, .. } if seen.from == self.to => (distance(to_port), true),
            What::IcmpReply { id, seq, .. } if seen.from == self.to && id == self.base_port => {
                (Some(seq).filter(|ttl| (1..=u16::from(TTL_MAX)).contains(ttl)), true)
            }
            What::IcmpError { kind, about, .. } if about.to == self.to => {
                let is_exceeded = kind == if self.to.is_ipv6() { 3 } else { 11 };
                let place = if self.port.is_some() { distance(about.first) } else { Some(about.second) };
                (place, !is_exceeded && seen.from == self.to)
            }
            _ => return,
        };
        let Some(ttl) = ttl.and_then(|ttl| u8::try_from(ttl).ok()).filter(|ttl| (1..=TTL_MAX).contains(ttl)) else {
            return;
        };
        let rtt_us = now_us.saturating_sub(self.sent_us[usize::from(ttl)]);
        self.hops[usize::from(ttl) - 1].get_or_insert((seen.from, rtt_us));
        if is_host && self.reached.is_none_or(|reached| ttl < reached) {
            self.reached = Some(ttl);
        }
    }

    fn into_trace(self) -> Option<Trace> {
        let last = self.reached.unwrap_or(TTL_MAX);
        let hops: Vec<Hop> = (1..=last)
            .zip(self.hops)
            .filter_map(|(ttl, hop)| hop.map(|(address, rtt_us)| Hop { ttl, address, name: None, rtt_us }))
            .collect();
        (!hops.is_empty()).then_some(Trace { port: self.port, hops })
    }
}
