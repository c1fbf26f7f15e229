//! The connect scan: which TCP ports of some hosts accept, refuse or are silent.
//!
//! Hosts take turns, one probe each, while there is room. An answer that the system knows at once never enters the
//! poll, which is what makes near hosts fast. A probe that is silent for the host's timeout is sent again; how often
//! depends on whether this host was ever seen to answer a repeated one. The first use of a new try level waits a
//! second, so that rate limiting can be told from loss.
//!
//! The room is a fixed number of probes, less when sockets run out; the windows that follow loss are not there yet.
//!
//! # Invariants
//! - C1. A port of a host is undecided in exactly one place: not yet sent, in `in_flight`, or in the host's `retries`.
//! - C2. Every entry of `in_flight` has an entry in `deadlines`, unless its time is being dealt with.

use crate::net::{Millis, NetError, Network, Ready, SocketId, Transport};
use crate::result::{Host, Port, PortState, Protocol, Reason};
use crate::services;
use crate::timing::{self, Estimate, Timing};
use hashbrown::HashMap;
use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};
use std::net::{IpAddr, SocketAddr};

/// Sends between two looks at the network.
const SENDS_PER_TURN: usize = 50;
/// Pause before the first probe of a new try level.
const LEVEL_PAUSE_US: u64 = 1_000_000;
/// Pause when the system has no socket to give.
const NO_SOCKET_PAUSE_US: u64 = 20_000;
/// Tries at a port when no socket is to be had and none of ours is open: about ten seconds.
const NO_SOCKET_TRIES_MAX: u32 = 500;
/// A port may so often connect to itself before it counts as closed.
const SELF_CONNECTIONS_MAX: u8 = 10;

/// How far a scan is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Progress {
    /// So many of so many ports are decided.
    Going {
        decided: usize,
        total: usize,
    },
    Done,
}

/// A connect scan under way.
#[derive(Debug)]
pub struct ConnectScan {
    timing: Timing,
    /// In the order of asking.
    ports: Vec<u16>,
    hosts: Vec<HostScan>,
    /// Index of the host whose turn it is.
    turn: usize,
    in_flight: HashMap<SocketId, Probe>,
    /// When probes time out, microseconds; may name probes that are decided.
    deadlines: BinaryHeap<Reverse<(u64, SocketId)>>,
    common: Estimate,
    decided: usize,
    /// No sends before this moment, microseconds: sockets ran out.
    paused_until_us: u64,
    no_socket_count: u32,
    started_us: Option<u64>,
    ready: Vec<Ready>,
}

#[derive(Debug)]
struct HostScan {
    address: IpAddr,
    /// Index into `ports` of the first that was never sent.
    next: usize,
    /// Silent ports to be asked again.
    retries: VecDeque<Retry>,
    estimate: Estimate,
    /// Highest try number that drew an answer.
    best_try: u8,
    /// When the highest try level so far may be used, microseconds.
    level: u8,
    level_from_us: u64,
    /// No probe before this moment: the scan delay.
    next_send_us: u64,
    /// By index into `ports`.
    outcomes: Vec<Option<(PortState, Reason)>>,
    undecided: usize,
    timed_out: bool,
}

#[derive(Clone, Copy, Debug)]
struct Retry {
    port_idx: usize,
    try_number: u8,
    self_connections: u8,
}

#[derive(Clone, Copy, Debug)]
struct Probe {
    host_idx: usize,
    what: Retry,
    sent_us: u64,
}

