//! The network of this machine: non-blocking sockets under `mio`.
//!
//! Sockets are made by `socket2`, which can bind before it connects, and then kept as the standard library's types. A
//! socket joins the poll only at the first wait after it was opened: a port scan of near hosts closes most of its
//! sockets before that, and saves the call. A socket whose connection was refused is used again; on loopback it keeps
//! its port, which spares the system a quarter of the work of a closed port. The file limit of the process is raised
//! once, and part of it is kept back for files; above the rest `open` answers [`NetError::TooManySockets`], for scans
//! and scripts alike.
//!
//! # Invariants
//! - R1. A socket is in `sockets` from `open` to `close`; its token in the poll is its id.
//! - R2. A socket in `sockets` that is not registered with the poll is in `unregistered`.
//! - R3. `is_drained` holds of a TCP socket in the poll only, and only while every byte and end that the peer sent
//!   since the last read is still to be told by the poll, which tells of each once.

use crate::net::{Millis, NetError, Network, Read, Ready, SocketId, Transport, Write};
use crate::proxy::{Handshake, Proxy};
use crate::sys;
use crate::zone;
use hashbrown::HashMap;
use mio::unix::SourceFd;
use mio::{Events, Interest, Poll, Token};
use socket2::{Domain, Protocol, SockRef, Socket, Type};
use std::io::{self, ErrorKind, Read as _, Write as _};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream, UdpSocket};
use std::os::fd::{AsFd, AsRawFd};
use std::rc::Rc;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Descriptors kept back for files, pipes and the poll itself.
const FILES_RESERVED: u64 = 32;
/// Sockets allowed however low the limit is.
const SOCKETS_MIN: usize = 5;
/// Events taken from the system at once; more wait for the next call.
const EVENTS_MAX: usize = 1024;
/// How much of the time behind a rate is caught up.
const CATCH_UP: Duration = Duration::from_millis(50);
/// Sockets kept to be used again.
const IDLE_MAX: usize = 64;
/// The longest datagram, and the most that is read from a stream at once.
const READ_MAX: usize = 65_536;

/// The real network.
#[derive(Debug)]
pub struct RealNetwork {
    started_at: Instant,
    poll: Poll,
    events: Events,
    sockets: HashMap<SocketId, OpenSocket>,
    /// Opened since the last wait; may name closed ones.
    unregistered: Vec<SocketId>,
    next_id: u64,
    /// Sockets whose connection was refused, to be used again: a port scan then makes two calls for a closed port.
    /// ORDER: IPv4, IPv6, IPv4 and IPv6 of loopback; those of loopback are bound to an address and port of their own.
    idle: [Vec<TcpStream>; 4],
    sockets_max: usize,
    /// What is read lands here first.
    buffer: Box<[u8]>,
    limiter: Option<Arc<Limiter>>,
    /// What TCP connections go through; empty: nothing.
    proxies: Rc<[Proxy]>,
    way: Way,
}

/// Where sockets send from, if that is chosen.
#[derive(Clone, Default, Debug)]
struct Way {
    source: Option<IpAddr>,
    interface: Option<Vec<u8>>,
}

impl Way {
    /// The local address for a peer.
    fn local(&self, remote: Option<SocketAddr>) -> Option<SocketAddr> {
        let fits = |source: &IpAddr| remote.is_some_and(|remote| remote.is_ipv6() == source.is_ipv6());
        self.source.filter(fits).map(|source| SocketAddr::new(source, 0))
    }
}

/// A rate that several networks keep together: so many probes and connections a second, no more.
#[derive(Debug)]
pub struct Limiter {
    gap: Duration,
    /// When the next one is due.
    next: Mutex<Instant>,
}

impl Limiter {
    /// At most `rate` a second; the rate is above 0.
    pub fn new(rate: f64) -> Limiter {
        let gap = Duration::try_from_secs_f64(1.0 / rate).unwrap_or(Duration::MAX);
        Limiter { gap, next: Mutex::new(Instant::now()) }
    }

    /// How long to wait for the next turn.
    fn wait(&self) -> Duration {
        let next = self.next.lock().unwrap_or_else(PoisonError::into_inner);
        next.saturating_duration_since(Instant::now())
    }

    /// Takes a turn.
    fn take(&self) {
        let mut next = self.next.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        // What the clock's grain made late is caught up.
        let earliest = now.checked_sub(CATCH_UP).unwrap_or(now);
        *next = (*next).max(earliest).checked_add(self.gap).unwrap_or(now);
    }
}

