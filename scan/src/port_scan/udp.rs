//! UDP probes over connected sockets: the system hands on what a host's ICMP messages say, so no privilege is needed.
//!
//! A port gets the payloads that a probe file has for it, else an empty datagram.

use super::connect::reason_of;
use super::{Answer, Key, Method, Sent};
use crate::net::{NetError, Network, Read, Ready, SocketId, Transport, Write};
use crate::result::{PortState, Protocol, Reason};
use crate::version::ProbeFile;
use hashbrown::HashMap;
use std::net::SocketAddr;

/// Payloads sent to one port.
const PAYLOADS_MAX: usize = 255;
/// Bytes looked at of an answer.
const READ_MAX: usize = 64;

/// The UDP scan.
#[derive(Debug)]
pub struct UdpSockets<'a> {
    payloads: Option<&'a ProbeFile>,
    by_socket: HashMap<SocketId, Key>,
    by_port: HashMap<(u32, u32), SocketId>,
    buffer: Vec<u8>,
}

impl<'a> UdpSockets<'a> {
    /// With the payloads of a probe file.
    pub fn new(payloads: Option<&'a ProbeFile>) -> UdpSockets<'a> {
        UdpSockets { payloads, by_socket: HashMap::default(), by_port: HashMap::default(), buffer: Vec::new() }
    }

    fn look_at(&mut self, network: &mut dyn Network, id: SocketId) -> Option<Sent> {
        self.buffer.clear();
        let outcome = match network.read(id, &mut self.buffer, READ_MAX) {
            Read::WouldBlock => return None,
            Read::Data(_) | Read::Eof => answer(PortState::Open, Reason::UdpResponse, true),
            Read::Failed(error) => failed(error),
        };
        network.close(id);
        Some(outcome)
    }
}

fn answer(state: PortState, reason: Reason, from_host: bool) -> Sent {
    Sent::Answered(Answer { state, reason, ttl: 0, from_host })
}

fn failed(error: NetError) -> Sent {
    match error {
        NetError::Refused => answer(PortState::Closed, Reason::PortUnreach, true),
        error => answer(PortState::Filtered, reason_of(error), false),
    }
}

impl Method for UdpSockets<'_> {
    fn protocol(&self) -> Protocol {
        Protocol::Udp
    }

    fn silence(&self) -> PortState {
        PortState::OpenFiltered
    }

    fn send(&mut self, network: &mut dyn Network, key: Key, remote: SocketAddr) -> Sent {
        let id = match network.open(Transport::Udp, Some(remote), None) {
            Ok(id) => id,
            Err(NetError::TooManySockets | NetError::AddressInUse) => return Sent::NoRoom,
            Err(error) => return failed(error),
        };
        let payloads = self.payloads.map(|file| file.payloads(remote.port())).unwrap_or_default();
        let empty: [&[u8]; 1] = [&[]];
        let payloads = if payloads.is_empty() { &empty[..] } else { &payloads[..] };
        for payload in payloads.iter().take(PAYLOADS_MAX) {
            if let Write::Failed(error) = network.write(id, payload) {
                network.close(id);
                return failed(error);
            }
        }
        // A near host has answered by now.
        if let Some(outcome) = self.look_at(network, id) {
            return outcome;
        }
        self.by_socket.insert(id, key);
        self.by_port.insert((key.host_idx, key.port_idx), id);
        Sent::InFlight
    }

    fn events(&mut self, network: &mut dyn Network, ready: &[Ready], outcomes: &mut Vec<(Key, Sent)>) {
        for event in ready {
            let Some(&key) = self.by_socket.get(&event.id) else { continue };
            if let Some(outcome) = self.look_at(network, event.id) {
                self.by_socket.remove(&event.id);
                self.by_port.remove(&(key.host_idx, key.port_idx));
                outcomes.push((key, outcome));
            }
        }
    }

    fn expire(&mut self, network: &mut dyn Network, key: Key) -> Option<Sent> {
        let id = self.by_port.remove(&(key.host_idx, key.port_idx))?;
        self.by_socket.remove(&id);
        let outcome = self.look_at(network, id);
        if outcome.is_none() {
            network.close(id);
        }
        outcome
    }

    fn close(&mut self, network: &mut dyn Network) {
        for (id, _) in self.by_socket.drain() {
            network.close(id);
        }
        self.by_port.clear();
    }
}
