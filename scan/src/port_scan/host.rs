//! What a port scan knows of one host.

use super::ping::Quiet;
use super::window::{Delay, WINDOW_FIRST, Window};
use super::{Answer, Key, record};
use crate::result::{Host, Protocol};
use crate::timing::{Estimate, Timing};
use std::collections::VecDeque;
use std::net::IpAddr;
use std::rc::Rc;

/// Probes to a host before only the common window counts for it, unless it was seen to answer.
const OWN_WINDOW_PROBES: u32 = 80;

#[derive(Debug)]
pub(super) struct HostScan {
    pub address: IpAddr,
    /// In the order of asking.
    pub ports: Rc<[u16]>,
    /// Index into `ports` of the first that was never sent.
    next: usize,
    /// Ports to be asked again.
    retries: VecDeque<Retry>,
    pub estimate: Estimate,
    /// The longest that a probe in flight waits, microseconds, unless new deadlines were set.
    pub timeout_us: u64,
    pub window: Window,
    pub delay: Delay,
    /// Probes in flight.
    pub active: usize,
    pub sent_count: u32,
    /// It was seen to answer.
    pub answers: bool,
    /// Highest try number that drew an answer.
    pub best_try: u8,
    /// When the highest try level so far may be used, microseconds.
    level: u8,
    level_from_us: u64,
    /// No probe before this moment: the pause between two.
    next_send_us: u64,
    /// By index into `ports`.
    pub outcomes: Vec<Option<Answer>>,
    pub undecided: usize,
    pub timed_out: bool,
    /// How long its scan may take, and when that is over; when it began, and when the last port was decided.
    pub left_us: Option<u64>,
    pub limit_us: Option<u64>,
    started_us: u64,
    pub done_us: u64,
    /// Index into `ports` of one that answers, for timing pings; one is under way.
    pub ping_port: Option<u32>,
    pub is_pinging: bool,
    pub quiet: Quiet,
    /// It was told that a port was given up.
    pub gave_up: bool,
    /// How often ports had to be asked again at once.
    again: Vec<(u32, u8)>,
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Retry {
    pub port_idx: u32,
    pub try_number: u8,
    /// When the probe was sent that got no answer, microseconds.
    pub lost_us: u64,
}

impl HostScan {
    pub fn new(address: IpAddr, ports: Rc<[u16]>, timing: &Timing) -> HostScan {
        HostScan {
            address,
            next: 0,
            retries: VecDeque::new(),
            estimate: Estimate::default(),
            timeout_us: 0,
            window: Window::new(timing, WINDOW_FIRST),
            delay: Delay::new(timing),
            active: 0,
            sent_count: 0,
            answers: false,
            best_try: 0,
            level: 0,
            level_from_us: 0,
            next_send_us: 0,
            outcomes: vec![None; ports.len()],
            undecided: ports.len(),
            timed_out: false,
            left_us: None,
            limit_us: None,
            started_us: 0,
            done_us: 0,
            ping_port: None,
            is_pinging: false,
            quiet: Quiet::default(),
            gave_up: false,
            again: Vec::new(),
            ports,
        }
    }

    /// Its clock starts.
    pub fn start(&mut self, now_us: u64) {
        (self.started_us, self.done_us) = (now_us, now_us);
        self.limit_us = self.left_us.map(|left_us| now_us.saturating_add(left_us));
        self.quiet.answered(now_us);
    }

    pub fn is_done(&self) -> bool {
        self.undecided == 0
    }

    /// Whether its own window says anything: it has answered, or was asked little so far.
    pub fn is_known(&self) -> bool {
        self.answers || self.sent_count < OWN_WINDOW_PROBES
    }

    /// What to ask next, if anything may be asked now.
    pub fn take_next(&mut self, now_us: u64) -> Option<Retry> {
        if self.next_send_at_us()? > now_us {
            return None;
        }
        if self.delay.us > 0 {
            self.next_send_us = now_us + self.delay.us;
        }
        if self.next < self.ports.len() {
            let fresh = Retry { port_idx: self.next as u32, try_number: 0, lost_us: 0 };
            self.next += 1;
            return Some(fresh);
        }
        loop {
            let retry = self.retries.pop_front()?;
            if self.outcomes[retry.port_idx as usize].is_none() {
                return Some(retry);
            }
        }
    }

    /// When the next probe may be sent, microseconds; `None`: there is none.
    pub fn next_send_at_us(&self) -> Option<u64> {
        if self.is_done() {
            return None;
        }
        // With a pause of its own there is one probe at a time.
        if self.next < self.ports.len() {
            return Some(self.next_send_us);
        }
        let retry = self.retries.front()?;
        let is_new_level = retry.try_number > 0 && retry.try_number == self.level;
        Some(if is_new_level { self.next_send_us.max(self.level_from_us) } else { self.next_send_us })
    }

    /// What was taken could not be sent.
    pub fn put_back(&mut self, retry: Retry) {
        self.retries.push_front(retry);
    }

    /// Asks a port once more, as the probe that was sent at `lost_us` got no answer.
    pub fn repeat(&mut self, key: Key, level_from_us: u64, lost_us: u64) {
        let try_number = key.try_number + 1;
        if try_number > self.level {
            self.level = try_number;
            self.level_from_us = level_from_us;
        }
        self.retries.push_back(Retry { port_idx: key.port_idx, try_number, lost_us });
    }

    /// When the probe was sent whose port waits to be asked again, microseconds.
    pub fn lost_at_us(&self, key: Key) -> Option<u64> {
        let is_next = |retry: &&Retry| retry.port_idx == key.port_idx && retry.try_number == key.try_number + 1;
        self.retries.iter().find(is_next).map(|retry| retry.lost_us)
    }

    /// Asks a port again as if it had not been asked; `false`: that was done often enough.
    pub fn ask_again(&mut self, key: Key, max: u8) -> bool {
        let count = match self.again.iter_mut().find(|(port_idx, _)| *port_idx == key.port_idx) {
            Some((_, count)) => {
                *count += 1;
                *count
            }
            None => {
                self.again.push((key.port_idx, 1));
                1
            }
        };
        if count <= max {
            self.retries.push_front(Retry { port_idx: key.port_idx, try_number: key.try_number, lost_us: 0 });
        }
        count <= max
    }

    /// The first answer that came from the host, else any that is no silence; and to the question about which port.
    pub fn best_answer(&self) -> Option<(u16, Answer)> {
        let answers = || self.ports.iter().zip(&self.outcomes).filter_map(|(&port, answer)| Some((port, (*answer)?)));
        answers().find(|(_, answer)| answer.from_host).or_else(|| answers().next())
    }

    /// Writes what was found.
    pub fn finish(self, protocol: Protocol, host: &mut Host) {
        let mut order: Vec<u32> = (0..self.ports.len() as u32).collect();
        order.sort_unstable_by_key(|&idx| self.ports[idx as usize]);
        host.times = self.estimate.times().or(host.times);
        host.spend(self.done_us.saturating_sub(self.started_us).div_ceil(1000));
        host.timed_out |= self.timed_out;
        let had_some = host.ports.iter().any(|port| port.protocol == protocol);
        let decided = order.iter().filter_map(|&idx| Some((self.ports[idx as usize], self.outcomes[idx as usize]?)));
        host.ports.reserve(self.ports.len() - self.undecided);
        host.ports.extend(decided.map(|(number, answer)| record(number, protocol, answer)));
        if had_some {
            host.ports.sort_by_key(|port| (port.protocol, port.number));
        }
    }
}
