//! The port scan: asks the ports of some hosts until each is decided, as fast as windows, pauses and rates allow.
//!
//! What a probe is, and what its answers mean, is a [`Method`]'s business: connecting ([`connect`]), datagrams over
//! sockets ([`udp`]), or raw packets. Here is what they share. Hosts take turns, one probe each, while there is room in
//! the window of the host and in that of all hosts together. A probe that is silent for the host's time-out is sent
//! again; how often depends on whether this host was ever seen to answer a repeated one. The first use of a new try
//! level waits a second, so that rate limiting can be told from loss. Host discovery is the same with few probes, of
//! which the first answer ends the host's.
//!
//! # Invariants
//! - C1. A port of a host is undecided in exactly one place: not yet sent, in `in_flight`, or in the host's `retries`.
//!   Entries of `retries` whose port is decided meanwhile are skipped.
//! - C2. Every entry of `in_flight` has an entry in `deadlines`, unless its time is being dealt with.

pub mod connect;
mod deadlines;
mod host;
mod ping;
pub mod raw;
mod sockets;
pub mod trace;
pub mod udp;
mod window;

use crate::net::{Millis, Network, Ready};
use crate::result::{Host, PortState, Protocol, Reason, Traffic};
use crate::services;
use crate::timing::{self, Estimate, Timing};
use hashbrown::HashMap;
use host::HostScan;
use ping::Quiet;
use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::rc::Rc;
use trace::PacketTrace;
pub use window::Loss;
use window::{WINDOW_FIRST, Window};

/// Sends between two looks at the network.
const SENDS_PER_TURN: usize = 50;
/// Pause before the first probe of a new try level.
const LEVEL_PAUSE_US: u64 = 1_000_000;
/// Pause when the system has no socket to give.
const NO_SOCKET_PAUSE_US: u64 = 20_000;
/// Tries at a port when no socket is to be had and none of ours is open: about ten seconds.
const NO_SOCKET_TRIES_MAX: u32 = 500;
/// A port may so often have to be asked again at once, as when it connected to itself.
const AGAIN_MAX: u8 = 10;

/// The try number of timing pings, and the highest of others.
const PING_TRY: u8 = 63;
const TRY_MAX: u8 = PING_TRY - 1;
/// A step takes no longer, however slow the scan is, so that who watches it is heard.
const LOOK_US: u64 = 250_000;
/// Names a probe: which port of which host, and how often it was asked before.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Key {
    pub host_idx: u32,
    /// Index into the host's list of ports.
    pub port_idx: u32,
    pub try_number: u8,
}

/// A host and its ports, in the order of asking.
pub type Target = (IpAddr, Rc<[u16]>);

/// What an answer says.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Answer {
    pub state: PortState,
    pub reason: Reason,
    pub ttl: u8,
    /// It came from the host itself, so that its time can be measured.
    pub from_host: bool,
    /// Who sent it, if that was not the host.
    pub other: Option<IpAddr>,
}

/// What became of an attempt to send.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Sent {
    InFlight,
    /// The system knew the answer at once.
    Answered(Answer),
    /// It has to be asked again, which counts as no try.
    Again,
    /// There is no socket or no buffer left.
    NoRoom,
}

/// A kind of probe.
pub trait Method: fmt::Debug {
    fn protocol(&self) -> Protocol;

    /// What silence means.
    fn silence(&self) -> PortState;

    /// Tells what is going to be asked: the hosts and the ports of each, as keys number them.
    fn prepare(&mut self, _: &[Target]) {}

    /// Sends a probe.
    fn send(&mut self, network: &mut dyn Network, key: Key, remote: SocketAddr) -> Sent;

    /// Looks at what happened to sockets. `Sent::InFlight` and `NoRoom` are never among the outcomes.
    fn events(&mut self, network: &mut dyn Network, ready: &[Ready], outcomes: &mut Vec<(Key, Sent)>);