impl ConnectScan {
    /// A scan of `ports`, in that order, on each of `addresses`.
    pub fn new(addresses: &[IpAddr], ports: &[u16], timing: Timing) -> ConnectScan {
        let host = |&address| HostScan {
            address,
            next: 0,
            retries: VecDeque::new(),
            estimate: Estimate::default(),
            best_try: 0,
            level: 0,
            level_from_us: 0,
            next_send_us: 0,
            outcomes: vec![None; ports.len()],
            undecided: ports.len(),
            timed_out: false,
        };
        ConnectScan {
            timing,
            ports: ports.to_vec(),
            hosts: addresses.iter().map(host).collect(),
            turn: 0,
            in_flight: HashMap::default(),
            deadlines: BinaryHeap::new(),
            common: Estimate::default(),
            decided: 0,
            paused_until_us: 0,
            no_socket_count: 0,
            started_us: None,
            ready: Vec::new(),
        }
    }

    /// Sends what there is room for, then waits for answers or the next deadline.
    pub fn step(&mut self, network: &mut impl Network) -> Progress {
        let now_us = network.now_us();
        let started_us = *self.started_us.get_or_insert(now_us);
        if self.timing.host_timeout_ms.is_some_and(|ms| now_us >= started_us + ms * 1000) {
            self.give_up(network);
        }
        let sent_all = self.send(network);
        if self.is_done() {
            return Progress::Done;
        }
        let until = if sent_all { Millis(self.next_moment_us(network.now_us()).div_ceil(1000)) } else { Millis(0) };
        // With neither sockets nor a deadline there is nothing to wait for.
        let mut ready = std::mem::take(&mut self.ready);
        network.wait(Some(until), &mut ready);
        for event in ready.drain(..) {
            self.look_at(event.id, network);
        }
        self.ready = ready;
        self.expire(network);
        let total = self.ports.len() * self.hosts.len();
        if self.is_done() { Progress::Done } else { Progress::Going { decided: self.decided, total } }
    }

    /// Closes what is open; what is undecided stays so.
    pub fn stop(&mut self, network: &mut impl Network) {
        for (id, _) in self.in_flight.drain() {
            network.abort(id);
        }
    }

    /// Writes states and times into `hosts`, given in the order of the addresses. Undecided ports are left out.
    pub fn finish(self, hosts: &mut [Host]) {
        let mut order: Vec<usize> = (0..self.ports.len()).collect();
        order.sort_unstable_by_key(|&idx| self.ports[idx]);
        for (scanned, host) in self.hosts.into_iter().zip(hosts) {
            host.times = scanned.estimate.times().or(host.times);
            host.timed_out |= scanned.timed_out;
            let decided = order.iter().filter_map(|&idx| Some((self.ports[idx], scanned.outcomes[idx]?)));
            host.ports.extend(decided.map(|(number, (state, reason))| Port {
                number,
                protocol: Protocol::Tcp,
                state,
                reason,
                reason_ttl: 0,
                service: services::name(Protocol::Tcp, number).map(str::to_string),
                version: None,
                scripts: Vec::new(),
            }));
        }
    }

    fn is_done(&self) -> bool {
        self.hosts.iter().all(|host| host.undecided == 0 || host.timed_out)
    }

    /// Sends until there is no room or nothing to send (`true`), or the network should be looked at (`false`).
    fn send(&mut self, network: &mut impl Network) -> bool {
        let mut waits = 0;
        for _ in 0..SENDS_PER_TURN {
            if self.in_flight.len() >= self.timing.parallelism_max.max(1) {
                return true;
            }
            let now_us = network.now_us();
            if now_us < self.paused_until_us {
                return true;
            }
            waits = 0;
            while waits < self.hosts.len() {
                let host_idx = self.turn;
                self.turn = (self.turn + 1) % self.hosts.len();
                if let Some(what) = self.hosts[host_idx].take_next(now_us, self.ports.len(), &self.timing) {
                    self.probe(network, host_idx, what, now_us);
                    break;
                }
                waits += 1;
            }
            if waits == self.hosts.len() {
                return true;
            }
        }
        waits == self.hosts.len()
    }

