//! `--packet-trace`: a line for each packet or connection, in the reference's layout; and how many packets there were.

use crate::net::Network;
use crate::result::Traffic;
use crate::wire::{self, ACK, FIN, RST, SYN, Seen, What};
use std::fmt::Write as _;
use std::net::IpAddr;

/// Lines about packets, kept until someone takes them; nothing is made while it is off.
#[derive(Debug, Default)]
pub struct PacketTrace {
    is_on: bool,
    lines: Vec<String>,
    traffic: Traffic,
}

impl PacketTrace {
    pub fn set(&mut self, is_on: bool) {
        self.is_on = is_on;
        if !is_on {
            self.lines.clear();
        }
    }

    /// Adds `WHAT (SECONDSs) TEXT`.
    pub fn add(&mut self, what: &str, network: &dyn Network, text: impl FnOnce() -> String) {
        if self.is_on {
            let seconds = network.now_us() as f64 / 1e6;
            self.lines.push(format!("{what} ({seconds:.4}s) {}", text()));
        }
    }

    /// Counts a raw packet that was sent.
    pub fn sent(&mut self, len: usize) {
        self.traffic.add(Traffic { sent: 1, sent_bytes: len as u64, ..Traffic::default() });
    }

    /// Counts a raw packet that was received.
    pub fn received(&mut self, len: usize) {
        self.traffic.add(Traffic { received: 1, received_bytes: len as u64, ..Traffic::default() });
    }

    /// What was counted since the last call.
    pub fn take_traffic(&mut self) -> Traffic {
        std::mem::take(&mut self.traffic)
    }

    /// Lines since the last call.
    pub fn take(&mut self) -> Vec<String> {
        std::mem::take(&mut self.lines)
    }
}

/// A packet as text: `TCP 127.0.0.1:60125 > 127.0.0.1:111 S ttl=40 id=6685 iplen=44  seq=3482440307 win=1024 `.
pub fn described(packet: &[u8], seen: &Seen) -> String {
    let Seen { from, to, .. } = seen;
    let ip = ip_part(packet, *from);
    match seen.what {
        What::Tcp { from_port, to_port, seq, ack, flags, window } => {
            let letters = [(FIN, 'F'), (SYN, 'S'), (RST, 'R'), (8, 'P'), (ACK, 'A')];
            let flags: String =
                letters.iter().filter(|(flag, _)| flags & flag != 0).map(|(_, letter)| letter).collect();
            let gap = if from.is_ipv4() { "  " } else { " " };
            let mut text = format!("TCP {from}:{from_port} > {to}:{to_port} {flags} {ip}{gap}seq={seq} win={window} ");
            // Writing to a string cannot fail.
            let _ = if flags == "A" { write!(text, "ack={ack} ") } else { Ok(()) };
            if let Some(mss) = wire::mss(packet) {
                let _ = write!(text, "<mss {mss}>");
            }
            text
        }
        What::Udp { from_port, to_port } => {
            let end = if from.is_ipv4() { " " } else { "" };
            format!("UDP {from}:{from_port} > {to}:{to_port} {ip}{end}")
        }
        What::IcmpReply { kind, id, seq } if from.is_ipv4() => {
            let (name, rest) = match kind {
                0 => ("Echo reply", ""),
                14 => ("Timestamp reply", " orig=0 recv=0 trans=0"),
                _ => ("Address mask reply", ""),
            };
            format!("ICMP [{from} > {to} {name} (type={kind}/code=0) id={id} seq={seq}{rest}] IP [{ip} ]")
        }
        What::IcmpError { kind, code, about } if from.is_ipv4() => {
            let name = match kind {
                3 if code == 3 => format!("Port {} unreachable", about.second),
                11 => "Time exceeded".to_owned(),
                _ => format!("{} unreachable", about.to),
            };
            format!("ICMP [{from} > {to} {name} (type={kind}/code={code}) ] IP [{ip} ]")
        }
        What::IcmpReply { kind, .. } => format!("ICMPv6 (58) {from} > {to} (type={kind}/code=0) {ip}"),
        What::IcmpError { kind, code, .. } => format!("ICMPv6 (58) {from} > {to} (type={kind}/code={code}) {ip}"),
        What::Neighbour { .. } => format!("ICMPv6 (58) {from} > {to} (type=136/code=0) {ip}"),
    }
}

/// A request of ours that [`wire::parse`] does not read, as an answer never looks like it.
pub fn described_request(packet: &[u8], from: IpAddr, to: IpAddr, kind: u8, id: u16, seq: u16) -> String {
    let ip = ip_part(packet, from);
    let (name, rest) = match kind {
        // There is one request only, whose type has another number there.
        _ if from.is_ipv6() => return format!("ICMPv6 (58) {from} > {to} (type=128/code=0) {ip}"),
        13 => ("Timestamp request", " orig=0 recv=0 trans=0"),
        17 => ("Address mask request", ""),
        _ => ("Echo request", ""),
    };
    format!("ICMP [{from} > {to} {name} (type={kind}/code=0) id={id} seq={seq}{rest}] IP [{ip} ]")
}

/// What the head of a packet says, apart from the addresses.
fn ip_part(packet: &[u8], from: IpAddr) -> String {
    let word = |at: usize| packet.get(at..at + 2).map_or(0, |two| u16::from_be_bytes([two[0], two[1]]));
    let byte = |at: usize| packet.get(at).copied().unwrap_or(0);
    match from {
        IpAddr::V4(_) => format!("ttl={} id={} iplen={}", byte(8), word(4), word(2)),
        IpAddr::V6(_) => {
            let flow = u32::from(byte(1) & 0xf) << 16 | u32::from(word(2));
            format!("hopl={} flow={flow:x} payloadlen={}", byte(7), word(4))
        }
    }
}
