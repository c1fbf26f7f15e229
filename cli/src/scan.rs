//! A scan from the command line to the report.

use crate::options::Options;
use crate::report::{ReportOptions, normal, xml};
use crate::scripts;
use perilune_nse::{Engine, Phase};
use perilune_scan::connect_scan::connect_scan;
use perilune_scan::port::{self, PortOptions, Protocols};
use perilune_scan::real::RealNetwork;
use perilune_scan::result::{Exit, Host, Protocol, Run, ScanInfo, ScriptResult};
use perilune_scan::services;
use perilune_scan::target::{self, Families, Hosts, Target};
use perilune_scan::timing::Timing;
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::Path;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

/// Hosts that are scanned and scripted together.
const GROUP_LEN: usize = 64;

/// Why a scan can't be done; the text is for the user.
#[derive(Debug)]
pub struct Failure(pub String);

impl Failure {
    pub fn of(what: &str, error: impl std::fmt::Display) -> Failure {
        Failure(format!("{what}: {error}"))
    }
}

/// Where reports go.
struct Outputs {
    options: ReportOptions,
    terminal: Option<Box<dyn Write>>,
    file: Option<Box<dyn Write>>,
    xml: Option<Box<dyn Write>>,
}

impl Outputs {
    fn open(options: &Options, report: ReportOptions) -> Result<Outputs, Failure> {
        let open = |path: &Path| -> Result<Box<dyn Write>, Failure> {
            if path == Path::new("-") {
                return Ok(Box::new(io::stdout()));
            }
            match File::create(path) {
                Ok(file) => Ok(Box::new(BufWriter::new(file))),
                Err(error) => Err(Failure::of(&format!("cannot write {}", path.display()), error)),
            }
        };
        let paths = [options.output_normal.as_deref(), options.output_xml.as_deref()];
        let [file, xml] = paths.map(|path| path.map(open).transpose());
        let terminal_is_taken = paths.into_iter().flatten().any(|path| path == Path::new("-"));
        let terminal: Option<Box<dyn Write>> = if terminal_is_taken { None } else { Some(Box::new(io::stdout())) };
        Ok(Outputs { options: report, terminal, file: file?, xml: xml? })
    }

    fn start(&mut self, run: &Run) -> io::Result<()> {
        if let Some(terminal) = &mut self.terminal {
            normal::starting(terminal, run, &self.options)?;
        }
        if let Some(file) = &mut self.file {
            normal::initiated(file, run, &self.options)?;
        }
        if let Some(xml) = &mut self.xml {
            xml::start(xml, run, &self.options)?;
            run.rejected_targets.iter().try_for_each(|expression| xml::rejected_target(xml, expression))?;
        }
        Ok(())
    }

    fn prescripts(&mut self, results: &[ScriptResult]) -> io::Result<()> {
        self.normal(|out, _| normal::prescripts(out, results))?;
        self.xml.as_mut().map_or(Ok(()), |xml| xml::prescripts(xml, results))
    }

    fn postscripts(&mut self, results: &[ScriptResult]) -> io::Result<()> {
        self.normal(|out, _| normal::postscripts(out, results))?;
        self.xml.as_mut().map_or(Ok(()), |xml| xml::postscripts(xml, results))
    }

    /// Writes the same to the terminal and to the file.
    fn normal(&mut self, write: impl Fn(&mut Box<dyn Write>, &ReportOptions) -> io::Result<()>) -> io::Result<()> {
        let outputs = [&mut self.terminal, &mut self.file];
        outputs.into_iter().flatten().try_for_each(|out| write(out, &self.options))
    }

    fn host(&mut self, host: &Host) -> io::Result<()> {
        if self.options.hides(host) {
            return Ok(());
        }
        self.normal(|out, options| normal::host(out, host, options))?;
        let options = &self.options;
        self.xml.as_mut().map_or(Ok(()), |xml| xml::host(xml, host, options))
    }

    fn end(&mut self, run: &Run) -> io::Result<()> {
        if let Some(terminal) = &mut self.terminal {
            normal::done(terminal, run, &self.options)?;
        }
        if let Some(file) = &mut self.file {
            normal::done_in_file(file, run, &self.options)?;
        }
        if let Some(xml) = &mut self.xml {
            xml::finish(xml, run, &self.options)?;
        }
        let outputs = [&mut self.terminal, &mut self.file, &mut self.xml];
        outputs.into_iter().flatten().try_for_each(|out| out.flush())
    }
}

