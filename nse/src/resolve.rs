//! Addresses of names: numeric ones, the hosts file, then the name servers of the system or of `--dns-servers`.
//!
//! A lookup that needs a server suspends the thread as any other operation does. A query is sent to one server after
//! the other, and again if none answers.

use crate::shared::{Answer, Shared};
use crate::wait::Wait;
use perilune_scan::net::{Millis, Network, Read, SocketId, Transport};
use perilune_scan::target::short_form;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// As the C library says it.
pub(crate) const NOT_KNOWN: &str = "Name or service not known";
const NO_SERVER: &str = "Temporary failure in name resolution";
/// How long a server may take, in milliseconds.
const SERVER_MS: u64 = 2000;
/// How often each server is asked.
const ROUNDS: usize = 2;
/// Servers of the system that are asked, as in the C library.
const SERVERS_MAX: usize = 3;
/// Addresses taken from an answer.
const ADDRESSES_MAX: usize = 64;
const TYPE_A: u16 = 1;
const TYPE_AAAA: u16 = 28;

/// Which addresses are wanted.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Family {
    Any,
    V4,
    V6,
}

impl Family {
    /// The family that is scanned.
    pub fn of_scan(engine: &Shared) -> Family {
        if engine.options.ipv6 { Family::V6 } else { Family::V4 }
    }

    fn takes(self, address: &IpAddr) -> bool {
        match self {
            Family::Any => true,
            Family::V4 => address.is_ipv4(),
            Family::V6 => address.is_ipv6(),
        }
    }
}

/// What can be said at once.
pub(crate) enum Lookup {
    Known(Vec<IpAddr>),
    Failed(String),
    UnderWay(Wait),
}

/// Numeric addresses, short ones of IPv4 included, and names of the hosts file.
pub(crate) fn known(host: &[u8], family: Family) -> Vec<IpAddr> {
    let Ok(host) = std::str::from_utf8(host) else { return Vec::new() };
    if let Some(address) = host.parse().ok().or_else(|| short_form(host).map(IpAddr::from)) {
        return if family.takes(&address) { vec![address] } else { Vec::new() };
    }
    let hosts = std::fs::read_to_string("/etc/hosts").unwrap_or_default();
    let lines = hosts.lines().map(|line| line.split('#').next().unwrap_or_default());
    let found = lines.filter_map(|line| {
        let mut words = line.split_whitespace();
        let address: IpAddr = words.next()?.parse().ok()?;
        (family.takes(&address) && words.any(|name| name.eq_ignore_ascii_case(host))).then_some(address)
    });
    let mut found: Vec<IpAddr> = found.collect();
    // A client prefers the newer family only where it is asked for.
    found.sort_by_key(IpAddr::is_ipv6);
    found.dedup();
    found
}

/// Starts a lookup.
pub(crate) fn start(engine: &Shared, host: &[u8], family: Family) -> Lookup {
    let found = known(host, family);
    if !found.is_empty() {
        return Lookup::Known(found);
    }
    let numeric =
        std::str::from_utf8(host).is_ok_and(|host| host.parse::<IpAddr>().is_ok() || short_form(host).is_some());
    if numeric {
        return Lookup::Failed("Address family for hostname not supported".to_owned());
    }
    let Some(name) = encoded(host) else { return Lookup::Failed(NOT_KNOWN.to_owned()) };
    let servers = name_servers(engine);
    let mut query = Query {
        name,
        wanted: match family {
            Family::Any => vec![TYPE_A, TYPE_AAAA],
            Family::V4 => vec![TYPE_A],
            Family::V6 => vec![TYPE_AAAA],
        },
        servers: servers.iter().copied().cycle().take(servers.len() * ROUNDS).collect(),
        next: 0,
        id: 0,
        found: Vec::new(),
    };
    let network = &mut **engine.network.borrow_mut();
    match query.ask(network) {
        Some((socket, until)) => Lookup::UnderWay(Wait::Resolve { query: Box::new(query), socket, until }),
        None => Lookup::Failed(NO_SERVER.to_owned()),
    }
}

