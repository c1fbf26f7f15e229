//! Grepable output: a line or two for each host. Scripts are never in it.

use super::text::{self, CountedState};
use super::{Event, ReportOptions, Sink};
use perilune_scan::result::{Exit, Host, HostState, Port, PortState, Protocol, Run};
use std::io::{self, Write};

/// In front of a host whose scan was stopped.
pub const PARTIAL: &str = "# Partial: ";

/// Writes it.
#[derive(Debug)]
pub struct Grepable<W> {
    out: W,
    options: ReportOptions,
}

impl<W: Write> Grepable<W> {
    pub fn new(out: W, options: ReportOptions) -> Grepable<W> {
        Grepable { out, options }
    }

    fn start(&mut self, run: &Run) -> io::Result<()> {
        super::normal::initiated(&mut self.out, run, &self.options)?;
        if run.verbose == 0 {
            return Ok(());
        }
        let list = |protocol: Protocol| {
            let scan = run.scans.iter().find(|scan| scan.protocol == protocol);
            scan.map_or("0;".to_owned(), |scan| format!("{};{}", scan.ports.len(), text::ranges(&scan.ports)))
        };
        let lists = [Protocol::Tcp, Protocol::Udp, Protocol::Sctp, Protocol::Ip].map(list);
        let [tcp, udp, sctp, ip] = lists;
        writeln!(self.out, "# Ports scanned: TCP({tcp}) UDP({udp}) SCTP({sctp}) PROTOCOLS({ip})")
    }

    fn host(&mut self, host: &Host) -> io::Result<()> {
        if self.options.hides(host) {
            return Ok(());
        }
        let name = host.name().map(|name| text::printable(name.as_bytes())).unwrap_or_default();
        let head = format!("Host: {} ({name})", host.address);
        if host.is_partial {
            writeln!(self.out, "{PARTIAL}{}", host.address)?;
        }
        let status = match host.state {
            HostState::Up => "Up",
            HostState::Down => "Down",
            HostState::Unknown | HostState::Skipped => "Unknown",
        };
        writeln!(self.out, "{head}\tStatus: {status}")?;
        if host.timed_out {
            writeln!(self.out, "{head}\tStatus: Timeout")?;
        }
        if !self.options.port_scan || host.state != HostState::Up || host.timed_out {
            return Ok(());
        }
        let folded = text::fold(&host.ports, &self.options);
        let ports: Vec<String> = folded.listed.iter().map(|port| self.port(port)).collect();
        write!(self.out, "{head}\tPorts: {}", ports.join(", "))?;
        if let [CountedState { state, count, .. }] = &folded.counted[..] {
            write!(self.out, "\tIgnored State: {state} ({count})")?;
        }
        writeln!(self.out)
    }

    /// `number/state/protocol/owner/service/rpc/version/`
    fn port(&self, port: &Port) -> String {
        let found = port.version.as_deref();
        let name = port.service_name().map(|name| text::printable(name.as_bytes())).unwrap_or_default();
        let tunnel = if found.is_some_and(|version| version.tls_tunnel) { "ssl|" } else { "" };
        let probed = found.is_some_and(|version| version.probed);
        let doubt = self.options.version_scan && port.state == PortState::Open && !probed && !name.is_empty();
        let doubt = if doubt { "?" } else { "" };
        let service = format!("{tunnel}{name}{doubt}").replace('/', "|");
        let version = text::version(port).replace('/', "|");
        format!("{}/{}/{}//{service}//{version}/", port.number, port.state, port.protocol)
    }
}

impl<W: Write> Sink for Grepable<W> {
    fn set_levels(&mut self, verbose: u8, debugging: u8) {
        self.options.set_levels(verbose, debugging);
    }

    fn event(&mut self, event: &Event) -> io::Result<()> {
        match event {
            Event::Start(run) => self.start(run)?,
            Event::Host(host) => self.host(host)?,
            Event::End(run) => match &run.exit {
                Exit::Success => super::normal::done_in_file(&mut self.out, run, &self.options)?,
                Exit::Error(message) => super::normal::stopped(&mut self.out, message, run, &self.options)?,
            },
            _ => return Ok(()),
        }
        self.out.flush()
    }
}
