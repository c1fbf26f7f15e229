//! XML output: the same layout, byte for byte, as programs that read Nmap's files expect.
//!
//! Everything written is ASCII. Script output is first made printable, then escaped, as the reference does, so a byte
//! that is no printable character arrives as the four characters `\xHH`.

use super::document::{Document, Target};
use super::text::{self, CountedState};
use super::{Event, NMAP_VERSION, Progress, ReportOptions, Sink, Task};
use perilune_scan::result::{
    Element, Exit, Host, HostState, Port, Reason, Run, ScanInfo, ScriptResult, Trace, Version,
};
use std::fmt::Write as _;
use std::io::{self, Write};
use std::net::IpAddr;

/// Confidence of a name that was only looked up.
const TABLE_CONFIDENCE: u8 = 3;

/// The comment of a host whose scan was stopped.
pub const PARTIAL: &str = "partial";

/// Why a document ends that nobody ended.
const CUT_OFF: &str = "the scan did not end";

/// Writes it, a whole document at any moment.
#[derive(Debug)]
pub struct Xml {
    document: Document,
    options: ReportOptions,
    /// The start of the run with what was counted so far.
    run: Run,
}

impl Xml {
    pub fn new(target: Target, options: ReportOptions) -> Xml {
        Xml { document: Document::new(target), options, run: Run::new(String::new(), 0) }
    }

    fn add(&mut self, part: &[u8]) -> io::Result<()> {
        let (run, options) = (&self.run, &self.options);
        self.document.add(part, || {
            let mut closing = Vec::new();
            let run = Run { exit: Exit::Error(CUT_OFF.to_owned()), ..run.clone() };
            // Writing to memory cannot fail.
            let _ = finish(&mut closing, &run, options);
            closing
        })
    }
}

impl Sink for Xml {
    fn set_levels(&mut self, verbose: u8, debugging: u8) {
        self.options.set_levels(verbose, debugging);
    }

    fn event(&mut self, event: &Event) -> io::Result<()> {
        let mut part = Vec::new();
        match event {
            Event::Start(run) => {
                self.run = (**run).clone();
                start(&mut part, run, &self.options)?;
            }
            Event::TargetRejected(expression) => rejected_target(&mut part, expression)?,
            Event::Task(task) if self.options.verbose > 0 => self::task(&mut part, task)?,
            Event::Progress(progress) => self::progress(&mut part, progress)?,
            Event::HostUp(host) if self.options.port_scan => hint(&mut part, host)?,
            Event::PreScripts(results) => prescripts(&mut part, results)?,
            Event::PostScripts(results) => postscripts(&mut part, results)?,
            Event::Host(host) => {
                match host.state {
                    HostState::Up => self.run.hosts_up += 1,
                    _ => self.run.hosts_down += 1,
                }
                self::host(&mut part, host, &self.options)?;
            }
            Event::End(run) => {
                finish(&mut part, run, &self.options)?;
                return self.document.finish(&part);
            }
            _ => return Ok(()),
        }
        if part.is_empty() { Ok(()) } else { self.add(&part) }
    }
}

fn task(out: &mut impl Write, task: &Task) -> io::Result<()> {
    let element = if task.has_ended { "taskend" } else { "taskbegin" };
    let (name, extra) = (escape(task.name.as_bytes()), escape(task.extra.as_bytes()));
    let extra = if extra.is_empty() || !task.has_ended { String::new() } else { format!(" extrainfo=\"{extra}\"") };
    writeln!(out, "<{element} task=\"{name}\" time=\"{}\"{extra}/>", task.time)
}

fn progress(out: &mut impl Write, progress: &Progress) -> io::Result<()> {
    let Progress { task, time, percent, remaining, etc, .. } = progress;
    let task = escape(task.as_bytes());
    writeln!(
        out,
        "<taskprogress task=\"{task}\" time=\"{time}\" percent=\"{percent:.2}\" remaining=\"{remaining}\" etc=\"{etc}\"/>"
    )
}

/// A host that was found up.
fn hint(out: &mut impl Write, host: &Host) -> io::Result<()> {
    write!(out, "<hosthint>")?;
    // As in the reference, which knows so early only what neighbours answered.
    let reason = match host.reason {
        Reason::ArpResponse | Reason::NdResponse => host.reason,
        _ => Reason::UnknownResponse,
    };
    writeln!(out, "<status state=\"up\" reason=\"{}\" reason_ttl=\"0\"/>", reason.as_str())?;
    address(out, host)?;
    hostnames(out, host)?;
    writeln!(out, "</hosthint>")
}

