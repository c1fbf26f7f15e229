//! A report for a browser: one file that needs no network, to read, sort and filter.
//!
//! Each host is written as it is finished, as plain HTML that can be read without scripts. A script of our own then
//! adds what goes across hosts: the overview of hosts and ports, the time line, sorting and filtering. Everything that
//! came from the network is escaped, and the page forbids itself to load or run anything else.

use super::document::{Document, Target};
use super::text::{self};
use super::{Event, ReportOptions, Sink};
use perilune_scan::result::{Exit, Host, HostState, Port, Run, ScriptResult};
use std::fmt::Write as _;
use std::io;

pub const STYLE: &str = include_str!("html.css");
pub const SCRIPT: &str = include_str!("html.js");

/// Writes it, a whole page at any moment.
#[derive(Debug)]
pub struct Html {
    document: Document,
    options: ReportOptions,
    run: Run,
}

impl Html {
    pub fn new(target: Target, options: ReportOptions) -> Html {
        Html { document: Document::new(target), options, run: Run::new(String::new(), 0) }
    }

    fn add(&mut self, part: &str) -> io::Result<()> {
        let run = Run { exit: Exit::Error("the scan did not end".into()), ..self.run.clone() };
        self.document.add(part.as_bytes(), || closing(&run).into_bytes())
    }
}

impl Sink for Html {
    fn set_levels(&mut self, verbose: u8, debugging: u8) {
        self.options.set_levels(verbose, debugging);
    }

    fn event(&mut self, event: &Event) -> io::Result<()> {
        match event {
            Event::Start(run) => {
                self.run = (**run).clone();
                self.add(&head(run, &self.options))
            }
            Event::PreScripts(results) => self.add(&phase("Pre-scan script results", results)),
            Event::PostScripts(results) => self.add(&phase("Post-scan script results", results)),
            Event::Host(host) => {
                match host.state {
                    HostState::Up => self.run.hosts_up += 1,
                    _ => self.run.hosts_down += 1,
                }
                if self.options.hides(host) { Ok(()) } else { self.add(&section(host, &self.options)) }
            }
            Event::End(run) => self.document.finish(closing(run).as_bytes()),
            _ => Ok(()),
        }
    }
}

/// Escapes text for HTML; what is no printable character is shown as in the other reports.
pub fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            c => out.push(c),
        }
    }
    out
}

fn shown(text: &str) -> String {
    escape(&text::printable(text.as_bytes()))
}

fn head(run: &Run, options: &ReportOptions) -> String {
    let (product, started) = (escape(&options.product()), text::date(run.started_at));
    let mut ports = String::new();
    for scan in &run.scans {
        // Writing to a string cannot fail.
        let _ = write!(ports, "<li>{} {} ports by {} scan</li>", scan.ports.len(), scan.protocol, scan.kind);
    }
    format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'; \
         script-src 'unsafe-inline'\">\n<meta name=\"viewport\" content=\"width=device-width\">\n\
         <title>Scan of {started}</title>\n<style>\n{STYLE}</style>\n</head>\n<body>\n\
         <header><h1>Scan of {started}</h1>\n<p><code>{}</code></p>\n<ul><li>{product}</li>{ports}</ul>\n\
         <p class=\"filter\"><label>Filter <input id=\"filter\" type=\"search\" \
         placeholder=\"host, port, service, text\"></label> \
         <label><input id=\"open\" type=\"checkbox\"> open ports only</label> <span id=\"count\"></span></p>\n\
         </header>\n<section id=\"overview\" hidden><h2>Overview</h2><div class=\"wide\"></div></section>\n\
         <section id=\"timeline\" hidden><h2>Time line</h2><div class=\"wide\"></div></section>\n<main>\n",
        shown(&run.command_line)
    )
}

fn closing(run: &Run) -> String {
    let summary = text::summary(run);
    let end = match &run.exit {
        Exit::Success => String::new(),
        Exit::Error(message) => format!(" <strong class=\"error\">{}</strong>", shown(message)),
    };
    format!("</main>\n<footer><p>{summary}{end}</p></footer>\n<script>\n{SCRIPT}</script>\n</body>\n</html>\n")
}

fn phase(title: &str, results: &[ScriptResult]) -> String {
    if results.is_empty() {
        return String::new();
    }
    format!("<section class=\"phase\"><h2>{title}</h2>\n{}</section>\n", scripts(results))
}

