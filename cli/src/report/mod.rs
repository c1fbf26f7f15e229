//! Reports: what a run found, as text for people and as XML for programs.
//!
//! Each format is a set of functions, one per part, that write to any sink, so that a host is printed as soon as it is
//! finished. What both formats must agree on (which ports are folded, how text is made printable) is in `text`.
//!
//! # Source
//! The layout of Nmap's normal and XML output; names of our own in the first and last line unless `compat` is set.

pub mod normal;
pub mod text;
pub mod xml;

#[cfg(test)]
mod samples;

use perilune_scan::result::{Host, HostState};

/// The version whose behaviour and formats we follow; programs that read the XML look for it.
pub const NMAP_VERSION: &str = "7.991";

/// What the command line says about reports.
#[derive(Clone, Copy, Default, Debug)]
pub struct ReportOptions {
    pub verbose: u8,
    pub debugging: u8,
    /// `--reason`
    pub reason: bool,
    /// `--open`
    pub open_only: bool,
    /// `-sV` ran.
    pub version_scan: bool,
    /// Ports were scanned: neither `-sn` nor `-sL`.
    pub port_scan: bool,
    /// Nmap's name in the first and last lines.
    pub compat: bool,
}

impl ReportOptions {
    /// Name and version for the first line.
    fn product(&self) -> String {
        if self.compat {
            format!("Nmap {NMAP_VERSION}")
        } else {
            concat!("Perilune ", env!("CARGO_PKG_VERSION")).into()
        }
    }

    /// Name for the last line.
    fn name(&self) -> &'static str {
        if self.compat { "Nmap" } else { "Perilune" }
    }

    /// Whether the host is left out of every report: `--open` and nothing open, or down without `-v`.
    pub fn hides(&self, host: &Host) -> bool {
        match host.state {
            HostState::Down | HostState::Skipped => self.verbose == 0,
            HostState::Up | HostState::Unknown => {
                self.open_only && self.port_scan && !host.ports.iter().any(|port| port.state.can_be_open())
            }
        }
    }
}
