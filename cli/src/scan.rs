//! A scan from the command line to the report.
//!
//! Addresses are taken in batches, asked whether they are up and for their names; those that are up are scanned in
//! groups, phase after phase, and reported when their group is done. All that happens goes as events to the outputs.

use crate::discover::Discovery;
use crate::interrupt;
use crate::network;
use crate::options::Options;
use crate::outputs::Outputs;
use crate::progress::Progress;
use crate::report::document::Target;
use crate::report::{Event, MessageKind, ReportOptions, Task, json, normal};
use crate::resume::Resumed;
use crate::scripts;
use crate::targets::{self, Candidate, Targets};
use perilune_nse::{Engine, Phase, Stop, Watch};
use perilune_scan::dns::{self, Answer, Question};
use perilune_scan::port::{self, PortLists, PortOptions, Protocols};
use perilune_scan::port_scan::connect::Connect;
use perilune_scan::port_scan::raw::{self, Kind, Raw};
use perilune_scan::port_scan::udp::UdpSockets;
use perilune_scan::port_scan::{Decided, Method, PortScan, ScanOptions, port_scan};
use perilune_scan::real::RealNetwork;
use perilune_scan::result::{Exit, Host, HostState, Protocol, Run, ScanInfo, ScriptResult};
use perilune_scan::services;
use perilune_scan::target::Hosts;
use perilune_scan::timing::Timing;
use perilune_scan::traceroute;
use perilune_scan::version::{self, ProbeFile, VersionOptions};
use std::io::Write;
use std::net::{IpAddr, SocketAddr};
use std::path::Path;
use std::rc::Rc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// Addresses asked together whether they are up.
const BATCH_LEN: usize = 4096;
/// The largest group of hosts.
const GROUP_MAX: usize = 100_000;
/// Hosts of a group with a UDP scan.
const UDP_GROUP_LEN: usize = 128;
/// How often decided ports go to the journal.
const JOURNAL_PAUSE: Duration = Duration::from_millis(500);
/// Exit status when `--fail-on` found something.
const FOUND: u8 = 2;

/// Why a scan can't be done; the text is for the user.
#[derive(Debug)]
pub struct Failure(pub String);

impl Failure {
    pub fn of(what: &str, error: impl std::fmt::Display) -> Failure {
        Failure(format!("{what}: {error}"))
    }
}

/// Watches the scripts of a group.
struct Watcher<'s> {
    progress: &'s mut Progress,
    outputs: &'s mut Outputs,
    resumed: &'s Resumed,
    done: usize,
    /// Only scripts that help version detection run: what they say of ports is not shown.
    of_version: bool,
    has_told: bool,
    /// When the work on the group began, and what a host may take.
    began: Instant,
    host_timeout_ms: Option<u64>,
}

impl Watch for Watcher<'_> {
    fn step(&mut self, live: usize, left: usize) -> Stop {
        self.has_told = self.progress.done_of(self.done, self.done + live + left, self.outputs);
        match interrupt::count() {
            0 => Stop::No,
            1 => Stop::NothingNew,
            _ => Stop::Now,
        }
    }

    fn has_told(&self) -> bool {
        self.has_told
    }

    fn host_time_left_ms(&self) -> Option<u64> {
        let used = u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.host_timeout_ms.map(|limit| limit.saturating_sub(used))
    }

    fn wants_results(&self) -> bool {
        self.outputs.has_journal
    }

    fn done(&mut self, address: IpAddr, port: Option<(Protocol, u16)>, id: &str, result: Option<&ScriptResult>) {
        self.done += 1;
        // What a signal cut short is done again.
        if self.outputs.has_journal && interrupt::count() < 2 {
            let (id, result) = (id.to_owned(), result.cloned().filter(|_| port.is_none() || !self.of_version));
            self.outputs.send(&Event::Script { address, port, id, result });
        }
    }

    fn was_done(&self, address: IpAddr, port: Option<(Protocol, u16)>, id: &str) -> bool {
        self.resumed.has_script(address, port, id)
    }
}

/// What `--fail-on` asks about.
#[derive(Clone, Copy, Default, Debug)]
struct FailOn {
    open: bool,
    vuln: bool,
    error: bool,
}

