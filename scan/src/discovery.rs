//! Host discovery: which of many addresses answer at all.
//!
//! Without privilege that is a connect scan of a few ports whose first answer, be it a refusal, shows that the host is
//! up. Round-trip times measured here go on into the port scan.

use crate::net::Network;
use crate::port_scan::connect::Connect;
use crate::port_scan::{Method, PortScan, Progress, ScanOptions};
use crate::result::{Host, HostState, Reason};
use crate::timing::Timing;
use std::rc::Rc;

/// Ports asked without privilege.
pub const CONNECT_PORTS: [u16; 2] = [80, 443];

/// Asks `hosts` by connecting to `ports`, and sets their states, reasons and times. `stop` ends it early; hosts that
/// were not decided then count as down.
pub fn connect_ping(
    network: &mut dyn Network,
    hosts: &mut [Host],
    ports: &[u16],
    timing: Timing,
    stop: impl FnMut(&mut PortScan<'_>) -> bool,
) {
    ping(network, &mut Connect::default(), hosts, ports, timing, stop);
}

/// The same with another kind of probe; the port of each host that its answer was about.
pub fn ping(
    network: &mut dyn Network,
    method: &mut dyn Method,
    hosts: &mut [Host],
    ports: &[u16],
    timing: Timing,
    mut stop: impl FnMut(&mut PortScan<'_>) -> bool,
) -> Vec<Option<u16>> {
    let ports: Rc<[u16]> = ports.into();
    let targets = hosts.iter().map(|host| (host.address, Rc::clone(&ports))).collect();
    let mut scan = PortScan::new(method, targets, timing, ScanOptions { first_answer_ends: true, record: false });
    loop {
        let progress = scan.step(network);
        if stop(&mut scan) || progress == Progress::Done {
            break;
        }
    }
    scan.stop(network);
    let answers = scan.answers();
    for (host, (answer, estimate)) in hosts.iter_mut().zip(&answers) {
        let answer = answer.map(|(_, answer)| answer);
        host.state = if answer.is_some_and(|answer| answer.from_host) { HostState::Up } else { HostState::Down };
        (host.reason, host.reason_ttl) = answer.map_or((Reason::NoResponse, 0), |answer| (answer.reason, answer.ttl));
        host.times = estimate.times();
    }
    answers.into_iter().map(|(answer, _)| answer.map(|(port, _)| port)).collect()
}
