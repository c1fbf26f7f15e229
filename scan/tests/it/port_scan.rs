//! Connect scans: of loopback, and of a network that answers as a table says.

use perilune_scan::net::{Millis, NetError, Network, Read, Ready, SocketId, Transport, Write};
use perilune_scan::port_scan::connect::Connect;
use perilune_scan::port_scan::{ScanOptions, port_scan};
use perilune_scan::real::RealNetwork;
use perilune_scan::result::{Host, PortState, Reason};
use perilune_scan::timing::Timing;
use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener};
use std::rc::Rc;
use std::time::{Duration, Instant};

/// Scans the same ports of all hosts by connecting; ends early when `stop` says so.
fn connect_scan(network: &mut dyn Network, hosts: &mut [Host], ports: &[u16], timing: Timing, stop: bool) {
    let ports: Vec<Rc<[u16]>> = hosts.iter().map(|_| ports.into()).collect();
    port_scan(network, &mut Connect::default(), hosts, &ports, timing, ScanOptions::default(), |_| stop);
}

fn loopback(last: u8) -> Host {
    Host::new(IpAddr::V4(Ipv4Addr::new(127, 0, 0, last)))
}

fn listener() -> (TcpListener, u16) {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    (listener, port)
}

#[test]
fn open_and_closed_ports_of_loopback() {
    let ((_open, open), (closed_listener, closed)) = (listener(), listener());
    drop(closed_listener);
    let mut hosts = [loopback(1)];
    connect_scan(&mut RealNetwork::new().unwrap(), &mut hosts, &[open, closed], Timing::default(), false);
    for port in &hosts[0].ports {
        let expected = match port.number {
            number if number == open => (PortState::Open, Reason::SynAck),
            _ => (PortState::Closed, Reason::ConnRefused),
        };
        assert_eq!((port.state, port.reason), expected);
    }
    assert_eq!(hosts[0].ports.len(), 2);
    assert!(hosts[0].times.is_some_and(|times| times.timeout_us == 100_000));
}

#[test]
fn all_ports_of_loopback_in_bounded_time() {
    let (_open, open) = listener();
    let ports: Vec<u16> = (1..=u16::MAX).collect();
    let mut hosts = [loopback(1)];
    let started = Instant::now();
    connect_scan(&mut RealNetwork::new().unwrap(), &mut hosts, &ports, Timing::default(), false);
    assert!(started.elapsed() < Duration::from_secs(30), "{:?}", started.elapsed());
    assert_eq!(hosts[0].ports.len(), 65_535);
    assert_eq!(hosts[0].ports[usize::from(open) - 1].state, PortState::Open);
    println!("65,535 ports in {:?}", started.elapsed());
}

#[test]
fn stop_ends_the_scan() {
    let ports: Vec<u16> = (1..=1000).collect();
    let mut hosts = [loopback(1)];
    connect_scan(&mut RealNetwork::new().unwrap(), &mut hosts, &ports, Timing::default(), true);
    assert!(hosts[0].ports.len() < 1000);
}

/// A network on a clock of its own. What a port does depends on its number:
/// 1 accepts after 10 ms, 2 refuses, 3 is silent, 4 answers the second try only, 5 is unreachable.
#[derive(Default)]
struct Scripted {
    now_ms: u64,
    next_id: u64,
    /// Socket, its port and when it is decided.
    open: BTreeMap<u64, (u16, Option<u64>)>,
    tries: BTreeMap<u16, u64>,
    open_max: usize,
    sockets_max: Option<usize>,
    /// All ports accept, one every so many milliseconds and five at once; other attempts are dropped.
    pause_ms: Option<u64>,
    next_ms: u64,
}

impl Network for Scripted {
    fn now(&self) -> Millis {
        Millis(self.now_ms)
    }

    fn open(&mut self, _: Transport, to: Option<SocketAddr>, _: Option<SocketAddr>) -> Result<SocketId, NetError> {
        if self.sockets_max.is_some_and(|max| self.open.len() >= max) {
            return Err(NetError::TooManySockets);
        }
        let port = to.unwrap().port();
        let tries = self.tries.entry(port).or_default();
        *tries += 1;
        let decided_at = match port {
            1 => Some(self.now_ms + 10),
            2 => return Err(NetError::Refused),
            4 if *tries > 1 => Some(self.now_ms + 10),
            5 => return Err(NetError::HostUnreachable),
            _ => None,
        };
        let decided_at = match self.pause_ms {
            Some(pause_ms) if self.next_ms <= self.now_ms + 4 * pause_ms => {
                self.next_ms = self.next_ms.max(self.now_ms) + pause_ms;
                Some(self.now_ms + 1)
            }
            _ => decided_at,
        };
        self.next_id += 1;
        self.open.insert(self.next_id, (port, decided_at));
        self.open_max = self.open_max.max(self.open.len());
        Ok(SocketId(self.next_id))
    }

    fn connect_result(&mut self, id: SocketId) -> Option<Result<(), NetError>> {
        self.open[&id.0].1.filter(|&at| at <= self.now_ms).map(|_| Ok(()))
    }

    fn local_addr(&self, _: SocketId) -> Option<SocketAddr> {
        Some(SocketAddr::from(([10, 0, 0, 1], 1)))
    }

    fn peer_addr(&self, _: SocketId) -> Option<SocketAddr> {
        Some(SocketAddr::from(([10, 0, 0, 2], 1)))
    }

    fn close(&mut self, id: SocketId) {
        self.open.remove(&id.0).expect("closed once");
    }