fn scripts(results: &[ScriptResult]) -> String {
    let mut out = String::new();
    for result in results {
        let output = escape(&text::printable(&result.output));
        let _ = writeln!(
            out,
            "<details open><summary>{}</summary><pre>{}</pre></details>",
            shown(&result.id),
            output.trim_matches('\n')
        );
    }
    out
}

fn section(host: &Host, options: &ReportOptions) -> String {
    let address = host.address.to_string();
    let name = host.name().map(|name| format!(" <small>{}</small>", shown(name))).unwrap_or_default();
    let mut out = format!(
        "<section class=\"host\" id=\"h-{address}\" data-address=\"{address}\" data-state=\"{}\" data-start=\"{}\" \
         data-end=\"{}\">\n<h2>{address}{name} <span class=\"state {}\">{}</span></h2>\n",
        host.state, host.started_at, host.ended_at, host.state, host.state
    );
    let mut facts = vec![format!("reason {}", host.reason)];
    facts.extend(host.times.map(|times| format!("latency {}", text::latency(times.srtt_us))));
    if let Some(reverse) = host.reverse_name.as_ref().filter(|name| host.target_name.as_ref() != Some(name)) {
        facts.push(format!("reverse name {}", shown(reverse)));
    }
    facts.extend(host.mac.map(|mac| format!("hardware address {}", text::mac(&mac))));
    if host.is_partial {
        facts.push("the scan was stopped before its end".into());
    }
    if host.timed_out {
        facts.push("given up: host time-out".into());
    }
    let folded = text::fold(&host.ports, options);
    for counted in &folded.counted {
        facts.push(format!("{} {} ports not shown", counted.count, counted.state));
    }
    let _ = writeln!(out, "<p>{}</p>", facts.join(" · "));
    if !folded.listed.is_empty() {
        out.push_str("<table><thead><tr><th>Port</th><th>State</th><th>Service</th><th>Version</th><th>Reason</th><th>Scripts</th></tr></thead>\n<tbody>\n");
        folded.listed.iter().for_each(|port| row(&mut out, port));
        out.push_str("</tbody></table>\n");
    }
    if !host.scripts.is_empty() {
        let _ = write!(out, "<h3>Host scripts</h3>\n{}", scripts(&host.scripts));
    }
    if let Some(trace) = &host.trace {
        out.push_str("<h3>Way</h3>\n<ol>\n");
        for hop in &trace.hops {
            let name = hop.name.as_ref().map(|name| format!(" ({})", shown(name))).unwrap_or_default();
            let rtt = text::milliseconds(hop.rtt_us);
            let _ = writeln!(out, "<li value=\"{}\">{}{name} {rtt} ms</li>", hop.ttl, hop.address);
        }
        out.push_str("</ol>\n");
    }
    out.push_str("</section>\n");
    out
}

fn row(out: &mut String, port: &Port) {
    let service = port.service_name().map(shown).unwrap_or_else(|| "unknown".into());
    let tunnel = if port.version.as_deref().is_some_and(|version| version.tls_tunnel) { "ssl/" } else { "" };
    let state = port.state;
    let class = if state.can_be_open() { "open" } else { state.as_str() };
    let _ = writeln!(
        out,
        "<tr class=\"{class}\"><td data-sort=\"{}\">{}/{}</td><td>{state}</td><td>{tunnel}{service}</td><td>{}</td>\
         <td>{}{}</td><td>{}</td></tr>",
        port.number,
        port.number,
        port.protocol,
        escape(&text::version(port)),
        port.reason,
        port.reason_address.map(|address| format!(" from {address}")).unwrap_or_default(),
        scripts(&port.scripts)
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_came_from_the_network_stays_text() {
        let mut host = Host::new("10.0.0.1".parse().unwrap());
        host.reverse_name = Some("<script>alert(1)</script>".into());
        host.scripts = vec![ScriptResult {
            id: "x".into(),
            output: b"\"</pre><script>alert(2)</script>\x01\xff".to_vec(),
            structured: None,
        }];
        let page = section(&host, &ReportOptions { port_scan: true, ..ReportOptions::default() });
        assert!(!page.contains("<script>") && page.contains("&lt;script&gt;alert(1)"), "{page}");
        assert!(page.contains("\\x01\\xFF"));
    }
}
