//! Which socket belongs to which probe, for kinds of probe that open one each.

use super::Key;
use crate::net::SocketId;
use hashbrown::HashMap;
use std::net::SocketAddr;

/// Probes by socket, and sockets by port: a port has at most one.
#[derive(Debug, Default)]
pub(super) struct ProbeSockets {
    by_socket: HashMap<SocketId, (Key, SocketAddr)>,
    by_port: HashMap<(u32, u32), SocketId>,
}

impl ProbeSockets {
    pub fn insert(&mut self, id: SocketId, key: Key, remote: SocketAddr) {
        self.by_socket.insert(id, (key, remote));
        self.by_port.insert((key.host_idx, key.port_idx), id);
    }

    /// The probe of a socket.
    pub fn probe(&self, id: SocketId) -> Option<(Key, SocketAddr)> {
        self.by_socket.get(&id).copied()
    }

    /// Forgets a socket.
    pub fn remove(&mut self, id: SocketId) {
        if let Some((key, _)) = self.by_socket.remove(&id) {
            self.by_port.remove(&(key.host_idx, key.port_idx));
        }
    }

    /// Forgets the socket of a probe and answers it.
    pub fn take(&mut self, key: Key) -> Option<(SocketId, SocketAddr)> {
        let id = self.by_port.remove(&(key.host_idx, key.port_idx))?;
        let (_, remote) = self.by_socket.remove(&id)?;
        Some((id, remote))
    }

    /// Forgets all; their sockets.
    pub fn drain(&mut self) -> impl Iterator<Item = SocketId> {
        self.by_port.clear();
        std::mem::take(&mut self.by_socket).into_keys()
    }
}
