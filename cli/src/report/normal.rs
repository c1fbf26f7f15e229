//! Normal output: what people read on the terminal and in `-oN` files.

use super::{Ignored, clock, collapse, counts, text};
use perilune_scan::result::{Host, HostState, Port, Run, ScriptResult};
use std::io::{self, Write};

/// First line on the terminal.
pub fn start(out: &mut impl Write, run: &Run, program: &str) -> io::Result<()> {
    writeln!(out, "Starting {program} at {}", clock::minute(run.started_at))
}

/// First line of a file.
pub fn start_file(out: &mut impl Write, run: &Run, program: &str) -> io::Result<()> {
    writeln!(out, "# {program} scan initiated {} as: {}", clock::long(run.started_at), run.command_line)
}

/// Last line on the terminal.
pub fn end(out: &mut impl Write, run: &Run, name: &str) -> io::Result<()> {
    writeln!(out, "{name} done: {}", summary(run))
}

/// Last line of a file.
pub fn end_file(out: &mut impl Write, run: &Run, name: &str) -> io::Result<()> {
    writeln!(out, "# {name} done at {} -- {}", clock::long(run.ended_at), summary(run))
}

fn summary(run: &Run) -> String {
    let seconds = run.elapsed_ms as f64 / 1000.0;
    format!("{} scanned in {seconds:.2} seconds", counts(run.hosts_total(), run.hosts_up))
}

/// Results before the first or after the last host, under their heading.
pub fn phase_scripts(out: &mut impl Write, heading: &str, results: &[ScriptResult]) -> io::Result<()> {
    if results.is_empty() {
        return Ok(());
    }
    writeln!(out, "{heading}:")?;
    results.iter().try_for_each(|result| script(out, result))
}

/// A host with its ports and script results; nothing for one that is down, unless verbose.
pub fn host(out: &mut impl Write, host: &Host, run: &Run) -> io::Result<()> {
    let name = title(host);
    if host.state != HostState::Up {
        return if run.verbose > 0 { writeln!(out, "Nmap scan report for {name} [host down]") } else { Ok(()) };
    }
    writeln!(out, "Nmap scan report for {name}")?;
    writeln!(out, "Host is up{}.", latency(host))?;
    if let (Some(_), Some(reverse)) = (&host.target_name, &host.reverse_name)
        && host.target_name != host.reverse_name
    {
        writeln!(out, "rDNS record for {}: {reverse}", host.address)?;
    }
    let (listed, ignored) = collapse(host, run.verbose, run.debugging);
    if !host.ports.is_empty() {
        not_shown(out, host, &listed, &ignored)?;
        port_table(out, &listed)?;
    }
    if !host.scripts.is_empty() {
        writeln!(out, "\nHost script results:")?;
        host.scripts.iter().try_for_each(|result| script(out, result))?;
    }
    writeln!(out)
}

/// `name (address)`, or the address alone.
fn title(host: &Host) -> String {
    match host.name() {
        Some(name) => format!("{name} ({})", host.address),
        None => host.address.to_string(),
    }
}

/// ` (0.00010s latency)`, two significant digits; nothing when it was not measured.
fn latency(host: &Host) -> String {
    let Some(times) = host.times else { return String::new() };
    let seconds = times.srtt_us.max(1) as f64 / 1e6;
    let decimals = (1 - seconds.log10().floor() as i32).max(0) as usize;
    format!(" ({seconds:.decimals$}s latency)")
}

fn not_shown(out: &mut impl Write, host: &Host, listed: &[&Port], ignored: &[Ignored<'_>]) -> io::Result<()> {
    if ignored.is_empty() {
        return writeln!(out);
    }
    if listed.is_empty() {
        let (count, name) = (host.ports.len(), title(host));
        let plural = if count == 1 { "port" } else { "ports" };
        writeln!(out, "All {count} scanned {plural} on {name} are in ignored states.")?;
    }
    let group = |ignored: &Ignored<'_>| {
        let protocol = ignored.reasons[0].1[0].protocol;
        let plural = if ignored.count == 1 { "port" } else { "ports" };
        let reasons: Vec<&str> = ignored.reasons.iter().map(|(reason, _)| reason.as_str()).collect();
        format!("{} {} {protocol} {plural} ({})", ignored.count, ignored.state, reasons.join(", "))
    };
    let groups: Vec<String> = ignored.iter().map(group).collect();
    writeln!(out, "Not shown: {}", groups.join(", "))
}

