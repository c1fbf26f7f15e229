//! The network interfaces of this machine, one entry per address.

#[allow(unsafe_code, reason = "the list is the C library's")]
mod sys;

use std::net::IpAddr;

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
    Some(Route { source, interface, is_direct })
}

/// All interfaces, those without an address last.
///
/// # Errors
/// The system does not tell.
pub fn list() -> std::io::Result<Vec<Interface>> {
    let entries = sys::entries()?;
    let mut interfaces: Vec<Interface> = Vec::new();
    for entry in entries.iter().filter(|entry| entry.address.is_some()) {
        interfaces.push(interface(entry));
    }
    for entry in &entries {
        if !interfaces.iter().any(|known| known.short_name() == entry.device) {
            interfaces.push(Interface { address: None, prefix_len: 0, broadcast: None, ..interface(entry) });
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
}

fn interface(entry: &Entry) -> Interface {
    let short = entry.device.split(':').next().unwrap_or(&entry.device);
    let about = |name: &str| std::fs::read_to_string(format!("/sys/class/net/{short}/{name}")).unwrap_or_default();
    // As the kernel numbers hardware: 1 is Ethernet.
    let is_ethernet = about("type").trim() == "1";
    let link = match entry.flags {
        flags if flags & sys::LOOPBACK != 0 => Link::Loopback,
        _ if is_ethernet => Link::Ethernet,
        flags if flags & sys::POINT_TO_POINT != 0 => Link::PointToPoint,
        _ => Link::Other,
    };
    Interface {
        device: entry.device.clone(),
        address: entry.address,
        prefix_len: entry.prefix_len,
        broadcast: entry.broadcast.filter(|_| link == Link::Ethernet),
        link,
        mac: if link == Link::Ethernet { mac(about("address").trim()) } else { None },
        is_up: entry.flags & sys::UP != 0,
        mtu: about("mtu").trim().parse().unwrap_or(0),
        index: about("ifindex").trim().parse().unwrap_or(0),
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
}
