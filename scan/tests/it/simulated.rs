//! Whole scans on virtual time: peers that are silent, reset, never end or flood, with loss and delay by a seed.

use perilune_scan::discovery;
use perilune_scan::net::{Millis, NetError, Network, Read, Ready, SocketId, Transport, Write};
use perilune_scan::port_scan::connect::Connect;
use perilune_scan::port_scan::{ScanOptions, port_scan};
use perilune_scan::result::{Host, HostState, PortState, Reason};
use perilune_scan::timing::Timing;
use perilune_scan::version::{self, VersionOptions, version_scan};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::rc::Rc;

/// What a host of the simulation does.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Peer {
    /// Nothing ever comes back.
    Silent,
    /// Accepts, and resets at once.
    Resetting,
    /// Accepts everything, and sends a byte now and then for ever.
    Tarpit,
    /// Accepts everything, and sends as fast as it is read.
    Flooding,
    /// Speaks TLS, and answers every hello with an alert, as servers do that want a name or a certificate.
    Alerting,
    /// Says a word, and resets.
    Breaking,
    /// Refuses most ports; some accept and greet.
    Usual,
}

struct Socket {
    peer: Peer,
    port: u16,
    /// When the connection is decided; `None`: never.
    decided_at: Option<u64>,
    /// When there is something to be read next.
    readable_at: Option<u64>,
    sent: u64,
}

/// Peers by the last octet of their address.
struct Simulated {
    now_ms: u64,
    peers: Vec<Peer>,
    random: u64,
    /// Of a hundred probes so many get lost.
    loss: u64,
    next_id: u64,
    sockets: BTreeMap<u64, Socket>,
    open_max: usize,
    /// The most bytes that one connection gave.
    sent_max: u64,
    /// Everything that was asked for, with its time.
    trace: String,
}

impl Simulated {
    fn new(peers: &[Peer], seed: u64, loss: u64) -> Simulated {
        Simulated {
            now_ms: 0,
            peers: peers.to_vec(),
            random: seed,
            loss,
            next_id: 0,
            sockets: BTreeMap::new(),
            open_max: 0,
            sent_max: 0,
            trace: String::new(),
        }
    }

    fn below(&mut self, bound: u64) -> u64 {
        self.random = self.random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.random >> 33) % bound.max(1)
    }
}

impl Network for Simulated {
    fn now(&self) -> Millis {
        Millis(self.now_ms)
    }

    fn open(&mut self, _: Transport, to: Option<SocketAddr>, _: Option<SocketAddr>) -> Result<SocketId, NetError> {
        let to = to.expect("a scan says where to");
        let IpAddr::V4(address) = to.ip() else { return Err(NetError::NetworkUnreachable) };
        let peer = self.peers[usize::from(address.octets()[3])];
        let delay = 5 + self.below(40);
        let is_lost = self.below(100) < self.loss;
        let refuses = peer == Peer::Usual && !to.port().is_multiple_of(50);
        let decided_at = (peer != Peer::Silent && !is_lost).then_some(self.now_ms + delay);
        self.next_id += 1;
        // Writing to a string cannot fail.
        let _ = writeln!(self.trace, "{} {to} {decided_at:?}", self.now_ms);
        let port = if refuses { 0 } else { to.port() };
        self.sockets.insert(self.next_id, Socket { peer, port, decided_at, readable_at: None, sent: 0 });
        self.open_max = self.open_max.max(self.sockets.len());
        Ok(SocketId(self.next_id))
    }

    fn connect_result(&mut self, id: SocketId) -> Option<Result<(), NetError>> {
        let socket = self.sockets.get_mut(&id.0)?;
        let at = socket.decided_at.filter(|&at| at <= self.now_ms)?;
        if socket.port == 0 {
            return Some(Err(NetError::Refused));
        }
        socket.readable_at = socket.readable_at.or(match socket.peer {
            Peer::Usual | Peer::Flooding | Peer::Resetting | Peer::Alerting | Peer::Breaking => Some(at + 10),
            Peer::Tarpit => Some(at + 900),
            Peer::Silent => None,
        });
        Some(Ok(()))
    }

