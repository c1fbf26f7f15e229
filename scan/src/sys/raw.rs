//! Raw packets: sending them, seeing what comes, and the interfaces of this machine.
//!
//! Sending IP packets goes through raw sockets, so that the system finds the way and the neighbour's address; frames
//! for neighbours themselves, and all that comes in, go through packet sockets. All of it needs privilege.

use crate::zone;
use std::ffi::CStr;
use std::io;
use std::mem::{MaybeUninit, size_of};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::ops::RangeInclusive;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};

/// What the system keeps for us of packets that were not read yet.
const RECEIVE_BUFFER: libc::c_int = 16 << 20;
/// Packets longer than this are cut off; what a scan needs is at their beginning.
pub const CAPTURE_LEN: usize = 512;
/// Kinds of link frames.
pub const ETHERTYPE_ARP: u16 = 0x0806;
pub const ETHERTYPE_IPV4: u16 = 0x0800;
pub const ETHERTYPE_IPV6: u16 = 0x86DD;

#[allow(unsafe_code, reason = "the standard library has no raw sockets")]
fn socket(domain: libc::c_int, kind: libc::c_int, protocol: libc::c_int) -> io::Result<OwnedFd> {
    // SAFETY: The call takes no pointers.
    let fd = unsafe { libc::socket(domain, kind | libc::SOCK_NONBLOCK | libc::SOCK_CLOEXEC, protocol) };
    if fd < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: The call above just made the descriptor, and nobody else has it.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

#[allow(unsafe_code, reason = "the standard library has no options of raw sockets")]
fn set_option(fd: &OwnedFd, level: libc::c_int, option: libc::c_int, value: libc::c_int) -> io::Result<()> {
    let len = size_of::<libc::c_int>() as libc::socklen_t;
    // SAFETY: The value is a live integer of the length given, which the call only reads.
    let done = unsafe { libc::setsockopt(fd.as_raw_fd(), level, option, (&raw const value).cast(), len) };
    if done == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// Lets a socket send through one interface only.
#[allow(unsafe_code, reason = "the standard library has no options of raw sockets")]
fn bind_to(fd: &OwnedFd, interface: &str) -> io::Result<()> {
    let (option, len) = (libc::SO_BINDTODEVICE, interface.len() as libc::socklen_t);
    // SAFETY: The name is live for the call, which only reads it, with its own length.
    let done = unsafe { libc::setsockopt(fd.as_raw_fd(), libc::SOL_SOCKET, option, interface.as_ptr().cast(), len) };
    if done == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// Sends whole IP packets.
#[derive(Debug)]
pub struct Sender {
    v4: OwnedFd,
    v6: Option<OwnedFd>,
}

impl Sender {
    /// Sends by the system's routes, or through one interface.
    ///
    /// # Errors
    /// Without privilege, or without the interface.
    pub fn open(interface: Option<&str>) -> io::Result<Sender> {
        let v4 = socket(libc::AF_INET, libc::SOCK_RAW, libc::IPPROTO_RAW)?;
        set_option(&v4, libc::IPPROTO_IP, libc::IP_HDRINCL, 1)?;
        set_option(&v4, libc::SOL_SOCKET, libc::SO_BROADCAST, 1)?;
        let v6 = socket(libc::AF_INET6, libc::SOCK_RAW, libc::IPPROTO_RAW).ok();
        if let Some(name) = interface {
            std::iter::once(&v4).chain(&v6).try_for_each(|fd| bind_to(fd, name))?;
        }
        Ok(Sender { v4, v6 })
    }

    /// Sends a packet whose header is part of it.
    ///
    /// # Errors
    /// What the system says: no route, no buffer, not allowed.
    #[allow(unsafe_code, reason = "the standard library has no raw sockets")]
    pub fn send(&self, packet: &[u8], to: IpAddr) -> io::Result<()> {
        let sent = match to {
            IpAddr::V4(to) => {
                let address = libc::sockaddr_in {
                    sin_family: libc::AF_INET as libc::sa_family_t,
                    sin_port: 0,
                    sin_addr: libc::in_addr { s_addr: u32::from_ne_bytes(to.octets()) },
                    sin_zero: [0; 8],
                };
                let len = size_of::<libc::sockaddr_in>() as libc::socklen_t;
                // SAFETY: Packet and address are live for the call, which only reads them, with their own lengths.
                unsafe {
                    let address = (&raw const address).cast();
                    libc::sendto(self.v4.as_raw_fd(), packet.as_ptr().cast(), packet.len(), 0, address, len)
                }
            }
            IpAddr::V6(to) => {
                let Some(v6) = &self.v6 else { return Err(io::ErrorKind::Unsupported.into()) };
                let address = libc::sockaddr_in6 {
                    sin6_family: libc::AF_INET6 as libc::sa_family_t,
                    sin6_port: 0,
                    sin6_flowinfo: 0,
                    sin6_addr: libc::in6_addr { s6_addr: to.octets() },
                    sin6_scope_id: zone::of(to.into()),
                };
                let len = size_of::<libc::sockaddr_in6>() as libc::socklen_t;
                // SAFETY: As above.
                unsafe {
                    let address = (&raw const address).cast();
                    libc::sendto(v6.as_raw_fd(), packet.as_ptr().cast(), packet.len(), 0, address, len)
                }
            }
        };
        if sent < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
    }
}

/// Sends frames on links, and sees what comes in on any of them.
#[derive(Debug)]
pub struct Capture {
    fd: OwnedFd,
}

/// Where a packet came from.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Link {
    /// `ETHERTYPE_…`.
    pub ethertype: u16,
    /// The link's sender.
    pub mac: Option<[u8; 6]>,
}

impl Capture {
    /// # Errors
    /// Without privilege.
    pub fn open() -> io::Result<Capture> {
        let all = (libc::ETH_P_ALL as u16).to_be();
        let fd = socket(libc::AF_PACKET, libc::SOCK_DGRAM, libc::c_int::from(all))?;
        // Best effort: with less, packets are lost sooner.
        let _ = set_option(&fd, libc::SOL_SOCKET, libc::SO_RCVBUFFORCE, RECEIVE_BUFFER);
        // Systems that do not know this pass them on, and `next` leaves them out.
        let _ = set_option(&fd, libc::SOL_PACKET, libc::PACKET_IGNORE_OUTGOING, 1);
        Ok(Capture { fd })
    }

    /// From now on the system leaves out TCP and UDP over IP that is not to one of these local ports, and what is
    /// not IP. Best effort: who does not want the rest has to look for himself.
    #[allow(unsafe_code, reason = "the standard library has no packet filters")]
    pub fn only_to(&self, ports: &RangeInclusive<u16>) {
        let mut filter = filter(ports);
        let program = libc::sock_fprog { len: filter.len() as libc::c_ushort, filter: filter.as_mut_ptr() };
        let (option, len) = (libc::SO_ATTACH_FILTER, size_of::<libc::sock_fprog>() as libc::socklen_t);
        // SAFETY: The program is live for the call, which only reads it, and has as many instructions as it says.
        unsafe {
            let program = (&raw const program).cast();
            libc::setsockopt(self.fd.as_raw_fd(), libc::SOL_SOCKET, option, program, len);
        }
    }

    /// Whether [`Capture::open`] would be allowed. No such socket is opened: to close one takes the system some 15 ms.
    pub fn is_allowed() -> bool {
        // Packet sockets are never streams, which the system says only to those who may have one.
        let error = socket(libc::AF_PACKET, libc::SOCK_STREAM, 0).err();
        error.is_some_and(|error| error.raw_os_error() == Some(libc::ESOCKTNOSUPPORT))
    }

    /// For a poll.
    pub fn fd(&self) -> RawFd {
        self.fd.as_raw_fd()
    }

    /// The next packet without its link header; `None` when there is none now.
    #[allow(unsafe_code, reason = "the standard library has no packet sockets")]
    pub fn next(&self, buffer: &mut [u8; CAPTURE_LEN]) -> Option<(usize, Link)> {
        loop {
            let mut address = MaybeUninit::<libc::sockaddr_ll>::zeroed();
            let mut len = size_of::<libc::sockaddr_ll>() as libc::socklen_t;
            // SAFETY: Buffer and address are live and exclusively ours for the call, with their own lengths.
            let got = unsafe {
                let (data, address) = (buffer.as_mut_ptr().cast(), address.as_mut_ptr().cast());
                libc::recvfrom(self.fd.as_raw_fd(), data, CAPTURE_LEN, 0, address, &raw mut len)
            };
            let got = usize::try_from(got).ok()?;
            // SAFETY: The memory was zeroed, which is a valid address (integers), and then maybe filled.
            let address = unsafe { address.assume_init() };
            if address.sll_pkttype != libc::PACKET_OUTGOING {
                let mac = (address.sll_halen == 6).then(|| address.sll_addr.first_chunk().copied()).flatten();
                return Some((got.min(CAPTURE_LEN), Link { ethertype: u16::from_be(address.sll_protocol), mac }));
            }
        }
    }

    /// Sends a packet to a neighbour on a link.
    ///
    /// # Errors
    /// What the system says.
    #[allow(unsafe_code, reason = "the standard library has no packet sockets")]
    pub fn send(&self, packet: &[u8], interface: u32, ethertype: u16, to: [u8; 6]) -> io::Result<()> {
        let mut sll_addr = [0; 8];
        sll_addr[..6].copy_from_slice(&to);
        let address = libc::sockaddr_ll {
            sll_family: libc::AF_PACKET as libc::c_ushort,
            sll_protocol: ethertype.to_be(),
            sll_ifindex: interface as libc::c_int,
            sll_hatype: 0,
            sll_pkttype: 0,
            sll_halen: 6,
            sll_addr,
        };
        let len = size_of::<libc::sockaddr_ll>() as libc::socklen_t;
        // SAFETY: Packet and address are live for the call, which only reads them, with their own lengths.
        let sent = unsafe {
            let address = (&raw const address).cast();
            libc::sendto(self.fd.as_raw_fd(), packet.as_ptr().cast(), packet.len(), 0, address, len)
        };
        if sent < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
    }
}

/// A program for the system that a packet from its IP header on passes when it may be an answer to one from these
/// ports: errors and replies of ICMP always; TCP and UDP by their local port; of IPv6 also what has extension headers.
fn filter(ports: &RangeInclusive<u16>) -> [libc::sock_filter; 21] {
    use libc::{BPF_ABS, BPF_ALU, BPF_B, BPF_H, BPF_IND, BPF_JA, BPF_JEQ, BPF_JGE, BPF_JGT, BPF_JMP, BPF_JSET};
    use libc::{BPF_K, BPF_LD, BPF_LDX, BPF_MSH, BPF_RET, BPF_RSH};
    let step = |code: u32, k: u32| libc::sock_filter { code: code as u16, jt: 0, jf: 0, k };
    // Where to go, counted from the next instruction, if it holds and if not.
    let test = |code: u32, k: u32, jt, jf| libc::sock_filter { code: (BPF_JMP | code | BPF_K) as u16, jt, jf, k };
    let (byte, word) = (BPF_LD | BPF_B | BPF_ABS, BPF_LD | BPF_H | BPF_ABS);
    [
        step(byte, 0),
        step(BPF_ALU | BPF_RSH | BPF_K, 4),
        test(BPF_JEQ, 4, 0, 9),
        // IPv4: the protocol, no later fragment, and the port behind the header.
        step(byte, 9),
        test(BPF_JEQ, libc::IPPROTO_ICMP as u32, 14, 0),
        test(BPF_JEQ, libc::IPPROTO_TCP as u32, 1, 0),
        test(BPF_JEQ, libc::IPPROTO_UDP as u32, 0, 13),
        step(word, 6),
        test(BPF_JSET, 0x1FFF, 11, 0),
        step(BPF_LDX | BPF_B | BPF_MSH, 0),
        step(BPF_LD | BPF_H | BPF_IND, 2),
        step(BPF_JMP | BPF_JA, 5),
        // IPv6: the same at fixed places.
        test(BPF_JEQ, 6, 0, 7),
        step(byte, 6),
        test(BPF_JEQ, libc::IPPROTO_TCP as u32, 1, 0),
        test(BPF_JEQ, libc::IPPROTO_UDP as u32, 0, 3),
        step(word, 42),
        test(BPF_JGE, u32::from(*ports.start()), 0, 2),
        test(BPF_JGT, u32::from(*ports.end()), 1, 0),
        step(BPF_RET | BPF_K, CAPTURE_LEN as u32),
        step(BPF_RET | BPF_K, 0),
    ]
}

/// An address of an interface with its network.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Interface {
    pub name: String,
    pub index: u32,
    pub address: IpAddr,
    /// Bits of the network.
    pub bits: u8,
    pub mac: Option<[u8; 6]>,
    pub is_loopback: bool,
    pub is_up: bool,
}

impl Interface {
    /// Whether an address is in its network.
    pub fn reaches(&self, address: IpAddr) -> bool {
        match (self.address, address) {
            (IpAddr::V4(own), IpAddr::V4(other)) => {
                let mask = u32::MAX.checked_shl(32 - u32::from(self.bits.min(32))).unwrap_or(0);
                u32::from(own) & mask == u32::from(other) & mask
            }
            (IpAddr::V6(own), IpAddr::V6(other)) => {
                let mask = u128::MAX.checked_shl(128 - u32::from(self.bits.min(128))).unwrap_or(0);
                u128::from(own) & mask == u128::from(other) & mask
            }
            _ => false,
        }
    }
}

/// All addresses of all interfaces.
///
/// # Errors
/// What the system says.
#[allow(unsafe_code, reason = "the standard library has no interfaces")]
pub fn interfaces() -> io::Result<Vec<Interface>> {
    let mut first = std::ptr::null_mut();
    // SAFETY: The call fills a live pointer of ours.
    if unsafe { libc::getifaddrs(&raw mut first) } != 0 {
        return Err(io::Error::last_os_error());
    }
    let (mut found, mut macs, mut next) = (Vec::new(), Vec::new(), first);
    while !next.is_null() {
        // SAFETY: The list is the system's, whole until it is freed below; its pointers are null or valid.
        let entry = unsafe { &*next };
        next = entry.ifa_next;
        // SAFETY: A name of the list is a C string that lives as long as the list.
        let name = unsafe { CStr::from_ptr(entry.ifa_name) };
        if entry.ifa_addr.is_null() {
            continue;
        }
        // SAFETY: Every socket address begins with its family.
        let family = unsafe { (*entry.ifa_addr).sa_family };
        if i32::from(family) == libc::AF_PACKET {
            // SAFETY: The family says that it is a link address, read whole from where it may be unaligned.
            let link = unsafe { entry.ifa_addr.cast::<libc::sockaddr_ll>().read_unaligned() };
            if let (6, Some(mac)) = (link.sll_halen, link.sll_addr.first_chunk::<6>()) {
                macs.push((name.to_owned(), *mac));
            }
            continue;
        }
        // SAFETY: The system's list holds whole addresses.
        let Some(address) = (unsafe { ip_of(entry.ifa_addr) }) else { continue };
        // SAFETY: As above.
        let mask = if entry.ifa_netmask.is_null() { None } else { unsafe { ip_of(entry.ifa_netmask) } };
        // SAFETY: The name is a C string.
        let index = unsafe { libc::if_nametoindex(name.as_ptr()) };
        let has = |flag: libc::c_int| entry.ifa_flags & flag as libc::c_uint != 0;
        found.push((
            name.to_owned(),
            Interface {
                name: name.to_string_lossy().into_owned(),
                index,
                address,
                bits: mask.map_or(0, bits_of),
                mac: None,
                is_loopback: has(libc::IFF_LOOPBACK),
                is_up: has(libc::IFF_UP),
            },
        ));
    }
    // SAFETY: The list came from `getifaddrs`, is freed once, and nothing of it is used any more.
    unsafe { libc::freeifaddrs(first) };
    let mac_of = |name| macs.iter().find(|(other, _)| *other == name).map(|(_, mac)| *mac);
    Ok(found.into_iter().map(|(name, interface)| Interface { mac: mac_of(name), ..interface }).collect())
}

/// The IP address in a socket address of the system's list.
///
/// # Safety
/// The pointer is to a whole socket address of the family that it names.
#[allow(unsafe_code, reason = "the list of interfaces has pointers")]
unsafe fn ip_of(address: *const libc::sockaddr) -> Option<IpAddr> {
    // SAFETY: The caller's word for the pointer; the family says how long the address is, and it is read whole from
    // where it may be unaligned.
    unsafe {
        match i32::from((*address).sa_family) {
            libc::AF_INET => {
                let address = address.cast::<libc::sockaddr_in>().read_unaligned();
                Some(Ipv4Addr::from(address.sin_addr.s_addr.to_ne_bytes()).into())
            }
            libc::AF_INET6 => {
                let address = address.cast::<libc::sockaddr_in6>().read_unaligned();
                Some(Ipv6Addr::from(address.sin6_addr.s6_addr).into())
            }
            _ => None,
        }
    }
}

fn bits_of(mask: IpAddr) -> u8 {
    let ones = match mask {
        IpAddr::V4(mask) => u32::from(mask).leading_ones(),
        IpAddr::V6(mask) => u128::from(mask).leading_ones(),
    };
    ones as u8
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::What;

    #[test]
    fn loopback_is_an_interface() {
        let all = interfaces().unwrap();
        let loopback = all.iter().find(|it| it.address == IpAddr::V4(Ipv4Addr::LOCALHOST)).unwrap();
        assert!(loopback.is_loopback && loopback.is_up && loopback.index > 0 && loopback.bits == 8);
        assert!(loopback.reaches("127.9.9.9".parse().unwrap()) && !loopback.reaches("10.0.0.1".parse().unwrap()));
    }

    #[test]
    fn a_capture_is_allowed_to_whom_it_opens() {
        assert_eq!(Capture::is_allowed(), Capture::open().is_ok());
    }
    #[test]
    fn only_answers_to_our_ports_pass() {
        let capture = Capture::open().expect("packet sockets need privilege");
        let peer = |ip: &str| std::net::UdpSocket::bind((ip, 0)).unwrap();
        let ours = [peer("127.0.0.1"), peer("::1"), peer("127.0.0.1"), peer("::1")];
        let port = |of: &std::net::UdpSocket| of.local_addr().unwrap().port();
        for (local, to) in ours.iter().zip([&ours[2], &ours[3], &ours[0], &ours[1]]) {
            capture.only_to(&(port(local)..=port(local)));
            while capture.next(&mut [0; CAPTURE_LEN]).is_some() {}
            let (open, own) = (to.local_addr().unwrap(), local.local_addr().unwrap());
            let closed = peer(&open.ip().to_string()).local_addr().unwrap();
            // ICMP answers the second.
            local.send_to(b"out", open).unwrap();
            local.send_to(b"out", closed).unwrap();
            to.send_to(b"back", own).unwrap();
            let mut seen = Vec::new();
            let mut buffer = [0; CAPTURE_LEN];
            while let Some((len, _)) = capture.next(&mut buffer) {
                seen.extend(crate::wire::parse(&buffer[..len]).map(|seen| seen.what));
            }
            let is_error = |what: &What| matches!(what, What::IcmpError { about, .. } if about.first == port(local));
            seen.retain(|what| matches!(what, What::Udp { .. }) || is_error(what));
            assert!(is_error(&seen[0]), "{seen:?}");
            assert_eq!(seen[1..], [What::Udp { from_port: port(to), to_port: port(local) }]);
        }
    }
}