/// A scan under way.
struct Scan<'o> {
    options: &'o Options,
    timing: Timing,
    run: Run,
    started: Instant,
    outputs: Outputs,
    network: RealNetwork,
    servers: Vec<SocketAddr>,
    names: Hosts,
    ports: PortLists,
    probes: Option<ProbeFile>,
    engine: Option<Engine>,
    progress: Progress,
    resumed: Resumed,
    fail_on: FailOn,
    found: bool,
    is_privileged: bool,
}

/// Scans and reports; the exit status.
///
/// # Errors
/// Before anything is scanned: wrong targets, ports, scripts, files. Afterwards: an output that can't be written.
pub fn scan(options: &Options, args: Vec<String>) -> Result<u8, Failure> {
    run(options, args, Resumed::default())
}

/// The same, going on from what was done.
///
/// # Errors
/// As for [`scan`].
pub fn run(options: &Options, args: Vec<String>, resumed: Resumed) -> Result<u8, Failure> {
    if !options.scripts.script_help.is_empty() {
        return script_help(options, args).map(|()| 0);
    }
    interrupt::watch();
    let mut scan = Scan::new(options, args, resumed)?;
    let mut targets = scan.targets()?;
    scan.begin(&mut targets)?;
    scan.pre_scan();
    let result = scan.all(&mut targets);
    scan.post_scan();
    scan.end(result)
}

