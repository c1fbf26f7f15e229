//! What a command line asks for, checked before anything is sent: scans, ports, probes, servers, packets.

use crate::discover;
use crate::interrupt;
use crate::options::Options;
use crate::scan::Failure;
use crate::timing_options::TimingOptions;
use crate::words;
use perilune_scan::dns::{self, Answer, Question};
use perilune_scan::interface;
use perilune_scan::port::{self, PortLists, PortOptions, Protocols};
use perilune_scan::port_scan::raw::{self, RawOptions};
use perilune_scan::real::RealNetwork;
use perilune_scan::result::{Host, Protocol};
use perilune_scan::target::Hosts;
use perilune_scan::timing::Timing;
use perilune_scan::version::{self, ProbeFile};
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};

/// The longest data of a packet: what fits an Ethernet frame behind the longest headers.
const DATA_MAX: usize = 1400;
/// The largest group of hosts.
pub const GROUP_MAX: usize = 100_000;
/// Where Nmap's stylesheet is published.
const WEB_STYLESHEET: &str = "https://svn.nmap.org/nmap/docs/nmap.xsl";

/// What `--fail-on` asks about.
#[derive(Clone, Copy, Default, Debug)]
pub struct FailOn {
    open: bool,
    vuln: bool,
    error: bool,
}

impl FailOn {
    pub fn is_met(self, host: &Host) -> bool {
        let scripts = || host.scripts.iter().chain(host.ports.iter().flat_map(|port| &port.scripts));
        let count = |output: &[u8], word: &[u8]| output.windows(word.len()).filter(|window| *window == word).count();
        (self.open && host.ports.iter().any(|port| port.state.can_be_open()))
            || (self.vuln
                && scripts()
                    .any(|result| count(&result.output, b"VULNERABLE") > count(&result.output, b"NOT VULNERABLE")))
            || (self.error && scripts().any(|result| count(&result.output, b"ERROR: Script execution failed") > 0))
    }
}