fn port_table(out: &mut impl Write, ports: &[&Port]) -> io::Result<()> {
    if ports.is_empty() {
        return Ok(());
    }
    let cells = |port: &&Port| {
        let tunnel = port.version.as_deref().is_some_and(|version| version.tls_tunnel);
        let service = port.service_name().unwrap_or("unknown");
        [
            format!("{}/{}", port.number, port.protocol),
            port.state.to_string(),
            format!("{}{service}", if tunnel { "ssl/" } else { "" }),
        ]
    };
    let head = ["PORT", "STATE", "SERVICE"].map(str::to_owned);
    let rows: Vec<[String; 3]> = ports.iter().map(cells).collect();
    let width = |column: usize| rows.iter().chain([&head]).map(|row| row[column].len()).max().unwrap_or(0);
    let (first, second) = (width(0), width(1));
    let line = |row: &[String; 3]| format!("{:first$} {:second$} {}", row[0], row[1], row[2]);
    writeln!(out, "{}", line(&head))?;
    for (row, port) in rows.iter().zip(ports) {
        writeln!(out, "{}", line(row))?;
        port.scripts.iter().try_for_each(|result| script(out, result))?;
    }
    Ok(())
}

/// A script's result: `| ` in front of each line, `|_` in front of the last.
fn script(out: &mut impl Write, result: &ScriptResult) -> io::Result<()> {
    if result.output.is_empty() {
        return Ok(());
    }
    let whole = format!("{}: {}", result.id, text::for_screen(&result.output));
    let trimmed = whole.strip_suffix('\n').unwrap_or(&whole);
    let count = trimmed.split('\n').count();
    for (idx, line) in trimmed.split('\n').enumerate() {
        let mark = if idx + 1 == count { "|_" } else { "| " };
        writeln!(out, "{mark}{line}")?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use perilune_scan::result::{PortState, Protocol, Reason, Times};

    fn port(number: u16, state: PortState, reason: Reason, service: Option<&str>) -> Port {
        let service = service.map(str::to_owned);
        let (protocol, version, scripts) = (Protocol::Tcp, None, Vec::new());
        Port { number, protocol, state, reason, reason_ttl: 0, service, version, scripts }
    }

    fn result(id: &str, output: &str) -> ScriptResult {
        ScriptResult { id: id.to_owned(), output: output.as_bytes().to_vec(), structured: None }
    }

    fn check(host_of: Host, expected: &str) {
        let mut out = Vec::new();
        host(&mut out, &host_of, &Run::new(String::new(), 0)).expect("a vector takes everything");
        assert_eq!(String::from_utf8_lossy(&out), expected);
    }

    #[test]
    fn a_host_is_laid_out_as_a_table() {
        let mut host = Host::new([127, 0, 0, 1].into());
        host.target_name = Some("localhost".to_owned());
        host.times = Some(Times { srtt_us: 103, rttvar_us: 90, timeout_us: 100_000 });
        host.ports = vec![
            port(80, PortState::Open, Reason::SynAck, Some("http")),
            port(20001, PortState::Closed, Reason::ConnRefused, None),
        ];
        host.ports[0].scripts = vec![result("a", "one"), result("b", "\n  k: v\ntwo\x01\n"), result("empty", "")];
        host.scripts = vec![result("h", "x")];
        check(
            host,
            "Nmap scan report for localhost (127.0.0.1)
Host is up (0.00010s latency).

PORT      STATE  SERVICE
80/tcp    open   http
|_a: one
| b:\u{20}
|   k: v
|_two\\x01
20001/tcp closed unknown

Host script results:
|_h: x

",
        );
    }

    #[test]
    fn many_ports_of_a_state_are_counted() {
        let mut host = Host::new([127, 0, 0, 1].into());
        host.ports = (1..=26).map(|number| port(number, PortState::Closed, Reason::ConnRefused, None)).collect();
        host.ports.extend((100..=129).map(|number| port(number, PortState::Filtered, Reason::NoResponse, None)));
        check(
            host,
            "Nmap scan report for 127.0.0.1
Host is up.
All 56 scanned ports on 127.0.0.1 are in ignored states.
Not shown: 30 filtered tcp ports (no-response), 26 closed tcp ports (conn-refused)

",
        );
    }
}
