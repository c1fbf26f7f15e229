//! TLS and DTLS over a socket of the network: moves bytes between the two.
//!
//! [`perilune_tls`] knows neither sockets nor clocks, [`crate::net`] knows no TLS. A [`Secure`] holds the connection
//! and what the socket has not taken yet, and offers the same calls as a plain socket: script sockets and version
//! detection only choose which one they call. Nothing blocks; as with plain sockets, the caller goes on until
//! `WouldBlock` before it waits. Nothing is verified, see [`perilune_tls`].

use crate::net::{Millis, NetError, Network, Read, SocketId, Write};
use perilune_tls::{Alert, Config, Connection, DtlsConnection, Peer, State, SystemRng, TlsError};
use std::collections::VecDeque;
use std::fmt;
use std::time::Duration;

/// Bytes taken from the socket at a time: a whole record of the greatest length, and then some.
const CHUNK: usize = 32 * 1024;
/// Bytes encrypted before the socket is asked to take them.
const SEND_AT_ONCE: usize = 64 * 1024;

/// Why there is no secure connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SecureError {
    /// The protocol.
    Tls(TlsError),
    /// The socket.
    Net(NetError),
}

impl From<TlsError> for SecureError {
    fn from(error: TlsError) -> SecureError {
        SecureError::Tls(error)
    }
}

impl fmt::Display for SecureError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            SecureError::Tls(error) => return error.fmt(f),
            SecureError::Net(NetError::Refused) => "nobody listens there",
            SecureError::Net(NetError::Reset) => "the peer reset the connection",
            SecureError::Net(NetError::TimedOut) => "the system gave up waiting for the peer",
            SecureError::Net(NetError::HostUnreachable | NetError::NetworkUnreachable) => "the peer cannot be reached",
            SecureError::Net(_) => "the socket failed",
        })
    }
}

impl std::error::Error for SecureError {}

impl SecureError {
    /// Whether a server that answers so may still speak SSL 3.0, which wants a hello of its own on a new socket.
    pub fn suggests_ssl3(&self) -> bool {
        match self {
            SecureError::Tls(TlsError::VersionNotOffered(version)) => *version == 0x0300,
            SecureError::Tls(TlsError::Alert(alert)) => {
                matches!(*alert, Alert::HANDSHAKE_FAILURE | Alert::PROTOCOL_VERSION)
            }
            _ => false,
        }
    }
}

enum Session {
    Stream(Box<Connection>),
    Datagram(Box<DtlsConnection>),
}

/// The client's end of a secure connection over a socket.
pub struct Secure {
    session: Session,
    /// For the peer: pieces of a stream, or datagrams.
    outgoing: VecDeque<Vec<u8>>,
    /// Bytes of the first piece that the socket took.
    sent: usize,
    /// Decrypted: pieces of a stream, or one record's data each.
    incoming: VecDeque<Vec<u8>>,
    /// Bytes of the first piece that were read.
    taken: usize,
    error: Option<SecureError>,
}

impl fmt::Debug for Secure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Secure").field("peer", &self.peer()).field("error", &self.error).finish_non_exhaustive()
    }
}

impl Secure {
    /// TLS over a stream. Nothing is sent yet.
    ///
    /// # Errors
    /// The configuration offers nothing, or there are no random numbers.
    pub fn stream(config: Config) -> Result<Secure, TlsError> {
        Ok(Secure::new(Session::Stream(Box::new(Connection::new(config, Box::new(SystemRng))?))))
    }

    /// DTLS over a connected UDP socket.
    ///
    /// # Errors
    /// As for [`Secure::stream`].
    pub fn datagram(config: Config, now: Millis) -> Result<Secure, TlsError> {
        let connection = DtlsConnection::new(config, Box::new(SystemRng), duration(now))?;
        Ok(Secure::new(Session::Datagram(Box::new(connection))))
    }

    fn new(session: Session) -> Secure {
        let (outgoing, incoming) = (VecDeque::new(), VecDeque::new());
        Secure { session, outgoing, sent: 0, incoming, taken: 0, error: None }
    }

    /// Whether it runs over UDP.
    pub fn is_datagram(&self) -> bool {
        matches!(self.session, Session::Datagram(_))
    }

    /// What is known of the server: from its hello on, after a failure too.
    pub fn peer(&self) -> Option<&Peer> {
        match &self.session {
            Session::Stream(connection) => connection.peer(),
            Session::Datagram(connection) => connection.peer(),
        }
    }

    /// Why it failed.
    pub fn error(&self) -> Option<&SecureError> {
        self.error.as_ref()
    }

    /// When the next call is due though the socket is quiet: lost datagrams are sent again.
    pub fn deadline(&self) -> Option<Millis> {
        match &self.session {
            Session::Stream(_) => None,
            // Rounded up, so that the call is not too early.
            Session::Datagram(connection) => {
                let deadline = connection.deadline()?.as_micros().div_ceil(1000);
                Some(Millis(u64::try_from(deadline).unwrap_or(u64::MAX)))
            }
        }
    }

