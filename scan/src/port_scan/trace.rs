//! `--packet-trace`: a line for each packet or connection, in the reference's layout; and how many packets there were.

use crate::net::Network;
use crate::result::Traffic;
use crate::wire::{self, ACK, FIN, RST, SYN, Seen, What};
use std::fmt::Write as _;
use std::net::{IpAddr, SocketAddr};

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

/// A packet as text: `TCP 127.0.0.1:60125 > 127.0.0.1:111 S ttl=40 id=6685 iplen=44  seq=3482440307 win=1024`.
pub fn described(packet: &[u8], seen: &Seen) -> String {
    let Seen { from, to, .. } = seen;
    let place = |address: &IpAddr, port: u16| SocketAddr::new(*address, port);
    let ip = ip_part(packet, seen);
    match seen.what {
        What::Tcp { from_port, to_port, seq, ack, flags, window } => {
            let letters = [(FIN, 'F'), (SYN, 'S'), (RST, 'R'), (8, 'P'), (ACK, 'A')];
            let flags: String =
                letters.iter().filter(|(flag, _)| flags & flag != 0).map(|(_, letter)| letter).collect();
            let (from, to) = (place(from, from_port), place(to, to_port));
            let mut text = format!("TCP {from} > {to} {flags} {ip} seq={seq} win={window}");
            // Writing to a string cannot fail.
            let _ = if flags == "A" { write!(text, " ack={ack}") } else { Ok(()) };
            if let Some(mss) = wire::mss(packet) {
                let _ = write!(text, " <mss {mss}>");
            }
            text
        }
        What::Udp { from_port, to_port } => format!("UDP {} > {} {ip}", place(from, from_port), place(to, to_port)),
        What::IcmpReply { kind, id, seq } => {
            let name = match kind {
                0 | 129 => "Echo reply",
                14 => "Timestamp reply",
                _ => "Address mask reply",
            };
            format!("ICMP [{from} > {to} {name} (type={kind}/code=0) id={id} seq={seq}] IP [{ip}]")
        }
        What::IcmpError { kind, code, about } => {
            let is_port = matches!((to.is_ipv6(), kind, code), (false, 3, 3) | (true, 1, 4));
            let name = match kind {
                _ if is_port => format!("Port {} unreachable", about.second),
                3 if to.is_ipv6() => "Time exceeded".to_owned(),
                11 => "Time exceeded".to_owned(),
                _ => format!("{} unreachable", about.to),
            };
            format!("ICMP [{from} > {to} {name} (type={kind}/code={code}) ] IP [{ip}]")
        }
        What::Neighbour { address } => format!("ICMPv6 [{from} > {to} Neighbor Advertisement {address}] IP [{ip}]"),
    }
}

/// A request of ours that [`wire::parse`] does not read, as an answer never looks like it.
pub fn described_request(from: IpAddr, to: IpAddr, kind: u8, id: u16, seq: u16) -> String {
    let name = match kind {
        13 => "Timestamp request",
        17 => "Address mask request",
        _ => "Echo request",
    };
    format!("ICMP [{from} > {to} {name} (type={kind}/code=0) id={id} seq={seq}]")
}

fn ip_part(packet: &[u8], seen: &Seen) -> String {
    let word = |at: usize| packet.get(at..at + 2).map_or(0, |two| u16::from_be_bytes([two[0], two[1]]));
    match seen.from {
        IpAddr::V4(_) => format!("ttl={} id={} iplen={} ", seen.ttl, word(4), word(2)),
        IpAddr::V6(_) => format!("hopl={} payloadlen={} ", seen.ttl, word(4)),
    }
}