impl<'o> Scan<'o> {
    fn new(options: &'o Options, args: Vec<String>, resumed: Resumed) -> Result<Scan<'o>, Failure> {
        let started_at = resumed.run.as_ref().map_or_else(seconds_since_epoch, |run| run.started_at);
        let mut run = Run::new(command_line(&args, options), started_at);
        (run.verbose, run.debugging) = (options.verbose.max(options.debug), options.debug);
        run.seed = options.seed.or(resumed.run.as_ref().map(|run| run.seed)).unwrap_or_else(random_seed);
        run.args = args;
        if let Some(path) = options.servicedb.clone().or_else(|| options.data_file("nmap-services")) {
            services::install(&read(&path)?);
        }
        let is_privileged = is_privileged(options)?;
        let ports = ports(options)?;
        for (kind, protocol) in scan_kinds(options, is_privileged) {
            run.scans.push(ScanInfo { kind, protocol, ports: ports.of(protocol).to_vec() });
        }
        let probes = probe_file(options)?;
        let engine = scripts::engine(options, probes.as_ref())?;
        let report = ReportOptions {
            verbose: run.verbose,
            debugging: run.debugging,
            reason: options.reason || run.debugging > 0 || run.verbose > 1,
            open_only: options.open,
            port_scan: scans_ports(options),
            version_scan: options.version_detection,
            compat: options.compat.is_some(),
            stylesheet: options.stylesheet.clone().filter(|_| !options.no_stylesheet),
        };
        let network = network::open(options)?;
        let mut outputs = Outputs::open(options, &report, run.started_at, resumed.run.is_some())?;
        let progress = Progress::new(options, &mut outputs, run.verbose, run.debugging);
        Ok(Scan {
            options,
            timing: timing(options)?,
            started: Instant::now(),
            outputs,
            network,
            servers: servers(options)?,
            names: Hosts::of_system().map_err(|error| Failure::of("cannot read the hosts file", error))?,
            ports,
            probes,
            engine,
            progress,
            resumed,
            fail_on: fail_on(options)?,
            found: false,
            is_privileged,
            run,
        })
    }

    fn targets(&mut self) -> Result<Targets, Failure> {
        Targets::new(self.options, &mut self.network, &self.servers, self.run.seed)
    }

    /// Writes the heads of the outputs, and again what was done before.
    fn begin(&mut self, targets: &mut Targets) -> Result<(), Failure> {
        self.outputs.send(&Event::Start(Box::new(self.run.clone())));
        for event in std::mem::take(&mut targets.events) {
            self.outputs.send(&event);
        }
        let done = std::mem::take(&mut self.resumed.done);
        targets.skip(done.iter().map(|host| host.address));
        for host in done {
            self.report(host);
        }
        if let Some(results) = self.resumed.prescripts.clone() {
            self.outputs.send(&Event::PreScripts(results));
        }
        self.outputs.replayed();
        self.progress.set_total(targets.address_count());
        self.outputs.check()
    }

    fn pre_scan(&mut self) {
        if interrupt::count() == 0
            && self.resumed.prescripts.is_none()
            && let Some(engine) = &mut self.engine
        {
            let (_, results) = engine.run(Phase::PreScan, Vec::new());
            self.outputs.send(&Event::PreScripts(results));
        }
    }

    fn post_scan(&mut self) {
        if interrupt::count() == 0
            && let Some(engine) = &mut self.engine
        {
            let (_, results) = engine.run(Phase::PostScan, Vec::new());
            self.outputs.send(&Event::PostScripts(results));
        }
    }

    /// Closes the outputs.
    fn end(&mut self, result: Result<(), Failure>) -> Result<u8, Failure> {
        if self.run.hosts_total() == 0 && interrupt::count() == 0 && !self.options.scripts.script_updatedb {
            let text = "WARNING: No targets were specified, so 0 hosts scanned.".to_owned();
            self.outputs.send(&Event::Message { kind: MessageKind::Warning, text });
        }
        if self.run.hosts_total() == 1 && self.run.hosts_up == 0 && !self.options.list_scan {
            let text = "Note: Host seems down. If it is really up, but blocking our ping probes, try -Pn".to_owned();
            self.outputs.send(&Event::Message { kind: MessageKind::Trace, text });
        }
        self.progress.finish();
        self.run.ended_at = seconds_since_epoch();
        self.run.elapsed_ms = self.started.elapsed().as_millis() as u64;
        self.run.exit = match &result {
            _ if interrupt::count() > 0 => Exit::Error("interrupted".to_owned()),
            Ok(()) => Exit::Success,
            Err(Failure(message)) => Exit::Error(message.clone()),
        };
        self.outputs.send(&Event::End(Box::new(self.run.clone())));
        result?;
        self.outputs.check()?;
        interrupt::die();
        Ok(if self.found { FOUND } else { 0 })
    }

    /// Batch after batch, group after group.
    fn all(&mut self, targets: &mut Targets) -> Result<(), Failure> {
        let mut group_number = 0;
        let mut waiting: Vec<Candidate> = Vec::new();
        loop {
            let mut batch: Vec<Candidate> = targets.by_ref().take(self.batch_len()).collect();
            if batch.is_empty() && self.add_targets(targets) {
                batch = targets.by_ref().take(self.batch_len()).collect();
            }
            if batch.is_empty() || interrupt::count() > 0 {
                break;
            }
            if self.options.randomize_hosts {
                shuffle(&mut batch, self.run.seed);
            }
            let up = self.discover(batch)?;
            waiting.extend(up);
            while !waiting.is_empty() && interrupt::count() == 0 {
                let len = self.group_len(group_number).min(waiting.len());
                group_number += 1;
                let group: Vec<Candidate> = waiting.drain(..len).collect();
                self.group(group)?;
            }
        }
        Ok(())
    }

    /// Takes over the targets that scripts have found; whether there are any.
    fn add_targets(&mut self, targets: &mut Targets) -> bool {
        let mut any = false;
        while let Some(expression) = self.engine.as_ref().and_then(Engine::next_target) {
            targets.add(&expression);
            any = true;
        }
        for event in std::mem::take(&mut targets.events) {
            self.outputs.send(&event);
        }
        any
    }

    /// Without discovery a batch is no larger than a group.
    fn batch_len(&self) -> usize {
        let least = self.options.min_hostgroup.unwrap_or(1).min(GROUP_MAX);
        if self.options.skip_discovery { self.group_len(2).max(least) } else { BATCH_LEN.max(least) }
    }

    /// How many hosts are scanned together; the first groups are small, so that there is something to see early.
    fn group_len(&self, number: usize) -> usize {
        let tcp = self.ports.tcp.len();
        let usual = match () {
            () if self.options.udp_scan => UDP_GROUP_LEN,
            () if tcp == 0 => 16.max(BATCH_LEN * usize::from(!scans_ports(self.options))),
            () => 64.max(1024 / tcp),
        };
        let first = if self.options.timing >= 4 { 8 } else { 4 };
        let len = match number {
            0 if tcp > 1000 && self.options.timing <= 4 => first,
            1 if tcp > 1000 && self.options.timing <= 4 => usual - first,
            _ => usual,
        };
        let least = self.options.min_hostgroup.unwrap_or(1).max(1);
        len.clamp(least, self.options.max_hostgroup.unwrap_or(GROUP_MAX).max(least))
    }

    /// Finds out who is up, and names; reports those that go no further.
    fn discover(&mut self, mut batch: Vec<Candidate>) -> Result<Vec<Candidate>, Failure> {
        if self.options.list_scan {
            self.name(&mut batch, true);
            for Candidate { mut host, .. } in batch {
                targets::listed(&mut host);
                self.report(host);
            }
            return self.outputs.check().map(|()| Vec::new());
        }
        self.ping(&mut batch)?;
        self.name(&mut batch, self.options.all_names);
        let (up, down): (Vec<Candidate>, Vec<Candidate>) =
            batch.into_iter().partition(|candidate| candidate.host.state == HostState::Up);
        for candidate in &up {
            self.outputs.send(&Event::HostUp(Box::new(candidate.host.clone())));
        }
        down.into_iter().for_each(|candidate| self.report(candidate.host));
        self.outputs.check()?;
        Ok(up)
    }

    fn ping(&mut self, batch: &mut [Candidate]) -> Result<(), Failure> {
        let discovery = Discovery {
            options: self.options,
            timing: self.timing,
            is_privileged: self.is_privileged,
            base_port: self.base_port(0),
            seed: self.run.seed,
        };
        let (count, plural) = (batch.len(), if batch.len() == 1 { "" } else { "s" });
        let probes = discovery.probe_count()?;
        let asks = !self.options.skip_discovery;
        if !discovery.sends(batch, asks) {
            return discovery.run(&mut self.network, batch, asks, |_| {});
        }
        let extra = format!("Scanning {count} host{plural} [{probes} ports/host]");
        let began = self.task_begin("Ping Scan", extra);
        let (progress, outputs) = (&mut self.progress, &mut self.outputs);
        progress.begin("Ping Scan", batch.len(), self.started);
        discovery.run(&mut self.network, batch, asks, |step| progress.ports(step, outputs))?;
        self.task_end("Ping Scan", began, format!("{count} total host{plural}"));
        Ok(())
    }

    /// Local ports of raw packets: a range of its own for each kind of use.
    fn base_port(&self, number: u16) -> u16 {
        let base = self.options.source_port.unwrap_or(33_000 + (self.run.seed % 20_000) as u16);
        if self.options.source_port.is_some() { base } else { base + number * 100 }
    }

    /// Names by the hosts file and name servers.
    fn name(&mut self, batch: &mut [Candidate], all: bool) {
        if self.options.no_names {
            return;
        }
        let mut asked = Vec::new();
        for (idx, candidate) in batch.iter_mut().enumerate() {
            let host = &mut candidate.host;
            if host.state != HostState::Up && !all {
                continue;
            }
            match self.names.name(host.address) {
                Some(name) => host.reverse_name = Some(name.to_owned()),
                None => asked.push(idx),
            }
        }
        if asked.is_empty() {
            return;
        }
        let name =
            format!("Parallel DNS resolution of {} host{}.", asked.len(), if asked.len() == 1 { "" } else { "s" });
        let began = self.task_begin(&name, String::new());
        let questions = asked.iter().map(|&idx| Question::Reverse(batch[idx].host.address)).collect();
        let stop = || interrupt::count() > 0;
        let answers = dns::resolve(&mut self.network, &self.servers, questions, self.run.seed, stop);
        for (idx, answer) in asked.into_iter().zip(answers) {
            if let Answer::Names(names) = answer {
                batch[idx].host.reverse_name = names.into_iter().next();
            }
        }
        self.task_end(&name, began, String::new());
    }

    /// All phases for hosts that are up.
    fn group(&mut self, group: Vec<Candidate>) -> Result<(), Failure> {
        let began = Instant::now();
        let own: Vec<Option<Rc<[u16]>>> = group.iter().map(|candidate| candidate.ports.clone()).collect();
        let mut hosts: Vec<Host> = group.into_iter().map(|candidate| candidate.host).collect();
        for host in &mut hosts {
            host.started_at = seconds_since_epoch();
            self.resumed.restore(host);
        }
        for (kind, protocol) in scan_kinds(self.options, self.is_privileged) {
            self.scan_ports(kind, protocol, &mut hosts, &own)?;
        }
        if self.options.version_detection {
            let (known, mut unknown): (Vec<Host>, Vec<Host>) =
                hosts.into_iter().partition(|host| self.resumed.has_version(host.address));
            self.detect(&mut unknown);
            hosts = known;
            hosts.extend(unknown);
        }
        if self.options.traceroute || self.options.aggressive {
            self.trace_ways(&mut hosts);
        }
        if interrupt::count() == 0
            && let Some(engine) = &mut self.engine
        {
            self.progress.begin("Script Scan", hosts.len(), self.started);
            let (progress, outputs, resumed) = (&mut self.progress, &mut self.outputs, &self.resumed);
            let of_version = !self.options.scripts.are_wanted();
            let host_timeout_ms = self.timing.host_timeout_ms;
            let mut watcher =
                Watcher { progress, outputs, resumed, done: 0, of_version, has_told: false, began, host_timeout_ms };
            hosts = engine.run_watched(Phase::Scan, hosts, &mut watcher).0;
        }
        let is_cut = interrupt::count() > 0;
        for mut host in hosts {
            host.ended_at = seconds_since_epoch();
            // What was cut short is shown if it holds anything, yet it is not done: a resumed scan does it again.
            if !is_cut || !host.ports.is_empty() {
                self.report(host);
            }
        }
        self.outputs.check()
    }

    fn scan_ports(
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
        let began = self.task_begin(name, scanning(hosts, ports.first().map_or(0, |ports| ports.len()), "port"));
        self.progress.begin(name, hosts.len(), self.started);
        let mut connect = Connect::default();
        connect.trace = self.progress.traces_packets().then(Vec::new);
        let traces = connect.trace.is_some();
        let mut udp = UdpSockets::new(self.probes.as_ref());
        let kind = if protocol == Protocol::Udp { Kind::Udp } else { Kind::Syn };
        let mut raw = match self.is_privileged && (is_syn || protocol == Protocol::Udp) {
            true => {
                let number = if protocol == Protocol::Udp { 2 } else { 1 };
                let raw = Raw::open(kind, self.probes.as_ref(), self.base_port(number), self.run.seed);
                Some(raw.map_err(|error| Failure::of("no raw packets", error))?)
            }
            false => None,
        };
        if let Some(raw) = &mut raw {
            raw.trace = self.progress.traces_packets().then(Vec::new);
            raw.set_ttl(self.options.ttl.unwrap_or(64));
        }
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
            progress.ports(scan.progress(), outputs);
            interrupt::count() > 0
        };
        let method: &mut dyn Method = match (&mut raw, protocol) {
            (Some(raw), _) => raw,
            (None, Protocol::Udp) => &mut udp,
            (None, _) => &mut connect,
        };
        let options = ScanOptions { record: journal, ..ScanOptions::default() };
        port_scan(&mut self.network, method, hosts, &ports, self.timing, options, stop);
        tell_decided(&mut self.outputs, protocol, &addresses, kept);
        if traces {
            let packets = raw.and_then(|raw| raw.trace).unwrap_or_default();
            for text in connect.trace.into_iter().flatten().chain(packets) {
                self.outputs.send(&Event::Message { kind: MessageKind::Trace, text });
            }
        }
        self.task_end(name, began, format!("{total} total ports"));
        Ok(())
    }

