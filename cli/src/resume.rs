//! Going on with a scan that was stopped or killed.
//!
//! Lines of JSON hold everything that happened, so from them nothing is done twice: hosts that were done are reported
//! again from the log, and of a host that was not, the ports that were decided and the services that were recognised
//! are taken over. XML holds whole hosts. The command line is the log's, and all its other outputs are written anew
//! from the log, so that no torn file is left.

use crate::options::{Options, Parsed};
use crate::report::read::{self, Format};
use crate::report::{Decided, Event, json};
use crate::scan::{self, Failure};
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
            Event::Host(host) if finished.insert(host.address) => resumed.done.push(*host),
            Event::End(run) if run.exit == perilune_scan::result::Exit::Success => {
                return Err(Failure(format!(
                    "{} holds a scan that ended: there is nothing to go on with",
                    log.display()
                )));
            }
            _ => {}
        }
    }
    let Some(run) = &resumed.run else { return Err(Failure(format!("{} does not hold a scan", log.display()))) };
    let args = run.args.clone();
    let parsed = Options::parse_args(args.iter().map(OsString::from).collect());
    let Ok(Parsed::Scan(options)) = parsed else {
        return Err(Failure(format!("the command line in {} is wrong", log.display())));
    };
    if format == Format::Json && options.output_json.is_none() {
        return Err(Failure(format!("{} was not written by the scan that it holds", log.display())));
    }
    scan::run(&options, args, resumed)
}
