//! Packets as bytes: those that a raw scan sends, and what it understands of those it sees.
//!
//! Anything may come in: every length is checked, options and extension headers are stepped over a bounded number of
//! times, and what does not fit is no packet of ours. Outgoing packets are complete, with checksums.
//!
//! # Source
//! RFC 791, 792, 826, 768, 9293, 8200, 4443, 4861.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

pub const PROTOCOL_ICMP: u8 = 1;
pub const PROTOCOL_TCP: u8 = 6;
pub const PROTOCOL_UDP: u8 = 17;
pub const PROTOCOL_ICMPV6: u8 = 58;

pub const FIN: u8 = 1;
pub const SYN: u8 = 2;
pub const RST: u8 = 4;
pub const ACK: u8 = 16;

/// Extension headers of IPv6 that are stepped over.
const EXTENSIONS_MAX: usize = 8;
/// The longest data of a packet of ours.
const DATA_MAX: usize = u16::MAX as usize - 60;

/// What was seen.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Seen {
    pub from: IpAddr,
    pub to: IpAddr,
    pub ttl: u8,
    pub what: What,
}

/// The transport's part.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum What {
    Tcp {
        from_port: u16,
        to_port: u16,
        seq: u32,
        ack: u32,
        flags: u8,
        window: u16,
    },
    Udp {
        from_port: u16,
        to_port: u16,
    },
    /// A reply to an echo, timestamp or mask request; types of IPv4 and IPv6 as they are.
    IcmpReply {
        kind: u8,
        id: u16,
        seq: u16,
    },
    /// An error about a packet of ours.
    IcmpError {
        kind: u8,
        code: u8,
        about: About,
    },
    /// A neighbour says who it is.
    Neighbour {
        address: Ipv6Addr,
    },
}

/// The packet an error is about.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct About {
    pub to: IpAddr,
    pub protocol: u8,
    /// Ports, or id and sequence number of an echo.
    pub first: u16,
    pub second: u16,
}

/// What goes into a TCP segment of ours.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Segment {
    pub from_port: u16,
    pub to_port: u16,
    pub seq: u32,
    pub ack: u32,
    pub flags: u8,
}

/// The ones' complement sum over pieces, of which only the last may be odd.
fn checksum(pieces: &[&[u8]]) -> u16 {
    let mut sum = 0_u32;
    for piece in pieces {
        for pair in piece.chunks(2) {
            sum += u32::from(pair[0]) << 8 | u32::from(pair.get(1).copied().unwrap_or(0));
        }
        sum = (sum & 0xFFFF) + (sum >> 16);
    }
    sum = (sum & 0xFFFF) + (sum >> 16);
    !((sum & 0xFFFF) + (sum >> 16)) as u16
}

/// The checksum of a transport's part, with the addresses.
fn transport_checksum(from: IpAddr, to: IpAddr, protocol: u8, part: &[u8]) -> u16 {
    let len = part.len() as u32;
    let tail = [0, 0, 0, protocol];
    match (from, to) {
        (IpAddr::V4(from), IpAddr::V4(to)) => {
            checksum(&[&from.octets(), &to.octets(), &tail[2..], &(len as u16).to_be_bytes(), part])
        }
        (IpAddr::V6(from), IpAddr::V6(to)) => {
            checksum(&[&from.octets(), &to.octets(), &len.to_be_bytes(), &tail, part])
        }
        _ => 0,
    }
}

/// A whole IP packet around a transport's part.
pub fn packet(from: IpAddr, to: IpAddr, protocol: u8, ttl: u8, id: u16, part: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(40 + part.len());
    match (from, to) {
        (IpAddr::V4(from), IpAddr::V4(to)) => {
            out.extend_from_slice(&[0x45, 0]);
            out.extend_from_slice(&((20 + part.len()) as u16).to_be_bytes());
            out.extend_from_slice(&id.to_be_bytes());
            out.extend_from_slice(&[0, 0, ttl, protocol, 0, 0]);
            out.extend_from_slice(&from.octets());
            out.extend_from_slice(&to.octets());
            let sum = checksum(&[&out]);
            out[10..12].copy_from_slice(&sum.to_be_bytes());
        }
        (IpAddr::V6(from), IpAddr::V6(to)) => {
            out.extend_from_slice(&[0x60, 0, 0, 0]);
            out.extend_from_slice(&(part.len() as u16).to_be_bytes());
            out.extend_from_slice(&[protocol, ttl]);
            out.extend_from_slice(&from.octets());
            out.extend_from_slice(&to.octets());
        }
        _ => return out,
    }
    out.extend_from_slice(part);
    out
}