    fn detect(&mut self, hosts: &mut [Host]) {
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
            parallelism: self.options.max_parallelism.unwrap_or(self.timing.version_parallelism).min(100),
            debugging: self.options.debug > 0,
            trace: self.options.version_trace,
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
            interrupt::count() > 0
        });
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

    /// Finds the ways to hosts that are not this machine, and the names on them.
    fn trace_ways(&mut self, hosts: &mut [Host]) {
        if !self.is_privileged {
            return;
        }
        let base = self.base_port(3);
        for host in hosts.iter_mut() {
            let is_own = raw::source_towards(host.address) == Some(host.address) || host.address.is_loopback();
            if interrupt::count() > 0 || is_own {
                continue;
            }
            if let Err(error) = traceroute::trace(&mut self.network, host, base) {
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
        let stop = || interrupt::count() > 0;
        let answers = dns::resolve(&mut self.network, &self.servers, questions, self.run.seed, stop);
        for hop in hosts.iter_mut().flat_map(|host| &mut host.trace).flat_map(|trace| &mut trace.hops) {
            if let Ok(idx) = hops.binary_search(&hop.address)
                && let Answer::Names(names) = &answers[idx]
            {
                hop.name = names.first().cloned();
            }
        }
    }

    /// A host is done.
    fn report(&mut self, host: Host) {
        match host.state {
            HostState::Up => self.run.hosts_up += 1,
            _ => self.run.hosts_down += 1,
        }
        self.progress.host_done(host.state == HostState::Up);
        self.found |= self.fail_on.is_met(&host);
        self.outputs.send(&Event::Host(Box::new(host)));
    }

    fn task_begin(&mut self, name: &str, extra: String) -> Instant {
        let name = name.to_owned();
        let task = Task { name, time: seconds_since_epoch(), has_ended: false, elapsed_ms: 0, extra };
        self.outputs.send(&Event::Task(task));
        Instant::now()
    }

    fn task_end(&mut self, name: &str, began: Instant, extra: String) {
        let elapsed_ms = began.elapsed().as_millis() as u64;
        let name = name.to_owned();
        let task = Task { name, time: seconds_since_epoch(), has_ended: true, elapsed_ms, extra };
        self.outputs.send(&Event::Task(task));
    }
}

/// Says what the selected scripts do; nothing is scanned.
fn script_help(options: &Options, args: Vec<String>) -> Result<(), Failure> {
    let Some(engine) = scripts::engine(options, None)? else { return Ok(()) };
    let written = |result: std::io::Result<()>| result.map_err(|error| Failure::of("cannot write the report", error));
    let run = Run::new(command_line(&args, options), seconds_since_epoch());
    let mut out = std::io::stdout().lock();
    written(normal::starting(&mut out, &run, &ReportOptions::default()))?;
    written(out.write_all(scripts::help_text(&engine).as_bytes()).and_then(|()| out.flush()))?;
    let Some(path) = &options.output_xml else { return Ok(()) };
    let file = Target::open(path, false);
    let mut file = file.map_err(|error| Failure::of(&format!("cannot write {}", path.display()), error))?;
    written(scripts::help_xml(&engine, &mut file))
}

impl FailOn {
    fn is_met(self, host: &Host) -> bool {
        let scripts = || host.scripts.iter().chain(host.ports.iter().flat_map(|port| &port.scripts));
        let contains = |output: &[u8], word: &[u8]| output.windows(word.len()).any(|window| window == word);
        (self.open && host.ports.iter().any(|port| port.state.can_be_open()))
            || (self.vuln
                && scripts().any(|result| {
                    contains(&result.output, b"VULNERABLE") && !contains(&result.output, b"NOT VULNERABLE")
                }))
            || (self.error && scripts().any(|result| contains(&result.output, b"ERROR: Script execution failed")))
    }
}

fn fail_on(options: &Options) -> Result<FailOn, Failure> {
    let mut found = FailOn::default();
    for word in options.fail_on.iter().flat_map(|list| list.split(',')) {
        match word.trim() {
            "open" => found.open = true,
            "vuln" => found.vuln = true,
            "error" => found.error = true,
            other => return Err(Failure(format!("--fail-on {other}: open, vuln or error are expected"))),
        }
    }
    Ok(found)
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

fn label(host: &Host) -> String {
    host.name().map_or(host.address.to_string(), |name| format!("{name} ({})", host.address))
}

/// `Scanning 2 hosts [3 ports/host]`, `Scanning localhost (127.0.0.1) [2 ports]`
fn scanning(hosts: &[Host], count: usize, what: &str) -> String {
    let plural = if count == 1 { "" } else { "s" };
    match hosts {
        [host] => format!("Scanning {} [{count} {what}{plural}]", label(host)),
        _ => format!("Scanning {} hosts [{count} {what}{plural}/host]", hosts.len()),
    }
}

pub fn seconds_since_epoch() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |elapsed| elapsed.as_secs())
}