/// Scans and reports.
///
/// # Errors
/// Before anything is scanned: wrong targets, ports, scripts, files. Afterwards: an output that can't be written.
pub fn scan(options: &Options, command_line: String) -> Result<(), Failure> {
    let started = Instant::now();
    let mut run = Run::new(command_line, seconds_since_epoch());
    (run.verbose, run.debugging) = (options.verbose.max(options.debug), options.debug);
    let ports = ports(options)?;
    run.scans.push(ScanInfo { kind: "connect", protocol: Protocol::Tcp, ports: ports.clone() });
    let mut engine = scripts::engine(options)?;
    if let Some(engine) = engine.as_ref().filter(|_| !options.scripts.script_help.is_empty()) {
        return script_help(engine, options, &run);
    }
    let targets = targets(options, &mut run)?;
    let report = ReportOptions {
        verbose: run.verbose,
        debugging: run.debugging,
        reason: options.reason,
        open_only: options.open,
        port_scan: true,
        ..ReportOptions::default()
    };
    let mut outputs = Outputs::open(options, report)?;
    let written = |result: io::Result<()>| result.map_err(|error| Failure::of("cannot write the report", error));
    written(outputs.start(&run))?;
    if !options.skip_discovery && !targets.is_empty() {
        eprintln!("Hosts are not asked whether they are up yet: all targets are taken as up, as with -Pn.");
    }
    if let Some(engine) = &mut engine {
        let (_, results) = engine.run(Phase::PreScan, Vec::new());
        written(outputs.prescripts(&results))?;
    }
    let mut network = RealNetwork::new().map_err(|error| Failure::of("no sockets", error))?;
    let mut addresses = targets.iter().flat_map(Target::iter);
    loop {
        let group: Vec<Host> = addresses.by_ref().take(GROUP_LEN).map(host).collect();
        if group.is_empty() {
            break;
        }
        for host in scan_group(group, &ports, options, &mut network, engine.as_mut()) {
            run.hosts_up += 1;
            written(outputs.host(&host))?;
        }
    }
    if let Some(engine) = &mut engine {
        let (_, results) = engine.run(Phase::PostScan, Vec::new());
        written(outputs.postscripts(&results))?;
    }
    if run.hosts_total() == 0 && !options.scripts.script_updatedb {
        eprintln!("WARNING: No targets were specified, so 0 hosts scanned.");
    }
    (run.ended_at, run.elapsed_ms) = (seconds_since_epoch(), started.elapsed().as_millis() as u64);
    run.exit = Exit::Success;
    written(outputs.end(&run))
}

/// Says what the selected scripts do; nothing is scanned.
fn script_help(engine: &Engine, options: &Options, run: &Run) -> Result<(), Failure> {
    let written = |result: io::Result<()>| result.map_err(|error| Failure::of("cannot write the report", error));
    let mut out = io::stdout().lock();
    written(normal::starting(&mut out, run, &ReportOptions::default()))?;
    written(out.write_all(scripts::help_text(engine).as_bytes()).and_then(|()| out.flush()))?;
    let Some(path) = &options.output_xml else { return Ok(()) };
    let mut file =
        File::create(path).map_err(|error| Failure::of(&format!("cannot write {}", path.display()), error))?;
    written(scripts::help_xml(engine, &mut file))
}

fn seconds_since_epoch() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |elapsed| elapsed.as_secs())
}

/// A host to be scanned.
fn host(target: target::TargetAddress) -> Host {
    let mut host = Host::new(target.address);
    (host.target_name, host.other_addresses) = (target.name, target.other_addresses);
    host
}

fn scan_group(
    hosts: Vec<Host>,
    ports: &[u16],
    options: &Options,
    network: &mut RealNetwork,
    engine: Option<&mut Engine>,
) -> Vec<Host> {
    let mut hosts = hosts;
    hosts.iter_mut().for_each(|host| host.started_at = seconds_since_epoch());
    let order = port::scan_order(Protocol::Tcp, ports, false, seconds_since_epoch());
    connect_scan(network, &mut hosts, &order, Timing::template(options.timing), |_| false);
    for port in hosts.iter_mut().flat_map(|host| &mut host.ports) {
        port.service = port.service.take().or_else(|| services::name(port.protocol, port.number).map(str::to_owned));
    }
    if let Some(engine) = engine {
        hosts = engine.run(Phase::Scan, hosts).0;
    }
    hosts.iter_mut().for_each(|host| host.ended_at = seconds_since_epoch());
    hosts
}

fn ports(options: &Options) -> Result<Vec<u16>, Failure> {
    let lists: Vec<&str> = options.ports.iter().map(String::as_str).collect();
    let chosen = port::choose(&PortOptions {
        lists: &lists,
        fast: options.fast,
        top: options.top_ports,
        exclude: options.exclude_ports.as_deref(),
        protocols: Protocols { tcp: true, ..Protocols::default() },
    });
    let chosen = chosen.map_err(|error| Failure(error.to_string()))?;
    chosen.warnings.iter().for_each(|warning| eprintln!("WARNING: {warning}"));
    Ok(chosen.ports.tcp)
}

/// The targets; expressions that are none are told and noted.
fn targets(options: &Options, run: &mut Run) -> Result<Vec<Target>, Failure> {
    let names = Hosts::of_system().map_err(|error| Failure::of("cannot read the hosts file", error))?;
    let mut targets = Vec::new();
    for expression in &options.targets {
        match target::parse(expression, Families::default(), &names) {
            Ok(target) => {
                target.warnings.iter().for_each(|warning| eprintln!("{warning}"));
                targets.push(target);
            }
            Err(error) => {
                eprintln!("{error}");
                run.rejected_targets.push(expression.clone());
            }
        }
    }
    if targets.is_empty() && !options.targets.is_empty() {
        return Err(Failure("no target is left to be scanned".to_owned()));
    }
    Ok(targets)
}
