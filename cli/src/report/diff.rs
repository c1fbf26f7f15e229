//! What changed between two scans: hosts and ports that came, went or are something else now.

use super::text;
use perilune_scan::result::{Host, HostState, Port};
use std::collections::BTreeMap;
use std::fmt::Write as _;

/// Lines of difference, with `-` for what was and `+` for what is; empty when nothing changed.
///
/// States that a scan folded into a count are compared, too; what was not scanned in one of them is not.
pub fn diff(before: &[Host], after: &[Host]) -> String {
    let by_address = |hosts: &[Host]| -> BTreeMap<_, Host> {
        hosts.iter().filter(|host| host.state == HostState::Up).map(|host| (host.address, host.clone())).collect()
    };
    let (before, after) = (by_address(before), by_address(after));
    let mut out = String::new();
    let addresses: std::collections::BTreeSet<_> = before.keys().chain(after.keys()).collect();
    for address in addresses {
        match (before.get(address), after.get(address)) {
            (Some(old), None) => out.push_str(&whole('-', old)),
            (None, Some(new)) => out.push_str(&whole('+', new)),
            (Some(old), Some(new)) => out.push_str(&changed(old, new)),
            (None, None) => {}
        }
    }
    out
}

fn title(host: &Host) -> String {
    match host.name() {
        Some(name) => format!("{} ({})", text::printable(name.as_bytes()), host.address),
        None => host.address.to_string(),
    }
}

fn whole(mark: char, host: &Host) -> String {
    let mut out = format!("{mark}{}: {}\n", title(host), host.state);
    for port in host.ports.iter().filter(|port| port.state.can_be_open()) {
        // Writing to a string cannot fail.
        let _ = writeln!(out, "{mark}  {}", line(port));
    }
    out
}

fn changed(old: &Host, new: &Host) -> String {
    let ports = |host: &Host| -> BTreeMap<_, Port> {
        host.ports.iter().map(|port| ((port.protocol, port.number), port.clone())).collect()
    };
    let (old_ports, new_ports) = (ports(old), ports(new));
    let keys: std::collections::BTreeSet<_> = old_ports.keys().chain(new_ports.keys()).collect();
    let mut lines = String::new();
    for key in keys {
        let (before, after) = (old_ports.get(key), new_ports.get(key));
        let open = |port: Option<&Port>| port.is_some_and(|port| port.state.can_be_open());
        let (before_line, after_line) = (before.map(line), after.map(line));
        let differs = before.is_some() && after.is_some() && before_line != after_line;
        let came_or_went = before.is_none() != after.is_none() && (open(before) || open(after));
        if differs || came_or_went {
            lines.extend(before_line.map(|line| format!("-  {line}\n")));
            lines.extend(after_line.map(|line| format!("+  {line}\n")));
        }
        if let (Some(before), Some(after)) = (before, after) {
            lines.push_str(&scripts(&line(after), &before.scripts, &after.scripts));
        }
    }
    lines.push_str(&scripts("host", &old.scripts, &new.scripts));
    if old.name() != new.name() {
        return format!("-{}\n+{}\n{lines}", title(old), title(new));
    }
    if lines.is_empty() { lines } else { format!(" {}:\n{lines}", title(new)) }
}

fn line(port: &Port) -> String {
    let service = port.service_name().unwrap_or("unknown");
    let version = text::version(port);
    let text =
        format!("{}/{} {} {} {version}", port.number, port.protocol, port.state, text::printable(service.as_bytes()));
    text.trim_end().to_owned()
}

/// Scripts whose output differs.
fn scripts(
    place: &str,
    old: &[perilune_scan::result::ScriptResult],
    new: &[perilune_scan::result::ScriptResult],
) -> String {
    let find = |results: &[perilune_scan::result::ScriptResult], id: &str| {
        results.iter().find(|result| result.id == id).map(|result| text::printable(&result.output))
    };
    let ids: std::collections::BTreeSet<&str> = old.iter().chain(new).map(|result| result.id.as_str()).collect();
    let mut out = String::new();
    for id in ids {
        let (before, after) = (find(old, id), find(new, id));
        if before == after {
            continue;
        }
        let _ = writeln!(out, "   {place}, {id}:");
        for (mark, text) in [('-', before), ('+', after)] {
            for line in text.iter().flat_map(|text| text.trim_matches('\n').lines()) {
                let _ = writeln!(out, "{mark}    {line}");
            }
        }
    }
    out
}
