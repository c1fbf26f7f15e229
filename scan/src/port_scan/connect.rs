//! Probes that connect: what any user may send.
//!
//! An answer that the system knows at once never enters the poll, which is what makes near hosts fast. A connection
//! that is made is reset at once, so that neither side keeps any state of it.

use super::sockets::ProbeSockets;
use super::trace::PacketTrace;
use super::{Answer, Key, Method, Sent};
use crate::net::{NetError, Network, Ready, SocketId};
use crate::result::{PortState, Protocol, Reason};
use std::net::SocketAddr;

/// The connect scan.
#[derive(Debug, Default)]
pub struct Connect {
    sockets: ProbeSockets,
    trace: PacketTrace,
}

impl Connect {
    /// Asks a socket for its outcome; closes it when there is one.
    fn look_at(&mut self, network: &mut dyn Network, id: SocketId) -> Option<Sent> {
        match network.probe_result(id)? {
            Ok(()) => Some(connected(network, id)),
            Err(error) => {
                network.abort(id);
                failed(error)
            }
        }
    }

    fn tell(&mut self, network: &dyn Network, remote: SocketAddr, what: &str) {
        self.trace.add("CONN", network, || format!("TCP localhost > {}:{} => {what}", remote.ip(), remote.port()));
    }
}

impl Method for Connect {
    fn protocol(&self) -> Protocol {
        Protocol::Tcp
    }

    fn silence(&self) -> PortState {
        PortState::Filtered
    }

    fn send(&mut self, network: &mut dyn Network, key: Key, remote: SocketAddr) -> Sent {
        let opened = network.open_probe(remote);
        if matches!(opened, Err(NetError::TooManySockets | NetError::AddressInUse)) {
            return Sent::NoRoom;
        }
        // On loopback the answer may be there already; the trace shows both steps all the same.
        if matches!(opened, Ok(_) | Err(NetError::Refused)) {
            self.tell(network, remote, "Operation now in progress");
        }
        match opened {
            Ok((id, false)) => {
                self.sockets.insert(id, key, remote);
                Sent::InFlight
            }
            Ok((id, true)) => {
                let outcome = connected(network, id);
                self.tell(network, remote, shown(outcome));
                outcome
            }
            Err(error) => {
                self.tell(network, remote, describe(Err(error)));
                failed(error).unwrap_or(answer(PortState::Filtered, Reason::NoResponse, false))
            }
        }
    }

    fn events(&mut self, network: &mut dyn Network, ready: &[Ready], outcomes: &mut Vec<(Key, Sent)>) {
        for event in ready {
            let Some((key, remote)) = self.sockets.probe(event.id) else { continue };
            if let Some(outcome) = self.look_at(network, event.id) {
                self.sockets.remove(event.id);
                self.tell(network, remote, shown(outcome));
                outcomes.push((key, outcome));
            }
        }
    }

    fn expire(&mut self, network: &mut dyn Network, key: Key) -> Option<Sent> {
        let (id, remote) = self.sockets.take(key)?;
        let outcome = self.look_at(network, id);
        match outcome {
            Some(outcome) => self.tell(network, remote, shown(outcome)),
            None => network.abort(id),
        }
        outcome
    }

    fn close(&mut self, network: &mut dyn Network) {
        self.sockets.drain().for_each(|id| network.abort(id));
    }

    fn trace(&mut self) -> &mut PacketTrace {
        &mut self.trace
    }
}

/// The outcome of a probe that connected; closes it.
fn connected(network: &mut dyn Network, id: SocketId) -> Sent {
    // On loopback a port of ours may be the very one that is asked.
    let is_self = network.local_addr(id) == network.peer_addr(id);
    network.abort(id);
    if is_self { Sent::Again } else { answer(PortState::Open, Reason::SynAck, true) }
}

fn answer(state: PortState, reason: Reason, from_host: bool) -> Sent {
    Sent::Answered(Answer { state, reason, ttl: 0, from_host, other: None })
}

/// What an error says of a port; `None`: as good as silence.
fn failed(error: NetError) -> Option<Sent> {
    match error {
        NetError::Refused => Some(answer(PortState::Closed, Reason::ConnRefused, true)),
        NetError::TimedOut => None,
        error => Some(answer(PortState::Filtered, reason_of(error), false)),
    }
}

/// Words of an error that says something of the way to the host.
pub(super) fn reason_of(error: NetError) -> Reason {
    match error {
        NetError::HostUnreachable => Reason::HostUnreach,
        NetError::NetworkUnreachable => Reason::NetUnreach,
        NetError::AccessDenied => Reason::AdminProhibited,
        NetError::Reset => Reason::Reset,
        NetError::Refused | NetError::TimedOut => Reason::NoResponse,
        NetError::AddressInUse | NetError::TooManySockets | NetError::Other => Reason::UnknownResponse,
    }
}

fn shown(outcome: Sent) -> &'static str {
    match outcome {
        Sent::Again => "Connected to itself",
        Sent::Answered(Answer { state: PortState::Open, .. }) => describe(Ok(())),
        Sent::Answered(Answer { state: PortState::Closed, .. }) => describe(Err(NetError::Refused)),
        Sent::Answered(Answer { reason: Reason::HostUnreach, .. }) => describe(Err(NetError::HostUnreachable)),
        Sent::Answered(Answer { reason: Reason::NetUnreach, .. }) => describe(Err(NetError::NetworkUnreachable)),
        _ => describe(Err(NetError::Other)),
    }
}

/// In the words of the operating system.
fn describe(result: Result<(), NetError>) -> &'static str {
    match result {
        Ok(()) => "Connected",
        Err(NetError::Refused) => "Connection refused",
        Err(NetError::Reset) => "Connection reset by peer",
        Err(NetError::TimedOut) => "Connection timed out",
        Err(NetError::HostUnreachable) => "No route to host",
        Err(NetError::NetworkUnreachable) => "Network is unreachable",
        Err(NetError::AccessDenied) => "Permission denied",
        Err(_) => "Connection failed",
    }
}
