//! Timing pings: a probe that is known to be answered, sent again where nothing else is, to measure.
//!
//! A host whose other ports are all filtered gives no answers that a window could grow by, nor any whose loss would
//! show. An answered ping counts like several answers, one that is lost like any loss.

use super::{Key, PING_TRY, PortScan, Probe, Sent};
use crate::net::Network;
use crate::timing;
use std::cmp::Reverse;
use std::net::SocketAddr;

/// A timing ping is sent when there was no answer for so long though so many probes went out: to a host, and to all.
const PING_AFTER_US: u64 = 1_250_000;
const PING_PROBES: (u32, u32) = (10, 20);
/// An answered timing ping is worth so many answers.
const PING_WORTH: usize = 3;
/// How often it is looked whether one is due.
const PING_LOOK_US: u64 = 100_000;

/// How long there was no answer.
#[derive(Clone, Copy, Default, Debug)]
pub(super) struct Quiet {
    since_us: u64,
    /// Probes sent meanwhile.
    sent: u32,
}

impl Quiet {
    pub fn answered(&mut self, now_us: u64) {
        *self = Quiet { since_us: now_us, sent: 0 };
    }

    pub fn sent(&mut self) {
        self.sent = self.sent.saturating_add(1);
    }

    /// Whether it is time to measure.
    fn wants_ping(&self, probes: u32, now_us: u64) -> bool {
        self.sent >= probes && now_us.saturating_sub(self.since_us) >= PING_AFTER_US
    }
}

impl PortScan<'_> {
    /// Sends a timing ping to each host that has long been quiet, though it is known to answer.
    pub(super) fn send_pings(&mut self, network: &mut dyn Network) {
        if self.now_us < self.ping_look_us || self.options.first_answer_ends {
            return;
        }
        self.ping_look_us = self.now_us + PING_LOOK_US;
        let mut all_quiet = self.quiet.wants_ping(PING_PROBES.1, self.now_us);
        for host_idx in 0..self.hosts.len() {
            let host = &self.hosts[host_idx];
            let Some(port_idx) = host.ping_port.filter(|_| !host.is_done() && !host.is_pinging) else { continue };
            if (all_quiet || host.quiet.wants_ping(PING_PROBES.0, self.now_us))
                && network.may_send_at_us() <= self.now_us
            {
                all_quiet = false;
                self.ping(network, host_idx, port_idx);
            }
        }
    }

    fn ping(&mut self, network: &mut dyn Network, host_idx: usize, port_idx: u32) {
        let host = &mut self.hosts[host_idx];
        let remote = SocketAddr::new(host.address, host.ports[port_idx as usize]);
        let key = Key { host_idx: host_idx as u32, port_idx, try_number: PING_TRY };
        let probe = Probe { try_number: PING_TRY, sent_us: self.now_us, lost_us: 0 };
        let sent = self.method.send(network, key, remote);
        if sent == Sent::NoRoom {
            return;
        }
        (host.is_pinging, host.active) = (true, host.active + 1);
        self.in_flight.insert((key.host_idx, key.port_idx), probe);
        if sent == Sent::InFlight {
            let timeout_us = timing::timeout_us(&host.estimate, &self.common, &self.timing);
            self.deadlines.push(Reverse((self.now_us + timeout_us, key)));
        } else {
            self.pinged(key, probe, sent, network.now_us());
        }
    }

    /// A timing ping has an outcome.
    pub(super) fn pinged(&mut self, key: Key, probe: Probe, outcome: Sent, now_us: u64) {
        self.in_flight.remove(&(key.host_idx, key.port_idx));
        let host = &mut self.hosts[key.host_idx as usize];
        (host.is_pinging, host.active) = (false, host.active.saturating_sub(1));
        host.quiet.answered(now_us);
        self.quiet.answered(now_us);
        if !matches!(outcome, Sent::Answered(answer) if answer.from_host) {
            return;
        }
        let rtt_us = now_us.saturating_sub(probe.sent_us);
        host.estimate.sample(rtt_us, &self.timing);
        self.common.sample(rtt_us, &self.timing);
        for _ in 0..PING_WORTH {
            host.window.grow(&self.timing);
            self.window.grow(&self.timing);
        }
    }

    /// A host that is known to answer did not: that is a loss.
    pub(super) fn ping_lost(&mut self, key: Key, probe: Probe, now_us: u64) {
        let active = self.in_flight.len();
        let host = &mut self.hosts[key.host_idx as usize];
        host.window.shrink(host.active, &self.timing, true, probe.sent_us, now_us);
        self.window.shrink(active + 1, &self.timing, false, probe.sent_us, now_us);
        (host.is_pinging, host.active) = (false, host.active.saturating_sub(1));
        host.quiet.answered(now_us);
        self.quiet.answered(now_us);
    }
}