/// A TCP segment, usually without data; a SYN says how long segments may be.
pub fn tcp(from: IpAddr, to: IpAddr, segment: &Segment, data: &[u8]) -> Vec<u8> {
    let with_mss = segment.flags & SYN != 0;
    let mut out = Vec::with_capacity(24);
    out.extend_from_slice(&segment.from_port.to_be_bytes());
    out.extend_from_slice(&segment.to_port.to_be_bytes());
    out.extend_from_slice(&segment.seq.to_be_bytes());
    out.extend_from_slice(&segment.ack.to_be_bytes());
    out.extend_from_slice(&[if with_mss { 0x60 } else { 0x50 }, segment.flags, 4, 0, 0, 0, 0, 0]);
    if with_mss {
        out.extend_from_slice(&[2, 4, 0x05, 0xB4]);
    }
    out.extend_from_slice(&data[..data.len().min(DATA_MAX)]);
    let sum = transport_checksum(from, to, PROTOCOL_TCP, &out);
    out[16..18].copy_from_slice(&sum.to_be_bytes());
    out
}

/// The longest segment that the sender of a TCP packet takes, if it says so.
pub fn mss(packet: &[u8]) -> Option<u16> {
    let head = head(packet).filter(|head| head.protocol == PROTOCOL_TCP)?;
    let options = head.part.get(20..usize::from(head.part.get(12)? >> 4) * 4)?;
    if options.first_chunk::<2>()? == &[2, 4] { word(options, 2) } else { None }
}

/// A UDP datagram.
pub fn udp(from: IpAddr, to: IpAddr, from_port: u16, to_port: u16, payload: &[u8]) -> Vec<u8> {
    let payload = &payload[..payload.len().min(DATA_MAX)];
    let mut out = Vec::with_capacity(8 + payload.len());
    out.extend_from_slice(&from_port.to_be_bytes());
    out.extend_from_slice(&to_port.to_be_bytes());
    out.extend_from_slice(&((8 + payload.len()) as u16).to_be_bytes());
    out.extend_from_slice(&[0, 0]);
    out.extend_from_slice(payload);
    let sum = match transport_checksum(from, to, PROTOCOL_UDP, &out) {
        // 0 would say that there is none.
        0 => 0xFFFF,
        sum => sum,
    };
    out[6..8].copy_from_slice(&sum.to_be_bytes());
    out
}

/// An ICMP request: kind 8 is an echo, 13 a timestamp, 17 a mask; for IPv6 always an echo.
pub fn icmp_request(from: IpAddr, to: IpAddr, kind: u8, id: u16, seq: u16, data: &[u8]) -> Vec<u8> {
    let mut out = vec![if to.is_ipv6() { 128 } else { kind }, 0, 0, 0];
    out.extend_from_slice(&id.to_be_bytes());
    out.extend_from_slice(&seq.to_be_bytes());
    match (to.is_ipv6(), kind) {
        (false, 13) => out.extend_from_slice(&[0; 12]),
        (false, 17) => out.extend_from_slice(&[0; 4]),
        _ => out.extend_from_slice(&data[..data.len().min(DATA_MAX)]),
    }
    let sum = if to.is_ipv6() { transport_checksum(from, to, PROTOCOL_ICMPV6, &out) } else { checksum(&[&out]) };
    out[2..4].copy_from_slice(&sum.to_be_bytes());
    out
}

/// A question who has an IPv4 address, from its sender on; the link's own header is not in it.
pub fn arp_request(mac: [u8; 6], from: Ipv4Addr, to: Ipv4Addr) -> Vec<u8> {
    let mut out = vec![0, 1, 8, 0, 6, 4, 0, 1];
    out.extend_from_slice(&mac);
    out.extend_from_slice(&from.octets());
    out.extend_from_slice(&[0; 6]);
    out.extend_from_slice(&to.octets());
    out
}

/// The sender of an ARP answer.
pub fn arp_reply(packet: &[u8]) -> Option<(Ipv4Addr, [u8; 6])> {
    let head = packet.get(..8)?;
    if head != [0, 1, 8, 0, 6, 4, 0, 2] {
        return None;
    }
    let mac = packet.get(8..14)?.try_into().ok()?;
    let address: [u8; 4] = packet.get(14..18)?.try_into().ok()?;
    Some((address.into(), mac))
}

