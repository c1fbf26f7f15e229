//! Going on with a scan that was stopped or killed.
//!
//! Lines of JSON hold everything that happened, so from them nothing is done twice: hosts that were done are reported
//! again from the log, and of a host that was not, the ports that were decided and the services that were recognised
//! are taken over. XML holds whole hosts. The command line is the log's, and all its other outputs are written anew
//! from the log, so that no torn file is left. Normal and grepable output hold less: if the scan wrote one of the
//! others too, that is read in their place, else they are added to, and hosts that are in them are passed over.

use crate::options::{Options, Parsed};
use crate::outputs;
use crate::report::read::{self, Format};
use crate::report::{Decided, Event, grepable, json, normal};
use crate::scan::{self, Failure};
use crate::words;
use perilune_scan::result::{Host, Protocol, Run, ScriptResult, Version};
use std::collections::{HashMap, HashSet};
use std::ffi::OsString;
use std::net::IpAddr;
use std::path::Path;

/// What was done before.
#[derive(Debug, Default)]
pub struct Resumed {
    /// The start of the run.
    pub run: Option<Run>,
    /// Hosts with nothing left to do, in the order of the log.
    pub done: Vec<Host>,
    /// Of a log that is added to: addresses with nothing left to do.
    pub passed: Vec<IpAddr>,
    pub prescripts: Option<Vec<ScriptResult>>,
    /// Ports of hosts that are not done.
    ports: HashMap<IpAddr, Vec<Decided>>,
    services: HashMap<IpAddr, Vec<(Protocol, u16, Box<Version>)>>,
    /// Hosts whose version detection was done.
    detected: HashSet<IpAddr>,
    /// Scripts that were done.
    scripts: HashMap<Instance, Option<ScriptResult>>,
}

/// A script for a host or one of its ports.
type Instance = (IpAddr, Option<(Protocol, u16)>, String);

impl Resumed {
    /// Gives a host what is known of it.
    pub fn restore(&mut self, host: &mut Host) {
        for decided in self.ports.remove(&host.address).unwrap_or_default() {
            host.ports.extend(json::ports_of(&decided));
        }
        host.ports.sort_by_key(|port| (port.protocol, port.number));
        host.ports.dedup_by_key(|port| (port.protocol, port.number));
        for (protocol, number, version) in self.services.get(&host.address).cloned().unwrap_or_default() {
            let port = host.ports.iter_mut().find(|port| port.protocol == protocol && port.number == number);
            port.into_iter().for_each(|port| port.version = Some(version.clone()));
        }
        for ((address, place, _), result) in &self.scripts {
            if *address != host.address {
                continue;
            }
            let results = match place {
                None => Some(&mut host.scripts),
                Some((protocol, number)) => {
                    let port = host.ports.iter_mut().find(|port| port.protocol == *protocol && port.number == *number);
                    port.map(|port| &mut port.scripts)
                }
            };
            if let (Some(results), Some(result)) = (results, result) {
                results.push(result.clone());
            }
        }
    }

    /// Whether a script was done.
    pub fn has_script(&self, address: IpAddr, port: Option<(Protocol, u16)>, id: &str) -> bool {
        self.scripts.contains_key(&(address, port, id.to_owned()))
    }

    /// Whether version detection of the host was done.
    pub fn has_version(&self, address: IpAddr) -> bool {
        self.detected.contains(&address)
    }
}

/// Goes on with the scan of a log; the exit status.
///
/// # Errors
/// The log can't be read, holds a scan that ended, or what [`scan::run`] says.
pub fn resume(log: &Path) -> Result<u8, Failure> {
    let text = crate::plan::read(log)?;
    if let Some(text) = TextLog::read(&text) {
        return text.resume(log);
    }
    let (format, events) = read::events(log).map_err(|error| Failure(error.to_string()))?;
    let mut resumed = Resumed::default();
    let mut finished = HashSet::new();
    for event in events {
        match event {
            Event::Start(run) => resumed.run = Some(*run),
            Event::PreScripts(results) => resumed.prescripts = Some(results),
            Event::Ports(decided) => resumed.ports.entry(decided.address).or_default().push(decided),
            Event::Service { address, protocol, number, version } => {
                resumed.services.entry(address).or_default().push((protocol, number, version));
            }
            Event::Task(task) if task.has_ended && task.name == "Service scan" => {
                // Events of a group come together: all that has services now was in it, or in one before.
                let known = resumed.services.keys().chain(resumed.ports.keys());
                resumed.detected = known.copied().collect();
            }
            Event::Script { address, port, id, result } => {
                resumed.scripts.insert((address, port, id), result);
            }
            Event::Host(host) if !host.is_partial && finished.insert(host.address) => resumed.done.push(*host),
            Event::End(run) if run.exit == perilune_scan::result::Exit::Success => {
                return Err(has_ended(log));
            }
            _ => {}
        }
    }
    let Some(run) = &resumed.run else { return Err(Failure(format!("{} does not hold a scan", log.display()))) };
    let args = run.args.clone();
    let options = options_of(&args, log)?;
    if format == Format::Json && options.output_json.is_none() {
        return Err(Failure(format!("{} was not written by the scan that it holds", log.display())));
    }
    scan::run(&options, args, resumed)
}