fn random_seed() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |elapsed| elapsed.as_nanos() as u64);
    now ^ u64::from(std::process::id()) << 32
}

fn shuffle(batch: &mut [Candidate], seed: u64) {
    let order: Vec<u16> = (0..batch.len().min(usize::from(u16::MAX)) as u16).collect();
    let order = port::scan_order(Protocol::Ip, &order, false, seed);
    for (idx, &other) in order.iter().enumerate() {
        batch.swap(idx, usize::from(other));
    }
}

/// The command line with quotes where a word needs them, options first.
fn command_line(args: &[String], options: &Options) -> String {
    let quoted = |word: &String| {
        let is_plain =
            !word.is_empty() && !word.contains(|c: char| c.is_whitespace() || "\"'\\$`*?;&|<>(){}".contains(c));
        if is_plain { word.clone() } else { format!("\"{}\"", word.replace('\\', "\\\\").replace('"', "\\\"")) }
    };
    let mut targets = options.targets.clone();
    let mut others: Vec<&String> = Vec::new();
    // From behind: a value that looks like a target stands before it.
    for arg in args.iter().rev() {
        match targets.iter().rposition(|target| target == arg) {
            Some(at) => drop(targets.remove(at)),
            None => others.push(arg),
        }
    }
    let name = if options.compat.is_some() { "nmap" } else { "perilune" };
    let words = others.into_iter().rev().chain(&options.targets).map(quoted);
    std::iter::once(name.to_owned()).chain(words).collect::<Vec<_>>().join(" ")
}

