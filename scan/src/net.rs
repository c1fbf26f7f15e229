//! The network as the port scan and the scripting engine see it.
//!
//! One trait, so that the same code runs on real sockets and on a simulated network with a clock of its own. Nothing
//! here blocks but [`Network::wait`]. Readiness is edge-triggered: a caller that was told of it reads or writes until
//! `WouldBlock` before it waits again, or it may wait for ever. Names are resolved elsewhere: addresses only.
//!
//! # Invariants
//! - N1. A [`SocketId`] is given out once; every operation on one that was closed fails with [`NetError::Other`].
//! - N2. After `close` no [`Ready`] names the socket.

use std::net::SocketAddr;

/// Milliseconds since the network was made.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Default)]
pub struct Millis(pub u64);

impl Millis {
    /// Milliseconds from `earlier` to this moment, 0 when it is the later one.
    pub fn since(self, earlier: Millis) -> u64 {
        self.0.saturating_sub(earlier.0)
    }

    /// This moment and `ms` more; a sum past the end of the clock is the end.
    #[must_use]
    pub fn after(self, ms: u64) -> Millis {
        Millis(self.0.saturating_add(ms))
    }
}

/// Names a socket of one network; never reused.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub struct SocketId(pub u64);

/// What a socket speaks.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Transport {
    Tcp,
    Udp,
}

/// What became of an attempt that the system answered at once or later.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum NetError {
    /// The peer answered that nobody listens there.
    Refused,
    /// The peer ended the connection without a proper close, or it is already closed for writing.
    Reset,
    /// The system gave up waiting for the peer.
    TimedOut,
    HostUnreachable,
    NetworkUnreachable,
    /// The local address is taken or not ours, or there is no free local port.
    AddressInUse,
    /// The system forbids it: a privileged port, a local firewall.
    AccessDenied,
    /// No descriptor or no buffer is left: wait until a socket is closed, then try again.
    TooManySockets,
    Other,
}

/// What may be done with a socket without blocking.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Ready {
    pub id: SocketId,
    /// Data, the end of the stream or an error is there to be read.
    pub readable: bool,
    /// For a connecting TCP socket `writable` says that it is decided: ask [`Network::connect_result`].
    pub writable: bool,
}

/// Outcome of a read.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Read {
    /// So many bytes were appended. A datagram may be empty; a stream never gives 0.
    Data(usize),
    WouldBlock,
    /// The peer closed its side of the stream.
    Eof,
    Failed(NetError),
}

/// Outcome of a write.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Write {
    /// So many bytes were taken, maybe fewer than given on a stream.
    Written(usize),
    WouldBlock,
    Failed(NetError),
}

/// Sockets and a clock.
pub trait Network {
    /// The time now.
    fn now(&self) -> Millis;

    /// The time now in microseconds, for round-trip times. The same clock as [`Network::now`].
    fn now_us(&self) -> u64 {
        self.now().0.saturating_mul(1000)
    }

    /// Opens a socket, bound to `local` when that is given.
    ///
    /// TCP: starts connecting to `remote`, which must be given. UDP: bound, and connected when `remote` is given.
    /// The address family is that of `remote`, else of `local`, else IPv4.
    ///
    /// # Errors
    /// What the system answered at once; a refusal by a near peer may come here or from `connect_result`.
    fn open(
        &mut self,
        transport: Transport,
        remote: Option<SocketAddr>,
        local: Option<SocketAddr>,
    ) -> Result<SocketId, NetError>;

    /// Starts connecting to a port of which no more is wanted than what [`Network::probe_result`] tells; also says
    /// whether it is connected already.
    ///
    /// # Errors
    /// Those of `open`, and every failure that is known at once.
    fn open_probe(&mut self, remote: SocketAddr) -> Result<(SocketId, bool), NetError> {
        let id = self.open(Transport::Tcp, Some(remote), None)?;
        match self.probe_result(id) {
            Some(Err(error)) => {
                self.abort(id);
                Err(error)
            }
            known => Ok((id, known.is_some())),
        }
    }

    /// What became of the connection attempt; `None`: still connecting. UDP sockets are connected from the start.
    fn connect_result(&mut self, id: SocketId) -> Option<Result<(), NetError>>;

    /// The same of a connection that is of no use once that is known: it may forget where it came from.
    fn probe_result(&mut self, id: SocketId) -> Option<Result<(), NetError>> {
        self.connect_result(id)
    }

    /// Reads at most `max` bytes and appends them to `into`. Of a longer datagram the rest is lost.
    fn read(&mut self, id: SocketId, into: &mut Vec<u8>, max: usize) -> Read;

    /// Reads a datagram and says who sent it; for UDP.
    fn read_from(&mut self, id: SocketId, into: &mut Vec<u8>, max: usize) -> (Read, Option<SocketAddr>);

    /// Writes to the peer.
    fn write(&mut self, id: SocketId, data: &[u8]) -> Write;

    /// Sends a datagram to `to`; for UDP.
    fn write_to(&mut self, id: SocketId, data: &[u8], to: SocketAddr) -> Write;

    /// Our address, once the socket is bound.
    fn local_addr(&self, id: SocketId) -> Option<SocketAddr>;

    /// The peer's address, once the socket is connected.
    fn peer_addr(&self, id: SocketId) -> Option<SocketAddr>;

    /// Closes the socket; data already written is still delivered. A closed or unknown one is left alone.
    fn close(&mut self, id: SocketId);

    /// Closes the socket so that the peer sees a reset and no state is left behind.
    fn abort(&mut self, id: SocketId) {
        self.close(id);
    }

    /// When the rate that the user set allows the next probe or connection, microseconds; a moment past: now.
    fn may_send_at_us(&self) -> u64 {
        0
    }

    /// A packet was sent past the network, for the rate.
    fn note_sent(&mut self) {}

    /// Puts a descriptor into the poll that its owner reads itself; `None` where there are none. `close` takes it out.
    fn watch(&mut self, fd: i32) -> Option<SocketId> {
        let _ = fd;
        None
    }

    /// Waits until something is ready, at most until `until`; appends what is ready.
    ///
    /// May return early with nothing (a signal). With neither sockets nor `until` it returns at once.
    fn wait(&mut self, until: Option<Millis>, ready: &mut Vec<Ready>);
}