/// The servers to ask.
pub(crate) fn name_servers(engine: &Shared) -> Vec<SocketAddr> {
    let own = &engine.options.dns_servers;
    if !own.is_empty() {
        return own.iter().map(|&address| SocketAddr::new(address, 53)).collect();
    }
    let text = std::fs::read_to_string("/etc/resolv.conf").unwrap_or_default();
    let servers = text.lines().filter_map(|line| {
        let mut words = line.split_whitespace();
        (words.next() == Some("nameserver")).then(|| words.next()?.parse::<IpAddr>().ok()).flatten()
    });
    servers.take(SERVERS_MAX).map(|address| SocketAddr::new(address, 53)).collect()
}

/// A lookup under way.
#[derive(Debug)]
pub(crate) struct Query {
    /// As it stands in a packet.
    name: Vec<u8>,
    /// Types still to be asked for, the current one first.
    wanted: Vec<u16>,
    servers: Vec<SocketAddr>,
    /// The server after the current one.
    next: usize,
    id: u16,
    found: Vec<IpAddr>,
}

impl Query {
    /// Asks the next server; its socket, and until when it may answer.
    fn ask(&mut self, network: &mut dyn Network) -> Option<(SocketId, Millis)> {
        while let Some(&server) = self.servers.get(self.next) {
            self.next += 1;
            let Ok(socket) = network.open(Transport::Udp, Some(server), None) else { continue };
            let mut id = [0; 2];
            if getrandom::fill(&mut id).is_ok() {
                self.id = u16::from_be_bytes(id);
                let mut packet = self.id.to_be_bytes().to_vec();
                // A recursive query with one question.
                packet.extend_from_slice(&[1, 0, 0, 1, 0, 0, 0, 0, 0, 0]);
                packet.extend_from_slice(&self.name);
                packet.extend_from_slice(&self.wanted.first().copied().unwrap_or(TYPE_A).to_be_bytes());
                packet.extend_from_slice(&[0, 1]);
                network.write(socket, &packet);
                return Some((socket, network.now().after(SERVER_MS)));
            }
            network.close(socket);
        }
        None
    }

    /// Reads what came; the results when the lookup is over.
    pub fn progress(
        &mut self,
        network: &mut dyn Network,
        socket: &mut SocketId,
        until: &mut Millis,
    ) -> Option<Vec<Answer>> {
        loop {
            let mut packet = Vec::new();
            match network.read(*socket, &mut packet, 4096) {
                Read::Data(_) => {
                    if let Some(reply) = reply(&packet, self.id, self.wanted.first().copied().unwrap_or(TYPE_A)) {
                        return self.take(reply, network, socket, until);
                    }
                }
                Read::WouldBlock => return None,
                Read::Eof | Read::Failed(_) => return self.next_server(network, socket, until),
            }
        }
    }

    /// The server did not answer, or can't.
    pub fn next_server(
        &mut self,
        network: &mut dyn Network,
        socket: &mut SocketId,
        until: &mut Millis,
    ) -> Option<Vec<Answer>> {
        network.close(*socket);
        match self.ask(network) {
            Some(next) => {
                (*socket, *until) = next;
                None
            }
            None => Some(self.answers(NO_SERVER)),
        }
    }

    fn take(
        &mut self,
        reply: Reply,
        network: &mut dyn Network,
        socket: &mut SocketId,
        until: &mut Millis,
    ) -> Option<Vec<Answer>> {
        match reply {
            Reply::Refused => return self.next_server(network, socket, until),
            Reply::Addresses(addresses) => self.found.extend(addresses),
        }
        network.close(*socket);
        self.wanted.remove(0);
        if self.wanted.is_empty() {
            return Some(self.answers(NOT_KNOWN));
        }
        // The server that has answered is asked for the other type as well.
        self.next = self.next.saturating_sub(1);
        match self.ask(network) {
            Some(next) => {
                (*socket, *until) = next;
                None
            }
            None => Some(self.answers(NO_SERVER)),
        }
    }

