//! A scan from the command line to the report.
//!
//! Addresses are taken in batches, asked whether they are up and for their names; those that are up are scanned in
//! groups, phase after phase, and reported when their group is done. All that happens goes as events to the outputs.

use crate::discover::Discovery;
use crate::interrupt;
use crate::network;
use crate::options::Options;
use crate::outputs::{self, Outputs};
use crate::plan::{self, FailOn};
use crate::progress::Progress;
use crate::report::document::Target;
use crate::report::{Event, MessageKind, ReportOptions, Task, json, normal};
use crate::resume::Resumed;
use crate::scripts::{self, Said};
use crate::targets::{self, Candidate, Targets};
use perilune_nse::{Engine, Phase, Stop, Watch};
use perilune_scan::dns::{self, Answer, Question};
use perilune_scan::port::{self, PortLists};
use perilune_scan::port_scan::connect::Connect;
use perilune_scan::port_scan::raw::{Kind, Raw, RawOptions};
use perilune_scan::port_scan::udp::UdpSockets;
use perilune_scan::port_scan::{Decided, Method, PortScan, ScanOptions, port_scan};
use perilune_scan::real::RealNetwork;
use perilune_scan::result::{Exit, Host, HostState, Protocol, Reason, Run, ScanInfo, ScriptResult};
use perilune_scan::services;
use perilune_scan::target::Hosts;
use perilune_scan::timing::Timing;
use perilune_scan::traceroute;
use perilune_scan::version::{self, ProbeFile, VersionOptions};
use std::io::Write;
use std::net::{IpAddr, SocketAddr};
use std::rc::Rc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// Addresses asked together whether they are up.
const BATCH_LEN: usize = 4096;
/// The largest group of hosts.
const GROUP_MAX: usize = 100_000;
/// Hosts of a group with a UDP scan.
const UDP_GROUP_LEN: usize = 128;
/// Services that version detection asks at once, at most.
const VERSION_PARALLELISM_MAX: usize = 100;
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

/// Watches the scripts of a phase.
struct Watcher<'s> {
    progress: &'s mut Progress,
    outputs: &'s mut Outputs,
    resumed: &'s Resumed,
    said: &'s Said,
    done: usize,
    /// Only scripts that help version detection run: what they say of ports is not shown.
    of_version: bool,
    level_began: Instant,
    has_told: bool,
}

impl Watch for Watcher<'_> {
    fn step(&mut self, live: usize, left: usize) -> Stop {
        self.said.tell(self.outputs);
        self.has_told = self.progress.done_of(self.done, self.done + live + left, self.outputs);
        match interrupt::count() {
            0 => Stop::No,
            1 => Stop::NothingNew,
            _ => Stop::Now,
        }
    }

    fn level(&mut self, has_ended: bool) {
        self.said.tell(self.outputs);
        let (name, extra) = ("NSE".to_owned(), String::new());
        let elapsed_ms = if has_ended { self.level_began.elapsed().as_millis() as u64 } else { 0 };
        self.level_began = Instant::now();
        self.outputs.send(&Event::Task(Task { name, time: seconds_since_epoch(), has_ended, elapsed_ms, extra }));
    }

    fn has_told(&self) -> bool {
        self.has_told
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
    said: Said,
    fail_on: FailOn,
    found: bool,
    is_privileged: bool,
    raw: RawOptions,
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
    let mut scan = match Scan::new(options, args.clone(), resumed) {
        Ok(scan) => scan,
        Err(failure) => {
            outputs::failed(options, plan::command_line(&args, options), &failure);
            return Err(failure);
        }
    };
    let result = scan.whole();
    scan.end(result)
}