#[derive(Debug)]
struct OpenSocket {
    kind: Kind,
    /// What became of the connection attempt, once known.
    decided: Option<Result<(), NetError>>,
    /// Where a TCP socket connects to.
    remote: Option<SocketAddr>,
    /// The way through proxies, as long as it is not open, and the peer behind them.
    handshake: Option<Box<Handshake>>,
    target: Option<SocketAddr>,
    /// It was bound by its user, or is in the poll: not to be used again.
    is_used_up: bool,
    /// It was among the idle ones before.
    was_idle: bool,
    is_polled: bool,
    /// A read would find nothing before the poll tells of something: the call is saved.
    is_drained: bool,
    /// The peer has closed its side or the connection is broken: a short read may have that behind it.
    is_ending: bool,
}

#[derive(Debug)]
enum Kind {
    Tcp(TcpStream),
    Udp(UdpSocket),
    /// Someone else's descriptor that is only waited for.
    Watched(i32),
}

impl RealNetwork {
    /// A network without sockets, whose clock starts now. Raises the limit of open files of the process.
    ///
    /// # Errors
    /// The system has no poll to give.
    pub fn new() -> io::Result<RealNetwork> {
        let files_max = sys::raise_file_limit().unwrap_or(0);
        let sockets_max = usize::try_from(files_max.saturating_sub(FILES_RESERVED)).unwrap_or(usize::MAX);
        Ok(RealNetwork {
            started_at: Instant::now(),
            poll: Poll::new()?,
            events: Events::with_capacity(EVENTS_MAX),
            sockets: HashMap::default(),
            unregistered: Vec::new(),
            next_id: 0,
            idle: Default::default(),
            sockets_max: sockets_max.max(SOCKETS_MIN),
            buffer: vec![0; READ_MAX].into_boxed_slice(),
            limiter: None,
            proxies: Rc::new([]),
            way: Way::default(),
        })
    }

    /// Keeps a rate, together with other networks that have the same limiter.
    ///
    /// Who asks [`Network::may_send_at_us`] first never waits; whoever does not is held back in [`Network::open`].
    pub fn set_limiter(&mut self, limiter: Option<Arc<Limiter>>) {
        self.limiter = limiter;
    }

    /// Connects through proxies from now on. They carry no UDP: such sockets are refused.
    pub fn set_proxies(&mut self, proxies: Vec<Proxy>) {
        self.proxies = proxies.into();
    }

    /// Sends from an address, and through an interface, from now on.
    pub fn set_way(&mut self, source: Option<IpAddr>, interface: Option<&str>) {
        self.way = Way { source, interface: interface.map(|name| name.as_bytes().to_vec()) };
    }

    /// How many sockets may be open at once.
    pub fn sockets_max(&self) -> usize {
        self.sockets_max
    }

    /// How many sockets are open.
    pub fn sockets_open(&self) -> usize {
        self.sockets.len()
    }

    fn insert(&mut self, socket: OpenSocket) -> SocketId {
        let id = SocketId(self.next_id);
        self.next_id += 1;
        self.sockets.insert(id, socket);
        self.unregistered.push(id);
        id
    }

    /// Puts what was opened since the last wait into the poll. One that the poll does not take counts as ready.
    fn register_new(&mut self, ready: &mut Vec<Ready>) {
        for id in self.unregistered.drain(..) {
            let Some(socket) = self.sockets.get_mut(&id) else { continue };
            socket.is_used_up = true;
            // Ids count up from 0 and never reach 2^64 - 1.
            let token = Token(usize::try_from(id.0).expect("usize has 64 bits on supported systems"));
            let interest = Interest::READABLE | Interest::WRITABLE;
            socket.is_polled = self.poll.registry().register(&mut SourceFd(&socket.fd()), token, interest).is_ok();
            if !socket.is_polled {
                ready.push(Ready { id, readable: true, writable: true });
            }
        }
    }

    /// Waits for the rate's turn, if there is room for one more socket.
    fn take_turn(&self) -> Result<(), NetError> {
        if self.sockets.len() >= self.sockets_max {
            return Err(NetError::TooManySockets);
        }
        if let Some(limiter) = &self.limiter {
            std::thread::sleep(limiter.wait());
            limiter.take();
        }
        Ok(())
    }

