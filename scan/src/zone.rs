//! Zones of IPv6 addresses: on which link of this machine a link-local address is.
//!
//! `fe80::1` may be on any link, so `fe80::1%eth0` says which. Hosts are known by their addresses alone everywhere, in
//! reports too, and the zone matters only where something is sent. So one table of the process holds the zones that
//! targets were given with, and the few places that hand an address to the system ask it. Nothing else is looked up:
//! for other addresses asking costs a comparison.
//!
//! # Invariants
//! - Z1. Ranges in the table do not overlap.

use crate::interface;
use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv6Addr, SocketAddr, SocketAddrV6};
use std::sync::{PoisonError, RwLock};

/// First address of a range → the last one and the number of the interface.
type Table = BTreeMap<Ipv6Addr, (Ipv6Addr, u32)>;

static TABLE: RwLock<Table> = RwLock::new(Table::new());

/// Reads an IPv6 address that may have a zone; the second value is the number of the interface.
///
/// A zone is an interface's name or number, for addresses that are not link-local a number only, as C libraries have
/// it. `None`: no address, or no such interface.
pub fn parse(text: &str) -> Option<(Ipv6Addr, Option<u32>)> {
    let Some((address, zone)) = text.split_once('%') else { return Some((text.parse().ok()?, None)) };
    let address = address.parse::<Ipv6Addr>().ok()?;
    let named = if is_local(&address) { interface::index_of(zone) } else { None };
    let is_number = !zone.is_empty() && zone.bytes().all(|byte| byte.is_ascii_digit());
    let number = named.or_else(|| zone.parse().ok().filter(|_| is_number))?;
    Some((address, Some(number)))
}

/// Notes that addresses are on a link. `false`: some of them are on another already, and nothing changes.
pub fn note(first: Ipv6Addr, last: Ipv6Addr, index: u32) -> bool {
    add(&mut TABLE.write().unwrap_or_else(PoisonError::into_inner), first, last, index)
}

/// The number of the interface that an address was given with, 0 if none.
pub fn of(address: IpAddr) -> u32 {
    let IpAddr::V6(address) = address else { return 0 };
    if !is_local(&address) {
        return 0;
    }
    find(&TABLE.read().unwrap_or_else(PoisonError::into_inner), address)
}

/// The address of a socket, with its zone.
pub fn socket_addr(remote: SocketAddr) -> SocketAddr {
    match (remote, of(remote.ip())) {
        (SocketAddr::V6(remote), zone) if zone > 0 && remote.scope_id() == 0 => {
            SocketAddrV6::new(*remote.ip(), remote.port(), remote.flowinfo(), zone).into()
        }
        _ => remote,
    }
}

/// Whether the address means something on one link only.
fn is_local(address: &Ipv6Addr) -> bool {
    address.is_unicast_link_local() || address.octets()[..2] == [0xFF, 0x02]
}

fn find(table: &Table, address: Ipv6Addr) -> u32 {
    let below = table.range(..=address).next_back();
    below.filter(|(_, (last, _))| address <= *last).map_or(0, |(_, (_, index))| *index)
}

fn add(table: &mut Table, mut first: Ipv6Addr, mut last: Ipv6Addr, index: u32) -> bool {
    let mut overlapping = Vec::new();
    for (from, (to, other)) in table.range(..=last).rev().take_while(|(_, (to, _))| *to >= first) {
        if *other != index {
            return false;
        }
        overlapping.push((*from, *to));
    }
    for (from, to) in overlapping {
        table.remove(&from);
        (first, last) = (first.min(from), last.max(to));
    }
    table.insert(first, (last, index));
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ip(text: &str) -> Ipv6Addr {
        text.parse().unwrap()
    }

    #[test]
    fn zones_are_names_or_numbers() {
        let loopback = interface::index_of("lo").expect("the tests run over it");
        let rows = [
            ("fe80::1%lo", Some(Some(loopback))),
            ("ff02::1%lo", Some(Some(loopback))),
            ("fe80::1%7", Some(Some(7))),
            ("::1%7", Some(Some(7))),
            ("::1", Some(None)),
            ("::1%lo", None),
            ("fe80::1%no-such", None),
            ("fe80::1%", None),
            ("fe80::1%+7", None),
            ("fe80::1%4294967296", None),
            ("fe80::1%a\0b", None),
            ("10.0.0.1%lo", None),
        ];
        for (text, expected) in rows {
            assert_eq!(parse(text).map(|(_, zone)| zone), expected, "{text}");
        }
    }

    #[test]
    fn ranges_join_and_do_not_overlap() {
        let mut table = Table::new();
        assert!(add(&mut table, ip("fe80::10"), ip("fe80::1f"), 2));
        assert!(add(&mut table, ip("fe80::30"), ip("fe80::3f"), 3));
        assert!(!add(&mut table, ip("fe80::1f"), ip("fe80::2f"), 3));
        assert!(!add(&mut table, ip("fe80::"), ip("fe80::ff"), 2));
        assert!(add(&mut table, ip("fe80::8"), ip("fe80::18"), 2));
        assert!(add(&mut table, ip("fe80::20"), ip("fe80::2f"), 4));
        assert_eq!(table.len(), 3);
        for (address, zone) in
            [("fe80::7", 0), ("fe80::8", 2), ("fe80::1f", 2), ("fe80::20", 4), ("fe80::3f", 3), ("fe80::40", 0)]
        {
            assert_eq!(find(&table, ip(address)), zone, "{address}");
        }
    }

    #[test]
    fn sockets_get_the_zone() {
        assert!(note(ip("fe80::5:1"), ip("fe80::5:1"), 9));
        assert_eq!(socket_addr("[fe80::5:1]:80".parse().unwrap()), "[fe80::5:1%9]:80".parse().unwrap());
        for other in ["[fe80::5:2]:80", "[fe80::5:1%4]:80", "[::1]:80", "127.0.0.1:80"] {
            assert_eq!(socket_addr(other.parse().unwrap()).to_string(), other);
        }
    }
}
