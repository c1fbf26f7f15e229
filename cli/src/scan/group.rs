//! The phases of a group of hosts that are up: ports, versions, the way there, scripts.

use super::{Failure, Scan, label, scanning, seconds_since_epoch};
use crate::discover;
use crate::interrupt;
use crate::outputs::Outputs;
use crate::plan;
use crate::report::{Event, MessageKind, Task, json};
use crate::targets::Candidate;
use perilune_nse::Phase;
use perilune_scan::dns::{self, Answer, Question};
use perilune_scan::port;
use perilune_scan::port_scan::connect::Connect;
use perilune_scan::port_scan::raw::{Kind, Raw};
use perilune_scan::port_scan::udp::UdpSockets;
use perilune_scan::port_scan::{Decided, Method, PortScan, ScanOptions, port_scan};
use perilune_scan::result::{Host, Protocol};
use perilune_scan::traceroute;
use perilune_scan::version::{self, VersionOptions};
use std::net::IpAddr;
use std::rc::Rc;
use std::time::{Duration, Instant};

/// Services that version detection asks at once, at most.
const VERSION_PARALLELISM_MAX: usize = 100;

/// How often decided ports go to the journal.
const JOURNAL_PAUSE: Duration = Duration::from_millis(500);

impl Scan<'_> {
    /// All phases for hosts that are up.
    pub(super) fn group(&mut self, group: Vec<Candidate>) -> Result<(), Failure> {
        let own: Vec<Option<Rc<[u16]>>> = group.iter().map(|candidate| candidate.ports.clone()).collect();
        let mut hosts: Vec<Host> = group.into_iter().map(|candidate| candidate.host).collect();
        for host in &mut hosts {
            host.started_at = seconds_since_epoch();
            host.time_left_ms = self.timing.host_timeout_ms;
            self.resumed.restore(host);
        }
        for (kind, protocol) in plan::scan_kinds(self.options, self.is_privileged) {
            self.scan_ports(kind, protocol, &mut hosts, &own)?;
        }
        if self.is_privileged {
            discover::learned_hardware(&mut self.network, self.options, self.timing, &mut hosts);
        }
        if self.options.version_detection {
            let (known, mut unknown): (Vec<Host>, Vec<Host>) =
                hosts.into_iter().partition(|host| self.resumed.has_version(host.address));
            self.detect(&mut unknown);
            self.outputs.check()?;
            hosts = known;
            hosts.extend(unknown);
        }
        if self.options.traceroute || self.options.aggressive {
            self.trace_ways(&mut hosts);
        }
        if interrupt::count() == 0 {
            hosts = self.scripts(Phase::Scan, hosts).0;
            self.outputs.check()?;
        }
        let is_cut = interrupt::count() > 0;
        for mut host in hosts {
            host.ended_at = seconds_since_epoch();
            // What was cut short is shown if it holds anything, yet it is not done: a resumed scan does it again.
            if !is_cut || !host.ports.is_empty() {
                host.is_partial = is_cut;
                self.report(host);
            }
        }
        self.outputs.check()
    }

    pub(super) fn scan_ports(
        &mut self,
        kind: &str,
        protocol: Protocol,
        hosts: &mut [Host],
        own: &[Option<Rc<[u16]>>],
    ) -> Result<(), Failure> {
        let is_syn = kind == "syn";
        let name = match (kind, protocol) {
            ("syn", _) => "SYN Stealth Scan",
            (_, Protocol::Udp) => "UDP Scan",
            _ => "Connect Scan",
        };
        let common: Rc<[u16]> =
            port::scan_order(protocol, self.ports.of(protocol), self.options.sequential, self.run.seed).into();
        let ports: Vec<Rc<[u16]>> = match protocol {
            Protocol::Tcp => own.iter().map(|own| own.clone().unwrap_or_else(|| Rc::clone(&common))).collect(),
            _ => hosts.iter().map(|_| Rc::clone(&common)).collect(),
        };
        let total: usize = ports.iter().map(|ports| ports.len()).sum();
        if total == 0 {
            return Ok(());
        }
        let count = ports.first().map_or(0, |ports| ports.len());
        let began = self.task_begin(name, scanning(&hosts.iter().collect::<Vec<_>>(), count, "port"));
        self.progress.begin(name, hosts.len(), self.started);
        let traces = self.progress.traces_packets();
        let mut connect = Connect::default();
        let mut udp = UdpSockets::new(self.probes.as_ref());
        let kind = if protocol == Protocol::Udp { Kind::Udp } else { Kind::Syn };
        let mut raw = match self.is_privileged && (is_syn || protocol == Protocol::Udp) {
            true => {
                let number = if protocol == Protocol::Udp { 2 } else { 1 };
                let raw =
                    Raw::open(kind, self.probes.as_ref(), self.base_port(number), self.run.seed, self.raw.clone());
                Some(raw.map_err(|error| Failure::of("no raw packets", error))?)
            }
            false => None,
        };
        let addresses: Vec<IpAddr> = hosts.iter().map(|host| host.address).collect();
        let journal = self.outputs.has_journal || self.run.verbose > 0;
        let (progress, outputs) = (&mut self.progress, &mut self.outputs);
        let mut kept: Vec<Decided> = Vec::new();
        let mut flushed = Instant::now();
        let stop = |scan: &mut PortScan<'_>| {
            kept.extend(scan.take_decided());
            if !kept.is_empty() && flushed.elapsed() >= JOURNAL_PAUSE {
                flushed = Instant::now();
                tell_decided(outputs, protocol, &addresses, std::mem::take(&mut kept));
            }
            progress.of_ports(scan, outputs)
        };
        let method: &mut dyn Method = match (&mut raw, protocol) {
            (Some(raw), _) => raw,
            (None, Protocol::Udp) => &mut udp,
            (None, _) => &mut connect,
        };
        method.trace().set(traces);
        let options = ScanOptions { record: journal, ..ScanOptions::default() };
        port_scan(&mut self.network, method, hosts, &ports, self.timing, options, stop);
        tell_decided(&mut self.outputs, protocol, &addresses, kept);
        let timed_out = hosts.iter().filter(|host| host.timed_out).count();
        let extra = match timed_out {
            0 => format!("{total} total ports"),
            _ => format!("{timed_out} host{} timed out", if timed_out == 1 { "" } else { "s" }),
        };
        self.task_end(name, began, extra);
        self.progress.tell_rates(&mut self.outputs);
        self.outputs.check()
    }

    pub(super) fn detect(&mut self, hosts: &mut [Host]) {
        let Some(probes) = &self.probes else { return };
        let open: usize =
            hosts.iter().map(|host| host.ports.iter().filter(|port| port.state.can_be_open()).count()).sum();
        if open == 0 || interrupt::count() > 0 {
            return;
        }
        let services = if open == 1 { "service" } else { "services" };
        let place = if hosts.len() == 1 { label(&hosts[0]) } else { format!("{} hosts", hosts.len()) };
        let task = Task {
            name: "Service scan".to_owned(),
            time: seconds_since_epoch(),
            has_ended: false,
            elapsed_ms: 0,
            extra: format!("Scanning {open} {services} on {place}"),
        };
        self.outputs.send(&Event::Task(task));
        let began = Instant::now();
        let options = VersionOptions {
            intensity: self.options.intensity(),
            all_ports: self.options.allports,
            parallelism: self.version_parallelism(),
            debugging: self.options.debug > 0,
            trace: self.options.version_trace || self.progress.traces_packets(),
            now: seconds_since_epoch(),
        };
        self.progress.begin("Service Scan", hosts.len(), self.started);
        let (progress, outputs) = (&mut self.progress, &mut self.outputs);
        version::version_scan(&mut self.network, hosts, probes, options, |scan| {
            for text in scan.take_trace() {
                outputs.send(&Event::Message { kind: MessageKind::Trace, text });
            }
            let (done, total) = scan.progress();
            progress.done_of(done, total, outputs);
            interrupt::count() > 0 || outputs.has_failed()
        });
        // Of what was cut short nothing is told, so that a resumed scan asks again.
        if interrupt::count() > 0 || outputs.has_failed() {
            return;
        }
        for host in hosts.iter() {
            for port in &host.ports {
                if let Some(version) = &port.version {
                    let (address, protocol, number) = (host.address, port.protocol, port.number);
                    outputs.send(&Event::Service { address, protocol, number, version: version.clone() });
                }
            }
        }
        let extra = format!("{open} {services} on {} host{}", hosts.len(), if hosts.len() == 1 { "" } else { "s" });
        self.task_end("Service scan", began, extra);
    }

    /// Services asked at once: what the template says, as far as the options allow.
    pub(super) fn version_parallelism(&self) -> usize {
        let timing = &self.options.timing;
        let most = timing.max_parallelism.unwrap_or(VERSION_PARALLELISM_MAX).min(VERSION_PARALLELISM_MAX);
        self.timing.version_parallelism.max(timing.min_parallelism.unwrap_or(1)).min(most)
    }

    /// Finds the ways to hosts that are not this machine, and the names on them.
    pub(super) fn trace_ways(&mut self, hosts: &mut [Host]) {
        if !self.is_privileged {
            return;
        }
        let base = self.base_port(3);
        for host in hosts.iter_mut() {
            let source = self.raw.source_towards(host.address);
            let is_own = source == Some(host.address) || host.address.is_loopback();
            if interrupt::count() > 0 || is_own || host.timed_out {
                continue;
            }
            if let Err(error) = traceroute::trace(&mut self.network, host, base, &self.raw) {
                let text = format!("WARNING: no way to {}: {error}", host.address);
                self.outputs.send(&Event::Message { kind: MessageKind::Warning, text });
            }
        }
        if self.options.no_names {
            return;
        }
        let mut hops: Vec<IpAddr> =
            hosts.iter().flat_map(|host| &host.trace).flat_map(|trace| &trace.hops).map(|hop| hop.address).collect();
        hops.sort_unstable();
        hops.dedup();
        let questions = hops.iter().map(|&hop| Question::Reverse(hop)).collect();
        let stop = |_| interrupt::count() > 0;
        let answers = dns::resolve(&mut self.network, &self.servers, questions, self.run.seed, stop);
        for hop in hosts.iter_mut().flat_map(|host| &mut host.trace).flat_map(|trace| &mut trace.hops) {
            if let Ok(idx) = hops.binary_search(&hop.address)
                && let Answer::Names(names) = &answers[idx]
            {
                hop.name = names.first().cloned();
            }
        }
    }
}

/// Tells which ports were decided, by host and state.
fn tell_decided(outputs: &mut Outputs, protocol: Protocol, addresses: &[IpAddr], mut decided: Vec<Decided>) {
    decided.sort_by_key(|decided| (decided.host_idx, decided.number));
    for of_host in decided.chunk_by(|a, b| a.host_idx == b.host_idx) {
        let ports: Vec<_> = of_host
            .iter()
            .map(|decided| perilune_scan::result::Port {
                number: decided.number,
                protocol,
                state: decided.state,
                reason: decided.reason,
                reason_ttl: decided.ttl,
                reason_address: decided.other,
                service: None,
                version: None,
                scripts: Vec::new(),
            })
            .collect();
        for group in json::grouped(addresses[of_host[0].host_idx], ports.iter()) {
            outputs.send(&Event::Ports(group));
        }
    }
}