pub fn read(path: &Path) -> Result<Vec<u8>, Failure> {
    std::fs::read(path).map_err(|error| Failure::of(&format!("cannot read {}", path.display()), error))
}

/// The service probes, when version detection or a UDP scan needs them.
fn probe_file(options: &Options) -> Result<Option<ProbeFile>, Failure> {
    if !options.version_detection && !options.udp_scan {
        return Ok(None);
    }
    let path = options.versiondb.clone().or_else(|| options.data_file("nmap-service-probes"));
    let file = match &path {
        Some(path) => ProbeFile::parse(read(path)?),
        None => version::embedded(),
    };
    let name = path.as_deref().unwrap_or(Path::new("our service probes")).display();
    file.warnings.iter().for_each(|warning| eprintln!("WARNING: {name}: {warning}"));
    Ok(Some(file))
}

fn scans_ports(options: &Options) -> bool {
    !options.no_port_scan && !options.list_scan
}

/// Whether raw packets are to be sent; what needs them and can't have them is refused.
pub fn is_privileged(options: &Options) -> Result<bool, Failure> {
    let is_set = |name: &str| std::env::var_os(name).is_some();
    let is_refused = options.unprivileged || options.proxies.is_some() || is_set("NMAP_UNPRIVILEGED");
    let is_privileged = options.privileged || is_set("NMAP_PRIVILEGED") || (!is_refused && raw::is_privileged());
    let is_privileged = is_privileged && !options.unprivileged && options.proxies.is_none();
    if !is_privileged && options.syn_scan {
        return Err(Failure(
            "-sS needs the privilege to send raw packets (root, or CAP_NET_RAW); -sT does not".to_owned(),
        ));
    }
    if options.proxies.is_some() && options.udp_scan {
        return Err(Failure("-sU: proxies carry no UDP".to_owned()));
    }
    if !is_privileged && options.traceroute {
        return Err(Failure("--traceroute needs the privilege to send raw packets (root, or CAP_NET_RAW)".to_owned()));
    }
    Ok(is_privileged)
}