    fn probe(&mut self, network: &mut impl Network, host_idx: usize, what: Retry, now_us: u64) {
        let remote = SocketAddr::new(self.hosts[host_idx].address, self.ports[what.port_idx]);
        let probe = Probe { host_idx, what, sent_us: now_us };
        match network.open(Transport::Tcp, Some(remote), None) {
            Ok(id) => {
                self.no_socket_count = 0;
                let host = &self.hosts[host_idx];
                let timeout_us = timing::timeout_us(&host.estimate, &self.common, &self.timing);
                self.in_flight.insert(id, probe);
                if !self.look_at(id, network) {
                    self.deadlines.push(Reverse((now_us + timeout_us, id)));
                }
            }
            Err(NetError::TooManySockets | NetError::AddressInUse) if self.no_socket_count < NO_SOCKET_TRIES_MAX => {
                // Wait for one of ours to close, or for someone else's.
                self.no_socket_count += u32::from(self.in_flight.is_empty());
                self.paused_until_us = now_us + NO_SOCKET_PAUSE_US;
                self.hosts[host_idx].retries.push_front(what);
            }
            Err(error) => self.failed(probe, error, network.now_us()),
        }
    }

    /// Asks a socket for its outcome; `true` when it is decided.
    fn look_at(&mut self, id: SocketId, network: &mut impl Network) -> bool {
        let Some(&probe) = self.in_flight.get(&id) else { return true };
        let Some(result) = network.connect_result(id) else { return false };
        let now_us = network.now_us();
        let is_self = result.is_ok() && network.local_addr(id) == network.peer_addr(id);
        self.in_flight.remove(&id);
        network.abort(id);
        match result {
            Ok(()) if is_self && probe.what.self_connections < SELF_CONNECTIONS_MAX => {
                let what = Retry { self_connections: probe.what.self_connections + 1, ..probe.what };
                self.hosts[probe.host_idx].retries.push_front(what);
            }
            Ok(()) if is_self => self.answered(probe, PortState::Closed, Reason::ConnRefused, now_us),
            Ok(()) => self.answered(probe, PortState::Open, Reason::SynAck, now_us),
            Err(error) => self.failed(probe, error, now_us),
        }
        true
    }

    fn failed(&mut self, probe: Probe, error: NetError, now_us: u64) {
        match error {
            NetError::Refused => self.answered(probe, PortState::Closed, Reason::ConnRefused, now_us),
            NetError::TimedOut => self.silent(probe, now_us),
            error => self.decide(probe, PortState::Filtered, reason_of(error)),
        }
    }

    /// The host itself answered.
    fn answered(&mut self, probe: Probe, state: PortState, reason: Reason, now_us: u64) {
        let rtt_us = now_us.saturating_sub(probe.sent_us);
        let host = &mut self.hosts[probe.host_idx];
        host.estimate.sample(rtt_us, &self.timing);
        host.best_try = host.best_try.max(probe.what.try_number);
        self.common.sample(rtt_us, &self.timing);
        self.decide(probe, state, reason);
    }

    /// No answer in time: again, unless this was the last try that is worth it.
    fn silent(&mut self, probe: Probe, now_us: u64) {
        let host = &mut self.hosts[probe.host_idx];
        let last_try = host.best_try.saturating_add(1).min(self.timing.retries_max);
        if probe.what.try_number >= last_try {
            return self.decide(probe, PortState::Filtered, Reason::NoResponse);
        }
        let try_number = probe.what.try_number + 1;
        if try_number > host.level {
            host.level = try_number;
            host.level_from_us = now_us + LEVEL_PAUSE_US;
        }
        host.retries.push_back(Retry { try_number, ..probe.what });
    }

    fn decide(&mut self, probe: Probe, state: PortState, reason: Reason) {
        let host = &mut self.hosts[probe.host_idx];
        host.outcomes[probe.what.port_idx] = Some((state, reason));
        host.undecided -= 1;
        self.decided += 1;
    }