    fn opened_tcp(&mut self, target: SocketAddr, local: Option<SocketAddr>) -> Result<OpenSocket, NetError> {
        self.take_turn()?;
        let local = local.or(self.way.local(Some(target)));
        let remote = zone::socket_addr(self.proxies.first().map_or(target, |proxy| proxy.address));
        // A socket that was connected in a zone stays bound to its link.
        let is_zoned = matches!(remote, SocketAddr::V6(remote) if remote.scope_id() != 0);
        let idle = if local.is_none() && !is_zoned { self.idle[idle_kind(remote)].pop() } else { None };
        let mut socket = open_tcp(remote, local, self.way.interface.as_deref(), idle)?;
        socket.is_used_up |= is_zoned;
        if !self.proxies.is_empty() {
            socket.decided = None;
            socket.target = Some(target);
            socket.handshake = Some(Box::new(Handshake::new(Rc::clone(&self.proxies), target)));
        }
        Ok(socket)
    }

    fn opened_udp(&self, remote: Option<SocketAddr>, local: Option<SocketAddr>) -> Result<OpenSocket, NetError> {
        self.take_turn()?;
        if !self.proxies.is_empty() {
            return Err(NetError::AccessDenied);
        }
        let local = local.or(self.way.local(remote));
        open_udp(remote.map(zone::socket_addr), local, self.way.interface.as_deref())
            .map_err(|error| sys::net_error(&error))
    }

    /// Closes a socket that is in `sockets` no more, or keeps it to be used again.
    fn drop_socket(&mut self, socket: OpenSocket) {
        // Dropping closes the descriptor, which takes it out of the poll.
        match socket {
            OpenSocket { kind: Kind::Watched(fd), .. } => {
                let _ = self.poll.registry().deregister(&mut SourceFd(&fd));
            }
            OpenSocket {
                kind: Kind::Tcp(stream),
                decided: Some(Err(NetError::Refused)),
                remote: Some(remote),
                is_used_up: false,
                was_idle,
                ..
            } => {
                let idle = &mut self.idle[idle_kind(remote)];
                if idle.len() < IDLE_MAX {
                    let is_new_near = remote.ip().is_loopback() && !was_idle;
                    let near = if is_new_near { bound_to_loopback(remote).ok() } else { None };
                    idle.push(near.unwrap_or(stream));
                }
            }
            _ => {}
        }
    }

    fn timeout(&self, until: Millis) -> Duration {
        Duration::from_micros(until.0.saturating_mul(1000).saturating_sub(self.now_us()))
    }
}

impl Network for RealNetwork {
    fn now(&self) -> Millis {
        Millis(self.now_us() / 1000)
    }

    fn now_us(&self) -> u64 {
        u64::try_from(self.started_at.elapsed().as_micros()).unwrap_or(u64::MAX)
    }

    fn may_send_at_us(&self) -> u64 {
        let wait = self.limiter.as_ref().map_or(Duration::ZERO, |limiter| limiter.wait());
        if wait.is_zero() { 0 } else { self.now_us() + u64::try_from(wait.as_micros()).unwrap_or(u64::MAX / 2) }
    }

    fn open(
        &mut self,
        transport: Transport,
        remote: Option<SocketAddr>,
        local: Option<SocketAddr>,
    ) -> Result<SocketId, NetError> {
        let socket = match transport {
            Transport::Tcp => self.opened_tcp(remote.ok_or(NetError::Other)?, local)?,
            Transport::Udp => self.opened_udp(remote, local)?,
        };
        Ok(self.insert(socket))
    }

    fn open_probe(&mut self, remote: SocketAddr) -> Result<(SocketId, bool), NetError> {
        let mut socket = self.opened_tcp(remote, None)?;
        match socket.ask_again() {
            Some(Err(error)) => {
                self.drop_socket(socket);
                Err(error)
            }
            known => Ok((self.insert(socket), known.is_some())),
        }
    }

    fn connect_result(&mut self, id: SocketId) -> Option<Result<(), NetError>> {
        let Some(socket) = self.sockets.get_mut(&id) else { return Some(Err(NetError::Other)) };
        if socket.decided.is_none() {
            socket.decided = socket.ask(error_of);
            socket.is_used_up = true;
        }
        socket.decided
    }

    fn probe_result(&mut self, id: SocketId) -> Option<Result<(), NetError>> {
        let Some(socket) = self.sockets.get_mut(&id) else { return Some(Err(NetError::Other)) };
        socket.ask_again()
    }

