//! The network interfaces of this machine, one entry per address.

#[allow(unsafe_code, reason = "the list is the C library's")]
mod sys;

use std::ffi::CString;
use std::net::{IpAddr, Ipv4Addr};

/// What kind of link an interface has.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Link {
    Ethernet,
    Loopback,
    PointToPoint,
    Other,
}

/// An interface with one of its addresses.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Interface {
    /// The name, which may be an alias such as `eth0:1`.
    pub device: String,
    /// None for an interface without any address.
    pub address: Option<IpAddr>,
    /// Length of the network's prefix, 0 without an address.
    pub prefix_len: u8,
    pub broadcast: Option<IpAddr>,
    pub link: Link,
    /// For Ethernet.
    pub mac: Option<[u8; 6]>,
    pub is_up: bool,
    pub mtu: u32,
    /// The system's number of the interface.
    pub index: u32,
}

impl Interface {
    /// Whether an address belongs to the interface's network.
    fn reaches(&self, to: IpAddr) -> bool {
        match (self.address, to) {
            (Some(IpAddr::V4(own)), IpAddr::V4(to)) => {
                let bits = u32::from(own) ^ u32::from(to);
                bits.leading_zeros() >= u32::from(self.prefix_len)
            }
            (Some(IpAddr::V6(own)), IpAddr::V6(to)) => {
                let bits = u128::from(own) ^ u128::from(to);
                bits.leading_zeros() >= u32::from(self.prefix_len)
            }
            _ => false,
        }
    }

    /// The name without the part that makes it an alias.
    pub fn short_name(&self) -> &str {
        self.device.split(':').next().unwrap_or(&self.device)
    }
}

/// How packets get to an address.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Route {
    /// Our address on the way.
    pub source: IpAddr,
    pub interface: Option<Interface>,
    /// No router lies between.
    pub is_direct: bool,
    /// Hardware address of the neighbour that packets are handed to, on an Ethernet where the system knows it.
    pub next_hop_mac: Option<[u8; 6]>,
}

/// The way to an address: over the interface of that name, or as the system would go; `None` where there is none.
pub fn route(interfaces: &[Interface], to: IpAddr, device: Option<&str>) -> Option<Route> {
    let source = crate::port_scan::raw::source_towards(to)?;
    let is_own = source == to || to.is_loopback();
    let fits = |interface: &&Interface| match device {
        Some(name) => interface.device == name && interface.address.is_some_and(|at| at.is_ipv6() == to.is_ipv6()),
        // What goes to ourselves goes over loopback, whatever the address.
        None if is_own => interface.link == Link::Loopback,
        None => interface.address == Some(source),
    };
    let interface = interfaces.iter().find(fits).cloned();
    let is_direct = is_own || interface.as_ref().is_some_and(|interface| interface.reaches(to));
    let next_hop_mac = interface.as_ref().and_then(|interface| interface.mac).and_then(|_| next_hop_mac(to));
    Some(Route { source, interface, is_direct, next_hop_mac })
}

/// Hardware address of the neighbour that packets to an address are handed to: a router, or the host itself. The system
/// knows it once it has sent something there; `None` where it does not, and always for IPv6.
pub fn next_hop_mac(to: IpAddr) -> Option<[u8; 6]> {
    let IpAddr::V4(to) = to else { return None };
    let read = |path| std::fs::read_to_string(path).unwrap_or_default();
    let hop = next_hop(&read("/proc/net/route"), to)?;
    neighbour_mac(&read("/proc/net/arp"), hop)
}

/// The next hop to an address by the system's table of routes: lines of device, destination, gateway, flags, three
/// counts, mask …, addresses as hexadecimal numbers in the machine's order of bytes.
fn next_hop(table: &str, to: Ipv4Addr) -> Option<Ipv4Addr> {
    const UP: u32 = 1;
    const GATEWAY: u32 = 2;
    let route = |line: &str| {
        let fields: Vec<u32> =
            line.split_whitespace().skip(1).map_while(|field| u32::from_str_radix(field, 16).ok()).collect();
        let (&[destination, gateway, flags, _, _, _, mask, ..], own) = (&fields[..], u32::from_ne_bytes(to.octets()))
        else {
            return None;
        };
        let fits = flags & UP != 0 && own & mask == destination;
        let hop = if flags & GATEWAY != 0 { Ipv4Addr::from(gateway.to_ne_bytes()) } else { to };
        fits.then_some((mask.count_ones(), hop))
    };
    table.lines().filter_map(route).max_by_key(|(bits, _)| *bits).map(|(_, hop)| hop)
}

