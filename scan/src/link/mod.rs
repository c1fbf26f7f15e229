//! Frames of an interface: captured, filtered, and sent as they are. Needs the privilege to open packet sockets.

pub mod filter;
#[allow(unsafe_code, reason = "packet sockets are the system's")]
mod sys;

use crate::interface::{self, Link};
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::os::fd::{AsRawFd, OwnedFd, RawFd};

/// Longest frame that is looked at.
const FRAME_MAX: usize = 65_536 + 64;
/// Ethernet header, and the same with a tag of a virtual network.
const ETHERNET_LEN: usize = 14;
const TAGGED_LEN: usize = 18;
const TAG: [u8; 2] = [0x81, 0x00];

/// A packet that came.
#[derive(Clone, PartialEq, Debug)]
pub struct Packet {
    /// Length on the wire, with the link header.
    pub wire_len: usize,
    pub link_header: Vec<u8>,
    /// What was captured behind the link header.
    pub rest: Vec<u8>,
    /// Seconds since 1970.
    pub time: f64,
}

/// An open capture.
#[derive(Debug)]
pub struct Capture {
    fd: OwnedFd,
    has_link_header: bool,
    is_loopback: bool,
    snap_len: usize,
    filter: filter::Filter,
    buffer: Box<[u8]>,
}

impl Capture {
    /// Starts to capture; the interface is `any` for all of them.
    ///
    /// # Errors
    /// No such interface, no privilege, or a filter that is none.
    pub fn open(device: &str, snap_len: usize, promiscuous: bool, expression: &str) -> io::Result<Capture> {
        let filter = filter::compile(expression).map_err(|error| io::Error::new(io::ErrorKind::InvalidInput, error))?;
        let interface = match device {
            "any" => None,
            name => Some(find(name)?),
        };
        let has_link_header = matches!(interface, Some((_, Link::Ethernet | Link::Loopback)));
        let is_loopback = matches!(interface, Some((_, Link::Loopback)));
        let index = interface.map_or(0, |(index, _)| index);
        let fd = sys::open(index, has_link_header, promiscuous)?;
        let buffer = vec![0; FRAME_MAX].into_boxed_slice();
        Ok(Capture { fd, has_link_header, is_loopback, snap_len, filter, buffer })
    }

    pub fn raw_fd(&self) -> RawFd {
        self.fd.as_raw_fd()
    }

    /// The next packet that the filter lets through; none if there is none now.
    ///
    /// # Errors
    /// The interface is gone.
    pub fn next_packet(&mut self) -> io::Result<Option<Packet>> {
        loop {
            let received = match sys::receive(&self.fd, &mut self.buffer) {
                Ok(received) => received,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(None),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(error),
            };
            // Over loopback each packet passes twice, on its way out and in.
            if self.is_loopback && received.is_outgoing {
                continue;
            }
            let frame = &self.buffer[..received.len.min(self.buffer.len())];
            let header_len = self.header_len(frame);
            let view = filter::View::new(frame, header_len, received.protocol);
            if !self.filter.matches(&view) {
                continue;
            }
            let captured = &frame[..frame.len().min(self.snap_len.max(1))];
            let (header, rest) = captured.split_at(header_len.min(captured.len()));
            let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
            return Ok(Some(Packet {
                wire_len: received.len,
                link_header: header.to_vec(),
                rest: rest.to_vec(),
                time: now.as_secs_f64(),
            }));
        }
    }

    fn header_len(&self, frame: &[u8]) -> usize {
        match frame.get(12..14) {
            _ if !self.has_link_header => 0,
            Some(kind) if kind == TAG => TAGGED_LEN.min(frame.len()),
            _ => ETHERNET_LEN.min(frame.len()),
        }
    }
}

/// Number and kind of an interface.
fn find(name: &str) -> io::Result<(u32, Link)> {
    let interfaces = interface::list()?;
    let found = interfaces.iter().find(|interface| interface.device == name || interface.short_name() == name);
    found.map(|interface| (interface.index, interface.link)).ok_or_else(|| io::ErrorKind::NotFound.into())
}

/// Sends frames over an Ethernet interface.
#[derive(Debug)]
pub struct FrameSender {
    fd: OwnedFd,
    index: u32,
}

impl FrameSender {
    /// # Errors
    /// No such interface, none with Ethernet addresses, or no privilege.
    pub fn open(device: &str) -> io::Result<FrameSender> {
        let (index, link) = find(device)?;
        if link != Link::Ethernet {
            return Err(io::ErrorKind::Unsupported.into());
        }
        Ok(FrameSender { fd: sys::open_sender()?, index })
    }

    /// Sends a frame, its Ethernet header included; the number of bytes that went.
    ///
    /// # Errors
    /// What the system says.
    pub fn send(&self, frame: &[u8]) -> io::Result<usize> {
        sys::send(&self.fd, self.index, frame)
    }
}

/// Sends IP packets with headers of the sender's own.
#[derive(Debug, Default)]
pub struct PacketSender {
    v4: Option<socket2::Socket>,
    v6: Option<socket2::Socket>,
}

impl PacketSender {
    /// Whether there is a socket yet.
    pub fn is_open(&self) -> bool {
        self.v4.is_some() || self.v6.is_some()
    }

    /// Gets a socket for a family, if there is none yet.
    ///
    /// # Errors
    /// No privilege.
    pub fn open(&mut self, is_ipv6: bool) -> io::Result<&socket2::Socket> {
        let (place, domain) = match is_ipv6 {
            false => (&mut self.v4, socket2::Domain::IPV4),
            true => (&mut self.v6, socket2::Domain::IPV6),
        };
        if let Some(socket) = place {
            return Ok(socket);
        }
        // This protocol means that the header comes with the packet.
        let raw = socket2::Protocol::from(255);
        let socket = socket2::Socket::new(domain, socket2::Type::RAW, Some(raw))?;
        if !is_ipv6 {
            socket.set_broadcast(true)?;
        }
        Ok(place.insert(socket))
    }

    /// Sends a packet to where an address is routed.
    ///
    /// # Errors
    /// What the system says: no privilege, no route.
    pub fn send(&mut self, packet: &[u8], to: IpAddr) -> io::Result<()> {
        self.open(to.is_ipv6())?.send_to(packet, &SocketAddr::new(to, 0).into()).map(|_| ())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_can_not_be_captured_is_an_error() {
        assert!(Capture::open("no-such-device", 100, false, "").is_err());
        assert!(Capture::open("lo", 100, false, "and and").is_err());
        assert!(FrameSender::open("lo").is_err());
    }
}