    fn read(&mut self, id: SocketId, into: &mut Vec<u8>, max: usize) -> Read {
        let Some(socket) = self.sockets.get_mut(&id) else { return Read::Failed(NetError::Other) };
        let buffer = &mut self.buffer;
        let read = match &mut socket.kind {
            Kind::Tcp(_) if socket.is_drained => return Read::WouldBlock,
            Kind::Tcp(stream) => {
                let wanted = max.min(READ_MAX);
                let read = retried(|| stream.read(&mut buffer[..wanted]));
                socket.is_drained = socket.is_polled
                    && match &read {
                        Ok(len) => (1..wanted).contains(len) && !socket.is_ending,
                        Err(error) => error.kind() == ErrorKind::WouldBlock,
                    };
                match read {
                    Ok(0) if wanted > 0 => return Read::Eof,
                    read => read,
                }
            }
            Kind::Udp(datagrams) => retried(|| datagrams.recv(buffer)),
            Kind::Watched(_) => return Read::Failed(NetError::Other),
        };
        taken(read, buffer, into, max)
    }

    fn read_from(&mut self, id: SocketId, into: &mut Vec<u8>, max: usize) -> (Read, Option<SocketAddr>) {
        let Some(OpenSocket { kind: Kind::Udp(datagrams), .. }) = self.sockets.get(&id) else {
            return (Read::Failed(NetError::Other), None);
        };
        let buffer = &mut self.buffer;
        match retried(|| datagrams.recv_from(buffer)) {
            Ok((len, from)) => (taken(Ok(len), buffer, into, max), Some(from)),
            Err(error) => (taken(Err(error), buffer, into, max), None),
        }
    }

    fn write(&mut self, id: SocketId, data: &[u8]) -> Write {
        written(match self.sockets.get_mut(&id).map(|socket| &mut socket.kind) {
            Some(Kind::Tcp(stream)) => retried(|| stream.write(data)),
            Some(Kind::Udp(datagrams)) => retried(|| datagrams.send(data)),
            Some(Kind::Watched(_)) | None => return Write::Failed(NetError::Other),
        })
    }

    fn write_to(&mut self, id: SocketId, data: &[u8], to: SocketAddr) -> Write {
        let Some(OpenSocket { kind: Kind::Udp(datagrams), .. }) = self.sockets.get(&id) else {
            return Write::Failed(NetError::Other);
        };
        written(retried(|| datagrams.send_to(data, zone::socket_addr(to))))
    }

    fn local_addr(&self, id: SocketId) -> Option<SocketAddr> {
        match &self.sockets.get(&id)?.kind {
            // A refused socket has none any more.
            Kind::Tcp(stream) => stream.local_addr().ok().filter(|local| !local.ip().is_unspecified()),
            Kind::Udp(datagrams) => datagrams.local_addr().ok(),
            Kind::Watched(_) => None,
        }
    }

    fn peer_addr(&self, id: SocketId) -> Option<SocketAddr> {
        match &self.sockets.get(&id)?.kind {
            Kind::Tcp(stream) => self.sockets.get(&id)?.target.or_else(|| stream.peer_addr().ok()),
            Kind::Udp(datagrams) => datagrams.peer_addr().ok(),
            Kind::Watched(_) => None,
        }
    }

    fn close(&mut self, id: SocketId) {
        if let Some(socket) = self.sockets.remove(&id) {
            self.drop_socket(socket);
        }
        if self.unregistered.last() == Some(&id) {
            self.unregistered.pop();
        }
    }

    fn abort(&mut self, id: SocketId) {
        if let Some(OpenSocket { kind: Kind::Tcp(stream), decided: None | Some(Ok(())), .. }) = self.sockets.get(&id) {
            // Without linger the close is an ordinary one: no harm.
            let _ = SockRef::from(stream).set_linger(Some(Duration::ZERO));
        }
        self.close(id);
    }

    fn note_sent(&mut self) {
        if let Some(limiter) = &self.limiter {
            limiter.take();
        }
    }

    fn watch(&mut self, fd: i32) -> Option<SocketId> {
        Some(self.insert(OpenSocket {
            kind: Kind::Watched(fd),
            decided: Some(Ok(())),
            remote: None,
            handshake: None,
            target: None,
            is_used_up: true,
            was_idle: false,
            is_polled: false,
            is_drained: false,
            is_ending: false,
        }))
    }

