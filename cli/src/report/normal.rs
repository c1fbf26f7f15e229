//! Normal output: the report that people read.

use super::text::{self, CountedState, Folded};
use super::{Event, MessageKind, Progress, ReportOptions, Sink, Task};
use perilune_scan::result::{
    Exit, Host, HostState, Port, PortState, Protocol, Reason, Run, ScriptResult, Times, Trace,
};
use std::borrow::Cow;
use std::collections::BTreeSet;
use std::io::{self, Write};
use std::path::Path;

/// Entries of one kind in the service information line.
const INFO_MAX: usize = 5;

/// Fingerprints of one host that are shown.
const FINGERPRINTS_MAX: usize = 9;

/// What stands in a host whose scan was stopped.
pub const PARTIAL: &str = "The scan of this host was stopped before its end.";

/// Writes it: to a terminal with what happens meanwhile, or to a file.
#[derive(Debug)]
pub struct Normal<W> {
    out: W,
    options: ReportOptions,
    is_terminal: bool,
    /// Colours for states.
    colours: bool,
    /// Something was asked for versions.
    started_version: bool,
}

impl<W: Write> Normal<W> {
    pub fn new(out: W, mut options: ReportOptions, is_terminal: bool, colours: bool) -> Normal<W> {
        options.in_file = !is_terminal;
        Normal { out, options, is_terminal, colours, started_version: false }
    }

    /// What only a terminal shows.
    fn meanwhile(&mut self, event: &Event) -> io::Result<()> {
        match event {
            Event::Task(task) if self.options.verbose > 0 => self.task(task),
            Event::Ports(decided) if self.options.verbose > 0 && decided.state == PortState::Open => {
                let (protocol, address) = (decided.protocol, decided.address);
                let mut ports = decided.ports.iter();
                ports.try_for_each(|port| writeln!(self.out, "Discovered open port {port}/{protocol} on {address}"))
            }
            Event::Progress(progress) => self.progress(progress),
            Event::Message { kind: MessageKind::Trace, text } => writeln!(self.out, "{text}"),
            _ => Ok(()),
        }
    }

    fn task(&mut self, task: &Task) -> io::Result<()> {
        let at = text::hour_and_minute(task.time);
        if task.has_ended {
            let took = text::seconds(task.elapsed_ms);
            let extra = if task.extra.is_empty() { String::new() } else { format!(" ({})", task.extra) };
            return writeln!(self.out, "Completed {} at {at}, {took}s elapsed{extra}", task.name);
        }
        writeln!(self.out, "Initiating {} at {at}", task.name)?;
        if task.extra.is_empty() { Ok(()) } else { writeln!(self.out, "{}", task.extra) }
    }

    fn progress(&mut self, progress: &Progress) -> io::Result<()> {
        let Progress { task, percent, hosts_done, hosts_up, hosts_now, .. } = progress;
        let elapsed = text::clock(progress.elapsed_ms);
        writeln!(
            self.out,
            "Stats: {elapsed} elapsed; {hosts_done} hosts completed ({hosts_up} up), {hosts_now} undergoing {task}"
        )?;
        let meter = if task == "Script Scan" { "NSE" } else { task.as_str() };
        write!(self.out, "{meter} Timing: About {percent:.2}% done")?;
        if *percent >= 1.0 {
            let (etc, remaining) = (text::hour_and_minute(progress.etc), text::clock(progress.remaining * 1000));
            write!(self.out, "; ETC: {etc} ({remaining} remaining)")?;
        }
        writeln!(self.out)
    }
}

impl<W: Write> Sink for Normal<W> {
    fn set_levels(&mut self, verbose: u8, debugging: u8) {
        self.options.set_levels(verbose, debugging);
    }