/// Whether packets of our own are sent to find hosts or ports.
pub fn sends_packets(options: &Options) -> Result<bool, Failure> {
    let is_raw = |(kind, protocol): (&str, Protocol)| kind == "syn" || protocol == Protocol::Udp;
    let is_privileged = is_privileged(options)?;
    Ok(is_privileged && (!options.skip_discovery || scan_kinds(options, true).into_iter().any(is_raw)))
}

/// Kinds of port scan with their protocols, in the order they are done.
fn scan_kinds(options: &Options, is_privileged: bool) -> Vec<(&'static str, Protocol)> {
    let mut kinds = Vec::new();
    if !scans_ports(options) {
        return kinds;
    }
    if options.connect_scan || options.syn_scan || !options.udp_scan {
        let syn = options.syn_scan || (is_privileged && !options.connect_scan);
        kinds.push((if syn { "syn" } else { "connect" }, Protocol::Tcp));
    }
    if options.udp_scan {
        kinds.push(("udp", Protocol::Udp));
    }
    kinds
}

fn ports(options: &Options) -> Result<PortLists, Failure> {
    let wants_ports = !options.ports.is_empty() || options.fast || options.top_ports.is_some();
    let has_scan = options.connect_scan || options.syn_scan || options.udp_scan;
    if !scans_ports(options) {
        let kind = if options.list_scan { "-sL" } else { "-sn" };
        if wants_ports || has_scan {
            return Err(Failure(format!("{kind} scans no ports: no -p, -F, -sT, -sS or -sU beside it")));
        }
        return Ok(PortLists::default());
    }
    let lists: Vec<&str> = options.ports.iter().map(String::as_str).collect();
    let kinds = scan_kinds(options, false);
    let uses = |protocol| kinds.iter().any(|(_, used)| *used == protocol);
    let chosen = port::choose(&PortOptions {
        lists: &lists,
        fast: options.fast,
        top: options.top_ports,
        ratio: options.port_ratio,
        exclude: options.exclude_ports.as_deref(),
        protocols: Protocols { tcp: uses(Protocol::Tcp), udp: uses(Protocol::Udp), ..Protocols::default() },
    });
    let chosen = chosen.map_err(|error| Failure(error.to_string()))?;
    chosen.warnings.iter().for_each(|warning| eprintln!("WARNING: {warning}"));
    Ok(chosen.ports)
}