/// An address in the system's table of neighbours: lines of address, type, flags, hardware address ….
fn neighbour_mac(table: &str, of: Ipv4Addr) -> Option<[u8; 6]> {
    let entry = |line: &str| {
        let fields: Vec<&str> = line.split_whitespace().collect();
        let &[address, _, flags, hardware, ..] = &fields[..] else { return None };
        let is_known = flags != "0x0" && address.parse() == Ok(of);
        mac(hardware).filter(|_| is_known)
    };
    table.lines().find_map(entry)
}

/// The system's number of an interface.
pub fn index_of(name: &str) -> Option<u32> {
    let name = CString::new(name).ok()?;
    Some(sys::index_of(&name)).filter(|index| *index > 0)
}

/// All interfaces, those without an address last.
///
/// # Errors
/// The system does not tell.
pub fn list() -> std::io::Result<Vec<Interface>> {
    let entries = sys::entries()?;
    let mut interfaces: Vec<Interface> = Vec::new();
    for entry in entries.iter().filter(|entry| entry.address.is_some()) {
        interfaces.push(interface(entry, &entries));
    }
    for entry in &entries {
        if !interfaces.iter().any(|known| known.short_name() == entry.device) {
            interfaces.push(Interface { address: None, prefix_len: 0, broadcast: None, ..interface(entry, &entries) });
        }
    }
    Ok(interfaces)
}

/// One line of the system's list.
#[derive(Clone, Debug)]
struct Entry {
    device: String,
    address: Option<IpAddr>,
    prefix_len: u8,
    broadcast: Option<IpAddr>,
    flags: u32,
    /// In the entry of the link itself, which has no address.
    hardware: Option<Hardware>,
}

/// What the system says of a link.
#[derive(Clone, Copy, Debug)]
struct Hardware {
    index: u32,
    /// For Ethernet.
    mac: Option<[u8; 6]>,
}

fn interface(entry: &Entry, all: &[Entry]) -> Interface {
    let short = entry.device.split(':').next().unwrap_or(&entry.device);
    let hardware = all.iter().filter(|other| other.device == short).find_map(|other| other.hardware);
    let mac = hardware.and_then(|hardware| hardware.mac);
    let link = match entry.flags {
        flags if flags & sys::LOOPBACK != 0 => Link::Loopback,
        _ if mac.is_some() => Link::Ethernet,
        flags if flags & sys::POINT_TO_POINT != 0 => Link::PointToPoint,
        _ => Link::Other,
    };
    Interface {
        device: entry.device.clone(),
        address: entry.address,
        prefix_len: entry.prefix_len,
        broadcast: entry.broadcast.filter(|_| link == Link::Ethernet),
        link,
        mac: mac.filter(|_| link == Link::Ethernet),
        is_up: entry.flags & sys::UP != 0,
        mtu: sys::mtu(short),
        index: hardware.map_or(0, |hardware| hardware.index),
    }
}

fn mac(text: &str) -> Option<[u8; 6]> {
    let bytes: Option<Vec<u8>> = text.split(':').map(|byte| u8::from_str_radix(byte, 16).ok()).collect();
    bytes?.try_into().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn loopback_is_there() {
        let interfaces = list().expect("the system tells");
        let loopback = interfaces.iter().find(|interface| interface.address.is_some_and(|a| a.is_loopback()));
        let loopback = loopback.expect("the tests run over it");
        assert_eq!((loopback.link, loopback.is_up, loopback.mac), (Link::Loopback, true, None));
        assert!(loopback.prefix_len >= 8 && loopback.mtu > 0 && loopback.index > 0);
        assert_eq!(mac("00:1a:2b:3c:4d:5e"), Some([0, 0x1a, 0x2b, 0x3c, 0x4d, 0x5e]));
        assert_eq!(mac("00:1a"), None);
    }

    #[test]
    fn next_hops_are_looked_up() {
        let routes = "Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT\n\
            eth0\t00000000\t010200C0\t0003\t0\t0\t0\t00000000\t0\t0\t0\n\
            eth0\t000200C0\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0\n";
        let address = |text: &str| text.parse::<Ipv4Addr>().unwrap();
        // The table is one of a machine with the lowest byte first.
        if cfg!(target_endian = "little") {
            assert_eq!(next_hop(routes, address("192.0.2.7")), Some(address("192.0.2.7")));
            assert_eq!(next_hop(routes, address("198.51.100.1")), Some(address("192.0.2.1")));
        }
        assert_eq!(next_hop("", address("192.0.2.7")), None);
        let neighbours = "IP address       HW type     Flags       HW address            Mask     Device\n\
            192.0.2.1        0x1         0x2         00:1a:2b:3c:4d:5e     *        eth0\n\
            192.0.2.9        0x1         0x0         00:00:00:00:00:00     *        eth0\n";
        assert_eq!(neighbour_mac(neighbours, address("192.0.2.1")), Some([0, 0x1a, 0x2b, 0x3c, 0x4d, 0x5e]));
        assert_eq!(neighbour_mac(neighbours, address("192.0.2.9")), None);
    }
}
