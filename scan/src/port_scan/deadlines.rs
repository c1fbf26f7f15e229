//! When probes and hosts have waited long enough.
//!
//! A probe's deadline follows what is learned of round trips while it is in flight: it comes forward when answers turn
//! out to be fast, and is put off when it is reached and they turned out to be slow.

use super::{Key, Note, PING_TRY, PortScan};
use crate::net::Network;
use crate::timing::{self, Estimate};
use std::cmp::Reverse;

impl PortScan<'_> {
    /// Which host's time is over next.
    pub(super) fn find_limit(&mut self) {
        let undone = self.hosts.iter().filter(|host| !host.is_done());
        self.limit_us = undone.filter_map(|host| host.limit_us).min().unwrap_or(u64::MAX);
    }

    /// Deals with the probes whose time is over.
    pub(super) fn expire(&mut self, network: &mut dyn Network) {
        let now_us = network.now_us();
        while let Some(&Reverse((at_us, key))) = self.deadlines.peek()
            && at_us <= now_us
        {
            self.deadlines.pop();
            let place = (key.host_idx, key.port_idx);
            let Some(&probe) = self.in_flight.get(&place).filter(|probe| probe.try_number == key.try_number) else {
                continue;
            };
            // What was learned since it was sent may be that answers take longer.
            let host = &self.hosts[key.host_idx as usize];
            let until_us = probe.sent_us + timing::timeout_us(&host.estimate, &self.common, &self.timing);
            if until_us > now_us {
                self.deadlines.push(Reverse((until_us, key)));
                continue;
            }
            // An answer that came meanwhile counts.
            match self.method.expire(network, key) {
                Some(outcome) => self.outcome(key, outcome, now_us),
                None => {
                    self.in_flight.remove(&place);
                    match key.try_number {
                        PING_TRY => self.ping_lost(key, probe, now_us),
                        _ => self.silent(key, probe.sent_us, now_us),
                    }
                }
            }
        }
    }

    /// Probes in flight wait no longer than later ones: once the time-out of a host, or the one that hosts without an
    /// estimate borrow, is far below what they were sent with, they get new deadlines.
    pub(super) fn advance_deadlines(&mut self, host_idx: u32) {
        let own_us = timing::timeout_us(&self.hosts[host_idx as usize].estimate, &self.common, &self.timing);
        let common_us = timing::timeout_us(&Estimate::default(), &self.common, &self.timing);
        let is_far_below = |timeout_us: u64, used_us: u64| timeout_us < used_us / 4 * 3;
        let own = is_far_below(own_us, self.hosts[host_idx as usize].timeout_us);
        let common = is_far_below(common_us, self.common_timeout_us);
        if !own && !common {
            return;
        }
        if own {
            self.hosts[host_idx as usize].timeout_us = own_us;
        }
        if common {
            self.common_timeout_us = common_us;
        }
        for (&(of_host, port_idx), probe) in &self.in_flight {
            let borrows = self.hosts[of_host as usize].estimate.times().is_none();
            let timeout_us = match of_host == host_idx {
                true if own => own_us,
                _ if common && borrows => common_us,
                _ => continue,
            };
            let key = Key { host_idx: of_host, port_idx, try_number: probe.try_number };
            self.deadlines.push(Reverse((probe.sent_us + timeout_us, key)));
        }
    }

    /// When there is something to do again without an answer, microseconds.
    pub(super) fn next_moment_us(&mut self, now_us: u64) -> u64 {
        while let Some(Reverse((_, key))) = self.deadlines.peek()
            && self.in_flight.get(&(key.host_idx, key.port_idx)).is_none_or(|probe| probe.try_number != key.try_number)
        {
            self.deadlines.pop();
        }
        let timeout = self.deadlines.peek().map(|Reverse((at_us, _))| *at_us);
        let with_room = self.hosts.iter().filter(|host| self.has_room(host));
        let send = with_room.filter_map(|host| host.next_send_at_us()).min();
        let send = send.map(|at_us| at_us.max(self.paused_until_us));
        let due = if self.timing.rate_min > 0.0 {
            let all = self.hosts.iter().filter_map(|host| host.next_send_at_us());
            all.min().map(|at_us| at_us.max(self.due_us).max(self.paused_until_us))
        } else {
            None
        };
        let limit = Some(self.limit_us).filter(|&at_us| at_us < u64::MAX);
        timeout.into_iter().chain(send).chain(due).chain(limit).min().unwrap_or(now_us)
    }

    /// `--host-timeout`: ends the scans of hosts whose time is over.
    pub(super) fn give_up(&mut self, network: &mut dyn Network) {
        for host_idx in 0..self.hosts.len() {
            let host = &mut self.hosts[host_idx];
            if host.is_done() || host.limit_us.is_none_or(|limit_us| limit_us > self.now_us) {
                continue;
            }
            host.timed_out = true;
            self.decided += host.undecided;
            (host.undecided, host.active, host.done_us) = (0, 0, self.now_us);
            self.undone_hosts -= 1;
            self.notes.push(Note::TimedOut { address: host.address, left: self.undone_hosts });
            let of_host = self.in_flight.extract_if(|place, _| place.0 as usize == host_idx);
            for ((host_idx, port_idx), probe) in of_host.collect::<Vec<_>>() {
                let _ = self.method.expire(network, Key { host_idx, port_idx, try_number: probe.try_number });
            }
        }
        self.find_limit();
    }
}