/// A question who has an IPv6 address: the packet, and the multicast address that it goes to.
pub fn neighbour_solicitation(mac: [u8; 6], from: Ipv6Addr, to: Ipv6Addr) -> (Vec<u8>, Ipv6Addr) {
    let [.., a, b, c] = to.octets();
    let group = Ipv6Addr::from([0xFF, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0xFF, a, b, c]);
    let mut part = vec![135, 0, 0, 0, 0, 0, 0, 0];
    part.extend_from_slice(&to.octets());
    part.extend_from_slice(&[1, 1]);
    part.extend_from_slice(&mac);
    let sum = transport_checksum(from.into(), group.into(), PROTOCOL_ICMPV6, &part);
    part[2..4].copy_from_slice(&sum.to_be_bytes());
    (packet(from.into(), group.into(), PROTOCOL_ICMPV6, 255, 0, &part), group)
}

fn word(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_be_bytes(bytes.get(at..at + 2)?.try_into().ok()?))
}

fn long(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_be_bytes(bytes.get(at..at + 4)?.try_into().ok()?))
}

/// What of an IP packet comes before the transport's part.
struct Head<'a> {
    from: IpAddr,
    to: IpAddr,
    ttl: u8,
    protocol: u8,
    part: &'a [u8],
}

fn head(packet: &[u8]) -> Option<Head<'_>> {
    match packet.first()? >> 4 {
        4 => {
            let len = usize::from(packet[0] & 15) * 4;
            let total = usize::from(word(packet, 2)?);
            // A later fragment has no ports.
            if len < 20 || word(packet, 6)? & 0x1FFF != 0 {
                return None;
            }
            let from: [u8; 4] = packet.get(12..16)?.try_into().ok()?;
            let to: [u8; 4] = packet.get(16..20)?.try_into().ok()?;
            // Of what an error quotes, less may be there than the length says.
            let part = packet.get(len..packet.len().min(total.max(len)))?;
            Some(Head { from: from.into(), to: to.into(), ttl: packet[8], protocol: packet[9], part })
        }
        6 => {
            let from: [u8; 16] = packet.get(8..24)?.try_into().ok()?;
            let to: [u8; 16] = packet.get(24..40)?.try_into().ok()?;
            let (mut protocol, mut part) = (packet[6], packet.get(40..)?);
            for _ in 0..EXTENSIONS_MAX {
                match protocol {
                    0 | 43 | 60 => {
                        let len = (usize::from(*part.get(1)?) + 1) * 8;
                        (protocol, part) = (part[0], part.get(len..)?);
                    }
                    44 if word(part, 2)? & 0xFFF8 == 0 => (protocol, part) = (part[0], part.get(8..)?),
                    _ => break,
                }
            }
            Some(Head { from: from.into(), to: to.into(), ttl: packet[7], protocol, part })
        }
        _ => None,
    }
}

/// Reads an IP packet; `None`: nothing that concerns a scan.
pub fn parse(packet: &[u8]) -> Option<Seen> {
    let Head { from, to, ttl, protocol, part } = head(packet)?;
    let what = match protocol {
        PROTOCOL_TCP => What::Tcp {
            from_port: word(part, 0)?,
            to_port: word(part, 2)?,
            seq: long(part, 4)?,
            ack: long(part, 8)?,
            flags: *part.get(13)?,
            window: word(part, 14)?,
        },
        PROTOCOL_UDP => What::Udp { from_port: word(part, 0)?, to_port: word(part, 2)? },
        PROTOCOL_ICMP => icmp(part, &[0, 14, 18], &[3, 4, 5, 11, 12])?,
        PROTOCOL_ICMPV6 if *part.first()? == 136 => {
            let address: [u8; 16] = part.get(8..24)?.try_into().ok()?;
            What::Neighbour { address: address.into() }
        }
        PROTOCOL_ICMPV6 => icmp(part, &[129], &[1, 2, 3, 4])?,
        _ => return None,
    };
    Some(Seen { from, to, ttl, what })
}