    fn wait(&mut self, until: Option<Millis>, ready: &mut Vec<Ready>) {
        let next = self.open.values().filter_map(|(_, at)| *at).min().unwrap_or(u64::MAX);
        self.now_ms = self.now_ms.max(until.unwrap().0.min(next));
        let decided = self.open.iter().filter(|(_, (_, at))| at.is_some_and(|at| at <= self.now_ms));
        ready.extend(decided.map(|(id, _)| Ready { id: SocketId(*id), readable: false, writable: true }));
    }

    fn read(&mut self, _: SocketId, _: &mut Vec<u8>, _: usize) -> Read {
        unreachable!("a port scan does not read")
    }

    fn read_from(&mut self, _: SocketId, _: &mut Vec<u8>, _: usize) -> (Read, Option<SocketAddr>) {
        unreachable!("a port scan does not read")
    }

    fn write(&mut self, _: SocketId, _: &[u8]) -> Write {
        unreachable!("a port scan does not write")
    }

    fn write_to(&mut self, _: SocketId, _: &[u8], _: SocketAddr) -> Write {
        unreachable!("a port scan does not write")
    }
}

/// Ports as `number state reason tries`, then the milliseconds it took.
fn scripted(mut network: Scripted, hosts: usize, ports: &[u16], timing: Timing) -> (Vec<String>, Scripted) {
    let mut hosts: Vec<Host> = (0..hosts).map(|last| loopback(last as u8)).collect();
    connect_scan(&mut network, &mut hosts, ports, timing, false);
    assert!(network.open.is_empty(), "sockets are left open");
    let show = hosts[0].ports.iter().map(|port| format!("{} {} {}", port.number, port.state, port.reason));
    (show.collect(), network)
}

#[test]
fn answers_and_silence() {
    let (shown, network) = scripted(Scripted::default(), 1, &[5, 4, 3, 2, 1], Timing::default());
    let expected = [
        "1 open syn-ack",
        "2 closed conn-refused",
        "3 filtered no-response",
        "4 open syn-ack",
        "5 filtered host-unreach",
    ];
    assert_eq!(shown, expected);
    // The third try at 3 is due to 4, which showed that a repeated probe can be answered.
    assert_eq!(network.tries.values().copied().collect::<Vec<_>>(), [1, 1, 3, 2, 1]);
}

#[test]
fn silent_host_is_done_window_after_window() {
    let ports: Vec<u16> = (100..1100).collect();
    let (shown, network) = scripted(Scripted::default(), 1, &ports, Timing::default());
    assert!(shown.iter().all(|port| port.ends_with(" filtered no-response")) && shown.len() == 1000);
    // Two probes for each port, ten at a time, each for a second.
    assert_eq!(network.now_ms, 200_000);
}

#[test]
fn room_is_kept() {
    let timing = Timing { parallelism_max: 7, ..Timing::default() };
    let (shown, network) = scripted(Scripted::default(), 2, &(100..150).collect::<Vec<_>>(), timing);
    assert_eq!((shown.len(), network.open_max), (50, 7));
}

#[test]
fn sockets_that_run_out_only_slow_it_down() {
    let few = Scripted { sockets_max: Some(3), ..Scripted::default() };
    let (shown, network) = scripted(few, 1, &[1, 100, 101, 102, 103, 104], Timing::default());
    assert_eq!((shown.len(), network.open_max), (6, 3));
    let none = Scripted { sockets_max: Some(0), ..Scripted::default() };
    let (shown, _) = scripted(none, 1, &[1], Timing::default());
    assert_eq!(shown, ["1 filtered unknown-response"]);
}

#[test]
fn host_timeout_ends_it() {
    let mut hosts = [loopback(1), loopback(2)];
    (hosts[0].time_left_ms, hosts[1].time_left_ms) = (Some(500), Some(5_000));
    let mut network = Scripted::default();
    connect_scan(&mut network, &mut hosts, &[2, 3], Timing::default(), false);
    assert!(hosts[0].timed_out && hosts[0].ports.len() == 1);
    // The other host's scan goes on, and its time is counted down.
    assert!(!hosts[1].timed_out && hosts[1].ports.len() == 2);
    assert_eq!((network.now_ms, hosts[1].time_left_ms), (1_200, Some(3_800)));
}

#[test]
fn timing_pings_open_the_window() {
    let ports: Vec<u16> = [1].into_iter().chain(100..1100).collect();
    let (shown, network) = scripted(Scripted::default(), 1, &ports, Timing::default());
    assert_eq!((shown.len(), shown[0].as_str()), (1001, "1 open syn-ack"));
    // A window of ten would need twenty seconds.
    assert!(network.tries[&1] > 1 && network.now_ms < 8_000, "{} pings, {} ms", network.tries[&1], network.now_ms);
}

#[test]
fn a_host_that_limits_the_rate_is_asked_slower() {
    let limits = Scripted { pause_ms: Some(20), ..Scripted::default() };
    let (shown, network) = scripted(limits, 1, &(100..400).collect::<Vec<_>>(), Timing::default());
    assert!(shown.len() == 300 && shown.iter().all(|port| port.ends_with(" open syn-ack")));
    // Six seconds at its rate. What was lost before a pause grew does not make it grow again.
    assert!(network.now_ms < 12_000, "{} ms", network.now_ms);
}

#[test]
fn a_least_rate_is_kept_whatever_the_window() {
    let ports: Vec<u16> = (100..1100).collect();
    let timing = Timing { rate_min: 1000.0, ..Timing::default() };
    let (shown, network) = scripted(Scripted::default(), 1, &ports, timing);
    assert!(shown.len() == 1000 && network.now_ms < 8_000, "{}", network.now_ms);
    let (_, network) = scripted(Scripted::default(), 4, &ports, Timing { common_window: false, ..Timing::default() });
    assert_eq!((network.open_max, network.now_ms), (40, 200_000));
}