pub fn servers(options: &Options) -> Result<Vec<SocketAddr>, Failure> {
    let Some(list) = &options.dns_servers else { return Ok(dns::system_servers()) };
    let server = |text: &str| {
        let address = text.parse::<IpAddr>().map(|address| SocketAddr::new(address, 53)).or_else(|_| text.parse());
        address.map_err(|_| Failure(format!("--dns-servers {text}: an address is expected")))
    };
    list.split([',', ' ']).filter(|text| !text.is_empty()).map(server).collect()
}

/// The template with what the options change. Neighbours move along: least, first and longest wait stay in order.
fn timing(options: &Options) -> Result<Timing, Failure> {
    let mut timing = Timing::template(options.timing);
    if let Some(ms) = options.min_rtt_timeout {
        timing.min_rtt_ms = ms;
    }
    if let Some(ms) = options.max_rtt_timeout {
        timing.max_rtt_ms = ms.max(5);
    }
    timing.max_rtt_ms = timing.max_rtt_ms.max(timing.min_rtt_ms);
    if let Some(ms) = options.initial_rtt_timeout {
        timing.initial_rtt_ms = ms;
    }
    timing.initial_rtt_ms = timing.initial_rtt_ms.clamp(timing.min_rtt_ms, timing.max_rtt_ms);
    timing.retries_max = options.max_retries.unwrap_or(timing.retries_max);
    timing.host_timeout_ms = options.host_timeout.or(timing.host_timeout_ms).filter(|&ms| ms > 0);
    if let Some(ms) = options.max_scan_delay {
        (timing.delay_max_ms, timing.udp_delay_max_ms) = (ms, ms);
    }
    if let Some(ms) = options.scan_delay {
        timing.scan_delay_ms = ms;
        timing.delay_max_ms = timing.delay_max_ms.max(ms);
        timing.udp_delay_max_ms = timing.udp_delay_max_ms.max(ms);
    }
    timing.parallelism_min = options.min_parallelism.unwrap_or(timing.parallelism_min);
    timing.parallelism_max = options.max_parallelism.unwrap_or(timing.parallelism_max).max(timing.parallelism_min);
    Ok(timing)
}