    fn read(&mut self, id: SocketId, into: &mut Vec<u8>, max: usize) -> Read {
        let Some(socket) = self.sockets.get_mut(&id.0) else { return Read::Failed(NetError::Other) };
        if socket.readable_at.is_none_or(|at| at > self.now_ms) {
            return Read::WouldBlock;
        }
        let bytes: &[u8] = match socket.peer {
            Peer::Resetting => return Read::Failed(NetError::Reset),
            Peer::Breaking if socket.sent > 0 => return Read::Failed(NetError::Reset),
            Peer::Breaking => b"hello moon\n",
            Peer::Tarpit => {
                socket.readable_at = Some(self.now_ms + 900);
                b"x"
            }
            Peer::Flooding => &[b'f'; 4096],
            Peer::Usual | Peer::Alerting if socket.sent > 0 => return Read::WouldBlock,
            // Alert, TLS 1.2: fatal, internal error.
            Peer::Alerting => b"\x15\x03\x03\0\x02\x02\x50",
            Peer::Usual => b"SSH-2.0-OpenSSH_9.9 Simulated\r\n",
            Peer::Silent => return Read::WouldBlock,
        };
        let bytes = &bytes[..bytes.len().min(max)];
        socket.sent += bytes.len() as u64;
        self.sent_max = self.sent_max.max(socket.sent);
        assert!(socket.sent < 1 << 20, "a scan takes no more than it can use");
        into.extend_from_slice(bytes);
        Read::Data(bytes.len())
    }

    fn read_from(&mut self, _: SocketId, _: &mut Vec<u8>, _: usize) -> (Read, Option<SocketAddr>) {
        (Read::WouldBlock, None)
    }

    fn write(&mut self, id: SocketId, data: &[u8]) -> Write {
        if self.sockets.contains_key(&id.0) { Write::Written(data.len()) } else { Write::Failed(NetError::Other) }
    }

    fn write_to(&mut self, _: SocketId, data: &[u8], _: SocketAddr) -> Write {
        Write::Written(data.len())
    }

    fn local_addr(&self, _: SocketId) -> Option<SocketAddr> {
        Some(SocketAddr::from(([10, 9, 9, 9], 1)))
    }

    fn peer_addr(&self, _: SocketId) -> Option<SocketAddr> {
        Some(SocketAddr::from(([10, 0, 0, 1], 1)))
    }

    fn close(&mut self, id: SocketId) {
        self.sockets.remove(&id.0);
    }

    fn wait(&mut self, until: Option<Millis>, ready: &mut Vec<Ready>) {
        let moment = |socket: &Socket| match socket.readable_at {
            Some(at) => Some(at),
            None => socket.decided_at,
        };
        let due = self.sockets.values().filter_map(moment).filter(|&at| at > self.now_ms).min();
        let until = until.map_or(u64::MAX, |until| until.0);
        let is_ready = |socket: &Socket, now: u64| moment(socket).is_some_and(|at| at <= now);
        if !self.sockets.values().any(|socket| socket.peer == Peer::Flooding && is_ready(socket, self.now_ms)) {
            self.now_ms = self.now_ms.max(until.min(due.unwrap_or(until)));
        }
        let now = self.now_ms;
        let all = self.sockets.iter().filter(|(_, socket)| is_ready(socket, now));
        ready.extend(all.map(|(id, _)| Ready { id: SocketId(*id), readable: true, writable: true }));
    }
}

fn host(last: usize) -> Host {
    Host::new(Ipv4Addr::new(10, 0, 0, last as u8).into())
}

/// Scans ports and versions of all peers; the hosts, the network afterwards, and the milliseconds of both parts.
fn scan(peers: &[Peer], ports: u16, seed: u64, loss: u64) -> (Vec<Host>, Simulated, [u64; 2]) {
    let mut network = Simulated::new(peers, seed, loss);
    let mut hosts: Vec<Host> = (0..peers.len()).map(host).collect();
    let list: Rc<[u16]> = (1..=ports).collect();
    let lists = vec![list; hosts.len()];
    let timing = Timing::default();
    port_scan(&mut network, &mut Connect::default(), &mut hosts, &lists, timing, ScanOptions::default(), |_| false);
    assert!(network.sockets.is_empty(), "seed {seed}: sockets are left");
    let scanned_ms = network.now_ms;
    let file = version::embedded();
    version_scan(&mut network, &mut hosts, &file, VersionOptions::default(), |_| false);
    assert!(network.sockets.is_empty(), "seed {seed}: sockets are left");
    let detected_ms = network.now_ms - scanned_ms;
    (hosts, network, [scanned_ms, detected_ms])
}