    fn answers(&mut self, reason: &str) -> Vec<Answer> {
        if self.found.is_empty() {
            return vec![Answer::Boolean(false), Answer::Text(reason.as_bytes().to_vec())];
        }
        let list = self.found.iter().map(|address| address.to_string().into_bytes()).collect();
        vec![Answer::Boolean(true), Answer::List(list)]
    }
}

#[derive(Debug, PartialEq, Eq)]
enum Reply {
    Addresses(Vec<IpAddr>),
    /// The server does not work.
    Refused,
}

/// A name as it stands in packets.
fn encoded(host: &[u8]) -> Option<Vec<u8>> {
    let host = host.strip_suffix(b".").unwrap_or(host);
    let mut name = Vec::new();
    for label in host.split(|&byte| byte == b'.') {
        let len = u8::try_from(label.len()).ok().filter(|len| (1..64).contains(len))?;
        name.push(len);
        name.extend_from_slice(label);
    }
    name.push(0);
    (name.len() <= 255).then_some(name)
}

/// Reads a reply; `None` if it is none to this query.
fn reply(packet: &[u8], id: u16, wanted: u16) -> Option<Reply> {
    let word = |at: usize| Some(u16::from_be_bytes([*packet.get(at)?, *packet.get(at + 1)?]));
    if word(0)? != id || packet.get(2)? & 0x80 == 0 {
        return None;
    }
    // No such name is an answer, other failures are the server's.
    match packet.get(3)? & 15 {
        0 => {}
        3 => return Some(Reply::Addresses(Vec::new())),
        _ => return Some(Reply::Refused),
    }
    let mut at = 12;
    for _ in 0..word(4)? {
        at = skip_name(packet, at)? + 4;
    }
    let mut addresses = Vec::new();
    for _ in 0..word(6)? {
        at = skip_name(packet, at)?;
        let (kind, len) = (word(at)?, usize::from(word(at + 8)?));
        let data = packet.get(at + 10..at + 10 + len)?;
        at += 10 + len;
        if kind != wanted || addresses.len() >= ADDRESSES_MAX {
            continue;
        }
        match (<[u8; 4]>::try_from(data), <[u8; 16]>::try_from(data)) {
            (Ok(bytes), _) => addresses.push(IpAddr::V4(Ipv4Addr::from(bytes))),
            (_, Ok(bytes)) => addresses.push(IpAddr::V6(Ipv6Addr::from(bytes))),
            _ => {}
        }
    }
    Some(Reply::Addresses(addresses))
}

/// The position behind a name, which ends with an empty label or a reference.
fn skip_name(packet: &[u8], mut at: usize) -> Option<usize> {
    loop {
        match *packet.get(at)? {
            0 => return Some(at + 1),
            len if len & 0xc0 == 0xc0 => return Some(at + 2),
            len => at += 1 + usize::from(len),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn replies_are_read() {
        let name = encoded(b"a.example").expect("the name is right");
        assert_eq!(name, b"\x01a\x07example\0");
        assert_eq!(encoded(b"a..b"), None);
        let mut packet = vec![0x12, 0x34, 0x81, 0x80, 0, 1, 0, 2, 0, 0, 0, 0];
        packet.extend_from_slice(&name);
        packet.extend_from_slice(&[0, 1, 0, 1]);
        // An alias, then the address.
        packet.extend_from_slice(&[0xc0, 12, 0, 5, 0, 1, 0, 0, 0, 9, 0, 2, 0xc0, 14]);
        packet.extend_from_slice(&[0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 9, 0, 4, 192, 0, 2, 7]);
        let expected = Reply::Addresses(vec![IpAddr::V4(Ipv4Addr::new(192, 0, 2, 7))]);
        assert_eq!(reply(&packet, 0x1234, TYPE_A), Some(expected));
        assert_eq!(reply(&packet, 0x1235, TYPE_A), None);
        for len in 0..packet.len() {
            assert!(!matches!(reply(&packet[..len], 0x1234, TYPE_A), Some(Reply::Addresses(found)) if found.len() > 1));
        }
        packet[3] = 0x82;
        assert_eq!(reply(&packet, 0x1234, TYPE_A), Some(Reply::Refused));
    }
}
