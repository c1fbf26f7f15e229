//! Normal output: the report that people read.

use super::ReportOptions;
use super::text::{self, CountedState, Folded};
use perilune_scan::result::{Host, HostState, Port, PortState, Protocol, Reason, Run, ScriptResult};
use std::collections::BTreeSet;
use std::io::{self, Write};

/// Entries of one kind in the service information line.
const INFO_MAX: usize = 5;

/// The first line on the terminal.
pub fn starting(out: &mut impl Write, run: &Run, options: &ReportOptions) -> io::Result<()> {
    let home = if options.compat { " ( https://nmap.org )" } else { "" };
    writeln!(out, "Starting {}{home} at {}", options.product(), text::date_to_minute(run.started_at))
}

/// The last line on the terminal.
pub fn done(out: &mut impl Write, run: &Run, options: &ReportOptions) -> io::Result<()> {
    writeln!(out, "{} done: {}", options.name(), text::summary(run))
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

/// Results of the pre-scan phase; nothing when there are none.
pub fn prescripts(out: &mut impl Write, results: &[ScriptResult]) -> io::Result<()> {
    headed_scripts(out, "Pre-scan script results:", results)
}

/// Results of the post-scan phase; nothing when there are none.
pub fn postscripts(out: &mut impl Write, results: &[ScriptResult]) -> io::Result<()> {
    headed_scripts(out, "Post-scan script results:", results)
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
    if host.timed_out {
        writeln!(out, "Skipping host {label} due to host timeout")?;
    }
    head(out, host, options)?;
    if options.port_scan {
        ports(out, host, &label, options)?;
        service_info(out, host)?;
    }
    if !host.scripts.is_empty() {
        writeln!(out)?;
        headed_scripts(out, "Host script results:", &host.scripts)?;
    }
    if options.port_scan || !host.scripts.is_empty() {
        writeln!(out)?;
    }
    Ok(())
}

/// One script's output with the marks of its first, inner and last lines.
pub fn script(out: &mut impl Write, result: &ScriptResult) -> io::Result<()> {
    let output = text::printable(&result.output);
    if output.is_empty() {
        return Ok(());
    }
    let block = format!("{}: {}", result.id, output.trim_end_matches('\n'));
    let mut lines = block.split('\n').peekable();
    while let Some(line) = lines.next() {
        let mark = if lines.peek().is_some() { "| " } else { "|_" };
        writeln!(out, "{mark}{line}")?;
    }
    Ok(())
}

fn headed_scripts(out: &mut impl Write, heading: &str, results: &[ScriptResult]) -> io::Result<()> {
    if results.is_empty() {
        return Ok(());
    }
    writeln!(out, "{heading}")?;
    results.iter().try_for_each(|result| script(out, result))
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
        port.scripts.iter().try_for_each(|result| script(out, result))?;
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
    [number, port.state.to_string(), service(port, options), reason(port.reason, port.reason_ttl), text::version(port)]
}

/// The service's name; `?` when it was asked and did not say, `ssl/` when it speaks inside TLS.
fn service(port: &Port, options: &ReportOptions) -> String {
    let Some(name) = port.service_name() else { return "unknown".into() };
    let probed = port.version.as_deref().is_some_and(|version| version.probed);
    let tunnel = if port.version.as_deref().is_some_and(|version| version.tls_tunnel) { "ssl/" } else { "" };
    let doubt = if options.version_scan && port.state == PortState::Open && !probed { "?" } else { "" };
    format!("{tunnel}{}{doubt}", text::printable(name.as_bytes()))
}

fn line(out: &mut impl Write, row: &[String], widths: &[usize]) -> io::Result<()> {
    let cells: Vec<String> = row.iter().zip(widths).map(|(cell, width)| format!("{cell:width$}")).collect();
    writeln!(out, "{}", cells.join(" ").trim_end())
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