/// Declaration, comment, root element and what was asked for.
pub fn start(out: &mut impl Write, run: &Run, options: &ReportOptions) -> io::Result<()> {
    let (args, started) = (escape(run.command_line.as_bytes()), text::date(run.started_at));
    writeln!(out, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<!DOCTYPE nmaprun>")?;
    if let Some(stylesheet) = &options.stylesheet {
        let stylesheet = escape(stylesheet.as_bytes());
        writeln!(out, "<?xml-stylesheet href=\"{stylesheet}\" type=\"text/xsl\"?>")?;
    }
    writeln!(out, "<!-- {} scan initiated {started} as: {args} -->", options.product())?;
    writeln!(
        out,
        "<nmaprun scanner=\"nmap\" args=\"{args}\" start=\"{}\" startstr=\"{started}\" version=\"{NMAP_VERSION}\" \
         xmloutputversion=\"1.05\">",
        run.started_at
    )?;
    run.scans.iter().try_for_each(|scan| scan_info(out, scan))?;
    writeln!(out, "<verbose level=\"{}\"/>\n<debugging level=\"{}\"/>", run.verbose, run.debugging)
}

/// An expression that named no target.
pub fn rejected_target(out: &mut impl Write, expression: &str) -> io::Result<()> {
    let expression = escape(expression.as_bytes());
    writeln!(out, "<target specification=\"{expression}\" status=\"skipped\" reason=\"invalid\"/>")
}

/// Results of the pre-scan phase; nothing when there are none.
pub fn prescripts(out: &mut impl Write, results: &[ScriptResult]) -> io::Result<()> {
    enclosed_scripts(out, "prescript", results)
}

/// Results of the post-scan phase; nothing when there are none.
pub fn postscripts(out: &mut impl Write, results: &[ScriptResult]) -> io::Result<()> {
    enclosed_scripts(out, "postscript", results)
}

/// All about one host.
pub fn host(out: &mut impl Write, host: &Host, options: &ReportOptions) -> io::Result<()> {
    if options.hides(host) {
        return Ok(());
    }
    write!(out, "<host")?;
    if options.port_scan && host.state == HostState::Up {
        write!(out, " starttime=\"{}\" endtime=\"{}\"", host.started_at, host.ended_at)?;
    }
    if host.timed_out {
        write!(out, " timedout=\"true\"")?;
    }
    if host.is_partial {
        write!(out, " comment=\"{PARTIAL}\"")?;
    }
    let (state, reason, ttl) = (host.state, host.reason, host.reason_ttl);
    writeln!(out, "><status state=\"{state}\" reason=\"{reason}\" reason_ttl=\"{ttl}\"/>")?;
    address(out, host)?;
    if host.state == HostState::Up || host.name().is_some() {
        hostnames(out, host)?;
    }
    if options.port_scan && host.state == HostState::Up && !host.timed_out {
        ports(out, host, options)?;
    }
    if !host.timed_out {
        enclosed_scripts(out, "hostscript", &host.scripts)?;
    }
    if let Some(trace) = &host.trace {
        self::trace(out, trace, host)?;
    }
    if let Some(times) = host.times {
        let (srtt, rttvar, to) = (times.srtt_us, times.rttvar_us, times.timeout_us);
        writeln!(out, "<times srtt=\"{srtt}\" rttvar=\"{rttvar}\" to=\"{to}\"/>")?;
    }
    writeln!(out, "</host>")
}

/// Counts, how the run ended, and the end of the root element.
pub fn finish(out: &mut impl Write, run: &Run, options: &ReportOptions) -> io::Result<()> {
    let (ended, elapsed) = (text::date(run.ended_at), text::seconds(run.elapsed_ms));
    let exit = match &run.exit {
        Exit::Success => "exit=\"success\"".to_string(),
        Exit::Error(message) => format!("exit=\"error\" errormsg=\"{}\"", escape(message.as_bytes())),
    };
    write!(
        out,
        "<runstats><finished time=\"{}\" timestr=\"{ended}\" summary=\"{} done at {ended}; {}\" elapsed=\"{elapsed}\" \
         {exit}/>",
        run.ended_at,
        options.name(),
        text::summary(run)
    )?;
    let (up, down, total) = (run.hosts_up, run.hosts_down, run.hosts_total());
    writeln!(out, "<hosts up=\"{up}\" down=\"{down}\" total=\"{total}\"/>\n</runstats>\n</nmaprun>")
}

/// Escapes for attributes, text and comments alike: the second of two dashes too, so that no comment ends early.
pub fn escape(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len());
    let mut before = 0;
    for &byte in bytes {
        match byte {
            b'&' => text.push_str("&amp;"),
            b'<' => text.push_str("&lt;"),
            b'>' => text.push_str("&gt;"),
            b'"' => text.push_str("&quot;"),
            b'\'' => text.push_str("&apos;"),
            b'-' if before == b'-' => text.push_str("&#45;"),
            0..0x20 | 0x80.. => {
                // Writing to a string cannot fail.
                let _ = write!(text, "&#x{byte:x};");
            }
            _ => text.push(char::from(byte)),
        }
        before = byte;
    }
    text
}