    /// Deals with the probes whose time is over.
    fn expire(&mut self, network: &mut impl Network) {
        let now_us = network.now_us();
        while let Some(&Reverse((at_us, id))) = self.deadlines.peek()
            && at_us <= now_us
        {
            self.deadlines.pop();
            // An answer that came meanwhile counts.
            if self.look_at(id, network) {
                continue;
            }
            if let Some(probe) = self.in_flight.remove(&id) {
                network.abort(id);
                self.silent(probe, now_us);
            }
        }
    }

    /// When there is something to do again without an answer, microseconds.
    fn next_moment_us(&mut self, now_us: u64) -> u64 {
        while let Some(Reverse((_, id))) = self.deadlines.peek()
            && !self.in_flight.contains_key(id)
        {
            self.deadlines.pop();
        }
        let timeout = self.deadlines.peek().map(|Reverse((at_us, _))| *at_us);
        let has_room = self.in_flight.len() < self.timing.parallelism_max.max(1);
        let sends = self.hosts.iter().filter_map(|host| host.next_send_at_us(self.ports.len()));
        let send = if has_room { sends.min().map(|at_us| at_us.max(self.paused_until_us)) } else { None };
        let limit = self.timing.host_timeout_ms.zip(self.started_us).map(|(ms, started_us)| started_us + ms * 1000);
        timeout.into_iter().chain(send).chain(limit).min().unwrap_or(now_us)
    }

    /// `--host-timeout`: all hosts of the scan started together.
    fn give_up(&mut self, network: &mut impl Network) {
        self.stop(network);
        for host in self.hosts.iter_mut().filter(|host| host.undecided > 0) {
            host.timed_out = true;
            host.retries.clear();
            host.next = host.outcomes.len();
        }
    }
}

impl HostScan {
    /// What to ask next, if anything may be asked now.
    fn take_next(&mut self, now_us: u64, ports_count: usize, timing: &Timing) -> Option<Retry> {
        if self.next_send_at_us(ports_count)? > now_us {
            return None;
        }
        self.next_send_us = if timing.scan_delay_ms > 0 { now_us + timing.scan_delay_ms * 1000 } else { 0 };
        if self.next < ports_count {
            let fresh = Retry { port_idx: self.next, try_number: 0, self_connections: 0 };
            self.next += 1;
            return Some(fresh);
        }
        self.retries.pop_front()
    }

    /// When the next probe may be sent, microseconds; `None`: there is none.
    fn next_send_at_us(&self, ports_count: usize) -> Option<u64> {
        if self.next < ports_count {
            return Some(self.next_send_us);
        }
        let retry = self.retries.front()?;
        let is_new_level = retry.try_number > 0 && retry.try_number == self.level;
        Some(if is_new_level { self.next_send_us.max(self.level_from_us) } else { self.next_send_us })
    }
}

fn reason_of(error: NetError) -> Reason {
    match error {
        NetError::HostUnreachable => Reason::HostUnreach,
        NetError::NetworkUnreachable => Reason::NetUnreach,
        NetError::AccessDenied => Reason::AdminProhibited,
        NetError::Reset => Reason::Reset,
        NetError::Refused | NetError::TimedOut => Reason::NoResponse,
        NetError::AddressInUse | NetError::TooManySockets | NetError::Other => Reason::UnknownResponse,
    }
}

/// Scans `ports` of all `hosts` and fills in what was found. `stop` is asked between steps and ends the scan early.
pub fn connect_scan(
    network: &mut impl Network,
    hosts: &mut [Host],
    ports: &[u16],
    timing: Timing,
    mut stop: impl FnMut(Progress) -> bool,
) {
    let addresses: Vec<IpAddr> = hosts.iter().map(|host| host.address).collect();
    let mut scan = ConnectScan::new(&addresses, ports, timing);
    loop {
        let progress = scan.step(network);
        if progress == Progress::Done || stop(progress) {
            break;
        }
    }
    scan.stop(network);
    scan.finish(hosts);
}