#[test]
fn a_silent_target_costs_its_time_outs() {
    let (hosts, network, [scanned_ms, _]) = scan(&[Peer::Silent; 4], 100, 1, 0);
    assert!(hosts.iter().flat_map(|host| &host.ports).all(|port| port.reason == Reason::NoResponse));
    assert_eq!(hosts.iter().map(|host| host.ports.len()).sum::<usize>(), 400);
    // Two probes for each port, ten at a time, each for a second.
    assert!(scanned_ms <= 81_000, "{scanned_ms}");
    assert!(network.open_max <= 100 && network.next_id <= 800, "{} probes", network.next_id);
}

#[test]
fn what_one_host_answers_shortens_the_wait_for_silent_ones() {
    let peers: Vec<Peer> = (0..64).map(|at| if at == 40 { Peer::Usual } else { Peer::Silent }).collect();
    let mut network = Simulated::new(&peers, 7, 0);
    let mut hosts: Vec<Host> = (0..64).map(host).collect();
    discovery::connect_ping(&mut network, &mut hosts, &[80], Timing::default(), |_| false);
    assert_eq!(hosts.iter().filter(|host| host.state == HostState::Up).count(), 1);
    // Two tries of a few round trips each; a first time-out that stays would alone take a second.
    assert!(network.next_id == 127 && network.now_ms < 600, "{} probes, {} ms", network.next_id, network.now_ms);
}

#[test]
fn a_silent_host_has_the_window_that_others_opened() {
    let (hosts, network, [scanned_ms, _]) = scan(&[Peer::Silent, Peer::Usual], 1000, 8, 0);
    assert!(hosts[0].ports.iter().all(|port| port.reason == Reason::NoResponse));
    // On its own it would get ten probes for each round trip: 200 of them.
    assert!(scanned_ms < 10_000, "{scanned_ms}");
    assert!(network.next_id < 3_500, "{} connections", network.next_id);
}

#[test]
fn a_resetting_target_is_wrapped() {
    let (hosts, network, [scanned_ms, detected_ms]) = scan(&[Peer::Resetting], 50, 2, 0);
    // One connection for each port in the port scan and one in version detection.
    assert!(network.next_id <= 100 + 5, "{} connections", network.next_id);
    assert!(scanned_ms < 2_000 && detected_ms < 2_000, "{scanned_ms} {detected_ms}");
    let names = hosts[0].ports.iter().map(|port| port.service_name());
    assert!(names.clone().all(|name| name == Some("tcpwrapped")), "{:?}", names.collect::<Vec<_>>());
}

#[test]
fn a_tarpit_ends() {
    let (hosts, network, [_, detected_ms]) = scan(&[Peer::Tarpit], 20, 3, 0);
    assert!(hosts[0].ports.iter().all(|port| port.state == PortState::Open));
    // One listening probe and at most two dozen others for each port, twenty ports at once.
    assert!(detected_ms <= 20 * 25 * 5_000 / 20 + 10_000, "{detected_ms}");
    assert!(network.open_max <= 100 && network.next_id <= 20 * 26, "{} connections", network.next_id);
    // What was kept of its drops is what a fingerprint shows.
    let longest = hosts[0].ports.iter().filter_map(|port| port.version.as_ref()?.fingerprint.as_ref()).map(String::len);
    assert!(longest.max() < Some(8_000));
}

