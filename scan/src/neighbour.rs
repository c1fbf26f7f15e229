//! Discovery of neighbours: who is on the same link, by ARP and neighbour discovery.
//!
//! Nobody on an Ethernet can hide from these, and they cost the least, so they take the place of all other probes for
//! addresses in the network of one of our interfaces. The answer brings the hardware address.

use crate::net::Network;
use crate::net::{Ready, SocketId};
use crate::port_scan::trace::PacketTrace;
use crate::port_scan::{Answer, Key, Method, Sent};
use crate::result::{PortState, Protocol, Reason};
use crate::sys::raw::{self, CAPTURE_LEN, Capture, Interface};
use crate::wire;
use crate::zone;
use hashbrown::HashMap;
use std::io;
use std::net::{IpAddr, SocketAddr};

/// Everybody on a link.
const BROADCAST: [u8; 6] = [0xFF; 6];
/// An ARP packet without its link header.
const PACKET_LEN: usize = 28;
/// Packets taken from the system in one go.
const TAKEN_MAX: usize = 4096;

/// The questions to neighbours.
#[derive(Debug)]
pub struct Neighbours {
    capture: Capture,
    interfaces: Vec<Interface>,
    watched: Option<SocketId>,
    asked: HashMap<IpAddr, Key>,
    /// Hardware addresses that were learned.
    pub macs: HashMap<IpAddr, [u8; 6]>,
    trace: PacketTrace,
}

/// The interface whose network an address is in, if one can ask for neighbours there; with a zone, that one only.
pub fn interface_of(interfaces: &[Interface], address: IpAddr) -> Option<&Interface> {
    let is_own = |it: &&Interface| it.address == address;
    if interfaces.iter().any(|it| is_own(&it)) {
        return None;
    }
    let zone = zone::of(address);
    let in_zone = |it: &&Interface| zone == 0 || it.index == zone;
    interfaces.iter().filter(in_zone).find(|it| it.is_up && !it.is_loopback && it.mac.is_some() && it.reaches(address))
}

impl Neighbours {
    /// Asks on these links.
    ///
    /// # Errors
    /// Without privilege.
    pub fn open(interfaces: Vec<Interface>) -> io::Result<Neighbours> {
        Ok(Neighbours {
            capture: Capture::open()?,
            interfaces,
            watched: None,
            asked: HashMap::default(),
            macs: HashMap::default(),
            trace: PacketTrace::default(),
        })
    }

    /// Asks for an address; from which of ours.
    fn ask(&self, address: IpAddr) -> io::Result<IpAddr> {
        let interface = interface_of(&self.interfaces, address).ok_or(io::ErrorKind::AddrNotAvailable)?;
        let mac = interface.mac.unwrap_or_default();
        let sent = match (interface.address, address) {
            (IpAddr::V4(from), IpAddr::V4(to)) => {
                let question = wire::arp_request(mac, from, to);
                self.capture.send(&question, interface.index, raw::ETHERTYPE_ARP, BROADCAST)
            }
            (IpAddr::V6(from), IpAddr::V6(to)) => {
                let (question, group) = wire::neighbour_solicitation(mac, from, to);
                let [.., a, b, c, d] = group.octets();
                self.capture.send(&question, interface.index, raw::ETHERTYPE_IPV6, [0x33, 0x33, a, b, c, d])
            }
            _ => Err(io::ErrorKind::AddrNotAvailable.into()),
        };
        sent.map(|()| interface.address)
    }
}

impl Method for Neighbours {
    fn protocol(&self) -> Protocol {
        Protocol::Ip
    }

    fn silence(&self) -> PortState {
        PortState::Filtered
    }

    fn send(&mut self, network: &mut dyn Network, key: Key, remote: SocketAddr) -> Sent {
        if self.watched.is_none() {
            self.watched = network.watch(self.capture.fd());
        }
        let failed =
            Answer { state: PortState::Filtered, reason: Reason::NoRoute, ttl: 0, from_host: false, other: None };
        match self.ask(remote.ip()) {
            Ok(from) => {
                self.asked.insert(remote.ip(), key);
                network.note_sent();
                self.trace.sent(PACKET_LEN);
                self.trace.add("SENT", network, || asked_text(from, remote.ip()));
                Sent::InFlight
            }
            Err(error) if matches!(error.kind(), io::ErrorKind::WouldBlock) => Sent::NoRoom,
            Err(_) => Sent::Answered(failed),
        }
    }

    fn events(&mut self, network: &mut dyn Network, _: &[Ready], outcomes: &mut Vec<(Key, Sent)>) {
        let mut buffer = [0; CAPTURE_LEN];
        for _ in 0..TAKEN_MAX {
            let Some((len, link)) = self.capture.next(&mut buffer) else { return };
            let packet = &buffer[..len];
            let found = match link.ethertype {
                raw::ETHERTYPE_ARP => {
                    wire::arp_reply(packet).map(|(ip, mac)| (IpAddr::V4(ip), mac, Reason::ArpResponse))
                }
                raw::ETHERTYPE_IPV6 => match wire::parse(packet).map(|seen| seen.what) {
                    Some(wire::What::Neighbour { address }) => {
                        link.mac.map(|mac| (IpAddr::V6(address), mac, Reason::NdResponse))
                    }
                    _ => None,
                },
                _ => None,
            };
            if let Some((address, mac, reason)) = found
                && let Some(key) = self.asked.get(&address)
            {
                self.macs.insert(address, mac);
                self.trace.received(PACKET_LEN);
                self.trace.add("RCVD", network, || answered_text(address, mac));
                let answer = Answer { state: PortState::Open, reason, ttl: 0, from_host: true, other: None };
                outcomes.push((*key, Sent::Answered(answer)));
            }
        }
    }

    fn expire(&mut self, _: &mut dyn Network, _: Key) -> Option<Sent> {
        None
    }

    fn close(&mut self, network: &mut dyn Network) {
        if let Some(id) = self.watched.take() {
            network.close(id);
        }
    }

    fn trace(&mut self) -> &mut PacketTrace {
        &mut self.trace
    }
}

fn asked_text(from: IpAddr, address: IpAddr) -> String {
    match address {
        IpAddr::V4(_) => format!("ARP who-has {address} tell {from}"),
        IpAddr::V6(_) => format!("neighbor solicitation {from} > {address}"),
    }
}

fn answered_text(address: IpAddr, mac: [u8; 6]) -> String {
    let mac = mac.map(|byte| format!("{byte:02X}")).join(":");
    match address {
        IpAddr::V4(_) => format!("ARP reply {address} is-at {mac}"),
        IpAddr::V6(_) => format!("neighbor advertisement {address} is at {}", mac.to_lowercase()),
    }
}