/// Unlike in normal output, a carriage return stays one.
fn escape_output(bytes: &[u8]) -> String {
    let lines: Vec<String> = bytes.split(|&byte| byte == b'\r').map(text::printable).collect();
    escape(lines.join("\r").as_bytes())
}

fn scan_info(out: &mut impl Write, scan: &ScanInfo) -> io::Result<()> {
    let (kind, protocol, count, services) = (scan.kind, scan.protocol, scan.ports.len(), text::ranges(&scan.ports));
    writeln!(out, "<scaninfo type=\"{kind}\" protocol=\"{protocol}\" numservices=\"{count}\" services=\"{services}\"/>")
}

fn address(out: &mut impl Write, host: &Host) -> io::Result<()> {
    let kind = match host.address {
        IpAddr::V4(_) => "ipv4",
        IpAddr::V6(_) => "ipv6",
    };
    writeln!(out, "<address addr=\"{}\" addrtype=\"{kind}\"/>", host.address)?;
    if let Some(mac) = &host.mac {
        let vendor = host.mac_vendor.as_ref().map(|vendor| format!(" vendor=\"{}\"", escape(vendor.as_bytes())));
        let vendor = vendor.unwrap_or_default();
        writeln!(out, "<address addr=\"{}\" addrtype=\"mac\"{vendor}/>", text::mac(mac))?;
    }
    Ok(())
}

/// The way to a host; on the same link nothing was sent to find it.
fn trace(out: &mut impl Write, trace: &Trace, host: &Host) -> io::Result<()> {
    let port = match trace.port {
        Some((protocol, port)) => format!(" port=\"{port}\" proto=\"{protocol}\""),
        // The reference names ICMP for IPv4 only.
        None if host.mac.is_some() || host.address.is_ipv6() => String::new(),
        None => " proto=\"icmp\"".to_owned(),
    };
    writeln!(out, "<trace{port}>")?;
    for hop in &trace.hops {
        let name = hop.name.as_ref().map(|name| format!(" host=\"{}\"", escape(name.as_bytes()))).unwrap_or_default();
        let rtt = text::milliseconds(hop.rtt_us);
        writeln!(out, "<hop ttl=\"{}\" ipaddr=\"{}\" rtt=\"{rtt}\"{name}/>", hop.ttl, hop.address)?;
    }
    writeln!(out, "</trace>")
}

fn hostnames(out: &mut impl Write, host: &Host) -> io::Result<()> {
    writeln!(out, "<hostnames>")?;
    for (name, kind) in [(&host.target_name, "user"), (&host.reverse_name, "PTR")] {
        if let Some(name) = name {
            writeln!(out, "<hostname name=\"{}\" type=\"{kind}\"/>", escape(name.as_bytes()))?;
        }
    }
    writeln!(out, "</hostnames>")
}

fn ports(out: &mut impl Write, host: &Host, options: &ReportOptions) -> io::Result<()> {
    let folded = text::fold(&host.ports, options);
    write!(out, "<ports>")?;
    folded.counted.iter().try_for_each(|counted| extra_ports(out, counted))?;
    folded.listed.iter().try_for_each(|listed| port(out, listed))?;
    writeln!(out, "</ports>")
}

