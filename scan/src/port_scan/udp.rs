//! UDP probes over connected sockets: the system hands on what a host's ICMP messages say, so no privilege is needed.
//!
//! A port gets the payloads that a probe file has for it, else an empty datagram.

use super::connect::reason_of;
use super::sockets::ProbeSockets;
use super::trace::PacketTrace;
use super::{Answer, Key, Method, Sent};
use crate::net::{NetError, Network, Read, Ready, SocketId, Transport, Write};
use crate::result::{PortState, Protocol, Reason};
use crate::version::ProbeFile;
use std::net::SocketAddr;

/// Payloads sent to one port.
const PAYLOADS_MAX: usize = 255;
/// Bytes looked at of an answer.
const READ_MAX: usize = 64;

/// The UDP scan.
#[derive(Debug)]
pub struct UdpSockets<'a> {
    payloads: Option<&'a ProbeFile>,
    sockets: ProbeSockets,
    trace: PacketTrace,
    buffer: Vec<u8>,
}

impl<'a> UdpSockets<'a> {
    /// With the payloads of a probe file.
    pub fn new(payloads: Option<&'a ProbeFile>) -> UdpSockets<'a> {
        UdpSockets { payloads, sockets: ProbeSockets::default(), trace: PacketTrace::default(), buffer: Vec::new() }
    }

    fn look_at(&mut self, network: &mut dyn Network, id: SocketId, remote: SocketAddr) -> Option<Sent> {
        self.buffer.clear();
        let outcome = match network.read(id, &mut self.buffer, READ_MAX) {
            Read::WouldBlock => return None,
            Read::Data(_) | Read::Eof => answer(PortState::Open, Reason::UdpResponse, true),
            Read::Failed(error) => failed(error),
        };
        network.close(id);
        self.trace.add("RCVD", network, || format!("UDP {remote} > localhost => {}", shown(outcome)));
        Some(outcome)
    }
}

fn answer(state: PortState, reason: Reason, from_host: bool) -> Sent {
    Sent::Answered(Answer { state, reason, ttl: 0, from_host, other: None })
}

fn shown(outcome: Sent) -> &'static str {
    match outcome {
        Sent::Answered(Answer { state: PortState::Open, .. }) => "a datagram",
        Sent::Answered(Answer { state: PortState::Closed, .. }) => "port unreachable",
        _ => "an error",
    }
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
            self.trace.add("SENT", network, || format!("UDP localhost > {remote} len={}", payload.len()));
            if let Write::Failed(error) = network.write(id, payload) {
                network.close(id);
                return failed(error);
            }
        }
        // A near host has answered by now.
        if let Some(outcome) = self.look_at(network, id, remote) {
            return outcome;
        }
        self.sockets.insert(id, key, remote);
        Sent::InFlight
    }

    fn events(&mut self, network: &mut dyn Network, ready: &[Ready], outcomes: &mut Vec<(Key, Sent)>) {
        for event in ready {
            let Some((key, remote)) = self.sockets.probe(event.id) else { continue };
            if let Some(outcome) = self.look_at(network, event.id, remote) {
                self.sockets.remove(event.id);
                outcomes.push((key, outcome));
            }
        }
    }

    fn expire(&mut self, network: &mut dyn Network, key: Key) -> Option<Sent> {
        let (id, remote) = self.sockets.take(key)?;
        let outcome = self.look_at(network, id, remote);
        if outcome.is_none() {
            network.close(id);
        }
        outcome
    }

    fn close(&mut self, network: &mut dyn Network) {
        self.sockets.drain().for_each(|id| network.close(id));
    }

    fn trace(&mut self) -> &mut PacketTrace {
        &mut self.trace
    }
}