#[test]
fn a_tarpit_is_left_when_the_host_has_no_time() {
    let mut network = Simulated::new(&[Peer::Tarpit, Peer::Usual], 6, 0);
    let mut hosts: Vec<Host> = (0..2).map(host).collect();
    let lists: Vec<Rc<[u16]>> = vec![(1..=100).collect(); 2];
    hosts[0].time_left_ms = Some(4_000);
    let timing = Timing::default();
    port_scan(&mut network, &mut Connect::default(), &mut hosts, &lists, timing, ScanOptions::default(), |_| false);
    let scanned_ms = network.now_ms;
    version_scan(&mut network, &mut hosts, &version::embedded(), VersionOptions::default(), |_| false);
    let detected_ms = network.now_ms - scanned_ms;
    assert!(hosts[0].timed_out && !hosts[1].timed_out && detected_ms <= 5_000, "{detected_ms}");
    let open = hosts[1].ports.iter().filter(|port| port.state == PortState::Open);
    assert_eq!(open.filter(|port| port.service_name() == Some("ssh")).count(), 2);
    assert!(network.sockets.is_empty());
}

#[test]
fn who_lets_nobody_into_tls_keeps_the_name_of_the_port() {
    let (hosts, network, _) = scan(&[Peer::Alerting], 3, 7, 0);
    for port in &hosts[0].ports {
        let version = port.version.as_ref().expect("TLS was found");
        assert!(version.tls_tunnel && !version.probed && version.name.is_none(), "{version:?}");
    }
    assert!(network.next_id <= 3 * 60, "{} connections", network.next_id);
}

#[test]
fn what_comes_before_a_reset_is_no_fingerprint() {
    let (hosts, _, _) = scan(&[Peer::Breaking], 3, 8, 0);
    assert!(hosts[0].ports.iter().all(|port| port.version.is_none()), "{:?}", hosts[0].ports);
}

#[test]
fn a_flood_is_cut_off() {
    let (hosts, network, [_, detected_ms]) = scan(&[Peer::Flooding], 20, 4, 0);
    assert!(detected_ms < 10_000, "{detected_ms}");
    assert!(network.next_id <= 20 * 26 && network.open_max <= 100, "{} connections", network.next_id);
    // No more is taken of a connection than a match may look at, and one read.
    assert!(network.sent_max <= 2 * 8_192, "{} bytes", network.sent_max);
    let fingerprints: Vec<usize> =
        hosts[0].ports.iter().filter_map(|port| Some(port.version.as_ref()?.fingerprint.as_ref()?.len())).collect();
    assert!(fingerprints.len() == 20 && fingerprints.iter().all(|&len| len < 8_000), "{fingerprints:?}");
}

#[test]
fn loss_changes_no_verdict_and_seeds_repeat() {
    for seed in 1..=20 {
        let peers = [Peer::Usual, Peer::Silent, Peer::Usual];
        let (hosts, network, times) = scan(&peers, 200, seed, 10);
        for host in [&hosts[0], &hosts[2]] {
            let open: Vec<u16> =
                host.ports.iter().filter(|port| port.state == PortState::Open).map(|port| port.number).collect();
            let filtered = host.ports.iter().filter(|port| port.state == PortState::Filtered).count();
            // A port is lost when all its tries are; with three tries of one in ten that is rare.
            assert!(filtered <= 3, "seed {seed}: {filtered} filtered");
            assert!(
                open.len() + filtered >= 4 && open.iter().all(|port| port.is_multiple_of(50)),
                "seed {seed}: {open:?}"
            );
        }
        assert!(times[0] < 60_000, "seed {seed}: {times:?}");
        let (_, again, _) = scan(&peers, 200, seed, 10);
        assert_eq!(network.trace, again.trace, "seed {seed}");
    }
}

#[test]
fn host_timeout_bounds_everything() {
    let mut network = Simulated::new(&[Peer::Silent; 8], 5, 0);
    let mut hosts: Vec<Host> = (0..8).map(host).collect();
    let lists: Vec<Rc<[u16]>> = vec![(1..=5000).collect(); 8];
    let timing = Timing::default();
    hosts.iter_mut().zip([7, 7, 7, 7, 3, 3, 3, 3]).for_each(|(host, left)| host.time_left_ms = Some(left * 1000));
    port_scan(&mut network, &mut Connect::default(), &mut hosts, &lists, timing, ScanOptions::default(), |_| false);
    assert!(hosts.iter().all(|host| host.timed_out) && network.now_ms <= 7_100, "{}", network.now_ms);
    assert!(network.sockets.is_empty());
}
