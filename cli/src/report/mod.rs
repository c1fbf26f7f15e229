//! What a run found, written for people (`normal`) and for programs (`xml`).
//!
//! Both write host by host, from the plain data of `perilune_scan::result`, and decide nothing but layout.

pub mod clock;
pub mod normal;
mod text;
pub mod xml;

use perilune_scan::result::{Host, Port, PortState, Reason};

/// Ports of one state that are counted instead of listed.
pub struct Ignored<'a> {
    pub state: PortState,
    /// Reasons by falling count.
    pub reasons: Vec<(Reason, Vec<&'a Port>)>,
    pub count: usize,
}

/// Separates the ports to be listed from those that are counted: states other than open with more ports than the limit.
pub fn collapse(host: &Host, verbose: u8, debugging: u8) -> (Vec<&Port>, Vec<Ignored<'_>>) {
    let limit = 25 * (verbose as usize + 1 + 20 * debugging as usize);
    let mut ignored: Vec<Ignored<'_>> = Vec::new();
    let mut states: Vec<PortState> = host.ports.iter().map(|port| port.state).collect();
    states.sort_unstable();
    states.dedup();
    for state in states.into_iter().filter(|&state| state != PortState::Open) {
        let ports: Vec<&Port> = host.ports.iter().filter(|port| port.state == state).collect();
        if ports.len() > limit {
            ignored.push(Ignored { state, count: ports.len(), reasons: by_reason(ports) });
        }
    }
    ignored.sort_by_key(|ignored| std::cmp::Reverse(ignored.count));
    let is_listed = |port: &&Port| !ignored.iter().any(|ignored| ignored.state == port.state);
    (host.ports.iter().filter(is_listed).collect(), ignored)
}

fn by_reason(ports: Vec<&Port>) -> Vec<(Reason, Vec<&Port>)> {
    let mut reasons: Vec<(Reason, Vec<&Port>)> = Vec::new();
    for port in ports {
        match reasons.iter_mut().find(|(reason, _)| *reason == port.reason) {
            Some((_, ports)) => ports.push(port),
            None => reasons.push((port.reason, vec![port])),
        }
    }
    reasons.sort_by_key(|(_, ports)| std::cmp::Reverse(ports.len()));
    reasons
}

/// `1 IP address (1 host up)`.
pub fn counts(total: u64, up: u64) -> String {
    let addresses = if total == 1 { "address" } else { "addresses" };
    let hosts = if up == 1 { "host" } else { "hosts" };
    format!("{total} IP {addresses} ({up} {hosts} up)")
}
