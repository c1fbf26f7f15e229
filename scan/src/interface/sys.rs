//! The C library's list of interfaces.

use super::{Entry, Hardware};
use socket2::{Domain, Socket, Type};
use std::ffi::CStr;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::os::fd::AsRawFd;

pub(super) const UP: u32 = libc::IFF_UP as u32;
pub(super) const LOOPBACK: u32 = libc::IFF_LOOPBACK as u32;
pub(super) const POINT_TO_POINT: u32 = libc::IFF_POINTOPOINT as u32;
const BROADCAST: u32 = libc::IFF_BROADCAST as u32;

/// The list, copied.
pub(super) fn entries() -> io::Result<Vec<Entry>> {
    let mut first: *mut libc::ifaddrs = std::ptr::null_mut();
    // SAFETY: the library writes one pointer.
    if unsafe { libc::getifaddrs(&raw mut first) } != 0 {
        return Err(io::Error::last_os_error());
    }
    let mut entries = Vec::new();
    let mut next = first;
    while !next.is_null() {
        // SAFETY: the library made a list that ends with null, and nobody frees it before the end of this function.
        let (entry, name) = unsafe { (&*next, CStr::from_ptr((*next).ifa_name)) };
        // SAFETY: each is null or an address of the family it names, as long as the list lives.
        let (address, mask, broadcast) = unsafe { (ip(entry.ifa_addr), ip(entry.ifa_netmask), ip(entry.ifa_ifu)) };
        entries.push(Entry {
            device: name.to_string_lossy().into_owned(),
            address,
            prefix_len: mask.map_or(0, prefix_len),
            broadcast: broadcast.filter(|address| entry.ifa_flags & BROADCAST != 0 && address.is_ipv4()),
            flags: entry.ifa_flags,
            // SAFETY: as above.
            hardware: unsafe { hardware(entry.ifa_addr) },
        });
        next = entry.ifa_next;
    }
    // SAFETY: the list is the library's, and freed once.
    unsafe { libc::freeifaddrs(first) };
    Ok(entries)
}

/// The address behind a pointer, if it is one of the internet's.
///
/// # Safety
/// The pointer is null or leads to an address of the family it names.
unsafe fn ip(address: *const libc::sockaddr) -> Option<IpAddr> {
    if address.is_null() {
        return None;
    }
    // SAFETY: the caller says so; an address of a family is as long as that family's, and may lie at any place.
    unsafe {
        match i32::from((*address).sa_family) {
            libc::AF_INET => {
                let address = address.cast::<libc::sockaddr_in>().read_unaligned();
                Some(IpAddr::V4(Ipv4Addr::from(u32::from_be(address.sin_addr.s_addr))))
            }
            libc::AF_INET6 => {
                let address = address.cast::<libc::sockaddr_in6>().read_unaligned();
                Some(IpAddr::V6(Ipv6Addr::from(address.sin6_addr.s6_addr)))
            }
            _ => None,
        }
    }
}

/// The link behind a pointer, if it is one.
///
/// # Safety
/// The pointer is null or leads to an address of the family it names.
unsafe fn hardware(address: *const libc::sockaddr) -> Option<Hardware> {
    // SAFETY: the caller says so; an address of the family is a whole one, and may lie at any place.
    let link = unsafe {
        if address.is_null() || i32::from((*address).sa_family) != libc::AF_PACKET {
            return None;
        }
        address.cast::<libc::sockaddr_ll>().read_unaligned()
    };
    let is_ethernet = link.sll_hatype == libc::ARPHRD_ETHER && link.sll_halen == 6;
    let mac = link.sll_addr.first_chunk::<6>().filter(|_| is_ethernet).copied();
    Some(Hardware { index: u32::try_from(link.sll_ifindex).unwrap_or(0), mac })
}

/// The number of an interface; 0: there is none of that name.
pub(super) fn index_of(name: &CStr) -> u32 {
    // SAFETY: the name is live for the call, which only reads it up to its end.
    unsafe { libc::if_nametoindex(name.as_ptr()) }
}

/// How long packets of an interface may be; 0 where the system does not say.
pub(super) fn mtu(device: &str) -> u32 {
    // SAFETY: a structure of numbers, zeros included.
    let mut request: libc::ifreq = unsafe { std::mem::zeroed() };
    // The last byte stays zero.
    for (to, from) in request.ifr_name.iter_mut().take(libc::IFNAMSIZ - 1).zip(device.bytes()) {
        *to = from as libc::c_char;
    }
    let open = |domain| Socket::new(domain, Type::DGRAM, None);
    let Ok(socket) = open(Domain::IPV4).or_else(|_| open(Domain::IPV6)) else { return 0 };
    // SAFETY: the call reads the name and writes within the structure, which lives on; then the number is set.
    unsafe {
        if libc::ioctl(socket.as_raw_fd(), libc::SIOCGIFMTU, &raw mut request) != 0 {
            return 0;
        }
        u32::try_from(request.ifr_ifru.ifru_mtu).unwrap_or(0)
    }
}

/// Number of ones in a mask.
fn prefix_len(mask: IpAddr) -> u8 {
    let ones = match mask {
        IpAddr::V4(mask) => u32::from(mask).count_ones(),
        IpAddr::V6(mask) => u128::from(mask).count_ones(),
    };
    ones as u8
}