    fn event(&mut self, event: &Event) -> io::Result<()> {
        match event {
            Event::Start(run) if self.is_terminal => starting(&mut self.out, run, &self.options)?,
            Event::Start(run) => initiated(&mut self.out, run, &self.options)?,
            Event::PreScripts(results) => prescripts(&mut self.out, results, &self.options)?,
            Event::PostScripts(results) => postscripts(&mut self.out, results, &self.options)?,
            Event::Host(host) => {
                self.started_version |= self.options.version_scan && host.state == HostState::Up;
                let mut text = Vec::new();
                self::host(&mut text, host, &self.options)?;
                if self.colours { coloured(&mut self.out, &text)? } else { self.out.write_all(&text)? }
            }
            Event::Message { kind: MessageKind::Error, text } if !self.is_terminal => writeln!(self.out, "{text}")?,
            Event::End(run) => {
                if let Exit::Error(message) = &run.exit
                    && !self.is_terminal
                {
                    return stopped(&mut self.out, message, run, &self.options).and_then(|()| self.out.flush());
                }
                data_files(&mut self.out, &self.options)?;
                if self.started_version && self.options.compat {
                    writeln!(
                        self.out,
                        "Service detection performed. Please report any incorrect results at https://nmap.org/submit/ ."
                    )?;
                }
                if self.is_terminal {
                    done(&mut self.out, run, &self.options)?;
                } else {
                    done_in_file(&mut self.out, run, &self.options)?;
                }
            }
            event if self.is_terminal => self.meanwhile(event)?,
            _ => return Ok(()),
        }
        self.out.flush()
    }
}

/// A host's report with its title bold and the states of its ports in colours.
fn coloured(out: &mut impl Write, report: &[u8]) -> io::Result<()> {
    const STATES: [(&str, u8); 4] = [(" open ", 32), (" closed ", 31), (" filtered ", 33), (" open|filtered ", 33)];
    for line in String::from_utf8_lossy(report).split_inclusive('\n') {
        let is_port = line.as_bytes().first().is_some_and(u8::is_ascii_digit);
        let state = STATES.iter().find(|(state, _)| is_port && line.contains(state));
        match state {
            Some((state, colour)) => {
                let word = state.trim();
                write!(out, "{}", line.replacen(word, &format!("\x1b[{colour}m{word}\x1b[0m"), 1))?;
            }
            None if line.starts_with("Nmap scan report for ") => writeln!(out, "\x1b[1m{}\x1b[0m", line.trim_end())?,
            None => write!(out, "{line}")?,
        }
    }
    Ok(())
}

/// The first line on the terminal.
pub fn starting(out: &mut impl Write, run: &Run, options: &ReportOptions) -> io::Result<()> {
    let home = if options.compat { " ( https://nmap.org )" } else { "" };
    writeln!(out, "Starting {}{home} at {}", options.product(), text::date_to_minute(run.started_at))
}