fn has_ended(log: &Path) -> Failure {
    Failure(format!("{} holds a scan that ended: there is nothing to go on with", log.display()))
}

fn options_of(args: &[String], log: &Path) -> Result<Box<Options>, Failure> {
    match Options::parse_args(args.iter().map(OsString::from).collect()) {
        Ok(Parsed::Scan(options)) => Ok(options),
        _ => Err(Failure(format!("the command line in {} is wrong", log.display()))),
    }
}

/// What normal or grepable output says of its scan.
#[derive(Debug, PartialEq, Eq)]
struct TextLog {
    args: Vec<String>,
    done: Vec<IpAddr>,
    has_ended: bool,
}

impl TextLog {
    /// Reads it; `None`: it is neither.
    fn read(text: &[u8]) -> Option<TextLog> {
        let text = String::from_utf8_lossy(text);
        let (head, rest) = text.split_once('\n')?;
        let command_line = command_line_of(head)?;
        let mut log = TextLog {
            args: words::split(command_line).into_iter().skip(1).collect(),
            done: Vec::new(),
            has_ended: false,
        };
        let mut partial = None;
        for line in rest.split_inclusive('\n').filter_map(|line| line.strip_suffix('\n')) {
            if let Some(command_line) = command_line_of(line) {
                // Another scan was added to the log.
                log.args = words::split(command_line).into_iter().skip(1).collect();
                (log.done, log.has_ended) = (Vec::new(), false);
            } else if let Some(host) = line.strip_prefix("Nmap scan report for ") {
                log.done.extend(address_of(host));
            } else if let Some(host) = line.strip_prefix("Host: ") {
                let address = host.split(' ').next().and_then(|text| text.parse().ok());
                log.done.extend(address.filter(|_| address != partial && log.done.last() != address.as_ref()));
            } else if line == normal::PARTIAL {
                log.done.pop();
            } else if let Some(address) = line.strip_prefix(grepable::PARTIAL) {
                partial = address.parse().ok();
            }
            log.has_ended |= line.starts_with("# ") && line.contains(" done at ");
        }
        Some(log)
    }

    fn resume(self, log: &Path) -> Result<u8, Failure> {
        if self.has_ended {
            return Err(has_ended(log));
        }
        let mut options = options_of(&self.args, log)?;
        let all = options.output_all.as_ref().map(|base| outputs::with_suffix(base, ".xml"));
        let others = options.output_json.iter().chain(&options.output_xml).chain(&all);
        if let Some(other) = others.into_iter().find(|path| read::events(path).is_ok()) {
            return resume(&other.clone());
        }
        options.append_output = true;
        scan::run(&options, self.args, Resumed { passed: self.done, ..Resumed::default() })
    }
}

/// The command line that the first line of a scan names.
fn command_line_of(head: &str) -> Option<&str> {
    Some(head.strip_prefix("# ")?.split_once(" scan initiated ")?.1.split_once(" as: ")?.1)
}

/// The address of `NAME (IP)` or `IP`, maybe with `[host down]` behind it.
fn address_of(title: &str) -> Option<IpAddr> {
    let title = title.split(" [").next()?;
    let address = title.rsplit(' ').next()?;
    address.trim_matches(['(', ')']).parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_logs_say_what_was_done() {
        let log =
            b"# Nmap 7.93 scan initiated Mon Nov 23 08:19:52 2026 as: nmap -oN a --script \"x and y\" 10.0.0.0/29\n\
            Nmap scan report for a.example (10.0.0.1)\nHost is up.\n\nNmap scan report for 10.0.0.2 [host down]\n\
            Nmap scan report for 10.0.0.3\nHost is up.\nThe scan of this host was stopped before its end.\n\
            Nmap scan report for fe80::1\nNmap scan report for 10.0.0.5";
        let read = TextLog::read(log).unwrap();
        assert_eq!(read.args, ["-oN", "a", "--script", "x and y", "10.0.0.0/29"]);
        assert_eq!(read.done, ["10.0.0.1", "10.0.0.2", "fe80::1"].map(|text| text.parse::<IpAddr>().unwrap()));
        assert!(!read.has_ended);
        let log = b"# Perilune 0.1.0 scan initiated D as: perilune -oG a x\nHost: 10.0.0.1 ()\tStatus: Up\n\
            Host: 10.0.0.1 ()\tPorts: \n# Partial: 10.0.0.2\nHost: 10.0.0.2 (b)\tStatus: Up\n\
            # Perilune done at D -- 1 IP address\n";
        let read = TextLog::read(log).unwrap();
        assert_eq!((read.done, read.has_ended), (vec!["10.0.0.1".parse().unwrap()], true));
        let twice = [log.as_slice(), b"# Nmap 7.93 scan initiated D as: nmap -oG a y\nHost: 10.0.0.9 ()\tStatus: Up\n"]
            .concat();
        let read = TextLog::read(&twice).unwrap();
        assert_eq!((read.args, read.has_ended), (["-oG", "a", "y"].map(String::from).to_vec(), false));
        assert_eq!(read.done, ["10.0.0.9".parse::<IpAddr>().unwrap()]);
        assert_eq!(TextLog::read(b"Starting Nmap\n"), None);
    }
}