    /// Gets on with the handshake; `None` when it has to wait for the socket or [`Secure::deadline`].
    pub fn handshake(&mut self, network: &mut dyn Network, id: SocketId) -> Option<Result<(), SecureError>> {
        self.tick(network.now());
        loop {
            let flushed = self.flush(network, id);
            if let Some(error) = &self.error {
                return Some(Err(error.clone()));
            }
            if *self.state() != State::Handshaking {
                return flushed.then_some(Ok(()));
            }
            match self.pull(network, id) {
                Read::Data(_) => {}
                Read::WouldBlock => return None,
                Read::Eof => self.end(),
                Read::Failed(error) => self.fail(SecureError::Net(error)),
            }
        }
    }

    /// Reads at most `max` decrypted bytes and appends them to `into`; of a longer datagram the rest is lost.
    pub fn read(&mut self, network: &mut dyn Network, id: SocketId, into: &mut Vec<u8>, max: usize) -> Read {
        loop {
            if let Some(piece) = self.incoming.front() {
                let rest = &piece[self.taken..];
                let len = rest.len().min(max);
                into.extend_from_slice(&rest[..len]);
                self.taken += len;
                if self.taken == piece.len() || self.is_datagram() {
                    self.incoming.pop_front();
                    self.taken = 0;
                }
                return Read::Data(len);
            }
            if self.error.is_some() {
                return Read::Failed(NetError::Other);
            }
            if matches!(self.state(), State::PeerClosed | State::Closed) {
                return Read::Eof;
            }
            match self.pull(network, id) {
                Read::Data(_) => _ = self.flush(network, id),
                Read::Eof => self.end(),
                other => return other,
            }
        }
    }

    /// Encrypts and writes. What counts as written may still wait for the socket: see [`Secure::flush`].
    pub fn write(&mut self, network: &mut dyn Network, id: SocketId, data: &[u8]) -> Write {
        if !self.flush(network, id) {
            return Write::WouldBlock;
        }
        let data = if self.is_datagram() { data } else { &data[..data.len().min(SEND_AT_ONCE)] };
        let sent = match &mut self.session {
            Session::Stream(connection) => connection.send(data),
            Session::Datagram(connection) => connection.send(data),
        };
        if self.error.is_some() || sent.is_err() {
            return Write::Failed(NetError::Other);
        }
        self.flush(network, id);
        Write::Written(data.len())
    }

    /// Hands to the socket what it takes; whether that was everything. Nothing is left after a failure.
    pub fn flush(&mut self, network: &mut dyn Network, id: SocketId) -> bool {
        match &mut self.session {
            Session::Stream(connection) if connection.has_output() => self.outgoing.push_back(connection.take_output()),
            Session::Stream(_) => {}
            Session::Datagram(connection) => {
                self.outgoing.extend(std::iter::from_fn(|| connection.take_datagram()));
            }
        }
        while let Some(piece) = self.outgoing.front() {
            match network.write(id, &piece[self.sent..]) {
                Write::Written(len) if !self.is_datagram() && self.sent + len < piece.len() => self.sent += len,
                Write::Written(_) => {
                    self.outgoing.pop_front();
                    self.sent = 0;
                }
                Write::WouldBlock => return false,
                Write::Failed(error) => {
                    self.outgoing.clear();
                    self.sent = 0;
                    self.fail(SecureError::Net(error));
                }
            }
        }
        true
    }

    /// Says goodbye, if the socket takes it at once.
    pub fn close(&mut self, network: &mut dyn Network, id: SocketId) {
        match &mut self.session {
            Session::Stream(connection) => connection.close(),
            Session::Datagram(connection) => connection.close(),
        }
        self.flush(network, id);
    }

    fn state(&self) -> &State {
        match &self.session {
            Session::Stream(connection) => connection.state(),
            Session::Datagram(connection) => connection.state(),
        }
    }

    fn tick(&mut self, now: Millis) {
        if let Session::Datagram(connection) = &mut self.session
            && let Err(error) = connection.tick(duration(now))
        {
            self.fail(error.into());
        }
    }

    /// Takes what the socket has. A failure of the protocol is kept; what came before it can still be read.
    fn pull(&mut self, network: &mut dyn Network, id: SocketId) -> Read {
        let mut bytes = Vec::new();
        let read = network.read(id, &mut bytes, if self.is_datagram() { usize::MAX } else { CHUNK });
        if let Read::Data(_) = read {
            let res = match &mut self.session {
                Session::Stream(connection) => {
                    let res = connection.receive(&bytes);
                    self.incoming.extend(Some(connection.take_received()).filter(|data| !data.is_empty()));
                    res
                }
                Session::Datagram(connection) => {
                    let res = connection.receive(&bytes, duration(network.now()));
                    self.incoming.extend(std::iter::from_fn(|| connection.take_received()));
                    res
                }
            };
            if let Err(error) = res {
                self.fail(error.into());
                // The peer gets to know why.
                self.flush(network, id);
            }
        }
        read
    }

    /// The peer sends no more.
    fn end(&mut self) {
        if let Session::Stream(connection) = &mut self.session
            && let Err(error) = connection.receive_end()
        {
            self.fail(error.into());
        }
    }

    /// The first reason counts.
    fn fail(&mut self, error: SecureError) {
        self.error.get_or_insert(error);
    }
}

fn duration(now: Millis) -> Duration {
    Duration::from_millis(now.0)
}