    fn wait(&mut self, until: Option<Millis>, ready: &mut Vec<Ready>) {
        let before = ready.len();
        self.register_new(ready);
        if until.is_none() && self.sockets.is_empty() {
            return;
        }
        let timeout = if ready.len() > before { Some(Duration::ZERO) } else { until.map(|until| self.timeout(until)) };
        // A signal ends the wait early, as the trait allows; other errors would be bugs and look the same.
        if self.poll.poll(&mut self.events, timeout).is_err() {
            return;
        }
        for event in &self.events {
            let id = SocketId(event.token().0 as u64);
            let is_broken = event.is_error() || event.is_write_closed();
            let is_ending = event.is_read_closed() || is_broken;
            let readable = event.is_readable() || is_ending;
            if let Some(socket) = self.sockets.get_mut(&id)
                && matches!(socket.kind, Kind::Tcp(_))
            {
                // An event names all that is there to be read.
                (socket.is_drained, socket.is_ending) = (!readable, is_ending);
                // As long as it is not connected a socket is not writable, or broken.
                if event.is_writable() && !is_broken && socket.decided.is_none() && socket.handshake.is_none() {
                    socket.decided = Some(Ok(()));
                }
            }
            ready.push(Ready { id, readable, writable: event.is_writable() || is_broken });
        }
    }
}

impl OpenSocket {
    /// What became of the connection attempt, the way through proxies included.
    fn ask(&mut self, outcome: fn(&TcpStream, SocketAddr) -> Outcome) -> Outcome {
        let connected = match (&self.kind, self.remote) {
            (Kind::Tcp(stream), Some(remote)) => outcome(stream, remote)?,
            _ => Ok(()),
        };
        let (Ok(()), Some(handshake), Kind::Tcp(stream)) = (connected, &mut self.handshake, &mut self.kind) else {
            return Some(connected);
        };
        let end = handshake.advance(stream)?;
        self.handshake = None;
        // A refusal by the target is not one by the proxy: the socket is connected.
        self.is_used_up = true;
        Some(end)
    }

    /// The same of a probe, which is of no use once that is known.
    fn ask_again(&mut self) -> Outcome {
        if self.decided.is_none() {
            self.decided = self.ask(connected_again);
        }
        if self.decided.is_none() {
            // A router's word about the first packet does not end the attempt, and is told only to who asks.
            self.decided = self.ask(told_by_routers);
            self.is_used_up |= self.decided.is_some();
        }
        self.decided
    }

    fn fd(&self) -> i32 {
        match &self.kind {
            Kind::Tcp(stream) => stream.as_raw_fd(),
            Kind::Udp(datagrams) => datagrams.as_raw_fd(),
            Kind::Watched(fd) => *fd,
        }
    }
}

fn open_tcp(
    remote: SocketAddr,
    local: Option<SocketAddr>,
    interface: Option<&[u8]>,
    idle: Option<TcpStream>,
) -> Result<OpenSocket, NetError> {
    let was_idle = idle.is_some();
    let socket = match idle {
        Some(stream) => stream.into(),
        None => bound(remote, Type::STREAM, Protocol::TCP, local, interface).map_err(|error| sys::net_error(&error))?,
    };
    let decided = match connect(&socket, remote) {
        Ok(()) => Some(Ok(())),
        Err(error) if sys::is_connecting(&error) => None,
        Err(error) => return Err(sys::net_error(&error)),
    };
    let is_used_up = local.is_some();
    Ok(OpenSocket {
        kind: Kind::Tcp(socket.into()),
        decided,
        remote: Some(remote),
        handshake: None,
        target: None,
        is_used_up,
        was_idle,
        is_polled: false,
        is_drained: false,
        is_ending: false,
    })
}

fn open_udp(remote: Option<SocketAddr>, local: Option<SocketAddr>, interface: Option<&[u8]>) -> io::Result<OpenSocket> {
    let family = remote.or(local).unwrap_or_else(|| SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0)));
    let any = match family {
        SocketAddr::V4(_) => SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0)),
        SocketAddr::V6(_) => SocketAddr::from((Ipv6Addr::UNSPECIFIED, 0)),
    };
    // Connecting binds by itself.
    let local = local.or(if remote.is_none() { Some(any) } else { None });
    let socket = bound(family, Type::DGRAM, Protocol::UDP, local, interface)?;
    socket.set_broadcast(true)?;
    if let Some(remote) = remote {
        socket.connect(&remote.into())?;
    }
    Ok(OpenSocket {
        kind: Kind::Udp(socket.into()),
        decided: Some(Ok(())),
        remote: None,
        handshake: None,
        target: None,
        is_used_up: true,
        was_idle: false,
        is_polled: false,
        is_drained: false,
        is_ending: false,
    })
}