    /// The probe's time is over: its outcome if there is one after all; else what it used is given back.
    fn expire(&mut self, network: &mut dyn Network, key: Key) -> Option<Sent>;

    /// Gives back everything.
    fn close(&mut self, network: &mut dyn Network);

    /// Lines about what was sent and received.
    fn trace(&mut self) -> &mut PacketTrace;
}

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

/// A port that was decided.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Decided {
    pub host_idx: usize,
    pub number: u16,
    pub state: PortState,
    pub reason: Reason,
    pub ttl: u8,
    /// Who says so, if not the host.
    pub other: Option<IpAddr>,
}

/// Something that a user may want to know.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Note {
    /// A port was asked as often as the user allows, though the host answers late: said once for each host.
    GaveUp { address: IpAddr, tries: u8 },
    /// Losses made the pause between two probes to a host longer, milliseconds.
    Slowed { address: IpAddr, from_ms: u64, to_ms: u64, why: Loss },
    /// `--host-timeout` ended the scan of a host; so many are left.
    TimedOut { address: IpAddr, left: usize },
}

/// What a scan is asked to do beyond its timing.
#[derive(Clone, Copy, Default, Debug)]
pub struct ScanOptions {
    /// The first answer of a host ends its scan: host discovery.
    pub first_answer_ends: bool,
    /// Keep what was decided for [`PortScan::take_decided`].
    pub record: bool,
}

/// A scan under way.
#[derive(Debug)]
pub struct PortScan<'m> {
    method: &'m mut dyn Method,
    timing: Timing,
    options: ScanOptions,
    hosts: Vec<HostScan>,
    /// Index of the host whose turn it is.
    turn: usize,
    /// By host and port.
    in_flight: HashMap<(u32, u32), Probe>,
    /// When probes time out, microseconds; may name probes that are decided.
    deadlines: BinaryHeap<Reverse<(u64, Key)>>,
    common: Estimate,
    /// The longest that a probe in flight waits, microseconds, unless new deadlines were set.
    common_timeout_us: u64,
    window: Window,
    decided: usize,
    total: usize,
    /// Probes so far, timing pings left out.
    sent_count: u64,
    undone_hosts: usize,
    /// No sends before this moment, microseconds: sockets ran out, or the rate.
    paused_until_us: u64,
    no_socket_count: u32,
    started_us: Option<u64>,
    /// The time at the last look at the clock.
    now_us: u64,
    /// The next moment at which a host's time is over.
    limit_us: u64,
    /// When the next probe is due by the least rate.
    due_us: u64,
    quiet: Quiet,
    ping_look_us: u64,
    notes: Vec<Note>,
    ready: Vec<Ready>,
    outcomes: Vec<(Key, Sent)>,
    recorded: Vec<Decided>,
}

#[derive(Clone, Copy, Debug)]
struct Probe {
    try_number: u8,
    sent_us: u64,
    /// When the probe before it was sent, which was lost, microseconds.
    lost_us: u64,
}

