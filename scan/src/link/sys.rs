//! Packet sockets.

use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};

/// What a packet socket says of a frame.
pub(super) struct Received {
    /// Length on the wire.
    pub len: usize,
    pub is_outgoing: bool,
    /// Number of the protocol above the link.
    pub protocol: u16,
}

const ALL: u16 = libc::ETH_P_ALL as u16;

fn checked(result: libc::c_int) -> io::Result<libc::c_int> {
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(result) }
}

fn socket(kind: libc::c_int, protocol: u16) -> io::Result<OwnedFd> {
    let kind = kind | libc::SOCK_NONBLOCK | libc::SOCK_CLOEXEC;
    // SAFETY: the call takes numbers only.
    let fd = checked(unsafe { libc::socket(libc::AF_PACKET, kind, libc::c_int::from(protocol.to_be())) })?;
    // SAFETY: the system just gave it to us, and nobody else has it.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

fn address(index: u32, protocol: u16) -> libc::sockaddr_ll {
    // SAFETY: the structure is plain numbers, for which zero is a value.
    let mut address: libc::sockaddr_ll = unsafe { std::mem::zeroed() };
    address.sll_family = libc::AF_PACKET as u16;
    address.sll_protocol = protocol.to_be();
    address.sll_ifindex = index as i32;
    address
}

/// A socket that receives the frames of an interface, or of all with 0; with their link headers, or without.
pub(super) fn open(index: u32, with_header: bool, promiscuous: bool) -> io::Result<OwnedFd> {
    let fd = socket(if with_header { libc::SOCK_RAW } else { libc::SOCK_DGRAM }, ALL)?;
    let local = address(index, ALL);
    // SAFETY: the address is a valid one of its length.
    checked(unsafe { libc::bind(fd.as_raw_fd(), (&raw const local).cast(), size_of_val(&local) as libc::socklen_t) })?;
    if promiscuous && index != 0 {
        let request = libc::packet_mreq {
            mr_ifindex: index as i32,
            mr_type: libc::PACKET_MR_PROMISC as u16,
            mr_alen: 0,
            mr_address: [0; 8],
        };
        // SAFETY: the request is a valid one of its length.
        checked(unsafe {
            libc::setsockopt(
                fd.as_raw_fd(),
                libc::SOL_PACKET,
                libc::PACKET_ADD_MEMBERSHIP,
                (&raw const request).cast(),
                size_of_val(&request) as libc::socklen_t,
            )
        })?;
    }
    Ok(fd)
}

/// Takes a frame.
pub(super) fn receive(fd: &OwnedFd, buffer: &mut [u8]) -> io::Result<Received> {
    let mut from = address(0, 0);
    let mut from_len = size_of_val(&from) as libc::socklen_t;
    // SAFETY: the buffer is ours and as long as we say, as is the address.
    let len = unsafe {
        libc::recvfrom(
            fd.as_raw_fd(),
            buffer.as_mut_ptr().cast(),
            buffer.len(),
            libc::MSG_TRUNC,
            (&raw mut from).cast(),
            &raw mut from_len,
        )
    };
    let len = usize::try_from(len).map_err(|_| io::Error::last_os_error())?;
    let is_outgoing = from.sll_pkttype == libc::PACKET_OUTGOING;
    Ok(Received { len, is_outgoing, protocol: u16::from_be(from.sll_protocol) })
}

/// A socket that only sends.
pub(super) fn open_sender() -> io::Result<OwnedFd> {
    socket(libc::SOCK_RAW, 0)
}

/// Sends a frame.
pub(super) fn send(fd: &OwnedFd, index: u32, frame: &[u8]) -> io::Result<usize> {
    let to = address(index, 0);
    // SAFETY: frame and address are valid for their lengths, and only read.
    let sent = unsafe {
        libc::sendto(
            fd.as_raw_fd(),
            frame.as_ptr().cast(),
            frame.len(),
            0,
            (&raw const to).cast(),
            size_of_val(&to) as libc::socklen_t,
        )
    };
    usize::try_from(sent).map_err(|_| io::Error::last_os_error())
}