/// A non-blocking socket of the family of `family`, bound to `local` when that is given.
fn bound(
    family: SocketAddr,
    kind: Type,
    protocol: Protocol,
    local: Option<SocketAddr>,
    interface: Option<&[u8]>,
) -> io::Result<Socket> {
    let socket = Socket::new(Domain::for_address(family), kind.nonblocking().cloexec(), Some(protocol))?;
    if interface.is_some() {
        socket.bind_device(interface)?;
    }
    if let Some(local) = local {
        socket.set_reuse_address(true)?;
        socket.bind(&local.into())?;
    }
    Ok(socket)
}

/// A socket that connects from an address and port of its own as often as it is used.
fn bound_to_loopback(remote: SocketAddr) -> io::Result<TcpStream> {
    let address = if remote.is_ipv6() { Ipv6Addr::LOCALHOST.into() } else { Ipv4Addr::LOCALHOST.into() };
    let bound_to = |port| bound(remote, Type::STREAM, Protocol::TCP, Some(SocketAddr::new(address, port)), None);
    // A port that the system chose is lost at the first refusal, one that was asked for is not.
    let free = TcpStream::from(bound_to(0)?).local_addr()?;
    Ok(bound_to(free.port())?.into())
}

/// Index into `RealNetwork::idle`.
fn idle_kind(remote: SocketAddr) -> usize {
    usize::from(remote.is_ipv6()) + if remote.ip().is_loopback() { 2 } else { 0 }
}

/// What became of a connection; `None`: nothing yet.
type Outcome = Option<Result<(), NetError>>;

/// Asks the system for the outcome: an error is given out once, success shows as a peer.
fn error_of(stream: &TcpStream, _: SocketAddr) -> Outcome {
    match stream.take_error() {
        Ok(Some(error)) | Err(error) => return Some(Err(sys::net_error(&error))),
        Ok(None) => {}
    }
    match stream.peer_addr() {
        Ok(_) => Some(Ok(())),
        Err(error) if error.kind() == ErrorKind::NotConnected => None,
        Err(error) => Some(Err(sys::net_error(&error))),
    }
}

/// Asks by connecting once more: that tells all, and after a refusal leaves the socket as new.
fn connected_again(stream: &TcpStream, remote: SocketAddr) -> Outcome {
    match connect(stream, remote) {
        Ok(()) => Some(Ok(())),
        Err(error) if sys::is_connecting(&error) => None,
        Err(error) if sys::is_connected(&error) => Some(Ok(())),
        Err(error) => Some(Err(sys::net_error(&error))),
    }
}

fn connect(socket: impl AsFd, remote: SocketAddr) -> io::Result<()> {
    Ok(rustix::net::connect(socket, &remote)?)
}

/// What is known of an attempt that goes on; it is not asked whether it has succeeded.
fn told_by_routers(stream: &TcpStream, _: SocketAddr) -> Outcome {
    let error = stream.take_error().ok().flatten()?;
    Some(Err(sys::net_error(&error)))
}

/// Calls again after a signal.
fn retried<T>(mut call: impl FnMut() -> io::Result<T>) -> io::Result<T> {
    loop {
        match call() {
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            done => return done,
        }
    }
}

/// Moves what was read to the caller.
fn taken(read: io::Result<usize>, buffer: &[u8], into: &mut Vec<u8>, max: usize) -> Read {
    match read {
        Ok(len) => {
            let len = len.min(max);
            into.extend_from_slice(&buffer[..len]);
            Read::Data(len)
        }
        Err(error) if error.kind() == ErrorKind::WouldBlock => Read::WouldBlock,
        Err(error) => Read::Failed(sys::net_error(&error)),
    }
}

fn written(write: io::Result<usize>) -> Write {
    match write {
        Ok(len) => Write::Written(len),
        Err(error) if error.kind() == ErrorKind::WouldBlock => Write::WouldBlock,
        Err(error) => Write::Failed(sys::net_error(&error)),
    }
}
