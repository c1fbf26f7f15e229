//! A scan from the command line to the report.
//!
//! Addresses are taken in batches, asked whether they are up and for their names; those that are up are scanned in
//! groups, phase after phase, and reported when their group is done. All that happens goes as events to the outputs.

mod batch;
mod group;
mod watch;

use crate::interrupt;
use crate::network;
use crate::options::Options;
use crate::outputs::{self, Outputs};
use crate::plan::{self, FailOn, GROUP_MAX};
use crate::progress::Progress;
use crate::report::document::Target;
use crate::report::{Event, MessageKind, ReportOptions, Task, normal};
use crate::resume::Resumed;
use crate::scripts::{self, Said};
use crate::targets::{Candidate, Targets};
use perilune_nse::{Engine, Phase};
use perilune_scan::port::{self, PortLists};
use perilune_scan::port_scan::raw::RawOptions;
use perilune_scan::real::RealNetwork;
use perilune_scan::result::{Exit, Host, HostState, Protocol, Run, ScanInfo, ScriptResult};
use perilune_scan::services;
use perilune_scan::target::Hosts;
use perilune_scan::timing::Timing;
use perilune_scan::version::ProbeFile;
use std::collections::HashSet;
use std::io::Write;
use std::net::SocketAddr;
use std::time::{Instant, SystemTime, UNIX_EPOCH};
use watch::Watcher;

/// Addresses asked together whether they are up.
const BATCH_LEN: usize = 4096;
/// Hosts of a group with a UDP scan.
const UDP_GROUP_LEN: usize = 128;
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
        if let Some(path) = plan::services_path(options) {
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
            in_file: false,
            reason: options.reason || run.debugging > 0 || run.verbose > 1,
            open_only: options.open,
            port_scan: plan::scans_ports(options),
            version_scan: options.version_detection,
            scripts: options.scripts.are_wanted(),
            compat: options.compat.is_some(),
            data_files: plan::data_files(options),
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
        if self.options.debug > 0 {
            let text = plan::timing_report(&self.timing, &self.options.timing);
            self.outputs.send(&Event::Message { kind: MessageKind::Trace, text });
        }
        let engine = scripts::engine(self.options, self.probes.as_ref(), &self.said);
        self.said.tell(&mut self.outputs);
        self.engine = engine?;
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
        let was_asked = !self.options.list_scan && !self.options.skip_discovery;
        if self.run.hosts_total() == 1 && self.run.hosts_up == 0 && was_asked {
            let text = "Note: Host seems down. If it is really up, but blocking our ping probes, try -Pn".to_owned();
            self.outputs.send(&Event::Message { kind: MessageKind::Trace, text });
        }
        self.progress.finish();
        self.run.ended_at = seconds_since_epoch();
        self.run.elapsed_ms = self.started.elapsed().as_millis() as u64;
        self.run.raw = plan::sends_packets(self.options)?.then_some(self.progress.traffic);
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
        let mut held = None;
        loop {
            let mut batch = self.batch(targets, &mut held);
            if batch.is_empty() && self.add_targets(targets) {
                batch = self.batch(targets, &mut held);
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

    /// The next addresses. None is there twice, for answers to raw packets are told apart by their address: the first
    /// one that was there already is held for the next batch.
    fn batch(&self, targets: &mut Targets, held: &mut Option<Candidate>) -> Vec<Candidate> {
        let mut batch = Vec::new();
        let mut seen = HashSet::new();
        for candidate in held.take().into_iter().chain(targets) {
            if self.is_privileged && !seen.insert(candidate.host.address) {
                *held = Some(candidate);
                break;
            }
            batch.push(candidate);
            if batch.len() >= self.batch_len() {
                break;
            }
        }
        batch
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
        let least = self.options.timing.min_hostgroup.unwrap_or(1);
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