fn icmp(part: &[u8], replies: &[u8], errors: &[u8]) -> Option<What> {
    let (kind, code) = (*part.first()?, *part.get(1)?);
    if replies.contains(&kind) {
        return Some(What::IcmpReply { kind, id: word(part, 4)?, seq: word(part, 6)? });
    }
    if !errors.contains(&kind) {
        return None;
    }
    let inner = head(part.get(8..)?)?;
    let at = if matches!(inner.protocol, PROTOCOL_ICMP | PROTOCOL_ICMPV6) { 4 } else { 0 };
    let (first, second) = (word(inner.part, at)?, word(inner.part, at + 2)?);
    Some(What::IcmpError { kind, code, about: About { to: inner.to, protocol: inner.protocol, first, second } })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn addresses(v6: bool) -> (IpAddr, IpAddr) {
        if v6 {
            ("fd00::1".parse().unwrap(), "fd00::2".parse().unwrap())
        } else {
            ("192.0.2.1".parse().unwrap(), "192.0.2.2".parse().unwrap())
        }
    }

    #[test]
    fn packets_come_back_as_they_were_made() {
        for v6 in [false, true] {
            let (from, to) = addresses(v6);
            let segment = Segment { from_port: 40_000, to_port: 80, seq: 7, ack: 9, flags: SYN };
            let bytes = packet(from, to, PROTOCOL_TCP, 50, 1, &tcp(from, to, &segment, b""));
            assert_eq!(mss(&bytes), Some(1460));
            let seen = parse(&bytes).unwrap();
            let what = What::Tcp { from_port: 40_000, to_port: 80, seq: 7, ack: 9, flags: SYN, window: 1024 };
            assert_eq!(seen, Seen { from, to, ttl: 50, what });
            let bytes = packet(from, to, PROTOCOL_UDP, 50, 1, &udp(from, to, 1, 2, b"abc"));
            assert_eq!(parse(&bytes).unwrap().what, What::Udp { from_port: 1, to_port: 2 });
            assert_eq!(transport_checksum(from, to, PROTOCOL_UDP, &bytes[bytes.len() - 11..]), 0);
        }
    }

    #[test]
    fn errors_say_what_they_are_about() {
        let (from, to) = addresses(false);
        let ours = packet(from, to, PROTOCOL_UDP, 9, 1, &udp(from, to, 1000, 53, b""));
        let error = [&[3, 3, 0, 0, 0, 0, 0, 0], &ours[..]].concat();
        let bytes = packet(to, from, PROTOCOL_ICMP, 64, 1, &error);
        let about = About { to, protocol: PROTOCOL_UDP, first: 1000, second: 53 };
        assert_eq!(parse(&bytes).unwrap().what, What::IcmpError { kind: 3, code: 3, about });
        let (from, to) = addresses(true);
        let ours = packet(from, to, PROTOCOL_ICMPV6, 9, 1, &icmp_request(from, to, 8, 5, 6, b""));
        let error = [&[1, 4, 0, 0, 0, 0, 0, 0], &ours[..]].concat();
        let bytes = packet(to, from, PROTOCOL_ICMPV6, 64, 1, &error);
        let about = About { to, protocol: PROTOCOL_ICMPV6, first: 5, second: 6 };
        assert_eq!(parse(&bytes).unwrap().what, What::IcmpError { kind: 1, code: 4, about });
    }

    #[test]
    fn neighbours_answer() {
        let mac = [2, 0, 0, 0, 0, 1];
        let mut answer = arp_request(mac, [10, 0, 0, 2].into(), [10, 0, 0, 1].into());
        assert_eq!(arp_reply(&answer), None);
        answer[7] = 2;
        assert_eq!(arp_reply(&answer), Some(([10, 0, 0, 2].into(), mac)));
        assert!((0..answer.len()).all(|len| len >= 18 || arp_reply(&answer[..len]).is_none()));
    }

    #[test]
    fn anything_may_come_in() {
        let (from, to) = addresses(true);
        let mut bytes = packet(from, to, PROTOCOL_TCP, 9, 1, &[0; 64]);
        let mut random = 1_u32;
        for round in 0..20_000 {
            random = random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let at = random as usize / 7 % bytes.len();
            bytes[at] = (random >> 24) as u8;
            let _ = parse(&bytes[..(random >> 8) as usize % (bytes.len() + 1)]);
            let _ = (parse(&bytes), mss(&bytes));
            if round % 64 == 0 {
                bytes[0] = if round % 128 == 0 { 0x45 } else { 0x60 };
            }
        }
    }
}