impl<'o> Scan<'o> {
    fn new(options: &'o Options, args: Vec<String>, resumed: Resumed) -> Result<Scan<'o>, Failure> {
        let started_at = resumed.run.as_ref().map_or_else(seconds_since_epoch, |run| run.started_at);
        plan::check(options)?;
        let timing = options.timing.timing()?;
        let mut run = Run::new(plan::command_line(&args, options), started_at);
        (run.verbose, run.debugging) = (options.verbose, options.debug);
        run.seed = options.seed.or(resumed.run.as_ref().map(|run| run.seed)).unwrap_or_else(random_seed);
        run.args = args;
        if let Some(path) = options.servicedb.clone().or_else(|| options.data_file("nmap-services")) {
            services::install(&plan::read(&path)?);
        }
        let is_privileged = plan::is_privileged(options)?;
        let ports = plan::ports(options)?;
        for (kind, protocol) in plan::scan_kinds(options, is_privileged) {
            run.scans.push(ScanInfo { kind, protocol, ports: ports.of(protocol).to_vec() });
        }
        let probes = plan::probe_file(options)?;
        let report = ReportOptions {
            verbose: run.verbose,
            debugging: run.debugging,
            reason: options.reason || run.debugging > 0 || run.verbose > 1,
            open_only: options.open,
            port_scan: plan::scans_ports(options),
            version_scan: options.version_detection,
            compat: options.compat.is_some(),
            data_folder: options.data_file("nmap-services").and_then(|path| Some(path.parent()?.display().to_string())),
            stylesheet: plan::stylesheet(options),
        };
        let network = network::open(options)?;
        let mut outputs = Outputs::open(options, &report, run.started_at, resumed.run.is_some())?;
        let progress = Progress::new(options, &mut outputs, run.verbose, run.debugging);
        outputs.send(&Event::Start(Box::new(run.clone())));
        let said = Said::default();
        let servers = plan::servers(options)?;
        Ok(Scan {
            options,
            timing,
            started: Instant::now(),
            outputs,
            network,
            servers,
            names: Hosts::of_system().map_err(|error| Failure::of("cannot read the hosts file", error))?,
            ports,
            probes,
            engine: None,
            progress,
            resumed,
            said,
            fail_on: plan::fail_on(options)?,
            found: false,
            is_privileged,
            raw: plan::raw_options(options, run.seed)?,
            run,
        })
    }

    /// Everything between the heads of the outputs and their ends.
    fn whole(&mut self) -> Result<(), Failure> {
        let mut targets = Targets::new(self.options, &mut self.network, &self.servers, self.run.seed)?;
        self.begin(&mut targets)?;
        self.pre_scan();
        let result = self.all(&mut targets);
        self.post_scan();
        result
    }

    /// Starts the engine, and writes again what was done before.
    fn begin(&mut self, targets: &mut Targets) -> Result<(), Failure> {
        let engine = scripts::engine(self.options, self.probes.as_ref(), &self.said);
        self.said.tell(&mut self.outputs);
        self.engine = engine?;
        if self.options.debug > 0 {
            let text = plan::timing_report(&self.timing, self.options.timing.max_rate);
            self.outputs.send(&Event::Message { kind: MessageKind::Trace, text });
        }
        for text in plan::remarks(self.options, self.is_privileged) {
            self.outputs.send(&Event::Message { kind: MessageKind::Warning, text });
        }
        for event in std::mem::take(&mut targets.events) {
            self.outputs.send(&event);
        }
        let done = std::mem::take(&mut self.resumed.done);
        targets.skip(done.iter().map(|host| host.address).chain(std::mem::take(&mut self.resumed.passed)));
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
        if interrupt::count() == 0 && self.resumed.prescripts.is_none() && self.engine.is_some() {
            let (_, results) = self.scripts(Phase::PreScan, Vec::new());
            self.outputs.send(&Event::PreScripts(results));
        }
    }

    /// Runs the scripts of a phase.
    fn scripts(&mut self, phase: Phase, hosts: Vec<Host>) -> (Vec<Host>, Vec<ScriptResult>) {
        let Some(engine) = &mut self.engine else { return (hosts, Vec::new()) };
        self.progress.begin("Script Scan", hosts.len(), self.started);
        let mut watcher = Watcher {
            progress: &mut self.progress,
            outputs: &mut self.outputs,
            resumed: &self.resumed,
            said: &self.said,
            done: 0,
            of_version: !self.options.scripts.are_wanted(),
            level_began: Instant::now(),
            has_told: false,
        };
        let results = engine.run_watched(phase, hosts, &mut watcher);
        self.said.tell(&mut self.outputs);
        results
    }

    fn post_scan(&mut self) {
        if interrupt::count() == 0 && self.engine.is_some() {
            let (_, results) = self.scripts(Phase::PostScan, Vec::new());
            self.outputs.send(&Event::PostScripts(results));
        }
    }

    /// Closes the outputs.
    fn end(&mut self, result: Result<(), Failure>) -> Result<u8, Failure> {
        if self.run.hosts_total() == 0
            && result.is_ok()
            && interrupt::count() == 0
            && !self.options.scripts.script_updatedb
        {
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
        self.run.raw = self.is_privileged.then_some(self.progress.traffic);
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
        let least = self.options.timing.min_hostgroup.unwrap_or(1).min(GROUP_MAX);
        if self.options.skip_discovery { self.group_len(2).max(least) } else { BATCH_LEN.max(least) }
    }

    /// How many hosts are scanned together; the first groups are small, so that there is something to see early.
    fn group_len(&self, number: usize) -> usize {
        let tcp = self.ports.tcp.len();
        let usual = match () {
            () if self.options.udp_scan => UDP_GROUP_LEN,
            () if tcp == 0 => 16.max(BATCH_LEN * usize::from(!plan::scans_ports(self.options))),
            () => 64.max(1024 / tcp),
        };
        let first = if self.options.timing.template >= 4 { 8 } else { 4 };
        let len = match number {
            0 if tcp > 1000 && self.options.timing.template <= 4 => first,
            1 if tcp > 1000 && self.options.timing.template <= 4 => usual - first,
            _ => usual,
        };
        let least = self.options.timing.min_hostgroup.unwrap_or(1).max(1);
        len.clamp(least, self.options.timing.max_hostgroup.unwrap_or(GROUP_MAX).max(least))
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
        // Of hosts that were not asked nothing was found.
        for host in up.iter().map(|candidate| &candidate.host).filter(|host| !was_not_asked(host)) {
            self.outputs.send(&Event::HostUp(Box::new(host.clone())));
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
            raw: self.raw.clone(),
            traces_packets: self.progress.traces_packets(),
        };
        let count = batch.len();
        let probes = discovery.probe_count()?;
        let asks = !self.options.skip_discovery;
        if !discovery.sends(batch, asks) {
            return discovery.run(&mut self.network, batch, asks, |_| false);
        }
        let hosts: Vec<&Host> = batch.iter().map(|candidate| &candidate.host).collect();
        let extra = scanning(&hosts, probes, "port");
        let began = self.task_begin("Ping Scan", extra);
        let (progress, outputs) = (&mut self.progress, &mut self.outputs);
        progress.begin("Ping Scan", batch.len(), self.started);
        discovery.run(&mut self.network, batch, asks, |scan| progress.of_ports(scan, outputs))?;
        self.task_end("Ping Scan", began, format!("{count} total hosts"));
        Ok(())
    }

    /// Local ports of raw packets: a range of its own for each kind of use.
    fn base_port(&self, number: u16) -> u16 {
        33_000 + (self.run.seed % 20_000) as u16 + number * 100
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
        self.progress.begin(&name, asked.len(), self.started);
        let total = asked.len();
        let questions = asked.iter().map(|&idx| Question::Reverse(batch[idx].host.address)).collect();
        let (progress, outputs) = (&mut self.progress, &mut self.outputs);
        let stop = |open: usize| {
            progress.done_of(total.saturating_sub(open), total, outputs);
            interrupt::count() > 0
        };
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
        if interrupt::count() == 0 {
            hosts = self.scripts(Phase::Scan, hosts).0;
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

    /// Services asked at once: what the template says, as far as the options allow.
    fn version_parallelism(&self) -> usize {
        let timing = &self.options.timing;
        let most = timing.max_parallelism.unwrap_or(VERSION_PARALLELISM_MAX).min(VERSION_PARALLELISM_MAX);
        self.timing.version_parallelism.max(timing.min_parallelism.unwrap_or(1)).min(most)
    }

    /// Finds the ways to hosts that are not this machine, and the names on them.
    fn trace_ways(&mut self, hosts: &mut [Host]) {
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
    let Some(engine) = scripts::lone_engine(options)? else { return Ok(()) };
    let written = |result: std::io::Result<()>| result.map_err(|error| Failure::of("cannot write the report", error));
    let run = Run::new(plan::command_line(&args, options), seconds_since_epoch());
    let mut out = std::io::stdout().lock();
    written(normal::starting(&mut out, &run, &ReportOptions::default()))?;
    written(out.write_all(scripts::help_text(&engine).as_bytes()).and_then(|()| out.flush()))?;
    let Some(path) = &options.output_xml else { return Ok(()) };
    let file = Target::open(path, false);
    let mut file = file.map_err(|error| Failure::of(&format!("cannot write {}", path.display()), error))?;
    written(scripts::help_xml(&engine, &mut file))
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

fn was_not_asked(host: &Host) -> bool {
    matches!(host.reason, Reason::UserSet | Reason::LocalhostResponse)
}

fn label(host: &Host) -> String {
    host.name().map_or(host.address.to_string(), |name| format!("{name} ({})", host.address))
}

/// `Scanning 2 hosts [3 ports/host]`, `Scanning localhost (127.0.0.1) [2 ports]`
fn scanning(hosts: &[&Host], count: usize, what: &str) -> String {
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