impl<'m> PortScan<'m> {
    /// A scan of each host's ports, in the order given.
    pub fn new(method: &'m mut dyn Method, targets: Vec<Target>, timing: Timing, options: ScanOptions) -> PortScan<'m> {
        method.prepare(&targets);
        let hosts: Vec<HostScan> =
            targets.into_iter().map(|(address, ports)| HostScan::new(address, ports, &timing)).collect();
        PortScan {
            method,
            timing,
            options,
            turn: 0,
            in_flight: HashMap::default(),
            deadlines: BinaryHeap::new(),
            common: Estimate::default(),
            common_timeout_us: 0,
            // In discovery each host is asked so little that there is nothing to learn from the first ones.
            window: Window::new(&timing, if options.first_answer_ends { f64::MAX } else { WINDOW_FIRST }),
            decided: 0,
            sent_count: 0,
            total: hosts.iter().map(|host| host.undecided).sum(),
            undone_hosts: hosts.iter().filter(|host| host.undecided > 0).count(),
            hosts,
            paused_until_us: 0,
            no_socket_count: 0,
            started_us: None,
            now_us: 0,
            limit_us: u64::MAX,
            due_us: 0,
            quiet: Quiet::default(),
            ping_look_us: 0,
            notes: Vec::new(),
            ready: Vec::new(),
            outcomes: Vec::new(),
            recorded: Vec::new(),
        }
    }

    /// What is known of round trips to a host already.
    pub fn set_estimate(&mut self, host_idx: usize, estimate: Estimate) {
        self.hosts[host_idx].estimate = estimate;
    }

    /// How long a host's scan may take.
    pub fn set_time_left(&mut self, host_idx: usize, left_ms: Option<u64>) {
        self.hosts[host_idx].left_us = left_ms.map(|ms| ms.saturating_mul(1000));
    }

    /// What the user should hear, since the last call.
    pub fn take_notes(&mut self) -> Vec<Note> {
        std::mem::take(&mut self.notes)
    }

    /// Lines of `--packet-trace` since the last call; whether there will be more.
    pub fn take_trace(&mut self, is_on: bool) -> Vec<String> {
        self.method.trace().set(is_on);
        self.method.trace().take()
    }

    /// Raw packets since the last call.
    pub fn take_traffic(&mut self) -> Traffic {
        self.method.trace().take_traffic()
    }

    /// Probes so far.
    pub fn sent_count(&self) -> u64 {
        self.sent_count
    }

    /// The clock starts for all hosts.
    fn start(&mut self, now_us: u64) {
        self.started_us = Some(now_us);
        self.due_us = now_us;
        self.quiet.answered(now_us);
        for host in &mut self.hosts {
            host.start(now_us);
        }
        self.find_limit();
    }

    /// Sends what there is room for, then waits for answers or the next deadline.
    pub fn step(&mut self, network: &mut dyn Network) -> Progress {
        self.now_us = network.now_us();
        if self.started_us.is_none() {
            self.start(self.now_us);
        }
        if self.now_us >= self.limit_us {
            self.give_up(network);
        }
        self.send_pings(network);
        let sent_all = self.send(network);
        if self.undone_hosts == 0 {
            return Progress::Done;
        }
        if !sent_all && self.in_flight.is_empty() {
            // The system knows all answers at once: there is nothing to wait for.
            return self.progress();
        }
        let now_us = network.now_us();
        let until_us = self.next_moment_us(now_us).min(now_us + LOOK_US);
        let until = if sent_all { Millis(until_us.div_ceil(1000)) } else { Millis(0) };
        let mut ready = std::mem::take(&mut self.ready);
        network.wait(Some(until), &mut ready);
        let mut outcomes = std::mem::take(&mut self.outcomes);
        self.method.events(network, &ready, &mut outcomes);
        let now_us = network.now_us();
        self.now_us = now_us;
        for (key, outcome) in outcomes.drain(..) {
            self.outcome(key, outcome, now_us);
        }
        ready.clear();
        (self.ready, self.outcomes) = (ready, outcomes);
        self.expire(network);
        if self.undone_hosts == 0 { Progress::Done } else { self.progress() }
    }

    /// How many ports are decided.
    pub fn progress(&self) -> Progress {
        Progress::Going { decided: self.decided, total: self.total }
    }

    /// What was decided since the last call, if it is recorded.
    pub fn take_decided(&mut self) -> Vec<Decided> {
        std::mem::take(&mut self.recorded)
    }

    /// The most that may be in flight, over all hosts.
    pub fn in_flight_count(&self) -> usize {
        self.in_flight.len()
    }

    /// Closes what is open; what is undecided stays so.
    pub fn stop(&mut self, network: &mut dyn Network) {
        self.in_flight.clear();
        self.method.close(network);
    }

    /// Writes states and times into `hosts`, given in the order of the targets. Undecided ports are left out.
    pub fn finish(self, hosts: &mut [Host]) {
        let protocol = self.method.protocol();
        for (scanned, host) in self.hosts.into_iter().zip(hosts) {
            scanned.finish(protocol, host);
        }
    }

    /// For discovery: the port and the answer that decided each host, and its round-trip estimate.
    pub fn answers(&self) -> Vec<(Option<(u16, Answer)>, Estimate)> {
        self.hosts.iter().map(|host| (host.best_answer(), host.estimate)).collect()
    }

    /// Sends until there is no room or nothing to send (`true`), or the network should be looked at (`false`).
    fn send(&mut self, network: &mut dyn Network) -> bool {
        // The time, asked once for each probe.
        let mut now_us = network.now_us();
        for _ in 0..SENDS_PER_TURN {
            if now_us < self.paused_until_us || self.undone_hosts == 0 {
                return true;
            }
            let allowed_us = network.may_send_at_us();
            if allowed_us > now_us {
                self.paused_until_us = allowed_us;
                return true;
            }
            let Some((host_idx, retry)) = self.take_turn(now_us) else { return true };
            now_us = self.probe(network, host_idx, retry, now_us);
        }
        false
    }

    /// Whether one more probe to a host fits its own window, if that says anything, and the common one, which does not
    /// bound the last host when it has a window of its own.
    fn has_room(&self, host: &HostScan) -> bool {
        let is_shared = self.timing.common_window;
        let own = host.is_known() || !is_shared;
        let is_alone = own && self.undone_hosts == 1;
        (!own || host.window.has_room(host.active))
            && (!is_shared || is_alone || self.window.has_room(self.in_flight.len()))
    }

    /// The next host that has something to ask and room for it, and what.
    fn take_turn(&mut self, now_us: u64) -> Option<(usize, host::Retry)> {
        let is_due = self.timing.rate_min > 0.0 && now_us >= self.due_us;
        for _ in 0..self.hosts.len() {
            let host_idx = self.turn;
            self.turn = if host_idx + 1 == self.hosts.len() { 0 } else { host_idx + 1 };
            let host = &self.hosts[host_idx];
            if host.is_done() || (!is_due && !self.has_room(host)) {
                continue;
            }
            if let Some(retry) = self.hosts[host_idx].take_next(now_us) {
                return Some((host_idx, retry));
            }
        }
        None
    }

    /// Sends a probe; the time after that, microseconds.
    fn probe(&mut self, network: &mut dyn Network, host_idx: usize, retry: host::Retry, now_us: u64) -> u64 {
        let host = &mut self.hosts[host_idx];
        let remote = SocketAddr::new(host.address, host.ports[retry.port_idx as usize]);
        let key = Key { host_idx: host_idx as u32, port_idx: retry.port_idx, try_number: retry.try_number };
        let sent = if self.no_socket_count >= NO_SOCKET_TRIES_MAX {
            let state = PortState::Filtered;
            Sent::Answered(Answer { state, reason: Reason::UnknownResponse, ttl: 0, from_host: false, other: None })
        } else {
            self.method.send(network, key, remote)
        };
        if sent == Sent::NoRoom {
            // Wait for one of ours to close, or for someone else's.
            self.no_socket_count += u32::from(self.in_flight.is_empty());
            self.paused_until_us = now_us + NO_SOCKET_PAUSE_US;
            self.turn = host_idx;
            host.put_back(retry);
            return now_us;
        }
        self.no_socket_count = if sent == Sent::InFlight { 0 } else { self.no_socket_count };
        host.sent_count = host.sent_count.saturating_add(1);
        self.sent_count += 1;
        host.window.sent();
        self.window.sent();
        host.quiet.sent();
        self.quiet.sent();
        host.active += 1;
        if self.timing.rate_min > 0.0 {
            // A second that was lost is not caught up.
            self.due_us = self.due_us.max(now_us.saturating_sub(1_000_000)) + (1e6 / self.timing.rate_min) as u64;
        }
        let probe = Probe { try_number: retry.try_number, sent_us: now_us, lost_us: retry.lost_us };
        let after_us = network.now_us();
        if sent == Sent::InFlight {
            let timeout_us = timing::timeout_us(&host.estimate, &self.common, &self.timing);
            host.timeout_us = host.timeout_us.max(timeout_us);
            if host.estimate.times().is_none() {
                self.common_timeout_us = self.common_timeout_us.max(timeout_us);
            }
            self.in_flight.insert((key.host_idx, key.port_idx), probe);
            self.deadlines.push(Reverse((now_us + timeout_us, key)));
        } else {
            self.settle(key, probe, sent, after_us);
        }
        after_us
    }

    /// A method has an outcome, maybe for a probe that timed out or was answered meanwhile.
    fn outcome(&mut self, key: Key, outcome: Sent, now_us: u64) {
        let Some(&probe) = self.in_flight.get(&(key.host_idx, key.port_idx)) else {
            // Late: the port waits for another try, which is not needed now.
            let host = &mut self.hosts[key.host_idx as usize];
            if let Sent::Answered(answer) = outcome
                && !host.is_done()
                && host.outcomes[key.port_idx as usize].is_none()
            {
                host.best_try = host.best_try.max(key.try_number);
                // Of a host that was never heard in time this tells how long to wait.
                if answer.from_host
                    && host.estimate.times().is_none()
                    && let Some(sent_us) = host.lost_at_us(key)
                {
                    host.estimate.sample(now_us.saturating_sub(sent_us), &self.timing);
                    self.common.sample(now_us.saturating_sub(sent_us), &self.timing);
                }
                self.decide(key, answer);
            }
            return;
        };
        let is_other = probe.try_number != key.try_number;
        if is_other && (outcome == Sent::Again || probe.try_number == PING_TRY) {
            return;
        }
        if probe.try_number == PING_TRY {
            return self.pinged(key, probe, outcome, now_us);
        }
        self.in_flight.remove(&(key.host_idx, key.port_idx));
        self.settle(key, probe, outcome, now_us);
    }

    /// Deals with the outcome of a probe that is no longer in flight.
    fn settle(&mut self, key: Key, probe: Probe, outcome: Sent, now_us: u64) {
        let is_udp = self.method.protocol() == Protocol::Udp;
        let active = self.in_flight.len();
        let host = &mut self.hosts[key.host_idx as usize];
        host.active -= 1;
        let answer = match outcome {
            Sent::Answered(answer) => answer,
            _ => {
                if host.ask_again(key, AGAIN_MAX) {
                    return;
                }
                Answer { state: PortState::Closed, reason: Reason::ConnRefused, ttl: 0, from_host: true, other: None }
            }
        };
        if answer.from_host {
            // Of a repeated probe whose answer may be to an earlier one nothing can be measured.
            if key.try_number == probe.try_number {
                let rtt_us = now_us.saturating_sub(probe.sent_us);
                host.estimate.sample(rtt_us, &self.timing);
                self.common.sample(rtt_us, &self.timing);
                self.advance_deadlines(key.host_idx);
            }
            let host = &mut self.hosts[key.host_idx as usize];
            host.answers = true;
            host.quiet.answered(now_us);
            self.quiet.answered(now_us);
            host.ping_port = Some(key.port_idx);
            let is_best = key.try_number > host.best_try;
            host.best_try = host.best_try.max(key.try_number);
            host.delay.answered();
            if key.try_number > 0 {
                host.window.shrink(host.active + 1, &self.timing, true, probe.sent_us, now_us);
                self.window.shrink(active + 1, &self.timing, false, probe.sent_us, now_us);
                let from_ms = host.delay.us / 1000;
                // Many tries count when they are a record: later answers to as many tell nothing new.
                let tries = if is_best { key.try_number } else { 0 };
                if let Some(why) = host.delay.dropped(tries, probe.lost_us, now_us, &self.timing, is_udp) {
                    let (address, to_ms) = (host.address, host.delay.us / 1000);
                    self.notes.push(Note::Slowed { address, from_ms, to_ms, why });
                }
            } else {
                host.window.grow(&self.timing);
                self.window.grow(&self.timing);
            }
        }
        self.decide(key, answer);
    }

    /// No answer in time: again, unless this was the last try that is worth it.
    fn silent(&mut self, key: Key, sent_us: u64, now_us: u64) {
        let host = &mut self.hosts[key.host_idx as usize];
        host.active -= 1;
        let wanted = host.best_try.saturating_add(1);
        let last_try = wanted.min(self.timing.retries_max).min(TRY_MAX);
        if key.try_number >= last_try {
            if wanted > self.timing.retries_max && !host.gave_up && !self.options.first_answer_ends {
                host.gave_up = true;
                self.notes.push(Note::GaveUp { address: host.address, tries: self.timing.retries_max });
            }
            let state = self.method.silence();
            return self
                .decide(key, Answer { state, reason: Reason::NoResponse, ttl: 0, from_host: false, other: None });
        }
        // Where one port is all, there is no rate to limit; a neighbour may have to wake up first.
        let is_alone = host.ports.len() == 1 && self.method.protocol() != Protocol::Ip;
        let pause_us = if is_alone { 0 } else { LEVEL_PAUSE_US };
        host.repeat(key, now_us + pause_us, sent_us);
    }

    fn decide(&mut self, key: Key, answer: Answer) {
        let host = &mut self.hosts[key.host_idx as usize];
        if host.is_done() {
            return;
        }
        host.outcomes[key.port_idx as usize] = Some(answer);
        host.undecided -= 1;
        host.done_us = self.now_us;
        self.decided += 1;
        if self.options.record {
            self.recorded.push(Decided {
                host_idx: key.host_idx as usize,
                number: host.ports[key.port_idx as usize],
                state: answer.state,
                reason: answer.reason,
                ttl: answer.ttl,
                other: answer.other,
            });
        }
        if self.options.first_answer_ends && answer.from_host {
            self.decided += host.undecided;
            host.undecided = 0;
        }
        self.undone_hosts -= usize::from(host.undecided == 0);
    }
}

/// Scans the ports of all `hosts` and fills in what was found; ports that a host has already are left alone. `stop` is
/// asked between steps and ends the scan early.
pub fn port_scan(
    network: &mut dyn Network,
    method: &mut dyn Method,
    hosts: &mut [Host],
    ports: &[Rc<[u16]>],
    timing: Timing,
    options: ScanOptions,
    mut stop: impl FnMut(&mut PortScan<'_>) -> bool,
) {
    let protocol = method.protocol();
    let targets = hosts.iter().zip(ports).map(|(host, ports)| (host.address, without_known(host, ports, protocol)));
    let targets = targets.collect();
    let mut scan = PortScan::new(method, targets, timing, options);
    for (idx, host) in hosts.iter().enumerate() {
        scan.set_estimate(idx, Estimate::of(host.times));
        scan.set_time_left(idx, host.time_left_ms);
    }
    loop {
        let progress = scan.step(network);
        if stop(&mut scan) || progress == Progress::Done {
            break;
        }
    }
    scan.stop(network);
    scan.finish(hosts);
}

fn without_known(host: &Host, ports: &Rc<[u16]>, protocol: Protocol) -> Rc<[u16]> {
    let mut known = host.ports.iter().filter(|port| port.protocol == protocol).map(|port| port.number).peekable();
    if known.peek().is_none() {
        return Rc::clone(ports);
    }
    let known: std::collections::HashSet<u16> = known.collect();
    ports.iter().copied().filter(|port| !known.contains(port)).collect()
}

/// A port's record as the scan leaves it.
fn record(number: u16, protocol: Protocol, answer: Answer) -> crate::result::Port {
    crate::result::Port {
        number,
        protocol,
        state: answer.state,
        reason: answer.reason,
        reason_ttl: answer.ttl,
        reason_address: answer.other,
        service: services::name(protocol, number).map(str::to_string),
        version: None,
        scripts: Vec::new(),
    }
}