/// Where data was read from, for those who want to hear more.
fn data_files(out: &mut impl Write, options: &ReportOptions) -> io::Result<()> {
    let mut files: Vec<(&Path, Cow<'_, str>)> = options
        .data_files
        .iter()
        .filter_map(|path| Some((path.parent()?, path.file_name()?.to_string_lossy())))
        .collect();
    files.sort_unstable();
    let folders: Vec<_> = files.chunk_by(|a, b| a.0 == b.0).collect();
    match folders[..] {
        _ if options.verbose == 0 && options.debugging == 0 => Ok(()),
        [folder] if options.debugging == 0 => writeln!(out, "Read data files from: {}", folder[0].0.display()),
        _ => folders.into_iter().try_for_each(|folder| {
            let names: Vec<&str> = folder.iter().map(|(_, name)| &**name).collect();
            writeln!(out, "Read from {}: {}.", folder[0].0.display(), names.join(" "))
        }),
    }
}

/// The last line on the terminal.
pub fn done(out: &mut impl Write, run: &Run, options: &ReportOptions) -> io::Result<()> {
    let what = if run.exit == Exit::Success { "done" } else { "stopped" };
    writeln!(out, "{} {what}: {}", options.name(), text::summary(run))?;
    match run.raw {
        Some(raw) if options.verbose > 0 => {
            let (sent, received) = (text::bytes(raw.sent_bytes), text::bytes(raw.received_bytes));
            writeln!(out, "           Raw packets sent: {} ({sent}) | Rcvd: {} ({received})", raw.sent, raw.received)
        }
        _ => Ok(()),
    }
}

/// The first line of a file.
pub fn initiated(out: &mut impl Write, run: &Run, options: &ReportOptions) -> io::Result<()> {
    let command_line = text::printable(run.command_line.as_bytes());
    writeln!(out, "# {} scan initiated {} as: {command_line}", options.product(), text::date(run.started_at))
}

/// The last line of a file.
pub fn done_in_file(out: &mut impl Write, run: &Run, options: &ReportOptions) -> io::Result<()> {
    writeln!(out, "# {} done at {} -- {}", options.name(), text::date(run.ended_at), text::summary(run))
}

/// The last line of a file whose scan did not get to its end.
pub fn stopped(out: &mut impl Write, message: &str, run: &Run, options: &ReportOptions) -> io::Result<()> {
    let (message, ended) = (text::printable(message.trim_end().as_bytes()), text::date(run.ended_at));
    writeln!(out, "# {} stopped at {ended} ({message}) -- {}", options.name(), text::summary(run))
}

/// Results of the pre-scan phase; nothing when there are none.
pub fn prescripts(out: &mut impl Write, results: &[ScriptResult], options: &ReportOptions) -> io::Result<()> {
    headed_scripts(out, "Pre-scan script results:", results, options)
}

/// Results of the post-scan phase; nothing when there are none.
pub fn postscripts(out: &mut impl Write, results: &[ScriptResult], options: &ReportOptions) -> io::Result<()> {
    headed_scripts(out, "Post-scan script results:", results, options)
}

/// All about one host.
pub fn host(out: &mut impl Write, host: &Host, options: &ReportOptions) -> io::Result<()> {
    if options.hides(host) {
        return Ok(());
    }
    let label = label(host);
    if host.state == HostState::Down {
        let reason =
            if options.reason { format!(", received {}", reason(host.reason, host.reason_ttl)) } else { "".into() };
        return writeln!(out, "Nmap scan report for {label} [host down{reason}]");
    }
    writeln!(out, "Nmap scan report for {label}")?;
    head(out, host, options)?;
    if host.timed_out {
        return writeln!(out, "Skipping host {label} due to host timeout");
    }
    if options.port_scan && host.state == HostState::Up {
        if host.is_partial {
            writeln!(out, "{PARTIAL}")?;
        }
        ports(out, host, &label, options)?;
        fingerprints(out, host)?;
        mac_address(out, host)?;
        service_info(out, host)?;
    } else {
        mac_address(out, host)?;
    }
    if !host.scripts.is_empty() {
        writeln!(out)?;
        headed_scripts(out, "Host script results:", &host.scripts, options)?;
    }
    if let Some(trace) = &host.trace {
        self::trace(out, trace, host)?;
    }
    if let Some(times) = host.times.filter(|_| options.debugging > 0) {
        let Times { srtt_us, rttvar_us, timeout_us } = times;
        writeln!(out, "Final times for host: srtt: {srtt_us} rttvar: {rttvar_us}  to: {timeout_us}")?;
    }
    if options.port_scan || options.scripts || host.trace.is_some() {
        writeln!(out)?;
    }
    Ok(())
}

fn mac_address(out: &mut impl Write, host: &Host) -> io::Result<()> {
    let Some(mac) = &host.mac else { return Ok(()) };
    let vendor = host.mac_vendor.as_deref().unwrap_or("Unknown");
    writeln!(out, "MAC Address: {} ({})", text::mac(mac), text::printable(vendor.as_bytes()))
}

/// The way to a host; on the same link nothing was sent to find it.
fn trace(out: &mut impl Write, trace: &Trace, host: &Host) -> io::Result<()> {
    match trace.port {
        None if host.mac.is_some() => writeln!(out, "\nTRACEROUTE")?,
        Some((protocol, port)) => writeln!(out, "\nTRACEROUTE (using port {port}/{protocol})")?,
        None if host.address.is_ipv6() => writeln!(out, "\nTRACEROUTE (using proto 58/ipv6-icmp)")?,
        None => writeln!(out, "\nTRACEROUTE (using proto 1/icmp)")?,
    }
    let times: Vec<String> = trace.hops.iter().map(|hop| format!("{} ms", text::milliseconds(hop.rtt_us))).collect();
    let width = times.iter().map(String::len).max().unwrap_or(0).max("RTT".len());
    writeln!(out, "HOP {:width$} ADDRESS", "RTT")?;
    let mut next_ttl = 1;
    for (hop, time) in trace.hops.iter().zip(times) {
        match hop.ttl.saturating_sub(next_ttl) {
            0 => {}
            1 => writeln!(out, "{next_ttl:<3} ...")?,
            _ => writeln!(out, "{next_ttl:<3} ... {}", hop.ttl - 1)?,
        }
        next_ttl = hop.ttl.saturating_add(1);
        let name = hop.name.as_ref().map(|name| text::printable(name.as_bytes()));
        let place = name.map_or(hop.address.to_string(), |name| format!("{name} ({})", hop.address));
        writeln!(out, "{:<3} {time:width$} {place}", hop.ttl)?;
    }
    Ok(())
}

/// One script's output with the marks of its first, inner and last lines.
pub fn script(out: &mut impl Write, result: &ScriptResult, options: &ReportOptions) -> io::Result<()> {
    let output = text::printable(&result.output);
    if output.is_empty() {
        // On the terminal it stands among the errors.
        return if options.in_file { writeln!(out, "Bug in {}: no string output.", result.id) } else { Ok(()) };
    }
    // One line feed at the end begins no line.
    let block = format!("{}: {}", result.id, output.strip_suffix('\n').unwrap_or(&output));
    let mut lines = block.split('\n').peekable();
    while let Some(line) = lines.next() {
        let mark = if lines.peek().is_some() { "| " } else { "|_" };
        writeln!(out, "{mark}{line}")?;
    }
    Ok(())
}

fn headed_scripts(
    out: &mut impl Write,
    heading: &str,
    results: &[ScriptResult],
    options: &ReportOptions,
) -> io::Result<()> {
    if results.is_empty() {
        return Ok(());
    }
    writeln!(out, "{heading}")?;
    results.iter().try_for_each(|result| script(out, result, options))
}

/// `NAME (IP)` or `IP`.
fn label(host: &Host) -> String {
    match host.name() {
        Some(name) => format!("{} ({})", text::printable(name.as_bytes()), host.address),
        None => host.address.to_string(),
    }
}

fn reason(reason: Reason, ttl: u8) -> String {
    if ttl == 0 { reason.to_string() } else { format!("{reason} ttl {ttl}") }
}

/// `no-response`, `syn-ack ttl 64`, `host-unreach from 10.0.0.1 ttl 255`
fn port_reason(port: &Port) -> String {
    match port.reason_address {
        Some(address) if port.reason_ttl > 0 => format!("{} from {address} ttl {}", port.reason, port.reason_ttl),
        Some(address) => format!("{} from {address}", port.reason),
        None => reason(port.reason, port.reason_ttl),
    }
}

/// The lines between the title and the ports.
fn head(out: &mut impl Write, host: &Host, options: &ReportOptions) -> io::Result<()> {
    if host.state == HostState::Up {
        let received =
            if options.reason { format!(", received {}", reason(host.reason, host.reason_ttl)) } else { "".into() };
        let latency = host.times.map(|times| format!(" ({} latency)", text::latency(times.srtt_us)));
        writeln!(out, "Host is up{received}{}.", latency.unwrap_or_default())?;
    }
    if let (Some(name), false) = (&host.target_name, host.other_addresses.is_empty()) {
        let others: Vec<String> = host.other_addresses.iter().map(ToString::to_string).collect();
        let name = text::printable(name.as_bytes());
        writeln!(out, "Other addresses for {name} (not scanned): {}", others.join(" "))?;
    }
    if let (Some(user), Some(reverse)) = (&host.target_name, &host.reverse_name)
        && user != reverse
    {
        writeln!(out, "rDNS record for {}: {}", host.address, text::printable(reverse.as_bytes()))?;
    }
    if options.port_scan && (options.verbose >= 2 || options.debugging >= 1) {
        let took = host.ended_at.saturating_sub(host.started_at);
        writeln!(out, "Scanned at {} for {took}s", text::date_to_second(host.started_at))?;
    }
    Ok(())
}

/// What was folded, then the table.
fn ports(out: &mut impl Write, host: &Host, label: &str, options: &ReportOptions) -> io::Result<()> {
    let folded = text::fold(&host.ports, options);
    if folded.listed.is_empty() && !host.ports.is_empty() {
        let (count, ports) = (host.ports.len(), if host.ports.len() == 1 { "port" } else { "ports" });
        writeln!(out, "All {count} scanned {ports} on {label} are in ignored states.")?;
    }
    if !folded.counted.is_empty() {
        writeln!(out, "Not shown: {}", not_shown(&folded.counted))?;
    } else if !folded.listed.is_empty() {
        writeln!(out)?;
    }
    let has_filtered = folded.counted.iter().any(|counted| counted.state == PortState::Filtered);
    if options.open_only && has_filtered && !folded.listed.is_empty() {
        writeln!(out, "Some closed ports may be reported as filtered due to --defeat-rst-ratelimit")?;
    }
    table(out, &folded, options)
}

/// `94 closed tcp ports (conn-refused), 1 filtered tcp port (no-response)`
fn not_shown(counted: &[CountedState]) -> String {
    let mut parts = Vec::new();
    for state in counted {
        for reason in &state.reasons {
            let count = reason.ports.len();
            let kind = match reason.protocol {
                Protocol::Ip => "ip protocol".to_string(),
                protocol => format!("{protocol} port"),
            };
            let plural = if count == 1 { "" } else { "s" };
            parts.push(format!("{count} {} {kind}{plural} ({})", state.state, reason.reason));
        }
    }
    parts.join(", ")
}

/// Columns as wide as their widest cell; scripts below their port.
fn table(out: &mut impl Write, folded: &Folded, options: &ReportOptions) -> io::Result<()> {
    let Some(first) = folded.listed.first() else { return Ok(()) };
    let port_heading = if first.protocol == Protocol::Ip { "PROTOCOL" } else { "PORT" };
    let heading = columns([port_heading, "STATE", "SERVICE", "REASON", "VERSION"].map(String::from), options);
    let rows: Vec<Vec<String>> = folded.listed.iter().map(|port| columns(cells(port, options), options)).collect();
    let all = || std::iter::once(&heading).chain(&rows);
    let widths: Vec<usize> = (0..heading.len()).map(|idx| all().map(|row| row[idx].len()).max().unwrap_or(0)).collect();
    line(out, &heading, &widths)?;
    for (row, port) in rows.iter().zip(&folded.listed) {
        line(out, row, &widths)?;
        port.scripts.iter().try_for_each(|result| script(out, result, options))?;
    }
    Ok(())
}

/// The columns that the options ask for.
fn columns(all: [String; 5], options: &ReportOptions) -> Vec<String> {
    let [port, state, service, reason, version] = all;
    let mut columns = vec![port, state, service];
    columns.extend(options.reason.then_some(reason));
    columns.extend(options.version_scan.then_some(version));
    columns
}

fn cells(port: &Port, options: &ReportOptions) -> [String; 5] {
    let number = match port.protocol {
        Protocol::Ip => port.number.to_string(),
        protocol => format!("{}/{protocol}", port.number),
    };
    [number, port.state.to_string(), service(port, options), port_reason(port), text::version(port)]
}

/// The service's name; `?` when it was asked and did not say, `ssl/` when it speaks inside TLS.
fn service(port: &Port, options: &ReportOptions) -> String {
    let Some(name) = port.service_name() else { return "unknown".into() };
    let probed = port.version.as_deref().is_some_and(|version| version.probed);
    let tunnel = if port.version.as_deref().is_some_and(|version| version.tls_tunnel) { "ssl/" } else { "" };
    let is_doubtful = options.version_scan && port.state == PortState::Open && !probed && name != "unknown";
    let doubt = if is_doubtful { "?" } else { "" };
    format!("{tunnel}{}{doubt}", text::printable(name.as_bytes()))
}

fn line(out: &mut impl Write, row: &[String], widths: &[usize]) -> io::Result<()> {
    let cells: Vec<String> = row.iter().zip(widths).map(|(cell, width)| format!("{cell:width$}")).collect();
    writeln!(out, "{}", cells.join(" ").trim_end())
}

/// The answers of services that nobody knows.
fn fingerprints(out: &mut impl Write, host: &Host) -> io::Result<()> {
    let versions = host.ports.iter().filter_map(|port| port.version.as_deref());
    let found: Vec<&str> =
        versions.filter_map(|version| version.fingerprint.as_deref()).take(FINGERPRINTS_MAX).collect();
    let count = found.len();
    if count == 0 {
        return Ok(());
    }
    let plural = if count == 1 { "service" } else { "services" };
    writeln!(out, "{count} {plural} unrecognized despite returning data:")?;
    for fingerprint in found {
        if count > 1 {
            writeln!(out, "==============NEXT SERVICE FINGERPRINT==============")?;
        }
        let lines = perilune_scan::version::wrapped(&text::printable(fingerprint.as_bytes()));
        lines.iter().try_for_each(|line| writeln!(out, "{line}"))?;
    }
    Ok(())
}

/// `Service Info: Host: a; OS: Linux; CPE: …`, from open ports.
fn service_info(out: &mut impl Write, host: &Host) -> io::Result<()> {
    let open = host.ports.iter().filter(|port| port.state == PortState::Open);
    let versions: Vec<_> = open.filter_map(|port| port.version.as_deref()).collect();
    let is_reverse = |name: &&String| host.reverse_name.as_ref().is_some_and(|reverse| reverse == *name);
    let hosts = versions.iter().filter_map(|version| version.hostname.as_ref()).filter(|name| !is_reverse(name));
    let systems = versions.iter().filter_map(|version| version.os_type.as_ref());
    let devices = versions.iter().filter_map(|version| version.device_type.as_ref());
    let cpes = versions.iter().flat_map(|version| &version.cpes).filter(|cpe| !cpe.starts_with("cpe:/a"));
    let parts: Vec<String> = [
        info("Host", "Hosts", hosts),
        info("OS", "OSs", systems),
        info("Device", "Devices", devices),
        info("CPE", "CPE", cpes),
    ]
    .into_iter()
    .flatten()
    .collect();
    if parts.is_empty() { Ok(()) } else { writeln!(out, "Service Info: {}", parts.join("; ")) }
}

/// `OSs: Unix, Linux`: each value once, in the order of the ports.
fn info<'a>(one: &str, many: &str, values: impl Iterator<Item = &'a String>) -> Option<String> {
    let mut seen = BTreeSet::new();
    let distinct: Vec<String> = values
        .filter(|value| seen.insert(*value))
        .take(INFO_MAX)
        .map(|value| text::printable(value.as_bytes()))
        .collect();
    let label = if distinct.len() == 1 { one } else { many };
    (!distinct.is_empty()).then(|| format!("{label}: {}", distinct.join(", ")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_script_without_output_is_told_of_in_files() {
        let result = ScriptResult { id: "odd".into(), output: Vec::new(), structured: None };
        let written = |is_terminal| {
            let mut out = Vec::new();
            let event = Event::PreScripts(vec![result.clone()]);
            Normal::new(&mut out, ReportOptions::default(), is_terminal, false).event(&event).unwrap();
            String::from_utf8(out).unwrap()
        };
        assert_eq!(written(true), "Pre-scan script results:\n");
        assert_eq!(written(false), "Pre-scan script results:\nBug in odd: no string output.\n");
    }

    #[test]
    fn debugging_adds_times_and_files() {
        let mut host = Host::new("10.0.0.1".parse().unwrap());
        host.state = HostState::Up;
        host.times = Some(Times { srtt_us: 10, rttvar_us: 20, timeout_us: 100_000 });
        let mut options = ReportOptions { debugging: 1, ..ReportOptions::default() };
        options.data_files = ["/a/y", "/b/z", "/a/x"].map(Into::into).to_vec();
        let mut out = Vec::new();
        super::host(&mut out, &host, &options).unwrap();
        data_files(&mut out, &options).unwrap();
        let text = String::from_utf8(out).unwrap();
        assert!(text.contains("\nFinal times for host: srtt: 10 rttvar: 20  to: 100000\n"), "{text}");
        assert!(text.ends_with("\nRead from /a: x y.\nRead from /b: z.\n"), "{text}");
    }
}
