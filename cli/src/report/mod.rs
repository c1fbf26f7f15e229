//! Reports: what a run found, as text for people and in formats for programs.
//!
//! A run is a stream of [`Event`]s; every output is a [`Sink`] that takes them one by one, and so is written as things
//! happen. Files read back give the same events, so that one format can be made from another. What formats must agree
//! on (which ports are folded, how text is made printable) is in `text`.
//!
//! # Source
//! The layout of Nmap's normal, grepable and XML output; names of our own in the first and last line unless `compat`
//! is set.

pub mod diff;
pub mod document;
pub mod grepable;
pub mod html;
pub mod json;
pub mod normal;
pub mod read;
pub mod read_xml;
pub mod text;
pub mod xml;

#[cfg(test)]
mod golden;
#[cfg(test)]
mod samples;

use perilune_scan::result::{Host, HostState, PortState, Protocol, Reason, Run, ScriptResult, Version};
use std::io;
use std::net::IpAddr;
use std::path::PathBuf;

/// The version whose behaviour and formats we follow; programs that read the XML look for it.
pub const NMAP_VERSION: &str = "7.991";

/// Something that happened in a run.
#[derive(Clone, Debug)]
pub enum Event {
    /// The first event.
    Start(Box<Run>),
    /// An expression that named no target.
    TargetRejected(String),
    Task(Task),
    Progress(Progress),
    /// A host was found up; more about it comes with [`Event::Host`].
    HostUp(Box<Host>),
    /// Ports that were decided.
    Ports(Decided),
    /// What version detection found out.
    Service {
        address: IpAddr,
        protocol: Protocol,
        number: u16,
        version: Box<Version>,
    },
    /// A script is done with a host or one of its ports; most give no result.
    Script {
        address: IpAddr,
        port: Option<(Protocol, u16)>,
        id: String,
        result: Option<ScriptResult>,
    },
    PreScripts(Vec<ScriptResult>),
    PostScripts(Vec<ScriptResult>),
    /// All about a host: nothing more comes of it.
    Host(Box<Host>),
    /// For people: a warning, an error, a line of a trace.
    Message {
        kind: MessageKind,
        text: String,
    },
    /// The last event.
    End(Box<Run>),
}

/// What a message is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum MessageKind {
    Warning,
    Error,
    /// On the terminal only.
    Trace,
}

/// Part of a run, such as the port scan of a group.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Task {
    pub name: String,
    /// Seconds since 1970.
    pub time: u64,
    pub has_ended: bool,
    /// How long it took; 0 at its beginning.
    pub elapsed_ms: u64,
    /// What it works on, or worked on: `2 hosts [3 ports/host]`, `6 total ports`.
    pub extra: String,
}

/// How far a task is.
#[derive(Clone, PartialEq, Debug)]
pub struct Progress {
    pub task: String,
    /// Seconds since 1970.
    pub time: u64,
    pub percent: f64,
    /// Seconds to its likely end, and when that is.
    pub remaining: u64,
    pub etc: u64,
    /// Since the start of the run, milliseconds.
    pub elapsed_ms: u64,
    pub hosts_done: u64,
    pub hosts_up: u64,
    /// Hosts the task works on.
    pub hosts_now: u64,
}

/// Ports of one host with the same state.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Decided {
    pub address: IpAddr,
    pub protocol: Protocol,
    pub state: PortState,
    pub reason: Reason,
    pub ttl: u8,
    /// Who says so, if not the host.
    pub other: Option<IpAddr>,
    /// Ascending.
    pub ports: Vec<u16>,
}

/// An output.
pub trait Sink {
    /// Writes what the format says of an event.
    ///
    /// # Errors
    /// What writing gives.
    fn event(&mut self, event: &Event) -> io::Result<()>;

    /// The user wants to see more, or less, from now on.
    fn set_levels(&mut self, verbose: u8, debugging: u8) {
        let _ = (verbose, debugging);
    }
}

/// What the command line says about reports.
#[derive(Clone, Default, Debug)]
pub struct ReportOptions {
    pub verbose: u8,
    pub debugging: u8,
    /// Normal output goes to a file, not to the terminal.
    pub in_file: bool,
    /// `--reason`
    pub reason: bool,
    /// `--open`
    pub open_only: bool,
    /// `-sV` ran.
    pub version_scan: bool,
    /// Ports were scanned: neither `-sn` nor `-sL`.
    pub port_scan: bool,
    /// Scripts ran.
    pub scripts: bool,
    /// Nmap's name in the first and last lines.
    pub compat: bool,
    /// Data files that were read.
    pub data_files: Vec<PathBuf>,
    /// For the XML.
    pub stylesheet: Option<String>,
}

impl ReportOptions {
    /// Other levels of `-v` and `-d`.
    pub fn set_levels(&mut self, verbose: u8, debugging: u8) {
        (self.verbose, self.debugging) = (verbose, debugging);
    }

    /// What a run's own words say, for files that are made from it later.
    pub fn of(run: &Run) -> ReportOptions {
        let has = |word: &str| run.args.iter().any(|arg| arg == word);
        ReportOptions {
            verbose: run.verbose,
            debugging: run.debugging,
            in_file: false,
            reason: has("--reason") || run.debugging > 0 || run.verbose > 1,
            open_only: has("--open"),
            version_scan: run.args.iter().any(|arg| arg == "-A" || (arg.starts_with("-s") && arg.contains('V'))),
            port_scan: !run.scans.is_empty(),
            scripts: run.args.iter().any(|arg| arg.trim_start_matches('-').starts_with("script") || arg == "-sC"),
            compat: false,
            data_files: Vec::new(),
            stylesheet: None,
        }
    }

    /// Name and version for the first line.
    pub fn product(&self) -> String {
        if self.compat {
            format!("Nmap {NMAP_VERSION}")
        } else {
            concat!("Perilune ", env!("CARGO_PKG_VERSION")).into()
        }
    }

    /// Name for the last line.
    pub fn name(&self) -> &'static str {
        if self.compat { "Nmap" } else { "Perilune" }
    }

    /// Whether the host is left out of every report: `--open` and nothing open, or down without `-v`.
    pub fn hides(&self, host: &Host) -> bool {
        match host.state {
            HostState::Down | HostState::Skipped => self.verbose == 0 || self.open_only,
            HostState::Up | HostState::Unknown => {
                self.open_only && self.port_scan && !host.ports.iter().any(|port| port.state.can_be_open())
            }
        }
    }
}