pub fn fail_on(options: &Options) -> Result<FailOn, Failure> {
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

/// The command line with quotes where a word needs them, options first.
pub fn command_line(args: &[String], options: &Options) -> String {
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
    let words = others.into_iter().rev().chain(&options.targets).map(String::as_str);
    words::joined(std::iter::once(name).chain(words))
}

pub fn read(path: &Path) -> Result<Vec<u8>, Failure> {
    std::fs::read(path).map_err(|error| Failure::of(&format!("cannot read {}", path.display()), error))
}

/// What can't go together.
///
/// # Errors
/// It does.
pub fn check(options: &Options) -> Result<(), Failure> {
    let refuse = |message: &str| Err(Failure(message.to_owned()));
    if options.ipv4 && options.ipv6 {
        return refuse("-4 and -6 leave nothing to scan; without them both kinds of address are scanned in one run");
    }
    if options.connect_scan && options.syn_scan {
        return refuse("-sS and -sT are two ways to do the same: choose one");
    }
    Ok(())
}

/// What the user should know of what is going to happen.
pub fn remarks(options: &Options, is_privileged: bool) -> Vec<String> {
    let mut remarks = Vec::new();
    if options.aggressive {
        let way = if is_privileged { " and --traceroute" } else { "; the way to a host needs root or CAP_NET_RAW" };
        remarks.push(format!("Note: -A does -sV, -sC{way}. There is no operating-system detection."));
    }
    let asks_icmp = options.ping_echo || options.ping_timestamp || options.ping_mask;
    if asks_icmp && !is_privileged && !options.skip_discovery {
        remarks.push(
            "WARNING: ICMP needs the privilege to send raw packets; port 80 is connected to in its place.".to_owned(),
        );
    }
    if discover::loses_tcp(options, is_privileged) {
        remarks.push("WARNING: --exclude-ports leaves no TCP port that could show whether a host is up.".to_owned());
    }
    let connects = scan_kinds(options, is_privileged).iter().any(|(kind, _)| *kind == "connect");
    if options.source_port.is_some() && connects {
        remarks.push("WARNING: -g has no effect on a connect scan; -sS and -sU as root follow it.".to_owned());
    }
    remarks
}

/// The limits of time, for `-d`.
pub fn timing_report(timing: &Timing, options: &TimingOptions) -> String {
    let Timing { min_rtt_ms, initial_rtt_ms, max_rtt_ms, retries_max, .. } = timing;
    let (tcp, udp, rate_min) = (timing.delay_max_ms, timing.udp_delay_max_ms, timing.rate_min);
    // As in Nmap, 0 stands for "as it comes".
    let is_bound = options.max_parallelism.is_some() || timing.parallelism_max == 1;
    let (least, most) = (options.min_parallelism.unwrap_or(0), timing.parallelism_max * usize::from(is_bound));
    let (hosts_min, hosts_max) = (options.min_hostgroup.unwrap_or(1), options.max_hostgroup.unwrap_or(GROUP_MAX));
    let (host_timeout, rate_max) = (timing.host_timeout_ms.unwrap_or(0), options.max_rate.unwrap_or(0.0));
    format!(
        "--------------- Timing report ---------------\n  \
         hostgroups: min {hosts_min}, max {hosts_max}\n  \
         rtt-timeouts: init {initial_rtt_ms}, min {min_rtt_ms}, max {max_rtt_ms}\n  \
         max-scan-delay: TCP {tcp}, UDP {udp}, SCTP {tcp}\n  \
         parallelism: min {least}, max {most}\n  \
         max-retries: {retries_max}, host-timeout: {host_timeout}\n  \
         min-rate: {rate_min}, max-rate: {rate_max}\n\
         ---------------------------------------------"
    )
}

/// What the options say of raw packets.
///
/// # Errors
/// An interface that is none, data that is none.
pub fn raw_options(options: &Options, seed: u64) -> Result<RawOptions, Failure> {
    if let Some(name) = &options.interface {
        let interfaces = interface::list().map_err(|error| Failure::of("cannot list interfaces", error))?;
        if !interfaces.iter().any(|it| it.device == *name) {
            return Err(Failure(format!("-e {name}: there is no such interface; --iflist shows them")));
        }
    }
    Ok(RawOptions {
        ttl: options.ttl.unwrap_or(RawOptions::default().ttl),
        source: options.source_address,
        interface: options.interface.clone(),
        local_port: options.source_port,
        data: data(options, seed)?,
    })
}

/// The data of packets: of three options at most one is given.
pub fn data(options: &Options, seed: u64) -> Result<Vec<u8>, Failure> {
    let data = match (&options.data, &options.data_string, options.data_length) {
        (None, None, None) => Vec::new(),
        (Some(digits), None, None) => {
            bytes_of(digits).ok_or_else(|| Failure(format!("--data {digits}: hexadecimal digits are expected")))?
        }
        (None, Some(text), None) => text.as_bytes().to_vec(),
        (None, None, Some(len)) => {
            let mut state = seed;
            std::iter::repeat_with(|| random_byte(&mut state)).take(len.min(DATA_MAX + 1)).collect()
        }
        _ => return Err(Failure("of --data, --data-string and --data-length one can be given".to_owned())),
    };
    if data.len() > DATA_MAX {
        return Err(Failure(format!("a packet's data has at most {DATA_MAX} bytes")));
    }
    Ok(data)
}

/// The bytes of `0xAABB`, `AABB` or `\xAA\xBB`.
fn bytes_of(digits: &str) -> Option<Vec<u8>> {
    let digits = digits.replace("\\x", "");
    let digits = digits.strip_prefix("0x").unwrap_or(&digits).as_bytes();
    let pair = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok();
    if digits.len().is_multiple_of(2) && digits.iter().all(u8::is_ascii_hexdigit) {
        digits.chunks(2).map(pair).collect()
    } else {
        None
    }
}

/// A step of Knuth's generator.
fn random_byte(state: &mut u64) -> u8 {
    *state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
    (*state >> 56) as u8
}

/// The stylesheet that the XML names.
pub fn stylesheet(options: &Options) -> Option<String> {
    let on_the_web = options.webxml.then(|| WEB_STYLESHEET.to_owned());
    let installed = || {
        let path = options.data_file("nmap.xsl")?.canonicalize().ok()?;
        Some(format!("file://{}", path.display()))
    };
    options.stylesheet.clone().or(on_the_web).or_else(installed).filter(|_| !options.no_stylesheet)
}

/// The service probes, when version detection or a UDP scan needs them.
pub fn probe_file(options: &Options) -> Result<Option<ProbeFile>, Failure> {
    if !options.version_detection && !options.udp_scan {
        return Ok(None);
    }
    let path = probe_path(options);
    let file = match &path {
        Some(path) => ProbeFile::parse(read(path)?),
        None => version::embedded(),
    };
    let name = path.as_deref().unwrap_or(Path::new("our service probes")).display();
    file.warnings.iter().for_each(|warning| eprintln!("WARNING: {name}: {warning}"));
    Ok(Some(file))
}

fn probe_path(options: &Options) -> Option<PathBuf> {
    options.versiondb.clone().or_else(|| options.data_file("nmap-service-probes"))
}

/// The user's file with names of services.
pub fn services_path(options: &Options) -> Option<PathBuf> {
    options.servicedb.clone().or_else(|| options.data_file("nmap-services"))
}

/// Data files that the scan reads.
pub fn data_files(options: &Options) -> Vec<PathBuf> {
    let services = services_path(options).filter(|_| scans_ports(options));
    let probes = probe_path(options).filter(|_| options.version_detection || options.udp_scan);
    services.into_iter().chain(probes).collect()
}

/// Whether ports are scanned at all.
pub fn scans_ports(options: &Options) -> bool {
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
///
/// # Errors
/// Those of [`is_privileged`].
pub fn sends_packets(options: &Options) -> Result<bool, Failure> {
    let is_raw = |(kind, protocol): (&str, Protocol)| kind == "syn" || protocol == Protocol::Udp;
    let is_privileged = is_privileged(options)?;
    Ok(is_privileged && (!options.skip_discovery || scan_kinds(options, true).into_iter().any(is_raw)))
}

/// Kinds of port scan with their protocols, in the order they are done.
pub fn scan_kinds(options: &Options, is_privileged: bool) -> Vec<(&'static str, Protocol)> {
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

pub fn ports(options: &Options) -> Result<PortLists, Failure> {
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
        // A list of services of one's own is there to be scanned: what it says is common, no more.
        fast: options.fast || (options.servicedb.is_some() && !wants_ports && options.port_ratio.is_none()),
        top: options.top_ports,
        ratio: options.port_ratio,
        exclude: options.exclude_ports.as_deref(),
        protocols: Protocols { tcp: uses(Protocol::Tcp), udp: uses(Protocol::Udp), ..Protocols::default() },
    });
    let chosen = chosen.map_err(|error| Failure(error.to_string()))?;
    chosen.warnings.iter().for_each(|warning| eprintln!("WARNING: {warning}"));
    Ok(chosen.ports)
}

/// The name servers that the options name, else those of the system.
///
/// # Errors
/// A name that can't be resolved.
pub fn servers(options: &Options) -> Result<Vec<SocketAddr>, Failure> {
    let Some(list) = &options.dns_servers else { return Ok(dns::system_servers()) };
    let server = |text: &str| match text.parse::<IpAddr>().map(|address| SocketAddr::new(address, dns::PORT)) {
        Ok(server) => Ok(server),
        Err(_) => text.parse().or_else(|_| named_server(text)),
    };
    list.split([',', ' ']).filter(|text| !text.is_empty()).map(server).collect()
}

/// A name server by its name, which the hosts file or the system's own servers know.
fn named_server(name: &str) -> Result<SocketAddr, Failure> {
    let failed = |error| Failure::of(&format!("--dns-servers {name}"), error);
    let hosts = Hosts::of_system().map_err(failed)?;
    let address = hosts.addresses(name).first().copied();
    let address = match address {
        Some(address) => Some(address),
        None => {
            let mut network = RealNetwork::new().map_err(failed)?;
            let questions = vec![Question::V4(name.to_owned()), Question::V6(name.to_owned())];
            let stop = |_| interrupt::count() > 0;
            let answers = dns::resolve(&mut network, &dns::system_servers(), questions, 1, stop);
            answers.iter().find_map(|answer| match answer {
                Answer::Addresses(addresses) => addresses.first().copied(),
                _ => None,
            })
        }
    };
    let address = address.ok_or_else(|| Failure(format!("--dns-servers {name}: it can't be resolved")))?;
    Ok(SocketAddr::new(address, dns::PORT))
}