fn extra_ports(out: &mut impl Write, counted: &CountedState) -> io::Result<()> {
    writeln!(out, "<extraports state=\"{}\" count=\"{}\">", counted.state, counted.count)?;
    for reason in &counted.reasons {
        let (count, ports) = (reason.ports.len(), text::ranges(&reason.ports));
        let (name, protocol) = (reason.reason, reason.protocol);
        writeln!(out, "<extrareasons reason=\"{name}\" count=\"{count}\" proto=\"{protocol}\" ports=\"{ports}\"/>")?;
    }
    writeln!(out, "</extraports>")
}

/// One line, unless a script has children.
fn port(out: &mut impl Write, port: &Port) -> io::Result<()> {
    let (state, reason, ttl) = (port.state, port.reason, port.reason_ttl);
    write!(out, "<port protocol=\"{}\" portid=\"{}\">", port.protocol, port.number)?;
    let other = port.reason_address.map(|address| format!(" reason_ip=\"{address}\"")).unwrap_or_default();
    write!(out, "<state state=\"{state}\" reason=\"{reason}\" reason_ttl=\"{ttl}\"{other}/>")?;
    let found = port.version.as_deref();
    match (port.service_name(), found) {
        (Some(name), _) => service(out, name, found)?,
        (None, Some(version)) if version.fingerprint.is_some() || version.tls_tunnel || version.product.is_some() => {
            service(out, "unknown", found)?;
        }
        _ => {}
    }
    port.scripts.iter().try_for_each(|result| script(out, result))?;
    writeln!(out, "</port>")
}

fn service(out: &mut impl Write, name: &str, version: Option<&Version>) -> io::Result<()> {
    write!(out, "<service name=\"{}\"", escape(name.as_bytes()))?;
    let Some(version) = version else {
        return write!(out, " method=\"table\" conf=\"{TABLE_CONFIDENCE}\"/>");
    };
    let optional = [
        ("product", &version.product),
        ("version", &version.version),
        ("extrainfo", &version.extra_info),
        ("hostname", &version.hostname),
        ("ostype", &version.os_type),
        ("devicetype", &version.device_type),
        ("servicefp", &version.fingerprint),
    ];
    for (attribute, value) in optional {
        if let Some(value) = value {
            write!(out, " {attribute}=\"{}\"", escape(value.as_bytes()))?;
        }
    }
    if version.tls_tunnel {
        write!(out, " tunnel=\"ssl\"")?;
    }
    let method = if version.probed { "probed" } else { "table" };
    write!(out, " method=\"{method}\" conf=\"{}\"", version.confidence)?;
    if version.cpes.is_empty() {
        return write!(out, "/>");
    }
    write!(out, ">")?;
    version.cpes.iter().try_for_each(|cpe| write!(out, "<cpe>{}</cpe>", escape(cpe.as_bytes())))?;
    write!(out, "</service>")
}

fn enclosed_scripts(out: &mut impl Write, element: &str, results: &[ScriptResult]) -> io::Result<()> {
    if results.is_empty() {
        return Ok(());
    }
    write!(out, "<{element}>")?;
    results.iter().try_for_each(|result| script(out, result))?;
    write!(out, "</{element}>")
}

fn script(out: &mut impl Write, result: &ScriptResult) -> io::Result<()> {
    let (id, output) = (escape(result.id.as_bytes()), escape_output(&result.output));
    write!(out, "<script id=\"{id}\" output=\"{output}\"")?;
    match &result.structured {
        None => return write!(out, "/>"),
        Some(Element::Text(text)) => write!(out, ">{}", escape_output(text))?,
        Some(Element::Table(pairs)) => {
            write!(out, ">")?;
            table(out, pairs)?;
        }
    }
    write!(out, "</script>")
}

/// The pairs of a table; the depth is that of the script's value, which its maker limits.
fn table(out: &mut impl Write, pairs: &[(Option<Vec<u8>>, Element)]) -> io::Result<()> {
    for (key, value) in pairs {
        let key = key.as_ref().map(|key| format!(" key=\"{}\"", escape_output(key))).unwrap_or_default();
        match value {
            Element::Text(text) => writeln!(out, "<elem{key}>{}</elem>", escape_output(text))?,
            Element::Table(pairs) => {
                writeln!(out, "<table{key}>")?;
                table(out, pairs)?;
                writeln!(out, "</table>")?;
            }
        }
    }
    Ok(())
}
